/*
 * undo.c - CAPTURE, UNDONEXT and undoing a run that has ended: order, what is kept, tries, failures, denials, one step alone,
 * twice, dry.
 */
#include "tests/lib/vmtest.h"

#include "vm/run.h"
#include "vm/undo.h"

typedef enum how { FINE, FAILS, CONFLICT, READS } how;

static uint32_t host_of(iw *w, const char *host, pb_effect effect) {
    pb_str name = pb_str_c(host);
    iw_site_info s = {.kind = SITE_HOST, .host = name, .name = name, .effect = effect, .nargs = 1, .line = 1, .title = name};
    return iw_site(w, &s);
}

/* An action NAME(x) of effect contain: reads, captures what it read, calls `write`; its undo(x, read) does `how`.
 * With `inner`, it calls that site too, behind its capture. */
static uint32_t add_action(iw *w, const char *name, const char *write, how undo_does, uint32_t inner) {
    uint32_t echo = host_of(w, "echo", PB_READ), site = host_of(w, write, PB_CONTAIN), fail = host_of(w, "fail", PB_CONTAIN);
    uint32_t undo = iw_function_begin(w, pb_printf(arena, "%s undo", name), FUNCTION_ACTION, PB_CONTAIN, 2);
    switch (undo_does) {
    case FINE:
        EMIT(LIST, 5, 0, 2); /* what it was given: result */
        EMIT(RETURN, 5, 0, 0);
        break;
    case READS:
        args_int(w, 5, "v", 8);
        EMITX(INVOKE, 5, site);
        EMIT(RETURN, 5, 0, 0);
        break;
    case FAILS:
        args_int(w, 5, "v", 1);
        EMITX(INVOKE, 5, fail);
        EMIT(RETURN, 5, 0, 0);
        break;
    case CONFLICT:
        EMITX(LOADK, 5, KS("it is 3 now"));
        EMITX(LOADK, 6, KS("conflict"));
        EMIT(FAIL, 5, 6, 0);
        break;
    }
    iw_function_end(w, REGS);
    uint32_t f = iw_function_begin(w, pb_str_c(name), FUNCTION_ACTION, PB_CONTAIN, 1);
    args_int(w, 6, "v", 42);
    EMITX(INVOKE, 6, echo);
    EMIT(CAPTURE, 6, 1, 0);
    if (inner != IMAGE_NIL) {
        EMITJ(LOADI, 7, 77);
        EMITX(INVOKE, 7, inner);
    }
    args_int(w, 7, "v", 1);
    EMITX(INVOKE, 7, site);
    EMIT(RETURN, 7, 0, 0);
    iw_function_end(w, REGS);
    iw_undo(w, f, undo, 1);
    return f;
}

static uint32_t named_site(iw *w, uint32_t function, const char *name, uint32_t retry) {
    iw_site_info s = {.kind = SITE_ACTION, .function = function, .name = pb_str_c(name), .effect = PB_CONTAIN, .retry = retry, .nargs = 1, .is_do = true, .line = 1,
                      .title = PB_STR("act()")};
    return iw_site(w, &s);
}

static vm_run *run;
static vm_program *program;

static vm_outcome go(universe *wd) {
    while (vm_run_go(run) == VM_RUNNING && world_turn(wd)) {
    }
    CHECK(wd->begun == wd->ended);
    return vm_run_outcome(run);
}

/* Ends the body and runs it; leaves `run` for undoing. */
static vm_outcome go_image(iw *w, universe *wd) {
    pb_buf image = {0};
    pb_str err = {0};
    iw_function_end(w, REGS);
    CHECK(iw_finish(w, &image) == IW_OK);
    pb_str kept = pb_strdup(arena, image.data, image.len);
    pb_buf_free(&image);
    program = vm_program_load(kept.s, kept.n, arena, &err);
    CHECK_STR(program ? "" : pb_strdup(arena, err.s, err.n).s, "");
    if (!program) return VM_FAILED;
    wd->hooks.dry = wd->dry;
    run = vm_run_new(program, vm_count(program, SECTION_FUNCTIONS) - 1, PB_NONE_VALUE, NULL, J("{\"account\":\"123456789012\"}"), NULL, &wd->hooks, arena);
    return go(wd);
}

