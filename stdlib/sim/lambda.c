/*
 * lambda.c - functions, their reserved concurrency, and who may invoke them. Nothing is run.
 *
 * A function is named by its name, its ARN or "account:function:name". The resource policy is kept as AWS gives it out,
 * a JSON text with one statement a permission, so that what reads it (to find who may invoke) sees the real form.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
enum { CONCURRENCY_MAX = 1000, UNRESERVED_MIN = 100 };

/* What follows the last "function:", without a qualifier. */
static pb_str bare_name(pb_str n) {
    const char *at = n.n ? memmem(n.s, n.n, "function:", 9) : NULL;
    if (at) n = (pb_str){at + 9, (uint32_t)(n.s + n.n - at - 9)};
    const char *colon = n.n ? memchr(n.s, ':', n.n) : NULL;
    if (colon) n.n = (uint32_t)(colon - n.s);
    return n;
}

static pb_value function_arn(sim_call *c, pb_str name) { return sim_arn(c, "lambda", "function:", name); }

static pb_value function(sim_call *c, pb_str *name) {
    *name = bare_name(get_text(c->in, "FunctionName"));
    pb_value f = sim_get(c, K_FUNCTION, TOP, *name), arn = function_arn(c, *name);
    if (is_set(f) || !is_set(arn)) return f;
    return sim_fail(c, 404, "ResourceNotFoundException", "Function not found: %.*s", PB_ARG(pb_text(arn)));
}

static void function_put(sim_call *c, pb_str name, pb_value f) {
    if (!c->failed) sim_put(c, K_FUNCTION, TOP, name, f);
}

static pb_value modified(sim_call *c) { /* its own form of time: no Z, but +0000 */
    pb_str t = pb_time_text(c->arena, c->now);
    return sim_text(c, "%.19s.000+0000", t.n >= 19 ? t.s : "1970-01-01T00:00:00");
}

static pb_value create_function(sim_call *c) {
    static const char *const kept[] = {"Runtime", "Role",        "Handler", "Description", "Timeout",     "MemorySize",
                                       "Layers",  "PackageType", "Tags",    "VpcConfig",   "Environment", NULL};
    pb_str name = bare_name(get_text(c->in, "FunctionName"));
    pb_value code = pb_get_c(c->in, "Code"), zip = pb_get_c(code, "ZipFile");
    if (is_set(sim_get(c, K_FUNCTION, TOP, name)))
        return sim_fail(c, 409, "ResourceConflictException", "Function already exist: %.*s", PB_ARG(name));
    if (!is_set(zip) && !is_set(pb_get_c(code, "S3Bucket")) && !is_set(pb_get_c(code, "ImageUri")))
        return sim_fail(c, 400, "InvalidParameterValueException", "Please provide a source for function code.");
    pb_value base = MAP(c, {"FunctionName", pb_string(name)}, {"FunctionArn", function_arn(c, name)},
                        {"Timeout", pb_int(3)}, {"MemorySize", pb_int(128)}, {"LastModified", modified(c)},
                        {"CodeSize", pb_int(is_set(zip) ? zip.n : 0)}, {"Version", pb_string_c("$LATEST")},
                        {"State", pb_string_c("Active")}, {"LastUpdateStatus", pb_string_c("Successful")},
                        {"PackageType", pb_string_c("Zip")}, {"RevisionId", pb_string(sim_uuid(c, "revision"))});
    if (is_set(zip)) base = sim_with(c, base, "CodeSha256", pb_string(sigv4_sha256_hex(c->arena, zip.u.s, zip.n)));
    pb_value f = sim_merge(c, base, sim_pick(c, c->in, kept));
    function_put(c, name, f);
    return f;
}

static pb_value concurrency_of(sim_call *c, pb_value f) {
    pb_value n = pb_get_c(f, "_concurrency");
    return is_set(n) ? MAP(c, {"ReservedConcurrentExecutions", n}) : PB_NONE_VALUE;
}

