/*
 * protect.h - the branch that pbrun sits on: its own principal, the people who approve, the kill switch, and what the
 * site names. No changing call may name any of it.
 */
#ifndef PB_PROTECT_H
#define PB_PROTECT_H

#include "vm/host.h"

enum {
    PROTECT_DEPTH = 16,    /* of arguments: AWS's own inputs are less deep; more is refused */
    PROTECT_VALUES = 20000 /* looked at in one call's arguments; more is refused */
};

/* Whose calls these are. */
typedef struct protect_self {
    pb_str arn;     /* of pbrun's own credentials, as sts:GetCallerIdentity says; empty: not known */
    pb_str account; /* where the call is made; empty: in the account of these credentials */
} protect_self;

/* Do the arguments name a user or a role, so that it has to be known whose the credentials are? */
bool protect_needs_self(pb_str host, pb_value args);

/* May this be called with these arguments? False: *target is what it names, *why says why not. Both in the arena. */
bool protect_check(const pb_site *site, const protect_self *self, pb_str host, pb_value args, pb_arena *a,
                   pb_str *target, pb_str *why);

#endif
