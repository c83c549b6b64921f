/*
 * check.c - what the checker leaves in the tree for codegen, what it asks of a schema, and memory running out.
 * What it says about mistakes is tested beside the code: tests/lang/bad/check_*.pb.
 */
#include "tests/lib/check.h"
#include "lang/compile.h"
#include "lang/types.h"
#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"

typedef struct world {
    pb_arena *arena;
    diag_list *diags;
    ast_program *program;
    bool ok;
} world;

static world check_source_text(const char *text, const pb_schema *schema, const builtin_source *builtins, size_t n) {
    world w = {.arena = pb_arena_new(0)};
    w.diags = diag_new(w.arena);
    w.program = parse_text(w.arena, w.diags, builtins, n, "t.pb", text, strlen(text));
    w.ok = w.program && !diag_count(w.diags, DIAG_ERROR) && check_program(w.program, schema, w.diags);
    return w;
}

static world check_text(const char *text) { return check_source_text(text, aws_schema(), NULL, 0); }

static void say(world *w) {
    pb_buf out = {0};
    diag_render(w->diags, w->program ? w->program->sources : NULL, DIAG_TEXT, false, &out);
    if (out.data && *out.data) fprintf(stderr, "%s", out.data);
    pb_buf_free(&out);
}

static ast_decl *find(world *w, const char *name) {
    for (ast_file *f = w->program->files; f; f = f->next)
        for (ast_decl *d = f->decls; d; d = d->next)
            if (d->name.n && pb_str_is(d->name.parts[d->name.n - 1].text, name)) return d;
    return NULL;
}

static void type_is(world *w, const pb_type *t, const char *want) {
    pb_str s = t ? type_text(w->arena, t) : PB_STR("(null)");
    CHECK_STR(s.s, want);
}

static const char rich[] =
    "type Pair { key: string  value: string? }\n"
    "event my.alert { source \"a\" schema { id: string  user: string?  n: int?  tags: list[Pair]?  extra: json? } id "
    "\"id\" }\n"
    "param channel: string = \"x\"\n"
    "fn pick(xs: list[Pair], key: string, other: string = \"none\"): string =\n"
    "  [p.value for p in xs if p.key == key and p.value exists].first() ?? other\n"
    "action team.find(id: string): { found: bool, name: string? } read on id {\n"
    "  let r = aws.ec2.DescribeInstances(InstanceIds: [id], Filters: [{ Name: \"vpc-id\", Values: [\"v\"] }])\n"
    "  for x in r.Reservations { if x.OwnerId == \"1\" { return { found: true, name: x.OwnerId } } }\n"
    "  return { found: false, name: none }\n"
    "}\n"
    "action team.mark(id: string, tags: map[string] = {}): bool contain on id {\n"
    "  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: k, Value: tags[k] } for k in tags.keys()])\n"
    "  verify team.find(id).found within 5s else \"no ${id}\"\n"
    "  return true\n"
    "} undo { do aws.ec2.DeleteTags(Resources: [id], Tags: [{ Key: k } for k in tags.keys()]) }\n"
    "playbook p {\n"
    "  version \"1.0.0\" summary \"s\" owner \"o\" tier auto controls [\"c\"]\n"
    "  when my.alert as a\n"
    "  where a.user matches \"^[a-z]+$\" and a.n > 3\n"
    "  on failure { record { failed: error.message } }\n"
    "  let who = team.find(a.user)\n"
    "  do team.mark(tags: { Owner: who.name ?? \"nobody\" }, id: a.user) as marked timeout 5s retry 2 else { stop "
    "error.message }\n"
    "  parallel { do team.mark(\"a\") as one  let two = pick(a.tags ?? [], \"k\") }\n"
    "  let user = a.extra.user as string\n"
    "  record { ok: marked and one, two: two, n: a.n, user: user, now: run.region, c: channel }\n"
    "}\n"
    "playbook decides {\n"
    "  version \"1.0.0\" summary \"s\" owner \"o\" tier approve controls [\"c\"]\n"
    "  dedupe by e.id within 1h  limit 5 per 1h else approve  concurrency 2  timeout 1d\n"
    "  when my.alert as e\n"
    "  on failure undo\n"
    "  let seen = team.find(e.id)\n"
    "  wait 5m\n"
    "  approve \"End ${e.id}?\" via slack channel by group \"g\" by person \"alice\" quorum 2 within 30m\n"
    "    escalate to group \"h\" after 10m {\n"
    "    do team.mark(id: \"i-1\")\n    record { seen: seen.found }\n  } denied { }\n"
    "  authorize \"change\" because \"CHG-${e.id}\"\n"
    "  record { b: e.id }\n"
    "}\n"
    "guard g {\n"
    "  on team.mark as act\n  where act.args.id == \"x\" and team.find(act.args.id).found\n"
    "  deny \"${act.action}: no\" unless authorized \"change\"\n"
    "}\n"
    "site {\n"
    "  store \"sqlite:///x\"  alerts channel  person \"alice\" { login: \"a\" }  group \"g\" { people: [\"alice\", \"bob\"] }\n"
    "  person \"bob\" { slack: \"U1\" }  group \"h\" { slack_group: \"S1\" }  approvals { by: \"g\" within: 1h quorum: 2 }\n"
    "}\n";

