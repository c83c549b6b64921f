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
    struct pb_type *elem;  /* LIST, MAP */
    pb_str name;           /* RECORD: declared name or empty; SHAPE: "aws.ec2.Instance"; STRING of an enum: the shape's */
    type_field *fields;    /* RECORD */
    schema_shape shape;    /* SHAPE; STRING that is an AWS enum or has limits (0: plain) */
    struct pb_type *base;  /* optional types: the same type without ?; else itself */
    struct pb_type *opt;   /* the same type with ?, made on demand */
} pb_type;

#endif
