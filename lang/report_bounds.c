/*
 * report_bounds.c - how much a run can do at most: AWS calls, reads, writes, messages, approvals, waiting.
 *
 * Every run ends, so its work can be counted on the tree. What follows one another is added, of the ways of an `if` the
 * larger one counts, `retry 3` makes four, `verify` and `wait until` ask as often as their time allows. A `for` or
 * a comprehension over a list whose length is not written down gives a row of its own, "for each item of ...": the
 * length is the event's or AWS's to say. Nested ones name both lists. The figures are upper bounds: no run does more,
 * most do less.
 *
 * Not counted: pages of one read, tries that the client repeats after throttling, and what `pbrun undo` does later.
 */
#include "lang/report.h"

#include "lang/compile.h"

#include <json-c/json.h>
#include <stdio.h>

enum {
    DEPTH_MAX = 80, /* calls under one another; the language's limit is 64 */
    VERIFY_DEFAULT = 30000,
    POLL_FIRST = 250, /* as the VM waits between two looks of `verify`, in ms: doubled up to POLL_MAX */
    POLL_MAX = 4000,
    WAITER_POLL = 1000, /* no waiter of AWS asks more often */
    PAUSE_MAX = 60000,  /* of pause(): the host's limit */
    APPROVE_ROUNDS = 3, /* an approval that drifted is asked again, so often at most */
    APPROVE_DEFAULT = 1800 * 1000
};

typedef enum amount { CALLS, READS, WRITES, MESSAGES, APPROVALS, WAITING, AMOUNTS } amount;
static const char *const amount_names[] = {"calls", "reads", "writes", "messages", "approvals", "waiting_ms"};

/* So much for each combination of the items that the label names; the empty label: once. */
typedef struct term {
    struct term *next;
    pb_str label;
    uint64_t n[AMOUNTS];
} term;

typedef struct bound {
    term *terms;
    bool open; /* something in it is not bounded by a constant */
} bound;

typedef struct memo {
    struct memo *next;
    const ast_decl *decl;
    bound cost;
} memo;

typedef struct counter {
    ast_program *program;
    pb_arena *arena;
    memo *done[64];
    const ast_decl *in; /* whose body this is */
    unsigned depth;
} counter;

/* ---- bounds as values ---- */

static uint64_t plus(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }
static uint64_t times(uint64_t a, uint64_t b) { return b && a > UINT64_MAX / b ? UINT64_MAX : a * b; }

static const term *find(const bound *b, pb_str label) {
    for (const term *t = b->terms; t; t = t->next)
        if (pb_str_eq(t->label, label)) return t;
    return NULL;
}

static term *add_term(counter *k, bound *b, pb_str label) {
    term **end = &b->terms;
    while (*end) end = &(*end)->next;
    term *t = pb_alloc(k->arena, sizeof *t);
    if (t) t->label = label, *end = t;
    return t;
}

typedef uint64_t (*merge_fn)(uint64_t a, uint64_t b);
static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Term by term; `waiting` may be merged otherwise than the counts. */
static bound merged(counter *k, bound a, bound b, merge_fn counts, merge_fn waiting) {
    bound out = {NULL, a.open || b.open};
    static const term nothing = {0};
    for (int side = 0; side < 2; side++)
        for (const term *t = side ? b.terms : a.terms; t; t = t->next) {
            if (find(&out, t->label)) continue;
            const term *x = find(&a, t->label), *y = find(&b, t->label);
            term *n = add_term(k, &out, t->label);
            if (!n) return out;
            if (!x) x = &nothing;
            if (!y) y = &nothing;
            for (int i = 0; i < AMOUNTS; i++) n->n[i] = (i == WAITING ? waiting : counts)(x->n[i], y->n[i]);
        }
    return out;
}

static bound sum(counter *k, bound a, bound b) {
    if (!b.terms && !b.open) return a;
    if (!a.terms && !a.open) return b;
    return merged(k, a, b, plus, plus);
}
static bound most(counter *k, bound a, bound b) { return merged(k, a, b, larger, larger); }
static bound beside(counter *k, bound a, bound b) { return merged(k, a, b, plus, larger); }

