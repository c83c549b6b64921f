/*
 * progress.c - a live tree of steps on a terminal, plain lines elsewhere.
 *
 * On a terminal the last lines of the screen are ours: a block for each run under way, drawn anew at every step and ten
 * times a second for the spinner. Drawing means: cursor up over what was drawn last, erase to the end of the screen,
 * write. Every line is cut to the width of the terminal, so that none wraps and the count of lines stays right; the
 * whole is cut to its height. A finished run's block is written once more and left behind. Nothing else of the
 * terminal's state is touched, so that dying at any moment leaves it usable. All texts go through plain_add.
 */
#include "vm/progress.h"

#include "vm/plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    SPIN_MS = 100,
    STEPS_SHOWN = 12, /* of a run under way: the newest */
    WIDTH_MIN = 20,
    WIDTH_MAX = 200
};

struct progress {
    int fd;
    progress_style style;
    bool colour, utf8;
    pb_loop *loop;
    pb_timer *timer;
    const engine_run *live[ENGINE_RUNS_MAX];
    uint32_t nlive, drawn; /* lines on the screen */
    uint32_t spin;
    bool hidden;
};

#define BOLD "\x1b[1m"
#define DIM "\x1b[2m"
#define RED "\x1b[31m"
#define GREEN "\x1b[32m"
#define YELLOW "\x1b[33m"
#define CYAN "\x1b[36m"

static bool variable_set(const char *name) {
    const char *v = getenv(name);
    return v && *v;
}

progress_style progress_style_for(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0 ? PROGRESS_LIVE : PROGRESS_LINES;
}

bool progress_colours(int fd) { return progress_style_for(fd) == PROGRESS_LIVE && !variable_set("NO_COLOR"); }

static bool utf8_terminal(void) {
    const char *v = variable_set("LC_ALL")     ? getenv("LC_ALL")
                    : variable_set("LC_CTYPE") ? getenv("LC_CTYPE")
                                               : getenv("LANG");
    return v && (strstr(v, "UTF-8") || strstr(v, "utf8") || strstr(v, "UTF8") || strstr(v, "utf-8"));
}

progress *progress_new(int fd, progress_style s, bool colour) {
    progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->fd = fd;
    p->style = s;
    p->colour = colour;
    p->utf8 = utf8_terminal();
    return p;
}

void progress_loop(progress *p, pb_loop *l) { p->loop = l; }

/* ---- words ---- */

