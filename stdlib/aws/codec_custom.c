/*
 * codec_custom.c - where AWS's services differ from their own models. README.md lists all that botocore knows of; here
 * are those that matter for the services playbooks use.
 *
 *   all       idempotency tokens are made up when absent
 *   ec2, autoscaling   UserData is base64 on the wire; GetConsoleOutput's Output too
 *   iam       policy documents come percent-encoded
 *   s3        lists ask for EncodingType=url and decode the keys; GetBucketLocation's answer is a bare element; a
 * customer key (SSE-C) goes base64 with its MD5; CopySource is percent-encoded; bodies carry checksums route53   ids
 * lose their "/hostedzone/" part glacier   accountId defaults to "-", a version header apigateway an Accept header; sqs
 * and others: x-amzn-query-mode
 *
 * The simulated account undoes the same on its side, so that its code sees plain values.
 */
#include "stdlib/aws/wire.h"

#include <openssl/evp.h>
#include <zlib.h>

static bool service_is(const codec *c, const char *name) { return pb_str_is(tab_str(c->m, c->service->name), name); }
static bool op_is(const codec *c, const char *name) { return pb_str_is(tab_str(c->m, c->op->name), name); }

static const tab_shape *input_shape(const codec *c) { return tab_ref_shape(c->m, tab_ref_at(c->m, c->op->input)); }

/* The map with one entry set; the order of the others stays. */
static bool set(codec *c, pb_value *map, pb_str key, pb_value v) {
    pb_map_builder b = {.arena = c->a};
    for (uint32_t i = 0; i < map->n; i++) pb_map_add(&b, map->u.entries[i].key, map->u.entries[i].value);
    pb_map_add(&b, key, v);
    *map = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

static bool is_text(pb_value v) { return v.kind == PB_STRING || v.kind == PB_BYTES || v.kind == PB_SECRET; }

static bool base64_of(codec *c, pb_str data, pb_str *out) {
    *out = pb_base64(c->a, data.s, data.n);
    return out->s || codec_oom(c);
}

/* ---- inputs ---- */

static bool make_token(codec *c, pb_str *out) {
    unsigned char r[16];
    if (!pb_random(r, sizeof r)) return codec_fail(c, "ParamValidation", "no random numbers to be had");
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* UUID version 4 */
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    *out = pb_printf(c->a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2],
                     r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
    return out->s || codec_oom(c);
}

static bool fill_tokens(codec *c, pb_value *input) {
    const tab_shape *s = input_shape(c);
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        pb_str name = tab_str(c->m, r->name), token = {NULL, 0};
        if (!(r->flags & TAB_R_TOKEN) || pb_get(*input, name).kind != PB_NONE) continue;
        if (!make_token(c, &token) || !set(c, input, name, pb_string(token))) return false;
    }
    return true;
}

static bool encode_user_data(codec *c, pb_value *input) {
    pb_value v = pb_get_c(*input, "UserData");
    pb_str t;
    if (!is_text(v)) return true;
    return base64_of(c, pb_text(v), &t) && set(c, input, PB_STR("UserData"), pb_string(t));
}

static bool digest_base64(codec *c, const EVP_MD *md, pb_str data, pb_str *out) {
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned n;
    if (!md || !EVP_Digest(data.s ? data.s : "", data.n, d, &n, md, NULL))
        return codec_fail(c, "ParamValidation", "cannot compute a checksum");
    return base64_of(c, (pb_str){(const char *)d, n}, out);
}

/* SSE-C: the key is sent as base64, with the MD5 of its bytes beside it. */
static bool encode_customer_key(codec *c, pb_value *input, const char *key, const char *md5) {
    pb_value v = pb_get_c(*input, key);
    pb_str k, m;
    if (!is_text(v) || pb_get_c(*input, md5).kind != PB_NONE) return true;
    if (!base64_of(c, pb_text(v), &k) || !digest_base64(c, EVP_md5(), pb_text(v), &m)) return false;
    return set(c, input, pb_str_c(key), pb_string(k)) && set(c, input, pb_str_c(md5), pb_string(m));
}

