"""The codec beside botocore: what a request or an answer looks like to both, in a form that can be compared. Shared by test_codec.py
(a sample, in the suite) and conformance.py (all of AWS)."""
import base64
import json
import os
import subprocess
import urllib.parse
import zlib
from hashlib import md5
from xml.etree import ElementTree

import botocore.parsers
import botocore.serialize
import botocore.session
from botocore import handlers
from botocore.compat import HTTPHeaders
from botocore.model import ServiceModel
from botocore.utils import percent_encode_sequence

from awsmodel import pruned, tagged
from pbtest import BUILD, eq

session = botocore.session.get_session()
loader = session.get_component("data_loader")


class Driver:
    """A test binary on --serve: one JSON object a line in, one out."""

    def __init__(self, name="codec_driver"):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests", name), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **what):
        line = json.dumps(what).encode() + b"\n"
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError("the driver died at %s" % line[:600])
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def service_model(name):
    return ServiceModel(loader.load_service_model(name, "service-2"), name)


def event_stream(shape):
    return shape is not None and shape.type_name == "structure" and any(m.serialization.get("eventstream") for m in shape.members.values())


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


def parsed_lists(model, op, params):
    """A botocore quirk to step around: in header lists it joins only strings."""
    for name, member in (op.input_shape.members if op.input_shape else {}).items():
        if member.serialization.get("location") == "header" and member.type_name == "list" and name in params:
            params[name] = [v for v in params[name] if "," not in v] or ["x"]
    return params


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


LISTS = {("s3", "ListObjects"), ("s3", "ListObjectsV2"), ("s3", "ListObjectVersions")}


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


# ---- comparisons: each gives a list of (aspect, difference), empty when all is well ----

# The first two have cases of their own in test_codec.py.
SPECIAL = {("s3", "GetBucketLocation"), ("ec2", "GetConsoleOutput")}
OUR_HEADERS = ("accept", "x-amzn-query-mode", "x-amz-glacier-version", "x-amz-api-version")  # botocore adds them behind its serialiser


def compare(aspect, got, want):
    return [] if got == want else [(aspect, difference(got, want))]


def header_text(v):
    if isinstance(v, list):  # botocore leaves lists of bools as they are
        return ",".join(header_text(x) for x in v)
    return {"True": "true", "False": "false"}.get(str(v), v if isinstance(v, str) else str(v))


def compare_request(driver, service, model, op, params):
    """(differences, what the codec wrote)"""
    wrote = driver.ask(do="write", service=service, op=op.name, input=tagged(params))
    if not wrote["ok"]:
        return [("request", "refused: %s: %s" % (wrote["code"], wrote["message"]))], wrote
    protocol = model.metadata["protocol"]
    params = customised(service, op, dict(params))
    want = botocore.serialize.create_serializer(protocol, False).serialize_to_request(params, op)
    body = base64.b64decode(wrote["body"])
    headers = {k.lower(): v for k, v in wrote["headers"]}
    try:
        take_checksums(op, params, headers, body)
    except AssertionError as e:
        return [("checksum", str(e))], wrote
    path, query = expected_query(want)
    wanted_headers = {k.lower(): header_text(v) for k, v in want["headers"].items()}
    for extra in OUR_HEADERS:
        if extra not in wanted_headers:
            headers.pop(extra, None)
    if protocol == "rest-xml":
        want["body"] = want["body"].replace(b"\r", b"&#xD;") if isinstance(want["body"], bytes) and want["body"][:1] == b"<" else want["body"]
    got_body, want_body = canonical_body(protocol, body), canonical_body(protocol, want["body"])
    return compare("request", {"method": wrote["method"], "path": wrote["path"], "prefix": wrote["host_prefix"],
                               "query": sorted(urllib.parse.parse_qsl(wrote["query"], keep_blank_values=True)), "headers": headers, "body": got_body},
                           {"method": want["method"], "path": path, "prefix": want.get("host_prefix", ""), "query": query, "headers": wanted_headers,
                            "body": want_body}), wrote


def compare_readback(driver, service, model, op, params, wrote):
    """Does the simulated account read what the client wrote? None: what was written cannot say it."""
    if unsayable(model, op, params):
        return None
    got = driver.ask(do="read_request", service=service, method=wrote["method"], path=wrote["path"], query=wrote["query"], headers=wrote["headers"], body=wrote["body"])
    members = op.input_shape.members if op.input_shape else {}
    params = {k: json.dumps(v, separators=(",", ":")) if members[k].serialization.get("jsonvalue") and members[k].serialization.get("location") == "header" else v
              for k, v in params.items()}
    want = tagged(customised(service, op, dict(params)) if service != "ec2" and service != "autoscaling" else params)
    if (service, op.name) in SAME_REQUEST and got["op"] == SAME_REQUEST[service, op.name]:
        return None
    if not got["ok"]:
        return [("account reads", "as %s: %s: %s" % (got["op"], got["code"], got["message"]))]
    member = op.http_checksum.get("requestAlgorithmMember")
    if member and op.http_checksum.get("requestChecksumRequired") and member not in want:
        want[member] = got["input"].get(member)
    return compare("account reads", {"op": got["op"], "input": without_added(pruned(loosely(got["input"])), want)}, {"op": op.name, "input": pruned(loosely(want))})


class Unreadable(Exception):
    """botocore's own parser fails."""


def compare_answer(driver, service, model, op, status, headers, body):
    headers = [[k, str(x)] for k, x in headers.items()]
    got = driver.ask(do="read_answer", service=service, op=op.name, status=status, headers=headers, body=base64.b64encode(body).decode())
    try:
        want = decoded(service, op, botocore_view(model, op, status, headers, body))
    except (UnicodeDecodeError, UnboundLocalError, TypeError, AttributeError) as e:
        raise Unreadable(str(e)) from e
    if not got["ok"]:
        return [("answer", "refused: %s" % got["message"])]
    return compare("answer", loose_json(op, got["output"]), loose_json(op, want))


def compare_own_answer(driver, service, model, op, v):
    """What the simulated account answers, read back by the codec and by botocore."""
    v = json_headers(op, v)
    wrote = driver.ask(do="write_answer", service=service, op=op.name, output=tagged(v), request_id="req-7")
    if not wrote["ok"]:
        return [("account answers", "not written: %s" % wrote)]
    got = driver.ask(do="read_answer", service=service, op=op.name, status=wrote["status"], headers=wrote["headers"], body=wrote["body"])
    if not got["ok"]:
        return [("account answers", "refused: %s" % got["message"])]
    for name, member in (op.output_shape.members if op.output_shape else {}).items():
        if member.serialization.get("location") == "statusCode":
            v[name] = wrote["status"]
        if member.serialization.get("location") == "headers" and not member.serialization.get("name"):
            v[name] = got["output"][name]  # takes all headers there are
    found = compare("account answers", pruned(got["output"]), pruned(tagged(v))) + compare("request id", got["request_id"], "req-7")
    if found or (service, op.name) in LISTS:
        return found
    try:
        theirs = botocore_view(model, op, wrote["status"], wrote["headers"], base64.b64decode(wrote["body"]))
    except UnboundLocalError:
        return []
    return compare("account answers botocore", pruned(loose_json(op, decoded(service, op, theirs))), pruned(loose_json(op, tagged(v))))


def prepared_output(service, op, v, rng):
    """A generated output as an answer can carry it: a raw payload is bytes, the status 200, a header's list has no commas inside."""
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
    return v