static bound repeated(counter *k, bound a, uint64_t n) {
    bound out = {NULL, a.open};
    if (n == 1) return a;
    for (const term *t = a.terms; t && n; t = t->next) {
        term *m = add_term(k, &out, t->label);
        for (int i = 0; m && i < AMOUNTS; i++) m->n[i] = times(t->n[i], n);
    }
    return out;
}

static bound per_item(counter *k, bound a, pb_str label) {
    bound out = {NULL, a.open};
    for (const term *t = a.terms; t; t = t->next) {
        pb_str both =
            t->label.n ? pb_printf(k->arena, "%.*s, and in it of %.*s", PB_ARG(label), PB_ARG(t->label)) : label;
        term *m = add_term(k, &out, both);
        for (int i = 0; m && i < AMOUNTS; i++) m->n[i] = t->n[i];
    }
    return out;
}

static bound one(counter *k, amount what, uint64_t n) {
    bound b = {NULL, false};
    term *t = n ? add_term(k, &b, (pb_str){"", 0}) : NULL;
    if (t) t->n[what] = n;
    return b;
}

/* ---- lists ---- */

/* How many items a list has at most; false: that is not written down. */
static bool length_of(const ast_expr *e, uint64_t *n) {
    for (int i = 0; i < 32 && e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL && e->local && e->local->init; i++)
        e = e->local->init;
    if (e->kind == EXPR_COMP) return length_of(e->u.comp.list, n);
    if (e->kind != EXPR_LIST) return false;
    *n = 0;
    for (const ast_arg *a = e->u.list; a; a = a->next) ++*n;
    return true;
}

static pb_str decl_name(counter *k, const ast_decl *d) {
    pb_str s = d->name.n ? d->name.parts[0].text : (pb_str){"", 0};
    for (uint32_t i = 1; i < d->name.n; i++)
        s = pb_printf(k->arena, "%.*s.%.*s", PB_ARG(s), PB_ARG(d->name.parts[i].text));
    return s;
}

static pb_str list_label(counter *k, const ast_expr *list) {
    enum { SHOWN = 60 };
    const source_file *f = &k->program->sources->files[list->span.file];
    uint32_t n =
        list->span.end > list->span.start && list->span.end <= f->text.n ? list->span.end - list->span.start : 0;
    pb_str text = {f->text.s + list->span.start, n};
    const char *line = n ? memchr(text.s, '\n', n) : NULL;
    if (line) text.n = (uint32_t)(line - text.s);
    bool cut = line || text.n > SHOWN;
    if (text.n > SHOWN) text.n = SHOWN;
    pb_str in = k->in && k->in->kind != DECL_PLAYBOOK ? decl_name(k, k->in) : (pb_str){NULL, 0};
    return in.n ? pb_printf(k->arena, "`%.*s%s` (%.*s)", PB_ARG(text), cut ? "..." : "", PB_ARG(in))
                : pb_printf(k->arena, "`%.*s%s`", PB_ARG(text), cut ? "..." : "");
}

static bound over_list(counter *k, const ast_expr *list, bound body) {
    uint64_t n;
    if (!body.terms) return body;
    return length_of(list, &n) ? repeated(k, body, n) : per_item(k, body, list_label(k, list));
}

/* ---- expressions ---- */

static bound of_expr(counter *k, const ast_expr *e);
static bound of_stmts(counter *k, const ast_stmt *s);

static bound of_args(counter *k, const ast_arg *a) {
    bound b = {NULL, false};
    for (; a; a = a->next) b = sum(k, b, of_expr(k, a->value));
    return b;
}

