/*
 * scan.c - what the scanner does with what flex has matched: words, numbers, quotes, brackets, and the characters that
 * belong to other languages.
 *
 * The stack of open things lives in parse_ctx. A closer that does not fit what was opened last is still handed to the
 * parser (which says what is missing), and the stack is cut down to the opener it does fit, so that one wrong bracket
 * is one message. A string without its end is closed by force at the end of its line: `inject` makes parse.c hand out
 * the missing closers, and the parser goes on as if they had been written.
 */
#include "lang/scan.h"

#include <stdlib.h>

/* ---- words ---- */

static const struct {
    const char *text;
    int token;
    bool reserved;
} words[] = {
#define WORD(text, token, reserved) {text, TOK_##token, reserved},
#include "lang/words.def"
#undef WORD
};

static int word_compare(pb_str w, const char *z) {
    size_t n = strlen(z);
    int d = memcmp(w.s, z, w.n < n ? w.n : n);
    return d ? d : (w.n > n) - (w.n < n);
}

/* Index into words, or -1. */
static int word_find(pb_str w) {
    int low = 0, high = (int)(sizeof words / sizeof *words) - 1;
    while (low <= high) {
        int middle = (low + high) / 2, d = word_compare(w, words[middle].text);
        if (d == 0) return middle;
        if (d < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}

bool parse_word_is_reserved(pb_str w) {
    int i = w.n ? word_find(w) : -1;
    return i >= 0 && words[i].reserved;
}

static bool is_blank(char ch) { return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n'; }
static bool is_letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_'; }
static bool is_word_char(char ch) { return is_letter(ch) || (ch >= '0' && ch <= '9'); }

static uint32_t skip_blank(const parse_ctx *c, uint32_t at) {
    while (at < c->text.n && is_blank(c->text.s[at])) at++;
    return at;
}
static char char_at(const parse_ctx *c, uint32_t at) { return at < c->text.n ? c->text.s[at] : 0; }

static pb_str word_at(const parse_ctx *c, uint32_t at) {
    uint32_t end = at;
    if (is_letter(char_at(c, at)))
        while (is_word_char(char_at(c, end))) end++;
    return (pb_str){c->text.s + at, end - at};
}

/* `in` is an operator, and the first word of `in account A region R { }`. The latter is meant when `account` or
 * `region` follows and something behind it that begins an operand: two operands side by side are nowhere else in the
 * language. */
static bool begins_in_account(const parse_ctx *c, uint32_t after_in) {
    uint32_t at = skip_blank(c, after_in);
    pb_str what = word_at(c, at);
    if (!pb_str_is(what, "account") && !pb_str_is(what, "region")) return false;
    uint32_t next = skip_blank(c, at + what.n);
    if (next == at + what.n) return char_at(c, next) == '"';
    pb_str w = word_at(c, next);
    bool number = char_at(c, next) >= '0' && char_at(c, next) <= '9'; /* a mistake, but one with a better message */
    return number || char_at(c, next) == '"' || (w.n && !parse_word_is_reserved(w));
}

/* `for 10m` behind `wait until x()`; a loop's `for` has a name behind it. */
static bool begins_number(const parse_ctx *c, uint32_t after_for) {
    char ch = char_at(c, skip_blank(c, after_for));
    return ch >= '0' && ch <= '9';
}

int scan_word(parse_ctx *c, PBYSTYPE *value, const pb_span *place, pb_str text) {
    value->name = (ast_name){text, *place};
    if (c->after_dot) return TOK_NAME;
    int i = word_find(text);
    if (i < 0 || char_at(c, skip_blank(c, place->end)) == ':') return TOK_NAME;
    if (words[i].token == TOK_IN && begins_in_account(c, place->end)) return TOK_IN_ACCOUNT;
    if (words[i].token == TOK_FOR && begins_number(c, place->end)) return TOK_FOR_TIME;
    return words[i].token;
}

/* What follows the keyword of a declaration, so that a name of the same spelling is not taken for one. */
bool scan_is_declaration(const parse_ctx *c, int token, pb_span at) {
    uint32_t next = skip_blank(c, at.end);
    if (token == TOK_PLAYBOOK || token == TOK_FN) return is_letter(char_at(c, next));
    if (token == TOK_TEST || token == TOK_IMPORT) return char_at(c, next) == '"';
    if (token == TOK_EXTERN) return pb_str_is(word_at(c, next), "action");
    pb_str w = word_at(c, next);
    if (token == TOK_SITE && w.n == 0) return char_at(c, next) == '{';
    while (w.n) {
        next += w.n;
        w = char_at(c, next) == '.' ? word_at(c, next + 1) : (pb_str){0};
        next += w.n > 0;
    }
    char sign = char_at(c, skip_blank(c, next));
    switch (token) {
    case TOK_PARAM: return sign == ':';
    case TOK_ACTION: return sign == '(';
    case TOK_TYPE:
    case TOK_EVENT:
    case TOK_GUARD:
    case TOK_SITE: return sign == '{';
    default: return false;
    }
}

/* ---- numbers ---- */

/* Digits to a number; false when it is larger than an int64. */
static bool read_digits(pb_str digits, int64_t *out) {
    int64_t v = 0;
    for (uint32_t i = 0; i < digits.n; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digits.s[i] - '0', &v)) return false;
    *out = v;
    return true;
}

static int64_t read_integer(parse_ctx *c, pb_span place, pb_str digits) {
    int64_t v = 0;
    if (digits.n > 1 && digits.s[0] == '0') {
        diag *d = scan_mistake(c, DIAG_BAD_NUMBER, place, "a number cannot begin with 0");
        d->hint = pb_printf(c->arena, "the id of an account is a string: \"%.*s\"", PB_ARG(digits));
    } else if (!read_digits(digits, &v)) {
        scan_mistake(c, DIAG_BAD_NUMBER, place, "number too large: integers go up to 9223372036854775807");
        v = INT64_MAX;
    }
    return v;
}

int scan_integer(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text) {
    value->integer = read_integer(c, place, text);
    return TOK_INT;
}

static const struct {
    const char *name;
    int token;
    int64_t factor;
} units[] = {
    {"ms", TOK_DURATION, 1},
    {"s", TOK_DURATION, 1000},
    {"m", TOK_DURATION, 60000},
    {"h", TOK_DURATION, 3600000},
    {"d", TOK_DURATION, 86400000},
    {"B", TOK_INT, 1},
    {"KB", TOK_INT, 1000},
    {"MB", TOK_INT, 1000000},
    {"GB", TOK_INT, 1000000000},
    {"TB", TOK_INT, 1000000000000},
    {"PB", TOK_INT, 1000000000000000},
    {"KiB", TOK_INT, INT64_C(1) << 10},
    {"MiB", TOK_INT, INT64_C(1) << 20},
    {"GiB", TOK_INT, INT64_C(1) << 30},
    {"TiB", TOK_INT, INT64_C(1) << 40},
    {"PiB", TOK_INT, INT64_C(1) << 50},
};

static void unknown_unit(parse_ctx *c, pb_span place, pb_str digits, pb_str unit) {
    diag *d = scan_mistake(c, DIAG_UNKNOWN_UNIT, place, "unknown unit `%.*s`", PB_ARG(unit));
    if (unit.n > 1 && (unit.s[0] == 'x' || unit.s[0] == 'X') && pb_str_is(digits, "0"))
        d->hint = PB_STR("numbers are written in decimal");
    else if (unit.s[0] == '_')
        d->hint = PB_STR("digits are written without `_`");
    else
        d->hint = PB_STR("durations are written as 500ms, 30s, 5m, 2h or 7d, sizes as 5TB or 10GiB");
}

int scan_quantity(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text) {
    uint32_t n = 0;
    while (text.s[n] >= '0' && text.s[n] <= '9') n++;
    pb_str digits = {text.s, n}, unit = {text.s + n, text.n - n};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!pb_str_is(unit, units[i].name)) continue;
        value->integer = read_integer(c, place, digits);
        if (__builtin_mul_overflow(value->integer, units[i].factor, &value->integer)) {
            value->integer = INT64_MAX;
            if (!parse_is_quiet(c, place.start))
                scan_mistake(c, DIAG_BAD_NUMBER, place, "number too large: the largest %s is %lld%s",
                             units[i].token == TOK_INT ? "size" : "duration", (long long)(INT64_MAX / units[i].factor),
                             units[i].name);
        }
        return units[i].token;
    }
    unknown_unit(c, place, digits, unit);
    value->integer = 0;
    return TOK_DURATION;
}

