/*
 * check_site.c - what is said about accounts: the site block, `in account A region R { }`, and the form of account ids
 * and regions.
 *
 * A site block holds one deployment's set-up, as entries of the form `name { key: value }`. This version has
 * `accounts`; the other entries of the language are refused by name. A value is a constant text or the name of a
 * deployment parameter that the file sees: what it is, is then known when pbrun starts.
 */
#include "lang/check.h"

enum { ROLE_MAX = 512 + 64, EXTERNAL_ID_MAX = 1224, EXTERNAL_ID_MIN = 2 };

/* ---- forms ---- */

/* [\w+=,.@/-], as IAM has it: a role's name, with its path in front when it has one. */
static bool text_is_role(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!letter && !strchr("_+=,.@/-", ch)) return false;
    }
    return s.n > 0 && s.n <= ROLE_MAX && s.s[0] != '/' && s.s[s.n - 1] != '/';
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

/* ---- the site block ---- */

typedef struct setting_rule {
    const char *name;
    bool (*is)(pb_str); /* NULL: any text */
    const char *form;
    bool must, maybe_secret;
} setting_rule;

static bool is_external_id(pb_str s) { return s.n >= EXTERNAL_ID_MIN && s.n <= EXTERNAL_ID_MAX; }

static const setting_rule account_rules[] = {
    {"role", text_is_role, "the name of the role to assume in other accounts, with its path if it has one", true,
     false},
    {"external_id", is_external_id, "a text of 2 to 1224 characters, as the roles' trust policies ask for it", false,
     true},
    {"home", text_is_account, "the 12 digits of the account whose credentials pbrun is given", false, false},
};
enum { ACCOUNT_RULES = sizeof account_rules / sizeof *account_rules };

static void check_constant_setting(checker *c, const ast_arg *a, const setting_rule *rule) {
    a->value->type = check_simple(c, TYPE_STRING);
    if (!rule->is || rule->is(a->value->u.string)) return;
    diag_add(c->diags, DIAG_BAD_HEADER, a->value->span, "`%s` must be %s", rule->name, rule->form);
}

static void check_setting(checker *c, const decl_info *site, const ast_arg *a, const setting_rule *rule) {
    ast_expr *e = a->value;
    if (e->kind == EXPR_STRING) {
        check_constant_setting(c, a, rule);
        return;
    }
    decl_info *p = e->kind == EXPR_NAME ? resolve_name(c, site->file, NAMES_VALUE, e->u.name.text) : NULL;
    if (!p || p->decl->kind != DECL_PARAM) {
        diag *d = diag_add(c->diags, DIAG_NOT_CONSTANT, e->span,
                           "a setting of the site is a constant text or the name of a `param`");
        check_hint(c, d, "`%s` is %s", rule->name, rule->form);
        e->type = c->poison;
        return;
    }
    check_declare(c, p);
    e->type = p->decl->ty ? p->decl->ty : c->poison;
    e->name_kind = NAME_PARAM;
    e->param = p->decl;
    type_kind k = e->type->kind;
    if (k == TYPE_STRING || k == TYPE_POISON || (k == TYPE_SECRET && rule->maybe_secret)) return;
    pb_str type = check_type_text(c, e->type);
    diag_add(c->diags, DIAG_TYPE_MISMATCH, e->span, "`%s` takes a string, but the parameter is %.*s", rule->name,
             PB_ARG(type));
}

static const setting_rule *rule_of(checker *c, const ast_arg *a, const ast_clause *cl) {
    nearest near = nearest_to(a->name.text);
    for (int i = 0; i < ACCOUNT_RULES; i++) {
        if (pb_str_is(a->name.text, account_rules[i].name)) return &account_rules[i];
        nearest_offer(&near, pb_str_c(account_rules[i].name));
    }
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_CLAUSE, a->name.span, "`%.*s` has no setting `%.*s`",
                       PB_ARG(cl->name.text), PB_ARG(a->name.text));
    nearest_hint(c, d, &near);
    return NULL;
}

static const ast_arg *setting(const ast_arg *first, pb_str name) {
    while (first && !pb_str_eq(first->name.text, name)) first = first->next;
    return first;
}

static void check_accounts(checker *c, const decl_info *site, const ast_clause *cl) {
    if (!cl->value || cl->value->kind != EXPR_MAP || cl->value2) {
        diag *d = diag_add(c->diags, DIAG_BAD_HEADER, cl->name.span, "`accounts` is followed by its settings in { }");
        check_hint(c, d, "accounts { role: \"IncidentResponder\" }");
        return;
    }
    cl->value->type = check_simple(c, TYPE_VOID); /* settings are read as they are written */
    for (const ast_arg *a = cl->value->u.map; a; a = a->next) {
        const ast_arg *first = setting(cl->value->u.map, a->name.text);
        const setting_rule *rule = rule_of(c, a, cl);
        if (first != a) {
            diag *d = diag_add(c->diags, DIAG_DUPLICATE_HEADER, a->name.span, "setting `%.*s` is written twice",
                               PB_ARG(a->name.text));
            check_also(d, first->name.span, "first written here");
        } else if (rule) {
            check_setting(c, site, a, rule);
        }
    }
    for (int i = 0; i < ACCOUNT_RULES; i++) {
        if (!account_rules[i].must || setting(cl->value->u.map, pb_str_c(account_rules[i].name))) continue;
        diag *d = diag_add(c->diags, DIAG_BAD_HEADER, cl->name.span, "`accounts` has no `%s`", account_rules[i].name);
        check_hint(c, d, "`%s` is %s", account_rules[i].name, account_rules[i].form);
    }
}

static void refuse_entry(checker *c, const ast_clause *cl) {
    pb_str name = cl->word.text.s ? PB_STR("param") : cl->name.text;
    diag *d = diag_add(c->diags, DIAG_NA_SITE, cl->name.span,
                       "`%.*s` in `site` is not available in this version, which has `accounts`", PB_ARG(name));
    check_hint(c, d,
               cl->word.text.s ? "set parameters with --set or in the environment"
                               : "leave it out, and see `pbrun run --help` for what the command line takes");
}

static void check_once(checker *c, decl_info *d) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *o = c->files[i].decls; o; o = o->next) {
            if (o == d) return;
            if (o->decl->kind != DECL_SITE) continue;
            diag *m = diag_add(c->diags, DIAG_DUPLICATE_NAME, d->decl->span, "a program has one `site`");
            check_also(m, o->decl->span, "this is the first");
            check_hint(c, m, "keep each deployment's site in a file of its own and give the right one");
            return;
        }
}

void check_site(checker *c, decl_info *d) {
    check_once(c, d);
    for (ast_clause *cl = d->decl->clauses; cl; cl = cl->next) {
        const ast_clause *first = d->decl->clauses;
        while (!pb_str_eq(first->name.text, cl->name.text)) first = first->next;
        if (cl->word.text.s || !pb_str_is(cl->name.text, "accounts")) {
            refuse_entry(c, cl);
        } else if (first != cl) {
            diag *m = diag_add(c->diags, DIAG_DUPLICATE_HEADER, cl->name.span, "`accounts` is written twice");
            check_also(m, first->name.span, "first written here");
        } else {
            check_accounts(c, d, cl);
        }
    }
}
