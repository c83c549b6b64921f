/*
 * guard.h - an organisation's rules over acts: which of a program's guards look at a site, and asking them.
 */
#ifndef PB_GUARD_H
#define PB_GUARD_H

#include "vm/run.h"

enum {
    GUARD_MS = 30000, /* for one guard: it reads a resource or two, retries included */
    GUARD_WHY_MAX = 1000 /* bytes of a guard's reason */
};

/* Finds the guards of every site, once a program. False: out of memory. */
bool guards_bind(vm_program *p);
/* How many guards look at this site before it is called. */
uint32_t guards_of(const vm_program *p, uint32_t site);
uint32_t guard_at(const vm_program *p, uint32_t site, uint32_t n); /* the n-th of them: index into GUARDS */

/* Step s, called from the fiber's top frame, is about to be done: enters the n-th guard of its site (from 0), or, when
 * all have agreed, does it (*agreed). */
outcome guard_ask(fiber *f, vm_step *s, uint32_t n, bool *agreed);
/* The fiber's top frame is a guard's and has come to an end: with a result, or with run->env.error. */
outcome guard_returned(fiber *f, pb_value result);
outcome guard_failed(fiber *f);

/* AUTHORIZE. */
outcome guard_authorize(fiber *f, pb_value name, pb_value because);

#endif