int scan_float(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text) {
    char digits[64];
    value->number = 0;
    if (text.n >= sizeof digits) {
        scan_mistake(c, DIAG_BAD_NUMBER, place, "number with more than %d digits", (int)sizeof digits - 1);
        return TOK_FLOAT;
    }
    memcpy(digits, text.s, text.n);
    digits[text.n] = 0;
    value->number = strtod(digits, NULL);
    if (value->number > 1.7976931348623157e308) {
        scan_mistake(c, DIAG_BAD_NUMBER, place, "number too large: floats go up to 1.7976931348623157e308");
        value->number = 0;
    }
    return TOK_FLOAT;
}

int scan_bad_fraction(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text) {
    diag *d = scan_mistake(c, DIAG_UNKNOWN_UNIT, place, "`%.*s`: a number with a unit is a whole number", PB_ARG(text));
    d->hint = PB_STR("take the next smaller unit: 90m for an hour and a half");
    value->integer = 0;
    return TOK_DURATION;
}

/* 1.0.0, 10.0.0.1 */
int scan_dotted_number(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text) {
    diag *d = scan_mistake(c, DIAG_BAD_NUMBER, place, "`%.*s` is not a number", PB_ARG(text));
    d->hint = pb_printf(c->arena, "versions and addresses are strings: \"%.*s\"", PB_ARG(text));
    value->str = text;
    return TOK_STRING_WHOLE;
}