static const char wrong[] =
    "type Node { node: Node }\n"
    "fn a(n: int): int = b(n, n)\n"
    "fn b(n: int): int = a(\"x\") + c(m: 1) + aws.ec2.describeInstances().x\n"
    "fn b(s: string): string = s.lowr() + 5\n"
    "param p: map[int] = { \"a\": \"b\", \"a\": 1 }\n"
    "action x.y(a: int, a: int): Nod read on z { do aws.ec2.CreateTags(Resource: [], Tags: [{ Keyy: 1 }]) }\n"
    "playbook q { tierr auto  version \"x\"  when no.event as e  where e.x  let u = e.y  do "
    "aws.ec2.CreateVolume(VolumeType: \"gp9\") as v\n"
    "  parallel { let w = 1  let k = w }  if 1 == \"a\" or e.z == none { stop 5 }  wait 5m  record { a: u, a: [1, "
    "\"x\"] } }\n";

/* Something for every analysis: contradictions, unknown types, unused things, places, event text, evidence, guards, overlaps,
 * allowed warnings. Warnings only. */
static const char analysed[] =
    "param unused: string = \"x\"\ntype T { a: string }\nfn left(s: string, n: int): string = s\n"
    "event test.e { source \"t\"  detail_type \"t\"  schema E  id \"id\"  threat \"kind\" }\n"
    "type E { id: string  kind: string  n: int  user: string?  tags: list[string] }\n"
    "site { slack { channels: [\"#a\"] } }\n"
    "guard g { on aws.ec2.* as x  where x.account == \"1\"  deny \"no\" }\n"
    "action t.mark(id: string, note: string): { changed: bool } contain on id {\n"
    "  if not (id matches \"^i-[0-9a-f]+$\") { fail note }\n"
    "  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: \"a\", Value: note }])\n  return { changed: true }\n"
    "} undo none \"x\"\n"
    "playbook a { version \"1.0.0\" summary \"s\" owner \"o\" tier approve controls [\"c\"]\n  when test.e as e\n"
    "  where e.n > 5 and e.kind like \"a*\" and (e.n < 3 or e.kind in [\"ab\", \"b\"])\n  where e.n >= 6\n  where e.user exists\n"
    "  let u = e.user\n  if e.user == \"x\" and u like \"y*\" { stop \"never\" }\n"
    "  do t.mark(e.id, \"123456789012\") as r  # pbc: allow PB0614, PB0622 \"a test\"\n"
    "  parallel {\n    do t.mark(e.id, \"b\")\n    do aws.ssm.SendCommand(DocumentName: \"CaptureMemory\")\n  }\n"
    "  let ts = [t for t in e.tags if t == \"a\" and t == \"b\"]\n  authorize \"x\" because \"y\"\n"
    "  if ts.size() > 0 { do aws.ec2.CreateTags(Resources: ts, Tags: []) }\n  record { a: e.id } }\n"
    "playbook b { version \"1.0.0\" summary \"s\" owner \"o\" tier auto controls [\"c\"]\n  when test.e as e\n"
    "  where e.n > 7 and e.kind like \"a*\"\n  do t.mark(e.id, \"c\")\n  record { a: e.id } }\n";

