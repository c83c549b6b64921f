/*
 * jmespath.c - reading and evaluating expressions, by the grammar and the binding powers of jmespath.org.
 *
 * What is special in JMESPath are projections: behind [], .* and [?...] everything up to the next weaker operator is
 * applied to each item, and what gives null is left out. So `Reservations[].Instances[].State.Name` reads: flatten
 * Reservations, take Instances of each; flatten that, take State.Name of each. In the tree a projection is a node with
 * a left side (which gives the list) and a right side (what is done with an item).
 *
 * Expressions come from AWS's models, not from users; still the text's length bounds the tree, and the tree's depth
 * bounds the recursion of both halves.
 */
#include "stdlib/aws/jmespath.h"

enum { TEXT_MAX = 512, DEPTH_MAX = 40 /* the longest in the models is below ten */ };

typedef enum node_kind {
    N_CURRENT, /* @, written or left out */
    N_FIELD,
    N_INDEX,
    N_LITERAL,
    N_SUB,     /* left, then right of it */
    N_FLATTEN, /* of left */
    N_EACH,    /* right of each item of the list left */
    N_VALUES,  /* right of each value of the map left */
    N_FILTER,  /* right of each item of left for which cond holds */
    N_OR,
    N_AND,
    N_NOT,
    N_COMPARE,
    N_LENGTH,
    N_CONTAINS
} node_kind;

typedef enum compare_op { C_EQ, C_NE, C_LT, C_LE, C_GT, C_GE } compare_op;

struct jmespath {
    node_kind kind;
    compare_op op;
    uint32_t depth;
    pb_str name;
    int64_t index;
    pb_value value;
    const jmespath *left, *right, *cond;
};

typedef enum token {
    T_END,
    T_BAD,
    T_NAME,
    T_NUMBER,
    T_LITERAL,
    T_TEXT,
    T_DOT,
    T_STAR,
    T_FLATTEN,
    T_OPEN,
    T_CLOSE,
    T_FILTER,
    T_LPAREN,
    T_RPAREN,
    T_NOT,
    T_OR,
    T_AND,
    T_EQ,
    T_NE,
    T_LT,
    T_LE,
    T_GT,
    T_GE,
    T_COMMA,
    T_AT
} token;

typedef struct reader {
    pb_arena *a;
    const char *p, *end;
    token t;
    pb_str text; /* of T_NAME, T_NUMBER, T_LITERAL, T_TEXT */
    uint32_t depth;
} reader;

/* ---- tokens ---- */

