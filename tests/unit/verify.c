/*
 * verify.c - the loader and the verifier: one bad program for each rule, with its sentence; and damage: every
 * truncation, bytes, words and instructions changed at random with and without a checksum that fits. Whatever is let
 * through is then run within small budgets against hosts that answer at random. Nothing may crash, and nothing may run
 * on and on.
 */
#include "lang/compile.h"
#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"
#include "tests/lib/vmtest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#ifndef FUZZ_ROUNDS
#define FUZZ_ROUNDS 40000 /* make CFLAGS=-DFUZZ_ROUNDS=5000000 for a long one */
#endif

/* ---- one bad program a rule ---- */

enum { PURE_FN, ACTION_FN }; /* functions 0 and 1 of every program here; the tested one is 2 */

/* A site, a parameter, a type, a pure function of one parameter, an action of two. */
static iw *base(void) {
    iw *w = start();
    host_site(w, "echo", 0, 0);
    iw_function_begin(w, PB_STR("pure"), FUNCTION_PURE, PB_PURE, 1);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 1);
    iw_function_begin(w, PB_STR("action"), FUNCTION_ACTION, PB_CONTAIN, 2);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 2);
    action_site(w, ACTION_FN, 2, 0, 0);
    uint32_t text = iw_type(w, IMAGE_TYPE_STRING, false, IMAGE_NIL, IMAGE_NIL, PB_STR("string"));
    iw_param(w, PB_STR("p"), text, false, 0);
    return w;
}

static const char *load(iw *w) {
    pb_buf image = {0};
    pb_str err = {NULL, 0};
    CHECK(iw_finish(w, &image) == IW_OK);
    vm_program *p = vm_program_load(image.data, image.len, arena, &err);
    bool ok = p != NULL;
    vm_program_close(p);
    pb_buf_free(&image);
    return ok ? "good" : pb_strdup(arena, err.s, err.n).s;
}

/* As op_abc and its kin make them, but constants. */
#define I3(o, a, b, c) ((uint32_t)OPCODE_##o | (uint32_t)(a) << 8 | (uint32_t)(b) << 16 | (uint32_t)(c) << 24)
#define I0(o) I3(o, 0, 0, 0)
#define IX(o, a, b) ((uint32_t)OPCODE_##o | (uint32_t)(a) << 8 | (uint32_t)(b) << 16)
#define IJ(o, a, s) ((uint32_t)OPCODE_##o | (uint32_t)(a) << 8 | (uint32_t)(uint16_t)(s) << 16)
#define RET I0(RETURN)

typedef struct bad {
    const char *says; /* behind "function t, " */
    enum image_function kind;
    uint32_t nregs, n;
    uint32_t code[12];
} bad;

