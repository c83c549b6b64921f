/*
 * plan_change.c - before and after: what a call that was held back would change, computed from what was read before it.
 *
 * A setting operation names a thing and what is to be set: UpdateAccessKey(UserName, AccessKeyId, Status). The reads of
 * the run have seen the thing with members of the same names: {UserName, AccessKeyId, Status}. So for each argument the
 * object among all that was read is looked for which has a member of that name and agrees with the call in most of what
 * names things. Two rules more: a read about the same thing that failed with "no such" says that it is absent, and
 * so does a list of names (PolicyNames) without the name (PolicyName). Tags are compared key by key.
 *
 * Where that does not tell, the before is "unknown": a plan never guesses. Of two objects that agree equally well and
 * differ in the member, neither is taken.
 */
#include "vm/plan.h"

#include <json-c/json.h>

enum {
    READS_MAX = 400,    /* looked at for one call */
    VALUES_MAX = 50000, /* likewise, of what they gave */
    NAMES_MAX = 32,     /* texts of a call that name things */
    NAME_LEAST = 3,     /* shorter texts name nothing: "in" */
    DEPTH_MAX = 16,
    MEMBERS_MAX = 64 /* of one call's arguments, with those inside structures */
};

typedef struct finder {
    const vm_step *reads[READS_MAX];
    uint32_t nreads;
    pb_str names[NAMES_MAX]; /* what the call names */
    uint32_t nnames;
    pb_value args;
    uint32_t left; /* of VALUES_MAX */
    json_object *out;
    uint32_t nout;
    bool any_found, oom;
} finder;

/* What was found of one member. */
typedef struct found {
    pb_value value;
    uint32_t score;
    bool has, unclear;
} found;

/* ---- small things ---- */

static bool ends(pb_str s, const char *with) {
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.s + s.n - n, with, n) == 0;
}

static bool begins(pb_str s, const char *with) {
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.s, with, n) == 0;
}

static bool contains(pb_str s, const char *part) { return s.n && memmem(s.s, s.n, part, strlen(part)); }

/* "CreateTags" of "aws.ec2.CreateTags" */
static pb_str operation(pb_str host) {
    uint32_t n = host.n;
    while (n && host.s[n - 1] != '.') n--;
    return (pb_str){host.s + n, host.n - n};
}

static bool same(pb_value a, pb_value b) {
    int64_t work = 10000;
    return pb_equal_within(a, b, &work) == PB_YES;
}

/* ---- what the call names ---- */

static void add_names(finder *f, pb_value v, unsigned depth) {
    if (v.kind == PB_STRING && v.n >= NAME_LEAST && f->nnames < NAMES_MAX) f->names[f->nnames++] = pb_text(v);
    for (uint32_t i = 0; v.kind == PB_LIST && i < v.n && depth < 2; i++) add_names(f, v.u.items[i], depth + 1);
}

/* All texts among the arguments but the member's own. */
static void take_names(finder *f, pb_str but) {
    f->nnames = 0;
    for (uint32_t i = 0; i < f->args.n; i++)
        if (!pb_str_eq(f->args.u.entries[i].key, but)) add_names(f, f->args.u.entries[i].value, 0);
}

static bool is_named(const finder *f, pb_value v) {
    if (v.kind != PB_STRING || v.n < NAME_LEAST) return false;
    for (uint32_t i = 0; i < f->nnames; i++)
        if (pb_str_eq(f->names[i], pb_text(v))) return true;
    return false;
}

/* How many of the names stand in a value, however deep (of a read's arguments: filters). */
static uint32_t names_in(finder *f, pb_value v, unsigned depth) {
    uint32_t n = is_named(f, v);
    if (depth > DEPTH_MAX || !f->left) return n;
    f->left--;
    for (uint32_t i = 0; v.kind == PB_LIST && i < v.n; i++) n += names_in(f, v.u.items[i], depth + 1);
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n; i++) n += names_in(f, v.u.entries[i].value, depth + 1);
    return n;
}

/* ---- looking ---- */

static uint32_t score_of(finder *f, pb_value map, pb_str but) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < map.n; i++)
        if (!pb_str_eq(map.u.entries[i].key, but)) n += is_named(f, map.u.entries[i].value);
    return n;
}

