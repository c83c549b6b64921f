/*
 * account.c - the world of one test: a simulated AWS account in memory, and a chat that takes every message.
 *
 * Whatever address a request goes to, it ends here; what is neither AWS nor the chat does not resolve. The AWS client
 * is the real one with its signatures, protocols and retries, and so is the simulated account, so a test goes through
 * all that a run goes through but sockets. Faults are for the playbook: while the test itself sets up or looks, they
 * are put aside.
 */
#include "stdlib/testing/trial.h"

#include <stdlib.h>

static const char key[] = "AKIASIMULATEDACCOUNT", secret[] = "the-simulated-account-has-no-secrets-0000";

void account_environment(void) {
    clearenv();
    account_credentials();
}

void account_credentials(void) {
    setenv("AWS_ACCESS_KEY_ID", key, 1);
    setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("SLACK_BOT_TOKEN", "xoxb-simulated", 1);
    setenv("PB_WAIT_DELAY_MS", "1000", 1);
}

bool account_open(account *a, pb_str *err) {
    *a = (account){.arena = pb_arena_new(0)};
    *err = PB_STR("out of memory");
    if (!a->arena) return false;
    a->sim = (sim){.model = aws_model_get(),
                   .account = PB_STR("123456789012"),
                   .region = PB_STR("us-east-1"),
                   .access_key = pb_str_c(key),
                   .secret_key = pb_str_c(secret),
                   .seed = PB_STR("test"),
                   .control = PB_STR("")};
    a->sim.keys = sigv4_keys_new();
    a->sim.state = state_open(NULL, false, a->arena, err);
    return a->sim.keys && a->sim.state;
}

void account_close(account *a) {
    if (a->sim.state) state_close(a->sim.state);
    sigv4_keys_free(a->sim.keys);
    pb_arena_free(a->arena);
    *a = (account){0};
}

/* Times and messages may come twice when a process has died: what was in doubt is sent again. */
static bool is_counted(pb_str kind) {
    static const char *const not [] = {"cloudtrail.event", "sts.session", "logs.event", "sns.message"};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (pb_str_is(kind, not [i])) return false;
    return kind.n > 0;
}

pb_str account_summary(account *k, pb_arena *a) {
    pb_value all = pb_get_c(state_dump(k->sim.state, a), "resources");
    pb_map_builder b = {.arena = a};
    for (uint32_t i = 0; all.kind == PB_LIST && i < all.n; i++) {
        pb_str kind = pb_text(pb_get_c(all.u.items[i], "kind"));
        uint32_t n = 0, j = 0;
        for (; j < b.n && !pb_str_eq(b.entries[j].key, kind); j++) {
        }
        if (j < b.n) n = (uint32_t)b.entries[j].value.u.i;
        if (is_counted(kind)) pb_map_add(&b, kind, pb_int(n + 1));
    }
    return pb_json_text(a, pb_map_done(&b));
}

/* ---- requests ---- */

typedef struct address {
    pb_str host, path, query;
} address;

static address address_of(const char *url) {
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    size_t host = strcspn(p, "/?"), path = strcspn(p + host, "?"), whole = strlen(p);
    address at = {{p, (uint32_t)host}, {p + host, (uint32_t)path}, {"", 0}};
    if (!path) at.path = PB_STR("/");
    if (host + path < whole) at.query = (pb_str){p + host + path + 1, (uint32_t)(whole - host - path - 1)};
    return at;
}

static bool ends(pb_str s, const char *with) {
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.s + s.n - n, with, n) == 0;
}

static void chat(const account *k, pb_arena *a, pb_local_answer *out) {
    static const pb_header json[] = {{{"content-type", 12}, {"application/json", 16}}};
    if (k->chat_down) {
        *out = (pb_local_answer){.error = HTTP_CONNECT, .message = "no connection to slack.com: the test says so"};
        return;
    }
    out->status = 200;
    out->headers = json;
    out->nheaders = 1;
    out->body = pb_printf(a, "{\"ok\":true,\"channel\":\"C0SIMULATED\",\"ts\":\"%lld.000100\"}",
                          (long long)(pb_loop_wall_ms() / 1000));
}

static bool incoming(const pb_http_request *q, const address *at, pb_arena *a, aws_incoming *in) {
    pb_header *headers = pb_alloc_array(a, (size_t)q->nheaders + 1, sizeof *headers);
    if (!headers) return false;
    memcpy(headers, q->headers, q->nheaders * sizeof *headers);
    headers[q->nheaders] = (pb_header){PB_STR("Host"), at->host};
    *in = (aws_incoming){.method = pb_str_c(q->method),
                         .path = at->path,
                         .query = at->query,
                         .body = q->body.n ? q->body : PB_STR(""),
                         .host = at->host,
                         .headers = headers,
                         .nheaders = q->nheaders + 1};
    return true;
}

static void aws(account *k, const pb_http_request *q, const address *at, pb_arena *a, pb_local_answer *out) {
    aws_incoming in;
    sim_answer got = {0};
    if (!incoming(q, at, a, &in)) {
        *out = (pb_local_answer){.error = HTTP_INTERNAL, .message = "out of memory"};
        return;
    }
    static const sim_trouble none;
    k->sim.trouble = k->own ? none : k->trouble;
    sim_answer_request(&k->sim, a, &in, &got);
    if (!k->own) k->trouble = k->sim.trouble; /* faults that are used up */
    if (got.status <= 0 || got.half) {
        *out = (pb_local_answer){.error = HTTP_CLOSED,
                                 .message = "the connection was closed without a whole answer",
                                 .delay_ms = got.delay_ms};
        return;
    }
    *out = (pb_local_answer){.status = got.status,
                             .headers = got.headers,
                             .nheaders = got.nheaders,
                             .body = got.body,
                             .delay_ms = got.delay_ms};
    if (strcmp(q->method, "HEAD") == 0) out->body = PB_STR("");
}

static void answer(void *ctx, const pb_http_request *q, pb_arena *a, pb_local_answer *out) {
    account *k = ctx;
    address at = address_of(q->url);
    if (k->dead && !k->own) {
        *out = (pb_local_answer){.never = true};
        return;
    }
    if (ends(at.host, ".amazonaws.com") || ends(at.host, ".amazonaws.com.cn"))
        aws(k, q, &at, a, out);
    else if (pb_str_is(at.host, "slack.com"))
        chat(k, a, out);
    else
        *out = (pb_local_answer){.error = HTTP_RESOLVE,
                                 .message = "a test has no network: only AWS and Slack are simulated"};
}

void account_attach(account *a, pb_loop *l) { pb_loop_local(l, answer, a); }
