/*
 * known.c - what AWS's sources send: finding types, event names, controls.
 *
 * The lists are data (data/, one .def a list, each with its origin and date), but for the names of API calls, which are
 * the operations of AWS's models. A list belongs to the events whose declaration names the source; the field is the one
 * that the declaration calls its `threat`, or one of the rows below. What a list does not have may still exist: AWS
 * adds types faster than anybody follows, so that is a warning, which can be allowed at its line.
 */
#include "lang/analyse.h"

static const char *const guardduty[] = {
#define K(name) name,
#define R(name)
#include "lang/data/guardduty.def"
#undef K
#undef R
};
static const char *const guardduty_retired[] = {
#define K(name)
#define R(name) name,
#include "lang/data/guardduty.def"
#undef K
#undef R
};
static const char *const signin[] = {
#define K(name) name,
#include "lang/data/signin.def"
#undef K
};
static const char *const cloudtrail[] = {
#define K(name) name,
#include "lang/data/cloudtrail.def"
#undef K
};
static const struct {
    const char *service;
    const char *numbers; /* "1-4,6" */
} controls[] = {
#define C(service, numbers) {service, numbers},
#include "lang/data/controls.def"
#undef C
};

#define LIST(names) names, sizeof(names) / sizeof *(names)

static const struct {
    const char *source, *detail_type; /* of the event; NULL: any */
    const char *path;                 /* NULL: the event's `threat` */
    known_list list;
} rows[] = {
    {"aws.guardduty",
     NULL,
     NULL,
     {"GuardDuty has no finding type", "a finding type of GuardDuty", KNOWN_NAMES, LIST(guardduty), "", true,
      LIST(guardduty_retired)}},
    {"aws.signin",
     NULL,
     NULL,
     {"there is no sign-in event", "a sign-in event", KNOWN_NAMES, LIST(signin), "", false, NULL, 0}},
    {"aws.*",
     "AWS API Call via CloudTrail",
     NULL,
     {"no API call of AWS is named", "an API call of AWS", KNOWN_OPERATIONS, LIST(cloudtrail), "", false, NULL, 0}},
    {"aws.securityhub",
     NULL,
     "GeneratorId",
     {"Security Hub has no control", "a control of Security Hub", KNOWN_CONTROLS, NULL, 0, "security-control/", false,
      NULL, 0}},
};

const known_list *known_of(const ast_decl *event, pb_str path) {
    for (size_t i = 0; event && i < sizeof rows / sizeof *rows; i++) {
        pb_str field = rows[i].path ? pb_str_c(rows[i].path) : analyse_clause_text(event, "threat");
        if (!analyse_clause_has(event, "source", rows[i].source) || !field.n || !pb_str_eq(field, path)) continue;
        if (rows[i].detail_type && !analyse_clause_has(event, "detail_type", rows[i].detail_type)) continue;
        return &rows[i].list;
    }
    return NULL;
}

/* ---- controls ---- */

/* A number of the list at *z, which is moved behind it. */
static uint32_t number_of(const char **z) {
    uint32_t n = 0;
    for (; **z >= '0' && **z <= '9'; ++*z) n = n * 10 + (uint32_t)(**z - '0');
    return n;
}

static bool is_among(const char *numbers, uint32_t number) {
    for (const char *z = numbers; *z; z += *z == ',') {
        uint32_t first = number_of(&z), last = first;
        if (*z == '-') z++, last = number_of(&z);
        if (number >= first && number <= last) return true;
    }
    return false;
}

static bool has_control(pb_str id) {
    const char *dot = id.n ? memchr(id.s, '.', id.n) : NULL;
    uint32_t at = dot ? (uint32_t)(dot - id.s) : id.n, number = 0;
    for (uint32_t i = at + 1; i < id.n; i++) {
        if (id.s[i] < '0' || id.s[i] > '9' || number > 9999) return false;
        number = number * 10 + (uint32_t)(id.s[i] - '0');
    }
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        if (pb_str_is((pb_str){id.s, at}, controls[i].service)) return is_among(controls[i].numbers, number);
    return false;
}

