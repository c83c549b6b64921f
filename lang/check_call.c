/*
 * check_call.c - calls: what is called, and which argument belongs to which parameter.
 *
 * `a(...)` is a function, an action or a built-in. `a.b(...)` is a built-in method when `a` has a value, an AWS
 * operation when it begins with `aws.`, else the function or action of that dotted name. After checking, a call of
 * something declared has one expression for each parameter in `resolved`, the defaults filled in (they are constants),
 * so that codegen need not know about names and order. AWS operations keep their named arguments as they are written.
 */
#include "lang/check.h"

static void check_arguments_alone(checker *c,
                                  ast_expr *e) { /* of a call that went wrong: their own mistakes, and uses */
    for (ast_arg *a = e->u.call.args; a; a = a->next) check_expr(c, a->value, NULL);
}

static void mark_callee(checker *c, ast_expr *e) {
    for (;; e = e->u.field.of) {
        e->type = check_simple(c, TYPE_VOID);
        if (e->kind != EXPR_FIELD) return;
    }
}

/* ---- functions and actions ---- */

static pb_str describe(checker *c, pb_str name) { return pb_printf(c->arena, "`%.*s`", PB_ARG(name)); }

static uint32_t parameter_count(const ast_decl *d) {
    uint32_t n = 0;
    for (const ast_field *p = d->params; p; p = p->next) n++;
    return n;
}

static ast_field *parameter_named(ast_decl *d, pb_str name, uint32_t *index) {
    *index = 0;
    for (ast_field *p = d->params; p; p = p->next, (*index)++)
        if (pb_str_eq(p->name.text, name)) return p;
    return NULL;
}

static void say_unknown_argument(checker *c, const ast_arg *a, const decl_info *d) {
    nearest n = nearest_to(a->name.text);
    for (const ast_field *p = d->decl->params; p; p = p->next) nearest_offer(&n, p->name.text);
    diag *m = diag_add(c->diags, DIAG_UNKNOWN_ARGUMENT, a->name.span, "`%.*s` has no parameter `%.*s`", PB_ARG(d->name),
                       PB_ARG(a->name.text));
    nearest_hint(c, m, &n);
    if (!n.best.n && !d->decl->params) check_hint(c, m, "it takes no arguments");
}

/* The parameter that an argument is for; NULL after a message. */
static ast_field *place_argument(checker *c, const ast_arg *a, decl_info *d, uint32_t position, bool *named,
                                 uint32_t *index) {
    if (a->name.text.s) {
        *named = true;
        ast_field *p = parameter_named(d->decl, a->name.text, index);
        if (!p) say_unknown_argument(c, a, d);
        return p;
    }
    if (*named) {
        diag *m = diag_add(c->diags, DIAG_ARGUMENT_NAMES, a->value->span,
                           "an argument without a name stands behind one with a name");
        check_hint(c, m, "put it in front, or name it");
        return NULL;
    }
    ast_field *p = d->decl->params;
    for (uint32_t i = 0; p && i < position; i++) p = p->next;
    *index = position;
    if (!p) {
        uint32_t n = parameter_count(d->decl);
        diag *m = diag_add(c->diags, DIAG_TOO_MANY_ARGUMENTS, a->value->span, "`%.*s` takes %u argument%s",
                           PB_ARG(d->name), n, n == 1 ? "" : "s");
        check_also(m, d->decl->name.span, "declared here");
    }
    return p;
}

static void fill_argument(checker *c, ast_expr *e, ast_arg *a, ast_field *p, uint32_t index) {
    ast_expr **slot = &e->u.call.resolved[index];
    if (*slot) {
        diag *m = diag_add(c->diags, DIAG_DUPLICATE_ARGUMENT, a->name.text.s ? a->name.span : a->value->span,
                           "`%.*s` is given twice", PB_ARG(p->name.text));
        check_also(m, (*slot)->span, "first given here");
        check_expr(c, a->value, NULL);
        return;
    }
    *slot = a->value;
    check_value(c, a->value, p->ty ? p->ty : c->poison, describe(c, p->name.text));
}

