/*
 * store.c - the store: what is kept, what is refused, what two connections may do to each other, and what is left when
 * the disk, the memory or the process fails in the middle.
 *
 * speed: slow
 */
#include "vm/store.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pb_arena *arena;
static char dir[64];

static const char *path_in(const char *name) { return pb_printf(arena, "%s/%s", dir, name).s; }

static store *open_ok(const char *path) {
    pb_str err = {NULL, 0};
    store *s = store_open(path, arena, &err);
    if (!s) fprintf(stderr, "# %.*s\n", PB_ARG(err));
    return s;
}

/* The sentence with which an opening is refused; "" when it is not. */
static const char *refusal(const char *path) {
    pb_str err = PB_STR("");
    store *s = store_open(path, arena, &err);
    store_close(s);
    return s ? "" : err.s;
}

static store_run a_run(const char *id) {
    return (store_run){.id = pb_str_c(id), .playbook = PB_STR("contain"), .image = PB_STR("00")};
}

static store_result begin(store *s, const char *id, store_run *r) {
    store_admitted why;
    pb_str other;
    *r = a_run(id);
    return store_run_begin(s, r, NULL, false, PB_STR("here:1"), 1000, arena, &why, &other);
}

static store_result append(store *s, const store_run *r, const char *step) {
    journal_entry e = {
        .kind = JOURNAL_INTENT, .step = pb_str_c(step), .name = PB_STR("aws"), .at = 7, .data = {"a\0b", 3}};
    return store_append(s, r->id, r->fence, &e);
}

static uint32_t entries_of(store *s, const char *run) {
    journal_entry *e;
    uint32_t n = 0;
    return store_journal(s, pb_str_c(run), arena, &e, &n) == STORE_OK ? n : UINT32_MAX;
}

