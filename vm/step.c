/*
 * step.c - INVOKE: steps, host calls, retries, time limits; and VERIFY, which waits.
 *
 * Every INVOKE opens a step; the steps are a tree, and it is what the evidence shows. A host's step ends when its
 * answer comes, an action's when its frame returns or an error leaves it.
 *
 * `timeout` limits a step with all of its tries; the deadline of a step is the nearest of its own and of the steps
 * around it. The host keeps to it by itself (the gate cancels); here it is looked at before each call, when VERIFY or a
 * retry wants to wait, and when an error passes.
 *
 * Before an act above `read` its guards are asked (guard.c); each try asks them again.
 *
 * In a dry run a host's step with an unknown in its arguments is not sent: it is planned, and its result is unknown.
 */
#include "vm/run.h"

#include "lang/opcodes.h"
#include "vm/guard.h"
#include "vm/undo.h"

/* ---- time ---- */

static int64_t mono(const vm_run *r) { return r->hooks->mono_ms(r->hooks->ctx); }
static int64_t wall(const vm_run *r) { return r->hooks->wall_ms(r->hooks->ctx); }

/* a + b for b >= 0; at the end of time when it does not fit. */
static int64_t later(int64_t a, int64_t b) {
    int64_t t;
    return __builtin_add_overflow(a, b, &t) ? INT64_MAX : t;
}

vm_step *step_expired(const fiber *f) {
    vm_step *outermost = NULL;
    int64_t now = 0;
    for (vm_step *s = f->top->step; s; s = s->parent) {
        if (!s->deadline_ms) break; /* none above has one either: it would have been handed down */
        if (!now) now = mono(f->run);
        /* A deadline that was handed down belongs to the step above: only the one that set it counts. */
        if (now >= s->deadline_ms && (!s->parent || s->parent->deadline_ms != s->deadline_ms)) outermost = s;
    }
    return outermost;
}

/* Of the whole run, by its monotonic clock; 0: none. */
static int64_t run_deadline(const vm_run *r) {
    int64_t until = r->until_ms ? r->until_ms - (wall(r) - mono(r)) : 0;
    return until && (!r->deadline_ms || until < r->deadline_ms) ? until : r->deadline_ms;
}

/* False: the error `timeout` or `deadline` is set, to be raised. */
static bool in_time(fiber *f) {
    vm_run *r = f->run;
    int64_t deadline = run_deadline(r);
    if (deadline && mono(r) >= deadline) {
        env_fail(&r->env, "deadline", "the run's time is up");
        r->env.error.fatal = true;
        return false;
    }
    if (!step_expired(f)) return true;
    return env_fail(&r->env, "timeout", "the time of a step is up"); /* fiber_raise puts the step's name in */
}

/* ms from now, but not beyond the nearest deadline. */
static int64_t wait_time(const fiber *f, int64_t ms) {
    const vm_run *r = f->run;
    int64_t now = mono(r), until = later(now, ms), deadline = run_deadline(r);
    const vm_step *s = f->top->step;
    if (s && s->deadline_ms && s->deadline_ms < until) until = s->deadline_ms;
    if (deadline && deadline < until) until = deadline;
    return until > now ? until - now : 0;
}

static void fall_asleep(fiber *f, fiber_state state, int64_t ms) {
    f->state = state;
    f->run->hooks->sleep(f->run->hooks->ctx, f->run, f, wait_time(f, ms));
}

/* ---- steps ---- */

static uint32_t site_field(const vm_run *r, uint32_t site, uint32_t field) {
    return image_field(&r->env.program->view, SECTION_SITES, site, field);
}

static void step_add(vm_run *r, vm_step *s) {
    vm_step *parent = s->parent;
    vm_step **first = parent ? &parent->children : &r->steps, **last = parent ? &parent->last_child : &r->last_step;
    if (*last)
        (*last)->next = s;
    else
        *first = s;
    *last = s;
}

