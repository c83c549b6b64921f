/*
 * sigv4.c - signatures against the examples that AWS prints in its own documents (IAM user guide "Signature Version 4",
 * S3 API reference "Examples: Signature Calculations" and "query string"), the traps of the canonical form, and the
 * checking side. With --serve it answers requests as JSON lines, for tests/aws/test_sigv4.py, which compares random
 * requests with botocore's signer.
 */
#include "stdlib/aws/sigv4.h"
#include "tests/lib/check.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

static const sigv4_credentials IAM_EXAMPLE = {
    {"AKIDEXAMPLE", 11}, {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40}, {NULL, 0}};
static const sigv4_credentials S3_EXAMPLE = {
    {"AKIAIOSFODNN7EXAMPLE", 20}, {"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40}, {NULL, 0}};

enum { T2015 = 1440938160, T2013 = 1369353600 };

/* ---- --serve ---- */

static pb_str text_of(struct json_object *o, const char *key) {
    struct json_object *v = NULL;
    if (!json_object_object_get_ex(o, key, &v)) return (pb_str){NULL, 0};
    return (pb_str){json_object_get_string(v), (uint32_t)json_object_get_string_len(v)};
}

static int64_t int_of(struct json_object *o, const char *key) {
    struct json_object *v = NULL;
    return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

static pb_str hex_of(pb_arena *a, pb_str hex) {
    char *out = pb_alloc(a, hex.n / 2 + 1);
    for (uint32_t i = 0; i + 1 < hex.n; i += 2) {
        char two[3] = {hex.s[i], hex.s[i + 1], 0};
        out[i / 2] = (char)strtol(two, NULL, 16);
    }
    return (pb_str){out, hex.n / 2};
}

static void request_of(pb_arena *a, struct json_object *o, sigv4_request *r, char method[16]) {
    struct json_object *list = NULL;
    pb_str m = text_of(o, "method");
    snprintf(method, 16, "%.*s", PB_ARG(m));
    *r = (sigv4_request){.method = method,
                         .host = text_of(o, "host"),
                         .path = text_of(o, "path"),
                         .query = text_of(o, "query"),
                         .body = hex_of(a, text_of(o, "body")),
                         .payload_hash = text_of(o, "payload_hash"),
                         .region = text_of(o, "region"),
                         .service = text_of(o, "service"),
                         .time_ms = int_of(o, "time") * 1000};
    json_object_object_get_ex(o, "headers", &list);
    size_t n = list ? json_object_array_length(list) : 0;
    pb_header *h = pb_alloc_array(a, n + 1, sizeof *h);
    for (size_t i = 0; i < n; i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);
        struct json_object *name = json_object_array_get_idx(pair, 0), *value = json_object_array_get_idx(pair, 1);
        h[i].name = (pb_str){json_object_get_string(name), (uint32_t)json_object_get_string_len(name)};
        h[i].value = (pb_str){json_object_get_string(value), (uint32_t)json_object_get_string_len(value)};
    }
    r->headers = h;
    r->nheaders = (uint32_t)n;
}

static void put(struct json_object *o, const char *key, pb_str v) {
    json_object_object_add(o, key, json_object_new_string_len(v.s ? v.s : "", (int)v.n));
}

static void serve_verify(pb_arena *a, sigv4_keys *keys, struct json_object *in, const sigv4_request *r,
                         const sigv4_credentials *c, struct json_object *out) {
    sigv4_claim claim;
    sigv4_problem p = sigv4_parse_authorization(a, r, &claim);
    if (p == SIGV4_OK) p = sigv4_verify(a, keys, r, &claim, c, int_of(in, "now") * 1000);
    json_object_object_add(out, "problem", json_object_new_int(p));
    put(out, "access_key", claim.access_key);
    put(out, "service", claim.service);
}

static void serve_one(sigv4_keys *keys, struct json_object *in, struct json_object *out) {
    pb_arena *a = pb_arena_new(0);
    sigv4_request r;
    char method[16];
    request_of(a, in, &r, method);
    sigv4_credentials c = {text_of(in, "access_key"), text_of(in, "secret_key"), text_of(in, "session_token")};
    pb_str op = text_of(in, "op");
    pb_header h[SIGV4_HEADERS_MAX];
    uint32_t n = 0;
    pb_str query = {NULL, 0};
    if (pb_str_is(op, "verify")) {
        serve_verify(a, keys, in, &r, &c, out);
    } else if (pb_str_is(op, "presign")) {
        if (sigv4_presign(a, keys, &r, &c, int_of(in, "expires"), &query)) put(out, "query", query);
    } else if (sigv4_sign(a, keys, &r, &c, h, &n)) {
        for (uint32_t i = 0; i < n; i++) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", PB_ARG(h[i].name));
            put(out, name, h[i].value);
        }
    }
    pb_arena_free(a);
}

static int serve(void) {
    char *line = NULL;
    size_t cap = 0;
    sigv4_keys *keys = sigv4_keys_new();
    while (getline(&line, &cap, stdin) > 0) {
        struct json_object *in = json_tokener_parse(line), *out = json_object_new_object();
        if (in) serve_one(keys, in, out);
        puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN));
        fflush(stdout);
        json_object_put(in);
        json_object_put(out);
    }
    free(line);
    sigv4_keys_free(keys);
    return 0;
}

