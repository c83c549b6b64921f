/*
 * values.c - what handlers do with values: make and change maps and lists, tags, identifiers, pages, and giving an
 * output the types that its shape in the model asks for.
 *
 * Values do not change; "with" makes a copy that shares the rest. Running out of memory gives none here and is seen
 * once, by the arena's flag, when the answer is written.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "stdlib/sim/sim.h"

pb_value sim_map(sim_call *c, const sim_field *fields, size_t n) {
    pb_map_builder b = {.arena = c->arena};
    for (size_t i = 0; i < n; i++)
        if (is_set(fields[i].value)) pb_map_add(&b, pb_str_c(fields[i].key), fields[i].value);
    return pb_map_done(&b);
}

/* All entries but the one named; entries of other kinds of values are none. */
static void add_entries(pb_map_builder *b, pb_value map, const char *except) {
    for (uint32_t i = 0; map.kind == PB_MAP && i < map.n; i++)
        if (!except || !pb_str_is(map.u.entries[i].key, except))
            pb_map_add(b, map.u.entries[i].key, map.u.entries[i].value);
}

pb_value sim_with(sim_call *c, pb_value map, const char *key, pb_value v) {
    pb_map_builder b = {.arena = c->arena};
    add_entries(&b, map, is_set(v) ? NULL : key);
    if (is_set(v)) pb_map_add(&b, pb_str_c(key), v);
    return pb_map_done(&b);
}

pb_value sim_merge(sim_call *c, pb_value base, pb_value over) {
    pb_map_builder b = {.arena = c->arena};
    add_entries(&b, base, NULL);
    add_entries(&b, over, NULL);
    return pb_map_done(&b);
}

pb_value sim_pick(sim_call *c, pb_value from, const char *const *keys) {
    pb_map_builder b = {.arena = c->arena};
    for (; *keys; keys++)
        if (is_set(pb_get_c(from, *keys))) pb_map_add(&b, pb_str_c(*keys), pb_get_c(from, *keys));
    return pb_map_done(&b);
}

pb_value sim_text(sim_call *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    pb_str s = pb_vprintf(c->arena, fmt, ap);
    va_end(ap);
    return s.s ? pb_string(s) : PB_NONE_VALUE;
}

pb_value sim_arn(sim_call *c, const char *service, const char *kind, pb_str name) {
    return sim_text(c, "arn:%.*s:%s:%.*s:%.*s:%s%.*s", PB_ARG(c->partition), service, PB_ARG(c->region),
                    PB_ARG(c->account), kind, PB_ARG(name));
}

void items_add(sim_call *c, sim_items *l, pb_value v) {
    if (!is_set(v)) return;
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 8;
        pb_value *grown = pb_alloc_array(c->arena, cap, sizeof *grown);
        if (!grown) return;
        if (l->n) memcpy(grown, l->v, l->n * sizeof *grown);
        l->v = grown;
        l->cap = cap;
    }
    l->v[l->n++] = v;
}

pb_value items_list(sim_call *c, const sim_items *l) {
    (void)c;
    return (pb_value){PB_LIST, l->n, {.items = l->v}};
}

pb_value sim_list1(sim_call *c, pb_value v) {
    sim_items l = {0};
    items_add(c, &l, v);
    return items_list(c, &l);
}

bool sim_item_fails(sim_call *c) {
    bool fails = c->partial;
    c->partial = false;
    return fails;
}

/* ---- texts ---- */

bool str_starts(pb_str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.s, prefix, n) == 0;
}

static int fold(char ch, bool on) { return on && ch >= 'A' && ch <= 'Z' ? ch + 32 : ch; }

