/*
 * plan.c - the document of a plan: the steps of a run that held its changes back, each with its calls, what they would
 * change, what stands in the way (guards, approvals, waiting) and what would undo it.
 *
 * It is made to be compared: two plans of the same event against the same account are the same text. So no times and no
 * run ids are in it, and steps of branches that run at once stand in the order in which they are written.
 */
#include "vm/plan.h"

#include "vm/protect.h"

#include <json-c/json.h>
#include <stdlib.h>

enum { STEPS_MAX = 5000 /* of one plan; a run has some dozens */ };

/* One plan in the making. */
typedef struct maker {
    const engine_run *run;
    const vm_program *program;
    pb_arena *arena;
    const vm_step *approval; /* the last one that was met: NULL none */
    uint32_t approval_source, approval_line, approval_until;
    int64_t reads, changes, messages, approvals, waits_ms;
    bool denied; /* a call that pbrun's own protection would stop */
    bool oom;
} maker;

/* ---- putting things into objects ---- */

static void put(maker *m, json_object *o, const char *key, json_object *v) {
    if (o && json_object_object_add_ex(o, key, v, JSON_C_OBJECT_KEY_IS_CONSTANT) == 0) return;
    json_object_put(v);
    m->oom = true;
}

static void push(maker *m, json_object *list, json_object *v) {
    if (list && v && json_object_array_add(list, v) == 0) return;
    json_object_put(v);
    m->oom = true;
}

static void put_text(maker *m, json_object *o, const char *key, pb_str s) {
    if (!s.n) return;
    json_object *v = evidence_value(pb_string(s)); /* bounded */
    if (v)
        put(m, o, key, v);
    else
        m->oom = true;
}

static void put_c(maker *m, json_object *o, const char *key, const char *z) { put_text(m, o, key, pb_str_c(z)); }

static void put_value(maker *m, json_object *o, const char *key, pb_value v) {
    if (v.kind == PB_NONE) return;
    json_object *j = evidence_value(v);
    if (j)
        put(m, o, key, j);
    else
        m->oom = true;
}

static json_object *object(maker *m) {
    json_object *o = json_object_new_object();
    if (!o) m->oom = true;
    return o;
}

static json_object *array(maker *m) {
    json_object *o = json_object_new_array();
    if (!o) m->oom = true;
    return o;
}

/* ---- steps ---- */

/* "5~2", the second try of step 5, is step 5. */
static pb_str plain_id(pb_str id) {
    for (uint32_t i = 0; i < id.n; i++)
        if (id.s[i] == '~') return (pb_str){id.s, i};
    return id;
}

/* By the numbers in them: "2:0.10" comes after "2:0.9". */
static int compare_ids(pb_str a, pb_str b) {
    uint32_t i = 0, j = 0;
    while (i < a.n && j < b.n) {
        uint64_t x = 0, y = 0;
        bool na = a.s[i] >= '0' && a.s[i] <= '9', nb = b.s[j] >= '0' && b.s[j] <= '9';
        if (!na || !nb) {
            if (a.s[i] != b.s[j]) return a.s[i] < b.s[j] ? -1 : 1;
            i++, j++;
            continue;
        }
        while (i < a.n && a.s[i] >= '0' && a.s[i] <= '9') x = x * 10 + (uint64_t)(a.s[i++] - '0');
        while (j < b.n && b.s[j] >= '0' && b.s[j] <= '9') y = y * 10 + (uint64_t)(b.s[j++] - '0');
        if (x != y) return x < y ? -1 : 1;
    }
    return i < a.n ? 1 : j < b.n ? -1 : 0;
}

static int compare_steps(const void *a, const void *b) {
    const vm_step *x = *(const vm_step *const *)a, *y = *(const vm_step *const *)b;
    int c = compare_ids(plain_id(x->id), plain_id(y->id));
    return c ? c : x->number < y->number ? -1 : x->number > y->number;
}

