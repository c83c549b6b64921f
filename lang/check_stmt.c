/*
 * check_stmt.c - statements, the scopes of local names, and ways through a block.
 *
 * Names live to the end of the block that binds them and never change. A name may not hide another one that is visible,
 * not even a deployment parameter, but it may be used again when the first is gone. Facts about what exists (narrow.c)
 * live as long as names do.
 *
 * A block "leaves" when no way through it comes to its end (stop, fail, return); then what is behind it is never
 * reached, and if it was the body of an `if`, the condition is known to be false from there on.
 */
#include "lang/check.h"

/* ---- names ---- */

ast_local *scope_find(const checker *c, pb_str name) {
    if (!c->b) return NULL;
    for (scope_entry *s = c->b->scope; s; s = s->next)
        if (pb_str_eq(s->local->name.text, name)) return s->local;
    return NULL;
}

static ast_local *scope_push(checker *c, ast_name name, pb_type *type, bool is_let) {
    ast_local *l = pb_alloc(c->arena, sizeof *l);
    scope_entry *s = l ? pb_alloc(c->arena, sizeof *s) : NULL;
    if (!s) {
        c->scratch.type = c->poison;
        return &c->scratch;
    }
    l->name = name, l->type = type, l->id = c->b->nlocals++;
    s->local = l, s->is_let = is_let, s->next = c->b->scope;
    c->b->scope = s;
    return l;
}

static void say_shadowed(checker *c, ast_name name, pb_span first, const char *what) {
    diag *d = diag_add(c->diags, DIAG_SHADOWED_LOCAL, name.span, "`%.*s` is already the name of %s here",
                       PB_ARG(name.text), what);
    check_also(d, first, "first named here");
    check_hint(c, d, "choose another name");
}

static void check_free(checker *c, ast_name name) {
    ast_local *l = scope_find(c, name.text);
    decl_info *p = l ? NULL : resolve_name(c, c->b->file, NAMES_VALUE, name.text);
    if (pb_str_is(name.text, "run") || pb_str_is(name.text, "error") || pb_str_is(name.text, "aws")) {
        diag *d = diag_add(c->diags, DIAG_RESERVED_NAME, name.span, "`%.*s` is a name of the language itself",
                           PB_ARG(name.text));
        check_hint(c, d, "choose another name");
    } else if (l) {
        say_shadowed(c, name, l->name.span, "a local variable");
        l->uses++; /* which of the two is meant later cannot be known: neither is called unused */
    } else if (p && p->decl->kind == DECL_PARAM) {
        say_shadowed(c, name, p->decl->name.span, "a deployment parameter");
    }
}

ast_local *scope_add(checker *c, ast_name name, pb_type *type, bool is_let) {
    check_free(c, name);
    return scope_push(c, name, type, is_let);
}

void scope_close(checker *c, scope_entry *until) {
    for (scope_entry *s = c->b->scope; s != until && s; s = s->next) {
        const ast_local *l = s->local;
        if (!s->is_let || l->uses || !l->name.text.n || l->name.text.s[0] == '_') continue;
        diag *d = diag_add(c->diags, DIAG_UNUSED_LET, l->name.span, "`%.*s` is never used", PB_ARG(l->name.text));
        check_hint(c, d, "leave the `let` out, or call it `_%.*s` if the value is not needed", PB_ARG(l->name.text));
        diag_fix(c->diags, d, l->name.span, "_%.*s", PB_ARG(l->name.text));
    }
    c->b->scope = until;
}

ast_local *scope_bind(checker *c, ast_name name, pb_type *type) { return scope_push(c, name, type, false); }

static ast_local *push_error(checker *c, pb_span span) {
    return scope_push(c, (ast_name){PB_STR("error"), span}, c->error, false);
}

/* ---- where statements may stand ---- */

