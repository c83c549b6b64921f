/*
 * engine_replay.c - runs that go on where another process left them.
 *
 * The run is executed again from its beginning, with the same image, event, parameters and context, and what its
 * journal says was delivered to it is delivered again, in the same order and at the same times. Nothing leaves for the
 * world meanwhile: calls are only noted. When the journal is used up, the calls that have no answer yet are made: for
 * the first time if their intent was never written; else they are in doubt, and their host says what that means
 * (pb_host.again).
 *
 * A run that asks for something else than the journal has an answer of has diverged: an image that is not the one it
 * began with, or a damaged journal. It fails, and nothing is sent.
 */
#include "vm/engine_own.h"

#include "vm/freeze.h"

/* ---- what the run asks for ---- */

void engine_replay_asked(engine_run *r, vm_call *c) {
    engine_replay *p = r->replay;
    engine_asked *q = pb_alloc(r->arena, sizeof *q);
    if (!q) {
        r->journal.failed = true;
        return;
    }
    *q = (engine_asked){.call = c};
    *p->asked_end = q;
    p->asked_end = &q->next;
}

static engine_asked *asked_for(const engine_replay *p, const journal_entry *e) {
    for (engine_asked *q = p->asked; q; q = q->next)
        if (pb_str_eq(q->call->step->id, e->step) && pb_str_eq(q->call->host, e->name)) return q;
    return NULL;
}

static void forget(engine_replay *p, engine_asked *gone) {
    engine_asked **at = &p->asked;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    if (p->asked_end == &gone->next) p->asked_end = at;
}

/* ---- reading ---- */

static void fail(engine_run *r, const char *code, pb_str why) {
    r->replay = NULL;
    engine_run_over(r, VM_FAILED, pb_str_c(code), why.s ? why : PB_STR("out of memory"));
}

static void diverged(engine_run *r, const journal_entry *e, const char *what) {
    fail(r, "diverged",
         pb_printf(r->arena,
                   "the journal does not fit the program: entry %lld (%.*s%sstep %.*s) %s; nothing was sent, "
                   "look at what the run has done and finish it by hand",
                   (long long)e->seq, PB_ARG(e->name), e->name.n ? ", " : "", PB_ARG(e->step), what));
}

static void again(engine_run *r, engine_asked *q, int64_t at) {
    r->replay->again = q->call;
    r->replay->deliver_at = at;
    forget(r->replay, q);
    gate_invoke(&r->gate, q->call);
}

/* False: the run has ended, or waits for a read that is made again. */
static bool deliver_answer(engine_run *r, const journal_entry *e) {
    engine_replay *p = r->replay;
    journal_answer a;
    pb_str err = {0};
    engine_asked *q = asked_for(p, e);
    if (!q) return diverged(r, e, "answers a call that the program has not made"), false;
    if (!journal_answer_of(e, r->arena, &a, &err)) return fail(r, "journal", err), false;
    vm_call *c = q->call;
    if (!pb_str_eq(a.digest, journal_digest(c, r->arena)))
        return diverged(r, e, "answers a call with other arguments than the program's"), false;
    if (a.partial && gate_host(&r->gate, c->step)->effect <= PB_READ) return again(r, q, e->at), false;
    if (a.lost) {
        fail(r, "result_lost",
             pb_printf(r->arena,
                       "what %.*s answered in step %.*s was too large to be kept; look at what the run has done "
                       "and finish it by hand",
                       PB_ARG(c->host), PB_ARG(c->step->id)));
        return false;
    }
    r->gate.secrets_lost |= a.partial;
    p->deliver_at = e->at;
    forget(p, q);
    c->step->meta = a.meta;
    c->step->detail = a.detail;
    if (a.planned) c->step->status = STEP_PLANNED;
    if (a.planned && !r->facts.dry) r->gate.live = PB_NOTIFY;            /* once changes were held back, they stay so */
    if (a.planned && r->gate.live > PB_NOTIFY) r->gate.live = PB_NOTIFY; /* the kill switch said observe then */
    if (a.ok)
        vm_return(c, a.value);
    else if (a.again)
        vm_again(c);
    else if (a.kind.denied)
        vm_deny(c, a.code, &a.denial);
    else
        vm_raise_as(c, a.code, a.message, a.kind);
    return true;
}

