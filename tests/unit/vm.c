/*
 * vm.c - the interpreter: making values, jumps, calls, host calls as steps, retries, VERIFY, time limits, branches, dry
 * runs, budgets, and every allocation failing in turn.
 */
#include "tests/lib/vmtest.h"

/* An error that is neither a conflict nor throttling, and has no HTTP status. */
#define CALM ",\"conflict\":false,\"throttled\":false"

/* Loads the items of the event (a list) into registers 1, 2, 3. */
static void load_operands(iw *w) {
    for (uint32_t i = 0; i < 3; i++) {
        EMITJ(LOADI, 10, (int)i);
        EMIT(INDEX, 1 + i, 0, 10);
    }
}

static void test_making(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    body(w);
    load_operands(w);
    EMIT(LIST, 4, 1, 3);
    EMIT(LIST, 5, 0, 0);
    EMIT(MOVE, 6, 5, 0);
    for (int i = 0; i < 20; i++) {
        EMITJ(LOADI, 7, i);
        EMIT(APPEND, 6, 7, 0);
        if (i == 9) EMIT(MOVE, 8, 6, 0); /* shares the items of the first ten */
    }
    EMITJ(LOADI, 7, 99);
    EMIT(MOVE, 9, 8, 0);
    EMIT(APPEND, 8, 7, 0);
    EMIT(APPEND, 9, 7, 0);
    record(w, "list", 4);
    record(w, "twenty", 6);
    record(w, "eleven", 8);
    EMIT(CONCAT, 4, 1, 3);
    record(w, "text", 4);
    EMIT(CONCAT, 4, 0, 0);
    record(w, "empty", 4);
    EMITX(PARAM, 4,
          iw_param(w, PB_STR("p"), iw_type(w, IMAGE_TYPE_STRING, false, IMAGE_NIL, IMAGE_NIL, PB_STR("")), false, 0));
    record(w, "param", 4);
    EMIT(RUN, 4, 0, 0);
    record(w, "context", 4);
    EMITX(LOADK, 1, KS("gone"));
    EMIT(LOADNONE, 2, 0, 0);
    EMIT(MAP, 4, 1, 1);
    record(w, "map", 4);
    EMITX(LOADK, 4, iw_const(w, CONST_DURATION, 1500));
    record(w, "duration", 4);
    EMITX(LOADK, 4, iw_const_float(w, 0.5));
    record(w, "float", 4);
    EMIT(LOADBOOL, 4, 1, 0);
    record(w, "bool", 4);
    EMITJ(LOADI, 4, -32768);
    record(w, "small", 4);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(told(finish(w, &wd, list3(S("a"), I(5), none()), NULL)),
              "{\"list\":[\"a\",5,null],\"twenty\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19],"
              "\"eleven\":[0,1,2,3,4,5,6,7,8,9,99],\"text\":\"a5\",\"empty\":\"\",\"param\":\"param\",\"context\":"
              "\"context\","
              "\"map\":{},\"duration\":\"1s500ms\",\"float\":0.5,\"bool\":true,\"small\":-32768}");
    pb_buf_free(&wd.trace);
}

/* ---- control ---- */

static void test_jumps(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    body(w);
    /* 1: JMPF on none jumps; 2: JMPT on none does not; 3: JMPSOME on false jumps */
    uint32_t j = EMITJ(JMPF, 20, 0);
    record(w, "wrong", 0);
    iw_jump(w, j, iw_pc(w));
    j = EMITJ(JMPT, 20, 0);
    EMITJ(LOADI, 1, 1);
    record(w, "fell", 1);
    iw_jump(w, j, iw_pc(w));
    EMIT(LOADBOOL, 2, 0, 0);
    j = EMITJ(JMPSOME, 2, 0);
    record(w, "wrong", 0);
    iw_jump(w, j, iw_pc(w));
    /* sum of [1, 2, 3] by FORNEXT, doubled by a function */
    for (int i = 0; i < 3; i++) EMITJ(LOADI, 4 + i, i + 1);
    EMIT(LIST, 4, 4, 3);
    EMITJ(LOADI, 5, 0);
    EMITJ(LOADI, 7, 0);
    j = EMITJ(JMP, 0, 0);
    uint32_t loop = EMIT(ADD, 7, 7, 6);
    iw_jump(w, j, iw_pc(w));
    uint32_t next = EMITJ(FORNEXT, 4, 0);
    iw_jump(w, next, loop);
    record(w, "sum", 7);
    EMIT(LOADNONE, 4, 0, 0);
    next = EMITJ(FORNEXT, 4, 0);
    iw_jump(w, next, loop);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "{\"fell\":1,\"sum\":6}");
    w = start();
    body(w);
    EMITJ(LOADI, 1, 5);
    EMITJ(JMPF, 1, 0);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "!type");
    pb_buf_free(&wd.trace);
}

