/*
 * source.c - one source file: its text checked, its lines, its hash.
 *
 * Everything behind this file may rely on valid UTF-8 without control characters: whatever else is in a file is
 * reported once, by its first place, and replaced by '?', so that offsets stay what they are and a message can show the
 * line. Characters that change the direction of writing are refused too: they make a playbook look different from what
 * it does.
 */
#include "lang/source.h"

#include <openssl/sha.h>

enum { FIRST_FILES = 16 };

/* ---- UTF-8 ---- */

/* Length of the valid UTF-8 sequence at s (at most n bytes), 0: none. *u is the character. */
static size_t utf8_read(const unsigned char *s, size_t n, uint32_t *u) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > n) return 0;
    *u = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        *u = *u << 6 | (s[i] & 0x3f);
    }
    return *u < least[len] || *u > 0x10ffff || (*u >= 0xd800 && *u < 0xe000) ? 0 : len;
}

static bool is_control(uint32_t u) {
    return (u < 0x20 && u != '\t' && u != '\n' && u != '\r') || (u >= 0x7f && u < 0xa0);
}
static bool turns_direction(uint32_t u) {
    return (u >= 0x202a && u <= 0x202e) || (u >= 0x2066 && u <= 0x2069) || u == 0x200e || u == 0x200f || u == 0x061c;
}

/* ---- bad bytes ---- */

typedef struct bad_byte {
    size_t at, len;
    uint32_t u;
    bool utf8;
} bad_byte;

/* Replaces what does not belong into a source; true, with the first such place, when there was something. */
static bool clean(char *text, size_t n, bad_byte *first) {
    bool bad = false;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t u = 0;
        len = utf8_read((unsigned char *)text + i, n - i, &u);
        bool utf8 = len > 0;
        if (utf8 && !is_control(u) && !turns_direction(u)) continue;
        if (!utf8) len = 1;
        if (!bad) *first = (bad_byte){i, len, utf8 ? u : (unsigned char)text[i], utf8};
        bad = true;
        memset(text + i, '?', len);
    }
    return bad;
}

static bool is_utf16(const char *text, size_t n) {
    return n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

static void report(diag_list *diags, uint32_t file, bool utf16, bad_byte b, size_t skipped) {
    pb_span span = {file, (uint32_t)b.at, (uint32_t)(b.at + b.len)};
    diag *d;
    if (utf16) {
        d = diag_add(diags, DIAG_NOT_UTF8, span, "the file is UTF-16, not UTF-8");
        d->hint = PB_STR("save it as UTF-8");
    } else if (!b.utf8) {
        d = diag_add(diags, DIAG_NOT_UTF8, span, "the file is not UTF-8: byte 0x%02x at offset %zu", b.u,
                     b.at + skipped);
        d->hint = PB_STR("save it as UTF-8");
    } else if (b.u == 0) {
        d = diag_add(diags, DIAG_BAD_CONTROL, span, "NUL byte at offset %zu", b.at + skipped);
        d->hint = PB_STR("is this a text file?");
    } else {
        d = diag_add(diags, DIAG_BAD_CONTROL, span,
                     turns_direction(b.u) ? "character U+%04X changes the direction of writing"
                                          : "control character U+%04X",
                     b.u);
        d->hint = PB_STR("remove it; inside a string it can be written as \\u{...}");
    }
}

/* ---- the set ---- */

static source_file *set_room(source_set *s) {
    if (s->count < s->cap) return &s->files[s->count];
    uint32_t cap = s->cap ? s->cap * 2 : FIRST_FILES;
    source_file *more = pb_alloc_array(s->arena, cap, sizeof *more);
    if (!more) return NULL;
    if (s->count) memcpy(more, s->files, s->count * sizeof *more);
    s->files = more;
    s->cap = cap;
    return &s->files[s->count];
}

static bool find_lines(pb_arena *a, source_file *f) {
    uint32_t n = f->text.n > 0;
    for (uint32_t i = 0; i + 1 < f->text.n; i++) n += f->text.s[i] == '\n';
    f->lines = pb_alloc_array(a, n, sizeof *f->lines);
    if (!f->lines) return false;
    f->nlines = n;
    n = 1;
    for (uint32_t i = 0; i + 1 < f->text.n; i++)
        if (f->text.s[i] == '\n') f->lines[n++] = i + 1;
    return true;
}

uint32_t source_add(source_set *s, diag_list *diags, pb_str path, const char *text, size_t size, bool builtin) {
    source_file *f = set_room(s);
    if (!f || size >= UINT32_MAX - 3) return UINT32_MAX;
    memset(f, 0, sizeof *f);
    size_t skip = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    char *copy = pb_alloc(s->arena, size + 1);
    if (!copy) return UINT32_MAX;
    if (size > skip) memcpy(copy, text + skip, size - skip);
    f->path = path;
    f->text = (pb_str){copy, (uint32_t)(size - skip)};
    f->builtin = builtin;
    f->bom = skip != 0;
    bad_byte bad = {0};
    bool utf16 = is_utf16(copy, f->text.n);
    f->broken = clean(copy, f->text.n, &bad);
    if (!find_lines(s->arena, f)) return UINT32_MAX;
    if (f->broken) report(diags, s->count, utf16, bad, skip);
    return s->count++;
}

bool source_hash(source_file *f) {
    /* The interface that needs no provider: setting one up costs more than a small playbook's whole compile. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    SHA256_CTX ctx;
    return !f->broken && SHA256_Init(&ctx) && (!f->bom || SHA256_Update(&ctx, "\xef\xbb\xbf", 3)) &&
           SHA256_Update(&ctx, f->text.s, f->text.n) && SHA256_Final(f->sha256, &ctx);
#pragma GCC diagnostic pop
}

/* Index of the line that holds an offset. */
static uint32_t line_index(const source_file *f, uint32_t offset) {
    uint32_t low = 0, high = f->nlines;
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->lines[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void source_place(const source_file *f, uint32_t offset, uint32_t *line, uint32_t *column) {
    *line = *column = 1;
    if (!f->nlines) return;
    if (offset > f->text.n) offset = f->text.n;
    uint32_t i = line_index(f, offset);
    *line = i + 1;
    for (uint32_t at = f->lines[i]; at < offset; at++) *column += (f->text.s[at] & 0xc0) != 0x80;
}

bool source_is_test(const source_file *f) {
    static const char ending[] = "_test.pb";
    const uint32_t n = sizeof ending - 1;
    return !f->builtin && f->path.n > n && memcmp(f->path.s + f->path.n - n, ending, n) == 0;
}

/* ---- text for people ---- */

static bool begins_char(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

pb_str source_folded(const source_set *s, pb_span span, uint32_t max, pb_arena *a) {
    const source_file *f = &s->files[span.file];
    uint32_t end = span.end < f->text.n ? span.end : f->text.n, n = 0, i = span.start < end ? span.start : end;
    uint32_t room = max && max < end - i ? max : end - i;
    char *out = pb_alloc(a, (size_t)room + sizeof "…");
    if (!out) return (pb_str){NULL, 0};
    for (; i < end && n < room; i++) {
        char c = f->text.s[i];
        bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (space && n && out[n - 1] == ' ') continue;
        out[n++] = space ? ' ' : c;
    }
    if (i == end) return (pb_str){out, n};
    for (; n && !begins_char(f->text.s[i]); i--) n--;
    memcpy(out + n, "…", sizeof "…" - 1);
    return (pb_str){out, n + (uint32_t)sizeof "…" - 1};
}
