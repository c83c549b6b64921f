/*
 * analyse_overlap.c - playbooks that get in each other's way.
 *
 * All playbooks that are checked together are one fleet: an event starts every playbook that it matches. Two of them
 * that can run for one event and change the same target are reported: as working against each other when one undoes
 * what the other does (a table of opposites), as superfluous when the one always runs with the other and does no more,
 * else as overlapping.
 *
 * Whether both can match is asked of the known types first (a bit each), then of all their conditions (facts.c). A
 * playbook is reported once, beside the first one that it meets, so that a fleet of copies gives one message each.
 */
#include "lang/analyse.h"

enum {
    TYPE_WORDS = 8,       /* bits for 512 known types; GuardDuty has about 200 */
    ACTS_MAX = 64,        /* changing steps of a playbook that are looked at */
    WHERES_MAX = 32,      /* conditions of a playbook that are looked at */
    QUESTIONS_MAX = 50000 /* pairs whose conditions are looked at: some 100 ms */
};

typedef struct act { /* a step that changes something */
    struct act *next;
    const ast_expr *call, *target;
    uint64_t ones, others; /* the rows of `opposites` of which it does the one, the other */
} act;

typedef struct fleet_playbook {
    struct fleet_playbook *next;
    const decl_info *info;
    const ast_expr *wheres[WHERES_MAX];
    uint32_t nwheres;
    uint64_t types[TYPE_WORDS]; /* that it may be for; all when there is no list */
    act *acts;
    uint32_t nacts;
} fleet_playbook;

typedef struct fleet {
    checker *c;
    act_memo *memo;
    uint32_t questions;
} fleet;

/* Operations that undo or end each other's work on one target. */
static const struct {
    const char *one, *other;
} opposites[] = {
    {"ec2.StopInstances", "ec2.StartInstances"},
    {"ec2.TerminateInstances", "ec2.StartInstances"},
    {"ec2.TerminateInstances", "ec2.StopInstances"},
    {"ec2.TerminateInstances", "ec2.ModifyNetworkInterfaceAttribute"},
    {"iam.AttachUserPolicy", "iam.DetachUserPolicy"},
    {"iam.AttachRolePolicy", "iam.DetachRolePolicy"},
    {"iam.PutUserPolicy", "iam.DeleteUserPolicy"},
    {"iam.PutRolePolicy", "iam.DeleteRolePolicy"},
    {"iam.PutUserPolicy", "iam.DeleteUser"},
    {"iam.CreateAccessKey", "iam.DeleteAccessKey"},
    {"iam.UpdateAccessKey", "iam.DeleteAccessKey"},
    {"iam.AddUserToGroup", "iam.RemoveUserFromGroup"},
    {"s3.PutPublicAccessBlock", "s3.DeletePublicAccessBlock"},
    {"s3.PutBucketPolicy", "s3.DeleteBucketPolicy"},
    {"kms.EnableKey", "kms.DisableKey"},
    {"kms.ScheduleKeyDeletion", "kms.CancelKeyDeletion"},
    {"cloudtrail.StartLogging", "cloudtrail.StopLogging"},
    {"lambda.PutFunctionConcurrency", "lambda.DeleteFunctionConcurrency"},
};

_Static_assert(sizeof opposites / sizeof *opposites <= 64, "a bit each");

/* ---- what a playbook does ---- */

static void note_opposites(act *a, const act_op *ops) {
    for (; ops; ops = ops->next)
        for (size_t i = 0; i < sizeof opposites / sizeof *opposites; i++) {
            if (pb_str_is(ops->name, opposites[i].one)) a->ones |= (uint64_t)1 << i;
            if (pb_str_is(ops->name, opposites[i].other)) a->others |= (uint64_t)1 << i;
        }
}

