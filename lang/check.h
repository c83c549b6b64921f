/*
 * check.h - what the checker's files share; nobody else includes it.
 *
 *   check.c         the order of things, and the helpers below
 *   resolve.c       which declaration a name means in which file
 *   check_decl.c    declarations: types, signatures, parameters, bodies
 *   check_event.c   events, and the headers of playbooks
 *   check_site.c    accounts: the site block, `in account`
 *   check_approve.c approve, wait, authorize
 *   check_guard.c   guards, and the undo of actions
 *   check_stmt.c    statements, scopes, ways through a block
 *   check_expr.c    expressions
 *   check_op.c      operators: comparisons, arithmetic, constants
 *   check_test.c    test blocks
 *   check_call.c    calls: functions, actions, AWS operations, built-ins
 *   check_builtin.c the built-in functions and methods of builtins.def
 *   check_value.c   literals held against the type that is wanted, and AWS's limits
 *   check_const.c   constants: is it one, is it an address, is it a regular expression
 *   narrow.c        which optional paths are known to exist
 *   effects.c       what a body can do, and whether it may; circles of calls
 *
 * One checker a compile. Memory comes from the program's arena; where it runs out, functions go on with poison and
 * check_program says no at the end.
 */
#ifndef PB_CHECK_H
#define PB_CHECK_H

#include "lang/compile.h"
#include "lang/text.h"
#include "lang/types.h"

enum {
    CHECK_MAX_DEPTH = 1000,        /* as LIMIT_NESTING says: expressions in expressions, else-ifs after one another */
    NARROW_MAX_PARTS = 16,         /* fields in a path that can be narrowed; the longest real one has 8 */
    RETRY_MAX = 10,                /* with backoff that is already minutes */
    STEP_TIMEOUT_MAX = 3600 * 1000,    /* ms */
    WAIT_LIMIT_MIN = 1000,             /* ms */
    WAIT_LIMIT_MAX = 24 * 3600 * 1000, /* ms; AWS's own waiters go up to hours */
    APPROVE_WITHIN = 3600 * 1000       /* ms; of an approve that does not say it */
};

/* ---- names (resolve.c) ---- */

/* What lives in different namespaces may have the same name: an event and an action, a playbook and a type. */
typedef enum name_class {
    NAMES_VALUE /* param, fn, action */,
    NAMES_TYPE,
    NAMES_EVENT,
    NAMES_PLAYBOOK,
    NAMES_GUARD,
    NAMES_NONE
} name_class;

typedef struct call_edge {
    struct call_edge *next;
    struct decl_info *to;
    pb_span span;
} call_edge;

/* A declaration and what checking knows about it. */
typedef struct decl_info {
    struct decl_info *next; /* of the same file, in source order */
    ast_decl *decl;
    pb_str name; /* dotted: "ec2.isolate" */
    name_class cls;
    struct file_env *file;
    enum { DECL_NEW, DECL_BUSY, DECL_DONE } state; /* types and signatures: while being resolved, BUSY */
    call_edge *calls;                              /* fn, action: what the body calls */
    call_edge *walk;                               /* circle search: the next edge to follow */
    struct decl_info *under;                       /* circle search: who was followed to here */
    enum { WALK_NEW, WALK_OPEN, WALK_CLOSED } walked;
} decl_info;

typedef struct name_slot {
    struct name_slot *next;
    decl_info *info;
} name_slot;

typedef struct name_table {
    name_slot **buckets;
    uint32_t mask;
} name_table;

typedef struct file_env {
    ast_file *ast;
    bool builtin;
    bool testing; /* the testing library, or a file of tests: what is for tests only is visible */
    decl_info *decls, *last;
    uint32_t count;
    name_table names; /* its own declarations and those of the files it imports */
} file_env;

/* ---- narrowing (narrow.c) ---- */

typedef struct narrow_path {
    const ast_local *root;
    uint32_t n;
    pb_str parts[NARROW_MAX_PARTS];
} narrow_path;

typedef struct narrow_fact { /* "this path is not none"; newest first */
    struct narrow_fact *next;
    narrow_path path;
} narrow_fact;

/* ---- one body ---- */

typedef struct scope_entry { /* newest first */
    struct scope_entry *next;
    ast_local *local;
    bool is_let;
} scope_entry;

typedef struct unknown_name { /* said once a body: one wrong `let` would give a message at every use */
    struct unknown_name *next;
    pb_str name;
} unknown_name;

typedef enum body_kind { BODY_CONSTANT, BODY_FN, BODY_ACTION, BODY_UNDO, BODY_GUARD, BODY_PLAYBOOK, BODY_TEST } body_kind;

