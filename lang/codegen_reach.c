/*
 * codegen_reach.c - what the playbooks reach: only that goes into the image.
 *
 * The standard library has many actions and a repository many helpers; a playbook carries only those it can come to.
 * The walk starts at the playbooks' bodies and goes on through the actions and functions it finds, breadth first, each
 * once; the order of discovery is the order in the image. On the way it notes hosts (they become the manifest),
 * deployment parameters and events. The call graph has no cycle (the checker's business), so every function has a
 * height: how deep the calls below it go. The VM's frames are limited, so the limit is found here, with a place.
 */
#include "lang/codegen.h"

typedef struct walk {
    cg *g;
    const ast_decl *in;
    cg_edge **calls;
} walk;

static void walk_expr(walk *k, const ast_expr *e);

static void no_memory(cg *g) { g->failed = true; }

/* ---- what is found ---- */

/* Room for one more pointer behind the first n of *list. */
static bool room(cg *g, void ***list, uint32_t n, uint32_t *cap) {
    if (n < *cap) return true;
    uint32_t more = *cap ? *cap * 2 : 16;
    void **p = pb_alloc_array(g->arena, more, sizeof *p);
    if (!p) {
        no_memory(g);
        return false;
    }
    if (n) memcpy(p, *list, n * sizeof *p);
    *list = p;
    *cap = more;
    return true;
}

static cg_node *add_node(cg *g, ast_decl *d, cg_part part) {
    if (!room(g, &g->nodes, g->nnodes, &g->nodes_cap)) return NULL;
    cg_node *n = pb_alloc(g->arena, sizeof *n);
    if (!n) {
        no_memory(g);
        return NULL;
    }
    n->decl = d;
    n->part = part;
    if (part == PART_UNDO)
        d->undo_index = g->nnodes;
    else
        d->index = g->nnodes;
    g->nodes[g->nnodes++] = n;
    return n;
}

/* What can be undone brings its undo along: `pbrun undo` calls it. */
static cg_node *reach_function(cg *g, ast_decl *d) {
    if (d->reachable) return g->nodes[d->index];
    d->reachable = true;
    cg_node *n = add_node(g, d, PART_WHOLE);
    if (n && d->has_undo && d->capture_at && !add_node(g, d, PART_UNDO)) return NULL;
    return n;
}

static void reach_call(walk *k, ast_decl *d, pb_span span) {
    cg_edge *e = pb_alloc(k->g->arena, sizeof *e);
    cg_node *to = e ? reach_function(k->g, d) : NULL;
    if (!to) {
        no_memory(k->g);
        return;
    }
    e->to = to;
    e->span = span;
    e->next = *k->calls;
    *k->calls = e;
}

static void reach_host(cg *g, pb_str name, pb_effect effect) {
    cg_host **at = &g->hosts;
    for (; *at; at = &(*at)->next) { /* kept in order of name */
        uint32_t n = name.n < (*at)->name.n ? name.n : (*at)->name.n;
        int order = n ? memcmp(name.s, (*at)->name.s, n) : 0;
        if (order == 0) order = name.n < (*at)->name.n ? -1 : name.n > (*at)->name.n;
        if (order == 0) {
            if ((*at)->effect < effect) (*at)->effect = effect;
            return;
        }
        if (order < 0) break;
    }
    cg_host *h = pb_alloc(g->arena, sizeof *h);
    if (!h || !name.s) {
        no_memory(g);
        return;
    }
    *h = (cg_host){*at, name, effect};
    *at = h;
    g->nhosts++;
}

static void reach_aws_call(walk *k, const ast_expr *e) {
    cg *g = k->g;
    reach_use *c = pb_alloc(g->arena, sizeof *c);
    pb_str name = e->u.call.waiter.n ? e->u.call.waiter : e->u.call.aws;
    reach_host(g, pb_printf(g->arena, "aws.%.*s", PB_ARG(name)), e->u.call.effect);
    if (!c) {
        no_memory(g);
        return;
    }
    *c = (reach_use){NULL, e, k->in, g->program->sources->files[k->in->file].builtin};
    *(g->aws_end ? g->aws_end : &g->aws) = c;
    g->aws_end = &c->next;
}

/* Numbers a parameter or event on its first use. */
static void reach_decl(cg *g, ast_decl *d, void ***list, uint32_t *n, uint32_t *cap) {
    if (d->reachable) return;
    if (!room(g, list, *n, cap)) return;
    d->reachable = true;
    d->index = *n;
    (*list)[(*n)++] = d;
}

