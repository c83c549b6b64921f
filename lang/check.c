/*
 * check.c - the driver of the checker, and the small helpers that all of its files use.
 *
 * The order is: collect every declaration's name (resolve.c); resolve types, signatures and events; only then look into
 * bodies, so that declarations may stand in any order; at last look for circles of calls. Each mistake is said
 * once: what is wrong gets the type poison, and nothing is said about poison.
 *
 * The built-in sources are checked like the user's. They are correct, so that costs time only: some
 * hundred microseconds.
 */
#include "lang/check.h"

#include "lang/analyse.h"

/* ---- helpers ---- */

pb_str check_source(checker *c, pb_span span, const char *otherwise) {
    enum { SHORT = 48 }; /* longer ones would bury the message */
    const source_set *set = c->program->sources;
    if (!set || span.file >= set->count || span.end <= span.start || span.end - span.start > SHORT)
        return pb_str_c(otherwise);
    const source_file *f = &set->files[span.file];
    if (span.end > f->text.n || memchr(f->text.s + span.start, '\n', span.end - span.start)) return pb_str_c(otherwise);
    return pb_printf(c->arena, "`%.*s`", (int)(span.end - span.start), f->text.s + span.start);
}

void check_hint(checker *c, diag *d, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    d->hint = pb_vprintf(c->arena, fmt, ap);
    va_end(ap);
}

void check_also(diag *d, pb_span span, const char *message) {
    d->also = span;
    d->also_message = pb_str_c(message);
}

pb_str check_path_text(checker *c, const ast_path *p) {
    pb_str s = p->n ? p->parts[0].text : (pb_str){NULL, 0};
    for (uint32_t i = 1; i < p->n; i++) s = pb_printf(c->arena, "%.*s.%.*s", PB_ARG(s), PB_ARG(p->parts[i].text));
    return s;
}

pb_type *check_simple(checker *c, type_kind kind) { return type_simple(c->types, kind); }
pb_str check_type_text(checker *c, const pb_type *t) { return type_text(c->arena, t); }

/* ---- nearest names ---- */

nearest nearest_to(pb_str want) {
    enum { LEAST = 2, MOST = 5 };
    unsigned cap = want.n / 3 + 1;
    cap = cap < LEAST ? LEAST : cap > MOST ? MOST : cap;
    return (nearest){.want = want, .distance = cap, .cap = cap};
}

static char lower(char ch) { return ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch; }

static bool equal_but_case(pb_str a, pb_str b) {
    if (a.n != b.n) return false;
    for (uint32_t i = 0; i < a.n; i++)
        if (lower(a.s[i]) != lower(b.s[i])) return false;
    return true;
}

void nearest_offer(nearest *n, pb_str candidate) {
    if (!n->distance || !candidate.n) return;
    unsigned d = equal_but_case(n->want, candidate) ? 0 : pb_edit_distance(n->want, candidate, n->distance + 1);
    if (d == n->distance && n->best.n && !pb_str_eq(n->best, candidate)) n->tie = true;
    if (d >= n->distance || d >= n->want.n) return;
    n->distance = d;
    n->best = candidate;
    n->tie = false;
}

/* One letter or two in a name of some length, and no other name as near: that is what was meant. */
static bool is_certain(const nearest *n) {
    enum { LETTERS = 2, SHORT = 5 };
    return !n->tie && n->distance <= LETTERS && (n->distance < LETTERS || n->want.n > SHORT);
}

/* The wrong name stands at the message's place, as it is or in quotes. */
static void offer_fix(checker *c, diag *d, const nearest *n) {
    const source_set *set = c->program->sources;
    if (!is_certain(n) || !set || d->span.file >= set->count || d->span.end > set->files[d->span.file].text.n) return;
    pb_str text = {set->files[d->span.file].text.s + d->span.start, d->span.end - d->span.start};
    if (pb_str_eq(text, n->want))
        diag_fix(c->diags, d, d->span, "%.*s", PB_ARG(n->best));
    else if (text.n == n->want.n + 2 && text.s[0] == '"' && memcmp(text.s + 1, n->want.s, n->want.n) == 0)
        diag_fix(c->diags, d, d->span, "\"%.*s\"", PB_ARG(n->best));
}

