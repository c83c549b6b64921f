/*
 * client.c - the life of one AWS call.
 *
 *     start → write the request once (so that its idempotency token stays the same) → attempt
 *     attempt: address, sign, send → answer
 *     answer: a value → done;  an error → done, or attempt again: after a pause (throttling, 5xx, lost connection),
 *             at once with a corrected clock, or at once in the region where S3 says the bucket is
 *
 * Time: a connection gets 3 s, a try 20 s, and all of it ends at the call's deadline; a pause that would reach past the
 * deadline is not begun, because the reason known now is worth more than a timeout later.
 *
 * Memory: what belongs to tries lives in an arena of the call's own, which goes with it; only the result is put
 * into the caller's.
 */
#include "stdlib/aws/client.h"

#include "stdlib/aws/credentials.h"
#include "stdlib/aws/endpoint.h"
#include "stdlib/aws/rate.h"
#include "stdlib/aws/retry.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef PB_VERSION
#define PB_VERSION "0"
#endif

enum {
    CONNECT_MS = 3000,
    TRY_MS = 20000,
    RESPONSE_MAX = 64 << 20, /* a page of any API is far below; S3 objects of evidence size fit */
    SCRATCH_MAX = 192 << 20, /* request, answer and its reading, for the largest answer */
    TRANSPORT_TRIES = 4,     /* a host that cannot be reached four times will not be there in a minute */
    TLS_TRIES = 2,           /* a handshake cut off may pass; a bad certificate stays bad */
    TRIES_MAX = 20,          /* AWS_MAX_ATTEMPTS beyond that is taken as that */
    SETTINGS_MAX = 16 << 20, /* two files of 1 MiB and what is made of them */
    MESSAGE_MAX = 2000, /* EC2's encoded authorization failures are long and of use to nobody here */
    RETRY_AFTER_MAX_S = 60,
    SKEW_WORTH_MS = 60 * 1000, /* AWS allows five minutes at least; below a minute the clock is not the cause */
    TRY_LEAST_MS = 100,        /* a try with less time has no chance, and its timeout would hide the reason known now */
    MARGIN_MS = 20,            /* we give up that much before the deadline: our error says more than "timeout" */
    HEADERS_ROOM = SIGV4_HEADERS_MAX + 1,
    REGION_MAX = 32 /* a longer name shares the rate of those that begin like it */
};

/* Retry mode "adaptive": one rate a service and region. */
typedef struct service_rate {
    struct service_rate *next;
    aws_service service;
    aws_rate rate;
    char region[REGION_MAX];
} service_rate;

struct aws_client {
    const aws_model *model;
    aws_budget budget; /* of retries, for all calls */
    service_rate *rates;
    pb_arena *settings_arena;
    const aws_settings *settings;
    aws_credentials *credentials;
    sigv4_keys *keys;
    int64_t skew_ms; /* AWS's clock minus ours */
};

typedef struct retry_note {
    pb_str code;
    int64_t delay_ms;
} retry_note;

struct aws_call {
    aws_client *client;
    pb_loop *loop;
    pb_arena *scratch;
    aws_call_spec spec;
    aws_done_fn *done;
    void *ctx;
    aws_service service;
    aws_service_info info;
    pb_str operation;
    pb_str region, bucket; /* region: empty for the default, or where S3 sent us */
    aws_request request;
    aws_address address;
    pb_str payload_hash;
    aws_retry_policy policy;
    aws_rate *rate; /* NULL: not limited */
    int taken;      /* from the budget, for the last retry */
    bool admitted;  /* the next try has its place in the rate */
    bool conflict;  /* an item of a partial failure is one */
    bool starved;   /* would have been tried again, but the budget is used up */
    bool repeatable, reclocked, redirected;
    bool rekeyed;
    pb_str access_key; /* that the last try was signed with */
    aws_keys_wait *wait;
    int tries, status;
    pb_str request_id;
    retry_note retries[TRIES_MAX];
    int nretries;
    pb_http *http;
    pb_timer *timer;
};

/* ---- the client ---- */

aws_client *aws_client_new(void) {
    aws_client *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->model = aws_model_get();
    c->credentials = aws_credentials_new(c);
    c->keys = sigv4_keys_new();
    if (c->credentials && c->keys) return c;
    aws_client_free(c);
    return NULL;
}

