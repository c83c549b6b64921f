"""The codec against botocore: the same random inputs through both, the same answers through both parsers, and both sides
of the codec against each other. All operations of the services playbooks use and a sample of the others; PB_CONFORMANCE_N=k
takes every operation of every service, k inputs each. Seeded: a failure names service, operation and round."""
# runs: sanitized
import base64
import json
import os
import random
import re
import subprocess
import sys
import urllib.parse
import uuid
import zlib
from hashlib import md5
from xml.etree import ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import botocore.parsers
import botocore.serialize
import botocore.session
from botocore import handlers
from botocore.compat import HTTPHeaders
from botocore.model import ServiceModel
from botocore.utils import percent_encode_sequence

from awsmodel import Impossible, Maker, answer, pruned, tagged
from pbtest import BUILD, case, eq, main

OURS = ["ec2", "iam", "s3", "s3control", "sts", "ssm", "sns", "guardduty", "securityhub"]
SAMPLE = ["autoscaling", "rds", "sqs", "dynamodb", "kms", "lambda", "cloudtrail", "route53", "cloudfront", "elbv2", "organizations", "logs",
          "glacier", "apigateway", "iot", "mediaconvert", "cloudwatch", "ses", "redshift", "elasticbeanstalk", "lexv2-models", "iot-data",
          "config", "events", "eks", "wafv2", "kinesis-video-media", "sesv2", "macie2", "accessanalyzer", "workspaces-web", "pinpoint"]
SAMPLE_OPS = 8
N = int(os.environ.get("PB_CONFORMANCE_N", "0"))
ROUNDS = max(1, N)
SHARE = 3 if BUILD.endswith("san") else 1  # a third of the operations is enough to find what only the sanitizers see
SEED = os.environ.get("PB_CONFORMANCE_SEED", "")
MOST_SHOWN = int(os.environ.get("PB_CONFORMANCE_SHOW", "6"))

