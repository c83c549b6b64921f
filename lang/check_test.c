/*
 * check_test.c - test blocks: what is given and expected becomes statements, which are checked like all others.
 *
 * A test is a body of its own (BODY_TEST). Set-up blocks stay the statements that they are; every other clause becomes
 * a call of an extern action `test.*` of the testing library (stdlib/testing/test.pb), which the runner answers. So a
 * test needs nothing of its own in the code generator or the interpreter but a function to be in.
 *
 * What is given together is taken together, in this order, however it is written: blocks, then settings (parameters,
 * faults, switches, crash), then events one after the other, then decisions on approvals. `after` and `expect` come
 * where they stand; a `given` behind one of them begins a new round.
 *
 * `expect a == b` is taken apart, so that a failure can show both sides:
 *
 *     let l = a    let r = b    do test.expect(3, l == r, l, r)
 *
 * In what is expected, `evidence` is the last run's evidence document and `run` what that run was: read for each
 * expectation that names them.
 */
#include "lang/check.h"

typedef enum test_stage {
    STAGE_BLOCK,
    STAGE_SETTING,
    STAGE_EVENT,
    STAGE_DECISION,
    STAGE_AFTER,
    STAGE_EXPECT
} test_stage;

typedef struct test_maker { /* the statements made so far */
    checker *c;
    ast_decl *test;
    ast_stmt **end;
    uint32_t number; /* of the clause in hand, from 0 in source order */
} test_maker;

/* ---- making nodes ---- */

static ast_expr *new_expr(checker *c, ast_expr_kind kind, pb_type *type, pb_span span) {
    ast_expr *e = pb_alloc(c->arena, sizeof *e);
    if (!e) return NULL;
    e->kind = kind;
    e->type = type;
    e->span = span;
    return e;
}

static ast_expr *new_int(checker *c, int64_t i, pb_span span) {
    ast_expr *e = new_expr(c, EXPR_INT, check_simple(c, TYPE_INT), span);
    if (e) e->u.integer = i;
    return e;
}

static ast_expr *new_bool(checker *c, bool b, pb_span span) {
    ast_expr *e = new_expr(c, EXPR_BOOL, check_simple(c, TYPE_BOOL), span);
    if (e) e->u.boolean = b;
    return e;
}

static ast_expr *new_text(checker *c, pb_str s, pb_span span) {
    ast_expr *e = new_expr(c, EXPR_STRING, check_simple(c, TYPE_STRING), span);
    if (e) e->u.string = s.s ? s : PB_STR("");
    return e;
}

static ast_expr *new_use(checker *c, ast_local *l, pb_span span) {
    ast_expr *e = new_expr(c, EXPR_NAME, l->type, span);
    if (!e) return NULL;
    e->u.name = l->name;
    e->name_kind = NAME_LOCAL;
    e->local = l;
    l->uses++;
    return e;
}

/* A call of the testing library, its arguments in the order of the parameters (NULL: left out). They are checked. */
static ast_expr *new_call(checker *c, const char *name, ast_expr *const *args, uint32_t n, pb_span span) {
    decl_info *d = resolve_name(c, c->b->file, NAMES_VALUE, pb_str_c(name));
    ast_expr *e = d ? new_expr(c, EXPR_CALL, d->decl->ty, span) : NULL;
    ast_expr *callee = new_expr(c, EXPR_NAME, check_simple(c, TYPE_VOID), span); /* for those who walk over calls */
    ast_expr **copy = pb_alloc_array(c->arena, n + 1, sizeof *copy);
    if (!e || !copy || !callee) return NULL;
    callee->u.name = (ast_name){pb_str_c(name), span};
    e->u.call.callee = callee;
    for (uint32_t i = 0; i < n; i++) copy[i] = args[i];
    e->u.call.kind = CALL_HOST;
    e->u.call.decl = d->decl;
    e->u.call.effect = d->decl->effect;
    e->u.call.resolved = copy;
    e->u.call.nresolved = n;
    return e;
}

static void append(test_maker *m, ast_stmt *s) {
    if (!s) return;
    *m->end = s;
    while (s->next) s = s->next;
    m->end = &s->next;
}

