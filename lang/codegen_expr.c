/*
 * codegen_expr.c - expressions.
 *
 * cg_expr puts a value into a given register; cg_operand gives back a register that has it, which for a variable is
 * the variable's own, so that `a.b == c` moves nothing. The left operand is computed in the target register, the right
 * one in a temporary, so left-nested chains need no more registers however long they are.
 *
 * Recursion is as deep as the tree, which the parser has bounded (PARSE_MAX_DEPTH).
 *
 * Operands are evaluated left to right, also where the instruction wants them the other way round (> and >=).
 */
#include "lang/codegen.h"

/* ---- emitting ---- */

uint32_t cg_emit(cg *g, opcode op, uint32_t a, uint32_t b, uint32_t c) { return iw_emit(g->w, op_abc(op, a, b, c)); }
uint32_t cg_emit_x(cg *g, opcode op, uint32_t a, uint32_t bx) { return iw_emit(g->w, op_abx(op, a, bx)); }
uint32_t cg_jump(cg *g, opcode op, uint32_t a) { return iw_emit(g->w, op_asbx(op, a, 0)); }

void cg_aim(cg *g, uint32_t jump, uint32_t target) {
    if (!iw_jump(g->w, jump, target))
        cg_limit(g, DIAG_LIMIT_JUMP, g->span, "%.*s has a block of more than 32767 instructions", PB_ARG(g->name));
}

void cg_here(cg *g, uint32_t jump) { cg_aim(g, jump, iw_pc(g->w)); }

uint32_t cg_alloc(cg *g, uint32_t n, pb_span span) {
    uint32_t first = g->top;
    if (first + n > IMAGE_MAX_REGS) {
        cg_limit(g, DIAG_LIMIT_REGISTERS, span, "%.*s needs more than %d values at the same time here", PB_ARG(g->name),
                 IMAGE_MAX_REGS);
        return 0; /* nothing comes of this code any more */
    }
    g->top += n;
    if (g->top > g->max) g->max = g->top;
    return first;
}

void cg_bind(cg *g, const ast_local *l, uint32_t reg) {
    if (!l) return;
    if (l->id >= g->nreg) {
        uint32_t more = l->id < 32 ? 64 : l->id * 2;
        uint8_t *p = pb_alloc(g->arena, more);
        if (!p) {
            g->failed = g->overflow = true;
            return;
        }
        if (g->nreg) memcpy(p, g->reg, g->nreg);
        g->reg = p;
        g->nreg = more;
    }
    g->reg[l->id] = (uint8_t)reg;
}

uint32_t cg_reg(const cg *g, const ast_local *l) { return l->id < g->nreg ? g->reg[l->id] : 0; }

uint32_t cg_const(cg *g, enum image_const kind, uint64_t value, pb_span span) {
    uint32_t k = iw_const(g->w, kind, value);
    if (k <= CG_MAX_INDEX) return k;
    cg_limit(g, DIAG_LIMIT_CONSTANTS, span, "%.*s has more than %d constants", PB_ARG(g->name), CG_MAX_INDEX + 1);
    return 0;
}

uint32_t cg_const_text(cg *g, pb_str s, pb_span span) { return cg_const(g, CONST_STRING, iw_string(g->w, s), span); }

void cg_load_text(cg *g, uint32_t reg, pb_str s, pb_span span) {
    cg_emit_x(g, OPCODE_LOADK, reg, cg_const_text(g, s, span));
}

void cg_load_int(cg *g, uint32_t reg, int64_t i, pb_span span) {
    if (i >= INT16_MIN && i <= INT16_MAX)
        iw_emit(g->w, op_asbx(OPCODE_LOADI, reg, (int32_t)i));
    else
        cg_emit_x(g, OPCODE_LOADK, reg, cg_const(g, CONST_INT, (uint64_t)i, span));
}

static void load_float(cg *g, uint32_t reg, double d, pb_span span) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    cg_emit_x(g, OPCODE_LOADK, reg, cg_const(g, CONST_FLOAT, bits, span));
}

static void load_duration(cg *g, uint32_t reg, int64_t ms, pb_span span) {
    cg_emit_x(g, OPCODE_LOADK, reg, cg_const(g, CONST_DURATION, (uint64_t)ms, span));
}

/* ---- operands ---- */

static bool is_variable(const ast_expr *e) { return e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL; }

uint32_t cg_operand(cg *g, const ast_expr *e, uint32_t hint) {
    if (is_variable(e)) return cg_reg(g, e->local);
    cg_expr(g, e, hint);
    return hint;
}

uint32_t cg_value(cg *g, const ast_expr *e) {
    if (is_variable(e)) return cg_reg(g, e->local);
    uint32_t r = cg_alloc(g, 1, e->span);
    cg_expr(g, e, r);
    return r;
}

