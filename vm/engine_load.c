/*
 * engine_load.c - programs and their deployment parameters.
 *
 * A parameter is set by --set, else by the environment variable PB_PARAM_<NAME> (in upper case), else it has its
 * default. One that has none and is not set is an error before anything runs, whether or not a playbook that uses it
 * matches: a set-up that lacks something should be found on the first event, not on the first bad day. A name that
 * several programs have is set in all of them.
 */
#include "vm/engine_own.h"

#include "vm/reach.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NAME_MAX_BYTES = 128, /* of a parameter; identifiers are shorter */
    NEAR = 4,             /* edits up to which another name is offered */
    VALUE_WORK = 1 << 20, /* values looked at in one parameter */
    IMAGE_SHA_TEXT = 65
};

engine *engine_new(const engine_config *c) {
    engine *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->config = *c;
    e->default_limit = e->config.run_ms <= 0;
    if (e->default_limit) e->config.run_ms = ENGINE_RUN_MS;
    if (!e->config.runs_max) e->config.runs_max = ENGINE_RUNS_MAX;
    if (!e->config.events_max) e->config.events_max = ENGINE_EVENTS_MAX;
    e->crash = crash_begin();
    e->active = calloc(e->config.runs_max, sizeof(engine_run *));
    e->arena = pb_arena_new(0);
    e->loop = pb_loop_new();
    if (e->arena && e->config.store) e->owner = owner_self(e->arena);
    if (e->arena && e->loop && e->active && (!e->config.store || e->owner.s)) return e;
    engine_free(e);
    return NULL;
}

pb_loop *engine_loop(engine *e) { return e->loop; }

void engine_unload(engine *e) {
    for (uint32_t i = 0; i < e->nprograms; i++) vm_program_close(e->programs[i].program);
    for (engine_program *p = e->from_store, *next; p; p = next) {
        next = p->next;
        brakes_free(p->brakes);
        if (p->has_site) site_wipe(&p->site);
        vm_program_close(p->program);
    }
    brakes_free(e->brakes);
    if (e->has_site) site_wipe(&e->site);
    e->from_store = NULL;
    e->brakes = NULL;
    free(e->programs);
    free(e->for_match);
    e->programs = NULL;
    e->nprograms = 0;
}

static pb_str playbook_name(const vm_program *p, uint32_t i) {
    return vm_string(p, vm_field(p, SECTION_PLAYBOOKS, i, PLAYBOOKS_name));
}

static int compare_names(const void *a, const void *b) {
    const pb_str *x = a, *y = b;
    int r = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return r ? r : (x->n > y->n) - (x->n < y->n);
}

/* The compiler refuses two playbooks of one name; here it is about images that were built apart. */
static bool names_unique(engine *e, pb_str *err) {
    uint32_t n = engine_playbooks(e), k = 0;
    if (e->nprograms < 2) return true;
    pb_str *names = calloc(n ? n : 1, sizeof *names);
    if (!names) {
        *err = PB_STR("out of memory");
        return false;
    }
    for (uint32_t i = 0; i < e->nprograms; i++)
        for (uint32_t j = 0; j < vm_count(e->programs[i].program, SECTION_PLAYBOOKS); j++)
            names[k++] = playbook_name(e->programs[i].program, j);
    qsort(names, n, sizeof *names, compare_names);
    bool ok = true;
    for (uint32_t i = 1; i < n && ok; i++) {
        ok = !pb_str_eq(names[i - 1], names[i]);
        if (!ok)
            *err = pb_printf(e->arena, "two of the programs have a playbook `%.*s`; give each playbook once",
                             PB_ARG(names[i]));
    }
    free(names);
    return ok;
}

static bool has_guard(const vm_program *p, pb_str name) {
    for (uint32_t i = 0; i < vm_count(p, SECTION_GUARDS); i++)
        if (pb_str_eq(vm_string(p, vm_field(p, SECTION_GUARDS, i, GUARDS_name)), name)) return true;
    return false;
}

