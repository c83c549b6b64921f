/*
 * logs.c - CloudWatch Logs: groups, streams, and the lines in them.
 *
 * GetLogEvents never says that it is at the end: it gives the token that it was called with again, as the real one
 * does, and a reader has to notice.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
enum { EVENTS_MAX = 10000, PAGE = 10000, TOKEN_DIGITS = 56 };

static pb_value no_such(sim_call *c, const char *what) {
    return sim_fail(c, 400, "ResourceNotFoundException", "The specified log %s does not exist.", what);
}

static pb_value group(sim_call *c, pb_str *name) {
    *name = get_text(c->in, "logGroupName");
    pb_value g = sim_get(c, K_LOG_GROUP, TOP, *name);
    return is_set(g) ? g : no_such(c, "group");
}

static pb_value stream(sim_call *c, pb_str *in_group, pb_str *name) {
    *name = get_text(c->in, "logStreamName");
    if (!is_set(group(c, in_group))) return PB_NONE_VALUE;
    pb_value s = sim_get(c, K_LOG_STREAM, *in_group, *name);
    return is_set(s) ? s : no_such(c, "stream");
}

/* Lines are kept under "group\nstream": neither name can hold a line's end. */
static pb_str lines_of(sim_call *c, pb_str in_group, pb_str name) {
    return pb_printf(c->arena, "%.*s\n%.*s", PB_ARG(in_group), PB_ARG(name));
}

static pb_value create_group(sim_call *c) {
    pb_str name = get_text(c->in, "logGroupName");
    if (is_set(sim_get(c, K_LOG_GROUP, TOP, name)))
        return sim_fail(c, 400, "ResourceAlreadyExistsException", "The specified log group already exists");
    pb_value arn = sim_arn(c, "logs", "log-group:", pb_printf(c->arena, "%.*s:*", PB_ARG(name)));
    sim_put(c, K_LOG_GROUP, TOP, name,
            MAP(c, {"logGroupName", pb_string(name)}, {"arn", arn}, {"creationTime", pb_int(c->now)},
                {"metricFilterCount", pb_int(0)}, {"storedBytes", pb_int(0)},
                {"kmsKeyId", pb_get_c(c->in, "kmsKeyId")}));
    return PB_NONE_VALUE;
}

static pb_value delete_group(sim_call *c) {
    pb_str name;
    group(c, &name);
    pb_value streams = sim_list_of(c, K_LOG_STREAM, name);
    EACH(s, streams) sim_delete_all(c, K_LOG_LINE, lines_of(c, name, get_text(*s, "logStreamName")));
    sim_delete_all(c, K_LOG_STREAM, name);
    sim_delete(c, K_LOG_GROUP, TOP, name);
    return PB_NONE_VALUE;
}

static bool has_prefix(pb_value v, const char *member, pb_str prefix) {
    pb_str name = get_text(v, member);
    return name.n >= prefix.n && (!prefix.n || memcmp(name.s, prefix.s, prefix.n) == 0);
}

static pb_value describe_groups(sim_call *c) {
    pb_value all = sim_list_sorted(c, K_LOG_GROUP, NULL);
    sim_items found = {0};
    EACH(g, all) if (has_prefix(*g, "logGroupName", get_text(c->in, "logGroupNamePrefix"))) items_add(c, &found, *g);
    return MAP(c, {"logGroups", items_list(c, &found)});
}

/* Put sets it, delete takes it away: its input has no such member. */
static pb_value set_retention(sim_call *c) {
    pb_str name;
    pb_value g = group(c, &name);
    if (!c->failed)
        sim_put(c, K_LOG_GROUP, TOP, name, sim_with(c, g, "retentionInDays", pb_get_c(c->in, "retentionInDays")));
    return PB_NONE_VALUE;
}

