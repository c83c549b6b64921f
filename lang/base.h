/*
 * base.h - the few things every part shares: counted strings, spans, effects, and arenas.
 *
 * Strings are counted (pb_str), UTF-8, and may hold NUL bytes; they never own memory. All memory of
 * a compile or of a run comes out of one arena that is freed whole, so nothing is freed singly and
 * error paths have nothing to clean up. An arena has a limit in bytes: going over it, or malloc
 * failing, gives NULL and is an ordinary error for the caller. Every caller checks.
 */
#ifndef PB_BASE_H
#define PB_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A counted string. `s` is never NULL when n > 0. Not NUL-terminated unless its maker says so. */
typedef struct pb_str {
    const char *s;
    uint32_t n;
} pb_str;

#define PB_STR(literal) ((pb_str){(literal), (uint32_t)(sizeof(literal) - 1)})

static inline pb_str pb_str_c(const char *z) {
    return (pb_str){z, z ? (uint32_t)strlen(z) : 0};
}
static inline bool pb_str_eq(pb_str a, pb_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}
static inline bool pb_str_is(pb_str a, const char *z) { return pb_str_eq(a, pb_str_c(z)); }

/* printf("%.*s", PB_ARG(str)) */
#define PB_ARG(str) (int)(str).n, (str).s ? (str).s : ""

/* What an action may do to the world, from harmless to final. The order is the meaning: compare with <. */
typedef enum pb_effect { PB_PURE, PB_READ, PB_NOTIFY, PB_CONTAIN, PB_DESTROY } pb_effect;
const char *pb_effect_name(pb_effect e); /* "pure" "read" "notify" "contain" "destroy" */

/* ---- arenas ---- */

typedef struct pb_arena pb_arena;

/* A new arena that gives out at most `limit` bytes in all (0: no limit). NULL when malloc fails. */
pb_arena *pb_arena_new(size_t limit);
void pb_arena_free(pb_arena *a); /* NULL is allowed */
void pb_arena_wipe(pb_arena *a); /* frees it too, after overwriting what was given out: for arenas that held secrets */
/* `n` zeroed bytes, 16-byte aligned, alive until the arena is freed; NULL when over the limit or out of memory. */
void *pb_alloc(pb_arena *a, size_t n);
/* The same for `count` items of `size` bytes with the product checked. */
void *pb_alloc_array(pb_arena *a, size_t count, size_t size);
/* A NUL-terminated copy of n bytes / of a string / of a formatted text; .s is NULL when memory ran out. */
pb_str pb_strdup(pb_arena *a, const char *s, size_t n);
pb_str pb_printf(pb_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
pb_str pb_vprintf(pb_arena *a, const char *fmt, va_list ap);
size_t pb_arena_used(const pb_arena *a);
/* True once any allocation from this arena has failed. */
bool pb_arena_failed(const pb_arena *a);
/* For tests: the n-th allocation from now (1 = the next) and all later ones fail; 0 turns it off. */
void pb_arena_fail_after(pb_arena *a, size_t n);

/* A growing byte buffer outside arenas (malloc). `oom` is sticky: check it once at the end. */
typedef struct pb_buf {
    char *data; /* NUL-terminated when not NULL */
    size_t len, cap;
    bool oom;
} pb_buf;
void pb_buf_add(pb_buf *b, const void *data, size_t n);
void pb_buf_puts(pb_buf *b, const char *z);
void pb_buf_putc(pb_buf *b, char c);
void pb_buf_printf(pb_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pb_buf_free(pb_buf *b);

/* How many letters two names differ by (added, left out, another one, two that changed places), at most `cap` (so cheap for far
 * names); for "did you mean". */
unsigned pb_edit_distance(pb_str a, pb_str b, unsigned cap);

#endif
