/*
 * dynamodb_value.c - attribute values: checked, brought into the one form in which they are kept, compared, added.
 *
 * Numbers are decimals of up to 38 digits, as DynamoDB has them: a sign, digits and an exponent, never a double, so
 * that a counter stays exact.
 */
#include "stdlib/sim/dynamodb.h"

enum {
    DIGITS_MAX = 38,
    MAGNITUDE_MAX = 126,  /* 9.99e125 is the largest */
    MAGNITUDE_MIN = -129, /* 1e-130 the smallest above zero */
    NUMBER_TEXT_MAX = 512,
    ALIGNED_MAX = 320, /* digits of two numbers beside each other: from 1e125 to 1e-130, and 38 more */
};

pb_value ddb_fail(sim_call *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    pb_str message = pb_vprintf(c->arena, fmt, ap);
    va_end(ap);
    return sim_fail(c, 400, "ValidationException", "%.*s", PB_ARG(message));
}

/* ---- decimals ---- */

/* The digits, the first not 0, the last not 0, times 10^exp; none for zero. */
typedef struct decimal {
    bool negative;
    int exp;
    unsigned n;
    char d[DIGITS_MAX];
} decimal;

static const char no_number[] = "The parameter cannot be converted to a numeric value";
static const char too_many[] = "Attempting to store more than 38 significant digits in a Number";

/* Digits of any length, the first ones most significant, times 10^exp. */
static const char *decimal_from(decimal *out, const char *d, unsigned n, int exp, bool negative) {
    while (n && *d == '0') d++, n--;
    while (n && d[n - 1] == '0') n--, exp++;
    *out = (decimal){.n = 0};
    if (!n) return NULL;
    int magnitude = (int)n + exp;
    if (magnitude > MAGNITUDE_MAX)
        return "Number overflow. Attempting to store a number with magnitude larger than supported range";
    if (magnitude < MAGNITUDE_MIN)
        return "Number underflow. Attempting to store a number with magnitude smaller than supported range";
    if (n > DIGITS_MAX) return too_many;
    *out = (decimal){.negative = negative, .exp = exp, .n = n};
    memcpy(out->d, d, n);
    return NULL;
}

static const char *decimal_read(pb_str t, decimal *out) {
    const char *wrong = no_number;
    char d[NUMBER_TEXT_MAX];
    unsigned n = 0, i = 0;
    int exp = 0, given = 0;
    bool negative = t.n && t.s[0] == '-', dot = false;
    if (!t.n || t.n > NUMBER_TEXT_MAX) return wrong;
    if (t.s[0] == '-' || t.s[0] == '+') i++;
    for (; i < t.n && (t.s[i] == '.' || (t.s[i] >= '0' && t.s[i] <= '9')); i++) {
        if (t.s[i] == '.' && dot) return wrong;
        if (t.s[i] == '.')
            dot = true;
        else
            d[n++] = t.s[i];
        if (dot && t.s[i] != '.') exp--;
    }
    if (!n) return wrong;
    if (i < t.n && (t.s[i] == 'e' || t.s[i] == 'E')) {
        bool minus = i + 1 < t.n && t.s[i + 1] == '-';
        i += i + 1 < t.n && (t.s[i + 1] == '-' || t.s[i + 1] == '+') ? 2 : 1;
        if (i == t.n || t.n - i > 4) return wrong;
        for (; i < t.n && t.s[i] >= '0' && t.s[i] <= '9'; i++) given = given * 10 + (t.s[i] - '0');
        exp += minus ? -given : given;
    }
    return i < t.n ? wrong : decimal_from(out, d, n, exp, negative);
}

