/*
 * sim.c - the simulated account without memory: every allocation of a request fails in turn, and the state must then be
 * what it was, the answer an error, and nothing may crash.
 */
#include "stdlib/sim/sim.h"

#include <stdlib.h>
#include <time.h>

#include "tests/lib/check.h"

static const pb_str key = {"AKIATESTTESTTESTTEST", 20}, secret = {"a-secret-for-tests-only", 23};

typedef struct ask {
    const char *what, *service, *method, *path, *query, *type, *target, *body;
} ask;
#define FORM "application/x-www-form-urlencoded; charset=utf-8"
#define JSON "application/x-amz-json-1.1"
#define JSON10 "application/x-amz-json-1.0"

static const ask asks[] = {
    {"CreateUser", "iam", "POST", "/", "", FORM, "",
     "Action=CreateUser&Version=2010-05-08&UserName=ada&Path=%2Ft%2F&Tags.member.1.Key=a&Tags.member.1.Value=b"},
    {"PutUserPolicy", "iam", "POST", "/", "", FORM, "",
     "Action=PutUserPolicy&Version=2010-05-08&UserName=ada&PolicyName=p&PolicyDocument=%7B%22Statement%22%3A%7B%"
     "22Effect%22%3A%22Deny%22%2C"
     "%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D"},
    {"RunInstances", "ec2", "POST", "/", "", FORM, "",
     "Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&MinCount=1&MaxCount=1&TagSpecification.1."
     "ResourceType=instance&TagSpecification.1.Tag.1.Key=a"
     "&TagSpecification.1.Tag.1.Value=b&BlockDeviceMapping.1.DeviceName=%2Fdev%2Fsdf&BlockDeviceMapping.1.Ebs."
     "VolumeSize=3"},
    {"DescribeInstances", "ec2", "POST", "/", "", FORM, "",
     "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3Aa&Filter.1.Value.1=b"},
    {"CreateSecurityGroup", "ec2", "POST", "/", "", FORM, "",
     "Action=CreateSecurityGroup&Version=2016-11-15&GroupName=g&GroupDescription=d"},
    {"AuthorizeSecurityGroupIngress", "ec2", "POST", "/", "", FORM, "",
     "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupName=g&IpPermissions.1.IpProtocol=tcp&IpPermissions."
     "1.FromPort=1&IpPermissions.1.ToPort=2&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8"},
    {"CreateBucket", "s3", "PUT", "/a-bucket", "", "", "", ""},
    {"PutObject", "s3", "PUT", "/a-bucket/a%20key", "", "", "", "bytes"},
    {"ListObjectsV2", "s3", "GET", "/a-bucket", "list-type=2&delimiter=%2F&encoding-type=url", "", "", ""},
    {"GetObject", "s3", "GET", "/a-bucket/a%20key", "", "", "", ""},
    {"PutParameter", "ssm", "POST", "/", "", JSON, "AmazonSSM.PutParameter",
     "{\"Name\":\"n\",\"Value\":\"v\",\"Type\":\"String\"}"},
    {"CreateDetector", "guardduty", "POST", "/detector", "", "application/json", "", "{\"enable\":true}"},
    {"CreateTopic", "sns", "POST", "/", "", FORM, "", "Action=CreateTopic&Version=2010-03-31&Name=t"},
    {"CreateTable", "dynamodb", "POST", "/", "", JSON10, "DynamoDB_20120810.CreateTable",
     "{\"TableName\":\"tab\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":"
     "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"k\",\"AttributeType\":\"S\"}]}"},
    {"PutItem", "dynamodb", "POST", "/", "", JSON10, "DynamoDB_20120810.PutItem",
     "{\"TableName\":\"tab\",\"Item\":{\"k\":{\"S\":\"x\"},\"l\":{\"L\":[{\"N\":\"1.50\"},{\"NULL\":true}]}},"
     "\"ConditionExpression\":\"attribute_not_exists(k) OR size(l) > :n\",\"ExpressionAttributeValues\":{\":n\":{\"N\":"
     "\"1\"}}}"},
    {"UpdateItem", "dynamodb", "POST", "/", "", JSON10, "DynamoDB_20120810.UpdateItem",
     "{\"TableName\":\"tab\",\"Key\":{\"k\":{\"S\":\"x\"}},\"UpdateExpression\":\"SET l[0] = l[0] + :n, #m = "
     "list_append(l, l) REMOVE l[1] ADD s :s\",\"ExpressionAttributeNames\":{\"#m\":\"m\"},"
     "\"ExpressionAttributeValues\":{\":n\":{\"N\":\"2\"},\":s\":{\"SS\":[\"a\"]}},\"ReturnValues\":\"ALL_NEW\"}"},
    {"Query", "dynamodb", "POST", "/", "", JSON10, "DynamoDB_20120810.Query",
     "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"k = :k\",\"ProjectionExpression\":\"k, l[0]\","
     "\"ExpressionAttributeValues\":{\":k\":{\"S\":\"x\"}}}"},
    {"PutEvents", "events", "POST", "/", "", JSON, "AWSEvents.PutEvents",
     "{\"Entries\":[{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":\"{}\"}]}"},
    {"LookupEvents", "cloudtrail", "POST", "/", "", JSON,
     "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", "{}"},
};

