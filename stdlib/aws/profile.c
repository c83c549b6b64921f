/*
 * profile.c - the INI dialect of ~/.aws/config and ~/.aws/credentials.
 *
 * AWS's command line and boto3 read these files with Python's configparser, and people's files have grown to fit it, so
 * its rules are kept: "#" and ";" begin a comment at the start of a line only, "=" or ":" ends a key, keys are in small
 * letters, a line that is indented deeper than its key goes on with the value, [DEFAULT] in capitals gives every
 * section its entries, and a section or key given twice is an error. Profiles are [default] and [profile NAME] in the
 * config file (NAME may be quoted), [NAME] in the credentials file.
 *
 * Errors name file and line and never show a line's text: it may be a key.
 */
#include "stdlib/aws/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTIONS_MAX = 2048, ENTRIES_MAX = 4096, NAMES_MAX = 400 };

/* ---- files ---- */

pb_str aws_home_path(pb_arena *a, pb_str path) {
    const char *home = getenv("HOME");
    if (path.n == 0 || path.s[0] != '~' || (path.n > 1 && path.s[1] != '/') || !home)
        return pb_strdup(a, path.s, path.n);
    return pb_printf(a, "%s%.*s", home, (int)path.n - 1, path.s + 1);
}

static bool read_all(int fd, char *p, uint32_t max, uint32_t *n) {
    *n = 0;
    while (*n <= max) {
        ssize_t got = read(fd, p + *n, max + 1 - *n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) return true;
        *n += (uint32_t)got;
    }
    return true;
}

bool aws_file_read(pb_arena *a, pb_str path, uint32_t max, pb_str *out, bool *missing, pb_str *why) {
    pb_str z = aws_home_path(a, path);
    struct stat st;
    uint32_t n = 0;
    *why = (pb_str){NULL, 0};
    if (!z.s) return false;
    int fd = open(z.s, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not hold us */
    if (missing) *missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (fd < 0) {
        *why = pb_printf(a, "%s cannot be read: %s", z.s, strerror(errno));
        return false;
    }
    /* Devices too: AWS_CONFIG_FILE=/dev/null is how people switch a file off. */
    bool ok = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode));
    uint32_t room = ok && st.st_size >= 0 && st.st_size < max ? (uint32_t)st.st_size + 4096 : max;
    char *p = pb_alloc(a, (size_t)(room < max ? room : max) + 1);
    if (!ok)
        *why = pb_printf(a, "%s is not an ordinary file", z.s);
    else if (!p)
        ok = false;
    else if (!read_all(fd, p, room < max ? room : max, &n))
        *why = pb_printf(a, "%s cannot be read: %s", z.s, strerror(errno)), ok = false;
    else if (n > max || n > room)
        *why = pb_printf(a, "%s is larger than the %u bytes that are read", z.s, max), ok = false;
    close(fd);
    *out = (pb_str){p, n};
    return ok;
}

/* ---- text ---- */

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

static pb_str strip(pb_str s) {
    while (s.n && blank(s.s[0])) s.s++, s.n--;
    while (s.n && blank(s.s[s.n - 1])) s.n--;
    return s;
}

/* Takes a line off; "\n", "\r\n" and "\r" end one. */
static pb_str take_line(pb_str *rest) {
    uint32_t n = 0;
    while (n < rest->n && rest->s[n] != '\n' && rest->s[n] != '\r') n++;
    pb_str line = {rest->s, n};
    if (n < rest->n) n += rest->s[n] == '\r' && n + 1 < rest->n && rest->s[n + 1] == '\n' ? 2 : 1;
    rest->s += n;
    rest->n -= n;
    return line;
}

static pb_str small_letters(pb_arena *a, pb_str s) {
    pb_str r = pb_strdup(a, s.s, s.n);
    char *p = (char *)(uintptr_t)r.s;
    for (uint32_t i = 0; p && i < r.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] + 32);
    return r;
}