/* ---- brackets and quotes ---- */

int scan_closer(char kind) {
    switch (kind) {
    case '(': return TOK_RPAREN;
    case '[': return TOK_RBRACKET;
    case '{': return TOK_RBRACE;
    case '$': return TOK_INTERP_CLOSE;
    default: return TOK_STRING_END;
    }
}

static void too_deep(parse_ctx *c, pb_span place, int limit, const char *what) {
    scan_mistake(c, DIAG_NESTED_TOO_DEEP, place, "nested too deeply: more than %d %s within one another", limit, what);
    c->halted = true;
}

static bool push(parse_ctx *c, char kind, uint32_t offset) {
    uint32_t interpolations = 0;
    for (uint32_t i = 0; kind == '$' && i < c->nopen; i++) interpolations += c->open[i].kind == '$';
    if (interpolations >= PARSE_MAX_INTERP) {
        too_deep(c, parse_span(c, offset, offset + 2), PARSE_MAX_INTERP, "`${ }`");
        return false;
    }
    if (c->nopen >= PARSE_MAX_DEPTH) {
        too_deep(c, parse_span(c, offset, offset + 1), PARSE_MAX_DEPTH, "brackets");
        return false;
    }
    c->open[c->nopen++] = (parse_open){offset, kind};
    return true;
}

int scan_open(parse_ctx *c, const pb_span *place, char kind, int token) {
    return push(c, kind, place->start) ? token : SCAN_SKIP;
}

/* The column of the first visible character of the line that holds `at`. */
static uint32_t indentation(const parse_ctx *c, uint32_t at, bool *first) {
    uint32_t start = at;
    while (start > 0 && c->text.s[start - 1] != '\n') start--;
    uint32_t i = start;
    while (i < at && is_blank(c->text.s[i])) i++;
    *first = i == at;
    return i - start;
}

/* When braces do not balance, a closing one in another column than its opener's line shows which pair is wrong. */
static void note_askew(parse_ctx *c, uint32_t open, uint32_t close) {
    bool first, ignored;
    uint32_t column = indentation(c, close, &first);
    if (c->askew.kind || !first || column == indentation(c, open, &ignored)) return;
    c->askew = (parse_open){open, '{'};
}

static bool fits(char opener, char closer) {
    return closer == ')' ? opener == '(' : closer == ']' ? opener == '[' : opener == '{' || opener == '$';
}

int scan_close(parse_ctx *c, const pb_span *place, char kind, int token) {
    uint32_t i = c->nopen;
    while (i > 0 && !fits(c->open[i - 1].kind, kind)) {
        if (c->open[i - 1].kind == '"' || c->open[i - 1].kind == '3')
            break; /* a string is not closed by what it holds */
        i--;
    }
    if (i == 0 || !fits(c->open[i - 1].kind, kind)) {
        /* Below the closer there is nothing to close; the parser complains when it can see more (parse_report.c). */
        if (c->nopen) return token;
        if (!c->recovering)
            scan_mistake(c, DIAG_STRAY_BRACKET, *place, "`%c` closes nothing: no `%c` is open here", kind,
                         kind == ')'   ? '('
                         : kind == ']' ? '['
                                       : '{');
        return SCAN_SKIP;
    }
    if (i < c->nopen) {
        c->misfit = c->open[c->nopen - 1];
        c->misfit_at = place->start;
    }
    if (c->open[i - 1].kind == '$') token = TOK_INTERP_CLOSE;
    if (kind == '}' && token == TOK_RBRACE) note_askew(c, c->open[i - 1].offset, place->start);
    c->nopen = i - 1;
    return token;
}

