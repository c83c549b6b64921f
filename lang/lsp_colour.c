/*
 * lsp_colour.c - what an editor shows beside and within the text: colours by meaning, and what each call may do.
 *
 * Colours come from the list of names, so a parameter and a local look different where a grammar sees only a word. A file with
 * mistakes has no types and so no such colours; the editor's grammar still has the others.
 */
#include "lang/lsp_own.h"

#include "lang/source.h"

#include <stdlib.h>

enum token { TOKEN_VARIABLE, TOKEN_PARAMETER, TOKEN_PROPERTY, TOKEN_FUNCTION, TOKEN_METHOD, TOKEN_TYPE, TOKEN_EVENT, TOKEN_CLASS, TOKEN_NAMESPACE, TOKEN_KINDS };
static const char *const token_names[TOKEN_KINDS + 1] = {"variable", "parameter", "property", "function", "method", "type", "event",
                                                          "class",    "namespace", NULL};
/* Bits, in the order of the legend. */
enum modifier { IS_DECLARATION = 1, IS_READONLY = 2, IS_LIBRARY = 4 };
static const char *const modifier_names[] = {"declaration", "readonly", "defaultLibrary", NULL};

static json_object *names(const char *const *list) {
    json_object *o = json_object_new_array();
    for (; *list; list++) json_object_array_add(o, json_object_new_string(*list));
    return o;
}

json_object *lsp_token_legend(void) {
    json_object *o = json_object_new_object();
    lsp_set(o, "tokenTypes", names(token_names));
    lsp_set(o, "tokenModifiers", names(modifier_names));
    return o;
}

static enum token decl_token(const ast_decl *d) {
    switch (d->kind) {
    case DECL_PARAM: return TOKEN_PARAMETER;
    case DECL_TYPE: return TOKEN_TYPE;
    case DECL_EVENT: return TOKEN_EVENT;
    case DECL_PLAYBOOK:
    case DECL_TEST: return TOKEN_CLASS;
    case DECL_ACTION: return TOKEN_METHOD;
    case DECL_FN:
    case DECL_GUARD:
    case DECL_IMPORT:
    case DECL_SITE: break;
    }
    return TOKEN_FUNCTION;
}

static enum token token_of(const symbol *y) {
    switch (y->kind) {
    case SYMBOL_LOCAL:
    case SYMBOL_RUN: return TOKEN_VARIABLE;
    case SYMBOL_DECL: return decl_token(y->decl);
    case SYMBOL_FIELD:
    case SYMBOL_ARGUMENT: return TOKEN_PROPERTY;
    case SYMBOL_BUILTIN: return TOKEN_FUNCTION;
    case SYMBOL_OPERATION: return TOKEN_METHOD;
    case SYMBOL_SERVICE: return TOKEN_NAMESPACE;
    }
    return TOKEN_VARIABLE;
}

static int modifiers_of(const lsp_analysis *a, const symbol *y) {
    bool library = y->kind == SYMBOL_BUILTIN || y->kind == SYMBOL_OPERATION || y->kind == SYMBOL_RUN ||
                   (y->kind == SYMBOL_DECL && a->program->sources->files[y->decl->file].builtin);
    return (y->defines ? IS_DECLARATION : 0) | (y->kind == SYMBOL_LOCAL ? IS_READONLY : 0) | (library ? IS_LIBRARY : 0);
}

static int by_place(const void *a, const void *b) {
    const symbol *x = a, *y = b;
    if (x->span.start != y->span.start) return x->span.start < y->span.start ? -1 : 1;
    return x->span.end < y->span.end ? -1 : x->span.end > y->span.end;
}

static int64_t part(json_object *position, const char *key) { return json_object_get_int64(lsp_get(position, key)); }

static void add_token(const lsp *l, const lsp_analysis *a, const symbol *y, json_object *data, int64_t *line, int64_t *column) {
    pb_str text = a->program->sources->files[a->file->file].text;
    json_object *start = lsp_position(l, text, y->span.start), *end = lsp_position(l, text, y->span.end);
    int64_t at = part(start, "line"), from = part(start, "character"), to = part(end, "character");
    if (part(end, "line") == at) { /* a token is of one line */
        int64_t numbers[5] = {at - *line, at == *line ? from - *column : from, to - from, token_of(y), modifiers_of(a, y)};
        for (int i = 0; i < 5; i++) json_object_array_add(data, json_object_new_int64(numbers[i]));
        *line = at;
        *column = from;
    }
    json_object_put(start);
    json_object_put(end);
}