static void test_calls(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t f = iw_function_begin(w, PB_STR("swap"), FUNCTION_PURE, PB_PURE, 2);
    EMIT(SUB, 0, 1, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 2);
    uint32_t g = iw_function_begin(w, PB_STR("zero"), FUNCTION_PURE, PB_PURE, 0);
    EMITJ(LOADI, 0, 0);
    EMIT(DIV, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 1);
    body(w);
    EMITJ(LOADI, 1, 3);
    EMITJ(LOADI, 2, 10);
    EMITX(CALL, 1, f);
    record(w, "difference", 1);
    record(w, "kept", 2);
    uint32_t t = EMITJ(TRY, 3, 0);
    EMITX(CALL, 4, g);
    EMIT(ENDTRY, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    record(w, "error", 3);
    iw_place(w, 0, 77);
    EMIT(FAIL, 3, 20, 0);
    result r = finish(w, &wd, none(), NULL);
    CHECK(r.outcome == VM_FAILED && pb_str_is(r.code, "divide_by_zero") && pb_str_is(r.reason, "division by zero"));
    CHECK(r.line == 1); /* of the error, not of the FAIL that passes it on */
    CHECK_STR(
        text_of(r.record),
        "{\"difference\":7,\"kept\":10,\"error\":{\"code\":\"divide_by_zero\",\"message\":\"division by zero\"" CALM
        "}}");
    pb_buf_free(&wd.trace);
}

static void test_ends(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    body(w);
    iw_place(w, 0, 9);
    EMITJ(LOADI, 1, 3);
    EMITX(SKIP, 1, KS("f.severity >= 5"));
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, none(), NULL);
    CHECK_STR(told(r), "skip:f.severity >= 5 (it is 3)");
    CHECK(r.line == 9);
    w = start();
    body(w);
    EMITX(SKIP, 1, KS("f.x"));
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "skip:f.x (it is absent)");
    w = start();
    body(w);
    EMITX(LOADK, 1, KS("enough"));
    EMIT(STOP, 1, 0, 0);
    CHECK_STR(finish_text(w, &wd), "stop:enough");
    w = start();
    body(w);
    EMITX(LOADK, 1, KS("no good"));
    EMITX(LOADK, 2, KS("mine"));
    EMIT(FAIL, 1, 2, 0);
    CHECK_STR(finish_text(w, &wd), "!mine");
    w = start();
    body(w);
    EMIT(FAIL, 0, 1, 0);
    CHECK_STR(told(finish(w, &wd, S("just text"), NULL)), "!failed");
    w = start();
    body(w);
    EMITX(LOADK, 1, KS("k"));
    EMIT(MOVE, 2, 0, 0);
    EMIT(MAP, 1, 1, 1);
    EMIT(RECORD, 1, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(told(finish(w, &wd, secret(), NULL)), "!secret");
    w = start();
    body(w);
    EMIT(CONCAT, 1, 0, 1);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(told(finish(w, &wd, secret(), NULL)), "!secret");
    pb_buf_free(&wd.trace);
}

/* ---- hosts ---- */

static void test_hosts(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t echo = host_site(w, "echo", 0, 0), slow = host_site(w, "slow", 0, 0), fail = host_site(w, "fail", 0, 0);
    body(w);
    args_int(w, 1, "v", 5);
    EMITX(INVOKE, 1, echo);
    args_int(w, 2, "v", 6);
    EMITX(INVOKE, 2, slow);
    EMIT(ADD, 3, 1, 2);
    record(w, "sum", 3);
    uint32_t t = EMITJ(TRY, 4, 0);
    args_int(w, 2, "v", 6);
    EMITX(INVOKE, 2, fail);
    EMIT(ENDTRY, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    record(w, "error", 4);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, none(), NULL);
    CHECK_STR(told(r), "{\"sum\":11,\"error\":{\"code\":\"boom\",\"message\":\"it broke\"" CALM "}}");
    CHECK_STR(wd.trace.data, "0:echo 0:slow 1000:fail ");
    const vm_step *s = r.steps;
    CHECK(s && s->number == 1 && s->status == STEP_OK && s->result.u.i == 5 && s->effect == PB_READ && s->is_do);
    s = s->next;
    CHECK(s && s->number == 2 && s->started_ms == 0 && s->ended_ms == 1000);
    s = s->next;
    CHECK(s && s->status == STEP_FAILED && pb_str_is(s->error_code, "boom") && !s->next);
    pb_buf_free(&wd.trace);
    world_new(&wd);
    w = start();
    echo = host_site(w, "echo", 0, 0);
    body(w);
    EMITX(INVOKE, 1, echo); /* no map */
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "!type");
    CHECK(wd.calls == 0);
    pb_buf_free(&wd.trace);
}

