/*
 * undo.c - CAPTURE and UNDONEXT: keeping what a step needs to be undone, and undoing the steps of a run.
 *
 * CAPTURE stands before the first write of an action. What it keeps (the arguments, and what was read before) stays with
 * the step: when the step is tried again, the first capture counts, because later ones would take what the first try did
 * for the original state. An action that was called by a captured one is not captured: the outer undo answers for all
 * that was done below it. Nothing is captured inside an undo.
 *
 * Undoing goes from the newest capture to the oldest. Each undo is a step `undo NAME` that goes through the gate and past
 * the guards like any other. One that fails or is denied is a failed step and stops nothing: all others are tried. It is
 * done in two places: by `on failure undo` at the end of a run, and by vm_run_undo when a run has ended (`pbrun undo`),
 * which lets a new fiber loose in the finished run on two instructions: UNDONEXT, RETURN.
 */
#include "vm/undo.h"

#include "lang/opcodes.h"

/* A round is one undoing: on failure undo is the 0th, each vm_run_undo a further one. */
enum { ONE_UNDO_TEXT = 300 /* bytes of one undo's error in the run's */ };

/* ---- keeping ---- */

/* Is there something above that answers for this step? */
static bool covered(const vm_step *s) {
    for (const vm_step *up = s->parent; up; up = up->parent)
        if (up->capture || up->kind == STEP_UNDO) return true;
    return s->kind == STEP_UNDO;
}

outcome undo_capture(fiber *f, uint32_t reg, uint32_t n) {
    vm_run *r = f->run;
    const frame *t = f->top;
    vm_step *s = t->step;
    if (!s || !t->own_step || t->fn->undo == IMAGE_NIL || s->args.kind != PB_LIST) return GO;
    if (s->capture || covered(s)) return GO;
    vm_capture *c = env_alloc(&r->env, sizeof *c);
    pb_value *values = env_alloc_array(&r->env, (size_t)s->args.n + n + 1, sizeof *values);
    if (!c || !values) return RAISE;
    if (s->args.n) memcpy(values, s->args.u.items, s->args.n * sizeof *values);
    if (n) memcpy(values + s->args.n, t->regs + reg, n * sizeof *values);
    *c = (vm_capture){.step = s,
                      .function = t->fn->undo,
                      .values = values,
                      .scope = {.outer = &r->scope,
                                .account = s->account,
                                .region = s->region,
                                .moved = s->moved,
                                .unknown = t->scope->unknown},
                      .round = UINT32_MAX,
                      .older = r->captures};
    s->capture = r->captures = c;
    return GO;
}

/* ---- undoing ---- */

/* "5~2", the second try of step 5, is step 5. */
static pb_str without_try(pb_str id) {
    for (uint32_t i = 0; i < id.n; i++)
        if (id.s[i] == '~') return (pb_str){id.s, i};
    return id;
}

/* Is the step this one, or inside it? Empty: all are. */
static bool chosen(const vm_step *s, pb_str only) {
    if (!only.n) return true;
    for (; s; s = s->parent)
        if (pb_str_eq(without_try(s->id), only)) return true;
    return false;
}

/* A step whose changes were held back (observing) has nothing to be undone. */
static bool to_undo(const vm_capture *c, pb_str only) {
    return !c->undone && c->step->status != STEP_PLANNED && chosen(c->step, only);
}

/* ... but for a plan of the undoing it counts as made, unless the run would not have come to its end. */
static bool to_plan(const vm_capture *c) { return c->step->status == STEP_PLANNED || c->step->status == STEP_OK; }

static vm_capture *newest(const vm_run *r) {
    vm_capture *c = r->captures;
    while (c && (c->round == r->undo_round || !(r->undo_planned ? to_plan(c) : to_undo(c, r->undo_only)))) c = c->older;
    return c;
}

/* The undo's step, on top of the caller's frame. NULL: error set. */
static vm_step *begin(fiber *f, vm_capture *c) {
    vm_run *r = f->run;
    pb_str name = pb_printf(r->env.arena, "undo %.*s", PB_ARG(c->step->name));
    vm_step *s = step_open_own(f, STEP_UNDO, f->top->step, frame_next_id(r, f->top), name);
    if (!s) return NULL;
    s->effect = (pb_effect)r->env.program->functions[c->function].effect;
    s->is_do = true;
    s->undoes = without_try(c->step->id);
    s->account = c->scope.account;
    s->region = c->scope.region;
    s->moved = c->scope.moved;
    s->args = c->step->args;
    step_begin(r, s);
    c->last = s;
    c->round = r->undo_round;
    return s;
}

