/*
 * codegen_call.c - calls, and the sites of those that go through the gate.
 *
 * Arguments go into registers one after another; the result comes back in the first of them. When the target register
 * is the topmost one it serves as that first register, so that `let x = f(a)` moves nothing.
 *
 * Whatever can touch the world is an INVOKE of a site: a record in the image that says what is called, how it was
 * written (for people), how long it may take and how often it is tried again. A host takes one map of named
 * arguments; an action its parameters, as a function does.
 */
#include "lang/codegen.h"

/* First of the registers for n arguments (at least one, for the result). */
static uint32_t args_base(cg *g, uint32_t n, uint32_t dst, pb_span span) {
    uint32_t want = n ? n : 1;
    if (dst + 1 != g->top) return cg_alloc(g, want, span);
    if (want > 1) cg_alloc(g, want - 1, span);
    return dst;
}

/* A parameter's default is written elsewhere, but counts as written where the call is. */
static void gen_default(cg *g, const ast_expr *e, uint32_t reg) {
    bool fixed = g->fixed_place;
    g->fixed_place = true;
    cg_expr(g, e, reg);
    g->fixed_place = fixed;
}

/* Argument i of a call into a register; left out without a default it is none. */
static void gen_arg(cg *g, const ast_expr *e, const ast_field *p, uint32_t reg) {
    if (!e)
        cg_emit(g, OPCODE_LOADNONE, reg, 0, 0);
    else if (p && p->init == e)
        gen_default(g, e, reg);
    else
        cg_expr(g, e, reg);
}

static void gen_args(cg *g, const ast_expr *e, uint32_t n, uint32_t base) {
    const ast_field *p = e->u.call.kind == CALL_BUILTIN ? NULL : e->u.call.decl->params;
    for (uint32_t i = 0; i < n; i++, p = p ? p->next : NULL) gen_arg(g, e->u.call.resolved[i], p, base + i);
}

static void result(cg *g, uint32_t base, uint32_t dst, uint32_t top) {
    if (base != dst) cg_emit(g, OPCODE_MOVE, dst, base, 0);
    g->top = top;
}

static void gen_fn(cg *g, const ast_expr *e, uint32_t dst) {
    uint32_t top = g->top, n = e->u.call.nresolved, base = args_base(g, n, dst, e->span);
    gen_args(g, e, n, base);
    cg_place(g, e->span);
    cg_emit_x(g, OPCODE_CALL, base, e->u.call.decl->index);
    result(g, base, dst, top);
}

/* Arguments left out at the end are not passed. */
static void gen_builtin(cg *g, const ast_expr *e, uint32_t dst) {
    uint32_t top = g->top, n = e->u.call.nresolved;
    while (n && !e->u.call.resolved[n - 1]) n--;
    uint32_t base = args_base(g, n, dst, e->span);
    gen_args(g, e, n, base);
    cg_place(g, e->span);
    cg_emit(g, OPCODE_BUILTIN, base, e->u.call.builtin, n);
    result(g, base, dst, top);
}

/* ---- sites ---- */

static uint32_t place_site(cg *g, pb_span span, const cg_step *step, iw_site_info s) {
    if (g->nsites > CG_MAX_INDEX) {
        cg_limit(g, DIAG_LIMIT_TABLE, span, "the program has more than %d calls of actions and hosts",
                 CG_MAX_INDEX + 1);
        return 0;
    }
    s.source = cg_source(g, span.file);
    s.line = cg_line(g, span);
    s.title = cg_source_text(g, span, CG_TITLE_MAX);
    if (step) {
        s.alias = step->alias;
        s.timeout_ms = step->timeout_ms;
        s.retry = step->retry;
        s.is_do = step->is_do;
    }
    g->nsites++;
    return iw_site(g->w, &s);
}

static uint32_t add_site(cg *g, const ast_expr *e, const cg_step *step, iw_site_info s) {
    s.effect = e->u.call.effect;
    return place_site(g, e->span, step, s);
}

uint32_t cg_host_site(cg *g, pb_str host, pb_span span) {
    iw_site_info s = {.kind = SITE_HOST, .nargs = 1, .host = host, .name = host, .effect = PB_NOTIFY, .is_do = true};
    return place_site(g, span, NULL, s);
}

static void gen_action(cg *g, const ast_expr *e, const cg_step *step, uint32_t dst) {
    uint32_t top = g->top, n = e->u.call.nresolved, base = args_base(g, n, dst, e->span);
    gen_args(g, e, n, base);
    iw_site_info s = {.kind = SITE_ACTION, .function = e->u.call.decl->index, .nargs = n};
    s.name = cg_path_text(g, &e->u.call.decl->name);
    uint32_t site = add_site(g, e, step, s);
    cg_place(g, e->span);
    cg_emit_x(g, OPCODE_INVOKE, base, site);
    result(g, base, dst, top);
}

/* The map of an extern action's arguments, by the names of its parameters; those left out are not in it. */
static void gen_named(cg *g, const ast_expr *e, uint32_t dst) {
    uint32_t top = g->top, n = 0, i = 0, count = 0;
    for (i = 0; i < e->u.call.nresolved; i++) n += e->u.call.resolved[i] != NULL;
    if (n > CG_MAX_ENTRIES) {
        cg_limit(g, DIAG_LIMIT_ENTRIES, e->span, "%u arguments, at most %d are possible", n, CG_MAX_ENTRIES);
        return;
    }
    uint32_t base = cg_alloc(g, n ? 2 * n : 1, e->span);
    i = 0;
    for (const ast_field *p = e->u.call.decl->params; p && i < e->u.call.nresolved; p = p->next, i++) {
        if (!e->u.call.resolved[i]) continue;
        cg_load_text(g, base + 2 * count, p->name.text, e->span);
        gen_arg(g, e->u.call.resolved[i], p, base + 2 * count + 1);
        count++;
    }
    cg_emit(g, OPCODE_MAP, dst, base, n);
    g->top = top;
}

static void gen_host(cg *g, const ast_expr *e, const cg_step *step, uint32_t dst) {
    uint32_t top = g->top, base = args_base(g, 1, dst, e->span);
    iw_site_info s = {.kind = SITE_HOST, .nargs = 1};
    if (e->u.call.kind == CALL_AWS) {
        s.host = pb_printf(g->arena, "aws.%.*s", PB_ARG(e->u.call.waiter.n ? e->u.call.waiter : e->u.call.aws));
        cg_map(g, e->u.call.args, base, e->span);
    } else {
        s.host = cg_path_text(g, &e->u.call.decl->name);
        gen_named(g, e, base);
    }
    if (!s.host.s) {
        g->failed = true;
        return;
    }
    s.name = s.host;
    uint32_t site = add_site(g, e, step, s);
    cg_place(g, e->span);
    cg_emit_x(g, OPCODE_INVOKE, base, site);
    result(g, base, dst, top);
}

void cg_call(cg *g, const ast_expr *e, const cg_step *step, uint32_t dst) {
    switch (e->u.call.kind) {
    case CALL_FN: gen_fn(g, e, dst); break;
    case CALL_ACTION: gen_action(g, e, step, dst); break;
    case CALL_HOST:
    case CALL_AWS: gen_host(g, e, step, dst); break;
    case CALL_BUILTIN: gen_builtin(g, e, dst); break;
    case CALL_UNRESOLVED: cg_emit(g, OPCODE_LOADNONE, dst, 0, 0); break; /* the checker has refused it */
    }
}
