/*
 * fiber.c - frames, branches, and the way of an error.
 *
 * An error goes from frame to frame towards the fiber's first one. In each frame the newest open TRY takes it; a
 * frame that INVOKE made ends its step, and if the step has tries left it is called again instead. At the first frame
 * of a branch the branch ends and waits for its JOIN; at the first frame of the main fiber the run has failed.
 *
 * A step whose time is up is different: everything inside it is left without asking any TRY there, so no `else` deep
 * inside can keep it going; the error `timeout` is then raised where the step was called. A denied act is stricter
 * still: no TRY takes it and nothing is tried again; its branch ends, the others of the group are waited for, and the
 * run has ended as denied.
 */
#include "vm/run.h"

#include "lang/opcodes.h"
#include "vm/guard.h"
#include "vm/undo.h"

/* ---- frames ---- */

static frame *frame_of_size(vm_run *r, uint8_t size) {
    frame *f = r->spare[size];
    if (f) {
        r->spare[size] = f->up;
        memset(f->regs, 0, ((size_t)size + 1) * FRAME_STEP * sizeof *f->regs);
        return f;
    }
    f = env_alloc(&r->env, sizeof *f);
    if (!f) return NULL;
    f->regs = env_alloc_array(&r->env, ((size_t)size + 1) * FRAME_STEP, sizeof *f->regs);
    return f->regs ? f : NULL;
}

frame *frame_new(vm_run *r, const vm_function *fn) {
    uint8_t size = (uint8_t)(fn->nregs / FRAME_STEP);
    frame *f = frame_of_size(r, size);
    if (!f) return NULL;
    *f = (frame){.fn = fn, .regs = f->regs, .size = size};
    return f;
}

void frame_release(vm_run *r, frame *f) {
    f->up = r->spare[f->size];
    r->spare[f->size] = f;
}

bool frame_path(vm_run *r, frame *f) {
    if (!f->is_branch) return true;
    const char *dot = f->path.n ? "." : "";
    pb_str path = pb_printf(r->env.arena, "%.*s%s%u:%u", PB_ARG(f->path), dot, f->group, f->branch);
    if (!path.s) return env_no_memory(&r->env);
    f->path = path;
    f->is_branch = false;
    return true;
}

pb_str frame_next_id(vm_run *r, frame *f) {
    if (!frame_path(r, f)) return (pb_str){0};
    f->count++;
    pb_str id = f->path.n ? pb_printf(r->env.arena, "%.*s.%u", PB_ARG(f->path), f->count)
                          : pb_printf(r->env.arena, "%u", f->count);
    if (!id.s) env_no_memory(&r->env);
    return id.s ? id : (pb_str){0};
}

uint32_t frame_place(const frame *f) { return vm_place_of(f->fn, f->pc ? f->pc - 1 : 0); }

static frame *first_frame(const fiber *f) {
    frame *t = f->top;
    while (t->up) t = t->up;
    return t;
}

/* ---- fibers ---- */

fiber *fiber_new(vm_run *r) {
    fiber *f = r->spare_fibers;
    if (r->nfibers >= RUN_MAX_FIBERS) {
        env_fail(&r->env, "budget_branches", "the run needs more than %d branches at once", RUN_MAX_FIBERS);
        r->env.error.fatal = true; /* nobody could catch it: others of its group may be under way */
        return NULL;
    }
    if (f)
        r->spare_fibers = f->next;
    else
        f = env_alloc(&r->env, sizeof *f);
    if (!f) return NULL;
    *f = (fiber){.run = r};
    if (r->last_fiber)
        r->last_fiber->next = f;
    else
        r->fibers = f;
    r->last_fiber = f;
    r->nfibers++;
    return f;
}

void fiber_release(vm_run *r, fiber *f) {
    fiber **at = &r->fibers, *before = NULL;
    while (*at != f) before = *at, at = &(*at)->next;
    *at = f->next;
    if (r->last_fiber == f) r->last_fiber = before;
    f->next = r->spare_fibers;
    r->spare_fibers = f;
    r->nfibers--;
}

