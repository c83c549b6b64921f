/*
 * parse_node.c - building the tree.
 *
 * Every function takes parts that may be NULL, because an earlier allocation failed, and then gives NULL: the grammar
 * needs no checks of its own, and parse_file asks the arena once at the end. Each node knows the height of what is
 * below it; a node higher than PARSE_MAX_DEPTH is reported once and cut off, so that whoever walks the tree recursively
 * is bounded, however long a chain of operators (which nests without brackets) may be.
 */
#include "lang/parse.h"

/* ---- heights ---- */

static uint16_t over(uint16_t a, uint16_t b) { return a > b ? a : b; }
static uint16_t depth_of(const ast_expr *e) { return e ? e->depth : 0; }

static bool too_deep(parse_ctx *c, uint16_t depth, pb_span span) {
    if (depth <= PARSE_MAX_DEPTH) return false;
    if (!c->deep_reported) {
        diag *d =
            parse_mistake(c, DIAG_NESTED_TOO_DEEP, span, "nested too deeply: more than %d levels", PARSE_MAX_DEPTH);
        d->hint = PB_STR("a long chain of operators counts too: use a list, or split it with `let`");
    }
    c->deep_reported = true;
    return true;
}

/* A node one level above `below`. When that is too high its parts are left out: `none` stands in their place. */
static ast_expr *node(parse_ctx *c, ast_expr_kind kind, uint16_t below, pb_span span) {
    ast_expr *e = pb_alloc(c->arena, sizeof *e);
    if (!e) return NULL;
    e->span = span;
    e->kind = too_deep(c, (uint16_t)(below + 1), span) ? EXPR_NONE : kind;
    e->depth = e->kind == kind ? (uint16_t)(below + 1) : 1;
    return e;
}

/* ---- expressions ---- */

ast_expr *parse_expr(parse_ctx *c, ast_expr_kind kind, pb_span span) { return node(c, kind, 0, span); }

ast_expr *parse_unary(parse_ctx *c, ast_expr_kind kind, ast_expr *of, pb_span span) {
    if (!of) return NULL;
    /* -9223372036854775808 needs no special care: the smallest integer cannot be written, which is documented */
    ast_expr *e = node(c, kind, of->depth, span);
    if (e && e->kind == kind) e->u.unary = of;
    return e;
}

ast_expr *parse_binary(parse_ctx *c, ast_op op, ast_expr *left, ast_expr *right, pb_span span) {
    if (!left || !right) return NULL;
    ast_expr *e = node(c, EXPR_BINARY, over(left->depth, right->depth), span);
    if (!e || e->kind != EXPR_BINARY) return e;
    e->op = op;
    e->u.binary.left = left;
    e->u.binary.right = right;
    return e;
}

static void refuse_chain(parse_ctx *c, const ast_expr *left, pb_span at) {
    bool compares =
        left->kind == EXPR_EXISTS || (left->kind == EXPR_BINARY && left->op >= OP_EQ && left->op <= OP_MATCHES);
    if (!compares || left->paren) return;
    diag *d = parse_mistake(c, DIAG_CHAINED_COMPARISON, at, "comparisons cannot be chained");
    d->hint = PB_STR("write `a < b and b < c`, or put one of them in parentheses");
    d->also = left->span;
    d->also_message = PB_STR("this is a comparison already");
}

ast_expr *parse_compare(parse_ctx *c, ast_op op, ast_expr *left, ast_expr *right, pb_span span, pb_span op_span) {
    if (left) refuse_chain(c, left, op_span);
    return parse_binary(c, op, left, right, span);
}

ast_expr *parse_exists(parse_ctx *c, ast_expr *of, pb_span span, pb_span op_span) {
    if (of) refuse_chain(c, of, op_span);
    return parse_unary(c, EXPR_EXISTS, of, span);
}

void parse_assign_for_eq(parse_ctx *c, pb_span at) {
    diag *d = parse_mistake(c, DIAG_ASSIGN_FOR_EQ, at, "`=` gives a name its value; to compare, write `==`");
    d->hint = PB_STR("write `==`");
    diag_fix(c->diags, d, at, "==");
}

ast_expr *parse_name(parse_ctx *c, ast_name name) {
    ast_expr *e = node(c, EXPR_NAME, 0, name.span);
    if (e) e->u.name = name;
    return e;
}

