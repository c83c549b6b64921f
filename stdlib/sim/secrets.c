/*
 * secrets.c - Secrets Manager (secrets and their versions) and KMS (keys that can be switched off, not used).
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
enum { DAY_MS = 24 * 3600 * 1000, WINDOW_DAYS = 30 };

/* ---- Secrets Manager ---- */

/* By name or ARN; one that is being deleted can only be looked at or restored. */
static pb_value secret(sim_call *c, bool deleted_too) {
    pb_str id = get_text(c->in, "SecretId");
    pb_value s = sim_get(c, K_SECRET, TOP, id);
    if (!is_set(s) && str_starts(id, "arn:")) {
        pb_value all = sim_list(c, K_SECRET, NULL);
        EACH(one, all) if (pb_str_eq(get_text(*one, "ARN"), id)) s = *one;
    }
    if (!is_set(s))
        return sim_fail(c, 400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    if (!deleted_too && is_set(pb_get_c(s, "DeletedDate")))
        return sim_fail(c, 400, "InvalidRequestException",
                        "You can't perform this operation on the secret because it was marked for deletion.");
    return s;
}

static pb_value stage_list(sim_call *c, const char *stage) { return sim_list1(c, pb_string_c(stage)); }

/* A new version becomes the current one, and what was current the previous one. */
static pb_value version_new(sim_call *c, pb_value s) {
    static const char *const kept[] = {"SecretString", "SecretBinary", NULL};
    pb_str name = get_text(s, "Name");
    pb_value token = pb_get_c(c->in, "ClientRequestToken"), stages = pb_get_c(s, "VersionIdsToStages");
    pb_value id = is_set(token) ? token : pb_string(sim_uuid(c, "secret-version"));
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; stages.kind == PB_MAP && i < stages.n; i++) {
        pb_value of = stages.u.entries[i].value;
        if (of.n && pb_str_is(pb_text(of.u.items[0]), "AWSCURRENT"))
            pb_map_add(&b, stages.u.entries[i].key, stage_list(c, "AWSPREVIOUS"));
        else
            sim_delete(c, K_SECRET_VERSION, name, stages.u.entries[i].key);
    }
    pb_map_add(&b, pb_text(id), stage_list(c, "AWSCURRENT"));
    sim_put(c, K_SECRET_VERSION, name, pb_text(id),
            sim_merge(c, MAP(c, {"VersionId", id}, {"CreatedDate", pb_time(c->now)}), sim_pick(c, c->in, kept)));
    sim_put(c, K_SECRET, TOP, name,
            sim_merge(c, s, MAP(c, {"VersionIdsToStages", pb_map_done(&b)}, {"LastChangedDate", pb_time(c->now)})));
    return MAP(c, {"ARN", pb_get_c(s, "ARN")}, {"Name", pb_get_c(s, "Name")}, {"VersionId", id},
               {"VersionStages", stage_list(c, "AWSCURRENT")});
}

static bool has_value(sim_call *c) {
    return is_set(pb_get_c(c->in, "SecretString")) || is_set(pb_get_c(c->in, "SecretBinary"));
}

static pb_value create_secret(sim_call *c) {
    static const char *const kept[] = {"Description", "KmsKeyId", "Tags", NULL};
    pb_str name = get_text(c->in, "Name");
    if (is_set(sim_get(c, K_SECRET, TOP, name)))
        return sim_fail(c, 400, "ResourceExistsException",
                        "The operation failed because the secret %.*s already exists.", PB_ARG(name));
    pb_value arn = sim_arn(c, "secretsmanager",
                           "secret:", pb_printf(c->arena, "%.*s-%.*s", PB_ARG(name), PB_ARG(sim_key_id(c, "", 6))));
    pb_value s = MAP(c, {"ARN", arn}, {"Name", pb_string(name)}, {"CreatedDate", pb_time(c->now)},
                     {"RotationEnabled", pb_bool(false)});
    s = sim_merge(c, s, sim_pick(c, c->in, kept));
    sim_put(c, K_SECRET, TOP, name, s);
    return has_value(c) ? version_new(c, s) : MAP(c, {"ARN", arn}, {"Name", pb_string(name)});
}

static pb_value put_value(sim_call *c) {
    pb_value s = secret(c, false);
    if (!c->failed && !has_value(c))
        sim_fail(c, 400, "InvalidRequestException", "You must provide either SecretString or SecretBinary.");
    return c->failed ? PB_NONE_VALUE : version_new(c, s);
}

