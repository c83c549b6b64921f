/*
 * codec.c - the codec's four doors (codec.h): write a request, read an answer, and the same from the other end.
 *
 * Each sets up a `codec` for its one message, runs what is the same for all protocols (defaults, checks,
 * customisations, errors) and hands the rest to the protocol's own part; wire.h has the map. Nothing is kept between
 * messages.
 */
#include "stdlib/aws/wire.h"

#include <stdio.h>

/* ---- errors ---- */

bool codec_fail(codec *c, const char *code, const char *fmt, ...) {
    va_list ap;
    if (c->err->code.n) return false;
    va_start(ap, fmt);
    pb_str message = pb_vprintf(c->a, fmt, ap);
    va_end(ap);
    c->err->code = pb_str_c(code);
    c->err->message = message.s ? message : PB_STR("out of memory");
    c->err->request_id = (pb_str){"", 0};
    return false;
}

bool codec_oom(codec *c) {
    if (!c->err->code.n) *c->err = (aws_error){PB_STR("OutOfMemory"), PB_STR("out of memory"), {"", 0}, c->err->status};
    return false;
}

static void put_path(pb_buf *b, const wire_path *at, unsigned depth) {
    if (at->up && depth < WIRE_MAX_DEPTH) put_path(b, at->up, depth + 1);
    if (!at->name.s) {
        pb_buf_printf(b, "[%u]", at->index);
        return;
    }
    if (b->len) pb_buf_putc(b, '.');
    pb_buf_add(b, at->name.s, at->name.n);
}

pb_str wire_path_text(pb_arena *a, const wire_path *at) {
    pb_buf b = {0};
    if (!at) return PB_STR("input");
    put_path(&b, at, 0);
    pb_str out = b.oom ? (pb_str){NULL, 0} : pb_strdup(a, b.data ? b.data : "", b.len);
    pb_buf_free(&b);
    return out.s ? out : (pb_str){"", 0};
}

bool codec_wrong(codec *c, const wire_path *at, const char *fmt, ...) {
    va_list ap;
    if (c->err->code.n) return false;
    va_start(ap, fmt);
    pb_str what = pb_vprintf(c->a, fmt, ap);
    va_end(ap);
    if (!what.s) return codec_oom(c);
    pb_str where =
        at ? wire_path_text(c->a, at) : pb_str_c(strcmp(c->bad, "InvalidResponse") == 0 ? "answer" : "input");
    return codec_fail(c, c->bad, "%.*s: %.*s", PB_ARG(where), PB_ARG(what));
}

bool codec_take(codec *c, pb_buf *b, pb_str *out) {
    bool fits = !b->oom && b->len < UINT32_MAX;
    *out = fits ? pb_strdup(c->a, b->data ? b->data : "", b->len) : (pb_str){NULL, 0};
    pb_buf_free(b);
    *b = (pb_buf){0};
    return out->s || codec_oom(c);
}

static codec begin(pb_arena *a, const aws_model *m, aws_service service, aws_op op, aws_error *err, const char *bad) {
    *err = (aws_error){{"", 0}, {"", 0}, {"", 0}, 0};
    const tab_op *t = tab_op_at(m, op);
    return (codec){.a = a,
                   .m = m,
                   .service = tab_service_at(m, service ? service : t->service),
                   .op = op ? t : NULL,
                   .err = err,
                   .bad = bad};
}

/* Does a structure carry an event stream? */
static bool streams_events(const aws_model *m, uint32_t ref) {
    const tab_shape *s = tab_ref_shape(m, tab_ref_at(m, ref));
    for (uint32_t i = 0; ref && i < s->n; i++)
        if (tab_ref_shape(m, tab_member(m, s, i))->flags & TAB_S_EVENTSTREAM) return true;
    return false;
}

/* ---- client: request ---- */

static bool valid_host_label(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-'))
            return false;
    }
    return s.n > 0 && s.n < 64;
}

