/*
 * slack_find.h - was this message posted? By the metadata that our messages carry.
 */
#ifndef PB_SLACK_FIND_H
#define PB_SLACK_FIND_H

#include "stdlib/slack_api.h"

/* What a message is known by: metadata that Slack keeps with it and shows to nobody. */
typedef struct slack_mark {
    pb_str type;      /* "pbrun_step"; empty: none */
    pb_value payload; /* a map of texts and ints */
} slack_mark;
pb_value slack_mark_value(const slack_mark *m, pb_arena *a);

typedef enum slack_found { SLACK_FOUND, SLACK_NOT_THERE, SLACK_CANNOT_SAY } slack_found;

typedef struct slack_question {
    const pb_site *site;
    pb_str channel; /* name or id */
    slack_mark mark;
    int64_t since_ms;    /* wall clock: not posted before */
    int64_t deadline_ms; /* monotonic */
    pb_arena *arena;
} slack_question;

/* channel and ts only when found; why: when it cannot be said. */
typedef void slack_found_fn(void *ctx, slack_found r, pb_str channel, pb_str ts, pb_str why);
typedef struct slack_find slack_find;
/* NULL: done has been called already. */
slack_find *slack_find_start(pb_loop *l, const slack_question *q, slack_found_fn *done, void *ctx);
void slack_find_stop(slack_find *f);

#endif
