/*
 * site.c - the site's settings: each form taken and refused, parameters, secrets, people and groups.
 */
#include "vm/site.h"

#include "lang/image_write.h"
#include "tests/lib/check.h"

#include <string.h>

static pb_arena *arena;

typedef struct row {
    const char *section, *name, *key, *text;
    int param; /* 0: none, else the parameter's number + 1 */
} row;

typedef struct site {
    pb_buf image;
    vm_program *program;
    pb_site site;
    pb_str err;
    bool ok;
} site;

static site read_rows(const row *rows, size_t n, const pb_value *params, uint32_t nparams) {
    site s = {.ok = false};
    iw *w = iw_new(arena);
    iw_source(w, PB_STR("site.pb"), PB_STR("00"));
    for (uint32_t i = 0; i < nparams; i++)
        iw_param(w, pb_printf(arena, "p%u", i), iw_type(w, IMAGE_TYPE_STRING, false, IMAGE_NIL, IMAGE_NIL, (pb_str){0}),
                 false, IMAGE_NIL);
    for (size_t i = 0; i < n; i++)
        iw_site_setting(w, pb_str_c(rows[i].section), pb_str_c(rows[i].name), pb_str_c(rows[i].key),
                        pb_str_c(rows[i].text), rows[i].param ? (uint32_t)rows[i].param - 1 : IMAGE_NIL);
    CHECK(iw_finish(w, &s.image) == IW_OK);
    s.program = vm_program_load(s.image.data, s.image.len, arena, &s.err);
    CHECK(s.program != NULL);
    if (s.program) s.ok = vm_site_of(s.program, params, arena, &s.site, &s.err);
    return s;
}
#define READ(rows) read_rows(rows, sizeof rows / sizeof *rows, NULL, 0)

static void close_site(site *s) {
    vm_program_close(s->program);
    pb_buf_free(&s->image);
}

/* The sentence with which one setting is refused; "" when it is taken. */
static const char *refused(const char *section, const char *name, const char *key, const char *text) {
    const row rows[] = {{section, name, key, text, 0}};
    site s = READ(rows);
    const char *said = s.ok ? "" : pb_printf(arena, "%.*s", PB_ARG(s.err)).s;
    close_site(&s);
    return said;
}

