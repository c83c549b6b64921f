/*
 * check_site.c - what is said about one deployment: the site block, and `in account A region R { }`.
 *
 * A site block holds one deployment's set-up, as entries of three forms: `name { key: value }`, `name value`, and
 * `name "which one" { key: value }` for people and groups. What there is stands in settings.def. A value is a constant
 * or the name of a deployment parameter that the file sees: what it is, is then known when pbrun starts. Secrets are
 * always parameters.
 */
#include "lang/check.h"

enum {
    ROLE_MAX = 512 + 64,
    EXTERNAL_ID_MAX = 1224,
    EXTERNAL_ID_MIN = 2,
    CHANNEL_MAX = 80, /* Slack's own limit of names */
    TEXT_MAX = 2048,
    COUNT_MAX = 10,      /* people: the only numbers there are */
    SPAN_MIN = 60 * 1000 /* ms: the only durations are how long an approval waits */
};
#define SPAN_MAX (30 * 24 * 3600 * (int64_t)1000)

/* ---- forms ---- */

/* [\w+=,.@/-], as IAM has it: a role's name, with its path in front when it has one. */
static bool is_role(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!letter && !strchr("_+=,.@/-", ch)) return false;
    }
    return s.n > 0 && s.n <= ROLE_MAX && s.s[0] != '/' && s.s[s.n - 1] != '/';
}

static bool is_external_id(pb_str s) { return s.n >= EXTERNAL_ID_MIN && s.n <= EXTERNAL_ID_MAX; }

/* Printable, no white space: names, ids, addresses. */
static bool is_word(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if ((unsigned char)s.s[i] <= ' ' || s.s[i] == 0x7f) return false;
    return s.n && s.n <= TEXT_MAX;
}

static bool begins(pb_str s, const char *z) {
    uint32_t n = (uint32_t)strlen(z);
    return s.n > n && memcmp(s.s, z, n) == 0;
}

static bool is_arn(pb_str s) { return is_word(s) && text_is_arn(s); }
static bool is_store(pb_str s) { return is_word(s) && begins(s, "sqlite:///"); }
static bool is_url(pb_str s) { return is_word(s) && (begins(s, "https://") || begins(s, "http://")); }
static bool is_channel(pb_str s) { return is_word(s) && s.n <= CHANNEL_MAX && !pb_str_is(s, "#"); }

static bool is_item(pb_str s) { /* a table named by its ARN has a slash of its own */
    const char *last = is_word(s) ? memrchr(s.s, '/', s.n) : NULL;
    return last && last > s.s && last + 1 < s.s + s.n;
}

/* A star alone would protect everything of the kind: then nothing could ever be contained. */
static bool is_pattern(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] != '*' && s.s[i] != '?') return is_word(s);
    return false;
}

/* ---- in account, region ---- */

static void say_bad_place(checker *c, const ast_expr *e, const char *what, const char *form) {
    diag *d = diag_add(c->diags, DIAG_BAD_LITERAL, e->span, "`%.*s` is not an %s", PB_ARG(e->u.string), what);
    check_hint(c, d, "%s", form);
}

static void check_place(checker *c, ast_expr *e, const char *part, const char *what, bool (*is)(pb_str),
                        const char *form) {
    if (!e || check_value(c, e, check_simple(c, TYPE_STRING), pb_str_c(part))->kind == TYPE_POISON) return;
    if (e->kind != EXPR_STRING) return;
    if (!is(e->u.string)) {
        say_bad_place(c, e, what, form);
        return;
    }
    if (c->b->file->builtin) return;
    diag *d = diag_add(c->diags, DIAG_HARD_CODED_PLACE, e->span, "the %s `%.*s` is written into the source", what + 4,
                       PB_ARG(e->u.string));
    check_hint(c, d, "make it a `param`, or take it from the event: each deployment has accounts of its own");
}

bool check_in_account(checker *c, ast_stmt *s) {
    check_place(c, s->expr, "the account", "AWS account id", text_is_account,
                "an account id is a text of 12 digits, such as \"123456789012\"");
    check_place(c, s->expr2, "the region", "AWS region", text_is_region, "a region looks like \"eu-central-1\"");
    return check_block(c, s->body);
}

/* ---- the settings there are ---- */

