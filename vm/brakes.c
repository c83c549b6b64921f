/*
 * brakes.c - the questions that are asked before a changing call, in their order.
 *
 *     protection ── whose credentials are these? ──┐   (asked when arguments name a user or role, once a process)
 *     target lease ── busy: again in a second ─────┤
 *     kill switch ── SSM, DynamoDB, store ─────────┴─ go · hold · deny ── alerts channel ── answer
 *
 * The kill switch comes last, because the time that the others take must not lie between reading it and the call.
 * Whatever cannot be found out is a no. A denial is told to the site's alerts channel before it is answered, so that
 * the evidence can say whether it was heard; that nobody could be told changes nothing about the denial.
 */
#include "vm/brakes.h"

#include "vm/killswitch.h"
#include "vm/protect.h"

#include <stdlib.h>

enum {
    TARGET_AGAIN_MS = 1000,   /* between two looks at a target that another run has */
    TARGET_WAIT_MS = 3600000, /* the call's own time is shorter */
    TARGET_MARGIN_MS = 200,   /* we give up before the call's own deadline: our error says who has the target */
    IDENTITY_MS = 20000,
    ALERT_MS = 10000,
    SWITCH_MS = 5500,       /* the sources have 5 seconds each, at the same time */
    TELL_MS = 1500,         /* kept of a call's time for telling of its denial */
    LEAST_MS = 100,         /* with less time it is not begun */
    ALERT_QUIET_MS = 60000, /* the same reason is not told twice within it: a hundred runs stopped by one switch */
    SCRATCH = 1 << 20
};

struct brakes {
    brakes_config config;
    killswitch *killswitch;
    pb_arena *arena; /* the two texts below */
    pb_str self;     /* ARN of pbrun's own credentials; empty: not asked yet */
    pb_str told_why; /* of the last alert */
    int64_t told_ms; /* monotonic */
    brakes_wait *waits;
};

typedef enum waiting_for { FOR_NOTHING, FOR_IDENTITY, FOR_TARGET, FOR_SWITCH, FOR_ALERT } waiting_for;

struct brakes_wait {
    brakes *brakes;
    brakes_act act;
    brakes_fn *fn;
    void *ctx;
    waiting_for state;
    union {
        pb_timer *timer;
        killswitch_wait *kill;
        struct {
            const pb_host_provider *provider;
            void *asked;
        } question;
    } on;
    pb_timer *late; /* the kill switch takes too long */
    pb_arena *scratch;
    pb_str target;
    int64_t deadline_ms; /* the call's; 0: none */
    int64_t target_until_ms;
    bool inside; /* brakes_ask has not returned: it frees us */
    bool ended;
    brakes_answer answer; /* of a denial that is being told */
    brakes_wait *next, **link;
};

/* ---- life ---- */

brakes *brakes_new(const brakes_config *c) {
    brakes *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->config = *c;
    b->arena = pb_arena_new(0);
    b->killswitch = killswitch_new(&(killswitch_config){c->loop, c->site, c->store, c->providers, c->nproviders});
    if (b->arena && b->killswitch) return b;
    brakes_free(b);
    return NULL;
}

void brakes_free(brakes *b) {
    if (!b) return;
    while (b->waits) brakes_unask(b->waits);
    killswitch_free(b->killswitch);
    pb_arena_free(b->arena);
    free(b);
}

static void unlink_wait(brakes_wait *w) {
    if (w->late) pb_timer_cancel(w->late);
    *w->link = w->next;
    if (w->next) w->next->link = w->link;
    pb_arena_free(w->scratch);
    free(w);
}

static brakes_wait *wait_new(brakes *b, const brakes_act *act, brakes_fn *fn, void *ctx) {
    brakes_wait *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (brakes_wait){.brakes = b, .act = *act, .fn = fn, .ctx = ctx, .deadline_ms = act->deadline_ms, .inside = true};
    w->scratch = pb_arena_new(SCRATCH);
    if (!w->scratch) {
        free(w);
        return NULL;
    }
    w->next = b->waits;
    w->link = &b->waits;
    if (w->next) w->next->link = &w->next;
    b->waits = w;
    return w;
}

static void end(brakes_wait *w, const brakes_answer *a) {
    brakes_answer out = *a;
    brakes_fn *fn = w->fn;
    void *ctx = w->ctx;
    w->state = FOR_NOTHING;
    w->ended = true;
    if (!w->inside) unlink_wait(w);
    fn(ctx, &out);
}

