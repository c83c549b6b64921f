/*
 * fetch.c - credentials from processes, web identity tokens, container and instance metadata, and roles.
 *
 * Each source ends in got() with keys or in fail() with a sentence; then the plan's roles are assumed one after the
 * other, each with the keys of the one before. Nothing blocks: HTTP and processes are the loop's, STS calls are
 * ordinary calls of the client with keys of their own.
 *
 * Instance metadata are asked by version 2 only (a token first): version 1 gives a role's keys to whoever can make a
 * program on the machine send a GET. Their timeouts are short, because on a machine without them nobody answers.
 *
 * Answers hold keys: they live in the fetch's arena, which is wiped, and no part of them gets into a message.
 */
#include "stdlib/aws/fetch.h"

#include "stdlib/aws/process.h"
#include "stdlib/aws/wire.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PROCESS_MAX = 64 << 10, /* credentials are 2 KiB */
    PROCESS_MS = 30000,     /* single sign-on helpers ask over the network */
    ANSWER_MAX = 64 << 10,
    TOKEN_FILE_MAX = 64 << 10,
    WORDS_MAX = 64,
    METADATA_MS = 1000, /* it is a hop away or not there at all */
    CONTAINER_MS = 2000,
    CONTAINER_TRIES = 3, /* the agent may be starting */
    AGAIN_MS = 200,
    STS_MS = 15000
};

typedef void answer_fn(aws_fetch *f, const pb_http_response *r);

struct aws_fetch {
    aws_client *sts;
    pb_loop *loop;
    pb_arena *arena;
    const aws_settings *settings;
    aws_plan plan;
    aws_fetch_fn *fn;
    void *ctx;
    aws_fetched got;
    uint32_t roles_left;
    pb_timer *timer;
    pb_http *http;
    aws_process *process;
    aws_call *call;
    /* the request under way, which may be sent again */
    pb_http_request request;
    pb_header header;
    answer_fn *answer;
    int tries_left;
    pb_str base, token; /* instance metadata: address, session token */
};

/* ---- ends ---- */

static void release(aws_fetch *f) {
    if (f->timer) pb_timer_cancel(f->timer);
    if (f->http) pb_http_cancel(f->http);
    if (f->call) aws_client_cancel(f->call, NULL);
    aws_process_cancel(f->process);
    f->timer = NULL;
    f->http = NULL;
    f->call = NULL;
    f->process = NULL;
}

void aws_fetch_cancel(aws_fetch *f) {
    if (f) release(f);
}

static void fail(aws_fetch *f, pb_str why) {
    release(f);
    f->fn(f->ctx, NULL, why.s ? why : PB_STR("out of memory while getting credentials"));
}

/* "credential_process of profile "x" (/root/.aws/config:3): it ended with status 1" */
static void fail_c(aws_fetch *f, const char *what) {
    fail(f, pb_printf(f->arena, "%.*s: %s", PB_ARG(f->plan.where), what));
}

static void assume(aws_fetch *f);

static void got(aws_fetch *f, const aws_fetched *g) {
    pb_str why;
    if (!aws_keys_ok(f->arena, &g->keys, f->plan.where, &why)) {
        fail(f, why);
        return;
    }
    if (g->expires_ms && g->expires_ms <= pb_loop_wall_ms()) {
        fail_c(f, "the credentials it gave have expired already; is this machine's clock right?");
        return;
    }
    f->got = *g;
    if (f->roles_left) {
        assume(f);
        return;
    }
    release(f);
    f->fn(f->ctx, &f->got, (pb_str){"", 0});
}

/* ---- JSON ---- */

static pb_str text_of(pb_value v, const char *key) {
    pb_value x = pb_get_c(v, key);
    return x.kind == PB_STRING ? pb_text(x) : (pb_str){"", 0};
}

/* {AccessKeyId, SecretAccessKey, <token>, Expiration}: metadata call the token Token, processes SessionToken. NULL, or
 * what is wrong. */
static const char *read_keys(pb_value v, const char *token, aws_fetched *out) {
    pb_str expires = text_of(v, "Expiration");
    *out = (aws_fetched){
        .keys = {text_of(v, "AccessKeyId"), text_of(v, "SecretAccessKey"), text_of(v, token)},
    };
    if (!out->keys.access_key.n) return "its answer has no AccessKeyId";
    if (!out->keys.secret_key.n) return "its answer has no SecretAccessKey";
    if (expires.n && !text_read_time(expires, &out->expires_ms)) return "the Expiration in its answer is not a time";
    return NULL;
}

