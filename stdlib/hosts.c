/*
 * hosts.c - the table of hosts in C, and the smallest of them.
 *
 * `now` and `pause` are `read`: they change nothing in the world, so they also work in a dry run, where a pause passes
 * at once. They go through the gate like all else that is not computed, so that a journal can give a resumed run the
 * same time again.
 */
#include "stdlib/hosts.h"

#include "stdlib/slack.h"

enum { PAUSE_MAX_MS = 60000 /* what takes longer than a minute is a matter for `verify` or `wait` */ };

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

static const struct {
    const char *name;
    pb_effect effect;
    pb_host_fn *fn;
    pb_host_cancel_fn *cancel;
} HOSTS[] = {
    {"now", PB_READ, host_now, NULL},
    {"pause", PB_READ, host_pause, cancel_pause},
    {"slack.post", PB_NOTIFY, slack_post, slack_cancel},
};
enum { NHOSTS = sizeof HOSTS / sizeof *HOSTS };

bool hosts_resolve(void *state, pb_str name, pb_host *out) {
    for (uint32_t i = 0; i < NHOSTS; i++) {
        if (!pb_str_is(name, HOSTS[i].name)) continue;
        *out = (pb_host){.effect = HOSTS[i].effect, .fn = HOSTS[i].fn, .cancel = HOSTS[i].cancel, .state = state};
        return true;
    }
    return false;
}

bool hosts_at(uint32_t i, pb_str *name, pb_effect *effect) {
    if (i >= NHOSTS) return false;
    *name = pb_str_c(HOSTS[i].name);
    *effect = HOSTS[i].effect;
    return true;
}
