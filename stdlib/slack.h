/*
 * slack.h - posting a message to Slack, by bot token (chat.postMessage) or incoming webhook.
 */
#ifndef PB_SLACK_H
#define PB_SLACK_H

#include "stdlib/slack_find.h"

/* slack.post(channel, text): {channel, ts?} */
void slack_post(const pb_host *h, vm_call *c, pb_loop *loop);
void slack_cancel(const pb_host *h, vm_call *c);

/* The same without a run, for tests. */
typedef struct slack_message {
    pb_str channel, text;
    int64_t deadline_ms; /* monotonic */
    pb_arena *arena;     /* the outcome lives here */
    const pb_site *site; /* NULL: none */
    slack_mark mark;     /* what the message is known by; type empty: nothing */
    bool doubt;          /* it may have been posted before, since since_ms: look first */
    int64_t since_ms;
} slack_message;

typedef struct slack_outcome {
    bool ok;
    pb_value value;
    pb_str code, message;
    pb_value meta; /* {attempts, http_status} */
    bool again;    /* posted although it may have been posted before: the channel could not be read */
} slack_outcome;

typedef struct slack_call slack_call;
typedef void slack_done_fn(void *ctx, const slack_outcome *o);
/* NULL: done has been called already. */
slack_call *slack_start(pb_loop *loop, const slack_message *m, slack_done_fn *done, void *ctx);
void slack_stop(slack_call *c); /* done is not called */

/* What is sent for a text: characters with a meaning for Slack escaped, cut to a length people read. .s NULL: no
 * memory. */
pb_str slack_escape(pb_arena *a, pb_str text);

#endif
