/*
 * builtins.c - the pure built-in functions of lang/builtins.def.
 *
 * One table row a function: its declared types are checked here, before builtin_<NAME> runs, so that those may rely on
 * them. A method on an absent receiver gives none. An unknown argument (dry runs) gives unknown. A secret is refused by
 * every one of them: whatever they made out of it would no longer be marked as one.
 *
 * Strings are UTF-8; lengths and positions count characters (code points), never bytes.
 */
#include "vm/builtins.h"

#include "vm/digest.h"
#include "vm/ops.h"

#include <time.h>

typedef bool builtin_fn(vm_env *e, const pb_value *args, uint32_t n, pb_value *out);

#define BUILTIN(name, ...) static builtin_fn builtin_##name;
#include "lang/builtins.def"
#undef BUILTIN

typedef struct builtin_row {
    const char *name, *receiver, *parameters;
    builtin_fn *fn;
} builtin_row;

static const builtin_row rows[BUILTIN_COUNT] = {
#define BUILTIN(name, spelling, receiver, parameters, result, text) {spelling, receiver, parameters, builtin_##name},
#include "lang/builtins.def"
#undef BUILTIN
};

/* ---- calling ---- */

/* The next blank-separated word of *list. */
static bool next_word(const char **list, pb_str *word) {
    while (**list == ' ') ++*list;
    size_t n = strcspn(*list, " ");
    *word = (pb_str){*list, (uint32_t)n};
    *list += n;
    return n > 0;
}

void vm_builtin_arity(uint32_t builtin, uint32_t *least, uint32_t *most) {
    const builtin_row *b = &rows[builtin];
    const char *list = b->parameters;
    pb_str word;
    *least = *most = b->receiver[0] ? 1 : 0;
    while (next_word(&list, &word)) {
        ++*most;
        if (word.s[word.n - 1] != '=') ++*least;
    }
}

static bool has_type(pb_value v, pb_str type) {
    static const struct {
        const char *name;
        pb_kind kind;
    } kinds[] = {{"string", PB_STRING}, {"arn", PB_STRING}, {"int", PB_INT},           {"list", PB_LIST},
                 {"map", PB_MAP},       {"time", PB_TIME},  {"duration", PB_DURATION}, {"bytes", PB_BYTES}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(type.s, kinds[i].name, strlen(kinds[i].name)) == 0) return v.kind == kinds[i].kind;
    return true; /* any */
}

static bool check_argument(vm_env *e, const builtin_row *b, pb_value v, pb_str type, uint32_t number) {
    if (v.kind == PB_SECRET) return env_fail(e, "secret", "a secret must not be given to %s", b->name);
    if (has_type(v, type)) return true;
    uint32_t n = type.s[type.n - 1] == '=' ? type.n - 1 : type.n;
    if (b->receiver[0] && number == 0)
        return env_fail(e, "type", "%s is for %.*s, found %s", b->name, (int)n, type.s, vm_a_kind(v));
    return env_fail(e, "type", "argument %u of %s must be %.*s, found %s", number + !b->receiver[0], b->name, (int)n,
                    type.s, vm_a_kind(v));
}

static bool check_arguments(vm_env *e, const builtin_row *b, const pb_value *args, uint32_t n) {
    const char *list = b->parameters;
    pb_str type = pb_str_c(b->receiver);
    for (uint32_t i = 0; i < n; i++) {
        if ((i > 0 || !b->receiver[0]) && !next_word(&list, &type))
            return env_fail(e, "type", "too many arguments for %s", b->name);
        if (!check_argument(e, b, args[i], type, i)) return false;
    }
    return true;
}

bool vm_builtin_call(vm_env *e, uint32_t builtin, const pb_value *args, uint32_t n, pb_value *out) {
    const builtin_row *b = &rows[builtin];
    *out = PB_NONE_VALUE;
    if (b->receiver[0] && args[0].kind == PB_NONE) return true;
    for (uint32_t i = 0; i < n; i++) {
        bool maybe = args[i].kind == PB_UNKNOWN;
        if (e->dry && !env_holds(e, args[i], PB_UNKNOWN, &maybe)) return false;
        if (!maybe) continue;
        *out = pb_unknown();
        return true;
    }
    return check_arguments(e, b, args, n) && b->fn(e, args, n, out) && env_memory_ok(e);
}

/* ---- text ---- */

static uint32_t char_count(pb_str s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
    return n;
}

