/*
 * provider.c - between the gate's calls and the AWS client.
 *
 * A call is made in the account and the region of its step: the event's, for what it tells of lives there, or those of
 * an `in account` around it. First it is asked with whose keys (sessions.h), then the client sends it; without a region
 * the client takes AWS_REGION. When AWS calls a session expired before its time, the call was not carried out: it is
 * made once more with a new one. The idempotency token's seed is the run and the step, so a step that is sent again
 * says the same token and AWS does it once, while the next step, or another run, says another.
 */
#include "stdlib/aws/provider.h"

#include "stdlib/aws/pages.h"
#include "stdlib/aws/retry.h"
#include "stdlib/aws/sessions.h"
#include "stdlib/aws/waiter.h"

#include <stdlib.h>

struct aws_provider {
    aws_client *client;
    aws_sessions *sessions;
};

/* A call on its way; in the run's arena. */
typedef struct passage {
    aws_provider *provider;
    const pb_host *host;
    vm_call *call;
    pb_loop *loop;
    aws_call_spec spec;
    aws_access_wait *asking; /* for keys, or ... */
    aws_pages *pages;        /* ... under way as a call or ... */
    aws_wait *wait;          /* ... as a waiter */
    aws_waiter waiter;       /* 0: it is a call */
    pb_value assumed;        /* the session that was made for it */
    bool renewed;
} passage;

static void ask_for_keys(passage *p);

/* What the client tells of the call, and how it came by its keys. */
static pb_value meta_of(const passage *p, pb_value meta) {
    pb_map_builder b = {.arena = p->spec.arena};
    if (p->assumed.kind != PB_MAP) return meta;
    for (uint32_t i = 0; meta.kind == PB_MAP && i < meta.n; i++)
        pb_map_add(&b, meta.u.entries[i].key, meta.u.entries[i].value);
    pb_map_add(&b, PB_STR("assumed_role"), p->assumed);
    return pb_map_done(&b);
}

static void over(passage *p, pb_value meta) {
    p->call->host_data = NULL;
    if (p->call->step) p->call->step->meta = meta_of(p, meta);
}

static bool renew(passage *p, const aws_outcome *o) {
    bool expired = aws_failure_of(0, o->code) == AWS_FAIL_EXPIRED || pb_str_is(o->code, "RequestExpired"); /* EC2's */
    if (o->ok || p->renewed || !expired || !aws_sessions_expired(p->provider->sessions, p->spec.keys)) return false;
    p->renewed = true;
    p->spec.keys = NULL;
    ask_for_keys(p);
    return true;
}

static void finished(void *ctx, const aws_outcome *o) {
    passage *p = ctx;
    p->pages = NULL;
    p->wait = NULL;
    if (renew(p, o)) return;
    over(p, o->meta);
    if (o->ok)
        vm_return(p->call, o->value);
    else
        vm_raise_as(p->call, o->code, o->message,
                    (vm_error_class){.conflict = o->conflict, .throttled = o->throttled, .status = o->status});
}

static void keys_are_there(void *ctx, const aws_access *a) {
    passage *p = ctx;
    aws_client *client = p->provider->client;
    p->asking = NULL;
    if (a->assumed.kind == PB_MAP) p->assumed = a->assumed;
    if (!a->ok) {
        over(p, PB_NONE_VALUE);
        vm_raise(p->call, a->code, a->message);
        return;
    }
    p->spec.keys = a->keys;
    /* NULL from a start: it has been answered already. */
    if (p->waiter)
        p->wait = aws_wait_start(client, p->loop, p->waiter, &p->spec, finished, p);
    else
        p->pages = aws_pages_start(client, p->loop, &p->spec, finished, p);
}

static bool reach(void *ctx, pb_arena *a, const pb_str **hosts, uint32_t *n) {
    return pb_call_reach(((passage *)ctx)->call, a, hosts, n);
}

static pb_str context_text(const vm_call *c, const char *key) {
    pb_value v = pb_get_c(pb_call_context(c), key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){"", 0};
}

/* A site that says nothing of accounts is none here. */
static const pb_site *accounts_of(const vm_call *c) {
    const pb_site *s = pb_call_site(c);
    return s && s->role.n ? s : NULL;
}

