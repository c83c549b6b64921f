/*
 * pages.c - expressions of paginators and waiters, and that the whole table's are understood. With --serve it answers
 * JSON lines for tests/aws/test_pages.py and test_waiters.py: the table's paginators and waiters, the value of an
 * expression, a waiter's judgement of an answer.
 */
#include "stdlib/aws/pages.h"
#include "stdlib/aws/jmespath.h"
#include "stdlib/aws/rate.h"
#include "stdlib/aws/retry.h"
#include "stdlib/aws/waiter.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- --serve ---- */

static pb_value texts(pb_arena *a, const aws_pager *p, uint32_t n,
                      pb_str (*get)(const aws_model *, const aws_pager *, uint32_t)) {
    pb_value *items, list = pb_list_new(a, n, &items);
    for (uint32_t i = 0; i < n; i++) items[i] = pb_string(get(aws_model_get(), p, i));
    return list;
}

static pb_value all_pagers(pb_arena *a) {
    const aws_model *m = aws_model_get();
    pb_map_builder out = {.arena = a};
    aws_service_info info;
    aws_pager p;
    for (aws_op op = 1; aws_op_service(m, op); op++) {
        if (!aws_pager_get(m, op, &p)) continue;
        aws_service_get(m, aws_op_service(m, op), &info);
        pb_map_builder b = {.arena = a};
        pb_map_add(&b, PB_STR("in"), texts(a, &p, p.ntokens, aws_pager_input));
        pb_map_add(&b, PB_STR("out"), texts(a, &p, p.ntokens, aws_pager_output));
        pb_map_add(&b, PB_STR("result"), texts(a, &p, p.nresults, aws_pager_result));
        pb_map_add(&b, PB_STR("limit"), pb_string(p.limit));
        pb_map_add(&b, PB_STR("more"), pb_string(p.more));
        pb_map_add(&b, PB_STR("effect"), pb_string_c(pb_effect_name(aws_op_effect(m, op))));
        pb_map_add(&out, pb_printf(a, "%.*s.%.*s", PB_ARG(info.name), PB_ARG(aws_op_name(m, op))), pb_map_done(&b));
    }
    return pb_map_done(&out);
}

static pb_value all_waiters(pb_arena *a) {
    const aws_model *m = aws_model_get();
    pb_map_builder out = {.arena = a};
    aws_service_info info;
    aws_waiter_info w;
    for (aws_service s = 1; s <= aws_schema()->service_count(m); s++)
        for (uint32_t i = 0; i < aws_waiter_count(m, s); i++) {
            aws_service_get(m, s, &info);
            aws_waiter_get(m, aws_waiter_at(m, s, i), &w);
            pb_map_builder b = {.arena = a};
            pb_map_add(&b, PB_STR("operation"), pb_string(aws_op_name(m, w.op)));
            pb_map_add(&b, PB_STR("delay"), pb_int(w.delay_s));
            pb_map_add(&b, PB_STR("attempts"), pb_int(w.attempts));
            pb_map_add(&b, PB_STR("acceptors"), pb_int(w.nacceptors));
            pb_map_add(&b, PB_STR("effect"), pb_string_c(pb_effect_name(aws_op_effect(m, w.op))));
            pb_map_add(&out, pb_printf(a, "%.*s.%.*s", PB_ARG(info.name), PB_ARG(w.name)), pb_map_done(&b));
        }
    return pb_map_done(&out);
}