ast_expr *parse_field(parse_ctx *c, ast_expr *of, ast_name name, bool safe, pb_span span) {
    if (!of) return NULL;
    ast_expr *e = node(c, EXPR_FIELD, of->depth, span);
    if (!e || e->kind != EXPR_FIELD) return e;
    e->u.field.of = of;
    e->u.field.name = name;
    e->u.field.safe = safe;
    return e;
}

ast_expr *parse_index(parse_ctx *c, ast_expr *of, ast_expr *index, pb_span span) {
    if (!of || !index) return NULL;
    ast_expr *e = node(c, EXPR_INDEX, over(of->depth, index->depth), span);
    if (!e || e->kind != EXPR_INDEX) return e;
    e->u.binary.left = of;
    e->u.binary.right = index;
    return e;
}

static uint16_t depth_of_args(const ast_arg *a) {
    uint16_t depth = 0;
    for (; a; a = a->next) depth = over(depth, depth_of(a->value));
    return depth;
}

ast_expr *parse_call(parse_ctx *c, ast_expr *callee, parse_args args, pb_span span) {
    if (!callee) return NULL;
    if ((callee->kind != EXPR_NAME && callee->kind != EXPR_FIELD) || callee->paren)
        parse_mistake(c, DIAG_NOT_A_CALL, callee->span, "only what has a name can be called");
    ast_expr *e = node(c, EXPR_CALL, over(callee->depth, depth_of_args(args.head)), span);
    if (!e || e->kind != EXPR_CALL) return e;
    e->u.call.callee = callee;
    e->u.call.args = args.head;
    return e;
}

ast_expr *parse_list(parse_ctx *c, ast_expr_kind kind, parse_args items, pb_span span) {
    for (const ast_arg *a = items.head; kind == EXPR_LIST && a; a = a->next)
        if (a->name.text.s) parse_mistake(c, DIAG_SYNTAX, a->name.span, "the items of a list have no names");
    ast_expr *e = node(c, kind, depth_of_args(items.head), span);
    if (e && e->kind == kind) e->u.list = items.head;
    return e;
}

ast_expr *parse_comp(parse_ctx *c, ast_expr_kind kind, ast_name var, ast_expr *list, ast_expr *value, ast_expr *cond,
                     pb_span span) {
    if (!list || !value) return NULL;
    ast_expr *e = node(c, kind, over(over(list->depth, value->depth), depth_of(cond)), span);
    if (!e || e->kind != kind) return e;
    e->u.comp.var = var;
    e->u.comp.list = list;
    e->u.comp.value = value;
    e->u.comp.cond = cond;
    return e;
}

ast_expr *parse_cast(parse_ctx *c, ast_expr *value, ast_type *type, pb_span span) {
    if (!value || !type) return NULL;
    ast_expr *e = node(c, EXPR_AS, over(value->depth, type->depth), span);
    if (!e || e->kind != EXPR_AS) return e;
    e->u.as.value = value;
    e->u.as.type = type;
    return e;
}

ast_expr *parse_integer(parse_ctx *c, ast_expr_kind kind, int64_t value, pb_span span) {
    ast_expr *e = node(c, kind, 0, span);
    if (e) e->u.integer = value;
    return e;
}

ast_expr *parse_float(parse_ctx *c, double value, pb_span span) {
    ast_expr *e = node(c, EXPR_FLOAT, 0, span);
    if (e) e->u.number = value;
    return e;
}

ast_expr *parse_bool(parse_ctx *c, bool value, pb_span span) {
    ast_expr *e = node(c, EXPR_BOOL, 0, span);
    if (e) e->u.boolean = value;
    return e;
}

ast_expr *parse_string(parse_ctx *c, pb_str text, pb_span span) {
    ast_expr *e = node(c, EXPR_STRING, 0, span);
    if (e) e->u.string = text;
    return e;
}

ast_expr *parse_path_expr(parse_ctx *c, ast_path path) {
    ast_expr *e = path.n ? parse_name(c, path.parts[0]) : NULL;
    for (uint32_t i = 1; i < path.n; i++) {
        pb_span span = path.span;
        span.end = path.parts[i].span.end;
        e = parse_field(c, e, path.parts[i], false, span);
    }
    return e;
}

