/*
 * store_people.c - what people decide: approvals and their decisions, kill switches; and which run has which target.
 */
#include "vm/store_own.h"

#define X(type, member) {COL_##type, offsetof(store_approval, member)},
static const column approval_columns[] = {APPROVAL_COLUMNS(X)};
#undef X
#define X(type, member) {COL_##type, offsetof(store_decision, member)},
static const column decision_columns[] = {DECISION_COLUMNS(X)};
#undef X
#define X(type, member) {COL_##type, offsetof(store_switch, member)},
static const column switch_columns[] = {SWITCH_COLUMNS(X)};
#undef X

/* One record by one statement, within the transaction that is open. */
static store_result put(store *s, store_statement which, const column *columns, size_t n, const void *record) {
    sqlite3_stmt *st = store_statement_of(s, which);
    if (!st) return STORE_ERROR;
    if (store_bind_record(s, st, 1, columns, n, record)) return store_step(s, st, NULL);
    store_finish(s, st, SQLITE_DONE);
    return STORE_ERROR;
}

/* ---- approvals ---- */

static store_result put_approval(store *s, const store_approval *p) {
    store_result r = put(s, S_APPROVAL_PUT, approval_columns, COLUMN_COUNT(approval_columns), p);
    if (r == STORE_ERROR && sqlite3_extended_errcode(s->db) == SQLITE_CONSTRAINT_FOREIGNKEY)
        return store_fail(s, "approval %.*s belongs to run %.*s, which is not in the store", PB_ARG(p->id),
                          PB_ARG(p->run));
    return r;
}

store_result store_approval_put(store *s, const store_approval *p) {
    store_result r = store_begin_write(s, true);
    return r == STORE_OK ? store_end_write(s, put_approval(s, p)) : r;
}

store_result store_approval_get(store *s, pb_str id, pb_arena *a, store_approval *out) {
    sqlite3_stmt *st = store_statement_of(s, S_APPROVAL_GET);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, id);
    return store_read_one(s, st, approval_columns, COLUMN_COUNT(approval_columns), a, out);
}

store_result store_approvals(store *s, pb_str run, bool open_only, uint32_t max, pb_arena *a, store_approval **list,
                             uint32_t *n) {
    sqlite3_stmt *st = store_statement_of(s, run.n ? S_APPROVALS_OF : open_only ? S_APPROVALS_OPEN : S_APPROVALS);
    if (!st) return STORE_ERROR;
    sqlite3_bind_int64(st, 1, max);
    if (run.n) {
        store_bind_text(st, 2, run);
        sqlite3_bind_int(st, 3, open_only);
    }
    return store_read_all(s, st, approval_columns, COLUMN_COUNT(approval_columns), a, sizeof **list, (void **)list, n);
}

store_result store_approvals_open(store *s, uint64_t *n) {
    sqlite3_stmt *st = store_statement_of(s, S_APPROVALS_COUNT);
    if (!st) return STORE_ERROR;
    int rc = sqlite3_step(st);
    *n = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    return store_finish(s, st, rc);
}

store_result store_decisions(store *s, pb_str approval, pb_arena *a, store_decision **list, uint32_t *n) {
    sqlite3_stmt *st = store_statement_of(s, S_DECISIONS);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, approval);
    return store_read_all(s, st, decision_columns, COLUMN_COUNT(decision_columns), a, sizeof **list, (void **)list, n);
}

static store_result decide(store *s, pb_str approval, store_decision *d, store_judge *judge, void *ctx, int64_t now,
                           pb_arena *a) {
    store_approval apr;
    store_decision *before;
    uint32_t n;
    store_result r = store_approval_get(s, approval, a, &apr);
    if (r == STORE_OK) r = store_decisions(s, approval, a, &before, &n);
    if (r != STORE_OK) return r;
    d->approval = apr.id;
    judge(ctx, &apr, before, n, d);
    r = put(s, S_DECISION_PUT, decision_columns, COLUMN_COUNT(decision_columns), d);
    if (r == STORE_OK) r = put_approval(s, &apr);
    if (r != STORE_OK || pb_str_is(apr.state, "open")) return r;
    r = store_run_poke(s, apr.run, now);
    return r == STORE_NO ? STORE_OK : r; /* the run has ended meanwhile: the decision stands, and comes too late */
}

