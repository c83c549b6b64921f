/*
 * slack_api.c - one call to Slack: where to, tries again, what its errors mean.
 *
 * The bot token is the site's (`slack { bot_token: ... }`), else SLACK_BOT_TOKEN's. SLACK_API_URL puts another address
 * in place of https://slack.com/api. Tokens and the webhook's address are secrets: they occur in no message, and plain
 * http is taken for this machine only.
 *
 * Slack has no idempotency keys. A call that changes something is sent again only when Slack certainly did not take it:
 * no connection, or an answer 429 or 5xx. When the answer was lost, that is the error. Calls that are `safe` (they
 * read, or set a message to what it shall be) are sent again then, too.
 */
#include "stdlib/slack_api.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TRIES = 4,
    CONNECT_MS = 3000,
    TRY_MS = 10000,
    MARGIN_MS = 20,         /* we give up before the gate does: our error says more */
    PAUSE_MS = 1000,        /* doubled each time; Slack's own Retry-After wins */
    RESPONSE_MAX = 4 << 20, /* a page of a channel's history; most answers are some KB */
    SCRATCH_MAX = 64 << 20,
    CODE_MAX = 64,
    URL_MAX = 2048
};

struct slack_api {
    pb_loop *loop;
    pb_arena *scratch;
    slack_request q;
    slack_reply_fn *done;
    void *ctx;
    pb_str url, authorization, body; /* url: NUL-terminated */
    int tries, status;
    pb_http *http;
    pb_timer *timer;
};

/* ---- the end of a call ---- */

static const char *operation_of(const slack_api *c) {
    if (c->q.kind == SLACK_WEBHOOK) return "webhook";
    return c->q.kind == SLACK_RESPONSE ? "response" : c->q.method;
}

static pb_value meta_of(const slack_api *c) {
    pb_map_builder m = {.arena = c->q.arena};
    pb_map_add(&m, PB_STR("operation"), pb_string(pb_printf(c->q.arena, "slack %s", operation_of(c))));
    pb_map_add(&m, PB_STR("attempts"), pb_int(c->tries));
    if (c->status) pb_map_add(&m, PB_STR("http_status"), pb_int(c->status));
    return pb_map_done(&m);
}

static void wipe(pb_str s) {
    if (s.s) OPENSSL_cleanse((void *)(uintptr_t)s.s, s.n);
}

void slack_api_stop(slack_api *c) {
    if (!c) return;
    if (c->http) pb_http_cancel(c->http);
    if (c->timer) pb_timer_cancel(c->timer);
    wipe(c->authorization);
    if (c->q.kind == SLACK_WEBHOOK || c->q.kind == SLACK_RESPONSE) wipe(c->url);
    pb_arena_free(c->scratch); /* c itself lives in it */
}

static void call_end(slack_api *c, slack_reply *o) {
    o->meta = meta_of(c);
    c->done(c->ctx, o); /* before the answer goes with the scratch memory */
    slack_api_stop(c);
}

/* message: in the reply's arena or static. */
static void fail(slack_api *c, const char *code, pb_str message) {
    pb_arena *a = c->q.arena;
    slack_reply o = {.ok = false, .code = pb_strdup(a, code, strlen(code)), .value = PB_NONE_VALUE};
    o.message = pb_printf(a, "slack%s: %.*s", c->tries > 1 ? ", after several tries" : "", PB_ARG(message));
    if (!o.code.s) o.code = PB_STR("memory");
    if (!o.message.s) o.message = PB_STR("out of memory");
    call_end(c, &o);
}

