/*
 * verify.c - the bytecode verifier: what it lets through, the interpreter can execute without looking.
 *
 * Three passes over each function, all linear:
 *   operands  every instruction by itself, by the operand kinds of opcodes.def: registers (with the further ones that
 *             FORNEXT, VERIFY, calls and lists use) lie in the frame, indices in their sections, counts fit, unused
 *             fields are 0, and the function's kind allows the instruction at all;
 *   flow      from the first instruction along every path: jumps land inside the function, nothing falls off its end,
 *             only FORNEXT, VERIFY and UNDONEXT go backwards, and every path to an instruction brings the same state:
 * how many TRYs and ENTERs are open, how many branches are under way, how deep in branches we are; calls     no
 * function can reach itself, and no chain of calls is longer than IMAGE_MAX_DEPTH.
 *
 * Types of values are not proven: registers start as none and each operation checks what it is given. While branches
 * are under way (between FORK and JOIN) the forking path may only fork, jump and join: nothing that can fail, so an
 * error never has to leave branches behind.
 */
#include "vm/verify.h"

#include "lang/opcodes.h"
#include "vm/builtins.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct flow {
    uint8_t seen, tries, entered, open, depth; /* open: branches under way; depth: parallel inside parallel */
} flow;

typedef struct verifier {
    const vm_program *p;
    const vm_function *f;
    uint32_t index;
    verify_fault *fault;
    flow *flow;     /* by pc */
    uint32_t *work; /* pcs to go on from */
    uint32_t nwork;
} verifier;

static bool complain(verifier *v, uint32_t pc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool complain(verifier *v, uint32_t pc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->fault->sentence, sizeof v->fault->sentence, fmt, ap);
    va_end(ap);
    v->fault->function = v->index;
    v->fault->pc = pc;
    return false;
}

/* ---- operands ---- */

static bool registers(verifier *v, uint32_t pc, uint32_t first, uint32_t n) {
    if (first + n <= v->f->nregs) return true;
    return complain(v, pc, "uses register %u, the function has %u", first + n - 1, v->f->nregs);
}

static bool in_section(verifier *v, uint32_t pc, uint32_t index, enum image_section s, const char *what) {
    if (index < v->p->view.count[s]) return true;
    return complain(v, pc, "names %s %u, the program has %u", what, index, v->p->view.count[s]);
}

static bool call_target(verifier *v, uint32_t pc, uint32_t first, uint32_t target) {
    if (!in_section(v, pc, target, SECTION_FUNCTIONS, "function")) return false;
    const vm_function *to = &v->p->functions[target];
    if (to->kind != FUNCTION_PURE && to->kind != FUNCTION_ACTION)
        return complain(v, pc, "calls %.*s, which is not a function to be called",
                        to->name.n < 60 ? (int)to->name.n : 60, to->name.s);
    if (to->kind == FUNCTION_ACTION && v->f->kind != FUNCTION_ACTION && v->f->kind != FUNCTION_BODY)
        return complain(v, pc, "a pure function calls an action");
    if (to->undo != IMAGE_NIL) return complain(v, pc, "calls an action that has an undo without a step of its own");
    return registers(v, pc, first, to->nparams ? to->nparams : 1);
}

static bool builtin_call(verifier *v, uint32_t pc, uint32_t first, uint32_t builtin, uint32_t n) {
    uint32_t least, most;
    if (builtin >= BUILTIN_COUNT)
        return complain(v, pc, "names built-in %u, there are %u", builtin, (unsigned)BUILTIN_COUNT);
    vm_builtin_arity(builtin, &least, &most);
    if (n < least || n > most)
        return complain(v, pc, "gives a built-in function %u arguments, it takes %u to %u", n, least, most);
    return registers(v, pc, first, n ? n : 1);
}

