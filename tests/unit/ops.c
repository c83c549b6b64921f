/*
 * ops.c - operators, built-in functions, casts and parameters: each with good and bad values, through a program of a
 * few instructions.
 */
#include "tests/lib/vmtest.h"

#include "vm/regex.h"

/* Loads the items of the event (a list) into registers 1, 2, 3. */
static void load_operands(iw *w) {
    for (uint32_t i = 0; i < 3; i++) {
        EMITJ(LOADI, 10, (int)i);
        EMIT(INDEX, 1 + i, 0, 10);
    }
}

/* What `op 4, 1, 2` makes of b and c. */
static const char *operate(opcode o, pb_value b, pb_value c) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    body(w);
    load_operands(w);
    iw_emit(w, op_abc(o, 4, 1, op_table[o].c == OPERAND_R ? 2 : 0));
    record(w, "v", 4);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, list3(b, c, none()), NULL);
    pb_buf_free(&wd.trace);
    return r.outcome == VM_DONE ? text_of(pb_get_c(r.record, "v")) : told(r);
}

static const char *call_builtin(uint32_t builtin, uint32_t n, pb_value a, pb_value b, pb_value c) {
    universe wd;
    world_new(&wd);
    wd.dry = pb_has_unknown(a) || pb_has_unknown(b); /* nowhere else are there unknowns */
    iw *w = start();
    body(w);
    load_operands(w);
    EMIT(BUILTIN, 1, builtin, n);
    record(w, "v", 1);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, list3(a, b, c), NULL);
    pb_buf_free(&wd.trace);
    return r.outcome == VM_DONE ? text_of(pb_get_c(r.record, "v")) : told(r);
}

#define OPS(o, b, c, want) CHECK_STR(operate(OPCODE_##o, b, c), want)
#define BUILT(name, n, a, b, c, want) CHECK_STR(call_builtin(BUILTIN_##name, n, a, b, c), want)

static void test_arithmetic(void) {
    pb_value t = pb_time(1000), d = pb_duration(500), big = I(INT64_MAX);
    OPS(ADD, I(2), I(3), "5");
    OPS(ADD, I(2), pb_float(0.5), "2.5");
    OPS(ADD, big, I(1), "!overflow");
    OPS(ADD, pb_float(1e308), pb_float(1e308), "!overflow");
    OPS(ADD, t, d, "\"1970-01-01T00:00:01.500Z\"");
    OPS(ADD, d, t, "\"1970-01-01T00:00:01.500Z\"");
    OPS(ADD, S("a"), S("b"), "\"ab\"");
    OPS(ADD, J("[1]"), J("[2,3]"), "[1,2,3]");
    OPS(ADD, S("a"), I(1), "!type");
    OPS(ADD, none(), I(1), "!type");
    OPS(ADD, secret(), S("a"), "!type");
    OPS(ADD, unknown(), I(1), "unknown");
    OPS(ADD, t, t, "!type");
    OPS(SUB, I(2), I(3), "-1");
    OPS(SUB, t, d, "\"1970-01-01T00:00:00.500Z\"");
    OPS(SUB, d, t, "!type");
    OPS(SUB, t, pb_time(0), "\"1s\"");
    OPS(SUB, I(INT64_MIN), I(1), "!overflow");
    OPS(MUL, d, I(3), "\"1s500ms\"");
    OPS(MUL, I(3), d, "\"1s500ms\"");
    OPS(MUL, big, I(2), "!overflow");
    OPS(MUL, d, d, "!type");
    OPS(DIV, I(7), I(-2), "-3");
    OPS(DIV, I(7), pb_float(2), "3.5");
    OPS(DIV, d, I(5), "\"100ms\"");
    OPS(DIV, I(1), I(0), "!divide_by_zero");
    OPS(DIV, pb_float(1), pb_float(0), "!divide_by_zero");
    OPS(DIV, I(INT64_MIN), I(-1), "!overflow");
    OPS(MOD, I(-7), I(3), "-1");
    OPS(MOD, I(INT64_MIN), I(-1), "0");
    OPS(MOD, I(1), I(0), "!divide_by_zero");
    OPS(MOD, pb_float(1), I(1), "!type");
    OPS(NEG, I(5), none(), "-5");
    OPS(NEG, I(INT64_MIN), none(), "!overflow");
    OPS(NEG, S("x"), none(), "!type");
}

