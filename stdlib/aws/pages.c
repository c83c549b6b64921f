/*
 * pages.c - going from page to page, and joining them.
 *
 * The token alone decides whether there is another page: services do answer with empty pages in between (CloudTrail,
 * Organizations, tagging). Where the model names a flag (IsTruncated), tokens count only while it is true. Tokens are
 * anything but absent, "", [] and {}.
 *
 * Nothing is cut off silently: too many pages or items are an error, and so is a token that comes back, by which a
 * service would lead us in a circle. Circles of any length are found by Brent's method: one earlier token is kept, a
 * newer one each time the count of pages doubles. The one before is looked at too, since that is the common case.
 *
 * Joining follows botocore's build_full_result: lists are appended, numbers added up, texts put behind each other (and
 * maps united with the lists in them, where botocore keeps the first). All other members are the first page's, but
 * tokens are left out and the flag is the last page's. Everything lives in the run's arena, whose limit is the limit in
 * bytes.
 */
#include "stdlib/aws/pages.h"

#include "stdlib/aws/jmespath.h"

enum { TOKENS_MAX = 4, RESULTS_MAX = 8, PATH_MAX_PARTS = 8 };

/* What one result key has given so far. */
typedef struct joined {
    pb_value value; /* of the first page that had it; a list's items move to `items` with the second */
    pb_value *items;
    uint32_t n, cap;
} joined;

struct aws_pages {
    aws_client *client;
    pb_loop *loop;
    aws_call_spec spec;
    aws_done_fn *done;
    void *ctx;
    aws_call *call;
    bool paged;
    aws_pager pager;
    const jmespath *more, *token[TOKENS_MAX];
    pb_value before[TOKENS_MAX], kept[TOKENS_MAX]; /* tokens: of the last page, of an earlier one */
    uint32_t pages, keep_at, items;
    joined result[RESULTS_MAX];
    pb_value first; /* the first page */
    pb_value last;
    int64_t attempts;
    joined ids; /* request ids */
    joined retries;
};

/* ---- values ---- */

/* v's items behind those that are there. */
static bool append(pb_arena *a, joined *j, pb_value v) {
    uint32_t need = j->n + v.n;
    if (need > j->cap || !j->items) {
        uint32_t cap = need < AWS_ITEMS_MAX / 2 ? need * 2 : AWS_ITEMS_MAX;
        if (cap < need) cap = need;
        pb_value *items = pb_alloc_array(a, cap ? cap : 1, sizeof *items);
        if (!items) return false;
        if (j->n) memcpy(items, j->items ? j->items : j->value.u.items, j->n * sizeof *items);
        j->items = items;
        j->cap = cap;
    }
    if (v.n) memcpy(j->items + j->n, v.u.items, v.n * sizeof *j->items);
    j->n = need;
    j->value = (pb_value){.kind = PB_LIST, .n = need, .u.items = j->items};
    return true;
}

static pb_value sum(pb_value a, pb_value b) {
    int64_t n;
    if (a.kind == PB_INT && b.kind == PB_INT && !__builtin_add_overflow(a.u.i, b.u.i, &n)) return pb_int(n);
    double x = a.kind == PB_INT ? (double)a.u.i : a.u.d, y = b.kind == PB_INT ? (double)b.u.i : b.u.d;
    return pb_float(x + y);
}

static bool number(pb_value v) { return v.kind == PB_INT || v.kind == PB_FLOAT; }

static bool both_texts(pb_arena *a, pb_value *v, pb_value more) {
    uint64_t n = (uint64_t)v->n + more.n;
    char *s = n < UINT32_MAX ? pb_alloc(a, (size_t)n + 1) : NULL;
    if (!s) return false;
    if (v->n) memcpy(s, v->u.s, v->n);
    if (more.n) memcpy(s + v->n, more.u.s, more.n);
    *v = pb_string((pb_str){s, (uint32_t)n});
    return true;
}

/* Two lists in one. */
static pb_value both_lists(pb_arena *a, pb_value x, pb_value y) {
    pb_value *items, list = pb_list_new(a, x.n + y.n, &items);
    if (list.kind != PB_LIST) return list;
    if (x.n) memcpy(items, x.u.items, x.n * sizeof *items);
    if (y.n) memcpy(items + x.n, y.u.items, y.n * sizeof *items);
    return list;
}