static bool enter(fiber *f, vm_capture *c, vm_step *s, uint32_t reg) {
    vm_run *r = f->run;
    const vm_function *fn = &r->env.program->functions[c->function];
    frame *t = frame_new(r, fn);
    if (!t) return false;
    if (fn->nparams) memcpy(t->regs, c->values, fn->nparams * sizeof *t->regs);
    t->up = f->top;
    t->step = s;
    t->own_step = true;
    t->path = s->id;
    t->scope = &c->scope;
    t->use = FRAME_UNDO;
    t->capture = c;
    t->into = (uint8_t)reg;
    f->top = t;
    return true;
}

outcome undo_next(fiber *f, uint32_t reg, int32_t offset) {
    frame *caller = f->top;
    vm_capture *c = newest(f->run);
    if (!c) return GO;
    vm_step *s = begin(f, c);
    if (!s || !enter(f, c, s, reg)) return RAISE;
    caller->pc = (uint32_t)((int64_t)caller->pc + offset);
    return GO;
}

/* The undo's frame goes; its caller goes on. */
static vm_capture *leave(fiber *f, pb_value result) {
    frame *t = f->top, *caller = t->up;
    vm_capture *c = t->capture;
    caller->regs[t->into] = result;
    f->top = caller;
    frame_release(f->run, t);
    return c;
}

outcome undo_returned(fiber *f, pb_value result) {
    vm_step *s = f->top->step;
    if (s->doubted && !step_say_changed(f->run, &result)) return RAISE;
    vm_capture *c = leave(f, result);
    s->result = result;
    step_done(f->run, s);
    c->undone = s->status == STEP_OK;
    return GO;
}

outcome undo_failed(fiber *f) {
    vm_run *r = f->run;
    vm_step *s = f->top->step;
    uint32_t into = f->top->into;
    vm_capture *c = leave(f, PB_NONE_VALUE);
    if (r->env.error.again) { /* a call in doubt: it reads first, so it is simply begun again */
        r->env.error.again = false;
        s->doubted++;
        return step_next_try(f, s) && enter(f, c, s, into) ? GO : RAISE;
    }
    s->error_code = r->env.error.code;
    s->error_message = r->env.error.message;
    step_end(r, s, r->env.error.kind.denied ? STEP_DENIED : STEP_FAILED);
    return GO;
}

/* ---- of a run that has ended ---- */

uint32_t vm_run_undoable(const vm_run *r, pb_str only) {
    uint32_t n = 0;
    for (const vm_capture *c = r->captures; c; c = c->older)
        if (to_undo(c, only)) n++;
    return n;
}

const vm_step *vm_run_undo_steps(const vm_run *r) {
    if (!r->undoing) return NULL;
    return r->before_undo ? r->before_undo->next : r->steps;
}

/* UNDONEXT until nothing is left, then RETURN. */
static const vm_function *driver(vm_run *r) {
    enum { WORDS = 2 };
    vm_function *fn = env_alloc(&r->env, sizeof *fn);
    uint8_t *code = env_alloc_array(&r->env, 2 * WORDS, 4); /* instructions, then their places: 0, nowhere */
    if (!fn || !code) return NULL;
    image_put_u32(code, op_asbx(OPCODE_UNDONEXT, 0, -1));
    image_put_u32(code + 4, op_abc(OPCODE_RETURN, 0, 0, 0));
    *fn = (vm_function){.name = PB_STR("undo"),
                        .code = code,
                        .lines = code + (size_t)WORDS * 4,
                        .ncode = WORDS,
                        .kind = FUNCTION_BODY,
                        .effect = PB_CONTAIN,
                        .nregs = 1,
                        .undo = IMAGE_NIL};
    return fn;
}

/* What was under way when the run ended is not taken up again. */
static void forget_fibers(vm_run *r) {
    r->fibers = r->last_fiber = r->arrivals = r->last_arrival = NULL;
    r->nfibers = 0;
}

bool vm_run_undo(vm_run *r, pb_str only, int64_t deadline_ms, bool dry) {
    if (r->outcome == VM_RUNNING || r->going) return false;
    r->env.arena_start = pb_arena_used(r->env.arena); /* an undoing has budgets of its own */
    r->env.fuel = r->env.limit;
    r->env.dry = dry;
    r->env.error = (vm_error){0};
    r->deadline_ms = deadline_ms;
    r->until_ms = 0;
    r->planned = false;
    r->reason = r->error_code = (pb_str){0};
    r->denial = NULL;
    r->undo_only = only;
    r->before_undo = r->last_step;
    r->place = 0;
    r->undo_round++;
    r->undoing = true;
    forget_fibers(r);
    const vm_function *fn = driver(r);
    pb_str path = pb_printf(r->env.arena, "u%u", r->undo_round);
    frame *t = fn && path.s ? frame_new(r, fn) : NULL;
    fiber *f = t ? fiber_new(r) : NULL;
    if (!f) return false;
    t->path = path;
    t->scope = &r->scope;
    f->top = t;
    r->outcome = VM_RUNNING;
    return true;
}

