/*
 * slack.c - text for Slack, and messages: by bot token (chat.postMessage, any channel the bot is in), else by the
 * incoming webhook (one channel, fixed when the webhook was made; the channel asked for is then only what is reported).
 *
 * What is posted came at least in part out of an event, so it may be an attacker's. It stays text: & < > are escaped
 * (no links with a false face, no <!channel>), markup is off, names are not linked, links are not unfolded, control
 * characters and those that turn the direction of writing are replaced.
 *
 * A run's messages carry its id and the step's as metadata. When a run is resumed and nobody knows whether a message
 * was posted, it is looked for in the channel; it is sent again only when it is not there or the channel cannot be
 * read.
 */
#include "stdlib/slack.h"

#include "stdlib/slack_find.h"

enum {
    TEXT_MAX = 3900,   /* characters: Slack shows up to 4,000 well, and cuts at 40,000 */
    CHANNEL_MAX = 256, /* ids have 11 characters, names 80 */
    FIND_PART = 3      /* of the time that is left, for looking before sending */
};

/* ---- text ---- */

/* Length of the UTF-8 character at s; 1 for a byte that begins none. */
static uint32_t char_len(pb_str s, uint32_t i) {
    unsigned char c = (unsigned char)s.s[i];
    uint32_t n = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return n <= s.n - i ? n : s.n - i;
}

/* U+202A..U+202E and U+2066..U+2069 make text look other than it is. */
static bool turns_direction(const unsigned char *p, uint32_t n) {
    if (n != 3 || p[0] != 0xE2) return false;
    return (p[1] == 0x80 && p[2] >= 0xAA && p[2] <= 0xAE) || (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9);
}

static void add_char(pb_buf *b, const char *p, uint32_t n) {
    unsigned char c = (unsigned char)*p;
    if (c == '&')
        pb_buf_puts(b, "&amp;");
    else if (c == '<')
        pb_buf_puts(b, "&lt;");
    else if (c == '>')
        pb_buf_puts(b, "&gt;");
    else if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
        pb_buf_putc(b, ' ');
    else if (turns_direction((const unsigned char *)p, n))
        pb_buf_puts(b, "\xEF\xBF\xBD");
    else
        pb_buf_add(b, p, n);
}

pb_str slack_escape(pb_arena *a, pb_str text) {
    pb_buf b = {0};
    uint32_t i = 0, chars = 0, rest = 0;
    for (; i < text.n && chars < TEXT_MAX; chars++) {
        uint32_t n = char_len(text, i);
        add_char(&b, text.s + i, n);
        i += n;
    }
    for (; i < text.n; i += char_len(text, i)) rest++;
    if (rest) pb_buf_printf(&b, "… (%u more characters left out)", rest);
    pb_str r = b.oom ? (pb_str){NULL, 0} : pb_strdup(a, b.data ? b.data : "", b.len);
    pb_buf_free(&b);
    return r;
}

/* ---- messages ---- */

struct slack_call {
    slack_message m;
    pb_loop *loop;
    slack_done_fn *done;
    void *ctx;
    slack_api *api;
    slack_find *find;
    bool ended, again; /* again: it is sent although it may have been sent before */
};

static void end(slack_call *c, slack_outcome *o) {
    c->ended = true;
    o->again = c->again;
    c->done(c->ctx, o);
}

static void fail(slack_call *c, const char *code, pb_str message) {
    slack_outcome o = {
        .ok = false, .code = pb_str_c(code), .message = message, .value = PB_NONE_VALUE, .meta = PB_NONE_VALUE};
    end(c, &o);
}

static void succeed(slack_call *c, pb_str channel, pb_str ts, pb_value meta) {
    pb_arena *a = c->m.arena;
    pb_map_builder m = {.arena = a};
    pb_map_add(&m, PB_STR("channel"), pb_string(pb_strdup(a, channel.s, channel.n)));
    if (ts.n) pb_map_add(&m, PB_STR("ts"), pb_string(pb_strdup(a, ts.s, ts.n)));
    slack_outcome o = {.ok = true, .value = pb_map_done(&m), .meta = meta};
    if (o.value.kind == PB_MAP)
        end(c, &o);
    else
        fail(c, "memory", PB_STR("slack: the message was posted, but there is no memory left for the answer"));
}

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static void on_reply(void *ctx, const slack_reply *r) {
    slack_call *c = ctx;
    c->api = NULL;
    if (!r->ok) {
        slack_outcome o = {
            .ok = false, .code = r->code, .message = r->message, .value = PB_NONE_VALUE, .meta = r->meta};
        end(c, &o);
        return;
    }
    pb_str channel = text_of(r->value, "channel");
    succeed(c, channel.n ? channel : c->m.channel, text_of(r->value, "ts"), r->meta);
}

static pb_value body_of(slack_call *c, bool webhook) {
    pb_map_builder m = {.arena = c->m.arena};
    pb_str text = slack_escape(c->m.arena, c->m.text);
    if (!text.s) return PB_NONE_VALUE;
    if (!webhook) pb_map_add(&m, PB_STR("channel"), pb_string(c->m.channel));
    pb_map_add(&m, PB_STR("text"), pb_string(text));
    pb_map_add(&m, PB_STR("mrkdwn"), pb_bool(false));
    pb_map_add(&m, PB_STR("unfurl_links"), pb_bool(false));
    pb_map_add(&m, PB_STR("unfurl_media"), pb_bool(false));
    if (!webhook) pb_map_add(&m, PB_STR("link_names"), pb_bool(false));
    if (!webhook) pb_map_add(&m, PB_STR("parse"), pb_string(PB_STR("none")));
    if (!webhook && c->m.mark.type.n) pb_map_add(&m, PB_STR("metadata"), slack_mark_value(&c->m.mark, c->m.arena));
    return pb_map_done(&m);
}

