/*
 * serve_sns.c - events out of SNS topics: POST /sns.
 *
 * A message is believed when its topic is one of those configured (site `serve { topics: [...] }`, or PB_SNS_TOPICS)
 * and its signature is that of the certificate it names, which is fetched over https from AWS's own host of the topic's
 * region only, and kept. Which host that is follows from the topic's ARN; what the message says is compared with it.
 * The signature is over the members in a fixed order, "Name\nvalue\n" each; version 1 is RSA with SHA-1, version 2 with
 * SHA-256.
 *
 * A subscription is confirmed by getting the URL that the message brings, which must be one of the same host. A message
 * that was taken before is answered as taken, because SNS sends until it is answered.
 */
#include "vm/serve_own.h"

#include "lang/text.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum {
    CERTIFICATES_MAX = 8, /* one a region, and the next when it is changed */
    CERTIFICATE_MAX = 64 << 10,
    CERTIFICATE_MS = 86400000, /* kept for so long */
    FETCHES_MAX = 16,          /* under way */
    FETCH_MS = 10000,
    URL_MAX = 2048,
    OLD_MS = 86400000, /* SNS tries again for hours */
    AHEAD_MS = 300000,
    BODY_MAX = 512 << 10, /* a message has at most 256 KB, and is quoted */
    TOPICS_MAX = 100
};

typedef struct certificate {
    char url[URL_MAX];
    EVP_PKEY *key;
    int64_t fetched;
} certificate;

struct serve_sns {
    const serve_world *world;
    serve_in *in;
    sns_fetch *fetch;
    site_list topics;
    certificate certificates[CERTIFICATES_MAX];
    uint32_t fetches;
};

/* A message on its way: what it says, and what is being fetched for it. It lives in the request's arena. */
typedef struct message {
    serve_sns *sns;
    serve_exchange *exchange;
    const serve_request *request;
    pb_value v;
    pb_str topic, type;
    char url[URL_MAX];
} message;

/* ---- settings ---- */

/* "arn:...,arn:..." */
static bool topics_from_text(const char *text, pb_arena *a, site_list *out) {
    pb_str *items = pb_alloc_array(a, TOPICS_MAX, sizeof *items);
    uint32_t n = 0;
    if (!items) return false;
    for (const char *p = text; *p && n < TOPICS_MAX;) {
        size_t k = strcspn(p, ", ");
        if (k) items[n++] = (pb_str){p, (uint32_t)k};
        p += k + strspn(p + k, ", ");
    }
    *out = (site_list){items, n};
    return true;
}

serve_sns *serve_sns_new(const serve_world *w, serve_in *in, sns_fetch *fetch, pb_str *err) {
    const char *text = getenv("PB_SNS_TOPICS");
    serve_sns *s = pb_alloc(w->arena, sizeof *s);
    *err = PB_STR("out of memory");
    if (!s) return NULL;
    *s = (serve_sns){.world = w, .in = in, .fetch = fetch, .topics = w->site->serve.topics};
    if (!s->topics.n && text && *text && !topics_from_text(text, w->arena, &s->topics)) return NULL;
    return s;
}

bool serve_sns_configured(const serve_sns *s) { return s->topics.n > 0; }

void serve_sns_free(serve_sns *s) {
    for (size_t i = 0; s && i < CERTIFICATES_MAX; i++) EVP_PKEY_free(s->certificates[i].key);
}

/* ---- refusing ---- */

static void refuse(message *m, int status, const char *why) {
    serve_log(m->sns->world, "sns_refused", "from %.*s: %s", PB_ARG(m->request->peer), why);
    serve_answer_error(m->exchange, m->request, status, "%s", why);
}

static pb_str member(const message *m, const char *name) {
    pb_value v = pb_get_c(m->v, name);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){NULL, 0};
}

/* ---- whose it is ---- */

/* Field number n (from 0) of "arn:aws:sns:eu-west-1:111122223333:alerts". */
static pb_str arn_field(pb_str arn, uint32_t n) {
    const char *p = arn.s, *end = arn.s + arn.n;
    for (; n && p; n--) {
        p = memchr(p, ':', (size_t)(end - p));
        if (p) p++;
    }
    if (!p) return (pb_str){"", 0};
    const char *colon = memchr(p, ':', (size_t)(end - p));
    return (pb_str){p, (uint32_t)((colon ? colon : end) - p)};
}

