/*
 * parse_stmt.c - building statements, clauses and declarations. The same rules as in parse_node.c.
 */
#include "lang/parse.h"

static uint16_t over(uint16_t a, uint16_t b) { return a > b ? a : b; }
static uint16_t depth_of(const ast_expr *e) { return e ? e->depth : 0; }

static uint16_t depth_of_body(const ast_stmt *s) {
    uint16_t depth = 0;
    for (; s; s = s->next) depth = over(depth, s->depth);
    return depth;
}

/* ---- statements ---- */

ast_stmt *parse_stmt(parse_ctx *c, ast_stmt_kind kind, ast_expr *expr, pb_span span) {
    ast_stmt *s = pb_alloc(c->arena, sizeof *s);
    if (!s) return NULL;
    s->span = span;
    s->kind = kind;
    s->expr = expr;
    return s;
}

ast_stmt *parse_stmt_done(parse_ctx *c, ast_stmt *s) {
    if (!s) return NULL;
    uint16_t depth = over(over(depth_of(s->expr), depth_of(s->expr2)), over(depth_of(s->timeout), depth_of(s->retry)));
    depth = over(depth, over(depth_of_body(s->body), over(depth_of_body(s->other), depth_of_body(s->third))));
    if (s->type) depth = over(depth, s->type->depth);
    for (const ast_arg *a = s->clauses; a; a = a->next) depth = over(depth, depth_of(a->value));
    s->depth = (uint16_t)(depth + 1);
    if (s->depth <= PARSE_MAX_DEPTH) return s;
    parse_report_deep(c, s->span);
    s->body = s->other = s->third = NULL;
    s->depth = 1;
    return s;
}

parse_stmts parse_add_stmt(parse_stmts list, ast_stmt *s) {
    if (!s) return list;
    if (list.tail)
        list.tail->next = s;
    else
        list.head = s;
    list.tail = s;
    return list;
}

ast_stmt *parse_do(parse_ctx *c, ast_expr *e, pb_span span) {
    if (!e) return NULL;
    if (e->kind != EXPR_CALL || e->paren) {
        diag *d = parse_mistake(c, DIAG_NOT_A_CALL, e->span, "`do` needs a call");
        if (e->kind == EXPR_FIELD || e->kind == EXPR_NAME)
            d->hint = PB_STR("the arguments follow in parentheses: do f(x)");
    }
    return parse_stmt(c, STMT_DO, e, span);
}

static void repeated(parse_ctx *c, const char *what, pb_span span) {
    parse_mistake(c, DIAG_REPEATED_PART, span, "`%s` is written twice", what);
}

ast_stmt *parse_do_as(parse_ctx *c, ast_stmt *s, ast_name name, pb_span span) {
    if (!s) return NULL;
    if (s->name.text.s) repeated(c, "as", span);
    s->name = name;
    return s;
}

void parse_once(parse_ctx *c, ast_expr **slot, ast_expr *value, const char *what, pb_span span) {
    if (*slot) repeated(c, what, span);
    *slot = value;
}

/* via slack "#chat" is kept as the call slack("#chat"), with after: 10m when that is written. */
ast_stmt *parse_approve_clause(parse_ctx *c, ast_stmt *s, ast_name clause, ast_name who, ast_expr *value,
                               ast_expr *after, pb_span span) {
    if (!s || !value) return s;
    parse_args args = parse_arg(c, (parse_args){0}, (ast_name){0}, value);
    if (after) args = parse_arg(c, args, (ast_name){PB_STR("after"), after->span}, after);
    span.end = after ? after->span.end : value->span.end;
    ast_expr *call = parse_call(c, parse_name(c, who), args, span);
    parse_args list = {s->clauses, s->clauses};
    while (list.tail && list.tail->next) list.tail = list.tail->next;
    s->clauses = parse_arg(c, list, clause, call).head;
    return s;
}

ast_stmt *parse_branch(parse_ctx *c, ast_stmt *s, bool expired, ast_stmt *body, pb_span span) {
    if (!s) return NULL;
    ast_stmt **slot = expired ? &s->third : &s->other;
    bool *has = expired ? &s->has_expired : &s->has_denied;
    if (*has) repeated(c, expired ? "expired" : "denied", span);
    *has = true;
    *slot = body;
    return s;
}

/* ---- clauses ---- */

ast_clause *parse_clause(parse_ctx *c, ast_name name, ast_expr *value, ast_expr *value2, pb_span span) {
    ast_clause *k = pb_alloc(c->arena, sizeof *k);
    if (!k) return NULL;
    k->name = name;
    k->value = value;
    k->value2 = value2;
    k->span = span;
    return k;
}

parse_clauses parse_add_clause(parse_clauses list, ast_clause *k) {
    if (!k) return list;
    if (list.tail)
        list.tail->next = k;
    else
        list.head = k;
    list.tail = k;
    return list;
}

ast_clause *parse_test(parse_ctx *c, ast_name word, ast_expr *value, ast_expr *value2, pb_span span) {
    ast_clause *k = parse_clause(c, (ast_name){0}, value, value2, span);
    if (k) k->word = word;
    return k;
}

ast_name parse_dotted(parse_ctx *c, ast_path path) {
    if (!path.n) return (ast_name){0};
    size_t n = path.n - 1;
    for (uint32_t i = 0; i < path.n; i++) n += path.parts[i].text.n;
    char *s = pb_alloc(c->arena, n + 1), *p = s;
    if (!s) return (ast_name){0};
    for (uint32_t i = 0; i < path.n; i++) {
        if (i) *p++ = '.';
        memcpy(p, path.parts[i].text.s, path.parts[i].text.n);
        p += path.parts[i].text.n;
    }
    return (ast_name){{s, (uint32_t)n}, path.span};
}