void run_fail(vm_run *r, const vm_error *e, uint32_t place) {
    r->outcome = VM_FAILED;
    r->reason = e->message;
    r->error_code = e->code;
    r->place = place;
    for (vm_step *s = r->steps; s; s = s->next) steps_close(r, s, STEP_FAILED);
}

static outcome finish_run(fiber *f, fiber_end end, pb_str reason) {
    vm_run *r = f->run;
    if (r->undoing && end == END_OK) {
        undo_finished(r);
        return BLOCKED;
    }
    static const vm_outcome outcomes[] = {VM_DONE, VM_FAILED, VM_STOPPED, VM_SKIPPED, VM_DENIED};
    if (end == END_ERROR) {
        run_fail(r, &f->error, f->place);
        return BLOCKED;
    }
    r->outcome = outcomes[end];
    r->reason = reason;
    if (end == END_DENIED) r->error_code = f->error.code;
    r->place = f->place;
    return BLOCKED;
}

outcome fiber_finish(fiber *f, fiber_end end, pb_str reason) {
    vm_run *r = f->run;
    /* STOP in an action: what was under way around it has done its part. */
    for (; f->top->up;) {
        frame *t = f->top;
        if (t->own_step) steps_close(r, t->step, STEP_OK);
        f->top = t->up;
        frame_release(r, t);
    }
    if (!f->place) f->place = frame_place(f->top);
    f->end = end;
    f->state = FIBER_DONE;
    if (end == END_STOP || end == END_SKIP) f->error.message = reason;
    return f->parent ? BLOCKED : finish_run(f, end, reason);
}

/* ---- errors ---- */

/* The newest TRY of the top frame takes the error. */
static outcome catch_error(fiber *f, const vm_error *e) {
    vm_run *r = f->run;
    frame *t = f->top;
    pb_map_builder map = {.arena = r->env.arena};
    pb_map_add(&map, PB_STR("code"), pb_string(e->code));
    pb_map_add(&map, PB_STR("message"), pb_string(e->message));
    pb_map_add(&map, PB_STR("conflict"), pb_bool(e->kind.conflict));
    pb_map_add(&map, PB_STR("throttled"), pb_bool(e->kind.throttled));
    if (e->kind.status) pb_map_add(&map, PB_STR("status"), pb_int(e->kind.status));
    if (map.oom) {
        env_no_memory(&r->env);
        return RAISE;
    }
    r->caught = e->message.s;
    r->caught_place = e->place;
    t->ntries--;
    t->regs[t->tries[t->ntries].reg] = pb_map_done(&map);
    t->pc = t->tries[t->ntries].pc;
    t->scope = t->tries[t->ntries].scope;
    f->state = FIBER_READY;
    return GO;
}

static void timeout_error(vm_run *r, const vm_step *s) {
    uint32_t ms = vm_field(r->env.program, SECTION_SITES, s->site, SITES_timeout), place = r->env.error.place;
    pb_str limit = pb_display(r->env.arena, pb_duration(ms));
    env_fail(&r->env, "timeout", "%.*s did not end within %.*s", PB_ARG(s->name), PB_ARG(limit));
    r->env.error.place = place;
}

/* Leaves the top frame, which is not the fiber's first. True: its step is called again. */
static bool leave_frame(fiber *f, const vm_step *expired) {
    vm_run *r = f->run;
    frame *t = f->top;
    vm_step *s = t->own_step ? t->step : NULL;
    f->top = t->up;
    frame_release(r, t);
    if (!s) return false;
    if (s == expired && !r->env.error.kind.denied) timeout_error(r, s);
    return step_failed(f, s, s == expired);
}

