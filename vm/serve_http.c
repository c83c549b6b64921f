/*
 * serve_http.c - HTTP for the server: libmicrohttpd without threads of its own, on the engine's loop.
 *
 * The library gives one descriptor (its epoll set) to wait for and a time after which it wants to be called anyway;
 * both are put on the loop. A request is gathered whole within its route's limit, then handed to the handler. An answer
 * given at once is queued at once; for one that comes later the connection is suspended and taken up again by
 * serve_answer.
 *
 * Against senders who mean ill: sizes of headers and bodies, the number of connections, and the time from a
 * connection's begin (or its last answer) to the end of its next request are limited; the last one by a sweep each
 * second, because the library's own timeout begins anew with each byte. An address that fails to authenticate too often
 * is not listened to for a while.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm/lazylib.h"
#include "vm/plain.h"
#include "vm/serve_own.h"

enum {
    MAX_CONNECTIONS = 1000,        /* an event bus has some; below the descriptors we ask for */
    MAX_HEADERS = 64,              /* SNS, Slack and proxies send about twenty */
    CONNECTION_MEMORY = 32 * 1024, /* request line and headers */
    REQUEST_MEMORY = 32 << 20,     /* of the arena: a body's JSON is some times as large as a value */
    IDLE_S = 60,
    SLOW_MS = 30000, /* from connecting to the whole request */
    SWEEP_MS = 1000,
    FAILURES = 30, /* in FAILURE_MS from one address, then it is not listened to */
    FAILURE_MS = 60000,
    FAILURE_SLOTS = 512, /* addresses remembered */
    FAILURE_PROBE = 8,
    ADDRESS = 64,
    DRAIN_TURNS = 50 /* of the library, to send last answers */
};

#define MHD_FUNCTIONS(X) \
    X(start_daemon) \
    X(stop_daemon) \
    X(quiesce_daemon) \
    X(run) \
    X(get_timeout) \
    X(get_daemon_info) \
    X(get_connection_info) \
    X(get_connection_values) \
    X(lookup_connection_value) \
    X(create_response_from_buffer) \
    X(add_response_header) \
    X(queue_response) \
    X(suspend_connection) \
    X(resume_connection) \
    X(destroy_response)

typedef struct mhd_api {
#define X(name) __typeof__(MHD_##name) *name;
    MHD_FUNCTIONS(X)
#undef X
} mhd_api;

static const lazy_symbol mhd_symbols[] = {
#define X(name) {"MHD_" #name, offsetof(mhd_api, name)},
    MHD_FUNCTIONS(X)
#undef X
};

/* A connection, from accepting to closing. */
typedef struct peer {
    struct peer *next, **link;
    int fd;
    bool busy;     /* a handler has its request */
    int64_t since; /* monotonic: connected, or answered last */
    char address[ADDRESS];
} peer;

struct serve_exchange {
    serve_http *http;
    struct MHD_Connection *connection;
    peer *peer;
    pb_arena *arena;
    serve_request request;
    const serve_route *route;
    pb_buf body;
    struct MHD_Response *response;
    int status;
    bool begun, handed, suspended, answered;
    serve_exchange *next, **link; /* among those with a handler */
};

typedef struct failure {
    char address[ADDRESS];
    int64_t since;
    uint32_t n;
} failure;

struct serve_http {
    const serve_world *world;
    mhd_api mhd;
    struct MHD_Daemon *daemon;
    int fd; /* listening; -1: the library's now */
    char url[ADDRESS + 32];
    serve_route routes[SERVE_ROUTES_MAX];
    uint32_t nroutes, open;
    peer *peers;
    serve_exchange *handed;
    pb_watch *watch;
    pb_timer *timer, *sweep;
    failure failures[FAILURE_SLOTS];
    bool quiesced;
};

/* ---- reading requests ---- */

pb_str serve_header(const serve_request *q, const char *name) {
    size_t n = strlen(name);
    for (uint32_t i = 0; i < q->nheaders; i++)
        if (q->headers[i].name.n == n && strncasecmp(q->headers[i].name.s, name, n) == 0) return q->headers[i].value;
    return (pb_str){"", 0};
}

static pb_str decode(pb_str t, pb_arena *a) {
    pb_str out;
    return plain_form_decode(a, t, &out) ? out : (pb_str){NULL, 0};
}

