/*
 * site.c - reads the site's settings. What the compiler has checked of constant ones is checked here again: a parameter
 * can hold anything, and an image need not come from our compiler. A setting that this version does not know is
 * refused: it would be a rule that is not kept.
 *
 * One table says all there is to say of a setting: where it stands, what form it has, where it goes. The image has one
 * row an item; rows of a list follow one another. People and groups are found by a first walk over the rows, so that
 * their order does not matter.
 */
#include "vm/site.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>

enum {
    ROLE_MAX = 512 + 64,
    EXTERNAL_ID_MIN = 2, /* IAM's and STS's limits */
    EXTERNAL_ID_MAX = 1224,
    TEXT_MAX = 2048,      /* any other text: an ARN or an address */
    SECRET_MIN = 8,       /* a shorter one is guessed */
    CHANNEL_MAX = 80,     /* Slack's own limit of names */
    PARAMETER_MAX = 2048, /* SSM: 1011 and an ARN's front */
    TABLE_MAX = 255,
    KEY_MAX = 1024,                         /* of a partition key 2,048; in words */
    QUORUM_MAX = 10,                        /* who has to ask more people asks nobody */
    WITHIN_MAX_MS = 30 * 24 * 3600 * 1000LL /* an approval that waits longer than a month is forgotten */
};

/* ---- forms ---- */

static bool is_role(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!c || !strchr("_+=,.@/-", c))) return false;
    }
    return s.n && s.n <= ROLE_MAX && s.s[0] != '/' && s.s[s.n - 1] != '/';
}

static bool is_external_id(pb_str s) { return s.n >= EXTERNAL_ID_MIN && s.n <= EXTERNAL_ID_MAX; }

/* Printable, no white space: names, ids, addresses, patterns. */
static bool is_word(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if ((unsigned char)s.s[i] <= ' ' || s.s[i] == 0x7f) return false;
    return s.n && s.n <= TEXT_MAX;
}

static bool is_secret(pb_str s) { return s.n >= SECRET_MIN && s.n <= TEXT_MAX; }
static bool is_channel(pb_str s) { return is_word(s) && s.n <= CHANNEL_MAX && !(s.n == 1 && s.s[0] == '#'); }
static bool is_parameter(pb_str s) { return is_word(s) && s.n <= PARAMETER_MAX; }
static bool is_url(pb_str s) {
    return is_word(s) && ((s.n > 8 && memcmp(s.s, "https://", 8) == 0) || (s.n > 7 && memcmp(s.s, "http://", 7) == 0));
}
/* A star alone would protect everything of the kind: then nothing could ever be contained. */
static bool is_pattern(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++)
        if (s.s[i] != '*' && s.s[i] != '?') return is_word(s);
    return false;
}

/* Where table and key part; 0: they do not. A table named by its ARN has a slash of its own. */
static uint32_t table_end(pb_str s) {
    uint32_t from = 0;
    for (uint32_t i = 0; s.n > 4 && memcmp(s.s, "arn:", 4) == 0 && i < s.n && !from; i++)
        if (s.s[i] == '/') from = i + 1;
    for (uint32_t i = from; i < s.n; i++)
        if (s.s[i] == '/') return i > from && i + 1 < s.n ? i : 0;
    return 0;
}

static bool is_item(pb_str s) {
    uint32_t at = table_end(s);
    return is_word(s) && at && at <= TABLE_MAX && s.n - at - 1 <= KEY_MAX;
}

/* ---- the table ---- */

typedef enum setting_type { TEXT, SECRET, LIST, COUNT, SPAN, YES } setting_type;

typedef struct setting_rule {
    const char *section, *key; /* key "": the entry is its value */
    setting_type type;
    size_t at; /* in the person, the group or the site */
    bool (*is)(pb_str);
    const char *form;
} setting_rule;

#define SITE(section, key, type, member, is, form) \
    { section, key, type, offsetof(pb_site, member), is, form }
