/*
 * ops.c - operators.
 *
 * Three rules run through all of them. An absent value (none) compares unequal to everything, is neither less nor
 * greater and is in nothing; only where a number is computed is it an error. Nothing wraps and nothing is rounded in
 * silence: overflow is an error, and an integer is compared with a float by their exact values. What takes time in
 * proportion to its input is charged for it.
 */
#include "vm/ops.h"

#include "vm/glob.h"
#include "vm/regex.h"

#include <math.h>
#include <stdio.h>

static bool is_number(pb_value v) { return v.kind == PB_INT || v.kind == PB_FLOAT; }
static bool both(pb_value b, pb_value c, pb_kind k) { return b.kind == k && c.kind == k; }
static bool unknown(pb_value b, pb_value c, pb_value *out) {
    if (b.kind != PB_UNKNOWN && c.kind != PB_UNKNOWN) return false;
    *out = pb_unknown();
    return true;
}
static double to_double(pb_value v) { return v.kind == PB_INT ? (double)v.u.i : v.u.d; }

static bool mismatch(vm_env *e, const char *what, pb_value b, pb_value c) {
    return env_fail(e, "type", "cannot %s %s and %s", what, vm_a_kind(b), vm_a_kind(c));
}
static bool overflow(vm_env *e, const char *what) {
    return env_fail(e, "overflow", "%s gives a number that is too large", what);
}

static bool give_float(vm_env *e, double d, const char *what, pb_value *out) {
    if (!isfinite(d)) return overflow(e, what);
    *out = pb_float(d);
    return true;
}

static bool give_int(pb_kind kind, int64_t i, pb_value *out) {
    *out = (pb_value){.kind = (uint8_t)kind, .u.i = i};
    return true;
}

/* ---- arithmetic ---- */

static bool join_strings(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    size_t n = (size_t)b.n + c.n;
    if (n >= UINT32_MAX) return env_no_memory(e);
    char *p = env_alloc(e, n + 1);
    if (!p) return false;
    if (b.n) memcpy(p, b.u.s, b.n);
    if (c.n) memcpy(p + b.n, c.u.s, c.n);
    *out = pb_string((pb_str){p, (uint32_t)n});
    return true;
}

static bool join_lists(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    size_t n = (size_t)b.n + c.n;
    if (n > UINT32_MAX) return env_no_memory(e);
    pb_value *items = env_alloc_array(e, n ? n : 1, sizeof *items);
    if (!items) return false;
    if (b.n) memcpy(items, b.u.items, b.n * sizeof *items);
    if (c.n) memcpy(items + b.n, c.u.items, c.n * sizeof *items);
    *out = (pb_value){.kind = PB_LIST, .n = (uint32_t)n, .u.items = items};
    return true;
}

/* The kind of a sum or difference of whole numbers: int, duration, time. PB_NONE: there is none. */
static pb_kind sum_kind(pb_value b, pb_value c) {
    if (both(b, c, PB_INT)) return PB_INT;
    if (both(b, c, PB_DURATION)) return PB_DURATION;
    if ((b.kind == PB_TIME && c.kind == PB_DURATION) || (b.kind == PB_DURATION && c.kind == PB_TIME)) return PB_TIME;
    return PB_NONE;
}

bool op_add(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    if (unknown(b, c, out)) return true;
    pb_kind kind = sum_kind(b, c);
    int64_t i;
    if (kind != PB_NONE)
        return __builtin_add_overflow(b.u.i, c.u.i, &i) ? overflow(e, "the sum") : give_int(kind, i, out);
    if (is_number(b) && is_number(c)) return give_float(e, to_double(b) + to_double(c), "the sum", out);
    if (both(b, c, PB_STRING)) return join_strings(e, b, c, out);
    if (both(b, c, PB_LIST)) return join_lists(e, b, c, out);
    return mismatch(e, "add", b, c);
}

