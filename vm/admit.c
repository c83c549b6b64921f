/*
 * admit.c - what is asked before a run begins: has this been handled already (dedupe), have there been too many
 * (limit), are too many under way (concurrency)? The store counts; here the questions are read out of the program and
 * the answers are put into words.
 */
#include "vm/brakes.h"

enum {
    KEY_INSTRUCTIONS = 5000000, /* as a condition (match.c) */
    KEY_MEMORY = 16 << 20,
    KEY_MAX = 1024 /* bytes: an ARN has about 200 */
};

static uint32_t of(const vm_program *p, uint32_t playbook, uint32_t field) {
    return vm_field(p, SECTION_PLAYBOOKS, playbook, field);
}

bool brakes_needs_store(const vm_program *p, uint32_t playbook, const char **what) {
    *what = of(p, playbook, PLAYBOOKS_dedupe) != IMAGE_NIL ? "dedupe"
            : of(p, playbook, PLAYBOOKS_limit)             ? "limit"
            : of(p, playbook, PLAYBOOKS_concurrency)       ? "concurrency"
                                                           : NULL;
    return *what;
}

static bool key_of(const vm_program *p, uint32_t function, pb_value bound, const pb_value *params, pb_value context,
                   pb_arena *a, pb_str *out, pb_str *err) {
    static const vm_limits limits = {.memory = KEY_MEMORY, .instructions = KEY_INSTRUCTIONS, .deadline_ms = 0};
    pb_value v;
    pb_str why = {0};
    if (!vm_evaluate(p, function, bound, params, context, &limits, a, &v, &why)) {
        *err = pb_printf(a, "`dedupe` cannot be decided: %.*s", PB_ARG(why.n ? why : PB_STR("out of memory")));
        return false;
    }
    if (v.kind == PB_NONE) return true; /* the event does not say: nothing to compare */
    if (v.kind != PB_STRING || v.n > KEY_MAX) {
        *err = pb_printf(a, "`dedupe` cannot be decided: its key must be a text of at most %d bytes", KEY_MAX);
        return false;
    }
    *out = pb_text(v);
    return true;
}

bool brakes_admission_of(const vm_program *p, uint32_t playbook, pb_value bound, const pb_value *params,
                         pb_value context, pb_arena *a, brakes_admission *out, pb_str *err) {
    uint32_t dedupe = of(p, playbook, PLAYBOOKS_dedupe);
    *out = (brakes_admission){.ask = {.limit = of(p, playbook, PLAYBOOKS_limit),
                                      .limit_ms = of(p, playbook, PLAYBOOKS_limit_ms),
                                      .concurrency = of(p, playbook, PLAYBOOKS_concurrency)},
                              .anyway = of(p, playbook, PLAYBOOKS_limit_else) == LIMIT_APPROVE};
    *err = (pb_str){0};
    if (dedupe == IMAGE_NIL) return true;
    if (!key_of(p, dedupe, bound, params, context, a, &out->ask.dedupe_key, err)) {
        if (!err->s) *err = PB_STR("`dedupe` cannot be decided: out of memory");
        return false;
    }
    if (out->ask.dedupe_key.n) out->ask.dedupe_ms = of(p, playbook, PLAYBOOKS_dedupe_ms);
    return true;
}

static pb_str span_text(pb_arena *a, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (ms % units[i].ms) i++;
    return pb_printf(a, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
}

static brakes_admitted ended(vm_outcome outcome, const char *code, pb_str reason) {
    return (brakes_admitted){.outcome = outcome, .code = pb_str_c(code), .reason = reason.s ? reason : pb_str_c(code)};
}

brakes_admitted brakes_admitted_of(const brakes_admission *q, store_admitted why, pb_str other, pb_arena *a) {
    switch (why) {
    case ADMITTED: break;
    case ADMIT_AGAIN:
        return ended(VM_SKIPPED, "duplicate",
                     pb_printf(a, "this event has been handled before, by %.*s", PB_ARG(other)));
    case ADMIT_DUPLICATE:
        return ended(VM_SKIPPED, "duplicate",
                     pb_printf(a, "%.*s has seen to the same within %.*s (`dedupe`)", PB_ARG(other),
                               PB_ARG(span_text(a, q->ask.dedupe_ms))));
    case ADMIT_LIMIT:
        if (q->anyway) return (brakes_admitted){.begin = true, .over_limit = true};
        return ended(VM_STOPPED, "limit",
                     pb_printf(a, "%u runs of this playbook have begun within %.*s, and no more may (`limit`)",
                               q->ask.limit, PB_ARG(span_text(a, q->ask.limit_ms))));
    case ADMIT_CONCURRENCY:
        return ended(VM_STOPPED, "concurrency",
                     pb_printf(a, "%u runs of this playbook are under way, and no more may be (`concurrency`)",
                               q->ask.concurrency));
    }
    return (brakes_admitted){.begin = true};
}