/* Where the next occurrence of `what` (not empty) begins, or s.n. */
static uint32_t find(pb_str s, uint32_t from, pb_str what) {
    const char *at = from < s.n ? memmem(s.s + from, s.n - from, what.s, what.n) : NULL;
    return at ? (uint32_t)(at - s.s) : s.n;
}

static bool builtin_JOIN(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str between = pb_text(args[1]);
    uint64_t size = 0;
    (void)n;
    for (uint32_t i = 0; i < args[0].n; i++) {
        pb_value item = args[0].u.items[i];
        if (item.kind != PB_STRING) return env_fail(e, "type", "join needs strings, item %u is %s", i, vm_a_kind(item));
        size += item.n + (i ? between.n : 0);
    }
    if (size >= UINT32_MAX) return env_no_memory(e);
    char *p = env_alloc(e, (size_t)size + 1);
    if (!p) return false;
    *out = pb_string((pb_str){p, (uint32_t)size});
    for (uint32_t i = 0; i < args[0].n; i++) {
        pb_value item = args[0].u.items[i];
        if (i && between.n) p = mempcpy(p, between.s, between.n);
        if (item.n) p = mempcpy(p, item.u.s, item.n);
    }
    return env_charge(e, args[0].n);
}

static uint32_t occurrences(pb_str s, pb_str what) {
    uint32_t n = 0;
    for (uint32_t at = find(s, 0, what); at < s.n; at = find(s, at + what.n, what)) n++;
    return n;
}

static bool builtin_SPLIT(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str s = pb_text(args[0]), at = pb_text(args[1]);
    uint32_t from = 0;
    (void)n;
    if (!at.n) return env_fail(e, "value", "split needs a separator that is not empty");
    uint32_t count = occurrences(s, at) + 1;
    pb_value *items = env_alloc_array(e, count, sizeof *items);
    if (!items || !env_charge(e, count + s.n / 64)) return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = i + 1 < count ? find(s, from, at) : s.n;
        items[i] = pb_string((pb_str){s.s + from, end - from});
        from = end + at.n;
    }
    *out = (pb_value){.kind = PB_LIST, .n = count, .u.items = items};
    return true;
}

static bool change_case(vm_env *e, pb_value s, char first, pb_value *out) {
    if (!env_string(e, s.u.s, s.n, out)) return false;
    char *p = (char *)(uintptr_t)out->u.s; /* just made, nobody else has it */
    for (uint32_t i = 0; i < s.n; i++)
        if (p[i] >= first && p[i] < first + 26) p[i] ^= 0x20;
    return true;
}

static bool builtin_LOWER(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)n;
    return change_case(e, args[0], 'A', out);
}

static bool builtin_UPPER(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)n;
    return change_case(e, args[0], 'a', out);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool builtin_TRIM(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str s = pb_text(args[0]);
    (void)n;
    while (s.n && is_space(s.s[s.n - 1])) s.n--;
    while (s.n && is_space(s.s[0])) s.s++, s.n--;
    *out = pb_string(s);
    return env_charge(e, args[0].n / 64);
}

static bool builtin_REPLACE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str s = pb_text(args[0]), old = pb_text(args[1]), by = pb_text(args[2]);
    (void)n;
    if (!old.n) return env_fail(e, "value", "replace needs a text to look for that is not empty");
    uint32_t count = occurrences(s, old), from = 0;
    uint64_t size = s.n - (uint64_t)count * old.n + (uint64_t)count * by.n;
    if (size >= UINT32_MAX) return env_no_memory(e);
    char *p = env_alloc(e, (size_t)size + 1);
    if (!p) return false;
    *out = pb_string((pb_str){p, (uint32_t)size});
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = find(s, from, old);
        p = mempcpy(p, s.s + from, at - from);
        if (by.n) p = mempcpy(p, by.s, by.n);
        from = at + old.n;
    }
    if (s.n > from) memcpy(p, s.s + from, s.n - from);
    return env_charge(e, count + s.n / 64);
}

static bool builtin_STARTS_WITH(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_value s = args[0], with = args[1];
    (void)n;
    *out = pb_bool(with.n <= s.n && (!with.n || memcmp(s.u.s, with.u.s, with.n) == 0));
    return env_charge(e, with.n / 64);
}

