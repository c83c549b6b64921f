/*
 * check_op.c - operators: which types they take and give, and constants that cannot come out right.
 *
 * Comparing, `in`, `like` and `matches` take absent values (they are false then, `!=` is true), because conditions are
 * mostly about fields that may be missing. Arithmetic and logic need values. Untyped json and secrets cannot be
 * compared.
 */
#include "lang/check.h"

static const char *const op_names[] = {"or",   "and",     "==", "!=", "<", "<=", ">", ">=", "in",
                                       "like", "matches", "??", "+",  "-", "*",  "/", "%"};

static pb_type *boolean(checker *c) { return check_simple(c, TYPE_BOOL); }

static bool poisoned(const pb_type *a, const pb_type *b) { return a->kind == TYPE_POISON || b->kind == TYPE_POISON; }

static void say_operands(checker *c, const ast_expr *e, pb_type *l, pb_type *r, const char *cure) {
    pb_str a = check_type_text(c, type_base(l)), b = check_type_text(c, type_base(r));
    diag *d = diag_add(c->diags, DIAG_BAD_OPERAND, e->span, "`%s` does not take %.*s and %.*s", op_names[e->op],
                       PB_ARG(a), PB_ARG(b));
    if (*cure) check_hint(c, d, "%s", cure);
}

/* ---- and, or ---- */

static pb_type *check_logic(checker *c, ast_expr *e) {
    const char *what = e->op == OP_AND ? "`and`" : "`or`";
    narrow_fact *facts = c->b->facts;
    check_condition(c, e->u.binary.left, what);
    c->b->facts = narrow_when(c, facts, e->u.binary.left, e->op == OP_AND);
    check_condition(c, e->u.binary.right, what);
    c->b->facts = facts;
    return boolean(c);
}

/* ---- comparisons ---- */

/* A side that can take part in no comparison. Says so. */
static bool refuse_side(checker *c, ast_expr *e, pb_type *t) {
    if (t->kind == TYPE_VOID) {
        diag_add(c->diags, DIAG_NO_RESULT, e->span, "the call gives nothing that could be compared");
    } else if (t->kind == TYPE_JSON) {
        pb_str text = check_source(c, e->span, "this value");
        diag *d = diag_add(c->diags, DIAG_JSON_UNSETTLED, e->span, "%.*s is untyped json and cannot be compared",
                           PB_ARG(text));
        check_hint(c, d, "settle its type first: `(... as string)`");
    } else if (t->has_secret) {
        diag *d = diag_add(c->diags, DIAG_SECRET_LEAK, e->span,
                           "a secret cannot be compared: the answer would tell something about it");
        check_hint(c, d, "a secret can only be given to a parameter of type secret");
    } else {
        return false;
    }
    return true;
}

static bool check_none(checker *c, const ast_expr *e) {
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    if (l->kind != EXPR_NONE && r->kind != EXPR_NONE) return false;
    diag *d = diag_add(c->diags, DIAG_COMPARE_NONE, e->span, "nothing is equal to none, not even an absent value");
    pb_str text = check_source(c, (l->kind == EXPR_NONE ? r : l)->span, "...");
    if (text.n > 2 && text.s[0] == '`') text = (pb_str){text.s + 1, text.n - 2};
    if (e->op == OP_NE)
        check_hint(c, d, "ask with `%.*s exists`", PB_ARG(text));
    else
        check_hint(c, d, "ask with `not (%.*s exists)`", PB_ARG(text));
    return true;
}

/* f.state == "runing": AWS never sends that. */
static void check_never(checker *c, const ast_expr *field, const pb_type *t, const ast_expr *literal,
                        const char *outcome) {
    if (literal->kind != EXPR_STRING) return;
    nearest n = nearest_to(literal->u.string);
    if (check_is_enum_value(c, t, literal->u.string, &n)) return;
    pb_str text = check_source(c, field->span, "the value");
    diag *d = diag_add(c->diags, DIAG_NEVER_HOLDS, literal->span, "%.*s is never \"%.*s\", so %s", PB_ARG(text),
                       PB_ARG(literal->u.string), outcome);
    nearest_hint(c, d, &n);
}

static pb_type *check_equal(checker *c, ast_expr *e) {
    ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    pb_type *a = check_expr(c, l, NULL), *b = check_expr(c, r, NULL);
    if (poisoned(a, b) || check_none(c, e) || refuse_side(c, l, a) || refuse_side(c, r, b)) return boolean(c);
    if (!type_comparable(c->types, a, b)) {
        pb_str left = check_type_text(c, type_base(a)), right = check_type_text(c, type_base(b));
        diag_add(c->diags, DIAG_NOT_COMPARABLE, e->span, "%.*s and %.*s are never equal", PB_ARG(left), PB_ARG(right));
        return boolean(c);
    }
    const char *outcome = e->op == OP_NE ? "this always holds" : "this can never hold";
    check_never(c, l, a, r, outcome);
    check_never(c, r, b, l, outcome);
    return boolean(c);
}

static bool ordered(const pb_type *a, const pb_type *b) {
    if (type_is_number(a) && type_is_number(b)) return true;
    return a->kind == b->kind && (a->kind == TYPE_STRING || a->kind == TYPE_TIME || a->kind == TYPE_DURATION);
}

