/*
 * dynamodb_expr.c - DynamoDB's expressions: conditions, filters, key conditions, updates and projections.
 *
 * They are evaluated while they are read, by descent, against one item: nothing in them has an effect before the end,
 * so there is no tree to keep. An update reads the item as it was and changes a copy. The syntax is checked also where
 * no item is there to be looked at: an absent item is an item without attributes.
 */
#include "stdlib/sim/dynamodb.h"

typedef enum token { T_END, T_WORD, T_NAME, T_VALUE, T_NUMBER, T_OP, T_BAD } token;

typedef struct expr {
    sim_call *c;
    ddb_names *n;
    const char *kind; /* the input's member, for messages */
    pb_str text;
    uint32_t at; /* behind the current token */
    token is;
    pb_str tok;
    pb_value item;
    unsigned depth;
    /* A key condition's findings. */
    bool keys, other_form, hash_given;
    pb_str hash, range;
} expr;

typedef struct step {
    pb_str name; /* .s NULL: an index */
    uint32_t index;
} step;
typedef struct path {
    step v[DDB_DEPTH_MAX];
    uint32_t n;
} path;

/* ---- names and values ---- */

void ddb_names_read(sim_call *c, ddb_names *n) {
    *n = (ddb_names){.names = pb_get_c(c->in, "ExpressionAttributeNames")};
    pb_value values = pb_get_c(c->in, "ExpressionAttributeValues");
    n->values = is_set(values) ? ddb_normal_item(c, values) : values;
    n->name_used = pb_alloc_array(c->arena, (size_t)n->names.n + 1, sizeof(bool));
    n->value_used = pb_alloc_array(c->arena, (size_t)n->values.n + 1, sizeof(bool));
    if (!n->name_used || !n->value_used) {
        sim_fail(c, 500, "InternalError", "out of memory");
        return;
    }
    memset(n->name_used, 0, n->names.n + 1);
    memset(n->value_used, 0, n->values.n + 1);
}

static void check_used(sim_call *c, pb_value m, const bool *used, const char *what) {
    for (uint32_t i = 0; m.kind == PB_MAP && i < m.n; i++)
        if (!used[i])
            ddb_fail(c, "Value provided in %s unused in expressions: keys: {%.*s}", what, PB_ARG(m.u.entries[i].key));
}

void ddb_names_check(sim_call *c, const ddb_names *n) {
    if (c->failed) return;
    check_used(c, n->names, n->name_used, "ExpressionAttributeNames");
    check_used(c, n->values, n->value_used, "ExpressionAttributeValues");
}

static pb_value looked_up(pb_value m, bool *used, pb_str key) {
    for (uint32_t i = 0; m.kind == PB_MAP && i < m.n; i++)
        if (pb_str_eq(m.u.entries[i].key, key)) {
            used[i] = true;
            return m.u.entries[i].value;
        }
    return PB_NONE_VALUE;
}

/* ---- tokens ---- */

static bool word_char(char ch, bool first) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || (!first && ch >= '0' && ch <= '9');
}

static void next(expr *x) {
    const char *s = x->text.s;
    uint32_t n = x->text.n;
    while (x->at < n && memchr(" \t\r\n", s[x->at], 4)) x->at++;
    uint32_t from = x->at;
    x->is = T_END;
    if (from < n) {
        char ch = s[from];
        bool digit = ch >= '0' && ch <= '9', sigil = ch == '#' || ch == ':';
        x->at++;
        if (sigil || digit || word_char(ch, true)) {
            while (x->at < n && (digit ? s[x->at] >= '0' && s[x->at] <= '9' : word_char(s[x->at], false))) x->at++;
            x->is = digit ? T_NUMBER : ch == '#' ? T_NAME : ch == ':' ? T_VALUE : T_WORD;
            if (sigil && x->at - from == 1) x->is = T_BAD;
        } else {
            bool two =
                x->at < n && ((ch == '<' && (s[x->at] == '>' || s[x->at] == '=')) || (ch == '>' && s[x->at] == '='));
            x->at += two;
            x->is = memchr("=<>(),.[]+-", ch, 11) ? T_OP : T_BAD;
        }
    }
    x->tok = (pb_str){s + from, x->at - from};
}

