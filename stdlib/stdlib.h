/*
 * stdlib.h - what the standard library plugs into the compiler and the engine. The two programs (lang/pbc.c, vm/pbrun.c)
 * are the only places that put lang, vm and stdlib together.
 */
#ifndef PB_STDLIB_H
#define PB_STDLIB_H

#include "lang/compile.h"
#include "vm/host.h"

/* The library's .pb files, linked into the binary (made from stdlib/(star).pb by stdlib/gen_sources.py). */
const builtin_source *stdlib_sources(size_t *count);

/* The hosts in C: aws.* (stdlib/aws/client.c) and the rest (stdlib/hosts.c: slack.*, clock, ...). */
const pb_host_provider *stdlib_providers(size_t *count);

/* pbrun sim (stdlib/sim/). argv[0] is "sim". The exit status. */
int sim_main(int argc, char **argv);

#endif
