/*
 * lsp_own.h - what the files of the language server share; nobody else includes it.
 *
 *     lsp.c           the wire, the lifecycle, open documents, diagnostics
 *     lsp_text.c      places: byte offsets and the protocol's lines and UTF-16 columns, paths and URIs
 *     lsp_answer.c    hover, definition, references, rename, document symbols, formatting, code actions
 *     lsp_complete.c  completion and the help while arguments are typed
 *     lsp_colour.c    semantic tokens and inlay hints
 */
#ifndef PB_LSP_OWN_H
#define PB_LSP_OWN_H

#include "lang/lsp.h"
#include "lang/symbols.h"

#include <json-c/json.h>

enum {
    LSP_MESSAGE_MAX = 32 << 20, /* bytes of one message: a file has 1 MiB at most */
    LSP_DOCUMENTS_MAX = 1000,
    LSP_RESULTS_MAX = 2000      /* completions, references */
};
static const size_t LSP_MEMORY = (size_t)1 << 30; /* of one analysis */

typedef struct lsp_document {
    struct lsp_document *next;
    char *uri, *path; /* path: absolute; empty: not a file */
    char *text;
    size_t size;
    int64_t version;
} lsp_document;

typedef struct lsp {
    const lsp_knowledge *known;
    lsp_document *documents;
    size_t ndocuments;
    char *root; /* the workspace's folder; NULL: none */
    int in, out;
    bool utf8;  /* columns are bytes */
    bool initialized, shut_down, exiting, broken;
    char *buffer;
    size_t have, cap;
} lsp;

/* A program made from open documents and files, for one request. */
typedef struct lsp_analysis {
    pb_arena *arena;
    diag_list *diags;
    ast_program *program;
    bool checked;  /* names and types are there */
    ast_file *file; /* the document's; NULL: it is not among them */
} lsp_analysis;

/* Compiles the document with what it imports; with `all` every playbook of the workspace too. text: in place of the document's. False:
 * memory ran out. */
bool lsp_analyse(lsp *l, const lsp_document *d, bool all, const pb_str *text, lsp_analysis *out);
void lsp_analysis_free(lsp_analysis *a);

/* ---- lsp_text.c ---- */
uint32_t lsp_offset(const lsp *l, pb_str text, json_object *position); /* clipped into the text */
json_object *lsp_position(const lsp *l, pb_str text, uint32_t offset);
json_object *lsp_range(const lsp *l, pb_str text, uint32_t start, uint32_t end);
char *lsp_path_of(const char *uri);          /* malloc'ed; NULL: no file: URI */
json_object *lsp_uri_of(const char *path);   /* a string */
/* {uri, range} of a span. NULL: it is in the standard library, which is no file. */
json_object *lsp_location(const lsp *l, const lsp_analysis *a, pb_span span);
/* A member's text; NULL when there is none. */
const char *lsp_text_of(json_object *o, const char *key);
json_object *lsp_get(json_object *o, const char *key);
json_object *lsp_string(pb_str s);
void lsp_set(json_object *o, const char *key, json_object *v); /* takes v over; NULL is left out */

/* The rows of builtins.def, as an editor shows them. */
typedef struct lsp_builtin {
    const char *spelling, *receiver, *parameters, *result, *doc;
} lsp_builtin;
extern const lsp_builtin lsp_builtins[];
extern const size_t lsp_nbuiltins;

/* ---- answers: each gives a new reference; NULL is null ---- */
typedef json_object *lsp_answer(lsp *l, lsp_document *d, json_object *params);
lsp_answer lsp_hover, lsp_definition, lsp_references, lsp_prepare_rename, lsp_rename, lsp_symbols, lsp_formatting, lsp_actions,
    lsp_completion, lsp_signature, lsp_tokens, lsp_hints;
json_object *lsp_token_legend(void);
/* "let i: Instance", "action ec2.isolate(i: Instance): ... contain on i" */
pb_str lsp_signature_of(const lsp_analysis *a, const ast_decl *d);
pb_str lsp_span_text(const lsp_analysis *a, pb_span span);

#endif
