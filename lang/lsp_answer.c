/*
 * lsp_answer.c - what is this, where is it from, where else is it, call it something else, lay it out, mend it.
 *
 * All from the file's list of names (symbols.c). References and renaming look through the whole workspace, so that a name
 * is changed everywhere or not at all; what the standard library or AWS has named cannot be renamed.
 */
#include "lang/lsp_own.h"

#include "lang/diag_list.h"
#include "lang/format.h"
#include "lang/source.h"

#include <stdio.h>

/* ---- what all begin with ---- */

typedef struct question {
    lsp_analysis a;
    symbols names;
    const symbol *at;
    uint32_t offset;
    bool ok;
} question;

static pb_str text_of(const lsp_analysis *a) { return a->program->sources->files[a->file->file].text; }

static question ask(lsp *l, lsp_document *d, json_object *params, bool all) {
    question q = {0};
    q.ok = lsp_analyse(l, d, all, NULL, &q.a) && q.a.file && q.a.checked && symbols_of(q.a.program, q.a.file, q.a.arena, &q.names);
    if (!q.ok) return q;
    q.offset = lsp_offset(l, text_of(&q.a), lsp_get(params, "position"));
    q.at = symbols_at(&q.names, q.offset);
    return q;
}

static void done(question *q) { lsp_analysis_free(&q->a); }

/* ---- hover ---- */

const lsp_builtin lsp_builtins[] = {
#define BUILTIN(name, spelling, receiver, parameters, result, doc) {spelling, receiver, parameters, result, doc},
#include "lang/builtins.def"
#undef BUILTIN
};
const size_t lsp_nbuiltins = sizeof lsp_builtins / sizeof *lsp_builtins;

/* What stands before the body, on one line. */
pb_str lsp_signature_of(const lsp_analysis *a, const ast_decl *d) {
    pb_span s = d->span;
    const source_file *f = &a->program->sources->files[s.file];
    if (d->kind == DECL_ACTION && d->effect_span.end > s.start) s.end = d->target.text.s ? d->target.span.end : d->effect_span.end;
    uint32_t stop = d->kind == DECL_PLAYBOOK || d->kind == DECL_EVENT || d->kind == DECL_GUARD ? s.start : s.end;
    while (stop < s.end && f->text.s[stop] != '{') stop++;
    while (stop > s.start && (f->text.s[stop - 1] == ' ' || f->text.s[stop - 1] == '\n')) stop--;
    pb_str text = source_folded(a->program->sources, (pb_span){s.file, s.start, stop}, 0, a->arena);
    return text.s ? text : PB_STR("");
}

static schema_operation operation_of(const lsp *l, pb_str aws, bool *found) {
    const pb_schema *s = l->known->schema;
    const char *dot = aws.n ? memchr(aws.s, '.', aws.n) : NULL;
    schema_operation op = {0};
    *found = false;
    if (!dot) return op;
    schema_service service = s->service_find(s->ctx, (pb_str){aws.s, (uint32_t)(dot - aws.s)});
    pb_str name = {dot + 1, (uint32_t)(aws.s + aws.n - dot - 1)};
    *found = service && s->operation_find(s->ctx, service, name, &op);
    return op;
}

static pb_str member_doc(const lsp *l, schema_shape shape, pb_str name) {
    const pb_schema *s = l->known->schema;
    schema_member m;
    for (uint32_t i = 0; shape && s->member_at(s->ctx, shape, i, &m); i++)
        if (pb_str_eq(m.name, name) || pb_str_eq(m.wire_name, name)) return l->known->member_doc(shape, i);
    return (pb_str){"", 0};
}

static pb_str type_words(const lsp_analysis *a, const pb_type *t) { return t ? type_text(a->arena, t) : PB_STR("?"); }

/* Code, then what it means. */
static pb_str card(const lsp_analysis *a, pb_str code, pb_str text) {
    return pb_printf(a->arena, "```pb\n%.*s\n```%s%.*s", PB_ARG(code), text.n ? "\n\n" : "", PB_ARG(text));
}