/* The steps of one level, in order; how many. NULL: none, or no memory. */
static const vm_step **level(maker *m, const vm_step *first, uint32_t *n) {
    uint32_t count = 0;
    for (const vm_step *s = first; s && count < STEPS_MAX; s = s->next) count++;
    const vm_step **all = count ? pb_alloc_array(m->arena, count, sizeof *all) : NULL;
    *n = all ? count : 0;
    if (count && !all) m->oom = true;
    for (uint32_t i = 0; all && i < count; i++, first = first->next) all[i] = first;
    if (all) qsort(all, count, sizeof *all, compare_steps);
    return all;
}

static uint32_t site_field(const maker *m, const vm_step *s, uint32_t field) {
    return s->site == IMAGE_NIL ? IMAGE_NIL : vm_field(m->program, SECTION_SITES, s->site, field);
}

static pb_str place_text(maker *m, uint32_t source, uint32_t line) {
    if (source >= vm_count(m->program, SECTION_SOURCES)) return (pb_str){0};
    pb_str path = vm_string(m->program, vm_field(m->program, SECTION_SOURCES, source, SOURCES_path));
    return pb_printf(m->arena, "%.*s:%u", PB_ARG(path), line);
}

static bool named(const vm_step *s, const char *host) { return s->host && pb_str_is(s->name, host); }

static bool is_aws(pb_str name) { return name.n > 4 && memcmp(name.s, "aws.", 4) == 0; }

/* Of the call: the guard for which it is read. */
static pb_str asked_by_guard(const vm_step *s) {
    for (s = s->parent; s; s = s->parent)
        if (s->kind == STEP_GUARD) return s->name;
    return (pb_str){0};
}

/* ---- calls ---- */

static const char *call_status(const vm_step *s) {
    bool read = s->effect <= PB_READ;
    switch (s->status) {
    case STEP_OK: return read ? "read" : "done";
    case STEP_PLANNED:
        if (named(s, HOST_APPROVAL_ASK)) return "waits_for_approval";
        if (named(s, HOST_LIMIT_ASK)) return "may_wait_for_approval";
        if (named(s, HOST_WAIT_FOR)) return "waits";
        return read ? "would_read" : "would_call";
    case STEP_DENIED: return "denied";
    default: return "failed";
    }
}

/* pbrun's own protection is asked right before a call is sent, so a held back call has not met it yet. */
static pb_str protected_why(maker *m, const vm_step *s) {
    pb_str target, why = {0}, nothing = {0};
    protect_self self = {.account = s->account};
    if (s->status != STEP_PLANNED || s->effect < PB_CONTAIN) return nothing;
    return protect_check(m->run->gate.site, &self, s->name, s->args, m->arena, &target, &why) ? nothing : why;
}

static void count(maker *m, const vm_step *s) {
    if (s->effect <= PB_READ) m->reads++;
    if (s->effect <= PB_READ || (s->status != STEP_PLANNED && s->status != STEP_OK)) return;
    if (named(s, HOST_APPROVAL_ASK)) {
        m->approvals++;
    } else if (named(s, HOST_WAIT_FOR)) {
        pb_value time = pb_get_c(s->args, "time");
        if (time.kind == PB_DURATION && time.u.i > 0 && time.u.i < INT64_MAX - m->waits_ms) m->waits_ms += time.u.i;
    } else if (s->effect == PB_NOTIFY) {
        m->messages += !named(s, HOST_LIMIT_ASK);
    } else {
        m->changes++;
    }
}

