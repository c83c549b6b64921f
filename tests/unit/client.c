/*
 * client.c - the AWS client's decisions: addresses, what is tried again, what failed inside a 200; Slack's text; and
 * that the hosts in C are those that the library's .pb files declare. With --serve it makes the calls that JSON lines
 * ask for: the tests in tests/aws and tests/slack stand on the other end of the wire.
 */
#include "stdlib/aws/client.h"
#include "stdlib/aws/credentials.h"
#include "stdlib/aws/endpoint.h"
#include "stdlib/aws/pages.h"
#include "stdlib/aws/retry.h"
#include "stdlib/aws/waiter.h"
#include "stdlib/hosts.h"
#include "stdlib/slack.h"
#include "stdlib/stdlib.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- --serve ---- */

typedef struct answer {
    pb_arena *arena;
    bool done;
    pb_map_builder map;
} answer;

static void put_outcome(answer *w, bool ok, pb_value value, pb_str code, pb_str message, pb_value meta) {
    w->done = true;
    pb_map_add(&w->map, PB_STR("ok"), pb_bool(ok));
    pb_map_add(&w->map, PB_STR("value"), value);
    pb_map_add(&w->map, PB_STR("code"), pb_string(code));
    pb_map_add(&w->map, PB_STR("message"), pb_string(message));
    pb_map_add(&w->map, PB_STR("meta"), meta);
}

static void aws_done(void *ctx, const aws_outcome *o) {
    put_outcome(ctx, o->ok, o->ok ? o->value : PB_NONE_VALUE, o->code, o->message, o->meta);
}
static void slack_done(void *ctx, const slack_outcome *o) {
    put_outcome(ctx, o->ok, o->value, o->code, o->message, o->meta);
}

static pb_str text(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static int64_t deadline(pb_value q) {
    pb_value ms = pb_get_c(q, "deadline_ms");
    return pb_loop_mono_ms() + (ms.kind == PB_INT ? ms.u.i : 10000);
}

static void serve_aws(aws_client *client, pb_loop *loop, pb_value q, answer *w) {
    const aws_model *m = aws_model_get();
    aws_service s = aws_service_find(m, text(q, "service"));
    aws_call_spec spec = {.op = aws_op_find(m, s, text(q, "operation")),
                          .input = pb_get_c(q, "input"),
                          .region = text(q, "region"),
                          .token_seed = text(q, "seed"),
                          .deadline_ms = deadline(q),
                          .arena = w->arena};
    aws_waiter waiter = aws_waiter_find(m, s, text(q, "waiter"));
    if (waiter)
        aws_wait_start(client, loop, waiter, &spec, aws_done, w);
    else if (!spec.op)
        put_outcome(w, false, PB_NONE_VALUE, PB_STR("test"), PB_STR("no such operation"), PB_NONE_VALUE);
    else if (pb_get_c(q, "pages").kind == PB_BOOL)
        aws_pages_start(client, loop, &spec, aws_done, w);
    else
        aws_client_start(client, loop, &spec, aws_done, w);
}

static void serve_address(pb_value q, answer *w) {
    const aws_model *m = aws_model_get();
    pb_map_builder b = {.arena = w->arena};
    aws_request r = {.method = "GET", .host_prefix = text(q, "prefix"), .path = text(q, "path")};
    aws_target t = {aws_settings_read(w->arena), aws_service_find(m, text(q, "service")), text(q, "region"),
                    text(q, "bucket"), &r};
    aws_address out = {0};
    aws_service_info info;
    pb_str code = {"", 0}, message = {"", 0};
    aws_service_get(m, t.service, &info);
    bool ok = aws_address_of(w->arena, m, &t, &out, &code, &message);
    pb_map_add(&b, PB_STR("url"), pb_string(out.url));
    pb_map_add(&b, PB_STR("signing_region"), pb_string(out.signing_region));
    pb_map_add(&b, PB_STR("signing_name"), pb_string(info.signing_name));
    put_outcome(w, ok, pb_map_done(&b), code, message, PB_NONE_VALUE);
}

static void serve_one(aws_client *client, pb_loop *loop, const char *line, size_t n) {
    answer w = {.arena = pb_arena_new(0)};
    pb_value q;
    pb_str err;
    int64_t start = pb_loop_mono_ms();
    w.map.arena = w.arena;
    if (!pb_json_parse(w.arena, line, n, &q, &err)) {
        put_outcome(&w, false, PB_NONE_VALUE, PB_STR("test"), err, PB_NONE_VALUE);
    } else if (pb_get_c(q, "slack").kind == PB_MAP) {
        pb_value s = pb_get_c(q, "slack");
        slack_message m = {.channel = text(s, "channel"), .text = text(s, "text"), .deadline_ms = deadline(q), .arena = w.arena};
        slack_start(loop, &m, slack_done, &w);
    } else if (pb_get_c(q, "address").kind == PB_MAP) {
        serve_address(pb_get_c(q, "address"), &w);
    } else {
        serve_aws(client, loop, q, &w);
    }
    while (!w.done && pb_loop_turn(loop)) {
    }
    pb_map_add(&w.map, PB_STR("ms"), pb_int(pb_loop_mono_ms() - start));
    pb_str out = pb_json_text(w.arena, pb_map_done(&w.map));
    printf("%.*s\n", PB_ARG(out));
    fflush(stdout);
    pb_arena_free(w.arena);
}

static int serve(void) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    aws_client *client = aws_client_new();
    pb_loop *loop = pb_loop_new();
    while ((n = getline(&line, &cap, stdin)) > 0) serve_one(client, loop, line, (size_t)n);
    free(line);
    pb_loop_free(loop);
    aws_client_free(client);
    return 0;
}

