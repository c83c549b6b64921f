/*
 * check_event.c - event declarations, and the headers of playbooks: both are lists of clauses with constant values.
 */
#include "lang/check.h"

/* ---- clauses of both ---- */

typedef struct clause_rule {
    const char *name;
    bool (*check)(checker *c, decl_info *d, ast_clause *cl);
} clause_rule;

static bool seen_before(checker *c, const ast_clause *first, const ast_clause *cl, const char *what) {
    for (; first != cl; first = first->next) {
        if (!pb_str_eq(first->name.text, cl->name.text)) continue;
        diag *d = diag_add(c->diags, DIAG_DUPLICATE_HEADER, cl->name.span, "%s `%.*s` is written twice", what,
                           PB_ARG(cl->name.text));
        check_also(d, first->name.span, "first written here");
        return true;
    }
    return false;
}

/* Nothing is near: all that there are. */
static void say_clauses(checker *c, diag *m, const clause_rule *rules, size_t n) {
    pb_str all = {"", 0};
    for (size_t i = 0; i < n && all.s; i++)
        all = pb_printf(c->arena, "%.*s%s%s", PB_ARG(all), i == 0 ? "" : i + 1 == n ? " and " : ", ", rules[i].name);
    if (all.s) check_hint(c, m, "there are %.*s", PB_ARG(all));
}

/* False: one of them does not exist. */
static bool check_clauses(checker *c, decl_info *d, const clause_rule *rules, size_t n, diag_code unknown,
                          const char *what) {
    bool known = true;
    for (ast_clause *cl = d->decl->clauses; cl; cl = cl->next) {
        size_t i = 0;
        while (i < n && !pb_str_is(cl->name.text, rules[i].name)) i++;
        if (i < n) {
            if (!seen_before(c, d->decl->clauses, cl, what)) rules[i].check(c, d, cl);
            continue;
        }
        known = false;
        nearest near = nearest_to(cl->name.text);
        for (i = 0; i < n; i++) nearest_offer(&near, pb_str_c(rules[i].name));
        diag *m = diag_add(c->diags, unknown, cl->name.span, "there is no %s `%.*s`", what, PB_ARG(cl->name.text));
        nearest_hint(c, m, &near);
        if (!near.best.n) say_clauses(c, m, rules, n);
    }
    return known;
}

static const ast_clause *find_clause(const ast_decl *d, const char *name) {
    for (const ast_clause *cl = d->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, name)) return cl;
    return NULL;
}

static bool say_value(checker *c, const ast_clause *cl, const char *must) {
    pb_span at = cl->value ? cl->value->span : cl->name.span;
    diag_add(c->diags, DIAG_BAD_HEADER, at, "`%.*s` must be %s", PB_ARG(cl->name.text), must);
    return false;
}

static void set_type(checker *c,
                     ast_expr *e) { /* clause values are not expressions of a body; codegen reads them as they are */
    if (!e) return;
    e->type = check_simple(c, e->kind == EXPR_STRING ? TYPE_STRING : TYPE_VOID);
    if (e->kind == EXPR_LIST)
        for (ast_arg *a = e->u.list; a; a = a->next) a->value->type = check_simple(c, TYPE_STRING);
}

static bool text_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    set_type(c, cl->value);
    if (cl->value && cl->value->kind == EXPR_STRING && cl->value->u.string.n) return true;
    return say_value(c, cl, "a constant text");
}

static bool is_texts(const ast_expr *e) {
    if (!e || e->kind != EXPR_LIST) return false;
    for (const ast_arg *a = e->u.list; a; a = a->next)
        if (a->value->kind != EXPR_STRING || !a->value->u.string.n) return false;
    return true;
}

/* ---- playbooks ---- */

static bool version_clause(checker *c, decl_info *d, ast_clause *cl) {
    if (!text_clause(c, d, cl)) return false;
    if (text_is_version(cl->value->u.string)) return true;
    return say_value(c, cl, "a version like \"1.2.3\"");
}

