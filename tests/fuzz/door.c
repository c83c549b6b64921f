/*
 * door.c - what strangers send to `pbrun serve`: events with their signatures, messages of SNS, links of approvals with
 * their forms, and Slack's interactions.
 *
 * The first line says which: "E" an event ("Es": signed right, "Et": with the right token), "S" a message of SNS as it
 * is, "N" one whose members ("Name: value" lines) are signed here, "Ag"/"Ap" a link's page and its form, with what
 * follows as the token ("A=g": the body is the payload of a token that is signed here, "Al": a real one), "K" Slack
 * ("Kb": signed right). Then headers, an empty line, the body. Every request is answered once; what nobody has signed
 * changes nothing.
 */
#define serve_answer real_serve_answer
#define serve_answer_error real_serve_answer_error
#define serve_route_add real_serve_route_add
#define serve_log real_serve_log
#define serve_log_value real_serve_log_value
#include "vm/serve_http.c"
#undef serve_answer
#undef serve_answer_error
#undef serve_route_add
#undef serve_log
#undef serve_log_value

#include "stdlib/slack_approval.h"
#include "tests/fuzz/fuzz.h"
#include "vm/approval_link.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define TOPIC "arn:aws:sns:eu-west-1:111122223333:alerts"
#define CERTIFICATE "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcdEF.pem"
#define NOW INT64_C(1764000000000)

/* ---- in the place of serve_http.c ---- */

static int answers;
static serve_handler *handlers[2]; /* events, sns */
static void *contexts[2];

void serve_answer(serve_exchange *x, const serve_response *r) {
    (void)x;
    answers++;
    WRONG_IF(r->status < 200 || r->status > 599);
}
void serve_answer_error(serve_exchange *x, const serve_request *q, int status, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    pb_str text = pb_vprintf(q->arena, fmt, ap);
    va_end(ap);
    serve_answer(x, &(serve_response){.status = status, .body = text});
}
bool serve_route_add(serve_http *h, const serve_route *r) {
    (void)h;
    int i = strcmp(r->path, "/events") != 0;
    handlers[i] = r->fn, contexts[i] = r->ctx;
    return true;
}
void serve_log(const serve_world *w, const char *kind, const char *fmt, ...) { (void)w, (void)kind, (void)fmt; }
void serve_log_value(const serve_world *w, const char *kind, pb_value members) { (void)w, (void)kind, (void)members; }

/* ---- the world ---- */

static pb_str oncall[] = {PB_STR("alice")};
static site_person people[] = {
    {PB_STR("alice"), PB_STR("U0ALICE"), PB_STR("alice"), PB_STR("a@example.com"), {NULL, 0}}};
static site_group groups[] = {{PB_STR("oncall"), {"", 0}, {oncall, 1}}};
static pb_str topics[] = {PB_STR(TOPIC)};
static pb_site site;
static serve_world world;
static serve_metrics metrics;
static serve_in *in;
static serve_sns *sns;
static store_approval asked;
static char path[64];
static EVP_PKEY *key;
static pb_buf pem;
static uint32_t uses;
static int decided;

static pb_value secret(const char *z) { return (pb_value){.kind = PB_SECRET, .n = (uint32_t)strlen(z), .u.s = z}; }

typedef struct fetched {
    sns_fetched *fn;
    void *ctx;
} fetched;

static void on_fetched(void *ctx) {
    fetched f = *(fetched *)ctx;
    free(ctx);
    f.fn(f.ctx, &(pb_http_response){.status = 200, .body = {pem.data, (uint32_t)pem.len}});
}

static void *fetch(pb_loop *l, const char *url, sns_fetched *fn, void *ctx, const char **err) {
    (void)err;
    WRONG_IF(strncmp(url, "https://sns.", 12) != 0 || !strstr(url, ".amazonaws.com"));
    fetched *f = malloc(sizeof *f);
    WRONG_IF(!f);
    *f = (fetched){fn, ctx};
    return pb_timer_start(l, 0, on_fetched, f);
}

static void on_added(void *ctx) { (void)ctx; }
static void on_decided(void *ctx, pb_str run) {
    (void)ctx, (void)run;
    decided++;
}

