/*
 * approval_host.c - approval.ask and limit.ask: ask people, park, come back with what they said.
 *
 * The host is called when the block is reached, and again whenever the run has been taken up: after a decision, when it
 * is time to escalate or to expire, after a crash. Each time it does the same: it brings the approval in the store to
 * where it must be by now, sends what has not been sent, and then answers or parks. What was done is in the store
 * before the next thing begins, so it may die anywhere:
 *
 *     approval put (open, messages "sending") ─ sent ─ message "sent" ─ park ... ─ decided ─ messages updated ─ answer
 *
 * A message found as "sending" may have reached people; the channel looks for it before it sends another one. People
 * asked twice are better than people not asked, so in doubt it is sent again. A channel that is out of order does not
 * end the run: the approval can be answered from the command line, and the message is tried again after a while.
 */
#include "vm/approval_host.h"

#include "vm/run.h"

#include <stdio.h>

enum {
    WITHIN_MS = 3600000, /* when neither the playbook nor the site says how long */
    POST_MS = 10000,     /* one message */
    POSTS_MS = 40000,    /* all of one visit: less than the gate gives a call */
    RETRY_MS = 60000,    /* a message that could not be sent is tried again */
    MESSAGES_MAX = 64,   /* of one approval: channels × escalations */
    TITLE_MAX = 80
};

/* One visit of the host. */
typedef struct ask {
    vm_call *call;
    const pb_host *host;
    pb_loop *loop;
    store *store;
    pb_arena *arena;
    const pb_site *site;
    int64_t end_ms; /* monotonic: no further message is begun */
    store_approval apr, former;
    bool has_former, failed; /* failed: a message is not sent */
    bool fresh;              /* the approval was made by this visit: its first messages have certainly not been sent */
    pb_value messages[MESSAGES_MAX];
    uint32_t nmessages, at; /* at: the message under way */
    const approval_channel *channel;
    void *posting;
    bool finished; /* decided: what is under way are updates */
    bool inside;   /* within a loop over messages: an answer that comes at once goes on there */
    bool posted;
} ask;

/* ---- small things ---- */

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static uint32_t count_of(pb_value v) { return v.kind == PB_LIST ? v.n : 0; }

static pb_value list_of(pb_arena *a, const pb_value *v, uint32_t n) {
    pb_value *items, list = pb_list_new(a, n, &items);
    for (uint32_t i = 0; list.kind == PB_LIST && i < n; i++) items[i] = v[i];
    return list;
}

static void fail(vm_call *c, const char *code, pb_str message) {
    vm_raise(c, pb_str_c(code), message.n ? message : PB_STR("out of memory"));
}

static void store_failed(const ask *k) {
    pb_call_store_failed(k->call, pb_printf(k->arena, "the approval cannot be kept: %s", store_error(k->store)));
}

static void note(const ask *k, const char *kind, const char *key, pb_value v) {
    pb_map_builder b = {.arena = k->arena};
    pb_map_add(&b, PB_STR("approval"), pb_string(k->apr.id));
    pb_map_add(&b, PB_STR("question"), pb_string(k->apr.question));
    if (key) pb_map_add(&b, pb_str_c(key), v);
    pb_call_note(k->call, kind, pb_map_done(&b));
}

/* ---- what is asked ---- */

static pb_value group_entry(pb_arena *a, const char *kind, const char *key, pb_str name) {
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("kind"), pb_string_c(kind));
    pb_map_add(&b, pb_str_c(key), pb_string(name));
    pb_value one = pb_map_done(&b);
    return list_of(a, &one, 1);
}

static uint32_t playbook_of(const vm_program *p, pb_str name) {
    uint32_t n = vm_count(p, SECTION_PLAYBOOKS);
    for (uint32_t i = 0; i < n; i++)
        if (pb_str_eq(vm_string(p, vm_field(p, SECTION_PLAYBOOKS, i, PLAYBOOKS_name)), name)) return i;
    return IMAGE_NIL;
}

