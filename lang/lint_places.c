/*
 * lint_places.c - accounts and regions that are written into a playbook, and channels that the site does not have.
 *
 * An account id or a region in the source makes a playbook act in the wrong place, or nowhere, in every other
 * deployment. Looked at are constant texts: twelve digits, the name of a region, and ARNs with either. The defaults of
 * parameters, the site and tests are where such things belong.
 */
#include "lang/analyse.h"

#include "lang/ast_walk.h"

static void say(checker *c, const ast_expr *e, const char *what, pb_str which) {
    diag *d = diag_add(c->diags, DIAG_HARD_CODED_PLACE, e->span, "the %s `%.*s` is written into the source", what,
                       PB_ARG(which));
    check_hint(c, d, "make it a `param`, or take it from the event: each deployment has accounts of its own");
}

static pb_str arn_part(pb_str s, int part) {
    for (; part > 0; part--) {
        const char *colon = s.n ? memchr(s.s, ':', s.n) : NULL;
        if (!colon) return (pb_str){NULL, 0};
        s = (pb_str){colon + 1, s.n - (uint32_t)(colon + 1 - s.s)};
    }
    const char *colon = s.n ? memchr(s.s, ':', s.n) : NULL;
    return (pb_str){s.s, colon ? (uint32_t)(colon - s.s) : s.n};
}

static bool visit(void *ctx, const ast_expr *e) {
    checker *c = ctx;
    if (e->kind != EXPR_STRING) return true;
    pb_str s = e->u.string;
    if (s.n > 4 && memcmp(s.s, "arn:", 4) == 0) {
        pb_str region = arn_part(s, 3), account = arn_part(s, 4);
        if (account.n && text_is_account(account))
            say(c, e, "account id", account);
        else if (region.n && text_is_region(region))
            say(c, e, "region", region);
    } else if (s.n && text_is_account(s)) {
        say(c, e, "account id", s);
    } else if (s.n && text_is_region(s)) {
        say(c, e, "region", s);
    }
    return true;
}

static bool is_literal(const ast_expr *e) { return e && e->kind == EXPR_STRING; }

static void look(checker *c, const ast_stmt *s) {
    for (; s; s = s->next) {
        /* `in account "..."` has been looked at by the checker */
        if (s->kind != STMT_IN_ACCOUNT || !(is_literal(s->expr) || is_literal(s->expr2)))
            ast_each_in_stmt(s, false, visit, c);
        look(c, s->body);
        look(c, s->other);
        look(c, s->third);
    }
}

/* ---- channels ---- */

typedef struct channels {
    checker *c;
    const ast_arg *known; /* of the site */
} channels;

static const ast_arg *site_channels(checker *c) {
    for (decl_info *d = analyse_next(c, NULL, DECL_SITE); d; d = analyse_next(c, d, DECL_SITE)) {
        const ast_clause *cl = d->file->testing ? NULL : analyse_clause(d->decl, "slack");
        for (const ast_arg *a = cl && cl->value && cl->value->kind == EXPR_MAP ? cl->value->u.map : NULL; a;
             a = a->next)
            if (pb_str_is(a->name.text, "channels") && a->value->kind == EXPR_LIST) return a->value->u.list;
    }
    return NULL;
}

static void check_channel(channels *k, const ast_expr *e) {
    const ast_expr *text = e->kind == EXPR_NAME && e->name_kind == NAME_PARAM ? e->param->expr : analyse_resolve(e);
    if (!text || text->kind != EXPR_STRING) return;
    nearest n = nearest_to(text->u.string);
    for (const ast_arg *a = k->known; a; a = a->next) {
        if (a->value->kind != EXPR_STRING || pb_str_eq(a->value->u.string, text->u.string)) return;
        nearest_offer(&n, a->value->u.string);
    }
    diag *d =
        diag_add(k->c->diags, DIAG_UNKNOWN_CHANNEL, e->span, "the site has no channel `%.*s`", PB_ARG(text->u.string));
    nearest_hint(k->c, d, &n);
    if (k->known) check_also(d, k->known->value->span, "its channels are listed here");
}

/* Parameters that are called `channel`, of actions that notify. */
static bool visit_channels(void *ctx, const ast_expr *e) {
    channels *k = ctx;
    const ast_decl *d = e->kind == EXPR_CALL ? e->u.call.decl : NULL;
    uint32_t i = 0;
    if (!d || d->effect != PB_NOTIFY) return true;
    for (const ast_field *p = d->params; p && i < e->u.call.nresolved; p = p->next, i++)
        if (pb_str_is(p->name.text, "channel") && e->u.call.resolved[i]) check_channel(k, e->u.call.resolved[i]);
    return true;
}

static void lint_channels(checker *c) {
    static const ast_decl_kind kinds[] = {DECL_ACTION, DECL_PLAYBOOK};
    channels k = {c, site_channels(c)};
    for (size_t i = 0; k.known && i < sizeof kinds / sizeof *kinds; i++)
        for (decl_info *d = analyse_next(c, NULL, kinds[i]); d; d = analyse_next(c, d, kinds[i]))
            for (const ast_stmt *s = d->decl->body; s; s = s->next) ast_each_in_stmt(s, true, visit_channels, &k);
}

void lint_places(checker *c) {
    static const ast_decl_kind kinds[] = {DECL_FN, DECL_ACTION, DECL_PLAYBOOK, DECL_GUARD};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (decl_info *d = analyse_next(c, NULL, kinds[i]); d; d = analyse_next(c, d, kinds[i])) {
            ast_each_expr(d->decl->expr, visit, c);
            look(c, d->decl->body);
            look(c, d->decl->undo);
        }
    lint_channels(c);
}
