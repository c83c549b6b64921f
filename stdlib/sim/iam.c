/*
 * iam.c - users, roles, groups, their policies, access keys, login profiles and MFA devices.
 *
 * Users, roles and groups share most of what can be done to them: a row of `entities` says how each is called, and the
 * handlers take it from their operation's row. Roles under /aws-service-role/ can't be changed, as in AWS. Names are
 * compared without regard to case when made, exactly when looked up.
 */
#include "stdlib/sim/sim.h"

typedef struct entity {
    sim_kind kind, inline_kind, attached_kind;
    const char *word;    /* in messages and ARNs */
    const char *name;    /* member that names it */
    const char *id;      /* member of its unique id */
    const char *prefix;  /* of the unique id */
    const char *out;     /* member of the output that holds one */
    uint32_t inline_max; /* non-blank characters of all inline policies */
} entity;

static const entity user = {K_USER, K_USER_POLICY, K_USER_ATTACHED, "user", "UserName", "UserId", "AIDA", "User", 2048};
static const entity role = {K_ROLE,   K_ROLE_POLICY, K_ROLE_ATTACHED, "role", "RoleName",
                            "RoleId", "AROA",        "Role",          10240};
static const entity group = {K_IAM_GROUP, K_GROUP_POLICY, K_GROUP_ATTACHED, "group", "GroupName",
                             "GroupId",   "AGPA",         "Group",          5120};

enum { KEYS_PER_USER = 2, ATTACHED_MAX = 10, POLICY_MAX = 6144, TRUST_MAX = 2048 };
static const pb_str TOP = {"", 0};

static const entity *entity_of(const sim_call *c) { return c->row->data; }

static pb_value no_such(sim_call *c, const char *what, pb_str name) {
    return sim_fail(c, 404, "NoSuchEntity", "The %s with name %.*s cannot be found.", what, PB_ARG(name));
}

/* The entity that a member of the input names; none with the error noted. */
static pb_value named(sim_call *c, const entity *e, pb_str *name) {
    pb_value v = pb_get_c(c->in, e->name);
    /* Some operations on users mean the caller when no name is given. */
    *name = is_set(v) ? pb_text(v) : e == &user ? c->caller.user : TOP;
    pb_value found = sim_get(c, e->kind, TOP, *name);
    return is_set(found) ? found : no_such(c, e->word, *name);
}

static bool is_protected(const entity *e, pb_value v) {
    return e == &role && str_starts(get_text(v, "Path"), "/aws-service-role/");
}

/* The same for operations that change it. */
static pb_value changeable(sim_call *c, const entity *e, pb_str *name) {
    pb_value v = named(c, e, name);
    if (is_set(v) && is_protected(e, v))
        return sim_fail(
            c, 400, "UnmodifiableEntity",
            "Cannot perform the operation on the protected role '%.*s' - this role is only modifiable by AWS",
            PB_ARG(*name));
    return v;
}

static pb_str entity_arn(sim_call *c, const char *word, pb_str path, pb_str name) {
    return pb_printf(c->arena, "arn:%.*s:iam::%.*s:%s%.*s%.*s", PB_ARG(c->partition), PB_ARG(c->account), word,
                     PB_ARG(path), PB_ARG(name));
}

static pb_value check_document(sim_call *c, pb_str text, bool identity) {
    if (policy_valid(c, text, identity)) return pb_string(text);
    return sim_fail(c, 400, "MalformedPolicyDocument", "%s",
                    identity ? "Syntax errors in policy." : "This policy contains invalid Json or has syntax errors");
}

/* ---- users, roles, groups ---- */

static bool name_taken(sim_call *c, const entity *e, pb_str name) {
    pb_value all = sim_list(c, e->kind, NULL);
    EACH(v, all) {
        pb_str other = get_text(*v, e->name);
        if (other.n == name.n && sim_glob_fold(other, name)) return true;
    }
    return false;
}

