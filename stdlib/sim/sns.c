/*
 * sns.c - topics, subscriptions, messages. Messages are kept, not delivered: `pbrun sim --state FILE --show` lists
 * them.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
enum { MESSAGE_MAX = 256 * 1024 };

static pb_value topic(sim_call *c, pb_str arn) {
    pb_value t = sim_get(c, K_TOPIC, TOP, arn);
    if (is_set(t)) return t;
    if (!str_starts(arn, "arn:"))
        return sim_fail(c, 400, "InvalidParameter",
                        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1");
    return sim_fail(c, 404, "NotFound", "Topic does not exist");
}

static bool name_valid(pb_str n) {
    for (uint32_t i = 0; i < n.n; i++) {
        char ch = n.s[i];
        bool word = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!word && ch != '_' && ch != '-' && !(ch == '.' && i + 5 == n.n && memcmp(n.s + i, ".fifo", 5) == 0))
            return false;
    }
    return n.n > 0 && n.n <= 256;
}

/* Making a topic that is there gives its ARN, as long as nothing else is asked of it. */
static pb_value create_topic(sim_call *c) {
    pb_str name = get_text(c->in, "Name");
    if (!name_valid(name)) return sim_fail(c, 400, "InvalidParameter", "Invalid parameter: Topic Name");
    pb_value arn = sim_text(c, "arn:%.*s:sns:%.*s:%.*s:%.*s", PB_ARG(c->partition), PB_ARG(c->region),
                            PB_ARG(c->account), PB_ARG(name));
    if (!is_set(arn)) return PB_NONE_VALUE;
    if (!is_set(sim_get(c, K_TOPIC, TOP, pb_text(arn)))) {
        pb_value attributes =
            sim_merge(c, MAP(c, {"TopicArn", arn}, {"Owner", pb_string(c->account)}, {"DisplayName", pb_string(TOP)}),
                      pb_get_c(c->in, "Attributes"));
        sim_put(c, K_TOPIC, TOP, pb_text(arn),
                MAP(c, {"TopicArn", arn}, {"Attributes", attributes}, {"Tags", pb_get_c(c->in, "Tags")}));
    }
    return MAP(c, {"TopicArn", arn});
}

static pb_value list_topics(sim_call *c) { return MAP(c, {"Topics", sim_list_sorted(c, K_TOPIC, NULL)}); }

static pb_value topic_attributes(sim_call *c) {
    pb_str arn = get_text(c->in, "TopicArn");
    pb_value t = topic(c, arn), subscribed = sim_list_of(c, K_SUBSCRIPTION, arn);
    pb_value counts = MAP(c, {"SubscriptionsConfirmed", sim_text(c, "%u", subscribed.n)},
                          {"SubscriptionsPending", pb_string_c("0")}, {"SubscriptionsDeleted", pb_string_c("0")});
    return MAP(c, {"Attributes", sim_merge(c, pb_get_c(t, "Attributes"), counts)});
}

static pb_value set_topic_attribute(sim_call *c) {
    pb_str arn = get_text(c->in, "TopicArn"), name = get_text(c->in, "AttributeName");
    pb_value t = topic(c, arn), key = pb_string(pb_strdup(c->arena, name.s, name.n));
    if (c->failed || !key.u.s) return PB_NONE_VALUE;
    pb_value attributes = sim_with(c, pb_get_c(t, "Attributes"), key.u.s, pb_string(get_text(c->in, "AttributeValue")));
    sim_put(c, K_TOPIC, TOP, arn, sim_with(c, t, "Attributes", attributes));
    return PB_NONE_VALUE;
}

static pb_value delete_topic(sim_call *c) {
    pb_str arn = get_text(c->in, "TopicArn");
    sim_delete_all(c, K_SUBSCRIPTION, arn);
    sim_delete(c, K_TOPIC, TOP, arn); /* a topic that is not there is deleted already */
    return PB_NONE_VALUE;
}

