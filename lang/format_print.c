/*
 * format_print.c - a document to text.
 *
 * Greedy: at each group one look ahead, never further than a line is wide, decides whether it stands on one line. Line
 * ends are written only when something follows, so no line ends in blanks. Comments behind code that follow each other
 * line by line are moved to one column when all is written.
 */
#include "lang/format_parts.h"

typedef struct behind { /* a comment behind code */
    size_t at;          /* in the output */
    uint32_t line, column, indent, comment;
    bool alone; /* not aligned with others: the line begins or ends something */
} behind;

typedef struct printer {
    const formatter *f;
    const format_doc *doc;
    pb_buf text;
    uint32_t column, line, indent, begun; /* begun: the indentation of this line */
    uint32_t pending, pending_indent;     /* line ends to write before the next text */
    bool space;                           /* a blank to write before the next text of the line */
    size_t line_at;                       /* where the line's text begins */
    bool *modes;                          /* of the open groups: true over several lines */
    uint32_t depth;
    behind *comments;
    uint32_t ncomments;
} printer;

/* ---- text ---- */

static uint32_t width_of(pb_str s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
    return n;
}

static pb_str first_line(pb_str s) {
    const char *end = s.n ? memchr(s.s, '\n', s.n) : NULL;
    return end ? (pb_str){s.s, (uint32_t)(end - s.s)} : s;
}

static void new_line(printer *p, bool blank) {
    uint32_t lines = blank ? 2 : 1;
    if (lines > p->pending) p->pending = lines;
    p->pending_indent = p->indent;
    p->space = false;
}

static void flush(printer *p) {
    if (p->pending && p->text.len) {
        for (uint32_t i = 0; i < p->pending; i++) pb_buf_putc(&p->text, '\n');
        p->line += p->pending;
        for (uint32_t i = 0; i < p->pending_indent; i++) pb_buf_putc(&p->text, ' ');
        p->column = p->begun = p->pending_indent;
        p->line_at = p->text.len;
    } else if (p->space) {
        pb_buf_putc(&p->text, ' ');
        p->column++;
    }
    p->pending = 0;
    p->space = false;
}

/* A token; line ends inside a string are written as everywhere. */
static void put_text(printer *p, pb_str s) {
    if (!s.n) return; /* the end of the file */
    flush(p);
    pb_str rest = first_line(s);
    for (;;) {
        bool more = rest.s + rest.n < s.s + s.n;
        uint32_t n = rest.n - (more && rest.n && rest.s[rest.n - 1] == '\r');
        pb_buf_add(&p->text, rest.s, n);
        p->column += width_of((pb_str){rest.s, n});
        if (!more) return;
        pb_buf_putc(&p->text, '\n');
        p->line++;
        p->column = 0;
        const char *next = rest.s + rest.n + 1;
        rest = first_line((pb_str){next, (uint32_t)(s.s + s.n - next)});
    }
}

static void put_blanks(printer *p, uint32_t n) {
    if (n && !p->pending) {
        flush(p);
        for (uint32_t i = 0; i < n; i++) pb_buf_putc(&p->text, ' ');
        p->column += n;
    }
}

/* ---- does it fit? ---- */

static uint32_t flat_width(const printer *p, const format_cmd *c) {
    switch (c->op) {
    case DOC_TOKEN: return width_of(first_line(p->f->tokens[c->arg].text));
    case DOC_TEXT:
    case DOC_COMMA:
    case DOC_SPACE: return 1;
    case DOC_LINE: return c->n;
    default: return 0;
    }
}

static bool ends_line(const printer *p, const format_cmd *c) {
    if (c->op == DOC_HARD || c->op == DOC_OWN || c->op == DOC_TRAILING) return true;
    return c->op == DOC_TOKEN && first_line(p->f->tokens[c->arg].text).n != p->f->tokens[c->arg].text.n;
}

/* Whether the group at `i` and what follows it up to the next possible line end fit on the line. */
static bool fits(const printer *p, uint32_t i) {
    uint32_t column = p->pending ? p->pending_indent : p->column + p->space;
    bool strict = p->doc->cmds[i].strict, over = false; /* over: behind the group */
    int depth = 0;
    for (; i < p->doc->n && column <= FORMAT_WIDTH; i++) {
        const format_cmd *c = &p->doc->cmds[i];
        if (c->op == DOC_OPEN) depth++;
        if (c->op == DOC_CLOSE && --depth <= 0) over = true, depth = depth < 0 ? 0 : depth;
        if (over && c->op == DOC_LINE && (!strict || depth == 0)) return true;
        column += flat_width(p, c);
        if (column <= FORMAT_WIDTH && ends_line(p, c)) return true;
    }
    return column <= FORMAT_WIDTH;
}

/* ---- commands ---- */

