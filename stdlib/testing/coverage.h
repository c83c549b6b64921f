/*
 * coverage.h - which statements and branches of playbooks and team actions the tests have gone through.
 */
#ifndef PB_COVERAGE_H
#define PB_COVERAGE_H

#include "stdlib/testing/suite.h"

typedef struct coverage_line {
    bool statement;      /* one begins here */
    bool run;            /* all that begin here have run */
    uint8_t ways, taken; /* of its branches: two each */
    uint8_t nth;         /* while counting */
} coverage_line;

typedef struct coverage_file {
    struct coverage_file *next;
    uint32_t file;        /* in the source set */
    coverage_line *lines; /* from 1 */
    uint32_t nlines, statements, run, ways, taken;
} coverage_file;

typedef struct coverage {
    coverage_file *files; /* by path */
    uint32_t statements, run, ways, taken;
} coverage;

/* Memory that all workers write to, a byte an instruction of each unit. False: no memory. */
bool coverage_begin(suite *s);
void coverage_end(suite *s);
/* After the tests; in the suite's arena. False: no memory. */
bool coverage_collect(const suite *s, coverage *out);
void coverage_text(const suite *s, const coverage *c, pb_buf *out);
/* index.html, a page a file, lcov.info. False after a message: a file cannot be written. */
bool coverage_pages(const suite *s, const coverage *c, const char *dir);
double coverage_percent(uint32_t part, uint32_t whole); /* 100 of nothing */

#endif
