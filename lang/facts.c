/*
 * facts.c - which conditions can hold together.
 *
 * A condition is a tree of and, or and not over atoms: comparisons of a value with a constant, `like`, `matches`,
 * `exists`. facts_possible looks for one way through all the or's in which no value gets two atoms that exclude each
 * other. It never says no when there may be a way: what it does not understand it takes as possible, and so it does
 * when the search gets long. That makes every "never" and "always" of the lints certain.
 *
 * Absent values follow the language: every comparison with one is false, and so is `in`, `like` and `matches`; `!=` is
 * true. So an atom either shows that the value is there ("sure") or speaks of it only in case it is.
 */
#include "lang/analyse.h"

#include <math.h>

enum {
    MAX_ATOMS = 128,     /* of one way; the longest real condition has about twenty */
    MAX_STEPS = 4000,    /* of one search: some hundred microseconds */
    MAX_DEPTH = 600,     /* of its recursion: one level an atom or operator */
    MAX_CANDIDATES = 64, /* texts of one `in` that are tried one by one */
    GLOB_WORK = 1 << 20  /* letters of a pattern times letters of a text */
};

typedef enum relation { REL_EXISTS, REL_ABSENT, REL_IN, REL_NUMBER, REL_LIKE, REL_MATCHES, REL_SAME } relation;

typedef struct atom {
    const ast_expr *key;
    relation rel;
    bool truth, sure;
    const ast_expr *value; /* a constant, a list of constants, or a pattern */
    double low, high;      /* NUMBER */
    bool low_open, high_open;
} atom;

typedef struct solver {
    atom atoms[MAX_ATOMS];
    uint32_t n;
    uint32_t steps;
} solver;

/* ---- constants ---- */

static bool number_of(const ast_expr *e, double *v) {
    double inner;
    switch (e->kind) {
    case EXPR_INT:
    case EXPR_DURATION: *v = (double)e->u.integer; return true;
    case EXPR_FLOAT: *v = e->u.number; return true;
    case EXPR_NEG: return number_of(e->u.unary, &inner) && (*v = -inner, true);
    default: return false;
    }
}

static bool is_constant(const ast_expr *e) {
    double v;
    return e->kind == EXPR_STRING || e->kind == EXPR_BOOL || number_of(e, &v);
}

static bool is_constant_list(const ast_expr *e) {
    uint32_t n = 0;
    if (e->kind != EXPR_LIST) return false;
    for (const ast_arg *a = e->u.list; a; a = a->next)
        if (!is_constant(a->value) || ++n > MAX_CANDIDATES) return false;
    return true;
}

static bool same_constant(const ast_expr *a, const ast_expr *b) {
    double x, y;
    if (a->kind == EXPR_STRING && b->kind == EXPR_STRING) return pb_str_eq(a->u.string, b->u.string);
    if (a->kind == EXPR_BOOL && b->kind == EXPR_BOOL) return a->u.boolean == b->u.boolean;
    return number_of(a, &x) && number_of(b, &y) && !(x < y) && !(x > y);
}

/* ---- two patterns ---- */

/* Some text fits both. Exact but for `?`, which stands for one byte here. */
static bool globs_meet(pb_str a, pb_str b, uint32_t *steps) {
    if (*steps == 0) return true;
    --*steps;
    if (a.n && b.n && a.s[0] != '*' && b.s[0] != '*') {
        bool one = a.s[0] == b.s[0] || a.s[0] == '?' || b.s[0] == '?';
        return one && globs_meet((pb_str){a.s + 1, a.n - 1}, (pb_str){b.s + 1, b.n - 1}, steps);
    }
    if (a.n && a.s[0] == '*') {
        if (globs_meet((pb_str){a.s + 1, a.n - 1}, b, steps)) return true;
        return b.n && globs_meet(a, (pb_str){b.s + 1, b.n - 1}, steps);
    }
    if (b.n && b.s[0] == '*') return globs_meet(b, a, steps);
    return !a.n && !b.n;
}

