/*
 * digest.c - SHA-256 by OpenSSL's own functions for it, not by its EVP interface: the first digest through EVP loads
 * configuration and providers, which takes a millisecond: a quarter of a whole decision. These functions are marked as
 * deprecated in OpenSSL 3 in favour of EVP, for the sake of replaceable providers, which nothing here needs.
 */
#define OPENSSL_API_COMPAT 0x10101000L
#include "vm/digest.h"

#include <openssl/sha.h>

bool digest_sha256(const pb_str *parts, uint32_t n, uint8_t out[DIGEST_SIZE]) {
    SHA256_CTX c;
    bool ok = SHA256_Init(&c) == 1;
    for (uint32_t i = 0; ok && i < n; i++)
        if (parts[i].n) ok = SHA256_Update(&c, parts[i].s, parts[i].n) == 1;
    return ok && SHA256_Final(out, &c) == 1;
}

bool digest_sha256_hex(const pb_str *parts, uint32_t n, char out[DIGEST_HEX + 1]) {
    uint8_t digest[DIGEST_SIZE];
    out[0] = 0;
    if (!digest_sha256(parts, n, digest)) return false;
    for (uint32_t i = 0; i < DIGEST_SIZE; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[DIGEST_HEX] = 0;
    return true;
}