/* Of members that both have: lists are joined, of others the first page's stays. */
static bool both_maps(pb_arena *a, pb_value *v, pb_value more) {
    pb_map_builder b = {.arena = a};
    for (uint32_t i = 0; i < v->n; i++) {
        pb_entry e = v->u.entries[i];
        pb_value other = pb_get(more, e.key);
        if (e.value.kind == PB_LIST && other.kind == PB_LIST) e.value = both_lists(a, e.value, other);
        pb_map_add(&b, e.key, e.value);
    }
    for (uint32_t i = 0; i < more.n; i++)
        if (!pb_map_has(&b, more.u.entries[i].key)) pb_map_add(&b, more.u.entries[i].key, more.u.entries[i].value);
    *v = pb_map_done(&b);
    return !b.oom;
}

/* False: out of memory. */
static bool join(pb_arena *a, joined *j, pb_value v) {
    if (v.kind == PB_NONE) return true;
    if (j->value.kind == PB_NONE) {
        j->value = v;
        j->n = v.kind == PB_LIST ? v.n : 0;
        return true;
    }
    if (v.kind == PB_LIST && j->value.kind == PB_LIST) return append(a, j, v);
    if (v.kind == PB_STRING && j->value.kind == PB_STRING) return both_texts(a, &j->value, v);
    if (v.kind == PB_MAP && j->value.kind == PB_MAP) return both_maps(a, &j->value, v);
    if (number(v) && number(j->value)) j->value = sum(j->value, v);
    return true;
}

static pb_str first_part(pb_str path, pb_str *rest) {
    const char *dot = memchr(path.s, '.', path.n);
    uint32_t n = dot ? (uint32_t)(dot - path.s) : path.n;
    *rest = dot ? (pb_str){dot + 1, path.n - n - 1} : (pb_str){"", 0};
    return (pb_str){path.s, n};
}

static pb_value at_path(pb_value v, pb_str path) {
    pb_str rest;
    while (path.n) {
        v = pb_get(v, first_part(path, &rest));
        path = rest;
    }
    return v;
}

/* v with another value at a path; none takes it away. The maps along the path are made anew. */
static pb_value with(pb_arena *a, pb_value v, pb_str path, pb_value what, uint32_t depth) {
    pb_str rest, key = first_part(path, &rest);
    pb_value old = pb_get(v, key);
    if (depth >= PATH_MAX_PARTS || (what.kind == PB_NONE && old.kind == PB_NONE)) return v;
    if (rest.n) what = with(a, old, rest, what, depth + 1);
    pb_map_builder b = {.arena = a};
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n; i++)
        if (!pb_str_eq(v.u.entries[i].key, key) || what.kind != PB_NONE)
            pb_map_add(&b, v.u.entries[i].key, v.u.entries[i].value);
    if (what.kind != PB_NONE) pb_map_add(&b, key, what);
    return pb_map_done(&b);
}

/* ---- the end ---- */

/* The path that an expression for a token begins with: itself, or what stands before `||`; empty when it is no path. */
static pb_str token_path(pb_str expression) {
    uint32_t n = 0;
    while (n < expression.n && expression.s[n] != ' ') n++;
    return memchr(expression.s, '[', n) ? (pb_str){"", 0} : (pb_str){expression.s, n};
}

static pb_value whole(const aws_pages *p) {
    const aws_model *m = aws_model_get();
    pb_arena *a = p->spec.arena;
    pb_value v = p->first;
    for (uint32_t i = 0; i < p->pager.ntokens; i++) {
        pb_str path = token_path(aws_pager_output(m, &p->pager, i));
        if (path.n) v = with(a, v, path, PB_NONE_VALUE, 0);
    }
    if (p->pager.more.n) v = with(a, v, p->pager.more, at_path(p->last, p->pager.more), 0);
    for (uint32_t i = 0; i < p->pager.nresults; i++)
        v = with(a, v, aws_pager_result(m, &p->pager, i), p->result[i].value, 0);
    return v;
}

