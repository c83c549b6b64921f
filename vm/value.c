/*
 * value.c - what can be done with values wherever they come from: looking things up, building lists and maps,
 * comparing, writing them for people, base64.
 *
 * Values are trees in nearly every case, but nothing keeps a program from building a list that holds one list twice,
 * and that one another twice, and so on: sixty instructions then make a value whose walk would outlast the sun. So
 * every walk in here counts what it looks at and how deep it is, and says so instead of going on (PB_COSTLY).
 *
 * Maps keep their order. Up to SMALL_MAP entries a builder searches from the front, beyond that it keeps a hash index,
 * started from the builder's own address so that nobody can prepare keys that all collide.
 */
#include "vm/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SMALL_MAP = 16,
    EQUAL_WORK = 1 << 22, /* values one comparison outside a program may look at: more than 4 MB of JSON can hold */
    SEARCH_WORK = 1 << 20 /* the same for the search for an unknown in a call's arguments */
};

/* ---- looking up ---- */

pb_value pb_get(pb_value v, pb_str key) {
    if (v.kind == PB_UNKNOWN) return v;
    if (v.kind != PB_MAP) return PB_NONE_VALUE;
    for (uint32_t i = 0; i < v.n; i++)
        if (pb_str_eq(v.u.entries[i].key, key)) return v.u.entries[i].value;
    return PB_NONE_VALUE;
}

static bool index_of(pb_str s, uint32_t *out) {
    uint64_t n = 0;
    if (!s.n || s.n > 9) return false;
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') return false;
        n = n * 10 + (uint64_t)(s.s[i] - '0');
    }
    *out = (uint32_t)n;
    return true;
}

pb_value pb_path(pb_value v, const char *dotted) {
    while (*dotted) {
        const char *dot = strchrnul(dotted, '.');
        pb_str part = {dotted, (uint32_t)(dot - dotted)};
        uint32_t i;
        if (v.kind == PB_LIST)
            v = index_of(part, &i) && i < v.n ? v.u.items[i] : PB_NONE_VALUE;
        else
            v = pb_get(v, part);
        dotted = *dot ? dot + 1 : dot;
    }
    return v;
}

/* ---- building ---- */

pb_value pb_list_new(pb_arena *a, uint32_t n, pb_value **items) {
    *items = pb_alloc_array(a, n ? n : 1, sizeof **items);
    if (!*items) return PB_NONE_VALUE;
    return (pb_value){.kind = PB_LIST, .n = n, .u.items = *items};
}

static uint32_t key_slot(const pb_map_builder *b, pb_str key) {
    uint64_t h = 14695981039346656037u ^ (uint64_t)(uintptr_t)b->slots;
    for (uint32_t i = 0; i < key.n; i++) h = (h ^ (uint8_t)key.s[i]) * 1099511628211u;
    h ^= h >> 32;
    uint32_t at = (uint32_t)h & (b->nslots - 1);
    while (b->slots[at] && !pb_str_eq(b->entries[b->slots[at] - 1].key, key)) at = (at + 1) & (b->nslots - 1);
    return at;
}

/* The entry with this key, or b->n. */
static uint32_t map_find(const pb_map_builder *b, pb_str key) {
    if (b->slots) {
        uint32_t e = b->slots[key_slot(b, key)];
        return e ? e - 1 : b->n;
    }
    uint32_t i = 0;
    while (i < b->n && !pb_str_eq(b->entries[i].key, key)) i++;
    return i;
}

bool pb_map_has(const pb_map_builder *b, pb_str key) { return map_find(b, key) < b->n; }

static bool map_grow_to(pb_map_builder *b, uint32_t cap) {
    pb_entry *e = pb_alloc_array(b->arena, cap, sizeof *e);
    if (!e) return false;
    if (b->n) memcpy(e, b->entries, b->n * sizeof *e);
    b->entries = e;
    b->cap = cap;
    if (cap <= SMALL_MAP || cap > UINT32_MAX / 4) return cap <= SMALL_MAP;
    uint32_t *slots = pb_alloc_array(b->arena, (size_t)cap * 2, sizeof *slots);
    if (!slots) return false;
    b->slots = slots;
    b->nslots = cap * 2;
    for (uint32_t i = 0; i < b->n; i++) slots[key_slot(b, e[i].key)] = i + 1;
    return true;
}

static bool map_grow(pb_map_builder *b) {
    uint32_t cap = b->cap >= 8 ? b->cap * 2 : 8;
    return cap > b->cap && map_grow_to(b, cap);
}

void pb_map_reserve(pb_map_builder *b, uint32_t n) {
    if (b->oom || n <= b->cap - b->n || n > UINT32_MAX - b->n) return;
    pb_entry *e = pb_alloc_array(b->arena, b->n + n, sizeof *e);
    if (!e) {
        b->oom = true;
        return;
    }
    if (b->n) memcpy(e, b->entries, b->n * sizeof *e);
    b->entries = e;
    b->cap = b->n + n;
}