static void test_retry(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t host = host_site(w, "fail2", 0, 3);
    body(w);
    args_int(w, 1, "v", 5);
    EMITX(INVOKE, 1, host);
    record(w, "attempts", 1);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, none(), NULL);
    CHECK_STR(told(r), "{\"attempts\":3}");
    CHECK_STR(wd.trace.data, "0:fail2 0:sleep500 500:fail2 500:sleep1000 1500:fail2 ");
    CHECK(r.steps->attempts == 3 && r.steps->status == STEP_OK && !r.steps->next);
    pb_buf_free(&wd.trace);
    /* An action is called again from the arguments in the caller's registers. */
    world_new(&wd);
    w = start();
    host = host_site(w, "fail", 0, 0);
    uint32_t act = iw_function_begin(w, PB_STR("act"), FUNCTION_ACTION, PB_CONTAIN, 1);
    EMIT(LOADNONE, 0, 0, 0);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, host);
    EMIT(RETURN, 1, 0, 0);
    iw_function_end(w, REGS);
    uint32_t site = action_site(w, act, 1, 0, 1);
    body(w);
    EMITJ(LOADI, 1, 42);
    EMITX(INVOKE, 1, site);
    EMIT(RETURN, 0, 0, 0);
    r = finish(w, &wd, none(), NULL);
    CHECK_STR(told(r), "!boom");
    CHECK_STR(wd.trace.data, "0:fail 0:sleep500 500:fail ");
    CHECK(r.steps->attempts == 2 && r.steps->status == STEP_FAILED && r.steps->args.u.items[0].u.i == 42);
    CHECK(r.steps->children && r.steps->children->next && !r.steps->children->next->next);
    pb_buf_free(&wd.trace);
    /* No time for another try. */
    world_new(&wd);
    w = start();
    host = host_site(w, "fail2", 400, 3);
    body(w);
    args_int(w, 1, "v", 5);
    EMITX(INVOKE, 1, host);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "!boom");
    CHECK_STR(wd.trace.data, "0:fail2 ");
    pb_buf_free(&wd.trace);
}

/* verify until `later` says yes, which it does from `when` on. */
static const char *verify_until(universe *wd, int when, uint64_t limit, const vm_limits *limits) {
    iw *w = start();
    uint32_t host = host_site(w, "later", 0, 0);
    body(w);
    EMITX(LOADK, 11, iw_const(w, CONST_DURATION, limit));
    EMITX(LOADK, 13, KS("still open"));
    uint32_t again = iw_pc(w);
    args_int(w, 10, "n", when);
    EMITX(INVOKE, 10, host);
    uint32_t v = EMITJ(VERIFY, 10, 0);
    iw_jump(w, v, again);
    record(w, "state", 12);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, wd, none(), limits);
    return pb_printf(arena, "%s %.*s", told(r), PB_ARG(r.reason)).s;
}

static void test_verify(void) {
    universe wd;
    world_new(&wd);
    CHECK_STR(verify_until(&wd, 0, 30000, NULL), "{} ");
    CHECK(wd.calls == 1 && wd.now == 0);
    pb_buf_free(&wd.trace);
    world_new(&wd);
    CHECK_STR(verify_until(&wd, 10000, 30000, NULL), "{} ");
    CHECK_STR(wd.trace.data,
              "0:later 0:sleep250 250:later 250:sleep500 750:later 750:sleep1000 1750:later 1750:sleep2000 "
              "3750:later 3750:sleep4000 7750:later 7750:sleep4000 11750:later ");
    pb_buf_free(&wd.trace);
    world_new(&wd);
    CHECK_STR(verify_until(&wd, 32000, 1000, NULL), "!verify_failed still open (not within 1s)");
    CHECK_STR(wd.trace.data, "0:later 0:sleep250 250:later 250:sleep500 750:later 750:sleep250 1000:later ");
    pb_buf_free(&wd.trace);
    world_new(&wd);
    vm_limits limits = {.deadline_ms = 2000};
    CHECK_STR(verify_until(&wd, 32000, 30000, &limits), "!deadline the run's time is up");
    CHECK(wd.now == 2000);
    pb_buf_free(&wd.trace);
}

/* body: TRY { act (timeout 2 s, retry) } -> record error; act: TRY { hang } else { echo } in a row, for ever if it
 * could. */
static void test_timeouts(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t hang = host_site(w, "hang", 0, 0), echo = host_site(w, "echo", 0, 0);
    uint32_t act = iw_function_begin(w, PB_STR("act"), FUNCTION_ACTION, PB_CONTAIN, 0);
    for (int i = 0; i < 3; i++) {
        uint32_t t = EMITJ(TRY, 2, 0);
        args_int(w, 1, "v", 1);
        EMITX(INVOKE, 1, hang);
        EMIT(ENDTRY, 0, 0, 0);
        iw_jump(w, t, iw_pc(w));
    }
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, echo);
    EMIT(RETURN, 1, 0, 0);
    iw_function_end(w, REGS);
    uint32_t site = action_site(w, act, 0, 2000, 5);
    body(w);
    uint32_t t = EMITJ(TRY, 4, 0);
    EMITX(INVOKE, 1, site);
    EMIT(ENDTRY, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    record(w, "error", 4);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, none(), NULL);
    CHECK_STR(told(r), "{\"error\":{\"code\":\"timeout\",\"message\":\"act did not end within 2s\"" CALM "}}");
    CHECK_STR(wd.trace.data, "0:hang ");
    CHECK(wd.now == 2000 && r.steps->attempts == 1 && r.steps->deadline_ms == 2000 &&
          r.steps->children->deadline_ms == 2000);
    pb_buf_free(&wd.trace);
    /* A host's own limit is an ordinary error for the action around it. */
    world_new(&wd);
    w = start();
    hang = host_site(w, "hang", 500, 0);
    echo = host_site(w, "echo", 0, 0);
    body(w);
    t = EMITJ(TRY, 2, 0);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, hang);
    EMIT(ENDTRY, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    args_int(w, 1, "v", 3);
    EMITX(INVOKE, 1, echo);
    record(w, "v", 1);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "{\"v\":3}");
    pb_buf_free(&wd.trace);
}

