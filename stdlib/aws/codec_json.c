/*
 * codec_json.c - JSON bodies by shape: of the json protocols, of rest-json, and documents.
 *
 * Writing follows the order of the value's entries. Reading starts from pb_json_parse's value and turns it into what
 * the shape says: seconds into times, base64 into bytes, whole numbers into floats where a float is due. Members the
 * model does not know are passed over, and nulls are absent, so that a newer service does not break an older table.
 * What cannot be what the model says is an error with its path.
 */
#include "stdlib/aws/wire.h"

#include <math.h>
#include <stdio.h>

static void put_string(pb_buf *b, pb_str s) {
    pb_buf_putc(b, '"');
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.s[i];
        if (ch == '"' || ch == '\\') {
            pb_buf_putc(b, '\\');
            pb_buf_putc(b, s.s[i]);
        } else if (ch < 0x20) {
            pb_buf_printf(b, "\\u%04x", ch);
        } else {
            pb_buf_putc(b, s.s[i]);
        }
    }
    pb_buf_putc(b, '"');
}

static bool write_list(codec *c, pb_buf *b, const tab_shape *s, pb_value v, unsigned depth) {
    pb_buf_putc(b, '[');
    for (uint32_t i = 0; i < v.n; i++) {
        if (i) pb_buf_putc(b, ',');
        if (!json_write(c, b, tab_ref_at(c->m, s->first), v.u.items[i], depth)) return false;
    }
    pb_buf_putc(b, ']');
    return true;
}

static bool write_map(codec *c, pb_buf *b, const tab_shape *s, pb_value v, unsigned depth) {
    pb_buf_putc(b, '{');
    for (uint32_t i = 0; i < v.n; i++) {
        if (i) pb_buf_putc(b, ',');
        put_string(b, v.u.entries[i].key);
        pb_buf_putc(b, ':');
        if (!json_write(c, b, tab_ref_at(c->m, s->first + 1), v.u.entries[i].value, depth)) return false;
    }
    pb_buf_putc(b, '}');
    return true;
}

bool json_write_members(codec *c, pb_buf *b, const tab_shape *s, pb_value v, bool body_only, bool *any,
                        unsigned depth) {
    bool first = true;
    pb_buf_putc(b, '{');
    for (uint32_t i = 0; i < v.n; i++) {
        const pb_entry *e = &v.u.entries[i];
        const tab_ref *r = tab_find(c->m, s, e->key);
        if (!r || e->value.kind == PB_NONE || (body_only && r->location != TAB_BODY)) continue;
        if (!first) pb_buf_putc(b, ',');
        first = false;
        put_string(b, tab_wire(c->m, r));
        pb_buf_putc(b, ':');
        if (!json_write(c, b, r, e->value, depth)) return false;
    }
    pb_buf_putc(b, '}');
    if (any) *any = !first;
    return true;
}

static bool write_document(codec *c, pb_buf *b, pb_value v) {
    pb_str t = pb_json_text(c->a, v);
    if (!t.s) return codec_oom(c);
    pb_buf_add(b, t.s, t.n);
    return true;
}