static const bad rules[] = {
    {"good", FUNCTION_BODY, 2, 2, {I0(NOP), RET}},
    {"pc 0: has no code", FUNCTION_BODY, 1, 0, {0}},
    {"pc 0: no instruction has the number 255", FUNCTION_BODY, 1, 2, {255, RET}},
    {"pc 0: uses register 2, the function has 2", FUNCTION_BODY, 2, 2, {I3(MOVE, 2, 0, 0), RET}},
    {"pc 0: uses register 5, the function has 2", FUNCTION_BODY, 2, 2, {I3(MOVE, 0, 5, 0), RET}},
    {"pc 0: uses register 3, the function has 2", FUNCTION_BODY, 2, 2, {I3(EQ, 0, 0, 3), RET}},
    {"pc 0: names constant 0, the function has 0", FUNCTION_BODY, 1, 2, {IX(LOADK, 0, 0), RET}},
    {"pc 0: names constant 9, the function has 0", FUNCTION_BODY, 1, 2, {I3(FIELD, 0, 0, 9), RET}},
    {"pc 0: names parameter 1, the program has 1", FUNCTION_BODY, 1, 2, {IX(PARAM, 0, 1), RET}},
    {"pc 0: names type 3, the program has 1", FUNCTION_BODY, 1, 2, {IX(CAST, 0, 3), RET}},
    {"pc 0: names site 2, the program has 2", FUNCTION_BODY, 1, 2, {IX(INVOKE, 0, 2), RET}},
    {"pc 0: names function 3, the program has 3", FUNCTION_BODY, 1, 2, {IX(CALL, 0, 3), RET}},
    {"pc 0: uses register 3, the function has 3", FUNCTION_BODY, 3, 2, {IX(CALL, 2, ACTION_FN), RET}},
    {"pc 0: uses register 3, the function has 3", FUNCTION_BODY, 3, 2, {IX(INVOKE, 2, 1), RET}},
    {"pc 0: names built-in 255, there are ", FUNCTION_BODY, 3, 2, {I3(BUILTIN, 0, 255, 1), RET}},
    {"pc 0: gives a built-in function 1 arguments, it takes 2 to 2",
     FUNCTION_BODY,
     3,
     2,
     {I3(BUILTIN, 0, BUILTIN_JOIN, 1), RET}},
    {"pc 0: gives a built-in function 3 arguments, it takes 1 to 2",
     FUNCTION_BODY,
     3,
     2,
     {I3(BUILTIN, 0, BUILTIN_FORMAT, 3), RET}},
    {"pc 0: uses register 3, the function has 3", FUNCTION_BODY, 3, 2, {I3(BUILTIN, 2, BUILTIN_JOIN, 2), RET}},
    {"pc 0: uses register 3, the function has 3", FUNCTION_BODY, 3, 2, {I3(LIST, 0, 2, 2), RET}},
    {"pc 0: uses register 3, the function has 3", FUNCTION_BODY, 3, 2, {I3(MAP, 0, 0, 2), RET}},
    {"pc 0: uses register 254, the function has 3", FUNCTION_BODY, 3, 2, {I3(CONCAT, 0, 0, 255), RET}},
    {"good", FUNCTION_BODY, 1, 2, {I3(LIST, 0, 0, 0), RET}},
    {"pc 1: uses register 3, the function has 3", FUNCTION_BODY, 3, 3, {IJ(JMP, 0, 0), IJ(FORNEXT, 1, -1), RET}},
    {"pc 1: uses register 4, the function has 4", FUNCTION_BODY, 4, 3, {I0(NOP), IJ(VERIFY, 1, -2), RET}},
    {"pc 0: an unused operand is not 0", FUNCTION_BODY, 1, 2, {I3(NOP, 0, 0, 1), RET}},
    {"pc 0: an unused operand is not 0", FUNCTION_BODY, 2, 2, {I3(MOVE, 0, 0, 1), RET}},
    {"pc 0: an unused operand is not 0", FUNCTION_BODY, 1, 2, {IJ(JMP, 1, 0), RET}},
    {"pc 0: loads a bool that is neither 0 nor 1", FUNCTION_BODY, 1, 2, {I3(LOADBOOL, 0, 2, 0), RET}},
    {"pc 0: jumps outside the function", FUNCTION_BODY, 1, 2, {IJ(JMP, 0, 1), RET}},
    {"pc 0: jumps outside the function", FUNCTION_BODY, 1, 2, {IJ(TRY, 0, 30000), RET}},
    {"pc 1: jumps backwards", FUNCTION_BODY, 1, 3, {I0(NOP), IJ(JMP, 0, -2), RET}},
    {"pc 0: jumps backwards", FUNCTION_BODY, 1, 2, {IJ(JMPT, 0, -1), RET}},
    {"pc 1: jumps outside the function", FUNCTION_BODY, 3, 3, {I0(NOP), IJ(FORNEXT, 0, -9), RET}},
    {"pc 0: FORNEXT must jump backwards", FUNCTION_BODY, 3, 2, {IJ(FORNEXT, 0, 0), RET}},
    {"pc 0: VERIFY must jump backwards", FUNCTION_BODY, 4, 2, {IJ(VERIFY, 0, 0), RET}},
    {"pc 1: the code ends without RETURN", FUNCTION_BODY, 1, 2, {I0(NOP), I0(NOP)}},
    {"pc 0: the code ends without RETURN", FUNCTION_BODY, 1, 1, {IJ(JMPT, 0, 0)}},
    {"pc 1: RETURN with a TRY open", FUNCTION_BODY, 1, 3, {IJ(TRY, 0, 1), RET, RET}},
    {"pc 0: ENDTRY without a TRY", FUNCTION_BODY, 1, 2, {I0(ENDTRY), RET}},
    {"pc 2: is reached with ", FUNCTION_BODY, 1, 4, {IJ(JMPT, 0, 1), I3(ENTER, 0, 0, 1), I0(LEAVE), RET}},
    {"good", FUNCTION_BODY, 1, 5, {I3(ENTER, 0, 0, 1), I3(ENTER, 0, 0, 2), I0(LEAVE), I0(LEAVE), RET}},
    {"pc 0: enters neither an account nor a region", FUNCTION_BODY, 1, 3, {I3(ENTER, 0, 0, 0), I0(LEAVE), RET}},
    {"pc 0: enters neither an account nor a region", FUNCTION_BODY, 1, 3, {I3(ENTER, 0, 0, 4), I0(LEAVE), RET}},
    {"pc 0: uses register 7, the function has 1", FUNCTION_BODY, 1, 3, {I3(ENTER, 0, 7, 3), I0(LEAVE), RET}},
    {"pc 0: LEAVE without an ENTER", FUNCTION_BODY, 1, 2, {I0(LEAVE), RET}},
    {"pc 1: RETURN with an ENTER open", FUNCTION_BODY, 1, 2, {I3(ENTER, 0, 0, 1), RET}},
    {"pc 2: ENDFORK with an ENTER open",
     FUNCTION_BODY,
     1,
     5,
     {IJ(FORK, 0, 2), I3(ENTER, 0, 0, 1), I0(ENDFORK), I0(JOIN), RET}},
    {"pc 2: LEAVE without an ENTER",
     FUNCTION_BODY,
     1,
     7,
     {I3(ENTER, 0, 0, 1), IJ(FORK, 0, 2), I0(LEAVE), I0(ENDFORK), I0(JOIN), I0(LEAVE), RET}},
    {"pc 0: ENTER in a function that must be pure", FUNCTION_PURE, 1, 3, {I3(ENTER, 0, 0, 1), I0(LEAVE), RET}},
    {"pc 3: is reached with ", FUNCTION_BODY, 1, 5, {IJ(JMPT, 0, 2), IJ(TRY, 0, 2), I0(NOP), I0(NOP), RET}},
    {"pc 0: ENDFORK outside a branch", FUNCTION_BODY, 1, 2, {I0(ENDFORK), RET}},
    {"pc 1: RETURN inside a branch", FUNCTION_BODY, 1, 4, {IJ(FORK, 0, 1), RET, I0(JOIN), RET}},
    {"pc 2: a branch ends with a TRY open",
     FUNCTION_BODY,
     1,
     6,
     {IJ(FORK, 0, 3), IJ(TRY, 0, 1), I0(ENDFORK), I0(ENDFORK), I0(JOIN), RET}},
    {"pc 0: branch 1 where branch 0 is next", FUNCTION_BODY, 1, 4, {IJ(FORK, 1, 1), I0(ENDFORK), I0(JOIN), RET}},
    {"pc 0: more than 64 branches", FUNCTION_BODY, 1, 4, {IJ(FORK, 64, 1), I0(ENDFORK), I0(JOIN), RET}},
    {"pc 2: MOVE while branches are under way",
     FUNCTION_BODY,
     1,
     5,
     {IJ(FORK, 0, 1), I0(ENDFORK), I0(MOVE), I0(JOIN), RET}},
    {"pc 2: RETURN while branches are under way", FUNCTION_BODY, 1, 3, {IJ(FORK, 0, 1), I0(ENDFORK), RET}},
    {"pc 3: is reached from inside and from outside a branch",
     FUNCTION_BODY,
     1,
     4,
     {IJ(FORK, 0, 1), IJ(JMP, 0, 1), I0(JOIN), RET}},
    {"pc 1: uses register 2, the function has 2",
     FUNCTION_BODY,
     2,
     4,
     {IJ(FORK, 0, 1), I3(ENDFORK, 1, 2, 0), I0(JOIN), RET}},
    {"good", FUNCTION_BODY, 2, 4, {IJ(FORK, 0, 1), I3(ENDFORK, 0, 2, 0), I0(JOIN), RET}},
    {"pc 0: INVOKE in a function that must be pure", FUNCTION_PURE, 1, 2, {IX(INVOKE, 0, 0), RET}},
    {"pc 0: RECORD in a function that must be pure", FUNCTION_MATCH, 1, 2, {I0(RECORD), RET}},
    {"pc 0: STOP in a function that must be pure", FUNCTION_PURE, 1, 2, {I0(STOP), RET}},
    {"pc 0: FORK in a function that must be pure", FUNCTION_MATCH, 1, 4, {IJ(FORK, 0, 1), I0(ENDFORK), I0(JOIN), RET}},
    {"pc 1: VERIFY in a function that must be pure", FUNCTION_PURE, 4, 3, {I0(NOP), IJ(VERIFY, 0, -2), RET}},
    {"pc 0: DRY in a function that must be pure", FUNCTION_MATCH, 1, 2, {IJ(DRY, 0, 0), RET}},
    {"pc 0: a pure function calls an action", FUNCTION_PURE, 2, 2, {IX(CALL, 0, ACTION_FN), RET}},
    {"pc 0: calls t, which is not a function to be called", FUNCTION_BODY, 2, 2, {IX(CALL, 0, 2), RET}},
    {"pc 0: the function can reach itself: recursion", FUNCTION_PURE, 1, 2, {IX(CALL, 0, 2), RET}},
    {"pc 0: CAPTURE in a function that has no undo", FUNCTION_ACTION, 1, 2, {I3(CAPTURE, 0, 0, 0), RET}},
    {"pc 0: CAPTURE in a function that must be pure", FUNCTION_PURE, 1, 2, {I3(CAPTURE, 0, 0, 0), RET}},
    {"good", FUNCTION_BODY, 1, 2, {IJ(UNDONEXT, 0, -1), RET}},
    {"pc 0: UNDONEXT must jump backwards", FUNCTION_BODY, 1, 2, {IJ(UNDONEXT, 0, 0), RET}},
    {"pc 0: jumps outside the function", FUNCTION_BODY, 1, 2, {IJ(UNDONEXT, 0, -2), RET}},
    {"pc 0: uses register 1, the function has 1", FUNCTION_BODY, 1, 2, {IJ(UNDONEXT, 1, -1), RET}},
    {"pc 0: UNDONEXT outside the body of a playbook", FUNCTION_ACTION, 1, 2, {IJ(UNDONEXT, 0, -1), RET}},
    {"pc 1: UNDONEXT inside a branch",
     FUNCTION_BODY,
     1,
     5,
     {IJ(FORK, 0, 2), IJ(UNDONEXT, 0, -1), I0(ENDFORK), I0(JOIN), RET}},
    {"pc 2: UNDONEXT while branches are under way",
     FUNCTION_BODY,
     1,
     5,
     {IJ(FORK, 0, 1), I0(ENDFORK), IJ(UNDONEXT, 0, -1), I0(JOIN), RET}},
    {"pc 0: uses register 3, the function has 2", FUNCTION_BODY, 2, 2, {I3(AUTHORIZE, 0, 3, 0), RET}},
    {"pc 0: an unused operand is not 0", FUNCTION_BODY, 2, 2, {I3(AUTHORIZE, 0, 1, 1), RET}},
    {"pc 0: AUTHORIZE outside the body of a playbook", FUNCTION_ACTION, 2, 2, {I3(AUTHORIZE, 0, 1, 0), RET}},
    {"pc 0: AUTHORIZE outside the body of a playbook", FUNCTION_PURE, 2, 2, {I3(AUTHORIZE, 0, 1, 0), RET}},
};

