/*
 * format_mark.c - the tree's knowledge, written onto the tokens.
 *
 * One walk over the tree says where statements, clauses, fields and entries begin, what each `{` opens, which brackets
 * stand tight behind a name, where a long expression may be broken (before the operators of a chain, before the parts
 * of a comprehension, before a statement's clauses), and what is aligned with what. Tokens are found by their place.
 * What the tree does not mark is written on one line with single blanks, so a construct that is new in the grammar is
 * at worst laid out plainly.
 *
 * Recursion is bounded by PARSE_MAX_DEPTH, as everywhere over the tree.
 */
#include "lang/format_parts.h"

#include "lang/scan.h"

static void mark_expr(formatter *f, const ast_expr *e);
static void mark_stmts(formatter *f, const ast_stmt *s);

static format_token *first(formatter *f, pb_span span) { return &f->tokens[format_token_at(f, span.start)]; }
/* Index of the last token that ends at or before the end of a span. */
static uint32_t last_index(const formatter *f, pb_span span) {
    uint32_t i = format_token_at(f, span.end);
    return i > 0 ? i - 1 : 0;
}

/* Index of the word or sign in front of an operand: its parentheses are skipped. */
static uint32_t before_operand(const formatter *f, const ast_expr *e) {
    uint32_t i = format_token_at(f, e->span.start);
    if (i > 0) i--;
    while (i > 0 && f->tokens[i].kind == TOK_LPAREN) i--;
    return i;
}

/* From a word on, the rest up to a token belongs on the line, or indented on one of its own. */
static void mark_rest(formatter *f, uint32_t from, uint32_t to) {
    if (from > to) return;
    f->tokens[from].before++;
    f->tokens[from].line = true;
    f->tokens[to].closes++;
}

/* ---- types ---- */

static void mark_type(formatter *f, const ast_type *t);

static void mark_fields(formatter *f, const ast_field *field, bool items) {
    for (; field; field = field->next) {
        if (items) first(f, field->name.span)->item = true;
        mark_type(f, field->type);
        if (field->init) mark_expr(f, field->init);
    }
}

static void mark_type(formatter *f, const ast_type *t) {
    if (!t) return;
    uint32_t i = format_token_at(f, t->span.start);
    switch (t->kind) {
    case AST_TYPE_NAME: break;
    case AST_TYPE_LIST:
    case AST_TYPE_MAP:
        if (i + 1 < f->n) f->tokens[i + 1].tight = true;
        mark_type(f, t->elem);
        break;
    case AST_TYPE_RECORD:
        f->tokens[i].brace = BRACE_TYPE;
        mark_fields(f, t->fields, true);
        break;
    }
}

/* ---- expressions ---- */

/* Operators that may begin a line, by how they group: those of a class make one chain. */
static int chain_class(const ast_expr *e) {
    if (e->kind != EXPR_BINARY) return 0;
    switch (e->op) {
    case OP_OR: return 1;
    case OP_AND: return 2;
    case OP_COALESCE: return 3;
    case OP_ADD:
    case OP_SUB: return 4;
    default: return 0;
    }
}

static void mark_chain(formatter *f, const ast_expr *e, int class) {
    if (e->paren || chain_class(e) != class) {
        mark_expr(f, e);
        return;
    }
    mark_chain(f, e->u.binary.left, class);
    f->tokens[before_operand(f, e->u.binary.right)].line = true;
    mark_chain(f, e->u.binary.right, class);
}

static void mark_binary(formatter *f, const ast_expr *e) {
    int class = chain_class(e);
    if (!class) {
        mark_expr(f, e->u.binary.left);
        mark_expr(f, e->u.binary.right);
        return;
    }
    first(f, e->span)->opens++;
    f->tokens[last_index(f, e->span)].closes++;
    mark_chain(f, e->u.binary.left, class);
    f->tokens[before_operand(f, e->u.binary.right)].line = true;
    mark_chain(f, e->u.binary.right, class);
}

static void mark_args(formatter *f, const ast_arg *a) {
    for (; a; a = a->next) mark_expr(f, a->value);
}

