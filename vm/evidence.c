/*
 * evidence.c - the document a finished run leaves. Fields are described in EVIDENCE.md; evidence_log.c writes it.
 *
 * The document is a pure function of the run: nothing in here asks the clock or the system. It must come out whatever
 * the run did, so every part is bounded: a text is cut, deep or huge values end in a note, and calls beyond a number
 * are counted instead of listed. Nothing secret can get in: a value of kind secret is written as "***", and the
 * arguments of calls are listed only in the plan of a dry run.
 */
#include "vm/evidence.h"

#include "vm/gate.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KEY_MAX = 256, /* bytes of an entry's name */
    PART_MAX =
        4000, /* values in one entry of the record, in one call's arguments: a greedy one must not hide the others */
    BYTES_MAX = 2 << 20 /* of all texts within values */
};

/* Work left while one document is made. A program can build values whose walk would take for ever. */
typedef struct maker {
    const evidence_run *run;
    json_object *doc;
    pb_arena *arena;
    uint32_t values_left;
    size_t bytes_left; /* of texts within values */
    bool oom;
} maker;

/* ---- putting things into objects ---- */

static void put(maker *m, json_object *o, const char *key, json_object *v) {
    if (!o || json_object_object_add_ex(o, key, v, JSON_C_OBJECT_KEY_IS_CONSTANT) != 0) {
        json_object_put(v);
        m->oom = true;
    }
}

/* Cuts at a character's start. */
static uint32_t cut(pb_str s, uint32_t max) {
    if (s.n <= max) return s.n;
    uint32_t n = max;
    while (n && ((unsigned char)s.s[n] & 0xc0) == 0x80) n--;
    return n;
}

static json_object *text_json(maker *m, pb_str s) {
    json_object *o;
    uint32_t n = cut(s, EVIDENCE_STRING_MAX);
    if (n == s.n) {
        o = json_object_new_string_len(s.n ? s.s : "", (int)s.n);
    } else {
        char note[64];
        pb_buf b = {0};
        snprintf(note, sizeof note, "... (%u more bytes)", s.n - n);
        pb_buf_add(&b, s.s, n);
        pb_buf_puts(&b, note);
        o = b.oom ? NULL : json_object_new_string_len(b.data, (int)b.len);
        pb_buf_free(&b);
    }
    if (!o) m->oom = true;
    return o;
}

static void put_text(maker *m, json_object *o, const char *key, pb_str s) { put(m, o, key, text_json(m, s)); }

/* An empty text is written as null. */
static void put_text_or_null(maker *m, json_object *o, const char *key, pb_str s) {
    put(m, o, key, s.n ? text_json(m, s) : NULL);
}

static void put_c(maker *m, json_object *o, const char *key, const char *z) { put_text(m, o, key, pb_str_c(z)); }

/* A new object, remembering that there was no memory for it (NULL is JSON's null here). */
static json_object *made(maker *m, json_object *o) {
    if (!o) m->oom = true;
    return o;
}

static void put_int(maker *m, json_object *o, const char *key, int64_t i) {
    put(m, o, key, made(m, json_object_new_int64(i)));
}

static void put_bool(maker *m, json_object *o, const char *key, bool b) {
    put(m, o, key, made(m, json_object_new_boolean(b)));
}

static void put_time(maker *m, json_object *o, const char *key, int64_t ms) {
    put_text(m, o, key, pb_time_text(m->arena, ms));
}

static json_object *new_object(maker *m) { return made(m, json_object_new_object()); }
static json_object *new_array(maker *m) { return made(m, json_object_new_array()); }

static void push(maker *m, json_object *list, json_object *v) {
    if (list && json_object_array_add(list, v) == 0) return;
    json_object_put(v);
    m->oom = true;
}

/* ---- values ---- */

static json_object *value_json(maker *m, pb_value v, uint32_t depth);

