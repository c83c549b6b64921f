/*
 * lint_unused.c - what is declared and never used.
 *
 * What nobody uses is either a mistake (the wrong name was used) or left over. Looked for are deployment parameters,
 * and functions, actions and record types of files that have playbooks: a file without one is a library, whose users
 * may be elsewhere. Further: parameters of functions and actions, results that are named and not looked at, and imports
 * of which nothing is used. A name that begins with `_` says that it is meant.
 */
#include "lang/analyse.h"

#include "lang/ast_walk.h"

typedef struct use { /* a declaration that a file uses */
    struct use *next;
    const ast_decl *decl;
} use;

typedef struct unused {
    checker *c;
    file_env *file;
    use **buckets; /* of this file */
    uint32_t mask;
    use **all; /* of all files */
    uint32_t all_mask;
} unused;

static uint32_t hash(const void *p) { return (uint32_t)(((uintptr_t)p >> 4) * 2654435761u); }

static bool has(use *const *buckets, uint32_t mask, const ast_decl *d) {
    for (const use *u = buckets[hash(d) & mask]; u; u = u->next)
        if (u->decl == d) return true;
    return false;
}

static void put(unused *k, use **buckets, uint32_t mask, const ast_decl *d) {
    if (has(buckets, mask, d)) return;
    use *u = pb_alloc(k->c->arena, sizeof *u);
    if (!u) return;
    *u = (use){buckets[hash(d) & mask], d};
    buckets[hash(d) & mask] = u;
}

static void note(unused *k, const ast_decl *d) {
    if (!d) return;
    put(k, k->buckets, k->mask, d);
    put(k, k->all, k->all_mask, d);
}

/* ---- what a file uses ---- */

static void note_type(unused *k, const ast_type *t) {
    for (; t; t = t->elem) {
        if (t->kind == AST_TYPE_NAME) {
            decl_info *d = resolve_name(k->c, k->file, NAMES_TYPE, check_path_text(k->c, &t->name));
            if (d) note(k, d->decl);
        }
        for (const ast_field *f = t->fields; f; f = f->next) note_type(k, f->type);
    }
}

static bool note_expr(void *ctx, const ast_expr *e) {
    unused *k = ctx;
    if (e->kind == EXPR_NAME && e->name_kind == NAME_PARAM) note(k, e->param);
    if (e->kind == EXPR_CALL) note(k, e->u.call.decl);
    if (e->kind == EXPR_AS) note_type(k, e->u.as.type);
    return true;
}

static void note_stmts(unused *k, const ast_stmt *s) {
    for (; s; s = s->next) {
        ast_each_in_stmt(s, false, note_expr, k);
        note_type(k, s->type);
        note_stmts(k, s->body);
        note_stmts(k, s->other);
        note_stmts(k, s->third);
    }
}

static void note_args(unused *k, const ast_arg *a) {
    for (; a; a = a->next) ast_each_expr(a->value, note_expr, k);
}

static void note_decl(unused *k, const ast_decl *d) {
    note(k, d->event_decl);
    note_type(k, d->type);
    ast_each_expr(d->expr, note_expr, k);
    for (const ast_field *p = d->params; p; p = p->next) {
        note_type(k, p->type);
        ast_each_expr(p->init, note_expr, k);
    }
    for (const ast_clause *cl = d->clauses; cl; cl = cl->next) {
        note_type(k, cl->type);
        ast_each_expr(cl->value, note_expr, k);
        ast_each_expr(cl->value2, note_expr, k);
        note_args(k, cl->entries);
        note_stmts(k, cl->body);
    }
    note_stmts(k, d->body);
    note_stmts(k, d->undo);
}

/* ---- messages ---- */

static bool is_meant(pb_str name) { return !name.n || name.s[0] == '_'; }

static void say_decl(checker *c, const decl_info *d, diag_code code, const char *what, const char *cure) {
    diag *m = diag_add(c->diags, code, d->decl->name.span, "%s `%.*s` is never used", what, PB_ARG(d->name));
    check_hint(c, m, "%s", cure);
}

static void check_decl(unused *k, const decl_info *d, bool leaf) {
    checker *c = k->c;
    if (has(k->all, k->all_mask, d->decl) || is_meant(d->name)) return;
    switch (d->decl->kind) {
    case DECL_PARAM:
        if (leaf)
            say_decl(c, d, DIAG_UNUSED_PARAM, "deployment parameter",
                     "leave it out: whoever deploys this would set it for nothing");
        break;
    case DECL_FN:
        if (leaf) say_decl(c, d, DIAG_UNUSED_DECL, "function", "leave it out, or move it to a file that others import");
        break;
    case DECL_ACTION:
        if (leaf) say_decl(c, d, DIAG_UNUSED_DECL, "action", "leave it out, or move it to a file that others import");
        break;
    case DECL_TYPE:
        if (leaf) say_decl(c, d, DIAG_UNUSED_DECL, "type", "leave it out, or move it to a file that others import");
        break;
    default: break;
    }
}

