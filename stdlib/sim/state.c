/*
 * state.c - the simulated account's memory: one SQLite database, in a file or in memory.
 *
 * Resources are JSON texts under (scope, kind, parent, id) in the order of their making; `body` holds what is not JSON
 * (the bytes of an S3 object). Beside them: numbers that only grow (ids come from them), how often each operation was
 * called and how often that changed something, and when each access key was last used. The file is in WAL mode, so
 * `--show` can read it beside a running simulator, and a killed simulator leaves whole transactions only. Statements
 * are prepared at first use and kept. A put that changes nothing is not written: that is what the count of changes
 * rests on.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "stdlib/sim/sim.h"

static const struct {
    const char *name;
    bool global;
} kinds[K_COUNT] = {
#define X(name, text, global) {text, global},
    SIM_KINDS(X)
#undef X
};

enum { BUSY_MS = 5000 }; /* how long to wait for a reader that holds the file */

#define STATEMENTS(X) \
    X(S_BEGIN, "BEGIN IMMEDIATE") \
    X(S_COMMIT, "COMMIT") \
    X(S_ROLLBACK, "ROLLBACK") \
    X(S_GET, "SELECT json FROM resources WHERE scope=?1 AND kind=?2 AND parent=?3 AND id=?4") \
    X(S_BODY, "SELECT body FROM resources WHERE scope=?1 AND kind=?2 AND parent=?3 AND id=?4") \
    X(S_FIND, "SELECT json FROM resources WHERE scope=?1 AND kind=?2 AND id=?4 LIMIT 1") \
    X(S_LIST, "SELECT json FROM resources WHERE scope=?1 AND kind=?2 ORDER BY seq") \
    X(S_LIST_OF, "SELECT json FROM resources WHERE scope=?1 AND kind=?2 AND parent=?3 ORDER BY seq") \
    X(S_SORTED, "SELECT json FROM resources WHERE scope=?1 AND kind=?2 ORDER BY id") \
    X(S_SORTED_OF, "SELECT json FROM resources WHERE scope=?1 AND kind=?2 AND parent=?3 ORDER BY id") \
    X(S_PUT, "INSERT INTO resources(scope,kind,parent,id,json,body) VALUES(?1,?2,?3,?4,?5,?6) " \
             "ON CONFLICT(scope,kind,parent,id) DO UPDATE SET json=excluded.json, body=excluded.body") \
    X(S_DELETE, "DELETE FROM resources WHERE scope=?1 AND kind=?2 AND parent=?3 AND id=?4") \
    X(S_DELETE_OF, "DELETE FROM resources WHERE scope=?1 AND kind=?2 AND parent=?3") \
    X(S_NEXT, \
      "INSERT INTO numbers(name,value) VALUES(?1,1) ON CONFLICT(name) DO UPDATE SET value=value+1 RETURNING value") \
    X(S_COUNT, \
      "INSERT INTO calls(service,operation,count,changed,failed) VALUES(?1,?2,1,?3,?4) ON CONFLICT DO UPDATE " \
      "SET count=count+1, changed=changed+excluded.changed, failed=failed+excluded.failed") \
    X(S_USED, "INSERT INTO key_use(access_key,time,service,region) VALUES(?1,?4,?2,?3) ON CONFLICT DO UPDATE " \
              "SET time=excluded.time, service=excluded.service, region=excluded.region") \
    X(S_USE, "SELECT time,service,region FROM key_use WHERE access_key=?1") \
    X(S_RENAME, "UPDATE resources SET id=replace(id,?1,?2), parent=replace(parent,?1,?2), json=replace(json,?1,?2)") \
    X(S_DUMP, "SELECT scope,kind,parent,id,json FROM resources ORDER BY seq") \
    X(S_DUMP_CALLS, "SELECT service,operation,count,changed,failed FROM calls ORDER BY service,operation")

enum statement {
#define X(name, text) name,
    STATEMENTS(X)
#undef X
        S_LAST
};
static const char *const statement_text[S_LAST] = {
#define X(name, text) text,
    STATEMENTS(X)
#undef X
};