#define NAMES "names or ARNs, with * and ? for what varies"
#define A_SECRET "a secret of at least 8 characters"
static const setting_rule RULES[] = {
    SITE("accounts", "role", TEXT, role, is_role, "the name of a role"),
    SITE("accounts", "external_id", TEXT, external_id, is_external_id, "2 to 1224 characters"),
    SITE("accounts", "home", TEXT, home, text_is_account, "the 12 digits of an account id"),
    SITE("store", "", TEXT, store, is_word, "an address such as \"sqlite:///var/lib/pbrun/state.db\""),
    SITE("alerts", "", TEXT, alerts, is_channel, "a channel such as \"#security-alerts\""),
    SITE("observe", "", YES, observe, NULL, "`true` or `false`"),
    SITE("approvals", "via", TEXT, approvals.via, is_channel, "a channel such as \"#approvals\""),
    SITE("approvals", "by", TEXT, approvals.by, is_word, "the name of a group"),
    SITE("approvals", "quorum", COUNT, approvals.quorum, NULL, "a number of people from 1 to 10"),
    SITE("approvals", "within", SPAN, approvals.within_ms, NULL, "a duration of at most 30 days, such as 30m"),
    SITE("slack", "signing_secret", SECRET, slack.signing_secret, is_secret, A_SECRET),
    SITE("slack", "bot_token", SECRET, slack.bot_token, is_secret, A_SECRET),
    SITE("slack", "channels", LIST, slack.channels, is_channel, "channels such as \"#security-alerts\""),
    SITE("kill_switch", "ssm", TEXT, kill_switch.ssm, is_parameter, "the name of an SSM parameter"),
    SITE("kill_switch", "dynamodb", TEXT, kill_switch.dynamodb, is_item, "\"table/key\""),
    SITE("protect", "principals", LIST, protect.principals, is_pattern, NAMES),
    SITE("protect", "roles", LIST, protect.roles, is_pattern, NAMES),
    SITE("protect", "users", LIST, protect.users, is_pattern, NAMES),
    SITE("protect", "buckets", LIST, protect.buckets, is_pattern, NAMES),
    SITE("protect", "tables", LIST, protect.tables, is_pattern, NAMES),
    SITE("protect", "topics", LIST, protect.topics, is_pattern, NAMES),
    SITE("protect", "keys", LIST, protect.keys, is_pattern, NAMES),
    SITE("protect", "instances", LIST, protect.instances, is_pattern, NAMES),
    SITE("serve", "url", TEXT, serve.url, is_url, "an address that begins with https://"),
    SITE("serve", "events_secret", SECRET, serve.events_secret, is_secret, A_SECRET),
    SITE("serve", "events_token", SECRET, serve.events_token, is_secret, A_SECRET),
    SITE("serve", "ui_token", SECRET, serve.ui_token, is_secret, A_SECRET),
    SITE("serve", "link_secret", SECRET, serve.link_secret, is_secret, A_SECRET),
    SITE("serve", "topics", LIST, serve.topics, text_is_arn, "the ARN of an SNS topic"),
    {"person", "slack", TEXT, offsetof(site_person, slack), is_word, "a Slack user id such as \"U0123ABCD\""},
    {"person", "arn", LIST, offsetof(site_person, arns), text_is_arn, "an ARN"},
    {"person", "login", TEXT, offsetof(site_person, login), is_word, "a login name"},
    {"person", "mail", TEXT, offsetof(site_person, mail), is_word, "a mail address"},
    {"group", "people", LIST, offsetof(site_group, people), is_word, "names of persons"},
    {"group", "slack_group", TEXT, offsetof(site_group, slack_group), is_word,
     "the id of a Slack user group such as \"S0123ABCD\""},
};
enum { NRULES = sizeof RULES / sizeof *RULES };

/* ---- reading ---- */

