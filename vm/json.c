/*
 * json.c - JSON text to values and back.
 *
 * Reading is done here rather than by json-c, because an event is the one thing that an attacker writes into this
 * program, and json-c passes over in silence what two readers understand differently: a key that occurs twice (the
 * last wins there, the first elsewhere), an integer beyond 64 bits (clamped), half of a surrogate pair (replaced), and
 * it cannot say where. All of these are refused here, with line and column. So are invalid UTF-8, control characters in
 * strings, anything behind the value, more than JSON_MAX_DEPTH levels and more than JSON_MAX_BYTES (answers
 * of services may be longer: pb_json_parse_upto). A number with a
 * fraction or an exponent is a float; one too large for a double is refused.
 *
 * Writing keeps the order of entries. Its depth and size are limited, since a program can make values that hold one
 * list very many times. A float is written with a fraction or an exponent, so that it reads back as a float.
 */
#include "vm/value.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

typedef struct reader {
    pb_arena *arena;
    const char *start, *p, *end;
    const char *message; /* what is wrong at p; NULL so far */
    unsigned first_line; /* of what the text is a part of */
    bool oom;
} reader;

static bool wrong(reader *r, const char *at, const char *message) {
    if (!r->message) {
        r->message = message;
        r->p = at;
    }
    return false;
}

static bool no_memory(reader *r) {
    r->oom = true;
    return wrong(r, r->p, "out of memory");
}

static void skip_space(reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) r->p++;
}

static int hex4(const char *p, const char *end) {
    int n = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) return -1;
        n = n << 4 | d;
    }
    return n;
}

static char *put_utf8(char *to, uint32_t c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* Behind "\u". Both halves of a pair are read together. */
static bool read_unicode(reader *r, char **to) {
    int c = hex4(r->p, r->end);
    if (c < 0) return wrong(r, r->p - 2, "\\u needs four hexadecimal digits");
    r->p += 4;
    if (c >= 0xdc00 && c < 0xe000) return wrong(r, r->p - 6, "the second half of a surrogate pair without its first");
    if (c < 0xd800 || c >= 0xe000) {
        *to = put_utf8(*to, (uint32_t)c);
        return true;
    }
    int low = r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u' ? hex4(r->p + 2, r->end) : -1;
    if (low < 0xdc00 || low >= 0xe000)
        return wrong(r, r->p - 6, "the first half of a surrogate pair without its second");
    r->p += 6;
    *to = put_utf8(*to, 0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return true;
}

static bool read_escape(reader *r, char **to) {
    static const char from[] = "\"\\/bfnrt", what[] = "\"\\/\b\f\n\r\t";
    r->p++;
    if (r->p < r->end && *r->p == 'u') {
        r->p++;
        return read_unicode(r, to);
    }
    const char *at = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;
    if (!at) return wrong(r, r->p - 1, "an escape that JSON does not have");
    *(*to)++ = what[at - from];
    r->p++;
    return true;
}

/* The closing quote, or NULL. */
static const char *string_end(const reader *r) {
    for (const char *q = r->p; q < r->end; q++) {
        if (*q == '"') return q;
        if (*q == '\\') q++;
    }
    return NULL;
}

static bool read_string(reader *r, pb_str *out) {
    const char *open = r->p++;
    const char *close = string_end(r);
    if (!close) return wrong(r, open, "a string that never ends");
    char *to = pb_alloc(r->arena, (size_t)(close - r->p) + 1); /* an escape is never shorter than what it stands for */
    if (!to) return no_memory(r);
    char *start = to;
    while (r->p < close) {
        if (*r->p == '\\') {
            if (!read_escape(r, &to)) return false;
        } else if ((unsigned char)*r->p < 0x20) {
            return wrong(r, r->p, "a control character inside a string (it must be written as an escape)");
        } else {
            *to++ = *r->p++;
        }
    }
    r->p = close + 1;
    *to = 0;
    *out = (pb_str){start, (uint32_t)(to - start)};
    return true;
}

static const char *some_digits(const char *p, const char *end) {
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}

/* The end of the number at p, NULL when there is none. */
static const char *number_end(const char *p, const char *end, bool *whole) {
    *whole = true;
    if (p < end && *p == '-') p++;
    const char *first = p;
    p = some_digits(p, end);
    if (p == first || (*first == '0' && p - first > 1)) return NULL;
    if (p < end && *p == '.') {
        *whole = false;
        first = ++p;
        p = some_digits(p, end);
        if (p == first) return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *whole = false;
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        first = p;
        p = some_digits(p, end);
        if (p == first) return NULL;
    }
    return p;
}

static bool read_integer(reader *r, const char *end, pb_value *out) {
    bool minus = *r->p == '-';
    int64_t n = 0;
    for (const char *p = r->p + minus; p < end; p++) {
        int64_t digit = *p - '0';
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, minus ? -digit : digit, &n))
            return wrong(r, r->p, "an integer that does not fit 64 bits");
    }
    *out = pb_int(n);
    r->p = end;
    return true;
}

