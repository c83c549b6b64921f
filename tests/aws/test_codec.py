"""The codec against botocore: the same random inputs through both, the same answers through both parsers, and both sides
of the codec against each other. All operations of the services playbooks use and a sample of the others; conformance.py
takes every operation of every service. Seeded: a failure names service and operation."""
# runs: sanitized
import base64
import json
import os
import random
import sys
import urllib.parse
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import botocore.parsers
from botocore.compat import HTTPHeaders

from awsmodel import Impossible, Maker, answer
from codecdiff import (LISTS, SPECIAL, Driver, Unreadable, compare_answer, compare_own_answer, compare_readback, compare_request, difference, event_stream,
                       parsed_lists, prepared_output, service_model)
from pbtest import BUILD, case, eq, main

OURS = ["ec2", "iam", "s3", "s3control", "sts", "ssm", "sns", "guardduty", "securityhub"]
SAMPLE = ["autoscaling", "rds", "sqs", "dynamodb", "kms", "lambda", "cloudtrail", "route53", "cloudfront", "elbv2", "organizations", "logs",
          "glacier", "apigateway", "iot", "mediaconvert", "cloudwatch", "ses", "redshift", "elasticbeanstalk", "lexv2-models", "iot-data",
          "config", "events", "eks", "wafv2", "kinesis-video-media", "sesv2", "macie2", "accessanalyzer", "workspaces-web", "pinpoint"]
SAMPLE_OPS = 8
SHARE = 3 if BUILD.endswith("san") else 1  # a third of the operations is enough to find what only the sanitizers see
MOST_SHOWN = int(os.environ.get("PB_CONFORMANCE_SHOW", "6"))

driver = Driver()
ask = driver.ask


def ops_of(name, model):
    names = list(model.operation_names)[::SHARE]
    return names if name in OURS else random.Random(name).sample(names, min(SAMPLE_OPS, len(names)))


def each():
    """(service, model, operation, its random numbers)"""
    for name in OURS + SAMPLE:
        model = service_model(name)
        for op_name in ops_of(name, model):
            op = model.operation_model(op_name)
            if not event_stream(op.input_shape) and not event_stream(op.output_shape):
                yield name.replace("-", "_"), model, op, random.Random("%s.%s" % (name, op_name))


class Tally:
    def __init__(self):
        self.good, self.skipped, self.wrong = 0, 0, []

    def check(self, where, got, want):
        return self.take(where, [] if got == want else [("", difference(got, want))])

    def take(self, where, found):
        if found is None:
            self.skipped += 1
        elif found:
            self.wrong += ["%s: %s: %s" % (where, aspect, what) for aspect, what in found]
        else:
            self.good += 1

    def done(self, at_least):
        if self.wrong:
            raise AssertionError("%d of %d differ: %s" % (len(self.wrong), self.good + len(self.wrong), " || ".join(self.wrong[:MOST_SHOWN])))
        if self.good < at_least // SHARE:
            raise AssertionError("only %d compared (%d could not be generated)" % (self.good, self.skipped))


# ---- requests ----

def request_inputs():
    for service, model, op, rng in each():
        try:
            params = Maker(rng).structure(op.input_shape, 0, ()) if op.input_shape else {}
        except Impossible:
            continue
        if service == "s3" and "Bucket" in params:
            params["Bucket"] = rng.choice(["a-bucket", "b.c.d", "xyz"])
        yield service, model, op, parsed_lists(model, op, params)


REQUESTS = []


def make_requests():
    if not REQUESTS:
        for service, model, op, params in request_inputs():
            REQUESTS.append((service, model, op, params) + compare_request(driver, service, model, op, params))
    return REQUESTS


@case("codec: requests equal botocore's")
def _():
    t = Tally()
    for service, _, op, _, found, _ in make_requests():
        t.take("%s.%s" % (service, op.name), found)
    t.done(900)


@case("codec: the simulated account reads what the client wrote")
def _():
    t = Tally()
    for service, model, op, params, _, wrote in make_requests():
        if wrote["ok"]:
            t.take("%s.%s" % (service, op.name), compare_readback(driver, service, model, op, params, wrote))
    t.done(900)


# ---- answers ----

def outputs():
    for service, model, op, rng in each():
        if (service, op.name) in SPECIAL or (service, op.name) == ("s3", "GetBucketNotification"):
            continue  # cases of their own below; two members of one name, which conformance.py lists
        try:
            v = Maker(rng, False).structure(op.output_shape, 0, ()) if op.output_shape else {}
        except Impossible:
            continue
        yield service, model, op, prepared_output(service, op, v, rng), rng


@case("codec: answers are read as botocore reads them")
def _():
    t = Tally()
    for service, model, op, v, rng in outputs():
        if (service, op.name) in LISTS:
            v.pop("EncodingType")
        try:
            t.take("%s.%s" % (service, op.name), compare_answer(driver, service, model, op, *answer(model, op, v, rng)))
        except Unreadable:
            t.skipped += 1
    t.done(900)


