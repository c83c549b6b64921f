/*
 * exec.c - executes instructions: one function an opcode, exec_<NAME>, and a dispatch that is generated from
 * opcodes.def.
 *
 * The verifier has proven that registers, constants, sites and jump targets exist, so nothing is checked twice here;
 * what is checked are values. Each instruction costs one unit of the instruction budget, and operations that take time
 * in proportion to their input charge for it themselves (vm/env.h).
 *
 * An unknown (dry runs: what a call that was held back would have given) is there, and is neither true nor false. Both
 * conditional jumps are made on it: JMPF and JMPT, so the compiler says by its choice which way a plan goes. The step
 * it happens in says that the real run may go the other way.
 */
#include "vm/run.h"

#include "lang/opcodes.h"
#include "vm/builtins.h"
#include "vm/guard.h"
#include "vm/ops.h"
#include "vm/undo.h"

typedef struct exec {
    fiber *f;
    vm_run *r;
    vm_env *env;
    frame *t;       /* the fiber's top frame */
    pb_value *regs; /* its registers */
    uint32_t i;     /* the instruction */
} exec;

#define A (x->regs[op_a(x->i)])
#define B (x->regs[op_b(x->i)])
#define C (x->regs[op_c(x->i)])

static outcome done(bool ok) { return ok ? GO : RAISE; }
static pb_value constant(const exec *x, uint32_t k) { return vm_const(x->env->program, x->t->fn->consts + k); }
static void jump(exec *x) { x->t->pc = (uint32_t)((int64_t)x->t->pc + op_sbx(x->i)); }

/* ---- loading ---- */

static outcome exec_NOP(exec *x) {
    (void)x;
    return GO;
}

static outcome exec_MOVE(exec *x) {
    A = B;
    return GO;
}

static outcome exec_LOADK(exec *x) {
    A = constant(x, op_bx(x->i));
    return GO;
}

static outcome exec_LOADI(exec *x) {
    A = pb_int(op_sbx(x->i));
    return GO;
}

static outcome exec_LOADNONE(exec *x) {
    A = PB_NONE_VALUE;
    return GO;
}

static outcome exec_LOADBOOL(exec *x) {
    A = pb_bool(op_b(x->i) != 0);
    return GO;
}

static outcome exec_PARAM(exec *x) {
    A = x->r->params ? x->r->params[op_bx(x->i)] : PB_NONE_VALUE;
    return GO;
}

static outcome exec_RUN(exec *x) {
    A = x->r->context;
    return GO;
}

/* ---- operators ---- */

static outcome binary(exec *x, op_binary *op) {
    pb_value v;
    if (!op(x->env, B, C, &v)) return RAISE;
    A = v;
    return GO;
}

static outcome unary(exec *x, bool (*op)(vm_env *, pb_value, pb_value *)) {
    pb_value v;
    if (!op(x->env, B, &v)) return RAISE;
    A = v;
    return GO;
}

static outcome exec_INDEX(exec *x) { return binary(x, op_index); }
static outcome exec_ADD(exec *x) { return binary(x, op_add); }
static outcome exec_SUB(exec *x) { return binary(x, op_sub); }
static outcome exec_MUL(exec *x) { return binary(x, op_mul); }
static outcome exec_DIV(exec *x) { return binary(x, op_div); }
static outcome exec_MOD(exec *x) { return binary(x, op_mod); }
static outcome exec_EQ(exec *x) { return binary(x, op_eq); }
static outcome exec_NE(exec *x) { return binary(x, op_ne); }
static outcome exec_LT(exec *x) { return binary(x, op_lt); }
static outcome exec_LE(exec *x) { return binary(x, op_le); }
static outcome exec_IN(exec *x) { return binary(x, op_in); }
static outcome exec_INCIDR(exec *x) { return binary(x, op_incidr); }
static outcome exec_LIKE(exec *x) { return binary(x, op_like); }
static outcome exec_MATCHES(exec *x) { return binary(x, op_matches); }
static outcome exec_NEG(exec *x) { return unary(x, op_neg); }
static outcome exec_NOT(exec *x) { return unary(x, op_not); }

