/*
 * coverage_pages.c - coverage as files: HTML that needs no script and nothing from elsewhere, and lcov.info.
 *
 * A page a source file, its lines coloured by what became of them, and index.html with the figures. All text is
 * escaped, titles too. Pages are named by number, so that no path of a source can lead anywhere.
 */
#include "stdlib/testing/coverage.h"

#include "lang/file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static const char style[] =
    "<style>body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#1b1f24;"
    "background:#fff}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.15em .6em}"
    "th{border-bottom:2px solid #d0d7de}td.n{text-align:right;color:#57606a;user-select:none;width:1%}"
    "td.f{text-align:right;white-space:nowrap}code,td.s{font-family:ui-monospace,monospace;white-space:pre}"
    "tr.run td.s{background:#e6ffec}tr.half td.s{background:#fff8c5}tr.miss td.s{background:#ffebe9}"
    ".miss td.n::before{content:'\\2717 '}.half td.n::before{content:'\\25D0 '}a{color:#0550ae}"
    "@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}tr.run td.s{background:#12361f}"
    "tr.half td.s{background:#4b3d05}tr.miss td.s{background:#5a1a1a}td.n{color:#8b949e}a{color:#79b8ff}}</style>";

static void html(pb_buf *out, pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (c == '<')
            pb_buf_puts(out, "&lt;");
        else if (c == '>')
            pb_buf_puts(out, "&gt;");
        else if (c == '&')
            pb_buf_puts(out, "&amp;");
        else if (c == '"')
            pb_buf_puts(out, "&quot;");
        else if (c != '\r' && c != '\n')
            pb_buf_putc(out, c);
    }
}

static void head(pb_buf *out, pb_str title) {
    pb_buf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    html(out, title);
    pb_buf_puts(out, "</title>");
    pb_buf_puts(out, style);
    pb_buf_puts(out, "</head><body>\n<h1>");
    html(out, title);
    pb_buf_puts(out, "</h1>\n");
}

static void cells(pb_buf *out, uint32_t part, uint32_t whole) {
    pb_buf_printf(out, "<td class=\"f\">%u of %u</td><td class=\"f\">%.1f %%</td>", part, whole,
                  coverage_percent(part, whole));
}

static const char *class_of(const coverage_line *l) {
    if (l->statement && !l->run) return "miss";
    if (l->ways && l->taken < l->ways && l->statement) return "half";
    return l->statement ? "run" : "";
}

static void page_line(pb_buf *out, const coverage_file *f, const source_file *source, uint32_t i) {
    const coverage_line *l = &f->lines[i];
    uint32_t start = source->lines[i - 1], end = i < source->nlines ? source->lines[i] : source->text.n;
    pb_buf_printf(out, "<tr class=\"%s\" id=\"L%u\"><td class=\"n\">%u</td><td class=\"n\">", class_of(l), i, i);
    if (l->ways) pb_buf_printf(out, "%u/%u", l->taken, l->ways);
    pb_buf_puts(out, "</td><td class=\"s\">");
    html(out, (pb_str){source->text.s + start, end - start});
    pb_buf_puts(out, "</td></tr>\n");
}

static void page(const suite *s, const coverage_file *f, pb_buf *out) {
    const source_file *source = &s->program->sources->files[f->file];
    head(out, source->path);
    pb_buf_puts(out,
                "<p><a href=\"index.html\">all files</a></p>\n<table><tr><th>statements</th><th></th><th>branches</th>"
                "<th></th></tr><tr>");
    cells(out, f->run, f->statements);
    cells(out, f->taken, f->ways);
    pb_buf_puts(
        out, "</tr></table>\n<p>Green: run. Yellow: some branch went one way only. Red: never run. The small figures "
             "are the ways taken of those there are.</p>\n<table>\n");
    for (uint32_t i = 1; i <= source->nlines; i++) page_line(out, f, source, i);
    pb_buf_puts(out, "</table>\n</body></html>\n");
}

static void index_page(const suite *s, const coverage *c, pb_buf *out) {
    head(out, PB_STR("Coverage of playbooks"));
    pb_buf_puts(out, "<table><tr><th>file</th><th>statements</th><th></th><th>branches</th><th></th></tr>\n");
    for (const coverage_file *f = c->files; f; f = f->next) {
        if (!f->statements) continue;
        pb_buf_printf(out, "<tr><td><a href=\"file%u.html\">", f->file);
        html(out, s->program->sources->files[f->file].path);
        pb_buf_puts(out, "</a></td>");
        cells(out, f->run, f->statements);
        cells(out, f->taken, f->ways);
        pb_buf_puts(out, "</tr>\n");
    }
    pb_buf_puts(out, "<tr><th>all</th>");
    cells(out, c->run, c->statements);
    cells(out, c->taken, c->ways);
    pb_buf_puts(out, "</tr></table>\n</body></html>\n");
}

static void lcov(const suite *s, const coverage *c, pb_buf *out) {
    for (const coverage_file *f = c->files; f; f = f->next) {
        if (!f->statements) continue;
        pb_buf_printf(out, "TN:\nSF:%.*s\n", PB_ARG(s->program->sources->files[f->file].path));
        for (uint32_t i = 1; i <= f->nlines; i++)
            for (uint8_t b = 0; b < f->lines[i].ways; b++)
                pb_buf_printf(out, "BRDA:%u,0,%u,%d\n", i, b, b < f->lines[i].taken);
        pb_buf_printf(out, "BRF:%u\nBRH:%u\n", f->ways, f->taken);
        uint32_t lines = 0, run = 0;
        for (uint32_t i = 1; i <= f->nlines; i++) {
            if (!f->lines[i].statement) continue;
            pb_buf_printf(out, "DA:%u,%d\n", i, f->lines[i].run);
            lines++;
            run += f->lines[i].run;
        }
        pb_buf_printf(out, "LF:%u\nLH:%u\nend_of_record\n", lines, run);
    }
}

static bool write_page(const char *dir, const char *name, pb_buf *b) {
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    bool ok = n > 0 && (size_t)n < sizeof path && !b->oom && file_replace(path, NULL, (pb_str){0}, b);
    if (!ok) fprintf(stderr, "pbc test: cannot write %s/%s\n", dir, name);
    b->len = 0;
    return ok;
}

bool coverage_pages(const suite *s, const coverage *c, const char *dir) {
    pb_buf out = {0};
    char name[32];
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "pbc test: cannot make the directory %s\n", dir);
        return false;
    }
    index_page(s, c, &out);
    bool ok = write_page(dir, "index.html", &out);
    lcov(s, c, &out);
    ok = ok && write_page(dir, "lcov.info", &out);
    for (const coverage_file *f = c->files; f && ok; f = f->next) {
        if (!f->statements) continue;
        snprintf(name, sizeof name, "file%u.html", f->file);
        page(s, f, &out);
        ok = write_page(dir, name, &out);
    }
    pb_buf_free(&out);
    return ok;
}
