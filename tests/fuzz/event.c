/*
 * event.c - any text as events: the JSON reader, the split into events, the envelope, and the decision of the project's
 * own playbooks about each; what was read is written, read and written, and must come out the same.
 */
#include "lang/compile.h"
#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"
#include "tests/fuzz/fuzz.h"
#include "vm/events.h"
#include "vm/match.h"

/* The index over the playbooks; made once. */
static match_index *playbooks(void) {
    static match_index *index;
    static pb_buf image;
    if (index) return index;
    static match_program programs[1];
    static pb_value params[8];
    const char *const paths[] = {"playbooks"};
    size_t n;
    const builtin_source *builtins = stdlib_sources(&n);
    pb_arena *a = pb_arena_new(0);
    source_set *sources = NULL;
    pb_str err;
    WRONG_IF(!compile_paths(a, diag_new(a), &sources, aws_schema(), builtins, n, paths, 1, &image));
    for (int i = 0; i < 8; i++) params[i] = pb_string_c("#x");
    programs[0] = (match_program){vm_program_load(image.data, image.len, a, &err), params};
    return index = match_new(programs, 1, a);
}

static pb_value context(void *ctx, const match_hit *hit) {
    (void)ctx, (void)hit;
    return PB_NONE_VALUE;
}

static bool on_hit(void *ctx, const match_hit *hit) {
    (void)hit;
    ++*(uint32_t *)ctx;
    return true;
}

/* Written, read and written: both texts are the same. */
static void again(pb_arena *a, pb_value v) {
    pb_buf first = {0}, second = {0};
    pb_value back;
    pb_str err = {NULL, 0};
    if (pb_json_write(&first, v) && pb_json_parse(a, first.data, first.len, &back, &err) &&
        pb_json_write(&second, back))
        WRONG_IF(first.len != second.len || memcmp(first.data, second.data, first.len) != 0);
    WRONG_IF(err.n && first.len <= JSON_MAX_BYTES && !pb_arena_failed(a));
    pb_buf_free(&first);
    pb_buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_copy(data, size);
    events *e = text ? events_text(text, size) : NULL;
    events_item item;
    uint32_t hits = 0, count = 0;
    for (bool more = e != NULL; more && count < 1000; count++) {
        pb_arena *a = pb_arena_new(EVENTS_ARENA);
        pb_str err = {NULL, 0};
        match_tally tally;
        events_result r = events_next(e, a, &item);
        WRONG_IF(r == EVENTS_LATER);
        WRONG_IF(r == EVENTS_BAD && !item.error.n);
        more = r == EVENTS_ONE || r == EVENTS_BAD;
        if (r == EVENTS_ONE) {
            again(a, item.value);
            if (events_envelope(item.value, a, &err))
                match_event(playbooks(), item.value, a, context, on_hit, &hits, &tally);
        }
        pb_arena_free(a);
    }
    if (e) events_close(e);
    free(text);
    return 0;
}
