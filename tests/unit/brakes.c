/*
 * brakes.c - what holds an act back: the kill switch and its sources, protection, targets, alerts, admission. AWS and
 * Slack are fakes that answer as told, at once or later; the store is the real one.
 */
#include "vm/brakes.h"

#include "lang/image_write.h"
#include "lang/opcodes.h"
#include "tests/lib/check.h"
#include "vm/killswitch.h"
#include "vm/protect.h"

#include <stdlib.h>
#include <unistd.h>

#define OWN "arn:aws:sts::123456789012:assumed-role/pbrun/session"

static pb_arena *arena;
static char dir[64];

/* ---- fakes ---- */

typedef struct fake_answer {
    const char *json, *code; /* code: an error */
    int delay_ms;            /* 0: at once; -1: never */
} fake_answer;

typedef struct fakes {
    pb_loop *loop;
    fake_answer ssm, item, identity, slack;
    int asked_ssm, asked_item, asked_identity, posted, unasked;
    char text[2000]; /* posted last */
} fakes;

typedef struct pending {
    fakes *fakes;
    fake_answer what;
    pb_answer_fn *fn;
    void *ctx;
    pb_timer *timer;
} pending;

static pb_value json(const char *text) {
    pb_value v = PB_NONE_VALUE;
    pb_str err;
    CHECK(pb_json_parse(arena, text, strlen(text), &v, &err));
    return v;
}

static void say(const fake_answer *a, pb_answer_fn *fn, void *ctx) {
    if (a->code)
        fn(ctx, &(pb_answer){.code = pb_str_c(a->code), .message = PB_STR("it said no")});
    else
        fn(ctx, &(pb_answer){.ok = true, .value = json(a->json)});
}

static void pending_due(void *ctx) {
    pending *p = ctx;
    pending copy = *p;
    free(p);
    say(&copy.what, copy.fn, copy.ctx);
}

static void *fake_ask(void *state, pb_loop *l, const pb_question *q, pb_answer_fn *fn, void *ctx) {
    fakes *f = state;
    const fake_answer *a = &f->slack;
    if (pb_str_is(q->host, "aws.ssm.GetParameter")) a = &f->ssm, f->asked_ssm++;
    if (pb_str_is(q->host, "aws.dynamodb.GetItem")) a = &f->item, f->asked_item++;
    if (pb_str_is(q->host, "aws.sts.GetCallerIdentity")) a = &f->identity, f->asked_identity++;
    if (pb_str_is(q->host, "slack.post")) {
        f->posted++;
        snprintf(f->text, sizeof f->text, "%.*s", PB_ARG(pb_text(pb_get_c(q->args, "text"))));
    }
    if (!a->delay_ms) {
        say(a, fn, ctx);
        return NULL;
    }
    pending *p = calloc(1, sizeof *p);
    *p = (pending){f, *a, fn, ctx, NULL};
    if (a->delay_ms > 0) p->timer = pb_timer_start(l, a->delay_ms, pending_due, p);
    return p;
}

static void fake_unask(void *state, void *asked) {
    pending *p = asked;
    ((fakes *)state)->unasked++;
    if (p->timer) pb_timer_cancel(p->timer);
    free(p);
}

/* ---- a bench ---- */

typedef struct bench {
    fakes fakes;
    pb_host_provider providers[2];
    pb_site site;
    pb_loop *loop;
    store *store;
    brakes *brakes;
    pb_buf image;
    vm_program *program;
    pb_host host;
} bench;

/* A pure function, the event's field "key"; ec2.isolate(i) on i, called by site 0; a body. */
static void make_program(bench *b) {
    pb_str err = {0};
    iw *w = iw_new(arena);
    iw_source(w, PB_STR("t.pb"), PB_STR("00"));
    uint32_t key = iw_function_begin(w, PB_STR("dedupe p"), FUNCTION_PURE, PB_PURE, 1);
    iw_place(w, 0, 1);
    iw_emit(w, op_abc(OPCODE_FIELD, 1, 0, (uint8_t)iw_const_string(w, PB_STR("key"))));
    iw_emit(w, op_abc(OPCODE_RETURN, 1, 0, 0));
    iw_function_end(w, 3);
    uint32_t match = iw_function_begin(w, PB_STR("match p"), FUNCTION_MATCH, PB_PURE, 1);
    iw_place(w, 0, 1);
    iw_emit(w, op_abc(OPCODE_LOADBOOL, 1, 1, 0));
    iw_emit(w, op_abc(OPCODE_RETURN, 1, 0, 0));
    iw_function_end(w, 3);
    uint32_t isolate = iw_function_begin(w, PB_STR("ec2.isolate"), FUNCTION_ACTION, PB_CONTAIN, 1);
    iw_target(w, isolate, 0);
    iw_place(w, 0, 1);
    iw_emit(w, op_abc(OPCODE_RETURN, 0, 0, 0));
    iw_function_end(w, 3);
    iw_site(w, &(iw_site_info){.kind = SITE_ACTION,
                               .function = isolate,
                               .name = PB_STR("ec2.isolate"),
                               .effect = PB_CONTAIN,
                               .nargs = 1,
                               .title = PB_STR("ec2.isolate(i)")});
    uint32_t body = iw_function_begin(w, PB_STR("playbook p"), FUNCTION_BODY, PB_CONTAIN, 1);
    iw_place(w, 0, 1);
    iw_emit(w, op_abc(OPCODE_RETURN, 0, 0, 0));
    iw_function_end(w, 3);
    iw_event_info e = {.name = PB_STR("t.e"), .payload = PB_STR("detail")};
    e.sources = e.detail_types = iw_list(w, NULL, 0);
    iw_playbook_info p = {.name = PB_STR("p"),
                          .controls = iw_list(w, NULL, 0),
                          .event = iw_event(w, &e),
                          .match = match,
                          .body = body,
                          .effect = PB_CONTAIN,
                          .has_dedupe = true,
                          .dedupe = key,
                          .dedupe_ms = 3600000,
                          .limit = 2,
                          .limit_ms = 90000,
                          .limit_else = LIMIT_APPROVE,
                          .concurrency = 3};
    iw_playbook(w, &p);
    CHECK(iw_finish(w, &b->image) == IW_OK);
    b->program = vm_program_load(b->image.data, b->image.len, arena, &err);
    if (!b->program) printf("# %.*s\n", PB_ARG(err));
    CHECK(b->program != NULL);
    if (!b->program) exit(1);
}

