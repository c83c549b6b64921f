/*
 * suite.c - `pbc test`: collects the tests, compiles each playbook with its own, has them run, and says how it went.
 */
#include "stdlib/testing/coverage.h"
#include "stdlib/testing/mutate.h"

#include "lang/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1, NO_TESTS = 2, INTERNAL = 5 };

/* ---- collecting ---- */

static bool holds(pb_str text, const char *part) {
    size_t n = strlen(part);
    return n == 0 || (text.n >= n && memmem(text.s, text.n, part, n));
}

static bool is_wanted(const suite *s, const ast_decl *d) {
    const char *f = s->options->filter;
    return d->kind == DECL_TEST && d->playbook && (!f || holds(d->string, f) || holds(d->name.parts[0].text, f));
}

static unit *unit_of(suite *s, const ast_decl *test) {
    const ast_decl *site = site_of_tests(s->program, test);
    for (uint32_t i = 0; i < s->nunits; i++)
        if (s->units[i].playbook == test->playbook && s->units[i].site == site) return &s->units[i];
    unit *u = &s->units[s->nunits++];
    *u = (unit){.playbook = test->playbook, .site = site, .sources = s->program->sources, .program = s->program};
    return u;
}

static uint32_t count_tests(const suite *s) {
    uint32_t n = 0;
    for (const ast_file *f = s->program->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next) n += is_wanted(s, d);
    return n;
}

static bool collect(suite *s) {
    uint32_t n = count_tests(s);
    s->units = pb_alloc_array(s->arena, n ? n : 1, sizeof *s->units);
    s->tests = pb_alloc_array(s->arena, n ? n : 1, sizeof *s->tests);
    if (!s->units || !s->tests) return false;
    for (const ast_file *f = s->program->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next)
            if (is_wanted(s, d)) s->tests[s->ntests++] = (suite_test){.unit = unit_of(s, d), .decl = d};
    return true;
}

static bool compile_units(suite *s) {
    for (uint32_t i = 0; i < s->nunits; i++)
        if (!codegen_tests(s->program, s->diags, s->units[i].playbook, s->units[i].site, &s->units[i].image))
            return false;
    return true;
}

/* ---- running ---- */

/* The files of a test's store. */
void stores_remove(const char *dir) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    char path[512];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s/0.db%s", dir, endings[i]);
        unlink(path);
    }
}

/* With a death on the way the account must end as it does without: `end` says how. */
static void compare_end(trial *t, uint64_t crash_at, pb_buf *end) {
    pb_str now = account_summary(&t->account, t->arena);
    if (!crash_at) {
        pb_buf_add(end, now.s, now.n);
        return;
    }
    if (now.n == end->len && memcmp(now.s, end->data, now.n) == 0) return;
    trial_broken(t,
                 pb_printf(t->arena, "the account ends with other things: %.*s, without the crash %s", PB_ARG(now),
                           end->data ? end->data : ""),
                 t->test->string_span);
}

/* Once, with a death at that moment (0: without). *moments: how many there were, if the test asks for deaths. */
static verdict run_trial(const suite_test *test, const char *dir, uint64_t crash_at, uint64_t *moments, job_result *r,
                         pb_buf *end, pb_buf *report) {
    trial t;
    trial_run(&t, test->unit, test->decl, dir, crash_at);
    if (t.crash_wanted && trial_passed(&t)) compare_end(&t, crash_at, end);
    verdict v = trial_passed(&t) ? TEST_PASSED : t.broken.n ? TEST_BROKEN : TEST_FAILED;
    if (v != TEST_PASSED && crash_at)
        pb_buf_printf(report, "  with the process killed at moment %llu of %llu\n", (unsigned long long)crash_at,
                      (unsigned long long)*moments);
    if (v != TEST_PASSED) report_failure(&t, report);
    r->expectations += t.expectations;
    if (!crash_at) *moments = t.crash_wanted ? t.moments : 0;
    trial_close(&t);
    stores_remove(dir);
    return v;
}

void suite_run_test(const unit *u, const ast_decl *test, const char *dir, bool crashes, job_result *r, pb_buf *report) {
    suite_test t = {.unit = u, .decl = test};
    pb_buf end = {0};
    uint64_t moments = 0;
    verdict v = run_trial(&t, dir, 0, &moments, r, &end, report);
    for (uint64_t k = 1; crashes && k <= moments && v == TEST_PASSED; k++, r->crashes++)
        v = run_trial(&t, dir, k, &moments, r, &end, report);
    r->verdict = v;
    pb_buf_free(&end);
}

