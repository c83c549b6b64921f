/*
 * cmd_serve.c - pbrun serve: the long-running form. Events come in by HTTP, are kept in the store before they are
 * answered, and are taken from there; parked runs go on when their time or answer has come.
 *
 * An event is taken from the queue under a lease, submitted with its number in the queue as its origin, and done when
 * every run of it has a row in the store. Should the process die in between, the event is taken once more, and the runs
 * that it has already begun are recognised by their origin: nothing is lost, nothing begins twice.
 *
 * Told to stop (SIGTERM, SIGINT), it listens no longer, takes nothing more, lets the calls under way be answered (up to
 * DRAIN_MS) and leaves the runs in the store, to be resumed by whoever comes next. A second signal kills.
 */
#include "stdlib/stdlib.h"
#include "vm/cmd_session.h"
#include "vm/owner.h"
#include "vm/plain.h"
#include "vm/serve_own.h"
#include "vm/serve_parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    QUEUE_MAX = 10000, /* events waiting in the store; more are told to come later */
    HANDS_MAX = 256,   /* events taken and not yet done with */
    RUNS_MAX = 512,    /* under way at once */
    TAKE_MAX = 8,      /* events begun in one go, so that requests do not wait for long */
    ATTEMPTS_MAX = 5,  /* an event that was taken so often and never done kills whoever takes it */
    TICK_MS = 1000,    /* queue, due runs and answers given by other processes are looked at so often anyway */
    DRAIN_MS = 30000,
    FILES = 4096, /* descriptors: connections and calls */
    PARTS_MAX = 16
};

/* An event in hand. */
typedef struct ticket {
    int64_t id, received;
    uint32_t number;           /* the engine's; 0: free */
    const engine_event *event; /* once a run of it has begun */
    bool done, stepped;
} ticket;

typedef struct server {
    session *s;
    serve_world world;
    serve_http *http;
    serve_in *in;
    serve_sns *sns;
    serve_metrics metrics;
    pb_site no_site;
    ticket hands[HANDS_MAX];
    uint32_t nhands, number;
    pb_timer *tick, *soon, *due;
    pb_watch *signals;
    void *parts[PARTS_MAX];
    pb_str owner;
    bool stopping, failed;
    int64_t stop_by, rest_until; /* monotonic; rest_until: the store has failed and is left alone until then */
} server;

/* ---- the log ---- */

static void log_run(const server *v, const char *kind, const engine_run *r, const char *what, pb_str why) {
    pb_str playbook =
        vm_string(r->facts.program, vm_field(r->facts.program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_name));
    pb_arena *a = v->world.json ? pb_arena_new(1 << 16) : NULL;
    if (!v->world.json) {
        serve_log(&v->world, kind, "%.*s %.*s %.*s %s%s%.*s", PB_ARG(r->id), PB_ARG(playbook), PB_ARG(r->incident),
                  what, why.n ? ": " : "", PB_ARG(why));
        return;
    }
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("run"), pb_string(r->id));
    pb_map_add(&b, PB_STR("playbook"), pb_string(playbook));
    pb_map_add(&b, PB_STR("incident"), pb_string(r->incident));
    if (*what) pb_map_add(&b, PB_STR("outcome"), pb_string_c(what));
    if (why.n) pb_map_add(&b, PB_STR("reason"), pb_string(why));
    serve_log_value(&v->world, kind, pb_map_done(&b));
    pb_arena_free(a);
}

/* ---- events in hand ---- */

static ticket *ticket_of(server *v, uint32_t number) {
    for (uint32_t i = 0; number && i < HANDS_MAX; i++)
        if (v->hands[i].number == number) return &v->hands[i];
    return NULL;
}

static ticket *ticket_by_id(server *v, int64_t id) {
    for (uint32_t i = 0; i < HANDS_MAX; i++)
        if (v->hands[i].number && v->hands[i].id == id) return &v->hands[i];
    return NULL;
}

/* Is every run of the event in the store, or at an end that will not be another one next time? */
static bool all_begun(const engine_event *ev) {
    for (const engine_run *r = ev->runs; r; r = r->next) {
        if (!r->begun) return false;
        if (!r->kept && (!r->ended || pb_str_is(r->facts.code, "store"))) return false;
    }
    return true;
}

/* The store has failed: what has to do with it is tried again at the next tick, not at each turn. */
static void rest(server *v, const char *what) {
    v->rest_until = pb_loop_mono_ms() + TICK_MS;
    serve_log(&v->world, "store_failed", "%s: %s", what, store_error(v->s->store));
}

