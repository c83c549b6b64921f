/*
 * format_build.c - marked tokens to a document: text, possible line ends, groups and indentation.
 *
 * One pass over the tokens with a stack of what is open. A group is printed on one line when it fits, else every line
 * end that is directly in it is taken; so an outer bracket is broken before an inner one. A comment, or a line end that
 * must be, breaks all groups around it. A bracket that holds nothing but another bracket is not a group of its own:
 * both open and close together, as in `f({` and `[{`.
 */
#include "lang/format_parts.h"

#include "lang/scan.h"

typedef struct frame {
    uint32_t open;  /* its DOC_OPEN; FORMAT_NONE for a block and for a bracket around another one */
    uint32_t token; /* the bracket; FORMAT_NONE: a group out of the marks */
    uint16_t indent;
} frame;

typedef struct builder {
    formatter *f;
    format_doc *doc;
    frame *stack;
    uint32_t depth, cap;
    uint32_t last; /* the token before, commas apart; FORMAT_NONE at the beginning */
    bool item;     /* a comma stands before the next token */
    bool failed;
    format_cmd scratch;
} builder;

/* ---- commands and frames ---- */

static format_cmd *put(builder *b, format_op op) {
    format_doc *d = b->doc;
    if (d->n == d->cap && !b->failed) {
        uint32_t cap = d->cap ? d->cap * 2 : 1024;
        format_cmd *more = pb_alloc_array(b->f->arena, cap, sizeof *more);
        if (more && d->n) memcpy(more, d->cmds, d->n * sizeof *more);
        if (more) d->cmds = more, d->cap = cap;
        b->failed = !more;
    }
    format_cmd *c = b->failed ? &b->scratch : &d->cmds[d->n++];
    *c = (format_cmd){.op = op};
    return c;
}

static void put_n(builder *b, format_op op, uint32_t n) {
    if (n) put(b, op)->n = (uint16_t)n;
}

static void push(builder *b, frame fr) {
    if (b->depth == b->cap && !b->failed) {
        uint32_t cap = b->cap ? b->cap * 2 : 64;
        frame *more = pb_alloc_array(b->f->arena, cap, sizeof *more);
        if (more && b->depth) memcpy(more, b->stack, b->depth * sizeof *more);
        if (more) b->stack = more, b->cap = cap;
        b->failed = !more;
    }
    if (!b->failed) b->stack[b->depth++] = fr;
}

static uint32_t open_group(builder *b, bool broken, bool strict) {
    uint32_t at = b->doc->n;
    format_cmd *c = put(b, DOC_OPEN);
    c->broken = broken;
    c->strict = strict;
    return at;
}

/* A line must end here: everything around it is over several lines. */
static void break_all(builder *b) {
    for (uint32_t i = 0; i < b->depth && !b->failed; i++)
        if (b->stack[i].open != FORMAT_NONE) b->doc->cmds[b->stack[i].open].broken = true;
}

static void open_marked(builder *b, uint32_t n, bool wide) {
    for (uint32_t i = 0; i < n; i++) {
        uint16_t indent = (uint16_t)(wide && i == 0 ? 2 * FORMAT_INDENT : FORMAT_INDENT);
        push(b, (frame){open_group(b, false, false), FORMAT_NONE, indent});
        put_n(b, DOC_IN, indent);
    }
}

static void close_marked(builder *b, uint32_t n) {
    for (; n && b->depth && b->stack[b->depth - 1].token == FORMAT_NONE; n--) {
        put_n(b, DOC_OUT, b->stack[--b->depth].indent);
        put(b, DOC_CLOSE);
    }
}

/* The bracket around the next token; NULL: none. */
static const format_token *around(const builder *b) {
    for (uint32_t i = b->depth; i > 0; i--)
        if (b->stack[i - 1].token != FORMAT_NONE) return &b->f->tokens[b->stack[i - 1].token];
    return NULL;
}

static bool is_block(const format_token *t) { return !t || (t->kind == TOK_LBRACE && t->brace == BRACE_BLOCK); }

/* ---- what stands between two tokens ---- */