static void run_job(void *ctx, uint32_t i, const char *dir, job_result *r, pb_buf *report) {
    const suite *s = ctx;
    suite_run_test(s->tests[i].unit, s->tests[i].decl, dir, true, r, report);
}

/* ---- saying how it went ---- */

static void tell(const suite *s, const suite_test *t) {
    if (s->options->json) return;
    pb_buf out = {0};
    if (s->options->live) pb_buf_puts(&out, "\r\033[K");
    if (t->verdict != TEST_PASSED) results_failure(s, t, s->options->colour, &out);
    if (s->options->live) pb_buf_printf(&out, "%u of %u tests, %u failed", s->done, s->ntests, s->failed);
    if (out.len) fwrite(out.data, 1, out.len, stdout);
    if (s->options->live) fflush(stdout);
    pb_buf_free(&out);
}

static void take(void *ctx, const job_result *r, const char *report) {
    suite *s = ctx;
    suite_test *t = &s->tests[r->job];
    t->verdict = (verdict)r->verdict;
    t->expectations = r->expectations;
    t->crashes = r->crashes;
    t->us = r->us;
    t->report = r->size ? strndup(report, r->size) : NULL;
    s->done++;
    s->failed += t->verdict != TEST_PASSED;
    tell(s, t);
}

static bool write_report(const char *path, const pb_buf *b) {
    if (file_replace(path, NULL, (pb_str){0}, b)) return true;
    fprintf(stderr, "pbc test: cannot write `%s`\n", path);
    return false;
}

/* The status: 1 below what is asked for. */
static int say_coverage(const suite *s) {
    coverage c;
    pb_buf out = {0};
    if (!coverage_collect(s, &c)) return INTERNAL;
    coverage_text(s, &c, &out);
    if (out.len) fwrite(out.data, 1, out.len, s->options->json ? stderr : stdout);
    pb_buf_free(&out);
    if (s->options->coverage_dir && !coverage_pages(s, &c, s->options->coverage_dir)) return INTERNAL;
    if (coverage_percent(c.run, c.statements) >= s->options->coverage_min) return DONE;
    fprintf(stderr, "pbc test: %.1f %% of the statements have run, less than the %u %% asked for\n",
            coverage_percent(c.run, c.statements), s->options->coverage_min);
    return FAILED;
}

static int say_results(const suite *s) {
    pb_buf out = {0};
    bool ok = true, passed = true;
    for (uint32_t i = 0; i < s->ntests; i++) passed &= s->tests[i].verdict == TEST_PASSED;
    if (s->options->junit) {
        results_junit(s, &out);
        ok = write_report(s->options->junit, &out);
        out.len = 0;
    }
    if (s->options->json)
        results_json(s, &out);
    else
        results_text(s, &out);
    if (s->options->live) fputs("\r\033[K", stdout);
    if (out.len) fwrite(out.data, 1, out.len, stdout);
    ok &= !out.oom;
    pb_buf_free(&out);
    return !ok ? INTERNAL : passed ? DONE : FAILED;
}

static uint32_t worker_count(const testing_options *o) {
    long n = o->workers ? (long)o->workers : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > SUITE_WORKERS_MAX ? SUITE_WORKERS_MAX : (uint32_t)n;
}

static void suite_free(suite *s) {
    for (uint32_t i = 0; i < s->ntests; i++) free(s->tests[i].report);
    for (uint32_t i = 0; i < s->nunits; i++) pb_buf_free(&s->units[i].image);
}

int testing_run(ast_program *p, diag_list *diags, const testing_options *o) {
    suite s = {.program = p, .diags = diags, .options = o, .arena = p->arena};
    int status = INTERNAL;
    if (!collect(&s)) return status;
    if (!s.ntests) {
        fputs(o->filter ? "pbc test: no test's playbook or title holds that text\n" : "pbc test: there are no tests\n",
              stderr);
        return NO_TESTS;
    }
    bool covered = o->coverage || o->coverage_dir || o->coverage_min;
    if (compile_units(&s) && (!covered || coverage_begin(&s)) &&
        workers_run(&(jobs){s.ntests, run_job, take, &s}, worker_count(o), &s.us))
        status = say_results(&s);
    if (status == DONE && o->mutate) status = mutate_run(&s, worker_count(o));
    if (status <= FAILED && covered) {
        int more = say_coverage(&s);
        status = more > status ? more : status;
    }
    coverage_end(&s);
    suite_free(&s);
    return status;
}
