/*
 * vmtest.h - programs built by hand, and a world to run them in: a clock that moves only when everybody waits, and
 * hosts that answer by their names. For the C tests of the VM; each has its own static copy.
 */
#ifndef PB_VMTEST_H
#define PB_VMTEST_H

#include "lang/image_write.h"
#include "lang/opcodes.h"
#include "vm/builtins.h"
#include "vm/interp.h"

#include "tests/lib/check.h"

#include <stdlib.h>

static pb_arena *arena;

/* ---- a world ---- */

enum { MAX_EVENTS = 300 };
typedef struct due {
    int64_t at;
    void *token;   /* a sleeper */
    vm_call *call; /* or a call to be answered */
    vm_run *run;
} due;

typedef struct universe {
    int64_t now;
    bool dry;
    due events[MAX_EVENTS];
    int nevents;
    int calls, begun, ended;
    pb_buf trace; /* "0:echo 250:zzz ..." */
    vm_hooks hooks;
} universe;

static inline bool host_is(const vm_call *c, const char *name) { return pb_str_is(c->host, name); }

static inline void answer(universe *w, vm_call *c) {
    pb_value n = pb_get_c(c->args, "n");
    if (host_is(c, "echo") || host_is(c, "slow"))
        vm_return(c, pb_get_c(c->args, "v"));
    else if (host_is(c, "fail"))
        vm_raise(c, PB_STR("boom"), PB_STR("it broke"));
    else if (host_is(c, "fail2")) {
        if (c->step->attempts <= 2)
            vm_raise(c, PB_STR("boom"), PB_STR("not yet"));
        else
            vm_return(c, pb_int(c->step->attempts));
    } else if (host_is(c, "later"))
        vm_return(c, pb_bool(w->now >= n.u.i));
    else if (host_is(c, "hang"))
        vm_raise(c, PB_STR("timeout"), PB_STR("no answer"));
    else if (host_is(c, "unsent")) {
        c->step->status = STEP_PLANNED;
        vm_return(c, (pb_value){.kind = PB_UNKNOWN});
    } else
        vm_raise(c, PB_STR("no_such_host"), c->host);
    vm_return(c, pb_string_c("a second answer, which nobody may hear"));
}

static inline void at(universe *w, due e) {
    if (w->nevents < MAX_EVENTS) w->events[w->nevents++] = e;
}

static inline void hook_invoke(void *ctx, vm_call *c) {
    universe *w = ctx;
    w->calls++;
    pb_buf_printf(&w->trace, "%lld:%.*s ", (long long)w->now, PB_ARG(c->host));
    int64_t delay = host_is(c, "slow") ? 1000 : 0;
    if (host_is(c, "hang"))
        delay = c->step->deadline_ms ? c->step->deadline_ms - w->now : 3600000; /* as the gate does */
    if (pb_is(pb_get_c(c->args, "ms"), PB_INT)) delay = pb_get_c(c->args, "ms").u.i;
    if (delay)
        at(w, (due){.at = w->now + delay, .call = c});
    else
        answer(w, c);
}

static inline void hook_begin(void *ctx, vm_run *r, vm_step *s) {
    (void)r, (void)s;
    ((universe *)ctx)->begun++;
}
static inline void hook_end(void *ctx, vm_run *r, vm_step *s) {
    (void)r, (void)s;
    ((universe *)ctx)->ended++;
}
static inline void hook_sleep(void *ctx, vm_run *r, void *token, int64_t ms) {
    universe *w = ctx;
    pb_buf_printf(&w->trace, "%lld:sleep%lld ", (long long)w->now, (long long)ms);
    at(w, (due){.at = w->now + ms, .token = token, .run = r});
}
static inline int64_t hook_now(void *ctx) { return ((universe *)ctx)->now; }

static inline void world_new(universe *w) {
    *w = (universe){.now = 0};
    w->hooks = (vm_hooks){w, hook_invoke, hook_begin, hook_end, hook_sleep, hook_now, hook_now, false, NULL};
}

/* Delivers what is due next. False: nothing is. */
static inline bool world_turn(universe *w) {
    int first = -1;
    for (int i = 0; i < w->nevents; i++)
        if (first < 0 || w->events[i].at < w->events[first].at) first = i;
    if (first < 0) return false;
    due e = w->events[first];
    memmove(&w->events[first], &w->events[first + 1], (size_t)(--w->nevents - first) * sizeof e);
    if (e.at > w->now) w->now = e.at;
    if (e.call)
        answer(w, e.call);
    else
        vm_wake(e.run, e.token);
    return true;
}

/* ---- programs ---- */

#define EMIT(o, a, b, c) iw_emit(w, op_abc(OPCODE_##o, (uint32_t)(a), (uint32_t)(b), (uint32_t)(c)))
#define EMITX(o, a, bx) iw_emit(w, op_abx(OPCODE_##o, (uint32_t)(a), (uint32_t)(bx)))
#define EMITJ(o, a, s) iw_emit(w, op_asbx(OPCODE_##o, (uint32_t)(a), (s)))
#define KS(text) iw_const_string(w, PB_STR(text))
enum { REGS = 40 };

static inline iw *start(void) {
    iw *w = iw_new(arena);
    iw_source(w, PB_STR("test.pb"), PB_STR("00"));
    return w;
}

/* The body: event in register 0. */
static inline void body(iw *w) {
    iw_function_begin(w, PB_STR("playbook test"), FUNCTION_BODY, PB_DESTROY, 1);
    iw_place(w, 0, 1);
}

