/*
 * journal.h - what a run's journal says, entry by entry, and how it is read again. DURABLE.md tells the whole story.
 *
 *     INTENT   step id, host    [digest]                               a changing call is about to be sent
 *     RESULT   step id, host    [digest, flags, value, meta, detail]   its answer was delivered
 *     ERROR    step id, host    [digest, flags, code, message, status, denial, meta, detail]
 *     WAKE     pause id                                                a pause was over
 *     NOTE     step id, kind    value                                  for people; "begun" and "resumed" are read again
 *
 * The data are frozen values (freeze.h). digest: 16 hexadecimal digits over the host's name and the arguments, so that
 * a program that asks something else than the journal has the answer of is found out.
 */
#ifndef PB_JOURNAL_H
#define PB_JOURNAL_H

#include "vm/interp.h"
#include "vm/store.h"

/* Of one run. */
typedef struct journal {
    store *store; /* NULL: the run is kept nowhere */
    pb_str run;
    int64_t fence;
    pb_arena *arena; /* the run's */
    bool changes;    /* the answer of a changing call is not on disk yet */
    bool failed;     /* an entry could not be made: memory */
} journal;

/* They do nothing without a store. */
void journal_intent(journal *j, const vm_call *c, int64_t at);
void journal_arrival(journal *j, const vm_arrival *a, const vm_denial *denial, bool changing, int64_t at);
void journal_note(journal *j, pb_str step, pb_str kind, pb_value what, int64_t at);

/* ---- reading ---- */

typedef struct journal_answer {
    bool ok, planned, again;
    bool partial,
        lost; /* secrets were left out of the value; it was too large, so that nothing of it is there (partial, too) */
    pb_str digest;
    pb_value value, meta;
    pb_str code, message, detail;
    vm_error_class kind;
    vm_denial denial; /* kind.denied */
} journal_answer;

/* Of a RESULT or an ERROR. False with a sentence in *err: it cannot be read. */
bool journal_answer_of(const journal_entry *e, pb_arena *a, journal_answer *out, pb_str *err);
/* Of the call as it is asked now. Empty: out of memory. */
pb_str journal_digest(const vm_call *c, pb_arena *a);
/* Does this INTENT fit the call? */
bool journal_intends(const journal_entry *e, const vm_call *c, pb_arena *a);

#endif
