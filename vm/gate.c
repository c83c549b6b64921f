/*
 * gate.c - every host call passes here and nowhere else.
 *
 * The questions that a call is asked, in this order: has the run been stopped, is there time left, may this playbook do
 * such a thing at all; does a dry or observing run hold it back; then, for all above `read`, the brakes (vm/brakes.h).
 * So there is one list of reasons for not doing something. Reads are sent at once. The others are sent when everything
 * in the run waits: the intents of all that may go on are written into the journal, the engine has it put on disk once
 * for all of them, and only then the hosts are called. A call that was under way when another process died (c->doubt)
 * has its intent there already.
 *
 * A call under way is in the run's list with a timer on its deadline. When the timer fires, the host is told to cancel
 * and the gate answers instead of it; so nothing can hang longer than its deadline, whatever the host does. A parked
 * call has no timer: it waits in the store.
 */
#include "vm/gate.h"

#include "vm/brakes.h"
#include "vm/freeze.h"
#include "vm/reach.h"

typedef enum gate_state {
    GATE_ASKED,  /* waits until everything in the run waits */
    GATE_BRAKES, /* ... for what the brakes say */
    GATE_READY,  /* ... for the journal to be on disk */
    GATE_SENT,   /* ... for its host */
    GATE_PARKED  /* ... in the store */
} gate_state;

typedef struct gate_call {
    gate_run *run;
    gate_state state;
    brakes_wait *asking;
    int64_t wake_at; /* GATE_PARKED; 0: when poked */
    pb_str what;
    int64_t since; /* by the run's clock */
    bool answered; /* by the brakes */
    vm_call *call;
    const pb_host *host;
    pb_timer *timer;
    int64_t deadline_ms;            /* by the run's clock */
    struct gate_call *next, **link; /* NULL: no longer under way */
} gate_call;

struct gate_program {
    const pb_host *const *by_site; /* NULL for sites that are actions */
};

/* ---- binding ---- */

static bool resolve(const pb_host_provider *providers, size_t n, pb_str name, pb_host *out) {
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(providers[i].prefix);
        if (name.n >= len && memcmp(name.s, providers[i].prefix, len) == 0 &&
            providers[i].resolve(providers[i].state, name, out))
            return true;
    }
    return false;
}

static pb_str manifest_name(const vm_program *p, uint32_t i) {
    return vm_string(p, vm_field(p, SECTION_MANIFEST, i, MANIFEST_host));
}

static bool bind_host(const vm_program *p, uint32_t i, const pb_host_provider *providers, size_t n, pb_host *out,
                      pb_arena *a, pb_str *err) {
    pb_str name = manifest_name(p, i);
    uint32_t said = vm_field(p, SECTION_MANIFEST, i, MANIFEST_effect);
    if (!resolve(providers, n, name, out)) {
        *err = pb_printf(a, "the program calls %.*s, which this pbrun does not have", PB_ARG(name));
        return false;
    }
    if (!out->fn || out->effect <= (pb_effect)said) return out->fn != NULL;
    *err = pb_printf(a, "the program says that %.*s is no more than `%s`, but it is `%s`; compile it again",
                     PB_ARG(name), pb_effect_name((pb_effect)said), pb_effect_name(out->effect));
    return false;
}

/* String numbers are pooled, so equal names mostly have equal numbers; texts are compared only when none has. */
static const pb_host *host_of(const vm_program *p, const pb_host *hosts, uint32_t n, uint32_t target) {
    for (uint32_t i = 0; i < n; i++)
        if (vm_field(p, SECTION_MANIFEST, i, MANIFEST_host) == target) return &hosts[i];
    for (uint32_t i = 0; i < n; i++)
        if (pb_str_eq(manifest_name(p, i), vm_string(p, target))) return &hosts[i];
    return NULL;
}

