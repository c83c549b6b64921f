/*
 * diag_formats.c - diagnostics for programs: JSON, SARIF 2.1.0 (code scanning), and the annotations of GitHub's
 * workflows.
 *
 * The two JSON forms are built with json-c, so that any text in a message is escaped rightly; when it runs out of
 * memory the buffer's `oom` is set, as with everything else that is written into it.
 */
#include "lang/diag_list.h"

#include <json-c/json.h>
#include <stdio.h>

diag_place diag_place_of(const source_set *src, pb_span span) {
    diag_place p = {0};
    if (!src || span.file >= src->count) return p;
    const source_file *f = &src->files[span.file];
    p.path = f->path;
    if (!f->nlines) return p;
    source_place(f, span.start, &p.line, &p.column);
    source_place(f, span.end > span.start ? span.end : span.start, &p.end_line, &p.end_column);
    return p;
}

/* ---- building JSON: whatever cannot be allocated sets *oom, and nothing is leaked ---- */

static void add(json_object *o, const char *key, json_object *value, bool *oom) {
    if (!o || !value || json_object_object_add(o, key, value) != 0) {
        json_object_put(value);
        *oom = true;
    }
}
static void append(json_object *list, json_object *value, bool *oom) {
    if (!list || !value || json_object_array_add(list, value) != 0) {
        json_object_put(value);
        *oom = true;
    }
}
static void add_str(json_object *o, const char *key, pb_str s, bool *oom) {
    add(o, key, json_object_new_string_len(s.s ? s.s : "", (int)s.n), oom);
}
static void add_z(json_object *o, const char *key, const char *z, bool *oom) { add_str(o, key, pb_str_c(z), oom); }
static void add_int(json_object *o, const char *key, uint32_t n, bool *oom) {
    add(o, key, json_object_new_int64((int64_t)n), oom);
}
/* An object or list inside another. */
static json_object *nest(json_object *o, const char *key, json_object *inner, bool *oom) {
    add(o, key, inner, oom);
    return *oom ? NULL : inner;
}

static void finish(json_object *top, int flags, bool oom, pb_buf *out) {
    const char *text = oom || !top ? NULL : json_object_to_json_string_ext(top, flags | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text) {
        pb_buf_puts(out, text);
        pb_buf_putc(out, '\n');
    } else {
        out->oom = true;
    }
    json_object_put(top);
}

static void code_name(char out[16], int code) { snprintf(out, 16, "PB%04d", code); }

/* ---- JSON ---- */

static void add_place(json_object *o, const source_set *src, pb_span span, bool *oom) {
    diag_place p = diag_place_of(src, span);
    if (p.path.s)
        add_str(o, "file", p.path, oom);
    else if (json_object_object_add(o, "file", NULL) != 0)
        *oom = true;
    add_int(o, "line", p.line, oom);
    add_int(o, "column", p.column, oom);
    add_int(o, "end_line", p.end_line, oom);
    add_int(o, "end_column", p.end_column, oom);
}

static json_object *json_of(const diag *d, const source_set *src, bool *oom) {
    json_object *o = json_object_new_object();
    char code[16];
    code_name(code, d->code);
    add_place(o, src, d->span, oom);
    add_z(o, "code", code, oom);
    add_z(o, "severity", diag_severity_name(d->severity), oom);
    add_str(o, "message", d->message, oom);
    add_str(o, "hint", d->hint, oom);
    if (d->also_message.n) {
        json_object *also = nest(o, "also", json_object_new_object(), oom);
        if (*oom) return o;
        add_place(also, src, d->also, oom);
        add_str(also, "message", d->also_message, oom);
    } else if (json_object_object_add(o, "also", NULL) != 0) {
        *oom = true;
    }
    if (d->has_fix) {
        json_object *fix = nest(o, "fix", json_object_new_object(), oom);
        if (*oom) return o;
        add_place(fix, src, d->fix, oom);
        add_str(fix, "text", d->fix_text, oom);
    } else if (json_object_object_add(o, "fix", NULL) != 0) {
        *oom = true;
    }
    if (d->allowed.s)
        add_str(o, "allowed", d->allowed, oom);
    else if (json_object_object_add(o, "allowed", NULL) != 0)
        *oom = true;
    return o;
}

void diag_render_json(const diag_list *l, const source_set *src, pb_buf *out) {
    bool oom = false;
    json_object *list = json_object_new_array();
    for (uint32_t i = 0; i < l->count; i++) append(list, json_of(l->items[i], src, &oom), &oom);
    finish(list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, oom, out);
}

/* ---- SARIF ---- */