static void check_arguments(checker *c, const decl_info *d) {
    if (d->decl->is_extern || (d->decl->kind != DECL_FN && d->decl->kind != DECL_ACTION)) return;
    for (const ast_field *p = d->decl->params; p; p = p->next) {
        if (!p->local || p->local->uses || is_meant(p->name.text)) continue;
        diag *m = diag_add(c->diags, DIAG_UNUSED_ARGUMENT, p->name.span, "`%.*s` never uses its parameter `%.*s`",
                           PB_ARG(d->name), PB_ARG(p->name.text));
        check_hint(c, m, "leave it out, or call it `_%.*s`", PB_ARG(p->name.text));
    }
}

static void check_results(checker *c, const ast_stmt *s) {
    for (; s; s = s->next) {
        if (s->kind == STMT_DO && s->name.text.s && s->local && !s->local->uses && !is_meant(s->name.text)) {
            diag *m = diag_add(c->diags, DIAG_UNUSED_RESULT, s->name.span, "the result `%.*s` is never used",
                               PB_ARG(s->name.text));
            check_hint(c, m, "leave `as %.*s` out, or call it `_%.*s`", PB_ARG(s->name.text), PB_ARG(s->name.text));
            diag_fix(c->diags, m, s->name.span, "_%.*s", PB_ARG(s->name.text));
        }
        check_results(c, s->body);
        check_results(c, s->other);
        check_results(c, s->third);
    }
}

/* A site, guards, tests and playbooks are there without being named. */
static bool is_imported_for_itself(const file_env *f) {
    for (const decl_info *d = f->decls; d; d = d->next)
        if (d->decl->kind == DECL_SITE || d->decl->kind == DECL_GUARD || d->decl->kind == DECL_PLAYBOOK ||
            d->decl->kind == DECL_TEST)
            return true;
    return !f->decls;
}

static const file_env *env_of(const checker *c, const ast_file *ast) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        if (c->files[i].ast == ast) return &c->files[i];
    return NULL;
}

static void check_imports(unused *k) {
    checker *c = k->c;
    for (const ast_import *i = k->file->ast->imports; i; i = i->next) {
        const file_env *target = i->target ? env_of(c, i->target) : NULL;
        bool used = !target || is_imported_for_itself(target);
        for (const decl_info *d = target ? target->decls : NULL; d && !used; d = d->next)
            used = has(k->buckets, k->mask, d->decl);
        if (used) continue;
        diag *m =
            diag_add(c->diags, DIAG_UNUSED_IMPORT, i->decl->span, "nothing of `%.*s` is used", PB_ARG(i->decl->string));
        check_hint(c, m, "leave the import out");
        diag_fix(c->diags, m, i->decl->span, "%s", "");
    }
}

/* ---- all files ---- */

static bool start_file(unused *k, uint32_t i) {
    k->file = &k->c->files[i];
    k->mask = 63;
    k->buckets = pb_alloc_array(k->c->arena, k->mask + 1, sizeof *k->buckets);
    return k->buckets != NULL;
}

static bool is_leaf(const file_env *f) {
    for (const decl_info *d = f->decls; d; d = d->next)
        if (d->decl->kind == DECL_PLAYBOOK) return true;
    return false;
}

void lint_unused(checker *c) {
    unused k = {.c = c, .all_mask = 4095};
    k.all = pb_alloc_array(c->arena, k.all_mask + 1, sizeof *k.all);
    if (!k.all) return;
    for (uint32_t i = 0; i < c->nfiles; i++) {
        if (c->files[i].builtin || !start_file(&k, i)) continue;
        for (const decl_info *d = k.file->decls; d; d = d->next) note_decl(&k, d->decl);
        check_imports(&k);
    }
    for (uint32_t i = 0; i < c->nfiles; i++) {
        bool leaf = !c->files[i].builtin && is_leaf(&c->files[i]);
        for (const decl_info *d = c->files[i].builtin ? NULL : c->files[i].decls; d; d = d->next) {
            check_decl(&k, d, leaf);
            check_arguments(c, d);
            check_results(c, d->decl->body);
            check_results(c, d->decl->undo);
        }
    }
}
