/*
 * testing.h - `pbc test`: runs the test blocks of playbook files.
 */
#ifndef PB_TESTING_H
#define PB_TESTING_H

#include "lang/compile.h"

typedef struct testing_options {
    const char *filter;       /* only tests whose playbook or title holds this text; NULL: all */
    const char *junit;        /* a file for a JUnit report; NULL: none */
    const char *coverage_dir; /* where the HTML pages go; NULL: none */
    uint32_t workers;         /* 0: one a processor */
    uint32_t coverage_min;    /* per cent; below it the status is 1 */
    const char *const *paths; /* what the program was read from: mutants are read again */
    size_t npaths;
    bool json, coverage, mutate, quiet, colour, live;
} testing_options;

/* Runs the tests of a checked program; prints to standard output. The exit status: 0 all passed, 1 not, 2 there are
 * none, 5 out of memory and the like. */
int testing_run(ast_program *p, diag_list *diags, const testing_options *o);

#endif
