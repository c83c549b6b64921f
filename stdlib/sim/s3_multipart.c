/*
 * s3_multipart.c - objects that come in parts. Parts are kept under their upload, in the order of their numbers, and
 * become one object when the upload is completed.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "stdlib/sim/s3.h"

enum {
    PARTS_MAX = 10000,
    PART_MIN = 5 << 20,    /* of all but the last */
    OBJECT_MAX = 64 << 20, /* far above what drills need, far below what a request may have of memory */
    DIGEST = 16,           /* of MD5 */
};

/* The upload that the input names. */
static pb_value upload(sim_call *c, pb_str *bucket, pb_str *id) {
    s3_bucket(c, bucket);
    *id = get_text(c->in, "UploadId");
    pb_value u = c->failed ? PB_NONE_VALUE : sim_get(c, K_UPLOAD, *bucket, *id);
    if (!is_set(u) || !pb_equal(pb_get_c(u, "Key"), pb_get_c(c->in, "Key")))
        return sim_fail(c, 404, "NoSuchUpload",
                        "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
                        "been aborted or completed.");
    return u;
}

pb_value s3_create_upload(sim_call *c) {
    pb_str bucket;
    pb_value b = s3_bucket(c, &bucket);
    if (!c->failed && is_set(pb_get_c(c->in, "ACL"))) s3_acl_given(c, b);
    pb_value id = pb_string(sim_secret(c, "upload", 40));
    if (c->failed) return PB_NONE_VALUE;
    pb_value u = MAP(c, {"UploadId", id}, {"Key", pb_get_c(c->in, "Key")}, {"Initiated", pb_time(c->now)},
                     {"StorageClass", pb_string_c("STANDARD")}, {"_input", s3_metadata(c)});
    sim_put(c, K_UPLOAD, bucket, pb_text(id), u);
    return MAP(c, {"Bucket", pb_string(bucket)}, {"Key", pb_get_c(c->in, "Key")}, {"UploadId", id});
}

static pb_str part_id(sim_call *c, int64_t number) { return pb_printf(c->arena, "%05lld", (long long)number); }