static vm_outcome undo(universe *wd, const char *only) {
    bool ok = vm_run_undo(run, pb_str_c(only), 0, wd->dry);
    CHECK(ok);
    return ok ? go(wd) : VM_FAILED;
}

/* "u1.1 undo t.a of 1: ok [5,42] | ...", all undo steps at the top from the n-th on. */
static const char *undone(uint32_t skip) {
    static const char *const words[] = {"running", "ok", "failed", "planned", "denied"};
    pb_buf b = {0};
    for (const vm_step *s = vm_run_steps(run); s; s = s->next) {
        if (s->kind != STEP_UNDO || (skip && skip--)) continue;
        pb_buf_printf(&b, "%s%.*s %.*s of %.*s: %s %s", b.len ? " | " : "", PB_ARG(s->id), PB_ARG(s->name), PB_ARG(s->undoes), words[s->status],
                      s->status == STEP_FAILED ? pb_strdup(arena, s->error_code.s, s->error_code.n).s : text_of(s->result));
    }
    const char *text = pb_strdup(arena, b.data ? b.data : "", b.len).s;
    pb_buf_free(&b);
    return text;
}

static void over(universe *wd) {
    vm_run_end(run);
    vm_program_close(program);
    pb_buf_free(&wd->trace);
}

static void call(iw *w, uint32_t site, int x) {
    EMITJ(LOADI, 1, x);
    EMITX(INVOKE, 1, site);
}

static void test_order(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "echo", FINE, IMAGE_NIL), "t.a", 0);
    uint32_t b = named_site(w, add_action(w, "t.b", "echo", FINE, IMAGE_NIL), "t.b", 0);
    body(w);
    call(w, a, 5);
    call(w, b, 6);
    call(w, a, 7);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE && vm_run_undoable(run, PB_STR("")) == 3 && vm_run_undoable(run, PB_STR("2")) == 1);
    CHECK(undo(&wd, "2") == VM_DONE && vm_run_undoable(run, PB_STR("")) == 2);
    CHECK_STR(undone(0), "u1.1 undo t.b of 2: ok [6,42]");
    CHECK(undo(&wd, "") == VM_DONE && vm_run_undoable(run, PB_STR("")) == 0);
    CHECK_STR(undone(1), "u2.1 undo t.a of 3: ok [7,42] | u2.2 undo t.a of 1: ok [5,42]");
    CHECK(undo(&wd, "") == VM_DONE); /* nothing is left, nothing is done twice */
    CHECK_STR(undone(3), "");
    over(&wd);
}

static void test_failures(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "echo", FINE, IMAGE_NIL), "t.a", 0);
    uint32_t b = named_site(w, add_action(w, "t.b", "echo", CONFLICT, IMAGE_NIL), "t.b", 0);
    uint32_t c = named_site(w, add_action(w, "t.c", "echo", FAILS, IMAGE_NIL), "t.c", 0);
    body(w);
    call(w, a, 5);
    call(w, b, 6);
    call(w, c, 7);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE);
    CHECK(undo(&wd, "") == VM_FAILED && vm_run_undoable(run, PB_STR("")) == 2);
    CHECK_STR(undone(0), "u1.1 undo t.c of 3: failed boom | u1.2 undo t.b of 2: failed conflict | u1.3 undo t.a of 1: ok [5,42]");
    CHECK(pb_str_is(vm_run_error_code(run), "conflict"));
    CHECK_STR(pb_strdup(arena, vm_run_reason(run).s, vm_run_reason(run).n).s, "2 of 3 step(s) could not be undone; undo t.b: it is 3 now");
    CHECK(undo(&wd, "") == VM_FAILED); /* what failed is tried again, what is undone is not */
    CHECK_STR(undone(3), "u2.1 undo t.c of 3: failed boom | u2.2 undo t.b of 2: failed conflict");
    over(&wd);
}

