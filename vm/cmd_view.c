/*
 * cmd_view.c - see cmd_view.h. Colours only on a terminal, without NO_COLOR and TERM=dumb; elsewhere lines are whole,
 * so that what is piped into another program loses nothing.
 */
#include "vm/cmd_view.h"

#include "vm/plain.h"
#include "vm/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_MIN = 60, WIDTH_MAX = 240 };

static const char *const codes[] = {
    [VIEW_PLAIN] = "",         [VIEW_BOLD] = "\x1b[1m",    [VIEW_DIM] = "\x1b[2m",   [VIEW_RED] = "\x1b[31m",
    [VIEW_GREEN] = "\x1b[32m", [VIEW_YELLOW] = "\x1b[33m", [VIEW_CYAN] = "\x1b[36m",
};

void view_begin(view *v) {
    struct winsize w = {0};
    *v = (view){.colour = progress_colours(STDOUT_FILENO)};
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || !w.ws_col) return;
    v->width = w.ws_col < WIDTH_MIN ? WIDTH_MIN : w.ws_col > WIDTH_MAX ? WIDTH_MAX : w.ws_col;
}

void view_text(view *v, view_colour c, pb_str text, uint32_t columns) {
    uint32_t room = v->width > v->used ? v->width - v->used : 0;
    if (v->width && !room) return;
    if (v->width && (!columns || columns > room)) columns = room;
    bool paint = v->colour && c != VIEW_PLAIN && text.n;
    if (paint) pb_buf_puts(&v->out, codes[c]);
    v->used += plain_add(&v->out, text, columns);
    if (paint) pb_buf_puts(&v->out, "\x1b[0m");
}

void view_text_c(view *v, view_colour c, const char *text) { view_text(v, c, pb_str_c(text), 0); }

void view_to(view *v, uint32_t column) {
    for (; v->used < column; v->used++) pb_buf_putc(&v->out, ' ');
}

void view_column(view *v, view_colour c, pb_str text, uint32_t columns) {
    uint32_t end = v->used + columns;
    view_text(v, c, text, columns);
    view_to(v, end);
}

void view_line(view *v) {
    while (v->out.len && v->out.data[v->out.len - 1] == ' ') v->out.data[--v->out.len] = '\0';
    pb_buf_putc(&v->out, '\n');
    v->used = 0;
}

bool view_end(view *v) {
    bool ok = !v->out.oom && (!v->out.len || fwrite(v->out.data, 1, v->out.len, stdout) == v->out.len);
    pb_buf_free(&v->out);
    return ok && fflush(stdout) == 0;
}

view_colour view_colour_of(pb_str word) {
    static const struct {
        const char *word;
        view_colour colour;
    } rows[] = {{"done", VIEW_GREEN},     {"succeeded", VIEW_GREEN}, {"allowed", VIEW_GREEN},
                {"failed", VIEW_RED},     {"denied", VIEW_RED},      {"orphaned", VIEW_RED},
                {"unanswered", VIEW_RED}, {"stopped", VIEW_YELLOW},  {"waiting", VIEW_YELLOW},
                {"planned", VIEW_YELLOW}, {"undone", VIEW_YELLOW},   {"active", VIEW_CYAN},
                {"undoing", VIEW_CYAN},   {"skipped", VIEW_DIM},     {"already_done", VIEW_DIM}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (pb_str_is(word, rows[i].word)) return rows[i].colour;
    return VIEW_PLAIN;
}
