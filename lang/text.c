/*
 * text.c - reading addresses, blocks of them and ARNs (text.h).
 */
#include "lang/text.h"

#include <arpa/inet.h>

bool text_read_address(pb_str s, text_address *a) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[INET6_ADDRSTRLEN];
    if (!s.n || s.n >= sizeof text || memchr(s.s, 0, s.n)) return false;
    memcpy(text, s.s, s.n);
    text[s.n] = 0;
    a->size = 4;
    if (inet_pton(AF_INET, text, a->bytes) == 1) return true;
    a->size = 16;
    if (inet_pton(AF_INET6, text, a->bytes) != 1) return false;
    if (memcmp(a->bytes, mapped, sizeof mapped) == 0) {
        memmove(a->bytes, a->bytes + 12, 4);
        a->size = 4;
    }
    return true;
}

/* Behind the slash: 0 to most, no sign, no leading zero. */
static bool read_bits(pb_str s, int most, int *bits) {
    if (!s.n || s.n > 3 || (s.n > 1 && s.s[0] == '0')) return false;
    *bits = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') return false;
        *bits = *bits * 10 + (s.s[i] - '0');
    }
    return *bits <= most;
}

bool text_read_block(pb_str s, text_address *a, int *bits) {
    const char *slash = s.n ? memchr(s.s, '/', s.n) : NULL;
    if (!slash) return false;
    pb_str head = {s.s, (uint32_t)(slash - s.s)}, tail = {slash + 1, s.n - head.n - 1};
    if (!text_read_address(head, a)) return false;
    bool as_v6 = memchr(head.s, ':', head.n) != NULL;
    if (!read_bits(tail, as_v6 ? 128 : 32, bits)) return false;
    if (as_v6 && a->size == 4) *bits -= 96; /* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
    return *bits >= 0;
}

bool text_is_ip(pb_str s) {
    text_address a;
    return text_read_address(s, &a);
}

bool text_is_cidr(pb_str s) {
    text_address a;
    int bits;
    return text_read_block(s, &a, &bits);
}

bool text_is_time(pb_str s) {
    int64_t ms;
    return pb_time_parse(s, &ms);
}

/* ---- ARNs ---- */

pb_str text_arn_part(pb_str arn, int part) {
    uint32_t from = 0;
    for (int i = 0; i < part; i++) {
        const char *colon = from < arn.n ? memchr(arn.s + from, ':', arn.n - from) : NULL;
        if (!colon) return (pb_str){"", 0};
        from = (uint32_t)(colon - arn.s) + 1;
    }
    const char *end = part < 5 && from < arn.n ? memchr(arn.s + from, ':', arn.n - from) : NULL;
    return (pb_str){arn.s + from, end ? (uint32_t)(end - arn.s) - from : arn.n - from};
}

static bool made_of(pb_str s, const char *set) {
    for (uint32_t i = 0; i < s.n; i++)
        if (!s.s[i] || !strchr(set, s.s[i])) return false;
    return true;
}

bool text_is_arn(pb_str s) {
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    pb_str partition = text_arn_part(s, 1), service = text_arn_part(s, 2), region = text_arn_part(s, 3),
           account = text_arn_part(s, 4);
    enum { LONGEST = 2048 }; /* what AWS allows for an ARN */
    if (s.n > LONGEST || !pb_str_is(text_arn_part(s, 0), "arn") || partition.n < 3 ||
        memcmp(partition.s, "aws", 3) != 0)
        return false;
    if (!made_of(partition, lower) || !service.n || !made_of(service, lower) || !made_of(region, lower)) return false;
    bool digits = made_of(account, "0123456789") && (account.n == 0 || account.n == 12);
    return (digits || pb_str_is(account, "aws")) && text_arn_part(s, 5).n > 0;
}

/* ---- accounts and regions ---- */

enum { ACCOUNT_DIGITS = 12, REGION_MAX = 32 /* they become parts of host names */ };

static bool digits(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9') return false;
    return true;
}

bool text_is_account(pb_str s) { return s.n == ACCOUNT_DIGITS && digits(s); }

static bool small(char ch) { return ch >= 'a' && ch <= 'z'; }

/* us-east-1, us-gov-west-1: two letters, words, one or two digits. */
bool text_is_region(pb_str s) {
    uint32_t i = 0, words = 0;
    while (i < s.n && small(s.s[i])) i++;
    if (i != 2 || s.n > REGION_MAX) return false;
    while (i + 1 < s.n && s.s[i] == '-' && small(s.s[i + 1])) {
        i++, words++;
        while (i < s.n && small(s.s[i])) i++;
    }
    if (!words || i >= s.n || s.s[i] != '-') return false;
    pb_str number = {s.s + i + 1, s.n - i - 1};
    return number.n >= 1 && number.n <= 2 && digits(number);
}
