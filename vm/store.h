/*
 * store.h - where runs are kept: what a run has to remember when its process dies, and what runs must know of each other.
 *
 * One interface; the embedded store is SQLite (store_sqlite.c: one file, WAL, full sync). Everything is synchronous and
 * called from the engine's one thread; several processes may have the same store open. Texts given in are copied; texts
 * given out live in the arena that was handed over.
 *
 * Ownership. A run is executed by at most one process: the one that holds its lease. store_run_begin and
 * store_run_take give the lease with a fence, a number that grows each time somebody takes it. Whatever is written
 * about a run says its fence, and is refused with STORE_LOST when another process has taken the run meanwhile; whoever sees that
 * drops the run at once, without another word to the world.
 *
 * The journal. Entries are buffered by store_append and written by store_commit, all of them in one transaction with
 * one fsync. An entry is on disk when store_commit has said STORE_OK, not before. When it says anything else, none of them is.
 *
 * Clocks: all times are wall-clock ms since 1970 given by the caller, so that tests can give others.
 */
#ifndef PB_STORE_H
#define PB_STORE_H

#include "vm/value.h"

typedef struct store store;

typedef enum store_result {
    STORE_OK,
    STORE_NO,   /* not there, or the condition is not met: nothing was changed */
    STORE_LOST, /* another process has this run now */
    STORE_ERROR /* see store_error; nothing was changed */
} store_result;

enum {
    STORE_LEASE_MS = 30000,     /* a process that has not renewed for so long is taken for dead */
    STORE_RENEW_MS = 10000,
    STORE_BUSY_MS = 10000       /* how long another writer is waited for */
};

/* "sqlite:PATH", "sqlite:///abs/path" or a path. Creates (mode 0600) and migrates. NULL with a sentence in *err: what, where, cure. */
store *store_open(const char *url, pb_arena *a, pb_str *err);
void store_close(store *s);
/* Is there a file at that place already? (Whether it is a store, only opening it says.) */
bool store_is_there(const char *url);
/* For tests: as if the process had died, nothing is written through this any more. */
void store_cut(store *s);
/* What went wrong last, a sentence without secrets; valid until the next call. */
const char *store_error(const store *s);
/* An fsync has failed: nothing can be done with it any more, until it is opened anew by another process. */
bool store_is_broken(const store *s);
/* fsyncs of journal commits so far, and entries written: for benchmarks. */
void store_counts(const store *s, uint64_t *commits, uint64_t *entries);
/* Told how long each of those commits took, its fsync included. */
void store_watch_commits(store *s, void (*took)(void *ctx, double seconds), void *ctx);

/* ---- images: the very programs that runs were begun with, by SHA-256 (64 hexadecimal digits) ---- */
store_result store_image_put(store *s, const char *sha256, const void *image, size_t n); /* there already: STORE_OK */
store_result store_image_get(store *s, const char *sha256, pb_arena *a, pb_str *image);

/* ---- runs ---- */

typedef enum store_status {
    RUN_ACTIVE,  /* somebody executes it, or died doing so */
    RUN_WAITING, /* parked: for an approval, a time, a lease */
    RUN_ENDED,
    RUN_UNDOING, /* ended, and being undone by somebody (or they died) */
    RUN_UNDONE
} store_status;

