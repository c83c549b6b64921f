/*
 * store_own.h - what the files of the SQLite store share; nobody else includes it.
 *
 *     store_sqlite.c   the file: opening, migrations, statements, transactions, what errors mean
 *     store_runs.c     runs, admission, leases
 *     store_journal.c  the journal's buffer and its commits
 *     store_people.c   approvals, decisions, switches, targets
 *     store_events.c   the queue of events, single-use keys, pruning, images
 *
 * A write is one transaction (BEGIN IMMEDIATE). DURABLE ones end with an fsync. The others are as atomic, survive the
 * death of the process, and are on disk with the next durable one at the latest, because the log is written in order:
 * they are for what nobody outside has been told yet (a lease, a run that has sent nothing).
 */
#ifndef PB_STORE_OWN_H
#define PB_STORE_OWN_H

#include "vm/store.h"

#include <sqlite3.h>

/* A record's members in the order of its columns: X(type, member). TEXT, LONG_TEXT and VALUE are left empty in lists
 * where they are long. */
typedef enum column_type { COL_TEXT, COL_LONG, COL_BYTES, COL_VALUE, COL_INT64, COL_UINT32, COL_STATUS, COL_BOOL } column_type;
typedef struct column {
    column_type type;
    size_t offset;
} column;

#define RUN_COLUMNS(X) \
    X(TEXT, id) X(TEXT, incident) X(TEXT, playbook) X(TEXT, version) X(TEXT, image) X(TEXT, item_note) \
    X(UINT32, item) X(TEXT, account) X(TEXT, region) X(TEXT, resource) X(TEXT, threat) X(TEXT, mode) \
    X(STATUS, status) X(TEXT, waits_for) X(TEXT, outcome) X(TEXT, code) X(TEXT, reason) X(INT64, started) \
    X(INT64, updated) X(INT64, ended) X(INT64, wake_at) X(INT64, deadline) X(INT64, fence) X(INT64, lease_until) \
    X(TEXT, owner) X(TEXT, origin) X(VALUE, params) X(VALUE, context) X(LONG, event) X(LONG, evidence) \
    X(TEXT, site) X(BOOL, over_limit)

#define APPROVAL_COLUMNS(X) \
    X(TEXT, id) X(TEXT, run) X(TEXT, step) X(UINT32, round) X(TEXT, question) X(TEXT, body) X(TEXT, binding) \
    X(VALUE, via) X(VALUE, by) X(VALUE, escalate) X(VALUE, excluded) X(UINT32, quorum) X(INT64, asked) \
    X(INT64, expires) X(INT64, escalate_at) X(BOOL, escalated) X(TEXT, state) X(TEXT, reason) X(INT64, decided) \
    X(VALUE, message)

#define DECISION_COLUMNS(X) \
    X(TEXT, approval) X(TEXT, person) X(TEXT, via) X(TEXT, verdict) X(TEXT, reason) X(TEXT, proof) X(INT64, at)

#define JOURNAL_COLUMNS(X) X(INT64, seq) X(STATUS, kind) X(TEXT, step) X(TEXT, name) X(INT64, at) X(BYTES, data)

#define SWITCH_COLUMNS(X) X(TEXT, scope) X(TEXT, state) X(TEXT, reason) X(TEXT, who) X(INT64, at)

/* Pieces of SQL made of those lists; quoted, because "by" is a word of SQL. */
#define COL_NAME(type, name) "\"" #name "\","
#define COL_MARK(type, name) "?,"
#define COL_SET(type, name) "\"" #name "\"=excluded.\"" #name "\","
#define COL_BRIEF(type, name) COL_BRIEF_##type(name)
#define COL_BRIEF_TEXT(name) "\"" #name "\","
#define COL_BRIEF_LONG(name) "'',"
#define COL_BRIEF_VALUE(name) "NULL,"
#define COL_BRIEF_INT64(name) COL_BRIEF_TEXT(name)
#define COL_BRIEF_UINT32(name) COL_BRIEF_TEXT(name)
#define COL_BRIEF_BOOL(name) COL_BRIEF_TEXT(name)
#define COL_BRIEF_STATUS(name) COL_BRIEF_TEXT(name)

