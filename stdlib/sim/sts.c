/*
 * sts.c - who am I, and temporary credentials that really work: their keys are looked up like a user's, their token
 * must be sent along, they expire, and a deny on tokens issued before a moment catches them.
 */
#include "stdlib/sim/sim.h"

enum { ROLE_SECONDS = 3600, SESSION_SECONDS = 43200, LEAST_SECONDS = 900 };
static const pb_str TOP = {"", 0};

static pb_value caller_identity(sim_call *c) {
    return MAP(c, {"UserId", pb_string(c->caller.user_id)}, {"Account", pb_string(c->account)},
               {"Arn", pb_string(c->caller.arn)});
}

/* Keeps the session and gives what the caller needs to use it. */
static pb_value issue(sim_call *c, pb_value session, int64_t seconds) {
    pb_str key = sim_key_id(c, "ASIA", 16);
    session = sim_merge(
        c, session,
        MAP(c, {"AccessKeyId", pb_string(key)}, {"SecretAccessKey", pb_string(sim_secret(c, "session-key", 40))},
            {"SessionToken", pb_string(sim_secret(c, "session-token", 40))}, {"IssuedMs", pb_int(c->now)},
            {"ExpiresMs", pb_int(c->now + seconds * 1000)}, {"Expiration", pb_time(c->now + seconds * 1000)}));
    session = sim_with(c, session, "Account", pb_string(c->account));
    sim_put(c, K_SESSION, TOP, key, session);
    static const char *const shown[] = {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", NULL};
    return sim_pick(c, session, shown);
}

static int64_t duration(sim_call *c, int64_t missing, int64_t most) {
    int64_t s = get_int(c->in, "DurationSeconds", missing);
    if (s < LEAST_SECONDS || s > most)
        sim_fail(c, 400, "ValidationError",
                 "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    return s;
}

/* Every account of the organisation has this role, made with it, which the first account may assume. */
static const char member_role[] = "OrganizationAccountAccessRole";

static pb_value role_of(sim_call *c, pb_str arn, pb_str name) {
    pb_value role = sim_get(c, K_ROLE, TOP, name);
    if (is_set(role) || !pb_str_is(name, member_role) || pb_str_eq(c->account, c->sim->account)) return role;
    pb_value trust = sim_text(c,
                              "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{"
                              "\"AWS\":\"%.*s\"},\"Action\":[\"sts:AssumeRole\",\"sts:SetSourceIdentity\"]}]}",
                              PB_ARG(c->sim->account));
    return MAP(c, {"Arn", pb_string(arn)}, {"RoleId", pb_string_c("AROASIMULATEDMEMBERROLE")},
               {"AssumeRolePolicyDocument", trust});
}

/* In the role's own account, which c->account is meanwhile. */
static pb_value assume_there(sim_call *c, pb_str arn, pb_str name, bool trusted) {
    pb_str session = get_text(c->in, "RoleSessionName"), policy = get_text(c->in, "Policy");
    pb_value role = role_of(c, arn, name);
    if (!trusted || !is_set(role) || !pb_str_eq(get_text(role, "Arn"), arn))
        return sim_fail(c, 403, "AccessDenied",
                        "User: %.*s is not authorized to perform: sts:AssumeRole on resource: %.*s",
                        PB_ARG(c->caller.arn), PB_ARG(arn));
    if (policy.n && !policy_valid(c, policy, true))
        return sim_fail(c, 400, "MalformedPolicyDocument", "The policy is not in the valid JSON format.");
    int64_t seconds = duration(c, ROLE_SECONDS, get_int(role, "MaxSessionDuration", ROLE_SECONDS));
    if (c->sim->session_seconds && c->sim->session_seconds < seconds) seconds = c->sim->session_seconds;
    pb_value id = sim_text(c, "%.*s:%.*s", PB_ARG(get_text(role, "RoleId")), PB_ARG(session));
    pb_value assumed = sim_text(c, "arn:%.*s:sts::%.*s:assumed-role/%.*s/%.*s", PB_ARG(c->partition),
                                PB_ARG(c->account), PB_ARG(name), PB_ARG(session));
    pb_value source = pb_get_c(c->in, "SourceIdentity");
    pb_value credentials = issue(c,
                                 MAP(c, {"Role", pb_string(name)}, {"Arn", assumed}, {"UserId", id},
                                     {"SourceIdentity", source}, {"Policy", pb_get_c(c->in, "Policy")}),
                                 seconds);
    return MAP(c, {"Credentials", credentials}, {"AssumedRoleUser", MAP(c, {"AssumedRoleId", id}, {"Arn", assumed})},
               {"SourceIdentity", source}, {"PackedPolicySize", policy.n ? pb_int(policy.n / 41 + 1) : PB_NONE_VALUE});
}

/* Within an account trust is taken for granted, as permissions are; between accounts the role's policy decides. */
static pb_value assume_role(sim_call *c) {
    pb_str arn = get_text(c->in, "RoleArn"), name = arn, own = c->account, other = text_arn_part(arn, 4);
    for (uint32_t i = arn.n; i-- > 0 && arn.s[i] != '/';) name = (pb_str){arn.s + i, arn.n - i};
    bool foreign = text_is_account(other) && !pb_str_eq(other, own);
    if (!foreign) return assume_there(c, arn, name, true);
    c->account = other;
    pb_str trust = get_text(role_of(c, arn, name), "AssumeRolePolicyDocument");
    c->account = own;
    bool trusted = policy_trusts(c, trust, get_text(c->in, "ExternalId"), get_text(c->in, "SourceIdentity").n > 0);
    c->account = other;
    pb_value out = assume_there(c, arn, name, trusted);
    c->account = own;
    return out;
}

static pb_value session_token(sim_call *c) {
    if (c->caller.issued_ms)
        return sim_fail(c, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials");
    int64_t seconds = duration(c, SESSION_SECONDS, 3 * SESSION_SECONDS);
    pb_value who = MAP(c, {"User", pb_string(c->caller.user)}, {"Arn", pb_string(c->caller.arn)},
                       {"UserId", pb_string(c->caller.user_id)});
    return MAP(c, {"Credentials", issue(c, who, seconds)});
}

static pb_value access_key_info(sim_call *c) { return MAP(c, {"Account", pb_string(c->account)}); }

static const sim_operation operations[] = {
    {"GetCallerIdentity", caller_identity, NULL, NULL, 0},
    {"AssumeRole", assume_role, NULL, NULL, 0},
    {"GetSessionToken", session_token, NULL, NULL, 0},
    {"GetAccessKeyInfo", access_key_info, NULL, NULL, 0},
};

const sim_service sim_sts = {"sts", SIM_OPS(operations), NULL, NULL};