void aws_client_free(aws_client *c) {
    if (!c) return;
    for (service_rate *r = c->rates, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    aws_credentials_free(c->credentials);
    sigv4_keys_free(c->keys);
    pb_arena_wipe(c->settings_arena);
    free(c);
}

const aws_settings *aws_client_settings(aws_client *c) {
    if (c->settings) return c->settings;
    pb_arena_wipe(c->settings_arena);
    c->settings_arena = pb_arena_new(SETTINGS_MAX);
    if (c->settings_arena) c->settings = aws_settings_read(c->settings_arena);
    return c->settings;
}

/* ---- the end of a call ---- */

static void add_retries(const aws_call *c, pb_arena *a, pb_map_builder *m) {
    pb_value *items;
    if (c->nretries == 0) return;
    pb_value list = pb_list_new(a, (uint32_t)c->nretries, &items);
    if (list.kind != PB_LIST) return;
    for (int i = 0; i < c->nretries; i++) {
        pb_map_builder one = {.arena = a};
        pb_map_add(&one, PB_STR("code"), pb_string(pb_strdup(a, c->retries[i].code.s, c->retries[i].code.n)));
        pb_map_add(&one, PB_STR("delay_ms"), pb_int(c->retries[i].delay_ms));
        items[i] = pb_map_done(&one);
    }
    pb_map_add(m, PB_STR("retries"), list);
}

static pb_value meta_of(const aws_call *c) {
    pb_arena *a = c->spec.arena;
    pb_map_builder m = {.arena = a};
    pb_str region = c->address.signing_region;
    pb_map_add(&m, PB_STR("operation"),
               pb_string(pb_printf(a, "%.*s.%.*s", PB_ARG(c->info.name), PB_ARG(c->operation))));
    if (region.n) pb_map_add(&m, PB_STR("region"), pb_string(pb_strdup(a, region.s, region.n)));
    pb_map_add(&m, PB_STR("attempts"), pb_int(c->tries));
    if (c->status) pb_map_add(&m, PB_STR("http_status"), pb_int(c->status));
    if (c->request_id.n)
        pb_map_add(&m, PB_STR("request_id"), pb_string(pb_strdup(a, c->request_id.s, c->request_id.n)));
    if (c->http && aws_op_effect(c->client->model, c->spec.op) > PB_READ)
        pb_map_add(&m, PB_STR("outcome"), pb_string(PB_STR("unknown"))); /* cut off with a request under way */
    add_retries(c, a, &m);
    return pb_map_done(&m);
}

static void call_free(aws_call *c) {
    if (c->http) pb_http_cancel(c->http);
    if (c->timer) pb_timer_cancel(c->timer);
    aws_credentials_unwait(c->wait);
    pb_arena_wipe(c->scratch); /* c itself lives in it; answers and requests may hold secrets */
}

static void call_end(aws_call *c, aws_outcome *o) {
    aws_done_fn *done = c->done;
    void *ctx = c->ctx;
    o->meta = meta_of(c);
    call_free(c);
    done(ctx, o);
}

static void succeed(aws_call *c, pb_value value) {
    aws_outcome o = {.ok = true, .value = value};
    aws_budget_give(&c->client->budget, c->taken ? c->taken : AWS_SUCCESS_GIVES);
    call_end(c, &o);
}

/* Text from outside on its way into messages: cut, and without line ends and other control characters. */
static pb_str tame(pb_arena *a, pb_str s) {
    uint32_t n = s.n < MESSAGE_MAX ? s.n : MESSAGE_MAX;
    while (n < s.n && n > 0 && ((unsigned char)s.s[n] & 0xC0) == 0x80) n--; /* not inside a character */
    pb_str r = pb_strdup(a, s.s ? s.s : "", n);
    char *p = (char *)(uintptr_t)r.s;
    for (uint32_t i = 0; p && i < r.n; i++)
        if ((unsigned char)p[i] < ' ' || p[i] == 0x7f) p[i] = ' ';
    return r;
}

/* Ends the call with an error; message is what comes after "ec2.DescribeInstances: ". */
static void fail(aws_call *c, pb_str code, pb_str message) {
    pb_arena *a = c->spec.arena;
    aws_outcome o = {.ok = false, .code = tame(a, code)};
    const char *many = c->tries > 1 ? " after several tries" : "";
    const char *starved = c->starved ? "; it is not tried again, because too many calls fail: the budget of retries that "
                                       "all calls share is used up"
                                     : "";
    o.message = pb_printf(a, "%.*s.%.*s%s: %.*s%s", PB_ARG(c->info.name), PB_ARG(c->operation), many, PB_ARG(message),
                          starved);
    o.status = c->status;
    o.conflict = c->conflict || aws_is_conflict(c->info.name, code);
    o.throttled = c->status && aws_failure_of(c->status, code) == AWS_FAIL_THROTTLED;
    if (!o.code.s) o.code = PB_STR("memory");
    if (!o.message.s) o.message = PB_STR("out of memory for the error's message");
    call_end(c, &o);
}

static void fail_c(aws_call *c, const char *code, const char *message) { fail(c, pb_str_c(code), pb_str_c(message)); }

/* ---- trying again ---- */

static void attempt(aws_call *c);

static void on_timer(void *ctx) {
    aws_call *c = ctx;
    c->timer = NULL;
    attempt(c);
}

static uint64_t random_bits(void) {
    uint64_t r = 0;
    if (!pb_random(&r, sizeof r)) r = (uint64_t)pb_loop_mono_ms() * 2654435761u;
    return r;
}

/* Waits and tries again; false when the tries, the time or the budget are used up. */
static bool again(aws_call *c, pb_str code, int max_tries, int64_t at_least_ms) {
    int limit = max_tries < c->policy.tries ? max_tries : c->policy.tries;
    int64_t delay = aws_retry_delay(&c->policy, c->tries, random_bits());
    if (delay < at_least_ms) delay = at_least_ms;
    int64_t left = c->spec.deadline_ms - MARGIN_MS - pb_loop_mono_ms();
    if (c->tries >= limit || delay > left - TRY_LEAST_MS) return false;
    int cost = pb_str_is(code, "timeout") ? AWS_TIMEOUT_COST : AWS_RETRY_COST;
    c->starved = !aws_budget_take(&c->client->budget, cost);
    if (c->starved) return false;
    c->taken = cost;
    c->timer = pb_timer_start(c->loop, delay, on_timer, c);
    if (!c->timer) return false;
    if (c->nretries < TRIES_MAX) c->retries[c->nretries++] = (retry_note){pb_strdup(c->scratch, code.s, code.n), delay};
    return true;
}

static void outcome_unknown(aws_call *c, const char *what) {
    fail(c, PB_STR("outcome_unknown"),
         pb_printf(c->spec.arena,
                   "%s; the request was sent but its answer was lost: it may or may not have been carried "
                   "out, and sending it again could do it twice. Look at the account before you repeat it",
                   what));
}

/* ---- answers that did not come ---- */

static const char *transport_code(pb_http_error e) {
    switch (e) {
    case HTTP_TIMEOUT: return "timeout";
    case HTTP_TLS: return "tls_failed";
    case HTTP_TOO_LARGE: return "response_too_large";
    case HTTP_PROTOCOL: return "InvalidResponse";
    case HTTP_INTERNAL: return "internal";
    default: return "connection_failed";
    }
}

static int transport_tries(pb_http_error e) {
    switch (e) {
    case HTTP_RESOLVE:
    case HTTP_CONNECT:
    case HTTP_TIMEOUT:
    case HTTP_CLOSED: return TRANSPORT_TRIES;
    case HTTP_TLS: return TLS_TRIES;
    default: return 0;
    }
}

static void no_answer(aws_call *c, const pb_http_response *r) {
    bool lost = r->sent && (r->error == HTTP_TIMEOUT || r->error == HTTP_CLOSED || r->error == HTTP_PROTOCOL ||
                            r->error == HTTP_TOO_LARGE);
    c->status = 0;
    if (lost && !c->repeatable) {
        outcome_unknown(c, r->message);
        return;
    }
    const char *code = transport_code(r->error);
    if (again(c, pb_str_c(code), transport_tries(r->error), 0)) return;
    fail_c(c, code, r->message);
}

/* ---- answers that are errors ---- */

static bool http_date(pb_str s, int64_t *ms) {
    struct tm tm = {0};
    char z[64];
    if (s.n == 0 || s.n >= sizeof z) return false;
    memcpy(z, s.s, s.n);
    z[s.n] = 0;
    if (!strptime(z, "%a, %d %b %Y %H:%M:%S GMT", &tm)) return false;
    *ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

/* Our clock is off: sets it by the answer's and tries again, once. */
static bool reclock(aws_call *c, const pb_http_response *r) {
    int64_t theirs;
    if (c->reclocked || !http_date(pb_http_header(r, "date"), &theirs)) return false;
    int64_t skew = theirs - pb_loop_wall_ms(), change = skew - c->client->skew_ms;
    if (change < SKEW_WORTH_MS && change > -SKEW_WORTH_MS) return false;
    c->client->skew_ms = skew;
    c->reclocked = true;
    if (c->nretries < TRIES_MAX) c->retries[c->nretries++] = (retry_note){PB_STR("clock_corrected"), 0};
    attempt(c);
    return true;
}

/* S3 says that the bucket is in another region: goes there, once. */
static bool redirect(aws_call *c, const pb_http_response *r) {
    pb_str region = pb_http_header(r, "x-amz-bucket-region");
    if (c->redirected || !c->bucket.n || !aws_region_ok(region) || pb_str_eq(region, c->address.signing_region))
        return false;
    c->redirected = true;
    c->region = pb_strdup(c->scratch, region.s, region.n);
    if (!c->region.s) return false;
    if (c->nretries < TRIES_MAX) c->retries[c->nretries++] = (retry_note){PB_STR("redirected"), 0};
    attempt(c);
    return true;
}

/* The credentials have ended before we thought so, or were ended by somebody: gets others and tries again, once. */
static bool rekey(aws_call *c) {
    if (c->rekeyed || c->spec.keys || !aws_credentials_expired(c->client->credentials, c->access_key)) return false;
    c->rekeyed = true;
    if (c->nretries < TRIES_MAX) c->retries[c->nretries++] = (retry_note){PB_STR("credentials_renewed"), 0};
    attempt(c);
    return true;
}

static int64_t retry_after_ms(const pb_http_response *r) {
    pb_str v = pb_http_header(r, "retry-after");
    int64_t s = 0;
    if (v.n == 0 || v.n > 4) return 0;
    for (uint32_t i = 0; i < v.n; i++) {
        if (v.s[i] < '0' || v.s[i] > '9') return 0;
        s = s * 10 + (v.s[i] - '0');
    }
    return (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

static void fail_aws(aws_call *c, const aws_error *e, aws_failure f) {
    pb_arena *a = c->spec.arena;
    pb_str m = tame(a, e->message);
    pb_str id = c->request_id.n ? pb_printf(a, ", request id %.*s", PB_ARG(c->request_id)) : (pb_str){"", 0};
    while (m.n && (m.s[m.n - 1] == '.' || m.s[m.n - 1] == ' ')) m.n--;
    if (m.n == 0) m = tame(a, e->code);
    const char *doubt = !c->repeatable && pb_str_is(e->code, "InvalidResponse")
                            ? "; whether it was carried out is not known: look before you repeat it"
                            : "";
    fail(c, e->code,
         pb_printf(a, "%.*s (HTTP %d%.*s)%s%s", PB_ARG(m), c->status, PB_ARG(id), aws_failure_cure(f), doubt));
}

static void answer_failed(aws_call *c, const pb_http_response *r, const aws_error *e) {
    aws_failure f = aws_failure_of(r->status, e->code);
    if (c->rate) aws_rate_answer(c->rate, pb_loop_mono_ms(), f == AWS_FAIL_THROTTLED);
    if (redirect(c, r)) return;
    if (f == AWS_FAIL_CLOCK && reclock(c, r)) return;
    if (f == AWS_FAIL_EXPIRED && rekey(c)) return;
    if (f == AWS_FAIL_LOST && !c->repeatable) {
        outcome_unknown(c, r->status == 504 ? "a gateway gave up waiting (HTTP 504)"
                                            : "a gateway lost the answer (HTTP 502)");
        return;
    }
    bool retry = f == AWS_FAIL_THROTTLED || f == AWS_FAIL_SERVER || f == AWS_FAIL_LOST;
    if (retry && again(c, e->code, TRIES_MAX, retry_after_ms(r))) return;
    fail_aws(c, e, f);
}

/* ---- answers ---- */

static bool partly_failed(aws_call *c, pb_value value) {
    pb_str code = {"", 0}, message = {"", 0};
    uint32_t n;
    if (aws_op_effect(c->client->model, c->spec.op) <= PB_READ) return false;
    if (!aws_partial_failure(c->info.name, c->operation, &value, &code, &message, &n)) return false;
    pb_arena *a = c->spec.arena;
    pb_str m = tame(a, message);
    c->conflict = aws_is_conflict(c->info.name, code);
    fail(c, PB_STR("PartialFailure"),
         pb_printf(a, "AWS carried the request out in part: %u item%s failed, the first with %.*s%s%.*s", n,
                   n == 1 ? "" : "s", code.n ? (int)code.n : 13, code.n ? code.s : "no code given", m.n ? ": " : "",
                   PB_ARG(m)));
    return true;
}

static void answered(void *ctx, const pb_http_response *r) {
    aws_call *c = ctx;
    aws_error e = {0};
    pb_value value = PB_NONE_VALUE;
    pb_str id = {NULL, 0};
    c->http = NULL;
    if (r->error != HTTP_OK) {
        no_answer(c, r);
        return;
    }
    c->status = r->status;
    pb_arena *a = r->status >= 200 && r->status < 300 ? c->spec.arena : c->scratch;
    bool ok = aws_response_read(a, c->client->model, c->spec.op, r->status, r->headers, r->nheaders, r->body, &value,
                                &id, &e);
    if (!ok && e.request_id.n) id = e.request_id;
    c->request_id = id.n ? tame(c->scratch, id) : (pb_str){"", 0};
    if (!ok) {
        answer_failed(c, r, &e);
        return;
    }
    if (c->rate) aws_rate_answer(c->rate, pb_loop_mono_ms(), false);
    if (!partly_failed(c, value)) succeed(c, value);
}

/* ---- sending ---- */

static void keys_came(void *ctx, pb_str why) {
    aws_call *c = ctx;
    c->wait = NULL;
    if (why.n)
        fail(c, PB_STR("credentials"), why);
    else
        attempt(c);
}

/* False: not now. The call goes on when they come, or has ended. */
static bool find_keys(aws_call *c, sigv4_credentials *keys) {
    aws_credentials *k = c->client->credentials;
    pb_str why;
    if (c->spec.keys) {
        *keys = *c->spec.keys;
        return true;
    }
    aws_keys state = aws_credentials_get(k, keys, &why);
    if (state == AWS_KEYS_READY) {
        c->access_key = pb_strdup(c->scratch, keys->access_key.s, keys->access_key.n);
        return true;
    }
    if (state == AWS_KEYS_FAILED) {
        fail(c, PB_STR("credentials"), why);
        return false;
    }
    c->wait = aws_credentials_wait(k, c->loop, c->spec.deadline_ms - MARGIN_MS, keys_came, c);
    if (!c->wait) fail_c(c, "memory", "out of memory");
    return false;
}

static bool sign(aws_call *c, pb_header *h, uint32_t *n) {
    aws_client *k = c->client;
    aws_auth auth = aws_op_auth(k->model, c->spec.op);
    sigv4_credentials keys;
    uint32_t added;
    if (auth == AWS_AUTH_NONE) return true;
    if (!find_keys(c, &keys)) return false;
    if (!c->payload_hash.n)
        c->payload_hash = auth == AWS_AUTH_UNSIGNED_BODY
                              ? PB_STR("UNSIGNED-PAYLOAD")
                              : sigv4_sha256_hex(c->scratch, c->request.body.s, c->request.body.n);
    sigv4_request q = {.method = c->request.method,
                       .host = c->address.host,
                       .path = c->address.path,
                       .query = c->request.query,
                       .headers = h,
                       .nheaders = *n,
                       .body = c->request.body,
                       .payload_hash = c->payload_hash,
                       .region = c->address.signing_region,
                       .service = c->info.signing_name,
                       .time_ms = pb_loop_wall_ms() + k->skew_ms};
    if (!sigv4_sign(c->scratch, k->keys, &q, &keys, h + *n, &added)) {
        fail_c(c, "memory", "the request could not be signed: out of memory");
        return false;
    }
    *n += added;
    return true;
}

static bool address(aws_call *c) {
    pb_str code = {0}, message = {0};
    aws_target t = {.settings = c->client->settings,
                    .service = c->service,
                    .region = c->region,
                    .bucket = c->bucket,
                    .request = &c->request};
    if (aws_address_of(c->scratch, c->client->model, &t, &c->address, &code, &message)) return true;
    fail(c, code, message.s ? message : PB_STR("out of memory"));
    return false;
}

/* The rate of the call's service and region; NULL: no limit (or no memory for one). */
static aws_rate *rate_of(const aws_call *c) {
    aws_client *k = c->client;
    pb_str region = c->address.signing_region;
    uint32_t n = region.n < REGION_MAX - 1 ? region.n : REGION_MAX - 1;
    if (k->settings->retry_mode != AWS_RETRY_ADAPTIVE) return NULL;
    for (service_rate *r = k->rates; r; r = r->next)
        if (r->service == c->service && strlen(r->region) == n && memcmp(r->region, region.s, n) == 0) return &r->rate;
    service_rate *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->service = c->service;
    if (n) memcpy(r->region, region.s, n);
    r->next = k->rates;
    k->rates = r;
    return &r->rate;
}

/* False: not now. The call goes on when its place has come, or has ended. */
static bool admit(aws_call *c) {
    if (c->admitted) return true;
    c->rate = rate_of(c);
    int64_t now = pb_loop_mono_ms(), ms = c->rate ? aws_rate_take(c->rate, now) : 0;
    if (ms >= c->spec.deadline_ms - MARGIN_MS - now && ms > 0) {
        aws_rate_untake(c->rate);
        fail_c(c, "rate_limited", "AWS throttles this service, and at the rate it takes (AWS_RETRY_MODE is adaptive) the "
                                  "request could not be sent within its time");
        return false;
    }
    c->admitted = true;
    if (ms == 0) return true;
    c->timer = pb_timer_start(c->loop, ms, on_timer, c);
    if (!c->timer) fail_c(c, "memory", "out of memory");
    return false;
}

static void attempt(aws_call *c) {
    uint32_t n = c->request.nheaders;
    int64_t left = c->spec.deadline_ms - MARGIN_MS - pb_loop_mono_ms();
    const char *err = "out of memory";
    pb_str ca = c->client->settings->ca_bundle;
    if (!address(c) || !admit(c)) return;
    pb_header *h = pb_alloc_array(c->scratch, (size_t)n + HEADERS_ROOM, sizeof *h);
    if (!h) {
        fail_c(c, "memory", "out of memory");
        return;
    }
    if (n) memcpy(h, c->request.headers, n * sizeof *h);
    if (!sign(c, h, &n)) return;
    h[n++] = (pb_header){PB_STR("User-Agent"), PB_STR("pbrun/" PB_VERSION)};
    pb_http_request q = {.method = c->request.method,
                         .url = c->address.url.s,
                         .headers = h,
                         .nheaders = n,
                         .body = c->request.body,
                         .timeout_ms = left < TRY_MS ? left : TRY_MS,
                         .connect_ms = CONNECT_MS,
                         .max_response = RESPONSE_MAX,
                         .ca_file = ca.n ? ca.s : NULL,
                         .once = !c->repeatable};
    if (q.timeout_ms < 1) q.timeout_ms = 1;
    c->tries++;
    c->admitted = false;
    c->http = pb_http_start(c->loop, &q, answered, c, &err);
    if (!c->http) fail_c(c, "internal", err);
}

/* ---- starting ---- */

/* A token in the form of a random UUID, which every service takes; from the seed, so that a repeated step says it
 * again. */
static pb_str token_of(const aws_call *c, pb_str member) {
    unsigned char d[SHA256_DIGEST_LENGTH];
    pb_arena *a = c->scratch;
    pb_str all = pb_printf(a, "%.*s\n%.*s.%.*s\n%.*s", PB_ARG(c->spec.token_seed), PB_ARG(c->info.name),
                           PB_ARG(c->operation), PB_ARG(member));
    if (!all.s) return all;
    SHA256((const unsigned char *)all.s, all.n, d);
    d[6] = (unsigned char)((d[6] & 0x0f) | 0x40);
    d[8] = (unsigned char)((d[8] & 0x3f) | 0x80);
    return pb_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2], d[3],
                     d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/* The input with the idempotency tokens it lacks. *has: the operation has one. False: out of memory. */
static bool fill_tokens(const aws_call *c, pb_value *input, bool *has) {
    const pb_schema *s = aws_schema();
    schema_operation op;
    schema_member m;
    pb_map_builder b = {.arena = c->scratch};
    bool begun = false;
    *has = false;
    if (!s->operation_find(s->ctx, c->service, c->operation, &op) || !op.input) return true;
    for (uint32_t i = 0; s->member_at(s->ctx, op.input, i, &m); i++) {
        if (!m.idempotency_token) continue;
        *has = true;
        if (pb_get(*input, m.name).kind != PB_NONE) continue;
        pb_str token = token_of(c, m.name);
        if (!token.s) return false;
        for (uint32_t k = 0; !begun && input->kind == PB_MAP && k < input->n; k++)
            pb_map_add(&b, input->u.entries[k].key, input->u.entries[k].value);
        begun = true;
        pb_map_add(&b, m.name, pb_string(token));
    }
    if (begun) *input = pb_map_done(&b);
    return !b.oom;
}

static bool prepare(aws_call *c) {
    aws_error e = {0};
    pb_value input = c->spec.input;
    bool token;
    const aws_model *m = c->client->model;
    if (aws_op_auth(m, c->spec.op) == AWS_AUTH_BEARER) {
        fail_c(c, "credentials",
               "this operation is signed with a bearer token, which is not available in this version");
        return false;
    }
    if (!fill_tokens(c, &input, &token)) {
        fail_c(c, "memory", "out of memory");
        return false;
    }
    c->repeatable = aws_repeatable(c->info.name, c->operation, aws_op_effect(m, c->spec.op), token);
    pb_value bucket = pb_get_c(input, "Bucket");
    if (pb_str_is(c->info.name, "s3") && bucket.kind == PB_STRING) c->bucket = pb_text(bucket);
    if (aws_request_write(c->scratch, m, c->spec.op, input, &c->request, &e)) return true;
    fail(c, e.code.n ? e.code : PB_STR("ParamValidation"), e.message.n ? e.message : PB_STR("out of memory"));
    return false;
}

static bool configured(aws_call *c) {
    const aws_settings *s = aws_client_settings(c->client);
    if (!s) {
        fail_c(c, "memory", "out of memory");
        return false;
    }
    if (s->fault.n) {
        fail(c, PB_STR("configuration"), s->fault);
        return false;
    }
    int64_t tries = s->max_attempts < TRIES_MAX ? s->max_attempts : TRIES_MAX;
    c->policy = aws_retry_policy_of(c->info.name, (int)tries, s->retry_base_ms);
    return true;
}

void aws_guard_done(void *ctx, const aws_outcome *o) {
    aws_start_guard *g = ctx;
    g->ended = true;
    g->done(g->ctx, o);
}

aws_call *aws_client_start(aws_client *client, pb_loop *loop, const aws_call_spec *spec, aws_done_fn *done, void *ctx) {
    aws_start_guard g = {done, ctx, false};
    pb_arena *scratch = pb_arena_new(SCRATCH_MAX);
    aws_call *c = scratch ? pb_alloc(scratch, sizeof *c) : NULL;
    if (!c) {
        pb_arena_free(scratch);
        done(ctx, &(aws_outcome){.code = PB_STR("memory"), .message = PB_STR("out of memory"), .meta = PB_NONE_VALUE});
        return NULL;
    }
    *c = (aws_call){.client = client,
                    .loop = loop,
                    .scratch = scratch,
                    .spec = *spec,
                    .done = aws_guard_done,
                    .ctx = &g,
                    .service = aws_op_service(client->model, spec->op),
                    .operation = aws_op_name(client->model, spec->op),
                    .region = spec->region};
    aws_service_get(client->model, c->service, &c->info);
    if (configured(c) && prepare(c)) attempt(c);
    if (g.ended) return NULL;
    c->done = done;
    c->ctx = ctx;
    return c;
}

void aws_client_cancel(aws_call *c, pb_value *meta) {
    if (!c) return;
    if (meta) *meta = meta_of(c);
    call_free(c);
}
