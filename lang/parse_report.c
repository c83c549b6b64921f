/*
 * parse_report.c - what is said about a syntax error.
 *
 * Bison gives the set of all tokens that could stand where the error is (LAC makes it exact). Read out as it is, it would
 * be a list of forty; parser.y puts it into groups (a statement, an expression, a name, ...), and here the likely mistake
 * is looked for first: a bracket that is not closed, a misspelt keyword, a call without `do`, `==` for `=`, a reserved
 * word as a name. Only what is left gets "expected ..., found ...".
 */
#include "lang/parse.h"

enum { SHOWN_MAX = 40, LISTED_MAX = 4 /* more alternatives explain nothing */ };

static const char *const statement_words[] = {
    "let", "where", "do", "if", "for", "parallel", "record", "stop", "fail", "return", "verify", "on", "approve", "wait",
    "authorize", NULL};
static const char *const header_words[] = {
    "version", "summary", "owner", "tier", "controls", "dedupe", "limit", "concurrency", "timeout", NULL};
static const char *const declaration_words[] = {
    "playbook", "import", "param", "type", "event", "fn", "action", "extern", "guard", "test", "site", NULL};

const char *parse_nearest(pb_str w, const char *const *words) {
    const char *best = NULL;
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
static const char *opener_of(char kind) { return kind == '(' ? "`(`" : kind == '[' ? "`[`" : kind == '$' ? "`${`" : "`{`"; }

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

/* A word where a statement should begin. */
static bool report_statement_word(parse_ctx *c, pb_span at, const parse_expected *e) {
    pb_str w = source_text(c, at);
    const char *near = parse_nearest(w, statement_words), *header = e->name ? parse_nearest(w, header_words) : NULL;
    char sign = next_sign(c, at.end);
    if (!e->name && c->in_playbook && is_one_of(w, header_words)) {
        diag *d = parse_mistake(c, DIAG_HEADER_ORDER, at, "the header field `%.*s` stands among the statements", PB_ARG(w));
        d->hint = PB_STR("header fields come first, before `when`");
        return true;
    }
    diag *d = parse_mistake(c, DIAG_SYNTAX, at, "expected a statement, found `%.*s`", PB_ARG(w));
    if (pb_str_is(w, "when"))
        d->hint = PB_STR("a playbook has one `when`, before its statements");
    else if (pb_str_is(w, "else"))
        d->hint = PB_STR("`else` stands right behind the block of an `if` or behind a `do`");
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
    if (near) d->hint = pb_printf(c->arena, "did you mean `%s`?", near);
    else if (is_one_of(w, statement_words)) d->hint = PB_STR("statements stand inside `playbook name { ... }`");
    else d->hint = PB_STR("a file holds: playbook, import, param, type, event, fn, action, guard, test, site");
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
    if (word && e->name && !e->expression && parse_word_is_reserved(source_text(c, at)) && !e->operator) {
        diag *d = parse_mistake(c, DIAG_RESERVED_WORD, at, "expected a name, but `%.*s` is a reserved word",
                                PB_ARG(source_text(c, at)));
        d->hint = PB_STR("choose another name");
        c->discard = true; /* it stands for a name, it does not begin a statement */
        return true;
    }
    return false;
}

/* ---- the rest ---- */

typedef struct listing { const char *items[PARSE_EXPECT_MAX + 4]; int n; } listing;

static listing list_expected(const parse_expected *e) {
    listing l = {{0}, 0};
    if (e->declaration) l.items[l.n++] = "a declaration";
    if (e->statement && e->name) l.items[l.n++] = "a header field";
    if (e->statement) l.items[l.n++] = "a statement";
    if (e->expression) l.items[l.n++] = "an expression";
    else if (e->name && !e->statement) l.items[l.n++] = "a name";
    for (int i = 0; i < e->nothers && e->nothers <= LISTED_MAX; i++) l.items[l.n++] = e->others[i];
    if (l.n == 0 && e->operator) l.items[l.n++] = "an operator";
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
    if (expected.n) d = parse_mistake(c, DIAG_SYNTAX, at, "expected %.*s, found %.*s", PB_ARG(expected), PB_ARG(text));
    else d = parse_mistake(c, DIAG_SYNTAX, at, "%.*s cannot stand here", PB_ARG(text));
    c->last_syntax = d;
}

void parse_report_deep(parse_ctx *c, pb_span at) {
    if (c->deep_reported || parse_is_quiet(c, at.start)) return;
    c->deep_reported = true;
    parse_mistake(c, DIAG_NESTED_TOO_DEEP, at, "nested too deeply: more than %d levels", PARSE_MAX_DEPTH);
}
