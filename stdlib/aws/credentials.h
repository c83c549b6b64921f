/*
 * credentials.h - the keys that sign AWS requests, shared by all calls of a client and renewed in time.
 *
 * Callers ask for every request. When keys have to be fetched first, one fetch serves everybody who waits.
 */
#ifndef PB_AWS_CREDENTIALS_H
#define PB_AWS_CREDENTIALS_H

#include "stdlib/aws/sigv4.h"

struct aws_client;
typedef struct aws_credentials aws_credentials;
/* sts: makes the calls to STS, by keys given with each. NULL: out of memory. */
aws_credentials *aws_credentials_new(struct aws_client *sts);
void aws_credentials_free(aws_credentials *c); /* wipes them; nobody may be waiting */

typedef enum aws_keys { AWS_KEYS_READY, AWS_KEYS_LATER /* wait for them */, AWS_KEYS_FAILED } aws_keys;
/* READY: *out is valid until the next call. FAILED: *why says what to set, and is valid until then too. Never put any
 * part of *out into a message. */
aws_keys aws_credentials_get(aws_credentials *c, sigv4_credentials *out, pb_str *why);

typedef struct aws_keys_wait aws_keys_wait;
/* why empty: get them now; else there are none. */
typedef void aws_keys_fn(void *ctx, pb_str why);
/* After LATER. fn is called once, never before this returns, at the deadline (monotonic clock) at the latest. NULL: out
 * of memory. */
aws_keys_wait *aws_credentials_wait(aws_credentials *c, pb_loop *l, int64_t deadline_ms, aws_keys_fn *fn, void *ctx);
void aws_credentials_unwait(aws_keys_wait *w); /* fn is not called; the last one ends the fetch */

/* AWS called the keys with this access key expired: forgets them. False: asking again cannot give others. */
bool aws_credentials_expired(aws_credentials *c, pb_str access_key);

#endif
