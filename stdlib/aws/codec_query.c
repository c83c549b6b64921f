/*
 * codec_query.c - the form bodies of the query and ec2 protocols: Action=..&Version=..&Filter.1.Value.1=..
 *
 * A value's place in the tree is the dotted name of its parameter. The two protocols differ in three things: ec2 names
 * a member by queryName or by its capitalised locationName, never puts ".member" into lists, and sends nothing for an
 * empty list, where query sends "Prefix=". Reading, on the simulated account's side, goes by the same names: for each
 * member, list index and map entry that the parameters mention.
 */
#include "stdlib/aws/wire.h"

#include <stdio.h>

/* A growing dotted name; `end` marks restore it. Longer ones than this do not occur in any model. */
typedef struct prefix {
    char s[1024];
    uint32_t n;
    bool full;
} prefix;

static void prefix_add(prefix *p, pb_str part) {
    uint32_t need = part.n + (p->n ? 1 : 0);
    if (need >= sizeof p->s - p->n) {
        p->full = true;
        return;
    }
    if (p->n) p->s[p->n++] = '.';
    memcpy(p->s + p->n, part.s, part.n);
    p->n += part.n;
}

static void prefix_index(prefix *p, uint32_t i) {
    char t[16];
    int n = snprintf(t, sizeof t, "%u", i);
    prefix_add(p, (pb_str){t, (uint32_t)n});
}

static pb_str prefix_str(const prefix *p) { return (pb_str){p->s, p->n}; }

/* The name of a member, as sent. `first` holds a capitalised copy when one is needed. */
static void add_member_name(const codec *c, prefix *p, const tab_ref *r) {
    pb_str wire = tab_str(c->m, r->wire), query = tab_str(c->m, tab_extra_at(c->m, r->extra)->query_name);
    bool ec2 = c->service->protocol == AWS_EC2;
    if (ec2 && query.n) wire = query;
    pb_str name = wire.n ? wire : tab_str(c->m, r->name);
    uint32_t at = p->n + (p->n ? 1 : 0);
    prefix_add(p, name);
    if (ec2 && !query.n && wire.n && !p->full && p->s[at] >= 'a' && p->s[at] <= 'z') p->s[at] = (char)(p->s[at] - 32);
}

/* The prefix under which a list's items are numbered. */
static void add_list_name(const codec *c, prefix *p, const tab_ref *r, const tab_ref *item) {
    pb_str name = tab_str(c->m, item->wire);
    if (c->service->protocol == AWS_EC2) return;
    if (r->flags & TAB_R_FLAT) {
        if (!name.n) return;
        while (p->n && p->s[p->n - 1] != '.') p->n--; /* the item's name stands in for the list's */
        if (p->n) p->n--;
        prefix_add(p, name);
        return;
    }
    prefix_add(p, name.n ? name : PB_STR("member"));
}

/* ---- writing ---- */

static bool write_value(codec *c, pb_buf *b, const tab_ref *r, pb_value v, prefix *p, unsigned depth);

static void write_key(pb_buf *b, const prefix *p) {
    if (b->len) pb_buf_putc(b, '&');
    text_encode(b, prefix_str(p), "");
    pb_buf_putc(b, '=');
}

static bool write_members(codec *c, pb_buf *b, const tab_shape *s, pb_value v, prefix *p, unsigned depth) {
    for (uint32_t i = 0; i < v.n; i++) {
        const tab_ref *r = tab_find(c->m, s, v.u.entries[i].key);
        uint32_t mark = p->n;
        if (!r || v.u.entries[i].value.kind == PB_NONE) continue;
        add_member_name(c, p, r);
        if (!write_value(c, b, r, v.u.entries[i].value, p, depth)) return false;
        p->n = mark;
    }
    return true;
}

static bool write_list(codec *c, pb_buf *b, const tab_ref *r, const tab_shape *s, pb_value v, prefix *p,
                       unsigned depth) {
    const tab_ref *item = tab_ref_at(c->m, s->first);
    prefix base = *p;
    if (v.n == 0) {
        if (c->service->protocol == AWS_QUERY) write_key(b, p);
        return true;
    }
    add_list_name(c, &base, r, item);
    for (uint32_t i = 0; i < v.n; i++) {
        uint32_t mark = base.n;
        prefix_index(&base, i + 1);
        if (!write_value(c, b, item, v.u.items[i], &base, depth)) return false;
        base.n = mark;
    }
    return !base.full || codec_wrong(c, NULL, "nested too deep for a form body");
}

static bool write_map(codec *c, pb_buf *b, const tab_ref *r, const tab_shape *s, pb_value v, prefix *p,
                      unsigned depth) {
    const tab_ref *key = tab_ref_at(c->m, s->first), *value = tab_ref_at(c->m, s->first + 1);
    uint32_t start = p->n;
    if (!(r->flags & TAB_R_FLAT)) prefix_add(p, PB_STR("entry"));
    for (uint32_t i = 0; i < v.n; i++) {
        uint32_t mark = p->n;
        prefix_index(p, i + 1);
        uint32_t entry = p->n;
        add_member_name(c, p, key);
        if (!write_value(c, b, key, pb_string(v.u.entries[i].key), p, depth)) return false;
        p->n = entry;
        add_member_name(c, p, value);
        if (!write_value(c, b, value, v.u.entries[i].value, p, depth)) return false;
        p->n = mark;
    }
    p->n = start;
    return true;
}

