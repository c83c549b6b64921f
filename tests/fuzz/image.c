/*
 * image.c - any bytes as a program image: the loader, the verifier, and what they let through run against hosts that
 * answer at random (from the input's own bytes, so that a finding can be replayed). The checksum is put right first:
 * it finds damage, and would keep the fuzzer from everything behind it.
 */
#include "lang/compile.h"
#include "tests/fuzz/fuzz.h"
#include "vm/interp.h"

#include <zlib.h>

typedef struct world {
    const uint8_t *data;
    size_t size, at;
    pb_arena *arena;
    vm_call *calls[8];
    void *sleepers[8];
    int ncalls, nsleepers;
    int64_t now;
} world;

static uint32_t choice(world *w, uint32_t below) {
    w->at = (w->at * 31 + 17) % (w->size ? w->size : 1);
    return w->size ? (uint32_t)(w->data[w->at] + w->at) % below : 0;
}

static pb_value any_value(world *w, int depth) {
    static const char *const names[] = {"id", "severity", "type", "tags", "changed", "InstanceId", "State", "Name"};
    pb_value *items, v;
    switch (choice(w, depth > 2 ? 7 : 9)) {
    case 0: return PB_NONE_VALUE;
    case 1: return pb_bool(choice(w, 2));
    case 2: return pb_int((int64_t)choice(w, 200) - 100);
    case 3: return pb_float(choice(w, 100) / 8.0);
    case 4: return pb_string_c("arn:aws:iam::123456789012:user/x");
    case 5: return pb_time(choice(w, 250) * (int64_t)86400000);
    case 6: return choice(w, 4) ? pb_string_c("i-0123456789abcdef0") : pb_unknown();
    case 7:
        v = pb_list_new(w->arena, 2, &items);
        for (uint32_t i = 0; i < v.n; i++) items[i] = any_value(w, depth + 1);
        return v;
    default: {
        pb_map_builder b = {.arena = w->arena};
        for (int i = 0; i < 4; i++) pb_map_add(&b, pb_str_c(names[choice(w, 8)]), any_value(w, depth + 1));
        return pb_map_done(&b);
    }
    }
}

static void on_invoke(void *ctx, vm_call *c) {
    world *w = ctx;
    if (choice(w, 3) == 0 && w->ncalls < 8)
        w->calls[w->ncalls++] = c;
    else if (choice(w, 4))
        vm_return(c, any_value(w, 0));
    else
        vm_raise(c, PB_STR("boom"), PB_STR("it broke"));
}

static void on_sleep(void *ctx, vm_run *r, void *token, int64_t ms) {
    world *w = ctx;
    WRONG_IF(ms < 0);
    w->now += ms;
    if (w->nsleepers < 8)
        w->sleepers[w->nsleepers++] = token;
    else
        vm_wake(r, token);
}

static int64_t on_time(void *ctx) { return ((world *)ctx)->now++; }

static void run_body(world *w, const vm_program *p, uint32_t function, const pb_value *params) {
    vm_hooks hooks = {w, on_invoke, NULL, NULL, on_sleep, on_time, on_time, choice(w, 3) == 0, NULL};
    vm_limits limits = {.memory = 1 << 20, .instructions = 20000, .deadline_ms = 600000};
    w->ncalls = w->nsleepers = 0;
    vm_run *r = vm_run_new(p, function, any_value(w, 0), params, any_value(w, 0), &limits, &hooks, w->arena);
    if (!r) return;
    while (vm_run_go(r) == VM_RUNNING && (w->ncalls || w->nsleepers)) {
        if (w->ncalls)
            vm_return(w->calls[--w->ncalls], any_value(w, 0));
        else
            vm_wake(r, w->sleepers[--w->nsleepers]);
    }
    WRONG_IF(vm_run_outcome(r) == VM_RUNNING);
    WRONG_IF(vm_run_outcome(r) == VM_FAILED && pb_str_is(vm_run_error_code(r), "internal"));
    pb_buf evidence = {0};
    pb_json_write(&evidence, vm_run_record(r));
    pb_buf_free(&evidence);
    vm_run_end(r);
}

static void run_all(world *w, const vm_program *p) {
    enum { PARAMS = 64 };
    pb_value params[PARAMS];
    vm_limits limits = {.memory = 1 << 20, .instructions = 20000};
    if (vm_count(p, SECTION_PARAMS) > PARAMS) return;
    for (int i = 0; i < PARAMS; i++) params[i] = pb_string_c("x");
    for (uint32_t f = 0; f < vm_count(p, SECTION_FUNCTIONS) && f < 100; f++) {
        uint32_t kind = vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_kind);
        bool matched;
        pb_str err;
        if (kind == FUNCTION_BODY) run_body(w, p, f, params);
        if (kind == FUNCTION_MATCH)
            vm_match(p, f, any_value(w, 0), params, any_value(w, 0), &limits, w->arena, &matched, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pb_arena *a = pb_arena_new(64 << 20);
    uint8_t *image = (uint8_t *)fuzz_copy(data, size);
    pb_str err = {NULL, 0};
    pb_buf text = {0};
    if (a && image && size >= IMAGE_HEAD) {
        image_put_u32(image + 12, (uint32_t)size);
        image_put_u32(image + 16, (uint32_t)crc32(0, image + IMAGE_HEAD, (uInt)(size - IMAGE_HEAD)));
        world w = {.data = data, .size = size, .arena = a, .now = 1};
        vm_program *p = vm_program_load(image, size, a, &err);
        WRONG_IF(!p && !err.n);
        if (p) run_all(&w, p);
        vm_program_close(p);
        disassemble(image, size, &text, &err, a);
    }
    pb_buf_free(&text);
    free(image);
    pb_arena_free(a);
    return 0;
}
