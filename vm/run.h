/*
 * run.h - what a run is inside the VM: frames, fibers, steps. Everybody outside uses vm/interp.h.
 *
 *     run ── fibers ── frames (top first) ── registers
 *            main      body of the playbook
 *            branch 0  copy of the body's frame, made by FORK ── frame of the action it called ── ...
 *            branch 1  ...
 *
 * A frame has registers of its own: arguments are copied in, the result is copied out, so that a call can be made again
 * (retry) from what is still in the caller's registers. Frames are used again after their call has ended; everything
 * else a run makes stays in the arena until the run is thrown away.
 */
#ifndef PB_RUN_H
#define PB_RUN_H

#include "vm/env.h"

enum {
    RETRY_FIRST_MS = 500, /* doubled each time */
    RETRY_MAX_MS = 30000,
    VERIFY_FIRST_MS = 250, /* how long VERIFY waits at first; doubled each time */
    VERIFY_MAX_MS = 4000,  /* AWS's own waiters poll every 5 to 15 seconds; most changes show within one */
    VERIFY_FUEL = 1000,    /* instructions a wait counts as, so that even a hostile program stops polling */
    RUN_MAX_FIBERS = 4096, /* branches that run at once: 64 in each of 64, more than a network would bear */
    FRAME_STEP = 16,       /* frames have room for a multiple of this many registers */
    FRAME_SIZES = 256 / FRAME_STEP
};

/* What is known of the last list that APPEND made in a register: whether there is room behind it. */
typedef struct growth {
    const pb_value *items;
    uint32_t used, cap;
} growth;

/* Where calls are made: what ENTER opens. */
typedef struct vm_scope {
    const struct vm_scope *outer;
    pb_str account, region;
    bool moved;   /* by an ENTER; else these are the event's */
    bool unknown; /* dry run: only the real run will know */
} vm_scope;

typedef struct frame frame;
typedef struct vm_capture vm_capture;
typedef struct fiber fiber;

/* What entered a frame: INVOKE or CALL (or nothing: a fiber's first), or the VM itself. */
typedef enum frame_use { FRAME_CALL, FRAME_GUARD, FRAME_UNDO } frame_use;

struct frame {
    frame *up; /* the caller's; NULL in a fiber's first */
    const vm_function *fn;
    uint32_t pc; /* of the next instruction */
    pb_value *regs;
    growth *growths;       /* a register; NULL until the first APPEND */
    vm_step *step;         /* the innermost step that this frame runs in; NULL: none */
    bool own_step;         /* ... is this frame's: it was entered by INVOKE */
    const vm_scope *scope; /* of the calls made from here */
    pb_str path;           /* the steps made from here have it in front of their numbers (frame_path makes it) */
    uint32_t count;        /* of the last step, or group of branches, that was made from here */
    frame_use use;
    uint32_t nth;        /* FRAME_GUARD: which of the guards of its step's parent */
    uint8_t into;        /* FRAME_UNDO: the caller's register for the result ... */
    vm_capture *capture; /* ... and what is undone */
    uint8_t size;        /* index into run->spare */
    uint8_t ntries;
    struct {
        uint32_t pc;
        uint8_t reg;
        const vm_scope *scope;
    } tries[IMAGE_MAX_TRY];
    bool is_branch; /* path is still that of the frame it was forked from: a branch that makes no steps needs no text */
    uint32_t group,
        branch;      /* which of its counts the branches of the frame are, or of the one forked from; which branch */
    fiber *branches; /* forked from here and not joined yet, in order of their number */
};

typedef enum fiber_state {
    FIBER_READY,
    FIBER_CALLING,   /* a host has its call */
    FIBER_ANSWERED,  /* ... and its answer was delivered */
    FIBER_VERIFYING, /* sleeps, then evaluates the condition again */
    FIBER_RETRYING,  /* sleeps, then ... */
    FIBER_AGAIN,     /* ... makes the call of `retry` again */
    FIBER_JOINING,
    FIBER_DONE
} fiber_state;

/* How a fiber ended. STOP and SKIP in a branch take effect when the others have ended too, like an error. */
typedef enum fiber_end { END_OK, END_ERROR, END_STOP, END_SKIP, END_DENIED } fiber_end;

struct fiber {
    vm_run *run;
    fiber *next;             /* in run->fibers */
    fiber *parent, *sibling; /* sibling: the next branch of the group */
    frame *top;
    fiber_state state;
    /* A call under way, or the one to be made again: its step. */
    vm_call *call;
    vm_step *retry;
    bool ok;        /* the answer: */
    pb_value value; /* result, or what ENDFORK hands back starts in regs */
    vm_error error; /* of the answer, of the end */
    bool arriving;  /* in run->arrivals: what it waits for is there, but not delivered yet */
    fiber *next_arrival;
    fiber_end end;
    uint32_t place;       /* of the end */
    uint8_t first, count; /* registers handed back by ENDFORK */
};