/* The outer action answers for what it called; a step that failed half-way can be undone as well. */
static void test_nested(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t inner = named_site(w, add_action(w, "t.in", "echo", FAILS, IMAGE_NIL), "t.in", 0);
    uint32_t outer = named_site(w, add_action(w, "t.out", "fail", FINE, inner), "t.out", 0);
    body(w);
    call(w, outer, 5);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_FAILED && vm_run_undoable(run, PB_STR("")) == 1 && vm_run_undoable(run, PB_STR("1.2")) == 0);
    CHECK(undo(&wd, "") == VM_DONE);
    CHECK_STR(undone(0), "u1.1 undo t.out of 1: ok [5,42]");
    over(&wd);
}

/* `--step` takes what is inside a step without a capture of its own too. */
static void test_inside(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t inner = named_site(w, add_action(w, "t.in", "echo", FINE, IMAGE_NIL), "t.in", 0);
    uint32_t plain = iw_function_begin(w, PB_STR("t.plain"), FUNCTION_ACTION, PB_CONTAIN, 1);
    EMITX(INVOKE, 0, inner);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, REGS);
    uint32_t outer = named_site(w, plain, "t.plain", 0);
    body(w);
    call(w, outer, 5);
    call(w, inner, 6);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE && vm_run_undoable(run, PB_STR("1")) == 1 && vm_run_undoable(run, PB_STR("1.1")) == 1);
    CHECK(undo(&wd, "1") == VM_DONE);
    CHECK_STR(undone(0), "u1.1 undo t.in of 1.1: ok [5,42]");
    CHECK(vm_run_undoable(run, PB_STR("9")) == 0);
    over(&wd);
}

/* The first try's capture counts: the world has changed between the tries. */
static void hook_counting(void *ctx, vm_call *c) {
    universe *w = ctx;
    w->calls++;
    if (host_is(c, "echo"))
        vm_return(c, pb_int(w->calls)); /* 1 in the first try, 3 in the second */
    else if (w->calls < 4)
        vm_raise(c, PB_STR("boom"), PB_STR("half done"));
    else
        vm_return(c, pb_int(1));
}

static void test_tries(void) {
    universe wd;
    world_new(&wd);
    wd.hooks.invoke = hook_counting;
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "write", FINE, IMAGE_NIL), "t.a", 2);
    body(w);
    call(w, a, 5);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE && wd.calls == 4);
    CHECK(undo(&wd, "1") == VM_DONE);
    CHECK_STR(undone(0), "u1.1 undo t.a of 1: ok [5,1]");
    over(&wd);
}

/* TRY { a; b (fails) } else { UNDONEXT; raise the error again } */
static vm_outcome on_failure(universe *wd, how undo_does) {
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "echo", FINE, IMAGE_NIL), "t.a", 0);
    uint32_t b = named_site(w, add_action(w, "t.b", "fail", undo_does, IMAGE_NIL), "t.b", 0);
    body(w);
    uint32_t t = EMITJ(TRY, 20, 0);
    call(w, a, 5);
    call(w, b, 6);
    EMIT(ENDTRY, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    EMITJ(UNDONEXT, 21, -1);
    EMIT(FAIL, 20, 22, 0);
    return go_image(w, wd);
}

