/*
 * codec_rest.c - rest-json and rest-xml: where each member of an input or output goes.
 *
 * A member is a label of the address, a parameter of the query string, a header, a family of headers with one prefix,
 * the status, the whole body (the payload), or one of the body's members. Both directions of both sides are here: the
 * client writes requests and reads answers, the simulated account reads requests and writes answers.
 *
 * Header values are checked for line breaks: a value that carries one would forge a header.
 */
#include "stdlib/aws/wire.h"

/* ---- headers ---- */

bool headers_add(codec *c, wire_headers *h, pb_str name, pb_str value) {
    if (h->n == h->cap) {
        uint32_t cap = h->cap ? h->cap * 2 : 8;
        pb_header *items = pb_alloc_array(c->a, cap, sizeof *items);
        if (!items) return codec_oom(c);
        if (h->n) memcpy(items, h->items, h->n * sizeof *items);
        h->items = items;
        h->cap = cap;
    }
    h->items[h->n++] = (pb_header){name, value};
    return true;
}

bool headers_add_c(codec *c, wire_headers *h, const char *name, const char *value) {
    pb_str v = pb_strdup(c->a, value, strlen(value));
    return v.s ? headers_add(c, h, pb_str_c(name), v) : codec_oom(c);
}

static char lower(char ch) { return ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch; }

static bool has_prefix(pb_str s, pb_str prefix) {
    if (s.n < prefix.n) return false;
    for (uint32_t i = 0; i < prefix.n; i++)
        if (lower(s.s[i]) != lower(prefix.s[i])) return false;
    return true;
}

static pb_str header_value(const pb_header *h, uint32_t n, pb_str name) {
    for (uint32_t i = 0; i < n; i++)
        if (h[i].name.n == name.n && has_prefix(h[i].name, name)) return h[i].value.s ? h[i].value : (pb_str){"", 0};
    return (pb_str){NULL, 0};
}

pb_str headers_get(const pb_header *h, uint32_t n, const char *name) { return header_value(h, n, pb_str_c(name)); }

static bool safe_value(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (((unsigned char)s.s[i] < 0x20 && s.s[i] != '\t') || s.s[i] == 0x7f) return false;
    return true;
}

static bool safe_name(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] <= ' ' || s.s[i] > '~' || strchr("()<>@,;:\\\"/[]?={}", s.s[i])) return false;
    return s.n > 0;
}

static bool add_checked(codec *c, wire_headers *h, pb_str name, pb_str value, const wire_path *at) {
    if (!safe_name(name)) return codec_wrong(c, at, "cannot be the name of a header");
    if (!safe_value(value)) return codec_wrong(c, at, "has a control character, which cannot be sent in a header");
    return headers_add(c, h, name, value);
}

/* ---- text of a member outside the body ---- */

static bool scalar_text(codec *c, const tab_ref *r, pb_value v, uint8_t time, const wire_path *at, pb_str *out) {
    pb_buf b = {0};
    if (!text_put_scalar(c, &b, r, v, time)) {
        pb_buf_free(&b);
        return codec_wrong(c, at, "does not fit the model");
    }
    return codec_take(c, &b, out);
}

/* JSON in a header, as base64. The compiler types it as the string that it is: its text; other values are made into
 * text. */
static bool json_header_text(codec *c, pb_value v, pb_str *out) {
    pb_str json = v.kind == PB_STRING ? pb_text(v) : pb_json_text(c->a, v);
    *out = json.s ? pb_base64(c->a, json.s, json.n) : (pb_str){NULL, 0};
    return out->s || codec_oom(c);
}

static bool list_header_text(codec *c, const tab_shape *s, pb_value v, const wire_path *at, pb_str *out) {
    pb_buf b = {0};
    for (uint32_t i = 0; i < v.n; i++) {
        if (i) pb_buf_putc(&b, ',');
        if (text_put_scalar(c, &b, tab_ref_at(c->m, s->first), v.u.items[i], TAB_TIME_RFC822)) continue;
        pb_buf_free(&b);
        return codec_wrong(c, at, "does not fit the model");
    }
    return codec_take(c, &b, out);
}

