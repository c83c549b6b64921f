/*
 * ec2_net.c - VPCs, subnets, network interfaces, addresses, network ACLs.
 *
 * Every region starts with a default VPC as a real account's does: three subnets, a default group, a network ACL.
 */
#include <stdio.h>

#include "stdlib/sim/ec2.h"

enum {
    GROUPS_PER_ENI = 5,
    FIRST_HOST = 4 /* AWS keeps the first four addresses of a subnet */,
    ADDRESSES = 5 /* per region */
};

/* ---- VPCs and subnets ---- */

static pb_value acl_entry(sim_call *c, int64_t number, bool egress, const char *action) {
    return MAP(c, {"RuleNumber", pb_int(number)}, {"Egress", pb_bool(egress)}, {"Protocol", pb_string_c("-1")},
               {"RuleAction", pb_string_c(action)}, {"CidrBlock", pb_string_c("0.0.0.0/0")});
}

static pb_value acl_new(sim_call *c, pb_value vpc, bool is_default, pb_value tags) {
    sim_items entries = {0};
    for (int egress = 0; egress < 2; egress++) {
        if (is_default) items_add(c, &entries, acl_entry(c, 100, egress, "allow"));
        items_add(c, &entries, acl_entry(c, 32767, egress, "deny"));
    }
    pb_value acl =
        MAP(c, {"NetworkAclId", ec2_new_id(c, &ec2_acl)}, {"VpcId", pb_get_c(vpc, "VpcId")},
            {"IsDefault", pb_bool(is_default)}, {"OwnerId", pb_string(c->account)},
            {"Entries", items_list(c, &entries)}, {"Associations", items_list(c, &(sim_items){0})}, {"Tags", tags});
    ec2_put(c, &ec2_acl, acl);
    return acl;
}

static pb_value vpc_new(sim_call *c, pb_value cidr, bool is_default, pb_value tags) {
    pb_value vpc =
        MAP(c, {"VpcId", ec2_new_id(c, &ec2_vpc)}, {"CidrBlock", cidr}, {"IsDefault", pb_bool(is_default)},
            {"State", pb_string_c("available")}, {"OwnerId", pb_string(c->account)},
            {"InstanceTenancy", pb_string_c("default")}, {"DhcpOptionsId", pb_string_c("default")}, {"Tags", tags});
    ec2_put(c, &ec2_vpc, vpc);
    ec2_group_new(c, vpc, PB_STR("default"), PB_STR("default VPC security group"), PB_NONE_VALUE);
    acl_new(c, vpc, true, PB_NONE_VALUE);
    return vpc;
}

static pb_value default_acl(sim_call *c, pb_str vpc) {
    pb_value all = sim_list(c, K_ACL, NULL);
    EACH(a, all) if (get_bool(*a, "IsDefault") && pb_str_eq(get_text(*a, "VpcId"), vpc)) return *a;
    return PB_NONE_VALUE;
}

static void acl_associate(sim_call *c, pb_value acl, pb_value subnet) {
    sim_items l = {0};
    pb_value have = pb_get_c(acl, "Associations");
    EACH(a, have) items_add(c, &l, *a);
    items_add(c, &l,
              MAP(c, {"NetworkAclAssociationId", pb_string(sim_hex_id(c, "aclassoc-", 17))},
                  {"NetworkAclId", pb_get_c(acl, "NetworkAclId")}, {"SubnetId", pb_get_c(subnet, "SubnetId")}));
    ec2_put(c, &ec2_acl, sim_with(c, acl, "Associations", items_list(c, &l)));
}

static pb_value subnet_new(sim_call *c, pb_value vpc, pb_value cidr, pb_value zone, bool is_default, pb_value tags) {
    uint32_t base;
    unsigned bits = 24;
    ec2_cidr4(pb_text(cidr), &base, &bits);
    pb_value id = ec2_new_id(c, &ec2_subnet);
    pb_value s =
        MAP(c, {"SubnetId", id}, {"VpcId", pb_get_c(vpc, "VpcId")}, {"CidrBlock", cidr}, {"AvailabilityZone", zone},
            {"State", pb_string_c("available")}, {"AvailableIpAddressCount", pb_int((1LL << (32 - bits)) - 5)},
            {"DefaultForAz", pb_bool(is_default)}, {"MapPublicIpOnLaunch", pb_bool(is_default)},
            {"OwnerId", pb_string(c->account)}, {"SubnetArn", ec2_arn(c, "subnet", pb_text(id))}, {"Tags", tags});
    ec2_put(c, &ec2_subnet, s);
    acl_associate(c, default_acl(c, get_text(vpc, "VpcId")), s);
    return s;
}

