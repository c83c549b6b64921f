/*
 * codec.h - AWS messages on the wire, both ways, for the client and for the simulated account.
 *
 * Driven by the model table (model.h): query, ec2, json 1.0/1.1, rest-json, rest-xml. Values are the VM's: a structure
 * is a map keyed by member name, a blob is BYTES (STRING is taken too, as its UTF-8), a timestamp is TIME, a document is
 * whatever JSON it was. An absent member is not in the map.
 */
#ifndef PB_AWS_CODEC_H
#define PB_AWS_CODEC_H

#include "stdlib/aws/model.h"
#include "vm/loop.h"
#include "vm/value.h"

/* A request without host, credentials or signature. */
typedef struct aws_request {
    const char *method;
    pb_str host_prefix;  /* "123456789012." to go in front of the host; empty: none */
    pb_str path;         /* percent-encoded, begins with / */
    pb_str query;        /* encoded, without ?; empty: none */
    pb_header *headers;  /* content-type and the protocol's own; names as AWS writes them */
    uint32_t nheaders;
    pb_str body;
} aws_request;

/* What went wrong, of the caller's making (bad input) or told by AWS. */
typedef struct aws_error {
    pb_str code;       /* "ValidationError" "Throttling" ... as AWS names it; "ParamValidation" for bad input */
    pb_str message;
    pb_str request_id; /* empty when there was none */
    int status;        /* HTTP status, 0: never sent */
} aws_error;

/* -- client side -- */

/* Checks the input against the model (unknown members, kinds, required, lengths, ranges, patterns; enums are not closed)
 * and writes the request. False: *err says which member (path) and why. */
bool aws_request_write(pb_arena *a, const aws_model *m, aws_op op, pb_value input, aws_request *out, aws_error *err);
/* Reads an answer. False: *err holds the error AWS sent, or code "InvalidResponse" when it is not an answer of this protocol. */
bool aws_response_read(pb_arena *a, const aws_model *m, aws_op op, int status, const pb_header *headers, uint32_t nheaders,
                       pb_str body, pb_value *out, pb_str *request_id, aws_error *err);

/* -- server side -- */

typedef struct aws_incoming {
    pb_str method, path /* as received, still encoded */, query, body, host;
    const pb_header *headers;
    uint32_t nheaders;
} aws_incoming;

/* Finds the operation of a request for a service (known from its signature's scope) and its input, by the same checks.
 * False: *err as AWS would answer (UnknownOperationException, InvalidAction, MissingParameter, ...). *op may be set even then. */
bool aws_request_read(pb_arena *a, const aws_model *m, aws_service service, const aws_incoming *in, aws_op *op,
                      pb_value *input, aws_error *err);

typedef struct aws_response {
    int status;
    pb_header *headers;
    uint32_t nheaders;
    pb_str body;
} aws_response;
/* Writes an answer, or the error when err is not NULL, in the service's protocol. False: out of memory or output does not fit the model. */
bool aws_response_write(pb_arena *a, const aws_model *m, aws_service service, aws_op op, pb_value output, const aws_error *err,
                        pb_str request_id, aws_response *out);

#endif
