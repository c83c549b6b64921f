/*
 * answer.c - any bytes as AWS's answer: "service Operation status" on the first line, headers up to an empty line, then
 * the body. What is read must be JSON-writable; an error must have a code.
 */
#include "stdlib/aws/codec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_copy(data, size);
    pb_arena *a = pb_arena_new(64 << 20);
    const aws_model *m = aws_model_get();
    const char *p = text, *end = text + size;
    if (text && a) {
        pb_str line = fuzz_line(&p, end), service = fuzz_word(&line, ' '), name = fuzz_word(&line, ' ');
        int status = line.n == 3 ? (line.s[0] - '0') * 100 + (line.s[1] - '0') * 10 + (line.s[2] - '0') : 200;
        aws_service s = aws_service_find(m, service);
        aws_op op = s ? aws_op_find(m, s, name) : 0;
        pb_header headers[FUZZ_HEADERS];
        uint32_t n = fuzz_headers(&p, end, headers);
        pb_value out;
        pb_str id;
        aws_error err;
        if (op && aws_response_read(a, m, op, status, headers, n, (pb_str){p, (uint32_t)(end - p)}, &out, &id, &err)) {
            pb_buf json = {0};
            pb_json_write(&json, out);
            pb_buf_free(&json);
        } else if (op) {
            WRONG_IF(!err.code.n);
        }
    }
    pb_arena_free(a);
    free(text);
    return 0;
}