static pb_str aws_card(const lsp *l, const lsp_analysis *a, const symbol *y) {
    bool found;
    schema_operation op = operation_of(l, y->aws, &found);
    if (!found) return (pb_str){"", 0};
    if (y->kind == SYMBOL_ARGUMENT)
        return card(a, pb_printf(a->arena, "%.*s: %.*s", PB_ARG(y->name), PB_ARG(type_words(a, y->type))), member_doc(l, op.input, y->name));
    return card(a, pb_printf(a->arena, "aws.%.*s: %.*s  # %s", PB_ARG(y->aws), PB_ARG(type_words(a, y->type)), pb_effect_name(op.effect)),
                op.doc);
}

static pb_str builtin_card(const lsp_analysis *a, const symbol *y) {
    if (y->builtin >= lsp_nbuiltins) return (pb_str){"", 0};
    const lsp_builtin *b = &lsp_builtins[y->builtin];
    return card(a,
                pb_printf(a->arena, "%s%s%s(%s): %s", b->receiver, *b->receiver ? "." : "", b->spelling, b->parameters,
                          b->result),
                pb_str_c(b->doc));
}

static pb_str field_card(const lsp *l, const lsp_analysis *a, const symbol *y) {
    const pb_type *owner = y->owner ? type_base(y->owner) : NULL;
    pb_str doc = owner && owner->kind == TYPE_SHAPE ? member_doc(l, owner->shape, y->name) : (pb_str){"", 0};
    return card(a, pb_printf(a->arena, "%.*s: %.*s", PB_ARG(y->name), PB_ARG(type_words(a, y->type))), doc);
}

static pb_str card_of(const lsp *l, const lsp_analysis *a, const symbol *y) {
    switch (y->kind) {
    case SYMBOL_LOCAL: return card(a, pb_printf(a->arena, "%.*s: %.*s", PB_ARG(y->name), PB_ARG(type_words(a, y->type))), (pb_str){"", 0});
    case SYMBOL_DECL: return card(a, lsp_signature_of(a, y->decl), y->decl->doc);
    case SYMBOL_FIELD: return field_card(l, a, y);
    case SYMBOL_BUILTIN: return builtin_card(a, y);
    case SYMBOL_OPERATION:
    case SYMBOL_ARGUMENT: return aws_card(l, a, y);
    case SYMBOL_RUN: return card(a, PB_STR("run"), PB_STR("the run: id, incident_id, playbook, account, region, event_time, started, dry_run"));
    case SYMBOL_SERVICE: break;
    }
    return (pb_str){"", 0};
}

json_object *lsp_hover(lsp *l, lsp_document *d, json_object *params) {
    question q = ask(l, d, params, false);
    pb_str text = q.at ? card_of(l, &q.a, q.at) : (pb_str){"", 0};
    json_object *o = NULL;
    if (text.n && text.s) {
        json_object *contents = json_object_new_object();
        o = json_object_new_object();
        lsp_set(contents, "kind", json_object_new_string("markdown"));
        lsp_set(contents, "value", lsp_string(text));
        lsp_set(o, "contents", contents);
        lsp_set(o, "range", lsp_range(l, text_of(&q.a), q.at->span.start, q.at->span.end));
    }
    done(&q);
    return o;
}

/* ---- definition, references, rename ---- */

json_object *lsp_definition(lsp *l, lsp_document *d, json_object *params) {
    question q = ask(l, d, params, false);
    pb_span at = q.at ? symbols_definition(q.at) : (pb_span){UINT32_MAX, 0, 0};
    json_object *o = at.file == UINT32_MAX ? NULL : lsp_location(l, &q.a, at);
    done(&q);
    return o;
}

/* Calls back for each place in the workspace where it stands. */
typedef void each_place(lsp *l, const lsp_analysis *a, const symbol *y, void *ctx);

static void each(lsp *l, const question *q, each_place *fn, void *ctx) {
    uint32_t n = 0;
    for (const ast_file *f = q->a.program->files; f && n < LSP_RESULTS_MAX; f = f->next) {
        symbols names;
        if (q->a.program->sources->files[f->file].builtin || !symbols_of(q->a.program, f, q->a.arena, &names)) continue;
        for (uint32_t i = 0; i < names.n && n < LSP_RESULTS_MAX; i++)
            if (symbols_same(&names.list[i], q->at)) fn(l, &q->a, &names.list[i], ctx), n++;
    }
}

