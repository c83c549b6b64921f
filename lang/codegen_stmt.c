/*
 * codegen_stmt.c - statements.
 *
 * A block owns the registers of its variables. The bindings of `parallel` branches are handed outwards, so their
 * registers are reserved in front of the branches.
 *
 * `on failure` covers the statements after it, to the end of its block:
 *
 *     TRY e → handler
 *       the statements after it
 *     ENDTRY
 *     JMP out
 *   handler:
 *       the statements of on failure, with e as `error`
 *     FAIL e                 the same error goes on
 *   out:
 */
#include "lang/codegen.h"

static void gen_stmts(cg *g, const ast_stmt *first);
static void gen_stmt(cg *g, const ast_stmt *s);

/* ---- variables ---- */

/* The variable a statement leaves behind for those after it; NULL: none. */
static const ast_local *binding(const ast_stmt *s) {
    if (s->kind == STMT_LET) return s->local;
    if (s->kind == STMT_DO && s->name.text.s) return s->local;
    return NULL;
}

/* The register of a statement's variable: a new one, or the one reserved for a branch's (g->reserved). */
static uint32_t bind(cg *g, const ast_local *l, pb_span span) {
    if (g->reserved != l) cg_bind(g, l, cg_alloc(g, 1, span));
    return cg_reg(g, l);
}

/* Reserves the registers of the variables that branches hand back, as none. */
static void reserve(cg *g, const ast_stmt *first) {
    for (const ast_stmt *s = first; s; s = s->next) {
        const ast_local *l = binding(s);
        if (l) cg_emit(g, OPCODE_LOADNONE, bind(g, l, s->span), 0, 0);
    }
}

static void gen_let(cg *g, const ast_stmt *s) { cg_expr(g, s->expr, bind(g, s->local, s->span)); }

/* ---- where ---- */

/* The condition into a register; *seen: the register of the value it looked at, which the evidence will show. */
static uint32_t gen_condition(cg *g, const ast_expr *e, uint32_t *seen) {
    if (cg_is_comparison(e)) {
        uint32_t left = cg_value(g, e->u.binary.left), right = cg_value(g, e->u.binary.right);
        uint32_t r = cg_alloc(g, 1, e->span);
        cg_compare(g, e, r, left, right);
        *seen = left;
        return r;
    }
    if (e->kind == EXPR_EXISTS) {
        uint32_t of = cg_value(g, e->u.unary), r = cg_alloc(g, 1, e->span);
        cg_emit(g, OPCODE_EXISTS, r, of, 0);
        *seen = of;
        return r;
    }
    *seen = cg_value(g, e);
    return *seen;
}

/* `a and b` is two conditions, so that the reason names the one that was false. */
static void gen_where(cg *g, const ast_expr *e) {
    if (g->overflow) return;
    if (e->kind == EXPR_BINARY && e->op == OP_AND) {
        gen_where(g, e->u.binary.left);
        gen_where(g, e->u.binary.right);
    } else {
        uint32_t top = g->top, seen;
        cg_place(g, e->span);
        uint32_t over = cg_jump(g, OPCODE_JMPT, gen_condition(g, e, &seen));
        cg_emit_x(g, OPCODE_SKIP, seen, cg_const_text(g, cg_source_text(g, e->span, CG_TITLE_MAX), e->span));
        cg_here(g, over);
        g->top = top;
    }
}

void cg_wheres(cg *g, const ast_stmt *first, const ast_stmt *end) {
    for (const ast_stmt *s = first; s != end; s = s->next) gen_where(g, s->expr);
}

/* ---- errors ---- */

static uint32_t try_begin(cg *g, uint32_t error) {
    g->tries++; /* `on failure` and one `do ... else` at most: far below IMAGE_MAX_TRY */
    return cg_jump(g, OPCODE_TRY, error);
}

static void try_end(cg *g) {
    cg_emit(g, OPCODE_ENDTRY, 0, 0, 0);
    g->tries--;
}

static void gen_raise(cg *g, uint32_t error, pb_span span) {
    uint32_t code = cg_alloc(g, 1, span);
    cg_emit(g, OPCODE_LOADNONE, code, 0, 0);
    cg_emit(g, OPCODE_FAIL, error, code, 0);
}