static bool read_number(reader *r, pb_value *out) {
    enum { MAX_DIGITS = 400 }; /* more than the exact decimal of any double that anybody writes */
    bool whole;
    const char *end = number_end(r->p, r->end, &whole);
    if (!end) return wrong(r, r->p, "not a number as JSON writes them");
    if (whole) return read_integer(r, end, out);
    char text[MAX_DIGITS + 1];
    size_t n = (size_t)(end - r->p);
    if (n > MAX_DIGITS) return wrong(r, r->p, "a number of more than 400 characters");
    memcpy(text, r->p, n);
    text[n] = 0;
    double d = strtod(text, NULL);
    if (!isfinite(d)) return wrong(r, r->p, "a number too large for a float");
    *out = pb_float(d);
    r->p = end;
    return true;
}

static bool read_word(reader *r, const char *word, pb_value v, pb_value *out) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0) return wrong(r, r->p, "a value was expected here");
    r->p += n;
    *out = v;
    return true;
}

static bool read_value(reader *r, pb_value *out, int depth);

/* Behind an item: true when another follows, false at the end or when something is wrong. */
static bool more_items(reader *r, char close, const char *message) {
    skip_space(r);
    if (r->p < r->end && *r->p == ',') {
        r->p++;
        skip_space(r);
        return true;
    }
    if (r->p < r->end && *r->p == close)
        r->p++;
    else
        wrong(r, r->p, message);
    return false;
}

static bool empty(reader *r, char close) {
    r->p++;
    skip_space(r);
    if (r->p == r->end || *r->p != close) return false;
    r->p++;
    return true;
}

static bool push(reader *r, pb_value **items, uint32_t n, uint32_t *cap, pb_value v) {
    if (n == *cap) {
        uint32_t more = *cap ? *cap * 2 : 4;
        pb_value *to = pb_alloc_array(r->arena, more, sizeof *to);
        if (!to) return no_memory(r);
        if (n) memcpy(to, *items, n * sizeof *to);
        *items = to;
        *cap = more;
    }
    (*items)[n] = v;
    return true;
}

static bool read_list(reader *r, pb_value *out, int depth) {
    pb_value *items = NULL, v;
    uint32_t n = 0, cap = 0;
    if (!empty(r, ']')) {
        do {
            if (!read_value(r, &v, depth + 1) || !push(r, &items, n, &cap, v)) return false;
            n++;
        } while (more_items(r, ']', "a comma or ] was expected here"));
    }
    *out = (pb_value){.kind = PB_LIST, .n = n, .u.items = items};
    return !r->message;
}

static bool read_entry(reader *r, pb_map_builder *b, int depth) {
    pb_str key;
    pb_value v;
    const char *at = r->p;
    if (r->p == r->end || *r->p != '"') return wrong(r, r->p, "a key in double quotes was expected here");
    if (!read_string(r, &key)) return false;
    if (pb_map_has(b, key)) return wrong(r, at, "a key that occurs twice in one object");
    skip_space(r);
    if (r->p == r->end || *r->p != ':') return wrong(r, r->p, "a colon was expected here");
    r->p++;
    skip_space(r);
    if (!read_value(r, &v, depth + 1)) return false;
    pb_map_add(b, key, v);
    return !b->oom || no_memory(r);
}

static bool read_map(reader *r, pb_value *out, int depth) {
    pb_map_builder b = {.arena = r->arena};
    if (!empty(r, '}')) {
        do {
            if (!read_entry(r, &b, depth)) return false;
        } while (more_items(r, '}', "a comma or } was expected here"));
    }
    *out = pb_map_done(&b);
    return !r->message;
}

static bool read_value(reader *r, pb_value *out, int depth) {
    if (r->p == r->end) return wrong(r, r->p, "the text ends where a value was expected");
    if (depth > JSON_MAX_DEPTH) return wrong(r, r->p, "nested more than 64 levels deep");
    switch (*r->p) {
    case '{': return read_map(r, out, depth);
    case '[': return read_list(r, out, depth);
    case '"': {
        pb_str s;
        if (!read_string(r, &s)) return false;
        *out = pb_string(s);
        return true;
    }
    case 't': return read_word(r, "true", pb_bool(true), out);
    case 'f': return read_word(r, "false", pb_bool(false), out);
    case 'n': return read_word(r, "null", PB_NONE_VALUE, out);
    default:
        if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')) return read_number(r, out);
        return wrong(r, r->p, "a value was expected here");
    }
}

