/*
 * protect.c - what a changing call must not name.
 *
 * The arguments are walked once. A text names a thing when it is an ARN, or when its member says so: UserName,
 * RoleName, Bucket, InstanceIds ... (the table below, from AWS's own models). Texts for people are passed over:
 * descriptions, comments, all of what is below Tags. A thing is compared with each rule by what it is (user, role,
 * bucket ...), its name and, where both are known, its account.
 *
 *     rules     own principal (the caller's user or role; the site's role in every account)
 *               people who may approve (their ARNs), the kill switch's parameter and table
 *               the site's `protect` lists
 *
 * IAM has calls that mean the caller when no UserName is given; they are taken for what they are. An input that is
 * too deep or too large to be looked through is refused: what was not looked at may name anything.
 */
#include "vm/protect.h"

#include "vm/glob.h"

/* ---- things ---- */

typedef enum thing_kind {
    THING_NONE,
    THING_USER,
    THING_ROLE,
    THING_BUCKET,
    THING_TABLE,
    THING_TOPIC,
    THING_KEY,
    THING_INSTANCE,
    THING_PARAMETER,
    THING_OTHER /* an ARN of something else */
} thing_kind;

typedef struct thing {
    thing_kind kind;
    pb_str text; /* as written */
    pb_str name, account;
    bool is_arn, secret; /* secret: matched like the rest, never shown */
} thing;

static const char *const KINDS[] = {
    [THING_NONE] = "",         [THING_USER] = "user",         [THING_ROLE] = "role",
    [THING_BUCKET] = "bucket", [THING_TABLE] = "table",       [THING_TOPIC] = "topic",
    [THING_KEY] = "key",       [THING_INSTANCE] = "instance", [THING_PARAMETER] = "parameter",
    [THING_OTHER] = "resource"};

static bool begins(pb_str s, const char *z) {
    size_t n = strlen(z);
    return s.n >= n && memcmp(s.s, z, n) == 0;
}

static pb_str from(pb_str s, size_t n) { return (pb_str){s.s + n, s.n - (uint32_t)n}; }

static pb_str last_segment(pb_str s) {
    for (uint32_t i = s.n; i > 0; i--)
        if (s.s[i - 1] == '/') return from(s, i);
    return s;
}

static pb_str first_segment(pb_str s) {
    const char *slash = s.n ? memchr(s.s, '/', s.n) : NULL;
    return slash ? (pb_str){s.s, (uint32_t)(slash - s.s)} : s;
}

/* What an ARN's resource part names; also of a pattern, whose parts may hold stars. */
static const struct {
    const char *service, *prefix;
    thing_kind kind;
    enum { WHOLE, FIRST, LAST } part;
} RESOURCES[] = {
    {"iam", "user/", THING_USER, LAST},
    {"iam", "role/", THING_ROLE, LAST},
    {"sts", "assumed-role/", THING_ROLE, FIRST},
    {"s3", "", THING_BUCKET, FIRST},
    {"dynamodb", "table/", THING_TABLE, FIRST},
    {"sns", "", THING_TOPIC, WHOLE},
    {"kms", "key/", THING_KEY, LAST},
    {"kms", "alias/", THING_KEY, WHOLE},
    {"ec2", "instance/", THING_INSTANCE, LAST},
    {"ssm", "parameter/", THING_PARAMETER, WHOLE},
};
enum { NRESOURCES = sizeof RESOURCES / sizeof *RESOURCES };

static pb_str part_of(pb_str resource, int i) {
    /* "alias/x" keeps its prefix, a parameter its first slash: that is how they are named elsewhere. */
    if (RESOURCES[i].part == WHOLE) return RESOURCES[i].kind == THING_PARAMETER ? from(resource, 9) : resource;
    resource = from(resource, strlen(RESOURCES[i].prefix));
    return RESOURCES[i].part == FIRST ? first_segment(resource) : last_segment(resource);
}

static thing thing_of_arn(pb_str arn) {
    pb_str service = text_arn_part(arn, 2), resource = text_arn_part(arn, 5);
    thing t = {.kind = THING_OTHER, .text = arn, .name = resource, .account = text_arn_part(arn, 4), .is_arn = true};
    for (int i = 0; i < NRESOURCES; i++) {
        if (!pb_str_is(service, RESOURCES[i].service) || !begins(resource, RESOURCES[i].prefix)) continue;
        t.kind = RESOURCES[i].kind;
        t.name = part_of(resource, i);
        break;
    }
    return t;
}

/* ---- which members name things ---- */

