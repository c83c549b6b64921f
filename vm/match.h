/*
 * match.h - which playbooks an event concerns.
 *
 * An index is built once from the loaded programs; asking it about an event calls back for each playbook that the
 * event matches, with the value the playbook's `when ... as f` names. What is inside may change (today every playbook
 * of a fitting event is asked in turn); what callers see does not.
 */
#ifndef PB_MATCH_H
#define PB_MATCH_H

#include "vm/interp.h"

typedef struct match_program {
    const vm_program *program;
    const pb_value *params; /* one a deployment parameter */
} match_program;

typedef struct match_index match_index;
/* The programs and their parameters must outlive the index, which lives in `a`. NULL: out of memory. */
match_index *match_new(const match_program *programs, uint32_t n, pb_arena *a);

typedef struct match_hit {
    uint32_t program, playbook; /* indexes */
    uint32_t item;              /* events with a list: which item, from 0 */
    pb_value bound;             /* what the playbook sees */
    pb_str error;               /* not empty: the condition could not be decided, and this is why */
} match_hit;

/* What came of it, for a line to the user. */
typedef struct match_tally {
    bool source_known, type_known; /* some playbook listens to the source / to this detail type of it */
    uint32_t asked, matched, failed;
} match_tally;

/* False from the callback ends the search. */
typedef bool match_fn(void *ctx, const match_hit *hit);
/* What RUN gives while a condition is decided: the context without the ids, which only a run has. */
typedef pb_value match_context_fn(void *ctx, const match_hit *hit);

/* Why a playbook is not for an event. */
typedef enum match_reason { MISS_SOURCE, MISS_TYPE, MISS_CONDITION } match_reason;
typedef struct match_miss {
    match_reason reason; /* it listens to other sources; to other detail types of it; a condition does not hold */
    uint32_t program, playbook, item;
    pb_value bound; /* MISS_CONDITION: what it sees, and the condition. Its value lives until the callback returns */
    vm_unmet unmet;
} match_miss;
typedef void match_miss_fn(void *ctx, const match_miss *m);

/* False when memory ran out or a callback said so. The bound values are parts of `event`; errors are in `a`. */
bool match_event(const match_index *m, pb_value event, pb_arena *a, match_context_fn *context, match_fn *fn, void *ctx,
                 match_tally *tally);
/* The same, and each playbook that the event is not for is told to `miss` (NULL: nobody asks). */
bool match_explain(const match_index *m, pb_value event, pb_arena *a, match_context_fn *context, match_fn *fn,
                   match_miss_fn *miss, void *ctx, match_tally *tally);

/* What the playbook sees of an event, of its list's item: the same as a hit's. False: the event has no such item. */
bool match_bound(const vm_program *p, uint32_t playbook, pb_value event, uint32_t item, pb_value *bound);

#endif