static bound of_decl(counter *k, const ast_decl *d) {
    memo **at = &k->done[((uintptr_t)d >> 6) % (sizeof k->done / sizeof *k->done)];
    for (const memo *m = *at; m; m = m->next)
        if (m->decl == d) return m->cost;
    bound cost = {NULL, true};
    if (k->depth >= DEPTH_MAX) return cost;
    const ast_decl *in = k->in;
    k->in = d;
    k->depth++;
    cost = d->kind == DECL_FN ? of_expr(k, d->expr) : of_stmts(k, d->body);
    k->depth--;
    k->in = in;
    memo *m = pb_alloc(k->arena, sizeof *m);
    if (m) *m = (memo){*at, d, cost}, *at = m;
    return cost;
}

static bound of_aws(counter *k, const ast_expr *e) {
    pb_effect effect = e->u.call.effect;
    amount what = effect <= PB_READ ? READS : effect == PB_NOTIFY ? MESSAGES : WRITES;
    return sum(k, one(k, CALLS, 1), one(k, what, 1));
}

static bound of_host(counter *k, const ast_expr *e) {
    if (e->u.call.effect == PB_NOTIFY) return one(k, MESSAGES, 1);
    if (!pb_str_is(decl_name(k, e->u.call.decl), "pause")) return (bound){NULL, false};
    const ast_expr *time = e->u.call.nresolved ? e->u.call.resolved[0] : NULL;
    bool constant = time && time->kind == EXPR_DURATION && time->u.integer >= 0 && time->u.integer < PAUSE_MAX;
    return one(k, WAITING, constant ? (uint64_t)time->u.integer : PAUSE_MAX);
}

static bound of_call(counter *k, const ast_expr *e) {
    bound b = {NULL, false};
    if (e->u.call.kind == CALL_AWS)
        b = of_args(k, e->u.call.args);
    else
        for (uint32_t i = 0; i < e->u.call.nresolved; i++) b = sum(k, b, of_expr(k, e->u.call.resolved[i]));
    switch (e->u.call.kind) {
    case CALL_FN:
    case CALL_ACTION: return sum(k, b, of_decl(k, e->u.call.decl));
    case CALL_HOST: return sum(k, b, of_host(k, e));
    case CALL_AWS: return sum(k, b, of_aws(k, e));
    case CALL_BUILTIN:
    case CALL_UNRESOLVED: break;
    }
    return b;
}

static bound of_comp(counter *k, const ast_expr *e) {
    bound item = sum(k, of_expr(k, e->u.comp.value), of_expr(k, e->u.comp.cond));
    return sum(k, of_expr(k, e->u.comp.list), over_list(k, e->u.comp.list, item));
}

static bound of_expr(counter *k, const ast_expr *e) {
    if (!e) return (bound){NULL, false};
    switch (e->kind) {
    case EXPR_FIELD: return of_expr(k, e->u.field.of);
    case EXPR_INDEX:
    case EXPR_BINARY: return sum(k, of_expr(k, e->u.binary.left), of_expr(k, e->u.binary.right));
    case EXPR_CALL: return of_call(k, e);
    case EXPR_LIST:
    case EXPR_INTERP: return of_args(k, e->u.list);
    case EXPR_MAP: return of_args(k, e->u.map);
    case EXPR_NOT:
    case EXPR_NEG:
    case EXPR_EXISTS: return of_expr(k, e->u.unary);
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL: return of_comp(k, e);
    case EXPR_AS: return of_expr(k, e->u.as.value);
    case EXPR_NONE:
    case EXPR_BOOL:
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_DURATION:
    case EXPR_STRING:
    case EXPR_NAME: break;
    }
    return (bound){NULL, false};
}

/* ---- statements ---- */

static bool constant_ms(const ast_expr *e, uint64_t otherwise, uint64_t *ms) {
    *ms = otherwise;
    if (!e) return true;
    if (e->kind != EXPR_DURATION || e->u.integer < 0) return false;
    *ms = (uint64_t)e->u.integer;
    return true;
}

