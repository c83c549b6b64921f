/*
 * codegen_approve.c - approvals, waiting, authorisations, and what undoes.
 *
 * An approval is a call of the host approval.ask in a loop of three rounds:
 *
 *     for round in 1, 2, 3
 *       state = the reads behind the block's values, made anew
 *       answer = approval.ask { question ... values, state, round, drift: round > 1 }
 *       granted:  state == the same reads once more?  yes: to the block.  no (drift): the next round
 *       denied:   to the denied block
 *       else:     to the expired block
 *     to the expired block
 *
 * Both conditional jumps are made on an unknown, so in a dry run, where nobody is asked, the plan shows what would be
 * done when it is granted. A missing denied or expired block stops the run.
 */
#include "lang/codegen.h"

#include <openssl/evp.h>

enum { ROUNDS = 3 /* who decided three times about what changed each time should look what changes it */ };

/* ---- maps and lists in registers ---- */

typedef struct map_regs { /* pairs from base on */
    uint32_t base, n, cap;
} map_regs;

static map_regs map_begin(cg *g, uint32_t cap, pb_span span) {
    return (map_regs){cg_alloc(g, cap ? 2 * cap : 1, span), 0, cap};
}

/* Register for the value of a key. */
static uint32_t map_key(cg *g, map_regs *m, const char *key, pb_span span) {
    uint32_t at = m->base + 2 * m->n++;
    cg_load_text(g, at, pb_str_c(key), span);
    return at + 1;
}

static void map_end(cg *g, const map_regs *m, uint32_t dst) { cg_emit(g, OPCODE_MAP, dst, m->base, m->n); }

static void load_duration(cg *g, uint32_t reg, int64_t ms, pb_span span) {
    cg_emit_x(g, OPCODE_LOADK, reg, cg_const(g, CONST_DURATION, (uint64_t)ms, span));
}

/* ---- what is asked ---- */

static void gen_captures(cg *g, const ast_capture *list, uint32_t dst, pb_span span) {
    uint32_t top = g->top, n = 0;
    for (const ast_capture *k = list; k; k = k->next) n++;
    if (n > CG_MAX_ENTRIES) {
        cg_limit(g, DIAG_LIMIT_ENTRIES, span, "the approval reads %u values, at most %d are possible", n,
                 CG_MAX_ENTRIES);
        return;
    }
    uint32_t base = cg_alloc(g, n ? 2 * n : 1, span), at = base;
    bool fixed = g->fixed_place;
    cg_place(g, span);
    g->fixed_place = true; /* the values are written in the block, which has not begun */
    for (const ast_capture *k = list; k && !g->overflow; k = k->next, at += 2) {
        cg_load_text(g, at, k->name, span);
        cg_expr(g, k->expr, at + 1);
    }
    g->fixed_place = fixed;
    cg_emit(g, OPCODE_MAP, dst, base, n);
    g->top = top;
}

/* The list of the clauses `via`, `by` or `escalate`. */
static void gen_parties(cg *g, const ast_stmt *s, const char *clause, const char *key, uint32_t dst) {
    uint32_t top = g->top, n = 0;
    for (const ast_arg *a = s->clauses; a; a = a->next) n += pb_str_is(a->name.text, clause);
    uint32_t base = cg_alloc(g, n ? n : 1, s->span), at = base;
    for (const ast_arg *a = s->clauses; a && !g->overflow; a = a->next) {
        if (!pb_str_is(a->name.text, clause)) continue;
        const ast_arg *name = a->value->u.call.args, *after = name->next;
        uint32_t inner = g->top;
        map_regs m = map_begin(g, 3, a->value->span);
        cg_load_text(g, map_key(g, &m, "kind", s->span), a->value->u.call.callee->u.name.text, s->span);
        cg_expr(g, name->value, map_key(g, &m, key, s->span));
        if (after) cg_expr(g, after->value, map_key(g, &m, "after", s->span));
        map_end(g, &m, at++);
        g->top = inner;
    }
    cg_emit(g, OPCODE_LIST, dst, base, n);
    g->top = top;
}

