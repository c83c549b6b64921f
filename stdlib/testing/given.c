/*
 * given.c - what a test gives: events, deployment parameters, faults, the passing of time.
 *
 * An event is read from the project (the directory above the test's file that holds the path), changed at dotted paths,
 * and handed to the engine, which is turned until it rests. What a path leads through and is not there is made; a
 * list on the way stands for all of its items.
 */
#include "stdlib/testing/trial.h"

#include "lang/file.h"
#include "vm/events.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_ROOM = 4096, EVENT_MAX = JSON_MAX_BYTES, CHANGE_DEPTH = 32 };

static pb_value arg(const vm_call *c, const char *name) { return pb_get_c(c->args, name); }

static void refuse(vm_call *c, const char *code, pb_str message) {
    vm_raise(c, pb_str_c(code), message.s ? message : PB_STR("out of memory"));
}

/* ---- reading an event ---- */

static pb_str read_whole(pb_arena *a, const char *path) {
    FILE *f = fopen(path, "rbe");
    char *text = f ? pb_alloc(a, EVENT_MAX + 1) : NULL;
    size_t n = text ? fread(text, 1, EVENT_MAX, f) : 0;
    if (f) fclose(f);
    return text ? (pb_str){text, (uint32_t)n} : (pb_str){NULL, 0};
}

/* The path below the test's directory or one above it; .s NULL: it is in none. */
static pb_str find_event(trial *t, pb_arena *a, pb_str path) {
    const source_file *f = &t->unit->sources->files[t->test->file];
    char room[PATH_ROOM];
    pb_str dir = f->path;
    if (path.n && path.s[0] == '/') dir.n = 0;
    while (dir.n && dir.s[dir.n - 1] != '/') dir.n--;
    for (;;) {
        int n = snprintf(room, sizeof room, "%.*s%.*s", PB_ARG(dir), PB_ARG(path));
        pb_str text = n > 0 && (size_t)n < sizeof room ? read_whole(a, room) : (pb_str){NULL, 0};
        if (text.s || !dir.n) return text;
        while (dir.n && dir.s[dir.n - 1] == '/') dir.n--;
        while (dir.n && dir.s[dir.n - 1] != '/') dir.n--;
    }
}

static bool event_value(trial *t, const vm_call *c, pb_arena *a, pb_value *out, pb_str *err) {
    pb_value path = arg(c, "path"), event = arg(c, "event");
    pb_str text = path.kind == PB_STRING ? find_event(t, a, pb_text(path)) : pb_json_text(a, event);
    if (!text.s) {
        *err = pb_printf(a, "the event \"%.*s\" cannot be read: paths begin at the test's directory or one above it",
                         PB_ARG(pb_text(path)));
        return false;
    }
    if (pb_json_parse(a, text.s, text.n, out, err)) return true;
    *err = pb_printf(a, "the event \"%.*s\" is no JSON: %.*s", PB_ARG(pb_text(path)), PB_ARG(*err));
    return false;
}

/* ---- changing it ---- */

static pb_value change(pb_arena *a, pb_value v, pb_str path, pb_value to, unsigned depth);

static pb_value change_items(pb_arena *a, pb_value v, pb_str path, pb_value to, unsigned depth) {
    pb_value *items, out = pb_list_new(a, v.n, &items);
    for (uint32_t i = 0; out.kind == PB_LIST && i < v.n; i++) items[i] = change(a, v.u.items[i], path, to, depth + 1);
    return out;
}

static pb_value change(pb_arena *a, pb_value v, pb_str path, pb_value to, unsigned depth) {
    const char *dot = path.n ? memchr(path.s, '.', path.n) : NULL;
    pb_str key = {path.s, dot ? (uint32_t)(dot - path.s) : path.n};
    pb_str rest = dot ? (pb_str){dot + 1, path.n - key.n - 1} : (pb_str){"", 0};
    if (depth > CHANGE_DEPTH) return v;
    if (v.kind == PB_LIST) return change_items(a, v, path, to, depth);
    pb_map_builder b = {.arena = a};
    bool found = false;
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n; i++) {
        const pb_entry *e = &v.u.entries[i];
        bool here = pb_str_eq(e->key, key);
        found = found || here;
        if (here && !dot && to.kind == PB_NONE) continue; /* taken out */
        pb_map_add(&b, e->key, !here ? e->value : dot ? change(a, e->value, rest, to, depth + 1) : to);
    }
    if (!found && (dot || to.kind != PB_NONE))
        pb_map_add(&b, key, dot ? change(a, PB_NONE_VALUE, rest, to, depth + 1) : to);
    return pb_map_done(&b);
}

/* In the event's own arena, and as JSON would have it. */
static bool plain_copy(pb_arena *a, pb_value v, pb_value *out) {
    pb_str err, text = pb_json_text(a, v);
    return text.s && pb_json_parse(a, text.s, text.n, out, &err);
}

static bool apply_changes(pb_arena *a, pb_value changes, pb_value removed, pb_value *event) {
    for (uint32_t i = 0; removed.kind == PB_LIST && i < removed.n; i++)
        *event = change(a, *event, pb_text(removed.u.items[i]), PB_NONE_VALUE, 0);
    for (uint32_t i = 0; changes.kind == PB_MAP && i < changes.n; i++) {
        pb_value to;
        if (changes.u.entries[i].value.kind == PB_NONE) continue; /* among the removed */
        if (!plain_copy(a, changes.u.entries[i].value, &to)) return false;
        *event = change(a, *event, changes.u.entries[i].key, to, 0);
    }
    return event->kind == PB_MAP;
}

