/*
 * check_guard.c - guards, and the undo of actions.
 *
 * A guard is a rule over acts: `on` names actions and AWS operations, `where` (as many as needed) looks at the act and
 * may read, `deny` says why it is held back. A pattern must name something, and something that does more than read:
 * a guard that can never speak is a mistake somebody relies on.
 *
 * The undo of an action is a body of its own, which sees the action's parameters and what the action had named before
 * its first statement that can do more than read: that is the state before the act, and it is kept when that statement
 * is reached.
 */
#include "lang/check.h"

#include "lang/analyse.h"
#include "lang/ast_walk.h"

/* ---- what a pattern names ---- */

typedef struct matched {
    uint32_t n;
    pb_effect effect; /* the highest */
} matched;

static void match_one(matched *m, pb_str pattern, pb_str name, pb_effect effect) {
    if (!known_glob(pattern, name)) return;
    m->n++;
    if (effect > m->effect) m->effect = effect;
}

static void match_actions(checker *c, matched *m, pb_str pattern) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (const decl_info *d = c->files[i].decls; d; d = d->next)
            if (d->decl->kind == DECL_ACTION) match_one(m, pattern, d->name, d->decl->effect);
}

static void match_service(checker *c, matched *m, pb_str pattern, pb_str service) {
    schema_service s = c->schema->service_find(c->schema->ctx, service);
    schema_operation op;
    for (uint32_t i = 0; s && c->schema->operation_at(c->schema->ctx, s, i, &op); i++) {
        pb_str name = pb_printf(c->arena, "aws.%.*s.%.*s", PB_ARG(service), PB_ARG(op.name));
        match_one(m, pattern, name, op.effect);
    }
}

/* The service of "aws.ec2.X"; .s NULL: the pattern leaves it open. */
static pb_str pattern_service(pb_str p) {
    if (p.n < 5 || memcmp(p.s, "aws.", 4) != 0) return (pb_str){NULL, 0};
    const char *dot = memchr(p.s + 4, '.', p.n - 4);
    pb_str s = {p.s + 4, dot ? (uint32_t)(dot - p.s - 4) : p.n - 4};
    return memchr(s.s, '*', s.n) || memchr(s.s, '?', s.n) ? (pb_str){NULL, 0} : s;
}

static bool is_open(pb_str p) { return memchr(p.s, '*', p.n) || memchr(p.s, '?', p.n); }

/* Patterns that leave the service open can mean any of ten thousand operations; most of them change something. */
static void match_aws(checker *c, matched *m, pb_str pattern) {
    pb_str service = pattern_service(pattern);
    if (!c->schema) return;
    if (service.s)
        match_service(c, m, pattern, service);
    else if (is_open(pattern))
        for (uint32_t i = 0; m->effect < PB_DESTROY && i < c->schema->service_count(c->schema->ctx); i++)
            match_service(c, m, pattern, c->schema->service_name(c->schema->ctx, i));
}

static void say_matches_nothing(checker *c, const ast_clause *cl, pb_str pattern) {
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_PATTERN, cl->value->span, "`%.*s` names no action and no AWS operation",
                       PB_ARG(pattern));
    nearest n = nearest_to(pattern);
    pb_str service = pattern_service(pattern);
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (const decl_info *k = c->files[i].decls; k; k = k->next)
            if (k->decl->kind == DECL_ACTION) nearest_offer(&n, k->name);
    schema_service s = service.s && c->schema ? c->schema->service_find(c->schema->ctx, service) : 0;
    schema_operation op;
    for (uint32_t i = 0; s && c->schema->operation_at(c->schema->ctx, s, i, &op); i++)
        nearest_offer(&n, pb_printf(c->arena, "aws.%.*s.%.*s", PB_ARG(service), PB_ARG(op.name)));
    nearest_hint(c, d, &n);
}

static void check_pattern(checker *c, const ast_clause *cl) {
    if (!cl->value || cl->value->kind != EXPR_STRING) {
        if (cl->value) diag_add(c->diags, DIAG_NOT_CONSTANT, cl->value->span, "a pattern must be a constant");
        return;
    }
    pb_str p = cl->value->u.string;
    matched m = {0, PB_PURE};
    cl->value->type = check_simple(c, TYPE_STRING);
    match_actions(c, &m, p);
    match_aws(c, &m, p);
    if (!m.n) {
        say_matches_nothing(c, cl, p);
    } else if (m.effect <= PB_READ) {
        diag *d = diag_add(c->diags, DIAG_GUARD_READS, cl->value->span,
                           "what `%.*s` names only reads, and reading is never held back", PB_ARG(p));
        check_hint(c, d, "name what must not happen: an action or operation that changes something");
    }
}

/* ---- the act ---- */

static type_field *act_field(checker *c, type_field *next, const char *name, pb_type *type) {
    type_field *f = pb_alloc(c->arena, sizeof *f);
    if (!f) return next;
    f->name = pb_str_c(name);
    f->type = type;
    f->next = next;
    return f;
}