/* Greedy with one point to go back to: linear in practice, never more than pattern times text. */
static bool glob(pb_str p, pb_str t, bool any_case) {
    uint32_t i = 0, j = 0, star = UINT32_MAX, mark = 0;
    while (j < t.n) {
        bool literal = i + 1 < p.n && p.s[i] == '\\';
        uint32_t at = i + (literal ? 1 : 0);
        if (!literal && i < p.n && p.s[i] == '*') {
            star = i++;
            mark = j;
        } else if (at < p.n && ((!literal && p.s[at] == '?') || fold(p.s[at], any_case) == fold(t.s[j], any_case))) {
            i = at + 1;
            j++;
        } else if (star != UINT32_MAX) {
            i = star + 1;
            j = ++mark;
        } else {
            return false;
        }
    }
    while (i < p.n && p.s[i] == '*') i++;
    return i == p.n;
}

bool sim_glob(pb_str pattern, pb_str text) { return glob(pattern, text, false); }
bool sim_glob_fold(pb_str pattern, pb_str text) { return glob(pattern, text, true); }

static bool leaf_matches(pb_value v, pb_str pattern) {
    char number[32];
    switch (v.kind) {
    case PB_STRING: return sim_glob(pattern, pb_text(v));
    case PB_BOOL: return pb_str_is(pattern, v.u.b ? "true" : "false");
    case PB_INT: snprintf(number, sizeof number, "%lld", (long long)v.u.i); return pb_str_is(pattern, number);
    default: return false;
    }
}

/* The depth is that of the path, which stands in our tables. */
bool sim_path_matches(pb_value v, const char *path, pb_str pattern) {
    if (v.kind == PB_LIST) {
        for (uint32_t i = 0; i < v.n; i++)
            if (sim_path_matches(v.u.items[i], path, pattern)) return true;
        return false;
    }
    if (!*path) return leaf_matches(v, pattern);
    const char *dot = strchr(path, '.');
    uint32_t n = (uint32_t)(dot ? (size_t)(dot - path) : strlen(path));
    return sim_path_matches(pb_get(v, (pb_str){path, n}), dot ? dot + 1 : path + n, pattern);
}

/* ---- an output's types ---- */

static pb_value conform(sim_call *c, pb_value v, aws_shape shape, unsigned depth);

static pb_value conform_struct(sim_call *c, pb_value v, aws_shape shape, uint32_t members, unsigned depth) {
    const pb_schema *schema = aws_schema();
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; i < members; i++) {
        schema_member m;
        if (!schema->member_at(schema->ctx, shape, i, &m)) continue;
        pb_value member = conform(c, pb_get(v, m.name), m.shape, depth + 1);
        if (is_set(member)) pb_map_add(&b, m.name, member);
    }
    return pb_map_done(&b);
}

static pb_value conform_items(sim_call *c, pb_value v, aws_shape elem, unsigned depth) {
    sim_items l = {0};
    EACH(item, v) items_add(c, &l, conform(c, *item, elem, depth + 1));
    return items_list(c, &l);
}

static pb_value conform_entries(sim_call *c, pb_value v, aws_shape elem, unsigned depth) {
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; i < v.n; i++) {
        pb_value item = conform(c, v.u.entries[i].value, elem, depth + 1);
        if (is_set(item)) pb_map_add(&b, v.u.entries[i].key, item);
    }
    return pb_map_done(&b);
}

static pb_value conform_leaf(sim_call *c, pb_value v, schema_kind kind) {
    int64_t ms;
    pb_str bytes;
    if (kind == SCHEMA_TIME && v.kind == PB_STRING) return pb_time_parse(pb_text(v), &ms) ? pb_time(ms) : PB_NONE_VALUE;
    if (kind == SCHEMA_BLOB && v.kind == PB_STRING) {
        if (!pb_base64_decode(c->arena, pb_text(v), &bytes)) return PB_NONE_VALUE;
        return (pb_value){PB_BYTES, bytes.n, {.s = bytes.s}};
    }
    return v;
}

