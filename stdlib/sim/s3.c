/*
 * s3.c - buckets and their settings.
 *
 * A new bucket is as AWS makes them since 2023: public access blocked, ACLs off, encrypted with S3's own key. Most
 * settings are put, got and deleted alike: a row of `settings` says where each is kept and what its absence is called.
 * Anonymous requests are answered when the bucket is public by policy or ACL and no public access block stands before
 * it, so blocking access to a bucket can be seen to work.
 */
#include "stdlib/sim/s3.h"

static const pb_str TOP = {"", 0};
static const char ALL_USERS[] = "http://acs.amazonaws.com/groups/global/AllUsers";
static const char ANY_ACCOUNT[] = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
enum { MAX_BUCKETS = 1000, POLICY_MAX = 20 * 1024 };

/* ---- buckets ---- */

pb_value s3_bucket(sim_call *c, pb_str *name) {
    pb_str expected = get_text(c->in, "ExpectedBucketOwner");
    *name = get_text(c->in, "Bucket");
    pb_value b = sim_get(c, K_BUCKET, TOP, *name);
    if (!is_set(b)) return sim_fail(c, 404, "NoSuchBucket", "The specified bucket does not exist");
    if (expected.n && !pb_str_eq(expected, c->account)) return sim_fail(c, 403, "AccessDenied", "Access Denied");
    return b;
}

pb_value s3_owner(sim_call *c) {
    return MAP(c, {"DisplayName", pb_string_c("simulated-account")},
               {"ID", pb_string(sigv4_sha256_hex(c->arena, c->account.s, c->account.n))});
}

