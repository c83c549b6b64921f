/*
 * policy.c - reading policy documents: are they well formed, do they make a bucket public, do they deny the caller.
 *
 * The account takes permission for granted and enforces explicit denies only, and of those the ones over every resource
 * ("Resource": "*"), with no condition or with one on when the caller's token was issued. That is what revoking
 * sessions writes, so a revoked session really is refused here. A statement that it can't judge denies nothing.
 */
#include "stdlib/sim/sim.h"

#include "stdlib/aws/policy.h"

static pb_value as_list(sim_call *c, pb_value v) { return v.kind == PB_LIST || !is_set(v) ? v : sim_list1(c, v); }

static bool document(sim_call *c, pb_str text, pb_value *out) {
    pb_str err;
    return pb_json_parse(c->arena, text.s, text.n, out, &err) && out->kind == PB_MAP;
}

static pb_value statements(sim_call *c, pb_str text) {
    pb_value doc;
    return document(c, text, &doc) ? as_list(c, pb_get_c(doc, "Statement")) : PB_NONE_VALUE;
}

static bool texts(pb_value v) {
    if (v.kind == PB_STRING) return true;
    if (v.kind != PB_LIST || v.n == 0) return false;
    EACH(item, v) if (item->kind != PB_STRING) return false;
    return true;
}

/* One of a member and its Not-form, of the right type. */
static bool one_of(pb_value s, const char *name, const char *not_name) {
    pb_value yes = pb_get_c(s, name), no = pb_get_c(s, not_name);
    return is_set(yes) != is_set(no) && texts(is_set(yes) ? yes : no);
}

static bool statement_valid(pb_value s, bool identity) {
    pb_str effect = get_text(s, "Effect");
    bool principal = is_set(pb_get_c(s, "Principal")) || is_set(pb_get_c(s, "NotPrincipal"));
    pb_value condition = pb_get_c(s, "Condition");
    if (s.kind != PB_MAP || !(pb_str_is(effect, "Allow") || pb_str_is(effect, "Deny"))) return false;
    if (!one_of(s, "Action", "NotAction") || (is_set(condition) && condition.kind != PB_MAP)) return false;
    return identity ? !principal && one_of(s, "Resource", "NotResource") : principal;
}

bool policy_valid(sim_call *c, pb_str text, bool identity) {
    pb_value doc;
    if (!document(c, text, &doc)) return false;
    pb_str version = get_text(doc, "Version");
    if (version.n && !pb_str_is(version, "2012-10-17") && !pb_str_is(version, "2008-10-17")) return false;
    pb_value list = as_list(c, pb_get_c(doc, "Statement"));
    EACH(s, list) if (!statement_valid(*s, identity)) return false;
    return list.kind == PB_LIST && list.n > 0;
}

/* Does a pattern, or one of a list of them, match? */
static bool any_matches(sim_call *c, pb_value patterns, pb_str text) {
    pb_value list = as_list(c, patterns);
    EACH(p, list) if (p->kind == PB_STRING && sim_glob_fold(pb_text(*p), text)) return true;
    return false;
}

/* ---- public buckets ---- */

static bool is_everyone(sim_call *c, pb_value principal) {
    if (principal.kind == PB_MAP) principal = pb_get_c(principal, "AWS");
    pb_value list = as_list(c, principal);
    EACH(p, list) if (p->kind == PB_STRING && pb_str_is(pb_text(*p), "*")) return true;
    return false;
}

