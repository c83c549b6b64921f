/*
 * expect.c - what a test expects. Each expectation that does not hold is kept with the values it was about.
 *
 * A condition that does not hold ends the test: what stands behind it may rely on it. What was done and how a run ended
 * is looked at in any case, so that one test run shows all of it.
 */
#include "stdlib/testing/trial.h"

static pb_value arg(const vm_call *c, const char *name) { return pb_get_c(c->args, name); }

/* The value lives in the test's run, and is shown when that is gone. */
static pb_value kept(trial *t, pb_value v) {
    pb_value out = PB_NONE_VALUE;
    pb_str err, text = pb_json_text(t->arena, v);
    if (v.kind == PB_NONE || !text.s) return PB_NONE_VALUE;
    return pb_json_parse_upto(t->arena, text.s, text.n, JSON_MAX_TEXT, &out, &err) ? out : PB_NONE_VALUE;
}

static bool has(const vm_call *c, const char *name) {
    for (uint32_t i = 0; i < c->args.n; i++)
        if (pb_str_is(c->args.u.entries[i].key, name)) return true;
    return false;
}

static void test_expect(trial *t, vm_call *c) {
    pb_value holds = arg(c, "holds");
    t->expectations++;
    if (holds.kind == PB_BOOL && holds.u.b) {
        vm_return(c, PB_NONE_VALUE);
        return;
    }
    pb_str text = pb_text(arg(c, "text"));
    failure *f = trial_fail(t, arg(c, "number"), pb_strdup(t->arena, text.s, text.n));
    if (f) {
        f->has_left = has(c, "left");
        f->has_right = has(c, "right");
        f->left = kept(t, arg(c, "left"));
        f->right = kept(t, arg(c, "right"));
    }
    vm_raise(c, PB_STR("expectation"), PB_STR("an expectation does not hold"));
}

/* ---- what was done ---- */

/* An act of that name that was begun: why it does not count as done. */
static pb_str why_not(trial *t, pb_str name, pb_value args) {
    const act *seen = NULL;
    for (const act *k = t->acts.first; k; k = k->next)
        if (pb_str_eq(k->name, name) && k->round == t->acts.round) seen = k;
    if (!seen) return PB_STR("it was not done");
    if (seen->status == STEP_OK && args.kind == PB_MAP && args.n)
        return pb_printf(t->arena, "it was done with other arguments: %.*s", PB_ARG(seen->args));
    if (seen->status == STEP_OK) return PB_STR("");
    return pb_printf(t->arena, "it was begun, and failed: %.*s: %.*s", PB_ARG(seen->error_code),
                     PB_ARG(seen->error_message));
}

static void test_expect_do(trial *t, vm_call *c) {
    pb_value done = arg(c, "done"), args = arg(c, "args");
    pb_str name = pb_text(arg(c, "name"));
    t->expectations++;
    if (done.u.b && !acts_done(&t->acts, name, args)) {
        failure *f = trial_fail(t, arg(c, "number"), PB_STR(""));
        if (f) f->why = why_not(t, name, args);
    }
    const act *k = done.u.b ? NULL : acts_touched(&t->acts, name, args);
    if (k) {
        failure *f = trial_fail(t, arg(c, "number"), PB_STR(""));
        if (f)
            f->why = k->status == STEP_OK
                         ? pb_printf(t->arena, "it was done: step %.*s", PB_ARG(k->id))
                         : pb_printf(t->arena, "it was begun and has changed something: step %.*s", PB_ARG(k->id));
    }
    vm_return(c, PB_NONE_VALUE);
}

/* ---- how it ended ---- */

/* The run that counts; NULL: the last event has begun none. */
static const played *last_run(const trial *t) { return t->acts.nothing.n ? NULL : t->acts.last; }

static pb_str outcome_of(const trial *t) {
    const played *p = last_run(t);
    if (!p) return t->acts.known ? PB_STR("skipped") : PB_STR("ignored");
    if (!p->outcome.n) return PB_STR("waiting");
    return pb_str_is(p->code, "duplicate") ? PB_STR("duplicate") : p->outcome;
}

static pb_str because(const trial *t) {
    const played *p = last_run(t);
    if (!p) return t->acts.nothing;
    if (!p->reason.n) return PB_STR("");
    return p->code.n ? pb_printf(t->arena, "%.*s: %.*s", PB_ARG(p->code), PB_ARG(p->reason)) : p->reason;
}

static void say_outcome(trial *t, const vm_call *c) {
    pb_str got = outcome_of(t), why = because(t);
    failure *f = trial_fail(t, arg(c, "number"), PB_STR(""));
    if (f)
        f->why = pb_printf(t->arena, "the outcome is %.*s%s%.*s%s", PB_ARG(got), why.n ? " (" : "", PB_ARG(why),
                           why.n ? ")" : "");
}

static void test_expect_outcome(trial *t, vm_call *c) {
    t->expectations++;
    if (!pb_str_eq(outcome_of(t), pb_text(arg(c, "outcome")))) say_outcome(t, c);
    vm_return(c, PB_NONE_VALUE);
}

static void test_expect_denied(trial *t, vm_call *c) {
    pb_str by = pb_text(arg(c, "by"));
    const played *p = t->acts.last;
    t->expectations++;
    if (!pb_str_is(outcome_of(t), "denied"))
        say_outcome(t, c);
    else if (!p || !pb_str_eq(p->denied_by, by)) {
        failure *f = trial_fail(t, arg(c, "number"), PB_STR(""));
        if (f) f->why = pb_printf(t->arena, "it was denied by %.*s", PB_ARG(p ? p->denied_by : PB_STR("nobody")));
    }
    vm_return(c, PB_NONE_VALUE);
}

/* ---- looking at the run ---- */

static void test_evidence(trial *t, vm_call *c) {
    pb_value v = PB_NONE_VALUE;
    pb_str err, text = t->acts.last ? t->acts.last->evidence : (pb_str){0};
    if (text.n) pb_json_parse_upto(vm_run_arena(c->run), text.s, text.n, JSON_MAX_TEXT, &v, &err);
    if (v.kind == PB_NONE)
        vm_raise(c, PB_STR("no_run"), PB_STR("no run has ended: there is no evidence to look at"));
    else
        vm_return(c, v);
}

static void test_run(trial *t, vm_call *c) {
    if (t->acts.last && t->acts.last->context.kind == PB_MAP)
        vm_return(c, t->acts.last->context);
    else
        vm_raise(c, PB_STR("no_run"), PB_STR("no run has begun: there is no `run` to look at"));
}

test_host *expect_find(pb_str name) {
    static const struct {
        const char *name;
        test_host *fn;
    } all[] = {{"test.expect", test_expect},
               {"test.expect_do", test_expect_do},
               {"test.expect_outcome", test_expect_outcome},
               {"test.expect_denied", test_expect_denied},
               {"test.evidence", test_evidence},
               {"test.run", test_run}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (pb_str_is(name, all[i].name)) return all[i].fn;
    return NULL;
}
