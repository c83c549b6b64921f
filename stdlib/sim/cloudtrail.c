/*
 * cloudtrail.c - trails, and the event history: what was asked of this account.
 *
 * Every call that is no read and no data event (an object's, an item's) is kept as an event, whether it went well or
 * not, and LookupEvents finds it, the newest first. An event's request parameters leave out what may be a secret.
 * Trails only say whether they log: nothing is delivered to their buckets.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};

/* ---- the history ---- */

/* Members that may hold secrets, or data that CloudTrail doesn't keep either. */
static const char *const left_out[] = {
    "Value", "SecretString", "SecretBinary", "Password", "Body",        "Message",     "MasterUserPassword",
    "Code",  "Entries",      "logEvents",    "Data",     "Environment", "ClientToken", "ClientRequestToken"};

static pb_value parameters(sim_call *c) {
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; c->in.kind == PB_MAP && i < c->in.n; i++) {
        pb_str key = c->in.u.entries[i].key;
        bool out = false;
        for (size_t k = 0; k < sizeof left_out / sizeof *left_out; k++) out = out || pb_str_is(key, left_out[k]);
        if (out || !key.n) continue;
        char first = key.s[0] >= 'A' && key.s[0] <= 'Z' ? (char)(key.s[0] + 32) : key.s[0];
        pb_map_add(&b, pb_printf(c->arena, "%c%.*s", first, (int)key.n - 1, key.s + 1), c->in.u.entries[i].value);
    }
    return pb_map_done(&b);
}

static pb_value identity(sim_call *c) {
    const sim_caller *who = &c->caller;
    const char *type = who->role.n ? "AssumedRole" : who->user.n ? "IAMUser" : "Root";
    return MAP(c, {"type", pb_string_c(type)}, {"principalId", pb_string(who->user_id)}, {"arn", pb_string(who->arn)},
               {"accountId", pb_string(c->account)}, {"accessKeyId", pb_string(who->access_key)},
               {"userName", who->user.n ? pb_string(who->user) : PB_NONE_VALUE});
}

static pb_value record(sim_call *c, pb_value source, pb_str operation, pb_value id, pb_str request_id) {
    bool failed = c->err.code.n > 0;
    return MAP(
        c, {"eventVersion", pb_string_c("1.08")}, {"userIdentity", identity(c)}, {"eventTime", pb_time(c->now)},
        {"eventSource", source}, {"eventName", pb_string(operation)}, {"awsRegion", pb_string(c->region)},
        {"sourceIPAddress", pb_string_c("127.0.0.1")}, {"userAgent", pb_string(sim_header(c->http, "user-agent"))},
        {"errorCode", failed ? pb_string(c->err.code) : PB_NONE_VALUE},
        {"errorMessage", failed ? pb_string(c->err.message) : PB_NONE_VALUE}, {"requestParameters", parameters(c)},
        {"requestID", pb_string(request_id)}, {"eventID", id}, {"readOnly", pb_bool(false)},
        {"eventType", pb_string_c("AwsApiCall")}, {"managementEvent", pb_bool(true)},
        {"recipientAccountId", pb_string(c->account)}, {"eventCategory", pb_string_c("Management")});
}