static void test_on_failure(void) {
    universe wd;
    world_new(&wd);
    CHECK(on_failure(&wd, FINE) == VM_FAILED);
    CHECK_STR(undone(0), "3 undo t.b of 2: ok [6,42] | 4 undo t.a of 1: ok [5,42]");
    CHECK(pb_str_is(vm_run_error_code(run), "boom") && vm_run_undoable(run, PB_STR("")) == 0);
    over(&wd);
    world_new(&wd);
    CHECK(on_failure(&wd, CONFLICT) == VM_FAILED);
    CHECK_STR(undone(0), "3 undo t.b of 2: failed conflict | 4 undo t.a of 1: ok [5,42]");
    CHECK(pb_str_is(vm_run_error_code(run), "boom") && vm_run_undoable(run, PB_STR("")) == 1);
    CHECK(undo(&wd, "") == VM_FAILED); /* what is left can be tried later */
    over(&wd);
}

/* A call in doubt inside an undo: the undo is begun again, under an id of its own. */
static void hook_doubting(void *ctx, vm_call *c) {
    universe *w = ctx;
    if (host_is(c, "write") && w->now == 0 && c->step->parent->kind == STEP_UNDO) {
        w->now = 1;
        vm_again(c);
        return;
    }
    vm_return(c, pb_string(c->step->id));
}

static void test_doubt(void) {
    universe wd;
    world_new(&wd);
    wd.hooks.invoke = hook_doubting;
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "write", READS, IMAGE_NIL), "t.a", 0);
    body(w);
    call(w, a, 5);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE);
    CHECK(undo(&wd, "") == VM_DONE);
    CHECK_STR(undone(0), "u1.1~2 undo t.a of 1: ok \"u1.1~2.1\"");
    over(&wd);
}

/* As the gate holds a change back. */
static void hook_planning(void *ctx, vm_call *c) {
    (void)ctx;
    c->step->status = STEP_PLANNED;
    vm_return(c, unknown());
}

static void test_dry(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "echo", READS, IMAGE_NIL), "t.a", 0);
    body(w);
    call(w, a, 5);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE);
    wd.dry = true;
    wd.hooks.invoke = hook_planning;
    CHECK(undo(&wd, "") == VM_DONE && vm_run_undoable(run, PB_STR("")) == 1);
    CHECK_STR(undone(0), "u1.1 undo t.a of 1: planned unknown");
    over(&wd);
    world_new(&wd); /* a step whose changes were held back has nothing to be undone */
    w = start();
    a = named_site(w, add_action(w, "t.a", "unsent", READS, IMAGE_NIL), "t.a", 0);
    body(w);
    call(w, a, 5);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE && vm_run_undoable(run, PB_STR("")) == 0);
    over(&wd);
}

/* A guard denies one undo; the other is done, and the undoing ends as denied. */
static void test_guarded(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t f = iw_function_begin(w, PB_STR("g"), FUNCTION_ACTION, PB_READ, 1);
    EMITX(LOADK, 0, KS("no failing"));
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, REGS);
    uint32_t pattern = iw_string(w, PB_STR("fail"));
    iw_guard_info g = {.name = PB_STR("g"), .function = f, .patterns = iw_list(w, &pattern, 1)};
    iw_guard(w, &g);
    uint32_t a = named_site(w, add_action(w, "t.a", "echo", FINE, IMAGE_NIL), "t.a", 0);
    uint32_t b = named_site(w, add_action(w, "t.b", "echo", FAILS, IMAGE_NIL), "t.b", 0);
    body(w);
    call(w, a, 5);
    call(w, b, 6);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE);
    CHECK(undo(&wd, "") == VM_DENIED);
    CHECK_STR(undone(0), "u1.1 undo t.b of 2: denied none | u1.2 undo t.a of 1: ok [5,42]");
    CHECK(vm_run_denial(run) && pb_str_is(vm_run_denial(run)->by, "g") && pb_str_is(vm_run_error_code(run), "guard"));
    over(&wd);
}

static void add_line(void *ctx, const vm_step *s, pb_str why) {
    pb_buf_printf(ctx, "%.*s %.*s: %.*s\n", PB_ARG(s->id), PB_ARG(s->name), PB_ARG(why));
}

