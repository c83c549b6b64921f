/*
 * parse.h - what the scanner (lexer.l), the grammar (parser.y) and their helpers share. Nothing else includes it.
 *
 *     parse.c          from a source file to its tree; token supply, error recovery
 *     parse_node.c     building nodes: every function takes parts that may be NULL (out of memory) and then gives NULL
 *     parse_report.c   what is said about a syntax error
 *
 * The scanner keeps one stack of everything that is open: ( [ { ${ " """. Its top decides whether text or code is read,
 * and recovery after an error uses it to skip whole nested parts, so that a mistake inside a block does not close it.
 */
#ifndef PB_PARSE_H
#define PB_PARSE_H

#include "lang/ast.h"
#include "lang/compile.h"
#include "lang/load.h"

enum {
    PARSE_MAX_INTERP = 8,    /* ${ } inside ${ }: nobody can read more, and it bounds the work on an unclosed one */
    PARSE_STACK_MAX = 16000, /* bison's stack; PARSE_MAX_DEPTH nested calls in maps in lists need about 3000 */
    PARSE_SCAN_POOL = 1024   /* flex's own two structures need less than 300 bytes */
};

typedef struct parse_open {
    uint32_t offset;
    char kind; /* ( [ { $ for ${, " and 3 for """ */
} parse_open;

/* Lists under construction. */
typedef struct parse_args {
    ast_arg *head, *tail;
} parse_args;
typedef struct parse_stmts {
    ast_stmt *head, *tail;
} parse_stmts;
typedef struct parse_fields {
    ast_field *head, *tail;
} parse_fields;
typedef struct parse_clauses {
    ast_clause *head, *tail;
} parse_clauses;

typedef struct parse_ctx {
    pb_arena *arena;
    diag_list *diags;
    ast_file *out;
    ast_decl *last_decl;
    pb_str text;
    uint32_t file;
    void *scanner;
    diag scratch; /* for messages that are not wanted any more */

    uint32_t pos;   /* the scanner's place in text */
    bool after_dot; /* the last token was . or ?. : any word is a name now */
    parse_open open[PARSE_MAX_DEPTH];
    uint32_t nopen;
    uint32_t inject;    /* closers are handed out until nopen is this; UINT32_MAX: none are due */
    parse_open misfit;  /* the last opener that was closed by something else; kind 0: none */
    uint32_t misfit_at; /* where that closer stands */
    parse_open askew;   /* first { whose } stands in another column than its line: suspect when a } is missing */
    bool halted;        /* no more tokens: nested too deeply */
    bool echo;          /* something unreadable was reported and left out: the next token may not fit for that reason */
    bool quiet_set;
    pb_span quiet; /* a mistake already reported: syntax errors that begin in it are its echo */

    uint32_t blocks[PARSE_MAX_DEPTH]; /* offsets of the { of the blocks being parsed */
    uint32_t nblocks;
    int held; /* a token that waits until the missing closers have been handed out; SCAN_SKIP: none */
    ast_name held_name;
    pb_span held_at;
    uint32_t reported_at; /* place of the last syntax error: the same one is not reported twice */
    diag *last_syntax;    /* its message: an unclosed string on that line turns out to be the cause, and replaces it */
    bool discard;         /* recovery must throw the token at hand away */
    bool recovering;      /* tokens are skipped up to the next statement or declaration */
    uint32_t recover_at;  /* place of the last error: recovery must move on from there */
    bool deep_reported;
    bool in_playbook;   /* the declaration being read is a playbook */
    bool header_broken; /* an error in a playbook's header: a missing `when` is not another one */

    uint32_t ncomments_cap;
    size_t pool_used;
    _Alignas(16) char pool[PARSE_SCAN_POOL];
} parse_ctx;

static inline pb_span parse_span(const parse_ctx *c, uint32_t start, uint32_t end) {
    return (pb_span){c->file, start, end};
}