static bool deliver_wake(engine_run *r, const journal_entry *e) {
    for (engine_sleep *s = r->sleeps; s; s = s->next) {
        if (!pb_str_eq(vm_pause_id(r->vm, s->token), e->step)) continue;
        r->replay->deliver_at = e->at;
        engine_sleep_remove(s);
        vm_wake(r->vm, s->token);
        return true;
    }
    return diverged(r, e, "ends a pause that the program does not make"), false;
}

static bool intent(engine_run *r, const journal_entry *e) {
    engine_asked *q = asked_for(r->replay, e);
    if (!q) return diverged(r, e, "is a call that the program does not make"), false;
    if (!journal_intends(e, q->call, r->arena))
        return diverged(r, e, "is a call with other arguments than the program's"), false;
    q->intended = true;
    return true;
}

/* ---- notes ---- */

/* Nobody has executed the run until then. */
static void pass_time(engine_run *r, int64_t until) {
    if (until <= r->clock_ms) return;
    r->dead_ms += until - r->clock_ms;
    r->clock_ms = until;
}

static bool begin_undo(engine_run *r, pb_str only, bool dry, int64_t limit_ms) {
    r->undo = true;
    r->replay->asked = NULL; /* what was under way when the run ended is no longer wanted */
    r->replay->asked_end = &r->replay->asked;
    r->facts.undo_of = r->id;
    r->facts.dry = dry;
    r->facts.started_ms = r->clock_ms;
    r->gate.stop_code = r->gate.stop_message = (pb_str){0};
    r->gate.deadline_ms = r->clock_ms - r->dead_ms + limit_ms;
    r->gate.live = dry ? PB_READ : r->facts.observe || engine_observes(r->engine) ? PB_NOTIFY : PB_DESTROY;
    return vm_run_undo(r->vm, only, r->gate.deadline_ms, dry);
}

static bool note(engine_run *r, const journal_entry *e) {
    pb_value v = PB_NONE_VALUE;
    pb_str err;
    if (e->data.n && !thaw_value(e->data, r->arena, &v, &err)) return fail(r, "journal", err), false;
    if (pb_str_is(e->name, "begun")) return true; /* read before */
    if (pb_str_is(e->name, "resumed")) {
        pass_time(r, e->at);
        r->facts.resumed++;
        return true;
    }
    if (pb_str_is(e->name, "undo")) {
        pb_value only = pb_get_c(v, "only"), limit = pb_get_c(v, "limit_ms");
        pass_time(r, e->at);
        if (begin_undo(r, only.kind == PB_STRING ? pb_text(only) : (pb_str){0}, false,
                       limit.kind == PB_INT ? limit.u.i : r->engine->config.run_ms))
            return true;
        return diverged(r, e, "undoes a run that has not ended"), false;
    }
    gate_note_add(&r->gate, e->step, e->name, v, e->at);
    return true;
}

static bool take_entry(engine_run *r, const journal_entry *e) {
    switch (e->kind) {
    case JOURNAL_INTENT: return intent(r, e);
    case JOURNAL_RESULT:
    case JOURNAL_ERROR: return deliver_answer(r, e);
    case JOURNAL_WAKE: return deliver_wake(r, e);
    case JOURNAL_NOTE: return note(r, e);
    }
    return diverged(r, e, "is of a kind that this pbrun does not know"), false;
}

/* ---- going live ---- */

static void settle_call(engine_run *r, const engine_asked *q) {
    const pb_host *h = gate_host(&r->gate, q->call->step);
    if (!q->intended) {
        gate_invoke(&r->gate, q->call);
    } else if (h->again == AGAIN_ACTION && !h->parks && h->effect > PB_READ) {
        vm_again(q->call);
    } else {
        q->call->doubt = true;
        gate_invoke(&r->gate, q->call);
    }
}

