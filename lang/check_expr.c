/*
 * check_expr.c - expressions: names, fields, indexes, text with ${ }, comprehensions, `as`. Operators are in
 * check_op.c, calls in check_call.c, literals of lists and maps in check_value.c.
 *
 * check_expr gives every expression its type. What cannot be typed gets poison after one message; poison says nothing
 * more. An absent value spreads by itself through fields, indexes and methods (their types become optional); narrowing
 * (narrow.c) takes the `?` away again where a path is known to exist.
 */
#include "lang/check.h"

/* ---- names ---- */

static bool bound_by_sibling(checker *c, pb_str name, pb_span *where) {
    if (!c->b->parallel) return false;
    for (const ast_stmt *s = c->b->parallel->body; s; s = s->next)
        if (s->name.text.s && pb_str_eq(s->name.text, name)) return *where = s->name.span, true;
    return false;
}

static void say_not_a_value(checker *c, pb_span span, pb_str name, const char *what, const char *cure) {
    diag *d = diag_add(c->diags, DIAG_NOT_A_VALUE, span, "`%.*s` is %s, not a value", PB_ARG(name), what);
    if (*cure) check_hint(c, d, "%s", cure);
}

static void offer_locals(checker *c, nearest *n) {
    for (scope_entry *s = c->b->scope; s; s = s->next) nearest_offer(n, s->local->name.text);
    for (decl_info *d = c->b->file->decls; d; d = d->next)
        if (d->decl->kind == DECL_PARAM) nearest_offer(n, d->name);
    nearest_offer(n, PB_STR("run"));
}

static bool said_unknown(checker *c, pb_str name) {
    for (const unknown_name *u = c->b->unknown; u; u = u->next)
        if (pb_str_eq(u->name, name)) return true;
    unknown_name *u = pb_alloc(c->arena, sizeof *u);
    if (!u) return true;
    u->name = name;
    u->next = c->b->unknown;
    c->b->unknown = u;
    return false;
}

static void say_unknown_name(checker *c, const ast_name *name) {
    pb_span where;
    if (said_unknown(c, name->text) || undo_says_later(c, name)) return;
    if (bound_by_sibling(c, name->text, &where)) {
        diag *d = diag_add(c->diags, DIAG_BRANCH_NAME, name->span,
                           "`%.*s` does not exist yet: another branch of this parallel binds it", PB_ARG(name->text));
        check_also(d, where, "bound in this branch");
        check_hint(c, d, "the branches run at the same time; use the name behind the block");
        return;
    }
    if (resolve_is_namespace(c, c->b->file, name->text) || pb_str_is(name->text, "aws")) {
        say_not_a_value(c, name->span, name->text, "the first part of the names of actions", "");
        return;
    }
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_NAME, name->span, "there is no `%.*s` here", PB_ARG(name->text));
    nearest n = nearest_to(name->text);
    offer_locals(c, &n);
    if (pb_str_is(name->text, "null") || pb_str_is(name->text, "nil") || pb_str_is(name->text, "undefined") ||
        pb_str_is(name->text, "None"))
        check_hint(c, d, "what is absent is `none`; whether something is there, `x exists` says");
    else if (pb_str_is(name->text, "True") || pb_str_is(name->text, "False"))
        check_hint(c, d, "write it in small letters");
    else if (pb_str_is(name->text, "error"))
        check_hint(c, d, "`error` exists in the else { } of a `do` and in on failure { }");
    else
        nearest_hint(c, d, &n);
    ast_local *meant = n.best.n ? scope_find(c, n.best) : NULL;
    if (meant) meant->uses++; /* no second message, that it is never used */
}

static pb_type *check_declared_name(checker *c, ast_expr *e, decl_info *d) {
    if (d->decl->kind != DECL_PARAM) {
        say_not_a_value(c, e->span, d->name, d->decl->kind == DECL_FN ? "a function" : "an action",
                        "call it: write (...) behind it");
        return c->poison;
    }
    if (c->b->kind == BODY_CONSTANT) {
        diag_add(c->diags, DIAG_NOT_CONSTANT, e->span, "a deployment parameter is no constant");
        return c->poison;
    }
    e->name_kind = NAME_PARAM;
    e->param = d->decl;
    check_declare(c, d);
    return d->decl->ty ? d->decl->ty : c->poison;
}