static bool syntax_error(expr *x) {
    uint32_t from = (uint32_t)(x->tok.s - x->text.s), back = from > 10 ? from - 10 : 0, rest = x->text.n - back;
    ddb_fail(x->c, "Invalid %s: Syntax error; token: \"%.*s\", near: \"%.*s\"", x->kind,
             x->is == T_END ? 5 : (int)x->tok.n, x->is == T_END ? "<EOF>" : x->tok.s, (int)(rest > 30 ? 30 : rest),
             x->text.s + back);
    return false;
}

static bool is_op(const expr *x, const char *op) { return x->is == T_OP && pb_str_is(x->tok, op); }
static bool is_word(const expr *x, const char *upper) {
    if (x->is != T_WORD || x->tok.n != strlen(upper)) return false;
    for (uint32_t i = 0; i < x->tok.n; i++)
        if ((x->tok.s[i] & ~32) != upper[i]) return false;
    return true;
}

static bool take_op(expr *x, const char *op) {
    if (!is_op(x, op)) return false;
    next(x);
    return true;
}

static bool need_op(expr *x, const char *op) { return take_op(x, op) || syntax_error(x); }

static bool expr_open(expr *x, sim_call *c, ddb_names *n, const char *member, pb_value item) {
    pb_value text = pb_get_c(c->in, member);
    *x = (expr){.c = c, .n = n, .kind = member, .item = item};
    if (!is_set(text)) return false;
    x->text = pb_text(text);
    next(x);
    if (x->is == T_END) ddb_fail(c, "Invalid %s: The expression can not be empty;", member);
    return !c->failed;
}

/* ---- paths ---- */

static bool path_name(expr *x, path *p) {
    if (p->n == DDB_DEPTH_MAX) {
        ddb_fail(x->c, "Invalid %s: The document path has too many nesting elements", x->kind);
        return false;
    }
    pb_str name = x->tok;
    if (x->is == T_NAME) {
        pb_value v = looked_up(x->n->names, x->n->name_used, x->tok);
        if (!is_set(v))
            ddb_fail(x->c,
                     "Invalid %s: An expression attribute name used in the document path is not defined; "
                     "attribute name: %.*s",
                     x->kind, PB_ARG(x->tok));
        name = is_set(v) ? pb_text(v) : name;
    } else if (x->is != T_WORD) {
        return syntax_error(x);
    }
    p->v[p->n++] = (step){.name = name};
    next(x);
    return !x->c->failed;
}

static bool path_index(expr *x, path *p) {
    uint32_t i = 0;
    if (x->is != T_NUMBER || x->tok.n > 6 || p->n == DDB_DEPTH_MAX) return syntax_error(x);
    for (uint32_t k = 0; k < x->tok.n; k++) i = i * 10 + (uint32_t)(x->tok.s[k] - '0');
    p->v[p->n++] = (step){.index = i};
    next(x);
    return need_op(x, "]");
}

static bool path_read(expr *x, path *p) {
    p->n = 0;
    if (!path_name(x, p)) return false;
    for (;;) {
        if (take_op(x, ".")) {
            if (!path_name(x, p)) return false;
        } else if (take_op(x, "[")) {
            if (!path_index(x, p)) return false;
        } else {
            return true;
        }
    }
}

static pb_value step_into(pb_value v, const step *s) {
    pb_value in = ddb_inner(v);
    if (s->name.s) return pb_str_is(ddb_type(v), "M") ? pb_get(in, s->name) : PB_NONE_VALUE;
    return pb_str_is(ddb_type(v), "L") && s->index < in.n ? in.u.items[s->index] : PB_NONE_VALUE;
}

static pb_value path_get(pb_value item, const path *p) {
    pb_value v = pb_get(item, p->v[0].name);
    for (uint32_t i = 1; i < p->n && is_set(v); i++) v = step_into(v, &p->v[i]);
    return v;
}

/* ---- operands ---- */

static pb_value given_value(expr *x) {
    pb_value v = looked_up(x->n->values, x->n->value_used, x->tok);
    if (!is_set(v))
        ddb_fail(x->c,
                 "Invalid %s: An expression attribute value used in expression is not defined; attribute value: "
                 "%.*s",
                 x->kind, PB_ARG(x->tok));
    next(x);
    return v;
}