/* Everything that a test can give and expect. */
static const char tests[] =
    "event my.alert { source \"my\"  detail_type \"a\"  schema Alert }\n"
    "type Alert { id: string  n: int?  owner: Owner? }\ntype Owner { name: string? }\n"
    "param channel: string = \"#x\"\n"
    "action team.mark(id: string, tags: map[string] = {}): bool contain on id {\n"
    "  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: k, Value: tags[k] } for k in tags.keys()])\n  return true\n"
    "} undo none \"x\"\n"
    "guard no_marks { on team.mark as act  where act.args.id == \"x\"  deny \"no\" }\n"
    "playbook p { version \"1.0.0\" summary \"s\" owner \"o\" tier auto controls [\"c\"]\n  when my.alert as e\n  where e.id matches \"^[a-z]+$\"\n"
    "  do team.mark(e.id, { Channel: channel })\n  record { a: e.id } }\n"
    "test \"all of it\" for p {\n"
    "  given event \"e.json\" with { id: \"e\", detail.id: vm.ReservationId ?? \"r\", detail.n: none, detail.owner.name: \"x\" }\n"
    "  given event { source: \"my\" }\n"
    "  given { do aws.ec2.RunInstances(MinCount: 1, MaxCount: 1) as vm  let _t = aws.ec2.DescribeTags() }\n"
    "  given param channel = \"#y\"\n  given fault aws.ec2.CreateTags \"Code\" times 2\n  given kill_switch on\n  given chat down\n"
    "  given approval by \"alice\"\n  given denial by \"bob\"\n  given crash at each step\n  after 31m\n"
    "  expect outcome done\n  expect do team.mark(\"e\", tags: { a: \"b\" })\n  expect no do team.mark\n"
    "  expect do aws.ec2.CreateTags(Resources: [vm.ReservationId ?? \"r\"])\n  expect denied by no_marks\n"
    "  expect run.playbook == \"p\" and (evidence.a as string) like \"x*\" and vm.ReservationId exists\n"
    "  expect not (run.dry_run)\n  given event \"e.json\"\n}\n";

/* The one built-in source that tests need. */
static builtin_source testing_library(void) {
    size_t n;
    const builtin_source *all = stdlib_sources(&n);
    while (n && strcmp(all->path, "<stdlib>/testing/test.pb") != 0) all++, n--;
    return n ? *all : (builtin_source){"", "", 0};
}

/* The n-th allocation and all later ones fail, for every n. Never a crash, and never a yes that is none. */
static bool every_allocation(const char *text, bool want) {
    for (size_t n = 1; n < 100000; n++) {
        pb_arena *a = pb_arena_new(0);
        diag_list *diags = diag_new(a);
        builtin_source library = testing_library();
        ast_program *p = parse_text(a, diags, &library, text == tests, "t.pb", text, strlen(text));
        pb_arena_fail_after(a, n);
        bool ok = p && check_program(p, aws_schema(), diags), failed = pb_arena_failed(a);
        pb_arena_free(a);
        if (failed && ok) return false;
        if (!failed) return ok == want;
    }
    return false;
}

static const ast_decl *playbook_of(const ast_program *p) {
    for (const ast_file *f = p->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next)
            if (d->kind == DECL_PLAYBOOK) return d;
    return NULL;
}

/* The same for making the image of a playbook with its tests. */
static bool every_allocation_of_tests(void) {
    builtin_source library = testing_library();
    for (size_t n = 1; n < 100000; n++) {
        pb_arena *a = pb_arena_new(0);
        diag_list *diags = diag_new(a);
        pb_buf image = {0};
        ast_program *p = parse_text(a, diags, &library, 1, "t.pb", tests, strlen(tests));
        bool ok = p && check_program(p, aws_schema(), diags);
        pb_arena_fail_after(a, n);
        ok = ok && codegen_tests(p, diags, playbook_of(p), NULL, &image);
        bool failed = pb_arena_failed(a);
        pb_buf_free(&image);
        pb_arena_free(a);
        if (failed && ok) return false;
        if (!failed) return ok;
    }
    return false;
}

