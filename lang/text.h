/*
 * text.h - texts that name things: addresses, blocks of them, ARNs, points in time. One reading of each, so that the
 * compiler takes a constant exactly when the running program would.
 */
#ifndef PB_TEXT_H
#define PB_TEXT_H

#include "lang/base.h"

/* An IP address in network order. An IPv4 address written as IPv6 (::ffff:192.0.2.1) is the IPv4 address: otherwise a
 * block rule could be passed by writing the address the other way. */
typedef struct text_address {
    uint8_t bytes[16];
    int size; /* 4 or 16 */
} text_address;

bool text_read_address(pb_str s, text_address *a);
bool text_read_block(pb_str s, text_address *a, int *bits); /* "10.0.0.0/8" */
bool text_is_ip(pb_str s);
bool text_is_cidr(pb_str s);
bool text_is_arn(pb_str s);
bool text_is_time(pb_str s);
bool text_is_account(pb_str s); /* 12 digits */
bool text_is_region(pb_str s);  /* the form of one; regions are added too often for a list */
/* Part 0 to 5 of "arn:partition:service:region:account:resource". */
pb_str text_arn_part(pb_str arn, int part);

/* ISO 8601 ("2026-01-02T03:04:05.678Z"; ms left out when zero) from and to ms since 1970 (time.c). */
pb_str pb_time_text(pb_arena *a, int64_t ms);
bool pb_time_parse(pb_str s, int64_t *ms);

#endif
