/*
 * mutate.c - mutation testing: each change of mutations.c is made, compiled and tested, and what no test notices is
 * listed.
 *
 * A mutant is read from the files again, changed, checked and compiled in the worker's memory. One that does not
 * compile is caught by the compiler. Of a playbook its own tests are run, of what playbooks share the tests of all of
 * them, until one fails. A mutant that survives shows something that no test looks at; where that is as it should be,
 * the line says so:
 *
 *     where f.severity >= 5  # pbc: survives "GuardDuty has no findings of exactly 5"
 *
 * at its end or alone on the line above. Such survivors are counted and listed with their reason.
 */
#include "stdlib/testing/mutate.h"

#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"
#include "vm/plain.h"

#include <stdio.h>
#include <stdlib.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, INTERNAL = 5, SHOWN = 200 };
static const size_t MUTANT_MEMORY = (size_t)1 << 30;

typedef enum fate { FATE_NONE, FATE_KILLED, FATE_COMPILER, FATE_SURVIVED, FATE_UNTESTED, FATE_BROKEN } fate;

typedef struct mutant {
    mutation m;
    fate fate;
    pb_str reason; /* survives, and is to; .s NULL: nobody says so */
} mutant;

typedef struct mutants {
    suite *suite;
    mutant *all;
    const ast_program *read; /* the unchanged tree of their spans */
    uint32_t n, done, survived;
} mutants;

/* ---- one mutant, in a worker ---- */

static ast_program *read_again(const suite *s, pb_arena *a, diag_list *diags) {
    size_t n;
    const builtin_source *builtins = stdlib_sources(&n);
    return parse_program(a, diags, builtins, n, s->options->paths, s->options->npaths);
}

/* Those of the playbook's tests that have this site, until one fails. The whole program's, not only the filtered ones.
 */
static bool fails_one(ast_program *p, const unit *u, const char *dir, bool *tested) {
    bool noticed = false;
    for (const ast_file *f = p->files; f && !noticed; f = f->next)
        for (const ast_decl *d = f->decls; d && !noticed; d = d->next) {
            if (d->kind != DECL_TEST || d->playbook != u->playbook || site_of_tests(p, d) != u->site) continue;
            job_result r = {0};
            pb_buf report = {0};
            suite_run_test(u, d, dir, false, &r, &report);
            pb_buf_free(&report);
            *tested = true;
            noticed = r.verdict != TEST_PASSED;
        }
    return noticed;
}

static bool is_noticed_at(ast_program *p, diag_list *diags, ast_decl *playbook, const ast_decl *site, const char *dir,
                          bool *tested) {
    unit u = {.playbook = playbook, .site = site, .sources = p->sources, .program = p};
    bool noticed = !codegen_tests(p, diags, playbook, site, &u.image) || fails_one(p, &u, dir, tested);
    pb_buf_free(&u.image);
    return noticed;
}

/* Each file of tests may bring a site of its own, and then has a program of its own. */
static bool is_noticed(ast_program *p, diag_list *diags, ast_decl *playbook, const char *dir, bool *tested) {
    if (is_noticed_at(p, diags, playbook, NULL, dir, tested)) return true;
    for (const ast_file *f = p->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next)
            if (d->kind == DECL_SITE && source_is_test(&p->sources->files[f->file]) &&
                is_noticed_at(p, diags, playbook, d, dir, tested))
                return true;
    return false;
}

static fate fate_of(ast_program *p, diag_list *diags, const ast_decl *changed, const char *dir) {
    bool tested = false;
    for (const ast_file *f = p->files; f; f = f->next)
        for (ast_decl *d = f->decls; d; d = d->next) {
            if (d->kind != DECL_PLAYBOOK || (changed->kind == DECL_PLAYBOOK && d != changed)) continue;
            if (is_noticed(p, diags, d, dir, &tested)) return FATE_KILLED;
        }
    return tested ? FATE_SURVIVED : FATE_UNTESTED;
}

