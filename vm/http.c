/*
 * http.c - HTTP transfers on the loop, by libcurl's multi interface, which is opened at the first transfer.
 *
 * What callers may rely on: certificates are always checked, redirects are never followed, only http and https are
 * spoken, an answer larger than the limit ends the transfer while it is being received, and the time limit covers
 * the whole transfer, so that a server that sends a byte a second cannot hold it. Connections are kept for a short
 * while and used again; curl looks whether one is still alive before it does. Which proxy is used is proxy.c's choice.
 * The URL is sent as written: signatures cover it. Messages name the host and the cause, never the path, the query, a
 * header or a proxy's password, which may be or hold secrets.
 */
#include "vm/http.h"

#include "vm/lazylib.h"
#include "vm/proxy.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HEADERS_MAX = 256,           /* of an answer; AWS sends about ten */
    HEADER_BYTES_MAX = 64 << 10, /* all of them together */
    HOST_MAX = 256,              /* DNS allows 253 */
    MESSAGE_MAX = 1024,
    IDLE_S = 15, /* a kept connection is not used again after that: AWS closes idle ones after about 20 s */
    CONNECTIONS_KEPT = 64
};

typedef struct curl_api {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_getinfo) *easy_getinfo;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
    __typeof__(curl_multi_init) *multi_init;
    __typeof__(curl_multi_setopt) *multi_setopt;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_perform) *multi_perform;
    __typeof__(curl_multi_poll) *multi_poll;
    __typeof__(curl_multi_info_read) *multi_info_read;
    __typeof__(curl_multi_cleanup) *multi_cleanup;
} curl_api;

#define SYMBOL(name) \
    { "curl_" #name, offsetof(curl_api, name) }
static const lazy_symbol curl_symbols[] = {
    SYMBOL(global_init),   SYMBOL(easy_init),     SYMBOL(easy_setopt),      SYMBOL(easy_getinfo),
    SYMBOL(easy_cleanup),  SYMBOL(easy_strerror), SYMBOL(slist_append),     SYMBOL(slist_free_all),
    SYMBOL(multi_init),    SYMBOL(multi_setopt),  SYMBOL(multi_add_handle), SYMBOL(multi_remove_handle),
    SYMBOL(multi_perform), SYMBOL(multi_poll),    SYMBOL(multi_info_read),  SYMBOL(multi_cleanup),
};
#undef SYMBOL

struct http_state {
    curl_api curl;
    CURLM *multi;
    pb_http *transfers; /* under way, in no order */
    int count;          /* of them */
};

struct pb_http {
    http_local *local; /* answered in the process: nothing else of this is used */
    http_state *state;
    pb_http *next, **link;
    CURL *easy;
    struct curl_slist *sent_headers;
    pb_http_fn *fn;
    void *ctx;
    char proxy[PROXY_HOST_MAX]; /* for messages; "": none */
    char host[HOST_MAX];        /* "ec2.eu-west-1.amazonaws.com", "127.0.0.1:4566"; for messages */
    int64_t timeout_ms, connect_ms;
    size_t max_response;
    bool too_large, oom;
    bool head_done; /* the empty line behind the headers has come; curl takes an end before it for a whole answer */
    pb_buf body;
    char *text; /* header names and values, HEADER_BYTES_MAX */
    size_t ntext;
    pb_header headers[HEADERS_MAX];
    uint32_t nheaders;
    char message[MESSAGE_MAX];
    char detail[CURL_ERROR_SIZE]; /* curl's own words; shown for TLS only */
};

/* ---- the library ---- */

static http_state *state_open(pb_loop *l, const char **err) {
    http_state **place = pb_loop_http(l), *s = *place;
    if (s) return s;
    *err = "out of memory";
    s = calloc(1, sizeof *s);
    if (!s) return NULL;
    const char *missing = lazy_open("libcurl.so.4", curl_symbols, sizeof curl_symbols / sizeof *curl_symbols, &s->curl);
    if (missing) {
        *err = "libcurl.so.4 cannot be loaded or is too old; install the package libcurl4";
        goto fail;
    }
    if (s->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        *err = "libcurl did not start";
        goto fail;
    }
    s->multi = s->curl.multi_init();
    if (!s->multi) goto fail;
    s->curl.multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    s->curl.multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return *place = s;
fail:
    free(s);
    return NULL;
}

/* ---- requests ---- */

/* The authority of the URL into host[]; false when it is none we take (other schemes, user names, control characters).
 */
static bool url_host(const char *url, char host[HOST_MAX]) {
    const char *p = strncmp(url, "https://", 8) == 0 ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (!p) return false;
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f) return false;
    size_t n = strcspn(p, "/?#");
    if (n == 0 || n >= HOST_MAX || memchr(p, '@', n)) return false;
    memcpy(host, p, n);
    host[n] = 0;
    return true;
}

