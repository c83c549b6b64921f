/*
 * approval_host.h - the hosts approval.ask and limit.ask, and the channels that they tell people through.
 *
 * A channel (Slack; stdlib/slack_approval.c) posts the question with its buttons and changes what it has posted. It
 * comes in by pb_host.data, so that vm knows nothing of Slack.
 */
#ifndef PB_APPROVAL_HOST_H
#define PB_APPROVAL_HOST_H

#include "vm/approval.h"
#include "vm/host.h"

/* A message to be sent, or to be made to say what has become of the approval. */
typedef struct approval_post {
    const pb_site *site; /* NULL: none */
    const store_approval *approval;
    const store_decision *decisions;
    uint32_t ndecisions;
    pb_str to;           /* "#secops" */
    pb_value who;        /* the groups to be mentioned: entries of `by` or `escalate` */
    uint32_t level;      /* 0: the first message; 1, 2 ...: the escalations */
    pb_value message;    /* {channel, ts}: change this one; NONE: a new one */
    bool doubt;          /* a new one that may have been sent before: look for it first */
    int64_t deadline_ms; /* monotonic */
    pb_arena *arena;     /* the outcome lives here */
} approval_post;

typedef struct approval_posted {
    bool ok;
    pb_value message; /* {channel, ts} */
    bool again;       /* sent once more although it may have been sent before */
    pb_str code, error;
} approval_posted;

typedef void approval_posted_fn(void *ctx, const approval_posted *r);

typedef struct approval_channel {
    const char *kind; /* "slack" */
    /* NULL: fn has been called already. */
    void *(*post)(pb_loop *l, const approval_post *p, approval_posted_fn *fn, void *ctx);
    void (*stop)(void *handle); /* fn is not called */
} approval_channel;

/* pb_host.data: a NULL-terminated list of channels. */
typedef const approval_channel *const *approval_channels;

void approval_ask(const pb_host *h, vm_call *c, pb_loop *loop);
void limit_ask(const pb_host *h, vm_call *c, pb_loop *loop);
void approval_ask_cancel(const pb_host *h, vm_call *c); /* of both */

/* Messages of an approval, brought up to date one by one; for the command line and for answers that come in by HTTP.
 * done is called once, perhaps before this returns (then it gives NULL); what could not be done is left to the run
 * itself. */
typedef struct approval_update approval_update;
typedef void approval_updated_fn(void *ctx);
approval_update *approval_update_start(pb_loop *l, approval_channels channels, const pb_site *site, store *s,
                                       pb_str approval, pb_arena *a, approval_updated_fn *done, void *ctx);
void approval_update_stop(approval_update *u);

#endif
