/*
 * diag.c - the list of diagnostics, and the table of their codes.
 *
 * A list keeps at most DIAG_LIMIT messages and counts the rest; nobody reads more, and a broken file cannot fill the
 * memory. When memory is out the caller gets a scratch message to write into, and diag_oom says that one was lost.
 */
#include "lang/diag_list.h"

#include <stdlib.h>

static const diag_row rows[] = {
#define D(number, name, severity, title, text) {number, #name, title, text, severity},
#include "lang/diagnostics.def"
#undef D
};

const diag_row *diag_rows(size_t *count) {
    *count = sizeof rows / sizeof *rows;
    return rows;
}

const diag_row *diag_row_of(int number) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].number == number) return &rows[i];
    return NULL;
}

diag_list *diag_new(pb_arena *a) {
    diag_list *l = pb_alloc(a, sizeof *l);
    if (l) l->arena = a;
    return l;
}

/* A new message in the list, or NULL when it is full or memory is out. */
static diag *room(diag_list *l) {
    if (l->count == DIAG_LIMIT) return NULL;
    if (l->count == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 8;
        diag **more = pb_alloc_array(l->arena, cap, sizeof *more);
        if (!more) {
            l->oom = true;
            return NULL;
        }
        if (l->count) memcpy(more, l->items, l->count * sizeof(diag *));
        l->items = more;
        l->cap = cap;
    }
    diag *d = pb_alloc(l->arena, sizeof *d);
    if (d)
        l->items[l->count++] = d;
    else
        l->oom = true;
    return d;
}

diag *diag_add(diag_list *l, diag_code code, pb_span span, const char *fmt, ...) {
    const diag_row *row = diag_row_of(code);
    diag_severity severity = row ? row->severity : DIAG_ERROR;
    l->counts[severity]++;
    diag *d = room(l);
    if (!d) d = &l->scratch;
    *d = (diag){.code = code, .severity = severity, .span = span, .seq = l->seq++};
    va_list ap;
    va_start(ap, fmt);
    d->message = pb_vprintf(l->arena, fmt, ap);
    va_end(ap);
    if (!d->message.s) l->oom = true;
    return d;
}

void diag_fix(diag_list *l, diag *d, pb_span span, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    d->fix_text = pb_vprintf(l->arena, fmt, ap);
    va_end(ap);
    d->fix = span;
    d->has_fix = d->fix_text.s != NULL;
}

void diag_verbose(diag_list *l) { l->verbose = true; }

const char *diag_severity_name(diag_severity s) {
    return s == DIAG_ERROR ? "error" : s == DIAG_WARNING ? "warning" : "note";
}

void diag_allow(diag_list *l, diag *d, pb_str reason) {
    if (d->allowed.s || d->severity != DIAG_WARNING) return;
    d->allowed = reason;
    l->counts[DIAG_WARNING]--;
    l->allowed++;
}

size_t diag_count(const diag_list *l, diag_severity s) { return l->counts[s]; }
bool diag_oom(const diag_list *l) { return l->oom; }

static int by_place(const void *x, const void *y) {
    const diag *a = *(diag *const *)x, *b = *(diag *const *)y;
    if (a->span.file != b->span.file) return a->span.file < b->span.file ? -1 : 1;
    if (a->span.start != b->span.start) return a->span.start < b->span.start ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

void diag_sort(diag_list *l) {
    if (l->count) qsort(l->items, l->count, sizeof *l->items, by_place);
}

void diag_render(diag_list *l, const struct source_set *src, diag_format f, bool colour, pb_buf *out) {
    diag_sort(l);
    switch (f) {
    case DIAG_TEXT: diag_render_text(l, src, colour, out); break;
    case DIAG_JSON: diag_render_json(l, src, out); break;
    case DIAG_SARIF: diag_render_sarif(l, src, out); break;
    case DIAG_GITHUB: diag_render_github(l, src, out); break;
    }
}