/* ---- addresses ---- */

typedef struct place {
    const char *service, *region, *bucket, *path, *prefix;
    const char *url, *signing; /* url NULL: refused with the code in signing */
} place;

static void check_place(pb_arena *a, const place *p) {
    const aws_model *m = aws_model_get();
    aws_request q = {.method = "GET", .host_prefix = pb_str_c(p->prefix), .path = pb_str_c(p->path)};
    aws_target t = {aws_settings_read(a), aws_service_find(m, pb_str_c(p->service)), pb_str_c(p->region),
                    pb_str_c(p->bucket), &q};
    aws_address out = {0};
    pb_str code = {NULL, 0}, message = {NULL, 0};
    bool ok = aws_address_of(a, m, &t, &out, &code, &message);
    CHECK_STR(ok ? out.url.s : NULL, p->url ? p->url : "");
    if (ok) CHECK(pb_str_is(out.signing_region, p->signing));
}

static void check_refused(pb_arena *a, const char *service, const char *region, const char *bucket,
                          const char *code_want) {
    const aws_model *m = aws_model_get();
    aws_request q = {.method = "GET", .path = PB_STR("/")};
    aws_target t = {aws_settings_read(a), aws_service_find(m, pb_str_c(service)), pb_str_c(region), pb_str_c(bucket),
                    &q};
    aws_address out = {0};
    pb_str code = {"", 0}, message = {NULL, 0};
    CHECK(!aws_address_of(a, m, &t, &out, &code, &message));
    CHECK(pb_str_is(code, code_want));
    CHECK(message.n > 10);
}

