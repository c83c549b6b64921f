/* Timers, watches and transfers of vm/loop.c against real servers: libmicrohttpd for well-behaved answers, a thread
 * with a bare socket for broken ones. */
#include "vm/loop.h"
#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- timers ---- */

typedef struct trace {
    pb_loop *loop;
    char text[64];
    size_t n;
    pb_timer *victim;
} trace;
typedef struct mark {
    trace *t;
    char c;
} mark;

static void on_mark(void *ctx) {
    const mark *m = ctx;
    m->t->text[m->t->n++] = m->c;
}
static void on_again(void *ctx) {
    mark *m = ctx;
    on_mark(m);
    if (m->t->n < 3) pb_timer_start(m->t->loop, 0, on_again, m);
}
static void on_kill(void *ctx) {
    const mark *m = ctx;
    on_mark(ctx);
    pb_timer_cancel(m->t->victim);
}

static void timers(void) {
    CASE("timers fire in order of their time, ties in order of start") {
        trace t = {.loop = pb_loop_new()};
        mark a = {&t, 'a'}, b = {&t, 'b'}, c = {&t, 'c'}, d = {&t, 'd'};
        pb_timer_start(t.loop, 20, on_mark, &c);
        pb_timer_start(t.loop, 5, on_mark, &a);
        pb_timer_start(t.loop, 5, on_mark, &b);
        pb_timer *gone = pb_timer_start(t.loop, 7, on_mark, &d);
        pb_timer_cancel(gone);
        int64_t start = pb_loop_mono_ms();
        while (pb_loop_turn(t.loop)) {
        }
        CHECK_STR(t.text, "abc");
        CHECK(pb_loop_mono_ms() - start >= 19);
        pb_loop_free(t.loop);
    }
    CASE("a timer may start others and cancel one that is due") {
        trace t = {.loop = pb_loop_new()};
        mark a = {&t, 'a'}, k = {&t, 'k'}, v = {&t, 'v'};
        pb_timer_start(t.loop, 0, on_kill, &k);
        t.victim = pb_timer_start(t.loop, 0, on_mark, &v);
        while (pb_loop_turn(t.loop)) {
        }
        pb_timer_start(t.loop, 0, on_again, &a);
        while (pb_loop_turn(t.loop)) {
        }
        CHECK_STR(t.text, "kaa");
        pb_loop_free(t.loop);
    }
    CASE("a thousand timers cancelled and fired in any order") {
        trace t = {.loop = pb_loop_new()};
        static pb_timer *all[1000];
        mark m = {&t, 'x'};
        unsigned seed = 1, left = 0;
        for (int i = 0; i < 1000; i++) {
            seed = seed * 1103515245u + 12345u;
            all[i] = pb_timer_start(t.loop, (int64_t)(seed >> 16) % 5, on_mark, &m);
        }
        for (int i = 0; i < 1000; i++) {
            if (i % 25 == 0)
                left++;
            else
                pb_timer_cancel(all[i]);
        }
        while (pb_loop_turn(t.loop)) {
        }
        CHECK(t.n == left);
        pb_loop_free(t.loop);
    }
    CASE("a watch calls back and does not keep the loop going") {
        trace t = {.loop = pb_loop_new()};
        int fds[2];
        CHECK(pipe(fds) == 0);
        mark m = {&t, 'w'};
        pb_watch *w = pb_watch_start(t.loop, fds[0], on_mark, &m);
        CHECK(!pb_loop_turn(t.loop));
        CHECK(write(fds[1], "x", 1) == 1);
        pb_timer *timer = pb_timer_start(t.loop, 10000, on_mark, &m);
        CHECK(pb_loop_turn(t.loop));
        CHECK_STR(t.text, "w");
        pb_timer_cancel(timer);
        pb_watch_stop(w);
        pb_loop_free(t.loop);
        close(fds[0]);
        close(fds[1]);
    }
}

/* ---- a good server ---- */

typedef struct mhd {
    __typeof__(MHD_start_daemon) *start;
    __typeof__(MHD_stop_daemon) *stop;
    __typeof__(MHD_create_response_from_buffer) *make;
    __typeof__(MHD_queue_response) *queue;
    __typeof__(MHD_destroy_response) *destroy;
    __typeof__(MHD_add_response_header) *header;
    __typeof__(MHD_lookup_connection_value) *lookup;
    __typeof__(MHD_get_daemon_info) *info;
} mhd;
static mhd lib;