static bool write_header(codec *c, wire_headers *h, const tab_ref *r, pb_value v, const wire_path *at) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    pb_str text;
    if (s->kind == SCHEMA_LIST && v.n == 0) return true;
    bool ok = r->flags & TAB_R_JSONVALUE ? json_header_text(c, v, &text)
              : s->kind == SCHEMA_LIST   ? list_header_text(c, s, v, at, &text)
                                         : scalar_text(c, r, v, TAB_TIME_RFC822, at, &text);
    return ok && add_checked(c, h, tab_wire(c->m, r), text, at);
}

static bool write_header_map(codec *c, wire_headers *h, const tab_ref *r, pb_value v) {
    const tab_ref *value = tab_ref_at(c->m, tab_ref_shape(c->m, r)->first + 1);
    pb_str prefix = tab_str(c->m, r->wire);
    for (uint32_t i = 0; i < v.n; i++) {
        wire_path at = {NULL, v.u.entries[i].key, 0};
        pb_str name = pb_printf(c->a, "%.*s%.*s", PB_ARG(prefix), PB_ARG(v.u.entries[i].key)), text;
        if (!name.s) return codec_oom(c);
        if (!scalar_text(c, value, v.u.entries[i].value, TAB_TIME_RFC822, &at, &text)) return false;
        if (!add_checked(c, h, name, text, &at)) return false;
    }
    return true;
}

/* ---- the address ---- */

static void query_pair(pb_buf *q, pb_str key, pb_str value) {
    if (q->len) pb_buf_putc(q, '&');
    text_encode(q, key, "");
    pb_buf_putc(q, '=');
    text_encode(q, value, "");
}

static bool query_value(codec *c, pb_buf *q, const tab_ref *r, pb_str key, pb_value v, const wire_path *at) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    pb_str text;
    if (s->kind == SCHEMA_LIST) {
        for (uint32_t i = 0; i < v.n; i++) {
            if (!scalar_text(c, tab_ref_at(c->m, s->first), v.u.items[i], TAB_TIME_ISO8601, at, &text)) return false;
            query_pair(q, key, text);
        }
        return true;
    }
    if (s->kind == SCHEMA_MAP) {
        for (uint32_t i = 0; i < v.n; i++)
            if (!query_value(c, q, tab_ref_at(c->m, s->first + 1), v.u.entries[i].key, v.u.entries[i].value, at))
                return false;
        return true;
    }
    if (!scalar_text(c, r, v, TAB_TIME_ISO8601, at, &text)) return false;
    query_pair(q, key, text);
    return true;
}

static const tab_ref *label_ref(const codec *c, const tab_shape *s, pb_str label) {
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        if (r->location == TAB_URI && pb_str_eq(tab_wire(c->m, r), label)) return r;
    }
    return NULL;
}

static bool write_label(codec *c, pb_buf *path, const tab_shape *s, pb_str label, pb_value input) {
    bool greedy = label.n && label.s[label.n - 1] == '+';
    if (greedy) label.n--;
    const tab_ref *r = label_ref(c, s, label);
    pb_str name = r ? tab_str(c->m, r->name) : label, text;
    wire_path at = {NULL, name, 0};
    pb_value v = pb_get(input, name);
    if (!r || v.kind == PB_NONE) return codec_wrong(c, &at, "is required");
    if (!scalar_text(c, r, v, TAB_TIME_ISO8601, &at, &text)) return false;
    if (text.n == 0) return codec_wrong(c, &at, "must not be empty: it is part of the address");
    text_encode(path, text, greedy ? "/" : "");
    return true;
}