/* One word of a command line; false: an open quote. */
static bool word(pb_str s, uint32_t *at, char *out, uint32_t *n) {
    char quote = 0;
    for (*n = 0; *at < s.n; ++*at) {
        char c = s.s[*at];
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? 0 : c;
        } else if (c == '\\' && quote != '\'') {
            if (++*at == s.n) return false;
            char next = s.s[*at];
            if (quote && next != '"' && next != '\\') out[(*n)++] = '\\';
            out[(*n)++] = next;
        } else if (!quote && blank(c)) {
            return true;
        } else {
            out[(*n)++] = c;
        }
    }
    return !quote;
}

bool aws_words(pb_arena *a, pb_str text, char **argv, uint32_t max, uint32_t *n) {
    uint32_t at = 0, len = 0;
    *n = 0;
    for (;;) {
        while (at < text.n && blank(text.s[at])) at++;
        if (at == text.n) break;
        char *w = *n + 1 < max ? pb_alloc(a, (size_t)(text.n - at) + 1) : NULL;
        if (!w || !word(text, &at, w, &len)) return false;
        argv[(*n)++] = w;
    }
    argv[*n] = NULL;
    return true;
}

/* ---- the parser ---- */

typedef struct parser {
    pb_arena *arena;
    aws_shared_file *file;
    aws_section *section; /* NULL: none yet */
    aws_section **section_end;
    aws_entry **entry_end;
    aws_entry *entry; /* whose value may go on */
    uint32_t indent, line, nsections, nentries;
    pb_str *why;
} parser;

static bool bad(parser *p, uint32_t line, const char *what) {
    *p->why = pb_printf(p->arena, "%.*s:%u: %s", PB_ARG(p->file->path), line, what);
    return false;
}

static bool no_memory(parser *p) {
    *p->why = (pb_str){NULL, 0};
    return false;
}

static aws_section *section_named(aws_shared_file *f, pb_str name) {
    if (pb_str_is(name, "DEFAULT")) return &f->defaults;
    for (aws_section *s = f->sections; s; s = s->next)
        if (pb_str_eq(s->name, name)) return s;
    return NULL;
}

static bool section_line(parser *p, pb_str text) {
    uint32_t end = text.n;
    while (end > 1 && text.s[end - 1] != ']') end--;
    if (end <= 2) return bad(p, p->line, "a section's name stands in brackets: [default] or [profile NAME]");
    pb_str name = {text.s + 1, end - 2};
    aws_section *s = section_named(p->file, name);
    if (s && s != &p->file->defaults) {
        *p->why = pb_printf(p->arena, "%.*s:%u: section [%.*s] is there twice, first in line %u: put them together",
                            PB_ARG(p->file->path), p->line, PB_ARG(name), s->line);
        return false;
    }
    if (!s) {
        if (++p->nsections > SECTIONS_MAX) return bad(p, p->line, "too many sections");
        s = pb_alloc(p->arena, sizeof *s);
        if (!s) return no_memory(p);
        *p->section_end = s;
        p->section_end = &s->next;
    }
    s->name = name;
    s->line = p->line;
    p->section = s;
    p->entry = NULL;
    p->entry_end = &s->entries;
    while (*p->entry_end) p->entry_end = &(*p->entry_end)->next;
    return true;
}

static bool entry_line(parser *p, pb_str text) {
    uint32_t n = 0;
    while (n < text.n && text.s[n] != '=' && text.s[n] != ':') n++;
    if (n == text.n) return bad(p, p->line, "neither a [section] nor key = value");
    pb_str key = small_letters(p->arena, strip((pb_str){text.s, n}));
    if (!key.s) return no_memory(p);
    if (key.n == 0) return bad(p, p->line, "a key is missing in front of the =");
    for (const aws_entry *e = p->section->entries; e; e = e->next) {
        if (!pb_str_eq(e->key, key)) continue;
        *p->why = pb_printf(p->arena, "%.*s:%u: %.*s is there twice in one section, first in line %u: take one out",
                            PB_ARG(p->file->path), p->line, PB_ARG(key), e->line);
        return false;
    }
    if (++p->nentries > ENTRIES_MAX) return bad(p, p->line, "too many entries");
    aws_entry *e = pb_alloc(p->arena, sizeof *e);
    if (!e) return no_memory(p);
    *e = (aws_entry){NULL, key, strip((pb_str){text.s + n + 1, text.n - n - 1}), p->line};
    *p->entry_end = e;
    p->entry_end = &e->next;
    p->entry = e;
    return true;
}

