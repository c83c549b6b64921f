/*
 * guardduty.c - a detector a region, and its findings: sample ones, since nothing is detected here.
 *
 * Findings are kept under the names of the API's members; criteria name attributes as JSON has them
 * ("service.archived"), which is the same with a small first letter in each part.
 */
#include <stdio.h>

#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
enum { ATTRIBUTE_MAX = 100 };

static pb_value bad(sim_call *c, const char *why) {
    return sim_fail(c, 400, "BadRequestException", "The request is rejected because %s", why);
}

static pb_value detector(sim_call *c, pb_str *id) {
    *id = get_text(c->in, "DetectorId");
    pb_value d = sim_get(c, K_DETECTOR, TOP, *id);
    return is_set(d) ? d : bad(c, "the input detectorId is not owned by the current account.");
}

static pb_value now_text(sim_call *c) { return pb_string(pb_time_text(c->arena, c->now)); }

static pb_value create_detector(sim_call *c) {
    pb_value have = sim_list(c, K_DETECTOR, NULL);
    if (have.n) return bad(c, "a detector already exists for the current account.");
    pb_value id = pb_string(sim_hex_id(c, "", 32));
    pb_value role =
        sim_text(c, "arn:%.*s:iam::%.*s:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty",
                 PB_ARG(c->partition), PB_ARG(c->account));
    pb_value d = MAP(c, {"DetectorId", id}, {"CreatedAt", now_text(c)}, {"UpdatedAt", now_text(c)},
                     {"ServiceRole", role}, {"Status", pb_string_c(get_bool(c->in, "Enable") ? "ENABLED" : "DISABLED")},
                     {"FindingPublishingFrequency",
                      or_else(pb_get_c(c->in, "FindingPublishingFrequency"), pb_string_c("SIX_HOURS"))},
                     {"Tags", pb_get_c(c->in, "Tags")});
    sim_put(c, K_DETECTOR, TOP, pb_text(id), d);
    return MAP(c, {"DetectorId", id});
}

static pb_value list_detectors(sim_call *c) {
    sim_items ids = {0};
    pb_value all = sim_list(c, K_DETECTOR, NULL);
    EACH(d, all) items_add(c, &ids, pb_get_c(*d, "DetectorId"));
    return MAP(c, {"DetectorIds", items_list(c, &ids)});
}

static pb_value get_detector(sim_call *c) {
    pb_str id;
    return detector(c, &id);
}

static pb_value update_detector(sim_call *c) {
    pb_str id;
    pb_value d = detector(c, &id), enable = pb_get_c(c->in, "Enable");
    d = sim_merge(c, d,
                  MAP(c, {"Status", is_set(enable) ? pb_string_c(enable.u.b ? "ENABLED" : "DISABLED") : PB_NONE_VALUE},
                      {"FindingPublishingFrequency", pb_get_c(c->in, "FindingPublishingFrequency")},
                      {"UpdatedAt", now_text(c)}));
    sim_put(c, K_DETECTOR, TOP, id, d);
    return PB_NONE_VALUE;
}

static pb_value delete_detector(sim_call *c) {
    pb_str id;
    detector(c, &id);
    sim_delete_all(c, K_GD_FINDING, id);
    sim_delete(c, K_DETECTOR, TOP, id);
    return PB_NONE_VALUE;
}

/* ---- findings ---- */

/* "Recon:EC2/PortProbe" is about an EC2 instance. */
static pb_value sample_resource(sim_call *c, pb_str type) {
    if (memmem(type.s, type.n, ":EC2/", 5))
        return MAP(c, {"ResourceType", pb_string_c("Instance")},
                   {"InstanceDetails",
                    MAP(c, {"InstanceId", pb_string_c("i-99999999")}, {"InstanceState", pb_string_c("running")})});
    if (memmem(type.s, type.n, ":S3/", 4))
        return MAP(c, {"ResourceType", pb_string_c("S3Bucket")},
                   {"S3BucketDetails",
                    sim_list1(c, MAP(c, {"Name", pb_string_c("bucketName")}, {"Type", pb_string_c("Destination")}))});
    return MAP(c, {"ResourceType", pb_string_c("AccessKey")},
               {"AccessKeyDetails",
                MAP(c, {"AccessKeyId", pb_string_c("GeneratedFindingAccessKeyId")},
                    {"UserName", pb_string_c("GeneratedFindingUserName")}, {"UserType", pb_string_c("IAMUser")},
                    {"PrincipalId", pb_string_c("GeneratedFindingPrincipalId")})});
}

