/*
 * policy_json.c - from grants to the text of a policy.
 *
 * Grants of the same kind, service, resources and conditions become one statement, named for people: ReadEc2,
 * ContainEc2Instance, ContainEc2SnapshotIfCreateAction. Keys and values have a fixed order, so that a policy in version
 * control changes only where the program did.
 *
 * The compact form is for session policies, which are short: no names, one line, kinds not kept apart. Where that is
 * still too long it is widened one step (enum step) at a time.
 */
#include "stdlib/aws/policy_parts.h"

#include <stdlib.h>

enum { SID_TYPES = 4 /* resource types in a statement's name: with more of them none is named */ };

typedef enum step { EXACT, READS_ANYWHERE, ANY_TYPE, ANY_RESOURCE, ALIKE_AS_ONE, WHOLE_SERVICES, STEPS } step;

typedef struct statement {
    pb_effect kind;
    pb_str service; /* of the first action */
    const policy_grant *first;
    const pb_str **actions;
    size_t nactions;
} statement;

typedef struct writer {
    pb_buf b;
    bool compact;
    int depth;
} writer;

/* ---- JSON ---- */

static void line(writer *w) {
    if (w->compact) return;
    pb_buf_putc(&w->b, '\n');
    for (int i = 0; i < w->depth; i++) pb_buf_puts(&w->b, "  ");
}

static void text(writer *w, pb_str s) {
    pb_buf_putc(&w->b, '"');
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] == '"' || s.s[i] == '\\') pb_buf_putc(&w->b, '\\');
        pb_buf_putc(&w->b, s.s[i]);
    }
    pb_buf_putc(&w->b, '"');
}

static void key(writer *w, const char *name) {
    text(w, pb_str_c(name));
    pb_buf_puts(&w->b, w->compact ? ":" : ": ");
}

static void open(writer *w, char c) {
    pb_buf_putc(&w->b, c);
    w->depth++;
}

static void comma(writer *w) { pb_buf_putc(&w->b, ','); }

static void shut(writer *w, char c) {
    w->depth--;
    line(w);
    pb_buf_putc(&w->b, c);
}

/* One as it is, several as a list. */
static void list(writer *w, const pb_str *items, size_t n) {
    if (n == 1) {
        text(w, items[0]);
        return;
    }
    open(w, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) comma(w);
        line(w);
        text(w, items[i]);
    }
    shut(w, ']');
}

/* Where a condition's key ends. */
static uint32_t key_end(pb_str c) {
    uint32_t n = 0;
    while (n < c.n && !strchr("=~@", c.s[n])) n++;
    return n;
}

/* The part of "key=value key~value" with one sign as "StringEquals": {...}; false: none. */
static bool operator_of(writer *w, pb_str conditions, char sign, const char *name, bool first) {
    bool any = false;
    for (uint32_t i = 0, start = 0; i <= conditions.n; i++) {
        if (i < conditions.n && conditions.s[i] != ' ') continue;
        pb_str c = {conditions.s + start, i - start};
        start = i + 1;
        uint32_t at = key_end(c);
        if (at >= c.n || c.s[at] != sign) continue;
        if (any || !first) comma(w);
        if (!any) {
            line(w);
            key(w, name);
            open(w, '{');
        }
        any = true;
        line(w);
        text(w, (pb_str){c.s, at});
        pb_buf_puts(&w->b, w->compact ? ":" : ": ");
        text(w, (pb_str){c.s + at + 1, c.n - at - 1});
    }
    if (any) shut(w, '}');
    return any;
}

static void conditions(writer *w, pb_str c) {
    open(w, '{');
    bool first = !operator_of(w, c, '@', "ArnEquals", true);
    first = !operator_of(w, c, '=', "StringEquals", first) && first;
    operator_of(w, c, '~', "StringLike", first);
    shut(w, '}');
}

/* ---- names of statements ---- */

/* "network-interface" as "NetworkInterface". */
static void camel(pb_buf *b, pb_str s) {
    bool up = true;
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        bool lower = c >= 'a' && c <= 'z', other = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (lower || other) pb_buf_putc(b, up && lower ? (char)(c - 32) : c);
        up = !lower && !other;
    }
}

