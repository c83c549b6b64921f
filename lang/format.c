/*
 * format.c - the canonical layout of one file.
 *
 * The text that comes out consists of the tokens that went in, each as it was written, so that nothing can be lost on
 * the way: only blanks, line ends and commas are the formatter's own. What belongs together is known from the tree,
 * which marks the tokens (format_mark.c). Line ends of the source do not count, with three exceptions: one empty line
 * between two items is kept, and comments stay on lines of their own or behind what they stand behind.
 *
 * As a safety net the result is parsed again: it must have the same tokens, the same tree and the same comments. Should
 * that ever fail, it is a fault in here, and the file is left alone.
 */
#include "lang/format_parts.h"

#include "lang/compile.h"
#include "lang/load.h"
#include "lang/scan.h"

/* ---- tokens ---- */

static format_token *add_token(formatter *f) {
    if (f->n == f->cap) {
        uint32_t cap = f->cap ? f->cap * 2 : 256;
        format_token *more = pb_alloc_array(f->arena, cap, sizeof *more);
        if (!more) return NULL;
        if (f->n) memcpy(more, f->tokens, f->n * sizeof *more);
        f->tokens = more;
        f->cap = cap;
    }
    format_token *t = &f->tokens[f->n++];
    t->match = t->trailing = FORMAT_NONE;
    return t;
}

static bool begins_text(int token) { return token == TOK_STRING_BEGIN || token == TOK_STRING_TRIPLE; }

/* All tokens of a file, strings whole. */
static bool scan(formatter *f, const source_set *set, uint32_t file) {
    ast_file *ignored = pb_alloc(f->arena, sizeof *ignored);
    parse_ctx *c = ignored ? parse_begin(f->arena, diag_new(f->arena), set, file, ignored) : NULL;
    if (!c) return false;
    uint32_t texts = 0; /* strings open within one another */
    for (int token = TOK_PBYEMPTY; token != TOK_END;) {
        PBYSTYPE value;
        pb_span at;
        token = pbylex(&value, &at, c);
        if (texts == 0 || token == TOK_END) {
            format_token *t = add_token(f);
            if (!t) return false;
            t->kind = begins_text(token) ? TOK_STRING_BEGIN : token;
            t->start = at.start;
            texts = 0;
        }
        texts += begins_text(token);
        texts -= token == TOK_STRING_END && texts > 0;
        format_token *last = &f->tokens[f->n - 1];
        last->end = at.end;
        last->text = (pb_str){f->text.s + last->start, last->end - last->start};
    }
    return !pb_arena_failed(f->arena);
}

static bool opens(int kind) { return kind == TOK_LPAREN || kind == TOK_LBRACKET || kind == TOK_LBRACE; }

bool format_is_closer(const formatter *f, uint32_t i) {
    int kind = f->tokens[i].kind;
    return kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE;
}

/* Pairs up the brackets. */
static bool match_brackets(formatter *f) {
    uint32_t open[PARSE_MAX_DEPTH], n = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        if (opens(f->tokens[i].kind)) {
            if (n == PARSE_MAX_DEPTH) return false;
            open[n++] = i;
        } else if (format_is_closer(f, i)) {
            if (n == 0) return false;
            f->tokens[i].match = open[--n];
            f->tokens[open[n]].match = i;
        }
    }
    return n == 0;
}