static void consider(found *best, pb_value v, uint32_t score) {
    if (!score || score < best->score) return;
    bool tie = best->has && score == best->score && !same(best->value, v);
    best->unclear = tie || (best->unclear && score == best->score);
    best->value = v;
    best->score = score;
    best->has = true;
}

/* All objects in v with a member of that name; `above`: the score of what they are inside of. */
static void look(finder *f, pb_value v, pb_str key, uint32_t above, unsigned depth, found *best) {
    if (depth > DEPTH_MAX || !f->left) return;
    f->left--;
    if (v.kind == PB_LIST)
        for (uint32_t i = 0; i < v.n; i++) look(f, v.u.items[i], key, above, depth + 1, best);
    if (v.kind != PB_MAP) return;
    uint32_t score = above + 2 * score_of(f, v, key);
    for (uint32_t i = 0; i < v.n; i++)
        if (pb_str_eq(v.u.entries[i].key, key)) consider(best, v.u.entries[i].value, score);
    for (uint32_t i = 0; i < v.n; i++) look(f, v.u.entries[i].value, key, score, depth + 1, best);
}

/* The newest read that knows best. */
static found find(finder *f, pb_str key) {
    found best = {.value = PB_NONE_VALUE};
    take_names(f, key);
    for (uint32_t i = 0; i < f->nreads; i++) {
        const vm_step *s = f->reads[i];
        if (s->status != STEP_OK) continue;
        found here = {.value = PB_NONE_VALUE};
        look(f, s->result, key, names_in(f, s->args, 0), 0, &here);
        if (here.has && here.score >= best.score) best = here;
    }
    return best;
}

static bool says_absent(pb_str code) {
    return contains(code, "NoSuch") || contains(code, "NotFound") || contains(code, "DoesNotExist");
}

/* Do the read's arguments name nothing but what the call names? */
static bool about_the_same(finder *f, const vm_step *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; s->args.kind == PB_MAP && i < s->args.n; i++) {
        pb_value v = s->args.u.entries[i].value;
        if (v.kind == PB_STRING && !is_named(f, v)) return false;
        n += v.kind == PB_STRING;
    }
    return n > 0;
}

/* PolicyName: is there a list PolicyNames, of a read about the same, without it? */
static bool not_listed(finder *f, const vm_step *s) {
    for (uint32_t i = 0; i < f->args.n; i++) {
        pb_entry e = f->args.u.entries[i];
        for (uint32_t k = 0; s->result.kind == PB_MAP && k < s->result.n; k++) {
            pb_entry l = s->result.u.entries[k];
            if (e.value.kind != PB_STRING || l.value.kind != PB_LIST || l.key.n != e.key.n + 1 ||
                memcmp(l.key.s, e.key.s, e.key.n) != 0 || l.key.s[e.key.n] != 's')
                continue;
            bool there = false;
            for (uint32_t j = 0; j < l.value.n; j++) there |= same(l.value.u.items[j], e.value);
            if (!there) return true;
        }
    }
    return false;
}

static bool is_absent(finder *f) {
    bool absent = false;
    take_names(f, (pb_str){0});
    for (uint32_t i = 0; i < f->nreads; i++) {
        const vm_step *s = f->reads[i];
        if (!about_the_same(f, s)) continue;
        if (s->status == STEP_FAILED) absent |= says_absent(s->error_code);
        if (s->status == STEP_OK) absent |= not_listed(f, s);
    }
    return absent;
}

/* ---- saying it ---- */

static json_object *value_json(finder *f, pb_value v, const char *none) {
    json_object *o = v.kind == PB_NONE ? json_object_new_string(none) : evidence_value(v);
    if (!o) f->oom = true;
    return o;
}

static void say(finder *f, const char *member, json_object *before, json_object *after) {
    json_object *o = json_object_new_object();
    bool ok = o && before && after && f->nout < MEMBERS_MAX;
    if (ok) ok = json_object_object_add(o, "member", json_object_new_string(member)) == 0;
    if (ok && json_object_object_add(o, "before", before) == 0) before = NULL;
    if (ok && json_object_object_add(o, "after", after) == 0) after = NULL;
    json_object_put(before);
    json_object_put(after);
    if (ok && json_object_array_add(f->out, o) == 0) {
        f->nout++;
        return;
    }
    json_object_put(o);
    f->oom |= f->nout < MEMBERS_MAX;
}

