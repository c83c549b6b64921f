/*
 * policy.c - from the operations that are called to the permissions they need.
 *
 * Calls are sorted by operation and taken together: a permission that an argument asks for is needed when one of them
 * gives it, a resource is named only by arguments that are known. Where one call names a bucket and another takes it
 * from the event, the policy must allow every bucket, so the named one is left out.
 *
 * A row of the table (its head describes them) is a main row, which takes the place of the default permission, or has
 * its permission marked by +, and comes on top. A main row with `in:` takes the place of the other main rows when the
 * standard library's own actions are the only callers, because what those touch is known better.
 */
#include "stdlib/aws/model.h"
#include "stdlib/aws/policy_parts.h"
#include "stdlib/aws/table.h"

#include <stdlib.h>

enum { MAX_RESOURCES = 256 /* of one permission: more named ones than this are "every" */ };

typedef struct words {
    const char *at;
} words;

/* One operation with all its calls, and what was found for it. */
typedef struct job {
    pb_arena *a;
    const aws_policy_place *place;
    const policy_use *uses; /* of one operation */
    size_t nuses;
    const char *prefix; /* the service's permission with = for the operation's name: "ec2:=" */
    policy_grant *grants;
    size_t n, cap;
    bool failed;
} job;

/* ---- texts ---- */

int policy_compare(pb_str a, pb_str b) {
    uint32_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.s, b.s, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

int policy_compare_strs(const void *a, const void *b) {
    pb_str x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return policy_compare(x, y);
}

/* The next word of a list with blanks between. */
static bool next_word(words *w, pb_str *out) {
    while (*w->at == ' ') w->at++;
    const char *start = w->at;
    while (*w->at && *w->at != ' ') w->at++;
    *out = (pb_str){start, (uint32_t)(w->at - start)};
    return out->n > 0;
}

static bool cut_front(pb_str *s, const char *front) {
    size_t n = strlen(front);
    if (s->n < n || memcmp(s->s, front, n) != 0) return false;
    s->s += n;
    s->n -= (uint32_t)n;
    return true;
}

/* Is word in a list with commas between? */
static bool in_commas(pb_str list, pb_str word) {
    for (uint32_t i = 0, start = 0; i <= list.n; i++) {
        if (i < list.n && list.s[i] != ',') continue;
        if (pb_str_eq((pb_str){list.s + start, i - start}, word)) return true;
        start = i + 1;
    }
    return false;
}

/* ---- the table ---- */

static int row_order(const permission_row *r, pb_str service, pb_str operation) {
    int order = policy_compare(pb_str_c(permission_text(r->service)), service);
    return order ? order : policy_compare(pb_str_c(permission_text(r->operation)), operation);
}

/* The rows of an operation ("*": of the service itself). */
static const permission_row *rows_of(pb_str service, pb_str operation, size_t *n) {
    size_t count, low = 0;
    const permission_row *rows = permission_rows(&count);
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row_order(rows + middle, service, operation) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*n = 0; low + *n < count && row_order(rows + low + *n, service, operation) == 0;) ++*n;
    return rows + low;
}

static bool is_extra(const permission_row *r) { return permission_text(r->permissions)[0] == '+'; }
static bool is_inside(const permission_row *r) { return strncmp(permission_text(r->when), "in:", 3) == 0; }

static const policy_arg *find_arg(const policy_use *u, pb_str name) {
    for (size_t i = 0; i < u->nargs; i++)
        if (pb_str_eq(u->args[i].name, name)) return &u->args[i];
    return NULL;
}

/* Does the row count, as far as its `when` goes? */
static bool row_counts(const job *j, const permission_row *r) {
    pb_str when = pb_str_c(permission_text(r->when));
    bool given = cut_front(&when, "given:"), inside = !given && cut_front(&when, "in:");
    if (!given && !inside) return true;
    for (size_t i = 0; i < j->nuses; i++) {
        const policy_use *u = &j->uses[i];
        bool yes = given ? u->any_args || find_arg(u, when) : u->inside.s && in_commas(when, u->inside);
        if (given && yes) return true;
        if (inside && !yes) return false;
    }
    return inside;
}

/* ---- arguments in resources and conditions ---- */

/* Can a value stand in an ARN as it is? * ? and $ mean something there. */
static bool is_plain(pb_str v) {
    for (uint32_t i = 0; i < v.n; i++)
        if ((uint8_t)v.s[i] <= ' ' || (uint8_t)v.s[i] > '~' || strchr("*?${}\"\\", v.s[i])) return false;
    return v.n > 0;
}

