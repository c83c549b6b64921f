/*
 * hosts.h - the hosts in C that are not AWS: the clock, a pause, Slack. Each is declared as an `extern action` in one
 * of the library's .pb files; tests/unit/client.c checks that the two lists agree.
 */
#ifndef PB_HOSTS_H
#define PB_HOSTS_H

#include "vm/host.h"

bool hosts_resolve(void *state, pb_str name, pb_host *out); /* what pb_host_provider wants; no state */
/* pb_host_provider.ask and .unask: "slack.post" {channel, text}. */
void *hosts_ask(void *state, pb_loop *l, const pb_question *q, pb_answer_fn *fn, void *ctx);
void hosts_unask(void *state, void *asked);
/* The i-th of them; false: there are no more. */
bool hosts_at(uint32_t i, pb_str *name, pb_effect *effect);

#endif
