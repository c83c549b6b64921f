/*
 * securityhub.c - findings imported, found, and worked on.
 *
 * A filter that is not in the table is refused by name, rather than matching everything or nothing.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};

static pb_value hub_arn(sim_call *c) {
    return sim_text(c, "arn:%.*s:securityhub:%.*s:%.*s:hub/default", PB_ARG(c->partition), PB_ARG(c->region),
                    PB_ARG(c->account));
}

static bool enabled(sim_call *c) {
    if (is_set(sim_get(c, K_HUB, TOP, PB_STR("default")))) return true;
    sim_fail(c, 401, "InvalidAccessException", "Account %.*s is not subscribed to AWS Security Hub",
             PB_ARG(c->account));
    return false;
}

static pb_value enable(sim_call *c) {
    if (is_set(sim_get(c, K_HUB, TOP, PB_STR("default"))))
        return sim_fail(c, 409, "ResourceConflictException", "Account is already subscribed to Security Hub");
    pb_value hub =
        MAP(c, {"HubArn", hub_arn(c)}, {"SubscribedAt", pb_string(pb_time_text(c->arena, c->now))},
            {"AutoEnableControls", pb_bool(true)}, {"ControlFindingGenerator", pb_string_c("SECURITY_CONTROL")});
    sim_put(c, K_HUB, TOP, PB_STR("default"), hub);
    return PB_NONE_VALUE;
}

static pb_value disable(sim_call *c) {
    if (enabled(c)) sim_delete(c, K_HUB, TOP, PB_STR("default"));
    return PB_NONE_VALUE;
}

static pb_value describe(sim_call *c) { return enabled(c) ? sim_get(c, K_HUB, TOP, PB_STR("default")) : PB_NONE_VALUE; }

/* ---- findings in ---- */

/* What the customer set by BatchUpdateFindings stays when the provider sends the finding again. */
static pb_value imported(sim_call *c, pb_value finding, pb_value old) {
    static const char *const customers[] = {
        "Note", "UserDefinedFields", "VerificationState", "Workflow", "RelatedFindings", "Criticality", NULL};
    pb_value defaults =
        MAP(c, {"Region", pb_string(c->region)}, {"WorkflowState", pb_string_c("NEW")},
            {"Workflow", MAP(c, {"Status", pb_string_c("NEW")})}, {"RecordState", pb_string_c("ACTIVE")});
    return sim_merge(c, sim_merge(c, defaults, finding), sim_pick(c, old, customers));
}

static pb_value batch_import(sim_call *c) {
    pb_value findings = pb_get_c(c->in, "Findings");
    sim_items failed = {0};
    if (!enabled(c)) return PB_NONE_VALUE;
    if (!findings.n || findings.n > 100)
        return sim_fail(c, 400, "InvalidInputException", "Findings must have between 1 and 100 items");
    EACH(f, findings) {
        pb_str product = get_text(*f, "ProductArn"), id = get_text(*f, "Id");
        if (sim_item_fails(c)) {
            items_add(c, &failed,
                      MAP(c, {"Id", pb_string(id)}, {"ErrorCode", pb_string_c("InternalFailure")},
                          {"ErrorMessage", pb_string_c("a fault that was asked for")}));
            continue;
        }
        if (!pb_str_eq(get_text(*f, "AwsAccountId"), c->account)) {
            items_add(c, &failed,
                      MAP(c, {"Id", pb_string(id)}, {"ErrorCode", pb_string_c("InvalidInput")},
                          {"ErrorMessage", pb_string_c("Finding does not adhere to Amazon Finding Format. "
                                                       "data.AwsAccountId is not the account's.")}));
            continue;
        }
        sim_put(c, K_SH_FINDING, product, id, imported(c, *f, sim_get(c, K_SH_FINDING, product, id)));
    }
    return MAP(c, {"FailedCount", pb_int(failed.n)}, {"SuccessCount", pb_int(findings.n - failed.n)},
               {"FailedFindings", items_list(c, &failed)});
}

static pb_value batch_update(sim_call *c) {
    static const char *const members[] = {"VerificationState", "Confidence",      "Criticality", "Types",
                                          "UserDefinedFields", "RelatedFindings", NULL};
    pb_value ids = pb_get_c(c->in, "FindingIdentifiers"), note = pb_get_c(c->in, "Note"),
             severity = pb_get_c(c->in, "Severity"), workflow = pb_get_c(c->in, "Workflow");
    sim_items done = {0}, missed = {0};
    if (!enabled(c)) return PB_NONE_VALUE;
    if (is_set(note)) note = sim_with(c, note, "UpdatedAt", pb_string(pb_time_text(c->arena, c->now)));
    EACH(i, ids) {
        pb_str product = get_text(*i, "ProductArn"), id = get_text(*i, "Id");
        pb_value f = sim_get(c, K_SH_FINDING, product, id);
        bool fault = sim_item_fails(c);
        if (fault || !is_set(f)) {
            items_add(c, &missed,
                      MAP(c, {"FindingIdentifier", *i},
                          {"ErrorCode", pb_string_c(fault ? "ConcurrentUpdateError" : "FindingNotFound")},
                          {"ErrorMessage", pb_string_c(fault ? "a fault that was asked for" : "Finding Not Found")}));
            continue;
        }
        f = sim_merge(c, sim_merge(c, f, sim_pick(c, c->in, members)), MAP(c, {"Note", note}, {"Workflow", workflow}));
        if (is_set(severity)) f = sim_with(c, f, "Severity", sim_merge(c, pb_get_c(f, "Severity"), severity));
        sim_put(c, K_SH_FINDING, product, id, f);
        items_add(c, &done, *i);
    }
    return MAP(c, {"ProcessedFindings", items_list(c, &done)}, {"UnprocessedFindings", items_list(c, &missed)});
}

