/*
 * call.c - one request from its signature to its answer.
 *
 * The order is AWS's: who signed it and is the signature right; which operation is it and does its input fit the model;
 * may the caller (only explicit denies are looked at: policies that allow are taken for granted); then the handler. All
 * that a request writes is one transaction. The count of calls is kept even when the call failed.
 */
#include <stdio.h>

#include "stdlib/sim/sim.h"

static const sim_service *const services[] = {
    &sim_ec2,           &sim_iam,         &sim_s3,        &sim_s3control,   &sim_sts,
    &sim_ssm,           &sim_sns,         &sim_guardduty, &sim_securityhub, &sim_lambda,
    &sim_organizations, &sim_cloudtrail,  &sim_events,    &sim_logs,        &sim_secretsmanager,
    &sim_kms,           &sim_autoscaling, &sim_rds,       &sim_dynamodb};
enum { SERVICES = sizeof services / sizeof *services, SAME_SIGNING_NAME_MAX = 16 };

/* A request on its way: the call, and what is known of its target. */
typedef struct passage {
    sim *sim;
    sim_call call;
    aws_incoming in;
    const sim_service *service; /* NULL: one the account keeps nothing for */
    aws_service number;
    aws_service_info info;
    aws_op op;
    sigv4_claim claim;
    pb_str request_id;
    aws_response response;
    bool faulty;
    sim_fault fault;
    int64_t delay_ms;
} passage;

pb_value sim_fail(sim_call *c, int status, const char *code, const char *fmt, ...) {
    if (c->failed) return PB_NONE_VALUE;
    va_list ap;
    va_start(ap, fmt);
    c->err = (aws_error){.code = pb_str_c(code), .message = pb_vprintf(c->arena, fmt, ap), .status = status};
    va_end(ap);
    c->failed = true;
    return PB_NONE_VALUE;
}

/* ---- which service ---- */

static const sim_service *service_kept(pb_str name) {
    for (size_t i = 0; i < SERVICES; i++)
        if (pb_str_is(name, services[i]->name)) return services[i];
    return NULL;
}

static void service_set(passage *p, aws_service number) {
    p->number = number;
    if (!number) return;
    aws_service_get(p->sim->model, number, &p->info);
    p->service = service_kept(p->info.name);
}

static bool is_s3control(const aws_incoming *in) { return str_starts(in->path, "/v20180820/"); }

static aws_service by_name(const passage *p, const char *name) {
    return aws_service_find(p->sim->model, pb_str_c(name));
}

/* A form says the API's version, which tells services apart that have operations of the same name (elb and elbv2). */
static bool version_fits(const passage *p, aws_service s) {
    aws_service_info info;
    aws_service_get(p->sim->model, s, &info);
    if (info.protocol != AWS_QUERY && info.protocol != AWS_EC2) return true;
    pb_str v = pb_printf(p->call.arena, "Version=%.*s", PB_ARG(info.api_version)), body = p->in.body,
           query = p->in.query;
    return v.s && ((body.n && memmem(body.s, body.n, v.s, v.n)) || (query.n && memmem(query.s, query.n, v.s, v.n)));
}

static bool knows_request(passage *p, aws_service s) {
    aws_error ignored = {0};
    pb_value input;
    aws_op op = 0;
    return version_fits(p, s) &&
           (aws_request_read(p->call.arena, p->sim->model, s, &p->in, &op, &input, &ignored) || op);
}

/* Among the services that sign with this name, the first that knows the request (kept: and keeps state here); 0: none.
 */
static aws_service service_knowing(passage *p, bool kept) {
    const aws_model *m = p->sim->model;
    for (uint32_t nth = 0; nth < SAME_SIGNING_NAME_MAX; nth++) {
        aws_service_info info;
        aws_service s = aws_service_by_signing_name(m, p->claim.service, nth);
        if (!s) break;
        aws_service_get(m, s, &info);
        if ((!kept || service_kept(info.name)) && knows_request(p, s)) return s;
    }
    return 0;
}

/* S3 and S3 Control sign with one name, so do RDS, Neptune and DocumentDB, which even share operations. */
static void service_by_signature(passage *p) {
    const aws_model *m = p->sim->model;
    pb_str name = p->claim.service;
    if (pb_str_is(name, "s3")) {
        service_set(p, by_name(p, is_s3control(&p->in) ? "s3control" : "s3"));
        return;
    }
    service_set(p, aws_service_by_signing_name(m, name, 0));
    if (!aws_service_by_signing_name(m, name, 1)) return;
    aws_service s = service_knowing(p, true);
    if (!s) s = service_knowing(p, false);
    if (s) service_set(p, s);
}