/* A guard holds in the program that it was compiled into. One that is given beside playbooks which do not have it would
 * be taken for holding there, too. */
static bool guards_everywhere(engine *e, pb_str *err) {
    for (uint32_t i = 0; i < e->nprograms; i++) {
        const vm_program *p = e->programs[i].program;
        for (uint32_t g = 0; g < vm_count(p, SECTION_GUARDS); g++) {
            pb_str name = vm_string(p, vm_field(p, SECTION_GUARDS, g, GUARDS_name));
            for (uint32_t j = 0; j < e->nprograms; j++) {
                const vm_program *other = e->programs[j].program;
                if (!vm_count(other, SECTION_PLAYBOOKS) || has_guard(other, name)) continue;
                *err = pb_printf(e->arena,
                                 "guard `%.*s` of %s would not hold in the playbooks of %s: a guard holds in what it is "
                                 "compiled with; give the sources together with -p, or build them into one image",
                                 PB_ARG(name), e->programs[i].name, e->programs[j].name);
                return false;
            }
        }
    }
    return true;
}

bool engine_add(engine *e, vm_program *p, const char *name, pb_str *err) {
    if (e->config.cover) vm_program_cover(p, e->config.cover);
    uint32_t n = vm_count(p, SECTION_PARAMS);
    engine_program new = {.program = p, .name = name};
    *err = PB_STR("out of memory");
    if (e->nprograms == ENGINE_PROGRAMS_MAX) {
        *err = pb_printf(e->arena, "more than %d programs", ENGINE_PROGRAMS_MAX);
        goto refuse;
    }
    engine_program *programs = realloc(e->programs, (e->nprograms + 1) * sizeof *programs);
    if (!programs) goto refuse;
    e->programs = programs;
    new.params = pb_alloc_array(e->arena, n ? n : 1, sizeof *new.params);
    new.set = pb_alloc_array(e->arena, n ? n : 1, sizeof *new.set);
    if (!new.params || !new.set) goto refuse;
    new.hosts = gate_bind(p, e->config.providers, e->config.nproviders, e->arena, err);
    if (!new.hosts) goto refuse;
    e->programs[e->nprograms++] = new;
    return true;
refuse:
    vm_program_close(p);
    return false;
}

/* What a host that waits in the store is written as. */
static const char *waiting_word(pb_str host) {
    return pb_str_is(host, "approval.ask") ? "approve" : pb_str_is(host, "wait.for") ? "wait" : NULL;
}

static bool playbook_needs_store(engine *e, const vm_program *p, uint32_t playbook, const char **what) {
    const pb_str *hosts;
    uint32_t n = 0;
    if (brakes_needs_store(p, playbook, what)) return true;
    if (!vm_reach(p, vm_field(p, SECTION_PLAYBOOKS, playbook, PLAYBOOKS_body), e->arena, &hosts, &n)) return false;
    for (uint32_t i = 0; i < n; i++)
        if ((*what = waiting_word(hosts[i]))) return true;
    return false;
}

bool engine_needs_store(engine *e, pb_str *name, const char **what) {
    for (uint32_t i = 0; i < e->nprograms; i++)
        for (uint32_t j = 0; j < vm_count(e->programs[i].program, SECTION_PLAYBOOKS); j++)
            if (playbook_needs_store(e, e->programs[i].program, j, what)) {
                *name = playbook_name(e->programs[i].program, j);
                return true;
            }
    return false;
}

uint32_t engine_playbooks(const engine *e) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->nprograms; i++) n += vm_count(e->programs[i].program, SECTION_PLAYBOOKS);
    return n;
}

/* ---- parameters ---- */

static pb_str param_name(const engine_program *p, uint32_t i) {
    return vm_string(p->program, vm_field(p->program, SECTION_PARAMS, i, PARAMS_name));
}

