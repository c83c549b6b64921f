/*
 * schema.h - how the compiler asks about AWS: services, operations, shapes.
 *
 * lang knows nothing of AWS; stdlib/aws implements this interface over the table made from the official
 * service models (stdlib/aws/model.h). Handles are plain numbers, valid as long as the table.
 */
#ifndef PB_SCHEMA_H
#define PB_SCHEMA_H

#include "lang/base.h"

typedef uint32_t schema_service; /* 0 is never a service */
typedef uint32_t schema_shape;   /* 0 is never a shape */

typedef enum schema_kind {
    SCHEMA_STRUCT, SCHEMA_LIST, SCHEMA_MAP, SCHEMA_STRING, SCHEMA_INT /* integer, long */, SCHEMA_FLOAT,
    SCHEMA_BOOL, SCHEMA_TIME, SCHEMA_BLOB, SCHEMA_JSON /* document types */
} schema_kind;

typedef struct schema_shape_info {
    schema_kind kind;
    pb_str name;
    uint32_t nmembers;         /* STRUCT */
    schema_shape elem;         /* LIST item, MAP value */
    uint32_t nenum;            /* STRING: number of known values, 0: free */
    bool has_min, has_max;     /* length of strings/lists/blobs, value of numbers */
    int64_t min, max;
    pb_str pattern;            /* STRING: regular expression, or empty */
    bool sensitive;            /* model trait: never print */
    bool is_union;             /* exactly one member may be set */
} schema_shape_info;

typedef struct schema_member {
    pb_str name;      /* API member name: InstanceIds */
    pb_str wire_name; /* locationName when there is one, else name: how JSON events spell it */
    schema_shape shape;
    bool required;
    bool deprecated;
    bool idempotency_token;
} schema_member;

typedef struct schema_operation {
    pb_str name;
    schema_shape input, output; /* 0: takes / gives nothing */
    pb_effect effect;           /* read, notify, contain or destroy, from the model and the reviewed table */
    bool deprecated;
    pb_str doc;                 /* one line, or empty */
} schema_operation;

/* A state of a resource that can be waited for: an operation asked until its answer says so. */
typedef struct schema_waiter {
    pb_str name;
    schema_operation operation;
    int64_t limit_ms; /* how long AWS's model waits at most */
} schema_waiter;

typedef struct pb_schema {
    const void *ctx;
    uint32_t (*service_count)(const void *ctx);
    pb_str (*service_name)(const void *ctx, uint32_t i); /* i from 0: "ec2", "s3control" as in botocore's folder names, - as _ */
    schema_service (*service_find)(const void *ctx, pb_str name);
    uint32_t (*operation_count)(const void *ctx, schema_service s);
    bool (*operation_at)(const void *ctx, schema_service s, uint32_t i, schema_operation *out);
    bool (*operation_find)(const void *ctx, schema_service s, pb_str name, schema_operation *out);
    bool (*waiter_at)(const void *ctx, schema_service s, uint32_t i, schema_waiter *out);
    bool (*waiter_find)(const void *ctx, schema_service s, pb_str name, schema_waiter *out);
    uint32_t (*shape_count)(const void *ctx, schema_service s);
    schema_shape (*shape_at)(const void *ctx, schema_service s, uint32_t i);
    schema_shape (*shape_find)(const void *ctx, schema_service s, pb_str name);
    void (*shape_info)(const void *ctx, schema_shape shape, schema_shape_info *out);
    bool (*member_at)(const void *ctx, schema_shape shape, uint32_t i, schema_member *out);
    pb_str (*enum_at)(const void *ctx, schema_shape shape, uint32_t i);
} pb_schema;

#endif
