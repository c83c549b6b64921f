/*
 * serve_api.c - what the store knows, as JSON:
 *
 *     GET  /api/state               {now, version, counts, approvals_open, switches}: the kill switch of this store
 *     GET  /api/runs                {runs}; status, playbook, incident, since (24h, or a time), max
 *     GET  /api/runs/ID             a run's story (vm/history.h); full=1: with event and evidence
 *     GET  /api/runs/ID/evidence    its documents, to be kept in a file
 *     GET  /api/approvals           {approvals}: the open ones
 *     POST /api/approvals/ID        403: who reads with the page's token is nobody in particular
 *
 * Everything is read when it is asked for, on the engine's thread: lists are short and have an index each.
 */
#include "vm/commands.h"
#include "vm/history.h"
#include "vm/serve_web.h"

enum { RUNS_DEFAULT = 50, APPROVALS_MAX = 500 };

static void answer_value(serve_exchange *x, const serve_request *q, pb_value v) {
    pb_str text = v.kind == PB_NONE ? (pb_str){NULL, 0} : pb_json_text(q->arena, v);
    if (text.s)
        serve_answer(x, &(serve_response){.status = 200, .type = "application/json; charset=utf-8", .body = text});
    else
        serve_answer_error(x, q, 503, "that is more than can be shown here; use pbrun show");
}

static void store_failed(const serve_web *p, serve_exchange *x, const serve_request *q) {
    const serve_world *w = serve_web_world(p);
    serve_log(w, "store_failed", "%s", store_error(w->store));
    serve_answer_error(x, q, 503, "the store cannot be read");
}

/* ---- state ---- */

static pb_value switch_value(const store_switch *w, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("scope"), pb_string(w->scope));
    pb_map_add(&b, PB_STR("state"), pb_string(w->state));
    pb_map_add(&b, PB_STR("reason"), pb_string(w->reason));
    pb_map_add(&b, PB_STR("who"), pb_string(w->who));
    pb_map_add(&b, PB_STR("since"), pb_time(w->at));
    return pb_map_done(&b);
}

/* Those that are not off. */
static pb_value switches_value(const store_switch *list, uint32_t n, pb_arena *a) {
    uint32_t on = 0, k = 0;
    pb_value *items;
    for (uint32_t i = 0; i < n; i++) on += !pb_str_is(list[i].state, "off");
    pb_value v = pb_list_new(a, on, &items);
    for (uint32_t i = 0; v.kind == PB_LIST && i < n; i++)
        if (!pb_str_is(list[i].state, "off")) items[k++] = switch_value(&list[i], a);
    return v;
}

static void state(void *ctx, serve_exchange *x, const serve_request *q) {
    uint64_t active, waiting, ended, approvals;
    store_switch *list;
    uint32_t n = 0;
    if (!serve_web_may(ctx, x, q)) return;
    store *s = serve_web_world(ctx)->store;
    if (store_count_status(s, &active, &waiting, &ended) != STORE_OK ||
        store_approvals_open(s, &approvals) != STORE_OK || store_switches(s, false, q->arena, &list, &n) != STORE_OK) {
        store_failed(ctx, x, q);
        return;
    }
    pb_map_builder counts = {.arena = q->arena}, b = {.arena = q->arena};
    pb_map_add(&counts, PB_STR("active"), pb_int((int64_t)active));
    pb_map_add(&counts, PB_STR("waiting"), pb_int((int64_t)waiting));
    pb_map_add(&counts, PB_STR("ended"), pb_int((int64_t)ended));
    pb_map_add(&b, PB_STR("now"), pb_time(q->now));
    pb_map_add(&b, PB_STR("version"), pb_string_c(PB_VERSION));
    pb_map_add(&b, PB_STR("counts"), pb_map_done(&counts));
    pb_map_add(&b, PB_STR("approvals_open"), pb_int((int64_t)approvals));
    pb_map_add(&b, PB_STR("switches"), switches_value(list, n, q->arena));
    answer_value(x, q, pb_map_done(&b));
}

/* ---- runs ---- */

/* A field of the query; empty when it is not there. False: it is broken. */
static bool field(const serve_request *q, const char *name, pb_str *out) {
    *out = serve_field(q->query, name, q->arena);
    if (out->s) return true;
    *out = PB_STR("");
    pb_str key = pb_printf(q->arena, "%s=", name);
    for (uint32_t i = 0; key.s && i + key.n <= q->query.n; i++)
        if ((i == 0 || q->query.s[i - 1] == '&') && memcmp(q->query.s + i, key.s, key.n) == 0) return false;
    return true;
}

static bool read_since(const serve_request *q, pb_str text, int64_t *since) {
    int64_t ms;
    *since = 0;
    if (!text.n || pb_time_parse(text, since)) return true;
    pb_str z = pb_strdup(q->arena, text.s, text.n);
    if (!z.s || !cmd_duration(z.s, &ms)) return false;
    *since = q->now - ms;
    return true;
}

static bool read_max(pb_str text, uint32_t *max) {
    uint32_t n = 0;
    *max = RUNS_DEFAULT;
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.s[i] < '0' || text.s[i] > '9' || n > HISTORY_MAX) return false;
        n = n * 10 + (uint32_t)(text.s[i] - '0');
    }
    if (text.n) *max = n;
    return *max >= 1 && *max <= HISTORY_MAX;
}

