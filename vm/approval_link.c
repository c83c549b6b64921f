/*
 * approval_link.c - signed links, and the pages behind them.
 *
 * Mail scanners, chat previews and browsers fetch links before people do, so a GET never decides. The page holds a form
 * with a nonce that is signed over the token and the minute it was made: a POST that no page of ours has led to is
 * refused, and so is one that another site's page sends. What is shown comes out of the store and out of events: every
 * text is escaped, and the page may load and run nothing (Content-Security-Policy), be kept or framed nowhere, and
 * gives its address (which holds the token) to no other site.
 *
 * All that is wrong with a genuine token is recorded with the approval; of a token that is not ours nothing can be
 * believed, except that somebody tried: when the approval that it claims exists, that is recorded.
 */
#include "vm/approval_link.h"

#include "vm/digest.h"
#include "vm/plain.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>

enum {
    SECRET_MIN = 16, /* bytes of the link secret: less can be guessed */
    TOKEN_MAX = 1024,
    BODY_MAX = 8192,
    NONCE_MS = 900000, /* how long a page can be looked at before its form is no longer taken */
    SHOWN_MAX = 4000,
    MAC_SIZE = 32
};

const char *const approval_page_headers[] = {
    "Content-Type",
    "text/html; charset=utf-8",
    "Cache-Control",
    "no-store",
    "Referrer-Policy",
    "same-origin", /* no other site sees the token; with no-referrer a form's Origin would be "null" */
    "X-Content-Type-Options",
    "nosniff",
    "X-Frame-Options",
    "DENY",
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Robots-Tag",
    "noindex, nofollow",
    NULL};

/* ---- base64url and signatures ---- */

static pb_str to_url64(pb_arena *a, const void *data, size_t n) {
    pb_str t = pb_base64(a, data, n);
    char *s = t.s ? pb_alloc(a, t.n + 1) : NULL;
    uint32_t k = 0;
    for (uint32_t i = 0; s && i < t.n && t.s[i] != '='; i++)
        s[k++] = (char)(t.s[i] == '+' ? '-' : t.s[i] == '/' ? '_' : t.s[i]);
    return (pb_str){s, s ? k : 0};
}

/* One way of writing only: what decodes to the same bytes but is written otherwise is refused. */
static bool from_url64(pb_arena *a, pb_str text, pb_str *out) {
    char *s = pb_alloc(a, text.n + 4);
    uint32_t k = text.n;
    if (!s || !text.n) return false;
    for (uint32_t i = 0; i < text.n; i++) s[i] = (char)(text.s[i] == '-' ? '+' : text.s[i] == '_' ? '/' : text.s[i]);
    while (k % 4) s[k++] = '=';
    if (!pb_base64_decode(a, (pb_str){s, k}, out)) return false;
    return pb_str_eq(to_url64(a, out->s, out->n), text);
}

static bool mac(pb_str secret, const char *purpose, pb_str text, uint8_t out[MAC_SIZE], pb_arena *a) {
    pb_str all = pb_printf(a, "%s\n%.*s", purpose, PB_ARG(text));
    unsigned n = 0;
    return all.s && HMAC(EVP_sha256(), secret.s, (int)secret.n, (const unsigned char *)all.s, all.n, out, &n) &&
           n == MAC_SIZE;
}

static pb_str signature(pb_arena *a, pb_str secret, const char *purpose, pb_str text) {
    uint8_t m[MAC_SIZE];
    return mac(secret, purpose, text, m, a) ? to_url64(a, m, sizeof m) : (pb_str){NULL, 0};
}

static bool signature_is(pb_arena *a, pb_str secret, const char *purpose, pb_str text, pb_str given) {
    pb_str want = signature(a, secret, purpose, text);
    return want.s && want.n == given.n && CRYPTO_memcmp(want.s, given.s, want.n) == 0;
}

static const char token_purpose[] = "pbrun approval link 1", form_purpose[] = "pbrun approval form 1";

