/*
 * opcodes.h - enum, operand kinds and instruction fields out of opcodes.def.
 */
#ifndef PB_OPCODES_H
#define PB_OPCODES_H

#include <stdint.h>

typedef enum opcode {
#define OP(name, fmt, a, b, c, meaning) OPCODE_##name,
#include "lang/opcodes.def"
#undef OP
    OPCODE_COUNT
} opcode;

typedef enum op_format { FORMAT_ABC, FORMAT_ABx, FORMAT_AsBx } op_format;
typedef enum op_kind {
    OPERAND__, OPERAND_W, OPERAND_R, OPERAND_RW, OPERAND_K, OPERAND_F, OPERAND_S, OPERAND_P, OPERAND_T,
    OPERAND_U, OPERAND_I, OPERAND_J, OPERAND_N
} op_kind;

typedef struct op_info {
    const char *name;
    op_format format;
    op_kind a, b, c;
    const char *meaning;
} op_info;
extern const op_info op_table[OPCODE_COUNT]; /* lang/opcodes.c */

static inline opcode op_code(uint32_t i) { return (opcode)(i & 0xff); }
static inline uint32_t op_a(uint32_t i) { return i >> 8 & 0xff; }
static inline uint32_t op_b(uint32_t i) { return i >> 16 & 0xff; }
static inline uint32_t op_c(uint32_t i) { return i >> 24; }
static inline uint32_t op_bx(uint32_t i) { return i >> 16; }
static inline int32_t op_sbx(uint32_t i) { return (int16_t)(i >> 16); }
static inline uint32_t op_abc(opcode o, uint32_t a, uint32_t b, uint32_t c) {
    return (uint32_t)o | a << 8 | b << 16 | c << 24;
}
static inline uint32_t op_abx(opcode o, uint32_t a, uint32_t bx) { return (uint32_t)o | a << 8 | bx << 16; }
static inline uint32_t op_asbx(opcode o, uint32_t a, int32_t sbx) {
    return (uint32_t)o | a << 8 | (uint32_t)(uint16_t)(int16_t)sbx << 16;
}

#endif