json_object *lsp_tokens(lsp *l, lsp_document *d, json_object *params) {
    lsp_analysis a;
    symbols found;
    int64_t line = 0, column = 0;
    json_object *o = json_object_new_object(), *data = json_object_new_array();
    (void)params;
    if (lsp_analyse(l, d, false, NULL, &a) && a.file && a.checked && symbols_of(a.program, a.file, a.arena, &found)) {
        if (found.n) qsort(found.list, found.n, sizeof *found.list, by_place);
        uint32_t end = 0;
        for (uint32_t i = 0; i < found.n; i++) {
            if (found.list[i].span.start < end) continue; /* they may not overlap */
            end = found.list[i].span.end;
            add_token(l, &a, &found.list[i], data, &line, &column);
        }
    }
    lsp_set(o, "data", data);
    lsp_analysis_free(&a);
    return o;
}

/* ---- inlay hints: what a call may do, and the types of what is named ---- */

static json_object *hint(const lsp *l, pb_str text, uint32_t at, pb_str label, int kind) {
    enum { LABEL_MAX = 40 }; /* a record's type in full would push the code off the screen: it is in the tooltip */
    json_object *o = json_object_new_object();
    if (label.n > LABEL_MAX) {
        char cut[LABEL_MAX + 4];
        uint32_t n = LABEL_MAX;
        while (n && ((unsigned char)label.s[n] & 0xC0) == 0x80) n--;
        memcpy(cut, label.s, n);
        memcpy(cut + n, "…", 3);
        lsp_set(o, "label", lsp_string((pb_str){cut, n + 3}));
        lsp_set(o, "tooltip", lsp_string(label));
    } else {
        lsp_set(o, "label", lsp_string(label));
    }
    lsp_set(o, "position", lsp_position(l, text, at));
    if (kind) lsp_set(o, "kind", json_object_new_int(kind));
    lsp_set(o, "paddingLeft", json_object_new_boolean(kind == 0));
    return o;
}

/* The end of a call whose name ends at `at`: behind its closing bracket. */
static uint32_t call_end(pb_str text, uint32_t at) {
    int open = 0;
    for (uint32_t i = at; i < text.n; i++) {
        if (text.s[i] == '"') { /* a string holds no bracket of ours */
            for (i++; i < text.n && text.s[i] != '"'; i++)
                if (text.s[i] == '\\') i++;
        } else if (text.s[i] == '(') {
            open++;
        } else if (text.s[i] == ')' && --open <= 0) {
            return i + 1;
        }
    }
    return at;
}

json_object *lsp_hints(lsp *l, lsp_document *d, json_object *params) {
    enum { KIND_TYPE = 1 };
    lsp_analysis a;
    symbols found;
    json_object *list = json_object_new_array(), *range = lsp_get(params, "range");
    if (lsp_analyse(l, d, false, NULL, &a) && a.file && a.checked && symbols_of(a.program, a.file, a.arena, &found)) {
        pb_str text = a.program->sources->files[a.file->file].text;
        uint32_t start = lsp_offset(l, text, lsp_get(range, "start")), end = range ? lsp_offset(l, text, lsp_get(range, "end")) : text.n;
        for (uint32_t i = 0; i < found.n; i++) {
            const symbol *y = &found.list[i];
            if (y->span.end < start || y->span.start > end) continue;
            if (y->kind == SYMBOL_LOCAL && y->defines && y->type && !y->local->type->has_secret && y->span.end < text.n && text.s[y->span.end] != ':')
                json_object_array_add(list, hint(l, text, y->span.end, pb_printf(a.arena, ": %.*s", PB_ARG(type_text(a.arena, y->type))), KIND_TYPE));
            else if (y->effect > PB_READ)
                json_object_array_add(list, hint(l, text, call_end(text, y->span.end), pb_str_c(pb_effect_name(y->effect)), 0));
        }
    }
    lsp_analysis_free(&a);
    return list;
}
