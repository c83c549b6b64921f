/*
 * format.c - the formatter under hostile conditions: memory that runs out at every single allocation, and files changed
 * at random. What still parses must be laid out (the net that compares the result with the source never has to catch
 * anything), and laying out the result must not change it.
 */
#include "lang/format.h"

#include "lang/load.h"
#include "tests/lib/check.h"

#include <stdlib.h>

/* Every construct of the language, with comments in many places. */
static const char everything[] =
    "# a file with everything\n"
    "import \"lib/common.pb\" # behind\n"
    "param channel: string = \"#security\" param n: int\n"
    "type Name { field: list[map[string?]] # f\n other: { a: int, b: aws.ec2.Instance }? in: json }\n"
    "event ns.name { source [\"a\", \"b\"] detail_type \"x\" schema aws.guardduty.Finding resources(f.x, y) }\n"
    "fn short(a: string, b: int = 3): string = a.slice(0, b) + \"${a}\\u{e9}\" ?? \"z\"\n"
    "# what it does\n"
    "action team.cut(i: Name, m: string): { changed: bool } contain on i { return { changed: true } } undo { do g() }\n"
    "extern action c.d(x: json): json read\n"
    "guard h { on *.terminate as act where act.x == \"T\" deny \"why\" unless authorized \"n\" }\n"
    "playbook p {\n"
    "  version \"1.0.0\" tier auto controls [\"a\"] dedupe by f.id within 1h limit 5 per 1h else approve timeout 5m\n"
    "  when guardduty.finding as f # when\n\n\n"
    "  where f.type like \"x*\" and not f.a?.b[\"c\"] exists or -f.n * 2 % 3 <= 1.5e3 ?? (a # in\n or b)\n"
    "  let key: json? = [g.Id for g in xs if g.v in { a: 1 \"b c\": none # e\n }] as json?\n"
    "  where any(x in xs: x > 1s) or all(y in ys: y matches \"z\") and f(# open\n 1, # one\n # two\n 2 # last\n ,)\n"
    "  parallel { do a.b(x: 1, 2) as r timeout 30s retry 3 else { stop \"s ${error.code}\" } do c() }\n"
    "  for x in list { if x { } else if y { # empty\n } # no\n else { fail \"m\" code \"C\" } }\n"
    "  let text = \"\"\"\n    one\n      ${two ?? \"three${4}\"}\n\n    five\n    \"\"\" let q = a?[0]\n"
    "  verify a == b within 30s else \"no\" on failure { wait 15m wait until a.b(c: 1) # t\n for 10m in region \"r\" { "
    "} } on failure undo\n"
    "  authorize \"n\" because \"CHG\" in account \"1\" region \"r\" { record { a: 5TB } }\n"
    "  approve \"q\" via slack \"#c\" by group \"g\" quorum 2 within 30m escalate to group \"l\" after 10m { do f() }\n"
    "    denied { do g() } expired { do h() }\n"
    "}\n"
    "test \"t\" for p { given event \"e\" with { a.b: 1 } given { let x = 1 } given approval by \"U\"\n"
    "  given fault aws.ec2.X \"C\" times 2 given kill_switch on given crash at each step after 31m\n"
    "  expect denied by g expect no do f expect do g(1) expect a == b }\n"
    "site prod { state \"s\" chat slack { token: 1 } param c = 3 }\n# the end";

typedef struct result {
    bool parsed, oom;
    format_result format;
} result;

static result format(const char *text, size_t size, size_t fail_after, pb_buf *out) {
    result r = {0};
    pb_arena *a = pb_arena_new(0);
    pb_arena_fail_after(a, fail_after);
    diag_list *diags = diag_new(a);
    source_set *set = pb_alloc(a, sizeof *set);
    ast_file *tree = pb_alloc(a, sizeof *tree);
    if (diags && set && tree) {
        set->arena = a;
        uint32_t file = source_add(set, diags, PB_STR("t.pb"), text, size, false);
        r.parsed = file != UINT32_MAX && parse_file(a, diags, set, file, tree) && !diag_count(diags, DIAG_ERROR) &&
                   !diag_oom(diags);
        if (r.parsed) r.format = format_file(a, set, tree, out);
    }
    r.oom = pb_arena_failed(a);
    pb_arena_free(a);
    return r;
}