static pb_value follow(const vm_program *p, uint32_t path, pb_value v) {
    pb_str s = vm_string(p, path);
    return s.n ? pb_path(v, s.s) : v;
}

/* Paths that the event's declaration lists, and the part of the event that they are paths of. */
typedef struct subject {
    pb_value event, bound;
    const pb_str *principals, *resources;
    uint32_t nprincipals, nresources;
} subject;

static const pb_str *paths_of(const vm_program *p, uint32_t list, pb_arena *a, uint32_t *n) {
    vm_list(p, list, 0, n);
    pb_str *paths = pb_alloc_array(a, *n ? *n : 1, sizeof *paths);
    if (!paths) return NULL;
    for (uint32_t i = 0, total = *n; i < total; i++) paths[i] = vm_string(p, vm_list(p, list, i, n));
    return paths;
}

/* False: it cannot be read, or out of memory. */
static bool subject_of(const ask *k, const store_run *r, subject *out) {
    const vm_program *p = k->call->run->env.program;
    uint32_t playbook = playbook_of(p, r->playbook);
    subject s = {.event = PB_NONE_VALUE, .bound = PB_NONE_VALUE};
    pb_str err;
    if (!pb_json_parse_upto(k->arena, r->event.s, r->event.n, JSON_MAX_TEXT, &s.event, &err) || playbook == IMAGE_NIL)
        return false;
    uint32_t event = vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_event);
    uint32_t each = vm_field(p, SECTION_EVENTS, event, EVENTS_each);
    s.bound = follow(p, vm_field(p, SECTION_EVENTS, event, EVENTS_payload), s.event);
    if (each != IMAGE_NIL) {
        pb_value items = follow(p, each, s.bound);
        s.bound = items.kind == PB_LIST && r->item < items.n ? items.u.items[r->item] : PB_NONE_VALUE;
    }
    s.principals = paths_of(p, vm_field(p, SECTION_EVENTS, event, EVENTS_principals), k->arena, &s.nprincipals);
    s.resources = paths_of(p, vm_field(p, SECTION_EVENTS, event, EVENTS_resources), k->arena, &s.nresources);
    *out = s;
    return s.principals && s.resources;
}

static pb_value resource_of(const subject *s) {
    for (uint32_t i = 0; i < s->nresources; i++) {
        pb_value v = pb_path(s->bound, s->resources[i].s);
        if (v.kind == PB_STRING) return v;
    }
    return PB_NONE_VALUE;
}

static pb_value about_of(const ask *k, const store_run *r, const subject *s) {
    pb_map_builder b = {.arena = k->arena};
    pb_value resource = resource_of(s);
    pb_map_add(&b, PB_STR("run"), pb_string(r->id));
    pb_map_add(&b, PB_STR("playbook"), pb_string(r->playbook));
    if (r->version.n) pb_map_add(&b, PB_STR("version"), pb_string(r->version));
    pb_map_add(&b, PB_STR("incident"), pb_string(r->incident));
    if (r->account.n) pb_map_add(&b, PB_STR("account"), pb_string(r->account));
    if (r->region.n) pb_map_add(&b, PB_STR("region"), pb_string(r->region));
    if (r->threat.n) pb_map_add(&b, PB_STR("threat"), pb_string(r->threat));
    if (r->resource.n)
        pb_map_add(&b, PB_STR("resource"), pb_string(r->resource));
    else if (resource.kind == PB_STRING)
        pb_map_add(&b, PB_STR("resource"), resource);
    return pb_map_done(&b);
}

static bool people_of(const ask *k, pb_value args, approval_question *q) {
    pb_arena *a = k->arena;
    pb_value by = pb_get_c(args, "by"), escalate = pb_get_c(args, "escalate");
    pb_str err = {0};
    if (!count_of(by) && k->site && k->site->approvals.by.n)
        by = group_entry(a, "group", "name", k->site->approvals.by);
    if (!count_of(by)) {
        fail(k->call, "approval_setup",
             PB_STR("nobody is named who may decide: write `by group \"...\"`, or `approvals { by: ... }` into the "
                    "site block"));
        return false;
    }
    if (approval_people(k->site, by, a, &q->by, &err) && approval_people(k->site, escalate, a, &q->escalate, &err))
        return true;
    fail(k->call, "approval_setup", err);
    return false;
}

