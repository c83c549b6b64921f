/*
 * plain.h - text of unknown origin: made safe to show on a terminal, taken out of a form.
 *
 * Texts out of events are an attacker's to choose: control characters could move the cursor, change the title or
 * fake lines; marks that change the direction of writing could make a line read differently from what it says.
 */
#ifndef PB_PLAIN_H
#define PB_PLAIN_H

#include "lang/base.h"

/* Appends s with all such characters as `?` (line ends as a space), cut to at most `columns` (0: not cut, "..." marks a
 * cut). The columns used. */
uint32_t plain_add(pb_buf *out, pb_str s, uint32_t columns);

/* A name or value of an HTML form: %XX and + undone. False: a broken escape, bytes that are not UTF-8, or out of memory. */
bool plain_form_decode(pb_arena *a, pb_str s, pb_str *out);

#endif