/* The template's path with its labels filled in; what stands behind its ? goes to the query. */
static bool write_template(codec *c, pb_buf *path, pb_buf *query, const tab_shape *s, pb_value input) {
    pb_str uri = tab_str(c->m, c->op->uri);
    for (uint32_t i = 0; i < uri.n;) {
        if (uri.s[i] == '?') {
            pb_buf_add(query, uri.s + i + 1, uri.n - i - 1);
            break;
        }
        const char *close = uri.s[i] == '{' ? memchr(uri.s + i, '}', uri.n - i) : NULL;
        if (!close) {
            pb_buf_putc(path, uri.s[i++]);
            continue;
        }
        pb_str label = {uri.s + i + 1, (uint32_t)(close - uri.s) - i - 1};
        if (!write_label(c, path, s, label, input)) return false;
        i += label.n + 2;
    }
    return true;
}

/* ---- bodies ---- */

static bool is_raw(const tab_shape *s) { return s->kind == SCHEMA_BLOB || s->kind == SCHEMA_STRING; }

static const tab_ref *payload_ref(const codec *c, const tab_shape *s) {
    return s->payload ? tab_member(c->m, s, s->payload - 1u) : NULL;
}

static bool has_body_members(const codec *c, const tab_shape *s) {
    for (uint32_t i = 0; i < s->n; i++)
        if (tab_member(c->m, s, i)->location == TAB_BODY) return true;
    return false;
}

static pb_str root_name(const codec *c, const tab_ref *r) {
    pb_str wire = tab_str(c->m, r->wire);
    return wire.n ? wire : tab_str(c->m, tab_ref_shape(c->m, r)->name);
}

static bool write_payload(codec *c, pb_buf *b, const tab_ref *r, pb_value v) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    bool json = c->service->protocol == AWS_REST_JSON;
    if (is_raw(s)) {
        if (v.kind == PB_STRING || v.kind == PB_BYTES || v.kind == PB_SECRET)
            pb_buf_add(b, v.u.s, v.n);
        else if (v.kind != PB_NONE)
            return codec_wrong(c, NULL, "the payload does not fit the model");
        return true;
    }
    if (v.kind == PB_NONE) {
        if (json) pb_buf_puts(b, "{}");
        return true;
    }
    return json ? json_write(c, b, r, v, 0) : xml_write(c, b, r, root_name(c, r), v, false, 0);
}

static bool any_body_member(const codec *c, const tab_shape *s, pb_value v) {
    for (uint32_t i = 0; i < v.n; i++) {
        const tab_ref *r = tab_find(c->m, s, v.u.entries[i].key);
        if (r && r->location == TAB_BODY && v.u.entries[i].value.kind != PB_NONE) return true;
    }
    return false;
}

static bool write_request_body(codec *c, pb_buf *b, const tab_ref *in, const tab_shape *s, pb_value input) {
    const tab_ref *payload = payload_ref(c, s);
    if (payload) return write_payload(c, b, payload, pb_get(input, tab_str(c->m, payload->name)));
    if (c->service->protocol == AWS_REST_JSON)
        return !has_body_members(c, s) || json_write_members(c, b, s, input, true, NULL, 0);
    return !any_body_member(c, s, input) || xml_write(c, b, in, root_name(c, in), input, false, 0);
}

/* ---- client: request ---- */

static bool write_member(codec *c, pb_buf *query, wire_headers *h, const tab_shape *s, const pb_entry *e) {
    const tab_ref *r = tab_find(c->m, s, e->key);
    wire_path at = {NULL, e->key, 0};
    if (!r || e->value.kind == PB_NONE) return true;
    if (r->location == TAB_QUERYSTRING) return query_value(c, query, r, tab_wire(c->m, r), e->value, &at);
    if (r->location == TAB_HEADER) return write_header(c, h, r, e->value, &at);
    if (r->location == TAB_HEADERS) return write_header_map(c, h, r, e->value);
    return true;
}