static outcome exec_FIELD(exec *x) {
    pb_value v;
    if (!op_field(x->env, B, constant(x, op_c(x->i)), &v)) return RAISE;
    A = v;
    return GO;
}

static outcome exec_EXISTS(exec *x) {
    A = pb_bool(B.kind != PB_NONE);
    return GO;
}

static outcome exec_CAST(exec *x) {
    pb_value v;
    if (!op_cast(x->env, A, op_bx(x->i), &v)) return RAISE;
    A = v;
    return GO;
}

/* ---- making ---- */

static outcome several(exec *x, bool (*op)(vm_env *, const pb_value *, uint32_t, pb_value *)) {
    pb_value v;
    if (!op(x->env, x->regs + op_b(x->i), op_c(x->i), &v)) return RAISE;
    A = v;
    return GO;
}

static outcome exec_LIST(exec *x) { return several(x, op_list); }
static outcome exec_MAP(exec *x) { return several(x, op_map); }
static outcome exec_CONCAT(exec *x) { return several(x, op_concat); }

/* Room for one more item behind those of list, which is register `reg`'s. False: error set. */
static bool grow(exec *x, uint32_t reg, pb_value list, growth **out) {
    if (!x->t->growths) x->t->growths = env_alloc_array(x->env, x->t->fn->nregs, sizeof(growth));
    if (!x->t->growths) return false;
    growth *g = *out = &x->t->growths[reg];
    if (list.n && g->items == list.u.items && g->used == list.n && g->used < g->cap) return true;
    if (list.n > UINT32_MAX / 4) return env_no_memory(x->env);
    uint32_t cap = list.n < 4 ? 8 : list.n * 2;
    pb_value *items = env_alloc_array(x->env, cap, sizeof *items);
    if (!items) return false;
    if (list.n) memcpy(items, list.u.items, list.n * sizeof *items);
    *g = (growth){items, list.n, cap};
    return true;
}

/* The list keeps its items where they are as long as nobody has appended behind them: other values that share
 * them see only as many as they had. */
static outcome exec_APPEND(exec *x) {
    pb_value list = A, item = B;
    growth *g;
    if (list.kind == PB_UNKNOWN) return GO;
    if (list.kind != PB_LIST && list.kind != PB_NONE)
        return done(env_fail(x->env, "type", "cannot append to %s", vm_a_kind(list)));
    if (!grow(x, op_a(x->i), list, &g)) return RAISE;
    ((pb_value *)(uintptr_t)g->items)[g->used++] = item;
    A = (pb_value){.kind = PB_LIST, .n = g->used, .u.items = g->items};
    return GO;
}

static outcome exec_BUILTIN(exec *x) {
    pb_value v;
    if (!vm_builtin_call(x->env, op_b(x->i), &A, op_c(x->i), &v)) return RAISE;
    A = v;
    return GO;
}

/* ---- calls ---- */

static outcome exec_CALL(exec *x) {
    const vm_function *fn = &x->env->program->functions[op_bx(x->i)];
    frame *t = frame_new(x->r, fn);
    if (!t) return RAISE;
    if (fn->nparams) memcpy(t->regs, &A, fn->nparams * sizeof *t->regs);
    t->up = x->t;
    t->step = x->t->step;
    t->scope = x->t->scope;
    if (fn->kind == FUNCTION_ACTION) { /* it makes steps: they are told from those of the caller */
        t->path = frame_next_id(x->r, x->t);
        if (!t->path.n) return RAISE;
    }
    x->f->top = t;
    return GO;
}

static outcome exec_INVOKE(exec *x) { return step_invoke(x->f, op_a(x->i), op_bx(x->i)); }

/* ---- undo, guards ---- */

static outcome exec_CAPTURE(exec *x) { return undo_capture(x->f, op_a(x->i), op_b(x->i)); }
static outcome exec_UNDONEXT(exec *x) { return undo_next(x->f, op_a(x->i), op_sbx(x->i)); }
static outcome exec_AUTHORIZE(exec *x) { return guard_authorize(x->f, A, B); }

