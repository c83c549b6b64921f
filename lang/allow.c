/*
 * allow.c - `# pbc: allow PB0614 "the only account we have"`: a warning turned off at its line, with a reason.
 *
 * The comment stands at the end of the line that the warning points at, or alone on the line above it. It names one or
 * more codes and gives the reason, which is reported with the warning in JSON and SARIF. Errors cannot be allowed. An
 * allow that allows nothing is a warning itself: otherwise the mistake that it once stood for could come back unseen.
 */
#include "lang/analyse.h"
#include "lang/diag_list.h"

enum { CODES_MAX = 16 };

typedef struct allowance {
    pb_span span;
    uint32_t file, line; /* the line that it is for */
    int codes[CODES_MAX];
    uint32_t ncodes;
    pb_str reason;
} allowance;

static uint32_t line_at(const source_file *f, uint32_t offset) {
    uint32_t line, column;
    source_place(f, offset, &line, &column);
    return line;
}

static bool skip_word(pb_str *s, const char *word) {
    uint32_t n = (uint32_t)strlen(word);
    if (s->n < n || memcmp(s->s, word, n) != 0) return false;
    *s = (pb_str){s->s + n, s->n - n};
    while (s->n && (*s->s == ' ' || *s->s == '\t')) s->s++, s->n--;
    return true;
}

static diag *say_bad(checker *c, pb_span span, const char *what) {
    diag *d = diag_add(c->diags, DIAG_BAD_ALLOW, span, "%s", what);
    check_hint(c, d, "write `# pbc: allow PB0614 \"why it is right here\"`");
    return d;
}

/* "PB0614" at the beginning of s; 0: none. */
static int take_code(pb_str *s) {
    int code = 0;
    if (s->n < 6 || s->s[0] != 'P' || s->s[1] != 'B') return 0;
    for (int i = 2; i < 6; i++) {
        if (s->s[i] < '0' || s->s[i] > '9') return 0;
        code = code * 10 + (s->s[i] - '0');
    }
    *s = (pb_str){s->s + 6, s->n - 6};
    while (s->n && (*s->s == ' ' || *s->s == ',')) s->s++, s->n--;
    return code;
}

static bool take_codes(checker *c, allowance *a, pb_str *s) {
    for (int code = take_code(s); code; code = take_code(s)) {
        const diag_row *row = diag_row_of(code);
        if (!row || row->severity == DIAG_ERROR || code == DIAG_UNUSED_ALLOW) {
            diag *d = say_bad(c, a->span, row ? "only warnings can be allowed" : "no warning has this code");
            if (row)
                check_hint(c, d, "PB%04d is %s: cure it", code,
                           row->severity == DIAG_ERROR ? "an error" : "about allowing");
            return false;
        }
        if (a->ncodes < CODES_MAX) a->codes[a->ncodes++] = code;
    }
    if (!a->ncodes) say_bad(c, a->span, "which warning is allowed here?");
    return a->ncodes > 0;
}

static bool take_reason(checker *c, allowance *a, pb_str s) {
    while (s.n && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\r')) s.n--;
    const char *end = s.n > 1 && s.s[0] == '"' ? memchr(s.s + 1, '"', s.n - 1) : NULL;
    if (!end || end == s.s + 1) {
        say_bad(c, a->span, "an allowed warning needs a reason");
        return false;
    }
    a->reason = (pb_str){s.s + 1, (uint32_t)(end - s.s - 1)};
    return true;
}

/* False: no allowance, or a wrong one, which has been said. */
static bool read_comment(checker *c, const source_file *f, const ast_comment *m, allowance *a) {
    pb_str s = m->text;
    if (!skip_word(&s, "#") || !skip_word(&s, "pbc:")) return false;
    *a = (allowance){.span = m->span, .file = m->span.file};
    if (skip_word(&s, "survives")) { /* a mutant that no test is to notice: stdlib/testing/mutate.c */
        diag *d = take_reason(c, a, s) ? NULL : c->diags->items[c->diags->count - 1];
        if (d) check_hint(c, d, "write `# pbc: survives \"why no test can tell\"`");
        return false;
    }
    if (!skip_word(&s, "allow")) {
        say_bad(c, m->span, "`# pbc:` is followed by `allow` or `survives`");
        return false;
    }
    a->line = line_at(f, m->span.start) + (m->own_line ? 1 : 0);
    return take_codes(c, a, &s) && take_reason(c, a, s);
}

static bool allows(const allowance *a, const diag *d) {
    for (uint32_t i = 0; i < a->ncodes; i++)
        if (a->codes[i] == (int)d->code) return true;
    return false;
}

/* The comment and what is before it on its line; alone on the line: with the line's end. */
static pb_span with_blanks(const source_file *f, pb_span s) {
    uint32_t from = s.start;
    while (from && (f->text.s[from - 1] == ' ' || f->text.s[from - 1] == '\t')) from--;
    if (from && f->text.s[from - 1] == '\n') from--;
    return (pb_span){s.file, from, s.end};
}

static void apply(checker *c, const source_file *f, const allowance *a, bool whole) {
    bool used[CODES_MAX] = {false};
    for (uint32_t i = 0; i < c->diags->count; i++) {
        diag *d = c->diags->items[i];
        if (d->span.file != a->file || d->severity != DIAG_WARNING || !allows(a, d)) continue;
        if (line_at(f, d->span.start) != a->line) continue;
        for (uint32_t k = 0; k < a->ncodes; k++) used[k] = used[k] || a->codes[k] == (int)d->code;
        diag_allow(c->diags, d, a->reason);
    }
    for (uint32_t k = 0; k < a->ncodes && whole; k++) {
        if (used[k]) continue;
        diag *d =
            diag_add(c->diags, DIAG_UNUSED_ALLOW, a->span, "PB%04d is allowed here, but is not reported", a->codes[k]);
        check_hint(c, d, "take the comment out");
        if (a->ncodes == 1) diag_fix(c->diags, d, with_blanks(f, a->span), "%s", "");
    }
}

/* Comments that allow own-line stand above further comments too: the line meant is the next one with code. */
static uint32_t next_code_line(const source_file *f, const ast_file *ast, uint32_t i) {
    uint32_t line = line_at(f, ast->comments[i].span.start) + 1;
    for (i++; i < ast->ncomments && ast->comments[i].own_line; i++) {
        if (line_at(f, ast->comments[i].span.start) != line) break;
        line++;
    }
    return line;
}

void allow_apply(checker *c, bool whole) {
    for (uint32_t i = 0; i < c->nfiles && !pb_arena_failed(c->arena); i++) {
        const ast_file *ast = c->files[i].ast;
        const source_file *f = &c->program->sources->files[ast->file];
        allowance a;
        for (uint32_t k = 0; k < ast->ncomments && !c->files[i].builtin; k++) {
            if (!read_comment(c, f, &ast->comments[k], &a)) continue;
            if (ast->comments[k].own_line) a.line = next_code_line(f, ast, k);
            apply(c, f, &a, whole);
        }
    }
}
