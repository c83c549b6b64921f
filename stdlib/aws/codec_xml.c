/*
 * codec_xml.c - XML bodies: the answers of query and ec2, both directions of rest-xml.
 *
 * Expat parses into a small tree in an arena of its own, which goes when the message has been read; texts are in the
 * caller's, since values are made of them. A document type declaration is refused (no AWS service sends one), so
 * there are no entities beyond XML's own five and nothing external; depth is bounded, size by the arena. Namespace
 * prefixes of elements are dropped: the models know only local names. Reading goes by the model's members and looks
 * each up among the children, so elements the model does not know are passed over.
 *
 * Names differ by direction in one case: an answer's flattened list goes by its item's locationName, a request's by the
 * member's.
 */
#include "stdlib/aws/wire.h"

#include <expat.h>

/* ---- parsing ---- */

typedef struct parser {
    codec *c;
    XML_Parser xml;
    xml_node *root;
    xml_node *open[WIRE_MAX_DEPTH]; /* from the root to the element being read */
    xml_node *last[WIRE_MAX_DEPTH]; /* the last child of each */
    pb_buf text;                    /* of the innermost element, until a child opens */
    bool has_child;
    unsigned depth;
    const char *why; /* what stopped it */
} parser;

static void stop(parser *p, const char *why) {
    if (!p->why) p->why = why;
    XML_StopParser(p->xml, XML_FALSE);
}

static pb_str local_name(const char *name) {
    const char *colon = strrchr(name, ':');
    return pb_str_c(colon ? colon + 1 : name);
}

static bool add_attrs(parser *p, xml_node *n, const char **atts) {
    xml_attr **tail = &n->attrs;
    for (; atts[0]; atts += 2) {
        xml_attr *a = pb_alloc(p->c->tree, sizeof *a);
        if (!a) return false;
        a->name = pb_strdup(p->c->tree, atts[0], strlen(atts[0]));
        a->value = pb_strdup(p->c->a, atts[1], strlen(atts[1]));
        if (!a->name.s || !a->value.s) return false;
        *tail = a;
        tail = &a->next;
    }
    return true;
}

static void XMLCALL on_start(void *ctx, const char *name, const char **atts) {
    parser *p = ctx;
    if (p->depth == WIRE_MAX_DEPTH) {
        stop(p, "nested too deep");
        return;
    }
    xml_node *n = pb_alloc(p->c->tree, sizeof *n);
    pb_str local = local_name(name);
    if (n) n->name = pb_strdup(p->c->tree, local.s, local.n);
    if (!n || !n->name.s || !add_attrs(p, n, atts)) {
        stop(p, "out of memory");
        return;
    }
    n->text = (pb_str){"", 0};
    if (p->depth == 0) {
        p->root = n;
    } else {
        xml_node *up = p->open[p->depth - 1], *before = p->last[p->depth - 1];
        if (before)
            before->next = n;
        else
            up->child = n;
        p->last[p->depth - 1] = n;
    }
    p->open[p->depth] = n;
    p->last[p->depth++] = NULL;
    p->text.len = 0;
    p->has_child = false;
}

static void XMLCALL on_end(void *ctx, const char *name) {
    parser *p = ctx;
    (void)name;
    xml_node *n = p->open[--p->depth];
    if (!p->has_child && p->text.len) {
        n->text = pb_strdup(p->c->a, p->text.data, p->text.len);
        if (!n->text.s) stop(p, "out of memory");
    }
    p->text.len = 0;
    p->has_child = true;
}

static void XMLCALL on_text(void *ctx, const char *s, int n) {
    parser *p = ctx;
    if (!p->has_child) pb_buf_add(&p->text, s, (size_t)n);
    if (p->text.oom) stop(p, "out of memory");
}

static void XMLCALL on_doctype(void *ctx, const char *name, const char *sys, const char *pub, int internal) {
    (void)name, (void)sys, (void)pub, (void)internal;
    stop(ctx, "a document type declaration is not allowed");
}

