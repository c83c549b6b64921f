/*
 * plan.c - the order in which AWS's own tools look for credentials.
 *
 *   1. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
 *   2. the profile, if it has a role_arn: the role, assumed with source_profile or credential_source
 *   3. AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN
 *   4. the profile: web identity token file, keys in the credentials file, credential_process, keys in the config file
 *   5. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *   6. the instance's metadata
 *
 * The first that is set up counts, also when it then fails: going on to the next would act as somebody else than was
 * asked for. Profiles that need a person (MFA codes, a sign-in in the browser) are refused by name, with what to do.
 */
#include "stdlib/aws/plan.h"

#include <stdio.h>
#include <stdlib.h>

/* AWS's session tokens are 300 to 2,000 bytes, sometimes more; 16 KiB is where HTTP servers stop reading headers. */
enum { KEY_MAX = 128, SECRET_MAX = 512, TOKEN_MAX = 16 << 10 };
enum { PROFILES_MAX = AWS_ROLES_MAX + 1 };

typedef struct planner {
    pb_arena *arena;
    const aws_settings *settings;
    aws_plan *out;
    pb_str *why;
    pb_str visited[PROFILES_MAX];
    uint32_t nvisited;
} planner;

static bool refuse(planner *p, pb_str why) {
    *p->why = why;
    return false;
}

/* ---- keys ---- */

static bool printable(pb_str s, uint32_t max) {
    if (s.n > max) return false;
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] <= ' ' || s.s[i] > '~') return false;
    return true;
}

bool aws_keys_ok(pb_arena *a, const sigv4_credentials *k, pb_str where, pb_str *why) {
    const char *what = !printable(k->access_key, KEY_MAX)        ? "access key"
                       : !printable(k->secret_key, SECRET_MAX)   ? "secret key"
                       : !printable(k->session_token, TOKEN_MAX) ? "session token"
                                                                 : NULL;
    if (!what) return true;
    *why = pb_printf(a, "the %s of %.*s holds white space or other characters that none has: set it again", what,
                     PB_ARG(where));
    return false;
}

static bool static_keys(planner *p, sigv4_credentials keys, pb_str where) {
    p->out->kind = AWS_FROM_STATIC;
    p->out->keys = keys;
    p->out->where = where;
    return aws_keys_ok(p->arena, &keys, where, p->why);
}

static pb_str variable(const planner *p, const char *name) {
    const char *v = getenv(name);
    return pb_strdup(p->arena, v ? v : "", v ? strlen(v) : 0);
}

typedef enum found { NOTHING, FOUND, REFUSED } found;
static found verdict(bool ok) { return ok ? FOUND : REFUSED; }

static found from_environment(planner *p) {
    sigv4_credentials k = {variable(p, "AWS_ACCESS_KEY_ID"), variable(p, "AWS_SECRET_ACCESS_KEY"),
                           variable(p, "AWS_SESSION_TOKEN")};
    if (!k.session_token.n) k.session_token = variable(p, "AWS_SECURITY_TOKEN");
    if (!k.access_key.n && !k.secret_key.n) return NOTHING;
    if (!k.secret_key.n)
        return verdict(refuse(p, PB_STR("AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not; set both")));
    if (!k.access_key.n)
        return verdict(refuse(p, PB_STR("AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not; set both")));
    p->out->renewable = p->out->nroles > 0;
    return verdict(static_keys(p, k, PB_STR("the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)")));
}

/* ---- one profile's own credentials ---- */

static pb_str profile_at(const planner *p, const aws_profile *f, const char *key) {
    pb_str at = aws_profile_where(p->arena, f, key);
    return pb_printf(p->arena, "profile \"%.*s\" (%.*s)", PB_ARG(f->name), PB_ARG(at));
}