static void test_addresses(pb_arena *a) {
    static const place aws[] = {
        {"ec2", "eu-west-1", "", "/", "", "https://ec2.eu-west-1.amazonaws.com/", "eu-west-1"},
        {"iam", "eu-west-1", "", "/", "", "https://iam.amazonaws.com/", "us-east-1"},
        {"sts", "eu-west-1", "", "/", "", "https://sts.eu-west-1.amazonaws.com/", "eu-west-1"},
        {"ec2", "cn-north-1", "", "/", "", "https://ec2.cn-north-1.amazonaws.com.cn/", "cn-north-1"},
        {"s3", "eu-west-1", "my-bucket", "/my-bucket/a%20b", "", "https://my-bucket.s3.eu-west-1.amazonaws.com/a%20b",
         "eu-west-1"},
        {"s3", "eu-west-1", "my-bucket", "/my-bucket", "", "https://my-bucket.s3.eu-west-1.amazonaws.com/",
         "eu-west-1"},
        {"s3", "eu-west-1", "my.bucket", "/my.bucket/k", "", "https://s3.eu-west-1.amazonaws.com/my.bucket/k",
         "eu-west-1"},
        {"s3", "eu-west-1", "Big_One", "/Big_One", "", "https://s3.eu-west-1.amazonaws.com/Big_One", "eu-west-1"},
        {"s3control", "eu-west-1", "", "/v20180820/x", "123456789012.",
         "https://123456789012.s3-control.eu-west-1.amazonaws.com/v20180820/x", "eu-west-1"},
    };
    static const place local[] = {
        {"s3", "eu-west-1", "my-bucket", "/my-bucket/k", "", "http://127.0.0.1:4566/my-bucket/k", "eu-west-1"},
        {"s3control", "eu-west-1", "", "/v20180820/x", "123456789012.", "http://127.0.0.1:4566/v20180820/x",
         "eu-west-1"},
        {"iam", "eu-west-1", "", "/", "", "https://iam.example.org/base/", "us-east-1"},
    };
    CASE("AWS's own hosts, buckets in the host where they can be") {
        for (size_t i = 0; i < sizeof aws / sizeof *aws; i++) check_place(a, &aws[i]);
    }
    CASE("endpoints of one's own, for all services and for one") {
        setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/", 1);
        setenv("AWS_ENDPOINT_URL_IAM", "https://iam.example.org:443/base/", 1);
        for (size_t i = 0; i < sizeof local / sizeof *local; i++) check_place(a, &local[i]);
        setenv("AWS_ENDPOINT_URL", "https://proxy.example.org", 1);
        check_place(a, &(place){"s3control", "eu-west-1", "", "/v", "123456789012.",
                                "https://123456789012.proxy.example.org/v", "eu-west-1"});
        setenv("AWS_ENDPOINT_URL", "ftp://x", 1);
        check_refused(a, "ec2", "eu-west-1", "", "endpoint");
        setenv("AWS_ENDPOINT_URL", "http://user@x/", 1);
        check_refused(a, "ec2", "eu-west-1", "", "endpoint");
        unsetenv("AWS_ENDPOINT_URL");
        unsetenv("AWS_ENDPOINT_URL_IAM");
    }
    CASE("the region is the event's, else the environment's, and never something else") {
        setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
        check_place(a, &(place){"ec2", "", "", "/", "", "https://ec2.us-west-2.amazonaws.com/", "us-west-2"});
        setenv("AWS_REGION", "eu-north-1", 1);
        check_place(a, &(place){"ec2", "", "", "/", "", "https://ec2.eu-north-1.amazonaws.com/", "eu-north-1"});
        check_place(a, &(place){"ec2", "eu-west-3", "", "/", "", "https://ec2.eu-west-3.amazonaws.com/", "eu-west-3"});
        unsetenv("AWS_REGION");
        unsetenv("AWS_DEFAULT_REGION");
        check_refused(a, "ec2", "", "", "region");
        check_refused(a, "ec2", "evil.example.org/", "", "region");
        check_refused(a, "ec2", "eu-west-1.evil", "", "region");
        check_refused(a, "s3", "eu-west-1", "arn:aws:s3:eu-west-1:123456789012:accesspoint/x", "bucket");
        setenv("AWS_USE_FIPS_ENDPOINT", "true", 1);
        check_place(a, &(place){"ec2", "us-east-1", "", "/", "", "https://ec2-fips.us-east-1.amazonaws.com/", "us-east-1"});
        setenv("AWS_USE_DUALSTACK_ENDPOINT", "true", 1);
        check_place(a, &(place){"s3", "us-west-2", "my-bucket", "/my-bucket/k", "",
                                "https://my-bucket.s3-fips.dualstack.us-west-2.amazonaws.com/k", "us-west-2"});
        unsetenv("AWS_USE_FIPS_ENDPOINT");
        check_refused(a, "ec2", "us-iso-east-1", "", "region");
        setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
        check_refused(a, "ec2", "eu-west-1", "", "endpoint");
        unsetenv("AWS_ENDPOINT_URL");
        unsetenv("AWS_USE_DUALSTACK_ENDPOINT");
    }
}

/* ---- tries ---- */

static aws_failure class_of(int status, const char *code) { return aws_failure_of(status, pb_str_c(code)); }
static bool twice(const char *service, const char *op, pb_effect e, bool token) {
    return aws_repeatable(pb_str_c(service), pb_str_c(op), e, token);
}