uint32_t format_token_at(const formatter *f, uint32_t offset) {
    uint32_t low = 0, high = f->n - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->tokens[middle].start < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool format_blank_before(const formatter *f, uint32_t start) {
    int lines = 0;
    for (uint32_t i = start; i > 0 && lines < 2; i--) {
        char c = f->text.s[i - 1];
        if (c == '\n')
            lines++;
        else if (c != ' ' && c != '\t' && c != '\r')
            break;
    }
    return lines == 2;
}

/* ---- comments ---- */

static void put_own(format_token *t, uint32_t comment) {
    if (!t->ncomments) t->comment = comment;
    t->ncomments++;
}

/* Gives each comment to a token. Commas come and go, so none is given to them. */
static void place_comments(formatter *f) {
    for (uint32_t i = 0; i < f->tree->ncomments; i++) {
        const ast_comment *c = &f->tree->comments[i];
        uint32_t next = format_token_at(f, c->span.start), last = next;
        if (last > 0 && f->tokens[last - 1].end > c->span.start) continue; /* within a string */
        if (f->tokens[next].kind == TOK_COMMA) next++;
        if (last > 0 && f->tokens[last - 1].kind == TOK_COMMA) last--;
        format_token *behind = last > 0 ? &f->tokens[last - 1] : NULL;
        if (c->own_line || !behind || behind->trailing != FORMAT_NONE || f->tokens[next].ncomments)
            put_own(&f->tokens[next], i);
        else
            behind->trailing = i;
    }
}

/* ---- the net ---- */

static const format_token *next_token(const formatter *f, uint32_t *i) {
    while (*i < f->n && f->tokens[*i].kind == TOK_COMMA) ++*i;
    return *i < f->n ? &f->tokens[(*i)++] : NULL;
}

/* Equal but for the line ends of other systems, which strings over several lines may have. */
static bool same_text(pb_str a, pb_str b) {
    uint32_t i = 0, j = 0;
    while (i < a.n || j < b.n) {
        if (i + 1 < a.n && a.s[i] == '\r' && a.s[i + 1] == '\n') i++;
        if (j + 1 < b.n && b.s[j] == '\r' && b.s[j + 1] == '\n') j++;
        if (i == a.n || j == b.n || a.s[i++] != b.s[j++]) return false;
    }
    return true;
}

static bool same_tokens(const formatter *a, const formatter *b) {
    uint32_t i = 0, j = 0;
    for (;;) {
        const format_token *x = next_token(a, &i), *y = next_token(b, &j);
        if (!x || !y) return x == y;
        if (!same_text(x->text, y->text)) return false;
    }
}

static bool same_comments(const ast_file *a, const ast_file *b) {
    if (a->ncomments != b->ncomments) return false;
    for (uint32_t i = 0; i < a->ncomments; i++)
        if (!pb_str_eq(a->comments[i].text, b->comments[i].text)) return false;
    return true;
}

static bool dump_one(formatter *f, source_set *set, const ast_file *tree, pb_buf *out) {
    ast_file *copy = pb_alloc(f->arena, sizeof *copy);
    if (!copy) return false;
    *copy = *tree;
    copy->next = NULL;
    ast_program p = {f->arena, set, copy};
    dump_tree(&p, out);
    return !out->oom;
}

static bool same_trees(formatter *f, const source_set *set, source_set *other, const ast_file *tree, bool *same) {
    pb_buf before = {0}, after = {0};
    source_set copy = *set;
    bool ok = dump_one(f, &copy, f->tree, &before) && dump_one(f, other, tree, &after);
    *same = ok && before.len == after.len && (!before.len || memcmp(before.data, after.data, before.len) == 0);
    pb_buf_free(&before);
    pb_buf_free(&after);
    return ok;
}

/* Parses the result and compares it with what it was made of. */
static format_result verify(formatter *f, const source_set *set, const pb_buf *out) {
    const source_file *src = &set->files[f->tree->file];
    source_set *other = pb_alloc(f->arena, sizeof *other);
    ast_file *tree = pb_alloc(f->arena, sizeof *tree);
    diag_list *diags = diag_new(f->arena);
    if (!other || !tree || !diags) return FORMAT_NO_MEMORY;
    other->arena = f->arena;
    uint32_t index = source_add(other, diags, src->path, out->data ? out->data : "", out->len, false);
    if (index == UINT32_MAX || !parse_file(f->arena, diags, other, index, tree)) return FORMAT_NO_MEMORY;
    formatter second = {.arena = f->arena, .tree = tree, .text = other->files[index].text};
    if (diag_count(diags, DIAG_ERROR)) return FORMAT_REFUSED;
    if (!scan(&second, other, index)) return FORMAT_NO_MEMORY;
    bool same = false;
    if (!same_trees(f, set, other, tree, &same)) return FORMAT_NO_MEMORY;
    return same && same_tokens(f, &second) && same_comments(f->tree, tree) ? FORMAT_DONE : FORMAT_REFUSED;
}

/* ---- one file ---- */

format_result format_file(pb_arena *a, const source_set *set, const ast_file *tree, pb_buf *out) {
    formatter f = {.arena = a, .tree = tree, .text = set->files[tree->file].text};
    format_doc doc = {0};
    if (!scan(&f, set, tree->file)) return FORMAT_NO_MEMORY;
    if (!match_brackets(&f)) return FORMAT_REFUSED;
    place_comments(&f);
    format_mark(&f);
    if (!format_build(&f, &doc) || !format_print(&f, &doc, out)) return FORMAT_NO_MEMORY;
    return verify(&f, set, out);
}