void pb_map_put(pb_map_builder *b, pb_str key, pb_value v) {
    if (b->oom) return;
    if (b->slots || b->n == b->cap) {
        pb_map_add(b, key, v);
        return;
    }
    b->entries[b->n++] = (pb_entry){key, v};
}

void pb_map_add(pb_map_builder *b, pb_str key, pb_value v) {
    if (b->oom) return;
    uint32_t i = map_find(b, key);
    if (i < b->n) {
        b->entries[i].value = v;
        return;
    }
    if (b->n == b->cap && !map_grow(b)) {
        b->oom = true;
        return;
    }
    b->entries[b->n++] = (pb_entry){key, v};
    if (b->slots) b->slots[key_slot(b, key)] = b->n;
}

pb_value pb_map_done(pb_map_builder *b) {
    if (b->oom) return PB_NONE_VALUE;
    return (pb_value){.kind = PB_MAP, .n = b->n, .u.entries = b->entries};
}

/* ---- comparing ---- */

static int int_float_cmp(int64_t i, double d) {
    if (d >= 9223372036854775808.0) return -1;
    if (d < -9223372036854775808.0) return 1;
    double whole = trunc(d);
    int64_t t = (int64_t)whole;
    if (i != t) return i < t ? -1 : 1;
    return d > whole ? -1 : d < whole;
}

int pb_number_cmp(pb_value a, pb_value b) {
    if (a.kind == PB_INT && b.kind == PB_INT) return a.u.i < b.u.i ? -1 : a.u.i > b.u.i;
    if (a.kind == PB_INT) return int_float_cmp(a.u.i, b.u.d);
    if (b.kind == PB_INT) return -int_float_cmp(b.u.i, a.u.d);
    return a.u.d < b.u.d ? -1 : a.u.d > b.u.d;
}

static bool is_number(pb_value v) { return v.kind == PB_INT || v.kind == PB_FLOAT; }

static pb_truth equal(pb_value a, pb_value b, int64_t *work, int depth);

/* One and the same list is looked through as well: it does not equal itself when it holds a none or an unknown. */
static pb_truth lists_equal(pb_value a, pb_value b, int64_t *work, int depth) {
    if (a.n != b.n) return PB_NO;
    pb_truth all = PB_YES;
    for (uint32_t i = 0; i < a.n; i++) {
        pb_truth t = equal(a.u.items[i], b.u.items[i], work, depth + 1);
        if (t == PB_NO || t == PB_COSTLY) return t;
        if (t == PB_MAYBE) all = t;
    }
    return all;
}

static pb_truth maps_equal(pb_value a, pb_value b, int64_t *work, int depth) {
    if (a.n != b.n) return PB_NO;
    pb_truth all = PB_YES;
    for (uint32_t i = 0; i < a.n; i++) {
        pb_str key = a.u.entries[i].key;
        /* Maps that were made alike have their keys in the same order. */
        const pb_entry *e = &b.u.entries[i];
        if (!pb_str_eq(e->key, key)) {
            uint32_t j = 0;
            while (j < b.n && !pb_str_eq(b.u.entries[j].key, key)) j++;
            *work -= j / 4;
            if (j == b.n) return PB_NO;
            e = &b.u.entries[j];
        }
        pb_truth t = equal(a.u.entries[i].value, e->value, work, depth + 1);
        if (t == PB_NO || t == PB_COSTLY) return t;
        if (t == PB_MAYBE) all = t;
    }
    return all;
}

static pb_truth equal(pb_value a, pb_value b, int64_t *work, int depth) {
    if (depth > VALUE_MAX_DEPTH || --*work < 0) return PB_COSTLY;
    if (a.kind == PB_UNKNOWN || b.kind == PB_UNKNOWN) return PB_MAYBE;
    if (is_number(a) && is_number(b)) return pb_number_cmp(a, b) == 0 ? PB_YES : PB_NO;
    if (a.kind != b.kind) return PB_NO;
    switch ((pb_kind)a.kind) {
    case PB_BOOL: return a.u.b == b.u.b ? PB_YES : PB_NO;
    case PB_DURATION:
    case PB_TIME: return a.u.i == b.u.i ? PB_YES : PB_NO;
    case PB_STRING:
    case PB_BYTES:
    case PB_SECRET: return pb_str_eq(pb_text(a), pb_text(b)) ? PB_YES : PB_NO;
    case PB_LIST: return lists_equal(a, b, work, depth);
    case PB_MAP: return maps_equal(a, b, work, depth);
    default: return PB_NO; /* none */
    }
}

pb_truth pb_equal_within(pb_value a, pb_value b, int64_t *work) { return equal(a, b, work, 0); }

bool pb_equal(pb_value a, pb_value b) {
    int64_t work = EQUAL_WORK;
    return equal(a, b, &work, 0) == PB_YES;
}