#define GET(member, name) (*(void **)&lib.member = dlsym(h, name)) != NULL
static bool mhd_open(void) {
    void *h = dlopen("libmicrohttpd.so.12", RTLD_NOW);
    return h && GET(start, "MHD_start_daemon") && GET(stop, "MHD_stop_daemon") &&
           GET(make, "MHD_create_response_from_buffer") && GET(queue, "MHD_queue_response") &&
           GET(destroy, "MHD_destroy_response") && GET(header, "MHD_add_response_header") &&
           GET(lookup, "MHD_lookup_connection_value") && GET(info, "MHD_get_daemon_info");
}

typedef struct upload {
    char body[256];
    size_t n;
} upload;

/* Answers "METHOD PATH BODY", or as the path says. */
static enum MHD_Result answer(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state) {
    static char big[100000], text[1024];
    upload *u = *state;
    (void)cls, (void)version;
    if (!u) return (*state = calloc(1, sizeof *u)) ? MHD_YES : MHD_NO;
    if (*size) {
        size_t n = *size < sizeof u->body - u->n ? *size : sizeof u->body - u->n - 1;
        memcpy(u->body + u->n, data, n);
        u->n += n;
        *size = 0;
        return MHD_YES;
    }
    const char *type = lib.lookup(c, MHD_HEADER_KIND, "Content-Type");
    snprintf(text, sizeof text, "%s %s %s type=%s", method, url, u->body, type ? type : "none");
    bool large = strcmp(url, "/big") == 0;
    struct MHD_Response *r = lib.make(large ? sizeof big : strlen(text), large ? big : text, MHD_RESPMEM_MUST_COPY);
    lib.header(r, "X-Amzn-RequestId", " abc ");
    if (strcmp(url, "/redirect") == 0) lib.header(r, "Location", "/elsewhere");
    enum MHD_Result done = lib.queue(c, strcmp(url, "/redirect") == 0 ? 302 : strcmp(url, "/500") == 0 ? 500 : 200, r);
    lib.destroy(r);
    free(u);
    *state = NULL;
    return done;
}

/* ---- a bad server: one connection at a time, one behaviour ---- */

typedef struct bad {
    int fd, port;
    const char *say;
    int trickle_ms; /* between bytes */
    bool hang;
    pthread_t thread;
} bad;

static void *bad_main(void *arg) {
    bad *b = arg;
    char in[4096];
    int c = accept(b->fd, NULL, NULL);
    if (c < 0) return NULL;
    ssize_t got = read(c, in, sizeof in);
    for (const char *p = b->say; got > 0 && *p; p++) {
        if (b->trickle_ms) usleep((useconds_t)b->trickle_ms * 1000);
        if (send(c, p, 1, MSG_NOSIGNAL) != 1) break;
    }
    if (b->hang) got = read(c, in, sizeof in); /* until the other side gives up */
    close(c);
    return NULL;
}

static void bad_start(bad *b) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    b->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(b->fd, (struct sockaddr *)&a, n) || listen(b->fd, 1) || getsockname(b->fd, (struct sockaddr *)&a, &n))
        abort();
    b->port = ntohs(a.sin_port);
    pthread_create(&b->thread, NULL, bad_main, b);
}

static void bad_stop(bad *b) {
    shutdown(b->fd, SHUT_RDWR);
    close(b->fd);
    pthread_join(b->thread, NULL);
}

/* ---- transfers ---- */

typedef struct result {
    int calls, status;
    pb_http_error error;
    bool sent;
    char body[1024], message[256], id[64];
    pb_loop *loop;
    pb_http *cancel; /* cancelled in the callback */
} result;

static void on_done(void *ctx, const pb_http_response *r) {
    result *o = ctx;
    o->calls++;
    o->status = r->status;
    o->error = r->error;
    o->sent = r->sent;
    snprintf(o->body, sizeof o->body, "%.*s", PB_ARG(r->body));
    snprintf(o->message, sizeof o->message, "%s", r->message);
    snprintf(o->id, sizeof o->id, "%.*s", PB_ARG(pb_http_header(r, "x-amzn-requestid")));
    pb_http_cancel(o->cancel);
    o->cancel = NULL;
}

