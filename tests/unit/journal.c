/*
 * journal.c - runs that survive: a program with loops, branches, retries, VERIFY and nested actions is killed at every
 * moment that matters, resumed, and must come to what it comes to undisturbed. Also what a journal that does not fit
 * does, what becomes of secrets, of time, of parked runs, of a store that cannot be written and of two that want one
 * run.
 *
 * The world is memory that parent and children share: what a killed process has done to it stays done.
 *
 * speed: slow
 */
#include "tests/lib/check.h"

#include "lang/compile.h"
#include "vm/engine.h"
#include "vm/events.h"
#include "vm/store.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 32, TEXT_MAX = 60000, HOUR = 3600000 };

typedef struct world {
    char keys[KEYS][16];
    int64_t values[KEYS];
    int adds[KEYS]; /* effects, each to happen once */
    int flaky, secrets, used, parks, doubts, resumed;
    int calls, stop_at; /* the process stops itself before it carries out the call with that number */
    int full_at;        /* ... or the disk is full from then on */
    int64_t now;
    uint64_t moments;
    char told[TEXT_MAX]; /* outcome and record of the run that ended last */
    char left[400];      /* the same of one that did not end */
    char id[64];
} world;

static world *w;
static char dir[64], url[128];

/* ---- the hosts ---- */

static int slot(pb_value args) {
    pb_str key = pb_text(pb_get_c(args, "key"));
    for (int i = 0; i < KEYS; i++) {
        if (!w->keys[i][0]) snprintf(w->keys[i], sizeof w->keys[i], "%.*s", PB_ARG(key));
        if (pb_str_is(key, w->keys[i])) return i;
    }
    return 0;
}

static void on_later(void *ctx) {
    vm_call *c = ctx;
    c->host_data = NULL;
    vm_return(c, pb_int(w->values[slot(c->args)]));
}

static void fill_disk(void) {
    struct rlimit none = {1, 1};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
}

static void call(const pb_host *h, vm_call *c, pb_loop *loop) {
    (void)h;
    if (++w->calls == w->stop_at) raise(SIGSTOP);
    if (w->calls == w->full_at) fill_disk();
    if (pb_str_is(c->host, "t.get")) {
        c->host_data = pb_timer_start(loop, 20 * (slot(c->args) + 1), on_later, c);
    } else if (pb_str_is(c->host, "t.put")) {
        w->values[slot(c->args)] = pb_get_c(c->args, "value").u.i;
        c->step->detail = PB_STR("put there");
        vm_return(c, pb_get_c(c->args, "value"));
    } else if (pb_str_is(c->host, "t.add")) {
        int i = slot(c->args);
        w->adds[i]++;
        w->values[i]++;
        vm_return(c, pb_int(w->values[i]));
    } else if (pb_str_is(c->host, "t.flaky")) {
        if (++w->flaky < 3)
            vm_raise_as(c, PB_STR("Busy"), PB_STR("not yet"), (vm_error_class){.throttled = true, .status = 429});
        else
            vm_return(c, pb_int(7));
    } else if (pb_str_is(c->host, "t.secret")) {
        w->secrets++;
        vm_return(c, (pb_value){.kind = PB_SECRET, .n = 6, .u.s = "s3cret"});
    } else if (pb_str_is(c->host, "t.use")) {
        pb_value v = pb_get_c(c->args, "s");
        w->used += v.kind == PB_SECRET && v.n == 6;
        vm_return(c, pb_int(1));
    } else if (pb_str_is(c->host, "t.park")) {
        w->parks++;
        w->doubts += c->doubt;
        pb_call_note(c, "looked", pb_int(w->parks));
        int64_t at = c->step->started_ms + pb_get_c(c->args, "ms").u.i;
        if (pb_loop_wall_ms() >= at)
            vm_return(c, pb_int(3));
        else
            pb_call_park(c, at, PB_STR("its time"));
    } else {
        vm_raise(c, PB_STR("no_such_host"), c->host);
    }
}

static void cancel(const pb_host *h, vm_call *c) {
    (void)h;
    if (c->host_data) pb_timer_cancel(c->host_data);
}