session = botocore.session.get_session()
loader = session.get_component("data_loader")
driver = subprocess.Popen([os.path.join(BUILD, "tests", "codec_driver"), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def ask(**what):
    driver.stdin.write(json.dumps(what).encode() + b"\n")
    driver.stdin.flush()
    line = driver.stdout.readline()
    if not line:
        raise AssertionError("the driver died at %s" % json.dumps(what)[:600])
    return json.loads(line)


def service_model(name):
    return ServiceModel(loader.load_service_model(name, "service-2"), name)


def ops_of(name, model):
    names = list(model.operation_names)[::SHARE]
    if name in OURS or N:
        return names
    return random.Random(name).sample(names, min(SAMPLE_OPS, len(names)))


def event_stream(shape):
    return shape is not None and shape.type_name == "structure" and any(m.serialization.get("eventstream") for m in shape.members.values())


def each():
    """(service, model, operation, round's random numbers)"""
    services = loader.list_available_services("service-2") if N else OURS + SAMPLE
    for name in services:
        model = service_model(name)
        for op_name in ops_of(name, model):
            op = model.operation_model(op_name)
            if event_stream(op.input_shape) or event_stream(op.output_shape):
                continue
            for k in range(ROUNDS):
                yield name.replace("-", "_"), model, op, random.Random("%s%s.%s.%d" % (SEED, name, op_name, k))


class Tally:
    def __init__(self):
        self.good, self.skipped, self.wrong = 0, 0, []

    def check(self, where, got, want):
        if got == want:
            self.good += 1
            return True
        self.wrong.append("%s: %s" % (where, difference(got, want)))
        return False

    def done(self, at_least):
        if self.wrong:
            raise AssertionError("%d of %d differ: %s" % (len(self.wrong), self.good + len(self.wrong), " || ".join(self.wrong[:MOST_SHOWN])))
        if self.good < at_least // SHARE:
            raise AssertionError("only %d compared (%d could not be generated)" % (self.good, self.skipped))


def difference(got, want, path=""):
    if type(got) is dict and type(want) is dict:
        for k in list(want) + list(got):
            if got.get(k) != want.get(k) or (k in got) != (k in want):
                return difference(got.get(k, "(absent)"), want.get(k, "(absent)"), path + "." + str(k))
    if isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        for i, (a, b) in enumerate(zip(got, want)):
            if a != b:
                return difference(a, b, path + "[%d]" % i)
    return "%s: got %.300r, want %.300r" % (path, got, want)


# ---- requests ----

def customised(service, op, params):
    """What botocore's handlers make of the parameters before they are serialised."""
    if service == "s3":
        if op.name in ("ListObjects", "ListObjectsV2", "ListObjectVersions"):
            handlers.set_list_objects_encoding_type_url(params, {})
        if "SSECustomerKey" in params:
            handlers.sse_md5(params)
        if op.name in ("CopyObject", "UploadPartCopy"):
            handlers.copy_source_sse_md5(params)
            handlers.handle_copy_source_param(params)
    elif (service, op.name) in (("ec2", "RunInstances"), ("autoscaling", "CreateLaunchConfiguration")):
        handlers.base64_encode_user_data(params)
    elif service == "route53":
        handlers.fix_route53_ids(params, op)
    elif service == "glacier" and op.input_shape:
        handlers.inject_account_id(params)
    return params


def lower_bools(v):
    return {True: "true", False: "false"}.get(v, v) if isinstance(v, bool) else v


def expected_query(serialized):
    path, _, query = serialized["url_path"].partition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    if serialized["query_string"]:
        extra = {k: [lower_bools(x) for x in v] if isinstance(v, list) else lower_bools(v) for k, v in serialized["query_string"].items()}
        pairs += urllib.parse.parse_qsl(percent_encode_sequence(extra), keep_blank_values=True)
    return path, sorted(pairs)


def tree(e):
    return [e.tag, sorted(e.attrib.items()), e.text or "", [tree(k) for k in e]]


def canonical_body(protocol, body):
    if isinstance(body, dict):
        return sorted((k, str(v)) for k, v in body.items())
    if protocol in ("query", "ec2"):
        return sorted(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    if body[:1] in (b"{", b"["):
        try:
            return json.loads(body)
        except ValueError:
            pass
    if body[:1] == b"<":
        try:
            return tree(ElementTree.fromstring(body))
        except ElementTree.ParseError:
            pass
    return body


def take_checksums(op, params, headers, body):
    """Removes the checksum headers after checking them; botocore computes its own at another place."""
    trait = op.http_checksum
    member = trait.get("requestAlgorithmMember")
    name = op.input_shape.members[member].serialization["name"].lower() if member else None
    if any(p.startswith("Checksum") and p != "ChecksumAlgorithm" and p != "ChecksumMode" for p in params):
        headers.pop(name, None) if member and member not in params else None
        return  # the caller's own
    value = headers.pop("x-amz-checksum-crc32", None)
    if value is not None:
        eq(value, base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(), "crc32")
    if member and member not in params and trait.get("requestChecksumRequired"):
        if value is None and not any(h.startswith("x-amz-checksum-") for h in headers) and "content-md5" not in headers:
            raise AssertionError("a required checksum is missing")
        headers.pop(name, None)
    for other in ("crc32c", "sha1", "sha256"):
        if member in params and params[member].lower() == other:
            headers.pop("x-amz-checksum-" + other, None)
    if (op.http_checksum_required or trait.get("requestChecksumRequired")) and not member and "ContentMD5" not in params:
        eq(headers.pop("content-md5", None), base64.b64encode(md5(body).digest()).decode(), "content-md5")


def request_inputs(fit=True):
    for service, model, op, rng in each():
        try:
            params = Maker(rng, fit).structure(op.input_shape, 0, ()) if op.input_shape else {}
        except Impossible:
            yield service, model, op, None
            continue
        payload = op.input_shape and op.input_shape.serialization.get("payload")
        body = payload and op.input_shape.members[payload]
        if body and (body.type_name not in ("structure", "blob", "string") or body.type_name == "structure" and body.is_document_type):
            continue  # botocore 1.29 wraps such a payload in {"null": ..}
        if service == "s3" and "Bucket" in params:
            params["Bucket"] = rng.choice(["a-bucket", "b.c.d", "xyz"])
        yield service, model, op, params


def parsed_lists(model, op, params):
    """A botocore quirk to step around: in header lists it joins only strings."""
    for name, member in (op.input_shape.members if op.input_shape else {}).items():
        if member.serialization.get("location") == "header" and member.type_name == "list" and name in params:
            params[name] = [v for v in params[name] if "," not in v] or ["x"]
    return params


REQUESTS = []


def make_requests():
    if not REQUESTS:
        for service, model, op, params in request_inputs():
            if params is not None:
                params = parsed_lists(model, op, params)
            REQUESTS.append((service, model, op, params, params is not None and ask(do="write", service=service, op=op.name, input=tagged(params))))
    return REQUESTS


@case("codec: requests equal botocore's")
def _():
    t = Tally()
    for service, model, op, params, got in make_requests():
        where = "%s.%s" % (service, op.name)
        if params is None:
            t.skipped += 1
            continue
        if not got["ok"]:
            t.wrong.append("%s: refused: %s: %s" % (where, got["code"], got["message"]))
            continue
        protocol = model.metadata["protocol"]
        params = customised(service, op, dict(params))
        want = botocore.serialize.create_serializer(protocol, False).serialize_to_request(params, op)
        body = base64.b64decode(got["body"])
        headers = {k.lower(): v for k, v in got["headers"]}
        try:
            take_checksums(op, params, headers, body)
        except AssertionError as e:
            t.wrong.append("%s: %s" % (where, e))
            continue
        path, query = expected_query(want)
        wanted_headers = {k.lower(): {"True": "true", "False": "false"}.get(v, v) for k, v in want["headers"].items()}
        for extra in ("accept", "x-amzn-query-mode", "x-amz-glacier-version", "x-amz-api-version"):
            if extra not in wanted_headers:
                headers.pop(extra, None)
        t.check(where, {"method": got["method"], "path": got["path"], "prefix": got["host_prefix"],
                        "query": sorted(urllib.parse.parse_qsl(got["query"], keep_blank_values=True)),
                        "headers": headers, "body": canonical_body(protocol, body)},
                {"method": want["method"], "path": path, "prefix": want.get("host_prefix", ""), "query": query,
                 "headers": wanted_headers, "body": canonical_body(protocol, want["body"])})
    t.done(900)


@case("codec: the simulated account reads what the client wrote")
def _():
    t = Tally()
    for service, model, op, params, wrote in make_requests():
        if not wrote or not wrote["ok"]:
            t.skipped += 1
            continue
        got = ask(do="read_request", service=service, method=wrote["method"], path=wrote["path"], query=wrote["query"], headers=wrote["headers"],
                  body=wrote["body"])
        where = "%s.%s" % (service, op.name)
        if unsayable(model, op, params):
            t.skipped += 1
            continue
        members = op.input_shape.members if op.input_shape else {}
        params = {k: json.dumps(v, separators=(",", ":")) if members[k].serialization.get("jsonvalue") and members[k].serialization.get("location") == "header" else v
                  for k, v in params.items()}
        want = tagged(customised(service, op, dict(params)) if service != "ec2" and service != "autoscaling" else params)
        if (service, op.name) in SAME_REQUEST and got["op"] == SAME_REQUEST[service, op.name]:
            continue
        if not got["ok"]:
            t.wrong.append("%s: as %s: %s: %s" % (where, got["op"], got["code"], got["message"]))
            continue
        member = op.http_checksum.get("requestAlgorithmMember")
        if member and op.http_checksum.get("requestChecksumRequired") and member not in want:
            want[member] = got["input"].get(member)
        t.check(where, {"op": got["op"], "input": without_added(pruned(loosely(got["input"])), want)},
                {"op": op.name, "input": pruned(loosely(want))})
    t.done(900)


# Two names for one request: nobody could tell them apart.
SAME_REQUEST = {("s3", "GetBucketLifecycle"): "GetBucketLifecycleConfiguration", ("s3", "PutBucketLifecycle"): "PutBucketLifecycleConfiguration",
                ("s3", "GetBucketNotification"): "GetBucketNotificationConfiguration", ("s3", "PutBucketNotification"): "PutBucketNotificationConfiguration"}


def has_empty(v):
    if isinstance(v, (dict, list)) and not v:
        return True
    return any(has_empty(x) for x in (v.values() if isinstance(v, dict) else v)) if isinstance(v, (dict, list)) else False


def unsayable(model, op, params):
    """Empty lists, which forms, XML's flattened lists and headers cannot tell from absent ones."""
    if model.metadata["protocol"] not in ("json", "rest-json"):
        return has_empty(params)
    return any(has_empty(v) for k, v in params.items() if op.input_shape.members[k].serialization.get("location"))


def loosely(v):
    """Empty payloads of raw bytes come back absent."""
    if isinstance(v, dict):
        if list(v) == ["$bytes"]:
            return v if v["$bytes"] else None
        return {k: loosely(x) for k, x in v.items()}
    return [loosely(x) for x in v] if isinstance(v, list) else v


def without_added(got, want):
    return {k: v for k, v in got.items() if k in want or k not in ("accepts", "ContentMD5", "ChecksumCRC32", "ChecksumSHA1", "ChecksumSHA256", "ChecksumCRC32C")}


# ---- answers ----

def parse_with_botocore(model, op, status, headers, body):
    parser = botocore.parsers.create_parser(model.metadata["protocol"])
    h = HTTPHeaders()
    for k, v in headers:
        h[k] = v
    parsed = parser.parse({"status_code": status, "headers": h, "body": body}, op.output_shape)
    parsed.pop("ResponseMetadata", None)
    return parsed


def raw_payload(op):
    s = op.output_shape
    name = s.serialization.get("payload") if s else None
    return name if name and s.members[name].type_name in ("blob", "string") else None


def decoded(service, op, output):
    """After botocore's own handlers; policy documents stay text here."""
    def policies(shape, v):
        if shape.type_name == "structure":
            return {k: urllib.parse.unquote(x) if shape.members[k].name == "policyDocumentType" else policies(shape.members[k], x) for k, x in v.items()}
        if shape.type_name == "list":
            return [policies(shape.member, x) for x in v]
        return v
    if service == "iam" and op.output_shape:
        return policies(op.output_shape, output)
    return output


# The first two have cases of their own; the third has two members of one name.
SPECIAL = {("s3", "GetBucketLocation"), ("ec2", "GetConsoleOutput"), ("s3", "GetBucketNotification")}
LISTS = {("s3", "ListObjects"), ("s3", "ListObjectsV2"), ("s3", "ListObjectVersions")}


def outputs(fit):
    for service, model, op, rng in each():
        if (service, op.name) in SPECIAL:
            continue
        try:
            v = Maker(rng, fit).structure(op.output_shape, 0, ()) if op.output_shape else {}
        except Impossible:
            continue
        raw = raw_payload(op)
        if raw:
            v[raw] = "raw body" if op.output_shape.members[raw].type_name == "string" else b"raw body"
        for name, member in (op.output_shape.members if op.output_shape else {}).items():
            if member.serialization.get("location") == "statusCode" and name in v:
                v[name] = 200
            if member.serialization.get("location") == "header" and member.type_name == "list" and name in v:
                v[name] = [x.replace(",", "") or "x" if isinstance(x, str) else x for x in v[name]] or ["x"]
        if (service, op.name) in LISTS:
            v["EncodingType"] = "url"
        yield service, model, op, v, rng


def loose_json(op, v):
    """JSON texts by what they mean."""
    members = op.output_shape.members if op.output_shape else {}
    return {k: json.loads(x) if members[k].serialization.get("jsonvalue") and members[k].serialization.get("location") == "header" else x for k, x in v.items()}


def json_headers(op, v):
    """Members that are JSON in a header become its text."""
    members = op.output_shape.members if op.output_shape else {}
    return {k: json.dumps(x) if members[k].serialization.get("jsonvalue") and members[k].serialization.get("location") == "header" else x for k, x in v.items()}


def botocore_view(model, op, status, headers, body):
    out = parse_with_botocore(model, op, status, headers, body)
    raw = raw_payload(op)
    if raw and isinstance(out.get(raw), str) and op.output_shape.members[raw].type_name == "blob":
        out[raw] = out[raw].encode()
    for name, member in (op.output_shape.members if op.output_shape else {}).items():
        if member.serialization.get("jsonvalue") and member.serialization.get("location") == "header" and name in out:
            out[name] = json.dumps(out[name])  # the codec gives its text
    return tagged(out)


@case("codec: answers are read as botocore reads them")
def _():
    t = Tally()
    for service, model, op, v, rng in outputs(False):
        where = "%s.%s" % (service, op.name)
        if (service, op.name) in LISTS:
            v.pop("EncodingType")
        status, headers, body = answer(model, op, v, rng)
        headers = [[k, str(x)] for k, x in headers.items()]
        got = ask(do="read_answer", service=service, op=op.name, status=status, headers=headers, body=base64.b64encode(body).decode())
        try:
            want = decoded(service, op, botocore_view(model, op, status, headers, body))
        except Exception as e:
            if not isinstance(e, (UnicodeDecodeError, UnboundLocalError, TypeError, AttributeError)):
                raise
            t.skipped += 1  # botocore's own parser fails
            continue
        if not got["ok"]:
            t.wrong.append("%s: refused: %s" % (where, got["message"]))
        else:
            t.check(where, loose_json(op, got["output"]), loose_json(op, want))
    t.done(900)


@case("codec: what the simulated account answers is read back by both")
def _():
    t = Tally()
    for service, model, op, v, rng in outputs(False):
        where = "%s.%s" % (service, op.name)
        v = json_headers(op, v)
        wrote = ask(do="write_answer", service=service, op=op.name, output=tagged(v), request_id="req-7")
        if not wrote["ok"]:
            t.wrong.append("%s: not written: %s" % (where, wrote))
            continue
        got = ask(do="read_answer", service=service, op=op.name, status=wrote["status"], headers=wrote["headers"], body=wrote["body"])
        if not got["ok"]:
            t.wrong.append("%s: refused: %s" % (where, got["message"]))
            continue
        for name, member in (op.output_shape.members if op.output_shape else {}).items():
            if member.serialization.get("location") == "statusCode":
                v[name] = wrote["status"]
            if member.serialization.get("location") == "headers" and not member.serialization.get("name"):
                v[name] = got["output"][name]  # takes all headers there are
        if not t.check(where + " (own)", pruned(got["output"]), pruned(tagged(v))):
            continue
        eq(got["request_id"], "req-7")
        if (service, op.name) in LISTS:
            continue
        try:
            theirs = botocore_view(model, op, wrote["status"], wrote["headers"], base64.b64decode(wrote["body"]))
        except UnboundLocalError:
            continue
        t.check(where + " (botocore)", pruned(loose_json(op, decoded(service, op, theirs))), pruned(loose_json(op, tagged(v))))
    t.done(1800)


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
    for service, model, op, v, _ in outputs(False):
        if rng.random() > 0.35:
            continue
        status, headers, body = answer(model, op, v, rng)
        for _ in range(2):
            got = ask(do="read_answer", service=service, op=op.name, status=rng.choice([status, status, 400, 503]), headers=[[k, str(x)] for k, x in headers.items()],
                      body=base64.b64encode(damaged(body, rng)).decode())
            if not got["ok"] and (not got["code"] or len(got["message"]) > 2000):
                raise AssertionError("%s.%s: an error without a code: %r" % (service, op.name, got))
            done += 1
    for service, model, op, params, wrote in make_requests():
        if not wrote or not wrote["ok"] or rng.random() > 0.35:
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

GOLDEN = [
    ("ec2", "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "eni-1", "Groups": ["sg-1", "sg-2"]}, "NetworkInterfaceId=eni-1&SecurityGroupId.1=sg-1&SecurityGroupId.2=sg-2"),
    ("ec2", "RevokeSecurityGroupIngress", {"GroupId": "sg-1", "SecurityGroupRuleIds": ["sgr-1"]}, "GroupId=sg-1&SecurityGroupRuleId.1=sgr-1"),
    ("ec2", "RevokeSecurityGroupEgress", {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]},
     "GroupId=sg-1&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0"),
    ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "1"}], "PrefixListIds": [{"PrefixListId": "pl-1"}]}]},
     "GroupId=sg-1&IpPermissions.1.Groups.1.GroupId=sg-2&IpPermissions.1.Groups.1.UserId=1&IpPermissions.1.PrefixListIds.1.PrefixListId=pl-1"),
    ("ec2", "CreateSecurityGroup", {"GroupName": "n", "Description": "d", "VpcId": "vpc-1", "TagSpecifications": [{"ResourceType": "security-group", "Tags": [{"Key": "k", "Value": "v"}]}]},
     "GroupName=n&GroupDescription=d&VpcId=vpc-1&TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v"),
    ("ec2", "CreateSnapshots", {"InstanceSpecification": {"InstanceId": "i-1", "ExcludeBootVolume": False}, "CopyTagsFromSource": "volume"},
     "InstanceSpecification.InstanceId=i-1&InstanceSpecification.ExcludeBootVolume=false&CopyTagsFromSource=volume"),
    ("ec2", "ModifySnapshotAttribute", {"SnapshotId": "snap-1", "Attribute": "createVolumePermission", "OperationType": "remove", "GroupNames": ["all"], "UserIds": ["123456789012"]},
     "SnapshotId=snap-1&Attribute=createVolumePermission&OperationType=remove&UserGroup.1=all&UserId.1=123456789012"),
    ("ec2", "ModifyInstanceAttribute", {"InstanceId": "i-1", "DisableApiTermination": {"Value": True}}, "InstanceId=i-1&DisableApiTermination.Value=true"),
    ("ec2", "DescribeInstances", {"Filters": [{"Name": "instance-id", "Values": ["i-1"]}]}, "Filter.1.Name=instance-id&Filter.1.Value.1=i-1"),
    ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "s-12", "DurationSeconds": 900, "Tags": [{"Key": "k", "Value": "v"}]},
     "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&RoleSessionName=s-12&DurationSeconds=900&Tags.member.1.Key=k&Tags.member.1.Value=v"),
    ("autoscaling", "DetachInstances", {"InstanceIds": ["i-1"], "AutoScalingGroupName": "g", "ShouldDecrementDesiredCapacity": False},
     "InstanceIds.member.1=i-1&AutoScalingGroupName=g&ShouldDecrementDesiredCapacity=false"),
    ("rds", "ModifyDBSnapshotAttribute", {"DBSnapshotIdentifier": "s", "AttributeName": "restore", "ValuesToRemove": ["all"]},
     "DBSnapshotIdentifier=s&AttributeName=restore&ValuesToRemove.AttributeValue.1=all"),
    ("sns", "Publish", {"Message": "m", "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
     "Message=m&MessageAttributes.entry.1.Name=k&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v"),
]


