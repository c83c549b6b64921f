/*
 * codec_driver.c - cases of the codec in C, and with --serve the codec as a program for tests/aws/test_codec.py: one
 * JSON object a line in, one out. Times are {"$time": ms} and bytes {"$bytes": base64} in both directions.
 */
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "stdlib/aws/codec.h"

/* ---- values with tags ---- */

static pb_value untag(pb_arena *a, pb_value v) {
    if (v.kind == PB_LIST) {
        pb_value *items, list = pb_list_new(a, v.n, &items);
        for (uint32_t i = 0; i < v.n; i++) items[i] = untag(a, v.u.items[i]);
        return list;
    }
    if (v.kind != PB_MAP) return v;
    if (v.n == 1 && pb_str_is(v.u.entries[0].key, "$time")) return pb_time(v.u.entries[0].value.u.i);
    if (v.n == 1 && pb_str_is(v.u.entries[0].key, "$bytes")) {
        pb_str data = {"", 0};
        pb_base64_decode(a, pb_text(v.u.entries[0].value), &data);
        return (pb_value){PB_BYTES, data.n, {.s = data.s}};
    }
    pb_map_builder b = {.arena = a};
    for (uint32_t i = 0; i < v.n; i++) pb_map_add(&b, v.u.entries[i].key, untag(a, v.u.entries[i].value));
    return pb_map_done(&b);
}

static pb_value one(pb_arena *a, const char *key, pb_value v) {
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, pb_str_c(key), v);
    return pb_map_done(&b);
}

static pb_value bytes_text(pb_arena *a, pb_str s) { return pb_string(pb_base64(a, s.s ? s.s : "", s.n)); }

static pb_value tag(pb_arena *a, pb_value v) {
    if (v.kind == PB_TIME) return one(a, "$time", pb_int(v.u.i));
    if (v.kind == PB_BYTES) return one(a, "$bytes", bytes_text(a, pb_text(v)));
    if (v.kind == PB_LIST) {
        pb_value *items, list = pb_list_new(a, v.n, &items);
        for (uint32_t i = 0; i < v.n; i++) items[i] = tag(a, v.u.items[i]);
        return list;
    }
    if (v.kind != PB_MAP) return v;
    pb_map_builder b = {.arena = a};
    for (uint32_t i = 0; i < v.n; i++) pb_map_add(&b, v.u.entries[i].key, tag(a, v.u.entries[i].value));
    return pb_map_done(&b);
}

/* ---- headers and errors as JSON ---- */

static pb_value headers_value(pb_arena *a, const pb_header *h, uint32_t n) {
    pb_value *items, list = pb_list_new(a, n, &items);
    for (uint32_t i = 0; i < n; i++) {
        pb_value *pair;
        items[i] = pb_list_new(a, 2, &pair);
        pair[0] = pb_string(h[i].name);
        pair[1] = pb_string(h[i].value);
    }
    return list;
}

static const pb_header *headers_from(pb_arena *a, pb_value v) {
    pb_header *h = pb_alloc_array(a, v.n + 1, sizeof *h);
    for (uint32_t i = 0; i < v.n; i++)
        h[i] = (pb_header){pb_text(v.u.items[i].u.items[0]), pb_text(v.u.items[i].u.items[1])};
    return h;
}

static void put_error(pb_map_builder *b, const aws_error *e) {
    pb_map_add(b, PB_STR("ok"), pb_bool(false));
    pb_map_add(b, PB_STR("code"), pb_string(e->code));
    pb_map_add(b, PB_STR("message"), pb_string(e->message));
    pb_map_add(b, PB_STR("request_id"), pb_string(e->request_id));
    pb_map_add(b, PB_STR("status"), pb_int(e->status));
}

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static pb_str body_of(pb_arena *a, pb_value v) {
    pb_str out = {"", 0};
    pb_base64_decode(a, text_of(v, "body"), &out);
    return out;
}

/* ---- the commands ---- */

