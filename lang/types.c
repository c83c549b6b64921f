/*
 * types.c - making types and asking whether one fits where another is wanted.
 *
 * Types made of the same parts are the same object (lists, maps, AWS shapes; a hash table finds them), except
 * records, which are made where they are written. AWS shapes are made on demand: a structure's members are only
 * looked up when a program names them, so a model with thousands of shapes costs nothing, and a shape that contains
 * itself is no trouble.
 *
 * Fitting is structural. Values are immutable, so a list[T] fits a list[U] when T fits U. Strings that AWS limits
 * (enumerations, lengths, patterns) are still strings: only literals are held against the limits (check_value.c).
 *
 * Memory running out never gives NULL but poison, which fits everything; whoever owns the arena asks it at the end.
 */
#include "lang/types.h"

enum { STORE_BUCKETS = 256 /* a program names some hundred types; longer chains are still short */ };

typedef struct type_slot {
    struct type_slot *next;
    pb_type type;
} type_slot;

struct type_store {
    pb_arena *arena;
    const pb_schema *schema;
    pb_type simple[TYPE_SHAPE + 1];
    type_slot *buckets[STORE_BUCKETS];
    uint32_t steps; /* left of TYPE_FIT_STEPS for the question being answered */
};

type_store *type_store_new(pb_arena *a, const pb_schema *schema) {
    type_store *s = pb_alloc(a, sizeof *s);
    if (!s) return NULL;
    s->arena = a;
    s->schema = schema;
    for (int k = 0; k <= TYPE_SHAPE; k++) {
        pb_type *t = &s->simple[k];
        t->kind = (type_kind)k;
        t->base = t;
    }
    s->simple[TYPE_POISON].opt = &s->simple[TYPE_POISON];
    s->simple[TYPE_NONE].opt = &s->simple[TYPE_NONE];
    s->simple[TYPE_NONE].optional = true;
    s->simple[TYPE_VOID].opt = &s->simple[TYPE_VOID];
    s->simple[TYPE_SECRET].has_secret = true;
    return s;
}

pb_type *type_simple(type_store *s, type_kind kind) { return &s->simple[kind]; }
static pb_type *poison(type_store *s) { return &s->simple[TYPE_POISON]; }

/* ---- interning ---- */

static uint32_t slot_of(const pb_type *t) {
    uint64_t h = (uint64_t)t->kind * 31 + t->shape * 7 + (uint64_t)t->wire + ((uint64_t)(uintptr_t)t->elem >> 4);
    h *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 56);
}

static pb_type *intern(type_store *s, const pb_type *want) {
    uint32_t i = slot_of(want);
    for (type_slot *p = s->buckets[i]; p; p = p->next)
        if (p->type.kind == want->kind && p->type.elem == want->elem && p->type.shape == want->shape &&
            p->type.wire == want->wire)
            return &p->type;
    type_slot *n = pb_alloc(s->arena, sizeof *n);
    if (!n) return poison(s);
    n->type = *want;
    n->type.base = &n->type;
    n->next = s->buckets[i];
    s->buckets[i] = n;
    return &n->type;
}

static pb_type *container(type_store *s, type_kind kind, pb_type *elem, schema_shape shape) {
    pb_type t = {.kind = kind, .elem = elem, .shape = shape, .has_secret = elem->has_secret};
    return intern(s, &t);
}
pb_type *type_list(type_store *s, pb_type *elem) { return container(s, TYPE_LIST, elem, 0); }
pb_type *type_map(type_store *s, pb_type *elem) { return container(s, TYPE_MAP, elem, 0); }

pb_type *type_record(type_store *s, pb_str name, type_field *fields) {
    pb_type *t = pb_alloc(s->arena, sizeof *t);
    if (!t) return poison(s);
    t->kind = TYPE_RECORD;
    t->name = name;
    t->fields = fields;
    t->base = t;
    for (type_field *f = fields; f; f = f->next) t->has_secret = t->has_secret || f->type->has_secret;
    return t;
}

pb_type *type_opt(type_store *s, pb_type *t) {
    if (t->optional) return t;
    if (t->opt) return t->opt;
    pb_type *o = pb_alloc(s->arena, sizeof *o);
    if (!o) return poison(s);
    *o = *t;
    o->optional = true;
    o->base = t;
    o->opt = o;
    t->opt = o;
    return o;
}
pb_type *type_base(pb_type *t) { return t->base ? t->base : t; }

/* ---- AWS shapes ---- */

