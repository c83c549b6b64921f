/*
 * settings.c - the table of settings and its reader.
 *
 * A variable beats the profile's key, and an empty value counts as not set. A value that a setting cannot have is an
 * error that names where it stands: to go on with a default would send requests somewhere, or as someone, nobody meant.
 * Environment and files are read once, at the client's first call.
 */
#include "stdlib/aws/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef enum setting_kind { TEXT, SWITCH, NUMBER, MODE } setting_kind;

typedef struct setting {
    const char *variable, *second; /* second: asked when the first is not set */
    const char *key;               /* in the profile */
    setting_kind kind;
    size_t at; /* in aws_settings */
    int64_t min, max;
    const char *doc;
} setting;

#define AT(member) offsetof(aws_settings, member)

/* Files and profile come first: the reader needs them for the rest. They are read by code of their own. */
static const setting TABLE[] = {
    {"AWS_CONFIG_FILE", NULL, NULL, TEXT, 0, 0, 0, "the config file; default `~/.aws/config`"},
    {"AWS_SHARED_CREDENTIALS_FILE", NULL, NULL, TEXT, 0, 0, 0, "the credentials file; default `~/.aws/credentials`"},
    {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", NULL, TEXT, 0, 0, 0, "the profile in these files; default `default`"},
    {"AWS_ACCESS_KEY_ID", NULL, "aws_access_key_id", TEXT, 0, 0, 0, "credentials, with the next two"},
    {"AWS_SECRET_ACCESS_KEY", NULL, "aws_secret_access_key", TEXT, 0, 0, 0, "the secret key"},
    {"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "aws_session_token", TEXT, 0, 0, 0,
     "the token of temporary credentials"},
    {"AWS_ROLE_ARN", NULL, NULL, TEXT, AT(role_arn), 0, 0, "role for the web identity token"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE", NULL, NULL, TEXT, AT(web_token_file), 0, 0,
     "file with an OIDC token (EKS, CI systems)"},
    {"AWS_ROLE_SESSION_NAME", NULL, NULL, TEXT, AT(session_name), 0, 0,
     "session name with it; default `pbrun-` and the time"},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", NULL, NULL, TEXT, AT(container_relative), 0, 0,
     "credentials of a container (ECS)"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL, NULL, TEXT, AT(container_full), 0, 0,
     "the same (EKS): https, or http on this machine"},
    {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", NULL, NULL, TEXT, AT(container_token_file), 0, 0,
     "file with the token to show there, read each time"},
    {"AWS_CONTAINER_AUTHORIZATION_TOKEN", NULL, NULL, TEXT, AT(container_token), 0, 0, "the token itself"},
    {"AWS_EC2_METADATA_DISABLED", NULL, NULL, SWITCH, AT(metadata_disabled), 0, 0,
     "`true`: the instance's metadata are not asked for credentials"},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT", NULL, "ec2_metadata_service_endpoint", TEXT, AT(metadata_endpoint), 0, 0,
     "their address; default `http://169.254.169.254`"},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", NULL, "ec2_metadata_service_endpoint_mode", TEXT, AT(metadata_mode), 0,
     0, "`IPv6`: default `http://[fd00:ec2::254]`"},
    {"AWS_METADATA_SERVICE_TIMEOUT", NULL, "metadata_service_timeout", NUMBER, AT(metadata_timeout_s), 1, 60,
     "seconds for each of their answers; default 1"},
    {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", NULL, "metadata_service_num_attempts", NUMBER, AT(metadata_attempts), 1, 10,
     "tries; default 1"},
    {"AWS_REGION", "AWS_DEFAULT_REGION", "region", TEXT, AT(region), 0, 0, "region of calls whose event names none"},
    {"AWS_ENDPOINT_URL", NULL, "endpoint_url", TEXT, AT(endpoint_url), 0, 0,
     "another address for all services: simulator, private endpoint"},
    {"AWS_ENDPOINT_URL_<SERVICE>", NULL, "services", TEXT, AT(services), 0, 0,
     "for one (`AWS_ENDPOINT_URL_AUTO_SCALING`); the key names a `[services NAME]` with `auto_scaling =` and, "
     "indented, "
     "`endpoint_url = ...`"},
    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", NULL, "ignore_configured_endpoint_urls", SWITCH, AT(ignore_endpoints), 0, 0,
     "`true`: none of the above is looked at"},
    {"AWS_USE_FIPS_ENDPOINT", NULL, "use_fips_endpoint", SWITCH, AT(fips), 0, 0, "`true`: FIPS hosts only"},
    {"AWS_USE_DUALSTACK_ENDPOINT", NULL, "use_dualstack_endpoint", SWITCH, AT(dualstack), 0, 0,
     "`true`: hosts with IPv6 too"},
    {"AWS_CA_BUNDLE", NULL, "ca_bundle", TEXT, AT(ca_bundle), 0, 0,
     "file with the certificates to trust instead of the system's"},
    {"AWS_MAX_ATTEMPTS", NULL, "max_attempts", NUMBER, AT(max_attempts), 1, 1000,
     "tries in all; more than 20 is taken as 20; default 8 (DynamoDB 10)"},
    {"AWS_RETRY_MODE", NULL, "retry_mode", MODE, AT(retry_mode), 0, 0, "`standard`, `adaptive` or `legacy`"},
    {"PB_RETRY_BASE_MS", NULL, NULL, NUMBER, AT(retry_base_ms), 0, 20000,
     "base of the pauses between tries in ms; for tests and tuning"},
};
enum { ROWS = sizeof TABLE / sizeof *TABLE };