static pb_value size_of(expr *x) {
    path p;
    if (!need_op(x, "(") || !path_read(x, &p) || !need_op(x, ")")) return PB_NONE_VALUE;
    pb_value v = path_get(x->item, &p), in = ddb_inner(v);
    pb_str t = ddb_type(v), bytes;
    if (!t.n || pb_str_is(t, "N") || pb_str_is(t, "BOOL") || pb_str_is(t, "NULL")) return PB_NONE_VALUE;
    uint32_t n = in.n;
    if (pb_str_is(t, "B") && pb_base64_decode(x->c->arena, pb_text(in), &bytes)) n = bytes.n;
    return MAP(x->c, {"N", sim_text(x->c, "%u", n)});
}

/* A path, a value or size(path). False: not well written; an absent attribute is none. */
static bool operand(expr *x, pb_value *v, path *p) {
    *v = PB_NONE_VALUE;
    p->n = 0;
    if (x->is == T_VALUE) {
        *v = given_value(x);
    } else if (x->is == T_WORD && pb_str_is(x->tok, "size") && x->at < x->text.n &&
               memchr("( \t", x->text.s[x->at], 3)) {
        next(x);
        *v = size_of(x);
    } else if (path_read(x, p)) {
        *v = path_get(x->item, p);
    }
    return !x->c->failed;
}

/* ---- conditions ---- */

static bool or_condition(expr *x);

/* A key condition is a comparison of keys with values, joined by AND. */
static void note_key(expr *x, const path *p, bool equals) {
    if (!x->keys) return;
    if (p->n != 1 || (!pb_str_eq(p->v[0].name, x->hash) && !pb_str_eq(p->v[0].name, x->range)))
        x->other_form = true;
    else if (pb_str_eq(p->v[0].name, x->hash)) {
        if (equals)
            x->hash_given = true;
        else
            x->other_form = true;
    }
}

static bool holds(pb_value a, pb_str op, pb_value b) {
    int order = 0;
    bool equal = is_set(a) && is_set(b) && pb_equal(a, b);
    if (pb_str_is(op, "=")) return equal;
    if (pb_str_is(op, "<>")) return !equal;
    if (!is_set(a) || !is_set(b) || !ddb_compare(a, b, &order)) return false;
    return op.s[0] == '<' ? order < 0 || (op.n == 2 && order == 0) : order > 0 || (op.n == 2 && order == 0);
}

static bool begins(pb_value v, pb_value with) {
    pb_str t = ddb_type(v), a = pb_text(ddb_inner(v)), b = pb_text(ddb_inner(with));
    return pb_str_is(t, "S") && pb_str_eq(t, ddb_type(with)) && a.n >= b.n && (!b.n || memcmp(a.s, b.s, b.n) == 0);
}

static bool contains(pb_value v, pb_value what) {
    pb_value in = ddb_inner(v), w = ddb_inner(what);
    if (pb_str_is(ddb_type(v), "S"))
        return pb_str_is(ddb_type(what), "S") && (!w.n || (in.n && memmem(in.u.s, in.n, w.u.s, w.n)));
    bool set = ddb_is_set(v);
    if (in.kind != PB_LIST || (set && (ddb_type(what).n != 1 || ddb_type(what).s[0] != ddb_type(v).s[0]))) return false;
    EACH(i, in) if (pb_equal(*i, set ? w : what)) return true;
    return false;
}

typedef enum function { F_NONE, F_EXISTS, F_MISSING, F_TYPE, F_BEGINS, F_CONTAINS } function;

static function function_of(const expr *x) {
    static const char *const names[] = {
        "", "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"};
    for (int i = F_EXISTS; i <= F_CONTAINS; i++)
        if (x->is == T_WORD && pb_str_is(x->tok, names[i])) return (function)i;
    return F_NONE;
}

static bool call(expr *x, function f) {
    path p, other;
    pb_value with = PB_NONE_VALUE;
    next(x);
    if (!need_op(x, "(") || !path_read(x, &p)) return false;
    if (f >= F_TYPE && (!need_op(x, ",") || !operand(x, &with, &other))) return false;
    if (!need_op(x, ")")) return false;
    if (f != F_BEGINS) x->other_form = true;
    note_key(x, &p, false);
    pb_value v = path_get(x->item, &p);
    switch (f) {
    case F_EXISTS: return is_set(v);
    case F_MISSING: return !is_set(v);
    case F_TYPE: return is_set(v) && pb_str_eq(ddb_type(v), pb_text(ddb_inner(with)));
    case F_BEGINS: return begins(v, with);
    default: return is_set(v) && is_set(with) && contains(v, with);
    }
}

