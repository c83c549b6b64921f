/*
 * interp.h - program images and their interpreter.
 *
 * A program is a verified image. A run executes one function of it with fibers (parallel branches) until all are
 * waiting or done. Nothing in here does I/O: whatever touches the world leaves through vm_hooks and comes back
 * through vm_return or vm_raise.
 */
#ifndef PB_INTERP_H
#define PB_INTERP_H

#include "lang/image.h"
#include "vm/value.h"

/* ---- programs (image.c, verify.c) ---- */
typedef struct vm_program vm_program;

/* Maps a file / uses bytes in place (they must outlive the program), checks layout and verifies every function.
 * NULL with a sentence in *err ("function ec2.isolate, pc 12: jumps outside the function"). */
vm_program *vm_program_open(const char *path, pb_arena *a, pb_str *err);
vm_program *vm_program_load(const void *image, size_t size, pb_arena *a, pb_str *err);
void vm_program_close(vm_program *p);
/* Number of records, one field, a string by index (IMAGE_NIL gives an empty one), an item list. */
uint32_t vm_count(const vm_program *p, enum image_section s);
uint32_t vm_field(const vm_program *p, enum image_section s, uint32_t index, uint32_t field);
pb_str vm_string(const vm_program *p, uint32_t string);
uint32_t vm_list(const vm_program *p, uint32_t list, uint32_t i,
                 uint32_t *n); /* item i (0 when out of range), *n = size */
pb_value vm_const(const vm_program *p, uint32_t global_index);
pb_str vm_program_bytes(const vm_program *p); /* the image */
const char *vm_program_sha256(vm_program *p); /* of the image, hexadecimal; computed on first use */

/* What was executed, a byte an instruction of the whole image: for coverage. The bytes are the caller's, vm_code_size
 * of them; several processes may share them. */
enum { COVER_RUN = 1, COVER_ON = 2, COVER_JUMPED = 4 /* of those that may jump: which way they went */ };
void vm_program_cover(vm_program *p, uint8_t *bytes);
uint32_t vm_code_size(const vm_program *p);
uint32_t vm_code_place(const vm_program *p, uint32_t i); /* source << 20 | line */
bool vm_code_branches(const vm_program *p, uint32_t i);  /* it may jump, depending on a value */

/* Value of type record `type` of the image made from text (--set, environment). False with a sentence in *err. */
bool vm_parse_param(const vm_program *p, uint32_t type, pb_str text, pb_arena *a, pb_value *out, pb_str *err);

/* ---- runs (interp.c) ---- */
typedef struct vm_run vm_run;

typedef struct vm_limits {
    size_t memory;         /* bytes of arena; default 64 MiB */
    uint64_t instructions; /* default 50 million */
    int64_t deadline_ms;   /* monotonic clock; 0: none. Looked at by the gate and by VERIFY and retry */
    int64_t until_ms;      /* the same by the wall clock: the playbook's own timeout */
} vm_limits;

/* What opened a step: a call that the program wrote, or the VM itself: a guard looks at a step before it is done, a
 * step that was done is undone. */
typedef enum vm_step_kind { STEP_CALL, STEP_GUARD, STEP_UNDO } vm_step_kind;

typedef enum vm_step_status {
    STEP_RUNNING,
    STEP_OK,
    STEP_FAILED,
    STEP_PLANNED /* dry run: not sent */,
    STEP_DENIED /* by a guard or a brake; so are the steps around it */
} vm_step_status;

/* A host call, or an action with all that it did (children). Owned by the run's arena. */
typedef enum vm_guard_says {
    GUARD_ALLOWS,
    GUARD_DENIES,
    GUARD_LIFTED /* by an authorization */,
    GUARD_UNSURE
} vm_guard_says;