/* Line and column (in bytes, from 1) of the place where reading stopped. */
static pb_str placed(const reader *r, pb_arena *a) {
    unsigned line = r->first_line, column = 1;
    for (const char *p = r->start; p < r->p; p++) {
        column++;
        if (*p == '\n') line++, column = 1;
    }
    return pb_printf(a, "line %u, column %u: %s", line, column, r->message);
}

static size_t first_bad_byte(const char *text, size_t n) {
    size_t low = 0;
    /* Sequences are at most 4 bytes long: step over good ones until one is not. */
    while (low < n) {
        size_t step = 1;
        while (step <= 4 && low + step <= n && !pb_utf8_valid(text + low, step)) step++;
        if (step > 4 || low + step > n) return low;
        low += step;
    }
    return n;
}

static bool parse(pb_arena *a, const char *text, size_t n, size_t max, unsigned first_line, pb_value *out,
                  pb_str *err) {
    reader r = {.arena = a, .start = text, .p = text, .end = text + n, .first_line = first_line};
    if (n > max) {
        *err = pb_printf(a, "%zu bytes of JSON are more than the %zu that are read", n, max);
        return false;
    }
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) r.p += 3; /* a byte order mark, which some editors leave */
    if (!pb_utf8_valid(text, n)) {
        wrong(&r, text + first_bad_byte(text, n), "a byte that is not UTF-8");
    } else {
        skip_space(&r);
        if (r.p == r.end)
            wrong(&r, r.p, "the text is empty");
        else if (read_value(&r, out, 1)) {
            skip_space(&r);
            if (r.p < r.end) wrong(&r, r.p, "something follows behind the value");
        }
    }
    if (!r.message) return true;
    *err = r.oom ? PB_STR("out of memory") : placed(&r, a);
    if (!err->s) *err = PB_STR("out of memory");
    return false;
}

bool pb_json_parse(pb_arena *a, const char *text, size_t n, pb_value *out, pb_str *err) {
    return parse(a, text, n, JSON_MAX_BYTES, 1, out, err);
}

bool pb_json_parse_upto(pb_arena *a, const char *text, size_t n, size_t max, pb_value *out, pb_str *err) {
    return parse(a, text, n, max, 1, out, err);
}

bool pb_json_parse_part(pb_arena *a, const char *text, size_t n, unsigned line, pb_value *out, pb_str *err) {
    return parse(a, text, n, JSON_MAX_BYTES, line, out, err);
}

/* ---- json-c's objects ---- */

static bool from_object(pb_arena *a, struct json_object *o, pb_value *out, int depth);

static bool from_array(pb_arena *a, struct json_object *o, pb_value *out, int depth) {
    size_t n = json_object_array_length(o);
    pb_value *items;
    if (n > UINT32_MAX) return false;
    *out = pb_list_new(a, (uint32_t)n, &items);
    if (!pb_is(*out, PB_LIST)) return false;
    for (size_t i = 0; i < n; i++)
        if (!from_object(a, json_object_array_get_idx(o, i), &items[i], depth + 1)) return false;
    return true;
}

static bool from_members(pb_arena *a, struct json_object *o, pb_value *out, int depth) {
    pb_map_builder b = {.arena = a};
    struct json_object_iterator i = json_object_iter_begin(o), end = json_object_iter_end(o);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        const char *name = json_object_iter_peek_name(&i);
        pb_str key = pb_strdup(a, name, strlen(name));
        pb_value v;
        if (!key.s || !from_object(a, json_object_iter_peek_value(&i), &v, depth + 1)) return false;
        pb_map_add(&b, key, v);
    }
    *out = pb_map_done(&b);
    return !b.oom;
}

static bool from_object(pb_arena *a, struct json_object *o, pb_value *out, int depth) {
    if (depth > VALUE_MAX_DEPTH) return false;
    switch (json_object_get_type(o)) {
    case json_type_null: *out = PB_NONE_VALUE; return true;
    case json_type_boolean: *out = pb_bool(json_object_get_boolean(o)); return true;
    case json_type_double: *out = pb_float(json_object_get_double(o)); return true;
    case json_type_int:
        *out = pb_int(json_object_get_int64(o));
        return json_object_get_uint64(o) <= INT64_MAX || out->u.i < 0;
    case json_type_string: {
        pb_str s = pb_strdup(a, json_object_get_string(o), (size_t)json_object_get_string_len(o));
        *out = pb_string(s);
        return s.s != NULL;
    }
    case json_type_array: return from_array(a, o, out, depth);
    case json_type_object: return from_members(a, o, out, depth);
    }
    return false;
}

