/* Sessions of the server's page: random, eight hours long, the oldest makes room; cookies as browsers send them. */
#include "vm/serve_session.h"

#include "tests/lib/check.h"

enum { HOUR = 3600000 };

static pb_str text(const char *id) { return (pb_str){id, SESSION_HEX}; }

static void test_time(void) {
    CASE("a session is good for eight hours, and until it is ended") {
        serve_sessions *s = serve_sessions_new();
        char a[SESSION_HEX + 1], b[SESSION_HEX + 1];
        const int64_t t = 1700000000000;
        CHECK(s && serve_session_begin(s, t, a) && serve_session_begin(s, t + HOUR, b));
        CHECK(strlen(a) == SESSION_HEX && strcmp(a, b) != 0 && strspn(a, "0123456789abcdef") == SESSION_HEX);
        CHECK(serve_session_is(s, text(a), t) && serve_session_is(s, text(a), t + 8 * (int64_t)HOUR - 1));
        CHECK(!serve_session_is(s, text(a), t + 8 * (int64_t)HOUR));
        CHECK(serve_session_is(s, text(b), t + 8 * (int64_t)HOUR));
        CHECK(!serve_session_is(s, text(b), t - HOUR)); /* a clock that was set back makes none longer */
        serve_session_end(s, text(b));
        CHECK(!serve_session_is(s, text(b), t + HOUR));
        serve_sessions_free(s);
    }
}

static void test_unknown(void) {
    CASE("what was never given out is no session") {
        serve_sessions *s = serve_sessions_new();
        char a[SESSION_HEX + 1], zeros[SESSION_HEX + 1];
        CHECK(s && serve_session_begin(s, 1000, a));
        memset(zeros, '0', SESSION_HEX);
        zeros[SESSION_HEX] = '\0';
        CHECK(!serve_session_is(s, text(zeros), 1000) && !serve_session_is(s, PB_STR(""), 1000));
        CHECK(!serve_session_is(s, (pb_str){a, SESSION_HEX - 1}, 1000));
        a[0] = a[0] == '0' ? '1' : '0';
        CHECK(!serve_session_is(s, text(a), 1000));
        serve_session_end(s, text(a));
        serve_sessions_free(s);
    }
}

static void test_room(void) {
    CASE("more than there is room for: the oldest goes, what is over first") {
        serve_sessions *s = serve_sessions_new();
        char first[SESSION_HEX + 1], second[SESSION_HEX + 1], more[SESSION_HEX + 1];
        CHECK(s && serve_session_begin(s, 1000, first) && serve_session_begin(s, 2000, second));
        for (int i = 2; i < SESSIONS_MAX; i++) CHECK(serve_session_begin(s, 3000, more));
        CHECK(serve_session_is(s, text(first), 3000) && serve_session_begin(s, 4000, more));
        CHECK(!serve_session_is(s, text(first), 4000) && serve_session_is(s, text(second), 4000));
        CHECK(serve_session_begin(s, 2000 + SESSION_MS, more) && serve_session_begin(s, 2500 + SESSION_MS, more));
        CHECK(serve_session_is(s, text(more), 3000 + SESSION_MS));
        serve_sessions_free(s);
    }
}

static void test_cookies(void) {
    CASE("cookies") {
        static const struct {
            const char *header, *value;
        } rows[] = {{"pbrun=abc", "abc"},
                    {"a=b; pbrun=abc; c=d", "abc"},
                    {"xpbrun=1; pbrun=2", "2"},
                    {"pbrunx=1", ""},
                    {"pbrun", ""},
                    {"", ""},
                    {";;; pbrun=1;", "1"},
                    {"a=pbrun=1", ""},
                    {"pbrun=; pbrun=2", ""},
                    {"pbrun=a=b", "a=b"}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            CHECK(pb_str_is(serve_cookie(pb_str_c(rows[i].header), "pbrun"), rows[i].value));
    }
}

int main(void) {
    test_time();
    test_unknown();
    test_room();
    test_cookies();
    return check_done();
}