/* Conditions that tie a statement to known callers, by S3's definition of "public". */
static bool condition_narrows(pb_value condition) {
    static const char *const keys[] = {"aws:SourceIp",     "aws:SourceVpc",        "aws:SourceVpce",
                                       "aws:SourceArn",    "aws:SourceAccount",    "aws:PrincipalOrgID",
                                       "aws:PrincipalArn", "aws:PrincipalAccount", "aws:userid"};
    for (uint32_t i = 0; condition.kind == PB_MAP && i < condition.n; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (is_set(pb_get_c(condition.u.entries[i].value, keys[k]))) return true;
    return false;
}

static bool opens_to_all(sim_call *c, pb_value s) {
    return pb_str_is(get_text(s, "Effect"), "Allow") && is_everyone(c, pb_get_c(s, "Principal")) &&
           !condition_narrows(pb_get_c(s, "Condition"));
}

bool policy_is_public(sim_call *c, pb_str text) {
    pb_value list = statements(c, text);
    EACH(s, list) if (opens_to_all(c, *s)) return true;
    return false;
}

static bool speaks_of(sim_call *c, pb_value s, pb_str action, pb_str resource) {
    return any_matches(c, pb_get_c(s, "Action"), action) && any_matches(c, pb_get_c(s, "Resource"), resource);
}

bool policy_allows_anyone(sim_call *c, pb_str text, pb_str action, pb_str resource) {
    bool allowed = false;
    pb_value list = statements(c, text);
    EACH(s, list) {
        if (!is_everyone(c, pb_get_c(*s, "Principal")) || !speaks_of(c, *s, action, resource)) continue;
        if (pb_str_is(get_text(*s, "Effect"), "Deny")) return false;
        allowed = allowed || opens_to_all(c, *s);
    }
    return allowed;
}

/* ---- denied callers ---- */

/* {"DateLessThan": {"aws:TokenIssueTime": "2026-..."}}: a caller without a token has no such time, so it is not met. */
static bool condition_met(sim_call *c, pb_value condition) {
    int64_t limit;
    if (!is_set(condition)) return true;
    if (condition.kind != PB_MAP || condition.n != 1 || !pb_str_is(condition.u.entries[0].key, "DateLessThan"))
        return false;
    pb_value keys = condition.u.entries[0].value;
    pb_value when = pb_get_c(keys, "aws:TokenIssueTime");
    if (keys.n != 1 || when.kind != PB_STRING || !c->caller.issued_ms) return false;
    return pb_time_parse(pb_text(when), &limit) && c->caller.issued_ms < limit;
}

static bool statement_denies(sim_call *c, pb_value s, pb_str action) {
    pb_value actions = pb_get_c(s, "Action"), not_actions = pb_get_c(s, "NotAction");
    bool named = is_set(actions) ? any_matches(c, actions, action) : !any_matches(c, not_actions, action);
    pb_value resources = as_list(c, pb_get_c(s, "Resource"));
    bool everything = false;
    EACH(r, resources) everything = everything || (r->kind == PB_STRING && pb_str_is(pb_text(*r), "*"));
    return pb_str_is(get_text(s, "Effect"), "Deny") && named && everything &&
           condition_met(c, pb_get_c(s, "Condition"));
}

static bool document_denies(sim_call *c, pb_str text, pb_str action) {
    pb_value list = statements(c, text);
    EACH(s, list) if (statement_denies(c, *s, action)) return true;
    return false;
}

/* Inline policies of one identity, and the managed ones attached to it. */
static bool identity_denies(sim_call *c, sim_kind inline_kind, sim_kind attached_kind, pb_str name, pb_str action) {
    pb_value own = sim_list_of(c, inline_kind, name), attached = sim_list_of(c, attached_kind, name);
    EACH(p, own) if (document_denies(c, get_text(*p, "PolicyDocument"), action)) return true;
    EACH(p, attached) {
        pb_str arn = get_text(*p, "PolicyArn");
        if (str_starts(get_text(*p, "PolicyName"), "AWSDenyAll")) return true;
        if (document_denies(c, get_text(sim_find(c, K_POLICY, arn), "Document"), action)) return true;
    }
    return false;
}

bool policy_denies_caller(sim_call *c, pb_str action) {
    const sim_caller *who = &c->caller;
    if (pb_str_is(action, "sts:GetCallerIdentity")) return false; /* AWS answers it whatever the policies say */
    if (who->role.n) return identity_denies(c, K_ROLE_POLICY, K_ROLE_ATTACHED, who->role, action);
    if (!who->user.n) return false;
    if (identity_denies(c, K_USER_POLICY, K_USER_ATTACHED, who->user, action)) return true;
    pb_value groups = sim_list_of(c, K_MEMBER, who->user);
    EACH(g, groups)
    if (identity_denies(c, K_GROUP_POLICY, K_GROUP_ATTACHED, get_text(*g, "GroupName"), action)) return true;
    return false;
}

/* ---- session policies ---- */

static bool session_allows(sim_call *c, pb_str action) {
    pb_value list = statements(c, c->caller.policy);
    bool allowed = false;
    EACH(s, list) {
        if (statement_denies(c, *s, action)) return false;
        allowed =
            allowed || (pb_str_is(get_text(*s, "Effect"), "Allow") && any_matches(c, pb_get_c(*s, "Action"), action));
    }
    return allowed;
}

/* Permissions often have other names than operations, and what a resource is named in a request is not known here: so
 * one permission that is allowed for some resource is enough. */
bool policy_narrows(sim_call *c, pb_str service, pb_str operation) {
    pb_str host = pb_printf(c->arena, "aws.%.*s.%.*s", PB_ARG(service), PB_ARG(operation)), needed = {0}, err = {0};
    if (!c->caller.policy.n || !host.s || pb_str_is(host, "aws.sts.GetCallerIdentity")) return false;
    if (!aws_policy_write(c->arena, &host, 1, PB_STR(""), PB_STR(""), false, &needed, &err)) return false;
    pb_value list = statements(c, needed);
    EACH(s, list) {
        pb_value actions = as_list(c, pb_get_c(*s, "Action"));
        EACH(a, actions) if (a->kind == PB_STRING && session_allows(c, pb_text(*a))) return false;
    }
    return true;
}

/* ---- trust ---- */

/* {"StringEquals": {"sts:ExternalId": "x"}}; another condition is not met. */
static bool trust_condition(pb_value condition, pb_str external_id) {
    if (!is_set(condition)) return true;
    if (condition.kind != PB_MAP || condition.n != 1 || !pb_str_is(condition.u.entries[0].key, "StringEquals"))
        return false;
    pb_value keys = condition.u.entries[0].value;
    return keys.n == 1 && pb_str_eq(get_text(keys, "sts:ExternalId"), external_id) && external_id.n;
}

/* The caller itself, its role, or all of its account. */
static bool is_caller(sim_call *c, pb_value principal) {
    pb_value list = as_list(c, pb_get_c(principal, "AWS"));
    pb_str root = pb_printf(c->arena, "arn:%.*s:iam::%.*s:root", PB_ARG(c->partition), PB_ARG(c->account));
    pb_str role = pb_printf(c->arena, "arn:%.*s:iam::%.*s:role/%.*s", PB_ARG(c->partition), PB_ARG(c->account),
                            PB_ARG(c->caller.role));
    EACH(p, list) {
        pb_str who = p->kind == PB_STRING ? pb_text(*p) : (pb_str){0};
        if (pb_str_is(who, "*") || pb_str_eq(who, c->account) || pb_str_eq(who, root) ||
            pb_str_eq(who, c->caller.arn) || (c->caller.role.n && pb_str_eq(who, role)))
            return true;
    }
    return false;
}

bool policy_trusts(sim_call *c, pb_str trust, pb_str external_id, bool source_identity) {
    bool assume = false, set = false;
    pb_value list = statements(c, trust);
    EACH(s, list) {
        bool counts = pb_str_is(get_text(*s, "Effect"), "Allow") && is_caller(c, pb_get_c(*s, "Principal")) &&
                      trust_condition(pb_get_c(*s, "Condition"), external_id);
        if (!counts) continue;
        assume = assume || any_matches(c, pb_get_c(*s, "Action"), PB_STR("sts:AssumeRole"));
        set = set || any_matches(c, pb_get_c(*s, "Action"), PB_STR("sts:SetSourceIdentity"));
    }
    return assume && (set || !source_identity);
}
