/*
 * site.h - the site's settings: what one deployment is set up with, from the `site` block of a program.
 */
#ifndef PB_SITE_H
#define PB_SITE_H

#include "vm/interp.h"

/* What `accounts` says; empty: nothing. */
typedef struct pb_site {
    pb_str role;        /* to be assumed in other accounts, with its path */
    pb_str external_id; /* a secret, perhaps: never to be shown */
    pb_str home;        /* the account whose credentials are used */
} pb_site;

bool vm_has_site(const vm_program *p);
/* The settings of a program's site; parameters are taken from `params`. False with a sentence in *err: one does not
 * have the form it must have. */
bool vm_site_of(const vm_program *p, const pb_value *params, pb_arena *a, pb_site *out, pb_str *err);

#endif