/* The bracket whose partner ends the span stands tight behind what it belongs to. */
static void mark_suffix(formatter *f, pb_span span) {
    uint32_t i = last_index(f, span);
    if (f->tokens[i].match != FORMAT_NONE) f->tokens[f->tokens[i].match].tight = true;
}

static void mark_comp(formatter *f, const ast_expr *e) {
    uint32_t var = format_token_at(f, e->u.comp.var.span.start);
    if (e->kind == EXPR_COMP) {
        if (var > 0) f->tokens[var - 1].line = true; /* for */
        if (e->u.comp.cond) f->tokens[before_operand(f, e->u.comp.cond)].line = true;
    } else {
        mark_suffix(f, e->span);
        f->tokens[before_operand(f, e->u.comp.value) + 1].line = true;
    }
    mark_expr(f, e->u.comp.list);
    mark_expr(f, e->u.comp.value);
    if (e->u.comp.cond) mark_expr(f, e->u.comp.cond);
}

static void mark_map(formatter *f, const ast_expr *e) {
    first(f, e->span)->brace = BRACE_MAP;
    for (const ast_arg *a = e->u.map; a; a = a->next) {
        first(f, a->name.span)->item = true;
        mark_expr(f, a->value);
    }
}

static void mark_expr(formatter *f, const ast_expr *e) {
    switch (e->kind) {
    case EXPR_NONE:
    case EXPR_BOOL:
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_DURATION:
    case EXPR_STRING:
    case EXPR_INTERP: /* written as it is */
    case EXPR_NAME: break;
    case EXPR_FIELD: mark_expr(f, e->u.field.of); break;
    case EXPR_INDEX:
        mark_suffix(f, e->span);
        mark_expr(f, e->u.binary.left);
        mark_expr(f, e->u.binary.right);
        break;
    case EXPR_CALL:
        mark_suffix(f, e->span);
        mark_expr(f, e->u.call.callee);
        mark_args(f, e->u.call.args);
        break;
    case EXPR_LIST: mark_args(f, e->u.list); break;
    case EXPR_MAP: mark_map(f, e); break;
    case EXPR_NEG: first(f, e->span)->tight_after = true; /* fall through */
    case EXPR_NOT:
    case EXPR_EXISTS: mark_expr(f, e->u.unary); break;
    case EXPR_BINARY: mark_binary(f, e); break;
    case EXPR_COMP:
    case EXPR_ANY:
    case EXPR_ALL: mark_comp(f, e); break;
    case EXPR_AS:
        mark_expr(f, e->u.as.value);
        mark_type(f, e->u.as.type);
        break;
    }
}

static void mark_opt(formatter *f, const ast_expr *e) {
    if (e) mark_expr(f, e);
}

/* ---- columns ---- */

/* Aligns what stands behind the tokens of a run, whose indexes are in list. */
static void align(formatter *f, const uint32_t *list, uint32_t n) {
    uint32_t widest = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t width = f->tokens[list[i]].end - f->tokens[list[i]].start;
        if (f->tokens[list[i]].kind == TOK_COLON) width += f->tokens[list[i] - 1].text.n;
        f->tokens[list[i]].pad = (uint16_t)width;
        if (width > widest) widest = width;
    }
    if (widest > FORMAT_WIDTH / 4) widest = 0; /* a name that long is not worth a column */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t width = f->tokens[list[i]].pad;
        f->tokens[list[i]].pad = (uint16_t)(widest > width ? widest - width : 0);
    }
}

typedef struct column {
    uint32_t *list, n;
} column;

/* Adds a line whose part in front of the column ends with token i; an empty line before it begins a new run. */
static void column_add(formatter *f, column *c, const format_token *line, uint32_t i) {
    uint32_t start = line->ncomments ? f->tree->comments[line->comment].span.start : line->start;
    if (format_blank_before(f, start)) {
        align(f, c->list, c->n);
        c->n = 0;
    }
    c->list[c->n++] = i;
}

static bool column_begin(formatter *f, column *c, uint32_t n) {
    *c = (column){pb_alloc_array(f->arena, n ? n : 1, sizeof *c->list), 0};
    if (!c->list) f->failed = true;
    return c->list;
}