/* A value that goes on: its text in the file is taken from its start to the end of this line. The lines between are
 * cleaned when the value is complete. */
static void extend(aws_entry *e, pb_str text) { e->value.n = (uint32_t)(text.s + text.n - e->value.s); }

/* What configparser makes of lines: each stripped, comments left out, joined by "\n", blank ends cut off. */
static bool join_lines(parser *p, aws_entry *e) {
    pb_str rest = e->value;
    if (!memchr(rest.s, '\n', rest.n) && !memchr(rest.s, '\r', rest.n)) return true;
    char *out = pb_alloc(p->arena, (size_t)rest.n + 1);
    uint32_t n = 0;
    if (!out) return no_memory(p);
    for (bool first = true; rest.n; first = false) {
        pb_str line = strip(take_line(&rest));
        if (!first && line.n && (line.s[0] == '#' || line.s[0] == ';')) continue;
        if (!first) out[n++] = '\n';
        memcpy(out + n, line.s, line.n);
        n += line.n;
    }
    while (n && blank(out[n - 1])) n--;
    e->value = (pb_str){out, n};
    return true;
}

static uint32_t indent_of(pb_str line) {
    uint32_t n = 0;
    while (n < line.n && blank(line.s[n])) n++;
    return n;
}

static bool parse_line(parser *p, pb_str line) {
    pb_str text = strip(line);
    if (text.n == 0 || text.s[0] == '#' || text.s[0] == ';') return true;
    if (memchr(text.s, 0, text.n)) return bad(p, p->line, "a zero byte: this is not a text file");
    uint32_t indent = indent_of(line);
    if (p->entry && indent > p->indent) {
        extend(p->entry, text);
        return true;
    }
    p->indent = indent;
    if (text.s[0] == '[' && memchr(text.s, ']', text.n)) return section_line(p, text);
    if (!p->section) return bad(p, p->line, "the file begins without a [section]");
    return entry_line(p, text);
}

static bool join_section(parser *p, const aws_section *s) {
    for (aws_entry *e = s->entries; e; e = e->next)
        if (!join_lines(p, e)) return false;
    return true;
}

bool aws_shared_file_parse(pb_arena *a, pb_str path, pb_str text, aws_shared_file *out, pb_str *why) {
    *out = (aws_shared_file){.path = path, .found = true};
    parser p = {.arena = a, .file = out, .section_end = &out->sections, .why = why};
    if (text.n >= 3 && memcmp(text.s, "\xEF\xBB\xBF", 3) == 0) text.s += 3, text.n -= 3;
    while (text.n) {
        p.line++;
        if (!parse_line(&p, take_line(&text))) return false;
    }
    for (const aws_section *s = out->sections; s; s = s->next)
        if (!join_section(&p, s)) return false;
    return join_section(&p, &out->defaults);
}

static bool read_file(pb_arena *a, pb_str path, aws_shared_file *out, pb_str *why) {
    pb_str text, full = aws_home_path(a, path);
    bool missing;
    *out = (aws_shared_file){.path = full};
    *why = (pb_str){NULL, 0};
    if (!full.s) return false;
    if (!aws_file_read(a, full, AWS_SHARED_FILE_MAX, &text, &missing, why)) return missing;
    return aws_shared_file_parse(a, full, text, out, why);
}

bool aws_profiles_read(pb_arena *a, pb_str config_path, pb_str credentials_path, aws_profiles *out, pb_str *why) {
    *out = (aws_profiles){.arena = a};
    return read_file(a, config_path, &out->config, why) && read_file(a, credentials_path, &out->credentials, why);
}

/* ---- look-ups ---- */

/* "profile x" and "profile "x y"" name a section of a kind; the name is put into words[1]. */
static bool section_is(pb_arena *a, const aws_section *s, const char *kind, pb_str name) {
    char *words[4];
    uint32_t n, k = (uint32_t)strlen(kind);
    if (s->name.n <= k || memcmp(s->name.s, kind, k) != 0 || !blank(s->name.s[k])) return false;
    return aws_words(a, s->name, words, 4, &n) && n == 2 && pb_str_is(name, words[1]);
}