static void run_mutant(void *ctx, uint32_t i, const char *dir, job_result *r, pb_buf *report) {
    const mutants *k = ctx;
    pb_arena *a = pb_arena_new(MUTANT_MEMORY);
    diag_list *diags = a ? diag_new(a) : NULL;
    ast_program *p = diags ? read_again(k->suite, a, diags) : NULL;
    mutation m = {0};
    (void)report;
    r->verdict = FATE_BROKEN;
    if (p && diag_count(diags, DIAG_ERROR) == 0) {
        mutations(p, i, &m, NULL, NULL);
        bool ok = check_program(p, aws_schema(), diags);
        r->verdict = ok && m.decl ? (int32_t)fate_of(p, diags, m.decl, dir) : FATE_COMPILER;
    }
    pb_arena_free(a);
}

static void take(void *ctx, const job_result *r, const char *report) {
    mutants *k = ctx;
    (void)report;
    k->all[r->job].fate = (fate)r->verdict;
    k->done++;
    k->survived += r->verdict == FATE_SURVIVED;
    if (!k->suite->options->live) return;
    printf("\r\033[K%u of %u mutants, %u survived", k->done, k->n, k->survived);
    fflush(stdout);
}

/* ---- reasons ---- */

static uint32_t line_of(const source_set *set, pb_span at) {
    uint32_t line, column;
    source_place(&set->files[at.file], at.start, &line, &column);
    return line;
}

/* The text in quotes behind `pbc: survives`; .s NULL: the comment is none of ours. */
static pb_str reason_in(pb_str comment) {
    static const char mark[] = "pbc: survives \"";
    const char *p = memmem(comment.s, comment.n, mark, sizeof mark - 1);
    if (!p) return (pb_str){NULL, 0};
    p += sizeof mark - 1;
    const char *end = memchr(p, '"', (size_t)(comment.s + comment.n - p));
    return end && end > p ? (pb_str){p, (uint32_t)(end - p)} : (pb_str){NULL, 0};
}

static pb_str reason_of(const ast_program *p, pb_span at) {
    uint32_t line = line_of(p->sources, at);
    for (const ast_file *f = p->files; f; f = f->next) {
        if (f->file != at.file) continue;
        for (uint32_t i = 0; i < f->ncomments; i++) {
            const ast_comment *c = &f->comments[i];
            uint32_t there = line_of(p->sources, c->span);
            pb_str reason =
                there == line || (c->own_line && there + 1 == line) ? reason_in(c->text) : (pb_str){NULL, 0};
            if (reason.s) return reason;
        }
    }
    return (pb_str){NULL, 0};
}

/* ---- what is printed ---- */

static void shown(pb_buf *out, const char *sign, pb_str before, pb_str text, pb_str after) {
    pb_buf_puts(out, sign);
    plain_add(out, before, SHOWN);
    plain_add(out, text, SHOWN);
    plain_add(out, after, SHOWN);
    pb_buf_putc(out, '\n');
}

/* The line as it is and as it would be; of something longer than a line only that. */
static void show_change(const source_set *set, const mutation *m, pb_buf *out) {
    const source_file *f = &set->files[m->span.file];
    uint32_t line = line_of(set, m->span), start = f->lines[line - 1],
             end = line < f->nlines ? f->lines[line] - 1 : f->text.n;
    pb_str old = {f->text.s + m->span.start, m->span.end - m->span.start};
    pb_str before = {f->text.s + start, m->span.start - start}, after = {"", 0};
    if (m->span.end <= end) after = (pb_str){f->text.s + m->span.end, end - m->span.end};
    if (m->span.end > end) before.n = 0;
    while (before.n && strchr(" \t", before.s[0])) before.s++, before.n--;
    shown(out, "    - ", before, old, after);
    if (m->text.n) shown(out, "    + ", before, m->text, after);
}

