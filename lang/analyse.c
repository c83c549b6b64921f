/*
 * analyse.c - the table of passes behind the checker, and what they share.
 *
 * The passes look for what is well typed and still wrong. They run in the order of the table, each over all of the
 * user's files; only errors of the checker keep them from running, not each other's findings. Before the first one,
 * each `let` of a pure expression is noted at its name (ast_local.init), so that `key.userName` and
 * `f.resource.accessKeyDetails.userName` are known to be one value.
 */
#include "lang/analyse.h"

#include "lang/ast_walk.h"

enum { ALIAS_MAX = 32, SAME_MAX = 64 }; /* lets behind one another; levels of two expressions that are compared */

static void (*const passes[])(checker *c) = {
    lint_conditions, lint_types, lint_unused, lint_places, analyse_taint, analyse_evidence, analyse_overlap,
};

/* ---- expressions ---- */

static bool is_pure_here(void *ctx, const ast_expr *e) {
    bool *pure = ctx;
    if (e->kind == EXPR_CALL && e->u.call.kind != CALL_FN && e->u.call.kind != CALL_BUILTIN) *pure = false;
    return *pure;
}

bool analyse_is_pure(const ast_expr *e) {
    bool pure = true;
    ast_each_expr(e, is_pure_here, &pure);
    return pure;
}

const ast_expr *analyse_resolve(const ast_expr *e) {
    for (int i = 0; i < ALIAS_MAX && e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL && e->local && e->local->init;
         i++)
        e = e->local->init;
    return e;
}

static bool same(const ast_expr *a, const ast_expr *b, int depth);

static bool same_args(const ast_arg *a, const ast_arg *b, int depth) {
    for (; a && b; a = a->next, b = b->next)
        if (!pb_str_eq(a->name.text, b->name.text) || !same(a->value, b->value, depth)) return false;
    return !a && !b;
}

static bool same_call(const ast_expr *a, const ast_expr *b, int depth) {
    if (a->u.call.kind != b->u.call.kind || a->u.call.nresolved != b->u.call.nresolved) return false;
    if (a->u.call.kind == CALL_BUILTIN ? a->u.call.builtin != b->u.call.builtin
                                       : a->u.call.kind != CALL_FN || a->u.call.decl != b->u.call.decl)
        return false;
    for (uint32_t i = 0; i < a->u.call.nresolved; i++) {
        const ast_expr *x = a->u.call.resolved[i], *y = b->u.call.resolved[i];
        if (x != y && (!x || !y || !same(x, y, depth))) return false;
    }
    return true;
}

static bool same_name(const ast_expr *a, const ast_expr *b) {
    if (a->name_kind != b->name_kind) return false;
    switch (a->name_kind) {
    case NAME_LOCAL:
        return a->local && b->local && (a->local == b->local || (a->local->is_event && b->local->is_event));
    case NAME_PARAM: return a->param == b->param;
    case NAME_RUN: return true;
    case NAME_UNRESOLVED: break;
    }
    return false;
}

static bool same_number(double a, double b) { return !(a < b) && !(a > b); }

static bool same(const ast_expr *a, const ast_expr *b, int depth) {
    if (depth > SAME_MAX) return false;
    a = analyse_resolve(a), b = analyse_resolve(b);
    depth++;
    if (a == b) return analyse_is_pure(a);
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case EXPR_NONE: return true;
    case EXPR_BOOL: return a->u.boolean == b->u.boolean;
    case EXPR_INT:
    case EXPR_DURATION: return a->u.integer == b->u.integer;
    case EXPR_FLOAT: return same_number(a->u.number, b->u.number);
    case EXPR_STRING: return pb_str_eq(a->u.string, b->u.string);
    case EXPR_INTERP:
    case EXPR_LIST: return same_args(a->u.list, b->u.list, depth);
    case EXPR_MAP: return same_args(a->u.map, b->u.map, depth);
    case EXPR_NAME: return same_name(a, b);
    case EXPR_FIELD:
        return pb_str_eq(a->u.field.name.text, b->u.field.name.text) && same(a->u.field.of, b->u.field.of, depth);
    case EXPR_INDEX:
        return same(a->u.binary.left, b->u.binary.left, depth) && same(a->u.binary.right, b->u.binary.right, depth);
    case EXPR_BINARY:
        return a->op == b->op && same(a->u.binary.left, b->u.binary.left, depth) &&
               same(a->u.binary.right, b->u.binary.right, depth);
    case EXPR_NOT:
    case EXPR_NEG:
    case EXPR_EXISTS: return same(a->u.unary, b->u.unary, depth);
    case EXPR_CALL: return same_call(a, b, depth);
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL: /* each binds a name of its own */
    case EXPR_AS: return false;
    }
    return false;
}