static pb_truth holds(pb_value v, pb_kind kind, int64_t *work, int depth) {
    if (v.kind == kind) return PB_YES;
    if (--*work < 0 || depth > VALUE_MAX_DEPTH) return PB_COSTLY;
    if (v.kind != PB_LIST && v.kind != PB_MAP) return PB_NO;
    pb_truth t = PB_NO;
    for (uint32_t i = 0; t == PB_NO && i < v.n; i++)
        t = holds(v.kind == PB_LIST ? v.u.items[i] : v.u.entries[i].value, kind, work, depth + 1);
    return t;
}

pb_truth pb_holds_within(pb_value v, pb_kind kind, int64_t *work) { return holds(v, kind, work, 0); }

bool pb_has_unknown(pb_value v) {
    int64_t work = SEARCH_WORK;
    return holds(v, PB_UNKNOWN, &work, 0) != PB_NO;
}

/* ---- UTF-8 ---- */

/* Length of the sequence that starts here, 0 when it is not valid. */
static size_t utf8_step(const uint8_t *p, size_t left) {
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2) return 0;
    size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (!n || left < n) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* overlong */
    if (p[0] == 0xed && p[1] > 0x9f) return 0; /* surrogate */
    if (p[0] == 0xf0 && p[1] < 0x90) return 0; /* overlong */
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0; /* above U+10FFFF */
    return n;
}

bool pb_utf8_valid(const char *s, size_t n) {
    const uint8_t *p = (const uint8_t *)s;
    for (size_t i = 0; i < n;) {
        size_t step = utf8_step(p + i, n - i);
        if (!step) return false;
        i += step;
    }
    return true;
}

/* ---- for people ---- */

static pb_str duration_text(pb_arena *a, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    char text[96];
    size_t n = 0;
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (!left) return pb_strdup(a, "0s", 2);
    if (ms < 0) text[n++] = '-';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint64_t unit = (uint64_t)units[i].ms;
        if (left < unit) continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%llu%s", (unsigned long long)(left / unit), units[i].unit);
        left %= unit;
    }
    return pb_strdup(a, text, n);
}

/* The shortest decimal that reads back as the same number. */
static pb_str float_text(pb_arena *a, double d) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d) break;
    }
    return pb_strdup(a, text, strlen(text));
}

pb_str pb_display(pb_arena *a, pb_value v) {
    switch ((pb_kind)v.kind) {
    case PB_NONE: return pb_strdup(a, "", 0);
    case PB_BOOL: return v.u.b ? PB_STR("true") : PB_STR("false");
    case PB_INT: return pb_printf(a, "%lld", (long long)v.u.i);
    case PB_FLOAT: return float_text(a, v.u.d);
    case PB_STRING: return pb_text(v).s ? pb_text(v) : PB_STR("");
    case PB_BYTES: return pb_base64(a, v.u.s, v.n);
    case PB_DURATION: return duration_text(a, v.u.i);
    case PB_TIME: return pb_time_text(a, v.u.i);
    case PB_LIST:
    case PB_MAP: return pb_json_text(a, v);
    case PB_SECRET: return PB_STR("***");
    case PB_UNKNOWN: return PB_STR("(unknown)");
    }
    return PB_STR("");
}

/* ---- base64 ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pb_str pb_base64(pb_arena *a, const void *data, size_t n) {
    const uint8_t *p = data;
    if (n > UINT32_MAX / 4 * 3 - 3) return pb_strdup(a, NULL, UINT32_MAX); /* fails as one too large does */
    size_t size = (n + 2) / 3 * 4;
    char *out = pb_alloc(a, size + 1);
    if (!out) return (pb_str){NULL, 0};
    char *q = out;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t b = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        *q++ = base64_digits[b >> 18];
        *q++ = base64_digits[b >> 12 & 63];
        *q++ = i + 1 < n ? base64_digits[b >> 6 & 63] : '=';
        *q++ = i + 2 < n ? base64_digits[b & 63] : '=';
    }
    return (pb_str){out, (uint32_t)size};
}

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool pb_base64_decode(pb_arena *a, pb_str text, pb_str *out) {
    if (text.n % 4) return false;
    uint32_t pad = text.n && text.s[text.n - 1] == '=' ? 1 + (text.s[text.n - 2] == '=') : 0;
    char *to = pb_alloc(a, (size_t)text.n / 4 * 3 + 1);
    if (!to) return false;
    uint32_t n = 0, bits = 0;
    for (uint32_t i = 0; i < text.n; i++) {
        bool padding = i >= text.n - pad;
        int digit = padding ? 0 : base64_value(text.s[i]);
        if (digit < 0) return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 3) continue;
        to[n++] = (char)(bits >> 16 & 0xff);
        to[n++] = (char)(bits >> 8 & 0xff);
        to[n++] = (char)(bits & 0xff);
    }
    if (pad && (pad == 1 ? bits & 0xff : bits & 0xffff))
        return false; /* bits that would be lost: two texts for one value */
    *out = (pb_str){to, n - pad};
    to[n - pad] = 0;
    return true;
}
