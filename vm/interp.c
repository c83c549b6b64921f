/*
 * interp.c - runs from the outside: making one, letting it go on, answering its calls, looking at the result.
 *
 * A run is never entered twice at a time: vm_return, vm_raise and vm_wake only put the fiber that they concern into a
 * queue. vm_run_go delivers what is in the queue one after the other: after each delivery all fibers that can go on do
 * so, in the order in which they were made, until everybody waits again. So a host may answer inside the call, and a
 * run's course depends on nothing but what was delivered and in which order: whoever delivers the same again, after the
 * process has died, comes to the same steps, values and record.
 *
 * A match is a run whose function the verifier has proven to be pure: no hooks, no steps, one fiber.
 */
#include "vm/run.h"

enum {
    DEFAULT_MEMORY = 64 << 20,      /* bytes: an event has 256 KB at most, the largest AWS answers some MB */
    DEFAULT_INSTRUCTIONS = 50000000 /* about half a second of nothing but computing */
};

static void set_limits(vm_run *r, const vm_limits *l) {
    r->env.memory = l && l->memory ? l->memory : DEFAULT_MEMORY;
    r->env.limit = r->env.fuel = l && l->instructions ? l->instructions : DEFAULT_INSTRUCTIONS;
    r->deadline_ms = l ? l->deadline_ms : 0;
    r->until_ms = l ? l->until_ms : 0;
}

static bool begin(vm_run *r, uint32_t function, pb_value event) {
    const vm_function *fn = &r->env.program->functions[function];
    frame *t = frame_new(r, fn);
    fiber *f = t ? fiber_new(r) : NULL;
    if (!f) return false;
    if (fn->nparams) t->regs[0] = event;
    t->scope = &r->scope;
    f->top = t;
    return true;
}

