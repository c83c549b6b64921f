/*
 * ec2_common.c - what every kind of EC2 resource has: an id that is looked up and missed in its own words, tags,
 * filters, and a Describe operation.
 */
#include <arpa/inet.h>

#include "stdlib/sim/ec2.h"

const ec2_type ec2_vpc = {
    K_VPC, "vpc-", "VpcId", "InvalidVpcID.NotFound", "InvalidVpcId.Malformed", "The vpc ID '%.*s' does not exist",
    "vpc", NULL};
const ec2_type ec2_subnet = {K_SUBNET,
                             "subnet-",
                             "SubnetId",
                             "InvalidSubnetID.NotFound",
                             "InvalidSubnetId.Malformed",
                             "The subnet ID '%.*s' does not exist",
                             "subnet",
                             NULL};
const ec2_type ec2_group = {K_GROUP,
                            "sg-",
                            "GroupId",
                            "InvalidGroup.NotFound",
                            "InvalidGroupId.Malformed",
                            "The security group '%.*s' does not exist",
                            "security-group",
                            "VpcId"};
const ec2_type ec2_rule = {K_RULE,
                           "sgr-",
                           "SecurityGroupRuleId",
                           "InvalidSecurityGroupRuleId.NotFound",
                           "InvalidSecurityGroupRuleId.Malformed",
                           "The security group rule ID '%.*s' does not exist",
                           "security-group-rule",
                           "GroupId"};
const ec2_type ec2_eni = {K_ENI,
                          "eni-",
                          "NetworkInterfaceId",
                          "InvalidNetworkInterfaceID.NotFound",
                          "InvalidNetworkInterfaceId.Malformed",
                          "The networkInterface ID '%.*s' does not exist",
                          "network-interface",
                          "Attachment.InstanceId"};
const ec2_type ec2_instance = {K_INSTANCE,
                               "i-",
                               "InstanceId",
                               "InvalidInstanceID.NotFound",
                               "InvalidInstanceID.Malformed",
                               "The instance ID '%.*s' does not exist",
                               "instance",
                               NULL};
const ec2_type ec2_volume = {K_VOLUME,
                             "vol-",
                             "VolumeId",
                             "InvalidVolume.NotFound",
                             "InvalidParameterValue",
                             "The volume '%.*s' does not exist.",
                             "volume",
                             "Attachments.0.InstanceId"};
const ec2_type ec2_snapshot = {K_SNAPSHOT,
                               "snap-",
                               "SnapshotId",
                               "InvalidSnapshot.NotFound",
                               "InvalidSnapshotID.Malformed",
                               "The snapshot '%.*s' does not exist.",
                               "snapshot",
                               NULL};
const ec2_type ec2_address = {K_ADDRESS,
                              "eipalloc-",
                              "AllocationId",
                              "InvalidAllocationID.NotFound",
                              "InvalidAllocationID.NotFound",
                              "The allocation ID '%.*s' does not exist",
                              "elastic-ip",
                              NULL};
const ec2_type ec2_acl = {K_ACL,
                          "acl-",
                          "NetworkAclId",
                          "InvalidNetworkAclID.NotFound",
                          "InvalidNetworkAclId.Malformed",
                          "The networkAcl ID '%.*s' does not exist",
                          "network-acl",
                          NULL};

static const ec2_type *const types[] = {&ec2_vpc,      &ec2_subnet, &ec2_group,    &ec2_rule,    &ec2_eni,
                                        &ec2_instance, &ec2_volume, &ec2_snapshot, &ec2_address, &ec2_acl};
enum { TYPES = sizeof types / sizeof *types };

/* ---- one resource ---- */

/* Prefix and 8 or 17 hexadecimal digits. */
static bool id_shaped(const ec2_type *t, pb_str id) {
    uint32_t n = (uint32_t)strlen(t->prefix);
    if (!str_starts(id, t->prefix) || (id.n - n != 8 && id.n - n != 17)) return false;
    for (uint32_t i = n; i < id.n; i++)
        if (!memchr("0123456789abcdef", id.s[i], 16)) return false;
    return true;
}

pb_value ec2_find(sim_call *c, const ec2_type *t, pb_str id) {
    if (!id_shaped(t, id))
        return sim_fail(c, 400, t->malformed, "Invalid id: \"%.*s\" (expecting \"%s...\")", PB_ARG(id), t->prefix);
    pb_value v = sim_find(c, t->kind, id);
    if (is_set(v)) return v;
    pb_str message = {t->missing, 0};
    const char *at = strstr(t->missing, "%.*s");
    message.n = (uint32_t)(at - t->missing);
    return sim_fail(c, 400, t->not_found, "%.*s%.*s%s", PB_ARG(message), PB_ARG(id), at + 4);
}

