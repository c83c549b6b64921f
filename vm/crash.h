/*
 * crash.h - a test aid: the process kills itself (SIGKILL) at a chosen moment, so that a test can see every run survive
 * it.
 *
 * The moments, in the order in which a process comes to them, are numbered from 1: before and after each write of the
 * store that is made durable, before each call of a host is sent, and when its answer arrives. PB_CRASH_AT=N dies at
 * the N-th; PB_CRASH_COUNT=FILE writes how many there were when the process ends by itself. Nobody but the process is
 * harmed.
 *
 * `pbc test` cannot die at each of them: it watches them, and has the store and the network of its run go silent
 * instead.
 */
#ifndef PB_CRASH_H
#define PB_CRASH_H

#include <stdint.h>

typedef struct crash {
    uint64_t at; /* 0: never */
    uint64_t n;  /* moments so far */
} crash;

crash crash_begin(void);
void crash_point(crash *c);
void crash_end(const crash *c);
/* fn is called at every moment of this process instead; NULL: no longer. */
typedef void crash_fn(void *ctx);
void crash_watch(crash_fn *fn, void *ctx);

#endif
