/*
 * engine_store.c - what the engine keeps in the store: a run's row, its lease, and when the journal is put on disk.
 *
 * The store failing is not the runs' failure. Nothing is sent whose intent is not on disk, so when a commit does not
 * succeed every run that has one is left as it is on disk: no further word to the world, no end, no evidence. It can be
 * resumed when the store can be written again.
 */
#include "vm/engine_own.h"

#include <stdlib.h>

/* ---- failing ---- */

pb_str engine_store_sentence(engine *e, pb_str cause) {
    return pb_printf(e->arena,
                     "%.*s; nothing more was sent, and the runs under way are left as they are: make room or mend the "
                     "disk, then `pbrun resume`",
                     PB_ARG(cause));
}

/* Leaves all runs that are kept in the store. */
void engine_store_failed(engine *e) {
    e->store_error = engine_store_sentence(e, pb_str_c(store_error(e->config.store)));
    for (uint32_t i = 0; i < e->config.runs_max; i++)
        if (e->active[i] && e->active[i]->kept) engine_run_leave(e->active[i], LEFT_STORE, e->store_error);
}

static engine_run *run_by_id(const engine *e, pb_str id) {
    for (uint32_t i = 0; i < e->config.runs_max; i++)
        if (e->active[i] && pb_str_eq(e->active[i]->id, id)) return e->active[i];
    return NULL;
}

static void on_lost(void *ctx, pb_str id) {
    engine_run *r = run_by_id(ctx, id);
    if (r) engine_run_leave(r, LEFT_LOST, PB_STR("another process has taken the run over"));
}

bool engine_commit(engine *e) {
    if (!e->config.store || !store_pending(e->config.store)) return true;
    crash_point(&e->crash);
    store_result rc = store_commit(e->config.store, on_lost, e);
    crash_point(&e->crash);
    if (rc == STORE_ERROR) {
        engine_store_failed(e);
        return false;
    }
    for (uint32_t i = 0; i < e->config.runs_max; i++)
        if (e->active[i]) e->active[i]->journal.changes = false;
    return true;
}

/* ---- a run's row ---- */

static bool keep_image(engine *e, engine_program *p) {
    if (p->kept) return true;
    pb_str image = vm_program_bytes(p->program);
    p->kept = store_image_put(e->config.store, vm_program_sha256(p->program), image.s, image.n) == STORE_OK;
    return p->kept;
}

static pb_str playbook_text(const engine_run *r, uint32_t field) {
    return vm_string(r->facts.program, vm_field(r->facts.program, SECTION_PLAYBOOKS, r->facts.playbook, field));
}

static pb_str context_text(const engine_run *r, const char *key) {
    pb_value v = pb_get_c(r->facts.context, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){"", 0};
}

static pb_str event_text(engine_event *ev) {
    if (!ev->text.s) ev->text = pb_json_text(ev->arena, ev->value);
    return ev->text;
}

static pb_str origin_text(const engine_run *r) {
    if (!r->event->origin.n) return (pb_str){"", 0};
    return pb_printf(r->arena, "%.*s %.*s %u", PB_ARG(r->event->origin), PB_ARG(playbook_text(r, PLAYBOOKS_name)),
                     r->item);
}

static pb_str threat_text(const engine_run *r) {
    uint32_t event = vm_field(r->facts.program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_event);
    pb_str path = vm_string(r->facts.program, vm_field(r->facts.program, SECTION_EVENTS, event, EVENTS_threat));
    pb_value v = path.n ? pb_path(r->facts.bound, path.s) : PB_NONE_VALUE;
    if (v.kind != PB_STRING) v = pb_get_c(r->facts.event, "detail-type");
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){"", 0};
}

static store_run row_of(engine_run *r) {
    return (store_run){.id = r->id,
                       .incident = r->incident,
                       .playbook = playbook_text(r, PLAYBOOKS_name),
                       .version = playbook_text(r, PLAYBOOKS_version),
                       .image = pb_str_c(vm_program_sha256(r->facts.program)),
                       .site = pb_str_c(r->engine->has_site ? r->engine->site_image : ""),
                       .event = event_text(r->event),
                       .item_note = r->facts.note,
                       .item = r->item,
                       .params = engine_params_kept(r->from, r->arena),
                       .context = r->facts.context,
                       .account = context_text(r, "account"),
                       .region = context_text(r, "region"),
                       .threat = threat_text(r),
                       .mode = r->facts.dry       ? PB_STR("dry")
                               : r->facts.observe ? PB_STR("observe")
                                                  : PB_STR(""),
                       .started = r->facts.started_ms,
                       .deadline = r->until_ms,
                       .origin = origin_text(r),
                       .fence = r->journal.fence};
}

