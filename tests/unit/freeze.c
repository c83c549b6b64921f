/* vm/freeze.c: every kind of value there and back, secrets never, damaged bytes refused. */
#include "tests/lib/check.h"

#include "vm/freeze.h"

#include <math.h>
#include <stdlib.h>

static pb_arena *arena;

static pb_str frozen(pb_value v, bool *secret) {
    pb_buf b = {0};
    CHECK(freeze_value(&b, v, secret));
    pb_str s = pb_strdup(arena, b.data, b.len);
    pb_buf_free(&b);
    return s;
}

static pb_value back(pb_value v) {
    pb_value out = PB_NONE_VALUE;
    pb_str err = {0};
    CHECK(thaw_value(frozen(v, NULL), arena, &out, &err));
    return out;
}

static pb_value list_of(const pb_value *items, uint32_t n) {
    return (pb_value){.kind = PB_LIST, .n = n, .u.items = items};
}

static bool refused(const char *bytes, size_t n) {
    pb_value v;
    pb_str err = {0};
    return !thaw_value((pb_str){bytes, (uint32_t)n}, arena, &v, &err) && err.n > 0;
}

static void test_kinds(void) {
    CASE("every kind comes back as it was") {
        static const int64_t numbers[] = {0, 1, -1, 63, 64, -64, -65, 300, INT64_MAX, INT64_MIN};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            pb_value v = back(pb_int(numbers[i]));
            CHECK(v.kind == PB_INT && v.u.i == numbers[i]);
            v = back(pb_duration(numbers[i]));
            CHECK(v.kind == PB_DURATION && v.u.i == numbers[i]);
            v = back(pb_time(numbers[i]));
            CHECK(v.kind == PB_TIME && v.u.i == numbers[i]);
        }
        CHECK(back(pb_float(-0.1)).u.d == -0.1);
        CHECK(isnan(back(pb_float(NAN)).u.d) && signbit(back(pb_float(-0.0)).u.d));
        CHECK(back(pb_bool(true)).u.b && back(pb_bool(true)).kind == PB_BOOL && !back(pb_bool(false)).u.b);
        CHECK(back(PB_NONE_VALUE).kind == PB_NONE && back(pb_unknown()).kind == PB_UNKNOWN);
        pb_value bytes = {.kind = PB_BYTES, .n = 4, .u.s = "\0\xff\x80z"};
        CHECK(back(bytes).kind == PB_BYTES && back(bytes).n == 4 && memcmp(back(bytes).u.s, bytes.u.s, 4) == 0);
        CHECK(pb_equal(back(pb_string_c("h\xc3\xa9")), pb_string_c("h\xc3\xa9")));
    }
    CASE("maps keep their order, their nones and what is inside") {
        pb_value items[] = {pb_int(1), PB_NONE_VALUE, pb_string_c("")};
        pb_map_builder b = {.arena = arena};
        pb_map_add(&b, PB_STR("z"), list_of(items, 3));
        pb_map_add(&b, PB_STR("a"), PB_NONE_VALUE);
        pb_map_add(&b, PB_STR(""), list_of(NULL, 0));
        pb_value v = back(pb_map_done(&b));
        CHECK(v.kind == PB_MAP && v.n == 3 && pb_str_is(v.u.entries[0].key, "z") && pb_str_is(v.u.entries[1].key, "a"));
        CHECK(v.u.entries[1].value.kind == PB_NONE && v.u.entries[0].value.n == 3 && v.u.entries[2].value.n == 0);
        CHECK_STR(pb_json_text(arena, v).s, "{\"z\":[1,null,\"\"],\"a\":null,\"\":[]}");
    }
}

static void test_secrets(void) {
    CASE("a secret's content is never written, and what comes back says so") {
        pb_value secret = {.kind = PB_SECRET, .n = 7, .u.s = "hunter2"}, plain[] = {pb_string_c("a"), secret};
        bool had = false;
        pb_str bytes = frozen(list_of(plain, 2), &had);
        CHECK(had && !memmem(bytes.s, bytes.n, "hunter2", 7));
        pb_value v = back(list_of(plain, 2));
        CHECK(v.u.items[1].kind == PB_SECRET && v.u.items[1].n == 0 && freeze_is_lost(v.u.items[1]));
        CHECK(freeze_has_lost(v) && !freeze_has_lost(list_of(plain, 2)) && !freeze_is_lost(secret));
        had = false;
        frozen(list_of(plain, 1), &had);
        CHECK(!had);
    }
}

static void test_limits(void) {
    CASE("too deep, too large") {
        pb_value v = pb_int(1);
        pb_buf b = {0};
        for (int i = 0; i <= VALUE_MAX_DEPTH; i++) {
            pb_value *items, list = pb_list_new(arena, 1, &items);
            items[0] = v;
            v = list;
        }
        CHECK(!freeze_value(&b, v, NULL));
        b.len = 0;
        CHECK(freeze_value(&b, v.u.items[0], NULL));
        pb_value *items, list = pb_list_new(arena, 64, &items);
        for (int k = 0; k < 5; k++) { /* each a list of 64 times the one before: 64^5 values */
            for (int i = 0; i < 64; i++) items[i] = k ? list : pb_int(i);
            pb_value inner = list;
            list = pb_list_new(arena, 64, &items);
            for (int i = 0; i < 64; i++) items[i] = inner;
        }
        b.len = 0;
        CHECK(!freeze_value(&b, list, NULL));
        pb_buf_free(&b);
    }
    CASE("what is no value is refused with a sentence") {
        CHECK(refused("", 0) && refused("\2n", 2) && refused("\1", 1) && refused("\1q", 2) && refused("\1nn", 3));
        CHECK(refused("\1l\xff\xff\xff\xff\x0f", 7) && refused("\1l\2n", 4) && refused("\1m\1\1k", 5));
        CHECK(refused("\1s\1\xff", 4) && refused("\1d1234567", 9) &&
              refused("\1i\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 12));
        char deep[400] = "\1";
        for (int i = 1; i + 2 < 400; i += 2) memcpy(deep + i, "l\1", 2);
        CHECK(refused(deep, sizeof deep - 1));
    }
    CASE("cut off or changed anywhere, nothing worse than a sentence comes of it") {
        pb_value parts[] = {pb_string_c("text"), pb_float(1.5), pb_int(-70000), pb_time(1234567890123)};
        pb_map_builder m = {.arena = arena};
        pb_map_add(&m, PB_STR("k"), list_of(parts, 4));
        pb_str good = frozen(pb_map_done(&m), NULL);
        for (uint32_t n = 0; n < good.n; n++) CHECK(refused(good.s, n));
        for (uint32_t i = 0; i < good.n; i++) {
            for (int bit = 0; bit < 8; bit++) {
                char *copy = malloc(good.n);
                pb_value v;
                pb_str err;
                memcpy(copy, good.s, good.n);
                copy[i] = (char)(copy[i] ^ (1 << bit));
                thaw_value((pb_str){copy, good.n}, arena, &v, &err);
                free(copy);
            }
        }
    }
}

int main(void) {
    arena = pb_arena_new(0);
    test_kinds();
    test_secrets();
    test_limits();
    pb_arena_free(arena);
    return check_done();
}