bool rest_write_request(codec *c, pb_value input, aws_request *out, wire_headers *h) {
    const tab_ref *in = tab_ref_at(c->m, c->op->input);
    const tab_shape *s = tab_ref_shape(c->m, in);
    const tab_ref *payload = payload_ref(c, s);
    pb_buf path = {0}, query = {0}, body = {0};
    bool ok = write_template(c, &path, &query, s, input);
    for (uint32_t i = 0; ok && i < input.n; i++) ok = write_member(c, &query, h, s, &input.u.entries[i]);
    ok = ok && (!c->op->input || write_request_body(c, &body, in, s, input));
    bool typed =
        c->service->protocol == AWS_REST_JSON && body.len && !(payload && is_raw(tab_ref_shape(c->m, payload)));
    if (ok && typed && !headers_get(h->items, h->n, "content-type").s)
        ok = headers_add_c(c, h, "Content-Type", "application/json");
    if (!ok || !codec_take(c, &path, &out->path) || !codec_take(c, &query, &out->query))
        ok = false;
    else
        ok = codec_take(c, &body, &out->body);
    pb_buf_free(&path);
    pb_buf_free(&query);
    pb_buf_free(&body);
    return ok;
}

/* ---- reading members outside the body ---- */

static uint32_t count_commas(pb_str s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) n += s.s[i] == ',';
    return n;
}

/* The end of the item at `from`: the next comma; times in a header have one of their own. */
static uint32_t item_end(pb_str s, uint32_t from, bool of_times) {
    for (uint32_t i = from, commas = 0; i < s.n; i++)
        if (s.s[i] == ',' && ++commas > (of_times ? 1u : 0u)) return i;
    return s.n;
}

static bool read_header_list(codec *c, const tab_shape *s, pb_str text, const wire_path *at, pb_value *out) {
    const tab_ref *item = tab_ref_at(c->m, s->first);
    bool times = tab_ref_shape(c->m, item)->kind == SCHEMA_TIME &&
                 (item->time == TAB_TIME_DEFAULT || item->time == TAB_TIME_RFC822);
    pb_value *items;
    uint32_t n = 0;
    *out = pb_list_new(c->a, count_commas(text) + 1, &items);
    if (out->kind != PB_LIST) return codec_oom(c);
    for (uint32_t i = 0; i <= text.n; n++) {
        uint32_t end = item_end(text, i, times);
        wire_path here = {at, {NULL, 0}, n};
        if (!text_read_scalar(c, item, text_trim((pb_str){text.s + i, end - i}), &here, &items[n])) return false;
        i = end + 1;
    }
    out->n = n;
    return true;
}

static bool read_json_header(codec *c, pb_str text, const wire_path *at, pb_value *out) {
    pb_str json;
    if (!pb_base64_decode(c->a, text_trim(text), &json)) return codec_wrong(c, at, "expected base64");
    *out = pb_string(json);
    return pb_utf8_valid(json.s, json.n) || codec_wrong(c, at, "not UTF-8");
}

static bool read_header(codec *c, const tab_ref *r, pb_str text, const wire_path *at, pb_value *out) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    pb_str copy = text_utf8(c->a, text); /* headers may live shorter than the answer */
    if (!copy.s) return codec_oom(c);
    if (r->flags & TAB_R_JSONVALUE) return read_json_header(c, copy, at, out);
    if (s->kind == SCHEMA_LIST) return read_header_list(c, s, copy, at, out);
    return text_read_scalar(c, r, copy, at, out);
}