static pb_value create_stream(sim_call *c) {
    pb_str name = get_text(c->in, "logStreamName"), in_group;
    group(c, &in_group);
    if (is_set(sim_get(c, K_LOG_STREAM, in_group, name)))
        return sim_fail(c, 400, "ResourceAlreadyExistsException", "The specified log stream already exists");
    pb_value arn =
        sim_arn(c, "logs", "log-group:", pb_printf(c->arena, "%.*s:log-stream:%.*s", PB_ARG(in_group), PB_ARG(name)));
    if (!c->failed)
        sim_put(c, K_LOG_STREAM, in_group, name,
                MAP(c, {"logStreamName", pb_string(name)}, {"arn", arn}, {"creationTime", pb_int(c->now)},
                    {"storedBytes", pb_int(0)}));
    return PB_NONE_VALUE;
}

static pb_value describe_streams(sim_call *c) {
    pb_str in_group;
    sim_items found = {0};
    group(c, &in_group);
    pb_value all = sim_list_sorted(c, K_LOG_STREAM, &in_group);
    EACH(s, all) if (has_prefix(*s, "logStreamName", get_text(c->in, "logStreamNamePrefix"))) items_add(c, &found, *s);
    return MAP(c, {"logStreams", items_list(c, &found)});
}

/* ---- lines ---- */

static bool in_order(pb_value lines) {
    for (uint32_t i = 1; i < lines.n; i++)
        if (get_int(lines.u.items[i], "timestamp", 0) < get_int(lines.u.items[i - 1], "timestamp", 0)) return false;
    return true;
}

static pb_value put_lines(sim_call *c) {
    pb_str in_group, name;
    pb_value s = stream(c, &in_group, &name), lines = pb_get_c(c->in, "logEvents");
    if (c->failed) return PB_NONE_VALUE;
    if (lines.n > EVENTS_MAX || !in_order(lines))
        return sim_fail(c, 400, "InvalidParameterException",
                        lines.n > EVENTS_MAX ? "A batch has at most 10000 log events."
                                             : "Log events in a single PutLogEvents request must be in chronological "
                                               "order.");
    pb_str where = lines_of(c, in_group, name);
    EACH(l, lines) {
        int64_t n = sim_next(c, "line", where);
        sim_put(c, K_LOG_LINE, where, pb_printf(c->arena, "%020lld", (long long)n),
                sim_merge(c, *l,
                          MAP(c, {"ingestionTime", pb_int(c->now)}, {"logStreamName", pb_string(name)},
                              {"eventId", sim_text(c, "%0*lld", TOKEN_DIGITS, (long long)n)})));
    }
    if (lines.n) {
        pb_value last = pb_get_c(lines.u.items[lines.n - 1], "timestamp");
        s = sim_merge(c, s, MAP(c, {"lastEventTimestamp", last}, {"lastIngestionTime", pb_int(c->now)}));
        s = sim_with(c, s, "firstEventTimestamp",
                     or_else(pb_get_c(s, "firstEventTimestamp"), pb_get_c(lines.u.items[0], "timestamp")));
        sim_put(c, K_LOG_STREAM, in_group, name, s);
    }
    return MAP(c, {"nextSequenceToken", sim_text(c, "%0*lld", TOKEN_DIGITS, (long long)sim_next(c, "batch", where))});
}

static bool in_time(sim_call *c, pb_value line) {
    int64_t at = get_int(line, "timestamp", 0);
    return at >= get_int(c->in, "startTime", INT64_MIN) && at < get_int(c->in, "endTime", INT64_MAX);
}

/* "f/0000...12" and "b/...": up to which line was read. */
static bool place_read(pb_str token, char way, uint32_t most, uint32_t *at) {
    uint64_t n = 0;
    if (token.n != TOKEN_DIGITS + 2 || token.s[0] != way || token.s[1] != '/') return false;
    for (uint32_t i = 2; i < token.n; i++) {
        if (token.s[i] < '0' || token.s[i] > '9' || n > UINT32_MAX) return false;
        n = n * 10 + (uint64_t)(token.s[i] - '0');
    }
    *at = n > most ? most : (uint32_t)n;
    return true;
}

