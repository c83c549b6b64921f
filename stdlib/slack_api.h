/*
 * slack_api.h - calls of Slack's Web API, of incoming webhooks and of response addresses: settings, tries again,
 * errors.
 */
#ifndef PB_SLACK_API_H
#define PB_SLACK_API_H

#include "vm/host.h"

typedef enum slack_kind {
    SLACK_JSON,    /* a Web API method that takes JSON: those that write */
    SLACK_FORM,    /* ... that takes a form: those that read */
    SLACK_WEBHOOK, /* the incoming webhook in SLACK_WEBHOOK_URL */
    SLACK_RESPONSE /* the address that came with an interaction */
} slack_kind;

typedef struct slack_request {
    slack_kind kind;
    const char *method;  /* "chat.postMessage" */
    pb_value args;       /* a map; of a form: texts, ints and bools */
    bool safe;           /* may be sent again when the answer was lost */
    const pb_site *site; /* its bot token is used, else SLACK_BOT_TOKEN's; NULL: none */
    pb_str url;          /* SLACK_RESPONSE */
    pb_str subject;      /* for messages: "channel #x" */
    int64_t deadline_ms; /* monotonic */
    pb_arena *arena;     /* the reply's texts live here */
} slack_request;

typedef struct slack_reply {
    bool ok;
    pb_value value; /* the whole answer, valid during the callback only; NONE: it has none */
    pb_str code, message;
    pb_value meta; /* {operation, attempts, http_status} */
} slack_reply;

typedef struct slack_api slack_api;
typedef void slack_reply_fn(void *ctx, const slack_reply *r);
/* NULL: done has been called already. */
slack_api *slack_api_start(pb_loop *loop, const slack_request *q, slack_reply_fn *done, void *ctx);
void slack_api_stop(slack_api *c); /* done is not called; NULL is allowed */

/* Is there a bot token? */
bool slack_has_token(const pb_site *site);
/* Is there a webhook to fall back on? */
bool slack_has_webhook(void);
/* May answers be sent to this address? Slack's own host, or the one SLACK_API_URL names. */
bool slack_url_ok(pb_str url);

#endif