bool xml_parse(codec *c, pb_str body, xml_node **root) {
    enum { PIECE = 1 << 20 }; /* expat counts in int */
    if (!c->tree && !(c->tree = pb_arena_new(WIRE_MAX_TREE))) return codec_oom(c);
    parser p = {.c = c, .xml = XML_ParserCreate("UTF-8")};
    if (!p.xml) return codec_oom(c);
    XML_SetUserData(p.xml, &p);
    XML_SetElementHandler(p.xml, on_start, on_end);
    XML_SetCharacterDataHandler(p.xml, on_text);
    XML_SetStartDoctypeDeclHandler(p.xml, on_doctype);
    enum XML_Status ok = XML_STATUS_OK;
    uint32_t at = 0;
    do {
        uint32_t n = body.n - at < PIECE ? body.n - at : PIECE;
        ok = XML_Parse(p.xml, body.n ? body.s + at : "", (int)n, at + n == body.n);
        at += n;
    } while (ok == XML_STATUS_OK && at < body.n);
    bool good = ok == XML_STATUS_OK && p.root;
    if (!good) {
        const char *why = p.why ? p.why : XML_ErrorString(XML_GetErrorCode(p.xml));
        if (pb_arena_failed(c->a) || pb_arena_failed(c->tree) || p.text.oom)
            codec_oom(c);
        else
            codec_fail(c, c->bad, "not XML: line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(p.xml), why);
    }
    XML_ParserFree(p.xml);
    pb_buf_free(&p.text);
    *root = p.root;
    return good;
}

static const xml_node *child_named(const xml_node *n, pb_str name) {
    for (const xml_node *k = n ? n->child : NULL; k; k = k->next)
        if (pb_str_eq(k->name, name)) return k;
    return NULL;
}

const xml_node *xml_child(const xml_node *n, const char *name) { return child_named(n, pb_str_c(name)); }

/* ---- reading ---- */

static bool flat(const tab_ref *r, const tab_shape *s) {
    return (r->flags & TAB_R_FLAT) && (s->kind == SCHEMA_LIST || s->kind == SCHEMA_MAP);
}

/* How a member's element is called. */
static pb_str element_name(codec *c, const tab_ref *r, bool reply) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    if (reply && s->kind == SCHEMA_LIST && (r->flags & TAB_R_FLAT)) {
        pb_str item = tab_str(c->m, tab_ref_at(c->m, s->first)->wire);
        if (item.n) return item;
    }
    return tab_wire(c->m, r);
}

static const xml_node *next_of(const xml_node *n, bool flattened) {
    pb_str name = n->name;
    n = n->next;
    while (flattened && n && !pb_str_eq(n->name, name)) n = n->next;
    return n;
}

static uint32_t count_nodes(const xml_node *n, bool flattened) {
    uint32_t k = 0;
    for (; n; n = next_of(n, flattened)) k++;
    return k;
}

static bool read_list(codec *c, const tab_ref *r, const tab_shape *s, const xml_node *n, const wire_path *at,
                      bool reply, pb_value *out) {
    bool flattened = flat(r, s);
    const xml_node *k = flattened ? n : n->child;
    pb_value *items;
    *out = pb_list_new(c->a, count_nodes(k, flattened), &items);
    if (out->kind != PB_LIST) return codec_oom(c);
    for (uint32_t i = 0; k; k = next_of(k, flattened), i++) {
        wire_path here = {at, {NULL, 0}, i};
        if (!xml_read(c, tab_ref_at(c->m, s->first), k, &here, reply, &items[i])) return false;
    }
    return true;
}

static bool read_entry(codec *c, const tab_shape *s, const xml_node *entry, const wire_path *at, bool reply,
                       pb_map_builder *b) {
    const tab_ref *key = tab_ref_at(c->m, s->first), *value = tab_ref_at(c->m, s->first + 1);
    const xml_node *k = child_named(entry, tab_wire(c->m, key)), *v = child_named(entry, tab_wire(c->m, value));
    pb_value item;
    if (!k || !v) return codec_wrong(c, at, "a map's entry without its key or value");
    wire_path here = {at, k->text, 0};
    if (!xml_read(c, value, v, &here, reply, &item)) return false;
    pb_map_add(b, k->text, item);
    return true;
}