bool ec2_need(sim_call *c, const char *member) {
    pb_value v = pb_get_c(c->in, member);
    if (is_set(v) && !(v.kind == PB_LIST && v.n == 0)) return true;
    sim_fail(c, 400, "MissingParameter", "The request must contain the parameter %s", member);
    return false;
}

pb_value ec2_named(sim_call *c, const ec2_type *t) {
    return ec2_need(c, t->member) ? ec2_find(c, t, get_text(c->in, t->member)) : PB_NONE_VALUE;
}

static pb_str parent_of(const ec2_type *t, pb_value v) {
    pb_value p = t->parent ? pb_path(v, t->parent) : PB_NONE_VALUE;
    return p.kind == PB_STRING ? pb_text(p) : TOP;
}

/* What it is kept under may have changed: an interface that was attached or detached. */
void ec2_put(sim_call *c, const ec2_type *t, pb_value v) {
    pb_str id = get_text(v, t->member), parent = parent_of(t, v);
    pb_value old = t->parent ? sim_find(c, t->kind, id) : PB_NONE_VALUE;
    if (is_set(old) && !pb_str_eq(parent_of(t, old), parent)) sim_delete(c, t->kind, parent_of(t, old), id);
    sim_put(c, t->kind, parent, id, v);
}

void ec2_drop(sim_call *c, const ec2_type *t, pb_value v) {
    sim_delete(c, t->kind, parent_of(t, v), get_text(v, t->member));
}

pb_value ec2_new_id(sim_call *c, const ec2_type *t) { return pb_string(sim_hex_id(c, t->prefix, 17)); }
pb_value ec2_done(sim_call *c) { return MAP(c, {"Return", pb_bool(true)}); }
pb_value ec2_arn(sim_call *c, const char *type, pb_str id) {
    return sim_text(c, "arn:%.*s:ec2:%.*s:%.*s:%s/%.*s", PB_ARG(c->partition), PB_ARG(c->region), PB_ARG(c->account),
                    type, PB_ARG(id));
}

/* ---- addresses ---- */

bool ec2_cidr4(pb_str text, uint32_t *base, unsigned *bits) {
    char z[INET_ADDRSTRLEN + 4];
    if (text.n >= sizeof z || !text.n) return false;
    memcpy(z, text.s, text.n);
    z[text.n] = 0;
    char *slash = strchr(z, '/');
    struct in_addr a;
    if (!slash || strlen(slash + 1) < 1 || strlen(slash + 1) > 2 ||
        strspn(slash + 1, "0123456789") != strlen(slash + 1))
        return false;
    *bits = 0;
    for (const char *d = slash + 1; *d; d++) *bits = *bits * 10 + (unsigned)(*d - '0');
    *slash = 0;
    if (*bits > 32 || inet_pton(AF_INET, z, &a) != 1) return false;
    *base = ntohl(a.s_addr);
    return true;
}

pb_str ec2_ip_text(sim_call *c, uint32_t ip) {
    return pb_printf(c->arena, "%u.%u.%u.%u", ip >> 24, (ip >> 16) & 255, (ip >> 8) & 255, ip & 255);
}

/* ---- filters ---- */

static bool values_match(pb_value v, const char *path, pb_value patterns) {
    EACH(p, patterns) if (p->kind == PB_STRING && sim_path_matches(v, path, pb_text(*p))) return true;
    return false;
}

static bool tag_matches(pb_value v, pb_str key, pb_value patterns) {
    pb_value value = tags_value(pb_get_c(v, "Tags"), key);
    return is_set(value) && values_match(value, "", patterns);
}

static bool filter_passes(sim_call *c, const ec2_filter *known, pb_value v, pb_value filter) {
    pb_str name = get_text(filter, "Name");
    pb_value patterns = pb_get_c(filter, "Values");
    if (str_starts(name, "tag:")) return tag_matches(v, (pb_str){name.s + 4, name.n - 4}, patterns);
    if (pb_str_is(name, "tag-key")) return values_match(v, "Tags.Key", patterns);
    for (const ec2_filter *f = known; f->name; f++)
        if (pb_str_is(name, f->name)) return values_match(v, f->path, patterns);
    sim_fail(c, 400, "InvalidParameterValue", "The filter '%.*s' is invalid", PB_ARG(name));
    return false;
}

static bool passes(sim_call *c, const ec2_filter *known, pb_value v) {
    pb_value filters = pb_get_c(c->in, "Filters");
    EACH(f, filters) if (!filter_passes(c, known, v, *f)) return false;
    return true;
}

/* A filter that is not known is an error even when there is nothing to filter. */
static void check_filters(sim_call *c, const ec2_filter *known) { passes(c, known, PB_NONE_VALUE); }

