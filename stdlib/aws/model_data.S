/* The tables made by gen_model.py, as read-only data: the kernel maps them, and only the pages that are looked at are read. */
    .macro table name, dir, file
    .balign 64
    .global \name
    .hidden \name
    .type \name, %object
\name:
    .incbin "\dir\()/\file"
    .size \name, . - \name
    .endm

    .section .rodata
    table aws_model_data, MODEL_DIR, aws_model.bin
    table aws_docs_data, MODEL_DIR, aws_docs.bin
    .section .note.GNU-stack, "", %progbits
