/*
 * approval.c - the rules of approvals: what an approval is bound to, who may decide it, and every way to cheat; signed
 * links and their pages. Against a real store.
 */
#include "vm/approval.h"
#include "tests/lib/check.h"
#include "vm/approval_link.h"

#include <stdlib.h>
#include <unistd.h>

static pb_arena *arena;
static store *st;
static char dir[64];

enum { NOW = 1000000000, MINUTE = 60000 };

static pb_value J(const char *text) {
    pb_value v = PB_NONE_VALUE;
    pb_str err = {0};
    if (!pb_json_parse(arena, text, strlen(text), &v, &err)) printf("# %.*s\n", PB_ARG(err));
    return v;
}

/* ---- a site ---- */

static pb_str alice_arns[] = {{"arn:aws:iam::123456789012:user/alice", 36}};
static pb_str bob_arns[] = {{"arn:aws:iam::123456789012:role/Responder", 40}};
static site_person people[] = {
    {PB_STR("alice"), PB_STR("U0ALICE"), PB_STR("alice"), PB_STR("alice@example.com"), {alice_arns, 1}},
    {PB_STR("bob"), PB_STR("U0BOB"), PB_STR("bobby"), PB_STR("bob@example.com"), {bob_arns, 1}},
    {PB_STR("bob2"), PB_STR("U0BOB2"), PB_STR("bob2"), PB_STR("BOB@example.com"), {NULL, 0}},
    {PB_STR("carol"), PB_STR("U0CAROL"), PB_STR("carol"), PB_STR("carol@example.com"), {NULL, 0}},
    {PB_STR("dave"), PB_STR("U0DAVE"), PB_STR("dave"), PB_STR("dave@example.com"), {NULL, 0}},
    {PB_STR("erin"), PB_STR("U0ERIN"), PB_STR("erin"), PB_STR("erin@example.com"), {NULL, 0}},
};
static pb_str oncall[] = {PB_STR("alice"), PB_STR("bob"), PB_STR("bob2"), PB_STR("carol")}, leads[] = {PB_STR("dave")};
static site_group groups[] = {
    {PB_STR("oncall"), {"", 0}, {oncall, 4}},
    {PB_STR("leads"), {"", 0}, {leads, 1}},
    {PB_STR("slackers"), PB_STR("S0123"), {NULL, 0}},
};
static pb_site site;

static void make_site(void) {
    site = (pb_site){.people = people, .groups = groups, .npeople = 6, .ngroups = 3};
    site.serve.url = PB_STR("https://pb.example.com");
    site.serve.link_secret = (pb_value){.kind = PB_SECRET, .n = 32, .u.s = "0123456789abcdef0123456789abcdef"};
}

/* ---- approvals in a store ---- */

static int counter;

static approval_question question(const char *by, const char *escalate, uint32_t quorum) {
    approval_question q = {
        .run = pb_printf(arena, "run-%d", ++counter), .step = PB_STR("3"), .image = PB_STR("aa"), .round = 1};
    pb_str err = {0};
    q.question = PB_STR("Terminate i-1?");
    q.block = PB_STR("x.pb:10 00ff");
    q.values = J("{\"i\":{\"id\":\"i-1\",\"tags\":{\"Owner\":\"a\"}}}");
    q.state = J("{\"i\":{\"state\":\"running\",\"ips\":[1,2]}}");
    q.excluded = J("[]");
    q.quorum = quorum;
    q.within_ms = 30 * MINUTE;
    CHECK(approval_people(&site, J(by), arena, &q.by, &err));
    CHECK(approval_people(&site, J(escalate), arena, &q.escalate, &err));
    return q;
}

static store_approval asked(const approval_question *q) {
    store_approval apr;
    store_run r = {.id = q->run, .playbook = PB_STR("p"), .image = PB_STR("aa")};
    store_admitted why;
    pb_str other, err = {0};
    CHECK(store_run_begin(st, &r, NULL, false, PB_STR("me"), NOW, arena, &why, &other) == STORE_OK);
    CHECK(approval_make(q, NULL, NOW, arena, &apr, &err));
    CHECK(store_approval_put(st, &apr) == STORE_OK);
    return apr;
}