static bool is_broken(const printer *p) { return p->depth == 0 || p->modes[p->depth - 1]; }

static void open_group(printer *p, uint32_t i) {
    bool broken = is_broken(p) && (p->doc->cmds[i].broken || !fits(p, i));
    p->modes[p->depth++] = broken;
}

static void put_trailing(printer *p, uint32_t comment) {
    flush(p);
    bool alone =
        p->text.len && (strchr(")]}", p->text.data[p->line_at]) || strchr("([{", p->text.data[p->text.len - 1]));
    p->comments[p->ncomments++] = (behind){p->text.len, p->line, p->column, p->begun, comment, alone};
    pb_str s = p->f->tree->comments[comment].text;
    pb_buf_puts(&p->text, "  ");
    pb_buf_add(&p->text, s.s, s.n);
    new_line(p, false);
    p->pending_indent = p->indent + FORMAT_INDENT; /* unless a line end follows, which sets it anew */
}

static void put_own(printer *p, const format_cmd *c) {
    if (!p->pending) new_line(p, false);
    if (c->blank) new_line(p, true);
    p->pending_indent = p->indent;
    put_text(p, p->f->tree->comments[c->arg].text);
    new_line(p, false);
}

static void run(printer *p, uint32_t i) {
    const format_cmd *c = &p->doc->cmds[i];
    switch (c->op) {
    case DOC_TOKEN: put_text(p, p->f->tokens[c->arg].text); break;
    case DOC_TEXT: put_text(p, PB_STR(",")); break;
    case DOC_COMMA:
        if (!is_broken(p)) put_text(p, PB_STR(","));
        break;
    case DOC_SPACE: p->space = true; break;
    case DOC_PAD:
        if (is_broken(p)) put_blanks(p, c->n);
        break;
    case DOC_LINE:
        if (is_broken(p))
            new_line(p, c->blank);
        else
            put_blanks(p, c->n);
        break;
    case DOC_HARD: new_line(p, c->blank); break;
    case DOC_OPEN: open_group(p, i); break;
    case DOC_CLOSE: p->depth -= p->depth > 0; break;
    case DOC_IN: p->indent += c->n; break;
    case DOC_OUT: p->indent -= c->n; break;
    case DOC_OWN: put_own(p, c); break;
    case DOC_TRAILING: put_trailing(p, c->arg); break;
    }
}

/* ---- comments behind code ---- */

/* How many comments from i on stand on lines that follow each other at the same indentation. */
static uint32_t run_length(const printer *p, uint32_t i) {
    uint32_t n = 1;
    while (!p->comments[i].alone && i + n < p->ncomments && p->comments[i + n].line == p->comments[i].line + n &&
           p->comments[i + n].indent == p->comments[i].indent && !p->comments[i + n].alone)
        n++;
    return n;
}

/* The column that a run of comments is moved to; 0 when one would end beyond the width. */
static uint32_t column_of(const printer *p, uint32_t i, uint32_t n) {
    uint32_t column = 0, longest = 0;
    for (uint32_t k = i; k < i + n; k++) {
        uint32_t width = width_of(p->f->tree->comments[p->comments[k].comment].text);
        if (p->comments[k].column > column) column = p->comments[k].column;
        if (width > longest) longest = width;
    }
    return column + 2 + longest <= FORMAT_WIDTH ? column : 0;
}

static void align_comments(const printer *p, pb_buf *out) {
    size_t done = 0;
    for (uint32_t i = 0, n; i < p->ncomments; i += n) {
        n = run_length(p, i);
        uint32_t column = column_of(p, i, n);
        for (uint32_t k = i; k < i + n; k++) {
            const behind *c = &p->comments[k];
            pb_buf_add(out, p->text.data + done, c->at - done);
            for (uint32_t x = c->column; x < column; x++) pb_buf_putc(out, ' ');
            done = c->at;
        }
    }
    if (p->text.len) pb_buf_add(out, p->text.data + done, p->text.len - done);
    if (p->text.len) pb_buf_putc(out, '\n');
}

bool format_print(const formatter *f, const format_doc *doc, pb_buf *out) {
    printer p = {.f = f, .doc = doc};
    uint32_t groups = 0;
    for (uint32_t i = 0; i < doc->n; i++) groups += doc->cmds[i].op == DOC_OPEN;
    p.modes = pb_alloc_array(f->arena, (size_t)groups + 1, sizeof *p.modes);
    p.comments = pb_alloc_array(f->arena, (size_t)f->tree->ncomments + 1, sizeof *p.comments);
    if (!p.modes || !p.comments) return false;
    for (uint32_t i = 0; i < doc->n; i++) run(&p, i);
    if (!p.text.oom) align_comments(&p, out);
    bool ok = !p.text.oom && !out->oom;
    pb_buf_free(&p.text);
    return ok;
}
