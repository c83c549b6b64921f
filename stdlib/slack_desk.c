/*
 * slack_desk.c - what Slack posts when a button is pressed: is it Slack, is it new, what does it say, who may say it.
 *
 *     request ─ signature, time, first time ─ payload ─ answered (200)
 *                           ... in the loop ─ members of groups ─ decision ─ messages, or a refusal
 *
 * Only a signature that is right, at most five minutes old and never seen before makes the rest believed. What fails
 * there but names an approval that exists is recorded with it as refused, as said by somebody who only claims to be
 * that person. The payload is read strictly: one form field, one action, ids of the form that ours and Slack's have.
 */
#include "stdlib/slack_approval.h"

#include "vm/plain.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WINDOW_MS = 300000,      /* Slack's own advice: older requests may be replays */
    REPLAY_MS = 900000,      /* how long signatures are remembered: longer than the window */
    BODY_MAX = 256 << 10,    /* a payload holds the whole message */
    MEMBERS_KEPT_MS = 30000, /* a user group's members are believed for so long */
    REMOTE_MS = 8000,
    VISITS_MAX = 256, /* presses under way; more are told to come again */
    VISIT_MEMORY = 16 << 20,
    GROUPS_MAX = 16,
    ID_MAX = 32
};

typedef struct press { /* what a payload says */
    bool grant;
    pb_str approval, binding, user, response_url, channel;
} press;

/* One press of a button, from its answer to its consequences. */
typedef struct visit {
    slack_desk *desk;
    pb_arena *arena;
    press p;
    approval_answer answer;
    pb_str run, groups[GROUPS_MAX];
    slack_members *members;
    slack_api *api;
    approval_update *update;
    bool inside, ended;
    struct visit *next, **link;
} visit;

struct slack_desk {
    slack_desk_config c;
    visit *open;
    uint32_t nopen;
    struct { /* of the last user groups that were read */
        pb_arena *arena;
        pb_str key;
        pb_value members;
        int64_t at;
    } kept;
};

/* ---- signatures ---- */

bool slack_sign(pb_str secret, pb_str timestamp, pb_str body, char out[SLACK_SIGNATURE + 1]) {
    uint8_t m[32] = {0};
    unsigned n = 0;
    pb_buf b = {0};
    pb_buf_printf(&b, "v0:%.*s:", PB_ARG(timestamp));
    pb_buf_add(&b, body.s ? body.s : "", body.n);
    bool ok =
        !b.oom && HMAC(EVP_sha256(), secret.s, (int)secret.n, (const uint8_t *)b.data, b.len, m, &n) && n == sizeof m;
    pb_buf_free(&b);
    memcpy(out, "v0=", 3);
    for (size_t i = 0; i < sizeof m; i++) snprintf(out + 3 + 2 * i, 3, "%02x", m[i]);
    return ok;
}

static pb_str secret_of(const slack_desk *d) {
    const pb_site *s = d->c.site;
    if (s && s->slack.signing_secret.kind == PB_SECRET && s->slack.signing_secret.n)
        return pb_text(s->slack.signing_secret);
    const char *v = getenv("SLACK_SIGNING_SECRET");
    return v && *v ? pb_str_c(v) : (pb_str){"", 0};
}

static bool is_genuine(pb_str secret, const slack_hook *q) {
    char want[SLACK_SIGNATURE + 1];
    return slack_sign(secret, q->timestamp, q->body, want) && q->signature.n == SLACK_SIGNATURE &&
           CRYPTO_memcmp(want, q->signature.s, SLACK_SIGNATURE) == 0;
}

static bool time_of(pb_str s, int64_t *ms) {
    *ms = 0;
    if (!s.n || s.n > 12) return false;
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') return false;
        *ms = *ms * 10 + (s.s[i] - '0');
    }
    *ms *= 1000;
    return true;
}

