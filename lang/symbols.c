/*
 * symbols.c - goes through a checked file once and notes each name.
 *
 * What a name means was decided by the checker and stands in the tree; here it is only put into one list, so that the
 * questions of an editor (what is this, where else is it) are all questions to that list.
 */
#include "lang/symbols.h"

#include "lang/source.h"

static symbol *add(symbols *s, symbol_kind kind, pb_span span, pb_str name) {
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 64;
        symbol *more = pb_alloc_array(s->arena, cap, sizeof *more);
        if (!more) {
            s->failed = true;
            return NULL;
        }
        if (s->n) memcpy(more, s->list, s->n * sizeof *more);
        s->list = more;
        s->cap = cap;
    }
    s->list[s->n] = (symbol){.span = span, .kind = kind, .name = name};
    return &s->list[s->n++];
}

static void add_local(symbols *s, ast_name name, ast_local *l, bool defines) {
    if (!name.text.s || !l) return;
    symbol *y = add(s, SYMBOL_LOCAL, name.span, name.text);
    if (!y) return;
    y->local = l;
    y->type = l->type;
    y->defines = defines;
}

static void add_decl(symbols *s, pb_span span, pb_str name, const ast_decl *d, bool defines) {
    symbol *y = d ? add(s, SYMBOL_DECL, span, name) : NULL;
    if (!y) return;
    y->decl = d;
    y->defines = defines;
    y->type = d->ty;
}

static pb_str path_text(symbols *s, const ast_path *p) {
    pb_str t = {"", 0};
    for (uint32_t i = 0; i < p->n; i++) t = pb_printf(s->arena, "%.*s%s%.*s", PB_ARG(t), i ? "." : "", PB_ARG(p->parts[i].text));
    if (!t.s) s->failed = true;
    return t.s ? t : (pb_str){"", 0};
}

/* ---- declarations by name ---- */

static bool named(const ast_decl *d, pb_str name) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < d->name.n; i++) {
        pb_str part = d->name.parts[i].text;
        if (i && (at >= name.n || name.s[at++] != '.')) return false;
        if (name.n - at < part.n || memcmp(name.s + at, part.s, part.n) != 0) return false;
        at += part.n;
    }
    return at == name.n && d->name.n;
}

static const ast_decl *find_in(const ast_file *f, ast_decl_kind kind, pb_str name) {
    for (const ast_decl *d = f ? f->decls : NULL; d; d = d->next)
        if (d->kind == kind && named(d, name)) return d;
    return NULL;
}

const ast_decl *symbols_find(const ast_program *p, const ast_file *f, ast_decl_kind kind, pb_str name) {
    const ast_decl *d = find_in(f, kind, name);
    for (const ast_import *i = f ? f->imports : NULL; i && !d; i = i->next) d = find_in(i->target, kind, name);
    for (const ast_file *b = p->files; b && !d; b = b->next)
        if (p->sources->files[b->file].builtin) d = find_in(b, kind, name);
    return d;
}

/* ---- types as written ---- */

static void types(symbols *s, const ast_type *t) {
    if (!t) return;
    if (t->kind == AST_TYPE_NAME) {
        pb_str name = path_text(s, &t->name);
        add_decl(s, t->name.span, name, symbols_find(s->program, s->file, DECL_TYPE, name), false);
    }
    types(s, t->elem);
    for (const ast_field *f = t->fields; f; f = f->next) types(s, f->type);
}

/* ---- expressions ---- */

static void exprs(symbols *s, const ast_expr *e);

static void args(symbols *s, const ast_arg *a) {
    for (; a; a = a->next) exprs(s, a->value);
}

/* The i-th name of a callee a.b.c. */
static const ast_name *callee_part(const ast_expr *callee, uint32_t from_end) {
    while (from_end-- && callee->kind == EXPR_FIELD) callee = callee->u.field.of;
    return callee->kind == EXPR_FIELD ? &callee->u.field.name : callee->kind == EXPR_NAME ? &callee->u.name : NULL;
}

