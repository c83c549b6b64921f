/*
 * ec2_instance.c - instances: run, stop, start, terminate, show, modify.
 *
 * A change of state is seen twice, as with AWS: the answer shows the state on the way (pending, stopping), the next
 * look the one arrived at. An instance is kept without its interfaces and volumes, which are resources of their own and
 * are put in when it is shown.
 */
#include "stdlib/sim/ec2.h"

enum { MAX_INSTANCES = 100 /* of one request */ };

static pb_value state(sim_call *c, int code) {
    static const struct {
        int code;
        const char *name;
    } names[] = {{0, "pending"},     {16, "running"},  {32, "shutting-down"},
                 {48, "terminated"}, {64, "stopping"}, {80, "stopped"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) return MAP(c, {"Code", pb_int(code)}, {"Name", pb_string_c(names[i].name)});
    return PB_NONE_VALUE;
}

static int64_t state_code(pb_value instance) { return get_int(pb_get_c(instance, "State"), "Code", -1); }

/* ---- run ---- */

/* The interface that an instance gets when the request describes none. */
static pb_value plain_interface(sim_call *c) {
    pb_value ids = pb_get_c(c->in, "SecurityGroupIds"), names = pb_get_c(c->in, "SecurityGroups"),
             subnet = pb_get_c(c->in, "SubnetId");
    sim_items groups = {0};
    EACH(id, ids) items_add(c, &groups, *id);
    EACH(n, names) {
        pb_value g = ec2_group_named(c, get_text(ec2_default_vpc(c), "VpcId"), pb_text(*n));
        if (!is_set(g))
            sim_fail(c, 400, "InvalidGroup.NotFound", "The security group '%.*s' does not exist in default VPC",
                     PB_ARG(pb_text(*n)));
        items_add(c, &groups, pb_get_c(g, "GroupId"));
    }
    return MAP(c, {"DeviceIndex", pb_int(0)}, {"SubnetId", subnet}, {"Groups", items_list(c, &groups)},
               {"PrivateIpAddress", pb_get_c(c->in, "PrivateIpAddress")});
}

static pb_value interfaces_given(sim_call *c) {
    pb_value specs = pb_get_c(c->in, "NetworkInterfaces");
    if (specs.kind != PB_LIST || !specs.n) return sim_list1(c, plain_interface(c));
    if (is_set(pb_get_c(c->in, "SecurityGroupIds")) || is_set(pb_get_c(c->in, "SecurityGroups")) ||
        is_set(pb_get_c(c->in, "SubnetId")))
        sim_fail(c, 400, "InvalidParameterCombination",
                 "Network interfaces and an instance-level subnet ID or security groups may not be specified on the "
                 "same request");
    return specs;
}

static pb_value interface_subnet(sim_call *c, pb_value spec) {
    pb_str subnet = get_text(spec, "SubnetId");
    return subnet.n ? ec2_find(c, &ec2_subnet, subnet)
                    : ec2_default_subnet(c, get_text(pb_get_c(c->in, "Placement"), "AvailabilityZone"));
}

static pb_value interface_made(sim_call *c, pb_value spec, int64_t index) {
    pb_value subnet = interface_subnet(c, spec), public_ip = pb_get_c(spec, "AssociatePublicIpAddress");
    if (c->failed) return PB_NONE_VALUE;
    pb_value eni = ec2_eni_new(c, subnet, pb_get_c(spec, "Groups"), get_text(spec, "Description"),
                               ec2_spec_tags(c, "network-interface"), get_text(spec, "PrivateIpAddress"));
    bool open = is_set(public_ip) ? public_ip.u.b : index == 0 && get_bool(subnet, "MapPublicIpOnLaunch");
    return open ? ec2_eni_public(c, eni) : eni;
}

/* Makes or takes the interface and attaches it. */
static pb_value interface_attach(sim_call *c, pb_value spec, pb_str instance, int64_t position) {
    pb_str existing = get_text(spec, "NetworkInterfaceId");
    int64_t index = get_int(spec, "DeviceIndex", position);
    pb_value delete_with = pb_get_c(spec, "DeleteOnTermination");
    pb_value eni = existing.n ? ec2_find(c, &ec2_eni, existing) : interface_made(c, spec, index);
    if (c->failed) return PB_NONE_VALUE;
    if (is_set(pb_get_c(eni, "Attachment")))
        return sim_fail(c, 400, "InvalidParameterValue", "Interface: [%.*s] in use.", PB_ARG(existing));
    eni = ec2_eni_attached(c, eni, instance, index, is_set(delete_with) ? delete_with.u.b : !existing.n);
    ec2_put(c, &ec2_eni, eni);
    return eni;
}

static void volume_attach(sim_call *c, pb_value mapping, pb_value device, pb_str instance, pb_str zone) {
    pb_value ebs = pb_get_c(mapping, "Ebs"), delete_with = pb_get_c(ebs, "DeleteOnTermination");
    ebs = sim_with(c, ebs, "Size", pb_get_c(ebs, "VolumeSize"));
    pb_value v = ec2_volume_new(c, ebs, zone, ec2_spec_tags(c, "volume"));
    if (!c->failed)
        ec2_put(c, &ec2_volume,
                ec2_volume_attached(c, v, instance, device, is_set(delete_with) ? delete_with.u.b : true));
}

/* The root volume, and one for each mapping that describes one. */
static void volumes_attach(sim_call *c, pb_str instance, pb_str root, pb_str zone) {
    pb_value mappings = pb_get_c(c->in, "BlockDeviceMappings");
    bool root_given = false;
    EACH(m, mappings) root_given = root_given || pb_str_eq(get_text(*m, "DeviceName"), root);
    if (!root_given) volume_attach(c, PB_NONE_VALUE, pb_string(root), instance, zone);
    EACH(m, mappings) if (is_set(pb_get_c(*m, "Ebs"))) volume_attach(c, *m, pb_get_c(*m, "DeviceName"), instance, zone);
}

static pb_value profile(sim_call *c) {
    pb_value p = pb_get_c(c->in, "IamInstanceProfile");
    if (!is_set(p)) return p;
    pb_value arn =
        or_else(pb_get_c(p, "Arn"), sim_text(c, "arn:%.*s:iam::%.*s:instance-profile/%.*s", PB_ARG(c->partition),
                                             PB_ARG(c->account), PB_ARG(get_text(p, "Name"))));
    return MAP(c, {"Arn", arn}, {"Id", pb_string(sim_key_id(c, "AIPA", 17))});
}

static pb_value metadata_options(sim_call *c) {
    pb_value defaults =
        MAP(c, {"State", pb_string_c("applied")}, {"HttpTokens", pb_string_c("optional")},
            {"HttpPutResponseHopLimit", pb_int(1)}, {"HttpEndpoint", pb_string_c("enabled")},
            {"HttpProtocolIpv6", pb_string_c("disabled")}, {"InstanceMetadataTags", pb_string_c("disabled")});
    return sim_merge(c, defaults, pb_get_c(c->in, "MetadataOptions"));
}

static pb_value instance_new(sim_call *c, pb_value specs, pb_value reservation, int64_t launch_index) {
    static const char *const kept[] = {"ImageId", "KeyName", "UserData", "EbsOptimized", "ClientToken", NULL};
    pb_value id = ec2_new_id(c, &ec2_instance), first = PB_NONE_VALUE, root = pb_string_c("/dev/xvda");
    int64_t position = 0;
    EACH(s, specs) {
        pb_value eni = interface_attach(c, *s, pb_text(id), position++);
        if (c->failed) return PB_NONE_VALUE;
        if (!is_set(first) || get_int(pb_get_c(eni, "Attachment"), "DeviceIndex", 1) == 0) first = eni;
    }
    pb_value zone = pb_get_c(first, "AvailabilityZone");
    volumes_attach(c, pb_text(id), pb_text(root), get_text(first, "AvailabilityZone"));
    pb_value v = MAP(
        c, {"InstanceId", id}, {"InstanceType", or_else(pb_get_c(c->in, "InstanceType"), pb_string_c("m1.small"))},
        {"State", state(c, 16)}, {"LaunchTime", pb_time(c->now)}, {"AmiLaunchIndex", pb_int(launch_index)},
        {"Placement",
         MAP(c, {"AvailabilityZone", zone}, {"GroupName", pb_string(TOP)}, {"Tenancy", pb_string_c("default")})},
        {"VpcId", pb_get_c(first, "VpcId")}, {"SubnetId", pb_get_c(first, "SubnetId")},
        {"Architecture", pb_string_c("x86_64")}, {"Hypervisor", pb_string_c("xen")},
        {"VirtualizationType", pb_string_c("hvm")}, {"RootDeviceType", pb_string_c("ebs")}, {"RootDeviceName", root},
        {"SourceDestCheck", pb_bool(true)},
        {"Monitoring",
         MAP(c, {"State", pb_string_c(get_bool(pb_get_c(c->in, "Monitoring"), "Enabled") ? "enabled" : "disabled")})},
        {"IamInstanceProfile", profile(c)}, {"MetadataOptions", metadata_options(c)},
        {"Tags", ec2_spec_tags(c, "instance")}, {"_reservation", reservation},
        {"_DisableApiTermination", pb_bool(get_bool(c->in, "DisableApiTermination"))},
        {"_DisableApiStop", pb_bool(get_bool(c->in, "DisableApiStop"))},
        {"_InstanceInitiatedShutdownBehavior",
         or_else(pb_get_c(c->in, "InstanceInitiatedShutdownBehavior"), pb_string_c("stop"))});
    v = sim_merge(c, v, sim_pick(c, c->in, kept));
    ec2_put(c, &ec2_instance, v);
    return v;
}

/* ---- shown ---- */

static pb_value interfaces_view(sim_call *c, pb_value enis, pb_value *primary) {
    static const char *const kept[] = {"NetworkInterfaceId",
                                       "SubnetId",
                                       "VpcId",
                                       "Description",
                                       "OwnerId",
                                       "Status",
                                       "MacAddress",
                                       "PrivateIpAddress",
                                       "PrivateDnsName",
                                       "SourceDestCheck",
                                       "InterfaceType",
                                       "Groups",
                                       "Ipv6Addresses",
                                       "Association",
                                       "PrivateIpAddresses",
                                       "Attachment",
                                       NULL};
    sim_items l = {0};
    EACH(e, enis) {
        pb_value shown = sim_pick(c, ec2_eni_view(c, *e), kept);
        if (get_int(pb_get_c(shown, "Attachment"), "DeviceIndex", -1) == 0) *primary = shown;
        items_add(c, &l, shown);
    }
    return items_list(c, &l);
}

static pb_value devices_view(sim_call *c, pb_str instance) {
    sim_items l = {0};
    pb_value volumes = sim_list_of(c, K_VOLUME, instance);
    EACH(v, volumes) {
        pb_value a = pb_path(*v, "Attachments.0");
        items_add(c, &l,
                  MAP(c, {"DeviceName", pb_get_c(a, "Device")},
                      {"Ebs", MAP(c, {"VolumeId", pb_get_c(a, "VolumeId")}, {"Status", pb_get_c(a, "State")},
                                  {"AttachTime", pb_get_c(a, "AttachTime")},
                                  {"DeleteOnTermination", pb_get_c(a, "DeleteOnTermination")})}));
    }
    return items_list(c, &l);
}

static pb_value instance_view(sim_call *c, pb_value v) {
    pb_str id = get_text(v, "InstanceId");
    pb_value primary = PB_NONE_VALUE, interfaces = interfaces_view(c, ec2_enis_of(c, id), &primary),
             association = pb_get_c(primary, "Association");
    pb_value empty = pb_string(TOP);
    return sim_merge(c, v,
                     MAP(c, {"NetworkInterfaces", interfaces}, {"BlockDeviceMappings", devices_view(c, id)},
                         {"SecurityGroups", or_else(pb_get_c(primary, "Groups"), items_list(c, &(sim_items){0}))},
                         {"PrivateIpAddress", pb_get_c(primary, "PrivateIpAddress")},
                         {"PrivateDnsName", or_else(pb_get_c(primary, "PrivateDnsName"), empty)},
                         {"PublicIpAddress", pb_get_c(association, "PublicIp")},
                         {"PublicDnsName", or_else(pb_get_c(association, "PublicDnsName"), empty)}));
}

static const ec2_filter instance_filters[] = {
    {"instance-id", "InstanceId"},
    {"instance-state-name", "State.Name"},
    {"instance-state-code", "State.Code"},
    {"instance-type", "InstanceType"},
    {"image-id", "ImageId"},
    {"vpc-id", "VpcId"},
    {"subnet-id", "SubnetId"},
    {"availability-zone", "Placement.AvailabilityZone"},
    {"key-name", "KeyName"},
    {"private-ip-address", "PrivateIpAddress"},
    {"private-dns-name", "PrivateDnsName"},
    {"ip-address", "PublicIpAddress"},
    {"dns-name", "PublicDnsName"},
    {"instance.group-id", "SecurityGroups.GroupId"},
    {"instance.group-name", "SecurityGroups.GroupName"},
    {"group-id", "SecurityGroups.GroupId"},
    {"group-name", "SecurityGroups.GroupName"},
    {"reservation-id", "_reservation"},
    {"network-interface.network-interface-id", "NetworkInterfaces.NetworkInterfaceId"},
    {"network-interface.group-id", "NetworkInterfaces.Groups.GroupId"},
    {"network-interface.vpc-id", "NetworkInterfaces.VpcId"},
    {"network-interface.subnet-id", "NetworkInterfaces.SubnetId"},
    {"network-interface.addresses.private-ip-address", "NetworkInterfaces.PrivateIpAddress"},
    {"block-device-mapping.volume-id", "BlockDeviceMappings.Ebs.VolumeId"},
    {"iam-instance-profile.arn", "IamInstanceProfile.Arn"},
    {"architecture", "Architecture"},
    {"root-device-type", "RootDeviceType"},
    {"client-token", "ClientToken"},
    {NULL, NULL}};
const ec2_listing ec2_instances = {&ec2_instance, "InstanceIds", "Reservations", instance_filters, instance_view};

static pb_value reservation_view(sim_call *c, pb_value id, pb_value instances) {
    return MAP(c, {"ReservationId", id}, {"OwnerId", pb_string(c->account)}, {"Groups", items_list(c, &(sim_items){0})},
               {"Instances", instances});
}

pb_value ec2_describe_instances(sim_call *c) {
    pb_value all = ec2_select(c, &ec2_instances);
    sim_items reservations = {0};
    for (uint32_t i = 0; i < all.n;) {
        pb_value id = pb_get_c(all.u.items[i], "_reservation");
        uint32_t n = 1; /* instances of one reservation were made together, so they stand together */
        while (i + n < all.n && pb_equal(pb_get_c(all.u.items[i + n], "_reservation"), id)) n++;
        items_add(c, &reservations, reservation_view(c, id, (pb_value){PB_LIST, n, {.items = all.u.items + i}}));
        i += n;
    }
    return MAP(c, {"Reservations", items_list(c, &reservations)});
}

/* ---- run, again: the operation ---- */

static pb_value same_token(sim_call *c) {
    pb_value token = pb_get_c(c->in, "ClientToken"), all = sim_list(c, K_INSTANCE, NULL);
    sim_items l = {0};
    pb_value reservation = PB_NONE_VALUE;
    EACH(v, all) if (is_set(token) && pb_equal(pb_get_c(*v, "ClientToken"), token)) {
        reservation = pb_get_c(*v, "_reservation");
        items_add(c, &l, instance_view(c, *v));
    }
    return l.n ? reservation_view(c, reservation, items_list(c, &l)) : PB_NONE_VALUE;
}

static void check_counts(sim_call *c, int64_t least, int64_t most) {
    if (least < 1 || most < least)
        sim_fail(c, 400, "InvalidParameterValue",
                 "Value (%lld) for parameter minCount is invalid. It must be at least 1 and at most maxCount (%lld)",
                 (long long)least, (long long)most);
    if (least > MAX_INSTANCES)
        sim_fail(c, 400, "InstanceLimitExceeded",
                 "You have requested more instances (%lld) than your current instance limit of %d allows.",
                 (long long)least, MAX_INSTANCES);
}

pb_value ec2_run_instances(sim_call *c) {
    static const char *const allowed[] = {"instance", "volume", "network-interface", NULL};
    pb_str image = get_text(c->in, "ImageId");
    int64_t most = get_int(c->in, "MaxCount", 1);
    check_counts(c, get_int(c->in, "MinCount", 1), most);
    ec2_check_specs(c, allowed);
    ec2_need(c, "ImageId");
    if (!str_starts(image, "ami-"))
        sim_fail(c, 400, "InvalidAMIID.Malformed", "Invalid id: \"%.*s\" (expecting \"ami-...\")", PB_ARG(image));
    pb_value before = c->failed ? PB_NONE_VALUE : same_token(c);
    if (is_set(before)) return before;
    pb_value specs = interfaces_given(c), reservation = pb_string(sim_hex_id(c, "r-", 17));
    sim_items made = {0};
    for (int64_t i = 0; i < most && i < MAX_INSTANCES && !c->failed; i++) {
        pb_value v = instance_new(c, specs, reservation, i);
        items_add(c, &made, sim_with(c, instance_view(c, v), "State", state(c, 0)));
    }
    return reservation_view(c, reservation, items_list(c, &made));
}

/* ---- start, stop, terminate ---- */

typedef struct ec2_move {
    int from, on_the_way, to; /* from: the state that is left; terminate leaves any */
    const char *list, *word, *guard, *guard_name;
} ec2_move;
const ec2_move ec2_start = {80, 0, 16, "StartingInstances", "started", NULL, NULL};
const ec2_move ec2_stop = {16, 64, 80, "StoppingInstances", "stopped", "_DisableApiStop", "disableApiStop"};
const ec2_move ec2_terminate = {
    -1, 32, 48, "TerminatingInstances", "terminated", "_DisableApiTermination", "disableApiTermination"};
const ec2_move ec2_reboot = {16, 16, 16, NULL, "rebooted", NULL, NULL};

static void drop_parts(sim_call *c, pb_str instance) {
    pb_value enis = ec2_enis_of(c, instance), volumes = sim_list_of(c, K_VOLUME, instance);
    EACH(e, enis) {
        if (get_bool(pb_get_c(*e, "Attachment"), "DeleteOnTermination"))
            ec2_drop(c, &ec2_eni, *e);
        else
            ec2_put(c, &ec2_eni,
                    sim_with(c, sim_with(c, *e, "Attachment", PB_NONE_VALUE), "Status", pb_string_c("available")));
    }
    EACH(v, volumes) {
        pb_value a = pb_path(*v, "Attachments.0.DeleteOnTermination");
        if (a.kind == PB_BOOL && a.u.b)
            ec2_drop(c, &ec2_volume, *v);
        else
            ec2_put(c, &ec2_volume,
                    sim_with(c, sim_with(c, *v, "Attachments", items_list(c, &(sim_items){0})), "State",
                             pb_string_c("available")));
    }
}

/* Stopping gives up an address that came with the interface; starting brings another. */
static void swap_addresses(sim_call *c, pb_str instance, bool start) {
    pb_value enis = ec2_enis_of(c, instance);
    EACH(e, enis) {
        pb_value association = pb_get_c(*e, "Association");
        bool own = is_set(association) && !is_set(pb_get_c(association, "AllocationId"));
        if (own && !start)
            ec2_put(c, &ec2_eni, sim_with(c, sim_with(c, *e, "Association", PB_NONE_VALUE), "_public", pb_bool(true)));
        else if (start && get_bool(*e, "_public") && !is_set(association))
            ec2_put(c, &ec2_eni, ec2_eni_public(c, sim_with(c, *e, "_public", PB_NONE_VALUE)));
    }
}

static pb_value moved(sim_call *c, pb_value v, const ec2_move *m) {
    pb_str id = get_text(v, "InstanceId");
    int64_t at = state_code(v);
    bool gone = at == 48, moves = at != m->to;
    if (gone && m->to != 48)
        return sim_fail(c, 400, "IncorrectInstanceState",
                        "The instance '%.*s' is not in a state from which it can be %s.", PB_ARG(id), m->word);
    if (moves && m->guard && get_bool(v, m->guard))
        return sim_fail(c, 400, "OperationNotPermitted",
                        "The instance '%.*s' may not be %s. Modify its '%s' instance attribute and try again.",
                        PB_ARG(id), m->word, m->guard_name);
    if (moves) {
        pb_value why =
            m->to == 16 ? PB_NONE_VALUE : sim_text(c, "User initiated (%.*s)", PB_ARG(pb_time_text(c->arena, c->now)));
        ec2_put(c, &ec2_instance, sim_with(c, sim_with(c, v, "State", state(c, m->to)), "StateTransitionReason", why));
        if (m->to == 48)
            drop_parts(c, id);
        else
            swap_addresses(c, id, m->to == 16);
    }
    return MAP(c, {"InstanceId", pb_string(id)}, {"CurrentState", state(c, moves ? m->on_the_way : m->to)},
               {"PreviousState", pb_get_c(v, "State")});
}

pb_value ec2_move_instances(sim_call *c) {
    const ec2_move *m = c->row->data;
    pb_value ids = pb_get_c(c->in, "InstanceIds");
    sim_items l = {0};
    ec2_need(c, "InstanceIds");
    EACH(id, ids) {
        pb_value v = ec2_find(c, &ec2_instance, pb_text(*id));
        if (c->failed) break;
        items_add(c, &l, moved(c, v, m));
    }
    return m->list ? MAP(c, {m->list, items_list(c, &l)}) : PB_NONE_VALUE;
}

static pb_value status_ok(sim_call *c) {
    pb_value detail = MAP(c, {"Name", pb_string_c("reachability")}, {"Status", pb_string_c("passed")});
    return MAP(c, {"Status", pb_string_c("ok")}, {"Details", sim_list1(c, detail)});
}

pb_value ec2_instance_status(sim_call *c) {
    pb_value all = ec2_select(c, &ec2_instances);
    sim_items l = {0};
    EACH(v, all)
    if (state_code(*v) == 16 || get_bool(c->in, "IncludeAllInstances"))
        items_add(c, &l,
                  MAP(c, {"InstanceId", pb_get_c(*v, "InstanceId")},
                      {"AvailabilityZone", pb_path(*v, "Placement.AvailabilityZone")},
                      {"InstanceState", pb_get_c(*v, "State")}, {"InstanceStatus", status_ok(c)},
                      {"SystemStatus", status_ok(c)}));
    return MAP(c, {"InstanceStatuses", items_list(c, &l)});
}

/* ---- attributes ---- */

/* Groups go to the one interface; with more, which one is meant must be said. */
static void modify_groups(sim_call *c, pb_value v, pb_value groups) {
    pb_str id = get_text(v, "InstanceId");
    pb_value enis = ec2_enis_of(c, id);
    if (enis.n > 1)
        sim_fail(c, 400, "InvalidInstanceID",
                 "There are multiple interfaces attached to instance '%.*s'. Please specify an interface ID for the "
                 "operation instead.",
                 PB_ARG(id));
    if (!enis.n) sim_fail(c, 400, "IncorrectInstanceState", "The instance '%.*s' has no network interface", PB_ARG(id));
    if (!groups.n) sim_fail(c, 400, "InvalidParameterValue", "You must specify at least one security group.");
    if (c->failed) return;
    pb_value eni = enis.u.items[0], refs = ec2_group_refs(c, groups, get_text(eni, "VpcId"));
    if (!c->failed) ec2_put(c, &ec2_eni, sim_with(c, eni, "Groups", refs));
}

static void modify_devices(sim_call *c, pb_value v, pb_value mappings) {
    pb_value volumes = sim_list_of(c, K_VOLUME, get_text(v, "InstanceId"));
    EACH(m, mappings) {
        bool found = false;
        pb_value keep = pb_get_c(pb_get_c(*m, "Ebs"), "DeleteOnTermination");
        EACH(vol, volumes) {
            pb_value a = pb_path(*vol, "Attachments.0");
            if (!pb_equal(pb_get_c(a, "Device"), pb_get_c(*m, "DeviceName"))) continue;
            found = true;
            if (is_set(keep))
                ec2_put(c, &ec2_volume,
                        sim_with(c, *vol, "Attachments", sim_list1(c, sim_with(c, a, "DeleteOnTermination", keep))));
        }
        if (!found)
            sim_fail(c, 400, "InvalidInstanceAttributeValue", "No device is currently mapped at %.*s",
                     PB_ARG(get_text(*m, "DeviceName")));
    }
}

typedef struct attribute {
    const char *input, *stored, *output, *query;
    bool when_stopped; /* may only change while stopped */
} attribute;
static const attribute attributes[] = {
    {"DisableApiTermination", "_DisableApiTermination", "DisableApiTermination", "disableApiTermination", false},
    {"DisableApiStop", "_DisableApiStop", "DisableApiStop", "disableApiStop", false},
    {"InstanceInitiatedShutdownBehavior", "_InstanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior",
     "instanceInitiatedShutdownBehavior", false},
    {"SourceDestCheck", "SourceDestCheck", "SourceDestCheck", "sourceDestCheck", false},
    {"EbsOptimized", "EbsOptimized", "EbsOptimized", "ebsOptimized", true},
    {"InstanceType", "InstanceType", "InstanceType", "instanceType", true},
    {"UserData", "UserData", "UserData", "userData", true},
};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes };

static pb_value with_attribute(sim_call *c, pb_value v, const attribute *a) {
    pb_value given = pb_get_c(c->in, a->input);
    if (!is_set(given)) return v;
    if (a->when_stopped && state_code(v) != 80)
        return sim_fail(c, 400, "IncorrectInstanceState", "The instance '%.*s' is not in the 'stopped' state.",
                        PB_ARG(get_text(v, "InstanceId")));
    return sim_with(c, v, a->stored, pb_get_c(given, "Value"));
}

pb_value ec2_modify_instance(sim_call *c) {
    pb_value v = ec2_named(c, &ec2_instance), groups = pb_get_c(c->in, "Groups"),
             mappings = pb_get_c(c->in, "BlockDeviceMappings");
    int count = is_set(groups) + is_set(mappings);
    for (size_t i = 0; i < ATTRIBUTES; i++) count += is_set(pb_get_c(c->in, attributes[i].input));
    if (count != 1)
        sim_fail(c, 400, count ? "InvalidParameterCombination" : "MissingParameter",
                 count ? "Fields for multiple attribute types specified"
                       : "The request must contain one attribute to modify");
    if (c->failed) return PB_NONE_VALUE;
    if (is_set(groups)) modify_groups(c, v, groups);
    if (is_set(mappings)) modify_devices(c, v, mappings);
    for (size_t i = 0; i < ATTRIBUTES && !c->failed; i++) v = with_attribute(c, v, &attributes[i]);
    if (!c->failed) ec2_put(c, &ec2_instance, v);
    return PB_NONE_VALUE;
}

pb_value ec2_instance_attribute(sim_call *c) {
    pb_value v = ec2_named(c, &ec2_instance), shown = c->failed ? PB_NONE_VALUE : instance_view(c, v);
    pb_str asked = get_text(c->in, "Attribute");
    if (c->failed) return PB_NONE_VALUE;
    pb_value out = MAP(c, {"InstanceId", pb_get_c(v, "InstanceId")});
    if (pb_str_is(asked, "groupSet")) return sim_with(c, out, "Groups", pb_get_c(shown, "SecurityGroups"));
    if (pb_str_is(asked, "blockDeviceMapping"))
        return sim_with(c, out, "BlockDeviceMappings", pb_get_c(shown, "BlockDeviceMappings"));
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (pb_str_is(asked, attributes[i].query))
            return sim_with(c, out, attributes[i].output, MAP(c, {"Value", pb_get_c(v, attributes[i].stored)}));
    return sim_fail(c, 400, "InvalidParameterValue",
                    "Value (%.*s) for parameter attribute is invalid. Unknown attribute.", PB_ARG(asked));
}