/* ---- the walk ---- */

static void walk_args(walk *k, const ast_arg *a) {
    for (; a; a = a->next) walk_expr(k, a->value);
}

static void walk_call(walk *k, const ast_expr *e) {
    switch (e->u.call.kind) {
    case CALL_FN:
    case CALL_ACTION: reach_call(k, e->u.call.decl, e->span); break;
    case CALL_HOST: reach_host(k->g, cg_path_text(k->g, &e->u.call.decl->name), e->u.call.effect); break;
    case CALL_AWS: reach_aws_call(k, e); break;
    case CALL_UNRESOLVED:
    case CALL_BUILTIN: break;
    }
    if (e->u.call.kind == CALL_AWS)
        walk_args(k, e->u.call.args);
    else
        for (uint32_t i = 0; i < e->u.call.nresolved; i++) walk_expr(k, e->u.call.resolved[i]);
}

static void walk_comp(walk *k, const ast_expr *e) {
    walk_expr(k, e->u.comp.list);
    walk_expr(k, e->u.comp.value);
    walk_expr(k, e->u.comp.cond);
}

static void walk_inner(walk *k, const ast_expr *e) {
    switch (e->kind) {
    case EXPR_NAME:
        if (e->name_kind == NAME_PARAM) reach_decl(k->g, e->param, &k->g->params, &k->g->nparams, &k->g->params_cap);
        break;
    case EXPR_FIELD: walk_expr(k, e->u.field.of); break;
    case EXPR_INDEX:
    case EXPR_BINARY:
        walk_expr(k, e->u.binary.left);
        walk_expr(k, e->u.binary.right);
        break;
    case EXPR_CALL: walk_call(k, e); break;
    case EXPR_LIST:
    case EXPR_INTERP: walk_args(k, e->u.list); break;
    case EXPR_MAP: walk_args(k, e->u.map); break;
    case EXPR_NOT:
    case EXPR_NEG:
    case EXPR_EXISTS: walk_expr(k, e->u.unary); break;
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL: walk_comp(k, e); break;
    case EXPR_AS: walk_expr(k, e->u.as.value); break;
    case EXPR_NONE:
    case EXPR_BOOL:
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_DURATION:
    case EXPR_STRING: break;
    }
}

static void walk_expr(walk *k, const ast_expr *e) {
    if (e) walk_inner(k, e);
}

/* The names and times of an approval's clauses, which are written as calls of their kinds. */
static void walk_parties(walk *k, const ast_stmt *s) {
    for (const ast_arg *a = s->clauses; a; a = a->next) walk_args(k, a->value->u.call.args);
    reach_host(k->g, PB_STR(HOST_APPROVAL_ASK), PB_NOTIFY);
}

static void walk_stmts(walk *k, const ast_stmt *s) {
    for (; s; s = s->next) {
        walk_expr(k, s->expr);
        walk_expr(k, s->expr2);
        walk_expr(k, s->timeout);
        if (s->kind == STMT_APPROVE) walk_parties(k, s);
        if (s->kind == STMT_WAIT && !s->until) reach_host(k->g, PB_STR(HOST_WAIT_FOR), PB_NOTIFY);
        walk_stmts(k, s->body);
        walk_stmts(k, s->other);
        walk_stmts(k, s->third);
    }
}

static void walk_clauses(walk *k, const ast_decl *d) {
    for (const ast_clause *c = d->clauses; c; c = c->next) {
        bool guard = d->kind == DECL_GUARD && (pb_str_is(c->name.text, "where") || pb_str_is(c->name.text, "deny"));
        if (guard || (d->kind == DECL_PLAYBOOK && pb_str_is(c->name.text, "dedupe"))) walk_expr(k, c->value);
        if (d->kind == DECL_PLAYBOOK && pb_str_is(c->name.text, "limit") && pb_str_is(c->word.text, "approve"))
            reach_host(k->g, PB_STR(HOST_LIMIT_ASK), PB_NOTIFY);
    }
}

static void walk_body(cg *g, const ast_decl *d, cg_part part, cg_edge **calls) {
    walk k = {g, d, calls};
    walk_stmts(&k, part == PART_UNDO ? d->undo : d->body);
    walk_expr(&k, d->kind == DECL_FN ? d->expr : NULL);
    walk_clauses(&k, d);
}

/* ---- heights ---- */