static bool tier_clause(checker *c, decl_info *d, ast_clause *cl) {
    static const char *const tiers[] = {"auto", "approve", "manual"};
    (void)d;
    set_type(c, cl->value);
    pb_str word = {NULL, 0};
    if (cl->value && cl->value->kind == EXPR_NAME) word = cl->value->u.name.text;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (word.s && pb_str_is(word, tiers[i])) return true;
    return say_value(c, cl, "auto, approve or manual");
}

static bool controls_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    set_type(c, cl->value);
    return is_texts(cl->value) || say_value(c, cl, "a list of constant texts, like [\"SOC2-CC7.4\"]");
}

/* How long something counts: image fields have 32 bits of milliseconds. */
enum { BOUND_MIN = 1000, LIMIT_MAX = 1000000, CONCURRENCY_MAX = 1000 };
#define BOUND_MAX (45 * 24 * 3600 * (int64_t)1000)

static bool check_bound(checker *c, ast_expr *e, const char *what) {
    e->type = check_simple(c, TYPE_DURATION);
    if (e->kind == EXPR_DURATION && e->u.integer >= BOUND_MIN && e->u.integer <= BOUND_MAX) return true;
    diag_add(c->diags, DIAG_BAD_LIMIT, e->span, "%s must be a constant from 1s to 45d", what);
    return false;
}

static bool check_number(checker *c, ast_expr *e, const char *what, int most) {
    e->type = check_simple(c, TYPE_INT);
    if (e->kind == EXPR_INT && e->u.integer >= 1 && e->u.integer <= most) return true;
    diag_add(c->diags, DIAG_BAD_LIMIT, e->span, "%s must be a constant from 1 to %d", what, most);
    return false;
}

/* The key itself is looked at when the event has its name: check_dedupe. */
static bool dedupe_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    if (cl->value2) return check_bound(c, cl->value2, "the time behind `within`");
    diag *m = diag_add(c->diags, DIAG_BAD_HEADER, cl->name.span, "`dedupe` does not say how long a repeat is one");
    check_hint(c, m, "dedupe by f.id within 1h");
    return false;
}

static bool say_limit_else(checker *c, const ast_clause *cl) {
    diag *m = diag_add(c->diags, DIAG_BAD_HEADER, cl->word.span, "`else` is followed by approve or stop, not by `%.*s`",
                       PB_ARG(cl->word.text));
    check_hint(c, m, "limit 5 per 1h else approve");
    return false;
}

static bool limit_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    if (cl->value) check_number(c, cl->value, "the number of runs of `limit`", LIMIT_MAX);
    if (cl->value2) check_bound(c, cl->value2, "the time behind `per`");
    if (pb_str_is(cl->word.text, "approve"))
        effect_call(c, cl->word.span, PB_STR("`limit ... else approve`"), PB_NOTIFY, false, true);
    else if (cl->word.text.s && !pb_str_is(cl->word.text, "stop"))
        return say_limit_else(c, cl);
    return true;
}
static bool concurrency_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    return !cl->value || check_number(c, cl->value, "`concurrency`", CONCURRENCY_MAX);
}

static bool timeout_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    return !cl->value || check_bound(c, cl->value, "the `timeout` of a playbook");
}

/* The key of an event: what can stand in a text. An absent one is no repeat of anything. */
void check_dedupe(checker *c, ast_decl *playbook) {
    const ast_clause *cl = find_clause(playbook, "dedupe");
    if (!cl || !cl->value) return;
    c->b->pure_because = "the key of `dedupe`, which decides whether the event is a repeat";
    pb_type *t = check_expr(c, cl->value, NULL);
    if (type_is_text(t) || type_is_number(t) || t->kind == TYPE_POISON || t->kind == TYPE_BOOL ||
        t->kind == TYPE_TIME || t->kind == TYPE_DURATION)
        return;
    pb_str type = check_type_text(c, t);
    diag *m = diag_add(c->diags, t->has_secret ? DIAG_SECRET_LEAK : DIAG_TYPE_MISMATCH, cl->value->span,
                       "the key of `dedupe` must be a text or a number, not %.*s", PB_ARG(type));
    check_hint(c, m, "name a field that is the same in every repeat, such as the id");
}

