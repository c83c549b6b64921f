/*
 * cast.c - `as T`: does a value out of JSON have a type; and parameters made from text.
 *
 * JSON has fewer kinds than the language, so where the value says it in another way it is converted: text becomes a
 * time, an int a float, a float without a fraction an int. Lists and maps are made anew only when something in them was
 * converted. Fields that the type does not name stay. Types are made of earlier types only, so their nesting ends; that
 * of the values is limited, and each value looked at is charged.
 */
#include "vm/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool fits(vm_env *e, pb_value v, uint32_t type, int depth, pb_value *out, bool *yes);

static uint32_t type_field(const vm_env *e, uint32_t type, uint32_t field) {
    return image_field(&e->program->view, SECTION_TYPES, type, field);
}

static bool same(pb_value a, pb_value b) {
    return a.kind == b.kind && a.n == b.n && memcmp(&a.u, &b.u, sizeof a.u) == 0;
}

static bool list_fits(vm_env *e, pb_value v, uint32_t type, int depth, pb_value *out, bool *yes) {
    uint32_t elem = type_field(e, type, TYPES_elem);
    pb_value *made = NULL, item;
    for (uint32_t i = 0; i < v.n; i++) {
        if (!fits(e, v.u.items[i], elem, depth + 1, &item, yes)) return false;
        if (!*yes) return true;
        if (!made && same(item, v.u.items[i])) continue;
        if (!made) {
            made = env_alloc_array(e, v.n, sizeof *made);
            if (!made) return false;
            memcpy(made, v.u.items, v.n * sizeof *made);
        }
        made[i] = item;
    }
    *out = v;
    if (made) out->u.items = made;
    return true;
}

/* Writes a converted value into *made, a copy of the map's entries. */
static bool put_entry(vm_env *e, pb_value map, uint32_t i, pb_value v, pb_entry **made) {
    if (!*made && same(v, map.u.entries[i].value)) return true;
    if (!*made) {
        *made = env_alloc_array(e, map.n, sizeof **made);
        if (!*made) return false;
        memcpy(*made, map.u.entries, map.n * sizeof **made);
    }
    (*made)[i].value = v;
    return true;
}

static bool map_fits(vm_env *e, pb_value v, uint32_t type, int depth, pb_value *out, bool *yes) {
    uint32_t elem = type_field(e, type, TYPES_elem);
    pb_entry *made = NULL;
    for (uint32_t i = 0; i < v.n; i++) {
        pb_value item;
        if (!fits(e, v.u.entries[i].value, elem, depth + 1, &item, yes)) return false;
        if (!*yes) return true;
        if (!put_entry(e, v, i, item, &made)) return false;
    }
    *out = v;
    if (made) out->u.entries = made;
    return true;
}

static uint32_t entry_of(pb_value map, pb_str key) {
    uint32_t i = 0;
    while (i < map.n && !pb_str_eq(map.u.entries[i].key, key)) i++;
    return i;
}

static bool record_fits(vm_env *e, pb_value v, uint32_t type, int depth, pb_value *out, bool *yes) {
    const vm_program *p = e->program;
    uint32_t fields = type_field(e, type, TYPES_fields), n;
    pb_entry *made = NULL;
    vm_list(p, fields, 0, &n);
    for (uint32_t i = 0; i + 1 < n; i += 2) {
        uint32_t at = entry_of(v, vm_string(p, vm_list(p, fields, i, &n)));
        pb_value given = at < v.n ? v.u.entries[at].value : PB_NONE_VALUE, item;
        if (!env_charge(e, v.n / 16)) return false;
        if (!fits(e, given, vm_list(p, fields, i + 1, &n), depth + 1, &item, yes)) return false;
        if (!*yes) return true;
        if (at < v.n && !put_entry(e, v, at, item, &made)) return false;
    }
    *out = v;
    if (made) out->u.entries = made;
    return true;
}

