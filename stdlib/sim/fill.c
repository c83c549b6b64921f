/*
 * fill.c - makes what an event is about, so that a playbook has something to look at: for plans against an account
 * nobody has recorded.
 *
 * The event is walked through; where it describes an instance, a user or role with an access key, a bucket, or names
 * one in an ARN, that is made with the account's own operations, and then given the id that the event names
 * (state_rename). What the event says of it (tags, interfaces, groups, the bucket's public access block) is taken over,
 * the rest is what the account makes of it: one volume, no policies. An event is its sender's word: only texts that
 * have the form of a name are used, and only so many.
 */
#include "lang/text.h"
#include "stdlib/sim/sim.h"

enum {
    THINGS_MAX = 40, /* an event is about one or two */
    DEPTH_MAX = 24,
    TAGS_MAX = 45, /* of SIM_MAX_TAGS */
    INTERFACES_MAX = 8,
    GROUPS_MAX = 16, /* of one interface */
    NAME_MAX_BYTES = 128
};

typedef struct filler {
    sim *sim;
    pb_arena *arena;
    sim_call c; /* for making values only */
    sim_items made;
    pb_str known[THINGS_MAX]; /* "instance i-1": each is made once */
    uint32_t nknown;
} filler;

/* ---- forms of names ---- */

static bool has_form(pb_str s, const char *extra) {
    if (!s.n || s.n > NAME_MAX_BYTES) return false;
    for (uint32_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!plain && (!ch || !strchr(extra, ch))) return false;
    }
    return true;
}

static bool is_id(pb_str s, const char *prefix) { return str_starts(s, prefix) && has_form(s, "-"); }

static bool is_first(filler *f, const char *kind, pb_str name) {
    pb_str key = pb_printf(f->arena, "%s %.*s", kind, PB_ARG(name));
    for (uint32_t i = 0; i < f->nknown; i++)
        if (pb_str_eq(f->known[i], key)) return false;
    if (f->nknown == THINGS_MAX || !key.s) return false;
    f->known[f->nknown++] = key;
    return true;
}

static void tell(filler *f, pb_str what) {
    if (what.s) items_add(&f->c, &f->made, pb_string(what));
}

static pb_value act(filler *f, const char *service, const char *operation, pb_value input) {
    return sim_do(f->sim, f->arena, service, operation, input);
}

/* The id that the account has given becomes the one that the event names. */
static void rename_to(filler *f, pb_value id, pb_str to, const char *prefix) {
    if (id.kind == PB_STRING && is_id(to, prefix) && !pb_str_eq(pb_text(id), to))
        state_rename(f->sim->state, pb_text(id), to);
}

#define FMAP(...) MAP(&f->c, __VA_ARGS__)

/* ---- tags ---- */

static const char reserved[] =
    "aws:"; /* nobody may set these but AWS: given under another name, which is then changed */
static const char instead[] = "filled-by-the-plan-";

/* What an answer in XML can hold. */
static bool is_writable(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if ((unsigned char)s.s[i] < ' ' || s.s[i] == 0x7f) return false;
    return true;
}

/* [{key, value}] of an event, as an operation takes them. */
static pb_value tags_of(filler *f, pb_value list) {
    sim_items tags = {0};
    EACH(t, list) {
        pb_str key = get_text(*t, "key").n ? get_text(*t, "key") : get_text(*t, "Key");
        pb_str value = get_text(*t, "value").n ? get_text(*t, "value") : get_text(*t, "Value");
        if (!key.n || key.n > NAME_MAX_BYTES || value.n > 2 * NAME_MAX_BYTES || tags.n == TAGS_MAX) continue;
        if (!is_writable(key) || !is_writable(value)) continue;
        pb_value name = pb_string(key);
        if (str_starts(key, reserved)) name = sim_text(&f->c, "%s%.*s", instead, (int)(key.n - 4), key.s + 4);
        items_add(&f->c, &tags, FMAP({"Key", name}, {"Value", pb_string(value)}));
    }
    return items_list(&f->c, &tags);
}