static void select_one(sim_call *c, const ec2_listing *l, sim_items *out, pb_value v) {
    if (!is_set(v)) return;
    if (l->view) v = l->view(c, v);
    if (passes(c, l->filters, v)) items_add(c, out, v);
}

pb_value ec2_select(sim_call *c, const ec2_listing *l) {
    pb_value ids = l->ids ? pb_get_c(c->in, l->ids) : PB_NONE_VALUE;
    sim_items out = {0};
    check_filters(c, l->filters);
    EACH(id, ids) select_one(c, l, &out, ec2_find(c, l->type, pb_text(*id)));
    if (!(ids.kind == PB_LIST && ids.n)) {
        pb_value all = sim_list(c, l->type->kind, NULL);
        EACH(v, all) select_one(c, l, &out, *v);
    }
    return items_list(c, &out);
}

pb_value ec2_describe(sim_call *c) {
    const ec2_listing *l = c->row->data;
    return MAP(c, {l->list, ec2_select(c, l)});
}

/* ---- tags ---- */

void ec2_check_tags(sim_call *c, pb_value tags) {
    for (uint32_t i = 0; tags.kind == PB_LIST && i < tags.n; i++) {
        pb_str key = get_text(tags.u.items[i], "Key"), value = get_text(tags.u.items[i], "Value");
        if (!key.n) sim_fail(c, 400, "MissingParameter", "The request must contain the parameter Tag Key");
        if (str_starts(key, "aws:"))
            sim_fail(c, 400, "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use");
        if (key.n > 127)
            sim_fail(c, 400, "InvalidParameterValue", "Tag key exceeds the maximum length of 127 characters");
        if (value.n > 255)
            sim_fail(c, 400, "InvalidParameterValue", "Tag value exceeds the maximum length of 255 characters");
        for (uint32_t j = 0; j < i; j++)
            if (pb_str_eq(key, get_text(tags.u.items[j], "Key")))
                sim_fail(c, 400, "InvalidParameterValue", "Duplicate tag key '%.*s' specified.", PB_ARG(key));
    }
}

pb_value ec2_spec_tags(sim_call *c, const char *resource_type) {
    pb_value specs = pb_get_c(c->in, "TagSpecifications"), tags = PB_NONE_VALUE;
    EACH(s, specs) if (pb_str_is(get_text(*s, "ResourceType"), resource_type)) tags = pb_get_c(*s, "Tags");
    ec2_check_tags(c, tags);
    return is_set(tags) ? tags_merge(c, PB_NONE_VALUE, tags) : tags;
}

void ec2_check_specs(sim_call *c, const char *const *allowed) {
    pb_value specs = pb_get_c(c->in, "TagSpecifications");
    EACH(s, specs) {
        bool ok = false;
        pb_str type = get_text(*s, "ResourceType");
        for (const char *const *a = allowed; *a; a++) ok = ok || pb_str_is(type, *a);
        if (!ok)
            sim_fail(c, 400, "InvalidParameterValue",
                     "'%.*s' is not a valid taggable resource type for this operation.", PB_ARG(type));
    }
}

static const ec2_type *type_of_id(pb_str id) {
    for (size_t i = 0; i < TYPES; i++)
        if (str_starts(id, types[i]->prefix)) return types[i];
    return NULL;
}

static pb_value tagged(sim_call *c, pb_str id, const ec2_type **type) {
    *type = type_of_id(id);
    if (!*type) return sim_fail(c, 400, "InvalidID", "The ID '%.*s' is not valid", PB_ARG(id));
    return ec2_find(c, *type, id);
}

pb_value ec2_create_tags(sim_call *c) {
    pb_value ids = pb_get_c(c->in, "Resources"), tags = pb_get_c(c->in, "Tags");
    ec2_need(c, "Resources");
    ec2_need(c, "Tags");
    ec2_check_tags(c, tags);
    EACH(id, ids) {
        const ec2_type *t;
        pb_value v = tagged(c, pb_text(*id), &t);
        if (c->failed) break;
        pb_value merged = tags_merge(c, pb_get_c(v, "Tags"), tags);
        if (merged.n > SIM_MAX_TAGS) sim_fail(c, 400, "TagLimitExceeded", "More than %d tags specified", SIM_MAX_TAGS);
        ec2_put(c, t, sim_with(c, v, "Tags", merged));
    }
    return PB_NONE_VALUE;
}

