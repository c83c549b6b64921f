/*
 * guard.c - guards as the VM asks them: which acts, with what, in which order, what each answer leads to, that nothing
 * catches a denial, authorizations, branches, dry runs.
 */
#include "tests/lib/vmtest.h"

#include "vm/guard.h"
#include "vm/run.h"

/* What a guard of these tests does. */
typedef enum says { ALLOW, DENY, ECHO_ACT, ERROR, HANG, NUMBER, EMPTY, UNSURE, SAME } says;

static uint32_t host_of_effect(iw *w, const char *host, pb_effect effect) {
    pb_str name = pb_str_c(host);
    iw_site_info s = {.kind = SITE_HOST, .host = name, .name = name, .effect = effect, .nargs = 1, .line = 1, .title = name};
    return iw_site(w, &s);
}

/* A guard on `pattern`. `read` is the site of the host that it calls. */
static void add_guard(iw *w, const char *name, const char *pattern, says what, const char *lifted, uint32_t read) {
    uint32_t f = iw_function_begin(w, pb_str_c(name), FUNCTION_ACTION, PB_READ, 1), list;
    switch (what) {
    case ALLOW: EMIT(LOADNONE, 0, 0, 0); break;
    case DENY: EMITX(LOADK, 0, KS("not this one")); break;
    case EMPTY: EMITX(LOADK, 0, KS("")); break;
    case ECHO_ACT: /* the act goes through a host into the reason */
        EMITX(LOADK, 5, KS("v"));
        EMIT(MOVE, 6, 0, 0);
        EMIT(MAP, 5, 5, 1);
        EMITX(INVOKE, 5, read);
        EMIT(CONCAT, 0, 5, 1);
        break;
    case SAME: { /* denies when the target is "i-1" */
        EMIT(FIELD, 1, 0, iw_const_string(w, PB_STR("target")));
        EMITX(LOADK, 2, KS("i-1"));
        EMIT(EQ, 1, 1, 2);
        uint32_t j = EMITJ(JMPF, 1, 0);
        EMITX(LOADK, 0, KS("i-1 is critical"));
        EMIT(RETURN, 0, 0, 0);
        iw_jump(w, j, iw_pc(w));
        EMIT(LOADNONE, 0, 0, 0);
        break;
    }
    case ERROR:
    case HANG:
    case UNSURE:
        args_int(w, 5, "n", 1);
        EMITX(INVOKE, 5, read);
        if (what == UNSURE) {
            uint32_t j = EMITJ(JMPF, 5, 0);
            EMITX(LOADK, 0, KS("held"));
            EMIT(RETURN, 0, 0, 0);
            iw_jump(w, j, iw_pc(w));
        }
        EMIT(LOADNONE, 0, 0, 0);
        break;
    case NUMBER: EMITJ(LOADI, 0, 7); break;
    }
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, REGS);
    uint32_t p = iw_string(w, pb_str_c(pattern));
    list = iw_list(w, &p, 1);
    iw_guard_info g = {.name = pb_str_c(name), .function = f, .patterns = list, .authorized = {lifted, lifted ? (uint32_t)strlen(lifted) : 0}};
    iw_guard(w, &g);
}

/* The action t.act(target, why) of effect contain calls `echo` (contain) and gives { changed: true }. */
static uint32_t add_action(iw *w) {
    uint32_t echo = host_of_effect(w, "echo", PB_CONTAIN);
    uint32_t f = iw_function_begin(w, PB_STR("t.act"), FUNCTION_ACTION, PB_CONTAIN, 2);
    args_int(w, 5, "v", 1);
    EMITX(INVOKE, 5, echo);
    EMITX(LOADK, 5, KS("changed"));
    EMIT(LOADBOOL, 6, 1, 0);
    EMIT(MAP, 5, 5, 1);
    EMIT(RETURN, 5, 0, 0);
    iw_function_end(w, REGS);
    iw_target(w, f, 0);
    uint32_t names[] = {iw_string(w, PB_STR("target")), iw_string(w, PB_STR("why"))};
    iw_params(w, f, iw_list(w, names, 2));
    return f;
}

/* t.act("i-1", 5), with the error of a TRY around it in the record as `caught`. */
static void call_act(iw *w, uint32_t site) {
    uint32_t t = EMITJ(TRY, 20, 0);
    EMITX(LOADK, 1, KS("i-1"));
    EMITJ(LOADI, 2, 5);
    EMITX(INVOKE, 1, site);
    EMIT(ENDTRY, 0, 0, 0);
    record(w, "did", 1);
    uint32_t over = EMITJ(JMP, 0, 0);
    iw_jump(w, t, iw_pc(w));
    record(w, "caught", 20);
    iw_jump(w, over, iw_pc(w));
}