static bound of_verify(counter *k, const ast_stmt *s) {
    uint64_t limit, gone = 0, looks = 1;
    bool constant = constant_ms(s->timeout, VERIFY_DEFAULT, &limit);
    for (; gone < limit; looks++) {
        uint64_t wait = gone < POLL_MAX ? gone + POLL_FIRST : POLL_MAX;
        if (wait > POLL_MAX) wait = POLL_MAX;
        gone += wait < limit - gone ? wait : limit - gone;
    }
    bound b = sum(k, repeated(k, of_expr(k, s->expr), looks), one(k, WAITING, limit));
    b.open = b.open || !constant;
    return sum(k, b, of_expr(k, s->expr2));
}

static bound of_wait(counter *k, const ast_stmt *s) {
    uint64_t ms;
    if (s->until) {
        bound ask = of_expr(k, s->expr);
        return sum(k, repeated(k, ask, s->wait_ms / WAITER_POLL + 1), one(k, WAITING, s->wait_ms));
    }
    bool constant = constant_ms(s->expr, 0, &ms);
    bound b = sum(k, of_expr(k, s->expr), one(k, WAITING, ms));
    b.open = b.open || !constant;
    return b;
}

static bound of_captures(counter *k, const ast_stmt *s) {
    bound b = {NULL, false};
    for (const ast_capture *c = s->values; c; c = c->next) b = sum(k, b, of_expr(k, c->expr));
    for (const ast_capture *c = s->state; c; c = c->next) b = sum(k, b, of_expr(k, c->expr));
    return b;
}

static bound of_approve(counter *k, const ast_stmt *s) {
    uint64_t within;
    bool constant = constant_ms(s->timeout, APPROVE_DEFAULT, &within);
    bound ask = sum(k, one(k, APPROVALS, 1), one(k, WAITING, within));
    /* what it is bound to is read when it is asked and again when it is granted */
    ask = sum(k, sum(k, ask, of_expr(k, s->expr)), repeated(k, of_captures(k, s), 2));
    bound ways = most(k, of_stmts(k, s->body), most(k, of_stmts(k, s->other), of_stmts(k, s->third)));
    ways.open = ways.open || !constant;
    return sum(k, repeated(k, ask, APPROVE_ROUNDS), ways);
}

static bound of_do(counter *k, const ast_stmt *s) {
    uint64_t tries = 1 + (s->retry && s->retry->kind == EXPR_INT ? (uint64_t)s->retry->u.integer : 0);
    return sum(k, repeated(k, of_expr(k, s->expr), tries), of_stmts(k, s->other));
}

static bound of_parallel(counter *k, const ast_stmt *branch);

static bound of_stmt(counter *k, const ast_stmt *s) {
    switch (s->kind) {
    case STMT_DO: return of_do(k, s);
    case STMT_IF: return sum(k, of_expr(k, s->expr), most(k, of_stmts(k, s->body), of_stmts(k, s->other)));
    case STMT_FOR: return sum(k, of_expr(k, s->expr), over_list(k, s->expr, of_stmts(k, s->body)));
    case STMT_PARALLEL: return of_parallel(k, s->body);
    case STMT_VERIFY: return of_verify(k, s);
    case STMT_WAIT: return of_wait(k, s);
    case STMT_APPROVE: return of_approve(k, s);
    case STMT_LET:
    case STMT_WHERE:
    case STMT_RECORD:
    case STMT_STOP:
    case STMT_FAIL:
    case STMT_RETURN:
    case STMT_ON_FAILURE:
    case STMT_AUTHORIZE:
    case STMT_IN_ACCOUNT: break;
    }
    return sum(k, sum(k, of_expr(k, s->expr), of_expr(k, s->expr2)), of_stmts(k, s->body));
}

static bound of_stmts(counter *k, const ast_stmt *s) {
    bound b = {NULL, false};
    for (; s; s = s->next) b = sum(k, b, of_stmt(k, s));
    return b;
}

static bound of_parallel(counter *k, const ast_stmt *branch) {
    bound b = {NULL, false};
    for (; branch; branch = branch->next) b = beside(k, b, of_stmt(k, branch));
    return b;
}

/* ---- showing ---- */