static void bench_open(bench *b, bool with_store) {
    static int number;
    pb_str err = {0};
    *b = (bench){.host = {.effect = PB_CONTAIN}};
    b->loop = b->fakes.loop = pb_loop_new();
    b->providers[0] = (pb_host_provider){.prefix = "aws.", .state = &b->fakes, .ask = fake_ask, .unask = fake_unask};
    b->providers[1] = (pb_host_provider){.prefix = "", .state = &b->fakes, .ask = fake_ask, .unask = fake_unask};
    b->fakes.identity.json = "{\"Arn\": \"" OWN "\", \"Account\": \"123456789012\"}";
    b->fakes.slack.json = "{}";
    b->fakes.ssm.json = "{\"Parameter\": {\"Value\": \"off\"}}";
    b->fakes.item.json = "{\"Item\": {\"id\": {\"S\": \"k\"}, \"state\": {\"S\": \"off\"}}}";
    if (with_store) b->store = store_open(pb_printf(arena, "%s/%d.db", dir, number++).s, arena, &err);
    CHECK(!with_store || b->store);
    make_program(b);
}

static void bench_start(bench *b) {
    b->brakes = brakes_new(&(brakes_config){b->loop, &b->site, b->store, b->providers, 2});
    CHECK(b->brakes != NULL);
}

static void bench_close(bench *b) {
    brakes_free(b->brakes);
    store_close(b->store);
    vm_program_close(b->program);
    pb_loop_free(b->loop);
    pb_buf_free(&b->image);
}

static void set(bench *b, const char *scope, const char *state) {
    store_switch w = {pb_str_c(scope), pb_str_c(state), PB_STR("maintenance"), PB_STR("alice"), 1700000000000};
    CHECK(store_switch_set(b->store, &w) == STORE_OK);
}

/* ---- one act ---- */

typedef struct act {
    bench *bench;
    vm_step outer, inner;
    vm_call call;
    brakes_act act;
    pb_value target;
    brakes_answer answer;
    int answered;
    brakes_wait *wait;
} act;

static void on_answer(void *ctx, const brakes_answer *a) {
    act *k = ctx;
    k->answer = *a;
    k->answered++;
}

static void act_init(act *k, bench *b, const char *run, const char *host, const char *args, const char *target) {
    *k = (act){.bench = b, .target = target ? pb_string_c(target) : PB_NONE_VALUE};
    pb_map_builder m = {.arena = arena};
    pb_map_add(&m, PB_STR("id"), pb_string_c(run));
    pb_map_add(&m, PB_STR("incident_id"), pb_string_c("INC-1"));
    pb_map_add(&m, PB_STR("playbook"), pb_string_c("p"));
    pb_value *items, list = pb_list_new(arena, 1, &items);
    items[0] = k->target;
    k->outer = (vm_step){.name = PB_STR("ec2.isolate"), .site = 0, .args = list, .effect = PB_CONTAIN};
    k->inner = (vm_step){.parent = &k->outer,
                         .name = pb_str_c(host),
                         .host = true,
                         .site = IMAGE_NIL,
                         .account = PB_STR("123456789012"),
                         .effect = PB_CONTAIN};
    k->outer.account = k->inner.account;
    k->call = (vm_call){.step = &k->inner, .host = pb_str_c(host), .args = json(args)};
    k->act = (brakes_act){.call = &k->call,
                          .program = b->program,
                          .host = &b->host,
                          .context = pb_map_done(&m),
                          .fence = 1,
                          .arena = arena};
}

static void go(act *k) { k->wait = brakes_ask(k->bench->brakes, &k->act, on_answer, k); }

static void until(act *k, int64_t ms) {
    int64_t end = pb_loop_mono_ms() + ms;
    while (!k->answered && pb_loop_mono_ms() < end) pb_loop_turn(k->bench->loop);
}

static brakes_answer ask(bench *b, const char *host, const char *args) {
    act k;
    act_init(&k, b, "run-a", host, args, NULL);
    go(&k);
    until(&k, 3000);
    CHECK(k.answered == 1);
    return k.answer;
}

