/*
 * engine.h - from events to finished runs: loads programs, matches, runs many playbooks at once on one loop.
 *
 *     engine *e = engine_new(&config);
 *     engine_add(e, program, "name", &err) ...;  engine_params(e, ...);
 *     while (there are events) { if (engine_room(e)) engine_submit(e, event); else engine_turn(e); }
 *     while (engine_busy(e)) engine_turn(e);
 *
 * Results come through the callbacks of engine_config: event by event in the order of submission, whatever finished
 * first (or as they come: engine_config.unordered).
 *
 * With a store every run is journaled: it survives the death of the process (engine_resume), and while all that it
 * waits for is parked it takes no memory here. DURABLE.md tells how.
 */
#ifndef PB_ENGINE_H
#define PB_ENGINE_H

#include "vm/evidence.h"
#include "vm/gate.h"
#include "vm/match.h"

enum {
    ENGINE_RUNS_MAX = 64,   /* runs under way at once, unless the configuration says otherwise */
    ENGINE_EVENTS_MAX = 64, /* events read and not yet reported, likewise */
    ENGINE_DUE_MAX = 64,    /* runs that engine_due takes at a time */
    ENGINE_RUN_MS = 600000, /* default time limit of a run */
    ENGINE_PROGRAMS_MAX = 1024
};

typedef struct engine engine;
typedef struct engine_event engine_event;

/* Why a run is no longer here although it has not ended; facts.reason says it in words. */
typedef enum engine_left {
    LEFT_NOT,
    LEFT_PARKED, /* all that it waits for is in the store: an approval, a time */
    LEFT_LOST,   /* another process has taken it over */
    LEFT_STORE,  /* the store cannot be written: nothing more was sent, and the run can be resumed */
    LEFT_STOPPED /* engine_suspend */
} engine_left;

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
    const struct engine_program *from;
    uint32_t item;
    engine_left left;
    pb_str left_why;
    struct engine_replay *replay; /* NULL: live */
    journal journal;
    int64_t clock_ms; /* the run's wall clock: when the last thing was delivered */
    int64_t ahead_ms; /* the wall clock before the machine's monotonic one */
    int64_t dead_ms;  /* how long the run was not executed by anybody: its monotonic clock is behind by that */
    int64_t until_ms; /* wall clock; the playbook's timeout; 0: none */
    int64_t limit_ms; /* the time limit that it was begun with */
    bool over_limit;
    bool kept;                   /* it has a row in the store */
    bool undo;                   /* an ended run is being undone */
    bool ended_before;           /* its journal was whole: only its row did not say yet that it had ended */
    struct brakes_wait *telling; /* the alerts channel is told of a guard's denial */
    bool told;                   /* ... has been, or there is none */
    pb_str match_error;
    struct engine_run *queue; /* waiting to be started */
    const vm_step *undo_plan; /* dry: what undoing it would do; NULL: nothing */
    bool planning;            /* ... is being found out: nobody is told of these steps */
    struct engine_sleep *sleeps;
    void *wake_now; /* token of a pause that could not be made */
    vm_hooks hooks;
    vm_limits limits;
    bool queued, begun, ended;
} engine_run;

struct engine_event {
    engine *engine;
    uint32_t number, line;
    pb_value value;
    pb_arena *arena;
    pb_str error;  /* not an event that can be handled, and why */
    pb_str note;   /* what is odd about it */
    pb_str text;   /* the envelope as JSON, once it was needed */
    pb_str origin; /* engine_submit_from */
    bool resumed;  /* made by engine_resume for its one run; number is 0 */
    match_tally tally;
    struct engine_miss *misses, *last_miss; /* engine_config.explain */
    engine_run *runs, *last_run;
    uint32_t open_runs;
    struct engine_event *next;
};

/* A playbook that the event is not for, and why. */
typedef struct engine_miss {
    const vm_program *program;
    uint32_t playbook, item;
    match_reason reason;
    vm_unmet unmet; /* without its value, which is in `seen` */
    pb_value seen;  /* what the condition looked at: a map, name to value (engine_seen.c) */
    struct engine_miss *next;
} engine_miss;

