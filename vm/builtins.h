/*
 * builtins.h - the pure built-in functions by their number in lang/builtins.def.
 */
#ifndef PB_BUILTINS_H
#define PB_BUILTINS_H

#include "vm/env.h"

enum builtin {
#define BUILTIN(name, ...) BUILTIN_##name,
#include "lang/builtins.def"
#undef BUILTIN
    BUILTIN_COUNT
};

/* How many arguments it takes, the receiver counted. */
void vm_builtin_arity(uint32_t builtin, uint32_t *least, uint32_t *most);
/* Checks the arguments against the declared types and calls it. False: env->error. n must fit the arity. */
bool vm_builtin_call(vm_env *env, uint32_t builtin, const pb_value *args, uint32_t n, pb_value *out);

#endif