static void test_comparing(void) {
    OPS(EQ, J("{\"a\":[1]}"), J("{\"a\":[1.0]}"), "true");
    OPS(EQ, none(), none(), "false");
    OPS(NE, none(), none(), "true");
    OPS(NE, S("a"), none(), "true");
    OPS(EQ, unknown(), I(1), "unknown");
    OPS(EQ, I(9007199254740993), pb_float(9007199254740992.0), "false");
    OPS(LT, I(9007199254740992), pb_float(9007199254740992.0), "false");
    OPS(LE, I(9007199254740992), pb_float(9007199254740992.0), "true");
    OPS(LT, S("a"), S("ab"), "true");
    OPS(LT, S("z"), S("\xc3\xa4"), "true");
    OPS(LT, pb_time(1), pb_time(2), "true");
    OPS(LT, pb_duration(2), pb_duration(2), "false");
    OPS(LT, none(), I(2), "false");
    OPS(LE, I(2), none(), "false");
    OPS(LT, S("1"), I(2), "!type");
    OPS(LT, J("[]"), J("[]"), "!type");
    OPS(NOT, pb_bool(true), none(), "false");
    OPS(NOT, none(), none(), "true");
    OPS(NOT, unknown(), none(), "unknown");
    OPS(NOT, I(0), none(), "!type");
    OPS(EXISTS, none(), none(), "false");
    OPS(EXISTS, pb_bool(false), none(), "true");
    OPS(EXISTS, unknown(), none(), "true"); /* what a write that was not made would have given */
}