static void say_known(finder *f, const char *member, pb_value before, pb_value after) {
    f->any_found = true;
    if (!same(before, after)) say(f, member, value_json(f, before, "absent"), value_json(f, after, "absent"));
}

/* Groups: ["sg-1"], read as Groups: [{GroupId, GroupName}]: the ids of what was read. */
static pb_value ids_of(pb_arena *a, pb_value list, pb_str key) {
    pb_value *items, out = pb_list_new(a, list.n, &items);
    pb_str wanted = pb_printf(a, "%.*sId", (int)(key.n && key.s[key.n - 1] == 's' ? key.n - 1 : key.n), key.s);
    for (uint32_t i = 0; out.kind == PB_LIST && i < list.n; i++) {
        pb_value item = list.u.items[i], v = pb_get(item, wanted);
        for (uint32_t k = 0; v.kind == PB_NONE && item.kind == PB_MAP && k < item.n; k++)
            if (ends(item.u.entries[k].key, "Id")) v = item.u.entries[k].value;
        items[i] = v;
    }
    return out;
}

static bool holds_maps(pb_value v) { return v.kind == PB_LIST && v.n && v.u.items[0].kind == PB_MAP; }
static bool holds_texts(pb_value v) {
    return v.kind == PB_LIST && v.n && (v.u.items[0].kind == PB_STRING || v.u.items[0].kind == PB_UNKNOWN);
}

static bool is_tags(pb_value v) { return holds_maps(v) && pb_get_c(v.u.items[0], "Key").kind == PB_STRING; }

/* ---- tags ---- */

/* The value of a tag in a list of {Key, Value}. */
static void look_tag(finder *f, pb_value v, pb_str key, unsigned depth, pb_value *out) {
    if (depth > DEPTH_MAX || !f->left) return;
    f->left--;
    for (uint32_t i = 0; v.kind == PB_LIST && i < v.n; i++) {
        pb_value k = pb_get_c(v.u.items[i], "Key");
        if (k.kind == PB_STRING && pb_str_eq(pb_text(k), key)) *out = pb_get_c(v.u.items[i], "Value");
    }
}

/* The newest read of the thing's tags; none: its tags were not read. */
static pb_value tags_read(finder *f) {
    pb_value best = PB_NONE_VALUE;
    take_names(f, PB_STR("Tags"));
    for (uint32_t i = 0; i < f->nreads; i++) {
        const vm_step *s = f->reads[i];
        if (s->status != STEP_OK || !names_in(f, s->args, 0)) continue;
        pb_value tags = pb_get_c(s->result, "Tags");
        if (tags.kind != PB_LIST) tags = pb_get_c(s->result, "TagSet");
        if (tags.kind == PB_LIST) best = tags;
        if (tags.kind == PB_NONE && contains(operation(s->name), "Tag")) best = (pb_value){.kind = PB_LIST};
    }
    return best;
}

static void change_tags(finder *f, pb_value tags, pb_arena *a) {
    pb_value had = tags_read(f);
    for (uint32_t i = 0; i < tags.n; i++) {
        pb_value key = pb_get_c(tags.u.items[i], "Key"), was = PB_NONE_VALUE;
        pb_str member = pb_printf(a, "Tags.%.*s", PB_ARG(key.kind == PB_STRING ? pb_text(key) : PB_STR("?")));
        if (!member.s) continue;
        if (had.kind != PB_LIST) {
            say(f, member.s, json_object_new_string("unknown"),
                value_json(f, pb_get_c(tags.u.items[i], "Value"), "absent"));
            continue;
        }
        if (key.kind == PB_STRING) look_tag(f, had, pb_text(key), 0, &was);
        say_known(f, member.s, was, pb_get_c(tags.u.items[i], "Value"));
    }
}

/* ---- members ---- */

/* Members that name the thing rather than set something of it. */
static bool names_thing(pb_str key, pb_value v) {
    if (v.kind != PB_STRING && v.kind != PB_UNKNOWN && !holds_texts(v)) return false;
    return ends(key, "Id") || ends(key, "Ids") || ends(key, "Arn") || ends(key, "Name") || ends(key, "Names") ||
           pb_str_is(key, "Bucket") || pb_str_is(key, "Key") || pb_str_is(key, "Resources") ||
           pb_str_is(key, "ExpectedBucketOwner") || pb_str_is(key, "ClientToken");
}

