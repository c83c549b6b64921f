/*
 * analyse_guards.c - guards that a step of a playbook certainly hits, and those that it may hit.
 *
 * The VM asks every guard before every act; here the same is asked of the tree. In a guard's conditions `act.args.x`
 * stands for the argument that the step gives, `act.action` and `act.effect` for what is known of it. With that put in,
 * the conditions are held against all that is known where the step stands (lint_conditions.c brings it here):
 *   - they hold for certain: the step can never succeed, an error (PB1005), unless an `authorize` of the guard's name
 * stands before it;
 *   - they can not hold: a `where` of the playbook has settled it, nothing is said;
 *   - else it may be denied: a note (PB1006) that says which condition would settle it. Notes are shown with --verbose.
 * A condition that reads, or that goes over a list, is never certain. Of the operations inside an action only notes are
 * made.
 */
#include "lang/analyse.h"

enum { SUBST_MAX = 100, WHERES_MAX = 16 };

typedef struct guard_case {
    checker *c;
    const ast_decl *guard;
    const ast_expr *call;
    pb_str name; /* of the act */
    unsigned depth;
} guard_case;

/* ---- putting the act in ---- */

static bool is_act(const guard_case *k, const ast_expr *e) {
    return e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL && e->local && e->local == k->guard->event_local;
}

static const ast_expr *text_of(const guard_case *k, const ast_expr *at, pb_str text) {
    ast_expr *e = pb_alloc(k->c->arena, sizeof *e);
    if (!e) return at;
    *e = (ast_expr){.span = at->span, .kind = EXPR_STRING, .u.string = text, .type = at->type};
    return e;
}

static const ast_expr *argument(const guard_case *k, pb_str name) {
    if (k->call->u.call.kind == CALL_AWS) {
        for (const ast_arg *a = k->call->u.call.args; a; a = a->next)
            if (pb_str_eq(a->name.text, name)) return a->value;
        return NULL;
    }
    uint32_t i = 0;
    for (const ast_field *p = k->call->u.call.decl->params; p && i < k->call->u.call.nresolved; p = p->next, i++)
        if (pb_str_eq(p->name.text, name)) return k->call->u.call.resolved[i];
    return NULL;
}

/* act.action, act.effect, act.target, act.args.x; NULL: something else. */
static const ast_expr *act_part(const guard_case *k, const ast_expr *e) {
    const ast_expr *of = e->u.field.of;
    pb_str field = e->u.field.name.text;
    if (is_act(k, of)) {
        if (pb_str_is(field, "action")) return text_of(k, e, k->name);
        if (pb_str_is(field, "effect")) return text_of(k, e, pb_str_c(pb_effect_name(k->call->u.call.effect)));
        return pb_str_is(field, "target") ? analyse_act_target(k->call) : NULL;
    }
    bool args = of->kind == EXPR_FIELD && is_act(k, of->u.field.of) && pb_str_is(of->u.field.name.text, "args");
    return args ? argument(k, field) : NULL;
}

static const ast_expr *put_in(guard_case *k, const ast_expr *e);

static const ast_expr *call_put_in(guard_case *k, ast_expr *n) {
    uint32_t count = n->u.call.nresolved;
    ast_expr **args = n->u.call.kind == CALL_BUILTIN || n->u.call.kind == CALL_FN
                          ? pb_alloc_array(k->c->arena, count ? count : 1, sizeof *args)
                          : NULL;
    if (!args) return n;
    for (uint32_t i = 0; i < count; i++)
        args[i] = n->u.call.resolved[i] ? (ast_expr *)put_in(k, n->u.call.resolved[i]) : NULL;
    n->u.call.resolved = args;
    return n;
}

/* A copy with the act's parts replaced; what binds names of its own stays as it is. */
static const ast_expr *put_in(guard_case *k, const ast_expr *e) {
    const ast_expr *part = e->kind == EXPR_FIELD ? act_part(k, e) : NULL;
    if (part) return part;
    ast_expr *n = k->depth < SUBST_MAX ? pb_alloc(k->c->arena, sizeof *n) : NULL;
    if (!n) return e;
    *n = *e;
    k->depth++;
    switch (e->kind) {
    case EXPR_BINARY:
    case EXPR_INDEX:
        n->u.binary.left = (ast_expr *)put_in(k, e->u.binary.left);
        n->u.binary.right = (ast_expr *)put_in(k, e->u.binary.right);
        break;
    case EXPR_NOT:
    case EXPR_NEG:
    case EXPR_EXISTS: n->u.unary = (ast_expr *)put_in(k, e->u.unary); break;
    case EXPR_FIELD: n->u.field.of = (ast_expr *)put_in(k, e->u.field.of); break;
    case EXPR_AS: n->u.as.value = (ast_expr *)put_in(k, e->u.as.value); break;
    case EXPR_CALL: call_put_in(k, n); break;
    default: break;
    }
    k->depth--;
    /* `act.args.x as string` of a typed argument is the argument */
    return n->kind == EXPR_AS && n->u.as.value->type && n->u.as.value->type->kind != TYPE_JSON ? n->u.as.value : n;
}