static bool write_scalar(codec *c, pb_buf *b, const tab_ref *r, pb_value v, const prefix *p) {
    pb_buf t = {0};
    bool ok = text_put_scalar(c, &t, r, v, TAB_TIME_ISO8601);
    write_key(b, p);
    if (ok && t.data) text_encode(b, (pb_str){t.data, (uint32_t)t.len}, "");
    if (t.oom) b->oom = true;
    pb_buf_free(&t);
    return ok || codec_wrong(c, NULL, "%.*s does not fit the model", PB_ARG(prefix_str(p)));
}

static bool write_value(codec *c, pb_buf *b, const tab_ref *r, pb_value v, prefix *p, unsigned depth) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    if (depth > WIRE_MAX_DEPTH || p->full) return codec_wrong(c, NULL, "nested too deep for a form body");
    switch ((schema_kind)s->kind) {
    case SCHEMA_STRUCT: return write_members(c, b, s, v, p, depth + 1);
    case SCHEMA_LIST: return write_list(c, b, r, s, v, p, depth + 1);
    case SCHEMA_MAP: return write_map(c, b, r, s, v, p, depth + 1);
    default: return write_scalar(c, b, r, v, p);
    }
}

bool query_write(codec *c, pb_value input, pb_buf *b) {
    prefix p = {.n = 0};
    pb_str action = tab_str(c->m, c->op->name), version = tab_str(c->m, c->service->api_version);
    pb_buf_puts(b, "Action=");
    text_encode(b, action, "");
    pb_buf_puts(b, "&Version=");
    text_encode(b, version, "");
    if (!c->op->input) return true;
    return write_members(c, b, tab_ref_shape(c->m, tab_ref_at(c->m, c->op->input)), input, &p, 0);
}

/* ---- forms ---- */

static uint32_t count_params(pb_str text) {
    uint32_t n = text.n ? 1 : 0;
    for (uint32_t i = 0; i < text.n; i++) n += text.s[i] == '&';
    return n;
}

static bool parse_param(codec *c, pb_str part, form_param *out) {
    const char *eq = part.n ? memchr(part.s, '=', part.n) : NULL;
    uint32_t key = eq ? (uint32_t)(eq - part.s) : part.n;
    pb_str value = eq ? (pb_str){eq + 1, part.n - key - 1} : (pb_str){"", 0};
    if (!text_decode(c->a, (pb_str){part.s, key}, true, &out->key) || !text_decode(c->a, value, true, &out->value))
        return codec_oom(c);
    bool valid = pb_utf8_valid(out->key.s, out->key.n) && pb_utf8_valid(out->value.s, out->value.n);
    return valid || codec_fail(c, c->bad, "a parameter is not UTF-8");
}

bool form_parse(codec *c, pb_str text, form *out) {
    uint32_t most = count_params(text);
    *out = (form){0};
    if (most > WIRE_MAX_PARAMS) return codec_fail(c, c->bad, "more than %d parameters", WIRE_MAX_PARAMS);
    if (most && !(out->params = pb_alloc_array(c->a, most, sizeof *out->params))) return codec_oom(c);
    for (uint32_t i = 0; i < text.n;) {
        const char *amp = memchr(text.s + i, '&', text.n - i);
        uint32_t n = amp ? (uint32_t)(amp - text.s) - i : text.n - i;
        if (n && !parse_param(c, (pb_str){text.s + i, n}, &out->params[out->n++])) return false;
        i += n + 1;
    }
    return true;
}

static form_param *find_param(const form *f, pb_str key) {
    for (uint32_t i = 0; i < f->n; i++)
        if (pb_str_eq(f->params[i].key, key)) return &f->params[i];
    return NULL;
}

pb_str form_get(const form *f, pb_str key, bool *found) {
    form_param *p = find_param(f, key);
    if (found) *found = p != NULL;
    if (!p) return (pb_str){NULL, 0};
    p->used = true;
    return p->value;
}

/* Is there a parameter of this name, or one below it? */
static bool mentioned(const form *f, pb_str key) {
    for (uint32_t i = 0; i < f->n; i++) {
        pb_str k = f->params[i].key;
        if (k.n >= key.n && memcmp(k.s, key.s, key.n) == 0 && (k.n == key.n || k.s[key.n] == '.')) return true;
    }
    return false;
}

/* ---- reading ---- */

static bool read_value(codec *c, form *f, const tab_ref *r, prefix *p, const wire_path *at, unsigned depth,
                       pb_value *out);

