/*
 * match.c - the simple matcher: an event declaration is compared by source and detail type, then each playbook that
 * waits for such an event is asked by its MATCH function.
 *
 * A condition that cannot be decided (a text where a number is needed, a limit reached) is not a no: a response that
 * silently does not happen is the worst that can go wrong here. It is handed on as a hit with an error, and the other
 * playbooks are asked all the same.
 */
#include "vm/match.h"

#include "vm/glob.h"

enum {
    ITEMS_MAX = 1000,             /* of one event's list; Security Hub sends at most 100 findings */
    MATCH_INSTRUCTIONS = 5000000, /* a condition takes some dozens; leaves room for comprehensions over large events */
    MATCH_MEMORY = 16 << 20,
    SCRATCH_KEEP = 1 << 20 /* the scratch arena is made anew beyond that */
};

struct match_index {
    const match_program *programs;
    uint32_t n;
};

match_index *match_new(const match_program *programs, uint32_t n, pb_arena *a) {
    match_index *m = pb_alloc(a, sizeof *m);
    if (m) *m = (match_index){programs, n};
    return m;
}

/* One question to the index. */
typedef struct query {
    const match_index *index;
    pb_value event;
    pb_str source, type;
    pb_arena *arena, *scratch;
    match_context_fn *context;
    match_fn *fn;
    match_miss_fn *miss; /* NULL: nobody asks */
    void *ctx;
    match_tally *tally;
} query;

static bool listed(const vm_program *p, uint32_t list, pb_str text) {
    uint32_t n = 0;
    vm_list(p, list, 0, &n);
    for (uint32_t i = 0; i < n; i++)
        if (vm_glob(vm_string(p, vm_list(p, list, i, &n)), text)) return true;
    return n == 0;
}

static bool event_fits(const query *q, const vm_program *p, uint32_t event) {
    if (!listed(p, vm_field(p, SECTION_EVENTS, event, EVENTS_sources), q->source)) return false;
    q->tally->source_known = true;
    if (!listed(p, vm_field(p, SECTION_EVENTS, event, EVENTS_detail_types), q->type)) return false;
    q->tally->type_known = true;
    return true;
}

static bool scratch_ready(query *q) {
    if (q->scratch && pb_arena_used(q->scratch) > SCRATCH_KEEP) {
        pb_arena_free(q->scratch);
        q->scratch = NULL;
    }
    if (!q->scratch) q->scratch = pb_arena_new(SCRATCH_KEEP + MATCH_MEMORY);
    return q->scratch != NULL;
}

static bool report(query *q, match_hit *hit) {
    if (hit->error.n)
        q->tally->failed++;
    else
        q->tally->matched++;
    return q->fn(q->ctx, hit);
}

static void tell_miss(const query *q, match_reason reason, const match_hit *hit, vm_unmet unmet) {
    if (!q->miss) return;
    q->miss(q->ctx, &(match_miss){.reason = reason,
                                  .program = hit->program,
                                  .playbook = hit->playbook,
                                  .item = hit->item,
                                  .bound = hit->bound,
                                  .unmet = unmet});
}

/* Asks one playbook about one bound value. */
static bool ask(query *q, match_hit *hit) {
    static const vm_limits limits = {.memory = MATCH_MEMORY, .instructions = MATCH_INSTRUCTIONS, .deadline_ms = 0};
    const match_program *mp = &q->index->programs[hit->program];
    uint32_t function = vm_field(mp->program, SECTION_PLAYBOOKS, hit->playbook, PLAYBOOKS_match);
    bool matched = true;
    vm_unmet unmet = {0};
    pb_str err = {0};
    q->tally->asked++;
    if (function == IMAGE_NIL) return report(q, hit); /* no condition: every such event */
    if (!scratch_ready(q)) return false;
    pb_value context = q->context(q->ctx, hit);
    if (vm_match_why(mp->program, function, hit->bound, mp->params, context, &limits, q->scratch, &matched, &unmet,
                     &err)) {
        if (!matched) tell_miss(q, MISS_CONDITION, hit, unmet);
        return !matched || report(q, hit);
    }
    hit->error = pb_strdup(q->arena, err.n ? err.s : "out of memory", err.n ? err.n : 13);
    return hit->error.s && report(q, hit);
}

/* Follows a dotted path of the image; an absent or empty one is the value itself. */
static pb_value follow(const vm_program *p, uint32_t string, pb_value v) {
    pb_str path = vm_string(p, string);
    return path.n ? pb_path(v, path.s) : v;
}