static vm_step *step_open(fiber *f, uint32_t site) {
    vm_run *r = f->run;
    vm_step *s = env_alloc(&r->env, sizeof *s), *parent = f->top->step;
    pb_str id = s ? frame_next_id(r, f->top) : (pb_str){0};
    if (!id.n) return NULL;
    uint32_t timeout = site_field(r, site, SITES_timeout);
    int64_t own = timeout ? later(mono(r), timeout) : 0, above = parent ? parent->deadline_ms : 0;
    *s = (vm_step){.parent = parent,
                   .number = ++r->nsteps,
                   .id = id,
                   .site = site,
                   .name = vm_string(r->env.program, site_field(r, site, SITES_name)),
                   .host = site_field(r, site, SITES_kind) == SITE_HOST,
                   .attempts = 1,
                   .status = STEP_RUNNING,
                   .started_ms = wall(r),
                   .effect = (pb_effect)site_field(r, site, SITES_effect),
                   .account = f->top->scope->account,
                   .region = f->top->scope->region,
                   .moved = f->top->scope->moved,
                   .is_do = (site_field(r, site, SITES_flags) & SITE_IS_DO) != 0,
                   .deadline_ms = own && (!above || own < above) ? own : above};
    step_add(r, s);
    return s;
}

vm_step *step_open_own(fiber *f, vm_step_kind kind, vm_step *parent, pb_str id, pb_str name) {
    vm_run *r = f->run;
    vm_step *s = id.s && name.s ? env_alloc(&r->env, sizeof *s) : NULL;
    if (!s) {
        env_no_memory(&r->env);
        return NULL;
    }
    *s = (vm_step){.kind = kind,
                   .parent = parent,
                   .number = ++r->nsteps,
                   .id = id,
                   .site = IMAGE_NIL,
                   .name = name,
                   .attempts = 1,
                   .status = STEP_RUNNING,
                   .started_ms = wall(r),
                   .effect = PB_READ,
                   .account = f->top->scope->account,
                   .region = f->top->scope->region,
                   .moved = f->top->scope->moved,
                   .deadline_ms = parent ? parent->deadline_ms : 0};
    step_add(r, s);
    return s;
}

void step_limit(fiber *f, vm_step *s, int64_t ms) {
    int64_t own = later(mono(f->run), ms);
    if (!s->deadline_ms || own < s->deadline_ms) s->deadline_ms = own;
}

bool step_is_late(const vm_run *r, const vm_step *s) { return s->deadline_ms && mono(r) >= s->deadline_ms; }

void step_begin(vm_run *r, vm_step *s) {
    if (r->hooks->step_begin) r->hooks->step_begin(r->hooks->ctx, r, s);
}

void step_end(vm_run *r, vm_step *s, vm_step_status status) {
    if (status == STEP_PLANNED) r->planned = true;
    s->status = status;
    s->ended_ms = wall(r);
    if (r->hooks->step_end) r->hooks->step_end(r->hooks->ctx, r, s);
}

/* Innermost first. The tree is as deep as calls may be, so this recursion is too. */
void steps_close(vm_run *r, vm_step *s, vm_step_status status) {
    for (vm_step *c = s->children; c; c = c->next) steps_close(r, c, status);
    if (s->status != STEP_RUNNING) return;
    if (status == STEP_FAILED) {
        s->error_code = r->error_code;
        s->error_message = r->reason;
    }
    step_end(r, s, status);
}

static bool anything_planned(const vm_step *s) {
    for (const vm_step *c = s->children; c; c = c->next)
        if (c->status == STEP_PLANNED) return true;
    return false;
}

void step_done(vm_run *r, vm_step *s) { step_end(r, s, anything_planned(s) ? STEP_PLANNED : STEP_OK); }

/* ---- calling ---- */

static outcome call_host(fiber *f, vm_step *s, uint32_t reg) {
    vm_run *r = f->run;
    pb_value args = f->top->regs[reg];
    if (args.kind != PB_MAP && args.kind != PB_UNKNOWN) {
        env_fail(&r->env, "type", "a host's arguments must be a map, found %s", vm_a_kind(args));
        return step_failed(f, s, true) ? BLOCKED : RAISE;
    }
    if (r->env.dry && (f->top->scope->unknown || pb_has_unknown(args))) {
        f->top->regs[reg] = s->result = pb_unknown();
        step_end(r, s, STEP_PLANNED);
        return GO;
    }
    vm_call *c = env_alloc(&r->env, sizeof *c);
    if (!c) return RAISE;
    *c = (vm_call){.run = r,
                   .step = s,
                   .args = args,
                   .fiber = f,
                   .host = vm_string(r->env.program, site_field(r, s->site, SITES_target))};
    f->call = c;
    f->state = FIBER_CALLING;
    r->hooks->invoke(r->hooks->ctx, c);
    return BLOCKED; /* or answered already: fiber_run looks */
}

