/*
 * engine_run.c - a run's life: how it begins, waits, goes on and ends, or is left to go on later.
 *
 * A run has a clock of its own. It stands still while the run executes and jumps to the moment of what is delivered
 * next, so that going through the journal again shows it the same times (engine_replay.c). Time limits are kept by its
 * monotonic clock, which is the wall clock less the time in which nobody executed the run: a process that was dead for
 * an hour has not used up anybody's 30 seconds. Only a playbook's own `timeout` is by the wall.
 */
#include "vm/engine_own.h"

#include "vm/approval.h"

enum { RUN_INSTRUCTIONS = 50000000 };

/* ---- the interpreter's hooks; ctx is the engine_run ---- */

int64_t engine_run_now(const engine_run *r) { return pb_loop_mono_ms() + r->ahead_ms; }

static void hook_invoke(void *ctx, vm_call *c) {
    engine_run *r = ctx;
    if (r->replay)
        engine_replay_asked(r, c);
    else
        gate_invoke(&r->gate, c);
}

static void hook_step_begin(void *ctx, vm_run *vm, vm_step *s) {
    const engine_run *r = ctx;
    const engine_watch *w = &r->engine->config.watch;
    (void)vm;
    if (w->step_begin && !r->replay && !r->planning) w->step_begin(w->ctx, r, s);
}

static void hook_step_end(void *ctx, vm_run *vm, vm_step *s) {
    engine_run *r = ctx;
    const engine_watch *w = &r->engine->config.watch;
    (void)vm;
    gate_step_end(s);
    if (w->step_end && !r->replay && !r->planning) w->step_end(w->ctx, r, s);
}

void engine_sleep_remove(engine_sleep *s) {
    *s->link = s->next;
    if (s->next) s->next->link = s->link;
}

static void on_wake(void *ctx) {
    engine_sleep *s = ctx;
    engine_run *r = s->run;
    engine_sleep_remove(s);
    vm_wake(r->vm, s->token);
}

void engine_sleep_start(engine_run *r, engine_sleep *s) {
    int64_t ms = s->until_ms - engine_run_now(r);
    if (r->gate.stop_code.n) ms = 0; /* the run is being ended: no pause is worth waiting for */
    s->timer = pb_timer_start(r->engine->loop, ms > 0 ? ms : 0, on_wake, s);
    if (s->timer) return;
    engine_sleep_remove(s); /* no memory for a pause: go on at once, the run's own limits end it */
    r->wake_now = s->token;
}

static void hook_sleep(void *ctx, vm_run *vm, void *token, int64_t ms) {
    engine_run *r = ctx;
    engine_sleep *s = pb_alloc(r->arena, sizeof *s);
    (void)vm;
    if (!s) {
        r->wake_now = token;
        return;
    }
    *s = (engine_sleep){r, token, NULL, r->clock_ms + ms, r->sleeps, &r->sleeps};
    if (s->next) s->next->link = &s->next;
    r->sleeps = s;
    if (!r->replay) engine_sleep_start(r, s);
}

static int64_t hook_wall(void *ctx) { return ((engine_run *)ctx)->clock_ms; }

static int64_t hook_mono(void *ctx) {
    const engine_run *r = ctx;
    return r->clock_ms - r->dead_ms;
}

static void hook_arrived(void *ctx, vm_run *vm, const vm_arrival *a) {
    engine_run *r = ctx;
    if (r->planning) return;
    if (r->replay) {
        r->clock_ms = r->replay->deliver_at;
        return;
    }
    int64_t now = engine_run_now(r);
    bool still = r->engine->config.now_ms && a->call; /* only pauses make the time pass */
    if (now > r->clock_ms && !still) r->clock_ms = now;
    if (a->call) crash_point(&r->engine->crash);
    bool changing = a->call && a->call->step->effect > PB_READ && a->call->step->status != STEP_PLANNED;
    journal_arrival(&r->journal, a, vm_run_denial(vm), changing, r->clock_ms);
}

static const vm_hooks *hooks_of(engine_run *r) {
    r->hooks = (vm_hooks){.ctx = r,
                          .invoke = hook_invoke,
                          .step_begin = hook_step_begin,
                          .step_end = hook_step_end,
                          .sleep = hook_sleep,
                          .wall_ms = hook_wall,
                          .mono_ms = hook_mono,
                          .arrived = hook_arrived,
                          .dry = r->facts.dry || r->facts.observe};
    return &r->hooks;
}

/* ---- beginning ---- */

static uint32_t playbook_field(const engine_run *r, uint32_t field) {
    return vm_field(r->facts.program, SECTION_PLAYBOOKS, r->facts.playbook, field);
}

