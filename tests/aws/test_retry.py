"""How often and how fast the client sends: the budget of retries that all calls share, and the rate of the adaptive mode beside botocore's."""
# speed: slow
# runs: sanitized
import json
import os
import random
import subprocess
import sys
import re
import threading
import time
import http.server

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from botocore.retries import adaptive, bucket, throttling

from awsdrive import Client
from codecdiff import loader, service_model
from lab import PLAYBOOKS, Lab, Proxy, documents
from pbtest import BUILD, case, eq, has, main, tempdir


def ask(**q):
    p = subprocess.run([os.path.join(BUILD, "tests", "pages"), "--serve"], input=json.dumps(q) + "\n", capture_output=True, text=True, timeout=30, check=True)
    return json.loads(p.stdout)


class Clock:
    now = 0.0

    def current_time(self):
        return self.now


class Detector:
    answer = False

    def is_throttling_error(self, **_):
        return self.answer


@case("the adaptive rate follows botocore's, over random histories of answers and throttling")
def _():
    for seed in range(12):
        rng, clock, detector = random.Random(seed), Clock(), Detector()
        now, events = 1000000, []
        for _ in range(400):
            events.append([now, rng.random() < (0.08 if seed % 3 else 0.0) or (seed % 3 == 0 and rng.random() < 0.01)])
            now += rng.choice([1, 5, 20, 60, 400 if rng.random() < 0.05 else 30])
        clock.now = events[0][0] / 1000
        tokens = bucket.TokenBucket(max_rate=1, clock=clock)
        clocker = adaptive.RateClocker(clock)
        limiter = adaptive.ClientRateLimiter(rate_adjustor=throttling.CubicCalculator(starting_max_rate=0.5, start_time=clock.now), rate_clocker=clocker,
                                             token_bucket=tokens, throttling_detector=detector, clock=clock)
        got = ask(rates=events)
        for (at, throttled), (measured, fill) in zip(events, got):
            clock.now, detector.answer = at / 1000, throttled
            limiter.on_receiving_response()
            for ours, theirs, what in ((measured, clocker.measured_rate, "measured"), (fill, tokens.max_rate, "fill")):
                if abs(ours - theirs) > 1e-6 * max(1, abs(theirs)):
                    raise AssertionError("seed %d, at %d ms: %s rate %r, botocore: %r" % (seed, at, what, ours, theirs))


USERS = ('<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users/><IsTruncated>false</IsTruncated>'
         '</ListUsersResult></ListUsersResponse>')
SLOW = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>q</RequestId></ErrorResponse>"


class Server:
    def __init__(self, *script):
        self.script, self.count = list(script), 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.count += 1
                status, body = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]


@case("a hundred retries, then the budget is used up: calls fail at once, with AWS's error and the reason; successes fill it again")
def _():
    server = Server((400, SLOW))
    client = Client(server.url, PB_RETRY_BASE_MS="1")
    attempts = []
    for _ in range(20):
        o = client.call("iam.ListUsers")
        eq((o["ok"], o["code"]), (False, "Throttling"))
        attempts.append(o["meta"]["attempts"])
    eq((attempts[:14], attempts[14:]), ([8] * 14, [3] + [1] * 5))
    has(o["message"], "the budget of retries that all calls share is used up")
    server.script = [(200, USERS)]
    for _ in range(10):
        eq(client.call("iam.ListUsers")["ok"], True)
    server.script = [(400, SLOW)]
    eq([client.call("iam.ListUsers")["meta"]["attempts"] for _ in range(2)], [3, 1])
    server.script = [(200, USERS)]
    for _ in range(5):
        client.call("iam.ListUsers")
    server.script = [(400, SLOW), (200, USERS)]
    eq([client.call("iam.ListUsers")["meta"]["attempts"] for _ in range(1)], [2])
    server.script = [(400, SLOW), (200, USERS)]
    eq([client.call("iam.ListUsers")["meta"]["attempts"] for _ in range(1)], [2], "what the retry took has come back: ")
    client.close()


@case("AWS_MAX_ATTEMPTS is the number of tries in all")
def _():
    server = Server((400, SLOW))
    for n in (1, 3):
        client = Client(server.url, PB_RETRY_BASE_MS="1", AWS_MAX_ATTEMPTS=str(n))
        eq(client.call("iam.ListUsers")["meta"]["attempts"], n)
        client.close()


