/*
 * cmd_show.c - `pbrun show`: what happened in one run, as a line of time; how it goes on.
 *
 * The story comes from history_story.c, the same for people, for programs (--json) and for the server's pages. Here it
 * is laid out: a head, then steps and notes as they happened, each with its time, what came of it and how long it took;
 * what an action says of itself, and errors, below it. --full shows the calls inside the steps, and nothing is cut.
 */
#include "vm/cmd_view.h"
#include "vm/commands.h"
#include "vm/history.h"
#include "vm/loop.h"
#include "vm/progress.h"

enum {
    LABEL = 12,
    TIME_COLUMNS = 14,
    STATUS_COLUMNS = 14,
    TOOK_COLUMNS = 11,
    ID_COLUMNS = 7,
    INDENT = TIME_COLUMNS + STATUS_COLUMNS + TOOK_COLUMNS + ID_COLUMNS,
    DAY_MS = 86400000,
    INCIDENT_RUNS = 100
};

typedef struct command {
    const run_args *args;
    pb_arena *arena;
    store *store;
    int64_t now;
    view view;
    int64_t day; /* of the line before, in days since 1970 */
} command;

static pb_str text_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_STRING ? pb_text(t) : (pb_str){"", 0};
}

static int64_t number_of(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return t.kind == PB_TIME || t.kind == PB_INT ? t.u.i : 0;
}

static pb_str took(const command *c, pb_value v) {
    pb_buf b = {0};
    if (pb_get_c(v, "took_ms").kind != PB_INT) return (pb_str){"", 0};
    progress_time(&b, number_of(v, "took_ms"));
    pb_str out = pb_strdup(c->arena, b.data ? b.data : "", b.len);
    pb_buf_free(&b);
    return out;
}

/* ---- the head ---- */

static void field(command *c, const char *label, view_colour colour, pb_str text) {
    if (!text.n) return;
    view_text_c(&c->view, VIEW_PLAIN, "  ");
    view_column(&c->view, VIEW_DIM, pb_str_c(label), LABEL - 2);
    view_text(&c->view, colour, text, 0);
    view_line(&c->view);
}

static pb_str joined(const command *c, pb_str x, const char *between, pb_str y) {
    if (!x.n || !y.n) return x.n ? x : y;
    return pb_printf(c->arena, "%.*s%s%.*s", PB_ARG(x), between, PB_ARG(y));
}

static pb_str begin_text(const command *c, pb_value run) {
    int64_t at = number_of(run, "started");
    pb_str ended = pb_get_c(run, "ended").kind == PB_TIME ? took(c, run) : (pb_str){"", 0};
    return pb_printf(c->arena, "%.*s, %.*s%s%.*s", PB_ARG(pb_time_text(c->arena, at)),
                     PB_ARG(history_from_now(c->arena, at, c->now)), ended.n ? "; it took " : "", PB_ARG(ended));
}

static pb_str waits_text(const command *c, pb_value run) {
    pb_str what = text_of(run, "waits_for");
    int64_t wake = number_of(run, "wake_at");
    if (!what.n || !wake) return what;
    return pb_printf(c->arena, "%.*s; looks again %.*s", PB_ARG(what),
                     PB_ARG(history_from_now(c->arena, wake, c->now)));
}

static pb_str outcome_text(const command *c, pb_value run, pb_value story) {
    pb_str outcome = text_of(run, "outcome"), became = text_of(story, "remediation_status");
    if (became.n && !pb_str_eq(became, outcome)) outcome = joined(c, outcome, ", ", became);
    pb_str code = text_of(run, "code");
    if (code.n) outcome = pb_printf(c->arena, "%.*s (%.*s)", PB_ARG(outcome), PB_ARG(code));
    return joined(c, outcome, ": ", text_of(run, "reason"));
}

static void record_lines(command *c, pb_value record) {
    for (uint32_t i = 0; record.kind == PB_MAP && i < record.n; i++) {
        pb_str text = pb_display(c->arena, record.u.entries[i].value);
        field(c, i ? "" : "record", VIEW_PLAIN, joined(c, record.u.entries[i].key, ": ", text));
    }
}

