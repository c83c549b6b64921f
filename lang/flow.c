/*
 * flow.c - from a playbook's statements to its flow tree.
 *
 * A `where` becomes a test with two branches, one of which ends the run as skipped; `do ... else` has a branch for the
 * error. What is shown of a statement is its source text, because that is what people know.
 */
#include "lang/flow.h"

#include "lang/ast_walk.h"
#include "lang/source.h"

enum { TEXT_MAX = 160 };

typedef struct maker {
    const ast_program *program;
    pb_arena *arena;
    flow *flow;
    bool failed;
} maker;

typedef struct seq {
    flow_node *first, *last;
} seq;

static flow_node *sequence(maker *m, const ast_stmt *first);

/* ---- text ---- */

static pb_str checked(maker *m, pb_str s) {
    if (!s.s) m->failed = true;
    return s.s ? s : (pb_str){"", 0};
}

/* The source text of a span on one line. */
static pb_str text_of(maker *m, pb_span span) {
    return checked(m, source_folded(m->program->sources, span, TEXT_MAX, m->arena));
}

#define FORMAT(m, ...) checked((m), pb_printf((m)->arena, __VA_ARGS__))

/* ---- effects ---- */

static bool note_effect(void *ctx, const ast_expr *e) {
    pb_effect *most = ctx;
    if (e->kind == EXPR_CALL && (e->u.call.kind == CALL_ACTION || e->u.call.kind == CALL_HOST || e->u.call.kind == CALL_AWS) &&
        e->u.call.effect > *most)
        *most = e->u.call.effect;
    return true;
}

static pb_effect effect_of(const ast_stmt *s, bool blocks) {
    pb_effect most = PB_PURE;
    ast_each_in_stmt(s, blocks, note_effect, &most);
    return most;
}

/* ---- nodes ---- */

static flow_node *add(maker *m, seq *to, flow_kind kind, pb_effect effect, pb_str text, const ast_stmt *s) {
    flow_node *n = pb_alloc(m->arena, sizeof *n);
    uint32_t line = 0, column;
    if (!n) return m->failed = true, NULL;
    if (s) source_place(&m->program->sources->files[s->span.file], s->span.start, &line, &column);
    *n = (flow_node){.kind = kind, .effect = effect, .text = text, .number = ++m->flow->nnodes, .line = line};
    if (to->last)
        to->last->next = n;
    else
        to->first = n;
    to->last = n;
    return n;
}

static void branch(maker *m, flow_node *n, const char *label, flow_node *first) {
    flow_branch *b = n ? pb_alloc(m->arena, sizeof *b) : NULL, **at = n ? &n->branches : NULL;
    if (!b) {
        m->failed = true;
        return;
    }
    *b = (flow_branch){.label = pb_str_c(label), .first = first, .leaves = flow_leaves(first)};
    while (*at) at = &(*at)->next;
    *at = b;
}

bool flow_leaves(const flow_node *first) {
    const flow_node *n = first;
    while (n && n->next) n = n->next;
    if (!n) return false;
    if (n->kind == FLOW_END) return true;
    if (!n->branches || n->kind == FLOW_LOOP) return false;
    for (const flow_branch *b = n->branches; b; b = b->next)
        if (!b->leaves) return false;
    return true;
}

static flow_node *ending(maker *m, const char *text) {
    seq s = {0};
    add(m, &s, FLOW_END, PB_PURE, pb_str_c(text), NULL);
    return s.first;
}

/* ---- statements ---- */

static void add_where(maker *m, seq *to, const ast_stmt *s) {
    flow_node *n = add(m, to, FLOW_TEST, effect_of(s, false), FORMAT(m, "where %.*s", PB_ARG(text_of(m, s->expr->span))), s);
    branch(m, n, "yes", NULL);
    branch(m, n, "no", ending(m, "skipped"));
}

static void add_if(maker *m, seq *to, const ast_stmt *s) {
    flow_node *n = add(m, to, FLOW_TEST, effect_of(s, false), FORMAT(m, "if %.*s", PB_ARG(text_of(m, s->expr->span))), s);
    branch(m, n, "yes", sequence(m, s->body));
    branch(m, n, "no", sequence(m, s->other));
}

