/*
 * retry.c - the classes of AWS failures, by error code first and HTTP status second.
 *
 * EC2, IAM and the JSON services put the real reason into the body of a 400, so the status alone says little. Quota
 * errors (LimitExceeded, LimitExceededException, WAFLimitsExceededException, ...) are not throttling although some
 * clients treat them so: waiting does not help and retrying hides the reason.
 *
 * "Nothing is done twice": a request whose answer was lost may have been carried out. It is sent again only when that
 * does no harm, by aws_repeatable; else the caller hears "outcome unknown" and has to look.
 */
#include "stdlib/aws/retry.h"

#include "vm/value.h"

#include <fnmatch.h>
#include <stdio.h>

enum {
    TRIES = 8,
    TRIES_DYNAMODB = 10,
    BASE_MS = 500,
    BASE_SLOW_MS = 1000 /* ec2, iam: low request rates */,
    BASE_DYNAMODB_MS = 50,
    CAP_MS = 20000
};

static bool one_of(pb_str s, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (pb_str_is(s, list[i])) return true;
    return false;
}
#define ONE_OF(s, list) one_of((s), (list), sizeof(list) / sizeof *(list))

static const char *const THROTTLED[] = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "Throttled",
    "RequestThrottledException",
    "RequestThrottled",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "BandwidthLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "TransactionInProgressException",
    "ProvisionedThroughputExceededException",
    "RequestTimeout",
    "RequestTimeoutException",
};
static const char *const CLOCK[] = {
    "RequestTimeTooSkewed",      "RequestInTheFuture", "SignatureDoesNotMatch",
    "InvalidSignatureException", "RequestExpired",     "AuthFailure",
};
static const char *const EXPIRED[] = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"};
static const char *const DENIED[] = {
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized",
};
static const char *const IDENTITY[] = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
};

aws_failure aws_failure_of(int status, pb_str code) {
    if (ONE_OF(code, THROTTLED) || status == 429) return AWS_FAIL_THROTTLED;
    if (ONE_OF(code, CLOCK)) return AWS_FAIL_CLOCK;
    if (ONE_OF(code, EXPIRED)) return AWS_FAIL_EXPIRED;
    if (ONE_OF(code, DENIED)) return AWS_FAIL_DENIED;
    if (ONE_OF(code, IDENTITY)) return AWS_FAIL_IDENTITY;
    if (status == 500 || status == 503) return AWS_FAIL_SERVER;
    if (status == 502 || status == 504) return AWS_FAIL_LOST;
    return AWS_FAIL_FINAL;
}

const char *aws_failure_cure(aws_failure f) {
    switch (f) {
    case AWS_FAIL_EXPIRED: return "; the credentials have expired: get new ones and set them again";
    case AWS_FAIL_DENIED: return "; the credentials in use are not allowed to do this: see the policies of their role";
    case AWS_FAIL_CLOCK:
    case AWS_FAIL_IDENTITY:
        return "; AWS does not accept these credentials here: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
               "AWS_SESSION_TOKEN and the region";
    default: return "";
    }
}

/* ---- changes that met ---- */

static const struct {
    const char *service, *code; /* service: * is any */
} CONFLICTS[] = {
    {"*", "WAFOptimisticLockException"},
    {"*", "ConcurrentModification"},
    {"*", "ConcurrentModificationException"},
    {"iam", "EntityTemporarilyUnmodifiable"},
    {"iam", "EntityTemporarilyUnmodifiableException"},
    {"network_firewall", "InvalidTokenException"},
    {"lambda", "PreconditionFailedException"},
    {"cloudtrail", "ConflictException"},
    {"route53resolver", "ConflictException"},
    {"securityhub", "ConcurrentUpdateError"},
    {"autoscaling", "ResourceContention"},
    {"autoscaling", "ResourceContentionFault"},
    {"s3", "ConditionalRequestConflict"},
    {"s3", "OperationAborted"},
    {"ssm", "TooManyUpdates"},
};

bool aws_is_conflict(pb_str service, pb_str code) {
    for (size_t i = 0; i < sizeof CONFLICTS / sizeof *CONFLICTS; i++)
        if (pb_str_is(code, CONFLICTS[i].code) &&
            (*CONFLICTS[i].service == '*' || pb_str_is(service, CONFLICTS[i].service)))
            return true;
    return false;
}

/* ---- what may be repeated ---- */

/* Doing it twice ends where doing it once does. A second Delete may answer "not found", a second Attach "already
 * there": the actions of the library read first and treat these as done. */
static const char *const NATURAL[] = {
    "Put*",    "Modify*",     "Update*",       "Revoke*",    "Authorize*", "Delete*",      "Set*",
    "Reset*",  "Tag*",        "Untag*",        "CreateTags", "AddTags*",   "RemoveTags*",  "Attach*",
    "Detach*", "Associate*",  "Disassociate*", "Enable*",    "Disable*",   "Deactivate*",  "Activate*",
    "Stop*",   "Start*",      "Terminate*",    "Archive*",   "Unarchive*", "BatchUpdate*", "Cancel*",
    "Remove*", "Deregister*", "Register*",     "Change*",
};

