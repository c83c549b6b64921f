/*
 * analyse_taint.c - an event's text on its way to targets, documents and commands.
 *
 * Who causes an event chooses many of its strings: user names, tags, keys, user agents. Such a string is data until
 * something has held it against the type that names what it is meant to be. So every text of the event is followed
 * through locals, lists, records, functions and actions. It may not become
 *   - a target: an identifier in a changing AWS call, the parameter behind an action's `on`, a channel (PB1001);
 *   - part of a policy document or other JSON unless json_text() wrote it, nor part of a command or a query (PB1002).
 * What the event's declaration names as its own id, kind, time and place is the source's word and free.
 *
 * What counts as a check: `matches` with ^...$, being equal to or an item of something that is not the event's, a
 * function that is true only of checked values, an `if not ... { fail }` before, arn(), ip(), cidr(), time() and int(),
 * and being looked up with a reading action of the standard library, which fails when there is no such thing.
 *
 * Actions and functions are looked at once each: which parameters reach a sink unchecked, which flow into the result.
 * So an action that checks what it is given needs nothing of its callers. Where sinks escape by themselves is a fact in
 * the table below.
 */
#include "lang/analyse.h"

#include "lang/ast_walk.h"

enum { PARAMS = 32, DEPTH_MAX = 80 };
#define EVENT ((uint64_t)1 << 63)

enum {
#define BUILTIN(id, name, receiver, params, result, text) BUILTIN_##id,
#include "lang/builtins.def"
#undef BUILTIN
};

typedef struct taint {
    uint64_t any; /* EVENT, and a bit for each parameter that is in it */
    uint64_t raw; /* the same without what json_text() has written */
} taint;

typedef struct checked { /* newest first */
    const struct checked *next;
    const ast_expr *e;
} checked;

typedef struct sink {
    pb_str what; /* "`UserName` of `aws.iam.PutUserPolicy`" */
    pb_span span;
} sink;

typedef struct summary {
    struct summary *next;
    const ast_decl *decl;
    taint result;
    uint64_t looked_at;      /* parameters that some check in the body was about */
    uint64_t checks;         /* a function: those that are checked when it is true */
    uint64_t targets, texts; /* parameters that reach a sink */
    sink target[PARAMS], text[PARAMS];
} summary;

typedef struct flow {
    checker *c;
    summary **summaries; /* all that are done */
    unsigned depth;
    const ast_decl *decl;
    summary *out;
    taint *locals;
    uint32_t nlocals;
    const checked *facts;
    bool user; /* messages are wanted: the user's own source */
} flow;

/* ---- sinks: facts ---- */

typedef enum sink_kind { SINK_NONE, SINK_TARGET, SINK_TEXT } sink_kind;

/* Hosts above read: what each parameter does with a text. One that is not here takes no text of an event. */
static const struct {
    const char *host, *param;
    sink_kind kind; /* NONE: it escapes what it is given */
} hosts[] = {
    {"slack.post", "channel", SINK_TARGET}, {"slack.post", "text", SINK_NONE}, /* &, < and > are written as entities */
};

static const char *const documents[] = {"PolicyDocument",   "AssumeRolePolicyDocument", "Policy",     "ResourcePolicy",
                                        "PolicyText",       "AccessPolicies",           "Definition", "TemplateBody",
                                        "ReplicationPolicy"};
static const char *const commands[] = {"Parameters",
                                       "Command",
                                       "Commands",
                                       "UserData",
                                       "QueryString",
                                       "QueryStatement",
                                       "Query",
                                       "queryString",
                                       "FilterExpression",
                                       "FilterPattern",
                                       "filterPattern",
                                       "KeyConditionExpression",
                                       "ConditionExpression",
                                       "UpdateExpression",
                                       "Statement",
                                       "Sql",
                                       "sql",
                                       "InputSerialization"};

static bool is_one_of(pb_str name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (pb_str_is(name, list[i])) return true;
    return false;
}

static bool ends_with(pb_str s, const char *end) {
    uint32_t n = (uint32_t)strlen(end);
    return s.n >= n && memcmp(s.s + s.n - n, end, n) == 0;
}

