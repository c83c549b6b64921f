/*
 * sim.h - the simulated AWS account: what its files share.
 *
 * One thread, one SQLite state, one transaction a request. A request comes in through http.c, sim.c checks its
 * signature, finds the operation in the model and looks it up in the table of the service (ec2.c, iam.c, ...). A
 * handler reads its input (c->in), reads and writes resources, and gives back the output structure. An error is told by
 * sim_fail: the first one counts, everything the request wrote is rolled back, and later helpers do no harm.
 *
 * A resource is a JSON object under (scope, kind, parent, id); the scope is the region, or empty for global kinds.
 * Members whose names begin with _ are the simulator's own; they, and whatever else the operation's output has no room
 * for, are dropped on the way out (sim_conform), where times and bytes also get their types back.
 */
#ifndef PB_SIM_H
#define PB_SIM_H

#include "lang/base.h"
#include "stdlib/aws/codec.h"
#include "stdlib/aws/sigv4.h"
#include "vm/value.h"

enum {
    SIM_MAX_BODY = 8 << 20,     /* bytes of a request; the largest real one is an S3 object of a demo */
    SIM_MAX_MEMORY = 256 << 20, /* arena of one request: a full state listed whole stays far below */
    SIM_MAX_TAGS = 50,          /* AWS's quota for every service here */
    SIM_MAX_DEPTH = JSON_MAX_DEPTH,
    SIM_CLOCK_SKEW_S = 15 * 60, /* AWS's window, both ways */
};

/* Every kind of resource: enum name, name in the state, global. */
#define SIM_KINDS(X) \
    X(K_VPC, "ec2.vpc", false) \
    X(K_SUBNET, "ec2.subnet", false) \
    X(K_GROUP, "ec2.security-group", false) \
    X(K_RULE, "ec2.security-group-rule", false) \
    X(K_ENI, "ec2.network-interface", false) \
    X(K_INSTANCE, "ec2.instance", false) \
    X(K_VOLUME, "ec2.volume", false) \
    X(K_SNAPSHOT, "ec2.snapshot", false) \
    X(K_ADDRESS, "ec2.address", false) \
    X(K_ACL, "ec2.network-acl", false) \
    X(K_USER, "iam.user", true) \
    X(K_ROLE, "iam.role", true) \
    X(K_IAM_GROUP, "iam.group", true) \
    X(K_USER_POLICY, "iam.user-policy", true) \
    X(K_ROLE_POLICY, "iam.role-policy", true) \
    X(K_GROUP_POLICY, "iam.group-policy", true) \
    X(K_USER_ATTACHED, "iam.user-attached-policy", true) \
    X(K_ROLE_ATTACHED, "iam.role-attached-policy", true) \
    X(K_GROUP_ATTACHED, "iam.group-attached-policy", true) \
    X(K_MEMBER, "iam.group-member", true) \
    X(K_POLICY, "iam.policy", true) \
    X(K_ACCESS_KEY, "iam.access-key", true) \
    X(K_LOGIN, "iam.login-profile", true) \
    X(K_MFA, "iam.mfa-device", true) \
    X(K_SESSION, "sts.session", true) \
    X(K_BUCKET, "s3.bucket", true) \
    X(K_OBJECT, "s3.object", true) \
    X(K_ACCOUNT_BLOCK, "s3control.public-access-block", true) \
    X(K_PARAMETER, "ssm.parameter", false) \
    X(K_TOPIC, "sns.topic", false) \
    X(K_SUBSCRIPTION, "sns.subscription", false) \
    X(K_MESSAGE, "sns.message", false) \
    X(K_DETECTOR, "guardduty.detector", false) \
    X(K_GD_FINDING, "guardduty.finding", false) \
    X(K_HUB, "securityhub.hub", false) \
    X(K_SH_FINDING, "securityhub.finding", false) \
    X(K_FUNCTION, "lambda.function", false) \
    X(K_ORG_ACCOUNT, "organizations.account", true) \
    X(K_TRAIL, "cloudtrail.trail", false) \
    X(K_TRAIL_EVENT, "cloudtrail.event", false) \
    X(K_BUS_EVENT, "events.event", false) \
    X(K_BUS_RULE, "events.rule", false) \
    X(K_LOG_GROUP, "logs.group", false) \
    X(K_LOG_STREAM, "logs.stream", false) \
    X(K_LOG_LINE, "logs.event", false) \
    X(K_SECRET, "secretsmanager.secret", false) \
    X(K_SECRET_VERSION, "secretsmanager.version", false) \
    X(K_KEY, "kms.key", false) \
    X(K_ASG, "autoscaling.group", false) \
    X(K_DB, "rds.db", false) \
    X(K_DB_SNAPSHOT, "rds.snapshot", false) \
    X(K_UPLOAD, "s3.upload", true) \
    X(K_PART, "s3.part", true) \
    X(K_TABLE, "dynamodb.table", false) \
    X(K_ITEM, "dynamodb.item", false)
