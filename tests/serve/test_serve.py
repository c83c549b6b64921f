"""pbrun serve with real processes: who may send events and what becomes of them, a full queue, kills in the middle of many events,
graceful stops, health, numbers, and senders who mean ill."""
# runs: sanitized
# speed: slow
import atexit
import hashlib
import hmac
import http.client
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import threading
import time

from lab import ACCOUNT, KEY, PBRUN, REGION, SECRET
from pbtest import case, eq, has, main, run, tempdir

SLOW = 2 if "san" in PBRUN else 1
TOKEN, SIGNING = "a-token-of-the-tests-0123456789", "a-secret-of-the-tests-0123456789"
work = tempdir()

PLAYBOOK = '''
type Alarm { id: string  key: string }
event test.alarm {
  source      "test.alarm"
  detail_type "Alarm"
  schema      Alarm
  id          "id"
}
action t.write(key: string): { changed: bool } contain {
  do aws.s3.PutObject(Bucket: "marks", Key: key, Body: "seen")
  return { changed: true }
} undo none "a mark"
playbook mark {
  version  "1.0.0"
  summary  "leaves a mark"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  when test.alarm as f
  where f.key matches "^[a-z0-9]+$"
  do t.write(f.key)
  record { affected_resource: f.key }
}
'''
_processes = []


@atexit.register
def end_processes():  # those of a case that failed
    for p in _processes:
        if p.poll() is None:
            p.kill()


playbook = os.path.join(work, "mark.pb")
with open(playbook, "w", encoding="utf-8") as f:
    f.write(PLAYBOOK)


def event(key):
    return {"version": "0", "id": "e-" + key, "source": "test.alarm", "detail-type": "Alarm", "account": ACCOUNT, "region": REGION,
            "time": "2026-01-01T00:00:00Z", "resources": [], "detail": {"id": key, "key": key}}