static void note_resumed(engine_run *r) {
    pb_value owner = pb_string(r->engine->owner);
    journal_note(&r->journal, (pb_str){"", 0}, PB_STR("resumed"), owner, r->clock_ms);
    r->facts.resumed++;
}

static bool note_undo(engine_run *r, const engine_replay *p) {
    pb_map_builder b = {.arena = r->arena};
    int64_t limit = r->engine->config.run_ms;
    pb_map_add(&b, PB_STR("only"), pb_string(p->only));
    pb_map_add(&b, PB_STR("limit_ms"), pb_int(limit));
    journal_note(&r->journal, (pb_str){"", 0}, PB_STR("undo"), pb_map_done(&b), r->clock_ms);
    return begin_undo(r, p->only, p->dry_undo, limit);
}

static pb_str nothing_to_undo(const engine_run *r, pb_str only) {
    if (!only.n) return PB_STR("there is nothing to undo: no step of it has changed what can be put back");
    return pb_printf(r->arena, "there is nothing to undo in a step %.*s", PB_ARG(only));
}

static void go_live(engine_run *r) {
    engine_replay *p = r->replay;
    if (p->want_undo && !vm_run_undoable(r->vm, p->only) && vm_run_outcome(r->vm) != VM_RUNNING) {
        pb_str why = nothing_to_undo(r, p->only);
        r->facts.undo_of = (pb_str){0}; /* of an undoing before this one */
        fail(r, "nothing_to_undo", why);
        return;
    }
    int64_t now = pb_loop_wall_ms();
    pass_time(r, now);
    r->ahead_ms = r->clock_ms - pb_loop_mono_ms();
    r->gate.ahead_ms = r->ahead_ms - r->dead_ms;
    if (r->until_ms && r->until_ms - r->dead_ms < r->gate.deadline_ms) r->gate.deadline_ms = r->until_ms - r->dead_ms;
    note_resumed(r);
    /* One whose undoing died before it had begun (no such note) just ends again, as it had: nothing was undone. */
    if (p->want_undo && !note_undo(r, p)) {
        fail(r, "undo", PB_STR("the run has not ended, so it cannot be undone"));
        return;
    }
    r->replay = NULL;
    for (engine_sleep *s = r->sleeps, *next; s; s = next) {
        next = s->next;
        engine_sleep_start(r, s);
    }
    for (const engine_asked *q = p->asked; q; q = q->next) settle_call(r, q);
}

/* True: the next entry can be taken. */
static bool caught_up(engine_run *r) {
    engine_replay *p = r->replay;
    if (p->again && gate_busy(&r->gate)) return false;
    p->again = NULL;
    return true;
}

void engine_replay_go(engine_run *r) {
    for (;;) {
        engine_replay *p = r->replay;
        vm_outcome o = vm_run_go(r->vm);
        if (r->journal.failed) {
            fail(r, "memory", PB_STR("not enough memory to resume the run"));
            return;
        }
        if (!caught_up(r)) return;
        bool more = p->at < p->n;
        if (o != VM_RUNNING && more && p->entries[p->at].kind != JOURNAL_NOTE &&
            p->entries[p->at].kind != JOURNAL_INTENT) {
            diverged(r, &p->entries[p->at], "comes after the program's end");
            return;
        }
        if (!more && o != VM_RUNNING && !p->want_undo) {
            r->replay = NULL; /* it had ended; only its row did not say so */
            r->ended_before = true;
            r->ahead_ms = r->clock_ms - pb_loop_mono_ms();
            return;
        }
        if (!more) {
            go_live(r);
            return;
        }
        const journal_entry *e = &p->entries[p->at++];
        if (o != VM_RUNNING && e->kind == JOURNAL_INTENT) continue; /* it was under way when the run ended */
        if (!take_entry(r, e) && (!r->replay || !r->replay->again)) return;
    }
}