/* An unsigned request shows its protocol only: enough to word the refusal. */
static void service_by_looks(passage *p) {
    pb_str target = sim_header(&p->in, "x-amz-target"), type = sim_header(&p->in, "content-type");
    bool form = str_starts(type, "application/x-www-form-urlencoded");
    const char *name = is_s3control(&p->in) ? "s3control" : "s3";
    if (target.n)
        name = "ssm";
    else if (str_starts(type, "application/json"))
        name = "guardduty";
    else if (form && memmem(p->in.body.s, p->in.body.n, "Version=2016-11-15", 18))
        name = "ec2";
    else if (form)
        name = "sts";
    service_set(p, by_name(p, name));
}

static sigv4_style style_of(const passage *p) {
    switch (p->info.protocol) {
    case AWS_EC2: return SIGV4_STYLE_EC2;
    case AWS_QUERY: return SIGV4_STYLE_QUERY;
    case AWS_REST_XML: return pb_str_is(p->info.name, "s3") ? SIGV4_STYLE_S3 : SIGV4_STYLE_QUERY;
    default: return SIGV4_STYLE_JSON;
    }
}

/* ---- who ---- */

static void refuse(passage *p, sigv4_problem problem) {
    sigv4_refusal r = sigv4_refuse(problem, style_of(p));
    sim_fail(&p->call, r.status, r.code, "%s", r.message);
}

static void caller_is_root(passage *p) {
    sim_call *c = &p->call;
    c->caller.arn = pb_printf(c->arena, "arn:%.*s:iam::%.*s:root", PB_ARG(c->partition), PB_ARG(c->account));
    c->caller.user_id = c->account;
}

static bool caller_is_user(passage *p, pb_str name) {
    pb_value user = sim_get(&p->call, K_USER, PB_STR(""), name);
    p->call.caller.user = name;
    p->call.caller.arn = get_text(user, "Arn");
    p->call.caller.user_id = get_text(user, "UserId");
    return is_set(user);
}

static const char *expired_code(sigv4_style s) {
    return s == SIGV4_STYLE_EC2 ? "RequestExpired" : s == SIGV4_STYLE_JSON ? "ExpiredTokenException" : "ExpiredToken";
}

static bool caller_is_session(passage *p, pb_value session) {
    sim_call *c = &p->call;
    pb_str user = get_text(session, "User");
    if (get_int(session, "ExpiresMs", 0) <= c->now)
        sim_fail(c, style_of(p) == SIGV4_STYLE_S3 ? 400 : 403, expired_code(style_of(p)),
                 "The security token included in the request is expired");
    c->caller.issued_ms = get_int(session, "IssuedMs", 0);
    c->caller.policy = get_text(session, "Policy");
    if (get_text(session, "Account").n) c->account = get_text(session, "Account");
    if (user.n) return caller_is_user(p, user);
    c->caller.arn = get_text(session, "Arn");
    c->caller.user_id = get_text(session, "UserId");
    c->caller.role = get_text(session, "Role");
    return true;
}

/* The secret of the key that the request claims. False: no such key, or not one that may be used. */
static bool known_key(passage *p, sigv4_credentials *known) {
    sim_call *c = &p->call;
    pb_str key = p->claim.access_key;
    *known = (sigv4_credentials){.access_key = key};
    c->caller.access_key = key;
    if (pb_str_eq(key, p->sim->access_key)) {
        known->secret_key = p->sim->secret_key;
        caller_is_root(p);
        return true;
    }
    pb_value v = sim_find(c, K_ACCESS_KEY, key);
    bool active = pb_str_is(get_text(v, "Status"), "Active");
    if (is_set(v) && !active) return false;
    if (!is_set(v)) v = sim_find(c, K_SESSION, key);
    known->secret_key = get_text(v, "SecretAccessKey");
    known->session_token = get_text(v, "SessionToken");
    if (!known->secret_key.n) return false;
    return active ? caller_is_user(p, get_text(v, "UserName")) : caller_is_session(p, v);
}