static bool name_char(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static token take(reader *r, uint32_t n, token t) {
    r->p += n;
    return r->t = t;
}

static token word(reader *r) {
    const char *from = r->p;
    while (r->p < r->end && name_char(*r->p, false)) r->p++;
    r->text = (pb_str){from, (uint32_t)(r->p - from)};
    return r->t = T_NAME;
}

static token number(reader *r) {
    const char *from = r->p;
    if (*r->p == '-') r->p++;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') r->p++;
    r->text = (pb_str){from, (uint32_t)(r->p - from)};
    return r->t = T_NUMBER;
}

static token quoted(reader *r, token t) {
    const char *from = r->p + 1, *close = memchr(from, *r->p, (size_t)(r->end - from));
    if (!close || memchr(from, '\\', (size_t)(close - from))) return r->t = T_BAD;
    r->text = (pb_str){from, (uint32_t)(close - from)};
    r->p = close + 1;
    return r->t = t;
}

static token next(reader *r) {
    while (r->p < r->end && *r->p == ' ') r->p++;
    if (r->p == r->end) return r->t = T_END;
    char c = *r->p, d = r->p + 1 < r->end ? r->p[1] : 0;
    if (name_char(c, true)) return word(r);
    if ((c >= '0' && c <= '9') || c == '-') return number(r);
    switch (c) {
    case '`': return quoted(r, T_LITERAL);
    case '\'': return quoted(r, T_TEXT);
    case '.': return take(r, 1, T_DOT);
    case '*': return take(r, 1, T_STAR);
    case '@': return take(r, 1, T_AT);
    case ',': return take(r, 1, T_COMMA);
    case '(': return take(r, 1, T_LPAREN);
    case ')': return take(r, 1, T_RPAREN);
    case ']': return take(r, 1, T_CLOSE);
    case '[': return d == ']' ? take(r, 2, T_FLATTEN) : d == '?' ? take(r, 2, T_FILTER) : take(r, 1, T_OPEN);
    case '!': return d == '=' ? take(r, 2, T_NE) : take(r, 1, T_NOT);
    case '<': return d == '=' ? take(r, 2, T_LE) : take(r, 1, T_LT);
    case '>': return d == '=' ? take(r, 2, T_GE) : take(r, 1, T_GT);
    case '=': return d == '=' ? take(r, 2, T_EQ) : take(r, 1, T_BAD);
    case '|': return d == '|' ? take(r, 2, T_OR) : take(r, 1, T_BAD);
    case '&': return d == '&' ? take(r, 2, T_AND) : take(r, 1, T_BAD);
    default: return take(r, 1, T_BAD);
    }
}

/* ---- reading ---- */

/* How strongly a token binds what stands left of it. */
enum {
    B_NONE = 0,
    B_OR = 2,
    B_AND = 3,
    B_COMPARE = 5,
    B_FLATTEN = 9,
    B_PROJECTION_STOP = 10,
    B_STAR = 20,
    B_FILTER = 21,
    B_DOT = 40,
    B_NOT = 45,
    B_BRACKET = 55
};

static int binding(token t) {
    switch (t) {
    case T_OR: return B_OR;
    case T_AND: return B_AND;
    case T_EQ:
    case T_NE:
    case T_LT:
    case T_LE:
    case T_GT:
    case T_GE: return B_COMPARE;
    case T_FLATTEN: return B_FLATTEN;
    case T_FILTER: return B_FILTER;
    case T_DOT: return B_DOT;
    case T_OPEN: return B_BRACKET;
    default: return B_NONE;
    }
}

static uint32_t depth_of(const jmespath *e) { return e ? e->depth : 0; }

/* A new node; NULL when a part is missing that the caller says is needed, the tree is too deep, or memory ran out. */
static jmespath *node(reader *r, jmespath n) {
    uint32_t d = depth_of(n.left);
    if (depth_of(n.right) > d) d = depth_of(n.right);
    if (depth_of(n.cond) > d) d = depth_of(n.cond);
    if (d >= DEPTH_MAX) return NULL;
    jmespath *e = pb_alloc(r->a, sizeof *e);
    if (!e) return NULL;
    *e = n;
    e->depth = d + 1;
    return e;
}

static const jmespath *expression(reader *r, int power);

static const jmespath *two(reader *r, node_kind kind, const jmespath *left, const jmespath *right) {
    return left && right ? node(r, (jmespath){.kind = kind, .left = left, .right = right}) : NULL;
}

static bool skip(reader *r, token t) {
    if (r->t != t) return false;
    next(r);
    return true;
}

static const jmespath *field(reader *r) {
    const jmespath *e = node(r, (jmespath){.kind = N_FIELD, .name = r->text});
    next(r);
    return e;
}

static const jmespath *current(reader *r) { return node(r, (jmespath){.kind = N_CURRENT}); }

static const jmespath *after_projection(reader *r, int power);

/* Behind a dot: a name with what binds more strongly, or *. */
static const jmespath *after_dot(reader *r, const jmespath *left, int power) {
    if (skip(r, T_STAR)) return two(r, N_VALUES, left, after_projection(r, B_STAR));
    if (r->t != T_NAME) return NULL;
    return two(r, N_SUB, left, expression(r, power));
}

/* What is done with each item of a projection. */
static const jmespath *after_projection(reader *r, int power) {
    if (binding(r->t) < B_PROJECTION_STOP) return current(r);
    if (r->t == T_OPEN || r->t == T_FILTER) return expression(r, power);
    if (!skip(r, T_DOT)) return NULL;
    if (r->t == T_STAR) return after_dot(r, current(r), power);
    return r->t == T_NAME ? expression(r, power) : NULL;
}

static const jmespath *indexed(reader *r, const jmespath *left) {
    int64_t n = 0;
    if (!left || r->t != T_NUMBER || r->text.n > 9) return NULL;
    bool minus = r->text.s[0] == '-';
    for (uint32_t i = minus; i < r->text.n; i++) n = n * 10 + (r->text.s[i] - '0');
    next(r);
    if (!skip(r, T_CLOSE)) return NULL;
    const jmespath *at = node(r, (jmespath){.kind = N_INDEX, .index = minus ? -n : n});
    return two(r, N_SUB, left, at);
}

static const jmespath *flattened(reader *r, const jmespath *left) {
    const jmespath *flat = left ? node(r, (jmespath){.kind = N_FLATTEN, .left = left}) : NULL;
    return flat ? two(r, N_EACH, flat, after_projection(r, B_FLATTEN)) : NULL;
}

static const jmespath *filtered(reader *r, const jmespath *left) {
    const jmespath *cond = expression(r, 0);
    if (!left || !cond || !skip(r, T_CLOSE)) return NULL;
    const jmespath *right = r->t == T_FLATTEN ? current(r) : after_projection(r, B_FILTER);
    return right ? node(r, (jmespath){.kind = N_FILTER, .left = left, .right = right, .cond = cond}) : NULL;
}

static const jmespath *called(reader *r, pb_str name) {
    const jmespath *first = expression(r, 0), *second = NULL;
    bool of_two = pb_str_is(name, "contains");
    if (!first || (!of_two && !pb_str_is(name, "length"))) return NULL;
    if (of_two && (!skip(r, T_COMMA) || !(second = expression(r, 0)))) return NULL;
    if (!skip(r, T_RPAREN)) return NULL;
    return node(r, (jmespath){.kind = of_two ? N_CONTAINS : N_LENGTH, .left = first, .right = second});
}

static const jmespath *literal(reader *r) {
    pb_value v;
    pb_str err;
    if (!pb_json_parse(r->a, r->text.s, r->text.n, &v, &err)) return NULL;
    next(r);
    return node(r, (jmespath){.kind = N_LITERAL, .value = v});
}

static const jmespath *parenthesised(reader *r) {
    const jmespath *e = expression(r, 0);
    return e && skip(r, T_RPAREN) ? e : NULL;
}

/* What an expression begins with. */
static const jmespath *beginning(reader *r) {
    token t = r->t;
    pb_str name = r->text;
    const jmespath *e;
    switch (t) {
    case T_NAME: e = field(r); return skip(r, T_LPAREN) ? called(r, name) : e;
    case T_LITERAL: return literal(r);
    case T_TEXT: next(r); return node(r, (jmespath){.kind = N_LITERAL, .value = pb_string(name)});
    case T_AT: next(r); return current(r);
    case T_LPAREN: next(r); return parenthesised(r);
    case T_NOT: next(r); return (e = expression(r, B_NOT)) ? node(r, (jmespath){.kind = N_NOT, .left = e}) : NULL;
    case T_OPEN: next(r); return indexed(r, current(r));
    case T_FLATTEN: next(r); return flattened(r, current(r));
    case T_FILTER: next(r); return filtered(r, current(r));
    case T_STAR: next(r); return two(r, N_VALUES, current(r), after_projection(r, B_STAR));
    default: return NULL;
    }
}

static const jmespath *going_on(reader *r, const jmespath *left) {
    token t = r->t;
    next(r);
    switch (t) {
    case T_DOT: return after_dot(r, left, B_DOT);
    case T_OPEN: return indexed(r, left);
    case T_FLATTEN: return flattened(r, left);
    case T_FILTER: return filtered(r, left);
    case T_OR: return two(r, N_OR, left, expression(r, B_OR));
    case T_AND: return two(r, N_AND, left, expression(r, B_AND));
    default: {
        const jmespath *right = expression(r, B_COMPARE);
        if (!right) return NULL;
        return node(r, (jmespath){.kind = N_COMPARE, .op = (compare_op)(t - T_EQ), .left = left, .right = right});
    }
    }
}

static const jmespath *expression(reader *r, int power) {
    if (++r->depth > DEPTH_MAX) return NULL;
    const jmespath *e = beginning(r);
    while (e && power < binding(r->t)) e = going_on(r, e);
    r->depth--;
    return e;
}

const jmespath *jmespath_parse(pb_arena *a, pb_str text) {
    if (text.n == 0 || text.n > TEXT_MAX) return NULL;
    reader r = {.a = a, .p = text.s, .end = text.s + text.n};
    next(&r);
    const jmespath *e = expression(&r, 0);
    return r.t == T_END ? e : NULL;
}

/* ---- evaluating ---- */

bool jmespath_true(pb_value v) {
    switch ((pb_kind)v.kind) {
    case PB_NONE: return false;
    case PB_BOOL: return v.u.b;
    case PB_STRING:
    case PB_LIST:
    case PB_MAP: return v.n != 0;
    default: return true;
    }
}

static bool is_number(pb_value v) { return v.kind == PB_INT || v.kind == PB_FLOAT; }

static bool same(pb_value a, pb_value b) {
    if (a.kind == PB_NONE || b.kind == PB_NONE) return a.kind == b.kind; /* null is null here */
    return pb_equal(a, b);
}

static pb_value compare(compare_op op, pb_value a, pb_value b) {
    if (op == C_EQ) return pb_bool(same(a, b));
    if (op == C_NE) return pb_bool(!same(a, b));
    if (!is_number(a) || !is_number(b)) return PB_NONE_VALUE;
    int c = pb_number_cmp(a, b);
    switch (op) {
    case C_LT: return pb_bool(c < 0);
    case C_LE: return pb_bool(c <= 0);
    case C_GT: return pb_bool(c > 0);
    default: return pb_bool(c >= 0);
    }
}

static pb_value item_at(pb_value v, int64_t i) {
    if (v.kind != PB_LIST) return PB_NONE_VALUE;
    if (i < 0) i += v.n;
    return i >= 0 && i < (int64_t)v.n ? v.u.items[i] : PB_NONE_VALUE;
}

/* Lists inside a list give their items; everything else itself. */
static pb_value flatten(pb_value v, pb_arena *a) {
    uint64_t n = 0;
    pb_value *out;
    if (v.kind != PB_LIST) return PB_NONE_VALUE;
    for (uint32_t i = 0; i < v.n; i++) n += v.u.items[i].kind == PB_LIST ? v.u.items[i].n : 1;
    if (n > UINT32_MAX) return PB_NONE_VALUE;
    pb_value list = pb_list_new(a, (uint32_t)n, &out);
    if (list.kind != PB_LIST) return list;
    for (uint32_t i = 0; i < v.n; i++) {
        pb_value item = v.u.items[i];
        if (item.kind != PB_LIST)
            *out++ = item;
        else
            for (uint32_t k = 0; k < item.n; k++) *out++ = item.u.items[k];
    }
    return list;
}

/* right of each item (that cond holds for, when there is one); nulls are left out. */
static pb_value project(const jmespath *e, pb_value v, pb_arena *a) {
    pb_value *out;
    uint32_t n = 0;
    bool values = e->kind == N_VALUES;
    if (v.kind != (values ? PB_MAP : PB_LIST)) return PB_NONE_VALUE;
    pb_value list = pb_list_new(a, v.n, &out);
    if (list.kind != PB_LIST) return list;
    for (uint32_t i = 0; i < v.n; i++) {
        pb_value item = values ? v.u.entries[i].value : v.u.items[i];
        if (e->cond && !jmespath_true(jmespath_eval(e->cond, item, a))) continue;
        item = jmespath_eval(e->right, item, a);
        if (item.kind != PB_NONE) out[n++] = item;
    }
    list.n = n;
    return list;
}

static pb_value length(pb_value v) {
    if (v.kind == PB_LIST || v.kind == PB_MAP) return pb_int(v.n);
    if (v.kind != PB_STRING) return PB_NONE_VALUE;
    int64_t n = 0; /* code points */
    for (uint32_t i = 0; i < v.n; i++) n += ((unsigned char)v.u.s[i] & 0xC0) != 0x80;
    return pb_int(n);
}

static pb_value contains(pb_value in, pb_value what) {
    if (in.kind == PB_STRING)
        return what.kind == PB_STRING ? pb_bool(what.n == 0 || memmem(in.u.s, in.n, what.u.s, what.n)) : pb_bool(false);
    if (in.kind != PB_LIST) return PB_NONE_VALUE;
    for (uint32_t i = 0; i < in.n; i++)
        if (same(in.u.items[i], what)) return pb_bool(true);
    return pb_bool(false);
}

pb_value jmespath_eval(const jmespath *e, pb_value v, pb_arena *a) {
    pb_value left;
    switch (e->kind) {
    case N_CURRENT: return v;
    case N_FIELD: return pb_get(v, e->name);
    case N_INDEX: return item_at(v, e->index);
    case N_LITERAL: return e->value;
    case N_SUB:
        left = jmespath_eval(e->left, v, a);
        return left.kind == PB_NONE ? left : jmespath_eval(e->right, left, a);
    case N_FLATTEN: return flatten(jmespath_eval(e->left, v, a), a);
    case N_EACH:
    case N_VALUES:
    case N_FILTER: return project(e, jmespath_eval(e->left, v, a), a);
    case N_OR: left = jmespath_eval(e->left, v, a); return jmespath_true(left) ? left : jmespath_eval(e->right, v, a);
    case N_AND: left = jmespath_eval(e->left, v, a); return jmespath_true(left) ? jmespath_eval(e->right, v, a) : left;
    case N_NOT: return pb_bool(!jmespath_true(jmespath_eval(e->left, v, a)));
    case N_COMPARE: return compare(e->op, jmespath_eval(e->left, v, a), jmespath_eval(e->right, v, a));
    case N_LENGTH: return length(jmespath_eval(e->left, v, a));
    case N_CONTAINS: return contains(jmespath_eval(e->left, v, a), jmespath_eval(e->right, v, a));
    }
    return PB_NONE_VALUE;
}
