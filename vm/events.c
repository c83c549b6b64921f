/*
 * events.c - cuts a stream into JSON documents and reads them one by one.
 *
 * One document, pretty-printed or not, several after one another, and JSON lines are all the same here: a scanner
 * follows strings and brackets and finds where a document ends; the JSON library then reads that text. The scanner's
 * other job is to find back after a broken one, so that the events behind it are still handled. It knows three signs
 * that a document is broken: a line end within a string, a bracket closed by the wrong kind, and a `{` where JSON
 * allows no value. From there on the next line that begins with `{` starts a new event. What is too large is scanned
 * on without being kept.
 */
#include "vm/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CHUNK = 64 << 10,
    KINDS = 64 /* nesting whose kinds of brackets are known; JSON_MAX_DEPTH is not more */
};

typedef enum scan_state { BETWEEN, DOCUMENT, LINE /* not a document; to the end of the line */ } scan_state;

struct events {
    int fd;
    bool own_fd, regular, eof, failed, first;
    int err;
    const char *name;
    pb_buf buf;        /* what is not yet handed out */
    size_t start, pos; /* of the document in buf; of the scanner */
    scan_state state;
    uint32_t depth;
    uint64_t kinds; /* bit d: bracket number d is a list */
    bool in_string, escaped, broken, too_large, line_start;
    char last; /* significant character before this one */
    uint32_t line, first_line, count;
};

static events *events_new(const char *name) {
    events *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->fd = -1;
    e->name = name;
    e->line = 1;
    e->line_start = true;
    e->first = true;
    return e;
}

events *events_open(const char *path, pb_arena *a, pb_str *err) {
    bool standard = strcmp(path, "-") == 0;
    events *e = events_new(standard ? "standard input" : path);
    if (!e) {
        *err = PB_STR("out of memory");
        return NULL;
    }
    e->own_fd = !standard;
    e->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    off_t end = e->fd < 0 ? -1 : lseek(e->fd, 0, SEEK_CUR);
    e->regular = end >= 0; /* pipes and terminals cannot seek: there reading may have to wait */
    if (e->fd >= 0) return e;
    *err = pb_printf(a, "cannot open %s: %s", path, strerror(errno));
    events_close(e);
    return NULL;
}

events *events_text(const char *text, size_t n) {
    events *e = events_new("the text");
    if (!e) return NULL;
    e->eof = true;
    pb_buf_add(&e->buf, text, n);
    if (!e->buf.oom) return e;
    events_close(e);
    return NULL;
}

uint32_t events_count(const events *e) { return e->count; }
int events_fd(const events *e) { return e->fd; }
const char *events_name(const events *e) { return e->name; }

void events_close(events *e) {
    if (!e) return;
    if (e->own_fd && e->fd >= 0) close(e->fd);
    pb_buf_free(&e->buf);
    free(e);
}

/* ---- the scanner ---- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0x1e; }

static bool in_list(const events *e) { return e->depth && e->depth <= KINDS && (e->kinds >> (e->depth - 1) & 1); }

/* May a value begin behind `last`? Unknown beyond KINDS levels: then yes. */
static bool value_allowed(const events *e) {
    if (e->depth > KINDS || e->last == ':') return true;
    return in_list(e) && (e->last == ',' || e->last == '[');
}

static void document_begin(events *e, char c) {
    e->state = c == '{' || c == '[' ? DOCUMENT : LINE;
    e->depth = 0;
    e->kinds = 0;
    e->in_string = e->escaped = e->broken = e->too_large = false;
    e->last = 0;
    e->first_line = e->line;
    e->start = e->pos;
}

static void open_bracket(events *e, bool list) {
    if (e->depth < KINDS) {
        uint64_t bit = (uint64_t)1 << e->depth;
        e->kinds = list ? e->kinds | bit : e->kinds & ~bit;
    }
    e->depth++;
}

static void close_bracket(events *e, bool list) {
    if (e->depth <= KINDS && in_list(e) != list) e->broken = true;
    e->depth--;
}

static void string_char(events *e, char c) {
    if (c == '\n') e->broken = true;
    if (e->escaped)
        e->escaped = false;
    else if (c == '\\')
        e->escaped = true;
    else if (c == '"')
        e->in_string = false, e->last = '"';
}

typedef enum scan_step { GO_ON, ENDS_HERE /* with this character */, ENDS_BEFORE } scan_step;

static scan_step document_char(events *e, char c) {
    if (e->broken || e->in_string) {
        if (e->broken && e->line_start && c == '{') return ENDS_BEFORE;
        if (!e->broken) string_char(e, c);
        return GO_ON;
    }
    if (is_space(c)) return GO_ON;
    if (c == '{' && e->line_start && e->depth && !value_allowed(e)) return ENDS_BEFORE;
    if (c == '"') {
        e->in_string = true;
    } else if (c == '{' || c == '[') {
        open_bracket(e, c == '[');
    } else if (c == '}' || c == ']') {
        close_bracket(e, c == ']');
        if (!e->broken && e->depth == 0) return ENDS_HERE;
    }
    e->last = c;
    return GO_ON;
}

