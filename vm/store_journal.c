/*
 * store_journal.c - the journal: entries are gathered in memory and written together, under the fences of their runs.
 *
 * The sequence number of an entry is given when it is gathered: the last one on disk is looked up at a run's first
 * entry and counted on from there, which is safe because only the holder of the run's lease writes, and the fence is
 * looked at again in the transaction that writes. What could not be written stays gathered.
 */
#include "vm/store_own.h"

#include <stdlib.h>
#include <time.h>

#define X(type, member) {COL_##type, offsetof(journal_entry, member)},
static const column journal_columns[] = {JOURNAL_COLUMNS(X)};
#undef X
_Static_assert(sizeof(journal_kind) == sizeof(unsigned), "COL_STATUS is read and written as unsigned");

enum { PENDING_MAX = 1 << 20 }; /* entries; more are a caller that never commits */

static bool grow(void **p, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return true;
    uint32_t more = *cap ? *cap * 2 : 16;
    void *q = more <= PENDING_MAX ? realloc(*p, more * size) : NULL;
    if (!q) return false;
    *p = q;
    *cap = more;
    return true;
}

static bool is_run(const journal_run *k, pb_str id) { return pb_str_eq((pb_str){k->id, k->nid}, id); }

static store_result last_of(store *s, pb_str run, int64_t *last) {
    sqlite3_stmt *st = store_statement_of(s, S_JOURNAL_LAST);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, run);
    int rc = sqlite3_step(st);
    *last = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0; /* no such run: the commit will say so */
    return store_finish(s, st, rc);
}

static journal_run *find(store *s, pb_str run, int64_t fence) {
    for (uint32_t i = 0; i < s->nruns; i++)
        if (s->runs[i].fence == fence && is_run(&s->runs[i], run)) return &s->runs[i];
    return NULL;
}

/* What is known of the run under this fence; asked for at its first entry. */
static journal_run *known(store *s, pb_str run, int64_t fence) {
    journal_run *k = find(s, run, fence);
    int64_t last = 0;
    if (k) return k;
    if (last_of(s, run, &last) != STORE_OK) return NULL;
    char *id = grow((void **)&s->runs, s->nruns, &s->runs_cap, sizeof *s->runs) ? malloc(run.n + 1) : NULL;
    if (!id) {
        store_no_memory(s);
        return NULL;
    }
    if (run.n) memcpy(id, run.s, run.n);
    s->runs[s->nruns] = (journal_run){.id = id, .nid = run.n, .fence = fence, .next = last + 1};
    return &s->runs[s->nruns++];
}

static char *put_text(char *at, pb_str *t, pb_str from) {
    if (from.n) memcpy(at, from.s, from.n);
    *t = (pb_str){at, from.n};
    return at + from.n;
}

store_result store_append(store *s, pb_str run, int64_t fence, journal_entry *e) {
    journal_run *k = known(s, run, fence);
    if (!k) return STORE_ERROR;
    size_t size = (size_t)run.n + e->step.n + e->name.n + e->data.n + 1;
    char *text = grow((void **)&s->pending, s->npending, &s->pending_cap, sizeof *s->pending) ? malloc(size) : NULL;
    if (!text) return store_no_memory(s);
    journal_pending *p = &s->pending[s->npending];
    pb_str id;
    e->seq = k->next++;
    *p = (journal_pending){.entry = *e, .run = text, .nrun = run.n, .fence = fence};
    text = put_text(text, &id, run);
    text = put_text(text, &p->entry.step, e->step);
    text = put_text(text, &p->entry.name, e->name);
    put_text(text, &p->entry.data, e->data);
    s->npending++;
    return STORE_OK;
}

bool store_pending(const store *s) { return s->npending > 0; }

/* ---- writing ---- */

static store_result fence_holds(store *s, journal_run *k) {
    sqlite3_stmt *st = store_statement_of(s, S_RUN_FENCE);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, (pb_str){k->id, k->nid});
    sqlite3_bind_int64(st, 2, k->fence);
    int rc = sqlite3_step(st);
    k->row = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    return store_finish(s, st, rc);
}