typedef struct store_run {
    pb_str id, incident, playbook, version, image; /* image: SHA-256 */
    pb_str event, item_note;  /* the envelope as JSON; free text about it */
    uint32_t item;            /* which item of an event with a list */
    pb_value params;          /* map name → value of deployment parameters; secrets are left out */
    pb_value context;         /* what RUN gives */
    pb_str account, region, resource, threat;
    pb_str mode;              /* "" , "dry" or "observe" */
    store_status status;
    pb_str waits_for;         /* RUN_WAITING: "approval", "time", ... and what, for people */
    pb_str outcome, code, reason; /* RUN_ENDED: evidence_outcome's word ... */
    int64_t started, updated, ended, wake_at; /* wake_at 0: not by time */
    int64_t deadline;         /* wall clock; the playbook's timeout; 0: none */
    int64_t fence, lease_until;
    pb_str owner;             /* of the lease: host and pid, for people */
    pb_str origin;            /* what it was begun for ("event 17 contain_instance 0"): no second run of one origin; empty: none */
    pb_str site;              /* SHA-256 of the image whose site block held when it began; empty: none */
    bool over_limit;          /* begun all the same (admit_anyway): it has to ask before it goes on */
    pb_str evidence;          /* the document, once there is one; each undoing adds its own, a line each */
} store_run;

/* Admission: what is asked before a run begins, all in one transaction. Empty/0 members are not asked. */
typedef struct store_admission {
    pb_str dedupe_key; int64_t dedupe_ms;  /* no run of this playbook, key and mode within that time that has not failed or been denied */
    uint32_t limit; int64_t limit_ms;      /* at most so many begun runs of this playbook within that time */
    uint32_t concurrency;                  /* at most so many unfinished runs of this playbook */
} store_admission;
typedef enum store_admitted {
    ADMITTED, ADMIT_DUPLICATE, ADMIT_LIMIT, ADMIT_CONCURRENCY,
    ADMIT_AGAIN /* *other was begun from the same origin: the event has been handled before (asked first, in every mode) */
} store_admitted;

/* Makes the run (status RUN_ACTIVE) with a lease for `owner` and sets r->fence, unless admission says otherwise: *why, and *other is the
 * run that the event duplicates. admit_anyway: begin even when over `limit` (it will ask for an approval); *why still says ADMIT_LIMIT.
 * Runs in mode "dry" are never deduplicated or counted. STORE_NO: *why says why not. Not on disk before the next store_commit or
 * store_run_leave: nothing reaches the world before one of them. */
store_result store_run_begin(store *s, store_run *r, const store_admission *q, bool admit_anyway, pb_str owner, int64_t now,
                             pb_arena *a, store_admitted *why, pb_str *other);
store_result store_run_get(store *s, pb_str id, pb_arena *a, store_run *out);
/* Takes the lease of a run that is not ended and whose lease is free or over; or, with undo, of one that has ended (it becomes
 * RUN_UNDOING). STORE_NO: somebody has it, or its status does not fit. */
store_result store_run_take(store *s, pb_str id, bool undo, pb_str owner, int64_t now, pb_arena *a, store_run *out);
store_result store_run_renew(store *s, pb_str id, int64_t fence, int64_t now);
/* Gives the lease back: RUN_WAITING (waits_for, wake_at), RUN_ENDED or RUN_UNDONE with outcome, code, reason, resource, evidence;
 * RUN_ACTIVE or RUN_UNDOING: somebody else is to go on at once (a graceful stop). A run poked since it was taken is due at once.
 * Commits the journal's buffer in the same transaction. Ending a run frees its target leases and voids its open approvals. */
store_result store_run_leave(store *s, const store_run *r, int64_t now);
/* Ids of runs that can go on now: unfinished ones whose lease is free or over and that are RUN_ACTIVE/RUN_UNDOING (their process died), or RUN_WAITING with
 * wake_at <= now (0 < wake_at) or poked. At most max. */
store_result store_runs_due(store *s, int64_t now, uint32_t max, pb_arena *a, pb_str **ids, uint32_t *n);
/* Ends the leases (of runs and of events) whose owner is dead for certain, so that nobody has to wait until they are over. *n: how many. */
store_result store_leases_free(store *s, bool (*dead)(pb_str owner), int64_t now, pb_arena *a, uint32_t *n);
/* The next moment at which some waiting run is due; 0: none. */
store_result store_next_due(store *s, int64_t *at);
/* A parked run is to look again (a decision has come). */
store_result store_run_poke(store *s, pb_str id, int64_t now);