typedef enum setting_kind { TEXT, SECRET, TEXT_OR_SECRET, LIST, COUNT, SPAN, YES } setting_kind;

typedef struct setting_rule {
    const char *section, *key; /* key "": the entry is its value */
    setting_kind kind;
    bool must;
    bool (*is)(pb_str); /* NULL: any */
    const char *form;
} setting_rule;

static const setting_rule rules[] = {
#define SETTING(section, key, kind, must, form, text) {section, key, kind, must, form, text},
#include "lang/settings.def"
#undef SETTING
};
enum { RULES = sizeof rules / sizeof *rules };

static bool is_named(pb_str section) { return pb_str_is(section, "person") || pb_str_is(section, "group"); }

static const setting_rule *find_rule(pb_str section, pb_str key) {
    for (int i = 0; i < RULES; i++)
        if (pb_str_is(section, rules[i].section) && pb_str_is(key, rules[i].key)) return &rules[i];
    return NULL;
}

static const setting_rule *first_rule(pb_str section) {
    for (int i = 0; i < RULES; i++)
        if (pb_str_is(section, rules[i].section)) return &rules[i];
    return NULL;
}

static pb_str label(checker *c, const setting_rule *r) {
    if (!*r->key) return pb_printf(c->arena, "`%s`", r->section);
    return pb_printf(c->arena, "`%s` of `%s`", r->key, r->section);
}

/* ---- values ---- */

static bool say_form(checker *c, const ast_expr *e, const setting_rule *r) {
    pb_str what = label(c, r);
    diag_add(c->diags, DIAG_BAD_HEADER, e->span, "%.*s must be %s", PB_ARG(what), r->form);
    return false;
}

static type_kind wanted(const setting_rule *r) {
    switch (r->kind) {
    case SECRET: return TYPE_SECRET;
    case COUNT: return TYPE_INT;
    case SPAN: return TYPE_DURATION;
    case YES: return TYPE_BOOL;
    default: return TYPE_STRING;
    }
}

static bool param_fits(const setting_rule *r, const pb_type *t) {
    if (t->kind == TYPE_POISON || t->kind == wanted(r)) return true;
    if (r->kind == TEXT_OR_SECRET && t->kind == TYPE_SECRET) return true;
    if (r->kind == LIST && t->kind == TYPE_LIST) return t->elem->kind == TYPE_STRING;
    return t->kind == TYPE_ARN && wanted(r) == TYPE_STRING;
}

static void check_param_setting(checker *c, const decl_info *site, ast_expr *e, const setting_rule *r) {
    decl_info *p = e->kind == EXPR_NAME ? resolve_name(c, site->file, NAMES_VALUE, e->u.name.text) : NULL;
    pb_str what = label(c, r);
    e->type = c->poison;
    if (!p || p->decl->kind != DECL_PARAM) {
        diag *d = diag_add(c->diags, DIAG_NOT_CONSTANT, e->span,
                           r->kind == SECRET ? "%.*s takes the name of a `param` of type secret"
                                             : "%.*s takes a constant or the name of a `param`",
                           PB_ARG(what));
        check_hint(c, d, "it is %s", r->form);
        return;
    }
    check_declare(c, p);
    e->type = p->decl->ty ? p->decl->ty : c->poison;
    e->name_kind = NAME_PARAM;
    e->param = p->decl;
    if (param_fits(r, e->type)) return;
    pb_str type = check_type_text(c, e->type), need = check_type_text(c, check_simple(c, wanted(r)));
    diag_add(c->diags, DIAG_TYPE_MISMATCH, e->span, "%.*s takes a %.*s, but the parameter is %.*s", PB_ARG(what),
             PB_ARG(need), PB_ARG(type));
}

static void check_text(checker *c, ast_expr *e, const setting_rule *r) {
    e->type = check_simple(c, TYPE_STRING);
    if (r->kind == SECRET) {
        pb_str what = label(c, r);
        diag *d = diag_add(c->diags, DIAG_SECRET_LEAK, e->span, "%.*s is a secret, which must not stand in the source",
                           PB_ARG(what));
        check_hint(c, d, "declare `param %s: secret`, name it here and set it from the environment", r->key);
    } else if (r->kind == COUNT || r->kind == SPAN || r->kind == YES || (r->is && !r->is(e->u.string))) {
        say_form(c, e, r);
    }
}