/* Is there an action around the fiber's top frame, in this fiber or in those that it was forked from? */
static bool in_action(const fiber *f) {
    for (; f; f = f->parent)
        for (const frame *t = f->top; t; t = t->up)
            if (t->own_step && t->step->kind != STEP_GUARD) return true;
    return false;
}

outcome fiber_raise(fiber *f) {
    vm_run *r = f->run;
    if (r->env.error.again && !in_action(f)) r->env.error.again = false; /* an error like others */
    for (;;) {
        vm_error *e = &r->env.error;
        if (!e->place)
            e->place = e->message.s && e->message.s == r->caught ? r->caught_place : frame_place(first_frame(f));
        if (e->fatal) {
            run_fail(r, e, e->place);
            return BLOCKED;
        }
        const vm_step *expired = step_expired(f);
        if (!expired && !e->kind.denied && !e->again && f->top->ntries) {
            vm_error copy = *e;
            if (catch_error(f, &copy) == GO) return GO;
            continue;
        }
        if (!f->top->up) {
            f->error = *e;
            f->place = e->place;
            return fiber_finish(f, e->kind.denied ? END_DENIED : END_ERROR, e->message);
        }
        if (f->top->use == FRAME_UNDO) return undo_failed(f);
        if (f->top->use == FRAME_GUARD) {
            outcome o = guard_failed(f);
            if (o == RAISE) continue;
            return o;
        }
        if (leave_frame(f, expired)) return BLOCKED;
    }
}

/* ---- branches ---- */

outcome fiber_fork(fiber *f, int32_t offset) {
    vm_run *r = f->run;
    frame *t = f->top, *copy = frame_new(r, t->fn);
    fiber *b = copy && frame_path(r, t) ? fiber_new(r) : NULL;
    if (!b) return RAISE;
    memcpy(copy->regs, t->regs, t->fn->nregs * sizeof *t->regs);
    copy->pc = t->pc;
    copy->step = t->step;
    copy->scope = t->scope;
    if (!t->branches) t->group = ++t->count;
    copy->path = t->path;
    copy->is_branch = true;
    copy->group = t->group;
    b->top = copy;
    b->parent = f;
    fiber **last = &t->branches;
    for (; *last; last = &(*last)->sibling) copy->branch++;
    *last = b;
    t->pc = (uint32_t)((int64_t)t->pc + offset);
    return GO;
}

static bool all_done(const fiber *b) {
    while (b && b->state == FIBER_DONE) b = b->sibling;
    return !b;
}

outcome fiber_join(fiber *f) {
    f->state = FIBER_JOINING;
    return all_done(f->top->branches) ? fiber_joined(f) : BLOCKED;
}

bool fiber_may_join(const fiber *f) { return f->state == FIBER_JOINING && all_done(f->top->branches); }

/* Does the branch's end count more than what the branches before it came to? The first failure does, but for a denial
 * and for a call in doubt, which no other error may hide. */
static bool graver(const fiber *b, fiber_end than, bool again) {
    if (b->end == END_OK || than == END_DENIED) return false;
    return than == END_OK || b->end == END_DENIED || (b->end == END_ERROR && b->error.again && !again);
}

outcome fiber_joined(fiber *f) {
    vm_run *r = f->run;
    frame *t = f->top;
    fiber_end end = END_OK;
    f->state = FIBER_READY;
    r->env.error.again = false;
    for (fiber *b = t->branches, *next; b; b = next) {
        next = b->sibling;
        if (b->count) memcpy(t->regs + b->first, b->top->regs + b->first, b->count * sizeof *t->regs);
        if (graver(b, end, r->env.error.again)) {
            end = b->end;
            r->env.error = b->error;
            r->env.error.place = b->place;
        }
        frame_release(r, b->top);
        fiber_release(r, b);
    }
    t->branches = NULL;
    if (end == END_OK) return GO;
    if (end == END_ERROR || end == END_DENIED) return RAISE;
    f->place = r->env.error.place;
    return fiber_finish(f, end, r->env.error.message);
}
