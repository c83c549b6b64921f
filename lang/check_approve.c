/*
 * check_approve.c - what stops for somebody or something: approve, wait, authorize.
 *
 * An approval is bound to what is shown to people: the block's code, the values its question and block use, and the
 * state that those values were read from. Which values these are is found here, from the names that question and block
 * use: a path of fields from a local (`i.id`, `f.arn`) is one value. A local that was bound by reading (`let i =
 * ec2.instance(id)`), or made out of such a one, has that read as its state: it is read when the question is asked and
 * again when it was answered, and when the two differ, the answer does not count. Of the item of a loop that is the
 * whole list.
 *
 * What says how long or how many is constant, so that the worst case is known when compiling (pbc check --bounds).
 */
#include "lang/check.h"

#include "lang/ast_walk.h"

enum {
    WITHIN_MIN = 60 * 1000, /* ms: nobody decides within seconds */
    QUORUM_MAX = 10,        /* more people are never awake */
    VALUES_MAX = 40,        /* shown at once: more paths than that become the locals they begin with */
    DAY_MS = 24 * 3600 * 1000
};
#define WITHIN_MAX (30 * (int64_t)DAY_MS) /* what waits longer is forgotten */
#define WAIT_MAX (90 * (int64_t)DAY_MS)

/* ---- what the block uses ---- */

typedef struct capture_walk {
    checker *c;
    ast_stmt *s;
    const scope_entry *outside; /* what was visible in front of the block */
    bool whole;                 /* locals instead of paths */
    uint32_t n;
} capture_walk;

static bool is_outside(const scope_entry *scope, const ast_local *l) {
    while (scope && scope->local != l) scope = scope->next;
    return scope != NULL;
}

static void capture_add(checker *c, ast_capture **list, pb_str name, const ast_expr *e, uint32_t *n) {
    for (; *list; list = &(*list)->next)
        if (pb_str_eq((*list)->name, name)) return;
    *list = pb_alloc(c->arena, sizeof **list);
    if (!*list) return;
    **list = (ast_capture){NULL, name, e};
    if (n) ++*n;
}

/* What a call reads may be another answer each time; the time always is. */
static bool finds_read(void *ctx, const ast_expr *e) {
    enum { READS = 1, CLOCK = 2 };
    int *found = ctx;
    if (e->kind != EXPR_CALL) return true;
    if (e->u.call.kind == CALL_AWS || e->u.call.kind == CALL_ACTION) *found |= READS;
    if (e->u.call.kind == CALL_HOST)
        *found |= e->u.call.decl && pb_str_is(e->u.call.decl->name.parts[0].text, "now") ? CLOCK : READS;
    return true;
}

static bool is_state(const ast_expr *e) {
    int found = 0;
    ast_each_expr(e, finds_read, &found);
    return found == 1;
}

static void add_state(checker *c, ast_stmt *s, const ast_local *l, unsigned depth);

typedef struct state_walk {
    checker *c;
    ast_stmt *s;
    unsigned depth;
} state_walk;

static bool follow_state(void *ctx, const ast_expr *e) {
    state_walk *w = ctx;
    if (e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL) add_state(w->c, w->s, e->local, w->depth + 1);
    return true;
}

/* The read behind a local, and those behind what it was made of. */
static void add_state(checker *c, ast_stmt *s, const ast_local *l, unsigned depth) {
    enum { MADE_OF = 8 }; /* names out of names: what is further away is hardly what the block acts on */
    const ast_expr *from = l->bound ? l->bound : l->each;
    if (!from || depth > MADE_OF) return;
    if (is_state(from)) capture_add(c, &s->state, l->name.text, from, NULL);
    state_walk w = {c, s, depth};
    ast_each_expr(from, follow_state, &w);
}

static void capture(capture_walk *w, const ast_expr *e, const ast_local *l, pb_str name) {
    if (!is_outside(w->outside, l)) return;
    if (e->type && !e->type->has_secret) capture_add(w->c, &w->s->values, name, e, &w->n);
    add_state(w->c, w->s, l, 0);
}

static bool find_values(void *ctx, const ast_expr *e);