@case("codec: what the simulated account answers is read back by both")
def _():
    t = Tally()
    for service, model, op, v, _ in outputs():
        t.take("%s.%s" % (service, op.name), compare_own_answer(driver, service, model, op, v))
    t.done(900)


def damaged(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not data:
            break
        at = rng.randrange(len(data))
        what = rng.randrange(5)
        if what == 0:
            data[at] = rng.randrange(256)
        elif what == 1:
            del data[at:at + rng.randint(1, 20)]
        elif what == 2:
            data[at:at] = bytes(rng.choice([b"<", b"</", b"\"", b"{", b"[", b"&amp", b"%", b".1.", b"\0", b"\xff", b"]]>", b"\\u", b"99999999999999999999", b"1e999"]))
        elif what == 3:
            data[at:at] = data[:rng.randint(0, 60)]
        else:
            del data[at:]
    return bytes(data)


@case("codec: damaged messages are refused or read, never worse")
def _():
    rng = random.Random("damage")
    done = 0
    for service, model, op, v, _ in outputs():
        if rng.random() > 0.35:
            continue
        status, headers, body = answer(model, op, v, rng)
        for _ in range(2):
            got = ask(do="read_answer", service=service, op=op.name, status=rng.choice([status, status, 400, 503]), headers=[[k, str(x)] for k, x in headers.items()],
                      body=base64.b64encode(damaged(body, rng)).decode())
            if not got["ok"] and (not got["code"] or len(got["message"]) > 2000):
                raise AssertionError("%s.%s: an error without a code: %r" % (service, op.name, got))
            done += 1
    for service, model, op, params, _, wrote in make_requests():
        if not wrote["ok"] or rng.random() > 0.35:
            continue
        text = damaged(wrote["query"].encode(), rng).decode("latin-1")
        ask(do="read_request", service=service, method=wrote["method"], path=damaged(wrote["path"].encode(), rng).decode("latin-1"), query=text,
            headers=wrote["headers"], body=wrote["body"])
        got = ask(do="read_request", service=service, method=wrote["method"], path=wrote["path"], query=wrote["query"], headers=wrote["headers"],
                  body=base64.b64encode(damaged(base64.b64decode(wrote["body"]), rng)).decode())
        if not got["ok"] and not got["code"]:
            raise AssertionError("%s.%s: an error without a code: %r" % (service, op.name, got))
        done += 2
    if done < 1000 // SHARE:
        raise AssertionError("only %d tried" % done)


@case("codec: errors it writes are botocore's errors")
def _():
    t = Tally()
    for service, op_name, code, status in [("ec2", "RunInstances", "InvalidAMIID.NotFound", 400), ("iam", "GetUser", "NoSuchEntity", 404),
                                           ("s3", "GetBucketPolicy", "NoSuchBucketPolicy", 404), ("s3control", "GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", 404),
                                           ("ssm", "GetParameter", "ParameterNotFound", 400), ("guardduty", "GetDetector", "BadRequestException", 400),
                                           ("securityhub", "GetFindings", "LimitExceededException", 429), ("sns", "Publish", "NotFound", 404)]:
        wrote = ask(do="write_answer", service=service, op=op_name, error={"code": code, "message": "so <it> \"is\" & was", "status": 0 if service == "iam" else status}, request_id="req-9")
        op = service_model(service).operation_model(op_name)
        parser = botocore.parsers.create_parser(op.service_model.metadata["protocol"])
        h = HTTPHeaders()
        for k, v in wrote["headers"]:
            h[k] = v
        theirs = parser.parse({"status_code": wrote["status"], "headers": h, "body": base64.b64decode(wrote["body"])}, op.output_shape)
        t.check(service + " (botocore)", [theirs["Error"]["Code"], theirs["Error"]["Message"], wrote["status"], theirs["ResponseMetadata"].get("RequestId")],
                [code, "so <it> \"is\" & was", status, "req-9"])
        got = ask(do="read_answer", service=service, op=op_name, status=wrote["status"], headers=wrote["headers"], body=wrote["body"])
        t.check(service + " (own)", got, {"ok": False, "code": code, "message": "so <it> \"is\" & was", "request_id": "req-9", "status": status})
    t.done(16 * SHARE)


# ---- single things ----

@case("codec: S3 requests carry the checksums asked for")
def _():
    got = ask(do="write", service="s3", op="PutPublicAccessBlock", input={"Bucket": "b", "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}})
    body = base64.b64decode(got["body"])
    headers = dict(got["headers"])
    eq(body, b'<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>')
    eq(headers, {"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()})
    eq((got["method"], got["path"], got["query"]), ("PUT", "/b", "publicAccessBlock"))
    got = dict(ask(do="write", service="s3", op="PutBucketAcl", input={"Bucket": "b", "ACL": "private"})["headers"])
    eq(got, {"x-amz-acl": "private", "x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": "AAAAAA=="})
    for name, want in (("CRC32C", "yZRlqg=="), ("SHA1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="), ("SHA256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=")):
        got = dict(ask(do="write", service="s3", op="PutObject", input={"Bucket": "b", "Key": "k", "Body": "hello world", "ChecksumAlgorithm": name})["headers"])
        eq(got["x-amz-checksum-" + name.lower()], want)


@case("codec: tokens are made up when absent, kept when given")
def _():
    def token(**given):
        return dict(urllib.parse.parse_qsl(base64.b64decode(ask(do="write", service="ec2", op="CreateFlowLogs", input=dict(
            {"ResourceIds": ["vpc-1"], "ResourceType": "VPC"}, **given))["body"]).decode())).get("ClientToken")
    eq(token(ClientToken="mine"), "mine")
    made = [base64.b64decode(ask(do="write", service="guardduty", op="CreateDetector", input={"Enable": True})["body"]) for _ in range(2)]
    tokens = [json.loads(m)["clientToken"] for m in made]
    eq([str(uuid.UUID(t, version=4)) for t in tokens], tokens)
    if tokens[0] == tokens[1]:
        raise AssertionError("the same token twice")


@case("codec: what services do otherwise than their models say")
def _():
    def read(service, op, body, **headers):
        return ask(do="read_answer", service=service, op=op, status=200, headers=[[k, v] for k, v in headers.items()], body=base64.b64encode(body.encode()).decode())["output"]
    eq(read("s3", "GetBucketLocation", '<LocationConstraint xmlns="x">eu-west-1</LocationConstraint>'), {"LocationConstraint": "eu-west-1"})
    eq(read("s3", "GetBucketLocation", '<LocationConstraint xmlns="x"/>'), {})
    eq(read("s3", "ListObjectsV2", "<R><EncodingType>url</EncodingType><Contents><Key>a%2Bb+c</Key></Contents></R>")["Contents"], [{"Key": "a+b c"}])
    eq(read("s3", "ListObjectsV2", "<R><Contents><Key>a%2Bb+c</Key></Contents></R>")["Contents"], [{"Key": "a%2Bb+c"}])
    eq(read("ec2", "GetConsoleOutput", "<R><output>aGVsbG8=</output></R>"), {"Output": "hello"})
    policy = '{"Version":"2012-10-17","Statement":[]}'
    eq(read("iam", "GetUserPolicy", "<R><GetUserPolicyResult><PolicyDocument>%s</PolicyDocument></GetUserPolicyResult></R>" % urllib.parse.quote(policy, safe=""))["PolicyDocument"], policy)
    for service, op, output in (("s3", "GetBucketLocation", {"LocationConstraint": "eu-west-1"}), ("ec2", "GetConsoleOutput", {"Output": "a\nb"})):
        wrote = ask(do="write_answer", service=service, op=op, output=output, request_id="r")
        eq(ask(do="read_answer", service=service, op=op, status=200, headers=wrote["headers"], body=wrote["body"])["output"], output)


@case("codec: fractions of a second")
def _():
    got = ask(do="write", service="ec2", op="DescribeSpotPriceHistory", input={"StartTime": {"$time": 1700000000678}})
    eq(dict(urllib.parse.parse_qsl(base64.b64decode(got["body"]).decode()))["StartTime"], "2023-11-14T22:13:20.678Z")
    got = ask(do="read_answer", service="ssm", op="GetParameter", status=200, headers=[], body=base64.b64encode(b'{"Parameter":{"LastModifiedDate":1700000000.678}}').decode())
    eq(got["output"], {"Parameter": {"LastModifiedDate": {"$time": 1700000000678}}})


@case("codec: requests the simulated account must refuse")
def _():
    def read(service, method="POST", path="/", query="", headers=(), body=""):
        r = ask(do="read_request", service=service, method=method, path=path, query=query, headers=[list(h) for h in headers], body=base64.b64encode(body.encode()).decode())
        return r.get("code"), r.get("op")
    eq(read("ec2", body="Action=Nothing&Version=2016-11-15"), ("InvalidAction", ""))
    eq(read("ec2", body="Version=2016-11-15"), ("MissingAction", ""))
    eq(read("ec2", body="Action=DescribeVpcs&Bogus=1"), ("UnknownParameter", "DescribeVpcs"))
    eq(read("ec2", body="Action=DeleteTags"), ("MissingParameter", "DeleteTags"))
    eq(read("ec2", body="Action=DescribeVpcs&MaxResults=many"), ("InvalidParameterValue", "DescribeVpcs"))
    eq(read("iam", body="Action=GetUser&UserName=a%20b"), ("ValidationError", "GetUser"))
    eq(read("ssm", headers=[("X-Amz-Target", "AmazonSSM.Nothing")]), ("UnknownOperationException", ""))
    eq(read("ssm", headers=[("X-Amz-Target", "AmazonSSM.GetParameter")], body="{"), ("SerializationException", "GetParameter"))
    eq(read("ssm", headers=[("X-Amz-Target", "AmazonSSM.GetParameter")], body="{}"), ("ValidationException", "GetParameter"))
    eq(read("guardduty", "PUT", "/nothing"), ("UnknownOperationException", ""))
    eq(read("s3", "PUT", "/b", "publicAccessBlock", body="<broken"), ("MalformedXML", "PutPublicAccessBlock"))


try:
    main()
finally:
    driver.close()
