/*
 * trial.h - one test, run once: what its files share. Nothing outside stdlib/testing includes it.
 *
 *   account.c   the simulated account and the chat, behind the transport of the loops: nothing leaves the process
 *   trial.c     one test from its beginning to its end: the program that the test is, the engine that its playbook runs on
 *   given.c     the hosts behind `given` and `after`
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
#include "vm/engine.h"

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
    bool own;            /* a call of the test itself is being made */
    uint32_t requests;   /* of the playbook */
    pb_arena *arena;
} account;

bool account_open(account *a, const pb_value *event, pb_str *err); /* names of the account come from the event; NULL: defaults */
void account_close(account *a);
void account_environment(void);                       /* once a process: credentials, and nothing of the machine's own */
void account_attach(account *a, pb_loop *l);          /* the loop's transfers come here */

/* ---- acts.c ---- */

/* A step of a run, kept beyond the run. */
typedef struct act {
    struct act *next;
    pb_str run, id, name, args /* JSON */, error_code, error_message, detail;
    pb_effect effect;
    vm_step_status status;
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
    pb_str nothing; /* why the last event began no run; empty: it began one */
    bool known;     /* ... although the playbook listens to such events */
} acts;

void acts_init(acts *a, pb_arena *arena);
engine_watch acts_watch(acts *a); /* for the engine's configuration */
/* The first act of the last run by that name that has been done; args (a map, or none): whose arguments are these. */
const act *acts_done(const acts *a, pb_str name, pb_value args);
/* An act of that name that has changed or told anything, or is done. */
const act *acts_touched(const acts *a, pb_str name, pb_value args);

/* ---- trial.c ---- */

typedef struct failure {
    struct failure *next;
    pb_span span;      /* of what was expected */
    pb_str text, why;  /* the part of it that does not hold; in words */
    pb_value left, right;
    bool has_left, has_right;
} failure;

typedef struct unit { /* a playbook with its tests, compiled */
    const ast_decl *playbook;
    const source_set *sources;
    const ast_program *program;
    pb_buf image;
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
    uint32_t events;
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

/* Runs a test once. The trial is to be closed in any case. */
void trial_run(trial *t, const unit *u, const ast_decl *test);
void trial_close(trial *t);
bool trial_passed(const trial *t);
/* The playbook's engine, made when first asked for; NULL: t->broken says why. */
engine *trial_engine(trial *t);
bool trial_settle(trial *t); /* turns the engine until nothing moves; false: it does not come to rest */
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