static void say_misplaced(checker *c, const ast_stmt *s, const char *what, const char *why, const char *cure) {
    enum { HEAD = 12 }; /* show the word, not the whole block */
    pb_span at = s->span;
    if (at.end - at.start > HEAD && s->expr == NULL) at.end = at.start + (uint32_t)strlen(what);
    diag *d = diag_add(c->diags, DIAG_MISPLACED, at, "`%s` %s", what, why);
    check_hint(c, d, "%s", cure);
}

static bool only_in_playbook(checker *c, const ast_stmt *s, const char *what, const char *cure) {
    if (c->b->kind == BODY_PLAYBOOK) return true;
    say_misplaced(c, s, what, "belongs to a playbook, not to an action", cure);
    return false;
}

static bool not_in_branch(checker *c, const ast_stmt *s, const char *what) {
    if (!c->b->parallel) return true;
    say_misplaced(c, s, what, "cannot stand in a branch of parallel: the other branches would be cut off half-way",
                  "put it behind the block, or raise an error with `fail`");
    return false;
}

/* ---- simple statements ---- */

static bool check_text(checker *c, ast_expr *e, const char *what) {
    return check_value(c, e, check_simple(c, TYPE_STRING), pb_str_c(what))->kind != TYPE_POISON;
}

static void check_let(checker *c, ast_stmt *s) {
    pb_type *t;
    if (s->type) {
        t = check_type(c, c->b->file, s->type);
        check_value(c, s->expr, t, pb_printf(c->arena, "`%.*s`", PB_ARG(s->name.text)));
    } else {
        t = check_expr(c, s->expr, NULL);
        if (t->kind == TYPE_VOID) {
            diag *d = diag_add(c->diags, DIAG_NO_RESULT, s->expr->span,
                               "the call gives nothing that could be named `%.*s`", PB_ARG(s->name.text));
            check_hint(c, d, "write it as a statement: do ...");
            t = c->poison;
        }
    }
    s->local = scope_add(c, s->name, t, true);
    s->local->bound = s->expr;
}

static void check_where(checker *c, ast_stmt *s) {
    only_in_playbook(c, s, "where", "use `if not (...) { return ... }` or `{ fail \"...\" }`");
    not_in_branch(c, s, "where");
    if (check_condition(c, s->expr, "`where`")) c->b->facts = narrow_when(c, c->b->facts, s->expr, true);
}

static void check_record(checker *c, ast_stmt *s) {
    only_in_playbook(c, s, "record", "return the value; the playbook records it");
    c->b->has_record = true;
    check_value(c, s->expr, check_simple(c, TYPE_JSON), PB_STR("the record"));
}

static bool check_stop(checker *c, ast_stmt *s) {
    only_in_playbook(c, s, "stop", "use `return` to end the action, or `fail \"...\"` to raise an error");
    check_text(c, s->expr, "the reason of `stop`");
    return not_in_branch(c, s, "stop");
}

/* `fail error`: the same error goes on. */
static bool is_error(const checker *c, const ast_expr *e) {
    const ast_local *l =
        e->kind == EXPR_NAME && pb_str_is(e->u.name.text, "error") ? scope_find(c, e->u.name.text) : NULL;
    return l && l->type == c->error;
}

static bool check_fail(checker *c, ast_stmt *s) {
    if (is_error(c, s->expr))
        check_expr(c, s->expr, NULL);
    else
        check_text(c, s->expr, "the message of `fail`");
    if (s->expr2) check_text(c, s->expr2, "the code of `fail`");
    return true;
}

