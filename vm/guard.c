/*
 * guard.c - guards: before an act above `read` is done, every guard whose patterns fit it is asked, one after the other.
 *
 * Which guards those are is found out once a program and kept by site. A guard runs as a step of its own inside the step
 * that it looks at, with an ordinary frame on top of the caller's, so that what it reads is journaled and shown like
 * everything else; the act waits below it. It gives none (go), or a text: then the act is denied, the step and all around
 * it end as denied, and no TRY is asked. Doubt holds: an error, a time-out or a result of another kind deny too.
 *
 * A guard can be lifted by a name (`unless authorized "..."`): it is asked all the same, and what it would have said is
 * kept with its step. In a dry run a guard may come to an unknown; then nobody knows what it will say, and the plan says so.
 */
#include "vm/guard.h"

#include "vm/glob.h"

#include "lang/opcodes.h"

/* ---- which guards ---- */

static bool guard_fits(const vm_program *p, uint32_t guard, pb_str name) {
    uint32_t list = vm_field(p, SECTION_GUARDS, guard, GUARDS_patterns), n = 0;
    vm_list(p, list, 0, &n);
    for (uint32_t i = 0; i < n; i++)
        if (vm_glob(vm_string(p, vm_list(p, list, i, NULL)), name)) return true;
    return false;
}

/* The higher one of what the site and what it calls say: a site that understates its effect is guarded all the same. */
static bool is_act(const vm_program *p, uint32_t site, pb_str name) {
    uint32_t effect = vm_field(p, SECTION_SITES, site, SITES_effect);
    if (effect > PB_READ) return true;
    if (vm_field(p, SECTION_SITES, site, SITES_kind) == SITE_ACTION)
        return p->functions[vm_field(p, SECTION_SITES, site, SITES_target)].effect > PB_READ;
    for (uint32_t i = 0, n = vm_count(p, SECTION_MANIFEST); i < n; i++)
        if (vm_field(p, SECTION_MANIFEST, i, MANIFEST_effect) > PB_READ &&
            pb_str_eq(vm_string(p, vm_field(p, SECTION_MANIFEST, i, MANIFEST_host)), name))
            return true;
    return false;
}

/* What patterns are held against: the action's own name, whatever the site calls it. */
static pb_str site_target(const vm_program *p, uint32_t site) {
    uint32_t target = vm_field(p, SECTION_SITES, site, SITES_target);
    return vm_field(p, SECTION_SITES, site, SITES_kind) == SITE_ACTION ? p->functions[target].name
                                                                      : vm_string(p, target);
}

/* Guards of a site into out, which has room for all; their number. */
static uint32_t find_guards(const vm_program *p, uint32_t site, uint32_t *out) {
    uint32_t found = 0, n = vm_count(p, SECTION_GUARDS);
    pb_str name = site_target(p, site);
    if (!n || !is_act(p, site, name)) return 0;
    for (uint32_t g = 0; g < n; g++)
        if (guard_fits(p, g, name)) out[found++] = g;
    return found;
}

bool guards_bind(vm_program *p) {
    uint32_t nsites = vm_count(p, SECTION_SITES), n = vm_count(p, SECTION_GUARDS), total = 0;
    if (!n) return true;
    uint32_t *some = pb_alloc_array(p->arena, n, sizeof *some);
    p->guard_sites = pb_alloc_array(p->arena, (size_t)nsites + 1, sizeof *p->guard_sites);
    if (!some || !p->guard_sites) return false;
    for (uint32_t s = 0; s < nsites; s++) {
        p->guard_sites[s] = total;
        total += find_guards(p, s, some); /* guards times sites: far below 2^32, an image has 64 MiB */
    }
    p->guard_sites[nsites] = total;
    p->guards = pb_alloc_array(p->arena, total ? total : 1, sizeof *p->guards);
    if (!p->guards) return false;
    for (uint32_t s = 0; s < nsites; s++) find_guards(p, s, p->guards + p->guard_sites[s]);
    return true;
}

uint32_t guards_of(const vm_program *p, uint32_t site) {
    return p->guard_sites && site != IMAGE_NIL ? p->guard_sites[site + 1] - p->guard_sites[site] : 0;
}

uint32_t guard_at(const vm_program *p, uint32_t site, uint32_t n) { return p->guards[p->guard_sites[site] + n]; }

/* ---- the act ---- */

/* "i-1" itself, or what a record goes by: as a guard would give it to the action that looks it up. */
static pb_value name_of(pb_value v) {
    static const char *const keys[] = {"id", "name", "arn"};
    if (v.kind == PB_STRING || v.kind == PB_UNKNOWN) return v;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        pb_value text = pb_get_c(v, keys[i]);
        if (text.kind == PB_STRING) return text;
    }
    return PB_NONE_VALUE;
}