/* ---- names, fields, literals ---- */

static void gen_name(cg *g, const ast_expr *e, uint32_t dst) {
    switch (e->name_kind) {
    case NAME_LOCAL:
        if (cg_reg(g, e->local) != dst) cg_emit(g, OPCODE_MOVE, dst, cg_reg(g, e->local), 0);
        break;
    case NAME_PARAM: cg_emit_x(g, OPCODE_PARAM, dst, e->param->index); break;
    case NAME_RUN: cg_emit(g, OPCODE_RUN, dst, 0, 0); break;
    case NAME_UNRESOLVED: cg_emit(g, OPCODE_LOADNONE, dst, 0, 0); break; /* the checker has refused it */
    }
}

static void gen_field(cg *g, const ast_expr *e, uint32_t dst) {
    uint32_t of = cg_operand(g, e->u.field.of, dst);
    uint32_t k = cg_const_text(g, e->u.field.name.text, e->span);
    cg_place(g, e->span);
    if (k <= UINT8_MAX) {
        cg_emit(g, OPCODE_FIELD, dst, of, k);
        return;
    }
    uint32_t top = g->top, key = cg_alloc(g, 1, e->span);
    cg_emit_x(g, OPCODE_LOADK, key, k);
    cg_emit(g, OPCODE_INDEX, dst, of, key);
    g->top = top;
}

/* ---- lists, maps, text ---- */

/* Values of the next entries, at most CG_CHUNK, into registers from base on; how many. */
static uint32_t gen_chunk(cg *g, const ast_arg **at, uint32_t base) {
    const ast_arg *a = *at;
    uint32_t n = 0;
    for (; a && n < CG_CHUNK; a = a->next, n++) {
        uint32_t r = n ? cg_alloc(g, 1, a->value->span) : base;
        cg_expr(g, a->value, r);
    }
    *at = a;
    return n;
}

/* The first part is made in dst, further ones behind it and added. */
static void gen_list(cg *g, const ast_expr *e, uint32_t dst) {
    const ast_arg *a = e->u.list;
    uint32_t top = g->top, part = dst;
    do {
        uint32_t base = cg_alloc(g, 1, e->span);
        uint32_t n = gen_chunk(g, &a, base);
        cg_emit(g, OPCODE_LIST, part == dst ? dst : base, base, n);
        if (part != dst) cg_emit(g, OPCODE_ADD, dst, dst, base);
        part = base;
        g->top = top;
    } while (a);
}

/* Parts are joined CG_CHUNK at a time, each time with what there is so far in front. */
static void gen_interp(cg *g, const ast_expr *e, uint32_t dst) {
    const ast_arg *a = e->u.list;
    uint32_t top = g->top, base = cg_alloc(g, 1, e->span), n = gen_chunk(g, &a, base);
    cg_place(g, e->span);
    cg_emit(g, OPCODE_CONCAT, a ? base : dst, base, n);
    while (a) {
        g->top = base + 1;
        n = gen_chunk(g, &a, cg_alloc(g, 1, e->span));
        cg_emit(g, OPCODE_CONCAT, a ? base : dst, base, n + 1);
    }
    g->top = top;
}

void cg_map(cg *g, const ast_arg *entries, uint32_t dst, pb_span span) {
    uint32_t top = g->top, n = 0;
    for (const ast_arg *a = entries; a; a = a->next) n++;
    if (n > CG_MAX_ENTRIES) {
        cg_limit(g, DIAG_LIMIT_ENTRIES, span, "%u entries in one map, at most %d are possible", n, CG_MAX_ENTRIES);
        return;
    }
    uint32_t base = cg_alloc(g, n ? 2 * n : 1, span), r = base;
    for (const ast_arg *a = entries; a; a = a->next, r += 2) {
        cg_load_text(g, r, a->name.text, a->name.span);
        cg_expr(g, a->value, r + 1);
    }
    cg_emit(g, OPCODE_MAP, dst, base, n);
    g->top = top;
}

/* ---- operators ---- */

bool cg_is_comparison(const ast_expr *e) { return e->kind == EXPR_BINARY && e->op >= OP_EQ && e->op <= OP_MATCHES; }

static bool is_cidr(const pb_type *t) {
    if (!t) return false;
    if (t->kind == TYPE_LIST && t->elem) t = t->elem;
    return t->kind == TYPE_CIDR;
}