static void test_rules(void) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const bad *b = &rules[i];
        iw *w = base();
        iw_function_begin(w, PB_STR("t"), b->kind, PB_CONTAIN, 0);
        for (uint32_t k = 0; k < b->n; k++) iw_emit(w, b->code[k]);
        iw_function_end(w, b->nregs);
        const char *said = load(w), *behind = strncmp(said, "function t, ", 12) == 0 ? said + 12 : said;
        /* What ends in a blank depends on a table's size or on the order of visits: only its beginning is compared. */
        size_t n = strlen(b->says);
        if (b->says[n - 1] == ' ' && strncmp(behind, b->says, n) == 0) continue;
        CHECK_STR(behind, b->says);
    }
}

static void test_many_tries(void) {
    for (uint32_t n = IMAGE_MAX_TRY; n <= IMAGE_MAX_TRY + 1; n++) {
        iw *w = base();
        iw_function_begin(w, PB_STR("t"), FUNCTION_BODY, PB_PURE, 0);
        for (uint32_t i = 0; i < n; i++) EMITJ(TRY, 0, 0);
        /* The handler of TRY i is where i are still open. */
        for (uint32_t i = 0; i < n; i++) EMIT(ENDTRY, 0, 0, 0);
        EMIT(RETURN, 0, 0, 0);
        for (uint32_t i = 0; i < n; i++) iw_jump(w, i, n + (n - i));
        iw_function_end(w, 1);
        if (n == IMAGE_MAX_TRY)
            CHECK_STR(load(w), "good");
        else
            CHECK_STR(load(w), "function t, pc 16: more than 16 TRYs open");
    }
}