bool pb_json_value(pb_arena *a, struct json_object *o, pb_value *out) { return from_object(a, o, out, 1); }

struct json_object *pb_json_object(pb_value v) {
    /* Written and read back: one writer decides how each kind looks, and its limits hold here too. */
    pb_buf b = {0};
    struct json_object *o = NULL;
    struct json_tokener *t = NULL;
    if (!pb_is(v, PB_NONE) && pb_json_write(&b, v)) t = json_tokener_new_ex(VALUE_MAX_DEPTH + 2);
    if (t) {
        /* The NUL behind the text tells the reader that a number has ended. */
        o = json_tokener_parse_ex(t, b.data, (int)b.len + 1);
        json_tokener_free(t);
    }
    pb_buf_free(&b);
    return o;
}

/* ---- writing ---- */

static void write_string(pb_buf *b, const char *s, uint32_t n) {
    uint32_t from = 0;
    pb_buf_putc(b, '"');
    for (uint32_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
        pb_buf_add(b, s + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\')
            pb_buf_printf(b, "\\%c", c);
        else if (c == '\n')
            pb_buf_puts(b, "\\n");
        else if (c == '\t')
            pb_buf_puts(b, "\\t");
        else if (c == '\r')
            pb_buf_puts(b, "\\r");
        else
            pb_buf_printf(b, "\\u%04x", c);
    }
    pb_buf_add(b, s ? s + from : "", n - from);
    pb_buf_putc(b, '"');
}

/* Kinds that are written as pb_display writes them, between quotes. */
static void write_displayed(pb_buf *b, pb_value v) {
    pb_arena *a = pb_arena_new(0);
    pb_str s = a ? pb_display(a, v) : (pb_str){NULL, 0};
    if (s.s)
        write_string(b, s.s, s.n);
    else
        b->oom = true;
    pb_arena_free(a);
}

static void write_float(pb_buf *b, double d) {
    char text[40];
    if (!isfinite(d)) { /* no arithmetic gives one, and JSON has none */
        pb_buf_puts(b, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d) break;
    }
    pb_buf_puts(b, text);
    if (!strpbrk(text, ".e")) pb_buf_puts(b, ".0");
}

static bool write_value(pb_buf *b, pb_value v, int depth);

static bool write_items(pb_buf *b, pb_value v, int depth) {
    pb_buf_putc(b, '[');
    for (uint32_t i = 0; i < v.n; i++) {
        if (i) pb_buf_putc(b, ',');
        if (!write_value(b, v.u.items[i], depth + 1)) return false;
    }
    pb_buf_putc(b, ']');
    return true;
}

static bool write_entries(pb_buf *b, pb_value v, int depth) {
    pb_buf_putc(b, '{');
    for (uint32_t i = 0; i < v.n; i++) {
        if (i) pb_buf_putc(b, ',');
        write_string(b, v.u.entries[i].key.s, v.u.entries[i].key.n);
        pb_buf_putc(b, ':');
        if (!write_value(b, v.u.entries[i].value, depth + 1)) return false;
    }
    pb_buf_putc(b, '}');
    return true;
}

static bool write_value(pb_buf *b, pb_value v, int depth) {
    if (depth > VALUE_MAX_DEPTH || b->oom || b->len > JSON_MAX_TEXT) return false;
    switch ((pb_kind)v.kind) {
    case PB_NONE: pb_buf_puts(b, "null"); break;
    case PB_BOOL: pb_buf_puts(b, v.u.b ? "true" : "false"); break;
    case PB_INT: pb_buf_printf(b, "%lld", (long long)v.u.i); break;
    case PB_FLOAT: write_float(b, v.u.d); break;
    case PB_STRING: write_string(b, v.u.s, v.n); break;
    case PB_SECRET: pb_buf_puts(b, "\"***\""); break;
    case PB_UNKNOWN: pb_buf_puts(b, "\"(unknown)\""); break;
    case PB_BYTES:
    case PB_DURATION:
    case PB_TIME: write_displayed(b, v); break;
    case PB_LIST: return write_items(b, v, depth);
    case PB_MAP: return write_entries(b, v, depth);
    }
    return true;
}

bool pb_json_write(pb_buf *b, pb_value v) { return write_value(b, v, 1) && !b->oom && b->len <= JSON_MAX_TEXT; }

pb_str pb_json_text(pb_arena *a, pb_value v) {
    pb_buf b = {0};
    pb_str s = {NULL, 0};
    if (pb_json_write(&b, v)) s = pb_strdup(a, b.data, b.len);
    pb_buf_free(&b);
    return s;
}