static bool resolve(void *state, pb_str name, pb_host *out) {
    bool read = pb_str_is(name, "t.get") || pb_str_is(name, "t.secret");
    *out = (pb_host){.effect = read ? PB_READ : PB_CONTAIN, .fn = call, .cancel = cancel, .state = state};
    out->again = pb_str_is(name, "t.add") ? AGAIN_ACTION : AGAIN_SAFE;
    out->parks = pb_str_is(name, "t.park");
    if (pb_str_is(name, "t.make_secret")) out->effect = PB_CONTAIN;
    return true;
}

/* ---- programs ---- */

static const char library[] =
    "event test.finding { source \"test\" detail_type \"Finding\" schema Finding payload \"detail\" }\n"
    "type Finding { id: string }\n"
    "extern action t.get(key: string): int read\n"
    "extern action t.put(key: string, value: int): int contain\n"
    "extern action t.add(key: string): int contain\n"
    "extern action t.flaky(key: string): int contain\n"
    "extern action t.secret(): secret read\n"
    "extern action t.use(s: secret): int contain\n"
    "extern action t.park(ms: int): int contain\n"
    "action t.ensure(key: string): { changed: bool, detail: string } contain on key {\n"
    "  if t.get(key) > 0 { return { changed: false, detail: \"was there\" } }\n"
    "  do t.add(key)\n"
    "  verify t.get(key) > 0 within 5s else \"it is not there\"\n"
    "  return { changed: true, detail: \"added\" }\n"
    "}\n"
    "action t.both(key: string): { changed: bool } contain on key {\n"
    "  parallel {\n    do t.ensure(key + \"x\") as x\n    do t.ensure(key + \"y\") as y\n  }\n"
    "  return { changed: x.changed or y.changed }\n"
    "}\n"
    "action t.flip(key: string): { changed: bool } contain on key {\n"
    "  let was = t.get(key)\n"
    "  do t.put(key, was + 10)\n"
    "  return { changed: true }\n"
    "} undo {\n"
    "  if t.get(key) == was { return { changed: false } }\n"
    "  do t.put(key, was)\n"
    "}\n";

#define HEAD \
    "playbook one {\n  version \"1.0.0\"\n  owner \"t@example.com\"\n  summary \"s\"\n  when test.finding as f\n"

static const char big[] =
    HEAD "  for k in [\"a\", \"b\"] { do t.ensure(k) }\n"
         "  parallel {\n    do t.ensure(\"p\") as p\n    do t.both(\"q\") as q\n    do t.put(\"r\", 5)\n  }\n"
         "  do t.flaky(\"f\") as n retry 3\n"
         "  do t.ensure(\"a\") as again else { record { never: true } }\n"
         "  let at = run.started\n"
         "  record { n: n  p: p.changed  q: q.changed  again: again.changed  r: t.get(\"r\") }\n"
         "}\n";
static const char other[] = HEAD "  do t.ensure(\"a\")\n  do t.put(\"zzz\", 1)\n}\n";
static const char secretive[] = HEAD "  let s = t.secret()\n  do t.put(\"a\", 1)\n  do t.use(s)\n}\n";
static const char parking[] =
    HEAD "  do t.put(\"a\", 1)\n  do t.park(7200000) as n timeout 30s\n  do t.put(\"b\", n)\n  record { n: n }\n}\n";
static const char bare[] = HEAD "  do t.add(\"a\") else { record { code: error.code } }\n}\n";
static const char flipping[] = HEAD "  do t.flip(\"a\")\n  do t.flip(\"b\")\n  do t.put(\"c\", 1)\n}\n";
static const char endless[] = HEAD "  verify t.get(\"a\") > 0 within 30s\n  record { there: true }\n}\n";

static bool compile(const char *source, pb_arena *a, pb_buf *image) {
    const builtin_source builtins[] = {{"<test>/t.pb", library, sizeof library - 1}};
    diag_list *diags = diag_new(a);
    ast_program *tree = diags ? parse_text(a, diags, builtins, 1, "test.pb", source, strlen(source)) : NULL;
    bool ok = tree && check_program(tree, NULL, diags) && codegen_program(tree, diags, image);
    if (tree && !ok) {
        pb_buf text = {0};
        diag_render(diags, tree->sources, DIAG_TEXT, false, &text);
        fputs(text.data ? text.data : "", stderr);
        pb_buf_free(&text);
    }
    return ok;
}

/* ---- a process ---- */

static int put_step(const vm_step *s, char *out, int n) {
    for (; s; s = s->next) {
        n += snprintf(out + n, n < TEXT_MAX ? (size_t)(TEXT_MAX - n) : 0, " %.*s=%.*s", PB_ARG(s->id), PB_ARG(s->name));
        n = put_step(s->children, out, n);
    }
    return n;
}

