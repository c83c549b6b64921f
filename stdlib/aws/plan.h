/*
 * plan.h - which credentials the settings ask for: one source, then the roles to assume with it, one after the other.
 * No I/O: fetch.h carries a plan out.
 */
#ifndef PB_AWS_PLAN_H
#define PB_AWS_PLAN_H

#include "stdlib/aws/settings.h"
#include "stdlib/aws/sigv4.h"

enum { AWS_ROLES_MAX = 8 /* chained roles; people use two */ };

typedef enum aws_source_kind {
    AWS_FROM_STATIC,    /* environment or a profile's keys */
    AWS_FROM_PROCESS,   /* credential_process */
    AWS_FROM_WEB,       /* sts.AssumeRoleWithWebIdentity */
    AWS_FROM_CONTAINER, /* ECS, EKS */
    AWS_FROM_METADATA   /* EC2 */
} aws_source_kind;

typedef struct aws_role {
    pb_str arn, session_name, external_id; /* empty: not set */
    int64_t duration_s;                    /* 0: not set */
    pb_str where;                          /* "profile x (/root/.aws/config:3)" */
} aws_role;

typedef struct aws_plan {
    aws_source_kind kind;
    pb_str where;           /* the source in words, for messages */
    sigv4_credentials keys; /* STATIC */
    bool renewable;         /* asking again may give others: all but the environment's keys */
    pb_str command;         /* PROCESS */
    aws_role web;           /* WEB */
    pb_str token_file;
    aws_role roles[AWS_ROLES_MAX]; /* assumed from the last to the first */
    uint32_t nroles;
    pb_str tried; /* what was looked at before and had nothing; for the last source of the chain */
} aws_plan;

/* False: *why is what is wrong and how to cure it (.s NULL: out of memory). */
bool aws_plan_make(pb_arena *a, const aws_settings *s, aws_plan *out, pb_str *why);
/* False, and *why, when a key could not stand in a header: white space, control characters, too long. */
bool aws_keys_ok(pb_arena *a, const sigv4_credentials *k, pb_str where, pb_str *why);

#endif