static bool write_time(pb_buf *b, const tab_ref *r, pb_value v, bool server) {
    int64_t ms;
    if (!text_time_of(v, &ms)) return false;
    bool number = r->time == TAB_TIME_DEFAULT || r->time == TAB_TIME_UNIX;
    if (number && server && ms % 1000 && ms > 0) { /* AWS itself does send fractions */
        pb_buf_printf(b, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
        return true;
    }
    if (!number) pb_buf_putc(b, '"');
    text_put_time(b, ms, number ? TAB_TIME_UNIX : r->time);
    if (!number) pb_buf_putc(b, '"');
    return true;
}

static bool write_scalar(codec *c, pb_buf *b, const tab_ref *r, uint8_t kind, pb_value v) {
    if (kind == SCHEMA_TIME) return write_time(b, r, v, c->server);
    if (kind == SCHEMA_STRING) {
        if (v.kind != PB_STRING && v.kind != PB_SECRET) return false;
        put_string(b, pb_text(v));
        return true;
    }
    bool quoted = kind == SCHEMA_BLOB || (v.kind == PB_FLOAT && !isfinite(v.u.d));
    if (quoted) pb_buf_putc(b, '"');
    if (!text_put_scalar(c, b, r, v, TAB_TIME_UNIX)) return false;
    if (quoted) pb_buf_putc(b, '"');
    return true;
}

static const uint8_t value_kind[] = {
    [SCHEMA_STRUCT] = PB_MAP, [SCHEMA_MAP] = PB_MAP,     [SCHEMA_LIST] = PB_LIST, [SCHEMA_STRING] = PB_STRING,
    [SCHEMA_INT] = PB_INT,    [SCHEMA_FLOAT] = PB_FLOAT, [SCHEMA_BOOL] = PB_BOOL, [SCHEMA_TIME] = PB_TIME,
    [SCHEMA_BLOB] = PB_BYTES, [SCHEMA_JSON] = PB_NONE,
};

bool json_write(codec *c, pb_buf *b, const tab_ref *r, pb_value v, unsigned depth) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    if (depth > WIRE_MAX_DEPTH) return codec_wrong(c, NULL, "nested more than %d levels deep", WIRE_MAX_DEPTH);
    if (s->kind == SCHEMA_JSON) return write_document(c, b, v);
    if (v.kind == PB_NONE) {
        pb_buf_puts(b, "null");
        return true;
    }
    if (s->kind <= SCHEMA_MAP && v.kind != value_kind[s->kind])
        return codec_wrong(c, NULL, "a value does not fit the model");
    switch ((schema_kind)s->kind) {
    case SCHEMA_STRUCT: return json_write_members(c, b, s, v, false, NULL, depth + 1);
    case SCHEMA_LIST: return write_list(c, b, s, v, depth + 1);
    case SCHEMA_MAP: return write_map(c, b, s, v, depth + 1);
    default: return write_scalar(c, b, r, s->kind, v) || codec_wrong(c, NULL, "a value does not fit the model");
    }
}

/* ---- reading ---- */

bool json_parse(codec *c, pb_str body, pb_value *out) {
    pb_str why;
    if (text_trim(body).n == 0) {
        *out = (pb_value){PB_MAP, 0, {0}};
        return true;
    }
    if (pb_json_parse_upto(c->a, body.s, body.n, WIRE_MAX_JSON, out, &why)) return true;
    return pb_arena_failed(c->a) ? codec_oom(c) : codec_fail(c, c->bad, "not JSON: %.*s", PB_ARG(why));
}

static bool read_list(codec *c, const tab_shape *s, pb_value json, const wire_path *at, pb_value *out) {
    pb_value *items;
    *out = pb_list_new(c->a, json.n, &items);
    if (out->kind != PB_LIST) return codec_oom(c);
    for (uint32_t i = 0; i < json.n; i++) {
        wire_path here = {at, {NULL, 0}, i};
        if (!json_read(c, tab_ref_at(c->m, s->first), json.u.items[i], &here, &items[i])) return false;
    }
    return true;
}