static bool parse(aws_fetch *f, pb_str text, pb_value *v) {
    pb_str ignored; /* it may quote the text */
    pb_str copy = pb_strdup(f->arena, text.s, text.n);
    return copy.s && pb_json_parse(f->arena, copy.s, copy.n, v, &ignored) && v->kind == PB_MAP;
}

/* ---- credential_process ---- */

static void process_ended(void *ctx, const aws_process_end *end) {
    aws_fetch *f = ctx;
    pb_value v;
    aws_fetched g;
    f->process = NULL; /* it frees itself */
    if (end->fault) {
        fail_c(f, end->fault);
        return;
    }
    if (!parse(f, end->output, &v)) {
        fail_c(f, "what it printed is not a JSON object");
        return;
    }
    pb_value version = pb_get_c(v, "Version");
    if (version.kind != PB_INT || version.u.i != 1) {
        fail_c(f, "what it printed does not say \"Version\": 1, the only one there is");
        return;
    }
    const char *bad = read_keys(v, "SessionToken", &g);
    if (bad)
        fail_c(f, bad);
    else
        got(f, &g);
}

static void start_process(aws_fetch *f) {
    char *argv[WORDS_MAX];
    uint32_t n;
    const char *err = NULL;
    if (!aws_words(f->arena, f->plan.command, argv, WORDS_MAX, &n) || n == 0) {
        fail_c(f, "the command is empty, has an open quote or too many words");
        return;
    }
    f->process = aws_process_start(f->loop, argv, PROCESS_MAX, PROCESS_MS, process_ended, f, &err);
    if (!f->process) fail_c(f, err);
}

/* ---- STS ---- */

static void put(pb_map_builder *b, const char *key, pb_str v) {
    if (v.n) pb_map_add(b, pb_str_c(key), pb_string(v));
}

static pb_str session_name(aws_fetch *f, const aws_role *r) {
    if (r->session_name.n) return r->session_name;
    return pb_printf(f->arena, "pbrun-%lld", (long long)(pb_loop_wall_ms() / 1000));
}

/* A region for STS when none is set: the role's partition says where it can be asked. */
static pb_str sts_region(const aws_fetch *f, pb_str arn) {
    static const struct {
        const char *start, *region;
    } homes[] = {{"arn:aws-cn:", "cn-north-1"},
                 {"arn:aws-us-gov:", "us-gov-west-1"},
                 {"arn:aws-iso:", "us-iso-east-1"},
                 {"arn:aws-iso-b:", "us-isob-east-1"}};
    if (f->settings->region.n) return f->settings->region;
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++)
        if (arn.n > strlen(homes[i].start) && memcmp(arn.s, homes[i].start, strlen(homes[i].start)) == 0)
            return pb_str_c(homes[i].region);
    return PB_STR("us-east-1");
}

static void sts_answered(void *ctx, const aws_outcome *o) {
    aws_fetch *f = ctx;
    f->call = NULL;
    if (!o->ok) {
        fail(f, pb_printf(f->arena, "%.*s: the role could not be assumed: %.*s: %.*s", PB_ARG(f->plan.where),
                          PB_ARG(o->code), PB_ARG(o->message)));
        return;
    }
    pb_value v = pb_get_c(o->value, "Credentials"), expires = pb_get_c(v, "Expiration");
    aws_fetched g = {
        .keys = {text_of(v, "AccessKeyId"), text_of(v, "SecretAccessKey"), text_of(v, "SessionToken")},
        .expires_ms = expires.kind == PB_TIME ? expires.u.i : 0,
    };
    if (!g.keys.access_key.n || !g.keys.secret_key.n)
        fail_c(f, "STS answered without credentials");
    else
        got(f, &g);
}

