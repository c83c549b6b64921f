/*
 * trial.h - one test, run once: what its files share. Nothing outside stdlib/testing includes it.
 *
 *   account.c   the simulated account and the chat, behind the transport of the loops: nothing leaves the process
 *   trial.c     one test from its beginning to its end: the program that the test is, the engine that its playbook runs
 * on durable.c   the store, crashes, decisions, the passing of time given.c     the hosts behind `given` and `after`
 *   expect.c    the hosts behind `expect`
 *   acts.c      what the playbook's runs did, gathered while they run
 *   report.c    a failure as text
 *
 * A test is a function of the same image as its playbook. It runs on a small driver of its own, on its own loop; its
 * calls `test.*` are answered here, and `test.event` turns the engine until nothing moves any more. Clocks are virtual.
 */
#ifndef PB_TRIAL_H
#define PB_TRIAL_H

#include "lang/ast.h"
#include "lang/source.h"
#include "stdlib/sim/sim.h"
#include "vm/crash.h"
#include "vm/engine.h"
#include "vm/store.h"

enum {
    TRIAL_MEMORY = 256 << 20,    /* of one test, beside the runs' own */
    TRIAL_TURNS = 200000,        /* of the loop for one event: a run's own limits end it long before */
    TRIAL_VALUE_COLUMNS = 2000,  /* of a value in a failure; documents are longer than anybody reads */
    TRIAL_INSTRUCTIONS = 5000000 /* of the test itself */
};

/* 2026-01-01T00:00:00Z: when every test begins. */
#define TRIAL_START_MS INT64_C(1767225600000)

/* ---- account.c ---- */

typedef struct account {
    sim sim;
    sim_trouble trouble; /* the playbook's: the test's own calls meet none */
    bool chat_down;
    bool own;  /* a call of the test itself is being made */
    bool dead; /* the playbook's process is: its requests do nothing and are never answered */
    pb_arena *arena;
} account;

bool account_open(account *a, pb_str *err);
void account_close(account *a);
void account_environment(void);                  /* once a process: credentials, and nothing of the machine's own */
void account_credentials(void);                      /* the part that names the simulated account's own */
pb_str account_summary(account *k, pb_arena *a); /* how many things of each kind there are */
void account_attach(account *a, pb_loop *l);     /* the loop's transfers come here */

/* ---- acts.c ---- */

/* A step of a run, kept beyond the run. */
typedef struct act {
    struct act *next;
    pb_str run, id, name, args /* JSON */, error_code, error_message, detail;
    pb_effect effect;
    vm_step_status status;
    uint32_t round; /* of the event when it was last told */
    bool host, is_do;
    uint32_t source_line; /* source << 20 | line; 0: none */
} act;

/* A run of the playbook. */
typedef struct played {
    struct played *next;
    pb_str id, outcome /* empty: it has not ended */, code, reason, evidence /* JSON */, denied_by;
    pb_value context; /* what `run` gives */
    uint32_t place;
} played;

typedef struct acts {
    pb_arena *arena;
    act *first, **end;
    played *runs, **runs_end, *last;
    uint32_t round; /* of the last event: what runs did before does not count any more */
    bool deaf;      /* the process is taken for dead: what it says does not count */
    pb_str nothing; /* why the last event began no run; empty: it began one */
    bool known;     /* ... although the playbook listens to such events */
} acts;

void acts_init(acts *a, pb_arena *arena);
engine_watch acts_watch(acts *a); /* for the engine's configuration */
/* The first act by that name that has been done by a run which began, or went on, since the last event; args (a map, or
 * none): whose arguments are these. */
const act *acts_done(const acts *a, pb_str name, pb_value args);
/* An act of that name that has changed or told anything, or is done. */
const act *acts_touched(const acts *a, pb_str name, pb_value args);

/* ---- trial.c ---- */

typedef struct failure {
    struct failure *next;
    pb_span span;     /* of what was expected */
    pb_str text, why; /* the part of it that does not hold; in words */
    pb_value left, right;
    bool has_left, has_right;
} failure;

typedef struct unit {                /* a playbook with its tests, compiled */
    const ast_decl *playbook, *site; /* site: of the tests' own file; NULL: the program's */
    const source_set *sources;
    const ast_program *program;
    pb_buf image;
    uint8_t *cover; /* what was executed of it; NULL: nobody asks */
    uint32_t code;  /* instructions */
} unit;

typedef struct trial {
    const unit *unit;
    const ast_decl *test;
    pb_arena *arena;
    account account;
    acts acts;
    vm_program *program; /* the driver's; the engine has one of its own */
    engine *engine;      /* NULL until the first event */
    pb_loop *loop;       /* the driver's */
    pb_value params;     /* name → value, as given */
    struct trial_param *first_param;
    struct trial_decision *decisions;
    uint32_t events;
    /* durable runs */
    const char *dir; /* for the store's file */
    struct store *store;
    uint32_t stores;            /* opened so far */
    uint64_t crash_at, moments; /* die at that moment (0: never); how many there were */
    bool crash_wanted;          /* `given crash at each step` */
    failure *failures, **failures_end;
    pb_str broken; /* the test could not be carried out, and why */
    pb_span broken_at;
    uint32_t expectations;
    void *wake;
} trial;

typedef struct trial_param {
    struct trial_param *next;
    pb_str name, text;
} trial_param;

/* A decision that is to be taken as soon as somebody is asked. */
typedef struct trial_decision {
    struct trial_decision *next;
    pb_value number;
    pb_str by;
    pb_str refused; /* taken, but did not count, and why */
    bool granted, taken;
} trial_decision;

/* Runs a test once. The trial is to be closed in any case. */
/* dir: where a store may be made. crash_at: the playbook's process dies at that moment, 0: never. */
void trial_run(trial *t, const unit *u, const ast_decl *test, const char *dir, uint64_t crash_at);
void trial_close(trial *t);
bool trial_passed(const trial *t);
void trial_broken(trial *t, pb_str why, pb_span at); /* the first one counts */
void trial_moment(void *ctx);                        /* a moment at which the playbook's process could die (crash.h) */
/* The playbook's engine, made when first asked for; NULL: t->broken says why. */
engine *trial_engine(trial *t);
bool trial_settle(trial *t); /* turns the engine until nothing moves; false: it does not come to rest */
/* Hands the playbook an event, and brings it to rest, whatever dies on the way. False: t->broken says why. */
bool trial_event(trial *t, pb_str json);
bool trial_pass(trial *t, int64_t ms); /* so much time passes; what is due goes on */
bool trial_store(trial *t, pb_str *err);
/* Takes the decisions that are still open on what is asked. */
bool trial_decide(trial *t);
failure *trial_fail(trial *t, pb_value number, pb_str text); /* NULL: out of memory */
const ast_clause *trial_clause(const trial *t, pb_value number);

/* ---- given.c, expect.c ---- */

/* A host of the testing library. It answers at once. */
typedef void test_host(trial *t, vm_call *c);
test_host *given_find(pb_str name);
test_host *expect_find(pb_str name);

/* ---- report.c ---- */

/* Why a test failed, for people; ends with a line end. */
void report_failure(const trial *t, pb_buf *out);
/* "playbooks/x_test.pb:12" */
pb_str report_place(const trial *t, pb_span span);

#endif
