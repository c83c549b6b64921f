/*
 * report.h - what `pbc check` says of playbooks when it is asked: how much a run can do at most, and which known events
 * are handled by whom. Both need a checked program.
 */
#ifndef PB_REPORT_H
#define PB_REPORT_H

#include "lang/ast.h"
#include "lang/schema.h"

/* Worst-case calls, writes, messages, approvals and waiting time of every playbook (--bounds), as a table or as JSON.
 */
void report_bounds(ast_program *p, bool json, pb_buf *out);
/* Which known finding types which playbooks handle (--coverage). *uncovered: by none. */
void report_coverage(ast_program *p, bool json, pb_buf *out, uint32_t *uncovered);

#endif
