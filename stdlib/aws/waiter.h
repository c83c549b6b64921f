/*
 * waiter.h - waiting until a resource is in a state: an operation asked again and again, its answers judged by AWS's
 * own waiters (the acceptors in the table).
 */
#ifndef PB_AWS_WAITER_H
#define PB_AWS_WAITER_H

#include "stdlib/aws/client.h"

/* What an answer means to a waiter. state: valid when the result is true. value: of the acceptor's expression, for
 * people; none: the acceptor looks at an error or a status. False: no acceptor speaks of it. */
bool aws_waiter_judge(pb_arena *a, aws_waiter w, const aws_outcome *o, aws_state *state, pb_value *value);

typedef struct aws_wait aws_wait;
/* As aws_client_start; spec->op is not looked at. The outcome has no value. Errors: WaiterFailed (it will not come
 * about any more), WaiterTimeout (not by the deadline), or that of an answer the waiter does not speak of. */
aws_wait *aws_wait_start(aws_client *c, pb_loop *loop, aws_waiter w, const aws_call_spec *spec, aws_done_fn *done,
                         void *ctx);
void aws_wait_cancel(aws_wait *w, pb_value *meta);

#endif