/* The run's first entry: what resuming has to know besides the row. */
static void note_beginning(engine_run *r) {
    pb_map_builder b = {.arena = r->arena};
    pb_map_add(&b, PB_STR("limit_ms"), pb_int(r->limit_ms));
    journal_note(&r->journal, (pb_str){"", 0}, PB_STR("begun"), pb_map_done(&b), r->clock_ms);
}

static bool not_kept(engine_run *r) {
    pb_str why = pb_printf(r->arena, "the run was not begun, because it cannot be kept: %s",
                           store_error(r->engine->config.store));
    engine_run_over(r, VM_FAILED, PB_STR("store"), why);
    return false;
}

/* May it begin, says the playbook? False: it has ended. */
static bool admit(engine_run *r, store_run *row, const brakes_admission *q) {
    engine *e = r->engine;
    store_admitted why;
    pb_str other;
    crash_point(&e->crash);
    store_result rc = store_run_begin(e->config.store, row, &q->ask, q->anyway, e->owner, r->facts.started_ms, r->arena,
                                      &why, &other);
    crash_point(&e->crash);
    if (rc == STORE_ERROR) return not_kept(r);
    brakes_admitted a = brakes_admitted_of(q, why, other, r->arena);
    r->gate.over_limit = a.over_limit;
    if (!a.begin) engine_run_over(r, a.outcome, a.code, a.reason);
    return a.begin;
}

bool engine_keep(engine_run *r) {
    engine *e = r->engine;
    brakes_admission q = {0};
    pb_str err = {0};
    if (!e->config.store || r->match_error.n) return true; /* what was not decided must not be resumed */
    if (!keep_image(e, (engine_program *)(uintptr_t)r->from)) return not_kept(r);
    if (!brakes_admission_of(r->facts.program, r->facts.playbook, r->facts.bound, r->from->params, r->facts.context,
                             r->arena, &q, &err)) {
        r->match_error = err;
        return true;
    }
    store_run row = row_of(r);
    bool whole = row.event.s && row.origin.s && row.params.kind == PB_MAP;
    if (!whole || !admit(r, &row, &q)) {
        if (!whole) engine_run_over(r, VM_FAILED, PB_STR("memory"), PB_STR("not enough memory to begin the run"));
        return false;
    }
    r->kept = true;
    r->journal.store = e->config.store;
    r->journal.run = r->id;
    r->journal.fence = row.fence;
    note_beginning(r);
    engine_renewing(e);
    return true;
}

static bool leave(engine_run *r, store_run *row) {
    engine *e = r->engine;
    crash_point(&e->crash);
    store_result rc = store_run_leave(e->config.store, row, pb_loop_wall_ms());
    crash_point(&e->crash);
    r->journal.changes = false;
    return rc != STORE_ERROR; /* lost: whoever has it ends it */
}

static bool undone(const engine_run *r) { return r->facts.undo_of.n && r->vm && !vm_run_undoable(r->vm, (pb_str){0}); }

bool engine_row_end(engine_run *r) {
    store_run row = {.id = r->id,
                     .fence = r->journal.fence,
                     .status = undone(r) ? RUN_UNDONE : RUN_ENDED, /* what is left can be undone later */
                     .outcome = pb_str_c(evidence_outcome(r->facts.outcome)),
                     .code = r->facts.code,
                     .reason = r->facts.reason,
                     .resource = evidence_resource(&r->facts, r->arena),
                     .ended = r->facts.ended_ms};
    if (!r->journal.store) return true; /* a dry undo */
    row.evidence = evidence_text(&r->facts, r->arena);
    return leave(r, &row);
}

bool engine_row_leave(engine_run *r) {
    store_run row = {.id = r->id, .fence = r->journal.fence, .status = r->undo ? RUN_UNDOING : RUN_ACTIVE};
    if (r->left == LEFT_PARKED) {
        row.status = RUN_WAITING;
        row.wake_at = gate_parked(&r->gate, &row.waits_for);
        if (r->until_ms && (!row.wake_at || r->until_ms < row.wake_at)) row.wake_at = r->until_ms;
    }
    if (leave(r, &row)) return true;
    r->left = LEFT_STORE;
    return false;
}

/* ---- leases ---- */

static void on_renew(void *ctx) {
    engine *e = ctx;
    int64_t now = pb_loop_wall_ms();
    e->renew = NULL;
    for (uint32_t i = 0; i < e->config.runs_max; i++) {
        engine_run *r = e->active[i];
        if (!r || !r->kept || !r->journal.store) continue;
        if (store_run_renew(e->config.store, r->id, r->journal.fence, now) == STORE_LOST) on_lost(e, r->id);
    }
    engine_renewing(e);
}

void engine_renewing(engine *e) {
    if (e->renew || !e->config.store || !e->running) return;
    e->renew = pb_timer_start(e->loop, STORE_RENEW_MS, on_renew, e);
}