static bool check_return(checker *c, ast_stmt *s) {
    const decl_info *d = c->b->info;
    if (c->b->kind == BODY_UNDO) {
        check_value(c, s->expr, c->undone, PB_STR("the result of the undo"));
        return not_in_branch(c, s, "return");
    }
    if (c->b->kind != BODY_ACTION) {
        say_misplaced(c, s, "return", "belongs to an action", "a playbook ends early with `stop \"why\"`");
        if (s->expr) check_expr(c, s->expr, NULL);
        return true;
    }
    if (d->decl->ty->kind == TYPE_VOID) {
        diag *m = diag_add(c->diags, DIAG_TYPE_MISMATCH, s->span, "`%.*s` does not declare a result, but returns one",
                           PB_ARG(d->name));
        check_hint(c, m, "write the result's type behind the parameters: `(...): T %s`",
                   pb_effect_name(d->decl->effect));
        if (s->expr) check_expr(c, s->expr, NULL);
    } else if (s->expr) {
        check_value(c, s->expr, d->decl->ty, PB_STR("the result"));
    }
    return not_in_branch(c, s, "return");
}

static void check_verify(checker *c, ast_stmt *s) {
    check_condition(c, s->expr, "`verify`");
    if (s->timeout) check_value(c, s->timeout, check_simple(c, TYPE_DURATION), PB_STR("`within`"));
    if (s->expr2) check_text(c, s->expr2, "the message of `verify`");
}

/* Without `for`, the waiter's own limit holds. */
static void check_wait_until(checker *c, ast_stmt *s) {
    int64_t ms = check_waiter(c, s->expr);
    if (ms > WAIT_LIMIT_MAX) ms = WAIT_LIMIT_MAX;
    if (s->timeout) {
        check_value(c, s->timeout, check_simple(c, TYPE_DURATION), PB_STR("`for`"));
        if (s->timeout->kind == EXPR_DURATION) ms = s->timeout->u.integer;
        if (s->timeout->type->kind == TYPE_DURATION &&
            (s->timeout->kind != EXPR_DURATION || ms < WAIT_LIMIT_MIN || ms > WAIT_LIMIT_MAX)) {
            diag_add(c->diags, DIAG_BAD_LIMIT, s->timeout->span, "`for` must be a constant from 1s to 24h");
            return;
        }
    }
    s->wait_ms = (uint32_t)ms;
}

/* ---- do ---- */

static void check_step_limits(checker *c, ast_stmt *s) {
    if (s->timeout) {
        check_value(c, s->timeout, check_simple(c, TYPE_DURATION), PB_STR("`timeout`"));
        bool ok = s->timeout->kind == EXPR_DURATION && s->timeout->u.integer >= 1 &&
                  s->timeout->u.integer <= STEP_TIMEOUT_MAX;
        if (!ok && (s->timeout->type->kind == TYPE_DURATION))
            diag_add(c->diags, DIAG_BAD_LIMIT, s->timeout->span, "`timeout` must be a constant from 1ms to 1h");
    }
    if (s->retry) {
        check_value(c, s->retry, check_simple(c, TYPE_INT), PB_STR("`retry`"));
        bool ok = s->retry->kind == EXPR_INT && s->retry->u.integer >= 1 && s->retry->u.integer <= RETRY_MAX;
        if (!ok && s->retry->type->kind == TYPE_INT)
            diag_add(c->diags, DIAG_BAD_LIMIT, s->retry->span, "`retry` must be a constant from 1 to %d", RETRY_MAX);
    }
}

static pb_type *check_step(checker *c, ast_stmt *s) {
    ast_expr *e = s->expr;
    if (e->kind != EXPR_CALL) return check_expr(c, e, NULL); /* the parser has said so */
    e->type = check_call(c, e, true);
    if (e->u.call.kind == CALL_FN || e->u.call.kind == CALL_BUILTIN) {
        diag *d = diag_add(c->diags, DIAG_DO_NEEDS_ACTION, e->u.call.callee->span,
                           "`do` takes an action or an AWS operation, but this is a function");
        check_hint(c, d, "use its value with `let`");
    }
    check_step_limits(c, s);
    return e->type;
}