static pb_value get_function(sim_call *c) {
    pb_str name;
    pb_value f = function(c, &name);
    return MAP(c, {"Configuration", f}, {"Code", MAP(c, {"RepositoryType", pb_string_c("S3")})},
               {"Concurrency", concurrency_of(c, f)}, {"Tags", pb_get_c(f, "Tags")});
}

static pb_value get_configuration(sim_call *c) {
    pb_str name;
    return function(c, &name);
}

static pb_value list_functions(sim_call *c) { return MAP(c, {"Functions", sim_list_sorted(c, K_FUNCTION, NULL)}); }

static pb_value delete_function(sim_call *c) {
    pb_str name;
    function(c, &name);
    sim_delete(c, K_FUNCTION, TOP, name);
    return PB_NONE_VALUE;
}

/* ---- concurrency ---- */

static int64_t reserved_by_others(sim_call *c, pb_str name) {
    int64_t sum = 0;
    pb_value all = sim_list(c, K_FUNCTION, NULL);
    EACH(f, all) if (!pb_str_eq(get_text(*f, "FunctionName"), name)) sum += get_int(*f, "_concurrency", 0);
    return sum;
}

static pb_value put_concurrency(sim_call *c) {
    pb_str name;
    pb_value f = function(c, &name), wanted = pb_get_c(c->in, "ReservedConcurrentExecutions");
    if (wanted.u.i + reserved_by_others(c, name) > CONCURRENCY_MAX - UNRESERVED_MIN)
        return sim_fail(c, 400, "InvalidParameterValueException",
                        "Specified ReservedConcurrentExecutions for function decreases account's "
                        "UnreservedConcurrentExecution below its minimum value of [%d].",
                        UNRESERVED_MIN);
    function_put(c, name, sim_with(c, f, "_concurrency", wanted));
    return MAP(c, {"ReservedConcurrentExecutions", wanted});
}

static pb_value get_concurrency(sim_call *c) {
    pb_str name;
    pb_value n = concurrency_of(c, function(c, &name));
    return is_set(n) ? n : MAP(c, {NULL, PB_NONE_VALUE});
}

static pb_value delete_concurrency(sim_call *c) {
    pb_str name;
    pb_value f = function(c, &name);
    function_put(c, name, sim_with(c, f, "_concurrency", PB_NONE_VALUE));
    return PB_NONE_VALUE;
}

/* ---- permissions ---- */

static bool revision_fits(sim_call *c, pb_value f) {
    pb_str asked = get_text(c->in, "RevisionId");
    if (!asked.n || pb_str_eq(asked, get_text(f, "_policyRevision"))) return true;
    sim_fail(c, 412, "PreconditionFailedException",
             "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to "
             "retrieve the latest RevisionId");
    return false;
}

static pb_value principal_of(sim_call *c) {
    pb_value p = pb_get_c(c->in, "Principal");
    pb_str t = pb_text(p);
    if (pb_str_is(t, "*")) return p;
    return MAP(c, {t.n && memmem(t.s, t.n, ".amazonaws.com", 14) ? "Service" : "AWS", p});
}

static pb_value condition_of(sim_call *c) {
    pb_value arn = pb_get_c(c->in, "SourceArn"), account = pb_get_c(c->in, "SourceAccount"),
             org = pb_get_c(c->in, "PrincipalOrgID"), equals = PB_NONE_VALUE;
    if (is_set(account) || is_set(org)) equals = MAP(c, {"AWS:SourceAccount", account}, {"aws:PrincipalOrgID", org});
    if (!is_set(arn) && !is_set(equals)) return PB_NONE_VALUE;
    return MAP(c, {"ArnLike", is_set(arn) ? MAP(c, {"AWS:SourceArn", arn}) : PB_NONE_VALUE}, {"StringEquals", equals});
}

static void policy_put(sim_call *c, pb_str name, pb_value f, const sim_items *statements) {
    pb_value list = statements->n ? items_list(c, statements) : PB_NONE_VALUE;
    f = sim_with(c, f, "_policyRevision", statements->n ? pb_string(sim_uuid(c, "revision")) : PB_NONE_VALUE);
    function_put(c, name, sim_with(c, f, "_statements", list));
}

