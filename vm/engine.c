/*
 * engine.c - events, and the runs that they begin. What a run is: engine_run.c, engine_context.c; programs and
 * parameters: engine_load.c; runs in the store: engine_store.c, engine_resume.c, engine_replay.c.
 *
 * Everything happens on one thread. A run goes on (vm_run_go) until all its fibers wait. Hosts only
 * leave their answers with it; after each turn of the loop every run under way (they are few) is asked to go on. So a
 * host may answer at any moment, even within gate_invoke, and no run ever runs within another one's call. When all of
 * them wait, the changing calls that they have asked for meanwhile are sent, after one commit of the journal for all
 * of them.
 *
 * An event's value is shared by its runs and freed when all of them have been reported. Events are reported in the
 * order they came in, so a fast one may wait for a slow one before it: that is why their number is limited. A server
 * does without that order.
 */
#include "vm/engine_own.h"

#include <stdlib.h>

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

void engine_slot_free(engine *e, const engine_run *r) {
    for (uint32_t i = 0; i < e->config.runs_max; i++)
        if (e->active[i] == r) e->active[i] = NULL;
    e->running--;
}

void engine_slot_take(engine *e, engine_run *r) {
    uint32_t i = 0;
    while (i + 1 < e->config.runs_max && e->active[i]) i++; /* the caller has seen that one is free */
    e->active[i] = r;
    e->running++;
}

static void begin_waiting(engine *e) {
    while (e->running < e->config.runs_max && e->waiting.first && !e->suspending) {
        engine_run *r = dequeue(&e->waiting);
        if (!r->ended) engine_run_begin(r);
    }
}

/* Lets every run go on that can. True: something has moved, so others may be able to now. */
static bool go_on(engine *e) {
    bool moved = false;
    for (uint32_t i = 0; i < e->config.runs_max; i++) {
        engine_run *r = e->active[i];
        if (!r) continue;
        uint64_t before = vm_run_instructions(r->vm);
        if (r->wake_now) {
            void *token = r->wake_now;
            r->wake_now = NULL;
            vm_wake(r->vm, token);
        }
        engine_run_go(r);
        moved |= r->ended || vm_run_instructions(r->vm) != before;
    }
    return moved;
}

/* Sends the changing calls that were asked for. True: something has moved. */
static bool send_all(engine *e) {
    bool moved = false, ready = false;
    for (uint32_t i = 0; i < e->config.runs_max && !e->suspending; i++)
        if (e->active[i]) moved |= gate_intend(&e->active[i]->gate, &ready);
    if (!ready || !engine_commit(e)) return moved;
    for (uint32_t i = 0; i < e->config.runs_max; i++)
        if (e->active[i]) gate_send(&e->active[i]->gate);
    return true;
}

/* All runs wait: what changing calls have answered must not get lost. */
static void keep_changes(engine *e) {
    for (uint32_t i = 0; i < e->config.runs_max; i++) {
        if (!e->active[i] || !e->active[i]->journal.changes) continue;
        engine_commit(e);
        return;
    }
}

static void report_events(engine *e);

void engine_settle(engine *e) {
    bool moved;
    do {
        begin_waiting(e);
        moved = go_on(e);
        moved |= send_all(e);
    } while (moved);
    keep_changes(e);
    report_events(e);
}

/* ---- events ---- */

static void event_free(engine_event *ev) {
    for (engine_run *r = ev->runs; r; r = r->next) pb_arena_free(r->arena);
    pb_arena_free(ev->arena); /* the runs and the event itself live in it */
}

static void report(engine *e, engine_event *ev) {
    if (e->config.watch.event_end) e->config.watch.event_end(e->config.watch.ctx, ev);
    event_free(ev);
}

static void report_events(engine *e) {
    while (e->first_event && e->first_event->open_runs == 0) {
        engine_event *ev = e->first_event;
        e->first_event = ev->next;
        if (!e->first_event) e->last_event = NULL;
        e->nevents--;
        report(e, ev);
    }
    while (e->done) {
        engine_event *ev = e->done;
        e->done = ev->next;
        report(e, ev);
    }
}

static void unlink_event(engine *e, const engine_event *ev) {
    engine_event **at = &e->first_event, *before = NULL;
    while (*at != ev) before = *at, at = &(*at)->next;
    *at = ev->next;
    if (e->last_event == ev) e->last_event = before;
    e->nevents--;
}

void engine_event_over(engine_event *ev) {
    engine *e = ev->engine;
    if (ev->open_runs || (!ev->resumed && !e->config.unordered)) return;
    if (!ev->resumed) unlink_event(e, ev);
    ev->next = e->done;
    e->done = ev;
}

bool engine_observes(const engine *e) { return e->config.observe || (e->has_site && e->site.observe); }