const vm_step *vm_run_undo_plan(vm_run *r) {
    vm_outcome ended = r->outcome;
    pb_str reason = r->reason, code = r->error_code;
    vm_denial *denial = r->denial;
    uint32_t place = r->place;
    vm_step *last = r->last_step;
    r->undo_planned = true;
    if (!vm_run_undo(r, (pb_str){0}, 0, true)) return NULL;
    vm_run_go(r);
    vm_step *first = last ? last->next : r->steps;
    if (last)
        last->next = NULL;
    else
        r->steps = NULL;
    r->last_step = last;
    r->outcome = ended;
    r->reason = reason;
    r->error_code = code;
    r->denial = denial;
    r->place = place;
    return first;
}

static pb_str shortened(pb_str s) {
    if (s.n <= ONE_UNDO_TEXT) return s;
    s.n = ONE_UNDO_TEXT;
    while (s.n && ((unsigned char)s.s[s.n] & 0xc0) == 0x80) s.n--;
    return s;
}

/* Done when every step is undone; else the outcome is that of the worst one, the reason the oldest one's. */
void undo_finished(vm_run *r) {
    uint32_t tried = 0, bad = 0;
    const vm_step *worst = NULL;
    for (const vm_capture *c = r->captures; c; c = c->older) {
        if (c->round != r->undo_round || !c->last) continue;
        tried++;
        if (c->last->status != STEP_FAILED && c->last->status != STEP_DENIED) continue;
        bad++;
        if (!worst || worst->status != STEP_DENIED || c->last->status == STEP_DENIED) worst = c->last;
    }
    r->outcome = VM_DONE;
    if (!worst) return;
    pb_str text = shortened(worst->error_message);
    r->outcome = worst->status == STEP_DENIED ? VM_DENIED : VM_FAILED;
    r->error_code = worst->error_code;
    r->reason = pb_printf(r->env.arena, "%u of %u step(s) could not be undone; %.*s: %.*s", bad, tried,
                          PB_ARG(worst->name), PB_ARG(text));
}

/* ---- what cannot be undone ---- */

static const char *const no_undo_of_a_call = "a call made by the playbook itself, not by an action, has no undo";

/* Why what the step itself did cannot be undone; empty: it did nothing, it was captured, or those inside it answer. */
static pb_str stays(const vm_run *r, const vm_step *s) {
    const vm_program *p = r->env.program;
    if (s->host) return s->parent ? PB_STR("an action without an undo made this call") : pb_str_c(no_undo_of_a_call);
    uint32_t f = vm_field(p, SECTION_SITES, s->site, SITES_target);
    pb_value changed = pb_get_c(s->result, "changed");
    if (changed.kind == PB_BOOL && !changed.u.b) return (pb_str){0};
    return vm_string(p, vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_undo_none));
}

/* Has the whole subtree been settled with this step? */
static bool settled(const vm_run *r, const vm_step *s) {
    bool planned = s->status == STEP_PLANNED && !r->undo_planned;
    if (s->kind != STEP_CALL || s->capture || s->effect <= PB_NOTIFY || planned) return true;
    if (s->host) return false;
    uint32_t f = vm_field(r->env.program, SECTION_SITES, s->site, SITES_target);
    pb_value changed = pb_get_c(s->result, "changed");
    return r->env.program->functions[f].undo != IMAGE_NIL || (changed.kind == PB_BOOL && !changed.u.b);
}

static void tell_staying(const vm_run *r, const vm_step *first, vm_stays_fn *fn, void *ctx) {
    for (const vm_step *s = first; s; s = s->next) {
        if (settled(r, s)) continue;
        pb_str why = s->status == STEP_OK || s->status == STEP_PLANNED || !s->host ? stays(r, s) : (pb_str){0};
        if (why.n)
            fn(ctx, s, why);
        else
            tell_staying(r, s->children, fn, ctx); /* as deep as calls may be */
    }
}

void vm_run_staying(const vm_run *r, vm_stays_fn *fn, void *ctx) { tell_staying(r, r->steps, fn, ctx); }
