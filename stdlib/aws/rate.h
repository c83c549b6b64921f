/*
 * rate.h - how much a client asks of AWS as a whole: the budget of retries that all calls of a process share, and the
 * rate of sending that the retry mode "adaptive" finds for a service. Plain arithmetic: the time is passed in.
 */
#ifndef PB_AWS_RATE_H
#define PB_AWS_RATE_H

#include "lang/base.h"

/* ---- the budget ---- */

enum {
    AWS_BUDGET = 500, /* AWS's SDKs' numbers: a hundred retries in a row, then none until calls succeed */
    AWS_RETRY_COST = 5,
    AWS_TIMEOUT_COST = 10, /* a retry after no answer in time: it holds a connection for long */
    AWS_SUCCESS_GIVES = 1  /* a success at the first try; one after retries gives back what the last retry took */
};

typedef struct aws_budget {
    int used;
} aws_budget;
bool aws_budget_take(aws_budget *b, int cost); /* false: not so much is left */
void aws_budget_give(aws_budget *b, int amount);

/* ---- the rate ---- */

/* Zeroed: AWS has not throttled yet, everything is sent at once. */
typedef struct aws_rate {
    bool limited;
    /* what we send: answers counted in half seconds, smoothed */
    double measured, count, last_bucket;
    /* what we may send: a bucket of tokens that fills at a rate */
    double fill, capacity, tokens, filled_at;
    /* where the rate was when AWS throttled last, and when: it grows back along a cubic */
    double w_max, k, throttled_at;
    bool started;
} aws_rate;

/* Takes a token for one request; ms to wait before sending it, 0: send. */
int64_t aws_rate_take(aws_rate *r, int64_t now_ms);
void aws_rate_untake(aws_rate *r); /* it was not sent after all */
/* AWS has answered. */
void aws_rate_answer(aws_rate *r, int64_t now_ms, bool throttled);

#endif