static pb_type *narrowed(checker *c, const ast_expr *e, pb_type *t) {
    narrow_path p;
    if (!t->optional || t->kind == TYPE_NONE || !c->b->facts || !narrow_path_of(e, &p)) return t;
    return narrow_knows(c->b->facts, &p) ? type_base(t) : t;
}

static pb_type *check_name(checker *c, ast_expr *e) {
    ast_name *name = &e->u.name;
    ast_local *l = scope_find(c, name->text);
    if (l) {
        l->uses++;
        e->name_kind = NAME_LOCAL;
        e->local = l;
        return narrowed(c, e, l->type);
    }
    if (pb_str_is(name->text, "run") && c->b->kind != BODY_CONSTANT) {
        e->name_kind = NAME_RUN;
        return c->run;
    }
    decl_info *d = resolve_name(c, c->b->file, NAMES_VALUE, name->text);
    if (d) return check_declared_name(c, e, d);
    if (resolve_is_builtin(name->text))
        say_not_a_value(c, e->span, name->text, "a built-in function", "call it: write (...) behind it");
    else
        say_unknown_name(c, name);
    return c->poison;
}

/* ---- fields and indexes ---- */

/* The root of a.b.c when it is all names, and is nothing that has a value: then it can only be the name of something to
 * call. */
static const ast_expr *callable_root(checker *c, const ast_expr *e) {
    while (e->kind == EXPR_FIELD) e = e->u.field.of;
    if (e->kind != EXPR_NAME || scope_find(c, e->u.name.text)) return NULL;
    pb_str name = e->u.name.text;
    if (pb_str_is(name, "run") || resolve_name(c, c->b->file, NAMES_VALUE, name)) return NULL;
    return pb_str_is(name, "aws") || resolve_is_namespace(c, c->b->file, name) ? e : NULL;
}

static void say_unknown_field(checker *c, const ast_expr *e, pb_type *of) {
    const ast_name *field = &e->u.field.name;
    nearest n = nearest_to(field->text);
    pb_str name, type = check_type_text(c, of);
    bool required;
    for (uint32_t i = 0; type_member_at(c->types, of, i, &name, NULL, &required); i++) nearest_offer(&n, name);
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_FIELD, field->span, "%.*s has no field `%.*s`", PB_ARG(type),
                       PB_ARG(field->text));
    if (n.best.n)
        nearest_hint(c, d, &n);
    else if (of->kind == TYPE_MAP)
        check_hint(c, d, "the value of a key is read with [\"%.*s\"]", PB_ARG(field->text));
    else if (check_is_method(field->text))
        check_hint(c, d, "`%.*s` is a method: write `.%.*s()`", PB_ARG(field->text), PB_ARG(field->text));
    else if (of->kind == TYPE_LIST)
        check_hint(c, d, "take one item first, with `.first()` or `[0]`, or go over them with a comprehension");
}

/* `ec2.isolate` or `aws.ec2.DescribeInstances` without (...). */
static pb_type *callable_as_value(checker *c, const ast_expr *e) {
    pb_str text = check_source(c, e->span, "this");
    pb_str name = text.n > 2 && text.s[0] == '`' ? (pb_str){text.s + 1, text.n - 2} : text;
    decl_info *d = resolve_name(c, c->b->file, NAMES_VALUE, name);
    if (d) {
        say_not_a_value(c, e->span, name, d->decl->kind == DECL_FN ? "a function" : "an action",
                        "call it: write (...) behind it");
        return c->poison;
    }
    diag *m = diag_add(c->diags, DIAG_NOT_A_VALUE, e->span, "%.*s is not a value", PB_ARG(text));
    check_hint(c, m, "an action or operation is called: write (...) behind it");
    return c->poison;
}