/* What the step is done to: what its action names with `on`, else what the action around it does. */
static pb_value target_of(const vm_run *r, const vm_step *s) {
    const vm_program *p = r->env.program;
    for (; s; s = s->parent) {
        if (s->host || s->site == IMAGE_NIL) continue;
        uint32_t f = vm_field(p, SECTION_SITES, s->site, SITES_target);
        uint32_t at = vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_target);
        if (at != IMAGE_NIL && s->args.kind == PB_LIST && at < s->args.n) return name_of(s->args.u.items[at]);
    }
    return PB_NONE_VALUE;
}

static void add(pb_map_builder *b, const char *key, pb_value v) {
    if (v.kind != PB_NONE) pb_map_add(b, pb_str_c(key), v);
}

static pb_value text_or_none(pb_str s) { return s.n ? pb_string(s) : PB_NONE_VALUE; }

/* By name: the members of an operation's input, the parameters of an action. False: error set. */
static bool args_of(vm_run *r, const vm_step *s, pb_value *out) {
    const vm_program *p = r->env.program;
    pb_map_builder b = {.arena = r->env.arena};
    *out = s->args;
    if (s->host) return true;
    uint32_t f = vm_field(p, SECTION_SITES, s->site, SITES_target);
    uint32_t names = vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_params), n = 0;
    vm_list(p, names, 0, &n);
    for (uint32_t i = 0; i < n && i < s->args.n; i++)
        if (s->args.u.items[i].kind != PB_NONE)
            pb_map_add(&b, vm_string(p, vm_list(p, names, i, NULL)), s->args.u.items[i]);
    *out = pb_map_done(&b);
    return !b.oom || env_no_memory(&r->env);
}

/* False: error set. */
static bool act_of(vm_run *r, const vm_step *s, const vm_scope *scope, pb_value *out) {
    pb_map_builder b = {.arena = r->env.arena};
    pb_value args, nowhere = scope->unknown ? pb_unknown() : PB_NONE_VALUE;
    add(&b, "action", pb_string(site_target(r->env.program, s->site)));
    add(&b, "effect", pb_string_c(pb_effect_name(s->effect)));
    add(&b, "target", target_of(r, s));
    add(&b, "account", s->account.n ? text_or_none(s->account) : nowhere);
    add(&b, "region", s->region.n ? text_or_none(s->region) : nowhere);
    if (!args_of(r, s, &args)) return false;
    add(&b, "args", args);
    *out = pb_map_done(&b);
    return !b.oom || env_no_memory(&r->env);
}

/* ---- asking ---- */

static pb_str guard_name(const vm_program *p, uint32_t guard) {
    return vm_string(p, vm_field(p, SECTION_GUARDS, guard, GUARDS_name));
}

outcome guard_ask(fiber *f, vm_step *s, uint32_t n, bool *agreed) {
    vm_run *r = f->run;
    const vm_program *p = r->env.program;
    *agreed = n >= guards_of(p, s->site);
    if (*agreed) return GO;
    uint32_t guard = guard_at(p, s->site, n);
    pb_value act;
    if (!act_of(r, s, f->top->scope, &act)) return RAISE;
    frame *t = frame_new(r, &p->functions[vm_field(p, SECTION_GUARDS, guard, GUARDS_function)]);
    if (!t) return RAISE;
    pb_str id = pb_printf(r->env.arena, "%.*s!%u", PB_ARG(s->id), n + 1);
    pb_str name = pb_printf(r->env.arena, "guard %.*s", PB_ARG(guard_name(p, guard)));
    vm_step *g = step_open_own(f, STEP_GUARD, s, id, name);
    if (!g) return RAISE;
    step_limit(f, g, GUARD_MS);
    step_begin(r, g);
    t->regs[0] = act;
    t->up = f->top;
    t->step = g;
    t->own_step = true;
    t->path = g->id;
    t->scope = f->top->scope;
    t->use = FRAME_GUARD;
    t->nth = n;
    f->top = t;
    return GO;
}

/* The guard whose frame was on top; the frame is gone afterwards, its step is closed. */
static vm_step *leave(fiber *f, vm_step_status status, uint32_t *n) {
    frame *t = f->top;
    vm_step *g = t->step;
    *n = t->nth;
    f->top = t->up;
    frame_release(f->run, t);
    step_end(f->run, g, status);
    return g;
}

static const vm_authorization *lifted(const vm_run *r, uint32_t guard) {
    uint32_t name = vm_field(r->env.program, SECTION_GUARDS, guard, GUARDS_authorized);
    if (name == IMAGE_NIL) return NULL;
    for (const vm_authorization *a = r->authorizations; a; a = a->next)
        if (pb_str_eq(a->name, vm_string(r->env.program, name))) return a;
    return NULL;
}

