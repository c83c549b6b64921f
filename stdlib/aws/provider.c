/*
 * provider.c - between the gate's calls and the AWS client.
 *
 * The region of a call is the run's: the event's, for what it tells of lives there; without one the client takes
 * AWS_REGION. The idempotency token's seed is the run and the step, so a step that is sent again says the same token
 * and AWS does it once, while the next step, or another run, says another.
 */
#include "stdlib/aws/provider.h"

#include "stdlib/aws/client.h"

static void finished(void *ctx, const aws_outcome *o) {
    vm_call *c = ctx;
    c->host_data = NULL;
    if (c->step) c->step->meta = o->meta;
    if (o->ok)
        vm_return(c, o->value);
    else
        vm_raise(c, o->code, o->message);
}

static void provider_call(const pb_host *h, vm_call *c, pb_loop *loop) {
    pb_value context = pb_call_context(c), region = pb_get_c(context, "region"), id = pb_get_c(context, "id");
    pb_arena *a = vm_run_arena(c->run);
    aws_call_spec spec = {
        .op = (aws_op)h->number,
        .input = c->args,
        .region = region.kind == PB_STRING ? pb_text(region) : (pb_str){"", 0},
        .token_seed = pb_printf(a, "%.*s/%u", id.kind == PB_STRING ? (int)id.n : 0, id.kind == PB_STRING ? id.u.s : "",
                                c->step ? c->step->number : 0),
        .deadline_ms = pb_loop_mono_ms() + pb_call_time_left(c),
        .arena = a,
    };
    aws_call *call = aws_client_start(h->state, loop, &spec, finished, c);
    if (call) c->host_data = call; /* NULL: answered already, and c may be gone */
}

static void provider_cancel(const pb_host *h, vm_call *c) {
    (void)h;
    aws_client_cancel(c->host_data, c->step ? &c->step->meta : NULL);
    c->host_data = NULL;
}

/* "aws.ec2.DescribeInstances" */
bool aws_provider_resolve(void *state, pb_str name, pb_host *out) {
    const aws_model *m = aws_model_get();
    if (name.n < 4 || memcmp(name.s, "aws.", 4) != 0) return false;
    name = (pb_str){name.s + 4, name.n - 4};
    const char *dot = memchr(name.s, '.', name.n);
    if (!dot) return false;
    pb_str service = {name.s, (uint32_t)(dot - name.s)}, operation = {dot + 1, name.n - service.n - 1};
    aws_service s = aws_service_find(m, service);
    aws_op op = s ? aws_op_find(m, s, operation) : 0;
    if (!op) return false;
    *out = (pb_host){
        .effect = aws_op_effect(m, op), .fn = provider_call, .cancel = provider_cancel, .number = op, .state = state};
    return true;
}