static const char *why(const brakes_answer *a) { return pb_printf(arena, "%.*s", PB_ARG(a->message)).s; }
#define STOP "aws.ec2.StopInstances", "{\"InstanceIds\": [\"i-0123456789abcdef0\"]}"

/* ---- the kill switch ---- */

static void local_switch(void) {
    bench b;
    static const struct {
        const char *scope, *state;
        brakes_verdict verdict;
    } rows[] = {{"global", "on", BRAKES_DENY},
                {"global", "off", BRAKES_GO},
                {"global", "observe", BRAKES_HOLD},
                {"account:123456789012", "on", BRAKES_DENY},
                {"account:210987654321", "on", BRAKES_GO},
                {"playbook:p", "on", BRAKES_DENY},
                {"playbook:q", "on", BRAKES_GO},
                {"playbook:p", "observe", BRAKES_HOLD}};
    CASE("each scope of the store's switches counts for what it names") {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            bench_open(&b, true);
            set(&b, rows[i].scope, rows[i].state);
            bench_start(&b);
            CHECK(ask(&b, STOP).verdict == rows[i].verdict);
            bench_close(&b);
        }
    }
    CASE("a denial says who, since when and why; the strictest switch counts; off is off at the next call") {
        bench_open(&b, true);
        set(&b, "global", "observe");
        set(&b, "account:123456789012", "on");
        bench_start(&b);
        brakes_answer a = ask(&b, STOP);
        CHECK(a.verdict == BRAKES_DENY && pb_str_is(a.code, "kill_switch") && pb_str_is(a.denial.by, "kill_switch"));
        CHECK_STR(why(&a), "the kill switch is on for account 123456789012 (pbrun kill-switch, since "
                           "2023-11-14T22:13:20Z, by alice): maintenance");
        CHECK(pb_str_is(a.denial.action, "ec2.isolate") && a.denial.told.n == 0);
        set(&b, "account:123456789012", "off");
        CHECK(ask(&b, STOP).verdict == BRAKES_HOLD);
        set(&b, "global", "off");
        CHECK(ask(&b, STOP).verdict == BRAKES_GO);
        bench_close(&b);
    }
    CASE("where it is not known in which account the act would be, the switches of all accounts count") {
        bench_open(&b, true);
        set(&b, "account:210987654321", "on");
        bench_start(&b);
        act k;
        act_init(&k, &b, "run-a", STOP, NULL);
        k.inner.account = k.outer.account = (pb_str){0};
        go(&k);
        until(&k, 3000);
        CHECK(k.answer.verdict == BRAKES_DENY && strstr(why(&k.answer), "for account 210987654321"));
        bench_close(&b);
    }
    CASE("reads and messages are not asked about") {
        bench_open(&b, true);
        set(&b, "global", "on");
        bench_start(&b);
        b.host.effect = PB_NOTIFY;
        CHECK(ask(&b, STOP).verdict == BRAKES_GO);
        bench_close(&b);
    }
}

static void words(void) {
    const pb_str account = PB_STR("123456789012"), playbook = PB_STR("p"), from = PB_STR("x");
    CASE("of an unknown account every account's word counts") {
        killswitch_answer a;
        pb_str err;
        CHECK(killswitch_read(PB_STR("{\"account:210987654321\": \"on\"}"), from, (pb_str){0}, playbook, arena, &a, &err) &&
              a.state == SWITCH_ON);
    }
    static const struct {
        const char *text;
        int state; /* -1: malformed */
    } rows[] = {{"on", SWITCH_ON},
                {" ON\n", SWITCH_ON},
                {"observe", SWITCH_OBSERVE},
                {"off", SWITCH_OFF},
                {"", -1},
                {"true", -1},
                {"onn", -1},
                {"1", -1},
                {"[]", -1},
                {"\"on\"", -1},
                {"{}", SWITCH_OFF},
                {"{\"global\": \"on\"}", SWITCH_ON},
                {"{\"global\": \"off\", \"account:123456789012\": \"observe\"}", SWITCH_OBSERVE},
                {"{\"account:210987654321\": \"on\"}", SWITCH_OFF},
                {"{\"playbook:p\": {\"state\": \"on\", \"reason\": \"r\"}}", SWITCH_ON},
                {"{\"playbook:p\": {\"reason\": \"r\"}}", -1},
                {"{\"playbook:q\": \"onn\"}", -1}, /* a malformed part makes all of it doubtful */
                {"{\"acount:123456789012\": \"on\"}", -1},
                {"{\"account:12345\": \"on\"}", -1},
                {"{\"global\": \"on\"", -1}};
    CASE("what a source may say, and what is no answer") {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            killswitch_answer a;
            pb_str err = {0};
            bool ok = killswitch_read(pb_str_c(rows[i].text), from, account, playbook, arena, &a, &err);
            if (ok != (rows[i].state >= 0) || (ok && (int)a.state != rows[i].state)) printf("# %s\n", rows[i].text);
            CHECK(ok == (rows[i].state >= 0) && (!ok || (int)a.state == rows[i].state) && (ok || err.n));
        }
    }
}