static pb_value entity_new(sim_call *c, const entity *e, pb_str name, pb_str path) {
    if (name_taken(c, e, name))
        return sim_fail(c, 409, "EntityAlreadyExists", "%s with name %.*s already exists.", e->out, PB_ARG(name));
    if (path.n < 1 || path.s[0] != '/' || path.s[path.n - 1] != '/')
        return sim_fail(c, 400, "ValidationError",
                        "The specified value for path is invalid. It must begin and end with / and contain only "
                        "alphanumeric characters and/or / characters.");
    return MAP(c, {"Path", pb_string(path)}, {e->name, pb_string(name)},
               {e->id, pb_string(sim_key_id(c, e->prefix, 17))}, {"Arn", pb_string(entity_arn(c, e->word, path, name))},
               {"CreateDate", pb_time(c->now)}, {"Tags", pb_get_c(c->in, "Tags")});
}

static pb_str path_given(sim_call *c) {
    pb_value p = pb_get_c(c->in, "Path");
    return is_set(p) ? pb_text(p) : PB_STR("/");
}

static pb_value create_entity(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name = get_text(c->in, e->name);
    pb_value v = entity_new(c, e, name, path_given(c));
    sim_put(c, e->kind, TOP, name, v);
    return MAP(c, {e->out, v});
}

static pb_value store_role(sim_call *c, pb_str name, pb_str path, pb_str trust) {
    pb_value v = entity_new(c, &role, name, path), length = pb_get_c(c->in, "MaxSessionDuration");
    v = sim_with(c, v, "AssumeRolePolicyDocument", pb_string(trust));
    v = sim_with(c, v, "Description", pb_get_c(c->in, "Description"));
    v = sim_with(c, v, "MaxSessionDuration", or_else(length, pb_int(3600)));
    sim_put(c, K_ROLE, TOP, name, v);
    return MAP(c, {"Role", v});
}

static pb_value create_role(sim_call *c) {
    pb_str trust = get_text(c->in, "AssumeRolePolicyDocument"), path = path_given(c);
    if (str_starts(path, "/aws-service-role/"))
        return sim_fail(c, 403, "AccessDenied", "Roles under /aws-service-role/ are made by CreateServiceLinkedRole");
    check_document(c, trust, false);
    return store_role(c, get_text(c->in, "RoleName"), path, trust);
}

/* "guardduty.amazonaws.com" makes AWSServiceRoleForGuardduty: the real names have no rule, so the service's is used. */
static pb_value create_service_linked_role(sim_call *c) {
    pb_str service = get_text(c->in, "AWSServiceName");
    const char *dot = memchr(service.s, '.', service.n);
    if (!dot || dot == service.s)
        return sim_fail(c, 400, "InvalidInput", "Service role name is not valid: %.*s", PB_ARG(service));
    char first = service.s[0] >= 'a' && service.s[0] <= 'z' ? (char)(service.s[0] - 32) : service.s[0];
    pb_str name = pb_printf(c->arena, "AWSServiceRoleFor%c%.*s", first, (int)(dot - service.s - 1), service.s + 1);
    pb_str path = pb_printf(c->arena, "/aws-service-role/%.*s/", PB_ARG(service));
    pb_str trust = pb_printf(c->arena,
                             "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{"
                             "\"Service\":\"%.*s\"},\"Action\":\"sts:AssumeRole\"}]}",
                             PB_ARG(service));
    return store_role(c, name, path, trust);
}

static pb_value get_entity(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name;
    if (e == &user && !is_set(pb_get_c(c->in, "UserName")) && !c->caller.user.n)
        return MAP(c, {"User",
                       MAP(c, {"UserId", pb_string(c->account)}, {"Arn", pb_string(c->caller.arn)},
                           {"Path", pb_string_c("/")}, {"UserName", pb_string_c("root")}, {"CreateDate", pb_time(0)})});
    return MAP(c, {e->out, named(c, e, &name)});
}

typedef struct listing {
    const entity *of;
    const char *list;
} listing;
static const listing users_list = {&user, "Users"}, roles_list = {&role, "Roles"}, groups_list = {&group, "Groups"};

