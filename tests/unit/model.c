/*
 * model.c - the AWS table and the compiler's view of it: look-ups that find, that do not find, and that get nonsense.
 */
#include "tests/lib/check.h"

#include "stdlib/aws/model.h"

static aws_op find_op(const char *service, const char *op) {
    const aws_model *m = aws_model_get();
    return aws_op_find(m, aws_service_find(m, pb_str_c(service)), pb_str_c(op));
}

static const char *effect(const char *service, const char *op) {
    aws_op o = find_op(service, op);
    return o ? pb_effect_name(aws_op_effect(aws_model_get(), o)) : "(no such operation)";
}

static void names(void) {
    const pb_schema *s = aws_schema();
    CASE("model: every service, operation and shape is found by its own name") {
        uint32_t services = s->service_count(s->ctx);
        CHECK(services > 300);
        for (uint32_t i = 0; i < services; i++) {
            schema_service v = s->service_find(s->ctx, s->service_name(s->ctx, i));
            CHECK(v == i + 1);
            for (uint32_t k = 0; k < s->operation_count(s->ctx, v); k++) {
                schema_operation at, found;
                CHECK(s->operation_at(s->ctx, v, k, &at) && s->operation_find(s->ctx, v, at.name, &found));
                CHECK(pb_str_eq(at.name, found.name) && at.input == found.input && at.effect >= PB_READ);
            }
            for (uint32_t k = 0; k < s->shape_count(s->ctx, v); k += 7) {
                schema_shape_info info;
                schema_shape shape = s->shape_at(s->ctx, v, k);
                s->shape_info(s->ctx, shape, &info);
                CHECK(info.name.n && s->shape_find(s->ctx, v, info.name) == shape);
            }
        }
    }
    CASE("model: what is not there is not found") {
        schema_operation op;
        schema_member member;
        schema_shape_info info;
        CHECK(s->service_find(s->ctx, PB_STR("nothing")) == 0);
        CHECK(s->service_find(s->ctx, PB_STR("")) == 0);
        CHECK(!s->operation_find(s->ctx, s->service_find(s->ctx, PB_STR("ec2")), PB_STR("DescribeInstance"), &op));
        CHECK(!s->operation_find(s->ctx, 0, PB_STR("DescribeInstances"), &op));
        CHECK(!s->operation_at(s->ctx, 4000000000u, 0, &op));
        CHECK(s->shape_at(s->ctx, 1, 4000000000u) == 0);
        s->shape_info(s->ctx, 4000000000u, &info);
        CHECK(info.nmembers == 0 && info.name.n == 0);
        CHECK(!s->member_at(s->ctx, 4000000000u, 0, &member));
        CHECK(aws_op_effect(aws_model_get(), 0) == PB_DESTROY);
    }
}

static void shapes(void) {
    const pb_schema *s = aws_schema();
    CASE("model: members with their names on the wire, limits and enums") {
        schema_service ec2 = s->service_find(s->ctx, PB_STR("ec2"));
        schema_operation op;
        schema_member m;
        schema_shape_info info;
        bool groups = false;
        CHECK(s->operation_find(s->ctx, ec2, PB_STR("ModifyNetworkInterfaceAttribute"), &op));
        CHECK(op.effect == PB_CONTAIN && op.output == 0 && op.doc.n > 10);
        for (uint32_t i = 0; s->member_at(s->ctx, op.input, i, &m); i++) {
            if (!pb_str_is(m.name, "Groups")) continue;
            groups = pb_str_is(m.wire_name, "SecurityGroupId") && !m.required;
            s->shape_info(s->ctx, m.shape, &info);
            CHECK(info.kind == SCHEMA_LIST && info.elem != 0);
        }
        CHECK(groups);
        s->shape_info(s->ctx, s->shape_find(s->ctx, s->service_find(s->ctx, PB_STR("iam")), PB_STR("statusType")),
                      &info);
        CHECK(info.kind == SCHEMA_STRING && info.nenum >= 2);
        CHECK(pb_str_is(
            s->enum_at(s->ctx, s->shape_find(s->ctx, s->service_find(s->ctx, PB_STR("iam")), PB_STR("statusType")), 0),
            "Active"));
        s->shape_info(s->ctx,
                      s->shape_find(s->ctx, s->service_find(s->ctx, PB_STR("sts")), PB_STR("roleDurationSecondsType")),
                      &info);
        CHECK(info.kind == SCHEMA_INT && info.has_min && info.min == 900 && info.has_max && info.max == 43200);
    }
    CASE("model: an event's shape spells its members as the event does") {
        schema_service gd = s->service_find(s->ctx, PB_STR("guardduty"));
        schema_member m;
        CHECK(s->member_at(s->ctx, s->shape_find(s->ctx, gd, PB_STR("Finding")), 0, &m));
        CHECK(pb_str_is(m.name, "AccountId") && pb_str_is(m.wire_name, "accountId") && m.required);
    }
}