gate_program *gate_bind(const vm_program *p, const pb_host_provider *providers, size_t nproviders, pb_arena *a,
                        pb_str *err) {
    uint32_t n = vm_count(p, SECTION_MANIFEST), nsites = vm_count(p, SECTION_SITES);
    gate_program *g = pb_alloc(a, sizeof *g);
    pb_host *hosts = pb_alloc_array(a, n ? n : 1, sizeof *hosts);
    const pb_host **by_site = pb_alloc_array(a, nsites ? nsites : 1, sizeof *by_site);
    *err = PB_STR("out of memory");
    if (!g || !hosts || !by_site) return NULL;
    for (uint32_t i = 0; i < n; i++)
        if (!bind_host(p, i, providers, nproviders, &hosts[i], a, err)) return NULL;
    for (uint32_t i = 0; i < nsites; i++) {
        if (vm_field(p, SECTION_SITES, i, SITES_kind) != SITE_HOST) continue;
        uint32_t target = vm_field(p, SECTION_SITES, i, SITES_target);
        by_site[i] = host_of(p, hosts, n, target);
        if (by_site[i]) continue;
        *err = pb_printf(a, "the program calls %.*s, which its own manifest does not name; compile it again",
                         PB_ARG(vm_string(p, target)));
        return NULL;
    }
    g->by_site = by_site;
    return g;
}

/* ---- calls ---- */

static gate_call *call_of(const vm_call *c) { return c->step->front; }

pb_value pb_call_context(const vm_call *c) { return call_of(c)->run->context; }

const pb_site *pb_call_site(const vm_call *c) { return call_of(c)->run->site; }

bool pb_call_reach(const vm_call *c, pb_arena *a, const pb_str **hosts, uint32_t *n) {
    const gate_run *g = call_of(c)->run;
    return vm_reach(g->image, g->body, a, hosts, n);
}

void gate_init(gate_run *g) {
    g->open = NULL;
    g->open_end = &g->open;
}

/* The run's clock, now. */
static int64_t now_of(const gate_run *g) { return pb_loop_mono_ms() + g->ahead_ms; }

int64_t pb_call_time_left(const vm_call *c) {
    int64_t left = call_of(c)->deadline_ms - now_of(call_of(c)->run);
    return left > 1 ? left : 1;
}

struct store *pb_call_store(const vm_call *c) {
    return call_of(c)->run->journal->store;
}

bool pb_call_over_limit(const vm_call *c) { return call_of(c)->run->over_limit; }

const pb_host *gate_host(const gate_run *g, const vm_step *s) { return g->program->by_site[s->site]; }

/* ---- notes ---- */

void gate_note_add(gate_run *g, pb_str step, pb_str kind, pb_value what, int64_t at) {
    gate_note *n = pb_alloc(g->arena, sizeof *n);
    if (!n) return; /* it is in the journal all the same */
    *n = (gate_note){.step = step, .kind = kind, .what = what, .at = at};
    if (g->last_note)
        g->last_note->next = n;
    else
        g->notes = n;
    g->last_note = n;
}

void pb_call_note(const vm_call *c, const char *kind, pb_value what) {
    gate_run *g = call_of(c)->run;
    int64_t at = pb_loop_wall_ms();
    pb_str k = pb_str_c(kind);
    k = pb_strdup(g->arena, k.s, k.n);
    gate_note_add(g, c->step->id, k, what, at);
    journal_note(g->journal, c->step->id, k, what, at);
}

/* ---- the list of calls ---- */

static void call_over(gate_call *gc) {
    if (!gc || !gc->link) return;
    gate_run *g = gc->run;
    pb_timer_cancel(gc->timer);
    gc->timer = NULL;
    if (gc->state == GATE_PARKED) g->nparked--;
    *gc->link = gc->next;
    if (gc->next)
        gc->next->link = gc->link;
    else
        g->open_end = gc->link;
    gc->link = NULL;
}

static void call_under_way(gate_call *gc) {
    gate_run *g = gc->run;
    gc->next = NULL;
    gc->link = g->open_end;
    *g->open_end = gc;
    g->open_end = &gc->next;
}

/* Stops whatever the call waits for; nobody answers it then. */
static void give_up(gate_call *gc) {
    gate_state state = gc->state;
    call_over(gc);
    if (gc->asking) brakes_unask(gc->asking);
    gc->asking = NULL;
    if (state == GATE_SENT && !gc->call->answered && gc->host->cancel) gc->host->cancel(gc->host, gc->call);
}

/* Ends a call in the host's place. */
static void cut_off(gate_call *gc, pb_str code, pb_str message) {
    give_up(gc); /* first: vm_raise may end the step */
    if (!gc->call->answered) vm_raise(gc->call, code, message);
}