static void fill_defaults(checker *c, ast_expr *e, const decl_info *d, bool complain) {
    uint32_t i = 0;
    int missing = 0;
    pb_str names = {NULL, 0};
    for (ast_field *p = d->decl->params; p; p = p->next, i++) {
        if (e->u.call.resolved[i]) continue;
        e->u.call.resolved[i] = p->init;
        if (p->init) continue;
        pb_str name = describe(c, p->name.text);
        names = missing++ ? pb_printf(c->arena, "%.*s, %.*s", PB_ARG(names), PB_ARG(name)) : name;
    }
    if (!missing || !complain) return;
    diag *m = diag_add(c->diags, DIAG_MISSING_ARGUMENT, e->span, "`%.*s` needs %.*s", PB_ARG(d->name), PB_ARG(names));
    check_also(m, d->decl->name.span, "declared here");
}

static void check_arguments(checker *c, ast_expr *e, decl_info *d) {
    uint32_t n = parameter_count(d->decl), position = 0, index = 0;
    bool named = false, misplaced = false;
    e->u.call.nresolved = n;
    e->u.call.resolved = pb_alloc_array(c->arena, n, sizeof *e->u.call.resolved);
    if (!e->u.call.resolved) {
        e->u.call.nresolved = 0;
        return;
    }
    for (ast_arg *a = e->u.call.args; a; a = a->next) {
        ast_field *p = place_argument(c, a, d, position++, &named, &index);
        if (p) {
            fill_argument(c, e, a, p, index);
        } else {
            misplaced = true;
            check_expr(c, a->value, NULL);
        }
    }
    /* A misspelt name is one mistake, not also a missing argument. */
    fill_defaults(c, e, d, !misplaced);
}

/* In a test, in an action of a file of tests, and within the testing library. */
static bool may_use_testing(const checker *c) {
    return c->b->kind == BODY_TEST || (c->b->file->testing && c->b->kind != BODY_PLAYBOOK);
}

static pb_type *check_declared(checker *c, ast_expr *e, decl_info *d, bool is_do) {
    ast_decl *decl = d->decl;
    mark_callee(c, e->u.call.callee);
    check_declare(c, d);
    if (d->file->testing && d->file->builtin && !may_use_testing(c)) {
        diag *m =
            diag_add(c->diags, DIAG_TEST_ONLY, e->u.call.callee->span, "`%.*s` exists in tests only", PB_ARG(d->name));
        check_hint(c, m, "it sets up the simulated account; playbooks act on what is there");
    }
    e->u.call.decl = decl;
    if (decl->kind == DECL_FN) {
        e->u.call.kind = CALL_FN;
        effect_edge(c, d, e->span);
    } else {
        e->u.call.kind = decl->is_extern ? CALL_HOST : CALL_ACTION;
        e->u.call.effect = decl->effect;
        effect_edge(c, d, e->span);
        c->b->acts = c->b->acts || (decl->is_extern && decl->effect >= PB_CONTAIN);
        effect_call(c, e->u.call.callee->span, describe(c, d->name), decl->effect, true, is_do);
    }
    check_arguments(c, e, d);
    return decl->ty ? decl->ty : c->poison;
}

/* ---- AWS operations ---- */

static schema_service find_service(checker *c, const ast_name *name) {
    schema_service s = c->schema ? c->schema->service_find(c->schema->ctx, name->text) : 0;
    if (s) return s;
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_SERVICE, name->span, "AWS has no service `%.*s`", PB_ARG(name->text));
    nearest n = nearest_to(name->text);
    uint32_t count = c->schema ? c->schema->service_count(c->schema->ctx) : 0;
    for (uint32_t i = 0; i < count; i++) nearest_offer(&n, c->schema->service_name(c->schema->ctx, i));
    nearest_hint(c, d, &n);
    return 0;
}

static bool find_operation(checker *c, schema_service s, const ast_name *service, const ast_name *name,
                           schema_operation *op) {
    if (c->schema->operation_find(c->schema->ctx, s, name->text, op)) return true;
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_OPERATION, name->span, "aws.%.*s has no operation `%.*s`",
                       PB_ARG(service->text), PB_ARG(name->text));
    nearest n = nearest_to(name->text);
    schema_operation o;
    for (uint32_t i = 0; c->schema->operation_at(c->schema->ctx, s, i, &o); i++) nearest_offer(&n, o.name);
    nearest_hint(c, d, &n);
    return false;
}