/* The N operand: how many registers, from which on. */
static bool counted(verifier *v, uint32_t pc, uint32_t i) {
    uint32_t n = op_c(i), first = op_b(i);
    switch (op_code(i)) {
    case OPCODE_MAP: return registers(v, pc, first, 2 * n);
    case OPCODE_LIST:
    case OPCODE_CONCAT: return registers(v, pc, first, n);
    case OPCODE_BUILTIN: return builtin_call(v, pc, op_a(i), op_b(i), n);
    case OPCODE_ENDFORK: return registers(v, pc, op_a(i), op_b(i));
    case OPCODE_CAPTURE:
        if (v->f->undo == IMAGE_NIL) return complain(v, pc, "CAPTURE in a function that has no undo");
        if (op_b(i) != v->f->ncaptured)
            return complain(v, pc, "captures %u values, the undo takes %u", op_b(i), v->f->ncaptured);
        return registers(v, pc, op_a(i), op_b(i));
    default: return complain(v, pc, "has a count that means nothing");
    }
}

static bool small_number(verifier *v, uint32_t pc, uint32_t i) {
    if (op_code(i) == OPCODE_LOADBOOL && op_b(i) > 1) return complain(v, pc, "loads a bool that is neither 0 nor 1");
    if (op_code(i) == OPCODE_FORK && op_a(i) >= IMAGE_MAX_FORKS)
        return complain(v, pc, "more than %d branches", IMAGE_MAX_FORKS);
    if (op_code(i) == OPCODE_ENTER && (op_c(i) < ENTER_ACCOUNT || op_c(i) > (ENTER_ACCOUNT | ENTER_REGION)))
        return complain(v, pc, "enters neither an account nor a region");
    return true;
}

static bool operand(verifier *v, uint32_t pc, uint32_t i, op_kind kind, uint32_t value) {
    switch (kind) {
    case OPERAND__: return value == 0 || complain(v, pc, "an unused operand is not 0");
    case OPERAND_W:
    case OPERAND_RW:
    case OPERAND_R: {
        /* An empty list names no register; an empty hand-over and a built-in's window are checked with their count. */
        opcode o = op_code(i);
        if ((o == OPCODE_LIST || o == OPCODE_MAP || o == OPCODE_CONCAT) && kind == OPERAND_R) return true;
        if (o == OPCODE_ENDFORK || o == OPCODE_CAPTURE) return true;
        return registers(v, pc, value, o == OPCODE_FORNEXT ? 3 : o == OPCODE_VERIFY ? 4 : 1);
    }
    case OPERAND_K:
        return value < v->f->nconsts || complain(v, pc, "names constant %u, the function has %u", value, v->f->nconsts);
    case OPERAND_F: return call_target(v, pc, op_a(i), value);
    case OPERAND_S:
        return in_section(v, pc, value, SECTION_SITES, "site") &&
               registers(v, pc, op_a(i),
                         vm_field(v->p, SECTION_SITES, value, SITES_nargs)
                             ? vm_field(v->p, SECTION_SITES, value, SITES_nargs)
                             : 1);
    case OPERAND_P: return in_section(v, pc, value, SECTION_PARAMS, "parameter");
    case OPERAND_T: return in_section(v, pc, value, SECTION_TYPES, "type");
    case OPERAND_U: return true; /* with its count */
    case OPERAND_I: return small_number(v, pc, i);
    case OPERAND_N: return counted(v, pc, i);
    case OPERAND_J: return true; /* by the flow */
    }
    return complain(v, pc, "an operand of no known kind");
}

static bool allowed(const vm_function *f, opcode o) {
    switch (o) {
    case OPCODE_SKIP: return f->kind != FUNCTION_PURE;
    case OPCODE_INVOKE:
    case OPCODE_ENTER:
    case OPCODE_LEAVE:
    case OPCODE_FORK:
    case OPCODE_ENDFORK:
    case OPCODE_JOIN:
    case OPCODE_VERIFY:
    case OPCODE_DRY:
    case OPCODE_STOP:
    case OPCODE_CAPTURE:
    case OPCODE_RECORD: return f->kind == FUNCTION_ACTION || f->kind == FUNCTION_BODY;
    case OPCODE_UNDONEXT:
    case OPCODE_AUTHORIZE: return f->kind == FUNCTION_BODY;
    default: return true;
    }
}