/* ---- branches ---- */

/* Three branches that call their hosts with v = 0, 1, 2 and hand back register 5 + number. */
static const char *three_branches(universe *wd, const char *const hosts[3], const vm_limits *limits, uint32_t timeout) {
    iw *w = start();
    uint32_t sites[3];
    for (int i = 0; i < 3; i++) sites[i] = host_site(w, hosts[i], timeout, 0);
    body(w);
    uint32_t t = EMITJ(TRY, 20, 0);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t fork = EMITJ(FORK, i, 0);
        args_int(w, 5 + i, "v", (int)i);
        EMITX(INVOKE, 5 + i, sites[i]);
        EMITJ(LOADI, 15, (int)i); /* stays in the branch */
        EMIT(ENDFORK, 5 + i, 1, 0);
        iw_jump(w, fork, iw_pc(w));
    }
    EMIT(JOIN, 0, 0, 0);
    EMIT(ENDTRY, 0, 0, 0);
    EMIT(LIST, 5, 5, 3);
    record(w, "all", 5);
    record(w, "own", 15);
    EMIT(RETURN, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    record(w, "error", 20);
    EMIT(RETURN, 0, 0, 0);
    return told(finish(w, wd, none(), limits));
}

static void test_branches(void) {
    universe wd;
    world_new(&wd);
    CHECK_STR(three_branches(&wd, (const char *const[]){"slow", "echo", "slow"}, NULL, 0), "{\"all\":[0,1,2]}");
    CHECK_STR(wd.trace.data, "0:slow 0:echo 0:slow ");
    CHECK(wd.now == 1000); /* at the same time */
    pb_buf_free(&wd.trace);
    world_new(&wd);
    CHECK_STR(three_branches(&wd, (const char *const[]){"slow", "fail", "nobody"}, NULL, 0),
              "{\"error\":{\"code\":\"boom\",\"message\":\"it broke\"" CALM "}}");
    CHECK(wd.now == 1000); /* the slow one was waited for */
    pb_buf_free(&wd.trace);
    world_new(&wd);
    CHECK_STR(three_branches(&wd, (const char *const[]){"hang", "echo", "fail"}, NULL, 300),
              "{\"error\":{\"code\":\"timeout\",\"message\":\"no answer\"" CALM "}}");
    CHECK(wd.now == 300);
    pb_buf_free(&wd.trace);
}

/* parallel in a loop, in a branch of a parallel, and STOP in a branch. */
static void test_nested_branches(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t slow = host_site(w, "slow", 0, 0);
    body(w);
    uint32_t outer = EMITJ(FORK, 0, 0);
    uint32_t inner = EMITJ(FORK, 0, 0);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, slow);
    EMIT(ENDFORK, 1, 1, 0);
    iw_jump(w, inner, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    EMIT(ADD, 1, 1, 1);
    EMIT(ENDFORK, 1, 1, 0);
    iw_jump(w, outer, iw_pc(w));
    uint32_t second = EMITJ(FORK, 1, 0);
    args_int(w, 2, "v", 10);
    EMITX(INVOKE, 2, slow);
    EMIT(ENDFORK, 2, 1, 0);
    iw_jump(w, second, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    EMIT(ADD, 1, 1, 2);
    record(w, "sum", 1);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "{\"sum\":12}");
    CHECK(wd.now == 1000);
    pb_buf_free(&wd.trace);
    world_new(&wd);
    w = start();
    slow = host_site(w, "slow", 0, 0);
    body(w);
    uint32_t fork = EMITJ(FORK, 0, 0);
    EMITX(LOADK, 1, KS("halt"));
    EMIT(STOP, 1, 0, 0);
    iw_jump(w, fork, iw_pc(w));
    fork = EMITJ(FORK, 1, 0);
    args_int(w, 2, "v", 10);
    EMITX(INVOKE, 2, slow);
    EMIT(ENDFORK, 2, 1, 0);
    iw_jump(w, fork, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    record(w, "wrong", 0);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "stop:halt");
    CHECK(wd.now == 1000);
    pb_buf_free(&wd.trace);
}

/* A thousand rounds of a parallel and a call must not need a thousand frames. */
static void test_reuse(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t f = iw_function_begin(w, PB_STR("id"), FUNCTION_PURE, PB_PURE, 1);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 200);
    body(w);
    EMIT(LIST, 1, 0, 0);
    EMIT(MOVE, 1, 0, 0);
    uint32_t j = EMITJ(JMP, 0, 0);
    uint32_t loop = EMITJ(FORK, 0, 0);
    EMIT(MOVE, 5, 3, 0);
    EMITX(CALL, 5, f);
    EMIT(ENDFORK, 5, 1, 0);
    iw_jump(w, loop, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    iw_jump(w, j, iw_pc(w));
    uint32_t next = EMITJ(FORNEXT, 1, 0);
    iw_jump(w, next, loop);
    record(w, "last", 5);
    EMIT(RETURN, 0, 0, 0);
    pb_value *items, list = pb_list_new(arena, 20000, &items);
    for (int i = 0; i < 20000; i++) items[i] = pb_int(i);
    vm_limits limits = {.memory = 64 << 10};
    CHECK_STR(told(finish(w, &wd, list, &limits)), "{\"last\":19999}");
    pb_buf_free(&wd.trace);
}

