/*
 * approval.h - the rules of approvals: what an approval is bound to, who may decide it, and what a decision comes to.
 *
 * Nothing in here does I/O but through the store. Whoever brings a person's answer (the command line, Slack, a link)
 * has authenticated the person and says how; approval_decide judges the answer inside the store's transaction, against
 * what is on disk at that moment. What is refused is recorded with its reason like what is taken.
 *
 * Who may decide is written into the approval when it is asked: `by` lists the groups with the ids of their people as
 * the site had them, so that an answer can be judged wherever the store is, and nobody gets into a group by bringing
 * another site along. Only the members of Slack user groups are asked for anew (approval_answer.members).
 */
#ifndef PB_APPROVAL_H
#define PB_APPROVAL_H

#include "vm/site.h"
#include "vm/store.h"

enum {
    APPROVAL_PREFIX = 32, /* hexadecimal digits of the binding that a button or a link carries: 128 bits */
    APPROVAL_FORGED_MAX =
        100, /* so many answers, and forged ones are refused without a record: anybody can send those */
    APPROVAL_QUORUM_MAX = 10,   /* as the compiler says */
    APPROVAL_EXCLUDED_MAX = 32, /* principals of one event */
    APPROVAL_REASON_MAX = 1000, /* bytes of what a person gives as the reason */
    APPROVAL_CHANGES_MAX = 10   /* lines about drift */
};

/* ---- asking ---- */

typedef struct approval_question {
    pb_str run, step, image; /* image: SHA-256 of the program */
    uint32_t round;          /* from 1 */
    bool drift;              /* the approval before this one was granted, and then its target changed */
    pb_str question, block;  /* block: where it is written, and the SHA-256 of its source text */
    pb_value values, state;  /* what is captured; what the targets are like now */
    pb_value about;          /* for people: {playbook, incident, account, region, resource ...} */
    pb_value via, by, escalate;
    pb_value excluded;
    uint32_t quorum;
    int64_t within_ms;
} approval_question;

/* "apr-" and 26 characters, the same for the same run, step and round. */
pb_str approval_id(pb_arena *a, pb_str run, pb_str step, uint32_t round);
/* What the approval is bound to, 64 hexadecimal digits. .s NULL: no memory, or the values are too deep. */
pb_str approval_binding(pb_arena *a, const approval_question *q);
/* The same value with the keys of all its maps in order; NONE in a NONE's place, and when it is too deep (*ok false).
 */
pb_value approval_canonical(pb_arena *a, pb_value v, bool *ok);
/* The approval as it is to be stored: open, asked at `now`. False with a sentence in *err. before: the approval that
 * drift has voided, NULL: none. */
bool approval_make(const approval_question *q, const store_approval *before, int64_t now, pb_arena *a,
                   store_approval *out, pb_str *err);
/* What differs between two states, one line each ("i.tags.Owner: "a" is now "b""). */
pb_value approval_changes(pb_arena *a, pb_value before, pb_value after);

/* `by` or `escalate` as a program gives it, with the people of the site's groups written in. `everybody`: all people of
 * the site besides, because a Slack user group is among them. False with a sentence in *err: there is no such group. */
bool approval_people(const pb_site *s, pb_value by, pb_arena *a, pb_value *out, pb_str *err);
/* May so many distinct people decide that `quorum` can be reached? Yes when a Slack user group is among them. */
bool approval_reachable(const store_approval *apr);
/* The Slack user groups whose members may decide at that time. */
uint32_t approval_slack_groups(const store_approval *apr, int64_t now, pb_str *out, uint32_t max);

/* The principals an event names: at `paths` below `bound`, and wherever in the event AWS's own names for them occur.
 * None: out of memory, or more than are kept; then nobody can tell who must not decide, and it is not asked. */
pb_value approval_principals(pb_arena *a, pb_value event, pb_value bound, const pb_str *paths, uint32_t npaths);

/* When something has to happen besides an answer: the nearer of expiry and escalation. */
int64_t approval_wake(const store_approval *apr);
/* After escalate_at: the next time, 0: none. */
int64_t approval_next_escalation(const store_approval *apr, int64_t now);

/* ---- deciding ---- */

typedef enum approval_id_kind { APPROVAL_BY_SLACK, APPROVAL_BY_LOGIN, APPROVAL_BY_NAME } approval_id_kind;

typedef struct approval_answer {
    bool grant;
    approval_id_kind kind;
    pb_str who;           /* the authenticated id */
    pb_str via;           /* "slack" "cli" "link" */
    pb_str proof;         /* how the person was authenticated, for the evidence */
    pb_str binding;       /* of what the person was shown, at least APPROVAL_PREFIX digits */
    pb_str reason;        /* may be empty */
    bool claimed;         /* `who` is only what an unauthenticated request says */
    pb_str forbidden;     /* not empty: the answer must not count whatever it says (a forged signature), and why */
    pb_value members;     /* map: Slack user group → list of user ids */
    pb_str members_error; /* they could not be read, and why */
    pb_arena *arena;
    int64_t now;
    /* What came of it: */
    bool taken;      /* grant or deny was recorded */
    pb_str person;   /* who it was; may be empty */
    pb_str why;      /* not taken: a sentence for that person */
    pb_str state;    /* of the approval now */
    uint32_t grants; /* of distinct people so far */
    uint32_t quorum;
} approval_answer;

/* store_judge; ctx: approval_answer. */
void approval_judge(void *ctx, store_approval *apr, const store_decision *before, uint32_t n, store_decision *d);
/* Judges and records. STORE_NO: there is no such approval (why says so). STORE_ERROR: why too. */
store_result approval_decide(store *s, pb_str approval, approval_answer *q);
/* The person of the approval with this id; empty: nobody. */
pb_str approval_person(const store_approval *apr, approval_id_kind kind, pb_str id);

/* ---- for people and the evidence ---- */

/* [{question, asked, decided, state, quorum, decisions: [...]}], oldest first. */
pb_value approval_evidence(store *s, pb_str run, pb_arena *a);
/* One approval for programs (--json). */
pb_value approval_value(const store_approval *apr, const store_decision *d, uint32_t n, pb_arena *a);

#endif
