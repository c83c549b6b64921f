/*
 * store_runs.c - runs in the store: beginning (admission), taking and giving back, which are due, listing.
 *
 * A run's row carries its lease: `lease_until`, `owner` and the fence, which grows with each taking. due_at is when
 * somebody should look at it again: the lease's end of an active run, the wake-up of a parked one (now, once poked),
 * NULL when nothing is to be done. So what is due is one look into one index.
 */
#include "vm/store_own.h"

#define X(type, member) {COL_##type, offsetof(store_run, member)},
static const column run_columns[] = {RUN_COLUMNS(X)};
#undef X
enum { RUN_NCOLUMNS = COLUMN_COUNT(run_columns) };
_Static_assert(sizeof(store_status) == sizeof(unsigned), "COL_STATUS is read and written as unsigned");

enum { LIST_MAX = 50 }; /* of a listing that names no other number */

/* The one number that a statement gives; -1: *r says why. */
static int64_t count_of(store *s, sqlite3_stmt *st, store_result *r) {
    int rc = sqlite3_step(st);
    int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
    *r = store_finish(s, st, rc);
    return *r == STORE_OK ? n : -1;
}

/* The first column of the first row, a run's id; STORE_NO: none. */
static store_result id_of(store *s, sqlite3_stmt *st, pb_arena *a, pb_str *id) {
    static const column one[] = {{COL_TEXT, 0}};
    return store_read_one(s, st, one, 1, a, id);
}

/* ---- admission ---- */

static store_result origin_known(store *s, const store_run *r, pb_arena *a, pb_str *other) {
    if (!r->origin.n) return STORE_NO;
    sqlite3_stmt *st = store_statement_of(s, S_RUN_ORIGIN);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, r->origin);
    return id_of(s, st, a, other);
}

/* A run that failed or was denied has not seen to anything, nor has one that only observed when this one will act: what comes again
 * is then another chance, not a repeat. */
static store_result duplicate(store *s, const store_run *r, const store_admission *q, int64_t now, pb_arena *a,
                              pb_str *other) {
    if (!q->dedupe_key.n) return STORE_NO;
    sqlite3_stmt *st = store_statement_of(s, S_RUN_DUPLICATE);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, r->playbook);
    store_bind_text(st, 2, q->dedupe_key);
    sqlite3_bind_int64(st, 3, now - q->dedupe_ms);
    store_bind_text(st, 4, r->mode);
    return id_of(s, st, a, other);
}

/* STORE_OK: the limit is reached. */
static store_result over_limit(store *s, const store_run *r, const store_admission *q, int64_t now) {
    if (!q->limit) return STORE_NO;
    sqlite3_stmt *st = store_statement_of(s, S_RUN_BEGUN);
    store_result rc;
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, r->playbook);
    sqlite3_bind_int64(st, 2, now - q->limit_ms);
    sqlite3_bind_int64(st, 3, q->limit);
    int64_t n = count_of(s, st, &rc);
    return rc != STORE_OK ? rc : n >= q->limit ? STORE_OK : STORE_NO;
}

static store_result too_many(store *s, const store_run *r, const store_admission *q) {
    if (!q->concurrency) return STORE_NO;
    sqlite3_stmt *st = store_statement_of(s, S_RUN_UNFINISHED);
    store_result rc;
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, r->playbook);
    sqlite3_bind_int64(st, 2, q->concurrency);
    int64_t n = count_of(s, st, &rc);
    return rc != STORE_OK ? rc : n >= q->concurrency ? STORE_OK : STORE_NO;
}

