/*
 * s3.h - what s3.c (buckets), s3_object.c and s3_http.c share.
 */
#ifndef PB_SIM_S3_H
#define PB_SIM_S3_H

#include "stdlib/sim/sim.h"

/* The bucket that the input names, and its name; none with the error noted. */
pb_value s3_bucket(sim_call *c, pb_str *name);
pb_value s3_owner(sim_call *c);
/* An access control list {Owner, Grants} from the input's ACL and AccessControlPolicy, checked against the bucket's
 * settings. */
pb_value s3_acl_given(sim_call *c, pb_value bucket);
bool s3_acl_public(pb_value acl);
/* A switch of the public access block, the bucket's or the account's. */
bool s3_blocked(sim_call *c, pb_value bucket, const char *which);

/* -- s3_object.c -- */
pb_value s3_etag(sim_call *c, pb_str bytes);
/* What CopySource names, with its bytes; none with the error noted. */
pb_value s3_copied(sim_call *c, pb_str *bucket, pb_str *key, pb_str *bytes);
/* "bytes=0-99" of n bytes; false: to be ignored. With from > to there is no such range. */
bool s3_range(pb_str text, int64_t n, int64_t *from, int64_t *to);
pb_value s3_metadata(sim_call *c); /* what the input says about the object beside its bytes */
void s3_store(sim_call *c, pb_str bucket, pb_str key, pb_value metadata, pb_str bytes, pb_value tag);

sim_handler s3_put_object, s3_copy_object, s3_get_object, s3_head_object, s3_delete_object, s3_delete_objects,
    s3_list_objects, s3_list_objects_v2, s3_get_object_acl, s3_put_object_acl, s3_get_object_tagging,
    s3_put_object_tagging, s3_delete_object_tagging;

/* -- s3_multipart.c -- */
sim_handler s3_create_upload, s3_upload_part, s3_upload_part_copy, s3_complete_upload, s3_abort_upload, s3_list_parts,
    s3_list_uploads;

#endif