/* "path:line sha256": the code that is decided about. */
static pb_str block_text(cg *g, const ast_stmt *s) {
    static const char digits[] = "0123456789abcdef";
    const source_file *f = &g->program->sources->files[s->span.file];
    uint8_t sha[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char hex[2 * EVP_MAX_MD_SIZE];
    if (!EVP_Digest(f->text.s + s->span.start, s->span.end - s->span.start, sha, &size, EVP_sha256(), NULL)) {
        g->failed = true;
        return PB_STR("");
    }
    for (unsigned i = 0; i < size; i++) hex[2 * i] = digits[sha[i] >> 4], hex[2 * i + 1] = digits[sha[i] & 15];
    return pb_printf(g->arena, "%.*s:%u %.*s", PB_ARG(f->path), cg_line(g, s->span), (int)(2 * size), hex);
}

/* From the first statement to the last. */
static pb_span block_span(const ast_stmt *first) {
    const ast_stmt *last = first;
    while (last->next) last = last->next;
    return (pb_span){first->span.file, first->span.start, last->span.end};
}

/* What is done when nobody grants it, for plans. */
static void load_otherwise(cg *g, uint32_t reg, bool written, const ast_stmt *block, pb_span span) {
    pb_str text = !written ? PB_STR("the run stops") : PB_STR("nothing");
    if (written && block) text = cg_source_text(g, block_span(block), CG_TITLE_MAX);
    cg_load_text(g, reg, text, span);
}

/* The line on which the granted block ends, for plans: what is behind it is done in any case. */
static uint32_t last_line(cg *g, const ast_stmt *s) {
    if (!s->body) return cg_line(g, s->span);
    pb_span all = block_span(s->body);
    return cg_line(g, (pb_span){all.file, all.end ? all.end - 1 : 0, all.end});
}

/* Registers of one approval. */
typedef struct approval {
    uint32_t question, state, loop; /* loop: list, index, item */
    uint32_t decision;
} approval;

static void gen_ask(cg *g, const ast_stmt *s, const approval *p) {
    enum { ENTRIES = 14 };
    uint32_t top = g->top, answer = cg_alloc(g, 1, s->span), first = cg_alloc(g, 1, s->span);
    map_regs m = map_begin(g, ENTRIES, s->span);
    pb_span head = {s->span.file, s->span.start, s->expr->span.end};
    cg_emit(g, OPCODE_MOVE, map_key(g, &m, "question", head), p->question, 0);
    gen_parties(g, s, "via", "to", map_key(g, &m, "via", head));
    gen_parties(g, s, "by", "name", map_key(g, &m, "by", head));
    gen_parties(g, s, "escalate", "name", map_key(g, &m, "escalate", head));
    cg_load_int(g, map_key(g, &m, "quorum", head), s->retry ? s->retry->u.integer : 1, head);
    load_duration(g, map_key(g, &m, "within", head), s->timeout ? s->timeout->u.integer : CG_WITHIN_MS, head);
    cg_load_text(g, map_key(g, &m, "block", head), block_text(g, s), head);
    gen_captures(g, s->values, map_key(g, &m, "values", head), head);
    cg_emit(g, OPCODE_MOVE, map_key(g, &m, "state", head), p->state, 0);
    cg_emit(g, OPCODE_MOVE, map_key(g, &m, "round", head), p->loop + 2, 0);
    cg_load_int(g, map_key(g, &m, "until_line", head), last_line(g, s), head);
    load_otherwise(g, map_key(g, &m, "if_denied", head), s->has_denied, s->other, head);
    load_otherwise(g, map_key(g, &m, "if_expired", head), s->has_expired, s->third, head);
    cg_load_int(g, first, 1, head);
    cg_emit(g, OPCODE_LT, map_key(g, &m, "drift", head), first, p->loop + 2);
    map_end(g, &m, answer);
    cg_place(g, head);
    cg_emit_x(g, OPCODE_INVOKE, answer, cg_host_site(g, PB_STR(HOST_APPROVAL_ASK), head));
    cg_emit(g, OPCODE_FIELD, p->decision, answer, cg_const_text(g, PB_STR("decision"), head));
    g->top = top;
}

/* Jumps when the decision is this. */
static uint32_t gen_decided(cg *g, uint32_t decision, const char *word, pb_span span) {
    uint32_t top = g->top, want = cg_alloc(g, 1, span);
    cg_load_text(g, want, pb_str_c(word), span);
    cg_emit(g, OPCODE_EQ, want, decision, want);
    uint32_t jump = cg_jump(g, OPCODE_JMPT, want);
    g->top = top;
    return jump;
}

static void gen_refused(cg *g, const ast_stmt *s, bool written, const ast_stmt *block, const char *reason) {
    uint32_t top = g->top;
    if (written) {
        cg_block(g, block);
    } else {
        uint32_t r = cg_alloc(g, 1, s->span);
        cg_place(g, s->span);
        cg_load_text(g, r, pb_str_c(reason), s->span);
        cg_emit(g, OPCODE_STOP, r, 0, 0);
    }
    g->top = top;
}

/* The rounds; the item of the loop is the round's number. */
static approval gen_rounds(cg *g, const ast_stmt *s, uint32_t *enter) {
    approval p = {cg_alloc(g, 1, s->span), cg_alloc(g, 1, s->span), cg_alloc(g, 3, s->span), cg_alloc(g, 1, s->span)};
    uint32_t top = g->top, rounds = cg_alloc(g, ROUNDS, s->span);
    cg_expr(g, s->expr, p.question);
    for (uint32_t i = 0; i < ROUNDS; i++) cg_load_int(g, rounds + i, i + 1, s->span);
    cg_emit(g, OPCODE_LIST, p.loop, rounds, ROUNDS);
    cg_load_int(g, p.loop + 1, 0, s->span);
    g->top = top;
    *enter = cg_jump(g, OPCODE_JMP, 0);
    return p;
}

/* Is the state still what was shown? Jumps when it is. */
static uint32_t gen_unchanged(cg *g, const ast_stmt *s, uint32_t state) {
    uint32_t top = g->top, now = cg_alloc(g, 1, s->span);
    gen_captures(g, s->state, now, s->span);
    cg_emit(g, OPCODE_EQ, now, state, now);
    uint32_t jump = cg_jump(g, OPCODE_JMPT, now);
    g->top = top;
    return jump;
}

void cg_approve(cg *g, const ast_stmt *s) {
    uint32_t top = g->top, enter;
    approval p = gen_rounds(g, s, &enter);
    uint32_t body = iw_pc(g->w);
    gen_captures(g, s->state, p.state, s->span);
    gen_ask(g, s, &p);
    uint32_t granted = gen_decided(g, p.decision, "granted", s->span);
    uint32_t denied = gen_decided(g, p.decision, "denied", s->span), expired = cg_jump(g, OPCODE_JMP, 0);
    cg_here(g, granted);
    uint32_t run = gen_unchanged(g, s, p.state);
    cg_here(g, enter);
    cg_aim(g, cg_jump(g, OPCODE_FORNEXT, p.loop), body);
    cg_here(g, expired);
    gen_refused(g, s, s->has_expired, s->third, "expired");
    uint32_t out[2] = {cg_jump(g, OPCODE_JMP, 0), 0};
    cg_here(g, denied);
    gen_refused(g, s, s->has_denied, s->other, "denied");
    out[1] = cg_jump(g, OPCODE_JMP, 0);
    cg_here(g, run);
    cg_block(g, s->body);
    cg_here(g, out[0]);
    cg_here(g, out[1]);
    g->top = top;
}

/* ---- limit ... else approve ---- */

/* In front of the body: above the limit somebody must agree. The host grants at once below it. */
void cg_limit_ask(cg *g, pb_span span) {
    uint32_t top = g->top, answer = cg_alloc(g, 1, span);
    cg_place(g, span);
    cg_emit(g, OPCODE_MAP, answer, answer, 0);
    cg_emit_x(g, OPCODE_INVOKE, answer, cg_host_site(g, PB_STR(HOST_LIMIT_ASK), span));
    cg_emit(g, OPCODE_FIELD, answer, answer, cg_const_text(g, PB_STR("decision"), span));
    uint32_t on = gen_decided(g, answer, "granted", span);
    cg_emit(g, OPCODE_STOP, answer, 0, 0);
    cg_here(g, on);
    g->top = top;
}

/* ---- wait, authorize ---- */

void cg_wait_for(cg *g, const ast_stmt *s) {
    uint32_t top = g->top, dst = cg_alloc(g, 1, s->span);
    map_regs m = map_begin(g, 1, s->span);
    cg_expr(g, s->expr, map_key(g, &m, "time", s->span));
    map_end(g, &m, dst);
    cg_place(g, s->span);
    cg_emit_x(g, OPCODE_INVOKE, dst, cg_host_site(g, PB_STR(HOST_WAIT_FOR), s->span));
    g->top = top;
}

void cg_authorize(cg *g, const ast_stmt *s) {
    uint32_t top = g->top, name = cg_alloc(g, 1, s->span);
    cg_load_text(g, name, s->name.text, s->span);
    uint32_t because = cg_value(g, s->expr);
    cg_place(g, s->span);
    cg_emit(g, OPCODE_AUTHORIZE, name, because, 0);
    g->top = top;
}

/* ---- undo ---- */

/* Right in front of the statement from which on there is something to undo. */
void cg_capture(cg *g, const ast_decl *action) {
    uint32_t top = g->top, base = action->ncaptured ? cg_alloc(g, action->ncaptured, g->span) : 0;
    for (uint32_t i = 0; i < action->ncaptured && !g->overflow; i++)
        cg_emit(g, OPCODE_MOVE, base + i, cg_reg(g, action->captured[i]), 0);
    cg_emit(g, OPCODE_CAPTURE, base, action->ncaptured, 0);
    g->top = top;
}

void cg_undo_all(cg *g, pb_span span) {
    uint32_t top = g->top, r = cg_alloc(g, 1, span), again = iw_pc(g->w);
    cg_place(g, span);
    cg_aim(g, cg_jump(g, OPCODE_UNDONEXT, r), again);
    g->top = top;
}
