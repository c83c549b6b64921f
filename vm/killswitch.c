/*
 * killswitch.c - reading the kill switch.
 *
 * The store is read at once, SSM and DynamoDB with one request each, through the providers of hosts: no step of any
 * program, and with pbrun's own credentials. Nothing is remembered from one question to the next. But questions that
 * are asked in the same turn of the loop share one pair of requests, which is sent behind the last of them (so it is a
 * read after each of them asked): a hundred runs that go on at once do not mean a hundred requests.
 *
 *     questions of one turn ── batch ── timer of 0 ms ── SSM, DynamoDB ── both answered: store read, each answered
 *
 * The store is read last, when the others have answered, so that what is written to it counts until the call is sent.
 * Whatever is not clearly "off" is a no: an error, a missing parameter, a word that is none.
 */
#include "vm/killswitch.h"

#include <stdlib.h>

enum {
    READ_MS = 5000, /* a source that takes longer is not there */
    READ_ARENA = 1 << 20,
    TEXT_MAX = 8192 /* of a source's value; SSM's longest */
};

typedef enum remote { FROM_SSM, FROM_DYNAMODB, SOURCES } remote;

typedef struct batch {
    killswitch *owner;
    struct batch *next, **link;
    pb_arena *arena; /* of the answers */
    pb_timer *timer; /* until it is sent */
    killswitch_wait *first, *last;
    int64_t deadline_ms;
    void *asked[SOURCES];
    pb_str text[SOURCES], error[SOURCES], reason[SOURCES], who[SOURCES];
    bool used[SOURCES], done[SOURCES];
    bool sending; /* a source may answer before the others have been asked */
} batch;

struct killswitch {
    killswitch_config config;
    batch *open;    /* takes questions of this turn */
    batch *batches; /* all that are not answered */
};

struct killswitch_wait {
    batch *batch;
    killswitch_wait *next;
    pb_str account, playbook;
    pb_arena *arena;
    killswitch_fn *fn; /* NULL: given up */
    void *ctx;
};

/* ---- words and scopes ---- */

static bool is_word(pb_str s, const char *word) {
    size_t n = strlen(word);
    for (uint32_t i = 0; i < s.n && s.n == n; i++) {
        char c = s.s[i];
        if ((char)(c >= 'A' && c <= 'Z' ? c + 32 : c) != word[i]) return false;
    }
    return s.n == n;
}