typedef struct places {
    json_object *list;
    bool definitions;
} places;

static void add_place(lsp *l, const lsp_analysis *a, const symbol *y, void *ctx) {
    places *p = ctx;
    json_object *o = y->defines && !p->definitions ? NULL : lsp_location(l, a, y->span);
    if (o) json_object_array_add(p->list, o);
}

json_object *lsp_references(lsp *l, lsp_document *d, json_object *params) {
    question q = ask(l, d, params, true);
    places p = {json_object_new_array(), json_object_get_boolean(lsp_get(lsp_get(params, "context"), "includeDeclaration"))};
    if (q.at) each(l, &q, add_place, &p);
    done(&q);
    return p.list;
}

/* What may be called something else: a local name, or a declaration of the user's with a plain name. The last part of it. */
static bool may_rename(const question *q, pb_span *part) {
    if (!q->at) return false;
    *part = q->at->span;
    if (q->at->kind == SYMBOL_LOCAL) return true;
    if (q->at->kind != SYMBOL_DECL || q->a.program->sources->files[q->at->decl->file].builtin) return false;
    return q->at->decl->name.n == 1;
}

json_object *lsp_prepare_rename(lsp *l, lsp_document *d, json_object *params) {
    question q = ask(l, d, params, true);
    pb_span part;
    json_object *o = may_rename(&q, &part) ? lsp_range(l, text_of(&q.a), part.start, part.end) : NULL;
    done(&q);
    return o;
}

typedef struct edits {
    json_object *changes;
    const char *name;
} edits;

static void add_edit(lsp *l, const lsp_analysis *a, const symbol *y, void *ctx) {
    edits *e = ctx;
    json_object *at = lsp_location(l, a, y->span), *list = NULL, *edit = json_object_new_object();
    const char *uri = lsp_text_of(at, "uri");
    if (uri && !json_object_object_get_ex(e->changes, uri, &list)) {
        list = json_object_new_array();
        lsp_set(e->changes, uri, list);
    }
    lsp_set(edit, "range", json_object_get(lsp_get(at, "range")));
    lsp_set(edit, "newText", json_object_new_string(e->name));
    if (list)
        json_object_array_add(list, edit);
    else
        json_object_put(edit);
    json_object_put(at);
}

static bool is_word(const char *s) {
    bool ok = *s && !(*s >= '0' && *s <= '9');
    for (; *s && ok; s++) ok = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_';
    return ok;
}

json_object *lsp_rename(lsp *l, lsp_document *d, json_object *params) {
    question q = ask(l, d, params, true);
    edits e = {json_object_new_object(), lsp_text_of(params, "newName")};
    pb_span part;
    json_object *o = NULL;
    if (e.name && is_word(e.name) && may_rename(&q, &part)) {
        each(l, &q, add_edit, &e);
        o = json_object_new_object();
        lsp_set(o, "changes", e.changes);
    } else {
        json_object_put(e.changes);
    }
    done(&q);
    return o;
}

/* ---- document symbols ---- */

static int symbol_number(const ast_decl *d) {
    enum { MODULE = 2, EVENT = 24, FUNCTION = 12, METHOD = 6, VARIABLE = 13, STRUCT = 23, CLASS = 5, OBJECT = 19 };
    switch (d->kind) {
    case DECL_IMPORT: return MODULE;
    case DECL_PARAM: return VARIABLE;
    case DECL_TYPE: return STRUCT;
    case DECL_EVENT: return EVENT;
    case DECL_FN: return FUNCTION;
    case DECL_ACTION: return METHOD;
    case DECL_PLAYBOOK: return CLASS;
    case DECL_GUARD: return FUNCTION;
    case DECL_TEST: return METHOD;
    case DECL_SITE: return OBJECT;
    }
    return OBJECT;
}