static bool check_operands(verifier *v) {
    for (uint32_t pc = 0; pc < v->f->ncode; pc++) {
        uint32_t i = vm_instruction(v->f, pc);
        if (op_code(i) >= OPCODE_COUNT) return complain(v, pc, "no instruction has the number %u", i & 0xff);
        const op_info *info = &op_table[op_code(i)];
        if (!allowed(v->f, op_code(i)))
            return complain(v, pc,
                            op_code(i) == OPCODE_UNDONEXT || op_code(i) == OPCODE_AUTHORIZE
                                ? "%s outside the body of a playbook"
                                : "%s in a function that must be pure",
                            info->name);
        if (!operand(v, pc, i, info->a, op_a(i))) return false;
        if (info->format != FORMAT_ABC) {
            if (!operand(v, pc, i, info->b, op_bx(i))) return false;
        } else if (!operand(v, pc, i, info->b, op_b(i)) || !operand(v, pc, i, info->c, op_c(i))) {
            return false;
        }
    }
    return true;
}

/* ---- flow ---- */

/* Goes on at `to` with this state later, or checks that it agrees with what came there before. */
static bool flow_to(verifier *v, uint32_t from, int64_t to, flow state) {
    if (to < 0 || to >= v->f->ncode)
        return complain(v, from,
                        to == (int64_t)from + 1 ? "the code ends without RETURN" : "jumps outside the function");
    flow *at = &v->flow[to];
    state.seen = 1;
    if (!at->seen) {
        *at = state;
        v->work[v->nwork++] = (uint32_t)to;
        return true;
    }
    if (at->tries != state.tries)
        return complain(v, (uint32_t)to, "is reached with %u and with %u TRYs open", at->tries, state.tries);
    if (at->entered != state.entered)
        return complain(v, (uint32_t)to, "is reached with %u and with %u ENTERs open", at->entered, state.entered);
    if (at->open != state.open)
        return complain(v, (uint32_t)to, "is reached with %u and with %u branches under way", at->open, state.open);
    if (at->depth != state.depth) return complain(v, (uint32_t)to, "is reached from inside and from outside a branch");
    return true;
}

static bool flow_try(verifier *v, uint32_t pc, int64_t target, flow s) {
    if (s.tries >= IMAGE_MAX_TRY) return complain(v, pc, "more than %d TRYs open", IMAGE_MAX_TRY);
    if (!flow_to(v, pc, target, s)) return false;
    s.tries++;
    return flow_to(v, pc, (int64_t)pc + 1, s);
}

static bool flow_fork(verifier *v, uint32_t pc, uint32_t i, int64_t target, flow s) {
    if (op_a(i) != s.open) return complain(v, pc, "branch %u where branch %u is next", op_a(i), s.open);
    if (s.depth >= IMAGE_MAX_FORK_DEPTH)
        return complain(v, pc, "more than %d parallels inside one another", IMAGE_MAX_FORK_DEPTH);
    flow branch = {.depth = (uint8_t)(s.depth + 1)};
    if (!flow_to(v, pc, (int64_t)pc + 1, branch)) return false;
    s.open++;
    return flow_to(v, pc, target, s);
}

static bool flow_end(verifier *v, uint32_t pc, opcode o, flow s) {
    if (s.entered) return complain(v, pc, "%s with an ENTER open", op_table[o].name);
    if (o == OPCODE_ENDFORK)
        return s.depth ? s.tries == 0 || complain(v, pc, "a branch ends with a TRY open")
                       : complain(v, pc, "ENDFORK outside a branch");
    if (s.depth) return complain(v, pc, "RETURN inside a branch");
    return s.tries == 0 || complain(v, pc, "RETURN with a TRY open");
}

static bool may_go_backwards(opcode o) { return o == OPCODE_FORNEXT || o == OPCODE_VERIFY || o == OPCODE_UNDONEXT; }

static bool flow_jump(verifier *v, uint32_t pc, uint32_t i, flow s) {
    opcode o = op_code(i);
    int64_t target = (int64_t)pc + 1 + op_sbx(i);
    if (target > pc && may_go_backwards(o)) return complain(v, pc, "%s must jump backwards", op_table[o].name);
    if (target <= pc && !may_go_backwards(o)) return complain(v, pc, "jumps backwards");
    if (o == OPCODE_TRY) return flow_try(v, pc, target, s);
    if (o == OPCODE_FORK) return flow_fork(v, pc, i, target, s);
    return flow_to(v, pc, target, s) && (o == OPCODE_JMP || flow_to(v, pc, (int64_t)pc + 1, s));
}

