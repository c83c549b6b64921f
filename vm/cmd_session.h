/*
 * cmd_session.h - what `pbrun run` and `pbrun resume` share: programs, site, parameters and store as the command line
 * says, an engine for them, what is shown while runs are under way, the evidence log, signals, and the exit status.
 */
#ifndef PB_CMD_SESSION_H
#define PB_CMD_SESSION_H

#include "lang/options.h"
#include "vm/commands.h"
#include "vm/engine.h"
#include "vm/events.h"
#include "vm/progress.h"

/* What lives as long as the command. */
typedef struct session {
    run_args args;
    pb_arena *arena; /* images, programs, messages */
    pb_buf image;    /* of what was compiled here */
    pb_buf site;     /* of --site's file */
    engine *engine;
    struct store *store;
    events *events;
    evidence_log *log;
    progress *progress;
    pb_watch *signal_watch, *input_watch;
    int signal_fd;
    int status;
    bool stopped, output_failed, store_failed;
    cli cli;
    const engine_config *config; /* instead of `run`'s own; providers and watch are the caller's. NULL: `run`'s */
} session;

/* Engine and progress; with_paths: the playbooks are loaded too; the site, the parameters, the store, the evidence log.
 */
int session_open(session *s, bool with_playbooks);
bool session_signals(session *s); /* from here on the first signal ends the runs in good order, the second kills */
void session_worst(session *s, int status);
void session_evidence(session *s, const engine_run *r); /* into the log, if there is one */
void session_end(session *s);                           /* frees s */

/* The command, with its operands in s->args. */
int cmd_resume(session *s);
int cmd_serve(session *s);
int cmd_undo(session *s);

#endif