static ast_stmt *new_stmt(checker *c, ast_stmt_kind kind, ast_expr *e, pb_span span) {
    ast_stmt *s = e ? pb_alloc(c->arena, sizeof *s) : NULL;
    if (!s) return NULL;
    s->kind = kind;
    s->expr = e;
    s->span = span;
    return s;
}

static void append_do(test_maker *m, const char *name, ast_expr *const *args, uint32_t n, pb_span span) {
    append(m, new_stmt(m->c, STMT_DO, new_call(m->c, name, args, n, span), span));
}

/* let NAME = e; the local. */
static ast_local *append_let(test_maker *m, ast_local *l, ast_expr *e) {
    ast_stmt *s = new_stmt(m->c, STMT_LET, e, e ? e->span : m->test->span);
    if (!s) return l;
    s->name = l->name;
    s->local = l;
    append(m, s);
    return l;
}

static ast_local *hidden(checker *c, pb_type *type, pb_span span) {
    return scope_bind(c, (ast_name){PB_STR("_"), span}, type);
}

/* ---- given ---- */

static const ast_name *word(const ast_clause *k) { return &k->word; }
static bool is(const ast_clause *k, const char *w) { return pb_str_is(word(k)->text, w); }

static void given_block(test_maker *m, ast_clause *k) {
    checker *c = m->c;
    c->b->allowed = PB_DESTROY;
    check_statements(c, k->body);
    c->b->allowed = PB_READ;
    append(m, k->body);
}

static const ast_clause *event_clause(const ast_decl *event, const char *name) {
    const ast_clause *k = event->clauses;
    while (k && !pb_str_is(k->name.text, name)) k = k->next;
    return k && k->value && k->value->kind == EXPR_STRING ? k : NULL;
}

/* Where in the envelope that is what the playbook sees: "detail", or "detail.findings" of an event with several items.
 */
static pb_str payload_of(checker *c, const ast_decl *event) {
    const ast_clause *payload = event_clause(event, "payload"), *each = event_clause(event, "each");
    pb_str path = payload ? payload->value->u.string : PB_STR("detail");
    return each ? pb_printf(c->arena, "%.*s.%.*s", PB_ARG(path), PB_ARG(each->value->u.string)) : path;
}

static void say_no_member(checker *c, pb_span at, pb_type *t, pb_str part) {
    nearest n = nearest_to(part);
    pb_str name, type = check_type_text(c, t);
    bool required;
    for (uint32_t i = 0; type_member_at(c->types, t, i, &name, NULL, &required); i++) nearest_offer(&n, name);
    diag *d = diag_add(c->diags, DIAG_TEST_PATH, at, "%.*s has no field `%.*s`", PB_ARG(type), PB_ARG(part));
    nearest_hint(c, d, &n);
}

/* Does the dotted path lead to something in an event that the playbook takes? What lies beside what it sees (the
 * envelope, other items) has no type that is known here. */
static void check_path(checker *c, const ast_decl *test, const ast_arg *a) {
    const ast_decl *event = test->playbook->event_decl;
    pb_str path = a->name.text, payload = event ? payload_of(c, event) : (pb_str){"", 0};
    bool within = path.n > payload.n && memcmp(path.s, payload.s, payload.n) == 0 && path.s[payload.n] == '.';
    pb_type *t = event && within ? event->ty : NULL;
    for (uint32_t at = payload.n + 1, end; t && at < path.n; at = end + 1) {
        for (end = at; end < path.n && path.s[end] != '.'; end++) {
        }
        pb_str part = {path.s + at, end - at};
        t = type_base(t);
        while (t->kind == TYPE_LIST) t = type_base(t->elem);
        if (t->kind == TYPE_MAP || t->kind == TYPE_JSON || t->kind == TYPE_POISON) return;
        pb_type *next = type_member(c->types, t, part);
        if (!next) say_no_member(c, a->name.span, t, part);
        t = next;
    }
}