static bool on_hit(void *ctx, const match_hit *hit) {
    engine_matching *m = ctx;
    engine_event *ev = m->event;
    engine_run *r = pb_alloc(ev->arena, sizeof *r);
    if (!r) return false;
    r->engine = m->engine;
    r->event = ev;
    r->from = &m->engine->programs[hit->program];
    r->item = hit->item;
    r->match_error = hit->error;
    r->facts = (evidence_run){.program = m->engine->programs[hit->program].program,
                              .playbook = hit->playbook,
                              .event = ev->value,
                              .bound = hit->bound,
                              .dry = m->engine->config.dry,
                              .observe = !m->engine->config.dry && engine_observes(m->engine),
                              .note = ev->note};
    if (ev->last_run)
        ev->last_run->next = r;
    else
        ev->runs = r;
    ev->last_run = r;
    ev->open_runs++;
    return true;
}

bool engine_room(const engine *e) { return e->nevents < e->config.events_max; }

static void match(engine *e, engine_event *ev) {
    engine_matching m = {e, ev};
    engine_note_oddities(ev);
    if (match_explain(e->index, ev->value, ev->arena, engine_match_context, on_hit,
                      e->config.explain ? engine_on_miss : NULL, &m, &ev->tally))
        return;
    ev->error = PB_STR("not enough memory to find its playbooks"); /* those found until now run all the same */
}

static bool submit(engine *e, engine_event event) {
    engine_event *ev = pb_alloc(event.arena, sizeof *ev);
    if (!ev) {
        pb_arena_free(event.arena);
        return false;
    }
    *ev = event;
    ev->engine = e;
    if (e->last_event)
        e->last_event->next = ev;
    else
        e->first_event = ev;
    e->last_event = ev;
    e->nevents++;
    if (!ev->error.n) match(e, ev);
    for (engine_run *r = ev->runs; r; r = r->next) enqueue(&e->waiting, r);
    engine_event_over(ev); /* no playbook matches */
    engine_settle(e);
    return true;
}

bool engine_submit(engine *e, uint32_t number, uint32_t line, pb_value event, pb_str error, pb_arena *arena) {
    return submit(e, (engine_event){.number = number, .line = line, .value = event, .arena = arena, .error = error});
}

bool engine_submit_from(engine *e, uint32_t number, pb_str origin, pb_value event, pb_arena *arena) {
    return submit(e, (engine_event){.number = number, .value = event, .arena = arena, .origin = origin});
}

bool engine_busy(const engine *e) { return e->first_event || e->running || e->done; }


void engine_turn(engine *e) {
    pb_loop_turn(e->loop);
    engine_settle(e);
}

static void interrupt_run(engine_run *r) {
    if (r->ended) return;
    r->facts.interrupted = true;
    if (!r->begun) {
        r->arena = pb_arena_new(RUN_ARENA);
        r->facts.started_ms = pb_loop_wall_ms();
        if (r->arena) engine_context(r);
        engine_run_over(r, VM_FAILED, PB_STR("interrupted"), PB_STR("pbrun was told to stop before the run began"));
        return;
    }
    gate_stop(&r->gate, PB_STR("interrupted"), PB_STR("pbrun was told to stop"));
    while (r->sleeps) {
        engine_sleep *s = r->sleeps;
        pb_timer_cancel(s->timer);
        engine_sleep_remove(s);
        vm_wake(r->vm, s->token);
    }
}

static void drop_waiting(engine *e) {
    engine_run *waiting;
    while ((waiting = dequeue(&e->waiting))) interrupt_run(waiting);
}

void engine_interrupt(engine *e) {
    drop_waiting(e);
    for (uint32_t i = 0; i < e->config.runs_max; i++)
        if (e->active[i]) interrupt_run(e->active[i]);
    engine_settle(e);
}

void engine_suspend(engine *e) {
    drop_waiting(e);
    e->suspending = true;
    for (uint32_t i = 0; i < e->config.runs_max; i++)
        if (e->active[i] && !e->active[i]->kept) interrupt_run(e->active[i]);
    engine_settle(e);
}

static void abandon_run(engine *e, engine_run *r) {
    gate_abandon(&r->gate);
    for (size_t i = 0; i < e->config.nproviders; i++)
        if (e->config.providers[i].run_end) e->config.providers[i].run_end(e->config.providers[i].state, r->vm);
    vm_run_end(r->vm);
    if (r->event->resumed) event_free(r->event);
}

void engine_free(engine *e) {
    if (!e) return;
    for (uint32_t i = 0; e->active && i < e->config.runs_max; i++)
        if (e->active[i]) abandon_run(e, e->active[i]);
    for (engine_event *ev = e->first_event, *next; ev; ev = next) {
        next = ev->next;
        event_free(ev);
    }
    crash_end(&e->crash);
    engine_unload(e);
    for (size_t i = 0, n = e->config.nproviders; i < n; i++)
        if (e->config.providers[i].close) e->config.providers[i].close(e->config.providers[i].state);
    pb_loop_free(e->loop);
    pb_arena_wipe(e->arena); /* parameters may be secrets */
    free(e->active);
    free(e);
}
