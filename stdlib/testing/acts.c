/*
 * acts.c - what the runs of a playbook did, gathered by the engine's callbacks while they run.
 *
 * The engine frees a run when it has reported it, so everything that a test may ask for is copied. A step is known by
 * its run and id: a run that was resumed tells its steps again, and they are the same ones.
 */
#include "stdlib/testing/trial.h"

#include <json-c/json.h>

void acts_init(acts *a, pb_arena *arena) {
    *a = (acts){.arena = arena};
    a->end = &a->first;
    a->runs_end = &a->runs;
}

static pb_str copy(acts *a, pb_str s) { return s.n ? pb_strdup(a->arena, s.s, s.n) : PB_STR(""); }

/* ---- runs ---- */

static played *run_of(acts *a, const engine_run *r) {
    for (played *p = a->runs; p; p = p->next)
        if (pb_str_eq(p->id, r->id)) return p;
    played *p = pb_alloc(a->arena, sizeof *p);
    if (!p) return NULL;
    p->id = copy(a, r->id);
    *a->runs_end = p;
    a->runs_end = &p->next;
    return p;
}

static pb_value copied(acts *a, pb_value v) {
    pb_value out = PB_NONE_VALUE;
    pb_map_builder b = {.arena = a->arena};
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n; i++) { /* flat: texts, times, flags */
        pb_value e = v.u.entries[i].value;
        if (e.kind == PB_STRING) e = pb_string(copy(a, pb_text(e)));
        pb_map_add(&b, copy(a, v.u.entries[i].key), e);
    }
    return v.kind == PB_MAP ? pb_map_done(&b) : out;
}

static void on_run_begin(void *ctx, const engine_run *r) {
    acts *a = ctx;
    if (a->deaf) return;
    played *p = run_of(a, r);
    if (!p) return;
    p->context = copied(a, r->facts.context);
    a->last = p;
    a->nothing = (pb_str){0};
}

static void on_run_end(void *ctx, const engine_run *r) {
    acts *a = ctx;
    if (a->deaf) return;
    played *p = run_of(a, r);
    json_object *o = evidence_document(&r->facts);
    if (p) {
        const char *text =
            o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : "";
        p->outcome = pb_str_c(evidence_outcome(r->facts.outcome));
        p->code = copy(a, r->facts.code);
        p->reason = copy(a, r->facts.reason);
        p->evidence = copy(a, pb_str_c(text));
        const vm_denial *d = r->facts.vm ? vm_run_denial(r->facts.vm) : NULL;
        p->denied_by = d ? copy(a, d->by) : PB_STR("");
        p->place = r->facts.place;
        p->context = copied(a, r->facts.context);
        a->last = p;
    }
    json_object_put(o);
}

static void on_event_end(void *ctx, const engine_event *e) {
    acts *a = ctx;
    if (e->runs || a->deaf) return;
    a->known = e->tally.type_known && e->tally.asked > 0;
    if (e->error.n)
        a->nothing = copy(a, e->error);
    else if (!e->tally.type_known)
        a->nothing = PB_STR("the event is none that the playbook listens to");
    else
        a->nothing = PB_STR("a `where` behind `when` did not hold");
}

/* ---- steps ---- */

static act *act_of(acts *a, const engine_run *r, const vm_step *s) {
    for (act *k = a->first; k; k = k->next)
        if (pb_str_eq(k->id, s->id) && pb_str_eq(k->run, r->id)) return k;
    act *k = pb_alloc(a->arena, sizeof *k);
    if (!k) return NULL;
    k->run = copy(a, r->id);
    k->id = copy(a, s->id);
    *a->end = k;
    a->end = &k->next;
    return k;
}

static void on_step_begin(void *ctx, const engine_run *r, const vm_step *s) {
    acts *a = ctx;
    if (a->deaf) return;
    act *k = act_of(a, r, s);
    if (!k) return;
    k->name = copy(a, s->name);
    k->effect = s->effect;
    k->host = s->host;
    k->is_do = s->is_do;
    k->round = a->round;
    k->status = STEP_RUNNING;
    if (s->site != IMAGE_NIL)
        k->source_line = vm_field(r->facts.program, SECTION_SITES, s->site, SITES_source) << 20 |
                         vm_field(r->facts.program, SECTION_SITES, s->site, SITES_line);
}

static void on_step_end(void *ctx, const engine_run *r, const vm_step *s) {
    acts *a = ctx;
    if (a->deaf) return;
    act *k = act_of(a, r, s);
    if (!k) return;
    k->name = copy(a, s->name);
    k->status = s->status;
    k->effect = s->effect;
    k->round = a->round;
    k->error_code = copy(a, s->error_code);
    k->error_message = copy(a, s->error_message);
    k->detail = copy(a, evidence_detail(s));
    pb_str args = pb_json_text(a->arena, s->args);
    k->args = args.s ? args : PB_STR("null");
}

engine_watch acts_watch(acts *a) {
    return (engine_watch){.ctx = a,
                          .run_begin = on_run_begin,
                          .run_end = on_run_end,
                          .step_begin = on_step_begin,
                          .step_end = on_step_end,
                          .event_end = on_event_end};
}

/* ---- questions ---- */

/* Is `inner` a step below `outer`? "3.1" and "3:0.2" are below "3", "31" is not. */
static bool is_below(const act *inner, const act *outer) {
    return pb_str_eq(inner->run, outer->run) && inner->id.n > outer->id.n &&
           memcmp(inner->id.s, outer->id.s, outer->id.n) == 0 && strchr(".:~", inner->id.s[outer->id.n]);
}

/* Compared as JSON: a time that was given as text is the same as one that was computed. */
static bool same(pb_arena *a, pb_value x, pb_value y) {
    pb_str s = pb_json_text(a, x), t = pb_json_text(a, y);
    return s.s && t.s && pb_str_eq(s, t);
}

/* Arguments that are asked for, against those that a step was called with: a map by name, or a list by number. */
static bool fits(const acts *a, const act *k, pb_value args) {
    pb_value had = PB_NONE_VALUE, want = PB_NONE_VALUE;
    pb_str err, text = pb_json_text(a->arena, args);
    if (args.kind != PB_MAP) return true;
    if (!text.s || !pb_json_parse(a->arena, text.s, text.n, &want, &err)) return false;
    if (!pb_json_parse(a->arena, k->args.s, k->args.n, &had, &err)) return false;
    for (uint32_t i = 0; i < want.n; i++) {
        pb_str name = want.u.entries[i].key;
        pb_value v = had.kind == PB_MAP ? pb_get(had, name) : pb_path(had, pb_strdup(a->arena, name.s, name.n).s);
        if (!same(a->arena, v, want.u.entries[i].value)) return false;
    }
    return true;
}

static bool is_asked(const acts *a, const act *k, pb_str name, pb_value args) {
    return k->round == a->round && pb_str_eq(k->name, name) && fits(a, k, args);
}

const act *acts_done(const acts *a, pb_str name, pb_value args) {
    for (const act *k = a->first; k; k = k->next)
        if (k->status == STEP_OK && is_asked(a, k, name, args)) return k;
    return NULL;
}

static bool has_touched(const acts *a, const act *outer) {
    if (outer->status == STEP_OK) return true;
    for (const act *k = a->first; k; k = k->next)
        if (k->host && k->effect > PB_READ && k->status == STEP_OK && is_below(k, outer)) return true;
    return false;
}

const act *acts_touched(const acts *a, pb_str name, pb_value args) {
    for (const act *k = a->first; k; k = k->next)
        if (is_asked(a, k, name, args) && has_touched(a, k)) return k;
    return NULL;
}