/* with { a.b: v }: a map of JSON values under dotted paths. */
static ast_expr *changes_of(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    ast_expr *map = new_expr(c, EXPR_MAP, type_map(c->types, check_simple(c, TYPE_JSON)), k->span);
    for (ast_arg *a = k->entries; a; a = a->next) {
        const ast_arg *b = k->entries;
        while (b != a && !pb_str_eq(b->name.text, a->name.text)) b = b->next;
        if (b != a) {
            diag *d =
                diag_add(c->diags, DIAG_DUPLICATE_KEY, a->name.span, "`%.*s` is given twice", PB_ARG(a->name.text));
            check_also(d, b->name.span, "first given here");
        }
        check_path(c, m->test, a);
        if (a->value->kind == EXPR_NONE)
            check_expr(c, a->value, NULL); /* takes the field out */
        else
            check_value(c, a->value, check_simple(c, TYPE_JSON), pb_printf(c->arena, "`%.*s`", PB_ARG(a->name.text)));
    }
    if (map) map->u.map = k->entries;
    return map;
}

/* The paths whose value is none: a map has no place for them. */
static ast_expr *removals_of(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    ast_expr *list = new_expr(c, EXPR_LIST, type_list(c->types, check_simple(c, TYPE_STRING)), k->span);
    ast_arg **end = list ? &list->u.list : NULL;
    for (const ast_arg *a = k->entries; a && end; a = a->next) {
        ast_arg *item = a->value->kind == EXPR_NONE ? pb_alloc(c->arena, sizeof *item) : NULL;
        if (!item) continue;
        item->value = new_text(c, a->name.text, a->name.span);
        *end = item;
        end = &item->next;
    }
    return list;
}

static void given_event(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    ast_expr *path = NULL, *event = NULL;
    if (k->value->kind == EXPR_STRING) {
        check_expr(c, k->value, NULL);
        path = k->value;
    } else {
        check_value(c, k->value, check_simple(c, TYPE_JSON), PB_STR("the event"));
        event = k->value;
    }
    ast_expr *args[] = {new_int(c, m->number, k->span), path, event, k->entries ? changes_of(m, k) : NULL,
                        k->entries ? removals_of(m, k) : NULL};
    append_do(m, "test.event", args, 5, k->span);
}

/* a.b.c as text; .s NULL when it is something else. */
static pb_str call_name(checker *c, const ast_expr *callee) {
    if (callee->kind == EXPR_NAME) return callee->u.name.text;
    if (callee->kind != EXPR_FIELD) return (pb_str){NULL, 0};
    pb_str of = call_name(c, callee->u.field.of), field = callee->u.field.name.text;
    return of.s ? pb_printf(c->arena, "%.*s.%.*s", PB_ARG(of), PB_ARG(field)) : of;
}

static bool is_aws(pb_str name) { return name.n > 4 && memcmp(name.s, "aws.", 4) == 0; }

static void given_fault(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    pb_str name = call_name(c, k->value);
    if (!is_aws(name)) {
        diag *d = diag_add(c->diags, DIAG_TEST_ACT, k->value->span, "only AWS operations can be given a fault");
        check_hint(c, d, "given fault aws.ec2.CreateTags \"RequestLimitExceeded\" times 2");
        return;
    }
    if (!check_mentioned(c, k->value)) return;
    check_value(c, k->entries->value, check_simple(c, TYPE_STRING), PB_STR("the error code"));
    if (k->value2) check_value(c, k->value2, check_simple(c, TYPE_INT), PB_STR("`times`"));
    ast_expr *args[] = {new_int(c, m->number, k->span), new_text(c, (pb_str){name.s + 4, name.n - 4}, k->value->span),
                        k->entries->value, k->value2 ? k->value2 : new_int(c, 1, k->span)};
    append_do(m, "test.fault", args, 4, k->span);
}

static void given_param(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    const ast_name *name = &k->entries->name;
    decl_info *d = resolve_name(c, c->b->file, NAMES_VALUE, name->text);
    if (!d || d->decl->kind != DECL_PARAM) {
        diag *e = diag_add(c->diags, DIAG_UNKNOWN_NAME, name->span, "there is no deployment parameter `%.*s` here",
                           PB_ARG(name->text));
        check_hint(c, e, "a test sees the parameters of its own file and of the files that it imports");
        check_expr(c, k->value, NULL);
        return;
    }
    check_declare(c, d);
    pb_type *want = d->decl->ty ? d->decl->ty : c->poison;
    check_value(c, k->value, want->kind == TYPE_SECRET ? check_simple(c, TYPE_STRING) : want,
                pb_printf(c->arena, "`%.*s`", PB_ARG(name->text)));
    ast_expr *args[] = {new_int(c, m->number, k->span), new_text(c, name->text, name->span), k->value};
    append_do(m, "test.param", args, 3, k->span);
}