typedef struct reader {
    const vm_program *program;
    const pb_value *params;
    pb_arena *arena;
    pb_site *out;
    pb_str *err;
    bool seen[NRULES]; /* of the site's own settings, lists apart */
} reader;

static pb_str text_at(const reader *r, uint32_t i, uint32_t field) {
    return vm_string(r->program, vm_field(r->program, SECTION_SETTINGS, i, field));
}
static pb_str section_at(const reader *r, uint32_t i) { return text_at(r, i, SETTINGS_section); }
static pb_str name_at(const reader *r, uint32_t i) { return text_at(r, i, SETTINGS_name); }

static bool fail(reader *r, pb_str message) {
    *r->err = message.s ? message : PB_STR("out of memory");
    return false;
}

/* "`by` of `approvals`", "`alerts`". */
static pb_str label(const reader *r, const setting_rule *rule, uint32_t i) {
    pb_str name = name_at(r, i);
    if (!*rule->key) return pb_printf(r->arena, "`%s`", rule->section);
    if (!name.n) return pb_printf(r->arena, "`%s` of `%s`", rule->key, rule->section);
    return pb_printf(r->arena, "`%s` of %s \"%.*s\"", rule->key, rule->section, PB_ARG(name));
}

static bool misformed(reader *r, const setting_rule *rule, uint32_t i) {
    pb_str what = label(r, rule, i);
    return fail(r, pb_printf(r->arena, "site: %.*s must be %s", PB_ARG(what), rule->form));
}

static pb_value value_at(const reader *r, uint32_t i) {
    uint32_t param = vm_field(r->program, SECTION_SETTINGS, i, SETTINGS_param);
    return param == IMAGE_NIL ? pb_string(text_at(r, i, SETTINGS_text)) : r->params[param];
}

static bool is_text(pb_value v) { return v.kind == PB_STRING || v.kind == PB_SECRET; }

static bool read_count(pb_value v, int64_t max, int64_t *out) {
    int64_t n = 0;
    if (v.kind == PB_INT) n = v.u.i;
    for (uint32_t i = 0; v.kind == PB_STRING && i < v.n; i++) {
        if (v.u.s[i] < '0' || v.u.s[i] > '9' || n > max) return false;
        n = n * 10 + (v.u.s[i] - '0');
    }
    *out = n;
    return n >= 1 && n <= max;
}

/* A duration, or one as text: "30m", or milliseconds. */
static bool read_span(pb_value v, int64_t *out) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    if (v.kind == PB_DURATION) {
        *out = v.u.i;
        return *out > 0 && *out <= WITHIN_MAX_MS;
    }
    pb_str s = v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
    uint32_t digits = 0;
    while (digits < s.n && s.s[digits] >= '0' && s.s[digits] <= '9') digits++;
    pb_value number = pb_string((pb_str){s.s, digits});
    int64_t n;
    if (!digits || !read_count(number, WITHIN_MAX_MS, &n)) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!pb_str_is((pb_str){s.s + digits, s.n - digits}, units[i].unit)) continue;
        *out = n * units[i].ms; /* both are below 2^32 */
        return *out <= WITHIN_MAX_MS;
    }
    return false;
}

static bool read_yes(pb_value v, bool *out) {
    *out = v.kind == PB_BOOL ? v.u.b : v.kind == PB_STRING && pb_str_is(pb_text(v), "true");
    return v.kind == PB_BOOL || (v.kind == PB_STRING && (*out || pb_str_is(pb_text(v), "false")));
}

static bool add_item(reader *r, site_list *l, pb_str item) {
    if (l->n == SITE_ITEMS_MAX) return fail(r, PB_STR("site: a list has more than 1000 items"));
    if ((l->n & (l->n - 1)) == 0) { /* full at every power of two */
        pb_str *more = pb_alloc_array(r->arena, l->n ? 2 * (size_t)l->n : 1, sizeof *more);
        if (!more) return fail(r, (pb_str){0});
        if (l->n) memcpy(more, l->items, l->n * sizeof *more);
        l->items = more;
    }
    l->items[l->n++] = item;
    return true;
}

