/*
 * effects.c - what a body can do to the world, whether it may, and circles of calls.
 *
 * pure < read < notify < contain < destroy. An action's declared effect is a promise to its callers, so a body is
 * checked against the declared effects of what it calls and nothing has to be inferred through several levels. What is
 * above read is a step of its own (`do`); a tier bounds a playbook; destroying stands in a granted approval or behind
 * an authorisation, in a playbook of tier approve.
 *
 * The circle search is the usual depth-first one with its stack inside the nodes (decl_info.under), because a
 * program may call as many functions under one another as it has lines.
 */
#include "lang/check.h"

static bool playbook_is(const ast_decl *d, const char *tier) {
    for (const ast_clause *cl = d->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, "tier") && cl->value && cl->value->kind == EXPR_NAME)
            return pb_str_is(cl->value->u.name.text, tier);
    return false;
}

static bool refuse_destroy(checker *c, pb_span span, pb_str what) {
    if (!c->b->granted && !c->b->authorized) {
        diag *d = diag_add(c->diags, DIAG_DESTROY_UNAPPROVED, span,
                           "%.*s destroys, so it must stand in the block of an `approve`", PB_ARG(what));
        check_hint(c, d, "approve \"...?\" by group \"...\" within 30m { do ... }");
        return true;
    }
    if (playbook_is(c->b->info->decl, "approve")) return false;
    diag *d = diag_add(c->diags, DIAG_BEYOND_TIER, span, "%.*s destroys, which only a playbook of tier approve may do",
                       PB_ARG(what));
    check_hint(c, d, "write `tier approve`");
    return true;
}

static bool refuse_in_playbook(checker *c, pb_span span, pb_str what, pb_effect effect) {
    if (effect > PB_NOTIFY && playbook_is(c->b->info->decl, "manual")) {
        diag *d = diag_add(c->diags, DIAG_BEYOND_TIER, span,
                           "%.*s has the effect %s, but a playbook of tier manual reads and notifies only",
                           PB_ARG(what), pb_effect_name(effect));
        check_hint(c, d, "write `tier auto`, or notify somebody who does it by hand");
        return true;
    }
    return effect == PB_DESTROY && refuse_destroy(c, span, what);
}

static bool refuse_in_expression(checker *c, pb_span span, pb_str what, pb_effect effect, bool is_action) {
    body *b = c->b;
    if (b->allowed == PB_PURE && (effect > PB_PURE || is_action)) {
        diag *d = diag_add(c->diags, DIAG_NOT_PURE, span, "%.*s cannot be called in %s: only functions can",
                           PB_ARG(what), b->pure_because);
        if (b->kind == BODY_PLAYBOOK)
            check_hint(c, d, "put a `let` with the call behind the leading `where`s and a `where` behind that");
        else if (effect == PB_PURE)
            check_hint(c, d, "make it a `fn`");
        else if (b->kind == BODY_FN)
            check_hint(c, d, "make it an `action` with the effect %s", pb_effect_name(effect));
        return true;
    }
    if (effect <= PB_READ || effect <= b->allowed) return false; /* a test's set-up is no step of anybody */
    diag *d = diag_add(c->diags, DIAG_NEEDS_DO, span, "%.*s has the effect %s, so it must be a step of its own",
                       PB_ARG(what), pb_effect_name(effect));
    check_hint(c, d, "write it as a statement: `do %.*s(...) as result`, and use `result`", PB_ARG(what));
    return true;
}

static pb_str bare(pb_str what) { /* without the backquotes that messages put around it */
    return what.n > 2 && what.s[0] == '`' ? (pb_str){what.s + 1, what.n - 2} : what;
}

void effect_call(checker *c, pb_span span, pb_str what, pb_effect effect, bool is_action, bool is_do) {
    body *b = c->b;
    bool refused = b->kind == BODY_PLAYBOOK && refuse_in_playbook(c, span, what, effect);
    if (!refused && !is_do) refused = refuse_in_expression(c, span, bare(what), effect, is_action);
    if (effect <= b->effect || refused) return;
    b->effect = effect;
    b->effect_of = what;
    b->effect_span = span;
}