static pb_value part_put(sim_call *c, pb_str bytes) {
    pb_str bucket, id;
    int64_t number = get_int(c->in, "PartNumber", 0);
    upload(c, &bucket, &id);
    if (number < 1 || number > PARTS_MAX)
        sim_fail(c, 400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
    if (c->failed) return PB_NONE_VALUE;
    pb_value tag = s3_etag(c, bytes);
    sim_put_body(c, K_PART, id, part_id(c, number),
                 MAP(c, {"PartNumber", pb_int(number)}, {"ETag", tag}, {"Size", pb_int(bytes.n)},
                     {"LastModified", pb_time(c->now)}),
                 bytes);
    return tag;
}

pb_value s3_upload_part(sim_call *c) {
    pb_value body = pb_get_c(c->in, "Body");
    pb_value tag = part_put(c, is_set(body) ? pb_text(body) : PB_STR(""));
    return MAP(c, {"ETag", tag}, {"ServerSideEncryption", pb_string_c("AES256")});
}

pb_value s3_upload_part_copy(sim_call *c) {
    pb_str bucket, key, bytes, asked = get_text(c->in, "CopySourceRange");
    int64_t from, to;
    s3_copied(c, &bucket, &key, &bytes);
    if (c->failed) return PB_NONE_VALUE;
    if (asked.n && s3_range(asked, bytes.n, &from, &to)) {
        if (from > to) return sim_fail(c, 416, "InvalidRange", "The requested range is not satisfiable");
        bytes = (pb_str){bytes.s + from, (uint32_t)(to - from + 1)};
    }
    pb_value tag = part_put(c, bytes);
    return MAP(c, {"CopyPartResult", MAP(c, {"ETag", tag}, {"LastModified", pb_time(c->now)})});
}

static int hex_digit(char ch) { return ch >= 'a' ? ch - 'a' + 10 : ch - '0'; }

/* "MD5 of the MD5s"-number of parts. */
static pb_value whole_etag(sim_call *c, pb_value parts) {
    char *all = pb_alloc(c->arena, (size_t)parts.n * DIGEST);
    if (!all) return PB_NONE_VALUE;
    for (uint32_t i = 0; i < parts.n; i++) {
        pb_str tag = get_text(parts.u.items[i], "ETag"); /* quoted */
        for (uint32_t k = 0; k < DIGEST && tag.n == 2 * DIGEST + 2; k++)
            all[i * DIGEST + k] = (char)(hex_digit(tag.s[1 + 2 * k]) * 16 + hex_digit(tag.s[2 + 2 * k]));
    }
    pb_value tag = s3_etag(c, (pb_str){all, parts.n * DIGEST});
    return is_set(tag) ? sim_text(c, "%.*s-%u\"", (int)tag.n - 1, tag.u.s, parts.n) : tag;
}

static bool tags_equal(pb_str a, pb_str b) {
    if (a.n >= 2 && a.s[0] == '"') a = (pb_str){a.s + 1, a.n - 2};
    if (b.n >= 2 && b.s[0] == '"') b = (pb_str){b.s + 1, b.n - 2};
    return pb_str_eq(a, b);
}

/* The parts that the list names, checked; their sizes in *total. */
static pb_value parts_named(sim_call *c, pb_str id, pb_value list, int64_t *total) {
    sim_items parts = {0};
    int64_t last = 0;
    *total = 0;
    if (!list.n) return sim_fail(c, 400, "MalformedXML", "You must specify at least one part");
    EACH(p, list) {
        int64_t number = get_int(*p, "PartNumber", 0);
        pb_value part = sim_get(c, K_PART, id, part_id(c, number));
        if (number <= last)
            return sim_fail(c, 400, "InvalidPartOrder", "The list of parts was not in ascending order.");
        if (!is_set(part) || !tags_equal(get_text(part, "ETag"), get_text(*p, "ETag")))
            return sim_fail(c, 400, "InvalidPart",
                            "One or more of the specified parts could not be found. The part may not have been "
                            "uploaded, or the specified entity tag may not match the part's entity tag.");
        if (parts.n && get_int(parts.v[parts.n - 1], "Size", 0) < PART_MIN)
            return sim_fail(c, 400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
        *total += get_int(part, "Size", 0);
        last = number;
        items_add(c, &parts, part);
    }
    if (*total > OBJECT_MAX)
        return sim_fail(c, 400, "EntityTooLarge", "the simulated account keeps objects of at most 64 MiB");
    return items_list(c, &parts);
}

static void upload_drop(sim_call *c, pb_str bucket, pb_str id) {
    sim_delete_all(c, K_PART, id);
    sim_delete(c, K_UPLOAD, bucket, id);
}

pb_value s3_complete_upload(sim_call *c) {
    pb_str bucket, id, key = get_text(c->in, "Key");
    int64_t total;
    pb_value u = upload(c, &bucket, &id), list = pb_get_c(pb_get_c(c->in, "MultipartUpload"), "Parts"),
             parts = c->failed ? PB_NONE_VALUE : parts_named(c, id, list, &total);
    char *all = c->failed ? NULL : pb_alloc(c->arena, (size_t)total + 1);
    if (!all) return PB_NONE_VALUE;
    uint32_t n = 0;
    EACH(p, parts) {
        pb_str body = sim_body(c, K_PART, id, part_id(c, get_int(*p, "PartNumber", 0)));
        if (c->failed || !body.s || body.n > (uint64_t)total - n) return PB_NONE_VALUE;
        memcpy(all + n, body.s, body.n);
        n += body.n;
    }
    pb_value tag = whole_etag(c, parts);
    s3_store(c, bucket, key, pb_get_c(u, "_input"), (pb_str){all, n}, tag);
    upload_drop(c, bucket, id);
    return MAP(c, {"Location", sim_text(c, "/%.*s/%.*s", PB_ARG(bucket), PB_ARG(key))}, {"Bucket", pb_string(bucket)},
               {"Key", pb_string(key)}, {"ETag", tag});
}

pb_value s3_abort_upload(sim_call *c) {
    pb_str bucket, id;
    upload(c, &bucket, &id);
    if (!c->failed) upload_drop(c, bucket, id);
    return PB_NONE_VALUE;
}

pb_value s3_list_parts(sim_call *c) {
    pb_str bucket, id;
    upload(c, &bucket, &id);
    pb_value parts = c->failed ? PB_NONE_VALUE : sim_list_sorted(c, K_PART, &id);
    return MAP(c, {"Bucket", pb_string(bucket)}, {"Key", pb_get_c(c->in, "Key")}, {"UploadId", pb_string(id)},
               {"IsTruncated", pb_bool(false)}, {"MaxParts", pb_int(PARTS_MAX)}, {"Parts", parts});
}

pb_value s3_list_uploads(sim_call *c) {
    pb_str bucket;
    s3_bucket(c, &bucket);
    return MAP(c, {"Bucket", pb_string(bucket)}, {"IsTruncated", pb_bool(false)},
               {"Uploads", c->failed ? PB_NONE_VALUE : sim_list_of(c, K_UPLOAD, bucket)});
}
