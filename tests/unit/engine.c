/* vm/engine.c, vm/gate.c, vm/match.c and vm/events.c: programs made by hand, hosts that answer when told to. */
#include "tests/lib/check.h"

#include "lang/image_write.h"
#include "vm/engine.h"
#include "vm/events.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- hosts ---- */

typedef struct fakes {
    int started, cancelled, writes;
    vm_call *open[256];
    pb_timer *timers[256];
} fakes;

typedef struct later {
    fakes *f;
    vm_call *call;
    int slot;
} later;

static void on_later(void *ctx) {
    later *l = ctx;
    l->f->open[l->slot] = NULL;
    vm_return(l->call, pb_string_c("late"));
}

/* "t.now" answers at once, "t.later" after 20 ms, "t.never" never, "t.fail" with an error; "t.write" changes something.
 */
static void fake_call(const pb_host *h, vm_call *c, pb_loop *loop) {
    fakes *f = h->state;
    f->started++;
    if (pb_str_is(c->host, "t.write")) f->writes++;
    if (pb_str_is(c->host, "t.now") || pb_str_is(c->host, "t.write")) {
        vm_return(c, pb_get_c(pb_call_context(c), "incident_id"));
    } else if (pb_str_is(c->host, "t.fail")) {
        vm_raise(c, PB_STR("Throttled"), PB_STR("slow down"));
    } else {
        int slot = 0;
        while (slot < 255 && f->open[slot]) slot++;
        later *l = pb_alloc(vm_run_arena(c->run), sizeof *l);
        *l = (later){f, c, slot};
        f->open[slot] = c;
        c->host_data = l;
        f->timers[slot] = pb_str_is(c->host, "t.later") ? pb_timer_start(loop, 20, on_later, l) : NULL;
    }
}

static void fake_cancel(const pb_host *h, vm_call *c) {
    fakes *f = h->state;
    const later *l = c->host_data;
    f->cancelled++;
    f->open[l->slot] = NULL;
    pb_timer_cancel(f->timers[l->slot]);
}

static bool fake_resolve(void *state, pb_str name, pb_host *out) {
    if (pb_str_is(name, "t.gone")) return false;
    *out = (pb_host){.effect = pb_str_is(name, "t.write") ? PB_CONTAIN : PB_READ,
                     .fn = fake_call,
                     .cancel = fake_cancel,
                     .state = state};
    return true;
}

/* ---- programs ---- */

typedef struct spec {
    const char *name, *host; /* the body calls this host once, then is done */
    uint32_t timeout_ms, retry;
    pb_effect said; /* in the manifest and of the playbook */
    pb_effect most;
    bool no_manifest, each, catches, bad_match;
    const char *param; /* a required one */
} spec;

static uint32_t string_list(iw *w, const char *s) {
    uint32_t item = iw_string(w, pb_str_c(s));
    return iw_list(w, &item, 1);
}

static uint32_t match_function(iw *w, bool bad) {
    uint32_t f = iw_function_begin(w, PB_STR("match"), FUNCTION_MATCH, PB_PURE, 1);
    iw_place(w, 0, 2);
    if (bad) { /* severity - 1, whatever it is */
        iw_emit(w, op_abc(OPCODE_FIELD, 1, 0, (uint8_t)iw_const_string(w, PB_STR("severity"))));
        iw_emit(w, op_abx(OPCODE_LOADK, 2, (uint16_t)iw_const(w, CONST_INT, 1)));
        iw_emit(w, op_abc(OPCODE_SUB, 1, 1, 2));
    }
    iw_emit(w, op_abc(OPCODE_LOADBOOL, 1, 1, 0));
    iw_emit(w, op_abc(OPCODE_RETURN, 1, 0, 0));
    iw_function_end(w, 4);
    return f;
}