static json_object *list_json(maker *m, pb_value v, uint32_t depth) {
    json_object *o = new_array(m);
    for (uint32_t i = 0; o && i < v.n && !m->oom; i++) {
        if (!m->values_left) {
            push(m, o, text_json(m, PB_STR("(left out: too large)")));
            break;
        }
        push(m, o, value_json(m, v.u.items[i], depth + 1));
    }
    return o;
}

/* A copy with a NUL, as json-c wants it. */
static pb_str key_text(maker *m, pb_str key) { return pb_strdup(m->arena, key.s, cut(key, KEY_MAX)); }

static json_object *map_json(maker *m, pb_value v, uint32_t depth) {
    json_object *o = new_object(m);
    for (uint32_t i = 0; o && i < v.n && !m->oom; i++) {
        pb_str key = key_text(m, v.u.entries[i].key);
        if (!m->values_left || !key.s) {
            put(m, o, "...", text_json(m, PB_STR("(left out: too large)")));
            break;
        }
        json_object *item = value_json(m, v.u.entries[i].value, depth + 1);
        if (json_object_object_add(o, key.s, item) != 0) {
            json_object_put(item);
            m->oom = true;
        }
    }
    return o;
}

static json_object *value_json(maker *m, pb_value v, uint32_t depth) {
    bool text = v.kind == PB_STRING || v.kind == PB_BYTES;
    if (m->values_left == 0 || depth > EVIDENCE_DEPTH_MAX ||
        (text && v.n > m->bytes_left && m->bytes_left < EVIDENCE_STRING_MAX))
        return text_json(m, PB_STR("(left out: too large)"));
    m->values_left--;
    if (text) m->bytes_left -= v.n < EVIDENCE_STRING_MAX ? v.n : EVIDENCE_STRING_MAX;
    switch ((pb_kind)v.kind) {
    case PB_NONE: return NULL;
    case PB_BOOL: return made(m, json_object_new_boolean(v.u.b));
    case PB_INT: return made(m, json_object_new_int64(v.u.i));
    case PB_FLOAT:
    case PB_DURATION: return made(m, pb_json_object(v));
    case PB_STRING: return text_json(m, pb_text(v));
    case PB_BYTES:
        if (v.n > EVIDENCE_STRING_MAX) return text_json(m, pb_printf(m->arena, "(%u bytes)", v.n));
        return text_json(m, pb_base64(m->arena, v.u.s, v.n));
    case PB_TIME: return text_json(m, pb_time_text(m->arena, v.u.i));
    case PB_LIST: return list_json(m, v, depth);
    case PB_MAP: return map_json(m, v, depth);
    case PB_SECRET: return text_json(m, PB_STR("***"));
    case PB_UNKNOWN: return text_json(m, PB_STR("(known only when it runs)"));
    }
    return NULL;
}

/* A value that may use up only its part of what is left. */
static json_object *part_json(maker *m, pb_value v) {
    uint32_t left = m->values_left, part = left < PART_MAX ? left : PART_MAX;
    m->values_left = part;
    json_object *o = value_json(m, v, 0);
    m->values_left = left - (part - m->values_left);
    return o;
}

static bool maker_begin(maker *m, const evidence_run *r) {
    *m = (maker){.run = r, .values_left = EVIDENCE_VALUES_MAX, .bytes_left = BYTES_MAX};
    m->arena = pb_arena_new(64 << 20); /* copies of keys and short texts, each of them bounded */
    return m->arena != NULL;
}

static json_object *maker_end(maker *m, json_object *o) {
    if (pb_arena_failed(m->arena)) m->oom = true;
    pb_arena_free(m->arena);
    if (!m->oom) return o;
    json_object_put(o);
    return NULL;
}

json_object *evidence_value(pb_value v) {
    maker m;
    if (!maker_begin(&m, NULL)) return NULL;
    return maker_end(&m, value_json(&m, v, 0));
}

/* ---- what a step came to ---- */

static const vm_step *next_step(const vm_step *s, const vm_step *top) {
    if (s->children) return s->children;
    while (s != top && !s->next) s = s->parent;
    return s == top ? NULL : s->next;
}

