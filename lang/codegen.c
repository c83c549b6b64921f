/*
 * codegen.c - from a checked tree to a program image.
 *
 * Only what the playbooks reach is written (codegen_reach.c). Functions and actions come first, in the order in which
 * they were reached, then two functions a playbook: MATCH, which says whether an event is for it (the `where`s that
 * stand right behind `when`), and BODY, the rest. Events, parameters, types and sources are tables beside them.
 *
 * Nothing in an image depends on addresses, time or the order of a hash table: the same sources give the same bytes.
 *
 * Limits of the bytecode show up here and are ordinary errors with a place (05xx); a function that went over one is
 * not finished, and no image is made.
 */
#include "lang/codegen.h"

#include <stdio.h>

/* ---- messages, places, texts ---- */

void cg_limit(cg *g, diag_code code, pb_span span, const char *fmt, ...) {
    g->failed = true;
    if (g->overflow) return;
    g->overflow = true;
    va_list ap;
    va_start(ap, fmt);
    pb_str text = pb_vprintf(g->arena, fmt, ap);
    va_end(ap);
    if (text.s) diag_add(g->diags, code, span, "%.*s", PB_ARG(text));
}

/* The line only: source_place counts characters for the column, which on one long line would be too slow for every
 * node. */
uint32_t cg_line(cg *g, pb_span span) {
    const source_file *f = &g->program->sources->files[span.file];
    uint32_t low = 0, high = f->nlines; /* the line is in [low, high) */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (f->lines[middle] <= span.start)
            low = middle;
        else
            high = middle;
    }
    return low + 1;
}

static void hex(char *out, const uint8_t *bytes, size_t n) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

uint32_t cg_source(cg *g, uint32_t file) {
    if (g->source_of[file]) return g->source_of[file] - 1;
    source_file *f = &g->program->sources->files[file];
    char sha[2 * sizeof f->sha256];
    if (g->nsources >= CG_MAX_SOURCES) {
        cg_limit(g, DIAG_LIMIT_TABLE, (pb_span){file, 0, 0}, "the program uses more than %d source files",
                 CG_MAX_SOURCES);
        return 0;
    }
    if (!source_hash(f)) {
        g->failed = true;
        return 0;
    }
    hex(sha, f->sha256, sizeof f->sha256);
    iw_source(g->w, f->path, (pb_str){sha, sizeof sha});
    g->source_of[file] = ++g->nsources;
    return g->nsources - 1;
}

void cg_place(cg *g, pb_span span) {
    if (!g->fixed_place) iw_place(g->w, cg_source(g, span.file), cg_line(g, span));
}

/* Is this the first byte of a character? */
pb_str cg_source_text(cg *g, pb_span span, uint32_t max) {
    pb_str s = source_folded(g->program->sources, span, max, g->arena);
    if (!s.s) g->failed = true;
    return s;
}

pb_str cg_path_text(cg *g, const ast_path *p) {
    pb_str s = p->n ? p->parts[0].text : PB_STR("");
    for (uint32_t i = 1; i < p->n; i++) s = pb_printf(g->arena, "%.*s.%.*s", PB_ARG(s), PB_ARG(p->parts[i].text));
    if (!s.s) g->failed = true;
    return s;
}

/* ---- types ---- */

enum { MAX_TYPE_DEPTH = 32 }; /* of records within records; below it anything goes */

typedef struct cg_type {
    struct cg_type *next;
    const pb_type *type;
    uint32_t index;
} cg_type;

static enum image_type image_kind(type_kind k) {
    switch (k) {
    case TYPE_BOOL: return IMAGE_TYPE_BOOL;
    case TYPE_INT: return IMAGE_TYPE_INT;
    case TYPE_FLOAT: return IMAGE_TYPE_FLOAT;
    case TYPE_STRING: return IMAGE_TYPE_STRING;
    case TYPE_BYTES: return IMAGE_TYPE_BYTES;
    case TYPE_DURATION: return IMAGE_TYPE_DURATION;
    case TYPE_TIME: return IMAGE_TYPE_TIME;
    case TYPE_IP: return IMAGE_TYPE_IP;
    case TYPE_CIDR: return IMAGE_TYPE_CIDR;
    case TYPE_ARN: return IMAGE_TYPE_ARN;
    case TYPE_SECRET: return IMAGE_TYPE_SECRET;
    case TYPE_LIST: return IMAGE_TYPE_LIST;
    case TYPE_MAP:
    case TYPE_SHAPE: return IMAGE_TYPE_MAP; /* AWS's answers are checked where they are read, by the codec */
    case TYPE_RECORD: return IMAGE_TYPE_RECORD;
    case TYPE_POISON:
    case TYPE_NONE:
    case TYPE_VOID:
    case TYPE_JSON: break;
    }
    return IMAGE_TYPE_ANY;
}

