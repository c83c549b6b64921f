/*
 * slack_approval.c - what an approval looks like in Slack, and who is in a Slack user group.
 *
 * All that comes out of an event or a program stands in plain_text objects, escaped, so that it can be no link, no
 * mention and no markup; mrkdwn is used only for what is written here. A button carries the approval's id and the
 * beginning of its binding, nothing else: who answers, and what, is decided against the store.
 *
 * A message is always made from the approval as it is in the store, so that making it again gives the same message:
 * open with buttons, decided with who decided what and when.
 */
#include "stdlib/slack_approval.h"

#include "stdlib/slack.h"
#include "stdlib/slack_find.h"

enum {
    SECTION_MAX_TEXT = 2900, /* Slack: 3,000 characters in a section's text */
    FIELD_MAX_TEXT = 1900,   /* 2,000 in a field */
    SHOWN_MAX = 1400,        /* of values and of states: bytes before they are escaped */
    BLOCKS_MAX = 40,         /* Slack: 50 */
    FIELDS_MAX = 10,
    MENTIONS_MAX = 20,
    FIND_PART = 3
};

/* ---- small things ---- */

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static uint32_t count_of(pb_value v) { return v.kind == PB_LIST ? v.n : 0; }

/* At a character's start, with a mark where something is missing. */
static pb_str cut(pb_arena *a, pb_str s, uint32_t max) {
    uint32_t n = max;
    if (s.n <= max) return s;
    while (n && ((unsigned char)s.s[n] & 0xc0) == 0x80) n--;
    return pb_printf(a, "%.*s…", (int)n, s.s);
}

/* Escaped and within Slack's limit: an escaped character takes up to five. */
static pb_str safe(pb_arena *a, pb_str s, uint32_t max) {
    pb_str t = slack_escape(a, cut(a, s, max));
    while (t.s && t.n > max && max > 16) {
        max = max * 2 / 3;
        t = slack_escape(a, cut(a, s, max));
    }
    return t;
}

static pb_value list_of(pb_arena *a, const pb_value *v, uint32_t n) {
    pb_value *items, list = pb_list_new(a, n, &items);
    for (uint32_t i = 0; list.kind == PB_LIST && i < n; i++) items[i] = v[i];
    return list;
}

/* ---- blocks ---- */

typedef struct page {
    pb_arena *arena;
    const approval_post *post;
    const store_approval *apr;
    pb_value blocks[BLOCKS_MAX];
    uint32_t n;
} page;

static void add(page *p, pb_value block) {
    if (p->n < BLOCKS_MAX && block.kind == PB_MAP) p->blocks[p->n++] = block;
}

static pb_value text_object(page *p, const char *type, pb_str text) {
    pb_map_builder b = {.arena = p->arena};
    pb_map_add(&b, PB_STR("type"), pb_string_c(type));
    pb_map_add(&b, PB_STR("text"), pb_string(text));
    if (type[0] == 'p') pb_map_add(&b, PB_STR("emoji"), pb_bool(false));
    if (type[0] == 'm') pb_map_add(&b, PB_STR("verbatim"), pb_bool(true));
    return pb_map_done(&b);
}

static pb_value plain(page *p, pb_str text, uint32_t max) {
    return text_object(p, "plain_text", safe(p->arena, text, max));
}

static void section(page *p, pb_value text) {
    pb_map_builder b = {.arena = p->arena};
    pb_map_add(&b, PB_STR("type"), pb_string_c("section"));
    pb_map_add(&b, PB_STR("text"), text);
    add(p, pb_map_done(&b));
}

static void context(page *p, pb_value text) {
    pb_map_builder b = {.arena = p->arena};
    pb_map_add(&b, PB_STR("type"), pb_string_c("context"));
    pb_map_add(&b, PB_STR("elements"), list_of(p->arena, &text, 1));
    add(p, pb_map_done(&b));
}

/* ids of Slack are letters and digits; what is none is no mention. */
static bool is_slack_id(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (!((s.s[i] >= 'A' && s.s[i] <= 'Z') || (s.s[i] >= '0' && s.s[i] <= '9'))) return false;
    return s.n > 2 && s.n < 32;
}

