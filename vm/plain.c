/*
 * plain.c - see plain.h. Widths are close enough for cutting lines: wide scripts and pictures count as two columns,
 * combining marks as none.
 */
#include "vm/plain.h"

#include "vm/value.h"

/* One character of UTF-8; bytes that are none count as themselves, as U+FFFD. */
static uint32_t next(pb_str s, uint32_t *i) {
    uint8_t b = (uint8_t)s.s[(*i)++];
    if (b < 0x80) return b;
    uint32_t more = b >= 0xf0 && b < 0xf8 ? 3 : b >= 0xe0 && b < 0xf0 ? 2 : b >= 0xc2 && b < 0xe0 ? 1 : 0;
    uint32_t c = b & (0x3fu >> more);
    if (!more || s.n - *i < more) return 0xfffd;
    for (uint32_t k = 0; k < more; k++) {
        uint8_t t = (uint8_t)s.s[*i + k];
        if ((t & 0xc0) != 0x80) return 0xfffd;
        c = c << 6 | (t & 0x3f);
    }
    *i += more;
    return c;
}

static bool unsafe(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x00ad || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffd) || (c >= 0xe0000 && c <= 0xe0fff) || c > 0x10ffff;
}

static uint32_t columns_of(uint32_t c) {
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0xfe00 && c <= 0xfe0f)) return 0;
    bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
                (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
    return wide ? 2 : 1;
}

static uint32_t width_of(pb_str s) {
    uint32_t w = 0;
    for (uint32_t i = 0; i < s.n;) {
        uint32_t c = next(s, &i);
        w += unsafe(c) ? 1 : columns_of(c);
    }
    return w;
}

uint32_t plain_add(pb_buf *out, pb_str s, uint32_t columns) {
    bool cut = columns && width_of(s) > columns;
    uint32_t dots = columns < 3 ? columns : 3, room = cut ? columns - dots : UINT32_MAX, used = 0;
    for (uint32_t i = 0; i < s.n;) {
        uint32_t from = i, c = next(s, &i), w = unsafe(c) ? 1 : columns_of(c);
        if (w > room - used) break;
        used += w;
        if (c == '\n' || c == '\t')
            pb_buf_putc(out, ' ');
        else if (unsafe(c))
            pb_buf_putc(out, '?');
        else
            pb_buf_add(out, s.s + from, i - from);
    }
    if (!cut) return used;
    pb_buf_add(out, "...", dots);
    return used + dots;
}

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool plain_form_decode(pb_arena *a, pb_str s, pb_str *out) {
    char *t = pb_alloc(a, (size_t)s.n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; t && i < s.n; i++) {
        char c = s.s[i] == '+' ? ' ' : s.s[i];
        if (c == '%') {
            int high = s.n - i > 2 ? hex(s.s[i + 1]) : -1, low = s.n - i > 2 ? hex(s.s[i + 2]) : -1;
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        t[n++] = c;
    }
    *out = (pb_str){t, n};
    return t && pb_utf8_valid(t, n);
}
