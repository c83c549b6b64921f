/*
 * model.c - looking things up in the AWS table (table.h): services, operations, shapes, endpoints; and the compiler's
 * schema over the same records.
 *
 * Nothing here allocates or keeps state, save for the host name that aws_endpoint puts together. Names are found by
 * binary search: services, and each service's operations and shapes, stand in the table by name. Handles are record
 * numbers; one that is out of range finds the zeroed record 0 and so gives empty answers, never a wild read.
 */
#include "stdlib/aws/table.h"

extern const unsigned char aws_model_data[] __attribute__((aligned(64), visibility("hidden")));
extern const unsigned char aws_docs_data[] __attribute__((aligned(64), weak)); /* absent from the runner */

const aws_model *aws_model_get(void) { return (const aws_model *)(const void *)aws_model_data; }

/* ---- texts and members ---- */

static pb_str pool_text(const char *pool, uint32_t size, tab_text t) {
    uint16_t n;
    if (t < 2 || t >= size) return (pb_str){"", 0};
    memcpy(&n, pool + t - 2, sizeof n);
    if (n > size - t) return (pb_str){"", 0};
    return (pb_str){pool + t, n};
}

pb_str tab_str(const aws_model *m, tab_text t) {
    return pool_text((const char *)m + m->section[TAB_TEXT].offset, m->section[TAB_TEXT].count, t);
}

pb_str tab_wire(const aws_model *m, const tab_ref *r) {
    pb_str wire = tab_str(m, r->wire);
    return wire.n ? wire : tab_str(m, r->name);
}

const tab_ref *tab_find(const aws_model *m, const tab_shape *s, pb_str name) {
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(m, s, i);
        if (pb_str_eq(tab_str(m, r->name), name)) return r;
    }
    return NULL;
}

const tab_ref *tab_find_wire(const aws_model *m, const tab_shape *s, pb_str wire) {
    for (uint32_t i = 0; i < s->n; i++) {
        const tab_ref *r = tab_member(m, s, i);
        if (pb_str_eq(tab_wire(m, r), wire)) return r;
    }
    return NULL;
}

