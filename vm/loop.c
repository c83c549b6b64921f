/*
 * loop.c - timers, watched descriptors and the turning of the loop; transfers are http.c's.
 *
 * A turn waits until the next timer is due, a watched descriptor can be read or a transfer moves, then calls back in
 * this order: ended transfers, watches, timers. Callbacks may start and cancel anything. Timers live in a binary heap
 * ordered by (due time, order of start), each knowing its place in it, so that cancelling is O(log n) too. Timers
 * started by a callback of this turn wait for the next one: a chain of zero-length timers cannot starve the rest.
 *
 * Tests give the process virtual clocks, the one thing in here that is not a loop's own: time is the same for all. A
 * turn that could only wait then sets them forward to its next timer instead.
 */
#include "vm/loop.h"

#include "vm/http.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    WATCH_MAX = 64,          /* signals and a few sockets */
    WAIT_MAX_MS = 3600000,   /* poll takes an int; an hour is as good as for ever */
    TIMER_MAX_MS = INT32_MAX /* 24 days; keeps sums far from overflow */
};

struct pb_timer {
    pb_loop *loop;
    size_t place; /* in the heap */
    int64_t due;
    uint64_t order;
    pb_timer_fn *fn;
    void *ctx;
};

struct pb_watch {
    pb_loop *loop;
    uint32_t place;
    int fd;
    pb_timer_fn *fn;
    void *ctx;
};

struct pb_loop {
    pb_timer **heap;
    size_t ntimers, cap;
    uint64_t order;
    pb_watch *watches[WATCH_MAX]; /* with holes */
    http_state *http;
    http_locals locals;
};

static struct {
    bool on;
    int64_t wall, mono; /* ms */
    uint64_t chance;    /* numbers given out */
} clocks;