pb_value ec2_default_vpc(sim_call *c) {
    pb_value all = sim_list(c, K_VPC, NULL);
    EACH(v, all) if (get_bool(*v, "IsDefault")) return *v;
    return sim_fail(c, 400, "VPCIdNotSpecified", "No default VPC for this user");
}

/* A region that was never used gets its default VPC. One that was, and whose VPCs were all deleted, stays empty. */
void ec2_prepare(sim_call *c) {
    pb_value any = sim_list(c, K_VPC, NULL);
    if (c->failed || any.n || sim_next(c, "region", TOP) > 1) return;
    pb_value vpc = vpc_new(c, pb_string_c("172.31.0.0/16"), true, PB_NONE_VALUE);
    for (int i = 0; i < 3; i++)
        subnet_new(c, vpc, sim_text(c, "172.31.%d.0/20", i * 16), sim_text(c, "%.*s%c", PB_ARG(c->region), 'a' + i),
                   true, PB_NONE_VALUE);
}

static pb_value checked_cidr(sim_call *c, const char *code) {
    pb_value cidr = pb_get_c(c->in, "CidrBlock");
    uint32_t base;
    unsigned bits;
    if (!ec2_need(c, "CidrBlock")) return PB_NONE_VALUE;
    if (!ec2_cidr4(pb_text(cidr), &base, &bits))
        return sim_fail(c, 400, "InvalidParameterValue",
                        "Value (%.*s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
                        PB_ARG(pb_text(cidr)));
    if (bits < 16 || bits > 28) return sim_fail(c, 400, code, "The CIDR '%.*s' is invalid.", PB_ARG(pb_text(cidr)));
    return cidr;
}

pb_value ec2_create_vpc(sim_call *c) {
    static const char *const allowed[] = {"vpc", NULL};
    pb_value cidr = checked_cidr(c, "InvalidVpc.Range");
    ec2_check_specs(c, allowed);
    return c->failed ? PB_NONE_VALUE : MAP(c, {"Vpc", vpc_new(c, cidr, false, ec2_spec_tags(c, "vpc"))});
}

/* Is anything of a kind in this VPC or subnet? */
static bool holds(sim_call *c, sim_kind k, const char *member, pb_str id, const char *except_default) {
    pb_value all = sim_list(c, k, NULL);
    EACH(v, all)
    if (pb_str_eq(get_text(*v, member), id) &&
        !(except_default && (pb_str_is(get_text(*v, except_default), "default") || get_bool(*v, except_default))))
        return true;
    return false;
}

pb_value ec2_delete_vpc(sim_call *c) {
    pb_value vpc = ec2_named(c, &ec2_vpc);
    pb_str id = get_text(vpc, "VpcId");
    if (c->failed) return PB_NONE_VALUE;
    if (holds(c, K_SUBNET, "VpcId", id, NULL) || holds(c, K_GROUP, "VpcId", id, "GroupName") ||
        holds(c, K_ACL, "VpcId", id, "IsDefault") || holds(c, K_ENI, "VpcId", id, NULL))
        return sim_fail(c, 400, "DependencyViolation", "The vpc '%.*s' has dependencies and cannot be deleted.",
                        PB_ARG(id));
    pb_value group = ec2_group_named(c, id, PB_STR("default"));
    sim_delete_all(c, K_RULE, get_text(group, "GroupId"));
    ec2_drop(c, &ec2_group, group);
    ec2_drop(c, &ec2_acl, default_acl(c, id));
    ec2_drop(c, &ec2_vpc, vpc);
    return PB_NONE_VALUE;
}

static bool overlaps(uint32_t a, unsigned abits, uint32_t b, unsigned bbits) {
    unsigned bits = abits < bbits ? abits : bbits;
    return bits == 0 || (a >> (32 - bits)) == (b >> (32 - bits));
}

