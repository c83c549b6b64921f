/*
 * load.h - what load.c needs of the parser.
 */
#ifndef PB_LOAD_H
#define PB_LOAD_H

#include "lang/ast.h"
#include "lang/source.h"

/* Parses one file of the set into *out (lang/parse.c). False when out of memory. */
bool parse_file(pb_arena *a, diag_list *diags, const source_set *set, uint32_t file, ast_file *out);

#endif