static bool between(expr *x, pb_value v) {
    pb_value low, high;
    path p;
    next(x);
    if (!operand(x, &low, &p)) return false;
    if (!is_word(x, "AND")) return syntax_error(x);
    next(x);
    return operand(x, &high, &p) && holds(v, PB_STR(">="), low) && holds(v, PB_STR("<="), high);
}

static bool in_list(expr *x, pb_value v) {
    bool found = false;
    path p;
    x->other_form = true;
    next(x);
    if (!need_op(x, "(")) return false;
    do {
        pb_value one;
        if (!operand(x, &one, &p)) return false;
        found = holds(v, PB_STR("="), one) || found;
    } while (take_op(x, ","));
    return need_op(x, ")") && found;
}

static bool comparison(expr *x) {
    pb_value a, b;
    path p, q;
    pb_str first = x->tok;
    if (!operand(x, &a, &p)) return false;
    if (p.n == 1 && is_op(x, "(")) {
        ddb_fail(x->c, "Invalid %s: Invalid function name; function: %.*s", x->kind, PB_ARG(first));
        return false;
    }
    bool compares = x->is == T_OP && memchr("=<>", x->tok.s[0], 3);
    note_key(x, &p, is_op(x, "="));
    if (is_word(x, "BETWEEN")) return between(x, a);
    if (is_word(x, "IN")) return in_list(x, a);
    if (!compares) return syntax_error(x);
    pb_str op = x->tok;
    if (pb_str_is(op, "<>")) x->other_form = true;
    next(x);
    if (!operand(x, &b, &q)) return false;
    return holds(a, op, b);
}

static bool primary(expr *x) {
    function f = function_of(x);
    if (f) return call(x, f);
    if (!take_op(x, "(")) return comparison(x);
    if (++x->depth > DDB_DEPTH_MAX) {
        ddb_fail(x->c, "Invalid %s: The expression has too many nesting levels", x->kind);
        return false;
    }
    bool v = or_condition(x);
    x->depth--;
    return (x->c->failed || need_op(x, ")")) && v;
}

static bool not_condition(expr *x) {
    bool flip = false;
    while (is_word(x, "NOT")) {
        flip = !flip;
        x->other_form = true;
        next(x);
    }
    return primary(x) != flip;
}

static bool and_condition(expr *x) {
    bool v = not_condition(x);
    while (is_word(x, "AND") && !x->c->failed) {
        next(x);
        v = not_condition(x) && v;
    }
    return v;
}

static bool or_condition(expr *x) {
    bool v = and_condition(x);
    while (is_word(x, "OR") && !x->c->failed) {
        x->other_form = true;
        next(x);
        v = and_condition(x) || v;
    }
    return v;
}

static bool whole_condition(expr *x) {
    bool v = or_condition(x);
    if (!x->c->failed && x->is != T_END) syntax_error(x);
    return v && !x->c->failed;
}

bool ddb_condition(sim_call *c, ddb_names *n, const char *member, pb_value item) {
    expr x;
    return expr_open(&x, c, n, member, item) ? whole_condition(&x) : !c->failed;
}