static void test_searching(void) {
    OPS(IN, I(2), J("[1,2.0]"), "true");
    OPS(IN, I(3), J("[1,2]"), "false");
    OPS(IN, S("a"), J("{\"a\":null}"), "true");
    OPS(IN, S("bc"), S("abcd"), "true");
    OPS(IN, S(""), S(""), "true");
    OPS(IN, none(), J("[null]"), "false");
    OPS(IN, I(1), none(), "false");
    OPS(IN, I(1), S("1"), "!type");
    OPS(IN, I(1), unknown(), "unknown");
    OPS(LIKE, S("Trojan:EC2/DNS"), S("Trojan:EC2/*"), "true");
    OPS(LIKE, S("abc"), S("a?c"), "true");
    OPS(LIKE,
        S("a\xc3\xa4"
          "c"),
        S("a?c"), "true");
    OPS(LIKE, S("abc"), S("ab"), "false");
    OPS(LIKE, S("abc"), S("*b*c"), "true");
    OPS(LIKE, S(""), S("**"), "true");
    OPS(LIKE, S("aXbXc"), S("a*X"), "false");
    OPS(LIKE, none(), S("*"), "false");
    OPS(LIKE, I(1), S("*"), "!type");
    OPS(MATCHES, S("i-0abc12"), S("^i-[0-9a-f]+$"), "true");
    OPS(MATCHES, S("xxi-0"), S("i-\\d"), "true");
    OPS(MATCHES, S("\xc3\xa4"), S("^.$"), "true");
    OPS(MATCHES, S("abc"), S("^b"), "false");
    OPS(MATCHES, none(), S("."), "false");
    OPS(MATCHES, S("a"), S("("), "!bad_pattern");
    OPS(MATCHES, S("a"), S("\\C"), "!bad_pattern");
    OPS(MATCHES, S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"), S("^(a+)+$"), "!pattern_too_costly");
    OPS(INCIDR, S("10.1.2.3"), S("10.0.0.0/8"), "true");
    OPS(INCIDR, S("11.1.2.3"), S("10.0.0.0/8"), "false");
    OPS(INCIDR, S("10.1.2.3"), J("[\"192.168.0.0/16\",\"10.1.2.2/31\"]"), "true");
    OPS(INCIDR, S("::ffff:10.1.2.3"), S("10.0.0.0/8"), "true");
    OPS(INCIDR, S("2001:db8::1"), S("2001:db8::/33"), "true");
    OPS(INCIDR, S("2001:db8:8000::1"), S("2001:db8::/33"), "false");
    OPS(INCIDR, S("10.1.2.3"), S("0.0.0.0/0"), "true");
    OPS(INCIDR, S("1.2.3"), S("10.0.0.0/8"), "!not_an_address");
    OPS(INCIDR, S("1.2.3.4"), S("10.0.0.0/33"), "!not_a_block");
    OPS(INCIDR, none(), S("10.0.0.0/8"), "false");
    OPS(INDEX, J("[1,2]"), I(1), "2");
    OPS(INDEX, J("[1,2]"), I(2), "none");
    OPS(INDEX, J("[1,2]"), I(-1), "none");
    OPS(INDEX, J("{\"a\":5}"), S("a"), "5");
    OPS(INDEX, none(), I(0), "none");
    OPS(INDEX, S("abc"), I(0), "!type");
    OPS(INDEX, J("[1]"), S("a"), "!type");
    OPS(INDEX, unknown(), I(0), "unknown");
}

static void test_builtins(void) {
    pb_value n = none();
    BUILT(JOIN, 2, J("[\"a\",\"b\",\"c\"]"), S(", "), n, "\"a, b, c\"");
    BUILT(JOIN, 2, J("[]"), S(", "), n, "\"\"");
    BUILT(JOIN, 2, J("[1]"), S(", "), n, "!type");
    BUILT(SPLIT, 2, S("a,b,,c"), S(","), n, "[\"a\",\"b\",\"\",\"c\"]");
    BUILT(SPLIT, 2, S(""), S(","), n, "[\"\"]");
    BUILT(SPLIT, 2, S("abc"), S(""), n, "!value");
    BUILT(LOWER, 1, S("AZ\xc3\x84[@"), n, n, "\"az\xc3\x84[@\"");
    BUILT(UPPER, 1, S("az`{"), n, n, "\"AZ`{\"");
    BUILT(TRIM, 1, S(" \t a b\n"), n, n, "\"a b\"");
    BUILT(REPLACE, 3, S("aXXbX"), S("X"), S("--"), "\"a----b--\"");
    BUILT(REPLACE, 3, S("abab"), S("ab"), S(""), "\"\"");
    BUILT(REPLACE, 3, S("a"), S(""), S("x"), "!value");
    BUILT(STARTS_WITH, 2, S("abc"), S("ab"), n, "true");
    BUILT(ENDS_WITH, 2, S("abc"), S("abcd"), n, "false");
    BUILT(SLICE, 3,
          S("a\xc3\xa4\xe2\x82\xac"
            "b"),
          I(1), I(3), "\"\xc3\xa4\xe2\x82\xac\"");
    BUILT(SLICE, 3, S("abc"), I(-5), I(99), "\"abc\"");
    BUILT(SLICE, 3, S("abc"), I(2), I(1), "\"\"");
    BUILT(SIZE_S, 1, S("a\xc3\xa4\xf0\x9f\x98\x80"), n, n, "3");
    BUILT(SIZE_L, 1, J("[1,2]"), n, n, "2");
    BUILT(SIZE_M, 1, J("{\"a\":1}"), n, n, "1");
    BUILT(SIZE_S, 1, n, n, n, "none");
    BUILT(FIRST, 1, J("[7,8]"), n, n, "7");
    BUILT(FIRST, 1, J("[]"), n, n, "none");
    BUILT(LAST, 1, J("[7,8]"), n, n, "8");
    BUILT(UNIQUE, 1, J("[\"b\",\"a\",\"b\"]"), n, n, "[\"b\",\"a\"]");
    BUILT(UNIQUE, 1, J("[1,1.0,\"1\",[1],[1]]"), n, n, "[1,\"1\",[1]]");
    BUILT(SORT, 1, J("[3,1.5,2,-1,2]"), n, n, "[-1,1.5,2,2,3]");
    BUILT(SORT, 1, J("[\"b\",\"a\",\"B\"]"), n, n, "[\"B\",\"a\",\"b\"]");
    BUILT(SORT, 1, J("[1,\"a\"]"), n, n, "!type");
    BUILT(SORT, 1, J("[]"), n, n, "[]");
    BUILT(KEYS, 1, J("{\"b\":1,\"a\":2}"), n, n, "[\"b\",\"a\"]");
    BUILT(VALUES, 1, J("{\"b\":1,\"a\":2}"), n, n, "[1,2]");
    pb_value arn = S("arn:aws-cn:iam:eu-west-1:123456789012:role/a:b");
    BUILT(ARN_PARTITION, 1, arn, n, n, "\"aws-cn\"");
    BUILT(ARN_SERVICE, 1, arn, n, n, "\"iam\"");
    BUILT(ARN_REGION, 1, arn, n, n, "\"eu-west-1\"");
    BUILT(ARN_ACCOUNT, 1, arn, n, n, "\"123456789012\"");
    BUILT(ARN_RESOURCE, 1, arn, n, n, "\"role/a:b\"");
    BUILT(ARN_REGION, 1, S("arn:aws:s3:::bucket"), n, n, "\"\"");
    BUILT(FORMAT, 1, pb_time(1500), n, n, "\"1970-01-01T00:00:01Z\"");
    BUILT(FORMAT, 1, pb_time(-1), n, n, "\"1969-12-31T23:59:59Z\"");
    BUILT(FORMAT, 2, pb_time(0), S("%Y/%m/%d %H:%M:%S %%"), n, "\"1970/01/01 00:00:00 %\"");
    BUILT(FORMAT, 2, pb_time(0), S("%s"), n, "!value");
    BUILT(FORMAT, 2, pb_time(0), S("%"), n, "!value");
    BUILT(FORMAT, 2, pb_time(INT64_MAX), S("%Y"), n, "\"292278994\"");
    BUILT(EPOCH, 1, pb_time(-1), n, n, "-1");
    BUILT(SECONDS, 1, pb_duration(90500), n, n, "90");
    BUILT(TO_ARN, 1, S("arn:aws:iam::aws:policy/ReadOnlyAccess"), n, n, "\"arn:aws:iam::aws:policy/ReadOnlyAccess\"");
    BUILT(TO_ARN, 1, S("arn:aws:iam::12345:user/x"), n, n, "none");
    BUILT(TO_ARN, 1, S("arn:aws:iam"), n, n, "none");
    BUILT(TO_IP, 1, S("fe80::1"), n, n, "\"fe80::1\"");
    BUILT(TO_IP, 1, S("1.2.3.4 "), n, n, "none");
    BUILT(TO_CIDR, 1, S("10.0.0.0/8"), n, n, "\"10.0.0.0/8\"");
    BUILT(TO_CIDR, 1, S("10.0.0.0/08"), n, n, "none");
    BUILT(TO_TIME, 1, S("1970-01-01T00:00:01Z"), n, n, "\"1970-01-01T00:00:01Z\"");
    BUILT(TO_TIME, 1, S("soon"), n, n, "none");
    BUILT(TO_INT, 1, S("-9223372036854775808"), n, n, "-9223372036854775808");
    BUILT(TO_INT, 1, S("9223372036854775808"), n, n, "none");
    BUILT(TO_INT, 1, S("12x"), n, n, "none");
    BUILT(TO_INT, 1, S("-"), n, n, "none");
    BUILT(TO_STRING, 1, pb_float(8), n, n, "\"8\"");
    BUILT(TO_STRING, 1, secret(), n, n, "!secret");
    BUILT(JSON_TEXT, 1, J("{\"a\":[1,null]}"), n, n, "\"{\\\"a\\\":[1,null]}\"");
    BUILT(JSON_TEXT, 1, list3(I(1), secret(), n), n, n, "!secret");
    BUILT(JSON_PARSE, 1, S("{\"a\":1}"), n, n, "{\"a\":1}");
    BUILT(JSON_PARSE, 1, S("{"), n, n, "none");
    BUILT(URL_ENCODE, 1, S("a b/\xc3\xa4~"), n, n, "\"a%20b%2F%C3%A4~\"");
    BUILT(URL_DECODE, 1, S("a%20b%2f%C3%A4%zz%4"), n, n, "\"a b/\xc3\xa4%zz%4\"");
    BUILT(URL_DECODE, 1, S("%ff"), n, n, "!not_utf8");
    BUILT(SHA256, 1, S("abc"), n, n, "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
    BUILT(TEXT, 1, ((pb_value){.kind = PB_BYTES, .n = 2, .u.s = "ok"}), n, n, "\"ok\"");
    BUILT(TEXT, 1, ((pb_value){.kind = PB_BYTES, .n = 1, .u.s = "\xff"}), n, n, "none");
    BUILT(TAG_MAP, 1, J("[{\"Key\":\"a\",\"Value\":\"b\"},{\"Key\":\"c\"}]"), n, n, "{\"a\":\"b\",\"c\":\"\"}");
    BUILT(TAG_MAP, 1, n, n, n, "{}");
    BUILT(TAG_MAP, 1, J("[1]"), n, n, "!type");
    BUILT(LOWER, 1, I(1), n, n, "!type");
    BUILT(REPLACE, 3, S("a"), S("b"), I(1), "!type");
    BUILT(LOWER, 1, unknown(), n, n, "unknown");
    BUILT(JOIN, 2, list3(S("a"), unknown(), n), S(","), n, "unknown");
    BUILT(STARTS_WITH, 2, S("a"), secret(), n, "!secret");
}

/* A type out of a little tree, and what CAST makes of a value. */
static const char *cast(iw *w, uint32_t type, pb_value v) {
    universe wd;
    world_new(&wd);
    body(w);
    EMIT(MOVE, 4, 0, 0);
    EMITX(CAST, 4, type);
    record(w, "v", 4);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, v, NULL);
    return r.outcome == VM_DONE ? text_of(pb_get_c(r.record, "v")) : told(r);
}

static uint32_t simple(iw *w, enum image_type k, bool optional) {
    return iw_type(w, k, optional, IMAGE_NIL, IMAGE_NIL, PB_STR(""));
}

static uint32_t finding_type(iw *w) {
    uint32_t fields[] = {iw_string(w, PB_STR("id")), simple(w, IMAGE_TYPE_STRING, false),
                         iw_string(w, PB_STR("at")), simple(w, IMAGE_TYPE_TIME, false),
                         iw_string(w, PB_STR("n")),  simple(w, IMAGE_TYPE_FLOAT, true)};
    return iw_type(w, IMAGE_TYPE_RECORD, false, IMAGE_NIL, iw_list(w, fields, 6), PB_STR("Finding"));
}

static void test_cast(void) {
    static const struct {
        enum image_type kind;
        const char *in, *out;
    } rows[] = {{IMAGE_TYPE_INT, "8.0", "8"},
                {IMAGE_TYPE_INT, "8.5", "none"},
                {IMAGE_TYPE_FLOAT, "8", "8.0"},
                {IMAGE_TYPE_FLOAT, "9007199254740993", "none"},
                {IMAGE_TYPE_STRING, "8", "none"},
                {IMAGE_TYPE_BOOL, "true", "true"},
                {IMAGE_TYPE_TIME, "\"1970-01-01T00:00:01Z\"", "\"1970-01-01T00:00:01Z\""},
                {IMAGE_TYPE_TIME, "\"soon\"", "none"},
                {IMAGE_TYPE_IP, "\"10.0.0.1\"", "\"10.0.0.1\""},
                {IMAGE_TYPE_IP, "\"10.0.0\"", "none"},
                {IMAGE_TYPE_ANY, "[1]", "[1]"},
                {IMAGE_TYPE_BYTES, "\"x\"", "none"},
                {IMAGE_TYPE_SECRET, "\"x\"", "none"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        iw *w = start();
        CHECK_STR(cast(w, simple(w, rows[i].kind, false), J(rows[i].in)), rows[i].out);
    }
    static const char good[] = "{\"id\":\"a\",\"at\":\"1970-01-01T00:00:01Z\",\"more\":1}";
    iw *w = start();
    CHECK_STR(cast(w, finding_type(w), J(good)), good);
    w = start();
    CHECK_STR(cast(w, finding_type(w), J("{\"id\":\"a\"}")), "none");
    w = start();
    CHECK_STR(cast(w, iw_type(w, IMAGE_TYPE_LIST, false, finding_type(w), IMAGE_NIL, PB_STR("")),
                   J("[{\"id\":1,\"at\":\"\"}]")),
              "none");
    w = start();
    CHECK_STR(cast(w, iw_type(w, IMAGE_TYPE_MAP, false, simple(w, IMAGE_TYPE_FLOAT, true), IMAGE_NIL, PB_STR("")),
                   J("{\"a\":1,\"b\":null}")),
              "{\"a\":1.0,\"b\":null}");
}

static void test_parameters(void) {
    static const struct {
        enum image_type kind;
        const char *in, *out;
    } rows[] = {{IMAGE_TYPE_STRING, "a b", "\"a b\""},
                {IMAGE_TYPE_INT, "-5", "-5"},
                {IMAGE_TYPE_INT, "5.0", "! expected a whole number"},
                {IMAGE_TYPE_FLOAT, "5", "5.0"},
                {IMAGE_TYPE_BOOL, "true", "true"},
                {IMAGE_TYPE_BOOL, "yes", "! expected true or false"},
                {IMAGE_TYPE_DURATION, "1h30m", "\"1h30m\""},
                {IMAGE_TYPE_DURATION, "500ms", "\"500ms\""},
                {IMAGE_TYPE_DURATION, "5", "! expected a duration like 30s, 5m or 1h30m"},
                {IMAGE_TYPE_TIME, "1970-01-01T00:00:00Z", "\"1970-01-01T00:00:00Z\""},
                {IMAGE_TYPE_SECRET, "s3cr3t", "\"***\""},
                {IMAGE_TYPE_CIDR, "10.0.0.0/8", "\"10.0.0.0/8\""},
                {IMAGE_TYPE_CIDR, "10.0.0.0", "! expected a block of addresses like 10.0.0.0/8"},
                {IMAGE_TYPE_BYTES, "aGk=", "\"aGk=\""},
                {IMAGE_TYPE_STRING, "\xff", "! expected text"},
                {IMAGE_TYPE_ANY, "{\"a\":1}", "{\"a\":1}"},
                {IMAGE_TYPE_LIST, "[\"a\"]", "[\"a\"]"},
                {IMAGE_TYPE_LIST, "[1]", "! expected a JSON list like [\"a\", \"b\"]"},
                {IMAGE_TYPE_LIST, "a,b",
                 "! expected a JSON list like [\"a\", \"b\"]: line 1, column 1: a value was expected here"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        iw *w = start();
        pb_buf image = {0};
        pb_str err = {NULL, 0};
        pb_value v;
        uint32_t text = simple(w, IMAGE_TYPE_STRING, false);
        uint32_t type =
            iw_type(w, rows[i].kind, false, rows[i].kind == IMAGE_TYPE_LIST ? text : IMAGE_NIL, IMAGE_NIL, PB_STR(""));
        body(w);
        EMIT(RETURN, 0, 0, 0);
        iw_function_end(w, 1);
        iw_finish(w, &image);
        vm_program *p = vm_program_load(image.data, image.len, arena, &err);
        CHECK(p != NULL);
        if (p && vm_parse_param(p, type, pb_str_c(rows[i].in), arena, &v, &err))
            CHECK_STR(text_of(v), rows[i].out);
        else
            CHECK_STR(pb_printf(arena, "! %.*s", PB_ARG(err)).s, rows[i].out);
        vm_program_close(p);
        pb_buf_free(&image);
    }
}

/* The bound on `matches` is a bound on the whole search, not on each place it starts from. */
static void test_regex_bounded(void) {
    enum { LONG = 60000 };
    char *text = malloc(LONG + 1);
    if (!text) return;
    memset(text, 'a', LONG);
    text[LONG] = 0;
    static const char *const evil[] = {
        "(a|aa)+[bc]",          "a*a*a*a*a*a*[bc]", "(a?){30}[bc]", "(.*)*[bc]\\1", "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(?:a{1,9000}){3}[bc]", "[a-z]{30000}[bc]"};
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        const char *got = operate(OPCODE_MATCHES, S(text), S(evil[i]));
        CHECK(strcmp(got, "!pattern_too_costly") == 0 || (strcmp(got, "false") == 0 && i == 6));
    }
    OPS(MATCHES, S(text), S("a{5}$"), "true");
    char *longer = malloc(REGEX_MAX_TEXT + 2);
    if (longer) {
        memset(longer, 'a', REGEX_MAX_TEXT + 1);
        longer[REGEX_MAX_TEXT + 1] = 0;
        OPS(MATCHES, S(longer), S("a"), "!text_too_long");
    }
    char pattern[REGEX_MAX_PATTERN + 2];
    memset(pattern, 'a', sizeof pattern);
    pattern[REGEX_MAX_PATTERN] = 0;
    OPS(MATCHES, S(text), S(pattern), "true");
    pattern[REGEX_MAX_PATTERN] = 'a';
    pattern[REGEX_MAX_PATTERN + 1] = 0;
    OPS(MATCHES, S(text), S(pattern), "!bad_pattern");
    /* A glob that would be exponential if each star could go back. */
    pb_value stars = S("*a*a*a*a*a*a*a*a*a*a*a*b");
    OPS(LIKE, S(text), stars, "false");
    free(longer);
    free(text);
}

int main(void) {
    arena = pb_arena_new(0);
    CASE("arithmetic") test_arithmetic();
    CASE("comparing") test_comparing();
    CASE("searching") test_searching();
    CASE("built-in functions") test_builtins();
    CASE("casts") test_cast();
    CASE("parameters from text") test_parameters();
    CASE("patterns are bounded") test_regex_bounded();
    pb_arena_free(arena);
    return check_done();
}