static pb_type *check_field(checker *c, ast_expr *e) {
    if (callable_root(c, e)) return callable_as_value(c, e);
    pb_type *full = check_expr(c, e->u.field.of, NULL), *of = type_base(full);
    if (of->kind == TYPE_POISON) return of;
    pb_type *t = of->kind == TYPE_JSON ? type_opt(c->types, of) : type_member(c->types, of, e->u.field.name.text);
    if (!t) {
        say_unknown_field(c, e, of);
        return c->poison;
    }
    if (full->optional) t = type_opt(c->types, t);
    return narrowed(c, e, t);
}

static pb_type *check_json_index(checker *c, ast_expr *e, pb_type *json) {
    pb_type *i = check_settled(c, e->u.binary.right, NULL, "an index needs a value");
    if (i->kind != TYPE_POISON && i->kind != TYPE_INT && i->kind != TYPE_STRING) {
        pb_str type = check_type_text(c, i);
        diag_add(c->diags, DIAG_TYPE_MISMATCH, e->u.binary.right->span, "json is indexed by int or string, not %.*s",
                 PB_ARG(type));
    }
    return type_opt(c->types, json);
}

static void say_no_index(checker *c, const ast_expr *e, pb_type *of) {
    pb_str type = check_type_text(c, of);
    const ast_expr *index = e->u.binary.right;
    diag *d = diag_add(c->diags, DIAG_TYPE_MISMATCH, e->span, "%.*s cannot be indexed", PB_ARG(type));
    if ((of->kind == TYPE_RECORD || of->kind == TYPE_SHAPE) && index->kind == EXPR_STRING)
        check_hint(c, d, "a field is read with `.%.*s`", PB_ARG(index->u.string));
    else if (type_is_text(of))
        check_hint(c, d, "characters are taken with `.slice(from, to)`");
}

static pb_type *check_index(checker *c, ast_expr *e) {
    pb_type *of = type_base(check_expr(c, e->u.binary.left, NULL));
    switch (of->kind) {
    case TYPE_LIST: check_value(c, e->u.binary.right, check_simple(c, TYPE_INT), PB_STR("the index of a list")); break;
    case TYPE_MAP: check_value(c, e->u.binary.right, check_simple(c, TYPE_STRING), PB_STR("the key of a map")); break;
    case TYPE_JSON: return check_json_index(c, e, of);
    default:
        check_expr(c, e->u.binary.right, NULL);
        if (of->kind != TYPE_POISON) say_no_index(c, e, of);
        return c->poison;
    }
    return narrowed(c, e, type_opt(c->types, of->elem));
}

/* ---- values that must be there ---- */

pb_type *check_settled(checker *c, ast_expr *e, pb_type *want, const char *what) {
    pb_type *t = check_expr(c, e, want);
    if (t->kind == TYPE_VOID) {
        diag_add(c->diags, DIAG_NO_RESULT, e->span, "the call gives nothing that could be used here");
        return c->poison;
    }
    if (t->optional) {
        say_maybe_absent(c, e, what);
        return t->kind == TYPE_NONE ? c->poison : type_base(t);
    }
    return t;
}

bool check_condition(checker *c, ast_expr *e, const char *what) {
    pb_type *t = check_expr(c, e, NULL);
    if (t->kind == TYPE_BOOL && t->optional) {
        pb_str text = check_source(c, e->span, "the condition");
        diag *d = diag_add(c->diags, DIAG_MAYBE_ABSENT, e->span, "%.*s may be absent, but %s needs true or false",
                           PB_ARG(text), what);
        check_hint(c, d, "compare it: `== true` is false when it is absent; or give a default with `??`");
        return false;
    }
    if (t->kind == TYPE_BOOL || t->kind == TYPE_POISON) return t->kind == TYPE_BOOL;
    pb_str type = check_type_text(c, t);
    diag *d = diag_add(c->diags, t->kind == TYPE_JSON ? DIAG_JSON_UNSETTLED : DIAG_TYPE_MISMATCH, e->span,
                       "%s needs true or false, not %.*s", what, PB_ARG(type));
    if (t->kind == TYPE_JSON)
        check_hint(c, d, "settle its type: `(... as bool) == true`");
    else if (t->optional)
        check_hint(c, d, "ask whether it is there with `exists`");
    return false;
}

