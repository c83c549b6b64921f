/*
 * policy_program.c - from a checked program to the calls that its policy is for.
 *
 * Of a call's arguments two things count: which are given, and which are texts that stand in the source. An argument
 * that is `none` as written is not given; one that may be absent at run time counts as given.
 */
#include "lang/reach.h"
#include "stdlib/aws/model.h"
#include "stdlib/aws/policy_parts.h"

static size_t count_calls(const reach_use *r) {
    size_t n = 0;
    for (; r; r = r->next) n++;
    return n;
}

static bool fill_args(pb_arena *a, const ast_expr *call, policy_use *u) {
    size_t n = 0;
    for (const ast_arg *arg = call->u.call.args; arg; arg = arg->next) n++;
    policy_arg *args = pb_alloc_array(a, n + 1, sizeof *args);
    if (!args) return false;
    for (const ast_arg *arg = call->u.call.args; arg; arg = arg->next) {
        if (arg->value->kind == EXPR_NONE) continue;
        bool known = arg->value->kind == EXPR_STRING;
        args[u->nargs++] = (policy_arg){arg->name.text, known ? arg->value->u.string : (pb_str){NULL, 0}};
    }
    u->args = args;
    return true;
}

static pb_str action_name(pb_arena *a, const ast_decl *d) {
    if (d->kind != DECL_ACTION || d->name.n < 2) return (pb_str){NULL, 0};
    return pb_printf(a, "%.*s.%.*s", PB_ARG(d->name.parts[0].text), PB_ARG(d->name.parts[1].text));
}

static bool make_use(pb_arena *a, const reach_use *r, policy_use *u) {
    pb_str name = r->call->u.call.aws;
    uint32_t dot = 0;
    while (dot < name.n && name.s[dot] != '.') dot++;
    *u = (policy_use){.service = {name.s, dot}, .effect = r->call->u.call.effect};
    u->operation = (pb_str){name.s + dot + 1, name.n > dot ? name.n - dot - 1 : 0};
    if (r->builtin) u->inside = action_name(a, r->in);
    return fill_args(a, r->call, u);
}

bool aws_policy_program(pb_arena *a, ast_program *p, diag_list *diags, pb_str playbook, const aws_policy_place *place,
                        size_t *calls, pb_str *json, pb_str *err) {
    const reach_use *reached;
    uint32_t playbooks;
    size_t n = 0, ngrants = 0;
    *json = *err = (pb_str){NULL, 0};
    *calls = 0;
    if (!reach_aws(p, diags, playbook, &reached, &playbooks)) return false;
    if (playbook.s && !playbooks) {
        *err = pb_printf(a, "there is no playbook `%.*s` in these files", PB_ARG(playbook));
        return false;
    }
    *calls = count_calls(reached);
    policy_use *uses = pb_alloc_array(a, *calls + 1, sizeof *uses);
    for (const reach_use *r = reached; r && uses; r = r->next)
        if (!make_use(a, r, &uses[n++])) return false;
    policy_grant *grants = uses ? policy_grants(a, uses, n, place, &ngrants) : NULL;
    if (grants) *json = policy_pretty(a, grants, ngrants);
    return json->s != NULL;
}
