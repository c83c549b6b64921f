/*
 * process.h - runs a program on the event loop and takes what it prints, within bounds of size and time.
 */
#ifndef PB_AWS_PROCESS_H
#define PB_AWS_PROCESS_H

#include "vm/loop.h"

typedef struct aws_process aws_process;

typedef struct aws_process_end {
    const char *fault; /* NULL: it ended by itself with status 0; else why not, in words */
    pb_str output;     /* valid during the callback, wiped after it */
} aws_process_end;
typedef void aws_process_fn(void *ctx, const aws_process_end *end);

/* argv[0] is looked up in PATH; no shell. Its standard input is empty, its errors go to ours. fn is called once, never
 * before this returns. NULL: *err says why. */
aws_process *aws_process_start(pb_loop *l, char *const *argv, uint32_t max_output, int64_t limit_ms, aws_process_fn *fn,
                               void *ctx, const char **err);
void aws_process_cancel(aws_process *p); /* kills it and what it has started; fn is not called */

#endif
