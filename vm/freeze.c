/*
 * freeze.c - values as bytes and back. See freeze.h for the form.
 *
 * Thawing trusts nothing: the file may be damaged, or older or newer than this pbrun. Every count is held against the
 * bytes that are left (an item takes one at least), so that a few bytes cannot ask for much memory.
 */
#include "vm/freeze.h"

enum {
    TAG_NONE = 'n',
    TAG_TRUE = 't',
    TAG_FALSE = 'f',
    TAG_INT = 'i',
    TAG_FLOAT = 'd',
    TAG_STRING = 's',
    TAG_BYTES = 'b',
    TAG_DURATION = 'D',
    TAG_TIME = 'T',
    TAG_LIST = 'l',
    TAG_MAP = 'm',
    TAG_SECRET = '*',
    TAG_UNKNOWN = '?',
    VARINT_MAX = 10 /* bytes of a 64-bit number */
};

/* Its address is what makes a lost secret one. */
static const char LOST[1] = "";

/* ---- writing ---- */

static void put_number(pb_buf *b, uint64_t n) {
    while (n >= 0x80) {
        pb_buf_putc(b, (char)(n | 0x80));
        n >>= 7;
    }
    pb_buf_putc(b, (char)n);
}

/* Small numbers of either sign are short. */
static void put_signed(pb_buf *b, char tag, int64_t i) {
    pb_buf_putc(b, tag);
    put_number(b, ((uint64_t)i << 1) ^ (i < 0 ? UINT64_MAX : 0));
}

static void put_text(pb_buf *b, pb_str s) {
    put_number(b, s.n);
    pb_buf_add(b, s.s, s.n);
}

static void put_float(pb_buf *b, double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    pb_buf_putc(b, TAG_FLOAT);
    for (int i = 0; i < 8; i++, bits >>= 8) pb_buf_putc(b, (char)bits);
}

/* As deep as VALUE_MAX_DEPTH. */
static bool put(pb_buf *b, pb_value v, bool *secret, uint32_t depth) {
    if (depth > VALUE_MAX_DEPTH || b->len > FREEZE_MAX) return false;
    switch ((pb_kind)v.kind) {
    case PB_NONE: pb_buf_putc(b, TAG_NONE); break;
    case PB_BOOL: pb_buf_putc(b, v.u.b ? TAG_TRUE : TAG_FALSE); break;
    case PB_INT: put_signed(b, TAG_INT, v.u.i); break;
    case PB_FLOAT: put_float(b, v.u.d); break;
    case PB_STRING:
        pb_buf_putc(b, TAG_STRING);
        put_text(b, pb_text(v));
        break;
    case PB_BYTES:
        pb_buf_putc(b, TAG_BYTES);
        put_text(b, pb_text(v));
        break;
    case PB_DURATION: put_signed(b, TAG_DURATION, v.u.i); break;
    case PB_TIME: put_signed(b, TAG_TIME, v.u.i); break;
    case PB_LIST:
        pb_buf_putc(b, TAG_LIST);
        put_number(b, v.n);
        for (uint32_t i = 0; i < v.n; i++)
            if (!put(b, v.u.items[i], secret, depth + 1)) return false;
        break;
    case PB_MAP:
        pb_buf_putc(b, TAG_MAP);
        put_number(b, v.n);
        for (uint32_t i = 0; i < v.n; i++) {
            put_text(b, v.u.entries[i].key);
            if (!put(b, v.u.entries[i].value, secret, depth + 1)) return false;
        }
        break;
    case PB_SECRET:
        pb_buf_putc(b, TAG_SECRET);
        if (secret) *secret = true;
        break;
    case PB_UNKNOWN: pb_buf_putc(b, TAG_UNKNOWN); break;
    }
    return !b->oom;
}

bool freeze_value(pb_buf *b, pb_value v, bool *secret) {
    size_t before = b->len;
    pb_buf_putc(b, FREEZE_VERSION);
    return put(b, v, secret, 0) && b->len - before <= FREEZE_MAX;
}

/* ---- reading ---- */

typedef struct reader {
    const uint8_t *at, *end;
    pb_arena *arena;
    const char *wrong;
} reader;

static bool wrong(reader *r, const char *what) {
    if (!r->wrong) r->wrong = what;
    return false;
}

static bool get_number(reader *r, uint64_t *out) {
    *out = 0;
    for (unsigned i = 0; i < VARINT_MAX && r->at < r->end; i++) {
        uint8_t c = *r->at++;
        if (i == VARINT_MAX - 1 && c > 1) break;
        *out |= (uint64_t)(c & 0x7f) << (7 * i);
        if (!(c & 0x80)) return true;
    }
    return wrong(r, "a number is cut off or too large");
}

/* A number of things that take `each` bytes at least. */
static bool get_count(reader *r, size_t each, uint32_t *out) {
    uint64_t n;
    if (!get_number(r, &n)) return false;
    if (n > UINT32_MAX || n > (size_t)(r->end - r->at) / each) return wrong(r, "it is cut off");
    *out = (uint32_t)n;
    return true;
}