static void on_run_end(void *ctx, const engine_run *r) {
    pb_arena *a = pb_arena_new(0);
    (void)ctx;
    int n = snprintf(w->told, sizeof w->told, "%s %.*s %s", evidence_outcome(r->facts.outcome), PB_ARG(r->facts.code),
                     r->facts.record.kind == PB_MAP ? pb_json_text(a, r->facts.record).s : "");
    if (r->facts.outcome == VM_DONE) put_step(r->facts.steps, w->told, n);
    w->resumed = (int)r->facts.resumed;
    pb_arena_free(a);
}

static void on_parked(void *ctx, const engine_run *r) {
    (void)ctx;
    snprintf(w->left, sizeof w->left, "%d %.*s", (int)r->left, PB_ARG(r->facts.reason));
}

static void on_begin(void *ctx, const engine_run *r) {
    (void)ctx;
    snprintf(w->id, sizeof w->id, "%.*s", PB_ARG(r->id));
}

typedef struct process {
    const char *source; /* NULL: resumes what is due */
    uint64_t crash_at;
    const char *resume; /* this run alone */
    const char *undo;   /* this run */
    bool dry;
    bool suspend; /* is told to stop as soon as it has begun */
    bool full;    /* the disk is full after the first commit */
} process;

static int live(const process *p) {
    pb_arena *a = pb_arena_new(0);
    pb_buf image = {0};
    pb_str err = {0};
    char text[32];
    pb_host_provider provider = {.prefix = "", .resolve = resolve};
    if (p->crash_at) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)p->crash_at);
        setenv("PB_CRASH_AT", text, 1);
    }
    pb_clock_virtual(w->now);
    engine_config c = {.providers = &provider,
                       .nproviders = 1,
                       .watch = {.run_begin = on_begin, .run_end = on_run_end, .run_parked = on_parked}};
    c.store = store_open(url, a, &err);
    engine *e = engine_new(&c);
    if (!c.store || !e) return 2;
    if (p->source) {
        vm_program *prog = compile(p->source, a, &image) ? vm_program_load(image.data, image.len, a, &err) : NULL;
        if (!prog || !engine_add(e, prog, "test", &err)) return 3;
    }
    if (!engine_ready(e, &err)) return 4;
    if (p->source) {
        static const char event[] =
            "{\"source\":\"test\",\"detail-type\":\"Finding\",\"id\":\"e\",\"detail\":{\"id\":\"f\"}}";
        pb_arena *ev = pb_arena_new(1 << 20);
        pb_value v;
        if (!pb_json_parse(ev, event, sizeof event - 1, &v, &err)) return 5;
        if (p->full) fill_disk();
        engine_submit(e, 1, 1, v, (pb_str){0}, ev);
    } else if (p->undo) {
        engine_resumed r = engine_undo(e, pb_str_c(p->undo), (pb_str){"", 0}, p->dry, &err);
        if (r != RESUMED) snprintf(w->left, sizeof w->left, "undo %d %.*s", (int)r, PB_ARG(err));
    } else if (p->resume) {
        engine_resumed r = engine_resume(e, pb_str_c(p->resume), &err);
        if (r != RESUMED) snprintf(w->left, sizeof w->left, "resume %d %.*s", (int)r, PB_ARG(err));
    } else {
        while (engine_due(e, NULL, NULL)) continue;
    }
    if (p->suspend) engine_suspend(e);
    while (engine_busy(e)) engine_turn(e);
    engine_free(e);
    store_close(c.store);
    pb_buf_free(&image);
    pb_arena_free(a);
    return 0;
}

/* In a process of its own. -1: it was killed. */
static int in_process(process p) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) exit(live(&p)); /* so that leaks are looked for */
    if (waitpid(pid, &status, 0) != pid) return -2;
    return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

static void fresh(void) {
    char command[160];
    memset(w, 0, sizeof *w);
    w->now = 1764000000000;
    snprintf(command, sizeof command, "rm -f %s/s.db*", dir);
    if (system(command) != 0) fprintf(stderr, "# %s failed\n", command);
}