/* "bucket/key?versionId=.." with all but the version percent-encoded. */
static bool encode_copy_source(codec *c, pb_value *input) {
    pb_value v = pb_get_c(*input, "CopySource");
    static const char mark[] = "?versionId=";
    pb_buf b = {0};
    pb_str t, out;
    if (v.kind != PB_STRING) return true;
    t = pb_text(v);
    uint32_t cut = t.n;
    for (uint32_t i = 0; i + sizeof mark - 1 < t.n; i++)
        if (memcmp(t.s + i, mark, sizeof mark - 1) == 0) cut = i;
    text_encode(&b, (pb_str){t.s, cut}, "/");
    pb_buf_add(&b, t.s + cut, t.n - cut);
    return codec_take(c, &b, &out) && set(c, input, PB_STR("CopySource"), pb_string(out));
}

static bool is_s3_list(const codec *c) {
    return op_is(c, "ListObjects") || op_is(c, "ListObjectsV2") || op_is(c, "ListObjectVersions");
}

static bool s3_input(codec *c, pb_value *input) {
    const tab_shape *s = input_shape(c);
    if (is_s3_list(c))
        return pb_get_c(*input, "EncodingType").kind != PB_NONE ||
               set(c, input, PB_STR("EncodingType"), pb_string_c("url"));
    if (tab_find(c->m, s, PB_STR("SSECustomerKey")) &&
        !encode_customer_key(c, input, "SSECustomerKey", "SSECustomerKeyMD5"))
        return false;
    if (!tab_find(c->m, s, PB_STR("CopySource"))) return true;
    return encode_copy_source(c, input) &&
           encode_customer_key(c, input, "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5");
}

/* "/hostedzone/Z123" -> "Z123" */
static bool route53_input(codec *c, pb_value *input) {
    const tab_shape *s = input_shape(c);
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        pb_str shape = tab_str(c->m, tab_ref_shape(c->m, r)->name), t;
        pb_value v = pb_get(*input, tab_str(c->m, r->name));
        if (v.kind != PB_STRING) continue;
        if (!pb_str_is(shape, "ResourceId") && !pb_str_is(shape, "DelegationSetId") && !pb_str_is(shape, "ChangeId"))
            continue;
        t = pb_text(v);
        const char *slash = t.n ? memrchr(t.s, '/', t.n) : NULL;
        if (slash) t = (pb_str){slash + 1, (uint32_t)(t.s + t.n - slash) - 1};
        if (slash && !set(c, input, tab_str(c->m, r->name), pb_string(t))) return false;
    }
    return true;
}

bool custom_input(codec *c, pb_value *input) {
    if (!c->op->input) return true;
    if (!fill_tokens(c, input)) return false;
    if ((service_is(c, "ec2") && op_is(c, "RunInstances")) ||
        (service_is(c, "autoscaling") && op_is(c, "CreateLaunchConfiguration")))
        return encode_user_data(c, input);
    if (service_is(c, "s3")) return s3_input(c, input);
    if (service_is(c, "route53")) return route53_input(c, input);
    if (service_is(c, "glacier") && pb_get_c(*input, "accountId").kind == PB_NONE &&
        tab_find(c->m, input_shape(c), PB_STR("accountId")))
        return set(c, input, PB_STR("accountId"), pb_string_c("-"));
    return true;
}

/* ---- checksums and headers ---- */