static const struct {
    const char *member, *hosts; /* hosts: only of calls that begin so; NULL: of all */
    thing_kind kind;
} MEMBERS[] = {
    {"UserName", "aws.iam.", THING_USER},
    {"ExistingUserName", NULL, THING_USER},
    {"NewUserName", NULL, THING_USER},
    {"RoleName", NULL, THING_ROLE},
    {"Role", NULL, THING_ROLE},
    {"Bucket", NULL, THING_BUCKET},
    {"BucketName", NULL, THING_BUCKET},
    {"S3BucketName", NULL, THING_BUCKET},
    {"TableName", NULL, THING_TABLE},
    {"TableNames", NULL, THING_TABLE},
    {"GlobalTableName", NULL, THING_TABLE},
    {"SourceTableName", NULL, THING_TABLE},
    {"TargetTableName", NULL, THING_TABLE},
    {"ResourceId", "aws.dynamodb.", THING_TABLE},
    {"TopicArn", NULL, THING_TOPIC},
    {"KeyId", "aws.kms.", THING_KEY},
    {"TargetKeyId", "aws.kms.", THING_KEY},
    {"AliasName", "aws.kms.", THING_KEY},
    {"InstanceId", NULL, THING_INSTANCE},
    {"InstanceIds", NULL, THING_INSTANCE},
    {"Name", "aws.ssm.", THING_PARAMETER},
    {"Names", "aws.ssm.", THING_PARAMETER},
    {"ResourceId", "aws.ssm.", THING_PARAMETER},
};
enum { NMEMBERS = sizeof MEMBERS / sizeof *MEMBERS };

/* Texts for people, and what holds nothing but them. */
static bool is_free(pb_str member) {
    static const char *const free_texts[] = {"Tags",    "Tag",     "TagList", "TagSet",  "TagSpecifications",
                                             "Tagging", "TagKeys", "Comment", "Message", "Subject",
                                             "Reason",  "Note",    "Notes",   "Title",   "DisplayName"};
    for (size_t i = 0; i < sizeof free_texts / sizeof *free_texts; i++)
        if (pb_str_is(member, free_texts[i])) return true;
    return member.n >= 11 && pb_str_is(from(member, member.n - 11), "Description");
}

static thing_kind kind_of_member(pb_str host, pb_str member) {
    for (int i = 0; i < NMEMBERS; i++)
        if (pb_str_is(member, MEMBERS[i].member) && (!MEMBERS[i].hosts || begins(host, MEMBERS[i].hosts)))
            return MEMBERS[i].kind;
    return THING_NONE;
}

/* "i-" and hexadecimal digits: CreateTags and its like name instances among other things. */
static bool is_instance_id(pb_str s) {
    if (s.n < 10 || s.n > 19 || !begins(s, "i-")) return false;
    for (uint32_t i = 2; i < s.n; i++)
        if (!((s.s[i] >= '0' && s.s[i] <= '9') || (s.s[i] >= 'a' && s.s[i] <= 'f'))) return false;
    return true;
}

/* False: it names nothing. */
static bool thing_of(pb_str host, pb_str member, pb_str text, thing *out) {
    if (!text.n) return false;
    if (text_is_arn(text)) {
        *out = thing_of_arn(text);
        return true;
    }
    thing_kind kind = kind_of_member(host, member);
    if (kind == THING_NONE && is_instance_id(text)) kind = THING_INSTANCE;
    *out = (thing){.kind = kind, .text = text, .name = text};
    if (kind == THING_ROLE || kind == THING_USER) out->name = last_segment(text);
    return kind != THING_NONE;
}

/* ---- the walk ---- */

/* False ends the walk. */
typedef bool thing_fn(void *ctx, const thing *t);

typedef struct walk {
    pb_str host;
    thing_fn *fn;
    void *ctx;
    uint32_t values;
    bool too_large;
} walk;

static bool walk_value(walk *w, pb_str member, pb_value v, uint32_t depth);

static bool names_table(walk *w, pb_str text) {
    thing t = text_is_arn(text) ? thing_of_arn(text) : (thing){.kind = THING_TABLE, .text = text, .name = text};
    return w->fn(w->ctx, &t);
}

static bool in_table_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* PartiQL: each word may be the table's name. False ends the walk. */
static bool walk_statement(walk *w, pb_str s, bool secret) {
    for (uint32_t i = 0, n; i < s.n; i += n + 1) {
        for (n = 0; i + n < s.n && in_table_name(s.s[i + n]);) n++;
        thing t = {.kind = THING_TABLE, .text = {s.s + i, n}, .name = {s.s + i, n}, .secret = secret};
        if (n && !w->fn(w->ctx, &t)) return false;
    }
    return true;
}

