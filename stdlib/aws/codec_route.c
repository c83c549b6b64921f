/*
 * codec_route.c - which operation of a REST service does a request mean?
 *
 * By method and path template; where several fit, by what else the template and the input ask for: literal parts of the
 * query string (?publicAccessBlock), then required parameters and headers (UploadPart and PutObject share their path).
 * A label never matches an empty segment; a greedy one ({Key+}) takes the rest of the path, slashes included.
 */
#include "stdlib/aws/wire.h"

typedef struct segments {
    pb_str s; /* what is left, without the leading slash */
    bool more;
} segments;

static segments begin(pb_str path) {
    if (path.n && path.s[0] == '/') path.s++, path.n--;
    return (segments){path, path.n > 0};
}

static pb_str next(segments *g) {
    const char *slash = g->s.n ? memchr(g->s.s, '/', g->s.n) : NULL;
    pb_str part = {g->s.s, slash ? (uint32_t)(slash - g->s.s) : g->s.n};
    g->more = slash != NULL && part.n + 1 < g->s.n; /* a slash at the end opens no segment */
    g->s.s += part.n + (slash ? 1 : 0);
    g->s.n -= part.n + (slash ? 1 : 0);
    return part;
}

static pb_str template_path(const aws_model *m, const tab_op *op) {
    pb_str uri = tab_str(m, op->uri);
    const char *q = uri.n ? memchr(uri.s, '?', uri.n) : NULL;
    return (pb_str){uri.s, q ? (uint32_t)(q - uri.s) : uri.n};
}

bool route_literal(const aws_model *m, const tab_op *op, uint32_t i, pb_str *key, pb_str *value) {
    pb_str uri = tab_str(m, op->uri);
    const char *q = uri.n ? memchr(uri.s, '?', uri.n) : NULL;
    const char *p = q ? q + 1 : NULL, *end = uri.s + uri.n;
    for (; p && p < end; i--) {
        const char *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp ? amp : end;
        if (i == 0) {
            const char *eq = memchr(p, '=', (size_t)(stop - p));
            *key = (pb_str){p, (uint32_t)((eq ? eq : stop) - p)};
            *value = eq ? (pb_str){eq + 1, (uint32_t)(stop - eq - 1)} : (pb_str){NULL, 0};
            return true;
        }
        p = amp ? amp + 1 : NULL;
    }
    return false;
}

/* A template's segment: "{Label}", "{Label+}", "name", or (rare) "name:{Label}" and "{Label}:name". */
typedef struct piece {
    pb_str before, label, after;
    bool greedy;
} piece;

static piece split(pb_str part) {
    const char *open = part.n ? memchr(part.s, '{', part.n) : NULL, *end = part.s + part.n;
    const char *close = open ? memchr(open, '}', (size_t)(end - open)) : NULL;
    if (!close) return (piece){.before = part};
    piece p = {{part.s, (uint32_t)(open - part.s)},
               {open + 1, (uint32_t)(close - open) - 1},
               {close + 1, (uint32_t)(end - close) - 1},
               false};
    p.greedy = p.label.n && p.label.s[p.label.n - 1] == '+';
    if (p.greedy) p.label.n--;
    return p;
}

/* The text that a piece's label stands for in a part of a path; .s NULL: they do not fit. */
static pb_str fit(const piece *p, pb_str part) {
    if (!p->label.s) return pb_str_eq(p->before, part) ? part : (pb_str){NULL, 0};
    if (part.n <= p->before.n + p->after.n || memcmp(part.s, p->before.s, p->before.n) != 0 ||
        memcmp(part.s + part.n - p->after.n, p->after.s, p->after.n) != 0)
        return (pb_str){NULL, 0};
    return (pb_str){part.s + p->before.n, part.n - p->before.n - p->after.n};
}