static uint32_t body_function(iw *w, const spec *s) {
    iw_site_info site = {.kind = SITE_HOST,
                         .host = pb_str_c(s->host),
                         .name = pb_str_c(s->host),
                         .effect = s->said,
                         .timeout_ms = s->timeout_ms,
                         .retry = s->retry,
                         .nargs = 1,
                         .is_do = true,
                         .line = 3,
                         .title = pb_str_c(s->host)};
    uint32_t f = iw_function_begin(w, pb_str_c(s->name), FUNCTION_BODY, s->said, 1), n = iw_site(w, &site), try = 0;
    iw_place(w, 0, 3);
    if (s->catches) try = iw_emit(w, op_abx(OPCODE_TRY, 3, 0));
    iw_emit(w, op_abc(OPCODE_MAP, 1, 1, 0));
    iw_emit(w, op_abx(OPCODE_INVOKE, 1, (uint16_t)n));
    if (s->catches) {
        iw_emit(w, op_abc(OPCODE_ENDTRY, 0, 0, 0));
        iw_jump(w, try, iw_pc(w));
    }
    iw_emit(w, op_abc(OPCODE_LOADNONE, 2, 0, 0));
    iw_emit(w, op_abc(OPCODE_RETURN, 2, 0, 0));
    iw_function_end(w, 5);
    return f;
}

static vm_program *program(pb_arena *a, pb_buf *image, const spec *specs, size_t n) {
    iw *w = iw_new(a);
    pb_str err = {0};
    iw_source(w, PB_STR("test.pb"), PB_STR("00"));
    for (size_t i = 0; i < n; i++) {
        const spec *s = &specs[i];
        iw_event_info e = {.name = PB_STR("test.event"),
                           .sources = string_list(w, "test.*"),
                           .detail_types = string_list(w, "Test"),
                           .payload = PB_STR("detail"),
                           .id = PB_STR("id")};
        if (s->each) e.each = PB_STR("findings");
        iw_playbook_info p = {.name = pb_str_c(s->name),
                              .version = PB_STR("1"),
                              .controls = iw_list(w, NULL, 0),
                              .event = iw_event(w, &e),
                              .effect = s->most ? s->most : s->said};
        p.match = match_function(w, s->bad_match);
        p.body = body_function(w, s);
        iw_playbook(w, &p);
        if (!s->no_manifest) iw_manifest(w, pb_str_c(s->host), s->said);
        if (s->param)
            iw_param(w, pb_str_c(s->param), iw_type(w, IMAGE_TYPE_STRING, false, IMAGE_NIL, IMAGE_NIL, (pb_str){0}),
                     false, IMAGE_NIL);
    }
    if (iw_finish(w, image) != IW_OK) return NULL;
    vm_program *p = vm_program_load(image->data, image->len, a, &err);
    if (!p) printf("# program: %.*s\n", PB_ARG(err));
    return p;
}

/* ---- a bench: an engine with fakes, and what it reported ---- */

typedef struct bench {
    fakes fakes;
    pb_host_provider provider;
    pb_arena *arena;
    pb_buf image;
    engine *engine;
    pb_str err;
    char events[256];    /* numbers in the order reported */
    char outcomes[4096]; /* "name=outcome:code " a run, in the order of ending */
    char incidents[256];
    uint32_t at_once, most_at_once, matched, errors;
} bench;

static void on_run_begin(void *ctx, const engine_run *r) {
    bench *b = ctx;
    (void)r;
    if (++b->at_once > b->most_at_once) b->most_at_once = b->at_once;
}
static void on_run_end(void *ctx, const engine_run *r) {
    bench *b = ctx;
    b->at_once--;
    size_t n = strlen(b->outcomes);
    pb_str name =
        vm_string(r->facts.program, vm_field(r->facts.program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_name));
    snprintf(b->outcomes + n, sizeof b->outcomes - n, "%.*s=%s:%.*s ", PB_ARG(name), evidence_outcome(r->facts.outcome),
             PB_ARG(r->facts.code));
    n = strlen(b->incidents);
    snprintf(b->incidents + n, sizeof b->incidents - n, "%.*s ", PB_ARG(r->incident));
}
static void on_event_end(void *ctx, const engine_event *e) {
    bench *b = ctx;
    size_t n = strlen(b->events);
    snprintf(b->events + n, sizeof b->events - n, "%u ", e->number);
    b->matched += e->tally.matched;
    b->errors += e->error.n > 0;
}

