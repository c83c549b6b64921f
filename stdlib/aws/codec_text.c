/*
 * codec_text.c - scalars as text: numbers, times, blobs, percent-encoding.
 *
 * The same few rules serve form bodies, XML, headers and addresses. Times have three spellings on the wire (ISO 8601,
 * RFC 822, seconds since 1970); which one is due depends on the place and on the model, but services answer in any of
 * them, so reading tries all. Doubles are written with the fewest digits that read back as the same number.
 */
#include "stdlib/aws/wire.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- percent-encoding ---- */

static bool unreserved(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' ||
           ch == '.' || ch == '~';
}

void text_encode(pb_buf *b, pb_str s, const char *keep) {
    static const char hex[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.s[i];
        if (unreserved(s.s[i]) || (ch && strchr(keep, ch))) {
            pb_buf_putc(b, s.s[i]);
        } else {
            char e[3] = {'%', hex[ch >> 4], hex[ch & 15]};
            pb_buf_add(b, e, 3);
        }
    }
}

static int hex_digit(char ch) {
    if (ch >= '0' && ch <= '9') return ch - '0';
    if (ch >= 'a' && ch <= 'f') return ch - 'a' + 10;
    if (ch >= 'A' && ch <= 'F') return ch - 'A' + 10;
    return -1;
}