const aws_section *aws_section_find(const aws_profiles *p, const char *kind, pb_str name) {
    const aws_section *found = NULL; /* the last one: [profile x] and [profile "x"] are the same */
    for (const aws_section *s = p->config.sections; s; s = s->next)
        if (section_is(p->arena, s, kind, name)) found = s;
    return found;
}

static const aws_section *config_section(const aws_profiles *p, pb_str name) {
    const aws_section *found = aws_section_find(p, "profile", name);
    if (!pb_str_is(name, "default")) return found;
    for (const aws_section *s = p->config.sections; s; s = s->next)
        if (pb_str_is(s->name, "default") && (!found || s->line > found->line)) found = s;
    return found;
}

bool aws_profile_find(const aws_profiles *p, pb_str name, aws_profile *out) {
    *out = (aws_profile){.all = p, .name = name, .config = config_section(p, name)};
    for (const aws_section *s = p->credentials.sections; s; s = s->next)
        if (pb_str_eq(s->name, name)) out->credentials = s;
    return out->config || out->credentials;
}

static const aws_entry *entry_of(const aws_shared_file *f, const aws_section *s, pb_str key) {
    for (const aws_entry *e = s ? s->entries : NULL; e; e = e->next)
        if (pb_str_eq(e->key, key)) return e;
    for (const aws_entry *e = s ? f->defaults.entries : NULL; e; e = e->next)
        if (pb_str_eq(e->key, key)) return e;
    return NULL;
}

pb_str aws_section_get(const aws_shared_file *f, const aws_section *s, pb_str key) {
    const aws_entry *e = entry_of(f, s, key);
    return e ? e->value : (pb_str){"", 0};
}

pb_str aws_profile_get(const aws_profile *p, const char *key) {
    const aws_entry *e = p->all ? entry_of(&p->all->credentials, p->credentials, pb_str_c(key)) : NULL;
    if (!e && p->all) e = entry_of(&p->all->config, p->config, pb_str_c(key));
    return e ? e->value : (pb_str){"", 0};
}

pb_str aws_nested_get(pb_str nested, pb_str key) {
    while (nested.n) {
        pb_str line = strip(take_line(&nested));
        const char *is = memchr(line.s, '=', line.n);
        uint32_t n = is ? (uint32_t)(is - line.s) : 0;
        if (is && pb_str_eq(strip((pb_str){line.s, n}), key)) return strip((pb_str){is + 1, line.n - n - 1});
    }
    return (pb_str){"", 0};
}

pb_str aws_profile_where(pb_arena *a, const aws_profile *p, const char *key) {
    const aws_entry *e = entry_of(&p->all->credentials, p->credentials, pb_str_c(key));
    if (e) return pb_printf(a, "%.*s:%u", PB_ARG(p->all->credentials.path), e->line);
    e = entry_of(&p->all->config, p->config, pb_str_c(key));
    if (e) return pb_printf(a, "%.*s:%u", PB_ARG(p->all->config.path), e->line);
    if (p->config) return pb_printf(a, "%.*s:%u", PB_ARG(p->all->config.path), p->config->line);
    return pb_printf(a, "%.*s:%u", PB_ARG(p->all->credentials.path), p->credentials ? p->credentials->line : 1);
}

static void add_name(pb_arena *a, pb_str *all, const char *name, size_t n) {
    if (!all->s || all->n > NAMES_MAX) return;
    *all = pb_printf(a, "%.*s%s%.*s", PB_ARG(*all), all->n ? ", " : "", (int)n, name);
}

pb_str aws_profile_names(pb_arena *a, const aws_profiles *p) {
    pb_str all = {"", 0};
    aws_profile seen;
    for (const aws_section *s = p->config.sections; s; s = s->next) {
        char *words[4];
        uint32_t n;
        if (pb_str_is(s->name, "default"))
            add_name(a, &all, "default", 7);
        else if (aws_words(a, s->name, words, 4, &n) && n == 2 && strcmp(words[0], "profile") == 0)
            add_name(a, &all, words[1], strlen(words[1]));
    }
    for (const aws_section *s = p->credentials.sections; s; s = s->next)
        if (!aws_profile_find(p, s->name, &seen) || !seen.config) add_name(a, &all, s->name.s, s->name.n);
    return all;
}