static void succeed(slack_api *c, pb_value v) {
    slack_reply o = {.ok = true, .value = v};
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

static void refused(slack_api *c, pb_str code) {
    pb_arena *a = c->q.arena;
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
    fail(c, z, pb_printf(a, "%s (%.*s): %s", z, PB_ARG(c->q.subject), cure));
}

/* ---- answers ---- */

static void attempt(slack_api *c);

static void on_timer(void *ctx) {
    slack_api *c = ctx;
    c->timer = NULL;
    attempt(c);
}

static bool again(slack_api *c, int64_t delay_ms) {
    if (c->tries >= TRIES || delay_ms >= c->q.deadline_ms - MARGIN_MS - pb_loop_mono_ms()) return false;
    c->timer = pb_timer_start(c->loop, delay_ms, on_timer, c);
    return c->timer != NULL;
}

static int64_t pause_ms(const slack_api *c, const pb_http_response *r) {
    pb_str v = pb_http_header(r, "retry-after");
    int64_t s = 0;
    for (uint32_t i = 0; v.n < 5 && i < v.n && v.s[i] >= '0' && v.s[i] <= '9'; i++) s = s * 10 + (v.s[i] - '0');
    return s ? s * 1000 : (int64_t)PAUSE_MS << (c->tries - 1);
}

static void no_answer(slack_api *c, const pb_http_response *r) {
    pb_arena *a = c->q.arena;
    bool unreached = r->error == HTTP_RESOLVE || r->error == HTTP_CONNECT || (r->error == HTTP_TIMEOUT && !r->sent);
    if ((unreached || c->q.safe) && again(c, pause_ms(c, r))) return;
    if (r->sent && r->error != HTTP_TLS && !c->q.safe) {
        fail(c, "outcome_unknown",
             pb_printf(a, "%s; the message may or may not have been posted: look into the channel", r->message));
        return;
    }
    fail(c, "connection_failed", pb_printf(a, "%s", r->message));
}

static bool has_json(const slack_api *c) { return c->q.kind == SLACK_JSON || c->q.kind == SLACK_FORM; }

static void api_answer(slack_api *c, const pb_http_response *r) {
    pb_value v;
    pb_str err;
    if (!pb_json_parse(c->scratch, r->body.s, r->body.n, &v, &err) || v.kind != PB_MAP) {
        refused(c, (pb_str){"", 0});
        return;
    }
    pb_value ok = pb_get_c(v, "ok"), error = pb_get_c(v, "error");
    if (ok.kind == PB_BOOL && ok.u.b)
        succeed(c, v);
    else
        refused(c, error.kind == PB_STRING ? pb_text(error) : (pb_str){"", 0});
}

/* Webhooks say "ok"; response addresses that, or {"ok":true}. */
static void webhook_answer(slack_api *c, const pb_http_response *r) {
    pb_str body = r->body;
    while (body.n && (body.s[body.n - 1] == '\n' || body.s[body.n - 1] == ' ')) body.n--;
    if (r->status == 200 && pb_str_is(body, "ok"))
        succeed(c, PB_NONE_VALUE);
    else if (c->q.kind == SLACK_RESPONSE && body.n && body.s[0] == '{')
        api_answer(c, r);
    else
        refused(c, body);
}

static void answered(void *ctx, const pb_http_response *r) {
    slack_api *c = ctx;
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
                 pb_printf(c->q.arena, "Slack answers with HTTP %d: it is out of order for now", r->status));
    } else if (has_json(c)) {
        api_answer(c, r);
    } else {
        webhook_answer(c, r);
    }
}

/* ---- sending ---- */

static void attempt(slack_api *c) {
    const char *err = "out of memory", *ca = getenv("SSL_CERT_FILE");
    int64_t left = c->q.deadline_ms - MARGIN_MS - pb_loop_mono_ms();
    pb_header h[] = {
        {PB_STR("Content-Type"), c->q.kind == SLACK_FORM ? PB_STR("application/x-www-form-urlencoded")
                                                         : PB_STR("application/json; charset=utf-8")},
        {PB_STR("Authorization"), c->authorization},
    };
    pb_http_request q = {.method = "POST",
                         .url = c->url.s,
                         .headers = h,
                         .nheaders = has_json(c) ? 2 : 1,
                         .body = c->body,
                         .timeout_ms = left < 1        ? 1
                                       : left < TRY_MS ? left
                                                       : TRY_MS,
                         .connect_ms = CONNECT_MS,
                         .max_response = RESPONSE_MAX,
                         .ca_file = ca && *ca ? ca : NULL,
                         .once = !c->q.safe};
    c->tries++;
    c->http = pb_http_start(c->loop, &q, answered, c, &err);
    if (!c->http) fail(c, "internal", pb_str_c(err));
}

static bool printable(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] > '~') return false;
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

static const char *set_up(const char *variable) {
    const char *v = getenv(variable);
    return v && *v ? v : NULL;
}

static pb_str token_of(const pb_site *s) {
    if (s && s->slack.bot_token.kind == PB_SECRET && s->slack.bot_token.n) return pb_text(s->slack.bot_token);
    const char *v = set_up("SLACK_BOT_TOKEN");
    return v ? pb_str_c(v) : (pb_str){"", 0};
}

bool slack_has_token(const pb_site *site) { return token_of(site).n > 0; }
bool slack_has_webhook(void) { return set_up("SLACK_WEBHOOK_URL") != NULL; }

static bool begins(pb_str s, const char *with) {
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.s, with, n) == 0;
}

bool slack_url_ok(pb_str url) {
    const char *api = set_up("SLACK_API_URL");
    if (!url.n || url.n > URL_MAX || !printable(url.s, url.n)) return false;
    if (begins(url, "https://hooks.slack.com/") || begins(url, "https://hooks.slack-gov.com/")) return true;
    if (!api || !https_or_local(api)) return false;
    const char *host = strstr(api, "://") + 3, *end = host + strcspn(host, "/?#");
    char origin[URL_MAX];
    int n = snprintf(origin, sizeof origin, "%.*s/", (int)(end - api), api);
    return n > 0 && n < (int)sizeof origin && begins(url, origin);
}

