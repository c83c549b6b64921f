/*
 * policy.c - policies from operations' names, as manifests have them: what is in them, their compact form for sessions,
 * what is refused. With --serve it writes the policy for each line of operations, for tests/aws/test_policy.py, which
 * holds them against what AWS publishes and a simulator; with --list it names every operation there is.
 */
#include "stdlib/aws/policy.h"
#include "stdlib/aws/model.h"
#include "tests/lib/check.h"

#include <json-c/json.h>
#include <stdlib.h>

static const pb_str ACCOUNT = {"123456789012", 12}, REGION = {"eu-west-1", 9};

enum { MOST = 400 };

/* The words of a line as names; the line is cut up. */
static size_t split(char *line, pb_str *names) {
    size_t n = 0;
    for (char *w = strtok(line, " \n"); w && n < MOST; w = strtok(NULL, " \n")) names[n++] = pb_str_c(w);
    return n;
}

/* Every operation of the table, one a line. */
static int list_operations(void) {
    const pb_schema *s = aws_schema();
    for (uint32_t i = 0; i < s->service_count(s->ctx); i++) {
        pb_str service = s->service_name(s->ctx, i);
        schema_service v = s->service_find(s->ctx, service);
        schema_operation op;
        for (uint32_t k = 0; k < s->operation_count(s->ctx, v); k++)
            if (s->operation_at(s->ctx, v, k, &op)) printf("%.*s.%.*s\n", PB_ARG(service), PB_ARG(op.name));
    }
    return 0;
}

/* One line of operations (in front "compact" or "pretty"), one line of JSON: {"policy", "note"} or {"error"}. */
static int serve(void) {
    char line[65536];
    pb_str names[MOST];
    while (fgets(line, sizeof line, stdin)) {
        pb_arena *a = pb_arena_new(0);
        pb_str json, err;
        size_t n = split(line, names);
        bool compact = n && pb_str_is(names[0], "compact");
        bool ok = n && aws_policy_write(a, names + 1, n - 1, ACCOUNT, REGION, compact, &json, &err);
        json_object *out = json_object_new_object();
        if (ok) json_object_object_add(out, "policy", json_object_new_string_len(json.s, (int)json.n));
        json_object_object_add(out, ok ? "note" : "error", json_object_new_string_len(err.s ? err.s : "", (int)err.n));
        puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN));
        json_object_put(out);
        pb_arena_free(a);
    }
    return 0;
}

static const char *write_list(pb_arena *a, const char *operations, bool compact, pb_str *err) {
    static char line[8192];
    pb_str names[MOST], json;
    snprintf(line, sizeof line, "%s", operations);
    size_t n = split(line, names);
    return aws_policy_write(a, names, n, ACCOUNT, REGION, compact, &json, err) ? json.s : NULL;
}

static void test_text(pb_arena *a) {
    pb_str err;
    CASE("policy: another name, a resource, no name of a statement in the compact form") {
        CHECK_STR(write_list(a, "aws.s3.GetPublicAccessBlock", true, &err),
                  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:"
                  "GetBucketPublicAccessBlock\","
                  "\"Resource\":\"arn:aws:s3:::*\"}]}");
        CHECK(!err.s);
    }
    CASE("policy: names of other hosts are passed over, order and repetition change nothing") {
        const char *one = write_list(a, "slack.post aws.ec2.StopInstances aws.ec2.DescribeInstances now", false, &err);
        const char *two =
            write_list(a, "aws.ec2.DescribeInstances aws.ec2.StopInstances aws.ec2.DescribeInstances", false, &err);
        CHECK(one && two);
        CHECK_STR(one, two);
    }
    CASE("policy: an argument that may be given counts as given; a condition holds CreateTags to it") {
        const char *text = write_list(a, "aws.ec2.CreateSnapshots", true, &err);
        CHECK(text && strstr(text, "\"Resource\":\"arn:aws:ec2:eu-west-1::snapshot/*\",\"Condition\":{\"StringEquals\":"
                                   "{\"ec2:CreateAction\":\"CreateSnapshots\"}}"));
    }
    CASE("policy: a more general grant stands for a narrower one of the same permission") {
        const char *text = write_list(a, "aws.s3.GetObject aws.s3.HeadObject", true, &err);
        const char *first = text ? strstr(text, "s3:GetObject\"") : NULL;
        CHECK(first && !strstr(first + 1, "s3:GetObject\""));
    }
    CASE("policy: no AWS operation gives what needs no permission") {
        const char *text = write_list(a, "slack.post", true, &err);
        CHECK(text && strstr(text, "\"sts:GetCallerIdentity\""));
    }
    CASE("policy: an operation that is none is named") {
        CHECK(!write_list(a, "aws.ec2.StopInstance", true, &err));
        CHECK_STR(err.s, "there is no AWS operation `ec2.StopInstance`");
        CHECK(!write_list(a, "aws.ec3", true, &err));
    }
}

