/*
 * codec_validate.c - does a value fit the model? Asked of every input before it is sent, and by the simulated account
 * of every input it gets.
 *
 * The first thing that does not fit is reported, with its path: "Filters[0].Values: expected a list, found a string".
 * Values themselves are never quoted: they may be secret. Enums are not closed (AWS adds values faster than models are
 * published). Lengths count code points, as AWS does. Patterns are written for Java; what PCRE2 cannot compile,
 * reads otherwise or cannot settle within its limits is let through, and the client takes a pattern that matches
 * anywhere in the text as enough: AWS has the last word, and a call that AWS would have taken must not die here. The
 * simulated account is stricter and asks an unanchored pattern to match the whole text, as AWS's services do.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "stdlib/aws/wire.h"

#include <pcre2.h>

enum { PATTERN_MATCH_LIMIT = 200000, PATTERN_DEPTH_LIMIT = 2000 }; /* a few milliseconds at most */

static const char *kind_phrase(uint8_t kind) {
    switch ((schema_kind)kind) {
    case SCHEMA_STRUCT: return "a structure (a map of its members)";
    case SCHEMA_LIST: return "a list";
    case SCHEMA_MAP: return "a map";
    case SCHEMA_STRING: return "a string";
    case SCHEMA_INT: return "an integer";
    case SCHEMA_FLOAT: return "a number";
    case SCHEMA_BOOL: return "true or false";
    case SCHEMA_TIME: return "a time";
    case SCHEMA_BLOB: return "bytes or a string";
    default: return "a value";
    }
}

static const char *found_phrase(pb_value v) {
    switch ((pb_kind)v.kind) {
    case PB_NONE: return "none";
    case PB_BOOL: return "a bool";
    case PB_INT: return "an integer";
    case PB_FLOAT: return "a float";
    case PB_STRING: return "a string";
    case PB_BYTES: return "bytes";
    case PB_DURATION: return "a duration";
    case PB_TIME: return "a time";
    case PB_LIST: return "a list";
    case PB_MAP: return "a map";
    case PB_SECRET: return "a secret";
    default: return "a value that only the real run will have";
    }
}

static bool kind_fits(uint8_t kind, pb_value v) {
    int64_t ms;
    switch ((schema_kind)kind) {
    case SCHEMA_STRUCT:
    case SCHEMA_MAP: return v.kind == PB_MAP;
    case SCHEMA_LIST: return v.kind == PB_LIST;
    case SCHEMA_STRING: return v.kind == PB_STRING || v.kind == PB_SECRET;
    case SCHEMA_INT: return v.kind == PB_INT;
    case SCHEMA_FLOAT: return v.kind == PB_FLOAT || v.kind == PB_INT;
    case SCHEMA_BOOL: return v.kind == PB_BOOL;
    case SCHEMA_TIME: return text_time_of(v, &ms);
    case SCHEMA_BLOB: return v.kind == PB_BYTES || v.kind == PB_STRING || v.kind == PB_SECRET;
    default: return v.kind != PB_UNKNOWN;
    }
}

/* ---- limits ---- */

static int64_t code_points(pb_str s) {
    int64_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
    return n;
}

static const char *unit_of(uint8_t kind, int64_t n) {
    if (kind == SCHEMA_LIST) return n == 1 ? "item" : "items";
    if (kind == SCHEMA_MAP) return n == 1 ? "entry" : "entries";
    if (kind == SCHEMA_BLOB) return n == 1 ? "byte" : "bytes";
    return n == 1 ? "character" : "characters";
}

static bool check_range(codec *c, const tab_limit *l, pb_value v, const wire_path *at) {
    bool low = v.kind == PB_INT ? v.u.i < l->min : v.u.d < (double)l->min;
    bool high = v.kind == PB_INT ? v.u.i > l->max : v.u.d > (double)l->max;
    if ((l->flags & TAB_L_MIN) && low) return codec_wrong(c, at, "must be at least %lld", (long long)l->min);
    if ((l->flags & TAB_L_MAX) && high) return codec_wrong(c, at, "must be at most %lld", (long long)l->max);
    return true;
}

static bool check_length(codec *c, const tab_limit *l, uint8_t kind, pb_value v, const wire_path *at) {
    int64_t n = kind == SCHEMA_STRING ? code_points(pb_text(v)) : (int64_t)v.n;
    if ((l->flags & TAB_L_MIN) && n < l->min)
        return codec_wrong(c, at, "needs at least %lld %s, has %lld", (long long)l->min, unit_of(kind, l->min),
                           (long long)n);
    if ((l->flags & TAB_L_MAX) && n > l->max)
        return codec_wrong(c, at, "can have at most %lld %s, has %lld", (long long)l->max, unit_of(kind, l->max),
                           (long long)n);
    return true;
}

static bool anchored(pb_str p) { return p.n && (p.s[0] == '^' || p.s[p.n - 1] == '$'); }

/* "[a-z&&[^x]]" is an intersection to Java, and "[[:alpha:]]" a set within a set; PCRE2 takes both, but otherwise. */
static bool means_otherwise(pb_str p) {
    for (uint32_t i = 0; i + 1 < p.n; i++)
        if (p.s[i] == p.s[i + 1] ? p.s[i] == '&' : p.s[i] == '[' && p.s[i + 1] == ':') return true;
    return false;
}

/* True when it matches or when that cannot be found out. */
static bool pattern_holds(pb_str pattern, pb_str text, bool whole) {
    int error;
    PCRE2_SIZE offset;
    if (means_otherwise(pattern)) return true;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY;
    if (whole && !anchored(pattern)) options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern.s, pattern.n, options, &error, &offset, NULL);
    if (!re) return true;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    int found = 0;
    if (data && limits) {
        pcre2_set_match_limit(limits, PATTERN_MATCH_LIMIT);
        pcre2_set_depth_limit(limits, PATTERN_DEPTH_LIMIT);
        found = pcre2_match(re, (PCRE2_SPTR)(text.s ? text.s : ""), text.n, 0, 0, data, limits);
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    pcre2_code_free(re);
    return found != PCRE2_ERROR_NOMATCH;
}

