/*
 * parse.c - the front of the compiler under hostile conditions: memory that runs out at every single allocation, files
 * cut off at every byte, bytes changed at random. Nothing may crash or hang (the suite runs this under the sanitizers),
 * and what is wrong must be said. Also the parts of the tree that no dump shows: spans, comments, heights.
 */
#include "lang/compile.h"
#include "tests/lib/check.h"

#include <stdlib.h>

/* Every construct of the language at least once. */
static const char everything[] =
    "# a file with everything\n"
    "import \"lib/common.pb\"\n"
    "param channel: string = \"#security\" param n: int\n"
    "type Name { field: list[map[string?]]  other: { a: int, b: aws.ec2.Instance }? in: json }\n"
    "event ns.name { source [\"a\", \"b\"] detail_type \"x\" schema aws.guardduty.Finding resources(f.x, y) }\n"
    "fn short(a: string, b: int = 3): string = a.slice(0, b) + \"${a}\\u{e9}\" ?? \"z\"\n"
    "# what it does\n"
    "action team.cut(i: Name, m: string): { changed: bool } contain on i { return { changed: true } } undo { do g() }\n"
    "extern action c.d(x: json): json read\n"
    "guard g { on ec2.*, }\n"
    "guard h { on *.terminate as act where act.x == \"T\" deny \"why\" unless authorized \"n\" }\n"
    "playbook p {\n"
    "  version \"1.0.0\" tier auto controls [\"a\"] dedupe by f.id within 1h limit 5 per 1h else approve timeout 5m\n"
    "  when guardduty.finding as f\n"
    "  where f.type like \"x*\" and not f.a?.b[\"c\"] exists or -f.n * 2 % 3 <= 1.5e3\n"
    "  let key: json? = [g.Id for g in xs if g.v in { a: 1 \"b c\": none }] as json?\n"
    "  where any(x in xs: x > 1s) or all(y in ys: y matches \"z\")\n"
    "  parallel { do a.b(x: 1, 2) as r timeout 30s retry 3 else { stop \"s ${error.code}\" } do c() }\n"
    "  for x in list { if x { } else if y { } else { fail \"m\" code \"C\" } }\n"
    "  let text = \"\"\"\n    one\n      ${two ?? \"three${4}\"}\n\n    five\n    \"\"\"\n"
    "  verify a == b within 30s else \"no\" on failure { wait 15m } on failure undo\n"
    "  authorize \"n\" because \"CHG\" in account \"1\" region \"r\" { record { a: 5TB } }\n"
    "  approve \"q\" via slack \"#c\" by group \"g\" quorum 2 within 30m escalate to group \"l\" after 10m { do f() }\n"
    "    denied { do g() } expired { do h() }\n"
    "}\n"
    "test \"t\" for p { given event \"e\" with { a.b: 1 } given { let x = 1 } given approval by \"U\"\n"
    "  given fault aws.ec2.X \"C\" times 2 given kill_switch on given crash at each step after 31m\n"
    "  expect denied by g expect no do f expect do g(1) expect a == b }\n"
    "site prod { state \"s\" chat slack { token: 1 } param c = 3 }\n";

static const builtin_source library[] = {{"<stdlib>/x.pb", "fn one(): int = 1\n", 18}};

typedef struct result {
    ast_program *program;
    size_t errors;
    bool oom;
} result;

/* Parses; renders what was found in every format, to exercise that too. */
static result parse(pb_arena *a, const char *text, size_t size, bool render) {
    result r = {0};
    diag_list *d = diag_new(a);
    if (!d) return (result){NULL, 0, true};
    r.program = parse_text(a, d, library, 1, "t.pb", text, size);
    r.errors = diag_count(d, DIAG_ERROR);
    r.oom = diag_oom(d) || pb_arena_failed(a);
    pb_buf out = {0};
    for (int f = DIAG_TEXT; render && r.program && f <= DIAG_GITHUB; f++)
        diag_render(d, r.program->sources, (diag_format)f, true, &out);
    if (render && r.program) dump_tree(r.program, &out);
    pb_buf_free(&out);
    return r;
}

static void out_of_memory(void) {
    CASE("memory running out at any allocation is an error, not a crash") {
        size_t n = 1;
        for (;; n++) {
            pb_arena *a = pb_arena_new(0);
            pb_arena_fail_after(a, n);
            result r = parse(a, everything, sizeof everything - 1, false);
            bool failed = pb_arena_failed(a);
            if (failed) CHECK(r.oom && !r.program);
            pb_arena_free(a);
            if (!failed) break;
        }
        CHECK(n > 500); /* it did fail that often */
    }
    CASE("an arena with a limit is an error, not a crash") {
        for (size_t limit = 1; limit < 200000; limit += 1009) {
            pb_arena *a = pb_arena_new(limit);
            result r = parse(a, everything, sizeof everything - 1, false);
            CHECK(!r.program == pb_arena_failed(a));
            pb_arena_free(a);
        }
    }
}

static void everything_parses(void) {
    CASE("the sample with everything has only the errors that it is meant to have") {
        pb_arena *a = pb_arena_new(0);
        result r = parse(a, everything, sizeof everything - 1, true);
        CHECK(r.program && r.errors == 2); /* the import in a text, and the comma in a guard */
        pb_arena_free(a);
    }
}

static void truncations(void) {
    CASE("a file cut off anywhere is parsed to its end") {
        size_t clean = 0;
        for (size_t n = 0; n < sizeof everything - 1; n++) {
            pb_arena *a = pb_arena_new(0);
            char *copy = malloc(n ? n : 1); /* of exactly that size, so that the sanitizer sees a read beyond it */
            memcpy(copy, everything, n);
            result r = parse(a, copy, n, true);
            CHECK(r.program != NULL);
            clean += r.errors == 0;
            free(copy);
            pb_arena_free(a);
        }
        CHECK(clean > 0 && clean < 200);
    }
}