static void ask_for_keys(passage *p) {
    const vm_call *c = p->call;
    aws_who who = {.run = c->run,
                   .run_id = context_text(c, "id"),
                   .incident_id = context_text(c, "incident_id"),
                   .account = c->step->account,
                   .region = c->step->region,
                   .moved = c->step->moved,
                   .changes = p->host->effect > PB_READ,
                   .site = accounts_of(c),
                   .reach = reach,
                   .reach_ctx = p};
    aws_access_wait *w = aws_sessions_ask(p->provider->sessions, p->loop, p->spec.arena, &who, keys_are_there, p);
    if (w) p->asking = w;
}

/* "run-.../3.1": the step's id without the tries in it ("3~2.1"), so that all tries of a step say the same token. */
static pb_str token_seed(pb_arena *a, pb_str run, pb_str step) {
    pb_buf b = {0};
    pb_buf_add(&b, run.s, run.n);
    pb_buf_putc(&b, '/');
    for (uint32_t i = 0; i < step.n; i++) {
        if (step.s[i] == '~')
            while (i + 1 < step.n && step.s[i + 1] >= '0' && step.s[i + 1] <= '9') i++;
        else
            pb_buf_putc(&b, step.s[i]);
    }
    pb_str seed = b.oom ? (pb_str){NULL, 0} : pb_strdup(a, b.data, b.len);
    pb_buf_free(&b);
    return seed;
}

static aws_call_spec spec_of(const vm_call *c) {
    pb_str id = context_text(c, "id");
    pb_arena *a = vm_run_arena(c->run);
    return (aws_call_spec){
        .input = c->args,
        .region = c->step->region,
        .token_seed = token_seed(a, id, c->step->id),
        .deadline_ms = pb_loop_mono_ms() + pb_call_time_left(c),
        .arena = a,
    };
}

static void begin(const pb_host *h, vm_call *c, pb_loop *loop, aws_op op, aws_waiter waiter) {
    passage *p = pb_alloc(vm_run_arena(c->run), sizeof *p);
    if (!p) {
        vm_raise(c, PB_STR("memory"), PB_STR("the run's memory is used up"));
        return;
    }
    *p = (passage){.provider = h->state, .host = h, .call = c, .loop = loop, .spec = spec_of(c), .waiter = waiter};
    p->spec.op = op;
    c->host_data = p;
    ask_for_keys(p);
}

static void provider_call(const pb_host *h, vm_call *c, pb_loop *loop) { begin(h, c, loop, (aws_op)h->number, 0); }

/* The waiter knows its operation. */
static void provider_wait(const pb_host *h, vm_call *c, pb_loop *loop) { begin(h, c, loop, 0, (aws_waiter)h->number); }

static void provider_cancel(const pb_host *h, vm_call *c) {
    passage *p = c->host_data;
    pb_value meta = PB_NONE_VALUE;
    (void)h;
    if (!p) return;
    aws_sessions_unask(p->asking);
    if (p->pages) aws_pages_cancel(p->pages, &meta);
    if (p->wait) aws_wait_cancel(p->wait, &meta);
    over(p, meta);
}

/* ---- what pbrun asks for itself ---- */

typedef struct inquiry {
    aws_provider *provider;
    pb_question q;
    pb_answer_fn *fn;
    void *ctx;
    aws_access_wait *asking; /* whose our keys are, or ... */
    aws_pages *pages;        /* ... any other operation */
    bool inside, ended;      /* aws_provider_ask has not returned; fn has been called */
} inquiry;

static void inquiry_end(inquiry *i, const pb_answer *a) {
    pb_answer_fn *fn = i->fn;
    void *ctx = i->ctx;
    i->ended = true;
    if (!i->inside) free(i);
    fn(ctx, a);
}

static void inquiry_came(void *ctx, const aws_outcome *o) {
    ((inquiry *)ctx)->pages = NULL;
    inquiry_end(ctx, &(pb_answer){.ok = o->ok, .value = o->value, .code = o->code, .message = o->message});
}

