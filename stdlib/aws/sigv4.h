/*
 * sigv4.h - AWS Signature Version 4: signing requests, pre-signing URLs, and checking signatures.
 *
 * The client signs and the simulated account checks with the same canonical form, so what one side gets wrong the other
 * would get wrong too: that is why the tests hold both against botocore's signer, which shares no code with this one.
 *
 * S3 (signing names s3, s3-*, s3express) differs in two ways: its path is taken as it is (a key may hold "//" or ".."),
 * encoded once; and the body's hash is also sent, as the header x-amz-content-sha256.
 */
#ifndef PB_AWS_SIGV4_H
#define PB_AWS_SIGV4_H

#include "vm/loop.h"

typedef struct sigv4_credentials {
    pb_str access_key, secret_key, session_token; /* token: empty for long-lived keys */
} sigv4_credentials;

typedef struct sigv4_request {
    const char *method;
    pb_str host;              /* with the port when it is not the scheme's own; a Host among the headers wins */
    pb_str path, query;       /* as sent: percent-encoded; the query without "?" */
    const pb_header *headers; /* all that are sent, without those that signing adds */
    uint32_t nheaders;
    pb_str body;
    pb_str payload_hash;    /* instead of the body's SHA-256: "UNSIGNED-PAYLOAD"; empty: hash the body */
    pb_str region, service; /* service: its signing name */
    int64_t time_ms;        /* wall clock, ms since 1970 */
} sigv4_request;

/* Remembers derived signing keys, which hold for a day, a region and a service. Owns key material: close wipes it. */
typedef struct sigv4_keys sigv4_keys;
sigv4_keys *sigv4_keys_new(void); /* NULL: out of memory */
void sigv4_keys_free(sigv4_keys *k);

enum { SIGV4_HEADERS_MAX = 4, SIGV4_PRESIGN_MAX_S = 7 * 24 * 3600 /* AWS refuses longer */ };

/* The headers to add to the request: X-Amz-Date, Authorization, and when called for X-Amz-Security-Token and
 * X-Amz-Content-SHA256. keys may be NULL. False: out of memory. */
bool sigv4_sign(pb_arena *a, sigv4_keys *keys, const sigv4_request *r, const sigv4_credentials *c,
                pb_header out[SIGV4_HEADERS_MAX], uint32_t *n);
/* The whole query string (the request's own first) of a URL that is valid for expires_s. Only Host and the given
 * headers are signed; payload_hash is usually "UNSIGNED-PAYLOAD" for S3. False: out of memory or expires_s out of
 * range. */
bool sigv4_presign(pb_arena *a, sigv4_keys *keys, const sigv4_request *r, const sigv4_credentials *c, int64_t expires_s,
                   pb_str *query);

/* The parts, for tests: AWS's documents show them between. .s is NULL when memory ran out. */
pb_str sigv4_canonical_path(pb_arena *a, pb_str path, bool s3);
pb_str sigv4_canonical_query(pb_arena *a, pb_str query);
pb_str sigv4_sha256_hex(pb_arena *a, const void *data, size_t n);
/* RFC 3986 percent-encoding of everything but unreserved characters, and of "/" unless keep_slash. */
pb_str sigv4_uri_encode(pb_arena *a, pb_str text, bool keep_slash);

/* ---- the server's side ---- */

typedef enum sigv4_problem {
    SIGV4_OK,
    SIGV4_ANONYMOUS,     /* no signature at all */
    SIGV4_INCOMPLETE,    /* a signature with parts missing or malformed */
    SIGV4_UNKNOWN_KEY,   /* for the caller: no such access key, or it is inactive */
    SIGV4_BAD_TOKEN,     /* the session token is missing or not the one of this key */
    SIGV4_MISMATCH,      /* the signature is of another request, or made with another secret */
    SIGV4_SKEWED,        /* time of signing too far from ours */
    SIGV4_EXPIRED,       /* a pre-signed URL past its time */
    SIGV4_BODY_MISMATCH, /* x-amz-content-sha256 is not the body's */
    SIGV4_UNSUPPORTED,   /* chunk-signed bodies, SigV4A */
    SIGV4_NO_MEMORY
} sigv4_problem;

/* What a request says about its signature; still to be verified. */
typedef struct sigv4_claim {
    pb_str access_key, date /* YYYYMMDD */, region, service, signed_headers, signature, session_token, payload_hash;
    int64_t time_ms;
    int64_t expires_s; /* pre-signed only */
    bool presigned;
} sigv4_claim;

/* Reads the Authorization header or the X-Amz-* query of an incoming request (region, service and time of `in` are not
 * used). */
sigv4_problem sigv4_parse_authorization(pb_arena *a, const sigv4_request *in, sigv4_claim *out);
/* Checks the claim against the key's owner. Compares in constant time. now_ms: wall clock. */
sigv4_problem sigv4_verify(pb_arena *a, sigv4_keys *keys, const sigv4_request *in, const sigv4_claim *claim,
                           const sigv4_credentials *known, int64_t now_ms);

/* How a family of services words its refusals. */
typedef enum sigv4_style { SIGV4_STYLE_QUERY, SIGV4_STYLE_EC2, SIGV4_STYLE_JSON, SIGV4_STYLE_S3 } sigv4_style;
typedef struct sigv4_refusal {
    const char *code, *message;
    int status;
} sigv4_refusal;
sigv4_refusal sigv4_refuse(sigv4_problem p, sigv4_style style);

#endif
