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

static void check_clauses(checker *c, decl_info *d, const clause_rule *rules, size_t n, diag_code unknown,
                          const char *what) {
    for (ast_clause *cl = d->decl->clauses; cl; cl = cl->next) {
        size_t i = 0;
        while (i < n && !pb_str_is(cl->name.text, rules[i].name)) i++;
        if (i < n) {
            if (!seen_before(c, d->decl->clauses, cl, what)) rules[i].check(c, d, cl);
            continue;
        }
        nearest near = nearest_to(cl->name.text);
        for (i = 0; i < n; i++) nearest_offer(&near, pb_str_c(rules[i].name));
        diag *m = diag_add(c->diags, unknown, cl->name.span, "there is no %s `%.*s`", what, PB_ARG(cl->name.text));
        nearest_hint(c, m, &near);
    }
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

static bool refuse(checker *c, const ast_clause *cl, diag_code code, const char *cure) {
    diag *m = diag_add(c->diags, code, cl->name.span,
                       "`%.*s` is part of the language, but this version cannot keep to it", PB_ARG(cl->name.text));
    check_hint(c, m, "%s", cure);
    return false;
}
static bool dedupe_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    return refuse(c, cl, DIAG_NA_DEDUPE, "leave it out: the library's actions do nothing when it is already done");
}
static bool limit_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    return refuse(c, cl, DIAG_NA_LIMIT, "leave it out and limit the rate of events where they come from");
}
static bool concurrency_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    return refuse(c, cl, DIAG_NA_CONCURRENCY, "leave it out and limit how many runs are started at once");
}
static bool timeout_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    return refuse(c, cl, DIAG_NA_TIMEOUT, "leave it out and give the steps their own: do ... timeout 30s");
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
    check_clauses(c, d, rules, sizeof rules / sizeof *rules, DIAG_UNKNOWN_HEADER, "header field");
    want_clause(c, d, "version", DIAG_NO_VERSION, "version \"1.0.0\"", "version \"1.0.0\"");
    want_clause(c, d, "summary", DIAG_NO_SUMMARY, "summary \"what it does, in one line\"", NULL);
    want_clause(c, d, "owner", DIAG_NO_OWNER, "owner \"team@example.com\"", NULL);
    want_clause(c, d, "tier", DIAG_NO_TIER,
                "it is taken as `tier auto`; write that, or `tier manual` if it must not change anything",
                "tier auto");
    want_clause(c, d, "controls", DIAG_NO_CONTROLS, "controls [\"SOC2-CC7.4\"]", NULL);
}

/* ---- events ---- */

static bool texts_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    set_type(c, cl->value);
    if (cl->value && cl->value->kind == EXPR_STRING && cl->value->u.string.n) return true;
    return is_texts(cl->value) || say_value(c, cl, "a constant text or a list of such");
}

static bool path_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    set_type(c, cl->value);
    if (!cl->value || cl->value->kind != EXPR_STRING) return say_value(c, cl, "a constant text");
    pb_str s = cl->value->u.string;
    for (uint32_t i = 0; i < s.n; i++)
        if ((s.s[i] == '.' && (i == 0 || i + 1 == s.n || s.s[i - 1] == '.')) || s.s[i] == ' ')
            return say_value(c, cl, "a path of names with dots between");
    return true;
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

static bool resources_clause(checker *c, decl_info *d, ast_clause *cl) {
    (void)d;
    return refuse(c, cl, DIAG_NA_RESOURCES, "leave it out; a playbook's `record` names what was affected");
}

static bool is_number(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9') return false;
    return s.n > 0;
}

static void say_bad_path(checker *c, const ast_clause *cl, pb_type *t, pb_str part) {
    pb_str type = check_type_text(c, type_base(t)), name;
    diag *m = diag_add(c->diags, DIAG_BAD_EVENT_PATH, cl->value->span, "`%.*s`: %.*s has no field `%.*s`",
                       PB_ARG(cl->name.text), PB_ARG(type), PB_ARG(part));
    nearest n = nearest_to(part);
    bool required;
    for (uint32_t i = 0; type_member_at(c->types, t, i, &name, NULL, &required); i++) nearest_offer(&n, name);
    nearest_hint(c, m, &n);
}

/* Follows "a.b.0.c" through the payload's type. */
static void check_event_path(checker *c, const ast_decl *d, const char *clause) {
    const ast_clause *cl = find_clause(d, clause);
    pb_type *t = d->ty;
    if (!cl || !cl->value || cl->value->kind != EXPR_STRING || !t) return;
    pb_str rest = cl->value->u.string;
    while (rest.n && t->kind != TYPE_POISON && t->kind != TYPE_JSON) {
        const char *dot = memchr(rest.s, '.', rest.n);
        pb_str part = {rest.s, dot ? (uint32_t)(dot - rest.s) : rest.n};
        rest = dot ? (pb_str){dot + 1, rest.n - part.n - 1} : (pb_str){NULL, 0};
        bool item = t->kind == TYPE_LIST && is_number(part);
        pb_type *next = item ? t->elem : t->kind == TYPE_MAP ? t->elem : type_member(c->types, t, part);
        if (!next) {
            say_bad_path(c, cl, t, part);
            return;
        }
        t = type_base(next);
    }
}

void check_event(checker *c, decl_info *d) {
    static const clause_rule rules[] = {
        {"source", texts_clause}, {"detail_type", texts_clause},  {"schema", schema_clause},
        {"payload", path_clause}, {"each", path_clause},          {"id", path_clause},
        {"threat", path_clause},  {"detected", path_clause},      {"account", path_clause},
        {"region", path_clause},  {"resources", resources_clause}};
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
}
