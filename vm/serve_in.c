/*
 * serve_in.c - events by POST: who may send them, what is an event, and into the store before the answer.
 *
 * A sender proves itself by a signature over the body and the time,
 *
 *     X-PB-Signature: t=UNIX,v1=HEX        HEX = HMAC-SHA256(secret, "UNIX." body)
 *
 * or by a token (`Authorization: Bearer TOKEN`, or `X-Api-Key: TOKEN` as an EventBridge API destination sends it). A
 * signature is good for five minutes and once: it is used up in the transaction that stores the events, so a request
 * that found the queue full may be sent again as it is. Without a secret or token nobody may send.
 *
 * A body is one event, a JSON list of them, or one after another (JSON lines); all of them are taken or none.
 */
#include "vm/serve_own.h"

#include "vm/events.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    WINDOW_S = 300,   /* between the sender's clock and ours, either way */
    BATCH_MAX = 1000, /* events of one request: one transaction, held in memory */
    HMAC_HEX = 64,
    TOGETHER_MAX = 64, /* requests of one transaction */
    SIGNATURES_MAX = 4 /* v1 values in one header: secrets are changed with the old one still good */
};

struct serve_in {
    const serve_world *world;
    serve_metrics *metrics;
    uint32_t queue_max;
    void (*added)(void *ctx);
    void *ctx;
    pb_str secret, token;
    struct arrival *arrived[TOGETHER_MAX];
    uint32_t narrived;
    pb_timer *flush;
};

/* A request whose events are to be stored. It lives in the request's arena. */
typedef struct arrival {
    serve_exchange *exchange;
    const serve_request *request;
    store_batch batch;
    bool again_is_well;
} arrival;

/* ---- secrets ---- */

/* What the site has, else the environment. */
static pb_str setting(pb_value site, const char *variable) {
    if (site.kind == PB_SECRET && site.n) return pb_text(site);
    const char *v = getenv(variable);
    return v ? pb_str_c(v) : PB_STR("");
}

serve_in *serve_in_new(const serve_world *w, serve_metrics *m, uint32_t queue_max, void (*added)(void *ctx), void *ctx,
                       pb_str *err) {
    enum { SHORTEST = 16 }; /* bytes; what can be guessed protects nothing */
    serve_in *in = pb_alloc(w->arena, sizeof *in);
    *err = PB_STR("out of memory");
    if (!in) return NULL;
    *in = (serve_in){.world = w,
                     .metrics = m,
                     .queue_max = queue_max,
                     .added = added,
                     .ctx = ctx,
                     .secret = setting(w->site->serve.events_secret, "PB_EVENTS_SECRET"),
                     .token = setting(w->site->serve.events_token, "PB_EVENTS_TOKEN")};
    bool is_short = (in->secret.n && in->secret.n < SHORTEST) || (in->token.n && in->token.n < SHORTEST);
    if (is_short)
        *err = pb_printf(w->arena,
                         "the events' secret or token is shorter than %d bytes and could be guessed; make a longer one "
                         "(openssl rand -hex 32)",
                         (int)SHORTEST);
    return is_short ? NULL : in;
}

bool serve_in_authenticated(const serve_in *in) { return in->secret.n || in->token.n; }

/* ---- who ---- */

typedef struct signature {
    int64_t t;
    pb_str t_text;
    pb_str v1[SIGNATURES_MAX];
    uint32_t n;
} signature;

/* "t=1700000000,v1=hex" in any order. */
static bool read_signature(pb_str h, signature *out) {
    *out = (signature){0};
    for (uint32_t at = 0; at < h.n;) {
        const char *p = h.s + at, *comma = memchr(p, ',', h.n - at);
        uint32_t n = comma ? (uint32_t)(comma - p) : h.n - at;
        at += n + 1;
        while (n && *p == ' ') p++, n--;
        if (n > 2 && n < 18 && memcmp(p, "t=", 2) == 0) {
            out->t_text = (pb_str){p + 2, n - 2};
            out->t = 0;
            for (uint32_t i = 2; i < n; i++) {
                if (p[i] < '0' || p[i] > '9') return false;
                out->t = out->t * 10 + (p[i] - '0');
            }
        } else if (n == 3 + HMAC_HEX && memcmp(p, "v1=", 3) == 0 && out->n < SIGNATURES_MAX) {
            out->v1[out->n++] = (pb_str){p + 3, HMAC_HEX};
        }
    }
    return out->t_text.n && out->n;
}