bool known_glob(pb_str pattern, pb_str text) {
    uint32_t p = 0, t = 0, star = UINT32_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.s[p] == '*') {
            star = p++, from = t;
        } else if (p < pattern.n && ((pattern.s[p] == '?' && text.s[t] != '*') || pattern.s[p] == text.s[t])) {
            p++, t++;
        } else if (star != UINT32_MAX) {
            p = star + 1, t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.s[p] == '*') p++;
    return p == pattern.n;
}

/* known_glob for two constants of the source, which may be long: then nothing is said, and it counts as `otherwise`. */
static bool glob_of(pb_str pattern, pb_str text, bool otherwise) {
    return (uint64_t)pattern.n * text.n > GLOB_WORK ? otherwise : known_glob(pattern, text);
}

/* ---- one value, all that is said of it ---- */

static bool in_constants(const ast_expr *value, const ast_expr *list) {
    if (list->kind != EXPR_LIST) return same_constant(value, list);
    for (const ast_arg *a = list->u.list; a; a = a->next)
        if (same_constant(value, a->value)) return true;
    return false;
}

/* Could a value that is there be this constant, as far as one atom goes? */
static bool allows(const atom *a, const ast_expr *v) {
    double x;
    switch (a->rel) {
    case REL_IN: return in_constants(v, a->value) == a->truth;
    case REL_LIKE: return v->kind != EXPR_STRING || glob_of(a->value->u.string, v->u.string, a->truth) == a->truth;
    case REL_MATCHES: /* what does not match for certain */
        return v->kind != EXPR_STRING || !a->truth || !regex_refuses(a->value->u.string, v->u.string);
    case REL_NUMBER:
        if (!number_of(v, &x)) return true;
        return !(x < a->low) && !(x > a->high) && !(a->low_open && !(x > a->low)) && !(a->high_open && !(x < a->high));
    case REL_EXISTS:
    case REL_ABSENT:
    case REL_SAME: return true;
    }
    return true;
}

static bool all_allow(const solver *s, const atom *newest, const ast_expr *v) {
    for (uint32_t i = 0; i < s->n; i++)
        if (analyse_same(s->atoms[i].key, newest->key) && !allows(&s->atoms[i], v)) return false;
    return true;
}

/* One of the constants that an atom names is allowed by all atoms of its value. */
static bool some_constant(const solver *s, const atom *newest, const ast_expr *list) {
    if (list->kind != EXPR_LIST) return all_allow(s, newest, list);
    for (const ast_arg *a = list->u.list; a; a = a->next)
        if (all_allow(s, newest, a->value)) return true;
    return false;
}

static bool bool_possible(const solver *s, const atom *newest) {
    static const ast_expr values[] = {{.kind = EXPR_BOOL, .u.boolean = false}, {.kind = EXPR_BOOL, .u.boolean = true}};
    return all_allow(s, newest, &values[0]) || all_allow(s, newest, &values[1]);
}

static bool numbers_possible(const solver *s, const atom *newest) {
    double low = -HUGE_VAL, high = HUGE_VAL;
    bool low_open = false, high_open = false;
    for (uint32_t i = 0; i < s->n; i++) {
        const atom *a = &s->atoms[i];
        if (a->rel != REL_NUMBER || !analyse_same(a->key, newest->key)) continue;
        if (a->low > low || (!(a->low < low) && a->low_open)) low = a->low, low_open = a->low_open;
        if (a->high < high || (!(a->high > high) && a->high_open)) high = a->high, high_open = a->high_open;
    }
    return low < high || (!(low > high) && !low_open && !high_open);
}

