/*
 * undo.h - what a run has to remember to put back what it did, and putting it back.
 */
#ifndef PB_UNDO_H
#define PB_UNDO_H

#include "vm/run.h"

/* A step that can be undone. */
struct vm_capture {
    vm_step *step;
    uint32_t function;      /* the one that undoes it ... */
    const pb_value *values; /* ... and its parameters: the step's arguments, then what CAPTURE kept */
    vm_scope scope;         /* where the step's calls were made */
    vm_step *last;          /* its newest undo; NULL: none */
    uint32_t round;         /* the undoing in which that was */
    bool undone;
    vm_capture *older;
};

/* CAPTURE, UNDONEXT. */
outcome undo_capture(fiber *f, uint32_t reg, uint32_t n);
outcome undo_next(fiber *f, uint32_t reg, int32_t offset);
/* The fiber's top frame is an undo's and has come to an end: with a result, or with run->env.error. */
outcome undo_returned(fiber *f, pb_value result);
outcome undo_failed(fiber *f);
/* The fiber that vm_run_undo made has ended: so has the run. */
void undo_finished(vm_run *r);

#endif
