/*
 * image_write.c - the writer of program images.
 *
 * Each section grows as an array in the arena; the arrays are put behind one another at the end, when all sizes are
 * known. Pools (strings, lists, types, the open function's constants) are open-addressing tables of record indexes
 * beside the section they index: a table holds no keys of its own, it compares with the section.
 *
 * The result depends only on the order of the calls: nothing of addresses, time or chance gets into an image, so the
 * same sources give the same bytes.
 */
#include "lang/image_write.h"

#include <zlib.h>

enum { TABLE_MIN = 64, PLACE_LINE_BITS = 20, JUMP_MIN = -32768, JUMP_MAX = 32767 };

typedef struct words { /* a section under construction; BYTES is counted in bytes, see bytes_add */
    uint32_t *data;
    uint32_t n, cap;
} words;

typedef struct table { /* record indexes + 1, 0 = free */
    uint32_t *slots;
    uint32_t cap, n;
} table;

struct iw {
    pb_arena *arena;
    iw_fault fault;
    words section[SECTION_COUNT]; /* but BYTES */
    char *bytes;
    uint32_t nbytes, bytes_cap;
    table strings, lists, types, consts;
    bool open;            /* a function is open */
    uint32_t first_const; /* of the open function */
    uint32_t first_code;
    uint32_t place;
};

iw *iw_new(pb_arena *a) {
    iw *w = pb_alloc(a, sizeof *w);
    if (w) w->arena = a;
    return w;
}

iw_fault iw_fault_of(const iw *w) { return w->fault; }

static void fault(iw *w, iw_fault f) {
    if (w->fault == IW_OK) w->fault = f;
}

/* ---- growing arrays ---- */

/* Room for `add` items of `size` bytes behind the first n. The old array stays in the arena: at most as much again. */
static void *grow(iw *w, void *data, uint32_t n, uint32_t *cap, uint32_t add, uint32_t size) {
    if (add > IMAGE_MAX_SIZE / size || n > IMAGE_MAX_SIZE / size - add) {
        fault(w, IW_TOO_LARGE);
        return NULL;
    }
    if (n + add <= *cap) return data;
    uint32_t more = *cap ? *cap : 32;
    while (more < n + add) more *= 2;
    void *p = pb_alloc_array(w->arena, more, size);
    if (!p) {
        fault(w, IW_NO_MEMORY);
        return NULL;
    }
    if (n) memcpy(p, data, (size_t)n * size);
    *cap = more;
    return p;
}

/* Appends words to a section; false leaves a fault. */
static bool words_add(iw *w, enum image_section s, const uint32_t *items, uint32_t n) {
    words *v = &w->section[s];
    uint32_t *data = w->fault ? NULL : grow(w, v->data, v->n, &v->cap, n, sizeof *items);
    if (!data) return false;
    v->data = data;
    if (n) memcpy(v->data + v->n, items, n * sizeof *items);
    v->n += n;
    return true;
}

static uint32_t records(const iw *w, enum image_section s) { return w->section[s].n / image_record_fields[s]; }

static uint32_t record_add(iw *w, enum image_section s, const uint32_t *fields) {
    uint32_t index = records(w, s);
    return words_add(w, s, fields, image_record_fields[s]) ? index : 0;
}

/* ---- tables ---- */

static uint32_t hash_bytes(const void *data, size_t n) { /* FNV-1a */
    const uint8_t *p = data;
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 16777619u;
    return h;
}

typedef uint32_t hash_fn(const iw *w, uint32_t index);

static void table_put(table *t, uint32_t hash, uint32_t index) {
    uint32_t i = hash & (t->cap - 1);
    while (t->slots[i]) i = (i + 1) & (t->cap - 1);
    t->slots[i] = index + 1;
    t->n++;
}

static void table_add(iw *w, table *t, uint32_t hash, uint32_t index, hash_fn *rehash) {
    if ((t->n + 1) * 2 > t->cap) {
        table bigger = {NULL, t->cap ? t->cap * 2 : TABLE_MIN, 0};
        bigger.slots = pb_alloc_array(w->arena, bigger.cap, sizeof *bigger.slots);
        if (!bigger.slots) {
            fault(w, IW_NO_MEMORY);
            return;
        }
        for (uint32_t i = 0; i < t->cap; i++)
            if (t->slots[i]) table_put(&bigger, rehash(w, t->slots[i] - 1), t->slots[i] - 1);
        *t = bigger;
    }
    table_put(t, hash, index);
}

