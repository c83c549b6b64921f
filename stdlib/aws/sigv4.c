/*
 * sigv4.c - AWS Signature Version 4 after AWS's published description, over OpenSSL's SHA-256 and HMAC.
 *
 * A signature is made in four steps: a canonical form of the request (so that both sides hash the same bytes whatever
 * a proxy did to case and spaces), a text to sign that names time and scope, a key derived from the secret for one day,
 * region and service, and the HMAC of the text under that key. Everything that AWS's description leaves to common sense
 * is decided here as AWS's own clients decide it:
 *
 *   - query: split at & and the first =, escapes normalised, sorted by key and then by value as bytes; "a" is "a=";
 *   - headers: names in lower case, values trimmed, runs of white space folded to one space, repeated headers joined
 *     by a comma in their order; headers that proxies change (User-Agent, Expect, X-Amzn-Trace-Id) are not signed;
 *   - path: dot segments and double slashes removed, then encoded again (so "%2F" becomes "%252F"), except for S3.
 *
 * Secrets live in the caller's credentials, in the key cache (wiped when freed) and for moments on the stack (wiped).
 */
#include "stdlib/aws/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum {
    DIGEST = 32,
    HEX_DIGEST = 2 * DIGEST,
    KEY_SLOTS = 16,          /* regions x services that one run plausibly talks to; more are derived again */
    NAME_MAX_LEN = 64,       /* region and service names; longer ones are not cached */
    SECRET_MAX = 512,        /* AWS's secrets have 40 bytes; room for other makers' */
    AMZ_DATE = 16,           /* 20150830T123600Z */
    SKEW_MS = 15 * 60 * 1000 /* AWS: five minutes for some services, fifteen for most */
};

static const char ALGORITHM[] = "AWS4-HMAC-SHA256";
static const char UNSIGNED[] = "UNSIGNED-PAYLOAD";

/* ---- small things ---- */

/* s3, s3-outposts, s3-object-lambda, s3express; but s3tables and the like are ordinary services. */
static bool is_s3(pb_str service) {
    return pb_str_is(service, "s3") || pb_str_is(service, "s3express") ||
           (service.n > 3 && memcmp(service.s, "s3-", 3) == 0);
}

static void hex_into(char *out, const unsigned char *d, size_t n) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[d[i] >> 4];
        out[2 * i + 1] = digits[d[i] & 15];
    }
}

static bool sha256(const void *data, size_t n, unsigned char out[DIGEST]) {
    return EVP_Digest(data ? data : "", n, out, NULL, EVP_sha256(), NULL) == 1;
}

static bool hmac(const unsigned char *key, size_t nkey, pb_str text, unsigned char out[DIGEST]) {
    unsigned n = DIGEST;
    return HMAC(EVP_sha256(), key, (int)nkey, (const unsigned char *)(text.s ? text.s : ""), text.n, out, &n) != NULL;
}

pb_str sigv4_sha256_hex(pb_arena *a, const void *data, size_t n) {
    unsigned char d[DIGEST];
    char hex[HEX_DIGEST];
    if (!sha256(data, n, d)) return (pb_str){NULL, 0};
    hex_into(hex, d, DIGEST);
    return pb_strdup(a, hex, sizeof hex);
}

/* A finished buffer's text in the arena; the buffer is wiped (it may hold a token) and freed. */
static pb_str buf_take(pb_arena *a, pb_buf *b) {
    pb_str r = {NULL, 0};
    if (!b->oom) r = pb_strdup(a, b->data ? b->data : "", b->len);
    if (b->data) OPENSSL_cleanse(b->data, b->cap);
    pb_buf_free(b);
    return r;
}

static void add_str(pb_buf *b, pb_str s) { pb_buf_add(b, s.s ? s.s : "", s.n); }