static void say_unknown_aws_argument(checker *c, const ast_arg *a, pb_str what, pb_type *input) {
    nearest n = nearest_to(a->name.text);
    pb_str name;
    bool required;
    for (uint32_t i = 0; input && type_member_at(c->types, input, i, &name, NULL, &required); i++)
        nearest_offer(&n, name);
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_ARGUMENT, a->name.span, "%.*s has no member `%.*s`", PB_ARG(what),
                       PB_ARG(a->name.text));
    nearest_hint(c, d, &n);
}

static bool check_aws_argument(checker *c, ast_expr *e, ast_arg *a, pb_str what, pb_type *input) {
    pb_type *want = NULL;
    if (!a->name.text.s) {
        diag *d = diag_add(c->diags, DIAG_ARGUMENT_NAMES, a->value->span, "AWS operations take named arguments only");
        pb_str first;
        bool required;
        if (input && type_member_at(c->types, input, 0, &first, NULL, &required))
            check_hint(c, d, "for example `%.*s: ...`", PB_ARG(first));
    } else if (!input || !(want = type_member(c->types, input, a->name.text))) {
        say_unknown_aws_argument(c, a, what, input);
    } else {
        for (const ast_arg *b = e->u.call.args; b != a; b = b->next) {
            if (!b->name.text.s || !pb_str_eq(b->name.text, a->name.text)) continue;
            diag *d = diag_add(c->diags, DIAG_DUPLICATE_ARGUMENT, a->name.span, "`%.*s` is given twice",
                               PB_ARG(a->name.text));
            check_also(d, b->name.span, "first given here");
            break;
        }
        check_value(c, a->value, want, describe(c, a->name.text));
        return true;
    }
    check_expr(c, a->value, NULL);
    return false;
}

static bool has_argument(const ast_expr *e, pb_str name) {
    for (const ast_arg *a = e->u.call.args; a; a = a->next)
        if (a->name.text.s && pb_str_eq(a->name.text, name)) return true;
    return false;
}

static void check_aws_missing(checker *c, const ast_expr *e, pb_str what, pb_type *input) {
    pb_str name, names = {NULL, 0};
    bool required;
    int missing = 0;
    for (uint32_t i = 0; type_member_at(c->types, input, i, &name, NULL, &required); i++) {
        if (!required || has_argument(e, name)) continue;
        pb_str text = describe(c, name);
        names = missing++ ? pb_printf(c->arena, "%.*s, %.*s", PB_ARG(names), PB_ARG(text)) : text;
    }
    if (missing) diag_add(c->diags, DIAG_MISSING_ARGUMENT, e->span, "%.*s needs %.*s", PB_ARG(what), PB_ARG(names));
}

static pb_type *check_operation(checker *c, ast_expr *e, pb_str service, const schema_operation *op, bool is_do) {
    e->u.call.kind = CALL_AWS;
    e->u.call.effect = op->effect;
    e->u.call.aws = pb_printf(c->arena, "%.*s.%.*s", PB_ARG(service), PB_ARG(op->name));
    pb_str what = pb_printf(c->arena, "`aws.%.*s`", PB_ARG(e->u.call.aws));
    c->b->acts = c->b->acts || op->effect >= PB_CONTAIN;
    effect_call(c, e->u.call.callee->span, what, op->effect, true, is_do);
    if (op->deprecated)
        diag_add(c->diags, DIAG_DEPRECATED, e->u.call.callee->span, "AWS marks %.*s as deprecated", PB_ARG(what));
    pb_type *input = op->input ? type_of_shape(c->types, service, op->input, false) : NULL;
    bool placed = true;
    for (ast_arg *a = e->u.call.args; a; a = a->next) placed = check_aws_argument(c, e, a, what, input) && placed;
    if (placed && input) check_aws_missing(c, e, what, input);
    return op->output ? type_of_shape(c->types, service, op->output, false) : check_simple(c, TYPE_VOID);
}

