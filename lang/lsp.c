/*
 * lsp.c - the language server: messages, lifecycle, documents, diagnostics.
 *
 * One thread, one request after the other: compiling a file with the whole standard library takes some milliseconds, so each
 * question compiles what it is about anew and nothing has to be kept up to date. Documents come whole at each change.
 * What the editor has not saved stands in for what is on disk, also for files that import it.
 *
 * A message that cannot be read is answered with the protocol's error; a header that makes no sense ends the session, since
 * nobody knows where the next message begins.
 */
#include "lang/lsp_own.h"

#include "lang/diag_list.h"
#include "lang/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARSE_ERROR = -32700, INVALID_REQUEST = -32600, NO_METHOD = -32601, INVALID_PARAMS = -32602, NOT_INITIALIZED = -32002 };

/* ---- the wire ---- */

static void send_message(lsp *l, json_object *o) {
    size_t n = 0;
    const char *text = o ? json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n) : NULL;
    char head[64];
    int h = snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", n);
    if (!text || !file_write_all(l->out, head, (size_t)h) || !file_write_all(l->out, text, n)) l->broken = true;
    json_object_put(o);
}

static json_object *message(void) {
    json_object *o = json_object_new_object();
    lsp_set(o, "jsonrpc", json_object_new_string("2.0"));
    return o;
}

static void respond(lsp *l, json_object *id, json_object *result) {
    json_object *o = message();
    json_object_object_add(o, "id", json_object_get(id));
    json_object_object_add(o, "result", result);
    send_message(l, o);
}

static void respond_error(lsp *l, json_object *id, int code, const char *text) {
    json_object *o = message(), *e = json_object_new_object();
    lsp_set(e, "code", json_object_new_int(code));
    lsp_set(e, "message", json_object_new_string(text));
    json_object_object_add(o, "id", json_object_get(id));
    lsp_set(o, "error", e);
    send_message(l, o);
}

static void notify(lsp *l, const char *method, json_object *params) {
    json_object *o = message();
    lsp_set(o, "method", json_object_new_string(method));
    lsp_set(o, "params", params);
    send_message(l, o);
}

/* At least n bytes in the buffer. */
static bool fill(lsp *l, size_t n) {
    while (l->have < n) {
        if (l->cap < n + 1) {
            char *more = realloc(l->buffer, n + 4096);
            if (!more) return false;
            l->buffer = more;
            l->cap = n + 4096;
        }
        ssize_t got = read(l->in, l->buffer + l->have, l->cap - 1 - l->have);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        l->have += (size_t)got;
    }
    return true;
}

static void drop(lsp *l, size_t n) {
    memmove(l->buffer, l->buffer + n, l->have - n);
    l->have -= n;
}

/* The length of the header with its empty line, and what it says the body is. False: no (sensible) message comes. */
static bool read_header(lsp *l, size_t *head, size_t *body) {
    enum { HEADER_MAX = 4096 };
    size_t n = 0;
    *body = SIZE_MAX;
    for (;;) {
        if (!fill(l, n + 1)) return false;
        l->buffer[l->have] = 0;
        const char *end = memmem(l->buffer, l->have, "\r\n\r\n", 4);
        if (end) {
            *head = (size_t)(end - l->buffer) + 4;
            break;
        }
        if ((n = l->have) > HEADER_MAX) return false;
    }
    if (memchr(l->buffer, 0, *head)) return false; /* not text: lines are looked for as in text below */
    for (const char *line = l->buffer; line < l->buffer + *head - 2; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            char *stop;
            unsigned long v = strtoul(line + 15, &stop, 10);
            if (stop == line + 15 || *stop != '\r') return false;
            *body = v;
        }
    return *body <= LSP_MESSAGE_MAX;
}

/* ---- documents ---- */

static lsp_document *find_document(const lsp *l, const char *uri) {
    lsp_document *d = l->documents;
    while (d && uri && strcmp(d->uri, uri) != 0) d = d->next;
    return uri ? d : NULL;
}

static void document_free(lsp_document *d) {
    free(d->uri);
    free(d->path);
    free(d->text);
    free(d);
}

static bool set_text(lsp_document *d, json_object *text) {
    size_t n = (size_t)json_object_get_string_len(text);
    char *copy = malloc(n + 1);
    if (!copy) return false;
    memcpy(copy, json_object_get_string(text), n + 1);
    free(d->text);
    d->text = copy;
    d->size = n;
    return true;
}