/* NULL, or what is missing. */
static const char *secret_of(const pb_site *s, pb_str *secret) {
    *secret = s && s->serve.link_secret.kind == PB_SECRET ? pb_text(s->serve.link_secret) : (pb_str){"", 0};
    if (!secret->n)
        return "links need a secret: write `link_secret: param` into `serve` of the site block and set that parameter";
    return secret->n < SECRET_MIN ? "the site's link_secret is too short: at least 16 bytes, better 32 random ones"
                                  : NULL;
}

/* ---- tokens ---- */

typedef struct token {
    pb_str text, approval, person, binding;
    int64_t expires;
} token;

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

pb_str approval_link_make(pb_arena *a, const pb_site *s, const store_approval *apr, pb_str person, pb_str *err) {
    pb_str secret;
    const char *missing = secret_of(s, &secret);
    pb_map_builder b = {.arena = a};
    if (!missing && !s->serve.url.n)
        missing = "links need to know where pbrun serve is reached: write `url: \"https://...\"` into `serve` of the "
                  "site block";
    *err = missing ? pb_str_c(missing) : PB_STR("out of memory");
    if (missing) return (pb_str){NULL, 0};
    pb_map_add(&b, PB_STR("a"), pb_string(apr->id));
    pb_map_add(&b, PB_STR("p"), pb_string(person));
    pb_map_add(&b, PB_STR("b"), pb_string((pb_str){apr->binding.s, APPROVAL_PREFIX}));
    pb_map_add(&b, PB_STR("e"), pb_int(apr->expires));
    pb_str json = pb_json_text(a, pb_map_done(&b));
    pb_str payload = json.s ? to_url64(a, json.s, json.n) : json;
    pb_str sig = payload.s ? signature(a, secret, token_purpose, payload) : payload;
    if (!sig.s) return sig;
    return pb_printf(a, "%.*s/approve/%.*s.%.*s", PB_ARG(s->serve.url), PB_ARG(payload), PB_ARG(sig));
}

/* What a token says. False: it has not the form of one. *genuine: it is ours. */
static bool read_token(pb_arena *a, const pb_site *site, pb_str text, token *t, bool *genuine) {
    pb_str secret, json, err, payload = text, sig = {"", 0};
    pb_value v;
    *t = (token){.text = text};
    *genuine = false;
    if (!text.n || text.n > TOKEN_MAX || secret_of(site, &secret)) return false;
    for (uint32_t i = 0; i < text.n; i++)
        if (text.s[i] == '.' && payload.n == text.n) payload.n = i, sig = (pb_str){text.s + i + 1, text.n - i - 1};
    *genuine = signature_is(a, secret, token_purpose, payload, sig);
    if (!from_url64(a, payload, &json) || !pb_json_parse(a, json.s, json.n, &v, &err)) return false;
    t->approval = text_of(v, "a");
    t->person = text_of(v, "p");
    t->binding = text_of(v, "b");
    pb_value e = pb_get_c(v, "e");
    t->expires = e.kind == PB_INT ? e.u.i : 0;
    return t->approval.n > 0;
}

bool approval_link_names(pb_arena *a, const pb_site *site, pb_str text, pb_str *approval) {
    token t;
    bool genuine = false, ok = read_token(a, site, text, &t, &genuine) && genuine;
    if (ok) *approval = t.approval;
    return ok;
}

/* ---- pages ---- */

static void escape(pb_buf *b, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        switch (s[i]) {
        case '&': pb_buf_puts(b, "&amp;"); break;
        case '<': pb_buf_puts(b, "&lt;"); break;
        case '>': pb_buf_puts(b, "&gt;"); break;
        case '"': pb_buf_puts(b, "&quot;"); break;
        case '\'': pb_buf_puts(b, "&#39;"); break;
        default: pb_buf_putc(b, s[i]);
        }
    }
}

