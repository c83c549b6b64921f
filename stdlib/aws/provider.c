/*
 * provider.c - between the gate's calls and the AWS client.
 *
 * The region of a call is the run's: the event's, for what it tells of lives there; without one the client takes
 * AWS_REGION. The idempotency token's seed is the run and the step, so a step that is sent again says the same token
 * and AWS does it once, while the next step, or another run, says another.
 */
#include "stdlib/aws/provider.h"

#include "stdlib/aws/pages.h"
#include "stdlib/aws/waiter.h"

static void finished(void *ctx, const aws_outcome *o) {
    vm_call *c = ctx;
    c->host_data = NULL;
    if (c->step) c->step->meta = o->meta;
    if (o->ok)
        vm_return(c, o->value);
    else
        vm_raise(c, o->code, o->message);
}

static aws_call_spec spec_of(const pb_host *h, vm_call *c) {
    pb_value context = pb_call_context(c), region = pb_get_c(context, "region"), id = pb_get_c(context, "id");
    pb_arena *a = vm_run_arena(c->run);
    return (aws_call_spec){
        .op = (aws_op)h->number, /* a wait's is its waiter: it knows the operation */
        .input = c->args,
        .region = region.kind == PB_STRING ? pb_text(region) : (pb_str){"", 0},
        .token_seed = pb_printf(a, "%.*s/%u", id.kind == PB_STRING ? (int)id.n : 0, id.kind == PB_STRING ? id.u.s : "",
                                c->step ? c->step->number : 0),
        .deadline_ms = pb_loop_mono_ms() + pb_call_time_left(c),
        .arena = a,
    };
}

/* NULL from a start: answered already, and c may be gone. */
static void provider_call(const pb_host *h, vm_call *c, pb_loop *loop) {
    aws_call_spec spec = spec_of(h, c);
    aws_pages *call = aws_pages_start(h->state, loop, &spec, finished, c);
    if (call) c->host_data = call;
}

static void provider_wait(const pb_host *h, vm_call *c, pb_loop *loop) {
    aws_call_spec spec = spec_of(h, c);
    aws_wait *wait = aws_wait_start(h->state, loop, (aws_waiter)h->number, &spec, finished, c);
    if (wait) c->host_data = wait;
}

static void provider_cancel(const pb_host *h, vm_call *c) {
    (void)h;
    aws_pages_cancel(c->host_data, c->step ? &c->step->meta : NULL);
    c->host_data = NULL;
}

static void provider_cancel_wait(const pb_host *h, vm_call *c) {
    (void)h;
    aws_wait_cancel(c->host_data, c->step ? &c->step->meta : NULL);
    c->host_data = NULL;
}

bool aws_provider_resolve(void *state, pb_str name, pb_host *out) {
    const aws_model *m = aws_model_get();
    aws_waiter waiter;
    aws_op op = aws_host_op(m, name, &waiter);
    if (!op) return false;
    *out = (pb_host){
        .effect = aws_op_effect(m, op), .fn = provider_call, .cancel = provider_cancel, .number = op, .state = state};
    if (waiter) {
        out->fn = provider_wait;
        out->cancel = provider_cancel_wait;
        out->number = waiter;
    }
    return true;
}
