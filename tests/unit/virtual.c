/* Virtual clocks and transfers answered in the process: what `pbc test` stands on (vm/loop.c, vm/http_local.c). */
#include "tests/lib/check.h"
#include "vm/loop.h"

#include <stdlib.h>
#include <time.h>

enum { START = 1767225600 }; /* 2026-01-01 */

static int64_t real_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void note_time(void *ctx) { *(int64_t *)ctx = pb_loop_wall_ms(); }

static void clocks(void) {
    CASE("virtual clocks stand still, and skip to the next timer when there is nothing else to wait for") {
        int64_t begun = real_ms(), late = 0, later = 0;
        pb_clock_virtual((int64_t)START * 1000);
        pb_loop *l = pb_loop_new();
        pb_timer_start(l, 7200000, note_time, &later);
        pb_timer_start(l, 3600000, note_time, &late);
        CHECK(pb_loop_wall_ms() == (int64_t)START * 1000);
        while (pb_loop_turn(l)) {
        }
        CHECK(late == (int64_t)START * 1000 + 3600000);
        CHECK(later == (int64_t)START * 1000 + 7200000);
        CHECK(pb_loop_wall_ms() == later);
        CHECK(real_ms() - begun < 2000);
        pb_loop_free(l);
    }
    CASE("clocks are set forward by hand, both of them, never back") {
        pb_clock_virtual(5000);
        int64_t mono = pb_loop_mono_ms();
        pb_clock_advance(250);
        pb_clock_advance(-100);
        CHECK(pb_loop_wall_ms() == 5250 && pb_loop_mono_ms() == mono + 250);
    }
    CASE("random bytes are the same ones after the clocks were set back") {
        unsigned char a[20], b[20], c[20];
        pb_clock_virtual(0);
        CHECK(pb_random(a, sizeof a) && pb_random(b, sizeof b));
        pb_clock_virtual(0);
        CHECK(pb_random(c, sizeof c));
        CHECK(memcmp(a, c, sizeof a) == 0 && memcmp(a, b, sizeof a) != 0);
    }
}

/* ---- transfers ---- */

typedef struct seen {
    int calls, status;
    pb_http_error error;
    char body[64], type[32], url[64];
    int64_t at;
} seen;

static void on_done(void *ctx, const pb_http_response *r) {
    seen *s = ctx;
    s->calls++;
    s->status = r->status;
    s->error = r->error;
    s->at = pb_loop_mono_ms();
    snprintf(s->body, sizeof s->body, "%.*s", PB_ARG(r->body));
    snprintf(s->type, sizeof s->type, "%.*s", PB_ARG(pb_http_header(r, "content-type")));
}

static const pb_header json_header[] = {{{"Content-Type", 12}, {"text/json", 9}}};

static void answer(void *ctx, const pb_http_request *q, pb_arena *a, pb_local_answer *out) {
    pb_local_answer *want = ctx;
    *out = *want;
    if (out->status == 200) out->body = pb_printf(a, "to %.*s", PB_ARG(q->body));
}

static pb_http *start(pb_loop *l, seen *s) {
    const char *err = NULL;
    pb_http_request q = {.method = "POST",
                         .url = "https://nowhere.invalid/x",
                         .body = PB_STR("hello"),
                         .timeout_ms = 1000,
                         .connect_ms = 1000,
                         .max_response = 32};
    pb_http *h = pb_http_start(l, &q, on_done, s, &err);
    CHECK(h && !err);
    return h;
}

static seen once(pb_local_answer want) {
    seen s = {0};
    pb_clock_virtual(0);
    pb_loop *l = pb_loop_new();
    pb_loop_local(l, answer, &want);
    start(l, &s);
    CHECK(s.calls == 0); /* never before it has returned */
    while (pb_loop_turn(l)) {
    }
    pb_loop_free(l);
    return s;
}

static void transfers(void) {
    CASE("a transfer is answered in the process, headers in lower case") {
        seen s = once((pb_local_answer){.status = 200, .headers = json_header, .nheaders = 1});
        CHECK(s.calls == 1 && s.status == 200 && s.error == HTTP_OK);
        CHECK_STR(s.body, "to hello");
        CHECK_STR(s.type, "text/json");
    }
    CASE("an answer may be late, and too late") {
        seen s = once((pb_local_answer){.status = 200, .delay_ms = 700});
        CHECK(s.calls == 1 && s.error == HTTP_OK && s.at == 1000 + 700);
        s = once((pb_local_answer){.status = 200, .delay_ms = 5000});
        CHECK(s.calls == 1 && s.error == HTTP_TIMEOUT && s.at == 1000 + 1000);
    }
    CASE("an answer may be an error or larger than allowed") {
        seen s = once((pb_local_answer){.error = HTTP_CLOSED, .message = "closed"});
        CHECK(s.calls == 1 && s.error == HTTP_CLOSED);
        s = once((pb_local_answer){.status = 500, .body = PB_STR("0123456789012345678901234567890123456789")});
        CHECK(s.calls == 1 && s.error == HTTP_TOO_LARGE);
    }
    CASE("an answer that never comes does not keep the loop going") {
        seen s = once((pb_local_answer){.never = true});
        CHECK(s.calls == 0);
    }
    CASE("a cancelled transfer is not answered") {
        seen s = {0}, other = {0};
        pb_local_answer want = {.status = 200};
        pb_loop *l = pb_loop_new();
        pb_loop_local(l, answer, &want);
        pb_http *h = start(l, &s);
        start(l, &other);
        pb_http_cancel(h);
        while (pb_loop_turn(l)) {
        }
        CHECK(s.calls == 0 && other.calls == 1);
        start(l, &s); /* left under way: freed with the loop */
        pb_loop_free(l);
    }
}

int main(void) {
    clocks();
    transfers();
    return check_done();
}
