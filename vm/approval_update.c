/*
 * approval_update.c - brings the messages of an approval up to date from outside of its run: after an answer from the
 * command line, a button or a link, so that everybody sees it at once and not when the run is taken up. Nothing depends
 * on it: the run does it again.
 */
#include "vm/approval_host.h"

enum { POST_MS = 10000 };

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static uint32_t level_of(pb_value message) {
    pb_value v = pb_get_c(message, "level");
    return v.kind == PB_INT && v.u.i > 0 ? (uint32_t)v.u.i : 0;
}

static uint32_t count_of(pb_value v) { return v.kind == PB_LIST ? v.n : 0; }

struct approval_update {
    pb_loop *loop;
    approval_channels channels;
    const pb_site *site;
    store_approval apr;
    store_decision *decisions;
    uint32_t ndecisions, at;
    pb_arena *arena;
    approval_updated_fn *done;
    void *ctx;
    const approval_channel *channel;
    void *posting;
    bool inside, posted;
};

static bool update_next(approval_update *u);

static void on_updated(void *ctx, const approval_posted *r) {
    approval_update *u = ctx;
    (void)r;
    u->posting = NULL;
    u->posted = true;
    u->at++;
    if (!u->inside && !update_next(u)) u->done(u->ctx);
}

/* True: a message is under way. */
static bool update_next(approval_update *u) {
    u->inside = true;
    for (u->posted = true; u->posted && u->at < count_of(u->apr.message);) {
        pb_value m = u->apr.message.u.items[u->at];
        approval_channels c = u->channels;
        while (c && *c && !pb_str_is(text_of(m, "kind"), (*c)->kind)) c++;
        if (!c || !*c || !pb_str_is(text_of(m, "state"), "sent")) {
            u->at++;
            continue;
        }
        approval_post p = {.site = u->site,
                           .approval = &u->apr,
                           .decisions = u->decisions,
                           .ndecisions = u->ndecisions,
                           .to = text_of(m, "to"),
                           .who = PB_NONE_VALUE,
                           .level = level_of(m),
                           .message = m,
                           .deadline_ms = pb_loop_mono_ms() + POST_MS,
                           .arena = u->arena};
        u->channel = *c;
        u->posted = false;
        void *handle = u->channel->post(u->loop, &p, on_updated, u);
        if (!u->posted) u->posting = handle;
    }
    u->inside = false;
    return !u->posted;
}

approval_update *approval_update_start(pb_loop *l, approval_channels channels, const pb_site *site, store *s,
                                       pb_str approval, pb_arena *a, approval_updated_fn *done, void *ctx) {
    approval_update *u = pb_alloc(a, sizeof *u);
    if (u) {
        *u = (approval_update){.loop = l, .channels = channels, .site = site, .arena = a, .done = done, .ctx = ctx};
        if (store_approval_get(s, approval, a, &u->apr) == STORE_OK &&
            store_decisions(s, approval, a, &u->decisions, &u->ndecisions) == STORE_OK && update_next(u))
            return u;
    }
    done(ctx);
    return NULL;
}

void approval_update_stop(approval_update *u) {
    if (u && u->posting) u->channel->stop(u->posting);
    if (u) u->posting = NULL;
}