static uint32_t random_next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* Changes that make the scanner and recovery work: its own signs rather than any byte. */
static void mutate(char *text, size_t n, uint32_t *seed) {
    static const char signs[] = "{}[]()\"$\\#.,:;='\n\r\t \0?*+-&|!<>/\xc3\xa9\xff"
                                "0aZ_";
    uint32_t changes = 1 + random_next(seed) % 6;
    while (changes--) {
        size_t at = random_next(seed) % n, to = random_next(seed) % n, len = random_next(seed) % 40;
        if (random_next(seed) % 3 == 0 && at + len < n && to + len < n)
            memmove(text + to, text + at, len);
        else
            text[at] = signs[random_next(seed) % (sizeof signs - 1)];
    }
}

static void mutations(void) {
    CASE("a file with bytes changed at random is parsed to its end") {
        uint32_t seed = 20240229;
        for (int i = 0; i < 3000; i++) {
            pb_arena *a = pb_arena_new(0);
            size_t n = sizeof everything - 1;
            char *copy = malloc(n);
            memcpy(copy, everything, n);
            mutate(copy, n, &seed);
            result r = parse(a, copy, n, i % 16 == 0);
            CHECK(r.program != NULL);
            free(copy);
            pb_arena_free(a);
        }
    }
}

/* ---- the tree ---- */

static const ast_decl *declaration(const ast_program *p, int n) {
    const ast_decl *d = p && p->files && p->files->next ? p->files->next->decls : NULL;
    while (d && n--) d = d->next;
    return d;
}

static bool covers(const ast_program *p, pb_span s, const char *text) {
    pb_str all = p->sources->files[s.file].text;
    return s.end - s.start == strlen(text) && memcmp(all.s + s.start, text, s.end - s.start) == 0;
}

static void spans(void) {
    static const char text[] =
        "# c1\nfn f(a: int): bool =\n  (a + 1) * 2 == g(a, \"x${a}\") # c2\n\nplaybook p { when a.b as e stop \"é\" }";
    CASE("spans cover exactly what was written") {
        pb_arena *a = pb_arena_new(0);
        result r = parse(a, text, sizeof text - 1, false);
        const ast_decl *f = declaration(r.program, 0), *p = declaration(r.program, 1);
        CHECK(f && p && r.errors == 0);
        if (f && p) {
            CHECK(covers(r.program, f->expr->span, "(a + 1) * 2 == g(a, \"x${a}\")"));
            CHECK(covers(r.program, f->expr->u.binary.right->u.call.args->next->value->span, "\"x${a}\""));
            CHECK(covers(r.program, f->name.span, "f"));
            CHECK(covers(r.program, p->body->span, "stop \"é\""));
            CHECK(covers(r.program, p->event.span, "a.b"));
            CHECK(p->span.end == sizeof text - 1);
            CHECK(f->expr->u.binary.left->u.binary.left->paren && f->expr->depth == 4);
            CHECK(pb_str_is(f->doc, "c1") && p->doc.n == 0);
        }
        pb_arena_free(a);
    }
    CASE("comments are kept with their places") {
        pb_arena *a = pb_arena_new(0);
        result r = parse(a, text, sizeof text - 1, false);
        const ast_file *file = r.program->files->next;
        CHECK(file->ncomments == 2);
        CHECK(pb_str_is(file->comments[0].text, "# c1") && file->comments[0].own_line);
        CHECK(pb_str_is(file->comments[1].text, "# c2") && !file->comments[1].own_line);
        pb_arena_free(a);
    }
}

static void places(void) {
    CASE("lines and columns count characters from 1") {
        pb_arena *a = pb_arena_new(0);
        diag_list *d = diag_new(a);
        source_set set = {.arena = a};
        uint32_t line, column;
        uint32_t i = source_add(&set, d, PB_STR("x"), "é1\r\nab\n\n", 9, false);
        static const struct {
            uint32_t offset, line, column;
        } wanted[] = {{0, 1, 1}, {2, 1, 2}, {5, 2, 1}, {6, 2, 2}, {8, 3, 1}, {9, 3, 2}, {99, 3, 2}};
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
            source_place(&set.files[i], wanted[k].offset, &line, &column);
            CHECK(line == wanted[k].line && column == wanted[k].column);
        }
        i = source_add(&set, d, PB_STR("empty"), "", 0, false);
        source_place(&set.files[i], 0, &line, &column);
        CHECK(line == 1 && column == 1);
        pb_arena_free(a);
    }
    CASE("a file's hash is that of its bytes, byte order mark included") {
        pb_arena *a = pb_arena_new(0);
        diag_list *d = diag_new(a);
        source_set set = {.arena = a};
        static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf}, bom[4] = {0x1c, 0x28, 0xdc, 0x3f};
        uint32_t i = source_add(&set, d, PB_STR("x"), "abc", 3, false), j = source_add(&set, d, PB_STR("y"),
                                                                                       "\xef\xbb\xbf"
                                                                                       "abc",
                                                                                       6, false);
        CHECK(source_hash(&set.files[i]) && memcmp(set.files[i].sha256, abc, 4) == 0);
        CHECK(source_hash(&set.files[j]) && memcmp(set.files[j].sha256, bom, 4) == 0);
        pb_arena_free(a);
    }
}

int main(void) {
    everything_parses();
    out_of_memory();
    truncations();
    mutations();
    spans();
    places();
    return check_done();
}