static bool is_identifier(pb_str member) {
    static const char *const ends[] = {"Id",  "Ids",  "ID",  "Name",       "Names",
                                       "Arn", "Arns", "ARN", "Identifier", "Identifiers"};
    static const char *const whole[] = {"Bucket", "Resources", "Resource", "Key"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(member, ends[i])) return true;
    return is_one_of(member, whole, sizeof whole / sizeof *whole);
}

/* ---- types ---- */

/* Can a value of this type carry somebody's words? Enumerations cannot, nor what was made out of a text. */
static bool has_text(const flow *k, const pb_type *t, int depth) {
    schema_shape_info i = {0};
    if (!t || depth > TYPE_MAX_DEPTH) return true;
    switch (t->kind) {
    case TYPE_STRING:
        if (!t->shape || !k->c->schema) return true;
        k->c->schema->shape_info(k->c->schema->ctx, t->shape, &i);
        return i.nenum == 0;
    case TYPE_LIST:
    case TYPE_MAP: return has_text(k, t->elem, depth + 1);
    case TYPE_JSON:
    case TYPE_BYTES:
    case TYPE_RECORD:
    case TYPE_SHAPE:
    case TYPE_POISON: return true;
    default: return false;
    }
}

/* ---- what has been checked ---- */

static bool is_checked(const checked *facts, const ast_expr *e) {
    for (; facts; facts = facts->next)
        if (analyse_same(facts->e, e)) return true;
    return false;
}

static uint64_t param_bit(const flow *k, const ast_expr *e) {
    uint32_t i = 0;
    e = analyse_resolve(e);
    while (e->kind == EXPR_FIELD || e->kind == EXPR_INDEX)
        e = analyse_resolve(e->kind == EXPR_FIELD ? e->u.field.of : e->u.binary.left);
    if (e->kind != EXPR_NAME || e->name_kind != NAME_LOCAL) return 0;
    for (const ast_field *p = k->decl->params; p && i < PARAMS; p = p->next, i++)
        if (p->local == e->local) return (uint64_t)1 << i;
    return 0;
}

static const checked *check(flow *k, const checked *facts, const ast_expr *e) {
    e = analyse_resolve(e);
    if (k->out) k->out->looked_at |= param_bit(k, e);
    if (e->kind == EXPR_BINARY && e->op == OP_COALESCE) facts = check(k, facts, e->u.binary.left);
    checked *n = pb_alloc(k->c->arena, sizeof *n);
    if (!n) return facts;
    *n = (checked){facts, e};
    return n;
}

static taint taint_of(flow *k, const ast_expr *e);
static const summary *summary_of(flow *k, const ast_decl *d);

/* ^...$ : the whole text was meant. */
static bool is_anchored(pb_str p) { return p.n > 2 && p.s[0] == '^' && (p.s[p.n - 1] == '$' || ends_with(p, "\\z")); }

static const checked *check_call_true(flow *k, const checked *facts, const ast_expr *e) {
    if (e->u.call.kind != CALL_FN) return facts;
    const summary *s = summary_of(k, e->u.call.decl);
    for (uint32_t i = 0; s && i < e->u.call.nresolved && i < PARAMS; i++)
        if (s->checks >> i & 1) facts = check(k, facts, e->u.call.resolved[i]);
    return facts;
}

/* `arn(x) exists`: x is one. */
static const checked *check_made(flow *k, const checked *facts, const ast_expr *e) {
    e = analyse_resolve(e);
    if (e->kind != EXPR_CALL || e->u.call.kind != CALL_BUILTIN || !e->u.call.nresolved) return facts;
    uint32_t b = e->u.call.builtin;
    bool makes = b == BUILTIN_TO_ARN || b == BUILTIN_TO_IP || b == BUILTIN_TO_CIDR || b == BUILTIN_TO_TIME ||
                 b == BUILTIN_TO_INT;
    return makes ? check(k, facts, e->u.call.resolved[0]) : facts;
}

static const checked *when(flow *k, const checked *facts, const ast_expr *e, bool truth);

static const checked *in_both(flow *k, const checked *facts, const checked *a, const checked *b) {
    for (; a; a = a->next)
        if (is_checked(b, a->e)) facts = check(k, facts, a->e);
    return facts;
}

