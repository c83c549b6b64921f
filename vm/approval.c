/*
 * approval.c - the rules of approvals.
 *
 * The binding is a SHA-256 over everything that makes one decision another one: the block's code, the values it has
 * captured, the state its targets were in, the program, the run, the step and the round. Maps are put in order first,
 * so that the same things always give the same digest.
 *
 * A judgement never asks "may this pass?" in one place: each rule gives a reason or nothing, and the first reason
 * refuses. The order matters to people only: what cannot be authenticated is said before what has no rights, and what
 * is closed before what is not theirs.
 *
 * Doubt holds: a person that the site does not know cannot be told from the event's principal and may not decide; two
 * entries that share an id are one person; members of a Slack group that cannot be read are nobody.
 */
#include "vm/approval.h"

#include "vm/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    BODY_MAX = 256 << 10, /* of values and state together as JSON; beyond, only the digest is kept */
    SCAN_DEPTH = JSON_MAX_DEPTH, /* how deep principals are looked for in an event: all of it */
    CHANGE_DEPTH = 16,
    CHANGE_TEXT = 160, /* bytes of a value in a line about what has changed */
    GROUPS_MAX = 64
};

/* ---- small things ---- */

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static int64_t int_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_INT || t.kind == PB_DURATION || t.kind == PB_TIME ? t.u.i : 0;
}

/* Letters of either case are the same here: mail addresses and logins are, and taking two for one is the safe mistake.
 */
static bool same(pb_str a, pb_str b) { return a.n == b.n && a.n && strncasecmp(a.s, b.s, a.n) == 0; }

static uint32_t count_of(pb_value list) { return list.kind == PB_LIST ? list.n : 0; }

/* ---- the binding ---- */