/* kill_switch on, approval by "alice", denial by "bob". */
static void given_word(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    bool decision = is(k, "approval") || is(k, "denial");
    if (decision) {
        check_value(c, k->value, check_simple(c, TYPE_STRING), PB_STR("who decides"));
        ast_expr *args[] = {new_int(c, m->number, k->span), new_bool(c, is(k, "approval"), k->span), k->value};
        append_do(m, "test.decision", args, 3, k->span);
        return;
    }
    pb_str state = k->value && k->value->kind == EXPR_NAME ? k->value->u.name.text : PB_STR("");
    if (is(k, "kill_switch") && (pb_str_is(state, "on") || pb_str_is(state, "off") || pb_str_is(state, "observe"))) {
        ast_expr *args[] = {new_int(c, m->number, k->span), new_text(c, state, k->value->span)};
        append_do(m, "test.kill_switch", args, 2, k->span);
        return;
    }
    if (is(k, "chat") && (pb_str_is(state, "down") || pb_str_is(state, "up"))) {
        ast_expr *args[] = {new_int(c, m->number, k->span), new_bool(c, pb_str_is(state, "up"), k->span)};
        append_do(m, "test.chat", args, 2, k->span);
        return;
    }
    diag *d = diag_add(c->diags, DIAG_TEST_CLAUSE, k->word.span, "nothing of this kind can be given");
    check_hint(c, d,
               "given event, { }, fault, param, kill_switch on, chat down, approval by, denial by, crash at each step");
    if (k->value && k->value->kind != EXPR_NAME) check_expr(c, k->value, NULL);
}

/* The words of a span, one blank between them. */
static pb_str folded(checker *c, pb_span span) { return source_folded(c->program->sources, span, 0, c->arena); }

static void given_crash(test_maker *m, const ast_clause *k) {
    pb_str text = folded(m->c, k->span);
    static const char want[] = "crash at each step";
    if (text.n < sizeof want - 1 || memcmp(text.s + text.n - (sizeof want - 1), want, sizeof want - 1) != 0) {
        diag *d = diag_add(m->c->diags, DIAG_TEST_CLAUSE, k->span, "a crash is given at each step");
        check_hint(m->c, d, "given crash at each step");
        return;
    }
    ast_expr *args[] = {new_int(m->c, m->number, k->span)};
    append_do(m, "test.crash", args, 1, k->span);
}

static void given(test_maker *m, ast_clause *k) {
    if (k->body || !word(k)->text.s)
        given_block(m, k);
    else if (is(k, "event"))
        given_event(m, k);
    else if (is(k, "fault"))
        given_fault(m, k);
    else if (is(k, "param"))
        given_param(m, k);
    else if (is(k, "crash"))
        given_crash(m, k);
    else
        given_word(m, k);
}

static void after(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    check_value(c, k->value, check_simple(c, TYPE_DURATION), PB_STR("`after`"));
    ast_expr *args[] = {new_int(c, m->number, k->span), k->value};
    append_do(m, "test.after", args, 2, k->span);
}

/* ---- expect ---- */

/* Both sides of a comparison, or what is looked at by exists and not; the expression over names that stands for it. */
static ast_expr *take_apart(test_maker *m, ast_expr *e, ast_expr **left, ast_expr **right) {
    checker *c = m->c;
    bool binary = e->kind == EXPR_BINARY && e->op >= OP_EQ && e->op <= OP_MATCHES;
    bool constant = binary && (e->op == OP_LIKE || e->op == OP_MATCHES); /* the pattern stays where it is */
    ast_expr *copy = new_expr(c, e->kind, e->type, e->span);
    if (!copy || (!binary && e->kind != EXPR_EXISTS)) {
        *left = *right = NULL;
        return e;
    }
    *copy = *e;
    ast_expr *of = binary ? e->u.binary.left : e->u.unary;
    ast_local *l = append_let(m, hidden(c, of->type, of->span), of);
    *left = new_use(c, l, of->span);
    *right = constant ? e->u.binary.right : NULL;
    if (binary && !constant) {
        ast_local *r = append_let(m, hidden(c, e->u.binary.right->type, e->u.binary.right->span), e->u.binary.right);
        *right = new_use(c, r, e->u.binary.right->span);
    }
    if (binary) {
        copy->u.binary.left = *left;
        copy->u.binary.right = *right;
    } else {
        copy->u.unary = *left;
    }
    return copy;
}