typedef struct vm_step {
    struct vm_step *parent, *children, *last_child, *next;
    uint32_t number; /* 1, 2, ... in order of start */
    pb_str id;       /* the same in every execution of the run: "3", "3.1", "4:0.2" (branch 0), "5~2" (second try) */
    vm_step_kind kind;
    pb_str name;      /* "ec2.isolate", "aws.ec2.DescribeInstances", "guard critical_instances", "undo ec2.isolate" */
    uint32_t site;    /* index into SITES; IMAGE_NIL unless STEP_CALL */
    bool host;        /* a host is called; else an action, a guard or an undo: a function of the program */
    pb_effect effect; /* of the host or action */
    bool is_do;       /* written as `do`: a step of the playbook's author */
    vm_step_status status;
    uint32_t attempts;            /* 1 without a retry */
    int64_t started_ms, ended_ms; /* wall clock */
    int64_t deadline_ms;          /* monotonic; the nearest timeout of this step or of one above; 0: none */
    pb_value args;                /* host: the map; action: list of values */
    pb_value result;
    pb_str error_code, error_message;
    pb_str account, region;     /* where its calls are made; empty: the event names none */
    bool moved;                 /* ... because an `in account` says so */
    pb_str detail;              /* a host may say what happened ("already inactive") */
    pb_value meta;              /* host's: AWS request ids and the like, a map; goes to the evidence */
    void *front;                /* for the front end's own use */
    uint32_t doubted;           /* of an action: how often it was called again because of a call in doubt (vm_again) */
    bool unsure;                /* dry run: a condition in it depended on what only the real run will know */
    vm_guard_says guard_says;   /* STEP_GUARD */
    pb_str undoes;              /* STEP_UNDO: the id of the step that is undone */
    struct vm_capture *capture; /* it can be undone */
} vm_step;

/* A host call in flight: answer exactly once, at once or later. */
typedef struct vm_call {
    vm_run *run;
    vm_step *step;
    pb_str host; /* "aws.ec2.DescribeInstances" */
    pb_value args;
    void *fiber;   /* the interpreter's */
    bool answered; /* set by vm_return and vm_raise: the gate must not time out a call whose step waits to try again */
    void *host_data; /* the host's own */
    bool doubt;      /* resumed: it was asked for before, and what became of it is not known */
} vm_call;
void vm_return(vm_call *c, pb_value v);
void vm_raise(vm_call *c, pb_str code, pb_str message);
/* What a playbook can ask of an error besides its code: `error.conflict` (somebody else changed it at the same time:
 * read again, then try once more), `error.throttled`, `error.status` (of HTTP; 0: there was none). */
typedef struct vm_error_class {
    bool conflict, throttled;
    bool denied; /* nothing catches it, nothing is tried again: the run ends as denied (other branches end first) */
    int status;
} vm_error_class;
void vm_raise_as(vm_call *c, pb_str code, pb_str message, vm_error_class kind);
/* An act that a guard, the kill switch or pbrun's own protection has stopped. */
typedef struct vm_denial {
    pb_str by;     /* "kill_switch" "self_protection", or a guard's name */
    pb_str action; /* the act: "ec2.isolate" */
    pb_str target; /* may be empty */
    pb_str why;    /* a sentence */
    pb_str told;   /* "told #alerts", or why nobody could be told; empty: there was nobody to tell */
} vm_denial;
/* Instead of an answer. The texts must live as long as the run. */
void vm_deny(vm_call *c, pb_str code, const vm_denial *d);

/* What became of the call is not known and cannot be asked: the innermost action around it is called again as a new
 * try, without asking any `else` on the way; without such an action it fails with code in_doubt. */
void vm_again(vm_call *c);

/* What is delivered to a run: the answer of a call, or that a pause is over. A run is a function of what is delivered
 * to it, in order; so this is what a journal keeps. */
typedef struct vm_arrival {
    vm_call *call;        /* NULL: a pause */
    pb_str id;            /* of the call's step, or of the pause (vm_pause_id) */
    bool ok, again;       /* again: by vm_again */
    pb_value value;       /* ok */
    pb_str code, message; /* not ok */
    vm_error_class kind;
} vm_arrival;

/* What an `authorize` has said. */
typedef struct vm_authorization {
    pb_str name, because;
    int64_t at_ms;
    struct vm_authorization *next; /* a later one */
} vm_authorization;

typedef struct vm_hooks {
    void *ctx;
    void (*invoke)(void *ctx, vm_call *c); /* a host site */
    void (*step_begin)(void *ctx, vm_run *r, vm_step *s);
    void (*step_end)(void *ctx, vm_run *r, vm_step *s);
    /* Wait ms, then call vm_wake(run, token). For VERIFY and retry. */
    void (*sleep)(void *ctx, vm_run *r, void *token, int64_t ms);
    int64_t (*wall_ms)(void *ctx);
    int64_t (*mono_ms)(void *ctx);
    bool dry;
    /* NULL, or: this is being delivered now. From here to the next one the clocks stand still. */
    void (*arrived)(void *ctx, vm_run *r, const vm_arrival *a);
} vm_hooks;
void vm_wake(vm_run *r, void *token);
/* The pause's name, the same in every execution of the run: "3~2" before a second try, "3?" of a VERIFY in step 3. */
pb_str vm_pause_id(vm_run *r, void *token);