static pb_str trimmed(pb_str s) {
    while (s.n && (s.s[s.n - 1] == '\n' || s.s[s.n - 1] == '\r' || s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t')) s.n--;
    while (s.n && (*s.s == '\n' || *s.s == '\r' || *s.s == ' ' || *s.s == '\t')) s.s++, s.n--;
    return s;
}

bool killswitch_state_of(pb_str word, killswitch_state *out) {
    static const char *const words[] = {[SWITCH_OFF] = "off", [SWITCH_OBSERVE] = "observe", [SWITCH_ON] = "on"};
    for (int i = SWITCH_OFF; i <= SWITCH_ON; i++) {
        if (!is_word(trimmed(word), words[i])) continue;
        *out = (killswitch_state)i;
        return true;
    }
    return false;
}

/* What stands behind "account:" or "playbook:"; n 0: it does not begin so. */
static pb_str behind(pb_str s, const char *prefix) {
    uint32_t n = (uint32_t)strlen(prefix);
    return s.n > n && memcmp(s.s, prefix, n) == 0 ? (pb_str){s.s + n, s.n - n} : (pb_str){0};
}

bool killswitch_scope_ok(pb_str scope) {
    pb_str account = behind(scope, "account:"), playbook = behind(scope, "playbook:");
    if (pb_str_is(scope, "global")) return true;
    if (account.n) return text_is_account(account);
    for (uint32_t i = 0; i < playbook.n; i++) {
        char c = playbook.s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!letter) return false;
    }
    return playbook.n > 0 && playbook.n <= 128; /* as long as a name may be */
}

/* Where it is not known in which account the act would be, it may be any. */
static bool concerns(pb_str scope, pb_str account, pb_str playbook) {
    if (pb_str_is(scope, "global")) return true;
    pb_str a = behind(scope, "account:"), p = behind(scope, "playbook:");
    return (a.n && (!account.n || pb_str_eq(a, account))) || (p.n && pb_str_eq(p, playbook));
}

/* "all", "account 123456789012", "playbook isolate": what a switch is for, to people. */
static pb_str scope_text(pb_arena *a, pb_str scope) {
    pb_str account = behind(scope, "account:"), playbook = behind(scope, "playbook:");
    if (account.n) return pb_printf(a, "for account %.*s", PB_ARG(account));
    if (playbook.n) return pb_printf(a, "for playbook %.*s", PB_ARG(playbook));
    return PB_STR("for everything");
}

/* ---- one switch ---- */

typedef struct setting {
    pb_str scope, source, reason, who;
    int64_t at; /* 0: not known */
    killswitch_state state;
} setting;

static pb_str or_memory(pb_str s) {
    return s.s ? s : PB_STR("the kill switch is on or could not be read (out of memory)");
}

static pb_str sentence(pb_arena *a, const setting *w) {
    pb_str scope = scope_text(a, w->scope), since = w->at ? pb_time_text(a, w->at) : (pb_str){0};
    pb_buf b = {0};
    pb_buf_printf(&b, "the kill switch is %s %.*s (%.*s", w->state == SWITCH_ON ? "on" : "at observe", PB_ARG(scope),
                  PB_ARG(w->source));
    if (since.n) pb_buf_printf(&b, ", since %.*s", PB_ARG(since));
    if (w->who.n) pb_buf_printf(&b, ", by %.*s", PB_ARG(w->who));
    pb_buf_puts(&b, ")");
    if (w->reason.n) pb_buf_printf(&b, ": %.*s", PB_ARG(w->reason));
    pb_str s = b.oom ? (pb_str){NULL, 0} : pb_strdup(a, b.data, b.len);
    pb_buf_free(&b);
    return or_memory(s);
}

/* The stricter of the two stays. */
static void weigh(killswitch_answer *out, const setting *w, pb_arena *a) {
    if (w->state <= out->state) return;
    out->state = w->state;
    out->why = sentence(a, w);
}

static void refuse(killswitch_answer *out, pb_str why) {
    if (out->state == SWITCH_ON) return; /* what is known says more than what is not */
    *out = (killswitch_answer){SWITCH_ON, true, or_memory(why)};
}

/* ---- a source's text ---- */

static pb_str text_at(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){0};
}

/* "on", or {"state": "on", "reason": ..., "who": ...}. */
static bool read_entry(pb_value v, setting *w) {
    pb_str word = v.kind == PB_STRING ? pb_text(v) : text_at(v, "state");
    if (v.kind == PB_MAP && text_at(v, "reason").n) w->reason = text_at(v, "reason");
    if (v.kind == PB_MAP && text_at(v, "who").n) w->who = text_at(v, "who");
    return word.n && killswitch_state_of(word, &w->state);
}

static bool read_scopes(pb_value map, const setting *base, pb_str account, pb_str playbook, pb_arena *a,
                        killswitch_answer *out, pb_str *err) {
    setting common = *base;
    if (text_at(map, "reason").n) common.reason = text_at(map, "reason");
    if (text_at(map, "who").n) common.who = text_at(map, "who");
    for (uint32_t i = 0; i < map.n; i++) {
        pb_str key = map.u.entries[i].key;
        setting w = common;
        w.scope = key;
        if (pb_str_is(key, "reason") || pb_str_is(key, "who")) continue;
        if (!killswitch_scope_ok(key)) {
            *err = pb_printf(a, "`%.*s` is no scope; there are global, account:ID and playbook:NAME",
                             (int)(key.n < 80 ? key.n : 80), key.s);
            return false;
        }
        if (!read_entry(map.u.entries[i].value, &w)) {
            *err = pb_printf(a, "`%.*s` must be \"on\", \"observe\" or \"off\"", PB_ARG(key));
            return false;
        }
        if (concerns(key, account, playbook)) weigh(out, &w, a);
    }
    return true;
}

static bool read_with(pb_str text, const setting *base, pb_str account, pb_str playbook, pb_arena *a,
                      killswitch_answer *out, pb_str *err) {
    setting w = *base;
    pb_value map;
    pb_str ignored;
    w.scope = PB_STR("global");
    *err = PB_STR("it must be \"on\", \"observe\" or \"off\", or JSON with scopes");
    if (text.n > TEXT_MAX) return false;
    if (killswitch_state_of(text, &w.state)) {
        weigh(out, &w, a);
        return true;
    }
    if (!pb_json_parse(a, text.s, text.n, &map, &ignored) || map.kind != PB_MAP) return false;
    return read_scopes(map, &w, account, playbook, a, out, err);
}