static void test_retry(void) {
    CASE("throttling is tried again, quotas are not") {
        CHECK(class_of(400, "Throttling") == AWS_FAIL_THROTTLED);
        CHECK(class_of(503, "RequestLimitExceeded") == AWS_FAIL_THROTTLED);
        CHECK(class_of(429, "Whatever") == AWS_FAIL_THROTTLED);
        CHECK(class_of(409, "LimitExceeded") == AWS_FAIL_FINAL);
        CHECK(class_of(400, "LimitExceededException") == AWS_FAIL_FINAL);
        CHECK(class_of(400, "WAFLimitsExceededException") == AWS_FAIL_FINAL);
        CHECK(class_of(500, "InternalError") == AWS_FAIL_SERVER);
        CHECK(class_of(504, "") == AWS_FAIL_LOST);
        CHECK(class_of(403, "UnauthorizedOperation") == AWS_FAIL_DENIED);
        CHECK(class_of(503, "AccessDenied") == AWS_FAIL_DENIED);
    }
    CASE("only what does no harm twice is repeated after a lost answer") {
        CHECK(twice("ec2", "DescribeInstances", PB_READ, false));
        CHECK(twice("ec2", "ModifyNetworkInterfaceAttribute", PB_CONTAIN, false));
        CHECK(twice("iam", "PutUserPolicy", PB_CONTAIN, false));
        CHECK(twice("ec2", "RunInstances", PB_CONTAIN, true));
        CHECK(!twice("ec2", "CreateSnapshots", PB_CONTAIN, false));
        CHECK(!twice("sns", "Publish", PB_NOTIFY, false));
        CHECK(!twice("events", "PutEvents", PB_NOTIFY, false));
        CHECK(!twice("lambda", "Invoke", PB_CONTAIN, false));
        CHECK(!twice("ssm", "SendCommand", PB_CONTAIN, false));
    }
    CASE("in doubt only what sets something, or has a token, is sent again") {
        static const struct {
            const char *service, *operation;
            bool token, again;
        } t[] = {{"ec2", "RunInstances", true, true},        {"ec2", "RunInstances", false, false},
                 {"ec2", "CreateTags", false, true},         {"ec2", "ModifyInstanceAttribute", false, true},
                 {"iam", "PutUserPolicy", false, true},      {"iam", "UpdateAccessKey", false, true},
                 {"iam", "AttachUserPolicy", false, true},   {"ec2", "AttachVolume", false, false},
                 {"ec2", "RevokeSecurityGroupIngress", false, false}, {"iam", "DeleteAccessKey", false, false},
                 {"ec2", "CreateSnapshot", false, false},    {"sns", "Publish", false, false},
                 {"dynamodb", "UpdateItem", false, false},   {"kinesis", "PutRecord", false, false},
                 {"s3", "PutPublicAccessBlock", false, true}, {"ec2", "TerminateInstances", false, false}};
        for (size_t i = 0; i < sizeof t / sizeof *t; i++)
            CHECK(aws_settles(pb_str_c(t[i].service), pb_str_c(t[i].operation), PB_CONTAIN, t[i].token) == t[i].again);
        CHECK(aws_settles(PB_STR("ec2"), PB_STR("DescribeInstances"), PB_READ, false));
    }
    CASE("pauses: full jitter, doubled, capped; knobs win") {
        aws_retry_policy p = aws_retry_policy_of(PB_STR("ec2"), 0, 0);
        CHECK(p.tries == 8 && p.base_ms == 1000 && p.cap_ms == 20000);
        for (uint64_t r = 0; r < 100000; r += 777) {
            CHECK(aws_retry_delay(&p, 1, r) <= 1000);
            CHECK(aws_retry_delay(&p, 3, r) <= 4000);
            CHECK(aws_retry_delay(&p, 60, r) <= 20000);
        }
        CHECK(aws_retry_delay(&p, 60, 20000) == 20000);
        p = aws_retry_policy_of(PB_STR("dynamodb"), 0, 0);
        CHECK(p.tries == 10 && p.base_ms == 50);
        p = aws_retry_policy_of(PB_STR("ec2"), 3, 7);
        CHECK(p.tries == 3 && p.base_ms == 7);
    }
}

static bool partly(pb_arena *a, const char *service, const char *op, const char *json, const char *code, uint32_t n) {
    pb_value v;
    pb_str err, got = {"", 0}, message = {"", 0};
    uint32_t failed;
    if (!pb_json_parse(a, json, strlen(json), &v, &err)) return false;
    bool found = aws_partial_failure(pb_str_c(service), pb_str_c(op), &v, &got, &message, &failed);
    return found == (n > 0) && failed == n && pb_str_is(got, code);
}