static bool read_header_map(codec *c, const tab_ref *r, const pb_header *h, uint32_t n, pb_value *out) {
    const tab_ref *value = tab_ref_at(c->m, tab_ref_shape(c->m, r)->first + 1);
    pb_str prefix = tab_str(c->m, r->wire);
    pb_map_builder b = {.arena = c->a};
    for (uint32_t i = 0; i < n; i++) {
        if (!has_prefix(h[i].name, prefix)) continue;
        pb_str key = text_utf8(c->a, (pb_str){h[i].name.s + prefix.n, h[i].name.n - prefix.n});
        wire_path at = {NULL, key, 0};
        pb_value v;
        if (!key.s) return codec_oom(c);
        if (!read_header(c, value, h[i].value, &at, &v)) return false;
        pb_map_add(&b, key, v);
    }
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

/* A member that is in the headers; *found false: there is none. An answer's map of headers is there even when empty. */
static bool read_header_member(codec *c, const tab_ref *r, const pb_header *h, uint32_t n, bool *found, pb_value *v) {
    wire_path at = {NULL, tab_str(c->m, r->name), 0};
    *found = false;
    if (r->location == TAB_HEADER) {
        pb_str text = header_value(h, n, tab_wire(c->m, r));
        *found = text.s != NULL;
        return !*found || read_header(c, r, text, &at, v);
    }
    if (r->location != TAB_HEADERS) return true;
    if (!read_header_map(c, r, h, n, v)) return false;
    *found = v->n > 0 || !c->server;
    return true;
}

static bool take_raw(codec *c, const tab_shape *s, pb_str body, pb_value *v) {
    pb_str copy = pb_strdup(c->a, body.s ? body.s : "", body.n);
    *v = (pb_value){s->kind == SCHEMA_BLOB ? PB_BYTES : PB_STRING, copy.n, {.s = copy.s}};
    if (!copy.s) return codec_oom(c);
    if (s->kind == SCHEMA_STRING && !pb_utf8_valid(copy.s, copy.n))
        return codec_fail(c, c->bad, "the body is not UTF-8");
    return true;
}

/* The payload out of the body. */
static bool read_payload(codec *c, const tab_ref *r, pb_str body, pb_value *v) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    wire_path at = {NULL, tab_str(c->m, r->name), 0};
    if (is_raw(s)) return take_raw(c, s, body, v);
    if (c->service->protocol == AWS_REST_JSON) {
        pb_value json;
        return json_parse(c, body, &json) && json_read(c, r, json, &at, v);
    }
    xml_node *root = NULL, none = {.text = {"", 0}};
    if (body.n && !xml_parse(c, body, &root)) return false;
    return xml_read(c, r, root ? root : &none, &at, !c->server, v);
}

static bool read_body_members(codec *c, const tab_shape *s, pb_str body, pb_map_builder *b) {
    if (c->service->protocol == AWS_REST_JSON) {
        pb_value json;
        if (!json_parse(c, body, &json)) return false;
        if (json.kind != PB_MAP) return codec_fail(c, c->bad, "expected a JSON object");
        return json_read_members(c, s, json, NULL, b);
    }
    xml_node *root;
    if (body.n == 0) return true;
    return xml_parse(c, body, &root) && xml_read_members(c, s, root, NULL, !c->server, b);
}

static bool read_body(codec *c, const tab_shape *s, pb_str body, pb_map_builder *b) {
    const tab_ref *payload = payload_ref(c, s);
    pb_value v;
    if (!payload) return (c->server && !has_body_members(c, s)) || read_body_members(c, s, body, b);
    bool required_raw = (payload->flags & TAB_R_REQUIRED) && is_raw(tab_ref_shape(c->m, payload));
    if (c->server && body.n == 0 && !required_raw) return true;
    if (!read_payload(c, payload, body, &v)) return false;
    pb_map_add(b, tab_str(c->m, payload->name), v);
    return true;
}

/* ---- client: answer ---- */

bool rest_read_response(codec *c, int status, const pb_header *headers, uint32_t n, pb_str body, pb_value *out) {
    const tab_shape *s = tab_ref_shape(c->m, tab_ref_at(c->m, c->op->output));
    pb_map_builder b = {.arena = c->a};
    *out = (pb_value){PB_MAP, 0, {0}};
    if (!c->op->output) return true;
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        pb_value v = pb_int(status);
        bool found = r->location == TAB_STATUS;
        if (!found && !read_header_member(c, r, headers, n, &found, &v)) return false;
        if (found) pb_map_add(&b, tab_str(c->m, r->name), v);
    }
    if (!read_body(c, s, body, &b)) return false;
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

