/*
 * s3_http.c - what S3 does below its operations: bucket names in the host, bodies in chunks with trailers, and digests
 * of the body in headers.
 */
#include <openssl/evp.h>
#include <zlib.h>

#include "stdlib/sim/sim.h"

/* ---- the bucket in the host ---- */

/* "photos.s3.eu-west-1.amazonaws.com" and "photos.localhost" begin with a bucket; "s3.amazonaws.com" and "127.0.0.1" do
 * not. */
static pb_str host_bucket(pb_str host) {
    const char *colon = host.n ? memchr(host.s, ':', host.n) : NULL;
    uint32_t n = colon ? (uint32_t)(colon - host.s) : host.n;
    static const char *const ends[] = {".localhost", ".s3.amazonaws.com"};
    for (size_t i = 0; i < 2; i++) {
        uint32_t e = (uint32_t)strlen(ends[i]);
        if (n > e && memcmp(host.s + n - e, ends[i], e) == 0) return (pb_str){host.s, n - e};
    }
    static const char aws[] = ".amazonaws.com";
    const char *at = n ? memmem(host.s, n, ".s3.", 4) : NULL;
    if (at && n > sizeof aws && memcmp(host.s + n - (sizeof aws - 1), aws, sizeof aws - 1) == 0)
        return (pb_str){host.s, (uint32_t)(at - host.s)};
    return (pb_str){"", 0};
}

bool s3_route(pb_arena *a, aws_incoming *in) {
    pb_str bucket = host_bucket(in->host);
    if (pb_str_is(bucket, "s3")) bucket.n = 0; /* s3.localhost */
    if (!bucket.n) return true;
    bool root = pb_str_is(in->path, "/");
    in->path = pb_printf(a, "/%.*s%.*s", PB_ARG(bucket), PB_ARG(root ? PB_STR("") : in->path));
    return in->path.s != NULL;
}

/* ---- aws-chunked ---- */

typedef struct reader {
    pb_str s;
    uint32_t at;
} reader;

static bool line(reader *r, pb_str *out) {
    const char *from = r->s.s + r->at;
    const char *end = r->at < r->s.n ? memmem(from, r->s.n - r->at, "\r\n", 2) : NULL;
    if (!end) return false;
    *out = (pb_str){from, (uint32_t)(end - from)};
    r->at += out->n + 2;
    return true;
}

static bool chunk_size(pb_str text, uint32_t *size) {
    static const char digits[] = "0123456789abcdef";
    uint32_t i = 0;
    *size = 0;
    for (; i < text.n && text.s[i] != ';'; i++) {
        const char *at = memchr(digits, text.s[i] | 32, 16);
        if (!at || i == 7) return false;
        *size = *size * 16 + (uint32_t)(at - digits);
    }
    return i > 0;
}

/* The trailer's headers stand beside the others from then on. */
static bool trailers(sim_call *c, reader *r, aws_incoming *in) {
    pb_str l;
    enum { MAX = 8 };
    pb_header *all = pb_alloc_array(c->arena, (size_t)in->nheaders + MAX, sizeof *all);
    if (!all) return false;
    memcpy(all, in->headers, in->nheaders * sizeof *all);
    uint32_t n = in->nheaders;
    while (line(r, &l) && l.n) {
        const char *colon = memchr(l.s, ':', l.n);
        if (!colon || n == in->nheaders + MAX) return false;
        uint32_t name = (uint32_t)(colon - l.s);
        all[n++] = (pb_header){{l.s, name}, {colon + 1, l.n - name - 1}};
    }
    in->headers = all;
    in->nheaders = n;
    return true;
}

