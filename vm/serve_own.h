/*
 * serve_own.h - what the server's own parts know of each other: the HTTP side's life, the intake, numbers. Parts that
 * only have routes need serve.h alone.
 */
#ifndef PB_SERVE_OWN_H
#define PB_SERVE_OWN_H

#include "vm/serve.h"

/* ---- serve_http.c ---- */

/* Listens on "127.0.0.1:8080" ("[::1]:0": any free port). NULL with a sentence in *err. */
serve_http *serve_http_new(const serve_world *w, const char *address, pb_str *err);
/* Nothing is answered before this. */
bool serve_http_start(serve_http *h, pb_str *err);
const char *serve_http_url(const serve_http *h); /* "http://127.0.0.1:8080" */
/* No new connections; requests that come over those there are get 503. */
void serve_http_quiesce(serve_http *h);
uint32_t serve_http_open(const serve_http *h); /* requests that wait for their answer */
void serve_http_free(serve_http *h);
/* Is this address of the machine itself? False, too, for what is no address. */
bool serve_is_loopback(const char *address);

/* ---- serve_metrics.c: numbers, and the two pages that show them ---- */

typedef enum serve_count {
    COUNT_ACCEPTED,  /* events taken in */
    COUNT_HANDLED,   /* ... whose runs have all begun */
    COUNT_GIVEN_UP,  /* ... that can never be handled */
    COUNT_REFUSED,   /* requests with events: no or bad authentication */
    COUNT_REPLAYED,  /* ... taken before */
    COUNT_MALFORMED, /* ... that hold no event */
    COUNT_FULL,      /* ... while the queue was full */
    COUNT_REQUESTS,  /* answers of any kind */
    COUNT_RESUMED,   /* runs taken up again */
    COUNT_N
} serve_count;

enum { SERVE_BUCKETS = 12 };
typedef struct serve_histogram {
    uint64_t buckets[SERVE_BUCKETS]; /* each of what is not more than its bound and above the one before */
    uint64_t count;
    double sum;
} serve_histogram;

typedef struct serve_metrics {
    uint64_t counts[COUNT_N];
    uint64_t outcomes[VM_DENIED + 1];
    serve_histogram commits;     /* of the journal, seconds */
    serve_histogram first_step;  /* seconds from an event's coming to the begin of its run's first step */
    const serve_world *world;
    int64_t turned_at;           /* monotonic: when the loop last looked after the queue */
    int64_t written_at;          /* ... and the store was last proved to be writable */
    bool writable, stopping;
} serve_metrics;

void serve_observe(void *histogram, double seconds);
bool serve_metrics_routes(serve_metrics *m, serve_http *h);

/* ---- serve_in.c: events by POST ---- */

typedef struct serve_in serve_in;
/* queue_max: so many events may wait. added: told when there are new ones. NULL with *err. */
serve_in *serve_in_new(const serve_world *w, serve_metrics *m, uint32_t queue_max, void (*added)(void *ctx), void *ctx,
                       pb_str *err);
bool serve_in_routes(serve_in *in, serve_http *h);
bool serve_in_authenticated(const serve_in *in); /* is any secret configured? */
void serve_in_end(serve_in *in); /* what has come is stored and answered */

/* Who has vouched for a text with events, and how it is answered. serve_sns.c uses it too. */
typedef struct serve_sender {
    pb_str source;
    pb_str once;  /* a key that may be used once; empty: none */
    int64_t until;
    bool again_is_well; /* taken before: 200, nothing is added (who sends until it is answered) */
} serve_sender;
/* Reads, checks and stores the events of a text (one, a list, or one after another), and gives the answer. */
void serve_in_take(serve_in *in, serve_exchange *x, const serve_request *q, const serve_sender *from, pb_str text);

/* ---- serve_sns.c: events out of SNS topics ---- */

/* Fetches an https URL and tells what came, once and later. NULL: not begun, why in *err. Tests bring another. */
typedef void sns_fetched(void *ctx, const pb_http_response *r);
typedef void *sns_fetch(pb_loop *l, const char *url, sns_fetched *fn, void *ctx, const char **err);

typedef struct serve_sns serve_sns;
/* NULL with *err. Without topics nothing is taken. */
serve_sns *serve_sns_new(const serve_world *w, serve_in *in, sns_fetch *fetch, pb_str *err);
bool serve_sns_routes(serve_sns *s, serve_http *h);
void serve_sns_free(serve_sns *s); /* after the last answer */
void *serve_sns_fetch(pb_loop *l, const char *url, sns_fetched *fn, void *ctx, const char **err);
bool serve_sns_configured(const serve_sns *s);

#endif