static store_approval ask_oncall(uint32_t quorum) {
    approval_question q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]", "[]", quorum);
    return asked(&q);
}

static approval_answer answer(const store_approval *apr, const char *slack, bool grant) {
    return (approval_answer){.grant = grant,
                             .kind = APPROVAL_BY_SLACK,
                             .who = pb_str_c(slack),
                             .via = PB_STR("slack"),
                             .binding = apr->binding,
                             .arena = arena,
                             .now = NOW + MINUTE};
}

/* "granted", "open 1/2", "denied", or "refused: why". */
static const char *told(const store_approval *apr, approval_answer *q) {
    store_result r = approval_decide(st, apr->id, q);
    if (r != STORE_OK) return pb_printf(arena, "none: %.*s", PB_ARG(q->why)).s;
    if (!q->taken) return pb_printf(arena, "refused: %.*s", PB_ARG(q->why)).s;
    if (pb_str_is(q->state, "open")) return pb_printf(arena, "open %u/%u", q->grants, q->quorum).s;
    return pb_printf(arena, "%.*s", PB_ARG(q->state)).s;
}

static const char *says(const store_approval *apr, const char *slack, bool grant) {
    approval_answer q = answer(apr, slack, grant);
    return told(apr, &q);
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }
static bool holds(const char *text, const char *part) { return strstr(text, part) != NULL; }

#define CHECK_REFUSED(text, part) \
    do { \
        const char *t_ = (text); \
        CHECK(begins(t_, "refused: ")); \
        CHECK(holds(t_, part)); \
        if (!holds(t_, part)) printf("# %s\n", t_); \
    } while (0)

/* The newest decision as it is in the store. */
static store_decision last_of(const store_approval *apr) {
    store_decision *d = NULL;
    uint32_t n = 0;
    CHECK(store_decisions(st, apr->id, arena, &d, &n) == STORE_OK && n > 0);
    return n ? d[n - 1] : (store_decision){0};
}

static store_approval now_of(const store_approval *apr) {
    store_approval out = {0};
    CHECK(store_approval_get(st, apr->id, arena, &out) == STORE_OK);
    return out;
}

/* ---- bindings ---- */

static void test_bindings(void) {
    CASE("the binding is over code, values, state, program, run, step and round, whatever the order of keys") {
        approval_question q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]", "[]", 1), p = q;
        pb_str one = approval_binding(arena, &q);
        CHECK(one.n == 64);
        p.values = J("{\"i\":{\"tags\":{\"Owner\":\"a\"},\"id\":\"i-1\"}}");
        CHECK(pb_str_eq(approval_binding(arena, &p), one));
#define OTHER(member, value) \
    do { \
        p = q; \
        p.member = value; \
        CHECK(!pb_str_eq(approval_binding(arena, &p), one)); \
    } while (0)
        OTHER(values, J("{\"i\":{\"id\":\"i-2\",\"tags\":{\"Owner\":\"a\"}}}"));
        OTHER(state, J("{\"i\":{\"state\":\"running\",\"ips\":[2,1]}}"));
        OTHER(state, J("{\"i\":{\"state\":\"stopped\",\"ips\":[1,2]}}"));
        OTHER(block, PB_STR("x.pb:10 00fe"));
        OTHER(image, PB_STR("ab"));
        OTHER(run, PB_STR("run-other"));
        OTHER(step, PB_STR("4"));
        OTHER(round, 2);
#undef OTHER
    }
    CASE("parts cannot run into each other") {
        approval_question q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]", "[]", 1), p = q;
        q.run = PB_STR("ab"), q.step = PB_STR("c");
        p.run = PB_STR("a"), p.step = PB_STR("bc");
        CHECK(!pb_str_eq(approval_binding(arena, &p), approval_binding(arena, &q)));
    }
    CASE("ids have one form and follow from run, step and round") {
        pb_str id = approval_id(arena, PB_STR("run-1"), PB_STR("3"), 1);
        CHECK(id.n == 30 && memcmp(id.s, "apr-", 4) == 0);
        CHECK(pb_str_eq(id, approval_id(arena, PB_STR("run-1"), PB_STR("3"), 1)));
        CHECK(!pb_str_eq(id, approval_id(arena, PB_STR("run-1"), PB_STR("3"), 2)));
        CHECK(!pb_str_eq(id, approval_id(arena, PB_STR("run-1"), PB_STR("31"), 1)));
        CHECK(!pb_str_eq(id, approval_id(arena, PB_STR("run-2"), PB_STR("3"), 1)));
    }
    CASE("what has changed is told in lines") {
        pb_value a = J("{\"i\":{\"state\":\"running\",\"tags\":{\"Owner\":\"a\",\"X\":1},\"n\":[1,2]}}");
        pb_value b = J("{\"i\":{\"state\":\"stopped\",\"tags\":{\"Owner\":\"a\",\"Y\":null},\"n\":[1,3]}}");
        pb_str text = pb_json_text(arena, approval_changes(arena, a, b));
        CHECK_STR(text.s, "[\"i.state was \\\"running\\\", is \\\"stopped\\\"\",\"i.tags.X was 1, is "
                          "nothing\",\"i.n[1] was 2, is 3\"]");
        CHECK(approval_changes(arena, a, a).n == 0);
    }
}