static pb_str or_memory(pb_str message) { return message.s ? message : PB_STR("out of memory"); }

static void on_deadline(void *ctx) {
    gate_call *gc = ctx;
    gc->timer = NULL;
    pb_arena *a = gc->run->arena;
    long long ms = now_of(gc->run) - gc->since;
    cut_off(gc, PB_STR("timeout"),
            or_memory(pb_printf(a, "%.*s was not done after %lld ms", PB_ARG(gc->call->host), ms)));
}

static int64_t nearest_deadline(const gate_run *g, const vm_step *s, int64_t now) {
    int64_t d = now + GATE_CALL_MS;
    if (s->deadline_ms) d = s->deadline_ms; /* a timeout that the author wrote may be longer than the default */
    if (g->deadline_ms && g->deadline_ms < d) d = g->deadline_ms;
    return d;
}

/* ---- questions ---- */

/* Why this call may not be made; code empty: it may. */
static pb_str refusal(const gate_run *g, const gate_call *gc, int64_t now, pb_str *message) {
    const vm_call *c = gc->call;
    if (g->stop_code.n) {
        *message = g->stop_message;
        return g->stop_code;
    }
    if (gc->deadline_ms <= now) {
        bool whole = g->deadline_ms && g->deadline_ms <= now;
        *message = or_memory(pb_printf(g->arena, "no time left for %.*s: the time limit of the %s is over",
                                       PB_ARG(c->host), whole ? "run" : "step"));
        return PB_STR("timeout");
    }
    if (gc->host->effect > g->most) {
        *message = or_memory(pb_printf(g->arena, "%.*s is `%s`, which is more than this playbook may do (`%s`)",
                                       PB_ARG(c->host), pb_effect_name(gc->host->effect), pb_effect_name(g->most)));
        return PB_STR("forbidden");
    }
    if (gc->host->parks && !g->journal->store && g->live > PB_READ) {
        *message = or_memory(
            pb_printf(g->arena, "%.*s waits in a store, and there is none: give --store URL", PB_ARG(c->host)));
        return PB_STR("no_store");
    }
    if (g->secrets_lost && freeze_has_lost(c->args)) {
        *message = or_memory(pb_printf(g->arena,
                                       "%.*s needs a secret that was given to this run before its process "
                                       "ended; secrets are never kept, so it cannot be sent any more",
                                       PB_ARG(c->host)));
        return PB_STR("secret_lost");
    }
    return (pb_str){0};
}

static void plan(vm_call *c) {
    c->step->status = STEP_PLANNED;
    vm_return(c, pb_unknown());
}

/* ---- calling ---- */

static void send_call(gate_call *gc) {
    gc->state = GATE_SENT;
    crash_point(gc->run->crash);
    gc->host->fn(gc->host, gc->call, gc->run->loop);
}

static bool at_once(const gate_call *gc) { return gc->host->effect <= PB_READ && !gc->host->parks; }

void gate_invoke(gate_run *g, vm_call *c) {
    call_over(c->step->front); /* of an earlier try of this step */
    int64_t now = now_of(g);
    gate_call *gc = pb_alloc(g->arena, sizeof *gc);
    if (!gc) {
        vm_raise(c, PB_STR("memory"), PB_STR("the run's memory is used up"));
        return;
    }
    c->step->front = gc;
    *gc = (gate_call){.run = g, .call = c, .host = gate_host(g, c->step), .since = now};
    gc->deadline_ms = nearest_deadline(g, c->step, now);
    pb_str message = {0}, code = refusal(g, gc, now, &message);
    if (code.n) {
        vm_raise(c, code, message);
        return;
    }
    if (gc->host->effect > g->live || (g->live < PB_DESTROY && pb_has_unknown(c->args))) {
        plan(c);
        return;
    }
    gc->timer = pb_timer_start(g->loop, gc->deadline_ms - now, on_deadline, gc);
    if (!gc->timer) {
        vm_raise(c, PB_STR("memory"), PB_STR("out of memory"));
        return;
    }
    call_under_way(gc);
    if (at_once(gc)) send_call(gc);
}

