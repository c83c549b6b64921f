/*
 * serve_approve.h - the server's part that takes answers to approvals: POST /slack/interactions, GET and POST
 * /approve/TOKEN.
 */
#ifndef PB_SERVE_APPROVE_H
#define PB_SERVE_APPROVE_H

#include "vm/serve.h"

extern const serve_part serve_approve_part;

#endif