/* FORK in a branch in a branch ... each with its ENDFORK and JOIN. */
static const char *forks_deep(uint32_t depth) {
    iw *w = base();
    uint32_t forks[IMAGE_MAX_FORK_DEPTH + 1];
    iw_function_begin(w, PB_STR("t"), FUNCTION_BODY, PB_PURE, 0);
    for (uint32_t i = 0; i < depth; i++) forks[i] = EMITJ(FORK, 0, 0);
    for (uint32_t i = depth; i-- > 0;) {
        EMIT(ENDFORK, 0, 0, 0);
        iw_jump(w, forks[i], iw_pc(w));
        EMIT(JOIN, 0, 0, 0);
    }
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 1);
    return load(w);
}

static void test_fork_depth(void) {
    CHECK_STR(forks_deep(IMAGE_MAX_FORK_DEPTH), "good");
    CHECK_STR(forks_deep(IMAGE_MAX_FORK_DEPTH + 1), "function t, pc 8: more than 8 parallels inside one another");
}

/* Functions that call one another in a row: 64 deep is good, 65 is not; so is a ring. */
static const char *chain(uint32_t depth, bool ring) {
    iw *w = start();
    for (uint32_t i = 0; i < depth; i++) {
        iw_function_begin(w, PB_STR("t"), FUNCTION_PURE, PB_PURE, 0);
        if (i)
            EMITX(CALL, 0, i - 1);
        else if (ring)
            EMITX(CALL, 0, depth - 1);
        EMIT(RETURN, 0, 0, 0);
        iw_function_end(w, 1);
    }
    return load(w);
}

static void test_call_depth(void) {
    CHECK_STR(chain(IMAGE_MAX_DEPTH, false), "good");
    CHECK_STR(chain(IMAGE_MAX_DEPTH + 1, false), "function t, pc 0: calls go deeper than 64");
    CHECK_STR(chain(2, true), "function t, pc 0: the function can reach itself: recursion");
    CHECK_STR(chain(IMAGE_MAX_DEPTH, true), "function t, pc 0: the function can reach itself: recursion");
}

/* ---- undo and guards ---- */

/* An action of two parameters (function 2) whose undo is function `undo` and keeps n values; what its code captures. */
static iw *undoable(uint32_t undo, uint32_t n, uint32_t captures, uint32_t nregs) {
    iw *w = base();
    uint32_t f = iw_function_begin(w, PB_STR("t"), FUNCTION_ACTION, PB_CONTAIN, 2);
    EMIT(CAPTURE, 2, captures, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, nregs);
    iw_undo(w, f, undo, n);
    return w;
}

static iw *undo_function(iw *w, enum image_function kind, pb_effect effect, uint32_t nparams) {
    iw_function_begin(w, PB_STR("undo t"), kind, effect, nparams);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, nparams ? nparams : 1);
    return w;
}

#define WRONG_UNDO "the image is damaged: function 2 has the wrong undo"
static void test_undo(void) {
    CHECK_STR(load(undo_function(undoable(3, 1, 1, 3), FUNCTION_ACTION, PB_CONTAIN, 3)), "good");
    CHECK_STR(load(undo_function(undoable(3, 0, 0, 2), FUNCTION_ACTION, PB_CONTAIN, 2)), "good");
    CHECK_STR(load(undo_function(undoable(3, 1, 2, 4), FUNCTION_ACTION, PB_CONTAIN, 3)),
              "function t, pc 0: captures 2 values, the undo takes 1");
    CHECK_STR(load(undo_function(undoable(3, 2, 2, 3), FUNCTION_ACTION, PB_CONTAIN, 4)),
              "function t, pc 0: uses register 3, the function has 3");
    CHECK_STR(load(undo_function(undoable(3, 1, 1, 3), FUNCTION_ACTION, PB_CONTAIN, 2)), WRONG_UNDO);
    CHECK_STR(load(undo_function(undoable(3, 1, 1, 3), FUNCTION_PURE, PB_PURE, 3)), WRONG_UNDO);
    CHECK_STR(load(undo_function(undoable(3, 1, 1, 3), FUNCTION_ACTION, PB_DESTROY, 3)), WRONG_UNDO);
    CHECK_STR(load(undoable(2, 0, 0, 3)), WRONG_UNDO); /* its own, which has an undo */
    CHECK_STR(load(undoable(9, 0, 0, 3)), "the image is damaged: FUNCTIONS 2, field 11 has an impossible value");
    iw *w = undo_function(undoable(3, 1, 1, 3), FUNCTION_ACTION, PB_CONTAIN, 3);
    iw_undo_none(w, 2, PB_STR("never"));
    CHECK_STR(load(w), WRONG_UNDO);
    w = base();
    iw_undo_none(w, PURE_FN, PB_STR("never"));
    CHECK_STR(load(w), "the image is damaged: function 0 has the wrong undo");
    w = base();
    iw_undo(w, ACTION_FN, IMAGE_NIL, 1);
    CHECK_STR(load(w), "the image is damaged: function 1 has the wrong undo");
    w = base();
    iw_target(w, ACTION_FN, 2);
    CHECK_STR(load(w), "the image is damaged: the target of function 1 is none of its parameters");
    w = base();
    iw_params(w, ACTION_FN, iw_list(w, NULL, 0));
    CHECK_STR(load(w), "the image is damaged: function 1 has other parameters than it names");
    /* Without a step of its own there is nothing that could be undone. */
    w = undo_function(undoable(3, 1, 1, 3), FUNCTION_ACTION, PB_CONTAIN, 3);
    iw_function_begin(w, PB_STR("u"), FUNCTION_BODY, PB_CONTAIN, 0);
    EMITX(CALL, 0, 2);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 2);
    CHECK_STR(load(w), "function u, pc 0: calls an action that has an undo without a step of its own");
    w = base();
    uint32_t f = iw_function_begin(w, PB_STR("t"), FUNCTION_ACTION, PB_CONTAIN, 0);
    uint32_t fork = EMITJ(FORK, 0, 0);
    EMIT(CAPTURE, 0, 0, 0);
    EMIT(ENDFORK, 0, 0, 0);
    iw_jump(w, fork, iw_pc(w));
    EMIT(JOIN, 0, 0, 0);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 1);
    iw_undo(w, f, 3, 0);
    CHECK_STR(load(undo_function(w, FUNCTION_ACTION, PB_CONTAIN, 0)), "function t, pc 1: CAPTURE inside a branch");
}