bool killswitch_read(pb_str text, pb_str source, pb_str account, pb_str playbook, pb_arena *a, killswitch_answer *out,
                     pb_str *err) {
    const setting base = {.source = source};
    *out = (killswitch_answer){0};
    return read_with(text, &base, account, playbook, a, out, err);
}

/* ---- the store ---- */

static bool unreadable(killswitch *k, const killswitch_wait *w, killswitch_answer *out) {
    refuse(out, pb_printf(w->arena, "the kill switch cannot be read, so nothing is changed: %s",
                          store_error(k->config.store)));
    return false;
}

static bool take_switch(const killswitch_wait *w, const store_switch *s, killswitch_answer *out) {
    setting found = {
        .scope = s->scope, .source = PB_STR("pbrun kill-switch"), .reason = s->reason, .who = s->who, .at = s->at};
    if (!killswitch_state_of(s->state, &found.state)) {
        refuse(out, pb_printf(w->arena,
                              "the kill switch cannot be read, so nothing is changed: its state in the store is "
                              "`%.*s`; set it again with `pbrun kill-switch`",
                              PB_ARG(s->state)));
        return false;
    }
    weigh(out, &found, w->arena);
    return true;
}

static bool read_scope(killswitch *k, const killswitch_wait *w, pb_str scope, killswitch_answer *out) {
    store_switch s;
    store_result r = store_switch_get(k->config.store, scope, w->arena, &s);
    if (r == STORE_NO) return true;
    return r == STORE_OK ? take_switch(w, &s, out) : unreadable(k, w, out);
}

/* Of an act whose account nobody knows: those of all accounts. */
static bool read_accounts(killswitch *k, const killswitch_wait *w, killswitch_answer *out) {
    store_switch *all;
    uint32_t n;
    if (store_switches(k->config.store, false, w->arena, &all, &n) != STORE_OK) return unreadable(k, w, out);
    for (uint32_t i = 0; i < n; i++)
        if (behind(all[i].scope, "account:").n && !take_switch(w, &all[i], out)) return false;
    return true;
}

static void read_store(killswitch *k, const killswitch_wait *w, killswitch_answer *out) {
    if (!k->config.store || !read_scope(k, w, PB_STR("global"), out)) return;
    pb_str account = w->account.n ? pb_printf(w->arena, "account:%.*s", PB_ARG(w->account)) : (pb_str){0};
    pb_str playbook = w->playbook.n ? pb_printf(w->arena, "playbook:%.*s", PB_ARG(w->playbook)) : (pb_str){0};
    if ((w->account.n && !account.s) || (w->playbook.n && !playbook.s)) {
        refuse(out, (pb_str){0});
        return;
    }
    if (!(account.n ? read_scope(k, w, account, out) : read_accounts(k, w, out))) return;
    if (playbook.n) read_scope(k, w, playbook, out);
}

/* ---- the remote sources ---- */

static bool configured(const killswitch *k, remote s) {
    const pb_site *site = k->config.site;
    return site && (s == FROM_SSM ? site->kill_switch.ssm.n : site->kill_switch.dynamodb.n);
}

static pb_str source_name(const killswitch *k, remote s, pb_arena *a) {
    const pb_site *site = k->config.site;
    if (s == FROM_SSM) return pb_printf(a, "SSM parameter %.*s", PB_ARG(site->kill_switch.ssm));
    return pb_printf(a, "item %.*s of DynamoDB table %.*s", PB_ARG(site->kill_switch.key),
                     PB_ARG(site->kill_switch.table));
}

/* What to do about what AWS says. */
static const char *cure_of(remote s, pb_str code) {
    if (pb_str_is(code, "ParameterNotFound"))
        return "; there is no such parameter: create it with `aws ssm put-parameter --type String --value off --name "
               "...`";
    if (pb_str_is(code, "ResourceNotFoundException"))
        return "; there is no such table: create it with a partition key `id` of type string";
    if (s == FROM_DYNAMODB && pb_str_is(code, "ValidationException"))
        return "; the table's only key must be a string `id`";
    if (pb_str_is(code, "AccessDeniedException"))
        return s == FROM_SSM ? "; allow pbrun's own role ssm:GetParameter on it"
                             : "; allow pbrun's own role dynamodb:GetItem on it";
    if (pb_str_is(code, "region") || pb_str_is(code, "no_region")) return "; set AWS_REGION to where it is";
    return "";
}

