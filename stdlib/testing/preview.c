/*
 * preview.c - `pbc check --event`: what the playbooks would do about an event.
 *
 * Each event is planned by an engine of its own in an account of its own: the ordinary engine in a dry run, so that
 * what decides is what decides in pbrun, and everything above `read` is held back by the same gate. The account is
 * simulated in this process: filled with what the event names, or a copy of a recorded one. Only --live reads from AWS.
 *
 * The same input gives the same text: clocks stand at the time of the event, ids that are made by chance elsewhere are
 * not here, and the machine's own credentials and settings are out of reach (of its environment only PB_PARAM_*
 * counts).
 */
#include "stdlib/testing/testing.h"
#include "stdlib/testing/trial.h"

#include "stdlib/stdlib.h"
#include "vm/events.h"
#include "vm/plain.h"
#include "vm/plan.h"

#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, INTERNAL = 5 };
enum { PROVIDERS_MAX = 8, SCHEMA = 1, FILL_MEMORY = 256 << 20, NAME_COLUMNS = 200, REASON_COLUMNS = 400 };

/* One event's plan in the making. */
typedef struct preview {
    const preview_options *o;
    const char *file;
    uint32_t number, line;
    pb_arena *arena;
    account account;
    bool has_account;
    pb_value filled; /* a list of texts */
    engine *engine;
    int64_t now;
    int status;
} preview;

/* ---- messages ---- */

static void complain(pb_str what) {
    pb_buf b = {0};
    pb_buf_puts(&b, "pbc check: ");
    plain_add(&b, what, 0);
    pb_buf_putc(&b, '\n');
    fputs(b.data && !b.oom ? b.data : "pbc check: out of memory\n", stderr);
    pb_buf_free(&b);
}

static int fail(pb_str what, int status) {
    complain(what.n ? what : PB_STR("out of memory"));
    return status;
}

static void worst(preview *p, int status) {
    if (status > p->status) p->status = status;
}

/* ---- the document ---- */

static void put(json_object *o, const char *key, json_object *v) {
    if (!o || !v || json_object_object_add(o, key, v) != 0) json_object_put(v);
}

static void put_text(json_object *o, const char *key, pb_value v) {
    if (v.kind == PB_STRING) put(o, key, evidence_value(v));
}

static json_object *event_json(const preview *p, const engine_event *e) {
    json_object *o = json_object_new_object();
    put(o, "file", json_object_new_string(p->file));
    put(o, "number", json_object_new_int64(p->number));
    put_text(o, "source", pb_get_c(e->value, "source"));
    put_text(o, "detail_type", pb_get_c(e->value, "detail-type"));
    put_text(o, "id", pb_get_c(e->value, "id"));
    if (e->note.n) put(o, "note", evidence_value(pb_string(e->note)));
    return o;
}

static json_object *account_json(const preview *p) {
    json_object *o = json_object_new_object();
    bool filled = !p->o->live && !p->o->state;
    put(o, "kind", json_object_new_string(p->o->live ? "live" : p->o->state ? "recorded" : "simulated"));
    if (p->o->state) put(o, "state", json_object_new_string(p->o->state));
    if (p->has_account) {
        put_text(o, "id", pb_string(p->account.sim.account));
        put_text(o, "region", pb_string(p->account.sim.region));
    }
    if (filled) put(o, "filled_with", p->filled.kind == PB_LIST ? evidence_value(p->filled) : json_object_new_array());
    return o;
}

static int compare_plans(const void *a, const void *b) {
    json_object *x = *(json_object *const *)a, *y = *(json_object *const *)b, *s, *t;
    if (!json_object_object_get_ex(x, "playbook", &s) || !json_object_object_get_ex(y, "playbook", &t)) return 0;
    int c = strcmp(json_object_get_string(s), json_object_get_string(t));
    int64_t i = json_object_object_get_ex(x, "item", &s) ? json_object_get_int64(s) : 0;
    int64_t k = json_object_object_get_ex(y, "item", &t) ? json_object_get_int64(t) : 0;
    return c ? c : i < k ? -1 : i > k;
}

/* NULL: out of memory. */
static json_object *document(const preview *p, const engine_event *e) {
    json_object *o = json_object_new_object(), *plans = json_object_new_array(), *misses = plan_misses(e);
    bool ok = o && plans && misses;
    for (const engine_run *r = e->runs; r && ok; r = r->next) {
        json_object *plan = plan_of_run(r);
        ok = plan && json_object_array_add(plans, plan) == 0;
        if (!ok) json_object_put(plan);
    }
    if (ok) {
        json_object_array_sort(plans, compare_plans);
        put(o, "schema_version", json_object_new_int(SCHEMA));
        put(o, "event", event_json(p, e));
        put(o, "account", account_json(p));
        put(o, "plans", plans);
        put(o, "not_for", misses);
        return o;
    }
    json_object_put(o);
    json_object_put(plans);
    json_object_put(misses);
    return NULL;
}