/* ---- dry runs ---- */

static void test_dry(void) {
    universe wd;
    world_new(&wd);
    wd.dry = true;
    iw *w = start();
    uint32_t unsent = host_site(w, "unsent", 0, 0), echo = host_site(w, "echo", 0, 0),
             later = host_site(w, "later", 0, 0);
    uint32_t act = iw_function_begin(w, PB_STR("act"), FUNCTION_ACTION, PB_CONTAIN, 0);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, unsent);
    EMIT(FIELD, 2, 1, KS("id"));
    EMITX(LOADK, 3, KS("v"));
    EMIT(MOVE, 4, 2, 0);
    EMIT(MAP, 3, 3, 1);
    EMITX(INVOKE, 3, echo); /* has an unknown in its arguments: not sent */
    uint32_t j = EMITJ(JMPF, 3, 0);
    EMIT(FAIL, 3, 3, 0); /* an unknown condition jumps ... */
    iw_jump(w, j, iw_pc(w));
    j = EMITJ(JMPT, 3, 0);
    EMIT(FAIL, 3, 3, 0); /* ... this way and that */
    iw_jump(w, j, iw_pc(w));
    EMIT(EXISTS, 5, 3, 0);
    j = EMITJ(JMPT, 5, 0);
    EMIT(FAIL, 3, 3, 0);
    iw_jump(w, j, iw_pc(w));
    EMIT(DOUBT, 5, 4, 0); /* 4 is unknown as well: 5 is from now on */
    args_int(w, 6, "v", 7);
    EMIT(DOUBT, 6, 5, 0);
    EMITX(INVOKE, 6, echo); /* not sent */
    EMIT(RETURN, 3, 0, 0);
    iw_function_end(w, REGS);
    uint32_t site = action_site(w, act, 0, 0, 0);
    body(w);
    EMITX(INVOKE, 1, site);
    EMITX(LOADK, 2, KS("x"));
    EMIT(EQ, 3, 1, 2);
    j = EMITJ(JMPT, 3, 0);
    EMITX(SKIP, 2, KS("act().x == 5")); /* passes */
    iw_jump(w, j, iw_pc(w));
    EMIT(MOVE, 10, 3, 0);
    EMITX(LOADK, 11, iw_const(w, CONST_DURATION, 1000));
    uint32_t again = iw_pc(w);
    uint32_t v = EMITJ(VERIFY, 10, 0);
    iw_jump(w, v, again);
    EMIT(MOVE, 4, 1, 0);
    EMIT(NOP, 0, 0, 0);
    uint32_t d = EMITJ(DRY, 0, 0);
    args_int(w, 5, "n", 1);
    EMITX(INVOKE, 5, later);
    iw_jump(w, d, iw_pc(w));
    record(w, "result", 1);
    EMIT(RETURN, 0, 0, 0);
    result r = finish(w, &wd, none(), NULL);
    CHECK_STR(told(r), "{\"result\":\"(unknown)\"}");
    CHECK_STR(wd.trace.data, "0:unsent ");
    const vm_step *s = r.steps;
    CHECK(s->status == STEP_PLANNED && s->result.kind == PB_UNKNOWN && !s->next);
    CHECK(pb_str_is(s->detail, "what happens here depends on what only the real run can know"));
    CHECK(s->children->status == STEP_PLANNED && s->children->next->status == STEP_PLANNED);
    pb_buf_free(&wd.trace);
}

/* ---- budgets ---- */

/* for x in event { body } around what `inside` emits, with register 3 = x. */
static result loop_over(universe *wd, uint32_t n, const vm_limits *limits, void (*inside)(iw *w)) {
    pb_value *items, list = pb_list_new(arena, n, &items);
    for (uint32_t i = 0; i < n; i++) items[i] = pb_int(i);
    iw *w = start();
    body(w);
    EMIT(MOVE, 1, 0, 0);
    EMITX(LOADK, 4, KS("xxxxxxxxxxxxxxxx"));
    uint32_t t = EMITJ(TRY, 20, 0);
    uint32_t j = EMITJ(JMP, 0, 0), loop = iw_pc(w);
    inside(w);
    iw_jump(w, j, iw_pc(w));
    uint32_t next = EMITJ(FORNEXT, 1, 0);
    iw_jump(w, next, loop);
    EMIT(ENDTRY, 0, 0, 0);
    iw_jump(w, t, iw_pc(w)); /* an error is passed over: but not that a budget is used up */
    EMIT(RETURN, 0, 0, 0);
    return finish(w, wd, list, limits);
}