static sigv4_request signed_request(const aws_incoming *in) {
    return (sigv4_request){.method = in->method.s,
                           .host = in->host,
                           .path = in->path,
                           .query = in->query,
                           .headers = in->headers,
                           .nheaders = in->nheaders,
                           .body = in->body};
}

/* S3's anonymous requests go on, with a caller that has no name. */
static void authenticate(passage *p, const aws_incoming *as_sent, sigv4_problem problem) {
    sim_call *c = &p->call;
    sigv4_credentials known = {0};
    sigv4_request r = signed_request(as_sent);
    if (problem == SIGV4_ANONYMOUS && style_of(p) == SIGV4_STYLE_S3) return;
    if (problem == SIGV4_OK) problem = known_key(p, &known) ? SIGV4_OK : SIGV4_UNKNOWN_KEY;
    if (problem == SIGV4_OK) problem = sigv4_verify(c->arena, p->sim->keys, &r, &p->claim, &known, c->now);
    if (problem != SIGV4_OK) {
        c->failed = false; /* a wrong signature outranks an expired token */
        refuse(p, problem);
        return;
    }
    if (c->failed) return;
    if (!aws_partition(p->sim->model, p->claim.region).n)
        sim_fail(c, 403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region. ");
    else if (!state_key_used(c->state, c->caller.access_key, c->now, p->info.name, c->region))
        sim_fail(c, 500, "InternalError", "the state could not be written");
}

/* ---- what ---- */

static const sim_operation *row_of(const sim_service *s, pb_str op) {
    for (size_t i = 0; i < s->nops; i++)
        if (pb_str_is(op, s->ops[i].name)) return &s->ops[i];
    return NULL;
}

static void read_request(passage *p) {
    sim_call *c = &p->call;
    aws_error err = {0};
    if (!p->number) {
        sim_fail(c, 403, "SignatureDoesNotMatch", "Credential should be scoped to a known service.");
        return;
    }
    if (!aws_request_read(c->arena, p->sim->model, p->number, &p->in, &p->op, &c->in, &err)) {
        if (!p->op && style_of(p) == SIGV4_STYLE_S3 && pb_str_is(err.code, "UnknownOperationException"))
            err = (aws_error){.code = PB_STR("MethodNotAllowed"),
                              .message = PB_STR("The specified method is not allowed against this resource."),
                              .status = 405};
        c->failed = true;
        c->err = err;
        if (c->err.status <= 0) c->err.status = 400;
        return;
    }
}

static void find_row(passage *p) {
    sim_call *c = &p->call;
    pb_str op = aws_op_name(p->sim->model, p->op);
    c->service = p->service ? p->service->name : "";
    c->row = p->service ? row_of(p->service, op) : NULL;
    if (!c->row)
        sim_fail(c, 501, "NotImplemented", "the simulated account does not keep state for %.*s.%.*s",
                 PB_ARG(p->info.name), PB_ARG(op));
}

/* Faults that are no error codes. */
typedef enum special { S_NONE, S_CLOSE, S_GARBAGE, S_LOST, S_HALF, S_PARTIAL } special;
static special special_of(const passage *p) {
    static const struct {
        const char *word;
        special is;
    } words[] = {
        {"Close", S_CLOSE}, {"Garbage", S_GARBAGE}, {"Lost", S_LOST}, {"Half", S_HALF}, {"partial", S_PARTIAL}};
    for (size_t i = 0; p->faulty && i < sizeof words / sizeof *words; i++)
        if (strcmp(p->fault.code, words[i].word) == 0) return words[i].is;
    return S_NONE;
}

/* A fault takes the place of the operation; some only spoil its answer. */
static void meet_trouble(passage *p) {
    sim_call *c = &p->call;
    sim_trouble *t = &p->sim->trouble;
    pb_str name = pb_printf(c->arena, "%.*s.%.*s", PB_ARG(p->info.name), PB_ARG(aws_op_name(p->sim->model, p->op)));
    p->faulty = trouble_fault(t, name, &p->fault);
    special is = special_of(p);
    c->partial = is == S_PARTIAL;
    if (p->faulty && (is == S_NONE || is == S_CLOSE || is == S_GARBAGE)) {
        sim_fail(c, trouble_status(&p->fault, p->info.protocol), "", "a fault that was asked for");
        c->err.code = pb_strdup(c->arena, p->fault.code, strlen(p->fault.code));
    }
    if (!c->failed && trouble_throttled(t, name)) trouble_slower(c, p->info.name, p->info.protocol);
    p->delay_ms = trouble_delay(t, name);
}

static void authorize(passage *p) {
    sim_call *c = &p->call;
    pb_str op = aws_op_name(p->sim->model, p->op);
    if (!c->caller.arn.n) { /* only S3 lets those come this far */
        if (!s3_anonymous_may(c, op)) sim_fail(c, 403, "AccessDenied", "Access Denied");
        return;
    }
    pb_str action = pb_printf(c->arena, "%.*s:%.*s", PB_ARG(p->info.signing_name), PB_ARG(op));
    bool denied = action.s && policy_denies_caller(c, action);
    if (denied || policy_narrows(c, p->info.name, op))
        sim_fail(c, 403,
                 p->info.protocol == AWS_EC2                                        ? "UnauthorizedOperation"
                 : p->info.protocol >= AWS_JSON && p->info.protocol != AWS_REST_XML ? "AccessDeniedException"
                                                                                    : "AccessDenied",
                 "User: %.*s is not authorized to perform: %.*s %s", PB_ARG(c->caller.arn), PB_ARG(action),
                 denied ? "with an explicit deny in an identity-based policy"
                        : "because no session policy allows the action");
}

static aws_shape output_shape(const passage *p) {
    const pb_schema *schema = aws_schema();
    schema_operation o;
    if (!schema->operation_find(schema->ctx, p->number, aws_op_name(p->sim->model, p->op), &o)) return 0;
    return o.output;
}

static pb_value perform(passage *p) {
    sim_call *c = &p->call;
    if (p->service->prepare) {
        p->service->prepare(c);
        c->changed = false; /* what was there from the start is nobody's change */
    }
    if (c->failed) return PB_NONE_VALUE;
    pb_value out = c->row->fn(c);
    if (!c->failed && get_bool(c->in, "DryRun"))
        sim_fail(c, 412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    if (!c->failed && c->row->list && p->service->paging) out = sim_page(c, out, c->row->list, p->service->paging);
    aws_shape shape = output_shape(p);
    return !c->failed && shape ? sim_conform(c, out, shape) : PB_NONE_VALUE;
}

/* Everything between begin and commit. */
static pb_value in_transaction(passage *p, const aws_incoming *as_sent, sigv4_problem problem) {
    sim_call *c = &p->call;
    authenticate(p, as_sent, problem);
    if (!c->failed && pb_str_is(p->info.name, "s3") && !s3_unpack(c, &p->in)) return PB_NONE_VALUE;
    if (!c->failed) read_request(p);
    if (c->failed) return PB_NONE_VALUE;
    meet_trouble(p);
    if (!c->failed) find_row(p);
    if (c->failed) return PB_NONE_VALUE;
    authorize(p);
    if (!c->failed && pb_str_is(p->info.name, "s3")) s3_check_digest(c, &p->in, c->row->flags & SIM_CHECKSUM);
    return c->failed ? PB_NONE_VALUE : perform(p);
}

static bool count_call(passage *p) {
    pb_str op = p->op ? aws_op_name(p->sim->model, p->op) : PB_STR("?");
    return state_count(p->sim->state, p->info.name.n ? p->info.name : PB_STR("?"), op,
                       p->call.changed && !p->call.failed, p->call.failed);
}

/* ---- the answer ---- */

static void plain_answer(sim_answer *out, int status, const char *text) {
    *out = (sim_answer){.status = status, .body = pb_str_c(text)};
}

static bool write_answer(passage *p, pb_value output) {
    const sim_call *c = &p->call;
    return aws_response_write(c->arena, p->sim->model, p->number, p->op, output, c->failed ? &c->err : NULL,
                              p->request_id, &p->response);
}

/* An output that can't be written makes the call a failed one. */
static void answer(passage *p, pb_value output, sim_answer *out) {
    sim_call *c = &p->call;
    special is = special_of(p);
    if (is == S_CLOSE || is == S_GARBAGE) {
        plain_answer(out, is == S_CLOSE ? 0 : 200, "\x01 this is no answer <of> {any protocol");
        return;
    }
    if (!p->number) service_set(p, by_name(p, "sts")); /* an unknown service is refused in the commonest protocol */
    bool ok = write_answer(p, output);
    if (!ok && !c->failed) {
        sim_fail(c, 500, "InternalError", "the answer does not fit the operation's output");
        ok = write_answer(p, PB_NONE_VALUE);
    }
    const aws_response *r = &p->response;
    *out = (sim_answer){.status = r->status, .headers = r->headers, .nheaders = r->nheaders, .body = r->body};
    if (ok && !c->failed && c->status) out->status = c->status;
    if (!ok) plain_answer(out, 500, "internal error\n");
    if (is == S_LOST) out->status = 0;
    out->half = is == S_HALF;
}

/* The answer is written before the state is: what can't be answered has not happened. */
static void transact(passage *p, const aws_incoming *as_sent, sigv4_problem problem, sim_answer *out) {
    static const char unwritten[] = "the state could not be written\n";
    sim_state *s = p->sim->state;
    if (!state_begin(s)) {
        plain_answer(out, 500, unwritten);
        return;
    }
    p->request_id = sim_uuid(&p->call, "request");
    pb_value output = in_transaction(p, as_sent, problem);
    if (pb_arena_failed(p->call.arena))
        sim_fail(&p->call, 500, "InternalError", "the request needs more memory than is allowed");
    answer(p, output, out);
    if (p->call.failed) {
        state_rollback(s);
        if (!state_begin(s)) return;
        state_next(s, PB_STR("id/request")); /* the id has been given out */
    }
    if (p->op && p->call.row && !pb_arena_failed(p->call.arena)) trail_record(&p->call, &p->info, p->op, p->request_id);
    if (count_call(p) && state_commit(s)) return;
    state_rollback(s);
    if (!p->call.failed) plain_answer(out, 500, unwritten);
}

/* Whole seconds: AWS's resources and tokens have no finer times. */
static int64_t wall_ms(void) { return pb_loop_wall_ms() / 1000 * 1000; }

pb_value sim_do(sim *s, pb_arena *a, const char *service, const char *operation, pb_value input) {
    static const aws_incoming none = {0};
    passage p = {.sim = s};
    p.call = (sim_call){.sim = s,
                        .state = s->state,
                        .arena = a,
                        .account = s->account,
                        .region = s->region,
                        .partition = aws_partition(s->model, s->region),
                        .now = wall_ms(),
                        .http = &none,
                        .in = input};
    service_set(&p, by_name(&p, service));
    p.call.service = service;
    p.call.row = p.service ? row_of(p.service, pb_str_c(operation)) : NULL;
    p.op = aws_op_find(s->model, p.number, pb_str_c(operation));
    caller_is_root(&p);
    if (!p.call.row || !state_begin(s->state)) return PB_NONE_VALUE;
    pb_value out = perform(&p);
    bool ok = !p.call.failed && !pb_arena_failed(a) && state_commit(s->state);
    if (!ok) state_rollback(s->state);
    return !ok ? PB_NONE_VALUE : is_set(out) ? out : pb_bool(true);
}

static void log_call(const passage *p, const sim_answer *out) {
    if (!p->sim->log) return;
    pb_str op = p->op ? aws_op_name(p->sim->model, p->op) : PB_STR("?");
    fprintf(stderr, "%.*s.%.*s %s%.*s %d%s%.*s\n", PB_ARG(p->info.name), PB_ARG(op), p->call.region.n ? "" : "-",
            PB_ARG(p->call.region), out->status, p->call.failed ? " " : "", PB_ARG(p->call.err.code));
}

void sim_answer_request(sim *s, pb_arena *a, const aws_incoming *in, sim_answer *out) {
    if (trouble_control(s, a, in, out)) return;
    passage p = {.sim = s, .in = *in};
    p.call =
        (sim_call){.sim = s, .state = s->state, .arena = a, .account = s->account, .now = wall_ms(), .http = &p.in};
    sigv4_request r = signed_request(in);
    sigv4_problem problem = sigv4_parse_authorization(a, &r, &p.claim);
    p.call.region = problem == SIGV4_OK ? p.claim.region : s->region;
    p.call.partition = aws_partition(s->model, p.call.region);
    if (!p.call.partition.n) p.call.partition = PB_STR("aws");
    if (problem == SIGV4_OK)
        service_by_signature(&p);
    else
        service_by_looks(&p);
    if (pb_str_is(p.info.name, "s3") && !s3_route(a, &p.in))
        plain_answer(out, 500, "internal error\n");
    else
        transact(&p, in, problem, out);
    out->delay_ms = p.delay_ms;
    log_call(&p, out);
}