typedef enum sim_kind {
#define X(name, text, global) name,
    SIM_KINDS(X)
#undef X
        K_COUNT
} sim_kind;

/* ---- state.c: SQLite ---- */

typedef struct sim_state sim_state;
/* NULL file: in memory. NULL with a sentence in *err. With read_only nothing is created. */
sim_state *state_open(const char *file, bool read_only, pb_arena *a, pb_str *err);
/* A copy in memory of a state file, which is not written to, not even by the side. NULL with a sentence in *err. */
sim_state *state_open_copy(const char *file, pb_arena *a, pb_str *err);
void state_close(sim_state *s);
bool state_begin(sim_state *s);
bool state_commit(sim_state *s);
void state_rollback(sim_state *s);
/* Adds to the counter of an operation. */
bool state_count(sim_state *s, pb_str service, pb_str operation, bool changed, bool failed);
bool state_key_used(sim_state *s, pb_str key, int64_t ms, pb_str service, pb_str region);
pb_value state_key_use(sim_state *s, pb_arena *a, pb_str key); /* {time, service, region}; none: never */
/* The next number, from 1, under a name; 0 when it failed. */
int64_t state_next(sim_state *s, pb_str name);
/* Every id that holds this text, and every text in a resource, has another one in its place. Both need no escaping. */
bool state_rename(sim_state *s, pb_str text, pb_str to);
/* Everything, for --show: {"resources": [...], "calls": {...}}. Secrets are masked. */
pb_value state_dump(sim_state *s, pb_arena *a);

/* ---- the call ---- */

typedef struct sim sim;
typedef struct sim_call sim_call;
typedef pb_value sim_handler(sim_call *c);

/* How a service gives out long lists. */
typedef struct sim_paging {
    const char *token_in, *token_out, *limit; /* members of input, output, input */
    const char *truncated;                    /* a flag in the output, or NULL */
    const char *bad_token;                    /* error code */
    uint32_t page;                            /* items a page when the request names no limit */
    uint32_t least;                           /* the smallest limit that may be asked for; 0 is 1 */
    bool empties;                             /* gives empty pages on the way, as the real service does */
} sim_paging;

enum { SIM_CHECKSUM = 1 /* S3: a checksum of the body is required */ };

typedef struct sim_operation {
    const char *name;
    sim_handler *fn;
    const void *data; /* what a shared handler needs to know */
    const char *list; /* the output's member given out in pages; NULL: given whole */
    unsigned flags;
} sim_operation;

typedef struct sim_service {
    const char *name; /* as in the model */
    const sim_operation *ops;
    size_t nops;
    const sim_paging *paging;
    void (*prepare)(sim_call *c); /* before a handler: a region's defaults ...; NULL: nothing */
} sim_service;
#define SIM_OPS(table) (table), sizeof(table) / sizeof *(table)

extern const sim_service sim_ec2, sim_iam, sim_s3, sim_s3control, sim_sts, sim_ssm, sim_sns, sim_guardduty,
    sim_securityhub, sim_lambda, sim_organizations, sim_cloudtrail, sim_events, sim_logs, sim_secretsmanager, sim_kms,
    sim_autoscaling, sim_rds, sim_dynamodb;

typedef struct sim_caller {
    pb_str arn, user_id, access_key; /* arn empty: anonymous (S3 only) */
    pb_str policy;                   /* a session's own, which narrows it; empty: none */
    pb_str user, role;               /* name of the IAM user or role behind it; both empty: the account's root */
    int64_t issued_ms;               /* when a session's token was issued; 0: no session */
} sim_caller;

struct sim_call {
    const sim *sim;
    const char *service; /* the row's, "ec2" */
    sim_state *state;
    pb_arena *arena;
    const sim_operation *row;
    pb_str account, region, partition;
    sim_caller caller;
    const aws_incoming *http;
    pb_value in;
    int64_t now;  /* ms */
    bool changed; /* something in the state is different now */
    bool partial; /* a fault: the first item of a batch is to fail */
    bool failed;
    int status; /* of an answer that is no error; 0: the protocol's */
    aws_error err;
};

/* ---- trouble.c: what makes the account misbehave ---- */

