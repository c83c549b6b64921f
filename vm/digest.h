/*
 * digest.h - SHA-256 of texts.
 */
#ifndef PB_DIGEST_H
#define PB_DIGEST_H

#include "lang/base.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX = 2 * DIGEST_SIZE };

/* Of the parts one behind the other. False: the library refused (out of memory). */
bool digest_sha256(const pb_str *parts, uint32_t n, uint8_t out[DIGEST_SIZE]);
/* In lower-case hexadecimal, NUL-terminated. */
bool digest_sha256_hex(const pb_str *parts, uint32_t n, char out[DIGEST_HEX + 1]);

#endif