/* ---- findings out ---- */

static const struct {
    const char *filter, *path;
} filters[] = {{"Id", "Id"},
               {"ProductArn", "ProductArn"},
               {"AwsAccountId", "AwsAccountId"},
               {"GeneratorId", "GeneratorId"},
               {"Region", "Region"},
               {"Type", "Types"},
               {"SeverityLabel", "Severity.Label"},
               {"Title", "Title"},
               {"Description", "Description"},
               {"RecordState", "RecordState"},
               {"WorkflowStatus", "Workflow.Status"},
               {"WorkflowState", "WorkflowState"},
               {"ResourceId", "Resources.Id"},
               {"ResourceType", "Resources.Type"},
               {"ComplianceStatus", "Compliance.Status"},
               {"ProductName", "ProductName"},
               {"CompanyName", "CompanyName"},
               {"VerificationState", "VerificationState"},
               {"NoteText", "Note.Text"}};

static const char *filter_path(pb_str name) {
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (pb_str_is(name, filters[i].filter)) return filters[i].path;
    return NULL;
}

/* A value as a glob that means just it, with stars where the comparison leaves room. */
static pb_str pattern_of(sim_call *c, pb_str value, bool open_front, bool open_end) {
    char *p = pb_alloc(c->arena, (size_t)value.n * 2 + 3);
    uint32_t n = 0;
    if (!p) return TOP;
    if (open_front) p[n++] = '*';
    for (uint32_t i = 0; i < value.n; i++) {
        if (memchr("*?\\", value.s[i], 3)) p[n++] = '\\';
        p[n++] = value.s[i];
    }
    if (open_end) p[n++] = '*';
    return (pb_str){p, n};
}

/* Wanted values are alternatives; unwanted ones must all be absent. */
static bool filter_met(sim_call *c, pb_value f, const char *path, pb_value wants) {
    bool any_wanted = false, met = false;
    EACH(w, wants) {
        pb_str how = get_text(*w, "Comparison"), value = get_text(*w, "Value");
        bool contains = memmem(how.s, how.n, "CONTAINS", 8) != NULL, prefix = memmem(how.s, how.n, "PREFIX", 6) != NULL;
        bool matches = sim_path_matches(f, path, pattern_of(c, value, contains, contains || prefix));
        if (memmem(how.s, how.n, "NOT_", 4)) {
            if (matches) return false;
        } else {
            any_wanted = true;
            met = met || matches;
        }
    }
    return met || !any_wanted;
}

static bool wanted(sim_call *c, pb_value f, pb_value criteria) {
    for (uint32_t i = 0; criteria.kind == PB_MAP && i < criteria.n; i++)
        if (!filter_met(c, f, filter_path(criteria.u.entries[i].key), criteria.u.entries[i].value)) return false;
    return true;
}

static pb_value get_findings(sim_call *c) {
    pb_value criteria = pb_get_c(c->in, "Filters"), all = sim_list(c, K_SH_FINDING, NULL);
    sim_items found = {0};
    if (!enabled(c)) return PB_NONE_VALUE;
    for (uint32_t i = 0; criteria.kind == PB_MAP && i < criteria.n; i++)
        if (!filter_path(criteria.u.entries[i].key))
            return sim_fail(c, 501, "NotImplemented", "the simulated account does not filter findings by %.*s",
                            PB_ARG(criteria.u.entries[i].key));
    EACH(f, all) if (wanted(c, *f, criteria)) items_add(c, &found, *f);
    return MAP(c, {"Findings", items_list(c, &found)});
}

static const sim_operation operations[] = {
    {"EnableSecurityHub", enable, NULL, NULL, 0},
    {"DisableSecurityHub", disable, NULL, NULL, 0},
    {"DescribeHub", describe, NULL, NULL, 0},
    {"BatchImportFindings", batch_import, NULL, NULL, 0},
    {"BatchUpdateFindings", batch_update, NULL, NULL, 0},
    {"GetFindings", get_findings, NULL, "Findings", 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxResults", NULL, "InvalidInputException", 10, 1, false};

const sim_service sim_securityhub = {"securityhub", SIM_OPS(operations), &paging, NULL};