enum { SIM_MAX_RULES = 64, SIM_NAME_MAX = 96, SIM_CODE_MAX = 64 };
#define SIM_ALWAYS INT64_MAX
/* Operations are globs of "ec2.CreateTags". */
typedef struct sim_fault {
    char operation[SIM_NAME_MAX];
    char code[SIM_CODE_MAX]; /* an error's, or one of the words in call.c ("Close") */
    int status;              /* 0: what goes with the code */
    int64_t left;
} sim_fault;
typedef struct sim_throttle {
    char operation[SIM_NAME_MAX];
    double rate, burst, tokens;
    int64_t at; /* when the tokens were counted; 0: never */
} sim_throttle;
typedef struct sim_delay {
    char operation[SIM_NAME_MAX];
    int64_t ms, left;
} sim_delay;
typedef struct sim_trouble {
    sim_fault faults[SIM_MAX_RULES];
    sim_throttle throttles[SIM_MAX_RULES];
    sim_delay delays[SIM_MAX_RULES];
    size_t nfaults, nthrottles, ndelays;
    int64_t page_size; /* no page has more items; 0: as the services have it */
    bool empty_pages;  /* before each page of a list comes one that is empty */
} sim_trouble;
/* "fault", "ec2.CreateTags=Throttling:2". NULL, or what is wrong with it. */
const char *trouble_add(sim_trouble *t, pb_str what, pb_str text);
bool trouble_knows(const char *what);
bool trouble_fault(sim_trouble *t, pb_str operation, sim_fault *out); /* false: none is due */
bool trouble_throttled(sim_trouble *t, pb_str operation);
int64_t trouble_delay(sim_trouble *t, pb_str operation); /* ms */
int64_t trouble_clock(void);                             /* monotonic ms */
void trouble_slower(sim_call *c, pb_str service, aws_protocol protocol);
int trouble_status(const sim_fault *f, aws_protocol protocol);

struct sim {
    sim_state *state;
    const aws_model *model;
    sigv4_keys *keys;
    pb_str account, region, access_key, secret_key, seed;
    int64_t session_seconds; /* sessions of roles end so soon; 0: when they were asked to */
    pb_str control;          /* token of the control path; empty: there is none */
    bool log;
    sim_trouble trouble;
};