static int by_key(const void *a, const void *b) {
    const pb_entry *x = a, *y = b;
    uint32_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int c = n ? memcmp(x->key.s, y->key.s, n) : 0;
    return c ? c : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

static pb_value canonical(pb_arena *a, pb_value v, uint32_t depth, bool *ok) {
    if (v.kind != PB_LIST && v.kind != PB_MAP) return v;
    if (depth >= VALUE_MAX_DEPTH / 2) {
        *ok = false;
        return PB_NONE_VALUE;
    }
    if (v.kind == PB_LIST) {
        pb_value *items, list = pb_list_new(a, v.n, &items);
        if (v.n && list.kind != PB_LIST) return *ok = false, PB_NONE_VALUE;
        for (uint32_t i = 0; i < v.n; i++) items[i] = canonical(a, v.u.items[i], depth + 1, ok);
        return list;
    }
    pb_entry *e = pb_alloc_array(a, v.n ? v.n : 1, sizeof *e);
    if (!e) return *ok = false, PB_NONE_VALUE;
    for (uint32_t i = 0; i < v.n; i++)
        e[i] = (pb_entry){v.u.entries[i].key, canonical(a, v.u.entries[i].value, depth + 1, ok)};
    qsort(e, v.n, sizeof *e, by_key);
    return (pb_value){PB_MAP, v.n, {.entries = e}};
}

pb_value approval_canonical(pb_arena *a, pb_value v, bool *ok) {
    *ok = true;
    return canonical(a, v, 0, ok);
}

static bool canonical_text(pb_arena *a, pb_value v, pb_str *out) {
    bool ok;
    pb_value c = approval_canonical(a, v, &ok);
    *out = ok ? pb_json_text(a, c) : (pb_str){NULL, 0};
    return out->s != NULL;
}

/* Each part with its length before it, so that no two different questions give the same bytes. */
pb_str approval_binding(pb_arena *a, const approval_question *q) {
    enum { PARTS = 7 };
    pb_str values, state, round = pb_printf(a, "%u", q->round), all[2 * PARTS];
    char hex[DIGEST_HEX + 1];
    if (!round.s || !canonical_text(a, q->values, &values) || !canonical_text(a, q->state, &state))
        return (pb_str){NULL, 0};
    const pb_str parts[PARTS] = {q->block, values, state, q->image, q->run, q->step, round};
    for (int i = 0; i < PARTS; i++) {
        all[2 * i] = pb_printf(a, "%u:", parts[i].n);
        all[2 * i + 1] = parts[i];
        if (!all[2 * i].s) return (pb_str){NULL, 0};
    }
    return digest_sha256_hex(all, 2 * PARTS, hex) ? pb_strdup(a, hex, DIGEST_HEX) : (pb_str){NULL, 0};
}

/* The first 130 bits of a digest in the alphabet of run ids. */
pb_str approval_id(pb_arena *a, pb_str run, pb_str step, uint32_t round) {
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    pb_str parts[] = {run, {"\n", 1}, step, {"\n", 1}, pb_printf(a, "%u", round)};
    uint8_t d[DIGEST_SIZE];
    char text[27] = {0};
    if (!parts[4].s || !digest_sha256(parts, 5, d)) return (pb_str){NULL, 0};
    for (uint32_t i = 0; i < 26; i++) {
        uint32_t bit = 5 * i, word = (uint32_t)d[bit / 8] << 8 | d[bit / 8 + 1];
        text[i] = alphabet[word >> (11 - bit % 8) & 31];
    }
    return pb_printf(a, "apr-%s", text);
}

/* ---- what has changed ---- */

typedef struct differ {
    pb_arena *arena;
    pb_value lines[APPROVAL_CHANGES_MAX + 1];
    uint32_t n, more;
    int64_t work;
} differ;

static pb_str shown(pb_arena *a, pb_value v) {
    pb_str t = v.kind == PB_NONE ? PB_STR("nothing") : pb_json_text(a, v);
    if (!t.s) return PB_STR("something too large to show");
    if (t.n <= CHANGE_TEXT) return t;
    uint32_t n = CHANGE_TEXT;
    while (n && ((unsigned char)t.s[n] & 0xc0) == 0x80) n--;
    return pb_printf(a, "%.*s...", (int)n, t.s);
}

static void changed(differ *d, pb_str path, pb_value before, pb_value after) {
    if (d->n == APPROVAL_CHANGES_MAX) {
        d->more++;
        return;
    }
    pb_str from = shown(d->arena, before), to = shown(d->arena, after);
    pb_str line = pb_printf(d->arena, "%.*s was %.*s, is %.*s", PB_ARG(path), PB_ARG(from), PB_ARG(to));
    if (line.s) d->lines[d->n++] = pb_string(line);
}

static void diff(differ *d, pb_str path, pb_value x, pb_value y, uint32_t depth);

static void diff_maps(differ *d, pb_str path, pb_value x, pb_value y, uint32_t depth) {
    for (uint32_t i = 0; i < x.n; i++) {
        pb_str key = x.u.entries[i].key;
        diff(d, pb_printf(d->arena, "%.*s%s%.*s", PB_ARG(path), path.n ? "." : "", PB_ARG(key)), x.u.entries[i].value,
             pb_get(y, key), depth + 1);
    }
    for (uint32_t i = 0; i < y.n; i++) {
        pb_str key = y.u.entries[i].key;
        if (pb_get(x, key).kind == PB_NONE)
            diff(d, pb_printf(d->arena, "%.*s%s%.*s", PB_ARG(path), path.n ? "." : "", PB_ARG(key)), PB_NONE_VALUE,
                 y.u.entries[i].value, depth + 1);
    }
}

static void diff(differ *d, pb_str path, pb_value x, pb_value y, uint32_t depth) {
    if (d->work <= 0 || (x.kind == PB_NONE && y.kind == PB_NONE)) return;
    if (x.kind != PB_NONE && y.kind != PB_NONE && pb_equal_within(x, y, &d->work) == PB_YES) return;
    if (depth < CHANGE_DEPTH && x.kind == PB_MAP && y.kind == PB_MAP) {
        diff_maps(d, path, x, y, depth);
    } else if (depth < CHANGE_DEPTH && x.kind == PB_LIST && y.kind == PB_LIST && x.n == y.n) {
        for (uint32_t i = 0; i < x.n; i++)
            diff(d, pb_printf(d->arena, "%.*s[%u]", PB_ARG(path), i), x.u.items[i], y.u.items[i], depth + 1);
    } else {
        changed(d, path, x, y);
    }
}

pb_value approval_changes(pb_arena *a, pb_value before, pb_value after) {
    differ d = {.arena = a, .work = 100000};
    diff(&d, (pb_str){"", 0}, before, after, 0);
    if (d.more) d.lines[d.n++] = pb_string(pb_printf(a, "and %u more", d.more));
    pb_value *items, list = pb_list_new(a, d.n, &items);
    for (uint32_t i = 0; list.kind == PB_LIST && i < d.n; i++) items[i] = d.lines[i];
    return list;
}

/* ---- making one ---- */

/* Times behind each other. 0: none is after `now`. */
static int64_t escalation_after(pb_value escalate, int64_t asked, int64_t now) {
    int64_t next = 0;
    for (uint32_t i = 0; i < count_of(escalate); i++) {
        int64_t at = asked + int_of(escalate.u.items[i], "after");
        if (at > now && (!next || at < next)) next = at;
    }
    return next;
}

int64_t approval_next_escalation(const store_approval *apr, int64_t now) {
    int64_t next = escalation_after(apr->escalate, apr->asked, now);
    return next && next < apr->expires ? next : 0;
}

int64_t approval_wake(const store_approval *apr) {
    return apr->escalate_at && apr->escalate_at < apr->expires ? apr->escalate_at : apr->expires;
}

static pb_value state_in(const store_approval *apr, pb_arena *a) {
    pb_value v = PB_NONE_VALUE;
    pb_str err;
    return pb_json_parse(a, apr->body.s, apr->body.n, &v, &err) ? pb_get_c(v, "state") : PB_NONE_VALUE;
}

static pb_str body_of(const approval_question *q, const store_approval *before, pb_arena *a) {
    pb_str values, state;
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("block"), pb_string(q->block));
    pb_map_add(&b, PB_STR("about"), q->about);
    bool fit =
        canonical_text(a, q->values, &values) && canonical_text(a, q->state, &state) && values.n + state.n <= BODY_MAX;
    pb_map_add(&b, PB_STR("values"), fit ? q->values : pb_string(PB_STR("(too large to keep)")));
    pb_map_add(&b, PB_STR("state"), fit ? q->state : pb_string(PB_STR("(too large to keep)")));
    if (before) {
        /* Through JSON, as the former one has been: times and durations are texts there. */
        pb_value now = PB_NONE_VALUE;
        pb_str err;
        if (fit) pb_json_parse(a, state.s, state.n, &now, &err);
        pb_map_add(&b, PB_STR("changes"), approval_changes(a, state_in(before, a), now));
    }
    return pb_json_text(a, pb_map_done(&b));
}

