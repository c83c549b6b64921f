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

/* What is done about a call above `read` that was sent by a process which died before the answer was on disk. */
typedef enum pb_again {
    AGAIN_ACTION, /* the action around it is called again: it reads first */
    AGAIN_SAFE,   /* sent again: a client token or the operation's nature makes that harmless */
    AGAIN_ASKS    /* the host is called with c->doubt and finds out itself */
} pb_again;

struct pb_host {
    pb_effect effect;
    pb_again again;
    bool parks; /* may call pb_call_park */
    pb_host_fn *fn;
    pb_host_cancel_fn *cancel; /* NULL: the host always answers at once */
    const void *data;          /* the provider's own: an operation ... */
    uint64_t number;           /* the same */
    void *state;               /* the provider's connection, credentials ... */
};

/* What pbrun asks for itself, as no step of any program: the kill switch's parameter, a message to the alerts channel. With
 * pbrun's own credentials and region. */
typedef struct pb_question {
    pb_str host;         /* "aws.ssm.GetParameter" */
    pb_value args;
    pb_str region;       /* empty: the settings' */
    const pb_site *site; /* NULL: none */
    int64_t deadline_ms; /* monotonic */
    pb_arena *arena;     /* the answer lives here */
} pb_question;
typedef struct pb_answer {
    bool ok;
    pb_value value;
    pb_str code, message; /* not ok */
} pb_answer;
typedef void pb_answer_fn(void *ctx, const pb_answer *a);

/* Finds hosts by name. Providers are asked in order until one says yes. */
typedef struct pb_host_provider {
    const char *prefix; /* "aws." or "" */
    void *state;
    bool (*resolve)(void *state, pb_str name, pb_host *out);
    void (*close)(void *state); /* NULL: nothing to free */
    /* What is kept for this run can be let go; it has no calls under way. NULL: nothing is kept. */
    void (*run_end)(void *state, const vm_run *r);
    /* NULL: the provider answers no such questions. Gives NULL when fn has been called already, else what unask takes. */
    void *(*ask)(void *state, pb_loop *l, const pb_question *q, pb_answer_fn *fn, void *ctx);
    void (*unask)(void *state, void *asked); /* fn is not called */
} pb_host_provider;

/* The context of the run that a call belongs to: what RUN gives (incident_id, account, region, ...). */
pb_value pb_call_context(const vm_call *c);
/* The site's settings; NULL: there is no site. */
const pb_site *pb_call_site(const vm_call *c);
/* The names of all hosts that the running playbook can come to. False: out of memory. */
bool pb_call_reach(const vm_call *c, pb_arena *a, const pb_str **hosts, uint32_t *n);
/* Time left for the call in ms (its step's, its run's or the default limit), at least 1. */
int64_t pb_call_time_left(const vm_call *c);

/* The run's store; NULL: it has none. */
struct store;
struct store *pb_call_store(const vm_call *c);
/* Instead of answering: the call waits for a moment of the wall clock (0: none) or for store_run_poke, and the host is then called again
 * with c->doubt, maybe in another process. what: "approval of \"Terminate i-1?\"", for people. Only for hosts with `parks`. */
void pb_call_park(vm_call *c, int64_t wake_at_ms, pb_str what);
/* Instead of answering: the store could not be read or written, so the run is left as it is on disk, to be resumed. */
void pb_call_store_failed(vm_call *c, pb_str why);
/* Did the run begin although its playbook's `limit` is reached? Then limit.ask has to ask. */
bool pb_call_over_limit(const vm_call *c);
/* Puts a note into the run's journal and evidence ("approval_asked", "approval_granted", "target_busy" ...): no secrets in it. */
void pb_call_note(const vm_call *c, const char *kind, pb_value what);

#endif