pb_str serve_field(pb_str form, const char *name, pb_arena *a) {
    for (uint32_t at = 0; at < form.n;) {
        const char *p = form.s + at, *amp = memchr(p, '&', form.n - at);
        uint32_t n = amp ? (uint32_t)(amp - p) : form.n - at;
        const char *equals = memchr(p, '=', n);
        uint32_t key = equals ? (uint32_t)(equals - p) : n;
        pb_str decoded = decode((pb_str){p, key}, a);
        if (decoded.s && pb_str_is(decoded, name))
            return equals ? decode((pb_str){equals + 1, n - key - 1}, a) : PB_STR("");
        at += n + 1;
    }
    return (pb_str){NULL, 0};
}

bool serve_same(pb_str a, pb_str b) {
    volatile unsigned char differs = a.n != b.n;
    for (uint32_t i = 0; i < a.n; i++) {
        unsigned char other = b.n ? (unsigned char)b.s[i % b.n] : 0;
        differs = (unsigned char)(differs | ((unsigned char)a.s[i] ^ other));
    }
    return differs == 0;
}

/* ---- who fails too often ---- */

static failure *failure_of(serve_http *h, const char *address, int64_t now) {
    uint32_t hash = 2166136261u;
    for (const char *p = address; *p; p++) hash = (hash ^ (unsigned char)*p) * 16777619u;
    failure *oldest = &h->failures[hash % FAILURE_SLOTS];
    for (uint32_t i = 0; i < FAILURE_PROBE; i++) {
        failure *f = &h->failures[(hash + i) % FAILURE_SLOTS];
        if (strcmp(f->address, address) == 0) return f;
        if (f->since < oldest->since) oldest = f;
    }
    *oldest = (failure){.since = now};
    snprintf(oldest->address, ADDRESS, "%s", address);
    return oldest;
}

static bool too_many_failures(serve_http *h, const char *address) {
    int64_t now = pb_loop_mono_ms();
    const failure *f = failure_of(h, address, now);
    return f->n >= FAILURES && now - f->since < FAILURE_MS;
}

static void count_failure(serve_http *h, const char *address) {
    int64_t now = pb_loop_mono_ms();
    failure *f = failure_of(h, address, now);
    if (now - f->since >= FAILURE_MS) *f = (failure){.since = now};
    if (!f->n) snprintf(f->address, ADDRESS, "%s", address);
    f->n++;
}

/* ---- answers ---- */

static const struct {
    const char *name, *value;
} our_headers[] = {
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
};

static bool gives_header(const serve_response *r, const char *name) {
    for (uint32_t i = 0; i < r->nheaders; i++)
        if (r->headers[i].name.n == strlen(name) && strncasecmp(r->headers[i].name.s, name, strlen(name)) == 0)
            return true;
    return false;
}

static void add_header(const serve_http *h, struct MHD_Response *m, pb_str name, pb_str value) {
    char key[ADDRESS], *text = malloc((size_t)value.n + 1);
    if (!text) return;
    snprintf(key, sizeof key, "%.*s", PB_ARG(name));
    memcpy(text, value.n ? value.s : "", value.n);
    text[value.n] = '\0';
    h->mhd.add_response_header(m, key, text); /* one that holds a control byte is left out */
    free(text);
}