static bool big_endian_base64(codec *c, uint32_t n, pb_str *out) {
    char b[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    return base64_of(c, (pb_str){b, 4}, out);
}

static uint32_t crc32c(pb_str s) {
    uint32_t crc = 0xffffffff;
    for (uint32_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.s[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static bool checksum(codec *c, pb_str algorithm, pb_str body, const char **header, pb_str *out) {
    if (text_is(algorithm, "CRC32", true)) {
        *header = "x-amz-checksum-crc32";
        return big_endian_base64(c, (uint32_t)crc32(0, (const Bytef *)(body.s ? body.s : ""), body.n), out);
    }
    if (text_is(algorithm, "CRC32C", true)) {
        *header = "x-amz-checksum-crc32c";
        return big_endian_base64(c, crc32c(body), out);
    }
    if (text_is(algorithm, "SHA1", true)) {
        *header = "x-amz-checksum-sha1";
        return digest_base64(c, EVP_sha1(), body, out);
    }
    if (text_is(algorithm, "SHA256", true)) {
        *header = "x-amz-checksum-sha256";
        return digest_base64(c, EVP_sha256(), body, out);
    }
    return codec_fail(c, c->bad, "%.*s: no such checksum; CRC32, CRC32C, SHA1 and SHA256 are known",
                      PB_ARG(tab_str(c->m, c->op->checksum_member)));
}

static bool has_checksum(const wire_headers *h) {
    static const char prefix[] = "x-amz-checksum-";
    for (uint32_t i = 0; i < h->n; i++) {
        pb_str n = h->items[i].name;
        if (n.n > sizeof prefix - 1 && text_is((pb_str){n.s, sizeof prefix - 1}, prefix, true) &&
            !text_is(n, "x-amz-checksum-mode", true) && !text_is(n, "x-amz-checksum-type", true) &&
            !text_is(n, "x-amz-checksum-algorithm", true))
            return true;
    }
    return headers_get(h->items, h->n, "content-md5").s != NULL;
}

/* What the operation's traits ask for: the chosen algorithm, CRC32 where one is required, or an MD5 of the body. */
static bool add_checksum(codec *c, pb_value input, pb_str body, wire_headers *h) {
    pb_str member = tab_str(c->m, c->op->checksum_member), value;
    pb_value chosen = pb_get(input, member);
    const char *header = "Content-MD5";
    if (has_checksum(h)) return true;
    if (member.n && chosen.kind == PB_STRING)
        return checksum(c, pb_text(chosen), body, &header, &value) && headers_add_c(c, h, header, value.s);
    if (!(c->op->flags & (TAB_O_CHECKSUM | TAB_O_MD5))) return true;
    if (!member.n) return digest_base64(c, EVP_md5(), body, &value) && headers_add_c(c, h, header, value.s);
    const tab_ref *r = tab_find(c->m, input_shape(c), member);
    return checksum(c, PB_STR("CRC32"), body, &header, &value) &&
           (!r || headers_add(c, h, tab_wire(c->m, r), PB_STR("CRC32"))) && headers_add_c(c, h, header, value.s);
}

bool custom_headers(codec *c, pb_value input, pb_str body, wire_headers *h) {
    pb_str version = tab_str(c->m, c->service->api_version);
    if ((c->service->flags & TAB_V_QUERY_COMPATIBLE) && !headers_add(c, h, PB_STR("x-amzn-query-mode"), PB_STR("true")))
        return false;
    if (service_is(c, "glacier") && !headers_add(c, h, PB_STR("x-amz-glacier-version"), version)) return false;
    if (service_is(c, "apigateway") && !headers_get(h->items, h->n, "accept").s &&
        !headers_add(c, h, PB_STR("Accept"), PB_STR("application/json")))
        return false;
    if ((c->op->flags & TAB_O_DISCOVERY) && !headers_add(c, h, PB_STR("x-amz-api-version"), version)) return false;
    return add_checksum(c, input, body, h);
}

/* ---- strings deep inside a value ---- */

typedef struct rewrite {
    codec *c;
    bool (*hit)(const codec *c, const tab_ref *r); /* is this string one of them? */
    bool (*change)(codec *c, pb_str in, pb_str *out);
} rewrite;

/* What is not changed is not copied: most answers have no such string. */
static bool rewrite_value(const rewrite *w, const tab_ref *r, pb_value *v, unsigned depth, bool *changed);

static bool rewrite_map(const rewrite *w, const tab_shape *s, pb_value *v, unsigned depth, bool *changed) {
    pb_entry *copy = NULL;
    for (uint32_t i = 0; i < v->n; i++) {
        pb_entry e = v->u.entries[i];
        const tab_ref *r = s->kind == SCHEMA_MAP ? tab_ref_at(w->c->m, s->first + 1) : tab_find(w->c->m, s, e.key);
        bool here = false;
        if (r && !rewrite_value(w, r, &e.value, depth, &here)) return false;
        if (!here) continue;
        if (!copy) {
            copy = pb_alloc_array(w->c->a, v->n, sizeof *copy);
            if (!copy) return codec_oom(w->c);
            memcpy(copy, v->u.entries, v->n * sizeof *copy);
        }
        copy[i] = e;
    }
    if (copy) v->u.entries = copy;
    *changed = copy != NULL;
    return true;
}

static bool rewrite_list(const rewrite *w, const tab_shape *s, pb_value *v, unsigned depth, bool *changed) {
    pb_value *copy = NULL;
    for (uint32_t i = 0; i < v->n; i++) {
        pb_value item = v->u.items[i];
        bool here = false;
        if (!rewrite_value(w, tab_ref_at(w->c->m, s->first), &item, depth, &here)) return false;
        if (!here) continue;
        if (!copy) {
            copy = pb_alloc_array(w->c->a, v->n, sizeof *copy);
            if (!copy) return codec_oom(w->c);
            memcpy(copy, v->u.items, v->n * sizeof *copy);
        }
        copy[i] = item;
    }
    if (copy) v->u.items = copy;
    *changed = copy != NULL;
    return true;
}

static bool rewrite_value(const rewrite *w, const tab_ref *r, pb_value *v, unsigned depth, bool *changed) {
    const tab_shape *s = tab_ref_shape(w->c->m, r);
    pb_str t;
    if (depth > WIRE_MAX_DEPTH) return true;
    if ((s->kind == SCHEMA_STRUCT || s->kind == SCHEMA_MAP) && v->kind == PB_MAP)
        return rewrite_map(w, s, v, depth + 1, changed);
    if (s->kind == SCHEMA_LIST && v->kind == PB_LIST) return rewrite_list(w, s, v, depth + 1, changed);
    if (s->kind != SCHEMA_STRING || v->kind != PB_STRING || !w->hit(w->c, r)) return true;
    if (!w->change(w->c, pb_text(*v), &t)) return false;
    *v = pb_string(t);
    *changed = true;
    return true;
}

static bool is_policy(const codec *c, const tab_ref *r) {
    return pb_str_is(tab_str(c->m, tab_ref_shape(c->m, r)->name), "policyDocumentType");
}

static bool is_s3_name(const codec *c, const tab_ref *r) {
    static const char *const names[] = {"Key",        "Prefix",     "Delimiter", "Marker",
                                        "NextMarker", "StartAfter", "KeyMarker", "NextKeyMarker"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (pb_str_is(tab_str(c->m, r->name), names[i])) return true;
    return false;
}

static bool decode_plain(codec *c, pb_str in, pb_str *out) { return text_decode(c->a, in, false, out) || codec_oom(c); }
static bool decode_plus(codec *c, pb_str in, pb_str *out) { return text_decode(c->a, in, true, out) || codec_oom(c); }

static bool encode_all(codec *c, pb_str in, pb_str *out) {
    pb_buf b = {0};
    text_encode(&b, in, "");
    return codec_take(c, &b, out);
}

static bool encode_key(codec *c, pb_str in, pb_str *out) {
    pb_buf b = {0};
    text_encode(&b, in, "/");
    return codec_take(c, &b, out);
}

static bool rewrite_output(codec *c, pb_value *output, bool (*hit)(const codec *, const tab_ref *),
                           bool (*change)(codec *, pb_str, pb_str *)) {
    rewrite w = {c, hit, change};
    bool changed;
    return rewrite_value(&w, tab_ref_at(c->m, c->op->output), output, 0, &changed);
}

/* ---- outputs ---- */

static bool read_location(codec *c, pb_str body, pb_value *output) {
    xml_node *root;
    if (!xml_parse(c, body, &root)) return false;
    *output = (pb_value){PB_MAP, 0, {0}};
    return root->text.n == 0 || set(c, output, PB_STR("LocationConstraint"), pb_string(root->text));
}

static bool decode_console(codec *c, pb_value *output) {
    pb_value v = pb_get_c(*output, "Output");
    pb_str t;
    if (v.kind != PB_STRING || !pb_base64_decode(c->a, text_trim(pb_text(v)), &t) || !pb_utf8_valid(t.s, t.n))
        return true;
    return set(c, output, PB_STR("Output"), pb_string(t));
}

bool custom_output(codec *c, pb_str body, pb_value *output) {
    if (!c->op->output) return true;
    if (service_is(c, "iam")) return rewrite_output(c, output, is_policy, decode_plain);
    if (service_is(c, "ec2") && op_is(c, "GetConsoleOutput")) return decode_console(c, output);
    if (!service_is(c, "s3")) return true;
    if (op_is(c, "GetBucketLocation")) return read_location(c, body, output);
    pb_value encoding = pb_get_c(*output, "EncodingType");
    if (!is_s3_list(c) || encoding.kind != PB_STRING || !pb_str_is(pb_text(encoding), "url")) return true;
    return rewrite_output(c, output, is_s3_name, decode_plus);
}

/* ---- the simulated account's side ---- */

bool custom_server_input(codec *c, pb_value *input) {
    bool user_data = (service_is(c, "ec2") && op_is(c, "RunInstances")) ||
                     (service_is(c, "autoscaling") && op_is(c, "CreateLaunchConfiguration"));
    pb_value v = pb_get_c(*input, "UserData");
    pb_str t;
    if (!user_data || v.kind != PB_STRING) return true;
    if (!pb_base64_decode(c->a, pb_text(v), &t))
        return codec_fail(c, "InvalidParameterValue", "Invalid BASE64 encoding of user data");
    return set(c, input, PB_STR("UserData"),
               pb_utf8_valid(t.s, t.n) ? pb_string(t) : (pb_value){PB_BYTES, t.n, {.s = t.s}});
}

static bool write_location(codec *c, pb_value output, pb_buf *b) {
    pb_value v = pb_get_c(output, "LocationConstraint");
    pb_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml_open(b, PB_STR("LocationConstraint"), tab_str(c->m, c->service->xml_namespace));
    if (v.kind == PB_STRING) xml_escape(b, pb_text(v));
    xml_close(b, PB_STR("LocationConstraint"));
    return true;
}

static bool encode_console(codec *c, pb_value *output) {
    pb_value v = pb_get_c(*output, "Output");
    pb_str t;
    return !is_text(v) || (base64_of(c, pb_text(v), &t) && set(c, output, PB_STR("Output"), pb_string(t)));
}

bool custom_server_output(codec *c, pb_value *output, pb_buf *body, bool *done) {
    *done = false;
    if (!c->op->output) return true;
    if (service_is(c, "iam")) return rewrite_output(c, output, is_policy, encode_all);
    if (service_is(c, "ec2") && op_is(c, "GetConsoleOutput")) return encode_console(c, output);
    if (!service_is(c, "s3")) return true;
    if (op_is(c, "GetBucketLocation")) {
        *done = true;
        return write_location(c, *output, body);
    }
    pb_value encoding = pb_get_c(*output, "EncodingType");
    if (!is_s3_list(c) || encoding.kind != PB_STRING || !pb_str_is(pb_text(encoding), "url")) return true;
    return rewrite_output(c, output, is_s3_name, encode_key);
}