static outcome exec_RETURN(exec *x) {
    if (x->t->up) return step_return(x->f, A);
    x->f->value = A; /* for vm_evaluate */
    return fiber_finish(x->f, END_OK, PB_STR(""));
}

/* ---- jumps ---- */

/* The step that an unknown condition was met in says so, unless it has something better to say. */
static void note_doubt(exec *x) {
    vm_step *s = x->t->step;
    if (s) s->unsure = true;
    if (s && !s->detail.n) s->detail = PB_STR("what happens here depends on what only the real run can know");
}

/* Is A true (false: none counts too)? An unknown is whatever makes the jump. False: error set. */
static bool condition(exec *x, bool unknown, bool *yes) {
    pb_value v = A;
    *yes = v.kind == PB_BOOL ? v.u.b : v.kind == PB_UNKNOWN && unknown;
    if (v.kind == PB_UNKNOWN) note_doubt(x);
    return v.kind == PB_BOOL || v.kind == PB_NONE || v.kind == PB_UNKNOWN ||
           env_fail(x->env, "type", "expected a bool as condition, found %s", vm_a_kind(v));
}

static outcome exec_JMP(exec *x) {
    jump(x);
    return GO;
}

static outcome exec_JMPF(exec *x) {
    bool yes;
    if (!condition(x, false, &yes)) return RAISE;
    if (!yes) jump(x);
    return GO;
}

static outcome exec_JMPT(exec *x) {
    bool yes;
    if (!condition(x, true, &yes)) return RAISE;
    if (yes) jump(x);
    return GO;
}

static outcome exec_DOUBT(exec *x) {
    if (B.kind == PB_UNKNOWN) A = B;
    return GO;
}

static outcome exec_JMPSOME(exec *x) {
    if (A.kind != PB_NONE) jump(x);
    return GO;
}

/* A plan goes through the loop once. */
static outcome for_unknown(exec *x, pb_value *v) {
    if (v[1].kind == PB_INT && v[1].u.i != 0) return GO;
    v[1] = pb_int(1);
    v[2] = v[0];
    note_doubt(x);
    jump(x);
    return GO;
}

static outcome exec_FORNEXT(exec *x) {
    pb_value *v = &A;
    if (v[0].kind == PB_NONE) return GO;
    if (v[0].kind == PB_UNKNOWN) return for_unknown(x, v);
    if (v[0].kind != PB_LIST) return done(env_fail(x->env, "type", "for needs a list, found %s", vm_a_kind(v[0])));
    if (v[1].kind != PB_INT && v[1].kind != PB_NONE)
        return done(env_fail(x->env, "type", "a loop's index must be an int, found %s", vm_a_kind(v[1])));
    int64_t index = v[1].kind == PB_INT ? v[1].u.i : 0;
    if (index < 0 || index >= (int64_t)v[0].n) return GO;
    v[2] = v[0].u.items[index];
    v[1] = pb_int(index + 1);
    jump(x);
    return GO;
}

static outcome exec_TRY(exec *x) {
    x->t->tries[x->t->ntries].scope = x->t->scope;
    x->t->tries[x->t->ntries].pc = (uint32_t)((int64_t)x->t->pc + op_sbx(x->i));
    x->t->tries[x->t->ntries++].reg = (uint8_t)op_a(x->i);
    return GO;
}

static outcome exec_ENDTRY(exec *x) {
    x->t->ntries--;
    return GO;
}

/* At most `most` bytes of it, cut between characters. */
static pb_str clipped(pb_str s, uint32_t most) {
    if (s.n <= most) return s;
    while (most && ((unsigned char)s.s[most] & 0xc0) == 0x80) most--;
    return (pb_str){s.s, most};
}

