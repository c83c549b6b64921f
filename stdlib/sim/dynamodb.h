/*
 * dynamodb.h - what dynamodb.c (tables and operations), dynamodb_value.c (attribute values) and dynamodb_expr.c
 * (expressions) share.
 *
 * An attribute value is kept as it is written in JSON, {"S": "x"}, with numbers in one canonical form and binaries in
 * base64, so that equal values are equal texts.
 */
#ifndef PB_SIM_DYNAMODB_H
#define PB_SIM_DYNAMODB_H

#include "stdlib/sim/sim.h"

enum { DDB_DEPTH_MAX = 32 /* DynamoDB's own limit on nesting, of values and of expressions */ };

pb_value ddb_fail(sim_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* ValidationException */

/* -- dynamodb_value.c -- */
pb_str ddb_type(pb_value v);                       /* "S", "N" ...; empty: no attribute value */
pb_value ddb_inner(pb_value v);                    /* what stands under the type */
pb_value ddb_normal_item(sim_call *c, pb_value m); /* a map of them */
pb_value ddb_number_add(sim_call *c, pb_value a, pb_value b, bool minus);
/* S, N and B of the same type: <0, 0, >0. False: they have no order. */
bool ddb_compare(pb_value a, pb_value b, int *order);
bool ddb_is_set(pb_value v);

/* -- dynamodb_expr.c -- */
typedef struct ddb_names { /* what # and : stand for, and which of them were used */
    pb_value names, values;
    bool *name_used, *value_used;
} ddb_names;
void ddb_names_read(sim_call *c, ddb_names *n);
void ddb_names_check(sim_call *c, const ddb_names *n); /* unused ones are an error */
/* The input's member is the expression; absent ones hold. */
bool ddb_condition(sim_call *c, ddb_names *n, const char *member, pb_value item);
/* A key condition of a query: only on the keys, and the hash key must be given. */
bool ddb_key_condition(sim_call *c, ddb_names *n, pb_value item, pb_str hash, pb_str range);
pb_value ddb_update(sim_call *c, ddb_names *n, pb_value item, pb_str hash, pb_str range, pb_value *touched);
pb_value ddb_project(sim_call *c, ddb_names *n, pb_value item); /* the whole item when there is no expression */

#endif