bool approval_make(const approval_question *q, const store_approval *before, int64_t now, pb_arena *a,
                   store_approval *out, pb_str *err) {
    *err = PB_STR("the values that the approval is about are too large or nested too deep");
    *out = (store_approval){.run = q->run,
                            .step = q->step,
                            .round = q->round,
                            .question = q->question,
                            .via = q->via,
                            .by = q->by,
                            .escalate = q->escalate,
                            .excluded = q->excluded,
                            .quorum = q->quorum ? q->quorum : 1,
                            .asked = now,
                            .expires = now + q->within_ms,
                            .state = PB_STR("open")};
    out->id = approval_id(a, q->run, q->step, q->round);
    out->binding = approval_binding(a, q);
    out->body = body_of(q, before, a);
    out->escalate_at = approval_next_escalation(out, now);
    if (!out->id.s || !out->binding.s || !out->body.s) return false;
    if (out->quorum > APPROVAL_QUORUM_MAX) {
        *err = pb_printf(a, "a quorum of %u people; at most %d can be asked for", out->quorum, APPROVAL_QUORUM_MAX);
        return false;
    }
    if (approval_reachable(out)) return true;
    *err = pb_printf(a,
                     "the approval asks for %u people, but fewer are in the groups that may decide: add people to the "
                     "site's `group`, "
                     "or lower the quorum",
                     out->quorum);
    return false;
}

/* ---- people ---- */

static pb_value person_value(const site_person *p, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("name"), pb_string(p->name));
    if (p->slack.n) pb_map_add(&b, PB_STR("slack"), pb_string(p->slack));
    if (p->login.n) pb_map_add(&b, PB_STR("login"), pb_string(p->login));
    if (p->mail.n) pb_map_add(&b, PB_STR("mail"), pb_string(p->mail));
    pb_value *items, list = pb_list_new(a, p->arns.n, &items);
    for (uint32_t i = 0; list.kind == PB_LIST && i < p->arns.n; i++) items[i] = pb_string(p->arns.items[i]);
    if (p->arns.n) pb_map_add(&b, PB_STR("arns"), list);
    return pb_map_done(&b);
}

static pb_value list_of(pb_arena *a, const pb_value *v, uint32_t n) {
    pb_value *items, list = pb_list_new(a, n, &items);
    for (uint32_t i = 0; list.kind == PB_LIST && i < n; i++) items[i] = v[i];
    return list;
}

