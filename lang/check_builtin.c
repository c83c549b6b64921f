/*
 * check_builtin.c - calls of the built-in functions and methods: the signatures in builtins.def, read as they stand
 * there.
 *
 * A signature is text: "list[T]", "string=" (may be left out), "any". T is what the receiver's list or map holds. A
 * method is found by its name and the kind of its receiver; arn, ip and cidr have the methods of string besides their
 * own. Constant arguments of arn(), ip(), cidr() and time() are validated here, and then the result is not optional.
 */
#include "lang/check.h"

typedef struct builtin_row {
    const char *id, *name, *receiver, *params, *result;
} builtin_row;

static const builtin_row rows[] = {
#define BUILTIN(id, name, receiver, params, result, text) {#id, name, receiver, params, result},
#include "lang/builtins.def"
#undef BUILTIN
};
enum { ROWS = sizeof rows / sizeof *rows, SIGNATURE_PARAMS = 4 /* no row has more than two */ };

/* ---- signatures ---- */

typedef struct reader {
    checker *c;
    const char *at;
    pb_type *t; /* what T means */
} reader;

static bool take(reader *r, const char *word) {
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0) return false;
    r->at += n;
    return true;
}

static pb_type *read_plain(reader *r) {
    static const struct {
        const char *word;
        type_kind kind;
    } words[] = {{"bool", TYPE_BOOL},   {"int", TYPE_INT},           {"float", TYPE_FLOAT}, {"string", TYPE_STRING},
                 {"bytes", TYPE_BYTES}, {"duration", TYPE_DURATION}, {"time", TYPE_TIME},   {"ip", TYPE_IP},
                 {"cidr", TYPE_CIDR},   {"arn", TYPE_ARN},           {"json", TYPE_JSON}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (take(r, words[i].word)) return check_simple(r->c, words[i].kind);
    if (take(r, "any")) return r->c->any;
    if (take(r, "T")) return r->t ? r->t : r->c->poison;
    return r->c->poison;
}

static pb_type *read_type(reader *r) {
    pb_type *t;
    bool list = take(r, "list["), map = !list && take(r, "map[");
    if (list || map) {
        pb_type *elem = read_plain(r);
        take(r, "]");
        t = list ? type_list(r->c->types, elem) : type_map(r->c->types, elem);
    } else {
        t = read_plain(r);
    }
    return take(r, "?") ? type_opt(r->c->types, t) : t;
}

typedef struct signature {
    pb_type *params[SIGNATURE_PARAMS];
    bool may_miss[SIGNATURE_PARAMS];
    uint32_t n, required;
    pb_type *result;
} signature;

static void read_signature(checker *c, const builtin_row *row, pb_type *t, signature *s) {
    reader r = {c, row->params, t};
    *s = (signature){0};
    while (*r.at && s->n < SIGNATURE_PARAMS) {
        s->params[s->n] = read_type(&r);
        s->may_miss[s->n] = take(&r, "=");
        if (!s->may_miss[s->n]) s->required = s->n + 1;
        s->n++;
        if (!take(&r, " ")) break;
    }
    reader result = {c, row->result, t};
    s->result = read_type(&result);
}

/* ---- finding ---- */

/* How well a row's receiver suits a value: 2 its own kind, 1 as a string, 0 not. */
static int suits(checker *c, const builtin_row *row, pb_type *of) {
    reader r = {c, row->receiver, type_base(of)->elem};
    pb_type *want = read_type(&r), *have = type_base(of);
    if (want->kind == TYPE_LIST || want->kind == TYPE_MAP) {
        if (have->kind != want->kind) return 0;
        return want->elem == c->any || type_fits(c->types, have->elem, want->elem) == FIT_OK ? 2 : 0;
    }
    if (have->kind == want->kind) return 2;
    return want->kind == TYPE_STRING && type_is_text(have) ? 1 : 0;
}

static const builtin_row *find_row(checker *c, pb_str name, pb_type *of) {
    const builtin_row *best = NULL;
    int score = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!pb_str_is(name, rows[i].name) || !*rows[i].receiver != !of) continue;
        int s = of ? suits(c, &rows[i], of) : 1;
        if (s > score) best = &rows[i], score = s;
    }
    return best;
}

static const char *other_receiver(pb_str name) {
    for (size_t i = 0; i < ROWS; i++)
        if (*rows[i].receiver && pb_str_is(name, rows[i].name)) return rows[i].receiver;
    return NULL;
}

bool check_is_method(pb_str name) { return other_receiver(name) != NULL; }

static void say_unknown_method(checker *c, pb_type *of, ast_name name) {
    nearest n = nearest_to(name.text);
    for (size_t i = 0; i < ROWS; i++)
        if (*rows[i].receiver && suits(c, &rows[i], of)) nearest_offer(&n, pb_str_c(rows[i].name));
    if (type_base(of)->kind == TYPE_LIST &&
        (pb_str_is(name.text, "length") || pb_str_is(name.text, "count") || pb_str_is(name.text, "len")))
        n.best = PB_STR("size");
    pb_str type = check_type_text(c, type_base(of));
    const char *other = other_receiver(name.text);
    diag *d = diag_add(c->diags, DIAG_UNKNOWN_METHOD, name.span, "%.*s has no method `%.*s`", PB_ARG(type),
                       PB_ARG(name.text));
    if (n.best.n)
        nearest_hint(c, d, &n);
    else if (type_base(of)->kind == TYPE_JSON)
        check_hint(c, d, "settle the type of the json first: `(... as string).%.*s(...)`", PB_ARG(name.text));
    else if (other)
        check_hint(c, d, "it belongs to %s", other);
}

/* ---- arguments ---- */

