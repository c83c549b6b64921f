/*
 * engine_seen.c - why a playbook is not for an event, kept so that it can be shown: the condition as it is written, and
 * what it saw.
 *
 * A condition names parts of the event by the playbook's own word for it (`when guardduty.finding as f`: f.severity).
 * These are looked for in its text and looked up in the event, so that `f.severity >= 5 or f.sample` shows both. What
 * is large is shown as the beginning of its JSON. A condition that names nothing of the event shows the value that it
 * compared.
 */
#include "vm/engine_own.h"

enum {
    SEEN_MAX = 8,     /* values of one condition: nobody reads more */
    SEEN_BYTES = 200, /* of one that is a list, a map or a long text */
    SEEN_PATH = 256
};

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

/* The playbook's name for the event. */
static pb_str alias_of(const vm_program *p, uint32_t playbook) {
    uint32_t f = vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_match), n = 0;
    if (f == IMAGE_NIL) return (pb_str){0};
    uint32_t names = vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_params);
    if (names == IMAGE_NIL) return (pb_str){0};
    uint32_t name = vm_list(p, names, 0, &n);
    return n ? vm_string(p, name) : (pb_str){0};
}

static pb_str clipped(pb_arena *a, pb_str s) {
    uint32_t n = s.n < SEEN_BYTES ? s.n : SEEN_BYTES;
    while (n && n < s.n && ((unsigned char)s.s[n] & 0xc0) == 0x80) n--;
    return pb_printf(a, "%.*s%s", (int)n, s.s ? s.s : "", n < s.n ? "..." : "");
}

/* A copy in the arena that nobody has to scroll through. */
static pb_value shown(pb_arena *a, pb_value v) {
    if (v.kind == PB_LIST || v.kind == PB_MAP) {
        pb_str json = pb_json_text(a, v);
        return pb_string(clipped(a, json.s ? json : PB_STR("(too large)")));
    }
    if (v.kind == PB_STRING) return pb_string(clipped(a, pb_text(v)));
    return v.kind == PB_SECRET ? pb_string_c("***") : v.kind == PB_BYTES ? pb_string_c("(bytes)") : v;
}

/* Behind the alias: ".a.b" or "?.a.b"; a name with a bracket behind it is a method's. Where it ends; *path: "a.b". */
static uint32_t path_after(pb_str text, uint32_t at, char path[SEEN_PATH], uint32_t *n) {
    *n = 0;
    for (;;) {
        uint32_t dot = at;
        if (dot < text.n && text.s[dot] == '?') dot++;
        if (dot >= text.n || text.s[dot] != '.') return at;
        uint32_t from = dot + 1, to = from;
        while (to < text.n && is_word(text.s[to])) to++;
        if (to == from || (to < text.n && text.s[to] == '(')) return at;
        if (*n + (to - from) + 2 > SEEN_PATH) return at;
        if (*n) path[(*n)++] = '.';
        memcpy(path + *n, text.s + from, to - from);
        *n += to - from;
        path[*n] = 0;
        at = to;
    }
}

static uint32_t string_end(pb_str text, uint32_t at) {
    for (at++; at < text.n && text.s[at] != '"'; at++)
        if (text.s[at] == '\\') at++;
    return at < text.n ? at + 1 : text.n;
}

/* The parts of the event that the text names. */
static void find_names(pb_map_builder *b, pb_str text, pb_str alias, pb_value bound) {
    char path[SEEN_PATH];
    uint32_t at = 0, n;
    while (at < text.n && b->n < SEEN_MAX) {
        uint32_t from = at;
        if (text.s[at] == '"') {
            at = string_end(text, at);
        } else if (!is_word(text.s[at])) {
            at++;
        } else {
            while (at < text.n && is_word(text.s[at])) at++;
            bool member = from && text.s[from - 1] == '.';
            if (member || !pb_str_eq((pb_str){text.s + from, at - from}, alias)) continue;
            at = path_after(text, at, path, &n);
            if (!n) continue;
            pb_str name = pb_printf(b->arena, "%.*s.%.*s", PB_ARG(alias), (int)n, path);
            if (name.s && !pb_map_has(b, name)) pb_map_add(b, name, shown(b->arena, pb_path(bound, path)));
        }
    }
}

void engine_on_miss(void *ctx, const match_miss *miss) {
    const engine_matching *m = ctx;
    engine_event *ev = m->event;
    const vm_program *p = m->engine->programs[miss->program].program;
    engine_miss *k = pb_alloc(ev->arena, sizeof *k);
    pb_map_builder b = {.arena = ev->arena};
    if (!k) return; /* the plan goes without */
    *k = (engine_miss){.program = p, .playbook = miss->playbook, .item = miss->item, .reason = miss->reason};
    k->unmet = miss->unmet;
    k->unmet.value = PB_NONE_VALUE;
    if (miss->reason == MISS_CONDITION) {
        pb_str alias = alias_of(p, miss->playbook);
        if (alias.n) find_names(&b, miss->unmet.text, alias, miss->bound);
        if (!b.n && miss->unmet.value.kind != PB_BOOL)
            pb_map_add(&b, PB_STR("it"), shown(ev->arena, miss->unmet.value));
    }
    k->seen = pb_map_done(&b);
    if (ev->last_miss)
        ev->last_miss->next = k;
    else
        ev->misses = k;
    ev->last_miss = k;
}