static pb_value people_value(const pb_site *s, const site_group *g, const site_person *one, pb_arena *a) {
    pb_value *v = pb_alloc_array(a, s->npeople + 1, sizeof *v);
    uint32_t n = 0;
    for (uint32_t i = 0; v && i < s->npeople; i++) {
        const site_person *p = &s->people[i];
        if (g ? site_in_group(g, p) : one ? p == one : true) v[n++] = person_value(p, a);
    }
    return v ? list_of(a, v, n) : PB_NONE_VALUE;
}

/* One {kind, name, after?} with the people behind it. */
static bool people_of(const pb_site *s, pb_value by, pb_arena *a, pb_value *out, bool *slack, pb_str *err) {
    pb_str kind = text_of(by, "kind"), name = text_of(by, "name");
    pb_map_builder b = {.arena = a};
    const site_group *g = pb_str_is(kind, "group") ? site_group_by(s, name) : NULL;
    const site_person *p = pb_str_is(kind, "person") ? site_person_by(s, SITE_NAME, name) : NULL;
    *err = pb_printf(a, "the approval asks %.*s \"%.*s\", which the site does not have: add it to the site block",
                     PB_ARG(kind), PB_ARG(name));
    if (!g && !p) return false;
    pb_map_add(&b, PB_STR("kind"), pb_string(kind));
    pb_map_add(&b, PB_STR("name"), pb_string(name));
    if (pb_get_c(by, "after").kind != PB_NONE) pb_map_add(&b, PB_STR("after"), pb_int(int_of(by, "after")));
    if (g && g->slack_group.n) {
        pb_map_add(&b, PB_STR("slack_group"), pb_string(g->slack_group));
        *slack = true;
    }
    pb_map_add(&b, PB_STR("people"), people_value(s, g, p, a));
    *out = pb_map_done(&b);
    return out->kind == PB_MAP;
}

bool approval_people(const pb_site *s, pb_value by, pb_arena *a, pb_value *out, pb_str *err) {
    pb_value v[GROUPS_MAX + 1];
    uint32_t n = count_of(by);
    bool slack = false;
    if (n > GROUPS_MAX) {
        *err = pb_printf(a, "an approval asks at most %d groups", GROUPS_MAX);
        return false;
    }
    if (!s && n) {
        *err =
            PB_STR("an approval needs to know who people are: the program has no site block with `person` and `group`");
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!people_of(s, by.u.items[i], a, &v[i], &slack, err)) return false;
    if (slack) { /* a member of the Slack group may be anybody whom the site knows */
        pb_map_builder b = {.arena = a};
        pb_map_add(&b, PB_STR("kind"), pb_string(PB_STR("known")));
        pb_map_add(&b, PB_STR("people"), people_value(s, NULL, NULL, a));
        v[n++] = pb_map_done(&b);
    }
    *out = list_of(a, v, n);
    *err = PB_STR("out of memory");
    return out->kind == PB_LIST;
}

/* Calls fn for each entry of `by`, and of `escalate` whose time has come, until it says so. */
typedef bool group_fn(void *ctx, pb_value group);
static bool each_group(const store_approval *apr, int64_t now, group_fn *fn, void *ctx) {
    for (uint32_t i = 0; i < count_of(apr->by); i++)
        if (fn(ctx, apr->by.u.items[i])) return true;
    for (uint32_t i = 0; i < count_of(apr->escalate); i++) {
        pb_value e = apr->escalate.u.items[i];
        bool known = pb_str_is(text_of(e, "kind"), "known");
        if ((known || apr->asked + int_of(e, "after") <= now) && fn(ctx, e)) return true;
    }
    return false;
}

typedef struct group_list {
    pb_str *out;
    uint32_t n, max;
} group_list;

static bool add_slack_group(void *ctx, pb_value g) {
    group_list *l = ctx;
    pb_str id = text_of(g, "slack_group");
    for (uint32_t i = 0; i < l->n; i++)
        if (pb_str_eq(l->out[i], id)) return false;
    if (id.n && l->n < l->max) l->out[l->n++] = id;
    return l->n == l->max;
}

uint32_t approval_slack_groups(const store_approval *apr, int64_t now, pb_str *out, uint32_t max) {
    group_list l = {out, 0, max};
    each_group(apr, now, add_slack_group, &l);
    return l.n;
}

/* ---- identities ---- */

static bool has_id(pb_value person, approval_id_kind kind, pb_str id) {
    switch (kind) {
    case APPROVAL_BY_SLACK: return id.n && pb_str_eq(text_of(person, "slack"), id);
    case APPROVAL_BY_LOGIN: return id.n && pb_str_eq(text_of(person, "login"), id);
    case APPROVAL_BY_NAME: return id.n && pb_str_eq(text_of(person, "name"), id);
    }
    return false;
}

