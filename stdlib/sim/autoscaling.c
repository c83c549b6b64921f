/*
 * autoscaling.c - groups of instances that are kept, never scaled: what detaching, standby and suspended processes
 * change can be seen, nothing is started or terminated on its own.
 *
 * Instances are those of the simulated EC2, in the same region.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};

static pb_value group(sim_call *c, pb_str *name) {
    *name = get_text(c->in, "AutoScalingGroupName");
    pb_value g = sim_get(c, K_ASG, TOP, *name);
    return is_set(g) ? g
                     : sim_fail(c, 400, "ValidationError",
                                "AutoScalingGroup name not found - AutoScalingGroup '%.*s' "
                                "not found",
                                PB_ARG(*name));
}

static void group_put(sim_call *c, pb_str name, pb_value g) {
    if (!c->failed) sim_put(c, K_ASG, TOP, name, g);
}

static pb_value create_group(sim_call *c) {
    static const char *const kept[] = {
        "MinSize",           "MaxSize",        "DesiredCapacity",         "VPCZoneIdentifier", "TargetGroupARNs",
        "LoadBalancerNames", "LaunchTemplate", "LaunchConfigurationName", "AvailabilityZones", NULL};
    pb_str name = get_text(c->in, "AutoScalingGroupName");
    if (is_set(sim_get(c, K_ASG, TOP, name)))
        return sim_fail(c, 400, "AlreadyExists",
                        "AutoScalingGroup by this name already exists - A group with the name "
                        "%.*s already exists",
                        PB_ARG(name));
    pb_value arn =
        sim_arn(c, "autoscaling", "autoScalingGroup:",
                pb_printf(c->arena, "%.*s:autoScalingGroupName/%.*s", PB_ARG(sim_uuid(c, "asg")), PB_ARG(name)));
    pb_value g = MAP(c, {"AutoScalingGroupName", pb_string(name)}, {"AutoScalingGroupARN", arn},
                     {"DesiredCapacity", pb_get_c(c->in, "MinSize")}, {"DefaultCooldown", pb_int(300)},
                     {"HealthCheckType", pb_string_c("EC2")}, {"HealthCheckGracePeriod", pb_int(0)},
                     {"CreatedTime", pb_time(c->now)}, {"NewInstancesProtectedFromScaleIn", pb_bool(false)},
                     {"AvailabilityZones", items_list(c, &(sim_items){0})});
    group_put(c, name, sim_merge(c, g, sim_pick(c, c->in, kept)));
    return PB_NONE_VALUE;
}

static bool among(pb_value list, pb_value v) {
    EACH(i, list) if (pb_equal(*i, v)) return true;
    return false;
}

static pb_value describe_groups(sim_call *c) {
    pb_value all = sim_list_sorted(c, K_ASG, NULL), names = pb_get_c(c->in, "AutoScalingGroupNames");
    sim_items found = {0};
    EACH(g, all)
    if (!(names.kind == PB_LIST && names.n) || among(names, pb_get_c(*g, "AutoScalingGroupName")))
        items_add(c, &found, *g);
    return MAP(c, {"AutoScalingGroups", items_list(c, &found)});
}

static pb_value describe_instances(sim_call *c) {
    pb_value all = sim_list_sorted(c, K_ASG, NULL), ids = pb_get_c(c->in, "InstanceIds");
    sim_items found = {0};
    EACH(g, all) {
        pb_value members = pb_get_c(*g, "Instances");
        EACH(i, members)
        if (!(ids.kind == PB_LIST && ids.n) || among(ids, pb_get_c(*i, "InstanceId")))
            items_add(c, &found, sim_with(c, *i, "AutoScalingGroupName", pb_get_c(*g, "AutoScalingGroupName")));
    }
    return MAP(c, {"AutoScalingInstances", items_list(c, &found)});
}

static pb_value delete_group(sim_call *c) {
    pb_str name;
    pb_value g = group(c, &name);
    if (!c->failed && pb_get_c(g, "Instances").n && !get_bool(c->in, "ForceDelete"))
        return sim_fail(c, 400, "ResourceInUse",
                        "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                        "request(s) still in the group.");
    sim_delete(c, K_ASG, TOP, name);
    return PB_NONE_VALUE;
}

/* ---- instances ---- */

static pb_value activity(sim_call *c, pb_str name, pb_str instance, const char *what) {
    return MAP(c, {"ActivityId", pb_string(sim_uuid(c, "activity"))}, {"AutoScalingGroupName", pb_string(name)},
               {"Description", sim_text(c, "%s EC2 instance: %.*s", what, PB_ARG(instance))},
               {"Cause", pb_string_c("a user asked for it")}, {"StartTime", pb_time(c->now)},
               {"StatusCode", pb_string_c("InProgress")}, {"Progress", pb_int(50)});
}

static pb_value member_new(sim_call *c, pb_value id) {
    pb_value i = sim_find(c, K_INSTANCE, pb_text(id));
    if (!is_set(i))
        return sim_fail(c, 400, "ValidationError", "Invalid Instance ID(s): [%.*s] specified", PB_ARG(pb_text(id)));
    return MAP(c, {"InstanceId", id}, {"AvailabilityZone", pb_path(i, "Placement.AvailabilityZone")},
               {"LifecycleState", pb_string_c("InService")}, {"HealthStatus", pb_string_c("Healthy")},
               {"InstanceType", pb_get_c(i, "InstanceType")}, {"ProtectedFromScaleIn", pb_bool(false)});
}

