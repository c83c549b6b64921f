/*
 * proxy.c - HTTPS_PROXY, HTTP_PROXY and NO_PROXY, small letters first.
 *
 * The choice is made here and not left to libcurl, so that simulators and metadata on local addresses are never asked
 * for through a proxy, whatever the environment says, and so that messages can name the proxy without its password.
 *
 * NO_PROXY is a list by commas: "*", host names, which stand for all names below them too ("example.org",
 * ".example.org"), each with a port if only that one is meant, IP addresses, and networks ("10.0.0.0/8").
 */
#include "vm/proxy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "host", "host:port" or "[v6]:port" taken apart. */
typedef struct authority {
    char host[PROXY_HOST_MAX]; /* without brackets */
    char port[8];              /* "" when there is none */
} authority;

static void take_apart(const char *s, size_t n, authority *out) {
    size_t from = n && s[0] == '[', end = 0;
    const char *close = from ? memchr(s, ']', n) : NULL, *colon = close ? NULL : memchr(s, ':', n);
    end = close                                                           ? (size_t)(close - s)
          : colon && !memchr(colon + 1, ':', n - (size_t)(colon - s) - 1) ? (size_t)(colon - s)
                                                                          : n;
    snprintf(out->host, sizeof out->host, "%.*s", (int)(end - from), s + from);
    size_t rest = close ? end + 1 : end;
    bool port = rest < n && s[rest] == ':' && n - rest - 1 < sizeof out->port;
    snprintf(out->port, sizeof out->port, "%.*s", port ? (int)(n - rest - 1) : 0, port ? s + rest + 1 : "");
}

bool proxy_is_local(const char *host) {
    static const char *const starts[] = {"127.", "169.254.", "fe80:", "fd00:ec2:"};
    authority a = {0};
    take_apart(host, strlen(host), &a);
    if (strcasecmp(a.host, "localhost") == 0 || strcmp(a.host, "::1") == 0) return true;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct in6_addr v6;
        struct in_addr v4;
        if (strncasecmp(a.host, starts[i], strlen(starts[i])) != 0) continue;
        if (inet_pton(AF_INET, a.host, &v4) == 1 || inet_pton(AF_INET6, a.host, &v6) == 1) return true;
    }
    return false;
}

/* ---- NO_PROXY ---- */

static bool address_of(const char *host, unsigned char out[16], unsigned *bits) {
    *bits = inet_pton(AF_INET, host, out) == 1 ? 32 : inet_pton(AF_INET6, host, out) == 1 ? 128 : 0;
    return *bits != 0;
}

/* "10.0.0.0/8" */
static bool in_network(const char *host, const char *net, size_t n) {
    char text[64];
    unsigned char a[16], b[16];
    unsigned abits, bbits;
    const char *slash = memchr(net, '/', n);
    if (!slash || n >= sizeof text) return false;
    snprintf(text, sizeof text, "%.*s", (int)(slash - net), net);
    char *end;
    unsigned long length = strtoul(slash + 1, &end, 10);
    if (end == slash + 1 || end != net + n || !address_of(host, a, &abits) || !address_of(text, b, &bbits))
        return false;
    if (abits != bbits || length > abits) return false;
    size_t whole = length / 8;
    unsigned rest = (unsigned)(length % 8), mask = 0xFF00u >> rest & 0xFF;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] & mask) == (b[whole] & mask));
}

static bool item_fits(const authority *to, const char *item, size_t n) {
    authority want = {0};
    if (n == 1 && *item == '*') return true;
    if (in_network(to->host, item, n)) return true;
    if (n > 2 && item[0] == '*' && item[1] == '.') item++, n--;
    if (n && item[0] == '.') item++, n--;
    take_apart(item, n, &want);
    size_t have = strlen(to->host), len = strlen(want.host);
    if (len == 0 || len > have || (want.port[0] && strcmp(want.port, to->port) != 0)) return false;
    if (strcasecmp(to->host + have - len, want.host) != 0) return false;
    return have == len || to->host[have - len - 1] == '.';
}

static bool exempt(const authority *to, const char *list) {
    while (*list) {
        list += strspn(list, ", \t");
        size_t n = strcspn(list, ", \t");
        if (n && item_fits(to, list, n)) return true;
        list += n;
    }
    return false;
}

/* ---- the choice ---- */

static const char *variable(const char *small, const char *capitals, const char **name) {
    const char *v = getenv(small);
    *name = small;
    if (v && *v) return v;
    *name = capitals;
    v = getenv(capitals);
    return v && *v ? v : NULL;
}

/* "http://user:password@10.0.0.1:3128/" -> host "10.0.0.1:3128" */
static bool take_proxy(const char *v, proxy_choice *out) {
    const char *scheme = strstr(v, "://"), *rest = scheme ? scheme + 3 : v;
    size_t n = strcspn(rest, "/?#");
    if (scheme && strncasecmp(v, "http://", 7) != 0 && strncasecmp(v, "https://", 8) != 0) return false;
    for (const char *c = v; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f) return false;
    const char *host = rest;
    for (size_t i = 0; i < n; i++)
        if (rest[i] == '@') host = rest + i + 1;
    n -= (size_t)(host - rest);
    if (n == 0 || n >= PROXY_HOST_MAX || strlen(v) >= PROXY_MAX - 8) return false;
    snprintf(out->host, sizeof out->host, "%.*s", (int)n, host);
    snprintf(out->url, sizeof out->url, "%s%s", scheme ? "" : "http://", v);
    return out->used = true;
}

bool proxy_choose(const char *url, proxy_choice *out, const char **name) {
    bool https = strncmp(url, "https://", 8) == 0;
    const char *host = url + (https ? 8 : 7), *ignored;
    size_t n = strcspn(host, "/?#");
    authority to = {0};
    out->used = false;
    take_apart(host, n, &to);
    if (!to.port[0]) snprintf(to.port, sizeof to.port, "%s", https ? "443" : "80");
    const char *v = https ? variable("https_proxy", "HTTPS_PROXY", name) : variable("http_proxy", "HTTP_PROXY", name);
    const char *no = variable("no_proxy", "NO_PROXY", &ignored);
    if (!v || proxy_is_local(to.host) || (no && exempt(&to, no))) return true;
    return take_proxy(v, out);
}
