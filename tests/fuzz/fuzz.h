/*
 * fuzz.h - what the drivers share. Each driver is a libFuzzer program (clang): tests/fuzz/run.py builds its seeds from
 * what the other tests use, runs it for a while, and replays tests/fuzz/found/<driver>/, inputs that once broke it.
 *
 * A driver says "this is wrong" by WRONG_IF: the sanitizers and libFuzzer do the rest.
 */
#ifndef PB_FUZZ_H
#define PB_FUZZ_H

#include "vm/loop.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WRONG_IF(cond) \
    do { \
        if (cond) { \
            fprintf(stderr, "%s:%d: this must not be: %s\n", __FILE__, __LINE__, #cond); \
            __builtin_trap(); \
        } \
    } while (0)

/* A copy in memory of its own, so that a byte too many is seen. NULL: no memory. */
static inline char *fuzz_copy(const uint8_t *data, size_t n) {
    char *copy = malloc(n ? n : 1);
    if (copy && n) memcpy(copy, data, n);
    return copy;
}

/* The next line, without its end. */
static inline pb_str fuzz_line(const char **p, const char *end) {
    pb_str line = {*p, 0};
    while (*p < end && **p != '\n') ++*p;
    line.n = (uint32_t)(*p - line.s);
    if (*p < end) ++*p;
    return line;
}

/* Cuts the line at the first `end`; what is before it. */
static inline pb_str fuzz_word(pb_str *line, char end) {
    pb_str w = {line->s, 0};
    while (w.n < line->n && line->s[w.n] != end) w.n++;
    uint32_t used = w.n < line->n ? w.n + 1 : w.n;
    line->s += used, line->n -= used;
    return w;
}

enum { FUZZ_HEADERS = 32 };

/* "Name: value" lines up to an empty one; how many. */
static inline uint32_t fuzz_headers(const char **p, const char *end, pb_header *out) {
    uint32_t n = 0;
    for (pb_str line; *p < end && (line = fuzz_line(p, end)).n;) {
        pb_str name = fuzz_word(&line, ':');
        while (line.n && line.s[0] == ' ') line.s++, line.n--;
        if (n < FUZZ_HEADERS) out[n++] = (pb_header){name, line};
    }
    return n;
}

#endif
