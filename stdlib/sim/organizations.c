/*
 * organizations.c - the accounts of an organization whose management account is this one.
 *
 * ListAccounts gives empty pages with a token between full ones, as the real service now and then does: what loops on
 * "the page is empty" instead of on the token sees too few accounts here, always.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
static const char ORG[] = "o-simulated1";

static pb_value account_arn(sim_call *c, pb_str id) {
    return sim_text(c, "arn:%.*s:organizations::%.*s:account/%s/%.*s", PB_ARG(c->partition), PB_ARG(c->sim->account),
                    ORG, PB_ARG(id));
}

static pb_value account_new(sim_call *c, pb_str id, pb_value name, pb_value email, const char *how) {
    pb_value v = MAP(c, {"Id", pb_string(id)}, {"Arn", account_arn(c, id)}, {"Name", name}, {"Email", email},
                     {"Status", pb_string_c("ACTIVE")}, {"State", pb_string_c("ACTIVE")},
                     {"JoinedMethod", pb_string_c(how)}, {"JoinedTimestamp", pb_time(c->now)});
    sim_put(c, K_ORG_ACCOUNT, TOP, id, v);
    return v;
}

/* Members may ask what they belong to, and no more. */
static void prepare(sim_call *c) {
    if (!pb_str_eq(c->account, c->sim->account)) {
        if (strcmp(c->row->name, "DescribeOrganization") != 0)
            sim_fail(c, 400, "AccessDeniedException", "You don't have permissions to access this resource.");
        return;
    }
    if (!is_set(sim_get(c, K_ORG_ACCOUNT, TOP, c->account)))
        account_new(c, c->account, pb_string_c("management"), pb_string_c("management@example.com"), "INVITED");
}

static pb_value describe_organization(sim_call *c) {
    pb_value arn =
        sim_text(c, "arn:%.*s:organizations::%.*s:organization/%s", PB_ARG(c->partition), PB_ARG(c->sim->account), ORG);
    return MAP(c, {"Organization", MAP(c, {"Id", pb_string_c(ORG)}, {"Arn", arn}, {"FeatureSet", pb_string_c("ALL")},
                                       {"MasterAccountId", pb_string(c->sim->account)},
                                       {"MasterAccountArn", account_arn(c, c->sim->account)},
                                       {"MasterAccountEmail", pb_string_c("management@example.com")})});
}

static pb_value create_account(sim_call *c) {
    pb_value all = sim_list(c, K_ORG_ACCOUNT, NULL);
    EACH(a, all)
    if (pb_equal(pb_get_c(*a, "Email"), pb_get_c(c->in, "Email")))
        return sim_fail(c, 400, "ConstraintViolationException", "An account with this email address already exists.");
    pb_value id = sim_text(c, "%012lld", 210000000000LL + (long long)sim_next(c, "account", TOP));
    if (!is_set(id)) return PB_NONE_VALUE;
    pb_value v = account_new(c, pb_text(id), pb_get_c(c->in, "AccountName"), pb_get_c(c->in, "Email"), "CREATED");
    return MAP(c, {"CreateAccountStatus",
                   MAP(c, {"Id", sim_text(c, "car-%.*s", PB_ARG(sim_hex_id(c, "", 32)))}, {"AccountId", id},
                       {"AccountName", pb_get_c(v, "Name")}, {"State", pb_string_c("SUCCEEDED")},
                       {"RequestedTimestamp", pb_time(c->now)}, {"CompletedTimestamp", pb_time(c->now)})});
}

static pb_value list_accounts(sim_call *c) { return MAP(c, {"Accounts", sim_list(c, K_ORG_ACCOUNT, NULL)}); }

static pb_value describe_account(sim_call *c) {
    pb_value v = sim_get(c, K_ORG_ACCOUNT, TOP, get_text(c->in, "AccountId"));
    if (!is_set(v))
        return sim_fail(c, 400, "AccountNotFoundException",
                        "You specified an account that doesn't exist or isn't a member of an organization.");
    return MAP(c, {"Account", v});
}

static const sim_operation operations[] = {
    {"DescribeOrganization", describe_organization, NULL, NULL, 0},
    {"CreateAccount", create_account, NULL, NULL, 0},
    {"ListAccounts", list_accounts, NULL, "Accounts", 0},
    {"DescribeAccount", describe_account, NULL, NULL, 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxResults", NULL, "InvalidInputException", 20, 1, true};

const sim_service sim_organizations = {"organizations", SIM_OPS(operations), &paging, prepare};
