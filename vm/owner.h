/*
 * owner.h - who holds a lease: this process, in words that another process on the same machine can check.
 */
#ifndef PB_OWNER_H
#define PB_OWNER_H

#include "lang/base.h"

/* "host pid 4711 started 123456 boot 1a2b3c4d". Empty .s: out of memory. */
pb_str owner_self(pb_arena *a);
/* True only when it is certain: a process of this machine, since it was started, that is no longer there. */
bool owner_is_dead(pb_str owner);

#endif
