/*
 * check_value.c - an expression where a value of a known type is needed.
 *
 * Literals are checked downwards: { Key: "a" } where an aws.ec2.Tag is wanted is held against that structure member by
 * member, so a misspelt member is named where it stands. Everything else is typed first and compared then. Literals are
 * also held against what AWS's model says about lengths, ranges, patterns and enumerations. To send a value that the
 * model does not know yet, write string("...") around it: what is computed is not held against them.
 */
#include "lang/check.h"

/* ---- what does not fit ---- */

static void say_needs_making(checker *c, const ast_expr *e, const pb_type *want, pb_str what, pb_str have,
                             pb_str need) {
    diag *d = diag_add(c->diags, DIAG_TYPE_MISMATCH, e->span, "%.*s takes %.*s, not %.*s", PB_ARG(what), PB_ARG(need),
                       PB_ARG(have));
    const char *maker = want->kind == TYPE_ARN    ? "arn"
                        : want->kind == TYPE_IP   ? "ip"
                        : want->kind == TYPE_CIDR ? "cidr"
                                                  : "time";
    pb_str text = check_source(c, e->span, "...");
    if (text.n > 2 && text.s[0] == '`') text = (pb_str){text.s + 1, text.n - 2};
    check_hint(c, d, "make one of it: `%s(%.*s)`%s", maker, PB_ARG(text),
               e->kind == EXPR_STRING ? "" : ", which is absent when the text is not one");
}

static void say_secret(checker *c, const ast_expr *e, pb_str what, pb_str need) {
    diag *d = diag_add(c->diags, DIAG_SECRET_LEAK, e->span, "a secret cannot become %.*s of type %.*s", PB_ARG(what),
                       PB_ARG(need));
    check_hint(c, d, "a secret can only be given to a parameter of type secret");
}

void say_maybe_absent(checker *c, const ast_expr *e, const char *needs) {
    pb_str text = check_source(c, e->span, "this value");
    diag *d = diag_add(c->diags, DIAG_MAYBE_ABSENT, e->span, "%.*s may be absent, but %s", PB_ARG(text), needs);
    narrow_path path;
    if (text.n > 2 && text.s[0] == '`') text = (pb_str){text.s + 1, text.n - 2};
    if (e->kind == EXPR_NONE)
        check_hint(c, d, "give a value");
    else if (narrow_path_of(e, &path) && text.n)
        check_hint(c, d,
                   "settle it before with `where %.*s exists` or `if %.*s exists { ... }`, or give a default with `??`",
                   PB_ARG(text), PB_ARG(text));
    else
        check_hint(c, d, "give a default with `??`, or name it with `let` and settle the name with `where ... exists`");
}

static void say_mismatch(checker *c, const ast_expr *e, pb_type *have, pb_type *want, pb_str what, type_fit fit) {
    pb_str has = check_type_text(c, have), need = check_type_text(c, have->optional ? want : type_base(want));
    if (have->kind == TYPE_VOID) {
        diag_add(c->diags, DIAG_NO_RESULT, e->span, "%.*s takes %.*s, but the call gives nothing", PB_ARG(what),
                 PB_ARG(need));
        return;
    }
    switch (fit) {
    case FIT_SECRET: say_secret(c, e, what, need); return;
    case FIT_NEEDS_MAKING: say_needs_making(c, e, want, what, has, need); return;
    case FIT_MAYBE_ABSENT: {
        pb_str needs = pb_printf(c->arena, "%.*s needs %.*s", PB_ARG(what), PB_ARG(need));
        say_maybe_absent(c, e, needs.s ? needs.s : "a value is needed");
        return;
    }
    case FIT_JSON: {
        diag *d = diag_add(c->diags, DIAG_JSON_UNSETTLED, e->span, "%.*s takes %.*s, not untyped json", PB_ARG(what),
                           PB_ARG(need));
        check_hint(c, d, "settle its type with `as %.*s`; the result is absent when it is something else",
                   PB_ARG(need));
        return;
    }
    default:
        diag_add(c->diags, DIAG_TYPE_MISMATCH, e->span, "%.*s takes %.*s, not %.*s", PB_ARG(what), PB_ARG(need),
                 PB_ARG(has));
    }
}