static bool unreserved(unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

static void add_encoded(pb_buf *b, unsigned char c) {
    static const char digits[] = "0123456789ABCDEF";
    char t[3] = {'%', digits[c >> 4], digits[c & 15]};
    if (unreserved(c))
        pb_buf_putc(b, (char)c);
    else
        pb_buf_add(b, t, sizeof t);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The byte that text means at *i, escapes resolved; moves *i on. A lone % stands for itself. */
static unsigned char next_byte(pb_str s, uint32_t *i) {
    if (s.s[*i] == '%' && s.n - *i > 2) {
        int hi = hex_digit(s.s[*i + 1]), lo = hex_digit(s.s[*i + 2]);
        if (hi >= 0 && lo >= 0) {
            *i += 3;
            return (unsigned char)(hi * 16 + lo);
        }
    }
    return (unsigned char)s.s[(*i)++];
}

pb_str sigv4_uri_encode(pb_arena *a, pb_str text, bool keep_slash) {
    pb_buf b = {0};
    for (uint32_t i = 0; i < text.n; i++) {
        if (keep_slash && text.s[i] == '/')
            pb_buf_putc(&b, '/');
        else
            add_encoded(&b, (unsigned char)text.s[i]);
    }
    return buf_take(a, &b);
}

static pb_str uri_decode(pb_arena *a, pb_str text) {
    char *out = pb_alloc(a, (size_t)text.n + 1);
    if (!out) return (pb_str){NULL, 0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < text.n;) out[n++] = (char)next_byte(text, &i);
    return (pb_str){out, n};
}

/* ---- times ---- */

static bool amz_date(int64_t ms, char out[AMZ_DATE + 1]) {
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    return gmtime_r(&t, &tm) && strftime(out, AMZ_DATE + 1, "%Y%m%dT%H%M%SZ", &tm) == AMZ_DATE;
}

static bool digits(const char *s, int n, int *out) {
    *out = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return false;
        *out = *out * 10 + (s[i] - '0');
    }
    return true;
}

static bool amz_date_parse(pb_str s, int64_t *ms) {
    struct tm tm = {0};
    int year, month;
    if (s.n != AMZ_DATE || s.s[8] != 'T' || s.s[15] != 'Z') return false;
    if (!digits(s.s, 4, &year) || !digits(s.s + 4, 2, &month) || !digits(s.s + 6, 2, &tm.tm_mday) ||
        !digits(s.s + 9, 2, &tm.tm_hour) || !digits(s.s + 11, 2, &tm.tm_min) || !digits(s.s + 13, 2, &tm.tm_sec))
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

/* ---- canonical path ---- */

/* Appends a path without empty and "." segments, with ".." resolved, each segment encoded once more. */
static void add_normal_path(pb_buf *b, pb_str path) {
    size_t start = b->len;
    bool slash_last = path.n > 0 && path.s[path.n - 1] == '/';
    for (uint32_t i = 0; i < path.n;) {
        uint32_t end = i;
        while (end < path.n && path.s[end] != '/') end++;
        pb_str seg = {path.s + i, end - i};
        i = end + 1;
        if (seg.n == 0 || pb_str_is(seg, ".")) continue;
        if (pb_str_is(seg, "..")) {
            while (b->len > start && b->data[--b->len] != '/') {
            }
            continue;
        }
        pb_buf_putc(b, '/');
        for (uint32_t k = 0; k < seg.n; k++) add_encoded(b, (unsigned char)seg.s[k]);
    }
    if (b->len == start || slash_last) pb_buf_putc(b, '/');
}

/* S3: as sent, with what should have been escaped but was not escaped now. */
static void add_s3_path(pb_buf *b, pb_str path) {
    if (path.n == 0) pb_buf_putc(b, '/');
    for (uint32_t i = 0; i < path.n; i++) {
        if (path.s[i] == '/' || path.s[i] == '%')
            pb_buf_putc(b, path.s[i]);
        else
            add_encoded(b, (unsigned char)path.s[i]);
    }
}

pb_str sigv4_canonical_path(pb_arena *a, pb_str path, bool s3) {
    pb_buf b = {0};
    if (s3)
        add_s3_path(&b, path);
    else
        add_normal_path(&b, path);
    return buf_take(a, &b);
}

/* ---- canonical query ---- */

typedef struct pair {
    pb_str key, value;
} pair;

static int str_order(pb_str a, pb_str b) {
    uint32_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.s, b.s, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int pair_order(const void *x, const void *y) {
    const pair *p = x, *q = y;
    int c = str_order(p->key, q->key);
    return c ? c : str_order(p->value, q->value);
}

/* One escaping for what may have been sent with several: "+" and "%20" are a space, "%7e" is "~". */
static pb_str query_text(pb_arena *a, pb_str raw) {
    pb_buf b = {0};
    for (uint32_t i = 0; i < raw.n;) {
        if (raw.s[i] == '+') {
            pb_buf_puts(&b, "%20");
            i++;
        } else {
            add_encoded(&b, next_byte(raw, &i));
        }
    }
    return buf_take(a, &b);
}

static pb_str cut(pb_str *rest, char at) {
    const char *p = rest->n ? memchr(rest->s, at, rest->n) : NULL;
    pb_str head = {rest->s, p ? (uint32_t)(p - rest->s) : rest->n};
    *rest = p ? (pb_str){p + 1, rest->n - head.n - 1} : (pb_str){NULL, 0};
    return head;
}

/* Splits a query into pairs, keys and values as they were sent. NULL: out of memory. */
static pair *query_split(pb_arena *a, pb_str query, uint32_t *n) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < query.n; i++) count += query.s[i] == '&';
    pair *p = pb_alloc_array(a, count, sizeof *p);
    *n = 0;
    if (!p) return NULL;
    while (query.n) {
        pb_str item = cut(&query, '&');
        if (item.n == 0) continue;
        p[*n].key = cut(&item, '=');
        p[(*n)++].value = item;
    }
    return p;
}

static bool query_canonical_pairs(pb_arena *a, pair *p, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        p[i].key = query_text(a, p[i].key);
        p[i].value = query_text(a, p[i].value);
        if (!p[i].key.s || !p[i].value.s) return false;
    }
    if (n) qsort(p, n, sizeof *p, pair_order);
    return true;
}