static outcome call_action(fiber *f, vm_step *s, uint32_t reg) {
    vm_run *r = f->run;
    const vm_function *fn = &r->env.program->functions[site_field(r, s->site, SITES_target)];
    frame *t = frame_new(r, fn);
    if (!t) return RAISE;
    if (fn->nparams) memcpy(t->regs, f->top->regs + reg, fn->nparams * sizeof *t->regs);
    t->up = f->top;
    t->step = s;
    t->scope = f->top->scope;
    t->path = s->id;
    t->own_step = true;
    f->top = t;
    return GO;
}

static outcome call_site(fiber *f, vm_step *s, uint32_t reg) {
    return s->host ? call_host(f, s, reg) : call_action(f, s, reg);
}

/* The register of the INVOKE that the top frame waits for. */
static uint32_t invoking_register(const frame *t) { return op_a(vm_instruction(t->fn, t->pc - 1)); }

outcome step_guarded(fiber *f, vm_step *s, uint32_t n) {
    bool agreed;
    outcome o = guard_ask(f, s, n, &agreed);
    return agreed ? call_site(f, s, invoking_register(f->top)) : o;
}

/* What the call is given, as the step keeps it: a host's map, or the list of an action's arguments. */
static bool take_args(fiber *f, uint32_t reg, uint32_t site, pb_value *args) {
    vm_run *r = f->run;
    const pb_value *from = f->top->regs + reg;
    *args = *from;
    if (site_field(r, site, SITES_kind) == SITE_HOST) return true;
    uint32_t n = site_field(r, site, SITES_nargs);
    pb_value *items = env_alloc_array(&r->env, n ? n : 1, sizeof *items);
    if (!items) return false;
    if (n) memcpy(items, from, n * sizeof *items);
    *args = (pb_value){.kind = PB_LIST, .n = n, .u.items = items};
    return true;
}

outcome step_invoke(fiber *f, uint32_t reg, uint32_t site) {
    pb_value args;
    vm_step *s = in_time(f) && take_args(f, reg, site, &args) ? step_open(f, site) : NULL;
    if (!s) return RAISE;
    s->args = args;
    step_begin(f->run, s);
    return step_guarded(f, s, 0);
}

outcome step_again(fiber *f) {
    vm_step *s = f->retry;
    f->state = FIBER_READY;
    if (in_time(f)) return step_guarded(f, s, 0);
    step_failed(f, s, true);
    return RAISE;
}

/* ---- ending ---- */

outcome step_answered(fiber *f) {
    vm_run *r = f->run;
    vm_step *s = f->call->step;
    f->call = NULL;
    f->state = FIBER_READY;
    if (!f->ok) {
        r->env.error = f->error;
        return step_failed(f, s, false) ? BLOCKED : RAISE;
    }
    s->result = f->value;
    f->top->regs[invoking_register(f->top)] = f->value;
    step_end(r, s, f->value.kind == PB_UNKNOWN || s->status == STEP_PLANNED ? STEP_PLANNED : STEP_OK);
    return GO;
}

/* An action that was called again after a call in doubt, and found nothing left to do, cannot know that it was not the
 * doubtful call that did it: so it says that it has. */
bool step_say_changed(vm_run *r, pb_value *result) {
    pb_map_builder b = {.arena = r->env.arena};
    pb_value changed = pb_get_c(*result, "changed");
    if (result->kind != PB_MAP || changed.kind != PB_BOOL || changed.u.b) return true;
    for (uint32_t i = 0; i < result->n; i++) pb_map_add(&b, result->u.entries[i].key, result->u.entries[i].value);
    pb_map_add(&b, PB_STR("changed"), pb_bool(true));
    if (b.oom) return env_no_memory(&r->env);
    *result = pb_map_done(&b);
    return true;
}

outcome step_return(fiber *f, pb_value result) {
    vm_run *r = f->run;
    frame *t = f->top, *caller = t->up;
    if (t->use == FRAME_GUARD) return guard_returned(f, result);
    if (t->use == FRAME_UNDO) return undo_returned(f, result);
    if (t->own_step) {
        if (t->step->doubted && !step_say_changed(r, &result)) return RAISE;
        t->step->result = result;
        step_done(r, t->step);
    }
    f->top = caller;
    frame_release(r, t);
    caller->regs[invoking_register(caller)] = result;
    return GO;
}