static bool get_signed(reader *r, uint8_t kind, pb_value *out) {
    uint64_t n;
    if (!get_number(r, &n)) return false;
    *out = (pb_value){.kind = kind, .u.i = (int64_t)(n >> 1) ^ -(int64_t)(n & 1)};
    return true;
}

static bool get_float(reader *r, pb_value *out) {
    uint64_t bits = 0;
    if (r->end - r->at < 8) return wrong(r, "it is cut off");
    for (int i = 7; i >= 0; i--) bits = bits << 8 | r->at[i];
    r->at += 8;
    *out = pb_float(0);
    memcpy(&out->u.d, &bits, sizeof bits);
    return true;
}

static bool get_text(reader *r, pb_str *out) {
    uint32_t n;
    if (!get_count(r, 1, &n)) return false;
    *out = pb_strdup(r->arena, (const char *)r->at, n);
    r->at += n;
    return out->s || wrong(r, "out of memory");
}

static bool get(reader *r, pb_value *out, uint32_t depth);

static bool get_list(reader *r, pb_value *out, uint32_t depth) {
    uint32_t n;
    pb_value *items;
    if (!get_count(r, 1, &n)) return false;
    pb_value list = pb_list_new(r->arena, n, &items);
    if (list.kind != PB_LIST) return wrong(r, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        if (!get(r, &items[i], depth + 1)) return false;
    *out = list;
    return true;
}

static bool get_map(reader *r, pb_value *out, uint32_t depth) {
    uint32_t n;
    if (!get_count(r, 2, &n)) return false;
    pb_entry *entries = pb_alloc_array(r->arena, n ? n : 1, sizeof *entries);
    if (!entries) return wrong(r, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        if (!get_text(r, &entries[i].key) || !get(r, &entries[i].value, depth + 1)) return false;
    *out = (pb_value){.kind = PB_MAP, .n = n, .u.entries = entries};
    return true;
}

static bool get_string(reader *r, uint8_t kind, pb_value *out) {
    pb_str s;
    if (!get_text(r, &s)) return false;
    if (kind == PB_STRING && !pb_utf8_valid(s.s, s.n)) return wrong(r, "a text is not UTF-8");
    *out = (pb_value){.kind = kind, .n = s.n, .u.s = s.s};
    return true;
}

static bool get(reader *r, pb_value *out, uint32_t depth) {
    if (depth > VALUE_MAX_DEPTH) return wrong(r, "it is nested too deep");
    if (r->at == r->end) return wrong(r, "it is cut off");
    switch (*r->at++) {
    case TAG_NONE: *out = PB_NONE_VALUE; return true;
    case TAG_TRUE: *out = pb_bool(true); return true;
    case TAG_FALSE: *out = pb_bool(false); return true;
    case TAG_INT: return get_signed(r, PB_INT, out);
    case TAG_DURATION: return get_signed(r, PB_DURATION, out);
    case TAG_TIME: return get_signed(r, PB_TIME, out);
    case TAG_FLOAT: return get_float(r, out);
    case TAG_STRING: return get_string(r, PB_STRING, out);
    case TAG_BYTES: return get_string(r, PB_BYTES, out);
    case TAG_LIST: return get_list(r, out, depth);
    case TAG_MAP: return get_map(r, out, depth);
    case TAG_SECRET: *out = (pb_value){.kind = PB_SECRET, .u.s = LOST}; return true;
    case TAG_UNKNOWN: *out = pb_unknown(); return true;
    default: return wrong(r, "there is a kind of value that this pbrun does not know");
    }
}

bool thaw_value(pb_str bytes, pb_arena *a, pb_value *out, pb_str *err) {
    reader r = {(const uint8_t *)bytes.s, (const uint8_t *)bytes.s + bytes.n, a, NULL};
    *out = PB_NONE_VALUE;
    if (bytes.n == 0)
        wrong(&r, "it is empty");
    else if (*r.at++ != FREEZE_VERSION)
        wrong(&r, "it was written by another version of pbrun");
    else if (get(&r, out, 0) && r.at != r.end)
        wrong(&r, "something follows it");
    if (r.wrong) *err = pb_printf(a, "a stored value cannot be read: %s", r.wrong);
    return !r.wrong;
}

/* ---- lost secrets ---- */

bool freeze_is_lost(pb_value v) { return v.kind == PB_SECRET && v.u.s == LOST; }

static bool has_lost(pb_value v, int64_t *work, uint32_t depth) {
    if (freeze_is_lost(v) || depth > VALUE_MAX_DEPTH || --*work < 0) return true;
    if (v.kind == PB_LIST)
        for (uint32_t i = 0; i < v.n; i++)
            if (has_lost(v.u.items[i], work, depth + 1)) return true;
    if (v.kind == PB_MAP)
        for (uint32_t i = 0; i < v.n; i++)
            if (has_lost(v.u.entries[i].value, work, depth + 1)) return true;
    return false;
}

bool freeze_has_lost(pb_value v) {
    int64_t work = FREEZE_MAX;
    return has_lost(v, &work, 0);
}