/* `a and b` is two expectations, so that the failure names the one. */
static void expect_part(test_maker *m, ast_expr *e) {
    checker *c = m->c;
    if (e->kind == EXPR_BINARY && e->op == OP_AND) {
        expect_part(m, e->u.binary.left);
        expect_part(m, e->u.binary.right);
        return;
    }
    ast_expr *left, *right, *cond = take_apart(m, e, &left, &right);
    ast_expr *args[] = {new_int(c, m->number, e->span), cond, new_text(c, folded(c, e->span), e->span), left, right};
    append_do(m, "test.expect", args, 5, e->span);
}

/* The names that an expectation has besides the test's own: what they stand for is read when one is used. */
typedef struct run_names {
    scope_entry *scope;
    ast_local *document, *last;
} run_names;

static run_names names_open(checker *c, pb_span span) {
    scope_entry *scope = c->b->scope;
    ast_name evidence = {PB_STR("evidence"), span}, run = {PB_STR("run"), span};
    return (run_names){scope, scope_bind(c, evidence, check_simple(c, TYPE_JSON)), scope_bind(c, run, c->run)};
}

static void names_close(test_maker *m, const run_names *n, pb_span span) {
    checker *c = m->c;
    c->b->scope = n->scope;
    if (n->document->uses) append_let(m, n->document, new_call(c, "test.evidence", NULL, 0, span));
    if (n->last->uses) append_let(m, n->last, new_call(c, "test.run", NULL, 0, span));
}

static void expect_true(test_maker *m, ast_clause *k) {
    checker *c = m->c;
    run_names names = names_open(c, k->span);
    bool ok = check_condition(c, k->value, "`expect`");
    names_close(m, &names, k->span);
    if (!ok) return;
    expect_part(m, k->value);
    c->b->facts = narrow_when(c, c->b->facts, k->value, true);
}

static ast_expr *args_map(checker *c, const ast_expr *call) {
    ast_expr *map = new_expr(c, EXPR_MAP, type_map(c->types, check_simple(c, TYPE_JSON)), call->span);
    if (map) map->u.map = call->u.call.args;
    return map;
}

/* The arguments that are named in an expectation, by name (AWS) or by number of the parameter. */
static ast_expr *action_args(checker *c, ast_expr *call, const decl_info *d) {
    uint32_t position = 0;
    bool by_name = d->decl->is_extern;
    for (ast_arg *a = call->u.call.args; a; a = a->next, position++) {
        uint32_t i = 0;
        ast_field *p = d->decl->params;
        for (; p; p = p->next, i++)
            if (a->name.text.s ? pb_str_eq(p->name.text, a->name.text) : i == position) break;
        if (!p) {
            nearest n = nearest_to(a->name.text.s ? a->name.text : PB_STR(""));
            for (ast_field *q = d->decl->params; q; q = q->next) nearest_offer(&n, q->name.text);
            diag *m = a->name.text.s ? diag_add(c->diags, DIAG_UNKNOWN_ARGUMENT, a->name.span,
                                                "`%.*s` has no parameter `%.*s`", PB_ARG(d->name), PB_ARG(a->name.text))
                                     : diag_add(c->diags, DIAG_TOO_MANY_ARGUMENTS, a->value->span,
                                                "`%.*s` takes %u argument%s", PB_ARG(d->name), i, i == 1 ? "" : "s");
            nearest_hint(c, m, &n);
            check_expr(c, a->value, NULL);
            continue;
        }
        check_value(c, a->value, p->ty ? p->ty : c->poison, pb_printf(c->arena, "`%.*s`", PB_ARG(p->name.text)));
        a->name = (ast_name){by_name ? p->name.text : pb_printf(c->arena, "%u", i), a->value->span};
    }
    return args_map(c, call);
}

