/*
 * engine.c - runs: what they are made of, how they begin, wait, go on and end. engine_load.c is about programs and
 * parameters.
 *
 * Everything happens on one thread. A run goes on (vm_run_go) until all its fibers wait. Hosts only
 * leave their answers with it; after each turn of the loop every run under way (they are few) is asked to go on. So a
 * host may answer at any moment, even within gate_invoke, and no run ever runs within another one's call.
 *
 * An event's value is shared by its runs and freed when all of them have been reported. Events are reported in the
 * order they came in, so a fast one may wait for a slow one before it: that is why their number is limited.
 */
#include "vm/engine_own.h"

#include "vm/digest.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    RUN_MEMORY = 64 << 20,              /* of a run's own values */
    RUN_ARENA = RUN_MEMORY + (8 << 20), /* and what the engine keeps beside them */
    RUN_INSTRUCTIONS = 50000000,
    ALERT_ID_MAX = 1024 /* an ARN is about 200 bytes */
};

/* A pause of a fiber (VERIFY, retry). */
typedef struct engine_sleep {
    engine_run *run;
    void *token;
    pb_timer *timer;
    struct engine_sleep *next, **link;
} engine_sleep;

/* ---- ids ---- */

/* 48 bits of time, then 80 bits of chance, five bits a character, in an alphabet that sorts and has no i, l, o, u. */
pb_str engine_run_id(pb_arena *a, int64_t wall_ms) {
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint8_t chance[16];
    char text[27] = {0};
    if (!pb_random(chance, sizeof chance)) return (pb_str){0};
    for (int i = 9; i >= 0; i--, wall_ms >>= 5) text[i] = alphabet[wall_ms & 31];
    for (int i = 0; i < 16; i++) text[10 + i] = alphabet[chance[i] & 31];
    return pb_printf(a, "run-%s", text);
}

pb_str engine_incident_id(pb_arena *a, pb_str source, pb_str alert_id) {
    const pb_str parts[] = {source, {"", 1}, alert_id}; /* a NUL between them */
    uint8_t hash[DIGEST_SIZE];
    if (!digest_sha256(parts, 3, hash)) return (pb_str){0};
    return pb_printf(a, "INC-%02X%02X%02X%02X%02X%02X", hash[0], hash[1], hash[2], hash[3], hash[4], hash[5]);
}

/* ---- what is known of an event ---- */

static pb_value text_or_none(pb_value v) { return v.kind == PB_STRING ? v : PB_NONE_VALUE; }

static pb_value account_of(pb_value v) { return text_is_account(pb_text(text_or_none(v))) ? v : PB_NONE_VALUE; }
static pb_value region_of(pb_value v) { return text_is_region(pb_text(text_or_none(v))) ? v : PB_NONE_VALUE; }

/* What the event's declaration points at in the bound value; none when it says nothing of it. */
static pb_value declared(const vm_program *p, uint32_t playbook, pb_value bound, uint32_t field) {
    uint32_t event = vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_event);
    pb_str path = vm_string(p, vm_field(p, SECTION_EVENTS, event, field));
    return path.n ? pb_path(bound, path.s) : PB_NONE_VALUE;
}

/* Where what happened has happened. A finding that a delegated administrator's account or an aggregating region hands
 * on names its own; what the envelope says is where it was handed on. */
typedef struct origin {
    pb_value account, region;
} origin;

static origin origin_of(const vm_program *p, uint32_t playbook, pb_value event, pb_value bound) {
    origin o = {account_of(declared(p, playbook, bound, EVENTS_account)),
                region_of(declared(p, playbook, bound, EVENTS_region))};
    if (o.account.kind == PB_NONE) o.account = account_of(pb_get_c(event, "account"));
    if (o.region.kind == PB_NONE) o.region = region_of(pb_get_c(event, "region"));
    return o;
}

static pb_value time_of(pb_value event) {
    pb_value v = pb_get_c(event, "time");
    int64_t ms;
    return v.kind == PB_STRING && pb_time_parse(pb_text(v), &ms) ? pb_time(ms) : PB_NONE_VALUE;
}

static void note_oddities(engine_event *ev) {
    bool account = account_of(pb_get_c(ev->value, "account")).kind == PB_NONE,
         region = region_of(pb_get_c(ev->value, "region")).kind == PB_NONE;
    if (!account && !region) return;
    ev->note = pb_printf(ev->arena, "the event has no valid %s",
                         account && region ? "account and region"
                         : account         ? "account (12 digits)"
                                           : "region");
}