/* ---- for people ---- */

static pb_str text(json_object *o, const char *key) {
    json_object *v = NULL;
    if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string)) return (pb_str){"", 0};
    return (pb_str){json_object_get_string(v), (uint32_t)json_object_get_string_len(v)};
}

static void paint(const preview *p, pb_buf *out, const char *escape) {
    if (p->o->colour) pb_buf_puts(out, escape);
}

static void event_lines(const preview *p, json_object *event, pb_buf *out) {
    paint(p, out, "\x1b[1m");
    pb_buf_puts(out, "event ");
    plain_add(out, pb_str_c(p->file), NAME_COLUMNS);
    if (p->number > 1) pb_buf_printf(out, " (%u)", p->number);
    paint(p, out, "\x1b[0m");
    pb_buf_puts(out, ": ");
    plain_add(out, text(event, "detail_type"), NAME_COLUMNS);
    pb_buf_puts(out, " of ");
    plain_add(out, text(event, "source"), NAME_COLUMNS);
    pb_buf_putc(out, '\n');
    if (text(event, "note").n) {
        pb_buf_puts(out, "note: ");
        plain_add(out, text(event, "note"), REASON_COLUMNS);
        pb_buf_putc(out, '\n');
    }
}

static void account_line(const preview *p, pb_buf *out) {
    pb_buf_puts(out, "account: ");
    if (p->o->live) {
        pb_buf_puts(out, "live, read only\n");
        return;
    }
    pb_buf_puts(out, p->o->state ? "recorded in " : "simulated, with ");
    if (p->o->state) plain_add(out, pb_str_c(p->o->state), NAME_COLUMNS);
    for (uint32_t i = 0; !p->o->state && p->filled.kind == PB_LIST && i < p->filled.n; i++) {
        if (i) pb_buf_puts(out, ", ");
        plain_add(out, pb_text(p->filled.u.items[i]), NAME_COLUMNS);
    }
    if (!p->o->state && (p->filled.kind != PB_LIST || !p->filled.n)) pb_buf_puts(out, "nothing in it");
    pb_buf_puts(out, p->o->state ? " (a copy)\n" : "\n");
}

static void plan_lines(const preview *p, json_object *plan, pb_buf *out) {
    json_object *reason = NULL;
    pb_str resource = text(plan, "affected_resource"), outcome = text(plan, "outcome");
    pb_buf_putc(out, '\n');
    paint(p, out, "\x1b[1m");
    plain_add(out, text(plan, "playbook"), 0);
    paint(p, out, "\x1b[0m");
    pb_buf_putc(out, ' ');
    plain_add(out, text(plan, "version"), NAME_COLUMNS);
    if (resource.n) {
        pb_buf_puts(out, "  on ");
        plain_add(out, resource, NAME_COLUMNS);
    }
    if (!pb_str_is(outcome, "done")) {
        pb_buf_puts(out, "  ends as ");
        plain_add(out, outcome, NAME_COLUMNS);
    }
    if (json_object_object_get_ex(plan, "reason", &reason)) {
        pb_buf_puts(out, ": ");
        plain_add(out, text(reason, "message"), REASON_COLUMNS);
        if (text(reason, "place").n) {
            pb_buf_puts(out, " (");
            plain_add(out, text(reason, "place"), 0);
            pb_buf_putc(out, ')');
        }
    }
    pb_buf_putc(out, '\n');
    if (text(plan, "note").n) {
        pb_buf_puts(out, "    note: ");
        plain_add(out, text(plan, "note"), REASON_COLUMNS);
        pb_buf_putc(out, '\n');
    }
    plan_run_text(plan, p->o->colour, out);
}

static void document_text(const preview *p, json_object *doc, pb_buf *out) {
    json_object *event = NULL, *plans = NULL, *misses = NULL;
    json_object_object_get_ex(doc, "event", &event);
    json_object_object_get_ex(doc, "plans", &plans);
    json_object_object_get_ex(doc, "not_for", &misses);
    event_lines(p, event, out);
    account_line(p, out);
    size_t n = json_object_array_length(plans);
    if (!n) pb_buf_puts(out, "\nno playbook would run\n");
    for (size_t i = 0; i < n; i++) plan_lines(p, json_object_array_get_idx(plans, i), out);
    if (json_object_array_length(misses)) pb_buf_putc(out, '\n');
    plan_misses_text(misses, p->o->colour, out);
}