static void add_mentions(pb_buf *b, pb_value group, uint32_t *left) {
    pb_str id = text_of(group, "slack_group");
    pb_value people = pb_get_c(group, "people");
    if (pb_str_is(text_of(group, "kind"), "known")) return;
    if (is_slack_id(id)) {
        pb_buf_printf(b, " <!subteam^%.*s>", PB_ARG(id));
        return;
    }
    for (uint32_t i = 0; i < count_of(people) && *left; i++) {
        pb_str user = text_of(people.u.items[i], "slack");
        if (!is_slack_id(user)) continue;
        pb_buf_printf(b, " <@%.*s>", PB_ARG(user));
        --*left;
    }
}

static pb_str from_buf(pb_arena *a, pb_buf *b) {
    pb_str s = b->oom ? (pb_str){"", 0} : pb_strdup(a, b->data ? b->data : "", b->len);
    pb_buf_free(b);
    return s;
}

static bool is(const page *p, const char *state) { return pb_str_is(p->apr->state, state); }

static void headline(page *p) {
    const approval_post *q = p->post;
    uint32_t left = MENTIONS_MAX;
    pb_buf b = {0};
    if (is(p, "open"))
        pb_buf_puts(&b, q->level ? "*Nobody has answered yet: approval needed*" : "*Approval needed*");
    else if (is(p, "granted"))
        pb_buf_puts(&b, "*Granted*");
    else if (is(p, "denied"))
        pb_buf_puts(&b, "*Denied*");
    else if (is(p, "expired"))
        pb_buf_puts(&b, "*Expired: nobody decided in time*");
    else
        pb_buf_puts(&b, "*Void: what was asked about has changed, so it is asked anew*");
    if (is(p, "open") && q->doubt) pb_buf_puts(&b, " (asked once more: pbrun was interrupted while asking)");
    for (uint32_t i = 0; is(p, "open") && q->message.kind != PB_MAP && i < count_of(q->who); i++)
        add_mentions(&b, q->who.u.items[i], &left);
    section(p, text_object(p, "mrkdwn", from_buf(p->arena, &b)));
}

static void add_field(page *p, pb_value *fields, uint32_t *n, const char *label, pb_str text) {
    if (!text.n || *n == FIELDS_MAX) return;
    fields[(*n)++] = plain(p, pb_printf(p->arena, "%s\n%.*s", label, PB_ARG(text)), FIELD_MAX_TEXT / 4);
}

static void facts(page *p, pb_value about) {
    pb_value fields[FIELDS_MAX];
    uint32_t n = 0;
    pb_str version = text_of(about, "version"), account = text_of(about, "account"), region = text_of(about, "region");
    pb_str playbook = text_of(about, "playbook");
    add_field(p, fields, &n, "Playbook", pb_printf(p->arena, "%.*s %.*s", PB_ARG(playbook), PB_ARG(version)));
    add_field(p, fields, &n, "Incident", text_of(about, "incident"));
    add_field(p, fields, &n, "Finding", text_of(about, "threat"));
    if (account.n)
        add_field(p, fields, &n, "Account", pb_printf(p->arena, "%.*s %.*s", PB_ARG(account), PB_ARG(region)));
    add_field(p, fields, &n, "Resource", text_of(about, "resource"));
    add_field(p, fields, &n, "Run", p->apr->run);
    pb_map_builder b = {.arena = p->arena};
    pb_map_add(&b, PB_STR("type"), pb_string_c("section"));
    pb_map_add(&b, PB_STR("fields"), list_of(p->arena, fields, n));
    if (n) add(p, pb_map_done(&b));
}

static void shown(page *p, const char *label, pb_value v) {
    if (v.kind == PB_NONE || ((v.kind == PB_MAP || v.kind == PB_LIST) && v.n == 0)) return;
    pb_str json = pb_json_text(p->arena, v);
    if (!json.s) json = PB_STR("(too large to show)");
    section(p,
            plain(p, pb_printf(p->arena, "%s\n%.*s", label, PB_ARG(cut(p->arena, json, SHOWN_MAX))), SECTION_MAX_TEXT));
}

static void changes(page *p, pb_value list) {
    pb_buf b = {0};
    for (uint32_t i = 0; i < count_of(list); i++)
        if (list.u.items[i].kind == PB_STRING) pb_buf_printf(&b, "\n%.*s", PB_ARG(pb_text(list.u.items[i])));
    pb_str text = from_buf(p->arena, &b);
    if (text.n)
        section(p, plain(p, pb_printf(p->arena, "Changed since it was granted:%.*s", PB_ARG(text)), SECTION_MAX_TEXT));
}