/* A guard whose function is the next one to be made. */
static iw *guarded(void) {
    iw *w = base();
    uint32_t text = iw_string(w, PB_STR("t.*"));
    iw_guard_info g = {.name = PB_STR("g"), .function = 2, .patterns = iw_list(w, &text, 1)};
    iw_guard(w, &g);
    return w;
}

static const char *guard_of(enum image_function kind, pb_effect effect, uint32_t nparams, uint32_t instruction) {
    iw *w = guarded();
    iw_function_begin(w, PB_STR("t"), kind, effect, nparams);
    iw_emit(w, instruction);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 3);
    return load(w);
}

#define WRONG_GUARD "the image is damaged: guard 0 has the wrong function"
static void test_guards(void) {
    CHECK_STR(guard_of(FUNCTION_ACTION, PB_READ, 1, I0(NOP)), "good");
    CHECK_STR(guard_of(FUNCTION_ACTION, PB_CONTAIN, 1, I0(NOP)), WRONG_GUARD);
    CHECK_STR(guard_of(FUNCTION_ACTION, PB_READ, 2, I0(NOP)), WRONG_GUARD);
    CHECK_STR(guard_of(FUNCTION_PURE, PB_PURE, 1, I0(NOP)), WRONG_GUARD);
    CHECK_STR(guard_of(FUNCTION_BODY, PB_READ, 1, I0(NOP)), WRONG_GUARD);
    CHECK_STR(guard_of(FUNCTION_ACTION, PB_READ, 1, I0(STOP)), "function t, pc 0: a guard reaches STOP");
    CHECK_STR(guard_of(FUNCTION_ACTION, PB_READ, 1, I0(RECORD)), "function t, pc 0: a guard reaches RECORD");
    CHECK_STR(load(guarded()), "the image is damaged: GUARDS 0, field 1 has an impossible value");
    /* Through another function. */
    iw *w = guarded();
    iw_function_begin(w, PB_STR("t"), FUNCTION_ACTION, PB_READ, 1);
    EMITX(CALL, 0, 3);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 2);
    iw_site_info s = {.kind = SITE_HOST, .host = PB_STR("cut"), .name = PB_STR("cut"), .effect = PB_CONTAIN, .nargs = 1};
    s.title = s.name;
    uint32_t site = iw_site(w, &s);
    iw_function_begin(w, PB_STR("u"), FUNCTION_ACTION, PB_READ, 1);
    EMITX(INVOKE, 0, site);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 1);
    CHECK_STR(load(w), "function u, pc 0: a guard reaches this call, which does more than read");
}

/* The key of `dedupe` is a pure function of the event. */
static void test_dedupe(void) {
    for (uint32_t i = 0; i < 2; i++) {
        iw *w = base();
        uint32_t none = iw_list(w, NULL, 0), f[2];
        for (uint32_t k = 0; k < 2; k++) {
            f[k] = iw_function_begin(w, PB_STR("t"), k ? FUNCTION_BODY : FUNCTION_MATCH, PB_PURE, 1);
            EMIT(RETURN, 0, 0, 0);
            iw_function_end(w, 1);
        }
        iw_event_info e = {.name = PB_STR("e"), .sources = none, .detail_types = none, .payload = PB_STR("")};
        iw_playbook_info p = {.name = PB_STR("p"), .controls = none, .match = f[0], .body = f[1]};
        p.event = iw_event(w, &e);
        p.has_dedupe = true;
        p.dedupe = i ? ACTION_FN : PURE_FN;
        iw_playbook(w, &p);
        CHECK_STR(load(w), i ? "the image is damaged: playbook 0 has the wrong functions" : "good");
    }
}

/* ---- content and files ---- */

static const char *load_bytes(const void *bytes, size_t n) {
    pb_str err = {NULL, 0};
    vm_program *p = vm_program_load(bytes, n, arena, &err);
    if (!p) return pb_strdup(arena, err.s, err.n).s;
    vm_program_close(p);
    return "good";
}

static void test_content(void) {
    iw *w = start();
    body(w);
    iw_const_float(w, 0.0 / 0.0);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 1);
    CHECK_STR(load(w), "the image is damaged: a constant is not a finite number");
    w = start();
    iw_string(w, PB_STR("\xff"));
    CHECK_STR(load(w), "the image is damaged: a string is not UTF-8");
    w = start();
    body(w);
    iw_place(w, 5, 1);
    EMIT(RETURN, 0, 0, 0);
    iw_function_end(w, 1);
    CHECK_STR(load(w), "the image is damaged: instruction 0 comes from no source");
    CHECK_STR(load_bytes("", 0), "not a program image (it does not begin as a .pbx file does)");
}

