/*
 * check_const.c - constants: whether an expression is one, and whether a constant text is what it is said to be.
 *
 * Addresses, blocks, ARNs and times are held to a form that the VM certainly reads, so that arn("...") of a constant
 * needs no `?`. Regular expressions are compiled here only to hear PCRE2's opinion; the VM compiles them again.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lang/check.h"

#include <arpa/inet.h>
#include <pcre2.h>
#include <stdio.h>

/* For AWS's own patterns on one literal; what takes more is let through. */
enum { REGEX_MATCH_LIMIT = 100000, REGEX_DEPTH_LIMIT = 2000 };

static const ast_expr *first_inconstant(const ast_expr *e) {
    switch (e->kind) {
    case EXPR_NONE:
    case EXPR_BOOL:
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_DURATION:
    case EXPR_STRING: return NULL;
    case EXPR_NEG: return first_inconstant(e->u.unary);
    case EXPR_LIST:
    case EXPR_MAP:
        for (const ast_arg *a = e->u.list; a; a = a->next) {
            const ast_expr *bad = first_inconstant(a->value);
            if (bad) return bad;
        }
        return NULL;
    case EXPR_CALL: { /* ip("10.0.0.1") */
        const ast_expr *name = e->u.call.callee;
        if (name->kind != EXPR_NAME || !resolve_is_builtin(name->u.name.text)) return e;
        for (const ast_arg *a = e->u.call.args; a; a = a->next)
            if (a->value->kind != EXPR_STRING) return a->value;
        return NULL;
    }
    default: return e;
    }
}

bool check_constant(checker *c, const ast_expr *e, const char *what) {
    const ast_expr *bad = first_inconstant(e);
    if (!bad) return true;
    diag *d = diag_add(c->diags, DIAG_NOT_CONSTANT, bad->span, "%s must be a constant", what);
    if (bad->kind == EXPR_INTERP) check_hint(c, d, "write the text without ${ }");
    return false;
}

bool constant_int(const ast_expr *e, int64_t *v) {
    int64_t a, b;
    if (e->kind == EXPR_INT) return *v = e->u.integer, true;
    if (e->kind == EXPR_NEG && constant_int(e->u.unary, &a)) return !__builtin_sub_overflow((int64_t)0, a, v);
    if (e->kind != EXPR_BINARY || !constant_int(e->u.binary.left, &a) || !constant_int(e->u.binary.right, &b))
        return false;
    switch (e->op) {
    case OP_ADD: return !__builtin_add_overflow(a, b, v);
    case OP_SUB: return !__builtin_sub_overflow(a, b, v);
    case OP_MUL: return !__builtin_mul_overflow(a, b, v);
    case OP_DIV:
        if (!b || (b == -1 && a == INT64_MIN)) return false;
        return *v = a / b, true;
    case OP_MOD:
        if (!b || b == -1) return false;
        return *v = a % b, true;
    default: return false;
    }
}

/* ---- addresses, ARNs, times, versions ---- */

static bool copy(pb_str s, char *out, size_t size) {
    if (s.n >= size || memchr(s.s ? s.s : "", 0, s.n)) return false;
    if (s.n) memcpy(out, s.s, s.n);
    out[s.n] = 0;
    return true;
}

static int ip_bits(pb_str s) { /* 32, 128, 0: no address */
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    if (!copy(s, text, sizeof text)) return 0;
    return inet_pton(AF_INET, text, bytes) == 1 ? 32 : inet_pton(AF_INET6, text, bytes) == 1 ? 128 : 0;
}
bool text_is_ip(pb_str s) { return ip_bits(s) != 0; }

bool text_is_cidr(pb_str s) {
    const char *slash = s.n ? memchr(s.s, '/', s.n) : NULL;
    if (!slash) return false;
    pb_str address = {s.s, (uint32_t)(slash - s.s)}, length = {slash + 1, s.n - address.n - 1};
    int bits = ip_bits(address), n = 0;
    if (!bits || !length.n || length.n > 3 || (length.n > 1 && length.s[0] == '0')) return false;
    for (uint32_t i = 0; i < length.n; i++) {
        if (length.s[i] < '0' || length.s[i] > '9') return false;
        n = n * 10 + (length.s[i] - '0');
    }
    return n <= bits;
}