static void sample(sim_call *c, pb_str detector_id, pb_str type) {
    if (!type.n || !memchr(type.s, ':', type.n)) {
        bad(c, "an invalid or out-of-range value is specified as an input parameter.");
        return;
    }
    pb_value id = pb_string(sim_hex_id(c, "", 32));
    pb_value service =
        MAP(c, {"Archived", pb_bool(false)}, {"Count", pb_int(1)}, {"DetectorId", pb_string(detector_id)},
            {"EventFirstSeen", now_text(c)}, {"EventLastSeen", now_text(c)}, {"ResourceRole", pb_string_c("TARGET")},
            {"ServiceName", pb_string_c("guardduty")},
            {"AdditionalInfo", MAP(c, {"Value", pb_string_c("{\"sample\":true}")}, {"Type", pb_string_c("default")})});
    pb_value f =
        MAP(c, {"SchemaVersion", pb_string_c("2.0")}, {"AccountId", pb_string(c->account)},
            {"Region", pb_string(c->region)}, {"Partition", pb_string(c->partition)}, {"Id", id},
            {"Arn", sim_text(c, "arn:%.*s:guardduty:%.*s:%.*s:detector/%.*s/finding/%.*s", PB_ARG(c->partition),
                             PB_ARG(c->region), PB_ARG(c->account), PB_ARG(detector_id), PB_ARG(pb_text(id)))},
            {"Type", pb_string(type)}, {"Resource", sample_resource(c, type)}, {"Service", service},
            {"Severity", pb_float(8.0)}, {"CreatedAt", now_text(c)}, {"UpdatedAt", now_text(c)},
            {"Title", sim_text(c, "[SAMPLE] %.*s", PB_ARG(type))},
            {"Description", pb_string_c("A sample finding of the simulated account.")});
    sim_put(c, K_GD_FINDING, detector_id, pb_text(id), f);
}

static pb_value create_samples(sim_call *c) {
    static const char *const usual[] = {"Trojan:EC2/DNSDataExfiltration",
                                        "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B",
                                        "Policy:S3/BucketAnonymousAccessGranted", "Backdoor:EC2/C&CActivity.B!DNS"};
    pb_str id;
    pb_value types = pb_get_c(c->in, "FindingTypes");
    detector(c, &id);
    if (c->failed) return PB_NONE_VALUE;
    EACH(t, types) sample(c, id, pb_text(*t));
    for (size_t i = 0; i < 4 && !(types.kind == PB_LIST && types.n); i++) sample(c, id, pb_str_c(usual[i]));
    return PB_NONE_VALUE;
}

/* "service.archived" to "Service.Archived". */
static bool member_path(pb_str attribute, char out[ATTRIBUTE_MAX]) {
    if (attribute.n >= ATTRIBUTE_MAX) return false;
    bool first = true;
    for (uint32_t i = 0; i < attribute.n; i++) {
        char ch = attribute.s[i];
        out[i] = first && ch >= 'a' && ch <= 'z' ? (char)(ch - 32) : ch;
        first = ch == '.';
    }
    out[attribute.n] = 0;
    return true;
}

static bool any_equal(pb_value f, const char *path, pb_value values) {
    EACH(v, values) if (v->kind == PB_STRING && sim_path_matches(f, path, pb_text(*v))) return true;
    return false;
}

static double number(pb_value v) { return v.kind == PB_INT ? (double)v.u.i : v.kind == PB_FLOAT ? v.u.d : 0; }