/* Also without characters that make a text look like another one. */
static void add_html(pb_buf *b, pb_str s) {
    pb_buf t = {0};
    plain_add(&t, s, SHOWN_MAX);
    escape(b, t.data ? t.data : "", t.len);
    b->oom |= t.oom;
    pb_buf_free(&t);
}

static void page_begin(pb_buf *b, const char *title) {
    pb_buf_printf(
        b,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\">"
        "<title>%s</title><style>body{font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#222}"
        "dt{font-weight:bold}dd{margin:0 0 .6em;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext}"
        "button{font:inherit;padding:.5em "
        "1.5em;margin-right:1em}textarea{font:inherit;width:100%%}</style></head><body><h1>%s</h1>",
        title, title);
}

static bool page_end(pb_arena *a, pb_buf *b, int status, approval_page *out) {
    pb_buf_puts(b, "</body></html>\n");
    out->status = status;
    out->html = b->oom ? (pb_str){NULL, 0} : pb_strdup(a, b->data, b->len);
    pb_buf_free(b);
    return out->html.s != NULL;
}

static bool say(pb_arena *a, int status, const char *title, pb_str sentence, approval_page *out) {
    pb_buf b = {0};
    page_begin(&b, title);
    pb_buf_puts(&b, "<p>");
    add_html(&b, sentence);
    pb_buf_puts(&b, "</p>");
    return page_end(a, &b, status, out);
}

static void item(pb_buf *b, const char *label, pb_str text) {
    if (!text.n) return;
    pb_buf_printf(b, "<dt>%s</dt><dd>", label);
    add_html(b, text);
    pb_buf_puts(b, "</dd>");
}

static void item_value(pb_arena *a, pb_buf *b, const char *label, pb_value v) {
    if (v.kind == PB_NONE || ((v.kind == PB_MAP || v.kind == PB_LIST) && !v.n)) return;
    pb_str text = pb_json_text(a, v);
    item(b, label, text.s ? text : PB_STR("(too large to show)"));
}

static void describe(pb_arena *a, pb_buf *b, const store_approval *apr) {
    pb_value body = PB_NONE_VALUE;
    pb_str err;
    pb_json_parse(a, apr->body.s, apr->body.n, &body, &err);
    pb_value about = pb_get_c(body, "about");
    pb_buf_puts(b, "<dl>");
    item(b, "Question", apr->question);
    item(b, "Playbook", text_of(about, "playbook"));
    item(b, "Incident", text_of(about, "incident"));
    item(b, "Finding", text_of(about, "threat"));
    item(b, "Account", text_of(about, "account"));
    item(b, "Region", text_of(about, "region"));
    item(b, "Resource", text_of(about, "resource"));
    item(b, "Run", apr->run);
    item_value(a, b, "With these values", pb_get_c(body, "values"));
    item_value(a, b, "The target now", pb_get_c(body, "state"));
    item_value(a, b, "Changed since it was granted", pb_get_c(body, "changes"));
    item(b, "Block", text_of(body, "block"));
    item(b, "Expires", pb_time_text(a, apr->expires));
    pb_buf_puts(b, "</dl>");
}

/* "TIME.SIGNATURE" over the token and the time. */
static pb_str nonce_of(pb_arena *a, pb_str secret, pb_str tok, int64_t at) {
    pb_str text = pb_printf(a, "%lld.%.*s", (long long)at, PB_ARG(tok));
    pb_str sig = text.s ? signature(a, secret, form_purpose, text) : text;
    return sig.s ? pb_printf(a, "%lld.%.*s", (long long)at, PB_ARG(sig)) : sig;
}