/* The type in an ARN: "instance" of arn:aws:ec2:...:instance/i-1; empty when it has none. */
static pb_str arn_type(pb_str arn) {
    uint32_t at = 0, colons = 0;
    while (at < arn.n && colons < 5) colons += arn.s[at++] == ':';
    pb_str rest = {arn.s + at, arn.n - at};
    bool s3 = arn.n > 8 && pb_str_eq((pb_str){arn.s + at - 3, 3}, PB_STR(":::"));
    uint32_t n = 0;
    while (n < rest.n && rest.s[n] != '/' && rest.s[n] != ':' && rest.s[n] != '*') n++;
    if (s3) return memchr(rest.s, '/', rest.n) ? PB_STR("object") : PB_STR("bucket");
    return n < rest.n && rest.s[n] != '*' ? (pb_str){rest.s, n} : PB_STR("");
}

static size_t types_of(const policy_grant *g, pb_str *types) {
    size_t n = 0;
    for (size_t i = 0; i < g->nresources; i++) {
        pb_str t = arn_type(g->resources[i]);
        bool known = !t.n;
        for (size_t k = 0; k < n; k++) known = known || pb_str_eq(types[k], t);
        if (known) continue;
        if (n == SID_TYPES) return 0;
        types[n++] = t;
    }
    return n;
}

/* What the conditions are about: "ec2:CreateAction" -> CreateAction, "aws:ResourceTag/ir:managed" -> IrManaged. */
static void condition_name(pb_buf *b, pb_str c) {
    uint32_t end = key_end(c), start = 0;
    bool slash = false;
    for (uint32_t i = 0; i < end; i++)
        if (c.s[i] == '/' || (c.s[i] == ':' && !slash)) {
            slash = slash || c.s[i] == '/';
            start = i + 1;
        }
    pb_buf_puts(b, "If");
    camel(b, (pb_str){c.s + start, end - start});
}

static void sid(const statement *s, pb_buf *b) {
    pb_str types[SID_TYPES];
    camel(b, pb_str_c(pb_effect_name(s->kind)));
    camel(b, s->service);
    size_t n = types_of(s->first, types);
    for (size_t i = 0; i < n; i++) camel(b, types[i]);
    if (s->first->conditions.n) condition_name(b, s->first->conditions);
}

/* A statement's name; those that would be alike are numbered (two statements may not share one). */
static void write_sid(writer *w, const statement *all, size_t i) {
    pb_buf mine = {0};
    size_t alike = 1;
    sid(&all[i], &mine);
    for (size_t k = 0; k < i; k++) {
        pb_buf other = {0};
        sid(&all[k], &other);
        alike += other.data && mine.data && strcmp(other.data, mine.data) == 0;
        w->b.oom = w->b.oom || other.oom;
        pb_buf_free(&other);
    }
    if (alike > 1) pb_buf_printf(&mine, "Part%zu", alike);
    w->b.oom = w->b.oom || mine.oom;
    line(w);
    key(w, "Sid");
    text(w, pb_str_c(mine.data));
    comma(w);
    pb_buf_free(&mine);
}

/* ---- statements ---- */

static pb_str service_of(pb_str action) {
    uint32_t n = 0;
    while (n < action.n && action.s[n] != ':') n++;
    return (pb_str){action.s, n};
}

static bool same_resources(const policy_grant *a, const policy_grant *b) {
    if (a->nresources != b->nresources) return false;
    for (size_t i = 0; i < a->nresources; i++)
        if (!pb_str_eq(a->resources[i], b->resources[i])) return false;
    return true;
}

static bool belongs(const statement *s, const policy_grant *g, bool compact) {
    if (!compact && (s->kind != g->effect || !pb_str_eq(s->service, service_of(g->action)))) return false;
    return same_resources(s->first, g) && pb_str_eq(s->first->conditions, g->conditions);
}

