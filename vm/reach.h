/*
 * reach.h - which hosts a function of a program can come to.
 */
#ifndef PB_REACH_H
#define PB_REACH_H

#include "vm/interp.h"

/* The names of the hosts, each once, in the arena. False: out of memory. */
bool vm_reach(const vm_program *p, uint32_t function, pb_arena *a, const pb_str **hosts, uint32_t *n);

#endif
