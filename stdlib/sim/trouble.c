/*
 * trouble.c - making the account misbehave: faults, rate limits, delays, and lists given out in awkward pages.
 *
 * Every rule is one line of text, "fault ec2.CreateTags=Throttling:2", whether it stands on the command line
 * (--fault ec2.CreateTags=Throttling:2) or comes in while the account runs, by a request to /_sim/trouble that carries
 * the token given with --control: POST adds the lines of its body, GET lists the rules as they are now, DELETE forgets
 * them all. No bucket can have that name, so nothing of S3 is hidden by it. Operations may be globs ("dynamodb.*"); the
 * first rule that fits and has something left counts. Rates are token buckets on the monotonic clock, and are answered
 * in the words that each service has for it.
 */
#include <math.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "stdlib/sim/sim.h"

enum {
    TIMES_MAX = 1000000,
    DELAY_MAX_MS = 10 * 60 * 1000, /* longer than any client waits */
    RATE_MAX = 1000000,
    PAGE_MAX = 1000, /* what AWS gives at most, nearly everywhere */
    SHOWN_MAX = 256,
};

/* ---- reading a rule ---- */

/* SERVICE.OPERATION before the first '='; what follows it in *rest. */
static bool target_read(pb_str text, char name[SIM_NAME_MAX], pb_str *rest) {
    const char *equals = text.n ? memchr(text.s, '=', text.n) : NULL;
    uint32_t n = equals ? (uint32_t)(equals - text.s) : 0;
    bool all = n == 1 && text.s[0] == '*';
    if (!n || n >= SIM_NAME_MAX || !(all || memchr(text.s, '.', n))) return false;
    memcpy(name, text.s, n);
    name[n] = 0;
    *rest = (pb_str){equals + 1, text.n - n - 1};
    return rest->n > 0;
}

/* What stands behind the last colon; false: there is none. */
static bool split(pb_str *text, pb_str *after) {
    for (uint32_t i = text->n; i-- > 0;) {
        if (text->s[i] != ':') continue;
        *after = (pb_str){text->s + i + 1, text->n - i - 1};
        text->n = i;
        return true;
    }
    return false;
}

static bool whole(pb_str text, int64_t least, int64_t most, int64_t *out) {
    int64_t n = 0;
    if (!text.n || text.n > 9) return false;
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.s[i] < '0' || text.s[i] > '9') return false;
        n = n * 10 + (text.s[i] - '0');
    }
    *out = n;
    return n >= least && n <= most;
}

/* "12" or "0.5". */
static bool decimal(pb_str text, double *out) {
    int64_t n = 0, part = 0;
    const char *dot = text.n ? memchr(text.s, '.', text.n) : NULL;
    uint32_t front = dot ? (uint32_t)(dot - text.s) : text.n;
    if (!whole((pb_str){text.s, front}, 0, RATE_MAX, &n)) return false;
    if (dot && !whole((pb_str){dot + 1, text.n - front - 1}, 0, RATE_MAX, &part)) return false;
    *out = (double)n + (dot ? (double)part / pow(10, text.n - front - 1) : 0);
    return true;
}

static const char *fault_read(sim_trouble *t, pb_str text) {
    sim_fault f = {.left = 1};
    pb_str code, times;
    int64_t status = 0;
    if (!target_read(text, f.operation, &code) || code.s[0] == ':')
        return "a fault is written SERVICE.OPERATION=CODE or SERVICE.OPERATION=CODE:TIMES";
    if (split(&code, &times) && !whole(times, 1, TIMES_MAX, &f.left)) return "how often is a number from 1 to 1000000";
    const char *at = code.n ? memchr(code.s, '@', code.n) : NULL;
    if (at && !whole((pb_str){at + 1, (uint32_t)(code.s + code.n - at - 1)}, 400, 599, &status))
        return "the HTTP status behind @ is a number from 400 to 599";
    if (at) code.n = (uint32_t)(at - code.s);
    f.status = (int)status;
    if (!code.n || code.n >= SIM_CODE_MAX) return "an error code has 1 to 63 characters";
    memcpy(f.code, code.s, code.n);
    if (t->nfaults == SIM_MAX_RULES) return "more faults than can be kept (64)";
    t->faults[t->nfaults++] = f;
    return NULL;
}

static const char *throttle_read(sim_trouble *t, pb_str text) {
    static const char wrong[] = "a throttle is written SERVICE.OPERATION=RATE or SERVICE.OPERATION=RATE:BURST, with a "
                                "rate a second above 0";
    sim_throttle r = {.rate = 0};
    pb_str rate, burst = {"", 0};
    int64_t n;
    if (!target_read(text, r.operation, &rate)) return wrong;
    bool has_burst = split(&rate, &burst);
    if (!decimal(rate, &r.rate) || r.rate <= 0) return wrong;
    r.burst = r.rate < 1 ? 1 : r.rate;
    if (has_burst && !whole(burst, 1, RATE_MAX, &n)) return "a burst is a number from 1 to 1000000";
    if (has_burst) r.burst = (double)n;
    r.tokens = r.burst;
    if (t->nthrottles == SIM_MAX_RULES) return "more throttles than can be kept (64)";
    t->throttles[t->nthrottles++] = r;
    return NULL;
}