static bool header_ok(pb_header h) {
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (uint32_t i = 0; i < h.name.n; i++)
        if (!h.name.s[i] || !strchr(token, h.name.s[i])) return false;
    for (uint32_t i = 0; i < h.value.n; i++)
        if (((unsigned char)h.value.s[i] < ' ' && h.value.s[i] != '\t') || h.value.s[i] == 0x7f) return false;
    return h.name.n > 0;
}

static bool add_line(pb_http *h, const char *line) {
    struct curl_slist *l = h->state->curl.slist_append(h->sent_headers, line);
    if (l) h->sent_headers = l;
    return l != NULL;
}

/* NULL, or why not. curl takes "Name;" for an empty value and "Name:" for leaving out what it would add itself. */
static const char *add_headers(pb_http *h, const pb_http_request *q) {
    bool type = false;
    pb_buf line = {0};
    const char *err = NULL;
    for (uint32_t i = 0; i < q->nheaders && !err; i++) {
        pb_header x = q->headers[i];
        if (!header_ok(x)) {
            err = "a header of the request holds characters that are not allowed there";
            break;
        }
        if (x.name.n == 12 && strncasecmp(x.name.s, "content-type", 12) == 0) type = true;
        line.len = 0;
        pb_buf_add(&line, x.name.s, x.name.n);
        pb_buf_puts(&line, x.value.n ? ": " : ";");
        pb_buf_add(&line, x.value.s, x.value.n);
        if (line.oom || !add_line(h, line.data)) err = "out of memory";
    }
    if (!err && (!add_line(h, "Expect:") || (!type && !add_line(h, "Content-Type:")))) err = "out of memory";
    pb_buf_free(&line);
    return err;
}

/* ---- answers ---- */

static size_t on_body(char *data, size_t size, size_t n, void *ctx) {
    pb_http *h = ctx;
    size_t bytes = size * n;
    if (bytes > h->max_response - h->body.len) {
        h->too_large = true;
        return 0;
    }
    pb_buf_add(&h->body, data, bytes);
    h->oom |= h->body.oom;
    return h->oom ? 0 : bytes;
}

static void trim(const char **s, size_t *n) {
    while (*n && strchr(" \t\r\n", **s)) ++*s, --*n;
    while (*n && strchr(" \t\r\n", (*s)[*n - 1])) --*n;
}

