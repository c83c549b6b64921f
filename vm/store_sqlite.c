/*
 * store_sqlite.c - the store's file: one SQLite database in WAL mode, and how it is opened, written and complained
 * about.
 *
 * Opening. The file is made with mode 0600, its missing directories with 0700. Its application_id says that it is ours,
 * so that no other program's database is taken for a store; user_version says which steps of `migrations` it has seen.
 * A store of an older program is brought up to date in one transaction, one of a newer program is refused.
 *
 * Writing. One transaction a call, begun IMMEDIATE, so that a condition (a fence, a count, "nobody has it") that is
 * read in it still holds when it is written. synchronous=FULL gives one fsync a commit; the transactions that need none
 * (store_own.h says which) are made with NORMAL.
 *
 * Failing. A full disk or a locked file is reported and rolled back, and the next call may do better. A failed fsync is
 * for good: what the kernel has kept or thrown away afterwards cannot be known, so every later call is refused until
 * the process is started anew and reads from the file what is really there.
 */
#include "vm/freeze.h"
#include "vm/store_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x50425354, /* "PBST" */
    WAIT_US = 5000               /* between two tries to switch to WAL, which SQLite's own waiting does not cover */
};

/* Step n brings a store of version n-1 to version n. Never changed once released: only new ones are added. */
static const char *const migrations[] = {
    "CREATE TABLE images(sha256 TEXT PRIMARY KEY, used INTEGER NOT NULL, image BLOB NOT NULL) STRICT;"

    "CREATE TABLE runs(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, incident TEXT NOT NULL, playbook TEXT NOT NULL,"
    " version TEXT NOT NULL, image TEXT NOT NULL, item_note TEXT NOT NULL, item INTEGER NOT NULL,"
    " account TEXT NOT NULL, region TEXT NOT NULL, resource TEXT NOT NULL, threat TEXT NOT NULL, mode TEXT NOT NULL,"
    " status INTEGER NOT NULL, waits_for TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT NOT NULL,"
    " reason TEXT NOT NULL, started INTEGER NOT NULL, updated INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " wake_at INTEGER NOT NULL, deadline INTEGER NOT NULL, fence INTEGER NOT NULL, lease_until INTEGER NOT NULL,"
    " owner TEXT NOT NULL, origin TEXT NOT NULL, dedupe_key TEXT NOT NULL, poked INTEGER NOT NULL, due_at INTEGER,"
    " params BLOB, context BLOB, event TEXT NOT NULL, evidence TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX runs_origin ON runs(origin) WHERE origin<>'';"
    "CREATE INDEX runs_duplicate ON runs(playbook,dedupe_key,started) WHERE dedupe_key<>'';"
    "CREATE INDEX runs_playbook ON runs(playbook,started);"
    "CREATE INDEX runs_unfinished ON runs(playbook,status) WHERE status<2;"
    "CREATE INDEX runs_started ON runs(started);"
    "CREATE INDEX runs_status ON runs(status,due_at);"
    "CREATE INDEX runs_incident ON runs(incident);"
    "CREATE INDEX runs_due ON runs(due_at) WHERE due_at IS NOT NULL;"

    "CREATE TABLE journal(run INTEGER NOT NULL REFERENCES runs(n) ON DELETE CASCADE, seq INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL,"
    " PRIMARY KEY(run,seq)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE approvals(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, step TEXT NOT NULL, round INTEGER NOT NULL,"
    " question TEXT NOT NULL, body TEXT NOT NULL, binding TEXT NOT NULL, via BLOB, \"by\" BLOB, escalate BLOB,"
    " excluded BLOB, quorum INTEGER NOT NULL, asked INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " escalate_at INTEGER NOT NULL, escalated INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,"
    " decided INTEGER NOT NULL, message BLOB) STRICT;"
    "CREATE INDEX approvals_run ON approvals(run);"
    "CREATE INDEX approvals_open ON approvals(n) WHERE state='open';"

    "CREATE TABLE decisions(n INTEGER PRIMARY KEY,"
    " approval TEXT NOT NULL REFERENCES approvals(id) ON DELETE CASCADE, person TEXT NOT NULL, via TEXT NOT NULL,"
    " verdict TEXT NOT NULL, reason TEXT NOT NULL, proof TEXT NOT NULL, at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX decisions_approval ON decisions(approval);"

    "CREATE TABLE used(key TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX used_until ON used(until);"

    "CREATE TABLE switches(n INTEGER PRIMARY KEY, scope TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,"
    " who TEXT NOT NULL, at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX switches_scope ON switches(scope,n);"

    "CREATE TABLE targets(target TEXT PRIMARY KEY, run TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX targets_run ON targets(run);"

    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, received INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, lease_until INTEGER NOT NULL, owner TEXT NOT NULL, done_at INTEGER,"
    " why TEXT NOT NULL, body TEXT NOT NULL) STRICT;"
    "CREATE INDEX events_waiting ON events(id) WHERE done_at IS NULL;"
    "CREATE INDEX events_done ON events(done_at) WHERE done_at IS NOT NULL;",

    /* 2: what an entry holds is bytes (vm/freeze.h), not text. */
    "CREATE TABLE journal2(run INTEGER NOT NULL REFERENCES runs(n) ON DELETE CASCADE, seq INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(run,seq)) STRICT, WITHOUT ROWID;"
    "INSERT INTO journal2 SELECT run,seq,kind,step,name,at,CAST(data AS BLOB) FROM journal;"
    "DROP TABLE journal;"
    "ALTER TABLE journal2 RENAME TO journal;",

    /* 3: the site under which a run was begun, and whether it has to ask. */
    "ALTER TABLE runs ADD COLUMN site TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE runs ADD COLUMN over_limit INTEGER NOT NULL DEFAULT 0;",
};
enum { VERSION = sizeof migrations / sizeof *migrations };