/* ---- a run's context ---- */

static void add(pb_map_builder *b, const char *key, pb_value v) {
    if (v.kind != PB_NONE) pb_map_add(b, pb_str_c(key), v);
}

/* Everything but the ids. started 0: the run has not begun. */
static void context_common(pb_map_builder *b, const vm_program *p, uint32_t playbook, pb_value event, pb_value bound,
                           int64_t started, bool dry) {
    origin o = origin_of(p, playbook, event, bound);
    add(b, "playbook", pb_string(vm_string(p, vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_name))));
    add(b, "version", pb_string(vm_string(p, vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_version))));
    add(b, "account", o.account);
    add(b, "region", o.region);
    add(b, "event_time", time_of(event));
    add(b, "started", pb_time(started));
    add(b, "dry_run", pb_bool(dry));
    add(b, "event_id", text_or_none(pb_get_c(event, "id")));
}

static pb_value match_context(void *ctx, const match_hit *hit) {
    const engine_event *ev = ((engine_matching *)ctx)->event;
    const engine *e = ((engine_matching *)ctx)->engine;
    pb_map_builder b = {.arena = ev->arena};
    context_common(&b, e->programs[hit->program].program, hit->playbook, ev->value, hit->bound, pb_loop_wall_ms(),
                   e->config.dry);
    return pb_map_done(&b);
}

/* The finding's id where the event's declaration says, else the envelope's, else the finding itself. */
static pb_str alert_id(const engine_run *r) {
    const vm_program *p = r->facts.program;
    uint32_t event = vm_field(p, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_event);
    pb_str path = vm_string(p, vm_field(p, SECTION_EVENTS, event, EVENTS_id));
    pb_value v = path.n ? pb_path(r->facts.bound, path.s) : PB_NONE_VALUE;
    if (v.kind == PB_STRING && v.n && v.n <= ALERT_ID_MAX) return pb_text(v);
    v = pb_get_c(r->facts.event, "id");
    if (v.kind == PB_STRING && v.n && v.n <= ALERT_ID_MAX)
        return r->item ? pb_printf(r->arena, "%.*s/%u", PB_ARG(pb_text(v)), r->item) : pb_text(v);
    return (pb_str){0};
}

/* "123456789012 in eu-west-1", or as much of it as is known. */
static pb_str place_text(pb_arena *a, pb_value account, pb_value region) {
    bool both = account.kind != PB_NONE && region.kind != PB_NONE;
    return pb_printf(a, "%.*s%s%.*s", PB_ARG(pb_text(account)), both ? " in " : "", PB_ARG(pb_text(region)));
}

/* A finding that names another account or region than the event that brought it: said in the evidence. */
static void note_origin(engine_run *r) {
    origin o = origin_of(r->facts.program, r->facts.playbook, r->facts.event, r->facts.bound);
    pb_value account = account_of(pb_get_c(r->facts.event, "account")),
             region = region_of(pb_get_c(r->facts.event, "region"));
    bool other = account.kind != PB_NONE && !pb_str_eq(pb_text(account), pb_text(o.account));
    bool elsewhere = region.kind != PB_NONE && !pb_str_eq(pb_text(region), pb_text(o.region));
    if (!other && !elsewhere) return;
    pb_str own = place_text(r->arena, o.account, o.region), envelope = place_text(r->arena, account, region);
    r->facts.note = pb_printf(r->arena, "%.*s%sthe finding is of %.*s, the event came from %.*s", PB_ARG(r->facts.note),
                              r->facts.note.n ? "; " : "", PB_ARG(own), PB_ARG(envelope));
}

static bool make_context(engine_run *r) {
    pb_value source = pb_get_c(r->facts.event, "source");
    r->facts.alert_id = alert_id(r);
    pb_str seed = r->facts.alert_id.n ? r->facts.alert_id : pb_json_text(r->arena, r->facts.bound);
    r->id = engine_run_id(r->arena, r->facts.started_ms);
    r->incident = engine_incident_id(r->arena, pb_text(source), seed);
    if (!r->id.s || !r->incident.s) return false;
    pb_map_builder b = {.arena = r->arena};
    add(&b, "id", pb_string(r->id));
    add(&b, "incident_id", pb_string(r->incident));
    context_common(&b, r->facts.program, r->facts.playbook, r->facts.event, r->facts.bound, r->facts.started_ms,
                   r->facts.dry);
    r->facts.context = pb_map_done(&b);
    note_origin(r);
    return r->facts.context.kind == PB_MAP;
}