static const checked *when_binary(flow *k, const checked *facts, const ast_expr *e, bool truth) {
    const ast_expr *l = e->u.binary.left, *r = e->u.binary.right;
    switch (e->op) {
    case OP_AND:
    case OP_OR:
        if ((e->op == OP_AND) == truth) return when(k, when(k, facts, l, truth), r, truth);
        return in_both(k, facts, when(k, NULL, l, truth), when(k, NULL, r, truth));
    case OP_EQ:
    case OP_NE:
        if ((e->op == OP_EQ) != truth) return facts;
        if (!taint_of(k, r).any) return check(k, facts, l);
        return taint_of(k, l).any ? facts : check(k, facts, r);
    case OP_IN: return truth && !taint_of(k, r).any ? check(k, facts, l) : facts;
    case OP_MATCHES: return truth && r->kind == EXPR_STRING && is_anchored(r->u.string) ? check(k, facts, l) : facts;
    default: return facts;
    }
}

/* What is known to be checked when a condition came out so. */
static const checked *when(flow *k, const checked *facts, const ast_expr *e, bool truth) {
    while (e->kind == EXPR_NOT) e = e->u.unary, truth = !truth;
    if (e->kind == EXPR_BINARY) return when_binary(k, facts, e, truth);
    if (!truth) return facts;
    if (e->kind == EXPR_EXISTS) return check_made(k, facts, e->u.unary);
    if (e->kind == EXPR_CALL) return check_call_true(k, facts, e);
    if (e->kind == EXPR_NAME) {
        const ast_expr *of = analyse_resolve(e);
        if (of != e) return when(k, facts, of, truth);
    }
    return facts;
}

/* ---- what a value holds ---- */

static taint both(taint a, taint b) { return (taint){a.any | b.any, a.raw | b.raw}; }

static taint of_args(flow *k, const ast_arg *a) {
    taint t = {0, 0};
    for (; a; a = a->next) t = both(t, taint_of(k, a->value));
    return t;
}

static taint of_name(const flow *k, const ast_expr *e) {
    if (e->name_kind != NAME_LOCAL || !e->local) return (taint){0, 0};
    if (e->local->is_event) return (taint){EVENT, EVENT};
    return e->local->id < k->nlocals ? k->locals[e->local->id] : (taint){0, 0};
}

static taint of_builtin(flow *k, const ast_expr *e) {
    taint t = {0, 0};
    for (uint32_t i = 0; i < e->u.call.nresolved; i++)
        if (e->u.call.resolved[i]) t = both(t, taint_of(k, e->u.call.resolved[i]));
    if (e->u.call.builtin == BUILTIN_SHA256) return (taint){0, 0};
    if (e->u.call.builtin == BUILTIN_JSON_TEXT) t.raw = 0;
    return t;
}

/* The parameters' bits of a summary, replaced by what the arguments hold; each argument is looked at once. */
static taint through(flow *k, const ast_expr *e, taint bits) {
    taint out = {bits.any & EVENT, bits.raw & EVENT};
    for (uint32_t i = 0; i < e->u.call.nresolved && i < PARAMS; i++) {
        if (!((bits.any | bits.raw) >> i & 1) || !e->u.call.resolved[i]) continue;
        taint t = taint_of(k, e->u.call.resolved[i]);
        if (bits.any >> i & 1) out.any |= t.any;
        if (bits.raw >> i & 1) out.raw |= t.raw;
    }
    return out;
}

static taint of_call(flow *k, const ast_expr *e) {
    if (e->u.call.kind == CALL_BUILTIN) return of_builtin(k, e);
    if (e->u.call.kind != CALL_FN && e->u.call.kind != CALL_ACTION) return (taint){0, 0};
    const summary *s = summary_of(k, e->u.call.decl);
    return s ? through(k, e, s->result) : (taint){0, 0};
}

static taint of_comp(flow *k, const ast_expr *e) {
    const checked *facts = k->facts;
    if (e->u.comp.local && e->u.comp.local->id < k->nlocals)
        k->locals[e->u.comp.local->id] = taint_of(k, e->u.comp.list);
    if (e->u.comp.cond) k->facts = when(k, k->facts, e->u.comp.cond, true);
    taint t = taint_of(k, e->u.comp.value);
    k->facts = facts;
    return t;
}