static pb_value conform(sim_call *c, pb_value v, aws_shape shape, unsigned depth) {
    const pb_schema *schema = aws_schema();
    schema_shape_info info;
    if (!is_set(v) || depth > SIM_MAX_DEPTH) return PB_NONE_VALUE;
    schema->shape_info(schema->ctx, shape, &info);
    if (info.kind == SCHEMA_STRUCT)
        return v.kind == PB_MAP ? conform_struct(c, v, shape, info.nmembers, depth) : PB_NONE_VALUE;
    if (info.kind == SCHEMA_LIST) return v.kind == PB_LIST ? conform_items(c, v, info.elem, depth) : PB_NONE_VALUE;
    if (info.kind == SCHEMA_MAP) return v.kind == PB_MAP ? conform_entries(c, v, info.elem, depth) : PB_NONE_VALUE;
    return conform_leaf(c, v, info.kind);
}

pb_value sim_conform(sim_call *c, pb_value v, aws_shape shape) { return conform(c, v, shape, 0); }

/* ---- pages ---- */

/* A token says of which operation it is, how many items were given already, and whether the empty page before the next
 * ones was; a digest over that shows a token that nobody here gave out. */
enum { DIGEST_CHARS = 12 };

static pb_str token_digest(sim_call *c, pb_str text) {
    pb_str salted = pb_printf(c->arena, "%.*s|%.*s", PB_ARG(c->sim->seed), PB_ARG(text));
    pb_str d = salted.s ? sigv4_sha256_hex(c->arena, salted.s, salted.n) : salted;
    if (d.n > DIGEST_CHARS) d.n = DIGEST_CHARS;
    return d;
}

static pb_str token_text(sim_call *c, uint32_t from, bool was_empty) {
    return pb_printf(c->arena, "%s.%s|%u|%d", c->service, c->row->name, from, was_empty);
}

static pb_value token_new(sim_call *c, uint32_t from, bool was_empty) {
    pb_str text = token_text(c, from, was_empty), digest = token_digest(c, text);
    text = pb_printf(c->arena, "%.*s|%.*s", PB_ARG(text), PB_ARG(digest));
    return pb_string(pb_base64(c->arena, text.s, text.n));
}

static bool token_read(sim_call *c, pb_str token, uint32_t *from, bool *was_empty) {
    pb_str text;
    if (!pb_base64_decode(c->arena, token, &text) || text.n < DIGEST_CHARS + 2) return false;
    pb_str digest = {text.s + text.n - DIGEST_CHARS, DIGEST_CHARS};
    text.n -= DIGEST_CHARS + 1;
    if (!pb_str_eq(digest, token_digest(c, text))) return false;
    const char *bar = memchr(text.s, '|', text.n);
    *was_empty = text.s[text.n - 1] == '1';
    for (bar = bar ? bar + 1 : text.s; bar < text.s + text.n && *bar >= '0' && *bar <= '9'; bar++)
        *from = *from * 10 + (uint32_t)(*bar - '0');
    return pb_str_eq(text, token_text(c, *from, *was_empty)); /* of this operation? */
}

static pb_value page_limit_bad(sim_call *c, const sim_paging *p, int64_t limit) {
    return sim_fail(c, 400, "InvalidParameterValue",
                    "Value ( %lld ) for parameter %s is invalid. Expecting a value from %u to 1000.", (long long)limit,
                    p->limit, p->least ? p->least : 1);
}

pb_value sim_page(sim_call *c, pb_value out, const char *list, const sim_paging *p) {
    uint32_t from = 0;
    bool was_empty = false;
    const sim_trouble *t = &c->sim->trouble;
    pb_value all = pb_get_c(out, list), token = pb_get_c(c->in, p->token_in);
    if (all.kind != PB_LIST) return out;
    int64_t limit = get_int(c->in, p->limit, p->page);
    if (limit < p->least || limit < 1) return page_limit_bad(c, p, limit);
    if (t->page_size && limit > t->page_size) limit = t->page_size;
    if (token.kind == PB_STRING && token.n && !token_read(c, pb_text(token), &from, &was_empty))
        return sim_fail(c, 400, p->bad_token, "The token in %s is not valid", p->token_in);
    uint32_t n = from < all.n ? all.n - from : 0; /* the list may have become shorter since */
    bool empty = (t->empty_pages || (p->empties && from)) && n && !was_empty, more = empty || n > limit;
    if (more) n = empty ? 0 : (uint32_t)limit;
    out = sim_with(c, out, list, (pb_value){PB_LIST, n, {.items = n ? all.u.items + from : NULL}});
    if (p->truncated) out = sim_with(c, out, p->truncated, pb_bool(more));
    return more ? sim_with(c, out, p->token_out, token_new(c, from + n, empty)) : out;
}

