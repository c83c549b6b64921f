/*
 * parse_report.c - what is said about a syntax error.
 *
 * Bison gives the set of all tokens that could stand where the error is (LAC makes it exact). Read out as it is, it
 * would be a list of forty; parser.y puts it into groups (a statement, an expression, a name, ...), and here the likely
 * mistake is looked for first: a bracket that is not closed, a misspelt keyword, a call without `do`, `==` for `=`, a
 * reserved word as a name. Only what is left gets "expected ..., found ...".
 */
#include "lang/parse.h"

enum { SHOWN_MAX = 40, LISTED_MAX = 5 /* more alternatives explain nothing */ };

static const char *const statement_words[] = {"let",     "where", "do",        "if",     "for",    "parallel",
                                              "record",  "stop",  "fail",      "return", "verify", "on",
                                              "approve", "wait",  "authorize", NULL};
static const char *const header_words[] = {"version", "summary", "owner",       "tier",    "controls",
                                           "dedupe",  "limit",   "concurrency", "timeout", NULL};
static const char *const declaration_words[] = {"playbook", "import", "param", "type", "event", "fn",
                                                "action",   "extern", "guard", "test", "site",  NULL};

/* How other languages say it. */
static const struct {
    const char *word, *cure;
} elsewhere[] = {
    {"elif", "write `else if`"},
    {"elsif", "write `else if`"},
    {"elseif", "write `else if`"},
    {"unless", "write `if not (...)`"},
    {"var", "write `let`"},
    {"const", "write `let`"},
    {"val", "write `let`"},
    {"def", "write `fn`, outside of playbooks"},
    {"function", "write `fn`, outside of playbooks"},
    {"call", "write `do`"},
    {"run", "write `do`"},
    {"throw", "write `fail \"message\"`"},
    {"raise", "write `fail \"message\"`"},
    {"assert", "write `verify`, or `where` to end the run"},
    {"try", "write `do ... else { }`, or `on failure { }`"},
    {"catch", "write `do ... else { }`, or `on failure { }`"},
    {"foreach", "write `for x in list { }`"},
    {"while", "every run ends: there is only `for x in list { }`"},
    {"exit", "write `stop \"reason\"`"},
    {"is", "compare with `==`, or ask with `exists`"},
    {"not", "`not` stands before what it denies: `not (x in list)`"},
    {"when", "a playbook has one `when`, before its statements"},
    {"else", "`else` stands right behind the block of an `if` or behind a `do`"},
    {"denied", "`denied { }` stands right behind the block of an `approve`"},
    {"expired", "`expired { }` stands right behind the block of an `approve`"},
    {"sleep", "write `wait 15m`"},
    {"ask", "write `approve \"question?\" by group \"...\" within 30m { }`"},
};

static const char *cure_of(pb_str w) {
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (pb_str_is(w, elsewhere[i].word)) return elsewhere[i].cure;
    return NULL;
}

const char *parse_nearest(pb_str w, const char *const *words) {
    const char *best = NULL;
    if (w.n < 3) return NULL;         /* everything is near to it */
    unsigned least = w.n < 4 ? 2 : 3; /* one slip in a short word, two in a longer one */
    for (; *words; words++) {
        unsigned d = pb_edit_distance(w, pb_str_c(*words), least);
        if (d < least) least = d, best = *words;
    }
    return best;
}

static bool is_one_of(pb_str w, const char *const *words) {
    for (; *words; words++)
        if (pb_str_is(w, *words)) return true;
    return false;
}

static pb_str source_text(const parse_ctx *c, pb_span at) {
    uint32_t n = 0;
    while (at.start + n < at.end && n < SHOWN_MAX && c->text.s[at.start + n] != '\n') n++;
    while (n > 0 && n == SHOWN_MAX && (c->text.s[at.start + n] & 0xc0) == 0x80) n--;
    return (pb_str){c->text.s + at.start, n};
}