static bool check_else(checker *c, ast_stmt *s) {
    scope_entry *scope = c->b->scope;
    narrow_fact *facts = c->b->facts;
    s->error_local = push_error(c, s->span);
    bool leaves = check_block(c, s->other);
    scope_close(c, scope);
    c->b->facts = facts;
    return leaves;
}

static void check_do(checker *c, ast_stmt *s) {
    pb_type *t = check_step(c, s);
    bool leaves = s->has_else && check_else(c, s);
    if (!s->name.text.s) return;
    if (t->kind == TYPE_VOID) {
        diag *d = diag_add(c->diags, DIAG_NO_RESULT, s->name.span, "the call gives nothing that could be named `%.*s`",
                           PB_ARG(s->name.text));
        check_hint(c, d, "leave `as %.*s` out", PB_ARG(s->name.text));
        t = c->poison;
    }
    /* After an else that comes to its end there may be no result. */
    if (s->has_else && !leaves) t = type_opt(c->types, t);
    s->local = scope_add(c, s->name, t, false);
    if (s->expr->kind == EXPR_CALL && s->expr->u.call.effect <= PB_READ) s->local->bound = s->expr;
}

/* ---- blocks ---- */

static bool check_if(checker *c, ast_stmt *s) {
    narrow_fact *facts = c->b->facts;
    bool known = check_condition(c, s->expr, "`if`"), other_leaves = false;
    narrow_fact *when_true = known ? narrow_when(c, facts, s->expr, true) : facts;
    narrow_fact *when_false = known ? narrow_when(c, facts, s->expr, false) : facts;
    c->b->facts = when_true;
    bool leaves = check_block(c, s->body);
    if (s->has_else) {
        c->b->facts = when_false;
        other_leaves = check_block(c, s->other);
    }
    c->b->facts = leaves ? when_false : other_leaves ? when_true : facts;
    return leaves && other_leaves;
}

static void check_for(checker *c, ast_stmt *s) {
    scope_entry *scope = c->b->scope;
    pb_type *item = check_item_type(c, s->expr);
    s->local = scope_add(c, s->name, item, false);
    s->local->each = s->expr;
    check_block(c, s->body);
    scope_close(c, scope);
}

static bool check_statement(checker *c, ast_stmt *s);

static void check_branch_names(checker *c, const scope_entry *kept, const scope_entry *from, const scope_entry *to) {
    for (; from != to; from = from->next)
        for (const scope_entry *k = kept; k; k = k->next)
            if (pb_str_eq(k->local->name.text, from->local->name.text)) {
                say_shadowed(c, from->local->name, k->local->name.span, "a local variable of another branch");
                break;
            }
}

/* Each statement is a branch. What the branches bind is put aside and visible behind the block. */
static void check_parallel(checker *c, ast_stmt *s) {
    const ast_stmt *outer = c->b->parallel;
    scope_entry *scope = c->b->scope, *kept = NULL;
    narrow_fact *facts = c->b->facts;
    c->b->parallel = s;
    for (ast_stmt *branch = s->body; branch; branch = branch->next) {
        check_statement(c, branch);
        check_branch_names(c, kept, c->b->scope, scope);
        while (c->b->scope != scope && c->b->scope) {
            scope_entry *e = c->b->scope;
            c->b->scope = e->next;
            e->next = kept;
            kept = e;
        }
        c->b->facts = facts;
    }
    c->b->parallel = outer;
    while (kept) {
        scope_entry *e = kept;
        kept = e->next;
        e->next = c->b->scope;
        c->b->scope = e;
    }
}

