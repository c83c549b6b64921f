/*
 * codegen_test.c - tests: each becomes a function of the image that holds the playbook it tests.
 *
 * The checker has turned a test's clauses into statements (check_test.c), so there is nothing special about making
 * them: such a function is a body without an event, which may do all that the test's set-up needs. Images that are
 * deployed have no tests: only codegen_tests asks for them, one playbook at a time.
 */
#include "lang/codegen.h"

const ast_decl *site_of_tests(const ast_program *p, const ast_decl *test) {
    const ast_file *f = p->files;
    while (f && f->file != test->file) f = f->next;
    const ast_decl *d = f && source_is_test(&p->sources->files[f->file]) ? f->decls : NULL;
    while (d && d->kind != DECL_SITE) d = d->next;
    return d;
}

bool cg_for_tests(const cg *g, const ast_decl *d) {
    return source_is_test(&g->program->sources->files[d->span.file]);
}

bool cg_is_tested(const cg *g, const ast_decl *test) {
    return g->tested && test->playbook == g->tested && site_of_tests(g->program, test) == g->site;
}

void cg_tests(cg *g) {
    for (const ast_file *f = g->program->files; f && g->tested; f = f->next)
        for (ast_decl *d = f->decls; d && iw_fault_of(g->w) == IW_OK; d = d->next) {
            if (d->kind != DECL_TEST || !cg_is_tested(g, d)) continue;
            d->index = cg_body(g, d, pb_printf(g->arena, "test %.*s", PB_ARG(d->string)), d->body);
        }
}