static pb_type *shape_depth(type_store *s, pb_str service, schema_shape shape, bool wire, unsigned depth);

static pb_type *shape_structure(type_store *s, pb_str service, schema_shape shape, bool wire, pb_str name) {
    pb_type want = {.kind = TYPE_SHAPE, .shape = shape, .wire = wire};
    pb_type *t = intern(s, &want);
    if (t->kind == TYPE_SHAPE && !t->name.s)
        t->name = pb_printf(s->arena, "aws.%.*s.%.*s", PB_ARG(service), PB_ARG(name));
    return t;
}

/* A plain type of the model with its limits kept, so that literals can be held against them. */
static pb_type *shape_plain(type_store *s, type_kind kind, schema_shape shape, const schema_shape_info *i) {
    if (!i->nenum && !i->has_min && !i->has_max && !i->pattern.n) return type_simple(s, kind);
    pb_type want = {.kind = kind, .shape = shape, .name = i->name};
    return intern(s, &want);
}

static pb_type *shape_depth(type_store *s, pb_str service, schema_shape shape, bool wire, unsigned depth) {
    if (!s->schema || !shape) return poison(s);
    if (depth > TYPE_MAX_DEPTH) return type_simple(s, TYPE_JSON);
    schema_shape_info i = {0};
    s->schema->shape_info(s->schema->ctx, shape, &i);
    switch (i.kind) {
    case SCHEMA_STRUCT: return shape_structure(s, service, shape, wire, i.name);
    case SCHEMA_LIST:
        return container(s, TYPE_LIST, shape_depth(s, service, i.elem, wire, depth + 1),
                         i.has_min || i.has_max ? shape : 0);
    case SCHEMA_MAP: return type_map(s, shape_depth(s, service, i.elem, wire, depth + 1));
    case SCHEMA_STRING: return shape_plain(s, TYPE_STRING, shape, &i);
    case SCHEMA_INT: return shape_plain(s, TYPE_INT, shape, &i);
    case SCHEMA_FLOAT: return shape_plain(s, TYPE_FLOAT, shape, &i);
    case SCHEMA_BOOL: return type_simple(s, TYPE_BOOL);
    case SCHEMA_TIME: return type_simple(s, TYPE_TIME);
    case SCHEMA_BLOB: return type_simple(s, TYPE_BYTES);
    case SCHEMA_JSON: return type_simple(s, TYPE_JSON);
    }
    return poison(s);
}

pb_type *type_of_shape(type_store *s, pb_str service, schema_shape shape, bool wire) {
    return shape_depth(s, service, shape, wire, 0);
}

/* "ec2" out of "aws.ec2.Instance": the service whose shapes a structure's members are. */
static pb_str service_of(const pb_type *t) {
    enum { PREFIX = 4 };
    if (t->name.n <= PREFIX) return (pb_str){NULL, 0};
    const char *from = t->name.s + PREFIX, *dot = memchr(from, '.', t->name.n - PREFIX);
    return (pb_str){from, dot ? (uint32_t)(dot - from) : 0};
}

/* ---- members ---- */

static bool shape_member_at(type_store *s, pb_type *t, uint32_t i, pb_str *name, pb_type **type, bool *required) {
    schema_member m;
    if (!s->schema || !s->schema->member_at(s->schema->ctx, t->shape, i, &m)) return false;
    *name = t->wire ? m.wire_name : m.name;
    /* A token that only makes repeats harmless is filled in by the client. */
    *required = m.required && !m.idempotency_token;
    if (type) {
        *type = type_of_shape(s, service_of(t), m.shape, t->wire);
        if (!m.required) *type = type_opt(s, *type);
    }
    return true;
}

bool type_member_at(type_store *s, pb_type *t, uint32_t i, pb_str *name, pb_type **type, bool *required) {
    if (t->kind == TYPE_SHAPE) return shape_member_at(s, t, i, name, type, required);
    if (t->kind != TYPE_RECORD) return false;
    type_field *f = t->fields;
    while (f && i--) f = f->next;
    if (!f) return false;
    *name = f->name;
    *required = !f->type->optional;
    if (type) *type = f->type;
    return true;
}

static pb_type *record_member(pb_type *t, pb_str name) {
    for (type_field *f = t->fields; f; f = f->next)
        if (pb_str_eq(f->name, name)) return f->type;
    return NULL;
}

