/*
 * report.c - what is printed when an event is done. Everything out of events and answers passes plain_add; JSON is the
 * library's, which escapes control characters.
 */
#include "vm/report.h"

#include "vm/plain.h"
#include "vm/plan.h"
#include "vm/progress.h"

#include <json-c/json.h>

enum {
    REASON_COLUMNS = 400
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

/* Steps of a run that held changes back, or undid some. */
static void plan_lines(const engine_run *r, bool colour, pb_buf *out) {
    json_object *plan = plan_of_run(r);
    if (plan)
        plan_run_text(plan, colour, out);
    else
        out->oom = true;
    json_object_put(plan);
}

static void miss_lines(const engine_event *e, bool colour, pb_buf *out) {
    json_object *misses = e->misses ? plan_misses(e) : NULL;
    if (misses) plan_misses_text(misses, colour, out);
    json_object_put(misses);
}

void report_plain(const engine_event *e, bool colour, pb_buf *out) {
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
        run_line(r, a, out);
        if (r->facts.outcome != VM_DONE) reason_line(r, out);
        if (r->facts.dry || r->facts.observe || r->facts.undo_of.n) plan_lines(r, colour, out);
    }
    miss_lines(e, colour, out);
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

/* A run's evidence; of a dry one with its plan. */
static json_object *run_json(const engine_event *e, const engine_run *r) {
    json_object *o = numbered(e, evidence_document(&r->facts), true), *plan = r->facts.dry ? plan_of_run(r) : NULL;
    if (plan) put(o, "plan", plan);
    return o;
}

static void put_misses(const engine_event *e, json_object *o) {
    if (e->misses) put(o, "not_for", plan_misses(e));
}

void report_json(const engine_event *e, pb_buf *out) {
    pb_arena *a = pb_arena_new(8 << 20);
    pb_str nothing = a ? report_nothing(e, a) : (pb_str){0};
    if (!a) out->oom = true;
    for (const engine_run *r = e->runs; r && a; r = r->next) {
        json_object *o = run_json(e, r);
        if (r == e->runs) put_misses(e, o);
        add_json(out, o);
    }
    if (a && (e->error.n || !e->runs)) {
        json_object *o = numbered(e, json_object_new_object(), false);
        put(o, "event_id", text_or_null(event_text(e, "id")));
        put(o, "detection_source", text_or_null(event_text(e, "source")));
        put(o, e->error.n ? "error" : "reason", text_or_null(e->error.n ? e->error : nothing));
        put_misses(e, o);
        add_json(out, o);
    }
    pb_arena_free(a);
}