/* ---- deciding ---- */

static void test_deciding(void) {
    CASE("one of the group grants; the run is told") {
        store_approval apr = ask_oncall(1);
        CHECK_STR(says(&apr, "U0ALICE", true), "granted");
        CHECK(pb_str_is(now_of(&apr).state, "granted"));
        CHECK(pb_str_is(last_of(&apr).person, "alice") && pb_str_is(last_of(&apr).verdict, "grant"));
    }
    CASE("a quorum of two takes two people; one denial decides") {
        store_approval apr = ask_oncall(2);
        CHECK_STR(says(&apr, "U0ALICE", true), "open 1/2");
        CHECK_STR(says(&apr, "U0CAROL", true), "granted");
        apr = ask_oncall(3);
        CHECK_STR(says(&apr, "U0ALICE", true), "open 1/3");
        CHECK_STR(says(&apr, "U0BOB", false), "denied");
        CHECK_REFUSED(says(&apr, "U0CAROL", true), "decided already: denied");
    }
    CASE("who has granted may still deny") {
        store_approval apr = ask_oncall(2);
        CHECK_STR(says(&apr, "U0ALICE", true), "open 1/2");
        CHECK_STR(says(&apr, "U0ALICE", false), "denied");
    }
    CASE("a reason is kept, cut to a length") {
        store_approval apr = ask_oncall(1);
        approval_answer q = answer(&apr, "U0ALICE", false);
        char *text = pb_alloc(arena, 5000);
        memset(text, 'x', 5000);
        q.reason = (pb_str){text, 5000};
        CHECK_STR(told(&apr, &q), "denied");
        CHECK(now_of(&apr).reason.n == APPROVAL_REASON_MAX);
    }
}

