/*
 * codegen.h - what the files of the code generator share; nobody else includes it.
 *
 *     codegen.c        the program: what is reached, tables (events, parameters, types, sources), functions, playbooks
 *     codegen_reach.c  which declarations and hosts the playbooks reach, and how deep calls go
 *     codegen_stmt.c   statements
 *     codegen_test.c   tests, as functions beside the playbook that they test
 *     codegen_call.c   calls and sites
 *     codegen_expr.c   expressions
 *     codegen_approve.c  approve, wait, authorize, undo
 *
 * Registers work as a stack: parameters first, then variables in the order of their blocks, temporaries above. A
 * block gives its registers back when it ends. No value moves once it has its register.
 */
#ifndef PB_CODEGEN_H
#define PB_CODEGEN_H

#include "lang/ast.h"
#include "lang/compile.h"
#include "lang/image_write.h"
#include "lang/reach.h"
#include "lang/types.h"

enum {
    CG_MAX_ENTRIES = 100,         /* of one map: two registers each, with room for what is around it */
    CG_CHUNK = 60,                /* list items and text parts that are in registers at once */
    CG_MAX_INDEX = 65535,         /* what a 16-bit operand names */
    CG_MAX_SOURCES = 4095,        /* 12 bits of a LINES word */
    CG_TITLE_MAX = 120,           /* bytes of source text kept for people */
    CG_VERIFY_MS = 30000,         /* limit of a verify without `within` */
    CG_WITHIN_MS = 3600000        /* of an approve without `within` */
};

/* A host that is reached, for the manifest. */
typedef struct cg_host {
    struct cg_host *next;
    pb_str name;
    pb_effect effect;
} cg_host;

/* A function or action that is reached, the undo of one, a guard: what becomes a function of the image. */
typedef enum cg_part { PART_WHOLE, PART_UNDO, PART_GUARD } cg_part;
typedef struct cg_node {
    ast_decl *decl;
    cg_part part;
    struct cg_edge *calls;
    uint32_t height;          /* calls below it, itself included; 0: not known yet */
} cg_node;

typedef struct cg_edge {
    struct cg_edge *next;
    cg_node *to;
    pb_span span;
} cg_edge;

typedef struct cg {
    iw *w;
    ast_program *program;
    diag_list *diags;
    pb_arena *arena;
    /* reached */
    void **nodes, **events, **params; /* cg_node, ast_decl, ast_decl: in order of discovery, as in the image */
    uint32_t nnodes, nevents, nparams, nodes_cap, events_cap, params_cap;
    cg_host *hosts;
    uint32_t nhosts;
    reach_use *aws, **aws_end;       /* the calls behind the aws.* hosts, as they were found */
    pb_str only;                      /* walk from this playbook alone; .s NULL: from all */
    uint32_t playbooks;               /* walked */
    const ast_decl *tested;           /* make this playbook alone, and its tests; NULL: all playbooks, no test */
    const ast_decl *site;             /* of those tests; NULL: they have none of their own */
    /* tables */
    uint32_t *source_of;           /* by file index: index in SOURCES + 1, 0: not used yet */
    uint32_t nsources;
    struct cg_type *types;         /* those made already */
    uint32_t type_depth;
    struct cg_param *made_params;
    uint32_t nsites;
    /* the open function */
    uint8_t *reg;                  /* by local id */
    uint32_t nreg;
    const ast_local *reserved;     /* variable of the parallel branch being made: has its register already */
    uint32_t top, max;             /* next free register, most ever used */
    uint32_t tries;                /* TRYs open here */
    uint32_t entered;              /* ENTERs open here */
    uint32_t branches;             /* parallel branches that we are in */
    const ast_decl *undoable;      /* the action being made, until its values for the undo are kept; NULL: none */
    bool undo_on_failure;          /* `on failure undo` covers what is being made */
    bool fixed_place;              /* a default is being made: it counts as written where the call is */
    pb_span span;                  /* of the function, for messages about all of it */
    pb_str name;
    bool overflow;                 /* a limit was hit in this function: one message is enough */
    bool failed;                   /* an error was added or memory ran out */
} cg;