bool ddb_key_condition(sim_call *c, ddb_names *n, pb_value item, pb_str hash, pb_str range) {
    expr x;
    if (!expr_open(&x, c, n, "KeyConditionExpression", item)) {
        ddb_fail(c, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
        return false;
    }
    x.keys = true;
    x.hash = hash;
    x.range = range;
    bool v = whole_condition(&x);
    if (!c->failed && x.other_form) ddb_fail(c, "Query key condition not supported");
    if (!c->failed && !x.hash_given) ddb_fail(c, "Query condition missed key schema element: %.*s", PB_ARG(hash));
    return v && !c->failed;
}

/* ---- changing what a path leads to ---- */

static pb_value wrong_path(expr *x) {
    return ddb_fail(x->c, "The document path provided in the update expression is invalid for update");
}

static pb_value changed(expr *x, pb_value v, const path *p, uint32_t at, pb_value to);

/* none in a list marks what is removed, so that the places of the others stay as they were until the end. */
static pb_value list_changed(expr *x, pb_value v, const path *p, uint32_t at, pb_value to) {
    pb_value in = ddb_inner(v), *items;
    uint32_t i = p->v[at].index, n = in.n;
    bool last = at + 1 == p->n, append = i >= n;
    if (append && (!last || !is_set(to))) return last ? v : wrong_path(x);
    pb_value list = pb_list_new(x->c->arena, n + append, &items);
    if (list.kind != PB_LIST) return PB_NONE_VALUE;
    for (uint32_t k = 0; k < n; k++) items[k] = in.u.items[k];
    i = append ? n : i;
    items[i] = last ? to : changed(x, items[i], p, at + 1, to);
    return MAP(x->c, {"L", list});
}

static pb_value map_with(expr *x, pb_value m, pb_str key, pb_value v) {
    pb_map_builder b = {.arena = x->c->arena};
    for (uint32_t i = 0; m.kind == PB_MAP && i < m.n; i++)
        if (!pb_str_eq(m.u.entries[i].key, key)) pb_map_add(&b, m.u.entries[i].key, m.u.entries[i].value);
    if (is_set(v)) pb_map_add(&b, key, v);
    return pb_map_done(&b);
}

/* v with the step `at` of the path changed; the depth is the path's. */
static pb_value changed(expr *x, pb_value v, const path *p, uint32_t at, pb_value to) {
    const step *s = &p->v[at];
    bool last = at + 1 == p->n;
    if (!s->name.s) return pb_str_is(ddb_type(v), "L") ? list_changed(x, v, p, at, to) : wrong_path(x);
    if (!pb_str_is(ddb_type(v), "M")) return wrong_path(x);
    pb_value m = ddb_inner(v), old = pb_get(m, s->name);
    if (!last && !is_set(old)) return wrong_path(x);
    return MAP(x->c, {"M", map_with(x, m, s->name, last ? to : changed(x, old, p, at + 1, to))});
}

static pb_value item_changed(expr *x, pb_value item, const path *p, pb_value to) {
    if (p->n == 1) return map_with(x, item, p->v[0].name, to);
    pb_value old = pb_get(item, p->v[0].name);
    if (!is_set(old)) return wrong_path(x);
    return map_with(x, item, p->v[0].name, changed(x, old, p, 1, to));
}

/* Lists without the places that were removed. */
static pb_value closed(sim_call *c, pb_value v, unsigned depth) {
    pb_value in = ddb_inner(v);
    pb_str t = ddb_type(v);
    if (depth > 2 * DDB_DEPTH_MAX) return v;
    if (pb_str_is(t, "L")) {
        sim_items l = {0};
        EACH(i, in) items_add(c, &l, is_set(*i) ? closed(c, *i, depth + 1) : *i);
        return MAP(c, {"L", items_list(c, &l)});
    }
    if (!pb_str_is(t, "M")) return v;
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; i < in.n; i++)
        pb_map_add(&b, in.u.entries[i].key, closed(c, in.u.entries[i].value, depth + 1));
    return MAP(c, {"M", pb_map_done(&b)});
}

/* ---- updates ---- */

typedef struct update {
    expr x;
    pb_value now, touched;
    bool removed_places;
} update;

static pb_value update_value(update *u);

static pb_value list_append(update *u) {
    expr *x = &u->x;
    sim_items l = {0};
    if (!need_op(x, "(")) return PB_NONE_VALUE;
    pb_value a = update_value(u);
    if (x->c->failed || !need_op(x, ",")) return PB_NONE_VALUE;
    pb_value b = update_value(u);
    if (x->c->failed || !need_op(x, ")")) return PB_NONE_VALUE;
    if (!pb_str_is(ddb_type(a), "L") || !pb_str_is(ddb_type(b), "L"))
        return ddb_fail(x->c, "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or "
                              "function: list_append");
    pb_value first = ddb_inner(a), second = ddb_inner(b);
    EACH(i, first) items_add(x->c, &l, *i);
    EACH(i, second) items_add(x->c, &l, *i);
    return MAP(x->c, {"L", items_list(x->c, &l)});
}