static int64_t clock_ms(clockid_t c) {
    struct timespec t;
    clock_gettime(c, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t pb_loop_mono_ms(void) { return clocks.on ? clocks.mono : clock_ms(CLOCK_MONOTONIC); }
int64_t pb_loop_wall_ms(void) { return clocks.on ? clocks.wall : clock_ms(CLOCK_REALTIME); }
http_state **pb_loop_http(pb_loop *l) { return &l->http; }
http_locals *pb_loop_locals(pb_loop *l) { return &l->locals; }

void pb_clock_virtual(int64_t wall_ms) {
    clocks.on = true;
    clocks.wall = wall_ms;
    clocks.mono = 1000; /* 0 means "none" in many a deadline */
    clocks.chance = 0;
}

void pb_clock_advance(int64_t ms) {
    if (!clocks.on || ms <= 0) return;
    clocks.wall += ms;
    clocks.mono += ms;
}

/* splitmix64: a well-mixed number for each place in the row. */
static uint64_t chance_next(void) {
    uint64_t z = ++clocks.chance * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

bool pb_random(void *p, size_t n) {
    uint8_t *b = p;
    while (n && clocks.on) {
        uint64_t r = chance_next();
        size_t k = n < sizeof r ? n : sizeof r;
        memcpy(b, &r, k);
        b += k, n -= k;
    }
    while (n) {
        ssize_t got = getrandom(b, n, 0);
        if (got <= 0) return false;
        b += got;
        n -= (size_t)got;
    }
    return true;
}

pb_loop *pb_loop_new(void) { return calloc(1, sizeof(pb_loop)); }

void pb_loop_free(pb_loop *l) {
    if (!l) return;
    http_state_free(l->http);
    http_locals_free(&l->locals);
    for (size_t i = 0; i < l->ntimers; i++) free(l->heap[i]);
    for (uint32_t i = 0; i < WATCH_MAX; i++) free(l->watches[i]);
    free(l->heap);
    free(l);
}

/* ---- the heap ---- */

static bool before(const pb_timer *a, const pb_timer *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(pb_loop *l, size_t i, pb_timer *t) {
    l->heap[i] = t;
    t->place = i;
}

static void sift_up(pb_loop *l, pb_timer *t) {
    size_t i = t->place;
    for (; i && before(t, l->heap[(i - 1) / 2]); i = (i - 1) / 2) put(l, i, l->heap[(i - 1) / 2]);
    put(l, i, t);
}

static void sift_down(pb_loop *l, pb_timer *t) {
    size_t i = t->place;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->ntimers) break;
        if (child + 1 < l->ntimers && before(l->heap[child + 1], l->heap[child])) child++;
        if (!before(l->heap[child], t)) break;
        put(l, i, l->heap[child]);
        i = child;
    }
    put(l, i, t);
}

static void heap_remove(pb_loop *l, const pb_timer *t) {
    size_t i = t->place;
    pb_timer *last = l->heap[--l->ntimers];
    if (last == t) return;
    put(l, i, last);
    sift_up(l, last);
    sift_down(l, last);
}

static bool heap_room(pb_loop *l) {
    if (l->ntimers < l->cap) return true;
    size_t cap = l->cap ? l->cap * 2 : 32;
    if (cap > SIZE_MAX / 2 / sizeof *l->heap) return false;
    pb_timer **p = realloc(l->heap, cap * sizeof *p);
    if (!p) return false;
    l->heap = p;
    l->cap = cap;
    return true;
}

pb_timer *pb_timer_start(pb_loop *l, int64_t ms, pb_timer_fn *fn, void *ctx) {
    if (!heap_room(l)) return NULL;
    pb_timer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    ms = ms < 0 ? 0 : ms > TIMER_MAX_MS ? TIMER_MAX_MS : ms;
    *t = (pb_timer){l, l->ntimers, pb_loop_mono_ms() + ms, l->order++, fn, ctx};
    l->heap[l->ntimers++] = t;
    sift_up(l, t);
    return t;
}

void pb_timer_cancel(pb_timer *t) {
    if (!t) return;
    heap_remove(t->loop, t);
    free(t);
}

/* ---- watches ---- */

pb_watch *pb_watch_start(pb_loop *l, int fd, pb_timer_fn *fn, void *ctx) {
    uint32_t i = 0;
    while (i < WATCH_MAX && l->watches[i]) i++;
    pb_watch *w = i < WATCH_MAX ? calloc(1, sizeof *w) : NULL;
    if (!w) return NULL;
    *w = (pb_watch){l, i, fd, fn, ctx};
    return l->watches[i] = w;
}

void pb_watch_stop(pb_watch *w) {
    if (!w) return;
    w->loop->watches[w->place] = NULL;
    free(w);
}

/* Descriptors to poll and, beside each, whose they are. A place freed and filled again by a callback is polled next
 * time. */
typedef struct watch_set {
    struct pollfd fds[WATCH_MAX];
    pb_watch *owner[WATCH_MAX];
    uint32_t n;
} watch_set;

static void gather(const pb_loop *l, watch_set *s) {
    s->n = 0;
    for (uint32_t i = 0; i < WATCH_MAX; i++) {
        if (!l->watches[i]) continue;
        s->fds[s->n] = (struct pollfd){l->watches[i]->fd, POLLIN, 0};
        s->owner[s->n++] = l->watches[i];
    }
}

static bool watched(const pb_loop *l, const pb_watch *w) {
    for (uint32_t i = 0; i < WATCH_MAX; i++)
        if (l->watches[i] == w) return true;
    return false;
}

static void call_watches(pb_loop *l, const watch_set *s) {
    for (uint32_t i = 0; i < s->n; i++)
        if (s->fds[i].revents && watched(l, s->owner[i])) s->owner[i]->fn(s->owner[i]->ctx);
}

/* ---- turning ---- */

static int wait_ms(const pb_loop *l) {
    if (!l->ntimers) return WAIT_MAX_MS;
    int64_t ms = l->heap[0]->due - pb_loop_mono_ms();
    return ms < 0 ? 0 : ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms;
}

static void fire(pb_loop *l) {
    int64_t now = pb_loop_mono_ms();
    uint64_t end = l->order;
    while (l->ntimers && l->heap[0]->due <= now && l->heap[0]->order < end) {
        pb_timer *t = l->heap[0];
        heap_remove(l, t);
        t->fn(t->ctx);
        free(t);
    }
}

/* Nothing but the next timer can come: it is that late now. */
static void skip_to_timer(const pb_loop *l, const watch_set *s) {
    for (uint32_t i = 0; i < s->n; i++)
        if (s->fds[i].revents) return;
    if (l->ntimers) pb_clock_advance(l->heap[0]->due - clocks.mono);
}

bool pb_loop_turn(pb_loop *l) {
    if (!l->ntimers && !http_busy(l->http)) return false;
    watch_set s;
    gather(l, &s);
    if (clocks.on && !http_busy(l->http)) {
        if (s.n && poll(s.fds, s.n, 0) < 0) s.n = 0;
        skip_to_timer(l, &s);
    } else if (http_busy(l->http)) {
        http_wait(l->http, s.fds, s.n, wait_ms(l));
        http_deliver(l->http);
    } else if (poll(s.fds, s.n, wait_ms(l)) < 0) {
        s.n = 0; /* interrupted: nothing is ready */
    }
    call_watches(l, &s);
    fire(l);
    return l->ntimers || http_busy(l->http);
}
