/*
 * credentials.c - holds credentials and renews them before they end.
 *
 * Keys with an end are renewed five minutes before it, or when three quarters of their life are over if that is later,
 * so that what is signed now is still good when it arrives. When renewing fails and the old keys have not ended yet,
 * they are used on and the next try waits half a minute. Files, environment and profiles are read anew for each fetch,
 * so keys that a person replaces meanwhile are found.
 *
 * All texts of a fetch, keys included, live in one arena, which is wiped when others take their place and at the end.
 */
#include "stdlib/aws/credentials.h"

#include "stdlib/aws/fetch.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum {
    RENEW_BEFORE_MS = 5 * 60 * 1000,
    PAUSE_MS = 30 * 1000, /* after a renewal that failed */
    ARENA_MAX = 16 << 20  /* two files of 1 MiB and what is made of them */
};

struct aws_keys_wait {
    aws_credentials *owner;
    aws_keys_wait *next, **link;
    pb_timer *timer;
    aws_keys_fn *fn;
    void *ctx;
};

struct aws_credentials {
    struct aws_client *sts;
    bool have;
    pb_arena *kept; /* what .now points into */
    aws_fetched now;
    bool renewable;
    int64_t renew_at, pause_until; /* wall clock */
    pb_arena *arena;               /* of the plan being carried out, and of the last failure */
    const aws_settings *settings;
    aws_plan plan;
    aws_fetch *fetch;
    aws_keys_wait *waiting, *ending; /* ending: being called back */
};

aws_credentials *aws_credentials_new(struct aws_client *sts) {
    aws_credentials *c = calloc(1, sizeof *c);
    if (c) c->sts = sts;
    return c;
}

static void forget(aws_credentials *c) {
    pb_arena_wipe(c->kept);
    c->kept = NULL;
    c->have = false;
    OPENSSL_cleanse(&c->now, sizeof c->now);
}

static void plan_free(aws_credentials *c) {
    aws_fetch_cancel(c->fetch);
    c->fetch = NULL;
    pb_arena_wipe(c->arena);
    c->arena = NULL;
}

void aws_credentials_free(aws_credentials *c) {
    if (!c) return;
    plan_free(c);
    forget(c);
    OPENSSL_cleanse(c, sizeof *c);
    free(c);
}

/* ---- keeping ---- */

static void keep(aws_credentials *c, const aws_fetched *g) {
    int64_t now = pb_loop_wall_ms(), life = g->expires_ms - now;
    forget(c);
    c->kept = c->arena;
    c->arena = NULL;
    c->fetch = NULL;
    c->now = *g;
    c->have = true;
    c->renewable = c->plan.renewable;
    c->pause_until = 0;
    c->renew_at =
        !g->expires_ms ? INT64_MAX : g->expires_ms - (life / 4 < RENEW_BEFORE_MS ? life / 4 : RENEW_BEFORE_MS);
}

static bool ended(const aws_credentials *c, int64_t now) { return c->now.expires_ms && now >= c->now.expires_ms; }

/* Settings and plan for the next fetch. False: *why. */
static bool make_plan(aws_credentials *c, pb_str *why) {
    plan_free(c);
    *why = (pb_str){NULL, 0};
    c->arena = pb_arena_new(ARENA_MAX);
    c->settings = c->arena ? aws_settings_read(c->arena) : NULL;
    if (c->settings && aws_plan_make(c->arena, c->settings, &c->plan, why)) return true;
    if (!why->s) *why = PB_STR("out of memory while looking for credentials");
    return false;
}

static aws_keys give(aws_credentials *c, sigv4_credentials *out) {
    *out = c->now.keys;
    return AWS_KEYS_READY;
}