/* ---- queues ---- */

static void enqueue(engine_queue *q, engine_run *r) {
    if (r->queued) return;
    r->queued = true;
    r->queue = NULL;
    if (q->last)
        q->last->queue = r;
    else
        q->first = r;
    q->last = r;
}

static engine_run *dequeue(engine_queue *q) {
    engine_run *r = q->first;
    if (!r) return NULL;
    q->first = r->queue;
    if (!q->first) q->last = NULL;
    r->queued = false;
    return r;
}

/* ---- the interpreter's hooks; ctx is the engine_run ---- */

static void hook_invoke(void *ctx, vm_call *c) { gate_invoke(&((engine_run *)ctx)->gate, c); }

static void hook_step_begin(void *ctx, vm_run *vm, vm_step *s) {
    const engine_run *r = ctx;
    const engine_watch *w = &r->engine->config.watch;
    (void)vm;
    if (w->step_begin) w->step_begin(w->ctx, r, s);
}

static void hook_step_end(void *ctx, vm_run *vm, vm_step *s) {
    engine_run *r = ctx;
    const engine_watch *w = &r->engine->config.watch;
    (void)vm;
    gate_step_end(s);
    if (w->step_end) w->step_end(w->ctx, r, s);
}

static void sleep_remove(engine_sleep *s) {
    *s->link = s->next;
    if (s->next) s->next->link = s->link;
}

static void on_wake(void *ctx) {
    engine_sleep *s = ctx;
    engine_run *r = s->run;
    sleep_remove(s);
    vm_wake(r->vm, s->token);
}

static void hook_sleep(void *ctx, vm_run *vm, void *token, int64_t ms) {
    engine_run *r = ctx;
    engine_sleep *s = pb_alloc(r->arena, sizeof *s);
    (void)vm;
    if (r->gate.stop_code.n) ms = 0; /* the run is being ended: no pause is worth waiting for */
    pb_timer *t = s ? pb_timer_start(r->engine->loop, ms, on_wake, s) : NULL;
    if (!t) { /* no memory for a pause: go on at once, the run's own limits end it */
        r->wake_now = token;
        return;
    }
    *s = (engine_sleep){r, token, t, r->sleeps, &r->sleeps};
    if (s->next) s->next->link = &s->next;
    r->sleeps = s;
}

static int64_t hook_wall(void *ctx) {
    (void)ctx;
    return pb_loop_wall_ms();
}

static int64_t hook_mono(void *ctx) {
    (void)ctx;
    return pb_loop_mono_ms();
}

/* ---- a run's life ---- */

static void report_events(engine *e);

static void slot_free(engine *e, const engine_run *r) {
    for (uint32_t i = 0; i < ENGINE_RUNS_MAX; i++)
        if (e->active[i] == r) e->active[i] = NULL;
    e->running--;
}

static void slot_take(engine *e, engine_run *r) {
    uint32_t i = 0;
    while (i + 1 < ENGINE_RUNS_MAX && e->active[i]) i++; /* begin_waiting has seen that one is free */
    e->active[i] = r;
    e->running++;
}

static void tell_providers(engine *e, const vm_run *r) {
    for (size_t i = 0; i < e->config.nproviders; i++)
        if (e->config.providers[i].run_end) e->config.providers[i].run_end(e->config.providers[i].state, r);
}

static void run_over(engine_run *r, vm_outcome outcome, pb_str code, pb_str reason) {
    const engine_watch *w = &r->engine->config.watch;
    engine *e = r->engine;
    if (r->ended) return;
    r->ended = true;
    r->facts.outcome = outcome;
    r->facts.code = code;
    r->facts.reason = reason;
    r->facts.ended_ms = pb_loop_wall_ms();
    if (r->begun) slot_free(e, r);
    r->event->open_runs--;
    if (w->run_end) w->run_end(w->ctx, r);
    if (r->vm) {
        while (r->sleeps) {
            engine_sleep *s = r->sleeps;
            pb_timer_cancel(s->timer);
            sleep_remove(s);
        }
        gate_abandon(&r->gate);
        tell_providers(e, r->vm);
        vm_run_end(r->vm);
        r->vm = NULL; /* the steps and values stay: they are in the arena */
    }
}

