/*
 * check_decl.c - declarations: types as written, signatures, deployment parameters, and the bodies of functions,
 * actions and playbooks.
 *
 * check_declare resolves a declaration on first need, so the order of declarations is free; record types are the only
 * ones that need each other to be made, and there DECL_BUSY finds a type inside itself. Bodies come after all
 * declarations.
 */
#include "lang/check.h"

void body_begin(checker *c, body *b, body_kind kind, decl_info *d) {
    *b = (body){.kind = kind, .info = d, .file = d->file, .allowed = PB_PURE, .pure_because = "a constant"};
    b->errors = diag_count(c->diags, DIAG_ERROR);
    c->b = b;
}

/* ---- types as written ---- */

static const struct {
    const char *name;
    type_kind kind;
} plain_types[] = {{"bool", TYPE_BOOL},   {"int", TYPE_INT},           {"float", TYPE_FLOAT}, {"string", TYPE_STRING},
                   {"bytes", TYPE_BYTES}, {"duration", TYPE_DURATION}, {"time", TYPE_TIME},   {"ip", TYPE_IP},
                   {"cidr", TYPE_CIDR},   {"arn", TYPE_ARN},           {"json", TYPE_JSON},   {"secret", TYPE_SECRET}};
enum { PLAIN_TYPES = sizeof plain_types / sizeof *plain_types };

static void say_unknown_type(checker *c, file_env *f, const ast_type *t, pb_str name) {
    static const struct {
        const char *theirs, *ours;
    } other[] = {{"str", "string"},    {"String", "string"}, {"text", "string"},  {"number", "int"},
                 {"integer", "int"},   {"boolean", "bool"},  {"double", "float"}, {"any", "json"},
                 {"object", "json"},   {"list", "list[T]"},  {"map", "map[T]"},   {"dict", "map[T]"},
                 {"array", "list[T]"}, {"timestamp", "time"}};
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_TYPE, t->span, "there is no type `%.*s`", PB_ARG(name));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        if (!pb_str_is(name, other[i].theirs)) continue;
        check_hint(c, d, "write `%s`", other[i].ours);
        return;
    }
    nearest n = nearest_to(name);
    for (int i = 0; i < PLAIN_TYPES; i++) nearest_offer(&n, pb_str_c(plain_types[i].name));
    resolve_offer(c, f, NAMES_TYPE, &n);
    nearest_hint(c, d, &n);
}

static pb_type *say_unknown_shape(checker *c, schema_service s, const ast_path *p) {
    const ast_name *name = &p->parts[2];
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_SHAPE, name->span, "aws.%.*s has no shape `%.*s`",
                       PB_ARG(p->parts[1].text), PB_ARG(name->text));
    nearest n = nearest_to(name->text);
    uint32_t count = c->schema->shape_count(c->schema->ctx, s);
    for (uint32_t i = 0; i < count; i++) {
        schema_shape_info info = {0};
        c->schema->shape_info(c->schema->ctx, c->schema->shape_at(c->schema->ctx, s, i), &info);
        nearest_offer(&n, info.name);
    }
    nearest_hint(c, d, &n);
    return c->poison;
}

static pb_type *shape_type(checker *c, const ast_type *t, bool wire) {
    const ast_path *p = &t->name;
    if (p->n != 3) {
        diag *d = diag_add(c->diags, DIAG_UNKNOWN_TYPE, t->span, "an AWS type has three parts");
        check_hint(c, d, "aws.service.Shape, for example aws.ec2.Instance");
        return c->poison;
    }
    schema_service s = c->schema ? c->schema->service_find(c->schema->ctx, p->parts[1].text) : 0;
    if (!s) {
        diag *d = diag_add(c->diags, DIAG_UNKNOWN_SERVICE, p->parts[1].span, "AWS has no service `%.*s`",
                           PB_ARG(p->parts[1].text));
        nearest n = nearest_to(p->parts[1].text);
        uint32_t count = c->schema ? c->schema->service_count(c->schema->ctx) : 0;
        for (uint32_t i = 0; i < count; i++) nearest_offer(&n, c->schema->service_name(c->schema->ctx, i));
        nearest_hint(c, d, &n);
        return c->poison;
    }
    schema_shape shape = c->schema->shape_find(c->schema->ctx, s, p->parts[2].text);
    return shape ? type_of_shape(c->types, p->parts[1].text, shape, wire) : say_unknown_shape(c, s, p);
}