static pb_value get_value(sim_call *c) {
    pb_value s = secret(c, false), id = pb_get_c(c->in, "VersionId"), asked = pb_get_c(c->in, "VersionStage"),
             stages = pb_get_c(s, "VersionIdsToStages"), wanted = or_else(asked, pb_string_c("AWSCURRENT"));
    for (uint32_t i = 0; stages.kind == PB_MAP && i < stages.n && !is_set(id); i++)
        if (pb_equal(stages.u.entries[i].value.u.items[0], wanted)) id = pb_string(stages.u.entries[i].key);
    pb_value v =
        is_set(id) && !c->failed ? sim_get(c, K_SECRET_VERSION, get_text(s, "Name"), pb_text(id)) : PB_NONE_VALUE;
    if (!is_set(v))
        return sim_fail(c, 400, "ResourceNotFoundException",
                        "Secrets Manager can't find the specified secret value for staging label: %.*s",
                        PB_ARG(pb_text(wanted)));
    return sim_merge(c, v,
                     MAP(c, {"ARN", pb_get_c(s, "ARN")}, {"Name", pb_get_c(s, "Name")},
                         {"VersionStages", pb_get(stages, pb_text(id))}));
}

static pb_value describe_secret(sim_call *c) { return secret(c, true); }

static pb_value list_secrets(sim_call *c) {
    pb_value all = sim_list(c, K_SECRET, NULL);
    sim_items found = {0};
    EACH(s, all)
    if (!is_set(pb_get_c(*s, "DeletedDate")))
        items_add(c, &found, sim_with(c, *s, "SecretVersionsToStages", pb_get_c(*s, "VersionIdsToStages")));
    return MAP(c, {"SecretList", items_list(c, &found)});
}

static pb_value delete_secret(sim_call *c) {
    pb_value s = secret(c, true), when = pb_time(c->now);
    pb_str name = get_text(s, "Name");
    if (c->failed) return PB_NONE_VALUE;
    if (get_bool(c->in, "ForceDeleteWithoutRecovery")) {
        sim_delete_all(c, K_SECRET_VERSION, name);
        sim_delete(c, K_SECRET, TOP, name);
    } else {
        when = pb_time(c->now + get_int(c->in, "RecoveryWindowInDays", WINDOW_DAYS) * DAY_MS);
        sim_put(c, K_SECRET, TOP, name, sim_with(c, s, "DeletedDate", pb_time(c->now)));
    }
    return MAP(c, {"ARN", pb_get_c(s, "ARN")}, {"Name", pb_get_c(s, "Name")}, {"DeletionDate", when});
}

static pb_value restore_secret(sim_call *c) {
    pb_value s = secret(c, true);
    if (!c->failed) sim_put(c, K_SECRET, TOP, get_text(s, "Name"), sim_with(c, s, "DeletedDate", PB_NONE_VALUE));
    return MAP(c, {"ARN", pb_get_c(s, "ARN")}, {"Name", pb_get_c(s, "Name")});
}

