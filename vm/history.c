/*
 * history.c - runs as values: one, a list, and which of them somebody means. See history.h; a run's story is told in
 * history_story.c.
 */
#include "vm/history_own.h"

#include "vm/owner.h"

enum {
    NEAR_MAX = 6, /* letters by which an id may differ to be taken for a slip */
    NEAR_RUNS = 500,
    LISTED = 5 /* ids named in a message */
};

/* ---- making maps ---- */

void history_text(pb_map_builder *b, const char *key, pb_str v) {
    if (v.n) pb_map_add(b, pb_str_c(key), pb_string(v));
}

void history_time(pb_map_builder *b, const char *key, int64_t at) {
    if (at) pb_map_add(b, pb_str_c(key), pb_time(at));
}

void history_value(pb_map_builder *b, const char *key, pb_value v) {
    bool empty = v.kind == PB_NONE || ((v.kind == PB_MAP || v.kind == PB_LIST || v.kind == PB_STRING) && v.n == 0);
    if (!empty) pb_map_add(b, pb_str_c(key), v);
}

pb_str history_get(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

/* ---- a run ---- */

static bool is_going(const store_run *r) { return r->status == RUN_ACTIVE || r->status == RUN_UNDOING; }

static bool is_orphaned(const store_run *r, int64_t now) {
    return is_going(r) && (r->lease_until <= now || (r->owner.n && owner_is_dead(r->owner)));
}

static const char *status_word(const store_run *r) {
    switch (r->status) {
    case RUN_ACTIVE: return "active";
    case RUN_WAITING: return "waiting";
    case RUN_ENDED: return "ended";
    case RUN_UNDOING: return "undoing";
    case RUN_UNDONE: return "undone";
    }
    return "unknown";
}

const char *history_state(const store_run *r, int64_t now) {
    static const char *const outcomes[] = {"done", "skipped", "stopped", "failed", "denied"};
    for (size_t i = 0; r->status == RUN_ENDED && i < sizeof outcomes / sizeof *outcomes; i++)
        if (pb_str_is(r->outcome, outcomes[i])) return outcomes[i];
    return is_orphaned(r, now) ? "orphaned" : status_word(r);
}

bool history_status_ok(pb_str word) {
    static const char *const words[] = {"active", "waiting", "ended",   "undone", "done",
                                        "failed", "skipped", "stopped", "denied"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (pb_str_is(word, words[i])) return true;
    return false;
}

static int64_t took_ms(const store_run *r, int64_t now) {
    int64_t end = r->ended ? r->ended : now;
    return end > r->started ? end - r->started : 0;
}

pb_value history_run(const store_run *r, int64_t now, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    history_text(&b, "id", r->id);
    history_text(&b, "incident", r->incident);
    history_text(&b, "playbook", r->playbook);
    history_text(&b, "version", r->version);
    history_text(&b, "state", pb_str_c(history_state(r, now)));
    history_text(&b, "status", pb_str_c(status_word(r)));
    history_text(&b, "outcome", r->outcome);
    history_text(&b, "code", r->code);
    history_text(&b, "reason", r->reason);
    history_text(&b, "mode", r->mode.n ? r->mode : PB_STR("live"));
    history_text(&b, "account", r->account);
    history_text(&b, "region", r->region);
    history_text(&b, "resource", r->resource);
    history_text(&b, "threat", r->threat);
    history_time(&b, "started", r->started);
    history_time(&b, "updated", r->updated);
    history_time(&b, "ended", r->ended);
    pb_map_add(&b, PB_STR("took_ms"), pb_int(took_ms(r, now)));
    history_text(&b, "waits_for", r->waits_for);
    history_time(&b, "wake_at", r->wake_at);
    history_time(&b, "deadline", r->deadline);
    history_text(&b, "owner", r->owner);
    return pb_map_done(&b);
}

store_result history_runs(store *s, const store_filter *f, int64_t now, pb_arena *a, pb_value *out) {
    store_run *runs;
    uint32_t n = 0;
    pb_value *items;
    store_result r = store_runs_list(s, f, a, &runs, &n);
    if (r != STORE_OK) return r;
    *out = pb_list_new(a, n, &items);
    for (uint32_t i = 0; out->kind == PB_LIST && i < n; i++) items[i] = history_run(&runs[i], now, a);
    return STORE_OK;
}

/* ---- which one ---- */

static store_result latest(store *s, pb_arena *a, pb_str *id) {
    store_run *runs;
    uint32_t n = 0;
    store_filter f = {.max = 1};
    store_result r = store_runs_list(s, &f, a, &runs, &n);
    if (r == STORE_OK && n) *id = runs[0].id;
    return r == STORE_OK && !n ? STORE_NO : r;
}

/* "ab, cd and 3 more" */
static pb_str several(pb_arena *a, const pb_str *ids, uint32_t n, uint32_t max) {
    pb_buf b = {0};
    for (uint32_t i = 0; i < n && i < LISTED; i++) pb_buf_printf(&b, "%s%.*s", i ? ", " : "", PB_ARG(ids[i]));
    if (n > LISTED) pb_buf_puts(&b, n >= max ? " and more" : " and others");
    pb_str out = pb_strdup(a, b.data ? b.data : "", b.len);
    pb_buf_free(&b);
    return out;
}

/* Of the newest runs the one whose id is a slip away; else the newest. */
static pb_str nearest(store *s, pb_str what, pb_arena *a) {
    store_run *runs;
    uint32_t n = 0;
    store_filter f = {.max = NEAR_RUNS};
    unsigned best = NEAR_MAX + 1;
    pb_str id = {"", 0};
    if (store_runs_list(s, &f, a, &runs, &n) != STORE_OK || !n) return PB_STR("it holds no runs at all");
    for (uint32_t i = 0; i < n; i++) {
        unsigned d = pb_edit_distance(what, runs[i].id, best);
        if (d < best) best = d, id = runs[i].id;
    }
    if (id.n) return pb_printf(a, "did you mean %.*s?", PB_ARG(id));
    return pb_printf(a, "the newest is %.*s; `pbrun runs` lists them", PB_ARG(runs[0].id));
}

static history_found by_incident(store *s, pb_str what, pb_arena *a, pb_str *id) {
    store_run *runs;
    uint32_t n = 0;
    store_filter f = {.incident = what, .max = 1};
    if (store_runs_list(s, &f, a, &runs, &n) != STORE_OK) return FOUND_ERROR;
    *id = what;
    return n ? FOUND_INCIDENT : FOUND_NONE;
}

static history_found by_prefix(store *s, pb_str what, pb_arena *a, pb_str *id, pb_str *err) {
    enum { MAX = LISTED + 1 };
    pb_str *ids;
    uint32_t n = 0;
    bool whole = what.n >= 4 && memcmp(what.s, "run-", 4) == 0;
    pb_str prefix = whole ? what : pb_printf(a, "run-%.*s", PB_ARG(what));
    if (!prefix.s || store_runs_find(s, prefix, MAX, a, &ids, &n) != STORE_OK) return FOUND_ERROR;
    if (n == 1) *id = ids[0];
    if (n > 1)
        *err = pb_printf(a, "%.*s stands for several runs: %.*s; write more of it", PB_ARG(what),
                         PB_ARG(several(a, ids, n, MAX)));
    return n == 0 ? FOUND_NONE : n == 1 ? FOUND_RUN : FOUND_SEVERAL;
}

static history_found by_approval(store *s, pb_str what, pb_arena *a, pb_str *id) {
    store_approval apr;
    store_result r = store_approval_get(s, what, a, &apr);
    if (r == STORE_OK) *id = apr.run;
    return r == STORE_OK ? FOUND_RUN : r == STORE_NO ? FOUND_NONE : FOUND_ERROR;
}

static bool begins(pb_str s, const char *with) {
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.s, with, n) == 0;
}

history_found history_find(store *s, pb_str what, pb_arena *a, pb_str *id, pb_str *err) {
    history_found f = FOUND_NONE;
    *err = (pb_str){"", 0};
    if (pb_str_is(what, "latest")) {
        store_result r = latest(s, a, id);
        f = r == STORE_OK ? FOUND_RUN : r == STORE_NO ? FOUND_NONE : FOUND_ERROR;
    } else if (begins(what, "INC-")) {
        f = by_incident(s, what, a, id);
    } else if (begins(what, "apr-")) {
        f = by_approval(s, what, a, id);
    } else if (what.n) {
        f = by_prefix(s, what, a, id, err);
    }
    if (f == FOUND_ERROR) *err = pb_printf(a, "the store failed: %s", store_error(s));
    if (f == FOUND_NONE) {
        pb_str near = nearest(s, what, a);
        *err = pb_printf(a, "there is no run %.*s in this store; %.*s", PB_ARG(what), PB_ARG(near));
    }
    return f;
}

/* ---- for people ---- */

pb_str history_from_now(pb_arena *a, int64_t at, int64_t now) {
    static const struct {
        int64_t ms, from; /* a unit is used from two of it on */
        const char *name;
    } units[] = {{86400000, 172800000, "d"}, {3600000, 7200000, "h"}, {60000, 60000, "min"}, {1000, 0, "s"}};
    int64_t ms = at > now ? at - now : now - at;
    size_t i = 0;
    while (ms < units[i].from) i++;
    return pb_printf(a, "%s%lld %s%s", at > now ? "in " : "", (long long)(ms / units[i].ms), units[i].name,
                     at > now ? "" : " ago");
}