static void test_place(pb_arena *a) {
    aws_policy_place p;
    pb_str err, none = {NULL, 0};
    CASE("policy: the partition is the region's, else aws") {
        CHECK(aws_policy_place_of(a, none, none, PB_STR("cn-north-1"), &p, &err) && pb_str_is(p.partition, "aws-cn"));
        CHECK(aws_policy_place_of(a, none, none, none, &p, &err) && pb_str_is(p.partition, "aws"));
        CHECK(aws_policy_place_of(a, PB_STR("aws-us-gov"), none, none, &p, &err) &&
              pb_str_is(p.partition, "aws-us-gov"));
    }
    CASE("policy: what does not fit is refused") {
        CHECK(!aws_policy_place_of(a, PB_STR("aws"), none, PB_STR("cn-north-1"), &p, &err) && err.n);
        CHECK(!aws_policy_place_of(a, PB_STR("aws:x"), none, none, &p, &err) && err.n);
        CHECK(!aws_policy_place_of(a, none, PB_STR("12345678901"), none, &p, &err) && err.n);
        CHECK(!aws_policy_place_of(a, none, PB_STR("12345678901*"), none, &p, &err) && err.n);
        CHECK(!aws_policy_place_of(a, none, none, PB_STR("mars-1"), &p, &err) && err.n);
    }
}

/* All operations of some services, in one list: longer than any session policy. */
static size_t many(pb_arena *a, const char *const *services, pb_str *names) {
    const pb_schema *s = aws_schema();
    size_t n = 0;
    for (; *services; services++) {
        schema_service v = s->service_find(s->ctx, pb_str_c(*services));
        for (uint32_t i = 0; i < s->operation_count(s->ctx, v) && n < MOST; i++) {
            schema_operation op;
            if (s->operation_at(s->ctx, v, i, &op))
                names[n++] = pb_printf(a, "aws.%s.%.*s", *services, PB_ARG(op.name));
        }
    }
    return n;
}

static void test_compact(pb_arena *a) {
    static const char *const two[] = {"s3", "lambda", NULL};
    pb_str *names = pb_alloc_array(a, MOST, sizeof *names), json, err;
    CASE("policy: as many operations as there are fit a session, and it is said what was widened") {
        size_t n = many(a, two, names), last = 0;
        for (size_t k = 1; k <= n; k += 3) {
            CHECK(aws_policy_write(a, names, k, ACCOUNT, REGION, true, &json, &err));
            CHECK(json.n <= AWS_SESSION_POLICY_MAX);
            CHECK((json.n > 0) && (k < 10 ? !err.s : true));
            last = err.n;
        }
        CHECK(last > 0);
    }
    CASE("policy: wildcards stay within the verbs that are called") {
        size_t n = many(a, (const char *const[]){"ec2", NULL}, names), kept = 0;
        for (size_t i = 0; i < n; i++)
            if (strncmp(names[i].s, "aws.ec2.Create", 14) == 0 || strncmp(names[i].s, "aws.ec2.DeleteT", 15) == 0)
                names[kept++] = names[i];
        CHECK(aws_policy_write(a, names, kept, ACCOUNT, REGION, true, &json, &err));
        CHECK(err.s && strstr(err.s, "wildcards"));
        CHECK(strstr(json.s, "\"ec2:Create*\"") && strstr(json.s, "\"ec2:DeleteT*\"") && !strstr(json.s, "ec2:*"));
    }
}

static void test_memory(void) {
    CASE("policy: memory running out anywhere is an error, never a policy that lacks something") {
        pb_arena *a = pb_arena_new(0);
        pb_str err;
        const char *list = "aws.ec2.CreateSnapshots aws.s3.GetObject aws.iam.PutUserPolicy aws.apigateway.GetRestApis";
        const char *whole = write_list(a, list, true, &err);
        bool failed = true;
        for (size_t i = 1; i < 4000 && failed; i++) {
            pb_arena *b = pb_arena_new(0);
            pb_arena_fail_after(b, i);
            const char *text = write_list(b, list, true, &err);
            failed = !text;
            if (text) CHECK_STR(text, whole);
            if (!text) CHECK(err.n > 0);
            pb_arena_free(b);
        }
        CHECK(!failed);
        pb_arena_free(a);
    }
}

static void test_diff_memory(void) {
    CASE("policy: a comparison without memory is an error, not `nothing grew`") {
        pb_str old = PB_STR("{\"Statement\":[]}"), err;
        pb_str now = PB_STR("{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],"
                            "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"a\":\"b\"}}}]}");
        bool done = false, grew = false;
        for (size_t i = 1; i < 200 && !done; i++) {
            pb_arena *a = pb_arena_new(0);
            pb_buf out = {0};
            pb_arena_fail_after(a, i);
            done = aws_policy_diff(a, old, now, &out, &grew, &err);
            if (done)
                CHECK(grew && out.len > 0);
            else
                CHECK(err.n > 0);
            pb_buf_free(&out);
            pb_arena_free(a);
        }
        CHECK(done);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--serve") == 0) return serve();
    if (argc == 2 && strcmp(argv[1], "--list") == 0) return list_operations();
    pb_arena *a = pb_arena_new(0);
    test_text(a);
    test_place(a);
    test_compact(a);
    test_memory();
    test_diff_memory();
    pb_arena_free(a);
    return check_done();
}