static bool read_map(codec *c, const tab_ref *r, const tab_shape *s, const xml_node *n, const wire_path *at, bool reply,
                     pb_value *out) {
    bool flattened = flat(r, s);
    pb_map_builder b = {.arena = c->a};
    for (const xml_node *k = flattened ? n : n->child; k; k = next_of(k, flattened))
        if (!read_entry(c, s, k, at, reply, &b)) return false;
    *out = pb_map_done(&b);
    return !b.oom || codec_oom(c);
}

/* xsi:type and the like: the local name decides. */
static const xml_attr *find_attr(const xml_node *n, pb_str name) {
    const char *colon = name.n ? memchr(name.s, ':', name.n) : NULL;
    uint32_t skip = colon ? (uint32_t)(colon - name.s) + 1 : 0;
    pb_str local = {name.s + skip, name.n - skip};
    for (const xml_attr *a = n->attrs; a; a = a->next)
        if (pb_str_eq(local_name(a->name.s), local) && (colon != NULL) == (strchr(a->name.s, ':') != NULL)) return a;
    return NULL;
}

/*
 * The first child of each name, to be asked for every member of a structure: EC2's have a hundred members, and looking
 * for each among all children would cost more than parsing. More children than half the slots: one by one after all.
 */
enum { CHILD_SLOTS = 256 };
typedef struct children {
    const xml_node *slot[CHILD_SLOTS];
    const xml_node *all; /* the parent, when they did not fit */
} children;

static uint32_t name_slot(pb_str s) {
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.s[i]) * 16777619u;
    return (h ^ h >> 16) % CHILD_SLOTS;
}

/* Returns how many names there are. */
static uint32_t children_of(const xml_node *n, children *to) {
    uint32_t count = 0;
    memset(to, 0, sizeof *to);
    for (const xml_node *k = n ? n->child : NULL; k; k = k->next) {
        uint32_t i = name_slot(k->name);
        while (to->slot[i] && !pb_str_eq(to->slot[i]->name, k->name)) i = (i + 1) % CHILD_SLOTS;
        if (to->slot[i]) continue;
        to->slot[i] = k;
        if (++count < CHILD_SLOTS / 2) continue;
        to->all = n;
        break;
    }
    return count;
}

static const xml_node *find_child(const children *in, pb_str name) {
    if (in->all) return child_named(in->all, name);
    uint32_t i = name_slot(name);
    while (in->slot[i] && !pb_str_eq(in->slot[i]->name, name)) i = (i + 1) % CHILD_SLOTS;
    return in->slot[i];
}

static bool read_member(codec *c, const tab_ref *r, const xml_node *n, const xml_node *k, const wire_path *at,
                        bool reply, pb_map_builder *b) {
    pb_str name = tab_str(c->m, r->name);
    wire_path here = {at, name, 0};
    pb_value v;
    if (k) {
        if (!xml_read(c, r, k, &here, reply, &v)) return false;
        pb_map_put(b, name, v);
    } else if (r->flags & TAB_R_ATTRIBUTE) {
        const xml_attr *a = find_attr(n, tab_wire(c->m, r));
        if (a) pb_map_put(b, name, pb_string(a->value));
    }
    return true;
}

bool xml_read_members(codec *c, const tab_shape *s, const xml_node *n, const wire_path *at, bool reply,
                      pb_map_builder *b) {
    enum { FEW = 12 }; /* members: below, filling the table costs more than it saves */
    children some;
    uint32_t names = s->n > FEW ? children_of(n, &some) : s->n;
    pb_map_reserve(b, names < s->n ? names : s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        if (r->location != TAB_BODY || (r->flags & TAB_R_EVENT)) continue;
        pb_str name = element_name(c, r, reply);
        const xml_node *k = s->n > FEW ? find_child(&some, name) : child_named(n, name);
        if (!read_member(c, r, n, k, at, reply, b)) return false;
    }
    return !b->oom || codec_oom(c);
}