typedef struct body { /* what is being checked now */
    body_kind kind;
    decl_info *info;
    file_env *file;
    scope_entry *scope;
    narrow_fact *facts;
    unknown_name *unknown;
    uint32_t nlocals;
    pb_effect allowed;        /* in expressions: pure or read */
    const char *pure_because; /* "the body of a fn": why only pure is allowed */
    const ast_stmt *parallel; /* the innermost block whose branch this is */
    pb_effect effect;         /* the highest so far ... */
    pb_str effect_of;         /* ... whose it is ... */
    pb_span effect_span;      /* ... and where */
    unsigned depth;
    size_t errors; /* there were when the body began */
    bool too_deep; /* said so already */
    bool has_record, has_on_failure, has_on_failure_undo;
    bool acts; /* changes something by itself, not only through actions, which have undos of their own */
    bool granted, authorized; /* here: inside of a granted approve; behind an authorize */
    scope_entry *undo_scope;  /* action: what is named in front of decl->capture_at ... */
    narrow_fact *undo_facts;  /* ... and known there */
    scope_entry *later;       /* undo: all names of the action */
    unsigned blocks; /* how many blocks this is inside of */
} body;

typedef struct checker {
    ast_program *program;
    pb_arena *arena;
    const pb_schema *schema;
    diag_list *diags;
    type_store *types;
    file_env *files; /* in the order of program->files */
    uint32_t nfiles;
    name_table builtins;   /* the standard library's */
    name_table playbooks;  /* of all files; guards too */
    pb_type *poison, *any; /* any: of built-ins' parameters only, compared by address */
    pb_type *run, *error;  /* records */
    pb_type *undone;       /* what an undo may return */
    ast_local scratch;     /* stands in for a local when memory has run out */
    body *b;
} checker;

/* ---- check.c: small things ---- */

