/*
 * analyse.h - what is found out about a program that is typed and whole: the passes behind the checker.
 *
 *   analyse.c             the table of passes, and what they share
 *   facts.c               which conditions can hold together
 *   lint_conditions.c     conditions that can never or always hold
 *   lint_types.c          finding types, event names and controls that AWS does not know
 *   lint_unused.c         what is declared and never used
 *   lint_places.c         accounts and regions in the source, channels that the site does not have
 *   analyse_taint.c       an event's text on its way to targets, documents and commands
 *   analyse_evidence.c    evidence before eradication: what is lost, what must be kept first
 *   known.c               lists of what AWS's sources send (data/)
 *   analyse_guards.c      guards that a playbook hits in every run
 *   analyse_overlap.c     playbooks that get in each other's way
 *   allow.c               `# pbc: allow PB0614 "reason"`
 *
 * A pass runs only when the checker has found no error, so every expression has its type and every call its target. It
 * looks at the user's files; the standard library is looked into only where a playbook calls it.
 * Reports that are asked for by name (bounds, coverage) are in report.h.
 */
#ifndef PB_ANALYSE_H
#define PB_ANALYSE_H

#include "lang/check.h"

/* Runs all passes. Called by check_program. */
void analyse_program(checker *c);

/* ---- shared: analyse.c ---- */

/* The user's declarations of a kind, one after the other: NULL begins. */
decl_info *analyse_next(const checker *c, decl_info *d, ast_decl_kind kind);
bool analyse_leaves(const ast_stmt *s);  /* no way through these statements comes to their end */
bool analyse_is_pure(const ast_expr *e); /* no call in it asks or does anything */
/* A name that stands for a pure expression (let key = f.resource.accessKeyDetails) gives that expression. */
const ast_expr *analyse_resolve(const ast_expr *e);
/* True: both certainly have the same value in one run. Events of two playbooks count as the same. */
bool analyse_same(const ast_expr *a, const ast_expr *b);
/* True: e is the event's field at a dotted path ("resource.accessKeyDetails"). */
bool analyse_is_event_path(const ast_expr *e, pb_str path);
/* "ec2.isolate", as the program names it. */
pb_str analyse_decl_name(pb_arena *a, const ast_decl *d);
const ast_clause *analyse_clause(const ast_decl *d, const char *name);
/* The constant text of a clause; .s NULL: there is none, or it is a list. */
pb_str analyse_clause_text(const ast_decl *d, const char *name);
bool analyse_clause_has(const ast_decl *d, const char *name, const char *text); /* it is that text, or lists it */

/* ---- what a step does: analyse_evidence.c ---- */

typedef struct act_op { /* an AWS operation that a call comes to */
    struct act_op *next;
    pb_str name; /* "ec2.StopInstances" */
    pb_effect effect;
    bool kept; /* it destroys, and the same action has kept it before */
} act_op;

typedef struct act_memo act_memo;       /* of actions that were looked into */
act_memo *analyse_act_memo(checker *c); /* NULL: out of memory */
const act_op *analyse_act_ops(checker *c, act_memo *m, const ast_expr *call);
/* What the call acts on: the argument behind `on`, or an operation's first; NULL: nothing of that kind. */
const ast_expr *analyse_act_target(const ast_expr *call);

/* ---- which conditions can hold together: facts.c ---- */

typedef struct fact { /* newest first */
    const struct fact *next;
    const ast_expr *cond;
    bool truth; /* the condition came out so */
    uint32_t n; /* facts in the list, this one included (facts_add) */
} fact;

enum { FACTS_MAX = 64 }; /* that are kept of one place; further ones are left out, which only makes less certain */

/* False: the facts certainly cannot all be so. */
bool facts_possible(const fact *facts);
const fact *facts_add(pb_arena *a, const fact *facts, const ast_expr *cond, bool truth);
typedef struct authorization { /* an `authorize` that stands before, newest first */
    const struct authorization *next;
    pb_str name;
} authorization;

/* A step of a playbook, and what is known where it stands: does a guard deny it? (analyse_guards.c) */
void analyse_guards_step(checker *c, act_memo *m, const ast_stmt *s, const fact *known, const authorization *granted);

/* What a condition is when the value at a path of the event is this text and nothing else is known: 1, 0, or -1. */
int facts_given(const ast_expr *cond, pb_str path, pb_str text);

/* ---- what AWS's sources send: known.c ---- */

typedef struct known_list {
    const char *what;    /* "GuardDuty has no finding type" */
    const char *missing; /* what a pattern fits none of: "a finding type of GuardDuty" */
    enum { KNOWN_NAMES, KNOWN_OPERATIONS, KNOWN_CONTROLS } kind;
    const char *const *names; /* NAMES: all of them; OPERATIONS: those that no operation is called */
    uint32_t count;
    const char *prefix; /* what stands before a name in this field, or "" */
    bool covered;       /* each of them ought to be handled by somebody */
    const char *const *retired; /* names that were in use once: never sent again */
    uint32_t nretired;
} known_list;

/* What a field of an event can be; NULL: anything. `path` is the dotted path below the payload. */
const known_list *known_of(const ast_decl *event, pb_str path);
/* Texts that do not begin with the list's prefix are not judged: known. */
bool known_has(const known_list *l, const pb_schema *schema, pb_str text);
bool known_matches(const known_list *l, const pb_schema *schema, pb_str pattern); /* a glob */
bool known_retired(const known_list *l, pb_str text);
void known_offer(const known_list *l, const pb_schema *schema, nearest *n);
/* A glob; in facts.c. A * in `text` fits a * only, so this also says that one pattern takes all that another one does.
 */
bool known_glob(pb_str pattern, pb_str text);

/* ---- the passes ---- */
void lint_conditions(checker *c);
void lint_types(checker *c);
void lint_unused(checker *c);
void lint_places(checker *c);
void analyse_taint(checker *c);
void analyse_evidence(checker *c);
void analyse_overlap(checker *c);
/* Takes allowed warnings out; `whole`: all passes have run, so an allow that allows nothing is one. Called by
 * check_program at its end, with errors too. */
void allow_apply(checker *c, bool whole);

#endif