pb_type *check_value(checker *c, ast_expr *e, pb_type *want, pb_str what) {
    pb_type *have = check_expr(c, e, want);
    type_fit fit = type_fits(c->types, have, want);
    if (fit != FIT_OK)
        say_mismatch(c, e, have, want, what, fit);
    else
        check_limits(c, e, want, what);
    return have;
}

/* ---- limits of AWS's models ---- */

bool check_is_enum_value(checker *c, const pb_type *t, pb_str text, nearest *n) {
    schema_shape_info i = {0};
    if (t->kind != TYPE_STRING || !t->shape || !c->schema) return true;
    c->schema->shape_info(c->schema->ctx, t->shape, &i);
    for (uint32_t k = 0; k < i.nenum; k++) {
        pb_str value = c->schema->enum_at(c->schema->ctx, t->shape, k);
        if (pb_str_eq(value, text)) return true;
        nearest_offer(n, value);
    }
    return i.nenum == 0;
}

static void say_enum(checker *c, const ast_expr *e, const pb_type *t, pb_str what, const nearest *n) {
    enum { SHOWN = 8 };
    diag *d = diag_add(c->diags, DIAG_BAD_ENUM, e->span, "%.*s cannot be \"%.*s\"", PB_ARG(what), PB_ARG(e->u.string));
    if (n->best.n) {
        nearest_hint(c, d, n);
        return;
    }
    schema_shape_info i = {0};
    c->schema->shape_info(c->schema->ctx, t->shape, &i);
    pb_str all = {"", 0};
    for (uint32_t k = 0; k < i.nenum && k < SHOWN; k++)
        all = pb_printf(c->arena, "%.*s%s%.*s", PB_ARG(all), k ? ", " : "",
                        PB_ARG(c->schema->enum_at(c->schema->ctx, t->shape, k)));
    check_hint(c, d, "AWS knows %.*s%s", PB_ARG(all), i.nenum > SHOWN ? ", ..." : "");
}

static int64_t characters(pb_str s) {
    int64_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
    return n;
}

static void check_range(checker *c, pb_span at, pb_str what, int64_t v, const schema_shape_info *i, const char *unit) {
    bool low = i->has_min && v < i->min, high = i->has_max && v > i->max;
    if (!low && !high) return;
    diag *d = diag_add(c->diags, DIAG_OUT_OF_RANGE, at, "%.*s has %s%lld, %s than AWS allows", PB_ARG(what), unit,
                       (long long)v, low ? "less" : "more");
    if (i->has_min && i->has_max)
        check_hint(c, d, "allowed is %lld to %lld", (long long)i->min, (long long)i->max);
    else
        check_hint(c, d, "allowed is %s %lld", low ? "at least" : "at most", (long long)(low ? i->min : i->max));
}

static void check_text_limits(checker *c, const ast_expr *e, const pb_type *t, pb_str what,
                              const schema_shape_info *i) {
    nearest n = nearest_to(e->u.string);
    if (i->nenum) {
        if (!check_is_enum_value(c, t, e->u.string, &n)) say_enum(c, e, t, what, &n);
        return;
    }
    size_t before = diag_count(c->diags, DIAG_ERROR);
    check_range(c, e->span, what, characters(e->u.string), i, "a length of ");
    if (diag_count(c->diags, DIAG_ERROR) != before || !i->pattern.n || !regex_refuses(i->pattern, e->u.string)) return;
    diag *d = diag_add(c->diags, DIAG_NO_PATTERN_MATCH, e->span, "%.*s does not have the form that AWS asks for",
                       PB_ARG(what));
    check_hint(c, d, "it must match %.*s", PB_ARG(i->pattern));
}