/* After the first steps have been taken: NULL when they have ended it. */
static brakes_wait *handed_out(brakes_wait *w) {
    w->inside = false;
    if (!w->ended) return w;
    unlink_wait(w);
    return NULL;
}

static pb_str or_memory(pb_str s) { return s.s ? s : PB_STR("out of memory"); }

static pb_str kept(const brakes_wait *w, pb_str s) {
    return s.n ? or_memory(pb_strdup(w->act.arena, s.s, s.n)) : (pb_str){0};
}

static void fail(brakes_wait *w, pb_str code, pb_str message) {
    end(w, &(brakes_answer){.verdict = BRAKES_ERROR, .code = code, .message = or_memory(message)});
}

static pb_str context_text(const brakes_wait *w, const char *key) {
    pb_value v = pb_get_c(w->act.context, key);
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
}

static const pb_host_provider *provider_for(const brakes *b, const char *prefix) {
    for (size_t i = 0; i < b->config.nproviders; i++)
        if (b->config.providers[i].ask && strcmp(b->config.providers[i].prefix, prefix) == 0)
            return &b->config.providers[i];
    return NULL;
}

static void ask(brakes_wait *w, waiting_for state, const pb_host_provider *p, const pb_question *q, pb_answer_fn *fn) {
    w->state = state;
    w->on.question.provider = p;
    w->on.question.asked = NULL;
    bool outer = w->inside;
    w->inside = true; /* fn may end the question before ask returns */
    void *asked = p->ask(p->state, w->brakes->config.loop, q, fn, w);
    w->inside = outer;
    if (asked && w->state == state && !w->ended) w->on.question.asked = asked;
    if (w->ended && !outer) unlink_wait(w);
}

/* ---- the act, for people ---- */

/* The outermost action around the call, else the host. */
static const vm_step *outermost(const vm_call *c) {
    const vm_step *s = c->step;
    while (s->parent && s->parent->name.n) s = s->parent;
    return s;
}

static bool is_function(const vm_program *p, uint32_t f) { return f < vm_count(p, SECTION_FUNCTIONS); }

static uint32_t function_named(const vm_program *p, pb_str name) {
    uint32_t n = vm_count(p, SECTION_FUNCTIONS), f = 0;
    while (f < n && !pb_str_eq(vm_string(p, vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_name)), name)) f++;
    return f < n ? f : IMAGE_NIL;
}

/* The function that a step runs; of an undo the action that is undone, whose parameters come first. */
static uint32_t function_of(const vm_program *p, const vm_step *s) {
    static const char undo[] = "undo ";
    if (s->host) return IMAGE_NIL;
    if (s->kind == STEP_UNDO && s->name.n > sizeof undo - 1)
        return function_named(p, (pb_str){s->name.s + sizeof undo - 1, s->name.n - (uint32_t)sizeof undo + 1});
    if (s->kind != STEP_CALL || s->site >= vm_count(p, SECTION_SITES)) return IMAGE_NIL;
    return vm_field(p, SECTION_SITES, s->site, SITES_target);
}

/* A target's text: itself, or a record's arn, id or name; none: it has none. */
static pb_str text_of_target(pb_value v) {
    static const char *const names[] = {"arn", "id", "name"};
    if (v.kind == PB_STRING) return pb_text(v);
    for (size_t i = 0; v.kind == PB_MAP && i < sizeof names / sizeof *names; i++) {
        pb_value member = pb_get_c(v, names[i]);
        if (member.kind == PB_STRING && member.n) return pb_text(member);
    }
    return (pb_str){0};
}

static pb_str target_of_step(const vm_program *p, const vm_step *s) {
    uint32_t f = function_of(p, s);
    if (!is_function(p, f)) return (pb_str){0};
    uint32_t index = vm_field(p, SECTION_FUNCTIONS, f, FUNCTIONS_target);
    if (index == IMAGE_NIL || s->args.kind != PB_LIST || index >= s->args.n) return (pb_str){0};
    return text_of_target(s->args.u.items[index]);
}

/* Of the outermost step that declares one. */
static pb_str target_of(const brakes_act *act, const vm_step **where) {
    pb_str found = {0};
    for (const vm_step *s = act->call->step; s; s = s->parent) {
        pb_str t = target_of_step(act->program, s);
        if (!t.n) continue;
        found = t;
        *where = s;
    }
    return found;
}

/* ---- denial ---- */