/* ---- lists of arguments, items, entries and pieces ---- */

parse_args parse_arg(parse_ctx *c, parse_args list, ast_name name, ast_expr *value) {
    ast_arg *a = value ? pb_alloc(c->arena, sizeof *a) : NULL;
    if (!a) return list;
    a->name = name;
    a->value = value;
    if (list.tail)
        list.tail->next = a;
    else
        list.head = a;
    list.tail = a;
    return list;
}

ast_name parse_key(parse_ctx *c, ast_expr *string) {
    if (!string) return (ast_name){0};
    if (string->kind == EXPR_STRING) return (ast_name){string->u.string, string->span};
    parse_mistake(c, DIAG_BAD_KEY, string->span, "this text must be constant, without `${ }`");
    return (ast_name){PB_STR("?"), string->span};
}

/* ---- strings ---- */

#define LINE_MARK "\n"

parse_args parse_piece(parse_ctx *c, parse_args list, pb_str text, bool line, pb_span span) {
    ast_name mark = {0};
    if (line) mark.text = PB_STR(LINE_MARK);
    return parse_arg(c, list, mark, parse_string(c, text, span));
}

static bool is_line(const ast_arg *a) { return a->name.text.s != NULL; }

/* How many blanks stand behind the line break of a line piece. */
static uint32_t blanks(const ast_arg *line) {
    pb_str t = line->value->u.string;
    return t.n - (t.n && t.s[0] == '\r' ? 2 : 1);
}

/* A line without anything but blanks does not count, the last one (before the closing quotes) does. */
static uint32_t common_indentation(const ast_arg *pieces) {
    uint32_t least = UINT32_MAX;
    for (const ast_arg *a = pieces; a; a = a->next)
        if (is_line(a) && (!a->next || !is_line(a->next)) && blanks(a) < least) least = blanks(a);
    return least == UINT32_MAX ? 0 : least;
}

/* """ strings: the break behind the opening quotes and the one before the closing quotes do not count, and what all
 * lines are indented by is cut off. */
static void dedent(ast_arg *pieces) {
    uint32_t common = common_indentation(pieces);
    for (ast_arg *a = pieces; a; a = a->next) {
        if (!is_line(a)) continue;
        pb_str *t = &a->value->u.string;
        uint32_t have = blanks(a), cut = have < common ? have : common;
        bool blank_line = a->next && is_line(a->next);
        const char *rest = t->s + (t->n - have) + cut;
        bool drop_break = a == pieces || !a->next;
        /* The break and the rest of the indentation do not touch in the text: the break goes into the name's place. */
        a->name.text = drop_break ? PB_STR("") : PB_STR(LINE_MARK);
        *t = blank_line || !a->next ? (pb_str){rest, 0} : (pb_str){rest, have - cut};
        a->name.text.s = LINE_MARK; /* still a line */
    }
}

/* Joins the texts from *a on up to the next expression into one. */
static ast_expr *join_texts(parse_ctx *c, ast_arg **a) {
    size_t n = 0;
    ast_arg *from = *a, *to = from;
    for (; to && to->value->kind == EXPR_STRING && !to->value->paren; to = to->next)
        n += to->name.text.n + to->value->u.string.n;
    *a = to;
    char *s = pb_alloc(c->arena, n + 1), *p = s;
    if (!s) return NULL;
    pb_span span = from->value->span;
    for (ast_arg *i = from; i != to; i = i->next) {
        if (i->name.text.n) memcpy(p, i->name.text.s, i->name.text.n), p += i->name.text.n;
        if (i->value->u.string.n) memcpy(p, i->value->u.string.s, i->value->u.string.n), p += i->value->u.string.n;
        span.end = i->value->span.end;
    }
    return parse_string(c, (pb_str){s, (uint32_t)n}, span);
}

ast_expr *parse_pieces(parse_ctx *c, parse_args pieces, bool triple, pb_span span) {
    if (triple) dedent(pieces.head);
    parse_args parts = {0};
    bool constant = true;
    for (ast_arg *a = pieces.head; a;) {
        if (a->value->kind != EXPR_STRING || a->value->paren) {
            constant = false;
            parts = parse_arg(c, parts, (ast_name){0}, a->value);
            a = a->next;
            continue;
        }
        ast_expr *text = join_texts(c, &a);
        if (!text) return NULL;
        if (text->u.string.n) parts = parse_arg(c, parts, (ast_name){0}, text);
    }
    if (!constant) return parse_list(c, EXPR_INTERP, parts, span);
    return parse_string(c, parts.head ? parts.head->value->u.string : PB_STR(""), span);
}