/* One item, or all of a parameter that is a list. */
static bool take_list(reader *r, const setting_rule *rule, uint32_t i, site_list *l) {
    pb_value v = value_at(r, i);
    const pb_value *items = v.kind == PB_LIST ? v.u.items : &v;
    for (uint32_t k = 0; k < (v.kind == PB_LIST ? v.n : 1); k++) {
        if (!is_text(items[k]) || !rule->is(pb_text(items[k]))) return misformed(r, rule, i);
        if (!add_item(r, l, pb_text(items[k]))) return false;
    }
    return true;
}

static bool take_text(reader *r, const setting_rule *rule, uint32_t i, void *at) {
    pb_value v = value_at(r, i);
    pb_str s = is_text(v) ? pb_text(v) : (pb_str){0};
    if (!rule->is(s)) return misformed(r, rule, i);
    if (rule->type == TEXT) {
        *(pb_str *)at = s;
        return true;
    }
    pb_str copy = pb_strdup(r->arena, s.s, s.n); /* our own, to be wiped */
    *(pb_value *)at = (pb_value){PB_SECRET, copy.n, {.s = copy.s}};
    return copy.s || fail(r, (pb_str){0});
}

static bool take_value(reader *r, const setting_rule *rule, uint32_t i, void *base) {
    void *at = (char *)base + rule->at;
    int64_t n;
    switch (rule->type) {
    case TEXT:
    case SECRET: return take_text(r, rule, i, at);
    case LIST: return take_list(r, rule, i, at);
    case SPAN: return read_span(value_at(r, i), at) || misformed(r, rule, i);
    case YES: return read_yes(value_at(r, i), at) || misformed(r, rule, i);
    case COUNT:
        if (!read_count(value_at(r, i), QUORUM_MAX, &n)) return misformed(r, rule, i);
        *(uint32_t *)at = (uint32_t)n;
        return true;
    }
    return false;
}

static const setting_rule *rule_at(const reader *r, uint32_t i) {
    pb_str section = section_at(r, i), key = text_at(r, i, SETTINGS_key);
    for (int k = 0; k < NRULES; k++)
        if (pb_str_is(section, RULES[k].section) && pb_str_is(key, RULES[k].key)) return &RULES[k];
    return NULL;
}

static bool unknown(reader *r, uint32_t i) {
    pb_str section = section_at(r, i), key = text_at(r, i, SETTINGS_key);
    if (!key.n) return fail(r, pb_printf(r->arena, "site: this pbrun does not know `%.*s`", PB_ARG(section)));
    return fail(r, pb_printf(r->arena, "site: this pbrun does not know the setting `%.*s` of `%.*s`", PB_ARG(key),
                             PB_ARG(section)));
}

/* ---- people and groups ---- */

static bool is_person(pb_str section) { return pb_str_is(section, "person"); }

/* The person or group of a row; NULL: there is none of that name so far. */
static void *find_named(const reader *r, bool person, pb_str name) {
    for (uint32_t k = 0; person && k < r->out->npeople; k++)
        if (pb_str_eq(r->out->people[k].name, name)) return &r->out->people[k];
    for (uint32_t k = 0; !person && k < r->out->ngroups; k++)
        if (pb_str_eq(r->out->groups[k].name, name)) return &r->out->groups[k];
    return NULL;
}

static bool add_named(reader *r, uint32_t i) {
    pb_str section = section_at(r, i), name = name_at(r, i);
    bool person = is_person(section);
    if (!is_word(name)) return fail(r, pb_printf(r->arena, "site: a %.*s needs a name", PB_ARG(section)));
    if (find_named(r, person, name)) return true;
    if ((person ? r->out->npeople : r->out->ngroups) == SITE_PEOPLE_MAX)
        return fail(r, pb_printf(r->arena, "site: more than %d entries `%.*s`", SITE_PEOPLE_MAX, PB_ARG(section)));
    if (person)
        r->out->people[r->out->npeople++].name = name;
    else
        r->out->groups[r->out->ngroups++].name = name;
    return true;
}