static const char *open_file(const char *path) {
    pb_str err = {NULL, 0};
    vm_program *p = vm_program_open(path, arena, &err);
    if (!p) return pb_strdup(arena, err.s, err.n).s;
    static const char digits[] = "0123456789abcdef";
    const char *sha = vm_program_sha256(p);
    CHECK(strlen(sha) == 64 && strspn(sha, digits) == 64 && vm_program_sha256(p) == sha);
    vm_program_close(p);
    return "good";
}

static void test_files(void) {
    char dir[] = "/tmp/pbverify.XXXXXX";
    if (!mkdtemp(dir)) return;
    char *file = NULL, *fifo = NULL;
    pb_buf image = {0};
    iw *w = base();
    CHECK(iw_finish(w, &image) == IW_OK);
    if (asprintf(&file, "%s/a.pbx", dir) < 0 || asprintf(&fifo, "%s/fifo", dir) < 0) return;
    CHECK_STR(open_file(file), pb_printf(arena, "%s: cannot be read: No such file or directory", file).s);
    int fd = open(file, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && write(fd, image.data, image.len) == (ssize_t)image.len);
    CHECK_STR(open_file(file), "good");
    CHECK(ftruncate(fd, (off_t)image.len - 1) == 0);
    CHECK_STR(open_file(file),
              pb_printf(arena, "%s: the image is cut short or has something behind it (%zu bytes, should be %zu)", file,
                        image.len - 1, image.len)
                  .s);
    CHECK(ftruncate(fd, 0) == 0);
    CHECK_STR(open_file(file),
              pb_printf(arena, "%s: not a program image (it does not begin as a .pbx file does)", file).s);
    CHECK(ftruncate(fd, (off_t)IMAGE_MAX_SIZE + 1) == 0);
    CHECK_STR(open_file(file), pb_printf(arena, "%s: larger than the 64 MiB an image may have", file).s);
    close(fd);
    CHECK_STR(open_file(dir), pb_printf(arena, "%s: cannot be read: Is a directory", dir).s);
    CHECK(mkfifo(fifo, 0600) == 0);
    CHECK_STR(open_file(fifo),
              pb_printf(arena, "%s: cannot be read: Invalid argument", fifo).s); /* without waiting for a writer */
    unlink(file), unlink(fifo), rmdir(dir);
    free(file), free(fifo);
    pb_buf_free(&image);
}

/* ---- damage ---- */

static uint64_t seed;
static uint32_t random_number(uint32_t below) { /* xorshift64* */
    seed ^= seed >> 12, seed ^= seed << 25, seed ^= seed >> 27;
    return (uint32_t)((seed * 2685821657736338717u) >> 32) % below;
}

static pb_value random_value(int depth) {
    pb_value *items, v;
    switch (random_number(depth > 2 ? 7 : 9)) {
    case 0: return none();
    case 1: return pb_bool(random_number(2));
    case 2: return pb_int((int64_t)random_number(2000) - 1000);
    case 3: return pb_float(random_number(100) / 8.0);
    case 4: return pb_string_c("arn:aws:iam::123456789012:user/x");
    case 5: return pb_time(random_number(1u << 31));
    case 6: return random_number(4) ? pb_string_c("i-0123456789abcdef0") : unknown();
    case 7:
        v = pb_list_new(arena, 2, &items);
        for (int i = 0; i < 2; i++) items[i] = random_value(depth + 1);
        return v;
    default: {
        static const char *const names[] = {"id",        "severity",   "type",  "Reservations",
                                            "Instances", "InstanceId", "State", "Name"};
        pb_map_builder b = {.arena = arena};
        for (int i = 0; i < 4; i++) pb_map_add(&b, pb_str_c(names[random_number(8)]), random_value(depth + 1));
        return pb_map_done(&b);
    }
    }
}

typedef struct fuzz {
    vm_call *calls[8];
    void *sleepers[8];
    int ncalls, nsleepers;
    int64_t now;
} fuzz;

static void fuzz_invoke(void *ctx, vm_call *c) {
    fuzz *z = ctx;
    if (random_number(3) == 0 && z->ncalls < 8)
        z->calls[z->ncalls++] = c;
    else if (random_number(4))
        vm_return(c, random_value(0));
    else
        vm_raise(c, PB_STR("boom"), PB_STR("it broke"));
}

static void fuzz_sleep(void *ctx, vm_run *r, void *token, int64_t ms) {
    fuzz *z = ctx;
    z->now += ms;
    CHECK(ms >= 0);
    if (z->nsleepers < 8)
        z->sleepers[z->nsleepers++] = token;
    else
        vm_wake(r, token);
}

static int64_t fuzz_now(void *ctx) { return ((fuzz *)ctx)->now++; }

static void fuzz_run(const vm_program *p, uint32_t function, pb_arena *a) {
    fuzz z = {.now = 1};
    vm_hooks hooks = {&z, fuzz_invoke, NULL, NULL, fuzz_sleep, fuzz_now, fuzz_now, random_number(4) == 0, NULL};
    vm_limits limits = {.memory = 1 << 20, .instructions = 20000, .deadline_ms = 600000};
    pb_value params[64];
    for (int i = 0; i < 64; i++) params[i] = pb_string_c("x");
    if (vm_count(p, SECTION_PARAMS) > 64) return;
    vm_run *r = vm_run_new(p, function, random_value(0), params, random_value(0), &limits, &hooks, a);
    if (!r) return;
    while (vm_run_go(r) == VM_RUNNING && (z.ncalls || z.nsleepers)) {
        if (z.ncalls)
            vm_return(z.calls[--z.ncalls], random_value(0));
        else
            vm_wake(r, z.sleepers[--z.nsleepers]);
    }
    CHECK(vm_run_outcome(r) != VM_RUNNING);
    CHECK(vm_run_outcome(r) != VM_FAILED || !pb_str_is(vm_run_error_code(r), "internal"));
    pb_buf evidence = {0};
    pb_json_write(&evidence, vm_run_record(r));
    pb_buf_free(&evidence);
    vm_run_end(r);
}