static bool flow_step(verifier *v, uint32_t pc) {
    uint32_t i = vm_instruction(v->f, pc);
    opcode o = op_code(i);
    flow s = v->flow[pc];
    if (s.open && o != OPCODE_FORK && o != OPCODE_JOIN && o != OPCODE_JMP && o != OPCODE_NOP)
        return complain(v, pc, "%s while branches are under way", op_table[o].name);
    if (s.depth && (o == OPCODE_CAPTURE || o == OPCODE_UNDONEXT))
        return complain(v, pc, "%s inside a branch", op_table[o].name);
    if (op_table[o].b == OPERAND_J) return flow_jump(v, pc, i, s);
    switch (o) {
    case OPCODE_RETURN:
    case OPCODE_ENDFORK: return flow_end(v, pc, o, s);
    case OPCODE_STOP:
    case OPCODE_FAIL: return true;
    case OPCODE_ENDTRY:
        if (!s.tries) return complain(v, pc, "ENDTRY without a TRY");
        s.tries--;
        break;
    case OPCODE_ENTER:
        if (s.entered >= IMAGE_MAX_ENTER) return complain(v, pc, "more than %d ENTERs open", IMAGE_MAX_ENTER);
        s.entered++;
        break;
    case OPCODE_LEAVE:
        if (!s.entered) return complain(v, pc, "LEAVE without an ENTER");
        s.entered--;
        break;
    case OPCODE_JOIN: s.open = 0; break;
    default: break;
    }
    return flow_to(v, pc, (int64_t)pc + 1, s);
}

static bool check_flow(verifier *v) {
    memset(v->flow, 0, v->f->ncode * sizeof *v->flow);
    v->nwork = 1;
    v->work[0] = 0;
    v->flow[0].seen = 1;
    while (v->nwork)
        if (!flow_step(v, v->work[--v->nwork])) return false;
    return true;
}

static bool check_function(verifier *v) {
    if (!v->f->ncode) return complain(v, 0, "has no code");
    return check_operands(v) && check_flow(v);
}

/* ---- calls ---- */

/* The function that this instruction enters, or IMAGE_NIL. */
static uint32_t callee(const vm_program *p, uint32_t i) {
    if (op_code(i) == OPCODE_CALL) return op_bx(i);
    if (op_code(i) != OPCODE_INVOKE) return IMAGE_NIL;
    if (vm_field(p, SECTION_SITES, op_bx(i), SITES_kind) != SITE_ACTION) return IMAGE_NIL;
    return vm_field(p, SECTION_SITES, op_bx(i), SITES_target);
}

typedef struct visit {
    uint32_t function, pc;
} visit;

/* Depth first from one function. depth[f]: 0 not seen, DEPTH_OPEN under way, else the longest chain from it on. */
enum { DEPTH_OPEN = 255 };
static bool check_calls_from(verifier *v, uint8_t *depth, visit *stack, uint32_t root) {
    uint32_t n = 0;
    if (depth[root]) return true;
    stack[n++] = (visit){root, 0};
    depth[root] = DEPTH_OPEN;
    uint8_t *longest = depth + v->p->nfunctions; /* of those under way */
    longest[root] = 0;
    while (n) {
        visit *top = &stack[n - 1];
        const vm_function *f = &v->p->functions[top->function];
        v->index = top->function;
        if (top->pc == f->ncode) {
            uint8_t d = (uint8_t)(longest[top->function] + 1);
            if (d > IMAGE_MAX_DEPTH) return complain(v, 0, "calls go deeper than %d", IMAGE_MAX_DEPTH);
            depth[top->function] = d;
            if (--n && longest[stack[n - 1].function] < d) longest[stack[n - 1].function] = d;
            continue;
        }
        uint32_t pc = top->pc++, to = callee(v->p, vm_instruction(f, pc));
        if (to == IMAGE_NIL) continue;
        if (depth[to] == DEPTH_OPEN) return complain(v, pc, "the function can reach itself: recursion");
        if (depth[to]) {
            if (longest[top->function] < depth[to]) longest[top->function] = depth[to];
            continue;
        }
        if (n > IMAGE_MAX_DEPTH) return complain(v, pc, "calls go deeper than %d", IMAGE_MAX_DEPTH);
        stack[n++] = (visit){to, 0};
        depth[to] = DEPTH_OPEN;
        longest[to] = 0;
    }
    return true;
}