static const char *configure_api(slack_api *c) {
    const char *api = set_up("SLACK_API_URL");
    pb_str token = token_of(c->q.site);
    if (!token.n)
        return "not set up: set SLACK_BOT_TOKEN to a bot's token (xoxb-...), or SLACK_WEBHOOK_URL to an "
               "incoming webhook";
    if (!api) api = "https://slack.com/api";
    if (!printable(token.s, token.n))
        return "SLACK_BOT_TOKEN holds white space or other characters that no token has; set it again";
    if (!printable(api, strlen(api)) || !https_or_local(api))
        return "SLACK_API_URL must begin with https:// (http:// only for an address of this machine)";
    size_t n = strlen(api);
    while (n && api[n - 1] == '/') n--;
    c->url = pb_printf(c->scratch, "%.*s/%s", (int)n, api, c->q.method);
    c->authorization = pb_printf(c->scratch, "Bearer %.*s", PB_ARG(token));
    return c->url.s && c->authorization.s ? NULL : "out of memory";
}

/* Where to and with what; NULL, or what is wrong with the settings. */
static const char *configure(slack_api *c) {
    const char *hook = set_up("SLACK_WEBHOOK_URL");
    if (has_json(c)) return configure_api(c);
    if (c->q.kind == SLACK_RESPONSE) {
        if (!slack_url_ok(c->q.url)) return "the address to answer to is not Slack's";
        c->url = pb_strdup(c->scratch, c->q.url.s, c->q.url.n);
    } else {
        if (!hook) return "not set up: set SLACK_WEBHOOK_URL to an incoming webhook";
        if (!printable(hook, strlen(hook)) || !https_or_local(hook))
            return "SLACK_WEBHOOK_URL must begin with https:// (http:// only for an address of this machine)";
        c->url = pb_strdup(c->scratch, hook, strlen(hook));
    }
    return c->url.s ? NULL : "out of memory";
}

static void add_escaped(pb_buf *b, pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' ||
                     ch == '_' || ch == '.';
        if (plain)
            pb_buf_putc(b, ch);
        else
            pb_buf_printf(b, "%%%02X", (unsigned)(unsigned char)ch);
    }
}

static pb_str form_of(pb_arena *a, pb_value args) {
    pb_buf b = {0};
    for (uint32_t i = 0; args.kind == PB_MAP && i < args.n; i++) {
        if (i) pb_buf_putc(&b, '&');
        add_escaped(&b, args.u.entries[i].key);
        pb_buf_putc(&b, '=');
        add_escaped(&b, pb_display(a, args.u.entries[i].value));
    }
    pb_str s = b.oom ? (pb_str){NULL, 0} : pb_strdup(a, b.data ? b.data : "", b.len);
    pb_buf_free(&b);
    return s;
}

/* True: the call is ready to be sent. False: it has ended. */
static bool prepare(slack_api *c) {
    const char *bad = configure(c);
    if (bad) {
        fail(c, "slack_not_configured", pb_str_c(bad));
        return false;
    }
    c->body = c->q.kind == SLACK_FORM ? form_of(c->scratch, c->q.args) : pb_json_text(c->scratch, c->q.args);
    if (c->body.s) return true;
    fail(c, "memory", PB_STR("out of memory"));
    return false;
}

/* done may be called before slack_api_start returns; the guard tells it not to hand out a call that is gone. */
typedef struct start_guard {
    slack_reply_fn *done;
    void *ctx;
    bool ended;
} start_guard;

static void guard_done(void *ctx, const slack_reply *o) {
    start_guard *g = ctx;
    g->ended = true;
    g->done(g->ctx, o);
}

slack_api *slack_api_start(pb_loop *loop, const slack_request *q, slack_reply_fn *done, void *ctx) {
    start_guard g = {done, ctx, false};
    pb_arena *scratch = pb_arena_new(SCRATCH_MAX);
    slack_api *c = scratch ? pb_alloc(scratch, sizeof *c) : NULL;
    if (!c) {
        pb_arena_free(scratch);
        done(ctx, &(slack_reply){.code = PB_STR("memory"), .message = PB_STR("out of memory"), .meta = PB_NONE_VALUE});
        return NULL;
    }
    *c = (slack_api){.loop = loop, .scratch = scratch, .q = *q, .done = guard_done, .ctx = &g};
    if (prepare(c)) attempt(c);
    if (g.ended) return NULL;
    c->done = done;
    c->ctx = ctx;
    return c;
}
