/*
 * cmd_site.h - the site's settings for commands that run nothing.
 */
#ifndef PB_CMD_SITE_H
#define PB_CMD_SITE_H

#include "vm/commands.h"
#include "vm/site.h"
#include "vm/store.h"

/* Of --site, else of the program that the run was begun with. False with a sentence in *err. Lives until the process
 * ends; wipe it. */
bool cmd_site_of_run(const run_args *args, store *s, const store_run *r, pb_arena *a, pb_site *out, pb_str *err);

#endif