/* ---- parse.c ---- */
/* A parser at the beginning of a file. NULL when out of memory. */
parse_ctx *parse_begin(pb_arena *a, diag_list *diags, const source_set *set, uint32_t file, ast_file *out);
/* Adds a message (into a scratch one when nothing more is to be said). */
diag *parse_mistake(parse_ctx *c, diag_code code, pb_span span, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* True where a syntax error would only repeat what has been said. */
bool parse_is_quiet(const parse_ctx *c, uint32_t start);
/* Whether only blanks stand before a place on its line. */
bool parse_begins_line(const parse_ctx *c, uint32_t at);
void parse_block_open(parse_ctx *c, uint32_t offset);
void parse_block_close(parse_ctx *c);
/* Called where the grammar catches an error: true when the token at hand has to be thrown away. */
bool parse_recover(parse_ctx *c, int token, pb_span at);
bool parse_word_is_reserved(pb_str w);
/* The nearest of a NULL-ended list of words, or NULL. */
const char *parse_nearest(pb_str w, const char *const *words);

/* ---- parse_report.c ---- */
typedef enum parse_found {
    FOUND_END,
    FOUND_STATEMENT /* a word that begins a statement */,
    FOUND_WORD,
    FOUND_ASSIGN,
    FOUND_EQ,
    FOUND_STRING,
    FOUND_STRING_END,
    FOUND_CLOSER,
    FOUND_OTHER
} parse_found;
enum { PARSE_EXPECT_MAX = 8 };  /* more alternatives than that are not listed */
typedef struct parse_expected { /* what could stand where a syntax error is */
    bool statement, declaration, expression, operator, comparison, name, assign, suffix /* of a type */;
    char closer; /* ) ] } or $ for the } of ${, 0 */
    const char *others[PARSE_EXPECT_MAX];
    int nothers; /* may be larger than the array */
} parse_expected;
void parse_report_syntax(parse_ctx *c, pb_span at, parse_found found, const parse_expected *expected);
void parse_report_deep(parse_ctx *c, pb_span at);
/* `at` cannot stand inside the bracket that was opened last. */
void parse_report_unclosed(parse_ctx *c, pb_span at, bool end_of_file);

/* ---- parse_node.c ---- */
ast_expr *parse_expr(parse_ctx *c, ast_expr_kind kind, pb_span span);
ast_expr *parse_unary(parse_ctx *c, ast_expr_kind kind, ast_expr *of, pb_span span);
ast_expr *parse_binary(parse_ctx *c, ast_op op, ast_expr *left, ast_expr *right, pb_span span);
ast_expr *parse_compare(parse_ctx *c, ast_op op, ast_expr *left, ast_expr *right, pb_span span, pb_span op_span);
ast_expr *parse_exists(parse_ctx *c, ast_expr *of, pb_span span, pb_span op_span);
ast_expr *parse_name(parse_ctx *c, ast_name name);
ast_expr *parse_field(parse_ctx *c, ast_expr *of, ast_name name, bool safe, pb_span span);
ast_expr *parse_index(parse_ctx *c, ast_expr *of, ast_expr *index, pb_span span);
ast_expr *parse_call(parse_ctx *c, ast_expr *callee, parse_args args, pb_span span);
ast_expr *parse_list(parse_ctx *c, ast_expr_kind kind, parse_args items, pb_span span);
ast_expr *parse_comp(parse_ctx *c, ast_expr_kind kind, ast_name var, ast_expr *list, ast_expr *value, ast_expr *cond,
                     pb_span span);
ast_expr *parse_cast(parse_ctx *c, ast_expr *value, ast_type *type, pb_span span);
ast_expr *parse_integer(parse_ctx *c, ast_expr_kind kind, int64_t value, pb_span span);
ast_expr *parse_float(parse_ctx *c, double value, pb_span span);
ast_expr *parse_bool(parse_ctx *c, bool value, pb_span span);
ast_expr *parse_string(parse_ctx *c, pb_str text, pb_span span);
/* The string whose pieces were scanned; triple: dedented. */
ast_expr *parse_pieces(parse_ctx *c, parse_args pieces, bool triple, pb_span span);
ast_expr *parse_path_expr(parse_ctx *c, ast_path path);

parse_args parse_arg(parse_ctx *c, parse_args list, ast_name name, ast_expr *value);
/* One piece of a string: text, or (line) a line break with the next line's indentation. */
parse_args parse_piece(parse_ctx *c, parse_args list, pb_str text, bool line, pb_span span);
ast_name parse_key(parse_ctx *c, ast_expr *string);

ast_path parse_path_add(parse_ctx *c, ast_path path, ast_name name);
ast_type *parse_type_name(parse_ctx *c, ast_path path, pb_span span);
ast_type *parse_type_of(parse_ctx *c, ast_path path, ast_type *elem, pb_span span);
ast_type *parse_type_record(parse_ctx *c, parse_fields fields, pb_span span);
parse_fields parse_add_field(parse_ctx *c, parse_fields list, ast_name name, ast_type *type, ast_expr *init);
ast_name parse_declared(parse_ctx *c, ast_name name);

ast_stmt *parse_stmt(parse_ctx *c, ast_stmt_kind kind, ast_expr *expr, pb_span span);
/* To be called when all parts of a statement are set: computes its depth. */
ast_stmt *parse_stmt_done(parse_ctx *c, ast_stmt *s);
parse_stmts parse_add_stmt(parse_stmts list, ast_stmt *s);
/* Checks that e is a call and makes it a DO. */
ast_stmt *parse_do(parse_ctx *c, ast_expr *e, pb_span span);
ast_stmt *parse_do_as(parse_ctx *c, ast_stmt *s, ast_name name, pb_span span);
/* Sets a part of a statement that may be written once. */
void parse_once(parse_ctx *c, ast_expr **slot, ast_expr *value, const char *what, pb_span span);
ast_stmt *parse_approve_clause(parse_ctx *c, ast_stmt *s, ast_name clause, ast_name who, ast_expr *value,
                               ast_expr *after, pb_span span);
/* denied { } or expired { } of an approve. */
ast_stmt *parse_branch(parse_ctx *c, ast_stmt *s, bool expired, ast_stmt *body, pb_span span);

ast_clause *parse_clause(parse_ctx *c, ast_name name, ast_expr *value, ast_expr *value2, pb_span span);
parse_clauses parse_add_clause(parse_clauses list, ast_clause *clause);

/* A clause of a test: given WORD value ..., expect WORD value. */
ast_clause *parse_test(parse_ctx *c, ast_name word, ast_expr *value, ast_expr *value2, pb_span span);
/* ec2.* of a guard, as a string. */
ast_expr *parse_pattern(parse_ctx *c, ast_path path);
/* a.b.c as one name. */
ast_name parse_dotted(parse_ctx *c, ast_path path);

ast_decl *parse_decl(parse_ctx *c, ast_decl_kind kind, pb_span span);
ast_decl *parse_named(parse_ctx *c, ast_decl_kind kind, ast_name name, pb_span span);
void parse_set_string(parse_ctx *c, ast_decl *d, ast_expr *string);
void parse_no_when(parse_ctx *c, const ast_decl *playbook);
void parse_assign_for_eq(parse_ctx *c, pb_span at);
void parse_effect(parse_ctx *c, ast_decl *d, ast_name effect, pb_span at);
/* Adds a whole declaration to the file, with the comment above it. */
void parse_add_decl(parse_ctx *c, ast_decl *d);
bool parse_add_comment(parse_ctx *c, pb_span span, bool own_line);

#endif