static bool bench_open(bench *b, const spec *specs, size_t n, bool dry, int64_t run_ms) {
    memset(b, 0, sizeof *b);
    b->arena = pb_arena_new(0);
    b->provider = (pb_host_provider){.prefix = "", .state = &b->fakes, .resolve = fake_resolve};
    engine_config c = {
        .providers = &b->provider,
        .nproviders = 1,
        .dry = dry,
        .run_ms = run_ms,
        .watch = {.ctx = b, .run_begin = on_run_begin, .run_end = on_run_end, .event_end = on_event_end}};
    b->engine = engine_new(&c);
    vm_program *p = program(b->arena, &b->image, specs, n);
    return p && engine_add(b->engine, p, "test", &b->err) && engine_ready(b->engine, &b->err);
}

static void bench_event(bench *b, uint32_t number, const char *json) {
    pb_arena *a = pb_arena_new(1 << 20);
    pb_value v;
    pb_str err = {0};
    CHECK(pb_json_parse(a, json, strlen(json), &v, &err));
    CHECK(engine_submit(b->engine, number, 1, v, err, a));
}

static void bench_run(bench *b) {
    int64_t end = pb_loop_mono_ms() + 5000;
    while (engine_busy(b->engine) && pb_loop_mono_ms() < end) engine_turn(b->engine);
    CHECK(!engine_busy(b->engine));
}

static void bench_close(bench *b) {
    engine_free(b->engine);
    pb_buf_free(&b->image);
    pb_arena_free(b->arena);
}

#define EVENT \
    "{\"source\": \"test.x\", \"detail-type\": \"Test\", \"id\": \"e1\", \"account\": \"123456789012\", \"region\": " \
    "\"eu-west-1\", \"detail\": {\"id\": \"f1\", \"severity\": 5}}"

static void runs(void) {
    bench b;
    CASE("a run ends, its event is reported") {
        CHECK(bench_open(&b, &(spec){.name = "one", .host = "t.now", .said = PB_READ}, 1, false, 0));
        bench_event(&b, 1, EVENT);
        bench_run(&b);
        CHECK_STR(b.outcomes, "one=done: ");
        CHECK(b.matched == 1 && b.fakes.started == 1);
        bench_close(&b);
    }
    CASE("events are reported in order, runs are under way together, within the limit") {
        spec s[] = {{.name = "slow", .host = "t.later", .said = PB_READ},
                    {.name = "slower", .host = "t.later", .said = PB_READ},
                    {.name = "fast", .host = "t.now", .said = PB_READ}};
        CHECK(bench_open(&b, s, 3, false, 0));
        for (uint32_t i = 1; i <= 40; i++) bench_event(&b, i, i == 2 ? "{\"source\": \"other\"}" : EVENT);
        CHECK(b.most_at_once == ENGINE_RUNS_MAX);
        int64_t start = pb_loop_mono_ms();
        bench_run(&b);
        CHECK(pb_loop_mono_ms() - start < 500);
        CHECK(strncmp(b.events, "1 2 3 4 5 6 ", 12) == 0);
        CHECK(b.at_once == 0 && b.matched == 117);
        bench_close(&b);
    }
    CASE("the same finding has the same incident, another another") {
        CHECK(bench_open(&b, &(spec){.name = "one", .host = "t.now", .said = PB_READ}, 1, false, 0));
        bench_event(&b, 1, EVENT);
        bench_event(
            &b, 2, "{\"source\": \"test.x\", \"detail-type\": \"Test\", \"id\": \"e2\", \"detail\": {\"id\": \"f1\"}}");
        bench_event(
            &b, 3, "{\"source\": \"test.y\", \"detail-type\": \"Test\", \"id\": \"e2\", \"detail\": {\"id\": \"f1\"}}");
        bench_run(&b);
        CHECK(strlen(b.incidents) == 3 * 17);
        CHECK(memcmp(b.incidents, b.incidents + 17, 17) == 0 && memcmp(b.incidents, b.incidents + 34, 17) != 0);
        CHECK(strncmp(b.incidents, "INC-4F3AD46D25AA", 16) == 0); /* sha256 of "test.x", NUL, "f1" */
        bench_close(&b);
    }
}

