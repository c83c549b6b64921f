/*
 * cmd_approve.c - pbrun approve and pbrun deny: what waits for an answer, and an answer from the command line.
 *
 * The person is the login name of the real user id, looked up among the people whom the approval asks (they are in
 * the store with it). --as says as whom one means to answer; it is refused when the login does not belong to that
 * person, so it is no way round.
 *
 * What is approved is shown before it is asked for; the answer carries the binding of what was shown, so that it does
 * not count for something that has taken its place meanwhile.
 */
#include "stdlib/slack_approval.h"
#include "vm/approval_host.h"
#include "vm/approval_link.h"
#include "vm/cmd_site.h"
#include "vm/plain.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LIST_MAX = 500,
    SHOWN_MAX = 2000, /* columns of a value that is shown */
    UPDATE_MS = 8000  /* how long messages are brought up to date before the command ends; the run does it too */
};

typedef struct command {
    const run_args *args;
    bool grant;
    pb_arena *arena;
    store *store;
    int64_t now;
    pb_str login, proof;
    store_approval apr;
    store_run run;
    pb_site site; /* for Slack's token and for links */
    bool has_site;
} command;

/* ---- small things ---- */

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static int out_of_memory(void) { return cmd_fail((pb_str){0}, STATUS_INTERNAL); }

static int store_failed(const command *c) {
    return cmd_fail(pb_printf(c->arena, "the store failed: %s", store_error(c->store)), STATUS_FAILED);
}

static bool print(pb_buf *b) {
    bool ok = !b->oom && (!b->len || fwrite(b->data, 1, b->len, stdout) == b->len) && fflush(stdout) == 0;
    pb_buf_free(b);
    return ok;
}

static int print_value(command *c, pb_value v) {
    pb_str text = pb_json_text(c->arena, v);
    return text.s && printf("%.*s\n", PB_ARG(text)) > 0 && fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

/* "in 12 min", "3 min ago" */
static pb_str from_now(const command *c, int64_t at) {
    int64_t ms = at > c->now ? at - c->now : c->now - at, minutes = ms / 60000;
    const char *in = at > c->now ? "in " : "", *ago = at > c->now ? "" : " ago";
    if (minutes >= 120) return pb_printf(c->arena, "%s%lld h%s", in, (long long)(minutes / 60), ago);
    if (minutes) return pb_printf(c->arena, "%s%lld min%s", in, (long long)minutes, ago);
    return pb_printf(c->arena, "%s%lld s%s", in, (long long)(ms / 1000), ago);
}

static uint32_t count_grants(const store_decision *d, uint32_t n) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) k += pb_str_is(d[i].verdict, "grant");
    return k;
}

/* ---- the list ---- */

static void list_line(command *c, pb_buf *b, const store_approval *apr) {
    store_decision *d;
    uint32_t n = 0;
    if (store_decisions(c->store, apr->id, c->arena, &d, &n) != STORE_OK) n = 0;
    pb_buf_printf(b, "%.*s  ", PB_ARG(apr->run));
    pb_str in = from_now(c, apr->expires);
    pb_buf_printf(b, "%u of %u  %s %.*s  ", count_grants(d, n), apr->quorum,
                  apr->expires > c->now ? "expires" : "expired", PB_ARG(in));
    plain_add(b, apr->question, 120);
    pb_buf_putc(b, '\n');
}

static int list_open(command *c) {
    store_approval *list;
    uint32_t n = 0;
    pb_buf b = {0};
    if (store_approvals(c->store, (pb_str){"", 0}, true, LIST_MAX, c->arena, &list, &n) != STORE_OK)
        return store_failed(c);
    for (uint32_t i = 0; i < n; i++) {
        if (!c->args->json) {
            list_line(c, &b, &list[i]);
            continue;
        }
        store_decision *d;
        uint32_t nd = 0;
        if (store_decisions(c->store, list[i].id, c->arena, &d, &nd) != STORE_OK) return store_failed(c);
        pb_map_builder m = {.arena = c->arena};
        pb_map_add(&m, PB_STR("run"), pb_string(list[i].run));
        pb_value v = approval_value(&list[i], d, nd, c->arena);
        for (uint32_t k = 0; v.kind == PB_MAP && k < v.n; k++) pb_map_add(&m, v.u.entries[k].key, v.u.entries[k].value);
        pb_str text = pb_json_text(c->arena, pb_map_done(&m));
        pb_buf_add(&b, text.s ? text.s : "", text.n);
        pb_buf_putc(&b, '\n');
    }
    if (!n && !c->args->json) pb_buf_puts(&b, "nothing waits for an approval\n");
    return print(&b) ? STATUS_OK : STATUS_FAILED;
}