typedef struct seen {
    result r;
    vm_denial denial;
    const vm_authorization *authorization;
} seen;

/* Like finish() of vmtest.h, but looks at the denial too. */
static seen finish_guarded(iw *w, universe *wd) {
    pb_buf image = {0};
    pb_str err = {0};
    seen out = {.r = {.outcome = VM_FAILED, .code = PB_STR("load")}};
    iw_function_end(w, REGS);
    CHECK(iw_finish(w, &image) == IW_OK);
    pb_str kept = pb_strdup(arena, image.data, image.len);
    vm_program *p = vm_program_load(kept.s, kept.n, arena, &err);
    out.r.reason = err;
    pb_buf_free(&image);
    if (!p) return out;
    wd->hooks.dry = wd->dry;
    vm_run *r = vm_run_new(p, vm_count(p, SECTION_FUNCTIONS) - 1, PB_NONE_VALUE, NULL, J("{\"account\":\"123456789012\",\"region\":\"eu-west-1\"}"),
                           NULL, &wd->hooks, arena);
    while (vm_run_go(r) == VM_RUNNING && world_turn(wd)) {
    }
    out.r = (result){vm_run_outcome(r), vm_run_record(r), vm_run_reason(r), vm_run_error_code(r), vm_run_place(r) & 0xfffff, vm_run_steps(r), 0};
    if (vm_run_denial(r)) out.denial = *vm_run_denial(r);
    out.authorization = vm_run_authorizations(r);
    vm_run_end(r);
    vm_program_close(p);
    CHECK(wd->begun == wd->ended);
    return out;
}

/* A playbook that calls t.act once, under one guard; what its run comes to. */
static seen guarded(universe *wd, const char *pattern, says what, const char *read, const char *lifted, const char *authorized) {
    iw *w = start();
    uint32_t site = host_of_effect(w, read, PB_READ);
    add_guard(w, "g", pattern, what, lifted, site);
    uint32_t act = action_site(w, add_action(w), 2, 0, 2);
    body(w);
    if (authorized) {
        EMITX(LOADK, 10, iw_const_string(w, pb_str_c(authorized)));
        EMITX(LOADK, 11, KS("CHG-1"));
        EMIT(AUTHORIZE, 10, 11, 0);
    }
    call_act(w, act);
    EMIT(RETURN, 0, 0, 0);
    return finish_guarded(w, wd);
}