static pb_type *named_type(checker *c, file_env *f, ast_type *t) {
    pb_str name = check_path_text(c, &t->name);
    for (int i = 0; i < PLAIN_TYPES && t->name.n == 1; i++)
        if (pb_str_is(name, plain_types[i].name)) return check_simple(c, plain_types[i].kind);
    if (t->name.n && pb_str_is(t->name.parts[0].text, "aws")) return shape_type(c, t, false);
    decl_info *d = resolve_name(c, f, NAMES_TYPE, name);
    if (!d) {
        say_unknown_type(c, f, t, name);
        return c->poison;
    }
    if (d->state == DECL_BUSY) {
        diag *m = diag_add(c->diags, DIAG_TYPE_CYCLE, t->span, "type `%.*s` contains itself here", PB_ARG(name));
        check_also(m, d->decl->name.span, "declared here");
        check_hint(c, m, "use `json` for data of unknown depth");
        return c->poison;
    }
    check_declare(c, d);
    return d->decl->ty ? d->decl->ty : c->poison;
}

static pb_type *record_type(checker *c, file_env *f, ast_type *t, pb_str name) {
    type_field *first = NULL, **end = &first;
    for (ast_field *a = t->fields; a; a = a->next) {
        const ast_field *b = t->fields;
        while (b != a && !pb_str_eq(b->name.text, a->name.text)) b = b->next;
        if (b != a) {
            diag *d = diag_add(c->diags, DIAG_DUPLICATE_KEY, a->name.span, "the field `%.*s` is declared twice",
                               PB_ARG(a->name.text));
            check_also(d, b->name.span, "first declared here");
        }
        a->ty = check_type(c, f, a->type);
        type_field *n = b == a ? pb_alloc(c->arena, sizeof *n) : NULL;
        if (!n) continue;
        n->name = a->name.text;
        n->type = a->ty;
        *end = n;
        end = &n->next;
    }
    return type_record(c->types, name, first);
}

pb_type *check_type(checker *c, file_env *f, ast_type *t) {
    pb_type *r = c->poison;
    switch (t->kind) {
    case AST_TYPE_NAME: r = named_type(c, f, t); break;
    case AST_TYPE_LIST:
        r = check_type(c, f, t->elem);
        r = type_list(c->types, r);
        break;
    case AST_TYPE_MAP:
        r = check_type(c, f, t->elem);
        r = type_map(c->types, r);
        break;
    case AST_TYPE_RECORD: r = record_type(c, f, t, (pb_str){NULL, 0}); break;
    }
    return t->optional ? type_opt(c->types, r) : r;
}

pb_type *check_schema_type(checker *c, file_env *f, ast_type *t) {
    bool shape = t->kind == AST_TYPE_NAME && t->name.n && pb_str_is(t->name.parts[0].text, "aws");
    return shape ? shape_type(c, t, true) : check_type(c, f, t);
}

/* ---- parameters and defaults ---- */

/* A default value: constant, of the type, and pure; it is evaluated where the call is. */
static void check_default(checker *c, decl_info *d, ast_expr *init, pb_type *want, pb_str what) {
    body b, *before = c->b;
    if (!check_constant(c, init, "a default value")) return;
    body_begin(c, &b, BODY_CONSTANT, d);
    check_value(c, init, want, what);
    c->b = before;
}

static bool settable(const pb_type *t) {
    if (t->optional) return false;
    if (t->kind == TYPE_LIST) return t->elem->kind == TYPE_STRING || t->elem->kind == TYPE_POISON;
    return t->kind == TYPE_POISON || (t->kind >= TYPE_BOOL && t->kind <= TYPE_ARN && t->kind != TYPE_BYTES) ||
           t->kind == TYPE_SECRET;
}

