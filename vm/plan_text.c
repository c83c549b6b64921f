/*
 * plan_text.c - a plan for people: a line a step, below it its calls with what they would change, what undoes it, and
 * what stands in the way. Made from the document, so that both say the same. All texts pass plain_add.
 */
#include "vm/plan.h"

#include "vm/plain.h"

#include <json-c/json.h>

enum {
    REASON_COLUMNS = 400,
    TITLE_COLUMNS = 200,
    READ_COLUMNS = 300,      /* of a read's arguments: filters */
    ARGUMENT_COLUMNS = 2000, /* of a change's: a policy document fits */
    VALUE_COLUMNS = 300
};
enum { TEXT_FLAGS = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE };

#define BOLD "\x1b[1m"
#define DIM "\x1b[2m"
#define RED "\x1b[31m"
#define GREEN "\x1b[32m"
#define YELLOW "\x1b[33m"
#define RESET "\x1b[0m"

typedef struct writer {
    pb_buf *out;
    bool colour;
} writer;

/* ---- small things ---- */

static json_object *get(json_object *o, const char *key) {
    json_object *v = NULL;
    return o && json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) ? v : NULL;
}

static pb_str text(json_object *v) {
    if (!v || !json_object_is_type(v, json_type_string)) return (pb_str){"", 0};
    return (pb_str){json_object_get_string(v), (uint32_t)json_object_get_string_len(v)};
}

static pb_str member(json_object *o, const char *key) { return text(get(o, key)); }
static bool is(json_object *o, const char *key, const char *word) { return pb_str_is(member(o, key), word); }