static bool read_struct(codec *c, form *f, const tab_shape *s, prefix *p, const wire_path *at, unsigned depth,
                        pb_value *out) {
    pb_map_builder b = {.arena = c->a};
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        uint32_t mark = p->n;
        add_member_name(c, p, r);
        prefix probe = *p; /* a flattened list's items may go by another name */
        const tab_shape *sub = tab_ref_shape(c->m, r);
        if (sub->kind == SCHEMA_LIST && (r->flags & TAB_R_FLAT))
            add_list_name(c, &probe, r, tab_ref_at(c->m, sub->first));
        if (!p->full && (mentioned(f, prefix_str(p)) || mentioned(f, prefix_str(&probe)))) {
            pb_str name = tab_str(c->m, r->name);
            wire_path here = {at, name, 0};
            pb_value v;
            if (!read_value(c, f, r, p, &here, depth, &v)) return false;
            pb_map_add(&b, name, v);
        }
        p->n = mark;
    }
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

static uint32_t count_items(const form *f, prefix *p) {
    uint32_t n = 0, mark = p->n;
    for (; n < WIRE_MAX_ITEMS; n++) {
        prefix_index(p, n + 1);
        bool there = !p->full && mentioned(f, prefix_str(p));
        p->n = mark;
        if (!there) break;
    }
    return n;
}

static bool read_list(codec *c, form *f, const tab_ref *r, const tab_shape *s, prefix *p, const wire_path *at,
                      unsigned depth, pb_value *out) {
    const tab_ref *item = tab_ref_at(c->m, s->first);
    prefix base = *p;
    pb_value *items;
    form_get(f, prefix_str(p), NULL); /* "Prefix=": an empty list */
    add_list_name(c, &base, r, item);
    uint32_t n = count_items(f, &base);
    *out = pb_list_new(c->a, n, &items);
    if (out->kind != PB_LIST) return codec_oom(c);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t mark = base.n;
        wire_path here = {at, {NULL, 0}, i};
        prefix_index(&base, i + 1);
        if (!read_value(c, f, item, &base, &here, depth, &items[i])) return false;
        base.n = mark;
    }
    return true;
}

static bool read_map(codec *c, form *f, const tab_ref *r, const tab_shape *s, prefix *p, const wire_path *at,
                     unsigned depth, pb_value *out) {
    const tab_ref *key = tab_ref_at(c->m, s->first), *value = tab_ref_at(c->m, s->first + 1);
    pb_map_builder b = {.arena = c->a};
    uint32_t start = p->n;
    if (!(r->flags & TAB_R_FLAT)) prefix_add(p, PB_STR("entry"));
    uint32_t n = count_items(f, p);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t mark = p->n;
        pb_value k, v;
        prefix_index(p, i + 1);
        uint32_t entry = p->n;
        add_member_name(c, p, key);
        if (!read_value(c, f, key, p, at, depth, &k)) return false;
        p->n = entry;
        add_member_name(c, p, value);
        wire_path here = {at, pb_text(k), 0};
        if (!read_value(c, f, value, p, &here, depth, &v)) return false;
        pb_map_add(&b, pb_text(k), v);
        p->n = mark;
    }
    p->n = start;
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

static bool read_value(codec *c, form *f, const tab_ref *r, prefix *p, const wire_path *at, unsigned depth,
                       pb_value *out) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    bool found;
    if (depth > WIRE_MAX_DEPTH || p->full) return codec_wrong(c, at, "nested too deep");
    switch ((schema_kind)s->kind) {
    case SCHEMA_STRUCT: return read_struct(c, f, s, p, at, depth + 1, out);
    case SCHEMA_LIST: return read_list(c, f, r, s, p, at, depth + 1, out);
    case SCHEMA_MAP: return read_map(c, f, r, s, p, at, depth + 1, out);
    default: break;
    }
    pb_str t = form_get(f, prefix_str(p), &found);
    if (!found) return codec_wrong(c, at, "has no value of its own");
    return text_read_scalar(c, r, t, at, out);
}

/* EC2 refuses parameters it does not know, the query services pass over them. */
static bool all_used(codec *c, const form *f) {
    static const char *const own[] = {"Action",          "Version",          "AWSAccessKeyId", "Signature",
                                      "SignatureMethod", "SignatureVersion", "Timestamp"};
    for (uint32_t i = 0; i < f->n; i++) {
        pb_str k = f->params[i].key;
        bool known = f->params[i].used || (k.n > 6 && memcmp(k.s, "X-Amz-", 6) == 0);
        for (size_t j = 0; !known && j < sizeof own / sizeof *own; j++) known = pb_str_is(k, own[j]);
        if (!known) return codec_fail(c, "UnknownParameter", "The parameter %.*s is not recognized", PB_ARG(k));
    }
    return true;
}

bool query_read(codec *c, form *f, pb_value *out) {
    prefix p = {.n = 0};
    *out = (pb_value){PB_MAP, 0, {0}};
    const tab_shape *s = tab_ref_shape(c->m, tab_ref_at(c->m, c->op->input));
    if (c->op->input && !read_struct(c, f, s, &p, NULL, 0, out)) return false;
    return c->service->protocol != AWS_EC2 || all_used(c, f);
}