@case("adaptive mode waits for its place after throttling, and says when that would be too late; other services are not slowed down")
def _():
    server = Server((400, SLOW), (200, USERS))
    client = Client(server.url, PB_RETRY_BASE_MS="1", AWS_RETRY_MODE="adaptive")
    start = time.monotonic()
    o = client.call("iam.ListUsers", deadline_ms=800)
    eq((o["ok"], o["code"], o["ms"] < 800), (False, "rate_limited", True))
    has(o["message"], "adaptive")
    server.script = [(200, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")]
    eq(client.call("sts.GetCallerIdentity", deadline_ms=800)["ok"], True)
    server.script = [(200, USERS)]
    o = client.call("iam.ListUsers", deadline_ms=8000)
    took = time.monotonic() - start
    eq((o["ok"], 0.8 < took < 8), (True, True), "%.1f s: " % took)
    client.close()
    server.script = [(400, SLOW), (200, USERS)]
    client = Client(server.url, PB_RETRY_BASE_MS="1", AWS_RETRY_MODE="standard")
    o = client.call("iam.ListUsers", deadline_ms=800)
    eq(o["ok"], True)
    client.close()


@case("a mode that does not exist is refused")
def _():
    client = Client("http://127.0.0.1:9", AWS_RETRY_MODE="eager")
    o = client.call("iam.ListUsers")
    eq((o["ok"], o["code"]), (False, "configuration"))
    has(o["message"], "AWS_RETRY_MODE")
    client.close()


# ---- failures inside a 200 ----

# What has such a name and is none: counts and texts apart, lists of what was asked for.
EXEMPT = {("ssm", "UpdatePatchBaseline", "RejectedPatches"), ("lexv2-models", "UpdateBotLocale", "failureReasons"),
          ("cloudfront", "CreateInvalidation", "Invalidation"), ("lex-models", "CreateIntentVersion", "rejectionStatement"),
          ("lex-models", "PutIntent", "rejectionStatement"), ("appsync", "EvaluateCode", "error"), ("appsync", "EvaluateMappingTemplate", "error"),
          ("sagemaker", "BatchDescribeModelPackage", "BatchDescribeModelPackageErrorMap")}


def suspicious():
    """Every output member of a write in all services whose name speaks of failures: (service, operation, member, shape)."""
    few = ["ec2", "events", "logs", "securityhub", "guardduty", "sqs", "config", "ecr"]  # for the sanitizers: the code is the same for all
    for service in few if BUILD.endswith("san") else loader.list_available_services("service-2"):
        model = service_model(service)
        for op in model.operation_names:
            if re.match(r"(Describe|List|Get|BatchGet|Search|Query|Scan|Lookup|Validate|Test)", op) or not model.operation_model(op).output_shape:
                continue
            for member, shape in model.operation_model(op).output_shape.members.items():
                if re.search(r"(?i)unprocess|fail|unsuccess|error|reject|invalid", member) and shape.type_name in ("list", "map", "structure"):
                    yield service, op, member, shape


def sample(shape, depth=0):
    """A value with every member, texts saying which they are."""
    if depth > 5:
        return None
    if shape.type_name == "structure":
        return {k: sample(v, depth + 1) for k, v in shape.members.items()}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)]
    if shape.type_name == "map":
        return {"some-key": sample(shape.value, depth + 1)}
    return {"string": "text", "integer": 5, "long": 5, "boolean": True}.get(shape.type_name)