static journal_run *run_of(store *s, const journal_pending *p) { return find(s, (pb_str){p->run, p->nrun}, p->fence); }

static store_result put_entry(store *s, const journal_pending *p, int64_t row) {
    sqlite3_stmt *st = store_statement_of(s, S_JOURNAL_PUT);
    if (!st) return STORE_ERROR;
    sqlite3_bind_int64(st, 1, row);
    store_bind_record(s, st, 2, journal_columns, COLUMN_COUNT(journal_columns), &p->entry);
    return store_step(s, st, NULL);
}

store_result store_journal_write(store *s) {
    enum { UNKNOWN = -1 };
    store_result r = STORE_OK;
    for (uint32_t i = 0; i < s->nruns; i++) s->runs[i].row = UNKNOWN;
    for (uint32_t i = 0; r == STORE_OK && i < s->npending; i++) {
        journal_run *k = run_of(s, &s->pending[i]);
        if (k->row == UNKNOWN) r = fence_holds(s, k);
        if (r == STORE_OK && k->row) r = put_entry(s, &s->pending[i], k->row);
    }
    return r;
}

static void forget_run(store *s, const journal_run *k) {
    free(k->id);
    s->runs[k - s->runs] = s->runs[--s->nruns];
}

/* Keeps the entries for which keep says so. */
static void sieve(store *s, bool (*keep)(store *s, const journal_pending *p, pb_str run), pb_str run) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->npending; i++) {
        if (keep(s, &s->pending[i], run))
            s->pending[n++] = s->pending[i];
        else
            free(s->pending[i].run);
    }
    s->npending = n;
}

static bool of_a_lost_run(store *s, const journal_pending *p, pb_str run) {
    (void)run;
    bool kept = run_of(s, p)->row == 0;
    if (!kept) s->entries++;
    return kept;
}

static bool of_another_run(store *s, const journal_pending *p, pb_str run) {
    (void)s;
    return !pb_str_eq((pb_str){p->run, p->nrun}, run);
}

double store_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void store_watch_commits(store *s, void (*took)(void *ctx, double seconds), void *ctx) {
    s->took = took;
    s->took_ctx = ctx;
}

void store_journal_written(store *s, double began, bool lost_too, void (*lost)(void *ctx, pb_str run), void *ctx) {
    s->commits++;
    if (s->took) s->took(s->took_ctx, store_clock() - began);
    sieve(s, of_a_lost_run, PB_STR(""));
    while (lost_too && s->npending) {
        pb_str run = {s->pending[0].run, s->pending[0].nrun};
        char *name = malloc(run.n + 1); /* the entry goes before its run is told */
        if (name) memcpy(name, run.s, run.n);
        run = (pb_str){name, name ? run.n : 0};
        if (!name) return; /* told at the next commit */
        store_drop(s, run);
        if (lost) lost(ctx, run);
        free(name);
    }
}

void store_drop(store *s, pb_str run) {
    sieve(s, of_another_run, run);
    for (uint32_t i = s->nruns; i-- > 0;)
        if (is_run(&s->runs[i], run)) forget_run(s, &s->runs[i]);
}

store_result store_commit(store *s, void (*lost)(void *ctx, pb_str run), void *ctx) {
    if (!s->npending) return s->broken ? STORE_ERROR : STORE_OK;
    double began = store_clock();
    store_result r = store_begin_write(s, true);
    if (r != STORE_OK) return r;
    r = store_end_write(s, store_journal_write(s));
    if (r != STORE_OK) return r;
    bool any = false;
    for (uint32_t i = 0; i < s->nruns; i++) any = any || s->runs[i].row == 0;
    store_journal_written(s, began, true, lost, ctx);
    return any ? STORE_LOST : STORE_OK;
}

store_result store_journal(store *s, pb_str run, pb_arena *a, journal_entry **entries, uint32_t *n) {
    sqlite3_stmt *st = store_statement_of(s, S_JOURNAL_GET);
    if (!st) return STORE_ERROR;
    store_bind_text(st, 1, run);
    return store_read_all(s, st, journal_columns, COLUMN_COUNT(journal_columns), a, sizeof **entries, (void **)entries,
                          n);
}