static const sim_operation operations[] = {
    {"CreateSecret", create_secret, NULL, NULL, 0},       {"PutSecretValue", put_value, NULL, NULL, 0},
    {"GetSecretValue", get_value, NULL, NULL, 0},         {"DescribeSecret", describe_secret, NULL, NULL, 0},
    {"ListSecrets", list_secrets, NULL, "SecretList", 0}, {"DeleteSecret", delete_secret, NULL, NULL, 0},
    {"RestoreSecret", restore_secret, NULL, NULL, 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxResults", NULL, "InvalidNextTokenException",
                                  100,         1,           false};

const sim_service sim_secretsmanager = {"secretsmanager", SIM_OPS(operations), &paging, NULL};

/* ---- KMS ---- */

static pb_value key(sim_call *c) {
    pb_str id = get_text(c->in, "KeyId");
    const char *slash = str_starts(id, "arn:") ? memchr(id.s, '/', id.n) : NULL;
    if (slash) id = (pb_str){slash + 1, (uint32_t)(id.s + id.n - slash - 1)};
    pb_value k = sim_get(c, K_KEY, TOP, id), arn = sim_arn(c, "kms", "key/", id);
    if (is_set(k) || !is_set(arn)) return k;
    return sim_fail(c, 400, "NotFoundException", "Key '%.*s' does not exist", PB_ARG(pb_text(arn)));
}

static void key_put(sim_call *c, pb_value k) {
    if (!c->failed) sim_put(c, K_KEY, TOP, get_text(k, "KeyId"), k);
}

static pb_value create_key(sim_call *c) {
    pb_str id = sim_uuid(c, "key");
    pb_value usage = or_else(pb_get_c(c->in, "KeyUsage"), pb_string_c("ENCRYPT_DECRYPT")),
             spec = or_else(pb_get_c(c->in, "KeySpec"), pb_string_c("SYMMETRIC_DEFAULT"));
    pb_value k = MAP(c, {"KeyId", pb_string(id)}, {"Arn", sim_arn(c, "kms", "key/", id)},
                     {"AWSAccountId", pb_string(c->account)}, {"CreationDate", pb_time(c->now)},
                     {"Enabled", pb_bool(true)}, {"KeyState", pb_string_c("Enabled")}, {"KeyUsage", usage},
                     {"KeySpec", spec}, {"CustomerMasterKeySpec", spec}, {"Origin", pb_string_c("AWS_KMS")},
                     {"KeyManager", pb_string_c("CUSTOMER")}, {"MultiRegion", pb_bool(get_bool(c->in, "MultiRegion"))},
                     {"Description", or_else(pb_get_c(c->in, "Description"), pb_string_c(""))});
    key_put(c, k);
    return MAP(c, {"KeyMetadata", k});
}

static pb_value describe_key(sim_call *c) { return MAP(c, {"KeyMetadata", key(c)}); }

static pb_value list_keys(sim_call *c) {
    pb_value all = sim_list(c, K_KEY, NULL);
    sim_items found = {0};
    EACH(k, all) items_add(c, &found, MAP(c, {"KeyId", pb_get_c(*k, "KeyId")}, {"KeyArn", pb_get_c(*k, "Arn")}));
    return MAP(c, {"Keys", items_list(c, &found)});
}

static pb_value with_state(sim_call *c, pb_value k, const char *state) {
    return sim_merge(c, k,
                     MAP(c, {"KeyState", pb_string_c(state)}, {"Enabled", pb_bool(strcmp(state, "Enabled") == 0)}));
}

static bool pending(pb_value k) { return pb_str_is(get_text(k, "KeyState"), "PendingDeletion"); }

static pb_value wrong_state(sim_call *c, pb_value k, const char *what) {
    return sim_fail(c, 400, "KMSInvalidStateException", "%.*s is %s.", PB_ARG(get_text(k, "Arn")), what);
}

static pb_value switch_key(sim_call *c) {
    pb_value k = key(c);
    if (pending(k)) return wrong_state(c, k, "pending deletion");
    key_put(c, with_state(c, k, c->row->data));
    return PB_NONE_VALUE;
}

static pb_value schedule_deletion(sim_call *c) {
    pb_value k = key(c);
    int64_t days = get_int(c->in, "PendingWindowInDays", WINDOW_DAYS);
    if (pending(k)) return wrong_state(c, k, "pending deletion");
    k = sim_with(c, with_state(c, k, "PendingDeletion"), "DeletionDate", pb_time(c->now + days * DAY_MS));
    key_put(c, k);
    return MAP(c, {"KeyId", pb_get_c(k, "Arn")}, {"DeletionDate", pb_get_c(k, "DeletionDate")},
               {"KeyState", pb_get_c(k, "KeyState")}, {"PendingWindowInDays", pb_int(days)});
}

static pb_value cancel_deletion(sim_call *c) {
    pb_value k = key(c);
    if (!c->failed && !pending(k)) return wrong_state(c, k, "not pending deletion");
    key_put(c, sim_with(c, with_state(c, k, "Disabled"), "DeletionDate", PB_NONE_VALUE));
    return MAP(c, {"KeyId", pb_get_c(k, "Arn")});
}

static const sim_operation kms_operations[] = {
    {"CreateKey", create_key, NULL, NULL, 0},
    {"DescribeKey", describe_key, NULL, NULL, 0},
    {"ListKeys", list_keys, NULL, "Keys", 0},
    {"EnableKey", switch_key, "Enabled", NULL, 0},
    {"DisableKey", switch_key, "Disabled", NULL, 0},
    {"ScheduleKeyDeletion", schedule_deletion, NULL, NULL, 0},
    {"CancelKeyDeletion", cancel_deletion, NULL, NULL, 0},
};

static const sim_paging kms_paging = {"Marker", "NextMarker", "Limit", "Truncated", "InvalidMarkerException", 100,
                                      1,        false};

const sim_service sim_kms = {"kms", SIM_OPS(kms_operations), &kms_paging, NULL};