/* Slack shows it in the reader's own time zone. */
static pb_str date(page *p, int64_t ms) {
    pb_str iso = pb_time_text(p->arena, ms / 1000 * 1000);
    return pb_printf(p->arena, "<!date^%lld^{date_short_pretty} {time_secs}|%.*s>", (long long)(ms / 1000),
                     PB_ARG(iso));
}

static void decisions(page *p) {
    const approval_post *q = p->post;
    for (uint32_t i = 0; i < q->ndecisions; i++) {
        const store_decision *d = &q->decisions[i];
        bool grant = pb_str_is(d->verdict, "grant"), deny = pb_str_is(d->verdict, "deny");
        if (!grant && !deny) continue;
        pb_str who = safe(p->arena, d->person, 200), when = date(p, d->at);
        context(p, text_object(p, "mrkdwn",
                               pb_printf(p->arena, "%s by %.*s, %.*s (%.*s)", grant ? "Approved" : "Denied",
                                         PB_ARG(who), PB_ARG(when), PB_ARG(d->via))));
        if (d->reason.n) context(p, plain(p, pb_printf(p->arena, "“%.*s”", PB_ARG(d->reason)), SECTION_MAX_TEXT));
    }
}

static void footer(page *p, pb_value body) {
    pb_str url = p->post->site ? p->post->site->serve.url : (pb_str){0}, block = text_of(body, "block");
    pb_str when = date(p, p->apr->expires);
    pb_buf b = {0};
    pb_buf_printf(&b, "%u of the people asked must approve. ", p->apr->quorum);
    pb_buf_printf(&b, is(p, "open") ? "Expires %.*s." : "Time limit: %.*s.", PB_ARG(when));
    if (url.n) pb_buf_printf(&b, " <%.*s/runs/%.*s|Details>", PB_ARG(url), PB_ARG(p->apr->run));
    context(p, text_object(p, "mrkdwn", from_buf(p->arena, &b)));
    context(p, plain(p, pb_printf(p->arena, "%.*s · bound to %.*s", PB_ARG(block), 12, p->apr->binding.s),
                     SECTION_MAX_TEXT));
}

static pb_value button(page *p, const char *verb, const char *label, const char *style) {
    pb_map_builder b = {.arena = p->arena};
    pb_map_add(&b, PB_STR("type"), pb_string_c("button"));
    pb_map_add(&b, PB_STR("text"), text_object(p, "plain_text", pb_str_c(label)));
    pb_map_add(&b, PB_STR("style"), pb_string_c(style));
    pb_map_add(
        &b, PB_STR("action_id"),
        pb_string(pb_printf(p->arena, "%s:%.*s:%.*s", verb, PB_ARG(p->apr->id), APPROVAL_PREFIX, p->apr->binding.s)));
    return pb_map_done(&b);
}

static void buttons(page *p) {
    pb_value both[] = {button(p, "grant", "Approve", "primary"), button(p, "deny", "Deny", "danger")};
    pb_map_builder b = {.arena = p->arena};
    pb_map_add(&b, PB_STR("type"), pb_string_c("actions"));
    pb_map_add(&b, PB_STR("elements"), list_of(p->arena, both, 2));
    add(p, pb_map_done(&b));
}

static pb_value blocks_of(const approval_post *q) {
    page p = {.arena = q->arena, .post = q, .apr = q->approval};
    pb_value body = PB_NONE_VALUE;
    pb_str err;
    pb_json_parse(q->arena, q->approval->body.s, q->approval->body.n, &body, &err);
    headline(&p);
    section(&p, plain(&p, q->approval->question.n ? q->approval->question : PB_STR("(no question)"), SECTION_MAX_TEXT));
    facts(&p, pb_get_c(body, "about"));
    changes(&p, pb_get_c(body, "changes"));
    shown(&p, "With these values:", pb_get_c(body, "values"));
    shown(&p, "The target now:", pb_get_c(body, "state"));
    decisions(&p);
    if (is(&p, "open")) buttons(&p);
    footer(&p, body);
    return list_of(q->arena, p.blocks, p.n);
}