static bool read_map(codec *c, const tab_shape *s, pb_value json, const wire_path *at, pb_value *out) {
    pb_map_builder b = {.arena = c->a};
    for (uint32_t i = 0; i < json.n; i++) {
        wire_path here = {at, json.u.entries[i].key, 0};
        pb_value v;
        if (!json_read(c, tab_ref_at(c->m, s->first + 1), json.u.entries[i].value, &here, &v)) return false;
        pb_map_add(&b, json.u.entries[i].key, v);
    }
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

bool json_read_members(codec *c, const tab_shape *s, pb_value json, const wire_path *at, pb_map_builder *b) {
    for (uint32_t i = 0; i < json.n; i++) {
        const pb_entry *e = &json.u.entries[i];
        const tab_ref *r = tab_find_wire(c->m, s, e->key);
        if (!r || e->value.kind == PB_NONE) continue;
        pb_str name = tab_str(c->m, r->name);
        wire_path here = {at, name, 0};
        pb_value v;
        if (!json_read(c, r, e->value, &here, &v)) return false;
        pb_map_add(b, name, v);
    }
    return !b->oom || codec_oom(c);
}

static bool read_struct(codec *c, const tab_shape *s, pb_value json, const wire_path *at, pb_value *out) {
    pb_map_builder b = {.arena = c->a};
    if (!json_read_members(c, s, json, at, &b)) return false;
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

/* A number that some services write as a string, or the other way round. */
static bool read_number(codec *c, const tab_ref *r, uint8_t kind, pb_value json, const wire_path *at, pb_value *out) {
    if (json.kind == PB_STRING) return text_read_scalar(c, r, pb_text(json), at, out);
    if (kind == SCHEMA_FLOAT && json.kind == PB_INT)
        *out = pb_float((double)json.u.i);
    else if (kind == SCHEMA_INT && json.kind == PB_FLOAT && json.u.d == trunc(json.u.d) && fabs(json.u.d) < 9e15)
        *out = pb_int((int64_t)json.u.d);
    else if (json.kind == value_kind[kind])
        *out = json;
    else
        return codec_wrong(c, at, "expected %s", kind == SCHEMA_INT ? "an integer" : "a number");
    return true;
}

static bool read_time(codec *c, pb_value json, const wire_path *at, pb_value *out) {
    const double limit = 9e15;
    int64_t ms;
    if (json.kind == PB_INT && json.u.i > -(int64_t)limit && json.u.i < (int64_t)limit)
        *out = pb_time(json.u.i * 1000);
    else if (json.kind == PB_FLOAT && fabs(json.u.d) < limit)
        *out = pb_time((int64_t)llround(json.u.d * 1000));
    else if (json.kind == PB_STRING && text_read_time(pb_text(json), &ms))
        *out = pb_time(ms);
    else
        return codec_wrong(c, at, "expected a time");
    return true;
}

static bool read_string(codec *c, pb_value json, const wire_path *at, pb_value *out) {
    if (json.kind == PB_STRING) {
        *out = json;
        return true;
    }
    if (json.kind != PB_INT && json.kind != PB_FLOAT && json.kind != PB_BOOL)
        return codec_wrong(c, at, "expected a string");
    pb_str t = pb_json_text(c->a, json);
    *out = pb_string(t);
    return t.s || codec_oom(c);
}

bool json_read(codec *c, const tab_ref *r, pb_value json, const wire_path *at, pb_value *out) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    *out = json;
    if (json.kind == PB_NONE || s->kind == SCHEMA_JSON) return true;
    if (s->kind <= SCHEMA_MAP && json.kind != value_kind[s->kind])
        return codec_wrong(c, at, "expected %s", s->kind == SCHEMA_LIST ? "a list" : "an object");
    switch ((schema_kind)s->kind) {
    case SCHEMA_STRUCT: return read_struct(c, s, json, at, out);
    case SCHEMA_LIST: return read_list(c, s, json, at, out);
    case SCHEMA_MAP: return read_map(c, s, json, at, out);
    case SCHEMA_INT:
    case SCHEMA_FLOAT: return read_number(c, r, s->kind, json, at, out);
    case SCHEMA_TIME: return read_time(c, json, at, out);
    case SCHEMA_STRING: return read_string(c, json, at, out);
    case SCHEMA_BOOL:
        if (json.kind == PB_BOOL) return true;
        if (json.kind != PB_STRING) return codec_wrong(c, at, "expected true or false");
        return text_read_scalar(c, r, pb_text(json), at, out);
    case SCHEMA_BLOB:
        if (json.kind != PB_STRING) return codec_wrong(c, at, "expected base64");
        return text_read_scalar(c, r, pb_text(json), at, out);
    default: return true;
    }
}