void cg_compare(cg *g, const ast_expr *e, uint32_t dst, uint32_t left, uint32_t right) {
    static const struct {
        uint8_t op;
        bool swap;
    } how[] = {
        [OP_EQ] = {OPCODE_EQ, false}, [OP_NE] = {OPCODE_NE, false},     [OP_LT] = {OPCODE_LT, false},
        [OP_LE] = {OPCODE_LE, false}, [OP_GT] = {OPCODE_LT, true},      [OP_GE] = {OPCODE_LE, true},
        [OP_IN] = {OPCODE_IN, false}, [OP_LIKE] = {OPCODE_LIKE, false}, [OP_MATCHES] = {OPCODE_MATCHES, false},
    };
    opcode op = (opcode)how[e->op].op;
    bool swap = how[e->op].swap;
    if (e->op == OP_IN && is_cidr(e->u.binary.right->type)) op = OPCODE_INCIDR;
    cg_place(g, e->span);
    cg_emit(g, op, dst, swap ? right : left, swap ? left : right);
}

static void gen_arithmetic(cg *g, const ast_expr *e, uint32_t dst, uint32_t left, uint32_t right) {
    static const uint8_t ops[] = {
        [OP_ADD] = OPCODE_ADD, [OP_SUB] = OPCODE_SUB, [OP_MUL] = OPCODE_MUL,
        [OP_DIV] = OPCODE_DIV, [OP_MOD] = OPCODE_MOD,
    };
    cg_place(g, e->span);
    cg_emit(g, (opcode)ops[e->op], dst, left, right);
}

/* `and`, `or`, `??`: the left value stands unless the right one is needed. */
static void gen_short(cg *g, const ast_expr *e, uint32_t dst) {
    opcode op = e->op == OP_AND ? OPCODE_JMPF : e->op == OP_OR ? OPCODE_JMPT : OPCODE_JMPSOME;
    cg_expr(g, e->u.binary.left, dst);
    cg_place(g, e->span);
    uint32_t jump = cg_jump(g, op, dst);
    cg_expr(g, e->u.binary.right, dst);
    cg_here(g, jump);
}

static void gen_binary(cg *g, const ast_expr *e, uint32_t dst) {
    if (e->op == OP_AND || e->op == OP_OR || e->op == OP_COALESCE) {
        gen_short(g, e, dst);
        return;
    }
    uint32_t top = g->top;
    uint32_t left = cg_operand(g, e->u.binary.left, dst);
    uint32_t right = cg_value(g, e->u.binary.right);
    if (cg_is_comparison(e))
        cg_compare(g, e, dst, left, right);
    else
        gen_arithmetic(g, e, dst, left, right);
    g->top = top;
}

static void gen_index(cg *g, const ast_expr *e, uint32_t dst) {
    uint32_t top = g->top;
    uint32_t left = cg_operand(g, e->u.binary.left, dst);
    uint32_t right = cg_value(g, e->u.binary.right);
    cg_place(g, e->span);
    cg_emit(g, OPCODE_INDEX, dst, left, right);
    g->top = top;
}

static void gen_unary(cg *g, const ast_expr *e, uint32_t dst) {
    opcode op = e->kind == EXPR_NOT ? OPCODE_NOT : e->kind == EXPR_NEG ? OPCODE_NEG : OPCODE_EXISTS;
    uint32_t of = cg_operand(g, e->u.unary, dst);
    cg_place(g, e->span);
    cg_emit(g, op, dst, of, 0);
}

/* A minus in front of a number is part of the constant; everything else is computed. */
static void gen_neg(cg *g, const ast_expr *e, uint32_t dst) {
    const ast_expr *of = e->u.unary;
    if (of->kind == EXPR_INT && of->u.integer != INT64_MIN)
        cg_load_int(g, dst, -of->u.integer, e->span);
    else if (of->kind == EXPR_DURATION && of->u.integer != INT64_MIN)
        load_duration(g, dst, -of->u.integer, e->span);
    else if (of->kind == EXPR_FLOAT)
        load_float(g, dst, -of->u.number, e->span);
    else
        gen_unary(g, e, dst);
}

/* ---- loops in expressions ---- */

cg_loop cg_loop_begin(cg *g, const ast_expr *list, const ast_local *item) {
    cg_loop l = {cg_alloc(g, 3, list->span), 0, 0};
    cg_expr(g, list, l.base);
    cg_load_int(g, l.base + 1, 0, list->span);
    cg_bind(g, item, l.base + 2);
    l.enter = cg_jump(g, OPCODE_JMP, 0);
    l.body = iw_pc(g->w);
    return l;
}

void cg_loop_next(cg *g, const cg_loop *l) {
    cg_here(g, l->enter);
    uint32_t next = cg_jump(g, OPCODE_FORNEXT, l->base);
    cg_aim(g, next, l->body);
}

