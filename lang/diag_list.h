/*
 * diag_list.h - the inside of a diag_list, for diag.c and the renderers.
 */
#ifndef PB_DIAG_LIST_H
#define PB_DIAG_LIST_H

#include "lang/source.h"

enum { DIAG_LIMIT = 500 }; /* messages kept: nobody reads more, and the rest is usually an echo */

struct diag_list {
    pb_arena *arena;
    diag **items; /* each stays where it is: a caller may still be writing into it */
    uint32_t count, cap, seq;
    bool verbose;
    size_t counts[3]; /* by severity, those not kept too; without the allowed ones */
    uint32_t allowed;
    bool oom;
    diag scratch;
};

/* A span as people count: lines and columns from 1. No place (line 0): the file itself could not be read. */
typedef struct diag_place {
    pb_str path;
    uint32_t line, column, end_line, end_column;
} diag_place;

void diag_sort(diag_list *l);
diag_place diag_place_of(const source_set *src, pb_span span);
void diag_render_text(const diag_list *l, const source_set *src, bool colour, pb_buf *out);
void diag_render_json(const diag_list *l, const source_set *src, pb_buf *out);
void diag_render_sarif(const diag_list *l, const source_set *src, pb_buf *out);
void diag_render_github(const diag_list *l, const source_set *src, pb_buf *out);

#endif
