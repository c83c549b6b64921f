"""Answers in pages: which operations have them, and that all pages of a read are one answer, as botocore's paginators make it. The other
end is a server that answers from a list, and the simulated account."""
# speed: slow
# runs: sanitized
import json
import os
import random
import re
import subprocess
import sys
import threading
import http.server

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sim"))

import botocore.parsers
import botocore.paginate
import jmespath

import account
from awsdrive import Client
from awsmodel import Impossible, Maker, answer, tagged
from codecdiff import event_stream, loader, service_model
from pbtest import BUILD, case, eq, has, main

SAMPLE = int(os.environ.get("PB_PAGES_N", "60" if BUILD.endswith("san") else "250"))


def ask(**q):
    p = subprocess.run([os.path.join(BUILD, "tests", "pages"), "--serve"], input=json.dumps(q) + "\n", capture_output=True, text=True, timeout=30, check=True)
    return json.loads(p.stdout)


def configurations():
    """{"ec2.DescribeInstances": botocore's paginator} of the newest version of every service."""
    found = {}
    for service in loader.list_available_services("service-2"):
        newest = loader.list_api_versions(service, "service-2")[-1]
        try:
            pages = loader.load_service_model(service, "paginators-1", newest)["pagination"]
        except Exception:
            continue
        for op, p in pages.items():
            found["%s.%s" % (service, op)] = p
    return found


PAGERS = configurations()


def listed(x):
    return x if isinstance(x, list) else [x] if x else []


class Server:
    """Answers with the next (status, headers, body) of `script`, the last one again and again; keeps requests."""

    def __init__(self):
        self.script, self.requests = [], []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *_):
                pass

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                server.requests.append((self.path, body))
                status, headers, data = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                data = data.encode() if isinstance(data, str) else data
                self.send_response(status)
                for n, v in headers.items():
                    self.send_header(n, v)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else data)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]


server = Server()
client = Client(server.url)


def pages_of(operation, script, **kw):
    server.script, server.requests = list(script), []
    deadline = kw.pop("deadline_ms", 20000)
    service, name = operation.split(".")
    return client.ask({"service": service, "operation": name, "deadline_ms": deadline, "seed": "s", "input": kw, "pages": True})


def js(**value):
    return 200, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-requestid": "r%s" % value.pop("_id", 1)}, json.dumps(value)


@case("the table has the paginators of all %d operations that botocore has" % len(PAGERS))
def _():
    want = {}
    for where, p in PAGERS.items():
        service, op = where.split(".")
        want["%s.%s" % (service.replace("-", "_"), op)] = {"in": listed(p["input_token"]), "out": listed(p["output_token"]), "result": listed(p["result_key"]),
                                                           "limit": p.get("limit_key", ""), "more": p.get("more_results", "")}
    got = ask(pagers=True)
    for p in got.values():
        p.pop("effect")
    eq(len(got) > 1500, True)
    eq([k for k in sorted(set(want) | set(got)) if want.get(k) != got.get(k)], [])


def put(value, path, what):
    for part in path.split(".")[:-1]:
        value = value.setdefault(part, {})
    value[path.split(".")[-1]] = what


def shape_at(shape, path):
    for part in path.split("."):
        shape = shape.members[part]
    return shape


def scripted(model, op, p, rng):
    """Three pages with tokens, the values random: [(status, headers, body)]; None when the generator cannot."""
    made = []
    for page in range(3):
        v = Maker(rng).structure(op.output_shape, 0, ())
        for key in listed(p["result_key"]):
            try:
                put(v, key, Maker(rng, style="full" if page != 1 else "least").value(shape_at(op.output_shape, key), 1))
            except KeyError:
                pass
        if page == 1 and rng.random() < 0.5:
            for key in listed(p["result_key"]):
                if shape_at(op.output_shape, key).type_name == "list":
                    put(v, key, [])
        for token in listed(p["output_token"]):
            path = token.split(" ")[0]
            if "[" in path:
                raise Impossible
            shape = shape_at(op.output_shape, path)
            if shape.type_name == "string":
                put(v, path, "token-%d" % page if page < 2 else None)
            elif page == 2:
                put(v, path, None)
        if p.get("more_results"):
            put(v, p["more_results"], page < 2)
        made.append(drop_none(v))
    return [answer(model, op, v, rng) for v in made]


