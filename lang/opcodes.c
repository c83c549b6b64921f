/*
 * opcodes.c - opcodes.def as a table that can be looked up.
 */
#include "lang/opcodes.h"

const op_info op_table[OPCODE_COUNT] = {
#define OP(name, fmt, a, b, c, meaning) {#name, FORMAT_##fmt, OPERAND_##a, OPERAND_##b, OPERAND_##c, meaning},
#include "lang/opcodes.def"
#undef OP
};
