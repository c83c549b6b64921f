/*
 * lsp_complete.c - completion, and the parameters while a call is typed.
 *
 * What is being typed is not a program. So the half-typed name is first made whole with a word that nobody uses
 * (`f.resource.` becomes `f.resource.pb_here`), the file is compiled with it, and the answer is read off the tree: the type of
 * what stands before the dot has the members to offer. Where even that does not parse, there are still names by the text
 * alone: services, operations, actions, keywords.
 */
#include "lang/lsp_own.h"

#include "lang/ast_walk.h"
#include "lang/source.h"

#include <stdio.h>
#include <stdlib.h>

static const char HERE[] = "pb_here";

enum item_kind { ITEM_METHOD = 2, ITEM_FUNCTION = 3, ITEM_FIELD = 5, ITEM_VARIABLE = 6, ITEM_MODULE = 9, ITEM_KEYWORD = 14, ITEM_STRUCT = 22, ITEM_EVENT = 23 };

typedef struct offer {
    lsp *l;
    json_object *list;
    lsp_analysis a;
    pb_str before; /* the text up to the cursor */
} offer;

static void add(offer *o, pb_str label, int kind, pb_str detail, pb_str doc) {
    if (json_object_array_length(o->list) >= LSP_RESULTS_MAX || !label.n) return;
    json_object *item = json_object_new_object();
    lsp_set(item, "label", lsp_string(label));
    lsp_set(item, "kind", json_object_new_int(kind));
    if (detail.n) lsp_set(item, "detail", lsp_string(detail));
    if (doc.n) lsp_set(item, "documentation", lsp_string(doc));
    json_object_array_add(o->list, item);
}

/* ---- what stands before the cursor ---- */

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Where the word at the end of the text begins. */
static uint32_t word_start(pb_str t) {
    uint32_t i = t.n;
    while (i && word_char(t.s[i - 1])) i--;
    return i;
}

/* a.b.c at the end of the text, without the word that is being typed and its dot. Empty: there is no dot, or no plain names. */
static pb_str chain_before(pb_str t) {
    uint32_t end = word_start(t);
    if (!end || t.s[end - 1] != '.') return (pb_str){"", 0};
    uint32_t start = end - 1;
    while (start && (word_char(t.s[start - 1]) || t.s[start - 1] == '.')) start--;
    return (pb_str){t.s + start, end - 1 - start};
}

/* The callee of the innermost call that is open at the end: `aws.ec2.CreateTags(Resources: x, |`. */
static pb_str open_call(pb_str t, uint32_t *argument) {
    int depth = 0;
    uint32_t i = t.n;
    *argument = 0;
    for (; i && t.n - i < 4000; i--) {
        char c = t.s[i - 1];
        if (c == ')' || c == ']' || c == '}') depth++;
        if (c == ',' && !depth) ++*argument;
        if (c == '(' || c == '[' || c == '{') {
            if (!depth) break;
            depth--;
        }
    }
    if (!i || t.s[i - 1] != '(') return (pb_str){"", 0};
    uint32_t end = i - 1, start = end;
    while (start && (word_char(t.s[start - 1]) || t.s[start - 1] == '.')) start--;
    return (pb_str){t.s + start, end - start};
}

/* Is the end inside a comment, or inside a string but not in its ${ }? Looks at the line only: long strings are text to it. */
static bool in_text(pb_str t) {
    bool quoted = false;
    int inside = 0;
    uint32_t start = t.n;
    while (start && t.s[start - 1] != '\n') start--;
    for (uint32_t i = start; i < t.n; i++) {
        char c = t.s[i];
        if (quoted && c == '\\') {
            i++;
        } else if (quoted && c == '$' && i + 1 < t.n && t.s[i + 1] == '{') {
            inside++, quoted = false, i++;
        } else if (inside && !quoted && c == '}') {
            inside--, quoted = true;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == '#' && !quoted) {
            return true;
        }
    }
    return quoted;
}

/* ---- AWS by the text ---- */