void nearest_hint(checker *c, diag *d, const nearest *n) {
    if (!n->best.n) return;
    check_hint(c, d, "did you mean `%.*s`?", PB_ARG(n->best));
    offer_fix(c, d, n);
}

/* ---- the driver ---- */

static pb_type *record_of(checker *c, const char *name, const char *const *fields, const type_kind *kinds,
                          const bool *optional, size_t n) {
    type_field *first = NULL, **end = &first;
    for (size_t i = 0; i < n; i++) {
        type_field *f = pb_alloc(c->arena, sizeof *f);
        if (!f) return c->poison;
        f->name = pb_str_c(fields[i]);
        f->type = optional[i] ? type_opt(c->types, check_simple(c, kinds[i])) : check_simple(c, kinds[i]);
        *end = f;
        end = &f->next;
    }
    return type_record(c->types, pb_str_c(name), first);
}

/* What `run` and `error` are. An event need not name an account or region, and a time only if its envelope has one. */
static void make_records(checker *c) {
    static const char *const run[] = {"id",     "incident_id", "playbook", "account",
                                      "region", "event_time",  "started",  "dry_run"};
    static const type_kind run_kinds[] = {TYPE_STRING, TYPE_STRING, TYPE_STRING, TYPE_STRING,
                                          TYPE_STRING, TYPE_TIME,   TYPE_TIME,   TYPE_BOOL};
    static const bool run_optional[] = {false, false, false, true, true, true, false, false};
    static const char *const error[] = {"code", "message", "conflict", "throttled", "status"};
    static const type_kind error_kinds[] = {TYPE_STRING, TYPE_STRING, TYPE_BOOL, TYPE_BOOL, TYPE_INT};
    static const bool error_optional[] = {false, false, false, false, true};
    c->run = record_of(c, "run", run, run_kinds, run_optional, sizeof run / sizeof *run);
    c->error = record_of(c, "error", error, error_kinds, error_optional, sizeof error / sizeof *error);
    static const char *const undone[] = {"changed", "detail"};
    static const type_kind undone_kinds[] = {TYPE_BOOL, TYPE_STRING};
    static const bool undone_optional[] = {false, true};
    c->undone = record_of(c, "", undone, undone_kinds, undone_optional, sizeof undone / sizeof *undone);
}

static bool start(checker *c) {
    c->types = type_store_new(c->arena, c->schema);
    if (!c->types) return false;
    c->poison = check_simple(c, TYPE_POISON);
    c->any = pb_alloc(c->arena, sizeof *c->any);
    if (!c->any) return false;
    *c->any = *c->poison;
    make_records(c);
    return resolve_all(c);
}

bool check_program(ast_program *p, const pb_schema *schema, diag_list *diags) {
    checker *c = pb_alloc(p->arena, sizeof *c);
    if (!c) return false;
    c->program = p, c->arena = p->arena, c->schema = schema, c->diags = diags;
    size_t before = diag_count(diags, DIAG_ERROR);
    if (!start(c)) return false;
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *d = c->files[i].decls; d; d = d->next) check_declare(c, d);
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *d = c->files[i].decls; d; d = d->next) check_body(c, d);
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *d = c->files[i].decls; d; d = d->next)
            if (d->decl->kind == DECL_TEST) check_test(c, d);
    effect_circles(c);
    if (diag_count(diags, DIAG_ERROR) == before && !pb_arena_failed(p->arena)) analyse_program(c);
    allow_apply(c, diag_count(diags, DIAG_ERROR) == before);
    return diag_count(diags, DIAG_ERROR) == before && !pb_arena_failed(p->arena) && !diag_oom(diags);
}
