/*
 * killswitch.h - is anything to be changed at all? Asked right before every changing call.
 *
 * A switch has a scope ("global", "account:123456789012", "playbook:name") and a state. Sources are the store, an SSM
 * parameter and a DynamoDB item, as the site says; the strictest answer counts. A source that cannot be read is an
 * answer: no.
 */
#ifndef PB_KILLSWITCH_H
#define PB_KILLSWITCH_H

#include "vm/host.h"
#include "vm/store.h"

typedef struct killswitch killswitch; /* one an engine */

typedef struct killswitch_config {
    pb_loop *loop;
    const pb_site *site; /* NULL: none */
    store *store;        /* NULL: none */
    const pb_host_provider *providers;
    size_t nproviders;
} killswitch_config;
killswitch *killswitch_new(const killswitch_config *c); /* NULL: out of memory */
void killswitch_free(killswitch *k);                    /* nobody may be waiting */

typedef enum killswitch_state { SWITCH_OFF, SWITCH_OBSERVE, SWITCH_ON } killswitch_state;

typedef struct killswitch_answer {
    killswitch_state state;
    bool unreadable; /* state is SWITCH_ON because a source could not be read */
    pb_str why;      /* not off: a sentence: which switch, since when, by whom, for what reason */
} killswitch_answer;

typedef void killswitch_fn(void *ctx, const killswitch_answer *a);
typedef struct killswitch_wait killswitch_wait;
/* account and playbook may be empty; they must live as long as the question, and so must the arena: `why` is in it.
 * NULL: fn has been called already. */
killswitch_wait *killswitch_ask(killswitch *k, pb_str account, pb_str playbook, pb_arena *a, killswitch_fn *fn,
                                void *ctx);
void killswitch_unask(killswitch_wait *w);

/* "global", "account:" and 12 digits, "playbook:" and a name: a scope that can be set. */
bool killswitch_scope_ok(pb_str scope);
bool killswitch_state_of(pb_str word, killswitch_state *out); /* "on" "observe" "off", in any case */

/* One source's text: a word ("on", "observe", "off"), or JSON: {"global": "off", "account:1234...": "on", "playbook:x":
 * {"state": "observe", "reason": "...", "who": "..."}, "reason": "...", "who": "..."}. False with a sentence in *err:
 * neither. `source`: for `why`. */
bool killswitch_read(pb_str text, pb_str source, pb_str account, pb_str playbook, pb_arena *a, killswitch_answer *out,
                     pb_str *err);

#endif
