/*
 * retry.h - which failures of an AWS call are worth another try, and after how long. Facts only: no I/O, no state.
 */
#ifndef PB_AWS_RETRY_H
#define PB_AWS_RETRY_H

#include "lang/base.h"

typedef enum aws_failure {
    AWS_FAIL_FINAL,     /* another try would give the same */
    AWS_FAIL_THROTTLED, /* AWS did nothing and asks to come back later */
    AWS_FAIL_SERVER,    /* AWS broke and said so (500, 503): AWS's own clients send anything again */
    AWS_FAIL_LOST,      /* what became of it is unknown: a gateway gave up (502, 504) */
    AWS_FAIL_CLOCK,     /* perhaps our clock is wrong: compare the answer's Date */
    AWS_FAIL_EXPIRED,   /* the session token is past its time */
    AWS_FAIL_DENIED,    /* not allowed */
    AWS_FAIL_IDENTITY   /* AWS does not know these credentials */
} aws_failure;

/* Of an answer that is an error. */
aws_failure aws_failure_of(int status, pb_str code);
/* What the person who reads the error can do; "" when the code has nothing general to say. */
const char *aws_failure_cure(aws_failure f);

/* An optimistic lock did not hold, or two changes met: what is to be done is to read again and to try once more. */
bool aws_is_conflict(pb_str service, pb_str code);

/* May be sent again although it may have been received already: it only reads, it carries an idempotency token, or
 * doing it twice ends in the same state (names like Put*, Delete*, Modify*, less the exceptions in retry.c). */
bool aws_repeatable(pb_str service, pb_str operation, pb_effect effect, bool has_token);
/* After a crash nobody knows whether a change was made. May the call simply be sent again? Only when that gives the
 * same answer and ends in the same state: reads, calls with a client token, and operations that set something to a
 * value. Where it may not, the action around it is called again, which looks first. */
bool aws_settles(pb_str service, pb_str operation, pb_effect effect, bool has_token);

typedef struct aws_retry_policy {
    int tries;       /* in all, at least 1 */
    int64_t base_ms; /* doubled each time */
    int64_t cap_ms;
} aws_retry_policy;
/* The policy of a service. max_attempts (AWS_MAX_ATTEMPTS) and base_ms (PB_RETRY_BASE_MS) replace the defaults; 0: not
 * set. */
aws_retry_policy aws_retry_policy_of(pb_str service, int max_attempts, int64_t base_ms);
/* Full jitter: evenly between 0 and the doubled base. tried: tries so far, from 1; random: any 64 bits. */
int64_t aws_retry_delay(const aws_retry_policy *p, int tried, uint64_t random);

/* A 200 of a write in which some items failed, by the members in which services list them. True: *code and *message are
 * the first item's (they may be empty) and *failed is how many there are. */
/* Where an item has neither a code nor a message, *message is its name. */
struct pb_value;
bool aws_partial_failure(pb_str service, pb_str operation, const struct pb_value *output, pb_str *code, pb_str *message,
                         uint32_t *failed);

#endif
