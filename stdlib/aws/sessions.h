/*
 * sessions.h - with whose keys a call is made: our own in our own account, those of an assumed role in another.
 *
 * Whose our own are is asked once (sts:GetCallerIdentity), and only when it matters. A role is assumed once a run and
 * account; the session is renewed before it ends, shared by the run's calls, and wiped when the run ends.
 */
#ifndef PB_AWS_SESSIONS_H
#define PB_AWS_SESSIONS_H

#include "stdlib/aws/client.h"
#include "vm/host.h"

typedef struct aws_sessions aws_sessions;
aws_sessions *aws_sessions_new(aws_client *c); /* NULL: out of memory */
void aws_sessions_free(aws_sessions *s);       /* wipes them; nobody may be waiting */

/* A call that asks. Texts live as long as the call. */
typedef struct aws_who {
    const vm_run *run;
    pb_str run_id, incident_id;
    pb_str account, region; /* where the call is to be made; no account: with our own keys, whosever they are */
    bool moved;             /* by an `in account`: then it is never made without knowing whose the keys are */
    bool changes;           /* more than a read */
    bool identify;          /* nobody's call: only whose our own keys are; the rest but region is not looked at */
    const pb_site *site;    /* NULL: none */
    /* What the session is narrowed to: the hosts that the run's playbook can come to. False: out of memory. */
    bool (*reach)(void *ctx, pb_arena *a, const pb_str **hosts, uint32_t *n);
    void *reach_ctx;
} aws_who;

/* The answer. */
typedef struct aws_access {
    bool ok;
    const sigv4_credentials *keys; /* to sign with, until the run ends (renewed in place); NULL: the client's own */
    pb_str code, message;          /* not ok */
    pb_value assumed;              /* for the evidence of the call that made the session; else none */
} aws_access;

typedef struct aws_access_wait aws_access_wait;
typedef void aws_access_fn(void *ctx, const aws_access *a);
/* NULL: fn has been called already. Otherwise it is called once, later. `a`: where texts of the answer live. */
aws_access_wait *aws_sessions_ask(aws_sessions *s, pb_loop *l, pb_arena *a, const aws_who *who, aws_access_fn *fn,
                                  void *ctx);
void aws_sessions_unask(aws_access_wait *w); /* fn is not called */

/* Our own principal's ARN and account, once somebody has asked with `identify`; both are empty before. */
pb_str aws_sessions_identity(const aws_sessions *s, pb_str *account);

/* AWS calls the session with these keys expired: the next to ask gets another. False: they are not a session's. */
bool aws_sessions_expired(aws_sessions *s, const sigv4_credentials *keys);
/* The run is over: its sessions are wiped. */
void aws_sessions_run_end(aws_sessions *s, const vm_run *r);

#endif
