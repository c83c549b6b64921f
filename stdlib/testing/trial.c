/*
 * trial.c - one test from its beginning to its end.
 *
 * Two programs run side by side, from the same image: the test itself on a driver (below: a run with a gate, nothing
 * more), and its playbook on an engine like pbrun's. The driver's call `test.event` hands the engine an event and turns
 * it until it rests, so that the two never run at the same time, and time passes only where something waits for it.
 */
#include "stdlib/testing/trial.h"

#include "stdlib/stdlib.h"

#include <stdlib.h>

enum { PROVIDERS_MAX = 8, DRIVER_MEMORY = 64 << 20 };

/* ---- messages ---- */

const ast_clause *trial_clause(const trial *t, pb_value number) {
    const ast_clause *k = t->test->clauses;
    for (int64_t i = number.kind == PB_INT ? number.u.i : 0; k && i > 0; i--) k = k->next;
    return k;
}

failure *trial_fail(trial *t, pb_value number, pb_str text) {
    const ast_clause *k = trial_clause(t, number);
    failure *f = pb_alloc(t->arena, sizeof *f);
    if (!f) return NULL;
    *f = (failure){.span = k ? k->span : t->test->span, .text = text};
    *t->failures_end = f;
    t->failures_end = &f->next;
    return f;
}

void trial_broken(trial *t, pb_str why, pb_span at) {
    if (t->broken.n) return;
    t->broken = pb_strdup(t->arena, why.s, why.n);
    t->broken_at = at;
    if (!t->broken.s) t->broken = PB_STR("out of memory");
}

/* ---- hosts ---- */

static void call_test_host(const pb_host *h, vm_call *c, pb_loop *loop) {
    trial *t = h->state;
    (void)loop;
    test_host *fn = given_find(c->host);
    if (!fn) fn = expect_find(c->host);
    t->account.own = false;
    if (fn)
        fn(t, c);
    else
        vm_raise(c, PB_STR("internal"), PB_STR("the testing library has no such call"));
    t->account.own = true;
}

static bool resolve(void *state, pb_str name, pb_host *out) {
    if (!given_find(name) && !expect_find(name)) return false;
    *out = (pb_host){.effect = PB_READ, .fn = call_test_host, .state = state};
    return true;
}

/* The standard library's, and the testing library's in front. Their number, 0 when there is no memory. */
static size_t providers_of(trial *t, pb_host_provider *all) {
    size_t n = 0;
    const pb_host_provider *std = stdlib_providers(&n);
    if (!std || n + 1 > PROVIDERS_MAX) return 0;
    all[0] = (pb_host_provider){.prefix = "test.", .state = t, .resolve = resolve};
    memcpy(all + 1, std, n * sizeof *all);
    return n + 1;
}

static void providers_close(const pb_host_provider *all, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (all[i].close) all[i].close(all[i].state);
}

/* ---- the engine ---- */

static vm_program *program_of(trial *t, pb_str *err) {
    return vm_program_load(t->unit->image.data, t->unit->image.len, t->arena, err);
}

static bool engine_start(trial *t, pb_str *err) {
    pb_host_provider *all = pb_alloc_array(t->arena, PROVIDERS_MAX, sizeof *all);
    engine_config c = {.providers = all, .store = t->store, .cover = t->unit->cover, .watch = acts_watch(&t->acts)};
    *err = PB_STR("out of memory");
    c.nproviders = all ? providers_of(t, all) : 0;
    if (!c.nproviders) return false;
    t->engine = engine_new(&c);
    if (!t->engine) return false;
    account_attach(&t->account, engine_loop(t->engine));
    vm_program *p = program_of(t, err);
    if (!p || !engine_add(t->engine, p, "the playbook", err)) return false;
    for (const trial_param *k = t->first_param; k; k = k->next)
        if (!engine_set(t->engine, k->name, k->text, err)) return false;
    return engine_ready(t->engine, err);
}

/* A playbook that needs a store gets one; the first engine is only there to find that out. */
static bool engine_with_store(trial *t, pb_str *err) {
    pb_str name;
    const char *what;
    if (t->crash_wanted && !trial_store(t, err)) return false;
    if (!engine_start(t, err)) return false;
    if (t->store || !engine_needs_store(t->engine, &name, &what)) return true;
    engine_free(t->engine);
    t->engine = NULL;
    return trial_store(t, err) && engine_start(t, err);
}

engine *trial_engine(trial *t) {
    pb_str err = {0};
    if (t->engine || t->broken.n) return t->broken.n ? NULL : t->engine;
    if (engine_with_store(t, &err)) return t->engine;
    trial_broken(t, err, t->test->string_span);
    return NULL;
}

