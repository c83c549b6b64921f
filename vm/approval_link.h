/*
 * approval_link.h - a link by which one person can decide one approval, once.
 *
 *     https://pbrun.example.com/approve/PAYLOAD.SIGNATURE
 *
 * Both parts are base64url. The payload names approval, person, the beginning of the binding and when the link ends;
 * the signature is HMAC-SHA256 with the site's `link_secret`. Following the link (GET) shows what is asked and decides
 * nothing, whatever fetches it; the form on that page (POST) decides. A link is used up by the answer it gave.
 */
#ifndef PB_APPROVAL_LINK_H
#define PB_APPROVAL_LINK_H

#include "vm/approval.h"

/* The link. .s NULL with a sentence in *err: the site has no url or no link_secret, ... */
pb_str approval_link_make(pb_arena *a, const pb_site *s, const store_approval *apr, pb_str person, pb_str *err);

typedef struct approval_page_request {
    bool post;
    pb_str token;              /* what follows /approve/ */
    pb_str origin;             /* the header Origin; empty: absent */
    pb_str content_type, body; /* POST */
    pb_str from;               /* the client's address, for the evidence */
    pb_value members;          /* of the Slack user groups, as in approval_answer */
    pb_str members_error;
    int64_t now;
} approval_page_request;

typedef struct approval_page {
    int status;
    pb_str html;
    pb_str decided_run; /* not empty: an approval of this run is no longer open */
    pb_str approval;    /* not empty: an answer was recorded; its messages are to be brought up to date */
} approval_page;

/* Headers that every such page is to be sent with: name, value ..., NULL. */
extern const char *const approval_page_headers[];

/* Answers GET and POST of /approve/TOKEN. False: out of memory. */
bool approval_page_answer(store *s, const pb_site *site, const approval_page_request *q, pb_arena *a,
                          approval_page *out);
/* The approval that a token names, when it is genuine: its Slack user groups may have to be asked for before it is
 * answered. */
bool approval_link_names(pb_arena *a, const pb_site *site, pb_str token, pb_str *approval);

#endif