static pb_http *start(pb_loop *l, const char *method, int port, const char *path, const char *body, int64_t ms,
                      size_t max, result *o) {
    char url[256];
    const char *err = NULL;
    pb_header h = {PB_STR("X-Empty"), PB_STR("")};
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    pb_http_request q = {.method = method,
                         .url = url,
                         .headers = &h,
                         .nheaders = 1,
                         .body = pb_str_c(body),
                         .timeout_ms = ms,
                         .connect_ms = ms,
                         .max_response = max};
    pb_http *t = pb_http_start(l, &q, on_done, o, &err);
    if (!t) snprintf(o->message, sizeof o->message, "%s", err);
    return t;
}

static void once(pb_loop *l, const char *method, int port, const char *path, const char *body, result *o) {
    memset(o, 0, sizeof *o);
    start(l, method, port, path, body, 3000, 50000, o);
    CHECK(o->calls == 0);
    while (pb_loop_turn(l)) {
    }
    CHECK(o->calls == 1);
}

static void good_server(pb_loop *l, int port) {
    result o;
    CASE("methods, bodies, headers") {
        once(l, "GET", port, "/a/../b?q=1", NULL, &o);
        CHECK_STR(o.body, "GET /a/../b  type=none");
        CHECK_STR(o.id, "abc");
        CHECK(o.status == 200 && o.error == HTTP_OK && o.sent);
        once(l, "POST", port, "/p", "hello", &o);
        CHECK_STR(o.body, "POST /p hello type=none");
        once(l, "PUT", port, "/p", "", &o);
        CHECK_STR(o.body, "PUT /p  type=none");
        once(l, "DELETE", port, "/p", NULL, &o);
        CHECK_STR(o.body, "DELETE /p  type=none");
        once(l, "HEAD", port, "/p", NULL, &o);
        CHECK(o.status == 200 && o.body[0] == 0);
    }
    CASE("a status is no error, a redirect is not followed") {
        once(l, "GET", port, "/500", NULL, &o);
        CHECK(o.status == 500 && o.error == HTTP_OK);
        once(l, "GET", port, "/redirect", NULL, &o);
        CHECK(o.status == 302);
        CHECK_STR(o.body, "GET /redirect  type=none");
    }
    CASE("an answer over the limit ends the transfer") {
        once(l, "GET", port, "/big", NULL, &o);
        CHECK(o.error == HTTP_TOO_LARGE);
        CHECK(strstr(o.message, "50000 bytes") != NULL);
    }
    CASE("many at once, and one cancels another") {
        static result many[50];
        memset(many, 0, sizeof many);
        for (int i = 0; i < 50; i++) {
            pb_http *t = start(l, "GET", port, "/x", NULL, 5000, 50000, &many[i]);
            if (i == 1) many[0].cancel = t;
            if (i == 2) pb_http_cancel(t);
        }
        while (pb_loop_turn(l)) {
        }
        int calls = 0;
        for (int i = 0; i < 50; i++) calls += many[i].calls;
        CHECK(many[2].calls == 0);
        CHECK(calls == 48 || calls == 49); /* the other may have been done first */
    }
}