static lsp_document *add_document(lsp *l, const char *uri) {
    lsp_document *d = l->ndocuments < LSP_DOCUMENTS_MAX ? calloc(1, sizeof *d) : NULL;
    if (!d) return NULL;
    char *path = lsp_path_of(uri), *real = path ? realpath(path, NULL) : NULL;
    d->uri = strdup(uri);
    d->path = real ? real : path ? path : strdup("");
    if (real) free(path);
    d->text = strdup("");
    if (!d->uri || !d->path || !d->text) {
        document_free(d);
        return NULL;
    }
    d->next = l->documents;
    l->documents = d;
    l->ndocuments++;
    return d;
}

/* ---- analysis ---- */

bool lsp_analyse(lsp *l, const lsp_document *d, bool all, const pb_str *text, lsp_analysis *out) {
    const lsp_knowledge *k = l->known;
    source_overlay *overlays = calloc(l->ndocuments ? l->ndocuments : 1, sizeof *overlays);
    size_t n = 0;
    *out = (lsp_analysis){.arena = pb_arena_new(LSP_MEMORY)};
    out->diags = out->arena && overlays ? diag_new(out->arena) : NULL;
    for (const lsp_document *o = l->documents; o && out->diags; o = o->next) {
        pb_str t = o == d && text ? *text : (pb_str){o->text, (uint32_t)o->size};
        if (o->path[0]) overlays[n++] = (source_overlay){o->path, t.s, t.n};
    }
    if (out->diags && d->path[0]) {
        const char *paths[] = {d->path, l->root};
        out->program = parse_overlaid(out->arena, out->diags, k->builtins, k->nbuiltins, paths, all && l->root ? 2 : 1, overlays, n);
    } else if (out->diags) {
        pb_str t = text ? *text : (pb_str){d->text, (uint32_t)d->size};
        out->program = parse_text(out->arena, out->diags, k->builtins, k->nbuiltins, d->uri, t.s, t.n);
    }
    free(overlays);
    if (!out->program) return false;
    const char *name = d->path[0] ? d->path : d->uri;
    for (ast_file *f = out->program->files; f; f = f->next)
        if (pb_str_is(out->program->sources->files[f->file].path, name)) out->file = f;
    if (diag_count(out->diags, DIAG_ERROR) == 0) {
        check_program(out->program, k->schema, out->diags);
        out->checked = !pb_arena_failed(out->arena);
    }
    return !pb_arena_failed(out->arena);
}

void lsp_analysis_free(lsp_analysis *a) { pb_arena_free(a->arena); }

/* ---- diagnostics ---- */

static json_object *related(const lsp *l, const lsp_analysis *a, const diag *m) {
    json_object *location = m->also_message.n ? lsp_location(l, a, m->also) : NULL;
    if (!location) return NULL;
    json_object *list = json_object_new_array(), *o = json_object_new_object();
    lsp_set(o, "location", location);
    lsp_set(o, "message", lsp_string(m->also_message));
    json_object_array_add(list, o);
    return list;
}

static json_object *diagnostic(const lsp *l, const lsp_analysis *a, const diag *m) {
    const source_file *f = &a->program->sources->files[m->span.file];
    json_object *o = json_object_new_object();
    char code[16];
    snprintf(code, sizeof code, "PB%04d", (int)m->code);
    pb_str text = m->hint.n ? pb_printf(a->arena, "%.*s\n%.*s", PB_ARG(m->message), PB_ARG(m->hint)) : m->message;
    lsp_set(o, "range", lsp_range(l, f->text, m->span.start, m->span.end));
    lsp_set(o, "severity", json_object_new_int(m->severity == DIAG_ERROR ? 1 : m->severity == DIAG_WARNING ? 2 : 3));
    lsp_set(o, "code", json_object_new_string(code));
    lsp_set(o, "source", json_object_new_string("pbc"));
    lsp_set(o, "message", lsp_string(text));
    lsp_set(o, "relatedInformation", related(l, a, m));
    return o;
}

static void publish(lsp *l, const lsp_document *d, json_object *list) {
    json_object *o = json_object_new_object();
    lsp_set(o, "uri", json_object_new_string(d->uri));
    if (d->text) lsp_set(o, "version", json_object_new_int64(d->version));
    lsp_set(o, "diagnostics", list);
    notify(l, "textDocument/publishDiagnostics", o);
}

