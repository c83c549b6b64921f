/*
 * diag.h - diagnostics: collected while compiling, sorted by place, rendered once.
 *
 * Every message has a code out of diagnostics.def, a span, and where one is known a hint (the fix or
 * the nearest name). Passes only call diag_add; nothing prints on its own. One mistake gives one
 * message: a value whose type is poison silences what follows from it.
 */
#ifndef PB_DIAG_H
#define PB_DIAG_H

#include "lang/base.h"

/* A range of bytes in a source file: [start, end). file is an index into the source set. */
typedef struct pb_span {
    uint32_t file, start, end;
} pb_span;

/* Notes are for who asks (--verbose): nothing is wrong. */
typedef enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE } diag_severity;
const char *diag_severity_name(diag_severity s); /* "error" "warning" "note" */

/* The codes. One row a code in diagnostics.def: D(code number, NAME, severity, "title", "long text for pbc explain"). */
typedef enum diag_code {
#define D(number, name, severity, title, text) DIAG_##name = number,
#include "lang/diagnostics.def"
#undef D
} diag_code;

typedef struct diag {
    diag_code code;
    diag_severity severity;
    pb_span span;
    pb_str message; /* one sentence, no code, no place */
    pb_str hint;    /* "did you mean `accessKeyDetails`?" or empty */
    pb_span also;   /* a second place (where it was first declared, opened, ...) */
    pb_str also_message; /* empty: no second place */
    bool has_fix;        /* the cure is certain: this text in place of that span */
    pb_span fix;
    pb_str fix_text;
    pb_str allowed;      /* `# pbc: allow` at the line: the reason given there; .s NULL: it counts */
    uint32_t seq;   /* order of arrival; ties in place keep it */
} diag;

typedef struct diag_list diag_list;

diag_list *diag_new(pb_arena *a);
/* Adds a message; returns it so that the caller may set hint/also, or a scratch one when memory is out (never NULL).
 * At most DIAG_LIMIT are kept, the rest counted. */
diag *diag_add(diag_list *l, diag_code code, pb_span span, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* What `pbc check --fix` writes in place of a span of the same file, which may be empty. Only for cures that are certain: the
 * program then means what its author meant. */
void diag_fix(diag_list *l, diag *d, pb_span span, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void diag_verbose(diag_list *l); /* notes are shown to people too, not only in JSON and SARIF */
/* A warning that its line allows: kept for JSON and SARIF, no longer counted or shown. */
void diag_allow(diag_list *l, diag *d, pb_str reason);
size_t diag_count(const diag_list *l, diag_severity s);
bool diag_oom(const diag_list *l); /* a message was lost for want of memory: report status 5 */

struct source_set;
typedef enum diag_format { DIAG_TEXT, DIAG_JSON, DIAG_SARIF, DIAG_GITHUB } diag_format;
/* Renders all, sorted by file and place. colour only for DIAG_TEXT. */
void diag_render(diag_list *l, const struct source_set *src, diag_format f, bool colour, pb_buf *out);
/* The row of a code ("PB0207" or 207); NULL when unknown. */
typedef struct diag_row {
    int number;
    const char *name, *title, *text;
    diag_severity severity;
} diag_row;
const diag_row *diag_row_of(int number);
const diag_row *diag_rows(size_t *count);

#endif