/* By kind, then service, then in order of their first action; the compact form keeps the grants' order. */
static int compare_statements(const void *x, const void *y) {
    const statement *a = x, *b = y;
    int order = (a->kind > b->kind) - (a->kind < b->kind);
    if (!order) order = policy_compare(a->service, b->service);
    if (!order) order = (a->first > b->first) - (a->first < b->first);
    return order;
}

static statement *group(pb_arena *a, const policy_grant *g, size_t n, bool compact, size_t *nstatements) {
    statement *all = pb_alloc_array(a, n, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; i < n && all; i++) {
        size_t k = 0;
        while (k < count && !belongs(&all[k], &g[i], compact)) k++;
        if (k == count) {
            const pb_str **actions = pb_alloc_array(a, n - i, sizeof *actions);
            if (!actions) return NULL;
            all[count++] = (statement){g[i].effect, service_of(g[i].action), &g[i], actions, 0};
        }
        statement *s = &all[k];
        if (!s->nactions || !pb_str_eq(*s->actions[s->nactions - 1], g[i].action))
            s->actions[s->nactions++] = &g[i].action;
    }
    if (all && !compact) qsort(all, count, sizeof *all, compare_statements);
    *nstatements = count;
    return all;
}

static void write_actions(writer *w, const statement *s, pb_str *scratch) {
    for (size_t i = 0; i < s->nactions; i++) scratch[i] = *s->actions[i];
    line(w);
    key(w, "Action");
    list(w, scratch, s->nactions);
    comma(w);
}

static void write_statement(writer *w, const statement *all, size_t i, pb_str *scratch) {
    const statement *s = &all[i];
    line(w);
    open(w, '{');
    if (!w->compact) write_sid(w, all, i);
    line(w);
    key(w, "Effect");
    text(w, PB_STR("Allow"));
    comma(w);
    write_actions(w, s, scratch);
    line(w);
    key(w, "Resource");
    list(w, s->first->resources, s->first->nresources);
    if (s->first->conditions.n) {
        comma(w);
        line(w);
        key(w, "Condition");
        conditions(w, s->first->conditions);
    }
    shut(w, '}');
}

static pb_str write_policy(pb_arena *a, const policy_grant *g, size_t n, bool compact) {
    writer w = {.compact = compact};
    size_t count = 0;
    pb_str *scratch = pb_alloc_array(a, n, sizeof *scratch), out = {NULL, 0};
    statement *all = group(a, g, n, compact, &count);
    if (!all || !scratch) return out;
    open(&w, '{');
    line(&w);
    key(&w, "Version");
    text(&w, PB_STR("2012-10-17"));
    comma(&w);
    line(&w);
    key(&w, "Statement");
    open(&w, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) comma(&w);
        write_statement(&w, all, i, scratch);
    }
    shut(&w, ']');
    shut(&w, '}');
    if (!w.b.oom) out = pb_strdup(a, w.b.data, w.b.len);
    pb_buf_free(&w.b);
    return out;
}

pb_str policy_pretty(pb_arena *a, const policy_grant *grants, size_t n) { return write_policy(a, grants, n, false); }

/* ---- widening ---- */

static const pb_str anywhere = {"*", 1};

/* How much of an action's name is its service and verb: "ec2:Describe" of ec2:DescribeTags. */
static uint32_t verb_end(pb_str action) {
    uint32_t i = service_of(action).n + 1;
    if (i < action.n) i++;
    while (i < action.n && action.s[i] >= 'a' && action.s[i] <= 'z') i++;
    return i;
}

static uint32_t common(pb_str a, pb_str b) {
    uint32_t n = 0;
    while (n < a.n && n < b.n && a.s[n] == b.s[n]) n++;
    return n;
}

/* Neighbours with the same verb as one action that ends in a wildcard, no shorter than it must be. */
static bool alike_as_one(pb_arena *a, policy_grant *g, size_t *n) {
    size_t kept = 0;
    for (size_t i = 0, end; i < *n; i = end) {
        pb_str first = g[i].action;
        uint32_t verb = verb_end(first), same = first.n;
        for (end = i + 1; end < *n && common(first, g[end].action) >= verb && verb_end(g[end].action) == verb; end++) {
            uint32_t c = common(first, g[end].action);
            if (c < same) same = c;
        }
        g[kept] = g[i];
        if (end - i > 1) g[kept].action = pb_printf(a, "%.*s*", (int)same, first.s);
        if (!g[kept++].action.s) return false;
    }
    *n = kept;
    return true;
}