static void head(command *c, pb_value story) {
    pb_value run = pb_get_c(story, "run"), event = pb_get_c(story, "event");
    pb_str state = text_of(run, "state"), mode = text_of(run, "mode");
    view *v = &c->view;
    view_text(v, VIEW_BOLD, text_of(run, "id"), 0);
    view_text(v, VIEW_PLAIN,
              pb_printf(c->arena, "  %.*s %.*s  ", PB_ARG(text_of(run, "playbook")), PB_ARG(text_of(run, "version"))),
              0);
    view_text(v, view_colour_of(state), state, 0);
    view_line(v);
    field(c, "incident", VIEW_PLAIN, text_of(run, "incident"));
    field(c, "event", VIEW_PLAIN,
          joined(c, text_of(event, "source"), ", ",
                 joined(c, text_of(event, "detail_type"), ", ", text_of(event, "id"))));
    field(c, "threat", VIEW_PLAIN, text_of(run, "threat"));
    field(c, "where", VIEW_PLAIN, joined(c, text_of(run, "account"), " ", text_of(run, "region")));
    field(c, "resource", VIEW_PLAIN, text_of(run, "resource"));
    field(c, "image", VIEW_DIM, text_of(story, "image"));
    if (!pb_str_is(mode, "live"))
        field(c, "mode", VIEW_YELLOW,
              pb_str_is(mode, "dry") ? PB_STR("dry: nothing was changed")
                                     : PB_STR("observing: changes were held back"));
    field(c, "note", VIEW_YELLOW, text_of(event, "note"));
    field(c, "began", VIEW_PLAIN, begin_text(c, run));
    field(c, "waits for", VIEW_YELLOW, waits_text(c, run));
    field(c, "outcome", VIEW_PLAIN, outcome_text(c, run, story));
    record_lines(c, pb_get_c(story, "record"));
}

/* ---- the line of time ---- */

/* "08:20:49.120", below a line with the date when that has changed. */
static void at_time(command *c, int64_t at) {
    pb_str text = pb_time_text(c->arena, at / 1000 * 1000);
    if (text.n < 20) return;
    if (at / DAY_MS != c->day) {
        c->day = at / DAY_MS;
        view_text(&c->view, VIEW_DIM, pb_printf(c->arena, "%.10s (UTC)", text.s), 0);
        view_line(&c->view);
    }
    view_column(&c->view, VIEW_DIM, pb_printf(c->arena, "%.8s.%03d", text.s + 11, (int)(at % 1000)), TIME_COLUMNS);
}

static void below(command *c, view_colour colour, uint32_t indent, pb_str text) {
    if (!text.n) return;
    view_to(&c->view, indent);
    view_text(&c->view, colour, text, 0);
    view_line(&c->view);
}

static pb_str error_text(const command *c, pb_value v) {
    pb_value e = pb_get_c(v, "error");
    return joined(c, text_of(e, "code"), ": ", text_of(e, "message"));
}

static pb_str status_text(pb_value v) {
    pb_str status = text_of(v, "status");
    if (pb_str_is(status, "succeeded")) return PB_STR("ok");
    return pb_str_is(status, "already_done") ? PB_STR("already done") : status;
}

static void status_columns(command *c, pb_value v) {
    pb_str time = took(c, v);
    view_column(&c->view, view_colour_of(text_of(v, "status")), status_text(v), STATUS_COLUMNS);
    view_to(&c->view, c->view.used + (time.n < TOOK_COLUMNS - 2 ? TOOK_COLUMNS - 2 - time.n : 0));
    view_text(&c->view, VIEW_DIM, time, 0);
    view_text_c(&c->view, VIEW_PLAIN, "  ");
}

static pb_str attempts_text(const command *c, pb_value v) {
    int64_t n = number_of(v, "attempts");
    return n > 1 ? pb_printf(c->arena, "  (%lld tries)", (long long)n) : (pb_str){"", 0};
}

/* Where it was made, and what AWS calls it. */
static pb_str call_remark(const command *c, pb_value call) {
    pb_str place = joined(c, text_of(call, "account"), " ", text_of(call, "region")), id = text_of(call, "request_id");
    return joined(c, joined(c, place, ", ", id.n ? pb_printf(c->arena, "request %.*s", PB_ARG(id)) : id), ", ",
                  text_of(call, "detail"));
}

