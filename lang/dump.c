/*
 * dump.c - the tree and the tokens as text (pbc check --dump=ast, --dump=tokens), for tests and for work on the
 * compiler.
 *
 * Expressions are written with their operator first and in parentheses, so that precedence can be seen; statements one
 * a line, indented by block. Recursion is bounded by PARSE_MAX_DEPTH, as everywhere over the tree.
 */
#include "lang/compile.h"

#include "lang/scan.h"

typedef struct dumper {
    pb_buf *out;
    int indent;
} dumper;

static void put(dumper *d, const char *z) { pb_buf_puts(d->out, z); }
static void put_str(dumper *d, pb_str s) { pb_buf_add(d->out, s.s, s.n); }
static void put_line(dumper *d) { pb_buf_printf(d->out, "%*s", d->indent * 2, ""); }
static void put_expr(dumper *d, const ast_expr *e);
static void put_block(dumper *d, const char *title, const ast_stmt *s);

static void put_quoted(dumper *d, pb_str s) {
    put(d, "\"");
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] == '\n')
            put(d, "\\n");
        else if (s.s[i] == '\t')
            put(d, "\\t");
        else if (s.s[i] == '"' || s.s[i] == '\\')
            pb_buf_printf(d->out, "\\%c", s.s[i]);
        else
            pb_buf_putc(d->out, s.s[i]);
    }
    put(d, "\"");
}

static void put_path(dumper *d, const ast_path *p) {
    for (uint32_t i = 0; i < p->n; i++) {
        if (i) put(d, ".");
        put_str(d, p->parts[i].text);
    }
}

/* ---- types ---- */

static void put_type(dumper *d, const ast_type *t);

static void put_fields(dumper *d, const ast_field *f) {
    for (; f; f = f->next) {
        put_str(d, f->name.text);
        put(d, ": ");
        put_type(d, f->type);
        if (f->init) put(d, " = "), put_expr(d, f->init);
        if (f->next) put(d, ", ");
    }
}

static void put_type(dumper *d, const ast_type *t) {
    switch (t->kind) {
    case AST_TYPE_NAME: put_path(d, &t->name); break;
    case AST_TYPE_LIST: put(d, "list["), put_type(d, t->elem), put(d, "]"); break;
    case AST_TYPE_MAP: put(d, "map["), put_type(d, t->elem), put(d, "]"); break;
    case AST_TYPE_RECORD: put(d, "{"), put_fields(d, t->fields), put(d, "}"); break;
    }
    if (t->optional) put(d, "?");
}

/* ---- expressions ---- */

static void put_args(dumper *d, const ast_arg *a) {
    for (; a; a = a->next) {
        put(d, " ");
        if (a->name.text.s) put_str(d, a->name.text), put(d, ":");
        put_expr(d, a->value);
    }
}

static void put_comp(dumper *d, const char *word, const ast_expr *e) {
    put(d, word);
    put_str(d, e->u.comp.var.text);
    put(d, " ");
    put_expr(d, e->u.comp.list);
    put(d, " ");
    put_expr(d, e->u.comp.value);
    if (e->u.comp.cond) put(d, " if "), put_expr(d, e->u.comp.cond);
    put(d, ")");
}

static void put_list(dumper *d, const char *word, const ast_arg *a) {
    put(d, word);
    put_args(d, a);
    put(d, ")");
}

static void put_unary(dumper *d, const char *word, const ast_expr *e) {
    put(d, word);
    put_expr(d, e);
    put(d, ")");
}

static void put_pair(dumper *d, const char *word, const ast_expr *left, const ast_expr *right) {
    pb_buf_printf(d->out, "(%s ", word);
    put_expr(d, left);
    put(d, " ");
    put_expr(d, right);
    put(d, ")");
}

static void put_call(dumper *d, const ast_expr *e) {
    put(d, "(call ");
    put_expr(d, e->u.call.callee);
    put_args(d, e->u.call.args);
    put(d, ")");
}

static void put_expr(dumper *d, const ast_expr *e) {
    static const char *const ops[] = {"or",   "and",     "==", "!=", "<", "<=", ">", ">=", "in",
                                      "like", "matches", "??", "+",  "-", "*",  "/", "%"};
    switch (e->kind) {
    case EXPR_NONE: put(d, "none"); break;
    case EXPR_BOOL: put(d, e->u.boolean ? "true" : "false"); break;
    case EXPR_INT: pb_buf_printf(d->out, "%lld", (long long)e->u.integer); break;
    case EXPR_DURATION: pb_buf_printf(d->out, "%lldms", (long long)e->u.integer); break;
    case EXPR_FLOAT: pb_buf_printf(d->out, "%g", e->u.number); break;
    case EXPR_STRING: put_quoted(d, e->u.string); break;
    case EXPR_INTERP: put_list(d, "(text", e->u.list); break;
    case EXPR_NAME: put_str(d, e->u.name.text); break;
    case EXPR_FIELD:
        put_expr(d, e->u.field.of);
        put(d, e->u.field.safe ? "?." : ".");
        put_str(d, e->u.field.name.text);
        break;
    case EXPR_INDEX: put_pair(d, "index", e->u.binary.left, e->u.binary.right); break;
    case EXPR_CALL: put_call(d, e); break;
    case EXPR_LIST: put_list(d, "(list", e->u.list); break;
    case EXPR_MAP: put_list(d, "(map", e->u.map); break;
    case EXPR_NOT: put_unary(d, "(not ", e->u.unary); break;
    case EXPR_NEG: put_unary(d, "(neg ", e->u.unary); break;
    case EXPR_EXISTS: put_unary(d, "(exists ", e->u.unary); break;
    case EXPR_BINARY: put_pair(d, ops[e->op], e->u.binary.left, e->u.binary.right); break;
    case EXPR_COMP: put_comp(d, "(for ", e); break;
    case EXPR_ANY: put_comp(d, "(any ", e); break;
    case EXPR_ALL: put_comp(d, "(all ", e); break;
    case EXPR_AS:
        put(d, "(as ");
        put_expr(d, e->u.as.value);
        put(d, " ");
        put_type(d, e->u.as.type);
        put(d, ")");
        break;
    }
}