/* Names that look natural but are not: each call adds a thing, starts something or counts. */
static const struct {
    const char *service, *operation;
} NOT_NATURAL[] = {
    {"events", "PutEvents"},
    {"kinesis", "Put*"},
    {"firehose", "Put*"},
    {"cloudwatch", "PutMetricData"},
    {"logs", "PutLogEvents"},
    {"logs", "StartQuery"},
    {"dynamodb", "Update*"},
    {"ssm", "Start*"},
    {"ssm", "PutParameter"},
    {"stepfunctions", "Start*"},
    {"codebuild", "Start*"},
    {"athena", "Start*"},
    {"lambda", "Update*Code"},
    {"secretsmanager", "Put*"},
    {"secretsmanager", "Update*"},
    {"detective", "Start*"},
    {"guardduty", "StartMalwareScan"},
    {"macie2", "Put*"},
    {"iot_data", "*"},
    {"ecs", "Register*"},
    {"ecs", "Start*"},
    {"batch", "Register*"},
    {"ec2", "Register*"},
    {"ec2", "Associate*"},
    {"rds", "Start*"},
    {"glue", "Start*"},
    {"transcribe", "Start*"},
};

static bool fits(pb_str name, const char *pattern) {
    char z[128];
    if (name.n >= sizeof z) return false;
    memcpy(z, name.s ? name.s : "", name.n);
    z[name.n] = 0;
    return fnmatch(pattern, z, FNM_NOESCAPE) == 0;
}

bool aws_repeatable(pb_str service, pb_str operation, pb_effect effect, bool has_token) {
    if (effect <= PB_READ || has_token) return true;
    for (size_t i = 0; i < sizeof NOT_NATURAL / sizeof *NOT_NATURAL; i++)
        if (pb_str_is(service, NOT_NATURAL[i].service) && fits(operation, NOT_NATURAL[i].operation)) return false;
    for (size_t i = 0; i < sizeof NATURAL / sizeof *NATURAL; i++)
        if (fits(operation, NATURAL[i])) return true;
    return false;
}

/* Of the natural ones those that answer the second time as they did the first: they say what shall be. What is deleted,
 * revoked, authorized, detached or cancelled is not there (or there already) the second time, which is an error; so
 * those are left out, as is what is associated or registered. A name that stands here and in NOT_NATURAL is not one. */
static const char *const SETTING[] = {
    "Put*",
    "Modify*",
    "Update*",
    "Set*",
    "Reset*",
    "Tag*",
    "Untag*",
    "Enable*",
    "Disable*",
    "Activate*",
    "Deactivate*",
    "Archive*",
    "Unarchive*",
    "BatchUpdate*",
    "Change*",
    "CreateTags",
    "DeleteTags",
    "AddTags*",
    "RemoveTags*",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "AttachGroupPolicy",
    "StopInstances",
    "StartInstances",
};

bool aws_settles(pb_str service, pb_str operation, pb_effect effect, bool has_token) {
    if (effect <= PB_READ || has_token) return true;
    if (!aws_repeatable(service, operation, effect, false)) return false;
    for (size_t i = 0; i < sizeof SETTING / sizeof *SETTING; i++)
        if (fits(operation, SETTING[i])) return true;
    return false;
}

/* ---- how often and when ---- */

aws_retry_policy aws_retry_policy_of(pb_str service, int max_attempts, int64_t base_ms) {
    aws_retry_policy p = {TRIES, BASE_MS, CAP_MS};
    if (pb_str_is(service, "ec2") || pb_str_is(service, "iam")) p.base_ms = BASE_SLOW_MS;
    if (pb_str_is(service, "dynamodb")) p = (aws_retry_policy){TRIES_DYNAMODB, BASE_DYNAMODB_MS, CAP_MS};
    if (max_attempts > 0) p.tries = max_attempts;
    if (base_ms > 0) p.base_ms = base_ms;
    return p;
}

int64_t aws_retry_delay(const aws_retry_policy *p, int tried, uint64_t random) {
    int64_t most = p->base_ms;
    for (int i = 1; i < tried && most < p->cap_ms; i++) most *= 2;
    if (most > p->cap_ms) most = p->cap_ms;
    return (int64_t)(random % ((uint64_t)most + 1));
}

/* ---- failures inside a 200 ---- */

/* Members of answers in which services list what they could not do, whatever the operation. */
static const char *const FAILED_MEMBERS[] = {
    "Unprocessed*",  "unprocessed*",
    "Unsuccessful*", "Failed*",
    "failed*",       "Failures",
    "failures",      "*Failures",
    "Errors",        "errors",
    "ErrorList",     "errorEntries",
    "*ErrorEntries", "*Errors",
    "*Statuses",     "InvalidParameters",
    "InvalidLabels", "rejectedLogEventsInfo",
};