/* STORE_OK: may begin; STORE_NO: *why says why not. */
static store_result admit(store *s, const store_run *r, const store_admission *q, bool anyway, int64_t now, pb_arena *a,
                          store_admitted *why, pb_str *other) {
    store_result rc = origin_known(s, r, a, other);
    *why = ADMIT_AGAIN;
    if (rc != STORE_NO) return rc == STORE_OK ? STORE_NO : rc;
    *why = ADMITTED;
    if (!q || pb_str_is(r->mode, "dry")) return STORE_OK;
    rc = duplicate(s, r, q, now, a, other);
    *why = ADMIT_DUPLICATE;
    if (rc != STORE_NO) return rc == STORE_OK ? STORE_NO : rc;
    rc = too_many(s, r, q);
    *why = ADMIT_CONCURRENCY;
    if (rc != STORE_NO) return rc == STORE_OK ? STORE_NO : rc;
    rc = over_limit(s, r, q, now);
    *why = rc == STORE_OK ? ADMIT_LIMIT : ADMITTED;
    if (rc == STORE_OK) return anyway ? STORE_OK : STORE_NO;
    return rc == STORE_NO ? STORE_OK : rc;
}

static store_result insert(store *s, const store_run *r, pb_str dedupe_key) {
    sqlite3_stmt *st = store_statement_of(s, S_RUN_PUT);
    if (!st) return STORE_ERROR;
    if (!store_bind_record(s, st, 1, run_columns, RUN_NCOLUMNS, r)) {
        store_finish(s, st, SQLITE_DONE);
        return STORE_ERROR;
    }
    store_bind_text(st, RUN_NCOLUMNS + 1, dedupe_key);
    sqlite3_bind_int64(st, RUN_NCOLUMNS + 2, r->lease_until);
    return store_step(s, st, NULL);
}

store_result store_run_begin(store *s, store_run *r, const store_admission *q, bool admit_anyway, pb_str owner,
                             int64_t now, pb_arena *a, store_admitted *why, pb_str *other) {
    store_run made = *r;
    made.status = RUN_ACTIVE;
    made.fence = 1;
    made.owner = owner;
    made.updated = now;
    made.lease_until = now + STORE_LEASE_MS;
    if (!made.started) made.started = now;
    *other = PB_STR("");
    *why = ADMITTED;
    store_result rc = store_begin_write(s, false);
    if (rc != STORE_OK) return rc;
    rc = admit(s, &made, q, admit_anyway, now, a, why, other);
    made.over_limit = *why == ADMIT_LIMIT;
    if (rc == STORE_OK) rc = insert(s, &made, q ? q->dedupe_key : PB_STR(""));
    rc = store_end_write(s, rc);
    if (rc == STORE_OK) *r = made;
    return rc;
}

/* ---- leases ---- */

store_result store_run_get(store *s, pb_str id, pb_arena *a, store_run *out) {
    sqlite3_stmt *st = store_statement_of(s, S_RUN_GET);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, id);
    return store_read_one(s, st, run_columns, RUN_NCOLUMNS, a, out);
}

store_result store_run_take(store *s, pb_str id, bool undo, pb_str owner, int64_t now, pb_arena *a, store_run *out) {
    int changes = 0;
    store_result r = store_begin_write(s, false);
    if (r != STORE_OK) return r;
    sqlite3_stmt *st = store_statement_of(s, S_RUN_TAKE);
    if (!st) return store_end_write(s, STORE_ERROR);
    store_bind_text(st, 1, id);
    sqlite3_bind_int(st, 2, undo);
    store_bind_text(st, 3, owner);
    sqlite3_bind_int64(st, 4, now);
    sqlite3_bind_int64(st, 5, now + STORE_LEASE_MS);
    r = store_step(s, st, &changes);
    if (r == STORE_OK && !changes) r = STORE_NO;
    if (r == STORE_OK) r = store_run_get(s, id, a, out);
    return store_end_write(s, r);
}

/* A statement about a run under its fence, as a transaction of its own. */
static store_result fenced(store *s, sqlite3_stmt *st, pb_str id, int64_t fence) {
    int changes = 0;
    store_bind_text(st, 1, id);
    sqlite3_bind_int64(st, 2, fence);
    store_result r = store_step(s, st, &changes);
    return r == STORE_OK && !changes ? STORE_LOST : r;
}