static void aws_call(symbols *s, const ast_expr *e) {
    const ast_name *operation = callee_part(e->u.call.callee, 0), *service = callee_part(e->u.call.callee, 1);
    symbol *y = operation ? add(s, SYMBOL_OPERATION, operation->span, operation->text) : NULL;
    if (y) {
        y->aws = e->u.call.aws;
        y->type = e->type;
        y->effect = e->u.call.effect;
    }
    if (service) add(s, SYMBOL_SERVICE, service->span, service->text);
    for (const ast_arg *a = e->u.call.args; a; a = a->next) {
        y = a->name.text.s ? add(s, SYMBOL_ARGUMENT, a->name.span, a->name.text) : NULL;
        if (y) y->aws = e->u.call.aws, y->type = a->value ? a->value->type : NULL;
    }
}

static void argument_names(symbols *s, const ast_expr *e) {
    for (const ast_arg *a = e->u.call.args; a; a = a->next)
        for (const ast_field *f = a->name.text.s ? e->u.call.decl->params : NULL; f; f = f->next)
            if (pb_str_eq(f->name.text, a->name.text)) add_local(s, a->name, f->local, false);
}

static void call(symbols *s, const ast_expr *e) {
    const ast_expr *callee = e->u.call.callee;
    switch (e->u.call.kind) {
    case CALL_FN:
    case CALL_ACTION:
    case CALL_HOST: {
        add_decl(s, callee->span, path_text(s, &e->u.call.decl->name), e->u.call.decl, false);
        if (s->n) s->list[s->n - 1].effect = e->u.call.effect;
        argument_names(s, e);
        break;
    }
    case CALL_AWS: aws_call(s, e); break;
    case CALL_BUILTIN: {
        const ast_name *name = callee_part(callee, 0);
        symbol *y = name ? add(s, SYMBOL_BUILTIN, name->span, name->text) : NULL;
        if (y) y->builtin = e->u.call.builtin, y->type = e->type;
        if (callee->kind == EXPR_FIELD) exprs(s, callee->u.field.of);
        break;
    }
    case CALL_UNRESOLVED: break;
    }
    args(s, e->u.call.args);
}

static void name(symbols *s, const ast_expr *e) {
    if (e->name_kind == NAME_LOCAL) {
        add_local(s, e->u.name, e->local, false);
        if (s->n && e->type) s->list[s->n - 1].type = e->type; /* narrowed there, perhaps */
    } else if (e->name_kind == NAME_PARAM) {
        add_decl(s, e->span, e->u.name.text, e->param, false);
    } else if (e->name_kind == NAME_RUN) {
        symbol *y = add(s, SYMBOL_RUN, e->span, e->u.name.text);
        if (y) y->type = e->type;
    }
}

static void field(symbols *s, const ast_expr *e) {
    symbol *y = add(s, SYMBOL_FIELD, e->u.field.name.span, e->u.field.name.text);
    if (y) {
        y->type = e->type;
        y->owner = e->u.field.of->type;
    }
    exprs(s, e->u.field.of);
}

static void comprehension(symbols *s, const ast_expr *e) {
    add_local(s, e->u.comp.var, e->u.comp.local, true);
    exprs(s, e->u.comp.list);
    exprs(s, e->u.comp.value);
    exprs(s, e->u.comp.cond);
}

static void inner(symbols *s, const ast_expr *e) {
    switch (e->kind) {
    case EXPR_NAME: name(s, e); break;
    case EXPR_FIELD: field(s, e); break;
    case EXPR_INDEX:
    case EXPR_BINARY:
        exprs(s, e->u.binary.left);
        exprs(s, e->u.binary.right);
        break;
    case EXPR_CALL: call(s, e); break;
    case EXPR_LIST:
    case EXPR_INTERP: args(s, e->u.list); break;
    case EXPR_MAP: args(s, e->u.map); break;
    case EXPR_NOT:
    case EXPR_NEG:
    case EXPR_EXISTS: exprs(s, e->u.unary); break;
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL: comprehension(s, e); break;
    case EXPR_AS:
        exprs(s, e->u.as.value);
        types(s, e->u.as.type);
        break;
    case EXPR_NONE:
    case EXPR_BOOL:
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_DURATION:
    case EXPR_STRING: break;
    }
}

