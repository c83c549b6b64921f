/*
 * lint_places.c - accounts and regions that are written into a playbook, and channels that the site does not have.
 *
 * An account id or a region in the source makes a playbook act in the wrong place, or nowhere, in every other
 * deployment. Looked at are constant texts: twelve digits, the name of a region, and ARNs with either. The defaults of parameters,
 * the site and tests are where such things belong.
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

void lint_places(checker *c) {
    static const ast_decl_kind kinds[] = {DECL_FN, DECL_ACTION, DECL_PLAYBOOK, DECL_GUARD};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (decl_info *d = analyse_next(c, NULL, kinds[i]); d; d = analyse_next(c, d, kinds[i])) {
            ast_each_expr(d->decl->expr, visit, c);
            look(c, d->decl->body);
            look(c, d->decl->undo);
        }
}