static void do_write(pb_arena *a, aws_op op, pb_value in, pb_map_builder *b) {
    aws_request r;
    aws_error e;
    if (!aws_request_write(a, aws_model_get(), op, untag(a, pb_get_c(in, "input")), &r, &e)) {
        put_error(b, &e);
        return;
    }
    pb_map_add(b, PB_STR("ok"), pb_bool(true));
    pb_map_add(b, PB_STR("method"), pb_string_c(r.method));
    pb_map_add(b, PB_STR("host_prefix"), pb_string(r.host_prefix));
    pb_map_add(b, PB_STR("path"), pb_string(r.path));
    pb_map_add(b, PB_STR("query"), pb_string(r.query));
    pb_map_add(b, PB_STR("headers"), headers_value(a, r.headers, r.nheaders));
    pb_map_add(b, PB_STR("body"), bytes_text(a, r.body));
}

static void do_read_answer(pb_arena *a, aws_op op, pb_value in, pb_map_builder *b) {
    aws_error e;
    pb_value out, h = pb_get_c(in, "headers");
    pb_str id;
    int status = (int)pb_get_c(in, "status").u.i;
    if (!aws_response_read(a, aws_model_get(), op, status, headers_from(a, h), h.n, body_of(a, in), &out, &id, &e)) {
        put_error(b, &e);
        return;
    }
    pb_map_add(b, PB_STR("ok"), pb_bool(true));
    pb_map_add(b, PB_STR("output"), tag(a, out));
    pb_map_add(b, PB_STR("request_id"), pb_string(id));
}

static void do_read_request(pb_arena *a, aws_service s, pb_value in, pb_map_builder *b) {
    aws_error e;
    pb_value input, h = pb_get_c(in, "headers");
    aws_op op;
    aws_incoming r = {text_of(in, "method"),
                      text_of(in, "path"),
                      text_of(in, "query"),
                      body_of(a, in),
                      PB_STR("localhost"),
                      headers_from(a, h),
                      h.n};
    bool ok = aws_request_read(a, aws_model_get(), s, &r, &op, &input, &e);
    if (ok) {
        pb_map_add(b, PB_STR("ok"), pb_bool(true));
        pb_map_add(b, PB_STR("input"), tag(a, input));
    } else {
        put_error(b, &e);
    }
    pb_map_add(b, PB_STR("op"), pb_string(aws_op_name(aws_model_get(), op)));
}

static void do_write_answer(pb_arena *a, aws_service s, aws_op op, pb_value in, pb_map_builder *b) {
    pb_value error = pb_get_c(in, "error");
    aws_error e = {text_of(error, "code"), text_of(error, "message"), {"", 0}, (int)pb_get_c(error, "status").u.i};
    aws_response r;
    bool ok = aws_response_write(a, aws_model_get(), s, op, untag(a, pb_get_c(in, "output")),
                                 error.kind == PB_MAP ? &e : NULL, text_of(in, "request_id"), &r);
    pb_map_add(b, PB_STR("ok"), pb_bool(ok));
    pb_map_add(b, PB_STR("status"), pb_int(r.status));
    pb_map_add(b, PB_STR("headers"), headers_value(a, r.headers, r.nheaders));
    pb_map_add(b, PB_STR("body"), bytes_text(a, r.body));
}

static aws_variant variant_of(pb_value in) {
    bool fips = pb_get_c(in, "fips").u.b, dual = pb_get_c(in, "dualstack").u.b; /* absent: none, all zero */
    return (aws_variant)((fips ? AWS_FIPS : AWS_ORDINARY) | (dual ? AWS_DUALSTACK : AWS_ORDINARY));
}

static void do_endpoint(pb_arena *a, aws_service s, pb_value in, pb_map_builder *b) {
    pb_str host = {"", 0}, region = {"", 0};
    pb_map_add(b, PB_STR("ok"),
               pb_bool(aws_endpoint(aws_model_get(), s, text_of(in, "region"), variant_of(in), a, &host, &region)));
    pb_map_add(b, PB_STR("host"), pb_string(host));
    pb_map_add(b, PB_STR("region"), pb_string(region));
    pb_map_add(b, PB_STR("partition"), pb_string(aws_partition(aws_model_get(), text_of(in, "region"))));
}