/* Time to wait before try number `attempts` + 1. */
static int64_t backoff(uint32_t attempts) {
    int64_t ms = RETRY_FIRST_MS;
    while (--attempts && ms < RETRY_MAX_MS) ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static bool may_try_again(fiber *f, const vm_step *s) {
    const vm_run *r = f->run;
    if (r->env.error.fatal || r->env.error.kind.denied) return false;
    if (s->attempts - s->doubted > site_field(r, s->site, SITES_retry)) return false;
    int64_t deadline = run_deadline(r);
    int64_t at = later(mono(r), backoff(s->attempts));
    return (!s->deadline_ms || at < s->deadline_ms) && (!deadline || at < deadline);
}

/* The step's next try has an id of its own: "3", "3~2", "3~3". False: error set. */
bool step_next_try(fiber *f, vm_step *s) {
    vm_run *r = f->run;
    uint32_t n = s->id.n;
    if (s->attempts > 1)
        while (s->id.s[--n] != '~') continue;
    pb_str id = pb_printf(r->env.arena, "%.*s~%u", (int)n, s->id.s, s->attempts + 1);
    if (!id.s) return env_no_memory(&r->env);
    s->attempts++;
    s->id = id;
    f->retry = s;
    return true;
}

/* The action around a call in doubt: it reads what there is, so it is called again at once, whatever its `retry` says.
 */
static bool call_anew(fiber *f, vm_step *s) {
    if (!step_next_try(f, s)) return false;
    s->doubted++;
    f->state = FIBER_AGAIN;
    return true;
}

bool step_failed(fiber *f, vm_step *s, bool final) {
    vm_run *r = f->run;
    if (!final && r->env.error.again && !s->host) return call_anew(f, s);
    if (!final && may_try_again(f, s)) {
        int64_t ms = backoff(s->attempts);
        if (!step_next_try(f, s)) return false;
        fall_asleep(f, FIBER_RETRYING, ms);
        return true;
    }
    s->error_code = r->env.error.code;
    s->error_message = r->env.error.message;
    step_end(r, s, r->env.error.kind.denied ? STEP_DENIED : STEP_FAILED);
    return false;
}

/* ---- VERIFY ---- */

/* How long to wait when this much time has gone by: 250 ms at first, then twice as long each time. */
static int64_t poll_time(int64_t gone, int64_t limit) {
    int64_t ms = gone < VERIFY_MAX_MS ? gone + VERIFY_FIRST_MS : VERIFY_MAX_MS;
    if (ms > VERIFY_MAX_MS) ms = VERIFY_MAX_MS;
    return ms < limit - gone ? ms : limit - gone;
}

static outcome verify_fails(fiber *f, pb_value *at, int64_t limit) {
    vm_run *r = f->run;
    pb_str why = at[3].kind == PB_NONE ? PB_STR("what was done did not show when it was read back")
                                       : pb_display(r->env.arena, at[3]);
    pb_str within = pb_display(r->env.arena, pb_duration(limit));
    at[2] = PB_NONE_VALUE;
    env_fail(&r->env, "verify_failed", "%.*s (not within %.*s)", PB_ARG(why), PB_ARG(within));
    return RAISE;
}

outcome step_verify(fiber *f, uint32_t reg, int32_t offset) {
    vm_run *r = f->run;
    pb_value *at = f->top->regs + reg;
    int64_t now = mono(r);
    if (at[0].kind == PB_UNKNOWN || at[1].kind == PB_UNKNOWN || (at[0].kind == PB_BOOL && at[0].u.b)) {
        at[2] = PB_NONE_VALUE;
        return GO;
    }
    if (at[0].kind != PB_BOOL && at[0].kind != PB_NONE) {
        env_fail(&r->env, "type", "verify needs a bool, found %s", vm_a_kind(at[0]));
        return RAISE;
    }
    if (at[1].kind != PB_DURATION) {
        env_fail(&r->env, "type", "verify's limit must be a duration, found %s", vm_a_kind(at[1]));
        return RAISE;
    }
    if (at[2].kind != PB_INT) at[2] = pb_int(now); /* the state: when it began */
    int64_t gone, limit = at[1].u.i;
    if (__builtin_sub_overflow(now, at[2].u.i, &gone) || gone < 0 || gone >= limit) return verify_fails(f, at, limit);
    if (!in_time(f) || !env_charge(&r->env, VERIFY_FUEL)) return RAISE;
    f->top->pc = (uint32_t)((int64_t)f->top->pc + offset);
    fall_asleep(f, FIBER_VERIFYING, poll_time(gone, limit));
    return BLOCKED;
}