static void keep_header(pb_http *h, const char *name, size_t nname, const char *value, size_t nvalue) {
    char *p = h->text + h->ntext;
    for (size_t i = 0; i < nname; i++) p[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    p[nname] = 0;
    memcpy(p + nname + 1, value, nvalue);
    p[nname + 1 + nvalue] = 0;
    h->ntext += nname + nvalue + 2;
    h->headers[h->nheaders++] = (pb_header){{p, (uint32_t)nname}, {p + nname + 1, (uint32_t)nvalue}};
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx) {
    pb_http *h = ctx;
    size_t bytes = size * n, nname, nvalue;
    if (!bytes) return 0;
    if (bytes >= 5 && memcmp(data, "HTTP/", 5) == 0) { /* after 100 Continue comes the real answer */
        h->nheaders = 0;
        h->ntext = 0;
        h->head_done = false;
        return bytes;
    }
    if (data[0] == '\r' || data[0] == '\n') h->head_done = true;
    const char *colon = memchr(data, ':', bytes), *name = data, *value;
    if (!colon) return bytes;
    if (h->nheaders == HEADERS_MAX || h->ntext + bytes + 2 > HEADER_BYTES_MAX) {
        h->too_large = true;
        return 0;
    }
    nname = (size_t)(colon - data);
    value = colon + 1;
    nvalue = bytes - nname - 1;
    trim(&name, &nname);
    trim(&value, &nvalue);
    keep_header(h, name, nname, value, nvalue);
    return bytes;
}

pb_str pb_http_header(const pb_http_response *r, const char *lower_name) {
    for (uint32_t i = 0; i < r->nheaders; i++)
        if (pb_str_is(r->headers[i].name, lower_name)) return r->headers[i].value;
    return (pb_str){"", 0};
}

/* ---- starting and ending ---- */

static void list_add(pb_http *h) {
    http_state *s = h->state;
    h->next = s->transfers;
    h->link = &s->transfers;
    if (h->next) h->next->link = &h->next;
    s->transfers = h;
    s->count++;
}

static void list_remove(pb_http *h) {
    if (!h->link) return;
    h->state->curl.multi_remove_handle(h->state->multi, h->easy);
    *h->link = h->next;
    if (h->next) h->next->link = h->link;
    h->link = NULL;
    h->state->count--;
}

static void http_free(pb_http *h) {
    if (!h) return;
    const curl_api *c = &h->state->curl;
    list_remove(h);
    if (h->easy) c->easy_cleanup(h->easy);
    c->slist_free_all(h->sent_headers);
    if (h->body.data) explicit_bzero(h->body.data, h->body.len); /* answers may hold keys */
    pb_buf_free(&h->body);
    free(h->text);
    free(h);
}

static bool set_body(const pb_http *h, const pb_http_request *q) {
    const curl_api *c = &h->state->curl;
    bool ok = true;
    if (strcmp(q->method, "HEAD") == 0) return c->easy_setopt(h->easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    /* An empty POST or PUT still says "Content-Length: 0"; servers insist on it. */
    if (q->body.n || strcmp(q->method, "POST") == 0 || strcmp(q->method, "PUT") == 0) {
        ok &= c->easy_setopt(h->easy, CURLOPT_POST, 1L) == CURLE_OK;
        ok &= c->easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n) == CURLE_OK;
        ok &= c->easy_setopt(h->easy, CURLOPT_POSTFIELDS, q->body.n ? q->body.s : "") == CURLE_OK;
    } else {
        ok &= c->easy_setopt(h->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    }
    return ok && c->easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK;
}

static bool set_safety(const pb_http *h, const pb_http_request *q) {
    const curl_api *c = &h->state->curl;
    bool ok = true;
    ok &= c->easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, (long)h->timeout_ms) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_MAXAGE_CONN, (long)IDLE_S) == CURLE_OK;
    if (q->ca_file) ok &= c->easy_setopt(h->easy, CURLOPT_CAINFO, q->ca_file) == CURLE_OK;
    if (q->once) ok &= c->easy_setopt(h->easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
    return ok;
}

/* NULL, or why not. Curl's own look at the environment is switched off. */
static const char *set_proxy(pb_http *h, const char *url) {
    const curl_api *c = &h->state->curl;
    const char *variable;
    proxy_choice p;
    if (!proxy_choose(url, &p, &variable))
        return variable[4] == '_' ? "http_proxy (or HTTP_PROXY) is not the address of a proxy: http://HOST:PORT"
                                  : "https_proxy (or HTTPS_PROXY) is not the address of a proxy: http://HOST:PORT";
    bool ok = c->easy_setopt(h->easy, CURLOPT_PROXY, p.used ? p.url : "") == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_NOPROXY, "") == CURLE_OK;
    if (p.used) snprintf(h->proxy, sizeof h->proxy, "%s", p.host);
    explicit_bzero(p.url, sizeof p.url);
    return ok ? NULL : "libcurl refused an option; it is too old or lacks proxies";
}

static bool set_options(pb_http *h, const pb_http_request *q) {
    const curl_api *c = &h->state->curl;
    bool ok = c->easy_setopt(h->easy, CURLOPT_URL, q->url) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_PRIVATE, h) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->detail) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->sent_headers) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_WRITEDATA, h) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok &= c->easy_setopt(h->easy, CURLOPT_HEADERDATA, h) == CURLE_OK;
    return ok && set_safety(h, q) && set_body(h, q);
}

static int64_t limit_ms(int64_t ms) { return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : ms; }

