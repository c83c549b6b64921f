/*
 * flow_svg.c - a flow as a picture, laid out here: no other program is needed, and the same source gives the same bytes.
 *
 *        ( when ... )            a sequence goes down its own axis
 *             |
 *      < where ... > --no--+     branches stand side by side below their node,
 *             |yes         |     each on an axis of its own,
 *             |       ( skipped )
 *             +
 *             |                  and those that come back are led to the axis again
 *         [ step ]
 *
 * Everything is measured first (bottom up), then drawn (top down). The width of text is estimated from the number of
 * characters of a fixed-width font, so no font has to be asked. Loops have a line back at their side.
 */
#include "lang/flow_draw.h"

enum {
    CHAR_W = 7,      /* of a 12 px fixed-width font */
    LINE_H = 16,
    LINE_CHARS = 38, /* then the text goes on in the next line */
    LINES_MAX = 5,
    PAD = 10,
    GAP_Y = 30,      /* between nodes, room for an arrow */
    GAP_X = 24,      /* between branches */
    LABEL_ROOM = 18, /* of a branch's label above it */
    MARGIN = 20,
    LOOP_SIDE = 16   /* how far a loop's line back is from what it goes round */
};

typedef struct size {
    int w, h;
} size;

/* ---- text ---- */

static bool starts_char(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

/* The next line of at most LINE_CHARS characters, broken at a blank where there is one. */
static pb_str next_line(pb_str *rest) {
    uint32_t chars = 0, i = 0, blank = 0;
    for (; i < rest->n; i++) {
        if (starts_char(rest->s[i]) && chars++ == LINE_CHARS) break;
        if (rest->s[i] == ' ') blank = i;
    }
    if (i < rest->n && blank > i / 2) i = blank;
    pb_str line = {rest->s, i};
    while (i < rest->n && rest->s[i] == ' ') i++;
    *rest = (pb_str){rest->s + i, rest->n - i};
    return line;
}

static int chars_of(pb_str s) {
    int n = 0;
    for (uint32_t i = 0; i < s.n; i++) n += starts_char(s.s[i]);
    return n;
}

static int lines_of(const flow_node *n, int *widest) {
    pb_str rest = n->text;
    int lines = 0;
    *widest = 0;
    while (rest.n && lines < LINES_MAX) {
        int w = chars_of(next_line(&rest));
        if (w > *widest) *widest = w;
        lines++;
    }
    if (flow_effect_word(n)) {
        lines++;
        if (*widest < 8) *widest = 8;
    }
    return lines ? lines : 1;
}

/* ---- measuring ---- */

static size box_of(const flow_node *n) {
    int chars, lines = lines_of(n, &chars);
    return (size){chars * CHAR_W + 2 * PAD + (n->kind == FLOW_TEST || n->kind == FLOW_ASK ? 2 * PAD : 0), lines * LINE_H + 2 * PAD - 4};
}

static int branch_width(const flow_branch *b) {
    int label = chars_of(b->label) * CHAR_W + PAD;
    return b->w > label ? b->w : label;
}

static size branches_of(const flow_node *n) {
    size s = {0, 0};
    for (const flow_branch *b = n->branches; b; b = b->next) {
        s.w += branch_width(b) + (s.w ? GAP_X : 0);
        if (b->h > s.h) s.h = b->h;
    }
    if (n->kind == FLOW_LOOP) s.w += 2 * LOOP_SIDE;
    return s;
}

/* Of a sequence; leaves the sizes of all branches in it with them. */
static size measure(flow_node *first) {
    size all = {0, 0};
    for (flow_node *n = first; n; n = n->next) {
        size box = box_of(n);
        for (flow_branch *b = n->branches; b; b = b->next) {
            size m = measure(b->first);
            b->w = m.w;
            b->h = m.h;
        }
        if (n != first) all.h += GAP_Y;
        all.h += box.h;
        if (box.w > all.w) all.w = box.w;
        if (!n->branches) continue;
        size b = branches_of(n);
        if (b.w > all.w) all.w = b.w;
        all.h += GAP_Y + LABEL_ROOM + b.h + GAP_Y / 2;
    }
    return all;
}

/* ---- drawing ---- */

void flow_escape_xml(pb_buf *out, pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        switch (s.s[i]) {
        case '&': pb_buf_puts(out, "&amp;"); break;
        case '<': pb_buf_puts(out, "&lt;"); break;
        case '>': pb_buf_puts(out, "&gt;"); break;
        case '"': pb_buf_puts(out, "&quot;"); break;
        case '\'': pb_buf_puts(out, "&#39;"); break;
        default: pb_buf_putc(out, (unsigned char)s.s[i] < 0x20 ? ' ' : s.s[i]);
        }
    }
}

