/*
 * serve_approve.c - answers to approvals that come by HTTP: buttons in Slack, and signed links.
 *
 * What is believed and who may decide is said elsewhere (stdlib/slack_desk.c, vm/approval_link.c, vm/approval.c); here
 * requests are handed over, and when a decision was written, the messages are brought up to date and runs that can go
 * on are taken up.
 */
#include "vm/serve_approve.h"

#include "stdlib/slack_approval.h"
#include "vm/approval_link.h"

#include <stdlib.h>

enum {
    SLACK_BODY_MAX = 256 << 10, /* a payload holds the whole message */
    FORM_BODY_MAX = 8 << 10,
    GROUPS_MAX = 16,
    REMOTE_MS = 8000,
    UPDATE_MEMORY = 16 << 20
};

typedef struct answers {
    const serve_world *world;
    slack_desk *desk;
    struct visit *visits; /* posts of links whose Slack groups are being read */
    struct refresh *refreshes;
} answers;

/* A link's POST. */
typedef struct visit {
    answers *part;
    serve_exchange *exchange;
    const serve_request *request;
    approval_page_request page;
    slack_members *members;
    pb_str groups[GROUPS_MAX];
    struct visit *next, **link;
} visit;

/* Messages that are brought up to date after a link's answer. */
typedef struct refresh {
    pb_arena *arena;
    approval_update *update;
    bool done;
    struct refresh *next, **link;
} refresh;

/* ---- Slack ---- */

static void on_decided(void *ctx, pb_str run) {
    const serve_world *w = ((answers *)ctx)->world;
    serve_log(w, "approval_decided", "an approval of run %.*s is decided", PB_ARG(run));
    if (w->look) w->look(w->look_ctx);
}

static void on_log(void *ctx, pb_str sentence) {
    serve_log(((answers *)ctx)->world, "approval", "%.*s", PB_ARG(sentence));
}

static void slack_interactions(void *ctx, serve_exchange *x, const serve_request *q) {
    answers *p = ctx;
    pb_str why;
    slack_hook hook = {.signature = serve_header(q, "X-Slack-Signature"),
                       .timestamp = serve_header(q, "X-Slack-Request-Timestamp"),
                       .content_type = serve_header(q, "Content-Type"),
                       .body = q->body,
                       .now = q->now};
    int status = slack_desk_take(p->desk, &hook, q->arena, &why);
    if (status == 200) {
        serve_answer(x, &(serve_response){.status = 200, .type = "text/plain; charset=utf-8", .body = {"", 0}});
        return;
    }
    serve_log(p->world, "slack_refused", "a request to /slack/interactions from %.*s: %.*s", PB_ARG(q->peer),
              PB_ARG(why));
    serve_answer_error(x, q, status, "%s",
                       status == 401   ? "not authenticated"
                       : status == 503 ? "out of order"
                                       : "not understood");
}

/* ---- links ---- */

static void refresh_end(refresh *r) {
    *r->link = r->next;
    if (r->next) r->next->link = r->link;
    pb_arena_free(r->arena);
}

static void on_refreshed(void *ctx) {
    refresh *r = ctx;
    r->done = true;
    if (r->update) refresh_end(r); /* else it has not been handed out yet */
}

static void refresh_begin(answers *p, pb_str approval) {
    const serve_world *w = p->world;
    pb_arena *a = pb_arena_new(UPDATE_MEMORY);
    refresh *r = a ? pb_alloc(a, sizeof *r) : NULL;
    if (!r) {
        pb_arena_free(a);
        return;
    }
    *r = (refresh){.arena = a, .next = p->refreshes, .link = &p->refreshes};
    if (r->next) r->next->link = &r->next;
    p->refreshes = r;
    approval_update *u =
        approval_update_start(w->loop, slack_channels(), w->site, w->store, approval, a, on_refreshed, r);
    if (r->done)
        refresh_end(r);
    else
        r->update = u;
}