static pb_type *params_type(checker *c, decl_info *d) {
    type_field *first = NULL, **end = &first;
    check_declare(c, d);
    for (const ast_field *p = d->decl->params; p; p = p->next) {
        type_field *f = pb_alloc(c->arena, sizeof *f);
        if (!f) break;
        f->name = p->name.text;
        f->type = p->ty ? p->ty : c->poison;
        *end = f;
        end = &f->next;
    }
    return type_record(c->types, (pb_str){NULL, 0}, first);
}

/* The arguments' type when there is one pattern and it names one thing; else anything. */
static pb_type *args_type(checker *c, const ast_decl *g) {
    const ast_clause *on = NULL;
    for (const ast_clause *cl = g->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, "on")) {
            if (on) return check_simple(c, TYPE_JSON);
            on = cl;
        }
    if (!on || !on->value || on->value->kind != EXPR_STRING || is_open(on->value->u.string))
        return check_simple(c, TYPE_JSON);
    pb_str name = on->value->u.string, service = pattern_service(name);
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *d = c->files[i].decls; d; d = d->next)
            if (d->decl->kind == DECL_ACTION && pb_str_eq(d->name, name)) return params_type(c, d);
    schema_service s = service.s && c->schema ? c->schema->service_find(c->schema->ctx, service) : 0;
    uint32_t front = 4 + service.n + 1;
    schema_operation op;
    pb_str operation = {name.s + front, name.n > front ? name.n - front : 0};
    if (s && c->schema->operation_find(c->schema->ctx, s, operation, &op) && op.input)
        return type_of_shape(c->types, service, op.input, false);
    return check_simple(c, TYPE_JSON);
}

static pb_type *act_type(checker *c, const ast_decl *g) {
    pb_type *text = check_simple(c, TYPE_STRING), *maybe = type_opt(c->types, text);
    type_field *f = act_field(c, NULL, "args", args_type(c, g));
    f = act_field(c, f, "region", maybe);
    f = act_field(c, f, "account", maybe);
    f = act_field(c, f, "target", maybe);
    f = act_field(c, f, "effect", text);
    return type_record(c->types, PB_STR("act"), act_field(c, f, "action", text));
}

/* ---- guards ---- */

static void say_guard(checker *c, pb_span at, const char *hint, const char *message) {
    diag *d = diag_add(c->diags, DIAG_BAD_GUARD, at, "%s", message);
    if (*hint) check_hint(c, d, "%s", hint);
}

static const ast_clause *guard_clause(const ast_decl *g, const char *name) {
    for (const ast_clause *cl = g->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, name)) return cl;
    return NULL;
}

static void check_guard_once(checker *c, const ast_decl *g, const ast_clause *cl) {
    const ast_clause *first = guard_clause(g, pb_str_is(cl->name.text, "deny") ? "deny" : "unless");
    if (first == cl) return;
    diag *d =
        diag_add(c->diags, DIAG_DUPLICATE_HEADER, cl->name.span, "`%.*s` is written twice", PB_ARG(cl->name.text));
    check_also(d, first->name.span, "first written here");
}

static void check_unless(checker *c, const ast_clause *cl) {
    if (!cl->value) return;
    if (cl->value->kind != EXPR_STRING || !cl->value->u.string.n)
        say_guard(c, cl->value->span, "unless authorized \"break-glass\"",
                  "`unless authorized` takes the name of an `authorize`, a constant text");
    cl->value->type = check_simple(c, TYPE_STRING);
}

/* The name of the act: that behind `as`. */
static ast_name act_name(checker *c, const ast_decl *g) {
    ast_name name = {PB_STR("_act"), g->name.span};
    for (const ast_clause *cl = g->clauses; cl; cl = cl->next) {
        if (!pb_str_is(cl->name.text, "on") || !cl->word.text.s) continue;
        if (!pb_str_is(name.text, "_act") && !pb_str_eq(cl->word.text, name.text))
            say_guard(c, cl->word.span, "give it the same name behind each `on`", "the act has another name already");
        else
            name = cl->word;
    }
    return name;
}

void check_guard(checker *c, decl_info *d) {
    body b;
    ast_decl *g = d->decl;
    body_begin(c, &b, BODY_GUARD, d);
    b.allowed = PB_READ;
    g->event_local = scope_add(c, act_name(c, g), act_type(c, g), false);
    for (ast_clause *cl = g->clauses; cl; cl = cl->next) {
        if (pb_str_is(cl->name.text, "on")) {
            check_pattern(c, cl);
        } else if (pb_str_is(cl->name.text, "where")) {
            if (check_condition(c, cl->value, "`where`")) b.facts = narrow_when(c, b.facts, cl->value, true);
        } else if (pb_str_is(cl->name.text, "unless")) {
            check_guard_once(c, g, cl);
            check_unless(c, cl);
        }
    }
    for (ast_clause *cl = g->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, "deny")) {
            check_guard_once(c, g, cl);
            check_value(c, cl->value, check_simple(c, TYPE_STRING), PB_STR("the reason of `deny`"));
        }
    if (!guard_clause(g, "on"))
        say_guard(c, g->name.span, "on ec2.terminate as act", "the guard does not say what it watches");
    if (!guard_clause(g, "deny"))
        say_guard(c, g->name.span, "deny \"why it must not happen\"", "the guard does not say why it denies");
    scope_close(c, NULL);
    g->nlocals = b.nlocals;
}