static taint inside(flow *k, const ast_expr *e) {
    switch (e->kind) {
    case EXPR_NAME: return of_name(k, e);
    case EXPR_FIELD: return taint_of(k, e->u.field.of);
    case EXPR_INDEX: return taint_of(k, e->u.binary.left);
    case EXPR_BINARY: return both(taint_of(k, e->u.binary.left), taint_of(k, e->u.binary.right));
    case EXPR_CALL: return of_call(k, e);
    case EXPR_LIST:
    case EXPR_INTERP: return of_args(k, e->u.list);
    case EXPR_MAP: return of_args(k, e->u.map);
    case EXPR_COMP: return of_comp(k, e);
    case EXPR_AS: return taint_of(k, e->u.as.value);
    default: return (taint){0, 0};
    }
}

/* What the source itself writes: the event's id, kind, time and place, as its declaration names them. */
static bool is_own_word(const flow *k, const ast_expr *e) {
    static const char *const own[] = {"id", "threat", "detected", "account", "region"};
    const ast_decl *event = k->decl->event_decl;
    for (size_t i = 0; event && e->kind == EXPR_FIELD && i < sizeof own / sizeof *own; i++) {
        pb_str path = analyse_clause_text(event, own[i]);
        if (path.n && analyse_is_event_path(e, path)) return true;
    }
    return false;
}

static taint taint_of(flow *k, const ast_expr *e) {
    if (!e || !has_text(k, e->type, 0) || is_checked(k->facts, e) || is_own_word(k, e)) return (taint){0, 0};
    return inside(k, e);
}

/* ---- sinks ---- */

static pb_str shown(const flow *k, const ast_expr *e) { return check_source(k->c, e->span, "this"); }

static void say(flow *k, const ast_expr *e, sink_kind kind, const sink *at) {
    checker *c = k->c;
    diag *d;
    pb_str text = shown(k, e);
    if (!k->user) return;
    if (kind == SINK_TARGET) {
        d = diag_add(c->diags, DIAG_UNCHECKED_TARGET, e->span,
                     "%.*s holds text out of the event and becomes %.*s unchecked", PB_ARG(text), PB_ARG(at->what));
        check_hint(c, d,
                   "check it first: `where ... matches \"^...$\"`, a function such as iam.user_name_ok(...), arn(...), "
                   "or look it up with a reading action such as ec2.instance(...)");
    } else {
        d = diag_add(c->diags, DIAG_UNESCAPED_TEXT, e->span,
                     "%.*s holds text out of the event and gets into %.*s as it is", PB_ARG(text), PB_ARG(at->what));
        check_hint(c, d,
                   "build documents with json_text({ ... }); for commands and queries check the value first: "
                   "`where ... matches \"^...$\"`");
    }
    const source_set *set = c->program->sources;
    if (at->span.end && !set->files[at->span.file].builtin && at->span.start != e->span.start)
        check_also(d, at->span, "this is where it goes");
}

/* `bits` of what e holds arrive at a sink. */
static void arrive(flow *k, const ast_expr *e, uint64_t bits, sink_kind kind, sink at) {
    if (bits & EVENT) say(k, e, kind, &at);
    summary *s = k->out;
    for (uint32_t i = 0; s && i < PARAMS; i++) {
        uint64_t bit = (uint64_t)1 << i;
        if (!(bits & bit)) continue;
        if (kind == SINK_TARGET && !(s->targets & bit)) s->targets |= bit, s->target[i] = at;
        if (kind == SINK_TEXT && !(s->texts & bit)) s->texts |= bit, s->text[i] = at;
    }
}

static void into_aws(flow *k, const ast_expr *e) {
    for (const ast_arg *a = e->u.call.args; a; a = a->next) {
        pb_str name = a->name.text;
        taint t = taint_of(k, a->value);
        bool document = is_one_of(name, documents, sizeof documents / sizeof *documents);
        bool command = is_one_of(name, commands, sizeof commands / sizeof *commands);
        sink at = {pb_printf(k->c->arena, "`%.*s` of `aws.%.*s`", PB_ARG(name), PB_ARG(e->u.call.aws)), a->value->span};
        if (document && t.raw)
            arrive(k, a->value, t.raw, SINK_TEXT, at);
        else if (command && t.any)
            arrive(k, a->value, t.any, SINK_TEXT, at);
        else if (!document && t.any && e->u.call.effect > PB_READ && is_identifier(name))
            arrive(k, a->value, t.any, SINK_TARGET, at);
    }
}