static void answer_page(answers *p, serve_exchange *x, const serve_request *q, const approval_page_request *page) {
    enum { HEADERS = 16 };
    pb_header headers[HEADERS];
    approval_page out;
    uint32_t n = 0;
    if (!approval_page_answer(p->world->store, p->world->site, page, q->arena, &out)) {
        serve_answer_error(x, q, 503, "out of memory");
        return;
    }
    for (const char *const *h = approval_page_headers; h[0] && n < HEADERS; h += 2)
        if (strcmp(h[0], "Content-Type") != 0) headers[n++] = (pb_header){pb_str_c(h[0]), pb_str_c(h[1])};
    /* Decided before it is answered; who decided may well close the page at once. */
    if (out.decided_run.n) on_decided(p, out.decided_run);
    if (out.approval.n) refresh_begin(p, out.approval);
    serve_answer(x, &(serve_response){.status = out.status,
                                      .type = "text/html; charset=utf-8",
                                      .body = out.html,
                                      .headers = headers,
                                      .nheaders = n,
                                      .refused = out.status == 404});
}

static void visit_end(visit *v) {
    *v->link = v->next;
    if (v->next) v->next->link = v->link;
}

static void on_members(void *ctx, pb_value members, pb_str error) {
    visit *v = ctx;
    v->page.members = members;
    v->page.members_error = error;
    visit_end(v);
    answer_page(v->part, v->exchange, v->request, &v->page);
}

/* The groups whose members have to be read before this link can be answered. */
static uint32_t groups_of(const answers *p, const serve_request *q, pb_str *groups) {
    pb_str id;
    store_approval apr;
    if (!approval_link_names(q->arena, p->world->site, q->rest, &id) ||
        store_approval_get(p->world->store, id, q->arena, &apr) != STORE_OK)
        return 0;
    return approval_slack_groups(&apr, q->now, groups, GROUPS_MAX);
}

static void approve_post(void *ctx, serve_exchange *x, const serve_request *q) {
    answers *p = ctx;
    visit *v = pb_alloc(q->arena, sizeof *v);
    if (!v) {
        serve_answer_error(x, q, 503, "out of memory");
        return;
    }
    *v = (visit){.part = p, .exchange = x, .request = q, .next = p->visits, .link = &p->visits};
    v->page = (approval_page_request){.post = true,
                                      .token = q->rest,
                                      .origin = serve_header(q, "Origin"),
                                      .content_type = serve_header(q, "Content-Type"),
                                      .body = q->body,
                                      .from = q->peer,
                                      .members = PB_NONE_VALUE,
                                      .now = q->now};
    if (v->next) v->next->link = &v->next;
    p->visits = v;
    uint32_t n = groups_of(p, q, v->groups);
    if (!n) {
        visit_end(v);
        answer_page(p, x, q, &v->page);
        return;
    }
    slack_members *m = slack_members_start(p->world->loop, p->world->site, v->groups, n, pb_loop_mono_ms() + REMOTE_MS,
                                           q->arena, on_members, v);
    if (m) v->members = m; /* NULL: answered, and v is gone */
}

static void approve_get(void *ctx, serve_exchange *x, const serve_request *q) {
    approval_page_request page = {.token = q->rest, .from = q->peer, .members = PB_NONE_VALUE, .now = q->now};
    answer_page(ctx, x, q, &page);
}

/* ---- the part ---- */

static void end(void *part) {
    answers *p = part;
    if (!p) return;
    for (visit *v = p->visits; v; v = v->next) slack_members_stop(v->members);
    while (p->refreshes) {
        approval_update_stop(p->refreshes->update);
        refresh_end(p->refreshes);
    }
    slack_desk_free(p->desk);
    free(p);
}

static bool begin(const serve_world *w, serve_http *h, void **part, pb_str *err) {
    answers *p = calloc(1, sizeof *p);
    slack_desk_config c = {
        .loop = w->loop, .store = w->store, .site = w->site, .decided = on_decided, .log = on_log, .ctx = p};
    *err = PB_STR("out of memory");
    if (!p) return false;
    *p = (answers){.world = w, .desk = slack_desk_new(&c)};
    const serve_route routes[] = {
        {"POST", "/slack/interactions", slack_interactions, p, SLACK_BODY_MAX},
        {"GET", "/approve/", approve_get, p, 0},
        {"POST", "/approve/", approve_post, p, FORM_BODY_MAX},
    };
    bool ok = p->desk != NULL;
    for (size_t i = 0; ok && i < sizeof routes / sizeof *routes; i++) {
        ok = serve_route_add(h, &routes[i]);
        if (!ok) *err = PB_STR("too many routes");
    }
    *part = p;
    if (!ok) end(p), *part = NULL;
    return ok;
}

const serve_part serve_approve_part = {"approvals", begin, end};