static void add_do(maker *m, seq *to, const ast_stmt *s) {
    pb_effect effect = effect_of(s, false);
    pb_str as = s->name.text.s ? FORMAT(m, " as %.*s", PB_ARG(s->name.text)) : (pb_str){"", 0};
    flow_node *n = add(m, to, effect > PB_READ ? FLOW_STEP : FLOW_READ, effect,
                       FORMAT(m, "%.*s%.*s", PB_ARG(text_of(m, s->expr->span)), PB_ARG(as)), s);
    if (!s->has_else) return;
    branch(m, n, "done", NULL);
    branch(m, n, "error", sequence(m, s->other));
}

static void add_let(maker *m, seq *to, const ast_stmt *s) {
    if (effect_of(s, false) < PB_READ) return;
    add(m, to, FLOW_READ, PB_READ, FORMAT(m, "%.*s = %.*s", PB_ARG(s->name.text), PB_ARG(text_of(m, s->expr->span))), s);
}

static void add_for(maker *m, seq *to, const ast_stmt *s) {
    flow_node *n = add(m, to, FLOW_LOOP, effect_of(s, true),
                       FORMAT(m, "for each %.*s in %.*s", PB_ARG(s->name.text), PB_ARG(text_of(m, s->expr->span))), s);
    branch(m, n, "each", sequence(m, s->body));
}

static void add_parallel(maker *m, seq *to, const ast_stmt *s) {
    flow_node *n = add(m, to, FLOW_PARALLEL, effect_of(s, true), PB_STR("at the same time"), s);
    for (const ast_stmt *b = s->body; b; b = b->next) {
        ast_stmt alone = *b; /* a branch is one statement */
        alone.next = NULL;
        branch(m, n, "", sequence(m, &alone));
    }
}

static pb_str approval_text(maker *m, const ast_stmt *s) {
    pb_str text = FORMAT(m, "approve %.*s", PB_ARG(text_of(m, s->expr->span)));
    if (s->retry) text = FORMAT(m, "%.*s, quorum %.*s", PB_ARG(text), PB_ARG(text_of(m, s->retry->span)));
    if (s->timeout) text = FORMAT(m, "%.*s, within %.*s", PB_ARG(text), PB_ARG(text_of(m, s->timeout->span)));
    return text;
}

static void add_approve(maker *m, seq *to, const ast_stmt *s) {
    flow_node *n = add(m, to, FLOW_ASK, effect_of(s, true), approval_text(m, s), s);
    flow_node *denied = sequence(m, s->other), *expired = sequence(m, s->third);
    branch(m, n, "granted", sequence(m, s->body));
    branch(m, n, "denied", denied ? denied : ending(m, "stopped: denied"));
    branch(m, n, "expired", expired ? expired : ending(m, "stopped: expired"));
}

static void add_in_account(maker *m, seq *to, const ast_stmt *s) {
    pb_str account = s->expr ? FORMAT(m, "account %.*s ", PB_ARG(text_of(m, s->expr->span))) : (pb_str){"", 0};
    pb_str region = s->expr2 ? FORMAT(m, "region %.*s", PB_ARG(text_of(m, s->expr2->span))) : (pb_str){"", 0};
    flow_node *n = add(m, to, FLOW_NOTE, effect_of(s, true), FORMAT(m, "in %.*s%.*s", PB_ARG(account), PB_ARG(region)), s);
    branch(m, n, "", sequence(m, s->body));
}

static void add_text(maker *m, seq *to, const ast_stmt *s, flow_kind kind, const char *word) {
    pb_effect effect = effect_of(s, false);
    add(m, to, kind, effect, FORMAT(m, "%s%.*s", word, PB_ARG(text_of(m, s->expr->span))), s);
}

static pb_str keys_of(maker *m, const ast_expr *map) {
    pb_str text = PB_STR("record");
    if (map->kind != EXPR_MAP) return text;
    for (const ast_arg *a = map->u.map; a; a = a->next)
        text = FORMAT(m, "%.*s%s%.*s", PB_ARG(text), a == map->u.map ? " " : ", ", PB_ARG(a->name.text));
    return text;
}

