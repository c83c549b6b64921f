/*
 * commands.c - what several commands need: the store as the command line and the environment name it.
 */
#include "vm/commands.h"

#include "vm/store.h"

#include <stdlib.h>

store *cmd_store(const run_args *a, pb_arena *arena, pb_str *err) {
    const char *url = a->store ? a->store : getenv("PB_STORE");
    if (url && *url) return store_open(url, arena, err);
    *err = PB_STR("which store? give --store URL, such as --store sqlite:///var/lib/pbrun/state.db, or set PB_STORE");
    return NULL;
}
