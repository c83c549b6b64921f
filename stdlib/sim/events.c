/*
 * events.c - EventBridge: rules that are kept, and events that are kept and not delivered.
 *
 * PutEvents answers 200 even when it took nothing: an entry that is refused, by its own fault or by one that was asked
 * for, is counted in FailedEntryCount and has an ErrorCode where the others have an EventId.
 */
#include "stdlib/sim/sim.h"

enum { ENTRY_MAX = 256 * 1024 };

static pb_str bus_of(pb_value v) {
    pb_str name = get_text(v, "EventBusName");
    const char *slash = str_starts(name, "arn:") ? memchr(name.s, '/', name.n) : NULL;
    if (slash) name = (pb_str){slash + 1, (uint32_t)(name.s + name.n - slash - 1)};
    return name.n ? name : PB_STR("default");
}

/* ---- events ---- */

static pb_value entry_error(sim_call *c, const char *code, const char *message) {
    return MAP(c, {"ErrorCode", pb_string_c(code)}, {"ErrorMessage", pb_string_c(message)});
}

static const char *missing_in(pb_value entry) {
    static const char *const needed[] = {"Source", "DetailType", "Detail"};
    static const char *const said[] = {"Parameter Source is not valid. Reason: Source is a required argument.",
                                       "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
                                       "Parameter Detail is not valid. Reason: Detail is a required argument."};
    for (size_t i = 0; i < 3; i++)
        if (!get_text(entry, needed[i]).n) return said[i];
    return NULL;
}

static pb_value take_entry(sim_call *c, pb_value entry) {
    static const char *const kept[] = {"Time", "Source", "Resources", "DetailType", "Detail", NULL};
    pb_value detail;
    pb_str err, text = get_text(entry, "Detail");
    const char *missing = missing_in(entry);
    if (sim_item_fails(c)) return entry_error(c, "InternalFailure", "a fault that was asked for");
    if (missing) return entry_error(c, "InvalidArgument", missing);
    if (!pb_json_parse(c->arena, text.s, text.n, &detail, &err) || detail.kind != PB_MAP)
        return entry_error(c, "MalformedDetail", "Detail is malformed.");
    pb_value id = pb_string(sim_uuid(c, "bus-event"));
    sim_put(c, K_BUS_EVENT, bus_of(entry), pb_text(id),
            sim_merge(c, MAP(c, {"EventId", id}, {"Time", pb_time(c->now)}), sim_pick(c, entry, kept)));
    return MAP(c, {"EventId", id});
}

static pb_value put_events(sim_call *c) {
    pb_value entries = pb_get_c(c->in, "Entries");
    sim_items out = {0};
    int64_t failed = 0, size = 0;
    EACH(e, entries) size += get_text(*e, "Detail").n + get_text(*e, "Source").n + get_text(*e, "DetailType").n;
    if (size > ENTRY_MAX)
        return sim_fail(c, 400, "ValidationException", "Total size of the entries in the request is over the limit.");
    EACH(e, entries) {
        pb_value one = take_entry(c, *e);
        if (is_set(pb_get_c(one, "ErrorCode"))) failed++;
        items_add(c, &out, one);
    }
    return MAP(c, {"FailedEntryCount", pb_int(failed)}, {"Entries", items_list(c, &out)});
}

/* ---- rules ---- */

static pb_value rule(sim_call *c, pb_str *bus, pb_str *name) {
    *bus = bus_of(c->in);
    *name = get_text(c->in, "Name");
    pb_value r = sim_get(c, K_BUS_RULE, *bus, *name);
    return is_set(r) ? r
                     : sim_fail(c, 400, "ResourceNotFoundException", "Rule %.*s does not exist on EventBus %.*s.",
                                PB_ARG(*name), PB_ARG(*bus));
}

static pb_value put_rule(sim_call *c) {
    static const char *const kept[] = {"ScheduleExpression", "EventPattern", "Description", "RoleArn", NULL};
    pb_str bus = bus_of(c->in), name = get_text(c->in, "Name"), err;
    pb_value pattern = pb_get_c(c->in, "EventPattern"), parsed;
    if (!is_set(pattern) && !is_set(pb_get_c(c->in, "ScheduleExpression")))
        return sim_fail(c, 400, "ValidationException",
                        "Parameter(s) EventPattern or ScheduleExpression must be specified.");
    if (is_set(pattern) && (!pb_json_parse(c->arena, pattern.u.s, pattern.n, &parsed, &err) || parsed.kind != PB_MAP))
        return sim_fail(c, 400, "InvalidEventPatternException", "Event pattern is not valid. Reason: not an object");
    bool usual = pb_str_is(bus, "default");
    pb_value arn = usual ? sim_arn(c, "events", "rule/", name)
                         : sim_arn(c, "events", "rule/", pb_printf(c->arena, "%.*s/%.*s", PB_ARG(bus), PB_ARG(name)));
    pb_value r = MAP(c, {"Name", pb_string(name)}, {"Arn", arn}, {"EventBusName", pb_string(bus)},
                     {"State", or_else(pb_get_c(c->in, "State"), pb_string_c("ENABLED"))});
    sim_put(c, K_BUS_RULE, bus, name, sim_merge(c, r, sim_pick(c, c->in, kept)));
    return MAP(c, {"RuleArn", arn});
}

static pb_value describe_rule(sim_call *c) {
    pb_str bus, name;
    return rule(c, &bus, &name);
}

static pb_value list_rules(sim_call *c) {
    pb_str bus = bus_of(c->in), prefix = get_text(c->in, "NamePrefix");
    pb_value all = sim_list_sorted(c, K_BUS_RULE, &bus);
    sim_items found = {0};
    EACH(r, all) {
        pb_str name = get_text(*r, "Name");
        if (name.n >= prefix.n && (!prefix.n || memcmp(name.s, prefix.s, prefix.n) == 0)) items_add(c, &found, *r);
    }
    return MAP(c, {"Rules", items_list(c, &found)});
}

static pb_value set_rule_state(sim_call *c) {
    pb_str bus, name;
    pb_value r = rule(c, &bus, &name);
    if (!c->failed) sim_put(c, K_BUS_RULE, bus, name, sim_with(c, r, "State", pb_string_c(c->row->data)));
    return PB_NONE_VALUE;
}

static pb_value delete_rule(sim_call *c) {
    sim_delete(c, K_BUS_RULE, bus_of(c->in), get_text(c->in, "Name")); /* one that is not there is deleted already */
    return PB_NONE_VALUE;
}

static const sim_operation operations[] = {
    {"PutEvents", put_events, NULL, NULL, 0},           {"PutRule", put_rule, NULL, NULL, 0},
    {"DescribeRule", describe_rule, NULL, NULL, 0},     {"ListRules", list_rules, NULL, "Rules", 0},
    {"EnableRule", set_rule_state, "ENABLED", NULL, 0}, {"DisableRule", set_rule_state, "DISABLED", NULL, 0},
    {"DeleteRule", delete_rule, NULL, NULL, 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "Limit", NULL, "ValidationException", 100, 1, false};

const sim_service sim_events = {"events", SIM_OPS(operations), &paging, NULL};
