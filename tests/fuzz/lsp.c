/*
 * lsp.c - what an editor sends to the language server, right or not.
 *
 * A first byte of 'R': the rest is what comes on standard input. Of 'J': every line is the body of one message, framed
 * here. Anything else: it chooses a request and a place, the rest is a file's text; the server is begun, the text
 * opened, the request made for that place, the text changed by a few bytes and the request made again. Every message
 * that comes back must be framed right and be JSON.
 */
#include "lang/lsp.h"
#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"
#include "tests/fuzz/fuzz.h"

#include <json-c/json.h>
#include <sys/mman.h>
#include <unistd.h>

#define URI "file:///tmp/fuzz/t.pb"

static const char *const methods[] = {"hover",      "definition",     "references",          "prepareRename",
                                      "rename",     "documentSymbol", "formatting",          "codeAction",
                                      "completion", "signatureHelp",  "semanticTokens/full", "inlayHint"};

static const char library[] =
    "event test.finding { source \"test\" detail_type \"Finding\" schema Finding payload \"detail\" id \"id\" }\n"
    "type Finding { id: string severity: float? tags: list[string] }\n"
    "extern action t.look(id: string): json? read\n"
    "extern action t.cut(id: string, n: int): { changed: bool } contain\n";

static pb_str no_doc(schema_shape shape, uint32_t i) {
    (void)shape, (void)i;
    return (pb_str){"", 0};
}

static void put_framed(pb_buf *b, const char *body, size_t n) {
    pb_buf_printf(b, "Content-Length: %zu\r\n\r\n", n);
    pb_buf_add(b, body, n);
}

static void put_object(pb_buf *b, json_object *o) {
    const char *z = json_object_to_json_string(o);
    put_framed(b, z, strlen(z));
    json_object_put(o);
}

static json_object *message(const char *method, int id, json_object *params) {
    json_object *o = json_object_new_object();
    json_object_object_add(o, "jsonrpc", json_object_new_string("2.0"));
    if (id) json_object_object_add(o, "id", json_object_new_int(id));
    json_object_object_add(o, "method", json_object_new_string(method));
    if (params) json_object_object_add(o, "params", params);
    return o;
}

static json_object *position(int line, int character) {
    json_object *o = json_object_new_object();
    json_object_object_add(o, "line", json_object_new_int(line));
    json_object_object_add(o, "character", json_object_new_int(character));
    return o;
}

static json_object *document(const char *text, size_t n, int version) {
    json_object *d = json_object_new_object();
    json_object_object_add(d, "uri", json_object_new_string(URI));
    json_object_object_add(d, "version", json_object_new_int(version));
    if (text) json_object_object_add(d, "text", json_object_new_string_len(text, (int)n));
    return d;
}

static json_object *question(int line, int character) {
    json_object *p = json_object_new_object(), *range = json_object_new_object(), *context = json_object_new_object();
    json_object_object_add(p, "textDocument", document(NULL, 0, 1));
    json_object_object_add(p, "position", position(line, character));
    json_object_object_add(range, "start", position(0, 0));
    json_object_object_add(range, "end", position(line, character));
    json_object_object_add(p, "range", range);
    json_object_object_add(context, "diagnostics", json_object_new_array());
    json_object_object_add(context, "includeDeclaration", json_object_new_boolean(1));
    json_object_object_add(p, "context", context);
    json_object_object_add(p, "newName", json_object_new_string("renamed"));
    return p;
}

/* What an editor does with a text. */
static void put_session(pb_buf *b, const uint8_t *data, size_t size) {
    const char *method = methods[data[0] % (sizeof methods / sizeof *methods)];
    int line = size > 1 ? data[1] % 64 : 0, character = size > 2 ? data[2] % 128 : 0;
    const char *text = size > 3 ? (const char *)data + 3 : "";
    size_t n = size > 3 ? size - 3 : 0;
    char name[64];
    snprintf(name, sizeof name, "textDocument/%s", method);
    put_object(b, message("initialize", 1, json_object_new_object()));
    json_object *open = json_object_new_object(), *change = json_object_new_object(), *all = json_object_new_array();
    json_object_object_add(open, "textDocument", document(text, n, 1));
    put_object(b, message("textDocument/didOpen", 0, open));
    put_object(b, message(name, 2, question(line, character)));
    json_object_object_add(change, "textDocument", document(NULL, 0, 2));
    json_object *less = json_object_new_object();
    json_object_object_add(less, "text", json_object_new_string_len(text, (int)(n - n / 8)));
    json_object_array_add(all, less);
    json_object_object_add(change, "contentChanges", all);
    put_object(b, message("textDocument/didChange", 0, change));
    put_object(b, message(name, 3, question(line, character)));
    put_object(b, message("shutdown", 4, NULL));
    put_object(b, message("exit", 0, NULL));
}

static void check_answers(int fd) {
    off_t n = lseek(fd, 0, SEEK_END);
    char *all = n > 0 ? malloc((size_t)n + 1) : NULL;
    if (!all || pread(fd, all, (size_t)n, 0) != n) {
        free(all);
        return;
    }
    all[n] = 0;
    for (char *p = all, *end = all + n; p < end;) {
        char *body = strstr(p, "\r\n\r\n");
        size_t length;
        WRONG_IF(!body || sscanf(p, "Content-Length: %zu", &length) != 1);
        body += 4;
        WRONG_IF(length > (size_t)(end - body));
        json_tokener *t = json_tokener_new();
        json_object *o = json_tokener_parse_ex(t, body, (int)length);
        WRONG_IF(!o || json_tokener_get_error(t) != json_tokener_success);
        json_object_put(o);
        json_tokener_free(t);
        p = body + length;
    }
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int in = -1, out = -1;
    static const builtin_source few[] = {{"<test>/t.pb", library, sizeof library - 1}};
    if (in < 0) in = memfd_create("in", 0), out = memfd_create("out", 0);
    if (!size || in < 0 || out < 0) return 0;
    pb_buf b = {0};
    if (data[0] == 'R')
        pb_buf_add(&b, (const char *)data + 1, size - 1);
    else if (data[0] == 'J') {
        char *copy = fuzz_copy(data + 1, size - 1);
        const char *p = copy, *end = copy + size - 1;
        while (copy && p < end) {
            pb_str line = fuzz_line(&p, end);
            put_framed(&b, line.s, line.n);
        }
        free(copy);
    } else
        put_session(&b, data, size);
    if (b.len && ftruncate(in, 0) == 0 && ftruncate(out, 0) == 0 && pwrite(in, b.data, b.len, 0) == (ssize_t)b.len) {
        lseek(in, 0, SEEK_SET);
        lseek(out, 0, SEEK_SET);
        lsp_knowledge k = {.schema = aws_schema(), .builtins = few, .nbuiltins = 1, .member_doc = no_doc};
        lsp_serve(&k, in, out);
        check_answers(out);
    }
    pb_buf_free(&b);
    return 0;
}
