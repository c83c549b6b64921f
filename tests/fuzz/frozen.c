/*
 * frozen.c - any bytes as what the store has kept: values (vm/freeze.c), and the rows of a run's journal.
 *
 * A first byte of 'V': the rest is a frozen value. What thaws must freeze again, to bytes that thaw to the same.
 * Else a run of a small program has parked, its journal is damaged, and it is resumed. 'M': changes of its rows, four
 * bytes each (which row, where, what, how). Anything else: rows that come behind them, "kind step name length" a line
 * and then so many bytes of data. Whatever the rows say, the run ends, is left, or is told to be damaged, and no more
 * is sent than the program says.
 */
#include "lang/compile.h"
#include "tests/fuzz/fuzz.h"
#include "vm/engine.h"
#include "vm/freeze.h"
#include "vm/store.h"

#include <sqlite3.h>
#include <unistd.h>

/* ---- values ---- */

static void thaw(pb_str bytes) {
    pb_arena *a = pb_arena_new(64 << 20);
    pb_value v, again;
    pb_str err = {"", 0};
    if (thaw_value(bytes, a, &v, &err)) {
        pb_buf once = {0}, twice = {0};
        WRONG_IF(!freeze_value(&once, v, NULL) && !once.oom);
        WRONG_IF(!thaw_value((pb_str){once.data, (uint32_t)once.len}, a, &again, &err) && !pb_arena_failed(a));
        if (!pb_arena_failed(a)) {
            WRONG_IF(!freeze_value(&twice, again, NULL));
            WRONG_IF(once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0);
            freeze_has_lost(v);
        }
        pb_buf_free(&once);
        pb_buf_free(&twice);
    } else {
        WRONG_IF(!err.n && !pb_arena_failed(a));
    }
    pb_arena_free(a);
}

/* ---- journals ---- */

static const char program[] =
    "event test.finding { source \"test\" detail_type \"Finding\" schema Finding payload \"detail\" }\n"
    "type Finding { id: string }\n"
    "extern action t.get(key: string): int read\n"
    "extern action t.put(key: string, value: int): int contain\n"
    "extern action t.park(ms: int): int contain\n"
    "action t.ensure(key: string): { changed: bool } contain on key {\n"
    "  if t.get(key) > 0 { return { changed: false } }\n"
    "  do t.put(key, 1)\n"
    "  return { changed: true }\n"
    "}\n";
#define BEGAN INT64_C(1764000000000)
enum { HOUR = 3600000 };

static const char playbook[] =
    "playbook one {\n  version \"1.0.0\"\n  owner \"t@example.com\"\n  summary \"s\"\n  when test.finding as f\n"
    "  do t.put(\"a\", 1) as x retry 2 else { record { failed: true } }\n"
    "  parallel {\n    do t.ensure(\"p\") as p\n    do t.put(\"q\", 2)\n  }\n"
    "  do t.park(60000) as n\n"
    "  record { n: n x: x p: p.changed }\n}\n";

static int puts_now, limit_of_puts;

static void call(const pb_host *h, vm_call *c, pb_loop *loop) {
    (void)h, (void)loop;
    if (pb_str_is(c->host, "t.park") && pb_loop_wall_ms() < c->step->started_ms + 60000) {
        pb_call_park(c, c->step->started_ms + 60000, PB_STR("its time"));
        return;
    }
    if (pb_str_is(c->host, "t.put")) WRONG_IF(++puts_now > limit_of_puts);
    vm_return(c, pb_int(pb_str_is(c->host, "t.get") ? 0 : 1));
}

static bool resolve(void *state, pb_str name, pb_host *out) {
    *out = (pb_host){.effect = pb_str_is(name, "t.get") ? PB_READ : PB_CONTAIN, .fn = call, .state = state};
    out->again = AGAIN_SAFE;
    out->parks = pb_str_is(name, "t.park");
    return true;
}

static char run_id[64];
static void on_begin(void *ctx, const engine_run *r) {
    (void)ctx;
    snprintf(run_id, sizeof run_id, "%.*s", PB_ARG(r->id));
}

static const pb_host_provider provider = {.prefix = "", .resolve = resolve};
static pb_buf image;
static char path[64];

static void compile_once(void) {
    pb_arena *a = pb_arena_new(0);
    const builtin_source builtins[] = {{"<test>/t.pb", program, sizeof program - 1}};
    diag_list *diags = diag_new(a);
    ast_program *tree = parse_text(a, diags, builtins, 1, "test.pb", playbook, sizeof playbook - 1);
    WRONG_IF(!check_program(tree, NULL, diags) || !codegen_program(tree, diags, &image));
    pb_arena_free(a);
    snprintf(path, sizeof path, "/dev/shm/pb_fuzz_frozen.%d.db", (int)getpid());
}

static engine *begin(store *s, pb_arena *a) {
    pb_str err;
    engine_config c = {.providers = &provider, .nproviders = 1, .store = s, .watch = {.run_begin = on_begin}};
    engine *e = engine_new(&c);
    vm_program *p = vm_program_load(image.data, image.len, a, &err);
    WRONG_IF(!e || !p || !engine_add(e, p, "test", &err) || !engine_ready(e, &err));
    return e;
}

/* A run that has parked: its journal so far is right. */
static void leave_a_run(store *s) {
    static const char event[] =
        "{\"source\":\"test\",\"detail-type\":\"Finding\",\"id\":\"e\",\"detail\":{\"id\":\"f\"}}";
    pb_arena *a = pb_arena_new(0), *ev = pb_arena_new(1 << 20);
    pb_value v;
    pb_str err;
    engine *e = begin(s, a);
    WRONG_IF(!pb_json_parse(ev, event, sizeof event - 1, &v, &err));
    puts_now = 0, limit_of_puts = 100;
    engine_submit(e, 1, 1, v, (pb_str){0}, ev);
    while (engine_busy(e)) engine_turn(e);
    engine_free(e);
    pb_arena_free(a);
}