static void identity_known(void *ctx, const aws_access *a) {
    inquiry *i = ctx;
    pb_map_builder b = {.arena = i->q.arena};
    pb_str account, arn = aws_sessions_identity(i->provider->sessions, &account);
    i->asking = NULL;
    if (!a->ok) {
        inquiry_end(i, &(pb_answer){.code = a->code, .message = a->message});
        return;
    }
    pb_map_add(&b, PB_STR("Account"), pb_string(account));
    pb_map_add(&b, PB_STR("Arn"), pb_string(arn));
    pb_value v = pb_map_done(&b);
    inquiry_end(i, b.oom ? &(pb_answer){.code = PB_STR("memory"), .message = PB_STR("out of memory")}
                         : &(pb_answer){.ok = true, .value = v});
}

static void inquire(inquiry *i, pb_loop *loop, aws_op op) {
    aws_call_spec spec = {
        .op = op, .input = i->q.args, .region = i->q.region, .deadline_ms = i->q.deadline_ms, .arena = i->q.arena};
    aws_who who = {.region = i->q.region, .identify = true};
    if (pb_str_is(i->q.host, "aws.sts.GetCallerIdentity")) {
        aws_access_wait *w = aws_sessions_ask(i->provider->sessions, loop, i->q.arena, &who, identity_known, i);
        if (w) i->asking = w;
        return;
    }
    aws_pages *p = aws_pages_start(i->provider->client, loop, &spec, inquiry_came, i);
    if (p) i->pages = p;
}

void *aws_provider_ask(void *state, pb_loop *l, const pb_question *q, pb_answer_fn *fn, void *ctx) {
    aws_waiter waiter = 0;
    aws_op op = aws_host_op(aws_model_get(), q->host, &waiter);
    inquiry *i = op && !waiter ? calloc(1, sizeof *i) : NULL;
    if (!i) {
        fn(ctx, &(pb_answer){.code = op ? PB_STR("memory") : PB_STR("internal"),
                             .message = op ? PB_STR("out of memory") : PB_STR("there is no such operation")});
        return NULL;
    }
    *i = (inquiry){.provider = state, .q = *q, .fn = fn, .ctx = ctx, .inside = true};
    inquire(i, l, op);
    i->inside = false;
    if (!i->ended) return i;
    free(i);
    return NULL;
}

void aws_provider_unask(void *asked) {
    inquiry *i = asked;
    pb_value meta = PB_NONE_VALUE;
    if (i->asking) aws_sessions_unask(i->asking);
    if (i->pages) aws_pages_cancel(i->pages, &meta);
    free(i);
}

aws_provider *aws_provider_new(void) {
    aws_provider *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->client = aws_client_new();
    p->sessions = p->client ? aws_sessions_new(p->client) : NULL;
    if (p->sessions) return p;
    aws_provider_free(p);
    return NULL;
}

void aws_provider_free(aws_provider *p) {
    if (!p) return;
    aws_sessions_free(p->sessions);
    aws_client_free(p->client);
    free(p);
}

void aws_provider_run_end(aws_provider *p, const vm_run *r) { aws_sessions_run_end(p->sessions, r); }

static bool has_token(const aws_model *m, aws_op op) {
    const pb_schema *s = aws_schema();
    schema_operation o;
    schema_member member;
    if (!s->operation_find(s->ctx, aws_op_service(m, op), aws_op_name(m, op), &o) || !o.input) return false;
    for (uint32_t i = 0; s->member_at(s->ctx, o.input, i, &member); i++)
        if (member.idempotency_token) return true;
    return false;
}

/* What is done about a call of which nobody knows whether it was carried out. */
static pb_again again_of(const aws_model *m, aws_op op) {
    pb_effect effect = aws_op_effect(m, op);
    aws_service_info info;
    if (effect <= PB_READ) return AGAIN_SAFE;
    aws_service_get(m, aws_op_service(m, op), &info);
    return aws_settles(info.name, aws_op_name(m, op), effect, has_token(m, op)) ? AGAIN_SAFE : AGAIN_ACTION;
}

bool aws_provider_resolve(void *state, pb_str name, pb_host *out) {
    const aws_model *m = aws_model_get();
    aws_waiter waiter;
    aws_op op = aws_host_op(m, name, &waiter);
    if (!op) return false;
    *out = (pb_host){.effect = aws_op_effect(m, op),
                     .again = again_of(m, op),
                     .fn = waiter ? provider_wait : provider_call,
                     .cancel = provider_cancel,
                     .number = waiter ? (uint64_t)waiter : (uint64_t)op,
                     .state = state};
    return true;
}