effect_mark effect_begin(body *b) {
    effect_mark m = {b->effect, b->effect_of, b->effect_span};
    b->effect = PB_PURE;
    return m;
}

void effect_end(body *b, effect_mark m) {
    if (b->effect > m.effect) return;
    b->effect = m.effect;
    b->effect_of = m.of;
    b->effect_span = m.span;
}

/* An undo is called by nobody but pbrun, so it may call the action that it belongs to; a guard likewise. */
void effect_edge(checker *c, decl_info *to, pb_span span) {
    decl_info *from = c->b->kind == BODY_UNDO || c->b->kind == BODY_GUARD ? NULL : c->b->info;
    call_edge *e = from ? pb_alloc(c->arena, sizeof *e) : NULL;
    if (!e) return;
    e->to = to, e->span = span;
    e->next = from->calls;
    from->calls = e;
}

/* The body has been looked at: does it keep what is declared? */
void effect_action_done(checker *c, decl_info *info) {
    ast_decl *d = info->decl;
    body *b = c->b;
    d->inferred = b->effect;
    if (b->effect > d->effect) {
        diag *m = diag_add(c->diags, DIAG_EFFECT_TOO_LOW, b->effect_span,
                           "`%.*s` is declared %s, but calls %.*s, whose effect is %s", PB_ARG(info->name),
                           pb_effect_name(d->effect), PB_ARG(b->effect_of), pb_effect_name(b->effect));
        check_also(m, d->effect_span, "declared here");
        check_hint(c, m, "declare `%.*s` as %s", PB_ARG(info->name), pb_effect_name(b->effect));
    } else if (b->effect < d->effect && b->errors == diag_count(c->diags, DIAG_ERROR)) {
        diag *m =
            diag_add(c->diags, DIAG_EFFECT_TOO_HIGH, d->effect_span, "`%.*s` is declared %s, but does nothing above %s",
                     PB_ARG(info->name), pb_effect_name(d->effect), pb_effect_name(b->effect));
        check_hint(c, m, "declare it as %s", pb_effect_name(b->effect));
    }
}

/* ---- circles ---- */

/* From `top` back along .under to `to` is a circle, closed by a call at `span`. */
static void say_circle(checker *c, decl_info *top, decl_info *to, pb_span span) {
    enum { SHOWN = 12 };
    pb_str path = to->name;
    int n = 0;
    for (decl_info *d = top; d != to && d && n < SHOWN; d = d->under, n++)
        path = pb_printf(c->arena, "%.*s → %.*s", PB_ARG(d->name), PB_ARG(path));
    path = pb_printf(c->arena, "%.*s%s → %.*s", PB_ARG(to->name), n == SHOWN ? " → ..." : "", PB_ARG(path));
    diag *m = diag_add(c->diags, DIAG_CALL_CYCLE, span, "`%.*s` ends up calling itself: %.*s", PB_ARG(to->name),
                       PB_ARG(path));
    check_hint(c, m,
               "every run must end, so nothing may call itself; go over a list with `for` or a comprehension instead");
}

static decl_info *enter_info(decl_info *d, decl_info *under) {
    d->walked = WALK_OPEN;
    d->under = under;
    d->walk = d->calls;
    return d;
}

static void walk(checker *c, decl_info *start) {
    decl_info *top = enter_info(start, NULL);
    while (top) {
        call_edge *e = top->walk;
        if (!e) {
            top->walked = WALK_CLOSED;
            top = top->under;
            continue;
        }
        top->walk = e->next;
        if (e->to->walked == WALK_OPEN)
            say_circle(c, top, e->to, e->span);
        else if (e->to->walked == WALK_NEW)
            top = enter_info(e->to, top);
    }
}

void effect_circles(checker *c) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *d = c->files[i].decls; d; d = d->next)
            if (d->walked == WALK_NEW && (d->decl->kind == DECL_FN || d->decl->kind == DECL_ACTION)) walk(c, d);
}