static void fuzz_match(const vm_program *p, uint32_t function, pb_arena *a) {
    vm_limits limits = {.memory = 1 << 20, .instructions = 20000};
    bool matched;
    pb_str err;
    pb_value params[64] = {{0}};
    if (vm_count(p, SECTION_PARAMS) <= 64)
        vm_match(p, function, random_value(0), params, random_value(0), &limits, a, &matched, &err);
}

/* Loads the bytes (of an allocation of their own, so that the sanitizer sees a byte too many) and runs what it can. */
static bool try_image(const uint8_t *bytes, size_t n) {
    pb_arena *a = pb_arena_new(16 << 20), *kept = arena;
    pb_str err = {NULL, 0};
    uint8_t *copy = malloc(n ? n : 1);
    if (!a || !copy) return false;
    memcpy(copy, bytes, n);
    arena = a;
    vm_program *p = vm_program_load(copy, n, a, &err);
    if (!p) CHECK(err.n > 0);
    for (uint32_t f = 0; p && f < vm_count(p, SECTION_FUNCTIONS); f++) {
        uint32_t kind = vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_kind);
        if (kind == FUNCTION_BODY) fuzz_run(p, f, a);
        if (kind == FUNCTION_MATCH) fuzz_match(p, f, a);
    }
    bool loaded = p != NULL;
    vm_program_close(p);
    arena = kept;
    pb_arena_free(a);
    free(copy);
    return loaded;
}

static void fix_checksum(uint8_t *image, size_t n) {
    image_put_u32(image + 16, (uint32_t)crc32(0, image + IMAGE_HEAD, (uInt)(n - IMAGE_HEAD)));
}

/* Where a word of a section (not of BYTES) lies; 0: it has none. */
static size_t word_of(const uint8_t *image, enum image_section s) {
    uint32_t offset = image_u32(image + IMAGE_HEAD + 8 * s), count = image_u32(image + IMAGE_HEAD + 8 * s + 4);
    uint32_t words = count * image_record_fields[s];
    return words ? offset + 4 * random_number(words) : 0;
}

/* Another instruction whose operands are likely to be good. */
static void change_instruction(uint8_t *word) {
    uint32_t i = image_u32(word);
    switch (random_number(4)) {
    case 0: i = (i & ~0xffu) | random_number(OPCODE_COUNT); break;
    case 1: i = (i & ~0xff00u) | random_number(24) << 8; break;
    case 2: i = (i & 0xffffu) | random_number(24) << 16; break;
    default: i = (i & 0xffffffu) | random_number(24) << 24; break;
    }
    image_put_u32(word, i);
}

/* `good` says where things are: a change before may have moved the sections. */
static void change(uint8_t *image, const uint8_t *good, size_t n) {
    size_t at;
    switch (random_number(6)) {
    case 0: image[random_number((uint32_t)n)] ^= (uint8_t)(1u << random_number(8)); break;
    case 1: image[random_number((uint32_t)n)] = (uint8_t)random_number(256); break;
    case 2:
        at = word_of(good, (enum image_section)(1 + random_number(SECTION_COUNT - 1)));
        if (at) image_put_u32(image + at, random_number(4) ? random_number(40) : UINT32_MAX - random_number(3));
        break;
    default:
        for (int k = 0; k < 3; k++) {
            at = word_of(good, SECTION_CODE);
            if (at) change_instruction(image + at);
        }
    }
}

/* A program in which much happens, as the compiler writes it. */
static const char library[] =
    "event test.finding { source \"test\" detail_type \"Finding\" schema Finding payload \"detail\" id \"id\" "
    "sample \"sample\" principal [\"who\"] resources(\"id\", \"tags.0\") }\n"
    "type Finding { id: string severity: float? tags: list[string] sample: bool? who: string? }\n"
    "extern action t.look(id: string): json? read\n"
    "extern action t.cut(id: string, n: int): { changed: bool } contain\n"
    "extern action t.kill(id: string) destroy\n"
    "action t.contain(id: string): { changed: bool } contain {\n"
    "  let was = t.look(id)\n"
    "  if was exists { return { changed: false } }\n"
    "  do t.cut(id, 8)\n"
    "  verify t.look(id) exists within 3s else \"still there\"\n"
    "  return { changed: true }\n"
    "} undo {\n"
    "  if was exists { return { changed: false } }\n"
    "  do t.cut(id, 0)\n"
    "}\n"
    "action t.end(id: string) destroy on id { do t.kill(id) } undo none \"it is gone\"\n";