static pb_value place(sim_call *c, char way, uint32_t at) { return sim_text(c, "%c/%0*u", way, TOKEN_DIGITS, at); }

static pb_value get_lines(sim_call *c) {
    pb_str in_group, name, token = get_text(c->in, "nextToken");
    stream(c, &in_group, &name);
    if (c->failed) return PB_NONE_VALUE;
    pb_value all = sim_list_of(c, K_LOG_LINE, lines_of(c, in_group, name));
    sim_items lines = {0};
    EACH(l, all) if (in_time(c, *l)) items_add(c, &lines, *l);
    int64_t most = get_int(c->in, "limit", PAGE), page = c->sim->trouble.page_size;
    uint32_t limit = (uint32_t)(page && page < most ? page : most), from = 0, to = lines.n;
    bool back = token.n && token.s[0] == 'b', forward = get_bool(c->in, "startFromHead");
    if (token.n && !place_read(token, back ? 'b' : 'f', lines.n, back ? &to : &from))
        return sim_fail(c, 400, "InvalidParameterException", "The specified nextToken is invalid.");
    if (token.n ? back : !forward) {
        if (to - from > limit) from = to - limit;
    } else if (to - from > limit) {
        to = from + limit;
    }
    pb_value part = {PB_LIST, to - from, {.items = to > from ? lines.v + from : NULL}};
    return MAP(c, {"events", part}, {"nextForwardToken", place(c, 'f', to)},
               {"nextBackwardToken", place(c, 'b', from)});
}

/* A pattern that is a word or a quoted text; nothing of the pattern language. */
static bool contains(pb_str message, pb_str word) {
    if (word.n >= 2 && word.s[0] == '"' && word.s[word.n - 1] == '"') word = (pb_str){word.s + 1, word.n - 2};
    return !word.n || (message.n && memmem(message.s, message.n, word.s, word.n));
}

static pb_value filter_lines(sim_call *c) {
    pb_str in_group, word = get_text(c->in, "filterPattern");
    sim_items found = {0};
    group(c, &in_group);
    if (word.n && memchr("{[%?-", word.s[0], 5))
        return sim_fail(c, 501, "NotImplemented", "the simulated account filters log events by a word only");
    pb_value streams = sim_list_sorted(c, K_LOG_STREAM, &in_group), names = pb_get_c(c->in, "logStreamNames");
    EACH(s, streams) {
        bool named = names.kind != PB_LIST;
        EACH(n, names) named = named || pb_equal(*n, pb_get_c(*s, "logStreamName"));
        pb_value lines =
            named ? sim_list_of(c, K_LOG_LINE, lines_of(c, in_group, get_text(*s, "logStreamName"))) : PB_NONE_VALUE;
        EACH(l, lines) if (in_time(c, *l) && contains(get_text(*l, "message"), word)) items_add(c, &found, *l);
    }
    return MAP(c, {"events", items_list(c, &found)});
}

static const sim_operation operations[] = {
    {"CreateLogGroup", create_group, NULL, NULL, 0},
    {"DeleteLogGroup", delete_group, NULL, NULL, 0},
    {"DescribeLogGroups", describe_groups, NULL, "logGroups", 0},
    {"PutRetentionPolicy", set_retention, NULL, NULL, 0},
    {"DeleteRetentionPolicy", set_retention, NULL, NULL, 0},
    {"CreateLogStream", create_stream, NULL, NULL, 0},
    {"DescribeLogStreams", describe_streams, NULL, "logStreams", 0},
    {"PutLogEvents", put_lines, NULL, NULL, 0},
    {"GetLogEvents", get_lines, NULL, NULL, 0},
    {"FilterLogEvents", filter_lines, NULL, "events", 0},
};

static const sim_paging paging = {"nextToken", "nextToken", "limit", NULL, "InvalidParameterException", 50, 1, false};

const sim_service sim_logs = {"logs", SIM_OPS(operations), &paging, NULL};