/* Behind the playbook's opening brace. */
static pb_span header_start(const checker *c, const ast_decl *d) {
    const source_set *set = c->program->sources;
    pb_str text = set && d->span.file < set->count ? set->files[d->span.file].text : (pb_str){NULL, 0};
    uint32_t at = d->name.span.end;
    while (at < text.n && (text.s[at] == ' ' || text.s[at] == '\n')) at++;
    bool found = at < text.n && text.s[at] == '{';
    return (pb_span){d->span.file, found ? at + 1 : 0, found ? at + 1 : 0};
}

/* `certain`: what can be written for everybody, or NULL. */
static void want_clause(checker *c, decl_info *d, const char *name, diag_code code, const char *example,
                        const char *certain) {
    if (find_clause(d->decl, name)) return;
    diag *m = diag_add(c->diags, code, d->decl->name.span, "playbook `%.*s` has no %s", PB_ARG(d->name), name);
    check_hint(c, m, "%s", example);
    pb_span at = header_start(c, d->decl);
    if (certain && at.start) diag_fix(c->diags, m, at, "\n  %s", certain);
}

void check_playbook_header(checker *c, decl_info *d) {
    static const clause_rule rules[] = {{"version", version_clause},   {"summary", text_clause},
                                        {"owner", text_clause},        {"tier", tier_clause},
                                        {"controls", controls_clause}, {"dedupe", dedupe_clause},
                                        {"limit", limit_clause},       {"concurrency", concurrency_clause},
                                        {"timeout", timeout_clause}};
    /* What is missing may well be what has the wrong name: that is one mistake. */
    if (!check_clauses(c, d, rules, sizeof rules / sizeof *rules, DIAG_UNKNOWN_HEADER, "header field")) return;
    want_clause(c, d, "version", DIAG_NO_VERSION, "version \"1.0.0\"", "version \"1.0.0\"");
    want_clause(c, d, "summary", DIAG_NO_SUMMARY, "summary \"what it does, in one line\"", NULL);
    want_clause(c, d, "owner", DIAG_NO_OWNER, "owner \"team@example.com\"", NULL);
    want_clause(c, d, "tier", DIAG_NO_TIER,
                "it is taken as `tier auto`; write that, or `tier manual` if it must not change anything", "tier auto");
    want_clause(c, d, "controls", DIAG_NO_CONTROLS, "controls [\"SOC2-CC7.4\"]", NULL);
}

/* ---- events ---- */

static bool texts_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    set_type(c, cl->value);
    if (cl->value && cl->value->kind == EXPR_STRING && cl->value->u.string.n) return true;
    return is_texts(cl->value) || say_value(c, cl, "a constant text or a list of such");
}

static bool is_path(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if ((s.s[i] == '.' && (i == 0 || i + 1 == s.n || s.s[i - 1] == '.')) || s.s[i] == ' ') return false;
    return true;
}

static bool path_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    set_type(c, cl->value);
    if (!cl->value || cl->value->kind != EXPR_STRING) return say_value(c, cl, "a constant text");
    return is_path(cl->value->u.string) || say_value(c, cl, "a path of names with dots between");
}

/* principal "a.b", principal ["a.b", "c.d"], resources("a.b", "c.d") */
static bool paths_clause(checker *c, decl_info *d, ast_clause *cl) {
    if (!cl->value || cl->value->kind != EXPR_LIST) return path_clause(c, d, cl);
    set_type(c, cl->value);
    bool good = is_texts(cl->value) && cl->value->u.list;
    for (const ast_arg *a = cl->value->u.list; good && a; a = a->next) good = is_path(a->value->u.string);
    return good || say_value(c, cl, "paths of names with dots between, as constant texts");
}

