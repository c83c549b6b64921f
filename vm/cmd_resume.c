/*
 * cmd_resume.c - `pbrun resume`: goes on with runs out of the store.
 *
 * Without RUN everything that is due: parked runs whose time or answer has come, and runs whose process has died. It
 * is the command for a timer (cron, a systemd timer) where no `pbrun serve` is running.
 */
#include "vm/cmd_session.h"

#include "vm/store.h"

#include <stdio.h>

static void on_failed(void *ctx, pb_str run, pb_str why) {
    session *s = ctx;
    progress_hide(s->progress);
    cmd_complain(run.n ? pb_printf(s->arena, "%.*s cannot be resumed: %.*s", PB_ARG(run), PB_ARG(why)) : why);
    progress_show(s->progress);
    session_worst(s, STATUS_FAILED);
}

static void run_all(session *s) {
    while (engine_busy(s->engine)) engine_turn(s->engine);
}

static uint32_t resume_due(session *s) {
    uint32_t n, all = 0;
    while (!s->stopped && !s->store_failed && (n = engine_due(s->engine, on_failed, s))) {
        all += n;
        run_all(s);
    }
    return all;
}

static const char *status_word(const store_run *r) {
    switch (r->status) {
    case RUN_ENDED: return "it has ended";
    case RUN_UNDONE: return "it has been undone";
    default: return "it cannot be taken over just now";
    }
}

static void resume_one(session *s, pb_str id) {
    pb_str err;
    store_run row;
    switch (engine_resume(s->engine, id, &err)) {
    case RESUMED: run_all(s); return;
    case RESUME_NO:
        err = store_run_get(s->store, id, s->arena, &row) == STORE_OK ? pb_str_c(status_word(&row))
                                                                      : PB_STR("there is no such run in the store");
        break;
    case RESUME_BUSY: err = PB_STR("another process is executing it"); break;
    case RESUME_FULL: err = PB_STR("too many runs are under way"); break;
    case RESUME_FAILED: break;
    }
    on_failed(s, id, err);
}

int cmd_resume(session *s) {
    int status = session_open(s, false);
    if (status != STATUS_OK) return status;
    if (!s->store)
        return cmd_fail(PB_STR("where are the runs kept? give --store sqlite:///PATH, or set PB_STORE"), STATUS_USAGE);
    if (!session_signals(s)) return cmd_fail(PB_STR("signals cannot be received"), STATUS_INTERNAL);
    for (size_t i = 0; i < s->args.noperands && !s->stopped; i++) resume_one(s, pb_str_c(s->args.operands[i]));
    if (s->args.noperands == 0 && resume_due(s) == 0 && s->status == STATUS_OK && !s->args.json && !s->args.quiet)
        fputs("no run is due\n", stderr);
    return s->status;
}