/* ---- posting ---- */

typedef struct posting {
    pb_loop *loop;
    approval_post q;
    approval_posted_fn *fn;
    void *ctx;
    slack_api *api;
    slack_find *find;
    bool ended, again;
} posting;

static slack_mark mark_of(const approval_post *q) {
    pb_map_builder b = {.arena = q->arena};
    pb_map_add(&b, PB_STR("approval"), pb_string(q->approval->id));
    pb_map_add(&b, PB_STR("level"), pb_int(q->level));
    return (slack_mark){PB_STR("pbrun_approval"), pb_map_done(&b)};
}

static void end(posting *p, approval_posted *r) {
    p->ended = true;
    r->again = p->again;
    p->fn(p->ctx, r);
}

static void sent(posting *p, pb_str channel, pb_str ts) {
    pb_arena *a = p->q.arena;
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("channel"), pb_string(pb_strdup(a, channel.s, channel.n)));
    pb_map_add(&b, PB_STR("ts"), pb_string(pb_strdup(a, ts.s, ts.n)));
    approval_posted r = {.ok = true, .message = pb_map_done(&b)};
    end(p, &r);
}

static void on_reply(void *ctx, const slack_reply *r) {
    posting *p = ctx;
    p->api = NULL;
    if (r->ok) {
        sent(p, text_of(r->value, "channel"), text_of(r->value, "ts"));
        return;
    }
    approval_posted out = {.ok = false, .message = PB_NONE_VALUE, .code = r->code, .error = r->message};
    end(p, &out);
}

static void send(posting *p) {
    const approval_post *q = &p->q;
    bool update = q->message.kind == PB_MAP;
    slack_mark mark = mark_of(q);
    pb_map_builder b = {.arena = q->arena};
    p->q.doubt = p->again; /* what the message says of itself */
    pb_map_add(&b, PB_STR("channel"), pb_string(update ? text_of(q->message, "channel") : q->to));
    if (update) pb_map_add(&b, PB_STR("ts"), pb_string(text_of(q->message, "ts")));
    pb_map_add(&b, PB_STR("text"),
               pb_string(safe(q->arena, pb_printf(q->arena, "Approval: %.*s", PB_ARG(q->approval->question)),
                              SECTION_MAX_TEXT)));
    pb_map_add(&b, PB_STR("blocks"), blocks_of(q));
    pb_map_add(&b, PB_STR("metadata"), slack_mark_value(&mark, q->arena));
    pb_map_add(&b, PB_STR("parse"), pb_string_c("none"));
    pb_map_add(&b, PB_STR("link_names"), pb_bool(false));
    if (!update) {
        pb_map_add(&b, PB_STR("mrkdwn"), pb_bool(false));
        pb_map_add(&b, PB_STR("unfurl_links"), pb_bool(false));
        pb_map_add(&b, PB_STR("unfurl_media"), pb_bool(false));
    }
    slack_request r = {.kind = SLACK_JSON,
                       .method = update ? "chat.update" : "chat.postMessage",
                       .args = pb_map_done(&b),
                       .safe = update,
                       .site = q->site,
                       .subject = pb_printf(q->arena, "channel %.*s", PB_ARG(q->to)),
                       .deadline_ms = q->deadline_ms,
                       .arena = q->arena};
    slack_api *api = slack_api_start(p->loop, &r, on_reply, p);
    if (!p->ended) p->api = api;
}

static void on_found(void *ctx, slack_found r, pb_str channel, pb_str ts, pb_str why) {
    posting *p = ctx;
    (void)why;
    p->find = NULL;
    p->again = r == SLACK_CANNOT_SAY;
    if (r == SLACK_FOUND)
        sent(p, channel, ts);
    else
        send(p);
}

static void look(posting *p) {
    int64_t now = pb_loop_mono_ms();
    slack_question q = {.site = p->q.site,
                        .channel = p->q.to,
                        .mark = mark_of(&p->q),
                        .since_ms = p->q.approval->asked,
                        .deadline_ms = now + (p->q.deadline_ms - now) / FIND_PART,
                        .arena = p->q.arena};
    slack_find *f = slack_find_start(p->loop, &q, on_found, p);
    if (!p->ended && !p->api) p->find = f;
}

