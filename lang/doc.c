/*
 * doc.c - a repository's reference: what each playbook does, when, with whose approval, as tables and flow pictures.
 *
 * What is said is what the source says: header fields, the comment above a declaration, the conditions and steps as they are
 * written. There are two writers, HTML and Markdown, behind the same few calls (heading, text, row, code), so both
 * always tell the same.
 */
#include "lang/doc.h"

#include "lang/flow.h"
#include "lang/flow_draw.h"
#include "lang/source.h"

typedef struct writer {
    const ast_program *program;
    pb_arena *arena;
    pb_buf *out;
    bool html;
    bool failed;
} writer;

/* ---- the two formats ---- */

/* In Markdown what would be markup is escaped, so that nobody's text becomes a link or an image. */
static void put_text(writer *w, pb_str s) {
    if (w->html) {
        flow_escape_xml(w->out, s);
        return;
    }
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (c && strchr("\\`*_{}[]<>|#!~", c)) pb_buf_putc(w->out, '\\');
        pb_buf_putc(w->out, (unsigned char)c < 0x20 ? ' ' : c);
    }
}

static void put(writer *w, const char *html, const char *markdown) { pb_buf_puts(w->out, w->html ? html : markdown); }

static void put_code(writer *w, pb_str s) {
    if (w->html) {
        pb_buf_puts(w->out, "<code>");
        flow_escape_xml(w->out, s);
        pb_buf_puts(w->out, "</code>");
        return;
    }
    /* A fence longer than any run of backticks inside; `|` would end a table's cell. */
    uint32_t run = 0, most = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        run = s.s[i] == '`' ? run + 1 : 0;
        if (run > most) most = run;
    }
    for (uint32_t i = 0; i <= most; i++) pb_buf_putc(w->out, '`');
    if (most) pb_buf_putc(w->out, ' ');
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] == '|') pb_buf_putc(w->out, '\\');
        pb_buf_putc(w->out, (unsigned char)s.s[i] < 0x20 ? ' ' : s.s[i]);
    }
    if (most) pb_buf_putc(w->out, ' ');
    for (uint32_t i = 0; i <= most; i++) pb_buf_putc(w->out, '`');
}

static void heading(writer *w, int level, pb_str text, pb_str id) {
    if (w->html) {
        pb_buf_printf(w->out, "<h%d", level);
        if (id.n) {
            pb_buf_puts(w->out, " id=\"");
            flow_escape_xml(w->out, id);
            pb_buf_puts(w->out, "\"");
        }
        pb_buf_puts(w->out, ">");
        put_text(w, text);
        pb_buf_printf(w->out, "</h%d>\n", level);
        return;
    }
    for (int i = 0; i < level; i++) pb_buf_putc(w->out, '#');
    pb_buf_putc(w->out, ' ');
    put_text(w, text);
    pb_buf_puts(w->out, "\n\n");
}

static void paragraph(writer *w, pb_str text) {
    if (!text.n) return;
    put(w, "<p>", "");
    put_text(w, text);
    put(w, "</p>\n", "\n\n");
}

static void table_begin(writer *w, const char *first, const char *second) {
    if (w->html)
        pb_buf_printf(w->out, "<table>\n<tr><th>%s</th><th>%s</th></tr>\n", first, second);
    else
        pb_buf_printf(w->out, "| %s | %s |\n|---|---|\n", first, second);
}

static void table_end(writer *w) { put(w, "</table>\n", "\n"); }

static void row_begin(writer *w, pb_str name) {
    put(w, "<tr><td>", "| ");
    put_text(w, name);
    put(w, "</td><td>", " | ");
}

static void row_end(writer *w) { put(w, "</td></tr>\n", " |\n"); }

/* ---- pieces of source ---- */

/* Without a limit: a signature or a condition is shown whole. */
static pb_str source_text(writer *w, pb_span span) {
    pb_str s = source_folded(w->program->sources, span, 0, w->arena);
    return s.s ? s : (w->failed = true, (pb_str){"", 0});
}

static pb_str path_text(writer *w, const ast_path *p) {
    pb_str s = {"", 0};
    for (uint32_t i = 0; i < p->n; i++) s = pb_printf(w->arena, "%.*s%s%.*s", PB_ARG(s), i ? "." : "", PB_ARG(p->parts[i].text));
    if (!s.s) w->failed = true;
    return s.s ? s : (pb_str){"", 0};
}

static pb_str place_text(writer *w, const ast_decl *d) {
    const source_file *f = &w->program->sources->files[d->file];
    uint32_t line, column;
    source_place(f, d->span.start, &line, &column);
    pb_str s = pb_printf(w->arena, "%.*s:%u", PB_ARG(f->path), line);
    return s.s ? s : (w->failed = true, (pb_str){"", 0});
}

static void code_row(writer *w, const char *name, pb_str code) {
    if (!code.n) return;
    row_begin(w, pb_str_c(name));
    put_code(w, code);
    row_end(w);
}

/* ---- playbooks ---- */

/* A header field with all that belongs to it, such as `by f.id within 1h`. */
static void header_row(writer *w, const ast_clause *c) {
    const char *text = w->program->sources->files[c->span.file].text.s;
    pb_span rest = c->span;
    rest.start = c->name.span.end;
    while (rest.start < rest.end && (text[rest.start] == ' ' || text[rest.start] == '\t')) rest.start++;
    row_begin(w, c->name.text);
    if (c->value && c->value->kind == EXPR_STRING)
        put_text(w, c->value->u.string);
    else
        put_code(w, source_text(w, rest));
    row_end(w);
}

