/*
 * sessions.c - the way from "a call for account A" to the keys that sign it.
 *
 *     settle: own keys, an error, or wait ── for whose our keys are (identity) ── settle again
 *                                         └─ for a session in A (AssumeRole) ──── its keys
 *
 * Nothing is asked that need not be: without a site a run that only reads in its event's account asks nothing. But
 * before anything is changed, and whenever a call is meant for another account than the event's, we know whose keys we
 * hold; a call for another account is never made with them.
 *
 * A session's name and source identity carry the incident, so CloudTrail in every account tells which run did it; its
 * policy allows only what the running playbook can come to, so keys that leak are worth little, and that for a quarter
 * of an hour (AWS's shortest). The keys of a session live in an arena of their own, which is wiped.
 */
#include "stdlib/aws/sessions.h"

#include "stdlib/aws/policy.h"

#include <stdlib.h>

enum {
    SESSION_S = 900,        /* AWS's shortest; also within the hour that a role assumed by a role may have */
    MARGIN_MS = 300 * 1000, /* renewed that long before its end, so that no call outlives its keys ... */
    MARGIN_PART = 4,        /* ... or the last quarter of a shorter one */
    FETCH_MS = 20000,       /* for STS, tries included */
    FETCH_ARENA = 4 << 20,
    SESSIONS_MAX = 1000, /* at once; a run in more accounts is a report's work, not a playbook's */
    NAME_MAX_BYTES = 64, /* of a session's name and of a source identity */
    IDENTITY_MAX = 2049  /* an ARN, as long as AWS allows */
};

/* Calls that wait for the same thing. */
typedef struct queue {
    struct aws_access_wait *first;
} queue;

typedef struct session {
    struct session *next;
    aws_sessions *owner;
    const vm_run *run;
    char account[13], region[33];   /* region: only in partitions but `aws`, where it says which */
    pb_str role_arn, name, source;  /* in own */
    pb_arena *own, *fetch, *secret; /* texts; a fetch under way; what keys point into */
    aws_call *call;
    queue waiting;
    sigv4_credentials keys;
    int64_t expires_ms, renew_ms; /* wall clock; 0: there are no keys */
    pb_str widened;               /* of the policy; in own */
    pb_value request_id;          /* in own; of the last AssumeRole */
    bool told;                    /* in somebody's evidence */
} session;

struct aws_sessions {
    aws_client *client;
    char account[13]; /* whose our keys are; empty: not known */
    char arn[IDENTITY_MAX]; /* the same as a principal; empty: too long to be one */
    pb_arena *asking; /* while GetCallerIdentity is under way */
    aws_call *call;
    queue waiting;
    session *sessions;
    uint32_t nsessions;
};

struct aws_access_wait {
    aws_sessions *sessions;
    pb_loop *loop;
    pb_arena *arena;
    aws_who who;
    aws_access_fn *fn;
    void *ctx;
    struct aws_access_wait *next, **link; /* in a queue; link NULL: in none */
};

static void settle(aws_access_wait *w);

/* ---- who waits ---- */

static void enqueue(queue *q, aws_access_wait *w) {
    aws_access_wait **at = &q->first;
    while (*at) at = &(*at)->next;
    w->next = NULL;
    w->link = at;
    *at = w;
}

static void dequeue(aws_access_wait *w) {
    if (!w->link) return;
    *w->link = w->next;
    if (w->next) w->next->link = w->link;
    w->link = NULL;
}

/* Takes all out of a queue into another one: who comes meanwhile waits for the next answer. */
static queue take_all(queue *q, queue *into) {
    into->first = q->first;
    if (into->first) into->first->link = &into->first;
    q->first = NULL;
    return *into;
}

static void answer(aws_access_wait *w, const aws_access *a) {
    aws_access_fn *fn = w->fn;
    void *ctx = w->ctx;
    dequeue(w);
    free(w);
    fn(ctx, a);
}

static void refuse(aws_access_wait *w, pb_str code, pb_str message, pb_value assumed) {
    if (!message.s) message = PB_STR("out of memory");
    answer(w, &(aws_access){.code = code, .message = message, .assumed = assumed});
}

static void use_own(aws_access_wait *w) { answer(w, &(aws_access){.ok = true}); }