static void call_lines(command *c, pb_value step) {
    pb_value calls = pb_get_c(step, "calls");
    for (uint32_t i = 0; calls.kind == PB_LIST && i < calls.n; i++) {
        pb_value call = calls.u.items[i];
        at_time(c, number_of(call, "started"));
        status_columns(c, call);
        view_to(&c->view, INDENT + 2);
        view_text(&c->view, VIEW_DIM, text_of(call, "name"), 0);
        view_text(&c->view, VIEW_PLAIN, attempts_text(c, call), 0);
        view_line(&c->view);
        below(c, VIEW_DIM, INDENT + 4, call_remark(c, call));
        below(c, VIEW_RED, INDENT + 4, error_text(c, call));
    }
}

static void guard_lines(command *c, pb_value step) {
    pb_value guards = pb_get_c(step, "guards");
    for (uint32_t i = 0; guards.kind == PB_LIST && i < guards.n; i++) {
        pb_value g = guards.u.items[i];
        pb_str verdict = text_of(g, "verdict");
        if (!c->args->full && pb_str_is(verdict, "allowed")) continue;
        below(c, view_colour_of(verdict), INDENT + 2,
              joined(c, pb_printf(c->arena, "guard %.*s: %.*s", PB_ARG(text_of(g, "guard")), PB_ARG(verdict)), ", ",
                     text_of(g, "detail")));
    }
}

static void step_lines(command *c, pb_value step) {
    view *v = &c->view;
    pb_str kind = text_of(step, "kind"), target = text_of(step, "target");
    at_time(c, number_of(step, "started"));
    status_columns(c, step);
    view_text(v, VIEW_DIM, text_of(step, "id"), 0);
    if (v->used < INDENT)
        view_to(v, INDENT);
    else
        view_text_c(v, VIEW_PLAIN, " ");
    view_text(v, pb_str_is(kind, "do") || pb_str_is(kind, "undo") ? VIEW_BOLD : VIEW_PLAIN, text_of(step, "name"), 0);
    if (target.n) view_text(v, VIEW_PLAIN, pb_printf(c->arena, "  %.*s", PB_ARG(target)), 0);
    view_text(v, VIEW_YELLOW, attempts_text(c, step), 0);
    view_line(v);
    below(c, VIEW_DIM, INDENT + 2, text_of(step, "detail"));
    below(c, VIEW_RED, INDENT + 2, error_text(c, step));
    guard_lines(c, step);
    if (c->args->full) call_lines(c, step);
}

static view_colour note_colour(pb_str kind) {
    static const char *const loud[] = {"denied", "denies", "refused", "kill_switch", "approval_message_failed"};
    for (size_t i = 0; i < sizeof loud / sizeof *loud; i++)
        if (pb_str_is(kind, loud[i])) return VIEW_RED;
    return pb_str_is(kind, "approves") ? VIEW_GREEN : VIEW_CYAN;
}

static void note_line(command *c, pb_value note) {
    at_time(c, number_of(note, "at"));
    view_text(&c->view, note_colour(text_of(note, "kind")),
              pb_printf(c->arena, "-- %.*s", PB_ARG(text_of(note, "text"))), 0);
    view_line(&c->view);
}

/* Of two at one time: a run is taken up before it does something, and asks in a step. */
static bool comes_first(pb_value note, pb_value step) {
    int64_t at = number_of(note, "at"), started = number_of(step, "started");
    pb_str kind = text_of(note, "kind");
    return at < started || (at == started && (pb_str_is(kind, "resumed") || pb_str_is(kind, "undo")));
}

static void timeline(command *c, pb_value story) {
    pb_value steps = pb_get_c(story, "steps"), notes = pb_get_c(story, "notes");
    uint32_t s = 0, n = 0;
    view_line(&c->view);
    while (s < steps.n || n < notes.n) {
        bool note = s == steps.n || (n < notes.n && comes_first(notes.u.items[n], steps.u.items[s]));
        if (note)
            note_line(c, notes.u.items[n++]);
        else
            step_lines(c, steps.u.items[s++]);
    }
    if (!steps.n && !notes.n) below(c, VIEW_DIM, 0, PB_STR("nothing was done"));
}