/* ---- which one ---- */

static int no_run(const command *c, pb_str id) {
    return cmd_fail(pb_printf(c->arena,
                              "there is no run or approval %.*s in this store; `pbrun approve` lists what waits",
                              PB_ARG(id)),
                    STATUS_USAGE);
}

static int several(const command *c, const store_approval *list, uint32_t n) {
    pb_buf b = {0};
    pb_buf_puts(&b, "the run waits for several approvals; name one of them:");
    for (uint32_t i = 0; i < n; i++) pb_buf_printf(&b, "%s %.*s", i ? "," : "", PB_ARG(list[i].id));
    int status = cmd_fail(pb_printf(c->arena, "%s", b.data && !b.oom ? b.data : "out of memory"), STATUS_USAGE);
    pb_buf_free(&b);
    return status;
}

/* The open approval of a run; else its newest, which is refused with its reason. */
static int find(command *c, pb_str id) {
    store_approval *list;
    uint32_t n = 0;
    store_result r = store_approval_get(c->store, id, c->arena, &c->apr);
    if (r == STORE_NO) {
        r = store_approvals(c->store, id, true, LIST_MAX, c->arena, &list, &n);
        if (r == STORE_OK && n > 1) return several(c, list, n);
        if (r == STORE_OK && n == 0) r = store_approvals(c->store, id, false, 1, c->arena, &list, &n);
        if (r == STORE_OK && n) c->apr = list[0];
        if (r == STORE_OK && !n) {
            r = store_run_get(c->store, id, c->arena, &c->run);
            if (r == STORE_OK)
                return cmd_fail(pb_printf(c->arena, "run %.*s asks for no approval", PB_ARG(id)), STATUS_USAGE);
        }
    }
    if (r == STORE_NO) return no_run(c, id);
    if (r == STORE_OK) r = store_run_get(c->store, c->apr.run, c->arena, &c->run);
    return r == STORE_OK ? STATUS_OK : store_failed(c);
}

/* ---- what is asked ---- */

static void line(pb_buf *b, const char *label, pb_str text) {
    if (!text.n) return;
    pb_buf_printf(b, "  %-10s", label);
    plain_add(b, text, SHOWN_MAX);
    pb_buf_putc(b, '\n');
}

static void line_value(command *c, pb_buf *b, const char *label, pb_value v) {
    if (v.kind == PB_NONE || ((v.kind == PB_MAP || v.kind == PB_LIST) && v.n == 0)) return;
    pb_str text = pb_json_text(c->arena, v);
    line(b, label, text.s ? text : PB_STR("(too large to show)"));
}

static void show(command *c, pb_buf *b) {
    pb_value body = PB_NONE_VALUE;
    pb_str err, asked = from_now(c, c->apr.asked), expires = from_now(c, c->apr.expires);
    pb_json_parse(c->arena, c->apr.body.s, c->apr.body.n, &body, &err);
    pb_value about = pb_get_c(body, "about");
    plain_add(b, c->apr.question, SHOWN_MAX);
    pb_buf_putc(b, '\n');
    line(b, "playbook", text_of(about, "playbook"));
    line(b, "run", c->apr.run);
    line(b, "incident", text_of(about, "incident"));
    line(b, "threat", text_of(about, "threat"));
    line(b, "account", text_of(about, "account"));
    line(b, "region", text_of(about, "region"));
    line(b, "resource", text_of(about, "resource"));
    line(b, "block", text_of(body, "block"));
    line_value(c, b, "values", pb_get_c(body, "values"));
    line_value(c, b, "state", pb_get_c(body, "state"));
    line_value(c, b, "changed", pb_get_c(body, "changes"));
    line(b, "asked", asked);
    line(b, "expires", expires);
    line(b, "quorum", pb_printf(c->arena, "%u", c->apr.quorum));
}