static bool int_fits(pb_value v, pb_value *out) {
    if (v.kind == PB_INT) return true;
    if (v.kind != PB_FLOAT || v.u.d != trunc(v.u.d) || fabs(v.u.d) > 9007199254740992.0) return false;
    *out = pb_int((int64_t)v.u.d);
    return true;
}

static bool float_fits(pb_value v, pb_value *out) {
    if (v.kind == PB_INT) *out = pb_float((double)v.u.i);
    return v.kind == PB_FLOAT || (v.kind == PB_INT && pb_number_cmp(v, *out) == 0);
}

static bool time_fits(pb_value v, pb_value *out) {
    int64_t ms;
    if (v.kind != PB_STRING || !pb_time_parse(pb_text(v), &ms)) return v.kind == PB_TIME;
    *out = pb_time(ms);
    return true;
}

static bool text_fits(pb_value v, enum image_type kind) {
    if (v.kind != PB_STRING) return false;
    return kind == IMAGE_TYPE_IP     ? text_is_ip(pb_text(v))
           : kind == IMAGE_TYPE_CIDR ? text_is_cidr(pb_text(v))
                                     : text_is_arn(pb_text(v));
}

/* What is one value, not made of others. */
static bool simple_fits(pb_value v, enum image_type kind, pb_value *out) {
    *out = v;
    switch (kind) {
    case IMAGE_TYPE_ANY: return true;
    case IMAGE_TYPE_BOOL: return v.kind == PB_BOOL;
    case IMAGE_TYPE_INT: return int_fits(v, out);
    case IMAGE_TYPE_FLOAT: return float_fits(v, out);
    case IMAGE_TYPE_STRING: return v.kind == PB_STRING;
    case IMAGE_TYPE_BYTES: return v.kind == PB_BYTES;
    case IMAGE_TYPE_DURATION: return v.kind == PB_DURATION;
    case IMAGE_TYPE_TIME: return time_fits(v, out);
    case IMAGE_TYPE_IP:
    case IMAGE_TYPE_CIDR:
    case IMAGE_TYPE_ARN: return text_fits(v, kind);
    case IMAGE_TYPE_SECRET: return v.kind == PB_SECRET;
    default: return false;
    }
}

static bool fits(vm_env *e, pb_value v, uint32_t type, int depth, pb_value *out, bool *yes) {
    enum image_type kind = (enum image_type)type_field(e, type, TYPES_kind);
    if (!env_charge(e, 1)) return false;
    *yes = depth <= VALUE_MAX_DEPTH;
    *out = v;
    if (!*yes || v.kind == PB_UNKNOWN) return true;
    if (v.kind == PB_NONE) {
        *yes = type_field(e, type, TYPES_optional) != 0 || kind == IMAGE_TYPE_ANY;
        return true;
    }
    bool list = kind == IMAGE_TYPE_LIST, map = kind == IMAGE_TYPE_MAP, record = kind == IMAGE_TYPE_RECORD;
    if (!list && !map && !record) {
        *yes = simple_fits(v, kind, out);
        return true;
    }
    *yes = v.kind == (list ? PB_LIST : PB_MAP);
    if (!*yes) return true;
    return list  ? list_fits(e, v, type, depth, out, yes)
           : map ? map_fits(e, v, type, depth, out, yes)
                 : record_fits(e, v, type, depth, out, yes);
}

bool op_cast(vm_env *e, pb_value v, uint32_t type, pb_value *out) {
    bool yes;
    if (!fits(e, v, type, 0, out, &yes)) return false;
    if (!yes) *out = PB_NONE_VALUE;
    return true;
}

/* ---- parameters ---- */

static bool parse_bool(pb_str s, pb_value *out) {
    *out = pb_bool(pb_str_is(s, "true"));
    return out->u.b || pb_str_is(s, "false");
}

static bool parse_number(pb_str s, bool whole, pb_arena *a, pb_value *out) {
    pb_str err;
    pb_value v;
    if (!pb_json_parse(a, s.s, s.n, &v, &err)) return false;
    return whole ? (*out = v, v.kind == PB_INT) : (*out = v, float_fits(v, out));
}