static void test_staying(void) {
    universe wd;
    world_new(&wd);
    pb_buf b = {0};
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "echo", FINE, IMAGE_NIL), "t.a", 0);
    uint32_t write = host_of(w, "echo", PB_CONTAIN);
    uint32_t keep = iw_function_begin(w, PB_STR("t.keep"), FUNCTION_ACTION, PB_CONTAIN, 1);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, write);
    EMIT(RETURN, 1, 0, 0);
    iw_function_end(w, REGS);
    iw_undo_none(w, keep, PB_STR("evidence is kept"));
    uint32_t kept = named_site(w, keep, "t.keep", 0);
    body(w);
    call(w, a, 5);
    call(w, kept, 5);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, write);
    EMIT(RETURN, 0, 0, 0);
    CHECK(go_image(w, &wd) == VM_DONE);
    vm_run_staying(run, add_line, &b);
    CHECK_STR(b.data, "2 t.keep: evidence is kept\n3 echo: a call made by the playbook itself, not by an action, has no undo\n");
    pb_buf_free(&b);
    over(&wd);
}

/* Undoing a run whose other branch was still waiting when it ended (its budget was used up): that branch stays asleep. */
static void test_after_fatal(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t a = named_site(w, add_action(w, "t.a", "echo", FINE, IMAGE_NIL), "t.a", 0), slow = host_of(w, "slow", PB_READ);
    vm_limits few = {.instructions = 2000};
    body(w);
    call(w, a, 5);
    uint32_t fork = EMITJ(FORK, 0, 0);
    args_int(w, 5, "v", 1);
    EMITX(INVOKE, 5, slow);
    record(w, "woken", 5);
    EMIT(ENDFORK, 5, 0, 0);
    iw_jump(w, fork, iw_pc(w));
    fork = EMITJ(FORK, 1, 0);
    EMITX(LOADK, 11, iw_const(w, CONST_DURATION, 90000));
    uint32_t again = EMIT(LOADBOOL, 10, 0, 0);
    uint32_t v = EMITJ(VERIFY, 10, 0);
    iw_jump(w, v, again);
    EMIT(ENDFORK, 5, 0, 0);
    iw_jump(w, fork, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    pb_buf image = {0};
    pb_str err = {0};
    iw_function_end(w, REGS);
    CHECK(iw_finish(w, &image) == IW_OK);
    pb_str kept = pb_strdup(arena, image.data, image.len);
    pb_buf_free(&image);
    program = vm_program_load(kept.s, kept.n, arena, &err);
    run = vm_run_new(program, vm_count(program, SECTION_FUNCTIONS) - 1, PB_NONE_VALUE, NULL, PB_NONE_VALUE, &few, &wd.hooks, arena);
    CHECK(go(&wd) == VM_FAILED && pb_str_is(vm_run_error_code(run), "budget_instructions"));
    CHECK(undo(&wd, "") == VM_DONE);
    CHECK_STR(undone(0), "u1.1 undo t.a of 1: ok [5,42]");
    CHECK_STR(text_of(vm_run_record(run)), "{}");
    over(&wd);
}

int main(void) {
    arena = pb_arena_new(256 << 20);
    if (!arena) return 1;
    CASE("the newest step is undone first, each once, one alone when asked") test_order();
    CASE("an undo that fails stops no other, and can be tried again") test_failures();
    CASE("an action answers for the actions that it called") test_nested();
    CASE("a step is what is inside it") test_inside();
    CASE("what the first try captured counts") test_tries();
    CASE("on failure undo keeps the run's error") test_on_failure();
    CASE("an undo in doubt is begun again") test_doubt();
    CASE("a plan undoes nothing") test_dry();
    CASE("guards look at undos") test_guarded();
    CASE("what cannot be undone is told, with the reason") test_staying();
    CASE("undoing wakes nothing of the run that has ended") test_after_fatal();
    pb_arena_free(arena);
    return check_done();
}