static bool set_one(engine *e, engine_program *p, uint32_t i, pb_str text, const char *where, pb_str *err) {
    pb_str why = {0};
    uint32_t type = vm_field(p->program, SECTION_PARAMS, i, PARAMS_type);
    pb_str copy = pb_strdup(e->arena, text.s, text.n);
    p->set[i] = true;
    if (copy.s && vm_parse_param(p->program, type, copy, e->arena, &p->params[i], &why)) return true;
    *err = pb_printf(e->arena, "parameter `%.*s` (%s): %.*s", PB_ARG(param_name(p, i)), where, PB_ARG(why));
    return false;
}

static pb_str nearest_param(const engine *e, pb_str name) {
    unsigned best = NEAR;
    pb_str found = {0};
    for (uint32_t i = 0; i < e->nprograms; i++) {
        for (uint32_t j = 0; j < vm_count(e->programs[i].program, SECTION_PARAMS); j++) {
            unsigned d = pb_edit_distance(name, param_name(&e->programs[i], j), best);
            if (d < best) best = d, found = param_name(&e->programs[i], j);
        }
    }
    return found;
}

/* Kept for runs that are resumed: what is secret is not in the store. */
static bool keep_setting(engine *e, pb_str name, pb_str text) {
    engine_setting *s = pb_alloc(e->arena, sizeof *s);
    if (!s) return false;
    *s = (engine_setting){pb_strdup(e->arena, name.s, name.n), pb_strdup(e->arena, text.s, text.n), e->settings};
    e->settings = s;
    return s->name.s && s->text.s;
}

bool engine_set(engine *e, pb_str name, pb_str text, pb_str *err) {
    bool found = e->nprograms == 0; /* only runs out of the store: whether they have it will be seen */
    if (!keep_setting(e, name, text)) {
        *err = PB_STR("out of memory");
        return false;
    }
    for (uint32_t i = 0; i < e->nprograms; i++) {
        engine_program *p = &e->programs[i];
        for (uint32_t j = 0; j < vm_count(p->program, SECTION_PARAMS); j++) {
            if (!pb_str_eq(param_name(p, j), name)) continue;
            found = true;
            if (!set_one(e, p, j, text, "--set", err)) return false;
        }
    }
    if (found) return true;
    pb_str near = nearest_param(e, name);
    *err = near.n ? pb_printf(e->arena, "no playbook has a parameter `%.*s`; did you mean `%.*s`?", PB_ARG(name),
                              PB_ARG(near))
                  : pb_printf(e->arena, "no playbook has a parameter `%.*s`", PB_ARG(name));
    return false;
}