bool op_sub(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    if (unknown(b, c, out)) return true;
    pb_kind kind = b.kind == PB_TIME && c.kind == PB_TIME ? PB_DURATION : sum_kind(b, c);
    int64_t i;
    if (kind != PB_NONE && !(b.kind == PB_DURATION && c.kind == PB_TIME))
        return __builtin_sub_overflow(b.u.i, c.u.i, &i) ? overflow(e, "the difference") : give_int(kind, i, out);
    if (is_number(b) && is_number(c)) return give_float(e, to_double(b) - to_double(c), "the difference", out);
    return mismatch(e, "subtract", c, b);
}

bool op_mul(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    if (unknown(b, c, out)) return true;
    int64_t i;
    bool stretched = (b.kind == PB_DURATION && c.kind == PB_INT) || (b.kind == PB_INT && c.kind == PB_DURATION);
    if (stretched || both(b, c, PB_INT))
        return __builtin_mul_overflow(b.u.i, c.u.i, &i) ? overflow(e, "the product")
                                                        : give_int(stretched ? PB_DURATION : PB_INT, i, out);
    if (is_number(b) && is_number(c)) return give_float(e, to_double(b) * to_double(c), "the product", out);
    return mismatch(e, "multiply", b, c);
}

bool op_div(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    if (unknown(b, c, out)) return true;
    bool whole = (b.kind == PB_INT || b.kind == PB_DURATION) && c.kind == PB_INT;
    if (!whole && !(is_number(b) && is_number(c))) return mismatch(e, "divide", b, c);
    if (to_double(c) == 0) return env_fail(e, "divide_by_zero", "division by zero");
    if (!whole) return give_float(e, to_double(b) / to_double(c), "the quotient", out);
    if (b.u.i == INT64_MIN && c.u.i == -1) return overflow(e, "the quotient");
    return give_int((pb_kind)b.kind, b.u.i / c.u.i, out);
}

bool op_mod(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    if (unknown(b, c, out)) return true;
    if (!both(b, c, PB_INT)) return mismatch(e, "take the remainder of", b, c);
    if (c.u.i == 0) return env_fail(e, "divide_by_zero", "remainder of a division by zero");
    return give_int(PB_INT, c.u.i == -1 ? 0 : b.u.i % c.u.i, out);
}

bool op_neg(vm_env *e, pb_value b, pb_value *out) {
    if (unknown(b, b, out)) return true;
    if (b.kind == PB_FLOAT) return give_float(e, -b.u.d, "the negative", out);
    if (b.kind != PB_INT && b.kind != PB_DURATION) return env_fail(e, "type", "cannot negate %s", vm_a_kind(b));
    if (b.u.i == INT64_MIN) return overflow(e, "the negative");
    return give_int((pb_kind)b.kind, -b.u.i, out);
}

/* ---- comparing ---- */

/* The result, with its work charged. False: too costly, or the budget is used up. */
static bool equal(vm_env *e, pb_value b, pb_value c, pb_truth *t) {
    int64_t work = e->fuel < INT64_MAX ? (int64_t)e->fuel : INT64_MAX, before = work;
    if (both(b, c, PB_STRING) && !env_charge(e, b.n == c.n ? b.n / 64 : 0)) return false;
    *t = pb_equal_within(b, c, &work);
    if (*t == PB_COSTLY && work >= 0)
        return env_fail(e, "too_deep", "cannot compare values that are nested more than %d levels deep",
                        VALUE_MAX_DEPTH);
    return env_charge(e, work < 0 ? (uint64_t)before : (uint64_t)(before - work));
}

static bool op_same(vm_env *e, pb_value b, pb_value c, bool yes, pb_value *out) {
    pb_truth t;
    if (!equal(e, b, c, &t)) return false;
    *out = t == PB_MAYBE ? pb_unknown() : pb_bool((t == PB_YES) == yes);
    return true;
}

bool op_eq(vm_env *e, pb_value b, pb_value c, pb_value *out) { return op_same(e, b, c, true, out); }
bool op_ne(vm_env *e, pb_value b, pb_value c, pb_value *out) { return op_same(e, b, c, false, out); }