int scan_text_end(parse_ctx *c) {
    c->nopen--;
    return TOK_STRING_END;
}

/* Index of the outermost string that ends with its line and is open, or nopen. */
static uint32_t outermost_text(const parse_ctx *c, char kind) {
    uint32_t i = 0;
    while (i < c->nopen && c->open[i].kind != kind) i++;
    return i;
}

static uint32_t line_end(const parse_ctx *c, uint32_t at) {
    while (at < c->text.n && c->text.s[at] != '\n' && c->text.s[at] != '\r') at++;
    return at;
}

/* The message for an unclosed string. A syntax error before it on its line is the same mistake seen from the other side
 * (quotes pair up wrongly), so its message is taken over. */
static diag *unclosed_message(parse_ctx *c, diag_code code, uint32_t start, const char *text) {
    pb_span span = parse_span(c, start, line_end(c, start));
    diag *last = c->last_syntax;
    c->last_syntax = NULL;
    if (!last || memchr(c->text.s + last->span.start, '\n', span.end - last->span.start))
        return scan_mistake(c, code, span, "%s", text);
    last->code = code;
    last->span = span;
    last->message = pb_str_c(text);
    last->hint = (pb_str){0};
    c->quiet_set = true;
    return last;
}

/* The end of a line (or of the file) inside a string: it is reported and closed, with all that is open inside it. */
void scan_unclosed(parse_ctx *c, const pb_span *place) {
    uint32_t i = outermost_text(c, '"'), end = place->start;
    if (i == c->nopen) i = outermost_text(c, '3');
    if (i == c->nopen) return;
    bool triple = c->open[i].kind == '3';
    if (i + 1 < c->nopen) {
        diag *d = unclosed_message(c, DIAG_UNCLOSED_INTERP, c->open[i + 1].offset,
                                   triple ? "`${` is not closed before the end of the string"
                                          : "`${` is not closed before the end of the line");
        d->hint = PB_STR("every `${` needs its `}`, every `\"` inside it a second one");
        d->also = parse_span(c, c->open[i].offset, c->open[i].offset + 1);
        d->also_message = PB_STR("the string begins here");
    } else {
        diag *d = unclosed_message(c, DIAG_UNCLOSED_STRING, c->open[i].offset,
                                   triple ? "string without its closing `\"\"\"`" : "string without its closing `\"`");
        if (!triple) d->hint = PB_STR("a string ends on its line; for several lines write \"\"\" ... \"\"\"");
    }
    c->quiet = parse_span(c, c->open[i].offset, end);
    c->echo = true;
    c->inject = i;
}

void scan_newline(parse_ctx *c, const pb_span *place) {
    if (c->nopen && outermost_text(c, '"') < c->nopen) scan_unclosed(c, place);
}

/* ---- comments, and the signs of other languages ---- */

void scan_comment(parse_ctx *c, pb_span place) {
    while (place.end > place.start && is_blank(c->text.s[place.end - 1])) place.end--;
    bool own_line = false;
    indentation(c, place.start, &own_line);
    parse_add_comment(c, place, own_line);
}

void scan_semicolon(parse_ctx *c, pb_span place) {
    diag *d =
        scan_mistake(c, DIAG_SEMICOLON, place, "`;` is not needed: a statement ends where the next one begins");
    diag_fix(c->diags, d, place, "%s", "");
}

void scan_foreign_comment(parse_ctx *c, pb_span place) {
    scan_mistake(c, DIAG_WRONG_QUOTES, parse_span(c, place.start, place.start + 2),
                 "a comment begins with `#`, not `//`");
}

void scan_block_comment(parse_ctx *c, pb_span *place) {
    scan_mistake(c, DIAG_WRONG_QUOTES, *place, "a comment begins with `#` and ends with its line; there is no `/* */`");
    const char *end = NULL;
    for (uint32_t i = place->end; !end && i + 1 < c->text.n; i++)
        if (c->text.s[i] == '*' && c->text.s[i + 1] == '/') end = c->text.s + i + 2;
    c->pos = end ? (uint32_t)(end - c->text.s) : line_end(c, place->end);
}

int scan_single_quoted(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text) {
    scan_mistake(c, DIAG_WRONG_QUOTES, place, "a string stands in double quotes: \"%.*s\"", (int)text.n - 2,
                 text.s + 1);
    value->str = (pb_str){text.s + 1, text.n - 2};
    return TOK_STRING_WHOLE;
}

static bool begins(pb_str text, const char *z) { return text.n >= strlen(z) && memcmp(text.s, z, strlen(z)) == 0; }

