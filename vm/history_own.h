/*
 * history_own.h - what history.c and history_story.c share.
 */
#ifndef PB_HISTORY_OWN_H
#define PB_HISTORY_OWN_H

#include "vm/history.h"

/* Members that are empty are left out. */
void history_text(pb_map_builder *b, const char *key, pb_str v);
void history_time(pb_map_builder *b, const char *key, int64_t at);
void history_value(pb_map_builder *b, const char *key, pb_value v);
/* A text member; empty when there is none. */
pb_str history_get(pb_value v, const char *key);

#endif