static void say_no_act(checker *c, const ast_expr *callee, pb_str name) {
    diag *d =
        diag_add(c->diags, DIAG_TEST_ACT, callee->span, "there is no action `%.*s` that could be done", PB_ARG(name));
    nearest n = nearest_to(name.s ? name : PB_STR(""));
    resolve_offer(c, c->b->file, NAMES_VALUE, &n);
    nearest_hint(c, d, &n);
}

/* What is to have been done: *name and, when arguments are written, *args. False: said what is wrong. */
static bool act_of(checker *c, ast_expr *e, pb_str *name, ast_expr **args) {
    ast_expr *callee = e->kind == EXPR_CALL ? e->u.call.callee : e;
    *name = call_name(c, callee);
    *args = NULL;
    if (is_aws(*name)) {
        if (e->kind == EXPR_CALL) *args = args_map(c, e);
        return check_mentioned(c, e);
    }
    decl_info *d = name->s ? resolve_name(c, c->b->file, NAMES_VALUE, *name) : NULL;
    if (!d || d->decl->kind != DECL_ACTION) {
        say_no_act(c, callee, *name);
        return false;
    }
    check_declare(c, d);
    if (e->kind == EXPR_CALL) *args = action_args(c, e, d);
    return true;
}

static void expect_do(test_maker *m, ast_clause *k) {
    checker *c = m->c;
    pb_str name;
    ast_expr *map;
    run_names names = names_open(c, k->span);
    bool ok = act_of(c, k->value, &name, &map);
    names_close(m, &names, k->span);
    if (!ok) return;
    ast_expr *args[] = {new_int(c, m->number, k->span), new_bool(c, !is(k, "no"), k->span),
                        new_text(c, name, k->value->span), map};
    append_do(m, "test.expect_do", args, 4, k->span);
}

/* A guard of any file holds for all playbooks. */
static bool is_guard(checker *c, pb_str name, nearest *n) {
    for (uint32_t i = 0; i < c->nfiles; i++)
        for (const decl_info *d = c->files[i].decls; d; d = d->next) {
            if (d->decl->kind != DECL_GUARD || !d->decl->name.n) continue;
            if (pb_str_eq(d->decl->name.parts[0].text, name)) return true;
            nearest_offer(n, d->decl->name.parts[0].text);
        }
    return false;
}

static void expect_denied(test_maker *m, const ast_clause *k) {
    checker *c = m->c;
    pb_str name = call_name(c, k->value);
    nearest n = nearest_to(name.s ? name : PB_STR(""));
    nearest_offer(&n, PB_STR("kill_switch"));
    nearest_offer(&n, PB_STR("self_protection"));
    if (!pb_str_is(name, "kill_switch") && !pb_str_is(name, "self_protection") && !is_guard(c, name, &n)) {
        diag *d =
            diag_add(c->diags, DIAG_TEST_ACT, k->value->span, "there is no guard `%.*s` that could deny", PB_ARG(name));
        nearest_hint(c, d, &n);
        return;
    }
    ast_expr *args[] = {new_int(c, m->number, k->span), new_text(c, name, k->value->span)};
    append_do(m, "test.expect_denied", args, 2, k->span);
}

static void expect_outcome(test_maker *m, const ast_clause *k) {
    static const char *const outcomes[] = {"done",   "skipped", "stopped",   "failed",
                                           "denied", "waiting", "duplicate", "ignored"};
    checker *c = m->c;
    pb_str w = k->value->u.name.text;
    nearest n = nearest_to(w);
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        nearest_offer(&n, pb_str_c(outcomes[i]));
        if (!pb_str_is(w, outcomes[i])) continue;
        ast_expr *args[] = {new_int(c, m->number, k->span), new_text(c, w, k->value->span)};
        append_do(m, "test.expect_outcome", args, 2, k->span);
        return;
    }
    diag *d = diag_add(c->diags, DIAG_TEST_CLAUSE, k->value->span, "`%.*s` is no outcome of a run", PB_ARG(w));
    if (n.best.n)
        nearest_hint(c, d, &n);
    else
        check_hint(c, d, "done, skipped, stopped, failed, denied, waiting, duplicate, ignored");
}