/* "https://sns.eu-west-1.amazonaws.com/" of the topic's region; empty: the ARN is odd. */
static pb_str home_of(const message *m) {
    pb_str region = arn_field(m->topic, 3), partition = arn_field(m->topic, 1);
    for (uint32_t i = 0; i < region.n; i++) {
        char c = region.s[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return (pb_str){"", 0};
    }
    if (!region.n || region.n > 40) return (pb_str){"", 0};
    return pb_printf(m->request->arena, "https://sns.%.*s.amazonaws.com%s/", PB_ARG(region),
                     pb_str_is(partition, "aws-cn") ? ".cn" : "");
}

static bool begins(pb_str text, pb_str with) { return text.n >= with.n && memcmp(text.s, with.s, with.n) == 0; }

/* "SimpleNotificationService-0123abcd.pem" behind the host, nothing else. */
static bool is_certificate_url(pb_str url, pb_str home) {
    static const char name[] = "SimpleNotificationService-";
    const uint32_t before = home.n + (uint32_t)sizeof name - 1;
    if (!home.n || url.n >= URL_MAX || url.n < before + 5 || !begins(url, home)) return false;
    if (memcmp(url.s + home.n, name, sizeof name - 1) != 0 || memcmp(url.s + url.n - 4, ".pem", 4) != 0) return false;
    for (uint32_t i = before; i < url.n - 4; i++) {
        char c = url.s[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) return false;
    }
    return true;
}

/* ---- the signature ---- */

/* What is signed. .s NULL: a member is missing. */
static pb_str canonical(const message *m) {
    static const char *const notification[] = {"Message",  "MessageId", "Subject", "Timestamp",
                                               "TopicArn", "Type",      NULL};
    static const char *const subscription[] = {"Message", "MessageId", "SubscribeURL", "Timestamp",
                                               "Token",   "TopicArn",  "Type",         NULL};
    const char *const *names = pb_str_is(m->type, "Notification") ? notification : subscription;
    pb_buf b = {0};
    pb_str none = {NULL, 0};
    for (; *names; names++) {
        pb_str v = member(m, *names);
        if (!v.s && strcmp(*names, "Subject") == 0) continue;
        if (!v.s) {
            pb_buf_free(&b);
            return none;
        }
        pb_buf_puts(&b, *names);
        pb_buf_putc(&b, '\n');
        pb_buf_add(&b, v.s, v.n); /* with any NUL that it holds */
        pb_buf_putc(&b, '\n');
    }
    pb_str text = b.oom ? none : pb_strdup(m->request->arena, b.data, b.len);
    pb_buf_free(&b);
    return text;
}

static bool is_signed(const message *m, EVP_PKEY *key) {
    pb_str text = canonical(m), version = member(m, "SignatureVersion"), signature;
    const EVP_MD *md = pb_str_is(version, "1") ? EVP_sha1() : pb_str_is(version, "2") ? EVP_sha256() : NULL;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = md && c && text.s && pb_base64_decode(m->request->arena, member(m, "Signature"), &signature) &&
              EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_DigestVerifyInit(c, NULL, md, NULL, key) == 1 &&
              EVP_DigestVerify(c, (const unsigned char *)signature.s, signature.n, (const unsigned char *)text.s,
                               text.n) == 1;
    EVP_MD_CTX_free(c);
    return ok;
}

/* The public key of a certificate that is valid now. */
static EVP_PKEY *key_of(pb_str pem) {
    BIO *bio = BIO_new_mem_buf(pem.s, (int)pem.n);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = NULL;
    if (x && X509_cmp_current_time(X509_get0_notBefore(x)) < 0 && X509_cmp_current_time(X509_get0_notAfter(x)) > 0)
        key = X509_get_pubkey(x);
    X509_free(x);
    BIO_free(bio);
    return key;
}

static EVP_PKEY *cached_key(serve_sns *s, const char *url, int64_t now) {
    for (size_t i = 0; i < CERTIFICATES_MAX; i++) {
        const certificate *c = &s->certificates[i];
        if (c->key && strcmp(c->url, url) == 0 && now - c->fetched < CERTIFICATE_MS) return c->key;
    }
    return NULL;
}

static void keep_key(serve_sns *s, const char *url, EVP_PKEY *key, int64_t now) {
    certificate *oldest = s->certificates;
    for (size_t i = 0; i < CERTIFICATES_MAX; i++)
        if (!s->certificates[i].key || s->certificates[i].fetched < oldest->fetched) oldest = &s->certificates[i];
    EVP_PKEY_free(oldest->key);
    memcpy(oldest->url, url, strlen(url) + 1);
    oldest->key = key;
    oldest->fetched = now;
}

/* ---- what follows ---- */

static bool fetch(message *m, sns_fetched *fn) {
    const char *why = "too many are being fetched";
    if (m->sns->fetches < FETCHES_MAX && m->sns->fetch(m->sns->world->loop, m->url, fn, m, &why)) {
        m->sns->fetches++;
        return true;
    }
    refuse(m, 503, why);
    return false;
}

static void on_confirmed(void *ctx, const pb_http_response *r) {
    message *m = ctx;
    m->sns->fetches--;
    if (r->error != HTTP_OK || r->status != 200) {
        refuse(m, 502, "the subscription could not be confirmed; SNS sends the message again");
        return;
    }
    serve_log(m->sns->world, "sns_subscribed", "to %.*s", PB_ARG(m->topic));
    serve_answer(m->exchange, &(serve_response){.status = 200, .body = PB_STR("{\"subscribed\":true}")});
}

static void confirm(message *m) {
    pb_str url = member(m, "SubscribeURL"),
           want = pb_printf(m->request->arena, "%.*s?Action=ConfirmSubscription&", PB_ARG(home_of(m)));
    if (!want.s || url.n >= URL_MAX || !begins(url, want)) {
        refuse(m, 403, "the SubscribeURL is not one of AWS's own for this topic");
        return;
    }
    memcpy(m->url, url.s, url.n);
    m->url[url.n] = '\0';
    fetch(m, on_confirmed);
}

static void take(message *m) {
    serve_sender b = {.source = pb_printf(m->request->arena, "sns:%.*s", PB_ARG(m->topic)),
                      .once = pb_printf(m->request->arena, "sns:%.*s", PB_ARG(member(m, "MessageId"))),
                      .until = m->request->now + 2 * (int64_t)OLD_MS,
                      .again_is_well = true};
    if (b.source.s && b.once.s)
        serve_in_take(m->sns->in, m->exchange, m->request, &b, member(m, "Message"));
    else
        refuse(m, 503, "out of memory");
}

static void judge(message *m, EVP_PKEY *key) {
    if (!is_signed(m, key)) {
        refuse(m, 403, "the signature is not that of the message");
    } else if (pb_str_is(m->type, "SubscriptionConfirmation")) {
        confirm(m);
    } else if (pb_str_is(m->type, "Notification")) {
        take(m);
    } else {
        serve_log(m->sns->world, "sns_unsubscribed", "from %.*s", PB_ARG(m->topic));
        serve_answer(m->exchange, &(serve_response){.status = 200, .body = PB_STR("{}")});
    }
}

static void on_certificate(void *ctx, const pb_http_response *r) {
    message *m = ctx;
    m->sns->fetches--;
    EVP_PKEY *key = r->error == HTTP_OK && r->status == 200 ? key_of(r->body) : NULL;
    if (!key) {
        refuse(m, r->error == HTTP_OK ? 403 : 503, "the certificate that the message names could not be had");
        return;
    }
    keep_key(m->sns, m->url, key, m->request->now);
    judge(m, key);
}

/* ---- requests ---- */

/* NULL: what the message claims of itself fits; then *m is filled. */
static const char *read_message(message *m) {
    int64_t at = 0;
    pb_str err;
    if (!pb_json_parse(m->request->arena, m->request->body.s, m->request->body.n, &m->v, &err) || m->v.kind != PB_MAP)
        return "not a message of SNS (is raw message delivery on? it has no signature)";
    m->topic = member(m, "TopicArn");
    m->type = member(m, "Type");
    if (!m->topic.s || !site_lists(&m->sns->topics, m->topic)) return "the topic is not one of those configured here";
    if (!pb_str_is(m->type, "Notification") && !pb_str_is(m->type, "SubscriptionConfirmation") &&
        !pb_str_is(m->type, "UnsubscribeConfirmation"))
        return "the message is of no type that SNS sends";
    if (!pb_time_parse(member(m, "Timestamp"), &at) || m->request->now - at > OLD_MS || at - m->request->now > AHEAD_MS)
        return "the message is older than a day, or from the future";
    pb_str url = member(m, "SigningCertURL");
    if (!is_certificate_url(url, home_of(m))) return "the SigningCertURL is not one of AWS's own for this topic";
    memcpy(m->url, url.s, url.n);
    m->url[url.n] = '\0';
    return NULL;
}

static void on_sns(void *ctx, serve_exchange *x, const serve_request *q) {
    serve_sns *s = ctx;
    message *m = pb_alloc(q->arena, sizeof *m);
    if (!m) {
        serve_answer_error(x, q, 503, "out of memory");
        return;
    }
    *m = (message){.sns = s, .exchange = x, .request = q};
    if (!s->topics.n) {
        refuse(m, 403, "no topics are configured: set serve { topics: [...] } in the site, or PB_SNS_TOPICS");
        return;
    }
    const char *why = read_message(m);
    if (why) {
        refuse(m, m->v.kind == PB_MAP ? 403 : 400, why);
        return;
    }
    EVP_PKEY *key = cached_key(s, m->url, q->now);
    if (key)
        judge(m, key);
    else
        fetch(m, on_certificate);
}

bool serve_sns_routes(serve_sns *s, serve_http *h) {
    return serve_route_add(h, &(serve_route){"POST", "/sns", on_sns, s, BODY_MAX});
}

void *serve_sns_fetch(pb_loop *l, const char *url, sns_fetched *fn, void *ctx, const char **err) {
    pb_http_request q = {
        .method = "GET", .url = url, .timeout_ms = FETCH_MS, .connect_ms = FETCH_MS, .max_response = CERTIFICATE_MAX};
    return pb_http_start(l, &q, fn, ctx, err);
}