static void tail(command *c, pb_value story) {
    pb_value next = pb_get_c(story, "next"), stays = pb_get_c(story, "not_undoable");
    if (next.n || stays.n) view_line(&c->view);
    for (uint32_t i = 0; stays.kind == PB_LIST && i < stays.n; i++)
        below(c, VIEW_YELLOW, 0,
              pb_printf(c->arena, "stays as it is: step %.*s %.*s: %.*s", PB_ARG(text_of(stays.u.items[i], "step")),
                        PB_ARG(text_of(stays.u.items[i], "action")), PB_ARG(text_of(stays.u.items[i], "why"))));
    uint32_t width = c->view.width;
    c->view.width = 0; /* commands to be copied: the terminal breaks them, we do not cut them */
    for (uint32_t i = 0; next.kind == PB_LIST && i < next.n; i++)
        if (next.u.items[i].kind == PB_STRING) below(c, VIEW_PLAIN, 0, pb_text(next.u.items[i]));
    c->view.width = width;
}

/* The event as it came in. */
static void whole_event(command *c, pb_value story) {
    pb_value body = pb_path(story, "event.body");
    pb_str text = body.kind == PB_NONE ? (pb_str){"", 0} : pb_json_text(c->arena, body);
    if (!text.n) return;
    view_line(&c->view);
    field(c, "event", VIEW_PLAIN, text);
}

/* ---- the command ---- */

static int show_run(command *c, pb_str id) {
    pb_value story;
    pb_str err;
    store_result r = history_story(c->store, id, c->args->full, c->now, c->arena, &story, &err);
    if (r != STORE_OK) return cmd_fail(err, r == STORE_NO ? STATUS_USAGE : STATUS_FAILED);
    view_begin(&c->view);
    if (c->args->full) c->view.width = 0;
    c->day = 0;
    if (c->args->json) {
        if (!pb_json_write(&c->view.out, story)) c->view.out.oom = true;
        pb_buf_putc(&c->view.out, '\n');
        return view_end(&c->view) ? STATUS_OK : STATUS_FAILED;
    }
    head(c, story);
    timeline(c, story);
    tail(c, story);
    if (c->args->full) whole_event(c, story);
    return view_end(&c->view) ? STATUS_OK : STATUS_FAILED;
}

/* All runs of an incident, oldest first. */
static int show_incident(command *c, pb_str incident) {
    store_filter f = {.incident = incident, .max = INCIDENT_RUNS};
    store_run *runs;
    uint32_t n = 0;
    int status = STATUS_OK;
    if (store_runs_list(c->store, &f, c->arena, &runs, &n) != STORE_OK)
        return cmd_fail(pb_printf(c->arena, "the store failed: %s", store_error(c->store)), STATUS_FAILED);
    for (uint32_t i = n; i && status == STATUS_OK; i--) {
        if (i < n && !c->args->json) {
            view_begin(&c->view);
            view_line(&c->view);
            view_end(&c->view);
        }
        status = show_run(c, runs[i - 1].id);
    }
    return status;
}

static int run(command *c) {
    const run_args *a = c->args;
    pb_str err = {0}, id = {0};
    if (a->noperands != 1)
        return cmd_fail(
            PB_STR(
                "which run? pbrun show RUN: an id or its beginning, an incident, or `latest`; `pbrun runs` lists them"),
            STATUS_USAGE);
    c->store = cmd_store(a, c->arena, &err);
    if (!c->store) return cmd_fail(err, STATUS_USAGE);
    c->now = pb_loop_wall_ms();
    switch (history_find(c->store, pb_str_c(a->operands[0]), c->arena, &id, &err)) {
    case FOUND_RUN: return show_run(c, id);
    case FOUND_INCIDENT: return show_incident(c, id);
    case FOUND_NONE:
    case FOUND_SEVERAL: return cmd_fail(err, STATUS_USAGE);
    case FOUND_ERROR: break;
    }
    return cmd_fail(err, STATUS_FAILED);
}

int cmd_show(const run_args *a) {
    command c = {.args = a, .arena = pb_arena_new(0)};
    if (!c.arena) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    int result = run(&c);
    store_close(c.store);
    pb_arena_free(c.arena);
    return result;
}