store_result store_run_renew(store *s, pb_str id, int64_t fence, int64_t now) {
    store_result r = store_begin_write(s, false);
    if (r != STORE_OK) return r;
    sqlite3_stmt *st = store_statement_of(s, S_RUN_RENEW);
    if (st) sqlite3_bind_int64(st, 3, now + STORE_LEASE_MS);
    return store_end_write(s, st ? fenced(s, st, id, fence) : STORE_ERROR);
}

static store_result park(store *s, const store_run *r, int64_t now) {
    sqlite3_stmt *st = store_statement_of(s, S_RUN_PARK);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 3, r->waits_for);
    sqlite3_bind_int64(st, 4, r->wake_at);
    sqlite3_bind_int64(st, 5, now);
    return fenced(s, st, r->id, r->fence);
}

static store_result release(store *s, const store_run *r, int64_t now) {
    sqlite3_stmt *st = store_statement_of(s, S_RUN_RELEASE);
    if (!st) return STORE_ERROR;
    sqlite3_bind_int64(st, 3, now);
    return fenced(s, st, r->id, r->fence);
}

static store_result end(store *s, const store_run *r, int64_t now) {
    sqlite3_stmt *st = store_statement_of(s, S_RUN_END);
    if (!st) return STORE_ERROR;
    sqlite3_bind_int(st, 3, (int)r->status);
    store_bind_text(st, 4, r->outcome);
    store_bind_text(st, 5, r->code);
    store_bind_text(st, 6, r->reason);
    store_bind_text(st, 7, r->resource);
    store_bind_text(st, 8, r->evidence);
    sqlite3_bind_int64(st, 9, now);
    sqlite3_bind_int64(st, 10, r->ended ? r->ended : now);
    store_result rc = fenced(s, st, r->id, r->fence);
    if (rc != STORE_OK) return rc;
    st = store_statement_of(s, S_APPROVALS_END); /* what it still asked for would be asked for ever */
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, r->id);
    sqlite3_bind_int64(st, 2, now);
    if ((rc = store_step(s, st, NULL)) != STORE_OK) return rc;
    st = store_statement_of(s, S_TARGET_FREE);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, r->id);
    return store_step(s, st, NULL);
}

store_result store_run_leave(store *s, const store_run *r, int64_t now) {
    double began = store_clock();
    store_result rc = store_begin_write(s, true);
    if (rc != STORE_OK) return rc;
    rc = store_journal_write(s);
    if (rc == STORE_OK) {
        switch (r->status) {
        case RUN_WAITING: rc = park(s, r, now); break;
        case RUN_ENDED:
        case RUN_UNDONE: rc = end(s, r, now); break;
        case RUN_ACTIVE:
        case RUN_UNDOING: rc = release(s, r, now); break;
        }
    }
    rc = store_end_write(s, rc);
    if (rc == STORE_OK) store_journal_written(s, began, false, NULL, NULL);
    if (rc == STORE_OK || rc == STORE_LOST) store_drop(s, r->id);
    return rc;
}

store_result store_run_poke(store *s, pb_str id, int64_t now) {
    int changes = 0;
    bool inside = !sqlite3_get_autocommit(s->db); /* a decision's own transaction */
    store_result r = inside ? STORE_OK : store_begin_write(s, true);
    if (r != STORE_OK) return r;
    sqlite3_stmt *st = store_statement_of(s, S_RUN_POKE);
    if (!st) return inside ? STORE_ERROR : store_end_write(s, STORE_ERROR);
    store_bind_text(st, 1, id);
    sqlite3_bind_int64(st, 2, now);
    r = store_step(s, st, &changes);
    if (r == STORE_OK && !changes) r = STORE_NO;
    return inside ? r : store_end_write(s, r);
}

/* ---- which ---- */

store_result store_runs_due(store *s, int64_t now, uint32_t max, pb_arena *a, pb_str **ids, uint32_t *n) {
    static const column one[] = {{COL_TEXT, 0}};
    sqlite3_stmt *st = store_statement_of(s, S_RUNS_DUE);
    if (!st) return STORE_ERROR;
    sqlite3_bind_int64(st, 1, now);
    sqlite3_bind_int64(st, 2, max);
    return store_read_all(s, st, one, 1, a, sizeof **ids, (void **)ids, n);
}