/* Walks the candidates for a hash: *at is 0 at first. IMAGE_NIL: no more. */
static uint32_t table_next(const table *t, uint32_t hash, uint32_t *at) {
    if (!t->cap) return IMAGE_NIL;
    uint32_t slot = t->slots[(hash + (*at)++) & (t->cap - 1)];
    return slot ? slot - 1 : IMAGE_NIL;
}

/* ---- strings ---- */

static uint32_t string_hash(const iw *w, uint32_t index) {
    const uint32_t *r = w->section[SECTION_STRINGS].data + index * STRINGS_FIELDS;
    return hash_bytes(w->bytes + r[STRINGS_offset], r[STRINGS_length]);
}

static bool string_is(const iw *w, uint32_t index, pb_str s) {
    const uint32_t *r = w->section[SECTION_STRINGS].data + index * STRINGS_FIELDS;
    return r[STRINGS_length] == s.n && (s.n == 0 || memcmp(w->bytes + r[STRINGS_offset], s.s, s.n) == 0);
}

/* The string and its NUL behind the other bytes. */
static bool bytes_add(iw *w, pb_str s) {
    if (s.n >= IMAGE_MAX_SIZE) {
        fault(w, IW_TOO_LARGE);
        return false;
    }
    char *bytes = w->fault ? NULL : grow(w, w->bytes, w->nbytes, &w->bytes_cap, s.n + 1, 1);
    if (!bytes) return false;
    w->bytes = bytes;
    if (s.n) memcpy(bytes + w->nbytes, s.s, s.n);
    bytes[w->nbytes + s.n] = 0;
    w->nbytes += s.n + 1;
    return true;
}

uint32_t iw_string(iw *w, pb_str s) {
    uint32_t h = hash_bytes(s.s ? s.s : "", s.n), at = 0, i;
    while ((i = table_next(&w->strings, h, &at)) != IMAGE_NIL)
        if (string_is(w, i, s)) return i;
    uint32_t fields[STRINGS_FIELDS] = {w->nbytes, s.n};
    if (!bytes_add(w, s)) return 0;
    i = record_add(w, SECTION_STRINGS, fields);
    if (!w->fault) table_add(w, &w->strings, h, i, string_hash);
    return i;
}

uint32_t iw_string_or_nil(iw *w, pb_str s) { return s.s ? iw_string(w, s) : IMAGE_NIL; }

/* ---- lists ---- */

static uint32_t list_hash(const iw *w, uint32_t index) {
    const uint32_t *p = w->section[SECTION_LISTS].data + index;
    return hash_bytes(p + 1, p[0] * sizeof *p);
}

uint32_t iw_list(iw *w, const uint32_t *items, uint32_t n) {
    uint32_t h = hash_bytes(items, n * sizeof *items), at = 0, i;
    while ((i = table_next(&w->lists, h, &at)) != IMAGE_NIL) {
        const uint32_t *p = w->section[SECTION_LISTS].data + i;
        if (p[0] == n && (n == 0 || memcmp(p + 1, items, n * sizeof *items) == 0)) return i;
    }
    i = w->section[SECTION_LISTS].n;
    if (!words_add(w, SECTION_LISTS, &n, 1) || !words_add(w, SECTION_LISTS, items, n)) return 0;
    table_add(w, &w->lists, h, i, list_hash);
    return i;
}

/* ---- functions ---- */

uint32_t iw_function_begin(iw *w, pb_str name, enum image_function kind, pb_effect effect, uint32_t nparams) {
    w->open = true;
    w->first_const = records(w, SECTION_CONSTS);
    w->first_code = w->section[SECTION_CODE].n;
    if (w->consts.slots) memset(w->consts.slots, 0, w->consts.cap * sizeof *w->consts.slots);
    w->consts.n = 0;
    uint32_t f[FUNCTIONS_FIELDS] = {0};
    f[FUNCTIONS_name] = iw_string(w, name);
    f[FUNCTIONS_kind] = (uint32_t)kind;
    f[FUNCTIONS_effect] = (uint32_t)effect;
    f[FUNCTIONS_nparams] = nparams;
    f[FUNCTIONS_code] = w->first_code;
    f[FUNCTIONS_consts] = w->first_const;
    f[FUNCTIONS_params] = f[FUNCTIONS_target] = f[FUNCTIONS_undo] = f[FUNCTIONS_undo_none] = IMAGE_NIL;
    return record_add(w, SECTION_FUNCTIONS, f);
}