static void test_abuse(void) {
    CASE("a stranger, and somebody of another group") {
        store_approval apr = ask_oncall(1);
        CHECK_REFUSED(says(&apr, "U0MALLORY", true), "belongs to nobody who was asked");
        CHECK_REFUSED(says(&apr, "U0DAVE", true), "nobody who was asked");
        CHECK_REFUSED(says(&apr, "", true), "nobody who was asked");
        CHECK(pb_str_is(now_of(&apr).state, "open"));
        CHECK(pb_str_is(last_of(&apr).verdict, "refused"));
    }
    CASE("the same person twice, by two channels, by two entries of the site") {
        store_approval apr = ask_oncall(2);
        CHECK_STR(says(&apr, "U0BOB", true), "open 1/2");
        CHECK_REFUSED(says(&apr, "U0BOB", true), "granted it already");
        approval_answer q = answer(&apr, "bobby", true);
        q.kind = APPROVAL_BY_LOGIN;
        CHECK_REFUSED(told(&apr, &q), "granted it already");
        CHECK_REFUSED(says(&apr, "U0BOB2", true), "granted it already"); /* has bob's mail address */
        CHECK(pb_str_is(now_of(&apr).state, "open"));
    }
    CASE("an answer after expiry; the approval is then expired") {
        store_approval apr = ask_oncall(1);
        approval_answer q = answer(&apr, "U0ALICE", true);
        q.now = apr.expires;
        CHECK_REFUSED(told(&apr, &q), "expired at");
        CHECK(pb_str_is(now_of(&apr).state, "expired") && now_of(&apr).decided == apr.expires);
        CHECK_REFUSED(says(&apr, "U0ALICE", true), "expired at");
        apr = ask_oncall(1);
        q = answer(&apr, "U0ALICE", true);
        q.now = apr.expires - 1;
        CHECK_STR(told(&apr, &q), "granted");
    }
    CASE("an answer to something else: another binding, a part of one that is too short") {
        store_approval apr = ask_oncall(1), other = ask_oncall(1);
        approval_answer q = answer(&other, "U0ALICE", true);
        CHECK_REFUSED(told(&apr, &q), "something else");
        q.binding = (pb_str){apr.binding.s, APPROVAL_PREFIX - 1};
        CHECK_REFUSED(told(&apr, &q), "something else");
        q.binding = (pb_str){"", 0};
        CHECK_REFUSED(told(&apr, &q), "something else");
        q.binding = (pb_str){apr.binding.s, APPROVAL_PREFIX};
        CHECK_STR(told(&apr, &q), "granted");
    }
    CASE("an answer after drift") {
        store_approval apr = ask_oncall(1);
        apr.state = PB_STR("void");
        apr.reason = PB_STR("what was asked about has changed");
        CHECK(store_approval_put(st, &apr) == STORE_OK);
        CHECK_REFUSED(says(&apr, "U0ALICE", true), "has changed");
    }
    CASE("what a run asked for when it ended otherwise is void") {
        store_approval apr = ask_oncall(1);
        store_run r = {0};
        CHECK(store_run_get(st, apr.run, arena, &r) == STORE_OK);
        r.status = RUN_ENDED;
        CHECK(store_run_leave(st, &r, NOW + 1) == STORE_OK);
        CHECK(pb_str_is(now_of(&apr).state, "void"));
        CHECK_REFUSED(says(&apr, "U0ALICE", true), "void: its run has ended");
    }
    CASE("an answer to an approval that is not there") {
        store_approval apr = {.id = PB_STR("apr-00000000000000000000000000"), .binding = PB_STR("00")};
        CHECK(begins(says(&apr, "U0ALICE", true), "none: there is no such approval"));
    }
    CASE("what cannot be authenticated never counts, is recorded with its reason, and only so often") {
        store_approval apr = ask_oncall(1);
        for (int i = 0; i < APPROVAL_FORGED_MAX + 5; i++) {
            approval_answer q = answer(&apr, "U0ALICE", true);
            q.forbidden = PB_STR("the signature is not Slack's");
            q.claimed = true;
            CHECK_REFUSED(told(&apr, &q), "not Slack's");
        }
        CHECK(pb_str_is(last_of(&apr).person, "somebody who claims to be U0ALICE"));
        store_decision *d;
        uint32_t n = 0;
        CHECK(store_decisions(st, apr.id, arena, &d, &n) == STORE_OK && n == APPROVAL_FORGED_MAX);
        CHECK_STR(says(&apr, "U0ALICE", true), "granted"); /* and does not keep the others out */
    }
    CASE("two entries of the site with one Slack id: nobody can tell who it is") {
        site_person twins[] = {people[0], people[3]};
        pb_str names[] = {PB_STR("alice"), PB_STR("carol")};
        site_group g = {PB_STR("oncall"), {"", 0}, {names, 2}};
        pb_site both = {.people = twins, .groups = &g, .npeople = 2, .ngroups = 1};
        twins[1].slack = twins[0].slack;
        pb_site kept = site;
        site = both;
        store_approval apr = ask_oncall(1);
        site = kept;
        CHECK_REFUSED(says(&apr, "U0ALICE", true), "two people");
    }
}