static void check_param(checker *c, decl_info *d) {
    ast_decl *p = d->decl;
    p->ty = p->type ? check_type(c, d->file, p->type) : c->poison;
    if (!settable(p->ty)) {
        pb_str type = check_type_text(c, p->ty);
        diag *m =
            diag_add(c->diags, DIAG_PARAM_TYPE, p->type->span, "a deployment parameter cannot be %.*s", PB_ARG(type));
        check_hint(c, m,
                   p->ty->optional
                       ? "give it a default instead of `?`"
                       : "it is bool, int, float, string, duration, time, ip, cidr, arn, secret or list[string]");
        p->ty = c->poison;
    }
    if (!p->expr) return;
    pb_str what = pb_printf(c->arena, "`%.*s`", PB_ARG(d->name));
    if (p->expr->kind == EXPR_LIST || p->ty->kind == TYPE_TIME) {
        diag *m = diag_add(c->diags, DIAG_LIMIT_DEFAULT, p->expr->span,
                           "the default of parameter %.*s must be a plain constant", PB_ARG(what));
        check_hint(c, m, "leave the default out, so that it must be set");
        return;
    }
    if (p->ty->kind == TYPE_SECRET) {
        diag *m = diag_add(c->diags, DIAG_SECRET_LEAK, p->expr->span,
                           "a secret has no default: it would stand in the source and in the image");
        check_hint(c, m, "leave the default out and set the parameter from the environment");
        return;
    }
    check_default(c, d, p->expr, p->ty, what);
}

static void check_parameters(checker *c, decl_info *d) {
    for (ast_field *p = d->decl->params; p; p = p->next) {
        const ast_field *q = d->decl->params;
        while (q != p && !pb_str_eq(q->name.text, p->name.text)) q = q->next;
        if (q != p) {
            diag *m = diag_add(c->diags, DIAG_DUPLICATE_KEY, p->name.span, "the parameter `%.*s` is declared twice",
                               PB_ARG(p->name.text));
            check_also(m, q->name.span, "first declared here");
        }
        p->ty = p->type ? check_type(c, d->file, p->type) : c->poison;
        if (p->init) check_default(c, d, p->init, p->ty, pb_printf(c->arena, "`%.*s`", PB_ARG(p->name.text)));
    }
}

/* ---- signatures ---- */

static void check_target(checker *c, decl_info *d) {
    const ast_name *t = &d->decl->target;
    if (!t->text.s) return;
    nearest n = nearest_to(t->text);
    for (const ast_field *p = d->decl->params; p; p = p->next) {
        if (pb_str_eq(p->name.text, t->text)) return;
        nearest_offer(&n, p->name.text);
    }
    diag *m = diag_add(c->diags, DIAG_UNKNOWN_TARGET, t->span, "`%.*s` has no parameter `%.*s` to act on",
                       PB_ARG(d->name), PB_ARG(t->text));
    nearest_hint(c, m, &n);
}

static void check_signature(checker *c, decl_info *d) {
    ast_decl *a = d->decl;
    a->ty = a->type ? check_type(c, d->file, a->type) : check_simple(c, TYPE_VOID);
    check_parameters(c, d);
    if (a->kind == DECL_FN) {
        if (a->type) return;
        diag *m =
            diag_add(c->diags, DIAG_NO_RESULT_TYPE, a->name.span, "`%.*s` does not say what it gives", PB_ARG(d->name));
        check_hint(c, m, "write a type behind the parameters: `fn %.*s(...): string = ...`", PB_ARG(d->name));
        a->ty = c->poison;
        return;
    }
    check_target(c, d);
    if (a->is_extern && !d->file->builtin) {
        diag *m = diag_add(c->diags, DIAG_EXTERN_OUTSIDE, a->name.span,
                           "`%.*s` cannot be extern: only the standard library has actions in C", PB_ARG(d->name));
        check_hint(c, m, "write the action in the language, over aws.* and the library's actions");
    }
    if (a->is_extern) a->inferred = a->effect;
    if (a->undo_none.s && !a->undo_none.n)
        diag_add(c->diags, DIAG_BAD_UNDO, a->name.span, "`undo none` says why it cannot be undone");
}

static void check_type_decl(checker *c, decl_info *d) {
    if (d->decl->type && d->decl->type->kind == AST_TYPE_RECORD)
        d->decl->ty = record_type(c, d->file, d->decl->type, d->name);
    else
        d->decl->ty = c->poison;
}

void check_declare(checker *c, decl_info *d) {
    body *before = c->b;
    if (d->state != DECL_NEW) return;
    d->state = DECL_BUSY;
    switch (d->decl->kind) {
    case DECL_PARAM: check_param(c, d); break;
    case DECL_TYPE: check_type_decl(c, d); break;
    case DECL_EVENT: check_event(c, d); break;
    case DECL_FN:
    case DECL_ACTION: check_signature(c, d); break;
    case DECL_GUARD: break;
    case DECL_TEST: break; /* check_program, when the playbooks are known */
    case DECL_SITE: check_site(c, d); break;
    case DECL_IMPORT:
    case DECL_PLAYBOOK: break;
    }
    d->state = DECL_DONE;
    c->b = before;
}