/* arn:partition:service:region:account:resource, the resource may hold colons; region and account may be empty */
bool text_is_arn(pb_str s) {
    enum { COLONS = 5 };
    uint32_t at[COLONS], n = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.s[i] < ' ') return false;
        if (s.s[i] == ':' && n < COLONS) at[n++] = i;
    }
    return n == COLONS && at[0] == 3 && memcmp(s.s, "arn", 3) == 0 && at[1] > at[0] + 1 && at[2] > at[1] + 1 &&
           at[4] + 1 < s.n;
}

/* 2026-01-02T03:04:05Z, perhaps with a fraction of up to three digits */
bool text_is_time(pb_str s) {
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    enum { FORM = sizeof form - 1 };
    if (s.n < FORM + 1 || s.s[s.n - 1] != 'Z') return false;
    for (uint32_t i = 0; i < FORM; i++)
        if (form[i] == 'd' ? s.s[i] < '0' || s.s[i] > '9' : s.s[i] != form[i]) return false;
    int month = (s.s[5] - '0') * 10 + s.s[6] - '0', day = (s.s[8] - '0') * 10 + s.s[9] - '0';
    int hour = (s.s[11] - '0') * 10 + s.s[12] - '0';
    if (month < 1 || month > 12 || day < 1 || day > 28 + 3 || hour > 23 || s.s[14] > '5' || s.s[17] > '5') return false;
    if (s.n == FORM + 1) return true;
    if (s.s[FORM] != '.' || s.n < FORM + 3 || s.n > FORM + 5) return false;
    for (uint32_t i = FORM + 1; i + 1 < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9') return false;
    return true;
}

/* 1.2.3, 1.2.3-rc.1, 1.2.3+build */
bool text_is_version(pb_str s) {
    uint32_t i = 0;
    for (int part = 0; part < 3; part++) {
        uint32_t start = i;
        while (i < s.n && s.s[i] >= '0' && s.s[i] <= '9') i++;
        if (i == start || (part < 2 && (i >= s.n || s.s[i] != '.'))) return false;
        if (part < 2) i++;
    }
    if (i == s.n) return true;
    if ((s.s[i] != '-' && s.s[i] != '+') || i + 1 == s.n) return false;
    for (i++; i < s.n; i++) {
        char ch = s.s[i];
        bool ok = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '.' ||
                  ch == '-' || ch == '+';
        if (!ok) return false;
    }
    return true;
}

/* ---- regular expressions ---- */

static pcre2_code *compile(pb_str pattern, uint32_t options, int *code, size_t *offset) {
    return pcre2_compile((PCRE2_SPTR)(pattern.s ? pattern.s : ""), pattern.n, options, code, offset, NULL);
}

bool regex_valid(pb_str pattern, char *why, size_t why_size) {
    int code = 0;
    size_t offset = 0;
    pcre2_code *re = compile(pattern, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset);
    if (re) {
        pcre2_code_free(re);
        return true;
    }
    PCRE2_UCHAR8 text[160];
    if (pcre2_get_error_message(code, text, sizeof text) < 0) text[0] = 0;
    snprintf(why, why_size, "%s, at character %zu", (const char *)text, offset);
    return false;
}

/* AWS's patterns are written for Java: what PCRE2 cannot read refuses nothing. One without ^ and $ is meant for the
 * whole text: that is how the services take it. */
bool regex_refuses(pb_str pattern, pb_str text) {
    int code = 0;
    size_t offset = 0;
    bool refuses = false;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY;
    if (!memchr(pattern.s, '^', pattern.n) && !memchr(pattern.s, '$', pattern.n))
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    pcre2_code *re = compile(pattern, options, &code, &offset);
    pcre2_match_data *match = re ? pcre2_match_data_create_from_pattern(re, NULL) : NULL;
    pcre2_match_context *limit = pcre2_match_context_create(NULL);
    if (match && limit) {
        pcre2_set_match_limit(limit, REGEX_MATCH_LIMIT);
        pcre2_set_depth_limit(limit, REGEX_DEPTH_LIMIT);
        refuses =
            pcre2_match(re, (PCRE2_SPTR)(text.s ? text.s : ""), text.n, 0, 0, match, limit) == PCRE2_ERROR_NOMATCH;
    }
    pcre2_match_context_free(limit);
    pcre2_match_data_free(match);
    pcre2_code_free(re);
    return refuses;
}
