/* vm/evidence.c and vm/evidence_log.c: what documents say of a run, their bounds, and a log that is whole after
 * anything. */
#include "tests/lib/check.h"

#include "lang/image_write.h"
#include "vm/evidence.h"
#include "vm/plain.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a run made by hand ---- */

static pb_arena *arena;
static pb_buf image;
static vm_program *program;

/* Sites: 0 an action, 1 a host. One playbook. */
static bool make_program(void) {
    pb_str err = {0};
    iw *w = iw_new(arena);
    uint32_t control = iw_string(w, PB_STR("SOC2-CC7.4"));
    iw_source(w, PB_STR("p.pb"), PB_STR("aa"));
    uint32_t action = iw_function_begin(w, PB_STR("t.act"), FUNCTION_ACTION, PB_CONTAIN, 1);
    iw_place(w, 0, 1);
    iw_emit(w, op_abc(OPCODE_LOADNONE, 1, 0, 0));
    iw_emit(w, op_abc(OPCODE_RETURN, 1, 0, 0));
    iw_function_end(w, 2);
    iw_site_info sites[] = {{.kind = SITE_ACTION,
                             .function = action,
                             .name = PB_STR("t.act"),
                             .effect = PB_CONTAIN,
                             .nargs = 1,
                             .is_do = true,
                             .line = 1,
                             .title = PB_STR("t.act(i)")},
                            {.kind = SITE_HOST,
                             .host = PB_STR("aws.ec2.DescribeInstances"),
                             .name = PB_STR("aws.ec2.DescribeInstances"),
                             .effect = PB_READ,
                             .nargs = 1,
                             .line = 1}};
    iw_site(w, &sites[0]);
    iw_site(w, &sites[1]);
    iw_manifest(w, sites[1].host, PB_READ);
    uint32_t match = iw_function_begin(w, PB_STR("m"), FUNCTION_MATCH, PB_PURE, 1);
    iw_emit(w, op_abc(OPCODE_LOADBOOL, 1, 1, 0));
    iw_emit(w, op_abc(OPCODE_RETURN, 1, 0, 0));
    iw_function_end(w, 2);
    uint32_t body = iw_function_begin(w, PB_STR("b"), FUNCTION_BODY, PB_CONTAIN, 1);
    iw_emit(w, op_abc(OPCODE_LOADNONE, 1, 0, 0));
    iw_emit(w, op_abc(OPCODE_RETURN, 1, 0, 0));
    iw_function_end(w, 2);
    iw_event_info e = {.name = PB_STR("t.e"),
                       .sources = iw_list(w, NULL, 0),
                       .detail_types = iw_list(w, NULL, 0),
                       .payload = PB_STR("detail"),
                       .threat = PB_STR("type"),
                       .detected = PB_STR("at")};
    iw_playbook_info p = {.name = PB_STR("pb"),
                          .version = PB_STR("1.2.3"),
                          .controls = iw_list(w, &control, 1),
                          .event = iw_event(w, &e),
                          .match = match,
                          .body = body,
                          .effect = PB_CONTAIN};
    iw_playbook(w, &p);
    if (iw_finish(w, &image) != IW_OK) return false;
    program = vm_program_load(image.data, image.len, arena, &err);
    if (!program) printf("# %.*s\n", PB_ARG(err));
    return program != NULL;
}

static pb_value json(const char *text) {
    pb_value v = PB_NONE_VALUE;
    pb_str err = {0};
    if (!pb_json_parse(arena, text, strlen(text), &v, &err)) printf("# %.*s\n", PB_ARG(err));
    return v;
}

static evidence_run a_run(const vm_step *steps) {
    pb_value event =
        json("{\"source\": \"aws.x\", \"detail-type\": \"T\", \"id\": \"e1\", \"time\": \"2026-01-02T03:04:05Z\", "
             "\"detail\": {\"type\": \"Trojan\", \"at\": \"2026-01-02T03:00:00Z\"}}");
    return (evidence_run){.program = program,
                          .event = event,
                          .bound = pb_get_c(event, "detail"),
                          .context =
                              json("{\"id\": \"run-1\", \"incident_id\": \"INC-1\", \"account\": \"123456789012\"}"),
                          .alert_id = PB_STR("f1"),
                          .ran = true,
                          .outcome = VM_DONE,
                          .steps = steps,
                          .record = json("{\"affected_resource\": \"arn:x\", \"other\": 1}"),
                          .started_ms = 1000,
                          .ended_ms = 3500};
}