static void put_time(char out[32], uint64_t ms) {
    uint64_t s = ms / 1000 + (ms % 1000 != 0), h = s / 3600, m = s / 60 % 60;
    if (h)
        snprintf(out, 32, "%lluh %llum", (unsigned long long)h, (unsigned long long)m);
    else if (m)
        snprintf(out, 32, "%llum %llus", (unsigned long long)m, (unsigned long long)(s % 60));
    else
        snprintf(out, 32, "%llus", (unsigned long long)s);
}

static void put_row(pb_buf *out, const term *t, const char *head, pb_str label) {
    char time[32];
    put_time(time, t->n[WAITING]);
    pb_buf_printf(out, "  %9llu %7llu %7llu %9llu %10llu %9s  %s%.*s\n", (unsigned long long)t->n[CALLS],
                  (unsigned long long)t->n[READS], (unsigned long long)t->n[WRITES], (unsigned long long)t->n[MESSAGES],
                  (unsigned long long)t->n[APPROVALS], time, head, PB_ARG(label));
}

static uint32_t line_of(const ast_program *p, const ast_decl *d) {
    uint32_t line, column;
    source_place(&p->sources->files[d->file], d->name.span.start, &line, &column);
    return line;
}

static void put_text(counter *k, const ast_decl *d, const bound *b, pb_buf *out) {
    static const term nothing = {0};
    const term *fixed = find(b, (pb_str){"", 0});
    pb_buf_printf(out, "%.*s (%.*s:%u)\n", PB_ARG(d->name.parts[0].text),
                  PB_ARG(k->program->sources->files[d->file].path), line_of(k->program, d));
    pb_buf_puts(out, "  AWS calls   reads  writes  messages  approvals   waiting\n");
    put_row(out, fixed ? fixed : &nothing, "in all", (pb_str){"", 0});
    for (const term *t = b->terms; t; t = t->next)
        if (t->label.n) put_row(out, t, "for each item of ", t->label);
    if (b->open) pb_buf_puts(out, "  and what a time that is not a constant allows\n");
}

static json_object *amounts_json(const term *t) {
    json_object *o = json_object_new_object();
    for (int i = 0; i < AMOUNTS; i++)
        json_object_object_add(o, amount_names[i], json_object_new_uint64(t ? t->n[i] : 0));
    return o;
}

static json_object *playbook_json(counter *k, const ast_decl *d, const bound *b) {
    json_object *o = json_object_new_object(), *items = json_object_new_array();
    pb_str name = d->name.parts[0].text, path = k->program->sources->files[d->file].path;
    json_object_object_add(o, "playbook", json_object_new_string_len(name.s, (int)name.n));
    json_object_object_add(o, "file", json_object_new_string_len(path.s, (int)path.n));
    json_object_object_add(o, "line", json_object_new_int64(line_of(k->program, d)));
    json_object_object_add(o, "at_most", amounts_json(find(b, (pb_str){"", 0})));
    for (const term *t = b->terms; t; t = t->next) {
        if (!t->label.n) continue;
        json_object *row = amounts_json(t);
        json_object_object_add(row, "each", json_object_new_string_len(t->label.s, (int)t->label.n));
        json_object_array_add(items, row);
    }
    json_object_object_add(o, "per_item", items);
    json_object_object_add(o, "open", json_object_new_boolean(b->open));
    return o;
}

void report_bounds(ast_program *p, bool json, pb_buf *out) {
    counter k = {.program = p, .arena = p->arena};
    json_object *list = json ? json_object_new_array() : NULL;
    for (const ast_file *f = p->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next) {
            if (d->kind != DECL_PLAYBOOK || source_is_test(&p->sources->files[f->file])) continue;
            k.in = d;
            bound b = of_stmts(&k, d->body);
            if (json)
                json_object_array_add(list, playbook_json(&k, d, &b));
            else
                put_text(&k, d, &b, out);
        }
    if (!json) return;
    const char *text = json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text)
        pb_buf_printf(out, "%s\n", text);
    else
        out->oom = true;
    json_object_put(list);
}
