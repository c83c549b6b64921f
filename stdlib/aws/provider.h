/*
 * provider.h - the hosts aws.<service>.<Operation> and aws.<service>.wait.<Waiter>: every operation and waiter of the model
 * table, callable from a program.
 */
#ifndef PB_AWS_PROVIDER_H
#define PB_AWS_PROVIDER_H

#include "vm/host.h"

/* What pb_host_provider wants: state is an aws_client. */
bool aws_provider_resolve(void *state, pb_str name, pb_host *out);

#endif