static const char *delay_read(sim_trouble *t, pb_str text) {
    static const char wrong[] = "a delay is written SERVICE.OPERATION=200ms or SERVICE.OPERATION=2s:TIMES, of at most "
                                "10 minutes";
    sim_delay d = {.left = SIM_ALWAYS};
    pb_str length, times;
    if (!target_read(text, d.operation, &length)) return wrong;
    if (split(&length, &times) && !whole(times, 1, TIMES_MAX, &d.left))
        return "how often is a number from 1 to 1000000";
    bool ms = length.n > 2 && memcmp(length.s + length.n - 2, "ms", 2) == 0;
    if (!ms && !(length.n > 1 && length.s[length.n - 1] == 's')) return wrong;
    length.n -= ms ? 2 : 1;
    if (!whole(length, 0, ms ? DELAY_MAX_MS : DELAY_MAX_MS / 1000, &d.ms)) return wrong;
    if (!ms) d.ms *= 1000;
    if (t->ndelays == SIM_MAX_RULES) return "more delays than can be kept (64)";
    t->delays[t->ndelays++] = d;
    return NULL;
}

static const char *page_size_read(sim_trouble *t, pb_str text) {
    return whole(text, 1, PAGE_MAX, &t->page_size) ? NULL : "a page has 1 to 1000 items";
}

static const char *empty_pages_read(sim_trouble *t, pb_str text) {
    if (text.n) return "nothing may follow";
    t->empty_pages = true;
    return NULL;
}

static const struct {
    const char *name;
    const char *(*read)(sim_trouble *t, pb_str text);
} rules[] = {{"fault", fault_read},
             {"throttle", throttle_read},
             {"delay", delay_read},
             {"page-size", page_size_read},
             {"empty-pages", empty_pages_read}};

const char *trouble_add(sim_trouble *t, pb_str what, pb_str text) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (pb_str_is(what, rules[i].name)) return rules[i].read(t, text);
    return "there is no such rule; fault, throttle, delay, page-size and empty-pages are";
}

bool trouble_knows(const char *what) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(what, rules[i].name) == 0) return true;
    return false;
}

/* ---- a call meets the rules ---- */

static bool fits(const char *pattern, pb_str operation) { return sim_glob(pb_str_c(pattern), operation); }

bool trouble_fault(sim_trouble *t, pb_str operation, sim_fault *out) {
    for (size_t i = 0; i < t->nfaults; i++) {
        sim_fault *f = &t->faults[i];
        if (f->left <= 0 || !fits(f->operation, operation)) continue;
        f->left--;
        *out = *f;
        return true;
    }
    return false;
}

int64_t trouble_clock(void) { return pb_loop_mono_ms(); }

bool trouble_throttled(sim_trouble *t, pb_str operation) {
    int64_t now = trouble_clock();
    for (size_t i = 0; i < t->nthrottles; i++) {
        sim_throttle *r = &t->throttles[i];
        if (!fits(r->operation, operation)) continue;
        if (r->at) r->tokens = fmin(r->burst, r->tokens + (double)(now - r->at) / 1000 * r->rate);
        r->at = now;
        if (r->tokens < 1) return true;
        r->tokens -= 1;
        return false;
    }
    return false;
}

int64_t trouble_delay(sim_trouble *t, pb_str operation) {
    for (size_t i = 0; i < t->ndelays; i++) {
        sim_delay *d = &t->delays[i];
        if (d->left <= 0 || !fits(d->operation, operation)) continue;
        if (d->left != SIM_ALWAYS) d->left--;
        return d->ms;
    }
    return 0;
}

/* How "slower" is said: by services that have words of their own, then by protocol (a service of NULL). */
static const struct {
    const char *service;
    aws_protocol protocol;
    int status;
    const char *code, *message;
} slower[] = {
    {"dynamodb", AWS_JSON, 400, "ProvisionedThroughputExceededException",
     "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning "
     "level with the UpdateTable API."},
    {"organizations", AWS_JSON, 400, "TooManyRequestsException",
     "AWS Organizations can't complete your request because too many requests arrived."},
    {"lambda", AWS_REST_JSON, 429, "TooManyRequestsException", "Rate Exceeded."},
    {"securityhub", AWS_REST_JSON, 429, "TooManyRequestsException", "Too Many Requests"},
    {"sns", AWS_QUERY, 429, "Throttled", "Rate exceeded"},
    {"s3", AWS_REST_XML, 503, "SlowDown", "Please reduce your request rate."},
    {NULL, AWS_EC2, 503, "RequestLimitExceeded", "Request limit exceeded."},
    {NULL, AWS_QUERY, 400, "Throttling", "Rate exceeded"},
    {NULL, AWS_REST_XML, 400, "Throttling", "Rate exceeded"},
    {NULL, AWS_JSON, 400, "ThrottlingException", "Rate exceeded"},
    {NULL, AWS_REST_JSON, 429, "TooManyRequestsException", "Too Many Requests"},
};