/* AWS_SESSION_TOKEN's older spelling stands in many files still. */
static sigv4_credentials section_keys(const aws_shared_file *f, const aws_section *s) {
    sigv4_credentials k = {aws_section_get(f, s, PB_STR("aws_access_key_id")),
                           aws_section_get(f, s, PB_STR("aws_secret_access_key")),
                           aws_section_get(f, s, PB_STR("aws_session_token"))};
    if (!k.session_token.n) k.session_token = aws_section_get(f, s, PB_STR("aws_security_token"));
    return k;
}

static found from_section(planner *p, const aws_profile *f, const aws_shared_file *file, const aws_section *s) {
    sigv4_credentials k = section_keys(file, s);
    if (!k.access_key.n && !k.secret_key.n) return NOTHING;
    pb_str where = pb_printf(p->arena, "profile \"%.*s\" (%.*s:%u)", PB_ARG(f->name), PB_ARG(file->path), s->line);
    if (!k.access_key.n || !k.secret_key.n)
        return verdict(refuse(p, pb_printf(p->arena, "%.*s has aws_%s but no aws_%s: both are needed", PB_ARG(where),
                                           k.access_key.n ? "access_key_id" : "secret_access_key",
                                           k.access_key.n ? "secret_access_key" : "access_key_id")));
    return verdict(static_keys(p, k, where));
}

static found from_process(planner *p, const aws_profile *f) {
    pb_str command = aws_profile_get(f, "credential_process");
    if (!command.n) return NOTHING;
    p->out->kind = AWS_FROM_PROCESS;
    p->out->command = command;
    p->out->where = pb_printf(p->arena, "credential_process of %.*s", PB_ARG(profile_at(p, f, "credential_process")));
    return FOUND;
}

static found from_web_profile(planner *p, const aws_profile *f) {
    pb_str file = aws_profile_get(f, "web_identity_token_file"), where = profile_at(p, f, "web_identity_token_file");
    if (!file.n) return NOTHING;
    p->out->kind = AWS_FROM_WEB;
    p->out->token_file = file;
    p->out->where = pb_printf(p->arena, "web_identity_token_file of %.*s", PB_ARG(where));
    p->out->web = (aws_role){
        .arn = aws_profile_get(f, "role_arn"), .session_name = aws_profile_get(f, "role_session_name"), .where = where};
    if (p->out->web.arn.n) return FOUND;
    return verdict(
        refuse(p, pb_printf(p->arena, "%.*s has web_identity_token_file but no role_arn: add it", PB_ARG(where))));
}

