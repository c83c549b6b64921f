/*
 * stdlib.c - puts the providers of hosts together: one set for whoever asks, with the state that belongs to it.
 *
 * The set is one block of memory that its providers share; each is closed once and the last one takes the block with
 * it. Nothing is opened here: credentials are read and keys derived at the first AWS call, because most events match
 * nothing.
 */
#include "stdlib/stdlib.h"

#include "stdlib/aws/provider.h"
#include "stdlib/hosts.h"

#include <stdlib.h>

enum { PROVIDERS = 2 };

/* A provider's view of the set: what its close needs to find the rest. */
typedef struct share {
    struct provider_set *set;
    aws_provider *aws; /* made at the first look-up of an aws.* host */
} share;

typedef struct provider_set {
    pb_host_provider providers[PROVIDERS];
    share shares[PROVIDERS];
    int open;
} provider_set;

static void close_share(void *state) {
    share *s = state;
    provider_set *set = s->set;
    aws_provider_free(s->aws);
    s->aws = NULL;
    if (--set->open == 0) free(set);
}

static bool resolve_aws(void *state, pb_str name, pb_host *out) {
    share *s = state;
    if (!s->aws) s->aws = aws_provider_new();
    return s->aws && aws_provider_resolve(s->aws, name, out);
}

static void aws_run_end(void *state, const vm_run *r) {
    share *s = state;
    if (s->aws) aws_provider_run_end(s->aws, r);
}

static void *ask_aws(void *state, pb_loop *l, const pb_question *q, pb_answer_fn *fn, void *ctx) {
    share *s = state;
    if (!s->aws) s->aws = aws_provider_new();
    if (s->aws) return aws_provider_ask(s->aws, l, q, fn, ctx);
    fn(ctx, &(pb_answer){.code = PB_STR("memory"), .message = PB_STR("out of memory")});
    return NULL;
}

static void unask_aws(void *state, void *asked) {
    (void)state;
    aws_provider_unask(asked);
}

const pb_host_provider *stdlib_providers(size_t *count) {
    provider_set *set = calloc(1, sizeof *set);
    *count = 0;
    if (!set) return NULL;
    for (int i = 0; i < PROVIDERS; i++) set->shares[i].set = set;
    set->providers[0] = (pb_host_provider){.prefix = "aws.",
                                           .state = &set->shares[0],
                                           .resolve = resolve_aws,
                                           .close = close_share,
                                           .run_end = aws_run_end,
                                           .ask = ask_aws,
                                           .unask = unask_aws};
    set->providers[1] = (pb_host_provider){.prefix = "",
                                           .state = &set->shares[1],
                                           .resolve = hosts_resolve,
                                           .close = close_share,
                                           .ask = hosts_ask,
                                           .unask = hosts_unask};
    set->open = PROVIDERS;
    *count = PROVIDERS;
    return set->providers;
}
