/*
 * ast_walk.h - every expression of a tree, for passes that look for something and do not care where it stands.
 */
#ifndef PB_AST_WALK_H
#define PB_AST_WALK_H

#include "lang/ast.h"

/* Called for each expression before those below it. False: not below this one. */
typedef bool ast_visit(void *ctx, const ast_expr *e);

/* e and all below it; NULL is fine. The depth is bounded by PARSE_MAX_DEPTH. A checked call's arguments are visited as
 * they were written, so defaults are not. */
void ast_each_expr(const ast_expr *e, ast_visit *fn, void *ctx);
/* The same for all of a statement's own expressions, and with `blocks` for the statements in its blocks too. */
void ast_each_in_stmt(const ast_stmt *s, bool blocks, ast_visit *fn, void *ctx);

#endif