static void gen_comp(cg *g, const ast_expr *e, uint32_t dst) {
    uint32_t top = g->top, skip = 0, value;
    cg_emit(g, OPCODE_LIST, dst, dst, 0);
    cg_loop l = cg_loop_begin(g, e->u.comp.list, e->u.comp.local);
    if (e->u.comp.cond) {
        uint32_t inner = g->top, cond = cg_value(g, e->u.comp.cond);
        cg_emit(g, OPCODE_DOUBT, dst, cond, 0);
        skip = cg_jump(g, OPCODE_JMPF, cond);
        g->top = inner;
    }
    value = cg_value(g, e->u.comp.value);
    cg_emit(g, OPCODE_APPEND, dst, value, 0);
    if (e->u.comp.cond) cg_here(g, skip);
    cg_loop_next(g, &l);
    cg_emit(g, OPCODE_DOUBT, dst, l.base, 0);
    g->top = top;
}

/* any: false until an item says true; all: true until an item says false. Both leave the loop by a jump forwards.
 * What is unknown of an item is unknown of the whole, unless another item decides. */
static void gen_any_all(cg *g, const ast_expr *e, uint32_t dst) {
    bool any = e->kind == EXPR_ANY;
    uint32_t top = g->top, skip = 0;
    cg_emit(g, OPCODE_LOADBOOL, dst, !any, 0);
    cg_loop l = cg_loop_begin(g, e->u.comp.list, e->u.comp.local);
    if (e->u.comp.cond) {
        uint32_t cond = cg_value(g, e->u.comp.cond);
        cg_emit(g, OPCODE_DOUBT, dst, cond, 0);
        skip = cg_jump(g, OPCODE_JMPF, cond);
    }
    uint32_t value = cg_value(g, e->u.comp.value);
    cg_emit(g, OPCODE_DOUBT, dst, value, 0);
    uint32_t on = cg_jump(g, any ? OPCODE_JMPF : OPCODE_JMPT, value);
    cg_emit(g, OPCODE_LOADBOOL, dst, any, 0);
    uint32_t out = cg_jump(g, OPCODE_JMP, 0);
    cg_here(g, on);
    if (e->u.comp.cond) cg_here(g, skip);
    cg_loop_next(g, &l);
    cg_here(g, out);
    g->top = top;
}

static void gen_as(cg *g, const ast_expr *e, uint32_t dst) {
    cg_expr(g, e->u.as.value, dst);
    uint32_t t = cg_image_type(g, e->type->base ? e->type->base : e->type);
    if (t > CG_MAX_INDEX) {
        cg_limit(g, DIAG_LIMIT_TABLE, e->span, "the program has more than %d types", CG_MAX_INDEX + 1);
        return;
    }
    cg_place(g, e->span);
    cg_emit_x(g, OPCODE_CAST, dst, t);
}

/* ---- all of them ---- */

static void gen(cg *g, const ast_expr *e, uint32_t dst) {
    switch (e->kind) {
    case EXPR_NONE: cg_emit(g, OPCODE_LOADNONE, dst, 0, 0); break;
    case EXPR_BOOL: cg_emit(g, OPCODE_LOADBOOL, dst, e->u.boolean, 0); break;
    case EXPR_INT: cg_load_int(g, dst, e->u.integer, e->span); break;
    case EXPR_FLOAT: load_float(g, dst, e->u.number, e->span); break;
    case EXPR_DURATION: load_duration(g, dst, e->u.integer, e->span); break;
    case EXPR_STRING: cg_load_text(g, dst, e->u.string, e->span); break;
    case EXPR_INTERP: gen_interp(g, e, dst); break;
    case EXPR_NAME: gen_name(g, e, dst); break;
    case EXPR_FIELD: gen_field(g, e, dst); break;
    case EXPR_INDEX: gen_index(g, e, dst); break;
    case EXPR_CALL: cg_call(g, e, NULL, dst); break;
    case EXPR_LIST: gen_list(g, e, dst); break;
    case EXPR_MAP: cg_map(g, e->u.map, dst, e->span); break;
    case EXPR_NEG: gen_neg(g, e, dst); break;
    case EXPR_NOT:
    case EXPR_EXISTS: gen_unary(g, e, dst); break;
    case EXPR_BINARY: gen_binary(g, e, dst); break;
    case EXPR_COMP: gen_comp(g, e, dst); break;
    case EXPR_ANY:
    case EXPR_ALL: gen_any_all(g, e, dst); break;
    case EXPR_AS: gen_as(g, e, dst); break;
    }
}

void cg_expr(cg *g, const ast_expr *e, uint32_t dst) {
    if (g->overflow) return;
    cg_place(g, e->span);
    gen(g, e, dst);
}