def drop_none(v):
    return {k: drop_none(x) if isinstance(x, dict) else x for k, x in v.items() if x is not None}


def botocore_full(model, op, p, script):
    """What botocore's paginator makes of the same bytes: (result, last page)."""
    parser = botocore.parsers.ResponseParserFactory().create_parser(model.metadata["protocol"])
    answers, last = list(script), []

    def method(**_):
        status, headers, body = answers.pop(0)
        page = parser.parse({"status_code": status, "headers": botocore.compat.HTTPHeaders.from_dict(headers), "body": body if isinstance(body, bytes) else body.encode()}, op.output_shape)
        last.append(page)
        return page
    keys = [jmespath.compile(k) for k in listed(p["result_key"])]
    it = botocore.paginate.PageIterator(method, listed(p["input_token"]), [jmespath.compile(t) for t in listed(p["output_token"])],
                                        jmespath.compile(p["more_results"]) if p.get("more_results") else None, keys,
                                        [], p.get("limit_key"), None, None, None, {})
    return it.build_full_result(), len(last)


def same(a, b):
    """The same lists, maps, texts, whole numbers and bools; times, bytes and numbers with a point are written differently and not looked at."""
    if isinstance(a, dict) and isinstance(b, dict):
        a, b = ({k: x for k, x in m.items() if x not in (None, {}, [])} for m in (a, b))
        return set(a) == set(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(b, str) and (b.startswith("b'") or b.startswith('b"') or re.match(r"\d{4}-\d\d-\d\d ", b)) or isinstance(b, float):
        return True
    return a == b


@case("random pages of %d operations are joined to what botocore's paginators make of them" % SAMPLE)
def _():
    effects = {k: p["effect"] for k, p in ask(pagers=True).items()}
    names = sorted(k for k in PAGERS if effects[k.split(".")[0].replace("-", "_") + "." + k.split(".")[1]] == "read")
    rng = random.Random("pages")
    rng.shuffle(names)
    wrong, good, skipped, unread = [], 0, 0, 0
    for where in names[:SAMPLE]:
        service, op_name = where.split(".")
        model, p = service_model(service), PAGERS[where]
        op = model.operation_model(op_name)
        if event_stream(op.output_shape) or event_stream(op.input_shape):
            skipped += 1
            continue
        r = random.Random(where)
        try:
            given = Maker(r, style="least").structure(op.input_shape, 0, ()) if op.input_shape else {}
            for t in listed(p["input_token"]):
                given.pop(t, None)
            script = scripted(model, op, p, r)
        except (Impossible, KeyError):
            skipped += 1
            continue
        want, asked = botocore_full(model, op, p, script)
        o = pages_of("%s.%s" % (service.replace("-", "_"), op_name), script, **json.loads(json.dumps(tagged(given), default=str)))
        if not o["ok"]:
            if o["code"] in ("ParamValidation", "InvalidResponse", "bucket", "endpoint"):
                unread += 1  # the generator's fault: tests of the codec look at that
            else:
                wrong.append("%s: %s: %s" % (where, o["code"], o["message"]))
            continue
        if len(server.requests) != asked:
            wrong.append("%s: %d requests, botocore makes %d" % (where, len(server.requests), asked))
        for key in listed(p["result_key"]):
            a, b = jmespath.search(key, o["value"]), json.loads(json.dumps(jmespath.search(key, want), default=str))
            shape = shape_at(op.output_shape, key)
            if shape.type_name in ("map", "structure"):
                continue  # united here, the first page's in botocore
            if not same(a or None, b or None):
                wrong.append("%s: %s is %.300r, botocore: %.300r" % (where, key, a, b))
        good += 1
    if wrong:
        raise AssertionError("%d differ: %s" % (len(wrong), " || ".join(wrong[:5])))
    eq(good > SAMPLE * 0.6, True, "%d compared, %d could not be generated, %d could not be read: " % (good, skipped, unread))


@case("empty pages in between are fine; other members are the first page's; the token is left out; one step tells all request ids")
def _():
    o = pages_of("cloudtrail.LookupEvents", [js(_id=1, NextToken="a"), js(_id=2, Events=[], NextToken="b"), js(_id=3, Events=[{"EventId": "1"}], NextToken="c"),
                                             js(_id=4, Events=[{"EventId": "2"}])])
    eq((o["ok"], o["value"]), (True, {"Events": [{"EventId": "1"}, {"EventId": "2"}]}))
    eq([json.loads(b).get("NextToken") for _, b in server.requests], [None, "a", "b", "c"])
    eq((o["meta"]["request_ids"], o["meta"]["pages"], o["meta"]["attempts"]), (["r1", "r2", "r3", "r4"], 4, 4))


@case("one page is passed on as it is")
def _():
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[])])
    eq((o["value"], o["meta"].get("pages"), o["meta"]["request_id"]), ({"Events": []}, None, "r1"))