bool match_bound(const vm_program *p, uint32_t playbook, pb_value event, uint32_t item, pb_value *bound) {
    uint32_t source = vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_event);
    uint32_t each = vm_field(p, SECTION_EVENTS, source, EVENTS_each);
    *bound = follow(p, vm_field(p, SECTION_EVENTS, source, EVENTS_payload), event);
    if (each == IMAGE_NIL) return true;
    pb_value items = follow(p, each, *bound);
    if (items.kind != PB_LIST || item >= items.n) return false;
    *bound = items.u.items[item];
    return true;
}

static bool ask_items(query *q, match_hit *hit, pb_value items, pb_str where) {
    if (items.kind != PB_LIST) {
        hit->error = pb_printf(q->arena, "the event has no list `%.*s`", PB_ARG(where));
        return hit->error.s && report(q, hit);
    }
    if (items.n > ITEMS_MAX) {
        hit->error = pb_printf(q->arena, "the event's list `%.*s` has %u items, more than %d", PB_ARG(where), items.n,
                               ITEMS_MAX);
        return hit->error.s && report(q, hit);
    }
    for (uint32_t i = 0; i < items.n; i++) {
        match_hit one = {hit->program, hit->playbook, i, items.u.items[i], {0}};
        if (!ask(q, &one)) return false;
    }
    return true;
}

static bool ask_playbook(query *q, const vm_program *p, match_hit *hit) {
    uint32_t event = vm_field(p, SECTION_PLAYBOOKS, hit->playbook, PLAYBOOKS_event);
    uint32_t each = vm_field(p, SECTION_EVENTS, event, EVENTS_each);
    hit->bound = follow(p, vm_field(p, SECTION_EVENTS, event, EVENTS_payload), q->event);
    if (each == IMAGE_NIL) return ask(q, hit);
    return ask_items(q, hit, follow(p, each, hit->bound), vm_string(p, each));
}

/* A playbook that does not listen to such events. */
static void tell_deaf(const query *q, const vm_program *p, const match_hit *hit) {
    uint32_t event = vm_field(p, SECTION_PLAYBOOKS, hit->playbook, PLAYBOOKS_event);
    bool source = listed(p, vm_field(p, SECTION_EVENTS, event, EVENTS_sources), q->source);
    tell_miss(q, source ? MISS_TYPE : MISS_SOURCE, hit, (vm_unmet){0});
}

static bool ask_program(query *q, uint32_t program) {
    const vm_program *p = q->index->programs[program].program;
    uint32_t nevents = vm_count(p, SECTION_EVENTS), n = vm_count(p, SECTION_PLAYBOOKS);
    bool *fits = pb_alloc_array(q->arena, nevents ? nevents : 1, sizeof *fits), any = false;
    if (!fits) return false;
    for (uint32_t i = 0; i < nevents; i++) any |= fits[i] = event_fits(q, p, i);
    for (uint32_t i = 0; (any || q->miss) && i < n; i++) {
        match_hit hit = {.program = program, .playbook = i};
        if (!fits[vm_field(p, SECTION_PLAYBOOKS, i, PLAYBOOKS_event)])
            tell_deaf(q, p, &hit);
        else if (!ask_playbook(q, p, &hit))
            return false;
    }
    return true;
}

bool match_event(const match_index *m, pb_value event, pb_arena *a, match_context_fn *context, match_fn *fn, void *ctx,
                 match_tally *tally) {
    return match_explain(m, event, a, context, fn, NULL, ctx, tally);
}

bool match_explain(const match_index *m, pb_value event, pb_arena *a, match_context_fn *context, match_fn *fn,
                   match_miss_fn *miss, void *ctx, match_tally *tally) {
    pb_value source = pb_get_c(event, "source"), type = pb_get_c(event, "detail-type");
    *tally = (match_tally){0};
    query q = {.index = m,
               .event = event,
               .arena = a,
               .context = context,
               .fn = fn,
               .miss = miss,
               .ctx = ctx,
               .tally = tally};
    if (source.kind == PB_STRING) q.source = pb_text(source);
    if (type.kind == PB_STRING) q.type = pb_text(type);
    bool ok = true;
    for (uint32_t i = 0; ok && i < m->n; i++) ok = ask_program(&q, i);
    pb_arena_free(q.scratch);
    return ok;
}