bool trial_settle(trial *t) {
    for (uint32_t i = 0; t->engine && !t->account.dead && engine_busy(t->engine); i++) {
        if (i == TRIAL_TURNS) return false;
        engine_turn(t->engine);
    }
    return true;
}

/* ---- the driver ---- */

typedef struct driver {
    trial *t;
    vm_run *vm;
    gate_run gate;
    journal journal; /* of no store */
    crash crash;
    pb_arena *arena;
    void *token; /* of a pause that is to be over */
    int64_t pause_ms;
} driver;

static void on_invoke(void *ctx, vm_call *c) { gate_invoke(&((driver *)ctx)->gate, c); }
static void on_step_begin(void *ctx, vm_run *r, vm_step *s) { (void)ctx, (void)r, (void)s; }
static void on_step_end(void *ctx, vm_run *r, vm_step *s) {
    (void)ctx, (void)r;
    gate_step_end(s);
}
static void on_sleep(void *ctx, vm_run *r, void *token, int64_t ms) {
    driver *d = ctx;
    (void)r;
    d->token = token;
    d->pause_ms = ms;
}
static int64_t on_wall(void *ctx) {
    (void)ctx;
    return pb_loop_wall_ms();
}
static int64_t on_mono(void *ctx) {
    (void)ctx;
    return pb_loop_mono_ms();
}

/* What `run` gives in the test's own set-up. */
static pb_value context_of(const trial *t, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    pb_map_add(&b, PB_STR("id"), pb_string_c("run-00000000000000000000000000"));
    pb_map_add(&b, PB_STR("incident_id"), pb_string_c("INC-000000000000"));
    pb_map_add(&b, PB_STR("playbook"), pb_string(t->test->name.parts[0].text));
    pb_map_add(&b, PB_STR("account"), pb_string(t->account.sim.account));
    pb_map_add(&b, PB_STR("region"), pb_string(t->account.sim.region));
    pb_map_add(&b, PB_STR("started"), pb_time(pb_loop_wall_ms()));
    pb_map_add(&b, PB_STR("dry_run"), pb_bool(false));
    return pb_map_done(&b);
}

/* Deployment parameters as the test sees them: as given, or their defaults. */
static pb_value *params_of(trial *t, pb_str *err) {
    uint32_t n = vm_count(t->program, SECTION_PARAMS);
    pb_value *all = pb_alloc_array(t->arena, n ? n : 1, sizeof *all);
    for (uint32_t i = 0; all && i < n; i++) {
        uint32_t k = vm_field(t->program, SECTION_PARAMS, i, PARAMS_default_const);
        all[i] = k == IMAGE_NIL ? PB_NONE_VALUE : vm_const(t->program, k);
    }
    if (!all) *err = PB_STR("out of memory");
    return all;
}

/* Changing calls wait until everything does, and then go out together; false: there are none. */
static bool send_calls(driver *d) {
    bool ready = false, moved = gate_intend(&d->gate, &ready);
    if (ready) gate_send(&d->gate);
    return moved || ready;
}

/* Turns until the test has come to its end. */
static vm_outcome drive(driver *d) {
    for (uint32_t i = 0; i < TRIAL_TURNS; i++) {
        vm_outcome o = vm_run_go(d->vm);
        if (o != VM_RUNNING) return o;
        if (d->token) {
            void *token = d->token;
            d->token = NULL;
            pb_clock_advance(d->pause_ms);
            vm_wake(d->vm, token);
        } else if (!send_calls(d)) {
            if (!d->gate.open) return VM_RUNNING;
            pb_loop_turn(d->t->loop);
        }
    }
    return VM_RUNNING;
}

/* The clause on the line where the test's program ended. */
static pb_span place_span(const trial *t, uint32_t place) {
    uint32_t source = place >> 20, line = place & 0xfffff;
    pb_str path = place && source < vm_count(t->program, SECTION_SOURCES)
                      ? vm_string(t->program, vm_field(t->program, SECTION_SOURCES, source, SOURCES_path))
                      : (pb_str){0};
    const source_file *f = &t->unit->sources->files[t->test->file];
    if (!pb_str_eq(path, f->path) || !line || line > f->nlines) return t->test->string_span;
    uint32_t start = f->lines[line - 1], end = line < f->nlines ? f->lines[line] - 1 : f->text.n;
    while (start < end && strchr(" \t", f->text.s[start])) start++;
    return (pb_span){t->test->file, start, end};
}