bool engine_run_prepare(engine_run *r, const pb_value *params) {
    engine *e = r->engine;
    const engine_program *p = r->from;
    uint32_t timeout = playbook_field(r, PLAYBOOKS_timeout), body = playbook_field(r, PLAYBOOKS_body);
    if (!r->limit_ms) r->limit_ms = e->config.run_ms;
    if (e->default_limit && timeout > r->limit_ms) r->limit_ms = timeout; /* its author wants more than the default */
    int64_t deadline = r->clock_ms + r->limit_ms;
    r->until_ms = timeout ? r->facts.started_ms + timeout : 0;
    r->journal.arena = r->arena;
    r->gate = (gate_run){.program = p->hosts,
                         .loop = e->loop,
                         .arena = r->arena,
                         .context = r->facts.context,
                         .image = p->program,
                         .body = body,
                         .site = e->has_site   ? &e->site
                                 : p->has_site ? &p->site
                                               : NULL,
                         .most = (pb_effect)playbook_field(r, PLAYBOOKS_effect),
                         .live = r->facts.dry       ? PB_READ
                                 : r->facts.observe ? PB_NOTIFY
                                                    : PB_DESTROY,
                         .deadline_ms = deadline,
                         .ahead_ms = r->ahead_ms - r->dead_ms,
                         .over_limit = r->over_limit,
                         .journal = &r->journal,
                         .brakes = p->brakes ? p->brakes : e->brakes,
                         .crash = &e->crash};
    gate_init(&r->gate);
    if (r->until_ms && r->until_ms < deadline) r->gate.deadline_ms = r->until_ms;
    r->limits = (vm_limits){
        .memory = RUN_MEMORY, .instructions = RUN_INSTRUCTIONS, .deadline_ms = deadline, .until_ms = r->until_ms};
    if (r->match_error.n) return true;
    r->vm = vm_run_new(p->program, body, r->facts.bound, params, r->facts.context, &r->limits, hooks_of(r), r->arena);
    return r->vm != NULL;
}

static bool prepare(engine_run *r) {
    r->arena = pb_arena_new(RUN_ARENA);
    int64_t now = r->engine->config.now_ms;
    r->facts.started_ms = r->clock_ms = now ? now : pb_loop_wall_ms();
    r->ahead_ms = r->clock_ms - pb_loop_mono_ms();
    return r->arena && engine_context(r) && engine_run_prepare(r, r->from->params);
}

void engine_run_begin(engine_run *r) {
    engine *e = r->engine;
    const engine_watch *w = &e->config.watch;
    bool ok = prepare(r);
    r->begun = true;
    engine_slot_take(e, r);
    r->number = ++e->nruns;
    if (w->run_begin) w->run_begin(w->ctx, r);
    if (ok && !engine_keep(r)) return;
    if (r->match_error.n) {
        engine_run_over(r, VM_FAILED, PB_STR("could_not_decide"), r->match_error);
    } else if (!ok) {
        engine_run_over(r, VM_FAILED, PB_STR("memory"), PB_STR("not enough memory to begin the run"));
    } else {
        r->facts.ran = true;
        engine_run_go(r);
    }
}

/* ---- ending ---- */

static void tell_providers(engine *e, const vm_run *r) {
    for (size_t i = 0; i < e->config.nproviders; i++)
        if (e->config.providers[i].run_end) e->config.providers[i].run_end(e->config.providers[i].state, r);
}

static void take_result(engine_run *r) {
    if (!r->vm) return;
    r->facts.vm = r->vm;
    r->facts.steps = r->facts.undo_of.n ? vm_run_undo_steps(r->vm) : vm_run_steps(r->vm);
    r->facts.record = vm_run_record(r->vm);
    r->facts.place = vm_run_place(r->vm);
    r->facts.notes = r->gate.notes;
    r->facts.observe |= !r->facts.dry && r->gate.live == PB_NOTIFY; /* the kill switch said so on the way */
}

/* Nothing that the run waits for will be delivered any more. */
static void stop_waiting(engine_run *r) {
    while (r->sleeps) {
        pb_timer_cancel(r->sleeps->timer);
        engine_sleep_remove(r->sleeps);
    }
    brakes_unask(r->telling);
    r->telling = NULL;
    gate_abandon(&r->gate);
}

static void let_go(engine_run *r) {
    if (!r->vm) return;
    stop_waiting(r);
    tell_providers(r->engine, r->vm);
    vm_run_end(r->vm);
    r->vm = NULL; /* the steps and values stay: they are in the arena */
}

static void gone(engine_run *r) {
    r->ended = true;
    r->facts.ended_ms = r->begun && r->arena ? engine_run_now(r) : pb_loop_wall_ms();
    if (r->begun) engine_slot_free(r->engine, r);
    r->event->open_runs--;
}

/* It has ended, but its row does not say so: whoever resumes it will come to the same end. */
static void end_not_kept(engine_run *r) {
    const engine_watch *w = &r->engine->config.watch;
    engine_store_failed(r->engine);
    store_drop(r->journal.store, r->id);
    r->left = LEFT_STORE;
    r->left_why = r->engine->store_error;
    if (w->run_parked) w->run_parked(w->ctx, r);
}

/* What is told of a run's end is on disk first: a process that dies between telling and noting the end comes, when it
 * is resumed, to the same end by its journal alone. False: the run has been left. */
static bool journal_whole(engine_run *r) {
    if (!r->engine->config.told_is_kept || !r->kept || !r->journal.store || r->journal.failed) return true;
    engine_commit(r->engine);
    return !r->ended;
}