/* "{AccountId}." with its labels filled in. */
static bool write_host_prefix(codec *c, pb_value input, pb_str *out) {
    pb_str t = tab_str(c->m, c->op->host_prefix);
    pb_buf b = {0};
    for (uint32_t i = 0; i < t.n;) {
        const char *close = t.s[i] == '{' ? memchr(t.s + i, '}', t.n - i) : NULL;
        if (!close) {
            pb_buf_putc(&b, t.s[i++]);
            continue;
        }
        pb_str name = {t.s + i + 1, (uint32_t)(close - t.s) - i - 1};
        pb_value v = pb_get(input, name);
        if (v.kind != PB_STRING || !valid_host_label(pb_text(v))) {
            wire_path at = {NULL, name, 0};
            pb_buf_free(&b);
            return codec_wrong(c, &at,
                               "becomes part of the host's name: letters, digits and dashes only, 1 to 63 of them");
        }
        pb_buf_add(&b, v.u.s, v.n);
        i += name.n + 2;
    }
    return codec_take(c, &b, out);
}

static bool write_form_request(codec *c, pb_value input, aws_request *out, wire_headers *h) {
    pb_buf b = {0};
    bool ok = query_write(c, input, &b) &&
              headers_add_c(c, h, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    ok = ok && codec_take(c, &b, &out->body);
    pb_buf_free(&b);
    return ok;
}

static bool write_json_request(codec *c, pb_value input, aws_request *out, wire_headers *h) {
    const tab_shape *s = tab_ref_shape(c->m, tab_ref_at(c->m, c->op->input));
    pb_str target = pb_printf(c->a, "%.*s.%.*s", PB_ARG(tab_str(c->m, c->service->target_prefix)),
                              PB_ARG(tab_str(c->m, c->op->name)));
    pb_str type = pb_printf(c->a, "application/x-amz-json-%.*s", PB_ARG(tab_str(c->m, c->service->json_version)));
    pb_buf b = {0};
    if (!target.s || !type.s) return codec_oom(c);
    bool ok = json_write_members(c, &b, s, input, false, NULL, 0);
    ok = ok && headers_add(c, h, PB_STR("X-Amz-Target"), target) && headers_add(c, h, PB_STR("Content-Type"), type);
    ok = ok && codec_take(c, &b, &out->body);
    pb_buf_free(&b);
    return ok;
}

static bool write_by_protocol(codec *c, pb_value input, aws_request *out, wire_headers *h) {
    out->path = PB_STR("/");
    out->query = out->body = (pb_str){"", 0};
    switch ((aws_protocol)c->service->protocol) {
    case AWS_QUERY:
    case AWS_EC2: return write_form_request(c, input, out, h);
    case AWS_JSON: return write_json_request(c, input, out, h);
    default: return rest_write_request(c, input, out, h);
    }
}

bool aws_request_write(pb_arena *a, const aws_model *m, aws_op op, pb_value input, aws_request *out, aws_error *err) {
    codec c = begin(a, m, 0, op, err, "ParamValidation");
    wire_headers h = {0};
    *out = (aws_request){.method = "POST"};
    if (!op || !c.op->service) return codec_fail(&c, c.bad, "no such operation");
    if (streams_events(m, c.op->input) || streams_events(m, c.op->output))
        return codec_fail(&c, c.bad, "%.*s works with event streams, which are not available in this version",
                          PB_ARG(aws_op_name(m, op)));
    if (input.kind == PB_NONE) input = (pb_value){PB_MAP, 0, {0}};
    if (input.kind == PB_MAP && !custom_input(&c, &input)) return false;
    if (c.op->input && !validate_value(&c, tab_ref_at(m, c.op->input), input, NULL, CHECK_REQUIRED | CHECK_LIMITS))
        return false;
    if (!c.op->input && (input.kind != PB_MAP || input.n))
        return codec_wrong(&c, NULL, "the operation takes no members");
    out->method = tab_method_name(c.op->method);
    if (!write_by_protocol(&c, input, out, &h) || !custom_headers(&c, input, out->body, &h)) return false;
    if (!write_host_prefix(&c, input, &out->host_prefix)) return false;
    out->headers = h.items;
    out->nheaders = h.n;
    return true;
}

/* ---- client: answer ---- */

/* <OpResponse>..<OpResult>: the element that holds the output's members. */
static bool read_xml_answer(codec *c, pb_str body, pb_value *out, pb_str *request_id) {
    const tab_ref *o = tab_ref_at(c->m, c->op->output);
    pb_str wrapper = tab_str(c->m, c->op->wrapper);
    xml_node *root;
    pb_map_builder b = {.arena = c->a};
    if (!xml_parse(c, body, &root)) return false;
    const xml_node *start = root;
    if (text_is(root->name, "html", true))
        return codec_fail(c, c->bad, "the answer is a web page, not an answer of AWS");
    if (wrapper.n) {
        for (start = root->child; start && !pb_str_eq(start->name, wrapper);) start = start->next;
        if (!start) return codec_fail(c, c->bad, "the answer has no %.*s", PB_ARG(wrapper));
    }
    const xml_node *id = xml_child(xml_child(root, "ResponseMetadata"), "RequestId");
    if (!id) id = xml_child(root, "requestId");
    if (id && !request_id->n) *request_id = text_trim(id->text);
    if (c->op->output && !xml_read_members(c, tab_ref_shape(c->m, o), start, NULL, true, &b)) return false;
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

static bool read_json_answer(codec *c, pb_str body, pb_value *out) {
    pb_map_builder b = {.arena = c->a};
    pb_value json;
    *out = (pb_value){PB_MAP, 0, {0}};
    if (!json_parse(c, body, &json)) return false; /* also when nothing is expected: a proxy's web page is no success */
    if (!c->op->output) return true;
    if (json.kind != PB_MAP) return codec_fail(c, c->bad, "expected a JSON object");
    if (!json_read_members(c, tab_ref_shape(c->m, tab_ref_at(c->m, c->op->output)), json, NULL, &b)) return false;
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

static bool begins(pb_str s, const char *z) {
    uint32_t n = (uint32_t)strlen(z);
    return s.n >= n && text_is((pb_str){s.s, n}, z, true);
}

/* S3 may say 200, begin to send, and then fail: the body is an <Error>. AWS asks to treat it as a 500. */
static bool late_error(pb_str body) {
    body = text_trim(body);
    if (begins(body, "<?xml")) {
        const char *end = memchr(body.s, '>', body.n);
        if (!end) return false;
        body = text_trim((pb_str){end + 1, body.n - (uint32_t)(end - body.s) - 1});
    }
    return begins(body, "<Error>") || begins(body, "<Error ");
}

static bool raw_payload(const codec *c) {
    const tab_shape *s = tab_ref_shape(c->m, tab_ref_at(c->m, c->op->output));
    if (!c->op->output || !s->payload) return false;
    uint8_t kind = tab_ref_shape(c->m, tab_member(c->m, s, s->payload - 1u))->kind;
    return kind == SCHEMA_BLOB || kind == SCHEMA_STRING;
}

static bool read_rest_answer(codec *c, int status, const pb_header *headers, uint32_t nheaders, pb_str body,
                             pb_value *out) {
    bool xml = c->service->protocol == AWS_REST_XML;
    if (!raw_payload(c)) {
        pb_str start = text_trim(body);
        if (xml && late_error(body)) return error_read(c, 500, headers, nheaders, body);
        if (begins(start, "<html") || begins(start, "<!doctype"))
            return codec_fail(c, c->bad, "the answer is a web page, not an answer of AWS");
    }
    return rest_read_response(c, status, headers, nheaders, body, out);
}

static bool read_response(codec *c, int status, const pb_header *headers, uint32_t nheaders, pb_str body, pb_value *out,
                          pb_str *request_id) {
    enum { FIRST_ERROR = 301 }; /* as botocore has it */
    if (!c->op || !c->op->service) return codec_fail(c, c->bad, "no such operation");
    if (status >= FIRST_ERROR) {
        error_read(c, status, headers, nheaders, body);
        *request_id = c->err->request_id;
        return false;
    }
    pb_str id = headers_get(headers, nheaders, "x-amzn-requestid");
    if (!id.s) id = headers_get(headers, nheaders, "x-amz-request-id");
    if (id.s) *request_id = text_utf8(c->a, id);
    if (!request_id->s) return codec_oom(c);
    bool ok = false;
    switch ((aws_protocol)c->service->protocol) {
    case AWS_QUERY:
    case AWS_EC2: ok = read_xml_answer(c, body, out, request_id); break;
    case AWS_JSON: ok = read_json_answer(c, body, out); break;
    default: ok = read_rest_answer(c, status, headers, nheaders, body, out); break;
    }
    ok = ok && custom_output(c, body, out);
    if (!ok && !c->err->request_id.n) c->err->request_id = *request_id;
    return ok;
}

bool aws_response_read(pb_arena *a, const aws_model *m, aws_op op, int status, const pb_header *headers,
                       uint32_t nheaders, pb_str body, pb_value *out, pb_str *request_id, aws_error *err) {
    codec c = begin(a, m, 0, op, err, "InvalidResponse");
    *out = PB_NONE_VALUE;
    *request_id = (pb_str){"", 0};
    err->status = status;
    bool ok = read_response(&c, status, headers, nheaders, body, out, request_id);
    pb_arena_free(c.tree);
    return ok;
}

/* ---- server: request ---- */

/* The codes AWS uses for an input that does not fit. */
static const char *bad_input_code(const tab_service *s, const aws_model *m) {
    switch ((aws_protocol)s->protocol) {
    case AWS_EC2: return "InvalidParameterValue";
    case AWS_QUERY: return pb_str_is(tab_str(m, s->name), "sns") ? "InvalidParameter" : "ValidationError";
    case AWS_REST_XML: return "InvalidRequest";
    case AWS_REST_JSON:
        return pb_str_is(tab_str(m, s->name), "guardduty") ? "BadRequestException" : "ValidationException";
    default: return "ValidationException";
    }
}

static bool route_form(codec *c, const aws_incoming *in, form *f, aws_op *op) {
    bool found;
    if (!form_parse(c, in->body.n ? in->body : in->query, f)) return false;
    pb_str action = form_get(f, PB_STR("Action"), &found);
    if (!found) return codec_fail(c, "MissingAction", "Could not find operation in the request");
    *op = aws_op_find(c->m, (aws_service)(c->service - tab_service_at(c->m, 0)), action);
    return *op || codec_fail(c, "InvalidAction", "The action %.*s is not valid for this web service.", PB_ARG(action));
}

static bool route_target(codec *c, const aws_incoming *in, aws_op *op) {
    pb_str target = headers_get(in->headers, in->nheaders, "x-amz-target"),
           prefix = tab_str(c->m, c->service->target_prefix);
    bool fits = target.n > prefix.n + 1 && memcmp(target.s, prefix.s, prefix.n) == 0 && target.s[prefix.n] == '.';
    pb_str name = fits ? (pb_str){target.s + prefix.n + 1, target.n - prefix.n - 1} : (pb_str){"", 0};
    *op = aws_op_find(c->m, (aws_service)(c->service - tab_service_at(c->m, 0)), name);
    target = text_utf8(c->a, target);
    return *op || codec_fail(c, "UnknownOperationException", "%.*s is no operation of this service", PB_ARG(target));
}

static bool read_json_request(codec *c, const aws_incoming *in, pb_value *input) {
    pb_map_builder b = {.arena = c->a};
    pb_value json;
    c->bad = "SerializationException";
    if (!json_parse(c, in->body, &json)) return false;
    if (json.kind != PB_MAP) return codec_fail(c, c->bad, "expected a JSON object");
    if (c->op->input && !json_read_members(c, tab_ref_shape(c->m, tab_ref_at(c->m, c->op->input)), json, NULL, &b))
        return false;
    *input = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

static bool read_rest_input(codec *c, const aws_incoming *in, pb_value *input) {
    c->bad = c->service->protocol == AWS_REST_XML ? "MalformedXML" : "SerializationException";
    return rest_read_request(c, in, input);
}

/* The first required member that is missing, the way AWS says it. */
static bool check_required(codec *c, pb_value input) {
    const tab_shape *s = tab_ref_shape(c->m, tab_ref_at(c->m, c->op->input));
    for (uint32_t i = 0; c->op->input && i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        pb_str name = tab_str(c->m, r->name);
        if (!(r->flags & TAB_R_REQUIRED) || pb_get(input, name).kind != PB_NONE) continue;
        if (c->service->protocol == AWS_EC2 || c->service->protocol == AWS_QUERY)
            return codec_fail(c, "MissingParameter", "The request must contain the parameter %.*s", PB_ARG(name));
        return codec_wrong(c, NULL, "%.*s is required", PB_ARG(name));
    }
    return true;
}

static bool read_request(codec *c, const aws_incoming *in, aws_op *op, pb_value *input) {
    const aws_model *m = c->m;
    form f = {0};
    if (c->service == tab_service_at(m, 0)) return codec_fail(c, "UnknownService", "no such service");
    bool form_body = c->service->protocol == AWS_QUERY || c->service->protocol == AWS_EC2;
    if (form_body) {
        if (!route_form(c, in, &f, op)) return false;
    } else if (c->service->protocol == AWS_JSON) {
        if (!route_target(c, in, op)) return false;
    } else if (!(*op = rest_route(c, in))) {
        c->err->status = 404;
        return codec_fail(c, "UnknownOperationException", "no operation of this service has this method and path");
    }
    c->op = tab_op_at(m, *op);
    c->bad = bad_input_code(c->service, m);
    bool ok = form_body                          ? query_read(c, &f, input)
              : c->service->protocol == AWS_JSON ? read_json_request(c, in, input)
                                                 : read_rest_input(c, in, input);
    if (!ok || !custom_server_input(c, input)) return false;
    c->bad = bad_input_code(c->service, m);
    if (!check_required(c, *input)) return false;
    return !c->op->input || validate_value(c, tab_ref_at(m, c->op->input), *input, NULL,
                                           CHECK_REQUIRED | CHECK_LIMITS | CHECK_WHOLE_PATTERN);
}

bool aws_request_read(pb_arena *a, const aws_model *m, aws_service service, const aws_incoming *in, aws_op *op,
                      pb_value *input, aws_error *err) {
    codec c = begin(a, m, service, 0, err, "InvalidRequest");
    *op = 0;
    *input = (pb_value){PB_MAP, 0, {0}};
    c.server = true;
    err->status = 400;
    bool ok = read_request(&c, in, op, input);
    pb_arena_free(c.tree);
    return ok;
}

/* ---- server: answer ---- */

static bool write_xml_answer(codec *c, pb_value output, pb_str request_id, pb_buf *b) {
    pb_str root = pb_printf(c->a, "%.*sResponse", PB_ARG(tab_str(c->m, c->op->name))),
           wrapper = tab_str(c->m, c->op->wrapper);
    pb_str ns = tab_str(c->m, c->service->xml_namespace);
    bool ec2 = c->service->protocol == AWS_EC2;
    if (!root.s) return codec_oom(c);
    pb_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml_open(b, root, ns);
    if (wrapper.n) xml_open(b, wrapper, (pb_str){"", 0});
    if (ec2) {
        xml_open(b, PB_STR("requestId"), (pb_str){"", 0});
        xml_escape(b, request_id);
        xml_close(b, PB_STR("requestId"));
    }
    if (c->op->output &&
        !xml_write_members(c, b, tab_ref_shape(c->m, tab_ref_at(c->m, c->op->output)), output, true, 0))
        return false;
    if (wrapper.n) xml_close(b, wrapper);
    if (!ec2) {
        pb_buf_puts(b, "<ResponseMetadata><RequestId>");
        xml_escape(b, request_id);
        pb_buf_puts(b, "</RequestId></ResponseMetadata>");
    }
    xml_close(b, root);
    return true;
}

static bool write_json_answer(codec *c, pb_value output, pb_buf *b) {
    if (!c->op->output) return true;
    return json_write_members(c, b, tab_ref_shape(c->m, tab_ref_at(c->m, c->op->output)), output, false, NULL, 0);
}

static bool type_header(codec *c, wire_headers *h) {
    pb_str type;
    switch ((aws_protocol)c->service->protocol) {
    case AWS_JSON:
        type = pb_printf(c->a, "application/x-amz-json-%.*s", PB_ARG(tab_str(c->m, c->service->json_version)));
        return type.s ? headers_add(c, h, PB_STR("Content-Type"), type) : codec_oom(c);
    case AWS_REST_JSON: return headers_add(c, h, PB_STR("Content-Type"), PB_STR("application/json"));
    case AWS_REST_XML: return headers_add(c, h, PB_STR("Content-Type"), PB_STR("application/xml"));
    default: return headers_add(c, h, PB_STR("Content-Type"), PB_STR("text/xml;charset=UTF-8"));
    }
}

static bool write_output(codec *c, pb_value output, pb_str request_id, aws_response *out, wire_headers *h) {
    pb_buf body = {0};
    bool done = false, rest = c->service->protocol == AWS_REST_JSON || c->service->protocol == AWS_REST_XML;
    if (output.kind == PB_NONE) output = (pb_value){PB_MAP, 0, {0}};
    if (c->op->output && !validate_value(c, tab_ref_at(c->m, c->op->output), output, NULL, 0)) return false;
    out->status = c->op->status ? c->op->status : 200;
    bool ok = custom_server_output(c, &output, &body, &done);
    if (ok && done)
        ok = type_header(c, h);
    else if (ok && rest)
        ok = rest_write_response(c, output, out, h);
    else if (ok && c->service->protocol == AWS_JSON)
        ok = type_header(c, h) && write_json_answer(c, output, &body);
    else if (ok)
        ok = type_header(c, h) && write_xml_answer(c, output, request_id, &body);
    if (ok && (done || !rest)) ok = codec_take(c, &body, &out->body);
    pb_buf_free(&body);
    return ok;
}

bool aws_response_write(pb_arena *a, const aws_model *m, aws_service service, aws_op op, pb_value output,
                        const aws_error *err, pb_str request_id, aws_response *out) {
    aws_error why;
    codec c = begin(a, m, service, op, &why, "InvalidOutput");
    wire_headers h = {0};
    c.server = true;
    *out = (aws_response){.status = 500, .body = {"", 0}};
    bool s3 = pb_str_is(tab_str(m, c.service->signing_name), "s3");
    bool ok = headers_add(&c, &h, s3 ? PB_STR("x-amz-request-id") : PB_STR("x-amzn-RequestId"), request_id);
    if (ok && s3) ok = headers_add(&c, &h, PB_STR("x-amz-id-2"), request_id);
    if (ok && (err || !c.op)) {
        static const aws_error unknown = {{"InternalFailure", 15}, {"no operation", 12}, {"", 0}, 500};
        ok = type_header(&c, &h) && error_write(&c, err ? err : &unknown, request_id, out, &h);
    } else if (ok) {
        ok = write_output(&c, output, request_id, out, &h);
    }
    out->headers = h.items;
    out->nheaders = h.n;
    return ok;
}
