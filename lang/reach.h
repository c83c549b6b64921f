/*
 * reach.h - which AWS calls a checked program can come to: for whatever is derived from it (the least-privilege
 * policy).
 *
 * The walk is the code generator's own (codegen_reach.c), so what is listed here and what is in an image's manifest are
 * the same.
 */
#ifndef PB_REACH_H
#define PB_REACH_H

#include "lang/ast.h"
#include "lang/diag.h"

/* A place where an AWS operation is called. */
typedef struct reach_use {
    struct reach_use *next;
    const ast_expr *call; /* EXPR_CALL with CALL_AWS: u.call.aws is "ec2.CreateTags", u.call.args have names */
    const ast_decl *in;   /* the playbook, action or function that the call is written in */
    bool builtin;         /* `in` belongs to the standard library */
} reach_use;

/* The calls that the playbook of that name reaches (.s NULL: all playbooks), in the order in which they are found; in
 * the program's arena. *playbooks is how many playbooks were walked. False when a limit was hit or memory ran out. */
bool reach_aws(ast_program *p, diag_list *diags, pb_str playbook, const reach_use **calls, uint32_t *playbooks);

#endif