static pb_value list_entities(sim_call *c) {
    const listing *l = c->row->data;
    pb_value all = sim_list_sorted(c, l->of->kind, NULL), prefix = pb_get_c(c->in, "PathPrefix");
    sim_items some = {0};
    EACH(v, all) {
        pb_str path = get_text(*v, "Path");
        if (is_set(prefix) && (path.n < prefix.n || memcmp(path.s, prefix.u.s, prefix.n) != 0)) continue;
        items_add(c, &some, sim_with(c, *v, "Tags", PB_NONE_VALUE)); /* lists leave tags out */
    }
    return MAP(c, {l->list, items_list(c, &some)});
}

/* What has to go before a user, role or group can. */
static void must_be_without(sim_call *c, sim_kind k, pb_str name, const char *what) {
    pb_value left = sim_list_of(c, k, name);
    if (left.n) sim_fail(c, 409, "DeleteConflict", "Cannot delete entity, must %s first.", what);
}

static pb_value delete_entity(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name;
    changeable(c, e, &name);
    if (e == &user) {
        must_be_without(c, K_ACCESS_KEY, name, "delete access keys");
        must_be_without(c, K_LOGIN, name, "delete login profile");
        must_be_without(c, K_MFA, name, "delete MFA device");
        must_be_without(c, K_MEMBER, name, "remove users from group");
    }
    if (e == &group) {
        pb_value all = sim_list(c, K_MEMBER, NULL);
        EACH(m, all)
        if (pb_str_eq(get_text(*m, "GroupName"), name))
            sim_fail(c, 409, "DeleteConflict", "Cannot delete entity, must remove users from group first.");
    }
    must_be_without(c, e->inline_kind, name, "delete policies");
    must_be_without(c, e->attached_kind, name, "detach all policies");
    sim_delete(c, e->kind, TOP, name);
    return PB_NONE_VALUE;
}

static pb_value tag_entity(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name;
    pb_value v = changeable(c, e, &name), tags = tags_merge(c, pb_get_c(v, "Tags"), pb_get_c(c->in, "Tags"));
    if (tags.n > SIM_MAX_TAGS) sim_fail(c, 409, "LimitExceeded", "The number of tags has reached the maximum limit.");
    sim_put(c, e->kind, TOP, name, sim_with(c, v, "Tags", tags));
    return PB_NONE_VALUE;
}

static pb_value untag_entity(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name;
    pb_value v = changeable(c, e, &name), tags = tags_remove_keys(c, pb_get_c(v, "Tags"), pb_get_c(c->in, "TagKeys"));
    sim_put(c, e->kind, TOP, name, sim_with(c, v, "Tags", tags));
    return PB_NONE_VALUE;
}

static pb_value list_tags(sim_call *c) {
    pb_str name;
    pb_value v = named(c, entity_of(c), &name);
    return MAP(c, {"Tags", or_else(pb_get_c(v, "Tags"), items_list(c, &(sim_items){0}))});
}

static pb_value update_trust(sim_call *c) {
    pb_str name, trust = get_text(c->in, "PolicyDocument");
    pb_value v = changeable(c, &role, &name);
    check_document(c, trust, false);
    sim_put(c, K_ROLE, TOP, name, sim_with(c, v, "AssumeRolePolicyDocument", pb_string(trust)));
    return PB_NONE_VALUE;
}

/* ---- inline policies ---- */

static uint32_t non_blank(pb_str s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) n += !(s.s[i] == ' ' || (s.s[i] >= '\t' && s.s[i] <= '\r'));
    return n;
}