static struct MHD_Response *make_response(const serve_http *h, const serve_response *r) {
    const char *body = r->body.n ? r->body.s : "";
    struct MHD_Response *m =
        h->mhd.create_response_from_buffer(r->body.n, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (!m) return NULL;
    h->mhd.add_response_header(m, "Content-Type", r->type ? r->type : "application/json");
    for (size_t i = 0; i < sizeof our_headers / sizeof *our_headers; i++)
        if (!gives_header(r, our_headers[i].name))
            h->mhd.add_response_header(m, our_headers[i].name, our_headers[i].value);
    for (uint32_t i = 0; i < r->nheaders; i++) add_header(h, m, r->headers[i].name, r->headers[i].value);
    if (h->quiesced) h->mhd.add_response_header(m, "Connection", "close");
    return m;
}

static void on_timer(void *ctx);

static void turn_soon(serve_http *h) {
    pb_timer_cancel(h->timer);
    h->timer = pb_timer_start(h->world->loop, 0, on_timer, h);
}

static void hand_back(serve_exchange *x) {
    *x->link = x->next;
    if (x->next) x->next->link = x->link;
    x->http->open--;
}

void serve_answer(serve_exchange *x, const serve_response *r) {
    if (x->answered) return;
    x->answered = true;
    x->status = r->status;
    x->response = make_response(x->http, r);
    if (r->refused) count_failure(x->http, x->request.peer.s);
    if (x->handed) hand_back(x);
    if (!x->suspended) return;
    x->http->mhd.resume_connection(x->connection);
    turn_soon(x->http); /* the library's descriptor does not tell of it */
}

void serve_answer_error(serve_exchange *x, const serve_request *q, int status, const char *fmt, ...) {
    va_list ap;
    pb_map_builder b = {.arena = q->arena};
    va_start(ap, fmt);
    pb_str sentence = pb_vprintf(q->arena, fmt, ap);
    va_end(ap);
    pb_map_add(&b, PB_STR("error"), pb_string(sentence));
    pb_str text = pb_json_text(q->arena, pb_map_done(&b));
    serve_response r = {
        .status = status, .body = text.s ? text : PB_STR("{}"), .refused = status == 401 || status == 403};
    static const pb_header later[] = {{{"Retry-After", 11}, {"5", 1}}};
    if (status == 429 || status == 503) r.headers = later, r.nheaders = 1;
    serve_answer(x, &r);
}

static enum MHD_Result queue(serve_exchange *x) {
    if (!x->response) return MHD_NO; /* no memory for an answer: the connection is closed */
    x->peer->since = pb_loop_mono_ms();
    x->peer->busy = false;
    enum MHD_Result rc = x->http->mhd.queue_response(x->connection, (unsigned)x->status, x->response);
    x->http->mhd.destroy_response(x->response);
    x->response = NULL;
    return rc;
}

/* ---- one request ---- */

static void exchange_free(serve_exchange *x) {
    if (!x) return;
    if (x->handed && !x->answered) hand_back(x); /* cannot be while it is suspended */
    if (x->response) x->http->mhd.destroy_response(x->response);
    pb_arena_free(x->arena);
    pb_buf_free(&x->body);
    free(x);
}

/* Called with the request line's target, before anything else. */
static void *on_target(void *ctx, const char *uri, struct MHD_Connection *connection) {
    serve_exchange *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    x->http = ctx;
    x->connection = connection;
    x->arena = pb_arena_new(REQUEST_MEMORY);
    pb_str target = x->arena ? pb_strdup(x->arena, uri, strlen(uri)) : (pb_str){NULL, 0};
    const char *question = target.s ? memchr(target.s, '?', target.n) : NULL;
    uint32_t path = question ? (uint32_t)(question - target.s) : target.n;
    x->request.path = (pb_str){target.s, path};
    x->request.query = question ? (pb_str){question + 1, target.n - path - 1} : PB_STR("");
    return x;
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why) {
    (void)ctx;
    (void)connection;
    (void)why;
    exchange_free(*state);
    *state = NULL;
}

typedef struct header_list {
    pb_arena *arena;
    pb_header *v;
    uint32_t n;
} header_list;

static enum MHD_Result on_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value) {
    (void)kind;
    header_list *l = ctx;
    if (l->n == MAX_HEADERS) return MHD_NO;
    l->v[l->n++] = (pb_header){pb_str_c(name), value ? pb_str_c(value) : PB_STR("")};
    return MHD_YES;
}

/* The sender's address: what the nearest proxy on this machine says, else the connection's. */
static pb_str peer_of(const serve_exchange *x) {
    pb_str forwarded = serve_header(&x->request, "X-Forwarded-For");
    if (forwarded.n && serve_is_loopback(x->peer->address)) {
        uint32_t at = forwarded.n;
        while (at && forwarded.s[at - 1] != ',' && forwarded.s[at - 1] != ' ') at--;
        pb_str last = pb_strdup(x->arena, forwarded.s + at, forwarded.n - at);
        struct in6_addr parsed;
        if (last.s && last.n < ADDRESS && (inet_pton(AF_INET, last.s, &parsed) || inet_pton(AF_INET6, last.s, &parsed)))
            return last;
    }
    return pb_str_c(x->peer->address);
}

/* "/approve/" stands for what begins so, "/events" for itself. */
static bool route_matches(const serve_route *r, pb_str path) {
    size_t n = strlen(r->path);
    bool prefix = n > 1 && r->path[n - 1] == '/';
    return path.n >= n && memcmp(path.s, r->path, n) == 0 && (prefix || path.n == n);
}