static found no_sso(planner *p, const aws_profile *f) {
    static const char *const keys[] = {"sso_session", "sso_start_url", "sso_account_id", "sso_role_name"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (aws_profile_get(f, keys[i]).n)
            return verdict(refuse(
                p,
                pb_printf(p->arena,
                          "%.*s signs in through IAM Identity Center (%s), which needs a person and is not available "
                          "here; put \"credential_process = aws configure export-credentials --profile %.*s\" into a "
                          "profile of its own and choose that one",
                          PB_ARG(profile_at(p, f, keys[i])), keys[i], PB_ARG(f->name))));
    return NOTHING;
}

/* What the profile has itself, without roles. */
static found from_profile(planner *p, const aws_profile *f) {
    const aws_profiles *all = f->all;
    if (!all) return NOTHING;
    found r = from_web_profile(p, f);
    if (r == NOTHING) r = no_sso(p, f);
    if (r == NOTHING) r = from_section(p, f, &all->credentials, f->credentials);
    if (r == NOTHING) r = from_process(p, f);
    if (r == NOTHING) r = from_section(p, f, &all->config, f->config);
    return r;
}

/* ---- roles ---- */

static bool has_role(const aws_profile *f) {
    return aws_profile_get(f, "role_arn").n && !aws_profile_get(f, "web_identity_token_file").n;
}

static bool has_keys(const aws_profile *f) {
    return aws_profile_get(f, "aws_access_key_id").n || aws_profile_get(f, "aws_secret_access_key").n;
}

static bool duration_of(planner *p, const aws_profile *f, int64_t *s) {
    pb_str v = aws_profile_get(f, "duration_seconds");
    *s = 0;
    for (uint32_t i = 0; i < v.n; i++) {
        if (v.s[i] < '0' || v.s[i] > '9' || v.n > 5)
            return refuse(p, pb_printf(p->arena, "duration_seconds of %.*s must be a number of seconds, 900 to 43200",
                                       PB_ARG(profile_at(p, f, "duration_seconds"))));
        *s = *s * 10 + (v.s[i] - '0');
    }
    return true;
}

static bool add_role(planner *p, const aws_profile *f) {
    aws_role r = {.arn = aws_profile_get(f, "role_arn"),
                  .session_name = aws_profile_get(f, "role_session_name"),
                  .external_id = aws_profile_get(f, "external_id"),
                  .where = profile_at(p, f, "role_arn")};
    if (!duration_of(p, f, &r.duration_s)) return false;
    if (aws_profile_get(f, "mfa_serial").n)
        return refuse(p,
                      pb_printf(p->arena,
                                "%.*s needs an MFA code (mfa_serial), which nobody can type here: use a role without "
                                "mfa_serial, or set temporary keys made by \"aws sts get-session-token\"",
                                PB_ARG(profile_at(p, f, "mfa_serial"))));
    if (p->out->nroles == AWS_ROLES_MAX)
        return refuse(p, pb_printf(p->arena, "%.*s is behind more than %d roles that assume each other",
                                   PB_ARG(r.where), AWS_ROLES_MAX));
    p->out->roles[p->out->nroles++] = r;
    return true;
}

static found from_named_source(planner *p, const aws_profile *f, pb_str source) {
    pb_str where = profile_at(p, f, "credential_source");
    if (pb_str_is(source, "Environment")) {
        found r = from_environment(p);
        if (r != NOTHING) return r;
        return verdict(refuse(p, pb_printf(p->arena,
                                           "%.*s takes keys from the environment, but AWS_ACCESS_KEY_ID and "
                                           "AWS_SECRET_ACCESS_KEY are not set",
                                           PB_ARG(where))));
    }
    p->out->where = pb_printf(p->arena, "credential_source of %.*s", PB_ARG(where));
    p->out->kind = pb_str_is(source, "EcsContainer") ? AWS_FROM_CONTAINER : AWS_FROM_METADATA;
    if (pb_str_is(source, "EcsContainer") || pb_str_is(source, "Ec2InstanceMetadata")) return FOUND;
    return verdict(refuse(p, pb_printf(p->arena,
                                       "credential_source of %.*s must be Environment, Ec2InstanceMetadata or "
                                       "EcsContainer",
                                       PB_ARG(where))));
}

static bool loops(planner *p, const aws_profile *from, const aws_profile *source) {
    bool seen = false;
    pb_str way = {"", 0};
    for (uint32_t i = 0; i < p->nvisited; i++) {
        seen |= pb_str_eq(p->visited[i], source->name);
        way = pb_printf(p->arena, "%.*s%.*s -> ", PB_ARG(way), PB_ARG(p->visited[i]));
    }
    /* A profile may name itself: its own keys assume its role. */
    if (!seen || (pb_str_eq(from->name, source->name) && has_keys(source))) return false;
    refuse(p, pb_printf(p->arena, "source_profile of %.*s goes round in a circle: %.*s%.*s",
                        PB_ARG(profile_at(p, from, "source_profile")), PB_ARG(way), PB_ARG(source->name)));
    return true;
}

/* One step along source_profile: *next is set when that profile has a role itself. */
static found follow(planner *p, const aws_profile *f, aws_profile *next, bool *again) {
    pb_str name = aws_profile_get(f, "source_profile");
    if (!aws_profile_find(&p->settings->files, name, next))
        return verdict(refuse(p, pb_printf(p->arena, "source_profile of %.*s is \"%.*s\", and there is no such profile",
                                           PB_ARG(profile_at(p, f, "source_profile")), PB_ARG(name))));
    if (loops(p, f, next)) return REFUSED;
    *again = !has_keys(next) && has_role(next);
    if (*again) return FOUND;
    found r = from_profile(p, next);
    if (r != NOTHING) return r;
    return verdict(refuse(p, pb_printf(p->arena, "source_profile of %.*s is \"%.*s\", which has no credentials",
                                       PB_ARG(profile_at(p, f, "source_profile")), PB_ARG(name))));
}

static found from_roles(planner *p, aws_profile f) {
    bool again = true;
    while (again) {
        aws_profile next;
        pb_str source = aws_profile_get(&f, "credential_source"), parent = aws_profile_get(&f, "source_profile");
        if (!add_role(p, &f)) return REFUSED;
        p->visited[p->nvisited++] = f.name;
        if ((source.n > 0) == (parent.n > 0))
            return verdict(refuse(p, pb_printf(p->arena,
                                               "%.*s %s source_profile %s credential_source: exactly one says with "
                                               "whose keys the role is assumed",
                                               PB_ARG(profile_at(p, &f, "role_arn")),
                                               source.n ? "has both" : "has neither", source.n ? "and" : "nor")));
        if (source.n) return from_named_source(p, &f, source);
        found r = follow(p, &f, &next, &again);
        if (r != FOUND) return r;
        f = next;
    }
    return FOUND;
}

/* ---- the chain ---- */

static found from_web_environment(planner *p) {
    const aws_settings *s = p->settings;
    if (!s->web_token_file.n) return NOTHING;
    if (!s->role_arn.n)
        return verdict(refuse(p, PB_STR("AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not; set both")));
    p->out->kind = AWS_FROM_WEB;
    p->out->where = PB_STR("AWS_WEB_IDENTITY_TOKEN_FILE");
    p->out->token_file = s->web_token_file;
    p->out->web = (aws_role){.arn = s->role_arn, .session_name = s->session_name, .where = PB_STR("AWS_ROLE_ARN")};
    return FOUND;
}

static pb_str tried(const planner *p) {
    const aws_settings *s = p->settings;
    const aws_profiles *f = &s->files;
    pb_str profile;
    if (!f->config.found && !f->credentials.found)
        profile = pb_printf(p->arena, "%.*s and %.*s (not there)", PB_ARG(f->config.path), PB_ARG(f->credentials.path));
    else
        profile = pb_printf(p->arena, "profile \"%.*s\" in %.*s and %.*s (%s)", PB_ARG(s->profile_name),
                            PB_ARG(f->config.path), PB_ARG(f->credentials.path),
                            s->profile.all ? "it has no keys, role or process" : "there is none");
    return pb_printf(p->arena,
                     "AWS_ACCESS_KEY_ID (not set), %.*s, AWS_WEB_IDENTITY_TOKEN_FILE (not set), "
                     "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI (not set)",
                     PB_ARG(profile));
}

static found from_machine(planner *p) {
    const aws_settings *s = p->settings;
    bool container = s->container_relative.n || s->container_full.n;
    p->out->kind = container ? AWS_FROM_CONTAINER : AWS_FROM_METADATA;
    p->out->where = container ? PB_STR("the container's credentials") : PB_STR("the instance's metadata");
    if (!container) p->out->tried = tried(p);
    return FOUND;
}

bool aws_plan_make(pb_arena *a, const aws_settings *s, aws_plan *out, pb_str *why) {
    planner p = {.arena = a, .settings = s, .out = out, .why = why};
    *out = (aws_plan){.renewable = true};
    if (s->fault.n) return refuse(&p, s->fault);
    found r = from_environment(&p);
    if (r == NOTHING && s->profile.all && has_role(&s->profile)) r = from_roles(&p, s->profile);
    if (r == NOTHING) r = from_web_environment(&p);
    if (r == NOTHING) r = from_profile(&p, &s->profile);
    if (r == NOTHING) r = from_machine(&p);
    if (!pb_arena_failed(a)) return r == FOUND;
    return refuse(&p, (pb_str){NULL, 0});
}