static bool check_limits(codec *c, const tab_shape *s, pb_value v, const wire_path *at, unsigned checks) {
    const tab_limit *l = tab_limit_at(c->m, s->detail);
    pb_str pattern = tab_str(c->m, l->pattern);
    switch ((schema_kind)s->kind) {
    case SCHEMA_INT:
    case SCHEMA_FLOAT: return check_range(c, l, v, at);
    case SCHEMA_STRING:
        if (!check_length(c, l, s->kind, v, at)) return false;
        if (pattern.n && !pattern_holds(pattern, pb_text(v), checks & CHECK_WHOLE_PATTERN))
            return codec_wrong(c, at, "does not match the pattern %.*s", PB_ARG(pattern));
        return true;
    case SCHEMA_LIST:
    case SCHEMA_MAP:
    case SCHEMA_BLOB: return check_length(c, l, s->kind, v, at);
    default: return true;
    }
}

/* ---- structures, lists, maps ---- */

static bool unknown_member(codec *c, const tab_shape *s, pb_str name, const wire_path *at) {
    unsigned best = 4; /* farther names are no help */
    pb_str near = {NULL, 0};
    for (uint32_t i = 0; i < s->n; i++) {
        pb_str known = tab_str(c->m, tab_member(c->m, s, i)->name);
        unsigned d = pb_edit_distance(known, name, best);
        if (d < best) best = d, near = known;
    }
    wire_path here = {at, name, 0};
    if (near.s) return codec_wrong(c, &here, "no such member; did you mean %.*s?", PB_ARG(near));
    return codec_wrong(c, &here, "no such member of %.*s", PB_ARG(tab_str(c->m, s->name)));
}

static bool check_member(codec *c, const tab_shape *s, const pb_entry *e, const wire_path *at, unsigned checks) {
    const tab_ref *r = tab_find(c->m, s, e->key);
    wire_path here = {at, e->key, 0};
    if (!r) return unknown_member(c, s, e->key, at);
    if (e->value.kind == PB_NONE) return true; /* absent */
    if (!validate_value(c, r, e->value, &here, checks)) return false;
    if ((r->location == TAB_URI || (r->flags & TAB_R_HOSTLABEL)) && (checks & CHECK_REQUIRED) && e->value.n == 0 &&
        e->value.kind == PB_STRING)
        return codec_wrong(c, &here, "must not be empty: it is part of the address");
    return true;
}

static bool check_struct(codec *c, const tab_shape *s, pb_value v, const wire_path *at, unsigned checks) {
    uint32_t set = 0;
    for (uint32_t i = 0; i < v.n; i++) {
        if (!check_member(c, s, &v.u.entries[i], at, checks)) return false;
        set += v.u.entries[i].value.kind != PB_NONE;
    }
    if (!(checks & CHECK_REQUIRED)) return true;
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        pb_str name = tab_str(c->m, r->name);
        if (!(r->flags & TAB_R_REQUIRED) || pb_get(v, name).kind != PB_NONE) continue;
        wire_path here = {at, name, 0};
        return codec_wrong(c, &here, "is required");
    }
    if ((s->flags & TAB_S_UNION) && set != 1)
        return codec_wrong(c, at, "exactly one of its members must be set, %u are", set);
    return true;
}

static bool check_list(codec *c, const tab_shape *s, pb_value v, const wire_path *at, unsigned checks) {
    const tab_ref *item = tab_ref_at(c->m, s->first);
    for (uint32_t i = 0; i < v.n; i++) {
        wire_path here = {at, {NULL, 0}, i};
        if (!validate_value(c, item, v.u.items[i], &here, checks)) return false;
    }
    return true;
}

static bool check_map(codec *c, const tab_shape *s, pb_value v, const wire_path *at, unsigned checks) {
    const tab_ref *key = tab_ref_at(c->m, s->first), *value = tab_ref_at(c->m, s->first + 1);
    for (uint32_t i = 0; i < v.n; i++) {
        wire_path here = {at, v.u.entries[i].key, 0};
        if (!validate_value(c, key, pb_string(v.u.entries[i].key), &here, checks)) return false;
        if (!validate_value(c, value, v.u.entries[i].value, &here, checks)) return false;
    }
    return true;
}

static unsigned depth_of(const wire_path *at) {
    unsigned n = 0;
    for (; at; at = at->up) n++;
    return n;
}

bool validate_value(codec *c, const tab_ref *r, pb_value v, const wire_path *at, unsigned checks) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    if (depth_of(at) > WIRE_MAX_DEPTH) return codec_wrong(c, NULL, "nested more than %d levels deep", WIRE_MAX_DEPTH);
    if (v.kind == PB_UNKNOWN) return codec_wrong(c, at, "is not known in a dry run");
    if ((r->flags & TAB_R_JSONVALUE) || s->kind == SCHEMA_JSON) return true;
    if (!kind_fits(s->kind, v))
        return codec_wrong(c, at, "expected %s, found %s", kind_phrase(s->kind), found_phrase(v));
    if ((checks & CHECK_LIMITS) && !check_limits(c, s, v, at, checks)) return false;
    switch ((schema_kind)s->kind) {
    case SCHEMA_STRUCT: return check_struct(c, s, v, at, checks);
    case SCHEMA_LIST: return check_list(c, s, v, at, checks);
    case SCHEMA_MAP: return check_map(c, s, v, at, checks);
    default: return true;
    }
}