static void print(preview *p, json_object *doc) {
    pb_buf out = {0};
    if (!doc) {
        out.oom = true;
    } else if (p->o->json) {
        const char *s = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
        if (s)
            pb_buf_puts(&out, s);
        else
            out.oom = true;
        pb_buf_putc(&out, '\n');
    } else {
        document_text(p, doc, &out);
    }
    if (out.oom)
        worst(p, fail((pb_str){0}, INTERNAL));
    else if (!p->o->quiet)
        fwrite(out.data, 1, out.len, stdout);
    pb_buf_free(&out);
}

/* ---- the engine ---- */

static void on_event_end(void *ctx, const engine_event *e) {
    preview *p = ctx;
    if (e->error.n) {
        pb_str where =
            pb_printf(p->arena, "%s: event %u (line %u): %.*s", p->file, p->number, p->line, PB_ARG(e->error));
        worst(p, fail(where, FAILED));
        return;
    }
    for (const engine_run *r = e->runs; r; r = r->next)
        if (r->facts.outcome == VM_FAILED) worst(p, FAILED);
    json_object *doc = document(p, e);
    print(p, doc);
    json_object_put(doc);
}

/* `now()` against a live account: the time of the event, too. */
static void host_now(const pb_host *h, vm_call *c, pb_loop *loop) {
    const preview *p = h->state;
    (void)loop;
    vm_return(c, pb_time(p->now));
}

static bool resolve_now(void *state, pb_str name, pb_host *out) {
    if (!pb_str_is(name, "now")) return false;
    *out = (pb_host){.effect = PB_READ, .again = AGAIN_SAFE, .fn = host_now, .state = state};
    return true;
}

/* The standard library's, and in front our own clock. */
static size_t providers_of(preview *p, pb_host_provider *all) {
    size_t n = 0;
    const pb_host_provider *std = stdlib_providers(&n);
    if (!std || n + 1 > PROVIDERS_MAX) return 0;
    all[0] = (pb_host_provider){.prefix = "now", .state = p, .resolve = resolve_now};
    memcpy(all + 1, std, n * sizeof *all);
    return n + 1;
}

static bool engine_make(preview *p, const pb_buf *image, pb_str *err) {
    pb_host_provider *all = pb_alloc_array(p->arena, PROVIDERS_MAX, sizeof *all);
    engine_config c = {.providers = all, .dry = true, .explain = true, .watch = {.ctx = p, .event_end = on_event_end}};
    if (p->o->live) c.now_ms = p->now;
    *err = PB_STR("out of memory");
    c.nproviders = all ? providers_of(p, all) : 0;
    p->engine = c.nproviders ? engine_new(&c) : NULL;
    if (!p->engine) return false;
    if (!p->o->live) account_attach(&p->account, engine_loop(p->engine));
    vm_program *program = vm_program_load(image->data, image->len, p->arena, err);
    if (!program || !engine_add(p->engine, program, "the playbooks", err)) return false;
    for (size_t i = 0; i < p->o->nsets; i++) {
        const char *equals = strchr(p->o->sets[i], '=');
        pb_str name = {p->o->sets[i], (uint32_t)(equals - p->o->sets[i])};
        if (!engine_set(p->engine, name, pb_str_c(equals + 1), err)) return false;
    }
    return engine_ready(p->engine, err);
}

/* ---- the account ---- */

static bool account_make(preview *p, pb_value event, pb_str *err) {
    pb_value id = pb_get_c(event, "account"), region = pb_get_c(event, "region");
    if (!account_open(&p->account, err)) return false;
    p->has_account = true;
    sim *s = &p->account.sim;
    if (id.kind == PB_STRING && text_is_account(pb_text(id))) s->account = pb_text(id);
    if (region.kind == PB_STRING && aws_partition(s->model, pb_text(region)).n) s->region = pb_text(region);
    if (!p->o->state) {
        p->filled = sim_fill(s, p->arena, event);
        return true;
    }
    state_close(s->state);
    s->state = state_open_copy(p->o->state, p->arena, err);
    if (!s->state)
        *err = pb_printf(p->arena, "%s is no account that `pbrun sim --state` has recorded: %.*s", p->o->state,
                         PB_ARG(*err));
    return s->state != NULL;
}

/* What of the machine could make a difference, or be sent somewhere. */
static void forget_environment(void) {
    static const char *const heads[] = {"AWS_", "SLACK_", "PB_STORE", "PB_WAIT"};
    extern char **environ;
    for (char **e = environ; *e;) {
        const char *equals = strchr(*e, '=');
        bool ours = false;
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) ours |= strncmp(*e, heads[i], strlen(heads[i])) == 0;
        char *name = ours && equals ? strndup(*e, (size_t)(equals - *e)) : NULL;
        if (name && unsetenv(name) == 0)
            e = environ;
        else
            e++;
        free(name);
    }
    account_credentials();
}

