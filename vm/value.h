/*
 * value.h - run-time values: immutable, 16 bytes, everything behind them in the run's arena.
 *
 * A map keeps the order in which its entries were made (events and evidence read as written); lookup is
 * linear with the length compared first, which beats hashing for the sizes that occur (tens of entries).
 * `unknown` exists only in dry runs: what a write that was not made would have given. It spreads through
 * field access and operators, and the gate does not send a call that has one in its arguments.
 */
#ifndef PB_VALUE_H
#define PB_VALUE_H

#include "lang/text.h"

typedef enum pb_kind {
    PB_NONE, PB_BOOL, PB_INT, PB_FLOAT, PB_STRING, PB_BYTES, PB_DURATION, PB_TIME, PB_LIST, PB_MAP, PB_SECRET, PB_UNKNOWN
} pb_kind;

typedef struct pb_value {
    uint8_t kind;  /* pb_kind */
    uint32_t n;    /* bytes of a string, items of a list, entries of a map */
    union {
        bool b;
        int64_t i;                     /* INT; DURATION in ms; TIME in ms since 1970 UTC */
        double d;
        const char *s;                 /* STRING (UTF-8), BYTES, SECRET */
        const struct pb_value *items;  /* LIST */
        const struct pb_entry *entries; /* MAP */
    } u;
} pb_value;

typedef struct pb_entry {
    pb_str key;
    pb_value value;
} pb_entry;

#define PB_NONE_VALUE ((pb_value){PB_NONE, 0, {0}})
static inline pb_value pb_bool(bool b) { return (pb_value){PB_BOOL, 0, {.b = b}}; }
static inline pb_value pb_int(int64_t i) { return (pb_value){PB_INT, 0, {.i = i}}; }
static inline pb_value pb_float(double d) { return (pb_value){PB_FLOAT, 0, {.d = d}}; }
static inline pb_value pb_duration(int64_t ms) { return (pb_value){PB_DURATION, 0, {.i = ms}}; }
static inline pb_value pb_time(int64_t ms) { return (pb_value){PB_TIME, 0, {.i = ms}}; }
static inline pb_value pb_unknown(void) { return (pb_value){PB_UNKNOWN, 0, {0}}; }
static inline pb_value pb_string(pb_str s) { return (pb_value){PB_STRING, s.n, {.s = s.s}}; }
static inline pb_value pb_string_c(const char *z) { return pb_string(pb_str_c(z)); }
static inline pb_str pb_text(pb_value v) { return (pb_str){v.u.s, v.n}; } /* STRING, BYTES, SECRET */
static inline bool pb_is(pb_value v, pb_kind k) { return v.kind == k; }

/* Member of a map; none when v is no map or has none. */
pb_value pb_get(pb_value v, pb_str key);
static inline pb_value pb_get_c(pb_value v, const char *key) { return pb_get(v, pb_str_c(key)); }
/* Follows a dotted path ("detail.service.count"); a number is an index into a list. */
pb_value pb_path(pb_value v, const char *dotted);

/* A list with room for n items, written through *items before anybody sees it. kind NONE when memory ran out. */
pb_value pb_list_new(pb_arena *a, uint32_t n, pb_value **items);
/* Builds maps: add in order; a key added twice takes the last value, in the first one's place. Done once. oom is sticky. */
typedef struct pb_map_builder {
    pb_arena *arena;
    pb_entry *entries;
    uint32_t n, cap;
    bool oom;
    uint32_t *slots; /* beyond a few entries: a hash index (0: free, else entry + 1), so that big maps are not quadratic */
    uint32_t nslots;
} pb_map_builder;
void pb_map_add(pb_map_builder *b, pb_str key, pb_value v);
/* For keys that the caller knows to be new: room for n more, so that not more is taken; put looks for no older one. */
void pb_map_reserve(pb_map_builder *b, uint32_t n);
void pb_map_put(pb_map_builder *b, pb_str key, pb_value v);
bool pb_map_has(const pb_map_builder *b, pb_str key);
pb_value pb_map_done(pb_map_builder *b);

bool pb_equal(pb_value a, pb_value b);            /* deep; none equals nothing; not to be asked about unknowns */
/* The same with its work limited: *work goes down by one a value looked at. MAYBE: an unknown decides; COSTLY: too deep or
 * *work was used up. A program can make values (lists of one and the same list) whose walk would take for ever. */
typedef enum pb_truth { PB_NO, PB_YES, PB_MAYBE, PB_COSTLY } pb_truth;
pb_truth pb_equal_within(pb_value a, pb_value b, int64_t *work);
int pb_number_cmp(pb_value a, pb_value b);        /* INT and FLOAT in any mix, exact: <0, 0, >0 */
pb_truth pb_holds_within(pb_value v, pb_kind kind, int64_t *work); /* is there a value of this kind anywhere inside? */
bool pb_has_unknown(pb_value v);                  /* for dry runs: yes also when it is too deep or too large to tell */
bool pb_utf8_valid(const char *s, size_t n);      /* no overlong forms, surrogates or code points above U+10FFFF */
pb_str pb_display(pb_arena *a, pb_value v);       /* as interpolation writes it; a secret is "***" */

/* base64, standard alphabet with padding. */
pb_str pb_base64(pb_arena *a, const void *data, size_t n);
bool pb_base64_decode(pb_arena *a, pb_str text, pb_str *out);

/* ---- JSON ---- */
struct json_object; /* json-c */
enum { JSON_MAX_TEXT = 16 << 20 }; /* of what is written; a run's evidence is some KB */
enum { VALUE_MAX_DEPTH = 128 }; /* of any value that is walked: twice what JSON may bring, room for what a program wraps around it */
enum { JSON_MAX_DEPTH = 64, JSON_MAX_BYTES = 4 << 20 }; /* an EventBridge event is at most 256 KB; 4 MB leaves room for custom sources */
/* Text to a value. False with a sentence (place included) in *err. */
bool pb_json_parse(pb_arena *a, const char *text, size_t n, pb_value *out, pb_str *err);
/* The same for a part of a longer text that begins in this line of it. */
bool pb_json_parse_part(pb_arena *a, const char *text, size_t n, unsigned line, pb_value *out, pb_str *err);
/* The same for text from somebody less suspect than an event's sender: up to max bytes, the arena's limit holds besides. */
bool pb_json_parse_upto(pb_arena *a, const char *text, size_t n, size_t max, pb_value *out, pb_str *err);
bool pb_json_value(pb_arena *a, struct json_object *o, pb_value *out); /* false: out of memory, or nested too deep */
/* New reference; NULL for none, when out of memory, too deep or above JSON_MAX_TEXT; times as ISO text, bytes as base64,
 * durations as text ("30s"), secrets "***". */
struct json_object *pb_json_object(pb_value v);
pb_str pb_json_text(pb_arena *a, pb_value v);   /* compact; .s is NULL where pb_json_object gives NULL (none is "null") */
bool pb_json_write(pb_buf *b, pb_value v);      /* the same into a buffer; false: too deep, too large or out of memory */

#endif