static void take_result(engine_run *r) {
    r->facts.vm = r->vm;
    r->facts.steps = vm_run_steps(r->vm);
    r->facts.record = vm_run_record(r->vm);
    r->facts.place = vm_run_place(r->vm);
}

static void run_go(engine_run *r) {
    vm_outcome o = vm_run_go(r->vm);
    if (o == VM_RUNNING && (r->gate.open || r->sleeps || r->wake_now)) return;
    gate_abandon(&r->gate);
    take_result(r);
    if (r->facts.interrupted) {
        run_over(r, VM_FAILED, PB_STR("interrupted"), PB_STR("pbrun was told to stop"));
        return;
    }
    if (o == VM_RUNNING) { /* would wait for ever */
        run_over(r, VM_FAILED, PB_STR("internal"), PB_STR("the run waits for something that was never asked for"));
        return;
    }
    run_over(r, o, vm_run_error_code(r->vm), vm_run_reason(r->vm));
}

static const vm_hooks *hooks_of(engine_run *r) {
    r->hooks = (vm_hooks){.ctx = r,
                          .invoke = hook_invoke,
                          .step_begin = hook_step_begin,
                          .step_end = hook_step_end,
                          .sleep = hook_sleep,
                          .wall_ms = hook_wall,
                          .mono_ms = hook_mono,
                          .dry = r->facts.dry};
    return &r->hooks;
}

/* False: no memory. */
static bool prepare(engine_run *r) {
    engine *e = r->engine;
    const engine_program *p = &e->programs[r->program];
    r->arena = pb_arena_new(RUN_ARENA);
    r->facts.started_ms = pb_loop_wall_ms();
    if (!r->arena || !make_context(r)) return false;
    int64_t deadline = pb_loop_mono_ms() + e->config.run_ms;
    r->gate =
        (gate_run){.program = p->hosts,
                   .loop = e->loop,
                   .arena = r->arena,
                   .context = r->facts.context,
                   .image = p->program,
                   .body = vm_field(p->program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_body),
                   .site = e->has_site ? &e->site : NULL,
                   .most = (pb_effect)vm_field(p->program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_effect),
                   .deadline_ms = deadline,
                   .dry = r->facts.dry};
    r->limits = (vm_limits){.memory = RUN_MEMORY, .instructions = RUN_INSTRUCTIONS, .deadline_ms = deadline};
    if (r->match_error.n) return true;
    uint32_t body = vm_field(p->program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_body);
    r->vm =
        vm_run_new(p->program, body, r->facts.bound, p->params, r->facts.context, &r->limits, hooks_of(r), r->arena);
    return r->vm != NULL;
}

static void run_begin(engine_run *r) {
    engine *e = r->engine;
    const engine_watch *w = &e->config.watch;
    bool ok = prepare(r);
    r->begun = true;
    slot_take(e, r);
    r->number = ++e->nruns;
    if (w->run_begin) w->run_begin(w->ctx, r);
    if (r->match_error.n) {
        run_over(r, VM_FAILED, PB_STR("could_not_decide"), r->match_error);
    } else if (!ok) {
        run_over(r, VM_FAILED, PB_STR("memory"), PB_STR("not enough memory to begin the run"));
    } else {
        r->facts.ran = true;
        run_go(r);
    }
}

static void begin_waiting(engine *e) {
    while (e->running < ENGINE_RUNS_MAX && e->waiting.first) {
        engine_run *r = dequeue(&e->waiting);
        if (!r->ended) run_begin(r);
    }
}

/* Lets every run go on that can. True: something has moved, so others may be able to now. */
static bool go_on(engine *e) {
    bool moved = false;
    for (uint32_t i = 0; i < ENGINE_RUNS_MAX; i++) {
        engine_run *r = e->active[i];
        if (!r) continue;
        uint64_t before = vm_run_instructions(r->vm);
        if (r->wake_now) {
            void *token = r->wake_now;
            r->wake_now = NULL;
            vm_wake(r->vm, token);
        }
        run_go(r);
        moved |= r->ended || vm_run_instructions(r->vm) != before;
    }
    return moved;
}

static void settle(engine *e) {
    do begin_waiting(e);
    while (go_on(e));
    report_events(e);
}

/* ---- events ---- */