bool text_decode(pb_arena *a, pb_str s, bool plus_is_space, pb_str *out) {
    char *to = pb_alloc(a, (size_t)s.n + 1);
    uint32_t n = 0;
    if (!to) return false;
    for (uint32_t i = 0; i < s.n; i++) {
        int hi = s.s[i] == '%' && s.n - i > 2 ? hex_digit(s.s[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(s.s[i + 2]) : -1;
        if (lo >= 0) {
            to[n++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            to[n++] = plus_is_space && s.s[i] == '+' ? ' ' : s.s[i];
        }
    }
    *out = (pb_str){to, n};
    return true;
}

/* ---- small things ---- */

static char lower(char ch) { return ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch; }

bool text_is(pb_str s, const char *z, bool ignore_case) {
    if (!ignore_case) return pb_str_is(s, z);
    if (strlen(z) != s.n) return false;
    for (uint32_t i = 0; i < s.n; i++)
        if (lower(s.s[i]) != lower(z[i])) return false;
    return true;
}

pb_str text_utf8(pb_arena *a, pb_str s) {
    if (pb_utf8_valid(s.s ? s.s : "", s.n)) return pb_strdup(a, s.s ? s.s : "", s.n);
    char *to = pb_alloc_array(a, (size_t)s.n + 1, 2);
    uint32_t n = 0;
    for (uint32_t i = 0; to && i < s.n; i++) {
        unsigned char ch = (unsigned char)s.s[i];
        if (ch >= 0x80) to[n++] = (char)(0xc0 | ch >> 6);
        to[n++] = ch >= 0x80 ? (char)(0x80 | (ch & 0x3f)) : (char)ch;
    }
    return (pb_str){to, n};
}

pb_str text_trim(pb_str s) {
    while (s.n && strchr(" \t\r\n", s.s[0]) && s.s[0]) s.s++, s.n--;
    while (s.n && strchr(" \t\r\n", s.s[s.n - 1]) && s.s[s.n - 1]) s.n--;
    return s;
}

/* ---- numbers ---- */

void text_put_double(pb_buf *b, double d) {
    char t[40];
    if (isnan(d)) {
        pb_buf_puts(b, "NaN");
        return;
    }
    if (isinf(d)) {
        pb_buf_puts(b, d > 0 ? "Infinity" : "-Infinity");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(t, sizeof t, "%.*g", digits, d);
        if (strtod(t, NULL) == d) break; // NOLINT(clang-diagnostic-float-equal): the very same number is meant
    }
    pb_buf_puts(b, t);
    if (!strpbrk(t, ".e")) pb_buf_puts(b, ".0");
}

/* A copy that strtod can stop in; numbers are short. */
static bool number_text(pb_str s, char *to, size_t size) {
    s = text_trim(s);
    if (s.n == 0 || s.n >= size) return false;
    memcpy(to, s.s, s.n);
    to[s.n] = 0;
    return true;
}

static bool read_double(pb_str s, double *out) {
    char t[400], *end;
    if (!number_text(s, t, sizeof t)) return false;
    *out = strtod(t, &end);
    return *end == 0 && end != t;
}

static bool read_int(pb_str s, int64_t *out) {
    char t[40], *end;
    if (!number_text(s, t, sizeof t)) return false;
    errno = 0;
    long long n = strtoll(t, &end, 10);
    *out = n;
    return *end == 0 && end != t && errno == 0;
}

/* ---- times ---- */

static const char *const day_names[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"}; /* 1970 began on a Thursday */
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* "Thu, 01 Jan 1970 00:00:00 GMT", by way of the ISO text of the same moment. */
static void put_rfc822(pb_buf *b, int64_t ms) {
    pb_arena *scratch = pb_arena_new(0);
    int64_t seconds = floor_div(ms, 1000), days = floor_div(seconds, 86400);
    pb_str iso = scratch ? pb_time_text(scratch, seconds * 1000) : (pb_str){NULL, 0};
    int y, mo, d, h, mi, s;
    if (!iso.s)
        b->oom = true;
    else if (sscanf(iso.s, "%d-%d-%dT%d:%d:%d", &y, &mo, &d, &h, &mi, &s) == 6 && mo >= 1 && mo <= 12)
        pb_buf_printf(b, "%s, %02d %s %04d %02d:%02d:%02d GMT", day_names[((days % 7) + 7) % 7], d, month_names[mo - 1],
                      y, h, mi, s);
    pb_arena_free(scratch);
}

static void put_iso(pb_buf *b, int64_t ms) {
    pb_arena *scratch = pb_arena_new(0);
    pb_str iso = scratch ? pb_time_text(scratch, ms) : (pb_str){NULL, 0};
    if (iso.s)
        pb_buf_add(b, iso.s, iso.n);
    else
        b->oom = true;
    pb_arena_free(scratch);
}

/* Milliseconds are sent where the spelling has room for them, except in seconds since 1970: botocore sends whole ones.
 */
void text_put_time(pb_buf *b, int64_t ms, uint8_t format) {
    if (format == TAB_TIME_UNIX)
        pb_buf_printf(b, "%lld", (long long)floor_div(ms, 1000));
    else if (format == TAB_TIME_RFC822)
        put_rfc822(b, ms);
    else
        put_iso(b, ms);
}

static int month_of(const char *name) {
    for (int i = 0; i < 12; i++)
        if (strncmp(name, month_names[i], 3) == 0) return i + 1;
    return 0;
}

/* "Thu, 01 Jan 1970 00:00:00 GMT", the day of the week may be missing; GMT or UTC or +0000 only. */
static bool read_rfc822(pb_str s, int64_t *ms) {
    char t[64], month[4], zone[8], iso[40];
    int d, y, h, mi, sec;
    if (!number_text(s, t, sizeof t)) return false;
    const char *comma = strchr(t, ',');
    if (sscanf(comma ? comma + 1 : t, " %2d%*1[ -]%3[A-Za-z]%*1[ -]%4d %2d:%2d:%2d %7s", &d, month, &y, &h, &mi, &sec,
               zone) != 7)
        return false;
    int mo = month_of(month);
    if (!mo || (strcmp(zone, "GMT") != 0 && strcmp(zone, "UTC") != 0 && strcmp(zone, "+0000") != 0)) return false;
    snprintf(iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02dZ", y, mo, d, h, mi, sec);
    return pb_time_parse(pb_str_c(iso), ms);
}

bool text_read_time(pb_str s, int64_t *ms) {
    const double limit = 9e15; /* seconds: beyond this, milliseconds would leave 64 bits */
    double seconds;
    s = text_trim(s);
    if (pb_time_parse(s, ms) || read_rfc822(s, ms)) return true;
    if (!read_double(s, &seconds) || !(fabs(seconds) < limit)) return false;
    *ms = (int64_t)llround(seconds * 1000);
    return true;
}

bool text_time_of(pb_value v, int64_t *ms) {
    if (v.kind == PB_TIME) {
        *ms = v.u.i;
        return true;
    }
    return v.kind == PB_STRING && pb_time_parse(pb_text(v), ms);
}

/* ---- scalars by shape ---- */

static bool put_blob(pb_buf *b, pb_str data) {
    pb_arena *scratch = pb_arena_new(0);
    pb_str t = scratch ? pb_base64(scratch, data.s, data.n) : (pb_str){NULL, 0};
    if (t.s)
        pb_buf_add(b, t.s, t.n);
    else
        b->oom = true;
    pb_arena_free(scratch);
    return true;
}

static bool is_text(pb_value v) { return v.kind == PB_STRING || v.kind == PB_SECRET; }

bool text_put_scalar(codec *c, pb_buf *b, const tab_ref *r, pb_value v, uint8_t time) {
    int64_t ms;
    switch ((schema_kind)tab_ref_shape(c->m, r)->kind) {
    case SCHEMA_STRING:
        if (!is_text(v)) return false;
        pb_buf_add(b, v.u.s, v.n);
        return true;
    case SCHEMA_INT:
        if (v.kind != PB_INT) return false;
        pb_buf_printf(b, "%lld", (long long)v.u.i);
        return true;
    case SCHEMA_FLOAT:
        if (v.kind == PB_INT)
            pb_buf_printf(b, "%lld", (long long)v.u.i);
        else if (v.kind == PB_FLOAT)
            text_put_double(b, v.u.d);
        else
            return false;
        return true;
    case SCHEMA_BOOL:
        if (v.kind != PB_BOOL) return false;
        pb_buf_puts(b, v.u.b ? "true" : "false");
        return true;
    case SCHEMA_TIME:
        if (!text_time_of(v, &ms)) return false;
        text_put_time(b, ms, r->time != TAB_TIME_DEFAULT ? r->time : time);
        return true;
    case SCHEMA_BLOB: return (is_text(v) || v.kind == PB_BYTES) && put_blob(b, pb_text(v));
    default: return false;
    }
}

static bool read_number(codec *c, schema_kind kind, pb_str s, const wire_path *at, pb_value *out) {
    int64_t i;
    double d;
    if (kind == SCHEMA_FLOAT && read_double(s, &d)) {
        *out = pb_float(d);
        return true;
    }
    if (kind == SCHEMA_INT && read_int(s, &i)) {
        *out = pb_int(i);
        return true;
    }
    return codec_wrong(c, at, "expected %s", kind == SCHEMA_INT ? "an integer" : "a number");
}

static bool read_bool(codec *c, pb_str s, const wire_path *at, pb_value *out) {
    s = text_trim(s);
    if (text_is(s, "true", true) || pb_str_is(s, "1"))
        *out = pb_bool(true);
    else if (text_is(s, "false", true) || pb_str_is(s, "0") || s.n == 0)
        *out = pb_bool(false);
    else
        return codec_wrong(c, at, "expected true or false");
    return true;
}

bool text_read_scalar(codec *c, const tab_ref *r, pb_str s, const wire_path *at, pb_value *out) {
    schema_kind kind = (schema_kind)tab_ref_shape(c->m, r)->kind;
    int64_t ms;
    pb_str data;
    switch (kind) {
    case SCHEMA_STRING:
        *out = pb_string(s);
        return pb_utf8_valid(s.s ? s.s : "", s.n) || codec_wrong(c, at, "not UTF-8");
    case SCHEMA_INT:
    case SCHEMA_FLOAT: return read_number(c, kind, s, at, out);
    case SCHEMA_BOOL: return read_bool(c, s, at, out);
    case SCHEMA_TIME:
        if (!text_read_time(s, &ms)) return codec_wrong(c, at, "expected a time");
        *out = pb_time(ms);
        return true;
    case SCHEMA_BLOB:
        if (!pb_base64_decode(c->a, text_trim(s), &data)) return codec_wrong(c, at, "expected base64");
        *out = (pb_value){PB_BYTES, data.n, {.s = data.s}};
        return true;
    default: return codec_wrong(c, at, "expected text");
    }
}
