/*
 * engine.h - from events to finished runs: loads programs, matches, runs many playbooks at once on one loop.
 *
 *     engine *e = engine_new(&config);
 *     engine_add(e, program, "name", &err) ...;  engine_params(e, ...);
 *     while (there are events) { if (engine_room(e)) engine_submit(e, event); else engine_turn(e); }
 *     while (engine_busy(e)) engine_turn(e);
 *
 * Results come through the callbacks of engine_config: event by event in the order of submission, whatever finished
 * first.
 */
#ifndef PB_ENGINE_H
#define PB_ENGINE_H

#include "vm/evidence.h"
#include "vm/gate.h"
#include "vm/match.h"

enum {
    ENGINE_RUNS_MAX = 64,   /* runs under way at once */
    ENGINE_EVENTS_MAX = 64, /* events read and not yet reported */
    ENGINE_RUN_MS = 600000, /* default time limit of a run */
    ENGINE_PROGRAMS_MAX = 1024
};

typedef struct engine engine;
typedef struct engine_event engine_event;

/* One playbook's run on one event. Readable by callbacks; facts.outcome is VM_RUNNING until it ends. */
typedef struct engine_run {
    evidence_run facts;
    engine_event *event;
    uint32_t number;         /* over all runs, from 1, in the order of starting */
    pb_str id, incident;     /* empty when the condition could not be decided for want of memory */
    struct engine_run *next; /* of the same event, in the order of the playbooks */
    /* the engine's own */
    engine *engine;
    pb_arena *arena;
    vm_run *vm;
    gate_run gate;
    uint32_t program, item;
    pb_str match_error;
    struct engine_run *queue; /* waiting to be started */
    struct engine_sleep *sleeps;
    void *wake_now; /* token of a pause that could not be made */
    vm_hooks hooks;
    vm_limits limits;
    bool queued, begun, ended;
} engine_run;

struct engine_event {
    uint32_t number, line;
    pb_value value;
    pb_arena *arena;
    pb_str error; /* not an event that can be handled, and why */
    pb_str note;  /* what is odd about it */
    match_tally tally;
    engine_run *runs, *last_run;
    uint32_t open_runs;
    struct engine_event *next;
};

/* What the front end wants to know. Any may be NULL. */
typedef struct engine_watch {
    void *ctx;
    void (*run_begin)(void *ctx, const engine_run *r);
    void (*step_begin)(void *ctx, const engine_run *r, const vm_step *s);
    void (*step_end)(void *ctx, const engine_run *r, const vm_step *s);
    void (*run_end)(void *ctx, const engine_run *r);     /* at once; the evidence is to be written here */
    void (*event_end)(void *ctx, const engine_event *e); /* in the order of the events */
} engine_watch;

typedef struct engine_config {
    const pb_host_provider *providers;
    size_t nproviders;
    bool dry;
    int64_t run_ms; /* time limit of a run; 0: ENGINE_RUN_MS */
    engine_watch watch;
} engine_config;

engine *engine_new(const engine_config *c); /* takes the providers over; NULL: out of memory */
void engine_free(engine *e);                /* cancels what is under way */
pb_loop *engine_loop(engine *e);

/* Takes a verified program over (engine_free closes it). False with a sentence in *err: the program is refused. */
bool engine_add(engine *e, vm_program *p, const char *name, pb_str *err);

/* Sets one deployment parameter (--set). False with a sentence in *err. */
bool engine_set(engine *e, pb_str name, pb_str text, pb_str *err);
/* The program added last brings the site, whatever the others say. */
void engine_use_site(engine *e);
/* After the last engine_add and engine_set: takes what is not set from PB_PARAM_<NAME> and the defaults, and builds the
 * index. False with a sentence in *err: something required is missing. */
bool engine_ready(engine *e, pb_str *err);

/* May another event be submitted? */
bool engine_room(const engine *e);
/* An event; its arena is the engine's from now on, whatever becomes of it. error.n != 0: it could not be read, and is
 * only reported in its turn. False: out of memory. */
bool engine_submit(engine *e, uint32_t number, uint32_t line, pb_value event, pb_str error, pb_arena *arena);
bool engine_busy(const engine *e);
/* Waits for what happens next and goes on with what it concerns. */
void engine_turn(engine *e);
/* Ends all runs as failed ("interrupted"); what waits is not begun. */
void engine_interrupt(engine *e);
uint32_t engine_playbooks(const engine *e);

/* "run-" and 26 characters that sort by time. */
pb_str engine_run_id(pb_arena *a, int64_t wall_ms);
/* "INC-" and 12 digits, the same for the same source and alert. */
pb_str engine_incident_id(pb_arena *a, pb_str source, pb_str alert_id);

#endif
