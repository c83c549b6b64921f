/*
 * analyse_evidence.c - evidence before eradication.
 *
 * Two questions about the order of steps, both answered from tables of facts about AWS's operations:
 *   - PB1003: does something that destroys come only after something that keeps what is destroyed (a snapshot, a copy,
 * an export) of the same target, on every way to it? What holds no data (keys, policies, rules) is kept by having been
 * read before: the journal has the answer. `authorize` waives it by name.
 *   - PB1004: does a step make it impossible to collect what a later step is to collect? An isolated instance does not
 * reach Systems Manager, a stopped one has no memory.
 *
 * A step is a `do`; what it does are the operations that its action comes to. Behind an `if` only what stood before it
 * is certain; the branches of `parallel` have no order among themselves, so each may come before the other.
 */
#include "lang/analyse.h"

#include "lang/ast_walk.h"

enum { DEPTH_MAX = 80, STEPS_MAX = 200 }; /* calls under one another; steps back that are looked at */

/* ---- facts ---- */

/* Behind the first, the second comes too late. */
static const struct {
    const char *first, *later, *why;
} losses[] = {
    {"ec2.ModifyNetworkInterfaceAttribute", "ssm.SendCommand",
     "an isolated instance does not reach Systems Manager any more"},
    {"ec2.ModifyNetworkInterfaceAttribute", "ssm.StartAutomationExecution",
     "an isolated instance does not reach Systems Manager any more"},
    {"ec2.StopInstances", "ssm.SendCommand", "memory is gone when the instance stops, and it takes no commands"},
    {"ec2.StopInstances", "ssm.StartAutomationExecution", "memory is gone when the instance stops"},
    {"ec2.StopInstances", "ec2.CreateSnapshot*",
     "instance store disks are empty when the instance stops: keep what is there first"},
    {"ec2.StopInstances", "ec2.CreateImage",
     "instance store disks are empty when the instance stops: keep what is there first"},
    {"ec2.RebootInstances", "ssm.SendCommand", "memory is gone after a reboot"},
    {"ec2.TerminateInstances", "ssm.SendCommand", "a terminated instance takes no commands"},
    {"ec2.TerminateInstances", "ec2.CreateSnapshot*", "the volumes of a terminated instance may be gone"},
    {"ec2.TerminateInstances", "ec2.CreateImage", "no image can be made of a terminated instance"},
    {"ec2.DeleteVolume", "ec2.CreateSnapshot*", "a deleted volume has no snapshot any more to take"},
    {"rds.DeleteDBInstance", "rds.CreateDBSnapshot", "a deleted database has nothing left to take a snapshot of"},
    {"rds.DeleteDBCluster", "rds.CreateDBClusterSnapshot", "a deleted cluster has nothing left to take a snapshot of"},
    {"dynamodb.DeleteTable", "dynamodb.CreateBackup", "a deleted table has nothing left to back up"},
    {"dynamodb.DeleteTable", "dynamodb.ExportTableToPointInTime", "a deleted table has nothing left to export"},
    {"s3.DeleteObject*", "s3.CopyObject", "a deleted object has nothing left to copy"},
    {"logs.DeleteLogGroup", "logs.CreateExportTask", "a deleted log group has nothing left to export"},
};

/* What destroys data, and what has kept it when it came before. */
static const struct {
    const char *destroys, *keeps;
} keepers[] = {
    {"ec2.TerminateInstances", "ec2.CreateSnapshot*"},
    {"ec2.TerminateInstances", "ec2.CreateImage"},
    {"ec2.DeleteVolume", "ec2.CreateSnapshot*"},
    {"ec2.DeleteSnapshot", "ec2.CopySnapshot"},
    {"ec2.DeregisterImage", "ec2.CopyImage"},
    {"rds.DeleteDBInstance", "rds.CreateDBSnapshot"},
    {"rds.DeleteDBCluster", "rds.CreateDBClusterSnapshot"},
    {"rds.DeleteDBSnapshot", "rds.CopyDBSnapshot"},
    {"dynamodb.DeleteTable", "dynamodb.CreateBackup"},
    {"dynamodb.DeleteTable", "dynamodb.ExportTableToPointInTime"},
    {"s3.DeleteObject*", "s3.CopyObject"},
    {"s3.DeleteBucket", "s3.CopyObject"},
    {"logs.DeleteLogGroup", "logs.CreateExportTask"},
    {"logs.DeleteLogStream", "logs.CreateExportTask"},
    {"lambda.DeleteFunction", "lambda.GetFunction"},
    {"efs.DeleteFileSystem", "backup.StartBackupJob"},
    {"redshift.DeleteCluster", "redshift.CreateClusterSnapshot"},
    {"elasticache.DeleteReplicationGroup", "elasticache.CreateSnapshot"},
};