static void tell_over(void *ctx, const pb_answer *a) {
    brakes_wait *w = ctx;
    pb_str channel = w->brakes->config.site->alerts;
    if (a->ok)
        w->answer.denial.told = or_memory(pb_printf(w->act.arena, "told %.*s", PB_ARG(channel)));
    else
        w->answer.denial.told =
            or_memory(pb_printf(w->act.arena, "%.*s could not be told: %.*s", PB_ARG(channel), PB_ARG(a->message)));
    if (!a->ok) w->brakes->told_ms = 0; /* the next one tries again */
    end(w, &w->answer);
}

static bool told_lately(const brakes *b, pb_str why) {
    return b->told_ms && pb_loop_mono_ms() - b->told_ms < ALERT_QUIET_MS && pb_str_eq(b->told_why, why);
}

static void remember_told(brakes *b, pb_str why) {
    pb_arena *a = pb_arena_new(0);
    if (!a) return;
    pb_str self = pb_strdup(a, b->self.s ? b->self.s : "", b->self.n), text = pb_strdup(a, why.s, why.n);
    if (!self.s || !text.s) {
        pb_arena_free(a);
        return;
    }
    pb_arena_free(b->arena); /* only ever the two texts */
    b->arena = a;
    b->self = self;
    b->told_why = text;
    b->told_ms = pb_loop_mono_ms();
}

/* At most `most`, and `spare` less than the call has left. */
static int64_t time_for(const brakes_wait *w, int64_t most, int64_t spare) {
    int64_t left = w->deadline_ms ? w->deadline_ms - pb_loop_mono_ms() - spare : most;
    return left < most ? left : most;
}

static pb_str alert_text(const brakes_wait *w) {
    const vm_denial *d = &w->answer.denial;
    pb_str playbook = context_text(w, "playbook"), incident = context_text(w, "incident_id"),
           run = context_text(w, "id");
    return pb_printf(w->scratch, "pbrun denied %.*s%s%.*s: %.*s\nplaybook %.*s, incident %.*s, run %.*s",
                     PB_ARG(d->action), d->target.n ? " on " : "", PB_ARG(d->target), PB_ARG(d->why), PB_ARG(playbook),
                     PB_ARG(incident), PB_ARG(run));
}

static void tell(brakes_wait *w) {
    brakes *b = w->brakes;
    const pb_host_provider *p = provider_for(b, "");
    pb_str channel = b->config.site ? b->config.site->alerts : (pb_str){0};
    pb_map_builder m = {.arena = w->scratch};
    if (!channel.n) {
        end(w, &w->answer);
        return;
    }
    if (told_lately(b, w->answer.denial.why)) {
        w->answer.denial.told = or_memory(
            pb_printf(w->act.arena, "%.*s was told the same of another act less than a minute ago", PB_ARG(channel)));
        end(w, &w->answer);
        return;
    }
    int64_t ms = time_for(w, ALERT_MS, LEAST_MS);
    if (ms < LEAST_MS) {
        tell_over(w, &(pb_answer){.message = PB_STR("the call's time was over")});
        return;
    }
    pb_str text = alert_text(w);
    pb_map_add(&m, PB_STR("channel"), pb_string(channel));
    pb_map_add(&m, PB_STR("text"), pb_string(text));
    pb_value args = pb_map_done(&m);
    if (!p || !text.s || m.oom) {
        tell_over(w, &(pb_answer){.message = p ? PB_STR("out of memory") : PB_STR("this pbrun has no Slack client")});
        return;
    }
    remember_told(b, w->answer.denial.why);
    ask(w, FOR_ALERT, p,
        &(pb_question){
            .host = PB_STR("slack.post"),
                       .site = b->config.site, .args = args, .deadline_ms = pb_loop_mono_ms() + ms, .arena = w->act.arena},
        tell_over);
}

static void deny(brakes_wait *w, const char *code, pb_str by, pb_str target, pb_str why) {
    const vm_step *where = NULL;
    pb_str on = target.n ? target : target_of(&w->act, &where);
    w->answer = (brakes_answer){
        .verdict = BRAKES_DENY,
        .code = pb_str_c(code),
        .message = or_memory(why),
        .denial = {.by = by, .action = outermost(w->act.call)->name, .target = kept(w, on), .why = or_memory(why)}};
    tell(w);
}

/* ---- 3: the kill switch ---- */