/* ?1.. are numbered from left to right. */
#define STORE_STATEMENTS(X) \
    X(S_BEGIN, "BEGIN IMMEDIATE") \
    X(S_COMMIT, "COMMIT") \
    X(S_ROLLBACK, "ROLLBACK") \
    X(S_SYNC_FULL, "PRAGMA synchronous=FULL") \
    X(S_SYNC_NORMAL, "PRAGMA synchronous=NORMAL") \
    X(S_IMAGE_FRESH, "SELECT 1 FROM images WHERE sha256=?1 AND used>unixepoch()-3600") \
    X(S_IMAGE_PUT, "INSERT INTO images(sha256,used,image) VALUES(?1,unixepoch(),?2) " \
                   "ON CONFLICT(sha256) DO UPDATE SET used=excluded.used") \
    X(S_IMAGE_GET, "SELECT image FROM images WHERE sha256=?1") \
    X(S_RUN_PUT, "INSERT INTO runs(" RUN_COLUMNS(COL_NAME) "dedupe_key,poked,due_at) VALUES(" RUN_COLUMNS( \
                     COL_MARK) "?,0,?)") \
    X(S_RUN_GET, "SELECT " RUN_COLUMNS(COL_NAME) "n FROM runs WHERE id=?1") \
    X(S_RUN_ORIGIN, "SELECT id FROM runs WHERE origin=?1 AND origin<>''") \
    X(S_RUN_DUPLICATE, "SELECT id FROM runs WHERE playbook=?1 AND dedupe_key=?2 AND dedupe_key<>'' " \
                       "AND started>?3 AND mode=?4 AND NOT (status>=2 AND outcome IN ('failed','denied')) " \
                       "ORDER BY started DESC LIMIT 1") \
    X(S_RUN_BEGUN, "SELECT count(*) FROM (SELECT 1 FROM runs WHERE playbook=?1 AND started>?2 AND mode<>'dry' " \
                   "LIMIT ?3)") \
    X(S_RUN_UNFINISHED, "SELECT count(*) FROM (SELECT 1 FROM runs WHERE playbook=?1 AND status<2 AND mode<>'dry' " \
                        "LIMIT ?2)") \
    X(S_RUN_TAKE, "UPDATE runs SET status=CASE WHEN status IN (2,3) THEN 3 ELSE 0 END, fence=fence+1, poked=0, " \
                  "wake_at=0, owner=?3, updated=?4, lease_until=?5, due_at=?5 " \
                  "WHERE id=?1 AND lease_until<=?4 AND " \
                  "CASE ?2 WHEN 0 THEN status IN (0,1,3) ELSE status IN (2,3) END") \
    X(S_RUN_RENEW, "UPDATE runs SET lease_until=?3, due_at=?3 WHERE id=?1 AND fence=?2 AND status IN (0,3)") \
    X(S_RUN_FENCE, "SELECT n FROM runs WHERE id=?1 AND fence=?2") \
    X(S_RUN_PARK, "UPDATE runs SET status=1, waits_for=?3, wake_at=?4, updated=?5, lease_until=0, owner='', " \
                  "due_at=CASE WHEN poked THEN ?5 WHEN ?4>0 THEN ?4 END WHERE id=?1 AND fence=?2") \
    /* An undoing changes nothing of what the run had come to; its document stands below the run's own. */ \
    X(S_RUN_END, "UPDATE runs SET status=?3, outcome=CASE status WHEN 3 THEN outcome ELSE ?4 END, " \
                 "code=CASE status WHEN 3 THEN code ELSE ?5 END, reason=CASE status WHEN 3 THEN reason ELSE ?6 END, " \
                 "resource=CASE status WHEN 3 THEN resource ELSE ?7 END, " \
                 "evidence=CASE status WHEN 3 THEN trim(evidence||char(10)||?8,char(10)) ELSE ?8 END, " \
                 "updated=?9, ended=CASE status WHEN 3 THEN ended ELSE ?10 END, waits_for='', wake_at=0, lease_until=0, owner='', due_at=NULL " \
                 "WHERE id=?1 AND fence=?2") \
    X(S_RUN_RELEASE, "UPDATE runs SET lease_until=0, owner='', updated=?3, due_at=?3 WHERE id=?1 AND fence=?2 " \
                     "AND status IN (0,3)") \
    X(S_RUN_POKE, "UPDATE runs SET poked=1, due_at=CASE status WHEN 1 THEN min(ifnull(due_at,?2),?2) ELSE due_at END " \
                  "WHERE id=?1 AND status IN (0,1,3)") \
    X(S_RUNS_DUE, "SELECT id FROM runs WHERE due_at<=?1 AND lease_until<=?1 AND status IN (0,1,3) " \
                  "ORDER BY due_at LIMIT ?2") \
    X(S_OWNERS, "SELECT owner FROM runs WHERE status IN (0,3) AND owner<>'' UNION " \
                "SELECT owner FROM events WHERE done_at IS NULL AND owner<>''") \
    X(S_FREE_RUNS, "UPDATE runs SET lease_until=0, owner='', due_at=?2 WHERE status IN (0,3) AND owner=?1") \
    X(S_FREE_EVENTS, "UPDATE events SET lease_until=0, owner='' WHERE done_at IS NULL AND owner=?1") \
    X(S_NEXT_DUE, "SELECT due_at FROM runs WHERE status=1 AND due_at IS NOT NULL ORDER BY due_at LIMIT 1") \
    X(S_RUNS_LIST, "SELECT " RUN_COLUMNS(COL_BRIEF) "n FROM runs WHERE (?1='' OR playbook=?1) AND (?2='' OR CASE ?2 " \
                   "WHEN 'active' THEN status IN (0,3) WHEN 'waiting' THEN status=1 WHEN 'ended' THEN status=2 " \
                   "WHEN 'undone' THEN status=4 ELSE outcome=?2 AND status IN (2,4) END) AND (?3='' OR incident=?3) " \
                   "AND (?4='' OR resource=?4) AND (?5='' OR id>?5) AND started>=?6 ORDER BY started DESC, n DESC " \
                   "LIMIT ?7") \
    X(S_RUNS_FIND, "SELECT id FROM runs WHERE id>=?1 AND id<?1||'~' ORDER BY id DESC LIMIT ?2") \
    X(S_RUNS_COUNT, "SELECT count(*) FILTER (WHERE status IN (0,3)), count(*) FILTER (WHERE status=1), " \
                    "count(*) FILTER (WHERE status IN (2,4)) FROM runs") \
    X(S_JOURNAL_PUT, "INSERT INTO journal(run,seq,kind,step,name,at,data) VALUES(?1,?2,?3,?4,?5,?6,?7)") \
    X(S_JOURNAL_LAST, "SELECT ifnull((SELECT max(seq) FROM journal WHERE run=runs.n),0) FROM runs WHERE id=?1") \
    X(S_JOURNAL_GET, "SELECT " JOURNAL_COLUMNS(COL_NAME) "0 FROM journal WHERE run=(SELECT n FROM runs WHERE id=?1) " \
                     "ORDER BY seq") \
    X(S_APPROVAL_PUT, "INSERT INTO approvals(" APPROVAL_COLUMNS(COL_NAME) "n) VALUES(" APPROVAL_COLUMNS(COL_MARK) \
                      "NULL) ON CONFLICT(id) DO UPDATE SET " APPROVAL_COLUMNS(COL_SET) "n=n") \
    X(S_APPROVAL_GET, "SELECT " APPROVAL_COLUMNS(COL_NAME) "n FROM approvals WHERE id=?1") \
    X(S_APPROVALS, "SELECT " APPROVAL_COLUMNS(COL_NAME) "n FROM approvals ORDER BY n DESC LIMIT ?1") \
    X(S_APPROVALS_OPEN, "SELECT " APPROVAL_COLUMNS(COL_NAME) "n FROM approvals WHERE state='open' " \
                        "ORDER BY n DESC LIMIT ?1") \
    X(S_APPROVALS_COUNT, "SELECT count(*) FROM approvals WHERE state='open'") \
    X(S_APPROVALS_OF, "SELECT " APPROVAL_COLUMNS(COL_NAME) "n FROM approvals WHERE run=?2 " \
                      "AND (NOT ?3 OR state='open') ORDER BY n DESC LIMIT ?1") \
    X(S_DECISION_PUT, "INSERT INTO decisions(" DECISION_COLUMNS(COL_NAME) "n) VALUES(" DECISION_COLUMNS(COL_MARK) \
                      "NULL)") \
    X(S_DECISIONS, "SELECT " DECISION_COLUMNS(COL_NAME) "n FROM decisions WHERE approval=?1 ORDER BY n") \
    X(S_SWITCH_PUT, "INSERT INTO switches(" SWITCH_COLUMNS(COL_NAME) "n) VALUES(" SWITCH_COLUMNS(COL_MARK) "NULL)") \
    X(S_SWITCH_GET, "SELECT " SWITCH_COLUMNS(COL_NAME) "n FROM switches WHERE scope=?1 ORDER BY n DESC LIMIT 1") \
    X(S_SWITCHES, "SELECT " SWITCH_COLUMNS(COL_NAME) "n FROM switches WHERE n IN (SELECT max(n) FROM switches " \
                  "GROUP BY scope) ORDER BY scope") \
    X(S_SWITCH_HISTORY, "SELECT " SWITCH_COLUMNS(COL_NAME) "n FROM switches ORDER BY n DESC") \
    X(S_TARGET_HOLDER, "SELECT t.run FROM targets t JOIN runs r ON r.id=t.run WHERE t.target=?1 AND t.run<>?2 " \
                       "AND r.status NOT IN (2,4)") \
    X(S_TARGET_PUT, "INSERT OR REPLACE INTO targets(target,run) VALUES(?1,?2)") \
    X(S_APPROVALS_END, "UPDATE approvals SET state='void', reason='its run has ended', decided=?2 " \
                       "WHERE run=?1 AND state='open'") \
    X(S_TARGET_FREE, "DELETE FROM targets WHERE run=?1") \
    X(S_EVENT_PUT, "INSERT INTO events(source,body,received,attempts,lease_until,owner,why) " \
                   "VALUES(?1,?2,?3,0,0,'','')") \
    X(S_EVENT_TAKE, "UPDATE events SET attempts=attempts+1, lease_until=?3, owner=?1 WHERE id=(SELECT id FROM events " \
                    "WHERE done_at IS NULL AND lease_until<=?2 ORDER BY id LIMIT 1) " \
                    "RETURNING id,source,body,received,attempts") \
    X(S_EVENT_DONE, "UPDATE events SET done_at=?2, why=?3, lease_until=0, owner='', " \
                    "body=CASE ?3 WHEN '' THEN '' ELSE body END WHERE id=?1 AND done_at IS NULL") \
    X(S_EVENTS_WAITING, "SELECT count(*) FROM (SELECT 1 FROM events WHERE done_at IS NULL LIMIT ?1)") \
    X(S_ONCE_SWEEP, "DELETE FROM used WHERE key IN (SELECT key FROM used WHERE until<?1 LIMIT 8)") \
    X(S_ONCE_PUT, "INSERT INTO used(key,until) VALUES(?1,?3) ON CONFLICT(key) DO UPDATE SET until=excluded.until " \
                  "WHERE used.until<?2") \
    X(S_PRUNE_RUNS, "DELETE FROM runs WHERE status IN (2,4) AND ended<?1") \
    X(S_PRUNE_EVENTS, "DELETE FROM events WHERE done_at<?1") \
    X(S_PRUNE_USED, "DELETE FROM used WHERE until<?1") \
    X(S_PRUNE_TARGETS, "DELETE FROM targets WHERE run NOT IN (SELECT id FROM runs)") \
    X(S_PRUNE_IMAGES, "DELETE FROM images WHERE sha256 NOT IN (SELECT image FROM runs) " \
                      "AND used<unixepoch()-34560000")