/* Two entries of the site that are one human being. */
static bool one_person(pb_value x, pb_value y) {
    static const char *const keys[] = {"name", "slack", "login", "mail"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (same(text_of(x, keys[i]), text_of(y, keys[i]))) return true;
    pb_value ax = pb_get_c(x, "arns"), ay = pb_get_c(y, "arns");
    for (uint32_t i = 0; i < count_of(ax); i++)
        for (uint32_t k = 0; k < count_of(ay); k++)
            if (same(pb_text(ax.u.items[i]), pb_text(ay.u.items[k]))) return true;
    return false;
}

typedef struct search {
    approval_id_kind kind;
    pb_str id;
    pb_value found;
    bool two;
} search;

static bool look_in(void *ctx, pb_value group) {
    search *s = ctx;
    pb_value people = pb_get_c(group, "people");
    for (uint32_t i = 0; i < count_of(people); i++) {
        pb_value p = people.u.items[i];
        if (!has_id(p, s->kind, s->id)) continue;
        if (s->found.kind == PB_MAP && !pb_str_eq(text_of(s->found, "name"), text_of(p, "name"))) s->two = true;
        s->found = p;
    }
    return false;
}

/* Also in the groups whose time has not come: so that they hear why it is too early. */
static search find_person(const store_approval *apr, approval_id_kind kind, pb_str id) {
    search s = {.kind = kind, .id = id, .found = PB_NONE_VALUE};
    each_group(apr, INT64_MAX, look_in, &s);
    return s;
}

pb_str approval_person(const store_approval *apr, approval_id_kind kind, pb_str id) {
    search s = find_person(apr, kind, id);
    return s.two ? (pb_str){"", 0} : text_of(s.found, "name");
}

typedef struct membership {
    pb_value person, members;
    bool slack_unread;
} membership;

static bool is_member(void *ctx, pb_value group) {
    membership *m = ctx;
    pb_value people = pb_get_c(group, "people"), ids;
    pb_str slack = text_of(m->person, "slack"), slack_group = text_of(group, "slack_group");
    if (pb_str_is(text_of(group, "kind"), "known")) return false;
    for (uint32_t i = 0; i < count_of(people); i++)
        if (pb_str_eq(text_of(people.u.items[i], "name"), text_of(m->person, "name"))) return true;
    if (!slack_group.n) return false;
    ids = pb_get(m->members, slack_group);
    if (ids.kind != PB_LIST) m->slack_unread = true;
    for (uint32_t i = 0; slack.n && i < count_of(ids); i++)
        if (ids.u.items[i].kind == PB_STRING && pb_str_eq(pb_text(ids.u.items[i]), slack)) return true;
    return false;
}

typedef struct counting {
    pb_value people[APPROVAL_QUORUM_MAX + 1];
    uint32_t n;
    bool slack;
} counting;

static bool count_people(void *ctx, pb_value group) {
    counting *c = ctx;
    pb_value people = pb_get_c(group, "people");
    c->slack |= text_of(group, "slack_group").n > 0;
    if (pb_str_is(text_of(group, "kind"), "known")) return false;
    for (uint32_t i = 0; i < count_of(people) && c->n < APPROVAL_QUORUM_MAX; i++) {
        bool again = false;
        for (uint32_t k = 0; k < c->n; k++) again |= one_person(c->people[k], people.u.items[i]);
        if (!again) c->people[c->n++] = people.u.items[i];
    }
    return false;
}

bool approval_reachable(const store_approval *apr) {
    counting c = {.n = 0};
    each_group(apr, INT64_MAX, count_people, &c);
    return c.slack || c.n >= apr->quorum;
}

/* ---- principals of the event ---- */

typedef struct finder {
    pb_arena *arena;
    pb_value list[APPROVAL_EXCLUDED_MAX];
    uint32_t n;
    bool lost; /* somebody is not in the list */
} finder;

static void add_principal(finder *f, pb_value v) {
    if (v.kind == PB_LIST) {
        for (uint32_t i = 0; i < v.n; i++)
            if (v.u.items[i].kind == PB_STRING) add_principal(f, v.u.items[i]);
        return;
    }
    if (v.kind != PB_STRING || !v.n) return;
    for (uint32_t i = 0; i < f->n; i++)
        if (pb_str_eq(pb_text(f->list[i]), pb_text(v))) return;
    f->lost |= f->n == APPROVAL_EXCLUDED_MAX;
    if (!f->lost) f->list[f->n++] = v;
}

/* What AWS calls those who did something: GuardDuty's accessKeyDetails, CloudTrail's userIdentity, Security Hub's
 * AwsIamAccessKey. */
static bool names_principal(pb_str key) {
    static const char *const keys[] = {"accessKeyDetails", "userIdentity", "sessionIssuer", "AwsIamAccessKey",
                                       "webIdFederationData"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (pb_str_is(key, keys[i])) return true;
    return false;
}

static void take_principal(finder *f, pb_value v) {
    static const char *const keys[] = {"arn",           "userName",    "principalId", "sourceIdentity", "UserName",
                                       "PrincipalName", "PrincipalId", "UserArn",     "onBehalfOf",     "userId"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) add_principal(f, pb_get_c(v, keys[i]));
    add_principal(f, pb_path(v, "sessionContext.sourceIdentity"));
    add_principal(f, pb_path(v, "onBehalfOf.userId"));
}

static void scan(finder *f, pb_value v, uint32_t depth) {
    f->lost |= depth > SCAN_DEPTH;
    if (f->lost) return;
    for (uint32_t i = 0; v.kind == PB_LIST && i < v.n; i++) scan(f, v.u.items[i], depth + 1);
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n; i++) {
        if (names_principal(v.u.entries[i].key)) take_principal(f, v.u.entries[i].value);
        scan(f, v.u.entries[i].value, depth + 1);
    }
}

pb_value approval_principals(pb_arena *a, pb_value event, pb_value bound, const pb_str *paths, uint32_t npaths) {
    finder f = {.arena = a};
    for (uint32_t i = 0; i < npaths; i++) {
        pb_str path = pb_strdup(a, paths[i].s, paths[i].n);
        f.lost |= !path.s;
        if (path.s) add_principal(&f, pb_path(bound, path.s));
    }
    scan(&f, event, 0);
    return f.lost ? PB_NONE_VALUE : list_of(a, f.list, f.n);
}

/* The names that a principal goes by: the whole, and what is behind the last `/` (user or session of an ARN) or `:`
 * (session of a principal id). */
static uint32_t names_of(pb_str s, pb_str out[3]) {
    uint32_t n = 0, slash = 0, colon = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] == '/') slash = i + 1;
        if (s.s[i] == ':') colon = i + 1;
    }
    out[n++] = s;
    if (slash) out[n++] = (pb_str){s.s + slash, s.n - slash};
    if (colon && !slash) out[n++] = (pb_str){s.s + colon, s.n - colon};
    return n;
}