static void forms(void) {
    CASE("each entry goes where it belongs") {
        const row rows[] = {{"store", NULL, "", "sqlite:///x.db", 0},
                            {"alerts", NULL, "", "#alerts", 0},
                            {"observe", NULL, "", "true", 0},
                            {"approvals", NULL, "via", "#ok", 0},
                            {"approvals", NULL, "by", "oncall", 0},
                            {"approvals", NULL, "quorum", "2", 0},
                            {"approvals", NULL, "within", "1800000", 0},
                            {"kill_switch", NULL, "ssm", "/pbrun/kill-switch", 0},
                            {"kill_switch", NULL, "dynamodb", "ops/pbrun", 0},
                            {"protect", NULL, "buckets", "evidence-*", 0},
                            {"protect", NULL, "buckets", "logs", 0},
                            {"serve", NULL, "url", "https://pb.example.com//", 0},
                            {"group", "oncall", "people", "alice", 0},
                            {"group", "oncall", "people", "bob", 0},
                            {"person", "alice", "slack", "U1", 0},
                            {"person", "bob", "login", "bob", 0}};
        site s = READ(rows);
        const pb_site *p = &s.site;
        CHECK(s.ok);
        CHECK(pb_str_is(p->store, "sqlite:///x.db") && pb_str_is(p->alerts, "#alerts") && p->observe);
        CHECK(pb_str_is(p->approvals.via, "#ok") && p->approvals.quorum == 2 && p->approvals.within_ms == 1800000);
        CHECK(pb_str_is(p->kill_switch.table, "ops") && pb_str_is(p->kill_switch.key, "pbrun"));
        CHECK(p->protect.buckets.n == 2 && pb_str_is(p->protect.buckets.items[1], "logs"));
        CHECK(pb_str_is(p->serve.url, "https://pb.example.com"));
        CHECK(p->role.n == 0); /* a site without accounts */
        CHECK(site_in_group(site_group_by(p, PB_STR("oncall")), site_person_by(p, SITE_LOGIN, PB_STR("bob"))));
        close_site(&s);
    }
    CASE("a table named by its ARN keeps its slash") {
        const row rows[] = {
            {"kill_switch", NULL, "dynamodb", "arn:aws:dynamodb:eu-west-1:123456789012:table/ops/k/1", 0}};
        site s = READ(rows);
        CHECK(s.ok && pb_str_is(s.site.kill_switch.table, "arn:aws:dynamodb:eu-west-1:123456789012:table/ops"));
        CHECK(pb_str_is(s.site.kill_switch.key, "k/1"));
        close_site(&s);
    }
    CASE("what has another form is refused by name") {
        CHECK_STR(refused("accounts", NULL, "role", "a role"), "site: `role` of `accounts` must be the name of a role");
        CHECK_STR(refused("approvals", NULL, "quorum", "0"),
                  "site: `quorum` of `approvals` must be a number of people from 1 to 10");
        CHECK_STR(refused("approvals", NULL, "quorum", "11"),
                  "site: `quorum` of `approvals` must be a number of people from 1 to 10");
        CHECK_STR(refused("approvals", NULL, "quorum", "99999999999999999999"),
                  "site: `quorum` of `approvals` must be a number of people from 1 to 10");
        CHECK(strstr(refused("approvals", NULL, "within", "31d"), "at most 30 days"));
        CHECK_STR(refused("approvals", NULL, "within", "30d"), "");
        CHECK(strstr(refused("observe", NULL, "", "yes"), "`true` or `false`"));
        CHECK(strstr(refused("alerts", NULL, "", "#"), "a channel"));
        CHECK(strstr(refused("kill_switch", NULL, "dynamodb", "table/"), "\"table/key\""));
        CHECK(strstr(refused("kill_switch", NULL, "dynamodb", "table"), "\"table/key\""));
        CHECK(strstr(refused("protect", NULL, "roles", "*"), "names or ARNs"));
        CHECK(strstr(refused("serve", NULL, "url", "ftp://x"), "https://"));
        CHECK(strstr(refused("slack", NULL, "bot_token", "short"), "at least 8"));
        CHECK(strstr(refused("person", "alice", "arn", "alice"), "`arn` of person \"alice\" must be an ARN"));
    }
    CASE("what this version does not know is refused") {
        CHECK_STR(refused("evidence", NULL, "", "x"), "site: this pbrun does not know `evidence`");
        CHECK_STR(refused("protect", NULL, "moons", "x"),
                  "site: this pbrun does not know the setting `moons` of `protect`");
        CHECK_STR(refused("accounts", NULL, "home", "123456789012"), "site: `accounts` has no `role`");
        CHECK_STR(refused("person", NULL, "slack", "U1"), "site: a person needs a name");
    }
    CASE("a setting that is no list stands once") {
        const row rows[] = {{"alerts", NULL, "", "#a", 0}, {"alerts", NULL, "", "#b", 0}};
        site s = READ(rows);
        CHECK(!s.ok && pb_str_is(s.err, "site: `alerts` is set twice"));
        close_site(&s);
    }
}