static json_object *call_json(maker *m, const vm_step *s, bool undo) {
    json_object *o = object(m);
    pb_str guard = asked_by_guard(s), why = {0};
    if (!undo) why = protected_why(m, s);
    put_text(m, o, "operation", s->name);
    put_c(m, o, "effect", pb_effect_name(s->effect));
    put_c(m, o, "status", why.n ? "denied" : call_status(s));
    if (is_aws(s->name)) {
        put_text(m, o, "account", s->account);
        put_text(m, o, "region", s->region);
    }
    if (guard.n) put_text(m, o, "for", guard);
    put_value(m, o, "arguments", s->args);
    if (s->status == STEP_FAILED || s->status == STEP_DENIED) put_text(m, o, "error", s->error_code);
    if (why.n) {
        put_c(m, o, "denied_by", "self_protection");
        put_text(m, o, "why", why);
        m->denied = true;
    }
    bool change = s->status == STEP_PLANNED && s->effect >= PB_CONTAIN && is_aws(s->name) && !undo;
    json_object *changes = change ? plan_changes(m->run->facts.steps, s) : NULL;
    if (change && !changes) m->oom = true;
    if (changes) put(m, o, "changes", changes);
    return o;
}

/* All calls at and below a step, in order. As deep as calls may be. */
static void add_calls(maker *m, json_object *list, const vm_step *s, bool undo, uint32_t depth) {
    uint32_t n;
    if (s->host) {
        if (!undo) count(m, s);
        if (!undo || s->effect > PB_READ) push(m, list, call_json(m, s, undo));
    }
    if (depth > IMAGE_MAX_DEPTH + 2 || !s->children) return;
    const vm_step **all = level(m, s->children, &n);
    for (uint32_t i = 0; i < n && !m->oom; i++) add_calls(m, list, all[i], undo, depth + 1);
}

/* ---- guards ---- */

static pb_str guard_name(const vm_step *g) { /* "guard NAME" */
    return g->name.n > 6 ? (pb_str){g->name.s + 6, g->name.n - 6} : g->name;
}

static void add_guards(maker *m, json_object *list, const vm_step *s, uint32_t depth) {
    static const char *const words[] = {"allows", "denies", "authorized", "may_deny"};
    for (const vm_step *c = s->children; c && depth <= IMAGE_MAX_DEPTH + 2 && !m->oom; c = c->next) {
        if (c->kind == STEP_GUARD) {
            json_object *o = object(m);
            put_text(m, o, "guard", guard_name(c));
            put_text(m, o, "act", s->name);
            put_c(m, o, "says", words[c->guard_says]);
            if (c->guard_says != GUARD_ALLOWS) put_text(m, o, "why", c->detail);
            push(m, list, o);
        }
        add_guards(m, list, c, depth + 1);
    }
}

/* ---- undoing ---- */

/* Is the step with this id `outer`, or inside it? */
static bool within(pb_str id, pb_str outer) {
    if (id.n < outer.n || memcmp(id.s, outer.s, outer.n) != 0) return false;
    return id.n == outer.n || id.s[outer.n] == '.' || id.s[outer.n] == ':';
}

typedef struct staying {
    maker *m;
    json_object *list;
    const vm_step *outer;
} staying;

static void add_staying(void *ctx, const vm_step *s, pb_str why) {
    staying *k = ctx;
    if (!within(plain_id(s->id), plain_id(k->outer->id))) return;
    json_object *o = object(k->m);
    put_text(k->m, o, "action", s->name);
    put_text(k->m, o, "none", why);
    push(k->m, k->list, o);
}

/* What would undo the step: calls, or why there is nothing that does. */
static void put_undo(maker *m, json_object *step, const vm_step *s) {
    const engine_run *r = m->run;
    json_object *list = array(m);
    staying k = {m, list, s};
    for (const vm_step *u = r->undo_plan; u && !m->oom; u = u->next) {
        if (!within(u->undoes, plain_id(s->id))) continue;
        json_object *o = object(m), *calls = array(m);
        put_text(m, o, "action", u->name.n > 5 ? (pb_str){u->name.s + 5, u->name.n - 5} : u->name); /* "undo NAME" */
        add_calls(m, calls, u, true, 0);
        put(m, o, "calls", calls);
        if (u->status == STEP_FAILED || u->status == STEP_DENIED) put_text(m, o, "unsure", u->error_message);
        push(m, list, o);
    }
    if (r->facts.vm) vm_run_staying(r->facts.vm, add_staying, &k);
    if (list && json_object_array_length(list))
        put(m, step, "undo", list);
    else
        json_object_put(list);
}

