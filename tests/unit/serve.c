/*
 * serve.c - the server's parts in one process: requests and answers over a real connection on one loop, forms, messages
 * of SNS signed here with a key of the test's own, which the fetcher hands out in AWS's place.
 *
 * speed: slow
 */
#include "tests/lib/check.h"
#include "vm/serve_own.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TOPIC "arn:aws:sns:eu-west-1:111122223333:alerts"
#define HOST "https://sns.eu-west-1.amazonaws.com/"
#define CERTIFICATE HOST "SimpleNotificationService-0123abcdEF.pem"

static pb_arena *arena;
static pb_loop *loop;
static serve_world world;
static serve_metrics metrics;
static serve_http *http;
static EVP_PKEY *key;
static pb_str pem, expired_pem;
static int added;

/* ---- a client on the same loop ---- */

typedef struct reply {
    bool over;
    int status;
    pb_str body, frame;
} reply;

static void on_reply(void *ctx, const pb_http_response *r) {
    reply *p = ctx;
    p->over = true;
    p->status = r->error == HTTP_OK ? r->status : -1;
    p->body = pb_strdup(arena, r->body.s, r->body.n);
    pb_str frame = pb_http_header(r, "x-frame-options");
    p->frame = pb_strdup(arena, frame.s, frame.n);
}

static pb_http *ask(reply *p, const char *method, const char *path, pb_str body) {
    const char *err;
    *p = (reply){0};
    pb_http_request q = {.method = method,
                         .url = pb_printf(arena, "%s%s", serve_http_url(http), path).s,
                         .body = body,
                         .timeout_ms = 10000,
                         .connect_ms = 10000,
                         .max_response = 1 << 20};
    return pb_http_start(loop, &q, on_reply, p, &err);
}

static reply request(const char *method, const char *path, pb_str body) {
    reply r;
    if (!ask(&r, method, path, body)) return (reply){0};
    for (int i = 0; i < 10000 && !r.over; i++) pb_loop_turn(loop);
    return r;
}

/* ---- keys and certificates ---- */

static pb_str certificate(long from, long until) {
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), until);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    PEM_write_bio_X509(bio, x);
    long n = BIO_get_mem_data(bio, &text);
    pb_str out = pb_strdup(arena, text, (size_t)n);
    BIO_free(bio);
    X509_free(x);
    return out;
}

static pb_str sign(pb_str text, const EVP_MD *md) {
    unsigned char d[512];
    size_t n = sizeof d;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = EVP_DigestSignInit(c, NULL, md, NULL, key) == 1 &&
              EVP_DigestSign(c, d, &n, (const unsigned char *)text.s, text.n) == 1;
    EVP_MD_CTX_free(c);
    return ok ? pb_base64(arena, d, n) : (pb_str){NULL, 0};
}

/* What the fetcher gives out, and what it was asked for. */
static struct {
    int fetches, status;
    pb_str body;
    char last[512];
} aws = {.status = 200};

typedef struct fetched {
    sns_fetched *fn;
    void *ctx;
} fetched;

static void on_fetched(void *ctx) {
    fetched *f = ctx;
    f->fn(f->ctx, &(pb_http_response){.status = aws.status, .body = aws.body});
}

static void *fake_fetch(pb_loop *l, const char *url, sns_fetched *fn, void *ctx, const char **err) {
    (void)err;
    fetched *f = pb_alloc(arena, sizeof *f);
    *f = (fetched){fn, ctx};
    aws.fetches++;
    snprintf(aws.last, sizeof aws.last, "%s", url);
    return pb_timer_start(l, 0, on_fetched, f);
}

/* ---- messages ---- */

typedef struct sns_message {
    const char *type, *version, *topic, *id, *url, *subscribe, *subject;
    pb_str message, sent; /* sent: what is in the request, if not what was signed */
    int64_t at;
} sns_message;

static int ids;
static sns_message a_message(void) {
    return (sns_message){.type = "Notification",
                         .version = "2",
                         .topic = TOPIC,
                         .id = pb_printf(arena, "id-%d", ++ids).s,
                         .url = CERTIFICATE,
                         .subscribe = HOST "?Action=ConfirmSubscription&TopicArn=" TOPIC "&Token=t",
                         .message = PB_STR("{\"version\":\"0\",\"id\":\"1\",\"source\":\"test\",\"detail-type\":\"T\","
                                           "\"detail\":{}}"),
                         .at = pb_loop_wall_ms()};
}

