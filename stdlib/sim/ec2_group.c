/*
 * ec2_group.c - security groups and their rules.
 *
 * Rules are resources of their own, under their group; IpPermissions as the older operations show them are made from
 * the rules when asked for. A rule is the same as another when direction, protocol, ports and peer are: that makes a
 * duplicate, and finds what a revocation by permission means.
 */
#include <arpa/inet.h>

#include "stdlib/sim/ec2.h"

const bool ec2_ingress = false, ec2_egress = true; /* IsEgress */

enum { RULES_PER_GROUP = 60 };

/* ---- rules ---- */

static pb_value protocol_name(sim_call *c, pb_str given) {
    static const struct {
        const char *number, *name;
    } known[] = {{"6", "tcp"},  {"17", "udp"},  {"1", "icmp"},  {"58", "icmpv6"},
                 {"all", "-1"}, {"TCP", "tcp"}, {"UDP", "udp"}, {"ICMP", "icmp"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (pb_str_is(given, known[i].number)) return pb_string_c(known[i].name);
    static const char *const names[] = {"tcp", "udp", "icmp", "icmpv6", "-1"};
    for (size_t i = 0; i < 5; i++)
        if (pb_str_is(given, names[i])) return pb_string(given);
    if (!given.n) return sim_fail(c, 400, "MissingParameter", "The request must contain the parameter ipProtocol");
    for (uint32_t i = 0; i < given.n; i++)
        if (given.n > 3 || given.s[i] < '0' || given.s[i] > '9')
            return sim_fail(c, 400, "InvalidParameterValue", "Invalid value '%.*s' for IP protocol. Unknown protocol.",
                            PB_ARG(given));
    return pb_string(given);
}

static bool has_ports(pb_str protocol) { return pb_str_is(protocol, "tcp") || pb_str_is(protocol, "udp"); }

static bool cidr6(pb_str text) {
    char z[INET6_ADDRSTRLEN + 5];
    struct in6_addr a;
    if (text.n >= sizeof z) return false;
    memcpy(z, text.s, text.n);
    z[text.n] = 0;
    char *slash = strchr(z, '/');
    if (!slash || !slash[1] || strlen(slash) > 4 || strspn(slash + 1, "0123456789") != strlen(slash + 1)) return false;
    *slash = 0;
    return inet_pton(AF_INET6, z, &a) == 1;
}

/* What identifies a rule in its group. */
static const char *const rule_identity[] = {"IsEgress", "IpProtocol", "FromPort",     "ToPort",
                                            "CidrIpv4", "CidrIpv6",   "PrefixListId", "ReferencedGroupInfo",
                                            NULL};

static bool same_rule(sim_call *c, pb_value a, pb_value b) {
    for (const char *const *k = rule_identity; *k; k++) {
        pb_value x = pb_get_c(a, *k), y = pb_get_c(b, *k);
        if (is_set(x) != is_set(y) || (is_set(x) && !pb_equal(x, y))) return false;
    }
    (void)c;
    return true;
}

/* The part of a rule that a permission's peers share. */
static pb_value rule_base(sim_call *c, pb_value permission, bool egress, pb_value group) {
    pb_value protocol = protocol_name(c, get_text(permission, "IpProtocol"));
    pb_value from = pb_get_c(permission, "FromPort"), to = pb_get_c(permission, "ToPort");
    if (c->failed) return PB_NONE_VALUE;
    if (has_ports(pb_text(protocol))) {
        int64_t low = get_int(permission, "FromPort", -2), high = get_int(permission, "ToPort", -2);
        if (low == -2 || high == -2)
            return sim_fail(c, 400, "InvalidParameterValue",
                            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.");
        if (low < 0 || high > 65535 || low > high)
            return sim_fail(c, 400, "InvalidParameterValue",
                            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.");
    }
    if (pb_str_is(pb_text(protocol), "-1")) from = to = pb_int(-1);
    return MAP(c, {"GroupId", pb_get_c(group, "GroupId")}, {"GroupOwnerId", pb_string(c->account)},
               {"IsEgress", pb_bool(egress)}, {"IpProtocol", protocol}, {"FromPort", or_else(from, pb_int(-1))},
               {"ToPort", or_else(to, pb_int(-1))});
}

static void add_rule(sim_call *c, sim_items *out, pb_value base, const char *peer, pb_value value, pb_value from) {
    items_add(c, out, sim_merge(c, base, MAP(c, {peer, value}, {"Description", pb_get_c(from, "Description")})));
}

static pb_value referenced(sim_call *c, pb_value pair, pb_value group) {
    pb_str id = get_text(pair, "GroupId"), name = get_text(pair, "GroupName");
    pb_value other = id.n ? ec2_find(c, &ec2_group, id) : ec2_group_named(c, get_text(group, "VpcId"), name);
    if (!is_set(other))
        return sim_fail(c, 400, "InvalidGroup.NotFound", "The security group '%.*s' does not exist", PB_ARG(name));
    return MAP(c, {"GroupId", pb_get_c(other, "GroupId")}, {"UserId", pb_string(c->account)});
}

/* One rule for each peer of a permission. */
static void expand(sim_call *c, sim_items *out, pb_value permission, bool egress, pb_value group) {
    pb_value base = rule_base(c, permission, egress, group);
    pb_value v4 = pb_get_c(permission, "IpRanges"), v6 = pb_get_c(permission, "Ipv6Ranges"),
             lists = pb_get_c(permission, "PrefixListIds"), pairs = pb_get_c(permission, "UserIdGroupPairs");
    uint32_t before = out->n, ip;
    unsigned bits;
    EACH(r, v4) {
        if (!ec2_cidr4(get_text(*r, "CidrIp"), &ip, &bits))
            sim_fail(c, 400, "InvalidParameterValue", "CIDR block %.*s is malformed", PB_ARG(get_text(*r, "CidrIp")));
        add_rule(c, out, base, "CidrIpv4", pb_get_c(*r, "CidrIp"), *r);
    }
    EACH(r, v6) {
        if (!cidr6(get_text(*r, "CidrIpv6")))
            sim_fail(c, 400, "InvalidParameterValue", "CIDR block %.*s is malformed", PB_ARG(get_text(*r, "CidrIpv6")));
        add_rule(c, out, base, "CidrIpv6", pb_get_c(*r, "CidrIpv6"), *r);
    }
    EACH(r, lists) add_rule(c, out, base, "PrefixListId", pb_get_c(*r, "PrefixListId"), *r);
    EACH(r, pairs) add_rule(c, out, base, "ReferencedGroupInfo", referenced(c, *r, group), *r);
    if (out->n == before)
        sim_fail(c, 400, "MissingParameter",
                 "The request must contain the parameter ipPermissions: a source or destination");
}

/* The older way of writing one permission straight into the request. */
static pb_value plain_permission(sim_call *c) {
    pb_value cidr = pb_get_c(c->in, "CidrIp"), name = pb_get_c(c->in, "SourceSecurityGroupName");
    pb_value peers4 = is_set(cidr) ? sim_list1(c, MAP(c, {"CidrIp", cidr})) : PB_NONE_VALUE;
    pb_value pairs = is_set(name) ? sim_list1(c, MAP(c, {"GroupName", name})) : PB_NONE_VALUE;
    return MAP(c,
               {"IpProtocol", or_else(pb_get_c(c->in, "IpProtocol"), is_set(name) ? pb_string_c("-1") : PB_NONE_VALUE)},
               {"FromPort", pb_get_c(c->in, "FromPort")}, {"ToPort", pb_get_c(c->in, "ToPort")}, {"IpRanges", peers4},
               {"UserIdGroupPairs", pairs});
}

static pb_value rules_given(sim_call *c, bool egress, pb_value group) {
    sim_items out = {0};
    pb_value permissions = pb_get_c(c->in, "IpPermissions");
    if (permissions.kind != PB_LIST || !permissions.n) permissions = sim_list1(c, plain_permission(c));
    EACH(p, permissions) {
        expand(c, &out, *p, egress, group);
        if (c->failed) break;
    }
    return items_list(c, &out);
}

static pb_value rule_find(sim_call *c, pb_value among, pb_value like) {
    EACH(r, among) if (same_rule(c, *r, like)) return *r;
    return PB_NONE_VALUE;
}

static pb_str peer_text(pb_value rule) {
    static const char *const members[] = {"CidrIpv4", "CidrIpv6", "PrefixListId"};
    for (size_t i = 0; i < 3; i++)
        if (is_set(pb_get_c(rule, members[i]))) return get_text(rule, members[i]);
    return get_text(pb_get_c(rule, "ReferencedGroupInfo"), "GroupId");
}

static pb_value rule_new(sim_call *c, pb_value rule) {
    rule = sim_merge(c, MAP(c, {"SecurityGroupRuleId", ec2_new_id(c, &ec2_rule)}), rule);
    rule = sim_with(c, rule, "Tags", ec2_spec_tags(c, "security-group-rule"));
    ec2_put(c, &ec2_rule, rule);
    return rule;
}

/* ---- groups ---- */

pb_value ec2_group_named(sim_call *c, pb_str vpc, pb_str name) {
    pb_value all = sim_list_of(c, K_GROUP, vpc);
    EACH(g, all) if (pb_str_eq(get_text(*g, "GroupName"), name)) return *g;
    return PB_NONE_VALUE;
}

/* The group that the input names, by id, or by name in the default VPC. */
static pb_value group_given(sim_call *c) {
    pb_str id = get_text(c->in, "GroupId"), name = get_text(c->in, "GroupName");
    if (id.n) return ec2_find(c, &ec2_group, id);
    if (!name.n)
        return sim_fail(c, 400, "MissingParameter", "The request must contain the parameter groupName or groupId");
    pb_value g = ec2_group_named(c, get_text(ec2_default_vpc(c), "VpcId"), name);
    return is_set(g) ? g
                     : sim_fail(c, 400, "InvalidGroup.NotFound",
                                "The security group '%.*s' does not exist in default VPC", PB_ARG(name));
}

pb_value ec2_group_new(sim_call *c, pb_value vpc, pb_str name, pb_str description, pb_value tags) {
    pb_value g = MAP(c, {"GroupId", ec2_new_id(c, &ec2_group)}, {"GroupName", pb_string(name)},
                     {"Description", pb_string(description)}, {"VpcId", pb_get_c(vpc, "VpcId")},
                     {"OwnerId", pb_string(c->account)}, {"Tags", tags});
    ec2_put(c, &ec2_group, g);
    pb_value all = MAP(c, {"IpProtocol", pb_string_c("-1")},
                       {"IpRanges", sim_list1(c, MAP(c, {"CidrIp", pb_string_c("0.0.0.0/0")}))});
    sim_items rules = {0};
    expand(c, &rules, all, true, g);
    if (rules.n) rule_new(c, rules.v[0]);
    return g;
}

pb_value ec2_create_group(sim_call *c) {
    static const char *const allowed[] = {"security-group", NULL};
    pb_str name = get_text(c->in, "GroupName");
    pb_value id = pb_get_c(c->in, "VpcId"), vpc = is_set(id) ? ec2_find(c, &ec2_vpc, pb_text(id)) : ec2_default_vpc(c);
    ec2_check_specs(c, allowed);
    if (str_starts(name, "sg-"))
        return sim_fail(c, 400, "InvalidParameterValue",
                        "Invalid value '%.*s' for groupName. Group names may not be in the format sg-*", PB_ARG(name));
    if (!c->failed && is_set(ec2_group_named(c, get_text(vpc, "VpcId"), name)))
        return sim_fail(c, 400, "InvalidGroup.Duplicate", "The security group '%.*s' already exists for VPC '%.*s'",
                        PB_ARG(name), PB_ARG(get_text(vpc, "VpcId")));
    if (c->failed) return PB_NONE_VALUE;
    pb_value g = ec2_group_new(c, vpc, name, get_text(c->in, "Description"), ec2_spec_tags(c, "security-group"));
    return MAP(c, {"GroupId", pb_get_c(g, "GroupId")}, {"Tags", pb_get_c(g, "Tags")});
}

static bool group_used(sim_call *c, pb_str id) {
    pb_value enis = sim_list(c, K_ENI, NULL), rules = sim_list(c, K_RULE, NULL);
    EACH(e, enis) if (sim_path_matches(*e, "Groups.GroupId", id)) return true;
    EACH(r, rules)
    if (pb_str_eq(get_text(pb_get_c(*r, "ReferencedGroupInfo"), "GroupId"), id) &&
        !pb_str_eq(get_text(*r, "GroupId"), id))
        return true;
    return false;
}

pb_value ec2_delete_group(sim_call *c) {
    pb_value g = group_given(c);
    pb_str id = get_text(g, "GroupId"), name = get_text(g, "GroupName");
    if (c->failed) return PB_NONE_VALUE;
    if (pb_str_is(name, "default"))
        return sim_fail(c, 400, "CannotDelete",
                        "the specified group: \"%.*s\" name: \"default\" cannot be deleted by a user", PB_ARG(id));
    if (group_used(c, id))
        return sim_fail(c, 400, "DependencyViolation", "resource %.*s has a dependent object", PB_ARG(id));
    sim_delete_all(c, K_RULE, id);
    ec2_drop(c, &ec2_group, g);
    return ec2_done(c);
}

/* ---- authorize and revoke ---- */

pb_value ec2_authorize(sim_call *c) {
    bool egress = *(const bool *)c->row->data;
    pb_value group = group_given(c);
    if (c->failed) return PB_NONE_VALUE;
    pb_str id = get_text(group, "GroupId");
    pb_value given = rules_given(c, egress, group), have = sim_list_of(c, K_RULE, id);
    sim_items made = {0};
    EACH(r, given) {
        if (c->failed) break;
        if (is_set(rule_find(c, have, *r)) || is_set(rule_find(c, items_list(c, &made), *r)))
            sim_fail(c, 400, "InvalidPermission.Duplicate",
                     "the specified rule \"peer: %.*s, %.*s, from port: %lld, to port: %lld, ALLOW\" already exists",
                     PB_ARG(peer_text(*r)), PB_ARG(get_text(*r, "IpProtocol")), (long long)get_int(*r, "FromPort", -1),
                     (long long)get_int(*r, "ToPort", -1));
        else
            items_add(c, &made, rule_new(c, *r));
    }
    if (have.n + made.n > 2 * RULES_PER_GROUP)
        sim_fail(c, 400, "RulesPerSecurityGroupLimitExceeded",
                 "The maximum number of rules per security group has been reached.");
    return MAP(c, {"Return", pb_bool(true)}, {"SecurityGroupRules", items_list(c, &made)});
}

static void revoke_ids(sim_call *c, bool egress, pb_str group, pb_value ids) {
    EACH(id, ids) {
        pb_value r = ec2_find(c, &ec2_rule, pb_text(*id));
        if (c->failed) return;
        if (!pb_str_eq(get_text(r, "GroupId"), group) || get_bool(r, "IsEgress") != egress)
            sim_fail(c, 400, "InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%.*s' does not exist",
                     PB_ARG(pb_text(*id)));
        ec2_drop(c, &ec2_rule, r);
    }
}

pb_value ec2_revoke(sim_call *c) {
    bool egress = *(const bool *)c->row->data;
    pb_value group = group_given(c), ids = pb_get_c(c->in, "SecurityGroupRuleIds");
    if (c->failed) return PB_NONE_VALUE;
    pb_str id = get_text(group, "GroupId");
    if (ids.kind == PB_LIST && ids.n) {
        revoke_ids(c, egress, id, ids);
        return ec2_done(c);
    }
    pb_value given = rules_given(c, egress, group), have = sim_list_of(c, K_RULE, id);
    EACH(r, given) {
        pb_value found = rule_find(c, have, *r);
        if (!is_set(found))
            return sim_fail(c, 400, "InvalidPermission.NotFound",
                            "The specified rule does not exist in this security group.");
        ec2_drop(c, &ec2_rule, found);
    }
    return ec2_done(c);
}

/* ---- shown ---- */

static bool same_ports(pb_value a, pb_value b) {
    return pb_equal(pb_get_c(a, "IpProtocol"), pb_get_c(b, "IpProtocol")) &&
           pb_equal(pb_get_c(a, "FromPort"), pb_get_c(b, "FromPort")) &&
           pb_equal(pb_get_c(a, "ToPort"), pb_get_c(b, "ToPort"));
}

/* The peers of one sort among rules with the same protocol and ports. */
static pb_value peers(sim_call *c, pb_value rules, pb_value like, const char *rule_member, const char *member) {
    sim_items l = {0};
    EACH(r, rules) {
        pb_value peer = pb_get_c(*r, rule_member);
        if (!is_set(peer) || !same_ports(*r, like) || get_bool(*r, "IsEgress") != get_bool(like, "IsEgress")) continue;
        pb_value described = MAP(c, {"Description", pb_get_c(*r, "Description")});
        items_add(c, &l, sim_merge(c, described, member ? MAP(c, {member, peer}) : peer));
    }
    return items_list(c, &l);
}

static pb_value permission_view(sim_call *c, pb_value rules, pb_value like) {
    bool all = pb_str_is(get_text(like, "IpProtocol"), "-1");
    return MAP(c, {"IpProtocol", pb_get_c(like, "IpProtocol")},
               {"FromPort", all ? PB_NONE_VALUE : pb_get_c(like, "FromPort")},
               {"ToPort", all ? PB_NONE_VALUE : pb_get_c(like, "ToPort")},
               {"IpRanges", peers(c, rules, like, "CidrIpv4", "CidrIp")},
               {"Ipv6Ranges", peers(c, rules, like, "CidrIpv6", "CidrIpv6")},
               {"PrefixListIds", peers(c, rules, like, "PrefixListId", "PrefixListId")},
               {"UserIdGroupPairs", peers(c, rules, like, "ReferencedGroupInfo", NULL)});
}

static pb_value permissions_view(sim_call *c, pb_value rules, bool egress) {
    sim_items l = {0};
    for (uint32_t i = 0; rules.kind == PB_LIST && i < rules.n; i++) {
        bool first = get_bool(rules.u.items[i], "IsEgress") == egress;
        for (uint32_t j = 0; first && j < i; j++)
            first = get_bool(rules.u.items[j], "IsEgress") != egress || !same_ports(rules.u.items[j], rules.u.items[i]);
        if (first) items_add(c, &l, permission_view(c, rules, rules.u.items[i]));
    }
    return items_list(c, &l);
}

static pb_value group_view(sim_call *c, pb_value g) {
    pb_value rules = sim_list_of(c, K_RULE, get_text(g, "GroupId"));
    return sim_merge(c, g,
                     MAP(c, {"IpPermissions", permissions_view(c, rules, false)},
                         {"IpPermissionsEgress", permissions_view(c, rules, true)}));
}

static bool name_asked(pb_value names, pb_value g) {
    EACH(n, names) if (pb_equal(*n, pb_get_c(g, "GroupName"))) return true;
    return names.kind != PB_LIST || names.n == 0;
}

/* GroupNames means the default VPC's. */
static pb_value group_asked(sim_call *c, pb_value g) {
    pb_value names = pb_get_c(c->in, "GroupNames");
    return name_asked(names, g) ? group_view(c, g) : PB_NONE_VALUE;
}

pb_value ec2_describe_groups(sim_call *c) {
    pb_value names = pb_get_c(c->in, "GroupNames"), found = ec2_select(c, &ec2_groups);
    EACH(n, names)
    if (!sim_path_matches(found, "GroupName", pb_text(*n)))
        return sim_fail(c, 400, "InvalidGroup.NotFound", "The security group '%.*s' does not exist",
                        PB_ARG(pb_text(*n)));
    return MAP(c, {"SecurityGroups", found});
}

static const ec2_filter group_filters[] = {
    {"group-id", "GroupId"},
    {"group-name", "GroupName"},
    {"vpc-id", "VpcId"},
    {"description", "Description"},
    {"owner-id", "OwnerId"},
    {"ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"},
    {"ip-permission.ipv6-cidr", "IpPermissions.Ipv6Ranges.CidrIpv6"},
    {"ip-permission.from-port", "IpPermissions.FromPort"},
    {"ip-permission.to-port", "IpPermissions.ToPort"},
    {"ip-permission.protocol", "IpPermissions.IpProtocol"},
    {"ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"},
    {"egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"},
    {"egress.ip-permission.protocol", "IpPermissionsEgress.IpProtocol"},
    {"egress.ip-permission.group-id", "IpPermissionsEgress.UserIdGroupPairs.GroupId"},
    {NULL, NULL}};
const ec2_listing ec2_groups = {&ec2_group, "GroupIds", "SecurityGroups", group_filters, group_asked};

static const ec2_filter rule_filters[] = {
    {"group-id", "GroupId"}, {"security-group-rule-id", "SecurityGroupRuleId"}, {NULL, NULL}};
const ec2_listing ec2_rules = {&ec2_rule, "SecurityGroupRuleIds", "SecurityGroupRules", rule_filters, NULL};