static void refuse_any(checker *c, const ast_expr *e, const builtin_row *row, pb_type *t) {
    if (t->has_secret) {
        diag *d = diag_add(c->diags, DIAG_SECRET_LEAK, e->span, "a secret cannot be given to `%s`", row->name);
        check_hint(c, d, "a secret can only be given to a parameter of type secret");
    } else if (t->kind == TYPE_VOID) {
        diag_add(c->diags, DIAG_NO_RESULT, e->span, "the call gives nothing that `%s` could take", row->name);
    } else if (t->optional && strcmp(row->id, "TO_STRING") == 0) {
        say_maybe_absent(c, e, "`string` needs a value");
    } else if (t->kind == TYPE_JSON && strcmp(row->id, "TO_STRING") == 0) {
        diag *d = diag_add(c->diags, DIAG_JSON_UNSETTLED, e->span, "untyped json cannot be written as a string");
        check_hint(c, d, "settle its type with `as string`, or write it as JSON with json_text(...)");
    }
}

static void check_argument(checker *c, ast_arg *a, const builtin_row *row, const signature *s, uint32_t i) {
    if (a->name.text.s) {
        diag *d =
            diag_add(c->diags, DIAG_ARGUMENT_NAMES, a->name.span, "built-in functions take arguments without names");
        check_hint(c, d, "leave `%.*s:` out", PB_ARG(a->name.text));
    }
    if (i >= s->n) {
        check_expr(c, a->value, NULL);
        return;
    }
    if (s->params[i] == c->any) {
        /* What becomes JSON is held against nothing: a policy document has values of all types under quoted keys. */
        pb_type *want = strcmp(row->id, "JSON_TEXT") == 0 ? check_simple(c, TYPE_JSON) : NULL;
        refuse_any(c, a->value, row, check_expr(c, a->value, want));
    } else {
        check_value(c, a->value, s->params[i], pb_printf(c->arena, "`%s`", row->name));
    }
}

static void check_builtin_arguments(checker *c, ast_expr *e, ast_expr *receiver, const builtin_row *row,
                                    const signature *s) {
    uint32_t offset = receiver ? 1 : 0, i = 0;
    ast_expr **slots = pb_alloc_array(c->arena, s->n + offset, sizeof *slots);
    e->u.call.resolved = slots;
    e->u.call.nresolved = slots ? s->n + offset : 0;
    if (slots && receiver) slots[0] = receiver;
    for (ast_arg *a = e->u.call.args; a; a = a->next, i++) {
        if (slots && i < s->n) slots[i + offset] = a->value;
        if (i == s->n)
            diag_add(c->diags, DIAG_TOO_MANY_ARGUMENTS, a->value->span, "`%s` takes %u argument%s", row->name, s->n,
                     s->n == 1 ? "" : "s");
        check_argument(c, a, row, s, i);
    }
    if (i < s->required)
        diag_add(c->diags, DIAG_MISSING_ARGUMENT, e->span, "`%s` takes %u argument%s", row->name, s->required,
                 s->required == 1 ? "" : "s");
}

/* ---- constants of arn(), ip(), cidr(), time() ---- */

static pb_type *check_made(checker *c, const ast_expr *e, const builtin_row *row, pb_type *result) {
    static const struct {
        const char *id, *what, *form;
        bool (*valid)(pb_str);
    } made[] = {{"TO_ARN", "an ARN", "arn:partition:service:region:account:resource", text_is_arn},
                {"TO_IP", "an IP address", "10.0.0.1 or 2001:db8::1", text_is_ip},
                {"TO_CIDR", "a block of addresses", "10.0.0.0/8 or 2001:db8::/32", text_is_cidr},
                {"TO_TIME", "a time", "2026-01-31T12:00:00Z", text_is_time}};
    const ast_expr *arg = e->u.call.args ? e->u.call.args->value : NULL;
    if (!arg || arg->kind != EXPR_STRING) return result;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (strcmp(row->id, made[i].id) != 0) continue;
        if (made[i].valid(arg->u.string)) return type_base(result);
        diag *d =
            diag_add(c->diags, DIAG_BAD_LITERAL, arg->span, "\"%.*s\" is not %s", PB_ARG(arg->u.string), made[i].what);
        check_hint(c, d, "it looks like %s", made[i].form);
        return c->poison;
    }
    return result;
}

static bool sortable(const pb_type *t) {
    t = t->base ? t->base : t;
    return type_is_number(t) || type_is_text(t) || t->kind == TYPE_TIME || t->kind == TYPE_DURATION ||
           t->kind == TYPE_POISON;
}

pb_type *check_builtin(checker *c, ast_expr *e, ast_expr *receiver, pb_type *of, ast_name name) {
    const builtin_row *row = find_row(c, name.text, of);
    if (!row) {
        if (of) say_unknown_method(c, of, name);
        for (ast_arg *a = e->u.call.args; a; a = a->next) check_expr(c, a->value, NULL);
        return c->poison;
    }
    signature s;
    read_signature(c, row, of ? type_base(of)->elem : NULL, &s);
    e->u.call.kind = CALL_BUILTIN;
    e->u.call.builtin = (uint32_t)(row - rows);
    check_builtin_arguments(c, e, receiver, row, &s);
    if (of && strcmp(row->id, "SORT") == 0 && !sortable(type_base(of)->elem)) {
        pb_str type = check_type_text(c, type_base(of)->elem);
        diag_add(c->diags, DIAG_BAD_OPERAND, e->span, "values of type %.*s have no order to sort them by",
                 PB_ARG(type));
    }
    if (!of) return check_made(c, e, row, s.result);
    return of->optional ? type_opt(c->types, s.result) : s.result;
}