/* Lists that hold the good items too; those with a code have failed. */
static const struct {
    const char *service, *operation, *member;
} MIXED[] = {
    {"events", "Put*Events", "Entries"},
    {"kinesis", "PutRecords", "Records"},
    {"firehose", "PutRecordBatch", "RequestResponses"},
};

/* ... and what looks so but is none: what is refused is what was asked for, or what was looked for. */
static const struct {
    const char *service, *operation, *member;
} NOT_FAILED[] = {
    {"*", "Validate*", "*"},
    {"*", "Test*", "*"},
    {"datapipeline", "*", "validationErrors"},
};

/* Where an item says what went wrong with it, in the order of being looked at; dotted. */
static const char *const CODES[] = {
    "ErrorCode",
    "errorCode",
    "Code",
    "code",
    "FailureCode",
    "failureCode",
    "Error.Code",
    "Error.ErrorCode",
    "ErrorDetail.ErrorCode",
    "ErrorDetails.ErrorCode",
    "ResponseError.Code",
    "CancelCapacityReservationFleetError.Code",
    "FastSnapshotRestoreStateErrors.0.Error.Code",
    "errors.0.errorCode",
    "NotifyWorkersFailureCode",
    "ErrorType",
    "Result",
    "ProcessingResult",
    "Reason",
    "reason",
    "Fault",
};
static const char *const MESSAGES[] = {
    "ErrorMessage",
    "errorMessage",
    "Message",
    "message",
    "ErrorReason",
    "FailureReason",
    "failureReason",
    "FailureDescription",
    "FailureMessage",
    "Error.Message",
    "Error.ErrorMessage",
    "ErrorDetail.ErrorMessage",
    "ErrorDetails.ErrorMessage",
    "ResponseError.Message",
    "CancelCapacityReservationFleetError.Message",
    "FastSnapshotRestoreStateErrors.0.Error.Message",
    "errors.0.errorMessage",
    "NotifyWorkersFailureMessage",
    "errorDescription",
    "Result",
    "ProcessingResult",
    "Reason",
    "detail",
    "reason",
    "Annotation",
};

static pb_value item_at(pb_value v, uint32_t i) { return v.kind == PB_LIST ? v.u.items[i] : v.u.entries[i].value; }

/* The first text that is there. */
static pb_str item_text(pb_value item, const char *const *paths, size_t n) {
    for (size_t i = 0; i < n; i++) {
        pb_value v = pb_path(item, paths[i]);
        if (v.kind == PB_STRING && v.n) return pb_text(v);
    }
    return (pb_str){"", 0};
}
#define ITEM_TEXT(item, list) item_text((item), (list), sizeof(list) / sizeof *(list))

/* What could not be done, where nothing says why: a name, an entry's key, or the first text that an item has. */
static pb_str item_name(pb_value list, uint32_t i) {
    if (list.kind == PB_MAP) return list.u.entries[i].key;
    pb_value item = list.u.items[i];
    for (uint32_t k = 0; item.kind == PB_MAP && k < item.n; k++)
        if (item.u.entries[k].value.kind == PB_STRING) return pb_text(item.u.entries[k].value);
    return item.kind == PB_STRING ? pb_text(item) : (pb_str){"", 0};
}

static bool lists_failed(pb_str service, pb_str operation, pb_str member) {
    for (size_t i = 0; i < sizeof NOT_FAILED / sizeof *NOT_FAILED; i++)
        if (fits(service, NOT_FAILED[i].service) && fits(operation, NOT_FAILED[i].operation) &&
            fits(member, NOT_FAILED[i].member))
            return false;
    for (size_t i = 0; i < sizeof FAILED_MEMBERS / sizeof *FAILED_MEMBERS; i++)
        if (fits(member, FAILED_MEMBERS[i])) return true;
    return false;
}

static bool lists_mixed(pb_str service, pb_str operation, pb_str member) {
    for (size_t i = 0; i < sizeof MIXED / sizeof *MIXED; i++)
        if (pb_str_is(service, MIXED[i].service) && fits(operation, MIXED[i].operation) &&
            pb_str_is(member, MIXED[i].member))
            return true;
    return false;
}

bool aws_partial_failure(pb_str service, pb_str operation, const pb_value *output, pb_str *code, pb_str *message,
                         uint32_t *failed) {
    *failed = 0;
    for (uint32_t i = 0; output->kind == PB_MAP && i < output->n; i++) {
        pb_value list = output->u.entries[i].value;
        pb_str member = output->u.entries[i].key;
        bool mixed = lists_mixed(service, operation, member);
        if (list.kind != PB_LIST && list.kind != PB_MAP) continue;
        if (!mixed && !lists_failed(service, operation, member)) continue;
        for (uint32_t k = 0; k < list.n; k++) {
            pb_str c = ITEM_TEXT(item_at(list, k), CODES);
            if (mixed && c.n == 0) continue;
            if ((*failed)++ > 0) continue;
            *code = c;
            *message = ITEM_TEXT(item_at(list, k), MESSAGES);
            if (message->n == 0) *message = item_name(list, k);
        }
        if (*failed) return true;
    }
    return false;
}