static void remote_switch(void) {
    bench b;
    CASE("SSM: off, on, observe, and everything that is no answer") {
        static const struct {
            fake_answer says;
            brakes_verdict verdict;
            const char *has;
        } rows[] = {
            {{.json = "{\"Parameter\": {\"Value\": \"off\"}}"}, BRAKES_GO, ""},
            {{.json = "{\"Parameter\": {\"Value\": \"off\"}}", .delay_ms = 30}, BRAKES_GO, ""},
            {{.json = "{\"Parameter\": {\"Value\": \"on\"}}"}, BRAKES_DENY, "on for everything (SSM parameter /k)"},
            {{.json = "{\"Parameter\": {\"Value\": \"observe\"}}"}, BRAKES_HOLD, "at observe"},
            {{.json = "{\"Parameter\": {\"Value\": \"maybe\"}}"}, BRAKES_DENY, "cannot be read"},
            {{.json = "{}"}, BRAKES_DENY, "it has no value"},
            {{.code = "ParameterNotFound"}, BRAKES_DENY, "put-parameter"},
            {{.code = "AccessDeniedException", .delay_ms = 10}, BRAKES_DENY, "ssm:GetParameter"}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            bench_open(&b, false);
            b.site.kill_switch.ssm = PB_STR("/k");
            b.fakes.ssm = rows[i].says;
            bench_start(&b);
            brakes_answer a = ask(&b, STOP);
            CHECK(a.verdict == rows[i].verdict);
            CHECK(!*rows[i].has || strstr(why(&a), rows[i].has));
            bench_close(&b);
        }
    }
    CASE("DynamoDB: the item's state, who and why; no item is no answer") {
        static const struct {
            fake_answer says;
            brakes_verdict verdict;
            const char *has;
        } rows[] = {{{.json = "{\"Item\": {\"state\": {\"S\": \"off\"}}}"}, BRAKES_GO, ""},
                    {{.json = "{\"Item\": {\"state\": {\"S\": \"on\"}, \"reason\": {\"S\": \"drill\"}, \"who\": "
                              "{\"S\": \"bob\"}}}"},
                     BRAKES_DENY,
                     "by bob): drill"},
                    {{.json = "{}"}, BRAKES_DENY, "there is no such item"},
                    {{.json = "{\"Item\": {\"state\": {\"N\": \"1\"}}}"}, BRAKES_DENY, "no string `state`"},
                    {{.code = "ResourceNotFoundException"}, BRAKES_DENY, "no such table"}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            bench_open(&b, false);
            b.site.kill_switch.dynamodb = b.site.kill_switch.table = b.site.kill_switch.key = PB_STR("t");
            b.fakes.item = rows[i].says;
            bench_start(&b);
            brakes_answer a = ask(&b, STOP);
            CHECK(a.verdict == rows[i].verdict);
            CHECK(!*rows[i].has || strstr(why(&a), rows[i].has));
            bench_close(&b);
        }
    }
    CASE("one source that is off does not make up for one that cannot be read") {
        bench_open(&b, true);
        b.site.kill_switch.ssm = PB_STR("/k");
        b.site.kill_switch.dynamodb = b.site.kill_switch.table = b.site.kill_switch.key = PB_STR("t");
        b.fakes.item = (fake_answer){.code = "InternalServerError", .delay_ms = 20};
        bench_start(&b);
        CHECK(ask(&b, STOP).verdict == BRAKES_DENY);
        bench_close(&b);
    }
    CASE("questions of one turn share a read; a later question is a read of its own") {
        act k[10];
        bench_open(&b, false);
        b.site.kill_switch.ssm = PB_STR("/k");
        b.fakes.ssm.delay_ms = 20;
        bench_start(&b);
        for (int i = 0; i < 10; i++) act_init(&k[i], &b, "run-a", STOP, NULL), go(&k[i]);
        for (int i = 0; i < 10; i++) until(&k[i], 1000);
        for (int i = 0; i < 10; i++) CHECK(k[i].answered == 1 && k[i].answer.verdict == BRAKES_GO);
        CHECK(b.fakes.asked_ssm == 1);
        b.fakes.ssm.json = "{\"Parameter\": {\"Value\": \"on\"}}";
        act_init(&k[0], &b, "run-a", STOP, NULL);
        go(&k[0]);
        until(&k[0], 1000);
        CHECK(b.fakes.asked_ssm == 2 && k[0].answer.verdict == BRAKES_DENY);
        bench_close(&b);
    }
    CASE("a question that was asked while a read is under way is not answered by it") {
        act k[2];
        bench_open(&b, false);
        b.site.kill_switch.ssm = PB_STR("/k");
        b.fakes.ssm.delay_ms = 50;
        bench_start(&b);
        act_init(&k[0], &b, "run-a", STOP, NULL), go(&k[0]);
        for (int64_t end = pb_loop_mono_ms() + 1000; !b.fakes.asked_ssm && pb_loop_mono_ms() < end;)
            pb_loop_turn(b.loop);
        b.fakes.ssm.json = "{\"Parameter\": {\"Value\": \"on\"}}";
        act_init(&k[1], &b, "run-b", STOP, NULL), go(&k[1]);
        until(&k[1], 1000);
        CHECK(k[0].answer.verdict == BRAKES_GO && k[1].answer.verdict == BRAKES_DENY);
        bench_close(&b);
    }
    CASE("a source that does not answer is a denial before the call's own time is over") {
        act k;
        bench_open(&b, false);
        b.site.alerts = PB_STR("#alerts");
        b.site.kill_switch.ssm = PB_STR("/k");
        b.fakes.ssm.delay_ms = -1;
        bench_start(&b);
        act_init(&k, &b, "run-a", STOP, NULL);
        k.act.deadline_ms = pb_loop_mono_ms() + 1000;
        go(&k);
        until(&k, 900);
        CHECK(k.answer.verdict == BRAKES_DENY && strstr(why(&k.answer), "did not answer in time"));
        CHECK(pb_str_is(k.answer.denial.told, "told #alerts"));
        bench_close(&b);
    }
    CASE("giving up a question, and ending with questions open") {
        act k[2];
        bench_open(&b, false);
        b.site.kill_switch.ssm = PB_STR("/k");
        b.fakes.ssm.delay_ms = -1;
        bench_start(&b);
        act_init(&k[0], &b, "run-a", STOP, NULL), go(&k[0]);
        act_init(&k[1], &b, "run-a", STOP, NULL), go(&k[1]);
        for (int64_t end = pb_loop_mono_ms() + 1000; !b.fakes.asked_ssm && pb_loop_mono_ms() < end;)
            pb_loop_turn(b.loop);
        brakes_unask(k[0].wait);
        bench_close(&b);
        CHECK(!k[0].answered && !k[1].answered && b.fakes.unasked == 1);
    }
}

