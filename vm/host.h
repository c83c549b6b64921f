/*
 * host.h - what a playbook can call that is not written in the language: C hosts and the gate they are called through.
 *
 * The gate (gate.c) is the only way from a program to a host. It looks the host up, checks that its effect is what the
 * program's manifest says, holds back everything above `read` in a dry run, sets the deadline, and keeps the times.
 */
#ifndef PB_HOST_H
#define PB_HOST_H

#include "vm/interp.h"
#include "vm/loop.h"
#include "vm/site.h"

typedef struct pb_host pb_host;
/* Called with the run's call; must answer it once with vm_return/vm_raise. The loop is the engine's. */
typedef void pb_host_fn(const pb_host *h, vm_call *c, pb_loop *loop);
/* Stops what the call has under way; it must not be answered afterwards. The gate answers it (timeout, cancelled). */
typedef void pb_host_cancel_fn(const pb_host *h, vm_call *c);

struct pb_host {
    pb_effect effect;
    pb_host_fn *fn;
    pb_host_cancel_fn *cancel; /* NULL: the host always answers at once */
    const void *data;          /* the provider's own: an operation ... */
    uint64_t number;           /* the same */
    void *state;               /* the provider's connection, credentials ... */
};

/* Finds hosts by name. Providers are asked in order until one says yes. */
typedef struct pb_host_provider {
    const char *prefix; /* "aws." or "" */
    void *state;
    bool (*resolve)(void *state, pb_str name, pb_host *out);
    void (*close)(void *state); /* NULL: nothing to free */
    /* What is kept for this run can be let go; it has no calls under way. NULL: nothing is kept. */
    void (*run_end)(void *state, const vm_run *r);
} pb_host_provider;

/* The context of the run that a call belongs to: what RUN gives (incident_id, account, region, ...). */
pb_value pb_call_context(const vm_call *c);
/* The site's settings; NULL: there is no site. */
const pb_site *pb_call_site(const vm_call *c);
/* The names of all hosts that the running playbook can come to. False: out of memory. */
bool pb_call_reach(const vm_call *c, pb_arena *a, const pb_str **hosts, uint32_t *n);
/* Time left for the call in ms (its step's, its run's or the default limit), at least 1. */
int64_t pb_call_time_left(const vm_call *c);

#endif
