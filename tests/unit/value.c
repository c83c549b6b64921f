/*
 * value.c - values: JSON both ways, times, base64, comparison, display, and what happens when memory runs out.
 */
#include "vm/value.h"

#include "tests/lib/check.h"

#include <json-c/json.h>
#include <stdlib.h>

static pb_arena *arena;

/* JSON text read and written again; an error's sentence when it is refused. NUL-terminated. */
static const char *again(const char *text) {
    pb_value v;
    pb_str err;
    if (!pb_json_parse(arena, text, strlen(text), &v, &err)) return pb_printf(arena, "! %.*s", PB_ARG(err)).s;
    return pb_json_text(arena, v).s;
}

static pb_value parse(const char *text) {
    pb_value v = PB_NONE_VALUE;
    pb_str err;
    pb_json_parse(arena, text, strlen(text), &v, &err);
    return v;
}

static const char *display(pb_value v) {
    pb_str s = pb_display(arena, v);
    return pb_strdup(arena, s.s, s.n).s;
}

static const char *time_again(const char *text) {
    int64_t ms;
    if (!pb_time_parse(pb_str_c(text), &ms)) return "refused";
    return pb_time_text(arena, ms).s;
}

static void test_json_good(void) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"{}", "{}"},
        {"[]", "[]"},
        {" null ", "null"},
        {"[true,false]", "[true,false]"},
        {"{\"b\":1,\"a\":[2,{\"c\":null}]}", "{\"b\":1,\"a\":[2,{\"c\":null}]}"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"-0", "0"},
        {"[5.0,0.1,1e2,1E-7,123456789012345680.0]", "[5.0,0.1,100.0,1e-07,1.2345678901234568e+17]"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\ud83d\\ude00\\u0000\"",
         "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\tA\xc3\xa9\xf0\x9f\x98\x80\\u0000\""},
        {"\xef\xbb\xbf[1]", "[1]"},
        {"\t[ 1 ,\n2 ]\r\n", "[1,2]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) CHECK_STR(again(rows[i].in), rows[i].out);
    /* 16 keys are searched, more are hashed: both find what is there and keep the order. */
    pb_buf b = {0};
    for (int i = 0; i < 1000; i++) pb_buf_printf(&b, "%s\"k%d\":%d", i ? "," : "{", i, i);
    pb_buf_putc(&b, '}');
    CHECK_STR(again(b.data), b.data);
    pb_value big = parse(b.data);
    CHECK(pb_get_c(big, "k999").u.i == 999 && pb_is(pb_get_c(big, "k1000"), PB_NONE));
    pb_buf_free(&b);
}