static void people(void) {
    CASE("groups name persons that there are") {
        CHECK_STR(refused("group", "oncall", "people", "carol"),
                  "site: group \"oncall\" names \"carol\", but there is no such person");
        CHECK_STR(refused("approvals", NULL, "by", "oncall"),
                  "site: `by` of `approvals` names the group \"oncall\", which there is not");
    }
    CASE("nobody shares an id with somebody else") {
        const row rows[] = {{"person", "alice", "mail", "Sec@example.com", 0},
                            {"person", "bob", "mail", "sec@example.com", 0}};
        site s = READ(rows);
        CHECK(!s.ok && strstr(s.err.s, "person \"bob\" shares"));
        close_site(&s);
    }
    CASE("a person is found by every id; a session is its role's person") {
        const row rows[] = {{"person", "alice", "slack", "U1", 0},
                            {"person", "alice", "mail", "alice@example.com", 0},
                            {"person", "alice", "arn", "arn:aws:iam::123456789012:role/ops/Alice", 0},
                            {"person", "alice", "arn", "arn:aws:iam::123456789012:user/alice", 0}};
        site s = READ(rows);
        const site_person *p = site_person_by(&s.site, SITE_NAME, PB_STR("alice"));
        CHECK(s.ok && p && p->arns.n == 2);
        CHECK(site_person_by(&s.site, SITE_SLACK, PB_STR("U1")) == p);
        CHECK(site_person_by(&s.site, SITE_MAIL, PB_STR("ALICE@example.com")) == p);
        CHECK(site_person_by(&s.site, SITE_ARN, PB_STR("arn:aws:iam::123456789012:user/alice")) == p);
        CHECK(site_person_by(&s.site, SITE_ARN, PB_STR("arn:aws:sts::123456789012:assumed-role/Alice/me")) == p);
        CHECK(!site_person_by(&s.site, SITE_ARN, PB_STR("arn:aws:sts::210987654321:assumed-role/Alice/me")));
        CHECK(!site_person_by(&s.site, SITE_ARN, PB_STR("arn:aws:sts::123456789012:assumed-role/Alice2/me")));
        CHECK(!site_person_by(&s.site, SITE_LOGIN, PB_STR(""))); /* who has no login is not found by none */
        CHECK(!site_person_by(NULL, SITE_NAME, PB_STR("alice")));
        close_site(&s);
    }
}

static void params(void) {
    CASE("a parameter's value is checked like a constant") {
        const row rows[] = {{"slack", NULL, "bot_token", NULL, 1}};
        const pb_value bad = {PB_SECRET, 3, {.s = "abc"}};
        site s = read_rows(rows, 1, &bad, 1);
        CHECK(!s.ok && !strstr(s.err.s, "abc"));
        close_site(&s);
    }
    CASE("secrets are our own copies, and are wiped") {
        const row rows[] = {{"slack", NULL, "signing_secret", NULL, 1}, {"serve", NULL, "ui_token", NULL, 1}};
        const pb_value secret = {PB_SECRET, 16, {.s = "0123456789abcdef"}};
        site s = read_rows(rows, 2, &secret, 1);
        CHECK(s.ok && s.site.slack.signing_secret.kind == PB_SECRET && s.site.serve.ui_token.kind == PB_SECRET);
        const char *at = s.site.slack.signing_secret.u.s;
        CHECK(at != secret.u.s && memcmp(at, "0123456789abcdef", 16) == 0);
        site_wipe(&s.site);
        CHECK(s.site.slack.signing_secret.kind == PB_NONE && at[0] == 0 && at[15] == 0);
        close_site(&s);
    }
    CASE("typed parameters: durations, numbers, lists, bools") {
        const row rows[] = {{"approvals", NULL, "within", NULL, 1},
                            {"approvals", NULL, "quorum", NULL, 2},
                            {"protect", NULL, "roles", NULL, 3},
                            {"observe", NULL, "", NULL, 4}};
        pb_value *items, list = pb_list_new(arena, 2, &items);
        items[0] = pb_string_c("a"), items[1] = pb_string_c("b-*");
        const pb_value values[] = {pb_duration(60000), pb_int(3), list, pb_bool(true)};
        site s = read_rows(rows, 4, values, 4);
        CHECK(s.ok && s.site.approvals.within_ms == 60000 && s.site.approvals.quorum == 3);
        CHECK(s.site.protect.roles.n == 2 && s.site.observe);
        close_site(&s);
    }
    CASE("memory that runs out at each allocation is an error with a sentence") {
        const row rows[] = {{"person", "a", "arn", "arn:aws:iam::123456789012:user/a", 0},
                            {"protect", NULL, "roles", "x", 0},
                            {"slack", NULL, "bot_token", "xoxb-12345678", 0}};
        site whole = READ(rows);
        bool ok = false;
        for (size_t n = 1; n < 50 && !ok; n++) {
            pb_arena *a = pb_arena_new(0);
            pb_site out;
            pb_str err = {0};
            pb_arena_fail_after(a, n);
            ok = vm_site_of(whole.program, NULL, a, &out, &err);
            CHECK(ok || err.n);
            pb_arena_free(a);
        }
        CHECK(ok);
        close_site(&whole);
    }
}

int main(void) {
    arena = pb_arena_new(0);
    forms();
    people();
    params();
    pb_arena_free(arena);
    return check_done();
}