/* Undoing comes first, in whichever order the two are written; what is undone already is not undone again. */
static void gen_on_failure(cg *g, const ast_stmt *s) {
    uint32_t error = cg_alloc(g, 1, s->span), top = g->top;
    uint32_t caught = try_begin(g, error);
    bool undo = g->undo_on_failure;
    g->undo_on_failure = undo || s->undo;
    gen_stmts(g, s->next);
    g->undo_on_failure = undo;
    try_end(g);
    uint32_t out = cg_jump(g, OPCODE_JMP, 0);
    g->top = top;
    cg_here(g, caught);
    if (undo || s->undo) cg_undo_all(g, s->span);
    cg_bind(g, s->error_local, error);
    cg_block(g, s->body);
    cg_place(g, s->span);
    gen_raise(g, error, s->span);
    cg_here(g, out);
}

/* ---- do ---- */

/* The checker has seen to it that timeout and retry are plain constants in their range (PB0328). */
static uint32_t constant(const ast_expr *e, ast_expr_kind kind) {
    return e && e->kind == kind ? (uint32_t)e->u.integer : 0;
}

static cg_step step_of(const ast_stmt *s) {
    return (cg_step){s->name.text, constant(s->timeout, EXPR_DURATION), constant(s->retry, EXPR_INT), true};
}

static void gen_do_call(cg *g, const ast_stmt *s, uint32_t dst) {
    cg_step step = step_of(s);
    if (s->expr->kind == EXPR_CALL)
        cg_call(g, s->expr, &step, dst);
    else
        cg_expr(g, s->expr, dst);
}

/* With `else`: an error on the way, in the arguments too, leads there; the result is then none. */
static void gen_do(cg *g, const ast_stmt *s) {
    const ast_local *l = binding(s);
    uint32_t dst = l ? bind(g, l, s->span) : cg_alloc(g, 1, s->span);
    if (!s->has_else) {
        gen_do_call(g, s, dst);
        return;
    }
    uint32_t top = g->top, error = cg_alloc(g, 1, s->span);
    uint32_t caught = try_begin(g, error);
    gen_do_call(g, s, dst);
    try_end(g);
    uint32_t out = cg_jump(g, OPCODE_JMP, 0);
    cg_here(g, caught);
    if (l) cg_emit(g, OPCODE_LOADNONE, dst, 0, 0);
    cg_bind(g, s->error_local, error);
    cg_block(g, s->other);
    cg_here(g, out);
    g->top = top;
}

/* ---- if, for, parallel ---- */

/* How a block ends, from what a plan likes best to what it likes least. */
typedef enum block_end { END_GOES_ON, END_RETURNS, END_STOPS, END_FAILS } block_end;

static block_end block_ends(const ast_stmt *first) {
    const ast_stmt *s = first;
    if (!s) return END_GOES_ON;
    while (s->next) s = s->next;
    switch (s->kind) {
    case STMT_RETURN: return END_RETURNS;
    case STMT_STOP: return END_STOPS;
    case STMT_FAIL: return END_FAILS;
    case STMT_IF: {
        block_end a = block_ends(s->body), b = block_ends(s->other);
        return a < b ? a : b;
    }
    default: return END_GOES_ON;
    }
}

/* In a dry run an unknown condition takes the first branch, so that the plan shows what may be done, unless that one
 * gives up and the other does not: JMPF jumps on an unknown, and so does JMPT. */
static uint32_t gen_if_jump(cg *g, const ast_stmt *s) {
    uint32_t cond = cg_value(g, s->expr);
    if (block_ends(s->body) > block_ends(s->other)) return cg_jump(g, OPCODE_JMPF, cond);
    uint32_t yes = cg_jump(g, OPCODE_JMPT, cond), no = cg_jump(g, OPCODE_JMP, 0);
    cg_here(g, yes);
    return no;
}

static void gen_if(cg *g, const ast_stmt *s) {
    uint32_t top = g->top;
    uint32_t no = gen_if_jump(g, s);
    g->top = top;
    cg_block(g, s->body);
    if (!s->other) {
        cg_here(g, no);
        return;
    }
    uint32_t out = cg_jump(g, OPCODE_JMP, 0);
    cg_here(g, no);
    cg_block(g, s->other);
    cg_here(g, out);
}

