/*
 * policy_parts.h - what the policy files share; nobody else includes it.
 *
 *     policy.c          from operations to grants: looks permissions up, fills resources and conditions in
 *     policy_json.c     from grants to statements, and their text
 *     policy_program.c  from a checked program to operations with their arguments
 *     policy_diff.c     two policies compared
 *     permissions.tsv   the table, made into aws_permissions.c by gen_permissions.py
 */
#ifndef PB_AWS_POLICY_PARTS_H
#define PB_AWS_POLICY_PARTS_H

#include "stdlib/aws/policy.h"

/* ---- the table ---- */

/* One row: offsets of texts, sorted by service and operation; operation "*" is the service's own row. */
typedef struct permission_row {
    uint32_t service, operation, permissions, resources, conditions, when;
} permission_row;

const permission_row *permission_rows(size_t *n);
const char *permission_text(uint32_t offset);

/* ---- what is called ---- */

typedef struct policy_arg {
    pb_str name, value; /* value.s NULL: not known when compiling */
} policy_arg;

typedef struct policy_use {
    pb_str service, operation; /* "ec2", "CreateTags" */
    pb_effect effect;
    pb_str inside; /* the standard library's action that calls; .s NULL: somebody else */
    bool any_args; /* arguments are not known: each may be given */
    const policy_arg *args;
    size_t nargs;
} policy_use;

/* ---- what it needs ---- */

/* One permission on some resources under some conditions. */
typedef struct policy_grant {
    pb_str action;           /* "ec2:CreateTags" */
    const pb_str *resources; /* ARNs or "*", sorted */
    size_t nresources;
    pb_str conditions; /* as in the table, parameters filled in; empty: none */
    pb_effect effect;  /* of the operation that needs it */
} policy_grant;

/* Sorts uses; the grants come sorted and each once. NULL: no memory. */
policy_grant *policy_grants(pb_arena *a, policy_use *uses, size_t n, const aws_policy_place *place, size_t *ngrants);

/* ---- as text ---- */

pb_str policy_pretty(pb_arena *a, const policy_grant *grants, size_t n);
/* At most AWS_SESSION_POLICY_MAX characters; *widened says how, .s NULL: not at all. .s NULL: it cannot be done. */
pb_str policy_compact(pb_arena *a, const policy_grant *grants, size_t n, pb_str *widened);

int policy_compare(pb_str a, pb_str b);
/* Does a pattern hold another one? Where the other has a *, so must the pattern. */
bool policy_holds(pb_str pattern, pb_str text);
int policy_compare_strs(const void *a, const void *b);

#endif