static void add_on_failure(maker *m, const ast_stmt *s) {
    if (s->undo)
        m->flow->undoes = true;
    else
        m->flow->on_failure = sequence(m, s->body);
}

static void add_stmt(maker *m, seq *to, const ast_stmt *s) {
    switch (s->kind) {
    case STMT_LET: add_let(m, to, s); break;
    case STMT_WHERE: add_where(m, to, s); break;
    case STMT_DO: add_do(m, to, s); break;
    case STMT_IF: add_if(m, to, s); break;
    case STMT_FOR: add_for(m, to, s); break;
    case STMT_PARALLEL: add_parallel(m, to, s); break;
    case STMT_RECORD: add(m, to, FLOW_RECORD, effect_of(s, false), keys_of(m, s->expr), s); break;
    case STMT_STOP: add_text(m, to, s, FLOW_END, "stop "); break;
    case STMT_FAIL: add_text(m, to, s, FLOW_END, "fail "); break;
    case STMT_RETURN: break; /* a playbook has none */
    case STMT_VERIFY: add_text(m, to, s, FLOW_NOTE, "verify "); break;
    case STMT_ON_FAILURE: add_on_failure(m, s); break;
    case STMT_APPROVE: add_approve(m, to, s); break;
    case STMT_WAIT: add_text(m, to, s, FLOW_WAIT, s->until ? "wait until " : "wait "); break;
    case STMT_AUTHORIZE:
        add(m, to, FLOW_NOTE, PB_PURE, FORMAT(m, "authorize \"%.*s\"", PB_ARG(s->name.text)), s);
        break;
    case STMT_IN_ACCOUNT: add_in_account(m, to, s); break;
    }
}

static flow_node *sequence(maker *m, const ast_stmt *first) {
    seq s = {0};
    for (; first && !m->failed; first = first->next) add_stmt(m, &s, first);
    return s.first;
}

/* ---- playbooks ---- */

pb_str flow_header(const ast_decl *d, const char *name) {
    for (const ast_clause *c = d->clauses; c; c = c->next) {
        if (!pb_str_is(c->name.text, name) || !c->value) continue;
        if (c->value->kind == EXPR_STRING) return c->value->u.string;
        if (c->value->kind == EXPR_NAME) return c->value->u.name.text;
    }
    return (pb_str){"", 0};
}

static pb_str event_text(maker *m, const ast_decl *d) {
    pb_str name = PB_STR("when");
    for (uint32_t i = 0; i < d->event.n; i++)
        name = FORMAT(m, "%.*s%s%.*s", PB_ARG(name), i ? "." : " ", PB_ARG(d->event.parts[i].text));
    return name;
}

static flow *flow_of(const ast_program *p, const ast_decl *d) {
    maker m = {.program = p, .arena = p->arena, .flow = pb_alloc(p->arena, sizeof(flow))};
    seq s = {0};
    if (!m.flow) return NULL;
    *m.flow = (flow){.name = d->name.parts[0].text,
                     .summary = flow_header(d, "summary"),
                     .tier = flow_header(d, "tier"),
                     .owner = flow_header(d, "owner"),
                     .version = flow_header(d, "version"),
                     .file = p->sources->files[d->file].path};
    add(&m, &s, FLOW_START, PB_PURE, event_text(&m, d), NULL);
    if (s.last) s.last->next = sequence(&m, d->body);
    while (s.last && s.last->next) s.last = s.last->next;
    if (!flow_leaves(s.first)) add(&m, &s, FLOW_END, PB_PURE, PB_STR("done"), NULL);
    m.flow->first = s.first;
    return m.failed ? NULL : m.flow;
}

flow *flow_of_program(const ast_program *p, pb_str only) {
    flow *first = NULL, **at = &first;
    for (const ast_file *f = p->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next) {
            if (d->kind != DECL_PLAYBOOK || (only.n && !pb_str_eq(only, d->name.parts[0].text))) continue;
            if (!only.n && source_is_test(&p->sources->files[f->file])) continue;
            *at = flow_of(p, d);
            if (!*at) return NULL;
            at = &(*at)->next;
        }
    return first;
}