/* The principal of the event, by each of its names. */
static void test_principals(void) {
    static const struct {
        const char *excluded, *user;
        bool may;
    } table[] = {
        {"[\"arn:aws:iam::123456789012:user/alice\"]", "U0ALICE", false},
        {"[\"alice\"]", "U0ALICE", false},
        {"[\"ALICE@example.com\"]", "U0ALICE", false},
        {"[\"arn:aws:sts::123456789012:assumed-role/Admin/alice@example.com\"]", "U0ALICE", false},
        {"[\"AROAEXAMPLE:carol\"]", "U0CAROL", false},
        {"[\"arn:aws:sts::123456789012:assumed-role/Admin/carol\"]", "U0CAROL", false},
        {"[\"arn:aws:iam::123456789012:role/Responder\"]", "U0BOB", false},
        {"[\"U0BOB\"]", "U0BOB", false},
        {"[\"arn:aws:iam::123456789012:user/malice\",\"AIDAEXAMPLE\"]", "U0ALICE", true},
        {"[]", "U0ALICE", true},
    };
    CASE("the principal of the event may not decide, whatever it is called") {
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            approval_question q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]", "[]", 1);
            q.excluded = J(table[i].excluded);
            store_approval apr = asked(&q);
            if (table[i].may)
                CHECK_STR(says(&apr, table[i].user, true), "granted");
            else
                CHECK_REFUSED(says(&apr, table[i].user, true), "principal of the event");
        }
    }
    CASE("principals are found where the declaration says, and where AWS writes them") {
        pb_value guardduty = J("{\"detail\":{\"resource\":{\"accessKeyDetails\":{\"userName\":\"eve\",\"principalId\":"
                               "\"AIDA1\",\"userType\":\"IAMUser\"}}}}");
        pb_value trail = J("{\"detail\":{\"userIdentity\":{\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::1:assumed-"
                           "role/R/eve\",\"sessionContext\":"
                           "{\"sessionIssuer\":{\"arn\":\"arn:aws:iam::1:role/"
                           "R\",\"userName\":\"R\"},\"sourceIdentity\":\"eve@x\"}}}}");
        pb_value own = J("{\"who\":{\"id\":\"eve\"}}");
        pb_str path = PB_STR("who.id");
        CHECK_STR(pb_json_text(arena, approval_principals(arena, guardduty, PB_NONE_VALUE, NULL, 0)).s,
                  "[\"eve\",\"AIDA1\"]");
        CHECK_STR(pb_json_text(arena, approval_principals(arena, trail, PB_NONE_VALUE, NULL, 0)).s,
                  "[\"arn:aws:sts::1:assumed-role/R/eve\",\"eve@x\",\"arn:aws:iam::1:role/R\",\"R\"]");
        CHECK_STR(pb_json_text(arena, approval_principals(arena, own, own, &path, 1)).s, "[\"eve\"]");
    }
    CASE("more principals than are kept: nobody can tell who must not decide; none is passed over however deep it stands") {
        pb_value many[APPROVAL_EXCLUDED_MAX + 1];
        for (uint32_t i = 0; i <= APPROVAL_EXCLUDED_MAX; i++) many[i] = pb_string(pb_printf(arena, "user-%u", i));
        const pb_entry who = {PB_STR("who"), {PB_LIST, APPROVAL_EXCLUDED_MAX + 1, {.items = many}}};
        pb_value event = {PB_MAP, 1, {.entries = &who}};
        const pb_str path = PB_STR("who");
        CHECK(approval_principals(arena, event, event, &path, 1).kind == PB_NONE);
        pb_value deep = J("{\"userIdentity\": {\"userName\": \"eve\"}}");
        for (int i = 0; i < 50; i++) {
            pb_value *v = pb_alloc(arena, sizeof *v);
            *v = deep;
            deep = (pb_value){PB_LIST, 1, {.items = v}};
        }
        CHECK_STR(pb_json_text(arena, approval_principals(arena, deep, PB_NONE_VALUE, NULL, 0)).s, "[\"eve\"]");
    }
}

