/*
 * suite.c - `pbc test`: collects the tests, compiles each playbook with its own, has them run, and says how it went.
 */
#include "stdlib/testing/coverage.h"

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
    return d->kind == DECL_TEST && d->playbook &&
           (!f || holds(d->string, f) || holds(d->name.parts[0].text, f));
}

static unit *unit_of(suite *s, const ast_decl *playbook) {
    for (uint32_t i = 0; i < s->nunits; i++)
        if (s->units[i].playbook == playbook) return &s->units[i];
    unit *u = &s->units[s->nunits++];
    *u = (unit){.playbook = playbook, .sources = s->program->sources, .program = s->program};
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
            if (is_wanted(s, d)) s->tests[s->ntests++] = (suite_test){.unit = unit_of(s, d->playbook), .decl = d};
    return true;
}

static bool compile_units(suite *s) {
    for (uint32_t i = 0; i < s->nunits; i++)
        if (!codegen_tests(s->program, s->diags, s->units[i].playbook, &s->units[i].image)) return false;
    return true;
}

/* ---- saying how it went ---- */

typedef struct teller {
    uint32_t done, failed;
} teller;

static void tell(void *ctx, const suite *s, const suite_test *t) {
    teller *k = ctx;
    k->done++;
    k->failed += t->verdict != TEST_PASSED;
    if (s->options->json) return;
    pb_buf out = {0};
    if (s->options->live) pb_buf_puts(&out, "\r\033[K");
    if (t->verdict != TEST_PASSED) results_failure(s, t, s->options->colour, &out);
    if (s->options->live) pb_buf_printf(&out, "%u of %u tests, %u failed", k->done, s->ntests, k->failed);
    if (out.len) fwrite(out.data, 1, out.len, stdout);
    if (s->options->live) fflush(stdout);
    pb_buf_free(&out);
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
    teller k = {0};
    int status = INTERNAL;
    if (!collect(&s)) return status;
    if (!s.ntests) {
        fputs(o->filter ? "pbc test: no test's playbook or title holds that text\n" : "pbc test: there are no tests\n",
              stderr);
        return NO_TESTS;
    }
    bool covered = o->coverage || o->coverage_dir || o->coverage_min;
    if (compile_units(&s) && (!covered || coverage_begin(&s)) && workers_run(&s, worker_count(o), tell, &k))
        status = say_results(&s);
    if (status <= FAILED && covered) {
        int more = say_coverage(&s);
        status = more > status ? more : status;
    }
    coverage_end(&s);
    suite_free(&s);
    return status;
}
