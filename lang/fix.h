/*
 * fix.h - `pbc check --fix`: writes the certain cures into the files.
 */
#ifndef PB_FIX_H
#define PB_FIX_H

#include "lang/diag.h"
#include "lang/source.h"

typedef struct fix_answer {
    pb_buf says;   /* what was changed, a line a change; what could not be written */
    uint32_t made; /* changes that are in the files now */
    bool failed;   /* a file could not be written */
} fix_answer;

/* Makes every fix of the list that does not overlap an earlier one. A file is replaced whole, and only when it
 * still is what was checked and parses without an error afterwards. */
void fix_files(diag_list *l, const source_set *src, fix_answer *out);

#endif