/* ---- text ---- */

static void check_part(checker *c, ast_expr *e) {
    pb_type *t = check_settled(c, e, NULL, "a text needs a value");
    if (t->has_secret) {
        diag *d = diag_add(c->diags, DIAG_SECRET_LEAK, e->span, "a secret cannot be written into a text");
        check_hint(c, d, "leave it out; a secret only goes to a parameter of type secret");
    } else if (t->kind == TYPE_JSON) {
        diag *d = diag_add(c->diags, DIAG_JSON_UNSETTLED, e->span, "untyped json cannot be written into a text");
        check_hint(c, d, "settle its type with `as string`, or write it as JSON with json_text(...)");
    }
}

static pb_type *check_interp(checker *c, ast_expr *e) {
    for (ast_arg *a = e->u.list; a; a = a->next) check_part(c, a->value);
    return check_simple(c, TYPE_STRING);
}

/* ---- comprehensions, any, all ---- */

/* What one item of an iterated list is; an optional list is fine, absent means empty. */
static pb_type *item_type(checker *c, ast_expr *list, const char *what) {
    pb_type *full = check_expr(c, list, NULL), *t = type_base(full);
    if (t->kind == TYPE_LIST) return t->elem;
    if (t->kind == TYPE_POISON) return t;
    pb_str type = check_type_text(c, full);
    diag *d = diag_add(c->diags, t->kind == TYPE_JSON ? DIAG_JSON_UNSETTLED : DIAG_NOT_A_LIST, list->span,
                       "%s goes over a list, not %.*s", what, PB_ARG(type));
    if (t->kind == TYPE_MAP)
        check_hint(c, d, "go over its `.keys()` or `.values()`");
    else if (t->kind == TYPE_JSON)
        check_hint(c, d, "settle its type: `as list[json]`, for example");
    return c->poison;
}

pb_type *check_item_type(checker *c, ast_expr *list) { return item_type(c, list, "`for`"); }

static pb_type *check_comp(checker *c, ast_expr *e, pb_type *want) {
    const char *what = e->kind == EXPR_COMP ? "a comprehension" : e->kind == EXPR_ANY ? "`any`" : "`all`";
    pb_type *item = item_type(c, e->u.comp.list, what), *result = check_simple(c, TYPE_BOOL);
    scope_entry *scope = c->b->scope;
    narrow_fact *facts = c->b->facts;
    e->u.comp.local = scope_add(c, e->u.comp.var, item, false);
    if (e->u.comp.cond && check_condition(c, e->u.comp.cond, "the `if` of a comprehension"))
        c->b->facts = narrow_when(c, facts, e->u.comp.cond, true);
    if (e->kind == EXPR_COMP) {
        pb_type *elem = want && type_base(want)->kind == TYPE_LIST ? type_base(want)->elem : NULL;
        pb_type *value = check_expr(c, e->u.comp.value, elem);
        if (value->kind == TYPE_VOID) {
            diag_add(c->diags, DIAG_NO_RESULT, e->u.comp.value->span, "the call gives nothing that could be listed");
            value = c->poison;
        }
        result = value->kind == TYPE_POISON ? value : type_list(c->types, value);
    } else {
        check_condition(c, e->u.comp.value, what);
    }
    c->b->facts = facts;
    scope_close(c, scope);
    return result;
}

/* ---- as ---- */

static bool castable(const pb_type *t, unsigned depth) {
    if (t->kind == TYPE_SHAPE || t->has_secret) return false;
    if (!depth) return true;
    if (t->kind == TYPE_LIST || t->kind == TYPE_MAP) return castable(t->elem, depth - 1);
    if (t->kind != TYPE_RECORD) return true;
    for (const type_field *f = t->fields; f; f = f->next)
        if (!castable(f->type, depth - 1)) return false;
    return true;
}