static bool goes_by(pb_str id, pb_str principal) {
    pb_str x[3], y[3];
    uint32_t nx = names_of(id, x), ny = names_of(principal, y);
    for (uint32_t i = 0; i < nx; i++)
        for (uint32_t k = 0; k < ny; k++)
            if (same(x[i], y[k])) return true;
    return false;
}

static bool is_principal(pb_value person, pb_value excluded, pb_str *which) {
    static const char *const keys[] = {"name", "slack", "login", "mail"};
    pb_value arns = pb_get_c(person, "arns");
    for (uint32_t i = 0; i < count_of(excluded); i++) {
        pb_value e = excluded.u.items[i];
        if (e.kind != PB_STRING) continue;
        *which = pb_text(e);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (goes_by(text_of(person, keys[k]), *which)) return true;
        for (uint32_t k = 0; k < count_of(arns); k++)
            if (goes_by(pb_text(arns.u.items[k]), *which)) return true;
    }
    return false;
}

/* ---- the judgement: each rule gives a reason, or nothing ---- */

static pb_str none(void) { return (pb_str){NULL, 0}; }

static pb_str is_closed(const approval_answer *q, store_approval *apr) {
    pb_arena *a = q->arena;
    if (pb_str_is(apr->state, "open") && q->now < apr->expires) return none();
    if (pb_str_is(apr->state, "open") || pb_str_is(apr->state, "expired")) {
        apr->state = PB_STR("expired");
        if (!apr->decided) apr->decided = apr->expires;
        return pb_printf(a, "the approval expired at %.*s", PB_ARG(pb_time_text(a, apr->expires)));
    }
    if (pb_str_is(apr->state, "void")) return pb_printf(a, "the approval is void: %.*s", PB_ARG(apr->reason));
    return pb_printf(a, "the approval is decided already: %.*s", PB_ARG(apr->state));
}

static pb_str is_other(const approval_answer *q, const store_approval *apr) {
    bool fits = q->binding.n >= APPROVAL_PREFIX && q->binding.n <= apr->binding.n &&
                memcmp(q->binding.s, apr->binding.s, q->binding.n) == 0;
    return fits ? none() : PB_STR("the answer belongs to something else than what is asked now");
}