/* ---- what a step is ---- */

static const char *step_status(const maker *m, const vm_step *s) {
    const char *status = evidence_action_status(s);
    if (s->host && (s->status == STEP_PLANNED || s->effect <= PB_READ)) {
        const char *call = call_status(s);
        return strcmp(call, "would_call") == 0 ? "would_do" : call;
    }
    if (strcmp(status, "planned") == 0) return s->effect > PB_READ ? "would_do" : "would_read";
    if (strcmp(status, "failed") == 0 || strcmp(status, "denied") == 0) return status;
    if (s->effect <= PB_READ || !s->is_do) return "read";
    return m->run->facts.dry || strcmp(status, "already_done") == 0 ? "already_done" : "done";
}

/* Arguments by their names. */
static pb_value arguments(maker *m, const vm_step *s) {
    pb_map_builder b = {.arena = m->arena};
    uint32_t f = s->kind == STEP_CALL ? site_field(m, s, SITES_target) : IMAGE_NIL, n = 0;
    if (s->host || s->args.kind != PB_LIST || f >= vm_count(m->program, SECTION_FUNCTIONS)) return s->args;
    uint32_t names = vm_field(m->program, SECTION_FUNCTIONS, f, FUNCTIONS_params);
    vm_list(m->program, names, 0, &n);
    for (uint32_t i = 0; i < n && i < s->args.n; i++)
        if (s->args.u.items[i].kind != PB_NONE)
            pb_map_add(&b, vm_string(m->program, vm_list(m->program, names, i, &n)), s->args.u.items[i]);
    if (b.oom) m->oom = true;
    return pb_map_done(&b);
}

/* approval.ask, with what of its arguments people decide by. */
static void put_approval(maker *m, json_object *o, const vm_step *s) {
    static const char *const members[] = {"question", "via",      "by",        "quorum",
                                          "within",   "escalate", "if_denied", "if_expired"};
    pb_value until = pb_get_c(s->args, "until_line");
    json_object *a = object(m);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        put_value(m, a, members[i], pb_get_c(s->args, members[i]));
    put(m, o, "approval", a);
    m->approval = s;
    m->approval_source = site_field(m, s, SITES_source);
    m->approval_line = site_field(m, s, SITES_line);
    m->approval_until = until.kind == PB_INT && until.u.i > 0 ? (uint32_t)until.u.i : 0;
}

static bool behind_approval(const maker *m, const vm_step *s) {
    uint32_t line = site_field(m, s, SITES_line);
    return m->approval && s->site != IMAGE_NIL && site_field(m, s, SITES_source) == m->approval_source &&
           line >= m->approval_line && line <= m->approval_until;
}

static void put_kind(maker *m, json_object *o, const vm_step *s) {
    if (named(s, HOST_APPROVAL_ASK)) {
        put_approval(m, o, s);
    } else if (named(s, HOST_WAIT_FOR)) {
        put_value(m, o, "time", pb_get_c(s->args, "time"));
    } else if (!named(s, HOST_LIMIT_ASK)) {
        put_value(m, o, "arguments", arguments(m, s));
    }
}

static void put_error(maker *m, json_object *o, const vm_step *s) {
    if (s->status != STEP_FAILED && s->status != STEP_DENIED) return;
    json_object *e = object(m);
    put_text(m, e, "code", s->error_code);
    put_text(m, e, "message", s->error_message);
    put(m, o, "error", e);
}

