/*
 * store_events.c - the queue of events that a server has taken in, keys that may be used once, images, and pruning.
 */
#include "vm/store_own.h"

static const column event_columns[] = {
    {COL_INT64, offsetof(store_event, id)},        {COL_TEXT, offsetof(store_event, source)},
    {COL_TEXT, offsetof(store_event, body)},       {COL_INT64, offsetof(store_event, received)},
    {COL_UINT32, offsetof(store_event, attempts)},
};

/* ---- keys used once ---- */

static store_result use_key(store *s, pb_str key, int64_t now, int64_t until) {
    int changes = 0;
    sqlite3_stmt *sweep = store_statement_of(s, S_ONCE_SWEEP), *st = store_statement_of(s, S_ONCE_PUT);
    if (!sweep || !st) return STORE_ERROR;
    sqlite3_bind_int64(sweep, 1, now);
    store_result r = store_step(s, sweep, NULL);
    if (r != STORE_OK) return r;
    store_bind_text(st, 1, key);
    sqlite3_bind_int64(st, 2, now);
    sqlite3_bind_int64(st, 3, until);
    r = store_step(s, st, &changes);
    return r == STORE_OK && !changes ? STORE_NO : r;
}

store_result store_once(store *s, pb_str key, int64_t now, int64_t until) {
    store_result r = store_begin_write(s, false);
    return r == STORE_OK ? store_end_write(s, use_key(s, key, now, until)) : r;
}

/* ---- events ---- */

static store_result waiting(store *s, int64_t most, int64_t *n) {
    sqlite3_stmt *st = store_statement_of(s, S_EVENTS_WAITING);
    if (!st) return STORE_ERROR;
    sqlite3_bind_int64(st, 1, most);
    int rc = sqlite3_step(st);
    *n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    return store_finish(s, st, rc);
}

static store_result put(store *s, pb_str source, pb_str body, int64_t now) {
    sqlite3_stmt *st = store_statement_of(s, S_EVENT_PUT);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, source);
    store_bind_text(st, 2, body);
    sqlite3_bind_int64(st, 3, now);
    return store_step(s, st, NULL);
}

/* OK and NO are the batch's own result: what decides it is asked before anything is written. */
static store_result put_batch(store *s, store_batch *b, uint32_t max, int64_t now) {
    int64_t before = 0;
    store_result r = waiting(s, max, &before);
    b->result = STORE_NO;
    if (r != STORE_OK || before + b->n > max) return r;
    if (b->once.n) r = use_key(s, b->once, now, b->until);
    b->used = r == STORE_NO;
    if (r != STORE_OK) return r == STORE_NO ? STORE_OK : r;
    for (uint32_t i = 0; r == STORE_OK && i < b->n; i++) {
        r = put(s, b->source, b->bodies[i], now);
        if (i == 0) b->first = sqlite3_last_insert_rowid(s->db);
    }
    b->result = STORE_OK;
    return r;
}

store_result store_events_add(store *s, store_batch *batches, uint32_t n, uint32_t max, int64_t now) {
    store_result r = store_begin_write(s, true);
    if (r != STORE_OK) return r;
    for (uint32_t i = 0; r == STORE_OK && i < n; i++) r = put_batch(s, &batches[i], max, now);
    return store_end_write(s, r);
}

store_result store_event_add(store *s, pb_str source, pb_str body, uint32_t max, int64_t now, int64_t *id) {
    store_batch b = {.source = source, .bodies = &body, .n = 1};
    store_result r = store_events_add(s, &b, 1, max, now);
    *id = b.first;
    return r == STORE_OK ? b.result : r;
}

store_result store_event_take(store *s, pb_str owner, int64_t now, pb_arena *a, store_event *out) {
    store_result r = store_begin_write(s, false);
    if (r != STORE_OK) return r;
    sqlite3_stmt *st = store_statement_of(s, S_EVENT_TAKE);
    if (!st) return store_end_write(s, STORE_ERROR);
    store_bind_text(st, 1, owner);
    sqlite3_bind_int64(st, 2, now);
    sqlite3_bind_int64(st, 3, now + STORE_LEASE_MS);
    return store_end_write(s, store_read_one(s, st, event_columns, COLUMN_COUNT(event_columns), a, out));
}

store_result store_event_done(store *s, int64_t id, pb_str why, int64_t now) {
    int changes = 0;
    store_result r = store_begin_write(s, false);
    if (r != STORE_OK) return r;
    sqlite3_stmt *st = store_statement_of(s, S_EVENT_DONE);
    if (!st) return store_end_write(s, STORE_ERROR);
    sqlite3_bind_int64(st, 1, id);
    sqlite3_bind_int64(st, 2, now);
    store_bind_text(st, 3, why);
    r = store_step(s, st, &changes);
    return store_end_write(s, r == STORE_OK && !changes ? STORE_NO : r);
}

store_result store_events_waiting(store *s, uint64_t *n) {
    int64_t count = 0;
    store_result r = waiting(s, -1, &count);
    *n = (uint64_t)count;
    return r;
}

/* ---- images ---- */

static store_result image_fresh(store *s, pb_str sha256) {
    sqlite3_stmt *st = store_statement_of(s, S_IMAGE_FRESH);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, sha256);
    int rc = sqlite3_step(st);
    store_result r = store_finish(s, st, rc);
    return r == STORE_OK && rc != SQLITE_ROW ? STORE_NO : r;
}

store_result store_image_put(store *s, const char *sha256, const void *image, size_t n) {
    store_result r = image_fresh(s, pb_str_c(sha256));
    if (r != STORE_NO) return r;
    r = store_begin_write(s, false);
    if (r != STORE_OK) return r;
    sqlite3_stmt *st = store_statement_of(s, S_IMAGE_PUT);
    if (!st) return store_end_write(s, STORE_ERROR);
    store_bind_text(st, 1, pb_str_c(sha256));
    sqlite3_bind_blob64(st, 2, image, n, SQLITE_STATIC);
    return store_end_write(s, store_step(s, st, NULL));
}

store_result store_image_get(store *s, const char *sha256, pb_arena *a, pb_str *image) {
    static const column one[] = {{COL_TEXT, 0}};
    sqlite3_stmt *st = store_statement_of(s, S_IMAGE_GET);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, pb_str_c(sha256));
    return store_read_one(s, st, one, 1, a, image);
}

/* ---- pruning ---- */

static store_result remove_older(store *s, store_statement which, int64_t before, uint64_t *removed) {
    int changes = 0;
    sqlite3_stmt *st = store_statement_of(s, which);
    if (!st) return STORE_ERROR;
    if (sqlite3_bind_parameter_count(st)) sqlite3_bind_int64(st, 1, before);
    store_result r = store_step(s, st, &changes);
    *removed += (uint64_t)changes;
    return r;
}

store_result store_prune(store *s, int64_t before, uint64_t *removed) {
    static const store_statement steps[] = {S_PRUNE_RUNS, S_PRUNE_EVENTS, S_PRUNE_USED, S_PRUNE_TARGETS,
                                            S_PRUNE_IMAGES};
    uint64_t n = 0;
    *removed = 0;
    store_result r = store_begin_write(s, true);
    if (r != STORE_OK) return r;
    for (size_t i = 0; r == STORE_OK && i < sizeof steps / sizeof *steps; i++)
        r = remove_older(s, steps[i], before, &n);
    r = store_end_write(s, r);
    if (r == STORE_OK) *removed = n;
    return r;
}
