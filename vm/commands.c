/*
 * commands.c - what several commands need: the store as the command line and the environment name it, durations.
 */
#include "vm/commands.h"

#include "vm/store.h"

#include <stdlib.h>

/* A misspelt path is no empty store: who looks for runs there would believe that there are none. */
store *cmd_store_at(const run_args *a, const char *url, pb_arena *arena, pb_str *err) {
    if (!a->asks_store || store_is_there(url)) return store_open(url, arena, err);
    *err = pb_printf(arena, "there is no store at %s: is the path spelt right? `pbrun run` and `pbrun serve` make one", url);
    return NULL;
}

store *cmd_store(const run_args *a, pb_arena *arena, pb_str *err) {
    const char *url = a->store ? a->store : getenv("PB_STORE");
    if (url && *url) return cmd_store_at(a, url, arena, err);
    *err = PB_STR("which store? give --store URL, such as --store sqlite:///var/lib/pbrun/state.db, or set PB_STORE");
    return NULL;
}

bool cmd_duration(const char *text, int64_t *ms) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const int64_t year = 365 * (int64_t)86400000;
    int64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if ((n = n * 10 + (*p - '0')) > year) return false;
    for (size_t i = 0; p != text && i < sizeof units / sizeof *units; i++) {
        if (strcmp(p, units[i].unit) != 0) continue;
        *ms = n * units[i].ms; /* both factors are below 2^36 */
        return n > 0 && *ms <= year;
    }
    return false;
}