class Account:
    """The simulated account, with its numbers."""

    def __init__(self, *more):
        self.state = os.path.join(tempdir(), "state.db")
        self.process = subprocess.Popen([PBRUN, "sim", "--port", "0", "--state", self.state, "--account", ACCOUNT, "--region", REGION, "--access-key", KEY,
                                         "--secret-key", SECRET, *more], stdout=subprocess.PIPE, text=True)
        _processes.append(self.process)
        self.url = self.process.stdout.readline().split()[-1]
        out = run(["/usr/bin/python3", "-c", "import boto3,sys\nfrom botocore.config import Config\n"
                   "boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3],"
                   "config=Config(s3={'addressing_style': 'path'})).create_bucket(Bucket='marks')", self.url, KEY, SECRET])
        eq(out.returncode, 0, out.stderr)

    def puts(self):
        """How often an object was written, and which there are."""
        shown = json.loads(run([PBRUN, "sim", "--state", self.state, "--show"]).stdout)
        objects = sorted(r["id"] for r in shown["resources"] if "object" in r["kind"])
        return shown["calls"].get("s3.PutObject", {}).get("changed", 0), objects

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class Server:
    def __init__(self, store, account=None, *more, env=None, wait=True, pb=playbook, file_size=None):
        self.store = store
        self.log_path = os.path.join(tempdir(), "log")
        full = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_", "PB_EVENTS", "PB_STORE"))}
        full.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_EC2_METADATA_DISABLED="true", AWS_REGION=REGION,
                    AWS_ENDPOINT_URL=account.url if account else "http://127.0.0.1:9", PB_EVENTS_TOKEN=TOKEN, PB_EVENTS_SECRET=SIGNING)
        full.update(env or {})
        full = {k: v for k, v in full.items() if v is not None}
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([PBRUN, "serve", "-p", pb, "--store", "sqlite:" + store, "--listen", "127.0.0.1:0", *more], stderr=log, env=full,
                                            preexec_fn=file_size and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))))
        _processes.append(self.process)
        self.port = None
        if wait:
            self.until(lambda: "listening" in self.log())
            self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)", self.log()).group(1))

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def until(self, what, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            if what():
                return
            if self.process.poll() is not None:
                raise AssertionError("the server has ended: %s" % self.log()[-2000:])
            time.sleep(0.02)
        raise AssertionError("it did not come about: %s" % self.log()[-2000:])

    def request(self, method, path, body=b"", headers=(), connection=None):
        c = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request(method, path, body, dict(headers))
        r = c.getresponse()
        text = r.read().decode()
        if not connection:
            c.close()
        return r.status, text, dict(r.getheaders())

    def post(self, body, token=TOKEN, path="/events", connection=None, **headers):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        h = {"Authorization": "Bearer " + token} if token else {}
        h.update({k.replace("_", "-"): v for k, v in headers.items()})
        return self.request("POST", path, body.encode() if isinstance(body, str) else body, h, connection)

    def metrics(self):
        status, text, _ = self.request("GET", "/metrics")
        eq(status, 200)
        found = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(60)


def sign(body, secret=SIGNING, at=None):
    t = str(int(time.time() if at is None else at))
    return "t=%s,v1=%s" % (t, hmac.new(secret.encode(), t.encode() + b"." + body, hashlib.sha256).hexdigest())


def rows(store, query):
    db = sqlite3.connect("file:%s?mode=ro" % store, uri=True)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def new_store():
    return os.path.join(tempdir(), "store.db")


account = Account()
server = Server(new_store(), account)


def handled(s, n):
    s.until(lambda: s.metrics()["pbrun_events_handled_total"] >= n and s.metrics()['pbrun_runs{status="active"}'] == 0)


@case("an event that was answered with 202 is run")
def _():
    status, text, headers = server.post(event("first"))
    eq((status, json.loads(text)), (202, {"accepted": 1}))
    eq((headers["X-Content-Type-Options"], headers["Cache-Control"], headers["X-Frame-Options"]), ("nosniff", "no-store", "DENY"))
    handled(server, 1)
    eq(account.puts(), (1, ["first"]))
    eq(rows(server.store, "SELECT status, outcome FROM runs"), [(2, "done")])


@case("a list and JSON lines are all of their events, or none")
def _():
    before = rows(server.store, "SELECT count(*) FROM events")[0][0]
    eq(server.post([event("l1"), event("l2")])[:2], (202, '{"accepted":2}'))
    eq(server.post(json.dumps(event("j1")) + "\n" + json.dumps(event("j2")) + "\n")[:2], (202, '{"accepted":2}'))
    for body, what in (([event("no"), 5], "event 2 (line 1): not a JSON object"), ([event("no"), {"a": 1}], "event 2"), (json.dumps(event("no")) + "\n{\"broken", "event 2 (line 2)"),
                       ("", "holds no event"), ("[]", "holds no event"), ("[1,", "line 1"), (b"\xff\xfe", "line 1")):
        status, text, _ = server.post(body)
        eq(status, 400, text)
        has(json.loads(text)["error"], what)
    eq(rows(server.store, "SELECT count(*) FROM events")[0][0], before + 4)
    handled(server, 5)
    eq(account.puts()[1], ["first", "j1", "j2", "l1", "l2"])


@case("tokens: bearer and API key; a wrong one, none, and none configured")
def _():
    eq(server.post(event("t1"), token=None, X_Api_Key=TOKEN)[0], 202)
    for token, key in (("wrong", None), (TOKEN[:-1], None), (TOKEN + "x", None), (None, "wrong"), (None, None), ("", None)):
        status, text, _ = server.post(event("no"), token=token, **({"X_Api_Key": key} if key else {}))
        eq(status, 401, text)
        assert TOKEN not in text and TOKEN not in server.log()
    s = Server(new_store(), None, env={"PB_EVENTS_TOKEN": None, "PB_EVENTS_SECRET": None})
    eq(s.post(event("no"))[0], 403)
    has(s.log(), "no secret is configured")
    eq(s.stop(), 0)


@case("signatures: good, forged, old, from the future, replayed, half; a second v1 may fit")
def _():
    body = json.dumps(event("s1")).encode()
    good = sign(body)
    eq(server.post(body, token=None, X_PB_Signature=good)[0], 202)
    status, text, _ = server.post(body, token=None, X_PB_Signature=good)
    eq(status, 409, text)
    other = json.dumps(event("s2")).encode()
    eq(server.post(other, token=None, X_PB_Signature="v1=%s,%s" % ("0" * 64, sign(other)))[0], 202)
    for header, what in ((sign(body, "another-secret-0123456789"), "is not that"), (sign(body, at=time.time() - 400), "older than five minutes"),
                         (sign(body, at=time.time() + 400), "older than five minutes"), (good.replace("t=", "t=1"), "is not that"), ("t=5", "not of the form"),
                         ("v1=" + "0" * 64, "not of the form"), (sign(other), "is not that"), ("t=99999999999999999999,v1=" + "0" * 64, "not of the form")):
        status, text, _ = server.post(body, token=TOKEN, X_PB_Signature=header)  # the token does not help
        eq(status, 401, header)
        has(json.loads(text)["error"], what)


@case("what is too large, not there, or not with this method")
def _():
    with socket.create_connection(("127.0.0.1", server.port)) as c:  # refused by its headers alone
        c.sendall(b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n")
        has(c.recv(100).decode(), "HTTP/1.1 413")
    eq(server.request("GET", "/")[0], 404)
    eq(server.request("GET", "/eventsx")[0], 404)
    status, _, headers = server.request("GET", "/events")
    eq((status, headers["Allow"]), (405, "POST"))
    eq(server.request("HEAD", "/healthz")[:2], (200, ""))
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        c.request("POST", "/events", iter([b" " * 65536] * 40), {"Authorization": "Bearer " + TOKEN}, encode_chunked=True)
        assert c.getresponse().status >= 400
    except (ConnectionError, http.client.HTTPException):
        pass  # hung up on
    finally:
        c.close()
    eq(server.request("GET", "/healthz")[0], 200)


@case("numbers in Prometheus' form, without secrets")
def _():
    status, text, headers = server.request("GET", "/metrics")
    has(headers["Content-Type"], "text/plain; version=0.0.4")
    names = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            names.add(line.split()[2])
        elif not line.startswith("#"):
            m = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"\})? [0-9.e+-]+', line)
            assert m, line
            assert any(m.group(1) in (n, n + "_bucket", n + "_sum", n + "_count") for n in names), line
    m = server.metrics()
    eq(m["pbrun_events_accepted_total"], 8)
    assert m['pbrun_requests_refused_total{why="authentication"}'] >= 10
    eq(m['pbrun_requests_refused_total{why="replay"}'], 1)
    eq(m['pbrun_journal_commit_seconds_bucket{le="+Inf"}'], m["pbrun_journal_commit_seconds_count"])
    assert m["pbrun_event_to_first_step_seconds_count"] >= 5
    assert TOKEN not in text and SIGNING not in text


@case("an address that fails too often is not listened to for a while, others are")
def _():
    s = Server(new_store())
    got = [s.post(event("no"), token="wrong", X_Forwarded_For="192.0.2.7")[0] for _ in range(32)]
    eq(got, [401] * 30 + [429] * 2)
    eq(s.post(event("x"), X_Forwarded_For="192.0.2.8")[0], 202)
    eq(s.post(event("x"), X_Forwarded_For="192.0.2.7")[0], 429)
    eq(s.stop(), 0)


@case("a full queue is 429 with Retry-After; nothing of the request is taken")
def _():
    path = new_store()
    s = Server(path)
    eq(s.stop(), 0)
    db = sqlite3.connect(path)
    with db:
        db.executemany("INSERT INTO events(source,body,received,attempts,lease_until,owner,why) VALUES('t','{}',0,0,?,'somebody','')", [(int(time.time() * 1000) + 3600000,)] * 9999)
    db.close()
    s = Server(path)
    body = json.dumps([event("a"), event("b")]).encode()
    signature = sign(body)
    status, text, headers = s.post(body, token=None, X_PB_Signature=signature)
    eq((status, headers["Retry-After"]), (429, "5"), text)
    eq(s.post(event("a"))[0], 202)
    s.until(lambda: s.metrics()["pbrun_events_handled_total"] == 1)
    with sqlite3.connect(path, timeout=10) as db:
        db.execute("UPDATE events SET done_at=1 WHERE id<=5")
    eq(s.post(body, token=None, X_PB_Signature=signature)[0], 202)  # the same request, now that there is room
    eq(s.stop(), 0)


@case("an event that can never be handled is given up, with its reason")
def _():
    path = new_store()
    Server(path).stop()
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO events(source,body,received,attempts,lease_until,owner,why) VALUES('t','{\"no\":1}',0,0,0,'','')")
        db.execute("INSERT INTO events(source,body,received,attempts,lease_until,owner,why) VALUES('t',?,0,5,0,'','')", (json.dumps(event("poison")),))
    s = Server(path)
    s.until(lambda: s.metrics()["pbrun_events_given_up_total"] == 2)
    eq(s.metrics()["pbrun_events_waiting"], 0)
    has(rows(path, "SELECT why FROM events ORDER BY id")[1][0], "five times")
    eq(s.stop(), 0)


@case("killed again and again in the middle of 200 events: nothing is lost, no event has two runs")
def _():
    n, path, keys = 200, new_store(), []
    slow = Account("--delay", "s3.PutObject=30ms")
    s = Server(path, slow)
    sent, stop = [], threading.Event()

    def send():
        for i in range(n):
            body = json.dumps(event("k%03d" % i))
            while not stop.is_set():
                try:
                    if s.post(body)[0] == 202:
                        sent.append(i)
                        break
                except (OSError, http.client.HTTPException):
                    time.sleep(0.02)  # dead just now; an event whose answer was lost is sent again
    sender = threading.Thread(target=send)
    sender.start()
    kills = 0
    try:
        for pause in (0.4, 0.25, 0.5, 0.3):
            time.sleep(pause * SLOW)
            s.stop(signal.SIGKILL)
            kills += 1
            s = Server(path, slow)
        sender.join(120)
        eq(len(sent), n)
        s.until(lambda: s.metrics()["pbrun_events_waiting"] == 0 and s.metrics()['pbrun_runs{status="active"}'] == 0, 90)
    finally:
        stop.set()
        sender.join(10)
    eq(s.stop(), 0)
    keys = ["k%03d" % i for i in range(n)]
    writes, objects = slow.puts()
    eq(objects, keys)
    events, runs = rows(path, "SELECT count(*) FROM events")[0][0], rows(path, "SELECT status, outcome, count(*) FROM runs GROUP BY 1, 2")
    eq(runs, [(2, "done", events)])  # one run an event; an event whose 202 was lost was sent twice by us
    assert n <= events <= n + kills, events
    again = writes - events  # a write whose answer was lost by a kill is in doubt, and writing the same once more is how it is settled
    assert 0 <= again <= kills * 64, again
    resumed = rows(path, "SELECT count(*) FROM journal WHERE kind=4 AND name='resumed'")[0][0]
    assert again <= resumed, (again, resumed)
    slow.close()


@case("told to stop: what is under way ends or is left, the rest stays in the queue, and the next server does it")
def _():
    slow = Account("--delay", "s3.PutObject=700ms")
    path = new_store()
    s = Server(path, slow)
    eq(s.post([event("g%d" % i) for i in range(20)])[0], 202)
    s.until(lambda: "run_begun" in s.log())
    eq(s.stop(), 0)
    has(s.log(), "stopped: in good order")
    s = Server(path, slow)
    s.until(lambda: s.metrics()["pbrun_events_waiting"] == 0 and s.metrics()['pbrun_runs{status="active"}'] == 0)
    eq(slow.puts(), (20, sorted("g%d" % i for i in range(20))))
    eq(rows(path, "SELECT outcome, count(*) FROM runs GROUP BY 1"), [("done", 20)])
    s.process.send_signal(signal.SIGINT)
    eq(s.process.wait(30), 0)
    slow.close()


@case("two servers on one store share the events")
def _():
    path = new_store()
    both = [Server(path, account), Server(path, account)]
    before = account.puts()[0]
    for i in range(40):
        eq(both[i % 2].post(event("two%02d" % i))[0], 202)
    both[0].until(lambda: both[0].metrics()["pbrun_events_waiting"] == 0 and both[0].metrics()['pbrun_runs{status="active"}'] == 0)
    eq(rows(path, "SELECT outcome, count(*) FROM runs GROUP BY 1"), [("done", 40)])
    eq(account.puts()[0] - before, 40)
    for s in both:
        eq(s.stop(), 0)


@case("health: the store cannot be written")
def _():
    path = new_store()
    s = Server(path)
    eq(s.request("GET", "/healthz")[:2], (200, '{"status":"ok"}'))
    db = sqlite3.connect(path)
    db.execute("DROP TABLE used")
    db.commit()
    db.close()
    time.sleep(1.1)
    status, text, _ = s.request("GET", "/healthz")
    eq(status, 503)
    has(text, "the store cannot be written")
    assert path not in text
    eq(s.stop(), 0)


@case("no room on the disk: 503, nothing half-taken; when there is room again it goes on")
def _():
    path = new_store()
    s = Server(path, file_size=600000)
    taken = 0
    for i in range(200):
        status, text, _ = s.post([event("f%03d%s" % (i, "x" * 2000))] * 5)
        if status != 202:
            break
        taken += 5
    eq(status, 503, text)
    has(s.log(), "no room for more")
    eq(s.request("GET", "/healthz")[0], 503)
    eq(s.stop(), 0)
    eq(rows(path, "SELECT count(*) FROM events")[0][0], taken)
    s = Server(path, account)
    s.until(lambda: s.metrics()["pbrun_events_waiting"] == 0)
    eq(rows(path, "SELECT count(*) FROM runs")[0][0], taken)
    eq(s.stop(), 0)


@case("slow senders are hung up on, many of them do not keep others out")
def _():
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    for c in held:
        c.sendall(b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Le")
    eq(server.request("GET", "/healthz")[0], 200)
    for c in held:
        c.close()


@case("refused before it starts: no store, no such address, an open one without a secret, a short secret, a store of somebody else")
def _():
    def refused(*args, **env):
        full = {"PB_STORE": "", "PB_EVENTS_TOKEN": "", "PB_EVENTS_SECRET": ""}
        full.update(env)
        r = run([PBRUN, "serve", *args], env=full)
        eq(r.returncode, 2, r.stderr)
        return r.stderr
    has(refused("-p", playbook), "give --store")
    store = ["--store", new_store()]
    has(refused(*store), "no playbooks")
    for bad in ("localhost", "127.0.0.1:99999", "example.com:80", ":80", "127.0.0.1:x"):
        has(refused("-p", playbook, *store, "--listen", bad), "no address to listen on")
    has(refused("-p", playbook, *store, "--listen", "0.0.0.0:0"), "nobody has to prove")
    has(refused("-p", playbook, *store, "--listen", "127.0.0.1:%d" % server.port), "cannot listen on")
    has(refused("-p", playbook, *store, PB_EVENTS_TOKEN="short"), "could be guessed")
    foreign = os.path.join(work, "foreign.db")
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t(x)")
    has(refused("-p", playbook, "--store", foreign), "another program")


@case("the log as JSON; readiness is told to systemd")
def _():
    path = os.path.join(tempdir(), "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n:
        n.bind(path)
        n.settimeout(30)
        s = Server(new_store(), account, "--json", env={"NOTIFY_SOCKET": path})
        eq(n.recv(100), b"READY=1")
        eq(s.post(event("json"))[0], 202)
        s.until(lambda: "run_ended" in s.log())
        eq(s.stop(), 0)
        eq(n.recv(100), b"STOPPING=1")
    lines = [json.loads(l) for l in s.log().splitlines()]
    eq([l["kind"] for l in lines], ["listening", "run_begun", "run_ended", "stopping", "stopped"])
    eq((lines[2]["playbook"], lines[2]["outcome"]), ("mark", "done"))


@case("evidence is written for each run")
def _():
    d = tempdir()
    s = Server(new_store(), account, "--evidence", d)
    eq(s.post([event("ev1"), event("ev2")])[0], 202)
    handled(s, 2)
    eq(s.stop(), 0)
    with open(os.path.join(d, "evidence.jsonl"), encoding="utf-8") as f:
        eq(len([json.loads(l) for l in f]), 2)


@case("the shared server stops in good order")
def _():
    eq(server.stop(), 0)
    account.close()


main()
