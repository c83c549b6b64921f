/*
 * endpoint.c - addresses of AWS services.
 *
 * The region is the event's first (what is to be contained lives there), then the settings'. The host comes from the
 * table of endpoints. AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL and their like in the profile put another address in
 * its place, for simulators, private endpoints and proxies; they may have a path of their own.
 *
 * S3 names a bucket in the host where it can (letters, digits and hyphens: a dot would break the certificate's
 * wildcard), in the path otherwise and always with an endpoint of one's own, whose host has no name for every bucket.
 * A few operations want something in front of the host ("123456789012." for S3 Control). With an endpoint of one's own
 * that is an IP address or localhost there is nothing to put it in front of, so it is left out; the signature then
 * covers the plain host, and the account stands in a header anyway.
 */
#include "stdlib/aws/endpoint.h"

enum { REGION_MAX = 32 /* the longest today has 14 */ };

typedef struct fault {
    pb_str *code, *message;
} fault;

static bool fail(fault f, const char *code, pb_str message) {
    *f.code = pb_str_c(code);
    *f.message = message;
    return false;
}

/* ---- regions ---- */

bool aws_region_ok(pb_str r) {
    if (r.n == 0 || r.n > REGION_MAX || r.s[0] == '-' || r.s[r.n - 1] == '-') return false;
    for (uint32_t i = 0; i < r.n; i++)
        if (!((r.s[i] >= 'a' && r.s[i] <= 'z') || (r.s[i] >= '0' && r.s[i] <= '9') || r.s[i] == '-')) return false;
    return true;
}

/* ---- an endpoint of one's own ---- */

typedef struct base {
    const char *scheme; /* "https://" */
    pb_str host;        /* with port unless the default one */
    pb_str path;        /* without a / at its end */
    bool custom;
} base;

static bool starts(pb_str s, const char *with) { return s.n >= strlen(with) && memcmp(s.s, with, strlen(with)) == 0; }

static pb_str without_port(pb_str host, const char *port) {
    size_t n = strlen(port);
    if (host.n > n && memcmp(host.s + host.n - n, port, n) == 0) host.n -= (uint32_t)n;
    return host;
}

static bool base_parse(pb_str url, base *b) {
    bool https = starts(url, "https://");
    if (!https && !starts(url, "http://")) return false;
    b->scheme = https ? "https://" : "http://";
    pb_str rest = {url.s + strlen(b->scheme), url.n - (uint32_t)strlen(b->scheme)};
    uint32_t n = 0;
    while (n < rest.n && rest.s[n] != '/') n++;
    b->host = without_port((pb_str){rest.s, n}, https ? ":443" : ":80");
    b->path = (pb_str){rest.s + n, rest.n - n};
    while (b->path.n && b->path.s[b->path.n - 1] == '/') b->path.n--;
    for (uint32_t i = 0; i < rest.n; i++)
        if (rest.s[i] <= ' ' || rest.s[i] == '@' || rest.s[i] == '?' || rest.s[i] == '#') return false;
    b->custom = true;
    return b->host.n > 0;
}

/* IPv4, IPv6 in brackets, localhost: hosts that have no names below them. */
static bool host_is_bare(pb_str host) {
    if (host.s[0] == '[') return true;
    uint32_t n = 0;
    bool numeric = true;
    for (; n < host.n && host.s[n] != ':'; n++)
        numeric = numeric && (host.s[n] == '.' || (host.s[n] >= '0' && host.s[n] <= '9'));
    return numeric || pb_str_is((pb_str){host.s, n}, "localhost");
}

/* ---- S3 ---- */

static bool bucket_fits_host(pb_str b) {
    if (b.n < 3 || b.n > 63 || b.s[0] == '-' || b.s[b.n - 1] == '-') return false;
    for (uint32_t i = 0; i < b.n; i++)
        if (!((b.s[i] >= 'a' && b.s[i] <= 'z') || (b.s[i] >= '0' && b.s[i] <= '9') || b.s[i] == '-')) return false;
    return true;
}

/* Takes "/bucket" off the path; false when the path does not begin with it. */
static bool path_without(pb_str path, pb_str bucket, pb_str *rest) {
    if (path.n < bucket.n + 1 || memcmp(path.s + 1, bucket.s, bucket.n) != 0) return false;
    if (path.n > bucket.n + 1 && path.s[bucket.n + 1] != '/') return false;
    *rest = (pb_str){path.s + 1 + bucket.n, path.n - 1 - bucket.n};
    if (rest->n == 0) *rest = PB_STR("/");
    return true;
}