static void test_groups(void) {
    CASE("escalation: those asked later may answer when their time has come") {
        approval_question q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]",
                                       "[{\"kind\":\"group\",\"name\":\"leads\",\"after\":600000}]", 1);
        store_approval apr = asked(&q);
        CHECK(apr.escalate_at == NOW + 10 * MINUTE && approval_wake(&apr) == apr.escalate_at);
        CHECK_REFUSED(says(&apr, "U0DAVE", true), "asked later");
        approval_answer a = answer(&apr, "U0DAVE", true);
        a.now = NOW + 10 * MINUTE;
        CHECK_STR(told(&apr, &a), "granted");
    }
    CASE("several escalations, one behind the other; none after expiry") {
        approval_question q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]",
                                       "[{\"kind\":\"group\",\"name\":\"leads\",\"after\":1200000},{\"kind\":"
                                       "\"person\",\"name\":\"erin\",\"after\":600000},"
                                       "{\"kind\":\"person\",\"name\":\"dave\",\"after\":3600000}]",
                                       1);
        store_approval apr = asked(&q);
        CHECK(apr.escalate_at == NOW + 10 * MINUTE);
        CHECK(approval_next_escalation(&apr, apr.escalate_at) == NOW + 20 * MINUTE);
        CHECK(approval_next_escalation(&apr, NOW + 20 * MINUTE) == 0);
        CHECK(approval_wake(&apr) == NOW + 10 * MINUTE);
        apr.escalate_at = 0;
        CHECK(approval_wake(&apr) == apr.expires);
    }
    CASE("a Slack user group: its members, if the site knows them") {
        approval_question q = question("[{\"kind\":\"group\",\"name\":\"slackers\"}]", "[]", 1);
        store_approval apr = asked(&q);
        pb_str ids[4];
        CHECK(approval_slack_groups(&apr, NOW, ids, 4) == 1 && pb_str_is(ids[0], "S0123"));
        CHECK_REFUSED(says(&apr, "U0ERIN", true), "cannot be read");
        approval_answer a = answer(&apr, "U0ERIN", true);
        a.members = J("{\"S0123\":[\"U0DAVE\"]}");
        CHECK_REFUSED(told(&apr, &a), "not in the group");
        a.who = PB_STR("U0STRANGER");
        a.members = J("{\"S0123\":[\"U0STRANGER\",\"U0ERIN\"]}");
        CHECK_REFUSED(told(&apr, &a), "belongs to nobody");
        a.who = PB_STR("U0ERIN");
        CHECK_STR(told(&apr, &a), "granted");
    }
    CASE("what cannot be asked is refused when asking") {
        pb_str err = {0};
        pb_value out;
        store_approval apr;
        CHECK(!approval_people(&site, J("[{\"kind\":\"group\",\"name\":\"nobody\"}]"), arena, &out, &err));
        CHECK(holds(err.s, "\"nobody\""));
        CHECK(!approval_people(NULL, J("[{\"kind\":\"group\",\"name\":\"oncall\"}]"), arena, &out, &err));
        approval_question q = question("[{\"kind\":\"group\",\"name\":\"leads\"}]", "[]", 2);
        CHECK(!approval_make(&q, NULL, NOW, arena, &apr, &err) && holds(err.s, "2 people"));
        q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]", "[]", 4); /* bob and bob2 are one */
        CHECK(!approval_make(&q, NULL, NOW, arena, &apr, &err));
        q = question("[{\"kind\":\"group\",\"name\":\"leads\"}]",
                     "[{\"kind\":\"person\",\"name\":\"erin\",\"after\":60000}]", 2);
        CHECK(approval_make(&q, NULL, NOW, arena, &apr, &err));
    }
}

/* ---- links ---- */

static approval_page page_of(pb_str token, bool post, const char *body, int64_t now) {
    approval_page_request q = {
        .post = post, .token = token, .body = pb_str_c(body), .from = PB_STR("192.0.2.1"), .now = now};
    approval_page p = {0};
    CHECK(approval_page_answer(st, &site, &q, arena, &p));
    return p;
}

static pb_str token_of(const store_approval *apr, const char *person) {
    pb_str err = {0}, link = approval_link_make(arena, &site, apr, pb_str_c(person), &err);
    static const char start[] = "https://pb.example.com/approve/";
    CHECK(link.s && begins(link.s, start));
    return link.s ? (pb_str){link.s + sizeof start - 1, link.n - (uint32_t)(sizeof start - 1)} : link;
}

static const char *form_of(approval_page p, const char *verdict) {
    const char *at = p.html.s ? strstr(p.html.s, "name=\"nonce\" value=\"") : NULL;
    CHECK(at != NULL);
    if (!at) return "";
    at += strlen("name=\"nonce\" value=\"");
    return pb_printf(arena, "nonce=%.*s&reason=why+not%%3f&verdict=%s", (int)strcspn(at, "\""), at, verdict).s;
}