typedef enum vm_outcome { VM_RUNNING, VM_DONE, VM_SKIPPED, VM_STOPPED, VM_FAILED, VM_DENIED } vm_outcome;

/* Match functions only: pure, synchronous, no hooks. *matched; false with a sentence in *err when it went wrong. */
bool vm_match(const vm_program *p, uint32_t function, pb_value event, const pb_value *params, pb_value context,
              const vm_limits *limits, pb_arena *a, bool *matched, pb_str *err);

/* The first condition that did not hold. */
typedef struct vm_unmet {
    pb_str text;    /* as written */
    pb_value value; /* what it looked at; in the arena */
    uint32_t place; /* source << 20 | line */
} vm_unmet;
/* vm_match for whoever wants to know why not: *unmet is filled in when *matched is false. */
bool vm_match_why(const vm_program *p, uint32_t function, pb_value event, const pb_value *params, pb_value context,
                  const vm_limits *limits, pb_arena *a, bool *matched, vm_unmet *unmet, pb_str *err);

/* The same of a pure function with at most one argument: its value, in the arena. */
bool vm_evaluate(const vm_program *p, uint32_t function, pb_value arg, const pb_value *params, pb_value context,
                 const vm_limits *limits, pb_arena *a, pb_value *out, pb_str *err);

/* A run of `function` with `event` as its only argument. params: one value a deployment parameter. context: what RUN
 * gives (a map). The arena belongs to the caller, outlives the run and holds all of its values. NULL: out of memory. */
vm_run *vm_run_new(const vm_program *p, uint32_t function, pb_value event, const pb_value *params, pb_value context,
                   const vm_limits *limits, const vm_hooks *hooks, pb_arena *a);
/* Takes what has been delivered, one thing at a time, and executes until every fiber waits for more or the run has
 * ended. */
vm_outcome vm_run_go(vm_run *r);
vm_outcome vm_run_outcome(const vm_run *r);
pb_str vm_run_reason(
    const vm_run *r); /* SKIPPED: the condition and value; STOPPED: the reason; FAILED and DENIED: the message */
pb_str vm_run_error_code(const vm_run *r);       /* FAILED, DENIED */
const vm_denial *vm_run_denial(const vm_run *r); /* the first; NULL: none */
void vm_run_denial_told(vm_run *r, pb_str told); /* who has been told of it, or why nobody */
uint32_t vm_run_place(const vm_run *r);          /* source << 20 | line where it ended */
pb_value vm_run_record(const vm_run *r);         /* what `record` statements gathered */
const vm_step *vm_run_steps(const vm_run *r);    /* the top level's first */
pb_arena *vm_run_arena(vm_run *r);
uint64_t vm_run_instructions(const vm_run *r);
const vm_authorization *vm_run_authorizations(const vm_run *r); /* the first; NULL: none */

/* ---- undoing what a run did (undo.c) ---- */
/* How many steps could be undone and are not: of all, or of the step with this id and what is inside it. */
uint32_t vm_run_undoable(const vm_run *r, pb_str only);
/* A run that has ended is set going again to undo its steps, newest first; vm_run_go does it. It then ends as done,
 * failed (some could not be undone) or denied, and can be set going again for what is left. The hooks' `dry` must
 * agree. False: the run has not ended, or out of memory. */
bool vm_run_undo(vm_run *r, pb_str only, int64_t deadline_ms, bool dry);
const vm_step *vm_run_undo_steps(const vm_run *r); /* of the last undoing; NULL: none */
/* Of a dry run that has ended, when its result has been taken: what undoing it would do if everything in it had been
 * done. Nothing is sent, reads neither (the hooks' gate must hold them back): they would show what is there before. The
 * undo steps, newest first; NULL: there is nothing to undo. vm_run_steps does not have them. */
const vm_step *vm_run_undo_plan(vm_run *r);
/* Tells every step that changed something for good, and why that stays. After vm_run_undo_plan: that would. */
typedef void vm_stays_fn(void *ctx, const vm_step *s, pb_str why);
void vm_run_staying(const vm_run *r, vm_stays_fn *fn, void *ctx);
void vm_run_end(
    vm_run *r); /* frees what is not in the arena (compiled patterns); pending calls must be cancelled before */

#endif