static void take_ssm(batch *b, const pb_answer *a) {
    b->text[FROM_SSM] = text_at(pb_get_c(a->value, "Parameter"), "Value");
    if (!b->text[FROM_SSM].n) b->error[FROM_SSM] = PB_STR("it has no value; put `off`, `observe` or `on` into it");
}

static void take_item(batch *b, const pb_answer *a) {
    pb_value item = pb_get_c(a->value, "Item");
    b->text[FROM_DYNAMODB] = text_at(pb_get_c(item, "state"), "S");
    b->reason[FROM_DYNAMODB] = text_at(pb_get_c(item, "reason"), "S");
    b->who[FROM_DYNAMODB] = text_at(pb_get_c(item, "who"), "S");
    if (item.kind != PB_MAP || !item.n)
        b->error[FROM_DYNAMODB] = PB_STR("there is no such item; put one with the strings `id` and `state` (\"off\")");
    else if (!b->text[FROM_DYNAMODB].n)
        b->error[FROM_DYNAMODB] = PB_STR("the item has no string `state`; put \"off\", \"observe\" or \"on\" into it");
}

static void settle(batch *b);

static void came(batch *b, remote s, const pb_answer *a) {
    b->asked[s] = NULL;
    b->done[s] = true;
    if (!a->ok)
        b->error[s] = pb_printf(b->arena, "%.*s: %.*s%s", PB_ARG(a->code), PB_ARG(a->message), cure_of(s, a->code));
    else if (s == FROM_SSM)
        take_ssm(b, a);
    else
        take_item(b, a);
    settle(b);
}

static void ssm_came(void *ctx, const pb_answer *a) { came(ctx, FROM_SSM, a); }
static void item_came(void *ctx, const pb_answer *a) { came(ctx, FROM_DYNAMODB, a); }

static pb_value one(pb_arena *a, const char *key, pb_value v) {
    pb_map_builder m = {.arena = a};
    pb_map_add(&m, pb_str_c(key), v);
    return pb_map_done(&m);
}

static pb_question question_of(const batch *b, remote s) {
    const pb_site *site = b->owner->config.site;
    pb_str name = s == FROM_SSM ? site->kill_switch.ssm : site->kill_switch.table;
    pb_map_builder m = {.arena = b->arena};
    pb_map_add(&m, s == FROM_SSM ? PB_STR("Name") : PB_STR("TableName"), pb_string(name));
    pb_map_add(&m, s == FROM_SSM ? PB_STR("WithDecryption") : PB_STR("ConsistentRead"), pb_bool(true));
    if (s == FROM_DYNAMODB)
        pb_map_add(&m, PB_STR("Key"), one(b->arena, "id", one(b->arena, "S", pb_string(site->kill_switch.key))));
    return (pb_question){.host = s == FROM_SSM ? PB_STR("aws.ssm.GetParameter") : PB_STR("aws.dynamodb.GetItem"),
                         .args = pb_map_done(&m),
                         .region = text_is_arn(name) ? text_arn_part(name, 3) : (pb_str){0},
                         .deadline_ms = b->deadline_ms,
                         .arena = b->arena};
}

static const pb_host_provider *provider_of(const killswitch *k) {
    for (size_t i = 0; i < k->config.nproviders; i++)
        if (k->config.providers[i].ask && strcmp(k->config.providers[i].prefix, "aws.") == 0)
            return &k->config.providers[i];
    return NULL;
}

static void send(batch *b, remote s) {
    const pb_host_provider *p = provider_of(b->owner);
    if (!p) {
        b->done[s] = true;
        b->error[s] = PB_STR("this pbrun has no AWS client");
        return;
    }
    pb_question q = question_of(b, s);
    void *asked = p->ask(p->state, b->owner->config.loop, &q, s == FROM_SSM ? ssm_came : item_came, b);
    if (asked && !b->done[s]) b->asked[s] = asked;
}

