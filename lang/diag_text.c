/*
 * diag_text.c - diagnostics for people: place, message, the source line with the span underlined, help.
 *
 *     playbooks/key.pb:9:25: error[PB0207]: `Resource` has no field `accesKeyDetails`
 *          9 |   let key = f.resource.accesKeyDetails
 *            |                        ^^^^^^^^^^^^^^^
 *       help: did you mean `accessKeyDetails`?
 *
 * Tabs are shown as blanks, wide characters count as two columns, combining ones as none. A long line is cut around the
 * span. Whatever comes out of a file is never sent to a terminal raw: what cannot be seen is shown as '?'.
 */
#include "lang/diag_list.h"

enum {
    TAB_WIDTH = 4,
    LINE_SHOWN = 160, /* characters of a source line at most */
    LINE_BEFORE = 60  /* of them before the span, when the line is cut */
};

static const char red[] = "\033[1;31m", yellow[] = "\033[1;33m", blue[] = "\033[1;34m", green[] = "\033[1;32m",
                  bold[] = "\033[1m", plain[] = "\033[0m";

typedef struct painter {
    pb_buf *out;
    bool colour;
} painter;

static void paint(painter p, const char *colour) {
    if (p.colour) pb_buf_puts(p.out, colour);
}

/* ---- characters ---- */

/* One character of valid UTF-8. */
static uint32_t read_char(const char *s, uint32_t n, uint32_t *len) {
    unsigned char b = (unsigned char)s[0];
    uint32_t want = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4, u = want == 1 ? b : b & (0x7fu >> want);
    *len = want <= n ? want : n;
    for (uint32_t i = 1; i < *len; i++) u = u << 6 | ((unsigned char)s[i] & 0x3f);
    return u;
}

typedef struct range {
    uint32_t from, to;
} range;

static bool within(uint32_t u, const range *r, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (u >= r[i].from && u <= r[i].to) return true;
    return false;
}