static bool builtin_ENDS_WITH(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_value s = args[0], with = args[1];
    (void)n;
    *out = pb_bool(with.n <= s.n && (!with.n || memcmp(s.u.s + (s.n - with.n), with.u.s, with.n) == 0));
    return env_charge(e, with.n / 64);
}

/* Byte position of a character, at most the end. */
static uint32_t char_at(pb_str s, int64_t index) {
    uint32_t i = 0;
    for (; i < s.n; i++) {
        if (((unsigned char)s.s[i] & 0xc0) == 0x80) continue;
        if (index-- <= 0) break;
    }
    return i;
}

static bool builtin_SLICE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str s = pb_text(args[0]);
    (void)n;
    uint32_t from = char_at(s, args[1].u.i), to = char_at(s, args[2].u.i);
    *out = pb_string(from < to ? (pb_str){s.s + from, to - from} : PB_STR(""));
    return env_charge(e, s.n / 32);
}

static bool builtin_SIZE_S(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)n;
    *out = pb_int(char_count(pb_text(args[0])));
    return env_charge(e, args[0].n / 64);
}

/* ---- lists and maps ---- */

static bool builtin_SIZE_L(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    *out = pb_int(args[0].n);
    return true;
}

static bool builtin_SIZE_M(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    return builtin_SIZE_L(e, args, n, out);
}

static bool builtin_FIRST(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    if (args[0].n) *out = args[0].u.items[0];
    return true;
}

static bool builtin_LAST(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    if (args[0].n) *out = args[0].u.items[args[0].n - 1];
    return true;
}

static bool unique_strings(vm_env *e, pb_value list, pb_value *to, uint32_t *kept) {
    pb_map_builder seen = {.arena = e->arena};
    for (uint32_t i = 0; i < list.n; i++) {
        pb_value s = list.u.items[i];
        if (pb_map_has(&seen, pb_text(s))) continue;
        pb_map_add(&seen, pb_text(s), PB_NONE_VALUE);
        to[(*kept)++] = s;
    }
    return (!seen.oom || env_no_memory(e)) && env_charge(e, list.n);
}

static bool unique_any(vm_env *e, pb_value list, pb_value *to, uint32_t *kept) {
    for (uint32_t i = 0; i < list.n; i++) {
        pb_value yes = pb_bool(false);
        pb_value so_far = {.kind = PB_LIST, .n = *kept, .u.items = to};
        if (!op_in(e, list.u.items[i], so_far, &yes)) return false;
        if (!yes.u.b) to[(*kept)++] = list.u.items[i];
    }
    return true;
}

static bool builtin_UNIQUE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_value list = args[0];
    uint32_t kept = 0, strings = 0;
    (void)n;
    pb_value *to = env_alloc_array(e, list.n ? list.n : 1, sizeof *to);
    if (!to) return false;
    while (strings < list.n && list.u.items[strings].kind == PB_STRING) strings++;
    if (!(strings == list.n ? unique_strings : unique_any)(e, list, to, &kept)) return false;
    *out = (pb_value){.kind = PB_LIST, .n = kept, .u.items = to};
    return true;
}

/* Merges the sorted halves [0, half) and [half, n) of from into to. */
static void merge(const pb_value *from, uint32_t half, uint32_t n, pb_value *to) {
    uint32_t a = 0, b = half;
    for (uint32_t i = 0; i < n; i++) {
        int order = 0;
        bool left = b == n || (a < half && (value_order(from[a], from[b], &order), order <= 0));
        to[i] = left ? from[a++] : from[b++];
    }
}

/* Bottom-up merge sort: stable, no recursion, the same work whatever the order. */
static const pb_value *sort(pb_value *items, pb_value *other, uint32_t n) {
    for (uint64_t width = 1; width < n; width *= 2) {
        for (uint64_t at = 0; at < n; at += 2 * width) {
            uint32_t size = (uint32_t)(n - at < 2 * width ? n - at : 2 * width);
            merge(items + at, (uint32_t)(size < width ? size : width), size, other + at);
        }
        pb_value *swap = items;
        items = other;
        other = swap;
    }
    return items;
}