static const char *const statement_text[STORE_NSTATEMENTS] = {
#define X(name, text) text,
    STORE_STATEMENTS(X)
#undef X
};

/* ---- errors ---- */

store_result store_fail(store *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->error, sizeof s->error, fmt, ap);
    va_end(ap);
    return STORE_ERROR;
}

store_result store_no_memory(store *s) { return store_fail(s, "out of memory while the store was read or written"); }

const char *store_error(const store *s) { return s->error; }
bool store_is_broken(const store *s) { return s->broken; }

static bool is_no_room(int why) { return why == EFBIG || why == EDQUOT || why == ENOSPC; }

static store_result fail_io(store *s, int rc, int why) {
    if (rc == SQLITE_IOERR_NOMEM) return store_no_memory(s);
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC) {
        s->broken = true;
        return store_fail(s,
                          "%s: the disk did not confirm what was written (%s); check the disk and the kernel's log, "
                          "then start pbrun again: it goes on from what is really there",
                          s->path, strerror(why ? why : EIO));
    }
    if (is_no_room(why))
        return store_fail(s, "%s: no room for more (%s); raise the limit or free some space; nothing was changed",
                          s->path, strerror(why));
    return store_fail(s, "%s: reading or writing failed (%s); check the disk; nothing was changed", s->path,
                      why ? strerror(why) : sqlite3_errstr(rc));
}