static pb_str found_text(parse_ctx *c, pb_span at, parse_found found) {
    switch (found) {
    case FOUND_END: return PB_STR("the end of the file");
    case FOUND_STRING: return PB_STR("a string");
    case FOUND_STRING_END: return PB_STR("the end of the string");
    default: return pb_printf(c->arena, "`%.*s`", PB_ARG(source_text(c, at)));
    }
}

/* ---- brackets ---- */

static const char *closer_of(char kind) { return kind == '(' ? "`)`" : kind == '[' ? "`]`" : "`}`"; }
static const char *opener_of(char kind) {
    return kind == '(' ? "`(`" : kind == '[' ? "`[`" : kind == '$' ? "`${`" : "`{`";
}

static uint32_t line_of(const parse_ctx *c, uint32_t offset) {
    uint32_t line = 1;
    for (uint32_t i = 0; i < offset && i < c->text.n; i++) line += c->text.s[i] == '\n';
    return line;
}

static void report_open(parse_ctx *c, parse_open open, pb_span at, pb_str found) {
    diag *d = parse_mistake(c, DIAG_UNCLOSED_BRACKET, at, "expected %s to close the %s of line %u, found %.*s",
                            closer_of(open.kind), opener_of(open.kind), line_of(c, open.offset), PB_ARG(found));
    d->also = parse_span(c, open.offset, open.offset + (open.kind == '$' ? 2 : 1));
    d->also_message = PB_STR("opened here");
}

void parse_report_unclosed(parse_ctx *c, pb_span at, bool end_of_file) {
    if (!c->nopen) return;
    parse_open open = c->open[c->nopen - 1];
    if (open.kind == '{' && c->askew.kind && c->askew.offset > c->open[0].offset) open = c->askew;
    report_open(c, open, at, found_text(c, at, end_of_file ? FOUND_END : FOUND_WORD));
}

/* A closer of another kind, or something that can only stand behind the bracket. */
static bool report_bracket(parse_ctx *c, pb_span at, parse_found found, const parse_expected *e) {
    if (found == FOUND_CLOSER && c->misfit.kind && c->misfit_at == at.start) {
        report_open(c, c->misfit, at, found_text(c, at, found));
        return true;
    }
    if (found != FOUND_STATEMENT || !e->closer || e->statement || !c->nopen) return false;
    char kind = c->open[c->nopen - 1].kind;
    if (e->closer != (kind == '(' ? ')' : kind == '[' ? ']' : kind == '$' ? '$' : '}')) return false;
    report_open(c, c->open[c->nopen - 1], at, found_text(c, at, found));
    return true;
}

/* ---- likely mistakes ---- */

static char next_sign(const parse_ctx *c, uint32_t at) {
    while (at < c->text.n && strchr(" \t\r", c->text.s[at])) at++;
    return at < c->text.n ? c->text.s[at] : 0;
}

static bool could_be(const parse_expected *e, const char *token) {
    for (int i = 0; i < e->nothers && i < PARSE_EXPECT_MAX; i++)
        if (strcmp(e->others[i], token) == 0) return true;
    return false;
}

/* The word right in front of a place; empty: there is none. */
static pb_str word_before(const parse_ctx *c, uint32_t at) {
    while (at > 0 && strchr(" \t\r\n", c->text.s[at - 1])) at--;
    uint32_t end = at;
    while (at > 0 && c->text.s[at - 1] >= 'a' && c->text.s[at - 1] <= 'z') at--;
    return (pb_str){c->text.s + at, end - at};
}