/* Typographic quotes are read as a string up to the next such quote on the line, so that they are one message. */
static int smart_quotes(parse_ctx *c) {
    uint32_t end = line_end(c, c->pos);
    for (uint32_t i = c->pos; i + 2 < end; i++)
        if (begins((pb_str){c->text.s + i, 3}, "\xe2\x80\x9d")) end = i + 3;
    c->pos = end;
    return TOK_STRING_WHOLE;
}

int scan_bad_character(parse_ctx *c, PBYSTYPE *value, pb_span *place, pb_str text) {
    static const char cure[] = "outside of strings and comments only the language's own signs are known";
    value->str = (pb_str){"", 0};
    diag *d = NULL;
    if (begins(text, "\xe2\x80\x9c") || begins(text, "\xe2\x80\x9d")) {
        d = scan_mistake(c, DIAG_BAD_CHARACTER, *place, "typographic quote `%.*s`", PB_ARG(text));
        d->hint = PB_STR("strings stand in plain double quotes: \"...\"");
        int token = smart_quotes(c);
        place->end = c->pos;
        c->quiet.end = c->pos;
        return token;
    }
    if (begins(text, "\xc2\xa0")) {
        d = scan_mistake(c, DIAG_BAD_CHARACTER, *place, "no-break space");
        d->hint = PB_STR("replace it by an ordinary space");
    } else if (text.s[0] == '\'') {
        d = scan_mistake(c, DIAG_WRONG_QUOTES, *place, "single quote `'`: strings stand in double quotes");
    } else {
        d = scan_mistake(c, DIAG_BAD_CHARACTER, *place, "character `%.*s` means nothing here", PB_ARG(text));
        d->hint = pb_str_c(cure);
    }
    c->echo = true;
    return SCAN_SKIP;
}

/* ${name} where code is read already: skipped to its brace, when that stands on the line, as one value. */
int scan_bare_interpolation(parse_ctx *c, pb_span *place) {
    scan_mistake(c, DIAG_BAD_CHARACTER, *place, "`${ }` puts a value into a string; here the value stands alone");
    uint32_t end = line_end(c, c->pos), at = c->pos;
    while (at < end && c->text.s[at] != '}') at++;
    if (at < end) c->pos = at + 1;
    c->quiet.end = place->end = c->pos;
    return TOK_NONE;
}

/* ---- escapes ---- */

static uint32_t put_utf8(char *out, uint32_t u) {
    if (u < 0x80) return out[0] = (char)u, 1;
    if (u < 0x800) return out[0] = (char)(0xc0 | u >> 6), out[1] = (char)(0x80 | (u & 63)), 2;
    if (u < 0x10000)
        return out[0] = (char)(0xe0 | u >> 12), out[1] = (char)(0x80 | (u >> 6 & 63)), out[2] = (char)(0x80 | (u & 63)),
               3;
    return out[0] = (char)(0xf0 | u >> 18), out[1] = (char)(0x80 | (u >> 12 & 63)),
           out[2] = (char)(0x80 | (u >> 6 & 63)), out[3] = (char)(0x80 | (u & 63)), 4;
}

pb_str scan_unicode(parse_ctx *c, pb_span place, pb_str text) {
    uint32_t u = 0, digits = text.n - 4; /* \u{ } */
    for (uint32_t i = 3; i + 1 < text.n && u <= 0x10ffff; i++) {
        char ch = text.s[i];
        u = u * 16 + (uint32_t)(ch <= '9' ? ch - '0' : (ch | 32) - 'a' + 10);
    }
    if (digits == 0 || u > 0x10ffff || (u >= 0xd800 && u < 0xe000)) {
        diag *d = scan_mistake(c, DIAG_BAD_ESCAPE, place, "`%.*s` is not a Unicode character", PB_ARG(text));
        d->hint = PB_STR("write its number in hexadecimal, up to 10ffff: \\u{1f600}");
        return PB_STR("?");
    }
    char out[4];
    return pb_strdup(c->arena, out, put_utf8(out, u));
}

pb_str scan_bad_escape(parse_ctx *c, pb_span place, pb_str text) {
    diag *d = scan_mistake(c, DIAG_BAD_ESCAPE, place, "unknown escape `%.*s`", PB_ARG(text));
    if (text.n > 1 && (text.s[1] == 'u' || text.s[1] == 'x'))
        d->hint = PB_STR("a character by its number is written \\u{e9}");
    else
        d->hint = PB_STR("a backslash itself is written \\\\");
    return text;
}