/* ---- whose our keys are ---- */

static void identity_came(void *ctx, const aws_outcome *o) {
    aws_sessions *s = ctx;
    pb_value account = o->ok ? pb_get_c(o->value, "Account") : PB_NONE_VALUE;
    pb_arena *a = s->asking;
    queue all;
    s->call = NULL;
    s->asking = NULL;
    if (account.kind == PB_STRING && text_is_account(pb_text(account))) memcpy(s->account, account.u.s, 12);
    pb_value arn = o->ok ? pb_get_c(o->value, "Arn") : PB_NONE_VALUE;
    if (arn.kind == PB_STRING && arn.n < sizeof s->arn) memcpy(s->arn, arn.u.s, arn.n);
    take_all(&s->waiting, &all);
    while (all.first) {
        aws_access_wait *w = all.first;
        dequeue(w);
        if (s->account[0]) {
            settle(w);
            continue;
        }
        pb_str code = o->ok ? PB_STR("InvalidResponse") : pb_strdup(w->arena, o->code.s, o->code.n);
        refuse(w, code.s ? code : PB_STR("memory"),
               pb_printf(w->arena,
                         "the call was not made: it is not known whose account the credentials belong to: %.*s",
                         PB_ARG(o->ok ? PB_STR("STS did not say") : o->message)),
               PB_NONE_VALUE);
    }
    pb_arena_free(a);
}

static aws_op sts_op(const char *name) {
    const aws_model *m = aws_model_get();
    return aws_op_find(m, aws_service_find(m, PB_STR("sts")), pb_str_c(name));
}

static void ask_identity(aws_access_wait *w) {
    aws_sessions *s = w->sessions;
    enqueue(&s->waiting, w);
    if (s->asking) return;
    s->asking = pb_arena_new(FETCH_ARENA);
    if (!s->asking) {
        refuse(w, PB_STR("memory"), PB_STR("out of memory"), PB_NONE_VALUE);
        return;
    }
    aws_call_spec spec = {.op = sts_op("GetCallerIdentity"),
                          .input = PB_NONE_VALUE,
                          .region = w->who.region,
                          .deadline_ms = pb_loop_mono_ms() + FETCH_MS,
                          .arena = s->asking};
    aws_call *call = aws_client_start(s->client, w->loop, &spec, identity_came, s);
    if (call) s->call = call; /* else it was answered at once, and w is gone */
}

/* ---- sessions ---- */

static bool has_keys(const session *e) { return e->expires_ms > pb_loop_wall_ms(); }
static bool is_fresh(const session *e) { return has_keys(e) && pb_loop_wall_ms() < e->renew_ms; }

static void put(pb_map_builder *b, const char *key, pb_str v) {
    if (v.n) pb_map_add(b, pb_str_c(key), pb_string(v));
}

static pb_str kept(pb_arena *a, pb_str s) { return pb_strdup(a, s.s ? s.s : "", s.n); }

/* For the evidence. The texts are copied: a session may go before its run's evidence is written. */
static pb_value assumed_of(const session *e, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    put(&b, "role", kept(a, e->role_arn));
    put(&b, "session_name", kept(a, e->name));
    put(&b, "source_identity", kept(a, e->source));
    if (e->request_id.kind == PB_STRING) put(&b, "request_id", kept(a, pb_text(e->request_id)));
    if (e->expires_ms) pb_map_add(&b, PB_STR("expires"), pb_time(e->expires_ms));
    put(&b, "policy_widened", kept(a, e->widened));
    return pb_map_done(&b);
}

static void give(session *e, aws_access_wait *w) {
    aws_access a = {.ok = true, .keys = &e->keys};
    if (!e->told) a.assumed = assumed_of(e, w->arena);
    e->told = true;
    answer(w, &a);
}

static void wipe(session *e) {
    pb_arena_wipe(e->secret);
    e->secret = NULL;
    e->keys = (sigv4_credentials){0};
    e->expires_ms = e->renew_ms = 0;
}