static bool split(pb_str s, pb_str *first, pb_str *rest) {
    const char *dot = s.n ? memchr(s.s, '.', s.n) : NULL;
    *first = dot ? (pb_str){s.s, (uint32_t)(dot - s.s)} : s;
    *rest = dot ? (pb_str){dot + 1, (uint32_t)(s.s + s.n - dot - 1)} : (pb_str){"", 0};
    return dot != NULL;
}

static void offer_services(offer *o) {
    const pb_schema *s = o->l->known->schema;
    for (uint32_t i = 0, n = s->service_count(s->ctx); i < n; i++) add(o, s->service_name(s->ctx, i), ITEM_MODULE, (pb_str){"", 0}, (pb_str){"", 0});
}

static void offer_operations(offer *o, pb_str service) {
    const pb_schema *s = o->l->known->schema;
    schema_service v = s->service_find(s->ctx, service);
    schema_operation op;
    for (uint32_t i = 0; v && s->operation_at(s->ctx, v, i, &op); i++)
        if (!op.deprecated) add(o, op.name, ITEM_METHOD, pb_str_c(pb_effect_name(op.effect)), op.doc);
    schema_waiter w;
    for (uint32_t i = 0; v && s->waiter_at(s->ctx, v, i, &w); i++) add(o, w.name, ITEM_EVENT, PB_STR("wait until"), (pb_str){"", 0});
}

static bool find_operation(const offer *o, pb_str callee, schema_operation *op) {
    const pb_schema *s = o->l->known->schema;
    pb_str aws, rest, service, name;
    if (!split(callee, &aws, &rest) || !pb_str_is(aws, "aws") || !split(rest, &service, &name)) return false;
    schema_service v = s->service_find(s->ctx, service);
    return v && s->operation_find(s->ctx, v, name, op);
}

/* ---- declarations ---- */

static pb_str dotted(const offer *o, const ast_path *p) {
    pb_str t = {"", 0};
    for (uint32_t i = 0; i < p->n; i++) t = pb_printf(o->a.arena, "%.*s%s%.*s", PB_ARG(t), i ? "." : "", PB_ARG(p->parts[i].text));
    return t;
}

static int kind_of(const ast_decl *d) {
    return d->kind == DECL_ACTION ? ITEM_METHOD : d->kind == DECL_FN ? ITEM_FUNCTION : d->kind == DECL_EVENT ? ITEM_EVENT : d->kind == DECL_TYPE ? ITEM_STRUCT : ITEM_VARIABLE;
}

/* Those whose name begins with `ns.`, by what is behind it; without ns, the plain ones. */
static void offer_decl(offer *o, const ast_decl *d, pb_str ns) {
    if (d->kind != DECL_ACTION && d->kind != DECL_FN && d->kind != DECL_EVENT && d->kind != DECL_PARAM && d->kind != DECL_TYPE) return;
    pb_str name = dotted(o, &d->name), label = name;
    if (ns.n) {
        if (name.n <= ns.n + 1 || memcmp(name.s, ns.s, ns.n) != 0 || name.s[ns.n] != '.') return;
        label = (pb_str){name.s + ns.n + 1, name.n - ns.n - 1};
    }
    add(o, label, kind_of(d), lsp_signature_of(&o->a, d), d->doc);
}

static bool visible(const offer *o, const ast_file *f) {
    if (f == o->a.file || o->a.program->sources->files[f->file].builtin) return true;
    for (const ast_import *i = o->a.file->imports; i; i = i->next)
        if (i->target == f) return true;
    return false;
}

static void offer_decls(offer *o, pb_str ns) {
    for (const ast_file *f = o->a.program->files; f; f = f->next)
        for (const ast_decl *d = visible(o, f) ? f->decls : NULL; d; d = d->next) offer_decl(o, d, ns);
}

/* ---- members ---- */

typedef struct search {
    const ast_expr *found;
} search;

static bool is_here(void *ctx, const ast_expr *e) {
    search *s = ctx;
    if (e->kind == EXPR_FIELD && pb_str_is(e->u.field.name.text, HERE)) s->found = e->u.field.of;
    return true;
}