static void text_line(pb_buf *out, int x, int y, pb_str s, const char *extra) {
    pb_buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\"%s>", x, y, extra);
    flow_escape_xml(out, s);
    pb_buf_puts(out, "</text>\n");
}

static void draw_shape(pb_buf *out, const flow_node *n, int cx, int y, size box) {
    const flow_look *look = flow_look_of(n);
    int x = cx - box.w / 2, round = n->kind == FLOW_START || n->kind == FLOW_END || n->kind == FLOW_WAIT ? box.h / 2 : 4;
    if (n->kind == FLOW_TEST || n->kind == FLOW_ASK) {
        pb_buf_printf(out, "<polygon points=\"%d,%d %d,%d %d,%d %d,%d %d,%d %d,%d\" fill=\"%s\" stroke=\"%s\"/>\n", x, y + box.h / 2,
                      x + PAD, y, x + box.w - PAD, y, x + box.w, y + box.h / 2, x + box.w - PAD, y + box.h, x + PAD,
                      y + box.h, look->fill, look->line);
        return;
    }
    pb_buf_printf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" fill=\"%s\" stroke=\"%s\"%s/>\n", x, y, box.w,
                  box.h, round, look->fill, look->line, n->effect == PB_DESTROY && n->kind == FLOW_STEP ? " stroke-width=\"2.5\"" : "");
}

static void draw_box(pb_buf *out, const flow_node *n, int cx, int y, size box) {
    pb_str rest = n->text;
    int line = 0;
    const char *effect = flow_effect_word(n);
    pb_buf_puts(out, "<g><title>");
    flow_escape_xml(out, n->text);
    if (n->line) pb_buf_printf(out, " (line %u)", n->line);
    pb_buf_puts(out, "</title>\n");
    draw_shape(out, n, cx, y, box);
    while (rest.n && line < LINES_MAX) text_line(out, cx, y + PAD + 9 + LINE_H * line++, next_line(&rest), "");
    if (effect) text_line(out, cx, y + PAD + 9 + LINE_H * line, pb_str_c(effect), " class=\"e\"");
    pb_buf_puts(out, "</g>\n");
}

static void draw_line(pb_buf *out, int x1, int y1, int x2, int y2, bool arrow) {
    if (x1 == x2 && y1 == y2) return;
    pb_buf_printf(out, "<path d=\"M%d %d L%d %d\"%s/>\n", x1, y1, x2, y2, arrow ? " marker-end=\"url(#a)\"" : "");
}

/* Down, across, down. */
static void draw_bend(pb_buf *out, int x1, int y1, int x2, int y2, int across, bool arrow) {
    pb_buf_printf(out, "<path d=\"M%d %d L%d %d L%d %d L%d %d\"%s/>\n", x1, y1, x1, across, x2, across, x2, y2,
                  arrow ? " marker-end=\"url(#a)\"" : "");
}

static int draw_sequence(pb_buf *out, const flow_node *first, int cx, int y);

static void draw_loop_back(pb_buf *out, int cx, int bottom, int left, int top, int box_left) {
    pb_buf_printf(out, "<path d=\"M%d %d L%d %d L%d %d L%d %d\" marker-end=\"url(#a)\"/>\n", cx, bottom, left, bottom, left, top,
                  box_left, top);
}