static void limits(void) {
    bench b;
    CASE("a call that is not answered ends at the step's timeout") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.never", .said = PB_READ, .timeout_ms = 50}, 1, false, 0));
        bench_event(&b, 1, EVENT);
        int64_t start = pb_loop_mono_ms();
        bench_run(&b);
        CHECK_STR(b.outcomes, "p=failed:timeout ");
        CHECK(pb_loop_mono_ms() - start >= 49 && pb_loop_mono_ms() - start < 1000);
        CHECK(b.fakes.cancelled == 1);
        bench_close(&b);
    }
    CASE("the run's own time limit") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.never", .said = PB_READ, .catches = true}, 1, false, 60));
        bench_event(&b, 1, EVENT);
        bench_run(&b);
        CHECK(b.fakes.cancelled == 1);
        CHECK(strncmp(b.outcomes, "p=", 2) == 0);
        bench_close(&b);
    }
    CASE("a timeout that comes while a failed step waits for its next try") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.fail", .said = PB_READ, .timeout_ms = 100, .retry = 5}, 1,
                         false, 0));
        bench_event(&b, 1, EVENT);
        bench_run(&b);
        CHECK(strncmp(b.outcomes, "p=failed:", 9) == 0);
        CHECK(b.fakes.cancelled == 0 && b.fakes.started >= 1);
        bench_close(&b);
    }
    CASE("told to stop: calls are cancelled, waiting runs do not begin, all is reported") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.never", .said = PB_READ, .catches = true}, 1, false, 0));
        for (uint32_t i = 1; i <= 64; i++) bench_event(&b, i, EVENT);
        CHECK(!engine_room(b.engine));
        engine_interrupt(b.engine);
        CHECK(!engine_busy(b.engine));
        CHECK(b.fakes.cancelled == 64);
        CHECK(strncmp(b.outcomes, "p=failed:interrupted p=failed:interrupted ", 42) == 0);
        bench_close(&b);
    }
    CASE("told to stop during a pause before the next try") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.fail", .said = PB_READ, .retry = 5}, 1, false, 0));
        bench_event(&b, 1, EVENT);
        engine_interrupt(b.engine);
        bench_run(&b);
        CHECK_STR(b.outcomes, "p=failed:interrupted ");
        CHECK(b.fakes.started == 1);
        bench_close(&b);
    }
    CASE("freed in the middle") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.later", .said = PB_READ}, 1, false, 0));
        bench_event(&b, 1, EVENT);
        engine_free(b.engine);
        CHECK(b.fakes.cancelled == 1);
        b.engine = NULL;
        bench_close(&b);
    }
}

static void gates(void) {
    bench b;
    CASE("a dry run does not write") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.write", .said = PB_CONTAIN}, 1, true, 0));
        bench_event(&b, 1, EVENT);
        bench_run(&b);
        CHECK_STR(b.outcomes, "p=done: ");
        CHECK(b.fakes.writes == 0);
        bench_close(&b);
    }
    CASE("a manifest that understates an effect is refused") {
        CHECK(!bench_open(&b, &(spec){.name = "p", .host = "t.write", .said = PB_READ}, 1, false, 0));
        CHECK(b.err.n && strstr(b.err.s, "t.write is no more than `read`, but it is `contain`") != NULL);
        bench_close(&b);
    }
    CASE("a host that is not in the manifest, one that is not there") {
        CHECK(
            !bench_open(&b, &(spec){.name = "p", .host = "t.now", .said = PB_READ, .no_manifest = true}, 1, false, 0));
        CHECK(b.err.n && strstr(b.err.s, "manifest does not name") != NULL);
        bench_close(&b);
        CHECK(!bench_open(&b, &(spec){.name = "p", .host = "t.gone", .said = PB_READ}, 1, false, 0));
        CHECK(b.err.n && strstr(b.err.s, "does not have") != NULL);
        bench_close(&b);
    }
    CASE("more than the playbook's effect is not let through") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.write", .said = PB_CONTAIN, .most = PB_NOTIFY}, 1, false,
                         0));
        bench_event(&b, 1, EVENT);
        bench_run(&b);
        CHECK_STR(b.outcomes, "p=failed:forbidden ");
        CHECK(b.fakes.writes == 0);
        bench_close(&b);
    }
}