static bool nonce_ok(pb_arena *a, pb_str secret, pb_str tok, pb_str given, int64_t now) {
    int64_t at = 0;
    uint32_t i = 0;
    for (; i < given.n && i < 15 && given.s[i] >= '0' && given.s[i] <= '9'; i++) at = at * 10 + (given.s[i] - '0');
    if (!i || at > now + 1000 || now - at > NONCE_MS) return false;
    pb_str want = nonce_of(a, secret, tok, at);
    return want.s && want.n == given.n && CRYPTO_memcmp(want.s, given.s, want.n) == 0;
}

static bool confirmation(pb_arena *a, const pb_site *site, const store_approval *apr, const token *t, int64_t now,
                         approval_page *out) {
    pb_str secret;
    pb_buf b = {0};
    secret_of(site, &secret);
    pb_str nonce = nonce_of(a, secret, t->text, now);
    page_begin(&b, "Approval");
    describe(a, &b, apr);
    pb_buf_puts(&b, "<p>You answer as <b>");
    add_html(&b, t->person);
    pb_buf_puts(&b, "</b>. This link is good for one answer.</p><form method=\"post\"><input type=\"hidden\" "
                    "name=\"nonce\" value=\"");
    add_html(&b, nonce);
    pb_buf_puts(&b,
                "\"><p><label>Reason<br><textarea name=\"reason\" rows=\"2\" maxlength=\"1000\"></textarea></label></p>"
                "<button name=\"verdict\" value=\"grant\">Approve</button><button name=\"verdict\" "
                "value=\"deny\">Deny</button></form>");
    if (!nonce.s) b.oom = true;
    return page_end(a, &b, 200, out);
}

/* ---- the form ---- */

typedef struct form {
    pb_str nonce, verdict, reason;
} form;

static bool read_form(pb_arena *a, pb_str body, form *f) {
    *f = (form){{"", 0}, {"", 0}, {"", 0}};
    if (body.n > BODY_MAX) return false;
    for (uint32_t at = 0; at < body.n;) {
        uint32_t end = at, eq;
        while (end < body.n && body.s[end] != '&') end++;
        for (eq = at; eq < end && body.s[eq] != '=';) eq++;
        pb_str name = {body.s + at, eq - at}, value,
               *to = pb_str_is(name, "nonce")     ? &f->nonce
                     : pb_str_is(name, "verdict") ? &f->verdict
                     : pb_str_is(name, "reason")  ? &f->reason
                                                  : NULL;
        if (!to || to->n || eq == end || !plain_form_decode(a, (pb_str){body.s + eq + 1, end - eq - 1}, &value)) return false;
        *to = value;
        at = end + 1;
    }
    return pb_str_is(f->verdict, "grant") || pb_str_is(f->verdict, "deny");
}

/* ---- answers ---- */

typedef struct visit {
    store *store;
    const pb_site *site;
    const approval_page_request *q;
    pb_arena *arena;
    approval_page *out;
    token token;
    bool genuine;
    store_approval apr;
} visit;

static approval_answer answer_of(const visit *v) {
    return (approval_answer){.kind = APPROVAL_BY_NAME,
                             .who = v->token.person,
                             .via = PB_STR("link"),
                             .proof = pb_printf(v->arena, "signed link, from %.*s", PB_ARG(v->q->from)),
                             .binding = v->token.binding,
                             .members = v->q->members,
                             .members_error = v->q->members_error,
                             .arena = v->arena,
                             .now = v->q->now};
}

/* Is this the origin ("https://host:port") of the site's url? */
static bool is_own_origin(pb_str origin, pb_str url) {
    return url.n >= origin.n && memcmp(url.s, origin.s, origin.n) == 0 && (url.n == origin.n || url.s[origin.n] == '/');
}

/* Refused whoever it was, recorded with its reason. */
static bool refused(visit *v, int status, const char *why) {
    approval_answer a = answer_of(v);
    a.forbidden = pb_str_c(why);
    a.claimed = !v->genuine;
    approval_decide(v->store, v->token.approval, &a);
    return say(v->arena, status, "Refused", a.why.n ? a.why : a.forbidden, v->out);
}

