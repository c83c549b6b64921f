/*
 * suite.h - all tests of a program: what the files of `pbc test` around the trial share. Nothing else includes it.
 *
 *   suite.c    collecting and compiling, and the order of things
 *   workers.c  running tests in processes of their own, several at a time
 *   coverage.c, coverage_pages.c  what they went through
 *   results.c  what is printed and written: text, JSON, JUnit
 */
#ifndef PB_SUITE_H
#define PB_SUITE_H

#include "stdlib/testing/testing.h"
#include "stdlib/testing/trial.h"

enum {
    SUITE_WORKERS_MAX = 64,
    SUITE_TESTS_MAX = 100000,
    SUITE_REPORT_MAX = 1 << 20 /* bytes of one failure */
};

typedef enum verdict { TEST_NOT_RUN, TEST_PASSED, TEST_FAILED, TEST_BROKEN } verdict;

typedef struct suite_test {
    const unit *unit;
    const ast_decl *decl;
    verdict verdict;
    uint32_t expectations, crashes;
    int64_t us;
    char *report; /* malloc'ed; of a test that did not pass */
} suite_test;

typedef struct suite {
    ast_program *program;
    diag_list *diags;
    const testing_options *options;
    pb_arena *arena;
    unit *units;
    suite_test *tests;
    uint32_t nunits, ntests;
    int64_t us; /* all of it */
    uint8_t *cover; /* of all units; NULL: not asked for */
    size_t cover_size;
    char dir[256]; /* for stores, while tests run */
} suite;

typedef void suite_progress(void *ctx, const suite *s, const suite_test *t); /* a test has ended */
/* Runs all tests that have not run. False: no memory, no processes. */
bool workers_run(suite *s, uint32_t workers, suite_progress *progress, void *ctx);

void results_text(const suite *s, pb_buf *out); /* the summary */
void results_failure(const suite *s, const suite_test *t, bool colour, pb_buf *out);
void results_json(const suite *s, pb_buf *out);
void results_junit(const suite *s, pb_buf *out);

#endif