static bool schema_clause(checker *c, decl_info *d, ast_clause *cl) {
    pb_type *t = cl->type ? check_schema_type(c, d->file, cl->type) : c->poison;
    if (t->kind == TYPE_POISON || ((t->kind == TYPE_SHAPE || t->kind == TYPE_RECORD) && !t->optional)) {
        d->decl->ty = t;
        return true;
    }
    pb_str type = check_type_text(c, t);
    diag *m = diag_add(c->diags, DIAG_BAD_HEADER, cl->type->span,
                       "the schema of an event is a record or an AWS structure, not %.*s", PB_ARG(type));
    check_hint(c, m, "declare a `type` with the fields you need; further ones in the event do no harm");
    return false;
}

static bool is_number(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9') return false;
    return s.n > 0;
}

static void say_bad_path(checker *c, const ast_clause *cl, const ast_expr *e, pb_type *t, pb_str part) {
    pb_str type = check_type_text(c, type_base(t)), name;
    diag *m = diag_add(c->diags, DIAG_BAD_EVENT_PATH, e->span, "`%.*s`: %.*s has no field `%.*s`",
                       PB_ARG(cl->name.text), PB_ARG(type), PB_ARG(part));
    nearest n = nearest_to(part);
    bool required;
    for (uint32_t i = 0; type_member_at(c->types, t, i, &name, NULL, &required); i++) nearest_offer(&n, name);
    nearest_hint(c, m, &n);
}

/* Follows "a.b.0.c" through the payload's type. */
static void follow_path(checker *c, const ast_decl *d, const ast_clause *cl, const ast_expr *e) {
    pb_type *t = d->ty;
    if (e->kind != EXPR_STRING || !t) return;
    if (!is_path(e->u.string)) return; /* said so already */
    pb_str rest = e->u.string;
    while (rest.n && t->kind != TYPE_POISON && t->kind != TYPE_JSON) {
        const char *dot = memchr(rest.s, '.', rest.n);
        pb_str part = {rest.s, dot ? (uint32_t)(dot - rest.s) : rest.n};
        rest = dot ? (pb_str){dot + 1, rest.n - part.n - 1} : (pb_str){NULL, 0};
        bool item = t->kind == TYPE_LIST && is_number(part);
        pb_type *next = item ? t->elem : t->kind == TYPE_MAP ? t->elem : type_member(c->types, t, part);
        if (!next) {
            say_bad_path(c, cl, e, t, part);
            return;
        }
        t = type_base(next);
    }
}

/* A path, or several in a list. */
static void check_event_path(checker *c, const ast_decl *d, const char *clause) {
    const ast_clause *cl = find_clause(d, clause);
    if (!cl || !cl->value) return;
    if (cl->value->kind != EXPR_LIST) follow_path(c, d, cl, cl->value);
    for (const ast_arg *a = cl->value->kind == EXPR_LIST ? cl->value->u.list : NULL; a; a = a->next)
        follow_path(c, d, cl, a->value);
}

void check_event(checker *c, decl_info *d) {
    static const clause_rule rules[] = {
        {"source", texts_clause},   {"detail_type", texts_clause}, {"schema", schema_clause},
        {"payload", path_clause},   {"each", path_clause},         {"id", path_clause},
        {"threat", path_clause},    {"detected", path_clause},     {"account", path_clause},
        {"region", path_clause},    {"sample", path_clause},       {"principal", paths_clause},
        {"resources", paths_clause}};
    d->decl->ty = c->poison;
    check_clauses(c, d, rules, sizeof rules / sizeof *rules, DIAG_UNKNOWN_CLAUSE, "clause");
    if (!find_clause(d->decl, "schema")) {
        diag *m =
            diag_add(c->diags, DIAG_UNKNOWN_CLAUSE, d->decl->name.span, "event `%.*s` has no schema", PB_ARG(d->name));
        check_hint(c, m, "write `schema T` with a record type or an AWS shape");
    }
    check_event_path(c, d->decl, "id");
    check_event_path(c, d->decl, "threat");
    check_event_path(c, d->decl, "detected");
    check_event_path(c, d->decl, "account");
    check_event_path(c, d->decl, "region");
    check_event_path(c, d->decl, "principal");
    check_event_path(c, d->decl, "resources"); /* not sample: models lack the mark that findings bear */
}