/* What `pbrun undo` would do after the run that this dry one is the plan of. Every call is held back. */
static void plan_undo(engine_run *r) {
    if (!r->vm || !r->facts.dry || r->undo || r->facts.interrupted) return;
    r->planning = true;
    r->gate.live = PB_PURE;
    r->undo_plan = vm_run_undo_plan(r->vm);
    r->planning = false;
    stop_waiting(r);
}

void engine_run_over(engine_run *r, vm_outcome outcome, pb_str code, pb_str reason) {
    const engine_watch *w = &r->engine->config.watch;
    if (r->ended || !journal_whole(r)) return;
    r->facts.outcome = outcome;
    r->facts.code = code;
    r->facts.reason = reason;
    if (r->vm) stop_waiting(r);
    take_result(r);
    plan_undo(r);
    if (r->kept && r->journal.store) r->facts.approvals = approval_evidence(r->journal.store, r->id, r->arena);
    gone(r);
    if (w->run_end) w->run_end(w->ctx, r);
    if (r->kept && !engine_row_end(r)) end_not_kept(r);
    let_go(r);
    engine_event_over(r->event);
}

void engine_run_leave(engine_run *r, engine_left why, pb_str reason) {
    const engine_watch *w = &r->engine->config.watch;
    bool failed = false;
    if (r->ended) return;
    static const char *const codes[] = {
        [LEFT_PARKED] = "waiting", [LEFT_LOST] = "taken_over", [LEFT_STORE] = "store", [LEFT_STOPPED] = "stopped"};
    r->left = why;
    r->facts.reason = r->left_why = reason;
    r->facts.code = pb_str_c(codes[why]);
    take_result(r);
    if (why == LEFT_PARKED || why == LEFT_STOPPED) failed = !engine_row_leave(r);
    gone(r);
    stop_waiting(r);
    if (failed) {
        engine_store_failed(r->engine);
        r->facts.code = pb_str_c(codes[LEFT_STORE]);
        r->facts.reason = r->left_why = r->engine->store_error;
    }
    if (w->run_parked) w->run_parked(w->ctx, r);
    if (r->journal.store && (r->left == LEFT_LOST || r->left == LEFT_STORE)) store_drop(r->journal.store, r->id);
    let_go(r);
    engine_event_over(r->event);
}

/* ---- going on ---- */

static bool waits(const engine_run *r) {
    if (r->engine->suspending) return gate_changing(&r->gate);
    return gate_busy(&r->gate) || r->sleeps || r->wake_now;
}

static void run_ended(engine_run *r, vm_outcome o) {
    if (r->facts.interrupted)
        engine_run_over(r, VM_FAILED, PB_STR("interrupted"), PB_STR("pbrun was told to stop"));
    else if (o == VM_RUNNING) /* would wait for ever */
        engine_run_over(r, VM_FAILED, PB_STR("internal"),
                        PB_STR("the run waits for something that was never asked for"));
    else
        engine_run_over(r, o, vm_run_error_code(r->vm), vm_run_reason(r->vm));
}

static void on_told(void *ctx, const brakes_answer *a) {
    engine_run *r = ctx;
    r->telling = NULL;
    r->told = true;
    vm_run_denial_told(r->vm, a->denial.told);
}

/* A guard's denial is told before the run ends, so that the evidence can say whether it was heard (what the brakes deny
 * they have told themselves). True: the answer is awaited. */
static bool telling(engine_run *r) {
    const vm_denial *d = vm_run_denial(r->vm);
    if (r->telling) return true;
    if (r->told || !d || d->told.n || r->facts.dry || r->facts.interrupted || !r->gate.brakes) return false;
    brakes_wait *w = brakes_tell(r->gate.brakes, d, r->facts.context, r->arena, on_told, r);
    if (!r->told) r->telling = w;
    return !r->told;
}

static pb_str parked_for(const engine_run *r) {
    pb_str what;
    gate_parked(&r->gate, &what);
    return what;
}

void engine_run_go(engine_run *r) {
    if (r->replay) engine_replay_go(r);
    if (r->ended || r->replay) return;
    vm_outcome o = vm_run_go(r->vm);
    if (r->journal.failed) {
        engine_run_leave(r, LEFT_STORE, PB_STR("out of memory for the run's journal"));
        return;
    }
    if (r->gate.broken.n) {
        if (r->gate.lost)
            engine_run_leave(r, LEFT_LOST, r->gate.broken);
        else
            engine_run_leave(r, LEFT_STORE, engine_store_sentence(r->engine, r->gate.broken));
        return;
    }
    if (o == VM_RUNNING && waits(r)) return;
    if (o == VM_DENIED && telling(r)) return;
    bool parks = o == VM_RUNNING && !r->facts.interrupted;
    if (parks && r->engine->suspending && r->kept)
        engine_run_leave(r, LEFT_STOPPED, PB_STR("pbrun was told to stop; the run goes on when it is resumed"));
    else if (parks && r->gate.nparked && r->kept)
        engine_run_leave(r, LEFT_PARKED, parked_for(r));
    else
        run_ended(r, o);
}