/* Columns that a terminal gives a character: the blocks of East Asian wide characters, emoji, and combining marks. */
static uint32_t width_of(uint32_t u) {
    static const range none[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x64b, 0x65f},
                                 {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x20d0, 0x20ff},
                                 {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
    static const range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xac00, 0xd7a3},
                                 {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
                                 {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    if (u < 0x300) return 1;
    return within(u, none, sizeof none / sizeof *none) ? 0 : within(u, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

static bool is_unseen(uint32_t u) {
    return u < 0x20 || (u >= 0x7f && u < 0xa0) || (u >= 0x200e && u <= 0x200f) || (u >= 0x202a && u <= 0x202e) ||
           (u >= 0x2066 && u <= 0x2069) || u == 0x61c;
}

/* A text that may come from anywhere (a path, a quoted piece of source). */
static void put_safe(pb_buf *out, pb_str s) {
    for (uint32_t i = 0, len; i < s.n; i += len) {
        uint32_t u = read_char(s.s + i, s.n - i, &len);
        if (u == '\n' || u == '\t')
            pb_buf_putc(out, ' ');
        else if (is_unseen(u))
            pb_buf_putc(out, '?');
        else
            pb_buf_add(out, s.s + i, len);
    }
}

/* ---- the source line ---- */

typedef struct excerpt {
    pb_str line;
    uint32_t start, end; /* of the span, as bytes of the line */
    bool cut_left, cut_right;
} excerpt;

static uint32_t clamp(uint32_t at, uint32_t low, uint32_t high) { return at < low ? low : at > high ? high : at; }

static uint32_t char_start(pb_str s, uint32_t at) {
    while (at > 0 && at < s.n && ((unsigned char)s.s[at] & 0xc0) == 0x80) at--;
    return at;
}

static excerpt excerpt_of(const source_file *f, pb_span span, uint32_t line) {
    uint32_t begin = f->lines[line - 1], end = line < f->nlines ? f->lines[line] : f->text.n;
    while (end > begin && (f->text.s[end - 1] == '\n' || f->text.s[end - 1] == '\r')) end--;
    excerpt e = {{f->text.s + begin, end - begin},
                 clamp(span.start, begin, end) - begin,
                 clamp(span.end, begin, end) - begin,
                 false,
                 false};
    if (e.line.n <= LINE_SHOWN) return e;
    uint32_t from = char_start(e.line, e.start > LINE_BEFORE ? e.start - LINE_BEFORE : 0);
    uint32_t to = char_start(e.line, from + LINE_SHOWN < e.line.n ? from + LINE_SHOWN : e.line.n);
    e.cut_left = from > 0;
    e.cut_right = to < e.line.n;
    e.line = (pb_str){e.line.s + from, to - from};
    e.start -= from;
    e.end = clamp(e.end - from, e.start, to - from);
    return e;
}

/* Writes the line; the columns before the span and of the span. */
static void put_line(pb_buf *out, const excerpt *e, uint32_t *before, uint32_t *under) {
    *before = *under = 0;
    if (e->cut_left) pb_buf_puts(out, "..."), *before = 3;
    for (uint32_t i = 0, len; i < e->line.n; i += len) {
        uint32_t u = read_char(e->line.s + i, e->line.n - i, &len), width = u == '\t' ? TAB_WIDTH : width_of(u);
        if (is_unseen(u) && u != '\t') width = 1;
        if (i < e->start)
            *before += width;
        else if (i < e->end)
            *under += width;
        if (u == '\t')
            pb_buf_printf(out, "%*s", TAB_WIDTH, "");
        else if (is_unseen(u))
            pb_buf_putc(out, '?');
        else
            pb_buf_add(out, e->line.s + i, len);
    }
    if (e->cut_right) pb_buf_puts(out, "...");
    pb_buf_putc(out, '\n');
}

static void put_excerpt(painter p, const source_set *src, pb_span span, const char *colour) {
    const source_file *f = &src->files[span.file];
    if (!f->nlines) return;
    uint32_t line, column, before, under;
    source_place(f, span.start, &line, &column);
    excerpt e = excerpt_of(f, span, line);
    paint(p, blue);
    pb_buf_printf(p.out, "%6u | ", line);
    paint(p, plain);
    put_line(p.out, &e, &before, &under);
    paint(p, blue);
    pb_buf_printf(p.out, "%6s | ", "");
    paint(p, colour);
    pb_buf_printf(p.out, "%*s", (int)before, "");
    for (uint32_t i = 0; i < (under ? under : 1); i++) pb_buf_putc(p.out, '^');
    paint(p, plain);
    pb_buf_putc(p.out, '\n');
}

/* ---- one message ---- */

static void put_head(painter p, const source_set *src, pb_span span, const char *colour, const char *kind, int code,
                     pb_str message) {
    diag_place place = diag_place_of(src, span);
    paint(p, bold);
    put_safe(p.out, place.path);
    if (place.line) pb_buf_printf(p.out, ":%u:%u", place.line, place.column);
    pb_buf_puts(p.out, place.path.n ? ": " : "");
    paint(p, colour);
    pb_buf_puts(p.out, kind);
    if (code) pb_buf_printf(p.out, "[PB%04d]", code);
    paint(p, plain);
    pb_buf_puts(p.out, ": ");
    paint(p, bold);
    put_safe(p.out, message);
    paint(p, plain);
    pb_buf_putc(p.out, '\n');
}

static void put_message(painter p, const source_set *src, const diag *d) {
    const char *colour = d->severity == DIAG_ERROR ? red : d->severity == DIAG_WARNING ? yellow : blue;
    put_head(p, src, d->span, colour, diag_severity_name(d->severity), d->code, d->message);
    if (d->span.file < src->count) put_excerpt(p, src, d->span, colour);
    if (d->also_message.n) {
        put_head(p, src, d->also, blue, "note", 0, d->also_message);
        if (d->also.file < src->count) put_excerpt(p, src, d->also, blue);
    }
    if (!d->hint.n) return;
    pb_buf_puts(p.out, "  ");
    paint(p, green);
    pb_buf_puts(p.out, "help");
    paint(p, plain);
    pb_buf_puts(p.out, ": ");
    put_safe(p.out, d->hint);
    pb_buf_putc(p.out, '\n');
}

void diag_render_text(const diag_list *l, const source_set *src, bool colour, pb_buf *out) {
    painter p = {out, colour};
    for (uint32_t i = 0; i < l->count; i++)
        if (!l->items[i]->allowed.s && (l->verbose || l->items[i]->severity != DIAG_NOTE))
            put_message(p, src, l->items[i]);
    size_t lost = l->counts[DIAG_ERROR] + l->counts[DIAG_WARNING] + l->counts[DIAG_NOTE] + l->allowed - l->count;
    if (lost) pb_buf_printf(out, "%zu more not shown\n", lost);
}