/* ---- instances ---- */

static pb_value groups_of(filler *f, pb_value interface) {
    sim_items ids = {0};
    pb_value list = pb_get_c(interface, "securityGroups");
    EACH(g, list) {
        pb_str id = get_text(*g, "groupId"), name = get_text(*g, "groupName");
        if (!is_id(id, "sg-") || ids.n == GROUPS_MAX) continue;
        if (is_first(f, "group", id)) {
            pb_str own = has_form(name, "-_. ") && !str_starts(name, "sg-")
                             ? name
                             : pb_printf(f->arena, "group-%.*s", PB_ARG(id));
            pb_value made =
                act(f, "ec2", "CreateSecurityGroup",
                    FMAP({"GroupName", pb_string(own)}, {"Description", pb_string_c("named by the event")}));
            rename_to(f, pb_get_c(made, "GroupId"), id, "sg-");
        }
        items_add(&f->c, &ids, pb_string(id));
    }
    return items_list(&f->c, &ids);
}

/* What RunInstances is asked for: one entry an interface. */
static pb_value interfaces_of(filler *f, pb_value details) {
    sim_items specs = {0};
    pb_value list = pb_get_c(details, "networkInterfaces");
    EACH(i, list) {
        if (specs.n == INTERFACES_MAX) break;
        pb_value groups = groups_of(f, *i);
        items_add(&f->c, &specs, FMAP({"DeviceIndex", pb_int(specs.n)}, {"Groups", groups.n ? groups : PB_NONE_VALUE}));
    }
    return specs.n ? items_list(&f->c, &specs) : PB_NONE_VALUE;
}

/* Interfaces, network and subnet get the event's names too. */
static void rename_interfaces(filler *f, pb_value made, pb_value details) {
    pb_value have = pb_get_c(made, "NetworkInterfaces"), named = pb_get_c(details, "networkInterfaces");
    for (uint32_t i = 0; have.kind == PB_LIST && named.kind == PB_LIST && i < have.n && i < named.n; i++)
        rename_to(f, pb_get_c(have.u.items[i], "NetworkInterfaceId"), get_text(named.u.items[i], "networkInterfaceId"),
                  "eni-");
    if (named.kind != PB_LIST || !named.n || !is_first(f, "network", get_text(named.u.items[0], "vpcId"))) return;
    rename_to(f, pb_get_c(made, "VpcId"), get_text(named.u.items[0], "vpcId"), "vpc-");
    rename_to(f, pb_get_c(made, "SubnetId"), get_text(named.u.items[0], "subnetId"), "subnet-");
}

static void fill_instance(filler *f, pb_str id, pb_value details) {
    if (!is_id(id, "i-") || !is_first(f, "instance", id)) return;
    pb_str image = get_text(details, "imageId"), type = get_text(details, "instanceType");
    pb_value tags = tags_of(f, pb_get_c(details, "tags")), one = pb_int(1);
    pb_value specs =
        tags.n ? sim_list1(&f->c, FMAP({"ResourceType", pb_string_c("instance")}, {"Tags", tags})) : PB_NONE_VALUE;
    pb_value out =
        act(f, "ec2", "RunInstances",
            FMAP({"ImageId", is_id(image, "ami-") ? pb_string(image) : pb_string_c("ami-00000000000000001")},
                 {"InstanceType", has_form(type, ".-") ? pb_string(type) : pb_string_c("t3.micro")}, {"MinCount", one},
                 {"MaxCount", one}, {"TagSpecifications", specs}, {"NetworkInterfaces", interfaces_of(f, details)}));
    pb_value made = pb_path(out, "Instances.0");
    if (!is_set(made)) return;
    state_rename(f->sim->state, pb_str_c(instead), pb_str_c(reserved));
    rename_to(f, pb_get_c(made, "InstanceId"), id, "i-");
    rename_interfaces(f, made, details);
    if (str_starts(get_text(details, "instanceState"), "stop"))
        act(f, "ec2", "StopInstances", FMAP({"InstanceIds", sim_list1(&f->c, pb_string(id))}));
    tell(f, pb_printf(f->arena, "instance %.*s", PB_ARG(id)));
}