static void test_links(void) {
    CASE("a link decides once; a GET never does") {
        store_approval apr = ask_oncall(1);
        pb_str token = token_of(&apr, "alice");
        for (int i = 0; i < 3; i++) CHECK(page_of(token, false, "", NOW + 1).status == 200);
        CHECK(pb_str_is(now_of(&apr).state, "open"));
        approval_page shown = page_of(token, false, "", NOW + 1);
        CHECK(holds(shown.html.s, "Terminate i-1?") && holds(shown.html.s, "<b>alice</b>"));
        approval_page done = page_of(token, true, form_of(shown, "grant"), NOW + 2);
        CHECK(done.status == 200 && pb_str_eq(done.decided_run, apr.run));
        CHECK(pb_str_is(now_of(&apr).state, "granted") && pb_str_is(last_of(&apr).reason, "why not?"));
        CHECK(page_of(token, false, "", NOW + 3).status == 410);
        CHECK(page_of(token, true, form_of(shown, "grant"), NOW + 3).status == 403);
        CHECK(holds(last_of(&apr).reason.s, "used already"));
    }
    CASE("a link is one person's, and used up by a refused answer, too") {
        store_approval apr = ask_oncall(2);
        pb_str token = token_of(&apr, "alice");
        approval_page shown = page_of(token, false, "", NOW + 1);
        CHECK(page_of(token, true, form_of(shown, "grant"), NOW + 2).status == 200);
        CHECK(page_of(token, true, form_of(shown, "grant"), NOW + 3).status == 403);
        pb_str again = token_of(&apr, "alice"); /* the same token */
        CHECK(pb_str_eq(again, token));
        CHECK(pb_str_is(now_of(&apr).state, "open"));
    }
    CASE("forged, bent and foreign tokens") {
        store_approval apr = ask_oncall(1);
        pb_str token = token_of(&apr, "alice");
        char *bent = pb_alloc(arena, token.n + 2);
        approval_page shown = page_of(token, false, "", NOW + 1);
        const char *form = form_of(shown, "grant");
        memcpy(bent, token.s, token.n);
        bent[token.n - 1] = bent[token.n - 1] == 'A' ? 'B' : 'A';
        CHECK(page_of((pb_str){bent, token.n}, true, form, NOW + 2).status == 404);
        CHECK(holds(last_of(&apr).reason.s, "signature is not ours"));
        CHECK(holds(last_of(&apr).person.s, "claims to be alice"));
        CHECK(page_of((pb_str){bent, token.n}, false, "", NOW + 2).status == 404);
        pb_value kept = site.serve.link_secret;
        site.serve.link_secret.u.s = "another secret another secret ab";
        CHECK(page_of(token, true, form, NOW + 2).status == 404);
        site.serve.link_secret = kept;
        CHECK(page_of(PB_STR(""), true, form, NOW).status == 404 &&
              page_of(PB_STR("a.b"), false, "", NOW).status == 404);
        CHECK(pb_str_is(now_of(&apr).state, "open"));
    }
    CASE("a POST that no page of ours has led to, an old page, another site's page") {
        store_approval apr = ask_oncall(1);
        pb_str token = token_of(&apr, "alice");
        approval_page shown = page_of(token, false, "", NOW + 1);
        const char *form = form_of(shown, "grant");
        CHECK(page_of(token, true, "verdict=grant", NOW + 2).status == 403);
        CHECK(holds(last_of(&apr).reason.s, "own page"));
        CHECK(page_of(token, true, "nonce=1.x&verdict=grant", NOW + 2).status == 403);
        CHECK(page_of(token, true, form, NOW + 16 * MINUTE).status == 403);
        CHECK(page_of(token, true, "nonce=%zz&verdict=grant", NOW + 2).status == 400);
        CHECK(page_of(token, true, "verdict=maybe", NOW + 2).status == 400);
        approval_page_request q = {.post = true,
                                   .token = token,
                                   .body = pb_str_c(form),
                                   .origin = PB_STR("https://evil.example"),
                                   .now = NOW + 2};
        approval_page p;
        CHECK(approval_page_answer(st, &site, &q, arena, &p) && p.status == 403);
        CHECK(holds(last_of(&apr).reason.s, "another site"));
        CHECK(pb_str_is(now_of(&apr).state, "open"));
        q.origin = site.serve.url;
        CHECK(approval_page_answer(st, &site, &q, arena, &p) && p.status == 200);
    }
    CASE("an expired link; a link to what has been asked anew") {
        store_approval apr = ask_oncall(1);
        pb_str token = token_of(&apr, "alice");
        approval_page shown = page_of(token, false, "", apr.expires - 1000);
        CHECK(page_of(token, true, form_of(shown, "grant"), apr.expires).status == 410);
        CHECK(holds(last_of(&apr).reason.s, "expired"));
        apr = ask_oncall(1);
        token = token_of(&apr, "alice");
        shown = page_of(token, false, "", NOW + 1);
        apr.binding = pb_printf(arena, "ff%.*s", 62, apr.binding.s);
        CHECK(store_approval_put(st, &apr) == STORE_OK);
        CHECK(page_of(token, true, form_of(shown, "grant"), NOW + 2).status == 403);
        CHECK(holds(last_of(&apr).reason.s, "something else"));
    }
    CASE("what is shown stays text") {
        approval_question q = question("[{\"kind\":\"group\",\"name\":\"oncall\"}]", "[]", 1);
        q.question = PB_STR("<script>alert(1)</script> \"x\" & \xe2\x80\xae'");
        store_approval apr = asked(&q);
        approval_page p = page_of(token_of(&apr, "alice"), false, "", NOW + 1);
        CHECK(holds(p.html.s, "&lt;script&gt;alert(1)&lt;/script&gt; &quot;x&quot; &amp; ?&#39;"));
        CHECK(!holds(p.html.s, "<script"));
    }
    CASE("no link without a secret and an address") {
        store_approval apr = ask_oncall(1);
        pb_site bare = {.people = people, .npeople = 6};
        pb_str err = {0};
        CHECK(!approval_link_make(arena, &bare, &apr, PB_STR("alice"), &err).s && holds(err.s, "link_secret"));
        bare.serve.link_secret = (pb_value){.kind = PB_SECRET, .n = 5, .u.s = "short"};
        CHECK(!approval_link_make(arena, &bare, &apr, PB_STR("alice"), &err).s && holds(err.s, "too short"));
        bare.serve.link_secret = site.serve.link_secret;
        CHECK(!approval_link_make(arena, &bare, &apr, PB_STR("alice"), &err).s && holds(err.s, "url"));
    }
}