/* NULL, or why the request is not believed. */
static const char *distrust(slack_desk *d, pb_str secret, const slack_hook *q, pb_arena *a, int *status) {
    int64_t at;
    *status = 401;
    if (!q->signature.n || !q->timestamp.n) return "the request is not signed";
    if (!time_of(q->timestamp, &at)) return "the request's timestamp is none";
    if (!is_genuine(secret, q)) return "the request's signature is not Slack's";
    if (at > q->now + WINDOW_MS || at < q->now - WINDOW_MS)
        return "the request is older than five minutes, or from the future";
    store_result r =
        store_once(d->c.store, pb_printf(a, "slack:%.*s", PB_ARG(q->signature)), q->now, q->now + REPLAY_MS);
    if (r == STORE_NO) return "the request has come before: it is a replay";
    if (r != STORE_OK) *status = 503;
    return r == STORE_OK ? NULL : "the store cannot be written, so nobody can tell whether the request has come before";
}

/* ---- the payload ---- */

/* The only field of the form, "payload", decoded. */
static bool payload_of(pb_str body, pb_arena *a, pb_str *out) {
    static const char name[] = "payload=";
    const uint32_t from = sizeof name - 1;
    if (body.n <= from || memcmp(body.s, name, from) != 0 || memchr(body.s, '&', body.n)) return false;
    return plain_form_decode(a, (pb_str){body.s + from, body.n - from}, out);
}

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static bool all_of(pb_str s, const char *alphabet) {
    for (uint32_t i = 0; i < s.n; i++)
        if (!s.s[i] || !strchr(alphabet, s.s[i])) return false;
    return s.n > 0;
}