/* ---- users, keys, roles ---- */

static bool is_entity(pb_str name) { return has_form(name, "_+=,.@-") && name.n <= 64; }

static void fill_user(filler *f, pb_str name) {
    if (!is_entity(name) || !is_first(f, "user", name)) return;
    if (is_set(act(f, "iam", "CreateUser", FMAP({"UserName", pb_string(name)}))))
        tell(f, pb_printf(f->arena, "user %.*s", PB_ARG(name)));
}

static void fill_key(filler *f, pb_str user, pb_str key) {
    if (!is_id(key, "AKIA") || !is_entity(user) || !is_first(f, "key", key)) return;
    pb_value made = act(f, "iam", "CreateAccessKey", FMAP({"UserName", pb_string(user)}));
    if (!is_set(made)) return;
    rename_to(f, pb_path(made, "AccessKey.AccessKeyId"), key, "AKIA");
    tell(f, pb_printf(f->arena, "access key %.*s of %.*s", PB_ARG(key), PB_ARG(user)));
}

static void fill_role(filler *f, pb_str name) {
    static const char trust[] = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{"
                                "\"Service\":\"ec2.amazonaws.com\"},"
                                "\"Action\":\"sts:AssumeRole\"}]}";
    if (!is_entity(name) || !is_first(f, "role", name)) return;
    if (is_set(act(f, "iam", "CreateRole",
                   FMAP({"RoleName", pb_string(name)}, {"AssumeRolePolicyDocument", pb_string_c(trust)}))))
        tell(f, pb_printf(f->arena, "role %.*s", PB_ARG(name)));
}

/* accessKeyDetails of GuardDuty, userIdentity of CloudTrail: what they call the kind of principal differs. */
static void fill_principal(filler *f, pb_value who, const char *kind) {
    pb_str type = get_text(who, kind), name = get_text(who, "userName");
    if (pb_str_is(type, "IAMUser")) {
        fill_user(f, name);
        fill_key(f, name, get_text(who, "accessKeyId"));
    } else if (pb_str_is(type, "AssumedRole") || pb_str_is(type, "Role")) {
        fill_role(f, name);
    }
}

/* ---- buckets ---- */

static pb_value elsewhere(filler *f) {
    if (pb_str_is(f->sim->region, "us-east-1")) return PB_NONE_VALUE;
    return FMAP({"LocationConstraint", pb_string(f->sim->region)});
}

/* A new bucket blocks all public access; the event may say that this one does not. */
static void fill_block(filler *f, pb_value bucket, pb_value details) {
    pb_value said = pb_path(details, "publicAccess.permissionConfiguration.bucketLevelPermissions.blockPublicAccess");
    if (said.kind != PB_MAP) return;
    bool acls = get_bool(said, "blockPublicAcls"), ignore = get_bool(said, "ignorePublicAcls"),
         policy = get_bool(said, "blockPublicPolicy"), restricts = get_bool(said, "restrictPublicBuckets");
    if (!acls && !ignore && !policy && !restricts) {
        act(f, "s3", "DeletePublicAccessBlock", FMAP({"Bucket", bucket}));
        return;
    }
    act(f, "s3", "PutPublicAccessBlock",
        FMAP({"Bucket", bucket},
             {"PublicAccessBlockConfiguration",
              FMAP({"BlockPublicAcls", pb_bool(acls)}, {"IgnorePublicAcls", pb_bool(ignore)},
                   {"BlockPublicPolicy", pb_bool(policy)}, {"RestrictPublicBuckets", pb_bool(restricts)})}));
}

static void fill_bucket(filler *f, pb_str name, pb_value details) {
    if (name.n < 3 || name.n > 63 || !has_form(name, ".-") || !is_first(f, "bucket", name)) return;
    pb_value bucket = pb_string(name), tags = tags_of(f, pb_get_c(details, "tags"));
    if (!is_set(act(f, "s3", "CreateBucket", FMAP({"Bucket", bucket}, {"CreateBucketConfiguration", elsewhere(f)}))))
        return;
    if (tags.n) act(f, "s3", "PutBucketTagging", FMAP({"Bucket", bucket}, {"Tagging", FMAP({"TagSet", tags})}));
    state_rename(f->sim->state, pb_str_c(instead), pb_str_c(reserved));
    fill_block(f, bucket, details);
    tell(f, pb_printf(f->arena, "bucket %.*s", PB_ARG(name)));
}

/* ---- the event ---- */

static bool strip(pb_str *s, const char *head) {
    const char *at = memmem(s->s, s->n, head, strlen(head));
    if (!at) return false;
    uint32_t n = (uint32_t)(at - s->s) + (uint32_t)strlen(head);
    *s = (pb_str){s->s + n, s->n - n};
    return true;
}

static pb_str last_part(pb_str s) {
    uint32_t n = s.n;
    while (n && s.s[n - 1] != '/') n--;
    return (pb_str){s.s + n, s.n - n};
}

/* arn:aws:ec2:us-east-1:123456789012:instance/i-1 and the like. */
static void fill_arn(filler *f, pb_str s) {
    if (!str_starts(s, "arn:aws") || s.n > 2 * NAME_MAX_BYTES) return;
    if (strip(&s, ":instance/")) {
        fill_instance(f, s, PB_NONE_VALUE);
    } else if (strip(&s, ":s3:::")) {
        if (!memchr(s.s, '/', s.n)) fill_bucket(f, s, PB_NONE_VALUE);
    } else if (strip(&s, ":iam::")) {
        if (strip(&s, ":user/"))
            fill_user(f, last_part(s));
        else if (strip(&s, ":role/"))
            fill_role(f, last_part(s));
    }
}

/* What an object describes or names. */
static void fill_map(filler *f, pb_value v) {
    fill_instance(f, get_text(v, "instanceId"), v);
    fill_principal(f, pb_get_c(v, "accessKeyDetails"), "userType");
    fill_principal(f, pb_get_c(v, "userIdentity"), "type");
    pb_value buckets = pb_get_c(v, "s3BucketDetails"), asked = pb_get_c(v, "requestParameters");
    EACH(b, buckets) fill_bucket(f, get_text(*b, "name"), *b);
    fill_user(f, get_text(asked, "userName"));
    fill_role(f, get_text(asked, "roleName"));
    fill_bucket(f, get_text(asked, "bucketName"), PB_NONE_VALUE);
}

static void walk(filler *f, pb_value v, unsigned depth) {
    if (depth > DEPTH_MAX || f->nknown == THINGS_MAX) return;
    if (v.kind == PB_MAP) fill_map(f, v);
    if (v.kind == PB_STRING) fill_arn(f, pb_text(v));
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n; i++) walk(f, v.u.entries[i].value, depth + 1);
    for (uint32_t i = 0; v.kind == PB_LIST && i < v.n; i++) walk(f, v.u.items[i], depth + 1);
}

pb_value sim_fill(sim *s, pb_arena *a, pb_value event) {
    filler *f = pb_alloc(a, sizeof *f);
    if (!f) return PB_NONE_VALUE;
    *f = (filler){.sim = s, .arena = a};
    f->c = (sim_call){.sim = s, .state = s->state, .arena = a, .account = s->account, .region = s->region};
    walk(f, event, 0);
    return items_list(&f->c, &f->made);
}
