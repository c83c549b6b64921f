/*
 * report.c - what is printed when an event is done. Everything out of events and answers passes plain_add; JSON is the
 * library's, which escapes control characters.
 */
#include "vm/report.h"

#include "vm/plain.h"
#include "vm/progress.h"

#include <json-c/json.h>

enum {
    REASON_COLUMNS = 400,
    ARGUMENT_COLUMNS = 2000 /* of one call in a plan: a policy document fits */
};

enum { TEXT_FLAGS = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE };

static pb_str playbook_name(const engine_run *r) {
    return vm_string(r->facts.program,
                     vm_field(r->facts.program, SECTION_PLAYBOOKS, r->facts.playbook, PLAYBOOKS_name));
}

static pb_str event_text(const engine_event *e, const char *key) {
    pb_value v = pb_get_c(e->value, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
}

pb_str report_nothing(const engine_event *e, pb_arena *a) {
    pb_str source = event_text(e, "source"), type = event_text(e, "detail-type");
    if (e->error.n || e->runs) return (pb_str){0};
    if (!e->tally.source_known) return pb_printf(a, "no playbook listens to source \"%.*s\"", PB_ARG(source));
    if (!e->tally.type_known)
        return pb_printf(a, "no playbook listens to detail type \"%.*s\" of source \"%.*s\"", PB_ARG(type),
                         PB_ARG(source));
    if (e->tally.asked == 0) return PB_STR("no playbook waits for this event");
    return pb_printf(a, "no condition of the %u playbook%s for it holds", e->tally.asked,
                     e->tally.asked == 1 ? "" : "s");
}

/* ---- plain ---- */

static void reason_line(const engine_run *r, pb_buf *out) {
    const evidence_run *f = &r->facts;
    if (!f->reason.n && !f->code.n) return;
    pb_buf_puts(out, "    ");
    if (f->code.n) {
        plain_add(out, f->code, 100);
        pb_buf_puts(out, ": ");
    }
    plain_add(out, f->reason, REASON_COLUMNS);
    uint32_t source = f->place >> 20, line = f->place & 0xfffff;
    if (f->place && source < vm_count(f->program, SECTION_SOURCES)) {
        pb_buf_puts(out, " (");
        plain_add(out, vm_string(f->program, vm_field(f->program, SECTION_SOURCES, source, SOURCES_path)), 0);
        pb_buf_printf(out, ":%u)", line);
    }
    pb_buf_putc(out, '\n');
}

static void run_line(const engine_run *r, pb_arena *a, pb_buf *out) {
    pb_str resource = evidence_resource(&r->facts, a);
    plain_add(out, playbook_name(r), 0);
    pb_buf_puts(out, "  ");
    plain_add(out, r->incident, 0);
    pb_buf_printf(out, "  %s  ", evidence_status(&r->facts));
    if (resource.n) {
        plain_add(out, resource, 200);
        pb_buf_puts(out, "  ");
    }
    progress_time(out, r->facts.ended_ms - r->facts.started_ms);
    if (r->facts.observe) pb_buf_puts(out, "  observe-only: changes held back");
    pb_buf_putc(out, '\n');
}

/* ---- the plan of a run that holds changes back ---- */

static void planned_call(const vm_step *s, pb_buf *out) {
    json_object *o = evidence_value(s->args);
    const char *args = o ? json_object_to_json_string_ext(o, TEXT_FLAGS) : "";
    pb_buf_puts(out, s->effect > PB_READ ? "          would call " : "          would read ");
    plain_add(out, s->name, 0);
    pb_buf_putc(out, ' ');
    plain_add(out, pb_str_c(args ? args : ""), ARGUMENT_COLUMNS);
    pb_buf_putc(out, '\n');
    json_object_put(o);
}

static void planned_calls(const vm_step *s, uint32_t depth, pb_buf *out) {
    if (s->host && s->status == STEP_PLANNED) planned_call(s, out);
    for (const vm_step *c = s->children; c && depth < IMAGE_MAX_DEPTH + 2; c = c->next)
        planned_calls(c, depth + 1, out);
}

static void plan_step(const engine_run *r, const vm_step *s, uint32_t number, pb_buf *out) {
    const char *status = evidence_action_status(s), *word = "reads";
    pb_str more = evidence_detail(s);
    if (strcmp(status, "failed") == 0)
        word = "fails";
    else if (strcmp(status, "denied") == 0)
        word = "denied";
    else if (strcmp(status, "planned") == 0)
        word = "would do";
    else if (s->is_do)
        word = strcmp(status, "already_done") == 0 ? "already done" : "done";
    pb_buf_printf(out, "    %2u. %-13s ", number, word);
    plain_add(out, progress_step_title(r, s), 200);
    if (s->status == STEP_FAILED || s->status == STEP_DENIED) more = s->error_message;
    if (more.n) {
        pb_buf_puts(out, "  (");
        plain_add(out, more, REASON_COLUMNS);
        pb_buf_putc(out, ')');
    }
    pb_buf_putc(out, '\n');
    planned_calls(s, 0, out);
}

/* Of an undoing: what it cannot put back. */
static void stays_line(void *ctx, const vm_step *s, pb_str why) {
    pb_buf *out = ctx;
    pb_buf_puts(out, "     -  stays         ");
    plain_add(out, s->name, 200);
    pb_buf_puts(out, "  (");
    plain_add(out, why, REASON_COLUMNS);
    pb_buf_puts(out, ")\n");
}

void report_plain(const engine_event *e, pb_buf *out) {
    pb_arena *a = pb_arena_new(8 << 20);
    if (!a) {
        out->oom = true;
        return;
    }
    pb_str nothing = report_nothing(e, a);
    if (nothing.n) {
        pb_buf_printf(out, "event %u: nothing to do: ", e->number);
        plain_add(out, nothing, REASON_COLUMNS);
        pb_buf_putc(out, '\n');
    }
    for (const engine_run *r = e->runs; r; r = r->next) {
        uint32_t number = 0;
        run_line(r, a, out);
        if (r->facts.outcome != VM_DONE) reason_line(r, out);
        bool steps = r->facts.dry || r->facts.observe || r->facts.undo_of.n;
        for (const vm_step *s = r->facts.steps; s && steps; s = s->next) plan_step(r, s, ++number, out);
        if (r->facts.undo_of.n && r->facts.vm) vm_run_staying(r->facts.vm, stays_line, out);
    }
    pb_arena_free(a);
}

/* ---- JSON ---- */

static void add_json(pb_buf *out, json_object *o) {
    size_t n = 0;
    const char *text = o ? json_object_to_json_string_length(o, TEXT_FLAGS, &n) : NULL;
    if (text) {
        pb_buf_add(out, text, n);
        pb_buf_putc(out, '\n');
    } else {
        out->oom = true;
    }
    json_object_put(o);
}

static void put(json_object *o, const char *key, json_object *v) {
    if (!o || json_object_object_add(o, key, v) != 0) json_object_put(v);
}

static json_object *text_or_null(pb_str s) { return s.n ? json_object_new_string_len(s.s, (int)s.n) : NULL; }

static json_object *numbered(const engine_event *e, json_object *o, bool matched) {
    put(o, "event_number", json_object_new_int64(e->number));
    put(o, "event_line", json_object_new_int64(e->line));
    put(o, "matched", json_object_new_boolean(matched));
    return o;
}

void report_json(const engine_event *e, pb_buf *out) {
    pb_arena *a = pb_arena_new(8 << 20);
    pb_str nothing = a ? report_nothing(e, a) : (pb_str){0};
    if (!a) out->oom = true;
    for (const engine_run *r = e->runs; r && a; r = r->next)
        add_json(out, numbered(e, evidence_document(&r->facts), true));
    if (a && (e->error.n || !e->runs)) {
        json_object *o = numbered(e, json_object_new_object(), false);
        put(o, "event_id", text_or_null(event_text(e, "id")));
        put(o, "detection_source", text_or_null(event_text(e, "source")));
        put(o, e->error.n ? "error" : "reason", text_or_null(e->error.n ? e->error : nothing));
        add_json(out, o);
    }
    pb_arena_free(a);
}