const char *tab_method_name(uint8_t method) {
    static const char *const names[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"};
    return method < sizeof names / sizeof *names ? names[method] : "POST";
}

static int text_cmp(pb_str a, pb_str b) {
    uint32_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.s, b.s, n) : 0;
    if (c) return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

/* Binary search over `count` records of a section from `first`, whose first field is their name. 0: not there. */
static uint32_t find_named(const aws_model *m, tab_section sec, size_t size, uint32_t first, uint32_t count,
                           pb_str name) {
    uint32_t lo = first, hi = first + count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        tab_text t;
        memcpy(&t, tab_at(m, sec, mid, size), sizeof t);
        int c = text_cmp(tab_str(m, t), name);
        if (c == 0) return mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

/* ---- services and operations ---- */

static uint32_t service_total(const aws_model *m) { return m->section[TAB_SERVICES].count - 1; }

void aws_service_get(const aws_model *m, aws_service s, aws_service_info *out) {
    const tab_service *t = tab_service_at(m, s);
    *out = (aws_service_info){
        .name = tab_str(m, t->name),
        .protocol = (aws_protocol)t->protocol,
        .api_version = tab_str(m, t->api_version),
        .endpoint_prefix = tab_str(m, t->endpoint_prefix),
        .signing_name = tab_str(m, t->signing_name),
        .target_prefix = tab_str(m, t->target_prefix),
        .json_version = tab_str(m, t->json_version),
        .service_id = tab_str(m, t->service_id),
        .xml_namespace = tab_str(m, t->xml_namespace),
        .query_compatible = (t->flags & TAB_V_QUERY_COMPATIBLE) != 0,
        .global = (t->flags & TAB_V_GLOBAL) != 0,
    };
}

aws_service aws_service_find(const aws_model *m, pb_str name) {
    return find_named(m, TAB_SERVICES, sizeof(tab_service), 1, service_total(m), name);
}

aws_service aws_service_by_signing_name(const aws_model *m, pb_str signing_name, uint32_t nth) {
    for (uint32_t i = 1; i <= service_total(m); i++)
        if (pb_str_eq(tab_str(m, tab_service_at(m, i)->signing_name), signing_name) && nth-- == 0) return i;
    return 0;
}

aws_op aws_op_find(const aws_model *m, aws_service s, pb_str name) {
    const tab_service *t = tab_service_at(m, s);
    return find_named(m, TAB_OPS, sizeof(tab_op), t->first_op, t->nops, name);
}

aws_service aws_op_service(const aws_model *m, aws_op op) { return tab_op_at(m, op)->service; }
pb_str aws_op_name(const aws_model *m, aws_op op) { return tab_str(m, tab_op_at(m, op)->name); }

pb_effect aws_op_effect(const aws_model *m, aws_op op) {
    const tab_op *t = tab_op_at(m, op);
    return t->service ? (pb_effect)t->effect : PB_DESTROY; /* an operation nobody knows: assume the worst */
}

aws_auth aws_op_auth(const aws_model *m, aws_op op) { return (aws_auth)tab_op_at(m, op)->auth; }

/* ---- pages and waiters ---- */

static pb_str listed_text(const aws_model *m, uint32_t i) {
    const tab_text *t = tab_at(m, TAB_TEXTS, i, sizeof *t);
    return tab_str(m, *t);
}

bool aws_pager_get(const aws_model *m, aws_op op, aws_pager *out) {
    uint32_t i = tab_op_at(m, op)->pager;
    const tab_pager *p = tab_at(m, TAB_PAGERS, i, sizeof *p);
    *out = (aws_pager){tab_str(m, p->limit), tab_str(m, p->more), p->ntokens, p->nresults, p->first};
    return i != 0;
}

pb_str aws_pager_input(const aws_model *m, const aws_pager *p, uint32_t i) { return listed_text(m, p->first + i); }
pb_str aws_pager_output(const aws_model *m, const aws_pager *p, uint32_t i) {
    return listed_text(m, p->first + p->ntokens + i);
}
pb_str aws_pager_result(const aws_model *m, const aws_pager *p, uint32_t i) {
    return listed_text(m, p->first + 2 * p->ntokens + i);
}

uint32_t aws_waiter_count(const aws_model *m, aws_service s) { return tab_service_at(m, s)->nwaiters; }
aws_waiter aws_waiter_at(const aws_model *m, aws_service s, uint32_t i) {
    const tab_service *t = tab_service_at(m, s);
    return i < t->nwaiters ? t->first_waiter + i : 0;
}
aws_waiter aws_waiter_find(const aws_model *m, aws_service s, pb_str name) {
    const tab_service *t = tab_service_at(m, s);
    return find_named(m, TAB_WAITERS, sizeof(tab_waiter), t->first_waiter, t->nwaiters, name);
}

void aws_waiter_get(const aws_model *m, aws_waiter w, aws_waiter_info *out) {
    const tab_waiter *t = tab_at(m, TAB_WAITERS, w, sizeof *t);
    *out = (aws_waiter_info){tab_str(m, t->name), t->op, t->delay_s, t->attempts, t->nacceptors, t->first};
}

void aws_waiter_acceptor(const aws_model *m, const aws_waiter_info *w, uint32_t i, aws_acceptor *out) {
    const tab_acceptor *t = tab_at(m, TAB_ACCEPTORS, w->first + i, sizeof *t);
    pb_str text = tab_str(m, t->expected);
    *out = (aws_acceptor){.matcher = (aws_matcher)t->matcher,
                          .state = (aws_state)t->state,
                          .argument = tab_str(m, t->argument),
                          .text = text,
                          .is_number = t->kind == 1,
                          .is_bool = t->kind == 2,
                          .yes = text.n != 0,
                          .number = t->number};
}

/* "aws.ec2.wait.InstanceStopped" → "ec2", "wait.InstanceStopped" */
aws_op aws_host_op(const aws_model *m, pb_str host, aws_waiter *waiter) {
    enum { AWS_DOT = 4, WAIT_DOT = 5 };
    *waiter = 0;
    if (host.n < AWS_DOT || memcmp(host.s, "aws.", AWS_DOT) != 0) return 0;
    pb_str rest = {host.s + AWS_DOT, host.n - AWS_DOT};
    const char *dot = memchr(rest.s, '.', rest.n);
    if (!dot) return 0;
    pb_str service = {rest.s, (uint32_t)(dot - rest.s)}, name = {dot + 1, rest.n - service.n - 1};
    aws_service s = aws_service_find(m, service);
    if (!s) return 0;
    if (name.n < WAIT_DOT || memcmp(name.s, "wait.", WAIT_DOT) != 0) return aws_op_find(m, s, name);
    aws_waiter_info w;
    *waiter = aws_waiter_find(m, s, (pb_str){name.s + WAIT_DOT, name.n - WAIT_DOT});
    aws_waiter_get(m, *waiter, &w);
    return w.op;
}

/* ---- partitions and endpoints ---- */

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "-west-1": a word and a number, each after a dash. */
static bool region_tail(const char *p, const char *end) {
    if (p == end || *p++ != '-') return false;
    const char *word = p;
    while (p < end && word_char(*p)) p++;
    if (p == word || p == end || *p++ != '-') return false;
    const char *digits = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p > digits && p == end;
}

static uint32_t partition_of(const aws_model *m, pb_str region) {
    for (uint32_t i = 1; i < m->section[TAB_PARTITIONS].count; i++) {
        const tab_partition *p = tab_at(m, TAB_PARTITIONS, i, sizeof *p);
        for (uint32_t k = 0; k < p->nprefixes; k++) {
            const tab_text *t = tab_at(m, TAB_PREFIXES, p->first_prefix + k, sizeof *t);
            pb_str prefix = tab_str(m, *t);
            if (region.n > prefix.n && memcmp(region.s, prefix.s, prefix.n) == 0 &&
                region_tail(region.s + prefix.n, region.s + region.n))
                return i;
        }
    }
    return 0;
}

pb_str aws_partition(const aws_model *m, pb_str region) {
    const tab_partition *p = tab_at(m, TAB_PARTITIONS, partition_of(m, region), sizeof *p);
    return tab_str(m, p->name);
}

static const tab_place *place_of(const aws_model *m, aws_service s, uint32_t partition, aws_variant v) {
    uint32_t partitions = m->section[TAB_PARTITIONS].count - 1;
    const uint16_t *place = tab_at(m, TAB_PLACE_OF, 1 + ((s - 1) * partitions + partition - 1) * AWS_VARIANTS + v,
                                   sizeof *place);
    return tab_at(m, TAB_PLACES, *place, sizeof(tab_place));
}

/* Fills {region} in. */
static pb_str expand(pb_arena *a, pb_str template, pb_str region) {
    const char *at = memchr(template.s, '{', template.n);
    if (!at) return template;
    uint32_t n = (uint32_t)(at - template.s), skip = n + (uint32_t)strlen("{region}");
    return pb_printf(a, "%.*s%.*s%.*s", (int)n, template.s, PB_ARG(region), (int)(template.n - skip), template.s + skip);
}

bool aws_endpoint(const aws_model *m, aws_service s, pb_str region, aws_variant v, pb_arena *a, pb_str *host,
                  pb_str *signing_region) {
    uint32_t partition = partition_of(m, region);
    if (!partition || s == 0 || s >= m->section[TAB_SERVICES].count) return false;
    const tab_place *p = place_of(m, s, partition, v);
    pb_str name = tab_str(m, p->hostname), scope = tab_str(m, p->scope);
    for (uint32_t i = 0; i < p->n; i++) {
        const tab_endpoint *e = tab_at(m, TAB_ENDPOINTS, p->first + i, sizeof *e);
        if (!pb_str_eq(tab_str(m, e->region), region)) continue;
        name = tab_str(m, e->hostname);
        scope = tab_str(m, e->scope);
    }
    if (name.n == 0) return false;
    *host = expand(a, name, region);
    *signing_region = scope.n ? scope : region;
    return host->s != NULL;
}

/* ---- documentation ---- */

typedef struct docs_header {
    char magic[8];
    uint32_t nops, nrefs, text_size;
} docs_header;

static pb_str doc_text(uint32_t i, bool of_op) {
    docs_header h;
    if (!aws_docs_data) return (pb_str){"", 0};
    memcpy(&h, aws_docs_data, sizeof h);
    const unsigned char *lists = aws_docs_data + offsetof(docs_header, text_size) + sizeof h.text_size;
    const char *pool = (const char *)lists + ((size_t)h.nops + h.nrefs) * sizeof(uint32_t);
    tab_text t;
    if (i >= (of_op ? h.nops : h.nrefs)) return (pb_str){"", 0};
    memcpy(&t, lists + (of_op ? (size_t)i : (size_t)h.nops + i) * sizeof t, sizeof t);
    return pool_text(pool, h.text_size, t);
}

pb_str aws_op_doc(aws_op op) { return doc_text(op, true); }

pb_str aws_member_doc(const aws_model *m, aws_shape shape, uint32_t i) {
    const tab_shape *s = tab_shape_at(m, shape);
    return s->kind == SCHEMA_STRUCT && i < s->n ? doc_text(s->first + i, false) : (pb_str){"", 0};
}

/* ---- the compiler's schema ---- */

static uint32_t schema_services(const void *ctx) { return service_total(ctx); }
static pb_str schema_service_name(const void *ctx, uint32_t i) {
    return i < service_total(ctx) ? tab_str(ctx, tab_service_at(ctx, i + 1)->name) : (pb_str){"", 0};
}
static schema_service schema_service_by_name(const void *ctx, pb_str name) { return aws_service_find(ctx, name); }
static uint32_t schema_operations(const void *ctx, schema_service s) { return tab_service_at(ctx, s)->nops; }

static void fill_operation(const aws_model *m, aws_op op, schema_operation *out) {
    const tab_op *t = tab_op_at(m, op);
    *out = (schema_operation){
        .name = tab_str(m, t->name),
        .input = tab_ref_at(m, t->input)->shape,
        .output = tab_ref_at(m, t->output)->shape,
        .effect = aws_op_effect(m, op),
        .deprecated = (t->flags & TAB_O_DEPRECATED) != 0,
        .doc = aws_op_doc(op),
    };
}

static bool schema_operation_at(const void *ctx, schema_service s, uint32_t i, schema_operation *out) {
    const tab_service *t = tab_service_at(ctx, s);
    if (i >= t->nops) return false;
    fill_operation(ctx, t->first_op + i, out);
    return true;
}

static bool schema_operation_find(const void *ctx, schema_service s, pb_str name, schema_operation *out) {
    aws_op op = aws_op_find(ctx, s, name);
    if (!op) return false;
    fill_operation(ctx, op, out);
    return true;
}

static bool fill_waiter(const aws_model *m, aws_waiter w, schema_waiter *out) {
    aws_waiter_info info;
    if (!w) return false;
    aws_waiter_get(m, w, &info);
    *out = (schema_waiter){.name = info.name, .limit_ms = (int64_t)info.delay_s * info.attempts * 1000};
    fill_operation(m, info.op, &out->operation);
    return true;
}

static bool schema_waiter_at(const void *ctx, schema_service s, uint32_t i, schema_waiter *out) {
    return fill_waiter(ctx, aws_waiter_at(ctx, s, i), out);
}

static bool schema_waiter_find(const void *ctx, schema_service s, pb_str name, schema_waiter *out) {
    return fill_waiter(ctx, aws_waiter_find(ctx, s, name), out);
}

static uint32_t schema_shapes(const void *ctx, schema_service s) { return tab_service_at(ctx, s)->nshapes; }
static schema_shape schema_shape_at(const void *ctx, schema_service s, uint32_t i) {
    const tab_service *t = tab_service_at(ctx, s);
    return i < t->nshapes ? t->first_shape + i : 0;
}
static schema_shape schema_shape_find(const void *ctx, schema_service s, pb_str name) {
    const tab_service *t = tab_service_at(ctx, s);
    return find_named(ctx, TAB_SHAPES, sizeof(tab_shape), t->first_shape, t->nshapes, name);
}

static void schema_shape_get(const void *ctx, schema_shape shape, schema_shape_info *out) {
    const aws_model *m = ctx;
    const tab_shape *s = tab_shape_at(m, shape);
    bool is_struct = s->kind == SCHEMA_STRUCT;
    *out = (schema_shape_info){
        .kind = (schema_kind)s->kind,
        .name = tab_str(m, s->name),
        .nmembers = is_struct ? s->n : 0,
        .nenum = s->kind == SCHEMA_STRING ? s->n : 0,
        .sensitive = (s->flags & TAB_S_SENSITIVE) != 0,
        .is_union = (s->flags & TAB_S_UNION) != 0,
    };
    if (s->kind == SCHEMA_LIST) out->elem = tab_ref_at(m, s->first)->shape;
    if (s->kind == SCHEMA_MAP) out->elem = tab_ref_at(m, s->first + 1)->shape;
    if (is_struct || s->kind == SCHEMA_JSON) return;
    const tab_limit *l = tab_limit_at(m, s->detail);
    out->has_min = (l->flags & TAB_L_MIN) != 0;
    out->has_max = (l->flags & TAB_L_MAX) != 0;
    out->min = l->min;
    out->max = l->max;
    out->pattern = tab_str(m, l->pattern);
}

static bool schema_member_at(const void *ctx, schema_shape shape, uint32_t i, schema_member *out) {
    const tab_shape *s = tab_shape_at(ctx, shape);
    if (s->kind != SCHEMA_STRUCT || i >= s->n) return false;
    const tab_ref *r = tab_member(ctx, s, i);
    *out = (schema_member){
        .name = tab_str(ctx, r->name),
        .wire_name = tab_wire(ctx, r),
        .shape = r->shape,
        .required = (r->flags & TAB_R_REQUIRED) != 0,
        .deprecated = (r->flags & TAB_R_DEPRECATED) != 0,
        .idempotency_token = (r->flags & TAB_R_TOKEN) != 0,
    };
    return true;
}

static pb_str schema_enum_at(const void *ctx, schema_shape shape, uint32_t i) {
    const tab_shape *s = tab_shape_at(ctx, shape);
    if (s->kind != SCHEMA_STRING || i >= s->n) return (pb_str){"", 0};
    const tab_text *t = tab_at(ctx, TAB_ENUMS, s->first + i, sizeof *t);
    return tab_str(ctx, *t);
}

const pb_schema *aws_schema(void) {
    static const pb_schema schema = {
        .ctx = aws_model_data,
        .service_count = schema_services,
        .service_name = schema_service_name,
        .service_find = schema_service_by_name,
        .operation_count = schema_operations,
        .operation_at = schema_operation_at,
        .operation_find = schema_operation_find,
        .waiter_at = schema_waiter_at,
        .waiter_find = schema_waiter_find,
        .shape_count = schema_shapes,
        .shape_at = schema_shape_at,
        .shape_find = schema_shape_find,
        .shape_info = schema_shape_get,
        .member_at = schema_member_at,
        .enum_at = schema_enum_at,
    };
    return &schema;
}