static bool rests(const server *v) { return pb_loop_mono_ms() < v->rest_until; }

static void event_done(server *v, ticket *t, pb_str why) {
    if (t->done) return;
    if (store_event_done(v->s->store, t->id, why, pb_loop_wall_ms()) == STORE_ERROR) {
        rest(v, "an event cannot be marked as done");
        return; /* it will be taken again, and recognised */
    }
    t->done = true;
    v->metrics.counts[why.n ? COUNT_GIVEN_UP : COUNT_HANDLED]++;
}

static void look_at_hands(server *v) {
    for (uint32_t i = 0; i < HANDS_MAX && !rests(v); i++) {
        ticket *t = &v->hands[i];
        if (t->number && t->event && !t->done && all_begun(t->event)) event_done(v, t, PB_STR(""));
    }
}

static void give_up(server *v, const store_event *e, pb_str why) {
    serve_log(&v->world, "event_given_up", "event %lld: %.*s", (long long)e->id, PB_ARG(why));
    ticket t = {.id = e->id};
    event_done(v, &t, why);
}

static void submit(server *v, const store_event *e, pb_arena *a) {
    pb_value value;
    pb_str why = {NULL, 0}, origin = pb_printf(a, "event %lld", (long long)e->id);
    ticket *t = v->hands;
    while (t->number) t++; /* the caller has seen that one is free */
    if (e->attempts > ATTEMPTS_MAX) why = PB_STR("it was begun five times and never got to its end");
    if (!why.n && !pb_json_parse(a, e->body.s, e->body.n, &value, &why) && !why.n) why = PB_STR("out of memory");
    if (!why.n && !events_envelope(value, a, &why) && !why.n) why = PB_STR("not an event");
    if (why.n || !origin.s) {
        if (why.n) give_up(v, e, why);
        pb_arena_free(a);
        return;
    }
    *t = (ticket){.id = e->id, .received = e->received, .number = ++v->number};
    v->nhands++;
    if (!engine_submit_from(v->s->engine, t->number, origin, value, a)) {
        serve_log(&v->world, "memory", "event %lld could not be begun now: out of memory", (long long)e->id);
        t->number = 0;
        v->nhands--;
    }
}

/* One event out of the queue. False: there is none, or no room. */
static bool take_one(server *v) {
    store_event e;
    if (v->stopping || rests(v) || v->nhands == HANDS_MAX || !engine_room(v->s->engine)) return false;
    pb_arena *a = pb_arena_new(EVENTS_ARENA);
    store_result r = a ? store_event_take(v->s->store, v->owner, pb_loop_wall_ms(), a, &e) : STORE_ERROR;
    if (r == STORE_OK && !ticket_by_id(v, e.id)) {
        submit(v, &e, a); /* the arena is the engine's */
        return true;
    }
    if (r == STORE_ERROR) rest(v, "no event can be taken");
    pb_arena_free(a);
    return r == STORE_OK;
}

static void on_soon(void *ctx);

static void soon(void *ctx) {
    server *v = ctx;
    if (!v->soon) v->soon = pb_timer_start(v->world.loop, 0, on_soon, v);
}

static void on_soon(void *ctx) {
    server *v = ctx;
    v->soon = NULL;
    uint32_t n = 0;
    while (n < TAKE_MAX && take_one(v)) n++;
    look_at_hands(v);
    if (n == TAKE_MAX) soon(v);
}

/* ---- due runs ---- */

static void on_resume_failed(void *ctx, pb_str run, pb_str why) {
    serve_log(&((server *)ctx)->world, "resume_failed", "%.*s: %.*s", PB_ARG(run), PB_ARG(why));
}

static void take_due(server *v) {
    if (!v->stopping) v->metrics.counts[COUNT_RESUMED] += engine_due(v->s->engine, on_resume_failed, v);
}

static void on_due(void *ctx) {
    ((server *)ctx)->due = NULL;
    take_due(ctx);
}

/* Some other part has written what runs wait for. */
static void look(void *ctx) {
    server *v = ctx;
    pb_timer_cancel(v->due);
    v->due = pb_timer_start(v->world.loop, 0, on_due, v);
}

/* Runs due before the next tick are taken up at their time. */
static void plan_due(server *v) {
    int64_t at = 0, now = pb_loop_wall_ms();
    if (v->due || store_next_due(v->s->store, &at) != STORE_OK || !at || at - now >= TICK_MS) return;
    v->due = pb_timer_start(v->world.loop, at - now, on_due, v);
}

