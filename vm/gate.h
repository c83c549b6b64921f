/*
 * gate.h - the one door between a program and the world. See host.h for what stands behind it.
 */
#ifndef PB_GATE_H
#define PB_GATE_H

#include "vm/crash.h"
#include "vm/host.h"
#include "vm/journal.h"

enum {
    GATE_CALL_MS = 60000 /* of a call without a timeout of its own: AWS answers in seconds, retries included */
};

/* The hosts that a program calls, looked up once: gate_program[site]. */
typedef struct gate_program gate_program;

/*
 * Looks up every host of the program's manifest and of its sites. NULL with a sentence in *err when one is not there,
 * when the manifest states a lower effect than the host has, or when a site calls what the manifest does not name.
 */
gate_program *gate_bind(const vm_program *p, const pb_host_provider *providers, size_t nproviders, pb_arena *a,
                        pb_str *err);

struct gate_call;

/* A note of pb_call_note, kept for the evidence. */
typedef struct gate_note {
    pb_str step, kind;
    pb_value what;
    int64_t at;
    struct gate_note *next;
} gate_note;

/* What the gate keeps of one run; part of the engine's. */
typedef struct gate_run {
    const gate_program *program;
    pb_loop *loop;
    pb_arena *arena;  /* the run's */
    pb_value context; /* what RUN gives */
    const vm_program *image;
    uint32_t body;       /* the playbook's function */
    const pb_site *site; /* NULL: none */
    pb_effect most;      /* the playbook's effect: nothing beyond it is let through */
    pb_effect live;      /* what is beyond it is held back: READ in a dry run, NOTIFY in an observing one */
    int64_t deadline_ms; /* of the whole run, by the run's own clock (vm_hooks.mono_ms); 0: none */
    int64_t ahead_ms;    /* of that clock before the machine's */
    bool over_limit;     /* pb_call_over_limit */
    bool secrets_lost;   /* resumed: values may hold secrets whose content is gone */
    journal *journal;
    struct brakes *brakes; /* NULL: none */
    crash *crash;
    struct gate_call *open, **open_end; /* calls under way, in the order in which they were asked for */
    uint32_t nparked;
    gate_note *notes, *last_note;   /* in order */
    pb_str stop_code, stop_message; /* once set, nothing passes any more */
    pb_str broken; /* the store failed when brakes or a host looked into it: the run is to be left as it is on disk */
    bool lost;     /* ... or said that another process has the run */
} gate_run;

void gate_init(gate_run *g);
void gate_invoke(gate_run *g, vm_call *c); /* vm_hooks.invoke */
/* Everything waits: asks the brakes about the changing calls that were asked for meanwhile, and writes the intents of
 * those that may go on into the journal. *ready is set when there are some, to be sent with gate_send once the journal
 * is on disk. True: some call has got further. */
bool gate_intend(gate_run *g, bool *ready);
void gate_send(gate_run *g);
/* Does the run wait for something that is under way in this process? */
bool gate_busy(const gate_run *g);
bool gate_changing(const gate_run *g); /* ... for a call above `read` that has been sent */
/* Of the parked calls: the next moment (wall clock; 0: none) and what is waited for. */
int64_t gate_parked(const gate_run *g, pb_str *what);
/* The host of a step's site. */
const pb_host *gate_host(const gate_run *g, const vm_step *s);
void gate_note_add(gate_run *g, pb_str step, pb_str kind, pb_value what, int64_t at);
void gate_step_end(const vm_step *s); /* from vm_hooks.step_end */
/* Cancels what is under way and refuses all that would follow, with this error. The texts must live as long as the run.
 */
void gate_stop(gate_run *g, pb_str code, pb_str message);
/* Cancels what is under way without answering: only before vm_run_end. */
void gate_abandon(gate_run *g);

#endif
