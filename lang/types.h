/*
 * types.h - static types. Written down in full here because checker, codegen and tools share them.
 *
 * Types are interned where they are structural, so pointer equality is type equality except for records
 * written in place. `optional` is a flag, not a wrapper: T?? is T?.
 */
#ifndef PB_TYPES_H
#define PB_TYPES_H

#include "lang/ast.h"
#include "lang/schema.h"

typedef enum type_kind {
    TYPE_POISON, /* after an error: equal to everything, says nothing */
    TYPE_NONE,   /* of the literal none */
    TYPE_VOID,   /* a call without a result */
    TYPE_BOOL, TYPE_INT, TYPE_FLOAT, TYPE_STRING, TYPE_BYTES, TYPE_DURATION, TYPE_TIME,
    TYPE_IP, TYPE_CIDR, TYPE_ARN, /* strings at run time, checked when made */
    TYPE_JSON,   /* untyped */
    TYPE_SECRET, /* never printed, recorded, interpolated */
    TYPE_LIST, TYPE_MAP,
    TYPE_RECORD, /* .fields */
    TYPE_SHAPE   /* an AWS structure; .shape; fields by member name, or by wire name when .wire */
} type_kind;

typedef struct type_field {
    struct type_field *next;
    pb_str name;
    struct pb_type *type;
} type_field;

typedef struct pb_type {
    type_kind kind;
    bool optional;
    bool wire;             /* SHAPE out of an event: members go by their wire names */
    bool has_secret;       /* is a secret or holds one somewhere */
    struct pb_type *elem;  /* LIST, MAP */
    pb_str name;           /* RECORD: declared name or empty; SHAPE: "aws.ec2.Instance"; STRING of an enum: the shape's */
    type_field *fields;    /* RECORD */
    schema_shape shape;    /* SHAPE; STRING that is an AWS enum or has limits (0: plain) */
    struct pb_type *base;  /* optional types: the same type without ?; else itself */
    struct pb_type *opt;   /* the same type with ?, made on demand */
} pb_type;

/* ---- making types: types.c. Nothing here gives NULL: when memory runs out the answer is poison and the arena says so ---- */

typedef struct type_store type_store;
type_store *type_store_new(pb_arena *a, const pb_schema *schema); /* NULL: out of memory. schema may be NULL */
pb_type *type_simple(type_store *s, type_kind kind);               /* everything without parts */
pb_type *type_list(type_store *s, pb_type *elem);
pb_type *type_map(type_store *s, pb_type *elem);
pb_type *type_record(type_store *s, pb_str name, type_field *fields); /* a new one each time */
pb_type *type_opt(type_store *s, pb_type *t);                      /* T? */
pb_type *type_base(pb_type *t);                                    /* T? without ? */
/* The type of a shape of a service; a structure becomes a SHAPE, a list a LIST and so on down. */
pb_type *type_of_shape(type_store *s, pb_str service, schema_shape shape, bool wire);
/* What a field of a record or a member of a shape holds (optional as declared); NULL: there is none of that name. */
pb_type *type_member(type_store *s, pb_type *t, pb_str name);
/* The i-th field or member, false past the end. *required: it must be given when one is made. */
bool type_member_at(type_store *s, pb_type *t, uint32_t i, pb_str *name, pb_type **type, bool *required);
/* "list[aws.ec2.Tag]?": how messages write a type. */
pb_str type_text(pb_arena *a, const pb_type *t);

/* ---- asking ---- */

/* Why a value of one type cannot stand where another is wanted. */
typedef enum type_fit { FIT_OK, FIT_OTHER, FIT_MAYBE_ABSENT, FIT_JSON, FIT_SECRET, FIT_NEEDS_MAKING /* string to arn, ip, cidr, time */ } type_fit;
type_fit type_fits(type_store *s, pb_type *from, pb_type *to);
bool type_comparable(type_store *s, pb_type *a, pb_type *b); /* with == and != */
pb_type *type_join(type_store *s, pb_type *a, pb_type *b);   /* of list items; NULL: they have nothing in common */
bool type_is_text(const pb_type *t);                         /* string, arn, ip, cidr: a string at run time */
bool type_is_number(const pb_type *t);

enum {
    TYPE_MAX_DEPTH = 24,    /* lists of lists of ... in AWS's models and in messages: the deepest real one has 5 */
    TYPE_FIT_STEPS = 20000  /* pairs of parts compared in one question: types may share parts many times over */
};

#endif
