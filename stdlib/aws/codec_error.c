/*
 * codec_error.c - errors in every protocol's envelope, read and written.
 *
 *   ec2         <Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>
 *   query       <ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>; s3control and
 * others alike s3          <Error><Code/><Message/><RequestId/><HostId/></Error>; no body after HEAD json {"__type":
 * "namespace#Code", "message": ".."}; header x-amzn-query-error where a service once spoke query rest-json   header
 * x-amzn-ErrorType: Code:http://.., else "code", else "__type"
 *
 * What is no envelope (a proxy's HTML, nothing at all) gets a code made of the status: "ServiceUnavailable" for 503.
 */
#include "stdlib/aws/wire.h"

#include <stdio.h>

typedef struct status_name {
    int status;
    const char *code;
} status_name;

const char *error_status_code(int status) {
    static const status_name names[] = {
        {301, "PermanentRedirect"},
        {302, "Found"},
        {304, "NotModified"},
        {307, "TemporaryRedirect"},
        {400, "BadRequest"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "NotFound"},
        {405, "MethodNotAllowed"},
        {408, "RequestTimeout"},
        {409, "Conflict"},
        {411, "LengthRequired"},
        {412, "PreconditionFailed"},
        {413, "RequestEntityTooLarge"},
        {416, "RequestedRangeNotSatisfiable"},
        {429, "TooManyRequests"},
        {500, "InternalServerError"},
        {501, "NotImplemented"},
        {502, "BadGateway"},
        {503, "ServiceUnavailable"},
        {504, "GatewayTimeout"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].status == status) return names[i].code;
    return NULL;
}

/* ---- reading ---- */

typedef struct found_error {
    pb_str code, message, request_id;
} found_error;

/* "com.aws.x#Code:http://y" -> "Code" */
static pb_str bare_code(pb_str s) {
    for (uint32_t i = s.n; i-- > 0;)
        if (s.s[i] == ':' && i > 0) s.n = i;
    for (uint32_t i = s.n; i-- > 0;)
        if (s.s[i] == '#') return text_trim((pb_str){s.s + i + 1, s.n - i - 1});
    return text_trim(s);
}

static pb_str child_text(const xml_node *n, const char *name) {
    const xml_node *k = xml_child(n, name);
    return k ? text_trim(k->text) : (pb_str){"", 0};
}

static bool read_xml(codec *c, pb_str body, found_error *e) {
    xml_node *root;
    if (!xml_parse(c, body, &root)) return false;
    const xml_node *error = root, *errors = xml_child(root, "Errors");
    if (errors)
        error = xml_child(errors, "Error");
    else if (!pb_str_is(root->name, "Error"))
        error = xml_child(root, "Error");
    if (!error) error = root;
    e->code = child_text(error, "Code");
    e->message = child_text(error, "Message");
    const char *const ids[] = {"RequestId", "RequestID", "requestId"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids && !e->request_id.n; i++) e->request_id = child_text(root, ids[i]);
    if (!e->request_id.n) e->request_id = child_text(xml_child(root, "ResponseMetadata"), "RequestId");
    if (!e->request_id.n) e->request_id = child_text(error, "RequestId");
    return e->code.n > 0;
}

static pb_str text_member(pb_value json, const char *name) {
    pb_value v = pb_get_c(json, name);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){NULL, 0};
}

static pb_str query_error(const pb_header *h, uint32_t n) {
    pb_str s = headers_get(h, n, "x-amzn-query-error");
    const char *semi = s.n ? memchr(s.s, ';', s.n) : NULL;
    return semi ? (pb_str){s.s, (uint32_t)(semi - s.s)} : (pb_str){NULL, 0};
}

static bool read_json(codec *c, const pb_header *h, uint32_t n, pb_str body, found_error *e) {
    pb_value json;
    pb_str type = headers_get(h, n, "x-amzn-errortype"), legacy = query_error(h, n);
    bool rest = c->service->protocol == AWS_REST_JSON;
    if (!json_parse(c, body, &json)) json = PB_NONE_VALUE;
    pb_str code = legacy;
    if (!code.n) code = type;
    if (!code.n && rest) code = text_member(json, "code");
    if (!code.n && rest) code = text_member(json, "Code");
    if (!code.n) code = text_member(json, "__type");
    if (!code.n) code = text_member(json, "code");
    e->code = bare_code(code);
    e->message = text_member(json, "message");
    if (!e->message.s) e->message = text_member(json, "Message");
    if (!e->message.s) e->message = text_member(json, "errorMessage");
    return e->code.n > 0;
}

/* A body that is no envelope, shortened and only if it can be read by people. */
static pb_str plain_message(pb_str body, int status) {
    pb_str s = text_trim(body);
    const char *name = error_status_code(status);
    if (s.n && s.s[0] != '<' && s.s[0] != '{' && pb_utf8_valid(s.s, s.n)) {
        if (s.n > WIRE_MAX_MESSAGE) s.n = WIRE_MAX_MESSAGE;
        while (s.n && !pb_utf8_valid(s.s, s.n)) s.n--;
        return s;
    }
    return pb_str_c(name ? name : "");
}

static bool keep(codec *c, pb_str s, pb_str *out) {
    *out = text_utf8(c->a, s);
    return out->s || codec_oom(c);
}

