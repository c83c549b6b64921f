/*
 * brakes.c - the questions that are asked before a changing call, in their order.
 */
#include "vm/brakes.h"

#include <stdlib.h>

struct brakes {
    brakes_config config;
};

brakes *brakes_new(const brakes_config *c) {
    brakes *b = calloc(1, sizeof *b);
    if (b) b->config = *c;
    return b;
}

void brakes_free(brakes *b) { free(b); }

bool brakes_needs_store(const vm_program *p, uint32_t playbook, const char **what) {
    (void)p;
    (void)playbook;
    *what = NULL;
    return false;
}

bool brakes_admission_of(const vm_program *p, uint32_t playbook, pb_value bound, const pb_value *params,
                         pb_value context, pb_arena *a, brakes_admission *out, pb_str *err) {
    (void)p, (void)playbook, (void)bound, (void)params, (void)context, (void)a, (void)err;
    *out = (brakes_admission){0};
    return true;
}

brakes_admitted brakes_admitted_of(const brakes_admission *q, store_admitted why, pb_str other, pb_arena *a) {
    (void)q, (void)why, (void)other, (void)a;
    return (brakes_admitted){.begin = true};
}

brakes_wait *brakes_ask(brakes *b, const brakes_act *act, brakes_fn *fn, void *ctx) {
    (void)b, (void)act;
    fn(ctx, &(brakes_answer){.verdict = BRAKES_GO});
    return NULL;
}

void brakes_unask(brakes_wait *w) { (void)w; }

brakes_wait *brakes_deny(brakes *b, const brakes_act *act, pb_str by, pb_str why, brakes_fn *fn, void *ctx) {
    (void)b, (void)act;
    fn(ctx, &(brakes_answer){.verdict = BRAKES_DENY, .code = PB_STR("guard"), .message = why,
                             .denial = {.by = by, .why = why}});
    return NULL;
}
