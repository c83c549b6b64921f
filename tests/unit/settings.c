/*
 * settings.c - AWS's shared files, the settings, the plan made of them, command lines. --dump, --table and --parallel
 * serve tests/aws/test_credentials.py.
 */
#include "stdlib/aws/client.h"
#include "stdlib/aws/plan.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- for the Python tests ---- */

/* {config, credentials, profile, keys} -> {key: value}, or {error}. */
static void dump_one(const char *line, size_t n) {
    pb_arena *a = pb_arena_new(0);
    pb_value q, keys;
    pb_str err;
    aws_profiles files;
    aws_profile p;
    pb_map_builder b = {.arena = a};
    if (!pb_json_parse(a, line, n, &q, &err)) exit(2);
    keys = pb_get_c(q, "keys");
    if (!aws_profiles_read(a, pb_text(pb_get_c(q, "config")), pb_text(pb_get_c(q, "credentials")), &files, &err)) {
        pb_map_add(&b, PB_STR("error"), pb_string(err));
    } else if (!aws_profile_find(&files, pb_text(pb_get_c(q, "profile")), &p)) {
        pb_map_add(&b, PB_STR("error"), pb_string(PB_STR("no such profile")));
    } else {
        for (uint32_t i = 0; i < keys.n; i++) {
            pb_str v = aws_profile_get(&p, keys.u.items[i].u.s);
            if (v.n) pb_map_add(&b, pb_text(keys.u.items[i]), pb_string(v));
        }
    }
    printf("%s\n", pb_json_text(a, pb_map_done(&b)).s);
    fflush(stdout);
    pb_arena_wipe(a);
}

static int dump(void) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) dump_one(line, (size_t)n);
    free(line);
    return 0;
}

static void count(void *ctx, const aws_outcome *o) {
    int *n = ctx;
    if (o->ok)
        ++*n;
    else
        printf("%.*s: %.*s\n", PB_ARG(o->code), PB_ARG(o->message));
}

/* That many iam.ListUsers at once, half of them called off at once; prints how many went well. */
static int parallel(int n) {
    pb_arena *a = pb_arena_new(0);
    pb_loop *loop = pb_loop_new();
    aws_client *client = aws_client_new();
    const aws_model *m = aws_model_get();
    aws_call *off[64] = {0};
    int ok = 0;
    aws_call_spec spec = {.op = aws_op_find(m, aws_service_find(m, PB_STR("iam")), PB_STR("ListUsers")),
                          .deadline_ms = pb_loop_mono_ms() + 8000,
                          .arena = a};
    for (int i = 0; i < n; i++) {
        aws_client_start(client, loop, &spec, count, &ok);
        if (i < 64) off[i] = aws_client_start(client, loop, &spec, count, &ok);
    }
    for (int i = 0; i < 64; i++) aws_client_cancel(off[i], NULL);
    while (pb_loop_turn(loop)) {
    }
    printf("%d\n", ok);
    aws_client_free(client);
    pb_loop_free(loop);
    pb_arena_free(a);
    return 0;
}

/* ---- the parser ---- */

static const char *get(pb_arena *a, const char *config, const char *profile, const char *key) {
    aws_profiles all = {.arena = a};
    aws_profile p;
    pb_str why = {"", 0};
    if (!aws_shared_file_parse(a, PB_STR("F"), pb_str_c(config), &all.config, &why)) return why.s;
    if (!aws_profile_find(&all, pb_str_c(profile), &p)) return "(no profile)";
    return pb_strdup(a, aws_profile_get(&p, key).s, aws_profile_get(&p, key).n).s;
}

