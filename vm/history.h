/*
 * history.h - what the store knows of runs, as values: for `pbrun runs`, `pbrun show`, and the server's pages.
 *
 *     a run     {id, incident, playbook, version, state, status, outcome, code, reason, mode, account, region,
 * resource, threat, started, updated, ended, took_ms, waits_for, wake_at, deadline, owner} a story   {run, event,
 * steps, notes, approvals, next, ...}: see history_story
 *
 * Members that would be empty are left out. The texts come out of events and from people: whoever shows them makes
 * them plain first (plain.h), or sets them as text.
 */
#ifndef PB_HISTORY_H
#define PB_HISTORY_H

#include "vm/store.h"

enum { HISTORY_MAX = 1000 /* runs in one list; a page or a screen shows some tens */ };

/*
 * One word for people: of an ended run its outcome ("done" "skipped" "stopped" "failed" "denied"), else "active",
 * "waiting", "undoing", "undone", or "orphaned": nobody executes it any more, and nobody has ended it.
 */
const char *history_state(const store_run *r, int64_t now);
/* Is it a word that store_filter.status knows? */
bool history_status_ok(pb_str word);

pb_value history_run(const store_run *r, int64_t now, pb_arena *a);
/* A list of them, newest first. */
store_result history_runs(store *s, const store_filter *f, int64_t now, pb_arena *a, pb_value *out);

/* What `pbrun show` takes for a run: its id, the beginning of one, "latest", an approval's id, an incident's. */
typedef enum history_found { FOUND_RUN, FOUND_INCIDENT, FOUND_NONE, FOUND_SEVERAL, FOUND_ERROR } history_found;
/* *id: of the run or the incident; for NONE and SEVERAL *err says what there is instead. */
history_found history_find(store *s, pb_str what, pb_arena *a, pb_str *id, pb_str *err);

/*
 * {run, image, event: {source, detail_type, id, time, note},
 *  steps: [{id, name, kind: "do" "read" "undo" "call", effect, status, started, took_ms, attempts, target, detail,
 * error, guards, calls}], notes: [{at, kind, text, step, approval, ...}], approvals, record, denied, authorizations,
 * not_undoable, undoable: bool, next: [sentence]}
 *
 * Steps are out of the evidence of what has ended, else out of the journal: there only the calls are known, not the
 * actions around them, so a step is then what was called in it. With `full` the documents and the event besides.
 */
store_result history_story(store *s, pb_str id, bool full, int64_t now, pb_arena *a, pb_value *out, pb_str *err);

/* All open approvals, newest first, at most max: as approval_value says, with the run, its playbook, `body` and who may
 * decide besides. */
store_result history_approvals(store *s, uint32_t max, pb_arena *a, pb_value *out);

/* "in 12 min", "3 h ago" */
pb_str history_from_now(pb_arena *a, int64_t at, int64_t now);

#endif
