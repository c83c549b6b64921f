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

enum { SUITE_WORKERS_MAX = 64, SUITE_TESTS_MAX = 100000 };

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
    int64_t us;     /* all of it */
    uint8_t *cover; /* of all units; NULL: not asked for */
    size_t cover_size;
    uint32_t done, failed; /* so far */
} suite;

/* ---- workers.c ---- */

enum { JOB_REPORT_MAX = 1 << 20 /* bytes of one */ };
typedef struct job_result { /* what a worker says; `size` bytes of report follow */
    uint32_t job, size, expectations, crashes;
    int32_t verdict;
    int64_t us;
} job_result;
typedef struct jobs {
    uint32_t n;
    /* In a worker; dir: for a store's files. */
    void (*run)(void *ctx, uint32_t job, const char *dir, job_result *r, pb_buf *report);
    /* In the process that asked, in no order. */
    void (*done)(void *ctx, const job_result *r, const char *report);
    void *ctx;
} jobs;
/* False: no memory, no processes. The time it took is added to *us. */
bool workers_run(const jobs *j, uint32_t workers, int64_t *us);
void stores_remove(const char *dir); /* of a test */

/* ---- suite.c ---- */
void suite_run_test(const unit *u, const ast_decl *test, const char *dir, bool crashes, job_result *r, pb_buf *report);

void results_text(const suite *s, pb_buf *out); /* the summary */
void results_failure(const suite *s, const suite_test *t, bool colour, pb_buf *out);
void results_json(const suite *s, pb_buf *out);
void results_junit(const suite *s, pb_buf *out);

#endif