/* ---- values ---- */

static pb_str env(const char *name) {
    const char *v = name ? getenv(name) : NULL;
    return pb_str_c(v ? v : "");
}

typedef struct reader {
    pb_arena *arena;
    aws_settings *out;
} reader;

static void refuse(const reader *r, pb_str where, pb_str value, const char *want) {
    if (r->out->fault.n) return;
    r->out->fault = pb_printf(r->arena, "%.*s is %s: it must be %s", PB_ARG(where),
                              value.n > 40 ? "too long" : pb_printf(r->arena, "\"%.*s\"", PB_ARG(value)).s, want);
}

static bool is_word(pb_str v, const char *w) { return v.n == strlen(w) && strncasecmp(v.s, w, v.n) == 0; }

static void set_switch(const reader *r, bool *to, pb_str v, pb_str where) {
    *to = is_word(v, "true") || is_word(v, "1");
    if (!*to && !is_word(v, "false") && !is_word(v, "0")) refuse(r, where, v, "true or false");
}

static void set_number(const reader *r, const setting *s, int64_t *to, pb_str v, pb_str where) {
    int64_t n = 0;
    bool ok = v.n > 0 && v.n <= 6;
    for (uint32_t i = 0; ok && i < v.n; i++) {
        ok = v.s[i] >= '0' && v.s[i] <= '9';
        n = n * 10 + (v.s[i] - '0');
    }
    if (ok && n >= s->min && n <= s->max) {
        *to = n;
        return;
    }
    pb_str want = pb_printf(r->arena, "a whole number from %lld to %lld", (long long)s->min, (long long)s->max);
    refuse(r, where, v, want.s ? want.s : "a whole number");
}

static void set_mode(const reader *r, int64_t *to, pb_str v, pb_str where) {
    *to = is_word(v, "standard")   ? AWS_RETRY_STANDARD
          : is_word(v, "adaptive") ? AWS_RETRY_ADAPTIVE
          : is_word(v, "legacy")   ? AWS_RETRY_LEGACY
                                   : AWS_RETRY_UNSET;
    if (!*to) refuse(r, where, v, "standard, adaptive or legacy");
}

static void set_value(const reader *r, const setting *s, pb_str v, pb_str where) {
    void *to = (char *)r->out + s->at;
    switch (s->kind) {
    case TEXT: *(pb_str *)to = v; break;
    case SWITCH: set_switch(r, to, v, where); break;
    case NUMBER: set_number(r, s, to, v, where); break;
    case MODE: set_mode(r, to, v, where); break;
    }
}

static void read_one(const reader *r, const setting *s) {
    pb_str v = env(s->variable), where = pb_str_c(s->variable);
    if (!v.n) v = env(s->second), where = pb_str_c(s->second);
    if (v.n) v = pb_strdup(r->arena, v.s, v.n);
    if (!v.n && s->key) {
        v = aws_profile_get(&r->out->profile, s->key);
        if (v.n) where = aws_profile_where(r->arena, &r->out->profile, s->key);
        if (v.n) where = pb_printf(r->arena, "%.*s: %s", PB_ARG(where), s->key);
    }
    if (v.n) set_value(r, s, v, where);
}

/* ---- files and profile ---- */

