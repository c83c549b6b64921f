/*
 * jmespath.h - the part of JMESPath (jmespath.org) that AWS's paginators and waiters are written in.
 *
 * Names and dots, [n], [] (flatten), .* , [?condition], || && !, comparisons, ( ), literals in back quotes, 'text',
 * length() and contains(). gen_model.py refuses a model that needs more. No I/O, no state.
 */
#ifndef PB_AWS_JMESPATH_H
#define PB_AWS_JMESPATH_H

#include "vm/value.h"

typedef struct jmespath jmespath;
/* NULL: not such an expression, or out of memory. Lives in the arena, and refers to the text. */
const jmespath *jmespath_parse(pb_arena *a, pb_str text);
/* Of a value; none stands for JMESPath's null, also where JMESPath speaks of a type error (length of nothing). */
pb_value jmespath_eval(const jmespath *e, pb_value v, pb_arena *a);
/* JMESPath's truth: everything but none, false, "", [] and {}. */
bool jmespath_true(pb_value v);

#endif
