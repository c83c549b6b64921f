/*
 * http.h - what loop.c and http.c know of each other. Everybody else includes loop.h.
 */
#ifndef PB_HTTP_H
#define PB_HTTP_H

#include "vm/loop.h"

#include <poll.h>

typedef struct http_state http_state;

/* Where the loop keeps the transfers' state; *pb_loop_http(l) is NULL until the first one. */
http_state **pb_loop_http(pb_loop *l);

bool http_busy(const http_state *s);
/* Waits at most wait_ms for transfers or for fds (revents are set), and moves the transfers on. */
void http_wait(http_state *s, struct pollfd *fds, uint32_t nfds, int wait_ms);
/* Calls back for every transfer that has ended. */
void http_deliver(http_state *s);
void http_state_free(http_state *s); /* drops what is under way, without callbacks */

/* ---- http_local.c: transfers answered in the process ---- */

typedef struct http_local http_local;
typedef struct http_locals { /* the loop's; all zero: none */
    pb_local_fn *fn;
    void *ctx;
    http_local *first; /* under way */
} http_locals;
http_locals *pb_loop_locals(pb_loop *l);
/* self: what pb_http_start gives; freed by `over` when the answer has been delivered. NULL: out of memory. */
http_local *http_local_start(pb_loop *l, const pb_http_request *q, pb_http_fn *fn, void *ctx, pb_http *self);
void http_local_cancel(http_local *h);
void http_local_over(pb_http *self); /* http.c: frees it */
void http_locals_free(http_locals *s);

#endif