/* What a greedy label takes of `rest`: all but as many segments as the template still has. .s NULL: too few. */
static pb_str greedy_part(segments t, pb_str rest, segments *g) {
    uint32_t end = rest.n;
    while (t.more) {
        next(&t);
        while (end && rest.s[end - 1] != '/') end--;
        if (end-- == 0) return (pb_str){NULL, 0};
    }
    *g = begin((pb_str){rest.s + end, rest.n - end});
    return (pb_str){rest.s, end};
}

/* Walks template and path together. `label`: what to look for, its text in *found. Gives the number of literal
 * segments, -1: no match. */
static int walk(pb_str template, pb_str path, pb_str label, pb_str *found) {
    segments t = begin(template), g = begin(path);
    int literal = 0;
    while (t.more) {
        piece p = split(next(&t));
        pb_str rest = g.s;
        if (!g.more) return -1;
        pb_str part = p.greedy ? greedy_part(t, rest, &g) : next(&g);
        pb_str text = part.s ? fit(&p, part) : part;
        if (!text.s) return -1;
        if (p.label.s && pb_str_eq(p.label, label)) *found = text;
        literal += !p.label.s;
    }
    return g.more ? -1 : literal;
}

pb_str route_label(codec *c, const tab_op *op, pb_str path, pb_str name) {
    pb_str raw = {NULL, 0}, text = {NULL, 0};
    if (walk(template_path(c->m, op), path, name, &raw) < 0 || !raw.s) return text;
    if (!text_decode(c->a, raw, false, &text)) codec_oom(c);
    return text;
}

/* Literal query parts that are there; -1 when one is missing. */
static int literals_score(const aws_model *m, const tab_op *op, const form *f) {
    pb_str key, value;
    int n = 0;
    for (uint32_t i = 0; route_literal(m, op, i, &key, &value); i++, n++) {
        bool found;
        pb_str got = form_get(f, key, &found);
        if (!found || (value.s && !pb_str_eq(got, value))) return -1;
    }
    return n;
}

/* How well the required parameters and headers fit: those that are there speak for it, those missing against it. */
static int required_score(codec *c, const tab_op *op, const aws_incoming *in, const form *f) {
    const tab_shape *s = tab_ref_shape(c->m, tab_ref_at(c->m, op->input));
    int score = 0;
    for (uint32_t i = 0; op->input && i < s->n; i++) {
        const tab_ref *r = tab_member(c->m, s, i);
        bool found = false;
        if (!(r->flags & TAB_R_REQUIRED)) continue;
        if (r->location == TAB_QUERYSTRING) {
            form_get(f, tab_wire(c->m, r), &found);
        } else if (r->location == TAB_HEADER) {
            pb_str name = pb_strdup(c->a, tab_wire(c->m, r).s, tab_wire(c->m, r).n);
            found = name.s && headers_get(in->headers, in->nheaders, name.s).s;
        } else {
            continue;
        }
        score += found ? 4 : -20;
    }
    return score;
}

aws_op rest_route(codec *c, const aws_incoming *in) {
    enum { PER_LITERAL = 10000, PER_QUERY = 200 };
    aws_op best = 0;
    int best_score = 0;
    form f;
    if (!form_parse(c, in->query, &f)) return 0;
    for (uint32_t i = 0; i < c->service->nops; i++) {
        const tab_op *op = tab_op_at(c->m, c->service->first_op + i);
        pb_str ignored;
        if (!pb_str_is(in->method, tab_method_name(op->method))) continue;
        int literal = walk(template_path(c->m, op), in->path, (pb_str){"", 0}, &ignored);
        int query = literal >= 0 ? literals_score(c->m, op, &f) : -1;
        if (literal < 0 || query < 0) continue;
        int score = literal * PER_LITERAL + query * PER_QUERY + required_score(c, op, in, &f) -
                    (op->flags & TAB_O_DEPRECATED ? 1 : 0);
        if (best && score <= best_score) continue;
        best = c->service->first_op + i;
        best_score = score;
    }
    return best;
}