static void make_key(void) {
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    key = EVP_RSA_gen(2048);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -1000);
    X509_gmtime_adj(X509_getm_notAfter(x), 1000000);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    PEM_write_bio_X509(bio, x);
    long n = BIO_get_mem_data(bio, &text);
    pb_buf_add(&pem, text, (size_t)n);
    BIO_free(bio);
    X509_free(x);
}

static void ask(pb_arena *a) {
    store_run r = {.id = PB_STR("run-1"), .playbook = PB_STR("p"), .image = PB_STR("aa")};
    store_admitted why;
    pb_str other, err;
    pb_value by;
    WRONG_IF(store_run_begin(world.store, &r, NULL, false, PB_STR("me"), NOW, a, &why, &other) != STORE_OK);
    static const char group[] = "[{\"kind\":\"group\",\"name\":\"oncall\"}]";
    approval_question q = {.run = r.id, .step = PB_STR("1"), .image = r.image, .round = 1, .quorum = 1};
    WRONG_IF(!pb_json_parse(a, group, sizeof group - 1, &by, &err) || !approval_people(&site, by, a, &q.by, &err));
    q.question = PB_STR("ok?");
    q.within_ms = INT64_C(1) << 50;
    WRONG_IF(!approval_make(&q, NULL, NOW, a, &asked, &err) || store_approval_put(world.store, &asked) != STORE_OK);
}

static void clean(void) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    char file[80];
    for (int i = 0; i < 3; i++) snprintf(file, sizeof file, "%s%s", path, endings[i]), unlink(file);
}

static void open_doors(void) {
    pb_str err = {0};
    enum { QUEUE = 16 };
    if (!key) {
        make_key();
        snprintf(path, sizeof path, "/dev/shm/pb_fuzz_door.%d.db", (int)getpid());
        setenv("SLACK_SIGNING_SECRET", SECRET, 1);
        atexit(clean);
    }
    site = (pb_site){.people = people, .groups = groups, .npeople = 1, .ngroups = 1};
    site.serve.url = PB_STR("https://pb.example.com");
    site.serve.link_secret = site.serve.events_secret = secret(SECRET);
    site.serve.events_token = secret("a-token-that-is-long");
    site.serve.topics = (site_list){topics, 1};
    clean();
    pb_clock_virtual(NOW);
    world = (serve_world){.site = &site, .arena = pb_arena_new(0), .url = site.serve.url};
    world.loop = pb_loop_new();
    world.store = world.arena ? store_open(path, world.arena, &err) : NULL;
    WRONG_IF(!world.loop || !world.store);
    in = serve_in_new(&world, &metrics, QUEUE, on_added, NULL, &err);
    WRONG_IF(!in || !serve_in_routes(in, NULL));
    sns = serve_sns_new(&world, in, fetch, &err);
    WRONG_IF(!sns || !serve_sns_routes(sns, NULL));
    ask(world.arena);
    uses = 0, decided = 0;
}

static void close_doors(void) {
    serve_in_end(in);
    serve_sns_free(sns);
    store_close(world.store);
    pb_loop_free(world.loop);
    pb_arena_free(world.arena);
    clean();
}

/* ---- signatures ---- */

static pb_str hmac(pb_arena *a, pb_str text, bool hex) {
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (const unsigned char *)text.s, text.n, d, &n);
    if (!hex) return pb_base64(a, d, n);
    char *out = pb_alloc(a, 2 * n + 1);
    for (unsigned i = 0; out && i < n; i++) snprintf(out + 2 * i, 3, "%02x", d[i]);
    return (pb_str){out, out ? 2 * n : 0};
}

static pb_str url64(pb_str t) {
    uint32_t n = 0;
    char *s = (char *)(uintptr_t)t.s;
    for (; n < t.n && s[n] != '='; n++) s[n] = (char)(s[n] == '+' ? '-' : s[n] == '/' ? '_' : s[n]);
    return (pb_str){s, n};
}

static pb_str token_of(pb_arena *a, pb_str payload) {
    pb_str text = url64(pb_base64(a, payload.s, payload.n));
    pb_str sig = url64(hmac(a, pb_printf(a, "pbrun approval link 1\n%.*s", PB_ARG(text)), false));
    return pb_printf(a, "%.*s.%.*s", PB_ARG(text), PB_ARG(sig));
}