/* False: the person says no. */
static bool confirmed(command *c) {
    pb_buf b = {0};
    char answer[16];
    show(c, &b);
    pb_buf_printf(&b, "%s? [y/N] ", c->grant ? "Approve" : "Deny");
    return print(&b) && fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* ---- who ---- */

static bool who_am_i(command *c) {
    char host[256] = "";
    const struct passwd *p = getpwuid(getuid());
    if (!p || !p->pw_name) return false;
    gethostname(host, sizeof host - 1);
    c->login = pb_strdup(c->arena, p->pw_name, strlen(p->pw_name));
    c->proof = pb_printf(c->arena, "login %s (uid %u) on %s", p->pw_name, (unsigned)getuid(), host);
    return c->login.s && c->proof.s;
}

static pb_str not_as(const command *c) {
    pb_str mine = approval_person(&c->apr, APPROVAL_BY_LOGIN, c->login), as = pb_str_c(c->args->as);
    if (!c->args->as || pb_str_eq(mine, as)) return (pb_str){"", 0};
    pb_str whose = mine.n ? pb_printf(c->arena, "it is %.*s's", PB_ARG(mine)) : PB_STR("it is nobody's who was asked");
    return pb_printf(c->arena, "the login %.*s is not %.*s's: %.*s", PB_ARG(c->login), PB_ARG(as), PB_ARG(whose));
}

/* ---- Slack, as far as it is set up here ---- */

typedef struct waiting {
    pb_loop *loop;
    bool done;
} waiting;

static void on_done(void *ctx) { ((waiting *)ctx)->done = true; }

static void on_members(void *ctx, pb_value members, pb_str error) {
    approval_answer *q = ctx;
    q->members = members;
    q->members_error = error;
}

/* Runs the loop until done, at most UPDATE_MS. */
static void wait_for(waiting *w) {
    int64_t end = pb_loop_mono_ms() + UPDATE_MS;
    while (!w->done && pb_loop_mono_ms() < end && pb_loop_turn(w->loop)) {
    }
}

static void ask_members(command *c, approval_answer *q) {
    enum { GROUPS = 16 };
    pb_str groups[GROUPS];
    uint32_t n = approval_slack_groups(&c->apr, c->now, groups, GROUPS);
    pb_loop *l = n ? pb_loop_new() : NULL;
    if (!n) return;
    q->members_error = PB_STR("out of memory");
    if (!l) return;
    slack_members *m = slack_members_start(l, c->has_site ? &c->site : NULL, groups, n, pb_loop_mono_ms() + UPDATE_MS,
                                           c->arena, on_members, q);
    while (m && q->members.kind == PB_NONE && pb_str_is(q->members_error, "out of memory") && pb_loop_turn(l)) {
    }
    pb_loop_free(l);
}

static void update_messages(command *c) {
    waiting w = {.loop = pb_loop_new()};
    if (!w.loop) return;
    approval_update *u = approval_update_start(w.loop, slack_channels(), c->has_site ? &c->site : NULL, c->store,
                                               c->apr.id, c->arena, on_done, &w);
    if (u) wait_for(&w);
    if (!w.done) approval_update_stop(u);
    pb_loop_free(w.loop);
}

/* ---- the answer ---- */

static int tell_json(command *c, const approval_answer *q) {
    pb_map_builder b = {.arena = c->arena};
    pb_map_add(&b, PB_STR("run"), pb_string(c->apr.run));
    pb_map_add(&b, PB_STR("approval"), pb_string(c->apr.id));
    pb_map_add(&b, PB_STR("verdict"), pb_string_c(!q->taken ? "refused" : q->grant ? "grant" : "deny"));
    pb_map_add(&b, PB_STR("person"), pb_string(q->person.n ? q->person : q->who));
    pb_map_add(&b, PB_STR("reason"),
               q->taken ? (q->reason.n ? pb_string(q->reason) : PB_NONE_VALUE) : pb_string(q->why));
    pb_map_add(&b, PB_STR("state"), pb_string(q->state));
    pb_map_add(&b, PB_STR("grants"), pb_int(q->grants));
    pb_map_add(&b, PB_STR("quorum"), pb_int(q->quorum));
    int status = print_value(c, pb_map_done(&b));
    return status != STATUS_OK ? status : q->taken ? STATUS_OK : STATUS_STOPPED;
}

static int tell(command *c, const approval_answer *q) {
    bool open = pb_str_is(q->state, "open");
    if (c->args->json) return tell_json(c, q);
    if (!q->taken) return cmd_fail(pb_printf(c->arena, "refused: %.*s", PB_ARG(q->why)), STATUS_STOPPED);
    if (open)
        printf("recorded: %.*s approves (%u of %u); it takes %u more\n", PB_ARG(q->person), q->grants, q->quorum,
               q->quorum - q->grants);
    else
        printf("%.*s by %.*s; run %.*s goes on with `pbrun resume`, or at once where `pbrun serve` runs\n",
               PB_ARG(q->state), PB_ARG(q->person), PB_ARG(c->apr.run));
    return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

/* Only for telling people: without a site, Slack's token comes from the environment. */
static void find_site(command *c) {
    pb_str err = {0};
    c->has_site = cmd_site_of_run(c->args, c->store, &c->run, c->arena, &c->site, &err);
}

static int decide(command *c) {
    const run_args *a = c->args;
    find_site(c);
    approval_answer q = {.grant = c->grant,
                         .kind = APPROVAL_BY_LOGIN,
                         .who = c->login,
                         .via = PB_STR("cli"),
                         .proof = c->proof,
                         .binding = c->apr.binding,
                         .reason = pb_str_c(a->reason),
                         .forbidden = not_as(c),
                         .members = PB_NONE_VALUE,
                         .arena = c->arena,
                         .now = c->now};
    ask_members(c, &q);
    q.now = pb_loop_wall_ms();
    store_result r = approval_decide(c->store, c->apr.id, &q);
    if (r != STORE_OK) return cmd_fail(q.why, r == STORE_NO ? STATUS_USAGE : STATUS_FAILED);
    int status = tell(c, &q);
    if (q.taken) update_messages(c);
    return status;
}

static int answer(command *c) {
    const run_args *a = c->args;
    if (!who_am_i(c))
        return cmd_fail(PB_STR("your user id has no login name, so nobody can tell who answers"), STATUS_STOPPED);
    if (!a->yes && !isatty(STDIN_FILENO))
        return cmd_fail(PB_STR("nobody can be asked here to confirm what is decided: look at it with `pbrun approve "
                               "--json`, then give --yes"),
                        STATUS_USAGE);
    if (!a->yes && !confirmed(c)) return cmd_fail(PB_STR("nothing was decided"), STATUS_STOPPED);
    return decide(c);
}

/* ---- links ---- */

static int make_link(command *c) {
    pb_str err = {0}, link;
    pb_str person = pb_str_c(c->args->link_for);
    if (!person.n) return cmd_fail(PB_STR("--link makes a link for one person: give --for NAME"), STATUS_USAGE);
    if (!approval_person(&c->apr, APPROVAL_BY_NAME, person).n)
        return cmd_fail(pb_printf(c->arena, "%.*s is not among the people whom this approval asks", PB_ARG(person)),
                        STATUS_STOPPED);
    c->has_site = cmd_site_of_run(c->args, c->store, &c->run, c->arena, &c->site, &err);
    if (!c->has_site) return cmd_fail(err, STATUS_USAGE);
    link = approval_link_make(c->arena, &c->site, &c->apr, person, &err);
    if (!link.s) return cmd_fail(err, STATUS_USAGE);
    return printf("%.*s\n", PB_ARG(link)) > 0 && fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

/* ---- the commands ---- */

/* --store, else PB_STORE, else what --site's file says. */
static store *open_store(command *c, pb_str *err) {
    const char *variable = getenv("PB_STORE");
    if (c->args->store || (variable && *variable) || !c->args->site) return cmd_store(c->args, c->arena, err);
    if (!cmd_site_of_run(c->args, NULL, &c->run, c->arena, &c->site, err)) return NULL;
    c->has_site = true;
    if (c->site.store.n)
        return cmd_store_at(c->args, pb_printf(c->arena, "%.*s", PB_ARG(c->site.store)).s, c->arena, err);
    return cmd_store(c->args, c->arena, err);
}

static int run(command *c) {
    const run_args *a = c->args;
    pb_str err = {0};
    int status;
    if (a->noperands > 1)
        return cmd_fail(PB_STR("one run at a time: give one RUN, or none for a list of what waits"), STATUS_USAGE);
    if (!c->grant && a->noperands && !a->reason)
        return cmd_fail(PB_STR("say why with --reason: who reads the evidence will want to know"), STATUS_USAGE);
    c->store = open_store(c, &err);
    if (!c->store) return cmd_fail(err, STATUS_USAGE);
    c->now = pb_loop_wall_ms();
    if (!a->noperands) return list_open(c);
    if ((status = find(c, pb_str_c(a->operands[0]))) != STATUS_OK) return status;
    return a->link ? make_link(c) : answer(c);
}

static int command_of(const run_args *a, bool grant) {
    command c = {.args = a, .grant = grant, .arena = pb_arena_new(0)};
    if (!c.arena) return out_of_memory();
    int status = run(&c);
    if (c.has_site) site_wipe(&c.site);
    store_close(c.store);
    pb_arena_free(c.arena);
    return status;
}

int cmd_approve(const run_args *a) { return command_of(a, true); }
int cmd_deny(const run_args *a) { return command_of(a, false); }
