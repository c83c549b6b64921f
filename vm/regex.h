/*
 * regex.h - regular expressions (PCRE2) with bounded work, whatever pattern and text are.
 */
#ifndef PB_REGEX_H
#define PB_REGEX_H

#include "lang/base.h"

typedef struct vm_regex_cache vm_regex_cache;
vm_regex_cache *vm_regex_cache_new(pb_arena *a); /* NULL: out of memory */
void vm_regex_cache_free(vm_regex_cache *c);     /* NULL is allowed */

enum {
    REGEX_MAX_PATTERN = 4096,  /* bytes; the longest one in public rule sets has about 1,500 */
    REGEX_MAX_TEXT = 64 << 10, /* bytes searched: a finding's whole JSON is below 32 KB as a rule */
    REGEX_WORK = 2000000,      /* steps of the matcher: about a tenth of a second */
    REGEX_CACHE = 256          /* patterns kept; a program with more compiles the others each time */
};

typedef enum regex_result {
    REGEX_NO,
    REGEX_YES,
    REGEX_BAD_PATTERN,
    REGEX_TEXT_TOO_LONG,
    REGEX_BAD_TEXT /* not UTF-8 */,
    REGEX_COSTLY,
    REGEX_NO_MEMORY
} regex_result;

/* Does the pattern match anywhere in the text? *work: steps it took. REGEX_BAD_PATTERN: a sentence in message. */
regex_result vm_regex_search(vm_regex_cache *c, pb_str pattern, pb_str text, uint64_t *work, char message[200]);

#endif
