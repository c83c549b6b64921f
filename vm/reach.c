/*
 * reach.c - which hosts a function can come to: its own, those of every function and action it can call, of the guards
 * that look at those, and of what undoes them.
 *
 * It reads verified code, so every index in it exists. Each function is looked at once.
 */
#include "vm/reach.h"

#include "lang/opcodes.h"
#include "vm/guard.h"

typedef struct walk {
    const vm_program *p;
    bool *functions; /* seen */
    uint32_t *work;  /* functions to be looked at */
    uint32_t nwork;
    pb_str *hosts;
    uint32_t nhosts;
} walk;

static void add_host(walk *k, pb_str name) {
    for (uint32_t i = 0; i < k->nhosts; i++)
        if (pb_str_eq(k->hosts[i], name)) return;
    k->hosts[k->nhosts++] = name; /* at most one a site: there is room */
}

static void add_function(walk *k, uint32_t f) {
    if (k->functions[f]) return;
    k->functions[f] = true;
    k->work[k->nwork++] = f;
}

static void look_at(walk *k, uint32_t i) {
    if (op_code(i) == OPCODE_CALL) add_function(k, op_bx(i));
    if (op_code(i) != OPCODE_INVOKE) return;
    uint32_t target = vm_field(k->p, SECTION_SITES, op_bx(i), SITES_target);
    if (vm_field(k->p, SECTION_SITES, op_bx(i), SITES_kind) == SITE_ACTION)
        add_function(k, target);
    else
        add_host(k, vm_string(k->p, target));
    for (uint32_t n = guards_of(k->p, op_bx(i)); n--;)
        add_function(k, vm_field(k->p, SECTION_GUARDS, guard_at(k->p, op_bx(i), n), GUARDS_function));
}

bool vm_reach(const vm_program *p, uint32_t function, pb_arena *a, const pb_str **hosts, uint32_t *n) {
    uint32_t sites = vm_count(p, SECTION_SITES);
    walk k = {.p = p};
    k.functions = pb_alloc_array(a, p->nfunctions, sizeof *k.functions);
    k.work = pb_alloc_array(a, p->nfunctions, sizeof *k.work);
    k.hosts = pb_alloc_array(a, sites ? sites : 1, sizeof *k.hosts);
    if (!k.functions || !k.work || !k.hosts) return false;
    add_function(&k, function);
    while (k.nwork) {
        const vm_function *f = &p->functions[k.work[--k.nwork]];
        if (f->undo != IMAGE_NIL) add_function(&k, f->undo);
        for (uint32_t pc = 0; pc < f->ncode; pc++) look_at(&k, vm_instruction(f, pc));
    }
    *hosts = k.hosts;
    *n = k.nhosts;
    return true;
}