static void gen_for(cg *g, const ast_stmt *s) {
    uint32_t top = g->top;
    cg_loop l = cg_loop_begin(g, s->expr, s->local);
    cg_block(g, s->body);
    cg_place(g, s->span);
    cg_loop_next(g, &l);
    g->top = top;
}

/* An error in a branch ends the branch and comes up at JOIN, so the TRYs around do not count in it. */
static void gen_branch(cg *g, const ast_stmt *s, uint32_t number) {
    const ast_local *l = binding(s);
    const ast_local *outer = g->reserved;
    uint32_t top = g->top, tries = g->tries, entered = g->entered;
    g->reserved = l;
    g->tries = g->entered = 0;
    cg_place(g, s->span);
    uint32_t next = cg_jump(g, OPCODE_FORK, number);
    gen_stmt(g, s);
    cg_emit(g, OPCODE_ENDFORK, l ? cg_reg(g, l) : 0, l != NULL, 0);
    cg_here(g, next);
    g->reserved = outer;
    g->tries = tries;
    g->entered = entered;
    g->top = top;
}

static void gen_parallel(cg *g, const ast_stmt *s) {
    uint32_t n = 0;
    for (const ast_stmt *b = s->body; b; b = b->next) n++;
    if (n > IMAGE_MAX_FORKS) {
        cg_limit(g, DIAG_LIMIT_BRANCHES, s->span, "%u parallel branches, at most %d are possible", n, IMAGE_MAX_FORKS);
        return;
    }
    if (g->branches >= IMAGE_MAX_FORK_DEPTH) {
        cg_limit(g, DIAG_LIMIT_BRANCHES, s->span, "more than %d `parallel` inside one another", IMAGE_MAX_FORK_DEPTH);
        return;
    }
    reserve(g, s->body);
    n = 0;
    g->branches++;
    for (const ast_stmt *b = s->body; b; b = b->next) gen_branch(g, b, n++);
    g->branches--;
    cg_place(g, s->span);
    cg_emit(g, OPCODE_JOIN, 0, 0, 0);
}

/* ---- in account, region ---- */

/* Where a part is missing, its operand names the other one's register, and the flags say that it does not count. */
static void gen_in_account(cg *g, const ast_stmt *s) {
    uint32_t top = g->top, given = (s->expr ? ENTER_ACCOUNT : 0) | (s->expr2 ? ENTER_REGION : 0);
    if (g->entered >= IMAGE_MAX_ENTER) {
        cg_limit(g, DIAG_LIMIT_BRANCHES, s->span, "more than %d `in account` inside one another", IMAGE_MAX_ENTER);
        return;
    }
    uint32_t account = s->expr ? cg_value(g, s->expr) : 0, region = s->expr2 ? cg_value(g, s->expr2) : account;
    if (!s->expr) account = region;
    cg_place(g, s->span);
    cg_emit(g, OPCODE_ENTER, account, region, given);
    g->top = top;
    g->entered++;
    cg_block(g, s->body);
    g->entered--;
    cg_place(g, s->span);
    cg_emit(g, OPCODE_LEAVE, 0, 0, 0);
}

/* ---- the rest ---- */

static void gen_return(cg *g, const ast_stmt *s) {
    uint32_t r = cg_alloc(g, 1, s->span);
    if (s->expr)
        cg_expr(g, s->expr, r);
    else
        cg_emit(g, OPCODE_LOADNONE, r, 0, 0);
    for (uint32_t i = 0; i < g->tries; i++) cg_emit(g, OPCODE_ENDTRY, 0, 0, 0);
    for (uint32_t i = 0; i < g->entered; i++) cg_emit(g, OPCODE_LEAVE, 0, 0, 0);
    cg_emit(g, OPCODE_RETURN, r, 0, 0);
}

static void gen_fail(cg *g, const ast_stmt *s) {
    uint32_t message = cg_value(g, s->expr), code = cg_alloc(g, 1, s->span);
    if (s->expr2)
        cg_expr(g, s->expr2, code);
    else
        cg_emit(g, OPCODE_LOADNONE, code, 0, 0);
    cg_place(g, s->span);
    cg_emit(g, OPCODE_FAIL, message, code, 0);
}

