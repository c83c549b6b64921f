/*
 * cmd_runs.c - `pbrun runs`: the runs of a store, newest first, and what each waits for; removing old ones.
 *
 * A table for people, one JSON object a line for programs. The ids come first in full, so that they can be copied; on a
 * terminal what does not fit is cut off at the right.
 */
#include "vm/cmd_view.h"
#include "vm/commands.h"
#include "vm/history.h"
#include "vm/loop.h"

#include <stdio.h>

enum { RUNS_DEFAULT = 50, ID_COLUMNS = 32, AGE_COLUMNS = 12, STATE_COLUMNS = 10, NAME_COLUMNS_MAX = 28 };

typedef struct command {
    const run_args *args;
    pb_arena *arena;
    store *store;
    int64_t now;
} command;

static int store_failed(const command *c) {
    return cmd_fail(pb_printf(c->arena, "the store failed: %s", store_error(c->store)), STATUS_FAILED);
}

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static int64_t time_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_TIME ? t.u.i : 0;
}

/* ---- the table ---- */

/* What is worth knowing about a run in this state. */
static pb_str remark(const command *c, pb_value run) {
    pb_str state = text_of(run, "state"), resource = text_of(run, "resource"), reason = text_of(run, "reason");
    int64_t wake = time_of(run, "wake_at");
    if (pb_str_is(state, "waiting"))
        return wake ? pb_printf(c->arena, "waits for %.*s, %.*s", PB_ARG(text_of(run, "waits_for")),
                                PB_ARG(history_from_now(c->arena, wake, c->now)))
                    : pb_printf(c->arena, "waits for %.*s", PB_ARG(text_of(run, "waits_for")));
    if (pb_str_is(state, "orphaned")) return PB_STR("its process is gone: pbrun resume goes on with it");
    if (!reason.n) return resource;
    return resource.n ? pb_printf(c->arena, "%.*s: %.*s", PB_ARG(resource), PB_ARG(reason)) : reason;
}

static uint32_t longest_name(pb_value list) {
    uint32_t n = 8;
    for (uint32_t i = 0; i < list.n; i++) {
        uint32_t len = text_of(list.u.items[i], "playbook").n;
        if (len > n) n = len;
    }
    return n > NAME_COLUMNS_MAX ? NAME_COLUMNS_MAX : n;
}

static void head(view *v, uint32_t name) {
    view_column(v, VIEW_DIM, PB_STR("RUN"), ID_COLUMNS);
    view_column(v, VIEW_DIM, PB_STR("BEGAN"), AGE_COLUMNS);
    view_column(v, VIEW_DIM, PB_STR("STATE"), STATE_COLUMNS);
    view_column(v, VIEW_DIM, PB_STR("PLAYBOOK"), name + 2);
    view_text_c(v, VIEW_DIM, "ABOUT");
    view_line(v);
}

static void row(const command *c, view *v, pb_value run, uint32_t name) {
    pb_str state = text_of(run, "state"), mode = text_of(run, "mode");
    view_column(v, VIEW_PLAIN, text_of(run, "id"), ID_COLUMNS);
    view_column(v, VIEW_PLAIN, history_from_now(c->arena, time_of(run, "started"), c->now), AGE_COLUMNS);
    view_column(v, view_colour_of(state), state, STATE_COLUMNS);
    view_text(v, VIEW_BOLD, text_of(run, "playbook"), name);
    view_to(v, ID_COLUMNS + AGE_COLUMNS + STATE_COLUMNS + name + 2);
    if (!pb_str_is(mode, "live")) view_text(v, VIEW_YELLOW, pb_printf(c->arena, "(%.*s) ", PB_ARG(mode)), 0);
    view_text(v, VIEW_PLAIN, remark(c, run), 0);
    view_line(v);
}

static int show(const command *c, pb_value list, const store_filter *f) {
    view v;
    view_begin(&v);
    uint32_t name = longest_name(list);
    if (c->args->json) {
        for (uint32_t i = 0; i < list.n; i++) {
            if (!pb_json_write(&v.out, list.u.items[i])) v.out.oom = true;
            pb_buf_putc(&v.out, '\n');
        }
        return view_end(&v) ? STATUS_OK : STATUS_FAILED;
    }
    if (list.n) head(&v, name);
    for (uint32_t i = 0; i < list.n; i++) row(c, &v, list.u.items[i], name);
    if (!list.n) {
        view_text_c(&v, VIEW_PLAIN, "no such runs in this store");
        view_line(&v);
    }
    if (list.n == f->max) {
        view_text(&v, VIEW_DIM, pb_printf(c->arena, "(the newest %u; --max N shows more)", f->max), 0);
        view_line(&v);
    }
    return view_end(&v) ? STATUS_OK : STATUS_FAILED;
}

/* ---- the command ---- */

static int list_runs(const command *c) {
    const run_args *a = c->args;
    store_filter f = {.playbook = pb_str_c(a->playbook),
                      .status = pb_str_c(a->status),
                      .incident = pb_str_c(a->incident),
                      .since = a->since_ms ? c->now - a->since_ms : 0,
                      .max = a->max ? a->max : RUNS_DEFAULT};
    pb_value list = PB_NONE_VALUE;
    if (f.status.n && !history_status_ok(f.status))
        return cmd_fail(pb_printf(c->arena,
                                  "--status takes active, waiting, ended, undone, or an outcome (done, skipped, "
                                  "stopped, failed, denied), not `%.*s`",
                                  PB_ARG(f.status)),
                        STATUS_USAGE);
    if (history_runs(c->store, &f, c->now, c->arena, &list) != STORE_OK) return store_failed(c);
    if (list.kind != PB_LIST || pb_arena_failed(c->arena)) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    return show(c, list, &f);
}

static int prune(const command *c) {
    uint64_t before = 0, after = 0, others, removed = 0;
    uint64_t waiting, active;
    store_result r = store_count_status(c->store, &active, &waiting, &before);
    if (r == STORE_OK) r = store_prune(c->store, c->now - c->args->prune_ms, &removed);
    if (r == STORE_OK) r = store_count_status(c->store, &active, &waiting, &after);
    if (r != STORE_OK) return store_failed(c);
    uint64_t runs = before > after ? before - after : 0;
    others = removed > runs ? removed - runs : 0;
    if (c->args->json)
        printf("{\"removed\":{\"runs\":%llu,\"others\":%llu}}\n", (unsigned long long)runs, (unsigned long long)others);
    else
        printf("removed: %llu runs, and %llu handled events and used keys\n", (unsigned long long)runs,
               (unsigned long long)others);
    return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

static int run(command *c) {
    const run_args *a = c->args;
    pb_str err = {0};
    if (a->noperands)
        return cmd_fail(pb_printf(c->arena, "runs takes no operands; `pbrun show %s` shows one run", a->operands[0]),
                        STATUS_USAGE);
    if (a->prune_ms && (a->status || a->playbook || a->incident || a->since_ms || a->max))
        return cmd_fail(PB_STR("--prune removes all runs that ended so long ago; it takes no filters"), STATUS_USAGE);
    c->store = cmd_store(a, c->arena, &err);
    if (!c->store) return cmd_fail(err, STATUS_USAGE);
    c->now = pb_loop_wall_ms();
    return a->prune_ms ? prune(c) : list_runs(c);
}

int cmd_runs(const run_args *a) {
    command c = {.args = a, .arena = pb_arena_new(0)};
    if (!c.arena) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    int result = run(&c);
    store_close(c.store);
    pb_arena_free(c.arena);
    return result;
}