/* Lines "Name: value" as a message of SNS that is signed right. */
static pb_str signed_message(pb_arena *a, pb_str lines) {
    static const char *const order[] = {"Message",   "MessageId", "Subject",  "SubscribeURL",
                                        "Timestamp", "Token",     "TopicArn", "Type"};
    pb_map_builder b = {.arena = a};
    const char *p = lines.s, *stop = lines.s + lines.n;
    pb_map_add(&b, PB_STR("TopicArn"), pb_string_c(TOPIC));
    pb_map_add(&b, PB_STR("Timestamp"), pb_string(pb_time_text(a, NOW)));
    pb_map_add(&b, PB_STR("SignatureVersion"), pb_string_c("2"));
    pb_map_add(&b, PB_STR("SigningCertURL"), pb_string_c(CERTIFICATE));
    while (p < stop) {
        pb_str line = fuzz_line(&p, stop), name = fuzz_word(&line, ':');
        while (line.n && line.s[0] == ' ') line.s++, line.n--;
        if (name.n) pb_map_add(&b, name, pb_string(line));
    }
    pb_value m = pb_map_done(&b);
    pb_buf text = {0};
    bool notification = pb_str_is(pb_text(pb_get_c(m, "Type")), "Notification");
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        pb_value v = pb_get_c(m, order[i]);
        bool left_out = notification ? i == 3 || i == 5 : i == 2;
        if (v.kind == PB_STRING && !left_out) pb_buf_printf(&text, "%s\n%.*s\n", order[i], PB_ARG(pb_text(v)));
    }
    unsigned char d[512];
    size_t n = sizeof d;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key);
    EVP_DigestSign(c, d, &n, (const unsigned char *)(text.data ? text.data : ""), text.len);
    EVP_MD_CTX_free(c);
    pb_buf_free(&text);
    pb_map_builder all = {.arena = a};
    for (uint32_t i = 0; i < m.n; i++) pb_map_add(&all, m.u.entries[i].key, m.u.entries[i].value);
    pb_map_add(&all, PB_STR("Signature"), pb_string(pb_base64(a, d, n)));
    return pb_json_text(a, pb_map_done(&all));
}

/* ---- the four doors ---- */

static uint64_t waiting(void) {
    uint64_t n = 0;
    WRONG_IF(store_events_waiting(world.store, &n) != STORE_OK);
    return n;
}

static bool is_open(pb_arena *a) {
    store_approval now;
    return store_approval_get(world.store, asked.id, a, &now) == STORE_OK && pb_str_is(now.state, "open");
}

static void turn_until(int enough) {
    for (int i = 0; i < 1000 && answers < enough; i++) pb_loop_turn(world.loop);
    WRONG_IF(answers != enough);
}

static void post(int which, serve_request *q, bool proved) {
    uint64_t before = waiting();
    answers = 0;
    handlers[which](contexts[which], NULL, q);
    turn_until(1);
    WRONG_IF(!proved && waiting() != before);
}

static void event(serve_request *q, pb_header *headers, pb_str flags) {
    bool is_signed = flags.n && flags.s[0] == 's', has_token = flags.n && flags.s[0] == 't';
    if (is_signed) {
        pb_str text = pb_printf(q->arena, "%lld.", (long long)(NOW / 1000));
        char *all = pb_alloc(q->arena, text.n + q->body.n + 1);
        memcpy(all, text.s, text.n);
        if (q->body.n) memcpy(all + text.n, q->body.s, q->body.n);
        pb_str mac = hmac(q->arena, (pb_str){all, text.n + q->body.n}, true);
        headers[0] = (pb_header){PB_STR("X-PB-Signature"),
                                 pb_printf(q->arena, "t=%.*s,v1=%.*s", (int)text.n - 1, text.s, PB_ARG(mac))};
    }
    if (has_token) headers[0] = (pb_header){PB_STR("authorization"), PB_STR("Bearer a-token-that-is-long")};
    if ((is_signed || has_token) && !q->nheaders) q->nheaders = 1;
    post(0, q, is_signed || has_token);
}

