/*
 * ec2_volume.c - volumes and snapshots. A snapshot is "pending" in the answer that makes it and "completed" from then
 * on.
 */
#include "stdlib/sim/ec2.h"

enum { DEFAULT_GIB = 8, MAX_GIB = 65536 };

/* ---- volumes ---- */

/* spec: members Size, VolumeType, Encrypted, SnapshotId, Iops, KmsKeyId */
pb_value ec2_volume_new(sim_call *c, pb_value spec, pb_str zone, pb_value tags) {
    static const char *const kept[] = {"SnapshotId", "Iops", "Throughput", "KmsKeyId", NULL};
    int64_t size = get_int(spec, "Size", 0);
    pb_value id = ec2_new_id(c, &ec2_volume), from = pb_get_c(spec, "SnapshotId");
    if (is_set(from) && pb_text(from).n) {
        pb_value snapshot = sim_find(c, K_SNAPSHOT, pb_text(from));
        if (!size) size = get_int(snapshot, "VolumeSize", DEFAULT_GIB);
    }
    if (!size) size = DEFAULT_GIB;
    if (size < 1 || size > MAX_GIB)
        return sim_fail(c, 400, "InvalidParameterValue",
                        "Volume of %lldGiB is invalid; it must be between 1 and %d GiB", (long long)size, MAX_GIB);
    pb_value v =
        MAP(c, {"VolumeId", id}, {"Size", pb_int(size)},
            {"VolumeType", or_else(pb_get_c(spec, "VolumeType"), pb_string_c("gp2"))},
            {"AvailabilityZone", pb_string(zone)}, {"State", pb_string_c("available")},
            {"Encrypted", pb_bool(get_bool(spec, "Encrypted"))}, {"CreateTime", pb_time(c->now)},
            {"MultiAttachEnabled", pb_bool(false)}, {"Attachments", items_list(c, &(sim_items){0})}, {"Tags", tags});
    return sim_merge(c, v, sim_pick(c, spec, kept));
}

pb_value ec2_volume_attached(sim_call *c, pb_value volume, pb_str instance, pb_value device, bool delete_with) {
    pb_value a = MAP(c, {"VolumeId", pb_get_c(volume, "VolumeId")}, {"InstanceId", pb_string(instance)},
                     {"Device", device}, {"State", pb_string_c("attached")}, {"AttachTime", pb_time(c->now)},
                     {"DeleteOnTermination", pb_bool(delete_with)});
    return sim_with(c, sim_with(c, volume, "Attachments", sim_list1(c, a)), "State", pb_string_c("in-use"));
}

pb_value ec2_create_volume(sim_call *c) {
    static const char *const allowed[] = {"volume", NULL};
    ec2_check_specs(c, allowed);
    ec2_need(c, "AvailabilityZone");
    if (!is_set(pb_get_c(c->in, "SnapshotId")))
        ec2_need(c, "Size");
    else
        ec2_find(c, &ec2_snapshot, get_text(c->in, "SnapshotId"));
    if (c->failed) return PB_NONE_VALUE;
    pb_value v = ec2_volume_new(c, c->in, get_text(c->in, "AvailabilityZone"), ec2_spec_tags(c, "volume"));
    if (!c->failed) ec2_put(c, &ec2_volume, v);
    return sim_with(c, v, "State", pb_string_c("creating"));
}

pb_value ec2_delete_volume(sim_call *c) {
    pb_value v = ec2_named(c, &ec2_volume);
    if (c->failed) return PB_NONE_VALUE;
    if (pb_str_is(get_text(v, "State"), "in-use"))
        return sim_fail(c, 400, "VolumeInUse", "Volume %.*s is currently attached to %.*s",
                        PB_ARG(get_text(v, "VolumeId")), PB_ARG(pb_text(pb_path(v, "Attachments.0.InstanceId"))));
    ec2_drop(c, &ec2_volume, v);
    return PB_NONE_VALUE;
}

static const ec2_filter volume_filters[] = {{"volume-id", "VolumeId"},
                                            {"attachment.instance-id", "Attachments.InstanceId"},
                                            {"attachment.device", "Attachments.Device"},
                                            {"attachment.status", "Attachments.State"},
                                            {"attachment.delete-on-termination", "Attachments.DeleteOnTermination"},
                                            {"status", "State"},
                                            {"encrypted", "Encrypted"},
                                            {"size", "Size"},
                                            {"volume-type", "VolumeType"},
                                            {"availability-zone", "AvailabilityZone"},
                                            {"snapshot-id", "SnapshotId"},
                                            {NULL, NULL}};
