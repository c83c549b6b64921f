/*
 * policy_diff.c - did privileges grow? Compares a policy that was written before with what is needed now.
 *
 * Both are taken apart into single grants: an action, a resource, the conditions. A grant is new when no grant of the
 * old policy holds it: its action and its resource by wildcards, and its conditions by having the same or none.
 * Wildcards of the old policy are patterns; in the new one they are text, so that `*` is held by `*` only. What is
 * granted by several old grants together only (one action on two halves of a resource) counts as new: doubt is shown.
 *
 * The old policy may be written by hand; parts of the policy language that take something away (Deny, NotAction,
 * NotResource) are refused, because the comparison would not be true.
 */
#include "stdlib/aws/policy_parts.h"

#include <json-c/json.h>

typedef struct single {
    pb_str action, resource;
    const char *conditions; /* JSON text; NULL: none */
} single;

typedef struct singles {
    pb_arena *a;
    single *list;
    size_t n, cap;
    pb_str err;
} singles;

/* ---- reading a policy ---- */

static bool fail(singles *s, const char *what) {
    if (!s->err.s) s->err = pb_str_c(what);
    return false;
}

static json_object *member(json_object *o, const char *name) {
    json_object *v = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, name, &v) ? v : NULL;
}

/* The i-th text of a text or a list of texts; NULL: no more, or no text. */
static const char *text_at(json_object *v, size_t i) {
    if (json_object_is_type(v, json_type_array))
        v = json_object_array_get_idx(v, i);
    else if (i > 0)
        return NULL;
    return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

static size_t texts(json_object *v) {
    return json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 1;
}

static bool add_single(singles *s, const char *action, const char *resource, const char *conditions) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        single *more = pb_alloc_array(s->a, cap, sizeof *more);
        if (!more) return fail(s, "out of memory");
        if (s->n) memcpy(more, s->list, s->n * sizeof *more);
        s->list = more;
        s->cap = cap;
    }
    pb_str one = pb_strdup(s->a, action, strlen(action)), two = pb_strdup(s->a, resource, strlen(resource));
    if (!one.s || !two.s) return fail(s, "out of memory");
    s->list[s->n++] = (single){one, two, conditions};
    return true;
}

static bool read_statement(singles *s, json_object *st) {
    json_object *actions = member(st, "Action"), *resources = member(st, "Resource"), *cond = member(st, "Condition");
    const char *effect = text_at(member(st, "Effect"), 0), *conditions = NULL;
    if (!effect || strcmp(effect, "Allow") != 0 || !actions || !resources)
        return fail(s, "it has a statement that is not Effect Allow with Action and Resource");
    if (cond) {
        const char *text =
            json_object_to_json_string_ext(cond, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        conditions = text ? pb_strdup(s->a, text, strlen(text)).s : NULL;
        if (!conditions) return fail(s, "out of memory");
    }
    for (size_t i = 0; i < texts(actions); i++)
        for (size_t k = 0; k < texts(resources); k++) {
            const char *action = text_at(actions, i), *resource = text_at(resources, k);
            if (!action || !resource) return fail(s, "it has an Action or Resource that is not text");
            if (!add_single(s, action, resource, conditions)) return false;
        }
    return true;
}

static bool read_policy(singles *s, pb_str text) {
    enum json_tokener_error e = json_tokener_success;
    json_tokener *t = json_tokener_new();
    json_object *o = t && text.n < INT32_MAX ? json_tokener_parse_ex(t, text.s ? text.s : "", (int)text.n) : NULL;
    bool ok = true;
    if (t) e = json_tokener_get_error(t);
    json_object *list = member(o, "Statement");
    if (!t || e != json_tokener_success || !list) {
        ok = fail(s, "it is not a policy in JSON");
    } else if (!json_object_is_type(list, json_type_array)) {
        ok = read_statement(s, list);
    } else {
        for (size_t i = 0; i < json_object_array_length(list) && ok; i++)
            ok = read_statement(s, json_object_array_get_idx(list, i));
    }
    json_object_put(o);
    if (t) json_tokener_free(t);
    return ok;
}

/* ---- comparing ---- */

static pb_str lower(pb_arena *a, pb_str s) {
    char *out = pb_alloc(a, s.n + 1);
    for (uint32_t i = 0; out && i < s.n; i++) out[i] = s.s[i] >= 'A' && s.s[i] <= 'Z' ? (char)(s.s[i] + 32) : s.s[i];
    return out ? (pb_str){out, s.n} : s;
}

static bool allows(pb_arena *a, const single *old, const single *now) {
    if (old->conditions && (!now->conditions || strcmp(old->conditions, now->conditions) != 0)) return false;
    return policy_holds(old->resource, now->resource) && policy_holds(lower(a, old->action), lower(a, now->action));
}

static bool allows_any(const singles *old, const single *now) {
    for (size_t i = 0; i < old->n; i++)
        if (allows(old->a, &old->list[i], now)) return true;
    return false;
}

static void put_line(pb_buf *out, char sign, const single *s) {
    pb_buf_printf(out, "%c %.*s on %.*s", sign, PB_ARG(s->action), PB_ARG(s->resource));
    if (s->conditions) pb_buf_printf(out, " if %s", s->conditions);
    pb_buf_putc(out, '\n');
}

bool aws_policy_diff(pb_arena *a, pb_str old_json, pb_str new_json, pb_buf *out, bool *grew, pb_str *err) {
    singles old = {.a = a}, now = {.a = a};
    *grew = false;
    *err = (pb_str){NULL, 0};
    if (!read_policy(&old, old_json) || !read_policy(&now, new_json)) {
        *err = old.err.s ? old.err : now.err;
        return false;
    }
    for (size_t i = 0; i < now.n; i++)
        if (!allows_any(&old, &now.list[i])) {
            put_line(out, '+', &now.list[i]);
            *grew = true;
        }
    for (size_t i = 0; i < old.n; i++)
        if (!allows_any(&now, &old.list[i])) put_line(out, '-', &old.list[i]);
    if (out->oom || pb_arena_failed(a)) *err = PB_STR("out of memory");
    return !err->s;
}