/* Notes the error (the first one counts); always none, so that a handler can return it. */
pb_value sim_fail(sim_call *c, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- resources (state.c) ---- */

pb_value sim_get(sim_call *c, sim_kind k, pb_str parent, pb_str id); /* none: there is none */
pb_value sim_find(sim_call *c, sim_kind k, pb_str id);               /* whatever its parent */
/* In the order of creation; parent NULL: all of the kind. */
pb_value sim_list(sim_call *c, sim_kind k, const pb_str *parent);
pb_value sim_list_of(sim_call *c, sim_kind k, pb_str parent);
pb_value sim_list_sorted(sim_call *c, sim_kind k, const pb_str *parent); /* by id, bytewise */
void sim_put(sim_call *c, sim_kind k, pb_str parent, pb_str id, pb_value v);
void sim_put_body(sim_call *c, sim_kind k, pb_str parent, pb_str id, pb_value v, pb_str body);
pb_str sim_body(sim_call *c, sim_kind k, pb_str parent, pb_str id);
bool sim_delete(sim_call *c, sim_kind k, pb_str parent, pb_str id); /* false: there was none */
void sim_delete_all(sim_call *c, sim_kind k, pb_str parent);
/* A number from 1 that is never given out twice under this name in this region. */
int64_t sim_next(sim_call *c, const char *what, pb_str of);

/* ---- values (values.c) ---- */

typedef struct sim_field {
    const char *key;
    pb_value value;
} sim_field;
/* MAP(c, {"Key", v}, {"Other", w}): none values are left out. */
#define MAP(c, ...) \
    sim_map((c), (const sim_field[]){__VA_ARGS__}, sizeof((const sim_field[]){__VA_ARGS__}) / sizeof(sim_field))
pb_value sim_map(sim_call *c, const sim_field *fields, size_t n);
pb_value sim_with(sim_call *c, pb_value map, const char *key, pb_value v); /* none removes */
pb_value sim_merge(sim_call *c, pb_value base, pb_value over);             /* all of over's entries into base */
pb_value sim_pick(sim_call *c, pb_value from, const char *const *keys);    /* NULL-terminated */
pb_value sim_text(sim_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* arn:aws:SERVICE:REGION:ACCOUNT:KINDname; the kind with what stands behind it: "function:". */
pb_value sim_arn(sim_call *c, const char *service, const char *kind, pb_str name);

typedef struct sim_items {
    pb_value *v;
    uint32_t n, cap;
} sim_items;
void items_add(sim_call *c, sim_items *l, pb_value v);
pb_value items_list(sim_call *c, const sim_items *l);
pb_value sim_list1(sim_call *c, pb_value v); /* a list of one */
bool sim_item_fails(sim_call *c);            /* is this item of a batch to fail? Once a call that was asked to */

/* A text member, never with a NULL pointer; empty when there is none. */
static inline pb_str get_text(pb_value v, const char *key) {
    pb_value t = pb_get_c(v, key);
    return (t.kind == PB_STRING || t.kind == PB_BYTES) && t.n ? pb_text(t) : (pb_str){"", 0};
}
static inline bool get_bool(pb_value v, const char *key) {
    pb_value b = pb_get_c(v, key);
    return b.kind == PB_BOOL && b.u.b;
}
static inline int64_t get_int(pb_value v, const char *key, int64_t missing) {
    pb_value i = pb_get_c(v, key);
    return i.kind == PB_INT ? i.u.i : missing;
}
static inline bool is_set(pb_value v) { return v.kind != PB_NONE; }
static inline pb_value or_else(pb_value v, pb_value otherwise) { return is_set(v) ? v : otherwise; }
/* The items of a list; nothing for anything else. */
#define EACH(item, list) \
    for (const pb_value *item = (list).kind == PB_LIST ? (list).u.items : NULL, \
                        *item##_end = item ? item + (list).n : NULL; \
         item != item##_end; item++)

bool str_starts(pb_str s, const char *prefix);
bool sim_glob(pb_str pattern, pb_str text); /* * and ?, \ escapes */
bool sim_glob_fold(pb_str pattern, pb_str text);
pb_value sim_conform(sim_call *c, pb_value v, aws_shape shape);
/* The part of out's member `list` that the request asks for. */
pb_value sim_page(sim_call *c, pb_value out, const char *list, const sim_paging *p);
/* Does a path into a value ("NetworkInterfaces.Groups.GroupId"; lists: any item) lead to a text that matches? */
bool sim_path_matches(pb_value v, const char *path, pb_str pattern);

/* AWS-shaped identifiers, the same for the same seed and order: prefix and n hex digits / base32 / base64 characters.
 */
pb_str sim_hex_id(sim_call *c, const char *prefix, unsigned digits);
pb_str sim_key_id(sim_call *c, const char *prefix, unsigned chars);
pb_str sim_secret(sim_call *c, const char *what, unsigned chars);
pb_str sim_uuid(sim_call *c, const char *what);

/* Lists of {Key, Value}. */
pb_value tags_merge(sim_call *c, pb_value have, pb_value add);
pb_value tags_remove_keys(sim_call *c, pb_value have, pb_value keys);
pb_value tags_value(pb_value tags, pb_str key); /* none: no such tag */

/* ---- policy.c ---- */

/* True when text is a policy; an identity policy needs Resource, others Principal. */
bool policy_valid(sim_call *c, pb_str text, bool identity);
bool policy_is_public(sim_call *c, pb_str text);
bool policy_allows_anyone(sim_call *c, pb_str text, pb_str action, pb_str resource);
/* Does the session's own policy, if it has one, allow none of what an operation needs? */
bool policy_narrows(sim_call *c, pb_str service, pb_str operation);
/* May this caller assume a role of another account, by the role's trust policy? */
bool policy_trusts(sim_call *c, pb_str trust, pb_str external_id, bool source_identity);
/* Does an explicit Deny among the caller's own policies speak of this action? */
bool policy_denies_caller(sim_call *c, pb_str action);

/* ---- cloudtrail.c ---- */

/* Keeps the call in the event history, if it is of a kind that is kept there. Inside the transaction. */
void trail_record(sim_call *c, const aws_service_info *service, aws_op op, pb_str request_id);

/* ---- s3.c and s3_http.c ---- */

/* Turns virtual-host style into path style. */
bool s3_route(pb_arena *a, aws_incoming *in);
/* Takes aws-chunked apart and compares every digest that the request carries; needs one when required. */
bool s3_unpack(sim_call *c, aws_incoming *in);
void s3_check_digest(sim_call *c, const aws_incoming *in, bool required);
bool s3_anonymous_may(sim_call *c, pb_str operation);

/* ---- http.c ---- */

typedef struct sim_answer {
    int status;
    pb_header *headers;
    uint32_t nheaders;
    pb_str body;
    int64_t delay_ms; /* to be sent so much later */
    bool half;        /* only half of the body is to arrive */
} sim_answer;
/* Answers one request; everything in the arena. */
void sim_answer_request(sim *s, pb_arena *a, const aws_incoming *in, sim_answer *out);
/* Does an operation as the account's root, in its own region, without a request: no signature, no faults, not counted.
 * None when it was refused. */
pb_value sim_do(sim *s, pb_arena *a, const char *service, const char *operation, pb_value input);

/* ---- fill.c ---- */

/* Makes what an event is about: instances, users, keys, roles, buckets with the ids that it names. What was made, as a
 * list of texts for people. */
pb_value sim_fill(sim *s, pb_arena *a, pb_value event);

/* The requests that are not AWS's but the account's own (trouble.c); false: this is none. */
bool trouble_control(sim *s, pb_arena *a, const aws_incoming *in, sim_answer *out);
/* Serves until SIGTERM or SIGINT. The exit status. */
int http_serve(sim *s, int port);

pb_str sim_header(const aws_incoming *in, const char *name); /* any case; empty when absent */

#endif