void check_limits(checker *c, const ast_expr *e, const pb_type *want, pb_str what) {
    while (e->kind == EXPR_BINARY && e->op == OP_COALESCE) e = e->u.binary.right;
    schema_shape_info i = {0};
    if (!want->shape || want->kind == TYPE_SHAPE || !c->schema) return;
    c->schema->shape_info(c->schema->ctx, want->shape, &i);
    int64_t v = 0;
    if (e->kind == EXPR_STRING && want->kind == TYPE_STRING)
        check_text_limits(c, e, want, what, &i);
    else if (want->kind == TYPE_INT && constant_int(e, &v))
        check_range(c, e->span, what, v, &i, "the value ");
    else if (want->kind == TYPE_LIST && e->kind == EXPR_LIST) {
        for (const ast_arg *a = e->u.list; a; a = a->next) v++;
        check_range(c, e->span, what, v, &i, "a number of items of ");
    }
}

/* ---- literals of maps and records ---- */

static pb_str quoted(checker *c, pb_str name) { return pb_printf(c->arena, "`%.*s`", PB_ARG(name)); }

static bool find_earlier(const ast_arg *first, const ast_arg *a) {
    for (; first != a; first = first->next)
        if (pb_str_eq(first->name.text, a->name.text)) return true;
    return false;
}

static bool check_key_twice(checker *c, const ast_arg *first, const ast_arg *a) {
    if (!find_earlier(first, a)) return false;
    const ast_arg *earlier = first;
    while (!pb_str_eq(earlier->name.text, a->name.text)) earlier = earlier->next;
    diag *d =
        diag_add(c->diags, DIAG_DUPLICATE_KEY, a->name.span, "the key `%.*s` is written twice", PB_ARG(a->name.text));
    check_also(d, earlier->name.span, "first written here");
    return true;
}

static void say_unknown_member(checker *c, const ast_arg *a, pb_type *t) {
    nearest n = nearest_to(a->name.text);
    pb_str name, type = check_type_text(c, type_base(t));
    bool required;
    uint32_t i = 0;
    for (; type_member_at(c->types, t, i, &name, NULL, &required); i++) nearest_offer(&n, name);
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_MEMBER, a->name.span, "%.*s has no member `%.*s`", PB_ARG(type),
                       PB_ARG(a->name.text));
    nearest_hint(c, d, &n);
}

static const ast_arg *find_key(const ast_arg *a, pb_str name) {
    while (a && !pb_str_eq(a->name.text, name)) a = a->next;
    return a;
}

static void check_missing(checker *c, const ast_expr *e, pb_type *t) {
    pb_str name, missing = {NULL, 0};
    bool required;
    int n = 0;
    for (uint32_t i = 0; type_member_at(c->types, t, i, &name, NULL, &required); i++) {
        if (!required || find_key(e->u.map, name)) continue;
        missing = n++ ? pb_printf(c->arena, "%.*s, `%.*s`", PB_ARG(missing), PB_ARG(name)) : quoted(c, name);
    }
    if (!n) return;
    pb_str type = check_type_text(c, type_base(t));
    diag *d = diag_add(c->diags, DIAG_MISSING_MEMBER, e->span, "%.*s needs %.*s", PB_ARG(type), PB_ARG(missing));
    check_hint(c, d, n == 1 ? "add it" : "add them");
}

static void check_union(checker *c, const ast_expr *e, const pb_type *t) {
    schema_shape_info i = {0};
    if (t->kind != TYPE_SHAPE || !c->schema) return;
    c->schema->shape_info(c->schema->ctx, t->shape, &i);
    if (!i.is_union || (e->u.map && !e->u.map->next)) return;
    diag_add(c->diags, DIAG_UNION_MEMBERS, e->span, "%.*s is a union: exactly one of its members is set",
             PB_ARG(t->name));
}

static pb_type *map_as_structure(checker *c, ast_expr *e, pb_type *t) {
    for (ast_arg *a = e->u.map; a; a = a->next) {
        if (check_key_twice(c, e->u.map, a)) {
            check_expr(c, a->value, NULL);
            continue;
        }
        pb_type *want = type_member(c->types, t, a->name.text);
        if (want) {
            check_value(c, a->value, want, quoted(c, a->name.text));
        } else {
            say_unknown_member(c, a, t);
            check_expr(c, a->value, NULL);
        }
    }
    check_missing(c, e, t);
    check_union(c, e, t);
    return t;
}