/* ---- protection ---- */

static void protection(void) {
    static const struct {
        const char *host, *args, *why; /* NULL: allowed */
    } rows[] = {
        {"aws.iam.PutRolePolicy", "{\"RoleName\": \"pbrun\", \"PolicyName\": \"x\"}", "role pbrun is pbrun's own"},
        {"aws.iam.PutRolePolicy", "{\"RoleName\": \"other\", \"PolicyName\": \"pbrun\"}", NULL},
        {"aws.iam.PutUserPolicy", "{\"UserName\": \"pbrun\"}", NULL}, /* a user of the role's name */
        {"aws.iam.DeleteRole", "{\"RoleName\": \"Responder\"}", "assumes in other accounts"},
        {"aws.lambda.UpdateFunctionConfiguration", "{\"Role\": \"arn:aws:iam::123456789012:role/x/pbrun\"}",
         "pbrun's own"},
        {"aws.lambda.UpdateFunctionConfiguration", "{\"Role\": \"arn:aws:iam::210987654321:role/pbrun\"}", NULL},
        {"aws.iam.DeleteUser", "{\"UserName\": \"alice\"}", "belongs to alice, who may approve"},
        {"aws.iam.DeleteUser", "{\"UserName\": \"alice2\"}", NULL},
        {"aws.iam.DeactivateMFADevice",
         "{\"UserName\": \"x\", \"SerialNumber\": \"arn:aws:iam::123456789012:user/alice\"}", "who may approve"},
        {"aws.iam.DeleteAccessKey", "{\"AccessKeyId\": \"AKIA0\"}", "means the caller"},
        {"aws.iam.DeleteAccessKey", "{\"AccessKeyId\": \"AKIA0\", \"UserName\": \"mallory\"}", NULL},
        {"aws.ssm.PutParameter", "{\"Name\": \"/k\", \"Value\": \"off\"}", "holds the kill switch"},
        {"aws.ssm.PutParameter", "{\"Name\": \"arn:aws:ssm:eu-west-1:123456789012:parameter/k\"}",
         "holds the kill switch"},
        {"aws.ssm.PutParameter", "{\"Name\": \"/k2\", \"Value\": \"/k\"}", NULL},
        {"aws.dynamodb.DeleteTable", "{\"TableName\": \"switches\"}", "holds the kill switch"},
        {"aws.dynamodb.UpdateItem", "{\"TableName\": \"arn:aws:dynamodb:eu-west-1:123456789012:table/switches\"}",
         "holds the kill switch"},
        {"aws.dynamodb.BatchWriteItem", "{\"RequestItems\": {\"switches\": [{\"PutRequest\": {}}]}}", "holds the kill switch"},
        {"aws.dynamodb.BatchWriteItem",
         "{\"RequestItems\": {\"arn:aws:dynamodb:eu-west-1:123456789012:table/switches\": []}}", "holds the kill switch"},
        {"aws.dynamodb.BatchWriteItem", "{\"RequestItems\": {\"other\": [{\"PutRequest\": {\"Item\": {\"x\": {\"S\": \"switches\"}}}}]}}",
         NULL},
        {"aws.dynamodb.ExecuteStatement", "{\"Statement\": \"UPDATE \\\"switches\\\" SET state='off' WHERE id='all'\"}",
         "holds the kill switch"},
        {"aws.dynamodb.BatchExecuteStatement", "{\"Statements\": [{\"Statement\": \"DELETE FROM switches WHERE id='all'\"}]}",
         "holds the kill switch"},
        {"aws.dynamodb.ExecuteStatement", "{\"Statement\": \"DELETE FROM other WHERE id='switches-2'\"}", NULL},
        {"aws.s3.DeleteBucket", "{\"Bucket\": \"evidence-eu\"}", "`buckets` of `protect`: evidence-*"},
        {"aws.s3.DeleteBucket", "{\"Bucket\": \"arn:aws:s3:::evidence-eu\"}", "`buckets` of `protect`: evidence-*"},
        {"aws.s3.PutPublicAccessBlock", "{\"Bucket\": \"my-evidence-eu\"}", NULL},
        {"aws.iam.AttachRolePolicy", "{\"RoleName\": \"break-glass-1\"}", "arn:aws:iam::*:role/break-glass-*"},
        {"aws.iam.AttachUserPolicy", "{\"UserName\": \"break-glass-1\"}", NULL},
        {"aws.ec2.StopInstances", "{\"InstanceIds\": [\"i-0000000000000000a\", \"i-0123456789abcdef0\"]}",
         "`instances`"},
        {"aws.ec2.CreateTags", "{\"Resources\": [\"vol-1\", \"i-0123456789abcdef0\"], \"Tags\": []}", "`instances`"},
        {"aws.ec2.CreateTags",
         "{\"Resources\": [\"vol-1\"], \"Tags\": [{\"Key\": \"of\", \"Value\": \"i-0123456789abcdef0\"}]}", NULL},
        {"aws.ec2.CreateSecurityGroup", "{\"GroupName\": \"q\", \"Description\": \"i-0123456789abcdef0\"}", NULL},
        {"aws.ec2.CreateSnapshot",
         "{\"VolumeId\": \"v\", \"TagSpecifications\": [{\"Tags\": [{\"Value\": \"i-0123456789abcdef0\"}]}]}", NULL},
        {"aws.sns.DeleteTopic", "{\"TopicArn\": \"arn:aws:sns:eu-west-1:123456789012:alarms\"}",
         "topic alarms is protected"},
        {"aws.kms.DisableKey", "{\"KeyId\": \"alias/evidence\"}", "`keys`"},
        {"aws.kms.DisableKey", "{\"KeyId\": \"other\"}", NULL},
        {"aws.sns.Publish", "{\"TopicArn\": \"arn:aws:sns:eu-west-1:123456789012:x\", \"Message\": \"alarms\"}", NULL},
    };
    CASE("what must not be named, however it is named; and what only looks like it") {
        bench b;
        bench_open(&b, false);
        pb_str buckets = PB_STR("evidence-*"), roles = PB_STR("arn:aws:iam::*:role/break-glass-*"),
               instances = PB_STR("i-0123456789abcdef0"), topics = PB_STR("alarms"), keys = PB_STR("alias/evidence"),
               arns = PB_STR("arn:aws:iam::123456789012:user/people/alice");
        site_person alice = {.name = PB_STR("alice"), .arns = {&arns, 1}};
        b.site.role = PB_STR("ops/Responder");
        b.site.kill_switch.ssm = PB_STR("/k");
        b.site.kill_switch.table = PB_STR("switches");
        b.site.protect.buckets = (site_list){&buckets, 1};
        b.site.protect.principals = (site_list){&roles, 1};
        b.site.protect.instances = (site_list){&instances, 1};
        b.site.protect.topics = (site_list){&topics, 1};
        b.site.protect.keys = (site_list){&keys, 1};
        b.site.people = &alice;
        b.site.npeople = 1;
        bench_start(&b);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            brakes_answer a = ask(&b, rows[i].host, rows[i].args);
            bool denied = a.verdict == BRAKES_DENY && pb_str_is(a.code, "self_protection");
            /* the kill switch itself is not answered for here: its parameter says off */
            if (denied != (rows[i].why != NULL) || (denied && !strstr(why(&a), rows[i].why)))
                printf("# %s %s: %s\n", rows[i].host, rows[i].args, why(&a));
            CHECK(denied == (rows[i].why != NULL) && (!denied || strstr(why(&a), rows[i].why)));
        }
        CHECK(b.fakes.asked_identity == 1); /* asked once, then known */
        bench_close(&b);
    }
    CASE("arguments that cannot be looked through are refused") {
        bench b;
        bench_open(&b, false);
        bench_start(&b);
        pb_buf deep = {0};
        for (int i = 0; i < 40; i++) pb_buf_puts(&deep, "{\"a\":");
        pb_buf_puts(&deep, "1");
        for (int i = 0; i < 40; i++) pb_buf_puts(&deep, "}");
        brakes_answer a = ask(&b, "aws.ec2.StopInstances", deep.data);
        CHECK(a.verdict == BRAKES_DENY && strstr(why(&a), "too deep"));
        pb_buf_free(&deep);
        bench_close(&b);
    }
    CASE("whose the credentials are is asked only when a principal is named; unknown means no call") {
        bench b;
        bench_open(&b, false);
        b.fakes.identity.code = "AccessDenied";
        b.fakes.identity.delay_ms = 10;
        bench_start(&b);
        CHECK(ask(&b, STOP).verdict == BRAKES_GO && b.fakes.asked_identity == 0);
        brakes_answer a = ask(&b, "aws.iam.DeleteUser", "{\"UserName\": \"mallory\"}");
        CHECK(a.verdict == BRAKES_ERROR && pb_str_is(a.code, "AccessDenied"));
        b.fakes.identity.code = NULL;
        CHECK(ask(&b, "aws.iam.DeleteUser", "{\"UserName\": \"mallory\"}").verdict == BRAKES_GO);
        bench_close(&b);
    }
}

