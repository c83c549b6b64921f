/*
 * cmd_kill_switch.c - pbrun kill-switch: stop all changes, or see what is stopped.
 *
 *     pbrun kill-switch on --reason "..." [--scope account:123456789012] --store URL
 *     pbrun kill-switch status [--json] --store URL
 *
 * It writes to the store, which every pbrun with that store reads right before each changing call. The remote sources
 * (SSM, DynamoDB) are not pbrun's to write: whoever stops pbrun there should not need pbrun. A change needs a reason,
 * and who made it is the login name of the user id: both are shown to whoever meets the switch, and kept.
 *
 * `status` ends with 4 when something is on or at observe, so that a script can ask.
 */
#include "vm/commands.h"
#include "vm/killswitch.h"
#include "vm/plain.h"
#include "vm/store.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REASON_MAX = 1000, SHOWN_MAX = 300 };

typedef struct command {
    const run_args *args;
    pb_arena *arena;
    store *store;
} command;

static int store_failed(const command *c) {
    return cmd_fail(pb_printf(c->arena, "the store failed: %s", store_error(c->store)), STATUS_FAILED);
}

static bool print(pb_buf *b) {
    bool ok = !b->oom && (!b->len || fwrite(b->data, 1, b->len, stdout) == b->len) && fflush(stdout) == 0;
    pb_buf_free(b);
    return ok;
}

/* ---- on, observe, off ---- */

static pb_str who_am_i(pb_arena *a) {
    const struct passwd *p = getpwuid(getuid());
    if (p && p->pw_name && *p->pw_name) return pb_strdup(a, p->pw_name, strlen(p->pw_name));
    return pb_printf(a, "uid %u", (unsigned)getuid());
}

static void put(pb_map_builder *b, const char *key, pb_str v) { pb_map_add(b, pb_str_c(key), pb_string(v)); }

static void switch_json(const command *c, const store_switch *w, pb_buf *out) {
    pb_map_builder b = {.arena = c->arena};
    put(&b, "scope", w->scope);
    put(&b, "state", w->state);
    put(&b, "reason", w->reason);
    put(&b, "who", w->who);
    pb_map_add(&b, PB_STR("since"), pb_time(w->at));
    if (!pb_json_write(out, pb_map_done(&b))) out->oom = true;
}

static void switch_plain(const command *c, const store_switch *w, pb_buf *out) {
    pb_str since = pb_time_text(c->arena, w->at);
    pb_buf_printf(out, "%-8.*s ", PB_ARG(w->state));
    plain_add(out, w->scope, SHOWN_MAX);
    pb_buf_printf(out, "  since %.*s", PB_ARG(since));
    pb_buf_puts(out, " by ");
    plain_add(out, w->who, SHOWN_MAX);
    pb_buf_puts(out, w->reason.n ? ": " : "");
    plain_add(out, w->reason, SHOWN_MAX);
    pb_buf_putc(out, '\n');
}

static int set(const command *c, pb_str state) {
    const run_args *a = c->args;
    store_switch w = {.scope = a->scope ? pb_str_c(a->scope) : PB_STR("global"), .state = state};
    pb_buf out = {0};
    w.reason = pb_str_c(a->reason);
    if (!killswitch_scope_ok(w.scope))
        return cmd_fail(pb_printf(c->arena,
                                  "`%.*s` is no scope; there are global, account: and 12 digits, playbook: and a name",
                                  PB_ARG(w.scope)),
                        STATUS_USAGE);
    if (!w.reason.n)
        return cmd_fail(PB_STR("say why with --reason: whoever meets the switch will want to know"), STATUS_USAGE);
    if (w.reason.n > REASON_MAX || !pb_utf8_valid(w.reason.s, w.reason.n))
        return cmd_fail(PB_STR("--reason must be a text of at most 1000 bytes"), STATUS_USAGE);
    w.who = who_am_i(c->arena);
    w.at = pb_loop_wall_ms();
    if (!w.who.s) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    if (store_switch_set(c->store, &w) != STORE_OK) return store_failed(c);
    if (a->json)
        switch_json(c, &w, &out), pb_buf_putc(&out, '\n');
    else
        switch_plain(c, &w, &out);
    return print(&out) ? STATUS_OK : STATUS_FAILED;
}

/* ---- status ---- */

static void list_json(const command *c, const char *name, const store_switch *list, uint32_t n, pb_buf *out) {
    pb_buf_printf(out, "\"%s\":[", name);
    for (uint32_t i = 0; i < n; i++) {
        if (i) pb_buf_putc(out, ',');
        switch_json(c, &list[i], out);
    }
    pb_buf_putc(out, ']');
}

static bool is_off(const store_switch *w) { return pb_str_is(w->state, "off"); }

static int status(const command *c) {
    store_switch *now, *before;
    uint32_t n = 0, nbefore = 0, stopped = 0;
    pb_buf out = {0};
    if (store_switches(c->store, false, c->arena, &now, &n) != STORE_OK ||
        store_switches(c->store, true, c->arena, &before, &nbefore) != STORE_OK)
        return store_failed(c);
    for (uint32_t i = 0; i < n; i++) stopped += !is_off(&now[i]);
    if (c->args->json) {
        pb_buf_printf(&out, "{\"stopped\":%s,", stopped ? "true" : "false");
        list_json(c, "switches", now, n, &out);
        pb_buf_putc(&out, ',');
        list_json(c, "history", before, nbefore, &out);
        pb_buf_puts(&out, "}\n");
    } else {
        if (!stopped) pb_buf_puts(&out, "nothing is stopped in this store\n");
        for (uint32_t i = 0; i < n; i++) switch_plain(c, &now[i], &out);
        if (nbefore) pb_buf_puts(&out, "history:\n");
        for (uint32_t i = 0; i < nbefore; i++) {
            pb_buf_puts(&out, "  ");
            switch_plain(c, &before[i], &out);
        }
    }
    if (!print(&out)) return STATUS_FAILED;
    return stopped ? STATUS_STOPPED : STATUS_OK;
}

/* ---- the command ---- */

static bool is_there(const run_args *a) {
    const char *url = a->store ? a->store : getenv("PB_STORE");
    return !url || !*url || store_is_there(url);
}

static int run(command *c) {
    const run_args *a = c->args;
    pb_str err = {0}, verb = a->noperands ? pb_str_c(a->operands[0]) : (pb_str){0};
    killswitch_state state;
    bool change = killswitch_state_of(verb, &state);
    if (a->noperands != 1 || (!change && !pb_str_is(verb, "status")))
        return cmd_fail(PB_STR("what is to be done? on, observe, off or status"), STATUS_USAGE);
    bool made = !is_there(a);
    c->store = cmd_store(a, c->arena, &err);
    if (!c->store) return cmd_fail(err, STATUS_USAGE);
    if (made) cmd_complain(PB_STR("there was no store at this path, so one was made: is it the one that runs are kept in?"));
    static const char *const words[] = {[SWITCH_OFF] = "off", [SWITCH_OBSERVE] = "observe", [SWITCH_ON] = "on"};
    return change ? set(c, pb_str_c(words[state])) : status(c);
}

int cmd_kill_switch(const run_args *a) {
    command c = {.args = a, .arena = pb_arena_new(0)};
    if (!c.arena) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    int result = run(&c);
    store_close(c.store);
    pb_arena_free(c.arena);
    return result;
}