/* PB_PARAM_ALERTS_CHANNEL of alerts_channel. False: too long to be one. */
static bool variable_of(pb_str name, char out[NAME_MAX_BYTES + 16]) {
    if (name.n > NAME_MAX_BYTES) return false;
    memcpy(out, "PB_PARAM_", 9);
    for (uint32_t i = 0; i < name.n; i++) {
        char c = name.s[i];
        out[9 + i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    out[9 + name.n] = 0;
    return true;
}

static bool settle_param(engine *e, engine_program *p, uint32_t i, pb_str *err) {
    char variable[NAME_MAX_BYTES + 16];
    pb_str name = param_name(p, i);
    const char *text = variable_of(name, variable) ? getenv(variable) : NULL;
    if (p->set[i]) return true;
    if (text) return set_one(e, p, i, pb_str_c(text), variable, err);
    if (vm_field(p->program, SECTION_PARAMS, i, PARAMS_has_default)) {
        uint32_t c = vm_field(p->program, SECTION_PARAMS, i, PARAMS_default_const);
        p->params[i] = c == IMAGE_NIL ? PB_NONE_VALUE : vm_const(p->program, c);
        return true;
    }
    *err = pb_printf(e->arena, "parameter `%.*s` is not set: give --set %.*s=..., or set the environment variable %s",
                     PB_ARG(name), PB_ARG(name), variable);
    return false;
}

/* ---- parameters of runs out of the store ---- */

pb_value engine_params_kept(const engine_program *p, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    for (uint32_t i = 0; i < vm_count(p->program, SECTION_PARAMS); i++) {
        int64_t work = VALUE_WORK;
        if (pb_holds_within(p->params[i], PB_SECRET, &work) == PB_NO) pb_map_add(&b, param_name(p, i), p->params[i]);
    }
    return pb_map_done(&b);
}

static bool setting_of(const engine *e, pb_str name, pb_str *text) {
    char variable[NAME_MAX_BYTES + 16];
    for (const engine_setting *s = e->settings; s; s = s->next) {
        if (!pb_str_eq(s->name, name)) continue;
        *text = s->text;
        return true;
    }
    const char *z = variable_of(name, variable) ? getenv(variable) : NULL;
    if (z) *text = pb_str_c(z);
    return z != NULL;
}

/* One that is not kept, because it is secret. */
static bool param_again(engine *e, const engine_program *p, uint32_t i, pb_arena *a, pb_value *out, pb_str *err) {
    pb_str text, why = {0}, name = param_name(p, i);
    char variable[NAME_MAX_BYTES + 16];
    uint32_t constant = vm_field(p->program, SECTION_PARAMS, i, PARAMS_default_const);
    if (setting_of(e, name, &text)) {
        pb_str copy = pb_strdup(a, text.s, text.n);
        if (copy.s &&
            vm_parse_param(p->program, vm_field(p->program, SECTION_PARAMS, i, PARAMS_type), copy, a, out, &why))
            return true;
        *err = pb_printf(e->arena, "parameter `%.*s`: %.*s", PB_ARG(name), PB_ARG(why));
        return false;
    }
    if (vm_field(p->program, SECTION_PARAMS, i, PARAMS_has_default)) {
        *out = constant == IMAGE_NIL ? PB_NONE_VALUE : vm_const(p->program, constant);
        return true;
    }
    *err =
        pb_printf(e->arena,
                  "parameter `%.*s` is secret, so it was not kept with the run: give --set %.*s=... again, or set the "
                  "environment variable %s",
                  PB_ARG(name), PB_ARG(name), variable_of(name, variable) ? variable : "PB_PARAM_...");
    return false;
}

const pb_value *engine_params_of(engine *e, const engine_program *p, pb_value kept, pb_arena *a, pb_str *err) {
    uint32_t n = vm_count(p->program, SECTION_PARAMS);
    pb_value *params = pb_alloc_array(a, n ? n : 1, sizeof *params);
    *err = PB_STR("its parameters are not in the store, and others may be set now");
    if (n && kept.kind != PB_MAP) return NULL;
    *err = PB_STR("out of memory");
    for (uint32_t i = 0; params && i < n; i++) {
        bool found = false;
        for (uint32_t k = 0; k < kept.n && !found; k++) {
            found = pb_str_eq(kept.u.entries[k].key, param_name(p, i));
            if (found) params[i] = kept.u.entries[k].value;
        }
        if (!found && !param_again(e, p, i, a, &params[i], err)) return NULL;
    }
    return params;
}

engine_program *engine_program_from_store(engine *e, pb_str sha256, pb_str *err) {
    for (engine_program *p = e->from_store; p; p = p->next)
        if (pb_str_is(sha256, vm_program_sha256(p->program))) return p;
    pb_str image, why = {0};
    char name[IMAGE_SHA_TEXT];
    snprintf(name, sizeof name, "%.*s", PB_ARG(sha256));
    engine_program *p = pb_alloc(e->arena, sizeof *p);
    *err = PB_STR("out of memory");
    if (!p) return NULL;
    store_result rc = store_image_get(e->config.store, name, e->arena, &image);
    if (rc != STORE_OK) {
        *err = pb_printf(e->arena, "the image that it was begun with (%s) cannot be read from the store: %s", name,
                         rc == STORE_NO ? "it is not there" : store_error(e->config.store));
        return NULL;
    }
    *p = (engine_program){.name = "the store", .kept = true};
    p->program = vm_program_load(image.s, image.n, e->arena, &why);
    if (!p->program) {
        *err = pb_printf(e->arena, "the image that it was begun with is refused: %.*s", PB_ARG(why));
        return NULL;
    }
    p->hosts = gate_bind(p->program, e->config.providers, e->config.nproviders, e->arena, err);
    if (!p->hosts || !pb_str_is(sha256, vm_program_sha256(p->program))) {
        if (p->hosts) *err = PB_STR("the image in the store is not the one that it was begun with");
        vm_program_close(p->program);
        return NULL;
    }
    if (e->config.cover) vm_program_cover(p->program, e->config.cover);
    p->next = e->from_store;
    e->from_store = p;
    return p;
}

brakes *engine_brakes(engine *e, const pb_site *site) {
    brakes_config c = {.loop = e->loop,
                       .site = site,
                       .store = e->config.store,
                       .providers = e->config.providers,
                       .nproviders = e->config.nproviders};
    return brakes_new(&c);
}

bool engine_use_store(engine *e, struct store *s) {
    brakes_free(e->brakes);
    e->config.store = s;
    e->owner = owner_self(e->arena);
    e->brakes = engine_brakes(e, e->has_site ? &e->site : NULL);
    return e->owner.s && e->brakes;
}

bool engine_program_site(engine *e, engine_program *p, const pb_value *params, pb_str *err) {
    if (e->has_site || p->brakes || !vm_has_site(p->program)) return true;
    p->has_site = vm_site_of(p->program, params, e->arena, &p->site, err);
    p->brakes = p->has_site ? engine_brakes(e, &p->site) : NULL;
    if (p->has_site && !p->brakes) *err = PB_STR("out of memory");
    return p->brakes != NULL;
}

/* ---- the site ---- */

const pb_site *engine_site(const engine *e) { return e->has_site ? &e->site : NULL; }

void engine_use_site(engine *e) { e->site_program = e->nprograms; }

/* Programs that are given together have one site between them. */
static bool find_site(const engine *e, const engine_program **found, pb_str *err) {
    if (e->site_program) {
        *found = &e->programs[e->site_program - 1];
        return true;
    }
    for (uint32_t i = 0; i < e->nprograms; i++) {
        if (!vm_has_site(e->programs[i].program)) continue;
        if (*found)
            *err = pb_printf(e->arena, "both %s and %s have a site; say with --site which is meant", (*found)->name,
                             e->programs[i].name);
        if (*found) return false;
        *found = &e->programs[i];
    }
    return true;
}

static bool settle_site(engine *e, pb_str *err) {
    const engine_program *p = NULL;
    if (!find_site(e, &p, err)) return false;
    if (e->site_program && !vm_has_site(p->program)) {
        *err = pb_printf(e->arena, "%s has no `site` block", p->name);
        return false;
    }
    e->has_site = p && vm_has_site(p->program);
    e->site_image = e->has_site ? vm_program_sha256(p->program) : "";
    return !e->has_site || vm_site_of(p->program, p->params, e->arena, &e->site, err);
}

bool engine_ready(engine *e, pb_str *err) {
    if (!names_unique(e, err) || !guards_everywhere(e, err)) return false;
    for (uint32_t i = 0; i < e->nprograms; i++)
        for (uint32_t j = 0; j < vm_count(e->programs[i].program, SECTION_PARAMS); j++)
            if (!settle_param(e, &e->programs[i], j, err)) return false;
    if (!settle_site(e, err)) return false;
    e->for_match = calloc(e->nprograms ? e->nprograms : 1, sizeof *e->for_match);
    *err = PB_STR("out of memory");
    if (!e->for_match) return false;
    for (uint32_t i = 0; i < e->nprograms; i++)
        e->for_match[i] = (match_program){e->programs[i].program, e->programs[i].params};
    e->index = match_new(e->for_match, e->nprograms, e->arena);
    e->brakes = engine_brakes(e, e->has_site ? &e->site : NULL);
    return e->index != NULL && e->brakes != NULL;
}