pb_type *type_member(type_store *s, pb_type *t, pb_str name) {
    if (t->kind == TYPE_RECORD) return record_member(t, name);
    if (t->kind != TYPE_SHAPE) return NULL;
    pb_str have;
    bool required;
    for (uint32_t i = 0; shape_member_at(s, t, i, &have, NULL, &required); i++) {
        if (!pb_str_eq(have, name)) continue;
        pb_type *type = NULL;
        return shape_member_at(s, t, i, &have, &type, &required) ? type : NULL;
    }
    return NULL;
}

/* ---- asking ---- */

bool type_is_text(const pb_type *t) {
    return t->kind == TYPE_STRING || t->kind == TYPE_ARN || t->kind == TYPE_IP || t->kind == TYPE_CIDR;
}
bool type_is_number(const pb_type *t) { return t->kind == TYPE_INT || t->kind == TYPE_FLOAT; }

static type_fit fits(type_store *s, pb_type *from, pb_type *to, unsigned depth);

/* Every member of `from` must have a place in `to`, and what `to` must have must be there. */
static type_fit fits_members(type_store *s, pb_type *from, pb_type *to, unsigned depth) {
    pb_str name;
    pb_type *type;
    bool required;
    for (uint32_t i = 0; type_member_at(s, from, i, &name, &type, &required); i++) {
        pb_type *want = type_member(s, to, name);
        if (!want) return FIT_OTHER;
        type_fit f = fits(s, type, want, depth + 1);
        if (f != FIT_OK) return f == FIT_MAYBE_ABSENT ? FIT_OTHER : f;
    }
    for (uint32_t i = 0; type_member_at(s, to, i, &name, NULL, &required); i++)
        if (required && !type_member(s, from, name)) return FIT_OTHER;
    return FIT_OK;
}

/* A record is a map at run time: it fits when each field does; absent fields are simply not there. */
static type_fit fits_map(type_store *s, pb_type *from, pb_type *elem, unsigned depth) {
    for (type_field *f = from->fields; f; f = f->next) {
        type_fit r = fits(s, type_base(f->type), elem, depth + 1);
        if (r != FIT_OK) return r;
    }
    return FIT_OK;
}

static type_fit fits_string(pb_type *from, pb_type *to) {
    if (from->kind == TYPE_SECRET) return FIT_SECRET;
    if (to->kind == TYPE_STRING) return type_is_text(from) ? FIT_OK : FIT_OTHER;
    if (to->kind == TYPE_BYTES || to->kind == TYPE_SECRET) return from->kind == TYPE_STRING ? FIT_OK : FIT_OTHER;
    return from->kind == TYPE_STRING ? FIT_NEEDS_MAKING : FIT_OTHER; /* arn, ip, cidr, time */
}

static type_fit fits_structure(type_store *s, pb_type *from, pb_type *to, unsigned depth) {
    if (to->kind == TYPE_SHAPE && from->kind == TYPE_SHAPE)
        return from->shape == to->shape && from->wire == to->wire ? FIT_OK : fits_members(s, from, to, depth);
    if (from->kind != TYPE_RECORD) return FIT_OTHER;
    return from == to ? FIT_OK : fits_members(s, from, to, depth);
}

static type_fit fits_base(type_store *s, pb_type *from, pb_type *to, unsigned depth) {
    if (from == to) return FIT_OK;
    if (to->kind == TYPE_JSON) return from->has_secret ? FIT_SECRET : FIT_OK;
    if (from->kind == TYPE_JSON) return FIT_JSON;
    switch (to->kind) {
    case TYPE_FLOAT: return type_is_number(from) ? FIT_OK : FIT_OTHER;
    case TYPE_STRING:
    case TYPE_BYTES:
    case TYPE_SECRET:
    case TYPE_ARN:
    case TYPE_IP:
    case TYPE_CIDR:
    case TYPE_TIME: return from->kind == to->kind ? FIT_OK : fits_string(from, to);
    case TYPE_LIST: return from->kind == TYPE_LIST ? fits(s, from->elem, to->elem, depth + 1) : FIT_OTHER;
    case TYPE_MAP:
        if (from->kind == TYPE_RECORD) return fits_map(s, from, to->elem, depth);
        return from->kind == TYPE_MAP ? fits(s, from->elem, to->elem, depth + 1) : FIT_OTHER;
    case TYPE_RECORD:
    case TYPE_SHAPE: return fits_structure(s, from, to, depth);
    default: return from->kind == to->kind ? FIT_OK : FIT_OTHER;
    }
}