static void search_stmts(const ast_stmt *first, search *s) {
    for (; first; first = first->next) ast_each_in_stmt(first, true, is_here, s);
}

static const ast_expr *receiver(const offer *o) {
    search s = {NULL};
    for (const ast_decl *d = o->a.file->decls; d; d = d->next) {
        search_stmts(d->body, &s);
        search_stmts(d->undo, &s);
        ast_each_expr(d->expr, is_here, &s);
        for (const ast_clause *c = d->clauses; c; c = c->next) {
            ast_each_expr(c->value, is_here, &s);
            search_stmts(c->body, &s);
        }
    }
    return s.found;
}

/* Does a method of "list[T]" belong to the type? By its kind; the checker knows the rest. */
static bool takes(const char *of, const pb_type *t) {
    switch (t->kind) {
    case TYPE_STRING: return strcmp(of, "string") == 0;
    case TYPE_ARN: return strcmp(of, "string") == 0 || strcmp(of, "arn") == 0;
    case TYPE_IP:
    case TYPE_CIDR: return strcmp(of, "string") == 0;
    case TYPE_TIME: return strcmp(of, "time") == 0;
    case TYPE_DURATION: return strcmp(of, "duration") == 0;
    case TYPE_LIST: return strncmp(of, "list[", 5) == 0 && (strcmp(of, "list[string]") != 0 || type_is_text(type_base(t->elem)));
    case TYPE_MAP: return strncmp(of, "map[", 4) == 0;
    default: return false;
    }
}

static void add_builtin(offer *o, const lsp_builtin *b) {
    add(o, pb_str_c(b->spelling), ITEM_FUNCTION, pb_printf(o->a.arena, "(%s): %s", b->parameters, b->result), pb_str_c(b->doc));
}

static void offer_members(offer *o, pb_type *of) {
    type_store *store = type_store_new(o->a.arena, o->l->known->schema);
    pb_type *t = type_base(of), *member;
    pb_str name;
    bool required;
    for (uint32_t i = 0; store && type_member_at(store, t, i, &name, &member, &required); i++)
        add(o, name, ITEM_FIELD, type_text(o->a.arena, member),
            t->kind == TYPE_SHAPE ? o->l->known->member_doc(t->shape, i) : (pb_str){"", 0});
    for (size_t i = 0; i < lsp_nbuiltins; i++)
        if (lsp_builtins[i].receiver[0] && takes(lsp_builtins[i].receiver, t)) add_builtin(o, &lsp_builtins[i]);
}

/* ---- names ---- */

/* What is named before the place in the blocks around it. */
static void offer_locals(offer *o, const ast_stmt *first, uint32_t at) {
    for (const ast_stmt *s = first; s && s->span.start < at; s = s->next) {
        bool inside = at <= s->span.end;
        if (s->local && (!inside || s->kind == STMT_FOR)) add(o, s->local->name.text, ITEM_VARIABLE, type_text(o->a.arena, s->local->type), (pb_str){"", 0});
        if (s->kind == STMT_PARALLEL && !inside) offer_locals(o, s->body, at);
        if (!inside) continue;
        if (s->error_local) add(o, PB_STR("error"), ITEM_VARIABLE, (pb_str){"", 0}, (pb_str){"", 0});
        offer_locals(o, s->body, at);
        offer_locals(o, s->other, at);
        offer_locals(o, s->third, at);
    }
}

static const char *const statement_words[] = {"let", "where", "do", "if", "for", "parallel", "record", "stop", "fail", "return", "verify",
                                              "on failure", "approve", "wait", "wait until", "authorize", "in account", NULL};
static const char *const declaration_words[] = {"import", "param", "type", "event", "fn", "action", "guard", "playbook", "test", "site", NULL};
static const char *const header_words[] = {"version", "summary", "owner", "tier", "controls", "dedupe by", "limit", "concurrency", "timeout", "when", NULL};

static void offer_words(offer *o, const char *const *words) {
    for (; *words; words++) add(o, pb_str_c(*words), ITEM_KEYWORD, (pb_str){"", 0}, (pb_str){"", 0});
}

