/*
 * loop.h - the one event loop: timers and HTTP transfers (libcurl multi), one thread.
 *
 * libcurl is opened (dlopen) at the first transfer: loading it and what it links costs more than a whole decision
 * on an event that matches nothing.
 */
#ifndef PB_LOOP_H
#define PB_LOOP_H

#include "lang/base.h"

typedef struct pb_loop pb_loop;
pb_loop *pb_loop_new(void);
void pb_loop_free(pb_loop *l); /* cancels everything that is left, without callbacks */
/* Waits for and delivers what happens next. False when nothing is under way any more. */
bool pb_loop_turn(pb_loop *l);
int64_t pb_loop_mono_ms(void);
int64_t pb_loop_wall_ms(void);

/* For tests: from now on the clocks of this process stand at that moment. They move by pb_clock_advance, and when a
 * loop has nothing to do but to wait for its next timer: then it is that late at once. Calling it again sets them back.
 */
void pb_clock_virtual(int64_t wall_ms);
void pb_clock_advance(int64_t ms);
/* Random bytes; of a process with virtual clocks the same ones in the same order. False: the system has none. */
bool pb_random(void *p, size_t n);

typedef struct pb_timer pb_timer;
typedef void pb_timer_fn(void *ctx);
pb_timer *pb_timer_start(pb_loop *l, int64_t ms, pb_timer_fn *fn, void *ctx); /* NULL: out of memory */
void pb_timer_cancel(pb_timer *t);                                            /* not after it has fired */

/* Calls fn whenever fd can be read (a signal pipe, a listening socket). A watch alone does not keep the loop going. */
typedef struct pb_watch pb_watch;
pb_watch *pb_watch_start(pb_loop *l, int fd, pb_timer_fn *fn, void *ctx); /* NULL: out of memory or too many */
void pb_watch_stop(pb_watch *w);

typedef struct pb_header {
    pb_str name, value;
} pb_header;

typedef struct pb_http_request {
    const char *method;
    const char *url;
    const pb_header *headers;
    uint32_t nheaders;
    pb_str body;         /* kept by the caller until done */
    int64_t timeout_ms;  /* the whole transfer, > 0 */
    int64_t connect_ms;  /* the connection, > 0 */
    size_t max_response; /* more is an error; > 0 */
    const char *ca_file; /* NULL: the system's */
    bool once;           /* never sent twice: not over a kept connection, whose death makes curl silently repeat it */
} pb_http_request;

typedef enum pb_http_error {
    HTTP_OK,
    HTTP_RESOLVE,
    HTTP_CONNECT,
    HTTP_TLS,
    HTTP_TIMEOUT,
    HTTP_CLOSED /* no or half an answer */,
    HTTP_TOO_LARGE,
    HTTP_PROTOCOL,
    HTTP_INTERNAL
} pb_http_error;

typedef struct pb_http_response {
    pb_http_error error;
    const char *message; /* of the error; never holds the URL's query or a header */
    bool sent;           /* the request may have reached the server */
    int status;
    const pb_header *headers; /* names in lower case */
    uint32_t nheaders;
    pb_str body; /* all of it valid during the callback only */
    int64_t elapsed_us;
} pb_http_response;
pb_str pb_http_header(const pb_http_response *r, const char *lower_name); /* empty when absent */

typedef struct pb_http pb_http;
typedef void pb_http_fn(void *ctx, const pb_http_response *r);
/* Starts a transfer; fn is called once, never before this returns. TLS is always verified; redirects are not followed;
 * only http and https. NULL: could not start (message in *err). */
pb_http *pb_http_start(pb_loop *l, const pb_http_request *q, pb_http_fn *fn, void *ctx, const char **err);
void pb_http_cancel(pb_http *h);

/* For tests: the transfers of a loop are answered in this process, whatever their address; no socket is opened. fn
 * fills *out (its texts may live in the arena, which is kept until the answer has been delivered). */
typedef struct pb_local_answer {
    pb_http_error error; /* HTTP_OK: the rest counts */
    const char *message; /* of the error */
    int status;
    const pb_header *headers; /* names in any case */
    uint32_t nheaders;
    pb_str body;
    int64_t delay_ms; /* it comes so much later */
    bool never;       /* it never comes: the loop goes on without it */
} pb_local_answer;
typedef void pb_local_fn(void *ctx, const pb_http_request *q, pb_arena *a, pb_local_answer *out);
void pb_loop_local(pb_loop *l, pb_local_fn *fn, void *ctx);

#endif