/* What {name} stands for in a call: an argument's text; .s NULL: not known. */
static pb_str value_of(const policy_use *u, pb_str name) {
    if (pb_str_is(name, "operation")) return u->operation;
    const policy_arg *arg = u->any_args ? NULL : find_arg(u, name);
    return arg && arg->value.s && is_plain(arg->value) ? arg->value : (pb_str){NULL, 0};
}

/* A word with its {name}s filled in, * for what a call does not say. *missing: there was such a one. *arn, if asked
 * for: an ARN that was an argument. */
static pb_str fill(job *j, const policy_use *u, pb_str form, bool *missing, pb_str *arn) {
    pb_buf b = {0};
    *missing = false;
    if (arn) *arn = (pb_str){NULL, 0};
    for (uint32_t i = 0; i < form.n; i++) {
        uint32_t end = i;
        if (form.s[i] == '{')
            while (end < form.n && form.s[end] != '}') end++;
        if (end == i) {
            pb_buf_putc(&b, form.s[i]);
            continue;
        }
        pb_str v = value_of(u, (pb_str){form.s + i + 1, end - i - 1});
        if (!v.s) *missing = true;
        pb_buf_add(&b, v.s ? v.s : "*", v.s ? v.n : 1);
        if (arn && v.n > 4 && memcmp(v.s, "arn:", 4) == 0) *arn = v;
        i = end;
    }
    pb_str out = b.oom ? (pb_str){NULL, 0} : pb_strdup(j->a, b.data ? b.data : "", b.len);
    pb_buf_free(&b);
    if (!out.s) j->failed = true;
    return out;
}

/* "ec2:R:A:instance/..." as an ARN; "*" stays as it is. */
static pb_str arn_of(job *j, pb_str form) {
    pb_str part[3];
    if (pb_str_is(form, "*")) return form;
    for (int i = 0; i < 3; i++) {
        const char *colon = form.n ? memchr(form.s, ':', form.n) : NULL;
        if (!colon) return PB_STR("*");
        part[i] = (pb_str){form.s, (uint32_t)(colon - form.s)};
        form = (pb_str){colon + 1, form.n - part[i].n - 1};
    }
    if (pb_str_is(part[1], "R")) part[1] = j->place->region.n ? j->place->region : PB_STR("*");
    if (pb_str_is(part[2], "A")) part[2] = j->place->account.n ? j->place->account : PB_STR("*");
    pb_str out = pb_printf(j->a, "arn:%.*s:%.*s:%.*s:%.*s:%.*s", PB_ARG(j->place->partition), PB_ARG(part[0]),
                           PB_ARG(part[1]), PB_ARG(part[2]), PB_ARG(form));
    if (!out.s) j->failed = true;
    return out;
}

static bool add_once(pb_str *list, size_t *n, pb_str s) {
    for (size_t i = 0; i < *n; i++)
        if (pb_str_eq(list[i], s)) return true;
    if (*n >= MAX_RESOURCES) return false;
    list[(*n)++] = s;
    return true;
}

/* A form as each call has it. */
static void add_resource(job *j, pb_str form, pb_str *list, size_t *n) {
    for (size_t i = 0; i < j->nuses && !j->failed; i++) {
        bool missing;
        pb_str whole, one = fill(j, &j->uses[i], form, &missing, &whole);
        if (add_once(list, n, whole.s ? whole : arn_of(j, one))) continue;
        *n = 0;
        add_once(list, n, PB_STR("*"));
        return;
    }
}

bool policy_holds(pb_str pattern, pb_str text) {
    uint32_t p = 0, t = 0, star = UINT32_MAX, mark = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.s[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.n && pattern.s[p] == text.s[t]) {
            p++;
            t++;
        } else if (star != UINT32_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.s[p] == '*') p++;
    return p == pattern.n;
}

/* Sorted, without those that others hold. */
static void tidy(pb_str *list, size_t *n) {
    size_t kept = 0;
    qsort(list, *n, sizeof *list, policy_compare_strs);
    for (size_t i = 0; i < *n; i++) {
        bool held = false;
        for (size_t k = 0; k < *n && !held; k++) held = !pb_str_eq(list[k], list[i]) && policy_holds(list[k], list[i]);
        if (!held) list[kept++] = list[i];
    }
    *n = kept;
}