static bool whole_services(pb_arena *a, policy_grant *g, size_t *n) {
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        pb_str service = service_of(g[i].action);
        if (kept && pb_str_eq(service_of(g[kept - 1].action), service)) continue;
        g[kept] = g[i];
        g[kept].action = pb_printf(a, "%.*s:*", PB_ARG(service));
        if (!g[kept++].action.s) return false;
    }
    *n = kept;
    return true;
}

/* "arn:aws:ec2:R:A:instance/..." as "arn:aws:ec2:R:A:*". */
static pb_str any_type(pb_arena *a, pb_str arn) {
    uint32_t at = 0, colons = 0;
    while (at < arn.n && colons < 5) colons += arn.s[at++] == ':';
    return colons < 5 ? anywhere : pb_printf(a, "%.*s*", (int)at, arn.s);
}

/* The resources of a grant whatever their type and name, each once; conditions stay. */
static bool drop_types(pb_arena *a, policy_grant *g) {
    pb_str *list = pb_alloc_array(a, g->nresources, sizeof *list);
    size_t n = 0;
    if (!list) return false;
    for (size_t i = 0; i < g->nresources; i++) {
        pb_str one = any_type(a, g->resources[i]);
        if (!one.s) return false;
        if (!n || !pb_str_eq(list[n - 1], one)) list[n++] = one; /* sorted, so alike are neighbours */
    }
    g->resources = list;
    g->nresources = n;
    return true;
}

static void drop_resources(policy_grant *g) {
    g->resources = &anywhere;
    g->nresources = 1;
    g->conditions = PB_STR("");
}

static bool widen(pb_arena *a, policy_grant *g, size_t *n, step s) {
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (s >= ANY_RESOURCE || (s >= READS_ANYWHERE && g[i].effect == PB_READ))
            drop_resources(&g[i]);
        else if (s == ANY_TYPE && !drop_types(a, &g[i]))
            return false;
    }
    for (size_t i = 0; i < *n; i++) /* those of an action are neighbours and may have become alike */
        if (!kept || !pb_str_eq(g[kept - 1].action, g[i].action) || !same_resources(&g[kept - 1], &g[i]) ||
            !pb_str_eq(g[kept - 1].conditions, g[i].conditions))
            g[kept++] = g[i];
    *n = kept;
    if (s == ALIKE_AS_ONE) return alike_as_one(a, g, n);
    return s != WHOLE_SERVICES || whole_services(a, g, n);
}

pb_str policy_compact(pb_arena *a, const policy_grant *grants, size_t n, pb_str *widened) {
    static const char *const how[STEPS] = {
        NULL,
        "reads are allowed on every resource, because the exact policy is too long for a session",
        "reads are allowed on every resource and the rest on every one of the account, because the exact policy is too "
        "long for a session",
        "everything is allowed on every resource, because the exact policy is too long for a session",
        "operations of a service that begin alike are allowed by wildcards, on every resource, because the exact "
        "policy "
        "is too long for a session",
        "whole services are allowed, because the exact policy is too long for a session",
    };
    policy_grant *copy = pb_alloc_array(a, n, sizeof *copy);
    *widened = (pb_str){NULL, 0};
    for (step s = EXACT; s < STEPS && copy; s++) {
        size_t count = n;
        memcpy(copy, grants, n * sizeof *copy);
        if (!widen(a, copy, &count, s)) break;
        pb_str out = write_policy(a, copy, count, true);
        if (!out.s) break;
        if (out.n > AWS_SESSION_POLICY_MAX) continue;
        if (how[s]) *widened = pb_str_c(how[s]);
        return out;
    }
    return (pb_str){NULL, 0};
}