static bool any_planned(const vm_step *top) {
    for (const vm_step *s = top; s; s = next_step(s, top))
        if (s->status == STEP_PLANNED) return true;
    return false;
}

const char *evidence_action_status(const vm_step *s) {
    if (s->status == STEP_DENIED) return "denied";
    if (s->status == STEP_FAILED || s->status == STEP_RUNNING) return "failed";
    if (any_planned(s)) return "planned";
    pb_value changed = pb_get_c(s->result, "changed");
    return changed.kind == PB_BOOL && !changed.u.b ? "already_done" : "succeeded";
}

const char *evidence_outcome(vm_outcome o) {
    switch (o) {
    case VM_DONE: return "done";
    case VM_SKIPPED: return "skipped";
    case VM_STOPPED: return "stopped";
    case VM_DENIED: return "denied";
    case VM_RUNNING: return "waiting";
    default: return "failed";
    }
}

/* What the author's steps came to, taken together. */
typedef struct sum {
    uint32_t contained, already, failed;
    uint32_t held; /* planned: a dry or an observing run held them back */
    uint32_t undone, not_undone; /* steps that were to be undone */
    int64_t contained_ms; /* end of the last one */
} sum;

static sum add_up(const evidence_run *r) {
    sum t = {0};
    for (const vm_step *s = r->steps; s; s = s->next) {
        const char *status = evidence_action_status(s);
        if (!s->is_do) continue;
        if (s->kind == STEP_UNDO) {
            if (s->status == STEP_OK)
                t.undone++;
            else
                t.not_undone++;
            continue;
        }
        if (strcmp(status, "failed") == 0) t.failed++;
        if (s->effect < PB_CONTAIN) continue;
        if (strcmp(status, "already_done") == 0) t.already++;
        if (strcmp(status, "planned") == 0) t.held++;
        if (strcmp(status, "succeeded") == 0) {
            t.contained++;
            if (s->ended_ms > t.contained_ms) t.contained_ms = s->ended_ms;
        }
    }
    return t;
}

/* Of `pbrun undo`. */
static const char *undo_status(const evidence_run *r, const sum *t) {
    if (r->dry) return "planned";
    if (r->outcome == VM_DENIED) return "denied";
    if (r->outcome != VM_DONE || t->not_undone) return t->undone ? "partial" : "failed";
    return "undone";
}

const char *evidence_status(const evidence_run *r) {
    sum t = add_up(r);
    if (r->outcome == VM_RUNNING) return "waiting";
    if (r->undo_of.n) return undo_status(r, &t);
    if (r->outcome == VM_FAILED && t.undone && !t.not_undone && !r->dry) return "undone"; /* by `on failure undo` */
    if (r->outcome == VM_FAILED || r->interrupted) return t.contained && !r->dry ? "partial" : "failed";
    if (r->outcome == VM_SKIPPED) return t.contained && !r->dry ? "partial" : "skipped";
    if (r->outcome == VM_STOPPED) return "stopped";
    if (r->outcome == VM_DENIED) return "denied";
    if (r->dry) return "planned";
    if (t.held) return t.contained ? "partial" : "planned"; /* observe-only, perhaps from somewhere on */
    if (t.failed) return t.contained || t.already ? "partial" : "failed";
    if (t.contained) return "remediated";
    return t.already ? "already_remediated" : "reported";
}

/* ---- actions and their calls ---- */

static json_object *error_json(maker *m, const vm_step *s) {
    if (!s->error_code.n && !s->error_message.n) return NULL;
    json_object *o = new_object(m);
    put_text(m, o, "code", s->error_code);
    put_text(m, o, "message", s->error_message);
    return o;
}

static int64_t took_ms(const vm_step *s) { return s->ended_ms > s->started_ms ? s->ended_ms - s->started_ms : 0; }

static const char *call_status(const vm_step *s) {
    switch (s->status) {
    case STEP_OK: return "succeeded";
    case STEP_PLANNED: return "planned";
    case STEP_DENIED: return "denied";
    default: return "failed";
    }
}