static void change_structure(finder *f, pb_str key, pb_value was, pb_value v, const char *otherwise, pb_arena *a) {
    for (uint32_t i = 0; i < v.n; i++) {
        pb_str member = pb_printf(a, "%.*s.%.*s", PB_ARG(key), PB_ARG(v.u.entries[i].key));
        if (!member.s) continue;
        if (otherwise)
            say(f, member.s, json_object_new_string(otherwise), value_json(f, v.u.entries[i].value, "absent"));
        else
            say_known(f, member.s, pb_get(was, v.u.entries[i].key), v.u.entries[i].value);
    }
}

static void change_member(finder *f, pb_str key, pb_value v, bool absent, pb_arena *a) {
    pb_str member = pb_strdup(a, key.s, key.n);
    if (!member.s || v.kind == PB_NONE) return;
    if (is_tags(v)) {
        change_tags(f, v, a);
        return;
    }
    found was = find(f, key);
    if (was.has && !was.unclear) {
        pb_value before = holds_maps(was.value) && holds_texts(v) ? ids_of(a, was.value, key) : was.value;
        if (v.kind == PB_MAP && before.kind == PB_MAP)
            change_structure(f, key, before, v, NULL, a);
        else
            say_known(f, member.s, before, v);
        return;
    }
    if (names_thing(key, v)) return;
    const char *before = absent ? "absent" : "unknown";
    if (v.kind == PB_MAP)
        change_structure(f, key, PB_NONE_VALUE, v, before, a);
    else
        say(f, member.s, json_object_new_string(before), value_json(f, v, "absent"));
}

/* ---- the reads ---- */

/* Reads that were made before the call, in order. True: the call was met. As deep as calls may be. */
static bool gather(finder *f, const vm_step *s, const vm_step *call, uint32_t depth) {
    for (; s; s = s->next) {
        if (s == call) return true;
        bool read = s->host && s->effect == PB_READ && (s->status == STEP_OK || s->status == STEP_FAILED);
        if (read && f->nreads < READS_MAX) f->reads[f->nreads++] = s;
        if (depth < IMAGE_MAX_DEPTH + 2 && gather(f, s->children, call, depth + 1)) return true;
    }
    return false;
}

static bool makes_new(pb_str op) {
    static const char *const verbs[] = {"Create",   "Run",     "Copy", "Allocate", "Import",
                                        "Register", "Publish", "Send", "Generate", "Authorize"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (begins(op, verbs[i])) return !ends(op, "Tags");
    return false;
}

static bool takes_away(pb_str op) {
    static const char *const verbs[] = {"Delete",       "Terminate", "Revoke",     "Remove", "Detach",
                                        "Disassociate", "Release",   "Deregister", "Untag"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (begins(op, verbs[i])) return true;
    return false;
}

/* Operations whose name says what becomes of the thing. */
static bool by_its_name(finder *f, pb_str op) {
    if (makes_new(op))
        say(f, "(all)", json_object_new_string("absent"), json_object_new_string("made new"));
    else if (takes_away(op))
        say(f, "(all)", json_object_new_string(is_absent(f) ? "absent" : "there"),
            json_object_new_string("taken away"));
    else
        return false;
    return true;
}

json_object *plan_changes(const vm_step *first, const vm_step *call) {
    pb_arena *a = pb_arena_new(1 << 22);
    finder *f = a ? pb_alloc(a, sizeof *f) : NULL;
    json_object *out = f ? json_object_new_array() : NULL;
    if (!out) {
        pb_arena_free(a);
        return NULL;
    }
    *f = (finder){.args = call->args, .left = VALUES_MAX, .out = out};
    gather(f, first, call, 0);
    if (call->args.kind == PB_MAP && !by_its_name(f, operation(call->name))) {
        bool absent = is_absent(f);
        for (uint32_t i = 0; i < call->args.n; i++)
            change_member(f, call->args.u.entries[i].key, call->args.u.entries[i].value, absent, a);
    }
    if (!f->nout && !f->any_found)
        say(f, "(all)", json_object_new_string("unknown"), json_object_new_string("unknown"));
    bool ok = !f->oom && !pb_arena_failed(a);
    pb_arena_free(a);
    if (ok) return out;
    json_object_put(out);
    return NULL;
}
