/*
 * parse.c - one source file to its tree: the supply of tokens between scanner and grammar, and recovery after an error.
 *
 * One mistake shall give one message, and the next mistake shall be found. For that the supply does two things that the
 * grammar cannot: when a declaration begins (or the file ends) while brackets are open, it says so once and hands out
 * the missing closers; and after a syntax error it skips to the next statement of the same block, or to its end,
 * jumping over whole nested brackets. Errors that begin where the scanner has complained already are dropped.
 */
#include "lang/scan.h"

enum { NO_LEVEL = UINT32_MAX };

/* ---- messages ---- */

static diag *vmistake(parse_ctx *c, diag_code code, pb_span span, const char *fmt, va_list ap) {
    pb_str text = pb_vprintf(c->arena, fmt, ap);
    if (c->halted) {
        c->scratch = (diag){0};
        return &c->scratch;
    }
    return diag_add(c->diags, code, span, "%.*s", PB_ARG(text));
}

diag *parse_mistake(parse_ctx *c, diag_code code, pb_span span, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag *d = vmistake(c, code, span, fmt, ap);
    va_end(ap);
    return d;
}

diag *scan_mistake(parse_ctx *c, diag_code code, pb_span span, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag *d = vmistake(c, code, span, fmt, ap);
    va_end(ap);
    c->quiet = span;
    c->quiet_set = true;
    return d;
}

bool parse_is_quiet(const parse_ctx *c, uint32_t start) {
    if (c->halted || pb_arena_failed(c->arena)) return true;
    return c->quiet_set && start >= c->quiet.start && start <= c->quiet.end;
}

/* ---- blocks ---- */

void parse_block_open(parse_ctx *c, uint32_t offset) {
    /* Never full: each block has its { on the scanner's stack, which is as large. */
    if (c->nblocks < PARSE_MAX_DEPTH) c->blocks[c->nblocks++] = offset;
}

void parse_block_close(parse_ctx *c) {
    if (c->nblocks) c->nblocks--;
}

/* How many things are open just inside the innermost block (0 outside of all); NO_LEVEL when its end was read. */
static uint32_t block_level(const parse_ctx *c) {
    if (!c->nblocks) return 0;
    for (uint32_t i = c->nopen; i > 0; i--)
        if (c->open[i - 1].offset == c->blocks[c->nblocks - 1]) return i;
    return NO_LEVEL;
}

/* ---- where reading goes on ---- */

bool parse_begins_line(const parse_ctx *c, uint32_t at) {
    while (at > 0 && (c->text.s[at - 1] == ' ' || c->text.s[at - 1] == '\t')) at--;
    return at == 0 || c->text.s[at - 1] == '\n';
}

static bool begins_statement(int token) {
    switch (token) {
    case TOK_LET:
    case TOK_WHERE:
    case TOK_DO:
    case TOK_PARALLEL:
    case TOK_RECORD:
    case TOK_STOP:
    case TOK_FAIL:
    case TOK_RETURN:
    case TOK_VERIFY:
    case TOK_ON:
    case TOK_APPROVE:
    case TOK_WAIT:
    case TOK_AUTHORIZE:
    case TOK_WHEN: return true;
    default: return false;
    }
}

/* In a block also: statements whose word stands inside expressions too, and the clauses of other blocks. */
static bool begins_item(const parse_ctx *c, int token, pb_span at) {
    switch (token) {
    case TOK_IF:
    case TOK_FOR:
    case TOK_IN_ACCOUNT:
    case TOK_GIVEN:
    case TOK_EXPECT:
    case TOK_AFTER:
    case TOK_DENY:
    case TOK_UNLESS:
    case TOK_DEDUPE:
    case TOK_LIMIT:
    case TOK_SCHEMA: return true;
    case TOK_NAME: return parse_begins_line(c, at.start); /* a clause */
    default: return begins_statement(token);
    }
}

static bool begins_declaration(const parse_ctx *c, int token, pb_span at) {
    switch (token) {
    case TOK_PLAYBOOK:
    case TOK_IMPORT:
    case TOK_FN:
    case TOK_PARAM:
    case TOK_TYPE:
    case TOK_EVENT:
    case TOK_ACTION:
    case TOK_EXTERN:
    case TOK_GUARD:
    case TOK_TEST:
    case TOK_SITE: return parse_begins_line(c, at.start) || scan_is_declaration(c, token, at);
    default: return false;
    }
}

static bool only_parentheses_above(const parse_ctx *c, uint32_t level) {
    for (uint32_t i = level; i < c->nopen; i++)
        if (c->open[i].kind != '(' && c->open[i].kind != '[') return false;
    return true;
}

