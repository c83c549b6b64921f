/*
 * request.c - any bytes as a request to the simulated account: "METHOD path?query service" on the first line, headers,
 * an empty line, the body. Signature and operation are read as the server reads them; what is understood is answered.
 */
#include "stdlib/aws/codec.h"
#include "stdlib/aws/sigv4.h"
#include "tests/fuzz/fuzz.h"

static void check_signature(pb_arena *a, const aws_incoming *in) {
    static const sigv4_credentials known = {
        {"AKIDEXAMPLE", 11}, {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40}, {"", 0}};
    sigv4_request r = {.method = pb_strdup(a, in->method.s, in->method.n).s,
                       .host = in->host,
                       .path = in->path,
                       .query = in->query,
                       .headers = in->headers,
                       .nheaders = in->nheaders,
                       .body = in->body};
    sigv4_claim claim;
    if (!r.method) return;
    sigv4_problem problem = sigv4_parse_authorization(a, &r, &claim);
    if (problem == SIGV4_OK) problem = sigv4_verify(a, NULL, &r, &claim, &known, 1440938160000);
    if (problem != SIGV4_OK) WRONG_IF(!sigv4_refuse(problem, SIGV4_STYLE_QUERY).code);
}

static void serve(pb_arena *a, aws_service s, const aws_incoming *in) {
    aws_op op = 0;
    pb_value input;
    aws_error err;
    aws_response out;
    if (aws_request_read(a, aws_model_get(), s, in, &op, &input, &err)) {
        pb_buf json = {0};
        pb_json_write(&json, input);
        pb_buf_free(&json);
        return;
    }
    WRONG_IF(!err.code.n && !pb_arena_failed(a));
    if (!pb_arena_failed(a)) aws_response_write(a, aws_model_get(), s, op, PB_NONE_VALUE, &err, PB_STR("id"), &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_copy(data, size);
    pb_arena *a = pb_arena_new(64 << 20);
    const char *p = text, *end = text + size;
    if (text && a) {
        pb_header headers[FUZZ_HEADERS];
        pb_str line = fuzz_line(&p, end), method = fuzz_word(&line, ' '), target = fuzz_word(&line, ' ');
        pb_str path = fuzz_word(&target, '?');
        uint32_t n = fuzz_headers(&p, end, headers);
        aws_incoming in = {method, path, target, {p, (uint32_t)(end - p)}, PB_STR("localhost"), headers, n};
        aws_service s = aws_service_find(aws_model_get(), line);
        check_signature(a, &in);
        if (s) serve(a, s, &in);
    }
    pb_arena_free(a);
    free(text);
    return 0;
}