/* ---- types ---- */

ast_path parse_path_add(parse_ctx *c, ast_path path, ast_name name) {
    /* Grown one by one: paths have two or three parts. A long one is cut off where no name is that long. */
    if (path.n >= PARSE_MAX_DEPTH) {
        (void)too_deep(c, PARSE_MAX_DEPTH + 1, name.span);
        return path;
    }
    ast_name *parts = pb_alloc_array(c->arena, (size_t)path.n + 1, sizeof *parts);
    if (!parts) return path;
    if (path.n) memcpy(parts, path.parts, path.n * sizeof *parts);
    parts[path.n] = name;
    pb_span span = path.n ? path.span : name.span;
    span.end = name.span.end;
    return (ast_path){parts, path.n + 1, span};
}

static ast_type *type_node(parse_ctx *c, uint16_t below, pb_span span) {
    ast_type *t = pb_alloc(c->arena, sizeof *t);
    if (!t) return NULL;
    t->span = span;
    t->depth = (uint16_t)(below + 1);
    if (!too_deep(c, t->depth, span)) return t;
    t->depth = 1;
    t->kind = AST_TYPE_RECORD; /* empty */
    return NULL;
}

ast_type *parse_type_name(parse_ctx *c, ast_path path, pb_span span) {
    ast_type *t = path.n ? type_node(c, 0, span) : NULL;
    if (!t) return NULL;
    t->kind = AST_TYPE_NAME;
    t->name = path;
    if (path.n == 1 && (pb_str_is(path.parts[0].text, "list") || pb_str_is(path.parts[0].text, "map"))) {
        diag *d = parse_mistake(c, DIAG_BAD_TYPE, span, "`%.*s` of what? the type of its %s is missing",
                                PB_ARG(path.parts[0].text), pb_str_is(path.parts[0].text, "list") ? "items" : "values");
        d->hint = pb_printf(c->arena, "write %.*s[string], or another type", PB_ARG(path.parts[0].text));
    }
    return t;
}

ast_type *parse_type_of(parse_ctx *c, ast_path path, ast_type *elem, pb_span span) {
    if (!path.n || !elem) return NULL;
    ast_type *t = type_node(c, elem->depth, span);
    if (!t) return NULL;
    t->kind = pb_str_is(path.parts[0].text, "map") ? AST_TYPE_MAP : AST_TYPE_LIST;
    t->elem = elem;
    if (path.n != 1 || (t->kind == AST_TYPE_LIST && !pb_str_is(path.parts[0].text, "list")))
        parse_mistake(c, DIAG_BAD_TYPE, path.span, "only `list` and `map` take a type in brackets");
    return t;
}

ast_type *parse_type_record(parse_ctx *c, parse_fields fields, pb_span span) {
    uint16_t below = 0;
    for (const ast_field *f = fields.head; f; f = f->next)
        if (f->type) below = over(below, f->type->depth);
    ast_type *t = type_node(c, below, span);
    if (!t) return NULL;
    t->kind = AST_TYPE_RECORD;
    t->fields = fields.head;
    return t;
}

parse_fields parse_add_field(parse_ctx *c, parse_fields list, ast_name name, ast_type *type, ast_expr *init) {
    ast_field *f = type ? pb_alloc(c->arena, sizeof *f) : NULL;
    if (!f) return list;
    f->name = name;
    f->type = type;
    f->init = init;
    if (list.tail)
        list.tail->next = f;
    else
        list.head = f;
    list.tail = f;
    return list;
}

/* A name that becomes a variable: with a colon behind it the scanner lets reserved words through. */
ast_name parse_declared(parse_ctx *c, ast_name name) {
    if (parse_word_is_reserved(name.text)) {
        diag *d = parse_mistake(c, DIAG_RESERVED_WORD, name.span,
                                "`%.*s` is a reserved word and cannot name a variable", PB_ARG(name.text));
        d->hint = PB_STR("choose another name");
    }
    return name;
}