static store_result free_leases_of(store *s, store_statement which, pb_str owner, int64_t now, uint32_t *n) {
    int changes = 0;
    sqlite3_stmt *st = store_statement_of(s, which);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, owner);
    if (sqlite3_bind_parameter_count(st) > 1) sqlite3_bind_int64(st, 2, now);
    store_result r = store_step(s, st, &changes);
    *n += (uint32_t)changes;
    return r;
}

static store_result free_leases(store *s, const pb_str *dead, uint32_t ndead, int64_t now, uint32_t *n) {
    store_result r = store_begin_write(s, false);
    if (r != STORE_OK) return r;
    for (uint32_t i = 0; r == STORE_OK && i < ndead; i++) {
        r = free_leases_of(s, S_FREE_RUNS, dead[i], now, n);
        if (r == STORE_OK) r = free_leases_of(s, S_FREE_EVENTS, dead[i], now, n);
    }
    return store_end_write(s, r);
}

store_result store_leases_free(store *s, bool (*dead)(pb_str owner), int64_t now, pb_arena *a, uint32_t *n) {
    static const column one[] = {{COL_TEXT, 0}};
    pb_str *owners;
    uint32_t nowners, ndead = 0;
    *n = 0;
    sqlite3_stmt *st = store_statement_of(s, S_OWNERS);
    if (!st) return STORE_ERROR;
    store_result r = store_read_all(s, st, one, 1, a, sizeof *owners, (void **)&owners, &nowners);
    for (uint32_t i = 0; r == STORE_OK && i < nowners; i++)
        if (dead(owners[i])) owners[ndead++] = owners[i]; /* a dead one does not come back: no transaction is needed */
    return r == STORE_OK && ndead ? free_leases(s, owners, ndead, now, n) : r;
}

store_result store_next_due(store *s, int64_t *at) {
    sqlite3_stmt *st = store_statement_of(s, S_NEXT_DUE);
    if (!st) return STORE_ERROR;
    int rc = sqlite3_step(st);
    *at = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    return store_finish(s, st, rc);
}

store_result store_runs_list(store *s, const store_filter *f, pb_arena *a, store_run **runs, uint32_t *n) {
    sqlite3_stmt *st = store_statement_of(s, S_RUNS_LIST);
    if (!st) return STORE_ERROR;
    const pb_str texts[] = {f->playbook, f->status, f->incident, f->resource, f->since_id};
    for (int i = 0; i < 5; i++) store_bind_text(st, i + 1, texts[i]);
    sqlite3_bind_int64(st, 6, f->since);
    sqlite3_bind_int64(st, 7, f->max ? f->max : LIST_MAX);
    return store_read_all(s, st, run_columns, RUN_NCOLUMNS, a, sizeof **runs, (void **)runs, n);
}

store_result store_runs_find(store *s, pb_str prefix, uint32_t max, pb_arena *a, pb_str **ids, uint32_t *n) {
    static const column one[] = {{COL_TEXT, 0}};
    sqlite3_stmt *st = store_statement_of(s, S_RUNS_FIND);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, prefix);
    sqlite3_bind_int64(st, 2, max);
    return store_read_all(s, st, one, 1, a, sizeof **ids, (void **)ids, n);
}

store_result store_count_status(store *s, uint64_t *active, uint64_t *waiting, uint64_t *ended) {
    sqlite3_stmt *st = store_statement_of(s, S_RUNS_COUNT);
    if (!st) return STORE_ERROR;
    int rc = sqlite3_step(st);
    *active = (uint64_t)sqlite3_column_int64(st, 0);
    *waiting = (uint64_t)sqlite3_column_int64(st, 1);
    *ended = (uint64_t)sqlite3_column_int64(st, 2);
    return store_finish(s, st, rc);
}