static pb_value if_not_exists(update *u) {
    expr *x = &u->x;
    path p;
    if (!need_op(x, "(") || !path_read(x, &p) || !need_op(x, ",")) return PB_NONE_VALUE;
    pb_value otherwise = update_value(u), have = path_get(x->item, &p);
    if (x->c->failed || !need_op(x, ")")) return PB_NONE_VALUE;
    return or_else(have, otherwise);
}

static pb_value update_operand(update *u) {
    expr *x = &u->x;
    path p;
    if (x->is == T_VALUE) return given_value(x);
    bool append = x->is == T_WORD && pb_str_is(x->tok, "list_append");
    if (append || (x->is == T_WORD && pb_str_is(x->tok, "if_not_exists"))) {
        if (++x->depth > DDB_DEPTH_MAX) return ddb_fail(x->c, "Invalid UpdateExpression: too many nesting levels");
        next(x);
        pb_value v = append ? list_append(u) : if_not_exists(u);
        x->depth--;
        return v;
    }
    if (!path_read(x, &p)) return PB_NONE_VALUE;
    pb_value v = path_get(x->item, &p);
    return is_set(v) ? v
                     : ddb_fail(x->c, "The provided expression refers to an attribute that does not exist in the item");
}

static pb_value update_value(update *u) {
    expr *x = &u->x;
    pb_value a = update_operand(u);
    bool minus = is_op(x, "-");
    if (x->c->failed || !(minus || is_op(x, "+"))) return a;
    next(x);
    pb_value b = update_operand(u);
    if (x->c->failed) return PB_NONE_VALUE;
    if (!pb_str_is(ddb_type(a), "N") || !pb_str_is(ddb_type(b), "N"))
        return ddb_fail(x->c, "An operand in the update expression has an incorrect data type");
    return ddb_number_add(x->c, a, b, minus);
}

static void apply(update *u, const path *p, pb_value to) {
    expr *x = &u->x;
    pb_str name = p->v[0].name;
    if (x->c->failed) return;
    if (pb_str_eq(name, x->hash) || pb_str_eq(name, x->range)) {
        ddb_fail(x->c,
                 "One or more parameter values were invalid: Cannot update attribute %.*s. This attribute is part "
                 "of the key",
                 PB_ARG(name));
        return;
    }
    u->removed_places = u->removed_places || (!is_set(to) && p->n > 1);
    u->now = item_changed(x, u->now, p, to);
    u->touched = map_with(x, u->touched, name, pb_bool(true));
}

static void set_action(update *u) {
    path p;
    if (!path_read(&u->x, &p) || !need_op(&u->x, "=")) return;
    apply(u, &p, update_value(u));
}

static void remove_action(update *u) {
    path p;
    if (!path_read(&u->x, &p)) return;
    if (p.n == 1 || is_set(path_get(u->x.item, &p))) apply(u, &p, PB_NONE_VALUE);
}

static bool member(pb_value set, pb_value v) {
    EACH(i, set) if (pb_equal(*i, v)) return true;
    return false;
}

/* The union, or the difference. */
static pb_value set_with(expr *x, pb_value have, pb_value with, bool add) {
    pb_value a = ddb_inner(have), b = ddb_inner(with);
    pb_str t = ddb_type(with);
    sim_items l = {0};
    if (is_set(have) && !pb_str_eq(ddb_type(have), t))
        return ddb_fail(x->c, "An operand in the update expression has an incorrect data type");
    EACH(i, a) if (add || !member(b, *i)) items_add(x->c, &l, *i);
    if (add) EACH(i, b) if (!member(a, *i)) items_add(x->c, &l, *i);
    pb_map_builder m = {.arena = x->c->arena};
    pb_map_add(&m, t, items_list(x->c, &l));
    return l.n ? pb_map_done(&m) : PB_NONE_VALUE;
}

static void add_or_delete(update *u, bool add) {
    expr *x = &u->x;
    path p;
    if (!path_read(x, &p)) return;
    if (x->is != T_VALUE) {
        syntax_error(x);
        return;
    }
    pb_value with = given_value(x), have = path_get(x->item, &p);
    if (x->c->failed) return;
    bool number = add && pb_str_is(ddb_type(with), "N");
    if (!number && !ddb_is_set(with)) {
        ddb_fail(x->c,
                 "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: %s, "
                 "operand type: %.*s",
                 add ? "ADD" : "DELETE", PB_ARG(ddb_type(with)));
        return;
    }
    if (number && is_set(have) && !pb_str_is(ddb_type(have), "N"))
        ddb_fail(x->c, "An operand in the update expression has an incorrect data type");
    else if (number)
        apply(u, &p, is_set(have) ? ddb_number_add(x->c, have, with, false) : with);
    else if (add || is_set(have))
        apply(u, &p, set_with(x, have, with, add));
}