static uint32_t any_type(cg *g) { return iw_type(g->w, IMAGE_TYPE_ANY, true, IMAGE_NIL, IMAGE_NIL, (pb_str){NULL, 0}); }

static uint32_t record_fields(cg *g, const pb_type *t) {
    uint32_t n = 0, i = 0;
    for (const type_field *f = t->fields; f; f = f->next) n++;
    uint32_t *items = pb_alloc_array(g->arena, n + 1, 2 * sizeof *items);
    if (!items) {
        g->failed = true;
        return IMAGE_NIL;
    }
    for (const type_field *f = t->fields; f; f = f->next) {
        items[i++] = iw_string(g->w, f->name);
        items[i++] = cg_image_type(g, f->type);
    }
    return iw_list(g->w, items, i);
}

static uint32_t make_type(cg *g, const pb_type *t) {
    enum image_type kind = image_kind(t->kind);
    uint32_t elem = IMAGE_NIL, fields = IMAGE_NIL;
    bool optional = t->optional || kind == IMAGE_TYPE_ANY;
    if (kind == IMAGE_TYPE_LIST || kind == IMAGE_TYPE_MAP) elem = t->elem ? cg_image_type(g, t->elem) : any_type(g);
    if (kind == IMAGE_TYPE_RECORD) fields = record_fields(g, t);
    return iw_type(g->w, kind, optional, elem, fields, t->name.n ? t->name : (pb_str){NULL, 0});
}

/* Made once; a type inside itself counts as `any`, so the image's types have no cycle. */
uint32_t cg_image_type(cg *g, const pb_type *t) {
    for (const cg_type *k = g->types; k; k = k->next)
        if (k->type == t) return k->index == IMAGE_NIL ? any_type(g) : k->index;
    cg_type *k = pb_alloc(g->arena, sizeof *k);
    if (!k || g->type_depth >= MAX_TYPE_DEPTH) {
        g->failed = g->failed || !k;
        return any_type(g);
    }
    *k = (cg_type){g->types, t, IMAGE_NIL};
    g->types = k;
    g->type_depth++;
    k->index = make_type(g, t);
    g->type_depth--;
    return k->index;
}

/* ---- clauses ---- */

static const ast_clause *clause(const ast_decl *d, const char *name) {
    for (const ast_clause *c = d->clauses; c; c = c->next)
        if (pb_str_is(c->name.text, name)) return c;
    return NULL;
}

/* Text of a clause; .s NULL when it is not there. */
static pb_str clause_text(const ast_decl *d, const char *name) {
    const ast_clause *c = clause(d, name);
    if (!c || !c->value || c->value->kind != EXPR_STRING) return (pb_str){NULL, 0};
    return c->value->u.string.s ? c->value->u.string : PB_STR("");
}

/* A clause that is a text or a list of texts, as a list in the image. */
static uint32_t clause_list(cg *g, const ast_decl *d, const char *name) {
    const ast_clause *c = clause(d, name);
    const ast_expr *e = c ? c->value : NULL;
    uint32_t n = 0, one;
    if (!e || (e->kind != EXPR_STRING && e->kind != EXPR_LIST)) return iw_list(g->w, NULL, 0);
    if (e->kind == EXPR_STRING) {
        one = iw_string(g->w, e->u.string);
        return iw_list(g->w, &one, 1);
    }
    for (const ast_arg *a = e->u.list; a; a = a->next) n++;
    uint32_t *items = pb_alloc_array(g->arena, n + 1, sizeof *items);
    if (!items) {
        g->failed = true;
        return 0;
    }
    n = 0;
    for (const ast_arg *a = e->u.list; a; a = a->next)
        if (a->value->kind == EXPR_STRING) items[n++] = iw_string(g->w, a->value->u.string);
    return iw_list(g->w, items, n);
}