static int bytes_order(pb_value b, pb_value c) {
    uint32_t n = b.n < c.n ? b.n : c.n;
    int order = n ? memcmp(b.u.s, c.u.s, n) : 0;
    if (order) return order < 0 ? -1 : 1;
    return b.n < c.n ? -1 : b.n > c.n;
}

bool value_order(pb_value b, pb_value c, int *order) {
    if (is_number(b) && is_number(c))
        *order = pb_number_cmp(b, c);
    else if (both(b, c, PB_STRING))
        *order = bytes_order(b, c);
    else if (both(b, c, PB_TIME) || both(b, c, PB_DURATION))
        *order = b.u.i < c.u.i ? -1 : b.u.i > c.u.i;
    else
        return false;
    return true;
}

static bool ordered(vm_env *e, pb_value b, pb_value c, int most, pb_value *out) {
    int order;
    if (unknown(b, c, out)) return true;
    *out = pb_bool(false);
    if (b.kind == PB_NONE || c.kind == PB_NONE) return true;
    if (!value_order(b, c, &order)) return mismatch(e, "compare the order of", b, c);
    if (b.kind == PB_STRING && !env_charge(e, (b.n < c.n ? b.n : c.n) / 64)) return false;
    *out = pb_bool(order <= most);
    return true;
}

bool op_lt(vm_env *e, pb_value b, pb_value c, pb_value *out) { return ordered(e, b, c, -1, out); }
bool op_le(vm_env *e, pb_value b, pb_value c, pb_value *out) { return ordered(e, b, c, 0, out); }

bool op_not(vm_env *e, pb_value b, pb_value *out) {
    if (unknown(b, b, out)) return true;
    if (b.kind != PB_BOOL && b.kind != PB_NONE)
        return env_fail(e, "type", "expected a bool after not, found %s", vm_a_kind(b));
    *out = pb_bool(b.kind == PB_NONE || !b.u.b); /* an absent condition is not met */
    return true;
}

/* ---- searching ---- */

static bool in_list(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    bool maybe = false;
    for (uint32_t i = 0; i < c.n; i++) {
        pb_truth t;
        if (!equal(e, b, c.u.items[i], &t)) return false;
        if (t == PB_YES) {
            *out = pb_bool(true);
            return true;
        }
        if (t == PB_MAYBE) maybe = true;
    }
    *out = maybe ? pb_unknown() : pb_bool(false);
    return true;
}

static bool has_key(pb_value map, pb_str key) {
    for (uint32_t i = 0; i < map.n; i++)
        if (pb_str_eq(map.u.entries[i].key, key)) return true;
    return false;
}

bool op_in(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    *out = pb_bool(false);
    if (b.kind == PB_NONE || c.kind == PB_NONE || unknown(b, c, out)) return true;
    if (c.kind == PB_LIST) return in_list(e, b, c, out);
    if (b.kind != PB_STRING || (c.kind != PB_MAP && c.kind != PB_STRING)) return mismatch(e, "use `in` with", b, c);
    if (!env_charge(e, c.n / 16)) return false;
    if (c.kind == PB_MAP)
        *out = pb_bool(has_key(c, pb_text(b)));
    else
        *out = pb_bool(!b.n || (c.n && memmem(c.u.s, c.n, b.u.s, b.n)));
    return true;
}

bool op_like(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    bool matched;
    *out = pb_bool(false);
    if (b.kind == PB_NONE || c.kind == PB_NONE || unknown(b, c, out)) return true;
    if (!both(b, c, PB_STRING)) return mismatch(e, "use `like` with", b, c);
    uint64_t left = e->fuel > UINT64_MAX / 16 ? UINT64_MAX : e->fuel * 16, before = left;
    if (!vm_glob_within(pb_text(c), pb_text(b), &left, &matched)) return env_charge(e, e->fuel);
    *out = pb_bool(matched);
    return env_charge(e, (before - left) / 16);
}