static void check_subnet_range(sim_call *c, pb_value vpc, pb_value cidr) {
    uint32_t base, outer, other;
    unsigned bits, outer_bits, other_bits;
    pb_value all = sim_list(c, K_SUBNET, NULL);
    if (c->failed || !ec2_cidr4(pb_text(cidr), &base, &bits) ||
        !ec2_cidr4(get_text(vpc, "CidrBlock"), &outer, &outer_bits))
        return;
    if (bits < outer_bits || !overlaps(base, bits, outer, outer_bits))
        sim_fail(c, 400, "InvalidSubnet.Range", "The CIDR '%.*s' is invalid.", PB_ARG(pb_text(cidr)));
    EACH(s, all)
    if (pb_equal(pb_get_c(*s, "VpcId"), pb_get_c(vpc, "VpcId")) &&
        ec2_cidr4(get_text(*s, "CidrBlock"), &other, &other_bits) && overlaps(base, bits, other, other_bits))
        sim_fail(c, 400, "InvalidSubnet.Conflict", "The CIDR '%.*s' conflicts with another subnet",
                 PB_ARG(pb_text(cidr)));
}

pb_value ec2_create_subnet(sim_call *c) {
    static const char *const allowed[] = {"subnet", NULL};
    pb_value vpc = ec2_named(c, &ec2_vpc), cidr = checked_cidr(c, "InvalidSubnet.Range");
    pb_value zone = or_else(pb_get_c(c->in, "AvailabilityZone"), sim_text(c, "%.*sa", PB_ARG(c->region)));
    ec2_check_specs(c, allowed);
    check_subnet_range(c, vpc, cidr);
    return c->failed ? PB_NONE_VALUE
                     : MAP(c, {"Subnet", subnet_new(c, vpc, cidr, zone, false, ec2_spec_tags(c, "subnet"))});
}

pb_value ec2_delete_subnet(sim_call *c) {
    pb_value s = ec2_named(c, &ec2_subnet);
    if (c->failed) return PB_NONE_VALUE;
    if (holds(c, K_ENI, "SubnetId", get_text(s, "SubnetId"), NULL))
        return sim_fail(c, 400, "DependencyViolation", "The subnet '%.*s' has dependencies and cannot be deleted.",
                        PB_ARG(get_text(s, "SubnetId")));
    ec2_drop(c, &ec2_subnet, s);
    return PB_NONE_VALUE;
}

pb_value ec2_default_subnet(sim_call *c, pb_str zone) {
    pb_value all = sim_list(c, K_SUBNET, NULL);
    EACH(s, all)
    if (get_bool(*s, "DefaultForAz") && (!zone.n || pb_str_eq(get_text(*s, "AvailabilityZone"), zone))) return *s;
    return sim_fail(c, 400, "MissingInput", "No default subnet for availability zone: '%.*s'.", PB_ARG(zone));
}

/* ---- network interfaces ---- */

pb_value ec2_group_refs(sim_call *c, pb_value ids, pb_str vpc) {
    sim_items l = {0};
    EACH(id, ids) {
        pb_value g = ec2_find(c, &ec2_group, pb_text(*id));
        if (is_set(g) && !pb_str_eq(get_text(g, "VpcId"), vpc))
            sim_fail(c, 400, "InvalidGroup.NotFound",
                     "You have specified two resources that belong to different networks.");
        items_add(c, &l, MAP(c, {"GroupId", pb_get_c(g, "GroupId")}, {"GroupName", pb_get_c(g, "GroupName")}));
    }
    if (l.n > GROUPS_PER_ENI)
        sim_fail(c, 400, "SecurityGroupsPerInterfaceLimitExceeded",
                 "The maximum number of security groups per interface has been reached.");
    return items_list(c, &l);
}

static pb_str next_ip(sim_call *c, pb_value subnet) {
    uint32_t base;
    unsigned bits;
    int64_t n = sim_next(c, "ip", get_text(subnet, "SubnetId")) - 1 + FIRST_HOST;
    if (!ec2_cidr4(get_text(subnet, "CidrBlock"), &base, &bits) || n >= (1LL << (32 - bits)) - 1)
        sim_fail(c, 400, "InsufficientFreeAddressesInSubnet",
                 "The specified subnet does not have enough free addresses to satisfy the request.");
    return ec2_ip_text(c, base + (uint32_t)n);
}

