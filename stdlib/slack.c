/*
 * slack.c - Slack's Web API and incoming webhooks.
 *
 * SLACK_BOT_TOKEN chooses chat.postMessage (any channel the bot is in), else SLACK_WEBHOOK_URL the webhook (one
 * channel, fixed when the webhook was made; the channel asked for is then only what is reported). SLACK_API_URL puts
 * another address in place of https://slack.com/api. Token and webhook address are secrets: they occur in no message,
 * and plain http is taken for this machine only.
 *
 * What is posted came at least in part out of an event, so it may be an attacker's. It stays text: & < > are escaped
 * (no links with a false face, no <!channel>), markup is off, names are not linked, links are not unfolded, control
 * characters and those that turn the direction of writing are replaced.
 *
 * A message has no idempotency key at Slack. It is sent again only when Slack certainly did not take it: no connection,
 * or an answer 429 or 5xx. When the answer was lost, that is the error; a person can look into the channel.
 */
#include "stdlib/slack.h"

#include <json-c/json.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TEXT_MAX = 3900,   /* characters: Slack shows up to 4,000 well, and cuts at 40,000 */
    CHANNEL_MAX = 256, /* ids have 11 characters, names 80 */
    TRIES = 4,
    CONNECT_MS = 3000,
    TRY_MS = 10000,
    MARGIN_MS = 20,  /* we give up before the gate does: our error says more */
    PAUSE_MS = 1000, /* doubled each time; Slack's own Retry-After wins */
    RESPONSE_MAX = 1 << 20,
    SCRATCH_MAX = 8 << 20,
    CODE_MAX = 64
};