static bool no_principals(const ask *k) {
    fail(k->call, "approval_setup",
         PB_STR("the principals of the event, who must not decide about it, cannot be made out: it names too many of "
                "them, or it cannot be read; look at the event and decide by hand"));
    return false;
}

/* The question out of the call's arguments, what they leave open out of the site. */
static bool question_of(ask *k, pb_value args, const store_run *r, approval_question *q) {
    const pb_site *s = k->site;
    pb_value round = pb_get_c(args, "round"), quorum = pb_get_c(args, "quorum"), within = pb_get_c(args, "within"),
             drift = pb_get_c(args, "drift"), via = pb_get_c(args, "via");
    subject about;
    if (!subject_of(k, r, &about)) return no_principals(k);
    *q = (approval_question){.run = r->id, .step = k->call->step->id, .image = r->image};
    q->round = round.kind == PB_INT && round.u.i > 0 ? (uint32_t)round.u.i : 1;
    q->drift = drift.kind == PB_BOOL && drift.u.b;
    q->question = text_of(args, "question");
    q->block = text_of(args, "block");
    q->values = pb_get_c(args, "values");
    q->state = pb_get_c(args, "state");
    q->about = about_of(k, r, &about);
    q->via = count_of(via) || !s || !s->approvals.via.n ? via : group_entry(k->arena, "slack", "to", s->approvals.via);
    q->excluded = approval_principals(k->arena, about.event, about.bound, about.principals, about.nprincipals);
    if (q->excluded.kind != PB_LIST) return no_principals(k);
    q->quorum = quorum.kind == PB_INT && quorum.u.i > 0 ? (uint32_t)quorum.u.i : s ? s->approvals.quorum : 0;
    q->within_ms = within.kind == PB_DURATION && within.u.i > 0 ? within.u.i : s ? s->approvals.within_ms : 0;
    if (!q->within_ms) q->within_ms = WITHIN_MS;
    return people_of(k, args, q);
}

/* ---- messages ---- */

static pb_value message_of(const ask *k, pb_str kind, pb_str to, uint32_t level, const char *state,
                           const approval_posted *r) {
    pb_map_builder b = {.arena = k->arena};
    pb_map_add(&b, PB_STR("kind"), pb_string(kind));
    pb_map_add(&b, PB_STR("to"), pb_string(to));
    pb_map_add(&b, PB_STR("level"), pb_int(level));
    pb_map_add(&b, PB_STR("state"), pb_string_c(state));
    if (r && r->ok) {
        pb_map_add(&b, PB_STR("channel"), pb_get_c(r->message, "channel"));
        pb_map_add(&b, PB_STR("ts"), pb_get_c(r->message, "ts"));
        if (r->again) pb_map_add(&b, PB_STR("again"), pb_bool(true));
    } else if (r) {
        pb_map_add(&b, PB_STR("error"), pb_string(pb_printf(k->arena, "%.*s", PB_ARG(r->error))));
    }
    return pb_map_done(&b);
}

static void load_messages(ask *k) {
    k->nmessages = 0;
    for (uint32_t i = 0; i < count_of(k->apr.message) && i < MESSAGES_MAX; i++)
        k->messages[k->nmessages++] = k->apr.message.u.items[i];
}

/* A message to every channel, for the groups of this level. */
static void add_messages(ask *k, uint32_t level, const char *state) {
    for (uint32_t i = 0; i < count_of(k->apr.via) && k->nmessages < MESSAGES_MAX; i++) {
        pb_value v = k->apr.via.u.items[i];
        k->messages[k->nmessages++] = message_of(k, text_of(v, "kind"), text_of(v, "to"), level, state, NULL);
    }
}

static bool put_messages(store_approval *apr, void *ctx) {
    ask *k = ctx;
    apr->message = list_of(k->arena, k->messages, k->nmessages);
    return true;
}