static pb_http *start_local(pb_loop *l, const pb_http_request *q, pb_http_fn *fn, void *ctx, const char **err) {
    pb_http *h = calloc(1, sizeof *h);
    *err = "out of memory";
    if (h) h->local = http_local_start(l, q, fn, ctx, h);
    if (h && h->local) {
        *err = NULL;
        return h;
    }
    free(h);
    return NULL;
}

void http_local_over(pb_http *self) { free(self); }

pb_http *pb_http_start(pb_loop *l, const pb_http_request *q, pb_http_fn *fn, void *ctx, const char **err) {
    if (pb_loop_locals(l)->fn) return start_local(l, q, fn, ctx, err);
    http_state *s = state_open(l, err);
    if (!s) return NULL;
    *err = "out of memory";
    pb_http *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->state = s;
    h->fn = fn;
    h->ctx = ctx;
    h->timeout_ms = limit_ms(q->timeout_ms);
    h->connect_ms = limit_ms(q->connect_ms < q->timeout_ms ? q->connect_ms : q->timeout_ms);
    h->max_response = q->max_response < UINT32_MAX ? q->max_response : UINT32_MAX - 1;
    if (!url_host(q->url, h->host)) {
        *err = "the address must be http://host... or https://host... without user name, spaces or control characters";
        goto fail;
    }
    h->text = malloc(HEADER_BYTES_MAX);
    h->easy = s->curl.easy_init();
    if (!h->text || !h->easy) goto fail;
    const char *bad = add_headers(h, q);
    if (!bad) bad = set_proxy(h, q->url);
    if (bad) {
        *err = bad;
        goto fail;
    }
    if (!set_options(h, q)) {
        *err = "libcurl refused an option; it is too old or lacks TLS";
        goto fail;
    }
    if (s->curl.multi_add_handle(s->multi, h->easy) != CURLM_OK) goto fail;
    list_add(h);
    *err = NULL;
    return h;
fail:
    http_free(h);
    return NULL;
}

void pb_http_cancel(pb_http *h) {
    if (!h || !h->local) {
        http_free(h);
        return;
    }
    http_local_cancel(h->local);
    free(h);
}

/* ---- what happened ---- */

/* It would not make a tunnel to the host: nothing has been sent there. */
static bool refused_by_proxy(const pb_http *h, CURLcode code) {
    long tunnel = 0;
    h->state->curl.easy_getinfo(h->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    return h->proxy[0] && code != CURLE_OK && tunnel != 0 && tunnel / 100 != 2;
}

static pb_http_error kind_of(const pb_http *h, CURLcode code) {
    if (refused_by_proxy(h, code)) return HTTP_CONNECT;
    if (code == CURLE_OK) return h->head_done ? HTTP_OK : HTTP_CLOSED;
    if (h->too_large) return HTTP_TOO_LARGE;
    if (h->oom) return HTTP_INTERNAL;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return HTTP_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY: return HTTP_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED: return HTTP_TLS;
    case CURLE_OPERATION_TIMEDOUT: return HTTP_TIMEOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: return HTTP_CLOSED;
    case CURLE_FILESIZE_EXCEEDED: return HTTP_TOO_LARGE;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer that is not HTTP; our own URLs were looked at */
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_URL_MALFORMAT: return HTTP_PROTOCOL;
    default: return HTTP_INTERNAL;
    }
}

/* "ec2.eu-west-1.amazonaws.com", and the proxy on the way when there is one. */
static const char *way(const pb_http *h, char *room, size_t n) {
    if (!h->proxy[0]) return h->host;
    snprintf(room, n, "%s through the proxy %s", h->host, h->proxy);
    return room;
}