/* Without the pair named skip (the signature of a pre-signed URL cannot sign itself). */
static pb_str canonical_query(pb_arena *a, pb_str query, const char *skip) {
    uint32_t n;
    pair *p = query_split(a, query, &n);
    if (!p || !query_canonical_pairs(a, p, n)) return (pb_str){NULL, 0};
    pb_buf b = {0};
    for (uint32_t i = 0; i < n; i++) {
        if (skip && pb_str_is(p[i].key, skip)) continue;
        if (b.len) pb_buf_putc(&b, '&');
        add_str(&b, p[i].key);
        pb_buf_putc(&b, '=');
        add_str(&b, p[i].value);
    }
    return buf_take(a, &b);
}

pb_str sigv4_canonical_query(pb_arena *a, pb_str query) { return canonical_query(a, query, NULL); }

/* ---- canonical headers ---- */

static bool name_is(pb_str name, const char *lower) {
    return name.n == strlen(lower) && strncasecmp(name.s, lower, name.n) == 0;
}

static bool never_signed(pb_str name) {
    return name_is(name, "authorization") || name_is(name, "user-agent") || name_is(name, "expect") ||
           name_is(name, "x-amzn-trace-id") || name_is(name, "transfer-encoding") || name_is(name, "connection");
}

static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void add_folded(pb_buf *b, pb_str v) {
    bool gap = false, any = false;
    for (uint32_t i = 0; i < v.n; i++) {
        if (blank(v.s[i])) {
            gap = any;
            continue;
        }
        if (gap) pb_buf_putc(b, ' ');
        gap = false;
        any = true;
        pb_buf_putc(b, v.s[i]);
    }
}

/* Names are unique by then: header_list_make joins repeated ones first. */
static int header_order(const void *x, const void *y) {
    const pb_header *p = x, *q = y;
    return str_order(p->name, q->name);
}

static pb_str lower(pb_arena *a, pb_str s) {
    char *p = pb_alloc(a, (size_t)s.n + 1);
    if (!p) return (pb_str){NULL, 0};
    for (uint32_t i = 0; i < s.n; i++) p[i] = (char)(s.s[i] >= 'A' && s.s[i] <= 'Z' ? s.s[i] + 32 : s.s[i]);
    return (pb_str){p, s.n};
}

typedef struct header_list {
    pb_header *h;
    uint32_t n;
    bool oom;
} header_list;

/* Adds a header: name in lower case, value folded, joined to an earlier one of the same name. */
static void list_add(pb_arena *a, header_list *l, pb_str name, pb_str value) {
    pb_str key = lower(a, name);
    pb_buf b = {0};
    uint32_t i = 0;
    if (!key.s) {
        l->oom = true;
        return;
    }
    while (i < l->n && !pb_str_eq(l->h[i].name, key)) i++;
    if (i < l->n) {
        add_str(&b, l->h[i].value);
        pb_buf_putc(&b, ',');
    }
    add_folded(&b, value);
    l->h[i] = (pb_header){key, buf_take(a, &b)};
    if (!l->h[i].value.s) l->oom = true;
    if (i == l->n) l->n++;
}

static bool in_signed_list(pb_str list, pb_str name) {
    while (list.n) {
        pb_str one = cut(&list, ';');
        if (one.n == name.n && one.n && strncasecmp(one.s, name.s, one.n) == 0) return true;
    }
    return false;
}

/* The headers to sign, sorted. only: the names a client says it signed; empty: all that can be. */
static bool header_list_make(pb_arena *a, const sigv4_request *r, const pb_header *extra, uint32_t nextra, pb_str only,
                             header_list *l) {
    bool host = false;
    *l = (header_list){pb_alloc_array(a, (size_t)r->nheaders + nextra + 1, sizeof(pb_header)), 0, false};
    if (!l->h) return false;
    for (uint32_t i = 0; i < r->nheaders + nextra; i++) {
        const pb_header *h = i < r->nheaders ? &r->headers[i] : &extra[i - r->nheaders];
        if (only.n ? !in_signed_list(only, h->name) : never_signed(h->name)) continue;
        host = host || name_is(h->name, "host");
        list_add(a, l, h->name, h->value);
    }
    if (!host && r->host.n && (!only.n || in_signed_list(only, PB_STR("host"))))
        list_add(a, l, PB_STR("host"), r->host);
    if (l->oom) return false;
    if (l->n) qsort(l->h, l->n, sizeof *l->h, header_order);
    return true;
}