static void test_answers(void) {
    static const struct {
        says what;
        const char *read, *told, *why, *trace;
    } cases[] = {
        {ALLOW, "echo", "{\"did\":{\"changed\":true}}", "", "0:echo "},
        {DENY, "echo", "denied:guard", "not this one", ""},
        {EMPTY, "echo", "denied:guard", "it gave no reason", ""},
        {NUMBER, "echo", "denied:guard", "it gave an int instead of a reason or none", ""},
        {ERROR, "fail", "denied:guard", "it could not be asked (boom: it broke)", "0:fail "},
        {SAME, "echo", "denied:guard", "i-1 is critical", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        universe wd;
        world_new(&wd);
        seen s = guarded(&wd, "t.act", cases[i].what, cases[i].read, NULL, NULL);
        CHECK_STR(told(s.r), cases[i].told);
        CHECK(pb_str_is(s.denial.why, cases[i].why));
        CHECK_STR(wd.trace.data ? wd.trace.data : "", cases[i].trace);
        const vm_step *act = s.r.steps, *g = act->children;
        CHECK(g->kind == STEP_GUARD && pb_str_is(g->name, "guard g") && pb_str_is(g->id, "1!1"));
        bool denied = cases[i].what != ALLOW;
        CHECK(act->status == (denied ? STEP_DENIED : STEP_OK) && (g->guard_says == GUARD_DENIES) == denied);
        if (denied) CHECK(pb_str_is(s.denial.by, "g") && pb_str_is(s.denial.action, "t.act") && pb_str_is(s.denial.target, "i-1"));
        pb_buf_free(&wd.trace);
    }
}

static void test_time(void) {
    universe wd;
    world_new(&wd);
    seen s = guarded(&wd, "t.*", HANG, "hang", NULL, NULL);
    CHECK_STR(told(s.r), "denied:guard");
    CHECK(wd.now == GUARD_MS);
    CHECK_STR(pb_strdup(arena, s.denial.why.s, s.denial.why.n).s, "it could not be asked (timeout: it did not answer within 30 seconds)");
    CHECK_STR(wd.trace.data, "0:hang ");
    pb_buf_free(&wd.trace);
}

static void test_act(void) {
    universe wd;
    world_new(&wd);
    seen s = guarded(&wd, "t.act", ECHO_ACT, "echo", NULL, NULL);
    CHECK_STR(pb_strdup(arena, s.denial.why.s, s.denial.why.n).s,
              "{\"action\":\"t.act\",\"effect\":\"contain\",\"target\":\"i-1\",\"account\":\"123456789012\",\"region\":\"eu-west-1\","
              "\"args\":{\"target\":\"i-1\",\"why\":5}}");
    pb_buf_free(&wd.trace);
    /* A host's act has the host's arguments, and the target of the action around it. */
    world_new(&wd);
    s = guarded(&wd, "ec?o", ECHO_ACT, "echo", NULL, NULL);
    CHECK_STR(pb_strdup(arena, s.denial.why.s, s.denial.why.n).s,
              "{\"action\":\"echo\",\"effect\":\"contain\",\"target\":\"i-1\",\"account\":\"123456789012\",\"region\":\"eu-west-1\","
              "\"args\":{\"v\":1}}");
    CHECK(s.r.steps->status == STEP_DENIED && s.r.steps->children->status == STEP_DENIED);
    CHECK(pb_str_is(s.r.steps->children->children->id, "1.1!1"));
    pb_buf_free(&wd.trace);
}

/* Patterns that do not fit, and acts that only read, ask nobody. */
static void test_who_is_asked(void) {
    static const char *const others[] = {"t.ac", "act", "u.*", "aws.*", "T.act"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        universe wd;
        world_new(&wd);
        CHECK_STR(told(guarded(&wd, others[i], DENY, "echo", NULL, NULL).r), "{\"did\":{\"changed\":true}}");
        pb_buf_free(&wd.trace);
    }
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t read = host_of_effect(w, "echo", PB_READ);
    add_guard(w, "all", "*", DENY, NULL, read);
    body(w);
    args_int(w, 1, "v", 3);
    EMITX(INVOKE, 1, read);
    record(w, "v", 1);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(told(finish_guarded(w, &wd).r), "{\"v\":3}");
    pb_buf_free(&wd.trace);
    /* A site that calls itself a read of what the manifest says is more is guarded. */
    world_new(&wd);
    w = start();
    read = host_of_effect(w, "echo", PB_READ);
    add_guard(w, "all", "*", DENY, NULL, read);
    iw_manifest(w, PB_STR("echo"), PB_DESTROY);
    body(w);
    args_int(w, 1, "v", 3);
    EMITX(INVOKE, 1, read);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(told(finish_guarded(w, &wd).r), "denied:guard");
    pb_buf_free(&wd.trace);
}

static void test_several(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t read = host_of_effect(w, "fail", PB_READ);
    add_guard(w, "first", "t.*", ALLOW, NULL, read);
    add_guard(w, "second", "t.act", DENY, NULL, read);
    add_guard(w, "third", "*", ERROR, NULL, read);
    uint32_t act = action_site(w, add_action(w), 2, 0, 0);
    body(w);
    call_act(w, act);
    EMIT(RETURN, 0, 0, 0);
    seen s = finish_guarded(w, &wd);
    CHECK(pb_str_is(s.denial.by, "second"));
    CHECK_STR(wd.trace.data ? wd.trace.data : "", ""); /* the third was not asked */
    CHECK(pb_str_is(s.r.steps->children->next->id, "1!2") && !s.r.steps->children->next->next);
    pb_buf_free(&wd.trace);
}

static void test_authorized(void) {
    universe wd;
    world_new(&wd);
    seen s = guarded(&wd, "t.act", DENY, "echo", "break-glass", "break-glass");
    CHECK_STR(told(s.r), "{\"did\":{\"changed\":true}}");
    const vm_step *g = s.r.steps->children;
    CHECK(g->guard_says == GUARD_LIFTED);
    CHECK_STR(pb_strdup(arena, g->detail.s, g->detail.n).s, "let pass by authorization \"break-glass\" (CHG-1); it says: not this one");
    CHECK(pb_str_is(s.authorization->name, "break-glass") && pb_str_is(s.authorization->because, "CHG-1"));
    pb_buf_free(&wd.trace);
    world_new(&wd); /* a guard that cannot be asked is lifted too */
    s = guarded(&wd, "t.act", ERROR, "fail", "break-glass", "break-glass");
    CHECK_STR(told(s.r), "{\"did\":{\"changed\":true}}");
    pb_buf_free(&wd.trace);
    world_new(&wd); /* by its own name only */
    s = guarded(&wd, "t.act", DENY, "echo", "break-glass", "breakglass");
    CHECK_STR(told(s.r), "denied:guard");
    pb_buf_free(&wd.trace);
    world_new(&wd);
    s = guarded(&wd, "t.act", DENY, "echo", NULL, "break-glass");
    CHECK_STR(told(s.r), "denied:guard");
    pb_buf_free(&wd.trace);
}

/* Each try of a step asks again: the guard lets the first pass and `later` says no to the second. */
static void test_each_try(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t read = host_of_effect(w, "later", PB_READ);
    add_guard(w, "g", "fail", UNSURE, NULL, read); /* denies when `later` says true, from the time n = 1 on */
    pb_str name = PB_STR("fail");
    iw_site_info info = {.kind = SITE_HOST, .host = name, .name = name, .effect = PB_CONTAIN, .nargs = 1, .retry = 3, .is_do = true, .title = name};
    uint32_t site = iw_site(w, &info);
    body(w);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, site);
    EMIT(RETURN, 0, 0, 0);
    seen s = finish_guarded(w, &wd);
    CHECK_STR(told(s.r), "denied:guard");
    CHECK_STR(wd.trace.data, "0:later 0:fail 0:sleep500 500:later ");
    CHECK(pb_str_is(s.r.steps->children->next->id, "1~2!1"));
    pb_buf_free(&wd.trace);
}