static void send(slack_call *c) {
    bool webhook = !slack_has_token(c->m.site) && slack_has_webhook();
    slack_request q = {.kind = webhook ? SLACK_WEBHOOK : SLACK_JSON,
                       .method = "chat.postMessage",
                       .args = body_of(c, webhook),
                       .site = c->m.site,
                       .subject = pb_printf(c->m.arena, "channel %.*s", PB_ARG(c->m.channel)),
                       .deadline_ms = c->m.deadline_ms,
                       .arena = c->m.arena};
    if (q.args.kind != PB_MAP) {
        fail(c, "memory", PB_STR("slack: out of memory"));
        return;
    }
    slack_api *api = slack_api_start(c->loop, &q, on_reply, c);
    if (!c->ended) c->api = api;
}

/* ---- looking first ---- */

static void on_found(void *ctx, slack_found r, pb_str channel, pb_str ts, pb_str why) {
    slack_call *c = ctx;
    c->find = NULL;
    (void)why;
    if (r == SLACK_FOUND) {
        succeed(c, channel, ts, PB_NONE_VALUE);
        return;
    }
    c->again = r == SLACK_CANNOT_SAY;
    send(c);
}

static void look(slack_call *c) {
    int64_t now = pb_loop_mono_ms();
    slack_question q = {.site = c->m.site,
                        .channel = c->m.channel,
                        .mark = c->m.mark,
                        .since_ms = c->m.since_ms,
                        .deadline_ms = now + (c->m.deadline_ms - now) / FIND_PART,
                        .arena = c->m.arena};
    slack_find *f = slack_find_start(c->loop, &q, on_found, c);
    if (!c->ended && !c->api) c->find = f;
}

slack_call *slack_start(pb_loop *loop, const slack_message *m, slack_done_fn *done, void *ctx) {
    slack_call *c = pb_alloc(m->arena, sizeof *c);
    if (!c) {
        done(ctx, &(slack_outcome){
                      .code = PB_STR("memory"), .message = PB_STR("slack: out of memory"), .meta = PB_NONE_VALUE});
        return NULL;
    }
    *c = (slack_call){.loop = loop, .m = *m, .done = done, .ctx = ctx};
    bool set_up = slack_has_token(m->site) || slack_has_webhook();
    if (set_up && (m->channel.n == 0 || m->channel.n > CHANNEL_MAX || m->text.n == 0))
        fail(c, "invalid_arguments",
             PB_STR("slack: a message needs a channel (a name of at most 256 bytes) and a text"));
    else if (m->doubt && m->mark.type.n && slack_has_token(m->site))
        look(c);
    else
        send(c);
    return c->ended ? NULL : c;
}

void slack_stop(slack_call *c) {
    if (!c) return;
    slack_api_stop(c->api);
    slack_find_stop(c->find);
    c->api = NULL;
    c->find = NULL;
}

/* ---- the host ---- */

static void finished(void *ctx, const slack_outcome *o) {
    vm_call *c = ctx;
    c->host_data = NULL;
    c->step->meta = o->meta;
    if (o->again)
        c->step->detail =
            PB_STR("posted once more: pbrun was interrupted while posting, and the channel cannot be looked through");
    if (o->ok)
        vm_return(c, o->value);
    else
        vm_raise(c, o->code, o->message);
}

/* The run's and the step's ids: of tries of one step only one is under way. */
static slack_mark mark_of(const vm_call *c, pb_arena *a) {
    pb_value run = pb_get_c(pb_call_context(c), "id");
    slack_mark m = {PB_STR("pbrun_step"), PB_NONE_VALUE};
    pb_map_builder b = {.arena = a};
    if (run.kind != PB_STRING) return (slack_mark){0};
    pb_map_add(&b, PB_STR("run"), run);
    pb_map_add(&b, PB_STR("step"), pb_string(c->step->id));
    m.payload = pb_map_done(&b);
    return m.payload.kind == PB_MAP ? m : (slack_mark){0};
}

void slack_post(const pb_host *h, vm_call *c, pb_loop *loop) {
    pb_value channel = pb_get_c(c->args, "channel"), text = pb_get_c(c->args, "text"),
             started = pb_get_c(pb_call_context(c), "started");
    pb_arena *a = vm_run_arena(c->run);
    (void)h;
    slack_message m = {.channel = channel.kind == PB_STRING ? pb_text(channel) : (pb_str){"", 0},
                       .text = text.kind == PB_STRING ? pb_text(text) : (pb_str){"", 0},
                       .deadline_ms = pb_loop_mono_ms() + pb_call_time_left(c),
                       .arena = a,
                       .site = pb_call_site(c),
                       .mark = mark_of(c, a),
                       .doubt = c->doubt,
                       .since_ms = started.kind == PB_TIME ? started.u.i : 0};
    slack_call *call = slack_start(loop, &m, finished, c);
    if (call) c->host_data = call; /* NULL: answered already, and c may be gone */
}

void slack_cancel(const pb_host *h, vm_call *c) {
    (void)h;
    slack_stop(c->host_data);
    c->host_data = NULL;
}