/* A literal of the kind that is wanted. */
static void check_literal(checker *c, ast_expr *e, const setting_rule *r) {
    bool fits = false;
    if (e->kind == EXPR_INT) fits = r->kind == COUNT && e->u.integer >= 1 && e->u.integer <= COUNT_MAX;
    if (e->kind == EXPR_DURATION) fits = r->kind == SPAN && e->u.integer >= SPAN_MIN && e->u.integer <= SPAN_MAX;
    if (e->kind == EXPR_BOOL) fits = r->kind == YES;
    e->type = check_simple(c, wanted(r));
    if (!fits) say_form(c, e, r);
}

static void check_setting(checker *c, const decl_info *site, ast_expr *e, const setting_rule *r) {
    switch (e->kind) {
    case EXPR_STRING: check_text(c, e, r); break;
    case EXPR_INT:
    case EXPR_DURATION:
    case EXPR_BOOL: check_literal(c, e, r); break;
    case EXPR_LIST:
        e->type = check_simple(c, TYPE_VOID);
        if (r->kind != LIST) say_form(c, e, r);
        for (ast_arg *a = e->u.list; a && r->kind == LIST; a = a->next)
            if (a->value->kind == EXPR_STRING)
                check_text(c, a->value, r);
            else
                check_param_setting(c, site, a->value, r);
        break;
    default: check_param_setting(c, site, e, r); break;
    }
}

/* ---- entries ---- */

static const setting_rule *rule_of(checker *c, const ast_arg *a, const ast_clause *cl) {
    const setting_rule *r = a->name.text.n ? find_rule(cl->name.text, a->name.text) : NULL;
    if (r) return r;
    nearest near = nearest_to(a->name.text);
    for (int i = 0; i < RULES; i++)
        if (pb_str_is(cl->name.text, rules[i].section)) nearest_offer(&near, pb_str_c(rules[i].key));
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_CLAUSE, a->name.span, "`%.*s` has no setting `%.*s`",
                       PB_ARG(cl->name.text), PB_ARG(a->name.text));
    nearest_hint(c, d, &near);
    return NULL;
}

static const ast_arg *setting(const ast_expr *map, pb_str name) {
    const ast_arg *a = map && map->kind == EXPR_MAP ? map->u.map : NULL;
    while (a && !pb_str_eq(a->name.text, name)) a = a->next;
    return a;
}

static void check_settings(checker *c, const decl_info *site, const ast_clause *cl, ast_expr *map) {
    map->type = check_simple(c, TYPE_VOID); /* settings are read as they are written */
    for (const ast_arg *a = map->u.map; a; a = a->next) {
        const ast_arg *first = setting(map, a->name.text);
        const setting_rule *r = rule_of(c, a, cl);
        if (first != a) {
            diag *d = diag_add(c->diags, DIAG_DUPLICATE_HEADER, a->name.span, "setting `%.*s` is written twice",
                               PB_ARG(a->name.text));
            check_also(d, first->name.span, "first written here");
        } else if (r) {
            check_setting(c, site, a->value, r);
        }
    }
    for (int i = 0; i < RULES; i++) {
        if (!pb_str_is(cl->name.text, rules[i].section) || !rules[i].must || setting(map, pb_str_c(rules[i].key)))
            continue;
        diag *d =
            diag_add(c->diags, DIAG_BAD_HEADER, cl->name.span, "`%s` has no `%s`", rules[i].section, rules[i].key);
        check_hint(c, d, "`%s` is %s", rules[i].key, rules[i].form);
    }
}

/* The entry that has this section and name; NULL: there is none. */
static const ast_clause *named_entry(const ast_decl *site, const char *section, pb_str name) {
    for (const ast_clause *cl = site->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, section) && cl->value2 && cl->value && cl->value->kind == EXPR_STRING &&
            pb_str_eq(cl->value->u.string, name))
            return cl;
    return NULL;
}

static bool knows_people(const ast_decl *site) {
    for (const ast_clause *cl = site->clauses; cl; cl = cl->next)
        if (is_named(cl->name.text)) return true;
    return false;
}