static type_fit fits(type_store *s, pb_type *from, pb_type *to, unsigned depth) {
    if (from->kind == TYPE_POISON || to->kind == TYPE_POISON || depth > TYPE_MAX_DEPTH) return FIT_OK;
    if (!s->steps) return FIT_OTHER;
    s->steps--;
    if (from->kind == TYPE_NONE) return to->optional ? FIT_OK : FIT_MAYBE_ABSENT;
    if (from->kind == TYPE_VOID) return FIT_OTHER;
    type_fit f = fits_base(s, type_base(from), type_base(to), depth);
    if (f == FIT_OK && from->optional && !to->optional) return FIT_MAYBE_ABSENT;
    return f;
}

type_fit type_fits(type_store *s, pb_type *from, pb_type *to) {
    s->steps = TYPE_FIT_STEPS;
    return fits(s, from, to, 0);
}

bool type_comparable(type_store *s, pb_type *a, pb_type *b) {
    a = type_base(a), b = type_base(b);
    if (a->kind == TYPE_POISON || b->kind == TYPE_POISON) return true;
    if (type_is_text(a) && type_is_text(b)) return true;
    if (type_is_number(a) && type_is_number(b)) return true;
    if (a->kind == TYPE_LIST && b->kind == TYPE_LIST) return type_comparable(s, a->elem, b->elem);
    return type_fits(s, a, b) == FIT_OK || type_fits(s, b, a) == FIT_OK;
}

static pb_type *join_base(type_store *s, pb_type *a, pb_type *b) {
    if (type_is_text(a) && type_is_text(b))
        return a->kind == b->kind && a->shape == b->shape ? a : type_simple(s, TYPE_STRING);
    if (type_is_number(a) && type_is_number(b)) return type_simple(s, a->kind == b->kind ? a->kind : TYPE_FLOAT);
    if (type_fits(s, a, b) == FIT_OK) return b;
    if (type_fits(s, b, a) == FIT_OK) return a;
    return NULL;
}

pb_type *type_join(type_store *s, pb_type *a, pb_type *b) {
    if (a == b || b->kind == TYPE_POISON) return a;
    if (a->kind == TYPE_POISON) return b;
    if (a->kind == TYPE_NONE) return type_opt(s, b);
    if (b->kind == TYPE_NONE) return type_opt(s, a);
    pb_type *t = join_base(s, type_base(a), type_base(b));
    return t && (a->optional || b->optional) ? type_opt(s, t) : t;
}

/* ---- as text ---- */

static pb_str text_depth(pb_arena *a, const pb_type *t, unsigned depth);

static pb_str record_text(pb_arena *a, const pb_type *t, unsigned depth) {
    enum { SHOWN = 6 }; /* fields of a record written in place that a message shows */
    if (t->name.n) return t->name;
    pb_str all = PB_STR("{");
    int n = 0;
    for (const type_field *f = t->fields; f; f = f->next, n++) {
        if (n == SHOWN) {
            all = pb_printf(a, "%.*s, ...", PB_ARG(all));
            break;
        }
        pb_str type = text_depth(a, f->type, depth + 1);
        all = pb_printf(a, "%.*s%s%.*s: %.*s", PB_ARG(all), n ? ", " : " ", PB_ARG(f->name), PB_ARG(type));
    }
    return pb_printf(a, "%.*s }", PB_ARG(all));
}

static pb_str base_text(pb_arena *a, const pb_type *t, unsigned depth) {
    static const char *const names[] = {"?",      "none",     "nothing", "bool",   "int",  "float", "string",
                                        "bytes",  "duration", "time",    "ip",     "cidr", "arn",   "json",
                                        "secret", "list",     "map",     "record", "shape"};
    if (depth > TYPE_MAX_DEPTH) return PB_STR("...");
    switch (t->kind) {
    case TYPE_LIST:
    case TYPE_MAP: {
        pb_str elem = text_depth(a, t->elem, depth + 1);
        return pb_printf(a, "%s[%.*s]", names[t->kind], PB_ARG(elem));
    }
    case TYPE_RECORD: return record_text(a, t, depth);
    case TYPE_SHAPE: return t->name;
    default: return pb_str_c(names[t->kind]);
    }
}

static pb_str text_depth(pb_arena *a, const pb_type *t, unsigned depth) {
    pb_str s = base_text(a, t, depth);
    return t->optional && t->kind != TYPE_NONE ? pb_printf(a, "%.*s?", PB_ARG(s)) : s;
}

pb_str type_text(pb_arena *a, const pb_type *t) { return text_depth(a, t, 0); }