static sink_kind host_kind(pb_str host, pb_str param) {
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (pb_str_is(host, hosts[i].host) && pb_str_is(param, hosts[i].param)) return hosts[i].kind;
    return SINK_TEXT;
}

static void into_host(flow *k, const ast_expr *e) {
    const ast_decl *d = e->u.call.decl;
    pb_str host = analyse_decl_name(k->c->arena, d);
    uint32_t i = 0;
    for (const ast_field *p = d->params; p && i < e->u.call.nresolved && e->u.call.effect > PB_READ; p = p->next, i++) {
        sink_kind kind = host_kind(host, p->name.text);
        if (!e->u.call.resolved[i] || kind == SINK_NONE) continue;
        sink at = {pb_printf(k->c->arena, "`%.*s` of `%.*s`", PB_ARG(p->name.text), PB_ARG(host)),
                   e->u.call.resolved[i]->span};
        arrive(k, e->u.call.resolved[i], taint_of(k, e->u.call.resolved[i]).any, kind, at);
    }
}

static void into_action(flow *k, const ast_expr *e) {
    const summary *s = summary_of(k, e->u.call.decl);
    for (uint32_t i = 0; s && i < e->u.call.nresolved && i < PARAMS; i++) {
        const ast_expr *a = e->u.call.resolved[i];
        if (!a) continue;
        taint t = taint_of(k, a);
        if (s->targets >> i & 1) arrive(k, a, t.any, SINK_TARGET, s->target[i]);
        if (s->texts >> i & 1) arrive(k, a, t.raw, SINK_TEXT, s->text[i]);
    }
}

/* Every call of an expression: does text arrive somewhere? */
static bool visit_sinks(void *ctx, const ast_expr *e) {
    flow *k = ctx;
    if (e->kind != EXPR_CALL) return true;
    if (e->u.call.kind == CALL_AWS) into_aws(k, e);
    if (e->u.call.kind == CALL_HOST) into_host(k, e);
    if (e->u.call.kind == CALL_ACTION || e->u.call.kind == CALL_FN) into_action(k, e);
    return true;
}

/* ... and what is known of the arguments when it came back: a reading action has found, or itself checked, what it got.
 */
static bool visit_lookups(void *ctx, const ast_expr *e) {
    flow *k = ctx;
    if (e->kind != EXPR_CALL || e->u.call.kind != CALL_ACTION) return true;
    const ast_decl *d = e->u.call.decl;
    bool library = d->effect == PB_READ && k->c->program->sources->files[d->file].builtin;
    const summary *s = library ? NULL : summary_of(k, d);
    for (uint32_t i = 0; i < e->u.call.nresolved && i < PARAMS; i++) {
        const ast_expr *a = e->u.call.resolved[i];
        bool done = library || (s && (s->looked_at >> i & 1) && !(s->targets >> i & 1));
        if (done && a && analyse_is_pure(a) && taint_of(k, a).any) k->facts = check(k, k->facts, a);
    }
    return true;
}

static void look(flow *k, const ast_expr *e) {
    ast_each_expr(e, visit_sinks, k);
    ast_each_expr(e, visit_lookups, k);
}

/* ---- statements ---- */

static void walk(flow *k, const ast_stmt *s);

static void walk_apart(flow *k, const ast_stmt *s) {
    const checked *facts = k->facts;
    walk(k, s);
    k->facts = facts;
}

static void set_local(flow *k, const ast_local *l, taint t) {
    if (l && l->id < k->nlocals) k->locals[l->id] = t;
}

static void walk_if(flow *k, const ast_stmt *s) {
    look(k, s->expr);
    const checked *facts = k->facts, *yes = when(k, facts, s->expr, true), *no = when(k, facts, s->expr, false);
    k->facts = yes;
    walk(k, s->body);
    k->facts = no;
    walk(k, s->other);
    bool leaves = analyse_leaves(s->body), other = s->has_else && analyse_leaves(s->other);
    k->facts = leaves == other ? facts : leaves ? no : yes;
}