static bool hmac_hex(const serve_request *q, pb_str secret, const signature *g, char out[HMAC_HEX + 1]) {
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    pb_str text = pb_printf(q->arena, "%.*s.", PB_ARG(g->t_text));
    unsigned char *p = text.s ? pb_alloc(q->arena, (size_t)text.n + q->body.n) : NULL;
    if (!p) return false;
    memcpy(p, text.s, text.n);
    if (q->body.n) memcpy(p + text.n, q->body.s, q->body.n);
    bool ok = HMAC(EVP_sha256(), secret.s, (int)secret.n, p, (size_t)text.n + q->body.n, d, &n) && n == HMAC_HEX / 2;
    for (unsigned i = 0; ok && i < n; i++) snprintf(out + 2 * i, 3, "%02x", d[i]);
    OPENSSL_cleanse(d, sizeof d);
    return ok;
}

/* NULL: genuine, with the key that makes it single-use in *b. */
static const char *check_signature(const serve_in *in, const serve_request *q, pb_str header, serve_sender *b) {
    signature g;
    char want[HMAC_HEX + 1];
    bool same = false;
    if (!in->secret.n) return "signed, but no secret for signatures is configured here";
    if (!read_signature(header, &g)) return "X-PB-Signature is not of the form t=UNIX,v1=HEX";
    if (!hmac_hex(q, in->secret, &g, want)) return "the signature could not be checked: out of memory";
    for (uint32_t i = 0; i < g.n; i++) same |= serve_same(g.v1[i], (pb_str){want, HMAC_HEX});
    if (!same) return "the signature is not that of this body and time under our secret";
    int64_t now = q->now / 1000, off = g.t > now ? g.t - now : now - g.t;
    if (off > WINDOW_S) return "the signature is older than five minutes, or the clocks differ by that";
    b->once = pb_printf(q->arena, "signature:%s", want);
    b->until = (g.t + WINDOW_S) * 1000 + 1000;
    return b->once.s ? NULL : "out of memory";
}

static pb_str given_token(const serve_request *q) {
    pb_str bearer = serve_header(q, "Authorization");
    if (bearer.n > 7 && strncasecmp(bearer.s, "Bearer ", 7) == 0) return (pb_str){bearer.s + 7, bearer.n - 7};
    return serve_header(q, "X-Api-Key");
}

/* NULL: may send. */
static const char *check_sender(const serve_in *in, const serve_request *q, serve_sender *b) {
    pb_str signed_by = serve_header(q, "X-PB-Signature"), token = given_token(q);
    if (signed_by.n) return check_signature(in, q, signed_by, b);
    if (!token.n) return "neither X-PB-Signature nor a token was sent";
    if (!in->token.n) return "a token was sent, but none is configured here";
    return serve_same(token, in->token) ? NULL : "the token is not the one configured here";
}

/* ---- what ---- */

typedef struct batch_list {
    pb_str *texts;
    uint32_t n;
    pb_str error;
} batch_list;

static bool add_event(const serve_request *q, batch_list *l, pb_value v, uint32_t line) {
    pb_str why = {NULL, 0};
    if (l->n == BATCH_MAX)
        l->error = pb_printf(q->arena, "more than %d events in one request; send them in several", (int)BATCH_MAX);
    else if (v.kind != PB_MAP)
        l->error = pb_printf(q->arena, "event %u (line %u): not a JSON object", l->n + 1, line);
    else if (!events_envelope(v, q->arena, &why))
        l->error = pb_printf(q->arena, "event %u (line %u): %.*s", l->n + 1, line, PB_ARG(why));
    else if (!(l->texts[l->n] = pb_json_text(q->arena, v)).s)
        l->error = pb_printf(q->arena, "event %u (line %u) is too large", l->n + 1, line);
    else
        l->n++;
    return l->error.n == 0;
}

static bool read_list(const serve_request *q, batch_list *l, pb_str text) {
    pb_value all;
    if (!pb_json_parse(q->arena, text.s, text.n, &all, &l->error)) return false;
    for (uint32_t i = 0; i < all.n; i++)
        if (!add_event(q, l, all.u.items[i], 1)) return false;
    return true;
}

static bool read_documents(const serve_request *q, batch_list *l, pb_str text) {
    events *e = events_text(text.s, text.n);
    events_item item;
    events_result r = EVENTS_END;
    while (e && (r = events_next(e, q->arena, &item)) == EVENTS_ONE)
        if (!add_event(q, l, item.value, item.line)) break;
    if (!e) l->error = PB_STR("out of memory");
    if (e && r != EVENTS_ONE && r != EVENTS_END)
        l->error = pb_printf(q->arena, "event %u (line %u): %.*s", item.number, item.line, PB_ARG(item.error));
    events_close(e);
    return l->error.n == 0;
}

static bool read_events(const serve_request *q, batch_list *l, pb_str text) {
    l->texts = pb_alloc_array(q->arena, BATCH_MAX, sizeof *l->texts);
    l->error = l->texts ? PB_STR("") : PB_STR("out of memory");
    uint32_t i = 0;
    while (i < text.n && strchr(" \t\r\n", text.s[i])) i++;
    bool ok = l->texts && (i < text.n && text.s[i] == '[' ? read_list(q, l, text) : read_documents(q, l, text));
    if (ok && !l->n) l->error = PB_STR("the body holds no event");
    return ok && l->n;
}