static void ask_sts(aws_fetch *f, const char *operation, const sigv4_credentials *keys, const aws_role *r,
                    pb_map_builder *input) {
    const aws_model *m = aws_model_get();
    put(input, "RoleArn", r->arn);
    put(input, "RoleSessionName", session_name(f, r));
    if (r->duration_s) pb_map_add(input, PB_STR("DurationSeconds"), pb_int(r->duration_s));
    aws_call_spec spec = {.op = aws_op_find(m, aws_service_find(m, PB_STR("sts")), pb_str_c(operation)),
                          .input = pb_map_done(input),
                          .region = sts_region(f, r->arn),
                          .keys = keys,
                          .deadline_ms = pb_loop_mono_ms() + STS_MS,
                          .arena = f->arena};
    aws_call *call;
    if (input->oom || !spec.op) {
        fail_c(f, input->oom ? "out of memory" : "the model table has no STS");
        return;
    }
    if (!keys && aws_op_auth(m, spec.op) != AWS_AUTH_NONE) { /* it would wait for the keys that it is to bring */
        fail_c(f, "the model table says that this call must be signed; make it from newer models");
        return;
    }
    /* The answer may come before the call is known, and f may be gone then. */
    call = aws_client_start(f->sts, f->loop, &spec, sts_answered, f);
    if (call) f->call = call;
}

static void assume(aws_fetch *f) {
    const aws_role *r = &f->plan.roles[--f->roles_left];
    pb_map_builder b = {.arena = f->arena};
    sigv4_credentials *keys = pb_alloc(f->arena, sizeof *keys);
    f->plan.where = r->where;
    if (!keys) {
        fail(f, (pb_str){NULL, 0});
        return;
    }
    *keys = f->got.keys;
    put(&b, "ExternalId", r->external_id);
    ask_sts(f, "AssumeRole", keys, r, &b);
}

static void start_web(aws_fetch *f) {
    pb_map_builder b = {.arena = f->arena};
    pb_str token, why;
    if (!aws_file_read(f->arena, f->plan.token_file, TOKEN_FILE_MAX, &token, NULL, &why)) {
        fail(f, pb_printf(f->arena, "%.*s: the token file %.*s", PB_ARG(f->plan.where), PB_ARG(why)));
        return;
    }
    while (token.n && (unsigned char)token.s[token.n - 1] <= ' ') token.n--;
    if (!token.n) {
        fail_c(f, "the token file is empty");
        return;
    }
    put(&b, "WebIdentityToken", token);
    ask_sts(f, "AssumeRoleWithWebIdentity", NULL, &f->plan.web, &b);
}

/* ---- HTTP sources ---- */

static void send_request(void *ctx);

static bool passing(const pb_http_response *r) {
    return r->error == HTTP_CONNECT || r->error == HTTP_TIMEOUT || r->error == HTTP_CLOSED ||
           (r->error == HTTP_OK && (r->status >= 500 || r->status == 429));
}

static void answered(void *ctx, const pb_http_response *r) {
    aws_fetch *f = ctx;
    f->http = NULL;
    if (passing(r) && f->tries_left > 0) f->timer = pb_timer_start(f->loop, AGAIN_MS, send_request, f);
    if (!f->timer) f->answer(f, r);
}

static void send_request(void *ctx) {
    aws_fetch *f = ctx;
    const char *err = "out of memory";
    f->timer = NULL;
    f->tries_left--;
    f->http = pb_http_start(f->loop, &f->request, answered, f, &err);
    if (!f->http) fail_c(f, err);
}

/* header.name.n 0: none. */
static void ask(aws_fetch *f, const char *method, pb_str url, pb_header header, int64_t ms, int tries, answer_fn *fn) {
    if (!url.s) {
        fail(f, url);
        return;
    }
    f->header = header;
    f->answer = fn;
    f->tries_left = tries;
    f->request = (pb_http_request){.method = method,
                                   .url = url.s,
                                   .headers = &f->header,
                                   .nheaders = header.name.n ? 1 : 0,
                                   .timeout_ms = ms,
                                   .connect_ms = ms,
                                   .max_response = ANSWER_MAX};
    send_request(f);
}

/* ---- containers ---- */

static bool host_is(pb_str url, const char *scheme_host) {
    size_t n = strlen(scheme_host);
    return url.n >= n && memcmp(url.s, scheme_host, n) == 0 &&
           (url.n == n || url.s[n] == '/' || url.s[n] == ':' || url.s[n] == '?');
}

/* The token that is shown there must not travel in the clear: https, or this machine, or the two link-local addresses
 * that ECS and EKS use. */