bool op_matches(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    char message[200];
    uint64_t work;
    *out = pb_bool(false);
    if (b.kind == PB_NONE || c.kind == PB_NONE || unknown(b, c, out)) return true;
    if (!both(b, c, PB_STRING)) return mismatch(e, "use `matches` with", b, c);
    regex_result r = vm_regex_search(e->program->patterns, pb_text(c), pb_text(b), &work, message);
    if (!env_charge(e, work / 4)) return false;
    switch (r) {
    case REGEX_NO:
    case REGEX_YES: *out = pb_bool(r == REGEX_YES); return true;
    case REGEX_BAD_PATTERN: return env_fail(e, "bad_pattern", "not a regular expression: %s", message);
    case REGEX_TEXT_TOO_LONG:
        return env_fail(e, "text_too_long", "`matches` looks at no more than %d bytes, the text has %u", REGEX_MAX_TEXT,
                        b.n);
    case REGEX_BAD_TEXT: return env_fail(e, "not_utf8", "`matches` needs text in UTF-8");
    case REGEX_COSTLY:
        return env_fail(e, "pattern_too_costly",
                        "the regular expression takes too long on this text; make it more specific");
    case REGEX_NO_MEMORY: break;
    }
    return env_no_memory(e);
}

/* ---- parts ---- */

bool op_field(vm_env *e, pb_value b, pb_value key, pb_value *out) {
    if (unknown(b, key, out)) return true;
    *out = PB_NONE_VALUE;
    if (b.kind != PB_MAP) return true;
    if (key.kind != PB_STRING) return env_fail(e, "type", "a field's name must be a string, found %s", vm_a_kind(key));
    *out = pb_get(b, pb_text(key));
    return env_charge(e, b.n / 16);
}

bool op_index(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    if (unknown(b, c, out)) return true;
    *out = PB_NONE_VALUE;
    if (b.kind == PB_NONE || c.kind == PB_NONE) return true;
    if (b.kind == PB_MAP) return op_field(e, b, c, out);
    if (b.kind != PB_LIST) return env_fail(e, "type", "cannot take an item out of %s", vm_a_kind(b));
    if (c.kind != PB_INT) return env_fail(e, "type", "a list's index must be an int, found %s", vm_a_kind(c));
    if (c.u.i >= 0 && c.u.i < (int64_t)b.n) *out = b.u.items[c.u.i];
    return true;
}

/* ---- making ---- */

bool op_list(vm_env *e, const pb_value *items, uint32_t n, pb_value *out) {
    pb_value *to = env_alloc_array(e, n ? n : 1, sizeof *to);
    if (!to) return false;
    if (n) memcpy(to, items, n * sizeof *to);
    *out = (pb_value){.kind = PB_LIST, .n = n, .u.items = to};
    return true;
}

bool op_map(vm_env *e, const pb_value *pairs, uint32_t n, pb_value *out) {
    pb_map_builder b = {.arena = e->arena};
    for (uint32_t i = 0; i < n; i++) {
        pb_value key = pairs[2 * i], v = pairs[2 * i + 1];
        if (unknown(key, key, out)) return true;
        if (key.kind != PB_STRING) return env_fail(e, "type", "a map's key must be a string, found %s", vm_a_kind(key));
        if (v.kind != PB_NONE) pb_map_add(&b, pb_text(key), v);
    }
    *out = pb_map_done(&b);
    return !b.oom || env_no_memory(e);
}

bool op_concat(vm_env *e, const pb_value *items, uint32_t n, pb_value *out) {
    pb_str parts[256];
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool maybe = false;
        if (e->dry && !env_holds(e, items[i], PB_UNKNOWN, &maybe)) return false;
        if (maybe) {
            *out = pb_unknown();
            return true;
        }
        if (!env_no_secret(e, items[i], "go into a text")) return false;
        parts[i] = pb_display(e->arena, items[i]);
        if (!parts[i].s) return env_no_memory(e);
        size += parts[i].n;
    }
    if (size >= UINT32_MAX) return env_no_memory(e);
    char *p = env_alloc(e, size + 1);
    if (!p) return false;
    *out = pb_string((pb_str){p, (uint32_t)size});
    for (uint32_t i = 0; i < n; p += parts[i++].n) memcpy(p, parts[i].s, parts[i].n);
    return true;
}