static void test_parser(pb_arena *a) {
    CASE("profiles: keys, comments, continued and nested values, names in quotes") {
        CHECK_STR(get(a, "[default]\nRegion = eu-west-1\r\n# x\n ; y\n", "default", "region"), "eu-west-1");
        CHECK_STR(get(a, "[profile a b]\nregion=x\n[profile \"a b\"]\nregion=y", "a b", "region"), "y");
        CHECK_STR(get(a, "[a]\nregion=x", "a", "region"), "(no profile)");
        CHECK_STR(get(a, "[default]\nk = a\n  b\n\n  # c\n  d\n\n", "default", "k"), "a\nb\n\nd");
        CHECK_STR(get(a, "[default]\ns3 =\n  k : v\n  x = y\nregion=r", "default", "s3"), "\nk : v\nx = y");
        CHECK_STR(get(a, "[default]\nk: a=b", "default", "k"), "a=b");
        CHECK_STR(get(a, "[DEFAULT]\nk=1\n[default]\nl=2", "default", "k"), "1");
        CHECK_STR(get(a, "\xEF\xBB\xBF[default]\nk=1", "default", "k"), "1");
        CHECK(pb_str_is(aws_nested_get(PB_STR("\nregion = a\nendpoint_url = http://x?a=b\n"), PB_STR("endpoint_url")),
                        "http://x?a=b"));
    }
    CASE("profiles: what is wrong is named by file and line, and never quoted") {
        CHECK_STR(get(a, "\nk=1", "default", "k"), "F:2: the file begins without a [section]");
        CHECK_STR(get(a, "[x]\n\nsecret", "x", "k"), "F:3: neither a [section] nor key = value");
        CHECK_STR(get(a, "[x]\n=1", "x", "k"), "F:2: a key is missing in front of the =");
        CHECK_STR(get(a, "[x]\na=1\n[x]\n", "x", "k"),
                  "F:3: section [x] is there twice, first in line 1: put them together");
        CHECK_STR(get(a, "[x]\na=1\nA=2\n", "x", "k"),
                  "F:3: a is there twice in one section, first in line 2: take one out");
    }
}

/* Random bytes and cut files: never a crash (the sanitizers look), and bounded. */
static void test_noise(void) {
    CASE("profiles: noise is read or refused") {
        static const char alphabet[] = "[]=:#; \t\n\r\"'\\aprofile\0\xC3";
        uint64_t x = 88172645463325252u;
        for (int round = 0; round < 20000; round++) {
            char text[80];
            pb_arena *a = pb_arena_new(1 << 20);
            aws_profiles all = {.arena = a};
            aws_profile p;
            pb_str why;
            char *argv[5];
            uint32_t n = (uint32_t)(round % 80), words;
            for (uint32_t i = 0; i < n; i++) {
                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                text[i] = alphabet[x % sizeof alphabet];
            }
            if (aws_shared_file_parse(a, PB_STR("F"), (pb_str){text, n}, &all.config, &why))
                aws_profile_find(&all, PB_STR("a"), &p);
            else
                CHECK(why.n > 5);
            if (aws_words(a, (pb_str){text, n}, argv, 5, &words)) CHECK(words < 5 && !argv[words]);
            pb_arena_free(a);
        }
    }
}

static void test_words(pb_arena *a) {
    CASE("command lines: quotes and backslashes as in a shell, nothing else") {
        char *argv[8];
        uint32_t n;
        CHECK(aws_words(a, PB_STR("/bin/x  -a \"b c\" 'd\\e' f\\ g \"h\\\"i\\j\" \"\""), argv, 8, &n) && n == 7);
        CHECK_STR(argv[2], "b c");
        CHECK_STR(argv[3], "d\\e");
        CHECK_STR(argv[4], "f g");
        CHECK_STR(argv[5], "h\"i\\j");
        CHECK_STR(argv[6], "");
        CHECK(!aws_words(a, PB_STR("x \"y"), argv, 8, &n));
        CHECK(!aws_words(a, PB_STR("a b c d e f g h"), argv, 8, &n));
        CHECK(aws_words(a, PB_STR("a $(b) | c"), argv, 8, &n) && n == 4);
    }
}

/* ---- out of memory ---- */

static void test_memory(void) {
    CASE("settings and plan: every allocation failing in turn") {
        setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
        setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
        setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "geheim", 1);
        bool whole = false;
        for (size_t i = 1; !whole && i < 200; i++) {
            pb_arena *a = pb_arena_new(0);
            pb_str why = {"", 0};
            aws_plan p;
            pb_arena_fail_after(a, i);
            const aws_settings *s = aws_settings_read(a);
            whole = s && aws_plan_make(a, s, &p, &why);
            CHECK(whole == !pb_arena_failed(a));
            pb_arena_free(a);
        }
        CHECK(whole);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--dump") == 0) return dump();
    if (argc > 2 && strcmp(argv[1], "--parallel") == 0) return parallel(atoi(argv[2]));
    pb_arena *a = pb_arena_new(0);
    if (argc > 1 && strcmp(argv[1], "--table") == 0) {
        printf("%s", aws_settings_table(a).s);
    } else {
        test_parser(a);
        test_noise();
        test_words(a);
        test_memory();
    }
    pb_arena_free(a);
    return check_done();
}
