/*
 * check_const.c - constants: whether an expression is one, and whether a constant text is what it is said to be.
 *
 * Addresses, blocks, ARNs and times are held to a form that the VM certainly reads, so that arn("...") of a constant
 * needs no `?`. Regular expressions are compiled here only to hear PCRE2's opinion; the VM compiles them again.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lang/check.h"

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

/* ---- versions ---- */

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
