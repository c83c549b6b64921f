/*
 * report.h - the results of an event for standard output: plain lines, the plan of a dry run, or JSON.
 */
#ifndef PB_REPORT_H
#define PB_REPORT_H

#include "vm/engine.h"

/* Lines for people about all runs of an event; `source` names where events come from. Errors of the event itself are
 * not in it: those go to standard error. */
void report_plain(const engine_event *e, bool colour, pb_buf *out);
/* One JSON object a line: each run's evidence with the event's number, a dry one's with its `plan` (plan.h); or why
 * there was no run. */
void report_json(const engine_event *e, pb_buf *out);
/* Why nothing ran, as a sentence; empty when something did. */
pb_str report_nothing(const engine_event *e, pb_arena *a);

#endif