static void event_free(engine_event *ev) {
    for (engine_run *r = ev->runs; r; r = r->next) pb_arena_free(r->arena);
    pb_arena_free(ev->arena); /* the runs and the event itself live in it */
}

static void report_events(engine *e) {
    while (e->first_event && e->first_event->open_runs == 0) {
        engine_event *ev = e->first_event;
        e->first_event = ev->next;
        if (!e->first_event) e->last_event = NULL;
        e->nevents--;
        if (e->config.watch.event_end) e->config.watch.event_end(e->config.watch.ctx, ev);
        event_free(ev);
    }
}

static bool on_hit(void *ctx, const match_hit *hit) {
    engine_matching *m = ctx;
    engine_event *ev = m->event;
    engine_run *r = pb_alloc(ev->arena, sizeof *r);
    if (!r) return false;
    r->engine = m->engine;
    r->event = ev;
    r->program = hit->program;
    r->item = hit->item;
    r->match_error = hit->error;
    r->facts = (evidence_run){.program = m->engine->programs[hit->program].program,
                              .playbook = hit->playbook,
                              .event = ev->value,
                              .bound = hit->bound,
                              .dry = m->engine->config.dry,
                              .note = ev->note};
    if (ev->last_run)
        ev->last_run->next = r;
    else
        ev->runs = r;
    ev->last_run = r;
    ev->open_runs++;
    return true;
}

bool engine_room(const engine *e) { return e->nevents < ENGINE_EVENTS_MAX; }

static void match(engine *e, engine_event *ev) {
    engine_matching m = {e, ev};
    note_oddities(ev);
    if (match_event(e->index, ev->value, ev->arena, match_context, on_hit, &m, &ev->tally)) return;
    ev->error = PB_STR("not enough memory to find its playbooks"); /* those found until now run all the same */
}

bool engine_submit(engine *e, uint32_t number, uint32_t line, pb_value event, pb_str error, pb_arena *arena) {
    engine_event *ev = pb_alloc(arena, sizeof *ev);
    if (!ev) {
        pb_arena_free(arena);
        return false;
    }
    *ev = (engine_event){.number = number, .line = line, .value = event, .arena = arena, .error = error};
    if (e->last_event)
        e->last_event->next = ev;
    else
        e->first_event = ev;
    e->last_event = ev;
    e->nevents++;
    if (!error.n) match(e, ev);
    for (engine_run *r = ev->runs; r; r = r->next) enqueue(&e->waiting, r);
    settle(e);
    return true;
}

bool engine_busy(const engine *e) { return e->first_event != NULL; }

void engine_turn(engine *e) {
    pb_loop_turn(e->loop);
    settle(e);
}

static void interrupt_run(engine_run *r) {
    if (r->ended) return;
    r->facts.interrupted = true;
    if (!r->begun) {
        r->arena = pb_arena_new(RUN_ARENA);
        r->facts.started_ms = pb_loop_wall_ms();
        if (r->arena) make_context(r);
        run_over(r, VM_FAILED, PB_STR("interrupted"), PB_STR("pbrun was told to stop before the run began"));
        return;
    }
    gate_stop(&r->gate, PB_STR("interrupted"), PB_STR("pbrun was told to stop"));
    while (r->sleeps) {
        engine_sleep *s = r->sleeps;
        void *token = s->token;
        pb_timer_cancel(s->timer);
        sleep_remove(s);
        vm_wake(r->vm, token);
    }
}

void engine_interrupt(engine *e) {
    engine_run *waiting;
    while ((waiting = dequeue(&e->waiting))) interrupt_run(waiting);
    for (engine_event *ev = e->first_event; ev; ev = ev->next)
        for (engine_run *r = ev->runs; r; r = r->next) interrupt_run(r);
    settle(e);
}

void engine_free(engine *e) {
    if (!e) return;
    for (engine_event *ev = e->first_event, *next; ev; ev = next) {
        next = ev->next;
        for (engine_run *r = ev->runs; r; r = r->next) {
            if (!r->vm) continue;
            gate_abandon(&r->gate);
            tell_providers(e, r->vm);
            vm_run_end(r->vm);
        }
        event_free(ev);
    }
    engine_unload(e);
    for (size_t i = 0, n = e->config.nproviders; i < n; i++)
        if (e->config.providers[i].close) e->config.providers[i].close(e->config.providers[i].state);
    pb_loop_free(e->loop);
    pb_arena_free(e->arena);
    free(e);
}