static pb_value attach(sim_call *c) {
    pb_str name;
    pb_value g = group(c, &name), ids = pb_get_c(c->in, "InstanceIds"), have = pb_get_c(g, "Instances");
    sim_items members = {0};
    if (c->failed) return PB_NONE_VALUE;
    EACH(i, have) items_add(c, &members, *i);
    EACH(id, ids) items_add(c, &members, member_new(c, *id));
    int64_t wanted = get_int(g, "DesiredCapacity", 0) + ids.n;
    if (wanted > get_int(g, "MaxSize", 0))
        sim_fail(c, 400, "ValidationError", "AutoScalingGroup %.*s has max-size=%lld and cannot take %u more",
                 PB_ARG(name), (long long)get_int(g, "MaxSize", 0), ids.n);
    group_put(c, name,
              sim_merge(c, g, MAP(c, {"Instances", items_list(c, &members)}, {"DesiredCapacity", pb_int(wanted)})));
    return PB_NONE_VALUE;
}

static void must_be_members(sim_call *c, pb_str name, pb_value have, pb_value ids) {
    EACH(id, ids) {
        bool member = false;
        EACH(i, have) member = member || pb_equal(pb_get_c(*i, "InstanceId"), *id);
        if (!member)
            sim_fail(c, 400, "ValidationError", "The instance %.*s is not part of Auto Scaling group %.*s.",
                     PB_ARG(pb_text(*id)), PB_ARG(name));
    }
}

/* Detaching, going into standby and coming out of it: what an instance becomes (NULL: it is gone) and by how much the
 * desired capacity changes. */
typedef struct move {
    const char *state, *what;
    int capacity;
} move;
static const move detaching = {NULL, "Detaching", -1}, standing_by = {"Standby", "Moving to Standby", -1},
                  returning = {"InService", "Moving out of Standby", 1};

static pb_value move_instances(sim_call *c) {
    const move *m = c->row->data;
    pb_str name;
    pb_value g = group(c, &name), have = pb_get_c(g, "Instances"), ids = pb_get_c(c->in, "InstanceIds");
    sim_items members = {0}, done = {0};
    if (c->failed) return PB_NONE_VALUE;
    must_be_members(c, name, have, ids);
    int64_t capacity = get_int(g, "DesiredCapacity", 0);
    EACH(i, have) {
        pb_value id = pb_get_c(*i, "InstanceId");
        if (!among(ids, id)) {
            items_add(c, &members, *i);
            continue;
        }
        items_add(c, &done, activity(c, name, pb_text(id), m->what));
        if (m->state) items_add(c, &members, sim_with(c, *i, "LifecycleState", pb_string_c(m->state)));
        if (m->capacity > 0 || get_bool(c->in, "ShouldDecrementDesiredCapacity")) capacity += m->capacity;
    }
    if (capacity < get_int(g, "MinSize", 0))
        sim_fail(c, 400, "ValidationError",
                 "Currently, desiredSize equals minSize (%lld). Terminating instance without replacement will violate "
                 "group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower "
                 "group's min size.",
                 (long long)get_int(g, "MinSize", 0));
    group_put(c, name,
              sim_merge(c, g, MAP(c, {"Instances", items_list(c, &members)}, {"DesiredCapacity", pb_int(capacity)})));
    return MAP(c, {"Activities", items_list(c, &done)});
}

/* ---- processes ---- */

static const char *const processes[] = {"Launch",          "Terminate",   "AddToLoadBalancer", "AlarmNotification",
                                        "AZRebalance",     "HealthCheck", "InstanceRefresh",   "ReplaceUnhealthy",
                                        "ScheduledActions"};
static const bool to_suspend = true, to_resume = false;

static pb_value set_processes(sim_call *c) {
    bool suspend = *(const bool *)c->row->data;
    pb_str name;
    pb_value g = group(c, &name), asked = pb_get_c(c->in, "ScalingProcesses"), have = pb_get_c(g, "SuspendedProcesses");
    sim_items all = {0};
    for (size_t i = 0; i < sizeof processes / sizeof *processes; i++) {
        pb_value p = pb_string_c(processes[i]);
        bool named = !(asked.kind == PB_LIST && asked.n) || among(asked, p), was = false;
        EACH(s, have) was = was || pb_equal(pb_get_c(*s, "ProcessName"), p);
        if (named ? suspend : was)
            items_add(c, &all, MAP(c, {"ProcessName", p}, {"SuspensionReason", pb_string_c("User suspended")}));
    }
    group_put(c, name, sim_with(c, g, "SuspendedProcesses", items_list(c, &all)));
    return PB_NONE_VALUE;
}

static const sim_operation operations[] = {
    {"CreateAutoScalingGroup", create_group, NULL, NULL, 0},
    {"DescribeAutoScalingGroups", describe_groups, NULL, "AutoScalingGroups", 0},
    {"DescribeAutoScalingInstances", describe_instances, NULL, "AutoScalingInstances", 0},
    {"DeleteAutoScalingGroup", delete_group, NULL, NULL, 0},
    {"AttachInstances", attach, NULL, NULL, 0},
    {"DetachInstances", move_instances, &detaching, NULL, 0},
    {"EnterStandby", move_instances, &standing_by, NULL, 0},
    {"ExitStandby", move_instances, &returning, NULL, 0},
    {"SuspendProcesses", set_processes, &to_suspend, NULL, 0},
    {"ResumeProcesses", set_processes, &to_resume, NULL, 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxRecords", NULL, "InvalidNextToken", 50, 1, false};

const sim_service sim_autoscaling = {"autoscaling", SIM_OPS(operations), &paging, NULL};
