/*
 * serve_web.c - the page about runs: its files, logging in and out, and who may read what is behind it.
 *
 *     GET  /ui/            the page, its style and its script: nothing secret, so they need no login
 *     POST /ui/login       token=... : a session, in a cookie that no script can read and no other site can send
 *     POST /ui/logout
 *     GET  /api/...        serve_api.c; by the cookie, or with `Authorization: Bearer TOKEN`
 *
 * The page runs only the script that comes with it, loads nothing from elsewhere, and cannot be framed
 * (Content-Security-Policy). What runs say is shown by that script as text. No header allows other sites anything.
 *
 * Wrong tokens count against their sender's address (serve_http.c); an old cookie does not, because a page that was
 * left open asks again and again.
 */
#include "vm/serve_web.h"

#include "vm/serve_session.h"

#include <stdlib.h>

enum {
    TOKEN_MIN = 16, /* bytes; what can be guessed protects nothing */
    FORM_MAX = 4096
};

struct serve_web {
    const serve_world *world;
    serve_sessions *sessions;
    pb_str token; /* empty: all this is off */
    bool secure;  /* people come by https */
    bool told;
};

const serve_world *serve_web_world(const serve_web *p) { return p->world; }

/* ---- the cookie ---- */

/* With the prefix a browser takes it only over https, for all of this host and no other. */
static const char *cookie_name(const serve_web *p) { return p->secure ? "__Host-pbrun" : "pbrun"; }

static pb_str cookie(const serve_web *p, pb_arena *a, const char *value, int seconds) {
    return pb_printf(a, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", cookie_name(p), value, seconds,
                     p->secure ? "; Secure" : "");
}

static pb_str session_of(const serve_web *p, const serve_request *q) {
    return serve_cookie(serve_header(q, "Cookie"), cookie_name(p));
}

/* ---- who may read ---- */

static bool is_on(serve_web *p, serve_exchange *x, const serve_request *q) {
    if (p->token.n) return true;
    if (!p->told)
        serve_log(p->world, "web_off",
                  "somebody asks for the page about runs, which is off; to switch it on write `ui_token: PARAM` into "
                  "`serve` of the site block, or set PB_UI_TOKEN (openssl rand -hex 32)");
    p->told = true;
    serve_answer_error(x, q, 404, "there is nothing here");
    return false;
}

static void unauthorized(serve_exchange *x, bool refused, const char *body) {
    const pb_header h = {PB_STR("WWW-Authenticate"), PB_STR("Bearer realm=\"pbrun\"")};
    serve_answer(
        x, &(serve_response){.status = 401, .body = pb_str_c(body), .headers = &h, .nheaders = 1, .refused = refused});
}

static bool is_token(const serve_web *p, pb_str given) { return given.n && serve_same(given, p->token); }

/* NONE: there is no such header. */
static pb_str bearer(const serve_request *q) {
    static const char word[] = "Bearer ";
    pb_str v = serve_header(q, "Authorization");
    if (v.n <= sizeof word - 1 || memcmp(v.s, word, sizeof word - 1) != 0) return (pb_str){"", 0};
    return (pb_str){v.s + sizeof word - 1, v.n - (uint32_t)(sizeof word - 1)};
}

bool serve_web_may(serve_web *p, serve_exchange *x, const serve_request *q) {
    if (!is_on(p, x, q)) return false;
    pb_str given = bearer(q);
    if (given.n ? is_token(p, given) : serve_session_is(p->sessions, session_of(p, q), q->now)) return true;
    if (given.n)
        serve_log(p->world, "web_refused", "a wrong token for %.*s from %.*s", PB_ARG(q->path), PB_ARG(q->peer));
    unauthorized(x, given.n > 0, given.n ? "{\"error\":\"that is not the token\"}" : "{\"error\":\"log in first\"}");
    return false;
}

/* ---- logging in and out ---- */

static void no_content(serve_exchange *x, pb_str set_cookie) {
    const pb_header h = {PB_STR("Set-Cookie"), set_cookie};
    serve_answer(x, &(serve_response){.status = 204, .headers = &h, .nheaders = 1});
}