static pb_type *check_aws(checker *c, ast_expr *e, bool is_do) {
    ast_expr *callee = e->u.call.callee, *of = callee->u.field.of;
    schema_operation op = {0};
    schema_service s = 0;
    mark_callee(c, callee);
    if (of->kind != EXPR_FIELD || of->u.field.of->kind != EXPR_NAME) {
        diag *d = diag_add(c->diags, DIAG_UNKNOWN_OPERATION, callee->span, "an AWS operation has three parts");
        check_hint(c, d, "aws.service.Operation(Member: value, ...)");
    } else {
        s = find_service(c, &of->u.field.name);
    }
    if (s && find_operation(c, s, &of->u.field.name, &callee->u.field.name, &op))
        return check_operation(c, e, of->u.field.name.text, &op, is_do);
    check_arguments_alone(c, e);
    return c->poison;
}

/* Members that are named are typed as in a call, but none is needed, and nothing is done here. */
bool check_mentioned(checker *c, ast_expr *e) {
    bool call = e->kind == EXPR_CALL;
    ast_expr *callee = call ? e->u.call.callee : e, *of = callee->kind == EXPR_FIELD ? callee->u.field.of : NULL;
    schema_operation op = {0};
    size_t errors = diag_count(c->diags, DIAG_ERROR);
    mark_callee(c, callee);
    if (!of || of->kind != EXPR_FIELD || of->u.field.of->kind != EXPR_NAME) {
        diag *d = diag_add(c->diags, DIAG_UNKNOWN_OPERATION, callee->span, "an AWS operation has three parts");
        check_hint(c, d, "aws.service.Operation(Member: value, ...)");
        return false;
    }
    schema_service s = find_service(c, &of->u.field.name);
    if (!s || !find_operation(c, s, &of->u.field.name, &callee->u.field.name, &op)) return false;
    pb_str what = check_source(c, callee->span, "the operation");
    pb_type *input = op.input ? type_of_shape(c->types, of->u.field.name.text, op.input, false) : NULL;
    for (ast_arg *a = call ? e->u.call.args : NULL; a; a = a->next) check_aws_argument(c, e, a, what, input);
    return errors == diag_count(c->diags, DIAG_ERROR);
}

/* ---- waiters ---- */

static bool find_waiter(checker *c, schema_service s, const ast_name *service, const ast_name *name, schema_waiter *w) {
    if (c->schema->waiter_find(c->schema->ctx, s, name->text, w)) return true;
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_WAITER, name->span, "aws.%.*s has no waiter `%.*s`",
                       PB_ARG(service->text), PB_ARG(name->text));
    nearest n = nearest_to(name->text);
    schema_operation op;
    schema_waiter o;
    uint32_t count = 0;
    for (; c->schema->waiter_at(c->schema->ctx, s, count, &o); count++) nearest_offer(&n, o.name);
    nearest_hint(c, d, &n);
    if (n.best.n) return false;
    if (c->schema->operation_find(c->schema->ctx, s, name->text, &op))
        check_hint(c, d, "it is an operation: `verify` reads it back until a condition holds");
    else if (!count)
        check_hint(c, d, "the service has none; `verify` reads back until a condition holds");
    return false;
}

int64_t check_waiter(checker *c, ast_expr *e) {
    ast_expr *callee = e->u.call.callee, *of = callee->kind == EXPR_FIELD ? callee->u.field.of : NULL;
    schema_waiter w;
    mark_callee(c, callee);
    if (!of || of->kind != EXPR_FIELD || of->u.field.of->kind != EXPR_NAME ||
        !pb_str_is(of->u.field.of->u.name.text, "aws")) {
        diag *d = diag_add(c->diags, DIAG_UNKNOWN_WAITER, callee->span, "`wait until` takes a waiter of AWS");
        check_hint(c, d, "aws.service.Waiter(Member: value, ...); for a condition of your own: verify");
    } else {
        const ast_name *service = &of->u.field.name, *name = &callee->u.field.name;
        schema_service s = find_service(c, service);
        if (s && find_waiter(c, s, service, name, &w)) {
            check_operation(c, e, service->text, &w.operation, true);
            e->u.call.waiter = pb_printf(c->arena, "%.*s.wait.%.*s", PB_ARG(service->text), PB_ARG(name->text));
            e->type = check_simple(c, TYPE_VOID);
            return w.limit_ms;
        }
    }
    check_arguments_alone(c, e);
    e->type = c->poison;
    return 0;
}

/* ---- what is called ---- */