static bool chunks(sim_call *c, aws_incoming *in) {
    reader r = {in->body, 0};
    char *out = pb_alloc(c->arena, in->body.n);
    uint32_t n = 0, size;
    pb_str l;
    for (;;) {
        if (!out || !line(&r, &l) || !chunk_size(l, &size)) return false;
        if (!size) break;
        if (size > r.s.n - r.at || r.s.n - r.at - size < 2 || memcmp(r.s.s + r.at + size, "\r\n", 2) != 0) return false;
        memcpy(out + n, r.s.s + r.at, size);
        n += size;
        r.at += size + 2;
    }
    in->body = (pb_str){out, n};
    return trailers(c, &r, in);
}

/* The model wants "/bucket/key" where clients also send "bucket/key". */
static void root_copy_source(sim_call *c, aws_incoming *in) {
    pb_str from = sim_header(in, "x-amz-copy-source");
    if (!from.n || from.s[0] == '/') return;
    pb_header *all = pb_alloc_array(c->arena, in->nheaders, sizeof *all);
    pb_str rooted = pb_printf(c->arena, "/%.*s", PB_ARG(from));
    if (!all || !rooted.s) return;
    for (uint32_t i = 0; i < in->nheaders; i++) {
        all[i] = in->headers[i];
        if (all[i].value.s == from.s) all[i].value = rooted;
    }
    in->headers = all;
}

bool s3_unpack(sim_call *c, aws_incoming *in) {
    root_copy_source(c, in);
    if (!str_starts(sim_header(in, "x-amz-content-sha256"), "STREAMING-") || chunks(c, in)) return true;
    sim_fail(c, 400, "IncompleteBody", "The request body terminated unexpectedly");
    return false;
}

/* ---- digests ---- */

static pb_str evp(sim_call *c, pb_str body, const EVP_MD *md) {
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned n = sizeof d;
    if (EVP_Digest(body.n ? body.s : "", body.n, d, &n, md, NULL) != 1) return (pb_str){"", 0};
    return pb_base64(c->arena, d, n);
}
static pb_str big_endian(sim_call *c, uint32_t v) {
    const unsigned char d[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8),
                                (unsigned char)v};
    return pb_base64(c->arena, d, 4);
}

static pb_str of_md5(sim_call *c, pb_str body) { return evp(c, body, EVP_md5()); }
static pb_str of_sha1(sim_call *c, pb_str body) { return evp(c, body, EVP_sha1()); }
static pb_str of_sha256(sim_call *c, pb_str body) { return evp(c, body, EVP_sha256()); }
static pb_str of_crc32(sim_call *c, pb_str body) {
    return big_endian(c, (uint32_t)crc32(0, (const Bytef *)(body.n ? body.s : ""), body.n));
}
static pb_str of_crc32c(sim_call *c, pb_str body) {
    uint32_t crc = ~0U;
    for (uint32_t i = 0; i < body.n; i++) {
        crc ^= (unsigned char)body.s[i];
        for (int b = 0; b < 8; b++) crc = (crc >> 1) ^ (0x82f63b78U & (0U - (crc & 1)));
    }
    return big_endian(c, ~crc);
}

static const struct {
    const char *header;
    pb_str (*of)(sim_call *c, pb_str body);
    const char *name;
} digests[] = {
    {"content-md5", of_md5, "Content-MD5"},         {"x-amz-checksum-crc32", of_crc32, "CRC32"},
    {"x-amz-checksum-crc32c", of_crc32c, "CRC32C"}, {"x-amz-checksum-sha1", of_sha1, "SHA1"},
    {"x-amz-checksum-sha256", of_sha256, "SHA256"},
};

void s3_check_digest(sim_call *c, const aws_incoming *in, bool required) {
    bool any = sim_header(in, "x-amz-checksum-crc64nvme").n > 0; /* believed: no library here computes it */
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
        pb_str sent = sim_header(in, digests[i].header);
        if (!sent.n) continue;
        any = true;
        if (!pb_str_eq(sent, digests[i].of(c, in->body)))
            sim_fail(c, 400, "BadDigest", "The %s you specified did not match the calculated checksum.",
                     digests[i].name);
    }
    if (required && !any)
        sim_fail(c, 400, "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
}