static pb_str *resources_of(job *j, const char *forms, size_t *n) {
    pb_str *list = pb_alloc_array(j->a, MAX_RESOURCES, sizeof *list), form;
    *n = 0;
    if (!list) {
        j->failed = true;
        return NULL;
    }
    for (words w = {forms}; next_word(&w, &form);) add_resource(j, form, list, n);
    tidy(list, n);
    return list;
}

/* A call's conditions; one that hangs on an argument nobody knows is left out. */
static pb_str conditions_of(job *j, const policy_use *u, const char *forms) {
    pb_str out = PB_STR(""), form;
    for (words w = {forms}; next_word(&w, &form);) {
        bool missing;
        pb_str one = fill(j, u, form, &missing, NULL);
        if (!missing) out = pb_printf(j->a, "%.*s%s%.*s", PB_ARG(out), out.n ? " " : "", PB_ARG(one));
    }
    if (!out.s) j->failed = true;
    return out;
}

/* ---- grants ---- */

static void add_grant(job *j, policy_grant g) {
    if (j->n == j->cap) {
        size_t cap = j->cap ? j->cap * 2 : 64;
        policy_grant *more = pb_alloc_array(j->a, cap, sizeof *more);
        if (!more) {
            j->failed = true;
            return;
        }
        if (j->n) memcpy(more, j->grants, j->n * sizeof *more);
        j->grants = more;
        j->cap = cap;
    }
    j->grants[j->n++] = g;
}

static const char *method_of(const policy_use *u) {
    const aws_model *m = aws_model_get();
    return tab_method_name(tab_op_at(m, aws_op_find(m, aws_service_find(m, u->service), u->operation))->method);
}

/* "=", "ec2:CreateTags", "apigateway:{METHOD}" as an action's name. */
static pb_str action_of(job *j, pb_str permission) {
    const policy_use *u = j->uses;
    cut_front(&permission, "+");
    if (pb_str_is(permission, "=")) permission = pb_str_c(j->prefix);
    pb_str service = permission;
    while (service.n && service.s[service.n - 1] != ':') service.n--;
    pb_str name = {permission.s + service.n, permission.n - service.n};
    if (pb_str_is(name, "="))
        name = u->operation;
    else if (pb_str_is(name, "{METHOD}"))
        name = pb_str_c(method_of(u));
    pb_str out = pb_printf(j->a, "%.*s%.*s", PB_ARG(service), PB_ARG(name));
    if (!out.s) j->failed = true;
    return out;
}

/* Everything a row gives: each permission on its resources, once for each set of conditions that the calls have. */
static void add_row(job *j, const char *permissions, const char *resources, const char *conditions) {
    size_t n;
    pb_str *list = resources_of(j, resources, &n), permission, last = {NULL, 0};
    for (size_t i = 0; i < j->nuses && !j->failed; i++) {
        pb_str cond = conditions_of(j, &j->uses[i], conditions);
        if (last.s && pb_str_eq(cond, last)) continue;
        last = cond;
        for (words w = {permissions}; next_word(&w, &permission) && !j->failed;)
            add_grant(j, (policy_grant){action_of(j, permission), list, n, cond, j->uses[0].effect});
    }
}

static void add_table_row(job *j, const permission_row *r) {
    add_row(j, permission_text(r->permissions), permission_text(r->resources), permission_text(r->conditions));
}

/* Does the operation take a parameter of this name? */
static bool takes(const policy_use *u, pb_str name) {
    const aws_model *m = aws_model_get();
    const tab_op *op = tab_op_at(m, aws_op_find(m, aws_service_find(m, u->service), u->operation));
    return tab_find(m, tab_ref_shape(m, tab_ref_at(m, op->input)), name) != NULL;
}

/* The service's rows that come on top of an operation which takes a parameter (ec2: TagSpecifications). */
static void add_service_extras(job *j) {
    size_t n;
    const permission_row *r = rows_of(j->uses->service, PB_STR("*"), &n);
    for (size_t i = 0; i < n; i++) {
        pb_str when = pb_str_c(permission_text(r[i].when));
        if (is_extra(&r[i]) && cut_front(&when, "given:") && takes(j->uses, when) && row_counts(j, &r[i]))
            add_table_row(j, &r[i]);
    }
}

