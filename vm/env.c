/*
 * env.c - the two budgets of a run, and errors.
 */
#include "vm/env.h"

#include <stdio.h>

bool env_fail(vm_env *e, const char *code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    pb_str message = pb_vprintf(e->arena, fmt, ap);
    va_end(ap);
    if (!message.s) return env_no_memory(e);
    e->error = (vm_error){.code = pb_str_c(code), .message = message};
    return false;
}

static size_t used(const vm_env *e) { return pb_arena_used(e->arena) - e->arena_start; }

bool env_no_memory(vm_env *e) {
    /* No formatting here: there may be no byte left to do it in. */
    e->error = (vm_error){.code = PB_STR("budget_memory"),
                          .message = PB_STR("out of memory: the run needs more than its memory limit allows"),
                          .fatal = true};
    return false;
}

bool env_memory_ok(vm_env *e) { return used(e) <= e->memory || env_no_memory(e); }

bool env_charge(vm_env *e, uint64_t units) {
    if (units < e->fuel) {
        e->fuel -= units;
        return true;
    }
    e->fuel = 0;
    env_fail(e, "budget_instructions", "the run needs more than %llu instructions", (unsigned long long)e->limit);
    e->error.fatal = true;
    return false;
}

void *env_alloc(vm_env *e, size_t n) {
    void *p = used(e) <= e->memory && n <= e->memory - used(e) ? pb_alloc(e->arena, n) : NULL;
    if (!p) env_no_memory(e);
    return p;
}

void *env_alloc_array(vm_env *e, size_t count, size_t size) {
    if (size && count > SIZE_MAX / 2 / size) {
        env_no_memory(e);
        return NULL;
    }
    return env_alloc(e, count * size);
}

bool env_string(vm_env *e, const char *s, size_t n, pb_value *out) {
    if (n >= UINT32_MAX) return env_no_memory(e);
    char *p = env_alloc(e, n + 1);
    if (!p) return false;
    if (n) memcpy(p, s, n);
    *out = pb_string((pb_str){p, (uint32_t)n});
    return true;
}

bool env_holds(vm_env *e, pb_value v, pb_kind kind, bool *yes) {
    int64_t work = e->fuel < INT64_MAX ? (int64_t)e->fuel : INT64_MAX, before = work;
    *yes = v.kind == kind;
    if (v.kind != PB_LIST && v.kind != PB_MAP) return true;
    pb_truth t = pb_holds_within(v, kind, &work);
    *yes = t == PB_YES;
    if (t == PB_COSTLY && work >= 0)
        return env_fail(e, "too_deep", "a value is nested more than %d levels deep", VALUE_MAX_DEPTH);
    return env_charge(e, work < 0 ? (uint64_t)before : (uint64_t)(before - work));
}

bool env_no_secret(vm_env *e, pb_value v, const char *what) {
    bool yes;
    if (!env_holds(e, v, PB_SECRET, &yes)) return false;
    return !yes || env_fail(e, "secret", "a secret must not %s", what);
}

const char *vm_a_kind(pb_value v) {
    static const char *const names[] = {"none",       "a bool", "an int", "a float", "a string", "bytes",
                                        "a duration", "a time", "a list", "a map",   "a secret", "an unknown value"};
    return v.kind < sizeof names / sizeof *names ? names[v.kind] : "?";
}