static pb_str is_stranger(approval_answer *q, const store_approval *apr, pb_value *person) {
    static const char *const kinds[] = {"Slack id", "login", "name"};
    search s = find_person(apr, q->kind, q->who);
    if (s.two)
        return pb_printf(q->arena, "the site has two people with the %s %.*s: nobody can tell who answers",
                         kinds[q->kind], PB_ARG(q->who));
    *person = s.found;
    q->person = text_of(s.found, "name");
    if (q->person.n) return none();
    return pb_printf(
        q->arena,
        "the %s %.*s belongs to nobody who was asked: it must be in the site's `person` of somebody in the group",
        kinds[q->kind], PB_ARG(q->who));
}

static pb_str is_outside(const approval_answer *q, const store_approval *apr, pb_value person) {
    membership m = {.person = person, .members = q->members};
    if (each_group(apr, q->now, is_member, &m)) return none();
    if (m.slack_unread)
        return pb_printf(
            q->arena,
            "the members of the Slack user group cannot be read (%.*s), so nobody can tell whether %.*s is one",
            PB_ARG(q->members_error.n ? q->members_error : PB_STR("they were not asked for")), PB_ARG(q->person));
    if (each_group(apr, INT64_MAX, is_member, &m))
        return pb_printf(q->arena, "%.*s is in a group that is asked later, when nobody has answered",
                         PB_ARG(q->person));
    return pb_printf(q->arena, "%.*s is not in the group that was asked", PB_ARG(q->person));
}

static pb_str is_party(const approval_answer *q, const store_approval *apr, pb_value person) {
    pb_str which = {0};
    if (!is_principal(person, apr->excluded, &which)) return none();
    return pb_printf(q->arena, "%.*s is the principal of the event (%.*s) and may not decide about it",
                     PB_ARG(q->person), PB_ARG(which));
}

static pb_value grantor(const store_approval *apr, const store_decision *d) {
    return find_person(apr, APPROVAL_BY_NAME, d->person).found;
}

/* Distinct people who have granted so far; *again: this person is one of them. */
static uint32_t count_grants(const store_approval *apr, pb_value person, const store_decision *before, uint32_t n,
                             bool *again) {
    pb_value seen[APPROVAL_QUORUM_MAX + 1];
    uint32_t k = 0;
    *again = false;
    for (uint32_t i = 0; i < n && k < APPROVAL_QUORUM_MAX; i++) {
        if (!pb_str_is(before[i].verdict, "grant")) continue;
        pb_value p = grantor(apr, &before[i]);
        bool twice = false;
        for (uint32_t j = 0; j < k; j++) twice |= one_person(seen[j], p);
        if (!twice) seen[k++] = p;
        *again |= one_person(p, person);
    }
    return k;
}

static pb_str judge(approval_answer *q, store_approval *apr, const store_decision *before, uint32_t n) {
    pb_value person = PB_NONE_VALUE;
    pb_str why = q->forbidden;
    bool again = false;
    q->grants = count_grants(apr, PB_NONE_VALUE, before, n, &again);
    if (!why.n) {
        pb_str closed = is_closed(q, apr);
        why = is_stranger(q, apr, &person);
        if (closed.n) why = closed; /* who it was is known all the same */
    }
    if (!why.n) why = is_other(q, apr);
    if (!why.n) why = is_outside(q, apr, person);
    if (!why.n) why = is_party(q, apr, person);
    if (why.n) return why;
    q->grants = count_grants(apr, person, before, n, &again);
    if (q->grant && again)
        return pb_printf(q->arena, "%.*s has granted it already; the quorum of %u counts different people",
                         PB_ARG(q->person), apr->quorum);
    return none();
}

static pb_str reason_of(const approval_answer *q) {
    uint32_t n = q->reason.n;
    if (n <= APPROVAL_REASON_MAX) return q->reason;
    n = APPROVAL_REASON_MAX;
    while (n && ((unsigned char)q->reason.s[n] & 0xc0) == 0x80) n--;
    return (pb_str){q->reason.s, n};
}

static void take(approval_answer *q, store_approval *apr, store_decision *d) {
    q->taken = true;
    d->verdict = q->grant ? PB_STR("grant") : PB_STR("deny");
    d->reason = reason_of(q);
    if (q->grant) q->grants++;
    if (q->grant && q->grants < apr->quorum) return;
    apr->state = q->grant ? PB_STR("granted") : PB_STR("denied");
    apr->reason = d->reason;
    apr->decided = q->now;
}