/* ---- statements ---- */

static void put_opt(dumper *d, const char *word, const ast_expr *e) {
    if (!e) return;
    pb_buf_printf(d->out, " %s ", word);
    put_expr(d, e);
}

static void put_stmt(dumper *d, const ast_stmt *s) {
    static const char *const words[] = {"let",     "where", "do",        "if",        "for",    "parallel",
                                        "record",  "stop",  "fail",      "return",    "verify", "on failure",
                                        "approve", "wait",  "authorize", "in account"};
    put_line(d);
    put(d, s->kind == STMT_IN_ACCOUNT && !s->expr ? "in" : words[s->kind]);
    if (s->name.text.s) put(d, " "), put_quoted(d, s->name.text);
    if (s->type) put(d, ": "), put_type(d, s->type);
    if (s->undo) put(d, " undo");
    if (s->until) put(d, " until");
    if (s->expr) put(d, " "), put_expr(d, s->expr);
    put_opt(d, s->kind == STMT_IN_ACCOUNT ? "region" : "and", s->expr2);
    put_opt(d, "within", s->timeout);
    put_opt(d, s->kind == STMT_APPROVE ? "quorum" : "retry", s->retry);
    put_args(d, s->clauses);
    put(d, "\n");
    put_block(d, NULL, s->body);
    if (s->has_else) put_block(d, "else", s->other);
    if (s->has_denied) put_block(d, "denied", s->other);
    if (s->has_expired) put_block(d, "expired", s->third);
}

static void put_block(dumper *d, const char *title, const ast_stmt *s) {
    if (title) {
        put_line(d);
        pb_buf_printf(d->out, "%s\n", title);
    }
    d->indent++;
    for (; s; s = s->next) put_stmt(d, s);
    d->indent--;
}

/* ---- declarations ---- */

static void put_clause(dumper *d, const ast_clause *k) {
    put_line(d);
    put_str(d, k->name.text);
    if (k->word.text.s) put(d, " "), put_str(d, k->word.text);
    if (k->type) put(d, " "), put_type(d, k->type);
    if (k->value) put(d, " "), put_expr(d, k->value);
    put_opt(d, "and", k->value2);
    put_args(d, k->entries);
    put(d, "\n");
    put_block(d, NULL, k->body);
}

static void put_decl(dumper *d, const ast_decl *k) {
    static const char *const words[] = {"import", "param",    "type",  "event", "fn",
                                        "action", "playbook", "guard", "test",  "site"};
    if (k->doc.n) put(d, "doc "), put_quoted(d, k->doc), put(d, "\n");
    if (k->is_extern) put(d, "extern ");
    put(d, words[k->kind]);
    if (k->string.s) put(d, " "), put_quoted(d, k->string);
    if (k->name.n) put(d, " "), put_path(d, &k->name);
    if (k->kind == DECL_FN || k->kind == DECL_ACTION) put(d, "("), put_fields(d, k->params), put(d, ")");
    if (k->type) put(d, ": "), put_type(d, k->type);
    if (k->kind == DECL_ACTION) pb_buf_printf(d->out, " %s", pb_effect_name(k->effect));
    if (k->target.text.s) put(d, " on "), put_str(d, k->target.text);
    if (k->expr) put(d, " = "), put_expr(d, k->expr);
    if (k->event.n) put(d, " when "), put_path(d, &k->event);
    if (k->event_as.text.s) put(d, " as "), put_str(d, k->event_as.text);
    put(d, "\n");
    d->indent++;
    for (const ast_clause *c = k->clauses; c; c = c->next) put_clause(d, c);
    d->indent--;
    put_block(d, NULL, k->body);
    if (k->has_undo) put_block(d, "undo", k->undo);
    if (k->undo_none.s) put(d, "undo none "), put_quoted(d, k->undo_none), put(d, "\n");
}

void dump_tree(const ast_program *p, pb_buf *out) {
    dumper d = {out, 0};
    for (const ast_file *f = p->files; f; f = f->next) {
        if (p->sources->files[f->file].builtin) continue;
        pb_buf_printf(out, "file %.*s\n", PB_ARG(p->sources->files[f->file].path));
        for (const ast_decl *k = f->decls; k; k = k->next) put_decl(&d, k);
    }
}

/* ---- tokens ---- */

bool dump_tokens(const ast_program *p, pb_buf *out) {
    for (const ast_file *f = p->files; f; f = f->next) {
        const source_file *src = &p->sources->files[f->file];
        if (src->builtin || src->broken) continue;
        pb_buf_printf(out, "file %.*s\n", PB_ARG(src->path));
        ast_file ignored = {0};
        parse_ctx *c = parse_begin(p->arena, diag_new(p->arena), p->sources, f->file, &ignored);
        if (!c) return false;
        PBYSTYPE value;
        pb_span at;
        for (int token; (token = pbylex(&value, &at, c)) != TOK_END;) {
            uint32_t line, column;
            source_place(src, at.start, &line, &column);
            pb_buf_printf(out, "%u:%u %d %.*s\n", line, column, token, (int)(at.end - at.start),
                          src->text.s + at.start);
        }
    }
    return !pb_arena_failed(p->arena);
}