struct sim_state {
    sqlite3 *db;
    sqlite3_stmt *prepared[S_LAST];
};

static const char schema_sql[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
    "CREATE TABLE IF NOT EXISTS resources(seq INTEGER PRIMARY KEY, scope TEXT NOT NULL, kind TEXT NOT NULL,"
    " parent TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, body BLOB, UNIQUE(scope,kind,parent,id));"
    "CREATE INDEX IF NOT EXISTS by_id ON resources(scope,kind,id);"
    "CREATE TABLE IF NOT EXISTS numbers(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS calls(service TEXT, operation TEXT, count INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, PRIMARY KEY(service,operation)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS key_use(access_key TEXT PRIMARY KEY, time INTEGER NOT NULL, service TEXT NOT NULL,"
    " region TEXT NOT NULL) WITHOUT ROWID;";

sim_state *state_open(const char *file, bool read_only, pb_arena *a, pb_str *err) {
    sim_state *s = calloc(1, sizeof *s);
    if (!s) {
        *err = PB_STR("out of memory");
        return NULL;
    }
    int flags = read_only ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(file ? file : ":memory:", &s->db, flags, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(s->db, BUSY_MS);
    if (rc == SQLITE_OK && !read_only) rc = sqlite3_exec(s->db, schema_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK && read_only) rc = sqlite3_exec(s->db, "SELECT count(*) FROM resources", NULL, NULL, NULL);
    if (rc == SQLITE_OK) return s;
    *err = pb_printf(a, "%s", s->db ? sqlite3_errmsg(s->db) : "out of memory");
    state_close(s);
    return NULL;
}

/* Nobody has it open and nothing waits in its log: then it is opened as what never changes, so that SQLite puts no file
 * of its own beside it. Else those files are there already. */
static int open_source(const char *file, pb_arena *a, sqlite3 **db) {
    struct stat st;
    pb_str wal = pb_printf(a, "%s-wal", file);
    bool log = wal.s && stat(wal.s, &st) == 0 && st.st_size > 0;
    pb_buf uri = {0};
    pb_buf_puts(&uri, "file:");
    for (const char *p = file; *p; p++) {
        if (strchr("%?#", *p))
            pb_buf_printf(&uri, "%%%02X", (unsigned char)*p);
        else
            pb_buf_putc(&uri, *p);
    }
    if (!log) pb_buf_puts(&uri, "?immutable=1");
    int rc = uri.oom || !wal.s ? SQLITE_NOMEM
                               : sqlite3_open_v2(uri.data, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    pb_buf_free(&uri);
    return rc;
}

static int copy_all(sqlite3 *from, sqlite3 *to) {
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b) return sqlite3_errcode(to);
    int rc = sqlite3_backup_step(b, -1);
    int end = sqlite3_backup_finish(b);
    return rc == SQLITE_DONE ? end : rc;
}

sim_state *state_open_copy(const char *file, pb_arena *a, pb_str *err) {
    sqlite3 *from = NULL;
    sim_state *s = calloc(1, sizeof *s);
    int rc = s ? open_source(file, a, &from) : SQLITE_NOMEM;
    if (rc == SQLITE_OK) sqlite3_busy_timeout(from, BUSY_MS);
    if (rc == SQLITE_OK) rc = sqlite3_exec(from, "SELECT count(*) FROM resources", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (rc == SQLITE_OK) rc = copy_all(from, s->db);
    if (rc != SQLITE_OK)
        *err = pb_printf(a, "%s", from && rc != SQLITE_NOMEM ? sqlite3_errmsg(from) : "out of memory");
    sqlite3_close(from);
    if (rc == SQLITE_OK) return s;
    state_close(s);
    return NULL;
}

void state_close(sim_state *s) {
    if (!s) return;
    for (size_t i = 0; i < S_LAST; i++) sqlite3_finalize(s->prepared[i]);
    sqlite3_close(s->db);
    free(s);
}

/* ---- statements ---- */

static sqlite3_stmt *statement(sim_state *s, enum statement which) {
    sqlite3_stmt **p = &s->prepared[which];
    if (!*p && sqlite3_prepare_v3(s->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT, p, NULL) != SQLITE_OK)
        return NULL;
    return *p;
}

/* Empty texts are texts, not NULL. The memory outlives the step: arenas and literals only. */
static void bind_text(sqlite3_stmt *st, int i, pb_str t) {
    sqlite3_bind_text(st, i, t.n ? t.s : "", (int)t.n, SQLITE_STATIC);
}

static bool finish(sqlite3_stmt *st, int rc) {
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

static bool run(sim_state *s, enum statement which) {
    sqlite3_stmt *st = statement(s, which);
    return st && finish(st, sqlite3_step(st));
}

bool state_begin(sim_state *s) { return run(s, S_BEGIN); }
bool state_commit(sim_state *s) { return run(s, S_COMMIT); }
void state_rollback(sim_state *s) {
    if (!sqlite3_get_autocommit(s->db)) run(s, S_ROLLBACK);
}

bool state_count(sim_state *s, pb_str service, pb_str operation, bool changed, bool failed) {
    sqlite3_stmt *st = statement(s, S_COUNT);
    if (!st) return false;
    bind_text(st, 1, service);
    bind_text(st, 2, operation);
    sqlite3_bind_int(st, 3, changed);
    sqlite3_bind_int(st, 4, failed);
    return finish(st, sqlite3_step(st));
}

bool state_key_used(sim_state *s, pb_str key, int64_t ms, pb_str service, pb_str region) {
    sqlite3_stmt *st = statement(s, S_USED);
    if (!st) return false;
    bind_text(st, 1, key);
    bind_text(st, 2, service);
    bind_text(st, 3, region);
    sqlite3_bind_int64(st, 4, ms);
    return finish(st, sqlite3_step(st));
}

static pb_str column(pb_arena *a, sqlite3_stmt *st, int i) {
    const void *p = sqlite3_column_blob(st, i);
    return pb_strdup(a, p ? p : "", (size_t)sqlite3_column_bytes(st, i));
}

pb_value state_key_use(sim_state *s, pb_arena *a, pb_str key) {
    sqlite3_stmt *st = statement(s, S_USE);
    if (!st) return PB_NONE_VALUE;
    bind_text(st, 1, key);
    int rc = sqlite3_step(st);
    pb_map_builder b = {.arena = a};
    if (rc == SQLITE_ROW) {
        pb_map_add(&b, PB_STR("time"), pb_time(sqlite3_column_int64(st, 0)));
        pb_map_add(&b, PB_STR("service"), pb_string(column(a, st, 1)));
        pb_map_add(&b, PB_STR("region"), pb_string(column(a, st, 2)));
    }
    finish(st, rc);
    return rc == SQLITE_ROW ? pb_map_done(&b) : PB_NONE_VALUE;
}

int64_t state_next(sim_state *s, pb_str name) {
    sqlite3_stmt *st = statement(s, S_NEXT);
    if (!st) return 0;
    bind_text(st, 1, name);
    int rc = sqlite3_step(st);
    int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    finish(st, rc);
    return n;
}

bool state_rename(sim_state *s, pb_str text, pb_str to) {
    sqlite3_stmt *st = text.n ? statement(s, S_RENAME) : NULL;
    if (!st) return false;
    bind_text(st, 1, text);
    bind_text(st, 2, to);
    return finish(st, sqlite3_step(st));
}

/* ---- the dump ---- */

static const char *const secret_members[] = {"SecretAccessKey", "SessionToken", "Password",
                                             "SecretString",    "SecretBinary", "Value"};
enum { SECRET_MEMBERS = sizeof secret_members / sizeof *secret_members };

/* A secret's place stays visible. Value, the last, is one in Parameter Store only. */
static pb_value masked(sim_call *c, pb_value v, bool parameter) {
    for (size_t i = 0; i < SECRET_MEMBERS; i++)
        if ((i + 1 < SECRET_MEMBERS || parameter) && is_set(pb_get_c(v, secret_members[i])))
            v = sim_with(c, v, secret_members[i], pb_string_c("***"));
    return v;
}

static pb_value dump_resource(sim_call *c, sqlite3_stmt *st) {
    pb_value v = PB_NONE_VALUE;
    pb_str err, json = column(c->arena, st, 4), kind = column(c->arena, st, 1);
    if (!pb_json_parse(c->arena, json.s, json.n, &v, &err)) sim_fail(c, 500, "InternalError", "bad JSON in the state");
    return MAP(c, {"kind", pb_string(kind)}, {"region", pb_string(column(c->arena, st, 0))},
               {"parent", pb_string(column(c->arena, st, 2))}, {"id", pb_string(column(c->arena, st, 3))},
               {"value", masked(c, v, pb_str_is(kind, kinds[K_PARAMETER].name))});
}

static pb_value dump_calls(sim_call *c) {
    pb_map_builder calls = {.arena = c->arena};
    sqlite3_stmt *st = statement(c->state, S_DUMP_CALLS);
    if (!st) return sim_fail(c, 500, "InternalError", "the state could not be read");
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        pb_str name = pb_printf(c->arena, "%s.%s", (const char *)sqlite3_column_text(st, 0),
                                (const char *)sqlite3_column_text(st, 1));
        pb_map_add(&calls, name,
                   MAP(c, {"count", pb_int(sqlite3_column_int64(st, 2))},
                       {"changed", pb_int(sqlite3_column_int64(st, 3))},
                       {"failed", pb_int(sqlite3_column_int64(st, 4))}));
    }
    finish(st, rc);
    return pb_map_done(&calls);
}

pb_value state_dump(sim_state *s, pb_arena *a) {
    sim_call c = {.state = s, .arena = a};
    sim_items all = {0};
    sqlite3_stmt *st = statement(s, S_DUMP);
    if (!st) return PB_NONE_VALUE;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) items_add(&c, &all, dump_resource(&c, st));
    finish(st, rc);
    pb_value out = MAP(&c, {"resources", items_list(&c, &all)}, {"calls", dump_calls(&c)});
    return c.failed || rc != SQLITE_DONE || pb_arena_failed(a) ? PB_NONE_VALUE : out;
}

/* ---- resources ---- */

/* Other accounts keep what is theirs beside the first one's. Sessions are one pool: their keys say whose they are. */
static pb_str in_account(const sim_call *c, pb_str place) {
    if (pb_str_eq(c->account, c->sim->account)) return place;
    return pb_printf(c->arena, "%.*s/%.*s", PB_ARG(c->account), PB_ARG(place));
}

static pb_str scope_of(const sim_call *c, sim_kind k) {
    if (k == K_SESSION) return PB_STR("");
    return in_account(c, kinds[k].global ? PB_STR("") : c->region);
}

/* The statement with its key bound; NULL: the error is noted. */
static sqlite3_stmt *keyed(sim_call *c, enum statement which, sim_kind k, pb_str parent, pb_str id) {
    sqlite3_stmt *st = statement(c->state, which);
    if (!st) {
        sim_fail(c, 500, "InternalError", "the state could not be read");
        return NULL;
    }
    bind_text(st, 1, scope_of(c, k));
    bind_text(st, 2, pb_str_c(kinds[k].name));
    if (sqlite3_bind_parameter_count(st) > 2) bind_text(st, 3, parent);
    if (sqlite3_bind_parameter_count(st) > 3) bind_text(st, 4, id);
    return st;
}

static pb_value parsed(sim_call *c, pb_str json) {
    pb_value v = PB_NONE_VALUE;
    pb_str err;
    if (!json.s || !pb_json_parse(c->arena, json.s, json.n, &v, &err))
        return sim_fail(c, 500, "InternalError", "the state holds something that is not JSON");
    return v;
}

static pb_str read_column(sim_call *c, enum statement which, sim_kind k, pb_str parent, pb_str id) {
    pb_str r = {NULL, 0};
    sqlite3_stmt *st = keyed(c, which, k, parent, id);
    if (!st) return r;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) r = column(c->arena, st, 0);
    if (!finish(st, rc)) sim_fail(c, 500, "InternalError", "the state could not be read");
    return r;
}

pb_value sim_get(sim_call *c, sim_kind k, pb_str parent, pb_str id) {
    pb_str json = read_column(c, S_GET, k, parent, id);
    return json.s ? parsed(c, json) : PB_NONE_VALUE;
}

pb_value sim_find(sim_call *c, sim_kind k, pb_str id) {
    pb_str json = read_column(c, S_FIND, k, PB_STR(""), id);
    return json.s ? parsed(c, json) : PB_NONE_VALUE;
}

pb_str sim_body(sim_call *c, sim_kind k, pb_str parent, pb_str id) { return read_column(c, S_BODY, k, parent, id); }

static pb_value list_with(sim_call *c, enum statement which, sim_kind k, pb_str parent) {
    sim_items l = {0};
    sqlite3_stmt *st = keyed(c, which, k, parent, PB_STR(""));
    if (!st) return PB_NONE_VALUE;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) items_add(c, &l, parsed(c, column(c->arena, st, 0)));
    if (!finish(st, rc)) return sim_fail(c, 500, "InternalError", "the state could not be read");
    return items_list(c, &l);
}