static bool expects_something(const ast_decl *test) {
    for (const ast_clause *k = test->clauses; k; k = k->next)
        if (pb_str_is(k->name.text, "expect")) return true;
    return false;
}

static void take_end(driver *d, vm_outcome o) {
    trial *t = d->t;
    if (o == VM_DONE && !t->expectations && expects_something(t->test)) {
        trial_broken(t, PB_STR("nothing of what is expected was looked at; please report this"), t->test->string_span);
        return;
    }
    if (o == VM_DONE || (o == VM_FAILED && pb_str_is(vm_run_error_code(d->vm), "expectation"))) return;
    pb_str why = o == VM_RUNNING ? PB_STR("the test waits for something that never comes")
                                 : pb_printf(t->arena, "%.*s: %.*s", PB_ARG(vm_run_error_code(d->vm)),
                                             PB_ARG(vm_run_reason(d->vm)));
    trial_broken(t, why, place_span(t, vm_run_place(d->vm)));
}

static bool driver_open(driver *d, const pb_host_provider *all, size_t n, pb_str *err) {
    trial *t = d->t;
    static const vm_limits limits = {.memory = DRIVER_MEMORY, .instructions = TRIAL_INSTRUCTIONS};
    vm_hooks *hooks = pb_alloc(t->arena, sizeof *hooks);
    const pb_value *params = params_of(t, err);
    *err = PB_STR("out of memory");
    d->arena = pb_arena_new(DRIVER_MEMORY + (8 << 20));
    if (!hooks || !params || !d->arena) return false;
    *hooks = (vm_hooks){.ctx = d,
                        .invoke = on_invoke,
                        .step_begin = on_step_begin,
                        .step_end = on_step_end,
                        .sleep = on_sleep,
                        .wall_ms = on_wall,
                        .mono_ms = on_mono};
    pb_value context = context_of(t, d->arena);
    d->gate = (gate_run){.program = gate_bind(t->program, all, n, t->arena, err),
                         .loop = t->loop,
                         .arena = d->arena,
                         .context = context,
                         .image = t->program,
                         .body = t->test->index,
                         .journal = &d->journal,
                         .crash = &d->crash,
                         .most = PB_DESTROY,
                         .live = PB_DESTROY};
    gate_init(&d->gate);
    if (!d->gate.program) return false;
    d->vm = vm_run_new(t->program, t->test->index, PB_NONE_VALUE, params, context, &limits, hooks, d->arena);
    if (!d->vm) *err = PB_STR("out of memory");
    return d->vm != NULL;
}

static void driver_close(driver *d) {
    if (d->vm) {
        gate_abandon(&d->gate);
        vm_run_end(d->vm);
    }
    pb_arena_free(d->arena);
}

static void run_driver(trial *t) {
    driver d = {.t = t};
    pb_host_provider all[PROVIDERS_MAX];
    pb_str err = PB_STR("out of memory");
    size_t n = providers_of(t, all);
    t->account.own = true;
    if (n && driver_open(&d, all, n, &err))
        take_end(&d, drive(&d));
    else
        trial_broken(t, err, t->test->string_span);
    driver_close(&d);
    providers_close(all, n);
}

/* ---- a test ---- */

static bool open_world(trial *t, pb_str *err) {
    t->program = program_of(t, err);
    t->loop = t->program ? pb_loop_new() : NULL;
    if (!t->loop || !account_open(&t->account, err)) return false;
    account_attach(&t->account, t->loop);
    return true;
}

void trial_run(trial *t, const unit *u, const ast_decl *test, const char *dir, uint64_t crash_at) {
    pb_str err = PB_STR("out of memory");
    *t = (trial){.unit = u, .test = test, .arena = pb_arena_new(TRIAL_MEMORY), .dir = dir, .crash_at = crash_at};
    t->failures_end = &t->failures;
    pb_clock_virtual(TRIAL_START_MS);
    crash_watch(trial_moment, t);
    if (!t->arena) {
        t->broken = err;
        return;
    }
    acts_init(&t->acts, t->arena);
    if (open_world(t, &err))
        run_driver(t);
    else
        trial_broken(t, err, test->string_span);
}

void trial_close(trial *t) {
    crash_watch(NULL, NULL);
    engine_free(t->engine);
    if (t->store) store_close(t->store);
    pb_loop_free(t->loop);
    vm_program_close(t->program);
    account_close(&t->account);
    pb_arena_free(t->arena);
}

bool trial_passed(const trial *t) { return !t->broken.n && !t->failures; }