static bool needs_space(const format_token *before, const format_token *t) {
    if (t->tight || before->tight_after) return false;
    switch (t->kind) {
    case TOK_COMMA:
    case TOK_COLON:
    case TOK_DOT:
    case TOK_SAFE_DOT:
    case TOK_QUESTION:
    case TOK_RPAREN:
    case TOK_RBRACKET: return false;
    default: break;
    }
    return before->kind != TOK_DOT && before->kind != TOK_SAFE_DOT && before->kind != TOK_LPAREN &&
           before->kind != TOK_LBRACKET;
}

/* How wide a bracket's line end is when the bracket stands on one line. */
static uint32_t inner_width(const format_token *open) { return open->kind == TOK_LBRACE; }

static bool opens_before(const builder *b) {
    const uint32_t i = b->last;
    return i != FORMAT_NONE && b->f->tokens[i].match != FORMAT_NONE && b->f->tokens[i].match > i;
}

static bool blank_before(const builder *b, uint32_t start) {
    return !opens_before(b) && format_blank_before(b->f, start);
}

/* Where the item that begins with a token begins: its comments belong to it. */
static uint32_t item_start(const builder *b, const format_token *t) {
    return t->ncomments ? b->f->tree->comments[t->comment].span.start : t->start;
}

static void put_hard(builder *b, bool blank) {
    put(b, DOC_HARD)->blank = blank;
    break_all(b);
}

/* The comments on lines of their own before a token. The line end before the first one has been put. */
static void put_own(builder *b, const format_token *t) {
    for (uint32_t i = 0; i < t->ncomments; i++) {
        format_cmd *c = put(b, DOC_OWN);
        c->arg = t->comment + i;
        c->blank = i > 0 && format_blank_before(b->f, b->f->tree->comments[t->comment + i].span.start);
        break_all(b);
    }
}

/* Comments in the middle of something that has no line end there. */
static void put_own_between(builder *b, const format_token *t) {
    put_n(b, DOC_IN, FORMAT_INDENT);
    put_own(b, t);
    put_hard(b, false);
    put_n(b, DOC_OUT, FORMAT_INDENT);
}

/* Behind the `}` of a block stands what belongs to the same statement (`else`). When a comment comes between, it begins
 * a line like the statement did. */
static bool goes_on(const builder *b, const format_token *before, const format_token *t) {
    if (before->kind != TOK_RBRACE || !is_block(&b->f->tokens[before->match])) return false;
    return t->ncomments || before->trailing != FORMAT_NONE;
}

static bool is_block_item(const builder *b, const format_token *t) {
    return is_block(around(b)) && (t->item || opens_before(b));
}

/* The line end or blank before a token, and its comments. */
static void put_gap(builder *b, const format_token *t) {
    const format_token *bracket = around(b), *before = b->last == FORMAT_NONE ? NULL : &b->f->tokens[b->last];
    bool blank = blank_before(b, item_start(b, t)), first = opens_before(b);
    bool item = b->item || (bracket && !is_block(bracket) && (first || t->item));
    open_marked(b, t->before, false);
    if (!before || t->kind == TOK_END || is_block_item(b, t) || t->hard || goes_on(b, before, t)) {
        put_hard(b, before && (blank || t->apart) && !t->hard);
    } else if (item && b->depth && b->stack[b->depth - 1].open != FORMAT_NONE) {
        format_cmd *c = put(b, DOC_LINE);
        c->n = (uint16_t)(first ? inner_width(before) : bracket->brace == BRACE_DECL ? 2 : 1);
        c->blank = blank;
    } else if (t->line) {
        put_n(b, DOC_LINE, 1);
    } else {
        if (t->ncomments)
            put_own_between(b, t);
        else if (needs_space(before, t))
            put(b, DOC_SPACE);
        return;
    }
    put_own(b, t);
    if (t->ncomments) put_hard(b, format_blank_before(b->f, t->start));
}

/* ---- brackets ---- */

static bool has_comment(const format_token *t) { return t->ncomments || t->trailing != FORMAT_NONE; }

/* A bracket that holds just one other bracket. */
static bool hugs(const formatter *f, uint32_t i) {
    const format_token *t = &f->tokens[i], *inner = t + 1;
    if (is_block(t) || t->kind == TOK_LBRACE || t->force || inner->match == FORMAT_NONE || inner->match < i)
        return false;
    uint32_t end = inner->match + 1;
    if (f->tokens[end].kind == TOK_COMMA) end++;
    if (end != t->match || is_block(inner)) return false;
    return t->trailing == FORMAT_NONE && !inner->ncomments && !f->tokens[end].ncomments &&
           f->tokens[inner->match].trailing == FORMAT_NONE && !(inner->match == i + 2 && has_comment(inner));
}