static pb_str signed_names(pb_arena *a, const header_list *l) {
    pb_buf b = {0};
    for (uint32_t i = 0; i < l->n; i++) {
        if (i) pb_buf_putc(&b, ';');
        add_str(&b, l->h[i].name);
    }
    return buf_take(a, &b);
}

/* ---- keys ---- */

typedef struct key_slot {
    char date[9], region[NAME_MAX_LEN], service[NAME_MAX_LEN];
    unsigned char secret[DIGEST]; /* hash of the secret it was derived from, so that two keys of one run do not mix */
    unsigned char key[DIGEST];
    bool used;
} key_slot;

struct sigv4_keys {
    key_slot slots[KEY_SLOTS];
    unsigned next;
};

sigv4_keys *sigv4_keys_new(void) { return calloc(1, sizeof(sigv4_keys)); }

void sigv4_keys_free(sigv4_keys *k) {
    if (!k) return;
    OPENSSL_cleanse(k, sizeof *k);
    free(k);
}

static bool field_is(const char *field, size_t size, pb_str s) {
    return s.n < size && strlen(field) == s.n && memcmp(field, s.s, s.n) == 0;
}

static bool slot_fits(const key_slot *k, const char date[9], pb_str region, pb_str service,
                      const unsigned char secret[DIGEST]) {
    return k->used && strcmp(k->date, date) == 0 && field_is(k->region, sizeof k->region, region) &&
           field_is(k->service, sizeof k->service, service) && CRYPTO_memcmp(k->secret, secret, DIGEST) == 0;
}

static void slot_keep(sigv4_keys *keys, const char date[9], pb_str region, pb_str service,
                      const unsigned char secret[DIGEST], const unsigned char key[DIGEST]) {
    if (region.n >= NAME_MAX_LEN || service.n >= NAME_MAX_LEN) return;
    key_slot *k = &keys->slots[keys->next];
    keys->next = (keys->next + 1) % KEY_SLOTS;
    memset(k, 0, sizeof *k);
    memcpy(k->date, date, 8);
    if (region.n) memcpy(k->region, region.s, region.n);
    if (service.n) memcpy(k->service, service.s, service.n);
    memcpy(k->secret, secret, DIGEST);
    memcpy(k->key, key, DIGEST);
    k->used = true;
}

static bool derive(pb_str secret, const char date[9], pb_str region, pb_str service, unsigned char out[DIGEST]) {
    unsigned char first[4 + SECRET_MAX], x[DIGEST], y[DIGEST];
    if (secret.n > SECRET_MAX) return false;
    memcpy(first, "AWS4", 4);
    if (secret.n) memcpy(first + 4, secret.s, secret.n);
    bool ok = hmac(first, 4 + secret.n, (pb_str){date, 8}, x) && hmac(x, DIGEST, region, y) &&
              hmac(y, DIGEST, service, x) && hmac(x, DIGEST, PB_STR("aws4_request"), out);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(x, sizeof x);
    OPENSSL_cleanse(y, sizeof y);
    return ok;
}

static bool signing_key(sigv4_keys *keys, pb_str secret, const char date[9], pb_str region, pb_str service,
                        unsigned char out[DIGEST]) {
    unsigned char mark[DIGEST];
    if (!keys) return derive(secret, date, region, service, out);
    if (!sha256(secret.s, secret.n, mark)) return false;
    for (unsigned i = 0; i < KEY_SLOTS; i++) {
        if (!slot_fits(&keys->slots[i], date, region, service, mark)) continue;
        memcpy(out, keys->slots[i].key, DIGEST);
        return true;
    }
    if (!derive(secret, date, region, service, out)) return false;
    slot_keep(keys, date, region, service, mark, out);
    return true;
}

/* ---- signatures ---- */

/* What a signature is made over; the same for signing and for checking. */
typedef struct job {
    const sigv4_request *r;
    pb_str query; /* canonical */
    header_list headers;
    pb_str signed_names;
    pb_str payload; /* hash or what stands for it */
    char time[AMZ_DATE + 1];
    char date[9];
    pb_str region, service;
} job;

static bool job_time(job *j, int64_t ms) {
    if (!amz_date(ms, j->time)) return false;
    memcpy(j->date, j->time, 8);
    j->date[8] = 0;
    return true;
}

static pb_str scope(pb_arena *a, const job *j) {
    return pb_printf(a, "%s/%.*s/%.*s/aws4_request", j->date, PB_ARG(j->region), PB_ARG(j->service));
}