static const serve_route *find_route(const serve_http *h, pb_str path, const char *method, const char **allow) {
    *allow = NULL;
    for (uint32_t i = 0; i < h->nroutes; i++) {
        if (!route_matches(&h->routes[i], path)) continue;
        if (strcmp(h->routes[i].method, method) == 0) return &h->routes[i];
        *allow = h->routes[i].method;
    }
    return NULL;
}

static enum MHD_Result refuse(serve_exchange *x, int status, const char *what) {
    serve_answer_error(x, &x->request, status, "%s", what);
    return queue(x);
}

static enum MHD_Result refuse_method(serve_exchange *x, const char *allow) {
    const pb_header h = {PB_STR("Allow"), pb_str_c(allow)};
    serve_answer(
        x, &(serve_response){
               .status = 405, .body = PB_STR("{\"error\":\"not with this method\"}"), .headers = &h, .nheaders = 1});
    return queue(x);
}

/* The headers are in: where does it go, and may it? */
static enum MHD_Result begin(serve_exchange *x, const char *method) {
    serve_http *h = x->http;
    serve_request *q = &x->request;
    const char *allow;
    header_list l = {x->arena, pb_alloc_array(x->arena, MAX_HEADERS, sizeof(pb_header)), 0};
    if (!l.v) return MHD_NO;
    h->mhd.get_connection_values(x->connection, MHD_HEADER_KIND, on_header, &l);
    q->method = strcmp(method, "HEAD") == 0 ? "GET" : pb_strdup(x->arena, method, strlen(method)).s;
    q->headers = l.v;
    q->nheaders = l.n;
    q->arena = x->arena;
    q->now = pb_loop_wall_ms();
    q->peer = peer_of(x);
    if (!q->method) return MHD_NO;
    if (h->quiesced) return refuse(x, 503, "the server is being stopped");
    if (too_many_failures(h, q->peer.s))
        return refuse(x, 429, "too many refused requests from this address; wait a minute");
    x->route = find_route(h, q->path, q->method, &allow);
    if (!x->route) return allow ? refuse_method(x, allow) : refuse(x, 404, "there is nothing here");
    size_t max = x->route->max_body ? x->route->max_body : SERVE_MAX_BODY;
    const char *length = h->mhd.lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
    if (length && strtoull(length, NULL, 10) > max) return refuse(x, 413, "the request is larger than is taken here");
    q->rest = (pb_str){q->path.s + strlen(x->route->path), q->path.n - (uint32_t)strlen(x->route->path)};
    return MHD_YES;
}

/* A piece of the body. Too much of one whose size was not told before: the connection is closed. */
static enum MHD_Result gather(serve_exchange *x, const char *data, size_t *size) {
    size_t max = x->route->max_body ? x->route->max_body : SERVE_MAX_BODY;
    if (*size > max - x->body.len) return MHD_NO;
    pb_buf_add(&x->body, data, *size);
    *size = 0;
    return x->body.oom ? MHD_NO : MHD_YES;
}

static enum MHD_Result hand_over(serve_exchange *x) {
    serve_http *h = x->http;
    x->request.body = (pb_str){x->body.len ? x->body.data : "", (uint32_t)x->body.len};
    x->handed = true;
    x->next = h->handed;
    x->link = &h->handed;
    if (x->next) x->next->link = &x->next;
    h->handed = x;
    h->open++;
    x->peer->busy = true;
    x->route->fn(x->route->ctx, x, &x->request);
    if (x->answered) return queue(x);
    x->suspended = true;
    h->mhd.suspend_connection(x->connection);
    return MHD_YES;
}

/* Called once when the headers are in, for each piece of the body, after it, and when it is taken up again. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
    (void)ctx;
    (void)url;
    (void)version;
    serve_exchange *x = *state;
    if (!x || !x->request.path.s) return MHD_NO;
    if (!x->begun) {
        x->begun = true;
        const union MHD_ConnectionInfo *info =
            x->http->mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        x->peer = info ? info->socket_context : NULL;
        return x->peer ? begin(x, method) : MHD_NO;
    }
    if (*size) return x->answered ? MHD_NO : gather(x, data, size);
    return x->answered ? queue(x) : hand_over(x);
}

/* ---- connections ---- */

