/*
 * doc.h - `pbc doc`: a reference of a repository's playbooks out of their sources, for people who don't read code.
 */
#ifndef PB_DOC_H
#define PB_DOC_H

#include "lang/ast.h"

/* Writes all of the user's playbooks, actions, functions, events, guards and parameters of a checked tree, as one page of HTML
 * (pictures inside, no script, nothing fetched) or as Markdown (pictures as Mermaid). False: memory ran out. */
bool doc_write(const ast_program *p, bool html, pb_buf *out);

#endif