static void find_prefix(job *j) {
    const aws_model *m = aws_model_get();
    aws_service_info info;
    size_t n;
    const permission_row *r = rows_of(j->uses->service, PB_STR("*"), &n);
    for (size_t i = 0; i < n; i++)
        if (!is_extra(&r[i])) {
            j->prefix = permission_text(r[i].permissions);
            return;
        }
    aws_service_get(m, aws_service_find(m, j->uses->service), &info);
    pb_str prefix = pb_printf(j->a, "%.*s:=", PB_ARG(info.signing_name));
    j->prefix = prefix.s ? prefix.s : "";
    if (!prefix.s) j->failed = true;
}

/* All calls of one operation. */
static void do_operation(job *j) {
    size_t n;
    bool inside = false, main_row = false, extra = false;
    const permission_row *r = rows_of(j->uses->service, j->uses->operation, &n);
    find_prefix(j);
    for (size_t i = 0; i < n; i++) {
        extra = extra || is_extra(&r[i]);
        inside = inside || (is_inside(&r[i]) && row_counts(j, &r[i]));
    }
    for (size_t i = 0; i < n && !j->failed; i++) {
        if (!row_counts(j, &r[i])) continue;
        if (!is_extra(&r[i]) && is_inside(&r[i]) != inside) continue;
        main_row = main_row || !is_extra(&r[i]);
        add_table_row(j, &r[i]);
    }
    if (!main_row) add_row(j, "=", "*", "");
    if (!extra) add_service_extras(j);
}

static int compare_uses(const void *x, const void *y) {
    const policy_use *a = x, *b = y;
    int order = policy_compare(a->service, b->service);
    return order ? order : policy_compare(a->operation, b->operation);
}

static int compare_resources(const policy_grant *a, const policy_grant *b) {
    for (size_t i = 0; i < a->nresources && i < b->nresources; i++) {
        int order = policy_compare(a->resources[i], b->resources[i]);
        if (order) return order;
    }
    return (a->nresources > b->nresources) - (a->nresources < b->nresources);
}

static int compare_grants(const void *x, const void *y) {
    const policy_grant *a = x, *b = y;
    int order = policy_compare(a->action, b->action);
    if (!order) order = compare_resources(a, b);
    if (!order) order = policy_compare(a->conditions, b->conditions);
    return order ? order : (a->effect > b->effect) - (a->effect < b->effect);
}

/* Is everything that g allows allowed by b too? */
static bool covers(const policy_grant *b, const policy_grant *g) {
    if (!pb_str_eq(b->action, g->action)) return false;
    if (b->conditions.n && !pb_str_eq(b->conditions, g->conditions)) return false;
    for (size_t i = 0; i < g->nresources; i++) {
        size_t k = 0;
        while (k < b->nresources && !policy_holds(b->resources[k], g->resources[i])) k++;
        if (k == b->nresources) return false;
    }
    return true;
}

/* Each once, and none that another covers. Sorted by action, so equals are neighbours. */
static size_t drop_covered(policy_grant *g, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool covered = false;
        for (size_t k = kept; k > 0 && !covered && pb_str_eq(g[k - 1].action, g[i].action); k--)
            covered = covers(&g[k - 1], &g[i]);
        for (size_t k = i + 1; k < n && !covered && pb_str_eq(g[k].action, g[i].action); k++)
            covered = covers(&g[k], &g[i]) && !covers(&g[i], &g[k]);
        if (!covered) g[kept++] = g[i];
    }
    return kept;
}

policy_grant *policy_grants(pb_arena *a, policy_use *uses, size_t n, const aws_policy_place *place, size_t *ngrants) {
    job j = {.a = a, .place = place, .uses = uses};
    if (n) qsort(uses, n, sizeof *uses, compare_uses);
    for (size_t i = 0; i < n && !j.failed; i += j.nuses) {
        j.uses = uses + i;
        for (j.nuses = 1; i + j.nuses < n && compare_uses(j.uses, j.uses + j.nuses) == 0;) j.nuses++;
        do_operation(&j);
    }
    /* A policy without statements is none: this call needs no permission, so allowing it gives nothing. */
    if (n == 0) {
        static const pb_str everything = {"*", 1};
        add_grant(&j, (policy_grant){PB_STR("sts:GetCallerIdentity"), &everything, 1, PB_STR(""), PB_READ});
    }
    if (j.failed || !j.grants) return NULL;
    qsort(j.grants, j.n, sizeof *j.grants, compare_grants);
    *ngrants = drop_covered(j.grants, j.n);
    return j.grants;
}