static void sql(const char *path, const char *text) {
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static int number_in(const char *path, const char *text) {
    sqlite3 *db;
    sqlite3_stmt *st = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_prepare_v2(db, text, -1, &st, NULL) == SQLITE_OK);
    int n = st && sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int(st, 0) : -1;
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

/* ---- opening ---- */

static void test_opening(void) {
    struct stat st;
    CASE("a new store: its directories and files are for its owner only") {
        const char *p = path_in("new/deeper/state.db");
        store *s = open_ok(pb_printf(arena, "sqlite://%s", p).s);
        store_run r;
        CHECK(s && begin(s, "r", &r) == STORE_OK);
        CHECK(stat(p, &st) == 0 && (st.st_mode & 0777) == 0600);
        CHECK(stat(pb_printf(arena, "%s-wal", p).s, &st) == 0 && (st.st_mode & 0777) == 0600);
        CHECK(stat(path_in("new"), &st) == 0 && (st.st_mode & 0777) == 0700);
        store_close(s);
        s = open_ok(p);
        CHECK(s && store_run_get(s, PB_STR("r"), arena, &r) == STORE_OK);
        store_close(s);
    }
    CASE("another program's database is refused") {
        sql(path_in("other.db"), "CREATE TABLE t(x)");
        CHECK(strstr(refusal(path_in("other.db")), "of another program"));
        sql(path_in("other2.db"), "PRAGMA application_id=77");
        CHECK(strstr(refusal(path_in("other2.db")), "of another program"));
    }
    CASE("a newer pbrun's store is refused and left as it is") {
        store_close(open_ok(path_in("newer.db")));
        sql(path_in("newer.db"), "PRAGMA user_version=99");
        CHECK(strstr(refusal(path_in("newer.db")), "newer pbrun (store version 99"));
    }
    CASE("a store of version 1 is brought up to date: what its journal holds is the same, every byte") {
        const char *p = path_in("older.db");
        store *s = open_ok(p);
        store_run r;
        CHECK(s && begin(s, "r", &r) == STORE_OK && append(s, &r, "1") == STORE_OK);
        CHECK(store_commit(s, NULL, NULL) == STORE_OK);
        store_close(s);
        sql(p,
            "CREATE TABLE old(run INTEGER NOT NULL REFERENCES runs(n) ON DELETE CASCADE, seq INTEGER NOT NULL,"
            " kind INTEGER NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL,"
            " PRIMARY KEY(run,seq)) STRICT, WITHOUT ROWID;"
            "INSERT INTO old SELECT run,seq,kind,step,name,at,CAST(data AS TEXT) FROM journal;"
            "INSERT INTO old SELECT run,2,kind,step,name,at,CAST(x'00ff41fe00' AS TEXT) FROM journal;"
            "DROP TABLE journal; ALTER TABLE old RENAME TO journal; ALTER TABLE runs DROP COLUMN site; ALTER TABLE runs DROP COLUMN over_limit; PRAGMA user_version=1");
        s = open_ok(p);
        journal_entry *e;
        uint32_t n = 0;
        CHECK(s && store_journal(s, PB_STR("r"), arena, &e, &n) == STORE_OK && n == 2);
        CHECK(n == 2 && pb_str_eq(e[0].data, (pb_str){"a\0b", 3}) && pb_str_is(e[0].step, "1"));
        CHECK(n == 2 && pb_str_eq(e[1].data, (pb_str){"\0\377A\376\0", 5}));
        CHECK(s && append(s, &r, "2") == STORE_OK && store_commit(s, NULL, NULL) == STORE_OK);
        CHECK(entries_of(s, "r") == 3);
        store_close(s);
        CHECK(number_in(p, "SELECT count(*) FROM journal WHERE typeof(data)<>'blob'") == 0);
    }
    CASE("what is no database is refused") {
        FILE *f = fopen(path_in("text.db"), "w");
        for (int i = 0; f && i < 1000; i++) fputs("no database\n", f);
        if (f) fclose(f);
        CHECK(strstr(refusal(path_in("text.db")), "not a SQLite file"));
        CHECK(strstr(refusal(dir), "not an ordinary file"));
        CHECK(strstr(refusal("/dev/null"), "not an ordinary file"));
        CHECK(strstr(refusal("/proc/no/such"), "could not be opened"));
        CHECK(strstr(refusal("postgres://host/db"), "names no store"));
        CHECK(strstr(refusal(""), "names no store"));
        CHECK(strstr(refusal("sqlite:"), "names no store"));
    }
    CASE("a damaged file is told as such") {
        store *s = open_ok(path_in("damaged.db"));
        store_run r;
        CHECK(s && begin(s, "r", &r) == STORE_OK);
        store_close(s);
        int fd = open(path_in("damaged.db"), O_RDWR);
        char junk[4096];
        memset(junk, 0x5a, sizeof junk);
        for (off_t at = 4096; at < 30 * 4096; at += 4096) CHECK(pwrite(fd, junk, sizeof junk, at) > 0);
        close(fd);
        pb_str err = PB_STR("");
        s = store_open(path_in("damaged.db"), arena, &err);
        if (s) {
            CHECK(store_run_get(s, PB_STR("r"), arena, &r) == STORE_ERROR);
            err = pb_str_c(pb_printf(arena, "%s", store_error(s)).s);
        }
        CHECK(strstr(err.s, "is damaged"));
        store_close(s);
    }
    CASE("a place that cannot be written") {
        if (geteuid() == 0 && setegid(65534) == 0 && seteuid(65534) == 0) {
            CHECK(strstr(refusal(path_in("new/deeper/state.db")), "permission"));
            CHECK(strstr(refusal(path_in("new/deeper/more.db")), "permission"));
            CHECK(seteuid(0) == 0 && setegid(0) == 0);
        }
    }
}

/* ---- runs ---- */

static pb_value sample_map(void) {
    pb_map_builder b = {.arena = arena};
    pb_map_add(&b, PB_STR("at"), pb_time(1234));
    pb_map_add(&b, PB_STR("for"), pb_duration(5000));
    pb_map_add(&b, PB_STR("none"), PB_NONE_VALUE);
    return pb_map_done(&b);
}

static void test_records(store *s) {
    store_admitted why;
    pb_str other;
    CASE("a run comes back as it was given") {
        store_run in = a_run("run-1"), out;
        in.incident = PB_STR("INC-1");
        in.event = PB_STR("{\"id\":\"\\u0000\"}");
        in.item = 3;
        in.params = in.context = sample_map();
        in.mode = PB_STR("observe");
        in.deadline = 99;
        in.origin = PB_STR("event 1 contain 3");
        CHECK(store_run_begin(s, &in, NULL, false, PB_STR("h:1"), 5000, arena, &why, &other) == STORE_OK);
        CHECK(why == ADMITTED && in.fence == 1 && in.lease_until == 5000 + STORE_LEASE_MS && in.started == 5000);
        CHECK(store_run_get(s, PB_STR("run-1"), arena, &out) == STORE_OK);
        CHECK(out.status == RUN_ACTIVE && out.item == 3 && out.deadline == 99 && pb_str_is(out.owner, "h:1"));
        CHECK(pb_str_eq(out.event, in.event) && pb_str_is(out.mode, "observe") && pb_str_is(out.incident, "INC-1"));
        CHECK(pb_is(pb_get_c(out.context, "at"), PB_TIME) && pb_is(pb_get_c(out.params, "for"), PB_DURATION));
        CHECK(pb_str_eq(out.origin, in.origin) && out.evidence.n == 0);
        CHECK(store_run_get(s, PB_STR("run-x"), arena, &out) == STORE_NO);
    }
    CASE("no second run of one origin, and none of one id") {
        store_run again = a_run("run-2");
        again.origin = PB_STR("event 1 contain 3");
        CHECK(store_run_begin(s, &again, NULL, true, PB_STR("h:1"), 5000, arena, &why, &other) == STORE_NO);
        CHECK(why == ADMIT_AGAIN && pb_str_is(other, "run-1"));
        again = a_run("run-1");
        CHECK(store_run_begin(s, &again, NULL, true, PB_STR("h:1"), 5000, arena, &why, &other) == STORE_ERROR);
    }
    CASE("an ended run keeps its end") {
        store_run r, out;
        CHECK(begin(s, "run-3", &r) == STORE_OK);
        r.status = RUN_ENDED;
        r.outcome = PB_STR("succeeded");
        r.code = PB_STR("c");
        r.reason = PB_STR("why");
        r.resource = PB_STR("i-1");
        r.evidence = PB_STR("{}");
        CHECK(append(s, &r, "1") == STORE_OK && store_run_leave(s, &r, 9000) == STORE_OK);
        CHECK(!store_pending(s) && entries_of(s, "run-3") == 1);
        CHECK(store_run_get(s, r.id, arena, &out) == STORE_OK && out.status == RUN_ENDED && out.ended == 9000);
        CHECK(pb_str_is(out.outcome, "succeeded") && pb_str_is(out.evidence, "{}") && out.lease_until == 0);
        CHECK(store_run_take(s, r.id, false, PB_STR("h:2"), 99999, arena, &out) == STORE_NO);
        CHECK(store_run_take(s, r.id, true, PB_STR("h:2"), 99999, arena, &out) == STORE_OK);
        CHECK(out.status == RUN_UNDOING && out.fence == 2);
        out.status = RUN_UNDONE;
        CHECK(store_run_leave(s, &out, 100000) == STORE_OK);
        CHECK(store_run_take(s, r.id, true, PB_STR("h:2"), 999999, arena, &out) == STORE_NO);
    }
}

static bool is_dead(pb_str owner) { return pb_str_is(owner, "dead"); }

static void test_leases(store *s, store *t) {
    store_run r, x, y;
    CASE("a lease is held, renewed, over, and taken with a higher fence") {
        CHECK(begin(s, "lease-1", &r) == STORE_OK);
        CHECK(store_run_take(t, r.id, false, PB_STR("b"), 1000 + STORE_LEASE_MS - 1, arena, &x) == STORE_NO);
        CHECK(store_run_renew(s, r.id, r.fence, 20000) == STORE_OK);
        CHECK(store_run_take(t, r.id, false, PB_STR("b"), 1000 + STORE_LEASE_MS, arena, &x) == STORE_NO);
        CHECK(store_run_take(t, r.id, false, PB_STR("b"), 20000 + STORE_LEASE_MS, arena, &x) == STORE_OK);
        CHECK(x.fence == r.fence + 1 && pb_str_is(x.owner, "b"));
    }
    CASE("who has lost a run can write nothing about it") {
        CHECK(store_run_renew(s, r.id, r.fence, 60000) == STORE_LOST);
        CHECK(append(s, &r, "1") == STORE_OK && store_commit(s, NULL, NULL) == STORE_LOST && !store_pending(s));
        r.status = RUN_ENDED;
        CHECK(append(s, &r, "1") == STORE_OK && store_run_leave(s, &r, 60000) == STORE_LOST && !store_pending(s));
        CHECK(store_run_get(s, r.id, arena, &y) == STORE_OK && y.status == RUN_ACTIVE && y.fence == x.fence);
        CHECK(entries_of(s, "lease-1") == 0);
        CHECK(store_target_take(s, PB_STR("t"), r.id, r.fence, 1, arena, &(pb_str){0}) == STORE_LOST);
    }
    CASE("leases whose owner is dead for certain are ended, no others") {
        uint32_t n = 0;
        store_run d;
        store_event e;
        int64_t id;
        CHECK(store_run_take(t, r.id, false, PB_STR("dead"), 200000, arena, &x) == STORE_OK);
        CHECK(begin(s, "lease-2", &d) == STORE_OK);
        CHECK(store_event_add(s, PB_STR("x"), PB_STR("{0}"), 9, 1, &id) == STORE_OK);
        CHECK(store_event_take(s, PB_STR("dead"), 200000, arena, &e) == STORE_OK);
        CHECK(store_leases_free(s, is_dead, 200001, arena, &n) == STORE_OK && n == 2);
        CHECK(store_leases_free(s, is_dead, 200001, arena, &n) == STORE_OK && n == 0);
        CHECK(store_event_take(s, PB_STR("a"), 200001, arena, &e) == STORE_OK &&
              store_event_done(s, e.id, PB_STR(""), 1) == STORE_OK);
        CHECK(store_run_take(t, r.id, false, PB_STR("a"), 200001, arena, &x) == STORE_OK && x.fence == 4);
        CHECK(store_run_take(t, d.id, false, PB_STR("a"), 2000, arena, &y) == STORE_NO);
        d.status = RUN_ENDED;
        CHECK(store_run_leave(s, &d, 3) == STORE_OK);
    }
    CASE("what is given back as active is taken up by another at once") {
        CHECK(store_run_leave(t, &x, 70000) == STORE_OK);
        CHECK(store_run_take(s, x.id, false, PB_STR("c"), 70000, arena, &y) == STORE_OK && y.fence == x.fence + 1);
        y.status = RUN_ENDED;
        CHECK(store_run_leave(s, &y, 70001) == STORE_OK);
    }
}

static bool due(store *s, int64_t now, const char *id) {
    pb_str *ids;
    uint32_t n;
    if (store_runs_due(s, now, 100, arena, &ids, &n) != STORE_OK) return false;
    for (uint32_t i = 0; i < n; i++)
        if (pb_str_is(ids[i], id)) return true;
    return false;
}

static void test_due(store *s, store *t) {
    store_run r, x;
    int64_t at = -1;
    CASE("a parked run is due at its time") {
        CHECK(begin(s, "due-1", &r) == STORE_OK);
        CHECK(!due(s, 1000 + STORE_LEASE_MS - 1, "due-1") && due(s, 1000 + STORE_LEASE_MS, "due-1")); /* dead */
        r.status = RUN_WAITING;
        r.waits_for = PB_STR("time");
        r.wake_at = 500000;
        CHECK(store_run_leave(s, &r, 2000) == STORE_OK);
        CHECK(store_next_due(t, &at) == STORE_OK && at == 500000);
        CHECK(!due(t, 499999, "due-1") && due(t, 500000, "due-1"));
    }
    CASE("a poke makes it due at once") {
        CHECK(store_run_poke(t, r.id, 3000) == STORE_OK);
        CHECK(due(s, 3000, "due-1") && !due(s, 2999, "due-1"));
        CHECK(store_next_due(s, &at) == STORE_OK && at == 3000);
        CHECK(store_run_take(s, r.id, false, PB_STR("a"), 3000, arena, &r) == STORE_OK && r.status == RUN_ACTIVE);
        CHECK(store_next_due(s, &at) == STORE_OK && at == 0);
    }
    CASE("a poke while it runs is not lost") {
        CHECK(store_run_poke(t, r.id, 4000) == STORE_OK && !due(s, 4000, "due-1"));
        r.status = RUN_WAITING;
        r.wake_at = 0;
        CHECK(store_run_leave(s, &r, 5000) == STORE_OK && due(s, 5000, "due-1"));
        CHECK(store_run_take(s, r.id, false, PB_STR("a"), 5000, arena, &x) == STORE_OK);
        x.status = RUN_WAITING;
        x.wake_at = 0;
        CHECK(store_run_leave(s, &x, 6000) == STORE_OK && !due(s, INT64_MAX, "due-1")); /* only when poked */
        CHECK(store_run_poke(s, PB_STR("nobody"), 1) == STORE_NO);
    }
}

static store_result admitted(store *s, const char *id, const store_admission *q, bool anyway, int64_t now,
                             store_admitted *why, pb_str *other, const char *mode) {
    store_run r = {.id = pb_str_c(id), .playbook = PB_STR("counted"), .mode = pb_str_c(mode)};
    return store_run_begin(s, &r, q, anyway, PB_STR("o"), now, arena, why, other);
}

static void test_admission(store *s, store *t) {
    store_admitted why;
    pb_str other;
    CASE("dedupe: the same key within its time") {
        store_admission q = {.dedupe_key = PB_STR("i-1"), .dedupe_ms = 1000};
        CHECK(admitted(s, "a1", &q, false, 10000, &why, &other, "") == STORE_OK);
        CHECK(admitted(t, "a2", &q, true, 10999, &why, &other, "") == STORE_NO);
        CHECK(why == ADMIT_DUPLICATE && pb_str_is(other, "a1"));
        CHECK(admitted(t, "a3", &q, false, 11000, &why, &other, "") == STORE_OK && why == ADMITTED);
        CHECK(admitted(t, "a4", &q, false, 11001, &why, &other, "dry") == STORE_OK);
        q.dedupe_key = PB_STR("i-2");
        CHECK(admitted(t, "a5", &q, false, 11001, &why, &other, "") == STORE_OK);
    }
    CASE("dedupe: what failed, was denied or only observed is no repeat") {
        store *u = open_ok(path_in("again.db"));
        store_admission q = {.dedupe_key = PB_STR("i-9"), .dedupe_ms = 100000};
        static const char *const ends[] = {"failed", "denied", "done"};
        for (int i = 0; i < 3; i++) {
            char id[8] = {'z', (char)('0' + i), 0};
            store_run r = {.id = pb_str_c(id), .playbook = PB_STR("again"), .mode = PB_STR("")};
            CHECK(store_run_begin(u, &r, &q, false, PB_STR("me"), 500 + i, arena, &why, &other) == STORE_OK);
            r.status = RUN_ENDED;
            r.outcome = pb_str_c(ends[i]);
            CHECK(store_run_leave(u, &r, 501 + i) == STORE_OK);
        }
        store_run r = {.id = PB_STR("z8"), .playbook = PB_STR("again"), .mode = PB_STR("observe")};
        CHECK(store_run_begin(u, &r, &q, false, PB_STR("me"), 600, arena, &why, &other) == STORE_OK);
        r = (store_run){.id = PB_STR("z9"), .playbook = PB_STR("again"), .mode = PB_STR("")};
        CHECK(store_run_begin(u, &r, &q, false, PB_STR("me"), 700, arena, &why, &other) == STORE_NO &&
              why == ADMIT_DUPLICATE);
        CHECK(pb_str_is(other, "z2"));
        store_close(u);
    }
    CASE("limit: so many within its time; anyway begins and says so") {
        store_admission q = {.limit = 3, .limit_ms = 5000};
        CHECK(admitted(s, "l1", &q, false, 12000, &why, &other, "") == STORE_NO && why == ADMIT_LIMIT);
        CHECK(admitted(s, "l2", &q, true, 12000, &why, &other, "") == STORE_OK && why == ADMIT_LIMIT);
        CHECK(admitted(s, "l3", &q, false, 15000, &why, &other, "") == STORE_NO); /* a3 a5 l2; a1 is over */
        CHECK(admitted(s, "l4", &q, false, 16000, &why, &other, "") == STORE_OK && why == ADMITTED);
    }
    CASE("concurrency: unfinished runs, waiting ones too, dry ones not") {
        store_admission q = {.concurrency = 6};
        store_run r;
        CHECK(admitted(s, "c1", &q, false, 90000, &why, &other, "") == STORE_OK);
        CHECK(admitted(s, "c2", &q, true, 90000, &why, &other, "") == STORE_NO && why == ADMIT_CONCURRENCY);
        CHECK(store_run_get(s, PB_STR("c1"), arena, &r) == STORE_OK);
        r.status = RUN_WAITING;
        CHECK(store_run_leave(s, &r, 90000) == STORE_OK);
        CHECK(admitted(s, "c3", &q, true, 90000, &why, &other, "") == STORE_NO);
        CHECK(store_run_take(s, r.id, false, PB_STR("o"), 90000, arena, &r) == STORE_OK);
        r.status = RUN_ENDED;
        CHECK(store_run_leave(s, &r, 90000) == STORE_OK);
        CHECK(admitted(s, "c4", &q, false, 90000, &why, &other, "") == STORE_OK);
    }
}

static void test_listing(store *s) {
    store_run *runs;
    uint32_t n;
    CASE("listing by filters, newest first, without what is long") {
        store_filter f = {.playbook = PB_STR("counted")};
        CHECK(store_runs_list(s, &f, arena, &runs, &n) == STORE_OK && n == 8 && pb_str_is(runs[0].id, "c4"));
        f.max = 2;
        CHECK(store_runs_list(s, &f, arena, &runs, &n) == STORE_OK && n == 2);
        f = (store_filter){.status = PB_STR("waiting")};
        CHECK(store_runs_list(s, &f, arena, &runs, &n) == STORE_OK && n == 1 && pb_str_is(runs[0].id, "due-1"));
        f = (store_filter){.status = PB_STR("undone")};
        CHECK(store_runs_list(s, &f, arena, &runs, &n) == STORE_OK && n == 1 && pb_str_is(runs[0].id, "run-3"));
        CHECK(runs[0].evidence.n == 0);
        f = (store_filter){.incident = PB_STR("INC-1"), .since = 5000};
        CHECK(store_runs_list(s, &f, arena, &runs, &n) == STORE_OK && n == 1);
        f.since = 5001;
        CHECK(store_runs_list(s, &f, arena, &runs, &n) == STORE_OK && n == 0);
        f = (store_filter){.since_id = PB_STR("run-2")};
        CHECK(store_runs_list(s, &f, arena, &runs, &n) == STORE_OK && n == 1 && pb_str_is(runs[0].id, "run-3"));
    }
    CASE("counting by status") {
        uint64_t a, w, e;
        CHECK(store_count_status(s, &a, &w, &e) == STORE_OK && w == 1 && e == 4 && a == 8);
    }
}

/* ---- the journal ---- */

static void count_lost(void *ctx, pb_str run) {
    int *n = ctx;
    ++*n;
    CHECK(pb_str_is(run, "j-1"));
}

static void test_journal(store *s, store *t) {
    store_run r, other, x;
    journal_entry *e;
    uint32_t n;
    CASE("entries are counted on, kept in order, and only on disk after a commit") {
        CHECK(begin(s, "j-1", &r) == STORE_OK && begin(s, "j-2", &other) == STORE_OK);
        CHECK(append(s, &r, "1") == STORE_OK && append(s, &other, "1") == STORE_OK && append(s, &r, "2") == STORE_OK);
        CHECK(store_pending(s) && entries_of(t, "j-1") == 0);
        uint64_t commits, entries, commits2, entries2;
        store_counts(s, &commits, &entries);
        CHECK(store_commit(s, NULL, NULL) == STORE_OK && !store_pending(s));
        CHECK(store_commit(s, NULL, NULL) == STORE_OK);
        store_counts(s, &commits2, &entries2);
        CHECK(commits2 == commits + 1 && entries2 == entries + 3);
        CHECK(store_journal(t, r.id, arena, &e, &n) == STORE_OK && n == 2);
        CHECK(n == 2 && e[0].seq == 1 && e[1].seq == 2 && pb_str_is(e[1].step, "2") && e[1].at == 7);
        CHECK(n == 2 && pb_str_eq(e[1].data, (pb_str){"a\0b", 3}) && e[1].kind == JOURNAL_INTENT);
    }
    CASE("a taker counts on; of two runs only the lost one's entries are dropped") {
        CHECK(store_run_take(t, r.id, false, PB_STR("b"), 99999, arena, &x) == STORE_OK);
        CHECK(append(t, &x, "3") == STORE_OK && store_commit(t, NULL, NULL) == STORE_OK && entries_of(t, "j-1") == 3);
        int lost = 0;
        CHECK(append(s, &r, "3") == STORE_OK && append(s, &other, "2") == STORE_OK && append(s, &r, "4") == STORE_OK);
        CHECK(store_commit(s, count_lost, &lost) == STORE_LOST && lost == 1 && !store_pending(s));
        CHECK(entries_of(s, "j-1") == 3 && entries_of(s, "j-2") == 2);
    }
    CASE("another run's end commits the buffer, and leaves a lost run to be told") {
        int lost = 0;
        CHECK(append(s, &r, "5") == STORE_OK && append(s, &other, "3") == STORE_OK);
        other.status = RUN_ENDED;
        CHECK(store_run_leave(s, &other, 5) == STORE_OK && entries_of(s, "j-2") == 3 && store_pending(s));
        CHECK(store_commit(s, count_lost, &lost) == STORE_LOST && lost == 1 && !store_pending(s));
    }
    CASE("what is given up is dropped") {
        CHECK(append(t, &x, "6") == STORE_OK);
        store_drop(t, x.id);
        CHECK(!store_pending(t) && append(t, &x, "7") == STORE_OK && store_commit(t, NULL, NULL) == STORE_OK);
        CHECK(store_journal(t, x.id, arena, &e, &n) == STORE_OK && n == 4 && e[3].seq == 4);
    }
}

/* ---- people ---- */

static void judge_quorum(void *ctx, store_approval *apr, const store_decision *before, uint32_t n, store_decision *d) {
    store *other = ctx;
    store_decision late = {.person = PB_STR("late")};
    (void)other;
    (void)late;
    d->verdict = PB_STR("grant");
    for (uint32_t i = 0; i < n; i++)
        if (pb_str_eq(before[i].person, d->person)) d->verdict = PB_STR("refused"), d->reason = PB_STR("twice");
    if (!pb_str_is(apr->state, "open")) d->verdict = PB_STR("refused"), d->reason = PB_STR("too late");
    uint32_t granted = pb_str_is(d->verdict, "grant");
    for (uint32_t i = 0; i < n; i++) granted += pb_str_is(before[i].verdict, "grant");
    if (granted >= apr->quorum && pb_str_is(apr->state, "open")) apr->state = PB_STR("granted"), apr->decided = d->at;
}

static store_result decide(store *s, const char *who, store_decision *d) {
    *d = (store_decision){.person = pb_str_c(who), .via = PB_STR("slack"), .at = 50};
    return store_decide(s, PB_STR("apr-1"), d, judge_quorum, NULL, 50, arena);
}

static void test_people(store *s, store *t) {
    store_approval p = {.id = PB_STR("apr-1"),
                        .step = PB_STR("4"),
                        .round = 1,
                        .question = PB_STR("Isolate?"),
                        .quorum = 2,
                        .state = PB_STR("open"),
                        .via = sample_map(),
                        .expires = 9},
                   q, *list;
    store_decision d, *ds;
    store_run r;
    uint32_t n;
    CASE("an approval comes back, and is changed by its id") {
        CHECK(begin(s, "apr-run", &r) == STORE_OK);
        p.run = r.id;
        CHECK(store_approval_put(s, &p) == STORE_OK);
        p.escalated = true;
        p.message = sample_map();
        CHECK(store_approval_put(s, &p) == STORE_OK);
        CHECK(store_approval_get(t, p.id, arena, &q) == STORE_OK && q.escalated && q.quorum == 2 && q.expires == 9);
        CHECK(pb_is(pb_get_c(q.message, "at"), PB_TIME) && pb_str_is(q.question, "Isolate?"));
        CHECK(store_approvals(t, PB_STR(""), true, 10, arena, &list, &n) == STORE_OK && n == 1);
        CHECK(store_approval_get(t, PB_STR("apr-0"), arena, &q) == STORE_NO);
        q = p;
        q.id = PB_STR("apr-x");
        q.run = PB_STR("no-run");
        CHECK(store_approval_put(s, &q) == STORE_ERROR && strstr(store_error(s), "which is not in the store"));
    }
    CASE("decisions of two connections count together; the run is poked once it is settled") {
        r.status = RUN_WAITING;
        CHECK(store_run_leave(s, &r, 40) == STORE_OK);
        CHECK(decide(s, "alice", &d) == STORE_OK && pb_str_is(d.verdict, "grant") && !due(s, 50, "apr-run"));
        CHECK(decide(t, "alice", &d) == STORE_OK && pb_str_is(d.reason, "twice"));
        CHECK(decide(t, "bob", &d) == STORE_OK && pb_str_is(d.verdict, "grant"));
        CHECK(due(s, 50, "apr-run"));
        CHECK(decide(s, "carol", &d) == STORE_OK && pb_str_is(d.reason, "too late"));
        CHECK(store_approval_get(s, p.id, arena, &q) == STORE_OK && pb_str_is(q.state, "granted") && q.decided == 50);
        CHECK(store_decisions(s, p.id, arena, &ds, &n) == STORE_OK && n == 4 && pb_str_is(ds[2].person, "bob"));
        CHECK(store_approvals(t, r.id, true, 10, arena, &list, &n) == STORE_OK && n == 0);
        CHECK(store_approvals(t, r.id, false, 10, arena, &list, &n) == STORE_OK && n == 1);
        CHECK(store_decide(s, PB_STR("apr-0"), &d, judge_quorum, NULL, 1, arena) == STORE_NO);
    }
    CASE("switches: the last word counts, the history stays") {
        store_switch w = {PB_STR("global"), PB_STR("on"), PB_STR("drill"), PB_STR("alice"), 1}, got, *ws;
        CHECK(store_switch_get(s, PB_STR("global"), arena, &got) == STORE_NO);
        CHECK(store_switch_set(s, &w) == STORE_OK);
        w.state = PB_STR("off");
        CHECK(store_switch_set(t, &w) == STORE_OK);
        w.scope = PB_STR("playbook:p");
        CHECK(store_switch_set(s, &w) == STORE_OK);
        CHECK(store_switch_get(s, PB_STR("global"), arena, &got) == STORE_OK && pb_str_is(got.state, "off"));
        CHECK(store_switches(s, false, arena, &ws, &n) == STORE_OK && n == 2);
        CHECK(store_switches(s, true, arena, &ws, &n) == STORE_OK && n == 3 && pb_str_is(ws[0].scope, "playbook:p"));
    }
    CASE("a target has one run at a time, until that has ended") {
        store_run a, b;
        pb_str holder;
        CHECK(begin(s, "t-1", &a) == STORE_OK && begin(t, "t-2", &b) == STORE_OK);
        CHECK(store_target_take(s, PB_STR("i-9"), a.id, a.fence, 1, arena, &holder) == STORE_OK);
        CHECK(store_target_take(s, PB_STR("i-9"), a.id, a.fence, 1, arena, &holder) == STORE_OK);
        CHECK(store_target_take(t, PB_STR("i-9"), b.id, b.fence, 1, arena, &holder) == STORE_NO);
        CHECK(pb_str_is(holder, "t-1"));
        a.status = RUN_ENDED;
        CHECK(store_run_leave(s, &a, 2) == STORE_OK);
        CHECK(store_target_take(t, PB_STR("i-9"), b.id, b.fence, 1, arena, &holder) == STORE_OK);
    }
}

/* ---- events, keys, images, pruning ---- */

static void test_events(store *s, store *t) {
    int64_t id;
    store_event e;
    uint64_t n;
    CASE("events: bounded, oldest first, leased, done") {
        CHECK(store_event_add(s, PB_STR("http"), PB_STR("{1}"), 3, 10, &id) == STORE_OK && id == 2);
        const pb_str two[] = {PB_STR("{2}"), PB_STR("{3}")};
        store_batch b = {.source = PB_STR("sns"), .bodies = two, .n = 2, .once = PB_STR("once"), .until = 99};
        CHECK(store_events_add(t, &b, 1, 2, 10) == STORE_OK && b.result == STORE_NO && !b.used); /* no room */
        store_batch bs[] = {b, b, {.source = PB_STR("x"), .bodies = two, .n = 1}};
        CHECK(store_events_add(t, bs, 3, 3, 10) == STORE_OK && bs[0].result == STORE_OK && bs[0].first == 3);
        CHECK(bs[1].result == STORE_NO && !bs[1].used && bs[2].result == STORE_NO);
        CHECK(store_events_add(s, &b, 1, 99, 10) == STORE_OK && b.result == STORE_NO && b.used);
        CHECK(store_event_add(s, PB_STR("http"), PB_STR("{4}"), 3, 10, &id) == STORE_NO);
        CHECK(store_events_waiting(s, &n) == STORE_OK && n == 3);
        CHECK(store_event_take(s, PB_STR("a"), 100, arena, &e) == STORE_OK && e.id == 2 && pb_str_is(e.body, "{1}"));
        CHECK(store_event_take(t, PB_STR("b"), 100, arena, &e) == STORE_OK && e.id == 3 && e.attempts == 1);
        CHECK(store_event_done(t, 3, PB_STR(""), 101) == STORE_OK &&
              store_event_done(t, 3, PB_STR(""), 101) == STORE_NO);
        CHECK(store_event_take(t, PB_STR("b"), 100, arena, &e) == STORE_OK && e.id == 4);
        CHECK(store_event_take(t, PB_STR("b"), 100, arena, &e) == STORE_NO);
        CHECK(store_event_take(t, PB_STR("b"), 100 + STORE_LEASE_MS, arena, &e) == STORE_OK && e.id == 2);
        CHECK(e.attempts == 2 && pb_str_is(e.source, "http") && e.received == 10);
        CHECK(store_event_done(t, 4, PB_STR("never"), 101) == STORE_OK &&
              store_event_done(t, 2, PB_STR(""), 1) == STORE_OK);
        CHECK(store_events_waiting(s, &n) == STORE_OK && n == 0);
    }
    CASE("keys can be used once, until they are forgotten") {
        CHECK(store_once(s, PB_STR("k"), 10, 100) == STORE_OK && store_once(t, PB_STR("k"), 100, 200) == STORE_NO);
        CHECK(store_once(t, PB_STR("k"), 101, 200) == STORE_OK && store_once(s, PB_STR("k"), 150, 300) == STORE_NO);
        CHECK(store_once(s, PB_STR(""), 1, 100) == STORE_OK && store_once(s, PB_STR(""), 1, 100) == STORE_NO);
    }
    CASE("images are kept by their hash") {
        pb_str image;
        CHECK(store_image_put(s, "aa", "x\0y", 3) == STORE_OK && store_image_put(t, "aa", "x\0y", 3) == STORE_OK);
        CHECK(store_image_get(t, "aa", arena, &image) == STORE_OK && pb_str_eq(image, (pb_str){"x\0y", 3}));
        CHECK(store_image_get(t, "bb", arena, &image) == STORE_NO);
    }
    CASE("pruning takes what has ended long ago, never what waits") {
        uint64_t removed = 0, active, waiting, ended;
        store_run r;
        CHECK(store_prune(s, 9500, &removed) == STORE_OK && removed > 0);
        CHECK(store_run_get(s, PB_STR("j-2"), arena, &r) == STORE_NO && entries_of(s, "j-2") == 0);
        CHECK(store_run_get(s, PB_STR("due-1"), arena, &r) == STORE_OK);
        CHECK(store_prune(s, INT64_MAX, &removed) == STORE_OK);
        CHECK(store_count_status(s, &active, &waiting, &ended) == STORE_OK && ended == 0 && waiting == 2);
        CHECK(store_image_get(s, "aa", arena, &(pb_str){0}) == STORE_OK);                        /* used today */
        CHECK(store_event_add(s, PB_STR("x"), PB_STR("{}"), 10, 1, &id) == STORE_OK && id == 5); /* no id twice */
    }
}

/* ---- what fails: a file system of our own around the real one ---- */

static struct {
    int sync_left, write_left, malloc_left; /* so many go well, then they fail; -1: none fails */
    bool full;                              /* a write fails for want of room, or else with an error */
} fail = {-1, -1, -1, true};
static sqlite3_vfs *real_vfs, test_vfs;
static const sqlite3_io_methods *real_io[4]; /* kinds of files differ in how they lock */
static sqlite3_io_methods test_io[4];
static sqlite3_mem_methods real_mem;

static bool spend(int *left) {
    if (*left < 0) return false;
    if (*left == 0) return true;
    --*left;
    return false;
}
static int test_sync(sqlite3_file *f, int flags) {
    return spend(&fail.sync_left) ? SQLITE_IOERR_FSYNC : real_io[0]->xSync(f, flags);
}
static int test_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    if (spend(&fail.write_left)) return fail.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return real_io[0]->xWrite(f, p, n, at);
}
static int test_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) {
    (void)v;
    int rc = real_vfs->xOpen(real_vfs, name, f, flags, out);
    if (rc != SQLITE_OK || !f->pMethods) return rc;
    int k = 0;
    while (real_io[k] && real_io[k] != f->pMethods) k++;
    real_io[k] = f->pMethods;
    test_io[k] = *f->pMethods;
    test_io[k].xSync = test_sync; /* these two are the same for all kinds */
    test_io[k].xWrite = test_write;
    f->pMethods = &test_io[k];
    return rc;
}
static void *test_malloc(int n) { return spend(&fail.malloc_left) ? NULL : real_mem.xMalloc(n); }
static void *test_realloc(void *p, int n) { return spend(&fail.malloc_left) ? NULL : real_mem.xRealloc(p, n); }