static vm_step action(vm_step_status status, const char *result) {
    return (vm_step){.number = 1,
                     .id = PB_STR("1"),
                     .name = PB_STR("t.act"),
                     .site = 0,
                     .effect = PB_CONTAIN,
                     .is_do = true,
                     .status = status,
                     .attempts = 1,
                     .started_ms = 1000,
                     .ended_ms = 2000,
                     .result = json(result)};
}

static const char *text_at(json_object *o, const char *pointer) {
    json_object *v = NULL;
    if (json_pointer_get(o, pointer, &v) != 0) return "(absent)";
    return v ? json_object_get_string(v) : "(null)";
}

static void documents(void) {
    CASE("a document says what happened") {
        vm_step call = {.number = 2,
                        .id = PB_STR("1.1"),
                        .name = PB_STR("t.call"),
                        .host = true,
                        .site = 1,
                        .effect = PB_READ,
                        .status = STEP_OK,
                        .attempts = 2,
                        .started_ms = 1100,
                        .ended_ms = 1300,
                        .meta = json("{\"request_id\": \"r-1\", \"http_status\": 200, \"region\": \"eu-west-1\"}"),
                        .args = json("{\"Password\": \"hunter2\"}")};
        vm_step act = action(STEP_OK, "{\"changed\": true, \"detail\": \"cut\"}");
        pb_value target = pb_string_c("i-1");
        act.args = (pb_value){.kind = PB_LIST, .n = 1, .u.items = &target};
        act.children = act.last_child = &call;
        call.parent = &act;
        evidence_run r = a_run(&act);
        json_object *o = evidence_document(&r);
        CHECK(o != NULL);
        CHECK_STR(text_at(o, "/threat_type"), "Trojan");
        CHECK_STR(text_at(o, "/detected_at"), "2026-01-02T03:00:00Z");
        CHECK_STR(text_at(o, "/original_alert_id"), "f1");
        CHECK_STR(text_at(o, "/affected_resource"), "arn:x");
        CHECK_STR(text_at(o, "/record/other"), "1");
        CHECK_STR(text_at(o, "/record/affected_resource"), "(absent)");
        CHECK_STR(text_at(o, "/region"), "(null)");
        CHECK_STR(text_at(o, "/remediation_status"), "remediated");
        CHECK_STR(text_at(o, "/remediated_at"), "1970-01-01T00:00:02Z");
        CHECK_STR(text_at(o, "/automated_actions/0/action"), "t.act");
        CHECK_STR(text_at(o, "/automated_actions/0/target"), "i-1");
        CHECK_STR(text_at(o, "/automated_actions/0/detail"), "cut");
        CHECK_STR(text_at(o, "/automated_actions/0/execution_time_ms"), "1000");
        CHECK_STR(text_at(o, "/automated_actions/0/calls/0/request_id"), "r-1");
        CHECK_STR(text_at(o, "/automated_actions/0/calls/0/region"), "eu-west-1");
        CHECK_STR(text_at(o, "/compliance_tags/0"), "SOC2-CC7.4");
        CHECK(strlen(text_at(o, "/playbook/sha256")) == 64);
        CHECK(strstr(json_object_to_json_string(o), "hunter2") == NULL);
        json_object_put(o);
    }
    CASE("the status of a remediation") {
        static const struct {
            vm_step_status step;
            const char *result;
            vm_outcome outcome;
            bool dry, interrupted;
            const char *want;
        } cases[] = {
            {STEP_OK, "{\"changed\": true}", VM_DONE, false, false, "remediated"},
            {STEP_OK, "{\"changed\": false}", VM_DONE, false, false, "already_remediated"},
            {STEP_OK, "{}", VM_DONE, false, false, "remediated"},
            {STEP_FAILED, "{}", VM_DONE, false, false, "failed"},
            {STEP_OK, "{\"changed\": true}", VM_FAILED, false, false, "partial"},
            {STEP_OK, "{\"changed\": false}", VM_FAILED, false, false, "failed"},
            {STEP_OK, "{\"changed\": true}", VM_SKIPPED, false, false, "partial"},
            {STEP_OK, "{\"changed\": false}", VM_SKIPPED, false, false, "skipped"},
            {STEP_OK, "{\"changed\": true}", VM_STOPPED, false, false, "stopped"},
            {STEP_OK, "{\"changed\": true}", VM_DONE, false, true, "partial"},
            {STEP_PLANNED, "{}", VM_DONE, true, false, "planned"},
            {STEP_OK, "{\"changed\": false}", VM_DONE, true, false, "planned"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            vm_step s = action(cases[i].step, cases[i].result);
            evidence_run r = a_run(&s);
            r.outcome = cases[i].outcome;
            r.dry = cases[i].dry;
            r.interrupted = cases[i].interrupted;
            CHECK_STR(evidence_status(&r), cases[i].want);
        }
        evidence_run r = a_run(NULL);
        CHECK_STR(evidence_status(&r), "reported");
    }
    CASE("nothing makes a document large or secret") {
        static char long_text[100000];
        pb_value level = pb_string_c("x");
        for (int i = 0; i < 60; i++) { /* 2^60 values when walked */
            pb_value *items, next = pb_list_new(arena, 2, &items);
            items[0] = items[1] = level;
            level = next;
        }
        memset(long_text, 'y', sizeof long_text - 1);
        memcpy(long_text + 4095, "\xc3\xa9", 2); /* a character across the cut */
        pb_map_builder b = {.arena = arena};
        pb_map_add(&b, PB_STR("tree"), level);
        pb_map_add(&b, PB_STR("long"), pb_string_c(long_text));
        pb_map_add(&b, PB_STR("token"), (pb_value){.kind = PB_SECRET, .n = 7, .u.s = "s3cr3t!"});
        pb_map_add(&b, PB_STR("unknown"), (pb_value){.kind = PB_UNKNOWN});
        evidence_run r = a_run(NULL);
        r.record = pb_map_done(&b);
        json_object *o = evidence_document(&r);
        CHECK(o != NULL);
        const char *text = o ? json_object_to_json_string(o) : "";
        CHECK(strlen(text) < 2 << 20);
        CHECK(strstr(text, "s3cr3t") == NULL && strstr(text, "***") != NULL);
        CHECK(strstr(text, "... (95904 more bytes)") != NULL);
        json_object_put(o);
    }
}

/* ---- the log ---- */

static char dir[] = "/tmp/pb_evidence.XXXXXX", path[64], torn[64];

static size_t file_text(const char *name, char *out, size_t max) {
    FILE *f = fopen(name, "r");
    size_t n = f ? fread(out, 1, max - 1, f) : 0;
    out[n] = 0;
    if (f) fclose(f);
    return n;
}

static void file_append(const char *name, const char *text) {
    FILE *f = fopen(name, "a");
    if (f) fputs(text, f), fclose(f);
}

static void append_for_ever(void) {
    pb_str err = {0};
    static char line[20000];
    memset(line, 'z', sizeof line - 1);
    line[0] = '"';
    line[sizeof line - 2] = '"';
    pb_arena *a = pb_arena_new(0);
    evidence_log *l = evidence_open(dir, a, &err);
    while (l && evidence_append(l, line, sizeof line - 1, a, &err)) {
    }
    _exit(1);
}

static bool all_whole(void) {
    static char text[64 << 20];
    size_t n = file_text(path, text, sizeof text);
    if (n && text[n - 1] != '\n') return false;
    for (char *p = text, *end; *p; p = end + 1) {
        end = strchr(p, '\n');
        if (!end || (*p == '"' && (end - p != 19999 || end[-1] != '"')) || (*p != '"' && *p != '{')) return false;
    }
    return true;
}

static void logs(void) {
    static char text[4096];
    pb_str err = {0};
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/evidence.jsonl", dir);
    snprintf(torn, sizeof torn, "%s/evidence.jsonl.torn", dir);
    CASE("lines are appended, for the owner only") {
        evidence_log *l = evidence_open(dir, arena, &err);
        struct stat st;
        CHECK(l && evidence_append(l, "{\"a\":1}", 7, arena, &err) && evidence_append(l, "{\"b\":2}", 7, arena, &err));
        file_text(path, text, sizeof text);
        CHECK_STR(text, "{\"a\":1}\n{\"b\":2}\n");
        CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
        evidence_close(l);
    }
    CASE("a torn line is moved away, when opened and when appending") {
        file_append(path, "{\"torn");
        evidence_log *l = evidence_open(dir, arena, &err);
        file_append(path, "{\"again");
        CHECK(l && evidence_append(l, "{\"c\":3}", 7, arena, &err));
        file_text(path, text, sizeof text);
        CHECK_STR(text, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
        file_text(torn, text, sizeof text);
        CHECK_STR(text, "{\"torn\n{\"again\n");
        evidence_close(l);
    }
    CASE("the document of a run that was started at a time is found, no other, and no torn or quoted one") {
        static const char line[] =
            "{\"run_id\":\"run-1\",\"note\":\"\\\"run_id\\\":\\\"run-2\\\"\",\"started_at\":\"1970-01-01T00:00:01Z\"}";
        evidence_log *l = evidence_open(dir, arena, &err);
        CHECK(l && !evidence_has(l, PB_STR("run-1"), 1000, arena));
        file_append(path, line);
        CHECK(!evidence_has(l, PB_STR("run-1"), 1000, arena));
        CHECK(evidence_append(l, line, sizeof line - 1, arena, &err));
        CHECK(evidence_has(l, PB_STR("run-1"), 1000, arena));
        CHECK(!evidence_has(l, PB_STR("run-1"), 2000, arena));
        CHECK(!evidence_has(l, PB_STR("run-2"), 1000, arena));
        CHECK(!evidence_has(l, PB_STR("run-"), 1000, arena));
        evidence_close(l);
        unlink(path);
        unlink(torn);
        l = evidence_open(dir, arena, &err);
        CHECK(l && !evidence_has(l, PB_STR("run-1"), 1000, arena));
        CHECK(evidence_append(l, "{\"a\":1}", 7, arena, &err) && evidence_append(l, "{\"b\":2}", 7, arena, &err));
        CHECK(evidence_append(l, "{\"c\":3}", 7, arena, &err));
        evidence_close(l);
    }
    CASE("what does not fit is taken back") {
        evidence_log *l = evidence_open(dir, arena, &err);
        struct rlimit old, small;
        static char line[100000];
        memset(line, 'q', sizeof line);
        getrlimit(RLIMIT_FSIZE, &old);
        small = old;
        small.rlim_cur = 5000;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        bool ok = l && evidence_append(l, line, sizeof line, arena, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        CHECK(!ok);
        CHECK(err.n && strstr(err.s, "File too large") != NULL);
        file_text(path, text, sizeof text);
        CHECK_STR(text, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
        CHECK(evidence_append(l, "{\"d\":4}", 7, arena, &err));
        evidence_close(l);
    }
    CASE("killed again and again, two at a time: every line is whole") {
        for (int round = 0; round < 12; round++) {
            pid_t one = fork();
            if (one == 0) append_for_ever();
            pid_t two = fork();
            if (two == 0) append_for_ever();
            usleep(15000 + (useconds_t)round * 1700);
            kill(one, SIGKILL);
            kill(two, SIGKILL);
            waitpid(one, NULL, 0);
            waitpid(two, NULL, 0);
            evidence_log *l = evidence_open(dir, arena, &err); /* repairs */
            CHECK(l != NULL);
            evidence_close(l);
            CHECK(all_whole());
        }
    }
    CASE("no link is followed, no directory is made up") {
        unlink(path);
        CHECK(symlink("/tmp/pb_evidence_elsewhere", path) == 0);
        CHECK(evidence_open(dir, arena, &err) == NULL);
        CHECK(access("/tmp/pb_evidence_elsewhere", F_OK) != 0);
        CHECK(evidence_open("/proc/nowhere/x", arena, &err) == NULL && err.n > 0);
    }
    unlink(path);
    unlink(torn);
    rmdir(dir);
}

/* ---- small things of the front end ---- */

static const char *plain(const char *s, uint32_t columns) {
    static char out[256];
    pb_buf b = {0};
    plain_add(&b, pb_str_c(s), columns);
    snprintf(out, sizeof out, "%s", b.data ? b.data : "");
    pb_buf_free(&b);
    return out;
}

static void front(void) {
    CASE("texts are made safe and cut") {
        CHECK_STR(plain("a\x1b[2Jb\nc\x7f", 0), "a?[2Jb c?");
        CHECK_STR(plain("x\xe2\x80\xaey\xc2\x9bz\xffw", 0), "x?y?z?w");
        CHECK_STR(plain("caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac", 0), "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac");
        CHECK_STR(plain("abcdefghij", 10), "abcdefghij");
        CHECK_STR(plain("abcdefghijk", 10), "abcdefg...");
        CHECK_STR(plain("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe8\xaa\x9e", 7), "\xe6\x97\xa5\xe6\x9c\xac...");
    }
}

int main(void) {
    arena = pb_arena_new(0);
    CASE("a program to speak of") CHECK(make_program());
    if (program) documents();
    logs();
    front();
    vm_program_close(program);
    pb_buf_free(&image);
    pb_arena_free(arena);
    return check_done();
}