static void test_partial(pb_arena *a) {
    CASE("a 200 in which items failed is a failure") {
        CHECK(partly(a, "securityhub", "BatchUpdateFindings",
                     "{\"UnprocessedFindings\":[{\"ErrorCode\":\"FindingNotFound\"},{\"ErrorCode\":\"X\"}]}",
                     "FindingNotFound", 2));
        CHECK(partly(a, "resourcegroupstaggingapi", "TagResources",
                     "{\"FailedResourcesMap\":{\"arn:x\":{\"ErrorCode\":\"InvalidParameterException\"}}}",
                     "InvalidParameterException", 1));
        CHECK(partly(a, "ec2", "CreateFlowLogs", "{\"Unsuccessful\":[{\"Error\":{\"Code\":\"FlowLogAlreadyExists\"}}]}",
                     "FlowLogAlreadyExists", 1));
        CHECK(partly(a, "events", "PutEvents",
                     "{\"Entries\":[{\"EventId\":\"1\"},{\"ErrorCode\":\"InternalFailure\"}]}", "InternalFailure", 1));
        CHECK(partly(a, "events", "PutEvents", "{\"Entries\":[{\"EventId\":\"1\"}]}", "", 0));
        CHECK(partly(a, "securityhub", "BatchUpdateFindings", "{\"UnprocessedFindings\":[]}", "", 0));
        CHECK(partly(a, "iam", "UpdateAccessKey", "{}", "", 0));
    }
}

/* ---- credentials ---- */

static pb_str why_not(aws_credentials *x) {
    sigv4_credentials c;
    pb_str why = {"", 0};
    CHECK(aws_credentials_get(x, &c, &why) == AWS_KEYS_FAILED);
    return why;
}

static void test_credentials(void) {
    CASE("missing or mangled credentials are named, never shown") {
        sigv4_credentials c;
        pb_str why;
        unsetenv("AWS_ACCESS_KEY_ID");
        unsetenv("AWS_SECRET_ACCESS_KEY");
        aws_credentials *x = aws_credentials_new(NULL);
        CHECK(aws_credentials_get(x, &c, &why) == AWS_KEYS_LATER);
        setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE", 1);
        CHECK(strstr(why_not(x).s, "AWS_SECRET_ACCESS_KEY is not"));
        setenv("AWS_SECRET_ACCESS_KEY", "geheim\n", 1);
        CHECK(strstr(why_not(x).s, "white space") && !strstr(why_not(x).s, "geheim"));
        setenv("AWS_SECRET_ACCESS_KEY", "geheim", 1);
        CHECK(aws_credentials_get(x, &c, &why) == AWS_KEYS_READY);
        CHECK(pb_str_is(c.secret_key, "geheim") && c.session_token.n == 0);
        CHECK(!aws_credentials_expired(x, PB_STR("AKIAEXAMPLE")));
        aws_credentials_free(x);
        unsetenv("AWS_ACCESS_KEY_ID");
        unsetenv("AWS_SECRET_ACCESS_KEY");
    }
}

/* ---- out of memory ---- */

static void count_done(void *ctx, const aws_outcome *o) {
    int *calls = ctx;
    ++*calls;
    CHECK(!o->ok && o->code.n > 0 && o->message.n > 0);
}

static void test_memory(void) {
    CASE("a call whose outcome finds no memory still ends once, with a code and a message") {
        const aws_model *m = aws_model_get();
        aws_op op = aws_op_find(m, aws_service_find(m, PB_STR("iam")), PB_STR("ListUsers"));
        pb_entry wrong = {PB_STR("Nonsense"), {PB_BOOL, 0, {.b = true}}};
        pb_value input = {PB_MAP, 1, {.entries = &wrong}};
        aws_client *client = aws_client_new();
        pb_loop *loop = pb_loop_new();
        for (size_t i = 0; i < 20; i++) {
            pb_arena *a = pb_arena_new(0);
            int calls = 0;
            aws_call_spec spec = {.op = op, .input = input, .deadline_ms = pb_loop_mono_ms() + 1000, .arena = a};
            pb_arena_fail_after(a, i);
            CHECK(!aws_client_start(client, loop, &spec, count_done, &calls));
            CHECK(calls == 1);
            pb_arena_free(a);
        }
        pb_loop_free(loop);
        aws_client_free(client);
    }
}

/* ---- Slack's text ---- */