static void shims(void) {
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_mem);
    sqlite3_mem_methods m = real_mem;
    m.xMalloc = test_malloc;
    m.xRealloc = test_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &m);
    sqlite3_initialize();
    real_vfs = sqlite3_vfs_find(NULL);
    test_vfs = *real_vfs;
    test_vfs.pNext = NULL;
    test_vfs.zName = "failing";
    test_vfs.xOpen = test_open;
    sqlite3_vfs_register(&test_vfs, 1);
}

/* A bit of everything; the first thing that is not well, in *what. */
static store_result everything(store *s, int turn, const char **what) {
    char name[32];
    snprintf(name, sizeof name, "all-%d", turn);
    store_run r, out;
    store_result rc;
    store_switch w = {PB_STR("global"), PB_STR("off"), PB_STR("r"), PB_STR("me"), 1};
    store_approval p = {.id = pb_str_c(name), .run = pb_str_c(name), .state = PB_STR("open"), .quorum = 1};
    store_decision d = {.person = PB_STR("alice")};
    store_event e;
    pb_str holder, *ids;
    int64_t id;
    uint32_t n;
#define DO(call) \
    do { \
        *what = #call; \
        rc = call; \
        if (rc != STORE_OK) return rc; \
    } while (0)
    DO(begin(s, name, &r));
    DO(append(s, &r, "1"));
    DO(append(s, &r, "2"));
    DO(store_commit(s, NULL, NULL));
    DO(store_run_renew(s, r.id, r.fence, 5));
    DO(store_target_take(s, r.id, r.id, r.fence, 1, arena, &holder));
    DO(store_approval_put(s, &p));
    DO(store_decide(s, p.id, &d, judge_quorum, NULL, 1, arena));
    DO(store_switch_set(s, &w));
    DO(store_switch_get(s, w.scope, arena, &w));
    DO(store_event_add(s, PB_STR("x"), PB_STR("{}"), UINT32_MAX, 1, &id));
    DO(store_event_take(s, PB_STR("x"), 1, arena, &e));
    DO(store_event_done(s, e.id, PB_STR(""), 1));
    DO(store_runs_due(s, 1, 10, arena, &ids, &n));
    r.status = RUN_WAITING;
    r.wake_at = 7;
    DO(append(s, &r, "3"));
    DO(store_run_leave(s, &r, 6));
    DO(store_run_take(s, r.id, false, PB_STR("x"), 7, arena, &out));
    out.status = RUN_ENDED;
    DO(store_run_leave(s, &out, 8));
#undef DO
    *what = "the journal";
    n = entries_of(s, name);
    return n == 3 ? STORE_OK : n == UINT32_MAX ? STORE_ERROR : STORE_NO;
}