static json_object *step_json(maker *m, const vm_step *s) {
    json_object *o = object(m), *calls = array(m), *guards = array(m);
    bool statement = named(s, HOST_APPROVAL_ASK) || named(s, HOST_LIMIT_ASK) || named(s, HOST_WAIT_FOR),
         was = m->denied;
    put_text(m, o, "step", plain_id(s->id));
    put_text(m, o, "action", s->name);
    if (s->site != IMAGE_NIL) {
        put_text(m, o, "written", vm_string(m->program, site_field(m, s, SITES_title)));
        put_text(m, o, "place", place_text(m, site_field(m, s, SITES_source), site_field(m, s, SITES_line)));
    }
    put_c(m, o, "effect", pb_effect_name(s->effect));
    if (behind_approval(m, s)) put_text(m, o, "if_granted", plain_id(m->approval->id));
    put_kind(m, o, s);
    if (s->undoes.n) put_text(m, o, "undoes", s->undoes);
    put_text(m, o, "detail", evidence_detail(s));
    put_error(m, o, s);
    add_guards(m, guards, s, 0);
    if (guards && json_object_array_length(guards))
        put(m, o, "guards", guards);
    else
        json_object_put(guards);
    m->denied = false;
    add_calls(m, calls, s, false, 0);
    put_c(m, o, "status", m->denied ? "denied" : step_status(m, s));
    m->denied |= was;
    if (!statement && calls)
        put(m, o, "calls", calls);
    else
        json_object_put(calls);
    pb_value before = pb_get_c(s->result, "before");
    if (s->is_do && s->effect >= PB_CONTAIN && (before.kind == PB_MAP || before.kind == PB_LIST))
        put_value(m, o, "before", before);
    if (s->is_do && s->effect > PB_NOTIFY && s->kind == STEP_CALL && m->run->facts.dry) put_undo(m, o, s);
    return o;
}

/* ---- the document ---- */

static pb_str playbook_text(const maker *m, uint32_t field) {
    return vm_string(m->program, vm_field(m->program, SECTION_PLAYBOOKS, m->run->facts.playbook, field));
}

