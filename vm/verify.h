/*
 * verify.h - proves that the functions of a program whose layout was checked cannot lead the interpreter astray.
 */
#ifndef PB_VERIFY_H
#define PB_VERIFY_H

#include "vm/program.h"

typedef struct verify_fault {
    uint32_t function; /* index; IMAGE_NIL: the fault is no function's (out of memory) */
    uint32_t pc;
    char sentence[160];
} verify_fault;

bool vm_verify(const vm_program *p, verify_fault *fault);

#endif