static void answer_line(pb_arena *a, pb_value in, pb_map_builder *b) {
    const aws_model *m = aws_model_get();
    pb_str what = text_of(in, "do");
    aws_service s = aws_service_find(m, text_of(in, "service"));
    aws_op op = aws_op_find(m, s, text_of(in, "op"));
    if (pb_str_is(what, "write"))
        do_write(a, op, in, b);
    else if (pb_str_is(what, "read_answer"))
        do_read_answer(a, op, in, b);
    else if (pb_str_is(what, "read_request"))
        do_read_request(a, s, in, b);
    else if (pb_str_is(what, "write_answer"))
        do_write_answer(a, s, op, in, b);
    else if (pb_str_is(what, "endpoint"))
        do_endpoint(a, s, in, b);
    else if (pb_str_is(what, "effect"))
        pb_map_add(b, PB_STR("effect"), pb_string_c(pb_effect_name(aws_op_effect(m, op))));
}

static int serve(void) {
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0) {
        pb_arena *a = pb_arena_new(0);
        pb_value in;
        pb_str why;
        pb_map_builder b = {.arena = a};
        if (pb_json_parse(a, line, (size_t)n, &in, &why))
            answer_line(a, in, &b);
        else
            pb_map_add(&b, PB_STR("driver_error"), pb_string(why));
        pb_str out = pb_json_text(a, pb_map_done(&b));
        if (out.s) fwrite(out.s, 1, out.n, stdout);
        putchar('\n');
        fflush(stdout);
        pb_arena_free(a);
    }
    free(line);
    return 0;
}

/* ---- cases ---- */

static pb_value parse(pb_arena *a, const char *json) {
    pb_value v;
    pb_str why;
    if (!pb_json_parse(a, json, strlen(json), &v, &why)) return PB_NONE_VALUE;
    return v;
}

static aws_op find_op(const char *service, const char *op) {
    const aws_model *m = aws_model_get();
    return aws_op_find(m, aws_service_find(m, pb_str_c(service)), pb_str_c(op));
}

static const char *refusal(pb_arena *a, const char *service, const char *op, const char *input) {
    aws_request r;
    aws_error e;
    if (aws_request_write(a, aws_model_get(), find_op(service, op), parse(a, input), &r, &e)) return "(taken)";
    pb_str s = pb_printf(a, "%.*s: %.*s", PB_ARG(e.code), PB_ARG(e.message));
    return s.s;
}

static const char *read_error(pb_arena *a, const char *service, const char *op, int status, const char *header,
                              const char *body) {
    pb_value out;
    pb_str id;
    aws_error e;
    const char *eq = header ? strchr(header, '=') : NULL;
    pb_header h = {{header, eq ? (uint32_t)(eq - header) : 0}, pb_str_c(eq ? eq + 1 : "")};
    if (aws_response_read(a, aws_model_get(), find_op(service, op), status, &h, eq ? 1 : 0, pb_str_c(body), &out, &id,
                          &e))
        return "(taken)";
    pb_str s = pb_printf(a, "%.*s: %.*s [%.*s]", PB_ARG(e.code), PB_ARG(e.message), PB_ARG(e.request_id));
    return s.s;
}

