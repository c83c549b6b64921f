/*
 * cmd_view.h - what commands that show things on standard output share: a buffer with colours for a terminal.
 */
#ifndef PB_CMD_VIEW_H
#define PB_CMD_VIEW_H

#include "vm/value.h"

typedef enum view_colour { VIEW_PLAIN, VIEW_BOLD, VIEW_DIM, VIEW_RED, VIEW_GREEN, VIEW_YELLOW, VIEW_CYAN } view_colour;

typedef struct view {
    pb_buf out;
    bool colour;
    uint32_t width; /* columns of a line; 0: lines are not cut */
    uint32_t used;  /* in this line */
} view;

void view_begin(view *v); /* colours and width of standard output */
/* Made plain; cut to `columns` (0: to what is left of the line). */
void view_text(view *v, view_colour c, pb_str text, uint32_t columns);
void view_text_c(view *v, view_colour c, const char *text);
/* The same, filled up with blanks to `columns`. */
void view_column(view *v, view_colour c, pb_str text, uint32_t columns);
void view_to(view *v, uint32_t column); /* blanks */
void view_line(view *v);                /* ends it; blanks at its end are taken away */
bool view_end(view *v);                 /* writes it out. False: it could not be written */

/* Of a run's state or a step's status. */
view_colour view_colour_of(pb_str word);

#endif