static void function_set(iw *w, uint32_t function, uint32_t field, uint32_t value) {
    if (function < records(w, SECTION_FUNCTIONS))
        w->section[SECTION_FUNCTIONS].data[function * FUNCTIONS_FIELDS + field] = value;
}

void iw_params(iw *w, uint32_t function, uint32_t names) { function_set(w, function, FUNCTIONS_params, names); }

void iw_target(iw *w, uint32_t function, uint32_t parameter) { function_set(w, function, FUNCTIONS_target, parameter); }

void iw_undo(iw *w, uint32_t function, uint32_t undo, uint32_t ncaptured) {
    function_set(w, function, FUNCTIONS_undo, undo);
    function_set(w, function, FUNCTIONS_ncaptured, ncaptured);
}

void iw_undo_none(iw *w, uint32_t function, pb_str why) {
    function_set(w, function, FUNCTIONS_undo_none, iw_string(w, why));
}

void iw_function_end(iw *w, uint32_t nregs) {
    w->open = false;
    if (w->fault) return;
    uint32_t *f = w->section[SECTION_FUNCTIONS].data + w->section[SECTION_FUNCTIONS].n - FUNCTIONS_FIELDS;
    f[FUNCTIONS_nregs] = nregs;
    f[FUNCTIONS_ncode] = w->section[SECTION_CODE].n - w->first_code;
    f[FUNCTIONS_nconsts] = records(w, SECTION_CONSTS) - w->first_const;
}

static uint32_t const_hash(const iw *w, uint32_t index) {
    return hash_bytes(w->section[SECTION_CONSTS].data + index * CONSTS_FIELDS, CONSTS_FIELDS * sizeof(uint32_t));
}

uint32_t iw_const(iw *w, enum image_const kind, uint64_t value) {
    const uint32_t f[CONSTS_FIELDS] = {(uint32_t)kind, (uint32_t)value, (uint32_t)(value >> 32)};
    if (!w->open) return record_add(w, SECTION_CONSTS, f);
    uint32_t h = hash_bytes(f, sizeof f), at = 0, i;
    while ((i = table_next(&w->consts, h, &at)) != IMAGE_NIL)
        if (memcmp(w->section[SECTION_CONSTS].data + i * CONSTS_FIELDS, f, sizeof f) == 0) return i - w->first_const;
    i = record_add(w, SECTION_CONSTS, f);
    if (w->fault) return 0;
    table_add(w, &w->consts, h, i, const_hash);
    return i - w->first_const;
}

uint32_t iw_const_string(iw *w, pb_str s) { return iw_const(w, CONST_STRING, iw_string(w, s)); }

uint32_t iw_const_float(iw *w, double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return iw_const(w, CONST_FLOAT, bits);
}

void iw_place(iw *w, uint32_t source, uint32_t line) {
    const uint32_t most = (1u << PLACE_LINE_BITS) - 1;
    w->place = source << PLACE_LINE_BITS | (line < most ? line : most);
}

uint32_t iw_pc(const iw *w) { return w->section[SECTION_CODE].n - w->first_code; }

uint32_t iw_emit(iw *w, uint32_t instruction) {
    uint32_t pc = iw_pc(w);
    if (words_add(w, SECTION_CODE, &instruction, 1)) words_add(w, SECTION_LINES, &w->place, 1);
    return pc;
}

bool iw_jump(iw *w, uint32_t pc, uint32_t target) {
    if (w->fault) return true; /* told at the end */
    int64_t offset = (int64_t)target - (int64_t)pc - 1;
    if (offset < JUMP_MIN || offset > JUMP_MAX) return false;
    uint32_t *word = &w->section[SECTION_CODE].data[w->first_code + pc];
    *word = op_asbx(op_code(*word), op_a(*word), (int32_t)offset);
    return true;
}

/* ---- records ---- */

uint32_t iw_site(iw *w, const iw_site_info *s) {
    uint32_t f[SITES_FIELDS];
    f[SITES_kind] = (uint32_t)s->kind;
    f[SITES_target] = s->kind == SITE_HOST ? iw_string(w, s->host) : s->function;
    f[SITES_name] = iw_string(w, s->name);
    f[SITES_alias] = iw_string_or_nil(w, s->alias);
    f[SITES_effect] = (uint32_t)s->effect;
    f[SITES_timeout] = s->timeout_ms;
    f[SITES_retry] = s->retry;
    f[SITES_nargs] = s->nargs;
    f[SITES_flags] = s->is_do ? SITE_IS_DO : 0;
    f[SITES_source] = s->source;
    f[SITES_line] = s->line;
    f[SITES_title] = iw_string(w, s->title);
    return record_add(w, SECTION_SITES, f);
}