static json_object *symbol_json(const lsp *l, const lsp_analysis *a, const ast_decl *d) {
    pb_str text = text_of(a), name = d->string.s ? d->string : d->name.n ? lsp_span_text(a, d->name.span) : PB_STR("site");
    pb_span part = d->string.s ? d->string_span : d->name.n ? d->name.span : (pb_span){d->span.file, d->span.start, d->span.start};
    json_object *o = json_object_new_object();
    lsp_set(o, "name", lsp_string(name.n ? name : PB_STR("?")));
    if (d->kind == DECL_ACTION) lsp_set(o, "detail", json_object_new_string(pb_effect_name(d->effect)));
    lsp_set(o, "kind", json_object_new_int(symbol_number(d)));
    lsp_set(o, "range", lsp_range(l, text, d->span.start, d->span.end));
    lsp_set(o, "selectionRange", lsp_range(l, text, part.start, part.end));
    return o;
}

/* Needs no types: a file with mistakes has symbols too. */
json_object *lsp_symbols(lsp *l, lsp_document *d, json_object *params) {
    lsp_analysis a;
    json_object *list = json_object_new_array();
    (void)params;
    if (lsp_analyse(l, d, false, NULL, &a) && a.file)
        for (const ast_decl *k = a.file->decls; k; k = k->next) json_object_array_add(list, symbol_json(l, &a, k));
    lsp_analysis_free(&a);
    return list;
}

/* ---- formatting ---- */

static bool has_errors_in(const lsp_analysis *a) {
    for (uint32_t i = 0; i < a->diags->count; i++)
        if (a->diags->items[i]->severity == DIAG_ERROR && a->diags->items[i]->span.file == a->file->file && a->diags->items[i]->code < 200) return true;
    return false;
}

json_object *lsp_formatting(lsp *l, lsp_document *d, json_object *params) {
    lsp_analysis a;
    pb_buf out = {0};
    json_object *list = NULL;
    (void)params;
    if (lsp_analyse(l, d, false, NULL, &a) && a.file && !has_errors_in(&a) &&
        format_file(a.arena, a.program->sources, a.file, &out) == FORMAT_DONE && !out.oom) {
        pb_str text = {d->text, (uint32_t)d->size};
        list = json_object_new_array();
        if (out.len != text.n || memcmp(out.data, text.s, text.n) != 0) {
            json_object *edit = json_object_new_object();
            lsp_set(edit, "range", lsp_range(l, text, 0, text.n));
            lsp_set(edit, "newText", lsp_string((pb_str){out.data, (uint32_t)out.len}));
            json_object_array_add(list, edit);
        }
    }
    pb_buf_free(&out);
    lsp_analysis_free(&a);
    return list;
}

/* ---- code actions: the fixes of diagnostics ---- */

static bool touches(const diag *m, uint32_t start, uint32_t end) { return m->span.start <= end && start <= m->span.end; }

static json_object *fix_json(const lsp *l, const lsp_analysis *a, const lsp_document *d, const diag *m) {
    json_object *o = json_object_new_object(), *edit = json_object_new_object(), *list = json_object_new_array(),
                *changes = json_object_new_object(), *all = json_object_new_object();
    lsp_set(edit, "range", lsp_range(l, text_of(a), m->fix.start, m->fix.end));
    lsp_set(edit, "newText", lsp_string(m->fix_text));
    json_object_array_add(list, edit);
    lsp_set(changes, d->uri, list);
    lsp_set(all, "changes", changes);
    lsp_set(o, "title", lsp_string(m->hint.n ? m->hint : PB_STR("fix this")));
    lsp_set(o, "kind", json_object_new_string("quickfix"));
    lsp_set(o, "isPreferred", json_object_new_boolean(true));
    lsp_set(o, "edit", all);
    return o;
}

json_object *lsp_actions(lsp *l, lsp_document *d, json_object *params) {
    lsp_analysis a;
    json_object *list = json_object_new_array(), *range = lsp_get(params, "range");
    if (lsp_analyse(l, d, false, NULL, &a) && a.file) {
        uint32_t start = lsp_offset(l, text_of(&a), lsp_get(range, "start")), end = lsp_offset(l, text_of(&a), lsp_get(range, "end"));
        for (uint32_t i = 0; i < a.diags->count; i++) {
            const diag *m = a.diags->items[i];
            if (m->has_fix && m->fix.file == a.file->file && m->span.file == a.file->file && touches(m, start, end))
                json_object_array_add(list, fix_json(l, &a, d, m));
        }
    }
    lsp_analysis_free(&a);
    return list;
}