static pb_type *check_order(checker *c, ast_expr *e) {
    ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    pb_type *a = check_expr(c, l, NULL), *b = check_expr(c, r, NULL);
    if (poisoned(a, b) || check_none(c, e) || refuse_side(c, l, a) || refuse_side(c, r, b) || ordered(a, b))
        return boolean(c);
    pb_str left = check_type_text(c, type_base(a)), right = check_type_text(c, type_base(b));
    diag *d =
        diag_add(c->diags, DIAG_NOT_COMPARABLE, e->span, "%.*s and %.*s have no order", PB_ARG(left), PB_ARG(right));
    if (type_is_number(a) && type_is_text(b))
        check_hint(c, d, "compare with a number, or read the text as one with int(...)");
    else if (type_is_number(b) && type_is_text(a))
        check_hint(c, d, "read the text as a number with int(...)");
    return boolean(c);
}

/* ---- in, like, matches ---- */

static void check_in_list(checker *c, ast_expr *e, pb_type *a, pb_type *list) {
    ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    if (type_base(a)->kind == TYPE_IP && type_base(list->elem)->kind == TYPE_CIDR) return;
    if (!type_comparable(c->types, a, list->elem)) {
        pb_str left = check_type_text(c, type_base(a)), right = check_type_text(c, list);
        diag_add(c->diags, DIAG_NOT_COMPARABLE, e->span, "%.*s is never an item of %.*s", PB_ARG(left), PB_ARG(right));
    } else if (r->kind == EXPR_LIST) {
        for (const ast_arg *i = r->u.list; i; i = i->next) check_never(c, l, a, i->value, "this item is never it");
    }
}

static pb_type *check_in(checker *c, ast_expr *e) {
    ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    pb_type *a = check_expr(c, l, NULL), *right = check_expr(c, r, NULL), *b = type_base(right);
    if (poisoned(a, b) || check_none(c, e) || refuse_side(c, l, a) || refuse_side(c, r, right)) return boolean(c);
    pb_type *left = type_base(a);
    if (b->kind == TYPE_LIST) {
        check_in_list(c, e, a, b);
        return boolean(c);
    }
    bool ok =
        b->kind == TYPE_CIDR ? left->kind == TYPE_IP : (b->kind == TYPE_MAP || type_is_text(b)) && type_is_text(left);
    if (!ok)
        say_operands(c, e, a, right,
                     b->kind == TYPE_CIDR ? "make an address of it: ip(...)"
                     : b->kind == TYPE_RECORD || b->kind == TYPE_SHAPE
                         ? "ask for a field with `exists`"
                         : "on the right is a list, a map (its keys), a string (a part of it) or, for an ip, a cidr");
    return boolean(c);
}

static void check_regex(checker *c, const ast_expr *r) {
    char why[200];
    if (regex_valid(r->u.string, why, sizeof why)) return;
    diag_add(c->diags, DIAG_BAD_REGEX, r->span, "the regular expression is not valid: %s", why);
}

static pb_type *check_pattern(checker *c, ast_expr *e) {
    ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    pb_type *a = check_expr(c, l, NULL), *b = check_expr(c, r, NULL);
    if (r->kind != EXPR_STRING) {
        if (b->kind == TYPE_POISON) return boolean(c);
        diag *d = diag_add(c->diags, DIAG_NOT_CONSTANT, r->span, "the pattern behind `%s` must be a constant string",
                           op_names[e->op]);
        check_hint(c, d,
                   e->op == OP_LIKE ? "compare texts with ==, .starts_with(...), .ends_with(...) or `in`"
                                    : "write the pattern out");
        return boolean(c);
    }
    if (e->op == OP_MATCHES) check_regex(c, r);
    if (a->kind == TYPE_POISON || check_none(c, e) || refuse_side(c, l, a)) return boolean(c);
    if (!type_is_text(type_base(a)))
        say_operands(c, e, a, b, a->kind == TYPE_LIST ? "ask for one item: any(x in list: x like \"...\")" : "");
    return boolean(c);
}

/* ---- ?? ---- */

static pb_type *check_coalesce(checker *c, ast_expr *e, pb_type *want) {
    ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    pb_type *a = check_expr(c, l, want);
    pb_type *b = check_expr(c, r, want ? want : type_base(a));
    if (poisoned(a, b)) return c->poison;
    if (a->kind == TYPE_VOID || b->kind == TYPE_VOID) {
        diag_add(c->diags, DIAG_NO_RESULT, (a->kind == TYPE_VOID ? l : r)->span,
                 "the call gives nothing that could be used here");
        return c->poison;
    }
    if (!a->optional) {
        pb_str text = check_source(c, l->span, "the left side");
        diag *d = diag_add(c->diags, DIAG_NEVER_ABSENT, r->span,
                           "%.*s is never absent here, so what is behind `??` is never used", PB_ARG(text));
        check_hint(c, d, "leave it out");
        return a;
    }
    if (a->kind == TYPE_NONE) return b;
    pb_type *t = type_join(c->types, type_base(a), b);
    if (t) return t;
    pb_str left = check_type_text(c, type_base(a)), right = check_type_text(c, b);
    diag_add(c->diags, DIAG_TYPE_MISMATCH, r->span, "the default behind `??` must be %.*s like the left side, not %.*s",
             PB_ARG(left), PB_ARG(right));
    return c->poison;
}

