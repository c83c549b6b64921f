/*
 * lsp.h - `pbc lsp`: the language server (Language Server Protocol 3.17 over standard input and output).
 */
#ifndef PB_LSP_H
#define PB_LSP_H

#include "lang/compile.h"

/* What the server knows besides the user's files. */
typedef struct lsp_knowledge {
    const pb_schema *schema;
    const builtin_source *builtins;
    size_t nbuiltins;
    /* One line about the i-th member of a structure; empty: nothing is known. */
    pb_str (*member_doc)(schema_shape shape, uint32_t i);
} lsp_knowledge;

/* Serves until `exit` or the end of the input. 0: `shutdown` came first, as the protocol wants; 1: it did not. */
int lsp_serve(const lsp_knowledge *k, int in, int out);

#endif