static void switch_read(void *ctx, const killswitch_answer *a) {
    brakes_wait *w = ctx;
    w->state = FOR_NOTHING;
    if (w->late) pb_timer_cancel(w->late);
    w->late = NULL;
    switch (a->state) {
    case SWITCH_OFF: end(w, &(brakes_answer){.verdict = BRAKES_GO}); return;
    case SWITCH_OBSERVE:
        end(w, &(brakes_answer){.verdict = BRAKES_HOLD, .code = PB_STR("kill_switch"), .message = a->why});
        return;
    case SWITCH_ON: deny(w, "kill_switch", PB_STR("kill_switch"), (pb_str){0}, a->why); return;
    }
}

/* Unreadable means no, and it must be said before the call's own time is over: that would be an ordinary failure. */
static void switch_late(void *ctx) {
    brakes_wait *w = ctx;
    w->late = NULL;
    killswitch_unask(w->on.kill);
    w->state = FOR_NOTHING;
    deny(w, "kill_switch", PB_STR("kill_switch"), (pb_str){0},
         PB_STR("the kill switch cannot be read, so nothing is changed: its source did not answer in time"));
}

static void ask_switch(brakes_wait *w) {
    pb_str account = w->act.call->step->account;
    w->state = FOR_SWITCH;
    w->on.kill = NULL;
    killswitch_wait *k = killswitch_ask(w->brakes->killswitch, account.n ? account : context_text(w, "account"),
                                        context_text(w, "playbook"), w->act.arena, switch_read, w);
    if (!k) return; /* answered, and w may be gone */
    int64_t ms = time_for(w, SWITCH_MS, TELL_MS);
    w->on.kill = k;
    w->late = pb_timer_start(w->brakes->config.loop, ms < LEAST_MS ? LEAST_MS : ms, switch_late, w);
}

/* ---- 2: the target ---- */

/* "123456789012/i-0abc": the same thing by its ARN or its id is the same target. No region: who acts on a user in one
 * region must wait for who acts on him in another. */
static pb_str target_key(const brakes_wait *w, pb_str target, const vm_step *where) {
    pb_str account = where->account.n ? where->account : context_text(w, "account"), name = target;
    if (text_is_arn(target)) {
        pb_str of = text_arn_part(target, 4);
        if (text_is_account(of)) account = of;
        name = text_arn_part(target, 5);
        for (uint32_t i = name.n; i > 0; i--) {
            if (name.s[i - 1] != '/' && name.s[i - 1] != ':') continue;
            if (i < name.n) name = (pb_str){name.s + i, name.n - i};
            break;
        }
    }
    return pb_printf(w->scratch, "%.*s/%.*s", PB_ARG(account), PB_ARG(name));
}

static void take_target(brakes_wait *w);

static void target_again(void *ctx) {
    brakes_wait *w = ctx;
    w->on.timer = NULL;
    take_target(w);
}

static void note_busy(const brakes_wait *w, pb_str holder) {
    pb_map_builder b = {.arena = w->act.arena};
    pb_map_add(&b, PB_STR("target"), pb_string(kept(w, w->target)));
    pb_map_add(&b, PB_STR("run"), pb_string(kept(w, holder)));
    pb_value what = pb_map_done(&b);
    if (w->act.note && what.kind == PB_MAP) w->act.note(w->act.call, "target_busy", what);
}

static void target_busy(brakes_wait *w, pb_str holder) {
    int64_t now = pb_loop_mono_ms();
    if (!w->target_until_ms) {
        w->target_until_ms = now + time_for(w, TARGET_WAIT_MS, TARGET_MARGIN_MS);
        note_busy(w, holder);
    }
    if (now + TARGET_AGAIN_MS > w->target_until_ms) {
        fail(w, PB_STR("target_busy"),
             pb_printf(w->act.arena,
                       "%.*s was not done: run %.*s is at work on %.*s, and one run at a time changes a target",
                       PB_ARG(w->act.call->host), PB_ARG(holder), PB_ARG(w->target)));
        return;
    }
    w->state = FOR_TARGET;
    w->on.timer = pb_timer_start(w->brakes->config.loop, TARGET_AGAIN_MS, target_again, w);
    if (!w->on.timer) fail(w, PB_STR("memory"), (pb_str){0});
}

static void take_target(brakes_wait *w) {
    store *s = w->brakes->config.store;
    pb_arena *a = pb_arena_new(SCRATCH);
    pb_str holder = {0};
    store_result r =
        a ? store_target_take(s, w->target, context_text(w, "id"), w->act.fence, pb_loop_wall_ms(), a, &holder)
          : STORE_ERROR;
    w->state = FOR_NOTHING;
    switch (r) {
    case STORE_OK: ask_switch(w); break;
    case STORE_NO: target_busy(w, holder); break;
    case STORE_LOST: fail(w, PB_STR("lost"), PB_STR("another process has taken this run")); break;
    case STORE_ERROR:
        fail(w, PB_STR("store"),
             pb_printf(w->act.arena, "the target could not be taken in the store: %s",
                       a ? store_error(s) : "out of memory"));
        break;
    }
    pb_arena_free(a);
}

