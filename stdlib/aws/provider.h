/*
 * provider.h - the hosts aws.<service>.<Operation> and aws.<service>.wait.<Waiter>: every operation and waiter of the
 * model table, callable from a program.
 */
#ifndef PB_AWS_PROVIDER_H
#define PB_AWS_PROVIDER_H

#include "vm/host.h"

/* The client behind the hosts, and the sessions of runs in other accounts. */
typedef struct aws_provider aws_provider;
aws_provider *aws_provider_new(void); /* NULL: out of memory */
void aws_provider_free(aws_provider *p);
/* What pb_host_provider wants: state is an aws_provider. */
bool aws_provider_resolve(void *state, pb_str name, pb_host *out);
/* pb_host_provider.ask and .unask, with the client's own keys. GetCallerIdentity is asked once and remembered. */
void *aws_provider_ask(void *state, pb_loop *l, const pb_question *q, pb_answer_fn *fn, void *ctx);
void aws_provider_unask(void *asked);
void aws_provider_run_end(aws_provider *p, const vm_run *r);

#endif
