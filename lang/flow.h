/*
 * flow.h - what a playbook does as a picture: the flow tree that `pbc graph` and `pbc doc` draw.
 *
 * A flow is a sequence of nodes; a node may have branches, each a sequence with a label, which come together again
 * behind it unless they end the run. Statements that touch nothing (a `let` that only computes) are left out.
 */
#ifndef PB_FLOW_H
#define PB_FLOW_H

#include "lang/ast.h"

typedef enum flow_kind {
    FLOW_START,    /* the event */
    FLOW_STEP,     /* do */
    FLOW_READ,     /* a look at the world */
    FLOW_TEST,     /* where, if */
    FLOW_LOOP,
    FLOW_PARALLEL,
    FLOW_ASK,      /* approve */
    FLOW_WAIT,
    FLOW_RECORD,
    FLOW_NOTE,     /* authorize, verify, in account ... */
    FLOW_END       /* stop, fail, skipped, or the playbook's end */
} flow_kind;

typedef struct flow_branch flow_branch;
typedef struct flow_node {
    struct flow_node *next;
    flow_kind kind;
    pb_effect effect;  /* STEP, READ, LOOP ...: the highest in it */
    pb_str text;       /* as written, white space folded, shortened */
    uint32_t number;   /* 1, 2, ... in the whole flow */
    uint32_t line;
    flow_branch *branches;
} flow_node;

struct flow_branch {
    flow_branch *next;
    pb_str label;      /* "yes", "granted"; may be empty */
    flow_node *first;  /* NULL: goes straight on */
    bool leaves;       /* does not come back */
    int w, h;          /* the drawer's own: measured once */
};

typedef struct flow {
    pb_str name, summary, tier, owner, version;
    pb_str file;
    flow_node *first;
    flow_node *on_failure; /* what happens when a step fails; NULL: nothing */
    bool undoes;           /* on failure undo */
    uint32_t nnodes;
    struct flow *next;
} flow;

/* The flows of all of the user's playbooks in a checked tree, in their order; those of one name only when `only` says
 * one. NULL: there is none, or memory ran out (the arena says so). */
flow *flow_of_program(const ast_program *p, pb_str only);
/* Does the sequence never come to its end? */
bool flow_leaves(const flow_node *first);
/* The constant text of a header field of a playbook; empty: not there. */
pb_str flow_header(const ast_decl *d, const char *name);

typedef enum flow_format { FLOW_MERMAID, FLOW_DOT, FLOW_SVG } flow_format;
/* Draws. All text is escaped for where it stands: playbooks are code of somebody else for whoever looks at the picture. */
void flow_draw(flow *f, flow_format format, pb_arena *a, pb_buf *out);

#endif