/* Height of a node; `depth` bounds the recursion, which is at most as deep as the calls are. */
static uint32_t height(cg_node *n, uint32_t depth) {
    if (n->height) return n->height;
    uint32_t most = 0;
    if (depth > IMAGE_MAX_DEPTH) return 1;
    for (cg_edge *e = n->calls; e; e = e->next) {
        uint32_t h = height(e->to, depth + 1);
        if (h > most) most = h;
    }
    n->height = most + 1;
    return n->height;
}

/* A playbook is a frame of its own, so what it calls may be one less deep; an undo is called by one. */
static void check_depth(cg *g, const char *what, const ast_decl *d, const cg_edge *calls) {
    for (const cg_edge *e = calls; e; e = e->next)
        if (height(e->to, 2) + 1 > IMAGE_MAX_DEPTH) {
            g->overflow = false;
            cg_limit(g, DIAG_LIMIT_CALL_DEPTH, e->span, "calls from %s %.*s go more than %d functions and actions deep",
                     what, PB_ARG(d->name.parts[d->name.n - 1].text), IMAGE_MAX_DEPTH);
            return;
        }
}

/* From the functions that were found to those that they call, and so on. */
static void reach_on(cg *g, uint32_t seen) {
    uint32_t first = seen;
    for (; seen < g->nnodes && !g->failed; seen++) {
        cg_node *n = g->nodes[seen];
        walk_body(g, n->decl, n->part, &n->calls);
    }
    for (seen = first; seen < g->nnodes && !g->failed; seen++) {
        const cg_node *n = g->nodes[seen];
        if (n->part != PART_WHOLE) check_depth(g, n->part == PART_UNDO ? "the undo of" : "guard", n->decl, n->calls);
    }
}

static void reach_body(cg *g, ast_decl *d) {
    cg_edge *calls = NULL;
    uint32_t seen = g->nnodes;
    walk_body(g, d, PART_WHOLE, &calls);
    if (d->event_decl) reach_decl(g, d->event_decl, &g->events, &g->nevents, &g->events_cap);
    reach_on(g, seen);
    if (!g->failed) check_depth(g, d->kind == DECL_TEST ? "test of" : "playbook", d, calls);
}

/* A guard holds for all playbooks, whichever file it is in. */
static void reach_guards(cg *g) {
    uint32_t seen = g->nnodes;
    for (ast_file *f = g->program->files; f; f = f->next)
        for (ast_decl *d = f->decls; d && !g->failed; d = d->next)
            if (d->kind == DECL_GUARD && !d->reachable) {
                d->reachable = true;
                add_node(g, d, PART_GUARD);
            }
    reach_on(g, seen);
}

void cg_forget(ast_program *p) {
    for (ast_file *f = p->files; f; f = f->next)
        for (ast_decl *d = f->decls; d; d = d->next) d->reachable = false;
}

const ast_decl *cg_site(const cg *g) {
    if (g->tested && g->site) return g->site;
    for (const ast_file *f = g->program->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next)
            if (d->kind == DECL_SITE && !source_is_test(&g->program->sources->files[f->file])) return d;
    return NULL;
}

void cg_reach(cg *g) {
    const ast_decl *site = cg_site(g);
    for (ast_file *f = g->program->files; f; f = f->next)
        for (ast_decl *d = f->decls; d && !g->failed; d = d->next)
            if (d->kind == DECL_PLAYBOOK && (!g->only.s || pb_str_eq(g->only, d->name.parts[0].text)) &&
                (g->tested == d || !cg_for_tests(g, d))) {
                g->playbooks++;
                reach_body(g, d);
            } else if (d->kind == DECL_TEST && cg_is_tested(g, d)) {
                reach_body(g, d);
            } else if (d->kind == DECL_SITE && d == site) {
                walk k = {.g = g, .calls = &(cg_edge *){NULL}}; /* settings call nothing: only parameters are found */
                for (const ast_clause *c = d->clauses; c; c = c->next) {
                    walk_expr(&k, c->value);
                    walk_expr(&k, c->value2);
                }
            }
    if ((g->playbooks || !g->only.s) && !g->failed) reach_guards(g); /* without playbooks, too: pbrun sees where they do not hold */
}

bool reach_aws(ast_program *p, diag_list *diags, pb_str playbook, const reach_use **calls, uint32_t *playbooks) {
    cg g = {.program = p, .diags = diags, .arena = p->arena, .only = playbook};
    cg_forget(p);
    cg_reach(&g);
    *calls = g.aws;
    *playbooks = g.playbooks;
    return !g.failed && !pb_arena_failed(p->arena);
}
