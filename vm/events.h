/*
 * events.h - events out of a file or standard input, one after another.
 */
#ifndef PB_EVENTS_H
#define PB_EVENTS_H

#include "vm/value.h"

typedef struct events events;

enum {
    EVENTS_ARENA =
        96 << 20 /* what one event may take when read: JSON_MAX_BYTES of `[0,0,0...` are 8 times as much as values */
};

typedef struct events_item {
    uint32_t number; /* 1, 2, ... */
    uint32_t line;   /* where it begins */
    pb_value value;
    pb_str error; /* EVENTS_BAD: a sentence */
} events_item;

typedef enum events_result {
    EVENTS_ONE,   /* an event: an object */
    EVENTS_BAD,   /* something else; the reader goes on behind it */
    EVENTS_LATER, /* nothing has arrived yet; wait for events_fd */
    EVENTS_END,
    EVENTS_ERROR /* reading failed; the end as well */
} events_result;

/* "-" is standard input. NULL with a sentence in *err. */
events *events_open(const char *path, pb_arena *a, pb_str *err);
/* The next one, its value in `a`. */
events_result events_next(events *e, pb_arena *a, events_item *out);
/* The same from memory. */
events *events_text(const char *text, size_t n);
uint32_t events_count(const events *e); /* handed out until now */
int events_fd(const events *e);
const char *events_name(const events *e); /* for messages: the path, "standard input" */
void events_close(events *e);

/* Is it an EventBridge envelope? False with what is missing, and what it looks like instead. */
bool events_envelope(pb_value event, pb_arena *a, pb_str *err);

#endif
