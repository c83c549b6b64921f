/*
 * waiter.c - the life of one wait.
 *
 *     ask → answer → judged by the acceptors in order; the first that fits decides
 *         success: done     failure: WaiterFailed     retry, or none fits: a pause, then ask again
 *         none fits an answer that is an error: that error
 *
 * The pause is the model's delay, but the last question is asked shortly before the deadline, whatever the delay. What
 * a wait knows is its input and its deadline: nothing is lost when it begins again, which is how a run that was
 * interrupted takes it up.
 *
 * Each answer has an arena of its own that goes with it, so that an hour of asking does not fill the run's memory.
 */
#include "stdlib/aws/waiter.h"

#include "stdlib/aws/jmespath.h"
#include "stdlib/aws/pages.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    POLL_MEMORY = 64 << 20, /* as a run has */
    LAST_MS = 2000,         /* the last question is asked that long before the deadline (or a tenth of the time) */
    MARGIN_MS = 50,         /* we end that long before it: our error says more than "timeout" */
    SEEN_MAX = 200,         /* bytes kept of what was seen, for messages */
    DELAY_MAX_MS = 3600000
};

struct aws_wait {
    aws_client *client;
    pb_loop *loop;
    aws_call_spec spec;
    aws_done_fn *done;
    void *ctx;
    aws_waiter waiter;
    aws_waiter_info info;
    int64_t started_ms, delay_ms, last_ms;
    uint32_t polls;
    int64_t attempts;
    pb_arena *arena; /* of the question under way */
    aws_pages *call;
    pb_timer *timer;
    char seen[SEEN_MAX + 1];
    pb_str request_id, region; /* of the last answer */
    pb_value status;
};

/* ---- judging ---- */

static bool is_expected(const aws_acceptor *x, pb_value v) {
    if (x->is_bool) return v.kind == PB_BOOL && v.u.b == x->yes;
    if (x->is_number) return v.kind == PB_INT && v.u.i == x->number;
    return v.kind == PB_STRING && pb_str_eq(pb_text(v), x->text);
}

/* all: every item is the expected one, else: some is. A list without items is neither. */
static bool items_fit(const aws_acceptor *x, pb_value v, bool all) {
    if (v.kind != PB_LIST || v.n == 0) return false;
    for (uint32_t i = 0; i < v.n; i++)
        if (is_expected(x, v.u.items[i]) != all) return !all;
    return all;
}

static bool fits(pb_arena *a, const aws_acceptor *x, const aws_outcome *o, pb_value *value) {
    *value = PB_NONE_VALUE;
    if (x->matcher == AWS_MATCH_ERROR) return !o->ok && pb_str_eq(o->code, x->text);
    if (x->matcher == AWS_MATCH_STATUS) return is_expected(x, pb_get_c(o->meta, "http_status"));
    const jmespath *e = o->ok ? jmespath_parse(a, x->argument) : NULL;
    if (!e) return false;
    *value = jmespath_eval(e, o->value, a);
    return x->matcher == AWS_MATCH_PATH ? is_expected(x, *value) : items_fit(x, *value, x->matcher == AWS_MATCH_ALL);
}

bool aws_waiter_judge(pb_arena *a, aws_waiter w, const aws_outcome *o, aws_state *state, pb_value *value) {
    const aws_model *m = aws_model_get();
    aws_waiter_info info;
    aws_acceptor x;
    aws_waiter_get(m, w, &info);
    for (uint32_t i = 0; i < info.nacceptors; i++) {
        aws_waiter_acceptor(m, &info, i, &x);
        if (!fits(a, &x, o, value)) continue;
        *state = x.state;
        return true;
    }
    return false;
}

/* What the first acceptor that looks at the answer sees, for people. */
static void look(aws_wait *w, const aws_outcome *o) {
    aws_acceptor x;
    pb_value v = PB_NONE_VALUE;
    uint32_t i = 0;
    if (!o->ok && pb_str_is(o->code, "timeout") && w->seen[0]) return; /* the wait was over: what AWS said before counts */
    w->seen[0] = 0;
    for (x.matcher = AWS_MATCH_ERROR; i < w->info.nacceptors && x.matcher > AWS_MATCH_ANY; i++)
        aws_waiter_acceptor(aws_model_get(), &w->info, i, &x);
    if (!o->ok) {
        snprintf(w->seen, sizeof w->seen, "AWS answered %.*s", PB_ARG(o->code));
        return;
    }
    if (x.matcher > AWS_MATCH_ANY) return;
    fits(w->arena, &x, o, &v);
    pb_str text = pb_json_text(w->arena, v);
    snprintf(w->seen, sizeof w->seen, "%.*s is %.*s", PB_ARG(x.argument), PB_ARG(text));
    size_t n = strlen(w->seen);
    while (n && !pb_utf8_valid(w->seen, n)) w->seen[--n] = 0; /* not cut inside a character */
}

