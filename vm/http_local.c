/*
 * http_local.c - HTTP transfers that never leave the process: what a loop of tests is given (pb_loop_local).
 *
 * The request is answered by a function at once, because its texts are the caller's; the answer is kept with an arena
 * of its own and delivered by a timer of the loop, so that the caller sees the same order of things as with a network:
 * never before pb_http_start has returned, and not after a cancel. An answer that never comes keeps no timer, so the
 * loop can run out of work, which is what a dead connection without any time limit would look like.
 */
#include "vm/http.h"

#include <stdlib.h>

enum { LOCAL_MEMORY = 256 << 20 /* as much as the simulated account takes for one request */ };

struct http_local {
    pb_loop *loop;
    pb_http *self;
    pb_http_fn *fn;
    void *ctx;
    pb_arena *arena;
    pb_timer *timer;
    pb_local_answer answer;
    size_t max_response;
    int64_t began_ms;
    http_local *next, **link;
};

void pb_loop_local(pb_loop *l, pb_local_fn *fn, void *ctx) {
    http_locals *s = pb_loop_locals(l);
    s->fn = fn;
    s->ctx = ctx;
}

static void unlink_local(http_local *h) {
    *h->link = h->next;
    if (h->next) h->next->link = h->link;
}

static void local_free(http_local *h) {
    pb_arena_free(h->arena);
    free(h);
}

/* The same headers with names in lower case; NULL: out of memory. */
static const pb_header *lowered(pb_arena *a, const pb_local_answer *out) {
    pb_header *all = pb_alloc_array(a, out->nheaders ? out->nheaders : 1, sizeof *all);
    for (uint32_t i = 0; all && i < out->nheaders; i++) {
        pb_str name = out->headers[i].name;
        char *low = pb_alloc(a, (size_t)name.n + 1);
        if (!low) return NULL;
        for (uint32_t k = 0; k < name.n; k++)
            low[k] = (char)(name.s[k] >= 'A' && name.s[k] <= 'Z' ? name.s[k] + 32 : name.s[k]);
        all[i] = (pb_header){{low, name.n}, out->headers[i].value};
    }
    return all;
}

static void deliver(void *ctx) {
    http_local *h = ctx;
    pb_http_response r = {.error = h->answer.error,
                          .message = h->answer.message ? h->answer.message : "",
                          .sent = h->answer.error != HTTP_RESOLVE && h->answer.error != HTTP_CONNECT,
                          .status = h->answer.status,
                          .headers = lowered(h->arena, &h->answer),
                          .nheaders = h->answer.nheaders,
                          .body = h->answer.body.n ? h->answer.body : PB_STR(""),
                          .elapsed_us = (pb_loop_mono_ms() - h->began_ms) * 1000};
    if (!r.headers) r.error = HTTP_INTERNAL, r.nheaders = 0, r.message = "out of memory";
    if (r.error == HTTP_OK && r.body.n > h->max_response) {
        r.error = HTTP_TOO_LARGE;
        r.message = "the answer is larger than allowed";
    }
    unlink_local(h); /* before the callback, which may start and cancel others */
    h->fn(h->ctx, &r);
    http_local_over(h->self);
    local_free(h);
}

static void link_local(http_local *h) {
    http_locals *s = pb_loop_locals(h->loop);
    h->next = s->first;
    h->link = &s->first;
    if (h->next) h->next->link = &h->next;
    s->first = h;
}

http_local *http_local_start(pb_loop *l, const pb_http_request *q, pb_http_fn *fn, void *ctx, pb_http *self) {
    const http_locals *s = pb_loop_locals(l);
    http_local *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    *h = (http_local){.loop = l, .self = self, .fn = fn, .ctx = ctx, .max_response = q->max_response};
    h->began_ms = pb_loop_mono_ms();
    h->arena = pb_arena_new(LOCAL_MEMORY);
    if (!h->arena) {
        free(h);
        return NULL;
    }
    s->fn(s->ctx, q, h->arena, &h->answer);
    if (h->answer.delay_ms >= q->timeout_ms && !h->answer.never) /* it would come too late */
        h->answer = (pb_local_answer){
            .error = HTTP_TIMEOUT, .delay_ms = q->timeout_ms, .message = "no answer within the time limit"};
    if (!h->answer.never) h->timer = pb_timer_start(l, h->answer.delay_ms, deliver, h);
    if (!h->timer && !h->answer.never) {
        local_free(h);
        return NULL;
    }
    link_local(h);
    return h;
}

void http_local_cancel(http_local *h) {
    pb_timer_cancel(h->timer);
    unlink_local(h);
    local_free(h);
}

/* The loop frees its timers itself. */
void http_locals_free(http_locals *s) {
    while (s->first) {
        http_local *h = s->first;
        unlink_local(h);
        http_local_over(h->self);
        local_free(h);
    }
}