/* Plain, without an exponent: "1200", "-0.05". */
static pb_value decimal_text(sim_call *c, const decimal *v) {
    char t[ALIGNED_MAX];
    unsigned n = 0;
    int point = (int)v->n + v->exp; /* digits before the point */
    if (!v->n) return pb_string_c("0");
    if (v->negative) t[n++] = '-';
    if (point <= 0) t[n++] = '0', t[n++] = '.';
    for (int z = point; z < 0; z++) t[n++] = '0';
    for (unsigned i = 0; i < v->n; i++) {
        if ((int)i == point && i) t[n++] = '.';
        t[n++] = v->d[i];
    }
    for (int z = 0; z < v->exp; z++) t[n++] = '0';
    return sim_text(c, "%.*s", (int)n, t);
}

static int magnitude_compare(const decimal *a, const decimal *b) {
    if (!a->n || !b->n) return (a->n > 0) - (b->n > 0);
    int ma = (int)a->n + a->exp, mb = (int)b->n + b->exp;
    if (ma != mb) return ma < mb ? -1 : 1;
    for (unsigned i = 0; i < a->n || i < b->n; i++) {
        char x = i < a->n ? a->d[i] : '0', y = i < b->n ? b->d[i] : '0';
        if (x != y) return x < y ? -1 : 1;
    }
    return 0;
}

static int decimal_compare(const decimal *a, const decimal *b) {
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    int m = magnitude_compare(a, b);
    return a->negative ? -m : m;
}

/* Right-aligned at 10^low, least significant digit first. */
static void spread(const decimal *v, int low, signed char out[ALIGNED_MAX]) {
    memset(out, 0, ALIGNED_MAX);
    for (unsigned i = 0; i < v->n; i++) out[(int)(v->n - 1 - i) + v->exp - low] = (signed char)(v->d[i] - '0');
}

static const char *decimal_add(const decimal *a, const decimal *b, decimal *out) {
    signed char x[ALIGNED_MAX], y[ALIGNED_MAX];
    char d[ALIGNED_MAX];
    int low = a->exp < b->exp ? a->exp : b->exp, carry = 0;
    if (!a->n || !b->n) {
        *out = a->n ? *a : *b;
        return NULL;
    }
    const decimal *big = magnitude_compare(a, b) >= 0 ? a : b, *small = big == a ? b : a;
    spread(big, low, x);
    spread(small, low, y);
    for (unsigned i = 0; i < ALIGNED_MAX; i++) {
        int sum = x[i] + (a->negative == b->negative ? y[i] : -y[i]) + carry;
        carry = sum < 0 ? -1 : sum > 9 ? 1 : 0;
        d[ALIGNED_MAX - 1 - i] = (char)('0' + sum - 10 * carry);
    }
    return decimal_from(out, d, ALIGNED_MAX, low, big->negative);
}

/* ---- values ---- */

static pb_value typed(sim_call *c, const char *type, pb_value v) { return MAP(c, {type, v}); }

pb_str ddb_type(pb_value v) { return v.kind == PB_MAP && v.n == 1 ? v.u.entries[0].key : (pb_str){"", 0}; }
pb_value ddb_inner(pb_value v) { return v.kind == PB_MAP && v.n == 1 ? v.u.entries[0].value : PB_NONE_VALUE; }

bool ddb_is_set(pb_value v) {
    pb_str t = ddb_type(v);
    return t.n == 2 && t.s[1] == 'S';
}

static pb_value normal(sim_call *c, pb_value v, unsigned depth);

static pb_value normal_number(sim_call *c, pb_value v) {
    decimal n;
    const char *wrong = decimal_read(pb_text(v), &n);
    if (wrong == no_number) return ddb_fail(c, "%s: %.*s", wrong, PB_ARG(pb_text(v)));
    if (wrong) return ddb_fail(c, "%s", wrong);
    return decimal_text(c, &n);
}

static pb_value normal_binary(sim_call *c, pb_value v) { return pb_string(pb_base64(c->arena, v.u.s, v.n)); }