static bool canonical_hash(pb_arena *a, const job *j, char hex[HEX_DIGEST + 1]) {
    unsigned char d[DIGEST];
    pb_buf b = {0};
    bool s3 = is_s3(j->service);
    pb_str path = sigv4_canonical_path(a, j->r->path, s3);
    pb_buf_printf(&b, "%s\n%.*s\n%.*s\n", j->r->method, PB_ARG(path), PB_ARG(j->query));
    for (uint32_t i = 0; i < j->headers.n; i++)
        pb_buf_printf(&b, "%.*s:%.*s\n", PB_ARG(j->headers.h[i].name), PB_ARG(j->headers.h[i].value));
    pb_buf_printf(&b, "\n%.*s\n%.*s", PB_ARG(j->signed_names), PB_ARG(j->payload));
    bool ok = path.s && !b.oom && sha256(b.data, b.len, d);
    if (ok) hex_into(hex, d, DIGEST);
    hex[HEX_DIGEST] = 0;
    if (b.data) OPENSSL_cleanse(b.data, b.cap);
    pb_buf_free(&b);
    return ok;
}

static bool job_signature(pb_arena *a, sigv4_keys *keys, const job *j, pb_str secret, char out[HEX_DIGEST + 1]) {
    unsigned char key[DIGEST], d[DIGEST];
    char hash[HEX_DIGEST + 1];
    pb_str in = scope(a, j);
    if (!in.s || !canonical_hash(a, j, hash)) return false;
    pb_str text = pb_printf(a, "%s\n%s\n%.*s\n%s", ALGORITHM, j->time, PB_ARG(in), hash);
    if (!text.s || !signing_key(keys, secret, j->date, j->region, j->service, key)) return false;
    bool ok = hmac(key, DIGEST, text, d);
    OPENSSL_cleanse(key, sizeof key);
    hex_into(out, d, DIGEST);
    out[HEX_DIGEST] = 0;
    return ok;
}

static pb_str payload_hash(pb_arena *a, const sigv4_request *r) {
    return r->payload_hash.n ? r->payload_hash : sigv4_sha256_hex(a, r->body.s, r->body.n);
}

bool sigv4_sign(pb_arena *a, sigv4_keys *keys, const sigv4_request *r, const sigv4_credentials *c,
                pb_header out[SIGV4_HEADERS_MAX], uint32_t *n) {
    job j = {.r = r, .region = r->region, .service = r->service};
    char signature[HEX_DIGEST + 1];
    *n = 0;
    if (!job_time(&j, r->time_ms)) return false;
    j.payload = payload_hash(a, r);
    out[(*n)++] = (pb_header){PB_STR("X-Amz-Date"), pb_strdup(a, j.time, AMZ_DATE)};
    if (c->session_token.n) out[(*n)++] = (pb_header){PB_STR("X-Amz-Security-Token"), c->session_token};
    if (is_s3(r->service)) out[(*n)++] = (pb_header){PB_STR("X-Amz-Content-SHA256"), j.payload};
    j.query = canonical_query(a, r->query, NULL);
    if (!out[0].value.s || !j.payload.s || !j.query.s) return false;
    if (!header_list_make(a, r, out, *n, (pb_str){NULL, 0}, &j.headers)) return false;
    j.signed_names = signed_names(a, &j.headers);
    pb_str in = scope(a, &j);
    if (!j.signed_names.s || !in.s || !job_signature(a, keys, &j, c->secret_key, signature)) return false;
    pb_str auth = pb_printf(a, "%s Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%s", ALGORITHM,
                            PB_ARG(c->access_key), PB_ARG(in), PB_ARG(j.signed_names), signature);
    out[(*n)++] = (pb_header){PB_STR("Authorization"), auth};
    return auth.s != NULL;
}

static void add_param(pb_arena *a, pb_buf *b, const char *name, pb_str value) {
    pb_str v = sigv4_uri_encode(a, value, false);
    if (!v.s) b->oom = true;
    pb_buf_printf(b, "%s%s=%.*s", b->len ? "&" : "", name, PB_ARG(v));
}

bool sigv4_presign(pb_arena *a, sigv4_keys *keys, const sigv4_request *r, const sigv4_credentials *c, int64_t expires_s,
                   pb_str *query) {
    job j = {.r = r, .region = r->region, .service = r->service};
    char signature[HEX_DIGEST + 1];
    pb_buf b = {0};
    if (expires_s < 1 || expires_s > SIGV4_PRESIGN_MAX_S || !job_time(&j, r->time_ms)) return false;
    j.payload = payload_hash(a, r);
    if (!j.payload.s || !header_list_make(a, r, NULL, 0, (pb_str){NULL, 0}, &j.headers)) return false;
    j.signed_names = signed_names(a, &j.headers);
    pb_str in = scope(a, &j);
    if (!j.signed_names.s || !in.s) return false;
    pb_str credential = pb_printf(a, "%.*s/%.*s", PB_ARG(c->access_key), PB_ARG(in));
    add_str(&b, r->query);
    add_param(a, &b, "X-Amz-Algorithm", PB_STR(ALGORITHM));
    add_param(a, &b, "X-Amz-Credential", credential);
    add_param(a, &b, "X-Amz-Date", pb_str_c(j.time));
    pb_buf_printf(&b, "&X-Amz-Expires=%lld", (long long)expires_s);
    add_param(a, &b, "X-Amz-SignedHeaders", j.signed_names);
    if (c->session_token.n) add_param(a, &b, "X-Amz-Security-Token", c->session_token);
    pb_str whole = buf_take(a, &b);
    if (!whole.s || !credential.s) return false;
    j.query = canonical_query(a, whole, NULL);
    if (!j.query.s || !job_signature(a, keys, &j, c->secret_key, signature)) return false;
    *query = pb_printf(a, "%.*s&X-Amz-Signature=%s", PB_ARG(whole), signature);
    return query->s != NULL;
}