/* "EC2.1*", "EC2.*", "*": what is fixed must begin like some control. */
static bool matches_control(pb_str pattern) {
    uint32_t fixed = 0;
    while (fixed < pattern.n && pattern.s[fixed] != '*' && pattern.s[fixed] != '?') fixed++;
    if (fixed == pattern.n) return has_control(pattern);
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        uint32_t n = (uint32_t)strlen(controls[i].service), least = n < fixed ? n : fixed;
        if (memcmp(controls[i].service, pattern.s, least) == 0 && (fixed <= n || pattern.s[n] == '.')) return true;
    }
    return false;
}

/* ---- all lists ---- */

static bool each_operation(const pb_schema *schema, bool (*fn)(void *ctx, pb_str name), void *ctx) {
    uint32_t count = schema ? schema->service_count(schema->ctx) : 0;
    for (uint32_t i = 0; i < count; i++) {
        schema_service s = schema->service_find(schema->ctx, schema->service_name(schema->ctx, i));
        schema_operation op;
        for (uint32_t k = 0; schema->operation_at(schema->ctx, s, k, &op); k++)
            if (fn(ctx, op.name)) return true;
    }
    return false;
}

static bool is_name(void *ctx, pb_str name) { return pb_str_eq(*(const pb_str *)ctx, name); }
static bool fits_name(void *ctx, pb_str name) { return known_glob(*(const pb_str *)ctx, name); }
static bool offer_name(void *ctx, pb_str name) {
    nearest_offer(ctx, name);
    return false;
}

static bool strip(const known_list *l, pb_str *text) {
    uint32_t n = (uint32_t)strlen(l->prefix);
    if (text->n < n || memcmp(text->s, l->prefix, n) != 0) return false;
    *text = (pb_str){text->s + n, text->n - n};
    return true;
}

/* "CreateFunction20150331", "GetFunction20150331v2": a name with the version of the API behind it; else the name. */
static pb_str without_version(pb_str name) {
    enum { DATE = 8 };
    uint32_t n = name.n, digits = 0;
    if (n > 2 && name.s[n - 2] == 'v' && name.s[n - 1] >= '0' && name.s[n - 1] <= '9') n -= 2;
    while (digits < n && name.s[n - digits - 1] >= '0' && name.s[n - digits - 1] <= '9') digits++;
    return digits == DATE ? (pb_str){name.s, n - digits} : name;
}

static bool is_among_names(const char *const *names, uint32_t count, pb_str text) {
    for (uint32_t i = 0; i < count; i++)
        if (pb_str_is(text, names[i])) return true;
    return false;
}

bool known_has(const known_list *l, const pb_schema *schema, pb_str text) {
    if (!strip(l, &text)) return true;
    if (l->kind == KNOWN_CONTROLS) return has_control(text);
    if (is_among_names(l->names, l->count, text)) return true;
    if (l->kind != KNOWN_OPERATIONS) return false;
    pb_str name = without_version(text);
    return !schema || each_operation(schema, is_name, &name);
}

bool known_retired(const known_list *l, pb_str text) { return is_among_names(l->retired, l->nretired, text); }

bool known_matches(const known_list *l, const pb_schema *schema, pb_str pattern) {
    if (!strip(l, &pattern)) return true;
    if (l->kind == KNOWN_CONTROLS) return matches_control(pattern);
    for (uint32_t i = 0; i < l->count; i++)
        if (known_glob(pattern, pb_str_c(l->names[i]))) return true;
    return l->kind == KNOWN_OPERATIONS && (!schema || each_operation(schema, fits_name, &pattern));
}

void known_offer(const known_list *l, const pb_schema *schema, nearest *n) {
    for (uint32_t i = 0; i < l->count; i++) nearest_offer(n, pb_str_c(l->names[i]));
    if (l->kind == KNOWN_OPERATIONS && schema) each_operation(schema, offer_name, n);
}
