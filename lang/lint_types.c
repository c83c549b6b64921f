/*
 * lint_types.c - finding types, event names and controls that AWS does not send.
 *
 * A misspelt pattern behind `like` is well typed and never matches. Every comparison of a field that has a list
 * (known.c) with constants is held against that list. A pattern must fit at least one name. No list is ever complete,
 * and a false alarm costs more than a slip that is missed: every message says how to allow it, and of API calls, which
 * are added every week, only a name that is a letter or two from a known one is spoken of.
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

#define ALLOW "`# pbc: allow PB0617 \"why\"` behind the line"

static void check_text(types *t, const known_list *l, const ast_expr *e) {
    checker *c = t->c;
    if (e->kind != EXPR_STRING || known_has(l, c->schema, e->u.string)) return;
    pb_str name = without_prefix(l, e->u.string);
    if (known_retired(l, name)) {
        diag_add(c->diags, DIAG_UNKNOWN_FINDING_TYPE, e->span, "`%.*s` is retired: AWS does not send it any more",
                 PB_ARG(name));
        return;
    }
    enum { SLIP = 2 }; /* letters */
    nearest n = nearest_to(name);
    if (l->kind == KNOWN_OPERATIONS && n.distance > SLIP + 1) n.distance = SLIP + 1;
    known_offer(l, c->schema, &n);
    if (l->kind == KNOWN_OPERATIONS && !n.best.n) return;
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_FINDING_TYPE, e->span, "%s `%.*s`", l->what, PB_ARG(name));
    nearest_hint(c, d, &n);
    if (n.best.n)
        check_hint(c, d, "%.*s or, if AWS does send it: " ALLOW, PB_ARG(d->hint));
    else
        check_hint(c, d, "if AWS does send it, newer than the list: " ALLOW);
}

/* "Delte*": no call begins with that word. What is behind a known verb may be newer than the models. */
static bool has_unknown_verb(checker *c, const known_list *l, pb_str pattern) {
    uint32_t n = pattern.n && pattern.s[0] >= 'A' && pattern.s[0] <= 'Z';
    while (n && n < pattern.n && pattern.s[n] >= 'a' && pattern.s[n] <= 'z') n++;
    pb_str verb = pb_printf(c->arena, "%.*s*", (int)n, pattern.s);
    return n > 1 && verb.n && !known_matches(l, c->schema, verb);
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

/* "…:IAM/" for "…:IAMUser/": a part that breaks off is likelier than some letters that differ. */
static void offer_longer(const known_list *l, pb_str head, nearest *n) {
    if (head.n < 2 || (head.s[head.n - 1] != '/' && head.s[head.n - 1] != ':')) return;
    for (uint32_t i = 0; i < l->count; i++) {
        const char *z = l->names[i], *end = strncmp(z, head.s, head.n - 1) ? NULL : strchr(z + head.n - 1, head.s[head.n - 1]);
        if (!end) continue;
        n->best = (pb_str){z, (uint32_t)(end + 1 - z)};
        n->tie = true; /* a guess: not written by --fix */
        return;
    }
}

static void check_glob(types *t, const known_list *l, const ast_expr *e) {
    checker *c = t->c;
    if (e->kind != EXPR_STRING || known_matches(l, c->schema, e->u.string)) return;
    pb_str pattern = e->u.string, head = {pattern.s, 0};
    while (head.n < pattern.n && pattern.s[head.n] != '*' && pattern.s[head.n] != '?') head.n++;
    if (l->kind == KNOWN_OPERATIONS && head.n == pattern.n) {
        check_text(t, l, e);
        return;
    }
    if (l->kind == KNOWN_OPERATIONS && !has_unknown_verb(c, l, pattern)) return;
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_FINDING_TYPE, e->span, "`%.*s` fits no name of %s", PB_ARG(pattern),
                       l->missing);
    nearest n = nearest_to(head);
    offer_heads(l, head, &n);
    offer_longer(l, head, &n);
    if (head.n == pattern.n) known_offer(l, c->schema, &n);
    check_hint(c, d, "if AWS does send such, newer than the list: " ALLOW);
    if (!n.best.n) return;
    pb_str rest = {pattern.s + head.n, pattern.n - head.n};
    check_hint(c, d, "did you mean `%.*s%.*s`? or, if AWS does send such: " ALLOW, PB_ARG(n.best), PB_ARG(rest));
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