static void stop(server *v, const char *why);

static void on_tick(void *ctx) {
    server *v = ctx;
    v->metrics.turned_at = pb_loop_mono_ms();
    v->tick = pb_timer_start(v->world.loop, TICK_MS, on_tick, v);
    if (v->stopping) return;
    if (store_is_broken(v->s->store)) {
        v->failed = true;
        stop(v, store_error(v->s->store));
        return;
    }
    take_due(v);
    plan_due(v);
    on_soon(v);
}

/* ---- what the engine tells ---- */

static void on_run_begin(void *ctx, const engine_run *r) {
    server *v = ctx;
    ticket *t = ticket_of(v, r->event->number);
    if (t) t->event = r->event;
    log_run(v, r->event->resumed ? "run_resumed" : "run_begun", r, "", PB_STR(""));
}

static void on_step_begin(void *ctx, const engine_run *r, const vm_step *st) {
    server *v = ctx;
    (void)st;
    ticket *t = ticket_of(v, r->event->number);
    if (!t || t->stepped) return;
    t->stepped = true;
    serve_observe(&v->metrics.first_step, (double)(pb_loop_wall_ms() - t->received) / 1000);
}

static void on_run_end(void *ctx, const engine_run *r) {
    server *v = ctx;
    session_evidence(v->s, r);
    if (r->facts.outcome <= VM_DENIED) v->metrics.outcomes[r->facts.outcome]++;
    log_run(v, "run_ended", r, evidence_outcome(r->facts.outcome), r->facts.reason);
}

static void on_run_parked(void *ctx, const engine_run *r) {
    static const char *const how[] = {"", "waiting", "lost", "left", "left"};
    log_run(ctx, "run_left", r, how[r->left], r->facts.reason);
}

static void on_event_end(void *ctx, const engine_event *ev) {
    server *v = ctx;
    ticket *t = ticket_of(v, ev->number);
    if (ev->error.n) serve_log(&v->world, "event_failed", "%.*s", PB_ARG(ev->error));
    if (!t) return;
    if (!ev->error.n && all_begun(ev)) event_done(v, t, PB_STR(""));
    t->number = 0; /* one that is not done is taken again when its lease is over */
    v->nhands--;
    soon(v);
}

/* ---- the process ---- */

/* What systemd waits for (Type=notify). */
static void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || !*path || strlen(path) >= sizeof to.sun_path) return;
    memcpy(to.sun_path, path, strlen(path));
    if (*path == '@') to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0) sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, n);
    if (fd >= 0) close(fd);
}