static reply post(const sns_message *m) {
    pb_str at = pb_time_text(arena, m->at), text;
    if (strcmp(m->type, "Notification") == 0)
        text = pb_printf(arena, "Message\n%.*s\nMessageId\n%s\n%s%s%sTimestamp\n%.*s\nTopicArn\n%s\nType\n%s\n",
                         PB_ARG(m->message), m->id, m->subject ? "Subject\n" : "", m->subject ? m->subject : "",
                         m->subject ? "\n" : "", PB_ARG(at), m->topic, m->type);
    else
        text = pb_printf(arena,
                         "Message\n%.*s\nMessageId\n%s\nSubscribeURL\n%s\nTimestamp\n%.*s\nToken\nt\nTopicArn\n%s\n"
                         "Type\n%s\n",
                         PB_ARG(m->message), m->id, m->subscribe, PB_ARG(at), m->topic, m->type);
    pb_map_builder b = {.arena = arena};
    pb_map_add(&b, PB_STR("Type"), pb_string_c(m->type));
    pb_map_add(&b, PB_STR("MessageId"), pb_string_c(m->id));
    pb_map_add(&b, PB_STR("TopicArn"), pb_string_c(m->topic));
    if (m->subject) pb_map_add(&b, PB_STR("Subject"), pb_string_c(m->subject));
    pb_map_add(&b, PB_STR("Message"), pb_string(m->sent.s ? m->sent : m->message));
    pb_map_add(&b, PB_STR("Timestamp"), pb_string(at));
    pb_map_add(&b, PB_STR("SignatureVersion"), pb_string_c(m->version));
    pb_map_add(&b, PB_STR("Signature"),
               pb_string(sign(text, strcmp(m->version, "1") == 0 ? EVP_sha1() : EVP_sha256())));
    pb_map_add(&b, PB_STR("SigningCertURL"), pb_string_c(m->url));
    pb_map_add(&b, PB_STR("SubscribeURL"), pb_string_c(m->subscribe));
    pb_map_add(&b, PB_STR("Token"), pb_string_c("t"));
    return request("POST", "/sns", pb_json_text(arena, pb_map_done(&b)));
}

static uint64_t waiting(void) {
    uint64_t n = 0;
    return store_events_waiting(world.store, &n) == STORE_OK ? n : UINT64_MAX;
}

static void test_sns_taken(void) {
    CASE("messages of both versions are taken, the certificate is fetched once") {
        sns_message m = a_message();
        aws.body = pem;
        reply r = post(&m);
        CHECK(r.status == 202 && aws.fetches == 1 && strcmp(aws.last, CERTIFICATE) == 0 && added == 1);
        m = a_message();
        m.version = "1";
        m.subject = "about";
        CHECK(post(&m).status == 202 && aws.fetches == 1 && waiting() == 2);
        store_event e;
        CHECK(store_event_take(world.store, PB_STR("o"), pb_loop_wall_ms(), arena, &e) == STORE_OK);
        CHECK_STR(e.source.s, "sns:" TOPIC);
        CHECK(pb_str_eq(e.body, m.message));
    }
    CASE("one that was taken before is answered as taken, and adds nothing") {
        sns_message m = a_message();
        CHECK(post(&m).status == 202 && waiting() == 3);
        CHECK(post(&m).status == 200 && waiting() == 3);
    }
    CASE("a signed message that is no event is told to be none") {
        sns_message m = a_message();
        m.message = PB_STR("hello");
        CHECK(post(&m).status == 400 && waiting() == 3);
    }
    CASE("a subscription is confirmed at AWS's own address") {
        sns_message m = a_message();
        m.type = "SubscriptionConfirmation";
        int before = aws.fetches;
        CHECK(post(&m).status == 200 && aws.fetches == before + 1 && strcmp(aws.last, m.subscribe) == 0);
        aws.status = 500;
        m = a_message();
        m.type = "SubscriptionConfirmation";
        CHECK(post(&m).status == 502);
        aws.status = 200;
        m = a_message();
        m.type = "UnsubscribeConfirmation";
        CHECK(post(&m).status == 200 && waiting() == 3);
    }
}

/* The message is refused, nothing is added, and nothing but the certificate was fetched. */
static bool refused(const sns_message *m, int fetches) {
    int before = aws.fetches;
    reply r = post(m);
    if (r.status == 403 && waiting() == 3 && aws.fetches - before == fetches) return true;
    printf("# %d %.*s, %d fetches\n", r.status, PB_ARG(r.body), aws.fetches - before);
    return false;
}

