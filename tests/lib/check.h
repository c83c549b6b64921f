/*
 * check.h - the little that unit tests in C share. A test prints one line a case: "ok NAME", "not ok NAME: why" or
 * "skip NAME: why"; tests/run.py counts them. main ends with `return check_done();`.
 */
#ifndef PB_CHECK_H
#define PB_CHECK_H

#include <stdio.h>
#include <string.h>

static int check_failures_;
static const char *check_name_ = "";
static int check_case_failed_;

/* CASE("name") { ... } : all CHECKs in the block count as one case. */
#define CASE(name) for (int once_ = (check_begin_(name), 1); once_; once_ = 0, check_end_())
#define CHECK(cond) \
    do { \
        if (!(cond)) check_fail_(__FILE__, __LINE__, #cond); \
    } while (0)
#define CHECK_STR(got, want) check_str_(__FILE__, __LINE__, (got), (want))

static inline void check_begin_(const char *name) {
    check_name_ = name;
    check_case_failed_ = 0;
}
static inline void check_fail_(const char *file, int line, const char *what) {
    if (!check_case_failed_) printf("not ok %s: %s:%d: %s\n", check_name_, file, line, what);
    check_case_failed_ = 1;
}
static inline void check_str_(const char *file, int line, const char *got, const char *want) {
    if (got && strcmp(got, want) == 0) return;
    if (!check_case_failed_)
        printf("not ok %s: %s:%d: got \"%s\", want \"%s\"\n", check_name_, file, line, got ? got : "(null)", want);
    check_case_failed_ = 1;
}
static inline void check_end_(void) {
    if (check_case_failed_)
        check_failures_++;
    else
        printf("ok %s\n", check_name_);
    fflush(stdout);
}
static inline int check_done(void) { return check_failures_ ? 1 : 0; }

#endif