bool xml_read(codec *c, const tab_ref *r, const xml_node *n, const wire_path *at, bool reply, pb_value *out) {
    const tab_shape *s = tab_ref_shape(c->m, r);
    switch ((schema_kind)s->kind) {
    case SCHEMA_STRUCT: {
        pb_map_builder b = {.arena = c->a};
        if (!xml_read_members(c, s, n, at, reply, &b)) return false;
        *out = pb_map_done(&b);
        return !b.oom || codec_oom(c);
    }
    case SCHEMA_LIST: return read_list(c, r, s, n, at, reply, out);
    case SCHEMA_MAP: return read_map(c, r, s, n, at, reply, out);
    default: return text_read_scalar(c, r, n->text, at, out);
    }
}

/* ---- writing ---- */

void xml_escape(pb_buf *b, pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        switch (s.s[i]) {
        case '&': pb_buf_puts(b, "&amp;"); break;
        case '<': pb_buf_puts(b, "&lt;"); break;
        case '>': pb_buf_puts(b, "&gt;"); break;
        case '"': pb_buf_puts(b, "&quot;"); break;
        case '\r': pb_buf_puts(b, "&#13;"); break; /* a parser would make newlines of these */
        case '\n': pb_buf_puts(b, "&#10;"); break;
        default: pb_buf_putc(b, s.s[i]);
        }
    }
}

/* XML 1.0 has no way to write the other control characters. */
static bool writable(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if ((unsigned char)s.s[i] < 0x20 && s.s[i] != '\t' && s.s[i] != '\n' && s.s[i] != '\r') return false;
    return true;
}

void xml_open(pb_buf *b, pb_str name, pb_str xmlns) {
    pb_buf_putc(b, '<');
    pb_buf_add(b, name.s, name.n);
    if (xmlns.n) {
        pb_buf_puts(b, " xmlns=\"");
        xml_escape(b, xmlns);
        pb_buf_putc(b, '"');
    }
    pb_buf_putc(b, '>');
}

void xml_close(pb_buf *b, pb_str name) {
    pb_buf_puts(b, "</");
    pb_buf_add(b, name.s, name.n);
    pb_buf_putc(b, '>');
}

static bool write_scalar(codec *c, pb_buf *b, const tab_ref *r, pb_str name, pb_value v) {
    pb_buf t = {0};
    bool ok = text_put_scalar(c, &t, r, v, TAB_TIME_ISO8601);
    pb_str text = {t.data ? t.data : "", (uint32_t)t.len};
    wire_path here = {NULL, name, 0};
    if (!ok)
        codec_wrong(c, &here, "does not fit the model");
    else if (!writable(text))
        ok = codec_wrong(c, &here, "has a control character, which cannot be sent in XML");
    if (name.n) xml_open(b, name, (pb_str){"", 0});
    xml_escape(b, text);
    if (name.n) xml_close(b, name);
    if (t.oom) b->oom = true;
    pb_buf_free(&t);
    return ok;
}

static bool write_list(codec *c, pb_buf *b, const tab_ref *r, const tab_shape *s, pb_str name, pb_value v, bool reply,
                       unsigned depth) {
    const tab_ref *item = tab_ref_at(c->m, s->first);
    pb_str own = tab_str(c->m, item->wire);
    bool flattened = flat(r, s);
    pb_str each = flattened ? name : own.n ? own : PB_STR("member");
    if (!flattened) xml_open(b, name, (pb_str){"", 0});
    for (uint32_t i = 0; i < v.n; i++)
        if (!xml_write(c, b, item, each, v.u.items[i], reply, depth)) return false;
    if (!flattened) xml_close(b, name);
    return true;
}

