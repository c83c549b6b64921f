/*
 * engine_own.h - what engine.c and engine_load.c share. Nobody else includes it.
 */
#ifndef PB_ENGINE_OWN_H
#define PB_ENGINE_OWN_H

#include "vm/engine.h"

typedef struct engine_program {
    vm_program *program;
    const char *name; /* for messages: its path */
    gate_program *hosts;
    pb_value *params; /* one a deployment parameter */
    bool *set;        /* by engine_set */
} engine_program;

typedef struct engine_queue {
    engine_run *first, *last;
} engine_queue;

struct engine {
    engine_config config;
    pb_arena *arena; /* parameters, hosts, messages: as long as the engine */
    pb_loop *loop;
    engine_program *programs;
    uint32_t nprograms;
    uint32_t site_program; /* index + 1 of the one that engine_use_site named; 0: none */
    pb_site site;
    bool has_site;
    match_program *for_match;
    match_index *index;
    engine_event *first_event, *last_event;
    uint32_t nevents, running, nruns;
    engine_queue waiting;                /* runs to begin */
    engine_run *active[ENGINE_RUNS_MAX]; /* runs under way, with holes */
};

/* ctx of a question to the index. */
typedef struct engine_matching {
    engine *engine;
    engine_event *event;
} engine_matching;

void engine_unload(engine *e);

#endif