/* ---- the end ---- */

static pb_str host_name(const aws_wait *w) {
    const aws_model *m = aws_model_get();
    aws_service_info s;
    aws_service_get(m, aws_op_service(m, w->info.op), &s);
    return pb_printf(w->spec.arena, "%.*s.wait.%.*s", PB_ARG(s.name), PB_ARG(w->info.name));
}

static pb_value meta_of(const aws_wait *w) {
    pb_map_builder b = {.arena = w->spec.arena};
    pb_map_add(&b, PB_STR("operation"), pb_string(host_name(w)));
    if (w->region.n) pb_map_add(&b, PB_STR("region"), pb_string(w->region));
    pb_map_add(&b, PB_STR("attempts"), pb_int(w->attempts));
    pb_map_add(&b, PB_STR("polls"), pb_int(w->polls));
    if (w->status.kind == PB_INT) pb_map_add(&b, PB_STR("http_status"), w->status);
    if (w->request_id.n) pb_map_add(&b, PB_STR("request_id"), pb_string(w->request_id));
    if (w->seen[0]) pb_map_add(&b, PB_STR("seen"), pb_string(pb_strdup(w->spec.arena, w->seen, strlen(w->seen))));
    return pb_map_done(&b);
}

static void forget_answer(aws_wait *w) {
    pb_arena_free(w->arena);
    w->arena = NULL;
}

static void end(aws_wait *w, aws_outcome o) {
    pb_arena *a = w->spec.arena;
    o.meta = meta_of(w);
    if (!o.ok) { /* its texts may be the answer's */
        o.code = pb_strdup(a, o.code.s ? o.code.s : "", o.code.n);
        o.message = pb_strdup(a, o.message.s ? o.message.s : "", o.message.n);
        if (!o.code.s) o.code = PB_STR("memory");
        if (!o.message.s) o.message = PB_STR("out of memory");
    }
    forget_answer(w);
    w->done(w->ctx, &o);
}

static void end_failed(aws_wait *w) {
    pb_arena *a = w->spec.arena;
    end(w, (aws_outcome){.code = PB_STR("WaiterFailed"),
                         .message = pb_printf(a, "%.*s: this will not come about any more: %s", PB_ARG(host_name(w)),
                                              w->seen[0] ? w->seen : "AWS's answer says so")});
}

static void end_late(aws_wait *w) {
    pb_arena *a = w->spec.arena;
    int64_t s = (w->spec.deadline_ms - w->started_ms + 500) / 1000;
    pb_str limit = pb_display(a, pb_duration(s > 0 ? s * 1000 : w->spec.deadline_ms - w->started_ms));
    end(w, (aws_outcome){.code = PB_STR("WaiterTimeout"),
                         .message = pb_printf(a, "%.*s: not so after %.*s (asked %u times)%s%s", PB_ARG(host_name(w)),
                                              PB_ARG(limit), w->polls, w->seen[0] ? "; last seen: " : "", w->seen)});
}

/* ---- asking ---- */

static void ask(aws_wait *w);

static void on_timer(void *ctx) {
    aws_wait *w = ctx;
    w->timer = NULL;
    ask(w);
}

static int64_t time_left(const aws_wait *w) { return w->spec.deadline_ms - pb_loop_mono_ms(); }

static void pause_then_ask(aws_wait *w) {
    int64_t left = time_left(w) - w->last_ms, ms = w->delay_ms < left ? w->delay_ms : left;
    if (left <= 0) {
        end_late(w);
        return;
    }
    forget_answer(w);
    w->timer = pb_timer_start(w->loop, ms, on_timer, w);
    if (!w->timer) end(w, (aws_outcome){.code = PB_STR("memory"), .message = PB_STR("out of memory")});
}

