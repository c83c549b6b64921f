/*
 * rate.c - a budget, and a rate that backs off and comes back.
 *
 * The budget keeps a fleet of calls from multiplying an outage: when most calls fail, each would be sent up to eight
 * times, and the service would see eight times the load when it can least bear it.
 *
 * The rate follows the rule that AWS publishes for its SDKs, which is TCP's CUBIC: when AWS throttles, the rate drops
 * to 0.7 of what it was (w_max); then it grows with the cube of the time, flat around w_max, which it reaches again
 * after k seconds, and steeper beyond. It never goes above twice of what is really sent, so that an idle client does
 * not save up for a burst.
 *
 * Tokens may go below zero: each request takes its place in the queue at once, and what it has to wait is known then.
 */
#include "stdlib/aws/rate.h"

#include <math.h>

/* ---- the budget ---- */

bool aws_budget_take(aws_budget *b, int cost) {
    if (AWS_BUDGET - b->used < cost) return false;
    b->used += cost;
    return true;
}

void aws_budget_give(aws_budget *b, int amount) { b->used = b->used > amount ? b->used - amount : 0; }

/* ---- the rate ---- */

static const double BETA = 0.7, SCALE = 0.4, SMOOTH = 0.8, RATE_MIN = 0.5, BUCKETS_A_SECOND = 2.0;

static void measure(aws_rate *r, double now) {
    double bucket = floor(now * BUCKETS_A_SECOND) / BUCKETS_A_SECOND;
    r->count += 1;
    if (bucket <= r->last_bucket) return;
    r->measured = r->count / (bucket - r->last_bucket) * SMOOTH + r->measured * (1 - SMOOTH);
    r->count = 0;
    r->last_bucket = bucket;
}

static void refill(aws_rate *r, double now) {
    if (r->filled_at > 0 && now > r->filled_at)
        r->tokens = fmin(r->capacity, r->tokens + (now - r->filled_at) * r->fill);
    r->filled_at = now;
}

static void set_fill(aws_rate *r, double now, double rate) {
    refill(r, now);
    r->fill = fmax(rate, RATE_MIN);
    r->capacity = fmax(rate, 1);
    r->tokens = fmin(r->tokens, r->capacity);
}

static void start(aws_rate *r, double now) {
    if (r->started) return;
    r->started = true;
    r->last_bucket = floor(now);
    r->w_max = RATE_MIN;
    r->throttled_at = now;
    r->k = cbrt(r->w_max * (1 - BETA) / SCALE);
    r->fill = RATE_MIN;
    r->capacity = 1;
}

int64_t aws_rate_take(aws_rate *r, int64_t now_ms) {
    double now = (double)now_ms / 1000;
    start(r, now);
    if (!r->limited) return 0;
    refill(r, now);
    r->tokens -= 1;
    return r->tokens >= 0 ? 0 : (int64_t)ceil(-r->tokens / r->fill * 1000);
}

void aws_rate_untake(aws_rate *r) {
    if (r->limited) r->tokens = fmin(r->capacity, r->tokens + 1);
}

void aws_rate_answer(aws_rate *r, int64_t now_ms, bool throttled) {
    double now = (double)now_ms / 1000, rate;
    start(r, now);
    measure(r, now);
    if (throttled) {
        r->w_max = r->limited ? fmin(r->measured, r->fill) : r->measured;
        r->throttled_at = now;
        rate = r->w_max * BETA;
        r->limited = true;
        r->k = cbrt(r->w_max * (1 - BETA) / SCALE);
    } else {
        rate = SCALE * pow(now - r->throttled_at - r->k, 3) + r->w_max;
    }
    set_fill(r, now, fmin(rate, 2 * r->measured));
}