/* ---- the server's side ---- */

static pb_str header_of(const sigv4_request *r, const char *lower_name) {
    for (uint32_t i = 0; i < r->nheaders; i++)
        if (name_is(r->headers[i].name, lower_name)) return r->headers[i].value;
    return (pb_str){NULL, 0};
}

static pb_str trim(pb_str s) {
    while (s.n && blank(s.s[0])) s = (pb_str){s.s + 1, s.n - 1};
    while (s.n && blank(s.s[s.n - 1])) s.n--;
    return s;
}

/* "AKID/20150830/us-east-1/iam/aws4_request"; an access key may hold slashes in other makers' servers: not here. */
static bool claim_scope(pb_str credential, sigv4_claim *out) {
    out->access_key = cut(&credential, '/');
    out->date = cut(&credential, '/');
    out->region = cut(&credential, '/');
    out->service = cut(&credential, '/');
    return out->access_key.n && out->date.n == 8 && out->region.n && out->service.n &&
           pb_str_is(credential, "aws4_request");
}

static sigv4_problem claim_header(pb_str auth, const sigv4_request *in, sigv4_claim *out) {
    pb_str scheme = cut(&auth, ' ');
    bool scope_ok = false;
    if (pb_str_is(scheme, "AWS4-ECDSA-P256-SHA256")) return SIGV4_UNSUPPORTED;
    if (!pb_str_is(scheme, ALGORITHM)) return SIGV4_INCOMPLETE;
    while (auth.n) {
        pb_str item = trim(cut(&auth, ','));
        pb_str name = cut(&item, '=');
        if (pb_str_is(name, "Credential")) scope_ok = claim_scope(item, out);
        if (pb_str_is(name, "SignedHeaders")) out->signed_headers = item;
        if (pb_str_is(name, "Signature")) out->signature = item;
    }
    pb_str when = header_of(in, "x-amz-date");
    if (!scope_ok || !out->signed_headers.n || out->signature.n != HEX_DIGEST) return SIGV4_INCOMPLETE;
    if (!amz_date_parse(trim(when), &out->time_ms)) return SIGV4_INCOMPLETE;
    out->session_token = trim(header_of(in, "x-amz-security-token"));
    out->payload_hash = trim(header_of(in, "x-amz-content-sha256"));
    return SIGV4_OK;
}

static pb_str query_value(pb_arena *a, const pair *p, uint32_t n, const char *key) {
    for (uint32_t i = 0; i < n; i++)
        if (pb_str_is(p[i].key, key)) return uri_decode(a, p[i].value);
    return (pb_str){NULL, 0};
}

static sigv4_problem claim_query(pb_arena *a, const pair *p, uint32_t n, sigv4_claim *out) {
    pb_str expires = query_value(a, p, n, "X-Amz-Expires");
    out->presigned = true;
    if (!pb_str_is(query_value(a, p, n, "X-Amz-Algorithm"), ALGORITHM)) return SIGV4_UNSUPPORTED;
    out->signed_headers = query_value(a, p, n, "X-Amz-SignedHeaders");
    out->signature = query_value(a, p, n, "X-Amz-Signature");
    out->session_token = query_value(a, p, n, "X-Amz-Security-Token");
    if (!claim_scope(query_value(a, p, n, "X-Amz-Credential"), out) || !out->signed_headers.n) return SIGV4_INCOMPLETE;
    if (!amz_date_parse(query_value(a, p, n, "X-Amz-Date"), &out->time_ms)) return SIGV4_INCOMPLETE;
    if (out->signature.n != HEX_DIGEST || expires.n < 1 || expires.n > 6) return SIGV4_INCOMPLETE;
    int seconds;
    if (!digits(expires.s, (int)expires.n, &seconds) || seconds > SIGV4_PRESIGN_MAX_S) return SIGV4_INCOMPLETE;
    out->expires_s = seconds;
    return SIGV4_OK;
}