/* The request, signed; its memory is in `a`. */
static bool prepare(pb_arena *a, const ask *q, aws_incoming *in) {
    enum { MAX = 8 };
    pb_header *h = pb_alloc_array(a, MAX, sizeof *h), more[SIGV4_HEADERS_MAX];
    uint32_t n = 0, added = 0;
    h[n++] = (pb_header){PB_STR("Host"), PB_STR("127.0.0.1")};
    if (*q->type) h[n++] = (pb_header){PB_STR("Content-Type"), pb_str_c(q->type)};
    if (*q->target) h[n++] = (pb_header){PB_STR("X-Amz-Target"), pb_str_c(q->target)};
    sigv4_request r = {.method = q->method,
                       .host = PB_STR("127.0.0.1"),
                       .path = pb_str_c(q->path),
                       .query = pb_str_c(q->query),
                       .headers = h,
                       .nheaders = n,
                       .body = pb_str_c(q->body),
                       .region = PB_STR("us-east-1"),
                       .service = pb_str_c(q->service),
                       .time_ms = (int64_t)time(NULL) * 1000};
    sigv4_credentials c = {.access_key = key, .secret_key = secret, .session_token = PB_STR("")};
    if (!sigv4_sign(a, NULL, &r, &c, more, &added)) return false;
    for (uint32_t i = 0; i < added; i++) h[n++] = more[i];
    *in = (aws_incoming){.method = pb_str_c(q->method),
                         .path = r.path,
                         .query = r.query,
                         .body = r.body,
                         .host = PB_STR("127.0.0.1"),
                         .headers = h,
                         .nheaders = n};
    return true;
}

/* All resources as text, in an arena of its own. */
static char *snapshot(sim *s) {
    pb_arena *a = pb_arena_new(0);
    pb_str text = pb_json_text(a, pb_get_c(state_dump(s->state, a), "resources"));
    char *copy = text.s ? strdup(text.s) : NULL;
    pb_arena_free(a);
    return copy;
}

/* One try with the n-th allocation failing (0: none). The status; *failed when an allocation did fail. */
static int attempt(sim *s, const ask *q, size_t n, bool *failed) {
    pb_arena *requests = pb_arena_new(0), *a = pb_arena_new(SIM_MAX_MEMORY);
    aws_incoming in;
    sim_answer out = {0};
    int status = -1;
    if (prepare(requests, q, &in)) {
        pb_arena_fail_after(a, n);
        sim_answer_request(s, a, &in, &out);
        status = out.status;
        *failed = pb_arena_failed(a);
    }
    pb_arena_free(a);
    pb_arena_free(requests);
    return status;
}

static void out_of_memory(sim *s, const ask *q) {
    char *before = snapshot(s);
    CHECK(before != NULL);
    bool failed = true;
    int status = 0;
    for (size_t n = 1; failed && n < 100000; n += n < 200 ? 1 : n / 50) {
        status = attempt(s, q, n, &failed);
        if (!failed) break;
        char *after = snapshot(s);
        CHECK(status == 500 || status == 403 || status == 200); /* what needed no more memory may have gone well */
        if (status != 200) CHECK(after && strcmp(after, before) == 0);
        bool done = status == 200;
        free(after);
        if (done) break;
    }
    if (status != 200) printf("# %s: status %d\n", q->what, status);
    CHECK(status == 200);
    free(before);
}

int main(void) {
    pb_arena *a = pb_arena_new(0);
    pb_str err = {0};
    sim s = {.model = aws_model_get(),
             .account = PB_STR("123456789012"),
             .region = PB_STR("us-east-1"),
             .access_key = key,
             .secret_key = secret,
             .seed = PB_STR("t")};
    s.state = state_open(NULL, false, a, &err);
    s.keys = sigv4_keys_new();
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) CASE(asks[i].what) out_of_memory(&s, &asks[i]);

    CASE("globs") {
        CHECK(sim_glob(PB_STR("*"), PB_STR("")) && sim_glob(PB_STR("a*c?"), PB_STR("abbcd")) &&
              !sim_glob(PB_STR("a*c"), PB_STR("abbcd")));
        CHECK(sim_glob(PB_STR("a\\*"), PB_STR("a*")) && !sim_glob(PB_STR("a\\*"), PB_STR("ab")) &&
              !sim_glob(PB_STR(""), PB_STR("a")));
        CHECK(sim_glob(PB_STR("**a**"), PB_STR("xxaxx")) && sim_glob_fold(PB_STR("S3:get*"), PB_STR("s3:GetObject")));
    }
    state_close(s.state);
    sigv4_keys_free(s.keys);
    pb_arena_free(a);
    return check_done();
}