void progress_time(pb_buf *out, int64_t ms) {
    if (ms < 1000)
        pb_buf_printf(out, "%lld ms", (long long)(ms < 0 ? 0 : ms));
    else if (ms < 60000)
        pb_buf_printf(out, "%lld.%lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    else
        pb_buf_printf(out, "%lld min %lld s", (long long)(ms / 60000), (long long)(ms % 60000 / 1000));
}

pb_str progress_step_title(const engine_run *r, const vm_step *s) {
    if (s->site == IMAGE_NIL) return s->name;
    pb_str title = vm_string(r->facts.program, vm_field(r->facts.program, SECTION_SITES, s->site, SITES_title));
    return title.n ? title : s->name;
}

const char *progress_step_status(const vm_step *s) {
    if (s->status == STEP_RUNNING) return "...";
    const char *status = evidence_action_status(s);
    if (strcmp(status, "succeeded") == 0) return "ok";
    return strcmp(status, "already_done") == 0 ? "already done" : status;
}

static pb_str playbook_name(const engine_run *r) {
    return vm_string(r->facts.program,
                     vm_field(r->facts.program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_name));
}

static int64_t step_ms(const vm_step *s) {
    int64_t end = s->status == STEP_RUNNING ? pb_loop_wall_ms() : s->ended_ms;
    return end > s->started_ms ? end - s->started_ms : 0;
}

static int64_t run_ms(const engine_run *r) {
    int64_t end = r->ended ? r->facts.ended_ms : pb_loop_wall_ms();
    return end > r->facts.started_ms ? end - r->facts.started_ms : 0;
}

static void write_out(int fd, pb_buf *b) {
    size_t at = 0;
    while (!b->oom && at < b->len) {
        ssize_t n = write(fd, b->data + at, b->len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break; /* nobody reads: progress is not worth failing for */
        at += (size_t)n;
    }
    pb_buf_free(b);
}

/* ---- lines ---- */

static void line_begin(pb_buf *b, const engine_run *r) {
    int64_t ms = pb_loop_wall_ms();
    pb_buf_printf(b, "%02d:%02d:%02d.%03d ", (int)(ms / 3600000 % 24), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
                  (int)(ms % 1000));
    plain_add(b, playbook_name(r), 0);
    pb_buf_putc(b, ' ');
}

/* " [123456789012 eu-west-1]" of a step that an `in account` has moved; else nothing. */
static pb_str step_place(char out[64], const vm_step *s) {
    if (!s->moved) return (pb_str){"", 0};
    int n = snprintf(out, 64, " [%.*s%s%.*s]", PB_ARG(s->account), s->account.n && s->region.n ? " " : "",
                     PB_ARG(s->region));
    return (pb_str){out, n > 0 && n < 64 ? (uint32_t)n : 0};
}

static void step_line(const progress *p, const engine_run *r, const vm_step *s) {
    pb_buf b = {0};
    line_begin(&b, r);
    char place[64];
    plain_add(&b, s->name, 0);
    plain_add(&b, step_place(place, s), 0);
    pb_buf_printf(&b, " %s ", progress_step_status(s));
    progress_time(&b, step_ms(s));
    if (s->status == STEP_FAILED || s->status == STEP_DENIED) {
        pb_buf_puts(&b, " ");
        plain_add(&b, s->error_code, 0);
        pb_buf_puts(&b, ": ");
        plain_add(&b, s->error_message, 0);
    }
    pb_buf_putc(&b, '\n');
    write_out(p->fd, &b);
}

static void run_line(const progress *p, const engine_run *r) {
    pb_buf b = {0};
    line_begin(&b, r);
    plain_add(&b, r->incident, 0);
    if (r->ended) {
        pb_buf_printf(&b, " %s ", evidence_status(&r->facts));
        progress_time(&b, run_ms(r));
    } else {
        pb_buf_puts(&b, r->facts.dry ? " begins (dry run)" : r->facts.observe ? " begins (observe-only)" : " begins");
    }
    pb_buf_putc(&b, '\n');
    write_out(p->fd, &b);
}

/* ---- the tree ---- */

typedef struct drawing {
    const progress *p;
    pb_buf *out;
    uint32_t width, room; /* columns a line, columns left in this one */
    uint32_t lines;
} drawing;

static void terminal_size(int fd, uint32_t *width, uint32_t *height) {
    struct winsize w = {0};
    if (ioctl(fd, TIOCGWINSZ, &w) != 0 || !w.ws_col) w.ws_col = 80;
    if (!w.ws_row) w.ws_row = 24;
    *width = w.ws_col < WIDTH_MIN ? WIDTH_MIN : w.ws_col > WIDTH_MAX ? WIDTH_MAX : w.ws_col;
    *height = w.ws_row < 3 ? 3 : w.ws_row;
    *width -= 1; /* the last column is left free: some terminals wrap when it is filled */
}

static void text(drawing *d, pb_str s, uint32_t at_most) {
    uint32_t columns = at_most && at_most < d->room ? at_most : d->room;
    if (columns) d->room -= plain_add(d->out, s, columns);
}
static void text_c(drawing *d, const char *z) { text(d, pb_str_c(z), 0); }

static void paint(drawing *d, const char *colour) {
    if (d->p->colour) pb_buf_puts(d->out, colour);
}
static void unpaint(drawing *d) { paint(d, "\x1b[0m"); }

static void line_end(drawing *d) {
    unpaint(d);
    pb_buf_puts(d->out, "\n");
    d->lines++;
    d->room = d->width;
}

static void duration(drawing *d, int64_t ms) {
    pb_buf b = {0};
    progress_time(&b, ms);
    if (b.data) text(d, (pb_str){b.data, (uint32_t)b.len}, 0);
    pb_buf_free(&b);
}

static void spinner(drawing *d) {
    static const char *const round[] = {"\u280b", "\u2819", "\u2839", "\u2838", "\u283c",
                                        "\u2834", "\u2826", "\u2827", "\u2807", "\u280f"};
    static const char *const plain[] = {"|", "/", "-", "\\"};
    paint(d, CYAN);
    text_c(d, d->p->utf8 ? round[d->p->spin % 10] : plain[d->p->spin % 4]);
    unpaint(d);
}

static void glyph(drawing *d, const char *colour, const char *utf8, const char *ascii) {
    paint(d, colour);
    text_c(d, d->p->utf8 ? utf8 : ascii);
    unpaint(d);
}

static void step_glyph(drawing *d, const vm_step *s) {
    const char *status = progress_step_status(s);
    if (s->status == STEP_RUNNING)
        spinner(d);
    else if (strcmp(status, "failed") == 0)
        glyph(d, RED, "\u2717", "x");
    else if (strcmp(status, "planned") == 0)
        glyph(d, YELLOW, "\u25cb", "o");
    else if (strcmp(status, "already done") == 0)
        glyph(d, DIM, "\u2713", "+");
    else
        glyph(d, s->is_do ? GREEN : DIM, "\u2713", "+");
}

static void tree_step(drawing *d, const engine_run *r, const vm_step *s, uint32_t indent) {
    char spaces[] = "        ", place[64];
    const char *status = progress_step_status(s);
    spaces[indent < 8 ? indent : 8] = 0;
    text_c(d, spaces);
    step_glyph(d, s);
    text_c(d, " ");
    text(d, indent > 2 ? s->name : progress_step_title(r, s),
         d->width > 40 ? d->width - 24 : d->width / 2);
    text(d, step_place(place, s), 0);
    text_c(d, "  ");
    paint(d, DIM);
    if (s->status != STEP_RUNNING && strcmp(status, "ok") != 0) {
        text_c(d, status);
        text_c(d, " ");
    }
    duration(d, step_ms(s));
    if (s->status == STEP_FAILED || s->status == STEP_DENIED) {
        unpaint(d);
        text_c(d, "  ");
        paint(d, RED);
        text(d, s->error_message, 0);
    }
    line_end(d);
}

static const char *status_colour(const engine_run *r) {
    const char *s = evidence_status(&r->facts);
    return strcmp(s, "failed") == 0 ? RED : strcmp(s, "partial") == 0 || strcmp(s, "planned") == 0 ? YELLOW : GREEN;
}

static void tree_head(drawing *d, const engine_run *r) {
    if (!r->ended) {
        spinner(d);
        text_c(d, " ");
    }
    paint(d, BOLD);
    text(d, playbook_name(r), 0);
    unpaint(d);
    text_c(d, "  ");
    if (r->ended) {
        paint(d, status_colour(r));
        text_c(d, evidence_status(&r->facts));
        unpaint(d);
        text_c(d, "  ");
    }
    paint(d, DIM);
    duration(d, run_ms(r));
    text_c(d, "  ");
    text(d, r->incident, 0); /* last: what a narrow terminal can best do without */
    line_end(d);
}

static void tree(drawing *d, const engine_run *r) {
    const vm_step *steps = r->vm ? vm_run_steps(r->vm) : r->facts.steps;
    uint32_t n = 0, i = 0;
    tree_head(d, r);
    for (const vm_step *s = steps; s; s = s->next) n++;
    for (const vm_step *s = steps; s; s = s->next, i++) {
        if (!r->ended && n > STEPS_SHOWN && i < n - STEPS_SHOWN) continue;
        tree_step(d, r, s, 2);
        for (const vm_step *c = s->children; c && !r->ended; c = c->next)
            if (c->status == STEP_RUNNING) tree_step(d, r, c, 6);
    }
}

static void erase(progress *p, pb_buf *out) {
    if (!p->drawn) return;
    pb_buf_printf(out, "\r\x1b[%uA\x1b[J", p->drawn);
    p->drawn = 0;
}

/* Keeps the first `lines` lines. */
static void keep_lines(pb_buf *b, uint32_t lines) {
    size_t i = 0;
    for (; i < b->len && lines; i++)
        if (b->data[i] == '\n') lines--;
    b->len = i;
}

static void draw_live(progress *p, pb_buf *out) {
    uint32_t width, height;
    pb_buf body = {0};
    terminal_size(p->fd, &width, &height);
    drawing d = {.p = p, .out = &body, .width = width, .room = width};
    for (uint32_t i = 0; i < p->nlive && d.lines < height; i++) tree(&d, p->live[i]);
    if (d.lines > height - 1) keep_lines(&body, d.lines = height - 1);
    if (!body.oom) {
        pb_buf_add(out, body.data, body.len);
        p->drawn = d.lines;
    }
    pb_buf_free(&body);
}

static void redraw(progress *p) {
    if (p->style != PROGRESS_LIVE || p->hidden) return;
    pb_buf out = {0};
    erase(p, &out);
    draw_live(p, &out);
    write_out(p->fd, &out);
}

static void on_spin(void *ctx) {
    progress *p = ctx;
    p->timer = NULL;
    p->spin++;
    redraw(p);
    if (p->nlive) p->timer = pb_timer_start(p->loop, SPIN_MS, on_spin, p);
}

/* ---- what happens ---- */

void progress_run_begin(progress *p, const engine_run *r) {
    if (p->style == PROGRESS_LINES) run_line(p, r);
    if (p->style != PROGRESS_LIVE || p->nlive == ENGINE_RUNS_MAX) return;
    p->live[p->nlive++] = r;
    if (!p->timer && p->loop) p->timer = pb_timer_start(p->loop, SPIN_MS, on_spin, p);
}

void progress_step_begin(progress *p, const engine_run *r, const vm_step *s) {
    (void)r;
    if (p->style == PROGRESS_LIVE && !s->parent) redraw(p);
}

void progress_step_end(progress *p, const engine_run *r, const vm_step *s) {
    if (s->parent) return;
    if (p->style == PROGRESS_LINES) step_line(p, r, s);
    redraw(p);
}

static void leave_behind(progress *p, const engine_run *r) {
    uint32_t width, height, i = 0;
    pb_buf out = {0};
    terminal_size(p->fd, &width, &height);
    while (i < p->nlive && p->live[i] != r) i++;
    if (i < p->nlive) {
        memmove(p->live + i, p->live + i + 1, (p->nlive - i - 1) * sizeof *p->live);
        p->nlive--;
    }
    drawing d = {.p = p, .out = &out, .width = width, .room = width};
    erase(p, &out);
    tree(&d, r);
    if (!p->hidden) draw_live(p, &out);
    write_out(p->fd, &out);
    if (p->nlive == 0 && p->timer) {
        pb_timer_cancel(p->timer);
        p->timer = NULL;
    }
}

void progress_run_end(progress *p, const engine_run *r) {
    if (p->style == PROGRESS_LINES) run_line(p, r);
    if (p->style == PROGRESS_LIVE) leave_behind(p, r);
}

void progress_hide(progress *p) {
    if (p->style != PROGRESS_LIVE || p->hidden) return;
    pb_buf out = {0};
    erase(p, &out);
    write_out(p->fd, &out);
    p->hidden = true;
}

void progress_show(progress *p) {
    if (!p->hidden) return;
    p->hidden = false;
    redraw(p);
}

void progress_free(progress *p) {
    if (!p) return;
    progress_hide(p);
    pb_timer_cancel(p->timer);
    free(p);
}