struct vm_run {
    vm_env env;
    const vm_hooks *hooks; /* NULL in a match */
    const pb_value *params;
    pb_value context;
    vm_scope scope;                /* the event's account and region */
    int64_t deadline_ms, until_ms; /* vm_limits */
    fiber *fibers, *last_fiber, *spare_fibers;
    fiber *arrivals, *last_arrival; /* in the order in which it came */
    uint32_t nfibers;
    frame *spare[FRAME_SIZES];
    vm_step *steps, *last_step;
    uint32_t nsteps;
    pb_map_builder record;
    vm_outcome outcome;
    pb_str reason, error_code;
    vm_denial *denial; /* the first; NULL: none */
    vm_authorization *authorizations;
    vm_capture *captures; /* newest first */
    uint32_t undo_round;  /* undoings so far */
    pb_str undo_only;     /* ... of this step alone; empty: of all */
    bool undoing;         /* by vm_run_undo */
    bool undo_planned;    /* ... of steps that were only planned */
    vm_unmet skipped;     /* by SKIP: the last */
    vm_step *before_undo; /* the last step from before it */
    uint32_t place;
    const char *caught; /* text of the error that was caught last, and where it came from */
    uint32_t caught_place;
    bool going;   /* inside vm_run_go */
    bool planned; /* dry run: a call was held back */
};

/* ---- frames and fibers (fiber.c) ---- */
frame *frame_new(vm_run *r, const vm_function *fn); /* NULL: error set */
void frame_release(vm_run *r, frame *f);
fiber *fiber_new(vm_run *r);
void fiber_release(vm_run *r, fiber *f); /* takes it out of the run's list */

/* What an instruction leaves behind. */
typedef enum outcome {
    GO,      /* with the fiber's top frame, which may be another now */
    RAISE,   /* run->env.error holds an error */
    BLOCKED, /* the fiber waits or has ended */
} outcome;

/* Raises run->env.error in the fiber: to a TRY, to a retry, or to the fiber's end. GO or BLOCKED. */
outcome fiber_raise(fiber *f);
/* The fiber ends: at its JOIN, or with the run. Always BLOCKED. */
outcome fiber_finish(fiber *f, fiber_end end, pb_str reason);
outcome fiber_fork(fiber *f, int32_t offset);
outcome fiber_join(fiber *f);
bool fiber_may_join(const fiber *f); /* it waits at JOIN, and all branches have ended */
/* All branches have ended: hands their registers over and raises what the first failed one raised. */
outcome fiber_joined(fiber *f);
/* The run ends at once: a budget is used up. */
void run_fail(vm_run *r, const vm_error *e, uint32_t place);
void run_denied(vm_run *r, const vm_denial *d); /* keeps the first */
uint32_t frame_place(const frame *f);
/* "4:0" of the first branch of the fourth thing that was made in the run's first frame, whose path is empty. False:
 * error set. */
bool frame_path(vm_run *r, frame *f);
/* Counts one more step of this frame. Its id; empty: error set. */
pb_str frame_next_id(vm_run *r, frame *f);

/* ---- steps (step.c) ---- */
outcome step_invoke(fiber *f, uint32_t reg, uint32_t site);
/* A step that no site has made: its effect is read, its result and error are the maker's. NULL: error set. */
vm_step *step_open_own(fiber *f, vm_step_kind kind, vm_step *parent, pb_str id, pb_str name);
void step_begin(vm_run *r, vm_step *s); /* tells the front end */
/* The step's next try has an id of its own: "3", "3~2", "3~3". False: error set. */
bool step_next_try(fiber *f, vm_step *s);
void step_limit(fiber *f, vm_step *s, int64_t ms); /* no longer than that */
bool step_is_late(const vm_run *r, const vm_step *s);
outcome step_guarded(fiber *f, vm_step *s, uint32_t n); /* n guards have let it pass: asks the next one, or does it */
void step_end(vm_run *r, vm_step *s, vm_step_status status);
/* Of an action called again after a call in doubt; false: error set. */
bool step_say_changed(vm_run *r, pb_value *result);
void step_done(vm_run *r, vm_step *s);          /* as OK, or as planned when something in it was */
outcome step_answered(fiber *f);                /* the host has answered f->call */
outcome step_again(fiber *f);                   /* the time before a retry has passed */
outcome step_return(fiber *f, pb_value result); /* of the top frame, which INVOKE or CALL entered */
/* The step, called from f's top frame, ends with run->env.error. True: it will be tried again (never when `final`). */
bool step_failed(fiber *f, vm_step *s, bool final);
outcome step_verify(fiber *f, uint32_t reg, int32_t offset);
/* The outermost step around the fiber's top frame whose time is up; NULL: none. */
vm_step *step_expired(const fiber *f);
void steps_close(vm_run *r, vm_step *s, vm_step_status status); /* all that still run, in s and behind it */

/* ---- execution (exec.c) ---- */
void fiber_run(fiber *f); /* until it waits, ends, or the run has ended */

#endif