static bool is_used(const diag_list *l, int code) {
    for (uint32_t i = 0; i < l->count; i++)
        if ((int)l->items[i]->code == code) return true;
    return false;
}

static json_object *sarif_rule(const diag_row *row, bool *oom) {
    json_object *rule = json_object_new_object();
    char code[16];
    code_name(code, row->number);
    add_z(rule, "id", code, oom);
    add_z(rule, "name", row->name, oom);
    json_object *title = nest(rule, "shortDescription", json_object_new_object(), oom);
    add_z(title, "text", row->title, oom);
    json_object *text = nest(rule, "fullDescription", json_object_new_object(), oom);
    add_z(text, "text", row->text, oom);
    json_object *help = nest(rule, "help", json_object_new_object(), oom);
    add_z(help, "text", row->text, oom);
    json_object *level = nest(rule, "defaultConfiguration", json_object_new_object(), oom);
    add_z(level, "level", diag_severity_name(row->severity), oom);
    return rule;
}

/* A path as a URI reference. */
static void add_uri(json_object *artifact, pb_str path, bool *oom) {
    pb_buf uri = {0};
    for (uint32_t i = 0; i < path.n; i++) { /* what a URI cannot hold as it is */
        unsigned char ch = (unsigned char)path.s[i];
        if ((ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || strchr("-._~/+@,=", ch))
            pb_buf_putc(&uri, (char)ch);
        else
            pb_buf_printf(&uri, "%%%02X", ch);
    }
    if (uri.oom)
        *oom = true;
    else
        add_z(artifact, "uri", uri.data ? uri.data : "", oom);
    pb_buf_free(&uri);
}

static void add_region(json_object *o, const char *key, const diag_place *p, bool *oom) {
    json_object *region = nest(o, key, json_object_new_object(), oom);
    if (*oom) return;
    add_int(region, "startLine", p->line, oom);
    add_int(region, "startColumn", p->column, oom);
    add_int(region, "endLine", p->end_line, oom);
    add_int(region, "endColumn", p->end_column, oom);
}

static json_object *sarif_location(const source_set *src, pb_span span, pb_str message, bool *oom) {
    diag_place p = diag_place_of(src, span);
    json_object *location = json_object_new_object();
    json_object *physical = nest(location, "physicalLocation", json_object_new_object(), oom);
    json_object *artifact = nest(physical, "artifactLocation", json_object_new_object(), oom);
    if (!*oom) add_uri(artifact, p.path, oom);
    if (p.line && !*oom) add_region(physical, "region", &p, oom);
    if (message.n && !*oom) add_str(nest(location, "message", json_object_new_object(), oom), "text", message, oom);
    return location;
}

/* What stays the same when lines move: code, file, the text that is pointed at, and which of several alike it is. */
static void add_fingerprint(json_object *result, const diag_list *l, uint32_t index, const source_set *src, bool *oom) {
    const diag *d = l->items[index];
    uint32_t nth = 0;
    for (uint32_t i = 0; i < index; i++)
        nth += l->items[i]->code == d->code && l->items[i]->span.file == d->span.file &&
               pb_str_eq(l->items[i]->message, d->message);
    char text[32];
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    pb_str path = diag_place_of(src, d->span).path, parts[] = {path, d->message};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (uint32_t i = 0; i < parts[k].n; i++) h = (h ^ (unsigned char)parts[k].s[i]) * 1099511628211u;
    h = ((h ^ (uint64_t)d->code) * 1099511628211u ^ nth) * 1099511628211u;
    snprintf(text, sizeof text, "%016llx", (unsigned long long)h);
    add_z(nest(result, "partialFingerprints", json_object_new_object(), oom), "pbc/v1", text, oom);
}

static void add_fix(json_object *result, const diag *d, const source_set *src, bool *oom) {
    diag_place p = diag_place_of(src, d->fix);
    json_object *fix = json_object_new_object();
    append(nest(result, "fixes", json_object_new_array(), oom), fix, oom);
    if (*oom) return;
    if (d->hint.n) add_str(nest(fix, "description", json_object_new_object(), oom), "text", d->hint, oom);
    json_object *change = json_object_new_object();
    append(nest(fix, "artifactChanges", json_object_new_array(), oom), change, oom);
    if (*oom) return;
    json_object *artifact = nest(change, "artifactLocation", json_object_new_object(), oom);
    if (!*oom) add_uri(artifact, p.path, oom);
    json_object *replacement = json_object_new_object();
    append(nest(change, "replacements", json_object_new_array(), oom), replacement, oom);
    if (*oom) return;
    add_region(replacement, "deletedRegion", &p, oom);
    add_str(nest(replacement, "insertedContent", json_object_new_object(), oom), "text", d->fix_text, oom);
}

static void add_suppression(json_object *result, pb_str reason, bool *oom) {
    json_object *one = json_object_new_object();
    append(nest(result, "suppressions", json_object_new_array(), oom), one, oom);
    if (*oom) return;
    add_z(one, "kind", "inSource", oom);
    add_str(one, "justification", reason, oom);
}

static json_object *sarif_result(const diag_list *l, uint32_t index, const source_set *src, bool *oom) {
    const diag *d = l->items[index];
    json_object *result = json_object_new_object();
    char code[16];
    code_name(code, d->code);
    add_z(result, "ruleId", code, oom);
    add_z(result, "level", diag_severity_name(d->severity), oom);
    pb_buf text = {0};
    pb_buf_add(&text, d->message.s, d->message.n);
    if (d->hint.n) pb_buf_printf(&text, " (%.*s)", PB_ARG(d->hint));
    if (text.oom)
        *oom = true;
    else
        add_z(nest(result, "message", json_object_new_object(), oom), "text", text.data ? text.data : "", oom);
    pb_buf_free(&text);
    json_object *locations = nest(result, "locations", json_object_new_array(), oom);
    append(locations, sarif_location(src, d->span, (pb_str){0}, oom), oom);
    if (d->also_message.n) {
        json_object *related = nest(result, "relatedLocations", json_object_new_array(), oom);
        append(related, sarif_location(src, d->also, d->also_message, oom), oom);
    }
    if (!*oom) add_fingerprint(result, l, index, src, oom);
    if (d->has_fix && !*oom) add_fix(result, d, src, oom);
    if (d->allowed.s && !*oom) add_suppression(result, d->allowed, oom);
    return result;
}

void diag_render_sarif(const diag_list *l, const source_set *src, pb_buf *out) {
    bool oom = false;
    json_object *top = json_object_new_object();
    add_z(top, "$schema", "https://json.schemastore.org/sarif-2.1.0.json", &oom);
    add_z(top, "version", "2.1.0", &oom);
    json_object *run = json_object_new_object();
    append(nest(top, "runs", json_object_new_array(), &oom), run, &oom);
    json_object *tool = oom ? NULL : nest(run, "tool", json_object_new_object(), &oom);
    json_object *driver = nest(tool, "driver", json_object_new_object(), &oom);
    add_z(driver, "name", "pbc", &oom);
    add_z(driver, "version", PB_VERSION, &oom);
    json_object *rules = nest(driver, "rules", json_object_new_array(), &oom);
    size_t nrows;
    const diag_row *rows = diag_rows(&nrows);
    for (size_t i = 0; i < nrows && !oom; i++)
        if (is_used(l, rows[i].number)) append(rules, sarif_rule(&rows[i], &oom), &oom);
    json_object *results = oom ? NULL : nest(run, "results", json_object_new_array(), &oom);
    for (uint32_t i = 0; i < l->count && !oom; i++) append(results, sarif_result(l, i, src, &oom), &oom);
    /* columns count characters, which is not SARIF's default */
    if (!oom) add_z(run, "columnKind", "unicodeCodePoints", &oom);
    finish(top, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, oom, out);
}

/* ---- GitHub ---- */

/* Workflow commands: % and line ends are escaped, in properties also : and , */
static void put_escaped(pb_buf *out, pb_str s, bool property) {
    for (uint32_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        if (ch == '%' || ch == '\r' || ch == '\n' || (property && (ch == ':' || ch == ',')))
            pb_buf_printf(out, "%%%02X", (unsigned char)ch);
        else
            pb_buf_putc(out, ch);
    }
}

void diag_render_github(const diag_list *l, const source_set *src, pb_buf *out) {
    for (uint32_t i = 0; i < l->count; i++) {
        const diag *d = l->items[i];
        if (d->allowed.s || (d->severity == DIAG_NOTE && !l->verbose)) continue;
        diag_place p = diag_place_of(src, d->span);
        pb_buf_printf(out, "::%s file=", d->severity == DIAG_NOTE ? "notice" : diag_severity_name(d->severity));
        put_escaped(out, p.path, true);
        if (p.line) {
            pb_buf_printf(out, ",line=%u,endLine=%u,col=%u", p.line, p.end_line, p.column);
            if (p.end_line == p.line) pb_buf_printf(out, ",endColumn=%u", p.end_column);
        }
        pb_buf_printf(out, ",title=PB%04d::", d->code);
        put_escaped(out, d->message, false);
        if (d->hint.n) {
            pb_buf_puts(out, " (");
            put_escaped(out, d->hint, false);
            pb_buf_putc(out, ')');
        }
        pb_buf_putc(out, '\n');
    }
}
