/*
 * glob.c - `like`.
 *
 * Only the newest * ever has to give way: whatever an earlier one could do differently, the newest can do as well.
 * So there is one place to go back to, and no pattern takes more than the product of both lengths. ? stands
 * for one UTF-8 character, not one byte.
 */
#include "vm/glob.h"

/* Position behind the character at i. */
static uint32_t next_char(pb_str s, uint32_t i) {
    i++;
    while (i < s.n && ((unsigned char)s.s[i] & 0xc0) == 0x80) i++;
    return i;
}

bool vm_glob_within(pb_str pattern, pb_str text, uint64_t *left, bool *matched) {
    uint32_t p = 0, t = 0, star = UINT32_MAX, from = 0;
    while (t < text.n) {
        if (!*left) return false;
        --*left;
        if (p < pattern.n && pattern.s[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && pattern.s[p] == '?') {
            p++;
            t = next_char(text, t);
        } else if (p < pattern.n && pattern.s[p] == text.s[t]) {
            p++;
            t++;
        } else if (star != UINT32_MAX) {
            p = star + 1;
            t = from = next_char(text, from);
        } else {
            break;
        }
    }
    while (t == text.n && p < pattern.n && pattern.s[p] == '*') p++;
    *matched = t == text.n && p == pattern.n;
    return true;
}

bool vm_glob(pb_str pattern, pb_str text) {
    uint64_t left = UINT64_MAX;
    bool matched;
    return vm_glob_within(pattern, text, &left, &matched) && matched;
}