/* ---- one step, one guard ---- */

typedef enum verdict { NEVER, MAYBE, ALWAYS } verdict;

static verdict judge(guard_case *k, const fact *known) {
    fact all[WHERES_MAX];
    uint32_t n = 0;
    bool always = true;
    const fact *list = known;
    for (const ast_clause *cl = k->guard->clauses; cl && n < WHERES_MAX; cl = cl->next) {
        if (!pb_str_is(cl->name.text, "where") || !cl->value) continue;
        const ast_expr *cond = put_in(k, cl->value);
        fact no = {known, cond, false, 0};
        always = always && analyse_is_pure(cond) && !facts_possible(&no);
        all[n] = (fact){list, cond, true, 0};
        list = &all[n++];
    }
    if (!facts_possible(list)) return NEVER;
    return always ? ALWAYS : MAYBE;
}

static bool watches(const ast_decl *guard, pb_str name) {
    for (const ast_clause *cl = guard->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, "on") && cl->value && cl->value->kind == EXPR_STRING &&
            known_glob(cl->value->u.string, name))
            return true;
    return false;
}

static bool is_authorized(const ast_decl *guard, const authorization *a) {
    pb_str name = analyse_clause_text(guard, "unless");
    for (; a && name.n; a = a->next)
        if (pb_str_eq(a->name, name)) return true;
    return false;
}

static const ast_clause *first_where(const ast_decl *g) {
    for (const ast_clause *cl = g->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, "where")) return cl;
    return NULL;
}

static void say_always(guard_case *k) {
    checker *c = k->c;
    diag *d = diag_add(c->diags, DIAG_GUARD_HIT, k->call->u.call.callee->span,
                       "the guard `%.*s` denies this step in every run", PB_ARG(k->guard->name.parts[0].text));
    const ast_clause *w = first_where(k->guard);
    check_also(d, w ? w->value->span : k->guard->name.span, "the guard");
    pb_str name = analyse_clause_text(k->guard, "unless");
    if (name.n)
        check_hint(c, d, "take the step out, or write `authorize \"%.*s\" because \"...\"` before it", PB_ARG(name));
    else
        check_hint(c, d, "take the step out");
}

static void say_maybe(guard_case *k, bool inside) {
    checker *c = k->c;
    diag *d = diag_add(c->diags, DIAG_GUARD_MAY_HIT, k->call->u.call.callee->span, "the guard `%.*s` may deny %s",
                       PB_ARG(k->guard->name.parts[0].text), inside ? "an operation of this step" : "this step");
    const ast_clause *w = first_where(k->guard);
    check_also(d, w ? w->value->span : k->guard->name.span, "the guard");
    pb_str text = w ? check_source(c, w->value->span, "the guard's condition") : (pb_str){NULL, 0};
    if (text.n) check_hint(c, d, "a `where` or `if` before the step that excludes %.*s settles it", PB_ARG(text));
}

static bool watches_inside(const ast_decl *guard, checker *c, act_memo *m, const ast_expr *call) {
    if (call->u.call.kind != CALL_ACTION) return false;
    for (const act_op *o = analyse_act_ops(c, m, call); o; o = o->next)
        if (o->effect > PB_READ && watches(guard, pb_printf(c->arena, "aws.%.*s", PB_ARG(o->name)))) return true;
    return false;
}

void analyse_guards_step(checker *c, act_memo *m, const ast_stmt *s, const fact *known, const authorization *granted) {
    const ast_expr *call = s->expr;
    if (!call || call->kind != EXPR_CALL || call->u.call.effect <= PB_READ) return;
    if (call->u.call.kind == CALL_FN || call->u.call.kind == CALL_BUILTIN) return;
    pb_str name = call->u.call.kind == CALL_AWS ? pb_printf(c->arena, "aws.%.*s", PB_ARG(call->u.call.aws))
                                                : analyse_decl_name(c->arena, call->u.call.decl);
    for (decl_info *g = analyse_next(c, NULL, DECL_GUARD); g; g = analyse_next(c, g, DECL_GUARD)) {
        guard_case k = {c, g->decl, call, name, 0};
        if (is_authorized(g->decl, granted)) continue;
        if (!watches(g->decl, name)) {
            if (watches_inside(g->decl, c, m, call)) say_maybe(&k, true);
            continue;
        }
        verdict v = judge(&k, known);
        if (v == ALWAYS) say_always(&k);
        if (v == MAYBE) say_maybe(&k, false);
    }
}