pb_value sim_list(sim_call *c, sim_kind k, const pb_str *parent) {
    return list_with(c, parent ? S_LIST_OF : S_LIST, k, parent ? *parent : PB_STR(""));
}
pb_value sim_list_of(sim_call *c, sim_kind k, pb_str parent) { return list_with(c, S_LIST_OF, k, parent); }
pb_value sim_list_sorted(sim_call *c, sim_kind k, const pb_str *parent) {
    return list_with(c, parent ? S_SORTED_OF : S_SORTED, k, parent ? *parent : PB_STR(""));
}

static void put(sim_call *c, sim_kind k, pb_str parent, pb_str id, pb_value v, const pb_str *body) {
    pb_str json = pb_json_text(c->arena, v);
    if (c->failed || !json.s) return; /* what failed is rolled back */
    pb_str old = read_column(c, S_GET, k, parent, id);
    if (old.s && pb_str_eq(old, json) && !body) return;
    sqlite3_stmt *st = keyed(c, S_PUT, k, parent, id);
    if (!st) return;
    bind_text(st, 5, json);
    if (body) sqlite3_bind_blob(st, 6, body->n ? body->s : "", (int)body->n, SQLITE_STATIC);
    if (!finish(st, sqlite3_step(st))) sim_fail(c, 500, "InternalError", "the state could not be written");
    c->changed = true;
}

