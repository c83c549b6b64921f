"""`wait until`: the table's waiters and how they judge answers, beside botocore's; how a wait polls and ends; what the compiler says; and a
run over the simulated account."""
# speed: slow
# runs: sanitized
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import http.server

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import botocore.waiter
import jmespath.exceptions

from awsdrive import Client
from awsmodel import Impossible, Maker
from codecdiff import loader, service_model
from lab import Lab, Proxy, documents
from pbtest import BUILD, PBC, case, eq, has, main, run, tempdir


class Judge:
    def __init__(self):
        self.p = subprocess.Popen([os.path.join(BUILD, "tests", "pages"), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **q):
        self.p.stdin.write(json.dumps(q) + "\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())


judge = Judge()


def configurations():
    found = {}
    for service in loader.list_available_services("service-2"):
        newest = loader.list_api_versions(service, "service-2")[-1]
        try:
            waiters = loader.load_service_model(service, "waiters-2", newest)["waiters"]
        except Exception:
            continue
        for name, w in waiters.items():
            found[service, name] = w
    return found


WAITERS = configurations()


@case("the table has the %d waiters that botocore has" % len(WAITERS))
def _():
    want = {"%s.%s" % (s.replace("-", "_"), n): {"operation": w["operation"], "delay": w["delay"], "attempts": w["maxAttempts"], "acceptors": len(w["acceptors"])}
            for (s, n), w in WAITERS.items()}
    got = judge.ask(waiters=True)
    effects = {k: w.pop("effect") for k, w in got.items()}
    eq(got, want)
    eq([k for k, e in effects.items() if e != "read"], ["ec2.PasswordDataAvailable"])


def tune(v, names, values, rng):
    """The members that a waiter looks at get values that it knows, and others."""
    if isinstance(v, dict):
        return {k: rng.choice(values) if k in names and not isinstance(x, (dict, list)) else tune(x, names, values, rng) for k, x in v.items()}
    if isinstance(v, list):
        return [tune(x, names, values, rng) for x in v]
    return v


def botocore_says(w, response):
    for a in w["acceptors"]:
        try:
            if botocore.waiter.AcceptorConfig(a).matcher_func(response):
                return a["state"]
        except jmespath.exceptions.JMESPathTypeError:
            pass  # length() of what is not there: botocore stops with this exception, here it is no match
    return "none"


@case("answers of every waiter's operation are judged as botocore judges them")
def _():
    wrong, compared, states = [], 0, {}
    for (service, name), w in sorted(WAITERS.items()):
        rng = random.Random(service + name)
        shape = service_model(service).operation_model(w["operation"]).output_shape
        paths = [a for a in w["acceptors"] if a["matcher"].startswith("path")]
        names = {re.findall(r"\w+", a["argument"])[-1] for a in paths if "(" not in a["argument"]} | {"runningCount", "desiredCount"}
        for i in range(12):
            values = [a["expected"] for a in paths if "(" not in a["argument"]] or [1]
            values = rng.sample(values, min(len(values), rng.choice([1, 1, 2]))) + (["other"] if i % 3 == 0 else [])
            try:
                v = Maker(rng, style=rng.choice(["full", "random", "least"])).structure(shape, 0, ()) if shape else {}
            except Impossible:
                continue
            v = json.loads(json.dumps(tune(v, names, values, rng), default=str))
            status = rng.choice([200, 200, 301, 403, 404])
            code = rng.choice([a["expected"] for a in w["acceptors"] if a["matcher"] == "error"] + ["Other"]) if i % 4 == 3 else ""
            response = dict({"Error": {"Code": code}} if code else v, ResponseMetadata={"HTTPStatusCode": status})
            want = botocore_says(w, response)
            got = judge.ask(service=service.replace("-", "_"), waiter=name, answer=v, code=code, status=status)
            compared += 1
            states[want] = states.get(want, 0) + 1
            if got != want:
                wrong.append("%s.%s: %s, botocore: %s: %.300s" % (service, name, got, want, json.dumps(response)))
    if wrong:
        raise AssertionError("%d of %d differ: %s" % (len(wrong), compared, " || ".join(wrong[:4])))
    eq(compared > 2500 and min(states[s] for s in ("success", "retry", "failure", "none")) > 50, True, str(states))


EXPRESSIONS = ["a", "a.b.c", "a[].b", "a[].b[].c", "a.*.b", "a[-1].b", "a[0]", "length(a)", "length(a[]) > `0`", "a[?b == `1`].c", "a || b", "a && b", "!a", "a == b",
               "a[?!(length(b) == `1` && c == d)]", "length(a[?!(length(b) == `1` && c == d)]) == `0`", "contains(a, 'x')", "a[].b[-1]", "a[][].b", "a.*", "a.*.b[]", "a[?b].c[0]",
               "a[?b > `1` || c].b", "(a || b).c", "a < b", "a != `null`", "a[*].b".replace("[*]", "[]"), "b == 'x'", "a[].b || b", "a.b[?c].d", "a[?b][].c"]


def random_json(rng, depth=0):
    if depth > 3 or rng.random() < 0.3:
        return rng.choice([None, True, False, 0, 1, 2, "", "x", "y", [], {}])
    if rng.random() < 0.5:
        return [random_json(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {k: random_json(rng, depth + 1) for k in "abcd" if rng.random() < 0.7}


@case("expressions have the values that jmespath gives them")
def _():
    rng, wrong, compared = random.Random(7), [], 0
    for expression in EXPRESSIONS:
        for _ in range(60):
            v = {k: random_json(rng) for k in "abcd"}
            try:
                want = jmespath.search(expression, v)
            except (jmespath.exceptions.JMESPathError, TypeError):
                continue
            got = judge.ask(expression=expression, value=v)
            compared += 1
            if json.dumps(got, sort_keys=True) != json.dumps(want, sort_keys=True):
                wrong.append("%s of %s: %s, jmespath: %s" % (expression, json.dumps(v), json.dumps(got), json.dumps(want)))
    if wrong:
        raise AssertionError("%d of %d differ: %s" % (len(wrong), compared, " || ".join(wrong[:4])))
    eq(compared > 1000, True)


class Server:
    def __init__(self):
        self.script, self.requests = [], []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *_):
                pass

            def handle_any(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append(self.path)
                status, body = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                self.send_response(status)
                self.send_header("x-amzn-requestid", "r%d" % len(server.requests))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body.encode())

            do_GET = do_POST = do_HEAD = handle_any

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]


server = Server()
client = Client(server.url, PB_WAIT_DELAY_MS="10")


def wait(waiter, script, deadline_ms=5000, by=None, **kw):
    server.script, server.requests = list(script), []
    service, name = waiter.split(".")
    return (by or client).ask({"service": service, "operation": "", "waiter": name, "deadline_ms": deadline_ms, "seed": "s", "input": kw})


def instances(*states):
    return 200, "<DescribeInstancesResponse><reservationSet>%s</reservationSet></DescribeInstancesResponse>" % "".join(
        "<item><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>1</code><name>%s</name></instanceState></item></instancesSet></item>" % s for s in states)


def ec2_error(code):
    return 400, "<Response><Errors><Error><Code>%s</Code><Message>no</Message></Error></Errors><RequestID>q</RequestID></Response>" % code


@case("polls until all are in the state; the evidence has the polls, the last request and what was seen")
def _():
    o = wait("ec2.InstanceStopped", [instances("running", "stopping"), instances("stopping", "stopped"), instances("stopped", "stopped")], InstanceIds=["i-12345678"])
    eq((o["ok"], o["value"], len(server.requests)), (True, None, 3))
    eq({k: o["meta"][k] for k in ("operation", "polls", "attempts", "http_status", "request_id", "region")},
       {"operation": "ec2.wait.InstanceStopped", "polls": 3, "attempts": 3, "http_status": 200, "request_id": "r3", "region": "eu-west-1"})
    has(o["meta"]["seen"], '["stopped","stopped"]')


@case("a state that leads nowhere is WaiterFailed, at once, and says what was seen")
def _():
    o = wait("ec2.InstanceStopped", [instances("stopping"), instances("terminated")], InstanceIds=["i-12345678"])
    eq((o["ok"], o["code"], len(server.requests)), (False, "WaiterFailed", 2))
    has(o["message"], "ec2.wait.InstanceStopped: this will not come about any more: Reservations[].Instances[].State.Name is [\"terminated\"]")


@case("the limit is WaiterTimeout, with the last state; the last question comes shortly before it, whatever the delay")
def _():
    o = wait("ec2.InstanceStopped", [instances("running")], deadline_ms=700, InstanceIds=["i-12345678"])
    eq((o["ok"], o["code"], 550 < o["ms"] < 1200, len(server.requests) > 10), (False, "WaiterTimeout", True, True))
    has(o["message"], 'last seen: Reservations[].Instances[].State.Name is ["running"]')
    slow = Client(server.url)
    o = wait("ec2.InstanceStopped", [instances("running"), instances("stopped")], deadline_ms=900, by=slow, InstanceIds=["i-12345678"])
    eq((o["ok"], len(server.requests), o["ms"] < 900), (True, 2, True))
    slow.close()


@case("errors the waiter knows count as states, others end the wait with their own code")
def _():
    o = wait("ec2.InstanceExists", [ec2_error("InvalidInstanceID.NotFound"), instances("running")], InstanceIds=["i-12345678"])
    eq((o["ok"], len(server.requests)), (True, 2))
    o = wait("ec2.InstanceExists", [ec2_error("UnauthorizedOperation")], InstanceIds=["i-12345678"])
    eq((o["ok"], o["code"]), (False, "UnauthorizedOperation"))
    o = wait("ec2.VolumeDeleted", [ec2_error("InvalidVolume.NotFound")], VolumeIds=["vol-12345678"])
    eq(o["ok"], True)


@case("HTTP statuses count too (s3.BucketExists)")
def _():
    o = wait("s3.BucketExists", [(404, ""), (404, ""), (200, "")], Bucket="bbb")
    eq((o["ok"], len(server.requests), o["meta"]["http_status"]), (True, 3, 200))


@case("a wrong input is an error before anything is sent")
def _():
    o = wait("ec2.InstanceStopped", [instances("stopped")], Nonsense=1)
    eq((o["code"], server.requests), ("ParamValidation", []))


HEAD = 'playbook p {\n  version "1.0.0"\n  summary "s"\n  owner "o"\n  tier auto\n  controls ["C"]\n  when guardduty.finding as f\n'
TAIL = '  record { affected_resource: f.arn }\n}\n'


def check(body):
    path = os.path.join(tempdir(), "p.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(HEAD + body + TAIL)
    p = run([PBC, "check", path])
    return p.returncode, p.stdout + p.stderr


@case("the compiler knows each service's waiters, their arguments and their limits")
def _():
    status, said = check('  wait until aws.ec2.InstanceStopped(InstanceIds: ["i-0123456789abcdef0"]) for 10m\n'
                         '  wait until aws.s3.BucketExists(Bucket: "bbb")\n  for x in ["i-0123456789abcdef0"] {\n'
                         '    wait until aws.ec2.InstanceStopped(InstanceIds: [x])\n  }\n  let until = f.id\n  record { id: until }\n')
    eq((status, said), (0, ""))
    for body, parts in (('wait until aws.ec2.InstanceStoped(InstanceIds: [])', ["PB0230", "`InstanceStopped`"]),
                        ('wait until aws.ec2.DescribeInstances()', ["PB0230"]),
                        ('wait until aws.ec3.InstanceStopped()', ["PB0205"]),
                        ('wait until s3.bucket("x")', ["PB0230", "waiter of AWS"]),
                        ('wait until aws.ec2.InstanceStopped(InstanceIds: "i-1")', ["PB0301"]),
                        ('wait until aws.ec2.InstanceStopped(Instance: [])', ["PB0214"]),
                        ('wait until aws.ec2.InstanceStopped(InstanceIds: []) for 25h', ["PB0328", "24h"]),
                        ('wait until aws.s3.BucketExists()', ["PB0215"]),
                        ('wait until f.severity > 3', ["PB01"])):
        status, said = check("  %s\n" % body)
        eq(status, 1, body)
        for part in parts:
            has(said, part)


STOP = HEAD + ('  let id = "%s"\n  do aws.ec2.StopInstances(InstanceIds: [id])\n  wait until aws.ec2.InstanceStopped(InstanceIds: [id]) for 30s\n'
               '  let now_is = aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations\n  record { states: [i.State.Name for r in now_is ?? [] for i in r.Instances ?? []] }\n')


@case("a run waits, its dry run does not; the policy has what the waiter asks")
def _():
    lab = Lab()
    try:
        lab.set_up()
        d = tempdir()
        path = os.path.join(d, "p.pb")
        with open(path, "w", encoding="utf-8") as f:
            f.write((STOP % lab.instance).replace("[i.State.Name for r in now_is ?? [] for i in r.Instances ?? []]", "now_is") + TAIL)
        event = dict(lab.events["quarantine_instance"])
        p = lab.run(path, event, os.path.join(d, "dry"), "--dry-run", PB_WAIT_DELAY_MS="20")
        eq(p.returncode, 0, p.stderr[-2000:])
        eq(lab.ec2.describe_instances(InstanceIds=[lab.instance])["Reservations"][0]["Instances"][0]["State"]["Name"], "running")
        p = lab.run(path, event, os.path.join(d, "real"), PB_WAIT_DELAY_MS="20")
        eq(p.returncode, 0, p.stderr[-2000:] + p.stdout[-2000:])
        doc = documents(os.path.join(d, "real"))[-1]
        has(json.dumps(doc), "aws.ec2.wait.InstanceStopped")
        has(json.dumps(doc), "stopped")
        p = run([PBC, "iam", path])
        eq(p.returncode, 0, p.stderr)
        has(p.stdout, "ec2:DescribeInstances")
    finally:
        lab.close()



@case("time runs out in the middle: of a wait, of a page; the run goes on or ends in time, and tells what was under way")
def _():
    lab = Lab()
    try:
        lab.set_up()
        proxy = Proxy(lab.url)
        d = tempdir()
        path = os.path.join(d, "p.pb")

        def go(body, **env):
            with open(path, "w", encoding="utf-8") as f:
                f.write(HEAD + body + TAIL)
            start = time.monotonic()
            p = lab.run(path, lab.events["quarantine_instance"], os.path.join(d, "e"), url=proxy.url, **env)
            return p, documents(os.path.join(d, "e"))[-1], time.monotonic() - start
        wait_for = '  wait until aws.ec2.InstanceStopped(InstanceIds: ["%s"]) for 1s\n' % lab.instance
        p, doc, took = go(wait_for, PB_WAIT_DELAY_MS="100")
        eq((p.returncode, doc["reason"]["code"], took < 5), (1, "WaiterTimeout", True), json.dumps(doc)[:1500])
        has(json.dumps(doc), '[\\\"running\\\"]')
        proxy.faults["DescribeInstances"] = ["hang"] * 3
        p, doc, took = go(wait_for, PB_WAIT_DELAY_MS="100")
        eq((p.returncode, doc["reason"]["code"], took < 6), (1, "WaiterTimeout", True), json.dumps(doc)[:1500])
        proxy.faults["DescribeInstances"] = []
        proxy.faults["ListUsers"] = [None, "hang"]
        p, doc, took = go('  do aws.iam.ListUsers(MaxItems: 1) as users timeout 700ms else {\n    record { code: error.code, conflict: error.conflict }\n  }\n')
        eq((p.returncode, doc["record"].get("code"), took < 6, proxy.seen["ListUsers"]), (0, "timeout", True, 2), json.dumps(doc)[:1500] + p.stderr[-500:])
    finally:
        lab.close()


try:
    main()
finally:
    client.close()
    judge.p.stdin.close()