static bool builtin_SORT(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_value list = args[0];
    int order;
    (void)n;
    for (uint32_t i = 0; i < list.n; i++)
        if (!value_order(list.u.items[0], list.u.items[i], &order))
            return env_fail(e, "type", "sort cannot order %s and %s", vm_a_kind(list.u.items[0]),
                            vm_a_kind(list.u.items[i]));
    pb_value *items = env_alloc_array(e, list.n ? list.n : 1, sizeof *items), *other = NULL;
    if (items) other = env_alloc_array(e, list.n ? list.n : 1, sizeof *other);
    if (!other || !env_charge(e, (uint64_t)list.n * 20)) return false;
    if (list.n) memcpy(items, list.u.items, list.n * sizeof *items);
    *out = (pb_value){.kind = PB_LIST, .n = list.n, .u.items = sort(items, other, list.n)};
    return true;
}

static bool map_parts(vm_env *e, pb_value map, bool keys, pb_value *out) {
    pb_value *items = env_alloc_array(e, map.n ? map.n : 1, sizeof *items);
    if (!items) return false;
    for (uint32_t i = 0; i < map.n; i++) items[i] = keys ? pb_string(map.u.entries[i].key) : map.u.entries[i].value;
    *out = (pb_value){.kind = PB_LIST, .n = map.n, .u.items = items};
    return env_charge(e, map.n);
}

static bool builtin_KEYS(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)n;
    return map_parts(e, args[0], true, out);
}

static bool builtin_VALUES(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)n;
    return map_parts(e, args[0], false, out);
}

/* EC2, S3, IAM ... write Key and Value, some younger services key and value. */
static bool builtin_TAG_MAP(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_map_builder b = {.arena = e->arena};
    (void)n;
    if (args[0].kind != PB_LIST && args[0].kind != PB_NONE)
        return env_fail(e, "type", "tag_map needs a list of { Key, Value }, found %s", vm_a_kind(args[0]));
    for (uint32_t i = 0; i < args[0].n; i++) {
        pb_value tag = args[0].u.items[i], key = pb_get_c(tag, "Key"), value = pb_get_c(tag, "Value");
        if (key.kind == PB_NONE) key = pb_get_c(tag, "key"), value = pb_get_c(tag, "value");
        if (key.kind != PB_STRING) return env_fail(e, "type", "tag_map: item %u has no Key that is a string", i);
        pb_map_add(&b, pb_text(key), value.kind == PB_STRING ? value : pb_string_c(""));
    }
    *out = pb_map_done(&b);
    return (!b.oom || env_no_memory(e)) && env_charge(e, args[0].n);
}

/* ---- ARNs ---- */

static bool arn_text(pb_value arn, int part, pb_value *out) {
    *out = pb_string(text_arn_part(pb_text(arn), part));
    return true;
}

static bool builtin_ARN_PARTITION(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    return arn_text(args[0], 1, out);
}

static bool builtin_ARN_SERVICE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    return arn_text(args[0], 2, out);
}

static bool builtin_ARN_REGION(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    return arn_text(args[0], 3, out);
}

static bool builtin_ARN_ACCOUNT(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    return arn_text(args[0], 4, out);
}

static bool builtin_ARN_RESOURCE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    return arn_text(args[0], 5, out);
}

/* ---- times ---- */

static int64_t floor_seconds(int64_t ms) { return ms / 1000 - (ms % 1000 < 0); }

/* Only conversions that depend on nothing but the time itself: no locale, no time zone of the machine. */
static bool pattern_allowed(pb_str pattern) {
    for (uint32_t i = 0; i < pattern.n; i++) {
        if (!pattern.s[i]) return false;
        if (pattern.s[i] != '%') continue;
        if (++i == pattern.n || !pattern.s[i] || !strchr("YmdHMSjFTeyIpaAbBuVGR%", pattern.s[i])) return false;
    }
    return true;
}

static bool builtin_FORMAT(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    char pattern[256], text[1024];
    time_t seconds = floor_seconds(args[0].u.i);
    struct tm tm;
    if (n < 2 || args[1].n == 0) {
        pb_str s = pb_time_text(e->arena, (int64_t)seconds * 1000);
        *out = pb_string(s);
        return s.s || env_no_memory(e);
    }
    if (args[1].n >= sizeof pattern || !pattern_allowed(pb_text(args[1])))
        return env_fail(e, "value",
                        "format knows %%Y %%m %%d %%H %%M %%S and other conversions that depend on the time alone, in "
                        "at most %zu bytes",
                        sizeof pattern - 1);
    memcpy(pattern, args[1].u.s, args[1].n);
    pattern[args[1].n] = 0;
    if (!gmtime_r(&seconds, &tm)) return env_fail(e, "overflow", "the time is too far away to be formatted");
    size_t size = strftime(text, sizeof text, pattern, &tm);
    if (!size) return env_fail(e, "overflow", "the formatted time is too long");
    return env_string(e, text, size, out);
}

