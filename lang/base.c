/*
 * base.c - arenas, buffers and the other small things of base.h.
 *
 * An arena is a list of chunks; allocation bumps a pointer in the newest one. Chunk sizes double
 * from 4 KiB to 256 KiB so that a small run stays small and a large compile does few mallocs.
 */
#include "lang/base.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 16, CHUNK_MIN = 4096, CHUNK_MAX = 256 * 1024 };

struct chunk {
    struct chunk *next;
    size_t cap, used;
};
#define CHUNK_HEAD ((sizeof(struct chunk) + ALIGN - 1) / ALIGN * ALIGN)

struct pb_arena {
    struct chunk *chunks; /* newest first */
    size_t limit, used;   /* bytes given out, 0 = no limit */
    size_t next_size;
    size_t fail_in; /* test hook: allocations left before failure, 0 = off */
    bool failing;   /* the hook has fired */
    bool failed;    /* any allocation has failed */
};

const char *pb_effect_name(pb_effect e) {
    static const char *const names[] = {"pure", "read", "notify", "contain", "destroy"};
    return (unsigned)e < sizeof names / sizeof *names ? names[e] : "?";
}

pb_arena *pb_arena_new(size_t limit) {
    pb_arena *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->limit = limit;
    a->next_size = CHUNK_MIN;
    return a;
}

void pb_arena_free(pb_arena *a) {
    if (!a) return;
    for (struct chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

void pb_arena_wipe(pb_arena *a) {
    for (struct chunk *c = a ? a->chunks : NULL; c; c = c->next) explicit_bzero((char *)c + CHUNK_HEAD, c->used);
    pb_arena_free(a);
}

static struct chunk *chunk_add(pb_arena *a, size_t need) {
    size_t cap = a->next_size;
    if (a->next_size < CHUNK_MAX) a->next_size *= 2;
    if (cap < need) cap = need;
    struct chunk *c = malloc(CHUNK_HEAD + cap);
    if (!c) return NULL;
    c->cap = cap;
    c->used = 0;
    /* A chunk made for one big block goes behind the current one, which may still have room. */
    if (a->chunks && need > CHUNK_MAX) {
        c->next = a->chunks->next;
        a->chunks->next = c;
    } else {
        c->next = a->chunks;
        a->chunks = c;
    }
    return c;
}

static void *arena_fail(pb_arena *a) {
    a->failed = true;
    return NULL;
}

void *pb_alloc(pb_arena *a, size_t n) {
    if (a->failing || (a->fail_in && --a->fail_in == 0)) {
        a->failing = true;
        return arena_fail(a);
    }
    if (n > SIZE_MAX / 2) return arena_fail(a);
    if (n == 0) n = 1;
    size_t need = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (a->limit && (need > a->limit || a->used > a->limit - need)) return arena_fail(a);
    struct chunk *c = a->chunks;
    if (!c || c->cap - c->used < need) {
        c = chunk_add(a, need);
        if (!c) return arena_fail(a);
    }
    char *p = (char *)c + CHUNK_HEAD + c->used;
    c->used += need;
    a->used += need;
    return memset(p, 0, need);
}

void *pb_alloc_array(pb_arena *a, size_t count, size_t size) {
    if (size && count > SIZE_MAX / 2 / size) return arena_fail(a);
    return pb_alloc(a, count * size);
}

pb_str pb_strdup(pb_arena *a, const char *s, size_t n) {
    if (n >= UINT32_MAX) {
        arena_fail(a);
        return (pb_str){NULL, 0};
    }
    char *p = pb_alloc(a, n + 1);
    if (!p) return (pb_str){NULL, 0};
    if (n) memcpy(p, s, n);
    return (pb_str){p, (uint32_t)n};
}

pb_str pb_vprintf(pb_arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    pb_str r = {NULL, 0};
    char *p = n < 0 ? NULL : pb_alloc(a, (size_t)n + 1);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
        r = (pb_str){p, (uint32_t)n};
    }
    va_end(again);
    return r;
}

pb_str pb_printf(pb_arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    pb_str r = pb_vprintf(a, fmt, ap);
    va_end(ap);
    return r;
}

size_t pb_arena_used(const pb_arena *a) { return a->used; }
bool pb_arena_failed(const pb_arena *a) { return a->failed; }

void pb_arena_fail_after(pb_arena *a, size_t n) {
    a->fail_in = n;
    a->failing = false;
}

/* ---- buffers ---- */

static bool buf_room(pb_buf *b, size_t n) {
    if (b->oom || n > SIZE_MAX / 2 - b->len - 1) {
        b->oom = true;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap) return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap *= 2;
    char *p = realloc(b->data, cap);
    if (!p) {
        b->oom = true;
        return false;
    }
    b->data = p;
    b->cap = cap;
    return true;
}

void pb_buf_add(pb_buf *b, const void *data, size_t n) {
    if (!buf_room(b, n)) return;
    if (n) memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = 0;
}

void pb_buf_puts(pb_buf *b, const char *z) { pb_buf_add(b, z, strlen(z)); }
void pb_buf_putc(pb_buf *b, char c) { pb_buf_add(b, &c, 1); }

void pb_buf_printf(pb_buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && buf_room(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else {
        b->oom = true;
    }
    va_end(again);
    va_end(ap);
}

void pb_buf_free(pb_buf *b) {
    free(b->data);
    *b = (pb_buf){0};
}

/* Three rows of the table are kept: two letters that changed places are looked for two rows back. */
unsigned pb_edit_distance(pb_str a, pb_str b, unsigned cap) {
    enum { MAX = 64 };
    unsigned rows[3][MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    if (a.n > MAX || b.n > MAX) return cap;
    if ((a.n > b.n ? a.n - b.n : b.n - a.n) >= cap) return cap;
    for (unsigned j = 0; j <= b.n; j++) before[j] = last[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned best = row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned cost = last[j - 1] + (a.s[i - 1] != b.s[j - 1]);
            if (last[j] + 1 < cost) cost = last[j] + 1;
            if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a.s[i - 1] == b.s[j - 2] && a.s[i - 2] == b.s[j - 1];
            if (swapped && before[j - 2] + 1 < cost) cost = before[j - 2] + 1;
            row[j] = cost;
            if (cost < best) best = cost;
        }
        if (best >= cap) return cap;
        unsigned *free_row = before;
        before = last, last = row, row = free_row;
    }
    return last[b.n] < cap ? last[b.n] : cap;
}