/* in_call: values only, no statements. */
static void offer_names(offer *o, uint32_t at, bool in_call) {
    const ast_decl *in = NULL;
    for (const ast_decl *d = o->a.file->decls; d; d = d->next)
        if (d->span.start < at && at <= d->span.end) in = d;
    if (!in) {
        offer_words(o, declaration_words);
        return;
    }
    for (const ast_field *f = in->params; f; f = f->next)
        if (f->local) add(o, f->name.text, ITEM_VARIABLE, type_text(o->a.arena, f->local->type), (pb_str){"", 0});
    if (in->event_local) add(o, in->event_local->name.text, ITEM_VARIABLE, type_text(o->a.arena, in->event_local->type), (pb_str){"", 0});
    offer_locals(o, in->body, at);
    offer_locals(o, in->undo, at);
    if (in->kind == DECL_PLAYBOOK && !in_call && (!in->event.n || at <= in->event.span.start)) offer_words(o, header_words);
    if (!in_call) offer_words(o, statement_words);
    add(o, PB_STR("run"), ITEM_VARIABLE, (pb_str){"", 0}, PB_STR("the run: id, incident_id, account, region, ..."));
    add(o, PB_STR("aws"), ITEM_MODULE, (pb_str){"", 0}, PB_STR("every operation of AWS: aws.service.Operation(...)"));
    offer_decls(o, (pb_str){"", 0});
    for (size_t i = 0; i < lsp_nbuiltins; i++)
        if (!lsp_builtins[i].receiver[0]) add_builtin(o, &lsp_builtins[i]);
}

static const ast_decl *callee_decl(const offer *o, pb_str callee) {
    const ast_decl *d = symbols_find(o->a.program, o->a.file, DECL_ACTION, callee);
    return d ? d : symbols_find(o->a.program, o->a.file, DECL_FN, callee);
}

static void offer_arguments(offer *o, pb_str callee) {
    const pb_schema *s = o->l->known->schema;
    schema_operation op;
    schema_member m;
    if (find_operation(o, callee, &op)) {
        for (uint32_t i = 0; op.input && s->member_at(s->ctx, op.input, i, &m); i++)
            if (!m.deprecated) add(o, m.name, ITEM_FIELD, m.required ? PB_STR("required") : (pb_str){"", 0}, o->l->known->member_doc(op.input, i));
        return;
    }
    const ast_decl *d = callee.n ? callee_decl(o, callee) : NULL;
    for (const ast_field *f = d ? d->params : NULL; f; f = f->next) add(o, f->name.text, ITEM_FIELD, lsp_span_text(&o->a, f->type ? f->type->span : f->name.span), (pb_str){"", 0});
}

/* ---- the requests ---- */

/* What closes what the line has opened before the cursor, innermost first. */
static void closers(pb_str before, pb_buf *out) {
    enum { OPEN_MAX = 32 };
    char open[OPEN_MAX];
    uint32_t n = 0, i = before.n;
    while (i && before.s[i - 1] != '\n') i--;
    for (; i < before.n && n < OPEN_MAX; i++) {
        char c = before.s[i], top = n ? open[n - 1] : 0;
        if (top == '"' && c == '\\') {
            i++;
        } else if (top == '"') {
            if (c == '"') n--;
            if (c == '$' && i + 1 < before.n && before.s[i + 1] == '{') open[n++] = '}', i++;
        } else if (c == '"') {
            open[n++] = '"';
        } else if (c == '(' || c == '[' || c == '{') {
            open[n++] = c == '(' ? ')' : c == '[' ? ']' : '}';
        } else if (top && c == top) {
            n--;
        }
    }
    while (n) pb_buf_putc(out, open[--n]);
}

/* The document with the half-typed name made whole: f.res|ource is looked up as f.pb_here. With `close`, what the line has opened is
 * closed too, and the rest of the line left out: then the file is a program again even in the middle of a call. */
