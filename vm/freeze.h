/*
 * freeze.h - values as bytes and back: what the journal and the store keep.
 *
 * Every kind of value comes back as it was (times stay times, bytes stay bytes, none inside a map stays none), but for
 * secrets: their content is never written. A mark takes its place, and thawing gives a secret without content that
 * freeze_is_lost knows.
 *
 *     frozen = version (one byte) value
 *     value  = tag (one byte) what the tag says; numbers are LEB128, lengths in bytes, texts UTF-8
 */
#ifndef PB_FREEZE_H
#define PB_FREEZE_H

#include "vm/value.h"

enum {
    FREEZE_VERSION = 1,
    FREEZE_MAX = 16 << 20 /* bytes; an AWS answer is some MB at most */
};

/* Appends. False: nested too deep, larger than FREEZE_MAX, or out of memory; what is in b is then of no use.
 * *secret (may be NULL) is set when a secret was left out; it is never cleared. */
bool freeze_value(pb_buf *b, pb_value v, bool *secret);
/* Texts are copied into a. False with a sentence in *err: these are not the bytes of a value. */
bool thaw_value(pb_str bytes, pb_arena *a, pb_value *out, pb_str *err);
/* A secret whose content was not kept. */
bool freeze_is_lost(pb_value v);
/* Is there one anywhere inside? Yes, too, when it cannot be told. */
bool freeze_has_lost(pb_value v);

#endif
