/*
 * policy.h - IAM policies from the AWS operations that a program can call: `pbc iam`, and the session policies that
 * narrow assumed roles.
 *
 * Which permissions an operation needs, on which resources and under which conditions, says permissions.tsv; what it
 * does not list needs the permission that is called like the operation, on every resource. A policy allows, never
 * denies; it has the same bytes for the same calls, in whatever order they come.
 */
#ifndef PB_AWS_POLICY_H
#define PB_AWS_POLICY_H

#include "lang/ast.h"
#include "lang/diag.h"

enum {
    AWS_SESSION_POLICY_MAX = 2048 /* characters of a policy that AssumeRole takes */
};

/* Where the policy is for. An empty account or region means every one of them. */
typedef struct aws_policy_place {
    pb_str partition, account, region;
} aws_policy_place;

/*
 * The place from what the user said, checked: an account has twelve digits, region and partition must fit each other,
 * and a missing partition is that of the region, else "aws". False: err says what is wrong.
 */
bool aws_policy_place_of(pb_arena *a, pb_str partition, pb_str account, pb_str region, aws_policy_place *out,
                         pb_str *err);

/*
 * The policy for operations as manifests name them ("aws.ec2.CreateTags"; names of other hosts are passed over).
 * compact: on one line, at most AWS_SESSION_POLICY_MAX characters. When the exact policy is longer, it is widened step
 * by step until it fits: reads on every resource, the rest on every resource of the account, then all on every
 * resource, then operations of a service that begin alike as one wildcard, at last whole services; never a service that
 * is not called. *err then says what was widened (it is empty otherwise). A session also has only what its role allows,
 * so widening a session policy gives nothing that the role's own policy does not. False: *err says why (an unknown
 * operation, too many services, no memory).
 */
bool aws_policy_write(pb_arena *a, const pb_str *operations, size_t n, pb_str account, pb_str region, bool compact,
                      pb_str *json, pb_str *err);

/*
 * The policy for a checked program; better than the former, because arguments are known: permissions that only an
 * argument asks for, resources that it names, conditions that hold where the standard library calls. playbook .s NULL:
 * all of them. *calls: how many places call AWS. False: err, or a message in diags.
 */
bool aws_policy_program(pb_arena *a, struct ast_program *p, diag_list *diags, pb_str playbook,
                        const aws_policy_place *place, size_t *calls, pb_str *json, pb_str *err);

/*
 * What the new policy allows that the old one does not ("+ ACTION on RESOURCE" lines), and the other way round ("-").
 * *grew: there is a + line. False: err says why the old one cannot be compared.
 */
bool aws_policy_diff(pb_arena *a, pb_str old_json, pb_str new_json, pb_buf *out, bool *grew, pb_str *err);

#endif