@case("an empty token ends it; a flag that says no does too, whatever the token")
def _():
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[], NextToken="")])
    eq((o["ok"], len(server.requests)), (True, 1))
    o = pages_of("kinesis.ListStreams", [js(StreamNames=["a", "b"], HasMoreStreams=True), js(StreamNames=["c"], HasMoreStreams=False)])
    eq((o["ok"], o["value"]["StreamNames"], o["value"]["HasMoreStreams"]), (True, ["a", "b", "c"], False))
    eq(json.loads(server.requests[1][1])["NextToken" if "NextToken" in server.requests[1][1] else "ExclusiveStartStreamName"], "b")


@case("numbers are added up, a token may be a map (dynamodb.Scan)")
def _():
    key = {"id": {"S": "k"}}
    o = pages_of("dynamodb.Scan", [js(Items=[{"id": {"S": "1"}}], Count=1, ScannedCount=7, LastEvaluatedKey=key), js(Items=[], Count=0, ScannedCount=5)], TableName="ttt")
    eq((o["value"]["Count"], o["value"]["ScannedCount"], len(o["value"]["Items"]), "LastEvaluatedKey" in o["value"]), (1, 12, 1, False))
    eq(json.loads(server.requests[1][1])["ExclusiveStartKey"], key)


VERSIONS = ('<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bbb</Name><IsTruncated>%s</IsTruncated>%s</ListVersionsResult>')


@case("several tokens and several lists: S3's versions and delete markers")
def _():
    pages = [(200, {}, VERSIONS % ("true", "<NextKeyMarker>k1</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker><Version><Key>a</Key></Version>")),
             (200, {}, VERSIONS % ("true", "<NextKeyMarker>k2</NextKeyMarker><DeleteMarker><Key>b</Key></DeleteMarker>")),
             (200, {}, VERSIONS % ("false", "<Version><Key>c</Key></Version>"))]
    o = pages_of("s3.ListObjectVersions", pages, Bucket="bbb", MaxKeys=1)
    eq((o["ok"], [v["Key"] for v in o["value"]["Versions"]], [d["Key"] for d in o["value"]["DeleteMarkers"]]), (True, ["a", "c"], ["b"]))
    eq((o["value"]["IsTruncated"], "NextKeyMarker" in o["value"]), (False, False))
    paths = [p for p, _ in server.requests]
    has(paths[1], "key-marker=k1")
    has(paths[1], "version-id-marker=v1")
    has(paths[2], "key-marker=k2")
    eq("version-id-marker" in paths[2], False)
    eq(["max-keys=1" in p for p in paths], [True] * 3)


@case("a result inside a structure is joined there (cloudfront), beside what the first page had")
def _():
    def page(more, marker, name):
        return 200, {}, ("<DistributionList xmlns='http://cloudfront.amazonaws.com/doc/2020-05-31/'><Marker></Marker>%s<MaxItems>1</MaxItems><IsTruncated>%s"
                         "</IsTruncated><Quantity>1</Quantity><Items><DistributionSummary><Id>%s</Id></DistributionSummary></Items></DistributionList>") % (
                             "<NextMarker>%s</NextMarker>" % marker if marker else "", more, name)
    o = pages_of("cloudfront.ListDistributions", [page("true", "m", "D1"), page("false", "", "D2")])
    lists = o["value"]["DistributionList"]
    eq(([i["Id"] for i in lists["Items"]], lists["IsTruncated"], lists["MaxItems"], "NextMarker" in lists), (["D1", "D2"], False, 1, False))


@case("who passes a token gets that page; who passes the limit alone gets all")
def _():
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[], NextToken="b")], NextToken="a")
    eq((o["value"], len(server.requests)), ({"Events": [], "NextToken": "b"}, 1))
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[], NextToken="b"), js(Events=[])], MaxResults=5)
    eq([json.loads(b)["MaxResults"] for _, b in server.requests], [5, 5])


