/*
 * new.h - `pbc new playbook NAME`: the first lines of a playbook, which check without a finding.
 */
#ifndef PB_NEW_H
#define PB_NEW_H

#include "lang/base.h"

/* A word that may name a playbook: letters, digits and _, no digit in front, at most 64. */
bool new_name_ok(pb_str name);
/* The text of a playbook for an event of the library ("guardduty.finding"); .s NULL: no such event, or memory ran out (the arena says
 * so). */
pb_str new_playbook(pb_arena *a, pb_str name, pb_str event);
/* Names of the events, "a, b and c", for messages. */
const char *new_events(void);

#endif
