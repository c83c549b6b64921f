/*
 * layout.c - any text through the formatter. What parses without an error is laid out; laying it out again changes
 * nothing; the result has the same tree; and when the text compiles, so does the result, to the same image but for the
 * numbers of its lines and the hashes of its text. As in source.c a first byte of 'L' gives the whole standard library
 * and AWS's types.
 */
#include "lang/compile.h"
#include "lang/format.h"
#include "lang/image.h"
#include "lang/load.h"
#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"
#include "tests/fuzz/fuzz.h"
#include "vm/interp.h"

static const char library[] =
    "event test.finding { source \"test\" detail_type \"Finding\" schema Finding payload \"detail\" id \"id\" }\n"
    "type Finding { id: string severity: float? tags: list[string] }\n"
    "extern action t.look(id: string): json? read\n"
    "extern action t.cut(id: string, n: int): { changed: bool } contain\n"
    "extern action t.end(id: string): { changed: bool } destroy\n";

typedef struct text {
    pb_arena *arena;
    diag_list *diags;
    source_set *set;
    ast_file *tree;
} text;

/* False: it does not parse, or memory is out. */
static bool read_text(text *t, const char *s, size_t n) {
    *t = (text){.arena = pb_arena_new(256 << 20)};
    if (!t->arena) return false;
    t->diags = diag_new(t->arena);
    t->set = pb_alloc(t->arena, sizeof *t->set);
    t->tree = pb_alloc(t->arena, sizeof *t->tree);
    if (!t->diags || !t->set || !t->tree) return false;
    t->set->arena = t->arena;
    uint32_t file = source_add(t->set, t->diags, PB_STR("test.pb"), s, n, false);
    return file != UINT32_MAX && parse_file(t->arena, t->diags, t->set, file, t->tree) &&
           !diag_count(t->diags, DIAG_ERROR) && !diag_oom(t->diags);
}

/* The tree as text. */
static void dump(const text *t, pb_buf *out) {
    ast_program p = {.arena = t->arena, .sources = t->set, .files = t->tree};
    dump_tree(&p, out);
}

/* The image as text, without what tells of places. False: it does not compile. */
static bool build(bool large, const char *s, size_t n, pb_buf *out) {
    const builtin_source few[] = {{"<test>/t.pb", library, sizeof library - 1}};
    size_t count = 1;
    const builtin_source *builtins = large ? stdlib_sources(&count) : few;
    pb_arena *a = pb_arena_new(256 << 20);
    diag_list *diags = a ? diag_new(a) : NULL;
    pb_buf image = {0}, listing = {0};
    pb_str err;
    ast_program *tree = diags ? parse_text(a, diags, builtins, count, "test.pb", s, n) : NULL;
    bool ok = tree && !diag_count(diags, DIAG_ERROR) && check_program(tree, large ? aws_schema() : NULL, diags) &&
              codegen_program(tree, diags, &image);
    if (ok) WRONG_IF(!disassemble(image.data, image.len, &listing, &err, a));
    for (size_t i = 0; i < listing.len;) {
        size_t digits = 0;
        while (i + digits < listing.len && strchr("0123456789abcdef", listing.data[i + digits])) digits++;
        bool hash = digits == 64, line = i && listing.data[i - 1] == ':';
        if (digits && !hash && !line)
            pb_buf_add(out, listing.data + i, digits);
        else if (digits)
            pb_buf_putc(out, '#');
        i += digits;
        if (i < listing.len) pb_buf_putc(out, listing.data[i++]);
    }
    pb_buf_free(&image);
    pb_buf_free(&listing);
    pb_arena_free(a);
    return ok;
}

static bool same(const pb_buf *a, const pb_buf *b) {
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static void differ(const char *what, const pb_buf *a, const pb_buf *b) {
    fprintf(stderr, "%s\n<<<<\n%.*s\n====\n%.*s\n>>>>\n", what, (int)a->len, a->data ? a->data : "", (int)b->len,
            b->data ? b->data : "");
}

static void compare(bool large, const text *before, const char *s, size_t n, const pb_buf *once) {
    text after;
    pb_buf twice = {0}, trees[2] = {{0}, {0}}, images[2] = {{0}, {0}};
    bool parses = read_text(&after, once->data, once->len);
    if (!parses) fprintf(stderr, "%.*s\n", (int)once->len, once->data ? once->data : "");
    WRONG_IF(!parses);
    WRONG_IF(format_file(after.arena, after.set, after.tree, &twice) != FORMAT_DONE);
    if (!same(once, &twice)) differ("laid out twice is not laid out once", once, &twice);
    WRONG_IF(!same(once, &twice));
    dump(before, &trees[0]);
    dump(&after, &trees[1]);
    if (!same(&trees[0], &trees[1])) differ("another tree", &trees[0], &trees[1]);
    WRONG_IF(!same(&trees[0], &trees[1]));
    if (build(large, s, n, &images[0])) {
        WRONG_IF(!build(large, once->data, once->len, &images[1]));
        if (!same(&images[0], &images[1])) differ("another image", &images[0], &images[1]);
        WRONG_IF(!same(&images[0], &images[1]));
    }
    pb_buf_free(&twice);
    for (int i = 0; i < 2; i++) pb_buf_free(&trees[i]), pb_buf_free(&images[i]);
    pb_arena_free(after.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    text t;
    pb_buf once = {0};
    bool large = size && data[0] == 'L';
    size_t n = size ? size - 1 : 0;
    char *copy = fuzz_copy(data + (size > 0), n);
    if (copy && read_text(&t, copy, n)) {
        format_result r = format_file(t.arena, t.set, t.tree, &once);
        if (r == FORMAT_REFUSED) fprintf(stderr, "the formatter refused its own result\n");
        WRONG_IF(r == FORMAT_REFUSED);
        if (r == FORMAT_DONE) compare(large, &t, copy, n, &once);
    }
    if (copy) pb_arena_free(t.arena);
    pb_buf_free(&once);
    free(copy);
    return 0;
}