static void go_on(trial *t, vm_call *c, bool ok) {
    if (ok)
        vm_return(c, PB_NONE_VALUE);
    else
        refuse(c, "playbook", t->broken.n ? t->broken : PB_STR("the run does not come to rest"));
}

static void test_event(trial *t, vm_call *c) {
    pb_arena *a = pb_arena_new(EVENTS_ARENA);
    pb_value event = PB_NONE_VALUE;
    pb_str err = PB_STR("out of memory");
    bool ok = a && event_value(t, c, a, &event, &err) && apply_changes(a, arg(c, "changes"), arg(c, "removed"), &event);
    if (!ok) {
        refuse(c, "event", err.n ? pb_strdup(t->arena, err.s, err.n) : PB_STR("out of memory"));
        pb_arena_free(a);
        return;
    }
    pb_str json = pb_json_text(t->arena, event);
    pb_arena_free(a);
    go_on(t, c, json.s && trial_event(t, json));
}

/* ---- set-up ---- */

/* As it would be given to --set. */
static pb_str setting(trial *t, pb_value v) {
    if (v.kind == PB_LIST) {
        pb_str all = PB_STR("");
        for (uint32_t i = 0; i < v.n; i++)
            all = pb_printf(t->arena, "%.*s%s%.*s", PB_ARG(all), i ? "," : "", PB_ARG(pb_text(v.u.items[i])));
        return all;
    }
    return pb_display(t->arena, v);
}

static void test_param(trial *t, vm_call *c) {
    trial_param *k = pb_alloc(t->arena, sizeof *k);
    pb_str name = pb_text(arg(c, "name")), text = setting(t, arg(c, "value"));
    if (!k || !text.s) {
        refuse(c, "memory", PB_STR("out of memory"));
        return;
    }
    *k = (trial_param){t->first_param, pb_strdup(t->arena, name.s, name.n), pb_strdup(t->arena, text.s, text.n)};
    t->first_param = k;
    if (t->engine)
        refuse(c, "param", PB_STR("a parameter is set before the first event"));
    else
        vm_return(c, PB_NONE_VALUE);
}

static void test_fault(trial *t, vm_call *c) {
    pb_value operation = arg(c, "operation"), code = arg(c, "code"), times = arg(c, "times");
    pb_str rule =
        pb_printf(t->arena, "%.*s=%.*s:%lld", PB_ARG(pb_text(operation)), PB_ARG(pb_text(code)), (long long)times.u.i);
    const char *wrong = rule.s ? trouble_add(&t->account.trouble, PB_STR("fault"), rule) : "out of memory";
    if (wrong)
        refuse(c, "fault", pb_str_c(wrong));
    else
        vm_return(c, PB_NONE_VALUE);
}

/* ---- time ---- */

static void test_after(trial *t, vm_call *c) {
    pb_value time = arg(c, "time");
    go_on(t, c, trial_pass(t, time.kind == PB_DURATION ? time.u.i : 0));
}

/* ---- people and switches ---- */

static void test_decision(trial *t, vm_call *c) {
    trial_decision *k = pb_alloc(t->arena, sizeof *k), **end = &t->decisions;
    pb_str by = pb_text(arg(c, "by"));
    pb_value granted = arg(c, "granted");
    if (!k) {
        refuse(c, "memory", PB_STR("out of memory"));
        return;
    }
    *k = (trial_decision){.number = arg(c, "number"), .by = pb_strdup(t->arena, by.s, by.n), .granted = granted.u.b};
    while (*end) end = &(*end)->next;
    *end = k;
    go_on(t, c, trial_decide(t));
}

static void test_kill_switch(trial *t, vm_call *c) {
    pb_str err = {0};
    store_switch w = {.scope = PB_STR("global"),
                      .state = pb_text(arg(c, "state")),
                      .reason = PB_STR("given by a test"),
                      .who = PB_STR("test"),
                      .at = pb_loop_wall_ms()};
    if (t->engine && !t->store)
        refuse(c, "kill_switch", PB_STR("a kill switch is given before the first event"));
    else if (!trial_store(t, &err))
        refuse(c, "store", err);
    else if (store_switch_set(t->store, &w) != STORE_OK)
        refuse(c, "store", pb_strdup(t->arena, store_error(t->store), strlen(store_error(t->store))));
    else
        vm_return(c, PB_NONE_VALUE);
}

static void test_chat(trial *t, vm_call *c) {
    t->account.chat_down = !arg(c, "up").u.b;
    vm_return(c, PB_NONE_VALUE);
}

static void test_crash(trial *t, vm_call *c) {
    t->crash_wanted = true;
    if (t->engine)
        refuse(c, "crash", PB_STR("crashes are given before the first event"));
    else
        vm_return(c, PB_NONE_VALUE);
}

test_host *given_find(pb_str name) {
    static const struct {
        const char *name;
        test_host *fn;
    } all[] = {{"test.event", test_event},
               {"test.param", test_param},
               {"test.fault", test_fault},
               {"test.after", test_after},
               {"test.kill_switch", test_kill_switch},
               {"test.decision", test_decision},
               {"test.chat", test_chat},
               {"test.crash", test_crash}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (pb_str_is(name, all[i].name)) return all[i].fn;
    return NULL;
}