static pb_value mac(sim_call *c) {
    int64_t n = sim_next(c, "mac", TOP);
    return sim_text(c, "02:5e:00:%02x:%02x:%02x", (unsigned)(n >> 16) & 255, (unsigned)(n >> 8) & 255,
                    (unsigned)n & 255);
}

static pb_value private_name(sim_call *c, pb_str ip) {
    pb_str s = pb_strdup(c->arena, ip.s, ip.n);
    char *p = (char *)(uintptr_t)s.s; /* ours: just copied */
    for (uint32_t i = 0; p && i < s.n; i++)
        if (p[i] == '.') p[i] = '-';
    return sim_text(c, "ip-%.*s.%.*s.compute.internal", PB_ARG(s), PB_ARG(c->region));
}

pb_value ec2_eni_new(sim_call *c, pb_value subnet, pb_value groups, pb_str description, pb_value tags, pb_str ip) {
    pb_str vpc = get_text(subnet, "VpcId");
    if (groups.kind != PB_LIST || !groups.n)
        groups = sim_list1(c, pb_get_c(ec2_group_named(c, vpc, PB_STR("default")), "GroupId"));
    pb_value refs = ec2_group_refs(c, groups, vpc), address = pb_string(ip.n ? ip : next_ip(c, subnet));
    pb_value eni =
        MAP(c, {"NetworkInterfaceId", ec2_new_id(c, &ec2_eni)}, {"SubnetId", pb_get_c(subnet, "SubnetId")},
            {"VpcId", pb_string(vpc)}, {"AvailabilityZone", pb_get_c(subnet, "AvailabilityZone")},
            {"Description", pb_string(description)}, {"OwnerId", pb_string(c->account)},
            {"RequesterManaged", pb_bool(false)}, {"Status", pb_string_c("available")}, {"MacAddress", mac(c)},
            {"PrivateIpAddress", address}, {"PrivateDnsName", private_name(c, pb_text(address))},
            {"SourceDestCheck", pb_bool(true)}, {"InterfaceType", pb_string_c("interface")}, {"Groups", refs},
            {"Ipv6Addresses", items_list(c, &(sim_items){0})}, {"Tags", tags});
    return eni;
}

pb_value ec2_eni_attached(sim_call *c, pb_value eni, pb_str instance, int64_t index, bool delete_with) {
    pb_value attachment =
        MAP(c, {"AttachmentId", pb_string(sim_hex_id(c, "eni-attach-", 17))}, {"InstanceId", pb_string(instance)},
            {"InstanceOwnerId", pb_string(c->account)}, {"DeviceIndex", pb_int(index)}, {"NetworkCardIndex", pb_int(0)},
            {"Status", pb_string_c("attached")}, {"AttachTime", pb_time(c->now)},
            {"DeleteOnTermination", pb_bool(delete_with)});
    return sim_with(c, sim_with(c, eni, "Attachment", attachment), "Status", pb_string_c("in-use"));
}

/* 203.0.113.0/24 is set aside for examples. */
static pb_value public_address(sim_call *c, pb_str *ip) {
    *ip = pb_printf(c->arena, "203.0.113.%d", (int)(sim_next(c, "public-ip", TOP) % 254) + 1);
    return sim_text(c, "ec2-%.*s.%.*s.compute.amazonaws.com", PB_ARG(*ip), PB_ARG(c->region));
}

pb_value ec2_eni_public(sim_call *c, pb_value eni) {
    pb_str ip;
    pb_value name = public_address(c, &ip);
    return sim_with(c, eni, "Association",
                    MAP(c, {"PublicIp", pb_string(ip)}, {"PublicDnsName", name}, {"IpOwnerId", pb_string_c("amazon")}));
}

pb_value ec2_enis_of(sim_call *c, pb_str instance) { return sim_list_of(c, K_ENI, instance); }

pb_value ec2_eni_view(sim_call *c, pb_value v) {
    pb_value address =
        MAP(c, {"Primary", pb_bool(true)}, {"PrivateIpAddress", pb_get_c(v, "PrivateIpAddress")},
            {"PrivateDnsName", pb_get_c(v, "PrivateDnsName")}, {"Association", pb_get_c(v, "Association")});
    return sim_merge(c, v,
                     MAP(c, {"TagSet", or_else(pb_get_c(v, "Tags"), items_list(c, &(sim_items){0}))},
                         {"PrivateIpAddresses", sim_list1(c, address)}));
}