static bool name_char(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'); }

static bool name_valid(pb_str n) {
    if (n.n < 3 || n.n > 63 || !name_char(n.s[0]) || !name_char(n.s[n.n - 1])) return false;
    for (uint32_t i = 0; i < n.n; i++) {
        if (!name_char(n.s[i]) && n.s[i] != '-' && n.s[i] != '.') return false;
        if (n.s[i] == '.' && i + 1 < n.n && n.s[i + 1] == '.') return false;
    }
    return !str_starts(n, "xn--");
}

static pb_value grant(sim_call *c, const char *group, const char *permission) {
    pb_value owner = s3_owner(c);
    pb_value grantee = group ? MAP(c, {"Type", pb_string_c("Group")}, {"URI", pb_string_c(group)})
                             : sim_merge(c, MAP(c, {"Type", pb_string_c("CanonicalUser")}), owner);
    return MAP(c, {"Grantee", grantee}, {"Permission", pb_string_c(permission)});
}

static pb_value canned_acl(sim_call *c, pb_str name) {
    sim_items grants = {0};
    items_add(c, &grants, grant(c, NULL, "FULL_CONTROL"));
    if (pb_str_is(name, "public-read") || pb_str_is(name, "public-read-write"))
        items_add(c, &grants, grant(c, ALL_USERS, "READ"));
    if (pb_str_is(name, "public-read-write")) items_add(c, &grants, grant(c, ALL_USERS, "WRITE"));
    if (pb_str_is(name, "authenticated-read")) items_add(c, &grants, grant(c, ANY_ACCOUNT, "READ"));
    return MAP(c, {"Owner", s3_owner(c)}, {"Grants", items_list(c, &grants)});
}

bool s3_acl_public(pb_value acl) {
    return sim_path_matches(acl, "Grants.Grantee.URI", pb_str_c(ALL_USERS)) ||
           sim_path_matches(acl, "Grants.Grantee.URI", pb_str_c(ANY_ACCOUNT));
}

bool s3_blocked(sim_call *c, pb_value bucket, const char *which) {
    return get_bool(pb_get_c(bucket, "PublicAccessBlock"), which) ||
           get_bool(sim_get(c, K_ACCOUNT_BLOCK, TOP, c->account), which);
}

static bool acls_off(pb_value bucket) {
    return sim_path_matches(bucket, "OwnershipControls.Rules.ObjectOwnership", PB_STR("BucketOwnerEnforced"));
}

pb_value s3_acl_given(sim_call *c, pb_value bucket) {
    static const char *const headers[] = {"GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite",
                                          "GrantWriteACP"};
    pb_str canned = get_text(c->in, "ACL");
    pb_value written = pb_get_c(c->in, "AccessControlPolicy");
    for (size_t i = 0; i < 5; i++)
        if (is_set(pb_get_c(c->in, headers[i])))
            return sim_fail(c, 501, "NotImplemented",
                            "the simulated account takes ACLs as a canned name or as a document, not as grant headers");
    pb_value acl = is_set(written) ? sim_merge(c, MAP(c, {"Owner", s3_owner(c)}), written) : canned_acl(c, canned);
    pb_value grants = pb_get_c(acl, "Grants");
    if (acls_off(bucket) && (grants.n > 1 || s3_acl_public(acl)))
        return sim_fail(c, 400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
    if (s3_acl_public(acl) && s3_blocked(c, bucket, "BlockPublicAcls"))
        return sim_fail(c, 403, "AccessDenied", "Access Denied");
    return acl;
}

static pb_value block_all(sim_call *c) {
    return MAP(c, {"BlockPublicAcls", pb_bool(true)}, {"IgnorePublicAcls", pb_bool(true)},
               {"BlockPublicPolicy", pb_bool(true)}, {"RestrictPublicBuckets", pb_bool(true)});
}

static pb_value default_encryption(sim_call *c) {
    pb_value by = MAP(c, {"SSEAlgorithm", pb_string_c("AES256")});
    pb_value rule = MAP(c, {"ApplyServerSideEncryptionByDefault", by}, {"BucketKeyEnabled", pb_bool(false)});
    return MAP(c, {"Rules", sim_list1(c, rule)});
}

static pb_value ownership(sim_call *c, pb_str rule) {
    return MAP(c, {"Rules", sim_list1(c, MAP(c, {"ObjectOwnership", pb_string(rule)}))});
}

/* Where the bucket is to be; with the rules that S3 has for saying so. */
static pb_str location_given(sim_call *c) {
    pb_str asked = get_text(pb_get_c(c->in, "CreateBucketConfiguration"), "LocationConstraint");
    bool classic = pb_str_is(c->region, "us-east-1");
    if (pb_str_is(asked, "EU")) asked = PB_STR("eu-west-1");
    if (pb_str_is(asked, "us-east-1") || (asked.n && !aws_partition(c->sim->model, asked).n))
        sim_fail(c, 400, "InvalidLocationConstraint", "The specified location-constraint is not valid");
    if (!classic && !asked.n)
        sim_fail(c, 400, "IllegalLocationConstraintException",
                 "The unspecified location constraint is incompatible for the region specific endpoint this request "
                 "was sent to.");
    if (!classic && asked.n && !pb_str_eq(asked, c->region))
        sim_fail(
            c, 400, "IllegalLocationConstraintException",
            "The %.*s location constraint is incompatible for the region specific endpoint this request was sent to.",
            PB_ARG(asked));
    return asked.n ? asked : PB_STR("us-east-1");
}

static pb_value create_bucket(sim_call *c) {
    pb_str name = get_text(c->in, "Bucket"), region = location_given(c), canned = get_text(c->in, "ACL"),
           own = get_text(c->in, "ObjectOwnership");
    if (!name_valid(name)) return sim_fail(c, 400, "InvalidBucketName", "The specified bucket is not valid.");
    pb_value old = sim_get(c, K_BUCKET, TOP, name), all = sim_list(c, K_BUCKET, NULL),
             location = sim_text(c, "/%.*s", PB_ARG(name));
    if (is_set(old) && pb_str_is(get_text(old, "Region"), "us-east-1") && pb_str_is(region, "us-east-1"))
        return MAP(c, {"Location", location});
    if (is_set(old))
        return sim_fail(c, 409, "BucketAlreadyOwnedByYou",
                        "Your previous request to create the named bucket succeeded and you already own it.");
    if (all.n >= MAX_BUCKETS)
        return sim_fail(c, 400, "TooManyBuckets", "You have attempted to create more buckets than allowed");
    if (canned.n && !pb_str_is(canned, "private") && !own.n)
        return sim_fail(c, 400, "InvalidBucketAclWithObjectOwnership",
                        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
    if (s3_acl_public(canned_acl(c, canned)))
        return sim_fail(c, 403, "AccessDenied", "Access Denied"); /* a new bucket blocks public ACLs */
    pb_value b = MAP(c, {"Name", pb_string(name)}, {"CreationDate", pb_time(c->now)}, {"Region", pb_string(region)},
                     {"PublicAccessBlock", block_all(c)},
                     {"OwnershipControls", ownership(c, own.n ? own : PB_STR("BucketOwnerEnforced"))},
                     {"Encryption", default_encryption(c)}, {"Acl", canned_acl(c, canned)});
    sim_put(c, K_BUCKET, TOP, name, b);
    return MAP(c, {"Location", location});
}

static pb_value list_buckets(sim_call *c) {
    return MAP(c, {"Buckets", sim_list_sorted(c, K_BUCKET, NULL)}, {"Owner", s3_owner(c)});
}

static pb_value head_bucket(sim_call *c) {
    pb_str name;
    pb_value b = s3_bucket(c, &name);
    return MAP(c, {"BucketRegion", pb_get_c(b, "Region")});
}

static pb_value delete_bucket(sim_call *c) {
    pb_str name;
    s3_bucket(c, &name);
    pb_value objects = sim_list_of(c, K_OBJECT, name);
    if (objects.n) sim_fail(c, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty");
    sim_delete(c, K_BUCKET, TOP, name);
    return PB_NONE_VALUE;
}

static pb_value bucket_location(sim_call *c) {
    pb_str name;
    pb_value region = pb_get_c(s3_bucket(c, &name), "Region");
    return pb_str_is(is_set(region) ? pb_text(region) : TOP, "us-east-1") ? MAP(c, {NULL, PB_NONE_VALUE})
                                                                          : MAP(c, {"LocationConstraint", region});
}

/* ---- settings ---- */

typedef struct setting {
    const char *stored;            /* member of the bucket */
    const char *input;             /* member of the input */
    const char *output;            /* member of the output; NULL: what is stored is the output */
    const char *missing, *message; /* NULL: absence gives an empty output */
    pb_value (*check)(sim_call *c, pb_value bucket, pb_value given); /* NULL: taken as it is */
} setting;

static pb_value put_setting(sim_call *c) {
    const setting *s = c->row->data;
    pb_str name;
    pb_value b = s3_bucket(c, &name), given = s->input ? pb_get_c(c->in, s->input) : PB_NONE_VALUE;
    if (!c->failed && s->check) given = s->check(c, b, given);
    if (!c->failed) sim_put(c, K_BUCKET, TOP, name, sim_with(c, b, s->stored, given));
    return PB_NONE_VALUE;
}

static pb_value get_setting(sim_call *c) {
    const setting *s = c->row->data;
    pb_str name;
    pb_value b = s3_bucket(c, &name), v = pb_get_c(b, s->stored);
    if (!is_set(v) && s->missing) return sim_fail(c, 404, s->missing, "%s", s->message);
    if (!is_set(v)) return MAP(c, {NULL, PB_NONE_VALUE});
    return s->output ? MAP(c, {s->output, v}) : v;
}

static pb_value delete_setting(sim_call *c) {
    const setting *s = c->row->data;
    pb_str name;
    pb_value b = s3_bucket(c, &name);
    if (!c->failed) sim_put(c, K_BUCKET, TOP, name, sim_with(c, b, s->stored, PB_NONE_VALUE));
    return PB_NONE_VALUE;
}

static pb_value all_switches(sim_call *c, pb_value given) {
    static const char *const names[] = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                        "RestrictPublicBuckets"};
    pb_value out = PB_NONE_VALUE;
    for (size_t i = 0; i < 4; i++) out = sim_with(c, out, names[i], pb_bool(get_bool(given, names[i])));
    return out;
}

static pb_value check_block(sim_call *c, pb_value bucket, pb_value given) {
    (void)bucket;
    return all_switches(c, given);
}

static pb_value check_tags(sim_call *c, pb_value bucket, pb_value given) {
    pb_value tags = pb_get_c(given, "TagSet");
    (void)bucket;
    if (tags.n > SIM_MAX_TAGS) return sim_fail(c, 400, "BadRequest", "Bucket tag count cannot be greater than 50");
    for (uint32_t i = 0; i < tags.n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (pb_equal(pb_get_c(tags.u.items[i], "Key"), pb_get_c(tags.u.items[j], "Key")))
                return sim_fail(c, 400, "InvalidTag", "Cannot provide multiple Tags with the same key");
    return given;
}

static pb_value check_policy(sim_call *c, pb_value bucket, pb_value given) {
    pb_str text = pb_text(given);
    if (given.n > POLICY_MAX || !policy_valid(c, text, false))
        return sim_fail(c, 400, "MalformedPolicy", "%s",
                        given.n > POLICY_MAX ? "Policies must be at most 20480 bytes long"
                                             : "Policies must be valid JSON and the first byte must be '{'");
    if (policy_is_public(c, text) && s3_blocked(c, bucket, "BlockPublicPolicy"))
        return sim_fail(c, 403, "AccessDenied", "Access Denied");
    return given;
}

static pb_value check_acl(sim_call *c, pb_value bucket, pb_value given) {
    (void)given;
    return s3_acl_given(c, bucket);
}

static const setting block = {"PublicAccessBlock",
                              "PublicAccessBlockConfiguration",
                              "PublicAccessBlockConfiguration",
                              "NoSuchPublicAccessBlockConfiguration",
                              "The public access block configuration was not found",
                              check_block};
static const setting tagging = {"Tagging", "Tagging", NULL, "NoSuchTagSet", "The TagSet does not exist", check_tags};
static const setting policy = {
    "Policy", "Policy", "Policy", "NoSuchBucketPolicy", "The bucket policy does not exist", check_policy};
static const setting acl = {"Acl", NULL, NULL, NULL, NULL, check_acl};
static const setting owner_controls = {"OwnershipControls",
                                       "OwnershipControls",
                                       "OwnershipControls",
                                       "OwnershipControlsNotFoundError",
                                       "The bucket ownership controls were not found",
                                       NULL};
static const setting encryption = {"Encryption",
                                   "ServerSideEncryptionConfiguration",
                                   "ServerSideEncryptionConfiguration",
                                   "ServerSideEncryptionConfigurationNotFoundError",
                                   "The server side encryption configuration was not found",
                                   NULL};
static const setting versioning = {"Versioning", "VersioningConfiguration", NULL, NULL, NULL, NULL};
static const setting logging = {"Logging", "BucketLoggingStatus", NULL, NULL, NULL, NULL};
static const setting lifecycle = {"Lifecycle",
                                  "LifecycleConfiguration",
                                  NULL,
                                  "NoSuchLifecycleConfiguration",
                                  "The lifecycle configuration does not exist",
                                  NULL};
static const setting website = {"Website",
                                "WebsiteConfiguration",
                                NULL,
                                "NoSuchWebsiteConfiguration",
                                "The specified bucket does not have a website configuration",
                                NULL};

static pb_value policy_status(sim_call *c) {
    pb_str name;
    pb_value b = s3_bucket(c, &name), text = pb_get_c(b, "Policy");
    if (!c->failed && !is_set(text)) sim_fail(c, 404, policy.missing, "%s", policy.message);
    return c->failed ? PB_NONE_VALUE
                     : MAP(c, {"PolicyStatus", MAP(c, {"IsPublic", pb_bool(policy_is_public(c, pb_text(text)))})});
}

/* ---- anonymous requests ---- */

bool s3_anonymous_may(sim_call *c, pb_str operation) {
    bool reads = pb_str_is(operation, "GetObject") || pb_str_is(operation, "HeadObject");
    bool lists = pb_str_is(operation, "ListObjectsV2") || pb_str_is(operation, "ListObjects") ||
                 pb_str_is(operation, "HeadBucket");
    pb_str name = get_text(c->in, "Bucket"), key = get_text(c->in, "Key");
    pb_value b = sim_get(c, K_BUCKET, TOP, name), text = pb_get_c(b, "Policy");
    if (!(reads || lists) || !is_set(b)) return false;
    pb_str resource = pb_printf(c->arena, "arn:%.*s:s3:::%.*s%s%.*s", PB_ARG(c->partition), PB_ARG(name),
                                reads ? "/" : "", PB_ARG(key));
    pb_str action = reads ? PB_STR("s3:GetObject") : PB_STR("s3:ListBucket");
    if (is_set(text) && !s3_blocked(c, b, "RestrictPublicBuckets") &&
        policy_allows_anyone(c, pb_text(text), action, resource))
        return true;
    if (s3_blocked(c, b, "IgnorePublicAcls") || acls_off(b)) return false;
    pb_value list = reads ? pb_get_c(sim_get(c, K_OBJECT, name, key), "_acl") : pb_get_c(b, "Acl");
    return sim_path_matches(list, "Grants.Grantee.URI", pb_str_c(ALL_USERS));
}

/* ---- the tables ---- */

#define SETTING(Name, s) \
    {"Put" Name, put_setting, s, NULL, SIM_CHECKSUM}, { "Get" Name, get_setting, s, NULL, 0 }
#define SETTING_AND_DELETE(Name, s) \
    SETTING(Name, s), { "Delete" Name, delete_setting, s, NULL, 0 }

static const sim_operation operations[] = {
    {"CreateBucket", create_bucket, NULL, NULL, 0},
    {"ListBuckets", list_buckets, NULL, NULL, 0},
    {"HeadBucket", head_bucket, NULL, NULL, 0},
    {"DeleteBucket", delete_bucket, NULL, NULL, 0},
    {"GetBucketLocation", bucket_location, NULL, NULL, 0},
    SETTING_AND_DELETE("PublicAccessBlock", &block),
    SETTING_AND_DELETE("BucketTagging", &tagging),
    SETTING_AND_DELETE("BucketPolicy", &policy),
    SETTING_AND_DELETE("BucketOwnershipControls", &owner_controls),
    SETTING_AND_DELETE("BucketEncryption", &encryption),
    SETTING_AND_DELETE("BucketWebsite", &website),
    SETTING("BucketAcl", &acl),
    SETTING("BucketVersioning", &versioning),
    SETTING("BucketLogging", &logging),
    SETTING("BucketLifecycleConfiguration", &lifecycle),
    {"DeleteBucketLifecycle", delete_setting, &lifecycle, NULL, 0},
    {"GetBucketPolicyStatus", policy_status, NULL, NULL, 0},
    {"PutObject", s3_put_object, NULL, NULL, 0},
    {"CopyObject", s3_copy_object, NULL, NULL, 0},
    {"GetObject", s3_get_object, NULL, NULL, 0},
    {"HeadObject", s3_head_object, NULL, NULL, 0},
    {"DeleteObject", s3_delete_object, NULL, NULL, 0},
    {"DeleteObjects", s3_delete_objects, NULL, NULL, SIM_CHECKSUM},
    {"CreateMultipartUpload", s3_create_upload, NULL, NULL, 0},
    {"UploadPart", s3_upload_part, NULL, NULL, 0},
    {"UploadPartCopy", s3_upload_part_copy, NULL, NULL, 0},
    {"CompleteMultipartUpload", s3_complete_upload, NULL, NULL, 0},
    {"AbortMultipartUpload", s3_abort_upload, NULL, NULL, 0},
    {"ListParts", s3_list_parts, NULL, NULL, 0},
    {"ListMultipartUploads", s3_list_uploads, NULL, NULL, 0},
    {"ListObjects", s3_list_objects, NULL, NULL, 0},
    {"ListObjectsV2", s3_list_objects_v2, NULL, NULL, 0},
    {"GetObjectAcl", s3_get_object_acl, NULL, NULL, 0},
    {"PutObjectAcl", s3_put_object_acl, NULL, NULL, SIM_CHECKSUM},
    {"GetObjectTagging", s3_get_object_tagging, NULL, NULL, 0},
    {"PutObjectTagging", s3_put_object_tagging, NULL, NULL, SIM_CHECKSUM},
    {"DeleteObjectTagging", s3_delete_object_tagging, NULL, NULL, 0},
};

const sim_service sim_s3 = {"s3", SIM_OPS(operations), NULL, NULL};

/* ---- S3 Control: the account's own public access block ---- */

static bool own_account(sim_call *c) {
    if (pb_str_eq(get_text(c->in, "AccountId"), c->account)) return true;
    sim_fail(c, 403, "AccessDenied", "Access Denied");
    return false;
}

static pb_value put_account_block(sim_call *c) {
    if (own_account(c))
        sim_put(c, K_ACCOUNT_BLOCK, TOP, c->account,
                all_switches(c, pb_get_c(c->in, "PublicAccessBlockConfiguration")));
    return PB_NONE_VALUE;
}

static pb_value get_account_block(sim_call *c) {
    pb_value v = own_account(c) ? sim_get(c, K_ACCOUNT_BLOCK, TOP, c->account) : PB_NONE_VALUE;
    if (!is_set(v)) return sim_fail(c, 404, block.missing, "%s", block.message);
    return MAP(c, {"PublicAccessBlockConfiguration", v});
}

static pb_value delete_account_block(sim_call *c) {
    if (own_account(c)) sim_delete(c, K_ACCOUNT_BLOCK, TOP, c->account);
    return PB_NONE_VALUE;
}

static const sim_operation control_operations[] = {
    {"PutPublicAccessBlock", put_account_block, NULL, NULL, 0},
    {"GetPublicAccessBlock", get_account_block, NULL, NULL, 0},
    {"DeletePublicAccessBlock", delete_account_block, NULL, NULL, 0},
};

const sim_service sim_s3control = {"s3control", SIM_OPS(control_operations), NULL, NULL};