store_result store_decide(store *s, pb_str approval, store_decision *d, store_judge *judge, void *ctx, int64_t now,
                          pb_arena *a) {
    store_result r = store_begin_write(s, true);
    return r == STORE_OK ? store_end_write(s, decide(s, approval, d, judge, ctx, now, a)) : r;
}

static store_result change_approval(store *s, pb_str id, store_change *change, void *ctx, pb_arena *a,
                                    store_approval *out) {
    store_result r = store_approval_get(s, id, a, out);
    if (r != STORE_OK) return r;
    return change(out, ctx) ? put_approval(s, out) : STORE_NO;
}

store_result store_approval_change(store *s, pb_str id, store_change *change, void *ctx, pb_arena *a,
                                   store_approval *out) {
    *out = (store_approval){0};
    store_result r = store_begin_write(s, true);
    return r == STORE_OK ? store_end_write(s, change_approval(s, id, change, ctx, a, out)) : r;
}

/* ---- switches ---- */

store_result store_switch_set(store *s, const store_switch *w) {
    store_result r = store_begin_write(s, true);
    if (r != STORE_OK) return r;
    return store_end_write(s, put(s, S_SWITCH_PUT, switch_columns, COLUMN_COUNT(switch_columns), w));
}

store_result store_switch_get(store *s, pb_str scope, pb_arena *a, store_switch *out) {
    sqlite3_stmt *st = store_statement_of(s, S_SWITCH_GET);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, scope);
    return store_read_one(s, st, switch_columns, COLUMN_COUNT(switch_columns), a, out);
}

store_result store_switches(store *s, bool history, pb_arena *a, store_switch **list, uint32_t *n) {
    sqlite3_stmt *st = store_statement_of(s, history ? S_SWITCH_HISTORY : S_SWITCHES);
    if (!st) return STORE_ERROR;
    return store_read_all(s, st, switch_columns, COLUMN_COUNT(switch_columns), a, sizeof **list, (void **)list, n);
}

/* ---- targets ---- */

static store_result holds_fence(store *s, pb_str run, int64_t fence) {
    sqlite3_stmt *st = store_statement_of(s, S_RUN_FENCE);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, run);
    sqlite3_bind_int64(st, 2, fence);
    int rc = sqlite3_step(st);
    store_result r = store_finish(s, st, rc);
    return r == STORE_OK && rc != SQLITE_ROW ? STORE_LOST : r;
}

/* STORE_OK: another unfinished run has it. */
static store_result holder_of(store *s, pb_str target, pb_str run, pb_arena *a, pb_str *holder) {
    static const column one[] = {{COL_TEXT, 0}};
    sqlite3_stmt *st = store_statement_of(s, S_TARGET_HOLDER);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, target);
    store_bind_text(st, 2, run);
    return store_read_one(s, st, one, 1, a, holder);
}

static store_result take(store *s, pb_str target, pb_str run, int64_t fence, pb_arena *a, pb_str *holder) {
    store_result r = holds_fence(s, run, fence);
    if (r != STORE_OK) return r;
    r = holder_of(s, target, run, a, holder);
    if (r != STORE_NO) return r == STORE_OK ? STORE_NO : r;
    sqlite3_stmt *st = store_statement_of(s, S_TARGET_PUT);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, target);
    store_bind_text(st, 2, run);
    return store_step(s, st, NULL);
}

store_result store_target_take(store *s, pb_str target, pb_str run, int64_t fence, int64_t now, pb_arena *a,
                               pb_str *holder) {
    (void)now; /* a dead holder's run is due and will be ended by somebody: only then its targets are free */
    *holder = PB_STR("");
    store_result r = store_begin_write(s, false);
    return r == STORE_OK ? store_end_write(s, take(s, target, run, fence, a, holder)) : r;
}