static void endless(iw *w) { EMITJ(LOADI, 2, 0); }
static void doubling(iw *w) { EMIT(ADD, 4, 4, 4); }
static void nesting(iw *w) { EMIT(LIST, 4, 4, 1); }
static void comparing(iw *w) {
    EMIT(MOVE, 5, 4, 0);
    EMIT(LIST, 4, 4, 2);
    EMIT(EQ, 6, 4, 4);
}

static void test_budgets(void) {
    universe wd;
    world_new(&wd);
    vm_limits limits = {.instructions = 10000, .memory = 1 << 20};
    CHECK_STR(told(loop_over(&wd, 3, &limits, endless)), "!budget_instructions");
    CHECK_STR(told(loop_over(&wd, 40, &limits, doubling)), "!budget_memory");
    CHECK_STR(told(loop_over(&wd, 300, &limits, nesting)), "{}");
    CHECK_STR(told(loop_over(&wd, 40, &limits, comparing)), "!budget_instructions");
    limits = (vm_limits){.instructions = 1000000, .memory = 100000};
    CHECK_STR(told(loop_over(&wd, 60000, &limits, nesting)), "!budget_memory");
    pb_buf_free(&wd.trace);
    world_new(&wd);
    limits = (vm_limits){.deadline_ms = 500};
    CHECK_STR(three_branches(&wd, (const char *const[]){"slow", "slow", "slow"}, &limits, 0), "{\"all\":[0,1,2]}");
    pb_buf_free(&wd.trace);
}

/* Each of 8 levels forks 64 branches that go on to the next: more than anybody has room for. */
static void test_fork_bomb(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t slow = host_site(w, "slow", 0, 0), before = 0;
    for (uint32_t level = 0; level < 4; level++) {
        uint32_t f = iw_function_begin(w, PB_STR("bomb"), FUNCTION_ACTION, PB_CONTAIN, 0);
        for (uint32_t i = 0; i < IMAGE_MAX_FORKS; i++) {
            uint32_t fork = EMITJ(FORK, i, 0);
            args_int(w, 1, "v", 1);
            if (level)
                EMITX(CALL, 1, before);
            else
                EMITX(INVOKE, 1, slow);
            EMIT(ENDFORK, 0, 0, 0);
            iw_jump(w, fork, iw_pc(w));
        }
        EMIT(JOIN, 0, 0, 0);
        EMIT(RETURN, 0, 0, 0);
        iw_function_end(w, REGS);
        before = f;
    }
    body(w);
    uint32_t t = EMITJ(TRY, 2, 0);
    EMITX(CALL, 1, before);
    EMIT(ENDTRY, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(finish_text(w, &wd), "!budget_branches");
    pb_buf_free(&wd.trace);
}

/* A list too long to be looked through for unknowns is joined all the same when no unknown can be in it. */
static void test_long_list(void) {
    enum { LONG = 1500000 };
    universe wd;
    world_new(&wd);
    iw *w = start();
    body(w);
    EMIT(MOVE, 1, 0, 0);
    EMITX(LOADK, 2, KS(""));
    EMIT(BUILTIN, 1, BUILTIN_JOIN, 2);
    EMIT(BUILTIN, 1, BUILTIN_SIZE_S, 1);
    record(w, "size", 1);
    EMIT(RETURN, 0, 0, 0);
    pb_value *items, list = pb_list_new(arena, LONG, &items);
    for (int i = 0; i < LONG; i++) items[i] = pb_string_c("x");
    CHECK_STR(told(finish(w, &wd, list, NULL)), "{\"size\":1500000}");
    pb_buf_free(&wd.trace);
}

static void test_no_memory(void) {
    /* A program that does a bit of everything, with each allocation failing in turn. */
    iw *w = start();
    uint32_t slow = host_site(w, "slow", 0, 0), fail = host_site(w, "fail", 0, 1);
    uint32_t act = iw_function_begin(w, PB_STR("act"), FUNCTION_ACTION, PB_CONTAIN, 1);
    args_int(w, 1, "v", 1);
    EMITX(INVOKE, 1, slow);
    EMIT(APPEND, 2, 1, 0);
    EMIT(RETURN, 2, 0, 0);
    iw_function_end(w, REGS);
    uint32_t site = action_site(w, act, 1, 0, 0);
    body(w);
    uint32_t t = EMITJ(TRY, 20, 0);
    uint32_t fork = EMITJ(FORK, 0, 0);
    EMITJ(LOADI, 1, 7);
    EMITX(INVOKE, 1, site);
    EMIT(ENDFORK, 1, 1, 0);
    iw_jump(w, fork, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    EMITX(LOADK, 2, KS("^[a-z]+$"));
    EMITX(LOADK, 3, KS("abc"));
    EMIT(MATCHES, 4, 3, 2);
    EMIT(CONCAT, 5, 2, 3);
    EMIT(ADD, 6, 5, 3);
    EMIT(MOVE, 7, 1, 0);
    EMIT(BUILTIN, 7, BUILTIN_JSON_TEXT, 1);
    record(w, "text", 7);
    args_int(w, 8, "v", 1);
    EMITX(INVOKE, 8, fail);
    EMIT(ENDTRY, 0, 0, 0);
    iw_jump(w, t, iw_pc(w));
    record(w, "error", 20);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, REGS);
    pb_buf image = {0};
    CHECK(iw_finish(w, &image) == IW_OK);
    size_t n = 1;
    bool whole = false;
    for (; !whole && n < 1000; n++) {
        universe wd;
        world_new(&wd);
        pb_arena *a = pb_arena_new(0);
        pb_arena_fail_after(a, n);
        result r = run_image(&wd, &image, none(), NULL, a);
        whole = r.outcome == VM_DONE;
        if (!whole) CHECK(r.outcome == VM_FAILED && r.code.n > 0 && (r.reason.n > 0 || pb_str_is(r.code, "no_run")));
        if (whole)
            CHECK_STR(told(r), "{\"text\":\"[1]\",\"error\":{\"code\":\"boom\",\"message\":\"it broke\"" CALM "}}");
        CHECK(wd.begun == wd.ended);
        pb_arena_free(a);
        pb_buf_free(&wd.trace);
    }
    CHECK(whole && n > 30);
    pb_buf_free(&image);
}

/* ---- matching ---- */

static const char *match(void (*emit)(iw *w), pb_value event, const vm_limits *limits) {
    pb_buf image = {0};
    pb_str err = {NULL, 0};
    bool matched = false;
    iw *w = start();
    iw_function_begin(w, PB_STR("match"), FUNCTION_MATCH, PB_PURE, 1);
    emit(w);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, REGS);
    iw_finish(w, &image);
    vm_program *p = vm_program_load(image.data, image.len, arena, &err);
    CHECK(p != NULL);
    bool ok = p && vm_match(p, 0, event, NULL, none(), limits, arena, &matched, &err);
    vm_program_close(p);
    pb_buf_free(&image);
    return !ok ? pb_printf(arena, "! %.*s", PB_ARG(err)).s : matched ? "yes" : "no";
}