/* The text of a place in the source if it is short and on one line, else `otherwise`. */
pb_str check_source(checker *c, pb_span span, const char *otherwise);
void check_hint(checker *c, diag *d, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void check_also(diag *d, pb_span span, const char *message);
pb_str check_path_text(checker *c, const ast_path *p);
pb_type *check_simple(checker *c, type_kind kind);
pb_str check_type_text(checker *c, const pb_type *t);

/* "Did you mean": offer every candidate, then ask. Letter case apart is nearest. */
typedef struct nearest {
    pb_str want, best;
    unsigned distance, cap;
    bool tie; /* another candidate is as near */
} nearest;
nearest nearest_to(pb_str want);
void nearest_offer(nearest *n, pb_str candidate);
void nearest_hint(checker *c, diag *d, const nearest *n); /* sets the hint when something near was offered */

/* ---- resolve.c ---- */
bool resolve_all(checker *c); /* false: out of memory */
decl_info *resolve_name(checker *c, const file_env *f, name_class cls, pb_str name);
void resolve_offer(checker *c, const file_env *f, name_class cls, nearest *n);
void resolve_offer_playbooks(checker *c, nearest *n);
bool resolve_is_namespace(checker *c, const file_env *f, pb_str first); /* some visible name begins with "first." */
bool resolve_is_builtin(pb_str name);                                   /* a plain built-in function */

/* ---- check_decl.c ---- */
void check_declare(checker *c, decl_info *d); /* types, signatures, events: before any body */
void check_body(checker *c, decl_info *d);
pb_type *check_type(checker *c, file_env *f, ast_type *t);
pb_type *check_schema_type(checker *c, file_env *f, ast_type *t); /* of an event: members by their wire names */
void check_event(checker *c, decl_info *d);                       /* check_event.c */
void check_playbook_header(checker *c, decl_info *d);             /* check_event.c */
void check_dedupe(checker *c, ast_decl *playbook);                /* check_event.c; the event has its name */
void body_begin(checker *c, body *b, body_kind kind, decl_info *d);

/* ---- check_site.c ---- */
void check_site(checker *c, decl_info *d);
bool check_in_account(checker *c, ast_stmt *s); /* true: never gets past its end */

/* Is this group or person (kind: `group`, `person`) in the program's site? Says so when the site knows others. */
void site_check_person(checker *c, pb_str kind, const ast_expr *name);
/* How many people that are; false: it cannot be known here. */
bool site_people(checker *c, pb_str kind, const ast_expr *name, uint32_t *n);

/* ---- check_approve.c ---- */
bool check_approve(checker *c, ast_stmt *s); /* true: never gets past its end */
void check_wait(checker *c, ast_stmt *s);
void check_authorize(checker *c, ast_stmt *s);

/* ---- check_guard.c ---- */
void check_guard(checker *c, decl_info *d);
void check_undo(checker *c, decl_info *d, body *b);
void check_undo_missing(checker *c, decl_info *d);
/* In an undo: is it a name that comes too late? Then that is said. */
bool undo_says_later(checker *c, const ast_name *name);

/* ---- check_test.c ---- */
void check_test(checker *c, decl_info *d); /* after all other bodies */

/* ---- check_stmt.c ---- */
ast_local *scope_add(checker *c, ast_name name, pb_type *type,
                     bool is_let); /* says when the name is taken; never NULL */
ast_local *scope_bind(checker *c, ast_name name, pb_type *type); /* whatever is visible already; never NULL */
ast_local *scope_find(const checker *c, pb_str name);
bool check_block(checker *c, ast_stmt *s); /* in a scope of its own; true: never gets past its end */
bool check_statements(checker *c, ast_stmt *s);
void scope_close(checker *c, scope_entry *until); /* forgets newer names, reports unused lets */

/* ---- check_expr.c ---- */
/* The type of an expression, also left in e->type. want: what the place takes, for literals; may be NULL. */
pb_type *check_expr(checker *c, ast_expr *e, pb_type *want);
pb_type *check_settled(checker *c, ast_expr *e, pb_type *want, const char *what); /* and not optional, not void */
bool check_condition(checker *c, ast_expr *e, const char *what);
pb_type *check_item_type(checker *c, ast_expr *list); /* of the list that a `for` goes over */
void say_maybe_absent(checker *c, const ast_expr *e, const char *needs);

/* ---- check_op.c ---- */
pb_type *check_binary(checker *c, ast_expr *e, pb_type *want);
pb_type *check_negative(checker *c, ast_expr *e);
bool constant_int(const ast_expr *e, int64_t *v); /* literals and arithmetic on them */

/* ---- check_value.c ---- */
/* An expression where a value of type `want` is needed; `what` names the place ("`user`"). Says what does not fit. */
pb_type *check_value(checker *c, ast_expr *e, pb_type *want, pb_str what);
pb_type *check_map(checker *c, ast_expr *e, pb_type *want);
pb_type *check_list(checker *c, ast_expr *e, pb_type *want);
void check_limits(checker *c, const ast_expr *e, const pb_type *want, pb_str what);
bool check_is_enum_value(checker *c, const pb_type *t, pb_str text, nearest *n); /* true when t is no enumeration */

/* ---- check_const.c ---- */
bool check_constant(checker *c, const ast_expr *e, const char *what); /* literals only; says so when not */
bool text_is_version(pb_str s);
bool regex_valid(pb_str pattern, char *why, size_t why_size);
bool regex_refuses(pb_str pattern, pb_str text); /* certainly no match */

/* ---- check_call.c ---- */
pb_type *check_call(checker *c, ast_expr *e, bool is_do);
/* An AWS operation that is only spoken of: `aws.ec2.X`, or a call with some of its arguments. False: said what is wrong. */
bool check_mentioned(checker *c, ast_expr *e);
/* The call of `wait until`; the waiter's own limit in ms, 0 when something is wrong. */
int64_t check_waiter(checker *c, ast_expr *e);
pb_type *check_builtin(checker *c, ast_expr *e, ast_expr *receiver, pb_type *of, ast_name name); /* check_builtin.c */
bool check_is_method(pb_str name); /* some type has a built-in method of that name */

/* ---- narrow.c ---- */
bool narrow_path_of(const ast_expr *e, narrow_path *out);
bool narrow_knows(const narrow_fact *facts, const narrow_path *p);
/* The facts that hold, besides `facts`, when the condition was true / false. */
narrow_fact *narrow_when(checker *c, narrow_fact *facts, const ast_expr *cond, bool truth);

/* ---- effects.c ---- */
/* A call with this effect stands here: may it? Notes it for the body. */
void effect_call(checker *c, pb_span span, pb_str what, pb_effect effect, bool is_action, bool is_do);
/* What a part of a body does, by itself: begin, look at the part, b->effect is its own; end makes it the whole's again. */
typedef struct effect_mark {
    pb_effect effect;
    pb_str of;
    pb_span span;
} effect_mark;
effect_mark effect_begin(body *b);
void effect_end(body *b, effect_mark m);
void effect_edge(checker *c, decl_info *to, pb_span span);
void effect_action_done(checker *c, decl_info *d);
void effect_circles(checker *c);

#endif