/* Begins, dies at the moment, goes on an hour later; perhaps dies again. False: there is no such moment. */
static bool killed(const char *source, uint64_t at, uint64_t again) {
    fresh();
    int status = in_process((process){.source = source, .crash_at = at});
    if (status != -1) return false;
    static char first[TEXT_MAX];
    w->now += HOUR;
    snprintf(first, sizeof first, "%s", w->told);
    w->told[0] = 0;
    if (again && in_process((process){.crash_at = again}) != -1 && !w->told[0]) return false;
    if (again && !w->told[0]) w->now += HOUR;
    if (!w->told[0]) CHECK(in_process((process){0}) == 0);
    if (!w->told[0]) snprintf(w->told, sizeof w->told, "%s", first); /* it had ended, and said so */
    return true;
}

static void check_world(const char *told, uint64_t at) {
    bool begun = w->told[0] != 0; /* killed before there was a row: nothing has happened */
    for (int i = 0; i < KEYS; i++) {
        bool adds = w->keys[i][0] && strchr("abpq", w->keys[i][0]);
        if (adds && w->adds[i] != (begun ? 1 : 0))
            fprintf(stderr, "# moment %llu: %s was added %d times\n", (unsigned long long)at, w->keys[i], w->adds[i]);
        if (adds) CHECK(w->adds[i] == (begun ? 1 : 0));
    }
    if (!begun) {
        CHECK(at <= 2);
        return;
    }
    /* The steps of further tries are more; outcome and record are the same. */
    const char *a = strchr(told, '}'), *b = strchr(w->told, '}');
    bool same = a && b && a - told == b - w->told && memcmp(told, w->told, (size_t)(a - told)) == 0;
    if (!same) fprintf(stderr, "# moment %llu: %s\n#   instead of %s\n", (unsigned long long)at, w->told, told);
    CHECK(same);
}

static void test_killed(void) {
    static char told[TEXT_MAX];
    uint64_t at = 0;
    CASE("undisturbed, with a store: everything once") {
        fresh();
        CHECK(in_process((process){.source = big}) == 0);
        snprintf(told, sizeof told, "%s", w->told);
        CHECK(strncmp(told,
                      "done  {\"n\":7,\"p\":true,\"q\":true,\"again\":false,\"r\":5} 1=t.ensure 1.1=t.get 1.2=t.add "
                      "1.3=t.get 2=t.ensure",
                      103) == 0);
        CHECK(strstr(told, " 3:1.1=t.both 3:1.1.1:0.1=t.ensure 3:1.1.1:0.1.1=t.get") && strstr(told, " 4~3=t.flaky"));
    }
    CASE("killed at every moment, resumed an hour later: everything once, the same outcome and record") {
        while (killed(big, ++at, 0)) check_world(told, at);
        CHECK(at > 60);
    }
    CASE("killed twice") {
        for (uint64_t i = 3; i < at; i += 5)
            if (killed(big, i, 3 + i % 7)) check_world(told, i);
    }
}

static void test_doubt(void) {
    CASE("a call in doubt without an action around it fails, and can be caught") {
        uint64_t at = 0;
        int doubts = 0;
        while (killed(bare, ++at, 0)) {
            bool doubt = strstr(w->told, "\"code\":\"in_doubt\"") != NULL;
            doubts += doubt;
            if (doubt) CHECK(w->adds[0] <= 1);
            if (w->told[0]) CHECK(doubt || w->adds[0] == 1);
        }
        CHECK(doubts >= 2);
    }
}

/* ---- what does not fit ---- */

static void sql(const char *text) {
    sqlite3 *db;
    char path[100], *err = NULL;
    snprintf(path, sizeof path, "%s/s.db", dir);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, text, NULL, NULL, &err) == SQLITE_OK);
    if (err) fprintf(stderr, "# %s\n", err);
    sqlite3_close(db);
}

