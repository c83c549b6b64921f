/*
 * resolve.c - which declaration a name means in which file.
 *
 * A file sees the standard library, its own declarations and those of the files it imports, all in one flat namespace:
 * nothing hides anything, a name that is visible twice is an error. So there is one table for the standard library and
 * one small table a file. Files that were given together do not see each other, only their playbooks' names must
 * differ. Events, types, playbooks and everything that has a value (parameters, functions, actions) are told apart by
 * where they stand, so they may share a name.
 */
#include "lang/check.h"

static uint32_t hash(name_class cls, pb_str s) { /* FNV-1a */
    uint32_t h = 2166136261u ^ (uint32_t)cls;
    for (uint32_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.s[i]) * 16777619u;
    return h ^ h >> 15;
}

static bool table_init(checker *c, name_table *t, size_t count) {
    uint32_t size = 16;
    while (size < count && size < 1u << 24) size *= 2;
    t->mask = size - 1;
    t->buckets = pb_alloc_array(c->arena, size, sizeof *t->buckets);
    return t->buckets != NULL;
}

static decl_info *table_find(const name_table *t, name_class cls, pb_str name) {
    for (name_slot *s = t->buckets[hash(cls, name) & t->mask]; s; s = s->next)
        if (s->info->cls == cls && pb_str_eq(s->info->name, name)) return s->info;
    return NULL;
}

static bool table_add(checker *c, name_table *t, decl_info *d) {
    name_slot *s = pb_alloc(c->arena, sizeof *s);
    if (!s) return false;
    s->info = d;
    name_slot **bucket = &t->buckets[hash(d->cls, d->name) & t->mask];
    s->next = *bucket;
    *bucket = s;
    return true;
}

decl_info *resolve_name(checker *c, const file_env *f, name_class cls, pb_str name) {
    if (cls == NAMES_PLAYBOOK || cls == NAMES_GUARD) return table_find(&c->playbooks, cls, name);
    decl_info *d = table_find(&f->names, cls, name);
    return d ? d : table_find(&c->builtins, cls, name);
}

static void table_offer(const name_table *t, name_class cls, nearest *n) {
    for (uint32_t i = 0; i <= t->mask; i++)
        for (name_slot *s = t->buckets[i]; s; s = s->next)
            if (s->info->cls == cls) nearest_offer(n, s->info->name);
}
void resolve_offer(checker *c, const file_env *f, name_class cls, nearest *n) {
    table_offer(&f->names, cls, n);
    table_offer(&c->builtins, cls, n);
}

void resolve_offer_playbooks(checker *c, nearest *n) { table_offer(&c->playbooks, NAMES_PLAYBOOK, n); }

static bool table_has_namespace(const name_table *t, pb_str first) {
    for (uint32_t i = 0; i <= t->mask; i++)
        for (name_slot *s = t->buckets[i]; s; s = s->next) {
            pb_str name = s->info->name;
            if (s->info->cls == NAMES_VALUE && name.n > first.n && name.s[first.n] == '.' &&
                memcmp(name.s, first.s, first.n) == 0)
                return true;
        }
    return false;
}
bool resolve_is_namespace(checker *c, const file_env *f, pb_str first) {
    return first.n && (table_has_namespace(&f->names, first) || table_has_namespace(&c->builtins, first));
}

bool resolve_is_builtin(pb_str name) {
    static const struct {
        const char *name, *receiver;
    } rows[] = {
#define BUILTIN(id, name, receiver, params, result, text) {name, receiver},
#include "lang/builtins.def"
#undef BUILTIN
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!*rows[i].receiver && pb_str_is(name, rows[i].name)) return true;
    return false;
}

/* ---- collecting ---- */

static name_class class_of(const ast_decl *d) {
    switch (d->kind) {
    case DECL_PARAM:
    case DECL_FN:
    case DECL_ACTION: return NAMES_VALUE;
    case DECL_TYPE: return NAMES_TYPE;
    case DECL_EVENT: return NAMES_EVENT;
    case DECL_PLAYBOOK: return NAMES_PLAYBOOK;
    case DECL_GUARD: return NAMES_GUARD;
    default: return NAMES_NONE; /* import, site, test */
    }
}

static bool collect_decl(checker *c, file_env *f, ast_decl *decl) {
    decl_info *d = pb_alloc(c->arena, sizeof *d);
    if (!d) return false;
    d->decl = decl, d->file = f, d->cls = class_of(decl);
    if (d->cls != NAMES_NONE) {
        d->name = check_path_text(c, &decl->name);
        if (!d->name.s) return false;
    }
    if (f->last)
        f->last->next = d;
    else
        f->decls = d;
    f->last = d;
    f->count++;
    return true;
}

static bool is_testing(const source_file *f) {
    static const char library[] = "<stdlib>/testing/";
    return f->builtin ? f->path.n > sizeof library && memcmp(f->path.s, library, sizeof library - 1) == 0
                      : source_is_test(f);
}