@case("codec: the bodies that AWS's documents show")
def _():
    for service, op, params, want in GOLDEN:
        got = ask(do="write", service=service, op=op, input=params)
        body = base64.b64decode(got["body"]).decode()
        eq(re.sub(r"^Action=\w+&Version=[\d-]+&", "", body), want, op)


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


@case("model: hosts equal botocore's resolver's")
def _():
    resolver = session.get_component("endpoint_resolver")
    t = Tally()
    for name in loader.list_available_services("service-2")[::SHARE]:
        meta = service_model(name).metadata
        if name == "resource-explorer-2":
            continue  # botocore's resolver overlooks the service's own domain, api.aws
        for region in ("us-east-1", "eu-west-1", "ap-southeast-3", "cn-north-1", "us-gov-west-1", "us-iso-east-1"):
            want = resolver.construct_endpoint(meta["endpointPrefix"], region)
            got = ask(do="endpoint", service=name.replace("-", "_"), region=region)
            t.check("%s %s" % (name, region), [got["host"], got["region"], got["partition"]],
                    [want["hostname"], want.get("credentialScope", {}).get("region", region if want["endpointName"] == region else want["endpointName"]), want["partition"]])
    eq(ask(do="endpoint", service="ec2", region="mars-1")["ok"], False)
    t.done(1500)


try:
    main()
finally:
    driver.stdin.close()
    driver.wait(10)