static pb_value add_permission(sim_call *c) {
    pb_str name;
    sim_items all = {0};
    pb_value f = function(c, &name), have = pb_get_c(f, "_statements"), sid = pb_get_c(c->in, "StatementId");
    if (c->failed || !revision_fits(c, f)) return PB_NONE_VALUE;
    EACH(s, have) {
        if (pb_equal(pb_get_c(*s, "Sid"), sid))
            sim_fail(c, 409, "ResourceConflictException",
                     "The statement id (%.*s) provided already exists. Please provide a new statement id, or remove "
                     "the existing statement.",
                     PB_ARG(pb_text(sid)));
        items_add(c, &all, *s);
    }
    pb_value s =
        MAP(c, {"Sid", sid}, {"Effect", pb_string_c("Allow")}, {"Principal", principal_of(c)},
            {"Action", pb_get_c(c->in, "Action")}, {"Resource", function_arn(c, name)}, {"Condition", condition_of(c)});
    items_add(c, &all, s);
    policy_put(c, name, f, &all);
    pb_str text = pb_json_text(c->arena, s);
    return text.s ? MAP(c, {"Statement", pb_string(text)}) : PB_NONE_VALUE;
}

static pb_value no_policy(sim_call *c) {
    return sim_fail(c, 404, "ResourceNotFoundException", "The resource you requested does not exist.");
}

static pb_value remove_permission(sim_call *c) {
    pb_str name;
    sim_items left = {0};
    pb_value f = function(c, &name), have = pb_get_c(f, "_statements"), sid = pb_get_c(c->in, "StatementId");
    if (c->failed || !revision_fits(c, f)) return PB_NONE_VALUE;
    if (!have.n) return no_policy(c);
    EACH(s, have) if (!pb_equal(pb_get_c(*s, "Sid"), sid)) items_add(c, &left, *s);
    if (left.n == have.n)
        return sim_fail(c, 404, "ResourceNotFoundException", "Statement %.*s is not found in resource policy.",
                        PB_ARG(pb_text(sid)));
    policy_put(c, name, f, &left);
    return PB_NONE_VALUE;
}

static pb_value get_policy(sim_call *c) {
    pb_str name;
    pb_value f = function(c, &name), statements = pb_get_c(f, "_statements");
    if (c->failed) return PB_NONE_VALUE;
    if (!statements.n) return no_policy(c);
    pb_str text = pb_json_text(c->arena, MAP(c, {"Version", pb_string_c("2012-10-17")}, {"Id", pb_string_c("default")},
                                             {"Statement", statements}));
    return text.s ? MAP(c, {"Policy", pb_string(text)}, {"RevisionId", pb_get_c(f, "_policyRevision")}) : PB_NONE_VALUE;
}

static const sim_operation operations[] = {
    {"CreateFunction", create_function, NULL, NULL, 0},
    {"GetFunction", get_function, NULL, NULL, 0},
    {"GetFunctionConfiguration", get_configuration, NULL, NULL, 0},
    {"ListFunctions", list_functions, NULL, "Functions", 0},
    {"DeleteFunction", delete_function, NULL, NULL, 0},
    {"PutFunctionConcurrency", put_concurrency, NULL, NULL, 0},
    {"GetFunctionConcurrency", get_concurrency, NULL, NULL, 0},
    {"DeleteFunctionConcurrency", delete_concurrency, NULL, NULL, 0},
    {"AddPermission", add_permission, NULL, NULL, 0},
    {"RemovePermission", remove_permission, NULL, NULL, 0},
    {"GetPolicy", get_policy, NULL, NULL, 0},
};

static const sim_paging paging = {"Marker", "NextMarker", "MaxItems", NULL, "InvalidParameterValueException", 50,
                                  1,        false};

const sim_service sim_lambda = {"lambda", SIM_OPS(operations), &paging, NULL};
