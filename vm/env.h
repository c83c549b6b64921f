/*
 * env.h - what an operation needs around it: memory and instructions that are left, and a place for its error.
 *
 * Every operation whose work depends on its input says so with env_charge, and takes memory with env_alloc, so that
 * a run's two budgets hold whatever the program does in one instruction. An error is `code` (short, snake_case:
 * playbooks compare it) and a message for people. A fatal one ends the run: no `else` or `on failure` may catch that a
 * budget is used up.
 */
#ifndef PB_ENV_H
#define PB_ENV_H

#include "vm/program.h"

typedef struct vm_error {
    pb_str code, message;
    bool fatal;
    bool again; /* the innermost action is to be called again: no `else` on the way takes it */
    uint32_t place; /* source << 20 | line; 0: not known yet */
    vm_error_class kind;
} vm_error;

typedef struct vm_env {
    const vm_program *program;
    pb_arena *arena;
    size_t arena_start; /* what the arena had given out before */
    size_t memory;      /* bytes that may come on top */
    uint64_t limit;     /* instructions, for the message */
    uint64_t fuel;      /* of them left */
    bool dry;           /* unknown values may be about */
    vm_error error;
} vm_env;

/* Sets the error; always false. The code is a literal. */
bool env_fail(vm_env *e, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool env_no_memory(vm_env *e); /* budget_memory or out of memory; fatal */
bool env_memory_ok(vm_env *e); /* false: the budget is used up, error set */
/* Work of `units` instructions. False: budget_instructions. */
bool env_charge(vm_env *e, uint64_t units);
void *env_alloc(vm_env *e, size_t n); /* zeroed; NULL: error set */
void *env_alloc_array(vm_env *e, size_t count, size_t size);
bool env_string(vm_env *e, const char *s, size_t n, pb_value *out); /* a copy */
/* Is there a value of this kind anywhere in v? Charged. False: the budget is used up, or it cannot be told. */
bool env_holds(vm_env *e, pb_value v, pb_kind kind, bool *yes);
/* False: there is a secret in v ("a secret must not <what>"), or it cannot be told. */
bool env_no_secret(vm_env *e, pb_value v, const char *what);
/* "a string", "an int", "none": for messages. */
const char *vm_a_kind(pb_value v);

#endif