/* ---- batches ---- */

static void batch_free(batch *b) {
    const pb_host_provider *p = provider_of(b->owner);
    *b->link = b->next;
    if (b->next) b->next->link = b->link;
    if (b->owner->open == b) b->owner->open = NULL;
    if (b->timer) pb_timer_cancel(b->timer);
    for (int s = 0; s < SOURCES; s++)
        if (b->asked[s] && p && p->unask) p->unask(p->state, b->asked[s]);
    while (b->first) {
        killswitch_wait *w = b->first;
        b->first = w->next;
        free(w);
    }
    pb_arena_free(b->arena);
    free(b);
}

static void judge(const batch *b, const killswitch_wait *w, remote s, killswitch_answer *out) {
    setting base = {.source = source_name(b->owner, s, w->arena), .reason = b->reason[s], .who = b->who[s]};
    pb_str err = b->error[s];
    if (!err.n && read_with(b->text[s], &base, w->account, w->playbook, w->arena, out, &err)) return;
    refuse(out, pb_printf(w->arena, "the kill switch cannot be read, so nothing is changed: %.*s: %.*s",
                          PB_ARG(base.source), PB_ARG(err)));
}

static void answer(killswitch *k, const batch *b, const killswitch_wait *w) {
    killswitch_answer out = {0};
    for (int s = 0; b && s < SOURCES; s++)
        if (b->used[s]) judge(b, w, (remote)s, &out);
    if (out.state != SWITCH_ON) read_store(k, w, &out);
    w->fn(w->ctx, &out);
}

/* Answers all when the last source has answered. The callbacks may ask again (into another batch) or give others up. */
static void settle(batch *b) {
    for (int s = 0; s < SOURCES; s++)
        if (b->sending || (b->used[s] && !b->done[s])) return;
    for (killswitch_wait *w = b->first; w; w = w->next) {
        if (!w->fn) continue;
        answer(b->owner, b, w);
        w->fn = NULL;
    }
    batch_free(b);
}

static void on_turn(void *ctx) {
    batch *b = ctx;
    b->timer = NULL;
    b->owner->open = NULL;
    b->sending = true;
    for (int s = 0; s < SOURCES; s++)
        if (b->used[s]) send(b, (remote)s);
    b->sending = false;
    settle(b);
}

static batch *batch_new(killswitch *k) {
    batch *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->owner = k;
    b->arena = pb_arena_new(READ_ARENA);
    b->timer = b->arena ? pb_timer_start(k->config.loop, 0, on_turn, b) : NULL;
    if (!b->timer) {
        pb_arena_free(b->arena);
        free(b);
        return NULL;
    }
    b->deadline_ms = pb_loop_mono_ms() + READ_MS;
    for (int s = 0; s < SOURCES; s++) b->used[s] = configured(k, (remote)s);
    b->next = k->batches;
    b->link = &k->batches;
    if (b->next) b->next->link = &b->next;
    k->batches = k->open = b;
    return b;
}

/* ---- from outside ---- */

killswitch *killswitch_new(const killswitch_config *c) {
    killswitch *k = calloc(1, sizeof *k);
    if (k) k->config = *c;
    return k;
}

void killswitch_free(killswitch *k) {
    while (k && k->batches) batch_free(k->batches);
    free(k);
}

killswitch_wait *killswitch_ask(killswitch *k, pb_str account, pb_str playbook, pb_arena *a, killswitch_fn *fn,
                                void *ctx) {
    const killswitch_wait here = {.account = account, .playbook = playbook, .arena = a, .fn = fn, .ctx = ctx};
    if (!configured(k, FROM_SSM) && !configured(k, FROM_DYNAMODB)) {
        answer(k, NULL, &here);
        return NULL;
    }
    killswitch_wait *w = calloc(1, sizeof *w);
    batch *b = !w ? NULL : k->open ? k->open : batch_new(k);
    if (!b) {
        free(w);
        fn(ctx, &(killswitch_answer){SWITCH_ON, true, or_memory((pb_str){0})});
        return NULL;
    }
    *w = here;
    w->batch = b;
    if (b->last)
        b->last->next = w;
    else
        b->first = w;
    b->last = w;
    return w;
}

void killswitch_unask(killswitch_wait *w) {
    if (w) w->fn = NULL; /* its batch frees it */
}