static bool check_calls(verifier *v) {
    bool ok = true;
    uint8_t *depth = calloc(v->p->nfunctions ? v->p->nfunctions : 1, 2);
    visit stack[IMAGE_MAX_DEPTH + 2];
    if (!depth) {
        *v->fault = (verify_fault){.function = IMAGE_NIL, .sentence = "out of memory"};
        return false;
    }
    for (uint32_t f = 0; ok && f < v->p->nfunctions; f++) ok = check_calls_from(v, depth, stack, f);
    for (v->index = 0; ok && v->index < v->p->nfunctions; v->index++) {
        uint32_t undo = v->p->functions[v->index].undo; /* called from a body: one deeper */
        if (undo != IMAGE_NIL && depth[undo] >= IMAGE_MAX_DEPTH)
            ok = complain(v, 0, "calls of its undo go deeper than %d", IMAGE_MAX_DEPTH);
    }
    free(depth);
    return ok;
}

/* ---- guards ---- */

/* What a guard reaches only reads: it decides, it does not act. */
static bool guard_instruction(verifier *v, uint32_t pc, uint32_t i, uint32_t *work, uint8_t *seen) {
    uint32_t to = callee(v->p, i);
    if (op_code(i) == OPCODE_INVOKE && vm_field(v->p, SECTION_SITES, op_bx(i), SITES_effect) > PB_READ)
        return complain(v, pc, "a guard reaches this call, which does more than read");
    if (op_code(i) == OPCODE_STOP || op_code(i) == OPCODE_SKIP || op_code(i) == OPCODE_RECORD)
        return complain(v, pc, "a guard reaches %s", op_table[op_code(i)].name);
    if (to == IMAGE_NIL || seen[to]) return true;
    seen[to] = 1;
    work[v->nwork++] = to;
    return true;
}

static bool check_guards(verifier *v) {
    uint32_t *work = calloc((size_t)v->p->nfunctions + 1, sizeof *work);
    uint8_t *seen = calloc((size_t)v->p->nfunctions + 1, 1);
    bool ok = work && seen;
    *v->fault = (verify_fault){.function = IMAGE_NIL, .sentence = "out of memory"};
    v->nwork = 0;
    for (uint32_t i = 0; ok && i < vm_count(v->p, SECTION_GUARDS); i++) {
        uint32_t f = vm_field(v->p, SECTION_GUARDS, i, GUARDS_function);
        if (!seen[f]) work[v->nwork++] = f;
        seen[f] = 1;
    }
    while (ok && v->nwork) {
        v->index = work[--v->nwork];
        const vm_function *f = &v->p->functions[v->index];
        for (uint32_t pc = 0; ok && pc < f->ncode; pc++)
            ok = guard_instruction(v, pc, vm_instruction(f, pc), work, seen);
    }
    free(work);
    free(seen);
    return ok;
}

bool vm_verify(const vm_program *p, verify_fault *fault) {
    verifier v = {.p = p, .fault = fault};
    uint32_t largest = 1;
    bool ok = false;
    for (uint32_t i = 0; i < p->nfunctions; i++)
        if (p->functions[i].ncode > largest) largest = p->functions[i].ncode;
    v.flow = calloc(largest, sizeof *v.flow);
    v.work = calloc(largest, sizeof *v.work);
    *fault = (verify_fault){.function = IMAGE_NIL, .sentence = "out of memory"};
    if (!v.flow || !v.work) goto done;
    for (v.index = 0; v.index < p->nfunctions; v.index++) {
        v.f = &p->functions[v.index];
        if (!check_function(&v)) goto done;
    }
    ok = check_calls(&v) && check_guards(&v);
done:
    free(v.flow);
    free(v.work);
    return ok;
}
