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

typedef struct preview_options {
    const char *const *events; /* files; - is standard input */
    size_t nevents;
    const char *state;       /* a recorded account (pbrun sim --state); NULL: one filled with what the event names */
    const char *const *sets; /* NAME=VALUE */
    size_t nsets;
    bool live; /* reads go to AWS, with the credentials that there are */
    bool json, quiet, colour;
} preview_options;

/* Prints what the playbooks of a compiled program would do about events; nothing is changed. The exit status: 0 the
 * plans are made, 1 an event or a plan failed, 2 a file cannot be opened or a parameter is not set, 5 out of memory and
 * the like. */
int preview_run(const pb_buf *image, const preview_options *o);

#endif