static const char *cure_of(pb_str code) {
    static const struct {
        const char *code, *cure;
    } cures[] = {
        {"AccessDenied",
         "; the role must exist there, and its trust policy must allow sts:AssumeRole and "
         "sts:SetSourceIdentity to pbrun's own identity, with the site's external id if it asks for one"},
        {"PackedPolicyTooLarge", "; the policy that narrows the session to what this playbook can reach is too large: "
                                 "split the playbook"},
        {"RegionDisabledException", "; STS is not active in this region for that account"},
        {"MalformedPolicyDocument", "; the policy that narrows the session was refused"},
    };
    for (size_t i = 0; i < sizeof cures / sizeof *cures; i++)
        if (pb_str_is(code, cures[i].code)) return cures[i].cure;
    return "";
}

static void session_failed(session *e, pb_str code, pb_str message) {
    queue all;
    take_all(&e->waiting, &all);
    while (all.first) {
        aws_access_wait *w = all.first;
        if (has_keys(e)) { /* the old ones still hold */
            give(e, w);
            continue;
        }
        pb_str c = kept(w->arena, code);
        refuse(w, c.s ? c : PB_STR("memory"),
               pb_printf(w->arena, "the role %.*s could not be assumed, so the call was not made: %.*s%s",
                         PB_ARG(e->role_arn), PB_ARG(message), cure_of(code)),
               assumed_of(e, w->arena));
    }
}

static pb_str text_at(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){0};
}

/* Keeps the keys where they are, in the fetch's arena. False: there are none in the answer. */
static bool take_keys(session *e, const aws_outcome *o) {
    pb_value v = pb_get_c(o->value, "Credentials"), expires = pb_get_c(v, "Expiration");
    sigv4_credentials k = {text_at(v, "AccessKeyId"), text_at(v, "SecretAccessKey"), text_at(v, "SessionToken")};
    int64_t now = pb_loop_wall_ms();
    if (!k.access_key.n || !k.secret_key.n || !k.session_token.n || expires.kind != PB_TIME) return false;
    wipe(e);
    e->secret = e->fetch;
    e->fetch = NULL;
    e->keys = k;
    e->expires_ms = expires.u.i;
    int64_t part = (e->expires_ms - now) / MARGIN_PART;
    e->renew_ms = e->expires_ms - (part < MARGIN_MS ? part : MARGIN_MS);
    return true;
}

static void assumed(void *ctx, const aws_outcome *o) {
    session *e = ctx;
    queue all;
    pb_str id = text_at(o->meta, "request_id");
    e->call = NULL;
    e->told = false;
    e->request_id = id.n ? pb_string(kept(e->own, id)) : PB_NONE_VALUE;
    if (o->ok && take_keys(e, o)) {
        take_all(&e->waiting, &all);
        while (all.first) give(e, all.first);
        return;
    }
    session_failed(e, o->ok ? PB_STR("InvalidResponse") : o->code,
                   o->ok ? PB_STR("STS answered without credentials") : o->message);
    pb_arena_wipe(e->fetch);
    e->fetch = NULL;
}

/* The policy that narrows the session. False: why. */
static bool narrow(session *e, const aws_who *who, pb_str *policy, pb_str *why) {
    const pb_str *hosts;
    uint32_t n;
    pb_str text = {0};
    *why = PB_STR("out of memory");
    if (!who->reach(who->reach_ctx, e->fetch, &hosts, &n)) return false;
    if (!aws_policy_write(e->fetch, hosts, n, pb_str_c(e->account), pb_str_c(e->region), true, policy, &text)) {
        if (text.n) *why = text;
        return false;
    }
    e->widened = kept(e->own, text);
    return true;
}

static void fetch(session *e, pb_loop *l, const aws_who *who) {
    pb_str policy, why = PB_STR("out of memory");
    e->fetch = pb_arena_new(FETCH_ARENA);
    if (!e->fetch || !narrow(e, who, &policy, &why)) {
        session_failed(e, PB_STR("session_policy"), why);
        pb_arena_wipe(e->fetch);
        e->fetch = NULL;
        return;
    }
    pb_map_builder b = {.arena = e->fetch};
    put(&b, "RoleArn", e->role_arn);
    put(&b, "RoleSessionName", e->name);
    put(&b, "SourceIdentity", e->source);
    put(&b, "ExternalId", who->site->external_id);
    put(&b, "Policy", policy);
    pb_map_add(&b, PB_STR("DurationSeconds"), pb_int(SESSION_S));
    aws_call_spec spec = {.op = sts_op("AssumeRole"),
                          .input = pb_map_done(&b),
                          .region = who->region,
                          .deadline_ms = pb_loop_mono_ms() + FETCH_MS,
                          .arena = e->fetch};
    aws_call *call = aws_client_start(e->owner->client, l, &spec, assumed, e);
    if (call) e->call = call;
}

