/*
 * symbols.h - every name that stands in a file and what it means: for editors (go to definition, references, rename,
 * hover, colours).
 */
#ifndef PB_SYMBOLS_H
#define PB_SYMBOLS_H

#include "lang/ast.h"
#include "lang/types.h"

typedef enum symbol_kind {
    SYMBOL_LOCAL,   /* .local */
    SYMBOL_DECL,    /* .decl: action, fn, param, type, event, playbook, guard */
    SYMBOL_FIELD,   /* .name of .owner */
    SYMBOL_BUILTIN, /* .builtin: row of builtins.def */
    SYMBOL_SERVICE, /* aws.SERVICE: .name */
    SYMBOL_OPERATION, /* .aws: "ec2.DescribeInstances" */
    SYMBOL_ARGUMENT,  /* .name of an AWS operation's input: .aws */
    SYMBOL_RUN
} symbol_kind;

typedef struct symbol {
    pb_span span;
    symbol_kind kind;
    bool defines;         /* it is named here */
    pb_str name;
    ast_local *local;
    const ast_decl *decl;
    struct pb_type *type; /* of the value there; NULL: not known */
    struct pb_type *owner;
    uint32_t builtin;
    pb_str aws;
    pb_effect effect;     /* of a call */
} symbol;

typedef struct symbols {
    symbol *list; /* in no order */
    uint32_t n, cap;
    pb_arena *arena;
    const ast_program *program;
    const ast_file *file;
    bool failed;
} symbols;

/* All of a file of a checked program. False: memory ran out. */
bool symbols_of(const ast_program *p, const ast_file *f, pb_arena *a, symbols *out);
/* The smallest one at a byte offset; NULL: there is none. */
const symbol *symbols_at(const symbols *s, uint32_t offset);
/* Do two mean the same thing? */
bool symbols_same(const symbol *a, const symbol *b);
/* Where what it means was named; a span of file UINT32_MAX: nowhere (AWS, built-in). */
pb_span symbols_definition(const symbol *s);
/* The declaration of a kind and name that a file sees. */
const ast_decl *symbols_find(const ast_program *p, const ast_file *f, ast_decl_kind kind, pb_str name);

#endif