void sim_put(sim_call *c, sim_kind k, pb_str parent, pb_str id, pb_value v) { put(c, k, parent, id, v, NULL); }
void sim_put_body(sim_call *c, sim_kind k, pb_str parent, pb_str id, pb_value v, pb_str body) {
    put(c, k, parent, id, v, &body);
}

static bool delete_with(sim_call *c, enum statement which, sim_kind k, pb_str parent, pb_str id) {
    sqlite3_stmt *st = c->failed ? NULL : keyed(c, which, k, parent, id);
    if (!st) return false;
    if (!finish(st, sqlite3_step(st))) sim_fail(c, 500, "InternalError", "the state could not be written");
    bool any = sqlite3_changes(c->state->db) > 0;
    c->changed = c->changed || any;
    return any;
}

bool sim_delete(sim_call *c, sim_kind k, pb_str parent, pb_str id) { return delete_with(c, S_DELETE, k, parent, id); }
void sim_delete_all(sim_call *c, sim_kind k, pb_str parent) { delete_with(c, S_DELETE_OF, k, parent, PB_STR("")); }

int64_t sim_next(sim_call *c, const char *what, pb_str of) {
    pb_str name = pb_printf(c->arena, "%s/%.*s/%.*s", what, PB_ARG(in_account(c, c->region)), PB_ARG(of));
    int64_t n = name.s ? state_next(c->state, name) : 0;
    if (n <= 0) sim_fail(c, 500, "InternalError", "the state could not be written");
    return n;
}
