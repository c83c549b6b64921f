/*
 * compile.c - the stages one after the other.
 *
 * A stage runs only when the one before it has found no error: the checker relies on a whole tree, codegen on a typed
 * one.
 */
#include "lang/compile.h"

static bool is_clean(const diag_list *diags) { return diag_count(diags, DIAG_ERROR) == 0 && !diag_oom(diags); }

bool compile_paths(pb_arena *a, diag_list *diags, source_set **sources, const pb_schema *schema,
                   const builtin_source *builtins, size_t nbuiltins, const char *const *paths, size_t npaths,
                   pb_buf *image) {
    *sources = NULL;
    ast_program *p = parse_program(a, diags, builtins, nbuiltins, paths, npaths);
    if (!p) return false;
    *sources = p->sources;
    return is_clean(diags) && check_program(p, schema, diags) && is_clean(diags) && codegen_program(p, diags, image) &&
           is_clean(diags) && !image->oom;
}
