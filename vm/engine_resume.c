/*
 * engine_resume.c - takes runs out of the store: those whose process has died, those that wait no longer, and ended
 * ones that are to be undone.
 *
 * A run is taken (its lease) before anything is read, so that what is read is the last word. What cannot be resumed
 * here and now (its image is gone, a secret parameter is not set) is given back with the reason, to be looked at again
 * later.
 */
#include "vm/engine_own.h"

#include "vm/events.h"
#include "vm/freeze.h"

enum { TRY_LATER_MS = 60000 /* what could not be resumed is due again after that */ };

/* What is to be done with the run. */
typedef struct wish {
    bool undo, dry;
    pb_str only;
} wish;

static bool find_playbook(engine_run *r, pb_str name) {
    for (uint32_t i = 0; i < vm_count(r->facts.program, SECTION_PLAYBOOKS); i++) {
        r->facts.playbook = i;
        if (pb_str_eq(vm_string(r->facts.program, vm_field(r->facts.program, SECTION_PLAYBOOKS, i, PLAYBOOKS_name)),
                      name))
            return true;
    }
    return false;
}

/* The entry that says how the run was begun; it may have died before that was written. */
static void read_beginning(engine_run *r) {
    const engine_replay *p = r->replay;
    pb_value v;
    pb_str err;
    r->limit_ms = r->engine->config.run_ms;
    if (!p->n || !pb_str_is(p->entries[0].name, "begun") || !thaw_value(p->entries[0].data, r->arena, &v, &err)) return;
    pb_value limit = pb_get_c(v, "limit_ms");
    if (limit.kind == PB_INT && limit.u.i > 0) r->limit_ms = limit.u.i;
}

static bool read_journal(engine_run *r, const wish *w, pb_str *err) {
    engine *e = r->engine;
    engine_replay *p = r->replay = pb_alloc(r->arena, sizeof *p);
    if (!p) return false;
    p->asked_end = &p->asked;
    p->want_undo = w->undo;
    p->dry_undo = w->dry;
    p->only = pb_strdup(r->arena, w->only.s, w->only.n);
    /* Not in the run's arena, whose size is for what the run makes. */
    if (store_journal(e->config.store, r->id, r->event->arena, &p->entries, &p->n) != STORE_OK) {
        *err = pb_printf(e->arena, "its journal cannot be read: %s", store_error(e->config.store));
        return false;
    }
    read_beginning(r);
    return true;
}

static bool read_event(engine_run *r, const store_run *row, pb_str *err) {
    engine_event *ev = r->event;
    pb_str why = {0};
    if (!pb_json_parse_upto(ev->arena, row->event.s, row->event.n, JSON_MAX_TEXT, &ev->value, &why)) {
        *err = pb_printf(r->engine->arena, "its event cannot be read: %.*s", PB_ARG(why));
        return false;
    }
    ev->text = row->event;
    r->facts.event = ev->value;
    if (match_bound(r->facts.program, r->facts.playbook, ev->value, row->item, &r->facts.bound)) return true;
    *err = PB_STR("its event has no such item any more");
    return false;
}

static void set_facts(engine_run *r, const store_run *row, const wish *w) {
    r->id = row->id;
    r->incident = row->incident;
    r->item = row->item;
    r->kept = true;
    r->journal =
        (journal){.store = w->undo && w->dry ? NULL : r->engine->config.store, .run = r->id, .fence = row->fence};
    r->facts.dry = pb_str_is(row->mode, "dry");
    r->facts.observe = pb_str_is(row->mode, "observe");
    r->over_limit = row->over_limit;
    r->facts.started_ms = r->clock_ms = row->started;
    r->facts.context = row->context;
    r->facts.ran = true;
    r->ahead_ms = r->clock_ms - pb_loop_mono_ms();
}

/* What was begun as observing stays so; what was begun live does not go on changing where changes are to be held back
 * now. */
static void observe_too(engine_run *r) {
    bool own = !r->engine->has_site && r->from->has_site && r->from->site.observe;
    if (!r->facts.dry && (own || engine_observes(r->engine))) r->facts.observe = true;
}

/* Its kill switch, what it protects and whom it asks hold for the run to its end. */
static bool has_its_site(const engine_run *r, const store_run *row, pb_str *err) {
    if (!row->site.n || r->engine->has_site || pb_str_eq(row->site, row->image)) return true;
    *err = PB_STR("it was begun under a site block that its own program does not hold: give it with --site FILE, so that the "
                  "kill switch, what is protected and who may approve hold for the rest of the run, too");
    return false;
}

static bool build(engine_run *r, const store_run *row, const wish *w, pb_str *err) {
    engine *e = r->engine;
    engine_program *p = engine_program_from_store(e, row->image, err);
    if (!p) return false;
    r->from = p;
    r->facts.program = p->program;
    *err = PB_STR("out of memory");
    r->arena = pb_arena_new(RUN_ARENA);
    if (!r->arena) return false;
    set_facts(r, row, w);
    if (!find_playbook(r, row->playbook)) {
        *err = pb_printf(e->arena, "its image has no playbook `%.*s`", PB_ARG(row->playbook));
        return false;
    }
    if (!has_its_site(r, row, err)) return false;
    const pb_value *params = engine_params_of(e, p, row->params, r->arena, err);
    if (!params || !engine_program_site(e, p, params, err)) return false;
    observe_too(r);
    if (!read_event(r, row, err) || !read_journal(r, w, err) || !engine_context_again(r)) return false;
    *err = PB_STR("out of memory");
    return engine_run_prepare(r, params);
}