/* ---- undo ---- */

bool undo_says_later(checker *c, const ast_name *name) {
    ast_local *l = NULL;
    for (const scope_entry *s = c->b->kind == BODY_UNDO ? c->b->later : NULL; s && !l; s = s->next)
        if (pb_str_eq(s->local->name.text, name->text)) l = s->local;
    if (!l) return false;
    l->uses++; /* one message is enough */
    diag *d = diag_add(
        c->diags, DIAG_BAD_UNDO, name->span,
        "`%.*s` is named behind the first statement that can change something, so the undo has no value for it",
        PB_ARG(name->text));
    check_also(d, l->name.span, "named here");
    check_hint(c, d, "read it before the change, or read it again in the undo");
    return true;
}

typedef struct captured_walk {
    checker *c;
    ast_decl *a;
    const scope_entry *before;
    uint32_t cap;
} captured_walk;

static bool is_parameter(const ast_decl *a, const ast_local *l) {
    for (const ast_field *p = a->params; p; p = p->next)
        if (p->local == l) return true;
    return false;
}

static void keep(captured_walk *w, ast_local *l) {
    const scope_entry *s = w->before;
    while (s && s->local != l) s = s->next;
    if (!s || is_parameter(w->a, l)) return;
    for (uint32_t i = 0; i < w->a->ncaptured; i++)
        if (w->a->captured[i] == l) return;
    if (w->a->ncaptured == w->cap) {
        uint32_t more = w->cap ? w->cap * 2 : 8;
        ast_local **p = pb_alloc_array(w->c->arena, more, sizeof *p);
        if (!p) return;
        if (w->cap) memcpy(p, w->a->captured, w->cap * sizeof *p);
        w->a->captured = p;
        w->cap = more;
    }
    w->a->captured[w->a->ncaptured++] = l;
}

static bool keep_local(void *ctx, const ast_expr *e) {
    if (e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL) keep(ctx, e->local);
    return true;
}

static void check_undo_effect(checker *c, decl_info *d, const body *b) {
    if (b->effect > PB_CONTAIN) {
        diag *m = diag_add(c->diags, DIAG_UNDO_EFFECT, b->effect_span,
                           "the undo of `%.*s` calls %.*s, whose effect is %s; an undo contains at most",
                           PB_ARG(d->name), PB_ARG(b->effect_of), pb_effect_name(b->effect));
        check_hint(c, m, "leave it to a person: `undo none \"why\"` says so");
    }
    d->decl->undo_effect = b->effect;
}

/* `b` is the action's body, already looked at; its names are still open. */
void check_undo(checker *c, decl_info *d, body *b) {
    ast_decl *a = d->decl;
    if (!a->has_undo) return;
    if (!a->capture_at) {
        if (b->errors != diag_count(c->diags, DIAG_ERROR)) return; /* perhaps because of them */
        diag *m = diag_add(c->diags, DIAG_BAD_UNDO, a->name.span, "`%.*s` changes nothing, so there is nothing to undo",
                           PB_ARG(d->name));
        check_hint(c, m, "leave the undo out");
        return;
    }
    body u = {.kind = BODY_UNDO,
              .info = d,
              .file = b->file,
              .scope = b->undo_scope,
              .facts = b->undo_facts,
              .later = b->scope,
              .nlocals = b->nlocals,
              .allowed = PB_READ,
              .errors = b->errors};
    c->b = &u;
    check_statements(c, a->undo);
    scope_close(c, b->undo_scope);
    c->b = b;
    b->nlocals = u.nlocals;
    captured_walk w = {c, a, b->undo_scope, 0};
    for (const ast_stmt *s = a->undo; s; s = s->next) ast_each_in_stmt(s, true, keep_local, &w);
    check_undo_effect(c, d, &u);
}

/* An action of the user's that changes something says how that is undone, or that it is not. What it changes through
 * other actions is theirs to undo. */
void check_undo_missing(checker *c, decl_info *d) {
    const ast_decl *a = d->decl;
    if (d->file->builtin || a->effect != PB_CONTAIN || !c->b->acts || a->has_undo || a->undo_none.s) return;
    diag *m = diag_add(c->diags, DIAG_NO_UNDO, a->name.span, "`%.*s` cannot be undone", PB_ARG(d->name));
    check_hint(c, m, "write undo { ... } behind its body, or `undo none \"why it cannot be\"`");
}