/* The condition is evaluated anew each time VERIFY jumps back; limit and message once. */
static void gen_verify(cg *g, const ast_stmt *s) {
    uint32_t base = cg_alloc(g, 4, s->span);
    if (s->timeout)
        cg_expr(g, s->timeout, base + 1);
    else
        cg_emit_x(g, OPCODE_LOADK, base + 1, cg_const(g, CONST_DURATION, CG_VERIFY_MS, s->span));
    cg_emit(g, OPCODE_LOADNONE, base + 2, 0, 0);
    if (s->expr2)
        cg_expr(g, s->expr2, base + 3);
    else
        cg_load_text(g, base + 3, cg_source_text(g, s->expr->span, CG_TITLE_MAX), s->span);
    uint32_t dry = cg_jump(g, OPCODE_DRY, 0);
    uint32_t again = iw_pc(g->w);
    cg_expr(g, s->expr, base);
    cg_place(g, s->span);
    uint32_t verify = cg_jump(g, OPCODE_VERIFY, base);
    cg_aim(g, verify, again);
    cg_here(g, dry);
}

/* In a dry run that has held back a call, what is waited for would not come. */
static void gen_wait(cg *g, const ast_stmt *s) {
    uint32_t dry = cg_jump(g, OPCODE_DRY, 0), dst = cg_alloc(g, 1, s->span);
    cg_step step = {.timeout_ms = s->wait_ms, .is_do = true};
    cg_call(g, s->expr, &step, dst);
    cg_here(g, dry);
}

static void gen_one(cg *g, const ast_stmt *s, opcode op) {
    uint32_t r = cg_value(g, s->expr);
    cg_place(g, s->span);
    cg_emit(g, op, r, 0, 0);
}

static void gen_kind(cg *g, const ast_stmt *s) {
    switch (s->kind) {
    case STMT_LET: gen_let(g, s); break;
    case STMT_WHERE: gen_where(g, s->expr); break;
    case STMT_DO: gen_do(g, s); break;
    case STMT_IF: gen_if(g, s); break;
    case STMT_FOR: gen_for(g, s); break;
    case STMT_PARALLEL: gen_parallel(g, s); break;
    case STMT_RECORD: gen_one(g, s, OPCODE_RECORD); break;
    case STMT_STOP: gen_one(g, s, OPCODE_STOP); break;
    case STMT_FAIL: gen_fail(g, s); break;
    case STMT_RETURN: gen_return(g, s); break;
    case STMT_VERIFY: gen_verify(g, s); break;
    case STMT_ON_FAILURE: break; /* gen_stmts; as a branch it would cover nothing */
    case STMT_IN_ACCOUNT: gen_in_account(g, s); break;
    case STMT_WAIT:
        if (s->until)
            gen_wait(g, s);
        else
            cg_wait_for(g, s);
        break;
    case STMT_APPROVE: cg_approve(g, s); break;
    case STMT_AUTHORIZE: cg_authorize(g, s); break;
    }
}

/* What a statement leaves on the register stack: its variable (those of its branches), nothing else. */
static bool leaves_variables(const ast_stmt *s) { return binding(s) || s->kind == STMT_PARALLEL; }

static void gen_stmt(cg *g, const ast_stmt *s) {
    uint32_t top = g->top;
    cg_place(g, s->span);
    if (g->undoable && g->undoable->capture_at == s) {
        cg_capture(g, g->undoable);
        g->undoable = NULL;
    }
    gen_kind(g, s);
    if (!leaves_variables(s)) g->top = top;
}

static void gen_stmts(cg *g, const ast_stmt *first) {
    for (const ast_stmt *s = first; s && !g->overflow; s = s->next) {
        if (s->kind == STMT_ON_FAILURE) {
            gen_on_failure(g, s);
            return;
        }
        gen_stmt(g, s);
    }
}

void cg_block(cg *g, const ast_stmt *first) {
    uint32_t top = g->top;
    gen_stmts(g, first);
    g->top = top;
}