static bool is_empty(const formatter *f, uint32_t i) {
    uint32_t end = i + 1;
    if (f->tokens[end].kind == TOK_COMMA) end++;
    return end == f->tokens[i].match && !f->tokens[end].ncomments && f->tokens[i].trailing == FORMAT_NONE;
}

/* Before the token of an opening bracket: its group. */
static void begin_bracket(builder *b, uint32_t i) {
    const format_token *t = &b->f->tokens[i];
    bool group = !is_block(t) && !hugs(b->f, i) && !is_empty(b->f, i);
    frame fr = {FORMAT_NONE, i, (uint16_t)(group || is_block(t) ? FORMAT_INDENT : 0)};
    if (group) fr.open = open_group(b, t->force, t->strict);
    push(b, fr);
}

/* Before the token of a closing bracket: comments that are left, and the line end. */
static void end_bracket(builder *b, const format_token *t) {
    const format_token *open = &b->f->tokens[t->match];
    frame fr = b->depth ? b->stack[b->depth - 1] : (frame){FORMAT_NONE, FORMAT_NONE, 0};
    bool empty = is_empty(b->f, t->match);
    for (uint32_t i = 0; i < t->ncomments; i++) {
        format_cmd *c = put(b, DOC_OWN);
        c->arg = t->comment + i;
        c->blank = blank_before(b, b->f->tree->comments[c->arg].span.start) ||
                   (i > 0 && format_blank_before(b->f, b->f->tree->comments[c->arg].span.start));
        break_all(b);
    }
    put_n(b, DOC_OUT, fr.indent);
    if (empty)
        put_n(b, DOC_SPACE, is_block(open));
    else if (is_block(open))
        put_hard(b, false);
    else if (fr.open != FORMAT_NONE)
        put(b, DOC_LINE)->n = (uint16_t)inner_width(open);
}

/* ---- the pass ---- */

/* The comma behind a token. `next` is what follows. */
static void put_comma(builder *b, const format_token *next, bool written) {
    const format_token *bracket = around(b);
    b->item = false;
    if (is_block(bracket) || opens_before(b) || format_is_closer(b->f, (uint32_t)(next - b->f->tokens))) return;
    if (!written && !next->item) return;
    b->item = true;
    if (bracket->kind != TOK_LBRACE)
        put(b, DOC_TEXT);
    else if (bracket->brace != BRACE_DECL)
        put(b, DOC_COMMA);
}

static void put_token(builder *b, uint32_t i) {
    const format_token *t = &b->f->tokens[i];
    bool closes = format_is_closer(b->f, i), opens = !closes && t->match != FORMAT_NONE;
    if (closes)
        end_bracket(b, t);
    else
        put_gap(b, t);
    b->item = false;
    open_marked(b, t->opens, t->wide);
    if (opens) begin_bracket(b, i);
    put(b, DOC_TOKEN)->arg = i;
    put_n(b, DOC_PAD, t->pad);
    if (opens && b->depth) put_n(b, DOC_IN, b->stack[b->depth - 1].indent);
    if (closes && b->depth && b->stack[--b->depth].open != FORMAT_NONE) put(b, DOC_CLOSE);
    close_marked(b, t->closes);
    b->last = i;
}

static void put_trailing(builder *b, const format_token *t) {
    if (t->trailing == FORMAT_NONE) return;
    put(b, DOC_TRAILING)->arg = t->trailing;
    break_all(b);
}

bool format_build(formatter *f, format_doc *doc) {
    builder b = {.f = f, .doc = doc, .last = FORMAT_NONE};
    for (uint32_t i = 0; i < f->n && !b.failed;) {
        put_token(&b, i);
        uint32_t next = i + 1;
        while (next < f->n && f->tokens[next].kind == TOK_COMMA) next++;
        if (next < f->n) put_comma(&b, &f->tokens[next], next > i + 1);
        put_trailing(&b, &f->tokens[i]);
        i = next;
    }
    return !b.failed && !f->failed;
}