static void exprs(symbols *s, const ast_expr *e) {
    if (e) inner(s, e);
}

/* ---- statements and declarations ---- */

static void stmts(symbols *s, const ast_stmt *first) {
    for (const ast_stmt *t = first; t; t = t->next) {
        if (t->kind == STMT_LET || t->kind == STMT_DO || t->kind == STMT_FOR) add_local(s, t->name, t->local, true);
        types(s, t->type);
        exprs(s, t->expr);
        exprs(s, t->expr2);
        exprs(s, t->timeout);
        exprs(s, t->retry);
        args(s, t->clauses);
        stmts(s, t->body);
        stmts(s, t->other);
        stmts(s, t->third);
    }
}

static void decl(symbols *s, const ast_decl *d) {
    if (d->name.n && d->kind != DECL_TEST) add_decl(s, d->name.span, path_text(s, &d->name), d, true);
    if (d->kind == DECL_TEST && d->name.n) {
        pb_str of = d->name.parts[0].text;
        add_decl(s, d->name.parts[0].span, of, symbols_find(s->program, s->file, DECL_PLAYBOOK, of), false);
    }
    if (d->event.n) add_decl(s, d->event.span, path_text(s, &d->event), d->event_decl, false);
    if (d->event_local) add_local(s, d->event_as, d->event_local, true);
    types(s, d->type);
    for (const ast_field *f = d->params; f; f = f->next) {
        add_local(s, f->name, f->local, true);
        types(s, f->type);
        exprs(s, f->init);
    }
    exprs(s, d->expr);
    for (const ast_clause *c = d->clauses; c; c = c->next) {
        exprs(s, c->value);
        exprs(s, c->value2);
        types(s, c->type);
        args(s, c->entries);
        stmts(s, c->body);
    }
    stmts(s, d->body);
    stmts(s, d->undo);
}

bool symbols_of(const ast_program *p, const ast_file *f, pb_arena *a, symbols *out) {
    *out = (symbols){.arena = a, .program = p, .file = f};
    for (const ast_decl *d = f->decls; d && !out->failed; d = d->next) decl(out, d);
    return !out->failed;
}

/* ---- questions ---- */

const symbol *symbols_at(const symbols *s, uint32_t offset) {
    const symbol *best = NULL;
    for (uint32_t i = 0; i < s->n; i++) {
        const symbol *y = &s->list[i];
        if (offset < y->span.start || offset > y->span.end) continue;
        if (!best || y->span.end - y->span.start < best->span.end - best->span.start) best = y;
    }
    return best;
}

bool symbols_same(const symbol *a, const symbol *b) {
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case SYMBOL_LOCAL: return a->local == b->local;
    case SYMBOL_DECL: return a->decl == b->decl;
    case SYMBOL_OPERATION: return pb_str_eq(a->aws, b->aws);
    case SYMBOL_FIELD:
        return pb_str_eq(a->name, b->name) && a->owner && b->owner && type_base(a->owner) == type_base(b->owner);
    case SYMBOL_ARGUMENT: return pb_str_eq(a->name, b->name) && pb_str_eq(a->aws, b->aws);
    case SYMBOL_BUILTIN: return a->builtin == b->builtin;
    case SYMBOL_SERVICE: return pb_str_eq(a->name, b->name);
    case SYMBOL_RUN: return true;
    }
    return false;
}

pb_span symbols_definition(const symbol *s) {
    if (s->kind == SYMBOL_LOCAL) return s->local->name.span;
    if (s->kind == SYMBOL_DECL) return s->decl->name.span;
    return (pb_span){UINT32_MAX, 0, 0};
}
