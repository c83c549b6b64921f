/*
 * lsp_text.c - places and names between the compiler and the protocol.
 *
 * The compiler counts bytes. The protocol counts lines and, in a line, UTF-16 code units, unless the editor said that it
 * takes UTF-8. A place beyond the end of a line or of the text is taken for that end, as the protocol says.
 */
#include "lang/lsp_own.h"

#include "lang/source.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- JSON ---- */

json_object *lsp_get(json_object *o, const char *key) {
    json_object *v = NULL;
    if (json_object_is_type(o, json_type_object)) json_object_object_get_ex(o, key, &v);
    return v;
}

const char *lsp_text_of(json_object *o, const char *key) {
    json_object *v = lsp_get(o, key);
    return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

json_object *lsp_string(pb_str s) { return json_object_new_string_len(s.s ? s.s : "", (int)s.n); }

void lsp_set(json_object *o, const char *key, json_object *v) {
    if (o && v && json_object_object_add(o, key, v) == 0) return;
    json_object_put(v);
}

/* ---- places ---- */

/* Bytes and UTF-16 units of the character at s. */
static uint32_t char_size(unsigned char c) { return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4; }
static uint32_t char_units(const lsp *l, unsigned char c) { return l->utf8 ? char_size(c) : c < 0xF0 ? 1 : 2; }

static int64_t number(json_object *o, const char *key) {
    json_object *v = lsp_get(o, key);
    int64_t n = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : 0;
    return n < 0 ? 0 : n;
}

uint32_t lsp_offset(const lsp *l, pb_str text, json_object *position) {
    int64_t line = number(position, "line"), column = number(position, "character");
    uint32_t i = 0;
    for (; line > 0 && i < text.n; i++)
        if (text.s[i] == '\n') line--;
    if (line > 0) return text.n;
    while (i < text.n && text.s[i] != '\n' && column > 0) {
        column -= char_units(l, (unsigned char)text.s[i]);
        i += char_size((unsigned char)text.s[i]);
    }
    return i < text.n ? i : text.n;
}

json_object *lsp_position(const lsp *l, pb_str text, uint32_t offset) {
    int64_t line = 0, column = 0;
    for (uint32_t i = 0; i < offset && i < text.n;) {
        if (text.s[i] == '\n') {
            line++, column = 0, i++;
            continue;
        }
        column += char_units(l, (unsigned char)text.s[i]);
        i += char_size((unsigned char)text.s[i]);
    }
    json_object *o = json_object_new_object();
    lsp_set(o, "line", json_object_new_int64(line));
    lsp_set(o, "character", json_object_new_int64(column));
    return o;
}

json_object *lsp_range(const lsp *l, pb_str text, uint32_t start, uint32_t end) {
    json_object *o = json_object_new_object();
    lsp_set(o, "start", lsp_position(l, text, start));
    lsp_set(o, "end", lsp_position(l, text, end));
    return o;
}

/* ---- URIs ---- */

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *lsp_path_of(const char *uri) {
    if (!uri || strncmp(uri, "file://", 7) != 0) return NULL;
    const char *p = strchr(uri + 7, '/'); /* behind the host, which is this one */
    char *path = p ? malloc(strlen(p) + 1) : NULL, *to = path;
    for (; path && *p; p++) {
        bool escaped = p[0] == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0;
        *to++ = escaped ? (char)(hex(p[1]) * 16 + hex(p[2])) : *p;
        if (escaped) p += 2;
    }
    if (path) *to = 0;
    return path;
}

json_object *lsp_uri_of(const char *path) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    pb_buf b = {0};
    pb_buf_puts(&b, "file://");
    for (; *path; path++) {
        if (strchr(plain, *path))
            pb_buf_putc(&b, *path);
        else
            pb_buf_printf(&b, "%%%02X", (unsigned char)*path);
    }
    json_object *o = b.oom ? NULL : json_object_new_string(b.data);
    pb_buf_free(&b);
    return o;
}

static const lsp_document *open_document(const lsp *l, const char *path) {
    const lsp_document *d = l->documents;
    while (d && strcmp(d->path, path) != 0) d = d->next;
    return d;
}

json_object *lsp_location(const lsp *l, const lsp_analysis *a, pb_span span) {
    if (span.file >= a->program->sources->count || a->program->sources->files[span.file].builtin) return NULL;
    const source_file *f = &a->program->sources->files[span.file];
    char shown[4096], *real;
    snprintf(shown, sizeof shown, "%.*s", PB_ARG(f->path));
    real = realpath(shown, NULL);
    const lsp_document *d = open_document(l, real ? real : shown);
    json_object *o = json_object_new_object();
    lsp_set(o, "uri", d ? json_object_new_string(d->uri) : lsp_uri_of(real ? real : shown));
    lsp_set(o, "range", lsp_range(l, f->text, span.start, span.end));
    free(real);
    return o;
}

pb_str lsp_span_text(const lsp_analysis *a, pb_span span) {
    const source_file *f = &a->program->sources->files[span.file];
    return span.end <= f->text.n && span.start <= span.end ? (pb_str){f->text.s + span.start, span.end - span.start} : (pb_str){"", 0};
}