static void severe(iw *w) {
    EMIT(FIELD, 1, 0, KS("severity"));
    EMITJ(LOADI, 2, 5);
    EMIT(LE, 3, 2, 1);
    uint32_t j = EMITJ(JMPT, 3, 0);
    EMITX(SKIP, 1, KS("severity >= 5"));
    iw_jump(w, j, iw_pc(w));
}

static void test_match(void) {
    CHECK_STR(match(severe, J("{\"severity\":8.5}"), NULL), "yes");
    CHECK_STR(match(severe, J("{\"severity\":2}"), NULL), "no");
    CHECK_STR(match(severe, J("{}"), NULL), "no");
    CHECK_STR(match(severe, J("{\"severity\":\"8\"}"), NULL), "! cannot compare the order of an int and a string");
    vm_limits limits = {.instructions = 3};
    CHECK_STR(match(severe, J("{}"), &limits), "! the run needs more than 3 instructions");
}

/* "echo" with where its call was made: the step's account and region. */
static void placed(iw *w, uint32_t site) {
    EMIT(MAP, 30, 0, 0);
    EMITX(INVOKE, 30, site);
}

static void places_of(const vm_step *s, pb_buf *out) {
    for (; s; s = s->next) {
        pb_buf_printf(out, "%.*s/%.*s%s ", PB_ARG(s->account), PB_ARG(s->region), s->moved ? "*" : "");
        places_of(s->children, out);
    }
}

/* Runs the open body with an event of account 1...1 in eu-west-1; where its calls were made, and how it ended. */
static const char *places(iw *w, universe *wd) {
    pb_buf image = {0}, out = {0};
    pb_str err = {0};
    pb_map_builder context = {.arena = arena};
    iw_function_end(w, REGS);
    CHECK(iw_finish(w, &image) == IW_OK);
    vm_program *p = vm_program_load(image.data, image.len, arena, &err);
    pb_map_add(&context, PB_STR("account"), S("111111111111"));
    pb_map_add(&context, PB_STR("region"), S("eu-west-1"));
    vm_run *r = p ? vm_run_new(p, vm_count(p, SECTION_FUNCTIONS) - 1, S("222222222222"), NULL, pb_map_done(&context),
                               NULL, &wd->hooks, arena)
                  : NULL;
    if (!r) return err.s;
    while (vm_run_go(r) == VM_RUNNING && world_turn(wd)) {
    }
    places_of(vm_run_steps(r), &out);
    if (vm_run_outcome(r) == VM_FAILED)
        pb_buf_printf(&out, "%.*s: %.*s", PB_ARG(vm_run_error_code(r)), PB_ARG(vm_run_reason(r)));
    const char *text = pb_strdup(arena, out.data ? out.data : "", out.len).s;
    vm_run_end(r);
    vm_program_close(p);
    pb_buf_free(&image);
    pb_buf_free(&out);
    pb_buf_free(&wd->trace);
    return text;
}