static void refused_inputs(pb_arena *a) {
    CASE("codec: what does not fit is named with its path") {
        CHECK_STR(refusal(a, "ec2", "DescribeInstances", "{\"Filters\":[{\"Name\":\"x\",\"Values\":\"i-1\"}]}"),
                  "ParamValidation: Filters[0].Values: expected a list, found a string");
        CHECK_STR(refusal(a, "ec2", "DescribeInstances", "{\"InstanceId\":[]}"),
                  "ParamValidation: InstanceId: no such member; did you mean InstanceIds?");
        CHECK_STR(refusal(a, "iam", "UpdateAccessKey", "{\"AccessKeyId\":\"AKIAIOSFODNN7EXAMPLE\"}"),
                  "ParamValidation: Status: is required");
        CHECK_STR(refusal(a, "sts", "AssumeRole", "{\"RoleArn\":\"x\",\"RoleSessionName\":\"me\"}"),
                  "ParamValidation: RoleArn: needs at least 20 characters, has 1");
        CHECK_STR(
            refusal(
                a, "sts", "AssumeRole",
                "{\"RoleArn\":\"arn:aws:iam::123456789012:role/x\",\"RoleSessionName\":\"me\",\"DurationSeconds\":1}"),
            "ParamValidation: DurationSeconds: must be at least 900");
    }
    CASE("codec: an empty label would be another address, a line break another header") {
        CHECK_STR(refusal(a, "s3", "DeleteObject", "{\"Bucket\":\"b\",\"Key\":\"\"}"),
                  "ParamValidation: Key: needs at least 1 character, has 0");
        CHECK_STR(refusal(a, "s3", "DeleteBucket", "{\"Bucket\":\"\"}"),
                  "ParamValidation: Bucket: must not be empty: it is part of the address");
        CHECK_STR(refusal(a, "s3", "PutObject",
                          "{\"Bucket\":\"b\",\"Key\":\"k\",\"ContentType\":\"a\\r\\nx-amz-acl: public-read\"}"),
                  "ParamValidation: ContentType: has a control character, which cannot be sent in a header");
        CHECK_STR(refusal(a, "s3control", "GetPublicAccessBlock", "{\"AccountId\":\"evil.example/\"}"),
                  "ParamValidation: AccountId: does not match the pattern ^\\d{12}$");
    }
    CASE("codec: an input nested without end is refused, not followed") {
        pb_value v = parse(a, "{\"S\":\"x\"}");
        for (int i = 0; i < 1000; i++) {
            pb_value *items, list = pb_list_new(a, 1, &items);
            items[0] = v;
            v = one(a, "L", list);
        }
        pb_map_builder b = {.arena = a};
        aws_request r;
        aws_error e;
        pb_map_add(&b, PB_STR("TableName"), pb_string_c("table"));
        pb_map_add(&b, PB_STR("Item"), one(a, "k", v));
        CHECK(!aws_request_write(a, aws_model_get(), find_op("dynamodb", "PutItem"), pb_map_done(&b), &r, &e));
        CHECK_STR(e.message.s, "input: nested more than 64 levels deep");
    }
}