static void note(aws_pages *p, pb_value meta) {
    pb_value n = pb_get_c(meta, "attempts"), id = pb_get_c(meta, "request_id"), more = pb_get_c(meta, "retries");
    p->attempts += n.kind == PB_INT ? n.u.i : 0;
    /* What memory does not suffice for is missing here; the call itself fails for it elsewhere. */
    if (id.kind == PB_STRING) append(p->spec.arena, &p->ids, (pb_value){.kind = PB_LIST, .n = 1, .u.items = &id});
    if (more.kind == PB_LIST) append(p->spec.arena, &p->retries, more);
}

/* The meta of the last call, told of all. */
static pb_value meta_of(const aws_pages *p, pb_value meta) {
    pb_arena *a = p->spec.arena;
    if (p->pages < 2 && p->ids.n < 2) return meta;
    pb_map_builder b = {.arena = a};
    for (uint32_t i = 0; meta.kind == PB_MAP && i < meta.n; i++)
        pb_map_add(&b, meta.u.entries[i].key, meta.u.entries[i].value);
    pb_map_add(&b, PB_STR("attempts"), pb_int(p->attempts));
    pb_map_add(&b, PB_STR("pages"), pb_int(p->pages));
    if (p->ids.n) pb_map_add(&b, PB_STR("request_ids"), p->ids.value);
    if (p->retries.n) pb_map_add(&b, PB_STR("retries"), p->retries.value);
    return pb_map_done(&b);
}

static void end(aws_pages *p, const aws_outcome *o) {
    aws_outcome out = *o;
    out.meta = meta_of(p, o->meta);
    p->done(p->ctx, &out);
}

static void end_badly(aws_pages *p, const aws_outcome *o, pb_str code, const char *why) {
    const aws_model *m = aws_model_get();
    aws_service_info info;
    aws_service_get(m, aws_op_service(m, p->spec.op), &info);
    pb_str name = aws_op_name(m, p->spec.op);
    aws_outcome out = {.code = code, .meta = o->meta};
    out.message = pb_printf(p->spec.arena, "%.*s.%.*s: %s", PB_ARG(info.name), PB_ARG(name), why);
    if (!out.message.s) out.message = PB_STR("out of memory");
    end(p, &out);
}

/* ---- from page to page ---- */

static bool equal(const pb_value *a, const pb_value *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (!(a[i].kind == PB_NONE && b[i].kind == PB_NONE) && !pb_equal(a[i], b[i])) return false;
    return true;
}

/* The tokens of the page after this one; false: it was the last. */
static bool next_tokens(const aws_pages *p, pb_value page, pb_value *token) {
    bool any = false;
    pb_arena *a = p->spec.arena;
    if (p->more && !jmespath_true(jmespath_eval(p->more, page, a))) return false;
    for (uint32_t i = 0; i < p->pager.ntokens; i++) {
        token[i] = jmespath_eval(p->token[i], page, a);
        if (!jmespath_true(token[i])) token[i] = PB_NONE_VALUE;
        any = any || token[i].kind != PB_NONE;
    }
    return any;
}

/* The input with these tokens instead of those it has. */
static pb_value input_with(const aws_pages *p, const pb_value *token) {
    const aws_model *m = aws_model_get();
    pb_map_builder b = {.arena = p->spec.arena};
    pb_value in = p->spec.input;
    for (uint32_t i = 0; in.kind == PB_MAP && i < in.n; i++) pb_map_add(&b, in.u.entries[i].key, in.u.entries[i].value);
    for (uint32_t i = 0; i < p->pager.ntokens; i++)
        if (token[i].kind != PB_NONE) pb_map_add(&b, aws_pager_input(m, &p->pager, i), token[i]);
    return pb_map_done(&b);
}

static bool goes_in_circles(aws_pages *p, const pb_value *token) {
    uint32_t n = p->pager.ntokens;
    if (p->pages > 1 && (equal(token, p->before, n) || equal(token, p->kept, n))) return true;
    memcpy(p->before, token, n * sizeof *token);
    if (p->pages >= p->keep_at) {
        memcpy(p->kept, token, n * sizeof *token);
        p->keep_at *= 2;
    }
    return false;
}