static void matching(void) {
    bench b;
    CASE("a condition that cannot be decided is a failed run; the others go on") {
        spec s[] = {{.name = "bad", .host = "t.now", .said = PB_READ, .bad_match = true},
                    {.name = "good", .host = "t.now", .said = PB_READ}};
        CHECK(bench_open(&b, s, 2, false, 0));
        bench_event(&b, 1, "{\"source\": \"test.x\", \"detail-type\": \"Test\", \"detail\": {\"severity\": \"high\"}}");
        bench_run(&b);
        CHECK_STR(b.outcomes, "bad=failed:could_not_decide good=done: ");
        bench_close(&b);
    }
    CASE("a list is bound item by item; without the list it cannot be decided") {
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.now", .said = PB_READ, .each = true}, 1, false, 0));
        bench_event(&b, 1,
                    "{\"source\": \"test.x\", \"detail-type\": \"Test\", \"id\": \"e\", \"detail\": {\"findings\": "
                    "[{\"id\": \"a\"}, {\"id\": \"b\"}, {}]}}");
        bench_event(&b, 2, EVENT);
        bench_run(&b);
        CHECK_STR(b.outcomes, "p=done: p=done: p=done: p=failed:could_not_decide ");
        bench_close(&b);
    }
    CASE("parameters: missing, unknown, set") {
        CHECK(!bench_open(&b, &(spec){.name = "p", .host = "t.now", .said = PB_READ, .param = "alerts_channel"}, 1,
                          false, 0));
        CHECK(b.err.n && strstr(b.err.s, "PB_PARAM_ALERTS_CHANNEL") != NULL);
        CHECK(!engine_set(b.engine, PB_STR("alert_channel"), PB_STR("x"), &b.err));
        CHECK(strstr(b.err.s, "did you mean `alerts_channel`?") != NULL);
        CHECK(engine_set(b.engine, PB_STR("alerts_channel"), PB_STR("x"), &b.err) && engine_ready(b.engine, &b.err));
        bench_close(&b);
        setenv("PB_PARAM_ALERTS_CHANNEL", "#x", 1);
        CHECK(bench_open(&b, &(spec){.name = "p", .host = "t.now", .said = PB_READ, .param = "alerts_channel"}, 1,
                         false, 0));
        unsetenv("PB_PARAM_ALERTS_CHANNEL");
        bench_close(&b);
    }
}

/* ---- events ---- */

/* "1:ok 2:bad ..." with the line, for a text. */
static const char *cut_up(const char *text, size_t n) {
    static char out[4096];
    size_t at = 0;
    events *e = events_text(text, n);
    events_item item;
    out[0] = 0;
    for (;;) {
        pb_arena *a = pb_arena_new(EVENTS_ARENA);
        events_result r = events_next(e, a, &item);
        if (r == EVENTS_ONE || r == EVENTS_BAD)
            at += (size_t)snprintf(out + at, sizeof out - at, "%u@%u:%s ", item.number, item.line,
                                   r == EVENTS_ONE ? "ok" : "bad");
        if (r == EVENTS_BAD && !item.error.n) at += (size_t)snprintf(out + at, sizeof out - at, "NO MESSAGE ");
        pb_arena_free(a);
        if (r != EVENTS_ONE && r != EVENTS_BAD) break;
    }
    events_close(e);
    return out;
}