/* One part of where calls are made. False: error set. */
static bool enter_part(exec *x, pb_value v, bool (*is)(pb_str), const char *what, const char *form, pb_str *out,
                       bool *unknown) {
    if (v.kind == PB_UNKNOWN) {
        *unknown = true;
        *out = (pb_str){0};
        return true;
    }
    if (v.kind == PB_STRING && is(pb_text(v))) {
        *out = pb_text(v);
        return true;
    }
    if (v.kind != PB_STRING) return env_fail(x->env, what, "in %s needs %s, found %s", what, form, vm_a_kind(v));
    pb_str text = clipped(pb_text(v), 80);
    return env_fail(x->env, what, "in %s needs %s, found \"%.*s\"", what, form, PB_ARG(text));
}

/* Nothing that the account is not known of may be done in the outer one, so an unknown makes the whole scope unknown.
 */
static outcome exec_ENTER(exec *x) {
    uint32_t given = op_c(x->i);
    vm_scope *s = env_alloc(x->env, sizeof *s);
    if (!s) return RAISE;
    *s = *x->t->scope;
    s->outer = x->t->scope;
    s->moved = true;
    if ((given & ENTER_ACCOUNT) &&
        !enter_part(x, A, text_is_account, "account", "the 12 digits of an account id", &s->account, &s->unknown))
        return RAISE;
    if ((given & ENTER_REGION) &&
        !enter_part(x, B, text_is_region, "region", "the name of an AWS region", &s->region, &s->unknown))
        return RAISE;
    x->t->scope = s;
    return GO;
}

static outcome exec_LEAVE(exec *x) {
    x->t->scope = x->t->scope->outer;
    return GO;
}

static outcome exec_FORK(exec *x) { return fiber_fork(x->f, op_sbx(x->i)); }

static outcome exec_ENDFORK(exec *x) {
    x->f->first = (uint8_t)op_a(x->i);
    x->f->count = (uint8_t)op_b(x->i);
    return fiber_finish(x->f, END_OK, PB_STR(""));
}

static outcome exec_JOIN(exec *x) { return fiber_join(x->f); }
static outcome exec_VERIFY(exec *x) { return step_verify(x->f, op_a(x->i), op_sbx(x->i)); }

static outcome exec_DRY(exec *x) {
    if (x->r->planned) jump(x);
    return GO;
}

/* ---- ends ---- */

/* "f.severity >= 5 (it is 3)" */
static outcome exec_SKIP(exec *x) {
    enum { SHOWN = 200 };
    pb_value v = A;
    if (v.kind == PB_UNKNOWN) return GO;
    x->r->skipped = (vm_unmet){pb_text(constant(x, op_bx(x->i))), v, frame_place(x->t)};
    pb_str text = pb_display(x->env->arena, constant(x, op_bx(x->i))), is = pb_display(x->env->arena, v), reason = text;
    if (!text.s || !is.s) return done(env_no_memory(x->env));
    bool shorter = is.n > SHOWN;
    is = clipped(is, SHOWN);
    if (v.kind == PB_NONE)
        reason = pb_printf(x->env->arena, "%.*s (it is absent)", PB_ARG(text));
    else if (v.kind != PB_BOOL)
        reason = pb_printf(x->env->arena, "%.*s (it is %.*s%s)", PB_ARG(text), PB_ARG(is), shorter ? "..." : "");
    if (!reason.s) return done(env_no_memory(x->env));
    return fiber_finish(x->f, END_SKIP, reason);
}

static outcome exec_STOP(exec *x) {
    pb_str reason = pb_display(x->env->arena, A);
    if (!reason.s) return done(env_no_memory(x->env));
    return fiber_finish(x->f, END_STOP, reason);
}

static bool is_true(pb_value v) { return v.kind == PB_BOOL && v.u.b; }

static outcome exec_FAIL(exec *x) {
    pb_value what = A, code = B;
    vm_error_class kind = {0};
    if (what.kind == PB_MAP) { /* a caught error goes on */
        pb_value status = pb_get_c(what, "status");
        kind.conflict = is_true(pb_get_c(what, "conflict"));
        kind.throttled = is_true(pb_get_c(what, "throttled"));
        if (status.kind == PB_INT && status.u.i > 0 && status.u.i < 1000) kind.status = (int)status.u.i;
        if (code.kind == PB_NONE) code = pb_get_c(what, "code");
        what = pb_get_c(what, "message");
    }
    pb_str message = pb_display(x->env->arena, what);
    if (!message.s) return done(env_no_memory(x->env));
    code = code.kind == PB_STRING ? code : pb_string(PB_STR("failed"));
    x->env->error = (vm_error){.code = pb_text(code), .message = message, .kind = kind};
    return RAISE;
}