static pb_str context_text(pb_value context, const char *key) {
    pb_value v = pb_get_c(context, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
}

static void set_up(vm_run *r, const vm_program *p, const pb_value *params, pb_value context, const vm_limits *limits,
                   pb_arena *a) {
    r->env = (vm_env){.program = p, .arena = a, .arena_start = pb_arena_used(a)};
    r->params = params;
    r->context = context;
    r->scope = (vm_scope){.account = context_text(context, "account"), .region = context_text(context, "region")};
    r->record.arena = a;
    r->outcome = VM_RUNNING;
    set_limits(r, limits);
}

bool vm_match(const vm_program *p, uint32_t function, pb_value event, const pb_value *params, pb_value context,
              const vm_limits *limits, pb_arena *a, bool *matched, pb_str *err) {
    vm_unmet unmet;
    return vm_match_why(p, function, event, params, context, limits, a, matched, &unmet, err);
}

bool vm_match_why(const vm_program *p, uint32_t function, pb_value event, const pb_value *params, pb_value context,
                  const vm_limits *limits, pb_arena *a, bool *matched, vm_unmet *unmet, pb_str *err) {
    vm_run r = {0};
    *matched = false;
    set_up(&r, p, params, context, limits, a);
    if (function >= p->nfunctions || p->functions[function].kind != FUNCTION_MATCH) {
        *err = PB_STR("not a match function");
        return false;
    }
    if (!begin(&r, function, event)) {
        *err = r.env.error.message;
        return false;
    }
    fiber_run(r.fibers);
    *matched = r.outcome == VM_DONE;
    *unmet = r.skipped;
    if (r.outcome == VM_FAILED) *err = r.reason;
    return r.outcome == VM_DONE || r.outcome == VM_SKIPPED;
}

bool vm_evaluate(const vm_program *p, uint32_t function, pb_value arg, const pb_value *params, pb_value context,
                 const vm_limits *limits, pb_arena *a, pb_value *out, pb_str *err) {
    vm_run r = {0};
    *out = PB_NONE_VALUE;
    set_up(&r, p, params, context, limits, a);
    if (function >= p->nfunctions || p->functions[function].kind != FUNCTION_PURE ||
        p->functions[function].nparams > 1) {
        *err = PB_STR("not a pure function of one value");
        return false;
    }
    if (!begin(&r, function, arg)) {
        *err = r.env.error.message;
        return false;
    }
    fiber_run(r.fibers);
    if (r.outcome == VM_DONE) *out = r.fibers->value;
    if (r.outcome == VM_FAILED) *err = r.reason;
    return r.outcome == VM_DONE;
}

vm_run *vm_run_new(const vm_program *p, uint32_t function, pb_value event, const pb_value *params, pb_value context,
                   const vm_limits *limits, const vm_hooks *hooks, pb_arena *a) {
    if (function >= p->nfunctions || p->functions[function].nparams > 1) return NULL;
    vm_run *r = pb_alloc(a, sizeof *r);
    if (!r) return NULL;
    set_up(r, p, params, context, limits, a);
    r->hooks = hooks;
    r->env.dry = hooks->dry;
    return begin(r, function, event) ? r : NULL;
}

/* ---- going on ---- */

static bool can_go(const fiber *f) {
    return f->state == FIBER_READY || f->state == FIBER_ANSWERED || f->state == FIBER_AGAIN || fiber_may_join(f);
}

static fiber *first_that_can(const vm_run *r) {
    for (fiber *f = r->fibers; f; f = f->next)
        if (can_go(f)) return f;
    return NULL;
}

static void tell_arrival(vm_run *r, fiber *f) {
    const vm_error *e = &f->error;
    if (!r->hooks->arrived) return;
    vm_arrival a = {.ok = true};
    if (f->state == FIBER_CALLING) {
        a = (vm_arrival){.call = f->call, .id = f->call->step->id, .ok = f->ok};
        if (f->ok)
            a.value = f->value;
        else
            a.code = e->code, a.message = e->message, a.kind = e->kind, a.again = e->again;
    } else {
        a.id = vm_pause_id(r, f);
    }
    r->hooks->arrived(r->hooks->ctx, r, &a);
}

/* The next thing in the queue takes effect. False: there is none. */
static bool deliver(vm_run *r) {
    fiber *f = r->arrivals;
    if (!f) return false;
    r->arrivals = f->next_arrival;
    if (!r->arrivals) r->last_arrival = NULL;
    f->arriving = false;
    tell_arrival(r, f);
    switch (f->state) {
    case FIBER_CALLING:
        if (f->ok && f->value.kind == PB_UNKNOWN) r->env.dry = true; /* something was held back: unknowns are about */
        f->state = FIBER_ANSWERED;
        break;
    case FIBER_VERIFYING: f->state = FIBER_READY; break;
    case FIBER_RETRYING: f->state = FIBER_AGAIN; break;
    default: break;
    }
    return true;
}

vm_outcome vm_run_go(vm_run *r) {
    if (r->going) return r->outcome;
    r->going = true;
    do {
        fiber *f;
        while (r->outcome == VM_RUNNING && (f = first_that_can(r))) fiber_run(f);
    } while (r->outcome == VM_RUNNING && deliver(r));
    r->going = false;
    return r->outcome;
}

/* ---- arriving ---- */

static void arrive(fiber *f) {
    vm_run *r = f->run;
    f->arriving = true;
    f->next_arrival = NULL;
    if (r->last_arrival)
        r->last_arrival->next_arrival = f;
    else
        r->arrivals = f;
    r->last_arrival = f;
}

static fiber *waiting_for(vm_call *c) {
    fiber *f = c->fiber;
    bool first = !c->answered;
    c->answered = true;
    return first && c->run->outcome == VM_RUNNING && f->state == FIBER_CALLING && f->call == c ? f : NULL;
}

void vm_return(vm_call *c, pb_value v) {
    fiber *f = waiting_for(c);
    if (!f) return; /* answered before, or the run has ended meanwhile */
    f->ok = true;
    f->value = v;
    arrive(f);
}

void vm_raise(vm_call *c, pb_str code, pb_str message) { vm_raise_as(c, code, message, (vm_error_class){0}); }

static void raise_error(vm_call *c, vm_error e) {
    fiber *f = waiting_for(c);
    if (!f) return;
    pb_arena *a = c->run->env.arena;
    e.code = pb_strdup(a, e.code.s, e.code.n);
    e.message = pb_strdup(a, e.message.s, e.message.n);
    f->ok = false;
    f->error = e;
    if (!e.code.s || !e.message.s) {
        env_no_memory(&c->run->env);
        f->error = c->run->env.error;
    }
    arrive(f);
}

void vm_raise_as(vm_call *c, pb_str code, pb_str message, vm_error_class kind) {
    raise_error(c, (vm_error){.code = code, .message = message, .kind = kind});
}

void vm_again(vm_call *c) {
    pb_str message =
        pb_printf(c->run->env.arena,
                  "%.*s was under way when pbrun's process ended, and it is not known whether it was done; "
                  "look, then do what is missing by hand or run the playbook again",
                  PB_ARG(c->host));
    raise_error(c, (vm_error){.code = PB_STR("in_doubt"), .message = message, .again = true});
}

void run_denied(vm_run *r, const vm_denial *d) {
    if (!r->denial && (r->denial = pb_alloc(r->env.arena, sizeof *d))) *r->denial = *d;
}

void vm_deny(vm_call *c, pb_str code, const vm_denial *d) {
    vm_run *r = c->run;
    run_denied(r, d);
    vm_raise_as(c, code, d->why, (vm_error_class){.denied = true});
}

void vm_wake(vm_run *r, void *token) {
    fiber *f = token;
    if (r->outcome != VM_RUNNING || f->arriving) return;
    if (f->state == FIBER_VERIFYING || f->state == FIBER_RETRYING) arrive(f);
}

pb_str vm_pause_id(vm_run *r, void *token) {
    fiber *f = token;
    if (f->state == FIBER_RETRYING) return f->retry->id;
    frame_path(r, f->top);
    return pb_printf(r->env.arena, "%.*s?", PB_ARG(f->top->path));
}

/* ---- looking ---- */

vm_outcome vm_run_outcome(const vm_run *r) { return r->outcome; }
pb_str vm_run_reason(const vm_run *r) { return r->reason; }
pb_str vm_run_error_code(const vm_run *r) { return r->error_code; }
const vm_denial *vm_run_denial(const vm_run *r) { return r->denial; }
void vm_run_denial_told(vm_run *r, pb_str told) {
    if (r->denial) r->denial->told = told;
}
const vm_authorization *vm_run_authorizations(const vm_run *r) { return r->authorizations; }
uint32_t vm_run_place(const vm_run *r) { return r->place; }
const vm_step *vm_run_steps(const vm_run *r) { return r->steps; }
pb_arena *vm_run_arena(vm_run *r) { return r->env.arena; }
uint64_t vm_run_instructions(const vm_run *r) { return r->env.limit - r->env.fuel; }

pb_value vm_run_record(const vm_run *r) {
    pb_map_builder b = r->record;
    return pb_map_done(&b);
}

void vm_run_end(vm_run *r) {
    /* Everything is the arena's or the program's; what is left is that late answers find the run over. */
    if (r && r->outcome == VM_RUNNING) r->outcome = VM_STOPPED;
}