typedef struct store_filter { /* empty: any */
    pb_str playbook, status, incident, resource, since_id; /* status: "active" "waiting" "ended" "undone" or an outcome */
    int64_t since;
    uint32_t max; /* 0: 50; newest first */
} store_filter;
/* Without what is long: event, params, context and evidence are left empty (store_run_get has them). */
store_result store_runs_list(store *s, const store_filter *f, pb_arena *a, store_run **runs, uint32_t *n);
/* Ids of the runs whose id begins so, newest first, at most max. */
store_result store_runs_find(store *s, pb_str prefix, uint32_t max, pb_arena *a, pb_str **ids, uint32_t *n);
store_result store_count_status(store *s, uint64_t *active, uint64_t *waiting, uint64_t *ended);

/* ---- the journal of a run ---- */

typedef enum journal_kind {
    JOURNAL_INTENT, /* a call is about to be made: host name, arguments' digest */
    JOURNAL_RESULT, /* its answer */
    JOURNAL_ERROR,
    JOURNAL_WAKE,   /* a pause (VERIFY, retry) is over */
    JOURNAL_NOTE    /* for people and the evidence: approvals asked, decisions, kill switch, lease ... */
} journal_kind;

typedef struct journal_entry {
    int64_t seq;        /* 1, 2, ... within the run; given by store_append */
    journal_kind kind;
    pb_str step;        /* the step's id, "3.1"; attempts behind ~ */
    pb_str name;        /* host, or the note's kind */
    int64_t at;
    pb_str data;        /* the caller's own (vm/freeze.h) */
} journal_entry;
/* Buffered. STORE_LOST/STORE_ERROR come from store_commit. */
store_result store_append(store *s, pb_str run, int64_t fence, journal_entry *e);
bool store_pending(const store *s);
/* Forgets what is buffered of a run that this process gives up. */
void store_drop(store *s, pb_str run);
/* Writes what is buffered, durably. STORE_LOST: at least one run has been lost; its entries are dropped, all others are written; lost (may be NULL) is told each.
 * STORE_ERROR: the entries stay buffered and go with the next commit, if there is one (store_drop forgets them). */
store_result store_commit(store *s, void (*lost)(void *ctx, pb_str run), void *ctx);
store_result store_journal(store *s, pb_str run, pb_arena *a, journal_entry **entries, uint32_t *n);

/* ---- approvals ---- */

typedef struct store_approval {
    pb_str id;             /* "apr-" and 26 characters */
    pb_str run, step;      /* the step that asks */
    uint32_t round;        /* 1; more when drift has voided the ones before */
    pb_str question, body; /* body: what is shown besides, as JSON: values, targets, steps that would follow */
    pb_str binding;        /* SHA-256 over code, values and target state, hexadecimal */
    pb_value via, by, escalate; /* lists of maps, as asked */
    pb_value excluded;     /* list of texts: principals of the event, who may not decide */
    uint32_t quorum;
    int64_t asked, expires, escalate_at; /* escalate_at 0: not (any more) */
    bool escalated;
    pb_str state;          /* "open" "granted" "denied" "expired" "void" */
    pb_str reason;
    int64_t decided;
    pb_value message;      /* what the channel said: {channel, ts}, to update it later */
} store_approval;

typedef struct store_decision {
    pb_str approval, person, via, verdict, reason; /* verdict: "grant" "deny" "refused"; refused ones have why in reason */
    pb_str proof;                                  /* how the person was authenticated, for the evidence */
    int64_t at;
} store_decision;