static bool patterns_possible(const solver *s, const atom *newest) {
    for (uint32_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->n; k++) {
            const atom *a = &s->atoms[i], *b = &s->atoms[k];
            uint32_t steps = MAX_STEPS;
            if (i == k || a->rel != REL_LIKE || b->rel != REL_LIKE || !a->truth) continue;
            if (!analyse_same(a->key, newest->key) || !analyse_same(b->key, newest->key)) continue;
            if (b->truth && !globs_meet(a->value->u.string, b->value->u.string, &steps)) return false;
            /* Every text of a is one of b: a's own wildcards are taken as letters that only b's * takes. */
            if (!b->truth && glob_of(b->value->u.string, a->value->u.string, false)) return false;
        }
    return true;
}

/* All atoms about the newest one's value. */
static bool value_possible(const solver *s) {
    const atom *newest = &s->atoms[s->n - 1];
    bool there = false, absent = false;
    for (uint32_t i = 0; i < s->n; i++) {
        const atom *a = &s->atoms[i];
        if (a->rel == REL_SAME || !analyse_same(a->key, newest->key)) continue;
        there = there || a->sure;
        absent = absent || a->rel == REL_ABSENT;
    }
    if (!there) return true;
    if (absent) return false;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->atoms[i].rel == REL_IN && s->atoms[i].truth && analyse_same(s->atoms[i].key, newest->key))
            return some_constant(s, newest, s->atoms[i].value);
    if (newest->key->type && newest->key->type->kind == TYPE_BOOL) return bool_possible(s, newest);
    return numbers_possible(s, newest) && patterns_possible(s, newest);
}

/* A condition that is only known as a whole: it cannot be true and false at once. */
static bool same_possible(const solver *s) {
    const atom *newest = &s->atoms[s->n - 1];
    for (uint32_t i = 0; i + 1 < s->n; i++) {
        const atom *a = &s->atoms[i];
        if (a->rel == REL_SAME && a->truth != newest->truth && analyse_same(a->key, newest->key)) return false;
    }
    return true;
}

/* ---- atoms ---- */

static bool push(solver *s, atom a) {
    if (s->n == MAX_ATOMS) return true;
    s->atoms[s->n++] = a;
    return a.rel == REL_SAME ? same_possible(s) : value_possible(s);
}

static bool is_optional(const ast_expr *e) { return !e->type || e->type->optional; }

static bool push_whole(solver *s, const ast_expr *e, bool truth) {
    if (!analyse_is_pure(e)) return true;
    return push(s, (atom){.key = e, .rel = REL_SAME, .truth = truth});
}

/* A bool by itself: `i.dry_run`. */
static bool push_bool(solver *s, const ast_expr *e, bool truth) {
    static const ast_expr yes = {.kind = EXPR_BOOL, .u.boolean = true};
    if (!analyse_is_pure(e)) return true;
    return push(s, (atom){.key = e, .rel = REL_IN, .truth = truth, .sure = true, .value = &yes});
}

static bool push_number(solver *s, const ast_expr *key, ast_op op, double v, bool truth) {
    atom a = {.key = key, .rel = REL_NUMBER, .truth = true, .low = -HUGE_VAL, .high = HUGE_VAL};
    a.sure = truth || !is_optional(key);
    if (!truth) op = op == OP_LT ? OP_GE : op == OP_LE ? OP_GT : op == OP_GT ? OP_LE : OP_LT;
    bool whole = key->type && type_base(key->type)->kind == TYPE_INT;
    if (op == OP_LT || op == OP_LE)
        a.high = v, a.high_open = op == OP_LT;
    else
        a.low = v, a.low_open = op == OP_GT;
    if (whole && a.high_open) a.high = ceil(a.high) - 1, a.high_open = false;
    if (whole && a.low_open) a.low = floor(a.low) + 1, a.low_open = false;
    return push(s, a);
}

static ast_op turned(ast_op op) {
    return op == OP_LT ? OP_GT : op == OP_LE ? OP_GE : op == OP_GT ? OP_LT : op == OP_GE ? OP_LE : op;
}

