/*
 * narrow.c - which optional paths are known to exist.
 *
 * A path is a local name with fields (and constant indexes) behind it: f.resource.accessKeyDetails, tags["Owner"].
 * Locals never change, so once a condition has shown that a path exists, it does for the rest of the scope, and so
 * does every beginning of it. What shows it: `exists`, and every comparison, `in`, `like` or `matches` that came out
 * true, for all of them are false when a side is absent (`!=` is their opposite: it shows it by being false).
 *
 * Facts are a list that only grows at its head; leaving a scope means going back to an older head.
 */
#include "lang/check.h"

static pb_str index_text(const ast_expr *index) {
    if (index->kind == EXPR_STRING) return index->u.string;
    return (pb_str){NULL, 0};
}

/* Fields are kept as they are and indexes too: `a["b"]` and `a.b` cannot both be right for one type. */
bool narrow_path_of(const ast_expr *e, narrow_path *out) {
    pb_str parts[NARROW_MAX_PARTS];
    uint32_t n = 0;
    while (e->kind == EXPR_FIELD || e->kind == EXPR_INDEX) {
        pb_str part = e->kind == EXPR_FIELD ? e->u.field.name.text : index_text(e->u.binary.right);
        if (!part.s || n == NARROW_MAX_PARTS) return false;
        parts[n++] = part;
        e = e->kind == EXPR_FIELD ? e->u.field.of : e->u.binary.left;
    }
    if (e->kind != EXPR_NAME || e->name_kind != NAME_LOCAL || !e->local) {
        if (e->kind != EXPR_NAME || e->name_kind != NAME_RUN) return false;
    }
    out->root = e->name_kind == NAME_LOCAL ? e->local : NULL; /* NULL: run */
    out->n = n;
    for (uint32_t i = 0; i < n; i++) out->parts[i] = parts[n - 1 - i];
    return true;
}

static bool begins_with(const narrow_path *longer, const narrow_path *p) {
    if (longer->root != p->root || longer->n < p->n) return false;
    for (uint32_t i = 0; i < p->n; i++)
        if (!pb_str_eq(longer->parts[i], p->parts[i])) return false;
    return true;
}

bool narrow_knows(const narrow_fact *facts, const narrow_path *p) {
    for (; facts; facts = facts->next)
        if (begins_with(&facts->path, p)) return true;
    return false;
}

static narrow_fact *add_path(checker *c, narrow_fact *facts, const narrow_path *p) {
    narrow_fact *f = pb_alloc(c->arena, sizeof *f);
    if (!f) return facts;
    f->path = *p;
    f->next = facts;
    return f;
}

static narrow_fact *add(checker *c, narrow_fact *facts, const ast_expr *e) {
    narrow_path p;
    /* A method of an absent value is absent: from what x.size() gave it follows that x exists. */
    while (e->kind == EXPR_CALL && e->u.call.kind == CALL_BUILTIN && e->u.call.callee->kind == EXPR_FIELD &&
           e->u.call.nresolved)
        e = e->u.call.callee->u.field.of;
    return narrow_path_of(e, &p) ? add_path(c, facts, &p) : facts;
}

/* What both lists know (the longest common beginnings), put in front of `facts`. */
static narrow_fact *both(checker *c, narrow_fact *facts, const narrow_fact *a, const narrow_fact *b) {
    for (; a; a = a->next) {
        narrow_path p = a->path;
        while (p.n && !narrow_knows(b, &p)) p.n--;
        if (narrow_knows(b, &p)) facts = add_path(c, facts, &p);
    }
    return facts;
}

static narrow_fact *narrow_binary(checker *c, narrow_fact *facts, const ast_expr *e, bool truth) {
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    switch (e->op) {
    case OP_AND:
    case OP_OR:
        if ((e->op == OP_AND) == truth) return narrow_when(c, narrow_when(c, facts, l, truth), r, truth);
        return both(c, facts, narrow_when(c, NULL, l, truth), narrow_when(c, NULL, r, truth));
    case OP_EQ:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
    case OP_IN:
    case OP_LIKE:
    case OP_MATCHES: return truth ? add(c, add(c, facts, l), r) : facts;
    case OP_NE: return truth ? facts : add(c, add(c, facts, l), r);
    default: return facts;
    }
}

narrow_fact *narrow_when(checker *c, narrow_fact *facts, const ast_expr *cond, bool truth) {
    while (cond->kind == EXPR_NOT) {
        cond = cond->u.unary;
        truth = !truth;
    }
    if (cond->kind == EXPR_EXISTS) return truth ? add(c, facts, cond->u.unary) : facts;
    return cond->kind == EXPR_BINARY ? narrow_binary(c, facts, cond, truth) : facts;
}