static void find_in_call(capture_walk *w, const ast_expr *e) {
    const ast_expr *callee = e->u.call.callee;
    if (e->u.call.kind == CALL_BUILTIN && callee->kind == EXPR_FIELD) ast_each_expr(callee->u.field.of, find_values, w);
    for (const ast_arg *a = e->u.call.args; a; a = a->next) ast_each_expr(a->value, find_values, w);
}

static const ast_expr *root_local(const ast_expr *e) {
    while (e->kind == EXPR_FIELD) e = e->u.field.of;
    return e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL ? e : NULL;
}

static pb_str path_text(checker *c, const ast_expr *e) {
    if (e->kind == EXPR_NAME) return e->u.name.text;
    pb_str of = path_text(c, e->u.field.of);
    return pb_printf(c->arena, "%.*s.%.*s", PB_ARG(of), PB_ARG(e->u.field.name.text));
}

static bool find_values(void *ctx, const ast_expr *e) {
    capture_walk *w = ctx;
    if (e->kind == EXPR_CALL) {
        find_in_call(w, e);
        return false;
    }
    const ast_expr *root = e->kind == EXPR_NAME || e->kind == EXPR_FIELD ? root_local(e) : NULL;
    if (!root) return true;
    if (w->whole) e = root;
    capture(w, e, root->local, path_text(w->c, e));
    return false;
}

/* i.id says nothing more where i itself is shown. */
static bool is_part(const ast_capture *k, const ast_capture *list) {
    for (; list; list = list->next)
        if (list->name.n < k->name.n && k->name.s[list->name.n] == '.' &&
            memcmp(list->name.s, k->name.s, list->name.n) == 0)
            return true;
    return false;
}

static void drop_parts(ast_stmt *s) {
    for (ast_capture **k = &s->values; *k;)
        if (is_part(*k, s->values))
            *k = (*k)->next;
        else
            k = &(*k)->next;
}

static void find_captures(checker *c, ast_stmt *s, const scope_entry *outside) {
    for (int whole = 0; whole < 2; whole++) {
        capture_walk w = {c, s, outside, whole == 1, 0};
        s->values = NULL;
        ast_each_expr(s->expr, find_values, &w);
        for (const ast_stmt *b = s->body; b; b = b->next) ast_each_in_stmt(b, true, find_values, &w);
        drop_parts(s);
        if (w.n <= VALUES_MAX) return;
    }
}

/* ---- who ---- */