static void bad_servers(pb_loop *l) {
    static const struct {
        const char *name, *say;
        bool hang;
        int trickle_ms;
        pb_http_error want;
    } cases[] = {
        {"no answer", "", false, 0, HTTP_CLOSED},
        {"half a head", "HTTP/1.1 200 OK\r\nConte", false, 0, HTTP_CLOSED},
        {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", false, 0, HTTP_CLOSED},
        {"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf", false, 0, HTTP_CLOSED},
        {"garbage", "\x16\x03\x01\x02garbage garbage garbage\r\n\r\n", false, 0, HTTP_PROTOCOL},
        {"silence", "", true, 0, HTTP_TIMEOUT},
        {"silence after the head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 0, HTTP_TIMEOUT},
        {"a byte now and then", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         true, 20, HTTP_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CASE(cases[i].name) {
            bad b = {.say = cases[i].say, .hang = cases[i].hang, .trickle_ms = cases[i].trickle_ms};
            result o = {0};
            bad_start(&b);
            int64_t begun = pb_loop_mono_ms();
            start(l, "POST", b.port, "/path?token=SECRET", "body", 400, 1000, &o);
            while (pb_loop_turn(l)) {
            }
            CHECK(o.calls == 1);
            if (o.error != cases[i].want) printf("# %s: error %d: %s\n", cases[i].name, o.error, o.message);
            CHECK(o.error == cases[i].want);
            CHECK(o.sent);
            CHECK(pb_loop_mono_ms() - begun < 2000);
            CHECK(strstr(o.message, "SECRET") == NULL && strstr(o.message, "127.0.0.1") != NULL);
            bad_stop(&b);
        }
    }
    CASE("too many headers") {
        static char head[200000];
        size_t n = (size_t)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 1000; i++) n += (size_t)snprintf(head + n, sizeof head - n, "X-H%d: %0100d\r\n", i, i);
        snprintf(head + n, sizeof head - n, "Content-Length: 0\r\n\r\n");
        bad b = {.say = head};
        result o = {0};
        bad_start(&b);
        start(l, "GET", b.port, "/", NULL, 2000, 1000, &o);
        while (pb_loop_turn(l)) {
        }
        CHECK(o.error == HTTP_TOO_LARGE);
        bad_stop(&b);
    }
}

static void refused(pb_loop *l) {
    result o = {0};
    CASE("nobody listens") {
        once(l, "GET", 1, "/", NULL, &o);
        CHECK(o.error == HTTP_CONNECT && !o.sent);
        CHECK_STR(o.message, "no connection to 127.0.0.1:1: Connection refused");
    }
    CASE("addresses and headers that are not taken") {
        static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "http://user:pw@127.0.0.1/",
                                           "http://",          "127.0.0.1",          "http://a b/",
                                           "http://a/\r\nX: y"};
        const char *err = NULL;
        for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
            pb_http_request q = {
                .method = "GET", .url = urls[i], .timeout_ms = 100, .connect_ms = 100, .max_response = 10};
            CHECK(pb_http_start(l, &q, on_done, &o, &err) == NULL);
            CHECK(err != NULL);
        }
        pb_header h[] = {{PB_STR("X"), PB_STR("a\r\nY: b")}};
        pb_http_request q = {.method = "GET",
                             .url = "http://127.0.0.1:1/",
                             .headers = h,
                             .nheaders = 1,
                             .timeout_ms = 100,
                             .connect_ms = 100,
                             .max_response = 10};
        CHECK(pb_http_start(l, &q, on_done, &o, &err) == NULL);
    }
    CASE("an answer that is not TLS is no trusted connection") {
        bad b = {.say = "HTTP/1.1 400 Bad Request\r\n\r\n"};
        char url[64];
        const char *err = NULL;
        memset(&o, 0, sizeof o);
        bad_start(&b);
        snprintf(url, sizeof url, "https://127.0.0.1:%d/", b.port);
        pb_http_request q = {.method = "GET", .url = url, .timeout_ms = 2000, .connect_ms = 2000, .max_response = 10};
        CHECK(pb_http_start(l, &q, on_done, &o, &err) != NULL);
        while (pb_loop_turn(l)) {
        }
        CHECK(o.error == HTTP_TLS && !o.sent);
        bad_stop(&b);
    }
}

int main(void) {
    timers();
    pb_loop *l = pb_loop_new();
    CASE("a server to talk to") CHECK(mhd_open());
    if (!check_done()) {
        setenv("http_proxy", "http://127.0.0.1:9", 1); /* must not be used for loopback */
        struct MHD_Daemon *d =
            lib.start(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, answer, NULL, MHD_OPTION_END);
        const union MHD_DaemonInfo *info = d ? lib.info(d, MHD_DAEMON_INFO_BIND_PORT) : NULL;
        if (info) good_server(l, info->port);
        if (d) lib.stop(d);
        bad_servers(l);
        refused(l);
    }
    CASE("freeing a loop drops what is under way") {
        bad b = {.say = "", .hang = true};
        result o = {0};
        bad_start(&b);
        start(l, "GET", b.port, "/", NULL, 10000, 100, &o);
        pb_timer_start(l, 10, on_mark, &(mark){&(trace){0}, 'x'});
        pb_loop_turn(l);
        pb_loop_free(l);
        CHECK(o.calls == 0);
        bad_stop(&b);
    }
    return check_done();
}
