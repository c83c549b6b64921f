/*
 * cmd_undo.c - `pbrun undo RUN`: puts back what a run has done, as far as its actions say how.
 *
 * The run is taken out of the store and gone through again with its own image, up to where it ended; nothing is sent
 * meanwhile. Then its captured steps are undone, newest first, through the same gate as any step: journaled, guarded,
 * under the kill switch. When the process dies, `pbrun resume` goes on with it. What could not be undone stays to be undone later, so the
 * command can be given again; a step is never undone twice.
 */
#include "vm/cmd_session.h"

#include "vm/store.h"

static int refuse(session *s, pb_str why) {
    return cmd_fail(pb_printf(s->arena, "%s cannot be undone: %.*s", s->args.operands[0], PB_ARG(why)), STATUS_USAGE);
}

/* Why a run in this state cannot be undone; empty: it can. */
static pb_str state_against(const store_run *r, bool dry) {
    switch (r->status) {
    case RUN_ACTIVE: return PB_STR("it has not ended; `pbrun resume` goes on with it if its process has died");
    case RUN_WAITING: return PB_STR("it has not ended, it waits; when it has ended it can be undone");
    case RUN_UNDOING:
        return dry ? PB_STR("it is being undone; `pbrun resume` goes on with that if its process has died") : (pb_str){0};
    case RUN_UNDONE: return PB_STR("it was undone already");
    case RUN_ENDED: break;
    }
    return pb_str_is(r->mode, "dry") ? PB_STR("it was a dry run: it changed nothing") : (pb_str){0};
}

static int begin(session *s, pb_str id) {
    pb_str err = {0};
    store_run row;
    store_result rc = store_run_get(s->store, id, s->arena, &row);
    if (rc == STORE_NO) return cmd_fail(pb_printf(s->arena, "no run %.*s in the store", PB_ARG(id)), STATUS_USAGE);
    if (rc != STORE_OK) return cmd_fail(pb_printf(s->arena, "the store failed: %s", store_error(s->store)), STATUS_FAILED);
    pb_str against = state_against(&row, s->args.dry);
    if (against.n) return refuse(s, against);
    switch (engine_undo(s->engine, id, pb_str_c(s->args.step ? s->args.step : ""), s->args.dry, &err)) {
    case RESUMED: return STATUS_OK;
    case RESUME_BUSY: return refuse(s, PB_STR("another process is undoing it"));
    case RESUME_NO: return refuse(s, PB_STR("its state has changed in this moment; look at it again"));
    case RESUME_FULL: return cmd_fail(PB_STR("too many runs are under way"), STATUS_INTERNAL);
    case RESUME_FAILED: break;
    }
    return cmd_fail(pb_printf(s->arena, "%.*s cannot be undone: %.*s", PB_ARG(id), PB_ARG(err)), STATUS_FAILED);
}

int cmd_undo(session *s) {
    if (s->args.noperands != 1)
        return cmd_fail(PB_STR("which run? pbrun undo RUN [--step ID] [--dry-run] --store URL"), STATUS_USAGE);
    int status = session_open(s, s->args.npaths > 0);
    if (status != STATUS_OK) return status;
    if (!s->store)
        return cmd_fail(PB_STR("where is the run kept? give --store sqlite:///PATH, or set PB_STORE"), STATUS_USAGE);
    if (!session_signals(s)) return cmd_fail(PB_STR("signals cannot be received"), STATUS_INTERNAL);
    status = begin(s, pb_str_c(s->args.operands[0]));
    if (status != STATUS_OK) return status;
    while (engine_busy(s->engine)) engine_turn(s->engine);
    return s->status;
}