bool analyse_same(const ast_expr *a, const ast_expr *b) { return same(a, b, 0); }

bool analyse_is_event_path(const ast_expr *e, pb_str path) {
    for (int i = 0; i < SAME_MAX; i++) {
        e = analyse_resolve(e);
        if (e->kind == EXPR_NAME) return !path.n && e->name_kind == NAME_LOCAL && e->local && e->local->is_event;
        if (e->kind != EXPR_FIELD) return false;
        pb_str field = e->u.field.name.text;
        if (path.n < field.n || memcmp(path.s + path.n - field.n, field.s, field.n) != 0) return false;
        path.n -= field.n;
        if (path.n && path.s[--path.n] != '.') return false;
        e = e->u.field.of;
    }
    return false;
}

/* ---- statements ---- */

bool analyse_leaves(const ast_stmt *s) {
    for (; s; s = s->next) {
        switch (s->kind) {
        case STMT_STOP:
        case STMT_FAIL:
        case STMT_RETURN: return true;
        case STMT_IF:
            if (s->has_else && analyse_leaves(s->body) && analyse_leaves(s->other)) return true;
            break;
        case STMT_IN_ACCOUNT:
            if (analyse_leaves(s->body)) return true;
            break;
        default: break;
        }
    }
    return false;
}

/* ---- declarations ---- */

decl_info *analyse_next(const checker *c, decl_info *d, ast_decl_kind kind) {
    uint32_t file = 0;
    if (d) {
        file = (uint32_t)(d->file - c->files);
        d = d->next;
    } else if (c->nfiles && !c->files[0].builtin) {
        d = c->files[0].decls;
    }
    for (;;) {
        for (; d; d = d->next)
            if (d->decl->kind == kind) return d;
        do {
            if (++file >= c->nfiles) return NULL;
        } while (c->files[file].builtin);
        d = c->files[file].decls;
    }
}

pb_str analyse_decl_name(pb_arena *a, const ast_decl *d) {
    pb_str s = d->name.n ? d->name.parts[0].text : (pb_str){NULL, 0};
    for (uint32_t i = 1; i < d->name.n; i++) s = pb_printf(a, "%.*s.%.*s", PB_ARG(s), PB_ARG(d->name.parts[i].text));
    return s;
}

const ast_clause *analyse_clause(const ast_decl *d, const char *name) {
    for (const ast_clause *cl = d->clauses; cl; cl = cl->next)
        if (pb_str_is(cl->name.text, name)) return cl;
    return NULL;
}

pb_str analyse_clause_text(const ast_decl *d, const char *name) {
    const ast_clause *cl = analyse_clause(d, name);
    return cl && cl->value && cl->value->kind == EXPR_STRING ? cl->value->u.string : (pb_str){NULL, 0};
}

bool analyse_clause_has(const ast_decl *d, const char *name, const char *text) {
    const ast_clause *cl = analyse_clause(d, name);
    if (!cl || !cl->value) return false;
    if (cl->value->kind == EXPR_STRING) return pb_str_is(cl->value->u.string, text);
    if (cl->value->kind != EXPR_LIST) return false;
    for (const ast_arg *a = cl->value->u.list; a; a = a->next)
        if (a->value->kind == EXPR_STRING && pb_str_is(a->value->u.string, text)) return true;
    return false;
}

/* ---- the driver ---- */

static void note_lets(ast_stmt *s) {
    for (; s; s = s->next) {
        if (s->kind == STMT_LET && s->local && s->expr && analyse_is_pure(s->expr)) s->local->init = s->expr;
        note_lets(s->body);
        note_lets(s->other);
        note_lets(s->third);
    }
}

static void note_names(checker *c) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (decl_info *d = c->files[i].decls; d; d = d->next) {
            note_lets(d->decl->body);
            if (d->decl->kind == DECL_PLAYBOOK && d->decl->event_local) d->decl->event_local->is_event = true;
        }
}

void analyse_program(checker *c) {
    note_names(c);
    for (size_t i = 0; i < sizeof passes / sizeof *passes && !pb_arena_failed(c->arena); i++) passes[i](c);
}