/* ---- all together ---- */

static bool check_region(fault f, pb_str region) {
    if (region.n == 0)
        return fail(f, "region",
                    PB_STR("no AWS region: the event names none, and neither AWS_REGION nor AWS_DEFAULT_REGION nor the "
                           "profile's region is set"));
    if (!aws_region_ok(region))
        return fail(f, "region", PB_STR("the region is not one: it may hold small letters, digits and hyphens only"));
    return true;
}

static aws_variant variant_of(const aws_settings *s) {
    return (aws_variant)((s->fips ? AWS_FIPS : AWS_ORDINARY) | (s->dualstack ? AWS_DUALSTACK : AWS_ORDINARY));
}

static const char *variant_name(aws_variant v) {
    static const char *const names[] = {"", "FIPS ", "dual-stack ", "dual-stack FIPS "};
    return names[v];
}

static bool find_base(pb_arena *a, const aws_model *m, const aws_target *t, pb_str region, base *b, pb_str *signing,
                      fault f) {
    aws_service_info s;
    pb_str variable = {NULL, 0}, host = {NULL, 0};
    aws_service_get(m, t->service, &s);
    aws_variant v = variant_of(t->settings);
    bool known = aws_endpoint(m, t->service, region, v, a, &host, signing);
    pb_str url = aws_settings_endpoint(a, t->settings, s.service_id, &variable);
    if (!url.s) return fail(f, "memory", PB_STR("out of memory"));
    if (url.n) {
        if (v != AWS_ORDINARY)
            return fail(
                f, "endpoint",
                pb_printf(a,
                          "%.*s names an address, so use_fips_endpoint and use_dualstack_endpoint cannot choose "
                          "one: unset one or the other",
                          PB_ARG(variable)));
        if (!known) *signing = region;
        if (base_parse(url, b)) return true;
        return fail(f, "endpoint",
                    pb_printf(a, "%.*s must be http://HOST or https://HOST, with a port and path if need be",
                              PB_ARG(variable)));
    }
    *b = (base){.scheme = "https://", .host = host, .path = {"", 0}};
    if (known) return true;
    return fail(f, "region",
                pb_printf(a, "AWS has no %sendpoint for %.*s in region %.*s: check the region, or set AWS_ENDPOINT_URL",
                          variant_name(v), PB_ARG(s.name), PB_ARG(region)));
}

/* What goes in front of the host, and what stays of the path. */
static bool address_host(pb_arena *a, const aws_target *t, const base *b, pb_str *host, pb_str *path, fault f) {
    const aws_request *q = t->request;
    pb_str prefix = q->host_prefix;
    *path = q->path;
    if (t->bucket.n) {
        if (memchr(t->bucket.s, ':', t->bucket.n))
            return fail(f, "bucket",
                        PB_STR("access point and bucket ARNs are not available in this version: name the bucket"));
        if (!b->custom && bucket_fits_host(t->bucket) && path_without(q->path, t->bucket, path))
            prefix = pb_printf(a, "%.*s.", PB_ARG(t->bucket));
    }
    if (b->custom && host_is_bare(b->host)) prefix = (pb_str){"", 0};
    *host = prefix.n ? pb_printf(a, "%.*s%.*s", PB_ARG(prefix), PB_ARG(b->host)) : b->host;
    return true;
}

bool aws_address_of(pb_arena *a, const aws_model *m, const aws_target *t, aws_address *out, pb_str *code,
                    pb_str *message) {
    base b = {0};
    fault f = {code, message};
    pb_str region = t->region.n ? t->region : t->settings->region, path;
    if (!check_region(f, region) || !find_base(a, m, t, region, &b, &out->signing_region, f)) return false;
    if (!address_host(a, t, &b, &out->host, &path, f)) return false;
    out->path = b.path.n ? pb_printf(a, "%.*s%.*s", PB_ARG(b.path), PB_ARG(path)) : path;
    pb_str q = t->request->query;
    out->url =
        pb_printf(a, "%s%.*s%.*s%s%.*s", b.scheme, PB_ARG(out->host), PB_ARG(out->path), q.n ? "?" : "", PB_ARG(q));
    if (out->url.s && out->path.s && out->host.s) return true;
    return fail(f, "memory", PB_STR("out of memory"));
}