pb_value ec2_create_eni(sim_call *c) {
    static const char *const allowed[] = {"network-interface", NULL};
    pb_value subnet = ec2_named(c, &ec2_subnet);
    ec2_check_specs(c, allowed);
    if (c->failed) return PB_NONE_VALUE;
    pb_value eni = ec2_eni_new(c, subnet, pb_get_c(c->in, "Groups"), get_text(c->in, "Description"),
                               ec2_spec_tags(c, "network-interface"), get_text(c->in, "PrivateIpAddress"));
    ec2_put(c, &ec2_eni, eni);
    return MAP(c, {"NetworkInterface", ec2_eni_view(c, eni)});
}

pb_value ec2_delete_eni(sim_call *c) {
    pb_value eni = ec2_named(c, &ec2_eni);
    if (c->failed) return PB_NONE_VALUE;
    if (is_set(pb_get_c(eni, "Attachment")))
        return sim_fail(c, 400, "InvalidParameterValue", "Network interface '%.*s' is currently in use.",
                        PB_ARG(get_text(eni, "NetworkInterfaceId")));
    ec2_drop(c, &ec2_eni, eni);
    return PB_NONE_VALUE;
}

pb_value ec2_attach_eni(sim_call *c) {
    pb_value eni = ec2_named(c, &ec2_eni), instance = ec2_named(c, &ec2_instance);
    int64_t index = get_int(c->in, "DeviceIndex", 1);
    if (c->failed) return PB_NONE_VALUE;
    pb_str id = get_text(instance, "InstanceId");
    if (is_set(pb_get_c(eni, "Attachment")))
        return sim_fail(c, 400, "InvalidParameterValue", "Interface: [%.*s] in use.",
                        PB_ARG(get_text(eni, "NetworkInterfaceId")));
    pb_value have = ec2_enis_of(c, id);
    EACH(e, have)
    if (get_int(pb_get_c(*e, "Attachment"), "DeviceIndex", -1) == index)
        sim_fail(c, 400, "InvalidParameterValue",
                 "Instance '%.*s' already has an interface attached at device index '%lld'.", PB_ARG(id),
                 (long long)index);
    eni = ec2_eni_attached(c, eni, id, index, false);
    ec2_put(c, &ec2_eni, eni);
    return MAP(c, {"AttachmentId", pb_path(eni, "Attachment.AttachmentId")});
}

pb_value ec2_detach_eni(sim_call *c) {
    pb_str id = get_text(c->in, "AttachmentId");
    pb_value all = sim_list(c, K_ENI, NULL);
    EACH(e, all) {
        pb_value attachment = pb_get_c(*e, "Attachment");
        if (!is_set(attachment) || !pb_str_eq(get_text(attachment, "AttachmentId"), id)) continue;
        if (get_int(attachment, "DeviceIndex", 0) == 0)
            return sim_fail(c, 400, "OperationNotPermitted",
                            "The network interface at device index 0 cannot be detached.");
        ec2_put(c, &ec2_eni,
                sim_with(c, sim_with(c, *e, "Attachment", PB_NONE_VALUE), "Status", pb_string_c("available")));
        return PB_NONE_VALUE;
    }
    return sim_fail(c, 400, "InvalidAttachmentID.NotFound", "The interface attachment '%.*s' does not exist.",
                    PB_ARG(id));
}

static pb_value with_groups(sim_call *c, pb_value eni, pb_value groups) {
    if (!groups.n)
        return sim_fail(c, 400, "InvalidParameterValue",
                        "You must specify at least one security group for the network interface.");
    return sim_with(c, eni, "Groups", ec2_group_refs(c, groups, get_text(eni, "VpcId")));
}

/* Only an address that came with the interface goes; an Elastic IP stays until it is disassociated. */
static pb_value with_public(sim_call *c, pb_value eni, bool on) {
    pb_value association = pb_get_c(eni, "Association");
    if (on) return is_set(association) ? eni : ec2_eni_public(c, eni);
    return is_set(pb_get_c(association, "AllocationId")) ? eni : sim_with(c, eni, "Association", PB_NONE_VALUE);
}