static void condition_rows(writer *w, const ast_stmt *s) {
    for (; s && s->kind == STMT_WHERE; s = s->next) code_row(w, "only if", source_text(w, s->expr->span));
}

static void draw(writer *w, const ast_decl *d) {
    flow *f = flow_of_program(w->program, d->name.parts[0].text);
    if (!f) {
        w->failed = true;
        return;
    }
    put(w, "<figure>", "```mermaid\n");
    flow_draw(f, w->html ? FLOW_SVG : FLOW_MERMAID, w->arena, w->out);
    put(w, "</figure>\n", "```\n\n");
    if (f->undoes) paragraph(w, PB_STR("When a step fails, what was done before it is undone."));
}

static void write_playbook(writer *w, const ast_decl *d) {
    pb_str name = d->name.parts[0].text;
    heading(w, 3, name, name);
    paragraph(w, flow_header(d, "summary"));
    paragraph(w, d->doc);
    table_begin(w, "field", "value");
    for (const ast_clause *c = d->clauses; c; c = c->next)
        if (!pb_str_is(c->name.text, "summary")) header_row(w, c);
    code_row(w, "when", path_text(w, &d->event));
    condition_rows(w, d->body);
    code_row(w, "source", place_text(w, d));
    table_end(w);
    draw(w, d);
}

/* ---- other declarations ---- */

/* What is written before the body: `action ns.name(a: T): U contain on a`. */
static pb_str signature(writer *w, const ast_decl *d) {
    const source_file *f = &w->program->sources->files[d->file];
    pb_span s = d->span;
    if (d->kind == DECL_ACTION && d->effect_span.end > s.start) s.end = d->target.text.s ? d->target.span.end : d->effect_span.end;
    for (uint32_t i = s.start; d->kind != DECL_ACTION && d->kind != DECL_FN && d->kind != DECL_PARAM && i < s.end; i++)
        if (f->text.s[i] == '{') s.end = i;
    return source_text(w, s);
}

static void write_item(writer *w, const ast_decl *d) {
    row_begin(w, path_text(w, &d->name));
    put_code(w, signature(w, d));
    if (d->doc.n) {
        put(w, "<br>", " ");
        put_text(w, d->doc);
    }
    row_end(w);
}

/* Does what this file has of the kind belong to the page? Of files of tests only guards hold elsewhere. */
static bool users(const writer *w, const ast_file *f, ast_decl_kind kind) {
    const source_file *s = &w->program->sources->files[f->file];
    return !s->builtin && (kind == DECL_GUARD || !source_is_test(s));
}

static const struct {
    ast_decl_kind kind;
    const char *title, *column;
} sections[] = {
    {DECL_PARAM, "Parameters", "parameter"}, {DECL_EVENT, "Events", "event"}, {DECL_GUARD, "Guards", "guard"},
    {DECL_ACTION, "Actions", "action"},      {DECL_FN, "Functions", "function"}, {DECL_TYPE, "Types", "type"},
};

static bool has_any(const writer *w, ast_decl_kind kind) {
    for (const ast_file *f = w->program->files; f; f = f->next)
        for (const ast_decl *d = users(w, f, kind) ? f->decls : NULL; d; d = d->next)
            if (d->kind == kind) return true;
    return false;
}

static void write_section(writer *w, size_t i) {
    if (!has_any(w, sections[i].kind)) return;
    heading(w, 2, pb_str_c(sections[i].title), (pb_str){"", 0});
    table_begin(w, sections[i].column, "what it is");
    for (const ast_file *f = w->program->files; f; f = f->next)
        for (const ast_decl *d = users(w, f, sections[i].kind) ? f->decls : NULL; d; d = d->next)
            if (d->kind == sections[i].kind) write_item(w, d);
    table_end(w);
}

static void write_overview(writer *w) {
    table_begin(w, "playbook", "what it does");
    for (const ast_file *f = w->program->files; f; f = f->next)
        for (const ast_decl *d = users(w, f, DECL_PLAYBOOK) ? f->decls : NULL; d; d = d->next) {
            if (d->kind != DECL_PLAYBOOK) continue;
            pb_str name = d->name.parts[0].text, tier = flow_header(d, "tier");
            row_begin(w, name);
            put_text(w, flow_header(d, "summary"));
            put_text(w, PB_STR(" ("));
            put_text(w, tier.n ? tier : PB_STR("auto"));
            put_text(w, PB_STR(")"));
            row_end(w);
        }
    table_end(w);
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Playbooks</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#0f172a}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid #cbd5e1;padding:.3rem .6rem;text-align:left;"
    "vertical-align:top}th{background:#f1f5f9}code{font:13px ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}"
    "figure{margin:1rem 0;overflow-x:auto}</style></head><body>\n";

bool doc_write(const ast_program *p, bool html, pb_buf *out) {
    writer w = {.program = p, .arena = p->arena, .out = out, .html = html};
    put(&w, page_head, "");
    heading(&w, 1, PB_STR("Playbooks"), (pb_str){"", 0});
    write_overview(&w);
    if (has_any(&w, DECL_PLAYBOOK)) heading(&w, 2, PB_STR("What each one does"), (pb_str){"", 0});
    for (const ast_file *f = p->files; f; f = f->next)
        for (const ast_decl *d = users(&w, f, DECL_PLAYBOOK) ? f->decls : NULL; d; d = d->next)
            if (d->kind == DECL_PLAYBOOK) write_playbook(&w, d);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) write_section(&w, i);
    put(&w, "</body></html>\n", "");
    return !w.failed && !out->oom && !pb_arena_failed(p->arena);
}