/* A word where a statement should begin. */
static bool report_statement_word(parse_ctx *c, pb_span at, const parse_expected *e) {
    pb_str w = source_text(c, at);
    const char *near = parse_nearest(w, statement_words), *header = e->name ? parse_nearest(w, header_words) : NULL;
    char sign = next_sign(c, at.end);
    if (!e->name && c->in_playbook && is_one_of(w, header_words)) {
        diag *d =
            parse_mistake(c, DIAG_HEADER_ORDER, at, "the header field `%.*s` stands among the statements", PB_ARG(w));
        d->hint = PB_STR("header fields come first, before `when`");
        return true;
    }
    diag *d = parse_mistake(c, DIAG_SYNTAX, at, "expected a statement, found `%.*s`", PB_ARG(w));
    const char *cure = cure_of(w);
    if (could_be(e, "`denied`"))
        d->hint = PB_STR("an approval goes on with `denied { }` and `expired { }`");
    else if (cure)
        d->hint = pb_str_c(cure);
    else if (near || header)
        d->hint = pb_printf(c->arena, "did you mean `%s`?", near ? near : header);
    else if (sign == '.' || sign == '(')
        d->hint = PB_STR("to call an action, write `do` before it");
    else if (sign == '=')
        d->hint = pb_printf(c->arena, "to name a value, write `let %.*s = ...`", PB_ARG(w));
    return true;
}

static bool report_declaration_word(parse_ctx *c, pb_span at) {
    pb_str w = source_text(c, at);
    const char *near = parse_nearest(w, declaration_words);
    diag *d = parse_mistake(c, DIAG_SYNTAX, at, "expected a declaration, found `%.*s`", PB_ARG(w));
    if (near)
        d->hint = pb_printf(c->arena, "did you mean `%s`?", near);
    else if (is_one_of(w, statement_words))
        d->hint = c->last_decl ? PB_STR("statements stand inside `playbook name { ... }`; is there a `}` too many above?")
                               : PB_STR("statements stand inside `playbook name { ... }`");
    else if (pb_str_is(w, "undo"))
        d->hint = PB_STR("`undo { }` stands right behind the body of an action");
    else
        d->hint = PB_STR("a file holds: playbook, import, param, type, event, fn, action, guard, test, site");
    return true;
}

static bool report_likely(parse_ctx *c, pb_span at, parse_found found, const parse_expected *e) {
    bool word = found == FOUND_WORD || found == FOUND_STATEMENT;
    if (found == FOUND_EQ && e->assign && !e->comparison) {
        diag *d = parse_mistake(c, DIAG_SYNTAX, at, "`==` compares; to give a name its value, write `=`");
        d->hint = PB_STR("write `=`");
        return true;
    }
    if (e->statement && word) return report_statement_word(c, at, e);
    if (e->declaration && word) return report_declaration_word(c, at);
    if (word && e->name && !e->expression && !parse_begins_line(c, at.start) &&
        parse_word_is_reserved(source_text(c, at)) && !e->operator) {
        diag *d = parse_mistake(c, DIAG_RESERVED_WORD, at, "expected a name, but `%.*s` is a reserved word",
                                PB_ARG(source_text(c, at)));
        d->hint = PB_STR("choose another name");
        c->discard = true; /* it stands for a name, it does not begin a statement */
        return true;
    }
    return false;
}

