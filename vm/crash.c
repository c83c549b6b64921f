/* crash.c - the process kills itself at a chosen moment, for tests. See crash.h. */
#include "vm/crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

crash crash_begin(void) {
    const char *at = getenv("PB_CRASH_AT");
    return (crash){.at = at ? strtoull(at, NULL, 10) : 0};
}

static struct {
    crash_fn *fn;
    void *ctx;
} watched;

void crash_watch(crash_fn *fn, void *ctx) {
    watched.fn = fn;
    watched.ctx = ctx;
}

void crash_point(crash *c) {
    if (watched.fn)
        watched.fn(watched.ctx);
    else if (++c->n == c->at)
        raise(SIGKILL);
}

void crash_end(const crash *c) {
    const char *path = getenv("PB_CRASH_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f) return;
    fprintf(f, "%llu\n", (unsigned long long)c->n);
    fclose(f);
}