@case("every list of failed items in the answers of writes, of all services, is a failure that says what failed; an empty one is not")
def _():
    p = subprocess.Popen([os.path.join(BUILD, "tests", "pages"), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def judged(service, op, output):
        p.stdin.write(json.dumps({"service": service.replace("-", "_"), "partial": op, "output": output}) + "\n")
        p.stdin.flush()
        return json.loads(p.stdout.readline())
    wrong, seen = [], 0
    for service, op, member, shape in suspicious():
        if (service, op, member) in EXEMPT or op.startswith("PutPipelineDefinition"):
            continue
        seen += 1
        got = judged(service, op, {member: sample(shape)})
        says = [x for x in got[:2] if x] if got else None
        if not says:
            wrong.append("%s.%s %s: %r" % (service, op, member, got))
        if judged(service, op, {member: [] if shape.type_name == "list" else {}}) is not None:
            wrong.append("%s.%s %s: empty is a failure" % (service, op, member))
    p.stdin.close()
    p.wait()
    eq(wrong, [])
    eq(seen > (30 if BUILD.endswith("san") else 150), True, "%d members: " % seen)


@case("over the wire: a write that failed in part raises PartialFailure with the first item's reason; a read does not")
def _():
    server = Server((200, json.dumps({"FailedEntryCount": 1, "FailedEntries": [{"TargetId": "t", "ErrorCode": "ConcurrentModificationException", "ErrorMessage": "busy"}]})))
    client = Client(server.url)
    o = client.call("events.RemoveTargets", Rule="r", Ids=["t"])
    eq((o["ok"], o["code"]), (False, "PartialFailure"))
    has(o["message"], "1 item failed, the first with ConcurrentModificationException: busy")
    server.script = [(200, json.dumps({"InvalidParameters": ["/gone"], "DeletedParameters": ["/p"]}))]
    o = client.call("ssm.DeleteParameters", Names=["/p", "/gone"])
    eq((o["ok"], o["code"]), (False, "PartialFailure"))
    has(o["message"], "/gone")
    o = client.call("ssm.GetParameters", Names=["/p"])
    eq(o["ok"], True)
    server.script = [(200, json.dumps({"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 3}}))]
    o = client.call("logs.PutLogEvents", logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1700000000000, "message": "m"}])
    eq(o["code"], "PartialFailure")
    has(o["message"], "tooOldLogEventEndIndex")
    client.close()


# ---- changes that met ----

@case("a conflict: the library reads again and tries once more; the second one is the action's error, with its class")
def _():
    lab = Lab()
    try:
        lab.set_up()
        proxy = Proxy(lab.url)
        playbook = os.path.join(PLAYBOOKS, "revoke_exposed_key.pb")
        event = lab.events["revoke_exposed_key"]
        d = tempdir()
        proxy.faults["UpdateAccessKey"] = [(409, "ConcurrentModification")]
        p = lab.run(playbook, event, os.path.join(d, "one"), url=proxy.url)
        eq((p.returncode, proxy.seen["UpdateAccessKey"]), (0, 2), p.stdout[-1500:] + p.stderr[-1500:])
        eq(lab.user_state(lab.users[0])["keys"][lab.keys[0]], "Inactive")
        lab.iam.update_access_key(UserName=lab.users[0], AccessKeyId=lab.keys[0], Status="Active")
        proxy.faults["UpdateAccessKey"] = [(409, "ConcurrentModification")] * 2
        p = lab.run(playbook, event, os.path.join(d, "two"), url=proxy.url)
        eq(p.returncode, 1)
        has(json.dumps(documents(os.path.join(d, "two"))[-1]), "ConcurrentModification")
        proxy.faults["UpdateAccessKey"] = [(403, "AccessDenied")]
        before = proxy.seen["UpdateAccessKey"]
        p = lab.run(playbook, event, os.path.join(d, "three"), url=proxy.url)
        eq((p.returncode, proxy.seen["UpdateAccessKey"] - before), (1, 1))
        source = os.path.join(d, "p.pb")
        with open(source, "w", encoding="utf-8") as f:
            f.write('action t.rename(user: string) contain {\n  do aws.iam.UpdateUser(UserName: user) else {\n    fail error\n  }\n}\n'
                    'playbook p {\n  version "1.0.0"\n  summary "s"\n  owner "o"\n  tier auto\n  controls ["C"]\n  when guardduty.finding as f\n'
                    '  do t.rename("nobody-here") else {\n    record { status: error.status, conflict: error.conflict, throttled: error.throttled, code: error.code }\n  }\n'
                    '  record { affected_resource: f.arn }\n}\n')
        for fault, want in (((409, "ConcurrentModification"), (409, True, False)), ((400, "Throttling"), (400, False, True)), ((404, "NoSuchEntity"), (404, False, False))):
            proxy.faults["UpdateUser"] = [fault] * 9
            p = lab.run(source, event, os.path.join(d, "four"), url=proxy.url, PB_RETRY_BASE_MS="1")
            eq(p.returncode, 0, p.stderr[-1500:])
            kept = documents(os.path.join(d, "four"))[-1]
            text = json.dumps(kept)
            has(text, '"conflict": %s' % json.dumps(want[1]))
            has(text, '"throttled": %s' % json.dumps(want[2]))
            has(text, '"status": %d' % want[0])
    finally:
        lab.close()


main()