static bool collect_files(checker *c) {
    for (ast_file *a = c->program->files; a; a = a->next) c->nfiles++;
    c->files = pb_alloc_array(c->arena, c->nfiles, sizeof *c->files);
    if (!c->files) return false;
    file_env *f = c->files;
    for (ast_file *a = c->program->files; a; a = a->next, f++) {
        const source_set *set = c->program->sources;
        f->ast = a;
        f->builtin = set && a->file < set->count && set->files[a->file].builtin;
        f->testing = set && a->file < set->count && is_testing(&set->files[a->file]);
        for (ast_decl *d = a->decls; d; d = d->next)
            if (!collect_decl(c, f, d)) return false;
    }
    return true;
}

/* ---- tables, and what is declared twice ---- */

static void say_twice(checker *c, pb_span at, const decl_info *d, const decl_info *first) {
    const char *where = first->file->builtin ? "the standard library has it" : "first declared here";
    diag *m = diag_add(c->diags, DIAG_DUPLICATE_NAME, at, "`%.*s` is declared twice", PB_ARG(d->name));
    check_also(m, first->decl->name.span, where);
    check_hint(c, m,
               first->file->builtin ? "choose another name: what is in the standard library cannot be replaced"
                                    : "rename one of them");
}

static bool is_reserved(const decl_info *d) {
    static const char *const names[] = {"run", "error", "aws"};
    static const char *const types[] = {"bool", "int",  "float", "string", "bytes", "duration", "time",
                                        "ip",   "cidr", "arn",   "list",   "map",   "json",     "secret"};
    if (d->cls == NAMES_TYPE) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (pb_str_is(d->name, types[i])) return true;
    }
    pb_str first = d->decl->name.n ? d->decl->name.parts[0].text : d->name;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (d->cls == NAMES_VALUE && pb_str_is(first, names[i])) return true;
    return d->cls == NAMES_VALUE && resolve_is_builtin(d->name);
}

/* Puts a declaration where it is visible, unless its name is taken there. `at`: the place to complain about. */
static bool enter(checker *c, name_table *t, decl_info *d, pb_span at) {
    decl_info *first = table_find(t, d->cls, d->name);
    if (!first && t != &c->builtins) first = table_find(&c->builtins, d->cls, d->name);
    if (!first) return table_add(c, t, d);
    if (first != d) say_twice(c, at, d, first);
    return true;
}

static bool enter_own(checker *c, file_env *f) {
    for (decl_info *d = f->decls; d; d = d->next) {
        if (d->cls == NAMES_NONE) continue;
        pb_span at = d->decl->name.span;
        if (is_reserved(d)) {
            diag *m =
                diag_add(c->diags, DIAG_RESERVED_NAME, at, "`%.*s` is a name of the language itself", PB_ARG(d->name));
            check_hint(c, m, "choose another name");
        }
        name_table *t = d->cls == NAMES_PLAYBOOK || d->cls == NAMES_GUARD ? &c->playbooks : f->builtin ? &c->builtins : &f->names;
        if (!enter(c, t, d, at)) return false;
    }
    return true;
}

static file_env *file_of(checker *c, const ast_file *ast) {
    for (uint32_t i = 0; ast && i < c->nfiles; i++)
        if (c->files[i].ast == ast) return &c->files[i];
    return NULL;
}

static bool enter_imports(checker *c, file_env *f) {
    for (const ast_import *i = f->ast->imports; i; i = i->next) {
        file_env *from = file_of(c, i->target);
        if (!from || from == f || from->builtin) continue;
        for (decl_info *d = from->decls; d; d = d->next)
            if (d->cls < NAMES_PLAYBOOK && !enter(c, &f->names, d, i->decl->span))
                return false;
    }
    return true;
}

static size_t visible_count(checker *c, const file_env *f) {
    size_t n = f->count;
    for (const ast_import *i = f->ast->imports; i; i = i->next) {
        file_env *from = file_of(c, i->target);
        if (from) n += from->count;
    }
    return n;
}

static bool make_tables(checker *c) {
    size_t all = 0, builtin = 0;
    for (uint32_t i = 0; i < c->nfiles; i++) {
        file_env *f = &c->files[i];
        all += f->count;
        if (f->builtin) builtin += f->count;
        if (!table_init(c, &f->names, f->builtin ? 0 : visible_count(c, f))) return false;
    }
    return table_init(c, &c->builtins, builtin) && table_init(c, &c->playbooks, all);
}

bool resolve_all(checker *c) {
    if (!collect_files(c) || !make_tables(c)) return false;
    for (int builtin = 1; builtin >= 0; builtin--)
        for (uint32_t i = 0; i < c->nfiles; i++)
            if (c->files[i].builtin == (builtin == 1) && !enter_own(c, &c->files[i])) return false;
    for (uint32_t i = 0; i < c->nfiles; i++)
        if (!enter_imports(c, &c->files[i])) return false;
    return true;
}
