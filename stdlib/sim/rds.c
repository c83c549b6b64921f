/*
 * rds.c - database instances and their snapshots: made, made private, stopped, shared and not shared any more.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
enum { SHARED_MAX = 20 };

static pb_value named(sim_call *c, sim_kind k, const char *member, const char *code, const char *what, pb_str *id) {
    *id = get_text(c->in, member);
    pb_value v = sim_get(c, k, TOP, *id);
    return is_set(v) ? v : sim_fail(c, 404, code, "%s %.*s not found.", what, PB_ARG(*id));
}

static pb_value instance(sim_call *c, pb_str *id) {
    return named(c, K_DB, "DBInstanceIdentifier", "DBInstanceNotFound", "DBInstance", id);
}

static pb_value snapshot(sim_call *c, pb_str *id) {
    return named(c, K_DB_SNAPSHOT, "DBSnapshotIdentifier", "DBSnapshotNotFound", "DBSnapshot", id);
}

/* ---- instances ---- */

static pb_value create_instance(sim_call *c) {
    static const char *const kept[] = {"DBInstanceClass",
                                       "Engine",
                                       "EngineVersion",
                                       "AllocatedStorage",
                                       "MasterUsername",
                                       "StorageType",
                                       "PubliclyAccessible",
                                       "StorageEncrypted",
                                       "MultiAZ",
                                       "DeletionProtection",
                                       NULL};
    pb_str id = get_text(c->in, "DBInstanceIdentifier");
    if (is_set(sim_get(c, K_DB, TOP, id)))
        return sim_fail(c, 400, "DBInstanceAlreadyExists", "DB instance already exists");
    pb_value db =
        MAP(c, {"DBInstanceIdentifier", pb_string(id)}, {"DBInstanceArn", sim_arn(c, "rds", "db:", id)},
            {"DBInstanceStatus", pb_string_c("available")}, {"InstanceCreateTime", pb_time(c->now)},
            {"DbiResourceId", pb_string(sim_key_id(c, "db-", 26))}, {"PubliclyAccessible", pb_bool(false)},
            {"StorageEncrypted", pb_bool(false)}, {"MultiAZ", pb_bool(false)}, {"DeletionProtection", pb_bool(false)},
            {"AllocatedStorage", pb_int(20)}, {"TagList", pb_get_c(c->in, "Tags")});
    db = sim_merge(c, db, sim_pick(c, c->in, kept));
    sim_put(c, K_DB, TOP, id, db);
    return MAP(c, {"DBInstance", db});
}

static pb_value describe(sim_call *c, sim_kind k, const char *list, pb_value one, bool asked) {
    return MAP(c, {list, !asked ? sim_list_sorted(c, k, NULL) : is_set(one) ? sim_list1(c, one) : PB_NONE_VALUE});
}

static pb_value describe_instances(sim_call *c) {
    pb_str id;
    bool asked = is_set(pb_get_c(c->in, "DBInstanceIdentifier"));
    return describe(c, K_DB, "DBInstances", asked ? instance(c, &id) : PB_NONE_VALUE, asked);
}

static pb_value modify_instance(sim_call *c) {
    static const char *const kept[] = {
        "PubliclyAccessible", "DeletionProtection", "DBInstanceClass", "MultiAZ", "AllocatedStorage", NULL};
    pb_str id;
    pb_value db = instance(c, &id);
    if (!c->failed && !pb_str_is(get_text(db, "DBInstanceStatus"), "available"))
        sim_fail(c, 400, "InvalidDBInstanceState", "Database instance is not in available state.");
    db = sim_merge(c, db, sim_pick(c, c->in, kept));
    if (!c->failed) sim_put(c, K_DB, TOP, id, db);
    return MAP(c, {"DBInstance", db});
}

typedef struct move {
    const char *from, *to;
} move;
static const move stopping = {"available", "stopped"}, starting = {"stopped", "available"};

static pb_value move_instance(sim_call *c) {
    const move *m = c->row->data;
    pb_str id;
    pb_value db = instance(c, &id);
    if (!c->failed && !pb_str_is(get_text(db, "DBInstanceStatus"), m->from))
        sim_fail(c, 400, "InvalidDBInstanceState", "Instance %.*s is not in %s state.", PB_ARG(id), m->from);
    db = sim_with(c, db, "DBInstanceStatus", pb_string_c(m->to));
    if (!c->failed) sim_put(c, K_DB, TOP, id, db);
    return MAP(c, {"DBInstance", db});
}

static pb_value delete_instance(sim_call *c) {
    pb_str id;
    pb_value db = instance(c, &id);
    if (get_bool(db, "DeletionProtection"))
        return sim_fail(c, 400, "InvalidParameterCombination",
                        "Cannot delete protected DB Instance, please disable deletion protection and try again.");
    sim_delete(c, K_DB, TOP, id);
    return MAP(c, {"DBInstance", sim_with(c, db, "DBInstanceStatus", pb_string_c("deleting"))});
}