ast_expr *parse_pattern(parse_ctx *c, ast_path path) { return parse_string(c, parse_dotted(c, path).text, path.span); }

/* ---- declarations ---- */

ast_decl *parse_decl(parse_ctx *c, ast_decl_kind kind, pb_span span) {
    ast_decl *d = pb_alloc(c->arena, sizeof *d);
    if (!d) return NULL;
    d->span = span;
    d->kind = kind;
    d->file = c->file;
    d->index = UINT32_MAX;
    return d;
}

ast_decl *parse_named(parse_ctx *c, ast_decl_kind kind, ast_name name, pb_span span) {
    ast_decl *d = parse_decl(c, kind, span);
    if (d) d->name = parse_path_add(c, (ast_path){0}, parse_declared(c, name));
    return d;
}

void parse_set_string(parse_ctx *c, ast_decl *d, ast_expr *string) {
    ast_name name = parse_key(c, string);
    if (string && string->kind == EXPR_STRING) d->string = name.text;
    d->string_span = name.span;
}

void parse_effect(parse_ctx *c, ast_decl *d, ast_name effect, pb_span at) {
    static const char *const names[] = {"pure", "read", "notify", "contain", "destroy", NULL};
    d->effect_span = effect.text.s ? effect.span : at;
    for (int i = 0; names[i]; i++)
        if (effect.text.s && pb_str_is(effect.text, names[i])) {
            d->effect = (pb_effect)i;
            return;
        }
    d->effect = PB_DESTROY;
    if (!effect.text.s) {
        diag *m = parse_mistake(c, DIAG_BAD_EFFECT, at, "the action does not say what it may do to the world");
        m->hint = PB_STR("write pure, read, notify, contain or destroy before the body");
        return;
    }
    diag *m = parse_mistake(c, DIAG_BAD_EFFECT, effect.span, "unknown effect `%.*s`", PB_ARG(effect.text));
    const char *near = parse_nearest(effect.text, names);
    m->hint = near ? pb_printf(c->arena, "did you mean `%s`?", near)
                   : PB_STR("an effect is pure, read, notify, contain or destroy");
}

void parse_no_when(parse_ctx *c, const ast_decl *playbook) {
    if (!playbook || c->header_broken || parse_is_quiet(c, c->pos)) return;
    diag *d = parse_mistake(c, DIAG_MISSING_WHEN, playbook->name.span, "playbook `%.*s` has no `when`",
                            PB_ARG(playbook->name.parts[0].text));
    d->hint = PB_STR("name its event behind the header: when guardduty.finding as f");
}

/* The comments right above a declaration, on lines of their own without a gap, are its documentation. */
static uint32_t first_doc_comment(const parse_ctx *c, uint32_t last, uint32_t start) {
    uint32_t first = last + 1;
    for (uint32_t i = last + 1; i-- > 0;) {
        const ast_comment *k = &c->out->comments[i];
        uint32_t breaks = 0;
        for (uint32_t at = k->span.end; at < start; at++) breaks += c->text.s[at] == '\n';
        if (!k->own_line || breaks != 1) break;
        first = i;
        start = k->span.start;
        while (start > 0 && c->text.s[start - 1] != '\n') start--;
    }
    return first;
}

static pb_str doc_text(parse_ctx *c, uint32_t first, uint32_t last) {
    size_t n = 0;
    for (uint32_t i = first; i <= last; i++) n += c->out->comments[i].text.n;
    char *s = pb_alloc(c->arena, n + 1), *p = s;
    if (!s) return (pb_str){0};
    for (uint32_t i = first; i <= last; i++) {
        pb_str t = c->out->comments[i].text;
        uint32_t skip = t.n > 1 && t.s[1] == ' ' ? 2 : 1;
        memcpy(p, t.s + skip, t.n - skip);
        p += t.n - skip;
        if (i < last) *p++ = '\n';
    }
    return (pb_str){s, (uint32_t)(p - s)};
}

static void set_doc(parse_ctx *c, ast_decl *d) {
    uint32_t n = c->out->ncomments;
    while (n > 0 && c->out->comments[n - 1].span.start > d->span.start) n--;
    if (n == 0 || !parse_begins_line(c, d->span.start)) return; /* what is above is the line's first declaration's */
    uint32_t first = first_doc_comment(c, n - 1, d->span.start);
    if (first < n) d->doc = doc_text(c, first, n - 1);
}

void parse_add_decl(parse_ctx *c, ast_decl *d) {
    c->header_broken = c->in_playbook = false;
    if (!d) return;
    set_doc(c, d);
    if (c->last_decl)
        c->last_decl->next = d;
    else
        c->out->decls = d;
    c->last_decl = d;
}

bool parse_add_comment(parse_ctx *c, pb_span span, bool own_line) {
    ast_file *f = c->out;
    if (f->ncomments == c->ncomments_cap) {
        uint32_t cap = c->ncomments_cap ? c->ncomments_cap * 2 : 16;
        ast_comment *more = pb_alloc_array(c->arena, cap, sizeof *more);
        if (!more) return false;
        if (f->ncomments) memcpy(more, f->comments, f->ncomments * sizeof *more);
        f->comments = more;
        c->ncomments_cap = cap;
    }
    f->comments[f->ncomments++] = (ast_comment){span, {c->text.s + span.start, span.end - span.start}, own_line};
    return true;
}