/* ---- server: request ---- */

static bool reserved_by_other(const codec *c, const tab_shape *s, pb_str key) {
    pb_str literal, value;
    for (uint32_t i = 0; route_literal(c->m, c->op, i, &literal, &value); i++)
        if (pb_str_eq(literal, key)) return true;
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        if (r->location == TAB_QUERYSTRING && pb_str_eq(tab_wire(c->m, r), key)) return true;
    }
    return key.n > 6 && memcmp(key.s, "X-Amz-", 6) == 0;
}

/* A map takes all parameters that are nobody else's. */
static bool read_query_map(codec *c, const tab_shape *s, const tab_ref *r, const form *f, const wire_path *at,
                           pb_value *out) {
    const tab_ref *value = tab_ref_at(c->m, tab_ref_shape(c->m, r)->first + 1);
    const tab_shape *vs = tab_ref_shape(c->m, value);
    pb_map_builder b = {.arena = c->a};
    for (uint32_t i = 0; i < f->n; i++) {
        pb_value v, *items;
        if (reserved_by_other(c, s, f->params[i].key) || pb_map_has(&b, f->params[i].key)) continue;
        if (vs->kind != SCHEMA_LIST) {
            if (!text_read_scalar(c, value, f->params[i].value, at, &v)) return false;
        } else {
            uint32_t n = 0;
            v = pb_list_new(c->a, f->n - i, &items);
            if (v.kind != PB_LIST) return codec_oom(c);
            for (uint32_t k = i; k < f->n; k++) {
                if (!pb_str_eq(f->params[k].key, f->params[i].key)) continue;
                if (!text_read_scalar(c, tab_ref_at(c->m, vs->first), f->params[k].value, at, &items[n++]))
                    return false;
            }
            v.n = n;
        }
        pb_map_add(&b, f->params[i].key, v);
    }
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

static bool read_query_list(codec *c, const tab_ref *r, const form *f, const wire_path *at, pb_value *out) {
    const tab_ref *item = tab_ref_at(c->m, tab_ref_shape(c->m, r)->first);
    pb_value *items;
    uint32_t n = 0;
    *out = pb_list_new(c->a, f->n, &items);
    if (out->kind != PB_LIST) return codec_oom(c);
    for (uint32_t i = 0; i < f->n; i++) {
        if (!pb_str_eq(f->params[i].key, tab_wire(c->m, r))) continue;
        if (!text_read_scalar(c, item, f->params[i].value, at, &items[n++])) return false;
    }
    out->n = n;
    return true;
}

static bool read_query_member(codec *c, const tab_shape *s, const tab_ref *r, const form *f, bool *found, pb_value *v) {
    wire_path at = {NULL, tab_str(c->m, r->name), 0};
    const tab_shape *sub = tab_ref_shape(c->m, r);
    if (sub->kind == SCHEMA_MAP) {
        if (!read_query_map(c, s, r, f, &at, v)) return false;
        *found = v->n > 0;
        return true;
    }
    pb_str text = form_get(f, tab_wire(c->m, r), found);
    if (!*found) return true;
    return sub->kind == SCHEMA_LIST ? read_query_list(c, r, f, &at, v) : text_read_scalar(c, r, text, &at, v);
}

static bool read_request_member(codec *c, const tab_shape *s, const tab_ref *r, const aws_incoming *in, const form *f,
                                bool *found, pb_value *v) {
    wire_path at = {NULL, tab_str(c->m, r->name), 0};
    *found = false;
    if (r->location == TAB_URI) {
        pb_str text = route_label(c, c->op, in->path, tab_wire(c->m, r));
        *found = text.s != NULL;
        return !*found || text_read_scalar(c, r, text, &at, v);
    }
    if (r->location == TAB_QUERYSTRING) return read_query_member(c, s, r, f, found, v);
    return read_header_member(c, r, in->headers, in->nheaders, found, v);
}

bool rest_read_request(codec *c, const aws_incoming *in, pb_value *out) {
    const tab_shape *s = tab_ref_shape(c->m, tab_ref_at(c->m, c->op->input));
    pb_map_builder b = {.arena = c->a};
    form f;
    *out = (pb_value){PB_MAP, 0, {0}};
    if (!c->op->input) return true;
    if (!form_parse(c, in->query, &f)) return false;
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        bool found;
        pb_value v;
        if (!read_request_member(c, s, r, in, &f, &found, &v)) return false;
        if (found) pb_map_add(&b, tab_str(c->m, r->name), v);
    }
    if (!read_body(c, s, in->body, &b)) return false;
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

/* ---- server: answer ---- */

/* An XML answer's outer element: payload's or output's name, in the service's namespace. */
static bool write_xml_root(codec *c, pb_buf *b, const tab_ref *r, pb_value v) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    pb_str ns = tab_str(c->m, tab_extra_at(c->m, r->extra)->xml_uri);
    if (!ns.n) ns = tab_str(c->m, c->service->xml_namespace);
    pb_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml_open(b, root_name(c, r), ns);
    if (!xml_write_members(c, b, s, v, true, 0)) return false;
    xml_close(b, root_name(c, r));
    return true;
}

