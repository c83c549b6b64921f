/*
 * mutations.c - the changes that mutation testing makes, as a walk over the tree that counts them and makes one of
 * them.
 *
 *     a condition    where and if: negated; a `where` also left out; `a and b`, `a or b`: the other word, or one side
 * alone a comparison   == and != for one another, < for <=, > for >= and back a constant     numbers and durations one
 * more, texts of comparisons another one, true for false a step         `do` and `stop` left out an approval    what is
 * done when it is denied and when nobody answers: exchanged
 *
 * The order is that of the source, so a number means the same change in every tree that is parsed from the same files.
 * A changed tree is checked like any other; what does not compile is caught by the compiler and needs no test.
 */
#include "stdlib/testing/mutate.h"

typedef struct walk {
    pb_arena *arena;
    const source_set *sources;
    const ast_decl *decl;
    uint32_t n, apply;
    mutation *out;
    mutation_fn *each;
    void *ctx;
    unsigned depth;
} walk;

/* Counts one; true: it is the one to make. */
static bool is_it(walk *w, pb_span span, const char *what, pb_str text) {
    if (w->each) w->each(w->ctx, w->n, &(mutation){w->decl, span, what, text});
    if (w->n++ != w->apply) return false;
    *w->out = (mutation){w->decl, span, what, text};
    return true;
}

static pb_str source(const walk *w, pb_span s) {
    return (pb_str){w->sources->files[s.file].text.s + s.start, s.end - s.start};
}

/* ---- making nodes ---- */

static ast_expr *new_expr(walk *w, ast_expr_kind kind, const ast_expr *like) {
    ast_expr *e = pb_alloc(w->arena, sizeof *e);
    if (!e) return NULL;
    e->kind = kind;
    e->span = like->span;
    e->depth = like->depth;
    return e;
}

static ast_expr *negated(walk *w, ast_expr *of) {
    ast_expr *e = new_expr(w, EXPR_NOT, of);
    if (e) e->u.unary = of;
    return e ? e : of;
}

static void negate(walk *w, ast_expr **e) {
    pb_str text = pb_printf(w->arena, "not (%.*s)", PB_ARG(source(w, (*e)->span)));
    if (is_it(w, (*e)->span, "the condition negated", text)) *e = negated(w, *e);
}

/* ---- operators and constants ---- */

static const char *const op_words[] = {"or", "and", "==", "!=", "<", "<=", ">", ">=", "in", "like", "matches"};

static void other_op(walk *w, ast_expr *e, ast_op op, const char *what) {
    pb_str text = pb_printf(w->arena, "%.*s %s %.*s", PB_ARG(source(w, e->u.binary.left->span)), op_words[op],
                            PB_ARG(source(w, e->u.binary.right->span)));
    if (is_it(w, e->span, what, text)) e->op = op;
}

static void one_side(walk *w, ast_expr **slot, ast_expr *side) {
    if (is_it(w, (*slot)->span, "one condition left out", source(w, side->span))) *slot = side;
}

static void binary(walk *w, ast_expr **slot) {
    ast_expr *e = *slot, *left = e->u.binary.left, *right = e->u.binary.right;
    switch (e->op) {
    case OP_EQ: other_op(w, e, OP_NE, "another comparison"); break;
    case OP_NE: other_op(w, e, OP_EQ, "another comparison"); break;
    case OP_LT: other_op(w, e, OP_LE, "another comparison"); break;
    case OP_LE: other_op(w, e, OP_LT, "another comparison"); break;
    case OP_GT: other_op(w, e, OP_GE, "another comparison"); break;
    case OP_GE: other_op(w, e, OP_GT, "another comparison"); break;
    case OP_AND:
    case OP_OR:
        other_op(w, e, e->op == OP_AND ? OP_OR : OP_AND, "`and` and `or` exchanged");
        one_side(w, slot, left);
        if (*slot == e) one_side(w, slot, right);
        break;
    default: break;
    }
}

static void integer(walk *w, ast_expr *e) {
    int64_t more = e->kind == EXPR_DURATION ? 1000 : 1;
    if (e->u.integer > INT64_MAX - more) return;
    pb_str text = e->kind == EXPR_DURATION ? pb_printf(w->arena, "%lldms", (long long)(e->u.integer + more))
                                           : pb_printf(w->arena, "%lld", (long long)(e->u.integer + more));
    if (is_it(w, e->span, "another constant", text)) e->u.integer += more;
}

static void boolean(walk *w, ast_expr *e) {
    if (is_it(w, e->span, "another constant", e->u.boolean ? PB_STR("false") : PB_STR("true")))
        e->u.boolean = !e->u.boolean;
}

static void text(walk *w, ast_expr *e) {
    pb_str other = pb_printf(w->arena, "%.*s!", PB_ARG(e->u.string));
    if (other.s && is_it(w, e->span, "another constant", pb_printf(w->arena, "\"%.*s\"", PB_ARG(other))))
        e->u.string = other;
}

/* ---- expressions ---- */

static void expr(walk *w, ast_expr **slot, bool compared);