static void check_on_failure(checker *c, ast_stmt *s) {
    body *b = c->b;
    bool *has = s->undo ? &b->has_on_failure_undo : &b->has_on_failure;
    if (only_in_playbook(c, s, "on failure", "handle errors of a step with do ... else { ... }")) {
        if (b->blocks || b->parallel)
            say_misplaced(c, s, "on failure", "stands on the top level of a playbook only",
                          "handle errors of a step with do ... else { ... }");
        else if (*has)
            say_misplaced(c, s, "on failure", "is written twice", "put everything into one block");
        else if (!s->next)
            say_misplaced(c, s, "on failure", "covers the statements behind it, but there are none",
                          "move it up, in front of the steps it is for");
    }
    *has = true;
    if (s->undo) return;
    scope_entry *scope = b->scope;
    narrow_fact *facts = b->facts;
    s->error_local = push_error(c, s->span);
    check_block(c, s->body);
    scope_close(c, scope);
    b->facts = facts;
}

/* True: what stands behind is never reached. */
static bool check_kind(checker *c, ast_stmt *s) {
    switch (s->kind) {
    case STMT_LET: check_let(c, s); return false;
    case STMT_WHERE: check_where(c, s); return false;
    case STMT_DO: check_do(c, s); return false;
    case STMT_IF: return check_if(c, s);
    case STMT_FOR: check_for(c, s); return false;
    case STMT_PARALLEL: check_parallel(c, s); return false;
    case STMT_RECORD: check_record(c, s); return false;
    case STMT_STOP: return check_stop(c, s);
    case STMT_FAIL: return check_fail(c, s);
    case STMT_RETURN: return check_return(c, s);
    case STMT_VERIFY: check_verify(c, s); return false;
    case STMT_ON_FAILURE: check_on_failure(c, s); return false;
    case STMT_APPROVE: return check_approve(c, s);
    case STMT_WAIT:
        if (s->until)
            check_wait_until(c, s);
        else
            check_wait(c, s);
        return false;
    case STMT_AUTHORIZE: check_authorize(c, s); return false;
    case STMT_IN_ACCOUNT: return check_in_account(c, s);
    }
    return false;
}

static bool check_statement(checker *c, ast_stmt *s) {
    body *b = c->b;
    if (b->depth >= CHECK_MAX_DEPTH) {
        if (!b->too_deep)
            diag_add(c->diags, DIAG_LIMIT_NESTING, s->span, "this is nested more than %d deep", CHECK_MAX_DEPTH);
        b->too_deep = true;
        return false;
    }
    b->depth++;
    bool leaves = check_kind(c, s);
    b->depth--;
    return leaves;
}

/* Finds the first statement of an action that can do more than read: what is named in front of it can be kept for undo.
 */
static bool check_top_statement(checker *c, ast_stmt *s) {
    body *b = c->b;
    ast_decl *d = b->info ? b->info->decl : NULL;
    if (b->kind != BODY_ACTION || b->blocks || b->parallel || !d->has_undo || d->capture_at)
        return check_statement(c, s);
    scope_entry *scope = b->scope;
    narrow_fact *facts = b->facts;
    effect_mark before = effect_begin(b);
    bool leaves = check_statement(c, s);
    if (b->effect > PB_READ) {
        d->capture_at = s;
        b->undo_scope = scope;
        b->undo_facts = facts;
    }
    effect_end(b, before);
    return leaves;
}

bool check_statements(checker *c, ast_stmt *s) {
    bool leaves = false, said = false;
    for (; s; s = s->next) {
        if (leaves && !said) {
            diag *d = diag_add(c->diags, DIAG_UNREACHABLE, s->span,
                               "this is never reached: the statement before it always ends the %s",
                               c->b->kind == BODY_ACTION ? "action" : "run");
            check_hint(c, d, "remove it, or put an `if` around what is before");
            said = true;
        }
        leaves = check_top_statement(c, s) || leaves;
    }
    return leaves;
}

bool check_block(checker *c, ast_stmt *s) {
    scope_entry *scope = c->b->scope;
    narrow_fact *facts = c->b->facts;
    bool authorized = c->b->authorized;
    c->b->blocks++;
    bool leaves = check_statements(c, s);
    c->b->blocks--;
    c->b->authorized = authorized;
    scope_close(c, scope);
    c->b->facts = facts;
    return leaves;
}