static pb_str kept(aws_wait *w, pb_str old, pb_value v) {
    if (v.kind != PB_STRING || pb_str_eq(old, pb_text(v))) return old;
    pb_str s = pb_strdup(w->spec.arena, v.u.s, v.n);
    return s.s ? s : old;
}

static void note(aws_wait *w, pb_value meta) {
    pb_value n = pb_get_c(meta, "attempts");
    w->attempts += n.kind == PB_INT ? n.u.i : 0;
    w->status = pb_get_c(meta, "http_status");
    w->request_id = kept(w, w->request_id, pb_get_c(meta, "request_id"));
    w->region = kept(w, w->region, pb_get_c(meta, "region"));
}

static void on_answer(void *ctx, const aws_outcome *o) {
    aws_wait *w = ctx;
    aws_state state = AWS_RETRY;
    pb_value value;
    w->call = NULL;
    w->polls++;
    note(w, o->meta);
    look(w, o);
    bool judged = aws_waiter_judge(w->arena, w->waiter, o, &state, &value);
    bool late = pb_str_is(o->code, "timeout") && time_left(w) <= w->last_ms;
    if (judged && state == AWS_SUCCESS)
        end(w, (aws_outcome){.ok = true, .value = PB_NONE_VALUE});
    else if (judged && state == AWS_FAILURE)
        end_failed(w);
    else if (!judged && !o->ok && !late)
        end(w, (aws_outcome){.code = o->code,
                             .message = o->message,
                             .conflict = o->conflict,
                             .throttled = o->throttled,
                             .status = o->status});
    else
        pause_then_ask(w);
}

/* Afterwards w may be gone. */
static void ask(aws_wait *w) {
    w->arena = pb_arena_new(POLL_MEMORY);
    if (!w->arena) {
        end(w, (aws_outcome){.code = PB_STR("memory"), .message = PB_STR("out of memory")});
        return;
    }
    aws_call_spec spec = w->spec;
    spec.op = w->info.op;
    spec.arena = w->arena;
    spec.deadline_ms -= MARGIN_MS;
    aws_pages *call = aws_pages_start(w->client, w->loop, &spec, on_answer, w);
    if (call) w->call = call;
}

/* ---- starting ---- */

static int64_t delay_of(const aws_waiter_info *info) {
    const char *v = getenv("PB_WAIT_DELAY_MS");
    char *stop = NULL;
    long long n = v ? strtoll(v, &stop, 10) : 0;
    if (v && stop != v && !*stop && n > 0) return n < DELAY_MAX_MS ? n : DELAY_MAX_MS;
    return info->delay_s < DELAY_MAX_MS / 1000 ? (int64_t)info->delay_s * 1000 : DELAY_MAX_MS;
}

aws_wait *aws_wait_start(aws_client *c, pb_loop *loop, aws_waiter waiter, const aws_call_spec *spec, aws_done_fn *done,
                         void *ctx) {
    aws_start_guard g = {done, ctx, false};
    aws_wait *w = pb_alloc(spec->arena, sizeof *w);
    if (!w) {
        done(ctx, &(aws_outcome){.code = PB_STR("memory"), .message = PB_STR("out of memory"), .meta = PB_NONE_VALUE});
        return NULL;
    }
    *w = (aws_wait){.client = c, .loop = loop, .spec = *spec, .done = aws_guard_done, .ctx = &g, .waiter = waiter};
    aws_waiter_get(aws_model_get(), waiter, &w->info);
    w->started_ms = pb_loop_mono_ms();
    w->delay_ms = delay_of(&w->info);
    w->last_ms = (spec->deadline_ms - w->started_ms) / 10;
    if (w->last_ms > LAST_MS) w->last_ms = LAST_MS;
    if (w->last_ms < MARGIN_MS) w->last_ms = MARGIN_MS;
    ask(w);
    if (g.ended) return NULL;
    w->done = done;
    w->ctx = ctx;
    return w;
}

void aws_wait_cancel(aws_wait *w, pb_value *meta) {
    pb_value last = PB_NONE_VALUE;
    if (!w) return;
    if (w->timer) pb_timer_cancel(w->timer);
    if (w->call) {
        aws_pages_cancel(w->call, &last);
        note(w, last);
    }
    if (meta) *meta = meta_of(w);
    forget_answer(w);
}