static const char *read_filter(const serve_request *q, store_filter *f) {
    pb_str since, max;
    *f = (store_filter){.max = RUNS_DEFAULT};
    if (!field(q, "status", &f->status) || !field(q, "playbook", &f->playbook) || !field(q, "incident", &f->incident) ||
        !field(q, "since", &since) || !field(q, "max", &max))
        return "the query cannot be read";
    if (f->status.n && !history_status_ok(f->status))
        return "status is active, waiting, ended, undone, done, skipped, stopped, failed or denied";
    if (!read_since(q, since, &f->since)) return "since is a duration such as 24h, or a time";
    return read_max(max, &f->max) ? NULL : "max is a number from 1 to 1000";
}

static void answer_list(serve_exchange *x, const serve_request *q, const char *name, pb_value list) {
    pb_map_builder b = {.arena = q->arena};
    pb_map_add(&b, PB_STR("now"), pb_time(q->now));
    pb_map_add(&b, pb_str_c(name), list);
    answer_value(x, q, list.kind == PB_LIST ? pb_map_done(&b) : PB_NONE_VALUE);
}

static void runs(void *ctx, serve_exchange *x, const serve_request *q) {
    store_filter f;
    pb_value list = PB_NONE_VALUE;
    if (!serve_web_may(ctx, x, q)) return;
    const char *wrong = read_filter(q, &f);
    if (wrong)
        serve_answer_error(x, q, 400, "%s", wrong);
    else if (history_runs(serve_web_world(ctx)->store, &f, q->now, q->arena, &list) != STORE_OK)
        store_failed(ctx, x, q);
    else
        answer_list(x, q, "runs", list);
}

/* ---- one run ---- */

static void answer_evidence(serve_exchange *x, const serve_request *q, pb_str id, store *s) {
    store_run r;
    store_result got = store_run_get(s, id, q->arena, &r);
    if (got != STORE_OK || !r.evidence.n) {
        serve_answer_error(x, q, got == STORE_ERROR ? 503 : 404,
                           got == STORE_ERROR ? "the store cannot be read"
                           : got == STORE_NO  ? "there is no such run"
                                              : "there is no evidence until the run has ended");
        return;
    }
    const pb_header h = {PB_STR("Content-Disposition"),
                         pb_printf(q->arena, "attachment; filename=\"%.*s.jsonl\"", PB_ARG(r.id))};
    serve_answer(x, &(serve_response){.status = 200,
                                      .type = "application/jsonl; charset=utf-8",
                                      .body = r.evidence,
                                      .headers = &h,
                                      .nheaders = 1});
}

static bool ends_with(pb_str s, const char *end) {
    size_t n = strlen(end);
    return s.n >= n && memcmp(s.s + s.n - n, end, n) == 0;
}

static void one_run(void *ctx, serve_exchange *x, const serve_request *q) {
    static const char evidence[] = "/evidence";
    pb_str full, err, id = q->rest;
    pb_value story = PB_NONE_VALUE;
    if (!serve_web_may(ctx, x, q)) return;
    const serve_world *w = serve_web_world(ctx);
    if (ends_with(id, evidence)) {
        id.n -= (uint32_t)(sizeof evidence - 1);
        answer_evidence(x, q, id, w->store);
        return;
    }
    bool all = field(q, "full", &full) && pb_str_is(full, "1");
    store_result r = history_story(w->store, id, all, q->now, q->arena, &story, &err);
    if (r == STORE_OK) {
        answer_value(x, q, story);
        return;
    }
    if (r != STORE_NO) serve_log(w, "story_failed", "%.*s: %.*s", PB_ARG(id), PB_ARG(err));
    serve_answer_error(x, q, r == STORE_NO ? 404 : 503,
                       r == STORE_NO ? "there is no such run" : "the run cannot be read");
}

/* ---- approvals ---- */

static void approvals(void *ctx, serve_exchange *x, const serve_request *q) {
    pb_value list = PB_NONE_VALUE;
    if (!serve_web_may(ctx, x, q)) return;
    if (history_approvals(serve_web_world(ctx)->store, APPROVALS_MAX, q->arena, &list) != STORE_OK)
        store_failed(ctx, x, q);
    else
        answer_list(x, q, "approvals", list);
}

static void decide(void *ctx, serve_exchange *x, const serve_request *q) {
    static const char why[] =
        "{\"error\":\"the page's token does not say who you are, so nothing can be decided with it: answer in Slack, "
        "with pbrun approve or pbrun deny, or by a link of your own (pbrun approve RUN --link --for NAME)\"}";
    if (serve_web_may(ctx, x, q)) serve_answer(x, &(serve_response){.status = 403, .body = pb_str_c(why)});
}

bool serve_api_routes(serve_web *p, serve_http *h) {
    const serve_route routes[] = {
        {"GET", "/api/state", state, p, 0},           {"GET", "/api/runs", runs, p, 0},
        {"GET", "/api/runs/", one_run, p, 0},         {"GET", "/api/approvals", approvals, p, 0},
        {"POST", "/api/approvals/", decide, p, 4096},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (!serve_route_add(h, &routes[i])) return false;
    return true;
}
