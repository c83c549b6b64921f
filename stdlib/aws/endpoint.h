/*
 * endpoint.h - where a request for an AWS service goes: AWS's own hosts by region, or what AWS_ENDPOINT_URL says.
 */
#ifndef PB_AWS_ENDPOINT_H
#define PB_AWS_ENDPOINT_H

#include "stdlib/aws/codec.h"
#include "stdlib/aws/settings.h"

typedef struct aws_address {
    pb_str url;  /* all of it, NUL-terminated */
    pb_str host; /* as it will stand in the Host header: with the port unless it is the scheme's own */
    pb_str path; /* as it is sent: signatures cover it */
    pb_str signing_region;
} aws_address;

typedef struct aws_target {
    const aws_settings *settings;
    aws_service service;
    pb_str region; /* the run's, or the one S3 sent us to; empty: the settings' */
    pb_str bucket; /* S3: the input's Bucket; empty: none */
    const aws_request *request;
} aws_target;

/* False: *code and *message (all static or in the arena; .s NULL when memory ran out) say what is wrong with region,
 * bucket or endpoint settings. */
bool aws_address_of(pb_arena *a, const aws_model *m, const aws_target *t, aws_address *out, pb_str *code,
                    pb_str *message);
/* Only letters, digits and hyphens: a region goes into host names and comes out of events. */
bool aws_region_ok(pb_str region);

#endif
