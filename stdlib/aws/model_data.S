/* A table made by gen_model.py, as read-only data: the kernel maps it, and only the pages that are looked at are read. Assembled twice: NAME
 * and FILE say which. The documentation is an object of its own, for the compiler only: the runner is half as large without. */
    .section .rodata
    .balign 64
    .global NAME
    .hidden NAME
    .type NAME, %object
NAME:
    .incbin FILE
    .size NAME, . - NAME
    .section .note.GNU-stack, "", %progbits