/* ---- identifiers ---- */

/* 32 bytes that depend on the seed, what for, and how many were made before. */
static void id_digest(sim_call *c, const char *what, unsigned char digest[32]) {
    int64_t n = state_next(c->state, pb_printf(c->arena, "id/%s", what));
    pb_str text = pb_printf(c->arena, "%.*s|%s|%lld", PB_ARG(c->sim->seed), what, (long long)n);
    unsigned size = 32;
    if (n <= 0 || !text.s || EVP_Digest(text.s, text.n, digest, &size, EVP_sha256(), NULL) != 1) {
        memset(digest, 0, 32);
        sim_fail(c, 500, "InternalError", "no identifier could be made");
    }
}

static pb_str id_from(sim_call *c, const char *what, const char *prefix, unsigned count, const char *alphabet,
                      unsigned bits) {
    unsigned char digest[32];
    char text[64];
    id_digest(c, what, digest);
    unsigned at = 0, held = 0, have = 0;
    if (count > 51 || count > 32 * 8 / bits) count = 32 * 8 / bits < 51 ? 32 * 8 / bits : 51;
    for (unsigned i = 0; i < count; i++) {
        if (have < bits) {
            held = (held << 8) | digest[at++];
            have += 8;
        }
        have -= bits;
        text[i] = alphabet[(held >> have) & ((1U << bits) - 1)];
    }
    return pb_printf(c->arena, "%s%.*s", prefix, (int)count, text);
}

pb_str sim_hex_id(sim_call *c, const char *prefix, unsigned digits) {
    return id_from(c, prefix, prefix, digits, "0123456789abcdef", 4);
}
pb_str sim_key_id(sim_call *c, const char *prefix, unsigned chars) {
    return id_from(c, prefix, prefix, chars, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5);
}
pb_str sim_secret(sim_call *c, const char *what, unsigned chars) {
    return id_from(c, what, "", chars, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6);
}

pb_str sim_uuid(sim_call *c, const char *what) {
    pb_str h = id_from(c, what, "", 32, "0123456789abcdef", 4);
    if (h.n != 32) return h;
    return pb_printf(c->arena, "%.8s-%.4s-4%.3s-a%.3s-%.12s", h.s, h.s + 8, h.s + 13, h.s + 17, h.s + 20);
}

/* ---- tags ---- */

pb_value tags_value(pb_value tags, pb_str key) {
    EACH(t, tags) if (pb_str_eq(get_text(*t, "Key"), key)) return or_else(pb_get_c(*t, "Value"), pb_string_c(""));
    return PB_NONE_VALUE;
}

pb_value tags_merge(sim_call *c, pb_value have, pb_value add) {
    sim_items l = {0};
    EACH(t, have) {
        pb_value changed = tags_value(add, get_text(*t, "Key"));
        items_add(c, &l, is_set(changed) ? sim_with(c, *t, "Value", changed) : *t);
    }
    EACH(t, add)
    if (!is_set(tags_value(have, get_text(*t, "Key"))))
        items_add(c, &l,
                  MAP(c, {"Key", pb_get_c(*t, "Key")}, {"Value", or_else(pb_get_c(*t, "Value"), pb_string_c(""))}));
    return items_list(c, &l);
}

pb_value tags_remove_keys(sim_call *c, pb_value have, pb_value keys) {
    sim_items l = {0};
    EACH(t, have) {
        bool gone = false;
        EACH(k, keys) gone = gone || pb_equal(*k, pb_get_c(*t, "Key"));
        if (!gone) items_add(c, &l, *t);
    }
    return items_list(c, &l);
}