/* Scans what is in the buffer. True: buf[start..pos) is a document (or what is left of one). */
static bool scan(events *e) {
    while (e->pos < e->buf.len) {
        char c = e->buf.data[e->pos];
        if (e->state == BETWEEN) {
            if (!is_space(c))
                document_begin(e, c);
            else
                e->start = e->pos + 1;
        }
        scan_step s = e->state == DOCUMENT ? document_char(e, c) : e->state == LINE && c == '\n' ? ENDS_HERE : GO_ON;
        if (s == ENDS_BEFORE) return true;
        e->pos++;
        e->line_start = c == '\n';
        if (c == '\n') e->line++;
        if (s == ENDS_HERE) return true;
        if (e->pos - e->start > JSON_MAX_BYTES) {
            e->too_large = true;
            e->start = e->pos;
        }
    }
    return false;
}

/* ---- reading ---- */

static void compact(events *e) {
    if (e->start == 0) return;
    memmove(e->buf.data, e->buf.data + e->start, e->buf.len - e->start);
    e->buf.len -= e->start;
    e->pos -= e->start;
    e->start = 0;
}

/* False: nothing has come, or it failed. */
static bool fill(events *e) {
    if (!e->regular) {
        struct pollfd p = {e->fd, POLLIN, 0};
        if (poll(&p, 1, 0) <= 0) return false;
    }
    char chunk[CHUNK];
    ssize_t n = read(e->fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return false;
    if (n < 0) {
        e->failed = true;
        e->err = errno;
    }
    if (n <= 0) {
        e->eof = true;
        return true;
    }
    compact(e);
    pb_buf_add(&e->buf, chunk, (size_t)n);
    if (e->buf.oom) e->failed = e->eof = true, e->err = ENOMEM;
    return true;
}

static void skip_mark(events *e) { /* a byte order mark, as some editors put before the text */
    if (!e->first || (e->buf.len < 3 && !e->eof)) return;
    e->first = false;
    if (e->buf.len >= 3 && memcmp(e->buf.data, "\xef\xbb\xbf", 3) == 0) e->start = e->pos = 3;
}

static const char *kind_text(pb_value v) {
    return v.kind == PB_LIST ? "a list" : v.kind == PB_STRING ? "a text" : "a single value";
}

static events_result deliver(events *e, pb_arena *a, events_item *out) {
    pb_str text = {e->buf.data + e->start, (uint32_t)(e->pos - e->start)};
    *out = (events_item){.number = ++e->count, .line = e->first_line};
    e->start = e->pos;
    e->state = BETWEEN;
    if (e->too_large) {
        out->error = pb_printf(a, "larger than %d MB", JSON_MAX_BYTES >> 20);
        return EVENTS_BAD;
    }
    while (text.n && is_space(text.s[text.n - 1])) text.n--;
    if (!pb_json_parse_part(a, text.s, text.n, e->first_line, &out->value, &out->error)) {
        if (!out->error.n) out->error = PB_STR("not JSON");
        return EVENTS_BAD;
    }
    if (out->value.kind == PB_MAP) return EVENTS_ONE;
    out->error = pb_printf(
        a, "%s, where an event (an object) is expected%s", kind_text(out->value),
        out->value.kind == PB_LIST ? "; several events are written one behind the other, without [ and ]" : "");
    return EVENTS_BAD;
}

events_result events_next(events *e, pb_arena *a, events_item *out) {
    for (;;) {
        skip_mark(e);
        if (!e->first && scan(e)) return deliver(e, a, out);
        if (e->eof) break;
        if (!fill(e)) return EVENTS_LATER;
    }
    if (e->failed) {
        *out = (events_item){.number = e->count, .line = e->line, .error = pb_printf(a, "%s", strerror(e->err))};
        return EVENTS_ERROR;
    }
    return e->state == BETWEEN ? EVENTS_END : deliver(e, a, out);
}

/* ---- envelopes ---- */

static bool has(pb_value v, const char *key) { return pb_get_c(v, key).kind != PB_NONE; }

static const char *looks_like(pb_value v) {
    if (has(v, "schemaVersion") && has(v, "accountId") && has(v, "type"))
        return "; it looks like a bare GuardDuty finding: put it under \"detail\" with \"source\": \"aws.guardduty\" "
               "and "
               "\"detail-type\": \"GuardDuty Finding\"";
    if (has(v, "SchemaVersion") && has(v, "ProductArn"))
        return "; it looks like a bare Security Hub finding: put it into the list \"detail\".\"findings\" with "
               "\"source\": \"aws.securityhub\" and \"detail-type\": \"Security Hub Findings - Imported\"";
    if (has(v, "eventSource") && has(v, "eventName"))
        return "; it looks like a bare CloudTrail record: put it under \"detail\" with \"source\": \"aws.<service>\" "
               "and "
               "\"detail-type\": \"AWS API Call via CloudTrail\"";
    if (has(v, "Records"))
        return "; it looks like a notification or log file with \"Records\", which are events of their own";
    if (has(v, "Message") && has(v, "TopicArn"))
        return "; it looks like an SNS notification: the event is the text in \"Message\"";
    return "";
}

bool events_envelope(pb_value event, pb_arena *a, pb_str *err) {
    pb_value source = pb_get_c(event, "source"), type = pb_get_c(event, "detail-type");
    if (source.kind == PB_NONE) {
        *err = pb_printf(a, "not an EventBridge envelope: no \"source\"%s", looks_like(event));
    } else if (source.kind != PB_STRING || source.n == 0) {
        *err = PB_STR("not an EventBridge envelope: \"source\" must be a text that is not empty");
    } else if (type.kind != PB_NONE && type.kind != PB_STRING) {
        *err = PB_STR("not an EventBridge envelope: \"detail-type\" must be a text");
    } else {
        return true;
    }
    return false;
}
