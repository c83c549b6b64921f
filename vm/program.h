/*
 * program.h - what a loaded program is inside the VM. Everybody outside uses vm/interp.h.
 *
 * The image stays where it is; here are only the places that execution needs at each instruction, taken out of the
 * records once. Instructions and constants are read in place with image_u32: an image has no alignment.
 */
#ifndef PB_PROGRAM_H
#define PB_PROGRAM_H

#include "lang/image.h"
#include "vm/interp.h"

typedef struct vm_function {
    pb_str name;
    const uint8_t *code, *lines; /* ncode u32s each */
    uint32_t ncode;
    uint32_t consts, nconsts; /* first constant, their number */
    uint8_t kind;             /* enum image_function */
    uint8_t effect, nparams, nregs, ncaptured;
    uint32_t undo; /* function, or IMAGE_NIL */
} vm_function;

struct vm_regex_cache;

struct vm_program {
    image_view view;
    pb_arena *arena;
    void *copy; /* of a file's content, to be unmapped; NULL when the bytes are the caller's */
    size_t copy_size;
    vm_function *functions;
    uint32_t nfunctions;
    uint32_t *guard_sites; /* guards that look at site s: guards[guard_sites[s]] to before guards[guard_sites[s + 1]] */
    uint32_t *guards;      /* both NULL when the program has none */
    struct vm_regex_cache *patterns; /* compiled ones, kept for all runs of the program */
    uint8_t *cover;                  /* vm_program_cover; NULL: off */
    char sha256[65];                 /* empty until asked for */
};

static inline uint32_t vm_instruction(const vm_function *f, uint32_t pc) { return image_u32(f->code + (size_t)pc * 4); }
static inline uint32_t vm_place_of(const vm_function *f, uint32_t pc) { return image_u32(f->lines + (size_t)pc * 4); }

#endif