static void ask_target(brakes_wait *w) {
    const vm_step *where = NULL;
    pb_str target = w->brakes->config.store ? target_of(&w->act, &where) : (pb_str){0};
    if (!target.n) {
        ask_switch(w);
        return;
    }
    w->target = target_key(w, target, where);
    if (w->target.s)
        take_target(w);
    else
        fail(w, PB_STR("memory"), (pb_str){0});
}

/* ---- 1: protection ---- */

static void protect(brakes_wait *w) {
    const brakes *b = w->brakes;
    const protect_self self = {b->self, w->act.call->step->account};
    pb_str target = {0}, why = {0};
    if (protect_check(b->config.site, &self, w->act.call->host, w->act.call->args, w->act.arena, &target, &why))
        ask_target(w);
    else
        deny(w, "self_protection", PB_STR("self_protection"), target, why);
}

static void identity_came(void *ctx, const pb_answer *a) {
    brakes_wait *w = ctx;
    brakes *b = w->brakes;
    pb_value arn = a->ok ? pb_get_c(a->value, "Arn") : PB_NONE_VALUE;
    w->state = FOR_NOTHING;
    if (arn.kind == PB_STRING && text_is_arn(pb_text(arn))) {
        if (!b->self.n) b->self = pb_strdup(b->arena, arn.u.s, arn.n);
        if (b->self.n)
            protect(w);
        else
            fail(w, PB_STR("memory"), (pb_str){0});
        return;
    }
    pb_str why = a->ok ? PB_STR("STS did not say") : a->message;
    fail(w, a->ok ? PB_STR("InvalidResponse") : kept(w, a->code),
         pb_printf(w->act.arena,
                   "the call was not made: it is not known whether it would change pbrun's own role: %.*s",
                   PB_ARG(why)));
}

static void begin(brakes_wait *w) {
    brakes *b = w->brakes;
    const pb_host_provider *p = provider_for(b, "aws.");
    if (b->self.n || !p || !protect_needs_self(w->act.call->host, w->act.call->args)) {
        protect(w);
        return;
    }
    ask(w, FOR_IDENTITY, p,
        &(pb_question){.host = PB_STR("aws.sts.GetCallerIdentity"),
                       .args = PB_NONE_VALUE,
                       .region = w->act.call->step->region,
                       .deadline_ms = pb_loop_mono_ms() + IDENTITY_MS,
                       .arena = w->act.arena},
        identity_came);
}

/* ---- from outside ---- */

static const brakes_answer no_memory = {
    .verdict = BRAKES_ERROR, .code = {"memory", 6}, .message = {"out of memory", 13}};

brakes_wait *brakes_ask(brakes *b, const brakes_act *act, brakes_fn *fn, void *ctx) {
    if (act->host->effect < PB_CONTAIN) {
        fn(ctx, &(brakes_answer){.verdict = BRAKES_GO});
        return NULL;
    }
    brakes_wait *w = wait_new(b, act, fn, ctx);
    if (!w) {
        fn(ctx, &no_memory);
        return NULL;
    }
    begin(w);
    return handed_out(w);
}

brakes_wait *brakes_tell(brakes *b, const vm_denial *d, pb_value context, pb_arena *arena, brakes_fn *fn, void *ctx) {
    const brakes_act act = {.context = context, .arena = arena};
    brakes_wait *w = wait_new(b, &act, fn, ctx);
    if (!w) {
        fn(ctx, &no_memory);
        return NULL;
    }
    w->answer = (brakes_answer){.verdict = BRAKES_DENY, .code = PB_STR("guard"), .message = d->why, .denial = *d};
    tell(w);
    return handed_out(w);
}

void brakes_unask(brakes_wait *w) {
    if (!w) return;
    switch (w->state) {
    case FOR_NOTHING: break;
    case FOR_TARGET: pb_timer_cancel(w->on.timer); break;
    case FOR_SWITCH: killswitch_unask(w->on.kill); break;
    case FOR_IDENTITY:
    case FOR_ALERT:
        if (w->on.question.asked) w->on.question.provider->unask(w->on.question.provider->state, w->on.question.asked);
        break;
    }
    unlink_wait(w);
}
