/*
 * lint_conditions.c - conditions that can never hold, and such that always do.
 *
 * A filter that silently never applies is the worst mistake in a playbook: nothing fails, and nothing is done. So every
 * condition is held against all that is known where it stands: the `where`s before it, the `if`s around it, and
 * the ones that would have left. `and`s are taken part by part, so that the message points at the part that is wrong.
 * What is certain and what is not is decided in facts.c.
 */
#include "lang/analyse.h"

#include "lang/ast_walk.h"

enum { WORK = 20000 }; /* of one body: conditions times facts, some 50 ms; real ones need a hundred */

typedef struct conditions {
    checker *c;
    uint32_t spent;
    const fact *known;
    const authorization *granted;
    act_memo *memo; /* of a playbook: its steps are held against the guards; else NULL */
    bool said;      /* in this body: what follows from a condition that never holds is not said again */
} conditions;

/* The earlier fact that alone decides; NULL: none, or several together. */
static const fact *reason(const conditions *k, const ast_expr *e, bool truth) {
    for (const fact *f = k->known; f; f = f->next) {
        fact one = {NULL, f->cond, f->truth, 0}, both = {&one, e, truth, 0};
        if (!facts_possible(&both)) return f;
    }
    return NULL;
}

static void say(conditions *k, const ast_expr *e, bool truth, diag_code code, const char *what) {
    checker *c = k->c;
    fact alone = {NULL, e, truth, 0};
    bool by_itself = !facts_possible(&alone);
    const fact *why = by_itself ? NULL : reason(k, e, truth);
    pb_str text = check_source(c, e->span, "this condition");
    diag *d = diag_add(c->diags, code, e->span, "%.*s %s%s", PB_ARG(text), what,
                       by_itself || why ? "" : " after the conditions before it");
    if (why) check_also(d, why->cond->span, why->truth ? "because this holds there" : "because this is false there");
}

/* `x exists` of a value without `?` has a warning of its own (PB0610), and one of another name of a value that is known
 * to be there is what settles that name. */
static bool is_needed(const ast_expr *e) {
    while (e->kind == EXPR_NOT) e = e->u.unary;
    return e->kind == EXPR_EXISTS;
}

/* A question costs as much as is known. False: this body has had its share. */
static bool spend(conditions *k) {
    uint32_t cost = k->known ? k->known->n + 1 : 1;
    if (k->spent > WORK) return false;
    k->spent += cost;
    return true;
}

static void look_inside(conditions *k, const ast_expr *e);

/* One part of a condition. False: it never holds. */
static bool check_part(conditions *k, const ast_expr *e) {
    fact yes = {k->known, e, true, 0}, no = {k->known, e, false, 0};
    if (k->said || !spend(k)) return true;
    if (!facts_possible(&yes)) {
        if (facts_possible(k->known)) say(k, e, true, DIAG_CONTRADICTION, "can never hold here");
        k->said = true;
        return false;
    }
    if (!is_needed(e) && !facts_possible(&no)) say(k, e, false, DIAG_ALWAYS_HOLDS, "always holds here");
    return true;
}

static void check_ways(conditions *k, const ast_expr *e) {
    if (e->kind == EXPR_BINARY && e->op == OP_OR) {
        check_ways(k, e->u.binary.left);
        check_ways(k, e->u.binary.right);
        return;
    }
    fact yes = {k->known, e, true, 0};
    if (!k->said && !facts_possible(&yes)) say(k, e, true, DIAG_CONTRADICTION, "can never hold here");
}

/* The condition holds from here on. */
static void take(conditions *k, const ast_expr *e) {
    if (e->kind == EXPR_BINARY && e->op == OP_AND) {
        take(k, e->u.binary.left);
        take(k, e->u.binary.right);
        return;
    }
    look_inside(k, e);
    if (check_part(k, e) && e->kind == EXPR_BINARY && e->op == OP_OR) check_ways(k, e);
    k->known = facts_add(k->c->arena, k->known, e, true);
}

/* Comprehensions inside an expression have conditions of their own. */
static bool visit(void *ctx, const ast_expr *e) {
    conditions *k = ctx;
    if ((e->kind != EXPR_COMP && e->kind != EXPR_ANY && e->kind != EXPR_ALL) || !e->u.comp.cond) return true;
    const fact *known = k->known;
    bool said = k->said;
    take(k, e->u.comp.cond);
    k->known = known;
    k->said = said;
    return true;
}

static void look_inside(conditions *k, const ast_expr *e) { ast_each_expr(e, visit, k); }

static void walk_block(conditions *k, const ast_stmt *s);

static void walk_inner(conditions *k, const ast_stmt *s) {
    const fact *known = k->known;
    const authorization *granted = k->granted;
    bool said = k->said;
    walk_block(k, s);
    k->known = known;
    k->granted = granted;
    k->said = said;
}

static void walk_if(conditions *k, const ast_stmt *s) {
    const fact *known = k->known;
    const authorization *granted = k->granted;
    bool said = k->said;
    take(k, s->expr);
    walk_block(k, s->body);
    k->said = said;
    k->granted = granted;
    k->known = facts_add(k->c->arena, known, s->expr, false);
    walk_block(k, s->other);
    k->said = said;
    k->granted = granted;
    bool leaves = analyse_leaves(s->body), other = s->has_else && analyse_leaves(s->other);
    k->known = leaves == other ? known : facts_add(k->c->arena, known, s->expr, other);
}

static void grant(conditions *k, const ast_stmt *s) {
    authorization *a = pb_alloc(k->c->arena, sizeof *a);
    if (!a) return;
    *a = (authorization){k->granted, s->name.text};
    k->granted = a;
}

static void walk_block(conditions *k, const ast_stmt *s) {
    for (; s; s = s->next) {
        if (s->kind == STMT_WHERE) {
            take(k, s->expr);
            continue;
        }
        if (s->kind == STMT_IF) {
            walk_if(k, s);
            continue;
        }
        if (s->kind == STMT_DO && k->memo) analyse_guards_step(k->c, k->memo, s, k->known, k->granted);
        if (s->kind == STMT_AUTHORIZE) grant(k, s);
        if (s->kind != STMT_VERIFY) ast_each_in_stmt(s, false, visit, k);
        walk_inner(k, s->body);
        walk_inner(k, s->other);
        walk_inner(k, s->third);
    }
}

static void check_all(checker *c, act_memo *memo, ast_decl_kind kind) {
    for (decl_info *d = analyse_next(c, NULL, kind); d; d = analyse_next(c, d, kind)) {
        conditions k = {.c = c, .memo = kind == DECL_PLAYBOOK ? memo : NULL};
        if (d->decl->expr) look_inside(&k, d->decl->expr);
        walk_block(&k, d->decl->body);
    }
}

void lint_conditions(checker *c) {
    act_memo *memo = analyse_act_memo(c);
    check_all(c, memo, DECL_PLAYBOOK);
    check_all(c, memo, DECL_ACTION);
    check_all(c, memo, DECL_FN);
}
