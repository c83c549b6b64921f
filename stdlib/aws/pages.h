/*
 * pages.h - calls whose answer comes in pages: all of them as one answer.
 *
 * Started like a call of the client. A read that has a paginator in AWS's models is sent again with the token of each
 * answer until there is none; what the pages list is put together. Every other call, and one whose input holds a token,
 * is sent once.
 */
#ifndef PB_AWS_PAGES_H
#define PB_AWS_PAGES_H

#include "stdlib/aws/client.h"

enum {
    AWS_PAGES_MAX = 1000,   /* at ten calls a second, more than a step's time anyway */
    AWS_ITEMS_MAX = 100000, /* more is a report's work, not a playbook's */
};

typedef struct aws_pages aws_pages;
/* As aws_client_start: NULL: done has been called already. The outcome's meta tells of all pages: `attempts` are
 * summed, `retries` joined, `pages` counted and `request_ids` listed when there was more than one. */
aws_pages *aws_pages_start(aws_client *c, pb_loop *loop, const aws_call_spec *spec, aws_done_fn *done, void *ctx);
void aws_pages_cancel(aws_pages *p, pb_value *meta);

#endif