static bool write_map(codec *c, pb_buf *b, const tab_ref *r, const tab_shape *s, pb_str name, pb_value v, bool reply,
                      unsigned depth) {
    const tab_ref *key = tab_ref_at(c->m, s->first), *value = tab_ref_at(c->m, s->first + 1);
    bool flattened = flat(r, s);
    pb_str entry = flattened ? name : PB_STR("entry");
    if (!flattened) xml_open(b, name, (pb_str){"", 0});
    for (uint32_t i = 0; i < v.n; i++) {
        xml_open(b, entry, (pb_str){"", 0});
        if (!xml_write(c, b, key, tab_wire(c->m, key), pb_string(v.u.entries[i].key), reply, depth)) return false;
        if (!xml_write(c, b, value, tab_wire(c->m, value), v.u.entries[i].value, reply, depth)) return false;
        xml_close(b, entry);
    }
    if (!flattened) xml_close(b, name);
    return true;
}

/* <name xmlns:p="uri" attribute="value">, the attributes being members that are such. */
static bool open_struct(codec *c, pb_buf *b, const tab_ref *r, const tab_shape *s, pb_str name, pb_value v) {
    const tab_extra *x = tab_extra_at(c->m, r->extra);
    pb_str uri = tab_str(c->m, x->xml_uri), p = tab_str(c->m, x->xml_prefix);
    pb_buf_putc(b, '<');
    pb_buf_add(b, name.s, name.n);
    if (uri.n) {
        pb_buf_printf(b, " xmlns%s%.*s=\"", p.n ? ":" : "", PB_ARG(p));
        xml_escape(b, uri);
        pb_buf_putc(b, '"');
    }
    for (uint32_t i = 0; i < v.n; i++) {
        const tab_ref *m = tab_find(c->m, s, v.u.entries[i].key);
        if (!m || !(m->flags & TAB_R_ATTRIBUTE) || v.u.entries[i].value.kind != PB_STRING) continue;
        pb_buf_printf(b, " %.*s=\"", PB_ARG(tab_wire(c->m, m)));
        if (!writable(pb_text(v.u.entries[i].value)))
            return codec_wrong(c, NULL, "a control character cannot be sent in XML");
        xml_escape(b, pb_text(v.u.entries[i].value));
        pb_buf_putc(b, '"');
    }
    pb_buf_putc(b, '>');
    return true;
}

bool xml_write_members(codec *c, pb_buf *b, const tab_shape *s, pb_value v, bool reply, unsigned depth) {
    for (uint32_t i = 0; i < v.n; i++) {
        const pb_entry *e = &v.u.entries[i];
        const tab_ref *r = tab_find(c->m, s, e->key);
        if (!r || e->value.kind == PB_NONE || r->location != TAB_BODY || (r->flags & TAB_R_ATTRIBUTE)) continue;
        if (!xml_write(c, b, r, element_name(c, r, reply), e->value, reply, depth)) return false;
    }
    return true;
}

bool xml_write(codec *c, pb_buf *b, const tab_ref *r, pb_str name, pb_value v, bool reply, unsigned depth) {
    static const uint8_t want[] = {[SCHEMA_STRUCT] = PB_MAP, [SCHEMA_LIST] = PB_LIST, [SCHEMA_MAP] = PB_MAP};
    const tab_shape *s = tab_ref_shape(c->m, r);
    wire_path here = {NULL, name, 0};
    if (depth > WIRE_MAX_DEPTH) return codec_wrong(c, NULL, "nested more than %d levels deep", WIRE_MAX_DEPTH);
    if (s->kind <= SCHEMA_MAP && v.kind != want[s->kind]) return codec_wrong(c, &here, "does not fit the model");
    switch ((schema_kind)s->kind) {
    case SCHEMA_STRUCT:
        if (!open_struct(c, b, r, s, name, v) || !xml_write_members(c, b, s, v, reply, depth + 1)) return false;
        xml_close(b, name);
        return true;
    case SCHEMA_LIST: return write_list(c, b, r, s, name, v, reply, depth + 1);
    case SCHEMA_MAP: return write_map(c, b, r, s, name, v, reply, depth + 1);
    default: return write_scalar(c, b, r, name, v);
    }
}