static bool keep_messages(ask *k) {
    return store_approval_change(k->store, k->apr.id, put_messages, k, k->arena, &k->apr) == STORE_OK;
}

static const approval_channel *channel_of(const pb_host *h, pb_str kind) {
    approval_channels c = h->data;
    for (; c && *c; c++)
        if (pb_str_is(kind, (*c)->kind)) return *c;
    return NULL;
}

static uint32_t level_of(pb_value message) {
    pb_value v = pb_get_c(message, "level");
    return v.kind == PB_INT && v.u.i > 0 ? (uint32_t)v.u.i : 0;
}

/* The groups that a message of this level is for: escalations in the order of their times, those of one time together.
 */
static pb_value who_of(const ask *k, uint32_t level) {
    pb_value out[MESSAGES_MAX];
    uint32_t n = 0, i = 0;
    if (level == 0) return k->apr.by;
    for (int64_t at = k->apr.asked; i < level && (at = approval_next_escalation(&k->apr, at)) != 0; i++) {
        for (uint32_t e = 0; i + 1 == level && e < count_of(k->apr.escalate) && n < MESSAGES_MAX; e++) {
            pb_value g = k->apr.escalate.u.items[e], after = pb_get_c(g, "after");
            if (after.kind == PB_INT && k->apr.asked + after.u.i == at) out[n++] = g;
        }
    }
    return list_of(k->arena, out, n);
}

static void proceed(ask *k);

static void on_posted(void *ctx, const approval_posted *r) {
    ask *k = ctx;
    pb_value m = k->messages[k->at];
    bool was_new = !k->finished;
    k->posting = NULL;
    k->posted = true;
    if (was_new) {
        k->messages[k->at] =
            message_of(k, text_of(m, "kind"), text_of(m, "to"), level_of(m), r->ok ? "sent" : "failed", r);
        if (!r->ok) {
            k->failed = true;
            if (!pb_str_is(text_of(m, "state"), "failed"))
                note(k, "approval_message_failed", "error", pb_string(r->error));
        }
        keep_messages(k); /* not kept: it is looked for the next time */
    }
    k->at++;
    if (!k->inside) proceed(k);
}

/* Begins the post of message k->at. False: there was nothing to be posted for it. */
static bool post(ask *k, bool update) {
    pb_value m = k->messages[k->at];
    int64_t now = pb_loop_mono_ms(), left = k->end_ms - now;
    bool sent = pb_str_is(text_of(m, "state"), "sent"), sending = pb_str_is(text_of(m, "state"), "sending");
    const approval_channel *ch = channel_of(k->host, text_of(m, "kind"));
    if (sent != update || left <= 0 || !ch) {
        k->failed |= !sent && !update;
        return false;
    }
    approval_post p = {.site = k->site,
                       .approval = &k->apr,
                       .to = text_of(m, "to"),
                       .who = who_of(k, level_of(m)),
                       .level = level_of(m),
                       .message = update ? m : PB_NONE_VALUE,
                       .doubt = sending && !(k->fresh && level_of(m) == 0),
                       .deadline_ms = now + (left < POST_MS ? left : POST_MS),
                       .arena = k->arena};
    store_decision *d = NULL;
    if (store_decisions(k->store, k->apr.id, k->arena, &d, &p.ndecisions) == STORE_OK) p.decisions = d;
    if (!update && !sending) {
        k->messages[k->at] = message_of(k, text_of(m, "kind"), text_of(m, "to"), level_of(m), "sending", NULL);
        if (!keep_messages(k)) { /* not to be found again after a crash: rather not sent now */
            k->messages[k->at] = m;
            k->failed = true;
            return false;
        }
    }
    k->channel = ch;
    k->posted = false;
    void *handle = ch->post(k->loop, &p, on_posted, k);
    if (!k->posted) k->posting = handle;
    return true;
}

/* ---- the visit ---- */