static pb_str or_memory(pb_str s) { return s.s ? s : PB_STR("denied (no memory for the reason)"); }

static pb_str clipped(pb_str s) {
    if (s.n <= GUARD_WHY_MAX) return s;
    s.n = GUARD_WHY_MAX;
    while (s.n && ((unsigned char)s.s[s.n] & 0xc0) == 0x80) s.n--;
    return s;
}

/* The act of step s is denied: s ends, and the run's error goes up from its caller. */
static outcome deny(fiber *f, vm_step *s, uint32_t guard, pb_str why) {
    vm_run *r = f->run;
    pb_str name = guard_name(r->env.program, guard), action = site_target(r->env.program, s->site);
    pb_value target = target_of(r, s);
    vm_denial d = {.by = name, .action = action, .why = why};
    if (target.kind == PB_STRING) d.target = pb_text(target);
    run_denied(r, &d);
    env_fail(&r->env, "guard", "guard %.*s denies %.*s: %.*s", PB_ARG(name), PB_ARG(action), PB_ARG(why));
    r->env.error.kind.denied = true;
    step_failed(f, s, true);
    return RAISE;
}

/* The guard says no, or cannot say: denies, unless it has been lifted. */
static outcome refuse(fiber *f, vm_step *g, uint32_t n, pb_str why) {
    vm_run *r = f->run;
    vm_step *s = g->parent;
    uint32_t guard = guard_at(r->env.program, s->site, n);
    const vm_authorization *a = lifted(r, guard);
    if (!a) {
        g->guard_says = GUARD_DENIES;
        return deny(f, s, guard, why);
    }
    g->guard_says = GUARD_LIFTED;
    g->detail = or_memory(pb_printf(r->env.arena, "let pass by authorization \"%.*s\" (%.*s); it says: %.*s",
                                    PB_ARG(a->name), PB_ARG(a->because), PB_ARG(why)));
    return step_guarded(f, s, n + 1);
}

outcome guard_returned(fiber *f, pb_value result) {
    vm_run *r = f->run;
    uint32_t n;
    f->top->step->result = result;
    bool unsure = r->env.dry && (result.kind == PB_UNKNOWN || f->top->step->unsure);
    vm_step *g = leave(f, STEP_OK, &n);
    if (unsure) {
        g->guard_says = GUARD_UNSURE;
        g->detail = PB_STR("only the real run can know; it may be denied");
        return step_guarded(f, g->parent, n + 1);
    }
    if (result.kind == PB_NONE) return step_guarded(f, g->parent, n + 1);
    if (result.kind != PB_STRING)
        return refuse(f, g, n, or_memory(pb_printf(r->env.arena, "it gave %s instead of a reason or none",
                                                   vm_a_kind(result))));
    pb_str why = clipped(pb_text(result));
    g->detail = why;
    return refuse(f, g, n, why.n ? why : PB_STR("it gave no reason"));
}

outcome guard_failed(fiber *f) {
    vm_run *r = f->run;
    uint32_t n;
    vm_step *g = f->top->step;
    vm_error e = r->env.error;
    if (step_is_late(r, g)) {
        e.code = PB_STR("timeout");
        e.message = or_memory(pb_printf(r->env.arena, "it did not answer within %d seconds", GUARD_MS / 1000));
    }
    g->error_code = e.code;
    g->error_message = e.message;
    leave(f, STEP_FAILED, &n);
    return refuse(f, g, n, or_memory(pb_printf(r->env.arena, "it could not be asked (%.*s: %.*s)", PB_ARG(e.code),
                                               PB_ARG(clipped(e.message)))));
}

/* ---- authorizations ---- */

outcome guard_authorize(fiber *f, pb_value name, pb_value because) {
    vm_run *r = f->run;
    if (name.kind != PB_STRING || !name.n) {
        env_fail(&r->env, "type", "authorize needs a name, found %s", vm_a_kind(name));
        return RAISE;
    }
    vm_authorization *a = env_alloc(&r->env, sizeof *a), **last = &r->authorizations;
    pb_str text = pb_display(r->env.arena, because);
    if (!a || !text.s) {
        env_no_memory(&r->env);
        return RAISE;
    }
    if (!env_no_secret(&r->env, because, "be a reason that is recorded")) return RAISE;
    *a = (vm_authorization){.name = pb_text(name), .because = text, .at_ms = r->hooks->wall_ms(r->hooks->ctx)};
    while (*last) last = &(*last)->next;
    *last = a;
    return GO;
}
