/*
 * progress.h - what the user sees on standard error while runs are under way.
 */
#ifndef PB_PROGRESS_H
#define PB_PROGRESS_H

#include "vm/engine.h"

typedef struct progress progress;

typedef enum progress_style { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_LIVE } progress_style;

/* What fits the descriptor: LIVE on a terminal that can move its cursor, else LINES. */
progress_style progress_style_for(int fd);
bool progress_colours(int fd); /* a terminal, and neither NO_COLOR nor TERM=dumb */

progress *progress_new(int fd, progress_style style, bool colour); /* NULL: out of memory */
void progress_loop(progress *p, pb_loop *l);                       /* for the spinner; before the first run */
void progress_free(progress *p);                                   /* before the loop */

/* engine_watch */
void progress_run_begin(progress *p, const engine_run *r);
void progress_step_begin(progress *p, const engine_run *r, const vm_step *s);
void progress_step_end(progress *p, const engine_run *r, const vm_step *s);
void progress_run_end(progress *p, const engine_run *r);

/* Around other output to the same terminal. */
void progress_hide(progress *p);
void progress_show(progress *p);

/* "812 ms", "1.2 s", "3 min 20 s" */
void progress_time(pb_buf *out, int64_t ms);
/* The name of a step's site ("ec2.isolate"), and the call as written. */
pb_str progress_step_title(const engine_run *r, const vm_step *s);
/* "ok" "already done" "failed" "planned", "..." while it runs */
const char *progress_step_status(const vm_step *s);

#endif