/* False: out of memory. */
static bool take(aws_pages *p, pb_value page) {
    const aws_model *m = aws_model_get();
    if (p->pages++ == 0) p->first = page;
    p->last = page;
    for (uint32_t i = 0; i < p->pager.nresults; i++) {
        pb_value v = at_path(page, aws_pager_result(m, &p->pager, i));
        if (v.kind == PB_LIST || v.kind == PB_MAP) p->items += v.n;
        if (p->items > AWS_ITEMS_MAX) return true; /* the caller says so */
        if (!join(p->spec.arena, &p->result[i], v)) return false;
    }
    return true;
}

static void on_page(void *ctx, const aws_outcome *o);

/* False: done has been called, and p may be gone. */
static bool ask(aws_pages *p, pb_value input) {
    aws_call_spec spec = p->spec;
    spec.input = input;
    aws_call *call = aws_client_start(p->client, p->loop, &spec, on_page, p);
    if (!call) return false;
    p->call = call;
    return true;
}

static void on_page(void *ctx, const aws_outcome *o) {
    aws_pages *p = ctx;
    pb_value token[TOKENS_MAX];
    aws_outcome out = *o;
    p->call = NULL;
    note(p, o->meta);
    if (!o->ok || !p->paged) {
        end(p, o);
        return;
    }
    if (!take(p, o->value)) {
        end_badly(p, o, PB_STR("memory"), "out of memory while its pages were joined");
    } else if (p->items > AWS_ITEMS_MAX) {
        end_badly(p, o, PB_STR("TooManyItems"),
                  "its pages list more than 100,000 items; narrow the request, or go on page by page with its token");
    } else if (!next_tokens(p, o->value, token)) {
        if (p->pages > 1) out.value = whole(p);
        out.ok = out.value.kind == PB_MAP;
        if (out.ok)
            end(p, &out);
        else
            end_badly(p, o, PB_STR("memory"), "out of memory while its pages were joined");
    } else if (goes_in_circles(p, token)) {
        end_badly(p, o, PB_STR("PaginationLoop"),
                  "AWS gave the same token for the next page twice, so there is no end");
    } else if (p->pages >= AWS_PAGES_MAX) {
        end_badly(
            p, o, PB_STR("TooManyPages"),
            "more than 1,000 pages; narrow the request, ask for larger pages, or go on page by page with its token");
    } else {
        ask(p, input_with(p, token));
    }
}

/* ---- starting ---- */

static bool has_token(const aws_pages *p) {
    const aws_model *m = aws_model_get();
    for (uint32_t i = 0; i < p->pager.ntokens; i++)
        if (pb_get(p->spec.input, aws_pager_input(m, &p->pager, i)).kind != PB_NONE) return true;
    return false;
}

/* False: out of memory (or a model beyond our limits, which a test excludes). */
static bool prepare(aws_pages *p) {
    const aws_model *m = aws_model_get();
    pb_arena *a = p->spec.arena;
    p->paged = aws_op_effect(m, p->spec.op) <= PB_READ && aws_pager_get(m, p->spec.op, &p->pager) && !has_token(p);
    if (!p->paged) return true;
    if (p->pager.ntokens > TOKENS_MAX || p->pager.nresults > RESULTS_MAX) return false;
    if (p->pager.more.n && !(p->more = jmespath_parse(a, p->pager.more))) return false;
    for (uint32_t i = 0; i < p->pager.ntokens; i++)
        if (!(p->token[i] = jmespath_parse(a, aws_pager_output(m, &p->pager, i)))) return false;
    return true;
}

aws_pages *aws_pages_start(aws_client *c, pb_loop *loop, const aws_call_spec *spec, aws_done_fn *done, void *ctx) {
    aws_pages *p = pb_alloc(spec->arena, sizeof *p);
    if (p) *p = (aws_pages){.client = c, .loop = loop, .spec = *spec, .done = done, .ctx = ctx, .keep_at = 1};
    if (!p || !prepare(p)) {
        done(ctx, &(aws_outcome){.code = PB_STR("memory"), .message = PB_STR("out of memory"), .meta = PB_NONE_VALUE});
        return NULL;
    }
    return ask(p, spec->input) ? p : NULL;
}

void aws_pages_cancel(aws_pages *p, pb_value *meta) {
    if (!p) return;
    pb_value last = PB_NONE_VALUE;
    aws_client_cancel(p->call, &last);
    p->call = NULL;
    note(p, last);
    if (meta) *meta = meta_of(p, last);
}