/* "granted by alice, bob": for the evidence and whoever reads along. */
static pb_str detail_of(const ask *k, pb_value people) {
    pb_buf b = {0};
    pb_buf_printf(&b, "%.*s", PB_ARG(k->apr.state));
    for (uint32_t i = 0; i < count_of(people); i++)
        pb_buf_printf(&b, "%s%.*s", i ? ", " : " by ", PB_ARG(pb_text(people.u.items[i])));
    if (k->apr.reason.n) pb_buf_printf(&b, ": %.*s", PB_ARG(k->apr.reason));
    pb_str s = b.oom ? (pb_str){"", 0} : pb_strdup(k->arena, b.data, b.len);
    pb_buf_free(&b);
    return s;
}

/* Those whose word it was: of an expired approval nobody's, though some may have granted it. */
static pb_value deciders(const ask *k) {
    store_decision *d = NULL;
    uint32_t n = 0, by = 0;
    pb_value people[APPROVAL_QUORUM_MAX];
    const char *counts = pb_str_is(k->apr.state, "granted")  ? "grant"
                         : pb_str_is(k->apr.state, "denied") ? "deny"
                                                             : NULL;
    if (counts && store_decisions(k->store, k->apr.id, k->arena, &d, &n) != STORE_OK) n = 0;
    for (uint32_t i = 0; i < n && by < APPROVAL_QUORUM_MAX; i++)
        if (pb_str_is(d[i].verdict, counts)) people[by++] = pb_string(d[i].person);
    return list_of(k->arena, people, by);
}

static void answer(ask *k) {
    pb_value by = deciders(k);
    pb_map_builder b = {.arena = k->arena};
    pb_map_add(&b, PB_STR("decision"), pb_string(k->apr.state));
    pb_map_add(&b, PB_STR("by"), by);
    if (k->apr.reason.n) pb_map_add(&b, PB_STR("reason"), pb_string(k->apr.reason));
    char kind[32];
    snprintf(kind, sizeof kind, "approval_%.*s", PB_ARG(k->apr.state));
    note(k, kind, "by", by);
    pb_value v = pb_map_done(&b);
    vm_call *c = k->call;
    c->host_data = NULL;
    c->step->detail = detail_of(k, by);
    if (v.kind == PB_MAP)
        vm_return(c, v);
    else
        fail(c, "memory", (pb_str){0});
}

static void park(ask *k) {
    int64_t wake = approval_wake(&k->apr), retry = pb_loop_wall_ms() + RETRY_MS;
    if (k->failed && retry < wake) wake = retry;
    uint32_t n = k->apr.question.n < TITLE_MAX ? k->apr.question.n : TITLE_MAX;
    while (n && n < k->apr.question.n && ((unsigned char)k->apr.question.s[n] & 0xc0) == 0x80) n--;
    pb_str what = pb_printf(k->arena, "approval of \"%.*s%s\"", (int)n, k->apr.question.s ? k->apr.question.s : "",
                            n < k->apr.question.n ? "..." : "");
    k->call->host_data = NULL;
    pb_call_park(k->call, wake, what.s ? what : PB_STR("approval"));
}

static bool is_open(const store_approval *apr) { return pb_str_is(apr->state, "open"); }

/* What time alone does: expiry, and the next level of escalation. */
typedef struct tick {
    int64_t now;
    bool escalated;
} tick;

static bool on_time(store_approval *apr, void *ctx) {
    tick *t = ctx;
    t->escalated = false;
    if (!is_open(apr)) return false;
    if (t->now >= apr->expires) {
        apr->state = PB_STR("expired");
        apr->decided = apr->expires;
        return true;
    }
    if (!apr->escalate_at || t->now < apr->escalate_at) return false;
    apr->escalate_at = approval_next_escalation(apr, t->now);
    apr->escalated = t->escalated = true;
    return true;
}

/* The levels whose time has come and for which there is no message yet. */
static void escalate(ask *k, int64_t now) {
    uint32_t level = 0, known = 0;
    for (int64_t at = k->apr.asked; (at = approval_next_escalation(&k->apr, at)) != 0 && at <= now;) level++;
    for (uint32_t i = 0; i < k->nmessages; i++)
        if (level_of(k->messages[i]) > known) known = level_of(k->messages[i]);
    while (known < level) add_messages(k, ++known, "new");
}