typedef enum store_statement {
#define X(name, text) name,
    STORE_STATEMENTS(X)
#undef X
    STORE_NSTATEMENTS
} store_statement;

/* A run of which entries have been buffered or written here. */
typedef struct journal_run {
    char *id;
    uint32_t nid;
    int64_t fence, next; /* next: the sequence number of its next entry */
    int64_t row;         /* its key, looked up again for each commit; 0: lost */
} journal_run;

typedef struct journal_pending {
    journal_entry entry;
    char *run;  /* the memory of its texts begins here, with the run's id */
    uint32_t nrun;
    int64_t fence;
} journal_pending;

enum { STORE_SENTENCE = 512 };

struct store {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *prepared[STORE_NSTATEMENTS];
    char error[STORE_SENTENCE];
    bool broken;    /* an fsync failed: nothing is known about the disk any more */
    bool lazy_sync; /* the connection is set to synchronous=NORMAL */
    journal_run *runs;
    uint32_t nruns, runs_cap;
    journal_pending *pending;
    uint32_t npending, pending_cap;
    uint64_t commits, entries;
    void (*took)(void *ctx, double seconds);
    void *took_ctx;
};

/* ---- statements: NULL and false mean STORE_ERROR, with the sentence in s->error ---- */
sqlite3_stmt *store_statement_of(store *s, store_statement which);
void store_bind_text(sqlite3_stmt *st, int i, pb_str t); /* kept by the caller until the statement is finished */
/* Ends a statement. ROW and DONE are fine. */
store_result store_finish(store *s, sqlite3_stmt *st, int rc);
/* One step of a bound statement that gives no rows; *changes (may be NULL): how many rows it changed. */
store_result store_step(store *s, sqlite3_stmt *st, int *changes);
pb_str store_column_text(pb_arena *a, sqlite3_stmt *st, int i);
/* A record's columns, from parameter/column `at`. False: out of memory, or a value that cannot be written or read. */
bool store_bind_record(store *s, sqlite3_stmt *st, int at, const column *columns, size_t n, const void *record);
bool store_read_record(store *s, sqlite3_stmt *st, int at, const column *columns, size_t n, pb_arena *a, void *record);
/* Reads all rows into an array of records of `size` bytes. */
store_result store_read_all(store *s, sqlite3_stmt *st, const column *columns, size_t n, pb_arena *a, size_t size,
                            void **records, uint32_t *count);
/* The first row into one record; STORE_NO: there is none. */
store_result store_read_one(store *s, sqlite3_stmt *st, const column *columns, size_t n, pb_arena *a, void *record);

/* ---- transactions ---- */
store_result store_begin_write(store *s, bool durable);
/* OK: commits. Everything else: rolls back and gives r back (STORE_NO and STORE_LOST too: nothing was changed). */
store_result store_end_write(store *s, store_result r);

/* ---- errors ---- */
store_result store_fail(store *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
store_result store_no_memory(store *s);
store_result store_fail_db(store *s, int rc); /* by what SQLite says */

/* ---- the journal's part of a transaction (store_journal.c) ---- */
/* Writes the buffered entries of runs whose fence holds. The row of each run that is lost becomes 0. */
store_result store_journal_write(store *s);
/* Now, for store_journal_written. */
double store_clock(void);
/* After the transaction, which took from `began` until now: forgets what has been written, and if told so tells about
 * and forgets what was lost. */
void store_journal_written(store *s, double began, bool lost_too, void (*lost)(void *ctx, pb_str run),
                           void *ctx);

#define COLUMN_COUNT(columns) (sizeof(columns) / sizeof *(columns))

#endif