static void test_divergence(void) {
    static const struct {
        const char *what, *change;
    } damages[] = {
        {"an answer to a call that was never made", "UPDATE journal SET step='9.9' WHERE kind=1 AND name='t.add'"},
        {"an answer of another host", "UPDATE journal SET name='t.put' WHERE kind=1 AND name='t.add'"},
        {"an answer that cannot be read", "UPDATE journal SET data=x'0171' WHERE kind=1 AND name='t.add'"},
        {"an answer to other arguments",
         "UPDATE journal SET data=(SELECT data FROM journal WHERE kind=1 AND step='1.1') WHERE kind=1 AND step='2.1'"},
        {"the intent of a call that was never made", "UPDATE journal SET step='1.7' WHERE kind=0 AND step='1.2'"},
        {"a pause that was never made",
         "UPDATE journal SET kind=3, step='nowhere', name='' WHERE kind=1 AND step='1.1'"},
        {"an answer that is missing", "DELETE FROM journal WHERE kind=1 AND step='1.1'"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        CASE(damages[i].what) {
            fresh();
            CHECK(in_process((process){.source = big, .crash_at = 40}) == -1);
            int adds[KEYS], flaky = w->flaky;
            memcpy(adds, w->adds, sizeof adds);
            sql(damages[i].change);
            CHECK(in_process((process){0}) == 0);
            CHECK(strncmp(w->told, "failed diverged", 15) == 0 || strncmp(w->told, "failed journal", 14) == 0);
            CHECK(memcmp(adds, w->adds, sizeof adds) == 0 && flaky == w->flaky);
        }
    }
    CASE("another image than the one it began with is refused") {
        fresh();
        CHECK(in_process((process){.source = big, .crash_at = 40}) == -1);
        char id[64];
        snprintf(id, sizeof id, "%s", w->id);
        CHECK(in_process((process){.source = other}) == 0); /* its image is in the store too */
        sql("UPDATE images SET image=(SELECT image FROM images i WHERE i.sha256<>images.sha256)");
        CHECK(in_process((process){.resume = id}) == 0);
        CHECK(strstr(w->left, "resume 3") && strstr(w->left, "image"));
    }
}

/* ---- secrets, time, parking ---- */

static void test_secrets(void) {
    CASE("a secret that was read is read again, and is in no file") {
        uint64_t at = 0;
        while (killed(secretive, ++at, 0))
            if (w->told[0]) CHECK(w->used >= 1 && strncmp(w->told, "done", 4) == 0);
        CHECK(at > 8);
        char command[160];
        snprintf(command, sizeof command, "grep -q s3cret %s/s.db*", dir);
        CHECK(system(command) != 0);
    }
}

static void test_time(void) {
    CASE("the time in which nobody executed the run counts for no limit") {
        fresh();
        CHECK(in_process((process){.source = endless, .crash_at = 12}) == -1);
        w->now += 24 * HOUR;
        snprintf(w->keys[0], sizeof w->keys[0], "a");
        w->values[0] = 1;
        CHECK(in_process((process){0}) == 0);
        CHECK(strncmp(w->told, "done  {\"there\":true}", 20) == 0);
    }
}

static void test_parking(void) {
    CASE("a parked run takes no process; when its time has come it goes on") {
        fresh();
        CHECK(in_process((process){.source = parking}) == 0);
        CHECK_STR(w->left, "1 its time");
        CHECK(w->told[0] == 0 && w->parks == 1 && w->doubts == 0);
        CHECK(in_process((process){0}) == 0); /* not yet */
        CHECK(w->parks == 1);
        w->now += HOUR;
        CHECK(in_process((process){.resume = w->id}) == 0); /* looks, and waits on */
        CHECK(w->parks == 2 && w->doubts == 1);
        w->now += 2 * HOUR;
        CHECK(in_process((process){0}) == 0);
        CHECK(strncmp(w->told, "done  {\"n\":3}", 13) == 0 && w->parks == 3 && w->resumed == 2);
    }
    CASE("what has ended is not resumed") {
        CHECK(in_process((process){.resume = w->id}) == 0);
        CHECK(strncmp(w->left, "resume 1", 8) == 0);
    }
}

/* ---- undoing ---- */

static int64_t value_of(const char *key) {
    for (int i = 0; i < KEYS; i++)
        if (strcmp(w->keys[i], key) == 0) return w->values[i];
    return -1;
}

static void begin_flipping(void) {
    fresh();
    CHECK(in_process((process){.source = flipping}) == 0);
    CHECK(value_of("a") == 10 && value_of("b") == 10 && strncmp(w->told, "done", 4) == 0);
    w->now += HOUR;
    w->told[0] = 0;
}

static void test_undo(void) {
    CASE("a run that has ended is undone, dry or for good") {
        begin_flipping();
        CHECK(in_process((process){.undo = w->id, .dry = true}) == 0);
        CHECK(value_of("a") == 10 && value_of("b") == 10 && strncmp(w->told, "done", 4) == 0);
        CHECK(in_process((process){.undo = w->id}) == 0);
        CHECK(value_of("a") == 0 && value_of("b") == 0 && value_of("c") == 1 && strncmp(w->told, "done", 4) == 0);
    }
    CASE("undoing survives too") {
        for (uint64_t at = 1;; at++) {
            begin_flipping();
            if (in_process((process){.undo = w->id, .crash_at = at}) != -1) break;
            CHECK(in_process((process){0}) == 0);
            bool undone = value_of("a") == 0 && value_of("b") == 0;
            if (undone) continue;
            CHECK(at <= 5 && value_of("a") == 10 &&
                  value_of("b") == 10); /* it had not begun: it is to be asked for again */
            CHECK(in_process((process){.undo = w->id}) == 0);
            CHECK(value_of("a") == 0 && value_of("b") == 0);
        }
    }
}

/* ---- the store ---- */

static void test_full(void) {
    CASE("a store that cannot be written: nothing is sent, nothing is claimed") {
        fresh();
        CHECK(in_process((process){.source = bare, .full = true}) == 0);
        CHECK(w->adds[0] == 0);
        CHECK(strncmp(w->told, "failed store", 12) == 0 || strncmp(w->left, "3 ", 2) == 0);
    }
}

static void test_fills_up(void) {
    CASE("a disk that is full from some call on: a clean stop; with room again everything happens once") {
        int stopped = 0;
        for (int at = 1; at < 30; at++) {
            fresh();
            w->full_at = at;
            CHECK(in_process((process){.source = big}) == 0);
            if (w->calls < at) break;
            CHECK(strncmp(w->left, "3 ", 2) == 0);
            bool told = strncmp(w->told, "done", 4) == 0; /* all was on disk but that it has ended */
            CHECK(told || (!w->told[0] && strstr(w->left, "pbrun resume")));
            stopped += !told;
            w->full_at = 0;
            CHECK(in_process((process){0}) == 0);
            CHECK(strncmp(w->told, "done", 4) == 0);
            for (int i = 0; i < KEYS; i++)
                if (w->keys[i][0] && strchr("abpq", w->keys[i][0])) CHECK(w->adds[i] == 1);
        }
        CHECK(stopped > 10);
    }
}

static void test_two(void) {
    CASE("two processes never execute one run") {
        fresh();
        CHECK(in_process((process){.source = big, .crash_at = 30}) == -1);
        fflush(stdout);
        pid_t pids[4];
        for (int i = 0; i < 4; i++) {
            pids[i] = fork();
            if (pids[i] == 0) exit(live(&(process){0}));
        }
        for (int i = 0; i < 4; i++) waitpid(pids[i], NULL, 0);
        for (int i = 0; i < KEYS; i++)
            if (strchr("abpq", w->keys[i][0]) && w->keys[i][0]) CHECK(w->adds[i] == 1);
        CHECK(strncmp(w->told, "done", 4) == 0);
    }
}

static void test_lost(void) {
    CASE("a process that was stopped for too long says no further word about a run that another one has taken") {
        for (int at = 2; at < 12; at += 3) {
            int status = 0;
            fresh();
            w->stop_at = at;
            fflush(stdout);
            pid_t pid = fork();
            if (pid == 0) exit(live(&(process){.source = big}));
            CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
            w->now += HOUR;
            CHECK(in_process((process){0}) == 0);
            CHECK(strncmp(w->told, "done", 4) == 0);
            w->told[0] = w->left[0] = 0;
            kill(pid, SIGCONT);
            CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
            CHECK(w->told[0] == 0 && strncmp(w->left, "2 another process", 17) == 0);
        }
    }
    CASE("told to stop, a run is left where it is and goes on elsewhere") {
        fresh();
        CHECK(in_process((process){.source = big, .suspend = true}) == 0);
        CHECK(w->told[0] == 0 && strncmp(w->left, "4 ", 2) == 0);
        CHECK(in_process((process){0}) == 0);
        CHECK(strncmp(w->told, "done", 4) == 0 && w->resumed == 1);
    }
}

int main(void) {
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/journal.XXXXXX", tmp ? tmp : "/tmp");
    w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w == MAP_FAILED || !mkdtemp(dir)) return 1;
    snprintf(url, sizeof url, "sqlite://%s/s.db", dir);
    test_killed();
    test_doubt();
    test_divergence();
    test_secrets();
    test_time();
    test_parking();
    test_undo();
    test_full();
    test_fills_up();
    test_two();
    test_lost();
    fresh();
    rmdir(dir);
    return check_done();
}