static void reading(void) {
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        {"one, pretty-printed", "{\n  \"a\": {\n    \"b\": [1, 2]\n  }\n}\n", "1@1:ok "},
        {"JSON lines with empty ones", "{\"a\":1}\n\n  \n{\"b\":\"}{\\\"\"}\n{}", "1@1:ok 2@4:ok 3@5:ok "},
        {"without anything between", "{}{\"a\":[{}]}{}", "1@1:ok 2@1:ok 3@1:ok "},
        {"no indentation", "{\n\"a\":\n{\n\"b\":\n[\n{\n}\n,\n{\n}\n]\n}\n}\n{}", "1@1:ok 2@14:ok "},
        {"a byte order mark", "\xef\xbb\xbf{}", "1@1:ok "},
        {"not JSON between two", "{}\nhello\n{}", "1@1:ok 2@2:bad 3@3:ok "},
        {"a missing brace", "{\"a\": {\"b\": 1}\n{\"c\": 1}\n", "1@1:bad 2@2:ok "},
        {"an unterminated text", "{\"a\": \"b}\n{\"c\": 1}\n", "1@1:bad 2@2:ok "},
        {"the wrong bracket", "{\"a\": [1}\n{\"c\": 1}\n", "1@1:bad 2@2:ok "},
        {"cut off behind a comma", "{\"a\": 1,\n{\"c\": 1}\n", "1@1:bad 2@2:ok "},
        {"cut off at the end", "{\"a\": 1}\n{\"c\": ", "1@1:ok 2@2:bad "},
        {"lists and numbers are no events", "[{}]\n42\n\"x\"\n", "1@1:bad 2@2:bad 3@3:bad "},
        {"nothing", " \n\t\r\n", ""},
        {"a zero byte", "\x01{}\n{}", "1@1:bad 2@2:ok "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CASE(cases[i].name) CHECK_STR(cut_up(cases[i].text, strlen(cases[i].text)), cases[i].want);
    CASE("too large and too deep, the next one is read all the same") {
        size_t n = (JSON_MAX_BYTES * 2) + 100, at = 0;
        char *big = malloc(n);
        at += (size_t)sprintf(big, "{\"a\": \"");
        memset(big + at, 'x', JSON_MAX_BYTES + 10);
        at += JSON_MAX_BYTES + 10;
        at += (size_t)sprintf(big + at, "\"}\n{}\n");
        CHECK_STR(cut_up(big, at), "1@1:bad 2@2:ok ");
        at = (size_t)sprintf(big, "{\"a\":");
        memset(big + at, '[', 100000);
        memset(big + at + 100000, ']', 100000);
        at += 200000;
        at += (size_t)sprintf(big + at, "}\n{}\n");
        CHECK_STR(cut_up(big, at), "1@1:bad 2@2:ok ");
        free(big);
    }
    CASE("any bytes, any cut: it ends and numbers go up") {
        unsigned seed = 7;
        static const char alphabet[] = "{}[]\":,\\\n a1\x80";
        char text[300];
        for (int round = 0; round < 3000; round++) {
            for (size_t i = 0; i < sizeof text; i++) {
                seed = seed * 1103515245u + 12345u;
                text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
            }
            const char *got = cut_up(text, (seed >> 8) % sizeof text);
            CHECK(strstr(got, "NO MESSAGE") == NULL);
        }
    }
    CASE("what is no envelope says what it looks like") {
        static const struct {
            const char *json, *want;
        } shapes[] = {
            {"{\"schemaVersion\": \"2.0\", \"accountId\": \"1\", \"type\": \"x\"}", "bare GuardDuty finding"},
            {"{\"SchemaVersion\": \"2018-10-08\", \"ProductArn\": \"x\"}", "bare Security Hub finding"},
            {"{\"eventSource\": \"s3\", \"eventName\": \"x\"}", "bare CloudTrail record"},
            {"{\"a\": 1}", "no \"source\""},
            {"{\"source\": 1}", "must be a text"},
        };
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            pb_arena *a = pb_arena_new(0);
            pb_value v;
            pb_str err = {0};
            CHECK(pb_json_parse(a, shapes[i].json, strlen(shapes[i].json), &v, &err));
            CHECK(!events_envelope(v, a, &err));
            CHECK(err.n && strstr(err.s, shapes[i].want) != NULL);
            pb_arena_free(a);
        }
    }
}

int main(void) {
    runs();
    limits();
    gates();
    matching();
    reading();
    return check_done();
}