static outcome exec_RECORD(exec *x) {
    pb_value v = A;
    if (v.kind == PB_UNKNOWN) return GO;
    if (v.kind != PB_MAP) return done(env_fail(x->env, "type", "record needs a map, found %s", vm_a_kind(v)));
    if (!env_no_secret(x->env, v, "be recorded")) return RAISE;
    for (uint32_t i = 0; i < v.n; i++) pb_map_add(&x->r->record, v.u.entries[i].key, v.u.entries[i].value);
    return done(!x->r->record.oom || env_no_memory(x->env));
}

/* ---- dispatch ---- */

static inline __attribute__((always_inline)) outcome dispatch(exec *x) {
    switch (op_code(x->i)) {
#define OP(name, ...) \
    case OPCODE_##name: \
        return exec_##name(x);
#include "lang/opcodes.def"
#undef OP
    case OPCODE_COUNT: break;
    }
    return done(env_fail(x->env, "internal", "an instruction that the verifier should have refused"));
}

enum {
    MEMORY_CHECK = 256
}; /* instructions between two looks at the memory that helpers took from the arena directly */

static bool is_branch(opcode op) {
    return op == OPCODE_JMPF || op == OPCODE_JMPT || op == OPCODE_JMPSOME || op == OPCODE_FORNEXT;
}

/* Several processes may write. */
static void cover(uint8_t *seen, uint8_t what) {
    if ((*seen & what) != what) __atomic_fetch_or(seen, what, __ATOMIC_RELAXED);
}

/* Goes on in the fiber until it waits, ends or raises. Made twice, so that what is not covered pays nothing. */
static inline __attribute__((always_inline)) outcome execute(fiber *f, bool covered) {
    exec x = {.f = f, .r = f->run, .env = &f->run->env};
    outcome o = GO;
    while (o == GO) {
        x.t = f->top;
        x.regs = x.t->regs;
        x.i = vm_instruction(x.t->fn, x.t->pc++);
        if (!env_charge(x.env, 1)) return RAISE;
        if (x.env->fuel % MEMORY_CHECK == 0 && !env_memory_ok(x.env)) return RAISE;
        if (!covered) {
            o = dispatch(&x);
            continue;
        }
        const vm_function *fn = x.t->fn;
        uint32_t pc = x.t->pc - 1;
        uint8_t *seen = x.env->program->cover + (size_t)(fn->code - x.env->program->view.base -
                                                         x.env->program->view.offset[SECTION_CODE]) / 4 + pc;
        cover(seen, COVER_RUN);
        bool jumps = is_branch(op_code(x.i));
        o = dispatch(&x);
        if (jumps) cover(seen, x.t->pc == pc + 1 ? COVER_ON : COVER_JUMPED);
    }
    return o;
}

static outcome execute_plain(fiber *f) { return execute(f, false); }
static __attribute__((noinline, cold)) outcome execute_covered(fiber *f) { return execute(f, true); }

/* What the fiber was waiting for is there. */
static outcome resume(fiber *f) {
    switch (f->state) {
    case FIBER_ANSWERED: return step_answered(f);
    case FIBER_AGAIN: return step_again(f);
    case FIBER_JOINING: return fiber_joined(f);
    default: return GO;
    }
}

void fiber_run(fiber *f) {
    vm_run *r = f->run;
    outcome o = resume(f);
    while (r->outcome == VM_RUNNING) {
        if (o == GO) o = r->env.program->cover ? execute_covered(f) : execute_plain(f);
        if (o == RAISE) o = fiber_raise(f);
        if (o == BLOCKED) return;
    }
}