/* Where an AWS call was made, or was to be made, unless the host has said it better: other hosts are nowhere. */
static void put_place(maker *m, json_object *o, const vm_step *s) {
    static const char aws[] = "aws.";
    pb_str name = s->name;
    if (!o || name.n < sizeof aws || memcmp(name.s, aws, sizeof aws - 1) != 0) return;
    if (s->account.n && !json_object_object_get_ex(o, "account", NULL)) put_text(m, o, "account", s->account);
    if (s->region.n && !json_object_object_get_ex(o, "region", NULL)) put_text(m, o, "region", s->region);
}

static json_object *call_json(maker *m, const vm_step *s) {
    json_object *o = new_object(m);
    put_text(m, o, "operation", s->name);
    put_c(m, o, "effect", pb_effect_name(s->effect));
    put_c(m, o, "status", call_status(s));
    put_time(m, o, "started_at", s->started_ms);
    put_int(m, o, "execution_time_ms", took_ms(s));
    put_int(m, o, "attempts", s->attempts ? s->attempts : 1);
    put(m, o, "http_status", value_json(m, pb_get_c(s->meta, "http_status"), 0));
    put(m, o, "request_id", value_json(m, pb_get_c(s->meta, "request_id"), 0));
    for (uint32_t i = 0; s->meta.kind == PB_MAP && i < s->meta.n; i++) {
        pb_entry e = s->meta.u.entries[i];
        pb_str key = key_text(m, e.key);
        if (key.s && o && !json_object_object_get_ex(o, key.s, NULL)) {
            json_object *v = value_json(m, e.value, 0);
            if (json_object_object_add(o, key.s, v) != 0) json_object_put(v), m->oom = true;
        }
    }
    put_place(m, o, s);
    if ((m->run->dry || m->run->observe) && s->status == STEP_PLANNED) put(m, o, "arguments", part_json(m, s->args));
    if (s->detail.n) put_text(m, o, "detail", s->detail);
    put(m, o, "error", error_json(m, s));
    return o;
}

static json_object *calls_json(maker *m, const vm_step *top, uint32_t *left_out) {
    json_object *list = new_array(m);
    uint32_t n = 0;
    for (const vm_step *s = top; s && !m->oom; s = next_step(s, top)) {
        if (!s->host) continue;
        if (n++ < EVIDENCE_CALLS_MAX && m->values_left)
            push(m, list, call_json(m, s));
        else
            ++*left_out;
    }
    return list;
}

/* What an action was done to: its first argument, when that names something. */
static pb_str target_of(const vm_step *s) {
    static const char *const names[] = {"arn", "id", "name"};
    pb_value first = s->args.kind == PB_LIST && s->args.n ? s->args.u.items[0] : PB_NONE_VALUE;
    if (first.kind == PB_STRING) return pb_text(first);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pb_value v = pb_get_c(first, names[i]);
        if (v.kind == PB_STRING) return pb_text(v);
    }
    return (pb_str){0};
}

/* What an action would have said of work that a dry run held back is not true, so only the VM's own remark counts then.
 */
pb_str evidence_detail(const vm_step *s) {
    pb_value d = any_planned(s) ? PB_NONE_VALUE : pb_get_c(s->result, "detail");
    return s->detail.n ? s->detail : d.kind == PB_STRING ? pb_text(d) : (pb_str){0};
}

static const char *verdict(const vm_step *g) {
    static const char *const words[] = {"allowed", "denied", "authorized", "may_deny"};
    return words[g->guard_says];
}

