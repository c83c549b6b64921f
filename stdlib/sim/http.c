/*
 * http.c - the simulated account's HTTP side: libmicrohttpd on one thread, on the loopback address only.
 *
 * The library is opened when the simulator starts: it pulls in gnutls, and linking it would make every start of pbrun
 * slower. It runs without threads of its own: this file's loop waits for its descriptors and for the signals that end
 * the program. A request is gathered whole (up to SIM_MAX_BODY), answered by sim_answer_request, and its memory freed.
 * The path and query are taken as received, before the library decodes them: the signature is over those bytes.
 */
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stdlib/sim/sim.h"
#include "vm/lazylib.h"

enum {
    MAX_CONNECTIONS = 256,         /* far above what a test opens, far below the descriptors we may have */
    MAX_HEADERS = 128,             /* AWS takes 8 KB of headers; no client sends so many */
    CONNECTION_MEMORY = 64 * 1024, /* request line and headers */
    IDLE_S = 60,
    POLL_MS = 1000,
};

/* One row a function: member and symbol. */
#define MHD_FUNCTIONS(X) \
    X(start_daemon) \
    X(stop_daemon) \
    X(run_from_select) \
    X(get_timeout) \
    X(get_fdset2) \
    X(get_connection_values) \
    X(lookup_connection_value) \
    X(create_response_from_buffer) \
    X(create_response_from_callback) \
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

/* One request on its way in, and its answer while that waits for its time. */
typedef struct exchange {
    pb_arena *arena;
    pb_str target; /* path and query as received */
    pb_buf body;
    bool begun, answered;
    sim_answer answer;
    struct MHD_Connection *connection;
    int64_t due;           /* monotonic ms */
    struct exchange *next; /* among the waiting */
} exchange;

typedef struct server {
    sim *sim;
    mhd_api mhd;
    exchange *waiting;
} server;

pb_str sim_header(const aws_incoming *in, const char *name) {
    size_t n = strlen(name);
    for (uint32_t i = 0; i < in->nheaders; i++)
        if (in->headers[i].name.n == n && strncasecmp(in->headers[i].name.s, name, n) == 0) return in->headers[i].value;
    return (pb_str){"", 0};
}

/* ---- in ---- */

static void exchange_free(exchange *x) {
    if (!x) return;
    pb_arena_free(x->arena);
    pb_buf_free(&x->body);
    free(x);
}