const ec2_listing ec2_volumes = {&ec2_volume, "VolumeIds", "Volumes", volume_filters, NULL};

/* ---- snapshots ---- */

/* What is answered shows it pending; what is kept is complete. */
static pb_value snapshot_new(sim_call *c, pb_value volume, pb_value tags) {
    pb_value s =
        MAP(c, {"SnapshotId", ec2_new_id(c, &ec2_snapshot)}, {"VolumeId", pb_get_c(volume, "VolumeId")},
            {"State", pb_string_c("completed")}, {"StartTime", pb_time(c->now)}, {"Progress", pb_string_c("100%")},
            {"OwnerId", pb_string(c->account)}, {"Description", pb_string(get_text(c->in, "Description"))},
            {"VolumeSize", pb_get_c(volume, "Size")}, {"Encrypted", pb_get_c(volume, "Encrypted")},
            {"KmsKeyId", pb_get_c(volume, "KmsKeyId")}, {"StorageTier", pb_string_c("standard")}, {"Tags", tags});
    ec2_put(c, &ec2_snapshot, s);
    return sim_merge(c, s, MAP(c, {"State", pb_string_c("pending")}, {"Progress", pb_string_c("")}));
}

pb_value ec2_create_snapshot(sim_call *c) {
    static const char *const allowed[] = {"snapshot", NULL};
    pb_value v = ec2_named(c, &ec2_volume);
    ec2_check_specs(c, allowed);
    return c->failed ? PB_NONE_VALUE : snapshot_new(c, v, ec2_spec_tags(c, "snapshot"));
}

static bool listed(pb_value ids, pb_value id) {
    EACH(i, ids) if (pb_equal(*i, id)) return true;
    return false;
}

pb_value ec2_create_snapshots(sim_call *c) {
    static const char *const allowed[] = {"snapshot", NULL};
    if (!ec2_need(c, "InstanceSpecification")) return PB_NONE_VALUE;
    pb_value spec = pb_get_c(c->in, "InstanceSpecification"), id = pb_get_c(spec, "InstanceId"),
             out_ids = pb_get_c(spec, "ExcludeDataVolumeIds");
    if (!is_set(id)) return sim_fail(c, 400, "MissingParameter", "The request must contain the parameter InstanceId");
    pb_value instance = ec2_find(c, &ec2_instance, pb_text(id)), volumes = sim_list_of(c, K_VOLUME, pb_text(id)),
             tags = ec2_spec_tags(c, "snapshot");
    bool copy = pb_str_is(get_text(c->in, "CopyTagsFromSource"), "volume");
    sim_items made = {0};
    ec2_check_specs(c, allowed);
    EACH(v, volumes) {
        bool root = pb_equal(pb_path(*v, "Attachments.0.Device"), pb_get_c(instance, "RootDeviceName"));
        if (c->failed || (root && get_bool(spec, "ExcludeBootVolume")) || listed(out_ids, pb_get_c(*v, "VolumeId")))
            continue;
        pb_value all = copy ? tags_merge(c, pb_get_c(*v, "Tags"), tags) : tags;
        items_add(c, &made, snapshot_new(c, *v, all.n ? all : PB_NONE_VALUE));
    }
    return MAP(c, {"Snapshots", items_list(c, &made)});
}

static bool owner_asked(sim_call *c, pb_value owners) {
    EACH(o, owners) if (pb_str_is(pb_text(*o), "self") || pb_str_eq(pb_text(*o), c->account)) return true;
    return owners.kind != PB_LIST || owners.n == 0;
}

pb_value ec2_describe_snapshots(sim_call *c) {
    pb_value found = ec2_select(c, &ec2_snapshots);
    return MAP(c, {"Snapshots", owner_asked(c, pb_get_c(c->in, "OwnerIds")) ? found : items_list(c, &(sim_items){0})});
}

pb_value ec2_delete_snapshot(sim_call *c) {
    pb_value s = ec2_named(c, &ec2_snapshot);
    if (!c->failed) ec2_drop(c, &ec2_snapshot, s);
    return PB_NONE_VALUE;
}

static const ec2_filter snapshot_filters[] = {{"snapshot-id", "SnapshotId"},
                                              {"volume-id", "VolumeId"},
                                              {"status", "State"},
                                              {"description", "Description"},
                                              {"owner-id", "OwnerId"},
                                              {"encrypted", "Encrypted"},
                                              {"volume-size", "VolumeSize"},
                                              {"progress", "Progress"},
                                              {"storage-tier", "StorageTier"},
                                              {NULL, NULL}};
const ec2_listing ec2_snapshots = {&ec2_snapshot, "SnapshotIds", "Snapshots", snapshot_filters, NULL};
