/*
 * durable.c - what needs a store: runs that wait and go on, decisions on approvals, and the death of the playbook's
 * process.
 *
 * A store is made when the playbook or the test needs one; most do not. The process of a playbook is played, too: at a
 * moment of vm/crash.h it is taken for dead, which means that its requests do nothing and are not answered, its store
 * writes nothing, and what it says does not count. Then its engine is thrown away, the time of a lease passes, and
 * another engine with another connection to the store takes the run over, as another process would. The event is handed
 * over again if the dead one has not begun a run for it, as a queue would do.
 */
#include "stdlib/testing/trial.h"

#include "vm/approval.h"
#include "vm/events.h"

#include <stdio.h>

enum {
    LIVES_MAX = 8,   /* processes for one event: one that dies, and those after it */
    DUE_MAX = 10000, /* times that something is due within one `after` */
    ASKED_MAX = 64   /* approvals open at once */
};

void trial_moment(void *ctx) {
    trial *t = ctx;
    if (t->account.own || t->account.dead) return;
    if (++t->moments != t->crash_at) return;
    t->account.dead = true;
    t->acts.deaf = true;
    if (t->store) store_cut(t->store);
}

bool trial_store(trial *t, pb_str *err) {
    char path[512];
    if (t->store) return true;
    snprintf(path, sizeof path, "%s/%u.db", t->dir, t->stores++);
    t->store = store_open(path, t->arena, err);
    return t->store != NULL;
}

/* ---- going on ---- */

static void resume_failed(void *ctx, pb_str run, pb_str why) {
    trial *t = ctx;
    (void)run;
    if (!t->account.dead) trial_broken(t, why, t->test->string_span);
}

/* Brings everything to rest that can go on now. */
static bool rest(trial *t) {
    for (uint32_t i = 0; i < DUE_MAX; i++) {
        if (!trial_settle(t) || t->broken.n) return false;
        if (t->account.dead || !t->store || !engine_due(t->engine, resume_failed, t)) return !t->broken.n;
    }
    return false;
}

/* Another process: the store's file is the same, all else is new. */
static bool born_again(trial *t) {
    pb_str err = {0};
    t->account.dead = t->acts.deaf = false;
    engine_free(t->engine);
    t->engine = NULL;
    store_close(t->store);
    t->store = NULL;
    t->stores--;
    pb_clock_advance(STORE_LEASE_MS + 1);
    if (trial_store(t, &err)) return trial_engine(t) != NULL;
    trial_broken(t, err, t->test->string_span);
    return false;
}

static uint64_t runs_in(const trial *t) {
    uint64_t active = 0, waiting = 0, ended = 0;
    if (t->store) store_count_status(t->store, &active, &waiting, &ended);
    return active + waiting + ended;
}

/* Rests, and lives on in another process when this one has died. */
static bool survive(trial *t) {
    for (int i = 0; i < LIVES_MAX; i++) {
        if (!rest(t)) return false;
        if (!t->account.dead) return trial_decide(t);
        if (!born_again(t)) return false;
    }
    return false;
}

static bool submit(trial *t, pb_str json) {
    pb_arena *a = pb_arena_new(EVENTS_ARENA);
    pb_value event;
    pb_str err;
    if (!a || !pb_json_parse(a, json.s, json.n, &event, &err)) {
        pb_arena_free(a);
        return false;
    }
    return engine_submit(t->engine, t->events, 0, event, (pb_str){0}, a);
}

bool trial_event(trial *t, pb_str json) {
    if (!trial_engine(t)) return false;
    t->acts.round = ++t->events;
    uint64_t before = runs_in(t);
    for (int i = 0; i < LIVES_MAX; i++) {
        if (!submit(t, json) || !rest(t)) return false;
        if (!t->account.dead) return trial_decide(t);
        if (!born_again(t)) return false;
        if (runs_in(t) > before) return survive(t);
    }
    return false;
}

bool trial_pass(trial *t, int64_t ms) {
    int64_t end = pb_loop_wall_ms() + ms, next = 0;
    for (uint32_t i = 0; i < DUE_MAX && t->store && t->engine; i++) {
        if (store_next_due(t->store, &next) != STORE_OK || !next || next > end) break;
        pb_clock_advance(next - pb_loop_wall_ms());
        if (!survive(t)) return false;
    }
    pb_clock_advance(end - pb_loop_wall_ms());
    return !t->engine || survive(t);
}

/* ---- decisions ---- */

/* Which of a person's names it is that the test gives. */
static approval_id_kind kind_of(const store_approval *apr, pb_str by) {
    if (approval_person(apr, APPROVAL_BY_NAME, by).n) return APPROVAL_BY_NAME;
    return approval_person(apr, APPROVAL_BY_SLACK, by).n ? APPROVAL_BY_SLACK : APPROVAL_BY_LOGIN;
}

static bool decide(trial *t, const store_approval *apr, trial_decision *d) {
    approval_answer q = {.grant = d->granted,
                         .kind = kind_of(apr, d->by),
                         .who = d->by,
                         .via = PB_STR("cli"),
                         .proof = PB_STR("a test"),
                         .binding = apr->binding,
                         .members = PB_NONE_VALUE,
                         .arena = t->arena,
                         .now = pb_loop_wall_ms()};
    d->taken = true;
    if (approval_decide(t->store, apr->id, &q) == STORE_ERROR) {
        trial_broken(t, pb_strdup(t->arena, store_error(t->store), strlen(store_error(t->store))),
                     t->test->string_span);
        return false;
    }
    if (!q.taken) d->refused = q.why;
    return true;
}

bool trial_decide(trial *t) {
    for (trial_decision *d = t->decisions; d; d = d->next) {
        store_approval *open;
        uint32_t n = 0;
        if (d->taken || !t->store || !t->engine) continue;
        if (store_approvals(t->store, (pb_str){"", 0}, true, ASKED_MAX, t->arena, &open, &n) != STORE_OK) return false;
        if (!n) return true;
        if (!decide(t, &open[n - 1], d)) return false;
        return survive(t); /* which takes the next decision */
    }
    return true;
}