aws_keys aws_credentials_get(aws_credentials *c, sigv4_credentials *out, pb_str *why) {
    int64_t now = pb_loop_wall_ms();
    if (c->have && (now < c->renew_at || (now < c->pause_until && !ended(c, now)))) return give(c, out);
    if (c->fetch) return AWS_KEYS_LATER;
    if (!make_plan(c, why)) {
        if (!c->have || ended(c, now)) return AWS_KEYS_FAILED;
        c->pause_until = now + PAUSE_MS;
        return give(c, out);
    }
    if (c->plan.kind != AWS_FROM_STATIC || c->plan.nroles) return AWS_KEYS_LATER;
    keep(c, &(aws_fetched){.keys = c->plan.keys});
    return give(c, out);
}

bool aws_credentials_expired(aws_credentials *c, pb_str access_key) {
    if (!c->have) return true; /* somebody else has said so already */
    if (!pb_str_eq(c->now.keys.access_key, access_key)) return true;
    if (c->renewable) forget(c);
    return c->renewable;
}

/* ---- waiting ---- */

static void unlink_wait(aws_keys_wait *w) {
    *w->link = w->next;
    if (w->next) w->next->link = w->link;
    if (w->timer) pb_timer_cancel(w->timer);
}

static void link_wait(aws_keys_wait **list, aws_keys_wait *w) {
    w->next = *list;
    w->link = list;
    if (w->next) w->next->link = &w->next;
    *list = w;
}

/* Calls everybody who waits; new ones may come meanwhile and belong to the next fetch. */
static void call_waiting(aws_credentials *c, pb_str why) {
    c->ending = c->waiting;
    c->waiting = NULL;
    if (c->ending) c->ending->link = &c->ending;
    while (c->ending) {
        aws_keys_wait *w = c->ending;
        unlink_wait(w);
        w->fn(w->ctx, why);
        free(w);
    }
}

static void fetched(void *ctx, const aws_fetched *got, pb_str why) {
    aws_credentials *c = ctx;
    int64_t now = pb_loop_wall_ms();
    c->fetch = NULL;
    if (got) {
        keep(c, got);
        call_waiting(c, (pb_str){"", 0});
        return;
    }
    /* Its arena holds the message: a new fetch, begun by a callback, must not free it. */
    pb_arena *a = c->arena;
    c->arena = NULL;
    if (c->have && !ended(c, now)) {
        c->pause_until = now + PAUSE_MS;
        why = (pb_str){"", 0};
    }
    call_waiting(c, why);
    pb_arena_wipe(a);
}

static void too_late(void *ctx) {
    aws_keys_wait *w = ctx;
    aws_credentials *c = w->owner;
    char text[512];
    int n = snprintf(text, sizeof text, "no credentials in time; still waiting for %.*s", PB_ARG(c->plan.where));
    w->timer = NULL;
    unlink_wait(w);
    if (!c->waiting) plan_free(c);
    w->fn(w->ctx, (pb_str){text, n > 0 && (size_t)n < sizeof text ? (uint32_t)n : (uint32_t)sizeof text - 1});
    free(w);
}

aws_keys_wait *aws_credentials_wait(aws_credentials *c, pb_loop *l, int64_t deadline_ms, aws_keys_fn *fn, void *ctx) {
    aws_keys_wait *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (aws_keys_wait){.owner = c, .fn = fn, .ctx = ctx};
    w->timer = pb_timer_start(l, deadline_ms - pb_loop_mono_ms(), too_late, w);
    if (w->timer && !c->fetch) c->fetch = aws_fetch_start(c->sts, l, c->arena, c->settings, &c->plan, fetched, c);
    if (w->timer && c->fetch) {
        link_wait(&c->waiting, w);
        return w;
    }
    if (w->timer) pb_timer_cancel(w->timer);
    free(w);
    return NULL;
}

void aws_credentials_unwait(aws_keys_wait *w) {
    if (!w) return;
    aws_credentials *c = w->owner;
    unlink_wait(w);
    free(w);
    if (!c->waiting && c->fetch) plan_free(c);
}