/* ---- AWS's printed examples ---- */

static const char *signature_of(pb_arena *a, const sigv4_request *r, const sigv4_credentials *c) {
    pb_header h[SIGV4_HEADERS_MAX];
    uint32_t n;
    if (!sigv4_sign(a, NULL, r, c, h, &n)) return NULL;
    const char *at = strstr(h[n - 1].value.s, "Signature=");
    return at ? at + 10 : NULL;
}

static sigv4_request s3_get(const char *path, const char *query) {
    return (sigv4_request){.method = "GET",
                           .host = PB_STR("examplebucket.s3.amazonaws.com"),
                           .path = pb_str_c(path),
                           .query = pb_str_c(query),
                           .region = PB_STR("us-east-1"),
                           .service = PB_STR("s3"),
                           .time_ms = (int64_t)T2013 * 1000};
}

static void test_documents(pb_arena *a) {
    CASE("IAM ListUsers, as in the IAM user guide") {
        pb_header type = {PB_STR("Content-Type"), PB_STR("application/x-www-form-urlencoded; charset=utf-8")};
        sigv4_request r = {.method = "GET",
                           .host = PB_STR("iam.amazonaws.com"),
                           .path = PB_STR("/"),
                           .query = PB_STR("Action=ListUsers&Version=2010-05-08"),
                           .headers = &type,
                           .nheaders = 1,
                           .region = PB_STR("us-east-1"),
                           .service = PB_STR("iam"),
                           .time_ms = (int64_t)T2015 * 1000};
        CHECK_STR(signature_of(a, &r, &IAM_EXAMPLE),
                  "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }
    CASE("S3 GET object with a range, as in the S3 reference") {
        pb_header range = {PB_STR("Range"), PB_STR("bytes=0-9")};
        sigv4_request r = s3_get("/test.txt", "");
        r.headers = &range;
        r.nheaders = 1;
        CHECK_STR(signature_of(a, &r, &S3_EXAMPLE), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    }
    CASE("S3 GET lifecycle (a query key without value), as in the S3 reference") {
        sigv4_request r = s3_get("/", "lifecycle");
        CHECK_STR(signature_of(a, &r, &S3_EXAMPLE), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    }
    CASE("S3 list objects, as in the S3 reference") {
        sigv4_request r = s3_get("/", "prefix=J&max-keys=2");
        CHECK_STR(signature_of(a, &r, &S3_EXAMPLE), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    }
    CASE("S3 pre-signed URL, as in the S3 reference") {
        sigv4_request r = s3_get("/test.txt", "");
        pb_str q;
        r.payload_hash = PB_STR("UNSIGNED-PAYLOAD");
        CHECK(sigv4_presign(a, NULL, &r, &S3_EXAMPLE, 86400, &q));
        const char *at = strstr(q.s, "X-Amz-Signature=");
        CHECK_STR(at, "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
        CHECK(!sigv4_presign(a, NULL, &r, &S3_EXAMPLE, SIGV4_PRESIGN_MAX_S + 1, &q));
        CHECK(sigv4_presign(a, NULL, &r, &S3_EXAMPLE, SIGV4_PRESIGN_MAX_S, &q));
    }
}

static void test_canonical(pb_arena *a) {
    static const struct {
        const char *in, *want;
    } paths[] = {
        {"", "/"},
        {"/", "/"},
        {"//", "/"},
        {"/a/../..", "/"},
        {"/a//b/./c/", "/a/b/c/"},
        {"/a/b/..", "/a"},
        {"/../x", "/x"},
        {"/a%2Fb", "/a%252Fb"},
        {"/\xc3\xbc", "/%C3%BC"},
        {"/a/../", "/"},
    };
    static const struct {
        const char *in, *want;
    } queries[] = {
        {"", ""},
        {"acl", "acl="},
        {"b=2&a=1", "a=1&b=2"},
        {"a=2&a=1", "a=1&a=2"},
        {"a-b=1&a=2", "a=2&a-b=1"},
        {"a=%7e&b=+", "a=~&b=%20"},
        {"a=b=c", "a=b%3Dc"},
        {"&&x=", "x="},
        {"k=%zz%", "k=%25zz%25"},
        {"A=1&a=2&B=3", "A=1&B=3&a=2"},
    };
    CASE("paths are normalised and encoded twice, except for S3") {
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            CHECK_STR(sigv4_canonical_path(a, pb_str_c(paths[i].in), false).s, paths[i].want);
        CHECK_STR(sigv4_canonical_path(a, PB_STR("/a//../b%2Fc (1)"), true).s, "/a//../b%2Fc%20%281%29");
    }
    CASE("queries are split, escaped once and sorted by key, then value") {
        for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
            CHECK_STR(sigv4_canonical_query(a, pb_str_c(queries[i].in)).s, queries[i].want);
    }
}

/* ---- checking ---- */

typedef struct signed_request {
    sigv4_request r;
    pb_header h[2 + SIGV4_HEADERS_MAX];
} signed_request;

static void make_signed(pb_arena *a, signed_request *s, const sigv4_credentials *c) {
    uint32_t n;
    s->h[0] = (pb_header){PB_STR("X-Amz-Target"), PB_STR("AmazonSSM.SendCommand")};
    s->r = (sigv4_request){.method = "POST",
                           .host = PB_STR("ssm.eu-west-1.amazonaws.com"),
                           .path = PB_STR("/"),
                           .headers = s->h,
                           .nheaders = 1,
                           .body = PB_STR("{}"),
                           .region = PB_STR("eu-west-1"),
                           .service = PB_STR("ssm"),
                           .time_ms = (int64_t)T2015 * 1000};
    CHECK(sigv4_sign(a, NULL, &s->r, c, s->h + 1, &n));
    s->r.nheaders = 1 + n;
}

static sigv4_problem check(pb_arena *a, const sigv4_request *r, const sigv4_credentials *c, int64_t later_ms) {
    sigv4_claim claim;
    sigv4_problem p = sigv4_parse_authorization(a, r, &claim);
    return p == SIGV4_OK ? sigv4_verify(a, NULL, r, &claim, c, (int64_t)T2015 * 1000 + later_ms) : p;
}

static void test_verify(pb_arena *a) {
    signed_request s;
    CASE("a signature is accepted, and refused after any change") {
        make_signed(a, &s, &IAM_EXAMPLE);
        CHECK(check(a, &s.r, &IAM_EXAMPLE, 0) == SIGV4_OK);
        CHECK(check(a, &s.r, &S3_EXAMPLE, 0) == SIGV4_UNKNOWN_KEY);
        sigv4_credentials other = {IAM_EXAMPLE.access_key, S3_EXAMPLE.secret_key, {NULL, 0}};
        CHECK(check(a, &s.r, &other, 0) == SIGV4_MISMATCH);
        sigv4_request r = s.r;
        r.body = PB_STR("{ }");
        CHECK(check(a, &r, &IAM_EXAMPLE, 0) == SIGV4_MISMATCH);
        r = s.r;
        r.path = PB_STR("/x");
        CHECK(check(a, &r, &IAM_EXAMPLE, 0) == SIGV4_MISMATCH);
        r = s.r;
        r.host = PB_STR("ssm.eu-west-2.amazonaws.com");
        CHECK(check(a, &r, &IAM_EXAMPLE, 0) == SIGV4_MISMATCH);
        s.h[0].value = PB_STR("AmazonSSM.CancelCommand");
        CHECK(check(a, &s.r, &IAM_EXAMPLE, 0) == SIGV4_MISMATCH);
    }
    CASE("fifteen minutes of skew are allowed, a second more is not") {
        make_signed(a, &s, &IAM_EXAMPLE);
        CHECK(check(a, &s.r, &IAM_EXAMPLE, 900000) == SIGV4_OK);
        CHECK(check(a, &s.r, &IAM_EXAMPLE, 901000) == SIGV4_SKEWED);
        CHECK(check(a, &s.r, &IAM_EXAMPLE, -901000) == SIGV4_SKEWED);
    }
    CASE("a session token has to be the key's own") {
        sigv4_credentials temporary = IAM_EXAMPLE;
        temporary.session_token = PB_STR("token");
        make_signed(a, &s, &temporary);
        CHECK(check(a, &s.r, &temporary, 0) == SIGV4_OK);
        CHECK(check(a, &s.r, &IAM_EXAMPLE, 0) == SIGV4_BAD_TOKEN);
    }
    CASE("broken or missing authorization is named as such") {
        static const char *const bad[] = {
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=AKID/20150830/eu-west-1/ssm/aws4_request",
            "AWS4-HMAC-SHA256 Credential=AKID/x, SignedHeaders=host, Signature=00",
            "Basic eDp5",
            "Bearer ,=,=,",
        };
        make_signed(a, &s, &IAM_EXAMPLE);
        pb_header *auth = &s.h[s.r.nheaders - 1];
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            auth->value = pb_str_c(bad[i]);
            CHECK(check(a, &s.r, &IAM_EXAMPLE, 0) == SIGV4_INCOMPLETE);
        }
        s.r.nheaders--;
        CHECK(check(a, &s.r, &IAM_EXAMPLE, 0) == SIGV4_ANONYMOUS);
        CHECK_STR(sigv4_refuse(SIGV4_ANONYMOUS, SIGV4_STYLE_JSON).code, "MissingAuthenticationTokenException");
        CHECK(sigv4_refuse(SIGV4_BAD_TOKEN, SIGV4_STYLE_QUERY).status == 403);
    }
}

/* The same bytes each time: a failure can be looked at. */
static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void test_mangled(void) {
    CASE("a mangled authorization or query is refused, never accepted and never read past") {
        uint32_t state = 7;
        for (int round = 0; round < 3000; round++) {
            pb_arena *a = pb_arena_new(0);
            signed_request s;
            pb_str query;
            make_signed(a, &s, &IAM_EXAMPLE);
            if (round % 2) { /* the pre-signed form */
                s.r.nheaders = 0;
                CHECK(sigv4_presign(a, NULL, &s.r, &IAM_EXAMPLE, 900, &query));
                s.r.query = query;
            }
            pb_str *target = round % 2 ? &s.r.query : &s.h[s.r.nheaders - 1].value;
            uint32_t n = next_random(&state) % 4 ? target->n : next_random(&state) % target->n;
            char *copy = pb_alloc(a, n + 1); /* exactly as long as it says: the sanitizer sees a byte too many */
            memcpy(copy, target->s, n);
            uint32_t at = n ? next_random(&state) % n : 0;
            if (n) copy[at] = (char)next_random(&state);
            /* What means the same: another white space, another case of an escape's letters. */
            bool harmless = n == target->n && (memcmp(copy, target->s, n) == 0 || target->s[at] == ' ' ||
                                               (at > 1 && (copy[at - 1] == '%' || copy[at - 2] == '%')));
            *target = (pb_str){copy, n};
            CHECK(harmless || check(a, &s.r, &IAM_EXAMPLE, 0) != SIGV4_OK);
            pb_arena_free(a);
        }
    }
}

/* Each allocation fails in turn: an ordinary refusal, never a crash or a wrong signature. */
static void test_memory(void) {
    CASE("running out of memory anywhere is a plain refusal") {
        for (size_t i = 1; i < 200; i++) {
            pb_arena *a = pb_arena_new(0);
            sigv4_request r = s3_get("/test.txt", "b=2&a=1");
            pb_header h[SIGV4_HEADERS_MAX];
            uint32_t n;
            pb_str q = {NULL, 0};
            pb_arena_fail_after(a, i);
            bool ok = sigv4_sign(a, NULL, &r, &S3_EXAMPLE, h, &n);
            ok = sigv4_presign(a, NULL, &r, &S3_EXAMPLE, 60, &q) && ok;
            CHECK(ok == !pb_arena_failed(a));
            pb_arena_free(a);
        }
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--serve") == 0) return serve();
    pb_arena *a = pb_arena_new(0);
    test_documents(a);
    test_canonical(a);
    test_verify(a);
    test_mangled();
    test_memory();
    pb_arena_free(a);
    return check_done();
}