/* ---- the place ---- */

static bool digits(pb_str s, uint32_t n) {
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9') return false;
    return s.n == n;
}

static bool is_partition(pb_str s) {
    if (s.n < 3 || memcmp(s.s, "aws", 3) != 0) return false;
    for (uint32_t i = 3; i < s.n; i++)
        if (s.s[i] != '-' && (s.s[i] < 'a' || s.s[i] > 'z')) return false;
    return true;
}

bool aws_policy_place_of(pb_arena *a, pb_str partition, pb_str account, pb_str region, aws_policy_place *out,
                         pb_str *err) {
    pb_str of_region = region.n ? aws_partition(aws_model_get(), region) : PB_STR("");
    *out = (aws_policy_place){partition.n ? partition : of_region.n ? of_region : PB_STR("aws"), account, region};
    *err = (pb_str){NULL, 0};
    if (account.n && !digits(account, 12))
        *err = pb_printf(a, "`%.*s` is not an account: it has twelve digits", PB_ARG(account));
    else if (region.n && !of_region.n)
        *err = pb_printf(a, "`%.*s` is not a region of any partition", PB_ARG(region));
    else if (partition.n && !is_partition(partition))
        *err = pb_printf(a, "`%.*s` is not a partition: aws, aws-cn, aws-us-gov ...", PB_ARG(partition));
    else if (partition.n && of_region.n && !pb_str_eq(partition, of_region))
        *err = pb_printf(a, "region %.*s is in partition %.*s, not in %.*s", PB_ARG(region), PB_ARG(of_region),
                         PB_ARG(partition));
    else
        return true;
    if (!err->s) *err = PB_STR("out of memory");
    return false;
}

/* ---- from names alone ---- */

/* "aws.ec2.CreateTags" into a use. False: no such operation. */
static bool parse_operation(pb_str name, policy_use *u) {
    const aws_model *m = aws_model_get();
    const char *dot = name.n ? memchr(name.s, '.', name.n) : NULL;
    if (!dot) return false;
    u->service = (pb_str){name.s, (uint32_t)(dot - name.s)};
    u->operation = (pb_str){dot + 1, name.n - u->service.n - 1};
    u->any_args = true;
    pb_str waiter = u->operation;
    if (cut_front(&waiter, "wait.")) { /* needs what the waiter asks */
        aws_waiter_info w;
        aws_waiter_get(m, aws_waiter_find(m, aws_service_find(m, u->service), waiter), &w);
        u->operation = aws_op_name(m, w.op);
    }
    aws_op op = aws_op_find(m, aws_service_find(m, u->service), u->operation);
    if (op) u->effect = aws_op_effect(m, op);
    return op != 0;
}

/* The uses in a list of hosts' names. False: err. */
static bool parse_operations(pb_arena *a, const pb_str *names, size_t n, policy_use *uses, size_t *nuses, pb_str *err) {
    for (size_t i = 0; i < n; i++) {
        pb_str name = names[i];
        if (!cut_front(&name, "aws.") || parse_operation(name, &uses[(*nuses)++])) continue;
        *err = pb_printf(a, "there is no AWS operation `%.*s`", PB_ARG(name));
        return false;
    }
    return true;
}

static bool write_operations(pb_arena *a, const pb_str *operations, size_t n, const aws_policy_place *place,
                             bool compact, pb_str *json, pb_str *err) {
    size_t nuses = 0, ngrants = 0;
    policy_use *uses = pb_alloc_array(a, n + 1, sizeof *uses);
    if (!uses || !parse_operations(a, operations, n, uses, &nuses, err)) return false;
    policy_grant *grants = policy_grants(a, uses, nuses, place, &ngrants);
    if (grants) *json = compact ? policy_compact(a, grants, ngrants, err) : policy_pretty(a, grants, ngrants);
    return json->s != NULL;
}

bool aws_policy_write(pb_arena *a, const pb_str *operations, size_t n, pb_str account, pb_str region, bool compact,
                      pb_str *json, pb_str *err) {
    aws_policy_place place;
    *json = *err = (pb_str){NULL, 0};
    if (!aws_policy_place_of(a, PB_STR(""), account, region, &place, err)) return false;
    if (write_operations(a, operations, n, &place, compact, json, err)) return true;
    if (pb_arena_failed(a)) *err = PB_STR("out of memory");
    if (!err->s) *err = PB_STR("the operations are in more services than a session policy has room for");
    return false;
}