static void test_sns_refused(void) {
    sns_message m = a_message();
    CASE("what is not as it was signed is refused") {
        m.sent = PB_STR("{\"version\":\"0\",\"id\":\"2\",\"source\":\"test\",\"detail-type\":\"T\",\"detail\":{}}");
        CHECK(refused(&m, 0));
        pb_str message = m.message; /* a NUL hides nothing */
        m.sent = pb_printf(arena, "%.*s%c ", PB_ARG(message), 0);
        m.sent.n = message.n + 2;
        CHECK(refused(&m, 0));
        m = a_message();
        m.version = "3";
        CHECK(refused(&m, 0));
    }
    CASE("certificates from anywhere else are not fetched") {
        static const char *const urls[] = {
            "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123.pem",
            "https://evil.example/SimpleNotificationService-0123.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123.pem",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem",
            "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-0123.pem",
            HOST "SimpleNotificationService-0123.pem?x",
            HOST "SimpleNotificationService-../../x.pem",
            HOST "SimpleNotificationService-.pem",
            HOST "Other-0123.pem",
            HOST,
            "",
        };
        for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
            m = a_message();
            m.url = urls[i];
            CHECK(refused(&m, 0));
        }
    }
    CASE("an expired certificate, none, and what is none") {
        m = a_message();
        m.url = HOST "SimpleNotificationService-expired.pem";
        aws.body = expired_pem;
        CHECK(refused(&m, 1));
        aws.body = PB_STR("-----BEGIN CERTIFICATE-----\nnone\n");
        CHECK(refused(&m, 1));
        aws.body = pem;
        aws.status = 404;
        CHECK(refused(&m, 1));
        aws.status = 200;
    }
    CASE("other topics, old messages, messages from the future, types that SNS does not send") {
        m = a_message();
        m.topic = "arn:aws:sns:eu-west-1:111122223333:other";
        CHECK(refused(&m, 0));
        m = a_message();
        m.at -= 86400000 + 60000;
        CHECK(refused(&m, 0));
        m = a_message();
        m.at += 600000;
        CHECK(refused(&m, 0));
        m = a_message();
        m.type = "Other";
        CHECK(refused(&m, 0));
    }
    CASE("a subscription is not confirmed anywhere else") {
        static const char *const urls[] = {"https://evil.example/?Action=ConfirmSubscription&",
                                           HOST "?Action=DeleteTopic&", "http://sns.eu-west-1.amazonaws.com/",
                                           "https://sns.eu-west-1.amazonaws.com.evil/?Action=ConfirmSubscription&"};
        for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
            m = a_message();
            m.type = "SubscriptionConfirmation";
            m.subscribe = urls[i];
            CHECK(refused(&m, 0));
        }
    }
    CASE("what is no message") {
        CHECK(request("POST", "/sns", PB_STR("{")).status == 400);
        CHECK(request("POST", "/sns", PB_STR("[]")).status == 400);
        CHECK(request("POST", "/sns", PB_STR("{}")).status == 403);
    }
}

/* ---- answers that come later ---- */

static serve_exchange *held;
static const serve_request *held_request;
static void hold(void *ctx, serve_exchange *x, const serve_request *q) {
    (void)ctx;
    held = x;
    held_request = q;
}
static void echo(void *ctx, serve_exchange *x, const serve_request *q) {
    (void)ctx;
    const pb_header h = {PB_STR("X-Frame-Options"), PB_STR("SAMEORIGIN")};
    serve_answer(x,
                 &(serve_response){.status = 200, .type = "text/plain", .body = q->rest, .headers = &h, .nheaders = 1});
}

static void test_http(void) {
    CASE("an answer that comes later; the path behind a prefix; a header of our own replaced") {
        reply r;
        CHECK(ask(&r, "GET", "/held", PB_STR("")));
        for (int i = 0; i < 1000 && !held; i++) pb_loop_turn(loop);
        CHECK(held && !r.over && serve_http_open(http) == 1);
        int64_t then = pb_loop_mono_ms();
        if (held) serve_answer(held, &(serve_response){.status = 200, .body = PB_STR("late")});
        for (int i = 0; i < 1000 && !r.over; i++) pb_loop_turn(loop);
        CHECK(pb_loop_mono_ms() - then < 500); /* sent at once, not at the next sweep */
        CHECK(r.status == 200 && pb_str_is(r.body, "late") && pb_str_is(r.frame, "DENY"));
        CHECK(serve_http_open(http) == 0);
        r = request("GET", "/echo/a/b?c", PB_STR(""));
        CHECK(r.status == 200 && pb_str_is(r.body, "a/b") && pb_str_is(r.frame, "SAMEORIGIN"));
    }
    CASE("a request that still waits is answered when the server is ended") {
        reply r;
        held = NULL;
        CHECK(ask(&r, "GET", "/held", PB_STR("")));
        for (int i = 0; i < 1000 && !held; i++) pb_loop_turn(loop);
        CHECK(held && !r.over);
        serve_http_free(http);
        for (int i = 0; i < 1000 && !r.over; i++) pb_loop_turn(loop);
        CHECK(r.status == 503);
    }
}

