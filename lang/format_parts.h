/*
 * format_parts.h - what the parts of the formatter share: tokens with marks, and the document's commands.
 */
#ifndef PB_FORMAT_PARTS_H
#define PB_FORMAT_PARTS_H

#include "lang/format.h"

enum {
    FORMAT_WIDTH = 120, /* columns; only what cannot be broken is longer */
    FORMAT_INDENT = 2,
    FORMAT_NONE = UINT32_MAX
};

/* What a `{` opens. Blocks are always written over several lines, the others when they do not fit. */
typedef enum format_brace {
    BRACE_BLOCK,
    BRACE_MAP,  /* a literal, or the fields of a test's event */
    BRACE_TYPE, /* a record type written in place */
    BRACE_DECL  /* that of `type T { }` */
} format_brace;

typedef struct format_token {
    pb_str text;         /* a whole string is one token */
    uint32_t start, end; /* in the source */
    int kind;            /* TOK_... of parser.h; TOK_STRING_BEGIN for any string */
    uint32_t match;      /* a bracket's partner */
    format_brace brace;
    bool tight;                  /* no blank before it */
    bool tight_after;            /* no blank behind it */
    bool item;                   /* begins a declaration, statement, clause, field or entry */
    bool apart;                  /* a blank line stands before it whether written or not */
    bool hard;                   /* begins a line */
    bool line;                   /* may begin a line */
    bool force;                  /* a bracket whose items have a line each even if one were enough */
    bool strict;                 /* a bracket that breaks before any bracket behind it on its line does */
    bool wide;                   /* what opens here is indented twice */
    uint16_t before;             /* groups that open before the line end before it */
    uint16_t opens;              /* groups that open right before it */
    uint16_t closes;             /* groups that close right behind it */
    uint16_t pad;                /* blanks behind it, to align what follows */
    uint32_t comment, ncomments; /* comments on lines of their own before it */
    uint32_t trailing;           /* comment behind it on its line */
} format_token;

typedef struct formatter {
    pb_arena *arena;
    const ast_file *tree;
    pb_str text;
    format_token *tokens; /* the last one is the end of the file */
    uint32_t n, cap;
    bool failed; /* no memory */
} formatter;

/* ---- the document ---- */
typedef enum format_op {
    DOC_TOKEN, /* arg: token */
    DOC_TEXT,  /* a comma */
    DOC_COMMA, /* a comma when its group is on one line */
    DOC_SPACE,
    DOC_PAD,  /* n blanks when its group is over several lines */
    DOC_LINE, /* a line end, or n blanks when its group is on one line */
    DOC_HARD, /* a line end */
    DOC_OPEN, /* a group; broken: over several lines; strict: see format_token */
    DOC_CLOSE,
    DOC_IN,
    DOC_OUT,     /* n columns */
    DOC_OWN,     /* arg: a comment on a line of its own */
    DOC_TRAILING /* arg: a comment at the end of a line */
} format_op;

typedef struct format_cmd {
    format_op op;
    uint32_t arg;
    uint16_t n;
    bool blank; /* LINE, HARD, OWN: after an empty line */
    bool broken, strict;
} format_cmd;

typedef struct format_doc {
    format_cmd *cmds;
    uint32_t n, cap;
} format_doc;

/* Index of the first token that begins at or behind an offset. */
uint32_t format_token_at(const formatter *f, uint32_t offset);
/* Whether an empty line stands before something that begins at `start`. */
bool format_blank_before(const formatter *f, uint32_t start);
bool format_is_closer(const formatter *f, uint32_t i);

void format_mark(formatter *f);
bool format_build(formatter *f, format_doc *doc);
bool format_print(const formatter *f, const format_doc *doc, pb_buf *out);

#endif