static bool write_answer_body(codec *c, pb_buf *b, const tab_ref *o, const tab_shape *s, pb_value output) {
    const tab_ref *payload = payload_ref(c, s);
    bool json = c->service->protocol == AWS_REST_JSON;
    if (!payload) {
        if (!has_body_members(c, s)) return true;
        return json ? json_write_members(c, b, s, output, true, NULL, 0) : write_xml_root(c, b, o, output);
    }
    pb_value v = pb_get(output, tab_str(c->m, payload->name));
    if (json || is_raw(tab_ref_shape(c->m, payload)) || v.kind != PB_MAP) return write_payload(c, b, payload, v);
    return write_xml_root(c, b, payload, v);
}

static bool write_answer_member(codec *c, const tab_shape *s, const pb_entry *e, aws_response *out, wire_headers *h) {
    const tab_ref *r = tab_find(c->m, s, e->key);
    wire_path at = {NULL, e->key, 0};
    if (!r || e->value.kind == PB_NONE) return true;
    if (r->location == TAB_HEADER) return write_header(c, h, r, e->value, &at);
    if (r->location == TAB_HEADERS) return write_header_map(c, h, r, e->value);
    if (r->location == TAB_STATUS && e->value.kind == PB_INT && e->value.u.i >= 100 && e->value.u.i <= 599)
        out->status = (int)e->value.u.i;
    return true;
}

bool rest_write_response(codec *c, pb_value output, aws_response *out, wire_headers *h) {
    const tab_ref *o = tab_ref_at(c->m, c->op->output);
    const tab_shape *s = tab_ref_shape(c->m, o);
    const tab_ref *payload = payload_ref(c, s);
    pb_buf body = {0};
    if (!c->op->output) return true;
    bool ok = true;
    for (uint32_t i = 0; ok && i < output.n; i++) ok = write_answer_member(c, s, &output.u.entries[i], out, h);
    ok = ok && write_answer_body(c, &body, o, s, output);
    bool typed = body.len && !(payload && is_raw(tab_ref_shape(c->m, payload))) &&
                 !headers_get(h->items, h->n, "content-type").s;
    if (ok && typed)
        ok = headers_add_c(c, h, "Content-Type",
                           c->service->protocol == AWS_REST_JSON ? "application/json" : "application/xml");
    ok = ok && codec_take(c, &body, &out->body);
    pb_buf_free(&body);
    return ok;
}
