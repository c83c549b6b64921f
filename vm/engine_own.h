/*
 * engine_own.h - what engine.c and engine_load.c share. Nobody else includes it.
 */
#ifndef PB_ENGINE_OWN_H
#define PB_ENGINE_OWN_H

#include "vm/brakes.h"
#include "vm/engine.h"
#include "vm/owner.h"

typedef struct engine_program {
    vm_program *program;
    const char *name; /* for messages: its path */
    gate_program *hosts;
    pb_value *params; /* one a deployment parameter */
    bool *set;        /* by engine_set */
    bool kept;        /* its image is in the store */
    pb_site site;     /* of programs out of the store, when there is no other */
    bool has_site;
    brakes *brakes;
    struct engine_program *next; /* programs out of the store: engine.from_store */
} engine_program;

/* What --set said. */
typedef struct engine_setting {
    pb_str name, text;
    struct engine_setting *next;
} engine_setting;

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
    const char *site_image; /* SHA-256 of the program that brings it */
    match_program *for_match;
    match_index *index;
    engine_event *first_event, *last_event;
    uint32_t nevents, running, nruns;
    engine_queue waiting; /* runs to begin */
    engine_run **active;  /* runs under way, with holes: config.runs_max */
    engine_event *done;   /* resumed runs' and, when unordered, others: to be reported and freed */
    engine_program *from_store;
    engine_setting *settings; /* newest first */
    pb_str owner;             /* of leases: this process */
    pb_timer *renew;
    brakes *brakes;
    crash crash;
    bool suspending;
    bool default_limit; /* nobody has said how long a run may take */
    pb_str store_error; /* the last, with its cure */
};

/* ctx of a question to the index. */
typedef struct engine_matching {
    engine *engine;
    engine_event *event;
} engine_matching;

/* A pause of a fiber (VERIFY, retry). */
typedef struct engine_sleep {
    engine_run *run;
    void *token;
    pb_timer *timer;  /* NULL in a replay */
    int64_t until_ms; /* by the run's wall clock */
    struct engine_sleep *next, **link;
} engine_sleep;

/* A call that a replayed run has asked for and whose answer has not been found yet. */
typedef struct engine_asked {
    vm_call *call;
    bool intended; /* its INTENT was read */
    struct engine_asked *next;
} engine_asked;

/* Going through a journal. */
typedef struct engine_replay {
    journal_entry *entries;
    uint32_t n, at;
    engine_asked *asked, **asked_end;
    int64_t deliver_at;   /* the time of what is being delivered */
    const vm_call *again; /* a read whose answer was not kept: it is made again, and this entry waits for it */
    bool want_undo, dry_undo;
    pb_str only;
} engine_replay;

enum {
    RUN_MEMORY = 64 << 20,
    /* of a run's own values */ RUN_ARENA = RUN_MEMORY + (8 << 20) /* and what the engine keeps beside them */
};

void engine_unload(engine *e);

/* ---- engine.c: events and the runs under way ---- */
void engine_event_over(engine_event *ev);
void engine_slot_free(engine *e, const engine_run *r);
void engine_slot_take(engine *e, engine_run *r);
void engine_settle(engine *e);

/* ---- engine_load.c ---- */
/* The program with this image out of the store, its parameters as a run had them; NULL with *err. */
engine_program *engine_program_from_store(engine *e, pb_str sha256, pb_str *err);
/* One value a parameter: the run's, secret ones as they are set now. NULL with *err. */
const pb_value *engine_params_of(engine *e, const engine_program *p, pb_value kept, pb_arena *a, pb_str *err);
/* The site of a program out of the store, when the engine has none, with the parameters of a run. False with *err. */
bool engine_program_site(engine *e, engine_program *p, const pb_value *params, pb_str *err);
brakes *engine_brakes(engine *e, const pb_site *site);
pb_value engine_params_kept(const engine_program *p, pb_arena *a); /* what is not secret, as a map */

/* ---- engine_context.c: what a run is told of itself ---- */
bool engine_context(engine_run *r);       /* of a new run: ids, incident, facts.context */
bool engine_context_again(engine_run *r); /* of a resumed one: what is not kept in its row */
void engine_note_oddities(engine_event *ev);
pb_value engine_match_context(void *ctx, const match_hit *hit);

/* ---- engine_seen.c ---- */
void engine_on_miss(void *ctx, const match_miss *miss); /* match_miss_fn */

/* ---- engine_run.c: a run's life ---- */
bool engine_run_prepare(engine_run *r, const pb_value *params);
void engine_run_begin(engine_run *r);
void engine_run_go(engine_run *r);
void engine_run_over(engine_run *r, vm_outcome outcome, pb_str code, pb_str reason);
/* It goes on later or elsewhere. */
void engine_run_leave(engine_run *r, engine_left why, pb_str reason);
int64_t engine_run_now(const engine_run *r); /* the run's wall clock, now */
void engine_sleep_start(engine_run *r, engine_sleep *s);
void engine_sleep_remove(engine_sleep *s);

/* ---- engine_store.c: rows, leases, commits ---- */
/* True: it may begin. False: it has ended (run_over) for a reason of its own. */
bool engine_keep(engine_run *r);
/* Are changes held back, by the command line or the site? */
bool engine_observes(const engine *e);
/* Writes what is pending. False: the store has failed; the runs under way have been left. */
bool engine_commit(engine *e);
void engine_store_failed(engine *e);
pb_str engine_store_sentence(engine *e, pb_str cause); /* with what it means and the cure */
bool engine_row_end(engine_run *r);                    /* it has ended: outcome and evidence */
bool engine_row_leave(engine_run *r);                  /* it goes on later */
void engine_renewing(engine *e);                       /* sees to it that leases are renewed while there are runs */

/* ---- engine_replay.c ---- */
void engine_replay_asked(engine_run *r, vm_call *c);
/* Delivers as far as the journal goes; then the run is live (or has ended, or waits for a read that is made again). */
void engine_replay_go(engine_run *r);

#endif