/* These keep whatever is put into them. */
static const char *const exports[] = {"s3.PutObject", "backup.StartBackupJob"};

static bool fits(const char *pattern, pb_str op) { return known_glob(pb_str_c(pattern), op); }

static bool holds_data(pb_str op) {
    for (size_t i = 0; i < sizeof keepers / sizeof *keepers; i++)
        if (fits(keepers[i].destroys, op)) return true;
    return false;
}

static bool is_read_of(pb_str op, pb_str service_op) {
    const char *dot = memchr(service_op.s, '.', service_op.n);
    uint32_t n = dot ? (uint32_t)(dot + 1 - service_op.s) : 0;
    if (op.n <= n || memcmp(op.s, service_op.s, n) != 0) return false;
    pb_str verb = {op.s + n, op.n - n};
    return fits("Get*", verb) || fits("Describe*", verb) || fits("List*", verb) || fits("Head*", verb);
}

static bool keeps(pb_str op, pb_str destroys) {
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++)
        if (pb_str_is(op, exports[i])) return true;
    for (size_t i = 0; i < sizeof keepers / sizeof *keepers; i++)
        if (fits(keepers[i].destroys, destroys) && fits(keepers[i].keeps, op)) return true;
    return !holds_data(destroys) && is_read_of(op, destroys);
}

/* ---- what a call does ---- */

typedef struct acts {
    struct acts *next;
    const ast_decl *decl;
    act_op *ops, **end;
} acts;

struct act_memo {
    acts *buckets[64];
};

typedef struct step { /* done on every way to here, newest first */
    const struct step *next;
    const act_op *ops;
    const ast_expr *target; /* NULL: not known */
    pb_span span;
    pb_str name; /* "`ec2.isolate`" */
} step;

typedef struct evidence {
    checker *c;
    act_memo *memo;
    acts *into; /* while an action is gone through */
    unsigned depth;
    const step *done;
    bool waived;
} evidence;

static const acts *acts_of(evidence *k, const ast_decl *d);

static bool has_kept(const act_op *ops, pb_str destroys) {
    for (; ops; ops = ops->next)
        if (keeps(ops->name, destroys)) return true;
    return false;
}

/* Each operation once: actions may call each other many times over. */
static void add_op(evidence *k, pb_str name, pb_effect effect, bool kept) {
    for (act_op *same = k->into->ops; same; same = same->next)
        if (pb_str_eq(same->name, name)) {
            same->kept = same->kept && (kept || has_kept(k->into->ops, name));
            return;
        }
    act_op *o = pb_alloc(k->c->arena, sizeof *o);
    if (!o) return;
    *o = (act_op){NULL, name, effect, kept || has_kept(k->into->ops, name)};
    *k->into->end = o;
    k->into->end = &o->next;
}

static bool final_snapshot(const ast_expr *call) {
    for (const ast_arg *a = call->u.call.args; a; a = a->next)
        if (known_glob(PB_STR("Final*SnapshotIdentifier"), a->name.text)) return true;
    return false;
}

static bool note_ops(void *ctx, const ast_expr *e) {
    evidence *k = ctx;
    if (e->kind != EXPR_CALL) return true;
    if (e->u.call.kind == CALL_AWS) {
        add_op(k, e->u.call.aws, e->u.call.effect, final_snapshot(e));
    } else if (e->u.call.kind == CALL_ACTION) {
        const acts *a = acts_of(k, e->u.call.decl);
        for (const act_op *o = a ? a->ops : NULL; o; o = o->next) add_op(k, o->name, o->effect, o->kept);
    }
    return true;
}

static const acts *acts_of(evidence *k, const ast_decl *d) {
    acts **at = &k->memo->buckets[((uintptr_t)d >> 6) & 63];
    for (const acts *a = *at; a; a = a->next)
        if (a->decl == d) return a;
    acts *a = k->depth < DEPTH_MAX ? pb_alloc(k->c->arena, sizeof *a) : NULL;
    if (!a) return NULL;
    a->decl = d, a->end = &a->ops;
    evidence in = {.c = k->c, .memo = k->memo, .into = a, .depth = k->depth + 1};
    for (const ast_stmt *s = d->body; s; s = s->next) ast_each_in_stmt(s, true, note_ops, &in);
    a->next = *at;
    *at = a;
    return a;
}