static void args(walk *w, ast_arg *a) {
    for (; a; a = a->next) expr(w, &a->value, false);
}

static void comp(walk *w, ast_expr *e) {
    expr(w, &e->u.comp.list, false);
    if (e->u.comp.cond) expr(w, &e->u.comp.cond, false);
    expr(w, &e->u.comp.value, false);
}

static void expr_inside(walk *w, ast_expr **slot, bool compared) {
    ast_expr *e = *slot;
    switch (e->kind) {
    case EXPR_BINARY: {
        bool comparison = e->op >= OP_EQ && e->op <= OP_MATCHES;
        expr(w, &e->u.binary.left, comparison);
        expr(w, &e->u.binary.right, comparison);
        binary(w, slot);
        break;
    }
    case EXPR_BOOL: boolean(w, e); break;
    case EXPR_INT:
    case EXPR_DURATION:
        if (compared) integer(w, e);
        break;
    case EXPR_STRING:
        if (compared) text(w, e);
        break;
    case EXPR_NOT:
    case EXPR_NEG:
    case EXPR_EXISTS: expr(w, &e->u.unary, compared); break;
    case EXPR_FIELD: expr(w, &e->u.field.of, false); break;
    case EXPR_INDEX: expr(w, &e->u.binary.left, false); break;
    case EXPR_CALL:
        if (e->u.call.callee->kind == EXPR_FIELD) expr(w, &e->u.call.callee->u.field.of, false);
        args(w, e->u.call.args);
        break;
    case EXPR_LIST:
    case EXPR_INTERP: args(w, e->u.list); break;
    case EXPR_MAP: args(w, e->u.map); break;
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL: comp(w, e); break;
    case EXPR_AS: expr(w, &e->u.as.value, compared); break;
    case EXPR_NONE:
    case EXPR_FLOAT:
    case EXPR_NAME: break;
    }
}

/* compared: a constant here decides something. */
static void expr(walk *w, ast_expr **slot, bool compared) {
    if (!*slot || w->depth >= PARSE_MAX_DEPTH) return;
    w->depth++;
    expr_inside(w, slot, compared);
    w->depth--;
}

/* ---- statements ---- */

static void block(walk *w, ast_stmt **first);

static void swap_branches(walk *w, ast_stmt *s) {
    if (!s->other && !s->third) return;
    pb_span head = {s->span.file, s->span.start, s->expr->span.end};
    if (!is_it(w, head, "what is done when denied and when expired exchanged", source(w, head))) return;
    ast_stmt *t = s->other;
    s->other = s->third;
    s->third = t;
}

static void condition(walk *w, ast_stmt *s) {
    expr(w, &s->expr, true);
    negate(w, &s->expr);
}

/* True: the statement is to be left out. */
static bool stmt(walk *w, ast_stmt *s) {
    bool out = false;
    pb_str nothing = {NULL, 0};
    switch (s->kind) {
    case STMT_WHERE:
        condition(w, s);
        out = is_it(w, s->span, "the condition left out", nothing);
        break;
    case STMT_IF:
    case STMT_VERIFY: condition(w, s); break;
    case STMT_DO:
        expr(w, &s->expr, false);
        out = is_it(w, s->span, "the step left out", nothing);
        break;
    case STMT_STOP: out = is_it(w, s->span, "the stop left out", nothing); break;
    case STMT_APPROVE: swap_branches(w, s); break;
    case STMT_LET:
    case STMT_FOR:
    case STMT_RETURN:
    case STMT_RECORD: expr(w, &s->expr, false); break;
    default: break;
    }
    block(w, &s->body);
    block(w, &s->other);
    block(w, &s->third);
    return out;
}

static void block(walk *w, ast_stmt **first) {
    if (w->depth >= PARSE_MAX_DEPTH) return;
    w->depth++;
    for (ast_stmt **at = first; *at;) {
        if (stmt(w, *at))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    w->depth--;
}

static void decl(walk *w, ast_decl *d) {
    w->decl = d;
    if (d->kind == DECL_FN && d->expr) expr(w, &d->expr, false);
    if (d->kind == DECL_GUARD)
        for (ast_clause *k = d->clauses; k; k = k->next)
            if (pb_str_is(k->name.text, "where") && k->value) {
                expr(w, &k->value, true);
                negate(w, &k->value);
            }
    if (d->kind != DECL_PLAYBOOK && d->kind != DECL_ACTION) return;
    block(w, &d->body);
    block(w, &d->undo);
}

uint32_t mutations(ast_program *p, uint32_t apply, mutation *out, mutation_fn *each, void *ctx) {
    walk w = {.arena = p->arena, .sources = p->sources, .apply = apply, .out = out, .each = each, .ctx = ctx};
    for (ast_file *f = p->files; f; f = f->next) {
        const source_file *s = &p->sources->files[f->file];
        if (s->builtin || source_is_test(s)) continue;
        for (ast_decl *d = f->decls; d; d = d->next) decl(&w, d);
    }
    return w.n;
}