/* Fills c->err from an answer; always false, so that callers can return it. */
bool error_read(codec *c, int status, const pb_header *headers, uint32_t n, pb_str body) {
    aws_protocol p = (aws_protocol)c->service->protocol;
    aws_error scratch = {0}, *real = c->err;
    found_error e = {{"", 0}, {NULL, 0}, {"", 0}};
    c->err = &scratch; /* a body that cannot be parsed is no error of its own here */
    bool json = p == AWS_JSON || p == AWS_REST_JSON;
    bool found = json ? read_json(c, headers, n, body, &e) : body.n && read_xml(c, body, &e);
    c->err = real;
    if (pb_arena_failed(c->a)) return codec_oom(c);
    if (!found) {
        const char *name = error_status_code(status);
        e.code = name ? pb_str_c(name) : pb_printf(c->a, "HTTP%d", status);
    }
    if (!e.message.s || (!found && !e.message.n)) e.message = found ? (pb_str){"", 0} : plain_message(body, status);
    pb_str id = headers_get(headers, n, "x-amzn-requestid");
    if (!id.s) id = headers_get(headers, n, "x-amz-request-id");
    real->status = status;
    if (keep(c, e.code, &real->code) && keep(c, e.message, &real->message))
        keep(c, id.s ? id : e.request_id, &real->request_id);
    return false;
}

/* ---- writing ---- */

/* The model's status for a code of this operation, else the caller's, else 400. */
static int status_of(const codec *c, const aws_error *e, bool *sender, pb_str *legacy) {
    int status = e->status;
    *sender = status < 500;
    *legacy = (pb_str){NULL, 0};
    for (uint32_t i = 0; c->op && i < c->op->nerrors; i++) {
        const uint32_t *shape = tab_at(c->m, TAB_OP_ERRORS, c->op->first_error + i, sizeof *shape);
        const tab_shape *s = tab_shape_at(c->m, *shape);
        const tab_error *t = tab_error_at(c->m, s->detail);
        pb_str code = tab_str(c->m, t->code), name = tab_str(c->m, s->name);
        if (!pb_str_eq(code, e->code) && !pb_str_eq(name, e->code)) continue;
        if (!status) status = t->status;
        if (t->sender) *sender = true;
        *legacy = code;
    }
    return status ? status : 400;
}

static void put_element(pb_buf *b, const char *name, pb_str text) {
    xml_open(b, pb_str_c(name), (pb_str){"", 0});
    xml_escape(b, text);
    xml_close(b, pb_str_c(name));
}

static void put_json_string(pb_buf *b, pb_arena *a, const char *key, pb_str s) {
    pb_str t = pb_json_text(a, pb_string(s));
    pb_buf_printf(b, "\"%s\":", key);
    if (t.s)
        pb_buf_add(b, t.s, t.n);
    else
        b->oom = true;
}

static void write_ec2(pb_buf *b, const aws_error *e, pb_str id) {
    pb_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
    put_element(b, "Code", e->code);
    put_element(b, "Message", e->message);
    pb_buf_puts(b, "</Error></Errors>");
    put_element(b, "RequestID", id);
    pb_buf_puts(b, "</Response>");
}

static void write_query(codec *c, pb_buf *b, const aws_error *e, pb_str id, bool sender) {
    xml_open(b, PB_STR("ErrorResponse"), tab_str(c->m, c->service->xml_namespace));
    pb_buf_puts(b, "<Error>");
    put_element(b, "Type", sender ? PB_STR("Sender") : PB_STR("Receiver"));
    put_element(b, "Code", e->code);
    put_element(b, "Message", e->message);
    pb_buf_puts(b, "</Error>");
    put_element(b, "RequestId", id);
    pb_buf_puts(b, "</ErrorResponse>");
}

static void write_s3(pb_buf *b, const aws_error *e, pb_str id) {
    pb_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    put_element(b, "Code", e->code);
    put_element(b, "Message", e->message);
    put_element(b, "RequestId", id);
    put_element(b, "HostId", id);
    pb_buf_puts(b, "</Error>");
}

static bool write_json(codec *c, pb_buf *b, const aws_error *e, wire_headers *h, bool sender, pb_str legacy) {
    bool rest = c->service->protocol == AWS_REST_JSON;
    pb_buf_putc(b, '{');
    if (!rest) {
        put_json_string(b, c->a, "__type", e->code);
        pb_buf_putc(b, ',');
    }
    put_json_string(b, c->a, "message", e->message);
    pb_buf_putc(b, '}');
    if (rest) return headers_add(c, h, PB_STR("x-amzn-ErrorType"), e->code);
    if (!(c->service->flags & TAB_V_QUERY_COMPATIBLE)) return true;
    pb_str v = pb_printf(c->a, "%.*s;%s", PB_ARG(legacy.s ? legacy : e->code), sender ? "Sender" : "Receiver");
    return v.s ? headers_add(c, h, PB_STR("x-amzn-query-error"), v) : codec_oom(c);
}

bool error_write(codec *c, const aws_error *e, pb_str request_id, aws_response *out, wire_headers *h) {
    pb_buf b = {0};
    bool sender, ok = true, is_s3 = pb_str_is(tab_str(c->m, c->service->name), "s3");
    pb_str legacy;
    out->status = status_of(c, e, &sender, &legacy);
    switch ((aws_protocol)c->service->protocol) {
    case AWS_EC2: write_ec2(&b, e, request_id); break;
    case AWS_QUERY: write_query(c, &b, e, request_id, sender); break;
    case AWS_REST_XML:
        if (is_s3)
            write_s3(&b, e, request_id);
        else
            write_query(c, &b, e, request_id, sender);
        break;
    default: ok = write_json(c, &b, e, h, sender, legacy); break;
    }
    bool head = c->op && c->op->method == TAB_HEAD;
    if (head) b.len = 0;
    ok = ok && codec_take(c, &b, &out->body);
    pb_buf_free(&b);
    return ok;
}
