/*
 * format_diff.c - two texts as a unified diff, as `diff -u` writes it and `patch` reads it.
 *
 * Lines that both texts have at the beginning and at the end are set aside; between them the longest common subsequence
 * is searched by Myers' greedy algorithm, whose trace is kept. Its work grows with the number of changes, so beyond a
 * limit the whole middle is shown as replaced: right, if longer than need be.
 */
#include "lang/format.h"

enum {
    CONTEXT = 3,
    MAX_CHANGES = 2000 /* trace: 2000 steps of at most 4001 numbers, 32 MB; nobody reads a diff that long */
};

typedef struct edit { /* one line of the script */
    char sign;        /* ' ' '-' '+' */
    uint32_t old_line, new_line;
} edit;

typedef struct differ {
    pb_arena *a;
    pb_str *old_lines, *new_lines;
    uint32_t nold, nnew;
    edit *script; /* built from its end, then turned round */
    uint32_t n;
} differ;

static pb_str *split(pb_arena *a, pb_str s, uint32_t *n) {
    uint32_t lines = 0;
    for (uint32_t i = 0; i < s.n; i++) lines += s.s[i] == '\n' || i + 1 == s.n;
    pb_str *out = pb_alloc_array(a, (size_t)lines + 1, sizeof *out);
    *n = lines;
    for (uint32_t i = 0, at = 0; out && i < lines; i++) {
        const char *end = memchr(s.s + at, '\n', s.n - at);
        uint32_t stop = end ? (uint32_t)(end - s.s) + 1 : s.n;
        out[i] = (pb_str){s.s + at, stop - at};
        at = stop;
    }
    return out;
}

static void add(differ *d, char sign, uint32_t old_line, uint32_t new_line) {
    d->script[d->n++] = (edit){sign, old_line, new_line};
}

static bool same(const differ *d, uint32_t x, uint32_t y) { return pb_str_eq(d->old_lines[x], d->new_lines[y]); }

/* ---- Myers: the middle, between `from` and the ends ---- */

typedef struct middle {
    uint32_t from;
    int32_t n, m; /* lines of the old and of the new text in it */
    int32_t **trace;
    int32_t steps;
} middle;

static int32_t furthest(const int32_t *v, int32_t d, int32_t k) {
    if (k == -d || (k != d && v[k - 1] < v[k + 1])) return v[k + 1];
    return v[k - 1] + 1;
}

/* Runs until the end is reached; false: too many changes, or no memory. */
static bool search(differ *d, middle *m) {
    int32_t max = m->n + m->m < MAX_CHANGES ? m->n + m->m : MAX_CHANGES;
    size_t width = 2 * (size_t)max + 3;
    int32_t *v = pb_alloc_array(d->a, width, sizeof *v);
    m->trace = pb_alloc_array(d->a, (size_t)max + 1, sizeof *m->trace);
    if (!v || !m->trace) return false;
    v += max + 1;
    for (int32_t step = 0; step <= max; step++) {
        int32_t *copy = pb_alloc_array(d->a, 2 * (size_t)step + 3, sizeof *copy);
        if (!copy) return false;
        m->trace[step] = copy += step + 1;
        memcpy(copy - step - 1, v - step - 1, (2 * (size_t)step + 3) * sizeof *copy);
        for (int32_t k = -step; k <= step; k += 2) {
            int32_t x = furthest(v, step, k), y = x - k;
            while (x < m->n && y < m->m && y >= 0 && same(d, m->from + (uint32_t)x, m->from + (uint32_t)y)) x++, y++;
            v[k] = x;
            if (x < m->n || y < m->m) continue;
            m->steps = step;
            return true;
        }
    }
    return false;
}

/* Follows the trace back, writing the script from its end. */
static void backtrack(differ *d, const middle *m) {
    int32_t x = m->n, y = m->m;
    for (int32_t step = m->steps; step >= 0; step--) {
        const int32_t *v = m->trace[step];
        int32_t k = x - y, from = k == -step || (k != step && v[k - 1] < v[k + 1]) ? k + 1 : k - 1;
        int32_t px = step ? v[from] : 0, py = step ? px - from : 0;
        while (x > px && y > py) {
            x--, y--;
            add(d, ' ', m->from + (uint32_t)x, m->from + (uint32_t)y);
        }
        if (!step) break;
        x = px, y = py;
        add(d, from > k ? '+' : '-', m->from + (uint32_t)x, m->from + (uint32_t)y);
    }
}