static uint32_t type_hash(const iw *w, uint32_t index) {
    return hash_bytes(w->section[SECTION_TYPES].data + index * TYPES_FIELDS, TYPES_FIELDS * sizeof(uint32_t));
}

uint32_t iw_type(iw *w, enum image_type kind, bool optional, uint32_t elem, uint32_t fields, pb_str name) {
    uint32_t f[TYPES_FIELDS];
    f[TYPES_kind] = (uint32_t)kind;
    f[TYPES_optional] = optional;
    f[TYPES_elem] = elem;
    f[TYPES_fields] = fields;
    f[TYPES_name] = iw_string_or_nil(w, name);
    uint32_t h = hash_bytes(f, sizeof f), at = 0, i;
    while ((i = table_next(&w->types, h, &at)) != IMAGE_NIL)
        if (memcmp(w->section[SECTION_TYPES].data + i * TYPES_FIELDS, f, sizeof f) == 0) return i;
    i = record_add(w, SECTION_TYPES, f);
    if (!w->fault) table_add(w, &w->types, h, i, type_hash);
    return i;
}

uint32_t iw_event(iw *w, const iw_event_info *e) {
    uint32_t f[EVENTS_FIELDS];
    f[EVENTS_name] = iw_string(w, e->name);
    f[EVENTS_sources] = e->sources;
    f[EVENTS_detail_types] = e->detail_types;
    f[EVENTS_payload] = iw_string(w, e->payload);
    f[EVENTS_each] = iw_string_or_nil(w, e->each);
    f[EVENTS_id] = iw_string_or_nil(w, e->id);
    f[EVENTS_threat] = iw_string_or_nil(w, e->threat);
    f[EVENTS_detected] = iw_string_or_nil(w, e->detected);
    f[EVENTS_account] = iw_string_or_nil(w, e->account);
    f[EVENTS_region] = iw_string_or_nil(w, e->region);
    f[EVENTS_sample] = iw_string_or_nil(w, e->sample);
    f[EVENTS_resources] = e->has_paths ? e->resources : iw_list(w, NULL, 0);
    f[EVENTS_principals] = e->has_paths ? e->principals : iw_list(w, NULL, 0);
    return record_add(w, SECTION_EVENTS, f);
}

uint32_t iw_param(iw *w, pb_str name, uint32_t type, bool has_default, uint32_t default_const) {
    uint32_t f[PARAMS_FIELDS];
    f[PARAMS_name] = iw_string(w, name);
    f[PARAMS_type] = type;
    f[PARAMS_has_default] = has_default;
    f[PARAMS_default_const] = has_default ? default_const : IMAGE_NIL;
    return record_add(w, SECTION_PARAMS, f);
}

uint32_t iw_playbook(iw *w, const iw_playbook_info *p) {
    uint32_t f[PLAYBOOKS_FIELDS];
    f[PLAYBOOKS_name] = iw_string(w, p->name);
    f[PLAYBOOKS_version] = iw_string_or_nil(w, p->version);
    f[PLAYBOOKS_summary] = iw_string_or_nil(w, p->summary);
    f[PLAYBOOKS_owner] = iw_string_or_nil(w, p->owner);
    f[PLAYBOOKS_tier] = (uint32_t)p->tier;
    f[PLAYBOOKS_controls] = p->controls;
    f[PLAYBOOKS_event] = p->event;
    f[PLAYBOOKS_match] = p->match;
    f[PLAYBOOKS_body] = p->body;
    f[PLAYBOOKS_effect] = (uint32_t)p->effect;
    f[PLAYBOOKS_source] = p->source;
    f[PLAYBOOKS_timeout] = p->timeout_ms;
    f[PLAYBOOKS_dedupe] = p->has_dedupe ? p->dedupe : IMAGE_NIL;
    f[PLAYBOOKS_dedupe_ms] = p->dedupe_ms;
    f[PLAYBOOKS_limit] = p->limit;
    f[PLAYBOOKS_limit_ms] = p->limit_ms;
    f[PLAYBOOKS_limit_else] = (uint32_t)p->limit_else;
    f[PLAYBOOKS_concurrency] = p->concurrency;
    return record_add(w, SECTION_PLAYBOOKS, f);
}