static void collect_acts(fleet *k, fleet_playbook *p, const ast_stmt *s) {
    for (; s; s = s->next) {
        const ast_expr *e = s->expr;
        bool changes = s->kind == STMT_DO && e && e->kind == EXPR_CALL && e->u.call.effect >= PB_CONTAIN;
        act *a = changes && p->nacts < ACTS_MAX ? pb_alloc(k->c->arena, sizeof *a) : NULL;
        if (a) {
            *a = (act){.next = p->acts, .call = e, .target = analyse_act_target(e)};
            note_opposites(a, analyse_act_ops(k->c, k->memo, e));
            p->acts = a;
            p->nacts++;
        }
        collect_acts(k, p, s->body);
        collect_acts(k, p, s->other);
        collect_acts(k, p, s->third);
    }
}

static void collect_types(fleet_playbook *p) {
    pb_str path = analyse_clause_text(p->info->decl->event_decl, "threat");
    const known_list *l = path.n ? known_of(p->info->decl->event_decl, path) : NULL;
    bool usable = l && l->kind == KNOWN_NAMES && l->count <= TYPE_WORDS * 64;
    if (!usable) memset(p->types, 0xff, sizeof p->types);
    for (uint32_t i = 0; usable && i < l->count; i++) {
        bool possible = true;
        for (uint32_t w = 0; possible && w < p->nwheres; w++)
            possible = facts_given(p->wheres[w], path, pb_str_c(l->names[i])) != 0;
        if (possible) p->types[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

static fleet_playbook *collect(fleet *k, const decl_info *d) {
    fleet_playbook *p = pb_alloc(k->c->arena, sizeof *p);
    if (!p) return NULL;
    p->info = d;
    for (const ast_stmt *s = d->decl->body; s; s = s->next)
        if (s->kind == STMT_WHERE && p->nwheres < WHERES_MAX) p->wheres[p->nwheres++] = s->expr;
    collect_acts(k, p, d->decl->body);
    if (p->acts) collect_types(p);
    return p;
}

/* ---- two targets ---- */

static const ast_expr *read_of(const ast_expr *e) {
    const ast_expr *bound = e->kind == EXPR_NAME && e->name_kind == NAME_LOCAL && e->local ? e->local->bound : NULL;
    return bound && bound->kind == EXPR_CALL ? bound : NULL;
}

/* The same value, or read by the same call of the same values: ec2.instance(f.resource.instanceDetails.instanceId). */
static bool same_target(const ast_expr *a, const ast_expr *b) {
    while (a->kind == EXPR_FIELD && b->kind == EXPR_FIELD && pb_str_eq(a->u.field.name.text, b->u.field.name.text))
        a = a->u.field.of, b = b->u.field.of;
    if (analyse_same(a, b)) return true;
    const ast_expr *x = read_of(a), *y = read_of(b);
    if (!x || !y || !x->u.call.decl || x->u.call.decl != y->u.call.decl) return false;
    for (uint32_t i = 0; i < x->u.call.nresolved && i < y->u.call.nresolved; i++) {
        const ast_expr *p = x->u.call.resolved[i], *q = y->u.call.resolved[i];
        if (p != q && (!p || !q || !analyse_same(p, q))) return false;
    }
    return true;
}

static bool meet(const act *a, const act *b) { return a->target && b->target && same_target(a->target, b->target); }

static bool oppose(const act *a, const act *b) { return (a->ones & b->others) || (a->others & b->ones); }

static bool same_act(const act *a, const act *b) {
    return meet(a, b) && a->call->u.call.decl == b->call->u.call.decl &&
           pb_str_eq(a->call->u.call.aws, b->call->u.call.aws);
}

/* Everything that a does, b does too. */
static bool covers(const act *a, const act *b) {
    for (; a; a = a->next) {
        const act *o = b;
        while (o && !same_act(a, o)) o = o->next;
        if (!o) return false;
    }
    return true;
}

/* ---- two conditions ---- */

static bool share_types(const fleet_playbook *a, const fleet_playbook *b) {
    for (int i = 0; i < TYPE_WORDS; i++)
        if (a->types[i] & b->types[i]) return true;
    return false;
}

static const fact *chain(const fleet_playbook *p, fact *facts, const fact *onto) {
    for (uint32_t i = 0; i < p->nwheres; i++) {
        facts[i] = (fact){onto, p->wheres[i], true, 0};
        onto = &facts[i];
    }
    return onto;
}

static bool can_meet(fleet *k, const fleet_playbook *a, const fleet_playbook *b) {
    fact facts[2][WHERES_MAX];
    if (!share_types(a, b) || k->questions == 0) return false;
    k->questions--;
    return facts_possible(chain(b, facts[1], chain(a, facts[0], NULL)));
}

/* Whenever a matches, b does. */
static bool implies(const fleet_playbook *a, const fleet_playbook *b) {
    fact facts[WHERES_MAX];
    const fact *all = chain(a, facts, NULL);
    for (uint32_t i = 0; i < b->nwheres; i++) {
        fact not_so = {all, b->wheres[i], false, 0};
        if (facts_possible(&not_so)) return false;
    }
    return true;
}

/* ---- messages ---- */

static void say(fleet *k, diag_code code, const fleet_playbook *at, const fleet_playbook *other, pb_str message,
                const char *cure) {
    checker *c = k->c;
    diag *d = diag_add(c->diags, code, at->info->decl->name.span, "%.*s", PB_ARG(message));
    check_also(d, other->info->decl->name.span, "the other one");
    check_hint(c, d, "%s", cure);
}

/* True: something was said. */
static bool compare(fleet *k, const fleet_playbook *a, const fleet_playbook *b) {
    const act *first = NULL, *against = NULL;
    for (const act *x = a->acts; x; x = x->next)
        for (const act *y = b->acts; y; y = y->next) {
            if (!meet(x, y)) continue;
            if (!first) first = y;
            if (!against && oppose(x, y)) against = y;
        }
    if (!first || !can_meet(k, a, b)) return false;
    pb_str n = a->info->name, m = b->info->name;
    pb_str target = check_source(k->c, (against ? against : first)->target->span, "the same target");
    if (against)
        say(k, DIAG_CONTRADICTING_ACTS, b, a,
            pb_printf(k->c->arena, "`%.*s` and `%.*s` can run for the same event and work against each other on %.*s",
                      PB_ARG(n), PB_ARG(m), PB_ARG(target)),
            "make one playbook of them, or conditions that exclude each other");
    else if (covers(b->acts, a->acts) && implies(b, a))
        say(k, DIAG_SHADOWED_PLAYBOOK, b, a,
            pb_printf(k->c->arena, "`%.*s` runs whenever `%.*s` does, and does all that it does", PB_ARG(n), PB_ARG(m)),
            "leave this one out, or take its events out of the other one's conditions");
    else
        say(k, DIAG_OVERLAP, b, a,
            pb_printf(k->c->arena, "`%.*s` and `%.*s` can run for the same event, and both change %.*s", PB_ARG(n),
                      PB_ARG(m), PB_ARG(target)),
            "make their conditions exclude each other, or put the steps into one playbook");
    return true;
}

void analyse_overlap(checker *c) {
    fleet k = {.c = c, .memo = analyse_act_memo(c), .questions = QUESTIONS_MAX};
    fleet_playbook *all = NULL, **end = &all;
    if (!k.memo) return;
    for (decl_info *d = analyse_next(c, NULL, DECL_PLAYBOOK); d; d = analyse_next(c, d, DECL_PLAYBOOK)) {
        bool deployed = !source_is_test(&c->program->sources->files[d->decl->span.file]);
        fleet_playbook *p = d->decl->event_decl && deployed ? collect(&k, d) : NULL;
        if (!p || !p->acts) continue;
        bool said = false;
        for (const fleet_playbook *o = all; o && !said; o = o->next)
            said = o->info->decl->event_decl == d->decl->event_decl && compare(&k, o, p);
        *end = p;
        end = &p->next;
    }
}
