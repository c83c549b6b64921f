/*
 * lint_types.c - finding types, event names and controls that AWS does not send.
 *
 * A misspelt pattern behind `like` is well typed and never matches. Every comparison of a field that has a list
 * (known.c) with constants is held against that list. A pattern must fit at least one name.
 */
#include "lang/analyse.h"

#include "lang/ast_walk.h"

typedef struct types {
    checker *c;
    const ast_decl *event;
} types;

/* The dotted path of a field of the event; .s NULL: it is none. */
static pb_str event_path(pb_arena *a, const ast_expr *e, int depth) {
    enum { DEEPEST = 16 };
    e = analyse_resolve(e);
    if (depth > DEEPEST || e->kind != EXPR_FIELD) return (pb_str){NULL, 0};
    const ast_expr *of = analyse_resolve(e->u.field.of);
    if (analyse_is_event_path(of, (pb_str){NULL, 0})) return e->u.field.name.text;
    pb_str before = event_path(a, of, depth + 1);
    return before.s ? pb_printf(a, "%.*s.%.*s", PB_ARG(before), PB_ARG(e->u.field.name.text)) : before;
}

static pb_str without_prefix(const known_list *l, pb_str s) {
    uint32_t n = (uint32_t)strlen(l->prefix);
    return s.n >= n ? (pb_str){s.s + n, s.n - n} : s;
}

static void check_text(types *t, const known_list *l, const ast_expr *e) {
    checker *c = t->c;
    if (e->kind != EXPR_STRING || known_has(l, c->schema, e->u.string)) return;
    pb_str name = without_prefix(l, e->u.string);
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_FINDING_TYPE, e->span, "%s `%.*s`", l->what, PB_ARG(name));
    nearest n = nearest_to(name);
    known_offer(l, c->schema, &n);
    nearest_hint(c, d, &n);
}

/* The beginning of a known name up to where the pattern's first wildcard is, counted in separators. */
static void offer_heads(const known_list *l, pb_str head, nearest *n) {
    int separators = 0;
    for (uint32_t i = 0; i < head.n; i++) separators += head.s[i] == ':' || head.s[i] == '/';
    for (uint32_t i = 0; i < l->count && separators; i++) {
        const char *z = l->names[i], *p = z;
        for (int left = separators; *p && left; p++) left -= *p == ':' || *p == '/';
        nearest_offer(n, (pb_str){z, (uint32_t)(p - z)});
    }
}

static void check_glob(types *t, const known_list *l, const ast_expr *e) {
    checker *c = t->c;
    if (e->kind != EXPR_STRING || known_matches(l, c->schema, e->u.string)) return;
    pb_str pattern = e->u.string, head = {pattern.s, 0};
    while (head.n < pattern.n && pattern.s[head.n] != '*' && pattern.s[head.n] != '?') head.n++;
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_FINDING_TYPE, e->span, "`%.*s` fits no name of %s", PB_ARG(pattern),
                       l->missing);
    nearest n = nearest_to(head);
    offer_heads(l, head, &n);
    if (head.n == pattern.n) known_offer(l, c->schema, &n);
    if (!n.best.n) return;
    pb_str rest = {pattern.s + head.n, pattern.n - head.n};
    check_hint(c, d, "did you mean `%.*s%.*s`?", PB_ARG(n.best), PB_ARG(rest));
    if (!n.tie && head.n && (head.s[head.n - 1] == '/' || head.s[head.n - 1] == ':'))
        diag_fix(c->diags, d, e->span, "\"%.*s%.*s\"", PB_ARG(n.best), PB_ARG(rest));
}

static bool visit(void *ctx, const ast_expr *e) {
    types *t = ctx;
    if (e->kind != EXPR_BINARY) return true;
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    if ((e->op == OP_EQ || e->op == OP_NE) && l->kind == EXPR_STRING) {
        const ast_expr *swap = l;
        l = r, r = swap;
    }
    bool takes = e->op == OP_EQ || e->op == OP_NE || e->op == OP_LIKE || (e->op == OP_IN && r->kind == EXPR_LIST);
    pb_str path = takes ? event_path(t->c->arena, l, 0) : (pb_str){NULL, 0};
    const known_list *list = path.s ? known_of(t->event, path) : NULL;
    if (!list) return true;
    if (e->op == OP_LIKE)
        check_glob(t, list, r);
    else if (e->op == OP_IN)
        for (const ast_arg *a = r->u.list; a; a = a->next) check_text(t, list, a->value);
    else
        check_text(t, list, r);
    return true;
}

void lint_types(checker *c) {
    for (decl_info *d = analyse_next(c, NULL, DECL_PLAYBOOK); d; d = analyse_next(c, d, DECL_PLAYBOOK)) {
        types t = {c, d->decl->event_decl};
        for (const ast_stmt *s = d->decl->body; s && t.event; s = s->next) ast_each_in_stmt(s, true, visit, &t);
    }
}
