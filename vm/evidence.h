/*
 * evidence.h - what a run leaves behind: one JSON document (EVIDENCE.md describes its fields) and the log it goes to.
 */
#ifndef PB_EVIDENCE_H
#define PB_EVIDENCE_H

#include "vm/interp.h"

enum {
    EVIDENCE_SCHEMA = 1,         /* version of the document; EVIDENCE.md */
    EVIDENCE_STRING_MAX = 4096,  /* bytes of one text; the rest is cut off with a note */
    EVIDENCE_VALUES_MAX = 20000, /* values in one document; a run's evidence has some hundreds */
    EVIDENCE_DEPTH_MAX = 32,     /* nesting of record entries and arguments */
    EVIDENCE_CALLS_MAX = 1000    /* calls listed below one action; the rest is counted */
};

/* Everything that the document is made of. */
typedef struct evidence_run {
    vm_program *program;
    uint32_t playbook;
    pb_value event;      /* the envelope */
    pb_value bound;      /* what the playbook saw of it */
    pb_value context;    /* what RUN gave: id, incident_id, account ... */
    pb_str alert_id;     /* of the finding */
    bool ran;            /* false: the condition could not be decided, so nothing began */
    vm_outcome outcome;  /* DONE, SKIPPED, STOPPED or FAILED */
    pb_str reason, code; /* of the outcome */
    uint32_t place;      /* source << 20 | line; 0: none */
    const vm_step *steps; /* from this one on */
    const vm_run *vm;     /* NULL: there was none. Whom it was denied by, what was authorised, what stays undone */
    pb_str undo_of;       /* the run whose steps were undone; empty: an ordinary run */
    pb_value record;
    int64_t started_ms, ended_ms; /* wall clock */
    bool dry, observe, interrupted;
    uint32_t resumed;              /* how often it was taken over by another process, or went on after waiting */
    const struct gate_note *notes; /* of hosts, in order */
    pb_value approvals;            /* what was asked, and every answer (approval_evidence); NONE: nothing was */
    pb_str note; /* what was odd about the event; may be empty */
} evidence_run;

/* "remediated" "already_remediated" "reported" "partial" "skipped" "failed" "planned" "stopped" "denied" "undone" */
const char *evidence_status(const evidence_run *r);
const char *evidence_outcome(vm_outcome o); /* "done" "skipped" "stopped" "failed" "denied" */
/* "succeeded" "already_done" "failed" "planned" "denied" */
const char *evidence_action_status(const vm_step *s);
/* What the action or its host says about it; may be empty. */
pb_str evidence_detail(const vm_step *s);
/* The affected resource as text for people; empty when none was recorded. */
pb_str evidence_resource(const evidence_run *r, pb_arena *a);

struct json_object;
/* A new document; NULL when out of memory. */
struct json_object *evidence_document(const evidence_run *r);
/* The same as one line of text; empty when out of memory. */
pb_str evidence_text(const evidence_run *r, pb_arena *a);
/* A bounded copy of a value as JSON: secrets "***", unknown values as a sentence. NULL: none or out of memory. */
struct json_object *evidence_value(pb_value v);

/* ---- the log ---- */

typedef struct evidence_log evidence_log;
/* Opens DIR/evidence.jsonl for appending, both made when missing (modes 0700, 0600). NULL with a sentence in *err. */
evidence_log *evidence_open(const char *dir, pb_arena *a, pb_str *err);
/* Appends one line, whole or not at all, and waits until it is on disk. False with a sentence in *err. */
bool evidence_append(evidence_log *l, const char *line, size_t n, pb_arena *a, pb_str *err);
/* Is the document of this run that was started then in the log? Reads the whole log. */
bool evidence_has(evidence_log *l, pb_str run, int64_t started_ms, pb_arena *a);
void evidence_close(evidence_log *l);

#endif