static void gen_event(cg *g, const ast_decl *d) {
    iw_event_info e = {.name = cg_path_text(g, &d->name)};
    cg_source(g, d->span.file);
    e.sources = clause_list(g, d, "source");
    e.detail_types = clause_list(g, d, "detail_type");
    e.payload = clause_text(d, "payload");
    if (!e.payload.s) e.payload = PB_STR("detail");
    e.each = clause_text(d, "each");
    e.id = clause_text(d, "id");
    e.threat = clause_text(d, "threat");
    e.detected = clause_text(d, "detected");
    e.account = clause_text(d, "account");
    e.region = clause_text(d, "region");
    e.sample = clause_text(d, "sample");
    e.has_paths = true;
    e.resources = clause_list(g, d, "resources");
    e.principals = clause_list(g, d, "principal");
    iw_event(g->w, &e);
}

/* ---- deployment parameters ---- */

static uint64_t float_bits(double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

typedef struct cg_param { /* one that is in the image */
    struct cg_param *next;
    pb_str name;
    uint32_t type, index;
    bool has_default;
    enum image_const kind; /* of the default */
    uint64_t value;
} cg_param;

/* ip("..."), cidr("...") and arn("...") of a text are that text at run time; the checker has looked at it. */
static const ast_expr *plain(const ast_expr *e) {
    if (e->kind == EXPR_CALL && e->u.call.kind == CALL_BUILTIN && e->u.call.nresolved == 1 && e->type &&
        (e->type->kind == TYPE_IP || e->type->kind == TYPE_CIDR || e->type->kind == TYPE_ARN))
        return e->u.call.resolved[0];
    return e;
}

/* The constant of a parameter's default; false when it is not one. */
static bool default_const(cg *g, const ast_expr *e, cg_param *out) {
    bool minus = e->kind == EXPR_NEG;
    const ast_expr *v = minus ? e->u.unary : plain(e);
    uint64_t integer = minus ? 0 - (uint64_t)v->u.integer : (uint64_t)v->u.integer;
    if (minus && v->kind != EXPR_INT && v->kind != EXPR_FLOAT && v->kind != EXPR_DURATION) return false;
    switch (v->kind) {
    case EXPR_NONE: *out = (cg_param){.kind = CONST_NONE}; return true;
    case EXPR_BOOL: *out = (cg_param){.kind = CONST_BOOL, .value = v->u.boolean}; return true;
    case EXPR_INT: *out = (cg_param){.kind = CONST_INT, .value = integer}; return true;
    case EXPR_DURATION: *out = (cg_param){.kind = CONST_DURATION, .value = integer}; return true;
    case EXPR_FLOAT:
        *out = (cg_param){.kind = CONST_FLOAT, .value = float_bits(minus ? -v->u.number : v->u.number)};
        return true;
    case EXPR_STRING: *out = (cg_param){.kind = CONST_STRING, .value = iw_string(g->w, v->u.string)}; return true;
    default: return false;
    }
}

/* Files of their own that declare the same parameter alike share it: the same name, type and default. */
static uint32_t add_param(cg *g, const cg_param *p) {
    for (const cg_param *q = g->made_params; q; q = q->next)
        if (pb_str_eq(q->name, p->name) && q->type == p->type && q->has_default == p->has_default &&
            q->kind == p->kind && q->value == p->value)
            return q->index;
    cg_param *made = pb_alloc(g->arena, sizeof *made);
    if (!made) {
        g->failed = true;
        return 0;
    }
    *made = *p;
    uint32_t k = p->has_default ? iw_const(g->w, p->kind, p->value) : IMAGE_NIL;
    made->index = iw_param(g->w, p->name, p->type, p->has_default, k);
    made->next = g->made_params;
    g->made_params = made;
    return made->index;
}

static void gen_param(cg *g, ast_decl *d) {
    cg_param p = {0};
    cg_source(g, d->span.file);
    if (d->expr && !default_const(g, d->expr, &p)) {
        g->overflow = false;
        cg_limit(g, DIAG_LIMIT_DEFAULT, d->expr->span, "the default of parameter %.*s must be a plain constant",
                 PB_ARG(d->name.parts[0].text));
        return;
    }
    p.name = cg_path_text(g, &d->name);
    p.type = cg_image_type(g, d->ty);
    p.has_default = d->expr != NULL;
    d->index = add_param(g, &p);
}

/* ---- functions ---- */

static uint32_t count_params(const ast_decl *d) {
    uint32_t n = 0;
    for (const ast_field *p = d->params; p; p = p->next) n++;
    return n;
}

static uint32_t function_begin(cg *g, const ast_decl *d, pb_str name, enum image_function kind, pb_effect effect,
                               uint32_t n) {
    g->reg = NULL;
    g->nreg = 0;
    g->top = g->max = g->tries = g->entered = g->branches = 0;
    g->reserved = NULL;
    g->undoable = NULL;
    g->undo_on_failure = false;
    g->span = d->span;
    g->name = name;
    g->overflow = false;
    uint32_t index = iw_function_begin(g->w, name, kind, effect, n);
    if (n > IMAGE_MAX_PARAMS)
        cg_limit(g, DIAG_LIMIT_PARAMS, d->name.span, "%.*s has %u parameters, at most %d are possible", PB_ARG(name), n,
                 IMAGE_MAX_PARAMS);
    else
        cg_alloc(g, n, d->span);
    n = 0;
    for (const ast_field *p = d->params; p; p = p->next) cg_bind(g, p->local, n++);
    cg_place(g, d->span);
    return index;
}

static void gen_return_none(cg *g, pb_span span) {
    uint32_t r = cg_alloc(g, 1, span);
    cg_emit(g, OPCODE_LOADNONE, r, 0, 0);
    cg_emit(g, OPCODE_RETURN, r, 0, 0);
}

/* What guards, evidence and undo need to know of an action. */
static void describe_action(cg *g, const ast_decl *d) {
    uint32_t n = count_params(d), i = 0, *names = pb_alloc_array(g->arena, (size_t)n + 1, sizeof *names);
    if (!names) {
        g->failed = true;
        return;
    }
    for (const ast_field *p = d->params; p; p = p->next, i++) {
        names[i] = iw_string(g->w, p->name.text);
        if (d->target.text.s && pb_str_eq(p->name.text, d->target.text)) iw_target(g->w, d->index, i);
    }
    iw_params(g->w, d->index, iw_list(g->w, names, n));
    if (d->has_undo && d->capture_at) iw_undo(g->w, d->index, d->undo_index, d->ncaptured);
    if (d->undo_none.s) iw_undo_none(g->w, d->index, d->undo_none);
}

/* Both kinds. An action that comes to its end without `return` gives none. */
static void gen_function(cg *g, const ast_decl *d) {
    bool fn = d->kind == DECL_FN;
    function_begin(g, d, cg_path_text(g, &d->name), fn ? FUNCTION_PURE : FUNCTION_ACTION, fn ? PB_PURE : d->effect,
                   count_params(d));
    if (!fn) {
        describe_action(g, d);
        g->undoable = d->has_undo ? d : NULL;
    }
    if (fn) {
        uint32_t r = cg_value(g, d->expr);
        cg_emit(g, OPCODE_RETURN, r, 0, 0);
    } else {
        cg_block(g, d->body);
        cg_place(g, d->span);
        gen_return_none(g, d->span);
    }
    iw_function_end(g->w, g->max);
}

/* A function of the action's parameters and of the values that CAPTURE kept. */
static void gen_undo(cg *g, const ast_decl *d) {
    pb_str name = cg_path_text(g, &d->name);
    uint32_t n = count_params(d);
    if (n + d->ncaptured > IMAGE_MAX_PARAMS) {
        g->overflow = false;
        cg_limit(g, DIAG_LIMIT_PARAMS, d->name.span,
                 "the undo of %.*s uses %u parameters and values from before the change, at most %d are possible",
                 PB_ARG(name), n + d->ncaptured, IMAGE_MAX_PARAMS);
        return;
    }
    name = pb_printf(g->arena, "undo %.*s", PB_ARG(name));
    function_begin(g, d, name, FUNCTION_ACTION, d->undo_effect, n + d->ncaptured);
    for (uint32_t i = 0; i < d->ncaptured; i++) cg_bind(g, d->captured[i], n + i);
    cg_block(g, d->undo);
    cg_place(g, d->span);
    gen_return_none(g, d->span);
    iw_function_end(g->w, g->max);
}

/* ---- guards ---- */

/* none: allowed; a text: why not. What a dry run does not know lets the act pass, as it does in `where`. */
static void gen_guard(cg *g, const ast_decl *d) {
    uint32_t passes[CG_MAX_ENTRIES], n = 0;
    pb_str name = pb_printf(g->arena, "guard %.*s", PB_ARG(d->name.parts[0].text));
    function_begin(g, d, name, FUNCTION_ACTION, PB_READ, 1);
    cg_bind(g, d->event_local, 0);
    for (const ast_clause *c = d->clauses; c; c = c->next) {
        if (!pb_str_is(c->name.text, "where")) continue;
        if (n == CG_MAX_ENTRIES) {
            cg_limit(g, DIAG_LIMIT_ENTRIES, c->span, "a guard has at most %d conditions", CG_MAX_ENTRIES);
            return;
        }
        uint32_t top = g->top;
        cg_place(g, c->span);
        passes[n++] = cg_jump(g, OPCODE_JMPF, cg_value(g, c->value));
        g->top = top;
    }
    for (const ast_clause *c = d->clauses; c; c = c->next) {
        if (!pb_str_is(c->name.text, "deny")) continue;
        cg_place(g, c->span);
        cg_emit(g, OPCODE_RETURN, cg_value(g, c->value), 0, 0);
    }
    for (uint32_t i = 0; i < n; i++) cg_here(g, passes[i]);
    if (n) gen_return_none(g, d->span);
    iw_function_end(g->w, g->max);
}

static void gen_guard_record(cg *g, const ast_decl *d) {
    const ast_clause *unless = clause(d, "unless");
    uint32_t n = 0, *items = NULL;
    for (const ast_clause *c = d->clauses; c; c = c->next) n++;
    items = pb_alloc_array(g->arena, (size_t)n + 1, sizeof *items);
    if (!items) {
        g->failed = true;
        return;
    }
    n = 0;
    for (const ast_clause *c = d->clauses; c; c = c->next)
        if (pb_str_is(c->name.text, "on")) items[n++] = iw_string(g->w, c->value->u.string);
    iw_guard_info k = {.name = d->name.parts[0].text, .function = d->index, .patterns = iw_list(g->w, items, n)};
    if (unless) k.authorized = unless->value->u.string;
    k.source = cg_source(g, d->span.file);
    k.line = cg_line(g, d->span);
    iw_guard(g->w, &k);
}

/* ---- playbooks ---- */

static uint32_t gen_match(cg *g, const ast_decl *d, const ast_stmt *end) {
    pb_str name = pb_printf(g->arena, "playbook %.*s (match)", PB_ARG(d->name.parts[0].text));
    uint32_t f = function_begin(g, d, name, FUNCTION_MATCH, PB_PURE, 1);
    if (d->event_local) { /* its name: for whoever shows what a condition saw */
        uint32_t alias = iw_string(g->w, d->event_local->name.text);
        iw_params(g->w, f, iw_list(g->w, &alias, 1));
    }
    cg_bind(g, d->event_local, 0);
    cg_wheres(g, d->body, end);
    cg_place(g, d->span);
    uint32_t r = cg_alloc(g, 1, d->span);
    cg_emit(g, OPCODE_LOADBOOL, r, 1, 0);
    cg_emit(g, OPCODE_RETURN, r, 0, 0);
    iw_function_end(g->w, g->max);
    return f;
}

static uint32_t gen_body(cg *g, const ast_decl *d, const ast_stmt *first) {
    pb_str name = pb_printf(g->arena, "playbook %.*s", PB_ARG(d->name.parts[0].text));
    const ast_clause *limit = clause(d, "limit");
    uint32_t f = function_begin(g, d, name, FUNCTION_BODY, d->inferred, 1);
    cg_bind(g, d->event_local, 0);
    if (limit && pb_str_is(limit->word.text, "approve")) cg_limit_ask(g, limit->span);
    cg_block(g, first);
    cg_place(g, d->span);
    gen_return_none(g, d->span);
    iw_function_end(g->w, g->max);
    return f;
}

uint32_t cg_body(cg *g, const ast_decl *d, pb_str name, const ast_stmt *first) {
    uint32_t f = function_begin(g, d, name, FUNCTION_BODY, PB_DESTROY, 1);
    cg_block(g, first);
    cg_place(g, d->span);
    gen_return_none(g, d->span);
    iw_function_end(g->w, g->max);
    return f;
}

/* The key as a text, or none: an event without it is no repeat of anything. */
static uint32_t gen_dedupe(cg *g, const ast_decl *d, const ast_expr *key) {
    pb_str name = pb_printf(g->arena, "playbook %.*s (dedupe)", PB_ARG(d->name.parts[0].text));
    uint32_t f = function_begin(g, d, name, FUNCTION_PURE, PB_PURE, 1);
    cg_bind(g, d->event_local, 0);
    cg_place(g, key->span);
    uint32_t r = cg_alloc(g, 1, key->span);
    cg_expr(g, key, r);
    uint32_t some = cg_jump(g, OPCODE_JMPSOME, r);
    cg_emit(g, OPCODE_RETURN, r, 0, 0);
    cg_here(g, some);
    cg_emit(g, OPCODE_CONCAT, r, r, 1);
    cg_emit(g, OPCODE_RETURN, r, 0, 0);
    iw_function_end(g->w, g->max);
    return f;
}

static uint32_t constant(const ast_expr *e) { return e ? (uint32_t)e->u.integer : 0; }

/* What the header says about runs; the checker has seen to it that all of it is constant and fits. */
static void gen_bounds(cg *g, const ast_decl *d, iw_playbook_info *p) {
    const ast_clause *timeout = clause(d, "timeout"), *dedupe = clause(d, "dedupe"), *limit = clause(d, "limit"),
                     *concurrency = clause(d, "concurrency");
    if (timeout) p->timeout_ms = constant(timeout->value);
    if (concurrency) p->concurrency = constant(concurrency->value);
    if (limit) {
        p->limit = constant(limit->value);
        p->limit_ms = constant(limit->value2);
        p->limit_else = pb_str_is(limit->word.text, "approve") ? LIMIT_APPROVE : LIMIT_STOP;
    }
    if (!dedupe) return;
    p->has_dedupe = true;
    p->dedupe = gen_dedupe(g, d, dedupe->value);
    p->dedupe_ms = constant(dedupe->value2);
}

static enum image_tier tier_of(const ast_decl *d) {
    const ast_clause *c = clause(d, "tier");
    if (!c || !c->value || c->value->kind != EXPR_NAME) return TIER_AUTO;
    if (pb_str_is(c->value->u.name.text, "approve")) return TIER_APPROVE;
    return pb_str_is(c->value->u.name.text, "manual") ? TIER_MANUAL : TIER_AUTO;
}

static void gen_playbook(cg *g, const ast_decl *d) {
    const ast_stmt *rest = d->body;
    while (rest && rest->kind == STMT_WHERE) rest = rest->next;
    iw_playbook_info p = {.name = d->name.parts[0].text, .effect = d->inferred, .tier = tier_of(d)};
    p.version = clause_text(d, "version");
    p.summary = clause_text(d, "summary");
    p.owner = clause_text(d, "owner");
    p.controls = clause_list(g, d, "controls");
    p.event = d->event_decl->index;
    p.match = gen_match(g, d, rest);
    p.body = gen_body(g, d, rest);
    p.source = cg_source(g, d->span.file);
    gen_bounds(g, d, &p);
    iw_playbook(g->w, &p);
}

/* ---- the program ---- */

static void gen_playbooks(cg *g) {
    for (const ast_file *f = g->program->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d && iw_fault_of(g->w) == IW_OK; d = d->next)
            if (d->kind == DECL_PLAYBOOK && (g->tested ? g->tested == d : !cg_for_tests(g, d))) gen_playbook(g, d);
}

static void gen_guards(cg *g) {
    for (uint32_t i = 0; i < g->nnodes; i++) {
        const cg_node *n = g->nodes[i];
        if (n->part == PART_GUARD && iw_fault_of(g->w) == IW_OK) gen_guard_record(g, n->decl);
    }
}

typedef struct setting_place {
    pb_str section, name, key; /* name.s NULL: none */
} setting_place;

/* A list is one row an item; durations are milliseconds (image.def). */
static void gen_setting(cg *g, const setting_place *at, const ast_expr *e) {
    pb_str text = {NULL, 0};
    switch (e->kind) {
    case EXPR_LIST:
        for (const ast_arg *a = e->u.list; a; a = a->next) gen_setting(g, at, a->value);
        return;
    case EXPR_STRING: text = e->u.string.s ? e->u.string : PB_STR(""); break;
    case EXPR_BOOL: text = e->u.boolean ? PB_STR("true") : PB_STR("false"); break;
    case EXPR_INT:
    case EXPR_DURATION: text = pb_printf(g->arena, "%lld", (long long)e->u.integer); break;
    default: break;
    }
    iw_site_setting(g->w, at->section, at->name, at->key, text, text.s || !e->param ? IMAGE_NIL : e->param->index);
}

static void gen_entry(cg *g, const ast_clause *c) {
    setting_place at = {c->name.text, {NULL, 0}, PB_STR("")};
    const ast_expr *map = c->value2 ? c->value2 : c->value;
    if (c->value2) at.name = c->value->u.string;
    if (map->kind != EXPR_MAP) {
        gen_setting(g, &at, map);
        return;
    }
    for (const ast_arg *a = map->u.map; a; a = a->next) {
        at.key = a->name.text;
        gen_setting(g, &at, a->value);
    }
}

/* The site's entries; their parameters have been reached and made. */
static void gen_settings(cg *g) {
    const ast_decl *d = cg_site(g);
    for (const ast_clause *c = d ? d->clauses : NULL; c; c = c->next) gen_entry(g, c);
}

static void gen_node(cg *g, const cg_node *n) {
    switch (n->part) {
    case PART_WHOLE: gen_function(g, n->decl); break;
    case PART_UNDO: gen_undo(g, n->decl); break;
    case PART_GUARD: gen_guard(g, n->decl); break;
    }
}

/* Functions are numbered before they are made; what CALL and SITES hold must fit. */
static bool gen_all(cg *g) {
    cg_reach(g);
    if (g->failed) return false;
    if (g->nnodes > CG_MAX_INDEX || g->nparams > CG_MAX_INDEX) {
        cg_limit(g, DIAG_LIMIT_TABLE, g->span, "the program reaches more than %d functions, actions or parameters",
                 CG_MAX_INDEX);
        return false;
    }
    for (uint32_t i = 0; i < g->nevents; i++) gen_event(g, g->events[i]);
    for (uint32_t i = 0; i < g->nparams; i++) gen_param(g, g->params[i]);
    for (uint32_t i = 0; i < g->nnodes && iw_fault_of(g->w) == IW_OK; i++) gen_node(g, g->nodes[i]);
    gen_playbooks(g);
    gen_guards(g);
    cg_tests(g);
    for (const cg_host *h = g->hosts; h; h = h->next) iw_manifest(g->w, h->name, h->effect);
    gen_settings(g);
    return !g->failed;
}

static bool program(ast_program *p, diag_list *diags, const ast_decl *tested, const ast_decl *site, pb_buf *image) {
    cg g = {.program = p, .diags = diags, .arena = p->arena, .tested = tested, .site = site};
    if (tested) g.only = tested->name.parts[0].text;
    g.w = iw_new(p->arena);
    g.source_of = pb_alloc_array(p->arena, (size_t)p->sources->count + 1, sizeof *g.source_of);
    if (!g.w || !g.source_of) return false;
    cg_forget(p);
    if (!gen_all(&g)) return false;
    iw_fault fault = iw_finish(g.w, image);
    if (fault == IW_TOO_LARGE)
        cg_limit(&g, DIAG_LIMIT_IMAGE, g.span, "the program is larger than %d MiB", IMAGE_MAX_SIZE >> 20);
    return fault == IW_OK && !pb_arena_failed(p->arena);
}

bool codegen_program(ast_program *p, diag_list *diags, pb_buf *image) { return program(p, diags, NULL, NULL, image); }

bool codegen_tests(ast_program *p, diag_list *diags, const ast_decl *playbook, const ast_decl *site, pb_buf *image) {
    return program(p, diags, playbook, site, image);
}
