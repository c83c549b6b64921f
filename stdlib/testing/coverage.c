/*
 * coverage.c - what the tests went through, statement by statement.
 *
 * The VM marks each instruction that it executes (vm_program_cover), and of those that may jump, whether they did. A
 * statement has run when an instruction on its own lines has: from where it begins to where its expression ends,
 * without the blocks inside it. Branches are the conditional jumps of a line, two ways each: `if`, `where`, loops (none
 * and some), and the sides of `and`, `or` and `??`.
 *
 * Looked at are the user's files, without tests: also playbooks that no test is for.
 */
#include "stdlib/testing/coverage.h"

#include <stdlib.h>
#include <sys/mman.h>

double coverage_percent(uint32_t part, uint32_t whole) { return whole ? 100.0 * part / whole : 100.0; }

/* ---- gathering ---- */

static uint32_t code_size(const suite *s, const unit *u) {
    pb_str err;
    vm_program *p = vm_program_load(u->image.data, u->image.len, s->arena, &err);
    uint32_t n = p ? vm_code_size(p) : 0;
    vm_program_close(p);
    return n;
}

bool coverage_begin(suite *s) {
    size_t all = 1;
    for (uint32_t i = 0; i < s->nunits; i++) all += s->units[i].code = code_size(s, &s->units[i]);
    uint8_t *p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return false;
    s->cover = p;
    s->cover_size = all;
    for (uint32_t i = 0; i < s->nunits; p += s->units[i++].code) s->units[i].cover = p;
    return true;
}

void coverage_end(suite *s) {
    if (s->cover) munmap(s->cover, s->cover_size);
    s->cover = NULL;
}

/* ---- by line ---- */

static bool add_files(const suite *s, coverage *c) {
    const source_set *set = s->program->sources;
    coverage_file **end = &c->files;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->files[i].builtin || source_is_test(&set->files[i])) continue;
        coverage_file *f = pb_alloc(s->arena, sizeof *f);
        coverage_line *lines = pb_alloc_array(s->arena, set->files[i].nlines + 2, sizeof *lines);
        if (!f || !lines) return false;
        *f = (coverage_file){.file = i, .lines = lines, .nlines = set->files[i].nlines};
        *end = f;
        end = &f->next;
    }
    return true;
}

static coverage_file *file_named(const suite *s, coverage *c, pb_str path) {
    for (coverage_file *f = c->files; f; f = f->next)
        if (pb_str_eq(s->program->sources->files[f->file].path, path)) return f;
    return NULL;
}

/* Instructions that were executed mark their lines; branches are told apart by their order on a line. */
typedef struct line_marks {
    bool *run; /* some instruction of the line */
    uint8_t (*branch)[8];
    uint8_t *branches;
} line_marks;

static bool marks_of(const suite *s, const coverage_file *f, line_marks *m) {
    m->run = pb_alloc_array(s->arena, f->nlines + 2, sizeof *m->run);
    m->branch = pb_alloc_array(s->arena, f->nlines + 2, sizeof *m->branch);
    m->branches = pb_alloc_array(s->arena, f->nlines + 2, sizeof *m->branches);
    return m->run && m->branch && m->branches;
}

static void mark(const vm_program *p, const unit *u, uint32_t source, const coverage_file *f, line_marks *m) {
    uint8_t *nth = calloc(f->nlines + 2, 1);
    for (uint32_t i = 0; nth && i < u->code; i++) {
        uint32_t place = vm_code_place(p, i), line = place & 0xfffff;
        if (place >> 20 != source || !line || line > f->nlines) continue;
        m->run[line] |= (u->cover[i] & COVER_RUN) != 0;
        if (!vm_code_branches(p, i) || nth[line] >= 8) continue;
        m->branch[line][nth[line]++] |= u->cover[i] & (COVER_ON | COVER_JUMPED);
        if (m->branches[line] < nth[line]) m->branches[line] = nth[line];
    }
    free(nth);
}

static bool mark_unit(const suite *s, coverage *c, const unit *u, line_marks *marks) {
    pb_str err;
    vm_program *p = vm_program_load(u->image.data, u->image.len, s->arena, &err);
    if (!p) return false;
    for (uint32_t i = 0; i < vm_count(p, SECTION_SOURCES); i++) {
        coverage_file *f = file_named(s, c, vm_string(p, vm_field(p, SECTION_SOURCES, i, SOURCES_path)));
        if (f) mark(p, u, i, f, &marks[f->file]);
    }
    vm_program_close(p);
    return true;
}

/* ---- statements ---- */

typedef struct counter {
    const source_file *source;
    coverage_file *file;
    const line_marks *marks;
} counter;

static uint32_t line_at(const counter *k, uint32_t offset) {
    uint32_t line, column;
    source_place(k->source, offset, &line, &column);
    return line;
}

static void count_span(counter *k, uint32_t start, uint32_t end) {
    uint32_t first = line_at(k, start), last = line_at(k, end);
    bool run = false;
    for (uint32_t i = first; i <= last && i <= k->file->nlines; i++) run = run || k->marks->run[i];
    coverage_line *l = &k->file->lines[first];
    l->run = l->statement ? l->run && run : run;
    l->statement = true;
    k->file->statements++;
    k->file->run += run;
}