/* A tag that is named with a value goes only when it has that value. */
static pb_value without_tags(sim_call *c, pb_value have, pb_value gone) {
    sim_items l = {0};
    EACH(t, have) {
        bool drop = false;
        EACH(g, gone) {
            pb_value value = pb_get_c(*g, "Value");
            drop = drop || (pb_equal(pb_get_c(*g, "Key"), pb_get_c(*t, "Key")) &&
                            (!is_set(value) || pb_equal(value, pb_get_c(*t, "Value"))));
        }
        if (!drop) items_add(c, &l, *t);
    }
    return items_list(c, &l);
}

pb_value ec2_delete_tags(sim_call *c) {
    pb_value ids = pb_get_c(c->in, "Resources"), tags = pb_get_c(c->in, "Tags");
    ec2_need(c, "Resources");
    EACH(id, ids) {
        const ec2_type *t;
        pb_value v = tagged(c, pb_text(*id), &t);
        if (c->failed) break;
        pb_value left = is_set(tags) ? without_tags(c, pb_get_c(v, "Tags"), tags) : PB_NONE_VALUE;
        ec2_put(c, t, sim_with(c, v, "Tags", left.n ? left : PB_NONE_VALUE));
    }
    return PB_NONE_VALUE;
}

static const ec2_filter tag_filters[] = {
    {"resource-id", "ResourceId"}, {"resource-type", "ResourceType"}, {"key", "Key"}, {"value", "Value"}, {NULL, NULL}};

/* "tag:K" asks for the rows of this key. */
static bool tag_row_passes(sim_call *c, pb_value row) {
    pb_value own = sim_with(c, row, "Tags", sim_list1(c, row));
    return passes(c, tag_filters, own);
}

pb_value ec2_describe_tags(sim_call *c) {
    sim_items rows = {0};
    check_filters(c, tag_filters);
    for (size_t i = 0; i < TYPES; i++) {
        pb_value all = sim_list(c, types[i]->kind, NULL);
        EACH(v, all) {
            pb_value tags = pb_get_c(*v, "Tags");
            EACH(t, tags) {
                pb_value row = MAP(c, {"Key", pb_get_c(*t, "Key")}, {"Value", pb_get_c(*t, "Value")},
                                   {"ResourceId", pb_get_c(*v, types[i]->member)},
                                   {"ResourceType", pb_string_c(types[i]->resource_type)});
                if (tag_row_passes(c, row)) items_add(c, &rows, row);
            }
        }
    }
    return MAP(c, {"Tags", items_list(c, &rows)});
}

/* ---- regions and zones ---- */

static const char *const region_names[] = {
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1",   "eu-central-1",   "eu-north-1",     "eu-west-1",  "eu-west-2",      "eu-west-3",
    "sa-east-1",      "us-east-1",      "us-east-2",      "us-west-1",  "us-west-2"};
static const ec2_filter region_filters[] = {
    {"region-name", "RegionName"}, {"endpoint", "Endpoint"}, {"opt-in-status", "OptInStatus"}, {NULL, NULL}};

pb_value ec2_regions(sim_call *c) {
    sim_items l = {0};
    pb_value names = pb_get_c(c->in, "RegionNames");
    check_filters(c, region_filters);
    for (size_t i = 0; i < sizeof region_names / sizeof *region_names; i++) {
        pb_value name = pb_string_c(region_names[i]);
        bool asked = names.kind != PB_LIST || names.n == 0;
        EACH(n, names) asked = asked || pb_equal(*n, name);
        pb_value row = MAP(c, {"RegionName", name}, {"Endpoint", sim_text(c, "ec2.%s.amazonaws.com", region_names[i])},
                           {"OptInStatus", pb_string_c("opt-in-not-required")});
        if (asked && passes(c, region_filters, row)) items_add(c, &l, row);
    }
    return MAP(c, {"Regions", items_list(c, &l)});
}

static const ec2_filter zone_filters[] = {
    {"zone-name", "ZoneName"}, {"region-name", "RegionName"}, {"state", "State"}, {"zone-id", "ZoneId"}, {NULL, NULL}};

pb_value ec2_zones(sim_call *c) {
    sim_items l = {0};
    check_filters(c, zone_filters);
    for (int i = 0; i < 3; i++) {
        pb_value row =
            MAP(c, {"ZoneName", sim_text(c, "%.*s%c", PB_ARG(c->region), 'a' + i)},
                {"RegionName", pb_string(c->region)}, {"State", pb_string_c("available")},
                {"ZoneId", sim_text(c, "%.*s-az%d", PB_ARG(c->region), i + 1)}, {"GroupName", pb_string(c->region)},
                {"OptInStatus", pb_string_c("opt-in-not-required")}, {"ZoneType", pb_string_c("availability-zone")});
        if (passes(c, zone_filters, row)) items_add(c, &l, row);
    }
    return MAP(c, {"AvailabilityZones", items_list(c, &l)});
}