static const char source[] =
    "param channel: string = \"#security\"\n"
    "fn twice(a: int): int = a + a\n"
    "playbook one {\n"
    "  version \"1.0.0\"\n  owner \"t@example.com\"\n  summary \"s\"\n  tier approve\n  controls [\"X-1\"]\n"
    "  dedupe by f.id within 1h  limit 5 per 1h else approve  concurrency 3  timeout 1d\n"
    "  when test.finding as f\n"
    "  where f.severity >= 5 and f.id matches \"^i-[0-9a-f]+$\"\n"
    "  let names = [upper for upper in f.tags if upper like \"A*\"]\n"
    "  on failure undo\n"
    "  on failure { do t.cut(error.code, 1) }\n"
    "  let seen = t.look(f.id)\n"
    "  parallel {\n    do t.contain(f.id) as first retry 2 timeout 10s\n    do t.cut(f.id, twice(3)) as second else { "
    "record { failed: error.message } }\n  }\n"
    "  for n in names { if n matches \"^[A-Z]+$\" { do t.cut(n, n.size()) } }\n"
    "  where first.changed\n"
    "  wait 5m\n"
    "  approve \"End ${f.id}?\" via slack \"#c\" by group \"g\" quorum 2 within 30m escalate to group \"h\" after 10m {\n"
    "    do t.end(f.id)\n    record { seen: seen }\n"
    "  } denied { stop \"denied\" }\n"
    "  authorize \"break-glass\" because \"CHG-1\"\n"
    "  do t.end(f.id)\n"
    "  record { affected_resource: f.id  names: names.join(channel) second: second.changed }\n"
    "}\n"
    "guard g { on t.end as a where t.look(a.args.id) exists deny \"${a.args.id} is looked at\" unless authorized \"break-glass\" }\n"
    "site {\n"
    "  store \"sqlite:///x\"  observe true\n"
    "  person \"alice\" { login: \"alice\" }  group \"g\" { people: [\"alice\"] slack_group: \"S1\" }\n"
    "  group \"h\" { people: \"alice\" }  approvals { via: channel by: \"g\" quorum: 2 within: 1h }\n"
    "}\n";

static void complain(diag_list *diags, const source_set *sources) {
    pb_buf text = {0};
    diag_render(diags, sources, DIAG_TEXT, false, &text);
    fputs(text.data ? text.data : "", stderr);
    pb_buf_free(&text);
}

static bool compile(pb_buf *image) {
    pb_arena *a = pb_arena_new(0);
    const builtin_source builtins[] = {{"<test>/t.pb", library, sizeof library - 1}};
    diag_list *diags = a ? diag_new(a) : NULL;
    ast_program *tree = diags ? parse_text(a, diags, builtins, 1, "test.pb", source, sizeof source - 1) : NULL;
    bool ok = tree && check_program(tree, NULL, diags) && codegen_program(tree, diags, image);
    if (tree && !ok) complain(diags, tree->sources);
    pb_arena_free(a);
    return ok;
}

/* The playbooks of this project with all of the library that they reach. */
static bool compile_playbooks(pb_buf *image) {
    pb_arena *a = pb_arena_new(0);
    const char *const paths[] = {"playbooks"};
    size_t n;
    const builtin_source *builtins = stdlib_sources(&n);
    diag_list *diags = a ? diag_new(a) : NULL;
    source_set *sources = NULL;
    bool ok = diags && compile_paths(a, diags, &sources, aws_schema(), builtins, n, paths, 1, image);
    if (sources && !ok) complain(diags, sources);
    pb_arena_free(a);
    return ok;
}

static void test_truncated(const pb_buf *image) {
    for (size_t n = 0; n < image->len; n++) {
        CHECK(!try_image((const uint8_t *)image->data, n));
        if (n < IMAGE_HEAD) continue;
        /* The same with a head that agrees with the size. */
        uint8_t *copy = malloc(n);
        if (!copy) return;
        memcpy(copy, image->data, n);
        image_put_u32(copy + 12, (uint32_t)n);
        fix_checksum(copy, n);
        try_image(copy, n);
        free(copy);
    }
}

static void test_flipped(const pb_buf *image) {
    uint8_t *copy = malloc(image->len);
    if (!copy) return;
    for (size_t i = 0; i < image->len; i++) {
        memcpy(copy, image->data, image->len);
        copy[i] ^= (uint8_t)(1u << (i % 8));
        CHECK(!try_image(copy, image->len)); /* the checksum finds every single change, also in the head */
    }
    free(copy);
}

static void test_changed(const pb_buf *image, int rounds) {
    uint8_t *copy = malloc(image->len);
    int loaded = 0;
    if (!copy) return;
    for (int round = 0; round < rounds; round++) {
        memcpy(copy, image->data, image->len);
        seed = 88172645463325252u + (uint64_t)round;
        for (uint32_t k = 1 + random_number(3); k; k--) change(copy, (const uint8_t *)image->data, image->len);
        fix_checksum(copy, image->len);
        loaded += try_image(copy, image->len);
    }
    CHECK(loaded > rounds / 50); /* else this would only test the loader */
    free(copy);
}

int main(void) {
    pb_buf image = {0}, all = {0};
    arena = pb_arena_new(0);
    CASE("each rule of the verifier") test_rules();
    CASE("too many TRYs") test_many_tries();
    CASE("parallels too deep") test_fork_depth();
    CASE("calls too deep and recursion") test_call_depth();
    CASE("undo") test_undo();
    CASE("guards") test_guards();
    CASE("the key of dedupe") test_dedupe();
    CASE("content of an image") test_content();
    CASE("image files") test_files();
    CASE("a program to be damaged") CHECK(compile(&image) && try_image((const uint8_t *)image.data, image.len));
    if (image.len) {
        CASE("every truncation") test_truncated(&image);
        CASE("every byte changed") test_flipped(&image);
        CASE("damage under a good checksum") test_changed(&image, FUZZ_ROUNDS);
    }
    CASE("the project's playbooks compiled")
    CHECK(compile_playbooks(&all) && try_image((const uint8_t *)all.data, all.len));
    if (all.len) CASE("the same, damaged") test_changed(&all, FUZZ_ROUNDS / 20);
    pb_buf_free(&image);
    pb_buf_free(&all);
    pb_arena_free(arena);
    return check_done();
}