static pb_value normal_set(sim_call *c, pb_value v, char type) {
    sim_items all = {0};
    if (!v.n)
        return ddb_fail(c, "One or more parameter values were invalid: An %s set  may not be empty",
                        type == 'N'   ? "number"
                        : type == 'S' ? "string"
                                      : "binary");
    EACH(i, v) {
        pb_value one = type == 'N' ? normal_number(c, *i) : type == 'B' ? normal_binary(c, *i) : *i;
        for (uint32_t k = 0; k < all.n; k++)
            if (pb_equal(all.v[k], one)) return ddb_fail(c, "Input collection contains duplicates");
        items_add(c, &all, one);
    }
    return items_list(c, &all);
}

static pb_value normal_entries(sim_call *c, pb_value m, unsigned depth) {
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; m.kind == PB_MAP && i < m.n && !c->failed; i++)
        pb_map_add(&b, m.u.entries[i].key, normal(c, m.u.entries[i].value, depth));
    return c->failed ? PB_NONE_VALUE : pb_map_done(&b);
}

static pb_value normal_items(sim_call *c, pb_value l, unsigned depth) {
    sim_items all = {0};
    EACH(i, l) items_add(c, &all, normal(c, *i, depth));
    return items_list(c, &all);
}

static pb_value normal(sim_call *c, pb_value v, unsigned depth) {
    pb_str t = ddb_type(v);
    pb_value in = ddb_inner(v);
    if (!t.n)
        return ddb_fail(c, "Supplied AttributeValue %s, must contain exactly one of the supported datatypes",
                        v.n ? "has more than one datatypes set" : "is empty");
    if (depth > DDB_DEPTH_MAX) return ddb_fail(c, "Nesting Levels have exceeded supported limits");
    if (pb_str_is(t, "N")) return typed(c, "N", normal_number(c, in));
    if (pb_str_is(t, "B")) return typed(c, "B", normal_binary(c, in));
    if (pb_str_is(t, "M")) return typed(c, "M", normal_entries(c, in, depth + 1));
    if (pb_str_is(t, "L")) return typed(c, "L", normal_items(c, in, depth + 1));
    if (ddb_is_set(v)) return typed(c, t.s[0] == 'N' ? "NS" : t.s[0] == 'B' ? "BS" : "SS", normal_set(c, in, t.s[0]));
    return v;
}

pb_value ddb_normal_item(sim_call *c, pb_value m) { return normal_entries(c, m, 0); }

pb_value ddb_number_add(sim_call *c, pb_value a, pb_value b, bool minus) {
    decimal x, y, sum;
    if (decimal_read(pb_text(ddb_inner(a)), &x) || decimal_read(pb_text(ddb_inner(b)), &y))
        return ddb_fail(c, "An operand in the update expression has an incorrect data type");
    if (minus) y.negative = !y.negative;
    const char *wrong = decimal_add(&x, &y, &sum);
    return wrong ? ddb_fail(c, "%s", wrong) : typed(c, "N", decimal_text(c, &sum));
}

static int bytes_compare(pb_str a, pb_str b) {
    uint32_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.s, b.s, n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

/* Base64's digits in the order of what they stand for, so that texts compare as their bytes do. */
static int base64_rank(char ch) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = memchr(digits, ch, 64);
    return at ? (int)(at - digits) : -1; /* = is before all */
}

static int base64_compare(pb_str a, pb_str b) {
    for (uint32_t i = 0; i < a.n && i < b.n; i++)
        if (a.s[i] != b.s[i]) return base64_rank(a.s[i]) - base64_rank(b.s[i]);
    return (a.n > b.n) - (a.n < b.n);
}

bool ddb_compare(pb_value a, pb_value b, int *order) {
    pb_str t = ddb_type(a), x = pb_text(ddb_inner(a)), y = pb_text(ddb_inner(b));
    decimal m, n;
    if (!pb_str_eq(t, ddb_type(b)) || t.n != 1) return false;
    if (t.s[0] == 'S')
        *order = bytes_compare(x, y);
    else if (t.s[0] == 'B')
        *order = base64_compare(x, y);
    else if (t.s[0] == 'N' && !decimal_read(x, &m) && !decimal_read(y, &n))
        *order = decimal_compare(&m, &n);
    else
        return false;
    return true;
}
