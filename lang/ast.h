/*
 * ast.h - the tree: what the parser builds, the checker annotates, and codegen and the formatter read.
 *
 * Nodes live in the compile's arena. The first part of each struct is written by the parser and never
 * changed; the part marked "checker" is empty until lang/check.c has filled it, and codegen reads only a
 * tree that was checked without an error. Lists are singly linked in source order.
 *
 * Comments are kept beside the tree (ast_file.comments, in order of place), so that a formatter can put
 * them back; every node has the span of its whole text.
 */
#ifndef PB_AST_H
#define PB_AST_H

#include "lang/diag.h"

typedef struct ast_type ast_type;
typedef struct ast_expr ast_expr;
typedef struct ast_stmt ast_stmt;
typedef struct ast_decl ast_decl;
struct pb_type;   /* types.h */
struct ast_local; /* below */

typedef struct ast_name { /* a name with its place */
    pb_str text;
    pb_span span;
} ast_name;

typedef struct ast_path { /* ns.name, aws.ec2.Instance, "a" alone has n = 1 */
    ast_name *parts;
    uint32_t n;
    pb_span span;
} ast_path;

/* ---- types as written ---- */
struct ast_type {
    pb_span span;
    enum { AST_TYPE_NAME, AST_TYPE_LIST, AST_TYPE_MAP, AST_TYPE_RECORD } kind;
    ast_path name;      /* TYPE_NAME: string, Instance, aws.ec2.Instance */
    ast_type *elem;     /* list[T], map[T] */
    struct ast_field *fields; /* TYPE_RECORD: { a: T  b: T? } written in place */
    bool optional;      /* T? */
    uint16_t depth;     /* height of the tree below, at most PARSE_MAX_DEPTH: bounds every recursion over it */
};

typedef struct ast_field { /* a field of a record type, or a parameter of a fn/action */
    struct ast_field *next;
    ast_name name;
    ast_type *type;
    ast_expr *init;     /* parameter default; NULL: required */
    /* checker */
    struct pb_type *ty;
    struct ast_local *local; /* for parameters */
} ast_field;

/* ---- expressions ---- */
typedef enum ast_expr_kind {
    EXPR_NONE,     /* none */
    EXPR_BOOL,     /* .u.boolean */
    EXPR_INT,      /* .u.integer; sizes (5TB) are ints of bytes */
    EXPR_FLOAT,    /* .u.number */
    EXPR_DURATION, /* .u.integer, in milliseconds */
    EXPR_STRING,   /* .u.string: escapes and dedenting done */
    EXPR_INTERP,   /* .u.list: parts in order, EXPR_STRING for the literal text between ${ } */
    EXPR_NAME,     /* .u.name */
    EXPR_FIELD,    /* .u.field: a.b or a?.b */
    EXPR_INDEX,    /* .u.binary: a[b] */
    EXPR_CALL,     /* .u.call: callee is NAME or a FIELD chain */
    EXPR_LIST,     /* .u.list */
    EXPR_MAP,      /* .u.map: { Key: v, "other key": v } a record or a map, by what is expected */
    EXPR_NOT, EXPR_NEG, EXPR_EXISTS, /* .u.unary */
    EXPR_BINARY,   /* .u.binary with .op */
    EXPR_COMP,     /* .u.comp: [value for var in list if cond] */
    EXPR_ANY, EXPR_ALL, /* .u.comp: any(var in list: value) */
    EXPR_AS        /* .u.as: value as T */
} ast_expr_kind;

typedef enum ast_op {
    OP_OR, OP_AND, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_LIKE, OP_MATCHES,
    OP_COALESCE, OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD
} ast_op;

typedef struct ast_arg { /* call argument, list item or map entry */
    struct ast_arg *next;
    ast_name name;      /* argument name or map key; .text.s == NULL when positional */
    ast_expr *value;
} ast_arg;

/* What a call turned out to be. */
typedef enum ast_call_kind {
    CALL_UNRESOLVED,
    CALL_FN,      /* .decl: DECL_FN */
    CALL_ACTION,  /* .decl: DECL_ACTION with a body */
    CALL_HOST,    /* .decl: DECL_ACTION declared extern: a C host of the same name */
    CALL_AWS,     /* .aws: an operation; args go as one map keyed by member name */
    CALL_BUILTIN  /* .builtin: row of builtins.def; a method's receiver is resolved[0] */
} ast_call_kind;

/* What a bare name turned out to be. */
typedef enum ast_name_kind { NAME_UNRESOLVED, NAME_LOCAL, NAME_PARAM /* deployment param */, NAME_RUN } ast_name_kind;