static void say_no_person(checker *c, const ast_decl *site, const char *section, const ast_expr *e) {
    diag *d =
        diag_add(c->diags, DIAG_UNKNOWN_PERSON, e->span, "the site has no %s \"%.*s\"", section, PB_ARG(e->u.string));
    nearest n = nearest_to(e->u.string);
    for (const ast_clause *cl = site->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, section) && cl->value && cl->value->kind == EXPR_STRING)
            nearest_offer(&n, cl->value->u.string);
    if (n.best.n)
        nearest_hint(c, d, &n);
    else
        check_hint(c, d, "add it: %s \"%.*s\" { ... }", section, PB_ARG(e->u.string));
}

static void check_group(checker *c, const decl_info *site, const ast_clause *cl) {
    const ast_arg *people = setting(cl->value2, PB_STR("people"));
    if (!people && !setting(cl->value2, PB_STR("slack_group"))) {
        diag *d = diag_add(c->diags, DIAG_BAD_HEADER, cl->value->span, "the group has nobody in it");
        check_hint(c, d, "people: [\"alice\", \"bob\"], or the slack_group that has them");
    }
    const ast_expr *e = people ? people->value : NULL;
    if (e && e->kind == EXPR_STRING && !named_entry(site->decl, "person", e->u.string))
        say_no_person(c, site->decl, "person", e);
    for (const ast_arg *a = e && e->kind == EXPR_LIST ? e->u.list : NULL; a; a = a->next)
        if (a->value->kind == EXPR_STRING && !named_entry(site->decl, "person", a->value->u.string))
            say_no_person(c, site->decl, "person", a->value);
}

static void check_named_entry(checker *c, decl_info *site, ast_clause *cl) {
    if (!cl->value || cl->value->kind != EXPR_STRING || !is_word(cl->value->u.string) || !cl->value2) {
        diag *d = diag_add(c->diags, DIAG_BAD_HEADER, cl->name.span,
                           "`%.*s` is followed by a name and its settings in { }", PB_ARG(cl->name.text));
        check_hint(c, d,
                   pb_str_is(cl->name.text, "person") ? "person \"alice\" { slack: \"U0123ABCD\" }"
                                                      : "group \"secops-oncall\" { people: [\"alice\"] }");
        return;
    }
    cl->value->type = check_simple(c, TYPE_STRING);
    const char *section = pb_str_is(cl->name.text, "person") ? "person" : "group";
    const ast_clause *first = named_entry(site->decl, section, cl->value->u.string);
    if (first != cl) {
        diag *d = diag_add(c->diags, DIAG_DUPLICATE_HEADER, cl->value->span, "%s \"%.*s\" is written twice", section,
                           PB_ARG(cl->value->u.string));
        check_also(d, first->value->span, "first written here");
    }
    check_settings(c, site, cl, cl->value2);
    if (*section == 'p' && !cl->value2->u.map) {
        diag *d =
            diag_add(c->diags, DIAG_BAD_HEADER, cl->value->span, "the person has nothing by which they are known");
        check_hint(c, d, "slack, arn, login or mail");
    }
    if (pb_str_is(cl->name.text, "group")) check_group(c, site, cl);
}

static const char *example_of(const char *section) {
    return strcmp(section, "accounts") == 0    ? "accounts { role: \"IncidentResponder\" }"
           : strcmp(section, "approvals") == 0 ? "approvals { via: \"#approvals\" by: \"secops\" }"
           : strcmp(section, "protect") == 0   ? "protect { principals: [\"break-glass\"] }"
           : strcmp(section, "slack") == 0     ? "slack { signing_secret: slack_secret }"
           : strcmp(section, "serve") == 0     ? "serve { url: \"https://pb.example.com\" }"
                                               : "kill_switch { ssm: \"/pbrun/kill-switch\" }";
}

static void check_entry(checker *c, decl_info *site, ast_clause *cl, const setting_rule *r) {
    if (is_named(cl->name.text)) {
        check_named_entry(c, site, cl);
    } else if (!*r->key) {
        if (cl->value2)
            say_form(c, cl->value2, r);
        else if (cl->value)
            check_setting(c, site, cl->value, r);
    } else if (!cl->value || cl->value->kind != EXPR_MAP || cl->value2) {
        diag *d =
            diag_add(c->diags, DIAG_BAD_HEADER, cl->name.span, "`%s` is followed by its settings in { }", r->section);
        check_hint(c, d, "%s", example_of(r->section));
    } else {
        check_settings(c, site, cl, cl->value);
    }
}