/* ---- targets ---- */

static const ast_expr *single(const ast_expr *e) {
    return e && e->kind == EXPR_LIST && e->u.list && !e->u.list->next ? e->u.list->value : e;
}

const ast_expr *analyse_act_target(const ast_expr *call) {
    if (call->u.call.kind == CALL_AWS) return call->u.call.args ? single(call->u.call.args->value) : NULL;
    const ast_decl *d = call->u.call.decl;
    uint32_t i = 0;
    for (const ast_field *p = d ? d->params : NULL; p && i < call->u.call.nresolved; p = p->next, i++)
        if (d->target.text.s && pb_str_eq(p->name.text, d->target.text)) return single(call->u.call.resolved[i]);
    return NULL;
}

static const ast_expr *root_of(const ast_expr *e) {
    for (int i = 0; i < 64; i++) {
        if (e->kind == EXPR_FIELD)
            e = e->u.field.of;
        else if (e->kind == EXPR_INDEX)
            e = e->u.binary.left;
        else
            break;
    }
    return e;
}

/* `let i = ec2.instance(id)`: i is about id. */
static bool is_about(const ast_expr *root, const ast_expr *other) {
    const ast_expr *of = root->kind == EXPR_NAME && root->local ? root->local->bound : NULL;
    if (!of || of->kind != EXPR_CALL) return false;
    for (uint32_t i = 0; i < of->u.call.nresolved; i++)
        if (of->u.call.resolved[i] && analyse_same(of->u.call.resolved[i], other)) return true;
    return false;
}

/* False: two different things for certain. */
static bool maybe_same(const ast_expr *a, const ast_expr *b) {
    if (!a || !b || analyse_same(a, b)) return true;
    const ast_expr *x = root_of(a), *y = root_of(b);
    if (a->kind == EXPR_STRING && b->kind == EXPR_STRING) return false;
    if (x->kind != EXPR_NAME || y->kind != EXPR_NAME || x->name_kind != NAME_LOCAL || y->name_kind != NAME_LOCAL)
        return true;
    return x->local == y->local || is_about(x, b) || is_about(y, a) || (!x->local->bound && !y->local->bound);
}

/* ---- steps ---- */

static void check_destroy(evidence *k, const ast_expr *call, const step *now) {
    for (const act_op *o = now->ops; o; o = o->next) {
        if (o->effect != PB_DESTROY || o->kept || k->waived) continue;
        const step *s = k->done;
        while (s && !(maybe_same(s->target, now->target) && has_kept(s->ops, o->name))) s = s->next;
        if (s) continue;
        checker *c = k->c;
        diag *d = diag_add(c->diags, DIAG_DESTROY_UNKEPT, call->u.call.callee->span,
                           "nothing has kept what %.*s destroys (`aws.%.*s`) on every way to here", PB_ARG(now->name),
                           PB_ARG(o->name));
        check_hint(
            c, d,
            holds_data(o->name)
                ? "take a snapshot, copy or export of it first, such as ebs.snapshot_volumes(...); or waive it by "
                  "name: authorize \"no-evidence\" because \"...\""
                : "read it first, so that the journal has it; or waive it by name: authorize \"no-evidence\" "
                  "because \"...\"");
        return;
    }
}

static bool check_pair(evidence *k, const step *first, const step *later, bool ordered) {
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        const act_op *a = first->ops, *b = later->ops;
        while (a && !fits(losses[i].first, a->name)) a = a->next;
        while (b && !fits(losses[i].later, b->name)) b = b->next;
        if (!a || !b) continue;
        checker *c = k->c;
        diag *d = diag_add(c->diags, DIAG_EVIDENCE_LOST, later->span, "%.*s comes too late%s: %s", PB_ARG(later->name),
                           ordered ? "" : " when the other branch is faster", losses[i].why);
        check_also(d, first->span, "this step is before it");
        check_hint(c, d, "collect first, then contain");
        return true;
    }
    return false;
}