static void arrive(ask *k, const tick *t);

/* After the messages. Somebody may have been quicker than they were. */
static void end(ask *k) {
    tick t = {.now = pb_loop_wall_ms()};
    store_result r = store_approval_change(k->store, k->apr.id, on_time, &t, k->arena, &k->apr);
    if (r != STORE_OK && r != STORE_NO) {
        k->call->host_data = NULL;
        store_failed(k);
    } else if (is_open(&k->apr) && !t.escalated) {
        park(k);
    } else {
        arrive(k, &t);
    }
}

/* Goes on with the messages from k->at; when all are done, ends the visit. */
static void proceed(ask *k) {
    k->inside = true;
    while (k->at < k->nmessages) {
        if (!post(k, k->finished))
            k->at++;
        else if (!k->posted)
            break; /* on_posted goes on */
    }
    k->inside = false;
    if (k->at < k->nmessages) return;
    if (k->finished)
        answer(k);
    else
        end(k);
}

/* With the approval as it is by now: the messages that are to be sent, or to be changed. */
static void arrive(ask *k, const tick *t) {
    load_messages(k);
    k->at = 0;
    k->finished = !is_open(&k->apr);
    if (!k->finished) {
        if (!k->nmessages) add_messages(k, 0, "new");
        escalate(k, t->now);
    }
    if (t->escalated) note(k, "approval_escalated", NULL, PB_NONE_VALUE);
    proceed(k);
}

static void visit(ask *k) {
    tick t = {.now = pb_loop_wall_ms()};
    store_result r = store_approval_change(k->store, k->apr.id, on_time, &t, k->arena, &k->apr);
    if (r == STORE_OK || r == STORE_NO) {
        arrive(k, &t);
        return;
    }
    k->call->host_data = NULL;
    store_failed(k);
}

/* ---- the first visit ---- */

/* The part of a step's id that names where it is: "3:0." of "3:0.7". */
static pb_str place_of(pb_str step) {
    uint32_t n = step.n;
    while (n && step.s[n - 1] != '.' && step.s[n - 1] != ':') n--;
    return (pb_str){step.s, n};
}

static pb_str block_of(const store_approval *apr, pb_arena *a) {
    pb_value v;
    pb_str err;
    return pb_json_parse(a, apr->body.s, apr->body.n, &v, &err) ? text_of(v, "block") : (pb_str){"", 0};
}

/* The approval of the same block that was granted in the round before: newest first. */
static bool find_former(ask *k, const approval_question *q) {
    enum { MAX = 200 };
    store_approval *list;
    uint32_t n = 0;
    if (store_approvals(k->store, q->run, false, MAX, k->arena, &list, &n) != STORE_OK) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (list[i].round + 1 != q->round || !pb_str_eq(place_of(list[i].step), place_of(q->step)) ||
            !pb_str_eq(block_of(&list[i], k->arena), q->block))
            continue;
        k->former = list[i];
        return true;
    }
    return false;
}

static void on_former_updated(void *ctx) {
    ask *k = ctx;
    k->posting = NULL;
    k->posted = true;
    if (!k->inside) visit(k);
}

static void stop_update(void *handle) { approval_update_stop(handle); }

/* The former approval's messages say now that it is void; then the new one is asked. */
static void tell_former(ask *k) {
    static const approval_channel updates = {"", NULL, stop_update};
    note(k, "approval_void", "former", pb_string(k->former.id));
    k->channel = &updates;
    k->inside = true;
    k->posted = false;
    void *handle =
        approval_update_start(k->loop, k->host->data, k->site, k->store, k->former.id, k->arena, on_former_updated, k);
    k->inside = false;
    if (k->posted)
        visit(k);
    else
        k->posting = handle;
}

static bool make_void(store_approval *apr, void *ctx) {
    (void)ctx;
    if (pb_str_is(apr->state, "void")) return false;
    apr->state = PB_STR("void");
    apr->reason = PB_STR("what was asked about has changed since; it is asked anew");
    return true;
}

