/*
 * model.h - the table of AWS services, made at build time from botocore's models by stdlib/aws/gen_model.py and linked
 * into the binary as read-only data: mapped, never parsed, so start-up costs nothing however many services there are.
 */
#ifndef PB_AWS_MODEL_H
#define PB_AWS_MODEL_H

#include "lang/schema.h"

typedef struct aws_model aws_model;
typedef uint32_t aws_service; /* 0: none; the same number as schema_service */
typedef uint32_t aws_op;      /* 0: none; unique over all services */
typedef uint32_t aws_shape;   /* 0: none; the same number as schema_shape */

/* The table in this binary. Never NULL. */
const aws_model *aws_model_get(void);
/* The compiler's view of it. */
const pb_schema *aws_schema(void);

typedef enum aws_protocol { AWS_QUERY, AWS_EC2, AWS_JSON, AWS_REST_JSON, AWS_REST_XML } aws_protocol;

typedef struct aws_service_info {
    pb_str name;            /* "ec2", "s3control": botocore's folder name, - as _ */
    aws_protocol protocol;
    pb_str api_version, endpoint_prefix, signing_name, target_prefix, json_version, service_id, xml_namespace;
    bool query_compatible;  /* awsQueryCompatible */
    bool global;            /* one endpoint for the partition (iam, organizations, ...) */
} aws_service_info;
void aws_service_get(const aws_model *m, aws_service s, aws_service_info *out);
aws_service aws_service_find(const aws_model *m, pb_str name);
/* By signing name ("elasticloadbalancing") and, where several share it, by what else the request shows; 0: unknown. */
aws_service aws_service_by_signing_name(const aws_model *m, pb_str signing_name, uint32_t nth);
aws_op aws_op_find(const aws_model *m, aws_service s, pb_str name);
aws_service aws_op_service(const aws_model *m, aws_op op);
pb_str aws_op_name(const aws_model *m, aws_op op);
pb_effect aws_op_effect(const aws_model *m, aws_op op);

/* How an operation is signed: ordinarily, not at all (sts.AssumeRoleWithWebIdentity), with UNSIGNED-PAYLOAD, by bearer
 * token. */
typedef enum aws_auth { AWS_AUTH_V4, AWS_AUTH_NONE, AWS_AUTH_UNSIGNED_BODY, AWS_AUTH_BEARER } aws_auth;
aws_auth aws_op_auth(const aws_model *m, aws_op op);

/* How an operation that answers in pages goes on. Expressions are JMESPath (jmespath.h). */
typedef struct aws_pager {
    pb_str limit;               /* input member: items a page; empty: none */
    pb_str more;                /* expression: are there more; empty: the tokens say so */
    uint32_t ntokens, nresults;
    uint32_t first;             /* the table's own */
} aws_pager;
bool aws_pager_get(const aws_model *m, aws_op op, aws_pager *out); /* false: it answers whole */
pb_str aws_pager_input(const aws_model *m, const aws_pager *p, uint32_t i);  /* input member of token i */
pb_str aws_pager_output(const aws_model *m, const aws_pager *p, uint32_t i); /* expression: token i of the next page */
pb_str aws_pager_result(const aws_model *m, const aws_pager *p, uint32_t i); /* dotted path of what is joined */

typedef uint32_t aws_waiter; /* 0: none */
typedef enum aws_matcher { AWS_MATCH_PATH, AWS_MATCH_ALL, AWS_MATCH_ANY, AWS_MATCH_STATUS, AWS_MATCH_ERROR } aws_matcher;
typedef enum aws_state { AWS_SUCCESS, AWS_RETRY, AWS_FAILURE } aws_state;
typedef struct aws_waiter_info {
    pb_str name;
    aws_op op;
    uint32_t delay_s, attempts, nacceptors;
    uint32_t first; /* the table's own */
} aws_waiter_info;
typedef struct aws_acceptor {
    aws_matcher matcher;
    aws_state state;
    pb_str argument; /* path matchers: an expression */
    pb_str text;     /* what it is to be: text, or a number, or a bool */
    bool is_number, is_bool, yes;
    uint32_t number;
} aws_acceptor;
uint32_t aws_waiter_count(const aws_model *m, aws_service s);
aws_waiter aws_waiter_at(const aws_model *m, aws_service s, uint32_t i); /* 0: out of range */
aws_waiter aws_waiter_find(const aws_model *m, aws_service s, pb_str name);
void aws_waiter_get(const aws_model *m, aws_waiter w, aws_waiter_info *out);
void aws_waiter_acceptor(const aws_model *m, const aws_waiter_info *w, uint32_t i, aws_acceptor *out);

/* What a host's name means: "aws.ec2.StopInstances", "aws.ec2.wait.InstanceStopped" (*waiter is set; the result is the
 * operation that it polls). 0: neither. */
aws_op aws_host_op(const aws_model *m, pb_str host, aws_waiter *waiter);

/* Host and region to sign for of a service in a region, by the partitions' rules; false: no such region or service there.
 * host is without scheme: "ec2.eu-west-1.amazonaws.com". */
typedef enum aws_variant { AWS_ORDINARY, AWS_FIPS, AWS_DUALSTACK, AWS_FIPS_DUALSTACK, AWS_VARIANTS } aws_variant;
bool aws_endpoint(const aws_model *m, aws_service s, pb_str region, aws_variant v, pb_arena *a, pb_str *host,
                  pb_str *signing_region);
/* "aws" for eu-west-1, "aws-cn" for cn-north-1 ...; empty when the region fits no partition. */
pb_str aws_partition(const aws_model *m, pb_str region);

/* One line of documentation of an operation, of the i-th member of a structure; empty: none, or a program without the
 * documentation's table (pbrun). */
pb_str aws_op_doc(aws_op op);
pb_str aws_member_doc(const aws_model *m, aws_shape shape, uint32_t i);

#endif