static void test_evidence(void) {
    CASE("the evidence has every answer with its reason") {
        store_approval apr = ask_oncall(1);
        says(&apr, "U0MALLORY", true);
        says(&apr, "U0ALICE", false);
        pb_value list = approval_evidence(st, apr.run, arena);
        CHECK(list.kind == PB_LIST && list.n == 1);
        pb_value decisions = pb_path(list, "0.decisions");
        CHECK(decisions.n == 2);
        CHECK(pb_equal(pb_path(decisions, "0.verdict"), pb_string_c("refused")) &&
              pb_path(decisions, "0.reason").n > 20);
        CHECK(pb_equal(pb_path(decisions, "1.verdict"), pb_string_c("deny")));
        CHECK(pb_equal(pb_path(list, "0.state"), pb_string_c("denied")));
        CHECK(approval_evidence(st, PB_STR("run-none"), arena).kind == PB_NONE);
    }
}

int main(void) {
    pb_str err = {0};
    strcpy(dir, "/tmp/pbapproval.XXXXXX");
    if (!mkdtemp(dir)) return 1;
    arena = pb_arena_new(0);
    st = store_open(pb_printf(arena, "%s/s.db", dir).s, arena, &err);
    if (!st) {
        printf("not ok store: %.*s\n", PB_ARG(err));
        return 1;
    }
    make_site();
    test_bindings();
    test_deciding();
    test_abuse();
    test_principals();
    test_groups();
    test_links();
    test_evidence();
    store_close(st);
    unlink(pb_printf(arena, "%s/s.db", dir).s);
    unlink(pb_printf(arena, "%s/s.db-wal", dir).s);
    unlink(pb_printf(arena, "%s/s.db-shm", dir).s);
    rmdir(dir);
    pb_arena_free(arena);
    return check_done();
}