static void align_clauses(formatter *f, const ast_clause *clauses) {
    uint32_t n = 0;
    column c;
    for (const ast_clause *k = clauses; k; k = k->next) n++;
    if (!column_begin(f, &c, n)) return;
    for (const ast_clause *k = clauses; k; k = k->next) {
        uint32_t i = format_token_at(f, k->span.start);
        if (!f->tokens[i + 1].tight) column_add(f, &c, &f->tokens[i], i);
    }
    align(f, c.list, c.n);
}

static void align_fields(formatter *f, const ast_field *fields) {
    uint32_t n = 0;
    column c;
    for (const ast_field *k = fields; k; k = k->next) n++;
    if (!column_begin(f, &c, n)) return;
    for (const ast_field *k = fields; k; k = k->next) {
        uint32_t i = format_token_at(f, k->name.span.start);
        if (f->tokens[i + 1].kind == TOK_COLON) column_add(f, &c, &f->tokens[i], i + 1);
    }
    align(f, c.list, c.n);
}

/* ---- statements ---- */

static bool is_approve_clause(int kind) {
    return kind == TOK_VIA || kind == TOK_BY || kind == TOK_QUORUM || kind == TOK_ESCALATE || kind == TOK_WITHIN;
}

/* The clauses of an approve stand on lines of their own, and then its block does too. */
static void mark_approve(formatter *f, const ast_stmt *s) {
    column c;
    uint32_t n = 0, from = last_index(f, s->expr->span) + 1, end = last_index(f, s->span), i;
    while (from < end && f->tokens[from].kind == TOK_RPAREN) from++;
    for (i = from; i < end && !(f->tokens[i].kind == TOK_LBRACE && f->tokens[i].brace == BRACE_BLOCK); i++)
        if (f->tokens[i].match != FORMAT_NONE && f->tokens[i].match > i) i = f->tokens[i].match;
    if (i == from || !column_begin(f, &c, i - from)) return;
    f->tokens[i].hard = true;
    for (uint32_t k = from; k < i; k++) {
        format_token *t = &f->tokens[k];
        if (t->match != FORMAT_NONE && t->match > k) {
            k = t->match;
        } else if (is_approve_clause(t->kind) && (n == 0 || k > c.list[n - 1] + 1)) {
            t->hard = true;
            if (n++ == 0) t->before++;
            c.list[n - 1] = k;
        }
    }
    if (n) f->tokens[i - 1].closes++;
    align(f, c.list, n);
}

static void mark_approve_values(formatter *f, const ast_stmt *s) {
    for (const ast_arg *a = s->clauses; a; a = a->next)
        if (a->value->kind == EXPR_CALL) mark_args(f, a->value->u.call.args);
    mark_approve(f, s);
}

/* A statement's clause that may go to a line of its own, with everything behind it. */
static void mark_clause(formatter *f, const ast_stmt *s, const ast_expr *e) {
    if (e) mark_rest(f, before_operand(f, e), last_index(f, s->span));
}

static void mark_condition(formatter *f, const ast_stmt *s) {
    format_token *t = &f->tokens[before_operand(f, s->expr) + 1];
    if (!s->expr->paren && chain_class(s->expr)) t->wide = true;
}

static void mark_stmt(formatter *f, const ast_stmt *s) {
    uint32_t i = format_token_at(f, s->span.start);
    if (i == 0 || f->tokens[i - 1].kind != TOK_ELSE) f->tokens[i].item = true; /* not the `if` of `else if` */
    mark_type(f, s->type);
    mark_opt(f, s->expr);
    mark_opt(f, s->expr2);
    mark_opt(f, s->timeout);
    mark_opt(f, s->retry);
    mark_stmts(f, s->body);
    mark_stmts(f, s->other);
    mark_stmts(f, s->third);
    switch (s->kind) {
    case STMT_IF:
    case STMT_FOR: mark_condition(f, s); break;
    case STMT_RECORD:
        if (s->expr->kind == EXPR_MAP && s->expr->u.map && s->expr->u.map->next) first(f, s->expr->span)->force = true;
        break;
    case STMT_FAIL: mark_clause(f, s, s->expr2); break;
    case STMT_AUTHORIZE: mark_clause(f, s, s->expr); break;
    case STMT_WAIT: mark_clause(f, s, s->timeout); break;
    case STMT_VERIFY:
        mark_clause(f, s, s->timeout);
        mark_clause(f, s, s->expr2);
        break;
    case STMT_APPROVE: mark_approve_values(f, s); break;
    default: break;
    }
}