static void out_of_memory(void) {
    CASE("memory running out at any allocation is an error, not a crash and not half a file") {
        size_t tried = 0;
        for (size_t n = 1;; n++) {
            pb_buf out = {0};
            result r = format(everything, sizeof everything - 1, n, &out);
            tried += r.oom && r.parsed;
            if (r.oom && r.parsed) CHECK(r.format == FORMAT_NO_MEMORY);
            if (!r.oom) CHECK(r.parsed && r.format == FORMAT_DONE);
            pb_buf_free(&out);
            if (!r.oom) break;
        }
        CHECK(tried > 100);
    }
}

static uint32_t random_next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* Few changes, of a kind that leaves the file valid more often than not. */
static void mutate(char *text, size_t n, uint32_t *seed) {
    static const char signs[] = "   \n\n\t#,ab01\"()[]{}.:\r";
    uint32_t changes = 1 + random_next(seed) % 3;
    while (changes--) {
        size_t at = random_next(seed) % n, to = random_next(seed) % n, len = random_next(seed) % 12;
        if (random_next(seed) % 4 == 0 && at + len < n && to + len < n)
            memmove(text + to, text + at, len);
        else if (random_next(seed) % 2 || text[at] == ' ')
            text[at] = signs[random_next(seed) % (sizeof signs - 1)];
    }
}

static void check_text(const char *text, size_t n, size_t *valid) {
    pb_buf once = {0}, twice = {0};
    result r = format(text, n, 0, &once);
    if (r.parsed) {
        ++*valid;
        CHECK(r.format == FORMAT_DONE);
        if (r.format != FORMAT_DONE && getenv("PB_SHOW"))
            fwrite(text, 1, n, stderr), fwrite(once.data, 1, once.len, stderr);
        r = format(once.data ? once.data : "", once.len, 0, &twice);
        CHECK(r.parsed && r.format == FORMAT_DONE);
        bool same = once.len == twice.len && (!once.len || memcmp(once.data, twice.data, once.len) == 0);
        CHECK(same);
        if (!same && getenv("PB_SHOW"))
            fwrite(once.data, 1, once.len, stderr), fwrite(twice.data, 1, twice.len, stderr);
    }
    pb_buf_free(&once);
    pb_buf_free(&twice);
}

static void mutations(void) {
    CASE("a file changed at random is laid out when it parses, and stays as it is then") {
        uint32_t seed = 20261122;
        size_t valid = 0;
        const char *more = getenv("PB_FUZZ"); /* a number of rounds, for long runs by hand */
        long rounds = more ? strtol(more, NULL, 10) : 1500;
        for (long i = 0; i < rounds; i++) {
            char *copy = malloc(sizeof everything - 1); /* of exactly that size, for the sanitizer */
            memcpy(copy, everything, sizeof everything - 1);
            mutate(copy, sizeof everything - 1, &seed);
            check_text(copy, sizeof everything - 1, &valid);
            free(copy);
        }
        CHECK((long)valid > rounds / 20);
    }
}

/* A bracket or operator nested as deep as the parser takes it. */
static void depth(void) {
    CASE("what is nested as deep as can be is laid out") {
        static const struct {
            const char *open, *middle, *close;
        } kinds[] = {{"(", "1", ")"},   {"[", "1", "]"},   {"{ a: ", "1", " }"}, {"f(", "1", ")"},  {"-", "1", ""},
                     {"", "1", " + 1"}, {"not ", "x", ""}, {"", "x", " or y"},   {"x ?? ", "x", ""}};
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            pb_buf text = {0};
            size_t valid = 0;
            pb_buf_puts(&text, "fn f(): int = ");
            for (int i = 0; i < 150; i++) pb_buf_puts(&text, kinds[k].open);
            pb_buf_puts(&text, kinds[k].middle);
            for (int i = 0; i < 150; i++) pb_buf_puts(&text, kinds[k].close);
            check_text(text.data, text.len, &valid);
            CHECK(valid == 1);
            pb_buf_free(&text);
        }
    }
}

int main(void) {
    size_t valid = 0;
    CASE("every construct is laid out") {
        check_text(everything, sizeof everything - 1, &valid);
        CHECK(valid == 1);
    }
    out_of_memory();
    mutations();
    depth();
    return check_done();
}
