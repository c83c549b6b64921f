/*
 * client.h - calling AWS: one operation with one input, from the bytes on the wire to a value or an error.
 *
 * A call is signed, sent, and sent again where that is right (retry.h), until its deadline. The client keeps what calls
 * share: credentials, derived signing keys, and by how much our clock is off. provider.h makes aws.* hosts of it.
 */
#ifndef PB_AWS_CLIENT_H
#define PB_AWS_CLIENT_H

#include "stdlib/aws/codec.h"
#include "stdlib/aws/settings.h"
#include "stdlib/aws/sigv4.h"

typedef struct aws_client aws_client;
aws_client *aws_client_new(void); /* NULL: out of memory. Reads the environment at the first call */
void aws_client_free(aws_client *c); /* with no calls under way */
/* Read at the first call and kept; NULL: out of memory. */
const aws_settings *aws_client_settings(aws_client *c);

typedef struct aws_call_spec {
    aws_op op;
    pb_value input;      /* a map; none is an empty one */
    pb_str region;       /* where; empty: the settings' */
    const sigv4_credentials *keys; /* sign with these, kept by the caller until done; NULL: the client's own */
    pb_str token_seed;   /* idempotency tokens the input lacks are made from it: the same seed gives the same token */
    int64_t deadline_ms; /* on the monotonic clock */
    pb_arena *arena;     /* the outcome lives here */
} aws_call_spec;

typedef struct aws_outcome {
    bool ok;
    pb_value value;       /* ok: the operation's output, a map */
    pb_str code, message; /* else: AWS's code, or one of ours in small letters ("credentials", "outcome_unknown") */
    bool conflict;        /* else: somebody else changed it at the same time, read again and try once more */
    bool throttled;       /* AWS asked to come back later, until the tries were used up */
    int status;           /* of HTTP; 0: there was no answer */
    pb_value meta;        /* {operation, region, attempts, http_status, request_id, retries}, for the evidence */
} aws_outcome;

typedef struct aws_call aws_call;
typedef void aws_done_fn(void *ctx, const aws_outcome *o);

/* For whoever starts something that may be done before the start returns: aws_guard_done as done and a guard as ctx pass the
 * outcome on and say that there is nothing left to hand out. */
typedef struct aws_start_guard {
    aws_done_fn *done;
    void *ctx;
    bool ended;
} aws_start_guard;
aws_done_fn aws_guard_done;

/* NULL: done has been called already (bad input, no credentials). Otherwise it is called once, later. */
aws_call *aws_client_start(aws_client *c, pb_loop *loop, const aws_call_spec *spec, aws_done_fn *done, void *ctx);
/* Stops it; done is not called. *meta, when not NULL, gets what is known so far. */
void aws_client_cancel(aws_call *call, pb_value *meta);

#endif