pb_value ec2_modify_eni(sim_call *c) {
    static const char *const attributes[] = {"Groups", "Description", "SourceDestCheck", "Attachment",
                                             "AssociatePublicIpAddress"};
    pb_value eni = ec2_named(c, &ec2_eni), given[5];
    int count = 0;
    for (int i = 0; i < 5; i++) count += is_set(given[i] = pb_get_c(c->in, attributes[i]));
    if (count != 1)
        sim_fail(c, 400, count ? "InvalidParameterCombination" : "MissingParameter",
                 count ? "Fields for multiple attribute types specified: only one attribute may be modified at a time"
                       : "The request must contain one attribute to modify");
    if (c->failed) return PB_NONE_VALUE;
    if (is_set(given[0])) eni = with_groups(c, eni, given[0]);
    if (is_set(given[1])) eni = sim_with(c, eni, "Description", pb_get_c(given[1], "Value"));
    if (is_set(given[2])) eni = sim_with(c, eni, "SourceDestCheck", pb_get_c(given[2], "Value"));
    if (is_set(given[3])) {
        pb_value attachment = pb_get_c(eni, "Attachment");
        if (!is_set(attachment) || !pb_equal(pb_get_c(attachment, "AttachmentId"), pb_get_c(given[3], "AttachmentId")))
            return sim_fail(c, 400, "InvalidAttachmentID.NotFound", "The interface attachment '%.*s' does not exist.",
                            PB_ARG(get_text(given[3], "AttachmentId")));
        eni = sim_with(c, eni, "Attachment",
                       sim_with(c, attachment, "DeleteOnTermination", pb_get_c(given[3], "DeleteOnTermination")));
    }
    if (is_set(given[4])) eni = with_public(c, eni, given[4].u.b);
    if (!c->failed) ec2_put(c, &ec2_eni, eni);
    return PB_NONE_VALUE;
}

/* ---- Elastic IP addresses ---- */

pb_value ec2_allocate_address(sim_call *c) {
    static const char *const allowed[] = {"elastic-ip", NULL};
    pb_str ip;
    pb_value have = sim_list(c, K_ADDRESS, NULL);
    ec2_check_specs(c, allowed);
    if (have.n >= ADDRESSES)
        return sim_fail(c, 400, "AddressLimitExceeded", "The maximum number of addresses has been reached.");
    public_address(c, &ip);
    pb_value a = MAP(c, {"AllocationId", ec2_new_id(c, &ec2_address)}, {"PublicIp", pb_string(ip)},
                     {"Domain", pb_string_c("vpc")}, {"NetworkBorderGroup", pb_string(c->region)},
                     {"PublicIpv4Pool", pb_string_c("amazon")}, {"Tags", ec2_spec_tags(c, "elastic-ip")});
    ec2_put(c, &ec2_address, a);
    return a;
}

pb_value ec2_release_address(sim_call *c) {
    pb_value a = ec2_named(c, &ec2_address);
    if (is_set(pb_get_c(a, "AssociationId")))
        return sim_fail(c, 400, "InvalidIPAddress.InUse", "The address with allocation id [%.*s] is in use.",
                        PB_ARG(get_text(a, "AllocationId")));
    if (!c->failed) ec2_drop(c, &ec2_address, a);
    return PB_NONE_VALUE;
}

/* The interface that an address is for: named, or the first of an instance. */
static pb_value address_target(sim_call *c) {
    if (is_set(pb_get_c(c->in, "NetworkInterfaceId"))) return ec2_named(c, &ec2_eni);
    pb_value instance = ec2_named(c, &ec2_instance), enis = ec2_enis_of(c, get_text(instance, "InstanceId"));
    EACH(e, enis) if (get_int(pb_get_c(*e, "Attachment"), "DeviceIndex", -1) == 0) return *e;
    return sim_fail(c, 400, "InvalidInstanceID", "The instance has no network interface");
}

static pb_value address_freed(sim_call *c, pb_value a) {
    static const char *const keep[] = {"AllocationId",   "PublicIp", "Domain", "NetworkBorderGroup",
                                       "PublicIpv4Pool", "Tags",     NULL};
    return sim_pick(c, a, keep);
}