/* Both spellings of a bound, the deprecated and the long one. */
static bool in_bounds(pb_value f, const char *path, pb_value want) {
    static const struct {
        const char *name;
        int sign;
        bool equal;
    } bounds[] = {{"Gt", 1, false},  {"GreaterThan", 1, false}, {"Gte", 1, true},  {"GreaterThanOrEqual", 1, true},
                  {"Lt", -1, false}, {"LessThan", -1, false},   {"Lte", -1, true}, {"LessThanOrEqual", -1, true}};
    double have = number(pb_path(f, path));
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        pb_value limit = pb_get_c(want, bounds[i].name);
        double d = (have - number(limit)) * bounds[i].sign;
        if (is_set(limit) && !(d > 0 || (bounds[i].equal && d >= 0))) return false;
    }
    return true;
}

static bool criterion_met(pb_value f, pb_str attribute, pb_value want) {
    char path[ATTRIBUTE_MAX];
    if (!member_path(attribute, path)) return false;
    pb_value eq = or_else(pb_get_c(want, "Eq"), pb_get_c(want, "Equals")),
             neq = or_else(pb_get_c(want, "Neq"), pb_get_c(want, "NotEquals"));
    return (!is_set(eq) || any_equal(f, path, eq)) && (!is_set(neq) || !any_equal(f, path, neq)) &&
           in_bounds(f, path, want);
}

static pb_value list_findings(sim_call *c) {
    pb_str id;
    sim_items ids = {0};
    detector(c, &id);
    pb_value all = sim_list_of(c, K_GD_FINDING, id),
             criteria = pb_get_c(pb_get_c(c->in, "FindingCriteria"), "Criterion");
    EACH(f, all) {
        bool met = true;
        for (uint32_t i = 0; criteria.kind == PB_MAP && i < criteria.n; i++)
            met = met && criterion_met(*f, criteria.u.entries[i].key, criteria.u.entries[i].value);
        if (met) items_add(c, &ids, pb_get_c(*f, "Id"));
    }
    return MAP(c, {"FindingIds", items_list(c, &ids)});
}

static pb_value get_findings(sim_call *c) {
    pb_str id;
    sim_items found = {0};
    pb_value ids = pb_get_c(c->in, "FindingIds");
    detector(c, &id);
    EACH(i, ids) items_add(c, &found, sim_get(c, K_GD_FINDING, id, pb_text(*i)));
    return MAP(c, {"Findings", items_list(c, &found)});
}

static const bool to_archive = true, to_unarchive = false;

static pb_value archive(sim_call *c) {
    pb_str id;
    pb_value ids = pb_get_c(c->in, "FindingIds"), archived = pb_bool(*(const bool *)c->row->data);
    detector(c, &id);
    EACH(i, ids) {
        pb_value f = sim_get(c, K_GD_FINDING, id, pb_text(*i));
        if (!is_set(f)) return bad(c, "one or more finding IDs are not of this detector.");
        sim_put(c, K_GD_FINDING, id, pb_text(*i),
                sim_with(c, f, "Service", sim_with(c, pb_get_c(f, "Service"), "Archived", archived)));
    }
    return PB_NONE_VALUE;
}

static const sim_operation operations[] = {
    {"CreateDetector", create_detector, NULL, NULL, 0},     {"ListDetectors", list_detectors, NULL, "DetectorIds", 0},
    {"GetDetector", get_detector, NULL, NULL, 0},           {"UpdateDetector", update_detector, NULL, NULL, 0},
    {"DeleteDetector", delete_detector, NULL, NULL, 0},     {"CreateSampleFindings", create_samples, NULL, NULL, 0},
    {"ListFindings", list_findings, NULL, "FindingIds", 0}, {"GetFindings", get_findings, NULL, NULL, 0},
    {"ArchiveFindings", archive, &to_archive, NULL, 0},     {"UnarchiveFindings", archive, &to_unarchive, NULL, 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxResults", NULL, "BadRequestException", 50, 1, false};

const sim_service sim_guardduty = {"guardduty", SIM_OPS(operations), &paging, NULL};