static bool duration_unit(pb_str s, uint32_t *at, int64_t *ms) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint32_t n = (uint32_t)strlen(units[i].unit);
        if (s.n - *at < n || memcmp(s.s + *at, units[i].unit, n) != 0) continue;
        *at += n;
        *ms = units[i].ms;
        return true;
    }
    return false;
}

/* "30s", "1h30m", "500ms". */
static bool parse_duration(pb_str s, pb_value *out) {
    int64_t total = 0;
    uint32_t i = 0;
    while (i < s.n) {
        int64_t n = 0, unit;
        uint32_t first = i;
        for (; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++)
            if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, s.s[i] - '0', &n)) return false;
        if (i == first || !duration_unit(s, &i, &unit)) return false;
        if (__builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(total, n, &total)) return false;
    }
    *out = pb_duration(total);
    return s.n > 0;
}

static bool parse_json(const vm_program *p, uint32_t type, pb_str text, pb_arena *a, pb_value *out, pb_str *err) {
    pb_value v;
    if (!pb_json_parse(a, text.s, text.n, &v, err)) return false;
    vm_env e = {.program = p,
                .arena = a,
                .arena_start = pb_arena_used(a),
                .memory = SIZE_MAX / 2,
                .limit = JSON_MAX_BYTES,
                .fuel = JSON_MAX_BYTES};
    bool yes;
    if (!fits(&e, v, type, 0, out, &yes)) {
        *err = e.error.message;
        return false;
    }
    return yes;
}

static const char *const expectations[] = {"JSON",
                                           "true or false",
                                           "a whole number",
                                           "a number",
                                           "text",
                                           "base64",
                                           "a duration like 30s, 5m or 1h30m",
                                           "a time like 2026-01-02T03:04:05Z",
                                           "an IP address",
                                           "a block of addresses like 10.0.0.0/8",
                                           "an ARN like arn:aws:iam::123456789012:user/name",
                                           "text",
                                           "a JSON list like [\"a\", \"b\"]",
                                           "a JSON object like {\"a\": \"b\"}",
                                           "a JSON object with the type's fields"};

bool vm_parse_param(const vm_program *p, uint32_t type, pb_str text, pb_arena *a, pb_value *out, pb_str *err) {
    enum image_type kind = (enum image_type)vm_field(p, SECTION_TYPES, type, TYPES_kind);
    pb_value s = pb_string(pb_strdup(a, text.s, text.n));
    pb_str bytes;
    bool ok = false;
    *err = (pb_str){NULL, 0};
    if (!s.u.s) {
        *err = PB_STR("out of memory");
        return false;
    }
    switch (kind) {
    case IMAGE_TYPE_BOOL: ok = parse_bool(text, out); break;
    case IMAGE_TYPE_INT:
    case IMAGE_TYPE_FLOAT: ok = parse_number(pb_text(s), kind == IMAGE_TYPE_INT, a, out); break;
    case IMAGE_TYPE_DURATION: ok = parse_duration(text, out); break;
    case IMAGE_TYPE_BYTES:
        ok = pb_base64_decode(a, text, &bytes);
        if (ok) *out = (pb_value){.kind = PB_BYTES, .n = bytes.n, .u.s = bytes.s};
        break;
    case IMAGE_TYPE_SECRET:
        *out = (pb_value){.kind = PB_SECRET, .n = s.n, .u.s = s.u.s};
        ok = true;
        break;
    case IMAGE_TYPE_ANY:
    case IMAGE_TYPE_LIST:
    case IMAGE_TYPE_MAP:
    case IMAGE_TYPE_RECORD: ok = parse_json(p, type, pb_text(s), a, out, err); break;
    default: ok = pb_utf8_valid(s.u.s, s.n) && simple_fits(s, kind, out); break;
    }
    if (ok) return true;
    *err = err->s ? pb_printf(a, "expected %s: %.*s", expectations[kind], PB_ARG(*err))
                  : pb_printf(a, "expected %s", expectations[kind]);
    if (!err->s) *err = PB_STR("out of memory");
    return false;
}