/* a.b.c as text when it is names all the way; .s NULL otherwise. */
static pb_str dotted(checker *c, const ast_expr *e) {
    if (e->kind == EXPR_NAME) return e->u.name.text;
    if (e->kind != EXPR_FIELD) return (pb_str){NULL, 0};
    pb_str of = dotted(c, e->u.field.of);
    return of.s ? pb_printf(c->arena, "%.*s.%.*s", PB_ARG(of), PB_ARG(e->u.field.name.text)) : of;
}

static const ast_expr *root_of(const ast_expr *e) {
    while (e->kind == EXPR_FIELD) e = e->u.field.of;
    return e;
}

static bool has_value(checker *c, const ast_expr *root) {
    if (root->kind != EXPR_NAME) return true;
    pb_str name = root->u.name.text;
    if (scope_find(c, name) || pb_str_is(name, "run")) return true;
    decl_info *d = resolve_name(c, c->b->file, NAMES_VALUE, name);
    return d && d->decl->kind == DECL_PARAM;
}

static void offer_builtins(nearest *n) {
#define BUILTIN(id, name, receiver, params, result, text) \
    if (!*(receiver)) nearest_offer(n, PB_STR(name));
#include "lang/builtins.def"
#undef BUILTIN
}

static pb_type *unknown_call(checker *c, ast_expr *e, pb_str name) {
    const ast_expr *root = root_of(e->u.call.callee);
    decl_info *playbook = resolve_name(c, c->b->file, NAMES_PLAYBOOK, name);
    mark_callee(c, e->u.call.callee);
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_CALL, e->u.call.callee->span, "there is no function or action `%.*s`",
                       PB_ARG(name));
    nearest n = nearest_to(name);
    resolve_offer(c, c->b->file, NAMES_VALUE, &n);
    if (e->u.call.callee->kind == EXPR_NAME) offer_builtins(&n);
    nearest_hint(c, d, &n);
    if (playbook)
        check_hint(c, d, "`%.*s` is a playbook; playbooks start by their events, what they share goes into an action",
                   PB_ARG(name));
    else if (!n.best.n && root != e->u.call.callee && !resolve_is_namespace(c, c->b->file, root->u.name.text))
        check_hint(c, d, "is the file that declares it imported?");
    check_arguments_alone(c, e);
    return c->poison;
}

static pb_type *check_named_call(checker *c, ast_expr *e, bool is_do) {
    ast_expr *callee = e->u.call.callee;
    pb_str name = dotted(c, callee);
    decl_info *d = resolve_name(c, c->b->file, NAMES_VALUE, name);
    if (d && d->decl->kind != DECL_PARAM) return check_declared(c, e, d, is_do);
    if (callee->kind == EXPR_NAME && resolve_is_builtin(name)) {
        mark_callee(c, callee);
        return check_builtin(c, e, NULL, NULL, callee->u.name);
    }
    if (d || (callee->kind == EXPR_NAME && scope_find(c, name))) {
        diag_add(c->diags, DIAG_UNKNOWN_CALL, callee->span, "`%.*s` is a value and cannot be called", PB_ARG(name));
        mark_callee(c, callee);
        check_arguments_alone(c, e);
        return c->poison;
    }
    return unknown_call(c, e, name);
}

static pb_type *check_method(checker *c, ast_expr *e) {
    ast_expr *callee = e->u.call.callee, *receiver = callee->u.field.of;
    pb_type *of = check_expr(c, receiver, NULL);
    callee->type = check_simple(c, TYPE_VOID);
    if (of->kind != TYPE_POISON) return check_builtin(c, e, receiver, of, callee->u.field.name);
    check_arguments_alone(c, e);
    return of;
}

pb_type *check_call(checker *c, ast_expr *e, bool is_do) {
    ast_expr *callee = e->u.call.callee;
    if (callee->kind != EXPR_NAME && callee->kind != EXPR_FIELD) {
        diag_add(c->diags, DIAG_UNKNOWN_CALL, callee->span, "this is a value and cannot be called");
        check_expr(c, callee, NULL);
        check_arguments_alone(c, e);
        return c->poison;
    }
    const ast_expr *root = root_of(callee);
    if (callee->kind == EXPR_NAME) return check_named_call(c, e, is_do);
    if (has_value(c, root)) return check_method(c, e);
    return pb_str_is(root->u.name.text, "aws") ? check_aws(c, e, is_do) : check_named_call(c, e, is_do);
}