/* ---- arithmetic ---- */

static pb_type *sum_type(checker *c, pb_type *a, pb_type *b) {
    type_kind l = a->kind, r = b->kind;
    if (l == TYPE_DURATION && r == TYPE_DURATION) return a;
    if (l == TYPE_TIME && r == TYPE_DURATION) return a;
    if (type_is_text(a) && type_is_text(b)) return check_simple(c, TYPE_STRING);
    if (l == TYPE_LIST && r == TYPE_LIST) return type_join(c->types, a, b);
    return NULL;
}

static pb_type *arithmetic_type(checker *c, ast_op op, pb_type *a, pb_type *b) {
    type_kind l = a->kind, r = b->kind;
    if (op == OP_MOD) return l == TYPE_INT && r == TYPE_INT ? check_simple(c, TYPE_INT) : NULL;
    if (type_is_number(a) && type_is_number(b))
        return check_simple(c, l == TYPE_INT && r == TYPE_INT ? TYPE_INT : TYPE_FLOAT);
    switch (op) {
    case OP_ADD: return sum_type(c, a, b);
    case OP_SUB:
        if (l == TYPE_TIME && r == TYPE_TIME) return check_simple(c, TYPE_DURATION);
        return (l == TYPE_TIME || l == TYPE_DURATION) && r == TYPE_DURATION ? a : NULL;
    case OP_MUL:
    case OP_DIV: return l == TYPE_DURATION && r == TYPE_INT ? a : NULL;
    default: return NULL;
    }
}

static const char *arithmetic_cure(ast_op op, const pb_type *a, const pb_type *b) {
    if (op == OP_ADD && (a->kind == TYPE_STRING || b->kind == TYPE_STRING))
        return "put values into a text with \"... ${value} ...\"";
    if (op == OP_ADD && b->kind == TYPE_TIME) return "the time stands on the left: time + duration";
    if (op == OP_MUL && b->kind == TYPE_DURATION) return "the duration stands on the left: duration * int";
    return "";
}

static void check_constants(checker *c, const ast_expr *e) {
    int64_t a = 0, b = 0, v;
    const ast_expr *r = e->u.binary.right;
    bool right = constant_int(r, &b), both = right && constant_int(e->u.binary.left, &a);
    bool divides = e->op == OP_DIV || e->op == OP_MOD;
    if (divides && ((right && b == 0) || (r->kind == EXPR_FLOAT && !(r->u.number < 0) && !(r->u.number > 0)))) {
        diag_add(c->diags, DIAG_DIVISION_BY_ZERO, e->span, "this divides by zero in every run");
        return;
    }
    if (!both || (e->op == OP_MOD && b == -1) || constant_int(e, &v)) return;
    diag *d = diag_add(c->diags, DIAG_INT_OVERFLOW, e->span, "this is larger than a 64-bit integer holds");
    check_hint(c, d, "integers go from -9223372036854775808 to 9223372036854775807; a float holds more");
}

static pb_type *check_arithmetic(checker *c, ast_expr *e) {
    pb_str text = pb_printf(c->arena, "`%s` needs a value", op_names[e->op]);
    const char *what = text.s ? text.s : "a value is needed";
    pb_type *a = check_settled(c, e->u.binary.left, NULL, what);
    pb_type *b = check_settled(c, e->u.binary.right, NULL, what);
    if (poisoned(a, b) || refuse_side(c, e->u.binary.left, a) || refuse_side(c, e->u.binary.right, b)) return c->poison;
    pb_type *t = arithmetic_type(c, e->op, a, b);
    if (!t) {
        say_operands(c, e, a, b, arithmetic_cure(e->op, a, b));
        return c->poison;
    }
    check_constants(c, e);
    return t;
}

pb_type *check_negative(checker *c, ast_expr *e) {
    pb_type *t = check_settled(c, e->u.unary, NULL, "`-` needs a value");
    if (type_is_number(t)) return check_simple(c, t->kind);
    if (t->kind == TYPE_DURATION || t->kind == TYPE_POISON) return t;
    pb_str type = check_type_text(c, t);
    diag_add(c->diags, DIAG_BAD_OPERAND, e->span, "`-` takes a number or a duration, not %.*s", PB_ARG(type));
    return c->poison;
}

pb_type *check_binary(checker *c, ast_expr *e, pb_type *want) {
    switch (e->op) {
    case OP_AND:
    case OP_OR: return check_logic(c, e);
    case OP_EQ:
    case OP_NE: return check_equal(c, e);
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE: return check_order(c, e);
    case OP_IN: return check_in(c, e);
    case OP_LIKE:
    case OP_MATCHES: return check_pattern(c, e);
    case OP_COALESCE: return check_coalesce(c, e, want);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_MOD: return check_arithmetic(c, e);
    }
    return c->poison;
}