/* ---- snapshots ---- */

static pb_value create_snapshot(sim_call *c) {
    static const char *const kept[] = {
        "Engine", "EngineVersion", "AllocatedStorage", "DBInstanceIdentifier", "DbiResourceId", "MasterUsername", NULL};
    pb_str id, name = get_text(c->in, "DBSnapshotIdentifier");
    pb_value db = instance(c, &id);
    if (is_set(sim_get(c, K_DB_SNAPSHOT, TOP, name)))
        return sim_fail(c, 400, "DBSnapshotAlreadyExists",
                        "Cannot create the snapshot because a snapshot with the identifier %.*s already exists.",
                        PB_ARG(name));
    pb_value s = MAP(c, {"DBSnapshotIdentifier", pb_string(name)}, {"Status", pb_string_c("available")},
                     {"DBSnapshotArn", sim_arn(c, "rds", "snapshot:", name)}, {"SnapshotCreateTime", pb_time(c->now)},
                     {"SnapshotType", pb_string_c("manual")}, {"PercentProgress", pb_int(100)},
                     {"Encrypted", pb_get_c(db, "StorageEncrypted")}, {"TagList", pb_get_c(c->in, "Tags")});
    s = sim_merge(c, s, sim_pick(c, db, kept));
    if (!c->failed) sim_put(c, K_DB_SNAPSHOT, TOP, name, s);
    return MAP(c, {"DBSnapshot", s});
}

static pb_value describe_snapshots(sim_call *c) {
    pb_str id;
    bool asked = is_set(pb_get_c(c->in, "DBSnapshotIdentifier"));
    return describe(c, K_DB_SNAPSHOT, "DBSnapshots", asked ? snapshot(c, &id) : PB_NONE_VALUE, asked);
}

static pb_value attributes_of(sim_call *c, pb_value s) {
    pb_value shared = or_else(pb_get_c(s, "_restore"), items_list(c, &(sim_items){0}));
    pb_value one = MAP(c, {"AttributeName", pb_string_c("restore")}, {"AttributeValues", shared});
    return MAP(c, {"DBSnapshotAttributesResult", MAP(c, {"DBSnapshotIdentifier", pb_get_c(s, "DBSnapshotIdentifier")},
                                                     {"DBSnapshotAttributes", sim_list1(c, one)})});
}

static pb_value snapshot_attributes(sim_call *c) {
    pb_str id;
    return attributes_of(c, snapshot(c, &id));
}

static bool among(pb_value list, pb_value v) {
    EACH(i, list) if (pb_equal(*i, v)) return true;
    return false;
}

static pb_value modify_attribute(sim_call *c) {
    pb_str id;
    pb_value s = snapshot(c, &id), add = pb_get_c(c->in, "ValuesToAdd"), remove = pb_get_c(c->in, "ValuesToRemove"),
             have = pb_get_c(s, "_restore");
    sim_items now = {0};
    if (!pb_str_is(get_text(c->in, "AttributeName"), "restore"))
        return sim_fail(c, 400, "InvalidParameterValue", "The attribute of a DB snapshot is restore.");
    EACH(v, have) if (!among(remove, *v)) items_add(c, &now, *v);
    EACH(v, add) if (!among(have, *v)) items_add(c, &now, *v);
    if (now.n > SHARED_MAX)
        return sim_fail(c, 400, "SharedSnapshotQuotaExceeded", "A DB snapshot is shared with 20 accounts at most.");
    s = sim_with(c, s, "_restore", items_list(c, &now));
    if (!c->failed) sim_put(c, K_DB_SNAPSHOT, TOP, id, s);
    return attributes_of(c, s);
}

static const sim_operation operations[] = {
    {"CreateDBInstance", create_instance, NULL, NULL, 0},
    {"DescribeDBInstances", describe_instances, NULL, "DBInstances", 0},
    {"ModifyDBInstance", modify_instance, NULL, NULL, 0},
    {"StopDBInstance", move_instance, &stopping, NULL, 0},
    {"StartDBInstance", move_instance, &starting, NULL, 0},
    {"DeleteDBInstance", delete_instance, NULL, NULL, 0},
    {"CreateDBSnapshot", create_snapshot, NULL, NULL, 0},
    {"DescribeDBSnapshots", describe_snapshots, NULL, "DBSnapshots", 0},
    {"DescribeDBSnapshotAttributes", snapshot_attributes, NULL, NULL, 0},
    {"ModifyDBSnapshotAttribute", modify_attribute, NULL, NULL, 0},
};

static const sim_paging paging = {"Marker", "Marker", "MaxRecords", NULL, "InvalidParameterValue", 100, 20, false};

const sim_service sim_rds = {"rds", SIM_OPS(operations), &paging, NULL};
