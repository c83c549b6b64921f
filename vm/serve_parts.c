/*
 * serve_parts.c - the table of parts: what the server answers besides events, numbers and health.
 */
#include "vm/serve_parts.h"

#include "vm/serve_approve.h"
#include "vm/serve_web.h"

const serve_part *const serve_parts[] = {&serve_approve_part, &serve_web_part, NULL};