/* ---- codegen.c ---- */
/* A limit's message; only the first one of a function is given. */
void cg_limit(cg *g, diag_code code, pb_span span, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
uint32_t cg_source(cg *g, uint32_t file);               /* index in SOURCES, added on first use */
uint32_t cg_line(cg *g, pb_span span);
void cg_place(cg *g, pb_span span);                     /* of the instructions that follow */
uint32_t cg_image_type(cg *g, const pb_type *t);        /* index in TYPES */
pb_str cg_source_text(cg *g, pb_span span, uint32_t max); /* as written, white space folded, shortened to max bytes */
pb_str cg_path_text(cg *g, const ast_path *p);          /* "ns.name" */

uint32_t cg_body(cg *g, const ast_decl *d, pb_str name, const ast_stmt *first); /* a test's; its function */

/* ---- codegen_test.c ---- */
void cg_tests(cg *g); /* those of g->tested; fills their index */
bool cg_is_tested(const cg *g, const ast_decl *test);
bool cg_for_tests(const cg *g, const ast_decl *d); /* it stands in a file of tests: not deployed */

/* ---- codegen_reach.c ---- */
void cg_forget(ast_program *p); /* the tree may have been through here before */
const ast_decl *cg_site(const cg *g); /* the site whose settings are made; NULL: none */
void cg_reach(cg *g); /* fills nodes, hosts, events, params and the declarations' reachable and index */

/* ---- emitting, codegen_expr.c ---- */
uint32_t cg_emit(cg *g, opcode op, uint32_t a, uint32_t b, uint32_t c);   /* FORMAT_ABC */
uint32_t cg_emit_x(cg *g, opcode op, uint32_t a, uint32_t bx);            /* FORMAT_ABx */
uint32_t cg_jump(cg *g, opcode op, uint32_t a);                           /* a jump to be aimed later; its pc */
void cg_aim(cg *g, uint32_t jump, uint32_t target);
void cg_here(cg *g, uint32_t jump);                                       /* cg_aim at the next instruction */
uint32_t cg_alloc(cg *g, uint32_t n, pb_span span);                       /* n registers; the first */
void cg_bind(cg *g, const ast_local *l, uint32_t reg);
uint32_t cg_reg(const cg *g, const ast_local *l);
uint32_t cg_const(cg *g, enum image_const kind, uint64_t value, pb_span span);
uint32_t cg_const_text(cg *g, pb_str s, pb_span span);
void cg_load_text(cg *g, uint32_t reg, pb_str s, pb_span span);
void cg_load_int(cg *g, uint32_t reg, int64_t i, pb_span span);

/* ---- expressions ---- */
void cg_expr(cg *g, const ast_expr *e, uint32_t dst);     /* the value into dst; dst is no variable that e reads */
uint32_t cg_operand(cg *g, const ast_expr *e, uint32_t hint); /* a register with the value: a variable's own, or hint */
uint32_t cg_value(cg *g, const ast_expr *e);              /* a variable's register or a new temporary */
/* A comparison (== != < <= > >= in like matches): of registers already loaded. */
void cg_compare(cg *g, const ast_expr *e, uint32_t dst, uint32_t left, uint32_t right);
bool cg_is_comparison(const ast_expr *e);
void cg_map(cg *g, const ast_arg *entries, uint32_t dst, pb_span span);

/* What a loop over a list needs: three registers and two places. */
typedef struct cg_loop {
    uint32_t base, body, enter;
} cg_loop;
cg_loop cg_loop_begin(cg *g, const ast_expr *list, const ast_local *item); /* the body follows */
void cg_loop_next(cg *g, const cg_loop *l);                                /* the body ends */

/* ---- codegen_call.c ---- */
typedef struct cg_step { /* what a do statement says about its call */
    pb_str alias;
    uint32_t timeout_ms, retry;
    bool is_do;
} cg_step;
void cg_call(cg *g, const ast_expr *e, const cg_step *step, uint32_t dst);
/* The site of a host that a statement calls by itself; span: what people are shown as the call. */
uint32_t cg_host_site(cg *g, pb_str host, pb_span span);

/* ---- codegen_approve.c ---- */
void cg_approve(cg *g, const ast_stmt *s);
void cg_limit_ask(cg *g, pb_span span);
void cg_wait_for(cg *g, const ast_stmt *s);
void cg_authorize(cg *g, const ast_stmt *s);
void cg_capture(cg *g, const ast_decl *action);
void cg_undo_all(cg *g, pb_span span);

/* ---- codegen_stmt.c ---- */
void cg_block(cg *g, const ast_stmt *first); /* gives its registers back at the end */
void cg_wheres(cg *g, const ast_stmt *first, const ast_stmt *end); /* where statements only */

#endif
