/*
 * brakes.h - what can hold an act back although the program and its author want it: admission, the kill switch,
 * protection of pbrun's own branch, one run at a time on a target. (Guards are programs and run by the gate itself.)
 *
 *     run begin   brakes_admission -> store_run_begin -> brakes_admitted
 *     each call   gate: refusal, dry run, observe, guards ... then brakes_ask, and only on BRAKES_GO the intent is
 *                 written and the host called. Nothing may be waited for between BRAKES_GO and the call.
 *
 * Only live calls are asked about: not those that a journal answers, not those of a dry run, and not those that
 * observe-only mode holds back. For calls below `contain` brakes_ask answers BRAKES_GO at once.
 *
 * Results that may come at once or later follow one rule: the function that asks gives NULL when it has answered
 * already, else a handle to give up with.
 */
#ifndef PB_BRAKES_H
#define PB_BRAKES_H

#include "vm/host.h"
#include "vm/store.h"

typedef struct brakes brakes; /* one an engine */

typedef struct brakes_config {
    pb_loop *loop;
    const pb_site *site; /* NULL: none */
    store *store;        /* NULL: none */
    const pb_host_provider *providers;
    size_t nproviders;
} brakes_config;

brakes *brakes_new(const brakes_config *c); /* NULL: out of memory */
void brakes_free(brakes *b);                /* nobody may be waiting */

/* ---- admission: before a run begins ---- */

/* Does this playbook need a store for dedupe, limit or concurrency? *what: which of them, for the message. */
bool brakes_needs_store(const vm_program *p, uint32_t playbook, const char **what);

typedef struct brakes_admission {
    store_admission ask; /* for store_run_begin */
    bool anyway;         /* likewise: `limit ... else approve` */
} brakes_admission;

/* Evaluates the dedupe key. The context is that of a match (match_context_fn). False with a sentence in *err: the key
 * could not be made out; the run is to fail with code "could_not_decide". */
bool brakes_admission_of(const vm_program *p, uint32_t playbook, pb_value bound, const pb_value *params,
                         pb_value context, pb_arena *a, brakes_admission *out, pb_str *err);

typedef struct brakes_admitted {
    bool begin;
    bool over_limit;     /* begin; the host limit.ask in the body's prologue has to ask (pb_call_over_limit) */
    vm_outcome outcome;  /* else: VM_SKIPPED "duplicate" (status 0), VM_STOPPED "limit" or "concurrency" (4) */
    pb_str code, reason; /* ... as the run's code and reason */
} brakes_admitted;
/* What the store's answer means. */
brakes_admitted brakes_admitted_of(const brakes_admission *q, store_admitted why, pb_str other, pb_arena *a);

/* ---- before each call ---- */

/* What is about to be done, and by which run. Texts live as long as the question. */
typedef struct brakes_act {
    const vm_call *call;
    const vm_program *program;
    const pb_host *host;
    pb_value context;    /* what RUN gives: id, playbook, account ... */
    int64_t fence;       /* of the run in the store */
    int64_t deadline_ms; /* monotonic, of the call: how long it may wait for its target */
    pb_arena *arena;     /* the run's: the answer's texts live there */
    /* pb_call_note, or NULL: "target_busy" {target, run} when the call begins to wait for a target. */
    void (*note)(const vm_call *c, const char *kind, pb_value what);
} brakes_act;

typedef enum brakes_verdict {
    BRAKES_GO,
    BRAKES_HOLD, /* the switch says observe: this and all later changes of the run are held back; why in message */
    BRAKES_DENY, /* code, message, denial; `alerts` has been told */
    BRAKES_ERROR /* the call fails with code and message: "target_busy", "store", "lost", "memory" ... */
} brakes_verdict;

typedef struct brakes_answer {
    brakes_verdict verdict;
    pb_str code, message;
    vm_denial denial; /* for vm_deny */
} brakes_answer;

typedef void brakes_fn(void *ctx, const brakes_answer *a);
typedef struct brakes_wait brakes_wait;

brakes_wait *brakes_ask(brakes *b, const brakes_act *act, brakes_fn *fn, void *ctx);
void brakes_unask(brakes_wait *w); /* fn is not called */

/* A guard has denied: tells the alerts channel and answers BRAKES_DENY with the denial, `told` in it. */
brakes_wait *brakes_tell(brakes *b, const vm_denial *d, pb_value context, pb_arena *arena, brakes_fn *fn, void *ctx);

#endif