static bool find_people(reader *r) {
    uint32_t n = vm_count(r->program, SECTION_SETTINGS), most = n < SITE_PEOPLE_MAX ? n : SITE_PEOPLE_MAX;
    r->out->people = pb_alloc_array(r->arena, most ? most : 1, sizeof *r->out->people);
    r->out->groups = pb_alloc_array(r->arena, most ? most : 1, sizeof *r->out->groups);
    if (!r->out->people || !r->out->groups) return fail(r, (pb_str){0});
    for (uint32_t i = 0; i < n; i++) {
        bool named = is_person(section_at(r, i)) || pb_str_is(section_at(r, i), "group");
        if (named && !add_named(r, i)) return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool take(reader *r, uint32_t i) {
    const setting_rule *rule = rule_at(r, i);
    if (!rule) return unknown(r, i);
    bool person = is_person(section_at(r, i)), named = person || pb_str_is(section_at(r, i), "group");
    bool *seen = &r->seen[rule - RULES];
    if (!named && rule->type != LIST && *seen) {
        pb_str what = label(r, rule, i);
        return fail(r, pb_printf(r->arena, "site: %.*s is set twice", PB_ARG(what)));
    }
    *seen = true;
    return take_value(r, rule, i, named ? find_named(r, person, name_at(r, i)) : (void *)r->out);
}

static bool groups_hold(reader *r) {
    for (uint32_t g = 0; g < r->out->ngroups; g++) {
        const site_group *group = &r->out->groups[g];
        for (uint32_t i = 0; i < group->people.n; i++)
            if (!site_person_by(r->out, SITE_NAME, group->people.items[i]))
                return fail(r, pb_printf(r->arena, "site: group \"%.*s\" names \"%.*s\", but there is no such person",
                                         PB_ARG(group->name), PB_ARG(group->people.items[i])));
    }
    if (!r->out->approvals.by.n || site_group_by(r->out, r->out->approvals.by)) return true;
    return fail(r, pb_printf(r->arena, "site: `by` of `approvals` names the group \"%.*s\", which there is not",
                             PB_ARG(r->out->approvals.by)));
}

/* Two people with one id: one could answer as the other. */
static bool ids_differ(reader *r) {
    for (uint32_t i = 0; i < r->out->npeople; i++) {
        const site_person *p = &r->out->people[i];
        bool other = (p->slack.n && site_person_by(r->out, SITE_SLACK, p->slack) != p) ||
                     (p->login.n && site_person_by(r->out, SITE_LOGIN, p->login) != p) ||
                     (p->mail.n && site_person_by(r->out, SITE_MAIL, p->mail) != p);
        for (uint32_t k = 0; k < p->arns.n; k++) other |= site_person_by(r->out, SITE_ARN, p->arns.items[k]) != p;
        if (other)
            return fail(r, pb_printf(r->arena,
                                     "site: person \"%.*s\" shares a Slack id, login, mail address or ARN with "
                                     "somebody before: each belongs to one person",
                                     PB_ARG(p->name)));
    }
    return true;
}

static bool accounts_hold(reader *r) {
    const pb_site *s = r->out;
    return s->role.n || (!s->external_id.n && !s->home.n) || fail(r, PB_STR("site: `accounts` has no `role`"));
}

static void split_item(pb_site *s) {
    pb_str whole = s->kill_switch.dynamodb;
    uint32_t at = table_end(whole);
    if (!whole.n) return;
    s->kill_switch.table = (pb_str){whole.s, at};
    s->kill_switch.key = (pb_str){whole.s + at + 1, whole.n - at - 1};
}

bool vm_has_site(const vm_program *p) { return vm_count(p, SECTION_SETTINGS) > 0; }

bool vm_site_of(const vm_program *p, const pb_value *params, pb_arena *a, pb_site *out, pb_str *err) {
    reader r = {.program = p, .params = params, .arena = a, .out = out, .err = err};
    *out = (pb_site){0};
    if (!find_people(&r)) return false;
    for (uint32_t i = 0; i < vm_count(p, SECTION_SETTINGS); i++)
        if (!take(&r, i)) return false;
    while (out->serve.url.n && out->serve.url.s[out->serve.url.n - 1] == '/') out->serve.url.n--;
    split_item(out);
    return accounts_hold(&r) && groups_hold(&r) && ids_differ(&r);
}

void site_wipe(pb_site *s) {
    for (int k = 0; k < NRULES; k++) {
        if (RULES[k].type != SECRET) continue;
        pb_value *v = (pb_value *)(void *)((char *)s + RULES[k].at);
        if (v->kind == PB_SECRET && v->n) OPENSSL_cleanse((void *)(uintptr_t)v->u.s, v->n);
        *v = PB_NONE_VALUE;
    }
}

/* ---- looking up ---- */

/* arn:aws:sts::123456789012:assumed-role/ROLE/SESSION is a session of arn:aws:iam::123456789012:role/[PATH/]ROLE. */
static bool session_of(pb_str session, pb_str role) {
    static const char assumed[] = "assumed-role/", iam[] = "role/";
    pb_str s = text_arn_part(session, 5), r = text_arn_part(role, 5);
    if (s.n < sizeof assumed || memcmp(s.s, assumed, sizeof assumed - 1) != 0) return false;
    if (r.n < sizeof iam || memcmp(r.s, iam, sizeof iam - 1) != 0) return false;
    s = (pb_str){s.s + sizeof assumed - 1, s.n - (uint32_t)sizeof assumed + 1};
    const char *slash = memchr(s.s, '/', s.n);
    if (!slash) return false;
    s.n = (uint32_t)(slash - s.s);
    for (uint32_t i = r.n; i > 0; i--) {
        if (r.s[i - 1] != '/') continue;
        r = (pb_str){r.s + i, r.n - i};
        break;
    }
    return pb_str_eq(s, r) && pb_str_eq(text_arn_part(session, 4), text_arn_part(role, 4)) &&
           pb_str_eq(text_arn_part(session, 1), text_arn_part(role, 1));
}

static bool has_arn(const site_person *p, pb_str arn) {
    for (uint32_t i = 0; i < p->arns.n; i++)
        if (pb_str_eq(p->arns.items[i], arn) || session_of(arn, p->arns.items[i])) return true;
    return false;
}

static bool person_is(const site_person *p, site_id kind, pb_str id) {
    switch (kind) {
    case SITE_NAME: return pb_str_eq(p->name, id);
    case SITE_SLACK: return pb_str_eq(p->slack, id);
    case SITE_LOGIN: return pb_str_eq(p->login, id);
    case SITE_MAIL: return p->mail.n == id.n && strncasecmp(p->mail.s, id.s, id.n) == 0;
    case SITE_ARN: return has_arn(p, id);
    }
    return false;
}

const site_person *site_person_by(const pb_site *s, site_id kind, pb_str id) {
    for (uint32_t i = 0; s && id.n && i < s->npeople; i++)
        if (person_is(&s->people[i], kind, id)) return &s->people[i];
    return NULL;
}

const site_group *site_group_by(const pb_site *s, pb_str name) {
    for (uint32_t i = 0; s && i < s->ngroups; i++)
        if (pb_str_eq(s->groups[i].name, name)) return &s->groups[i];
    return NULL;
}

bool site_lists(const site_list *l, pb_str text) {
    for (uint32_t i = 0; i < l->n; i++)
        if (pb_str_eq(l->items[i], text)) return true;
    return false;
}

bool site_in_group(const site_group *g, const site_person *p) { return g && p && site_lists(&g->people, p->name); }
