/*
 * serve_parts.h - the parts of the server that others bring: one row each in serve_parts.c.
 */
#ifndef PB_SERVE_PARTS_H
#define PB_SERVE_PARTS_H

#include "vm/serve.h"

extern const serve_part *const serve_parts[]; /* ends with NULL */

#endif