static pb_str text(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

/* {service, waiter, answer: value or none, code, status} → "success", "retry", "failure", "none" */
static pb_value judge(pb_arena *a, pb_value q) {
    static const char *const names[] = {"success", "retry", "failure"};
    const aws_model *m = aws_model_get();
    aws_waiter w = aws_waiter_find(m, aws_service_find(m, text(q, "service")), text(q, "waiter"));
    pb_map_builder meta = {.arena = a};
    pb_map_add(&meta, PB_STR("http_status"), pb_get_c(q, "status"));
    aws_outcome o = {.ok = text(q, "code").n == 0,
                     .value = pb_get_c(q, "answer"),
                     .code = text(q, "code"),
                     .meta = pb_map_done(&meta)};
    aws_state state;
    pb_value seen;
    if (!w) return pb_string_c("no such waiter");
    return pb_string_c(aws_waiter_judge(a, w, &o, &state, &seen) ? names[state] : "none");
}

/* [[ms, throttled], ...] → [[measured, fill rate], ...] */
static pb_value rates(pb_arena *a, pb_value events) {
    pb_value *out, *pair, list = pb_list_new(a, events.n, &out);
    aws_rate r = {0};
    if (events.n) aws_rate_take(&r, events.u.items[0].u.items[0].u.i); /* starts its clock */
    for (uint32_t i = 0; i < events.n; i++) {
        pb_value e = events.u.items[i];
        aws_rate_answer(&r, e.u.items[0].u.i, e.u.items[1].u.b);
        out[i] = pb_list_new(a, 2, &pair);
        pair[0] = pb_float(r.measured);
        pair[1] = pb_float(r.fill);
    }
    return list;
}

/* {service, operation, output} → [code, message, failed], or none */
static pb_value partial(pb_arena *a, pb_value q) {
    pb_str code = {"", 0}, message = {"", 0};
    uint32_t failed;
    pb_value out = pb_get_c(q, "output"), *items, list = pb_list_new(a, 3, &items);
    if (!aws_partial_failure(text(q, "service"), text(q, "partial"), &out, &code, &message, &failed))
        return PB_NONE_VALUE;
    items[0] = pb_string(code);
    items[1] = pb_string(message);
    items[2] = pb_int(failed);
    return list;
}

static pb_value answer(pb_arena *a, pb_value q) {
    if (text(q, "partial").n) return partial(a, q);
    if (pb_get_c(q, "rates").kind == PB_LIST) return rates(a, pb_get_c(q, "rates"));
    if (pb_get_c(q, "pagers").kind == PB_BOOL) return all_pagers(a);
    if (pb_get_c(q, "waiters").kind == PB_BOOL) return all_waiters(a);
    if (text(q, "waiter").n) return judge(a, q);
    const jmespath *e = jmespath_parse(a, text(q, "expression"));
    return e ? jmespath_eval(e, pb_get_c(q, "value"), a) : pb_string_c("no expression");
}

static int serve(void) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        pb_arena *a = pb_arena_new(0);
        pb_value q;
        pb_str err, out = PB_STR("\"not JSON\"");
        if (pb_json_parse(a, line, (size_t)n, &q, &err)) out = pb_json_text(a, answer(a, q));
        printf("%.*s\n", PB_ARG(out));
        fflush(stdout);
        pb_arena_free(a);
    }
    free(line);
    return 0;
}

/* ---- expressions ---- */

static const char *eval(pb_arena *a, const char *expression, const char *json) {
    pb_value v;
    pb_str err;
    const jmespath *e = jmespath_parse(a, pb_str_c(expression));
    if (!e) return "refused";
    if (!pb_json_parse(a, json, strlen(json), &v, &err)) return "bad test";
    return pb_json_text(a, jmespath_eval(e, v, a)).s;
}