struct ast_expr {
    pb_span span;
    ast_expr_kind kind;
    ast_op op;          /* EXPR_BINARY */
    bool paren;         /* written in ( ); the span is without them */
    uint16_t depth;     /* height of the tree below, at most PARSE_MAX_DEPTH */
    union {
        bool boolean;
        int64_t integer;
        double number;
        pb_str string;
        ast_name name;
        struct { ast_expr *of; ast_name name; bool safe; } field;
        struct { ast_expr *left, *right; } binary;
        ast_expr *unary;
        ast_arg *list;  /* EXPR_LIST, EXPR_INTERP */
        ast_arg *map;
        struct {
            ast_expr *callee;
            ast_arg *args;
            /* checker: */
            ast_call_kind kind;
            ast_decl *decl;
            uint32_t builtin;     /* CALL_BUILTIN: index into the table */
            pb_str aws;           /* CALL_AWS: "ec2.DescribeInstances" */
            pb_str waiter;        /* CALL_AWS in `wait until`: "ec2.wait.InstanceStopped", what is called; aws is what it asks */
            pb_effect effect;     /* CALL_HOST, CALL_AWS, CALL_ACTION */
            ast_expr **resolved;  /* one per parameter in declared order, defaults filled in; NULL: absent.
                                     CALL_AWS: NULL, use args (each has a name) */
            uint32_t nresolved;
        } call;
        struct {
            ast_name var;
            ast_expr *list, *value, *cond; /* cond may be NULL */
            struct ast_local *local;       /* checker */
        } comp;
        struct { ast_expr *value; ast_type *type; } as;
    } u;
    /* checker */
    struct pb_type *type;    /* never NULL after checking */
    ast_name_kind name_kind; /* EXPR_NAME */
    struct ast_local *local; /* EXPR_NAME, NAME_LOCAL */
    ast_decl *param;         /* EXPR_NAME, NAME_PARAM */
    /* EXPR_FIELD on a wire-named shape or a record: the key to look up at run time is field.name.text */
};

/* A local variable: a let, a parameter, a loop variable, an `as` name, `error`, the event. */
typedef struct ast_local {
    ast_name name;
    struct pb_type *type;
    uint32_t id;    /* unique within its function, from 0; codegen maps it to a register */
    uint32_t uses;
    const struct ast_expr *bound; /* what a let, or the `as` of a do that only reads, was given; NULL: another kind of value */
    const struct ast_expr *each;  /* the list that a `for` goes over; NULL: not its variable */
    const struct ast_expr *init; /* analyses: the pure expression that a let gave it; NULL: another kind of value */
    bool is_event;               /* analyses: a playbook's event */
} ast_local;

/* What an approval is bound to: a value that its block or question uses, or the read that gave one of them. */
typedef struct ast_capture {
    struct ast_capture *next;
    pb_str name;          /* as written: "i", "f.resource.instanceDetails.instanceId" */
    const ast_expr *expr; /* evaluated when it is asked for; a read once more when it is granted */
} ast_capture;

/* ---- statements ---- */
typedef enum ast_stmt_kind {
    STMT_LET,      /* let name = expr */
    STMT_WHERE,    /* where cond */
    STMT_DO,       /* do call [as x] [timeout d] [retry n] [else { }] */
    STMT_IF,       /* if cond { } else { } */
    STMT_FOR,      /* for var in list { } */
    STMT_PARALLEL, /* parallel { each statement is a branch } */
    STMT_RECORD,   /* record { map } */
    STMT_STOP,     /* stop "reason" */
    STMT_FAIL,     /* fail "message" [code "Code"]: raises an error */
    STMT_RETURN,   /* return expr, in an action */
    STMT_VERIFY,   /* verify cond [within d] else "message": read back until true */
    STMT_ON_FAILURE, /* on failure { } or on failure undo; covers the statements after it, to the end of the playbook */
    STMT_APPROVE, /* approve "question" via .. by .. quorum .. within .. escalate .. { } denied { } expired { } */
    STMT_WAIT,    /* wait duration, or wait until a waiter's call */
    STMT_AUTHORIZE, /* authorize "name" because expr */
    STMT_IN_ACCOUNT /* in account A region R { } */
} ast_stmt_kind;

struct ast_stmt {
    struct ast_stmt *next;
    pb_span span;
    ast_stmt_kind kind;
    ast_name name;       /* LET, DO's `as` (.text.s NULL: none), FOR's variable, APPROVE's channel, AUTHORIZE's name */
    ast_type *type;      /* LET with a written type, else NULL */
    ast_expr *expr;      /* LET, WHERE, DO (an EXPR_CALL), IF, FOR, RECORD (an EXPR_MAP), STOP, FAIL, RETURN, VERIFY,
                            APPROVE (the question), WAIT, AUTHORIZE (because), IN_ACCOUNT (account) */
    ast_expr *expr2;     /* FAIL's code, VERIFY's message, IN_ACCOUNT's region; NULL: absent */
    ast_expr *timeout;   /* DO timeout, VERIFY within, APPROVE within */
    ast_expr *retry;     /* DO retry; APPROVE quorum */
    ast_stmt *body;      /* IF, FOR, PARALLEL, ON_FAILURE, APPROVE, IN_ACCOUNT */
    ast_stmt *other;     /* IF's and DO's else, APPROVE's denied */
    ast_stmt *third;     /* APPROVE's expired */
    bool has_else;       /* else { } was written, even if empty */
    bool has_denied, has_expired; /* APPROVE: the same of denied { } and expired { } */
    bool undo;           /* ON_FAILURE undo */
    bool until;          /* WAIT until a waiter's call, `for` at most timeout */
    uint16_t depth;      /* height of the tree below, expressions included, at most PARSE_MAX_DEPTH */
    ast_arg *clauses;    /* APPROVE via/by/escalate: `by group "x"` is the name `by` with the value group("x"),
                            `escalate to group "x" after 10m` has group("x", after: 10m) */
    /* checker */
    ast_local *local;    /* LET, DO's `as`, FOR; in DO-else and ON_FAILURE: see error_local */
    uint32_t wait_ms;    /* WAIT until: at most that long */
    ast_local *error_local; /* the `error` visible in else { } and on failure { } */
    ast_capture *values, *state; /* APPROVE: what its block uses, and the reads behind that */
};

