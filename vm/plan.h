/*
 * plan.h - what a run would do, as a document and for people: made from a run that held its changes back. One place for
 * `pbc check --event`, `pbrun run --dry-run`, observing runs and `pbrun undo`.
 */
#ifndef PB_PLAN_H
#define PB_PLAN_H

#include "vm/engine.h"

struct json_object;

/* The plan of a run that has ended (its steps are still there: until its event is over). It holds no times and no ids
 * made by chance unless the playbook puts them into arguments. NULL: out of memory. */
struct json_object *plan_of_run(const engine_run *r);
/* Why the event is not for the other playbooks, by name (engine_config.explain). NULL: out of memory. */
struct json_object *plan_misses(const engine_event *e);

/* The same for people. */
void plan_run_text(struct json_object *plan, bool colour, pb_buf *out);
void plan_misses_text(struct json_object *misses, bool colour, pb_buf *out);

/* ---- plan_change.c ---- */

/* What the call would change, as far as what was read before it tells: a list of {member, before, after}; `first` is the
 * run's first step. Of something that was not read the before is the text "unknown". NULL: out of memory. */
struct json_object *plan_changes(const vm_step *first, const vm_step *call);

#endif