static bool builtin_EPOCH(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    *out = pb_int(floor_seconds(args[0].u.i));
    return true;
}

static bool builtin_SECONDS(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    *out = pb_int(args[0].u.i / 1000);
    return true;
}

/* ---- out of text ---- */

static bool builtin_TO_ARN(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    if (text_is_arn(pb_text(args[0]))) *out = args[0];
    return true;
}

static bool builtin_TO_IP(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    if (text_is_ip(pb_text(args[0]))) *out = args[0];
    return true;
}

static bool builtin_TO_CIDR(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)e, (void)n;
    if (text_is_cidr(pb_text(args[0]))) *out = args[0];
    return true;
}

static bool builtin_TO_TIME(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    int64_t ms;
    (void)e, (void)n;
    if (pb_time_parse(pb_text(args[0]), &ms)) *out = pb_time(ms);
    return true;
}

static bool builtin_TO_INT(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str s = pb_text(args[0]);
    uint32_t i = s.n && (s.s[0] == '-' || s.s[0] == '+');
    bool minus = i && s.s[0] == '-';
    int64_t value = 0;
    (void)e, (void)n;
    if (i == s.n) return true;
    for (; i < s.n; i++) {
        int64_t digit = s.s[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, minus ? -digit : digit, &value))
            return true;
    }
    *out = pb_int(value);
    return true;
}

/* ---- into text ---- */

static bool builtin_TO_STRING(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    return op_concat(e, args, n, out);
}

static bool builtin_JSON_TEXT(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)n;
    if (!env_no_secret(e, args[0], "go into JSON")) return false;
    pb_str s = pb_json_text(e->arena, args[0]);
    if (!s.s)
        return pb_arena_failed(e->arena) ? env_no_memory(e)
                                         : env_fail(e, "too_large", "the value is too deep or too large for JSON");
    *out = pb_string(s);
    return env_charge(e, s.n / 16);
}

static bool builtin_JSON_PARSE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_value v;
    pb_str err;
    (void)n;
    if (pb_json_parse(e->arena, args[0].u.s, args[0].n, &v, &err))
        *out = v;
    else if (pb_arena_failed(e->arena))
        return env_no_memory(e);
    return env_charge(e, args[0].n / 16);
}

static bool unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static bool builtin_URL_ENCODE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str s = pb_text(args[0]);
    (void)n;
    if (s.n > UINT32_MAX / 4) return env_no_memory(e);
    char *p = env_alloc(e, (size_t)s.n * 3 + 1);
    if (!p) return false;
    uint32_t to = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if (unreserved(s.s[i])) {
            p[to++] = s.s[i];
            continue;
        }
        p[to++] = '%';
        p[to++] = "0123456789ABCDEF"[c >> 4];
        p[to++] = "0123456789ABCDEF"[c & 15];
    }
    *out = pb_string((pb_str){p, to});
    return true;
}

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A % without two hexadecimal digits behind it stays as it is. */
static bool builtin_URL_DECODE(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    pb_str s = pb_text(args[0]);
    (void)n;
    char *p = env_alloc(e, (size_t)s.n + 1);
    if (!p) return false;
    uint32_t to = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        int high = s.s[i] == '%' && s.n - i > 2 ? hex(s.s[i + 1]) : -1, low = high < 0 ? -1 : hex(s.s[i + 2]);
        char c = s.s[i];
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        p[to++] = c;
    }
    if (!pb_utf8_valid(p, to)) return env_fail(e, "not_utf8", "url_decode gives bytes that are not UTF-8");
    *out = pb_string((pb_str){p, to});
    return true;
}

static bool builtin_SHA256(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    const pb_str text = pb_text(args[0]);
    char hexadecimal[DIGEST_HEX + 1];
    (void)n;
    if (!digest_sha256_hex(&text, 1, hexadecimal)) return env_no_memory(e);
    return env_charge(e, text.n / 64) && env_string(e, hexadecimal, DIGEST_HEX, out);
}

static bool builtin_TEXT(vm_env *e, const pb_value *args, uint32_t n, pb_value *out) {
    (void)n;
    if (pb_utf8_valid(args[0].u.s, args[0].n)) *out = pb_string(pb_text(args[0]));
    return env_charge(e, args[0].n / 64);
}