static void stop_set(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

static void stop(server *v, const char *why) {
    sigset_t set;
    if (v->stopping) return;
    v->stopping = v->metrics.stopping = true;
    v->stop_by = pb_loop_mono_ms() + DRAIN_MS;
    stop_set(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    notify("STOPPING=1");
    serve_log(&v->world, "stopping", "%s", why);
    serve_http_quiesce(v->http);
    engine_suspend(v->s->engine);
}

static void on_signal(void *ctx) {
    server *v = ctx;
    struct signalfd_siginfo info;
    if (read(v->s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        stop(v, "told to stop: what is under way is left in the store as soon as it is answered; once more kills");
}

static bool signals_begin(server *v) {
    sigset_t set;
    stop_set(&set);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    v->s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (v->s->signal_fd >= 0) v->signals = pb_watch_start(v->world.loop, v->s->signal_fd, on_signal, v);
    return v->signals != NULL;
}

static void more_descriptors(void) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= FILES) return;
    r.rlim_cur = r.rlim_max < FILES ? r.rlim_max : FILES;
    setrlimit(RLIMIT_NOFILE, &r);
}

/* ---- set-up ---- */

static int begin_parts(server *v) {
    pb_str err = {0};
    for (size_t i = 0; i < PARTS_MAX && serve_parts[i]; i++)
        if (!serve_parts[i]->begin(&v->world, v->http, &v->parts[i], &err)) return cmd_fail(err, STATUS_USAGE);
    return STATUS_OK;
}

static int listen_begin(server *v) {
    const char *address = v->s->args.listen ? v->s->args.listen : "127.0.0.1:8080";
    pb_str err = {0};
    v->http = serve_http_new(&v->world, address, &err);
    if (!v->http) return cmd_fail(err, STATUS_USAGE);
    if (!v->world.url.n) v->world.url = pb_str_c(serve_http_url(v->http));
    v->in = serve_in_new(&v->world, &v->metrics, QUEUE_MAX, soon, v, &err);
    if (!v->in) return cmd_fail(err, STATUS_USAGE);
    v->sns = serve_sns_new(&v->world, v->in, serve_sns_fetch, &err);
    if (!v->sns) return cmd_fail(err, STATUS_INTERNAL);
    if (!serve_is_loopback(address) && !serve_in_authenticated(v->in) && !serve_sns_configured(v->sns))
        return cmd_fail(
            pb_printf(v->s->arena,
                      "%s can be reached by others, and nobody has to prove who he is: set PB_EVENTS_SECRET, "
                      "PB_EVENTS_TOKEN or serve { events_secret: ... } in the site block, or listen on 127.0.0.1",
                      address),
            STATUS_USAGE);
    if (!serve_in_routes(v->in, v->http) || !serve_sns_routes(v->sns, v->http) ||
        !serve_metrics_routes(&v->metrics, v->http))
        return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    return begin_parts(v);
}

static void make_world(server *v, const engine_config *c) {
    const pb_site *site = engine_site(v->s->engine);
    v->world = (serve_world){.loop = engine_loop(v->s->engine),
                             .store = v->s->store,
                             .site = site ? site : &v->no_site,
                             .providers = c->providers,
                             .nproviders = c->nproviders,
                             .arena = v->s->arena,
                             .json = v->s->args.json,
                             .look = look,
                             .look_ctx = v};
    v->world.url = v->world.site->serve.url;
    v->metrics.world = &v->world;
    store_watch_commits(v->s->store, serve_observe, &v->metrics.commits);
}

static int turn_until_stopped(server *v) {
    pb_str err = {0};
    if (!serve_http_start(v->http, &err)) return cmd_fail(err, STATUS_INTERNAL);
    v->metrics.turned_at = pb_loop_mono_ms();
    uint32_t n = engine_playbooks(v->s->engine);
    serve_log(&v->world, "listening", "on %s; %u playbook%s", serve_http_url(v->http), n, n == 1 ? "" : "s");
    notify("READY=1");
    on_tick(v);
    while (!v->stopping ||
           ((engine_busy(v->s->engine) || serve_http_open(v->http)) && pb_loop_mono_ms() < v->stop_by)) {
        engine_turn(v->s->engine);
        look_at_hands(v);
    }
    serve_log(&v->world, "stopped", "%s",
              engine_busy(v->s->engine) ? "some calls were not answered in time" : "in good order");
    return v->failed ? STATUS_FAILED : STATUS_OK;
}

static int serve(server *v) {
    engine_config c = {.observe = v->s->args.observe,
                       .run_ms = v->s->args.timeout_ms,
                       .runs_max = RUNS_MAX,
                       .events_max = HANDS_MAX,
                       .unordered = true,
                       .told_is_kept = v->s->args.evidence != NULL,
                       .watch = {v, on_run_begin, on_step_begin, NULL, on_run_end, on_event_end, on_run_parked}};
    c.providers = stdlib_providers(&c.nproviders);
    v->s->config = &c;
    v->s->args.quiet = true;
    int status = session_open(v->s, true);
    if (status != STATUS_OK) return status;
    if (!v->s->store)
        return cmd_fail(
            PB_STR("a server needs a place where events and runs are kept: give --store sqlite:///PATH, set "
                   "PB_STORE, or write store \"sqlite:///PATH\" into the site block"),
            STATUS_USAGE);
    v->owner = owner_self(v->s->arena);
    more_descriptors();
    make_world(v, &c);
    if (!v->owner.s || !signals_begin(v)) return cmd_fail(PB_STR("signals cannot be received"), STATUS_INTERNAL);
    status = listen_begin(v);
    return status == STATUS_OK ? turn_until_stopped(v) : status;
}

int cmd_serve(session *s) {
    server *v = calloc(1, sizeof *v);
    if (!v) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    v->s = s;
    int status = serve(v);
    serve_in_end(v->in);
    serve_http_free(v->http);
    serve_sns_free(v->sns);
    for (size_t i = 0; i < PARTS_MAX && serve_parts[i]; i++)
        if (v->parts[i] && serve_parts[i]->end) serve_parts[i]->end(v->parts[i]);
    pb_watch_stop(v->signals);
    pb_timer_cancel(v->tick);
    pb_timer_cancel(v->soon);
    pb_timer_cancel(v->due);
    if (s->engine) { /* its callbacks know the server */
        engine_free(s->engine);
        s->engine = NULL;
    }
    free(v);
    return status;
}