/* The guards that looked at the action or at something inside it. */
static void put_guards(maker *m, json_object *action, const vm_step *top) {
    json_object *list = NULL;
    uint32_t n = 0;
    for (const vm_step *s = top; s && !m->oom && n < EVIDENCE_CALLS_MAX; s = next_step(s, top)) {
        if (s->kind != STEP_GUARD) continue;
        n++;
        if (!list) list = new_array(m);
        json_object *o = new_object(m);
        put_text(m, o, "guard", s->name.n > 6 ? (pb_str){s->name.s + 6, s->name.n - 6} : s->name); /* "guard NAME" */
        put_text(m, o, "act", s->parent ? s->parent->name : (pb_str){0});
        put_c(m, o, "verdict", verdict(s));
        if (s->detail.n) put_text(m, o, "detail", s->detail);
        put(m, o, "error", error_json(m, s));
        push(m, list, o);
    }
    if (list) put(m, action, "guards", list);
}

static json_object *action_json(maker *m, const vm_step *s) {
    uint32_t left_out = 0;
    json_object *o = new_object(m);
    put_text_or_null(m, o, "step", s->id);
    put_text(m, o, "action", s->name);
    if (s->kind == STEP_UNDO) put_text(m, o, "undoes", s->undoes);
    put_c(m, o, "status", evidence_action_status(s));
    put_c(m, o, "effect", pb_effect_name(s->effect));
    put_time(m, o, "started_at", s->started_ms);
    put_int(m, o, "execution_time_ms", took_ms(s));
    put_int(m, o, "attempts", s->attempts ? s->attempts : 1);
    put_text_or_null(m, o, "target", target_of(s));
    put_text_or_null(m, o, "detail", evidence_detail(s));
    put(m, o, "error", error_json(m, s));
    put_guards(m, o, s);
    put(m, o, "calls", calls_json(m, s, &left_out));
    if (left_out) put_int(m, o, "calls_left_out", left_out);
    return o;
}

/* The author's steps (`do`), or the reads beside them. */
static json_object *actions_json(maker *m, bool dos) {
    json_object *list = new_array(m);
    for (const vm_step *s = m->run->steps; s && !m->oom; s = s->next)
        if (s->is_do == dos) push(m, list, action_json(m, s));
    return list;
}

/* ---- the document ---- */

