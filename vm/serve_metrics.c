/*
 * serve_metrics.c - GET /metrics in Prometheus' text form, and GET /healthz.
 *
 * Labels have few values (outcomes, kinds of refusal), never names of resources or people. Healthy means: the loop has
 * looked after its queue lately, and the store can be written; the latter is tried at most once a second.
 */
#include "vm/serve_own.h"

#include "vm/evidence.h"

enum {
    STUCK_MS = 15000, /* the loop looks after its queue each second */
    CHECK_MS = 1000
};

static const double bounds[SERVE_BUCKETS] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30};

void serve_observe(void *ctx, double seconds) {
    serve_histogram *h = ctx;
    h->count++;
    h->sum += seconds;
    for (size_t i = 0; i < SERVE_BUCKETS; i++)
        if (seconds <= bounds[i]) {
            h->buckets[i]++;
            return;
        }
}

static void head(pb_buf *b, const char *name, const char *type, const char *help) {
    pb_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void histogram(pb_buf *b, const char *name, const char *help, const serve_histogram *h) {
    uint64_t below = 0;
    head(b, name, "histogram", help);
    for (size_t i = 0; i < SERVE_BUCKETS; i++) {
        below += h->buckets[i];
        pb_buf_printf(b, "%s_bucket{le=\"%g\"} %llu\n", name, bounds[i], (unsigned long long)below);
    }
    pb_buf_printf(b, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %g\n%s_count %llu\n", name, (unsigned long long)h->count,
                  name, h->sum, name, (unsigned long long)h->count);
}

static void put_counts(pb_buf *b, const serve_metrics *m) {
    static const struct {
        serve_count which;
        const char *name, *label, *help;
    } rows[] = {
        {COUNT_ACCEPTED, "pbrun_events_accepted_total", "", "Events taken in."},
        {COUNT_HANDLED, "pbrun_events_handled_total", "", "Events whose runs have all begun."},
        {COUNT_GIVEN_UP, "pbrun_events_given_up_total", "", "Events that could not be handled."},
        {COUNT_REFUSED, "pbrun_requests_refused_total", "{why=\"authentication\"}", "Requests with events, refused."},
        {COUNT_REPLAYED, "pbrun_requests_refused_total", "{why=\"replay\"}", NULL},
        {COUNT_MALFORMED, "pbrun_requests_refused_total", "{why=\"malformed\"}", NULL},
        {COUNT_FULL, "pbrun_requests_refused_total", "{why=\"full\"}", NULL},
        {COUNT_RESUMED, "pbrun_runs_resumed_total", "", "Runs taken up again after a wait or a crash."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].help) head(b, rows[i].name, "counter", rows[i].help);
        pb_buf_printf(b, "%s%s %llu\n", rows[i].name, rows[i].label, (unsigned long long)m->counts[rows[i].which]);
    }
}

static void put_outcomes(pb_buf *b, const serve_metrics *m) {
    head(b, "pbrun_runs_ended_total", "counter", "Runs that have ended here, by outcome.");
    for (vm_outcome o = VM_DONE; o <= VM_DENIED; o++)
        pb_buf_printf(b, "pbrun_runs_ended_total{outcome=\"%s\"} %llu\n", evidence_outcome(o),
                      (unsigned long long)m->outcomes[o]);
}

static void gauge(pb_buf *b, const char *name, const char *help, uint64_t n) {
    head(b, name, "gauge", help);
    pb_buf_printf(b, "%s %llu\n", name, (unsigned long long)n);
}

/* What the store knows. */
static bool put_store(pb_buf *b, const serve_metrics *m) {
    store *s = m->world->store;
    uint64_t active, waiting, ended, queued, commits, entries, approvals;
    if (store_count_status(s, &active, &waiting, &ended) != STORE_OK || store_events_waiting(s, &queued) != STORE_OK ||
        store_approvals_open(s, &approvals) != STORE_OK)
        return false;
    store_counts(s, &commits, &entries);
    head(b, "pbrun_runs", "gauge", "Runs in the store, by status.");
    pb_buf_printf(
        b,
        "pbrun_runs{status=\"active\"} %llu\npbrun_runs{status=\"waiting\"} %llu\npbrun_runs{status=\"ended\"} %llu\n",
        (unsigned long long)active, (unsigned long long)waiting, (unsigned long long)ended);
    gauge(b, "pbrun_events_waiting", "Events taken in and not yet handled.", queued);
    gauge(b, "pbrun_approvals_open", "Approvals that wait for an answer.", approvals);
    head(b, "pbrun_journal_entries_total", "counter", "Journal entries written.");
    pb_buf_printf(b, "pbrun_journal_entries_total %llu\n", (unsigned long long)entries);
    return true;
}

static void on_metrics(void *ctx, serve_exchange *x, const serve_request *q) {
    const serve_metrics *m = ctx;
    pb_buf b = {0};
    head(&b, "pbrun_build_info", "gauge", "The version.");
    pb_buf_printf(&b, "pbrun_build_info{version=\"%s\"} 1\n", PB_VERSION);
    put_counts(&b, m);
    put_outcomes(&b, m);
    bool ok = put_store(&b, m);
    histogram(&b, "pbrun_journal_commit_seconds", "Commits of the journal, with their fsync.", &m->commits);
    histogram(&b, "pbrun_event_to_first_step_seconds", "From an event's coming in to its run's first step.",
              &m->first_step);
    if (!ok || b.oom)
        serve_answer_error(x, q, 503, "the store cannot be read");
    else
        serve_answer(x, &(serve_response){
                            .status = 200, .type = "text/plain; version=0.0.4", .body = {b.data, (uint32_t)b.len}});
    pb_buf_free(&b);
}

/* ---- health ---- */

static bool store_is_writable(serve_metrics *m, const serve_request *q) {
    int64_t now = pb_loop_mono_ms();
    if (m->written_at && now - m->written_at < CHECK_MS) return m->writable;
    m->written_at = now;
    m->writable = store_once(m->world->store, PB_STR("healthz"), q->now, 0) == STORE_OK;
    if (!m->writable) serve_log(m->world, "store_failed", "%s", store_error(m->world->store));
    return m->writable;
}

static void on_health(void *ctx, serve_exchange *x, const serve_request *q) {
    serve_metrics *m = ctx;
    if (pb_loop_mono_ms() - m->turned_at > STUCK_MS)
        serve_answer_error(x, q, 503, "the queue of events has not been looked after for %d s", (int)STUCK_MS / 1000);
    else if (!store_is_writable(m, q))
        serve_answer_error(x, q, 503, "the store cannot be written");
    else
        serve_answer(x, &(serve_response){.status = 200, .body = PB_STR("{\"status\":\"ok\"}")});
}

bool serve_metrics_routes(serve_metrics *m, serve_http *h) {
    return serve_route_add(h, &(serve_route){"GET", "/metrics", on_metrics, m, 0}) &&
           serve_route_add(h, &(serve_route){"GET", "/healthz", on_health, m, 0});
}