/* What the front end wants to know. Any may be NULL. */
typedef struct engine_watch {
    void *ctx;
    void (*run_begin)(void *ctx, const engine_run *r);
    void (*step_begin)(void *ctx, const engine_run *r, const vm_step *s);
    void (*step_end)(void *ctx, const engine_run *r, const vm_step *s);
    void (*run_end)(void *ctx, const engine_run *r);     /* at once; the evidence is to be written here */
    void (*event_end)(void *ctx, const engine_event *e); /* in the order of the events */
    void (*run_parked)(void *ctx, const engine_run *r);  /* instead of run_end: it goes on later or elsewhere (r->left).
                                                            After it, with LEFT_STORE: the end could not be kept */
} engine_watch;

typedef struct engine_config {
    const pb_host_provider *providers;
    size_t nproviders;
    bool dry;
    int64_t now_ms;                /* runs take this for the time at which they begin and go on; 0: the clock. For plans */
    bool explain;                  /* keep why playbooks do not match: engine_event.misses */
    bool observe;                  /* reads and tells people, changes nothing, and says what it would have changed */
    int64_t run_ms;                /* time limit of a run, not counting what it is parked; 0: ENGINE_RUN_MS */
    uint32_t runs_max, events_max; /* 0: ENGINE_RUNS_MAX, ENGINE_EVENTS_MAX */
    bool unordered;                /* events are reported, and their memory is freed, as soon as their runs are over */
    bool told_is_kept;             /* run_end tells the world of the end: the journal is to be on disk before it */
    struct store *store;           /* NULL: none. Not the engine's; it outlives the engine */
    uint8_t *cover; /* for tests: what is executed of the one program is noted here (vm_program_cover); NULL: no */
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
/* The same for an event out of a queue: origin says which, and no event begins a run of one origin twice. */
bool engine_submit_from(engine *e, uint32_t number, pb_str origin, pb_value event, pb_arena *arena);
bool engine_busy(const engine *e);
/* Waits for what happens next and goes on with what it concerns. */
void engine_turn(engine *e);
/* Ends all runs as failed ("interrupted"); what waits is not begun. */
void engine_interrupt(engine *e);
/* With a store: nothing more is begun or sent. Runs are left in the store, to be resumed, as soon as what is under way
 * has been answered; turn the engine until it is not busy. */
void engine_suspend(engine *e);

/* ---- runs in the store ---- */

typedef enum engine_resumed {
    RESUMED,
    RESUME_NO,     /* there is no such run, or it has ended */
    RESUME_BUSY,   /* another process has it */
    RESUME_FAILED, /* why is in *err; it is tried again later */
    RESUME_FULL    /* no room for another run just now */
} engine_resumed;
/* Takes a run over, goes through its journal and on from there. After engine_ready. *err lives as long as the engine.
 */
engine_resumed engine_resume(engine *e, pb_str id, pb_str *err);
/* Sets a run that has ended going again to undo its steps; only: that one and what is inside it (empty: all). A dry one
 * writes nothing into the store. */
engine_resumed engine_undo(engine *e, pb_str id, pb_str only, bool dry, pb_str *err);
/* Takes over what is due: parked runs whose time or answer has come, and those whose process has died. How many. What
 * could not be resumed is told to `failed` (may be NULL). */
uint32_t engine_due(engine *e, void (*failed)(void *ctx, pb_str run, pb_str why), void *ctx);
/* Runs are kept in this store from now on; before the first event. engine_config.store is the same, earlier. False: out
 * of memory. */
bool engine_use_store(engine *e, struct store *s);
/* Does some playbook need a store? *what: what for ("dedupe", "approve", "wait"); *name: the playbook. */
bool engine_needs_store(engine *e, pb_str *name, const char **what);
/* The site that holds for new runs; NULL: none. After engine_ready. */
const pb_site *engine_site(const engine *e);
uint32_t engine_playbooks(const engine *e);

/* "run-" and 26 characters that sort by time. */
pb_str engine_run_id(pb_arena *a, int64_t wall_ms);
/* "INC-" and 12 digits, the same for the same source and alert. */
pb_str engine_incident_id(pb_arena *a, pb_str source, pb_str alert_id);

#endif