/* BatchWriteItem and its like have the names of tables as keys. */
static bool key_names_table(const walk *w, pb_str member) {
    return pb_str_is(member, "RequestItems") && begins(w->host, "aws.dynamodb.");
}

static bool walk_inside(walk *w, pb_str member, pb_value v, uint32_t depth) {
    for (uint32_t i = 0; i < v.n; i++) {
        bool map = v.kind == PB_MAP;
        pb_str key = map ? v.u.entries[i].key : member;
        if (map && key_names_table(w, member) && !names_table(w, key)) return false;
        if (map && is_free(key)) continue;
        if (!walk_value(w, key, map ? v.u.entries[i].value : v.u.items[i], depth + 1)) return false;
    }
    return true;
}

static bool walk_value(walk *w, pb_str member, pb_value v, uint32_t depth) {
    thing t;
    if (depth > PROTECT_DEPTH || ++w->values > PROTECT_VALUES) {
        w->too_large = true;
        return false;
    }
    if (v.kind == PB_MAP || v.kind == PB_LIST) return walk_inside(w, member, v, depth);
    if (v.kind != PB_STRING && v.kind != PB_SECRET) return true;
    if (pb_str_is(member, "Statement") && begins(w->host, "aws.dynamodb."))
        return walk_statement(w, pb_text(v), v.kind == PB_SECRET);
    if (!thing_of(w->host, member, pb_text(v), &t)) return true;
    t.secret = v.kind == PB_SECRET;
    return w->fn(w->ctx, &t);
}

/* IAM calls that mean the caller when they have no UserName. */
static bool means_caller(pb_str host, pb_value args) {
    static const char *const about[] = {"*AccessKey", "*SigningCertificate", "*ServiceSpecificCredential",
                                        "ChangePassword"};
    if (!begins(host, "aws.iam.") || pb_get_c(args, "UserName").kind != PB_NONE) return false;
    for (size_t i = 0; i < sizeof about / sizeof *about; i++)
        if (vm_glob(pb_str_c(about[i]), from(host, 8))) return true;
    return false;
}

static bool no_principal(void *ctx, const thing *t) {
    (void)ctx;
    return t->kind != THING_USER && t->kind != THING_ROLE;
}

bool protect_needs_self(pb_str host, pb_value args) {
    walk w = {.host = host, .fn = no_principal};
    return begins(host, "aws.") && !walk_value(&w, (pb_str){0}, args, 0) && !w.too_large;
}

/* ---- the rules ---- */

typedef struct check {
    const pb_site *site;
    const protect_self *self;
    thing self_thing;
    pb_str account; /* where the call is made; empty: not known */
    pb_arena *arena;
    pb_str *target, *why;
} check;

static bool deny(check *c, pb_str target, pb_str why) {
    *c->target = target.n ? pb_strdup(c->arena, target.s, target.n) : (pb_str){0};
    *c->why = why.s ? why : PB_STR("out of memory while looking for what is protected");
    return false;
}

static bool same_account(const check *c, const thing *t, pb_str account) {
    pb_str own = t->account.n ? t->account : c->account;
    return !own.n || !account.n || pb_str_eq(own, account);
}

/* Is it the user or role that this ARN names? Sessions are their role. */
static bool is_principal(const check *c, const thing *t, const thing *who) {
    return t->kind == who->kind && (t->kind == THING_USER || t->kind == THING_ROLE) && pb_str_eq(t->name, who->name) &&
           same_account(c, t, who->account);
}

static bool check_self(check *c, const thing *t) {
    if (is_principal(c, t, &c->self_thing))
        return deny(c, t->text,
                    pb_printf(c->arena, "%s %.*s is pbrun's own (%.*s): it does not change what it works with",
                              KINDS[t->kind], PB_ARG(t->name), PB_ARG(c->self->arn)));
    if (t->kind != THING_ROLE || !c->site || !c->site->role.n || !pb_str_eq(t->name, last_segment(c->site->role)))
        return true;
    return deny(c, t->text,
                pb_printf(c->arena, "role %.*s is the one that pbrun assumes in other accounts (the site's `accounts`)",
                          PB_ARG(t->name)));
}

static bool check_people(check *c, const thing *t) {
    for (uint32_t i = 0; c->site && i < c->site->npeople; i++) {
        const site_person *p = &c->site->people[i];
        for (uint32_t k = 0; k < p->arns.n; k++) {
            thing who = thing_of_arn(p->arns.items[k]);
            if (!is_principal(c, t, &who)) continue;
            return deny(c, t->text,
                        pb_printf(c->arena, "%s %.*s belongs to %.*s, who may approve", KINDS[t->kind], PB_ARG(t->name),
                                  PB_ARG(p->name)));
        }
    }
    return true;
}