static bool make(ask *k, pb_value args, const store_run *r) {
    approval_question q;
    pb_str err = {0};
    if (!question_of(k, args, r, &q)) return false;
    k->has_former = q.drift && q.round > 1 && find_former(k, &q);
    /* First, so that it cannot be left standing when the process dies in between. */
    if (k->has_former &&
        store_approval_change(k->store, k->former.id, make_void, NULL, k->arena, &k->former) == STORE_ERROR) {
        store_failed(k);
        return false;
    }
    if (!approval_make(&q, k->has_former ? &k->former : NULL, pb_loop_wall_ms(), k->arena, &k->apr, &err)) {
        fail(k->call, "approval_setup", err);
        return false;
    }
    return true;
}

/* True: k->apr is in the store. */
static bool ensure(ask *k, pb_value args) {
    pb_str run = text_of(pb_call_context(k->call), "id");
    pb_value round = pb_get_c(args, "round");
    pb_str id =
        approval_id(k->arena, run, k->call->step->id, round.kind == PB_INT && round.u.i > 0 ? (uint32_t)round.u.i : 1);
    store_run r;
    store_result got = id.s ? store_approval_get(k->store, id, k->arena, &k->apr) : STORE_ERROR;
    if (got == STORE_OK) return true;
    if (got == STORE_NO && (got = store_run_get(k->store, run, k->arena, &r)) == STORE_OK) {
        if (!make(k, args, &r)) return false;
        add_messages(k, 0, "sending");
        k->apr.message = list_of(k->arena, k->messages, k->nmessages);
        k->fresh = true;
        got = store_approval_put(k->store, &k->apr);
        if (got == STORE_OK) note(k, "approval_asked", "expires", pb_time(k->apr.expires));
    }
    if (got != STORE_OK) store_failed(k);
    return got == STORE_OK;
}

static void begin(const pb_host *h, vm_call *c, pb_loop *loop, pb_value args) {
    pb_arena *a = vm_run_arena(c->run);
    ask *k = pb_alloc(a, sizeof *k);
    if (!k) {
        fail(c, "memory", (pb_str){0});
        return;
    }
    *k = (ask){.call = c, .host = h, .loop = loop, .store = pb_call_store(c), .arena = a, .site = pb_call_site(c)};
    int64_t left = pb_call_time_left(c);
    k->end_ms = pb_loop_mono_ms() + (left * 2 / 3 < POSTS_MS ? left * 2 / 3 : POSTS_MS);
    if (!k->store) {
        fail(c, "no_store",
             PB_STR("an approval is waited for in a store: give --store, PB_STORE, or `store` in the site block"));
        return;
    }
    if (!ensure(k, args)) return;
    c->host_data = k;
    if (k->has_former)
        tell_former(k);
    else
        visit(k);
}

void approval_ask(const pb_host *h, vm_call *c, pb_loop *loop) { begin(h, c, loop, c->args); }

void approval_ask_cancel(const pb_host *h, vm_call *c) {
    ask *k = c->host_data;
    (void)h;
    if (k && k->posting && k->channel) k->channel->stop(k->posting);
    c->host_data = NULL;
}

/* ---- limit.ask ---- */

void limit_ask(const pb_host *h, vm_call *c, pb_loop *loop) {
    pb_arena *a = vm_run_arena(c->run);
    pb_str playbook = text_of(pb_call_context(c), "playbook");
    if (!pb_call_over_limit(c)) {
        pb_map_builder b = {.arena = a};
        pb_map_add(&b, PB_STR("decision"), pb_string(PB_STR("granted")));
        vm_return(c, pb_map_done(&b));
        return;
    }
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("question"),
               pb_string(pb_printf(a, "%.*s has run as often as its limit allows. Let one more run go on?",
                                   PB_ARG(playbook))));
    pb_map_add(&b, PB_STR("block"), pb_string(pb_printf(a, "limit of playbook %.*s", PB_ARG(playbook))));
    begin(h, c, loop, pb_map_done(&b));
}