sigv4_problem sigv4_parse_authorization(pb_arena *a, const sigv4_request *in, sigv4_claim *out) {
    *out = (sigv4_claim){0};
    pb_str auth = trim(header_of(in, "authorization"));
    if (auth.n) return claim_header(auth, in, out);
    uint32_t n;
    pair *p = query_split(a, in->query, &n);
    if (!p) return SIGV4_NO_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        if (pb_str_is(p[i].key, "X-Amz-Algorithm") || pb_str_is(p[i].key, "X-Amz-Signature"))
            return claim_query(a, p, n, out);
    return SIGV4_ANONYMOUS;
}

static sigv4_problem check_time(const sigv4_claim *c, int64_t now_ms) {
    if (c->presigned) {
        if (c->time_ms > now_ms + SKEW_MS) return SIGV4_SKEWED;
        return now_ms > c->time_ms + c->expires_s * 1000 ? SIGV4_EXPIRED : SIGV4_OK;
    }
    return c->time_ms > now_ms + SKEW_MS || c->time_ms < now_ms - SKEW_MS ? SIGV4_SKEWED : SIGV4_OK;
}

static bool same_secret(pb_str a, pb_str b) { return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.s, b.s, a.n) == 0); }

/* What to put for the body into the canonical request, checked against the body itself. */
static sigv4_problem claimed_payload(pb_arena *a, const sigv4_request *in, const sigv4_claim *c, pb_str *out) {
    pb_str real = sigv4_sha256_hex(a, in->body.s, in->body.n);
    if (!real.s) return SIGV4_NO_MEMORY;
    *out = c->payload_hash.n ? c->payload_hash : real;
    if (c->presigned && is_s3(c->service)) *out = PB_STR(UNSIGNED);
    /* A body in chunks with a checksum behind it: what signs the request is the words, the reader checks the checksum. */
    if (pb_str_is(*out, "STREAMING-UNSIGNED-PAYLOAD-TRAILER") && is_s3(c->service)) return SIGV4_OK;
    if (out->n >= 10 && memcmp(out->s, "STREAMING-", 10) == 0) return SIGV4_UNSUPPORTED;
    if (pb_str_is(*out, UNSIGNED)) return is_s3(c->service) ? SIGV4_OK : SIGV4_BODY_MISMATCH;
    return pb_str_eq(*out, real) ? SIGV4_OK : SIGV4_BODY_MISMATCH;
}

sigv4_problem sigv4_verify(pb_arena *a, sigv4_keys *keys, const sigv4_request *in, const sigv4_claim *claim,
                           const sigv4_credentials *known, int64_t now_ms) {
    job j = {.r = in, .region = claim->region, .service = claim->service, .signed_names = claim->signed_headers};
    char signature[HEX_DIGEST + 1];
    sigv4_problem p = check_time(claim, now_ms);
    if (p != SIGV4_OK) return p;
    if (known->access_key.n && !pb_str_eq(claim->access_key, known->access_key)) return SIGV4_UNKNOWN_KEY;
    if (!same_secret(claim->session_token, known->session_token)) return SIGV4_BAD_TOKEN;
    p = claimed_payload(a, in, claim, &j.payload);
    if (p == SIGV4_UNSUPPORTED || p == SIGV4_NO_MEMORY) return p;
    if (!job_time(&j, claim->time_ms) || !in_signed_list(claim->signed_headers, PB_STR("host"))) return SIGV4_MISMATCH;
    if (memcmp(j.date, claim->date.s, 8) != 0) return SIGV4_MISMATCH;
    j.query = canonical_query(a, in->query, claim->presigned ? "X-Amz-Signature" : NULL);
    if (!j.query.s || !header_list_make(a, in, NULL, 0, claim->signed_headers, &j.headers)) return SIGV4_NO_MEMORY;
    if (!job_signature(a, keys, &j, known->secret_key, signature)) return SIGV4_NO_MEMORY;
    if (CRYPTO_memcmp(signature, claim->signature.s, HEX_DIGEST) != 0) return SIGV4_MISMATCH;
    return p; /* the body last: only a signed hash is worth comparing */
}

/* ---- how AWS words it ---- */

#define SAY_MISMATCH \
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " \
    "and signing method. Consult the service documentation for details."
#define SAY_TOKEN "The security token included in the request is invalid."
#define SAY_INCOMPLETE "Authorization header requires 'Credential', 'SignedHeaders', 'Signature' and a date."
#define SAY_ANONYMOUS "Request is missing Authentication Token"
#define SAY_UNSUPPORTED "This signature version or chunk-signed body is not supported here"
#define SAY_TIME "Signature expired: the time of signing is too far from the current time"
#define SAY_INVALID "AWS was not able to validate the provided access credentials"
#define SAY_NO_KEY "The AWS Access Key Id you provided does not exist in our records."
#define SAY_SKEWED "The difference between the request time and the current time is too large."
#define SAY_BODY "The provided 'x-amz-content-sha256' header does not match what was computed."