/* Lets the n-th write (or allocation) fail, for all n, each in a new store; then the same store must work again. */
static int fail_each(int *left, const char *want, bool again) {
    int failures = 0, turn = 0;
    for (int n = 0;; n++) {
        const char *what;
        const char *p = path_in(pb_printf(arena, "fail-%s-%d.db", want, n).s);
        store *s = open_ok(p);
        if (!s || everything(s, turn++, &what) != STORE_OK) return -1;
        *left = n;
        store_result r = everything(s, turn++, &what);
        bool spent = *left == 0;
        *left = -1;
        if (r == STORE_OK) {
            store_close(s);
            if (!spent) return failures;
            continue; /* what failed was something that may */
        }
        failures++;
        if (r != STORE_ERROR || !strstr(store_error(s), want)) {
            printf("# %d: %s: %d %s\n", n, what, r, store_error(s));
            return -1;
        }
        if (again && everything(s, turn++, &what) != STORE_OK) {
            printf("# %d again: %s: %s\n", n, what, store_error(s));
            return -1;
        }
        store_close(s);
        unlink(p);
    }
}

static void test_failing(void) {
    CASE("no room at any write: told, nothing half-written, and the store works again") {
        CHECK(fail_each(&fail.write_left, "the disk is full", true) > 10);
    }
    CASE("an error at any write: told, nothing half-written, and the store works again") {
        fail.full = false;
        CHECK(fail_each(&fail.write_left, "reading or writing failed", true) > 10);
    }
    CASE("a failing fsync is told, and ends the use of the store: it could not know what is on the disk") {
        CHECK(fail_each(&fail.sync_left, "did not confirm", false) >= 5);
        const char *what;
        store *s = open_ok(path_in("sync.db"));
        CHECK(s && everything(s, 1, &what) == STORE_OK);
        store_run r, out;
        CHECK(begin(s, "kept", &r) == STORE_OK && append(s, &r, "1") == STORE_OK);
        fail.sync_left = 0;
        CHECK(store_commit(s, NULL, NULL) == STORE_ERROR && store_pending(s));
        fail.sync_left = -1;
        CHECK(store_commit(s, NULL, NULL) == STORE_ERROR && strstr(store_error(s), "did not confirm"));
        CHECK(store_run_get(s, r.id, arena, &out) == STORE_ERROR && begin(s, "next", &r) == STORE_ERROR);
        store_close(s);
        s = open_ok(path_in("sync.db"));
        CHECK(s && everything(s, 2, &what) == STORE_OK);
        CHECK(store_run_get(s, PB_STR("kept"), arena, &out) == STORE_OK);
        store_close(s);
    }
    CASE("no memory at any allocation of SQLite: told, and the store works again") {
        CHECK(fail_each(&fail.malloc_left, "out of memory", true) > 10);
    }
    CASE("no memory in the caller's arena: told, and nothing was changed") {
        store *s = open_ok(path_in("arena.db"));
        store_run r, out;
        CHECK(s && begin(s, "r", &r) == STORE_OK);
        for (size_t n = 1; n <= 12; n++) {
            pb_arena *a = pb_arena_new(0);
            store_run *runs;
            uint32_t count;
            pb_arena_fail_after(a, n);
            CHECK(store_run_take(s, r.id, false, PB_STR("x"), 1 << 20, a, &out) == STORE_ERROR);
            CHECK(strstr(store_error(s), "out of memory"));
            CHECK(store_runs_list(s, &(store_filter){0}, a, &runs, &count) == STORE_ERROR);
            pb_arena_free(a);
        }
        CHECK(store_run_get(s, r.id, arena, &out) == STORE_OK && out.fence == 1);
        store_close(s);
    }
}