static void put_rows(store *s, pb_str id, int64_t fence, const char *p, const char *end) {
    while (p < end) {
        pb_str line = fuzz_line(&p, end), kind = fuzz_word(&line, ' '), step = fuzz_word(&line, ' '),
               name = fuzz_word(&line, ' ');
        uint32_t n = 0;
        for (uint32_t i = 0; i < line.n && n < 1000; i++) n = n * 10 + ((uint32_t)line.s[i] & 15);
        if (n > (size_t)(end - p)) n = (uint32_t)(end - p);
        journal_entry e = {.kind = kind.n ? (journal_kind)((uint32_t)kind.s[0] & 7) : JOURNAL_RESULT,
                           .step = step,
                           .name = name,
                           .at = BEGAN + n,
                           .data = {p, n}};
        if (store_append(s, id, fence, &e) != STORE_OK) return;
        p += n;
    }
}

enum { CHANGE = 4 };

/* The row's data with one byte changed, put in, or cut at. */
static void change_row(sqlite3 *db, const uint8_t *c) {
    static const char *const get =
        "SELECT seq,kind,data FROM journal ORDER BY seq LIMIT 1 OFFSET ?1%(SELECT count(*) FROM journal)";
    sqlite3_stmt *row = NULL, *put = NULL;
    sqlite3_prepare_v2(db, get, -1, &row, NULL);
    sqlite3_bind_int(row, 1, c[0]);
    if (sqlite3_step(row) == SQLITE_ROW) {
        int n = sqlite3_column_bytes(row, 2), at = n ? c[1] % n : 0, kind = sqlite3_column_int(row, 1);
        uint8_t *data = malloc((size_t)n + 2);
        if (data && n) memcpy(data, sqlite3_column_blob(row, 2), (size_t)n);
        if (data && c[3] % 4 == 0 && n) data[at] = c[2];
        if (data && c[3] % 4 == 1) memmove(data + at + 1, data + at, (size_t)(n - at)), data[at] = c[2], n++;
        if (data && c[3] % 4 == 2) n = at;
        if (c[3] % 4 == 3) kind = c[2] & 7;
        sqlite3_prepare_v2(db, "UPDATE journal SET data=?1,kind=?2 WHERE seq=?3", -1, &put, NULL);
        sqlite3_bind_blob(put, 1, data ? (const void *)data : "", data ? n : 0, SQLITE_TRANSIENT);
        sqlite3_bind_int(put, 2, kind);
        sqlite3_bind_int64(put, 3, sqlite3_column_int64(row, 0));
        sqlite3_step(put);
        sqlite3_finalize(put);
        free(data);
    }
    sqlite3_finalize(row);
}

static void change_rows(const char *p, const char *end) {
    sqlite3 *db;
    if (sqlite3_open(path, &db) == SQLITE_OK)
        for (int i = 0; i < 16 && end - p >= CHANGE; i++, p += CHANGE) change_row(db, (const uint8_t *)p);
    sqlite3_close(db);
}

static void clean(void) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    char file[80];
    for (int i = 0; i < 3; i++) snprintf(file, sizeof file, "%s%s", path, endings[i]), unlink(file);
}

/* The store with the parked run, as a file's bytes: made once. */
static pb_buf template;

static void make_template(void) {
    pb_arena *a = pb_arena_new(0);
    pb_str err = {0};
    char part[4096];
    compile_once();
    atexit(clean);
    pb_clock_virtual(BEGAN);
    store *s = store_open(path, a, &err);
    WRONG_IF(!s);
    leave_a_run(s);
    store_close(s);
    FILE *f = fopen(path, "rb");
    WRONG_IF(!f);
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) pb_buf_add(&template, part, n);
    fclose(f);
    pb_arena_free(a);
}

static void put_template(void) {
    clean();
    FILE *f = fopen(path, "wb");
    WRONG_IF(!f || fwrite(template.data, 1, template.len, f) != template.len);
    fclose(f);
}

static void resume(bool change, const char *p, const char *end) {
    pb_str err = {0};
    if (!template.len) make_template();
    put_template();
    pb_arena *a = pb_arena_new(0);
    pb_clock_virtual(BEGAN);
    store *s = store_open(path, a, &err);
    store_run r;
    WRONG_IF(!s || store_run_get(s, pb_str_c(run_id), a, &r) != STORE_OK);
    if (change)
        change_rows(p, end);
    else
        put_rows(s, r.id, r.fence, p, end);
    store_commit(s, NULL, NULL);
    pb_clock_virtual(BEGAN + HOUR);
    engine *e = begin(s, a);
    puts_now = 0, limit_of_puts = 8; /* three puts, each in up to three tries, less what is in the journal */
    engine_resume(e, pb_str_c(run_id), &err);
    for (int turns = 0; engine_busy(e); turns++) {
        WRONG_IF(turns > 100000);
        engine_turn(e);
    }
    engine_free(e);
    store_close(s);
    pb_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = fuzz_copy(data, size);
    if (copy && size && copy[0] == 'V')
        thaw((pb_str){copy + 1, (uint32_t)size - 1});
    else if (copy && size)
        resume(copy[0] == 'M', copy + 1, copy + size);
    free(copy);
    return 0;
}
