/*
 * source.c - any text as a playbook: lexer, parser, checker, code generator. What they take must be an image that the
 * loader and the disassembler take too; what they refuse must come with a message in every format. A cure that is said
 * to be certain (pbc check --fix) leaves a text that still parses, and one that compiled compiles.
 *
 * A first byte of 'L' gives the text the whole standard library and AWS's types (slow, deep); anything else only a
 * handful of declarations (fast, for the grammar).
 */
#include "lang/compile.h"
#include "lang/diag_list.h"
#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"
#include "tests/fuzz/fuzz.h"
#include "vm/interp.h"

static const char small_library[] =
    "event test.finding { source \"test\" detail_type \"Finding\" schema Finding payload \"detail\" id \"id\" }\n"
    "type Finding { id: string severity: float? tags: list[string] }\n"
    "extern action t.look(id: string): json? read\n"
    "extern action t.cut(id: string, n: int): { changed: bool } contain\n";

static void show(diag_list *diags, const source_set *sources) {
    for (int format = DIAG_TEXT; format <= DIAG_GITHUB; format++) {
        pb_buf out = {0};
        diag_render(diags, sources, (diag_format)format, format == DIAG_TEXT, &out);
        WRONG_IF(!out.oom && !out.len);
        pb_buf_free(&out);
    }
}

static void use(const pb_buf *image) {
    pb_arena *a = pb_arena_new(64 << 20);
    pb_buf text = {0};
    pb_str err = {NULL, 0};
    vm_program *p = vm_program_load(image->data, image->len, a, &err);
    if (!p) fprintf(stderr, "%.*s\n", PB_ARG(err));
    WRONG_IF(!p);
    WRONG_IF(!disassemble(image->data, image->len, &text, &err, a));
    vm_program_close(p);
    pb_buf_free(&text);
    pb_arena_free(a);
}

/* Errors of a text; with only the parser's, when it does not parse. */
static size_t errors_of(pb_str text, bool large, bool *parses) {
    size_t n = 1;
    const builtin_source few[] = {{"<test>/t.pb", small_library, sizeof small_library - 1}};
    const builtin_source *builtins = large ? stdlib_sources(&n) : few;
    pb_arena *a = pb_arena_new(256 << 20);
    diag_list *diags = diag_new(a);
    ast_program *tree = diags ? parse_text(a, diags, builtins, n, "test.pb", text.s, text.n) : NULL;
    *parses = tree && !diag_count(diags, DIAG_ERROR);
    if (*parses) check_program(tree, large ? aws_schema() : NULL, diags);
    size_t errors = diags ? diag_count(diags, DIAG_ERROR) : 0;
    pb_arena_free(a);
    return errors;
}

/* Each certain cure alone. */
static void cure(const diag_list *diags, pb_str text, uint32_t file, bool large) {
    enum { MOST = 4 };
    uint32_t done = 0;
    for (uint32_t i = 0; i < diags->count && done < MOST; i++) {
        const diag *d = diags->items[i];
        if (!d->has_fix || d->fix.file != file || d->fix.start > d->fix.end || d->fix.end > text.n) continue;
        pb_buf after = {0};
        bool parses;
        pb_buf_add(&after, text.s, d->fix.start);
        pb_buf_add(&after, d->fix_text.s, d->fix_text.n);
        pb_buf_add(&after, text.s + d->fix.end, text.n - d->fix.end);
        size_t errors = errors_of((pb_str){after.data ? after.data : "", (uint32_t)after.len}, large, &parses);
        bool worse = !parses || (errors && !diag_count((diag_list *)(uintptr_t)diags, DIAG_ERROR));
        if (worse) fprintf(stderr, "%.*s\n%.*s\n", PB_ARG(d->message), (int)after.len, after.data);
        WRONG_IF(worse);
        pb_buf_free(&after);
        done++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool large = size && data[0] == 'L';
    size_t n = 1, rest = size ? size - 1 : 0;
    const builtin_source few[] = {{"<test>/t.pb", small_library, sizeof small_library - 1}};
    const builtin_source *builtins = large ? stdlib_sources(&n) : few;
    pb_arena *a = pb_arena_new(256 << 20);
    diag_list *diags = a ? diag_new(a) : NULL;
    char *text = fuzz_copy(data + (size ? 1 : 0), rest);
    pb_buf image = {0};
    if (diags && text) {
        ast_program *tree = parse_text(a, diags, builtins, n, "test.pb", text, rest);
        bool parses = tree && !diag_count(diags, DIAG_ERROR);
        bool ok =
            parses && check_program(tree, large ? aws_schema() : NULL, diags) && codegen_program(tree, diags, &image);
        uint32_t last = tree && tree->sources->count ? tree->sources->count - 1 : 0;
        if (parses && tree->sources->count) cure(diags, tree->sources->files[last].text, last, large);
        if (ok) use(&image);
        if (tree && !ok) show(diags, tree->sources);
    }
    pb_buf_free(&image);
    free(text);
    pb_arena_free(a);
    return 0;
}