/* ---- declarations ---- */
typedef enum ast_decl_kind {
    DECL_IMPORT, DECL_PARAM, DECL_TYPE, DECL_EVENT, DECL_FN, DECL_ACTION, DECL_PLAYBOOK,
    DECL_GUARD, DECL_TEST, DECL_SITE
} ast_decl_kind;

/* A header field of a playbook, a clause of an event, guard or test: `name value [within value]`. Order is kept. */
typedef struct ast_clause {
    struct ast_clause *next;
    ast_name name;       /* version summary owner tier controls dedupe limit concurrency timeout | source detail_type schema resources */
    ast_expr *value;     /* a bare word (tier auto) is an EXPR_NAME */
    ast_expr *value2;    /* within ..., per ..., times ...; a site entry's { } */
    ast_type *type;      /* event: schema T */
    ast_name word;       /* limit's else WORD; a test's second word: given EVENT, expect DENIED, NO, DO; guard: on ... as WORD */
    ast_arg *entries;    /* test: given event ... with { dotted.path: value } */
    ast_stmt *body;      /* test: given { } */
    pb_span span;
} ast_clause;

struct ast_decl {
    struct ast_decl *next;
    pb_span span;
    ast_decl_kind kind;
    ast_path name;        /* import: empty; others: the declared name, ns.name for actions and events */
    pb_str string;        /* IMPORT: the path as written; TEST: its title (.name is the playbook's name) */
    pb_span string_span;
    ast_type *type;       /* PARAM, FN and ACTION result (NULL: none), TYPE (an AST_TYPE_RECORD) */
    ast_expr *expr;       /* PARAM default (NULL: must be set), FN body */
    ast_field *params;    /* FN, ACTION */
    pb_effect effect;     /* ACTION as declared */
    pb_span effect_span;
    ast_name target;      /* ACTION `on x`: a parameter's name; .text.s NULL: not written */
    bool is_extern;       /* extern action: implemented by a C host; built-in sources only */
    ast_stmt *body;       /* ACTION, PLAYBOOK (after when), GUARD, TEST */
    ast_stmt *undo;       /* ACTION undo { }, NULL: none */
    bool has_undo;
    pb_str undo_none;     /* ACTION undo none "why": .s NULL: not written */
    ast_clause *clauses;  /* PLAYBOOK header, EVENT, GUARD, TEST, SITE */
    ast_path event;       /* PLAYBOOK when X */
    ast_name event_as;    /* PLAYBOOK when X as f */
    pb_str doc;           /* the comment block right above, without # */
    /* checker */
    struct pb_type *ty;     /* TYPE, PARAM, EVENT (the payload's type), FN/ACTION result */
    ast_decl *event_decl;   /* PLAYBOOK */
    ast_local *event_local; /* PLAYBOOK; GUARD: the act */
    const ast_stmt *capture_at; /* ACTION with undo: the first statement that does more than read */
    ast_local **captured;   /* ... and the locals from before it that the undo uses */
    uint32_t ncaptured;
    pb_effect undo_effect;
    uint32_t undo_index;    /* codegen: the undo's function */
    ast_decl *playbook;     /* TEST: what it tests; its body is made by the checker, out of the clauses */
    uint32_t nlocals;       /* FN, ACTION, PLAYBOOK: ids run from 0 to nlocals-1 */
    pb_effect inferred;     /* ACTION, PLAYBOOK: what the body can do */
    bool reachable;         /* codegen: used by some playbook */
    uint32_t index;         /* IMPORT, parser: index in the source set of the file it names. Others, codegen: function, param
                               or event index in the image */
    uint32_t file;
};

typedef struct ast_comment {
    pb_span span;
    pb_str text;  /* from # to the end of the line */
    bool own_line;
} ast_comment;

typedef struct ast_import {
    struct ast_import *next;
    ast_decl *decl;          /* where it is written */
    struct ast_file *target; /* NULL: could not be read; a message says so */
} ast_import;

typedef struct ast_file {
    struct ast_file *next;
    uint32_t file;         /* index in the source set */
    ast_decl *decls;
    ast_comment *comments;
    uint32_t ncomments;
    ast_import *imports;   /* the files whose declarations this one sees, besides its own and the built-in ones */
} ast_file;

/* A whole program: built-in files first, then the user's, imports resolved. */
typedef struct ast_program {
    pb_arena *arena;
    struct source_set *sources;
    ast_file *files;
} ast_program;

#endif
