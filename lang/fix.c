/*
 * fix.c - `pbc check --fix`.
 *
 * A pass that is certain of the cure leaves a span and a text with its message (diag_fix). Here they are put into the
 * file: in order of place, without those that overlap one before, the others wait for the next round. The new text is
 * parsed before anything is written, so no file is left worse than it was; it is written beside the old one and
 * renamed. Files that changed since they were read, standard input and the standard library are left alone.
 */
#include "lang/fix.h"

#include "lang/compile.h"
#include "lang/diag_list.h"
#include "lang/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TRIAL_MEMORY = 1 << 29 }; /* the tree of one file of 1 MiB */

static const char bom[] = "\xef\xbb\xbf";

/* ---- one file's fixes ---- */

typedef struct batch {
    const source_file *file;
    const diag **fixes; /* in order of place, none over another */
    uint32_t n;
} batch;

static int by_place(const void *x, const void *y) {
    const diag *a = *(const diag *const *)x, *b = *(const diag *const *)y;
    if (a->fix.start != b->fix.start) return a->fix.start < b->fix.start ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static bool is_usable(const diag *d, const source_file *f, uint32_t file) {
    return d->has_fix && !d->allowed.s && d->fix.file == file && d->fix.start <= d->fix.end && d->fix.end <= f->text.n;
}

static bool collect(const diag_list *l, uint32_t file, batch *b) {
    uint32_t kept = 0, end = 0;
    b->fixes = calloc(l->count ? l->count : 1, sizeof *b->fixes);
    if (!b->fixes) return false;
    for (uint32_t i = 0; i < l->count; i++)
        if (is_usable(l->items[i], b->file, file)) b->fixes[b->n++] = l->items[i];
    qsort(b->fixes, b->n, sizeof *b->fixes, by_place);
    for (uint32_t i = 0; i < b->n; i++) {
        if (kept && b->fixes[i]->fix.start < end) continue;
        end = b->fixes[i]->fix.end;
        b->fixes[kept++] = b->fixes[i];
    }
    b->n = kept;
    return true;
}

static void build(const batch *b, pb_buf *text) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        const diag *d = b->fixes[i];
        pb_buf_add(text, b->file->text.s + at, d->fix.start - at);
        pb_buf_add(text, d->fix_text.s, d->fix_text.n);
        at = d->fix.end;
    }
    pb_buf_add(text, b->file->text.s + at, b->file->text.n - at);
}

static bool parses(const pb_buf *text) {
    pb_arena *a = pb_arena_new(TRIAL_MEMORY);
    diag_list *diags = a ? diag_new(a) : NULL;
    ast_program *p = diags ? parse_text(a, diags, NULL, 0, "fixed", text->data, text->len) : NULL;
    bool ok = p && !diag_oom(diags);
    for (uint32_t i = 0; ok && i < diags->count; i++) /* a text alone cannot find what it imports */
        ok = diags->items[i]->severity != DIAG_ERROR || diags->items[i]->code == DIAG_IMPORT_NOT_HERE;
    pb_arena_free(a);
    return ok;
}

/* ---- files ---- */

static bool is_unchanged(const char *path, const source_file *f, struct stat *st) {
    FILE *in = fopen(path, "rb");
    size_t skip = f->bom ? sizeof bom - 1 : 0, n = f->text.n + skip;
    char *data = in ? malloc(n + 1) : NULL;
    bool same = data && fstat(fileno(in), st) == 0 && fread(data, 1, n + 1, in) == n &&
                memcmp(data + skip, f->text.s, f->text.n) == 0;
    free(data);
    if (in) fclose(in);
    return same;
}

static void say(pb_buf *out, const source_file *f, const diag *d) {
    uint32_t line, column;
    source_place(f, d->fix.start, &line, &column);
    pb_str old = {f->text.s + d->fix.start, d->fix.end - d->fix.start}, new = d->fix_text;
    while (new.n &&*new.s == '\n') new.s++, new.n--;
    while (new.n &&*new.s == ' ') new.s++, new.n--;
    pb_buf_printf(out, "%.*s:%u:%u: PB%04d: ", PB_ARG(f->path), line, column, d->code);
    if (!new.n)
        pb_buf_printf(out, "`%.*s` taken out\n", PB_ARG(old));
    else if (!old.n)
        pb_buf_printf(out, "`%.*s` put in\n", PB_ARG(new));
    else
        pb_buf_printf(out, "`%.*s` made `%.*s`\n", PB_ARG(old), PB_ARG(new));
}

static void refuse(fix_answer *out, const source_file *f, const char *why) {
    pb_buf_printf(&out->says, "%.*s: not fixed: %s\n", PB_ARG(f->path), why);
    out->failed = true;
}

static void write_file(const batch *b, const pb_buf *text, fix_answer *out) {
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%.*s", PB_ARG(b->file->path));
    if (n < 0 || (size_t)n >= sizeof path || !is_unchanged(path, b->file, &st)) {
        refuse(out, b->file, "it has changed meanwhile, or is not a file");
        return;
    }
    char *real = realpath(path, NULL); /* a link stays one */
    pb_str head = {bom, b->file->bom ? sizeof bom - 1 : 0};
    if (real && file_replace(real, &st, head, text)) {
        for (uint32_t i = 0; i < b->n; i++) say(&out->says, b->file, b->fixes[i]);
        out->made += b->n;
    } else {
        refuse(out, b->file, strerror(errno));
    }
    free(real);
}

void fix_files(diag_list *l, const source_set *src, fix_answer *out) {
    for (uint32_t i = 0; src && i < src->count; i++) {
        batch b = {.file = &src->files[i]};
        pb_buf text = {0};
        if (b.file->builtin || b.file->broken) continue;
        if (!collect(l, i, &b)) {
            out->says.oom = true;
            return;
        }
        if (b.n) build(&b, &text);
        if (text.oom)
            out->says.oom = true;
        else if (b.n && pb_str_is(b.file->path, "<stdin>"))
            refuse(out, b.file, "standard input cannot be written");
        else if (b.n && !parses(&text))
            refuse(out, b.file, "there are mistakes in its grammar that need a person");
        else if (b.n)
            write_file(&b, &text, out);
        pb_buf_free(&text);
        free(b.fixes);
    }
}
