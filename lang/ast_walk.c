/*
 * ast_walk.c - goes through a tree.
 *
 * One switch over the kinds of expressions, so that a new kind is added in one place for all passes that only look. What
 * makes something out of a tree (codegen, the formatter, the checker) has switches of its own: there the order and
 * the meaning of each part count.
 */
#include "lang/ast_walk.h"

static void each_arg(const ast_arg *a, ast_visit *fn, void *ctx) {
    for (; a; a = a->next) ast_each_expr(a->value, fn, ctx);
}

static void below(const ast_expr *e, ast_visit *fn, void *ctx) {
    switch (e->kind) {
    case EXPR_FIELD: ast_each_expr(e->u.field.of, fn, ctx); break;
    case EXPR_INDEX:
    case EXPR_BINARY:
        ast_each_expr(e->u.binary.left, fn, ctx);
        ast_each_expr(e->u.binary.right, fn, ctx);
        break;
    case EXPR_CALL:
        ast_each_expr(e->u.call.callee, fn, ctx);
        each_arg(e->u.call.args, fn, ctx);
        break;
    case EXPR_LIST:
    case EXPR_INTERP: each_arg(e->u.list, fn, ctx); break;
    case EXPR_MAP: each_arg(e->u.map, fn, ctx); break;
    case EXPR_NOT:
    case EXPR_NEG:
    case EXPR_EXISTS: ast_each_expr(e->u.unary, fn, ctx); break;
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL:
        ast_each_expr(e->u.comp.list, fn, ctx);
        ast_each_expr(e->u.comp.value, fn, ctx);
        ast_each_expr(e->u.comp.cond, fn, ctx);
        break;
    case EXPR_AS: ast_each_expr(e->u.as.value, fn, ctx); break;
    case EXPR_NONE:
    case EXPR_BOOL:
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_DURATION:
    case EXPR_STRING:
    case EXPR_NAME: break;
    }
}

void ast_each_expr(const ast_expr *e, ast_visit *fn, void *ctx) {
    if (e && fn(ctx, e)) below(e, fn, ctx);
}

static void each_block(const ast_stmt *first, ast_visit *fn, void *ctx) {
    for (const ast_stmt *s = first; s; s = s->next) ast_each_in_stmt(s, true, fn, ctx);
}

void ast_each_in_stmt(const ast_stmt *s, bool blocks, ast_visit *fn, void *ctx) {
    ast_each_expr(s->expr, fn, ctx);
    ast_each_expr(s->expr2, fn, ctx);
    ast_each_expr(s->timeout, fn, ctx);
    ast_each_expr(s->retry, fn, ctx);
    each_arg(s->clauses, fn, ctx);
    if (!blocks) return;
    each_block(s->body, fn, ctx);
    each_block(s->other, fn, ctx);
    each_block(s->third, fn, ctx);
}
