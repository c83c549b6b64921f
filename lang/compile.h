/*
 * compile.h - from files to a program image: the public face of lang.
 *
 *     parse_program    files → tree           (source.c, lexer.l, parser.y)
 *     check_program    names, types, effects  (check*.c)
 *     codegen_program  tree → image bytes     (codegen.c, image_write.c)
 *
 * Each adds to one diag_list and may be run only if the one before it added no error.
 */
#ifndef PB_COMPILE_H
#define PB_COMPILE_H

#include "lang/ast.h"
#include "lang/diag.h"
#include "lang/schema.h"
#include "lang/source.h"

/* A source that is compiled into the binary (stdlib). path is shown in messages: "<stdlib>/ec2.pb". */
typedef struct builtin_source {
    const char *path;
    const char *text;
    size_t size;
} builtin_source;

/* Limits of what is read. Each is named in its message. */
enum {
    SOURCE_MAX_BYTES = 1 << 20,  /* one file */
    SOURCE_MAX_FILES = 20000,
    PARSE_MAX_DEPTH = 200        /* nesting of expressions, types and blocks */
};

/*
 * Reads and parses the built-in sources and all of paths: files, or directories (every *.pb below them, in name
 * order; *_test.pb too). "-" is standard input. Imports are followed (relative to the project root: the closest
 * parent directory with a `.git` or `pb.root`, else the file's own directory; never outside it). Never NULL unless
 * out of memory; with errors in `diags` the tree is partial.
 */
ast_program *parse_program(pb_arena *a, diag_list *diags, const builtin_source *builtins, size_t nbuiltins,
                           const char *const *paths, size_t npaths);
/* A text that stands in for a file's: what an editor has not saved yet. */
typedef struct source_overlay {
    const char *path; /* absolute and real; the file need not be there */
    const char *text;
    size_t size;
} source_overlay;
/* parse_program with overlays: also for the files that are imported. */
ast_program *parse_overlaid(pb_arena *a, diag_list *diags, const builtin_source *builtins, size_t nbuiltins,
                            const char *const *paths, size_t npaths, const source_overlay *overlays, size_t noverlays);
/* The same without imports and built-in sources: just the files that are named. */
ast_program *parse_paths(pb_arena *a, diag_list *diags, const char *const *paths, size_t npaths);
/* One text in memory (tests, fuzzing, editors). */
ast_program *parse_text(pb_arena *a, diag_list *diags, const builtin_source *builtins, size_t nbuiltins,
                        const char *path, const char *text, size_t size);

/* Resolves and types the whole tree. False when an error was added. schema may be NULL: then no aws.* name is known. */
bool check_program(ast_program *p, const pb_schema *schema, diag_list *diags);

/* Writes the image of all playbooks and of what they reach. False when an error was added or memory ran out. */
bool codegen_program(ast_program *p, diag_list *diags, pb_buf *image);

/* The image of one playbook and of its tests: each is a function of its own, whose number goes into the test's index. */
bool codegen_tests(ast_program *p, diag_list *diags, const ast_decl *playbook, const ast_decl *site, pb_buf *image);
/* The site that a test's file brings for its tests; NULL: none, they have the program's. codegen_tests makes those of one site. */
const ast_decl *site_of_tests(const ast_program *p, const ast_decl *test);

/* Prints a loadable image as text (pbc dis). False with a sentence in err when it is not one. */
bool disassemble(const void *image, size_t size, pb_buf *out, pb_str *err, pb_arena *a);

/* Prints the user's part of a tree, or the tokens of its files, for people who work on the compiler (--dump). */
void dump_tree(const ast_program *p, pb_buf *out);
bool dump_tokens(const ast_program *p, pb_buf *out);

/* All of the above. True: *image holds a program. False: see diags. */
bool compile_paths(pb_arena *a, diag_list *diags, source_set **sources, const pb_schema *schema,
                   const builtin_source *builtins, size_t nbuiltins, const char *const *paths, size_t npaths,
                   pb_buf *image);

#endif
