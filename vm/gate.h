/*
 * gate.h - the one door between a program and the world. See host.h for what stands behind it.
 */
#ifndef PB_GATE_H
#define PB_GATE_H

#include "vm/host.h"

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
    int64_t deadline_ms; /* monotonic; of the whole run; 0: none */
    bool dry;
    struct gate_call *open;         /* calls under way */
    pb_str stop_code, stop_message; /* once set, nothing passes any more */
} gate_run;

void gate_invoke(gate_run *g, vm_call *c); /* vm_hooks.invoke */
void gate_step_end(const vm_step *s);      /* from vm_hooks.step_end */
/* Cancels what is under way and refuses all that would follow, with this error. The texts must live as long as the run.
 */
void gate_stop(gate_run *g, pb_str code, pb_str message);
/* Cancels what is under way without answering: only before vm_run_end. */
void gate_abandon(gate_run *g);

#endif
