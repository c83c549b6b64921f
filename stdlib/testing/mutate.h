/*
 * mutate.h - small mistakes in playbooks, made one at a time, to see whether the tests notice.
 */
#ifndef PB_MUTATE_H
#define PB_MUTATE_H

#include "stdlib/testing/suite.h"

/* One change that can be made to a tree. */
typedef struct mutation {
    const ast_decl *decl; /* where: a playbook, action, function or guard */
    pb_span span;         /* what is changed */
    const char *what;     /* "another comparison" */
    pb_str text;          /* what stands there then; empty: nothing */
} mutation;

/* How many there are in the user's declarations, tests apart. apply: make that one (from 0), told in *out; UINT32_MAX:
 * none, and each (may be NULL) is told all of them. The tree has not been checked yet. */
typedef void mutation_fn(void *ctx, uint32_t number, const mutation *m);
uint32_t mutations(ast_program *p, uint32_t apply, mutation *out, mutation_fn *each, void *ctx);

/* Makes each of them and runs the tests of the playbooks concerned; prints what survived. The exit status. */
int mutate_run(suite *s, uint32_t workers);

#endif
