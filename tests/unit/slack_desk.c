/*
 * slack_desk.c - what Slack posts when a button is pressed: signatures against printed ones, and requests that are
 * signed but bent in every place. tests/slack/test_approvals.py has the rest, through a server.
 */
#include "stdlib/slack_approval.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NOW = 1700000000 };

static pb_arena *arena;
static store *st;
static pb_loop *loop;
static char dir[64];
static int logged, decided;

static void on_log(void *ctx, pb_str s) {
    (void)ctx, (void)s;
    logged++;
}
static void on_decided(void *ctx, pb_str run) {
    (void)ctx, (void)run;
    decided++;
}

/* A request with a signature that is right, whatever its body is. */
static int take(slack_desk *d, pb_str body, int64_t at) {
    char signature[SLACK_SIGNATURE + 1];
    pb_arena *a = pb_arena_new(0);
    pb_str secret = pb_str_c(getenv("SLACK_SIGNING_SECRET")), time = pb_printf(a, "%lld", (long long)at), why;
    CHECK(slack_sign(secret, time, body, signature));
    slack_hook q = {.signature = pb_str_c(signature), .timestamp = time, .body = body, .now = (int64_t)NOW * 1000};
    int status = slack_desk_take(d, &q, a, &why);
    while (pb_loop_turn(loop)) {
    }
    pb_arena_free(a);
    return status;
}

static store_approval ask(void) {
    store_run r = {.id = PB_STR("run-1"), .playbook = PB_STR("p"), .image = PB_STR("aa")};
    store_admitted why;
    pb_str other, err = {0};
    pb_value people;
    CHECK(store_run_begin(st, &r, NULL, false, PB_STR("me"), 1, arena, &why, &other) == STORE_OK);
    static const char by[] =
        "[{\"kind\":\"group\",\"name\":\"g\",\"people\":[{\"name\":\"alice\",\"slack\":\"U0ALICE\"}]}]";
    CHECK(pb_json_parse(arena, by, sizeof by - 1, &people, &err));
    approval_question q = {.run = r.id,
                           .step = PB_STR("1"),
                           .image = r.image,
                           .round = 1,
                           .question = PB_STR("ok?"),
                           .by = people,
                           .quorum = 1};
    q.within_ms = INT64_C(1) << 50; /* decided at the machine's own time */
    store_approval apr;
    CHECK(approval_make(&q, NULL, 1, arena, &apr, &err));
    CHECK(store_approval_put(st, &apr) == STORE_OK);
    return apr;
}

static pb_str body_of(const store_approval *apr, const char *user) {
    return pb_printf(
        arena,
        "payload=%%7B%%22type%%22:%%22block_actions%%22,%%22user%%22:%%7B%%22id%%22:%%22%s%%22%%7D,%%22actions%%22:"
        "[%%7B%%22type%%22:%%22button%%22,%%22action_id%%22:%%22grant:%.*s:%.*s%%22%%7D]%%7D",
        user, PB_ARG(apr->id), APPROVAL_PREFIX, apr->binding.s);
}

static uint32_t next_random(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u; }

static void test_signatures(void) {
    CASE("the signature that Slack's documentation prints") {
        char got[SLACK_SIGNATURE + 1];
        pb_str body =
            PB_STR("token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
                   "channel_name=foobar&"
                   "user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%"
                   "2Fhooks.slack.com%2F"
                   "commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
                   "803a0bc887a14d10d2c447fce8b6703c");
        CHECK(slack_sign(PB_STR("8f742231b10e8888abcd99yyyzzz85a5"), PB_STR("1531420618"), body, got));
        CHECK_STR(got, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    }
    CASE("addresses that answers may be sent to") {
        static const struct {
            const char *url;
            bool ok;
        } table[] = {
            {"https://hooks.slack.com/actions/T1/2/x", true},
            {"https://hooks.slack.com.evil.example/actions", false},
            {"https://evil.example/https://hooks.slack.com/", false},
            {"http://hooks.slack.com/actions", false},
            {"https://user@hooks.slack.com/", false},
            {"https://hooks.slack.com:444/", false},
            {"", false},
            {"https://hooks.slack.com/\r\nX: y", false},
            {"http://127.0.0.1:1/actions", false},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
            CHECK(slack_url_ok(pb_str_c(table[i].url)) == table[i].ok);
        setenv("SLACK_API_URL", "http://127.0.0.1:99/api", 1);
        CHECK(slack_url_ok(PB_STR("http://127.0.0.1:99/actions")) &&
              !slack_url_ok(PB_STR("http://127.0.0.1:9/actions")));
        CHECK(!slack_url_ok(PB_STR("http://127.0.0.1:99.evil.example/")));
        unsetenv("SLACK_API_URL");
    }
}

static void test_bent(slack_desk *d, const store_approval *apr) {
    CASE("signed requests, bent in every place: 200 or 400, and nobody who was not asked decides") {
        pb_str body = body_of(apr, "U0MALLORY");
        uint32_t seed = 7;
        char *bent = pb_alloc(arena, body.n + 1);
        CHECK(take(d, body, NOW) == 200);
        for (uint32_t i = 0; i < 400; i++) {
            uint32_t n = body.n, at = next_random(&seed) % n;
            memcpy(bent, body.s, n);
            switch (i % 4) {
            case 0: n = at; break;
            case 1: bent[at] = (char)next_random(&seed); break;
            case 2: bent[at] = "%&+=\"[]{}:,\\"[next_random(&seed) % 12]; break;
            default: memmove(bent + at, bent + at + 1, --n - at);
            }
            int status = take(d, (pb_str){bent, n}, NOW + (int64_t)(i % 200));
            CHECK(status == 200 || status == 400 || status == 401); /* 401: the same once more */
        }
        store_approval now;
        CHECK(store_approval_get(st, apr->id, arena, &now) == STORE_OK && pb_str_is(now.state, "open"));
        CHECK(decided == 0);
    }
    CASE("the right person's press decides, and the server is told") {
        pb_str good = body_of(apr, "U0ALICE");
        CHECK(take(d, good, NOW) == 200);
        CHECK(decided == 1);
        CHECK(take(d, good, NOW) == 401); /* a replay */
    }
}

int main(void) {
    pb_str err = {0};
    strcpy(dir, "/tmp/pbdesk.XXXXXX");
    if (!mkdtemp(dir)) return 1;
    unsetenv("SLACK_BOT_TOKEN");
    unsetenv("SLACK_WEBHOOK_URL");
    unsetenv("SLACK_API_URL");
    setenv("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5", 1);
    arena = pb_arena_new(0);
    loop = pb_loop_new();
    st = store_open(pb_printf(arena, "%s/s.db", dir).s, arena, &err);
    slack_desk_config c = {.loop = loop, .store = st, .decided = on_decided, .log = on_log};
    slack_desk *d = slack_desk_new(&c);
    test_signatures();
    store_approval apr = ask();
    test_bent(d, &apr);
    slack_desk_free(d);
    store_close(st);
    pb_loop_free(loop);
    unlink(pb_printf(arena, "%s/s.db", dir).s);
    unlink(pb_printf(arena, "%s/s.db-wal", dir).s);
    unlink(pb_printf(arena, "%s/s.db-shm", dir).s);
    rmdir(dir);
    pb_arena_free(arena);
    return check_done();
}