static void address_of(const serve_http *h, struct MHD_Connection *c, char out[ADDRESS]) {
    const union MHD_ConnectionInfo *info = h->mhd.get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;
    socklen_t n = a && a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (!a || getnameinfo(a, n, out, ADDRESS, NULL, 0, NI_NUMERICHOST) != 0) snprintf(out, ADDRESS, "unknown");
}

static void on_connection(void *ctx, struct MHD_Connection *c, void **state, enum MHD_ConnectionNotificationCode what) {
    serve_http *h = ctx;
    peer *p = *state;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *fd = h->mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (!fd || !(p = calloc(1, sizeof *p))) return; /* its requests will be refused */
        p->fd = fd->connect_fd;
        p->since = pb_loop_mono_ms();
        address_of(h, c, p->address);
        p->next = h->peers;
        p->link = &h->peers;
        if (p->next) p->next->link = &p->next;
        h->peers = p;
        *state = p;
    } else if (p) {
        *p->link = p->next;
        if (p->next) p->next->link = p->link;
        free(p);
        *state = NULL;
    }
}

/* ---- on the loop ---- */

static void turn(void *ctx);

static void on_timer(void *ctx) {
    ((serve_http *)ctx)->timer = NULL;
    turn(ctx);
}

/* Lets the library do what there is to do, and asks when it wants to be called without being asked. */
static void turn(void *ctx) {
    serve_http *h = ctx;
    MHD_UNSIGNED_LONG_LONG wait;
    h->mhd.run(h->daemon);
    pb_timer_cancel(h->timer);
    h->timer = NULL;
    if (h->mhd.get_timeout(h->daemon, &wait) == MHD_YES)
        h->timer = pb_timer_start(h->world->loop, wait > SLOW_MS ? SLOW_MS : (int64_t)wait, on_timer, h);
}

/* Who takes too long is hung up on: the library then finds the connection closed. */
static void on_sweep(void *ctx) {
    serve_http *h = ctx;
    int64_t now = pb_loop_mono_ms();
    for (peer *p = h->peers; p; p = p->next)
        if (!p->busy && now - p->since > SLOW_MS) shutdown(p->fd, SHUT_RDWR);
    h->sweep = pb_timer_start(h->world->loop, SWEEP_MS, on_sweep, h);
    turn(h);
}

/* ---- the server's life ---- */

/* Splits "127.0.0.1:8080", "[::1]:8080", "localhost:8080". */
static bool split_address(const char *text, char host[ADDRESS], const char **port) {
    const char *colon = strrchr(text, ':'), *end = colon;
    if (!colon || colon == text || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1)) return false;
    if (*text == '[' && colon[-1] == ']') text++, end--;
    if (end <= text || end - text >= ADDRESS) return false;
    snprintf(host, ADDRESS, "%.*s", (int)(end - text), text);
    if (strcmp(host, "localhost") == 0) snprintf(host, ADDRESS, "127.0.0.1");
    *port = colon + 1;
    return true;
}