static void expressions(void) {
    pb_arena *a = pb_arena_new(0);
    CASE("jmespath: names, indexes, projections, flattening, as the specification has them") {
        CHECK_STR(eval(a, "a.b", "{\"a\":{\"b\":1}}"), "1");
        CHECK_STR(eval(a, "a.c", "{\"a\":{\"b\":1}}"), "null");
        CHECK_STR(eval(a, "a[-1].b", "{\"a\":[{\"b\":1},{\"b\":2}]}"), "2");
        CHECK_STR(eval(a, "a[1]", "{\"a\":[0]}"), "null");
        CHECK_STR(eval(a, "a[].b", "{\"a\":[{\"b\":1},{},{\"b\":2}]}"), "[1,2]");
        CHECK_STR(eval(a, "a[].b[].c", "{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]},{\"b\":[{\"c\":3}]}]}"), "[1,2,3]");
        CHECK_STR(eval(a, "a[].b", "{}"), "null");
        CHECK_STR(eval(a, "a.*.b", "{\"a\":{\"x\":{\"b\":1},\"y\":{\"c\":1},\"z\":{\"b\":2}}}"), "[1,2]");
        CHECK_STR(eval(a, "a || b[-1].c", "{\"a\":\"\",\"b\":[{\"c\":\"x\"}]}"), "\"x\"");
        CHECK_STR(eval(a, "a[]", "{\"a\":[[1],2,[[3]]]}"), "[1,2,[3]]");
    }
    CASE("jmespath: conditions") {
        const char *v = "{\"s\":[{\"n\":1,\"d\":[1]},{\"n\":2,\"d\":[1,2]}],\"t\":\"x\"}";
        CHECK_STR(eval(a, "s[?n > `1`].d", v), "[[1,2]]");
        CHECK_STR(eval(a, "length(s[?!(length(d) == `1` && n == `1`)]) == `1`", v), "true");
        CHECK_STR(eval(a, "length(s) > `0`", v), "true");
        CHECK_STR(eval(a, "length(u) == `0`", v), "false");
        CHECK_STR(eval(a, "contains(s[].n, `2`)", v), "true");
        CHECK_STR(eval(a, "t == 'x' || u", v), "true");
        CHECK_STR(eval(a, "u == v", v), "true"); /* null is null */
        CHECK_STR(eval(a, "t > `1`", v), "null");
        CHECK_STR(eval(a, "!t", v), "false");
    }
    CASE("jmespath: what is no expression, or too much of one, is refused") {
        const char *bad[] = {"",   "a.",   ".a",    "a[",  "a[x]", "a[?b", "a b",   "f(a)", "length(a",
                             "`1", "a |b", "a ? b", "a[1", "(a",   "!",    "a.[b]", "a == "};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_STR(eval(a, bad[i], "{}"), "refused");
        char deep[500];
        memset(deep, '(', sizeof deep);
        deep[sizeof deep - 1] = 0;
        CHECK_STR(eval(a, deep, "{}"), "refused");
        memset(deep, '!', 400);
        CHECK_STR(eval(a, deep, "{}"), "refused");
        for (size_t i = 0; i + 2 < sizeof deep; i += 2) memcpy(deep + i, "a.", 2);
        deep[497] = 0;
        CHECK_STR(eval(a, deep, "{}"), "refused");
    }
    CASE("jmespath: no memory is no answer") {
        for (size_t n = 1; n < 12; n++) {
            pb_arena *b = pb_arena_new(0);
            pb_arena_fail_after(b, n);
            const jmespath *e = jmespath_parse(b, PB_STR("a[].b[].c"));
            if (e) jmespath_eval(e, PB_NONE_VALUE, b);
            CHECK(!e || !pb_arena_failed(b) || n > 5);
            pb_arena_free(b);
        }
    }
    pb_arena_free(a);
}

static void table(void) {
    const aws_model *m = aws_model_get();
    pb_arena *a = pb_arena_new(0);
    CASE("every paginator of the table is within the client's limits, its expressions understood, its members there") {
        aws_pager p;
        for (aws_op op = 1; aws_op_service(m, op); op++) {
            if (!aws_pager_get(m, op, &p)) continue;
            CHECK(p.ntokens >= 1 && p.ntokens <= 4 && p.nresults >= 1 && p.nresults <= 8);
            CHECK(!p.more.n || jmespath_parse(a, p.more));
            for (uint32_t i = 0; i < p.ntokens; i++) CHECK(jmespath_parse(a, aws_pager_output(m, &p, i)));
        }
    }
    CASE("every waiter of the table asks something that only reads, and its expressions are understood") {
        aws_waiter_info w;
        aws_acceptor x;
        for (aws_service s = 1; s <= aws_schema()->service_count(m); s++)
            for (uint32_t i = 0; i < aws_waiter_count(m, s); i++) {
                aws_waiter_get(m, aws_waiter_at(m, s, i), &w);
                CHECK(aws_waiter_find(m, s, w.name) == aws_waiter_at(m, s, i));
                CHECK(aws_op_service(m, w.op) == s && w.delay_s && w.attempts && w.nacceptors);
                CHECK(aws_op_effect(m, w.op) == PB_READ || pb_str_is(w.name, "PasswordDataAvailable"));
                for (uint32_t k = 0; k < w.nacceptors; k++) {
                    aws_waiter_acceptor(m, &w, k, &x);
                    CHECK(x.matcher > AWS_MATCH_ANY || jmespath_parse(a, x.argument));
                }
            }
        CHECK(aws_waiter_at(m, 1, 4000000000u) == 0 && aws_waiter_find(m, 0, PB_STR("x")) == 0);
    }
    CASE("a host's name is an operation, a waiter's operation, or nothing") {
        aws_waiter w;
        pb_str wait = PB_STR("aws.ec2.wait.InstanceStopped");
        CHECK(pb_str_is(aws_op_name(m, aws_host_op(m, wait, &w)), "DescribeInstances") && w);
        CHECK(pb_str_is(aws_op_name(m, aws_host_op(m, PB_STR("aws.ec2.StopInstances"), &w)), "StopInstances") && !w);
        CHECK(!aws_host_op(m, PB_STR("aws.ec2.wait.Nothing"), &w) && !aws_host_op(m, PB_STR("aws.ec2"), &w));
        CHECK(!aws_host_op(m, PB_STR("aws."), &w) && !aws_host_op(m, PB_STR("slack.post"), &w));
        CHECK(!aws_host_op(m, PB_STR("aws.nothing.wait.X"), &w) && !aws_host_op(m, PB_STR(""), &w));
    }
    pb_arena_free(a);
}