/* ---- alerts ---- */

static void alerts(void) {
    bench b;
    CASE("a denial is told once, with the act and its reason; the same again is not, within a minute") {
        bench_open(&b, true);
        b.site.alerts = PB_STR("#alerts");
        b.fakes.slack.delay_ms = 10;
        set(&b, "global", "on");
        bench_start(&b);
        brakes_answer a = ask(&b, STOP);
        CHECK(pb_str_is(a.denial.told, "told #alerts") && b.fakes.posted == 1);
        CHECK(strstr(b.fakes.text, "pbrun denied ec2.isolate: the kill switch is on"));
        CHECK(strstr(b.fakes.text, "playbook p, incident INC-1, run run-a"));
        a = ask(&b, STOP);
        CHECK(a.verdict == BRAKES_DENY && b.fakes.posted == 1 && strstr(a.denial.told.s, "less than a minute ago"));
        a = ask(&b, "aws.iam.DeleteAccessKey", "{\"AccessKeyId\": \"AKIA0\"}"); /* for another reason */
        CHECK(pb_str_is(a.code, "self_protection") && b.fakes.posted == 2);
        bench_close(&b);
    }
    CASE("that nobody could be told hides nothing") {
        bench_open(&b, true);
        b.site.alerts = PB_STR("#alerts");
        b.fakes.slack = (fake_answer){.code = "channel_not_found"};
        set(&b, "global", "on");
        bench_start(&b);
        brakes_answer a = ask(&b, STOP);
        CHECK(a.verdict == BRAKES_DENY && pb_str_is(a.denial.told, "#alerts could not be told: it said no"));
        a = ask(&b, STOP);
        CHECK(b.fakes.posted == 2); /* tried again */
        bench_close(&b);
    }
    CASE("a guard's denial is told and answered likewise") {
        act k;
        bench_open(&b, false);
        b.site.alerts = PB_STR("#alerts");
        bench_start(&b);
        act_init(&k, &b, "run-a", STOP, NULL);
        vm_denial d = {
            .by = PB_STR("critical_instances"), .action = PB_STR("ec2.isolate"), .why = PB_STR("it is critical")};
        brakes_tell(b.brakes, &d, k.act.context, arena, on_answer, &k);
        until(&k, 1000);
        CHECK(k.answer.verdict == BRAKES_DENY && pb_str_is(k.answer.denial.told, "told #alerts"));
        CHECK(pb_str_is(k.answer.denial.by, "critical_instances") && pb_str_is(k.answer.denial.why, "it is critical"));
        CHECK(b.fakes.posted == 1 && strstr(b.fakes.text, "pbrun denied ec2.isolate: it is critical"));
        bench_close(&b);
    }
}