static void walk_one(flow *k, const ast_stmt *s) {
    if (s->kind == STMT_IF) {
        walk_if(k, s);
        return;
    }
    ast_each_in_stmt(s, false, visit_sinks, k);
    taint t = s->expr ? taint_of(k, s->expr) : (taint){0, 0};
    ast_each_in_stmt(s, false, visit_lookups, k);
    switch (s->kind) {
    case STMT_WHERE: k->facts = when(k, k->facts, s->expr, true); return;
    case STMT_LET: set_local(k, s->local, has_text(k, s->local ? s->local->type : NULL, 0) ? t : (taint){0, 0}); return;
    case STMT_RETURN:
        if (k->out) k->out->result = both(k->out->result, t);
        return;
    case STMT_DO:
    case STMT_FOR: set_local(k, s->local, t); break;
    default: break;
    }
    if (s->kind == STMT_IN_ACCOUNT) {
        walk(k, s->body);
        return;
    }
    if (s->kind == STMT_PARALLEL) {
        for (const ast_stmt *b = s->body; b; b = b->next) {
            const checked *facts = k->facts;
            walk_one(k, b);
            k->facts = facts;
        }
        return;
    }
    walk_apart(k, s->body);
    walk_apart(k, s->other);
    walk_apart(k, s->third);
}

static void walk(flow *k, const ast_stmt *s) {
    for (; s; s = s->next) walk_one(k, s);
}

/* ---- declarations ---- */

static bool open_locals(flow *k, const ast_decl *d) {
    k->decl = d;
    k->nlocals = d->nlocals;
    k->locals = pb_alloc_array(k->c->arena, d->nlocals ? d->nlocals : 1, sizeof *k->locals);
    return k->locals != NULL;
}

/* The parameter behind `on` is a target, whatever the body does with it: somebody has to have looked at it. */
static void close_target(flow *k, const ast_decl *d, pb_str name, summary *s) {
    uint32_t i = 0;
    if (!d->target.text.s || d->effect <= PB_NOTIFY) return; /* where a message goes is its host's to say */
    for (const ast_field *p = d->params; p && i < PARAMS; p = p->next, i++) {
        uint64_t bit = (uint64_t)1 << i;
        if (!pb_str_eq(p->name.text, d->target.text) || ((s->targets | s->looked_at) & bit)) continue;
        s->targets |= bit;
        s->target[i] = (sink){pb_printf(k->c->arena, "the target of `%.*s`", PB_ARG(name)), d->target.span};
    }
}

static const summary *summary_of(flow *k, const ast_decl *d) {
    summary **at = &k->summaries[((uintptr_t)d >> 6) & 63];
    for (const summary *s = *at; s; s = s->next)
        if (s->decl == d) return s;
    if (d->is_extern || k->depth >= DEPTH_MAX) return NULL;
    summary *s = pb_alloc(k->c->arena, sizeof *s);
    if (!s) return NULL;
    flow in = {.c = k->c, .summaries = k->summaries, .depth = k->depth + 1, .out = s};
    if (!open_locals(&in, d)) return NULL;
    uint32_t i = 0;
    for (const ast_field *p = d->params; p && i < PARAMS; p = p->next, i++)
        set_local(&in, p->local, (taint){(uint64_t)1 << i, (uint64_t)1 << i});
    s->decl = d;
    if (d->kind == DECL_FN) {
        s->result = taint_of(&in, d->expr);
        const checked *yes = when(&in, NULL, d->expr, true);
        i = 0;
        s->checks = 0;
        for (const ast_field *p = d->params; p && i < PARAMS; p = p->next, i++)
            for (const checked *f = yes; f; f = f->next)
                if (f->e->kind == EXPR_NAME && f->e->local == p->local) s->checks |= (uint64_t)1 << i;
        ast_each_expr(d->expr, visit_sinks, &in);
    } else {
        walk(&in, d->body);
        close_target(k, d, analyse_decl_name(k->c->arena, d), s);
    }
    s->next = *at;
    *at = s;
    return s;
}

void analyse_taint(checker *c) {
    flow k = {.c = c, .user = true};
    k.summaries = pb_alloc_array(c->arena, 64, sizeof *k.summaries);
    if (!k.summaries) return;
    for (decl_info *d = analyse_next(c, NULL, DECL_PLAYBOOK); d; d = analyse_next(c, d, DECL_PLAYBOOK)) {
        if (!open_locals(&k, d->decl)) return;
        k.facts = NULL;
        walk(&k, d->decl->body);
    }
}