static const sigv4_refusal REFUSALS[][SIGV4_NO_MEMORY + 1] =
    {
        [SIGV4_STYLE_QUERY] =
            {
                [SIGV4_ANONYMOUS] = {"MissingAuthenticationToken", SAY_ANONYMOUS, 403},
                [SIGV4_INCOMPLETE] = {"IncompleteSignature", SAY_INCOMPLETE, 400},
                [SIGV4_UNKNOWN_KEY] = {"InvalidClientTokenId", SAY_TOKEN, 403},
                [SIGV4_BAD_TOKEN] = {"InvalidClientTokenId", SAY_TOKEN, 403},
                [SIGV4_MISMATCH] = {"SignatureDoesNotMatch", SAY_MISMATCH, 403},
                [SIGV4_SKEWED] = {"SignatureDoesNotMatch", SAY_TIME, 403},
                [SIGV4_EXPIRED] = {"SignatureDoesNotMatch", SAY_TIME, 403},
                [SIGV4_BODY_MISMATCH] = {"SignatureDoesNotMatch", SAY_MISMATCH, 403},
                [SIGV4_UNSUPPORTED] = {"IncompleteSignature", SAY_UNSUPPORTED, 400},
            },
        [SIGV4_STYLE_EC2] =
            {
                [SIGV4_ANONYMOUS] = {"MissingAuthenticationToken", SAY_ANONYMOUS, 403},
                [SIGV4_INCOMPLETE] = {"IncompleteSignature", SAY_INCOMPLETE, 400},
                [SIGV4_UNKNOWN_KEY] = {"AuthFailure", SAY_INVALID, 401},
                [SIGV4_BAD_TOKEN] = {"AuthFailure", SAY_INVALID, 401},
                [SIGV4_MISMATCH] = {"AuthFailure", SAY_INVALID, 401},
                [SIGV4_SKEWED] = {"RequestExpired", "Request has expired.", 400},
                [SIGV4_EXPIRED] = {"RequestExpired", "Request has expired.", 400},
                [SIGV4_BODY_MISMATCH] = {"AuthFailure", SAY_INVALID, 401},
                [SIGV4_UNSUPPORTED] = {"AuthFailure", SAY_UNSUPPORTED, 401},
            },
        [SIGV4_STYLE_JSON] =
            {
                [SIGV4_ANONYMOUS] = {"MissingAuthenticationTokenException", SAY_ANONYMOUS, 403},
                [SIGV4_INCOMPLETE] = {"IncompleteSignatureException", SAY_INCOMPLETE, 400},
                [SIGV4_UNKNOWN_KEY] = {"UnrecognizedClientException", SAY_TOKEN, 400},
                [SIGV4_BAD_TOKEN] = {"UnrecognizedClientException", SAY_TOKEN, 400},
                [SIGV4_MISMATCH] = {"InvalidSignatureException", SAY_MISMATCH, 400},
                [SIGV4_SKEWED] = {"InvalidSignatureException", SAY_TIME, 400},
                [SIGV4_EXPIRED] = {"InvalidSignatureException", SAY_TIME, 400},
                [SIGV4_BODY_MISMATCH] = {"InvalidSignatureException", SAY_MISMATCH, 400},
                [SIGV4_UNSUPPORTED] = {"IncompleteSignatureException", SAY_UNSUPPORTED, 400},
            },
        [SIGV4_STYLE_S3] =
            {
                [SIGV4_ANONYMOUS] = {"AccessDenied", "Access Denied", 403},
                [SIGV4_INCOMPLETE] = {"AuthorizationHeaderMalformed", "The authorization header is malformed.", 400},
                [SIGV4_UNKNOWN_KEY] = {"InvalidAccessKeyId", SAY_NO_KEY, 403},
                [SIGV4_BAD_TOKEN] = {"InvalidToken", "The provided token is malformed or otherwise invalid.", 400},
                [SIGV4_MISMATCH] = {"SignatureDoesNotMatch", SAY_MISMATCH, 403},
                [SIGV4_SKEWED] = {"RequestTimeTooSkewed", SAY_SKEWED, 403},
                [SIGV4_EXPIRED] = {"AccessDenied", "Request has expired", 403},
                [SIGV4_BODY_MISMATCH] = {"XAmzContentSHA256Mismatch", SAY_BODY, 400},
                [SIGV4_UNSUPPORTED] = {"NotImplemented", SAY_UNSUPPORTED, 501},
            },
};

sigv4_refusal sigv4_refuse(sigv4_problem p, sigv4_style style) {
    const sigv4_refusal *r = &REFUSALS[style][p];
    return r->code ? *r : (sigv4_refusal){"InternalFailure", "An internal error occurred.", 500};
}