static void make_whole(const lsp_document *d, uint32_t at, bool close, pb_buf *out) {
    pb_str before = {d->text, at};
    uint32_t start = word_start(before), tail = at;
    while (tail < d->size && word_char(d->text[tail])) tail++;
    while (close && tail < d->size && d->text[tail] != '\n') tail++;
    pb_buf_add(out, d->text, start);
    pb_buf_puts(out, HERE);
    if (close) closers(before, out);
    pb_buf_add(out, d->text + tail, d->size - tail);
}

static void complete(offer *o, uint32_t at) {
    pb_str chain = chain_before(o->before), first, rest;
    bool dot = word_start(o->before) && o->before.s[word_start(o->before) - 1] == '.';
    if (in_text(o->before)) return;
    split(chain, &first, &rest);
    if (pb_str_is(first, "aws")) {
        if (!rest.n)
            offer_services(o);
        else if (!memchr(rest.s, '.', rest.n))
            offer_operations(o, rest);
        return;
    }
    if (dot) {
        const ast_expr *of = receiver(o);
        if (of && of->type && of->type->kind != TYPE_POISON)
            offer_members(o, of->type);
        else if (chain.n)
            offer_decls(o, chain);
        return;
    }
    uint32_t argument;
    pb_str callee = open_call(o->before, &argument);
    offer_arguments(o, callee);
    offer_names(o, at, callee.n > 0);
}

json_object *lsp_completion(lsp *l, lsp_document *d, json_object *params) {
    pb_str whole = {d->text, (uint32_t)d->size};
    uint32_t at = lsp_offset(l, whole, lsp_get(params, "position"));
    bool named = at && (d->text[at - 1] == '.' || word_char(d->text[at - 1]));
    offer o = {.l = l, .list = json_object_new_array(), .before = {d->text, at}};
    pb_buf opened = {0};
    closers(o.before, &opened);
    for (int try = 0; try < 2 && json_object_array_length(o.list) == 0; try++) {
        bool close = (opened.len > 0) == (try == 0); /* an open bracket is most likely the one being typed in */
        pb_buf text = {0};
        if (named || close) make_whole(d, at, close, &text);
        pb_str changed = text.data ? (pb_str){text.data, (uint32_t)text.len} : whole;
        if (!text.oom && lsp_analyse(l, d, false, &changed, &o.a) && o.a.file) complete(&o, at);
        lsp_analysis_free(&o.a);
        pb_buf_free(&text);
    }
    pb_buf_free(&opened);
    return o.list;
}

static json_object *parameter(pb_str label) {
    json_object *o = json_object_new_object();
    lsp_set(o, "label", lsp_string(label));
    return o;
}

json_object *lsp_signature(lsp *l, lsp_document *d, json_object *params) {
    pb_str whole = {d->text, (uint32_t)d->size};
    uint32_t at = lsp_offset(l, whole, lsp_get(params, "position")), argument;
    offer o = {.l = l, .before = {d->text, at}};
    pb_str callee = open_call(o.before, &argument);
    json_object *answer = NULL;
    if (callee.n && lsp_analyse(l, d, false, NULL, &o.a) && o.a.file) {
        const ast_decl *decl = callee_decl(&o, callee);
        json_object *signature = decl ? json_object_new_object() : NULL, *list = json_object_new_array(), *names = json_object_new_array();
        if (signature) {
            for (const ast_field *f = decl->params; f; f = f->next)
                json_object_array_add(names, parameter(lsp_span_text(&o.a, (pb_span){decl->span.file, f->name.span.start, f->type ? f->type->span.end : f->name.span.end})));
            lsp_set(signature, "label", lsp_string(lsp_signature_of(&o.a, decl)));
            if (decl->doc.n) lsp_set(signature, "documentation", lsp_string(decl->doc));
            lsp_set(signature, "parameters", names);
            json_object_array_add(list, signature);
            answer = json_object_new_object();
            lsp_set(answer, "signatures", list);
            lsp_set(answer, "activeSignature", json_object_new_int(0));
            lsp_set(answer, "activeParameter", json_object_new_int64(argument));
        } else {
            json_object_put(list);
            json_object_put(names);
        }
    }
    lsp_analysis_free(&o.a);
    return answer;
}