static void test_scopes(void) {
    universe wd;
    world_new(&wd);
    iw *w = start();
    uint32_t echo = host_site(w, "echo", 0, 0);
    iw_function_begin(w, PB_STR("inner"), FUNCTION_ACTION, PB_CONTAIN, 1); /* what is called inside is inside */
    placed(w, echo);
    EMITX(LOADK, 1, KS("us-east-1"));
    EMIT(ENTER, 1, 1, ENTER_REGION);
    placed(w, echo);
    EMIT(LEAVE, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, REGS);
    uint32_t inner = action_site(w, 0, 1, 0, 0);
    body(w);
    placed(w, echo);
    EMIT(ENTER, 0, 0, ENTER_ACCOUNT);
    EMITX(INVOKE, 20, inner);
    EMIT(LEAVE, 0, 0, 0);
    placed(w, echo);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(places(w, &wd), "111111111111/eu-west-1 222222222222/eu-west-1* 222222222222/eu-west-1* "
                              "222222222222/us-east-1* 111111111111/eu-west-1 ");

    w = start(); /* an error leaves the scopes that were entered behind its TRY */
    echo = host_site(w, "echo", 0, 0);
    uint32_t fail = host_site(w, "fail", 0, 0);
    body(w);
    EMITX(LOADK, 1, KS("us-east-1"));
    EMIT(ENTER, 1, 1, ENTER_REGION);
    uint32_t try = EMITJ(TRY, 5, 0);
    EMIT(ENTER, 0, 0, ENTER_ACCOUNT);
    placed(w, fail);
    EMIT(LEAVE, 0, 0, 0);
    EMIT(ENDTRY, 0, 0, 0);
    iw_jump(w, try, iw_pc(w));
    placed(w, echo);
    EMIT(LEAVE, 0, 0, 0);
    placed(w, echo);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(places(w, &wd), "222222222222/us-east-1* 111111111111/us-east-1* 111111111111/eu-west-1 ");

    w = start(); /* each branch has its own, and begins with the one around it */
    uint32_t slow = host_site(w, "slow", 0, 0);
    body(w);
    EMITX(LOADK, 1, KS("us-east-1"));
    EMITX(LOADK, 2, KS("ap-south-1"));
    EMIT(ENTER, 2, 2, ENTER_REGION);
    uint32_t first = EMITJ(FORK, 0, 0);
    EMIT(ENTER, 0, 1, ENTER_ACCOUNT | ENTER_REGION);
    placed(w, slow);
    EMIT(LEAVE, 0, 0, 0);
    placed(w, slow);
    EMIT(ENDFORK, 0, 0, 0);
    iw_jump(w, first, iw_pc(w));
    uint32_t second = EMITJ(FORK, 1, 0);
    placed(w, slow);
    placed(w, slow);
    EMIT(ENDFORK, 0, 0, 0);
    iw_jump(w, second, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    EMIT(LEAVE, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    CHECK_STR(places(w, &wd), "222222222222/us-east-1* 111111111111/ap-south-1* 111111111111/ap-south-1* "
                              "111111111111/ap-south-1* ");
}

static void test_bad_places(void) {
    static const struct {
        const char *text, *says;
        uint32_t given;
    } rows[] = {
        {"12345678901", "account: in account needs the 12 digits of an account id, found \"12345678901\"",
         ENTER_ACCOUNT},
        {"12345678901a", "account: in account needs the 12 digits of an account id, found \"12345678901a\"",
         ENTER_ACCOUNT},
        {"eu-west-1.evil.example",
         "region: in region needs the name of an AWS region, found \"eu-west-1.evil.example\"", ENTER_REGION},
        {"eu-west-", "region: in region needs the name of an AWS region, found \"eu-west-\"", ENTER_REGION},
        {NULL, "account: in account needs the 12 digits of an account id, found none", ENTER_ACCOUNT | ENTER_REGION},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        universe wd;
        world_new(&wd);
        iw *w = start();
        body(w);
        if (rows[i].text)
            EMITX(LOADK, 1, iw_const_string(w, pb_str_c(rows[i].text)));
        else
            EMIT(LOADNONE, 1, 0, 0);
        EMIT(ENTER, 1, 1, rows[i].given);
        EMIT(LEAVE, 0, 0, 0);
        EMIT(RETURN, 0, 0, 0);
        CHECK_STR(places(w, &wd), rows[i].says);
    }
}

int main(void) {
    arena = pb_arena_new(0);
    CASE("lists, maps, texts, constants") test_making();
    CASE("jumps and loops") test_jumps();
    CASE("calls and errors") test_calls();
    CASE("skip, stop, fail, secrets") test_ends();
    CASE("host calls are steps") test_hosts();
    CASE("retry calls again with the same arguments") test_retry();
    CASE("verify waits longer each time, within its limit") test_verify();
    CASE("a time limit cannot be caught inside") test_timeouts();
    CASE("branches run at the same time and join") test_branches();
    CASE("branches in branches, stop in a branch") test_nested_branches();
    CASE("frames are used again") test_reuse();
    CASE("unknown values in a dry run") test_dry();
    CASE("budgets end a run and are not caught") test_budgets();
    CASE("branches that fork branches") test_fork_bomb();
    CASE("a very long list") test_long_list();
    CASE("where calls are made: scopes, errors, branches") test_scopes();
    CASE("accounts and regions of another form") test_bad_places();
    CASE("each allocation fails in turn") test_no_memory();
    CASE("match functions") test_match();
    pb_arena_free(arena);
    return check_done();
}