static void link_page(serve_request *q, pb_str flags) {
    bool forged = flags.n && flags.s[0] == '=', real = flags.n && flags.s[0] == 'l', was_open = is_open(q->arena);
    pb_str err, token = {flags.s + (flags.n > 0), flags.n - (flags.n > 0)}, names;
    approval_page page;
    if (forged) token = token_of(q->arena, q->body);
    if (real) {
        pb_str url = approval_link_make(q->arena, &site, &asked, PB_STR("alice"), &err);
        token = (pb_str){url.s + sizeof "https://pb.example.com/approve/" - 1,
                         url.n - (uint32_t)sizeof "https://pb.example.com/approve/" + 1};
    }
    approval_page_request r = {.post = !flags.n || flags.s[flags.n - 1] != 'g',
                               .token = token,
                               .origin = serve_header(q, "Origin"),
                               .content_type = serve_header(q, "Content-Type"),
                               .body = q->body,
                               .from = PB_STR("127.0.0.1"),
                               .members = PB_NONE_VALUE,
                               .now = NOW};
    approval_link_names(q->arena, &site, token, &names);
    WRONG_IF(!approval_page_answer(world.store, &site, &r, q->arena, &page) && !pb_arena_failed(q->arena));
    WRONG_IF(!pb_arena_failed(q->arena) && (page.status < 200 || page.status > 599));
    WRONG_IF(was_open && !is_open(q->arena) && !(real || forged));
    WRONG_IF(was_open && !is_open(q->arena) && !r.post);
}

static void slack(serve_request *q, pb_str flags) {
    slack_desk_config c = {.loop = world.loop, .store = world.store, .site = &site, .decided = on_decided};
    slack_desk *d = slack_desk_new(&c);
    bool is_signed = flags.n && flags.s[0] == 'b', was_open = is_open(q->arena);
    slack_hook h = {.signature = serve_header(q, "X-Slack-Signature"),
                    .timestamp = serve_header(q, "X-Slack-Request-Timestamp"),
                    .content_type = serve_header(q, "Content-Type"),
                    .body = q->body,
                    .now = NOW};
    char sig[SLACK_SIGNATURE + 1];
    pb_str why = {"", 0};
    if (is_signed) {
        h.timestamp = pb_printf(q->arena, "%lld", (long long)(NOW / 1000));
        WRONG_IF(!slack_sign(PB_STR(SECRET), h.timestamp, h.body, sig));
        h.signature = pb_str_c(sig);
    }
    int status = d ? slack_desk_take(d, &h, q->arena, &why) : 503;
    WRONG_IF(status < 200 || status > 599);
    WRONG_IF(status == 200 && !is_signed);
    for (int i = 0; i < 3; i++) pb_loop_turn(world.loop);
    WRONG_IF(was_open && !is_open(q->arena) && !is_signed);
    slack_desk_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { OFTEN = 200 };
    char *copy = fuzz_copy(data, size);
    const char *p = copy, *stop = copy + size;
    pb_header headers[FUZZ_HEADERS + 1];
    if (!copy || !size) {
        free(copy);
        return 0;
    }
    if (!world.store) open_doors();
    serve_request q = {.method = "POST", .headers = headers, .now = NOW, .peer = PB_STR("127.0.0.1")};
    q.arena = pb_arena_new(64 << 20);
    pb_str line = fuzz_line(&p, stop), flags = {line.s + (line.n > 0), line.n - (line.n > 0)};
    q.nheaders = fuzz_headers(&p, stop, headers);
    q.body = (pb_str){p, (uint32_t)(stop - p)};
    switch (line.n ? line.s[0] : 0) {
    case 'S': post(1, &q, false); break;
    case 'N':
        q.body = signed_message(q.arena, q.body);
        post(1, &q, true);
        break;
    case 'A': link_page(&q, flags); break;
    case 'K': slack(&q, flags); break;
    default: event(&q, headers, flags);
    }
    bool spent = ++uses > OFTEN || !is_open(q.arena) || waiting() > 12;
    pb_arena_free(q.arena);
    free(copy);
    if (spent) close_doors(), world = (serve_world){0};
    return 0;
}