static bool constants_agree(const ast_expr *l, ast_op op, const ast_expr *r, bool truth) {
    double a, b;
    if (op == OP_EQ || op == OP_NE) return (same_constant(l, r) == (op == OP_EQ)) == truth;
    if (!number_of(l, &a) || !number_of(r, &b)) return true;
    bool holds = op == OP_LT ? a < b : op == OP_LE ? !(a > b) : op == OP_GT ? a > b : !(a < b);
    return holds == truth;
}

static bool push_comparison(solver *s, const ast_expr *e, bool truth) {
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    ast_op op = e->op;
    double v;
    if (is_constant(l) && is_constant(r)) return constants_agree(l, op, r, truth);
    if (is_constant(l)) {
        const ast_expr *swap = l;
        l = r, r = swap, op = turned(op);
    }
    if (!is_constant(r) || !analyse_is_pure(l)) return push_whole(s, e, truth);
    if (op != OP_EQ && op != OP_NE) return number_of(r, &v) ? push_number(s, l, op, v, truth) : push_whole(s, e, truth);
    bool equal = (op == OP_EQ) == truth;
    if (equal && number_of(r, &v)) { /* an interval of one number */
        atom at = {.key = l, .rel = REL_NUMBER, .truth = true, .sure = true, .low = v, .high = v};
        if (!push(s, at)) return false;
    }
    return push(s, (atom){.key = l, .rel = REL_IN, .truth = equal, .sure = equal || !is_optional(l), .value = r});
}

static bool push_pattern(solver *s, const ast_expr *e, bool truth) {
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    static const ast_expr everything = {.kind = EXPR_STRING, .u.string = {"*", 1}};
    if (r->kind != EXPR_STRING || !analyse_is_pure(l)) return push_whole(s, e, truth);
    if (l->kind == EXPR_STRING && e->op == OP_LIKE) return glob_of(r->u.string, l->u.string, truth) == truth;
    if (e->op == OP_LIKE && truth && !memchr(r->u.string.s, '*', r->u.string.n) &&
        !memchr(r->u.string.s, '?', r->u.string.n)) /* no wildcard: equality */
        return push(s, (atom){.key = l, .rel = REL_IN, .truth = true, .sure = true, .value = r});
    atom a = {.key = l, .rel = e->op == OP_LIKE ? REL_LIKE : REL_MATCHES, .truth = truth, .value = r};
    a.sure = truth || !is_optional(l);
    if (!push(s, a) || (e->op == OP_MATCHES && !push_whole(s, e, truth))) return false;
    /* so that not (x like "*") cannot hold of a value that is there */
    return e->op == OP_MATCHES || truth ||
           push(s, (atom){.key = l, .rel = REL_LIKE, .truth = true, .sure = a.sure, .value = &everything});
}

static bool push_in(solver *s, const ast_expr *e, bool truth) {
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    if (!is_constant_list(r) || !analyse_is_pure(l)) return push_whole(s, e, truth);
    if (is_constant(l)) return in_constants(l, r) == truth;
    return push(s, (atom){.key = l, .rel = REL_IN, .truth = truth, .sure = truth || !is_optional(l), .value = r});
}

static bool push_exists(solver *s, const ast_expr *e, bool truth) {
    const ast_expr *of = e->u.unary;
    if (!analyse_is_pure(of)) return true;
    return push(s, (atom){.key = of, .rel = truth ? REL_EXISTS : REL_ABSENT, .truth = true, .sure = truth});
}

static bool push_atom(solver *s, const ast_expr *e, bool truth) {
    switch (e->kind) {
    case EXPR_BOOL: return e->u.boolean == truth;
    case EXPR_EXISTS: return push_exists(s, e, truth);
    case EXPR_NAME:
    case EXPR_FIELD:
    case EXPR_INDEX:
    case EXPR_CALL: return push_bool(s, e, truth);
    case EXPR_BINARY: break;
    default: return push_whole(s, e, truth);
    }
    switch (e->op) {
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE: return push_comparison(s, e, truth);
    case OP_LIKE:
    case OP_MATCHES: return push_pattern(s, e, truth);
    case OP_IN: return push_in(s, e, truth);
    default: return push_whole(s, e, truth);
    }
}

