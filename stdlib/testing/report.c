/*
 * report.c - a failed test as text: what was expected and where, the values of its parts, and what the run did.
 *
 *     FAIL  quarantine_instance: an instance with a Trojan is cut off
 *       playbooks/quarantine_test.pb:12: expect outcome done
 *         the outcome is failed (UnauthorizedOperation: ...)
 *       what the run did:
 *         ok      ec2.instance
 *         failed  ebs.snapshot_volumes    UnauthorizedOperation: ...
 *         failed    aws.ec2.CreateSnapshots
 *
 * All texts pass through plain_add: they come out of events and answers.
 */
#include "stdlib/testing/trial.h"

#include "vm/plain.h"

enum { LINE_COLUMNS = 400, TIMELINE_MAX = 60 /* steps; the last ones tell most */ };

pb_str report_place(const trial *t, pb_span span) {
    const source_file *f = &t->unit->sources->files[span.file];
    uint32_t line, column;
    source_place(f, span.start, &line, &column);
    return pb_printf(t->arena, "%.*s:%u", PB_ARG(f->path), line);
}

static void place_line(const trial *t, pb_span span, pb_buf *out) {
    pb_buf_puts(out, "  ");
    plain_add(out, report_place(t, span), 0);
    pb_buf_puts(out, ": ");
    plain_add(out, source_folded(t->unit->sources, span, 0, t->arena), LINE_COLUMNS);
    pb_buf_putc(out, '\n');
}

static void value_line(const trial *t, const char *name, pb_value v, pb_buf *out) {
    pb_str text = v.kind == PB_NONE ? PB_STR("(absent)") : pb_json_text(t->arena, v);
    pb_buf_printf(out, "    %s: ", name);
    plain_add(out, text.s ? text : PB_STR("(too large to show)"), TRIAL_VALUE_COLUMNS);
    pb_buf_putc(out, '\n');
}

static void failure_lines(const trial *t, const failure *f, pb_buf *out) {
    place_line(t, f->span, out);
    if (f->why.n) {
        pb_buf_puts(out, "    ");
        plain_add(out, f->why, LINE_COLUMNS);
        pb_buf_putc(out, '\n');
        return;
    }
    pb_buf_puts(out, "    does not hold: ");
    plain_add(out, f->text, LINE_COLUMNS);
    pb_buf_putc(out, '\n');
    if (f->has_left) value_line(t, f->has_right ? "left" : "value", f->left, out);
    if (f->has_right) value_line(t, "right", f->right, out);
}

/* ---- what the run did ---- */

static unsigned depth_of(pb_str id) {
    unsigned n = 0;
    for (uint32_t i = 0; i < id.n; i++) n += id.s[i] == '.';
    return n;
}

static const char *word(const act *k) {
    switch (k->status) {
    case STEP_RUNNING: return "waits";
    case STEP_OK: return "ok";
    case STEP_PLANNED: return "planned";
    case STEP_DENIED: return "denied";
    case STEP_FAILED: break;
    }
    return "failed";
}

static void act_line(const act *k, pb_buf *out) {
    pb_buf_printf(out, "    %-8s%*s", word(k), (int)(2 * depth_of(k->id)), "");
    plain_add(out, k->name, LINE_COLUMNS);
    if (k->error_code.n) {
        pb_buf_puts(out, "  ");
        plain_add(out, k->error_code, LINE_COLUMNS);
        pb_buf_puts(out, ": ");
        plain_add(out, k->error_message, LINE_COLUMNS);
    } else if (k->detail.n) {
        pb_buf_puts(out, "  ");
        plain_add(out, k->detail, LINE_COLUMNS);
    }
    pb_buf_putc(out, '\n');
}

/* Steps of the author's, and below them what changes something or went wrong. */
static bool is_shown(const trial *t, const act *k) {
    if (k->round != t->acts.round) return false;
    return k->is_do || depth_of(k->id) == 0 || k->effect > PB_READ || k->status != STEP_OK;
}

/* Decisions that did not count, or that nobody asked for. */
static void decisions(const trial *t, pb_buf *out) {
    for (const trial_decision *d = t->decisions; d; d = d->next) {
        if (d->taken && !d->refused.n) continue;
        pb_buf_printf(out, "  the %s by ", d->granted ? "approval" : "denial");
        plain_add(out, d->by, LINE_COLUMNS);
        pb_buf_puts(out, d->taken ? " was refused: " : " was not asked for");
        plain_add(out, d->refused, LINE_COLUMNS);
        pb_buf_putc(out, '\n');
    }
}

static void timeline(const trial *t, pb_buf *out) {
    uint32_t n = 0, i = 0;
    for (const act *k = t->acts.first; k; k = k->next) n += is_shown(t, k);
    if (t->acts.nothing.n) {
        pb_buf_puts(out, "  nothing ran: ");
        plain_add(out, t->acts.nothing, LINE_COLUMNS);
        pb_buf_putc(out, '\n');
        return;
    }
    if (!n) return;
    pb_buf_puts(out, "  what the run did:\n");
    if (n > TIMELINE_MAX) pb_buf_printf(out, "    (%u steps before these)\n", n - TIMELINE_MAX);
    for (const act *k = t->acts.first; k; k = k->next)
        if (is_shown(t, k) && i++ + TIMELINE_MAX >= n) act_line(k, out);
}

void report_failure(const trial *t, pb_buf *out) {
    if (t->broken.n && t->arena) {
        place_line(t, t->broken_at, out);
        pb_buf_puts(out, "    could not be carried out: ");
        plain_add(out, t->broken, LINE_COLUMNS);
        pb_buf_putc(out, '\n');
    } else if (t->broken.n) {
        pb_buf_puts(out, "  out of memory\n");
    }
    for (const failure *f = t->failures; f; f = f->next) failure_lines(t, f, out);
    decisions(t, out);
    if (t->arena) timeline(t, out);
}
