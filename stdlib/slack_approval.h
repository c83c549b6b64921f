/*
 * slack_approval.h - approvals in Slack: messages with buttons, who is in a user group, and the answers that come back.
 */
#ifndef PB_SLACK_APPROVAL_H
#define PB_SLACK_APPROVAL_H

#include "stdlib/slack_api.h"
#include "vm/approval_host.h"

/* For pb_host.data and approval_update_start: NULL-terminated. */
approval_channels slack_channels(void);

/* The members of Slack user groups: a map group → list of user ids; of a group that cannot be read there is none, and
 * error says why. */
typedef void slack_members_fn(void *ctx, pb_value members, pb_str error);
typedef struct slack_members slack_members;
/* NULL: done has been called already. */
slack_members *slack_members_start(pb_loop *l, const pb_site *site, const pb_str *groups, uint32_t n,
                                   int64_t deadline_ms, pb_arena *a, slack_members_fn *done, void *ctx);
void slack_members_stop(slack_members *m);

/* ---- interactions: what Slack posts when a button is pressed ---- */

/* What is kept between requests. */
typedef struct slack_desk slack_desk;
typedef struct slack_desk_config {
    pb_loop *loop;
    store *store;
    const pb_site *site;                     /* NULL: settings of the environment only */
    void (*decided)(void *ctx, pb_str run);  /* an approval is no longer open: its run can go on; may be NULL */
    void (*log)(void *ctx, pb_str sentence); /* what nobody else would be told; may be NULL */
    void *ctx;
} slack_desk_config;
slack_desk *slack_desk_new(const slack_desk_config *c); /* NULL: out of memory */
void slack_desk_free(slack_desk *d);                    /* gives up what is under way */

typedef struct slack_hook {      /* one request, as it came */
    pb_str signature, timestamp; /* X-Slack-Signature, X-Slack-Request-Timestamp; empty: absent */
    pb_str content_type, body;
    int64_t now; /* wall clock */
} slack_hook;
/* The status to be answered at once; *why (static, or in a): the body's text, empty with 200. The rest goes on in the
 * loop. */
int slack_desk_take(slack_desk *d, const slack_hook *q, pb_arena *a, pb_str *why);

/* Slack's signature of a body: "v0=" and 64 digits. False: the library refused. For tests too. */
enum { SLACK_SIGNATURE = 3 + 64 };
bool slack_sign(pb_str secret, pb_str timestamp, pb_str body, char out[SLACK_SIGNATURE + 1]);

#endif