static void check_document(lsp *l, const lsp_document *d) {
    lsp_analysis a;
    json_object *list = json_object_new_array();
    if (lsp_analyse(l, d, false, NULL, &a) && a.file) {
        diag_sort(a.diags);
        for (uint32_t i = 0; i < a.diags->count; i++)
            if (a.diags->items[i]->span.file == a.file->file && !a.diags->items[i]->allowed.s)
                json_object_array_add(list, diagnostic(l, &a, a.diags->items[i]));
    }
    publish(l, d, list);
    lsp_analysis_free(&a);
}

/* A change in one document may concern those that import it. */
static void check_all(lsp *l) {
    for (const lsp_document *d = l->documents; d; d = d->next) check_document(l, d);
}

/* ---- notifications ---- */

static void did_open(lsp *l, json_object *params) {
    json_object *t = lsp_get(params, "textDocument"), *text = lsp_get(t, "text"), *version = lsp_get(t, "version");
    const char *uri = lsp_text_of(t, "uri");
    if (!uri || !json_object_is_type(text, json_type_string)) return;
    lsp_document *d = find_document(l, uri);
    if (!d) d = add_document(l, uri);
    if (!d || !set_text(d, text)) return;
    d->version = json_object_get_int64(version);
    check_all(l);
}

static void did_change(lsp *l, json_object *params) {
    json_object *t = lsp_get(params, "textDocument"), *changes = lsp_get(params, "contentChanges");
    lsp_document *d = find_document(l, lsp_text_of(t, "uri"));
    size_t n = json_object_is_type(changes, json_type_array) ? json_object_array_length(changes) : 0;
    json_object *text = n ? lsp_get(json_object_array_get_idx(changes, n - 1), "text") : NULL; /* each is the whole text: the last counts */
    if (!d || !json_object_is_type(text, json_type_string) || !set_text(d, text)) return;
    d->version = json_object_get_int64(lsp_get(t, "version"));
    check_all(l);
}

static void did_close(lsp *l, json_object *params) {
    lsp_document *d = find_document(l, lsp_text_of(lsp_get(params, "textDocument"), "uri")), **at = &l->documents;
    if (!d) return;
    while (*at != d) at = &(*at)->next;
    *at = d->next;
    l->ndocuments--;
    d->next = NULL;
    publish(l, d, json_object_new_array());
    document_free(d);
    check_all(l);
}

/* ---- requests ---- */

static json_object *list_of(const char *const *texts) {
    json_object *list = json_object_new_array();
    for (; *texts; texts++) json_object_array_add(list, json_object_new_string(*texts));
    return list;
}

static json_object *capabilities(const lsp *l) {
    static const char *const triggers[] = {".", "(", NULL}, *const signature[] = {"(", ",", NULL};
    json_object *o = json_object_new_object(), *completion = json_object_new_object(), *help = json_object_new_object(),
                *tokens = json_object_new_object(), *rename = json_object_new_object();
    static const char *const yes[] = {"hoverProvider", "definitionProvider", "referencesProvider", "documentSymbolProvider",
                                      "documentFormattingProvider", "codeActionProvider", "inlayHintProvider", NULL};
    lsp_set(o, "positionEncoding", json_object_new_string(l->utf8 ? "utf-8" : "utf-16"));
    lsp_set(o, "textDocumentSync", json_object_new_int(1)); /* whole texts */
    for (const char *const *y = yes; *y; y++) lsp_set(o, *y, json_object_new_boolean(true));
    lsp_set(completion, "triggerCharacters", list_of(triggers));
    lsp_set(o, "completionProvider", completion);
    lsp_set(help, "triggerCharacters", list_of(signature));
    lsp_set(o, "signatureHelpProvider", help);
    lsp_set(rename, "prepareProvider", json_object_new_boolean(true));
    lsp_set(o, "renameProvider", rename);
    lsp_set(tokens, "legend", lsp_token_legend());
    lsp_set(tokens, "full", json_object_new_boolean(true));
    lsp_set(o, "semanticTokensProvider", tokens);
    return o;
}

static bool takes_utf8(json_object *params) {
    json_object *list = lsp_get(lsp_get(lsp_get(params, "capabilities"), "general"), "positionEncodings");
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *s = json_object_get_string(json_object_array_get_idx(list, i));
        if (s && strcmp(s, "utf-8") == 0) return true;
    }
    return false;
}

