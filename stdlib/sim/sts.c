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

static pb_value assume_role(sim_call *c) {
    pb_str arn = get_text(c->in, "RoleArn"), session = get_text(c->in, "RoleSessionName"), name = arn;
    for (uint32_t i = arn.n; i-- > 0 && arn.s[i] != '/';) name = (pb_str){arn.s + i, arn.n - i};
    pb_value role = sim_get(c, K_ROLE, TOP, name);
    if (!is_set(role) || !pb_str_eq(get_text(role, "Arn"), arn))
        return sim_fail(c, 403, "AccessDenied",
                        "User: %.*s is not authorized to perform: sts:AssumeRole on resource: %.*s",
                        PB_ARG(c->caller.arn), PB_ARG(arn));
    int64_t seconds = duration(c, ROLE_SECONDS, get_int(role, "MaxSessionDuration", ROLE_SECONDS));
    pb_value id = sim_text(c, "%.*s:%.*s", PB_ARG(get_text(role, "RoleId")), PB_ARG(session));
    pb_value assumed = sim_text(c, "arn:%.*s:sts::%.*s:assumed-role/%.*s/%.*s", PB_ARG(c->partition),
                                PB_ARG(c->account), PB_ARG(name), PB_ARG(session));
    pb_value credentials = issue(c, MAP(c, {"Role", pb_string(name)}, {"Arn", assumed}, {"UserId", id}), seconds);
    return MAP(c, {"Credentials", credentials}, {"AssumedRoleUser", MAP(c, {"AssumedRoleId", id}, {"Arn", assumed})});
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
