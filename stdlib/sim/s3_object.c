/*
 * s3_object.c - objects: put, get, delete, list. Objects are small and kept whole; one may come in parts
 * (s3_multipart.c) and be read in ranges. There are no versions.
 */
#include <openssl/evp.h>

#include "stdlib/sim/s3.h"

enum { MAX_KEYS = 1000, KEY_MAX = 1024 };

pb_value s3_etag(sim_call *c, pb_str body) {
    unsigned char d[16];
    char hex[33];
    unsigned n = sizeof d;
    if (EVP_Digest(body.n ? body.s : "", body.n, d, &n, EVP_md5(), NULL) != 1)
        return sim_fail(c, 500, "InternalError", "MD5 is not available");
    for (int i = 0; i < 16; i++) {
        hex[2 * i] = "0123456789abcdef"[d[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[d[i] & 15];
    }
    return sim_text(c, "\"%.32s\"", hex);
}

/* The object that the input names. */
static pb_value object(sim_call *c, pb_str *bucket, pb_str *key) {
    s3_bucket(c, bucket);
    *key = get_text(c->in, "Key");
    pb_value v = c->failed ? PB_NONE_VALUE : sim_get(c, K_OBJECT, *bucket, *key);
    return is_set(v) ? v : sim_fail(c, 404, "NoSuchKey", "The specified key does not exist.");
}

static const char *const metadata_members[] = {
    "ContentType", "ContentEncoding",      "ContentDisposition",      "ContentLanguage", "CacheControl",
    "Metadata",    "ServerSideEncryption", "WebsiteRedirectLocation", "StorageClass",    NULL};

pb_value s3_metadata(sim_call *c) {
    pb_value v = sim_pick(c, c->in, metadata_members);
    if (pb_str_is(get_text(v, "ContentEncoding"), "aws-chunked")) /* how it was sent, not what it is */
        v = sim_with(c, v, "ContentEncoding", PB_NONE_VALUE);
    return v;
}

void s3_store(sim_call *c, pb_str bucket, pb_str key, pb_value metadata, pb_str bytes, pb_value tag) {
    pb_value v =
        MAP(c, {"Key", pb_string(key)}, {"LastModified", pb_time(c->now)}, {"ETag", tag}, {"Size", pb_int(bytes.n)},
            {"StorageClass", pb_string_c("STANDARD")}, {"ContentType", pb_string_c("binary/octet-stream")},
            {"ServerSideEncryption", pb_string_c("AES256")});
    if (!c->failed) sim_put_body(c, K_OBJECT, bucket, key, sim_merge(c, v, metadata), bytes);
}

pb_value s3_put_object(sim_call *c) {
    pb_str name, key = get_text(c->in, "Key");
    pb_value b = s3_bucket(c, &name), body = pb_get_c(c->in, "Body"), has_acl = pb_get_c(c->in, "ACL");
    if (key.n > KEY_MAX) sim_fail(c, 400, "KeyTooLongError", "Your key is too long");
    pb_value acl = c->failed ? PB_NONE_VALUE : s3_acl_given(c, b);
    if (c->failed) return PB_NONE_VALUE;
    pb_str bytes = is_set(body) ? pb_text(body) : PB_STR("");
    pb_value tag = s3_etag(c, bytes), about = s3_metadata(c);
    s3_store(c, name, key, sim_merge(c, about, MAP(c, {"_acl", is_set(has_acl) ? acl : PB_NONE_VALUE})), bytes, tag);
    return MAP(c, {"ETag", tag},
               {"ServerSideEncryption", or_else(pb_get_c(about, "ServerSideEncryption"), pb_string_c("AES256"))});
}

/* "/bucket/a%20key?versionId=...": decoded, in parts. */
static bool copy_source(sim_call *c, pb_str *bucket, pb_str *key) {
    pb_str from = get_text(c->in, "CopySource");
    char *text = pb_alloc(c->arena, (size_t)from.n + 1);
    uint32_t n = 0;
    if (!text) return false;
    for (uint32_t i = from.n && from.s[0] == '/' ? 1 : 0; i < from.n && from.s[i] != '?'; i++) {
        const char *hex = "0123456789abcdef", *high = NULL, *low = NULL;
        if (from.s[i] == '%' && i + 2 < from.n) {
            high = memchr(hex, from.s[i + 1] | 32, 16);
            low = memchr(hex, from.s[i + 2] | 32, 16);
        }
        text[n++] = high && low ? (char)((high - hex) * 16 + (low - hex)) : from.s[i];
        if (high && low) i += 2;
    }
    const char *slash = memchr(text, '/', n);
    if (!slash) return false;
    *bucket = (pb_str){text, (uint32_t)(slash - text)};
    *key = (pb_str){slash + 1, (uint32_t)(text + n - slash - 1)};
    return true;
}

pb_value s3_copied(sim_call *c, pb_str *bucket, pb_str *key, pb_str *bytes) {
    if (!c->failed && !copy_source(c, bucket, key))
        sim_fail(c, 400, "InvalidArgument",
                 "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    if (c->failed) return PB_NONE_VALUE;
    if (!is_set(sim_get(c, K_BUCKET, PB_STR(""), *bucket)))
        return sim_fail(c, 404, "NoSuchBucket", "The specified bucket does not exist");
    pb_value v = sim_get(c, K_OBJECT, *bucket, *key);
    if (!is_set(v)) return sim_fail(c, 404, "NoSuchKey", "The specified key does not exist.");
    *bytes = sim_body(c, K_OBJECT, *bucket, *key);
    return v;
}

pb_value s3_copy_object(sim_call *c) {
    pb_str to, from, key, bytes, new_key = get_text(c->in, "Key");
    s3_bucket(c, &to);
    bool anew = pb_str_is(get_text(c->in, "MetadataDirective"), "REPLACE");
    pb_value v = s3_copied(c, &from, &key, &bytes);
    if (c->failed) return PB_NONE_VALUE;
    if (!anew && pb_str_eq(from, to) && pb_str_eq(key, new_key))
        return sim_fail(c, 400, "InvalidRequest",
                        "This copy request is illegal because it is trying to copy an object to itself without "
                        "changing the object's metadata, storage class, website redirect location or encryption "
                        "attributes.");
    pb_value about = anew ? s3_metadata(c) : sim_pick(c, v, metadata_members), tag = s3_etag(c, bytes);
    s3_store(c, to, new_key, sim_with(c, about, "_tags", pb_get_c(v, "_tags")), bytes, tag);
    return MAP(c, {"CopyObjectResult", MAP(c, {"ETag", tag}, {"LastModified", pb_time(c->now)})});
}

static pb_value object_head(sim_call *c, pb_str *bucket, pb_str *key) {
    pb_value v = object(c, bucket, key);
    if (c->failed) return PB_NONE_VALUE;
    pb_str match = get_text(c->in, "IfMatch");
    if (match.n && !pb_str_eq(match, get_text(v, "ETag")))
        return sim_fail(c, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    return sim_merge(c, v, MAP(c, {"ContentLength", pb_get_c(v, "Size")}, {"AcceptRanges", pb_string_c("bytes")}));
}

pb_value s3_head_object(sim_call *c) {
    pb_str bucket, key;
    return object_head(c, &bucket, &key);
}

static bool digits(pb_str t, int64_t *n) {
    *n = 0;
    for (uint32_t i = 0; i < t.n; i++) {
        if (t.s[i] < '0' || t.s[i] > '9' || i == 15) return false;
        *n = *n * 10 + (t.s[i] - '0');
    }
    return t.n > 0;
}

/* "bytes=0-99", "bytes=100-", "bytes=-10" of n bytes. A range that is not understood is the whole, as HTTP has it. */
bool s3_range(pb_str t, int64_t n, int64_t *from, int64_t *to) {
    *from = 0;
    *to = n - 1;
    if (!str_starts(t, "bytes=")) return false;
    t = (pb_str){t.s + 6, t.n - 6};
    const char *dash = t.n ? memchr(t.s, '-', t.n) : NULL;
    if (!dash) return false;
    pb_str a = {t.s, (uint32_t)(dash - t.s)}, b = {dash + 1, t.n - a.n - 1};
    if (!a.n) {
        if (!digits(b, from)) return false;
        *from = *from > n ? 0 : n - *from;
        return true;
    }
    if (!digits(a, from) || (b.n && !digits(b, to))) return false;
    if (*to > n - 1) *to = n - 1;
    return true;
}

pb_value s3_get_object(sim_call *c) {
    pb_str bucket, key, asked = get_text(c->in, "Range");
    int64_t from, to;
    pb_value v = object_head(c, &bucket, &key);
    if (c->failed) return PB_NONE_VALUE;
    pb_str body = sim_body(c, K_OBJECT, bucket, key);
    if (asked.n && s3_range(asked, body.n, &from, &to)) {
        if (from > to) return sim_fail(c, 416, "InvalidRange", "The requested range is not satisfiable");
        v = sim_with(c, v, "ContentRange", sim_text(c, "bytes %lld-%lld/%u", (long long)from, (long long)to, body.n));
        body = (pb_str){body.s + from, (uint32_t)(to - from + 1)};
        v = sim_with(c, v, "ContentLength", pb_int(body.n));
        c->status = 206;
    }
    return sim_with(c, v, "Body", (pb_value){PB_BYTES, body.n, {.s = body.s}});
}

pb_value s3_delete_object(sim_call *c) {
    pb_str name;
    s3_bucket(c, &name);
    if (!c->failed) sim_delete(c, K_OBJECT, name, get_text(c->in, "Key")); /* deleting what is not there is fine */
    return PB_NONE_VALUE;
}

pb_value s3_delete_objects(sim_call *c) {
    pb_str name;
    sim_items deleted = {0}, errors = {0};
    pb_value objects = pb_get_c(pb_get_c(c->in, "Delete"), "Objects");
    s3_bucket(c, &name);
    if (objects.n > MAX_KEYS)
        sim_fail(c, 400, "MalformedXML",
                 "The XML you provided was not well-formed or did not validate against our published schema");
    EACH(o, objects) {
        if (sim_item_fails(c)) {
            items_add(c, &errors,
                      MAP(c, {"Key", pb_get_c(*o, "Key")}, {"Code", pb_string_c("InternalError")},
                          {"Message", pb_string_c("a fault that was asked for")}));
            continue;
        }
        sim_delete(c, K_OBJECT, name, get_text(*o, "Key"));
        items_add(c, &deleted, MAP(c, {"Key", pb_get_c(*o, "Key")}));
    }
    bool quiet = get_bool(pb_get_c(c->in, "Delete"), "Quiet");
    return MAP(c, {"Deleted", quiet ? PB_NONE_VALUE : items_list(c, &deleted)},
               {"Errors", errors.n ? items_list(c, &errors) : PB_NONE_VALUE});
}

/* ---- ACL and tags of an object ---- */

/* A member of the object is written anew; the bytes stay. */
static void object_set(sim_call *c, pb_str bucket, pb_str key, pb_value v, const char *member, pb_value value) {
    if (!c->failed)
        sim_put_body(c, K_OBJECT, bucket, key, sim_with(c, v, member, value), sim_body(c, K_OBJECT, bucket, key));
}

pb_value s3_get_object_acl(sim_call *c) {
    pb_str bucket, key;
    pb_value v = object(c, &bucket, &key);
    if (c->failed) return PB_NONE_VALUE;
    pb_value own = MAP(c, {"Grantee", sim_merge(c, MAP(c, {"Type", pb_string_c("CanonicalUser")}), s3_owner(c))},
                       {"Permission", pb_string_c("FULL_CONTROL")});
    return or_else(pb_get_c(v, "_acl"), MAP(c, {"Owner", s3_owner(c)}, {"Grants", sim_list1(c, own)}));
}

pb_value s3_put_object_acl(sim_call *c) {
    pb_str bucket, key;
    pb_value b = s3_bucket(c, &bucket), v = object(c, &bucket, &key);
    object_set(c, bucket, key, v, "_acl", c->failed ? PB_NONE_VALUE : s3_acl_given(c, b));
    return PB_NONE_VALUE;
}

pb_value s3_get_object_tagging(sim_call *c) {
    pb_str bucket, key;
    pb_value v = object(c, &bucket, &key);
    return MAP(c, {"TagSet", or_else(pb_get_c(v, "_tags"), items_list(c, &(sim_items){0}))});
}

pb_value s3_put_object_tagging(sim_call *c) {
    pb_str bucket, key;
    pb_value v = object(c, &bucket, &key), tags = pb_get_c(pb_get_c(c->in, "Tagging"), "TagSet");
    if (tags.n > 10) sim_fail(c, 400, "BadRequest", "Object tags cannot be greater than 10");
    object_set(c, bucket, key, v, "_tags", tags);
    return PB_NONE_VALUE;
}

pb_value s3_delete_object_tagging(sim_call *c) {
    pb_str bucket, key;
    pb_value v = object(c, &bucket, &key);
    object_set(c, bucket, key, v, "_tags", PB_NONE_VALUE);
    return PB_NONE_VALUE;
}

/* ---- lists ---- */

static int text_compare(pb_str a, pb_str b) {
    uint32_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.s, b.s, n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

static bool has_prefix(pb_str s, pb_str prefix) {
    return s.n >= prefix.n && (!prefix.n || memcmp(s.s, prefix.s, prefix.n) == 0);
}

/* The key up to and with the first delimiter after the prefix; empty: none. */
static pb_str common_prefix(pb_str key, pb_str prefix, pb_str delimiter) {
    if (!delimiter.n) return (pb_str){"", 0};
    const char *at = memmem(key.s + prefix.n, key.n - prefix.n, delimiter.s, delimiter.n);
    return at ? (pb_str){key.s, (uint32_t)(at - key.s) + delimiter.n} : (pb_str){"", 0};
}

typedef struct page {
    sim_items contents, prefixes;
    pb_str last; /* key or common prefix given last */
    bool more;
} page;

static void list_page(sim_call *c, pb_str bucket, pb_str after, int64_t max, page *p) {
    static const char *const kept[] = {"LastModified", "ETag", "Size", "StorageClass", NULL};
    pb_str prefix = get_text(c->in, "Prefix"), delimiter = get_text(c->in, "Delimiter");
    pb_value all = sim_list_sorted(c, K_OBJECT, &bucket);
    EACH(o, all) {
        pb_str key = get_text(*o, "Key");
        if (!has_prefix(key, prefix)) continue;
        pb_str group = common_prefix(key, prefix, delimiter), item = group.n ? group : key;
        /* A page that ended with a common prefix has given all keys under it. */
        if (after.n && (text_compare(item, after) <= 0 || (delimiter.n && group.n && has_prefix(after, group))))
            continue;
        if (group.n && p->last.n && pb_str_eq(group, p->last)) continue;
        if (p->contents.n + p->prefixes.n >= max) {
            p->more = true;
            return;
        }
        p->last = item;
        if (group.n)
            items_add(c, &p->prefixes, MAP(c, {"Prefix", pb_string(group)}));
        else
            items_add(c, &p->contents, sim_merge(c, MAP(c, {"Key", pb_string(key)}), sim_pick(c, *o, kept)));
    }
}

static int64_t max_keys(sim_call *c) {
    int64_t max = get_int(c->in, "MaxKeys", MAX_KEYS);
    if (max < 0) sim_fail(c, 400, "InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647");
    int64_t most = c->sim->trouble.page_size;
    if (most && max > most) return most;
    return max > MAX_KEYS ? MAX_KEYS : max;
}

/* What both versions of the list say. */
static pb_value list_output(sim_call *c, pb_str bucket, const page *p, int64_t max) {
    return MAP(c, {"Name", pb_string(bucket)}, {"Prefix", pb_string(get_text(c->in, "Prefix"))},
               {"Delimiter", pb_get_c(c->in, "Delimiter")}, {"EncodingType", pb_get_c(c->in, "EncodingType")},
               {"MaxKeys", pb_int(max)}, {"IsTruncated", pb_bool(p->more)}, {"Contents", items_list(c, &p->contents)},
               {"CommonPrefixes", items_list(c, &p->prefixes)});
}

pb_value s3_list_objects_v2(sim_call *c) {
    pb_str bucket, after = get_text(c->in, "StartAfter"), token = get_text(c->in, "ContinuationToken");
    int64_t max = max_keys(c);
    page p = {0};
    s3_bucket(c, &bucket);
    if (token.n && !pb_base64_decode(c->arena, token, &after))
        sim_fail(c, 400, "InvalidArgument", "The continuation token provided is incorrect");
    if (c->failed) return PB_NONE_VALUE;
    list_page(c, bucket, after, max, &p);
    pb_value out = list_output(c, bucket, &p, max), start = pb_get_c(c->in, "StartAfter");
    out = sim_merge(c, out,
                    MAP(c, {"KeyCount", pb_int(p.contents.n + p.prefixes.n)},
                        {"ContinuationToken", pb_get_c(c->in, "ContinuationToken")}, {"StartAfter", start}));
    return p.more ? sim_with(c, out, "NextContinuationToken", pb_string(pb_base64(c->arena, p.last.s, p.last.n))) : out;
}

pb_value s3_list_objects(sim_call *c) {
    pb_str bucket, after = get_text(c->in, "Marker");
    int64_t max = max_keys(c);
    page p = {0};
    s3_bucket(c, &bucket);
    if (c->failed) return PB_NONE_VALUE;
    list_page(c, bucket, after, max, &p);
    pb_value out = sim_with(c, list_output(c, bucket, &p, max), "Marker", pb_string(after));
    return p.more ? sim_with(c, out, "NextMarker", pb_string(p.last)) : out;
}