/* One branch is denied, the other goes on to its end; the denial comes before the error of a third. */
static void test_branches(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t slow = host_of_effect(w, "slow", PB_READ), fail = host_of_effect(w, "fail", PB_READ);
    add_guard(w, "g", "t.act", DENY, NULL, slow);
    uint32_t act = action_site(w, add_action(w), 2, 0, 0);
    body(w);
    uint32_t t = EMITJ(TRY, 20, 0), sites[] = {fail, act, slow};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t fork = EMITJ(FORK, i, 0);
        args_int(w, 5, "v", 1);
        EMITX(INVOKE, 5, sites[i]);
        EMIT(ENDFORK, 5, 0, 0);
        iw_jump(w, fork, iw_pc(w));
    }
    EMIT(JOIN, 0, 0, 0);
    EMIT(ENDTRY, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    record(w, "caught", 20);
    EMIT(RETURN, 0, 0, 0);
    seen s = finish_guarded(w, &wd);
    CHECK_STR(told(s.r), "denied:guard");
    CHECK(wd.now == 1000); /* the slow one was waited for */
    CHECK_STR(text_of(s.r.record), "{}");
    pb_buf_free(&wd.trace);
}

static void test_dry(void) {
    universe wd;
    world_new(&wd);
    wd.dry = true;
    seen s = guarded(&wd, "t.act", DENY, "echo", NULL, NULL);
    CHECK_STR(told(s.r), "denied:guard"); /* the plan ends where the run would */
    pb_buf_free(&wd.trace);
    world_new(&wd);
    wd.dry = true;
    s = guarded(&wd, "t.act", UNSURE, "unsent", NULL, NULL);
    CHECK_STR(told(s.r), "{\"did\":{\"changed\":true}}");
    CHECK(s.r.steps->children->guard_says == GUARD_UNSURE);
    pb_buf_free(&wd.trace);
}

/* A denial that comes from a host call (the kill switch): the same end. */
static void deny_at_once(void *ctx, vm_call *c) {
    vm_denial d = {.by = PB_STR("kill_switch"), .action = c->host, .why = PB_STR("everything is off")};
    (void)ctx;
    vm_deny(c, PB_STR("kill_switch"), &d);
}

static void test_denied_by_a_host(void) {
    universe wd;
    world_new(&wd);
    wd.hooks.invoke = deny_at_once;
    seen s = guarded(&wd, "t.act", ALLOW, "echo", NULL, NULL);
    CHECK_STR(told(s.r), "denied:kill_switch");
    CHECK(pb_str_is(s.denial.by, "kill_switch") && pb_str_is(s.r.reason, "everything is off"));
    CHECK(s.r.steps->status == STEP_DENIED);
    pb_buf_free(&wd.trace);
}

int main(void) {
    arena = pb_arena_new(64 << 20);
    if (!arena) return 1;
    CASE("what a guard answers decides, and nothing catches its no") test_answers();
    CASE("a guard that does not answer denies") test_time();
    CASE("a guard is told the act, with arguments by name") test_act();
    CASE("only acts that fit a pattern and do more than read are looked at") test_who_is_asked();
    CASE("guards are asked in order until one denies") test_several();
    CASE("an authorization lifts the guards that name it") test_authorized();
    CASE("each try of a step is looked at anew") test_each_try();
    CASE("a denial in a branch waits for the others and passes every error") test_branches();
    CASE("a plan ends where its run would be denied, and says what it cannot know") test_dry();
    CASE("a host's denial ends the run the same way") test_denied_by_a_host();
    pb_arena_free(arena);
    return check_done();
}