static void check_losses(evidence *k, const step *now) {
    uint32_t left = STEPS_MAX;
    for (const step *s = k->done; s && left; s = s->next, left--)
        if (maybe_same(s->target, now->target) && check_pair(k, s, now, true)) return;
}

act_memo *analyse_act_memo(checker *c) { return pb_alloc(c->arena, sizeof(act_memo)); }

const act_op *analyse_act_ops(checker *c, act_memo *m, const ast_expr *call) {
    acts *a = pb_alloc(c->arena, sizeof *a);
    if (!a) return NULL;
    evidence k = {.c = c, .memo = m, .into = a};
    a->end = &a->ops;
    ast_each_expr(call, note_ops, &k);
    return a->ops;
}

static const step *step_of(evidence *k, const ast_stmt *s) {
    const ast_expr *e = s->expr;
    step *n = e->kind == EXPR_CALL ? pb_alloc(k->c->arena, sizeof *n) : NULL;
    if (!n) return NULL;
    const act_op *ops = analyse_act_ops(k->c, k->memo, e);
    pb_str name = check_source(k->c, e->u.call.callee->span, "this step");
    *n = (step){k->done, ops, analyse_act_target(e), e->u.call.callee->span, name};
    return n;
}

/* ---- statements ---- */

static void walk(evidence *k, const ast_stmt *s);

static void walk_apart(evidence *k, const ast_stmt *s) {
    const step *done = k->done;
    bool waived = k->waived;
    walk(k, s);
    k->done = done;
    k->waived = waived;
}

/* What was done since `since`, put in front of `onto`. */
static const step *joined(evidence *k, const step *from, const step *since, const step *onto) {
    for (; from && from != since; from = from->next) {
        step *n = pb_alloc(k->c->arena, sizeof *n);
        if (!n) return onto;
        *n = *from;
        n->next = onto;
        onto = n;
    }
    return onto;
}

static void walk_parallel(evidence *k, const ast_stmt *s) {
    const step *before = k->done, *all = before;
    for (const ast_stmt *b = s->body; b; b = b->next) {
        ast_stmt one = *b;
        one.next = NULL;
        k->done = before;
        walk(k, &one);
        uint32_t left = STEPS_MAX * STEPS_MAX / 4;
        for (const step *mine = k->done; mine != before; mine = mine->next)
            for (const step *other = all; other != before && left; other = other->next, left--)
                if (maybe_same(mine->target, other->target) && !check_pair(k, mine, other, false))
                    check_pair(k, other, mine, false);
        all = joined(k, k->done, before, all);
    }
    k->done = all;
}

static void walk_if(evidence *k, const ast_stmt *s) {
    const step *before = k->done, *yes;
    bool waived = k->waived;
    walk(k, s->body);
    yes = k->done;
    k->done = before;
    k->waived = waived;
    walk(k, s->other);
    bool leaves = analyse_leaves(s->body), other = s->has_else && analyse_leaves(s->other);
    if (leaves == other) k->done = before;
    if (other && !leaves) k->done = yes;
    k->waived = waived;
}

static void walk_do(evidence *k, const ast_stmt *s) {
    const step *now = step_of(k, s), *before = k->done;
    if (!now) return;
    check_destroy(k, s->expr, now);
    check_losses(k, now);
    walk_apart(k, s->other);
    k->done = s->has_else && !analyse_leaves(s->other) ? before : now; /* behind such an else it may have failed */
}

static void walk(evidence *k, const ast_stmt *s) {
    for (; s; s = s->next) {
        switch (s->kind) {
        case STMT_DO: walk_do(k, s); break;
        case STMT_IF: walk_if(k, s); break;
        case STMT_PARALLEL: walk_parallel(k, s); break;
        case STMT_AUTHORIZE: k->waived = true; break;
        case STMT_FOR: /* over nothing there is nothing to keep */
        case STMT_IN_ACCOUNT: walk(k, s->body); break;
        default:
            walk_apart(k, s->body);
            walk_apart(k, s->other);
            walk_apart(k, s->third);
        }
    }
}

void analyse_evidence(checker *c) {
    evidence k = {.c = c};
    k.memo = analyse_act_memo(c);
    if (!k.memo) return;
    for (decl_info *d = analyse_next(c, NULL, DECL_PLAYBOOK); d; d = analyse_next(c, d, DECL_PLAYBOOK)) {
        k.done = NULL;
        k.waived = false;
        walk(&k, d->decl->body);
    }
}
