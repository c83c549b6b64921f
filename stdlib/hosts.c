/*
 * hosts.c - the table of hosts in C, and the smallest of them.
 *
 * `now` and `pause` are `read`: they change nothing in the world, so they also work in a dry run, where a pause passes
 * at once. They go through the gate like all else that is not computed, so that a journal can give a resumed run the
 * same time again.
 */
#include "stdlib/hosts.h"

#include "stdlib/slack.h"
#include "stdlib/slack_approval.h"

#include <stdlib.h>

enum { PAUSE_MAX_MS = 60000 /* what takes longer than a minute is a matter for `verify` or `wait` */ };

static const int64_t WAIT_MAX_MS = 30 * (int64_t)86400000; /* longer than that, a response is a project */

static void host_now(const pb_host *h, vm_call *c, pb_loop *loop) {
    (void)h;
    (void)loop;
    vm_return(c, pb_time(pb_loop_wall_ms()));
}

static void pause_over(void *ctx) {
    vm_call *c = ctx;
    c->host_data = NULL;
    vm_return(c, PB_NONE_VALUE);
}

static void host_pause(const pb_host *h, vm_call *c, pb_loop *loop) {
    pb_value time = pb_get_c(c->args, "time"), dry = pb_get_c(pb_call_context(c), "dry_run");
    (void)h;
    if (time.kind != PB_DURATION || time.u.i < 0 || time.u.i > PAUSE_MAX_MS) {
        vm_raise(c, PB_STR("invalid_arguments"),
                 PB_STR("a pause is from 0 to 60 seconds long; to await a state, use `verify`"));
        return;
    }
    pb_timer *t = pb_timer_start(loop, dry.kind == PB_BOOL && dry.u.b ? 0 : time.u.i, pause_over, c);
    if (!t) {
        vm_raise(c, PB_STR("memory"), PB_STR("out of memory"));
        return;
    }
    c->host_data = t;
}

static void cancel_pause(const pb_host *h, vm_call *c) {
    (void)h;
    if (c->host_data) pb_timer_cancel(c->host_data);
    c->host_data = NULL;
}

/* Until a moment that follows from when the step began, so that it is the same whenever the run is taken up. */
static void host_wait(const pb_host *h, vm_call *c, pb_loop *loop) {
    pb_value time = pb_get_c(c->args, "time");
    (void)h;
    (void)loop;
    if (time.kind != PB_DURATION || time.u.i < 0 || time.u.i > WAIT_MAX_MS) {
        vm_raise(c, PB_STR("invalid_arguments"), PB_STR("a wait is from 0 to 30 days long"));
        return;
    }
    int64_t end = c->step->started_ms + time.u.i;
    pb_arena *a = vm_run_arena(c->run);
    if (pb_loop_wall_ms() >= end) {
        vm_return(c, PB_NONE_VALUE);
        return;
    }
    pb_str until = pb_printf(a, "%.*s", PB_ARG(pb_time_text(a, end)));
    pb_call_park(c, end, until.s ? until : PB_STR("a time"));
}

static const struct {
    const char *name;
    pb_effect effect;
    pb_host_fn *fn;
    pb_host_cancel_fn *cancel;
    pb_again again;
    bool parks;
} HOSTS[] = {
    {"now", PB_READ, host_now, NULL, AGAIN_SAFE, false},
    {"pause", PB_READ, host_pause, cancel_pause, AGAIN_SAFE, false},
    {"slack.post", PB_NOTIFY, slack_post, slack_cancel, AGAIN_ASKS, false},
    /* What statements call (lang/image.h); they have no declaration. */
    {HOST_APPROVAL_ASK, PB_NOTIFY, approval_ask, approval_ask_cancel, AGAIN_ASKS, true},
    {HOST_LIMIT_ASK, PB_NOTIFY, limit_ask, approval_ask_cancel, AGAIN_ASKS, true},
    {HOST_WAIT_FOR, PB_NOTIFY, host_wait, NULL, AGAIN_ASKS, true},
};
enum { NHOSTS = sizeof HOSTS / sizeof *HOSTS, NDECLARED = 3 };

bool hosts_resolve(void *state, pb_str name, pb_host *out) {
    for (uint32_t i = 0; i < NHOSTS; i++) {
        if (!pb_str_is(name, HOSTS[i].name)) continue;
        *out = (pb_host){.effect = HOSTS[i].effect,
                         .again = HOSTS[i].again,
                         .parks = HOSTS[i].parks,
                         .fn = HOSTS[i].fn,
                         .cancel = HOSTS[i].cancel,
                         .data = HOSTS[i].parks ? (const void *)slack_channels() : NULL,
                         .state = state};
        return true;
    }
    return false;
}

bool hosts_at(uint32_t i, pb_str *name, pb_effect *effect) {
    if (i >= NDECLARED) return false;
    *name = pb_str_c(HOSTS[i].name);
    *effect = HOSTS[i].effect;
    return true;
}

/* ---- what pbrun tells by itself ---- */

typedef struct notice {
    pb_answer_fn *fn;
    void *ctx;
    slack_call *call;
    bool inside, ended; /* hosts_ask has not returned; fn has been called */
} notice;

static void notice_posted(void *ctx, const slack_outcome *o) {
    notice *n = ctx;
    pb_answer_fn *fn = n->fn;
    void *to = n->ctx;
    n->ended = true;
    if (!n->inside) free(n);
    fn(to, &(pb_answer){.ok = o->ok, .value = o->value, .code = o->code, .message = o->message});
}

static pb_str text_arg(pb_value args, const char *key) {
    pb_value v = pb_get_c(args, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){"", 0};
}

void *hosts_ask(void *state, pb_loop *l, const pb_question *q, pb_answer_fn *fn, void *ctx) {
    bool known = pb_str_is(q->host, "slack.post");
    notice *n = known ? calloc(1, sizeof *n) : NULL;
    (void)state;
    if (!n) {
        fn(ctx, &(pb_answer){.code = known ? PB_STR("memory") : PB_STR("internal"),
                             .message = known ? PB_STR("out of memory") : PB_STR("there is no such host")});
        return NULL;
    }
    *n = (notice){.fn = fn, .ctx = ctx, .inside = true};
    slack_message m = {.channel = text_arg(q->args, "channel"),
                       .text = text_arg(q->args, "text"),
                       .deadline_ms = q->deadline_ms,
                       .arena = q->arena,
                       .site = q->site};
    n->call = slack_start(l, &m, notice_posted, n);
    n->inside = false;
    if (!n->ended) return n;
    free(n);
    return NULL;
}

void hosts_unask(void *state, void *asked) {
    notice *n = asked;
    (void)state;
    slack_stop(n->call);
    free(n);
}