static struct addrinfo *resolve(const char *address) {
    char host[ADDRESS];
    const char *port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
                    *found = NULL;
    if (!split_address(address, host, &port) || strlen(port) > 5 || atoi(port) > 65535) return NULL;
    return getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

static bool sockaddr_is_loopback(const struct sockaddr *a) {
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

bool serve_is_loopback(const char *address) {
    struct addrinfo *a = resolve(address);
    struct in_addr v4;
    struct in6_addr v6;
    bool is = a && sockaddr_is_loopback(a->ai_addr);
    if (!a && inet_pton(AF_INET, address, &v4)) is = ntohl(v4.s_addr) >> 24 == 127;
    if (!a && inet_pton(AF_INET6, address, &v6)) is = IN6_IS_ADDR_LOOPBACK(&v6);
    if (a) freeaddrinfo(a);
    return is;
}

static int listen_on(const struct addrinfo *at) {
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, at->ai_addr, at->ai_addrlen) == 0 &&
        listen(fd, MAX_CONNECTIONS) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void name_url(serve_http *h) {
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    char host[ADDRESS] = "", port[8] = "";
    if (getsockname(h->fd, (struct sockaddr *)&at, &n) == 0)
        getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(h->url, sizeof h->url, strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s", host, port);
}

serve_http *serve_http_new(const serve_world *w, const char *address, pb_str *err) {
    struct addrinfo *at = resolve(address);
    serve_http *h = at ? calloc(1, sizeof *h) : NULL;
    const char *missing = NULL;
    if (!at) {
        *err = pb_printf(w->arena, "%s is no address to listen on; write 127.0.0.1:8080 or [::1]:8080", address);
        return NULL;
    }
    *err = PB_STR("out of memory");
    if (!h) goto fail;
    h->world = w;
    h->fd = -1;
    missing = lazy_open("libmicrohttpd.so.12", mhd_symbols, sizeof mhd_symbols / sizeof *mhd_symbols, &h->mhd);
    if (missing) {
        *err = pb_printf(w->arena, "%s could not be opened; install libmicrohttpd12", missing);
        goto fail;
    }
    h->fd = listen_on(at);
    if (h->fd < 0) {
        *err = pb_printf(w->arena, "cannot listen on %s: %s", address, strerror(errno));
        goto fail;
    }
    name_url(h);
    freeaddrinfo(at);
    return h;
fail:
    freeaddrinfo(at);
    free(h);
    return NULL;
}

bool serve_http_start(serve_http *h, pb_str *err) {
    h->daemon = h->mhd.start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, h->fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_target, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    const union MHD_DaemonInfo *info = h->daemon ? h->mhd.get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (h->daemon) h->fd = -1;
    h->watch = info ? pb_watch_start(h->world->loop, info->epoll_fd, turn, h) : NULL;
    h->sweep = h->watch ? pb_timer_start(h->world->loop, SWEEP_MS, on_sweep, h) : NULL;
    if (h->sweep) return true;
    *err = PB_STR("the HTTP server could not be started: out of memory or descriptors");
    return false;
}

const char *serve_http_url(const serve_http *h) { return h->url; }
uint32_t serve_http_open(const serve_http *h) { return h->open; }

bool serve_route_add(serve_http *h, const serve_route *r) {
    if (h->nroutes == SERVE_ROUTES_MAX) return false;
    h->routes[h->nroutes++] = *r;
    return true;
}

void serve_http_quiesce(serve_http *h) {
    if (h->quiesced || !h->daemon) return;
    h->quiesced = true;
    int fd = h->mhd.quiesce_daemon(h->daemon);
    if (fd >= 0) close(fd);
}

void serve_http_free(serve_http *h) {
    if (!h) return;
    serve_http_quiesce(h);
    while (h->handed) serve_answer_error(h->handed, &h->handed->request, 503, "the server is being stopped");
    for (int i = 0; h->daemon && i < DRAIN_TURNS; i++) h->mhd.run(h->daemon);
    pb_watch_stop(h->watch);
    pb_timer_cancel(h->timer);
    pb_timer_cancel(h->sweep);
    if (h->daemon) h->mhd.stop_daemon(h->daemon);
    if (h->fd >= 0) close(h->fd);
    free(h);
}

/* ---- the log ---- */

static void write_line(pb_buf *b) {
    pb_buf_putc(b, '\n');
    if (!b->oom) fwrite(b->data, 1, b->len, stderr);
    pb_buf_free(b);
}

void serve_log_value(const serve_world *w, const char *kind, pb_value members) {
    (void)w;
    pb_arena *a = pb_arena_new(1 << 16);
    pb_map_builder m = {.arena = a};
    pb_buf b = {0};
    pb_map_add(&m, PB_STR("time"), pb_time(pb_loop_wall_ms()));
    pb_map_add(&m, PB_STR("kind"), pb_string_c(kind));
    for (uint32_t i = 0; members.kind == PB_MAP && i < members.n; i++)
        pb_map_add(&m, members.u.entries[i].key, members.u.entries[i].value);
    if (a && pb_json_write(&b, pb_map_done(&m)))
        write_line(&b);
    else
        pb_buf_free(&b);
    pb_arena_free(a);
}

void serve_log(const serve_world *w, const char *kind, const char *fmt, ...) {
    pb_arena *a = pb_arena_new(1 << 16);
    pb_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    pb_str text = a ? pb_vprintf(a, fmt, ap) : (pb_str){NULL, 0};
    va_end(ap);
    if (w->json && text.s) {
        const pb_entry message = {PB_STR("message"), pb_string(text)};
        serve_log_value(w, kind, (pb_value){PB_MAP, 1, {.entries = &message}});
    } else if (text.s) {
        pb_buf_printf(&b, "pbrun: %s: ", kind);
        plain_add(&b, text, 0);
        write_line(&b);
    }
    pb_arena_free(a);
}