/* What the brakes say about a change. */
static void on_brakes(void *ctx, const brakes_answer *a) {
    gate_call *gc = ctx;
    gate_run *g = gc->run;
    vm_call *c = gc->call;
    gc->asking = NULL;
    gc->answered = true;
    if (a->verdict == BRAKES_GO) {
        gc->state = GATE_READY;
        if (!c->doubt) journal_intent(g->journal, c, pb_loop_wall_ms());
        return;
    }
    call_over(gc);
    switch (a->verdict) {
    case BRAKES_GO: break;
    case BRAKES_HOLD:
        g->live = PB_NOTIFY;
        c->step->detail = a->message;
        plan(c);
        break;
    case BRAKES_DENY: vm_deny(c, a->code, &a->denial); break;
    case BRAKES_ERROR:
        g->lost |= pb_str_is(a->code, "lost");
        if (g->journal->store && (g->lost || pb_str_is(a->code, "store")))
            g->broken = a->message;
        else
            vm_raise(c, a->code, a->message);
        break;
    }
}

static void ask_brakes(gate_call *gc) {
    gate_run *g = gc->run;
    gc->state = GATE_BRAKES;
    gc->answered = false;
    if (!g->brakes || gc->host->effect <= PB_READ) {
        on_brakes(gc, &(brakes_answer){.verdict = BRAKES_GO});
        return;
    }
    brakes_act act = {.call = gc->call,
                      .program = g->image,
                      .host = gc->host,
                      .context = g->context,
                      .fence = g->journal->fence,
                      .deadline_ms = gc->deadline_ms - g->ahead_ms,
                      .arena = g->arena,
                      .note = pb_call_note};
    brakes_wait *w = brakes_ask(g->brakes, &act, on_brakes, gc);
    if (!gc->answered) gc->asking = w;
}

bool gate_intend(gate_run *g, bool *ready) {
    bool moved = false;
    for (gate_call *gc = g->open, *next; gc; gc = next) {
        next = gc->next;
        if (gc->state == GATE_ASKED) {
            ask_brakes(gc);
            moved = true;
        }
        *ready |= gc->link && gc->state == GATE_READY;
    }
    return moved;
}

void gate_send(gate_run *g) {
    for (gate_call *gc = g->open, *next; gc; gc = next) {
        next = gc->next;
        if (gc->state == GATE_READY) send_call(gc);
    }
}

/* ---- parking ---- */

void pb_call_park(vm_call *c, int64_t wake_at_ms, pb_str what) {
    gate_call *gc = call_of(c);
    if (!gc->link || c->answered) return; /* it was answered or cut off meanwhile */
    pb_timer_cancel(gc->timer);
    gc->timer = NULL;
    gc->state = GATE_PARKED;
    gc->wake_at = wake_at_ms;
    gc->what = pb_strdup(gc->run->arena, what.s, what.n);
    gc->run->nparked++;
}

void pb_call_store_failed(vm_call *c, pb_str why) {
    gate_call *gc = call_of(c);
    if (!gc->link || c->answered) return;
    call_over(gc);
    gc->run->broken = why.n ? pb_strdup(gc->run->arena, why.s, why.n) : PB_STR("out of memory");
}

bool gate_busy(const gate_run *g) {
    for (const gate_call *gc = g->open; gc; gc = gc->next)
        if (gc->state != GATE_PARKED) return true;
    return false;
}

bool gate_changing(const gate_run *g) {
    for (const gate_call *gc = g->open; gc; gc = gc->next)
        if (gc->state == GATE_SENT && gc->host->effect > PB_READ) return true;
    return false;
}

int64_t gate_parked(const gate_run *g, pb_str *what) {
    int64_t at = 0;
    *what = (pb_str){0};
    for (const gate_call *gc = g->open; gc; gc = gc->next) {
        if (gc->state != GATE_PARKED) continue;
        if (!what->n) *what = gc->what;
        if (gc->wake_at && (!at || gc->wake_at < at)) at = gc->wake_at;
    }
    return at;
}

/* ---- ending ---- */

/* Also when the run ends around a call that is under way: then the host must not answer any more. */
void gate_step_end(const vm_step *s) {
    gate_call *gc = s->front;
    if (gc && gc->link) give_up(gc);
}

void gate_stop(gate_run *g, pb_str code, pb_str message) {
    g->stop_code = code;
    g->stop_message = message;
    while (g->open) cut_off(g->open, code, message);
}

void gate_abandon(gate_run *g) {
    while (g->open) give_up(g->open);
}
