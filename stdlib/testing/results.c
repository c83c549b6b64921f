/*
 * results.c - what `pbc test` prints and writes: failures and the summary for people, JSON, JUnit for CI.
 */
#include "stdlib/testing/suite.h"

#include <json-c/json.h>

static pb_str playbook_of(const suite_test *t) { return t->decl->name.parts[0].text; }

static pb_str path_of(const suite *s, const suite_test *t) { return s->program->sources->files[t->decl->file].path; }

static uint32_t line_of(const suite *s, const suite_test *t) {
    uint32_t line, column;
    source_place(&s->program->sources->files[t->decl->file], t->decl->span.start, &line, &column);
    return line;
}

static uint32_t count(const suite *s, verdict v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->ntests; i++) n += s->tests[i].verdict == v;
    return n;
}

void results_failure(const suite *s, const suite_test *t, bool colour, pb_buf *out) {
    pb_buf_printf(out, "%sFAIL%s  %.*s: %.*s  (%.*s:%u)\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "",
                  PB_ARG(playbook_of(t)), PB_ARG(t->decl->string), PB_ARG(path_of(s, t)), line_of(s, t));
    pb_buf_puts(out, t->report ? t->report : "  no report\n");
}

void results_text(const suite *s, pb_buf *out) {
    uint32_t passed = count(s, TEST_PASSED), left = count(s, TEST_NOT_RUN);
    const char *colour = !s->options->colour ? "" : passed == s->ntests ? "\033[1;32m" : "\033[1;31m";
    pb_buf_printf(out, "%s%u passed, %u failed%s", colour, passed, s->ntests - passed - left, *colour ? "\033[0m" : "");
    if (left) pb_buf_printf(out, ", %u not run", left);
    pb_buf_printf(out, " in %.2f s\n", (double)s->us / 1e6);
}

/* ---- JSON ---- */

static const char *word(verdict v) {
    return v == TEST_PASSED ? "passed" : v == TEST_FAILED ? "failed" : v == TEST_BROKEN ? "broken" : "not_run";
}

static json_object *text(pb_str s) { return json_object_new_string_len(s.s ? s.s : "", (int)s.n); }

static json_object *test_json(const suite *s, const suite_test *t) {
    json_object *o = json_object_new_object();
    json_object_object_add(o, "playbook", text(playbook_of(t)));
    json_object_object_add(o, "test", text(t->decl->string));
    json_object_object_add(o, "file", text(path_of(s, t)));
    json_object_object_add(o, "line", json_object_new_int64(line_of(s, t)));
    json_object_object_add(o, "result", json_object_new_string(word(t->verdict)));
    json_object_object_add(o, "expectations", json_object_new_int64(t->expectations));
    json_object_object_add(o, "crashes", json_object_new_int64(t->crashes));
    json_object_object_add(o, "seconds", json_object_new_double((double)t->us / 1e6));
    if (t->report) json_object_object_add(o, "report", json_object_new_string(t->report));
    return o;
}

void results_json(const suite *s, pb_buf *out) {
    json_object *all = json_object_new_object(), *list = json_object_new_array();
    for (uint32_t i = 0; i < s->ntests; i++) json_object_array_add(list, test_json(s, &s->tests[i]));
    json_object_object_add(all, "passed", json_object_new_int64(count(s, TEST_PASSED)));
    json_object_object_add(all, "failed", json_object_new_int64(s->ntests - count(s, TEST_PASSED)));
    json_object_object_add(all, "tests", list);
    pb_buf_puts(out, json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE));
    pb_buf_putc(out, '\n');
    json_object_put(all);
}

/* ---- JUnit ---- */

/* XML 1.0 has no way to write most control characters, so they are left out. */
static void xml(pb_buf *out, pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if (c == '<')
            pb_buf_puts(out, "&lt;");
        else if (c == '>')
            pb_buf_puts(out, "&gt;");
        else if (c == '&')
            pb_buf_puts(out, "&amp;");
        else if (c == '"')
            pb_buf_puts(out, "&quot;");
        else if (c >= ' ' || c == '\n' || c == '\t')
            pb_buf_putc(out, (char)c);
    }
}

static void junit_case(const suite *s, const suite_test *t, pb_buf *out) {
    pb_buf_puts(out, "    <testcase classname=\"");
    xml(out, playbook_of(t));
    pb_buf_puts(out, "\" name=\"");
    xml(out, t->decl->string);
    pb_buf_puts(out, "\" file=\"");
    xml(out, path_of(s, t));
    pb_buf_printf(out, "\" line=\"%u\" assertions=\"%u\" time=\"%.6f\"", line_of(s, t), t->expectations,
                  (double)t->us / 1e6);
    if (t->verdict == TEST_PASSED) {
        pb_buf_puts(out, "/>\n");
        return;
    }
    const char *kind = t->verdict == TEST_FAILED ? "failure" : "error";
    pb_str report = pb_str_c(t->report ? t->report : "not run");
    pb_buf_printf(out, ">\n      <%s message=\"the test did not pass\">", kind);
    xml(out, report);
    pb_buf_printf(out, "</%s>\n    </testcase>\n", kind);
}

static void junit_unit(const suite *s, const unit *u, pb_buf *out) {
    uint32_t n = 0, failed = 0, errors = 0;
    int64_t us = 0;
    for (uint32_t i = 0; i < s->ntests; i++) {
        if (s->tests[i].unit != u) continue;
        n++;
        failed += s->tests[i].verdict == TEST_FAILED;
        errors += s->tests[i].verdict == TEST_BROKEN || s->tests[i].verdict == TEST_NOT_RUN;
        us += s->tests[i].us;
    }
    if (!n) return;
    pb_buf_puts(out, "  <testsuite name=\"");
    xml(out, u->playbook->name.parts[0].text);
    pb_buf_printf(out, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" time=\"%.6f\">\n", n, failed, errors,
                  (double)us / 1e6);
    for (uint32_t i = 0; i < s->ntests; i++)
        if (s->tests[i].unit == u) junit_case(s, &s->tests[i], out);
    pb_buf_puts(out, "  </testsuite>\n");
}

void results_junit(const suite *s, pb_buf *out) {
    pb_buf_printf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%u\" failures=\"%u\" "
                  "errors=\"%u\" time=\"%.6f\">\n",
                  s->ntests, count(s, TEST_FAILED), count(s, TEST_BROKEN) + count(s, TEST_NOT_RUN),
                  (double)s->us / 1e6);
    for (uint32_t i = 0; i < s->nunits; i++) junit_unit(s, &s->units[i], out);
    pb_buf_puts(out, "</testsuites>\n");
}
