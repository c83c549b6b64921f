/*
 * engine_context.c - what a run is told of itself: its id and incident, where what happened has happened, when.
 */
#include "vm/engine_own.h"

#include "vm/digest.h"

#include <stdio.h>
#include <strings.h>

enum { ALERT_ID_MAX = 1024 /* an ARN is about 200 bytes */ };

/* ---- ids ---- */

/* 48 bits of time, then 80 bits of chance, five bits a character, in an alphabet that sorts and has no i, l, o, u. */
pb_str engine_run_id(pb_arena *a, int64_t wall_ms) {
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint8_t chance[16];
    char text[27] = {0};
    if (!pb_random(chance, sizeof chance)) return (pb_str){0};
    for (int i = 9; i >= 0; i--, wall_ms >>= 5) text[i] = alphabet[wall_ms & 31];
    for (int i = 0; i < 16; i++) text[10 + i] = alphabet[chance[i] & 31];
    return pb_printf(a, "run-%s", text);
}

pb_str engine_incident_id(pb_arena *a, pb_str source, pb_str alert_id) {
    const pb_str parts[] = {source, {"", 1}, alert_id}; /* a NUL between them */
    uint8_t hash[DIGEST_SIZE];
    if (!digest_sha256(parts, 3, hash)) return (pb_str){0};
    return pb_printf(a, "INC-%02X%02X%02X%02X%02X%02X", hash[0], hash[1], hash[2], hash[3], hash[4], hash[5]);
}

/* ---- what is known of an event ---- */

static pb_value text_or_none(pb_value v) { return v.kind == PB_STRING ? v : PB_NONE_VALUE; }

static pb_value account_of(pb_value v) { return text_is_account(pb_text(text_or_none(v))) ? v : PB_NONE_VALUE; }
static pb_value region_of(pb_value v) { return text_is_region(pb_text(text_or_none(v))) ? v : PB_NONE_VALUE; }

/* What the event's declaration points at in the bound value; none when it says nothing of it. */
static pb_value declared(const vm_program *p, uint32_t playbook, pb_value bound, uint32_t field) {
    uint32_t event = vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_event);
    pb_str path = vm_string(p, vm_field(p, SECTION_EVENTS, event, field));
    return path.n ? pb_path(bound, path.s) : PB_NONE_VALUE;
}

/* Where what happened has happened. A finding that a delegated administrator's account or an aggregating region hands
 * on names its own; what the envelope says is where it was handed on. */
typedef struct origin {
    pb_value account, region;
} origin;

static origin origin_of(const vm_program *p, uint32_t playbook, pb_value event, pb_value bound) {
    origin o = {account_of(declared(p, playbook, bound, EVENTS_account)),
                region_of(declared(p, playbook, bound, EVENTS_region))};
    if (o.account.kind == PB_NONE) o.account = account_of(pb_get_c(event, "account"));
    if (o.region.kind == PB_NONE) o.region = region_of(pb_get_c(event, "region"));
    return o;
}

static pb_value time_of(pb_value event) {
    pb_value v = pb_get_c(event, "time");
    int64_t ms;
    return v.kind == PB_STRING && pb_time_parse(pb_text(v), &ms) ? pb_time(ms) : PB_NONE_VALUE;
}

void engine_note_oddities(engine_event *ev) {
    bool account = account_of(pb_get_c(ev->value, "account")).kind == PB_NONE,
         region = region_of(pb_get_c(ev->value, "region")).kind == PB_NONE;
    if (!account && !region) return;
    ev->note = pb_printf(ev->arena, "the event has no valid %s",
                         account && region ? "account and region"
                         : account         ? "account (12 digits)"
                                           : "region");
}

/* ---- a run's context ---- */

static void add(pb_map_builder *b, const char *key, pb_value v) {
    if (v.kind != PB_NONE) pb_map_add(b, pb_str_c(key), v);
}

/* Everything but the ids. started 0: the run has not begun. */
static void context_common(pb_map_builder *b, const vm_program *p, uint32_t playbook, pb_value event, pb_value bound,
                           int64_t started, bool dry) {
    origin o = origin_of(p, playbook, event, bound);
    add(b, "playbook", pb_string(vm_string(p, vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_name))));
    add(b, "version", pb_string(vm_string(p, vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_version))));
    add(b, "account", o.account);
    add(b, "region", o.region);
    add(b, "event_time", time_of(event));
    add(b, "started", pb_time(started));
    add(b, "dry_run", pb_bool(dry));
    add(b, "event_id", text_or_none(pb_get_c(event, "id")));
}