static size_t length(json_object *list) {
    return list && json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static void paint(const writer *w, const char *colour) {
    if (w->colour) pb_buf_puts(w->out, colour);
}

static void words(const writer *w, const char *z) { pb_buf_puts(w->out, z); }
static void plain(const writer *w, pb_str s, uint32_t columns) { plain_add(w->out, s, columns); }

/* A value as JSON. */
static void value(const writer *w, json_object *v, uint32_t columns) {
    size_t n = 0;
    const char *s = v ? json_object_to_json_string_length(v, TEXT_FLAGS, &n) : "null";
    if (!s) w->out->oom = true;
    plain_add(w->out, (pb_str){s ? s : "", v ? (uint32_t)n : 4}, columns);
}

/* ---- calls ---- */

static bool is_word(json_object *v, const char *word) { return pb_str_is(text(v), word); }

/* "absent", "unknown" and the like are words of ours, not values. */
static void side(const writer *w, json_object *v) {
    static const char *const ours[] = {"absent",   "unknown",    "there",
                                       "made new", "taken away", "(known only when it runs)"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (is_word(v, ours[i])) {
            words(w, ours[i]);
            return;
        }
    value(w, v, VALUE_COLUMNS);
}

static void change_line(const writer *w, json_object *c) {
    json_object *before = get(c, "before"), *after = get(c, "after");
    pb_str name = member(c, "member");
    words(w, "            ");
    if (pb_str_is(name, "(all)") && is_word(after, "unknown")) {
        words(w, "what it changes was not read: unknown\n");
        return;
    }
    if (pb_str_is(name, "(all)")) {
        words(w, is_word(after, "made new") ? "nothing there -> made new\n" : "what it names -> taken away\n");
        return;
    }
    plain(w, name, TITLE_COLUMNS);
    words(w, ": ");
    side(w, before);
    words(w, " -> ");
    paint(w, BOLD);
    side(w, after);
    paint(w, RESET);
    pb_buf_putc(w->out, '\n');
}

static const char *call_words(json_object *c) {
    if (is(c, "status", "read")) return "reads";
    if (is(c, "status", "would_call")) return "would call";
    if (is(c, "status", "would_read")) return "would read";
    if (is(c, "status", "failed")) return is(c, "effect", "read") ? "reads" : "failed";
    if (is(c, "status", "waits_for_approval") || is(c, "status", "may_wait_for_approval")) return "asks";
    if (is(c, "status", "waits")) return "waits";
    return is(c, "status", "denied") ? "denied" : "called";
}

/* lead: what stands in front; of an undo it says all that there is to say. */
static void call_line(const writer *w, json_object *c, const char *lead, bool undo) {
    bool change = !is(c, "effect", "read") && !is(c, "effect", "pure");
    words(w, lead);
    if (!change) paint(w, DIM);
    if (!undo) words(w, call_words(c));
    if (!undo) pb_buf_putc(w->out, ' ');
    plain(w, member(c, "operation"), 0);
    pb_buf_putc(w->out, ' ');
    value(w, get(c, "arguments"), change ? ARGUMENT_COLUMNS : READ_COLUMNS);
    if (is(c, "status", "failed")) {
        words(w, ": ");
        plain(w, member(c, "error"), TITLE_COLUMNS);
    }
    if (member(c, "for").n) {
        words(w, "  (");
        plain(w, member(c, "for"), TITLE_COLUMNS);
        words(w, " asks)");
    }
    if (!change) paint(w, RESET);
    if (member(c, "why").n) {
        words(w, "  (self-protection: ");
        plain(w, member(c, "why"), REASON_COLUMNS);
        pb_buf_putc(w->out, ')');
    }
    pb_buf_putc(w->out, '\n');
    for (size_t i = 0; i < length(get(c, "changes")); i++)
        change_line(w, json_object_array_get_idx(get(c, "changes"), i));
}

/* ---- steps ---- */

typedef struct status_word {
    const char *status, *word, *colour;
} status_word;

static const status_word status_words[] = {
    {"read", "reads", DIM},
    {"would_read", "would read", DIM},
    {"would_do", "would do", YELLOW},
    {"already_done", "already done", GREEN},
    {"done", "done", GREEN},
    {"denied", "denied", RED},
    {"failed", "fails", RED},
    {"waits_for_approval", "asks", YELLOW},
    {"may_wait_for_approval", "may ask", YELLOW},
    {"waits", "waits", YELLOW},
};

static const status_word *status_of(json_object *s) {
    for (size_t i = 0; i < sizeof status_words / sizeof *status_words; i++)
        if (is(s, "status", status_words[i].status)) return &status_words[i];
    return &status_words[0];
}

static void parties(const writer *w, json_object *list, const char *lead) {
    for (size_t i = 0; i < length(list); i++) {
        json_object *p = json_object_array_get_idx(list, i);
        words(w, i ? ", " : lead);
        plain(w, member(p, "kind"), TITLE_COLUMNS);
        pb_buf_putc(w->out, ' ');
        plain(w, member(p, "to").n ? member(p, "to") : member(p, "name"), TITLE_COLUMNS);
        if (member(p, "after").n) {
            words(w, " after ");
            plain(w, member(p, "after"), TITLE_COLUMNS);
        }
    }
}

static void approval_lines(const writer *w, json_object *a) {
    words(w, "          ");
    if (length(get(a, "by"))) {
        parties(w, get(a, "by"), "decided by ");
        pb_buf_printf(w->out, ", %lld of them", (long long)json_object_get_int64(get(a, "quorum")));
    } else {
        words(w, "decided by whom the site names");
    }
    if (member(a, "within").n) {
        words(w, ", within ");
        plain(w, member(a, "within"), TITLE_COLUMNS);
    }
    parties(w, get(a, "via"), "; asked in ");
    parties(w, get(a, "escalate"), "; then also ");
    words(w, "\n          if denied: ");
    plain(w, member(a, "if_denied"), TITLE_COLUMNS);
    words(w, "\n          if nobody answers: ");
    plain(w, member(a, "if_expired"), TITLE_COLUMNS);
    pb_buf_putc(w->out, '\n');
}

static void guard_lines(const writer *w, json_object *step) {
    json_object *list = get(step, "guards");
    for (size_t i = 0; i < length(list); i++) {
        json_object *g = json_object_array_get_idx(list, i);
        if (is(g, "says", "allows")) continue;
        words(w, is(g, "says", "may_deny") ? "          may be denied by guard "
                 : is(g, "says", "denies") ? "          denied by guard "
                                           : "          let pass although guard denies: ");
        plain(w, member(g, "guard"), TITLE_COLUMNS);
        if (member(g, "why").n) {
            words(w, ": ");
            plain(w, member(g, "why"), REASON_COLUMNS);
        }
        pb_buf_putc(w->out, '\n');
    }
}

static void undo_lines(const writer *w, json_object *step) {
    json_object *list = get(step, "undo");
    for (size_t i = 0; i < length(list); i++) {
        json_object *u = json_object_array_get_idx(list, i), *calls = get(u, "calls");
        if (member(u, "none").n) {
            words(w, "          undo of ");
            plain(w, member(u, "action"), TITLE_COLUMNS);
            words(w, ": none, ");
            plain(w, member(u, "none"), REASON_COLUMNS);
            pb_buf_putc(w->out, '\n');
            continue;
        }
        for (size_t k = 0; k < length(calls); k++)
            call_line(w, json_object_array_get_idx(calls, k), "          undo: ", true);
        if (member(u, "unsure").n || !length(calls)) {
            words(w, "          undo: ");
            plain(w,
                  member(u, "unsure").n ? PB_STR("only then it can be told what")
                                        : PB_STR("nothing would be left to do"),
                  0);
            pb_buf_putc(w->out, '\n');
        }
    }
}

/* What stands in brackets behind the step. */
static void remark(const writer *w, json_object *step) {
    pb_str error = member(get(step, "error"), "message"), detail = member(step, "detail");
    pb_str granted = member(step, "if_granted");
    if (granted.n) {
        words(w, "  (if step ");
        plain(w, granted, TITLE_COLUMNS);
        words(w, " is granted)");
    }
    if (!error.n && !detail.n) return;
    words(w, "  (");
    plain(w, error.n ? error : detail, REASON_COLUMNS);
    pb_buf_putc(w->out, ')');
}

static void step_title(const writer *w, json_object *s) {
    if (get(s, "approval")) {
        pb_buf_putc(w->out, '"');
        plain(w, member(get(s, "approval"), "question"), TITLE_COLUMNS);
        pb_buf_putc(w->out, '"');
    } else if (is(s, "status", "waits") || get(s, "time")) {
        plain(w, member(s, "time"), TITLE_COLUMNS);
    } else if (is(s, "status", "may_wait_for_approval")) {
        words(w, "whether it may run, when its limit is reached");
    } else {
        plain(w, member(s, "written").n ? member(s, "written") : member(s, "action"), TITLE_COLUMNS);
    }
}

static void step_lines(const writer *w, json_object *s) {
    const status_word *status = status_of(s);
    pb_str id = member(s, "step");
    pb_buf_printf(w->out, "    %3.*s. ", PB_ARG(id));
    paint(w, status->colour);
    pb_buf_printf(w->out, "%-13s ", status->word);
    paint(w, RESET);
    step_title(w, s);
    remark(w, s);
    pb_buf_putc(w->out, '\n');
    if (get(s, "approval")) approval_lines(w, get(s, "approval"));
    guard_lines(w, s);
    for (size_t i = 0; i < length(get(s, "calls")); i++)
        call_line(w, json_object_array_get_idx(get(s, "calls"), i), "          ", false);
    if (get(s, "before")) {
        words(w, "          before: ");
        value(w, get(s, "before"), VALUE_COLUMNS);
        pb_buf_putc(w->out, '\n');
    }
    undo_lines(w, s);
}

static void total(const writer *w, json_object *totals, const char *key, const char *one, bool first) {
    int64_t n = json_object_get_int64(get(totals, key));
    pb_buf_printf(w->out, "%s%lld %s%s", first ? "" : ", ", (long long)n, one, n == 1 ? "" : "s");
}

static void total_line(const writer *w, json_object *totals) {
    words(w, "    in all: ");
    total(w, totals, "changes", "change", true);
    total(w, totals, "messages", "message", false);
    total(w, totals, "approvals", "approval", false);
    total(w, totals, "reads", "read", false);
    if (member(totals, "waits").n) {
        words(w, ", waits ");
        plain(w, member(totals, "waits"), TITLE_COLUMNS);
    }
    pb_buf_putc(w->out, '\n');
}

void plan_run_text(json_object *plan, bool colour, pb_buf *out) {
    writer w = {out, colour};
    json_object *steps = get(plan, "steps"), *stays = get(plan, "stays");
    for (size_t i = 0; i < length(steps); i++) step_lines(&w, json_object_array_get_idx(steps, i));
    for (size_t i = 0; i < length(stays); i++) {
        json_object *s = json_object_array_get_idx(stays, i);
        words(&w, "      -  stays         ");
        plain(&w, member(s, "action"), TITLE_COLUMNS);
        words(&w, "  (");
        plain(&w, member(s, "why"), REASON_COLUMNS);
        words(&w, ")\n");
    }
    if (length(steps)) total_line(&w, get(plan, "totals"));
}

/* ---- who does not match ---- */

static void saw(const writer *w, json_object *seen) {
    bool first = true;
    json_object_object_foreach(seen, name, v) {
        words(w, first ? ": " : ", ");
        plain(w, pb_str_c(name), TITLE_COLUMNS);
        words(w, v ? " is " : " is absent");
        if (v) value(w, v, VALUE_COLUMNS);
        first = false;
    }
}

static void list(const writer *w, json_object *names) {
    for (size_t i = 0; i < length(names); i++) {
        if (i) words(w, " or ");
        value(w, json_object_array_get_idx(names, i), TITLE_COLUMNS);
    }
}

static void miss_line(const writer *w, json_object *m, int width) {
    pb_str name = member(m, "playbook");
    words(w, "  ");
    plain(w, name, 0);
    pb_buf_printf(w->out, "%*s  ", width > (int)name.n ? width - (int)name.n : 0, "");
    if (!is(m, "because", "condition")) {
        bool source = is(m, "because", "source");
        words(w, source ? "listens to source " : "listens to detail type ");
        list(w, get(m, "listens_to"));
        words(w, ", the event has ");
        value(w, get(m, "event_has"), TITLE_COLUMNS);
        pb_buf_putc(w->out, '\n');
        return;
    }
    if (get(m, "item")) pb_buf_printf(w->out, "(item %lld) ", (long long)json_object_get_int64(get(m, "item")));
    words(w, "where ");
    plain(w, member(m, "condition"), TITLE_COLUMNS);
    if (get(m, "saw")) saw(w, get(m, "saw"));
    paint(w, DIM);
    words(w, "  (");
    plain(w, member(m, "place"), 0);
    words(w, ")");
    paint(w, RESET);
    pb_buf_putc(w->out, '\n');
}

void plan_misses_text(json_object *misses, bool colour, pb_buf *out) {
    writer w = {out, colour};
    int width = 0;
    for (size_t i = 0; i < length(misses); i++) {
        int n = (int)member(json_object_array_get_idx(misses, i), "playbook").n;
        if (n > width) width = n;
    }
    if (length(misses)) words(&w, "not for:\n");
    for (size_t i = 0; i < length(misses); i++) miss_line(&w, json_object_array_get_idx(misses, i), width);
}