static bool is_slack_id(pb_str s) {
    return s.n > 2 && s.n <= ID_MAX && all_of(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
}

/* "grant:apr-...:0123..." */
static bool read_action(pb_str s, press *p) {
    enum { ID = 30 };
    uint32_t verb = 0;
    while (verb < s.n && s.s[verb] != ':') verb++;
    pb_str word = {s.s, verb};
    p->grant = pb_str_is(word, "grant");
    if ((!p->grant && !pb_str_is(word, "deny")) || s.n != verb + 1 + ID + 1 + APPROVAL_PREFIX ||
        s.s[verb + 1 + ID] != ':')
        return false;
    p->approval = (pb_str){s.s + verb + 1, ID};
    p->binding = (pb_str){s.s + verb + 1 + ID + 1, APPROVAL_PREFIX};
    return memcmp(p->approval.s, "apr-", 4) == 0 &&
           all_of((pb_str){p->approval.s + 4, ID - 4}, "0123456789abcdefghjkmnpqrstvwxyz") &&
           all_of(p->binding, "0123456789abcdef");
}

static bool read_press(pb_str body, pb_arena *a, press *p) {
    pb_str text, err;
    pb_value v, actions;
    *p = (press){0};
    if (!payload_of(body, a, &text) || !pb_json_parse(a, text.s, text.n, &v, &err)) return false;
    if (!pb_str_is(text_of(v, "type"), "block_actions")) return false;
    actions = pb_get_c(v, "actions");
    if (actions.kind != PB_LIST || actions.n != 1 || !pb_str_is(text_of(actions.u.items[0], "type"), "button"))
        return false;
    p->user = text_of(pb_get_c(v, "user"), "id");
    p->response_url = text_of(v, "response_url");
    p->channel = text_of(pb_get_c(v, "channel"), "id");
    return is_slack_id(p->user) && read_action(text_of(actions.u.items[0], "action_id"), p);
}

/* ---- a visit's end ---- */

static void say(const slack_desk *d, pb_str sentence) {
    if (d->c.log && sentence.s) d->c.log(d->c.ctx, sentence);
}

static void visit_end(visit *v) {
    slack_desk *d = v->desk;
    *v->link = v->next;
    if (v->next) v->next->link = v->link;
    d->nopen--;
    pb_arena_free(v->arena); /* v lives in it */
}

static void on_told(void *ctx, const slack_reply *r) {
    visit *v = ctx;
    v->api = NULL;
    v->ended = true;
    if (!r->ok)
        say(v->desk, pb_printf(v->arena, "%.*s could not be told why the answer was refused: %.*s", PB_ARG(v->p.user),
                               PB_ARG(r->message)));
    if (!v->inside) visit_end(v);
}

/* Only the person sees it. */
static void tell_refused(visit *v) {
    pb_map_builder b = {.arena = v->arena};
    bool direct = slack_url_ok(v->p.response_url);
    pb_str text = pb_printf(v->arena, "Your answer does not count: %.*s.", PB_ARG(v->answer.why));
    pb_map_add(&b, PB_STR("text"), pb_string(text));
    if (direct) {
        pb_map_add(&b, PB_STR("response_type"), pb_string_c("ephemeral"));
        pb_map_add(&b, PB_STR("replace_original"), pb_bool(false));
    } else {
        pb_map_add(&b, PB_STR("channel"), pb_string(v->p.channel));
        pb_map_add(&b, PB_STR("user"), pb_string(v->p.user));
    }
    slack_request q = {.kind = direct ? SLACK_RESPONSE : SLACK_JSON,
                       .method = "chat.postEphemeral",
                       .args = pb_map_done(&b),
                       .site = v->desk->c.site,
                       .url = v->p.response_url,
                       .subject = PB_STR("refusal"),
                       .deadline_ms = pb_loop_mono_ms() + REMOTE_MS,
                       .arena = v->arena};
    slack_api *api = slack_api_start(v->desk->c.loop, &q, on_told, v);
    if (!v->ended) v->api = api;
}

static void on_updated(void *ctx) {
    visit *v = ctx;
    v->update = NULL;
    v->ended = true;
    if (!v->inside) visit_end(v);
}

static void update(visit *v) {
    slack_desk *d = v->desk;
    approval_update *u = approval_update_start(d->c.loop, slack_channels(), d->c.site, d->c.store, v->p.approval,
                                               v->arena, on_updated, v);
    if (!v->ended) v->update = u;
}

/* What came of it is recorded; now the people are told. */
static void consequences(visit *v) {
    slack_desk *d = v->desk;
    bool inside = v->inside;
    v->inside = true;
    if (v->answer.taken) {
        if (!pb_str_is(v->answer.state, "open") && d->c.decided) d->c.decided(d->c.ctx, v->run);
        update(v);
    } else {
        tell_refused(v);
    }
    v->inside = inside;
    if (v->ended && !v->inside) visit_end(v);
}

static void decide(visit *v) {
    v->answer.now = pb_loop_wall_ms();
    store_result r = approval_decide(v->desk->c.store, v->p.approval, &v->answer);
    if (r != STORE_OK)
        say(v->desk, pb_printf(v->arena, "an answer from Slack user %.*s to approval %.*s: %.*s", PB_ARG(v->p.user),
                               PB_ARG(v->p.approval), PB_ARG(v->answer.why)));
    consequences(v);
}

/* ---- members of user groups ---- */

static pb_str key_of(pb_arena *a, const pb_str *groups, uint32_t n) {
    pb_buf b = {0};
    for (uint32_t i = 0; i < n; i++) pb_buf_printf(&b, "%.*s ", PB_ARG(groups[i]));
    pb_str s = b.oom ? (pb_str){"", 0} : pb_strdup(a, b.data ? b.data : "", b.len);
    pb_buf_free(&b);
    return s;
}

/* A copy in an arena of its own, so that it can be thrown away. */
static void keep(slack_desk *d, pb_str key, pb_value members) {
    pb_arena *a = pb_arena_new(VISIT_MEMORY);
    pb_str text = a ? pb_json_text(a, members) : (pb_str){NULL, 0}, err;
    pb_value copy;
    pb_arena_free(d->kept.arena);
    d->kept.arena = NULL;
    if (text.s && pb_json_parse(a, text.s, text.n, &copy, &err)) {
        d->kept.arena = a;
        d->kept.key = pb_strdup(a, key.s, key.n);
        d->kept.members = copy;
        d->kept.at = pb_loop_mono_ms();
    } else {
        pb_arena_free(a);
    }
}

static void on_members(void *ctx, pb_value members, pb_str error) {
    visit *v = ctx;
    v->members = NULL;
    v->answer.members = members;
    v->answer.members_error = error;
    uint32_t n = 0;
    while (n < GROUPS_MAX && v->groups[n].n) n++;
    if (!error.n) keep(v->desk, key_of(v->arena, v->groups, n), members);
    decide(v);
}

static void begin(visit *v, const store_approval *apr) {
    slack_desk *d = v->desk;
    uint32_t n = approval_slack_groups(apr, pb_loop_wall_ms(), v->groups, GROUPS_MAX - 1);
    pb_str key = key_of(v->arena, v->groups, n);
    v->inside = true;
    if (n && d->kept.arena && pb_str_eq(key, d->kept.key) && pb_loop_mono_ms() - d->kept.at < MEMBERS_KEPT_MS) {
        v->answer.members = d->kept.members;
        n = 0;
    }
    if (n) {
        slack_members *m = slack_members_start(d->c.loop, d->c.site, v->groups, n, pb_loop_mono_ms() + REMOTE_MS,
                                               v->arena, on_members, v);
        if (m) v->members = m;
    } else {
        decide(v);
    }
    v->inside = false;
    if (v->ended) visit_end(v);
}

/* ---- requests ---- */

slack_desk *slack_desk_new(const slack_desk_config *c) {
    slack_desk *d = calloc(1, sizeof *d);
    if (d) d->c = *c;
    return d;
}

void slack_desk_free(slack_desk *d) {
    while (d && d->open) {
        visit *v = d->open;
        slack_members_stop(v->members);
        slack_api_stop(v->api);
        approval_update_stop(v->update);
        visit_end(v);
    }
    if (d) pb_arena_free(d->kept.arena);
    free(d);
}

static approval_answer answer_of(const press *p, const slack_hook *q, pb_arena *a) {
    return (approval_answer){
        .grant = p->grant,
        .kind = APPROVAL_BY_SLACK,
        .who = p->user,
        .via = PB_STR("slack"),
        .proof = pb_printf(a, "Slack's signature of %.*s, user %.*s", PB_ARG(q->timestamp), PB_ARG(p->user)),
        .binding = p->binding,
        .members = PB_NONE_VALUE,
        .arena = a,
        .now = q->now};
}

/* Recorded where the approval is known; the sender hears nothing but no. */
static void record_distrust(slack_desk *d, const slack_hook *q, const char *why, pb_arena *a) {
    press p;
    if (!read_press(q->body, a, &p)) return;
    approval_answer no = answer_of(&p, q, a);
    no.forbidden = pb_str_c(why);
    no.claimed = true;
    no.proof = PB_STR("none");
    if (approval_decide(d->c.store, p.approval, &no) != STORE_OK)
        say(d, pb_printf(a, "an answer to approval %.*s was refused: %s", PB_ARG(p.approval), why));
}

static visit *visit_new(slack_desk *d, const slack_hook *q) {
    pb_arena *a = d->nopen < VISITS_MAX ? pb_arena_new(VISIT_MEMORY) : NULL;
    visit *v = a ? pb_alloc(a, sizeof *v) : NULL;
    if (!v) {
        pb_arena_free(a);
        return NULL;
    }
    *v = (visit){.desk = d, .arena = a, .next = d->open, .link = &d->open};
    if (!read_press(q->body, a, &v->p)) v->p.approval = (pb_str){"", 0};
    v->answer = answer_of(&v->p, q, a);
    if (v->next) v->next->link = &v->next;
    d->open = v;
    d->nopen++;
    return v;
}

int slack_desk_take(slack_desk *d, const slack_hook *q, pb_arena *a, pb_str *why) {
    pb_str secret = secret_of(d);
    press p;
    *why = (pb_str){"", 0};
    if (!secret.n) {
        *why = PB_STR("no signing secret is set: write `slack { signing_secret: param }` into the site block, or set "
                      "SLACK_SIGNING_SECRET");
        return 503;
    }
    if (q->body.n > BODY_MAX) return 413;
    int status;
    const char *distrusted = distrust(d, secret, q, a, &status);
    if (distrusted) {
        record_distrust(d, q, distrusted, a);
        *why = pb_str_c(distrusted);
        return status;
    }
    if (!read_press(q->body, a, &p)) {
        *why = PB_STR("this is no press of one of our buttons");
        return 400;
    }
    visit *v = visit_new(d, q);
    store_approval apr = {0};
    if (!v) return 503;
    if (store_approval_get(d->c.store, v->p.approval, v->arena, &apr) == STORE_OK) v->run = apr.run;
    begin(v, &apr);
    return 200;
}
