/*
 * serve.h - what the parts of `pbrun serve` share: HTTP requests and answers, routes, and the world they live in.
 *
 *     cmd_serve.c      the command: set-up, the loop over events and due runs, stopping
 *     serve_http.c     HTTP: connections, limits, routes, answers
 *     serve_in.c       POST /events: who may send, what is an event
 *     serve_sns.c      POST /sns
 *     serve_metrics.c  GET /metrics and /healthz
 *
 * A part registers its routes with serve_route_add. A handler gets each request whole, and gives one answer by
 * serve_answer, at once or later (everything is on the engine's one thread; nothing in a handler may wait). The
 * request, its arena and the exchange live until the answer is given, also when the sender has gone meanwhile.
 */
#ifndef PB_SERVE_H
#define PB_SERVE_H

#include "vm/loop.h"
#include "vm/site.h"
#include "vm/store.h"

enum {
    SERVE_MAX_BODY = 1 << 20, /* of a request, where a route says no other: an event has at most 256 KB */
    SERVE_ROUTES_MAX = 32
};

typedef struct serve_request {
    const char *method;        /* "GET" "POST" ...; HEAD comes as GET */
    pb_str path, query;        /* as received: not decoded; query without the '?' */
    pb_str rest;               /* of the path, behind the route's prefix */
    const pb_header *headers;  /* names as received */
    uint32_t nheaders;
    pb_str body;
    pb_str peer;               /* the sender's address; behind a proxy on this machine what X-Forwarded-For says */
    pb_arena *arena;           /* lives as long as the request; for the answer too */
    int64_t now;               /* wall clock, ms */
} serve_request;

typedef struct serve_response {
    int status;
    const char *type; /* of the body; NULL: application/json */
    pb_str body;      /* copied */
    const pb_header *headers; /* copied. Every answer has security headers; one of the same name replaces ours */
    uint32_t nheaders;
    bool refused; /* the sender did not prove who it is: after too many it is not heard for a while */
} serve_response;

typedef struct serve_exchange serve_exchange; /* a request that waits for its answer */
void serve_answer(serve_exchange *x, const serve_response *r); /* exactly once */
/* {"error": sentence}; refused by status 401 and 403. */
void serve_answer_error(serve_exchange *x, const serve_request *q, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

typedef void serve_handler(void *ctx, serve_exchange *x, const serve_request *q);
typedef struct serve_route {
    const char *method; /* "GET", "POST" */
    const char *path;   /* "/events"; one that ends with "/" stands for all that begin so ("/approve/") */
    serve_handler *fn;
    void *ctx;
    size_t max_body; /* 0: SERVE_MAX_BODY */
} serve_route;

typedef struct serve_http serve_http;
/* False: too many routes. */
bool serve_route_add(serve_http *h, const serve_route *r);

/* Where handlers live. */
typedef struct serve_world {
    pb_loop *loop;
    store *store;
    const pb_site *site; /* never NULL: an empty one where no program has a site */
    pb_str url;          /* as people reach it, without a slash at the end: site serve.url, else http://ADDRESS:PORT */
    const struct pb_host_provider *providers; /* to send messages with: slack */
    size_t nproviders;
    pb_arena *arena; /* as long as the server */
    bool json;       /* the log's form */
    void (*look)(void *ctx); /* runs may have become due (a decision was written): they are taken up at once */
    void *look_ctx;
} serve_world;

/* Parts written by others are named in cmd_serve.c's table of parts. begin may keep w; *part is given to end. False
 * with a sentence in *err: the server does not start. */
typedef struct serve_part {
    const char *name;
    bool (*begin)(const serve_world *w, serve_http *h, void **part, pb_str *err);
    void (*end)(void *part); /* may be NULL; after the last answer */
} serve_part;

/* ---- reading requests ---- */

/* A header's value, whatever its name's case; empty: there is none. */
pb_str serve_header(const serve_request *q, const char *name);
/* A field of a query or of a form (application/x-www-form-urlencoded), decoded. .s NULL: not there or broken. */
pb_str serve_field(pb_str form, const char *name, pb_arena *a);
/* Without telling by its time where they differ. */
bool serve_same(pb_str a, pb_str b);
/* One line to standard error: text, or JSON with --json. kind: "event_refused"; the rest is for people, no secrets. */
void serve_log(const serve_world *w, const char *kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with members of its own (a map), which are not empty or none. Only for JSON. */
void serve_log_value(const serve_world *w, const char *kind, pb_value members);

#endif