pb_value ec2_associate_address(sim_call *c) {
    pb_value a = ec2_named(c, &ec2_address), eni = c->failed ? PB_NONE_VALUE : address_target(c);
    if (c->failed) return PB_NONE_VALUE;
    if (is_set(pb_get_c(a, "AssociationId")) && !get_bool(c->in, "AllowReassociation"))
        return sim_fail(c, 400, "Resource.AlreadyAssociated",
                        "resource %.*s is already associated with associate-id %.*s",
                        PB_ARG(get_text(a, "AllocationId")), PB_ARG(get_text(a, "AssociationId")));
    pb_value id = pb_string(sim_hex_id(c, "eipassoc-", 17)), allocation = pb_get_c(a, "AllocationId"),
             ip = pb_get_c(a, "PublicIp");
    a = sim_merge(c, address_freed(c, a),
                  MAP(c, {"AssociationId", id}, {"NetworkInterfaceId", pb_get_c(eni, "NetworkInterfaceId")},
                      {"NetworkInterfaceOwnerId", pb_string(c->account)},
                      {"PrivateIpAddress", pb_get_c(eni, "PrivateIpAddress")},
                      {"InstanceId", pb_path(eni, "Attachment.InstanceId")}));
    ec2_put(c, &ec2_address, a);
    ec2_put(c, &ec2_eni,
            sim_with(c, eni, "Association",
                     MAP(c, {"PublicIp", ip}, {"IpOwnerId", pb_string(c->account)}, {"AllocationId", allocation},
                         {"AssociationId", id})));
    return MAP(c, {"AssociationId", id});
}

pb_value ec2_disassociate_address(sim_call *c) {
    pb_value id = pb_get_c(c->in, "AssociationId"), all = sim_list(c, K_ADDRESS, NULL);
    EACH(a, all) {
        if (!pb_equal(pb_get_c(*a, "AssociationId"), id)) continue;
        pb_value eni = sim_find(c, K_ENI, get_text(*a, "NetworkInterfaceId"));
        if (is_set(eni)) ec2_put(c, &ec2_eni, sim_with(c, eni, "Association", PB_NONE_VALUE));
        ec2_put(c, &ec2_address, address_freed(c, *a));
        return PB_NONE_VALUE;
    }
    return sim_fail(c, 400, "InvalidAssociationID.NotFound", "The association ID '%.*s' does not exist",
                    PB_ARG(get_text(c->in, "AssociationId")));
}

/* ---- network ACLs ---- */

pb_value ec2_create_acl(sim_call *c) {
    static const char *const allowed[] = {"network-acl", NULL};
    pb_value vpc = ec2_named(c, &ec2_vpc);
    ec2_check_specs(c, allowed);
    return c->failed ? PB_NONE_VALUE : MAP(c, {"NetworkAcl", acl_new(c, vpc, false, ec2_spec_tags(c, "network-acl"))});
}

pb_value ec2_delete_acl(sim_call *c) {
    pb_value acl = ec2_named(c, &ec2_acl);
    if (c->failed) return PB_NONE_VALUE;
    if (get_bool(acl, "IsDefault"))
        return sim_fail(c, 400, "InvalidParameterValue", "Cannot delete default network ACL %.*s",
                        PB_ARG(get_text(acl, "NetworkAclId")));
    ec2_drop(c, &ec2_acl, acl);
    return PB_NONE_VALUE;
}

static bool is_entry(pb_value entry, int64_t number, bool egress) {
    return get_int(entry, "RuleNumber", -1) == number && get_bool(entry, "Egress") == egress;
}

/* Entries without the one that the input names, which is told apart. */
static sim_items other_entries(sim_call *c, pb_value acl, bool *found) {
    sim_items l = {0};
    pb_value have = pb_get_c(acl, "Entries");
    *found = false;
    EACH(e, have) {
        bool same = is_entry(*e, get_int(c->in, "RuleNumber", -2), get_bool(c->in, "Egress"));
        *found = *found || same;
        if (!same) items_add(c, &l, *e);
    }
    return l;
}

pb_value ec2_create_acl_entry(sim_call *c) {
    static const char *const members[] = {"RuleNumber",    "Egress",    "Protocol",     "RuleAction", "CidrBlock",
                                          "Ipv6CidrBlock", "PortRange", "IcmpTypeCode", NULL};
    pb_value acl = ec2_named(c, &ec2_acl);
    bool found;
    sim_items l = other_entries(c, acl, &found);
    if (found)
        sim_fail(c, 400, "NetworkAclEntryAlreadyExists", "The network acl entry identified by %lld already exists.",
                 (long long)get_int(c->in, "RuleNumber", 0));
    items_add(c, &l, sim_pick(c, c->in, members));
    if (!c->failed) ec2_put(c, &ec2_acl, sim_with(c, acl, "Entries", items_list(c, &l)));
    return PB_NONE_VALUE;
}