static void replace_all(differ *d, const middle *m) {
    for (int32_t i = m->m; i > 0; i--) add(d, '+', m->from + (uint32_t)m->n, m->from + (uint32_t)i - 1);
    for (int32_t i = m->n; i > 0; i--) add(d, '-', m->from + (uint32_t)i - 1, m->from);
}

static bool make_script(differ *d) {
    uint32_t head = 0, tail = 0;
    while (head < d->nold && head < d->nnew && same(d, head, head)) head++;
    while (tail < d->nold - head && tail < d->nnew - head && same(d, d->nold - 1 - tail, d->nnew - 1 - tail)) tail++;
    middle m = {.from = head, .n = (int32_t)(d->nold - head - tail), .m = (int32_t)(d->nnew - head - tail)};
    for (uint32_t i = 0; i < tail; i++) add(d, ' ', d->nold - 1 - i, d->nnew - 1 - i);
    if (search(d, &m))
        backtrack(d, &m);
    else
        replace_all(d, &m);
    for (uint32_t i = head; i > 0; i--) add(d, ' ', i - 1, i - 1);
    for (uint32_t i = 0; i < d->n / 2; i++) {
        edit e = d->script[i];
        d->script[i] = d->script[d->n - 1 - i];
        d->script[d->n - 1 - i] = e;
    }
    return !pb_arena_failed(d->a);
}

/* ---- hunks ---- */

/* The end of the hunk that begins at i: more unchanged lines than two contexts follow, or nothing. */
static uint32_t hunk_end(const differ *d, uint32_t i) {
    uint32_t last = i;
    for (uint32_t k = i; k < d->n && k - last <= 2 * CONTEXT; k++)
        if (d->script[k].sign != ' ') last = k;
    uint32_t end = last + 1 + CONTEXT;
    return end < d->n ? end : d->n;
}

static void put_range(pb_buf *out, char sign, uint32_t start, uint32_t n) {
    pb_buf_printf(out, "%c%u", sign, n ? start + 1 : start);
    if (n != 1) pb_buf_printf(out, ",%u", n);
}

static void put_hunk(const differ *d, uint32_t from, uint32_t end, pb_buf *out) {
    uint32_t old_count = 0, new_count = 0;
    for (uint32_t i = from; i < end; i++) {
        old_count += d->script[i].sign != '+';
        new_count += d->script[i].sign != '-';
    }
    pb_buf_puts(out, "@@ ");
    put_range(out, '-', d->script[from].old_line, old_count);
    pb_buf_putc(out, ' ');
    put_range(out, '+', d->script[from].new_line, new_count);
    pb_buf_puts(out, " @@\n");
    for (uint32_t i = from; i < end; i++) {
        const edit *e = &d->script[i];
        pb_str line = e->sign == '+' ? d->new_lines[e->new_line] : d->old_lines[e->old_line];
        pb_buf_putc(out, e->sign);
        pb_buf_add(out, line.s, line.n);
        if (line.s[line.n - 1] != '\n') pb_buf_puts(out, "\n\\ No newline at end of file\n");
    }
}

bool format_diff(pb_arena *a, pb_str path, pb_str before, pb_str after, pb_buf *out) {
    if (pb_str_eq(before, after)) return true;
    differ d = {.a = a};
    d.old_lines = split(a, before, &d.nold);
    d.new_lines = split(a, after, &d.nnew);
    d.script = pb_alloc_array(a, (size_t)d.nold + d.nnew + 1, sizeof *d.script);
    if (!d.old_lines || !d.new_lines || !d.script || !make_script(&d)) return false;
    pb_buf_printf(out, "--- %.*s\n+++ %.*s\n", PB_ARG(path), PB_ARG(path));
    for (uint32_t i = 0; i < d.n;) {
        if (d.script[i].sign == ' ') {
            i++;
            continue;
        }
        uint32_t end = hunk_end(&d, i);
        put_hunk(&d, i < CONTEXT ? 0 : i - CONTEXT, end, out);
        i = end;
    }
    return !out->oom;
}