static bool container_host_ok(pb_str url) {
    static const char *const hosts[] = {"http://localhost", "http://[::1]", "http://169.254.170.2",
                                        "http://169.254.170.23", "http://[fd00:ec2::23]"};
    if (url.n > 8 && memcmp(url.s, "https://", 8) == 0) return true;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (host_is(url, hosts[i])) return true;
    if (url.n < 11 || memcmp(url.s, "http://127.", 11) != 0) return false;
    for (uint32_t i = 7; i < url.n && url.s[i] != '/' && url.s[i] != ':' && url.s[i] != '?'; i++)
        if (url.s[i] != '.' && (url.s[i] < '0' || url.s[i] > '9')) return false; /* 127.0.0.1.example.org */
    return true;
}

static void container_answered(aws_fetch *f, const pb_http_response *r) {
    pb_value v;
    aws_fetched g;
    if (r->error != HTTP_OK) {
        fail_c(f, r->message);
        return;
    }
    if (r->status != 200) {
        fail(f,
             pb_printf(f->arena, "%.*s: the container's endpoint answered HTTP %d%s", PB_ARG(f->plan.where), r->status,
                       r->status == 401 || r->status == 403
                           ? "; check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN"
                           : ""));
        return;
    }
    const char *bad = !parse(f, r->body, &v) ? "its answer is not a JSON object" : read_keys(v, "Token", &g);
    if (bad)
        fail_c(f, bad);
    else
        got(f, &g);
}

/* False: has failed. */
static bool container_token(aws_fetch *f, pb_str *token) {
    const aws_settings *s = f->settings;
    pb_str why;
    *token = s->container_token;
    if (!s->container_token_file.n) return true;
    if (!aws_file_read(f->arena, s->container_token_file, TOKEN_FILE_MAX, token, NULL, &why)) {
        fail(f, pb_printf(f->arena, "%.*s: AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: %.*s", PB_ARG(f->plan.where),
                          PB_ARG(why)));
        return false;
    }
    while (token->n && (unsigned char)token->s[token->n - 1] <= ' ') token->n--;
    return true;
}