/* ---- the search ---- */

static bool solve(solver *s, const fact *todo, uint32_t depth) {
    if (!todo || depth == MAX_DEPTH || s->steps == 0) return true;
    s->steps--;
    const ast_expr *e = todo->cond;
    bool truth = todo->truth;
    while (e->kind == EXPR_NOT) e = e->u.unary, truth = !truth;
    bool logic = e->kind == EXPR_BINARY && (e->op == OP_AND || e->op == OP_OR);
    if (logic && (e->op == OP_AND) == truth) {
        fact right = {todo->next, e->u.binary.right, truth, 0}, left = {&right, e->u.binary.left, truth, 0};
        return solve(s, &left, depth + 1);
    }
    if (logic) {
        fact left = {todo->next, e->u.binary.left, truth, 0}, right = {todo->next, e->u.binary.right, truth, 0};
        return solve(s, &left, depth + 1) || solve(s, &right, depth + 1);
    }
    uint32_t mark = s->n;
    bool possible = push_atom(s, e, truth) && solve(s, todo->next, depth + 1);
    s->n = mark;
    return possible;
}

bool facts_possible(const fact *facts) {
    solver s;
    s.n = 0;
    s.steps = MAX_STEPS;
    return solve(&s, facts, 0);
}

const fact *facts_add(pb_arena *a, const fact *facts, const ast_expr *cond, bool truth) {
    uint32_t n = facts ? facts->n + 1 : 1;
    fact *f = n <= FACTS_MAX ? pb_alloc(a, sizeof *f) : NULL;
    if (!f) return facts;
    *f = (fact){facts, cond, truth, n};
    return f;
}

/* ---- one value given ---- */

static int given_logic(const ast_expr *e, pb_str path, pb_str text) {
    int l = facts_given(e->u.binary.left, path, text), r = facts_given(e->u.binary.right, path, text);
    int decides = e->op == OP_OR;
    if (l == decides || r == decides) return decides;
    return l < 0 || r < 0 ? -1 : !decides;
}

int facts_given(const ast_expr *e, pb_str path, pb_str text) {
    if (e->kind == EXPR_NOT) {
        int v = facts_given(e->u.unary, path, text);
        return v < 0 ? v : !v;
    }
    if (e->kind == EXPR_BOOL) return e->u.boolean;
    if (e->kind == EXPR_EXISTS) return analyse_is_event_path(e->u.unary, path) ? 1 : -1;
    if (e->kind != EXPR_BINARY) return -1;
    if (e->op == OP_AND || e->op == OP_OR) return given_logic(e, path, text);
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    const ast_expr value = {.kind = EXPR_STRING, .u.string = text};
    if (l->kind == EXPR_STRING && (e->op == OP_EQ || e->op == OP_NE)) {
        const ast_expr *swap = l;
        l = r, r = swap;
    }
    if (!analyse_is_event_path(l, path)) return -1;
    switch (e->op) {
    case OP_EQ: return r->kind == EXPR_STRING ? pb_str_eq(r->u.string, text) : -1;
    case OP_NE: return r->kind == EXPR_STRING ? !pb_str_eq(r->u.string, text) : -1;
    case OP_IN: return is_constant_list(r) ? in_constants(&value, r) : -1;
    case OP_LIKE: return r->kind == EXPR_STRING ? known_glob(r->u.string, text) : -1;
    case OP_MATCHES: return r->kind == EXPR_STRING && regex_refuses(r->u.string, text) ? 0 : -1;
    default: return -1;
    }
}