/* ---- processes ---- */

/* Begins a run and writes its journal for ever; tells each entry that is committed through the pipe. */
static void hammer(const char *path, int n, int out) {
    store *s = open_ok(path);
    char name[32];
    store_run r;
    snprintf(name, sizeof name, "hammer-%d", n);
    if (!s || begin(s, name, &r) != STORE_OK) _exit(1);
    for (int32_t seq = 1;; seq++) {
        if (append(s, &r, "1") != STORE_OK || store_commit(s, NULL, NULL) != STORE_OK) {
            fprintf(stderr, "# %s\n", store_error(s));
            _exit(2);
        }
        if (write(out, &seq, sizeof seq) != sizeof seq) _exit(0);
    }
}

static pid_t child(const char *path, int n, int *from) {
    int fds[2];
    if (pipe(fds) != 0) return -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        hammer(path, n, fds[1]);
    }
    close(fds[1]);
    *from = fds[0];
    return pid;
}

static int32_t last_told(int from) {
    int32_t seq = 0, got;
    while (read(from, &got, sizeof got) == sizeof got) seq = got;
    close(from);
    return seq;
}

static void test_kills(void) {
    enum { ROUNDS = 12 };
    const char *path = path_in("killed.db");
    unsigned seed = 17;
    int64_t total = 0;
    CASE("two processes on one store, killed at any moment: every entry that was committed is there") {
        for (int i = 0; i < ROUNDS; i++) {
            int from[2];
            pid_t a = child(path, 2 * i, &from[0]), b = child(path, 2 * i + 1, &from[1]);
            seed = seed * 1103515245u + 12345u;
            usleep(20000 + seed / 65536 % 90000);
            kill(a, SIGKILL);
            kill(b, SIGKILL);
            int sa = 0, sb = 0;
            waitpid(a, &sa, 0);
            waitpid(b, &sb, 0);
            CHECK(WIFSIGNALED(sa) && WIFSIGNALED(sb)); /* neither had stopped with an error */
            store *s = open_ok(path);
            CHECK(s);
            for (int k = 0; s && k < 2; k++) {
                int32_t told = last_told(from[k]);
                uint32_t there = entries_of(s, pb_printf(arena, "hammer-%d", 2 * i + k).s);
                CHECK(there == (uint32_t)told || there == (uint32_t)told + 1); /* killed before it could tell */
                total += told;
            }
            store_close(s);
        }
        CHECK(total > ROUNDS);
        sqlite3 *db;
        sqlite3_stmt *st;
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) == SQLITE_OK);
        CHECK(sqlite3_step(st) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0);
        sqlite3_finalize(st);
        sqlite3_close(db);
    }
}