/* Called with the request line's target, before anything else: the start of an exchange. */
static void *on_target(void *ctx, const char *uri, struct MHD_Connection *connection) {
    (void)ctx;
    (void)connection;
    exchange *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    x->arena = pb_arena_new(SIM_MAX_MEMORY);
    /* A proxy's client sends a whole URL. */
    const char *host = strncmp(uri, "http://", 7) == 0 ? uri + 7 : NULL;
    if (host) uri = strchr(host, '/') ? strchr(host, '/') : "/";
    x->target = x->arena ? pb_strdup(x->arena, uri, strlen(uri)) : (pb_str){NULL, 0};
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

static bool incoming(server *s, struct MHD_Connection *connection, const exchange *x, const char *method,
                     aws_incoming *in) {
    header_list l = {x->arena, pb_alloc_array(x->arena, MAX_HEADERS, sizeof(pb_header)), 0};
    if (!l.v) return false;
    s->mhd.get_connection_values(connection, MHD_HEADER_KIND, on_header, &l);
    const char *question = memchr(x->target.s, '?', x->target.n);
    uint32_t path = question ? (uint32_t)(question - x->target.s) : x->target.n;
    *in = (aws_incoming){.method = pb_str_c(method),
                         .path = {x->target.s, path},
                         .query = question ? (pb_str){question + 1, x->target.n - path - 1} : PB_STR(""),
                         .body = {x->body.len ? x->body.data : "", (uint32_t)x->body.len},
                         .headers = l.v,
                         .nheaders = l.n};
    in->host = sim_header(in, "host");
    return true;
}

/* ---- out ---- */

static ssize_t no_body(void *ctx, uint64_t pos, char *buf, size_t max) {
    (void)ctx;
    (void)pos;
    (void)buf;
    (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* Half of what Content-Length promised, then the end. */
static ssize_t half_body(void *ctx, uint64_t pos, char *buf, size_t max) {
    const exchange *x = ctx;
    uint64_t half = x->answer.body.n / 2, n = pos < half ? half - pos : 0;
    if (!n) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n > max) n = max;
    memcpy(buf, x->answer.body.s + pos, (size_t)n);
    return (ssize_t)n;
}

static bool header_is(pb_str name, const char *z) { return name.n == strlen(z) && strncasecmp(name.s, z, name.n) == 0; }

/* The library sets Content-Length itself; for HEAD it has to be told through a body that is never read. */
static struct MHD_Response *response_new(server *s, exchange *x, bool head) {
    const sim_answer *out = &x->answer;
    if (head)
        for (uint32_t i = 0; i < out->nheaders; i++)
            if (header_is(out->headers[i].name, "content-length"))
                return s->mhd.create_response_from_callback(strtoull(out->headers[i].value.s, NULL, 10), 1, no_body,
                                                            NULL, NULL);
    if (out->half && !head) return s->mhd.create_response_from_callback(out->body.n, 4096, half_body, x, NULL);
    return s->mhd.create_response_from_buffer(
        out->body.n, out->body.n ? (void *)(uintptr_t)out->body.s : (void *)(uintptr_t) "", MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result respond(server *s, struct MHD_Connection *connection, exchange *x, bool head) {
    const sim_answer *out = &x->answer;
    pb_arena *a = x->arena;
    if (out->status <= 0) return MHD_NO; /* a fault that cuts the connection */
    struct MHD_Response *r = response_new(s, x, head);
    if (!r) return MHD_NO;
    for (uint32_t i = 0; i < out->nheaders; i++) {
        pb_str name = pb_strdup(a, out->headers[i].name.s, out->headers[i].name.n);
        pb_str value = pb_strdup(a, out->headers[i].value.s, out->headers[i].value.n);
        if (name.s && value.s && !header_is(name, "content-length") && !header_is(name, "date"))
            s->mhd.add_response_header(r, name.s, value.s); /* one that holds a control byte is left out */
    }
    enum MHD_Result rc = s->mhd.queue_response(connection, (unsigned)out->status, r);
    s->mhd.destroy_response(r);
    return rc;
}

static enum MHD_Result refuse(server *s, struct MHD_Connection *connection, exchange *x, int status, const char *text) {
    x->answer = (sim_answer){.status = status, .body = pb_str_c(text)};
    return respond(s, connection, x, false);
}

static bool too_long(server *s, struct MHD_Connection *connection) {
    const char *length = s->mhd.lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return length && strtoull(length, NULL, 10) > SIM_MAX_BODY;
}

/* The answer waits for its time; on_request is called again after that. */
static void put_aside(server *s, struct MHD_Connection *connection, exchange *x) {
    x->connection = connection;
    x->due = trouble_clock() + x->answer.delay_ms;
    x->next = s->waiting;
    s->waiting = x;
    s->mhd.suspend_connection(connection);
}

/* Takes up the answers whose time has come (all: every one). How long the next has to wait still, at most `most`. */
static int64_t take_up(server *s, bool all, int64_t most) {
    int64_t now = trouble_clock();
    for (exchange **at = &s->waiting; *at;) {
        exchange *x = *at;
        if (all || x->due <= now) {
            *at = x->next;
            s->mhd.resume_connection(x->connection);
        } else {
            if (x->due - now < most) most = x->due - now;
            at = &x->next;
        }
    }
    return most;
}

/* Called once when the headers are in, once for each piece of the body, and once after it. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
    (void)url;
    (void)version;
    server *s = ctx;
    exchange *x = *state;
    if (!x || !x->target.s) return MHD_NO;
    if (!x->begun) {
        x->begun = true;
        if (too_long(s, connection))
            return refuse(s, connection, x, 413, "the request is larger than this account takes\n");
        return MHD_YES;
    }
    if (*size) {
        if (*size > SIM_MAX_BODY - x->body.len) return MHD_NO; /* chunked, so its size was not known before */
        pb_buf_add(&x->body, data, *size);
        *size = 0;
        return x->body.oom ? MHD_NO : MHD_YES;
    }
    aws_incoming in;
    if (!x->answered && !incoming(s, connection, x, method, &in)) return MHD_NO;
    if (!x->answered) sim_answer_request(s->sim, x->arena, &in, &x->answer);
    bool wait = !x->answered && x->answer.delay_ms > 0;
    x->answered = true;
    if (wait) {
        put_aside(s, connection, x);
        return MHD_YES;
    }
    return respond(s, connection, x, strcmp(method, "HEAD") == 0);
}

/* ---- the server ---- */

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, MAX_CONNECTIONS) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int port_of(int fd) {
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    return getsockname(fd, (struct sockaddr *)&at, &n) == 0 ? ntohs(at.sin_port) : 0;
}

static int signals_open(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* select and not epoll: edge-triggered, the library misses the end of a connection that came together with a request.
 * MAX_CONNECTIONS keeps the descriptors below what select can hold. */
static void serve(server *s, struct MHD_Daemon *d, int signals) {
    for (;;) {
        fd_set in, out, bad;
        int most = signals;
        MHD_UNSIGNED_LONG_LONG wait = POLL_MS, next = (MHD_UNSIGNED_LONG_LONG)take_up(s, false, POLL_MS);
        FD_ZERO(&in);
        FD_ZERO(&out);
        FD_ZERO(&bad);
        FD_SET(signals, &in);
        if (s->mhd.get_fdset2(d, &in, &out, &bad, &most, FD_SETSIZE) != MHD_YES) return;
        if (s->mhd.get_timeout(d, &wait) != MHD_YES || wait > next) wait = next;
        struct timeval t = {.tv_sec = (time_t)(wait / 1000), .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
        if (select(most + 1, &in, &out, &bad, &t) < 0) {
            if (errno != EINTR) return;
            continue;
        }
        if (FD_ISSET(signals, &in)) return;
        s->mhd.run_from_select(d, &in, &out, &bad);
    }
}

int http_serve(sim *sim_, int port) {
    server s = {.sim = sim_};
    struct MHD_Daemon *d = NULL;
    int status = 5, fd = -1, signals = -1;
    const char *missing =
        lazy_open("libmicrohttpd.so.12", mhd_symbols, sizeof mhd_symbols / sizeof *mhd_symbols, &s.mhd);
    if (missing) {
        fprintf(stderr, "pbrun sim: %s could not be opened; install libmicrohttpd12\n", missing);
        return status;
    }
    signal(SIGPIPE, SIG_IGN);
    fd = listen_on(port);
    if (fd < 0) {
        fprintf(stderr, "pbrun sim: port %d on 127.0.0.1: %s\n", port, strerror(errno));
        return 1;
    }
    signals = signals_open();
    if (signals >= 0)
        d = s.mhd.start_daemon(MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, &s, MHD_OPTION_LISTEN_SOCKET, fd,
                               MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                               (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                               MHD_OPTION_URI_LOG_CALLBACK, on_target, &s, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                               &s, MHD_OPTION_END);
    if (!d) {
        fprintf(stderr, "pbrun sim: the HTTP server could not be started\n");
        close(fd);
        goto cleanup;
    }
    printf("listening on http://127.0.0.1:%d\n", port_of(fd));
    fflush(stdout);
    serve(&s, d, signals);
    take_up(&s, true, 0);
    s.mhd.stop_daemon(d); /* closes the listening socket too */
    status = 0;
cleanup:
    if (signals >= 0) close(signals);
    return status;
}