struct slack_call {
    pb_loop *loop;
    pb_arena *scratch;
    slack_message m;
    slack_done_fn *done;
    void *ctx;
    bool webhook;
    pb_str url, authorization, body; /* url: NUL-terminated */
    int tries, status;
    pb_http *http;
    pb_timer *timer;
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

/* ---- the end of a call ---- */

static pb_value meta_of(const slack_call *c) {
    pb_map_builder m = {.arena = c->m.arena};
    pb_map_add(&m, PB_STR("operation"),
               pb_string(c->webhook ? PB_STR("slack webhook") : PB_STR("slack chat.postMessage")));
    pb_map_add(&m, PB_STR("attempts"), pb_int(c->tries));
    if (c->status) pb_map_add(&m, PB_STR("http_status"), pb_int(c->status));
    return pb_map_done(&m);
}

void slack_stop(slack_call *c) {
    if (!c) return;
    if (c->http) pb_http_cancel(c->http);
    if (c->timer) pb_timer_cancel(c->timer);
    if (c->authorization.s) OPENSSL_cleanse((void *)(uintptr_t)c->authorization.s, c->authorization.n);
    if (c->webhook && c->url.s) OPENSSL_cleanse((void *)(uintptr_t)c->url.s, c->url.n);
    pb_arena_free(c->scratch); /* c itself lives in it */
}

static void call_end(slack_call *c, slack_outcome *o) {
    slack_done_fn *done = c->done;
    void *ctx = c->ctx;
    o->meta = meta_of(c);
    slack_stop(c);
    done(ctx, o);
}

/* message: in the outcome's arena or static. */
static void fail(slack_call *c, const char *code, pb_str message) {
    pb_arena *a = c->m.arena;
    slack_outcome o = {.ok = false, .code = pb_strdup(a, code, strlen(code)), .value = PB_NONE_VALUE};
    o.message = pb_printf(a, "slack%s: %.*s", c->tries > 1 ? ", after several tries" : "", PB_ARG(message));
    if (!o.code.s) o.code = PB_STR("memory");
    if (!o.message.s) o.message = PB_STR("out of memory");
    call_end(c, &o);
}

static void succeed(slack_call *c, pb_str channel, pb_str ts) {
    pb_arena *a = c->m.arena;
    pb_map_builder m = {.arena = a};
    pb_map_add(&m, PB_STR("channel"), pb_string(pb_strdup(a, channel.s, channel.n)));
    if (ts.n) pb_map_add(&m, PB_STR("ts"), pb_string(pb_strdup(a, ts.s, ts.n)));
    slack_outcome o = {.ok = true, .value = pb_map_done(&m)};
    if (m.oom) {
        fail(c, "memory", PB_STR("the message was posted, but there is no memory left for the answer"));
        return;
    }
    call_end(c, &o);
}

/* ---- what Slack's errors mean ---- */

static const struct {
    const char *code, *cure;
} CURES[] = {
    {"channel_not_found",
     "there is no such channel for this bot: check its name or id, and for a private channel invite the bot to it"},
    {"not_in_channel", "the bot is not in the channel: type /invite @BOT there"},
    {"is_archived", "the channel is archived: name another one"},
    {"channel_is_archived", "the channel is archived: make a webhook for another one"},
    {"invalid_auth", "Slack does not accept the token in SLACK_BOT_TOKEN: set the bot token (xoxb-...) of the app"},
    {"not_authed", "Slack saw no token: set SLACK_BOT_TOKEN to the bot token (xoxb-...) of the app"},
    {"account_inactive",
     "the token's user or workspace is gone: install the app again and set its new token in SLACK_BOT_TOKEN"},
    {"token_revoked", "the token was revoked: install the app again and set its new token in SLACK_BOT_TOKEN"},
    {"token_expired", "the token has expired: get a new one and set it in SLACK_BOT_TOKEN"},
    {"missing_scope", "the app lacks a permission: add the scope chat:write to it and install it again"},
    {"restricted_action", "the workspace does not let this bot post here: ask its administrators"},
    {"posting_to_general_channel_denied", "this bot may not post to the general channel: name another one"},
    {"action_prohibited", "the workspace does not allow this webhook to post: ask its administrators"},
    {"no_service", "the webhook was removed or turned off: make a new one and set it in SLACK_WEBHOOK_URL"},
    {"no_team", "the webhook's workspace is gone: make a new webhook and set it in SLACK_WEBHOOK_URL"},
    {"invalid_token", "Slack does not know this webhook: copy its address again into SLACK_WEBHOOK_URL"},
    {"ratelimited", "Slack takes no more messages for now: send fewer, or give the step more time"},
    {"rate_limited", "Slack takes no more messages for now: send fewer, or give the step more time"},
};

/* Slack's codes are words in small letters; anything else is not from Slack. */
static bool code_ok(pb_str s) {
    if (s.n == 0 || s.n > CODE_MAX) return false;
    for (uint32_t i = 0; i < s.n; i++)
        if (!((s.s[i] >= 'a' && s.s[i] <= 'z') || (s.s[i] >= '0' && s.s[i] <= '9') || s.s[i] == '_')) return false;
    return true;
}

static void refused(slack_call *c, pb_str code) {
    pb_arena *a = c->m.arena;
    if (!code_ok(code)) {
        fail(c, "InvalidResponse",
             pb_printf(a,
                       "the answer (HTTP %d) is not Slack's: check SLACK_API_URL, SLACK_WEBHOOK_URL "
                       "and what stands between",
                       c->status));
        return;
    }
    char z[CODE_MAX + 1];
    const char *cure = "see Slack's documentation of this error";
    memcpy(z, code.s, code.n);
    z[code.n] = 0;
    for (size_t i = 0; i < sizeof CURES / sizeof *CURES; i++)
        if (strcmp(CURES[i].code, z) == 0) cure = CURES[i].cure;
    fail(c, z, pb_printf(a, "%s (channel %.*s): %s", z, PB_ARG(c->m.channel), cure));
}

/* ---- answers ---- */

static void attempt(slack_call *c);

static void on_timer(void *ctx) {
    slack_call *c = ctx;
    c->timer = NULL;
    attempt(c);
}

static bool again(slack_call *c, int64_t delay_ms) {
    if (c->tries >= TRIES || delay_ms >= c->m.deadline_ms - MARGIN_MS - pb_loop_mono_ms()) return false;
    c->timer = pb_timer_start(c->loop, delay_ms, on_timer, c);
    return c->timer != NULL;
}

static int64_t pause_ms(const slack_call *c, const pb_http_response *r) {
    pb_str v = pb_http_header(r, "retry-after");
    int64_t s = 0;
    for (uint32_t i = 0; v.n < 5 && i < v.n && v.s[i] >= '0' && v.s[i] <= '9'; i++) s = s * 10 + (v.s[i] - '0');
    return s ? s * 1000 : (int64_t)PAUSE_MS << (c->tries - 1);
}

static void no_answer(slack_call *c, const pb_http_response *r) {
    pb_arena *a = c->m.arena;
    bool unreached = r->error == HTTP_RESOLVE || r->error == HTTP_CONNECT || (r->error == HTTP_TIMEOUT && !r->sent);
    if (unreached && again(c, pause_ms(c, r))) return;
    if (r->sent && r->error != HTTP_TLS) {
        fail(c, "outcome_unknown",
             pb_printf(a, "%s; the message may or may not have been posted: look into the channel", r->message));
        return;
    }
    fail(c, "connection_failed", pb_printf(a, "%s", r->message));
}

static void api_answer(slack_call *c, const pb_http_response *r) {
    pb_value v;
    pb_str err;
    if (!pb_json_parse(c->scratch, r->body.s, r->body.n, &v, &err) || v.kind != PB_MAP) {
        refused(c, (pb_str){"", 0});
        return;
    }
    pb_value ok = pb_get_c(v, "ok"), error = pb_get_c(v, "error");
    pb_value channel = pb_get_c(v, "channel"), ts = pb_get_c(v, "ts");
    if (ok.kind == PB_BOOL && ok.u.b) {
        succeed(c, channel.kind == PB_STRING ? pb_text(channel) : c->m.channel,
                ts.kind == PB_STRING ? pb_text(ts) : (pb_str){"", 0});
        return;
    }
    refused(c, error.kind == PB_STRING ? pb_text(error) : (pb_str){"", 0});
}

static void webhook_answer(slack_call *c, const pb_http_response *r) {
    pb_str body = r->body;
    while (body.n && (body.s[body.n - 1] == '\n' || body.s[body.n - 1] == ' ')) body.n--;
    if (r->status == 200 && pb_str_is(body, "ok"))
        succeed(c, c->m.channel, (pb_str){"", 0});
    else
        refused(c, body);
}

static void answered(void *ctx, const pb_http_response *r) {
    slack_call *c = ctx;
    c->http = NULL;
    c->status = r->error == HTTP_OK ? r->status : 0;
    if (r->error != HTTP_OK) {
        no_answer(c, r);
    } else if (r->status == 429 || r->status >= 500) {
        if (again(c, pause_ms(c, r))) return;
        if (r->status == 429)
            refused(c, PB_STR("ratelimited"));
        else
            fail(c, "slack_unavailable",
                 pb_printf(c->m.arena, "Slack answers with HTTP %d: it is out of order for now", r->status));
    } else if (c->webhook) {
        webhook_answer(c, r);
    } else {
        api_answer(c, r);
    }
}

/* ---- sending ---- */

static void attempt(slack_call *c) {
    const char *err = "out of memory", *ca = getenv("SSL_CERT_FILE");
    int64_t left = c->m.deadline_ms - MARGIN_MS - pb_loop_mono_ms();
    pb_header h[] = {
        {PB_STR("Content-Type"), PB_STR("application/json; charset=utf-8")},
        {PB_STR("Authorization"), c->authorization},
    };
    pb_http_request q = {.method = "POST",
                         .url = c->url.s,
                         .headers = h,
                         .nheaders = c->webhook ? 1 : 2,
                         .body = c->body,
                         .timeout_ms = left < 1        ? 1
                                       : left < TRY_MS ? left
                                                       : TRY_MS,
                         .connect_ms = CONNECT_MS,
                         .max_response = RESPONSE_MAX,
                         .ca_file = ca && *ca ? ca : NULL,
                         .once = true};
    c->tries++;
    c->http = pb_http_start(c->loop, &q, answered, c, &err);
    if (!c->http) fail(c, "internal", pb_str_c(err));
}

static bool secret_ok(const char *s) {
    for (; *s; s++)
        if (*s <= ' ' || *s > '~') return false;
    return true;
}

static bool https_or_local(const char *url) {
    static const char *const local[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    if (strncmp(url, "https://", 8) == 0) return true;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        size_t n = strlen(local[i]);
        if (strncmp(url, local[i], n) == 0 && (url[n] == ':' || url[n] == '/' || url[n] == 0)) return true;
    }
    return false;
}

/* Where to and with what; NULL, or what is wrong with the settings. */
static const char *configure(slack_call *c) {
    const char *token = getenv("SLACK_BOT_TOKEN"), *api = getenv("SLACK_API_URL"), *hook = getenv("SLACK_WEBHOOK_URL");
    bool by_token = token && *token;
    if (!by_token && !(hook && *hook))
        return "not set up: set SLACK_BOT_TOKEN to a bot's token (xoxb-...), or SLACK_WEBHOOK_URL to an "
               "incoming webhook";
    if (!api || !*api) api = "https://slack.com/api";
    if (by_token && !secret_ok(token))
        return "SLACK_BOT_TOKEN holds white space or other characters that no token has; set it again";
    if (!secret_ok(by_token ? api : hook) || !https_or_local(by_token ? api : hook))
        return by_token ? "SLACK_API_URL must begin with https:// (http:// only for an address of this machine)"
                        : "SLACK_WEBHOOK_URL must begin with https:// (http:// only for an address of this machine)";
    size_t n = strlen(api);
    while (n && api[n - 1] == '/') n--;
    c->webhook = !by_token;
    c->url = by_token ? pb_printf(c->scratch, "%.*s/chat.postMessage", (int)n, api)
                      : pb_strdup(c->scratch, hook, strlen(hook));
    if (by_token) c->authorization = pb_printf(c->scratch, "Bearer %s", token);
    return c->url.s && (c->webhook || c->authorization.s) ? NULL : "out of memory";
}

static pb_str body_of(slack_call *c) {
    pb_arena *a = c->scratch;
    pb_map_builder m = {.arena = a};
    pb_str text = slack_escape(a, c->m.text);
    if (!text.s) return text;
    if (!c->webhook) pb_map_add(&m, PB_STR("channel"), pb_string(c->m.channel));
    pb_map_add(&m, PB_STR("text"), pb_string(text));
    pb_map_add(&m, PB_STR("mrkdwn"), pb_bool(false));
    pb_map_add(&m, PB_STR("unfurl_links"), pb_bool(false));
    pb_map_add(&m, PB_STR("unfurl_media"), pb_bool(false));
    if (!c->webhook) pb_map_add(&m, PB_STR("link_names"), pb_bool(false));
    if (!c->webhook) pb_map_add(&m, PB_STR("parse"), pb_string(PB_STR("none")));
    return pb_json_text(a, pb_map_done(&m));
}

/* True: the call is ready to be sent. False: it has ended. */
static bool prepare(slack_call *c) {
    const char *bad = configure(c);
    if (bad) {
        fail(c, "slack_not_configured", pb_str_c(bad));
        return false;
    }
    if (c->m.channel.n == 0 || c->m.channel.n > CHANNEL_MAX || c->m.text.n == 0) {
        fail(c, "invalid_arguments", PB_STR("a message needs a channel (a name of at most 256 bytes) and a text"));
        return false;
    }
    c->body = body_of(c);
    if (c->body.s) return true;
    fail(c, "memory", PB_STR("out of memory"));
    return false;
}

/* done may be called before slack_start returns; the guard tells it not to hand out a call that is gone. */
typedef struct start_guard {
    slack_done_fn *done;
    void *ctx;
    bool ended;
} start_guard;

static void guard_done(void *ctx, const slack_outcome *o) {
    start_guard *g = ctx;
    g->ended = true;
    g->done(g->ctx, o);
}

slack_call *slack_start(pb_loop *loop, const slack_message *m, slack_done_fn *done, void *ctx) {
    start_guard g = {done, ctx, false};
    pb_arena *scratch = pb_arena_new(SCRATCH_MAX);
    slack_call *c = scratch ? pb_alloc(scratch, sizeof *c) : NULL;
    if (!c) {
        pb_arena_free(scratch);
        done(ctx,
             &(slack_outcome){.code = PB_STR("memory"), .message = PB_STR("out of memory"), .meta = PB_NONE_VALUE});
        return NULL;
    }
    *c = (slack_call){.loop = loop, .scratch = scratch, .m = *m, .done = guard_done, .ctx = &g};
    if (prepare(c)) attempt(c);
    if (g.ended) return NULL;
    c->done = done;
    c->ctx = ctx;
    return c;
}

/* ---- the host ---- */

static void finished(void *ctx, const slack_outcome *o) {
    vm_call *c = ctx;
    c->host_data = NULL;
    c->step->meta = o->meta;
    if (o->ok)
        vm_return(c, o->value);
    else
        vm_raise(c, o->code, o->message);
}

void slack_post(const pb_host *h, vm_call *c, pb_loop *loop) {
    pb_value channel = pb_get_c(c->args, "channel"), text = pb_get_c(c->args, "text");
    (void)h;
    slack_message m = {.channel = channel.kind == PB_STRING ? pb_text(channel) : (pb_str){"", 0},
                       .text = text.kind == PB_STRING ? pb_text(text) : (pb_str){"", 0},
                       .deadline_ms = pb_loop_mono_ms() + pb_call_time_left(c),
                       .arena = vm_run_arena(c->run)};
    slack_call *call = slack_start(loop, &m, finished, c);
    if (call) c->host_data = call; /* NULL: answered already, and c may be gone */
}

void slack_cancel(const pb_host *h, vm_call *c) {
    (void)h;
    slack_stop(c->host_data);
    c->host_data = NULL;
}