uint32_t iw_guard(iw *w, const iw_guard_info *g) {
    uint32_t f[GUARDS_FIELDS];
    f[GUARDS_name] = iw_string(w, g->name);
    f[GUARDS_function] = g->function;
    f[GUARDS_patterns] = g->patterns;
    f[GUARDS_authorized] = iw_string_or_nil(w, g->authorized);
    f[GUARDS_source] = g->source;
    f[GUARDS_line] = g->line;
    return record_add(w, SECTION_GUARDS, f);
}

uint32_t iw_source(iw *w, pb_str path, pb_str sha_hex) {
    const uint32_t f[SOURCES_FIELDS] = {iw_string(w, path), iw_string(w, sha_hex)};
    return record_add(w, SECTION_SOURCES, f);
}

uint32_t iw_manifest(iw *w, pb_str host, pb_effect effect) {
    const uint32_t f[MANIFEST_FIELDS] = {iw_string(w, host), (uint32_t)effect};
    return record_add(w, SECTION_MANIFEST, f);
}

uint32_t iw_site_setting(iw *w, pb_str section, pb_str name, pb_str key, pb_str text, uint32_t param) {
    const uint32_t f[SETTINGS_FIELDS] = {iw_string(w, section), iw_string_or_nil(w, name), iw_string(w, key),
                                         iw_string_or_nil(w, text), param};
    return record_add(w, SECTION_SETTINGS, f);
}

/* ---- layout ---- */

static uint64_t align8(uint64_t n) { return (n + 7) & ~(uint64_t)7; }

static void put_u32(pb_buf *b, uint32_t v) {
    uint8_t bytes[4];
    image_put_u32(bytes, v);
    pb_buf_add(b, bytes, sizeof bytes);
}

static void put_zeros(pb_buf *b, size_t n) {
    static const char zeros[8];
    pb_buf_add(b, zeros, n);
}

/* Bytes of a section and its count as the section table has it. */
static uint64_t section_size(const iw *w, enum image_section s, uint32_t *count) {
    if (s == SECTION_BYTES) {
        *count = w->nbytes;
        return w->nbytes;
    }
    *count = records(w, s);
    return (uint64_t)w->section[s].n * 4;
}

static void put_section(pb_buf *b, const iw *w, enum image_section s) {
    put_zeros(b, align8(b->len) - b->len);
    if (s == SECTION_BYTES) {
        pb_buf_add(b, w->bytes, w->nbytes);
        return;
    }
    for (uint32_t i = 0; i < w->section[s].n; i++) put_u32(b, w->section[s].data[i]);
}

/* Head and section table for a file of `size` bytes; the checksum follows later. */
static void put_head(pb_buf *b, const iw *w, uint32_t size) {
    pb_buf_add(b, IMAGE_MAGIC, 8);
    put_u32(b, IMAGE_VERSION);
    put_u32(b, size);
    put_u32(b, 0);
    put_u32(b, SECTION_COUNT);
    uint64_t offset = IMAGE_HEAD + SECTION_COUNT * 8u;
    for (int s = 0; s < SECTION_COUNT; s++) {
        uint32_t count;
        uint64_t bytes = section_size(w, (enum image_section)s, &count);
        offset = align8(offset);
        put_u32(b, (uint32_t)offset);
        put_u32(b, count);
        offset += bytes;
    }
}

static uint64_t image_size(const iw *w) {
    uint64_t size = IMAGE_HEAD + SECTION_COUNT * 8u;
    uint32_t count;
    for (int s = 0; s < SECTION_COUNT; s++) size = align8(size) + section_size(w, (enum image_section)s, &count);
    return align8(size);
}

iw_fault iw_finish(iw *w, pb_buf *out) {
    out->len = 0;
    uint64_t size = image_size(w);
    if (size > IMAGE_MAX_SIZE) fault(w, IW_TOO_LARGE);
    if (w->fault) return w->fault;
    put_head(out, w, (uint32_t)size);
    for (int s = 0; s < SECTION_COUNT; s++) put_section(out, w, (enum image_section)s);
    put_zeros(out, size - out->len);
    if (out->oom) {
        fault(w, IW_NO_MEMORY);
        out->len = 0;
        return w->fault;
    }
    const uint8_t *body = (const uint8_t *)out->data + IMAGE_HEAD;
    image_put_u32(out->data + 16, (uint32_t)crc32(0, body, (uInt)(size - IMAGE_HEAD)));
    return IW_OK;
}