void trouble_slower(sim_call *c, pb_str service, aws_protocol protocol) {
    for (size_t i = 0; i < sizeof slower / sizeof *slower; i++)
        if (slower[i].service ? pb_str_is(service, slower[i].service) : slower[i].protocol == protocol) {
            sim_fail(c, slower[i].status, slower[i].code, "%s", slower[i].message);
            return;
        }
}

int trouble_status(const sim_fault *f, aws_protocol protocol) {
    static const struct {
        const char *begins;
        int status;
    } known[] = {{"Internal", 500},     {"ServiceUnavailable", 503}, {"Unavailable", 503},
                 {"SlowDown", 503},     {"AccessDenied", 403},       {"Unauthorized", 403},
                 {"ExpiredToken", 403}, {"TooManyRequests", 429},    {"ServiceException", 500}};
    if (f->status) return f->status;
    if (strcmp(f->code, "RequestLimitExceeded") == 0 && protocol == AWS_EC2) return 503;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(f->code, known[i].begins, strlen(known[i].begins)) == 0) return known[i].status;
    return 400;
}

/* ---- the control path ---- */

static const char path[] = "/_sim/trouble";

static void say(sim_answer *out, int status, const char *text) {
    *out = (sim_answer){.status = status, .body = pb_str_c(text)};
}

static void list_rules(const sim_trouble *t, pb_arena *a, sim_answer *out) {
    pb_buf b = {0};
    for (size_t i = 0; i < t->nfaults; i++)
        pb_buf_printf(&b, "fault %s=%s:%lld\n", t->faults[i].operation, t->faults[i].code,
                      (long long)t->faults[i].left);
    for (size_t i = 0; i < t->nthrottles; i++)
        pb_buf_printf(&b, "throttle %s=%g:%g\n", t->throttles[i].operation, t->throttles[i].rate,
                      t->throttles[i].burst);
    for (size_t i = 0; i < t->ndelays; i++) {
        pb_buf_printf(&b, "delay %s=%lldms", t->delays[i].operation, (long long)t->delays[i].ms);
        if (t->delays[i].left != SIM_ALWAYS) pb_buf_printf(&b, ":%lld", (long long)t->delays[i].left);
        pb_buf_add(&b, "\n", 1);
    }
    if (t->page_size) pb_buf_printf(&b, "page-size %lld\n", (long long)t->page_size);
    if (t->empty_pages) pb_buf_printf(&b, "empty-pages\n");
    pb_str text = b.len ? pb_strdup(a, b.data, b.len) : PB_STR("");
    bool ok = !b.oom && text.s;
    pb_buf_free(&b);
    say(out, 500, "out of memory\n");
    if (ok) *out = (sim_answer){.status = 200, .body = text};
}

/* The lines of a body, all or none. */
static void add_lines(sim_trouble *t, pb_arena *a, pb_str body, sim_answer *out) {
    sim_trouble *next = pb_alloc(a, sizeof *next);
    if (!next) {
        say(out, 500, "out of memory\n");
        return;
    }
    *next = *t;
    for (uint32_t at = 0; at < body.n;) {
        const char *from = body.s + at, *end = memchr(from, '\n', body.n - at);
        pb_str line = {from, (uint32_t)(end ? end - from : body.s + body.n - from)};
        at += line.n + 1;
        if (line.n && line.s[line.n - 1] == '\r') line.n--;
        if (!line.n) continue;
        const char *space = memchr(line.s, ' ', line.n);
        pb_str what = {line.s, (uint32_t)(space ? space - line.s : line.n)};
        pb_str text = space ? (pb_str){space + 1, line.n - what.n - 1} : PB_STR("");
        const char *wrong = trouble_add(next, what, text);
        if (!wrong) continue;
        if (line.n > SHOWN_MAX) line.n = SHOWN_MAX;
        *out = (sim_answer){.status = 400, .body = pb_printf(a, "%.*s: %s\n", PB_ARG(line), wrong)};
        if (!out->body.s) say(out, 500, "out of memory\n");
        return;
    }
    *t = *next;
    list_rules(t, a, out);
}

bool trouble_control(sim *s, pb_arena *a, const aws_incoming *in, sim_answer *out) {
    if (!s->control.n || !pb_str_is(in->path, path)) return false;
    pb_str token = sim_header(in, "x-sim-token");
    if (token.n != s->control.n || CRYPTO_memcmp(token.s, s->control.s, token.n) != 0)
        say(out, 403, "the header X-Sim-Token must hold the token given with --control\n");
    else if (pb_str_is(in->method, "GET"))
        list_rules(&s->trouble, a, out);
    else if (pb_str_is(in->method, "POST"))
        add_lines(&s->trouble, a, in->body, out);
    else if (pb_str_is(in->method, "DELETE")) {
        s->trouble = (sim_trouble){0};
        say(out, 200, "");
    } else
        say(out, 405, "GET, POST and DELETE are understood here\n");
    return true;
}