static void describe(pb_http *h, pb_http_error kind, CURLcode code) {
    char room[HOST_MAX + PROXY_HOST_MAX + 32];
    const char *host = way(h, room, sizeof room);
    long tunnel = 0;
    const curl_api *c = &h->state->curl;
    char *m = h->message;
    long os = 0;
    double connected = 0;
    c->easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &os);
    c->easy_getinfo(h->easy, CURLINFO_CONNECT_TIME, &connected);
    c->easy_getinfo(h->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    if (refused_by_proxy(h, code)) {
        snprintf(m, MESSAGE_MAX, "no connection to %s: the proxy answered HTTP %ld%s", host, tunnel,
                 tunnel == 407 ? ": it wants a user and password, which stand in its address: http://USER:PASSWORD@HOST"
                               : "");
        return;
    }
    switch (kind) {
    case HTTP_OK: m[0] = 0; break;
    case HTTP_RESOLVE:
        snprintf(m, MESSAGE_MAX, "the name %s cannot be resolved",
                 code == CURLE_COULDNT_RESOLVE_PROXY ? h->proxy : h->host);
        break;
    case HTTP_CONNECT:
        snprintf(m, MESSAGE_MAX, "no connection to %s: %s", host, os ? strerror((int)os) : "refused or unreachable");
        break;
    case HTTP_TLS:
        snprintf(m, MESSAGE_MAX, "no trusted connection to %s: %s", host,
                 h->detail[0] ? h->detail : c->easy_strerror(code));
        break;
    case HTTP_TIMEOUT:
        snprintf(m, MESSAGE_MAX, "%s %s within %lld ms", host,
                 connected > 0 ? "did not answer" : "could not be reached",
                 (long long)(connected > 0 ? h->timeout_ms : h->connect_ms));
        break;
    case HTTP_CLOSED:
        snprintf(m, MESSAGE_MAX, "%s closed the connection %s", host,
                 h->nheaders ? "before the answer was complete" : "without an answer");
        break;
    case HTTP_TOO_LARGE:
        snprintf(m, MESSAGE_MAX, "%s answered with more than the %zu bytes allowed", h->host, h->max_response);
        break;
    case HTTP_PROTOCOL: snprintf(m, MESSAGE_MAX, "%s answered with something that is not HTTP", h->host); break;
    case HTTP_INTERNAL:
        snprintf(m, MESSAGE_MAX, "the transfer to %s failed: %s", h->host,
                 h->oom ? "out of memory" : c->easy_strerror(code));
        break;
    }
}

static void finish(pb_http *h, CURLcode code) {
    const curl_api *c = &h->state->curl;
    long status = 0, sent = 0;
    curl_off_t us = 0;
    c->easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    c->easy_getinfo(h->easy, CURLINFO_REQUEST_SIZE, &sent);
    c->easy_getinfo(h->easy, CURLINFO_TOTAL_TIME_T, &us);
    pb_http_error kind = kind_of(h, code);
    describe(h, kind, code);
    pb_http_response r = {.error = kind,
                          .message = h->message,
                          .sent = sent > 0 && !refused_by_proxy(h, code),
                          .status = (int)status,
                          .headers = h->headers,
                          .nheaders = h->nheaders,
                          .body = {h->body.data ? h->body.data : "", (uint32_t)h->body.len},
                          .elapsed_us = (int64_t)us};
    /* Out of the list before the callback: it may start others and cancel others, and may not find this one. */
    list_remove(h);
    h->fn(h->ctx, &r);
    http_free(h);
}

/* ---- the loop's side ---- */

bool http_busy(const http_state *s) { return s && s->transfers; }

void http_wait(http_state *s, struct pollfd *fds, uint32_t nfds, int wait_ms) {
    struct curl_waitfd extra[64];
    uint32_t n = nfds < 64 ? nfds : 64;
    int running = 0, ready = 0;
    for (uint32_t i = 0; i < n; i++) extra[i] = (struct curl_waitfd){fds[i].fd, CURL_WAIT_POLLIN, 0};
    s->curl.multi_perform(s->multi, &running); /* what was started since the last turn gets going now */
    if (running < s->count) wait_ms = 0;       /* some have ended already */
    s->curl.multi_poll(s->multi, extra, n, wait_ms, &ready);
    s->curl.multi_perform(s->multi, &running);
    for (uint32_t i = 0; i < n; i++) fds[i].revents = extra[i].revents;
}

void http_deliver(http_state *s) {
    CURLMsg *m;
    int left;
    while ((m = s->curl.multi_info_read(s->multi, &left))) {
        pb_http *h = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result;
        s->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &h);
        if (h) finish(h, code);
    }
}

void http_state_free(http_state *s) {
    if (!s) return;
    while (s->transfers) http_free(s->transfers);
    s->curl.multi_cleanup(s->multi);
    free(s);
}