static void test_calls(world *w) {
    ast_decl *p = find(w, "p"), *mark = find(w, "mark");
    const ast_stmt *s = p->body->next->next->next; /* where, on failure, let, do */
    CHECK(s->kind == STMT_DO);
    const ast_expr *call = s->expr;
    CASE("named arguments and defaults are in the order of the parameters") {
        CHECK(call->u.call.kind == CALL_ACTION && call->u.call.decl == mark && call->u.call.effect == PB_CONTAIN);
        CHECK(call->u.call.nresolved == 2);
        CHECK(call->u.call.resolved[0]->kind == EXPR_FIELD && call->u.call.resolved[1]->kind == EXPR_MAP);
        const ast_expr *branch = s->next->body->expr;
        CHECK(branch->u.call.resolved[1] == mark->params->next->init);
    }
    CASE("a map literal takes the type that is wanted") { type_is(w, call->u.call.resolved[1]->type, "map[string]"); }
    CASE("narrowing shows in the types of paths") {
        type_is(w, call->u.call.resolved[0]->type, "string");
        type_is(w, find(w, "alert")->ty->fields->next->type, "string?");
    }
    CASE("an else that leaves makes the result certain") {
        CHECK(s->local && !s->local->type->optional && s->error_local);
    }
    CASE("an operation is known by service and name, with its effect") {
        const ast_expr *aws = find(w, "find")->body->expr;
        CHECK(aws->u.call.kind == CALL_AWS && pb_str_is(aws->u.call.aws, "ec2.DescribeInstances") &&
              aws->u.call.effect == PB_READ);
        type_is(w, aws->type, "aws.ec2.DescribeInstancesResult");
    }
    CASE("a method's receiver comes first") {
        const ast_expr *first = find(w, "pick")->expr->u.binary.left;
        CHECK(first->u.call.kind == CALL_BUILTIN && first->u.call.nresolved == 1);
        CHECK(first->u.call.resolved[0]->kind == EXPR_COMP);
        type_is(w, first->type, "string?");
    }
    CASE("effects and locals of bodies") {
        CHECK(p->inferred == PB_CONTAIN && find(w, "find")->inferred == PB_READ);
        CHECK(p->event_local->id == 0 && p->nlocals > 5 && find(w, "pick")->nlocals == 4);
    }
}

/* Every local of a body has a number of its own below nlocals. */
static void test_ids(world *w) {
    CASE("locals are numbered without gaps or doubles") {
        const ast_decl *d = find(w, "pick");
        uint32_t seen = 0;
        for (const ast_field *f = d->params; f; f = f->next) seen |= 1u << f->local->id;
        seen |= 1u << d->expr->u.binary.left->u.call.resolved[0]->u.comp.local->id;
        CHECK(seen == 15);
    }
}

static void test_nearest(void) {
    CASE("without a schema no service is known, and nothing breaks") {
        world w = check_source_text("action a.b() read { do aws.ec2.DescribeInstances() }", NULL, NULL, 0);
        CHECK(!w.ok && diag_count(w.diags, DIAG_ERROR) == 1);
        pb_arena_free(w.arena);
    }
    CASE("AWS structures of events go by their wire names") {
        world w =
            check_text("event g.f { source \"aws.guardduty\" schema aws.guardduty.Finding id \"id\" threat \"type\" }\n"
                       "event s.f { source \"aws.securityhub\" schema aws.securityhub.AwsSecurityFinding id \"Id\" }");
        say(&w);
        CHECK(w.ok);
        pb_arena_free(w.arena);
    }
}