store_result store_fail_db(store *s, int rc) {
    int last = errno, why = s->db ? sqlite3_system_errno(s->db) : 0;
    if (!why && is_no_room(last)) why = last; /* of a commit SQLite does not keep it */
    switch (rc & 0xff) {
    case SQLITE_NOMEM: return store_no_memory(s);
    case SQLITE_FULL: return store_fail(s, "%s: the disk is full; free some space; nothing was changed", s->path);
    case SQLITE_READONLY:
        return store_fail(s, "%s cannot be written; give this user write permission for the file and its directory",
                          s->path);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return store_fail(
            s, "%s could not be opened (%s); this user needs read and write permission for the file and its directory",
            s->path, why ? strerror(why) : "cannot open");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return store_fail(s, "%s has been locked by another process for more than %d s; see who holds it (fuser %s)",
                          s->path, STORE_BUSY_MS / 1000, s->path);
    case SQLITE_NOTADB:
        return store_fail(s, "%s is not a store: not a SQLite file; name another one, or move it away", s->path);
    case SQLITE_CORRUPT:
        return store_fail(s, "%s is damaged (%s); bring back a copy of it, or move it away and begin with a new one",
                          s->path, sqlite3_errmsg(s->db));
    case SQLITE_IOERR: return fail_io(s, rc, why);
    case SQLITE_TOOBIG: return store_fail(s, "what is to be kept is larger than a store can hold");
    default: return store_fail(s, "%s: %s", s->path, s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
    }
}

/* ---- statements ---- */

sqlite3_stmt *store_statement_of(store *s, store_statement which) {
    sqlite3_stmt **p = &s->prepared[which];
    if (s->broken) return NULL;
    int rc = *p ? SQLITE_OK
                : sqlite3_prepare_v3(s->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT, p, NULL);
    if (rc != SQLITE_OK) store_fail_db(s, rc);
    return *p;
}

void store_bind_text(sqlite3_stmt *st, int i, pb_str t) {
    sqlite3_bind_text64(st, i, t.n ? t.s : "", t.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_bytes(sqlite3_stmt *st, int i, pb_str t) {
    sqlite3_bind_blob64(st, i, t.n ? t.s : "", t.n, SQLITE_STATIC);
}

store_result store_finish(store *s, sqlite3_stmt *st, int rc) {
    store_result r = rc == SQLITE_ROW || rc == SQLITE_DONE ? STORE_OK : store_fail_db(s, rc);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return r;
}

store_result store_step(store *s, sqlite3_stmt *st, int *changes) {
    store_result r = store_finish(s, st, sqlite3_step(st));
    if (changes) *changes = r == STORE_OK ? sqlite3_changes(s->db) : 0;
    return r;
}

static store_result simple(store *s, store_statement which) {
    sqlite3_stmt *st = store_statement_of(s, which);
    return st ? store_step(s, st, NULL) : STORE_ERROR;
}

pb_str store_column_text(pb_arena *a, sqlite3_stmt *st, int i) {
    const void *p = sqlite3_column_blob(st, i);
    return pb_strdup(a, p ? p : "", (size_t)sqlite3_column_bytes(st, i));
}

static bool bind_value(sqlite3_stmt *st, int i, pb_value v) {
    pb_buf b = {0};
    bool ok = freeze_value(&b, v, NULL) && !b.oom;
    if (ok) ok = sqlite3_bind_blob64(st, i, b.data, b.len, SQLITE_TRANSIENT) == SQLITE_OK;
    pb_buf_free(&b);
    return ok;
}

static bool read_value(pb_arena *a, sqlite3_stmt *st, int i, pb_value *out) {
    pb_str err, bytes = {sqlite3_column_blob(st, i), (uint32_t)sqlite3_column_bytes(st, i)};
    *out = PB_NONE_VALUE;
    return !bytes.n || thaw_value(bytes, a, out, &err);
}

bool store_bind_record(store *s, sqlite3_stmt *st, int at, const column *columns, size_t n, const void *record) {
    for (size_t i = 0; i < n; i++, at++) {
        const char *m = (const char *)record + columns[i].offset;
        switch (columns[i].type) {
        case COL_TEXT:
        case COL_LONG: store_bind_text(st, at, *(const pb_str *)m); break;
        case COL_BYTES: bind_bytes(st, at, *(const pb_str *)m); break;
        case COL_INT64: sqlite3_bind_int64(st, at, *(const int64_t *)m); break;
        case COL_UINT32: sqlite3_bind_int64(st, at, *(const uint32_t *)m); break;
        case COL_STATUS: sqlite3_bind_int(st, at, (int)*(const unsigned *)m); break;
        case COL_BOOL: sqlite3_bind_int(st, at, *(const bool *)m); break;
        case COL_VALUE:
            if (bind_value(st, at, *(const pb_value *)m)) break;
            store_fail(s, "a value is too large to be kept in the store, or out of memory");
            return false;
        }
    }
    return true;
}

bool store_read_record(store *s, sqlite3_stmt *st, int at, const column *columns, size_t n, pb_arena *a, void *record) {
    for (size_t i = 0; i < n; i++, at++) {
        char *m = (char *)record + columns[i].offset;
        switch (columns[i].type) {
        case COL_TEXT:
        case COL_LONG:
        case COL_BYTES: *(pb_str *)m = store_column_text(a, st, at); break;
        case COL_INT64: *(int64_t *)m = sqlite3_column_int64(st, at); break;
        case COL_UINT32: *(uint32_t *)m = (uint32_t)sqlite3_column_int64(st, at); break;
        case COL_STATUS: *(unsigned *)m = (unsigned)sqlite3_column_int(st, at); break;
        case COL_BOOL: *(bool *)m = sqlite3_column_int(st, at) != 0; break;
        case COL_VALUE:
            if (read_value(a, st, at, (pb_value *)m)) break;
            if (!pb_arena_failed(a))
                store_fail(s, "%s is damaged: a value in it cannot be read", s->path);
            else
                store_no_memory(s);
            return false;
        }
    }
    if (!pb_arena_failed(a)) return true;
    store_no_memory(s);
    return false;
}

store_result store_read_one(store *s, sqlite3_stmt *st, const column *columns, size_t n, pb_arena *a, void *record) {
    int rc = sqlite3_step(st);
    bool ok = rc != SQLITE_ROW || store_read_record(s, st, 0, columns, n, a, record);
    store_result r = store_finish(s, st, rc);
    if (r != STORE_OK || !ok) return STORE_ERROR;
    return rc == SQLITE_ROW ? STORE_OK : STORE_NO;
}

/* Room for one more record in an array of the arena: its size doubles, so what is given up is as much as what is kept.
 */
static void *another(pb_arena *a, void *records, uint32_t count, uint32_t *cap, size_t size) {
    if (count < *cap) return records;
    uint32_t more = *cap ? *cap * 2 : 16;
    void *p = more > *cap ? pb_alloc_array(a, more, size) : NULL;
    if (!p) return NULL;
    if (count) memcpy(p, records, count * size);
    *cap = more;
    return p;
}

store_result store_read_all(store *s, sqlite3_stmt *st, const column *columns, size_t n, pb_arena *a, size_t size,
                            void **records, uint32_t *count) {
    uint32_t cap = 0;
    bool ok = true;
    int rc;
    *records = NULL;
    *count = 0;
    while (ok && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        void *p = another(a, *records, *count, &cap, size);
        if (p) *records = p;
        if (!p) store_no_memory(s);
        ok = p && store_read_record(s, st, 0, columns, n, a, (char *)p + *count * size);
        if (ok) ++*count;
    }
    store_result r = store_finish(s, st, ok ? rc : SQLITE_DONE);
    return ok ? r : STORE_ERROR;
}

void store_cut(store *s) {
    s->broken = true;
    store_fail(s, "%s: the process is taken for dead", s->path);
}

/* ---- transactions ---- */

/* Needs no memory: its statement was prepared before the transaction began. */
static void roll_back(store *s) {
    sqlite3_stmt *st = s->prepared[S_ROLLBACK];
    if (!sqlite3_get_autocommit(s->db) && st) {
        sqlite3_step(st);
        sqlite3_reset(st);
    }
}

store_result store_begin_write(store *s, bool durable) {
    if (s->broken || !store_statement_of(s, S_ROLLBACK) || !store_statement_of(s, S_COMMIT)) return STORE_ERROR;
    roll_back(s); /* should one have failed before */
    errno = 0;
    if (s->lazy_sync == durable) {
        if (simple(s, durable ? S_SYNC_FULL : S_SYNC_NORMAL) != STORE_OK) return STORE_ERROR;
        s->lazy_sync = !durable;
    }
    return simple(s, S_BEGIN);
}

store_result store_end_write(store *s, store_result r) {
    if (r == STORE_OK) r = simple(s, S_COMMIT);
    roll_back(s);
    return r;
}

/* ---- opening ---- */

/* The path that a URL names; NULL: out of memory. */
static char *path_of(const char *url) {
    if (strncmp(url, "sqlite:", 7) == 0) url += 7;
    if (strncmp(url, "///", 3) == 0) url += 2;
    return strdup(url);
}

/* Makes the directories above the file that are not there. */
static bool make_directories(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST || errno == EISDIR || errno == EROFS || errno == EACCES;
        *p = '/';
        if (!ok) return false;
    }
    return true;
}

/* SQLite gives its other files the mode of this one, so it is made before SQLite sees it. One that is there is not even
 * opened: closing it would drop the locks that this process has on it through another connection. */
static store_result make_file(store *s) {
    enum { HOW = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC };
    struct stat st;
    int fd = open(s->path, HOW, 0600);
    if (fd < 0 && errno == ENOENT && make_directories(s->path)) fd = open(s->path, HOW, 0600);
    int why = errno;
    if (fd >= 0) close(fd);
    if (fd >= 0 || (why == EEXIST && stat(s->path, &st) == 0 && S_ISREG(st.st_mode))) return STORE_OK;
    if (why == EEXIST) return store_fail(s, "%s is not an ordinary file; name another place for the store", s->path);
    return store_fail(s,
                      "%s could not be opened (%s); this user needs read and write permission for the file and its "
                      "directory",
                      s->path, strerror(why));
}

static store_result number(store *s, const char *sql, int64_t *out) {
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(st, 0);
    store_result r = rc == SQLITE_ROW ? STORE_OK : store_fail_db(s, rc);
    sqlite3_finalize(st);
    return r;
}

static store_result execute(store *s, const char *sql) {
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? STORE_OK : store_fail_db(s, rc);
}

/* Ours and how old? A new, empty file has version 0. Within a transaction, because somebody may be making it. */
static store_result look(store *s, int64_t *version) {
    int64_t id = 0, tables = 0;
    if (number(s, "PRAGMA application_id", &id) != STORE_OK || number(s, "PRAGMA user_version", version) != STORE_OK)
        return STORE_ERROR;
    if (id != APPLICATION_ID && number(s, "SELECT count(*) FROM sqlite_schema", &tables) != STORE_OK)
        return STORE_ERROR;
    if (id != APPLICATION_ID && (id || tables || *version))
        return store_fail(s, "%s is a SQLite file of another program, not a store; name another file", s->path);
    if (*version > VERSION)
        return store_fail(s, "%s was written by a newer pbrun (store version %lld, this one knows %d); use that one",
                          s->path, (long long)*version, (int)VERSION);
    return STORE_OK;
}

/* Another process may be opening the same new file: SQLite does not wait in this one case. */
static store_result use_wal(store *s) {
    for (int waited = 0;; waited += WAIT_US / 1000) {
        int rc = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (rc == SQLITE_OK) return STORE_OK;
        if ((rc & 0xff) != SQLITE_BUSY || waited >= STORE_BUSY_MS) return store_fail_db(s, rc);
        usleep(WAIT_US);
    }
}

static store_result migrate(store *s) {
    int64_t version = 0;
    store_result r = use_wal(s);
    if (r == STORE_OK) r = store_begin_write(s, true);
    if (r != STORE_OK) return r;
    r = look(s, &version); /* somebody else may have done it meanwhile */
    for (int64_t i = version; r == STORE_OK && i < VERSION; i++) r = execute(s, migrations[i]);
    char done[96];
    snprintf(done, sizeof done, "PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION_ID, (int)VERSION);
    if (r == STORE_OK) r = execute(s, done);
    return store_end_write(s, r);
}

static store_result prepare_file(store *s) {
    int64_t version = 0;
    if (make_file(s) != STORE_OK) return STORE_ERROR;
    int rc =
        sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    if (rc != SQLITE_OK) return store_fail_db(s, rc);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    if (execute(s, "PRAGMA synchronous=FULL; BEGIN") != STORE_OK) return STORE_ERROR;
    store_result r = look(s, &version);
    sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL); /* nothing was written */
    if (r != STORE_OK) return r;
    return version == VERSION ? STORE_OK : migrate(s);
}

store *store_open(const char *url, pb_arena *a, pb_str *err) {
    store *s = calloc(1, sizeof *s);
    if (s) s->path = path_of(url);
    if (!s || !s->path) {
        *err = PB_STR("out of memory");
    } else if (!*s->path || strstr(url, "://") != strstr(url, ":///")) {
        *err = pb_printf(a, "\"%s\" names no store; write sqlite:///absolute/path, sqlite:PATH or a path", url);
    } else if (prepare_file(s) == STORE_OK) {
        return s;
    } else {
        *err = pb_printf(a, "the store %s", s->error);
    }
    store_close(s);
    return NULL;
}

bool store_is_there(const char *url) {
    char *path = path_of(url);
    bool there = path && (access(path, F_OK) == 0 || errno != ENOENT);
    free(path);
    return there;
}

static void free_buffer(store *s) {
    for (uint32_t i = 0; i < s->npending; i++) free(s->pending[i].run);
    for (uint32_t i = 0; i < s->nruns; i++) free(s->runs[i].id);
    free(s->pending);
    free(s->runs);
}

void store_close(store *s) {
    if (!s) return;
    for (size_t i = 0; i < STORE_NSTATEMENTS; i++) sqlite3_finalize(s->prepared[i]);
    sqlite3_close(s->db);
    free_buffer(s);
    free(s->path);
    free(s);
}

void store_counts(const store *s, uint64_t *commits, uint64_t *entries) {
    *commits = s->commits;
    *entries = s->entries;
}
