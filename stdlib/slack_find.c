/*
 * slack_find.c - looks a message up in its channel.
 *
 * Reading a channel takes its id; a name is looked up first (conversations.list, scope channels:read). Then the
 * messages since a point in time are read with their metadata (conversations.history, scopes channels:history,
 * groups:history). Every answer that is not a clear one is "cannot say", and the caller decides what that means.
 */
#include "stdlib/slack_find.h"

enum {
    LIST_PAGE = 1000,
    LIST_PAGES = 20, /* 20,000 channels; Slack allows some 20 such calls a minute */
    HISTORY_PAGE = 200,
    HISTORY_PAGES = 10, /* 2,000 messages since the step began */
    CLOCK_MS = 300000,  /* Slack's clock and ours may differ */
    ID_MIN = 9
};

struct slack_find {
    pb_loop *loop;
    slack_question q;
    slack_found_fn *done;
    void *ctx;
    slack_api *api;
    pb_str id, cursor;
    int pages;
    bool ended, called;
};

pb_value slack_mark_value(const slack_mark *m, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("event_type"), pb_string(m->type));
    pb_map_add(&b, PB_STR("event_payload"), m->payload);
    return pb_map_done(&b);
}

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static void end(slack_find *f, slack_found r, pb_str ts, pb_str why) {
    f->ended = true;
    f->done(f->ctx, r, f->id, ts, why);
}

static void cannot_say(slack_find *f, pb_str why) { end(f, SLACK_CANNOT_SAY, (pb_str){"", 0}, why); }

/* C0123ABCD, G..., D... */
static bool is_id(pb_str s) {
    if (s.n < ID_MIN || (s.s[0] != 'C' && s.s[0] != 'G' && s.s[0] != 'D')) return false;
    for (uint32_t i = 0; i < s.n; i++)
        if (!((s.s[i] >= 'A' && s.s[i] <= 'Z') || (s.s[i] >= '0' && s.s[i] <= '9'))) return false;
    return true;
}

static void call(slack_find *f, const char *method, pb_map_builder *args, slack_reply_fn *fn) {
    if (f->cursor.n) pb_map_add(args, PB_STR("cursor"), pb_string(f->cursor));
    slack_request q = {.kind = SLACK_FORM,
                       .method = method,
                       .args = pb_map_done(args),
                       .safe = true,
                       .site = f->q.site,
                       .subject = pb_printf(f->q.arena, "channel %.*s", PB_ARG(f->q.channel)),
                       .deadline_ms = f->q.deadline_ms,
                       .arena = f->q.arena};
    f->called = false;
    slack_api *api = slack_api_start(f->loop, &q, fn, f);
    if (!f->called) f->api = api;
}

/* True: there is a further page, and we may read it. */
static bool next_page(slack_find *f, pb_value v, int max) {
    pb_str cursor = text_of(pb_get_c(v, "response_metadata"), "next_cursor");
    f->cursor = pb_strdup(f->q.arena, cursor.s, cursor.n);
    return f->cursor.n && ++f->pages < max;
}

/* ---- the history ---- */

static bool is_marked(const slack_find *f, pb_value message) {
    pb_value meta = pb_get_c(message, "metadata"), payload = pb_get_c(meta, "event_payload"), want = f->q.mark.payload;
    if (!pb_str_eq(text_of(meta, "event_type"), f->q.mark.type)) return false;
    for (uint32_t i = 0; want.kind == PB_MAP && i < want.n; i++)
        if (!pb_equal(pb_get(payload, want.u.entries[i].key), want.u.entries[i].value)) return false;
    return true;
}

static void read_history(slack_find *f);

static void on_history(void *ctx, const slack_reply *r) {
    slack_find *f = ctx;
    pb_value list = pb_get_c(r->value, "messages");
    f->api = NULL;
    f->called = true;
    if (!r->ok) {
        cannot_say(f, r->message);
        return;
    }
    for (uint32_t i = 0; list.kind == PB_LIST && i < list.n; i++) {
        pb_str ts = text_of(list.u.items[i], "ts");
        if (!is_marked(f, list.u.items[i])) continue;
        end(f, SLACK_FOUND, pb_strdup(f->q.arena, ts.s, ts.n), (pb_str){"", 0});
        return;
    }
    if (next_page(f, r->value, HISTORY_PAGES))
        read_history(f);
    else if (f->cursor.n)
        cannot_say(f, PB_STR("the channel has too many messages to look through"));
    else
        end(f, SLACK_NOT_THERE, (pb_str){"", 0}, (pb_str){"", 0});
}

static void read_history(slack_find *f) {
    pb_map_builder b = {.arena = f->q.arena};
    int64_t since = (f->q.since_ms - CLOCK_MS) / 1000;
    pb_map_add(&b, PB_STR("channel"), pb_string(f->id));
    pb_map_add(&b, PB_STR("oldest"),
               pb_string(pb_printf(f->q.arena, "%lld.000000", (long long)(since > 0 ? since : 0))));
    pb_map_add(&b, PB_STR("limit"), pb_int(HISTORY_PAGE));
    pb_map_add(&b, PB_STR("include_all_metadata"), pb_bool(true));
    call(f, "conversations.history", &b, on_history);
}

/* ---- from a name to an id ---- */

static void read_list(slack_find *f);

static void on_list(void *ctx, const slack_reply *r) {
    slack_find *f = ctx;
    pb_value list = pb_get_c(r->value, "channels");
    pb_str name = f->q.channel;
    f->api = NULL;
    f->called = true;
    if (!r->ok) {
        cannot_say(f, r->message);
        return;
    }
    if (name.n && name.s[0] == '#') name = (pb_str){name.s + 1, name.n - 1};
    for (uint32_t i = 0; list.kind == PB_LIST && i < list.n; i++) {
        pb_str id = text_of(list.u.items[i], "id");
        if (!pb_str_eq(text_of(list.u.items[i], "name"), name)) continue;
        f->id = pb_strdup(f->q.arena, id.s, id.n);
        f->cursor = (pb_str){"", 0};
        f->pages = 0;
        read_history(f);
        return;
    }
    if (next_page(f, r->value, LIST_PAGES))
        read_list(f);
    else
        cannot_say(f, PB_STR("the channel's id cannot be found"));
}

static void read_list(slack_find *f) {
    pb_map_builder b = {.arena = f->q.arena};
    pb_map_add(&b, PB_STR("types"), pb_string(PB_STR("public_channel,private_channel")));
    pb_map_add(&b, PB_STR("exclude_archived"), pb_bool(true));
    pb_map_add(&b, PB_STR("limit"), pb_int(LIST_PAGE));
    call(f, "conversations.list", &b, on_list);
}

slack_find *slack_find_start(pb_loop *l, const slack_question *q, slack_found_fn *done, void *ctx) {
    slack_find *f = pb_alloc(q->arena, sizeof *f);
    if (!f) {
        done(ctx, SLACK_CANNOT_SAY, (pb_str){"", 0}, (pb_str){"", 0}, PB_STR("out of memory"));
        return NULL;
    }
    *f = (slack_find){.loop = l, .q = *q, .done = done, .ctx = ctx};
    if (is_id(q->channel)) {
        f->id = q->channel;
        read_history(f);
    } else {
        read_list(f);
    }
    return f->ended ? NULL : f;
}

void slack_find_stop(slack_find *f) {
    if (f) slack_api_stop(f->api);
    if (f) f->api = NULL;
}