/* An event of its own, outside the order of the others. */
static engine_run *new_run(engine *e, pb_arena *a) {
    engine_event *ev = pb_alloc(a, sizeof *ev);
    engine_run *r = ev ? pb_alloc(a, sizeof *r) : NULL;
    if (!r) return NULL;
    *ev = (engine_event){.engine = e, .arena = a, .resumed = true, .runs = r, .last_run = r, .open_runs = 1};
    r->engine = e;
    r->event = ev;
    return r;
}

static void give_back(engine *e, const store_run *row, pb_str why) {
    store_run left = {.id = row->id, .fence = row->fence, .status = RUN_WAITING, .waits_for = why};
    int64_t now = pb_loop_wall_ms();
    left.wake_at = now + TRY_LATER_MS;
    if (row->status == RUN_UNDOING) left.status = RUN_UNDOING;
    store_run_leave(e->config.store, &left, now);
}

static void start(engine_run *r) {
    engine *e = r->engine;
    const engine_watch *w = &e->config.watch;
    r->begun = true;
    engine_slot_take(e, r);
    r->number = ++e->nruns;
    engine_renewing(e);
    if (w->run_begin) w->run_begin(w->ctx, r);
    engine_run_go(r);
}

/* Nobody has to wait for the lease of a process that has died on this machine. */
static void free_leases(engine *e, pb_arena *a) {
    uint32_t n;
    store_leases_free(e->config.store, owner_is_dead, pb_loop_wall_ms(), a, &n);
}

static engine_resumed resume(engine *e, pb_str id, const wish *w, pb_str *err) {
    store_run row;
    *err = (pb_str){0};
    if (!e->config.store || e->running >= e->config.runs_max) return RESUME_FULL;
    pb_arena *a = pb_arena_new(EVENTS_ARENA);
    if (!a) {
        *err = PB_STR("out of memory");
        return RESUME_FAILED;
    }
    crash_point(&e->crash);
    store_result rc = w->undo && w->dry
                          ? store_run_get(e->config.store, id, a, &row)
                          : store_run_take(e->config.store, id, w->undo, e->owner, pb_loop_wall_ms(), a, &row);
    crash_point(&e->crash);
    if (rc != STORE_OK) {
        bool there = rc == STORE_NO && store_run_get(e->config.store, id, a, &row) == STORE_OK;
        if (rc == STORE_ERROR) *err = pb_printf(e->arena, "%s", store_error(e->config.store));
        pb_arena_free(a);
        if (rc == STORE_ERROR) return RESUME_FAILED;
        return there && row.lease_until > pb_loop_wall_ms() ? RESUME_BUSY : RESUME_NO;
    }
    engine_run *r = new_run(e, a);
    *err = PB_STR("out of memory");
    if (r && build(r, &row, w, err)) {
        start(r);
        engine_settle(e);
        return RESUMED;
    }
    if (!(w->undo && w->dry)) give_back(e, &row, *err);
    if (r) {
        if (r->vm) vm_run_end(r->vm);
        pb_arena_free(r->arena);
    }
    pb_arena_free(a);
    return RESUME_FAILED;
}

engine_resumed engine_resume(engine *e, pb_str id, pb_str *err) {
    pb_arena *a = e->config.store ? pb_arena_new(0) : NULL;
    if (a) free_leases(e, a);
    pb_arena_free(a);
    return resume(e, id, &(wish){0}, err);
}

engine_resumed engine_undo(engine *e, pb_str id, pb_str only, bool dry, pb_str *err) {
    return resume(e, id, &(wish){.undo = true, .dry = dry, .only = only}, err);
}

uint32_t engine_due(engine *e, void (*failed)(void *ctx, pb_str run, pb_str why), void *ctx) {
    uint32_t n = 0, taken = 0, room = e->config.runs_max - e->running;
    pb_str *ids, err;
    pb_arena *a = e->config.store && room && !e->suspending ? pb_arena_new(0) : NULL;
    if (!a) return 0;
    free_leases(e, a);
    if (store_runs_due(e->config.store, pb_loop_wall_ms(), room < ENGINE_DUE_MAX ? room : ENGINE_DUE_MAX, a, &ids,
                       &n) != STORE_OK) {
        if (failed) failed(ctx, (pb_str){"", 0}, pb_str_c(store_error(e->config.store)));
        n = 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        engine_resumed done = resume(e, ids[i], &(wish){0}, &err);
        taken += done == RESUMED;
        if (done == RESUME_FAILED && failed) failed(ctx, ids[i], err);
    }
    pb_arena_free(a);
    return taken;
}