static void add_action(update *u) { add_or_delete(u, true); }
static void delete_action(update *u) { add_or_delete(u, false); }

static const struct {
    const char *word;
    void (*act)(update *u);
} clauses[] = {{"SET", set_action}, {"REMOVE", remove_action}, {"ADD", add_action}, {"DELETE", delete_action}};
enum { CLAUSES = sizeof clauses / sizeof *clauses };

pb_value ddb_update(sim_call *c, ddb_names *n, pb_value item, pb_str hash, pb_str range, pb_value *touched) {
    update u = {.now = item};
    bool seen[CLAUSES] = {false};
    if (!expr_open(&u.x, c, n, "UpdateExpression", item)) return item;
    u.x.hash = hash;
    u.x.range = range;
    while (!c->failed && u.x.is != T_END) {
        size_t k = 0;
        while (k < CLAUSES && !is_word(&u.x, clauses[k].word)) k++;
        if (k == CLAUSES) syntax_error(&u.x);
        if (k < CLAUSES && seen[k])
            ddb_fail(c, "Invalid UpdateExpression: The \"%s\" section can only be used once in an update expression;",
                     clauses[k].word);
        if (c->failed) break;
        seen[k] = true;
        do {
            next(&u.x);
            clauses[k].act(&u);
        } while (!c->failed && is_op(&u.x, ","));
    }
    *touched = u.touched;
    if (c->failed || !u.removed_places) return u.now;
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; i < u.now.n; i++)
        pb_map_add(&b, u.now.u.entries[i].key, closed(c, u.now.u.entries[i].value, 0));
    return pb_map_done(&b);
}

/* ---- projections ---- */

/* What the path leads to, alone in what stands around it. */
static pb_value only(expr *x, const path *p, uint32_t at, pb_value leaf) {
    for (uint32_t i = p->n; i-- > at;) {
        pb_map_builder b = {.arena = x->c->arena};
        if (p->v[i].name.s) pb_map_add(&b, p->v[i].name, leaf);
        leaf = p->v[i].name.s ? MAP(x->c, {"M", pb_map_done(&b)}) : MAP(x->c, {"L", sim_list1(x->c, leaf)});
    }
    return leaf;
}

/* Two parts of one item together: maps by key, lists one behind the other. */
static pb_value joined(expr *x, pb_value a, pb_value b, unsigned depth) {
    pb_value m = ddb_inner(a), n = ddb_inner(b);
    if (!is_set(a) || depth > DDB_DEPTH_MAX || !pb_str_eq(ddb_type(a), ddb_type(b))) return b;
    if (pb_str_is(ddb_type(a), "L")) {
        sim_items l = {0};
        EACH(i, m) items_add(x->c, &l, *i);
        EACH(i, n) items_add(x->c, &l, *i);
        return MAP(x->c, {"L", items_list(x->c, &l)});
    }
    if (!pb_str_is(ddb_type(a), "M")) return b;
    for (uint32_t i = 0; i < n.n; i++) {
        pb_str key = n.u.entries[i].key;
        m = map_with(x, m, key, joined(x, pb_get(m, key), n.u.entries[i].value, depth + 1));
    }
    return MAP(x->c, {"M", m});
}

pb_value ddb_project(sim_call *c, ddb_names *n, pb_value item) {
    expr x;
    path p;
    pb_value out = pb_map_done(&(pb_map_builder){.arena = c->arena});
    if (!expr_open(&x, c, n, "ProjectionExpression", item)) return item;
    do {
        if (!path_read(&x, &p)) return PB_NONE_VALUE;
        pb_value v = path_get(item, &p);
        pb_str name = p.v[0].name;
        if (is_set(v)) out = map_with(&x, out, name, joined(&x, pb_get(out, name), only(&x, &p, 1, v), 0));
    } while (take_op(&x, ","));
    if (x.is != T_END) syntax_error(&x);
    return out;
}