static void start_container(aws_fetch *f) {
    const aws_settings *s = f->settings;
    pb_str url = s->container_full, token;
    if (s->container_relative.n) {
        url = pb_printf(f->arena, "http://169.254.170.2%.*s", PB_ARG(s->container_relative));
        if (s->container_relative.s[0] != '/') {
            fail_c(f, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with /");
            return;
        }
    }
    if (!url.n) {
        fail_c(f,
               "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set: this is "
               "not such a container");
        return;
    }
    if (!container_host_ok(url)) {
        fail_c(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to this machine, 169.254.170.2 or "
                  "169.254.170.23");
        return;
    }
    if (!container_token(f, &token)) return;
    pb_header h = {token.n ? PB_STR("Authorization") : (pb_str){"", 0}, token};
    ask(f, "GET", url, h, CONTAINER_MS, CONTAINER_TRIES, container_answered);
}

/* ---- instance metadata ---- */

static int64_t metadata_ms(const aws_fetch *f) {
    return f->settings->metadata_timeout_s ? f->settings->metadata_timeout_s * 1000 : METADATA_MS;
}

static int metadata_tries(const aws_fetch *f) {
    return f->settings->metadata_attempts ? (int)f->settings->metadata_attempts : 1;
}

static void metadata_failed(aws_fetch *f, const char *what) {
    if (!f->plan.tried.n) {
        fail_c(f, what);
        return;
    }
    fail(f,
         pb_printf(f->arena,
                   "no AWS credentials found; looked at %.*s, and the instance's metadata (%s); set AWS_ACCESS_KEY_ID "
                   "and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role is attached",
                   PB_ARG(f->plan.tried), what));
}

static bool metadata_ok(aws_fetch *f, const pb_http_response *r, const char *step) {
    if (r->error == HTTP_OK && r->status == 200) return true;
    pb_str what = r->error != HTTP_OK ? pb_str_c(r->message)
                                      : pb_printf(f->arena, "%s answered HTTP %d%s", step, r->status,
                                                  r->status == 404 ? ": the instance has no role attached" : "");
    metadata_failed(f, what.s ? what.s : "out of memory");
    return false;
}

static void metadata_ask(aws_fetch *f, pb_str url, answer_fn *fn) {
    pb_header h = {PB_STR("X-aws-ec2-metadata-token"), f->token};
    ask(f, "GET", url, h, metadata_ms(f), metadata_tries(f), fn);
}

static void metadata_keys(aws_fetch *f, const pb_http_response *r) {
    pb_value v;
    aws_fetched g;
    if (!metadata_ok(f, r, "its page of credentials")) return;
    if (!parse(f, r->body, &v)) {
        metadata_failed(f, "its page of credentials is not a JSON object");
        return;
    }
    pb_str code = text_of(v, "Code");
    const char *bad = code.n && !pb_str_is(code, "Success")
                          ? "it has no credentials for its role: see the trust policy "
                            "and the instance profile of the role"
                          : read_keys(v, "Token", &g);
    if (bad)
        metadata_failed(f, bad);
    else
        got(f, &g);
}

static void metadata_role(aws_fetch *f, const pb_http_response *r) {
    uint32_t n = 0;
    if (!metadata_ok(f, r, "its page of roles")) return;
    while (n < r->body.n && (unsigned char)r->body.s[n] > ' ' && (unsigned char)r->body.s[n] < 0x7f) n++;
    if (n == 0 || n > 128 || memchr(r->body.s, '/', n) || memchr(r->body.s, '?', n)) {
        metadata_failed(f, "its page of roles names none");
        return;
    }
    metadata_ask(
        f,
        pb_printf(f->arena, "%.*s/latest/meta-data/iam/security-credentials/%.*s", PB_ARG(f->base), (int)n, r->body.s),
        metadata_keys);
}

static void metadata_token(aws_fetch *f, const pb_http_response *r) {
    if (!metadata_ok(f, r, "its token page")) return;
    f->token = pb_strdup(f->arena, r->body.s, r->body.n);
    metadata_ask(f, pb_printf(f->arena, "%.*s/latest/meta-data/iam/security-credentials/", PB_ARG(f->base)),
                 metadata_role);
}

static bool is_ipv6_mode(pb_str mode) { return mode.n == 4 && strncasecmp(mode.s, "ipv6", 4) == 0; }

static void start_metadata(aws_fetch *f) {
    const aws_settings *s = f->settings;
    pb_header ttl = {PB_STR("X-aws-ec2-metadata-token-ttl-seconds"), PB_STR("21600")};
    if (s->metadata_disabled) {
        metadata_failed(f, "turned off by AWS_EC2_METADATA_DISABLED");
        return;
    }
    f->base = s->metadata_endpoint.n           ? s->metadata_endpoint
              : is_ipv6_mode(s->metadata_mode) ? PB_STR("http://[fd00:ec2::254]")
                                               : PB_STR("http://169.254.169.254");
    while (f->base.n && f->base.s[f->base.n - 1] == '/') f->base.n--;
    ask(f, "PUT", pb_printf(f->arena, "%.*s/latest/api/token", PB_ARG(f->base)), ttl, metadata_ms(f), metadata_tries(f),
        metadata_token);
}

/* ---- beginning ---- */

static void begin(void *ctx) {
    aws_fetch *f = ctx;
    aws_fetched g = {.keys = f->plan.keys};
    f->timer = NULL;
    switch (f->plan.kind) {
    case AWS_FROM_STATIC: got(f, &g); break;
    case AWS_FROM_PROCESS: start_process(f); break;
    case AWS_FROM_WEB: start_web(f); break;
    case AWS_FROM_CONTAINER: start_container(f); break;
    case AWS_FROM_METADATA: start_metadata(f); break;
    }
}

aws_fetch *aws_fetch_start(aws_client *sts, pb_loop *l, pb_arena *a, const aws_settings *s, const aws_plan *p,
                           aws_fetch_fn *fn, void *ctx) {
    aws_fetch *f = pb_alloc(a, sizeof *f);
    if (!f) return NULL;
    *f = (aws_fetch){.sts = sts, .loop = l, .arena = a, .settings = s, .plan = *p, .fn = fn, .ctx = ctx};
    f->roles_left = p->nroles;
    f->timer = pb_timer_start(l, 0, begin, f);
    return f->timer ? f : NULL;
}