static pb_value publish(sim_call *c) {
    static const char *const kept[] = {"Message",           "Subject",     "MessageStructure",
                                       "MessageAttributes", "PhoneNumber", NULL};
    pb_str arn = get_text(c->in, is_set(pb_get_c(c->in, "TopicArn")) ? "TopicArn" : "TargetArn"),
           message = get_text(c->in, "Message");
    bool phone = is_set(pb_get_c(c->in, "PhoneNumber"));
    if (!phone && !arn.n)
        return sim_fail(c, 400, "InvalidParameter",
                        "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter");
    if (!phone) topic(c, arn);
    if (!message.n) sim_fail(c, 400, "InvalidParameter", "Invalid parameter: Empty message");
    if (message.n > MESSAGE_MAX) sim_fail(c, 400, "InvalidParameter", "Invalid parameter: Message too long");
    if (get_text(c->in, "Subject").n > 100) sim_fail(c, 400, "InvalidParameter", "Invalid parameter: Subject");
    if (c->failed) return PB_NONE_VALUE;
    pb_value id = pb_string(sim_uuid(c, "message"));
    pb_value v = sim_merge(c, MAP(c, {"MessageId", id}, {"TopicArn", pb_string(arn)}, {"Time", pb_time(c->now)}),
                           sim_pick(c, c->in, kept));
    sim_put(c, K_MESSAGE, arn, pb_text(id), v);
    return MAP(c, {"MessageId", id});
}

static pb_value subscribe(sim_call *c) {
    pb_str arn = get_text(c->in, "TopicArn");
    topic(c, arn);
    pb_value have = sim_list_of(c, K_SUBSCRIPTION, arn);
    EACH(s, have)
    if (pb_equal(pb_get_c(*s, "Protocol"), pb_get_c(c->in, "Protocol")) &&
        pb_equal(pb_get_c(*s, "Endpoint"), pb_get_c(c->in, "Endpoint")))
        return MAP(c, {"SubscriptionArn", pb_get_c(*s, "SubscriptionArn")});
    pb_value id = sim_text(c, "%.*s:%.*s", PB_ARG(arn), PB_ARG(sim_uuid(c, "subscription")));
    if (!is_set(id)) return PB_NONE_VALUE;
    pb_value s =
        MAP(c, {"SubscriptionArn", id}, {"Owner", pb_string(c->account)}, {"Protocol", pb_get_c(c->in, "Protocol")},
            {"Endpoint", pb_get_c(c->in, "Endpoint")}, {"TopicArn", pb_string(arn)});
    sim_put(c, K_SUBSCRIPTION, arn, pb_text(id), s);
    return MAP(c, {"SubscriptionArn", id});
}

static pb_value unsubscribe(sim_call *c) {
    pb_str id = get_text(c->in, "SubscriptionArn");
    pb_value s = sim_find(c, K_SUBSCRIPTION, id);
    if (is_set(s)) sim_delete(c, K_SUBSCRIPTION, get_text(s, "TopicArn"), id);
    return PB_NONE_VALUE;
}

static pb_value list_subscriptions(sim_call *c) { return MAP(c, {"Subscriptions", sim_list(c, K_SUBSCRIPTION, NULL)}); }

static pb_value list_topic_subscriptions(sim_call *c) {
    pb_str arn = get_text(c->in, "TopicArn");
    topic(c, arn);
    return MAP(c, {"Subscriptions", sim_list_of(c, K_SUBSCRIPTION, arn)});
}

static const sim_operation operations[] = {
    {"CreateTopic", create_topic, NULL, NULL, 0},
    {"ListTopics", list_topics, NULL, "Topics", 0},
    {"GetTopicAttributes", topic_attributes, NULL, NULL, 0},
    {"SetTopicAttributes", set_topic_attribute, NULL, NULL, 0},
    {"DeleteTopic", delete_topic, NULL, NULL, 0},
    {"Publish", publish, NULL, NULL, 0},
    {"Subscribe", subscribe, NULL, NULL, 0},
    {"Unsubscribe", unsubscribe, NULL, NULL, 0},
    {"ListSubscriptions", list_subscriptions, NULL, "Subscriptions", 0},
    {"ListSubscriptionsByTopic", list_topic_subscriptions, NULL, "Subscriptions", 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxResults", NULL, "InvalidParameter", 100, 1, false};

const sim_service sim_sns = {"sns", SIM_OPS(operations), &paging, NULL};