static inline uint32_t host_site(iw *w, const char *host, uint32_t timeout, uint32_t retry) {
    pb_str name = pb_str_c(host);
    iw_site_info s = {.kind = SITE_HOST,
                      .host = name,
                      .name = name,
                      .effect = PB_READ,
                      .timeout_ms = timeout,
                      .retry = retry,
                      .nargs = 1,
                      .is_do = true,
                      .line = 1,
                      .title = name};
    return iw_site(w, &s);
}

static inline uint32_t action_site(iw *w, uint32_t function, uint32_t nargs, uint32_t timeout, uint32_t retry) {
    iw_site_info s = {.kind = SITE_ACTION,
                      .function = function,
                      .name = PB_STR("act"),
                      .effect = PB_CONTAIN,
                      .timeout_ms = timeout,
                      .retry = retry,
                      .nargs = nargs,
                      .is_do = true,
                      .line = 1,
                      .title = PB_STR("act()")};
    return iw_site(w, &s);
}

/* Registers 30 and 31 are used. { key: register reg } into the record. */
static inline void record(iw *w, const char *key, uint32_t reg) {
    EMITX(LOADK, 30, iw_const_string(w, pb_str_c(key)));
    EMIT(MOVE, 31, reg, 0);
    EMIT(MAP, 30, 30, 1);
    EMIT(RECORD, 30, 0, 0);
}

/* A = { key: constant } as a host's arguments; registers 32 and 33 are used. */
static inline void args_int(iw *w, uint32_t reg, const char *key, int value) {
    EMITX(LOADK, 32, iw_const_string(w, pb_str_c(key)));
    EMITJ(LOADI, 33, value);
    EMIT(MAP, reg, 32, 1);
}

typedef struct result {
    vm_outcome outcome;
    pb_value record;
    pb_str reason, code;
    uint32_t line;
    const vm_step *steps;
    uint64_t instructions;
} result;

static inline result run_image(universe *wd, const pb_buf *image, pb_value event, const vm_limits *limits,
                               pb_arena *a) {
    pb_str err = {NULL, 0};
    result out = {.outcome = VM_FAILED};
    vm_program *p = vm_program_load(image->data, image->len, a, &err);
    if (!p) {
        out.code = PB_STR("load");
        out.reason = err;
        return out;
    }
    uint32_t f = vm_count(p, SECTION_FUNCTIONS) - 1;
    pb_value params[2] = {pb_string_c("param"), pb_int(7)}, context = pb_string_c("context");
    wd->hooks.dry = wd->dry;
    vm_run *r = vm_run_new(p, f, event, params, context, limits, &wd->hooks, a);
    if (r) {
        while (vm_run_go(r) == VM_RUNNING && world_turn(wd)) {
        }
        out = (result){vm_run_outcome(r),         vm_run_record(r), vm_run_reason(r),      vm_run_error_code(r),
                       vm_run_place(r) & 0xfffff, vm_run_steps(r),  vm_run_instructions(r)};
        vm_run_end(r);
    } else {
        out.code = PB_STR("no_run");
    }
    vm_program_close(p);
    return out;
}

static inline result finish(iw *w, universe *wd, pb_value event, const vm_limits *limits) {
    pb_buf image = {0};
    iw_function_end(w, REGS);
    CHECK(iw_finish(w, &image) == IW_OK);
    /* The image outlives the run in the arena: strings of the result point into it. */
    pb_str copy = pb_strdup(arena, image.data, image.len);
    pb_buf kept = {.data = (char *)(uintptr_t)copy.s, .len = copy.n};
    result r = run_image(wd, &kept, event, limits, arena);
    CHECK(wd->begun == wd->ended);
    pb_buf_free(&image);
    return r;
}

static inline const char *text_of(pb_value v) {
    if (v.kind == PB_NONE) return "none";
    if (v.kind == PB_UNKNOWN) return "unknown";
    return pb_json_text(arena, v).s;
}

/* The record as JSON, or "!code" of the failure, "stop:..." and so on. */
static inline const char *told(result r) {
    switch (r.outcome) {
    case VM_DONE: return text_of(r.record);
    case VM_FAILED:
        if (pb_str_is(r.code, "load")) return r.reason.s;
        return pb_printf(arena, "!%.*s", PB_ARG(r.code)).s;
    case VM_STOPPED: return pb_printf(arena, "stop:%.*s", PB_ARG(r.reason)).s;
    case VM_SKIPPED: return pb_printf(arena, "skip:%.*s", PB_ARG(r.reason)).s;
    case VM_DENIED: return pb_printf(arena, "denied:%.*s", PB_ARG(r.code)).s;
    case VM_RUNNING: return "still running";
    }
    return "?";
}

static inline const char *finish_text(iw *w, universe *wd) { return told(finish(w, wd, PB_NONE_VALUE, NULL)); }

/* ---- values ---- */

static inline pb_value S(const char *s) { return pb_string_c(s); }
static inline pb_value I(int64_t i) { return pb_int(i); }
static inline pb_value J(const char *text) {
    pb_value v = PB_NONE_VALUE;
    pb_str err;
    CHECK(pb_json_parse(arena, text, strlen(text), &v, &err));
    return v;
}
static inline pb_value secret(void) { return (pb_value){.kind = PB_SECRET, .n = 3, .u.s = "abc"}; }
static inline pb_value unknown(void) { return (pb_value){.kind = PB_UNKNOWN}; }
static inline pb_value none(void) { return PB_NONE_VALUE; }
static inline pb_value list3(pb_value a, pb_value b, pb_value c) {
    pb_value *items, v = pb_list_new(arena, 3, &items);
    items[0] = a, items[1] = b, items[2] = c;
    return v;
}

#endif
