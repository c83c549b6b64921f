/*
 * format_files.c - `pbc fmt` over files: which of them change, and writing those.
 *
 * A file is replaced as a whole: its new text is written beside it, synced and renamed into its place with the old
 * mode, so whoever reads it sees the old text or the new one. A file whose layout is right is not touched, nor is one
 * with errors, nor one that changed on disk since it was read.
 */
#include "lang/format.h"

#include "lang/compile.h"
#include "lang/diag_list.h"
#include "lang/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char bom[] = "\xef\xbb\xbf";

/* ---- writing ---- */

/* Whether the file still holds what was read; errno says why not (0: it changed). */
static bool unchanged(const char *path, pb_arena *a, const source_file *src) {
    size_t skip = src->bom ? sizeof bom - 1 : 0, n = src->text.n + skip, got = 0;
    char *now = pb_alloc(a, n + 1);
    int fd = now ? open(path, O_RDONLY | O_CLOEXEC) : (errno = ENOMEM, -1);
    if (fd < 0) return false;
    for (ssize_t r = 1; r > 0 && got <= n; got += r > 0 ? (size_t)r : 0) {
        r = read(fd, now + got, n + 1 - got);
        if (r < 0 && errno == EINTR) r = 0;
        if (got + (size_t)(r > 0 ? r : 0) > n) break;
    }
    close(fd);
    errno = 0;
    return got == n && memcmp(now + skip, src->text.s, src->text.n) == 0;
}

static const char *why_not(int error) { return error ? strerror(error) : "it changed while it was being formatted"; }

static bool write_file(pb_arena *a, const source_file *src, const pb_buf *text, format_answer *got) {
    char real[PATH_MAX];
    struct stat st;
    pb_str path = pb_strdup(a, src->path.s, src->path.n);
    bool ok = path.s && realpath(path.s, real) && stat(real, &st) == 0;
    if (ok && !S_ISREG(st.st_mode)) errno = EINVAL, ok = false;
    if (ok && unchanged(real, a, src) && file_replace(real, &st, src->bom ? PB_STR(bom) : (pb_str){0}, text)) return true;
    pb_buf_printf(&got->errors, "pbc fmt: cannot write `%.*s`: %s\n", PB_ARG(src->path), why_not(errno));
    return false;
}

/* ---- one file ---- */

static bool has_errors(const diag_list *diags, uint32_t file) {
    if (diags->counts[DIAG_ERROR] > DIAG_LIMIT) return true; /* not all are known */
    for (uint32_t i = 0; i < diags->count; i++)
        if (diags->items[i]->span.file == file && diags->items[i]->severity == DIAG_ERROR) return true;
    return false;
}

static bool is_stdin(const source_file *src) { return pb_str_is(src->path, "<stdin>"); }

static void report_fault(const source_file *src, format_answer *got) {
    got->refused++;
    got->damaged++;
    pb_buf_printf(&got->errors,
                  "pbc fmt: internal error: the new layout of `%.*s` would not mean the same; the file is left as it "
                  "is, please report this\n",
                  PB_ARG(src->path));
}

static void settle(pb_arena *a, const source_file *src, const format_request *want, const pb_buf *text,
                   format_answer *got) {
    pb_str after = {text->len ? text->data : "", (uint32_t)text->len};
    bool changed = !pb_str_eq(src->text, after);
    got->changed += changed;
    if (changed && want->diff && !format_diff(a, src->path, src->text, after, &got->out)) got->no_memory = true;
    if (changed && want->check && !want->diff) pb_buf_printf(&got->out, "%.*s\n", PB_ARG(src->path));
    if (want->diff || want->check) return;
    if (is_stdin(src))
        pb_buf_add(&got->out, after.s, after.n);
    else if (changed && !write_file(a, src, text, got))
        got->refused++, got->changed--;
}

static void one_file(const source_set *set, const ast_file *tree, const format_request *want, format_answer *got) {
    const source_file *src = &set->files[tree->file];
    pb_arena *a = pb_arena_new((size_t)1 << 30); /* of its own, so that thousands of files need no more than one */
    pb_buf text = {0};
    format_result r = a ? format_file(a, set, tree, &text) : FORMAT_NO_MEMORY;
    if (r == FORMAT_DONE) settle(a, src, want, &text, got);
    if (r == FORMAT_REFUSED) report_fault(src, got);
    if (r == FORMAT_NO_MEMORY) got->no_memory = true;
    pb_buf_free(&text);
    pb_arena_free(a);
}

void format_files(ast_program *program, const diag_list *diags, const format_request *want, format_answer *got) {
    for (const ast_file *f = program->files; f && !got->no_memory; f = f->next) {
        const source_file *src = &program->sources->files[f->file];
        if (src->builtin || src->broken || has_errors(diags, f->file)) continue;
        one_file(program->sources, f, want, got);
    }
    got->no_memory |= got->out.oom || got->errors.oom;
}