static pb_str context_text(const engine_run *r, const char *key) {
    pb_value v = pb_get_c(r->facts.context, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
}

static void put_reason(maker *m, json_object *o) {
    const evidence_run *f = &m->run->facts;
    if (f->outcome == VM_DONE || (!f->reason.n && !f->code.n)) return;
    json_object *r = object(m);
    put_text(m, r, "code", f->code);
    put_text(m, r, "message", f->reason);
    if (f->place) put_text(m, r, "place", place_text(m, f->place >> 20, f->place & 0xfffff));
    put(m, o, "reason", r);
}

static void put_int(maker *m, json_object *o, const char *key, int64_t n) { put(m, o, key, json_object_new_int64(n)); }

static json_object *totals(maker *m) {
    json_object *o = object(m);
    put_int(m, o, "reads", m->reads);
    put_int(m, o, "changes", m->changes);
    put_int(m, o, "messages", m->messages);
    put_int(m, o, "approvals", m->approvals);
    if (m->waits_ms) put_value(m, o, "waits", pb_duration(m->waits_ms));
    return o;
}

/* Of an undoing: what it cannot put back. */
static void add_remaining(void *ctx, const vm_step *s, pb_str why) {
    staying *k = ctx;
    json_object *o = object(k->m);
    put_text(k->m, o, "action", s->name);
    put_text(k->m, o, "why", why);
    push(k->m, k->list, o);
}

json_object *plan_of_run(const engine_run *r) {
    maker m = {.run = r, .program = r->facts.program, .arena = pb_arena_new(0)};
    if (!m.arena) return NULL;
    uint32_t n;
    json_object *o = object(&m), *steps = array(&m);
    const vm_step **all = level(&m, r->facts.steps, &n);
    for (uint32_t i = 0; i < n && !m.oom; i++) push(&m, steps, step_json(&m, all[i]));
    put_text(&m, o, "playbook", playbook_text(&m, PLAYBOOKS_name));
    put_text(&m, o, "version", playbook_text(&m, PLAYBOOKS_version));
    put_text(&m, o, "incident_id", r->incident);
    put_text(&m, o, "account", context_text(r, "account"));
    put_text(&m, o, "region", context_text(r, "region"));
    if (r->item) put_int(&m, o, "item", r->item);
    put_value(&m, o, "affected_resource", pb_get_c(r->facts.record, "affected_resource"));
    put_c(&m, o, "outcome", m.denied && r->facts.outcome == VM_DONE ? "denied" : evidence_outcome(r->facts.outcome));
    put_reason(&m, o);
    put_text(&m, o, "note", r->facts.note);
    put(&m, o, "steps", steps);
    if (r->facts.undo_of.n && r->facts.vm) {
        staying k = {&m, array(&m), NULL};
        vm_run_staying(r->facts.vm, add_remaining, &k);
        put(&m, o, "stays", k.list);
    }
    put(&m, o, "totals", totals(&m));
    bool ok = !m.oom && !pb_arena_failed(m.arena);
    pb_arena_free(m.arena);
    if (ok) return o;
    json_object_put(o);
    return NULL;
}

/* ---- who does not match ---- */

static pb_str miss_name(const engine_miss *k) {
    return vm_string(k->program, vm_field(k->program, SECTION_PLAYBOOKS, k->playbook, PLAYBOOKS_name));
}

static int compare_misses(const void *a, const void *b) {
    const engine_miss *x = *(const engine_miss *const *)a, *y = *(const engine_miss *const *)b;
    pb_str s = miss_name(x), t = miss_name(y);
    int c = memcmp(s.s, t.s, s.n < t.n ? s.n : t.n);
    if (c) return c;
    if (s.n != t.n) return s.n < t.n ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* What it listens to instead. */
static json_object *listens(maker *m, const engine_miss *k) {
    uint32_t event = vm_field(k->program, SECTION_PLAYBOOKS, k->playbook, PLAYBOOKS_event), n = 0;
    uint32_t list =
        vm_field(k->program, SECTION_EVENTS, event, k->reason == MISS_SOURCE ? EVENTS_sources : EVENTS_detail_types);
    json_object *o = array(m);
    vm_list(k->program, list, 0, &n);
    for (uint32_t i = 0; i < n; i++) {
        json_object *v = evidence_value(pb_string(vm_string(k->program, vm_list(k->program, list, i, &n))));
        push(m, o, v);
    }
    return o;
}

static json_object *miss_json(maker *m, const engine_event *e, const engine_miss *k) {
    json_object *o = object(m);
    put_text(m, o, "playbook", miss_name(k));
    if (k->reason != MISS_CONDITION) {
        bool source = k->reason == MISS_SOURCE;
        pb_value had = pb_get_c(e->value, source ? "source" : "detail-type");
        put_c(m, o, "because", source ? "source" : "detail_type");
        put(m, o, "listens_to", listens(m, k));
        if (had.kind == PB_STRING) put_value(m, o, "event_has", had);
        return o;
    }
    m->program = k->program;
    put_c(m, o, "because", "condition");
    if (k->item) put_int(m, o, "item", k->item);
    put_text(m, o, "condition", k->unmet.text);
    put_text(m, o, "place", place_text(m, k->unmet.place >> 20, k->unmet.place & 0xfffff));
    put(m, o, "saw", k->seen.kind == PB_MAP ? evidence_value(k->seen) : json_object_new_object());
    return o;
}

json_object *plan_misses(const engine_event *e) {
    maker m = {.arena = pb_arena_new(0)};
    uint32_t n = 0;
    if (!m.arena) return NULL;
    for (const engine_miss *k = e->misses; k; k = k->next) n++;
    const engine_miss **all = pb_alloc_array(m.arena, n ? n : 1, sizeof *all);
    json_object *list = array(&m);
    n = 0;
    for (const engine_miss *k = e->misses; k && all; k = k->next) all[n++] = k;
    if (n) qsort(all, n, sizeof *all, compare_misses);
    for (uint32_t i = 0; i < n && !m.oom; i++) push(&m, list, miss_json(&m, e, all[i]));
    bool ok = all && !m.oom && !pb_arena_failed(m.arena);
    pb_arena_free(m.arena);
    if (ok) return list;
    json_object_put(list);
    return NULL;
}