pb_value engine_match_context(void *ctx, const match_hit *hit) {
    const engine_event *ev = ((engine_matching *)ctx)->event;
    const engine *e = ((engine_matching *)ctx)->engine;
    pb_map_builder b = {.arena = ev->arena};
    context_common(&b, e->programs[hit->program].program, hit->playbook, ev->value, hit->bound, pb_loop_wall_ms(),
                   e->config.dry);
    return pb_map_done(&b);
}

/* The finding's id where the event's declaration says, else the envelope's, else the finding itself. */
static pb_str alert_id(const engine_run *r) {
    const vm_program *p = r->facts.program;
    uint32_t event = vm_field(p, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_event);
    pb_str path = vm_string(p, vm_field(p, SECTION_EVENTS, event, EVENTS_id));
    pb_value v = path.n ? pb_path(r->facts.bound, path.s) : PB_NONE_VALUE;
    if (v.kind == PB_STRING && v.n && v.n <= ALERT_ID_MAX) return pb_text(v);
    v = pb_get_c(r->facts.event, "id");
    if (v.kind == PB_STRING && v.n && v.n <= ALERT_ID_MAX)
        return r->item ? pb_printf(r->arena, "%.*s/%u", PB_ARG(pb_text(v)), r->item) : pb_text(v);
    return (pb_str){0};
}

/* "123456789012 in eu-west-1", or as much of it as is known. */
static pb_str place_text(pb_arena *a, pb_value account, pb_value region) {
    bool both = account.kind != PB_NONE && region.kind != PB_NONE;
    return pb_printf(a, "%.*s%s%.*s", PB_ARG(pb_text(account)), both ? " in " : "", PB_ARG(pb_text(region)));
}

/* A finding that names another account or region than the event that brought it: said in the evidence. */
static void note_origin(engine_run *r) {
    origin o = origin_of(r->facts.program, r->facts.playbook, r->facts.event, r->facts.bound);
    pb_value account = account_of(pb_get_c(r->facts.event, "account")),
             region = region_of(pb_get_c(r->facts.event, "region"));
    bool other = account.kind != PB_NONE && !pb_str_eq(pb_text(account), pb_text(o.account));
    bool elsewhere = region.kind != PB_NONE && !pb_str_eq(pb_text(region), pb_text(o.region));
    if (!other && !elsewhere) return;
    pb_str own = place_text(r->arena, o.account, o.region), envelope = place_text(r->arena, account, region);
    r->facts.note = pb_printf(r->arena, "%.*s%sthe finding is of %.*s, the event came from %.*s", PB_ARG(r->facts.note),
                              r->facts.note.n ? "; " : "", PB_ARG(own), PB_ARG(envelope));
}

/* In doubt it is one: only what clearly says no is none. */
static bool says_sample(pb_value v) {
    switch (v.kind) {
    case PB_NONE: return false;
    case PB_BOOL: return v.u.b;
    case PB_INT: return v.u.i != 0;
    case PB_STRING: return v.n && !(v.n == 5 && strncasecmp(v.u.s, "false", 5) == 0);
    default: return true;
    }
}

/* A made-up finding must never change anything, whatever else is set. */
static void note_sample(engine_run *r) {
    pb_value v = declared(r->facts.program, r->facts.playbook, r->facts.bound, EVENTS_sample);
    bool sample = says_sample(v);
    if (!sample) return;
    r->facts.observe = !r->facts.dry;
    r->facts.note = pb_printf(r->arena, "%.*s%sthe finding is marked as a sample, so nothing is changed",
                              PB_ARG(r->facts.note), r->facts.note.n ? "; " : "");
}

bool engine_context_again(engine_run *r) {
    r->facts.alert_id = alert_id(r);
    note_sample(r);
    note_origin(r);
    return true;
}

bool engine_context(engine_run *r) {
    pb_value source = pb_get_c(r->facts.event, "source");
    r->facts.alert_id = alert_id(r);
    pb_str seed = r->facts.alert_id.n ? r->facts.alert_id : pb_json_text(r->arena, r->facts.bound);
    r->id = r->engine->config.now_ms ? PB_STR("run-00000000000000000000000000")
                                     : engine_run_id(r->arena, r->facts.started_ms);
    r->incident = engine_incident_id(r->arena, pb_text(source), seed);
    if (!r->id.s || !r->incident.s) return false;
    pb_map_builder b = {.arena = r->arena};
    add(&b, "id", pb_string(r->id));
    add(&b, "incident_id", pb_string(r->incident));
    context_common(&b, r->facts.program, r->facts.playbook, r->facts.event, r->facts.bound, r->facts.started_ms,
                   r->facts.dry);
    r->facts.context = pb_map_done(&b);
    note_sample(r);
    note_origin(r);
    return r->facts.context.kind == PB_MAP;
}