static void mark_stmts(formatter *f, const ast_stmt *s) {
    for (; s; s = s->next) mark_stmt(f, s);
}

/* ---- declarations ---- */

static void mark_clauses(formatter *f, const ast_clause *k) {
    for (; k; k = k->next) {
        uint32_t i = format_token_at(f, k->span.start);
        f->tokens[i].item = true;
        mark_opt(f, k->value);
        mark_opt(f, k->value2);
        mark_type(f, k->type);
        mark_stmts(f, k->body);
        if (pb_str_is(k->name.text, "resources") && i + 1 < f->n) f->tokens[i + 1].tight = true;
        if (k->entries && !k->entries->name.text.s) continue; /* a fault's code */
        if (k->entries) f->tokens[format_token_at(f, k->entries->name.span.start) - 1].brace = BRACE_MAP;
        for (const ast_arg *a = k->entries; a; a = a->next) {
            first(f, a->name.span)->item = true;
            mark_expr(f, a->value);
        }
    }
}

/* Written over several lines whatever it holds. */
static bool is_long(const ast_decl *d) {
    switch (d->kind) {
    case DECL_ACTION: return !d->is_extern;
    case DECL_EVENT:
    case DECL_PLAYBOOK:
    case DECL_GUARD:
    case DECL_TEST:
    case DECL_SITE: return true;
    default: return false;
    }
}

/* A literal, or a call of one: it begins on the line of the name and is broken inside. */
static bool breaks_inside(const ast_expr *e) {
    if (e->kind == EXPR_CALL && e->u.call.args && !e->u.call.args->next) e = e->u.call.args->value;
    return e->kind == EXPR_LIST || e->kind == EXPR_MAP || e->kind == EXPR_COMP;
}

static void mark_signature(formatter *f, const ast_decl *d) {
    uint32_t open = last_index(f, d->name.span) + 1;
    f->tokens[open].tight = true;
    f->tokens[open].strict = d->kind == DECL_ACTION;
    mark_fields(f, d->params, false);
    mark_type(f, d->type);
    if (d->kind == DECL_FN && d->expr && !breaks_inside(d->expr))
        mark_rest(f, before_operand(f, d->expr) + 1, last_index(f, d->span));
}

static void mark_record_type(formatter *f, const ast_decl *d) {
    enum { FIELDS_IN_LINE = 5 }; /* more are hard to find on one line */
    uint32_t n = 0;
    if (!d->type) return;
    mark_type(f, d->type);
    for (const ast_field *k = d->type->fields; k; k = k->next) n++;
    format_token *open = first(f, d->type->span);
    open->brace = BRACE_DECL;
    open->force = n > FIELDS_IN_LINE;
    align_fields(f, d->type->fields);
}

static void mark_decl(formatter *f, const ast_decl *d) {
    first(f, d->span)->item = true;
    if (d->kind == DECL_FN || d->kind == DECL_ACTION)
        mark_signature(f, d);
    else if (d->kind == DECL_TYPE)
        mark_record_type(f, d);
    else
        mark_type(f, d->type);
    mark_opt(f, d->expr);
    mark_clauses(f, d->clauses);
    if (d->kind != DECL_TEST) align_clauses(f, d->clauses);
    if (d->event.n) {
        uint32_t i = format_token_at(f, d->event.span.start);
        if (i > 0) f->tokens[i - 1].item = true; /* when */
    }
    mark_stmts(f, d->body);
    mark_stmts(f, d->undo);
}

void format_mark(formatter *f) {
    bool was_long = false;
    for (const ast_decl *d = f->tree->decls; d; d = d->next) {
        mark_decl(f, d);
        first(f, d->span)->apart = d != f->tree->decls && (was_long || is_long(d));
        was_long = is_long(d);
    }
}