static void check_approvals(checker *c, const ast_decl *site, const ast_clause *cl) {
    const ast_arg *by = pb_str_is(cl->name.text, "approvals") ? setting(cl->value, PB_STR("by")) : NULL;
    if (by && by->value->kind == EXPR_STRING && !named_entry(site, "group", by->value->u.string))
        say_no_person(c, site, "group", by->value);
}

static void say_unknown_entry(checker *c, const ast_clause *cl) {
    if (cl->word.text.s) {
        diag *d = diag_add(c->diags, DIAG_NA_SITE, cl->name.span, "`param` in `site` is not available in this version");
        check_hint(c, d, "set parameters with --set or in the environment");
        return;
    }
    diag *d =
        diag_add(c->diags, DIAG_UNKNOWN_CLAUSE, cl->name.span, "`site` has no entry `%.*s`", PB_ARG(cl->name.text));
    nearest n = nearest_to(cl->name.text);
    for (int i = 0; i < RULES; i++) nearest_offer(&n, pb_str_c(rules[i].section));
    nearest_hint(c, d, &n);
    if (n.best.n) return;
    check_hint(c, d,
               "it holds accounts, store, alerts, observe, approvals, person, group, slack, kill_switch, protect and "
               "serve");
}

/* The site of a file of tests is theirs alone. */
static void check_once(checker *c, decl_info *d) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *o = c->files[i].decls; o; o = o->next) {
            if (o == d) return;
            if (o->decl->kind != DECL_SITE || ((o->file->testing || d->file->testing) && o->file != d->file)) continue;
            diag *m = diag_add(c->diags, DIAG_DUPLICATE_NAME, d->decl->span, "a program has one `site`");
            check_also(m, o->decl->span, "this is the first");
            check_hint(c, m, "keep each deployment's site in a file of its own and give the right one");
            return;
        }
}

void check_site(checker *c, decl_info *d) {
    check_once(c, d);
    for (ast_clause *cl = d->decl->clauses; cl; cl = cl->next) {
        const setting_rule *r = cl->word.text.s ? NULL : first_rule(cl->name.text);
        const ast_clause *first = d->decl->clauses;
        while (!pb_str_eq(first->name.text, cl->name.text)) first = first->next;
        if (!r) {
            say_unknown_entry(c, cl);
        } else if (first != cl && !is_named(cl->name.text)) {
            diag *m = diag_add(c->diags, DIAG_DUPLICATE_HEADER, cl->name.span, "`%.*s` is written twice",
                               PB_ARG(cl->name.text));
            check_also(m, first->name.span, "first written here");
        } else {
            check_entry(c, d, cl, r);
            check_approvals(c, d->decl, cl);
        }
    }
}

/* ---- people, for approvals ---- */

static const ast_decl *site_of(const checker *c) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (const decl_info *d = c->files[i].testing ? NULL : c->files[i].decls; d; d = d->next)
            if (d->decl->kind == DECL_SITE) return d->decl;
    return NULL;
}

/* Another file's site may be given when it runs; but where this one names people, it names those who are asked. */
void site_check_person(checker *c, pb_str kind, const ast_expr *name) {
    const ast_decl *site = site_of(c);
    const char *section = pb_str_is(kind, "person") ? "person" : "group";
    if (!site || !knows_people(site) || !is_named(kind)) return;
    if (!named_entry(site, section, name->u.string)) say_no_person(c, site, section, name);
}

bool site_people(checker *c, pb_str kind, const ast_expr *name, uint32_t *n) {
    const ast_decl *site = site_of(c);
    *n = 1;
    if (pb_str_is(kind, "person")) return true;
    const ast_clause *group = site && pb_str_is(kind, "group") && name->kind == EXPR_STRING
                                  ? named_entry(site, "group", name->u.string)
                                  : NULL;
    const ast_arg *people = group ? setting(group->value2, PB_STR("people")) : NULL;
    if (!people || setting(group->value2, PB_STR("slack_group"))) return false;
    if (people->value->kind == EXPR_STRING) return true;
    if (people->value->kind != EXPR_LIST) return false;
    *n = 0;
    for (const ast_arg *a = people->value->u.list; a; a = a->next) {
        if (a->value->kind != EXPR_STRING) return false;
        ++*n;
    }
    return true;
}