/* What names may hold, [\w+=,.@-]; the rest becomes a hyphen. */
static pb_str name_text(pb_arena *a, pb_str first, pb_str second) {
    pb_str s = pb_printf(a, "%.*s%s%.*s", PB_ARG(first), first.n && second.n ? "-" : "", PB_ARG(second));
    char *p = (char *)(uintptr_t)s.s;
    if (s.n > NAME_MAX_BYTES) s.n = NAME_MAX_BYTES;
    for (uint32_t i = 0; p && i < s.n; i++) {
        bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9');
        if (!letter && (!p[i] || !strchr("_+=,.@-", p[i]))) p[i] = '-';
    }
    return s;
}

/* The call's region, or what it will be without one. */
static pb_str region_of(const aws_sessions *s, const aws_who *who) {
    const aws_settings *settings = who->region.n ? NULL : aws_client_settings(s->client);
    return settings ? settings->region : who->region;
}

static session *session_new(aws_sessions *s, const aws_who *who, pb_str partition, pb_str region) {
    session *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->own = pb_arena_new(1 << 20);
    e->owner = s;
    e->run = who->run;
    memcpy(e->account, who->account.s, 12); /* text_is_account */
    memcpy(e->region, region.s ? region.s : "", region.n < sizeof e->region ? region.n : sizeof e->region - 1);
    if (e->own) {
        e->role_arn =
            pb_printf(e->own, "arn:%.*s:iam::%s:role/%.*s", PB_ARG(partition), e->account, PB_ARG(who->site->role));
        pb_str run = who->run_id.n > 4 ? (pb_str){who->run_id.s + 4, who->run_id.n - 4} : who->run_id; /* "run-" */
        e->name = name_text(e->own, who->incident_id, run);
        e->source = name_text(e->own, who->incident_id, (pb_str){0});
    }
    if (!e->own || !e->role_arn.s || !e->name.s || !e->source.s) {
        pb_arena_free(e->own);
        free(e);
        return NULL;
    }
    e->next = s->sessions;
    s->sessions = e;
    s->nsessions++;
    return e;
}

static session *session_of(aws_sessions *s, const aws_who *who) {
    pb_str region = region_of(s, who), partition = aws_partition(aws_model_get(), region);
    if (!partition.n || pb_str_is(partition, "aws")) region = (pb_str){0}; /* one session for all regions */
    for (session *e = s->sessions; e; e = e->next)
        if (e->run == who->run && pb_str_is(who->account, e->account) && pb_str_is(region, e->region)) return e;
    if (s->nsessions == SESSIONS_MAX) return NULL;
    return session_new(s, who, partition.n ? partition : PB_STR("aws"), region);
}

static void use_session(aws_access_wait *w) {
    aws_sessions *s = w->sessions;
    session *e = session_of(s, &w->who);
    if (!e) {
        bool many = s->nsessions == SESSIONS_MAX;
        refuse(w, many ? PB_STR("too_many_sessions") : PB_STR("memory"),
               many ? pb_printf(w->arena, "more than %d sessions in other accounts at once", SESSIONS_MAX)
                    : PB_STR("out of memory"),
               PB_NONE_VALUE);
        return;
    }
    if (is_fresh(e)) {
        give(e, w);
        return;
    }
    enqueue(&e->waiting, w);
    if (!e->fetch) fetch(e, w->loop, &w->who);
}

static void session_free(session *e) {
    if (e->call) aws_client_cancel(e->call, NULL);
    while (e->waiting.first) aws_sessions_unask(e->waiting.first);
    wipe(e);
    pb_arena_wipe(e->fetch);
    pb_arena_free(e->own);
    free(e);
}

/* ---- the decision ---- */

