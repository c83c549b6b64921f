/*
 * format.h - the canonical layout of playbook files (pbc fmt).
 *
 *     format.c         one file: scan, mark, build, print, and compare what came out with what went in
 *     format_mark.c    the tree's knowledge written onto the tokens
 *     format_build.c   tokens to a document of groups and possible line ends
 *     format_print.c   the document to text of limited width
 *     format_diff.c    two texts as a unified diff
 *     format_files.c   files read, compared, written
 */
#ifndef PB_FORMAT_H
#define PB_FORMAT_H

#include "lang/ast.h"
#include "lang/source.h"

typedef enum format_result {
    FORMAT_DONE,
    FORMAT_NO_MEMORY,
    FORMAT_REFUSED /* the result would not mean the same: a fault in here, nothing may be written */
} format_result;

/* Lays out a file that was parsed without an error, into an empty buffer. */
format_result format_file(pb_arena *a, const source_set *set, const ast_file *tree, pb_buf *out);

/* Adds the unified diff of two texts, with three lines around each change. Nothing when they are equal. */
bool format_diff(pb_arena *a, pb_str path, pb_str before, pb_str after, pb_buf *out);

typedef struct format_request {
    bool check; /* name the files that would change instead of writing them */
    bool diff;  /* show what would change instead of writing it */
} format_request;

typedef struct format_answer {
    pb_buf out;     /* for standard output */
    pb_buf errors;  /* for standard error */
    size_t changed; /* files written, or that would be */
    size_t refused; /* files that could not be laid out or written */
    size_t damaged; /* of these: for a fault of the formatter's own */
    bool no_memory;
} format_answer;

/* Lays out the files of a program that parse_paths has read, skipping those with errors. */
void format_files(ast_program *program, const diag_list *diags, const format_request *want, format_answer *got);

#endif