static void read_files(const reader *r) {
    aws_settings *o = r->out;
    pb_str config = env("AWS_CONFIG_FILE"), credentials = env("AWS_SHARED_CREDENTIALS_FILE"), why;
    if (!config.n) config = PB_STR("~/.aws/config");
    if (!credentials.n) credentials = PB_STR("~/.aws/credentials");
    if (aws_profiles_read(r->arena, config, credentials, &o->files, &why)) return;
    o->fault = why.s ? why : PB_STR("out of memory for AWS's shared files");
}

static void choose_profile(const reader *r) {
    aws_settings *o = r->out;
    const char *variable = env("AWS_PROFILE").n ? "AWS_PROFILE" : "AWS_DEFAULT_PROFILE";
    o->profile_name = pb_strdup(r->arena, env(variable).s, env(variable).n);
    o->profile_chosen = o->profile_name.n > 0;
    if (!o->profile_chosen) o->profile_name = PB_STR("default");
    if (aws_profile_find(&o->files, o->profile_name, &o->profile)) return;
    o->profile.all = NULL;
    if (!o->profile_chosen || o->fault.n) return;
    pb_str names = aws_profile_names(r->arena, &o->files);
    o->fault = pb_printf(r->arena, "%s names the profile \"%.*s\", which is neither in %.*s nor in %.*s%s%.*s",
                         variable, PB_ARG(o->profile_name), PB_ARG(o->files.config.path),
                         PB_ARG(o->files.credentials.path), names.n ? "; there are: " : "", PB_ARG(names));
}

const aws_settings *aws_settings_read(pb_arena *a) {
    aws_settings *o = pb_alloc(a, sizeof *o);
    reader r = {a, o};
    if (!o) return NULL;
    read_files(&r);
    choose_profile(&r);
    for (size_t i = 0; i < ROWS; i++)
        if (TABLE[i].at) read_one(&r, &TABLE[i]);
    if (pb_arena_failed(a)) o->fault = PB_STR("out of memory for AWS's settings");
    return o;
}

/* ---- endpoints ---- */

/* "Auto Scaling" as AUTO_SCALING or auto_scaling. */
static pb_str service_key(pb_arena *a, pb_str id, bool capitals) {
    pb_str r = pb_strdup(a, id.s, id.n);
    char *p = (char *)(uintptr_t)r.s;
    for (uint32_t i = 0; p && i < r.n; i++) {
        if (p[i] == ' ' || p[i] == '-') p[i] = '_';
        if (capitals && p[i] >= 'a' && p[i] <= 'z') p[i] = (char)(p[i] - 32);
        if (!capitals && p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] + 32);
    }
    return r;
}

pb_str aws_settings_endpoint(pb_arena *a, const aws_settings *s, pb_str service_id, pb_str *what) {
    if (s->ignore_endpoints) return (pb_str){"", 0};
    pb_str key = service_key(a, service_id, true);
    *what = pb_printf(a, "AWS_ENDPOINT_URL_%.*s", PB_ARG(key));
    if (!key.s || !what->s) return (pb_str){NULL, 0};
    pb_str url = env(what->s);
    if (url.n) return url;
    *what = PB_STR("AWS_ENDPOINT_URL");
    url = env("AWS_ENDPOINT_URL");
    if (url.n) return url;
    const aws_section *own = s->services.n ? aws_section_find(&s->files, "services", s->services) : NULL;
    key = service_key(a, service_id, false);
    *what = pb_printf(a, "endpoint_url of %.*s in [services %.*s] of %.*s", PB_ARG(key), PB_ARG(s->services),
                      PB_ARG(s->files.config.path));
    url = aws_nested_get(aws_section_get(&s->files.config, own, key), PB_STR("endpoint_url"));
    if (url.n) return url;
    *what = pb_printf(a, "endpoint_url of profile %.*s", PB_ARG(s->profile_name));
    return s->endpoint_url.n ? s->endpoint_url : (pb_str){"", 0};
}

/* ---- documentation ---- */

pb_str aws_settings_table(pb_arena *a) {
    pb_buf b = {0};
    pb_buf_puts(&b, "| variable | key in the profile | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < ROWS; i++) {
        const setting *s = &TABLE[i];
        pb_buf_printf(&b, "| `%s`", s->variable);
        if (s->second) pb_buf_printf(&b, ", then `%s`", s->second);
        pb_buf_printf(&b, " | %s%s%s | %s |\n", s->key ? "`" : "", s->key ? s->key : "", s->key ? "`" : "", s->doc);
    }
    pb_str r = b.oom ? (pb_str){NULL, 0} : pb_strdup(a, b.data, b.len);
    pb_buf_free(&b);
    return r;
}