static bool is_home(const aws_who *who) {
    return who->site && who->site->home.n && pb_str_eq(who->account, who->site->home);
}

static bool must_know(const aws_sessions *s, const aws_who *who) {
    if (s->account[0]) return false;
    if (who->identify) return true;
    if (who->site && who->site->home.n) return who->changes && is_home(who); /* a role elsewhere says where it is */
    return who->site || who->changes || who->moved;
}

static void refuse_wrong(aws_access_wait *w) {
    const aws_who *who = &w->who;
    pb_str message =
        is_home(who)
            ? pb_printf(
                  w->arena,
                  "the call was not made: the site says that pbrun's credentials belong to account %.*s (`home`), but "
                  "they belong to %s; give it the right credentials or correct the site",
                  PB_ARG(who->account), w->sessions->account)
            : pb_printf(w->arena,
                        "the call was not made: it is for account %.*s, but pbrun's credentials belong to account %s; "
                        "name a role to assume there in a site (`site { accounts { role: ... } }`), or run pbrun with "
                        "credentials of that account",
                        PB_ARG(who->account), w->sessions->account);
    refuse(w, PB_STR("wrong_account"), message, PB_NONE_VALUE);
}

static void settle(aws_access_wait *w) {
    const aws_sessions *s = w->sessions;
    const aws_who *who = &w->who;
    if (who->identify ? s->account[0] != 0 : !who->account.n) {
        use_own(w);
    } else if (must_know(s, who)) {
        ask_identity(w);
    } else if (s->account[0] ? pb_str_is(who->account, s->account) : is_home(who) || !who->site) {
        use_own(w);
    } else if (who->site && !is_home(who)) {
        use_session(w);
    } else {
        refuse_wrong(w);
    }
}

/* ---- from outside ---- */

aws_sessions *aws_sessions_new(aws_client *c) {
    aws_sessions *s = calloc(1, sizeof *s);
    if (s) s->client = c;
    return s;
}

void aws_sessions_free(aws_sessions *s) {
    if (!s) return;
    if (s->call) aws_client_cancel(s->call, NULL);
    while (s->waiting.first) aws_sessions_unask(s->waiting.first);
    for (session *e = s->sessions, *next; e; e = next) {
        next = e->next;
        session_free(e);
    }
    pb_arena_free(s->asking);
    free(s);
}

/* fn may be called before aws_sessions_ask returns; the flag tells it not to hand out a wait that is gone. */
typedef struct ask_guard {
    aws_access_fn *fn;
    void *ctx;
    bool ended;
} ask_guard;

static void guard_fn(void *ctx, const aws_access *a) {
    ask_guard *g = ctx;
    g->ended = true;
    g->fn(g->ctx, a);
}

aws_access_wait *aws_sessions_ask(aws_sessions *s, pb_loop *l, pb_arena *a, const aws_who *who, aws_access_fn *fn,
                                  void *ctx) {
    ask_guard g = {fn, ctx, false};
    aws_access_wait *w = calloc(1, sizeof *w);
    if (!w) {
        fn(ctx, &(aws_access){.code = PB_STR("memory"), .message = PB_STR("out of memory")});
        return NULL;
    }
    *w = (aws_access_wait){s, l, a, *who, guard_fn, &g, NULL, NULL};
    settle(w);
    if (g.ended) return NULL;
    w->fn = fn;
    w->ctx = ctx;
    return w;
}

void aws_sessions_unask(aws_access_wait *w) {
    if (!w) return;
    dequeue(w);
    free(w);
}

bool aws_sessions_expired(aws_sessions *s, const sigv4_credentials *keys) {
    for (session *e = s->sessions; keys && e; e = e->next) {
        if (keys != &e->keys) continue;
        e->renew_ms = e->expires_ms = 0; /* the keys stay until others take their place: calls may hold them */
        return true;
    }
    return false;
}

pb_str aws_sessions_identity(const aws_sessions *s, pb_str *account) {
    *account = pb_str_c(s->account);
    return pb_str_c(s->arn);
}

void aws_sessions_run_end(aws_sessions *s, const vm_run *r) {
    for (session **at = &s->sessions, *e; (e = *at);) {
        if (e->run != r) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        s->nsessions--;
        session_free(e);
    }
}
