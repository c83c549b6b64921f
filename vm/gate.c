/*
 * gate.c - every host call passes here and nowhere else.
 *
 * gate_invoke asks its questions in a fixed order: has the run been stopped, is there time left, may this playbook do
 * such a thing at all, is it a dry run. Whatever else is to be asked before an act (quotas, a kill switch, guards, the
 * journal) belongs into `refusal` below, so that there is one list of reasons for not doing something.
 *
 * A call under way is in the run's list with a timer on its deadline. When the timer fires, the host is told to cancel
 * and the gate answers instead of it; so nothing can hang longer than its deadline, whatever the host does.
 */
#include "vm/gate.h"

#include "vm/reach.h"

typedef struct gate_call {
    gate_run *run;
    vm_call *call;
    const pb_host *host;
    pb_timer *timer;
    int64_t deadline_ms;            /* monotonic */
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

int64_t pb_call_time_left(const vm_call *c) {
    int64_t left = call_of(c)->deadline_ms - pb_loop_mono_ms();
    return left > 1 ? left : 1;
}

static void call_over(gate_call *gc) {
    if (!gc || !gc->link) return;
    pb_timer_cancel(gc->timer);
    gc->timer = NULL;
    *gc->link = gc->next;
    if (gc->next) gc->next->link = gc->link;
    gc->link = NULL;
}

static void call_under_way(gate_call *gc) {
    gate_run *g = gc->run;
    gc->next = g->open;
    gc->link = &g->open;
    if (gc->next) gc->next->link = &gc->next;
    g->open = gc;
}

/* Ends a call in the host's place. */
static void cut_off(gate_call *gc, pb_str code, pb_str message) {
    vm_call *c = gc->call;
    call_over(gc); /* first: vm_raise may end the step */
    if (c->answered) return;
    if (gc->host->cancel) gc->host->cancel(gc->host, c);
    vm_raise(c, code, message);
}

static pb_str or_memory(pb_str message) { return message.s ? message : PB_STR("out of memory"); }

static void on_deadline(void *ctx) {
    gate_call *gc = ctx;
    gc->timer = NULL;
    pb_arena *a = gc->run->arena;
    long long ms = pb_loop_wall_ms() - gc->call->step->started_ms;
    cut_off(gc, PB_STR("timeout"),
            or_memory(pb_printf(a, "%.*s was not done after %lld ms", PB_ARG(gc->call->host), ms)));
}

static int64_t nearest_deadline(const gate_run *g, const vm_step *s, int64_t now) {
    int64_t d = now + GATE_CALL_MS;
    if (s->deadline_ms) d = s->deadline_ms; /* a timeout that the author wrote may be longer than the default */
    if (g->deadline_ms && g->deadline_ms < d) d = g->deadline_ms;
    return d;
}

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
    return (pb_str){0};
}

static void plan(vm_call *c) {
    c->step->status = STEP_PLANNED;
    vm_return(c, (pb_value){PB_UNKNOWN, 0, {0}});
}

void gate_invoke(gate_run *g, vm_call *c) {
    call_over(c->step->front); /* of an earlier try of this step */
    int64_t now = pb_loop_mono_ms();
    gate_call *gc = pb_alloc(g->arena, sizeof *gc);
    if (!gc) {
        vm_raise(c, PB_STR("memory"), PB_STR("the run's memory is used up"));
        return;
    }
    c->step->front = gc;
    *gc = (gate_call){.run = g, .call = c, .host = g->program->by_site[c->step->site]};
    gc->deadline_ms = nearest_deadline(g, c->step, now);
    pb_str message = {0}, code = refusal(g, gc, now, &message);
    if (code.n) {
        vm_raise(c, code, message);
        return;
    }
    if (g->dry && (gc->host->effect > PB_READ || pb_has_unknown(c->args))) {
        plan(c);
        return;
    }
    gc->timer = pb_timer_start(g->loop, gc->deadline_ms - now, on_deadline, gc);
    if (!gc->timer) {
        vm_raise(c, PB_STR("memory"), PB_STR("out of memory"));
        return;
    }
    call_under_way(gc);
    gc->host->fn(gc->host, c, g->loop);
}

/* Also when the run ends around a call that is under way: then the host must not answer any more. */
void gate_step_end(const vm_step *s) {
    gate_call *gc = s->front;
    if (!gc || !gc->link) return;
    call_over(gc);
    if (!gc->call->answered && gc->host->cancel) gc->host->cancel(gc->host, gc->call);
}

void gate_stop(gate_run *g, pb_str code, pb_str message) {
    g->stop_code = code;
    g->stop_message = message;
    while (g->open) cut_off(g->open, code, message);
}

void gate_abandon(gate_run *g) {
    while (g->open) {
        gate_call *gc = g->open;
        call_over(gc);
        if (!gc->call->answered && gc->host->cancel) gc->host->cancel(gc->host, gc->call);
    }
}