/* ---- targets ---- */

static int64_t begin_run(bench *b, const char *id) {
    store_run r = {.id = pb_str_c(id), .playbook = PB_STR("p"), .image = PB_STR("00")};
    store_admitted said;
    pb_str other;
    CHECK(store_run_begin(b->store, &r, NULL, false, PB_STR("t"), pb_loop_wall_ms(), arena, &said, &other) == STORE_OK);
    CHECK(store_commit(b->store, NULL, NULL) == STORE_OK);
    return r.fence;
}

static void targets(void) {
    bench b;
    act k[2];
    CASE("one run at a time on a target, by whatever name; the other waits until it is free") {
        bench_open(&b, true);
        bench_start(&b);
        act_init(&k[0], &b, "run-a", STOP, "i-0123456789abcdef0");
        act_init(&k[1], &b, "run-b", STOP, "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0");
        k[0].act.fence = begin_run(&b, "run-a");
        k[1].act.fence = begin_run(&b, "run-b");
        go(&k[0]);
        until(&k[0], 100);
        CHECK(k[0].answer.verdict == BRAKES_GO);
        go(&k[1]);
        CHECK(!k[1].answered);
        store_run done = {
            .id = PB_STR("run-a"), .status = RUN_ENDED, .fence = k[0].act.fence, .outcome = PB_STR("done")};
        CHECK(store_run_leave(b.store, &done, pb_loop_wall_ms()) == STORE_OK);
        until(&k[1], 3000);
        CHECK(k[1].answered == 1 && k[1].answer.verdict == BRAKES_GO);
        bench_close(&b);
    }
    CASE("a target that stays busy until the call's time is over: the error names the run that has it") {
        bench_open(&b, true);
        bench_start(&b);
        act_init(&k[0], &b, "run-a", STOP, "i-0123456789abcdef0");
        act_init(&k[1], &b, "run-b", STOP, "i-0123456789abcdef0");
        k[0].act.fence = begin_run(&b, "run-a");
        k[1].act.fence = begin_run(&b, "run-b");
        k[1].act.deadline_ms = pb_loop_mono_ms() + 1500;
        go(&k[0]);
        go(&k[1]);
        until(&k[1], 3000);
        CHECK(k[1].answer.verdict == BRAKES_ERROR && pb_str_is(k[1].answer.code, "target_busy"));
        CHECK(strstr(why(&k[1].answer), "run run-a is at work on 123456789012/i-0123456789abcdef0"));
        bench_close(&b);
    }
    CASE("another target, a read and no target are free") {
        bench_open(&b, true);
        bench_start(&b);
        act_init(&k[0], &b, "run-a", STOP, "i-0123456789abcdef0");
        act_init(&k[1], &b, "run-b", STOP, "i-0123456789abcdef1");
        k[0].act.fence = begin_run(&b, "run-a");
        k[1].act.fence = begin_run(&b, "run-b");
        go(&k[0]), go(&k[1]);
        CHECK(k[0].answer.verdict == BRAKES_GO && k[1].answer.verdict == BRAKES_GO);
        act_init(&k[1], &b, "run-b", STOP, NULL);
        go(&k[1]);
        CHECK(k[1].answer.verdict == BRAKES_GO);
        bench_close(&b);
    }
}