static void conflicts(void) {
    CASE("conflicts: the codes that ask to read again and to try once more, by service") {
        CHECK(aws_is_conflict(PB_STR("iam"), PB_STR("ConcurrentModification")));
        CHECK(aws_is_conflict(PB_STR("wafv2"), PB_STR("WAFOptimisticLockException")));
        CHECK(aws_is_conflict(PB_STR("network_firewall"), PB_STR("InvalidTokenException")));
        CHECK(!aws_is_conflict(PB_STR("sts"), PB_STR("InvalidTokenException")));
        CHECK(aws_is_conflict(PB_STR("s3"), PB_STR("OperationAborted")));
        CHECK(!aws_is_conflict(PB_STR("guardduty"), PB_STR("ConflictException")));
        CHECK(!aws_is_conflict(PB_STR("iam"), PB_STR("")));
    }
}

static void budgets(void) {
    CASE("the retry budget: spent by retries, refilled by successes, never above its size") {
        aws_budget b = {0};
        for (int i = 0; i < AWS_BUDGET / AWS_RETRY_COST; i++) CHECK(aws_budget_take(&b, AWS_RETRY_COST));
        CHECK(!aws_budget_take(&b, AWS_RETRY_COST));
        for (int i = 0; i < AWS_RETRY_COST; i++) {
            CHECK(!aws_budget_take(&b, AWS_RETRY_COST));
            aws_budget_give(&b, AWS_SUCCESS_GIVES);
        }
        CHECK(aws_budget_take(&b, AWS_RETRY_COST));
        aws_budget_give(&b, 10 * AWS_BUDGET);
        CHECK(b.used == 0);
        for (int i = 0; i < AWS_BUDGET / AWS_TIMEOUT_COST; i++) CHECK(aws_budget_take(&b, AWS_TIMEOUT_COST));
        CHECK(!aws_budget_take(&b, 1));
    }
    CASE("the adaptive rate: nothing waits before AWS throttles; then requests queue, and the rate grows back") {
        aws_rate r = {0};
        int64_t now = 1000000;
        for (int i = 0; i < 100; i++, now += 50) { /* 20 a second */
            CHECK(aws_rate_take(&r, now) == 0);
            aws_rate_answer(&r, now, false);
        }
        CHECK(r.measured > 18 && r.measured < 22);
        aws_rate_answer(&r, now, true);
        CHECK(r.limited && r.fill > 12 && r.fill < 16);
        int64_t first = aws_rate_take(&r, now), second = 0;
        for (int i = 0; i < 50; i++) second = aws_rate_take(&r, now);
        CHECK(second > first && second > 2000 && second < 5000);
        for (int i = 0; i < 50; i++) aws_rate_untake(&r);
        double low = r.fill;
        for (int i = 0; i < 2000; i++, now += 20) aws_rate_answer(&r, now, false);
        CHECK(r.fill > 2 * low && r.fill <= 2 * r.measured);
        CHECK(aws_rate_take(&r, now + 1000) == 0);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--serve") == 0) return serve();
    expressions();
    table();
    conflicts();
    budgets();
    return check_done();
}