static void test_slack_text(pb_arena *a) {
    CASE("an attacker's text stays text in Slack") {
        CHECK_STR(slack_escape(a, PB_STR("<!channel> <http://x|bank> & co")).s,
                  "&lt;!channel&gt; &lt;http://x|bank&gt; &amp; co");
        CHECK_STR(slack_escape(a, PB_STR("a\x01"
                                         "b\x7f"
                                         "c\r\n\td"))
                      .s,
                  "a b c \n\td");
        CHECK_STR(slack_escape(a, PB_STR("x\xE2\x80\xAEy\xE2\x81\xA6z")).s, "x\xEF\xBF\xBDy\xEF\xBF\xBDz");
        CHECK_STR(slack_escape(a, PB_STR("&amp;")).s, "&amp;amp;");
    }
    CASE("a long text is cut between characters, and says so") {
        char *big = pb_alloc(a, 3 * 5000 + 1);
        for (int i = 0; i < 5000; i++) memcpy(big + 3 * i, "漢", 3);
        pb_str r = slack_escape(a, (pb_str){big, 15000});
        CHECK(r.n < 3900 * 3 + 60 && strstr(r.s, "漢… (1100 more characters left out)"));
        CHECK_STR(slack_escape(a, PB_STR("a\xE2\x80")).s,
                  "a\xE2\x80"); /* cut off inside a character: no reading past it */
    }
}

/* ---- the hosts and their declarations ---- */

/* "extern action NAME(...)... EFFECT" at p; false when it is not one. */
static bool extern_at(const char *p, size_t n, pb_str *name, pb_str *effect) {
    static const char start[] = "extern action ";
    const char *end = memchr(p, '\n', n);
    size_t line = end ? (size_t)(end - p) : n, from = sizeof start - 1;
    if (line < from || memcmp(p, start, from) != 0) return false;
    size_t i = from;
    while (i < line && p[i] != '(') i++;
    *name = (pb_str){p + from, (uint32_t)(i - from)};
    const char *comment = memchr(p, '#', line);
    size_t to = comment ? (size_t)(comment - p) : line;
    while (to && (p[to - 1] == ' ' || p[to - 1] == '\r')) to--;
    size_t at = to;
    while (at && p[at - 1] != ' ') at--;
    *effect = (pb_str){p + at, (uint32_t)(to - at)};
    return true;
}

/* Hosts of `test` blocks are not here: they come with the tests (stdlib/testing). */
static int check_source(const builtin_source *s) {
    int found = 0;
    if (strstr(s->path, "/testing/")) return 0;
    for (size_t i = 0; i < s->size; i++) {
        pb_str name, effect;
        pb_host host;
        if ((i && s->text[i - 1] != '\n') || !extern_at(s->text + i, s->size - i, &name, &effect)) continue;
        found++;
        bool there = hosts_resolve(NULL, name, &host);
        if (!there) printf("# %s declares %.*s\n", s->path, PB_ARG(name));
        CHECK(there);
        if (there) CHECK(pb_str_is(effect, pb_effect_name(host.effect)));
    }
    return found;
}

static void test_hosts(void) {
    CASE("every extern action has its host in C with the same effect, and every host its declaration") {
        size_t n = 0;
        int declared = 0;
        uint32_t hosts = 0;
        pb_str name;
        pb_effect effect;
        const builtin_source *s = stdlib_sources(&n);
        for (size_t i = 0; i < n; i++) declared += check_source(&s[i]);
        while (hosts_at(hosts, &name, &effect)) hosts++;
        CHECK(declared == (int)hosts);
    }
    CASE("providers find aws operations and hosts by name, and are closed in any order") {
        size_t n;
        pb_host h;
        const pb_host_provider *p = stdlib_providers(&n);
        CHECK(n == 2 && p[0].resolve(p[0].state, PB_STR("aws.ec2.DescribeInstances"), &h) && h.effect == PB_READ);
        CHECK(!p[0].resolve(p[0].state, PB_STR("aws.ec2.DescribeInstance"), &h));
        CHECK(!p[0].resolve(p[0].state, PB_STR("aws.ec2"), &h));
        CHECK(p[1].resolve(p[1].state, PB_STR("slack.post"), &h) && h.effect == PB_NOTIFY);
        void (*close0)(void *) = p[0].close, (*close1)(void *) = p[1].close;
        void *state0 = p[0].state, *state1 = p[1].state;
        close1(state1);
        close0(state0);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--serve") == 0) return serve();
    pb_arena *a = pb_arena_new(0);
    test_addresses(a);
    test_retry();
    test_partial(a);
    test_credentials();
    test_memory();
    test_slack_text(a);
    test_hosts();
    pb_arena_free(a);
    return check_done();
}