static void odd_answers(pb_arena *a) {
    CASE("codec: errors of every envelope") {
        CHECK_STR(read_error(a, "ec2", "DescribeVpcs", 400, NULL,
                             "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>no "
                             "such</Message></Error></Errors><RequestID>r-1</RequestID></Response>"),
                  "InvalidVpcID.NotFound: no such [r-1]");
        CHECK_STR(read_error(a, "iam", "GetUser", 404, NULL,
                             "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>m</Message></"
                             "Error><RequestId>r-2</RequestId></ErrorResponse>"),
                  "NoSuchEntity: m [r-2]");
        CHECK_STR(read_error(a, "s3", "GetBucketPolicy", 404, "x-amz-request-id=r-3",
                             "<Error><Code>NoSuchBucket</Code><Message>m</Message></Error>"),
                  "NoSuchBucket: m [r-3]");
        CHECK_STR(read_error(a, "s3", "HeadBucket", 404, NULL, ""), "NotFound: NotFound []");
        CHECK_STR(read_error(a, "ssm", "GetParameter", 400, NULL,
                             "{\"__type\":\"com.amazonaws.ssm#ParameterNotFound\",\"Message\":\"m\"}"),
                  "ParameterNotFound: m []");
        CHECK_STR(read_error(a, "guardduty", "GetDetector", 400, "x-amzn-ErrorType=BadRequestException:http://x/",
                             "{\"message\":\"m\"}"),
                  "BadRequestException: m []");
        CHECK_STR(read_error(a, "securityhub", "GetFindings", 429, NULL,
                             "{\"Code\":\"TooManyRequestsException\",\"Message\":\"m\"}"),
                  "TooManyRequestsException: m []");
    }
    CASE("codec: what is no envelope keeps its status as a code") {
        CHECK_STR(read_error(a, "ec2", "DescribeVpcs", 503, NULL, "<html><body>Service Unavailable</body></html>"),
                  "ServiceUnavailable: ServiceUnavailable []");
        CHECK_STR(read_error(a, "ssm", "GetParameter", 500, NULL, ""), "InternalServerError: InternalServerError []");
        CHECK_STR(read_error(a, "ssm", "GetParameter", 599, NULL, "upstream \"down\""),
                  "HTTP599: upstream \"down\" []");
    }
    CASE("codec: a success that is none") {
        CHECK_STR(read_error(a, "ec2", "DescribeVpcs", 200, NULL, "<html><body>login</body></html>"),
                  "InvalidResponse: the answer is a web page, not an answer of AWS []");
        CHECK_STR(read_error(a, "ec2", "DescribeVpcs", 200, NULL, "<DescribeVpcsResponse><vpcSet>"),
                  "InvalidResponse: not XML: line 1: no element found []");
        CHECK_STR(read_error(a, "organizations", "DetachPolicy", 200, NULL, "<html>login</html>"),
                  "InvalidResponse: not JSON: line 1, column 1: a value was expected here []");
        CHECK_STR(read_error(a, "ssm", "GetParameter", 200, NULL, "[1]"), "InvalidResponse: expected a JSON object []");
        CHECK_STR(read_error(a, "ssm", "GetParameter", 200, NULL, "{\"Parameter\":3}"),
                  "InvalidResponse: Parameter: expected an object []");
        CHECK_STR(read_error(a, "s3", "CopyObject", 200, NULL,
                             "<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code><Message>m</Message></Error>"),
                  "SlowDown: m []");
        CHECK_STR(read_error(a, "iam", "GetUser", 200, NULL, "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"),
                  "InvalidResponse: not XML: line 1: a document type declaration is not allowed []");
    }
}

/* For what has no error to fill in. */
static bool codec_said(aws_error *e) {
    e->message = PB_STR("out of memory");
    return false;
}

/* One step under failing memory: true when it went well; what failed must be memory, and said so. */
typedef bool (*step)(pb_arena *a, aws_error *e);

static bool step_write(pb_arena *a, aws_error *e) {
    pb_value v = parse(a, "{\"Filters\":[{\"Name\":\"vpc-id\",\"Values\":[\"v-1\",\"v-2\"]}],\"DryRun\":true}");
    aws_request r;
    if (v.kind != PB_MAP) return codec_said(e);
    return aws_request_write(a, aws_model_get(), find_op("ec2", "DescribeVpcs"), v, &r, e);
}

static bool step_write_rest(pb_arena *a, aws_error *e) {
    pb_value v = parse(
        a,
        "{\"Bucket\":\"b\",\"Key\":\"k\",\"Body\":\"x\",\"Metadata\":{\"a\":\"b\"},\"ChecksumAlgorithm\":\"SHA256\"}");
    aws_request r;
    if (v.kind != PB_MAP) return codec_said(e);
    return aws_request_write(a, aws_model_get(), find_op("s3", "PutObject"), v, &r, e);
}

static bool step_read_xml(pb_arena *a, aws_error *e) {
    static const char body[] =
        "<R><vpcSet><item><vpcId>v-1</vpcId><tagSet><item><key>k</key></item></tagSet></item></vpcSet></R>";
    pb_value out;
    pb_str id;
    return aws_response_read(a, aws_model_get(), find_op("ec2", "DescribeVpcs"), 200, NULL, 0, pb_str_c(body), &out,
                             &id, e);
}

