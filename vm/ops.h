/*
 * ops.h - the operators: what the arithmetic, comparing and searching instructions do with values.
 *
 * Each gives true and *out, or false with an error in env. An unknown operand (dry runs) gives unknown.
 */
#ifndef PB_OPS_H
#define PB_OPS_H

#include "lang/text.h"
#include "vm/env.h"

typedef bool op_binary(vm_env *e, pb_value b, pb_value c, pb_value *out);
op_binary op_add, op_sub, op_mul, op_div, op_mod;
op_binary op_eq, op_ne, op_lt, op_le;
op_binary op_in, op_incidr, op_like, op_matches, op_index;
bool op_neg(vm_env *e, pb_value b, pb_value *out);
bool op_not(vm_env *e, pb_value b, pb_value *out);
bool op_field(vm_env *e, pb_value b, pb_value key, pb_value *out);
bool op_concat(vm_env *e, const pb_value *items, uint32_t n, pb_value *out);
bool op_list(vm_env *e, const pb_value *items, uint32_t n, pb_value *out);
bool op_map(vm_env *e, const pb_value *pairs, uint32_t n, pb_value *out);
/* The value if it has the type (converted where JSON cannot say it: a time from its text, a float from an int), else
 * none. */
bool op_cast(vm_env *e, pb_value v, uint32_t type, pb_value *out); /* cast.c */

/* -1, 0, 1; false: the kinds cannot be ordered. For strings the order of their bytes. */
bool value_order(pb_value b, pb_value c, int *order);

#endif