/* Two processes want the same runs and single-use keys: each is had by one. */
static int32_t grab(const char *path) {
    store *s = open_ok(path);
    store_run r;
    int32_t got = 0;
    for (int i = 0; s && i < 60; i++) {
        char id[32];
        snprintf(id, sizeof id, "grab-%d", i);
        store_result x = store_run_take(s, pb_str_c(id), false, PB_STR("g"), 1 << 20, arena, &r);
        store_result y = store_once(s, pb_str_c(id), 1, 100);
        if (x == STORE_ERROR || y == STORE_ERROR) return -1;
        got += (x == STORE_OK) + 1000 * (y == STORE_OK);
    }
    store_close(s);
    return got;
}

static void test_race(void) {
    CASE("of two processes one gets the lease, one uses the key") {
        const char *path = path_in("race.db");
        store *s = open_ok(path);
        store_run r;
        for (int i = 0; s && i < 60; i++) CHECK(begin(s, pb_printf(arena, "grab-%d", i).s, &r) == STORE_OK);
        store_close(s);
        int fds[2];
        int32_t mine, theirs = -1;
        CHECK(pipe(fds) == 0);
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            mine = grab(path);
            _exit(write(fds[1], &mine, sizeof mine) == sizeof mine ? 0 : 1);
        }
        close(fds[1]);
        mine = grab(path);
        CHECK(read(fds[0], &theirs, sizeof theirs) == sizeof theirs);
        close(fds[0]);
        waitpid(pid, NULL, 0);
        CHECK(mine >= 0 && theirs >= 0 && mine + theirs == 60 * 1001);
    }
    CASE("a new store opened by many at once is made once") {
        const char *path = path_in("many.db");
        pid_t pids[6];
        fflush(stdout);
        for (int i = 0; i < 6; i++)
            if ((pids[i] = fork()) == 0) {
                store_run r;
                char name[16];
                snprintf(name, sizeof name, "m-%d", i);
                store *s = open_ok(path);
                _exit(s && begin(s, name, &r) == STORE_OK ? 0 : 1);
            }
        for (int i = 0; i < 6; i++) {
            int status = -1;
            waitpid(pids[i], &status, 0);
            CHECK(status == 0);
        }
    }
}

