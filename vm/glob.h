/*
 * glob.h - `like` patterns: * is any text, ? one character, everything else itself; case-sensitive, the whole string.
 */
#ifndef PB_GLOB_H
#define PB_GLOB_H

#include "lang/base.h"

bool vm_glob(pb_str pattern, pb_str text);
/* The same with its work limited: *left goes down by one a step. False: used up before it was decided. */
bool vm_glob_within(pb_str pattern, pb_str text, uint64_t *left, bool *matched);

#endif