static void test_texts(void) {
    CASE("fields of forms") {
        pb_str f = PB_STR("a=1&b=%41%2b+c&empty=&flag&bad=%4&bad2=%zz&nul=%ff&a=2");
        CHECK(pb_str_is(serve_field(f, "a", arena), "1") && pb_str_is(serve_field(f, "b", arena), "A+ c"));
        CHECK(serve_field(f, "empty", arena).s && serve_field(f, "empty", arena).n == 0 &&
              serve_field(f, "flag", arena).s);
        CHECK(!serve_field(f, "bad", arena).s && !serve_field(f, "bad2", arena).s && !serve_field(f, "nul", arena).s);
        CHECK(!serve_field(f, "c", arena).s && !serve_field(PB_STR(""), "a", arena).s);
        CHECK(!serve_field(PB_STR("a=%"), "a", arena).s && !serve_field(PB_STR("a=%4"), "a", arena).s);
    }
    CASE("comparing") {
        CHECK(serve_same(PB_STR("abc"), PB_STR("abc")) && !serve_same(PB_STR("abc"), PB_STR("abd")));
        CHECK(!serve_same(PB_STR("abc"), PB_STR("ab")) && !serve_same(PB_STR("ab"), PB_STR("abab")));
        CHECK(!serve_same(PB_STR(""), PB_STR("a")) && !serve_same(PB_STR("a"), PB_STR("")) &&
              serve_same(PB_STR(""), PB_STR("")));
    }
    CASE("addresses of this machine") {
        CHECK(serve_is_loopback("127.0.0.1:80") && serve_is_loopback("[::1]:80") && serve_is_loopback("localhost:0"));
        CHECK(serve_is_loopback("127.3.2.1") && serve_is_loopback("::1"));
        CHECK(!serve_is_loopback("0.0.0.0:80") && !serve_is_loopback("[::]:80") && !serve_is_loopback("10.0.0.1"));
        CHECK(!serve_is_loopback("example.com:80") && !serve_is_loopback(""));
    }
}

static void on_added(void *ctx) {
    (void)ctx;
    added++;
}

static bool set_up(const char *path, serve_in **in, serve_sns **sns) {
    static pb_str topics[] = {{TOPIC, sizeof TOPIC - 1}};
    static pb_site site = {.serve = {.topics = {topics, 1}}};
    pb_str err = {0};
    world = (serve_world){.loop = loop, .store = store_open(path, arena, &err), .site = &site, .arena = arena};
    metrics.world = &world;
    http = serve_http_new(&world, "127.0.0.1:0", &err);
    *in = serve_in_new(&world, &metrics, 100, on_added, NULL, &err);
    *sns = *in ? serve_sns_new(&world, *in, fake_fetch, &err) : NULL;
    return world.store && http && *sns && serve_sns_configured(*sns) && serve_sns_routes(*sns, http) &&
           serve_route_add(http, &(serve_route){"GET", "/held", hold, NULL, 0}) &&
           serve_route_add(http, &(serve_route){"GET", "/echo/", echo, NULL, 0}) && serve_http_start(http, &err);
}

int main(void) {
    char dir[] = "/tmp/pb_serve.XXXXXX";
    serve_in *in;
    serve_sns *sns;
    arena = pb_arena_new(0);
    loop = pb_loop_new();
    key = EVP_RSA_gen(2048);
    if (!mkdtemp(dir) || !key || freopen("/dev/null", "w", stderr) == NULL) return 2;
    pem = certificate(-3600, 3600);
    expired_pem = certificate(-7200, -3600);
    if (!set_up(pb_printf(arena, "%s/store.db", dir).s, &in, &sns)) return 2;
    test_texts();
    test_sns_taken();
    test_sns_refused();
    test_http();
    serve_sns_free(sns);
    store_close(world.store);
    pb_loop_free(loop);
    EVP_PKEY_free(key);
    CHECK(system(pb_printf(arena, "rm -rf %s", dir).s) == 0);
    pb_arena_free(arena);
    return check_done();
}