/* A name, or the name in an ARN. */
static pb_str bare(pb_str s) { return text_is_arn(s) ? thing_of_arn(s).name : s; }

/* SSM takes "/a/b" and, without hierarchy, "a"; an ARN always has the slash. */
static pb_str parameter_name(pb_str s) { return begins(s, "/") ? from(s, 1) : s; }

static bool check_switch(check *c, const thing *t) {
    const char *what = NULL;
    if (!c->site) return true;
    if (t->kind == THING_PARAMETER && c->site->kill_switch.ssm.n &&
        pb_str_eq(parameter_name(t->name), parameter_name(bare(c->site->kill_switch.ssm))))
        what = "parameter";
    if (t->kind == THING_TABLE && c->site->kill_switch.table.n && pb_str_eq(t->name, bare(c->site->kill_switch.table)))
        what = "table";
    if (!what) return true;
    return deny(c, t->text, pb_printf(c->arena, "%s %.*s holds the kill switch", what, PB_ARG(t->name)));
}

/* "arn:*:iam::*:role/break-glass-*" against the role "break-glass-1": by its last part, its kind and its account. */
static bool arn_pattern_fits(const check *c, pb_str pattern, const thing *t) {
    if (t->is_arn && vm_glob(pattern, t->text)) return true;
    thing p = thing_of_arn(pattern);
    pb_str account = t->account.n ? t->account : c->account;
    if (p.kind != t->kind || t->kind == THING_OTHER || !vm_glob(p.name, t->name)) return false;
    return !p.account.n || !account.n || vm_glob(p.account, account);
}

static bool pattern_fits(const check *c, pb_str pattern, const thing *t) {
    if (begins(pattern, "arn:")) return arn_pattern_fits(c, pattern, t);
    return vm_glob(pattern, t->name) || vm_glob(pattern, t->text);
}

static bool check_lists(check *c, const thing *t) {
    if (!c->site) return true;
    const struct {
        const char *name;
        const site_list *list;
        unsigned kinds;
    } lists[] = {
        {"principals", &c->site->protect.principals, 1u << THING_USER | 1u << THING_ROLE | 1u << THING_OTHER},
        {"roles", &c->site->protect.roles, 1u << THING_ROLE},
        {"users", &c->site->protect.users, 1u << THING_USER},
        {"buckets", &c->site->protect.buckets, 1u << THING_BUCKET},
        {"tables", &c->site->protect.tables, 1u << THING_TABLE},
        {"topics", &c->site->protect.topics, 1u << THING_TOPIC},
        {"keys", &c->site->protect.keys, 1u << THING_KEY},
        {"instances", &c->site->protect.instances, 1u << THING_INSTANCE},
    };
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        for (uint32_t i = 0; (lists[l].kinds >> t->kind & 1) && i < lists[l].list->n; i++) {
            pb_str pattern = lists[l].list->items[i];
            if (!pattern_fits(c, pattern, t)) continue;
            return deny(c, t->text,
                        pb_printf(c->arena, "%s %.*s is protected by the site (`%s` of `protect`: %.*s)",
                                  KINDS[t->kind], PB_ARG(t->name), lists[l].name, PB_ARG(pattern)));
        }
    }
    return true;
}

static bool check_thing(void *ctx, const thing *t) {
    check *c = ctx;
    bool ok = check_self(c, t) && check_people(c, t) && check_switch(c, t) && check_lists(c, t);
    if (!ok && t->secret) {
        *c->target = PB_STR("***");
        *c->why = PB_STR("a secret argument names something that is protected");
    }
    return ok;
}

bool protect_check(const pb_site *site, const protect_self *self, pb_str host, pb_value args, pb_arena *a,
                   pb_str *target, pb_str *why) {
    check c = {.site = site, .self = self, .arena = a, .target = target, .why = why};
    walk w = {.host = host, .fn = check_thing, .ctx = &c};
    if (self->arn.n) c.self_thing = thing_of_arn(self->arn);
    c.account = self->account.n ? self->account : c.self_thing.account;
    if (means_caller(host, args))
        return deny(&c, self->arn,
                    pb_printf(a, "%.*s without a UserName means the caller, and that is pbrun itself", PB_ARG(host)));
    if (walk_value(&w, (pb_str){0}, args, 0)) return true;
    if (w.too_large)
        deny(&c, (pb_str){0},
             PB_STR("the arguments are too many or too deep to be looked through for what is protected"));
    return false;
}