static bool decided(visit *v, const approval_answer *a) {
    v->out->approval = v->apr.id;
    if (!pb_str_is(a->state, "open")) v->out->decided_run = v->apr.run;
    if (!a->taken) return say(v->arena, 403, "Refused", a->why, v->out);
    pb_str text = pb_str_is(a->state, "open")
                      ? pb_printf(v->arena, "Recorded: %u of %u have approved.", a->grants, a->quorum)
                      : pb_printf(v->arena, "The approval is %.*s. Thank you.", PB_ARG(a->state));
    return say(v->arena, 200, "Recorded", text, v->out);
}

/* The link is used up first: what dies between the two has used it up without an answer, never the other way round. */
static bool post(visit *v) {
    pb_str secret;
    form f;
    char digest[DIGEST_HEX + 1];
    secret_of(v->site, &secret);
    if (v->q->origin.n && !is_own_origin(v->q->origin, v->site->serve.url))
        return refused(v, 403, "the answer came from another site's page");
    if (!read_form(v->arena, v->q->body, &f))
        return say(v->arena, 400, "Not understood", PB_STR("The form is incomplete. Follow the link again."), v->out);
    if (!nonce_ok(v->arena, secret, v->token.text, f.nonce, v->q->now))
        return refused(
            v, 403, "the answer did not come from the link's own page, or the page was too old: follow the link again");
    if (!digest_sha256_hex(&v->token.text, 1, digest)) return false;
    store_result once =
        store_once(v->store, pb_printf(v->arena, "link:%s", digest), v->q->now, v->token.expires + 86400000);
    if (once == STORE_NO) return refused(v, 403, "the link has been used already; it is good for one answer");
    if (once != STORE_OK)
        return say(v->arena, 503, "Out of order", PB_STR("The store cannot be written. Try again."), v->out);
    approval_answer a = answer_of(v);
    a.grant = pb_str_is(f.verdict, "grant");
    a.reason = f.reason;
    if (approval_decide(v->store, v->token.approval, &a) != STORE_OK)
        return say(v->arena, 503, "Out of order", a.why, v->out);
    return decided(v, &a);
}

static bool get(visit *v) {
    if (!pb_str_is(v->apr.state, "open") || v->q->now >= v->apr.expires)
        return say(
            v->arena, 410, "Closed",
            PB_STR("This approval has been decided, has expired or is void. There is nothing to answer any more."),
            v->out);
    return confirmation(v->arena, v->site, &v->apr, &v->token, v->q->now, v->out);
}

bool approval_page_answer(store *s, const pb_site *site, const approval_page_request *q, pb_arena *a,
                          approval_page *out) {
    visit v = {.store = s, .site = site, .q = q, .arena = a, .out = out};
    *out = (approval_page){.decided_run = {"", 0}, .approval = {"", 0}};
    bool read = read_token(a, site, q->token, &v.token, &v.genuine);
    if (!read)
        return say(a, 404, "Not found", PB_STR("This is no link of an approval. Has it been copied completely?"), out);
    store_result r = store_approval_get(s, v.token.approval, a, &v.apr);
    if (r == STORE_ERROR) return say(a, 503, "Out of order", PB_STR("The store cannot be read. Try again."), out);
    /* A forged token must not tell whether its approval exists. */
    if (!v.genuine && (r != STORE_OK || !q->post))
        return say(a, 404, "Not found", PB_STR("This is no link of an approval. Has it been copied completely?"), out);
    if (!v.genuine) {
        refused(&v, 404, "the link's signature is not ours");
        return say(a, 404, "Not found", PB_STR("This is no link of an approval. Has it been copied completely?"), out);
    }
    if (r == STORE_NO)
        return say(a, 404, "Not found", PB_STR("This approval is not known here; its run may have been removed."), out);
    if (q->now >= v.token.expires && q->post) return refused(&v, 410, "the link has expired");
    return q->post ? post(&v) : get(&v);
}