static void test_types(world *w) {
    type_store *s = type_store_new(w->arena, aws_schema());
    CASE("types with the same parts are the same") {
        pb_type *str = type_simple(s, TYPE_STRING);
        CHECK(type_list(s, str) == type_list(s, str) && type_opt(s, type_map(s, str)) == type_opt(s, type_map(s, str)));
        CHECK(type_opt(s, type_opt(s, str)) == type_opt(s, str) && type_base(type_opt(s, str)) == str);
        CHECK(type_list(s, str) != type_list(s, type_opt(s, str)));
    }
    CASE("what fits where") {
        pb_type *str = type_simple(s, TYPE_STRING), *i = type_simple(s, TYPE_INT), *json = type_simple(s, TYPE_JSON);
        CHECK(type_fits(s, i, type_simple(s, TYPE_FLOAT)) == FIT_OK &&
              type_fits(s, type_simple(s, TYPE_FLOAT), i) == FIT_OTHER);
        CHECK(type_fits(s, type_opt(s, str), str) == FIT_MAYBE_ABSENT && type_fits(s, str, type_opt(s, str)) == FIT_OK);
        CHECK(type_fits(s, str, type_simple(s, TYPE_ARN)) == FIT_NEEDS_MAKING &&
              type_fits(s, type_simple(s, TYPE_ARN), str) == FIT_OK);
        CHECK(type_fits(s, json, str) == FIT_JSON && type_fits(s, type_list(s, str), json) == FIT_OK);
        CHECK(type_fits(s, type_simple(s, TYPE_SECRET), str) == FIT_SECRET);
        CHECK(type_fits(s, type_list(s, type_simple(s, TYPE_SECRET)), json) == FIT_SECRET);
        CHECK(type_fits(s, type_list(s, i), type_list(s, type_simple(s, TYPE_FLOAT))) == FIT_OK);
    }
    CASE("shapes that contain themselves end") {
        const pb_schema *schema = aws_schema();
        schema_service service = schema->service_find(schema->ctx, PB_STR("dynamodb"));
        schema_shape shape = schema->shape_find(schema->ctx, service, PB_STR("AttributeValue"));
        pb_type *t = type_of_shape(s, PB_STR("dynamodb"), shape, false), *list = type_member(s, t, PB_STR("L"));
        CHECK(t->kind == TYPE_SHAPE && list && type_base(list)->elem == t);
    }
}

/* 18 types, each with three fields of the one before: 3^18 parts when written out. */
static void test_shared_parts(void) {
    char text[4096];
    size_t n = 0;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 18; i++)
            n += (size_t)snprintf(text + n, sizeof text - n,
                                  i ? "type %c%d { a: %c%d b: %c%d c: %c%d }\n" : "type %c%d { a: int }\n", 'S' + round,
                                  i, 'S' + round, i - 1, 'S' + round, i - 1, 'S' + round, i - 1);
    snprintf(text + n, sizeof text - n,
             "fn f(x: S17): T17 = x\nfn g(s: secret, x: S17): string = json_text({ x: x, s: s })\n");
    CASE("types that share their parts many times over cost no time") {
        world w = check_text(text);
        CHECK(!w.ok && diag_count(w.diags, DIAG_ERROR) >= 1);
        pb_arena_free(w.arena);
    }
}

static void test_stdlib(void) {
    size_t n = 0;
    const builtin_source *b = stdlib_sources(&n);
    CASE("the standard library gives no diagnostic at all") {
        world w = check_source_text("", aws_schema(), b, n);
        say(&w);
        CHECK(w.ok && diag_count(w.diags, DIAG_WARNING) == 0);
        pb_arena_free(w.arena);
    }
}

int main(void) {
    world w = check_text(rich);
    CASE("a rich program checks") {
        say(&w);
        CHECK(w.ok && diag_count(w.diags, DIAG_WARNING) == 0);
    }
    if (w.ok) {
        test_calls(&w);
        test_ids(&w);
    }
    test_types(&w);
    pb_arena_free(w.arena);
    test_nearest();
    test_shared_parts();
    CASE("memory may run out at every allocation of a good program") { CHECK(every_allocation(rich, true)); }
    CASE("memory may run out at every allocation of the analyses") { CHECK(every_allocation(analysed, true)); }
    CASE("memory may run out at every allocation of a test") { CHECK(every_allocation(tests, true)); }
    CASE("memory may run out at every allocation of a test's code") { CHECK(every_allocation_of_tests()); }
    CASE("memory may run out at every allocation of a wrong program") { CHECK(every_allocation(wrong, false)); }
    test_stdlib();
    return check_done();
}