static void show_mutant(const mutants *k, const mutant *m, const char *head, pb_buf *out) {
    const source_set *set = k->suite->program->sources;
    pb_buf_printf(out, "%s  %.*s:%u: %s", head, PB_ARG(set->files[m->m.span.file].path), line_of(set, m->m.span),
                  m->m.what);
    if (m->reason.s) {
        pb_buf_puts(out, " (");
        plain_add(out, m->reason, SHOWN);
        pb_buf_putc(out, ')');
    }
    pb_buf_putc(out, '\n');
    show_change(set, &m->m, out);
}

static uint32_t count(const mutants *k, fate f, bool accepted) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->n; i++) n += k->all[i].fate == f && (k->all[i].reason.s != NULL) == accepted;
    return n;
}

static int say(const mutants *k) {
    pb_buf out = {0};
    uint32_t survived = count(k, FATE_SURVIVED, false), accepted = count(k, FATE_SURVIVED, true),
             untested = count(k, FATE_UNTESTED, false) + count(k, FATE_UNTESTED, true),
             broken = count(k, FATE_BROKEN, false) + count(k, FATE_BROKEN, true),
             compiler = count(k, FATE_COMPILER, false) + count(k, FATE_COMPILER, true);
    if (k->suite->options->live) pb_buf_puts(&out, "\r\033[K");
    for (uint32_t i = 0; i < k->n; i++)
        if (k->all[i].fate == FATE_SURVIVED && !k->all[i].reason.s) show_mutant(k, &k->all[i], "SURVIVED", &out);
    for (uint32_t i = 0; i < k->n; i++)
        if (k->all[i].fate == FATE_SURVIVED && k->all[i].reason.s) show_mutant(k, &k->all[i], "accepted", &out);
    pb_buf_printf(&out, "%u mutants: %u noticed by tests, %u by the compiler, %u survived, %u accepted with a reason",
                  k->n, k->n - survived - accepted - untested - broken - compiler, compiler, survived, accepted);
    if (untested) pb_buf_printf(&out, ", %u without any test", untested);
    if (broken) pb_buf_printf(&out, ", %u could not be tried", broken);
    pb_buf_putc(&out, '\n');
    fwrite(out.data, 1, out.len, k->suite->options->json ? stderr : stdout);
    bool ok = !out.oom;
    pb_buf_free(&out);
    return !ok ? INTERNAL : survived || broken || untested ? FAILED : DONE;
}

static void note_mutation(void *ctx, uint32_t i, const mutation *m) {
    mutants *k = ctx;
    if (i < k->n) k->all[i] = (mutant){.m = *m, .reason = reason_of(k->read, m->span)};
}

static bool is_readable_again(const suite *s) {
    for (size_t i = 0; i < s->options->npaths; i++)
        if (strcmp(s->options->paths[i], "-") == 0) return false;
    return true;
}

int mutate_run(suite *s, uint32_t workers) {
    if (!is_readable_again(s)) {
        fputs("pbc test: mutants are read from files again, so --mutate cannot be used with standard input\n", stderr);
        return USAGE;
    }
    pb_arena *a = pb_arena_new(0);
    diag_list *diags = a ? diag_new(a) : NULL;
    ast_program *p = diags ? read_again(s, a, diags) : NULL;
    mutants k = {.suite = s};
    int status = INTERNAL;
    int64_t us = 0;
    if (!p || diag_count(diags, DIAG_ERROR)) goto cleanup;
    k.n = mutations(p, UINT32_MAX, NULL, NULL, NULL);
    k.all = calloc((size_t)k.n + 1, sizeof *k.all);
    if (!k.all) goto cleanup;
    k.read = p;
    mutations(p, UINT32_MAX, NULL, note_mutation, &k);
    if (workers_run(&(jobs){k.n, run_mutant, take, &k}, workers, &us)) status = say(&k);
cleanup:
    free(k.all);
    pb_arena_free(a);
    return status;
}