static pb_type *map_as_map(checker *c, ast_expr *e, pb_type *elem, pb_type *result) {
    for (ast_arg *a = e->u.map; a; a = a->next) {
        check_key_twice(c, e->u.map, a);
        check_value(c, a->value, elem, quoted(c, a->name.text));
    }
    return result;
}

static bool key_is_quoted(checker *c, const ast_arg *a) {
    const source_set *set = c->program->sources;
    if (!set || a->name.span.file >= set->count) return false;
    const source_file *f = &set->files[a->name.span.file];
    return a->name.span.start < f->text.n && f->text.s[a->name.span.start] == '"';
}

static pb_type *settled_item(checker *c, ast_expr *e) {
    pb_type *t = check_expr(c, e, NULL);
    if (t->kind != TYPE_VOID) return t;
    diag_add(c->diags, DIAG_NO_RESULT, e->span, "the call gives nothing that could be used here");
    return c->poison;
}

static pb_type *map_inferred(checker *c, ast_expr *e) { /* some key is quoted: a map of one type */
    pb_type *elem = c->poison;
    for (ast_arg *a = e->u.map; a; a = a->next) {
        check_key_twice(c, e->u.map, a);
        pb_type *t = settled_item(c, a->value), *joined = elem ? type_join(c->types, elem, t) : NULL;
        if (elem && !joined) {
            pb_str first = check_type_text(c, elem), other = check_type_text(c, t);
            diag *d = diag_add(c->diags, DIAG_MIXED_ITEMS, a->value->span,
                               "this value is %.*s, the ones before are %.*s", PB_ARG(other), PB_ARG(first));
            check_hint(c, d, "write all keys without quotes if this is meant as a record");
        }
        elem = joined;
    }
    return elem ? type_map(c->types, elem) : c->poison;
}

static pb_type *record_inferred(checker *c, ast_expr *e) {
    type_field *first = NULL, **end = &first;
    for (ast_arg *a = e->u.map; a; a = a->next) {
        bool twice = check_key_twice(c, e->u.map, a);
        pb_type *t = settled_item(c, a->value);
        type_field *f = twice ? NULL : pb_alloc(c->arena, sizeof *f);
        if (!f) continue;
        f->name = a->name.text;
        f->type = t;
        *end = f;
        end = &f->next;
    }
    return type_record(c->types, (pb_str){NULL, 0}, first);
}

pb_type *check_map(checker *c, ast_expr *e, pb_type *want) {
    pb_type *t = want ? type_base(want) : NULL;
    if (t && (t->kind == TYPE_RECORD || t->kind == TYPE_SHAPE)) return map_as_structure(c, e, t);
    if (t && t->kind == TYPE_MAP) return map_as_map(c, e, t->elem, t);
    if (t && t->kind == TYPE_JSON) return map_as_map(c, e, type_opt(c->types, t), t);
    for (ast_arg *a = e->u.map; a; a = a->next)
        if (key_is_quoted(c, a)) return map_inferred(c, e);
    return record_inferred(c, e);
}

/* ---- literals of lists ---- */

static pb_type *list_inferred(checker *c, ast_expr *e) {
    pb_type *elem = c->poison;
    for (ast_arg *a = e->u.list; a; a = a->next) {
        pb_type *t = settled_item(c, a->value), *joined = elem ? type_join(c->types, elem, t) : NULL;
        if (elem && !joined) {
            pb_str first = check_type_text(c, elem), other = check_type_text(c, t);
            diag_add(c->diags, DIAG_MIXED_ITEMS, a->value->span, "this item is %.*s, the ones before are %.*s",
                     PB_ARG(other), PB_ARG(first));
        }
        elem = joined;
    }
    return elem ? type_list(c->types, elem) : c->poison;
}

pb_type *check_list(checker *c, ast_expr *e, pb_type *want) {
    pb_type *t = want ? type_base(want) : NULL;
    if (!t || (t->kind != TYPE_LIST && t->kind != TYPE_JSON)) return list_inferred(c, e);
    pb_type *elem = t->kind == TYPE_LIST ? t->elem : t;
    for (ast_arg *a = e->u.list; a; a = a->next) check_value(c, a->value, elem, PB_STR("an item of the list"));
    return t;
}