/* ---- one event ---- */

/* The clocks stand there. */
static int64_t time_of(pb_value event) {
    pb_value v = pb_get_c(event, "time");
    int64_t ms;
    return v.kind == PB_STRING && pb_time_parse(pb_text(v), &ms) ? ms : TRIAL_START_MS;
}

static void turn(preview *p) {
    for (uint32_t i = 0; engine_busy(p->engine); i++) {
        if (i == TRIAL_TURNS && !p->o->live) {
            worst(p, fail(PB_STR("a plan does not come to an end"), FAILED));
            return;
        }
        engine_turn(p->engine);
    }
}

static void close_all(preview *p) {
    engine_free(p->engine);
    if (p->has_account) account_close(&p->account);
    pb_arena_free(p->arena);
}

/* The event's arena is the engine's. */
static int plan_event(const pb_buf *image, const preview_options *o, const char *file, const events_item *item,
                      pb_arena *a) {
    preview p = {.o = o, .file = file, .number = item->number, .line = item->line, .arena = pb_arena_new(FILL_MEMORY)};
    pb_str err = item->error;
    if (!p.arena) {
        pb_arena_free(a);
        return fail((pb_str){0}, INTERNAL);
    }
    if (!err.n && !events_envelope(item->value, a, &err) && !err.n) err = PB_STR("not an EventBridge envelope");
    if (err.n) {
        pb_str where = pb_printf(p.arena, "%s: event %u (line %u): %.*s", file, item->number, item->line, PB_ARG(err));
        worst(&p, fail(where, FAILED));
        pb_arena_free(a);
        close_all(&p);
        return p.status;
    }
    p.now = time_of(item->value);
    if (!o->live) pb_clock_virtual(p.now);
    if ((!o->live && !account_make(&p, item->value, &err)) || !engine_make(&p, image, &err)) {
        worst(&p, fail(err, USAGE));
        pb_arena_free(a);
    } else if (!engine_submit(p.engine, item->number, item->line, item->value, (pb_str){0}, a)) {
        worst(&p, fail((pb_str){0}, INTERNAL));
    } else {
        turn(&p);
    }
    close_all(&p);
    return p.status;
}

/* ---- files ---- */

static void wait_for(events *e) {
    struct pollfd f = {events_fd(e), POLLIN, 0};
    poll(&f, 1, -1);
}

/* The next event of the file. False: there are no more. */
static bool next_event(const pb_buf *image, const preview_options *o, const char *file, events *e, uint32_t *shown,
                       int *status) {
    events_item item;
    pb_arena *a = pb_arena_new(EVENTS_ARENA);
    int got = DONE;
    bool more = a != NULL;
    if (!a) {
        *status = fail((pb_str){0}, INTERNAL);
        return false;
    }
    switch (events_next(e, a, &item)) {
    case EVENTS_ONE:
    case EVENTS_BAD:
        if ((*shown)++ && !o->json && !o->quiet) putchar('\n');
        got = plan_event(image, o, file, &item, a);
        a = NULL;
        break;
    case EVENTS_LATER: wait_for(e); break;
    case EVENTS_ERROR:
        got = fail(pb_printf(a, "%s cannot be read: %.*s", events_name(e), PB_ARG(item.error)), FAILED);
        more = false;
        break;
    case EVENTS_END: more = false; break;
    }
    pb_arena_free(a);
    if (got > *status) *status = got;
    return more && *status < USAGE;
}

static int plan_file(const pb_buf *image, const preview_options *o, const char *file, uint32_t *shown) {
    pb_arena *a = pb_arena_new(0);
    pb_str err = {0};
    int status = DONE;
    events *e = a ? events_open(file, a, &err) : NULL;
    if (!e) {
        status = fail(err, USAGE);
    } else {
        while (next_event(image, o, file, e, shown, &status)) continue;
        if (!events_count(e) && status == DONE)
            status = fail(pb_printf(a, "%s holds no event", events_name(e)), FAILED);
    }
    events_close(e);
    pb_arena_free(a);
    return status;
}

int preview_run(const pb_buf *image, const preview_options *o) {
    int status = DONE;
    uint32_t shown = 0;
    if (!o->live) forget_environment();
    for (size_t i = 0; i < o->nevents && status < USAGE; i++) {
        int got = plan_file(image, o, o->events[i], &shown);
        if (got > status) status = got;
    }
    return status;
}