static bool is_data_event(pb_str service, pb_str operation) {
    static const struct {
        const char *service, *operation; /* a glob */
    } rows[] = {{"s3", "*Object*"},  {"s3", "*Part*"},        {"s3", "*Multipart*"},   {"dynamodb", "*Item"},
                {"sns", "Publish*"}, {"events", "PutEvents"}, {"logs", "PutLogEvents"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (pb_str_is(service, rows[i].service) && sim_glob(pb_str_c(rows[i].operation), operation)) return true;
    return false;
}

void trail_record(sim_call *c, const aws_service_info *service, aws_op op, pb_str request_id) {
    pb_str operation = aws_op_name(c->sim->model, op);
    if (aws_op_effect(c->sim->model, op) <= PB_READ || is_data_event(service->name, operation)) return;
    bool failed = c->failed, changed = c->changed;
    c->failed = false; /* the event of a call that failed is written all the same */
    pb_value id = pb_string(sim_uuid(c, "event"));
    pb_value source = sim_text(c, "%.*s.amazonaws.com", PB_ARG(service->endpoint_prefix));
    pb_str text = pb_json_text(c->arena, record(c, source, operation, id, request_id));
    const sim_caller *who = &c->caller;
    if (text.s)
        sim_put(c, K_TRAIL_EVENT, TOP, pb_text(id),
                MAP(c, {"EventId", id}, {"EventName", pb_string(operation)}, {"ReadOnly", pb_string_c("false")},
                    {"AccessKeyId", pb_string(who->access_key)}, {"EventTime", pb_time(c->now)},
                    {"EventSource", source}, {"CloudTrailEvent", pb_string(text)},
                    {"Username", pb_string(who->user.n   ? who->user
                                           : who->role.n ? who->role
                                                         : PB_STR("root"))}));
    c->failed = failed;
    c->changed = changed;
}

static bool wanted(pb_value e, pb_value attributes) {
    EACH(a, attributes) {
        pb_value have = pb_get(e, get_text(*a, "AttributeKey"));
        if (!is_set(have) || !pb_equal(have, pb_get_c(*a, "AttributeValue"))) return false;
    }
    return true;
}

static int64_t event_ms(pb_value e) {
    int64_t ms = 0;
    return pb_time_parse(get_text(e, "EventTime"), &ms) ? ms : 0;
}

static pb_value lookup_events(sim_call *c) {
    pb_value all = sim_list(c, K_TRAIL_EVENT, NULL), attributes = pb_get_c(c->in, "LookupAttributes"),
             start = pb_get_c(c->in, "StartTime"), end = pb_get_c(c->in, "EndTime");
    sim_items found = {0};
    if (attributes.kind == PB_LIST && attributes.n > 1)
        return sim_fail(c, 400, "InvalidLookupAttributesException", "Only one lookup attribute can be specified.");
    if (is_set(start) && is_set(end) && start.u.i > end.u.i)
        return sim_fail(c, 400, "InvalidTimeRangeException", "The start time must be before the end time.");
    for (uint32_t i = all.n; i-- > 0;) {
        int64_t ms = event_ms(all.u.items[i]);
        if ((is_set(start) && ms < start.u.i) || (is_set(end) && ms > end.u.i)) continue;
        if (wanted(all.u.items[i], attributes)) items_add(c, &found, all.u.items[i]);
    }
    return MAP(c, {"Events", items_list(c, &found)});
}

/* ---- trails ---- */

/* By name or ARN. */
static pb_value trail(sim_call *c, pb_str *name) {
    *name = get_text(c->in, is_set(pb_get_c(c->in, "TrailName")) ? "TrailName" : "Name");
    const char *slash = str_starts(*name, "arn:") ? memchr(name->s, '/', name->n) : NULL;
    if (slash) *name = (pb_str){slash + 1, (uint32_t)(name->s + name->n - slash - 1)};
    pb_value t = sim_get(c, K_TRAIL, TOP, *name);
    return is_set(t) ? t
                     : sim_fail(c, 400, "TrailNotFoundException", "Unknown trail: %.*s for the user: %.*s",
                                PB_ARG(*name), PB_ARG(c->account));
}

static pb_value create_trail(sim_call *c) {
    static const char *const kept[] = {
        "S3BucketName", "S3KeyPrefix", "SnsTopicName", "IsMultiRegionTrail", "IsOrganizationTrail", "KmsKeyId", NULL};
    pb_str name = get_text(c->in, "Name");
    if (is_set(sim_get(c, K_TRAIL, TOP, name)))
        return sim_fail(c, 400, "TrailAlreadyExistsException", "Trail %.*s already exists for customer: %.*s",
                        PB_ARG(name), PB_ARG(c->account));
    if (!is_set(sim_get(c, K_BUCKET, TOP, get_text(c->in, "S3BucketName"))))
        return sim_fail(c, 400, "S3BucketDoesNotExistException", "S3 bucket %.*s does not exist!",
                        PB_ARG(get_text(c->in, "S3BucketName")));
    pb_value events = or_else(pb_get_c(c->in, "IncludeGlobalServiceEvents"), pb_bool(true));
    pb_value validation = pb_bool(get_bool(c->in, "EnableLogFileValidation"));
    pb_value t = MAP(c, {"Name", pb_string(name)}, {"TrailARN", sim_arn(c, "cloudtrail", "trail/", name)},
                     {"HomeRegion", pb_string(c->region)}, {"IncludeGlobalServiceEvents", events},
                     {"LogFileValidationEnabled", validation}, {"IsMultiRegionTrail", pb_bool(false)},
                     {"IsOrganizationTrail", pb_bool(false)}, {"HasCustomEventSelectors", pb_bool(false)});
    t = sim_merge(c, t, sim_pick(c, c->in, kept));
    sim_put(c, K_TRAIL, TOP, name, t);
    return t;
}

static pb_value describe_trails(sim_call *c) {
    pb_value all = sim_list_sorted(c, K_TRAIL, NULL), names = pb_get_c(c->in, "trailNameList");
    sim_items found = {0};
    EACH(t, all) {
        bool named = names.kind != PB_LIST || names.n == 0;
        EACH(n, names)
        named = named || pb_equal(*n, pb_get_c(*t, "Name")) || pb_equal(*n, pb_get_c(*t, "TrailARN"));
        if (named) items_add(c, &found, *t);
    }
    return MAP(c, {"trailList", items_list(c, &found)});
}

static pb_value get_trail(sim_call *c) {
    pb_str name;
    return MAP(c, {"Trail", trail(c, &name)});
}

static pb_value trail_status(sim_call *c) {
    pb_str name;
    pb_value t = trail(c, &name), since = pb_get_c(t, "_started"), until = pb_get_c(t, "_stopped");
    return MAP(c, {"IsLogging", pb_bool(get_bool(t, "_logging"))}, {"StartLoggingTime", since},
               {"StopLoggingTime", until}, {"TimeLoggingStarted", since}, {"TimeLoggingStopped", until});
}

static const bool on = true, off = false;

static pb_value set_logging(sim_call *c) {
    pb_str name;
    bool logs = *(const bool *)c->row->data;
    pb_value t = trail(c, &name);
    if (c->failed || get_bool(t, "_logging") == logs) return PB_NONE_VALUE;
    t = sim_with(c, t, "_logging", pb_bool(logs));
    sim_put(c, K_TRAIL, TOP, name, sim_with(c, t, logs ? "_started" : "_stopped", pb_time(c->now)));
    return PB_NONE_VALUE;
}

static pb_value delete_trail(sim_call *c) {
    pb_str name;
    trail(c, &name);
    sim_delete(c, K_TRAIL, TOP, name);
    return PB_NONE_VALUE;
}

static pb_value put_selectors(sim_call *c) {
    static const char *const kept[] = {"EventSelectors", "AdvancedEventSelectors", NULL};
    pb_str name;
    pb_value t = trail(c, &name), given = sim_pick(c, c->in, kept);
    if (given.n != 1 && !c->failed)
        sim_fail(c, 400, "InvalidEventSelectorsException",
                 "Either EventSelectors or AdvancedEventSelectors is needed.");
    if (!c->failed)
        sim_put(c, K_TRAIL, TOP, name,
                sim_merge(c, t, MAP(c, {"_selectors", given}, {"HasCustomEventSelectors", pb_bool(true)})));
    return sim_with(c, given, "TrailARN", pb_get_c(t, "TrailARN"));
}

static pb_value get_selectors(sim_call *c) {
    pb_str name;
    pb_value t = trail(c, &name), kept = pb_get_c(t, "_selectors");
    pb_value usual = MAP(c, {"ReadWriteType", pb_string_c("All")}, {"IncludeManagementEvents", pb_bool(true)},
                         {"DataResources", items_list(c, &(sim_items){0})});
    if (!is_set(kept)) kept = MAP(c, {"EventSelectors", sim_list1(c, usual)});
    return sim_with(c, kept, "TrailARN", pb_get_c(t, "TrailARN"));
}

static const sim_operation operations[] = {
    {"CreateTrail", create_trail, NULL, NULL, 0},
    {"DescribeTrails", describe_trails, NULL, NULL, 0},
    {"GetTrail", get_trail, NULL, NULL, 0},
    {"GetTrailStatus", trail_status, NULL, NULL, 0},
    {"StartLogging", set_logging, &on, NULL, 0},
    {"StopLogging", set_logging, &off, NULL, 0},
    {"DeleteTrail", delete_trail, NULL, NULL, 0},
    {"PutEventSelectors", put_selectors, NULL, NULL, 0},
    {"GetEventSelectors", get_selectors, NULL, NULL, 0},
    {"LookupEvents", lookup_events, NULL, "Events", 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxResults", NULL, "InvalidNextTokenException",
                                  50,          1,           false};

const sim_service sim_cloudtrail = {"cloudtrail", SIM_OPS(operations), &paging, NULL};