static pb_type *check_as(checker *c, ast_expr *e) {
    enum {
        LOOK = 6
    }; /* levels of a declared type in which a shape is looked for; deeper ones are caught by the type's own use */
    pb_type *from = check_expr(c, e->u.as.value, NULL), *to = check_type(c, c->b->file, e->u.as.type);
    if (from->kind == TYPE_POISON || to->kind == TYPE_POISON) return c->poison;
    pb_str has = check_type_text(c, from), need = check_type_text(c, to);
    if (from->kind != TYPE_JSON) {
        diag *d = diag_add(c->diags, DIAG_BAD_AS, e->span, "`as` settles untyped json, but this is %.*s already",
                           PB_ARG(has));
        if (type_fits(c->types, from, to) == FIT_OK) check_hint(c, d, "leave `as` out");
        return c->poison;
    }
    if (!castable(to, LOOK)) {
        diag *d = diag_add(c->diags, DIAG_BAD_AS, e->u.as.type->span, "json cannot be read as %.*s", PB_ARG(need));
        check_hint(c, d,
                   to->has_secret ? "secrets come from deployment parameters only"
                                  : "declare a `type` with the fields you need");
        return c->poison;
    }
    return type_opt(c->types, to);
}

/* ---- all of them ---- */

static pb_type *check_exists(checker *c, ast_expr *e) {
    pb_type *t = check_expr(c, e->u.unary, NULL);
    if (t->kind == TYPE_VOID)
        diag_add(c->diags, DIAG_NO_RESULT, e->u.unary->span, "the call gives nothing that could exist");
    else if (!t->optional && t->kind != TYPE_POISON) {
        pb_str text = check_source(c, e->u.unary->span, "this value");
        diag *d = diag_add(c->diags, DIAG_ALWAYS_EXISTS, e->span,
                           "%.*s is never absent here, so `exists` is always true", PB_ARG(text));
        check_hint(c, d, "leave the test out");
    }
    return check_simple(c, TYPE_BOOL);
}

static pb_type *check_kind(checker *c, ast_expr *e, pb_type *want) {
    switch (e->kind) {
    case EXPR_NONE: return check_simple(c, TYPE_NONE);
    case EXPR_BOOL: return check_simple(c, TYPE_BOOL);
    case EXPR_INT: return check_simple(c, TYPE_INT);
    case EXPR_FLOAT: return check_simple(c, TYPE_FLOAT);
    case EXPR_DURATION: return check_simple(c, TYPE_DURATION);
    case EXPR_STRING: return check_simple(c, TYPE_STRING);
    case EXPR_INTERP: return check_interp(c, e);
    case EXPR_NAME: return check_name(c, e);
    case EXPR_FIELD: return check_field(c, e);
    case EXPR_INDEX: return check_index(c, e);
    case EXPR_CALL: return check_call(c, e, false);
    case EXPR_LIST: return check_list(c, e, want);
    case EXPR_MAP: return check_map(c, e, want);
    case EXPR_NOT: check_condition(c, e->u.unary, "`not`"); return check_simple(c, TYPE_BOOL);
    case EXPR_NEG: return check_negative(c, e);
    case EXPR_EXISTS: return check_exists(c, e);
    case EXPR_BINARY: return check_binary(c, e, want);
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL: return check_comp(c, e, want);
    case EXPR_AS: return check_as(c, e);
    }
    return c->poison;
}

pb_type *check_expr(checker *c, ast_expr *e, pb_type *want) {
    body *b = c->b;
    if (b->depth >= CHECK_MAX_DEPTH) {
        if (!b->too_deep)
            diag_add(c->diags, DIAG_LIMIT_NESTING, e->span, "this is nested more than %d deep", CHECK_MAX_DEPTH);
        b->too_deep = true;
        return e->type = c->poison;
    }
    b->depth++;
    e->type = check_kind(c, e, want);
    b->depth--;
    return e->type;
}