/* ---- admission ---- */

static void admission(void) {
    bench b;
    brakes_admission q;
    pb_str err;
    const char *what;
    bench_open(&b, false);
    bench_start(&b);
    CASE("the questions of a playbook, its key computed from the event") {
        CHECK(brakes_needs_store(b.program, 0, &what));
        CHECK_STR(what, "dedupe");
        CHECK(brakes_admission_of(b.program, 0, json("{\"key\": \"i-1\"}"), NULL, PB_NONE_VALUE, arena, &q, &err));
        CHECK(pb_str_is(q.ask.dedupe_key, "i-1") && q.ask.dedupe_ms == 3600000 && q.ask.limit == 2);
        CHECK(q.ask.limit_ms == 90000 && q.ask.concurrency == 3 && q.anyway);
    }
    CASE("an event without the key is not deduplicated; a key that is no text is an error") {
        CHECK(brakes_admission_of(b.program, 0, json("{}"), NULL, PB_NONE_VALUE, arena, &q, &err));
        CHECK(q.ask.dedupe_key.n == 0 && q.ask.dedupe_ms == 0);
        CHECK(!brakes_admission_of(b.program, 0, json("{\"key\": 5}"), NULL, PB_NONE_VALUE, arena, &q, &err));
        CHECK(strstr(err.s, "must be a text"));
        CHECK(!brakes_admission_of(b.program, 0, json("{\"key\": {\"a\": 1}}"), NULL, PB_NONE_VALUE, arena, &q, &err));
    }
    CASE("what the store's answers mean") {
        q = (brakes_admission){.ask = {.dedupe_ms = 3600000, .limit = 2, .limit_ms = 90000, .concurrency = 3}};
        brakes_admitted a = brakes_admitted_of(&q, ADMIT_DUPLICATE, PB_STR("run-x"), arena);
        CHECK(!a.begin && a.outcome == VM_SKIPPED && pb_str_is(a.code, "duplicate"));
        CHECK(pb_str_is(a.reason, "run-x has seen to the same within 1h (`dedupe`)"));
        a = brakes_admitted_of(&q, ADMIT_LIMIT, (pb_str){0}, arena);
        CHECK(!a.begin && a.outcome == VM_STOPPED && pb_str_is(a.code, "limit") && strstr(a.reason.s, "2 runs"));
        CHECK(strstr(a.reason.s, "within 90s"));
        a = brakes_admitted_of(&q, ADMIT_CONCURRENCY, (pb_str){0}, arena);
        CHECK(!a.begin && a.outcome == VM_STOPPED && pb_str_is(a.code, "concurrency"));
        q.anyway = true;
        a = brakes_admitted_of(&q, ADMIT_LIMIT, (pb_str){0}, arena);
        CHECK(a.begin && a.over_limit);
        a = brakes_admitted_of(&q, ADMITTED, (pb_str){0}, arena);
        CHECK(a.begin && !a.over_limit);
    }
    bench_close(&b);
}

/* With no memory left there may be an error or a denial, never a go. */
static void no_memory(void) {
    bench b;
    act k;
    CASE("memory that runs out never lets an act pass that is to be held back") {
        bench_open(&b, true);
        set(&b, "account:123456789012", "on");
        pb_str roles = PB_STR("break-glass-*");
        b.site.protect.roles = (site_list){&roles, 1};
        bench_start(&b);
        for (size_t n = 1; n < 40; n++) {
            for (int i = 0; i < 2; i++) {
                pb_arena *own = pb_arena_new(0);
                act_init(&k, &b, "run-a", i ? "aws.iam.DeleteRole" : "aws.ec2.StopInstances",
                         i ? "{\"RoleName\": \"break-glass-1\"}" : "{\"InstanceIds\": [\"i-0123456789abcdef0\"]}",
                         NULL);
                k.act.arena = own;
                pb_arena_fail_after(own, n);
                go(&k);
                until(&k, 1000);
                CHECK(k.answered == 1 && (k.answer.verdict == BRAKES_DENY || k.answer.verdict == BRAKES_ERROR));
                CHECK(k.answer.message.n > 0);
                pb_arena_free(own);
            }
        }
        bench_close(&b);
    }
}

int main(void) {
    arena = pb_arena_new(0);
    snprintf(dir, sizeof dir, "/tmp/brakes.XXXXXX");
    if (!mkdtemp(dir)) return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    local_switch();
    words();
    remote_switch();
    protection();
    alerts();
    targets();
    admission();
    no_memory();
    pb_arena_free(arena);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 ? check_done() : 1;
}