/* ---- bodies ---- */

static void open_parameters(checker *c, decl_info *d) {
    for (ast_field *p = d->decl->params; p; p = p->next)
        p->local = scope_add(c, p->name, p->ty ? p->ty : c->poison, false);
}

static void check_fn(checker *c, decl_info *d) {
    body b;
    body_begin(c, &b, BODY_FN, d);
    b.pure_because = "the body of a fn";
    open_parameters(c, d);
    check_value(c, d->decl->expr, d->decl->ty, pb_printf(c->arena, "`%.*s`", PB_ARG(d->name)));
    scope_close(c, NULL);
    d->decl->nlocals = b.nlocals;
}

static void check_action(checker *c, decl_info *d) {
    body b;
    ast_decl *a = d->decl;
    if (a->is_extern) return;
    body_begin(c, &b, BODY_ACTION, d);
    b.allowed = PB_READ;
    open_parameters(c, d);
    bool leaves = check_statements(c, a->body);
    check_undo(c, d, &b);
    scope_close(c, NULL);
    a->nlocals = b.nlocals;
    check_undo_missing(c, d);
    if (!leaves && a->ty->kind != TYPE_VOID && a->ty->kind != TYPE_POISON && !a->ty->optional) {
        pb_str type = check_type_text(c, a->ty);
        diag *m =
            diag_add(c->diags, DIAG_MISSING_RETURN, a->name.span,
                     "`%.*s` gives %.*s, but can come to its end without `return`", PB_ARG(d->name), PB_ARG(type));
        check_hint(c, m, "end every way through it with `return` or `fail`");
    }
    effect_action_done(c, d);
}

static decl_info *find_event(checker *c, decl_info *d) {
    ast_path *p = &d->decl->event;
    pb_str name = check_path_text(c, p);
    decl_info *e = p->n ? resolve_name(c, d->file, NAMES_EVENT, name) : NULL;
    if (e || !p->n) return e;
    diag *m = diag_add(c->diags, DIAG_UNKNOWN_EVENT, p->span, "there is no event `%.*s`", PB_ARG(name));
    nearest n = nearest_to(name);
    resolve_offer(c, d->file, NAMES_EVENT, &n);
    nearest_hint(c, m, &n);
    return NULL;
}

/* The `where`s right behind `when` decide whether the event matches: pure, without reads. */
static ast_stmt *check_leading(checker *c, ast_stmt *s) {
    c->b->pure_because = "a `where` right behind `when`, which decides whether the event matches";
    for (; s && s->kind == STMT_WHERE; s = s->next)
        if (check_condition(c, s->expr, "`where`")) c->b->facts = narrow_when(c, c->b->facts, s->expr, true);
    c->b->allowed = PB_READ;
    return s;
}

static void check_playbook(checker *c, decl_info *d) {
    body b;
    ast_decl *p = d->decl;
    body_begin(c, &b, BODY_PLAYBOOK, d);
    check_playbook_header(c, d);
    decl_info *e = find_event(c, d);
    if (e) {
        check_declare(c, e);
        p->event_decl = e->decl;
    }
    pb_type *type = e && e->decl->ty ? e->decl->ty : c->poison;
    ast_name name = p->event_as.text.s ? p->event_as : (ast_name){PB_STR("_event"), p->event.span};
    p->event_local = scope_add(c, name, type, false);
    check_dedupe(c, p);
    check_statements(c, check_leading(c, p->body));
    scope_close(c, NULL);
    p->nlocals = b.nlocals;
    p->inferred = b.effect;
    if (!b.has_record) {
        diag *m = diag_add(c->diags, DIAG_NO_RECORD, p->name.span, "playbook `%.*s` records nothing", PB_ARG(d->name));
        check_hint(c, m, "say what was affected: record { affected_resource: ... }");
    }
}

void check_body(checker *c, decl_info *d) {
    switch (d->decl->kind) {
    case DECL_FN: check_fn(c, d); break;
    case DECL_ACTION: check_action(c, d); break;
    case DECL_GUARD: check_guard(c, d); break;
    case DECL_PLAYBOOK: check_playbook(c, d); break;
    default: break;
    }
    c->b = NULL;
}