static void *slack_post_approval(pb_loop *l, const approval_post *q, approval_posted_fn *fn, void *ctx) {
    posting *p = pb_alloc(q->arena, sizeof *p);
    if (!p) {
        fn(ctx, &(approval_posted){
                    .code = PB_STR("memory"), .error = PB_STR("slack: out of memory"), .message = PB_NONE_VALUE});
        return NULL;
    }
    *p = (posting){.loop = l, .q = *q, .fn = fn, .ctx = ctx};
    if (q->doubt && q->message.kind != PB_MAP && slack_has_token(q->site))
        look(p);
    else
        send(p);
    return p->ended ? NULL : p;
}

static void slack_post_stop(void *handle) {
    posting *p = handle;
    slack_api_stop(p->api);
    slack_find_stop(p->find);
    p->api = NULL;
    p->find = NULL;
}

approval_channels slack_channels(void) {
    static const approval_channel slack = {"slack", slack_post_approval, slack_post_stop};
    static const approval_channel *const list[] = {&slack, NULL};
    return list;
}

/* ---- user groups ---- */

struct slack_members {
    pb_loop *loop;
    const pb_site *site;
    const pb_str *groups;
    uint32_t n, at;
    int64_t deadline_ms;
    pb_arena *arena;
    slack_members_fn *done;
    void *ctx;
    pb_map_builder map;
    pb_str error;
    slack_api *api;
    bool ended, inside, answered;
};

static void members_next(slack_members *m);

static pb_value copy_ids(pb_arena *a, pb_value users) {
    pb_value *items, list = pb_list_new(a, count_of(users), &items);
    for (uint32_t i = 0; list.kind == PB_LIST && i < list.n; i++) {
        pb_value u = users.u.items[i];
        items[i] = u.kind == PB_STRING ? pb_string(pb_strdup(a, u.u.s, u.n)) : PB_NONE_VALUE;
    }
    return list;
}

static void on_members(void *ctx, const slack_reply *r) {
    slack_members *m = ctx;
    m->api = NULL;
    m->answered = true;
    pb_value users = pb_get_c(r->value, "users");
    if (r->ok && users.kind == PB_LIST)
        pb_map_add(&m->map, m->groups[m->at], copy_ids(m->arena, users));
    else
        m->error = r->ok ? PB_STR("slack: the answer has no list of users") : r->message;
    m->at++;
    if (!m->inside) members_next(m);
}

static void members_next(slack_members *m) {
    m->inside = true;
    for (m->answered = true; m->answered && m->at < m->n;) {
        pb_map_builder b = {.arena = m->arena};
        pb_map_add(&b, PB_STR("usergroup"), pb_string(m->groups[m->at]));
        slack_request q = {.kind = SLACK_FORM,
                           .method = "usergroups.users.list",
                           .args = pb_map_done(&b),
                           .safe = true,
                           .site = m->site,
                           .subject = pb_printf(m->arena, "user group %.*s", PB_ARG(m->groups[m->at])),
                           .deadline_ms = m->deadline_ms,
                           .arena = m->arena};
        m->answered = false;
        slack_api *api = slack_api_start(m->loop, &q, on_members, m);
        if (!m->answered) m->api = api;
    }
    m->inside = false;
    if (!m->answered) return;
    m->ended = true;
    pb_value v = pb_map_done(&m->map);
    m->done(m->ctx, v, m->map.oom ? PB_STR("out of memory") : m->error);
}

slack_members *slack_members_start(pb_loop *l, const pb_site *site, const pb_str *groups, uint32_t n,
                                   int64_t deadline_ms, pb_arena *a, slack_members_fn *done, void *ctx) {
    slack_members *m = pb_alloc(a, sizeof *m);
    if (!m) {
        done(ctx, PB_NONE_VALUE, PB_STR("out of memory"));
        return NULL;
    }
    *m = (slack_members){.loop = l,
                         .site = site,
                         .groups = groups,
                         .n = n,
                         .deadline_ms = deadline_ms,
                         .arena = a,
                         .done = done,
                         .ctx = ctx,
                         .map = {.arena = a},
                         .error = {"", 0}};
    members_next(m);
    return m->ended ? NULL : m;
}

void slack_members_stop(slack_members *m) {
    if (m) slack_api_stop(m->api);
    if (m) m->api = NULL;
}