pb_value ec2_delete_acl_entry(sim_call *c) {
    pb_value acl = ec2_named(c, &ec2_acl);
    bool found;
    sim_items l = other_entries(c, acl, &found);
    if (!found) sim_fail(c, 400, "InvalidNetworkAclEntry.NotFound", "The specified network acl entry does not exist.");
    if (!c->failed) ec2_put(c, &ec2_acl, sim_with(c, acl, "Entries", items_list(c, &l)));
    return PB_NONE_VALUE;
}

/* ---- what can be listed ---- */

static const ec2_filter vpc_filters[] = {
    {"vpc-id", "VpcId"},        {"cidr", "CidrBlock"},       {"cidr-block", "CidrBlock"}, {"state", "State"},
    {"isDefault", "IsDefault"}, {"is-default", "IsDefault"}, {"owner-id", "OwnerId"},     {NULL, NULL}};
const ec2_listing ec2_vpcs = {&ec2_vpc, "VpcIds", "Vpcs", vpc_filters, NULL};

static const ec2_filter subnet_filters[] = {
    {"subnet-id", "SubnetId"},        {"vpc-id", "VpcId"}, {"availability-zone", "AvailabilityZone"},
    {"cidr-block", "CidrBlock"},      {"state", "State"},  {"default-for-az", "DefaultForAz"},
    {"defaultForAz", "DefaultForAz"}, {NULL, NULL}};
const ec2_listing ec2_subnets = {&ec2_subnet, "SubnetIds", "Subnets", subnet_filters, NULL};

static const ec2_filter eni_filters[] = {{"network-interface-id", "NetworkInterfaceId"},
                                         {"attachment.instance-id", "Attachment.InstanceId"},
                                         {"attachment.attachment-id", "Attachment.AttachmentId"},
                                         {"attachment.device-index", "Attachment.DeviceIndex"},
                                         {"attachment.status", "Attachment.Status"},
                                         {"group-id", "Groups.GroupId"},
                                         {"group-name", "Groups.GroupName"},
                                         {"vpc-id", "VpcId"},
                                         {"subnet-id", "SubnetId"},
                                         {"status", "Status"},
                                         {"description", "Description"},
                                         {"availability-zone", "AvailabilityZone"},
                                         {"private-ip-address", "PrivateIpAddress"},
                                         {"addresses.private-ip-address", "PrivateIpAddress"},
                                         {"association.public-ip", "Association.PublicIp"},
                                         {"addresses.association.public-ip", "Association.PublicIp"},
                                         {"mac-address", "MacAddress"},
                                         {"interface-type", "InterfaceType"},
                                         {"requester-managed", "RequesterManaged"},
                                         {"owner-id", "OwnerId"},
                                         {NULL, NULL}};
const ec2_listing ec2_enis = {&ec2_eni, "NetworkInterfaceIds", "NetworkInterfaces", eni_filters, ec2_eni_view};

static const ec2_filter address_filters[] = {{"allocation-id", "AllocationId"},
                                             {"association-id", "AssociationId"},
                                             {"public-ip", "PublicIp"},
                                             {"instance-id", "InstanceId"},
                                             {"network-interface-id", "NetworkInterfaceId"},
                                             {"domain", "Domain"},
                                             {"private-ip-address", "PrivateIpAddress"},
                                             {NULL, NULL}};
const ec2_listing ec2_addresses = {&ec2_address, "AllocationIds", "Addresses", address_filters, NULL};

static const ec2_filter acl_filters[] = {{"network-acl-id", "NetworkAclId"},
                                         {"vpc-id", "VpcId"},
                                         {"default", "IsDefault"},
                                         {"association.subnet-id", "Associations.SubnetId"},
                                         {"association.network-acl-id", "Associations.NetworkAclId"},
                                         {NULL, NULL}};
const ec2_listing ec2_acls = {&ec2_acl, "NetworkAclIds", "NetworkAcls", acl_filters, NULL};