void approval_judge(void *ctx, store_approval *apr, const store_decision *before, uint32_t n, store_decision *d) {
    approval_answer *q = ctx;
    q->taken = false;
    q->person = (pb_str){"", 0};
    q->quorum = apr->quorum;
    q->why = judge(q, apr, before, n);
    if (!q->why.n && pb_arena_failed(q->arena)) q->why = PB_STR("out of memory"); /* a reason may have been lost */
    d->person = q->person.n ? q->person : q->who;
    if (q->claimed) d->person = pb_printf(q->arena, "somebody who claims to be %.*s", PB_ARG(q->who));
    d->verdict = PB_STR("refused");
    d->reason = q->why;
    if (!q->why.n) take(q, apr, d);
    q->state = apr->state;
}

static store_result refuse(approval_answer *q, store_result r, pb_str why) {
    q->taken = false;
    q->why = why.s ? why : PB_STR("out of memory");
    return r;
}

store_result approval_decide(store *s, pb_str approval, approval_answer *q) {
    store_decision *list, d = {.approval = approval, .person = q->who, .via = q->via, .proof = q->proof, .at = q->now};
    uint32_t n = 0;
    store_result r = store_decisions(s, approval, q->arena, &list, &n);
    if (r == STORE_OK && n >= APPROVAL_FORGED_MAX && q->forbidden.n) return refuse(q, STORE_OK, q->forbidden);
    if (r == STORE_OK || r == STORE_NO) r = store_decide(s, approval, &d, approval_judge, q, q->now, q->arena);
    if (r == STORE_NO)
        return refuse(q, r, PB_STR("there is no such approval: its run is not known here, or was removed"));
    if (r != STORE_OK) return refuse(q, r, pb_printf(q->arena, "the store failed: %s", store_error(s)));
    return r;
}

/* ---- for the evidence ---- */

static void put(pb_map_builder *b, const char *key, pb_str s) {
    pb_map_add(b, pb_str_c(key), s.n ? pb_string(s) : PB_NONE_VALUE);
}

static void put_time(pb_map_builder *b, const char *key, int64_t ms) {
    pb_map_add(b, pb_str_c(key), ms ? pb_time(ms) : PB_NONE_VALUE);
}

static pb_value decision_value(const store_decision *d, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    put(&b, "person", d->person);
    put(&b, "verdict", d->verdict);
    put(&b, "reason", d->reason);
    put(&b, "via", d->via);
    put(&b, "proof", d->proof);
    put_time(&b, "at", d->at);
    return pb_map_done(&b);
}

pb_value approval_value(const store_approval *apr, const store_decision *d, uint32_t n, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    pb_value *items, list = pb_list_new(a, n, &items);
    for (uint32_t i = 0; list.kind == PB_LIST && i < n; i++) items[i] = decision_value(&d[i], a);
    put(&b, "id", apr->id);
    put(&b, "step", apr->step);
    pb_map_add(&b, PB_STR("round"), pb_int(apr->round));
    put(&b, "question", apr->question);
    put_time(&b, "asked", apr->asked);
    put_time(&b, "expires", apr->expires);
    put_time(&b, "decided", apr->decided);
    put(&b, "state", apr->state);
    put(&b, "reason", apr->reason);
    pb_map_add(&b, PB_STR("quorum"), pb_int(apr->quorum));
    pb_map_add(&b, PB_STR("escalated"), pb_bool(apr->escalated));
    put(&b, "binding", apr->binding);
    pb_map_add(&b, PB_STR("excluded"), apr->excluded);
    pb_map_add(&b, PB_STR("decisions"), list);
    return pb_map_done(&b);
}

pb_value approval_evidence(store *s, pb_str run, pb_arena *a) {
    enum { MAX = 100 };
    store_approval *list;
    uint32_t n = 0;
    if (store_approvals(s, run, false, MAX, a, &list, &n) != STORE_OK || n == 0) return PB_NONE_VALUE;
    pb_value *items, out = pb_list_new(a, n, &items);
    for (uint32_t i = 0; out.kind == PB_LIST && i < n; i++) {
        store_decision *d = NULL;
        uint32_t nd = 0;
        const store_approval *apr = &list[n - 1 - i];
        if (store_decisions(s, apr->id, a, &d, &nd) != STORE_OK) nd = 0;
        items[i] = approval_value(apr, d, nd, a);
    }
    return out;
}