/* The branches below a node that ends at y. Where the axis goes on. */
static int draw_branches(pb_buf *out, const flow_node *n, int cx, int y, int box_y, size box) {
    size all = branches_of(n);
    int x = cx - all.w / 2 + (n->kind == FLOW_LOOP ? LOOP_SIDE : 0), top = y + GAP_Y + LABEL_ROOM, join = top + all.h + GAP_Y / 2;
    for (const flow_branch *b = n->branches; b; b = b->next) {
        int w = branch_width(b), bx = x + w / 2;
        draw_bend(out, cx, y, bx, top, y + GAP_Y / 2, b->first != NULL);
        if (b->label.n) text_line(out, bx, y + GAP_Y / 2 + 14, b->label, " class=\"l\"");
        int end = b->first ? draw_sequence(out, b->first, bx, top) : top;
        if (n->kind == FLOW_LOOP)
            draw_loop_back(out, bx, end + 6, cx - all.w / 2, box_y + box.h / 2, cx - box.w / 2), draw_line(out, bx, end, bx, end + 6, false);
        else if (!b->leaves)
            draw_bend(out, bx, end, cx, join, join - 4, false);
        x += w + GAP_X;
    }
    return join;
}

static bool comes_back(const flow_node *n) {
    if (n->kind == FLOW_LOOP || !n->branches) return n->kind != FLOW_END;
    for (const flow_branch *b = n->branches; b; b = b->next)
        if (!b->leaves) return true;
    return false;
}

/* Draws down the axis cx from y on; the y where it ends. */
static int draw_sequence(pb_buf *out, const flow_node *first, int cx, int y) {
    for (const flow_node *n = first; n; n = n->next) {
        size box = box_of(n);
        draw_box(out, n, cx, y, box);
        int bottom = y + box.h;
        if (n->branches) {
            int join = draw_branches(out, n, cx, bottom, y, box);
            if (n->kind == FLOW_LOOP && n->next) { /* round the body, on the other side */
                int right = cx + branches_of(n).w / 2;
                pb_buf_printf(out, "<path d=\"M%d %d L%d %d L%d %d L%d %d\"/>\n", cx + box.w / 2, y + box.h / 2, right, y + box.h / 2,
                              right, join, cx, join);
            }
            bottom = join;
        }
        if (!n->next) return bottom;
        if (comes_back(n)) draw_line(out, cx, bottom, cx, bottom + GAP_Y, true);
        y = bottom + GAP_Y;
    }
    return y;
}

void flow_draw_svg(flow *f, pb_buf *out) {
    size main = measure(f->first), failure = f->on_failure ? measure(f->on_failure) : (size){0, 0};
    int extra = f->on_failure ? failure.h + GAP_Y + LINE_H + PAD : 0, w = main.w > failure.w ? main.w : failure.w;
    int title = chars_of(f->name) * CHAR_W;
    if (title > w) w = title;
    w += 2 * MARGIN;
    int h = main.h + extra + 2 * MARGIN + LINE_H * 2, cx = w / 2;
    pb_buf_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>", w, h,
                  w, h);
    flow_escape_xml(out, f->name);
    pb_buf_puts(out, "</title>\n<style>text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#0f172a}"
                     ".e{font-style:italic;fill:#475569}.l{fill:#475569;paint-order:stroke;stroke:#fff;stroke-width:4px}"
                     ".t{font-weight:bold}path{fill:none;stroke:#64748b}</style>\n"
                     "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
                     "<polygon points=\"0,0 8,4 0,8\" fill=\"#64748b\"/></marker></defs>\n");
    pb_buf_printf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", w, h);
    text_line(out, cx, MARGIN + 6, f->name, " class=\"t\"");
    int end = draw_sequence(out, f->first, cx, MARGIN + LINE_H + 6);
    if (f->on_failure) {
        text_line(out, cx, end + GAP_Y + PAD, PB_STR("if a step fails"), " class=\"t\"");
        draw_sequence(out, f->on_failure, cx, end + GAP_Y + LINE_H + PAD);
    }
    pb_buf_puts(out, "</svg>\n");
}
