/*
 * net.c - the `in` operator on addresses and blocks of them. Both are strings at run time; lang/text.c reads them.
 */
#include "vm/ops.h"

static bool inside(const text_address *a, const text_address *block, int bits) {
    if (a->size != block->size) return false;
    int whole = bits / 8, rest = bits % 8;
    if (memcmp(a->bytes, block->bytes, (size_t)whole) != 0) return false;
    return !rest || (a->bytes[whole] ^ block->bytes[whole]) >> (8 - rest) == 0;
}

static bool in_block(vm_env *e, const text_address *a, pb_value block, bool *yes) {
    text_address b;
    int bits;
    if (block.kind != PB_STRING || !text_read_block(pb_text(block), &b, &bits))
        return env_fail(e, "not_a_block", "expected a block of addresses like 10.0.0.0/8, found %s",
                        block.kind == PB_STRING ? "other text" : vm_a_kind(block));
    *yes = inside(a, &b, bits);
    return true;
}

bool op_incidr(vm_env *e, pb_value b, pb_value c, pb_value *out) {
    text_address a;
    *out = pb_bool(false);
    if (b.kind == PB_NONE || c.kind == PB_NONE) return true;
    bool maybe = b.kind == PB_UNKNOWN;
    if (!maybe && e->dry && !env_holds(e, c, PB_UNKNOWN, &maybe)) return false;
    if (maybe) {
        *out = pb_unknown();
        return true;
    }
    if (b.kind != PB_STRING || !text_read_address(pb_text(b), &a))
        return env_fail(e, "not_an_address", "expected an IP address, found %s",
                        b.kind == PB_STRING ? "other text" : vm_a_kind(b));
    const pb_value *blocks = c.kind == PB_LIST ? c.u.items : &c;
    uint32_t n = c.kind == PB_LIST ? c.n : 1;
    bool yes = false;
    for (uint32_t i = 0; i < n && !yes; i++)
        if (!in_block(e, &a, blocks[i], &yes)) return false;
    *out = pb_bool(yes);
    return env_charge(e, n);
}