/* The rounds of an approval are the machine's: what is decided shows in its blocks. */
static void forget_branches(const counter *k, const ast_stmt *s) {
    uint32_t last = line_at(k, s->body ? s->body->span.start : s->span.end);
    for (uint32_t i = line_at(k, s->span.start); i < last; i++) k->marks->branches[i] = 0;
}

static void count_block(counter *k, const ast_stmt *s) {
    for (; s; s = s->next) {
        uint32_t end = s->expr ? s->expr->span.end : s->span.start;
        if (s->kind == STMT_APPROVE) forget_branches(k, s);
        if (s->kind != STMT_ON_FAILURE && s->kind != STMT_PARALLEL) count_span(k, s->span.start, end);
        count_block(k, s->body);
        count_block(k, s->other);
        count_block(k, s->third);
    }
}

static void count_decl(counter *k, const ast_decl *d) {
    if (d->kind == DECL_FN && d->expr) count_span(k, d->expr->span.start, d->expr->span.end);
    if (d->kind != DECL_ACTION && d->kind != DECL_PLAYBOOK && d->kind != DECL_GUARD) return;
    if (d->kind == DECL_GUARD)
        for (const ast_clause *c = d->clauses; c; c = c->next)
            if (pb_str_is(c->name.text, "where") && c->value) count_span(k, c->value->span.start, c->value->span.end);
    count_block(k, d->body);
    count_block(k, d->undo);
}

static void count_branches(coverage_file *f, const line_marks *m) {
    for (uint32_t i = 1; i <= f->nlines; i++) {
        coverage_line *l = &f->lines[i];
        for (uint8_t b = 0; b < m->branches[i]; b++) {
            l->ways = (uint8_t)(l->ways + 2);
            l->taken = (uint8_t)(l->taken + !!(m->branch[i][b] & COVER_ON) + !!(m->branch[i][b] & COVER_JUMPED));
        }
        f->ways += l->ways;
        f->taken += l->taken;
    }
}

static void count_file(const suite *s, coverage_file *f, const line_marks *m) {
    counter k = {&s->program->sources->files[f->file], f, m};
    for (const ast_file *a = s->program->files; a; a = a->next) {
        if (a->file != f->file) continue;
        for (const ast_decl *d = a->decls; d; d = d->next) count_decl(&k, d);
    }
    count_branches(f, m);
}

bool coverage_collect(const suite *s, coverage *c) {
    *c = (coverage){0};
    if (!add_files(s, c)) return false;
    line_marks *marks = pb_alloc_array(s->arena, s->program->sources->count + 1, sizeof *marks);
    for (coverage_file *f = c->files; f; f = f->next)
        if (!marks || !marks_of(s, f, &marks[f->file])) return false;
    for (uint32_t i = 0; i < s->nunits; i++)
        if (!mark_unit(s, c, &s->units[i], marks)) return false;
    for (coverage_file *f = c->files; f; f = f->next) {
        count_file(s, f, &marks[f->file]);
        c->statements += f->statements;
        c->run += f->run;
        c->ways += f->ways;
        c->taken += f->taken;
    }
    return true;
}

/* ---- text ---- */

static void figures(pb_buf *out, uint32_t part, uint32_t whole) {
    pb_buf_printf(out, "  %4u of %-4u %5.1f %%", part, whole, coverage_percent(part, whole));
}

/* "12, 15-18": lines that say yes, together when no other statement is between them. */
static void list_lines(pb_buf *out, const char *what, const coverage_file *f, bool (*yes)(const coverage_line *)) {
    bool any = false;
    for (uint32_t i = 1; i <= f->nlines; i++) {
        if (!yes(&f->lines[i])) continue;
        uint32_t last = i;
        for (uint32_t k = i + 1; k <= f->nlines && (yes(&f->lines[k]) || !f->lines[k].statement); k++)
            if (yes(&f->lines[k])) last = k;
        pb_buf_puts(out, any ? ", " : what);
        pb_buf_printf(out, last > i ? "%u-%u" : "%u", i, last);
        any = true;
        i = last;
    }
    if (any) pb_buf_putc(out, '\n');
}

static bool is_missed(const coverage_line *l) { return l->statement && !l->run; }
static bool is_half(const coverage_line *l) { return (!l->statement || l->run) && l->taken && l->taken < l->ways; }

void coverage_text(const suite *s, const coverage *c, pb_buf *out) {
    pb_buf_printf(out, "%-44s  %-20s  %s\n", "coverage", "statements", "branches");
    for (const coverage_file *f = c->files; f; f = f->next) {
        if (!f->statements) continue;
        pb_buf_printf(out, "%-44.*s", PB_ARG(s->program->sources->files[f->file].path));
        figures(out, f->run, f->statements);
        figures(out, f->taken, f->ways);
        pb_buf_putc(out, '\n');
        list_lines(out, "    not run: ", f, is_missed);
        list_lines(out, "    one way only: ", f, is_half);
    }
    pb_buf_printf(out, "%-44s", "all");
    figures(out, c->run, c->statements);
    figures(out, c->taken, c->ways);
    pb_buf_putc(out, '\n');
}