static void test_json_refused(void) {
    static const struct {
        const char *in, *why;
    } rows[] = {
        {"", "! line 1, column 1: the text is empty"},
        {"{\"a\":1,\"a\":2}", "! line 1, column 8: a key that occurs twice in one object"},
        {"{\"a\":1,\"\\u0061\":2}", "! line 1, column 8: a key that occurs twice in one object"},
        {"9223372036854775808", "! line 1, column 1: an integer that does not fit 64 bits"},
        {"[1,\n 1e999]", "! line 2, column 2: a number too large for a float"},
        {"\"\\ud800\"", "! line 1, column 2: the first half of a surrogate pair without its second"},
        {"\"\\ud800\\u0041\"", "! line 1, column 2: the first half of a surrogate pair without its second"},
        {"\"\\udc00\"", "! line 1, column 2: the second half of a surrogate pair without its first"},
        {"\"\\u12g4\"", "! line 1, column 2: \\u needs four hexadecimal digits"},
        {"\"\\x\"", "! line 1, column 2: an escape that JSON does not have"},
        {"\"a\nb\"", "! line 1, column 3: a control character inside a string (it must be written as an escape)"},
        {"\"abc", "! line 1, column 1: a string that never ends"},
        {"\"abc\\\"", "! line 1, column 1: a string that never ends"},
        {"[1,]", "! line 1, column 4: a value was expected here"},
        {"[1 2]", "! line 1, column 4: a comma or ] was expected here"},
        {"{\"a\" 1}", "! line 1, column 6: a colon was expected here"},
        {"{a:1}", "! line 1, column 2: a key in double quotes was expected here"},
        {"{\"a\":1,}", "! line 1, column 8: a key in double quotes was expected here"},
        {"{\"a\":1", "! line 1, column 7: a comma or } was expected here"},
        {"[", "! line 1, column 2: the text ends where a value was expected"},
        {"{} x", "! line 1, column 4: something follows behind the value"},
        {"01", "! line 1, column 1: not a number as JSON writes them"},
        {"1.", "! line 1, column 1: not a number as JSON writes them"},
        {".5", "! line 1, column 1: a value was expected here"},
        {"-", "! line 1, column 1: not a number as JSON writes them"},
        {"+1", "! line 1, column 1: a value was expected here"},
        {"NaN", "! line 1, column 1: a value was expected here"},
        {"nul", "! line 1, column 1: a value was expected here"},
        {"[\"\xff\"]", "! line 1, column 3: a byte that is not UTF-8"},
        {"[\"ab\xc0\xaf\"]", "! line 1, column 5: a byte that is not UTF-8"},
        {"[\"\xed\xa0\x80\"]", "! line 1, column 3: a byte that is not UTF-8"},
        {"// c\n1", "! line 1, column 1: a value was expected here"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) CHECK_STR(again(rows[i].in), rows[i].why);
}

static void test_json_limits(void) {
    char deep[2 * JSON_MAX_DEPTH + 8];
    for (int extra = 0; extra < 2; extra++) {
        int n = JSON_MAX_DEPTH + extra;
        memset(deep, '[', (size_t)n);
        memset(deep + n, ']', (size_t)n);
        deep[2 * n] = 0;
        if (extra)
            CHECK_STR(again(deep), "! line 1, column 65: nested more than 64 levels deep");
        else
            CHECK_STR(again(deep), deep);
    }
    size_t n = JSON_MAX_BYTES + 1;
    char *large = malloc(n);
    pb_value v;
    pb_str err;
    if (!large) return;
    memset(large, ' ', n);
    large[0] = '1';
    CHECK(pb_json_parse(arena, large, n - 1, &v, &err) && v.u.i == 1);
    CHECK(!pb_json_parse(arena, large, n, &v, &err));
    CHECK_STR(err.s, "4194305 bytes of JSON are more than the 4194304 that are read");
    free(large);
}

/* A list that holds one list twice, 60 times over: 2^60 values, but a few bytes. */
static pb_value doubled(int times) {
    pb_value v = pb_int(1);
    for (int i = 0; i < times; i++) {
        pb_value *items, list = pb_list_new(arena, 2, &items);
        items[0] = items[1] = v;
        v = list;
    }
    return v;
}

static void test_bounded(void) {
    pb_value wide = doubled(60), other = doubled(60), deep = pb_int(1);
    int64_t work = 100000;
    CHECK(pb_equal_within(wide, other, &work) == PB_COSTLY);
    CHECK(!pb_equal(wide, other));
    CHECK(pb_json_text(arena, wide).s == NULL);
    CHECK(pb_has_unknown(wide)); /* cannot tell: the safe side */
    for (int i = 0; i < VALUE_MAX_DEPTH + 10; i++) {
        pb_value *items, list = pb_list_new(arena, 1, &items);
        items[0] = deep;
        deep = list;
    }
    work = 100000;
    CHECK(pb_equal_within(deep, deep, &work) == PB_COSTLY && work > 0);
    CHECK(pb_json_text(arena, deep).s == NULL && pb_json_object(deep) == NULL);
}

static void test_equal(void) {
    pb_value i = pb_int(9007199254740993), d = pb_float(9007199254740992.0);
    CHECK(pb_equal(parse("[1,{\"a\":2,\"b\":[3]}]"), parse("[1.0,{\"b\":[3],\"a\":2}]")));
    CHECK(!pb_equal(parse("[1,2]"), parse("[2,1]")));
    CHECK(!pb_equal(parse("{\"a\":1}"), parse("{\"b\":1}")));
    CHECK(!pb_equal(i, d) && pb_number_cmp(i, d) > 0); /* as doubles they would be the same */
    CHECK(pb_number_cmp(pb_int(INT64_MAX), pb_float(9223372036854775808.0)) < 0);
    CHECK(pb_number_cmp(pb_int(INT64_MIN), pb_float(-9223372036854775808.0)) == 0);
    CHECK(pb_number_cmp(pb_int(-1), pb_float(-1.5)) > 0 && pb_number_cmp(pb_float(1.5), pb_int(1)) > 0);
    CHECK(!pb_equal(PB_NONE_VALUE, PB_NONE_VALUE));
    CHECK(!pb_equal(parse("[null]"), parse("[null]")));
    CHECK(!pb_equal(pb_string_c("1"), pb_int(1)) && !pb_equal(pb_time(5), pb_duration(5)));
    int64_t work = 100;
    CHECK(pb_equal_within((pb_value){.kind = PB_UNKNOWN}, pb_int(1), &work) == PB_MAYBE);
}

static void test_paths(void) {
    pb_value v = parse("{\"detail\":{\"list\":[{\"x\":7}],\"0\":1}}");
    CHECK(pb_path(v, "detail.list.0.x").u.i == 7);
    CHECK(pb_path(v, "detail.0").u.i == 1);
    CHECK(pb_is(pb_path(v, "detail.list.1.x"), PB_NONE) && pb_is(pb_path(v, "detail.list.x"), PB_NONE));
    CHECK(pb_is(pb_path(v, "nothing.at.all"), PB_NONE) && pb_is(pb_path(v, ""), PB_MAP));
}

static void test_display(void) {
    pb_value secret = {.kind = PB_SECRET, .n = 3, .u.s = "key"}, bytes = {.kind = PB_BYTES, .n = 2, .u.s = "\xff\x00"};
    CHECK_STR(display(PB_NONE_VALUE), "");
    CHECK_STR(display(pb_bool(true)), "true");
    CHECK_STR(display(pb_float(8)), "8");
    CHECK_STR(display(pb_float(0.1)), "0.1");
    CHECK_STR(display(pb_int(INT64_MIN)), "-9223372036854775808");
    CHECK_STR(display(pb_duration(0)), "0s");
    CHECK_STR(display(pb_duration(90061001)), "1d1h1m1s1ms");
    CHECK_STR(display(pb_duration(INT64_MIN)), "-106751991167d7h12m55s808ms");
    CHECK_STR(display(pb_time(1500)), "1970-01-01T00:00:01.500Z");
    CHECK_STR(display(secret), "***");
    CHECK_STR(display(bytes), "/wA=");
    CHECK_STR(display((pb_value){.kind = PB_UNKNOWN}), "(unknown)");
    pb_value *items, list = pb_list_new(arena, 3, &items);
    items[0] = secret, items[1] = pb_duration(1500), items[2] = bytes;
    CHECK_STR(display(list), "[\"***\",\"1s500ms\",\"/wA=\"]");
}

static void test_times(void) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
        {"2024-02-29T12:00:00.5+02:00", "2024-02-29T10:00:00.500Z"},
        {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
        {"2000-03-01", "2000-03-01T00:00:00Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
        {"2026-01-02t03:04z", "2026-01-02T03:04:00Z"},
        {"2026-01-02 03:04:05-0130", "2026-01-02T04:34:05Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
        {"2026-01-02T03:04:05.123999Z", "2026-01-02T03:04:05.123Z"},
        {"2023-02-29", "refused"},
        {"1900-02-29", "refused"},
        {"2026-13-01", "refused"},
        {"2026-00-01", "refused"},
        {"2026-01-02T03:04:05", "refused"},
        {"2026-01-02T24:00:00Z", "refused"},
        {"2026-01-02T03:60:00Z", "refused"},
        {"2026-01-02T03:04:05.Z", "refused"},
        {"2026-01-02T03:04:05+02:", "refused"},
        {"2026-1-2", "refused"},
        {"2026-01-02T03:04:05Z ", "refused"},
        {"", "refused"},
        {"now", "refused"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) CHECK_STR(time_again(rows[i].in), rows[i].out);
    /* A day of each week of eight centuries comes back as it went. */
    for (int64_t day = -146097; day < 146097; day += 7) {
        int64_t ms;
        pb_arena *a = pb_arena_new(0);
        pb_str text = pb_time_text(a, day * 86400000);
        bool same = pb_time_parse(text, &ms) && ms == day * 86400000;
        pb_arena_free(a);
        if (!same) {
            CHECK(same);
            return;
        }
    }
}

static void test_base64(void) {
    static const struct {
        const char *plain, *coded;
    } rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="}};
    static const char *const bad[] = {"Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "-_8=", "Zg==Zg=="};
    pb_str out;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_STR(pb_base64(arena, rows[i].plain, strlen(rows[i].plain)).s, rows[i].coded);
        CHECK(pb_base64_decode(arena, pb_str_c(rows[i].coded), &out) && pb_str_is(out, rows[i].plain));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!pb_base64_decode(arena, pb_str_c(bad[i]), &out));
}

static void test_objects(void) {
    static const char text[] = "{\"a\":[1,2.5,null,true,\"x\"],\"b\":{\"c\":-3}}";
    pb_value v = parse(text), back;
    struct json_object *o = pb_json_object(v);
    CHECK(o != NULL);
    CHECK(pb_json_value(arena, o, &back) && pb_str_is(pb_json_text(arena, back), text));
    json_object_put(o);
    o = pb_json_object(pb_int(42));
    CHECK(o && json_object_get_int64(o) == 42);
    json_object_put(o);
    CHECK(pb_json_object(PB_NONE_VALUE) == NULL);
    o = json_object_new_uint64(UINT64_MAX);
    CHECK(!pb_json_value(arena, o, &back)); /* would be another number */
    json_object_put(o);
}

static void test_builder(void) {
    pb_map_builder b = {.arena = arena};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 40; i++) pb_map_add(&b, pb_printf(arena, "key%d", i), pb_int(round * 100 + i));
    pb_value v = pb_map_done(&b);
    CHECK(v.n == 40 && pb_str_is(v.u.entries[39].key, "key39") && v.u.entries[39].value.u.i == 139);
    CHECK(pb_map_has(&b, PB_STR("key0")) && !pb_map_has(&b, PB_STR("key40")));
}

/* Whatever allocation fails, the answer is "no" and a sentence, and nothing is touched that is not there. */
static void test_no_memory(void) {
    static const char text[] = "{\"a\":[1,2,3,4,5,6,7,8,9],\"b\":{\"c\":\"d\"},\"e\":1.5,\"f\":\"\\u00e9\"}";
    pb_value v;
    pb_str err;
    size_t n = 1;
    for (;; n++) {
        pb_arena *a = pb_arena_new(0);
        pb_arena_fail_after(a, n);
        bool ok = pb_json_parse(a, text, sizeof text - 1, &v, &err);
        if (!ok) CHECK(err.s && pb_str_is(err, "out of memory"));
        pb_arena_free(a);
        if (ok) break;
    }
    CHECK(n > 5);
    pb_arena *a = pb_arena_new(0);
    pb_arena_fail_after(a, 1);
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("a"), pb_int(1));
    CHECK(b.oom && pb_is(pb_map_done(&b), PB_NONE));
    CHECK(!pb_display(a, pb_int(1)).s && !pb_base64(a, "x", 1).s && !pb_json_text(a, pb_int(1)).s);
    pb_arena_free(a);
}

int main(void) {
    arena = pb_arena_new(0);
    CASE("JSON that is read and written again") test_json_good();
    CASE("JSON that is refused, with its place") test_json_refused();
    CASE("JSON at its limits") test_json_limits();
    CASE("values whose walk would not end") test_bounded();
    CASE("equality is deep and exact") test_equal();
    CASE("paths") test_paths();
    CASE("display") test_display();
    CASE("times, both ways") test_times();
    CASE("base64, both ways") test_base64();
    CASE("json-c's objects, both ways") test_objects();
    CASE("maps are built in order, once a key") test_builder();
    CASE("no memory is an ordinary failure") test_no_memory();
    pb_arena_free(arena);
    return check_done();
}