static pb_str event_text(const evidence_run *r, const char *key) {
    pb_value v = pb_get_c(r->event, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
}

static pb_str context_text(const evidence_run *r, const char *key) {
    pb_value v = pb_get_c(r->context, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
}

/* Text at a path that the event's declaration names, else another. */
static pb_str declared_text(const evidence_run *r, uint32_t field, pb_str otherwise) {
    uint32_t event = vm_field(r->program, SECTION_PLAYBOOKS, r->playbook, PLAYBOOKS_event);
    pb_str path = vm_string(r->program, vm_field(r->program, SECTION_EVENTS, event, field));
    pb_value v = path.n ? pb_path(r->bound, path.s) : PB_NONE_VALUE;
    return v.kind == PB_STRING && v.n ? pb_text(v) : otherwise;
}

static pb_str playbook_text(const evidence_run *r, uint32_t field) {
    return vm_string(r->program, vm_field(r->program, SECTION_PLAYBOOKS, r->playbook, field));
}

static json_object *playbook_json(maker *m) {
    const evidence_run *r = m->run;
    uint32_t source = vm_field(r->program, SECTION_PLAYBOOKS, r->playbook, PLAYBOOKS_source);
    json_object *o = new_object(m);
    put_text(m, o, "name", playbook_text(r, PLAYBOOKS_name));
    put_text_or_null(m, o, "version", playbook_text(r, PLAYBOOKS_version));
    put_c(m, o, "sha256", vm_program_sha256(r->program));
    put_text(m, o, "source", vm_string(r->program, vm_field(r->program, SECTION_SOURCES, source, SOURCES_path)));
    put_text(m, o, "source_sha256", vm_string(r->program, vm_field(r->program, SECTION_SOURCES, source, SOURCES_sha)));
    put_text_or_null(m, o, "owner", playbook_text(r, PLAYBOOKS_owner));
    return o;
}

static json_object *controls_json(maker *m) {
    const evidence_run *r = m->run;
    uint32_t n = 0, list = vm_field(r->program, SECTION_PLAYBOOKS, r->playbook, PLAYBOOKS_controls);
    json_object *o = new_array(m);
    vm_list(r->program, list, 0, &n);
    for (uint32_t i = 0; i < n; i++) push(m, o, text_json(m, vm_string(r->program, vm_list(r->program, list, i, &n))));
    return o;
}

static json_object *reason_json(maker *m) {
    const evidence_run *r = m->run;
    if (!r->reason.n && !r->code.n) return NULL;
    json_object *o = new_object(m);
    put_text_or_null(m, o, "code", r->code);
    put_text(m, o, "message", r->reason);
    if (r->place) {
        uint32_t source = r->place >> 20, line = r->place & 0xfffff;
        if (source < vm_count(r->program, SECTION_SOURCES)) {
            pb_str path = vm_string(r->program, vm_field(r->program, SECTION_SOURCES, source, SOURCES_path));
            put_text(m, o, "place", pb_printf(m->arena, "%.*s:%u", PB_ARG(path), line));
        }
    }
    return o;
}

/* What `record` gathered, without affected_resource, which has a place of its own. */
static json_object *record_json(maker *m) {
    pb_value v = m->run->record;
    json_object *o = new_object(m);
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n && !m->oom; i++) {
        pb_str key = key_text(m, v.u.entries[i].key);
        if (!key.s || pb_str_is(key, "affected_resource")) continue;
        json_object *item = part_json(m, v.u.entries[i].value);
        if (o && json_object_object_add(o, key.s, item) == 0) continue;
        json_object_put(item);
        m->oom = true;
    }
    return o;
}

static void put_finding(maker *m, json_object *o) {
    const evidence_run *r = m->run;
    put_text(m, o, "detection_source", event_text(r, "source"));
    put_text(m, o, "threat_type", declared_text(r, EVENTS_threat, event_text(r, "detail-type")));
    put_text_or_null(m, o, "original_alert_id", r->alert_id);
    put_text_or_null(m, o, "event_id", event_text(r, "id"));
    put_text_or_null(m, o, "detected_at", declared_text(r, EVENTS_detected, event_text(r, "time")));
    put_text_or_null(m, o, "account", context_text(r, "account"));
    put_text_or_null(m, o, "region", context_text(r, "region"));
    put(m, o, "affected_resource", part_json(m, pb_get_c(r->record, "affected_resource")));
}

static void put_denial(maker *m, json_object *o) {
    const vm_denial *d = m->run->vm ? vm_run_denial(m->run->vm) : NULL;
    if (!d) return;
    json_object *v = new_object(m);
    put_text(m, v, "by", d->by);
    put_text(m, v, "action", d->action);
    put_text_or_null(m, v, "target", d->target);
    put_text(m, v, "why", d->why);
    if (d->told.n) put_text(m, v, "told", d->told);
    put(m, o, "denied", v);
}

static void put_authorizations(maker *m, json_object *o) {
    const vm_authorization *a = m->run->vm ? vm_run_authorizations(m->run->vm) : NULL;
    if (!a) return;
    json_object *list = new_array(m);
    for (uint32_t n = 0; a && n < EVIDENCE_CALLS_MAX; a = a->next, n++) {
        json_object *v = new_object(m);
        put_text(m, v, "name", a->name);
        put_text(m, v, "because", a->because);
        put_time(m, v, "at", a->at_ms);
        push(m, list, v);
    }
    put(m, o, "authorizations", list);
}

typedef struct staying {
    maker *m;
    json_object *list;
    uint32_t n;
} staying;

static void add_staying(void *ctx, const vm_step *s, pb_str why) {
    staying *k = ctx;
    if (k->n++ >= EVIDENCE_CALLS_MAX) return;
    json_object *o = new_object(k->m);
    put_text(k->m, o, "step", s->id);
    put_text(k->m, o, "action", s->name);
    put_text_or_null(k->m, o, "target", target_of(s));
    put_text(k->m, o, "why", why);
    push(k->m, k->list, o);
}

/* Of an undoing: what it cannot put back. */
static void put_undo(maker *m, json_object *o) {
    if (!m->run->undo_of.n) return;
    staying k = {.m = m, .list = new_array(m)};
    put_text(m, o, "undo_of", m->run->undo_of);
    if (m->run->vm) vm_run_staying(m->run->vm, add_staying, &k);
    put(m, o, "not_undoable", k.list);
}

static void put_outcome(maker *m, json_object *o) {
    const evidence_run *r = m->run;
    sum t = add_up(r);
    put_c(m, o, "remediation_status", evidence_status(r));
    put_c(m, o, "outcome", evidence_outcome(r->outcome));
    put(m, o, "reason", reason_json(m));
    if (t.contained && !r->dry)
        put_time(m, o, "remediated_at", t.contained_ms);
    else
        put(m, o, "remediated_at", NULL);
    put_denial(m, o);
    put_authorizations(m, o);
    put_undo(m, o);
    put_c(m, o, "mode", r->dry ? "dry" : r->observe ? "observe" : "live");
    put_bool(m, o, "dry_run", r->dry);
    put_bool(m, o, "interrupted", r->interrupted);
    if (r->resumed) put_int(m, o, "resumed", r->resumed);
}

/* What hosts have noted on the way: "approval_asked", "target_busy" ... */
static json_object *notes_json(maker *m) {
    json_object *list = new_array(m);
    for (const gate_note *n = m->run->notes; n && m->values_left && !m->oom; n = n->next) {
        json_object *o = new_object(m);
        put_text(m, o, "step", n->step);
        put_text(m, o, "kind", n->kind);
        put_time(m, o, "at", n->at);
        put(m, o, "what", part_json(m, n->what));
        push(m, list, o);
    }
    return list;
}

json_object *evidence_document(const evidence_run *r) {
    maker m;
    if (!maker_begin(&m, r)) return NULL;
    json_object *o = new_object(&m), *engine = new_object(&m);
    put_int(&m, o, "schema_version", EVIDENCE_SCHEMA);
    put_text(&m, o, "incident_id", context_text(r, "incident_id"));
    put_text(&m, o, "run_id", context_text(r, "id"));
    put_time(&m, o, "timestamp", r->ended_ms);
    put_finding(&m, o);
    put(&m, o, "playbook", playbook_json(&m));
    put_outcome(&m, o);
    put_time(&m, o, "started_at", r->started_ms);
    put_int(&m, o, "execution_time_ms", r->ended_ms > r->started_ms ? r->ended_ms - r->started_ms : 0);
    put(&m, o, "automated_actions", actions_json(&m, true));
    put(&m, o, "reads", actions_json(&m, false));
    put(&m, o, "record", record_json(&m));
    if (r->approvals.kind == PB_LIST) put(&m, o, "approvals", part_json(&m, r->approvals));
    put(&m, o, "compliance_tags", controls_json(&m));
    if (r->notes) put(&m, o, "notes", notes_json(&m));
    if (r->note.n) put_text(&m, o, "note", r->note);
    put_c(&m, engine, "version", PB_VERSION);
    put(&m, o, "engine", engine);
    return maker_end(&m, o);
}

pb_str evidence_text(const evidence_run *r, pb_arena *a) {
    json_object *o = evidence_document(r);
    size_t n = 0;
    const char *text =
        o ? json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n) : NULL;
    pb_str s = text ? pb_strdup(a, text, n) : (pb_str){0};
    json_object_put(o);
    return s.s ? s : (pb_str){"", 0};
}

pb_str evidence_resource(const evidence_run *r, pb_arena *a) {
    pb_value v = pb_get_c(r->record, "affected_resource");
    if (v.kind == PB_NONE) return (pb_str){0};
    if (v.kind == PB_STRING) return pb_text(v);
    json_object *o = evidence_value(v);
    size_t n = 0;
    const char *text =
        o ? json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n) : NULL;
    pb_str s = text ? pb_strdup(a, text, n) : (pb_str){0};
    json_object_put(o);
    return s;
}