/* ---- in ---- */

static void answer_taken(const arrival *n) {
    pb_str body = pb_printf(n->request->arena, "{\"accepted\":%u}", n->batch.n);
    serve_answer(n->exchange, &(serve_response){.status = 202, .body = body});
}

static void answer_refused(const serve_in *in, const arrival *n) {
    const serve_request *q = n->request;
    in->metrics->counts[n->batch.used ? COUNT_REPLAYED : COUNT_FULL]++;
    if (!n->batch.used)
        serve_answer_error(n->exchange, q, 429, "the queue is full: %u events are waiting at most; send it again later",
                           in->queue_max);
    else if (n->again_is_well)
        serve_answer(n->exchange, &(serve_response){.status = 200, .body = PB_STR("{\"accepted\":0}")});
    else
        serve_answer_error(n->exchange, q, 409, "this very request was taken before; nothing was added");
}

/* All that have come since the last turn of the loop go into the store together, with one fsync. */
static void flush(void *ctx) {
    serve_in *in = ctx;
    store_batch batches[TOGETHER_MAX];
    uint32_t n = in->narrived;
    bool any = false;
    in->flush = NULL;
    in->narrived = 0;
    for (uint32_t i = 0; i < n; i++) batches[i] = in->arrived[i]->batch;
    store_result r = store_events_add(in->world->store, batches, n, in->queue_max, pb_loop_wall_ms());
    if (r != STORE_OK)
        serve_log(in->world, "store_failed", "events could not be stored: %s", store_error(in->world->store));
    for (uint32_t i = 0; i < n; i++) {
        arrival *a = in->arrived[i]; /* gone once it is answered */
        a->batch = batches[i];
        if (r == STORE_OK && a->batch.result == STORE_OK) {
            in->metrics->counts[COUNT_ACCEPTED] += a->batch.n;
            any = true;
            answer_taken(a);
        } else if (r == STORE_OK) {
            answer_refused(in, a);
        } else {
            serve_answer_error(a->exchange, a->request, 503, "the event could not be stored; send it again later");
        }
    }
    if (any) in->added(in->ctx);
}

static void arrive(serve_in *in, arrival *a) {
    in->arrived[in->narrived++] = a;
    if (!in->flush) in->flush = pb_timer_start(in->world->loop, 0, flush, in);
    if (in->flush && in->narrived < TOGETHER_MAX) return;
    pb_timer_cancel(in->flush);
    flush(in);
}

void serve_in_take(serve_in *in, serve_exchange *x, const serve_request *q, const serve_sender *from, pb_str text) {
    batch_list l = {0};
    arrival *a = pb_alloc(q->arena, sizeof *a);
    if (!read_events(q, &l, text)) {
        in->metrics->counts[COUNT_MALFORMED]++;
        serve_log(in->world, "event_malformed", "from %.*s: %.*s", PB_ARG(q->peer), PB_ARG(l.error));
        serve_answer_error(x, q, 400, "%.*s", PB_ARG(l.error));
    } else if (!a) {
        serve_answer_error(x, q, 503, "out of memory");
    } else {
        *a = (arrival){
            x, q, {from->source, l.texts, l.n, from->once, from->until, STORE_ERROR, false, 0}, from->again_is_well};
        arrive(in, a);
    }
}

static void on_events(void *ctx, serve_exchange *x, const serve_request *q) {
    serve_in *in = ctx;
    serve_sender b = {.source = PB_STR("http")};
    if (!serve_in_authenticated(in)) {
        serve_log(in->world, "event_refused",
                  "from %.*s: no secret is configured: set serve { events_secret: ... } in the site, or "
                  "PB_EVENTS_SECRET or PB_EVENTS_TOKEN",
                  PB_ARG(q->peer));
        in->metrics->counts[COUNT_REFUSED]++;
        serve_answer_error(x, q, 403, "no events are taken here");
        return;
    }
    const char *why = check_sender(in, q, &b);
    if (!why) {
        serve_in_take(in, x, q, &b, q->body);
        return;
    }
    in->metrics->counts[COUNT_REFUSED]++;
    serve_log(in->world, "event_refused", "from %.*s: %s", PB_ARG(q->peer), why);
    serve_answer_error(x, q, 401, "%s", why);
}

bool serve_in_routes(serve_in *in, serve_http *h) {
    return serve_route_add(h, &(serve_route){"POST", "/events", on_events, in, 0});
}

void serve_in_end(serve_in *in) {
    if (!in) return;
    pb_timer_cancel(in->flush);
    if (in->narrived) flush(in);
}
