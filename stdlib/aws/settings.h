/*
 * settings.h - what a person sets for AWS calls: environment variables, then the profile in ~/.aws/config.
 *
 * One table (settings.c) says for every setting which variables and which profile key give it, what it may be and what
 * it is for; the reader goes by it, and stdlib/aws/README.md's table is printed from it.
 */
#ifndef PB_AWS_SETTINGS_H
#define PB_AWS_SETTINGS_H

#include "stdlib/aws/profile.h"

typedef enum aws_retry_mode {
    AWS_RETRY_UNSET,
    AWS_RETRY_LEGACY,
    AWS_RETRY_STANDARD,
    AWS_RETRY_ADAPTIVE
} aws_retry_mode;

/* Texts are empty when they are not set. */
typedef struct aws_settings {
    pb_str fault; /* why they cannot be used, with its cure; empty: they can */
    aws_profiles files;
    aws_profile profile; /* .all NULL: there is none of that name */
    pb_str profile_name; /* "default" when none was chosen */
    bool profile_chosen; /* by AWS_PROFILE or AWS_DEFAULT_PROFILE */
    pb_str region, ca_bundle, endpoint_url, services;
    bool ignore_endpoints, fips, dualstack;
    int64_t max_attempts; /* 0: not set */
    int64_t retry_mode;   /* aws_retry_mode */
    int64_t retry_base_ms;
    /* where credentials may come from */
    pb_str role_arn, web_token_file, session_name;
    pb_str container_relative, container_full, container_token, container_token_file;
    bool metadata_disabled;
    pb_str metadata_endpoint, metadata_mode;
    int64_t metadata_timeout_s, metadata_attempts;
} aws_settings;

/* Reads environment and files; everything lives in the arena, which is to be wiped (files hold keys). What is wrong is
 * in ->fault. NULL: out of memory. */
const aws_settings *aws_settings_read(pb_arena *a);

/* Where a service's requests go instead of AWS's own host; empty: nowhere else. *what names the setting. service_id:
 * "Auto Scaling". .s NULL: out of memory. */
pb_str aws_settings_endpoint(pb_arena *a, const aws_settings *s, pb_str service_id, pb_str *what);

/* The table as lines of markdown, for the README and its test; .s NULL: out of memory. */
pb_str aws_settings_table(pb_arena *a);

#endif