static pb_value put_policy(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name, policy = get_text(c->in, "PolicyName"), text = get_text(c->in, "PolicyDocument");
    changeable(c, e, &name);
    check_document(c, text, true);
    uint32_t size = non_blank(text);
    pb_value all = sim_list_of(c, e->inline_kind, name);
    EACH(p, all) if (!pb_str_eq(get_text(*p, "PolicyName"), policy)) size += non_blank(get_text(*p, "PolicyDocument"));
    if (size > e->inline_max)
        return sim_fail(c, 409, "LimitExceeded", "Maximum policy size of %u bytes exceeded for %s %.*s", e->inline_max,
                        e->word, PB_ARG(name));
    sim_put(c, e->inline_kind, name, policy,
            MAP(c, {e->name, pb_string(name)}, {"PolicyName", pb_string(policy)}, {"PolicyDocument", pb_string(text)}));
    return PB_NONE_VALUE;
}

static pb_value no_such_policy(sim_call *c, const entity *e, pb_str policy) {
    return sim_fail(c, 404, "NoSuchEntity", "The %s policy with name %.*s cannot be found.", e->word, PB_ARG(policy));
}

static pb_value get_policy_inline(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name, policy = get_text(c->in, "PolicyName");
    named(c, e, &name);
    pb_value p = sim_get(c, e->inline_kind, name, policy);
    return is_set(p) ? p : no_such_policy(c, e, policy);
}

static pb_value list_policies_inline(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name;
    sim_items names = {0};
    named(c, e, &name);
    pb_value all = sim_list_sorted(c, e->inline_kind, &name);
    EACH(p, all) items_add(c, &names, pb_get_c(*p, "PolicyName"));
    return MAP(c, {"PolicyNames", items_list(c, &names)});
}

static pb_value delete_policy_inline(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name, policy = get_text(c->in, "PolicyName");
    changeable(c, e, &name);
    if (!c->failed && !sim_delete(c, e->inline_kind, name, policy)) no_such_policy(c, e, policy);
    return PB_NONE_VALUE;
}

/* ---- managed policies ---- */

static bool aws_owned(pb_str arn) { return str_starts(arn, "arn:") && memmem(arn.s, arn.n, ":iam::aws:policy/", 17); }

static pb_str arn_name(pb_str arn) {
    uint32_t from = arn.n;
    while (from && arn.s[from - 1] != '/') from--;
    return (pb_str){arn.s + from, arn.n - from};
}

static pb_value attach(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name, arn = get_text(c->in, "PolicyArn");
    changeable(c, e, &name);
    if (!aws_owned(arn) && !is_set(sim_find(c, K_POLICY, arn)))
        return sim_fail(c, 404, "NoSuchEntity", "Policy %.*s does not exist or is not attachable.", PB_ARG(arn));
    pb_value v = MAP(c, {"PolicyName", pb_string(arn_name(arn))}, {"PolicyArn", pb_string(arn)}),
             have = sim_list_of(c, e->attached_kind, name);
    if (have.n >= ATTACHED_MAX && !is_set(sim_get(c, e->attached_kind, name, arn)))
        return sim_fail(c, 409, "LimitExceeded", "Cannot exceed quota for PoliciesPer%s: %d", e->out, ATTACHED_MAX);
    sim_put(c, e->attached_kind, name, arn, v);
    return PB_NONE_VALUE;
}

static pb_value detach(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name, arn = get_text(c->in, "PolicyArn");
    changeable(c, e, &name);
    if (!c->failed && !sim_delete(c, e->attached_kind, name, arn))
        sim_fail(c, 404, "NoSuchEntity", "Policy %.*s was not found.", PB_ARG(arn));
    return PB_NONE_VALUE;
}

static pb_value list_attached(sim_call *c) {
    const entity *e = entity_of(c);
    pb_str name;
    named(c, e, &name);
    return MAP(c, {"AttachedPolicies", sim_list_sorted(c, e->attached_kind, &name)});
}