static json_object *initialize(lsp *l, json_object *params) {
    json_object *folders = lsp_get(params, "workspaceFolders"), *o = json_object_new_object(), *info = json_object_new_object();
    const char *root = lsp_text_of(params, "rootUri");
    if (json_object_is_type(folders, json_type_array) && json_object_array_length(folders))
        root = lsp_text_of(json_object_array_get_idx(folders, 0), "uri");
    char *path = lsp_path_of(root);
    l->root = path ? realpath(path, NULL) : NULL;
    free(path);
    l->utf8 = takes_utf8(params);
    l->initialized = true;
    lsp_set(info, "name", json_object_new_string("pbc"));
    lsp_set(info, "version", json_object_new_string(PB_VERSION));
    lsp_set(o, "capabilities", capabilities(l));
    lsp_set(o, "serverInfo", info);
    return o;
}

static const struct {
    const char *method;
    lsp_answer *answer;
} requests[] = {
    {"textDocument/hover", lsp_hover},
    {"textDocument/definition", lsp_definition},
    {"textDocument/references", lsp_references},
    {"textDocument/prepareRename", lsp_prepare_rename},
    {"textDocument/rename", lsp_rename},
    {"textDocument/documentSymbol", lsp_symbols},
    {"textDocument/formatting", lsp_formatting},
    {"textDocument/codeAction", lsp_actions},
    {"textDocument/completion", lsp_completion},
    {"textDocument/signatureHelp", lsp_signature},
    {"textDocument/semanticTokens/full", lsp_tokens},
    {"textDocument/inlayHint", lsp_hints},
};

static const struct {
    const char *method;
    void (*take)(lsp *l, json_object *params);
} notifications[] = {
    {"textDocument/didOpen", did_open}, {"textDocument/didChange", did_change}, {"textDocument/didClose", did_close}};

static void take_notification(lsp *l, const char *method, json_object *params) {
    if (strcmp(method, "exit") == 0) l->exiting = true;
    for (size_t i = 0; l->initialized && i < sizeof notifications / sizeof *notifications; i++)
        if (strcmp(method, notifications[i].method) == 0) notifications[i].take(l, params);
}

static void take_request(lsp *l, json_object *id, const char *method, json_object *params) {
    if (strcmp(method, "initialize") == 0 && !l->initialized) {
        respond(l, id, initialize(l, params));
        return;
    }
    if (!l->initialized) {
        respond_error(l, id, NOT_INITIALIZED, "the first request has to be `initialize`");
        return;
    }
    if (strcmp(method, "shutdown") == 0) {
        l->shut_down = true;
        respond(l, id, NULL);
        return;
    }
    size_t i = 0, n = sizeof requests / sizeof *requests;
    while (i < n && strcmp(method, requests[i].method) != 0) i++;
    if (i == n || l->shut_down) {
        respond_error(l, id, i == n ? NO_METHOD : INVALID_REQUEST, i == n ? "no such method" : "the server was shut down");
        return;
    }
    lsp_document *d = find_document(l, lsp_text_of(lsp_get(params, "textDocument"), "uri"));
    if (d)
        respond(l, id, requests[i].answer(l, d, params));
    else
        respond_error(l, id, INVALID_PARAMS, "the document is not open");
}

static void take_message(lsp *l, const char *text, size_t n) {
    json_tokener *t = json_tokener_new_ex(64);
    json_object *o = t ? json_tokener_parse_ex(t, text, (int)n) : NULL;
    bool ok = t && json_tokener_get_error(t) == json_tokener_success && json_object_is_type(o, json_type_object);
    const char *method = lsp_text_of(o, "method");
    json_object *id = lsp_get(o, "id");
    if (!ok)
        respond_error(l, NULL, PARSE_ERROR, "this is not a JSON object");
    else if (!method && !lsp_get(o, "result") && !lsp_get(o, "error"))
        respond_error(l, id, INVALID_REQUEST, "a message has a method");
    else if (method && id)
        take_request(l, id, method, lsp_get(o, "params"));
    else if (method)
        take_notification(l, method, lsp_get(o, "params"));
    json_object_put(o);
    if (t) json_tokener_free(t);
}

int lsp_serve(const lsp_knowledge *k, int in, int out) {
    lsp l = {.known = k, .in = in, .out = out};
    size_t head, body;
    while (!l.exiting && !l.broken && read_header(&l, &head, &body) && fill(&l, head + body)) {
        take_message(&l, l.buffer + head, body);
        drop(&l, head + body);
    }
    while (l.documents) {
        lsp_document *d = l.documents;
        l.documents = d->next;
        document_free(d);
    }
    free(l.root);
    free(l.buffer);
    return l.shut_down && !l.broken ? 0 : 1;
}