/* Begun in the background, because it has to wait STORE_BUSY_MS. */
static pid_t locked_for_long(void) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid) return pid;
    store *s = open_ok(path_in("locked.db"));
    store_run r;
    sqlite3 *db;
    if (!s || sqlite3_open(path_in("locked.db"), &db) != SQLITE_OK) _exit(1);
    if (sqlite3_exec(db, "BEGIN IMMEDIATE; CREATE TABLE held(x)", NULL, NULL, NULL) != SQLITE_OK) _exit(2);
    if (begin(s, "r", &r) != STORE_ERROR) _exit(3);
    if (!strstr(store_error(s), "locked by another process")) _exit(4);
    if (sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK) _exit(5);
    _exit(begin(s, "r", &r) == STORE_OK ? 0 : 6);
}

int main(void) {
    arena = pb_arena_new(0);
    snprintf(dir, sizeof dir, "/tmp/pb_store.XXXXXX");
    if (!arena || !mkdtemp(dir)) return 2;
    signal(SIGPIPE, SIG_IGN);
    pid_t locked = locked_for_long();
    shims();
    test_opening();
    store *s = open_ok(path_in("shared.db")), *t = open_ok(path_in("shared.db"));
    if (s && t) {
        test_records(s);
        test_leases(s, t);
        test_due(s, t);
        test_admission(s, t);
        test_listing(s);
        test_journal(s, t);
        test_people(s, t);
        test_events(s, t);
    }
    store_close(s);
    store_close(t);
    test_failing();
    test_kills();
    test_race();
    CASE("a store locked for too long is told, and works again") {
        int status = -1;
        waitpid(locked, &status, 0);
        CHECK(status == 0);
    }
    const char *rm = pb_printf(arena, "rm -rf %s", dir).s;
    CHECK(system(rm) == 0);
    pb_arena_free(arena);
    return s && t ? check_done() : 2;
}