static pb_value create_policy(sim_call *c) {
    pb_str name = get_text(c->in, "PolicyName"), text = get_text(c->in, "PolicyDocument"), path = path_given(c);
    pb_str arn = entity_arn(c, "policy", path, name);
    check_document(c, text, true);
    if (non_blank(text) > POLICY_MAX)
        sim_fail(c, 409, "LimitExceeded", "Cannot exceed quota for PolicySize: %d", POLICY_MAX);
    if (is_set(sim_find(c, K_POLICY, arn)))
        return sim_fail(c, 409, "EntityAlreadyExists",
                        "A policy called %.*s already exists. Duplicate names are not allowed.", PB_ARG(name));
    pb_value v = MAP(c, {"PolicyName", pb_string(name)}, {"PolicyId", pb_string(sim_key_id(c, "ANPA", 17))},
                     {"Arn", pb_string(arn)}, {"Path", pb_string(path)}, {"DefaultVersionId", pb_string_c("v1")},
                     {"IsAttachable", pb_bool(true)}, {"Description", pb_get_c(c->in, "Description")},
                     {"CreateDate", pb_time(c->now)}, {"UpdateDate", pb_time(c->now)},
                     {"Tags", pb_get_c(c->in, "Tags")}, {"Document", pb_string(text)});
    sim_put(c, K_POLICY, TOP, arn, v);
    return MAP(c, {"Policy", v});
}

static uint32_t attachments(sim_call *c, pb_str arn) {
    static const entity *const all[] = {&user, &role, &group};
    uint32_t n = 0;
    for (size_t i = 0; i < 3; i++) {
        pb_value list = sim_list(c, all[i]->attached_kind, NULL);
        EACH(a, list) n += pb_str_eq(get_text(*a, "PolicyArn"), arn);
    }
    return n;
}

static pb_value managed(sim_call *c, pb_str *arn) {
    *arn = get_text(c->in, "PolicyArn");
    pb_value v = sim_find(c, K_POLICY, *arn);
    if (!is_set(v)) return sim_fail(c, 404, "NoSuchEntity", "Policy %.*s was not found.", PB_ARG(*arn));
    return sim_with(c, v, "AttachmentCount", pb_int(attachments(c, *arn)));
}

static pb_value get_policy(sim_call *c) {
    pb_str arn;
    return MAP(c, {"Policy", managed(c, &arn)});
}

static pb_value get_policy_version(sim_call *c) {
    pb_str arn, version = get_text(c->in, "VersionId");
    pb_value v = managed(c, &arn);
    if (!pb_str_is(version, "v1"))
        return sim_fail(c, 404, "NoSuchEntity", "Policy %.*s version %.*s does not exist or is not attachable.",
                        PB_ARG(arn), PB_ARG(version));
    return MAP(c,
               {"PolicyVersion", MAP(c, {"Document", pb_get_c(v, "Document")}, {"VersionId", pb_string(version)},
                                     {"IsDefaultVersion", pb_bool(true)}, {"CreateDate", pb_get_c(v, "CreateDate")})});
}

static pb_value list_policies(sim_call *c) {
    sim_items l = {0};
    pb_value all = sim_list_sorted(c, K_POLICY, NULL);
    if (pb_str_is(get_text(c->in, "Scope"), "AWS")) all = PB_NONE_VALUE; /* AWS's own are taken to exist, not listed */
    EACH(p, all) items_add(c, &l, sim_with(c, *p, "AttachmentCount", pb_int(attachments(c, get_text(*p, "Arn")))));
    return MAP(c, {"Policies", items_list(c, &l)});
}

static pb_value delete_policy(sim_call *c) {
    pb_str arn;
    pb_value v = managed(c, &arn);
    if (get_int(v, "AttachmentCount", 0))
        return sim_fail(c, 409, "DeleteConflict", "Cannot delete a policy attached to entities.");
    sim_delete(c, K_POLICY, TOP, arn);
    return PB_NONE_VALUE;
}

/* ---- access keys ---- */