static void login(void *ctx, serve_exchange *x, const serve_request *q) {
    serve_web *p = ctx;
    char id[SESSION_HEX + 1];
    if (!is_on(p, x, q)) return;
    pb_str given = serve_field(q->body, "token", q->arena);
    if (!given.s || !is_token(p, given)) {
        serve_log(p->world, "web_refused", "a login with a wrong token from %.*s", PB_ARG(q->peer));
        unauthorized(x, true, "{\"error\":\"that is not the token\"}");
        return;
    }
    if (!serve_session_begin(p->sessions, q->now, id)) {
        serve_answer_error(x, q, 503, "no session can be made: the machine gives no random numbers");
        return;
    }
    serve_log(p->world, "web_login", "somebody with the page's token, from %.*s", PB_ARG(q->peer));
    no_content(x, cookie(p, q->arena, id, SESSION_MS / 1000));
}

static void logout(void *ctx, serve_exchange *x, const serve_request *q) {
    serve_web *p = ctx;
    if (!is_on(p, x, q)) return;
    serve_session_end(p->sessions, session_of(p, q));
    no_content(x, cookie(p, q->arena, "", 0));
}

/* ---- the page ---- */

static const pb_header page_headers[] = {
    {{"Content-Security-Policy", 23},
     PB_STR("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'self'")},
    {{"Cross-Origin-Opener-Policy", 26}, {"same-origin", 11}},
    {{"Permissions-Policy", 18}, PB_STR("camera=(), geolocation=(), microphone=(), payment=(), usb=()")},
};

static void page(void *ctx, serve_exchange *x, const serve_request *q) {
    if (!is_on(ctx, x, q)) return;
    pb_str name = q->rest.n ? q->rest : PB_STR("index.html");
    for (const web_file *f = web_files; f->name; f++) {
        if (!pb_str_is(name, f->name)) continue;
        serve_answer(x, &(serve_response){.status = 200,
                                          .type = f->type,
                                          .body = {f->data, (uint32_t)f->n},
                                          .headers = page_headers,
                                          .nheaders = sizeof page_headers / sizeof *page_headers});
        return;
    }
    serve_answer_error(x, q, 404, "there is nothing here");
}

/* Of / and of /ui: both lead there, also below a proxy's own path. */
static void root(void *ctx, serve_exchange *x, const serve_request *q) {
    const pb_header h = {PB_STR("Location"), PB_STR("ui/")};
    if (is_on(ctx, x, q)) serve_answer(x, &(serve_response){.status = 303, .headers = &h, .nheaders = 1});
}

/* ---- the part ---- */

static pb_str token_of(const serve_world *w) {
    const char *variable = getenv("PB_UI_TOKEN");
    pb_value v = w->site->serve.ui_token;
    return v.kind == PB_SECRET && v.n ? pb_text(v) : pb_str_c(variable ? variable : "");
}

static void end(void *part) {
    serve_web *p = part;
    if (!p) return;
    serve_sessions_free(p->sessions);
    free(p);
}

static bool begins_https(pb_str url) { return url.n > 8 && memcmp(url.s, "https://", 8) == 0; }

static bool begin(const serve_world *w, serve_http *h, void **part, pb_str *err) {
    serve_web *p = calloc(1, sizeof *p);
    *err = PB_STR("out of memory");
    if (!p) return false;
    *p =
        (serve_web){.world = w, .sessions = serve_sessions_new(), .token = token_of(w), .secure = begins_https(w->url)};
    const serve_route routes[] = {
        {"GET", "/", root, p, 0},
        {"GET", "/ui", root, p, 0},
        {"POST", "/ui/login", login, p, FORM_MAX},
        {"POST", "/ui/logout", logout, p, FORM_MAX},
        {"GET", "/ui/", page, p, 0},
    };
    bool ok = p->sessions != NULL;
    if (p->token.n && p->token.n < TOKEN_MIN) {
        ok = false;
        *err = pb_printf(w->arena,
                         "the page's token (ui_token) is shorter than %d bytes and could be guessed; make a longer one "
                         "(openssl rand -hex 32)",
                         (int)TOKEN_MIN);
    }
    for (size_t i = 0; ok && i < sizeof routes / sizeof *routes; i++)
        if (!(ok = serve_route_add(h, &routes[i]))) *err = PB_STR("too many routes");
    if (ok && !(ok = serve_api_routes(p, h))) *err = PB_STR("too many routes");
    if (!ok) {
        end(p);
        p = NULL;
    }
    *part = p;
    return ok;
}

const serve_part serve_web_part = {"web", begin, end};
