/*
 * fetch.h - carries out a plan: gets credentials from its source over the event loop, then assumes its roles.
 */
#ifndef PB_AWS_FETCH_H
#define PB_AWS_FETCH_H

#include "stdlib/aws/client.h"
#include "stdlib/aws/plan.h"

typedef struct aws_fetched {
    sigv4_credentials keys;
    int64_t expires_ms; /* wall clock; 0: never */
} aws_fetched;

typedef struct aws_fetch aws_fetch;
/* got NULL: failed, and why says which source, what happened and what to do. */
typedef void aws_fetch_fn(void *ctx, const aws_fetched *got, pb_str why);

/* Everything lives in the arena, which the caller wipes when keys and plan are no longer needed, not before fn has been
 * called or the fetch cancelled. fn is called once, never before this returns. sts: makes the calls to STS. NULL: out
 * of memory. */
aws_fetch *aws_fetch_start(aws_client *sts, pb_loop *l, pb_arena *a, const aws_settings *s, const aws_plan *p,
                           aws_fetch_fn *fn, void *ctx);
void aws_fetch_cancel(aws_fetch *f);

#endif