/* After an error: can the parser go on with this token? Cuts off brackets that a new statement shows to be unclosed. */
static bool resumes(parse_ctx *c, int token, pb_span at) {
    if (token == TOK_END) return true;
    uint32_t level = block_level(c);
    if (level == NO_LEVEL) return token == TOK_RBRACE;
    if (!c->nblocks) {
        if (!begins_declaration(c, token, at)) return false;
        c->nopen = 0;
        return true;
    }
    if (c->nopen == level) return begins_item(c, token, at);
    if (!begins_statement(token) || !only_parentheses_above(c, level)) return false;
    c->nopen = level;
    return true;
}

bool parse_recover(parse_ctx *c, int token, pb_span at) {
    bool stuck = token != TOK_PBYEMPTY && at.start == c->recover_at;
    bool discard = c->discard || stuck;
    c->discard = false;
    c->recover_at = at.start;
    if (token == TOK_END) return false;
    if (token != TOK_PBYEMPTY && !discard && resumes(c, token, at)) return false;
    c->recovering = true;
    return token != TOK_PBYEMPTY;
}

/* ---- tokens ---- */

/* At the beginning of a line, or reserved: then it cannot be a name inside the brackets that are open. */
static bool cuts_brackets(const parse_ctx *c, int token, pb_span at) {
    if (token == TOK_END) return true;
    bool reserved = token == TOK_PLAYBOOK || token == TOK_FN || token == TOK_IMPORT;
    if (!reserved && at.start > 0 && c->text.s[at.start - 1] != '\n') return false;
    return scan_is_declaration(c, token, at);
}

static void hold_back(parse_ctx *c, int token, const PBYSTYPE *value, pb_span at) {
    c->held = token;
    if (token != TOK_END) c->held_name = value->name;
    c->held_at = at;
    if (!parse_is_quiet(c, at.start)) parse_report_unclosed(c, at, token == TOK_END);
    c->quiet = parse_span(c, at.start, at.start);
    c->quiet_set = true;
    c->inject = 0;
}

/* The next token, as it stands or made up. */
static int supply(parse_ctx *c, PBYSTYPE *value, pb_span *place) {
    for (;;) {
        if (c->inject < c->nopen) {
            *place = parse_span(c, c->quiet.end, c->quiet.end);
            return scan_closer(c->open[--c->nopen].kind);
        }
        c->inject = UINT32_MAX;
        if (c->held != SCAN_SKIP) {
            int token = c->held;
            if (token != TOK_END) c->held = SCAN_SKIP;
            value->name = c->held_name;
            *place = c->held_at;
            return token;
        }
        if (c->halted || pb_arena_failed(c->arena)) {
            *place = parse_span(c, c->pos, c->pos);
            return TOK_END;
        }
        int token = parse_scan(value, place, c->scanner);
        if (token == SCAN_SKIP) continue;
        c->after_dot = token == TOK_DOT || token == TOK_SAFE_DOT;
        if (c->echo) c->quiet.end = place->end;
        c->echo = false;
        if (!c->nopen || !cuts_brackets(c, token, *place)) return token;
        hold_back(c, token, value, *place);
    }
}

int pbylex(PBYSTYPE *value, pb_span *place, parse_ctx *c) {
    int token = supply(c, value, place);
    while (c->recovering && !resumes(c, token, *place)) token = supply(c, value, place);
    c->recovering = false;
    return token;
}

/* ---- the file ---- */

parse_ctx *parse_begin(pb_arena *a, diag_list *diags, const source_set *set, uint32_t file, ast_file *out) {
    parse_ctx *c = diags ? pb_alloc(a, sizeof *c) : NULL;
    if (!c) return NULL;
    c->arena = a;
    c->diags = diags;
    c->out = out;
    c->text = set->files[file].text;
    c->file = file;
    c->inject = UINT32_MAX;
    c->held = SCAN_SKIP;
    c->recover_at = c->reported_at = UINT32_MAX;
    return scan_begin(c) ? c : NULL;
}

bool parse_file(pb_arena *a, diag_list *diags, const source_set *set, uint32_t file, ast_file *out) {
    out->file = file;
    if (set->files[file].broken) return true;
    parse_ctx *c = parse_begin(a, diags, set, file, out);
    if (!c) return false;
    /* 2: bison's stack is full, which pbyerror has reported as nesting (or malloc has failed to enlarge it). */
    return (pbyparse(c) != 2 || c->deep_reported) && !pb_arena_failed(a);
}