@case("a token that comes back is an error, at once or in a circle")
def _():
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[], NextToken="a")])
    eq((o["ok"], o["code"], len(server.requests)), (False, "PaginationLoop", 2))
    has(o["message"], "cloudtrail.LookupEvents: AWS gave the same token")
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[], NextToken=t) for t in "xy" + "abcdefg" * 5])
    eq((o["code"], len(server.requests) < 30), ("PaginationLoop", True))


@case("too many pages and too many items are errors, nothing is cut off silently")
def _():
    o = pages_of("cloudtrail.LookupEvents", [js(NextToken="t%d" % i) for i in range(1200)])
    eq((o["code"], len(server.requests), o["meta"]["pages"]), ("TooManyPages", 1000, 1000))
    page = {"Events": [{"EventId": "1"}] * 30000}
    o = pages_of("cloudtrail.LookupEvents", [js(NextToken="t%d" % i, **page) for i in range(6)])
    eq((o["code"], len(server.requests)), ("TooManyItems", 4))
    has(o["message"], "100,000")


@case("each page is tried again by itself; the failure of one is the call's, and its time is one")
def _():
    slow = (400, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-requestid": "t"}, json.dumps({"__type": "ThrottlingException"}))
    denied = (400, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-requestid": "d"}, json.dumps({"__type": "AccessDeniedException"}))
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[], NextToken="a"), slow, js(Events=[], NextToken="b"), slow, js(Events=[])])
    eq((o["ok"], o["meta"]["attempts"], [r["code"] for r in o["meta"]["retries"]]), (True, 5, ["ThrottlingException"] * 2))
    o = pages_of("cloudtrail.LookupEvents", [js(Events=[], NextToken="a"), denied])
    eq((o["ok"], o["code"], o["meta"]["request_ids"]), (False, "AccessDeniedException", ["r1", "d"]))
    o = pages_of("cloudtrail.LookupEvents", [js(NextToken="a"), slow], deadline_ms=100)
    eq((o["ok"], o["ms"] < 1500), (False, True))


@case("writes are never repeated for their pages")
def _():
    effects = ask(pagers=True)
    writes = sorted(k for k, p in effects.items() if p["effect"] != "read")
    o = pages_of("dynamodb.Scan", [js(Items=[])], TableName="ttt")
    eq(o["ok"], True)
    eq(all(effects[w]["effect"] in ("notify", "contain", "destroy") for w in writes), True)


@case("the simulated account: small pages give what one large page gives, and what boto3's paginators give")
def _():
    a = account.Account()
    try:
        iam, ec2, ssm = a.client("iam"), a.client("ec2"), a.client("ssm")
        for i in range(7):
            iam.create_user(UserName="user-%d" % i)
            ssm.put_parameter(Name="/p/%d" % i, Value="v", Type="String")
        ec2.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="t3.micro", MinCount=12, MaxCount=12)
        ours = Client(a.url, AWS_ACCESS_KEY_ID=account.KEY, AWS_SECRET_ACCESS_KEY=account.SECRET, AWS_SESSION_TOKEN=None, AWS_REGION="us-east-1")

        def both(operation, boto, method, key, limit, **kw):
            service, name = operation.split(".")
            q = dict(kw, **limit)
            o = ours.ask({"service": service, "operation": name, "deadline_ms": 9000, "seed": "s", "input": q, "pages": True})
            eq(o["ok"], True, o["message"])
            want = boto.get_paginator(method).paginate(**q).build_full_result()
            eq((len(o["value"][key]), o["meta"]["pages"] > 1), (len(want[key]), True), operation)
            return o["value"][key], want[key]
        got, want = both("iam.ListUsers", iam, "list_users", "Users", {"MaxItems": 3})
        eq([u["Arn"] for u in got], [u["Arn"] for u in want])
        got, want = both("ssm.DescribeParameters", ssm, "describe_parameters", "Parameters", {"MaxResults": 2})
        eq([p["Name"] for p in got], [p["Name"] for p in want])
        got, want = both("ec2.DescribeNetworkInterfaces", ec2, "describe_network_interfaces", "NetworkInterfaces", {"MaxResults": 5})
        eq([n["NetworkInterfaceId"] for n in got], [n["NetworkInterfaceId"] for n in want])
        ours.close()
    finally:
        eq(a.stop(), 0)


try:
    main()
finally:
    client.close()