/* A cure for what is said as "expected ..., found ...", or nothing. */
static pb_str hint_for(parse_ctx *c, pb_str text, parse_found found, const parse_expected *e) {
    bool only_string = e->nothers == 1 && strcmp(e->others[0], "a string") == 0;
    pb_str before = word_before(c, c->reported_at);
    if (could_be(e, "`quorum`"))
        return PB_STR("an approval goes on with via, by, quorum, within or escalate, and then its block in { }");
    if (pb_str_is(before, "approve")) return PB_STR("approve \"question?\" by group \"...\" within 30m { }");
    if (pb_str_is(before, "wait")) return PB_STR("wait 15m, or wait until aws.service.Waiter(...)");
    if (pb_str_is(before, "undo")) return PB_STR("undo { ... }, or undo none \"why it cannot be undone\"");
    if (could_be(e, "`deny`") && pb_str_is(text, "`*`"))
        return PB_STR("put a pattern like that in quotes: on \"aws.ec2.Terminate*\"");
    if (could_be(e, "`deny`"))
        return PB_STR("a guard has: on PATTERN as name, where, deny \"why\", unless authorized \"name\"");
    if (pb_str_is(text, "`:`") && e->closer == ']') return PB_STR("a part of a text is text.slice(from, to)");
    if (pb_str_is(text, "`=`") && (e->expression || could_be(e, "`{`")))
        return PB_STR("there is no `=` between a name and its value here");
    if (pb_str_is(text, "`:`") && could_be(e, "`{`")) return PB_STR("a text stands in double quotes: \"...\"");
    if (could_be(e, "`per`")) return PB_STR("so many runs in a time: limit 5 per 1h");
    if (pb_str_is(text, "`-`") && could_be(e, "`:`")) return PB_STR("a key that is no name stands in quotes: { \"detail-type\": ... }");
    if (pb_str_is(text, "`:`") && e->expression) return PB_STR("there is no `:` between a field and its value here");
    if (pb_str_is(text, "`-`") && !e->operator&& !e->expression)
        return PB_STR("names are made of letters, digits and `_`");
    if (found == FOUND_STRING && e->name && !e->expression && !e->statement)
        return PB_STR("a name is written without quotes");
    if (found == FOUND_WORD && only_string && !e->expression) return PB_STR("put it in double quotes");
    if (pb_str_is(text, "`if`") && e->expression) {
        c->discard = !parse_begins_line(c, c->reported_at); /* with its blocks, which belong to the same mistake */
        return PB_STR("`if` is a statement and has no value");
    }
    return (pb_str){0};
}

/* ---- the rest ---- */

typedef struct listing {
    const char *items[PARSE_EXPECT_MAX + 4];
    int n;
} listing;

static listing list_expected(const parse_expected *e) {
    listing l = {{0}, 0};
    if (e->declaration) l.items[l.n++] = "a declaration";
    if (e->statement && e->name) l.items[l.n++] = "a header field";
    if (e->statement) l.items[l.n++] = "a statement";
    if (e->expression)
        l.items[l.n++] = "an expression";
    else if (e->name && !e->statement)
        l.items[l.n++] = "a name";
    for (int i = 0; i < e->nothers && e->nothers <= LISTED_MAX; i++) l.items[l.n++] = e->others[i];
    return l;
}

static pb_str say_expected(parse_ctx *c, const parse_expected *e) {
    listing l = list_expected(e);
    pb_str s = {"", 0};
    for (int i = 0; i < l.n && s.s; i++)
        s = pb_printf(c->arena, "%.*s%s%s", PB_ARG(s), i == 0 ? "" : i == l.n - 1 ? " or " : ", ", l.items[i]);
    return s.s ? s : PB_STR("");
}

void parse_report_syntax(parse_ctx *c, pb_span at, parse_found found, const parse_expected *e) {
    if (parse_is_quiet(c, at.start) || at.start == c->reported_at) return;
    c->reported_at = at.start;
    if (report_bracket(c, at, found, e) || report_likely(c, at, found, e)) return;
    pb_str expected = say_expected(c, e), text = found_text(c, at, found);
    diag *d;
    if (e->nothers == 1 && strcmp(e->others[0], "`[`") == 0 && !e->expression && !e->operator)
        d = parse_mistake(c, DIAG_SYNTAX, at, "there is no `a ? b : c`: use `??` for a default, or `if`");
    else if (expected.n)
        d = parse_mistake(c, DIAG_SYNTAX, at, "expected %.*s, found %.*s", PB_ARG(expected), PB_ARG(text));
    else
        d = parse_mistake(c, DIAG_SYNTAX, at, "%.*s cannot stand here", PB_ARG(text));
    c->last_syntax = d;
    d->hint = hint_for(c, text, found, e);
}

void parse_report_deep(parse_ctx *c, pb_span at) {
    if (c->deep_reported || parse_is_quiet(c, at.start)) return;
    c->deep_reported = true;
    parse_mistake(c, DIAG_NESTED_TOO_DEEP, at, "nested too deeply: more than %d levels", PARSE_MAX_DEPTH);
}