static void say_bad(checker *c, pb_span at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void say_bad(checker *c, pb_span at, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    pb_str text = pb_vprintf(c->arena, fmt, ap);
    va_end(ap);
    diag *d = diag_add(c->diags, DIAG_BAD_APPROVE, at, "%.*s", PB_ARG(text));
    if (*hint) check_hint(c, d, "%s", hint);
}

static const ast_name *kind_of(const ast_arg *clause) { return &clause->value->u.call.callee->u.name; }

static bool check_kind_word(checker *c, const ast_arg *clause, const char *const *kinds) {
    const ast_name *kind = kind_of(clause);
    nearest n = nearest_to(kind->text);
    pb_str all = {"", 0};
    for (int i = 0; kinds[i]; i++) {
        if (pb_str_is(kind->text, kinds[i])) return true;
        nearest_offer(&n, pb_str_c(kinds[i]));
        all = pb_printf(c->arena, "%.*s%s%s", PB_ARG(all), i == 0 ? "" : kinds[i + 1] ? ", " : " or ", kinds[i]);
    }
    diag *d = diag_add(c->diags, DIAG_BAD_APPROVE, kind->span, "`%.*s` is followed by %.*s, not by `%.*s`",
                       PB_ARG(clause->name.text), PB_ARG(all), PB_ARG(kind->text));
    nearest_hint(c, d, &n);
    return false;
}

/* Who decides must not come out of an event: a constant, or a parameter. */
static void check_who(checker *c, const ast_arg *clause, ast_expr *e) {
    pb_str what =
        pb_printf(c->arena, "the name behind `%.*s %.*s`", PB_ARG(clause->name.text), PB_ARG(kind_of(clause)->text));
    if (check_value(c, e, check_simple(c, TYPE_STRING), what)->kind == TYPE_POISON) return;
    if (e->kind == EXPR_STRING) {
        if (e->u.string.n)
            site_check_person(c, kind_of(clause)->text, e);
        else
            say_bad(c, e->span, "", "%.*s is empty", PB_ARG(what));
        return;
    }
    if (e->kind == EXPR_NAME && e->name_kind == NAME_PARAM) return;
    diag *d = diag_add(c->diags, DIAG_NOT_CONSTANT, e->span, "%.*s must be a constant or the name of a `param`",
                       PB_ARG(what));
    check_hint(c, d, "who may decide must not depend on what an event says");
}

static bool check_duration(checker *c, ast_expr *e, const char *what, int64_t least, int64_t most, const char *range) {
    if (check_value(c, e, check_simple(c, TYPE_DURATION), pb_printf(c->arena, "`%s`", what))->kind != TYPE_DURATION)
        return false;
    if (e->kind == EXPR_DURATION && e->u.integer >= least && e->u.integer <= most) return true;
    diag_add(c->diags, DIAG_BAD_LIMIT, e->span, "`%s` must be a constant from %s", what, range);
    return false;
}

static void check_after(checker *c, const ast_stmt *s, const ast_arg *clause, ast_expr *after) {
    if (!after) {
        say_bad(c, clause->value->span, "escalate to group \"secops-leads\" after 10m",
                "`escalate` does not say after which time");
        return;
    }
    if (!check_duration(c, after, "after", 1000, WITHIN_MAX, "1s to 30d")) return;
    int64_t within =
        s->timeout ? s->timeout->kind == EXPR_DURATION ? s->timeout->u.integer : INT64_MAX : APPROVE_WITHIN;
    if (after->u.integer < within) return;
    say_bad(c, after->span, "escalate earlier, or give the approval more time with `within`",
            "it would be escalated when it has expired already");
}

static void check_parties(checker *c, ast_stmt *s) {
    static const char *const channels[] = {"slack", NULL}, *const people[] = {"group", "person", NULL};
    bool has_by = false;
    for (ast_arg *a = s->clauses; a; a = a->next) {
        if (!a->value || a->value->kind != EXPR_CALL) continue; /* nested too deeply: said so already */
        ast_arg *first = a->value->u.call.args;
        bool via = pb_str_is(a->name.text, "via"), escalate = pb_str_is(a->name.text, "escalate");
        a->value->type = a->value->u.call.callee->type = check_simple(c, TYPE_VOID);
        has_by = has_by || (!via && !escalate);
        if (!check_kind_word(c, a, via ? channels : people)) {
            check_expr(c, first->value, NULL);
        } else if (via) {
            check_value(c, first->value, check_simple(c, TYPE_STRING), PB_STR("the channel behind `via slack`"));
        } else {
            check_who(c, a, first->value);
        }
        if (escalate) check_after(c, s, a, first->next ? first->next->value : NULL);
    }
    if (!has_by)
        say_bad(c, (pb_span){s->span.file, s->span.start, s->span.start + 7}, "by group \"secops-oncall\"",
                "the approval does not say who may decide");
}

static void check_quorum(checker *c, ast_stmt *s) {
    if (!s->retry) return;
    if (check_value(c, s->retry, check_simple(c, TYPE_INT), PB_STR("`quorum`"))->kind != TYPE_INT) return;
    if (s->retry->kind != EXPR_INT || s->retry->u.integer < 1 || s->retry->u.integer > QUORUM_MAX) {
        diag_add(c->diags, DIAG_BAD_LIMIT, s->retry->span, "`quorum` must be a constant from 1 to %d", QUORUM_MAX);
        return;
    }
    uint32_t people = 0, n;
    for (const ast_arg *a = s->clauses; a; a = a->next) {
        if (!pb_str_is(a->name.text, "by") || a->value->kind != EXPR_CALL) continue;
        if (!site_people(c, kind_of(a)->text, a->value->u.call.args->value, &n)) return; /* nobody knows how many */
        people += n;
    }
    if (people && s->retry->u.integer > people)
        say_bad(c, s->retry->span, "lower the quorum, or add people to the group in `site`",
                "%d people must agree, but only %u may decide", (int)s->retry->u.integer, people);
}

static void check_within(checker *c, ast_stmt *s) {
    if (s->timeout) {
        check_duration(c, s->timeout, "within", WITHIN_MIN, WITHIN_MAX, "1m to 30d");
        return;
    }
    diag *d = diag_add(c->diags, DIAG_NO_WITHIN, (pb_span){s->span.file, s->span.start, s->span.start + 7},
                       "the approval does not say how long it waits");
    check_hint(c, d, "it is taken as `within 1h`; write that");
}

/* ---- approve ---- */

static bool check_branch(checker *c, ast_stmt *first) {
    narrow_fact *facts = c->b->facts;
    bool leaves = check_block(c, first);
    c->b->facts = facts;
    return leaves;
}

/* The block that runs when it was granted: destroying is allowed in it. What it does at most, in *effect. */
static bool check_granted(checker *c, ast_stmt *s, pb_effect *effect) {
    body *b = c->b;
    effect_mark before = effect_begin(b);
    bool outer = b->granted;
    b->granted = true;
    bool leaves = check_branch(c, s->body);
    b->granted = outer;
    *effect = b->effect;
    effect_end(b, before);
    return leaves;
}

bool check_approve(checker *c, ast_stmt *s) {
    pb_effect effect;
    const scope_entry *outside = c->b->scope;
    pb_span head = {s->span.file, s->span.start, s->span.start + 7};
    if (c->b->kind != BODY_PLAYBOOK) {
        diag *d = diag_add(c->diags, DIAG_MISPLACED, head, "`approve` belongs to a playbook, not to %s",
                           c->b->kind == BODY_UNDO ? "an undo" : "an action");
        check_hint(c, d, "ask in the playbook, around the `do` of this action");
        c->b->granted = true; /* the same mistake is not said again of what is in the block */
    }
    check_value(c, s->expr, check_simple(c, TYPE_STRING), PB_STR("the question of `approve`"));
    effect_call(c, head, PB_STR("`approve`"), PB_NOTIFY, false, true);
    check_within(c, s);
    check_parties(c, s);
    check_quorum(c, s);
    bool granted = check_granted(c, s, &effect);
    bool denied = s->has_denied ? check_branch(c, s->other) : true;
    bool expired = s->has_expired ? check_branch(c, s->third) : true;
    find_captures(c, s, outside);
    if (effect >= PB_CONTAIN && !s->state) {
        diag *d = diag_add(c->diags, DIAG_NO_DRIFT, head,
                           "nothing that the block uses was read, so it cannot be seen whether its target changes "
                           "while people decide");
        check_hint(c, d, "read the target before, and use what was read: let i = ec2.instance(id)");
    }
    return granted && denied && expired;
}

/* ---- wait, authorize ---- */

void check_wait(checker *c, ast_stmt *s) {
    pb_span head = {s->span.file, s->span.start, s->span.start + 4};
    if (c->b->kind != BODY_PLAYBOOK) {
        diag *d = diag_add(c->diags, DIAG_MISPLACED, head, "`wait` for a time belongs to a playbook, not to %s",
                           c->b->kind == BODY_UNDO ? "an undo" : "an action");
        check_hint(c, d, "an action waits for something: `verify`, or `wait until aws...`");
    }
    effect_call(c, head, PB_STR("`wait`"), PB_NOTIFY, false, true);
    if (check_value(c, s->expr, check_simple(c, TYPE_DURATION), PB_STR("`wait`"))->kind != TYPE_DURATION) return;
    if (s->expr->kind == EXPR_DURATION && (s->expr->u.integer < 1000 || s->expr->u.integer > WAIT_MAX))
        diag_add(c->diags, DIAG_BAD_LIMIT, s->expr->span, "`wait` takes a time from 1s to 90d");
}

void check_authorize(checker *c, ast_stmt *s) {
    pb_span head = {s->span.file, s->span.start, s->span.start + 9};
    const char *where = c->b->kind != BODY_PLAYBOOK ? "belongs to a playbook, not to an action"
                        : c->b->parallel            ? "cannot stand in a branch of parallel"
                                                    : NULL;
    if (where) {
        diag *d = diag_add(c->diags, DIAG_MISPLACED, head, "`authorize` %s", where);
        check_hint(c, d, "put it into the playbook, in front of the step that it is for");
    }
    if (s->name.text.s && !s->name.text.n)
        diag_add(c->diags, DIAG_BAD_HEADER, s->name.span, "`authorize` needs a name that guards can ask for");
    check_value(c, s->expr, check_simple(c, TYPE_STRING), PB_STR("the reason of `authorize`"));
    c->b->authorized = true;
}