static pb_value create_access_key(sim_call *c) {
    pb_str name;
    named(c, &user, &name);
    pb_value have = sim_list_of(c, K_ACCESS_KEY, name);
    if (have.n >= KEYS_PER_USER)
        return sim_fail(c, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", KEYS_PER_USER);
    pb_str id = sim_key_id(c, "AKIA", 16);
    pb_value v =
        MAP(c, {"UserName", pb_string(name)}, {"AccessKeyId", pb_string(id)}, {"Status", pb_string_c("Active")},
            {"SecretAccessKey", pb_string(sim_secret(c, "access-key", 40))}, {"CreateDate", pb_time(c->now)});
    sim_put(c, K_ACCESS_KEY, name, id, v);
    return MAP(c, {"AccessKey", v});
}

static pb_value list_access_keys(sim_call *c) {
    pb_str name;
    if (is_set(pb_get_c(c->in, "UserName")) || c->caller.user.n)
        named(c, &user, &name);
    else
        name = TOP;
    return MAP(c, {"AccessKeyMetadata", sim_list_of(c, K_ACCESS_KEY, name)});
}

/* The key that the input names, of the user that it names. */
static pb_value key_named(sim_call *c, pb_str *owner, pb_str *id) {
    *id = get_text(c->in, "AccessKeyId");
    *owner = TOP;
    if (is_set(pb_get_c(c->in, "UserName")) || c->caller.user.n) named(c, &user, owner);
    pb_value v = owner->n ? sim_get(c, K_ACCESS_KEY, *owner, *id) : sim_find(c, K_ACCESS_KEY, *id);
    if (!is_set(v))
        return sim_fail(c, 404, "NoSuchEntity", "The Access Key with id %.*s cannot be found.", PB_ARG(*id));
    *owner = get_text(v, "UserName");
    return v;
}

static pb_value update_access_key(sim_call *c) {
    pb_str name, id, status = get_text(c->in, "Status");
    pb_value v = key_named(c, &name, &id);
    if (!pb_str_is(status, "Active") && !pb_str_is(status, "Inactive"))
        return sim_fail(c, 400, "ValidationError",
                        "1 validation error detected: Value '%.*s' at 'status' failed to satisfy constraint: Member "
                        "must satisfy enum value set: [Active, Inactive]",
                        PB_ARG(status));
    sim_put(c, K_ACCESS_KEY, name, id, sim_with(c, v, "Status", pb_string(status)));
    return PB_NONE_VALUE;
}

static pb_value delete_access_key(sim_call *c) {
    pb_str name, id;
    key_named(c, &name, &id);
    sim_delete(c, K_ACCESS_KEY, name, id);
    return PB_NONE_VALUE;
}

static pb_value access_key_last_used(sim_call *c) {
    pb_str id = get_text(c->in, "AccessKeyId");
    pb_value v = sim_find(c, K_ACCESS_KEY, id), use = state_key_use(c->state, c->arena, id), none = pb_string_c("N/A");
    if (!is_set(v)) return sim_fail(c, 404, "NoSuchEntity", "The Access Key with id %.*s cannot be found.", PB_ARG(id));
    return MAP(c, {"UserName", pb_get_c(v, "UserName")},
               {"AccessKeyLastUsed", MAP(c, {"LastUsedDate", pb_get_c(use, "time")},
                                         {"ServiceName", or_else(pb_get_c(use, "service"), none)},
                                         {"Region", or_else(pb_get_c(use, "region"), none)})});
}

/* ---- login profiles and MFA ---- */

static pb_value login_of(sim_call *c, pb_str *name) {
    named(c, &user, name);
    pb_value v = sim_get(c, K_LOGIN, *name, *name);
    return is_set(v) ? v
                     : sim_fail(c, 404, "NoSuchEntity", "Login Profile for User %.*s cannot be found.", PB_ARG(*name));
}

static pb_value create_login(sim_call *c) {
    pb_str name;
    named(c, &user, &name);
    if (is_set(sim_get(c, K_LOGIN, name, name)))
        return sim_fail(c, 409, "EntityAlreadyExists", "Login Profile for user %.*s already exists.", PB_ARG(name));
    pb_value v = MAP(c, {"UserName", pb_string(name)}, {"CreateDate", pb_time(c->now)},
                     {"PasswordResetRequired", pb_bool(get_bool(c->in, "PasswordResetRequired"))});
    sim_put(c, K_LOGIN, name, name, v);
    return MAP(c, {"LoginProfile", v});
}

static pb_value get_login(sim_call *c) {
    pb_str name;
    return MAP(c, {"LoginProfile", login_of(c, &name)});
}

static pb_value update_login(sim_call *c) {
    pb_str name;
    pb_value v = login_of(c, &name), reset = pb_get_c(c->in, "PasswordResetRequired");
    sim_put(c, K_LOGIN, name, name, is_set(reset) ? sim_with(c, v, "PasswordResetRequired", reset) : v);
    return PB_NONE_VALUE;
}

static pb_value delete_login(sim_call *c) {
    pb_str name;
    login_of(c, &name);
    sim_delete(c, K_LOGIN, name, name);
    return PB_NONE_VALUE;
}

static pb_value enable_mfa(sim_call *c) {
    pb_str name, serial = get_text(c->in, "SerialNumber");
    named(c, &user, &name);
    if (is_set(sim_find(c, K_MFA, serial)))
        return sim_fail(c, 409, "EntityAlreadyExists", "MFADevice entity at the same path and name already exists.");
    sim_put(
        c, K_MFA, name, serial,
        MAP(c, {"UserName", pb_string(name)}, {"SerialNumber", pb_string(serial)}, {"EnableDate", pb_time(c->now)}));
    return PB_NONE_VALUE;
}

static pb_value deactivate_mfa(sim_call *c) {
    pb_str name, serial = get_text(c->in, "SerialNumber");
    named(c, &user, &name);
    if (!c->failed && !sim_delete(c, K_MFA, name, serial))
        sim_fail(c, 404, "NoSuchEntity", "MFA Device invalid for user.");
    return PB_NONE_VALUE;
}

static pb_value list_mfa(sim_call *c) {
    pb_str name;
    if (!is_set(pb_get_c(c->in, "UserName")) && !c->caller.user.n)
        return MAP(c, {"MFADevices", sim_list(c, K_MFA, NULL)});
    named(c, &user, &name);
    return MAP(c, {"MFADevices", sim_list_of(c, K_MFA, name)});
}

/* ---- membership ---- */

/* Kept under the user, so that a caller's groups are found at once. */
static void member_named(sim_call *c, pb_str *who, pb_str *in) {
    named(c, &group, in);
    named(c, &user, who);
}

static pb_value add_member(sim_call *c) {
    pb_str who, in;
    member_named(c, &who, &in);
    sim_put(c, K_MEMBER, who, in, MAP(c, {"UserName", pb_string(who)}, {"GroupName", pb_string(in)}));
    return PB_NONE_VALUE;
}

static pb_value remove_member(sim_call *c) {
    pb_str who, in;
    member_named(c, &who, &in);
    if (!c->failed && !sim_delete(c, K_MEMBER, who, in)) no_such(c, "user", who);
    return PB_NONE_VALUE;
}

static pb_value get_group(sim_call *c) {
    pb_str name;
    pb_value g = named(c, &group, &name), all = sim_list(c, K_MEMBER, NULL);
    sim_items members = {0};
    EACH(m, all)
    if (pb_str_eq(get_text(*m, "GroupName"), name))
        items_add(c, &members, sim_get(c, K_USER, TOP, get_text(*m, "UserName")));
    return MAP(c, {"Group", g}, {"Users", items_list(c, &members)});
}

static pb_value groups_for_user(sim_call *c) {
    pb_str name;
    sim_items groups = {0};
    named(c, &user, &name);
    pb_value all = sim_list_of(c, K_MEMBER, name);
    EACH(m, all) items_add(c, &groups, sim_get(c, K_IAM_GROUP, TOP, get_text(*m, "GroupName")));
    return MAP(c, {"Groups", items_list(c, &groups)});
}

static pb_value account_aliases(sim_call *c) { return MAP(c, {"AccountAliases", items_list(c, &(sim_items){0})}); }

/* The seven operations on policies that users, roles and groups share. */
#define POLICY_OPERATIONS(Name, e) \
    {"Put" Name "Policy", put_policy, e, NULL, 0}, {"Get" Name "Policy", get_policy_inline, e, NULL, 0}, \
        {"List" Name "Policies", list_policies_inline, e, "PolicyNames", 0}, \
        {"Delete" Name "Policy", delete_policy_inline, e, NULL, 0}, {"Attach" Name "Policy", attach, e, NULL, 0}, \
        {"Detach" Name "Policy", detach, e, NULL, 0}, { \
        "ListAttached" Name "Policies", list_attached, e, "AttachedPolicies", 0 \
    }

static const sim_operation operations[] = {
    {"CreateUser", create_entity, &user, NULL, 0},
    {"GetUser", get_entity, &user, NULL, 0},
    {"ListUsers", list_entities, &users_list, "Users", 0},
    {"DeleteUser", delete_entity, &user, NULL, 0},
    {"TagUser", tag_entity, &user, NULL, 0},
    {"UntagUser", untag_entity, &user, NULL, 0},
    {"ListUserTags", list_tags, &user, "Tags", 0},
    POLICY_OPERATIONS("User", &user),
    {"CreateRole", create_role, &role, NULL, 0},
    {"CreateServiceLinkedRole", create_service_linked_role, &role, NULL, 0},
    {"GetRole", get_entity, &role, NULL, 0},
    {"ListRoles", list_entities, &roles_list, "Roles", 0},
    {"DeleteRole", delete_entity, &role, NULL, 0},
    {"TagRole", tag_entity, &role, NULL, 0},
    {"UntagRole", untag_entity, &role, NULL, 0},
    {"ListRoleTags", list_tags, &role, "Tags", 0},
    {"UpdateAssumeRolePolicy", update_trust, &role, NULL, 0},
    POLICY_OPERATIONS("Role", &role),
    {"CreateGroup", create_entity, &group, NULL, 0},
    {"GetGroup", get_group, &group, "Users", 0},
    {"ListGroups", list_entities, &groups_list, "Groups", 0},
    {"DeleteGroup", delete_entity, &group, NULL, 0},
    {"AddUserToGroup", add_member, NULL, NULL, 0},
    {"RemoveUserFromGroup", remove_member, NULL, NULL, 0},
    {"ListGroupsForUser", groups_for_user, NULL, "Groups", 0},
    POLICY_OPERATIONS("Group", &group),
    {"CreatePolicy", create_policy, NULL, NULL, 0},
    {"GetPolicy", get_policy, NULL, NULL, 0},
    {"GetPolicyVersion", get_policy_version, NULL, NULL, 0},
    {"ListPolicies", list_policies, NULL, "Policies", 0},
    {"DeletePolicy", delete_policy, NULL, NULL, 0},
    {"CreateAccessKey", create_access_key, NULL, NULL, 0},
    {"ListAccessKeys", list_access_keys, NULL, "AccessKeyMetadata", 0},
    {"UpdateAccessKey", update_access_key, NULL, NULL, 0},
    {"DeleteAccessKey", delete_access_key, NULL, NULL, 0},
    {"GetAccessKeyLastUsed", access_key_last_used, NULL, NULL, 0},
    {"CreateLoginProfile", create_login, NULL, NULL, 0},
    {"GetLoginProfile", get_login, NULL, NULL, 0},
    {"UpdateLoginProfile", update_login, NULL, NULL, 0},
    {"DeleteLoginProfile", delete_login, NULL, NULL, 0},
    {"EnableMFADevice", enable_mfa, NULL, NULL, 0},
    {"DeactivateMFADevice", deactivate_mfa, NULL, NULL, 0},
    {"ListMFADevices", list_mfa, NULL, "MFADevices", 0},
    {"ListAccountAliases", account_aliases, NULL, "AccountAliases", 0},
};

static const sim_paging paging = {"Marker", "Marker", "MaxItems", "IsTruncated", "ValidationError", 100, 1, false};

const sim_service sim_iam = {"iam", SIM_OPS(operations), &paging, NULL};