store_result store_approval_put(store *s, const store_approval *a); /* inserts or updates by id */
store_result store_approval_get(store *s, pb_str id, pb_arena *a, store_approval *out);
/* Newest first; run empty: all; open_only. */
store_result store_approvals(store *s, pb_str run, bool open_only, uint32_t max, pb_arena *a, store_approval **list, uint32_t *n);
store_result store_approvals_open(store *s, uint64_t *n);
/* Adds a decision in a transaction that first calls judge with the approval and the decisions so far as they are on disk at that moment: what judge
 * says is written (it sets d->verdict/reason and the approval's state), and the run is poked when the state is no longer "open". So two
 * answers at one time cannot both be the first. */
typedef void store_judge(void *ctx, store_approval *apr, const store_decision *before, uint32_t n, store_decision *d);
store_result store_decide(store *s, pb_str approval, store_decision *d, store_judge *judge, void *ctx, int64_t now, pb_arena *a);
/* Changes an approval as it is on disk at that moment, in one transaction: what nobody decides (expiry, escalation, its messages). STORE_NO: there
 * is none, or change said false and nothing was written. *out is the approval either way; out->id is empty when there is none. */
typedef bool store_change(store_approval *apr, void *ctx);
store_result store_approval_change(store *s, pb_str id, store_change *change, void *ctx, pb_arena *a, store_approval *out);
store_result store_decisions(store *s, pb_str approval, pb_arena *a, store_decision **list, uint32_t *n);
/* Single-use things: link tokens, Slack request signatures, webhook signatures (replays). STORE_NO: it was used before. Kept until `until`. */
store_result store_once(store *s, pb_str key, int64_t now, int64_t until);

/* ---- brakes ---- */

/* scope: "global", "account:123456789012", "playbook:name". state: "on" (nothing changes), "observe", "off". */
typedef struct store_switch {
    pb_str scope, state, reason, who;
    int64_t at;
} store_switch;
store_result store_switch_set(store *s, const store_switch *w); /* keeps the history */
store_result store_switch_get(store *s, pb_str scope, pb_arena *a, store_switch *out); /* STORE_NO: never set */
store_result store_switches(store *s, bool history, pb_arena *a, store_switch **list, uint32_t *n);

/* One run at a time on one target. STORE_NO: *holder (a run id) has it. The same run may take it again. Freed by store_run_leave with RUN_ENDED, or when the holder has ended otherwise. */
store_result store_target_take(store *s, pb_str target, pb_str run, int64_t fence, int64_t now, pb_arena *a, pb_str *holder);

/* ---- events waiting to be handled (serve) ---- */

typedef struct store_event {
    int64_t id;
    pb_str source, body; /* where it came in; the JSON text */
    int64_t received;
    uint32_t attempts;
} store_event;
/* STORE_NO: `max` events are waiting already, nothing was added. On disk when it says STORE_OK. */
store_result store_event_add(store *s, pb_str source, pb_str body, uint32_t max, int64_t now, int64_t *id);
/* Several that come together: all of them or none. */
typedef struct store_batch {
    pb_str source;
    const pb_str *bodies;
    uint32_t n;
    pb_str once;         /* a key as of store_once, used up only when the events are in; empty: none */
    int64_t until;
    /* What came of it: */
    store_result result; /* OK; NO: no room, or the key was used before (`used`) */
    bool used;
    int64_t first;       /* the first one's id; the others follow it */
} store_batch;
/* Many batches in one transaction, each with a result of its own. STORE_ERROR: none of them is in. */
store_result store_events_add(store *s, store_batch *batches, uint32_t n, uint32_t max, int64_t now);
/* The oldest that nobody has (or whose owner's lease is over); it is leased to owner. */
store_result store_event_take(store *s, pb_str owner, int64_t now, pb_arena *a, store_event *out);
/* All its runs are begun (or it can never be handled: why). */
store_result store_event_done(store *s, int64_t id, pb_str why, int64_t now);
store_result store_events_waiting(store *s, uint64_t *n);
/* Forgets ended runs, events, used keys older than `before`, except runs that are waiting. For `pbrun runs --prune`. */
store_result store_prune(store *s, int64_t before, uint64_t *removed);

#endif