static void expect(test_maker *m, ast_clause *k) {
    if (is(k, "do") || is(k, "no"))
        expect_do(m, k);
    else if (is(k, "denied"))
        expect_denied(m, k);
    else if (is(k, "outcome"))
        expect_outcome(m, k);
    else if (word(k)->text.s) {
        diag *d = diag_add(m->c->diags, DIAG_TEST_CLAUSE, k->word.span, "nothing of this kind can be expected");
        check_hint(m->c, d, "expect do, no do, outcome, denied by, or a condition");
    } else
        expect_true(m, k);
}

/* ---- a test ---- */

static test_stage stage_of(const ast_clause *k) {
    if (pb_str_is(k->name.text, "expect")) return STAGE_EXPECT;
    if (pb_str_is(k->name.text, "after")) return STAGE_AFTER;
    if (!k->word.text.s) return STAGE_BLOCK;
    if (is(k, "event")) return STAGE_EVENT;
    return is(k, "approval") || is(k, "denial") ? STAGE_DECISION : STAGE_SETTING;
}

static void make(test_maker *m, ast_clause *k) {
    m->number = 0; /* its place among the clauses is how the runner finds it again */
    for (const ast_clause *o = m->test->clauses; o != k; o = o->next) m->number++;
    if (stage_of(k) == STAGE_EXPECT)
        expect(m, k);
    else if (stage_of(k) == STAGE_AFTER)
        after(m, k);
    else
        given(m, k);
}

/* Where the round that begins at k ends. */
static ast_clause *round_end(ast_clause *k) {
    test_stage highest = STAGE_BLOCK;
    for (; k; k = k->next) {
        test_stage s = stage_of(k);
        if (highest >= STAGE_AFTER && s < STAGE_AFTER) return k;
        if (highest == STAGE_EXPECT && s == STAGE_AFTER) return k;
        if (s > highest) highest = s;
    }
    return NULL;
}

static void make_round(test_maker *m, ast_clause *first, const ast_clause *end) {
    for (int stage = STAGE_BLOCK; stage <= STAGE_EXPECT; stage++)
        for (ast_clause *k = first; k != end; k = k->next)
            if ((int)stage_of(k) == stage) make(m, k);
}

static void say_what_lacks(checker *c, const ast_decl *t) {
    bool event = false, expects = false;
    for (const ast_clause *k = t->clauses; k; k = k->next) {
        event = event || stage_of(k) == STAGE_EVENT;
        expects = expects || stage_of(k) == STAGE_EXPECT;
    }
    if (!event) {
        diag *d = diag_add(c->diags, DIAG_TEST_NO_EVENT, t->string_span, "the test gives no event, so nothing runs");
        check_hint(c, d, "given event \"events/finding.json\"");
    }
    if (!expects) {
        diag *d = diag_add(c->diags, DIAG_TEST_NO_EXPECT, t->string_span, "the test expects nothing");
        check_hint(c, d, "expect outcome done, expect do ec2.isolate, ...");
    }
}

static bool find_playbook(checker *c, decl_info *d) {
    ast_decl *t = d->decl;
    const ast_name *name = &t->name.parts[0];
    decl_info *p = resolve_name(c, d->file, NAMES_PLAYBOOK, name->text);
    t->playbook = p ? p->decl : NULL;
    if (p) return true;
    diag *m = diag_add(c->diags, DIAG_TEST_PLAYBOOK, name->span, "there is no playbook `%.*s`", PB_ARG(name->text));
    nearest n = nearest_to(name->text);
    resolve_offer_playbooks(c, &n);
    if (n.best.n)
        nearest_hint(c, m, &n);
    else
        check_hint(c, m, "import the playbook's file, or give both files together");
    return false;
}

void check_test(checker *c, decl_info *d) {
    body b;
    ast_decl *t = d->decl;
    if (!t->name.n || !find_playbook(c, d)) return;
    say_what_lacks(c, t);
    body_begin(c, &b, BODY_TEST, d);
    b.allowed = PB_READ;
    t->body = NULL;
    test_maker m = {.c = c, .test = t, .end = &t->body};
    for (ast_clause *k = t->clauses, *end; k; k = end) {
        end = round_end(k);
        make_round(&m, k, end);
    }
    scope_close(c, NULL);
    t->nlocals = b.nlocals;
    t->inferred = PB_DESTROY;
}