static void effects(void) {
    CASE("effects: what matters most is what it should be") {
        CHECK_STR(effect("ec2", "DescribeInstances"), "read");
        CHECK_STR(effect("s3", "GetObject"), "read");
        CHECK_STR(effect("sts", "AssumeRole"), "read");
        CHECK_STR(effect("sns", "Publish"), "notify");
        CHECK_STR(effect("iam", "UpdateAccessKey"), "contain");
        CHECK_STR(effect("iam", "PutUserPolicy"), "contain");
        CHECK_STR(effect("iam", "DeleteUserPolicy"), "contain");
        CHECK_STR(effect("iam", "DeleteAccessKey"), "destroy");
        CHECK_STR(effect("ec2", "RevokeSecurityGroupEgress"), "contain");
        CHECK_STR(effect("ec2", "DeleteTags"), "contain");
        CHECK_STR(effect("ec2", "CreateTags"), "contain");
        CHECK_STR(effect("ec2", "StopInstances"), "contain");
        CHECK_STR(effect("ec2", "TerminateInstances"), "destroy");
        CHECK_STR(effect("kms", "ScheduleKeyDeletion"), "destroy");
        CHECK_STR(effect("cloudtrail", "StopLogging"), "destroy");
    }
    CASE("effects: a harmless verb that hands out or changes something is no read") {
        CHECK_STR(effect("sts", "GetSessionToken"), "contain");
        CHECK_STR(effect("ecr", "GetAuthorizationToken"), "contain");
        CHECK_STR(effect("secretsmanager", "GetSecretValue"), "contain");
        CHECK_STR(effect("sqs", "ReceiveMessage"), "contain");
        CHECK_STR(effect("athena", "StartQueryExecution"), "contain");
        CHECK_STR(effect("lambda", "Invoke"), "contain");
        CHECK_STR(effect("license_manager", "CheckInLicense"), "contain");
    }
}

static const char *host(pb_arena *a, const char *service, const char *region) {
    const aws_model *m = aws_model_get();
    pb_str h, r;
    if (!aws_endpoint(m, aws_service_find(m, pb_str_c(service)), pb_str_c(region), AWS_ORDINARY, a, &h, &r)) return "(none)";
    pb_str s = pb_printf(a, "%.*s for %.*s", PB_ARG(h), PB_ARG(r));
    return s.s;
}

static void endpoints(pb_arena *a) {
    CASE("endpoints: regional, global, other partitions, regions newer than the table") {
        CHECK_STR(host(a, "ec2", "eu-west-1"), "ec2.eu-west-1.amazonaws.com for eu-west-1");
        CHECK_STR(host(a, "ec2", "eu-north-9"), "ec2.eu-north-9.amazonaws.com for eu-north-9");
        CHECK_STR(host(a, "iam", "eu-west-1"), "iam.amazonaws.com for us-east-1");
        CHECK_STR(host(a, "iam", "cn-northwest-1"), "iam.cn-north-1.amazonaws.com.cn for cn-north-1");
        CHECK_STR(host(a, "sts", "us-east-1"), "sts.us-east-1.amazonaws.com for us-east-1");
        CHECK_STR(host(a, "s3control", "us-gov-west-1"), "s3-control.us-gov-west-1.amazonaws.com for us-gov-west-1");
        CHECK_STR(host(a, "ecr", "us-east-1"), "api.ecr.us-east-1.amazonaws.com for us-east-1");
    }
    CASE("endpoints: what is no region gives no host, least of all one of its own making") {
        CHECK_STR(host(a, "ec2", "mars-1"), "(none)");
        CHECK_STR(host(a, "ec2", "us-east-1.evil.example"), "(none)");
        CHECK_STR(host(a, "ec2", "us-east-1/x"), "(none)");
        CHECK_STR(host(a, "ec2", ""), "(none)");
        CHECK_STR(host(a, "nothing", "us-east-1"), "(none)");
        CHECK(pb_str_is(aws_partition(aws_model_get(), PB_STR("us-gov-east-1")), "aws-us-gov"));
        CHECK(aws_partition(aws_model_get(), PB_STR("us-east-")).n == 0);
    }
}

int main(void) {
    pb_arena *a = pb_arena_new(0);
    names();
    shapes();
    effects();
    endpoints(a);
    pb_arena_free(a);
    return check_done();
}