static bool step_read_json(pb_arena *a, aws_error *e) {
    static const char body[] = "{\"Parameter\":{\"Name\":\"n\",\"Version\":3,\"LastModifiedDate\":1.5}}";
    pb_value out;
    pb_str id;
    return aws_response_read(a, aws_model_get(), find_op("ssm", "GetParameter"), 200, NULL, 0, pb_str_c(body), &out,
                             &id, e);
}

static bool step_read_request(pb_arena *a, aws_error *e) {
    aws_incoming in = {.method = PB_STR("POST"),
                       .path = PB_STR("/"),
                       .body = PB_STR("Action=CreateTags&ResourceId.1=i-1&Tag.1.Key=k")};
    aws_op op;
    pb_value v;
    return aws_request_read(a, aws_model_get(), aws_service_find(aws_model_get(), PB_STR("ec2")), &in, &op, &v, e);
}

static bool step_answer(pb_arena *a, aws_error *e) {
    pb_value v = parse(a, "{\"Vpcs\":[{\"VpcId\":\"v-1\"}]}");
    aws_op op = find_op("ec2", "DescribeVpcs");
    aws_response r;
    bool ok = v.kind == PB_MAP &&
              aws_response_write(a, aws_model_get(), aws_op_service(aws_model_get(), op), op, v, NULL, PB_STR("r"), &r);
    return ok || codec_said(e);
}

static void out_of_memory(void) {
    static const step steps[] = {step_write,     step_write_rest,   step_read_xml,
                                 step_read_json, step_read_request, step_answer};
    CASE("codec: every allocation may fail") {
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            bool done = false;
            for (size_t n = 1; n < 1000 && !done; n++) {
                pb_arena *a = pb_arena_new(0);
                aws_error e = {0};
                pb_arena_fail_after(a, n);
                done = steps[i](a, &e);
                if (!done) CHECK_STR(e.message.s, "out of memory");
                pb_arena_free(a);
            }
            CHECK(done);
        }
    }
}

/* {"Findings":[{"Id":"..."},...]} of about `size` bytes. */
static pb_str many_findings(size_t size) {
    static const char item[] =
        ",{\"Id\":\"arn:aws:securityhub:eu-west-1:123456789012:finding/0123456789\",\"Title\":\"t\"}";
    pb_buf b = {0};
    pb_buf_puts(&b, "{\"Findings\":[{\"Id\":\"first\"}");
    while (b.len < size && !b.oom) pb_buf_puts(&b, item);
    pb_buf_puts(&b, "]}");
    return b.oom ? (pb_str){NULL, 0} : (pb_str){b.data, (uint32_t)b.len};
}

static void large_answers(void) {
    enum { ROOM = 192 << 20 /* as the client gives a call */, LARGE = 16 << 20 };
    pb_value out;
    pb_str id, body = many_findings(LARGE);
    aws_error e;
    CASE("codec: answers larger than an event may be are read, in bounded memory") {
        pb_arena *a = pb_arena_new(ROOM);
        CHECK(aws_response_read(a, aws_model_get(), find_op("securityhub", "GetFindings"), 200, NULL, 0, body, &out,
                                &id, &e));
        CHECK(pb_get_c(out, "Findings").n > LARGE / 100);
        pb_arena_free(a);
        a = pb_arena_new(LARGE);
        CHECK(!aws_response_read(a, aws_model_get(), find_op("securityhub", "GetFindings"), 200, NULL, 0, body, &out,
                                 &id, &e));
        CHECK_STR(e.message.s, "out of memory");
        pb_arena_free(a);
    }
    free((char *)(uintptr_t)body.s);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--serve") == 0) return serve();
    pb_arena *a = pb_arena_new(0);
    refused_inputs(a);
    odd_answers(a);
    out_of_memory();
    large_answers();
    pb_arena_free(a);
    return check_done();
}
