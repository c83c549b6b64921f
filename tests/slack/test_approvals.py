"""Approvals from end to end: asked in Slack and on the command line, answered by button, command and link, and every way to cheat; each answer is in the
evidence. Presses of buttons are signed and looked at by Slack's own SDK."""
# speed: slow
# runs: sanitized
import json
import os
import pwd
import re
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import npm
from fakeslack import TOKEN, FakeSlack, buttons, words
from lab import Lab
from pbtest import BUILD, ROOT, Skip, case, eq, free_port, has, main, tempdir

PBRUN = os.path.join(BUILD, "pbrun")
LOGIN = pwd.getpwuid(os.getuid()).pw_name
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
LINK_SECRET = "a-link-secret-for-tests-0123456789"
with open(os.path.join(ROOT, "playbooks", "revoke_exposed_key.event.json"), encoding="utf-8") as _f:
    EVENT = json.load(_f)

SITE = """
param signing: secret
param links: secret
site {
  serve { url: "URL"  link_secret: links }
  slack { signing_secret: signing }
  person "me"    { slack: "U0ME"     login: "%s"  mail: "me@example.com" }
  person "alice" { slack: "U0ALICE"  login: "alice-login"  arn: "arn:aws:iam::123456789012:user/alice" }
  person "bob"   { slack: "U0BOB"    login: "bob-login" }
  person "carol" { slack: "U0CAROL"  login: "carol-login" }
  person "deploy" { slack: "U0DEPLOY"  arn: "arn:aws:iam::123456789012:user/ci-deploy" }
  group "oncall" { people: ["me", "alice", "bob", "deploy"] }
  group "leads"  { people: ["carol"] }
  group "slackers" { people: ["carol"]  slack_group: "S0GROUP01" }
}
""" % LOGIN

PLAYBOOK = """
playbook ask_first {
  version "1.0.0"
  summary "Asks before it tells"
  owner   "secops@example.com"
  tier    approve
  controls ["X-1"]
  when guardduty.finding as f
  where f.type like "UnauthorizedAccess:IAMUser/*"
  let key = f.resource.accessKeyDetails
  where key.userName exists
  %(read)s
  approve "Tell about ${key.userName}?"
    via slack "#secops"
    by group "%(by)s"
    quorum %(quorum)d
    within 30m
    %(escalate)s
  {
    %(act)s
  } denied  { do slack.notify("#security-alerts", "denied") }
    expired { do slack.notify("#security-alerts", "expired") }
  record { affected_resource: key.userName }
}
"""


class Case:
    """One store, one playbook, one Slack."""

    def __init__(self, quorum=1, by="oncall", escalate="", read="", url="https://pb.example.com", site="", act='do slack.notify("#security-alerts", "granted ${key.userName}")'):
        self.dir, self.slack, self.server = tempdir(), FakeSlack(), None
        self.store = os.path.join(self.dir, "s.db")
        self.source = os.path.join(self.dir, "p.pb")
        with open(self.source, "w", encoding="utf-8") as f:
            f.write(PLAYBOOK % {"quorum": quorum, "by": by, "escalate": escalate, "read": read, "act": act} + SITE.replace("URL", url).replace("  group \"oncall\"", site + "  group \"oncall\""))

    def pbrun(self, *args, status=0, stdin=None, **env):
        full = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_"))}
        full.update(self.slack.env(), PB_PARAM_SIGNING=SECRET, PB_PARAM_LINKS=LINK_SECRET, PB_STORE=self.store, **env)
        p = subprocess.run([PBRUN, *args], input=stdin, env=full, capture_output=True, text=True, timeout=60, check=False)
        for secret in (SECRET, LINK_SECRET, TOKEN):
            eq(secret in p.stdout + p.stderr, False, "a secret in the output")
        if status is not None:
            eq(p.returncode, status, p.stderr)
        return p

    def begin(self, event=None, status=3, **env):
        self.pbrun("run", "-q", "-p", self.source, "-e", "-", "--evidence", self.dir, stdin=json.dumps(event or EVENT), status=status, **env)
        return self.run_id()

    def resume(self, status=0, **env):
        return self.pbrun("resume", "-q", "--evidence", self.dir, status=status, **env)

    def sql(self, text, *args):
        db = sqlite3.connect(self.store, timeout=10)
        try:
            rows = db.execute(text, args).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def run_id(self):
        return self.sql("SELECT id FROM runs ORDER BY started DESC LIMIT 1")[0][0]

    def state(self):
        return self.sql("SELECT state FROM approvals ORDER BY n DESC LIMIT 1")[0][0]

    def shift(self, ms):
        """Lets that much time pass for the approval and its run."""
        self.sql("UPDATE approvals SET asked = asked - ?, expires = expires - ?, escalate_at = CASE WHEN escalate_at > 0 THEN escalate_at - ? ELSE 0 END", ms, ms, ms)
        self.sql("UPDATE runs SET wake_at = wake_at - ?, due_at = due_at - ? WHERE wake_at > 0", ms, ms)

    def evidence(self):
        with open(os.path.join(self.dir, "evidence.jsonl"), encoding="utf-8") as f:
            return json.loads(f.readlines()[-1])

    def decisions(self, approval=-1):
        return self.evidence()["approvals"][approval]["decisions"]

    def told(self):
        """What the blocks behind the approval told."""
        return [m["text"] for (c, _), m in self.slack.messages.items() if c == "C0ALERTS0"]

    def asked(self):
        return [m for (c, _), m in self.slack.messages.items() if c == "C0SECOPS0"]

    # ---- the server ----

    def serve(self, listen="127.0.0.1:0"):
        full = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_"))}
        full.update(self.slack.env(), PB_PARAM_SIGNING=SECRET, PB_PARAM_LINKS=LINK_SECRET)
        log = open(os.path.join(self.dir, "serve.log"), "w", encoding="utf-8")
        self.server = subprocess.Popen([PBRUN, "serve", "-p", self.source, "--store", self.store, "--listen", listen, "--evidence", self.dir],
                                       env=full, stdout=log, stderr=log)
        log.close()
        for _ in range(200):
            m = re.search(r"http://127\.0\.0\.1:(\d+)", self.log())
            if m:
                self.url = m.group(0)
                return self
            if self.server.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError("pbrun serve does not start: " + self.log())

    def log(self):
        with open(os.path.join(self.dir, "serve.log"), encoding="utf-8") as f:
            return f.read()

    def http(self, path, body=None, headers=None):
        """(status, headers, text)"""
        q = urllib.request.Request(self.url + path, data=body.encode() if body is not None else None, headers=headers or {})
        try:
            with urllib.request.urlopen(q, timeout=20) as r:
                return r.status, dict(r.headers.items()), r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, dict(e.headers.items()), e.read().decode()

    def press(self, action, user, at=None, secret=SECRET, bend=None, **more):
        """A press of a button, signed by Slack's SDK. The answer's status."""
        signed = sdk().sign(press_payload(self.slack, action, user, **more), secret, at or int(time.time()))
        return self.send(signed, bend)

    def send(self, signed, bend=None):
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": str(signed["time"]), "X-Slack-Signature": signed["signature"]}
        headers.update(bend or {})
        return self.http("/slack/interactions", signed["body"], {k: v for k, v in headers.items() if v is not None})[0]

    def wait(self, what, seconds=8):
        end = time.time() + seconds
        while time.time() < end:
            if what():
                return
            time.sleep(0.03)
        raise AssertionError("it did not happen in time; the log: " + self.log())

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            eq(self.server.wait(20), 0, self.log())
            self.server = None
            for secret in (SECRET, LINK_SECRET, TOKEN):
                eq(secret in self.log(), False, "a secret in the log")
            eq("ERROR: AddressSanitizer" in self.log() or "runtime error" in self.log(), False, self.log())

    def close(self):
        self.stop()
        self.slack.close()


class Sdk:
    """tests/node/slack.mjs, as long as this file runs."""

    def __init__(self):
        npm.install()
        self.p = subprocess.Popen(["node", os.path.join(npm.NODE, "slack.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sign(self, payload, secret, at, handle=False):
        self.p.stdin.write(json.dumps({"secret": secret, "payload": payload, "time": at, "handle": handle}) + "\n")
        self.p.stdin.flush()
        return {**json.loads(self.p.stdout.readline()), "time": at}


_sdk = []


def sdk():
    if not _sdk:
        _sdk.append(Sdk())
    return _sdk[0]


def press_payload(slack, action, user, **more):
    return {"type": "block_actions", "user": {"id": user, "username": "x", "name": "x", "team_id": "T0TEAM"}, "api_app_id": "A0APP", "token": "legacy",
            "container": {"type": "message", "message_ts": "1700000001.000001", "channel_id": "C0SECOPS0", "is_ephemeral": False},
            "trigger_id": "1.2.3", "team": {"id": "T0TEAM", "domain": "x"}, "enterprise": None, "is_enterprise_install": False,
            "channel": {"id": "C0SECOPS0", "name": "secops"}, "message": {"type": "message", "ts": "1700000001.000001"}, "state": {"values": {}},
            "response_url": slack.origin + "/actions/T0TEAM/1/secret",
            "actions": [{"type": "button", "action_id": action, "block_id": "b1", "text": {"type": "plain_text", "text": "Approve", "emoji": False},
                         "style": "primary", "action_ts": "1700000002.000001"}], **more}


# ---- without a server ----


@case("asked in Slack, granted on the command line, resumed: the block is done, the message says who decided")
def _():
    c = Case()
    run = c.begin()
    eq(len(c.asked()), 1)
    message = c.asked()[0]
    text = words(message)
    for part in ("Approval needed", "<@U0ME>", "Tell about ci-deploy?", "ask_first 1.0.0", "INC-", "123456789012 us-east-1", run, "ci-deploy", "1 of the people", "https://pb.example.com/runs/" + run):
        has(text, part)
    apr, binding = c.sql("SELECT id, binding FROM approvals")[0]
    eq(buttons(message), {"grant": "grant:%s:%s" % (apr, binding[:32]), "deny": "deny:%s:%s" % (apr, binding[:32])})
    eq(message["metadata"], {"event_type": "pbrun_approval", "event_payload": {"approval": apr, "level": 0}})
    has(c.pbrun("approve").stdout, run)
    eq(json.loads(c.pbrun("approve", "--json").stdout)["question"], "Tell about ci-deploy?")
    eq(c.told(), [])
    has(c.pbrun("approve", run, "--yes", "--reason", "it is ours").stdout, "granted by me")
    has(words(c.asked()[0]), "Approved by me")
    eq(buttons(c.asked()[0]), {})
    c.resume()
    eq(c.told(), ["granted ci-deploy"])
    a = c.evidence()["approvals"][0]
    eq((a["state"], a["question"], a["quorum"], a["binding"], a["excluded"]), ("granted", "Tell about ci-deploy?", 1, binding, ["ci-deploy", "AIDACKCEVSQ6C2EXAMPLE"]))
    eq([(d["person"], d["verdict"], d["reason"], d["via"]) for d in a["decisions"]], [("me", "grant", "it is ours", "cli")])
    has(a["decisions"][0]["proof"], "login " + LOGIN)
    c.close()


@case("denied: the denied block; a reason is asked for")
def _():
    c = Case()
    run = c.begin()
    has(c.pbrun("deny", run, "--yes", status=2).stderr, "--reason")
    c.pbrun("deny", run, "--yes", "--reason", "not now")
    c.resume()
    eq(c.told(), ["denied"])
    eq((c.evidence()["approvals"][0]["state"], c.evidence()["approvals"][0]["reason"]), ("denied", "not now"))
    has(words(c.asked()[0]), "not now")
    c.close()


@case("nobody answers: the expired block, and an answer after that is refused with its reason")
def _():
    c = Case()
    run = c.begin()
    c.shift(31 * 60000)
    p = c.pbrun("approve", run, "--yes", status=4)
    has(p.stderr, "refused: the approval expired at")
    c.resume()
    eq(c.told(), ["expired"])
    eq([(d["person"], d["verdict"]) for d in c.decisions()], [("me", "refused")])
    has(c.decisions()[0]["reason"], "expired at")
    has(words(c.asked()[0]), "Expired")
    has(c.pbrun("approve", run, "--yes", status=4).stderr, "expired at")
    c.close()


@case("on the command line: nobody else's name, no second vote, no unknown run")
def _():
    c = Case(quorum=2)
    run = c.begin()
    has(c.pbrun("approve", run, "--yes", "--as", "alice", status=4).stderr, "it is me's")
    has(c.pbrun("approve", run, "--yes").stdout, "1 of 2")
    has(c.pbrun("approve", run, "--yes", "--as", "me", status=4).stderr, "granted it already")
    has(c.pbrun("approve", "run-00000000000000000000000000", "--yes", status=2).stderr, "no run or approval")
    has(c.pbrun("approve", run, stdin="", status=2).stderr, "--yes")
    out = json.loads(c.pbrun("deny", run, "--yes", "--reason", "changed my mind", "--json").stdout)
    eq((out["verdict"], out["state"], out["person"]), ("deny", "denied", "me"))
    c.resume()
    eq([d["verdict"] for d in c.decisions()], ["refused", "grant", "refused", "deny"])
    c.close()


@case("who was not asked is refused, whoever runs pbrun")
def _():
    c = Case(by="leads")
    run = c.begin()
    has(c.pbrun("approve", run, "--yes", status=4).stderr, "belongs to nobody who was asked")
    eq(c.state(), "open")
    c.close()


@case("silence escalates: the next group is asked, and may answer then")
def _():
    c = Case(by="leads", escalate='escalate to group "oncall" after 10m')
    run = c.begin()
    has(c.pbrun("approve", run, "--yes", status=4).stderr, "asked later")
    c.shift(10 * 60000)
    c.resume(status=3)
    eq(len(c.asked()), 2)
    has(words(c.asked()[1]), "Nobody has answered yet")
    has(words(c.asked()[1]), "<@U0ME>")
    eq("<@U0ME>" in words(c.asked()[0]), False)
    c.pbrun("approve", run, "--yes")
    c.resume()
    eq(c.told(), ["granted ci-deploy"])
    eq(c.evidence()["approvals"][0]["escalated"], True)
    eq([buttons(m) for m in c.asked()], [{}, {}])
    c.close()


@case("Slack is down: the command line decides all the same; it is tried again after a while")
def _():
    c = Case()
    c.slack.faults["chat.postMessage"] = ["channel_not_found"]
    run = c.begin()
    eq(c.asked(), [])
    c.shift(61000)
    c.resume(status=3)
    eq(len(c.asked()), 1)
    c.pbrun("approve", run, "--yes")
    c.resume()
    eq(c.told(), ["granted ci-deploy"])
    c.close()


@case("killed at every moment, before the answer and after it: people are asked once, the block is done once, no answer is lost")
def _():
    point, asked, told = 0, 0, 0
    while True:
        point += 1
        c = Case()
        p = c.pbrun("run", "-q", "-p", c.source, "-e", "-", "--evidence", c.dir, stdin=json.dumps(EVENT), status=None, PB_CRASH_AT=str(point))
        if p.returncode == 3:
            c.close()
            break
        eq(p.returncode, -signal.SIGKILL)
        if not c.sql("SELECT count(*) FROM runs")[0][0]:
            c.begin()
        else:
            c.resume(status=None)
        eq((len(c.asked()), c.state()), (1, "open"), "a kill at %d" % point)
        c.pbrun("approve", c.run_id(), "--yes")
        c.resume()
        eq((c.told(), buttons(c.asked()[0])), (["granted ci-deploy"], {}), "a kill at %d" % point)
        c.close()
        asked += 1
    point = 0
    while True:
        point += 1
        c = Case()
        c.pbrun("approve", c.begin(), "--yes")
        p = c.resume(status=None, PB_CRASH_AT=str(point))
        if p.returncode == 0:
            c.close()
            break
        eq(p.returncode, -signal.SIGKILL)
        c.resume(status=None)
        eq((c.told(), [d["verdict"] for d in c.decisions()]), (["granted ci-deploy"], ["grant"]), "a kill at %d" % point)
        c.close()
        told += 1
    eq(asked >= 5 and told >= 5, True, (asked, told))


def begin_and_die(c):
    """The process is killed when Slack has the message, and before it can have heard so."""
    full = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_"))}
    full.update(c.slack.env(), PB_PARAM_SIGNING=SECRET, PB_PARAM_LINKS=LINK_SECRET, PB_STORE=c.store)
    p = subprocess.Popen([PBRUN, "run", "-q", "-p", c.source, "-e", "-", "--evidence", c.dir], env=full, stdin=subprocess.PIPE, text=True)
    c.slack.faults["chat.postMessage"] = [p.kill]
    p.communicate(json.dumps(EVENT), timeout=20)
    eq(p.returncode, -signal.SIGKILL)
    eq(len(c.asked()), 1)


@case("killed when Slack has the message but has not answered: it is found by its metadata and not posted again")
def _():
    c = Case()
    begin_and_die(c)
    c.resume(status=3)
    eq(len(c.asked()), 1)
    eq([m for m, _ in c.slack.calls].count("conversations.history"), 1)
    c.pbrun("approve", c.run_id(), "--yes")
    eq(buttons(c.asked()[0]), {}, "the message that was found is the one that is updated")
    c.resume()
    eq(c.told(), ["granted ci-deploy"])
    c.close()


@case("... and where the channel may not be read, it is posted once more and says so")
def _():
    c = Case()
    begin_and_die(c)
    c.slack.faults["conversations.list"] = ["missing_scope"]
    c.resume(status=3)
    eq(["asked once more" in words(m) for m in c.asked()], [False, True])
    c.close()


@case("a message of the block itself, killed when Slack has it: found by run and step, not posted again")
def _():
    c = Case()
    c.pbrun("approve", c.begin(), "--yes")
    full = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_"))}
    full.update(c.slack.env(), PB_PARAM_SIGNING=SECRET, PB_PARAM_LINKS=LINK_SECRET, PB_STORE=c.store)
    p = subprocess.Popen([PBRUN, "resume", "-q"], env=full)
    c.slack.faults["chat.postMessage"] = [p.kill]
    eq(p.wait(20), -signal.SIGKILL)
    c.resume()
    eq(c.told(), ["granted ci-deploy"])
    mark = [m["metadata"] for (ch, _), m in c.slack.messages.items() if ch == "C0ALERTS0"][0]
    eq((mark["event_type"], mark["event_payload"]["run"]), ("pbrun_step", c.run_id()))
    c.close()


@case("drift: what was asked about has changed when it is granted; the approval is void, asked anew with what has changed, an answer to the old one does not count")
def _():
    lab = Lab()
    lab.iam.create_user(UserName="ci-deploy", Tags=[{"Key": "Team", "Value": "a"}])
    c = Case(read='let user = aws.iam.GetUser(UserName: key.userName).User', act='do slack.notify("#security-alerts", "granted ${user.Arn ?? key.userName}")')
    env = {k: v for k, v in lab.env().items() if k.startswith("AWS_")}
    run = c.begin(**env)
    has(words(c.asked()[0]), '"Value":"a"')
    first = c.sql("SELECT id FROM approvals")[0][0]
    lab.iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "Team", "Value": "b"}])
    c.pbrun("approve", run, "--yes")
    c.resume(status=3, **env)
    eq(c.told(), [])
    eq(len(c.asked()), 2)
    has(words(c.asked()[0]), "Void: what was asked about has changed")
    eq(buttons(c.asked()[0]), {})
    has(words(c.asked()[1]), "Changed since it was granted")
    has(words(c.asked()[1]), 'was "a", is "b"')
    has(c.pbrun("approve", first, "--yes", status=4).stderr, "has changed since")
    c.pbrun("approve", run, "--yes")
    c.resume(**env)
    eq(c.told(), ["granted arn:aws:iam::123456789012:user/ci-deploy"])
    a = c.evidence()["approvals"]
    eq([(x["round"], x["state"], [d["verdict"] for d in x["decisions"]]) for x in a], [(1, "void", ["grant", "refused"]), (2, "granted", ["grant"])])
    eq(a[0]["binding"] != a[1]["binding"], True)
    c.close()
    lab.close()


# ---- buttons: what Slack posts ----


def with_buttons(quorum=1, **more):
    c = Case(quorum, **more)
    sdk()  # skips before a server is started
    c.begin()
    c.serve()
    return c, buttons(c.asked()[0])


@case("a press of the button: Slack's SDK takes it for one, pbrun decides, the message is updated, the run goes on at once")
def _():
    c, b = with_buttons()
    signed = sdk().sign(press_payload(c.slack, b["grant"], "U0ALICE"), SECRET, int(time.time()), handle=True)
    eq(signed["valid"], True)
    eq(signed["handled"], {"status": 200, "action": b["grant"], "type": "button", "user": "U0ALICE", "channel": "C0SECOPS0"})
    eq(c.send(signed), 200)
    c.wait(lambda: c.told() == ["granted ci-deploy"])
    c.wait(lambda: os.path.exists(os.path.join(c.dir, "evidence.jsonl")))
    eq([(d["person"], d["verdict"], d["via"]) for d in c.decisions()], [("alice", "grant", "slack")])
    has(words(c.asked()[0]), "Approved by alice")
    eq(buttons(c.asked()[0]), {})
    c.close()


@case("two of two: the message shows the first, whose second press does not count")
def _():
    c, b = with_buttons(quorum=2)
    eq(c.press(b["grant"], "U0ALICE"), 200)
    c.wait(lambda: "Approved by alice" in words(c.asked()[0]))
    eq(sorted(buttons(c.asked()[0])), ["deny", "grant"])
    eq(c.press(b["grant"], "U0ALICE", trigger_id="again"), 200)
    c.wait(lambda: c.slack.ephemeral)
    has(c.slack.ephemeral[0]["text"], "granted it already")
    eq((c.slack.ephemeral[0]["response_type"], c.slack.ephemeral[0]["replace_original"]), ("ephemeral", False))
    eq(c.press(b["grant"], "U0BOB"), 200)
    c.wait(lambda: c.told() == ["granted ci-deploy"])
    c.wait(lambda: os.path.exists(os.path.join(c.dir, "evidence.jsonl")))
    eq([(d["person"], d["verdict"]) for d in c.decisions()], [("alice", "grant"), ("alice", "refused"), ("bob", "grant")])
    c.close()


@case("abuse by request: forged, bent, unsigned, old, from the future, replayed; none counts, each is recorded with its reason")
def _():
    c, b = with_buttons()
    now = int(time.time())
    eq(c.press(b["grant"], "U0ALICE", secret="another secret of another app"), 401)
    eq(c.press(b["grant"], "U0ALICE", bend={"X-Slack-Signature": None}), 401)
    eq(c.press(b["grant"], "U0ALICE", bend={"X-Slack-Signature": "v0=" + "0" * 64}), 401)
    eq(c.press(b["grant"], "U0ALICE", bend={"X-Slack-Request-Timestamp": str(now + 1)}), 401)
    eq(c.press(b["grant"], "U0ALICE", bend={"X-Slack-Request-Timestamp": "soon"}), 401)
    eq(c.press(b["grant"], "U0ALICE", at=now - 301), 401)
    eq(c.press(b["grant"], "U0ALICE", at=now + 400), 401)
    signed = sdk().sign(press_payload(c.slack, b["deny"], "U0CAROL"), SECRET, now)
    eq([c.send(signed), c.send(signed)], [200, 401])
    swapped = dict(signed, body=signed["body"].replace("U0CAROL", "U0ALICE"))
    eq(c.send(swapped), 401)
    c.wait(lambda: c.slack.ephemeral)
    eq(c.state(), "open")
    c.stop()
    c.pbrun("deny", c.run_id(), "--yes", "--reason", "end of the test")
    c.resume()
    c.close()
    reasons = [(d["person"], d["reason"]) for d in c.decisions() if d["verdict"] == "refused"]
    want = ["not Slack's", "not signed", "not Slack's", "not Slack's", "timestamp is none", "older than five minutes", "older than five minutes",
            "belongs to nobody who was asked", "replay", "not Slack's"]
    eq(len(reasons), len(want), reasons)
    for (person, reason), part in zip(reasons, want):
        has(reason, part)
        eq("claims to be" in person, part != "belongs to nobody who was asked")


@case("abuse by people: a stranger, somebody of another group, the principal of the event; each hears why, nobody else does")
def _():
    c, b = with_buttons()
    for i, (user, part) in enumerate((("U0MALLORY", "belongs to nobody who was asked"), ("U0CAROL", "belongs to nobody who was asked"),
                                      ("U0DEPLOY", "is the principal of the event"))):
        eq(c.press(b["grant"], user), 200)
        c.wait(lambda n=i: len(c.slack.ephemeral) == n + 1)
        has(c.slack.ephemeral[i]["text"], part)
    eq(c.state(), "open")
    eq(sorted(buttons(c.asked()[0])), ["deny", "grant"])
    eq(c.press(b["deny"], "U0BOB"), 200)
    c.wait(lambda: c.told() == ["denied"])
    c.wait(lambda: os.path.exists(os.path.join(c.dir, "evidence.jsonl")))
    eq([(d["person"], d["verdict"]) for d in c.decisions()], [("U0MALLORY", "refused"), ("U0CAROL", "refused"), ("deploy", "refused"), ("bob", "deny")])
    c.close()


@case("abuse by content: an approval that is not there, another binding, a payload that is none; answered without harm")
def _():
    c, b = with_buttons()
    apr = b["grant"].split(":")[1]
    eq(c.press("grant:apr-00000000000000000000000000:" + "0" * 32, "U0ALICE"), 200)
    c.wait(lambda: len(c.slack.ephemeral) == 1)
    has(c.slack.ephemeral[0]["text"], "no such approval")
    eq(c.press("grant:%s:%s" % (apr, "0" * 32), "U0ALICE"), 200)
    c.wait(lambda: len(c.slack.ephemeral) == 2)
    has(c.slack.ephemeral[1]["text"], "something else")
    for action in ("grant:" + apr, b["grant"] + "0", "allow" + b["grant"][5:], b["grant"].upper(), "", "grant:%s':%s" % (apr[:-1], "0" * 32)):
        eq(c.press(action, "U0ALICE"), 400, action)
    eq(c.press(b["grant"], "<@U0ALICE>"), 400)
    for more in ({"type": "view_submission"}, {"actions": []}, {"actions": [{"type": "button", "action_id": b["grant"]}] * 2}, {"actions": "x"}):
        eq(c.press(b["grant"], "U0ALICE", **more), 400, str(more))
    signed = sdk().sign({}, SECRET, int(time.time()))
    eq(c.send(signed), 400)
    eq(c.http("/slack/interactions")[0] in (404, 405), True)
    # the refusal goes to no address but Slack's
    eq(c.press(b["grant"], "U0MALLORY", response_url="http://127.0.0.1:1/actions/x"), 200)
    c.wait(lambda: len(c.slack.ephemeral) == 3)
    eq(c.slack.calls[-1][0], "chat.postEphemeral")
    eq(c.state(), "open")
    c.close()


@case("an answer after expiry, by button")
def _():
    c, b = with_buttons()
    c.sql("UPDATE approvals SET expires = asked + 1")
    eq(c.press(b["grant"], "U0ALICE"), 200)
    c.wait(lambda: c.slack.ephemeral)
    has(c.slack.ephemeral[0]["text"], "expired at")
    c.wait(lambda: c.told() == ["expired"])
    c.wait(lambda: os.path.exists(os.path.join(c.dir, "evidence.jsonl")))
    eq([(d["person"], d["verdict"]) for d in c.decisions()], [("alice", "refused")])
    c.close()


@case("a Slack user group: its members are asked for at Slack; unreadable means no")
def _():
    c, b = with_buttons(by="slackers")
    has(words(c.asked()[0]), "<!subteam^S0GROUP01>")
    eq(c.press(b["grant"], "U0ALICE"), 200)
    c.wait(lambda: len(c.slack.ephemeral) == 1)
    has(c.slack.ephemeral[0]["text"], "cannot be read")
    c.slack.groups["S0GROUP01"] = ["U0BOB", "U0STRANGER"]
    eq(c.press(b["grant"], "U0ALICE", trigger_id="2"), 200)
    c.wait(lambda: len(c.slack.ephemeral) == 2)
    has(c.slack.ephemeral[1]["text"], "not in the group")
    eq(c.press(b["grant"], "U0STRANGER"), 200)
    c.wait(lambda: len(c.slack.ephemeral) == 3)
    has(c.slack.ephemeral[2]["text"], "belongs to nobody")
    eq(c.press(b["grant"], "U0BOB"), 200)
    c.wait(lambda: c.told() == ["granted ci-deploy"])
    reads = [a for m, a in c.slack.calls if m == "usergroups.users.list"]
    eq(len(reads), 2, "members are believed for a short while")
    c.close()


# ---- links ----


def post_form(c, path, page, verdict, headers=None):
    nonce = re.search(r'name="nonce" value="([^"]*)"', page).group(1)
    return c.http(path, urllib.parse.urlencode({"nonce": nonce, "reason": "by link", "verdict": verdict}), headers)


@case("a link: following it shows what is asked and decides nothing; the form decides, once")
def _():
    c = Case()
    run = c.begin()
    c.serve()
    link = c.pbrun("approve", run, "--link", "--for", "alice").stdout.strip()
    path = urllib.parse.urlsplit(link).path
    eq(link, "https://pb.example.com" + path)
    for _ in range(3):
        status, headers, page = c.http(path)
        eq(status, 200)
    eq(c.state(), "open")
    has(page, "Tell about ci-deploy?")
    eq(headers["Cache-Control"], "no-store")
    eq(headers["Referrer-Policy"], "same-origin")
    has(headers["Content-Security-Policy"], "default-src 'none'")
    has(headers["Content-Security-Policy"], "frame-ancestors 'none'")
    eq(c.http(path, "verdict=grant")[0], 403)
    eq(post_form(c, path, page, "grant", {"Origin": "https://evil.example"})[0], 403)
    eq(post_form(c, path[:-2] + ("AA" if path[-2:] != "AA" else "BB"), page, "grant")[0], 404)
    eq(c.state(), "open")
    eq(post_form(c, path, page, "grant", {"Origin": "https://pb.example.com"})[0], 200)
    eq(post_form(c, path, page, "grant")[0], 403)
    eq(c.http(path)[0], 410)
    c.wait(lambda: c.told() == ["granted ci-deploy"])
    c.close()
    eq([(d["person"], d["verdict"], d["via"]) for d in c.decisions() if d["verdict"] == "grant"], [("alice", "grant", "link")])
    reasons = [d["reason"] for d in c.decisions() if d["verdict"] == "refused"]
    for part in ("own page", "another site's page", "signature is not ours"):
        eq(len([r for r in reasons if part in r]), 1, reasons)
    has(c.pbrun("approve", run, "--link", "--for", "mallory", status=4).stderr, "not among the people")
    has(c.pbrun("approve", run, "--link", status=2).stderr, "--for")

@case("a link in a real browser: nothing but the page is loaded, the form's answer is taken")
def _():
    npm.install()
    if not os.path.exists(os.environ.get("CHROMIUM", "/usr/bin/chromium")):
        raise Skip("there is no chromium here")
    port = free_port()
    c = Case(url="http://127.0.0.1:%d" % port)
    run = c.begin()
    c.serve("127.0.0.1:%d" % port)
    link = c.pbrun("approve", run, "--link", "--for", "alice").stdout.strip()
    p = subprocess.run(["node", os.path.join(npm.NODE, "link.mjs"), link, "deny"], capture_output=True, text=True, timeout=60, check=False)
    eq(p.returncode, 0, p.stderr)
    seen = json.loads(p.stdout)
    has(seen["asked"], "Tell about ci-deploy?")
    has(seen["answer"], "The approval is denied")
    eq([r for r in seen["requests"] if "favicon" not in r], ["GET approve", "POST approve"])
    eq([m for m in seen["problems"] if "favicon" not in m], [])
    c.wait(lambda: c.told() == ["denied"])
    c.close()
    eq([(d["person"], d["verdict"], d["reason"]) for d in c.decisions()], [("alice", "deny", "seen in a browser")])


# ---- what is shown, limits, dry runs ----


@case("an attacker's text stays text in Slack: no link, no mention, no markup, within Slack's limits")
def _():
    event = json.loads(json.dumps(EVENT))
    evil = "<!channel> <https://evil.example|console> *b* & `x` \u202e @here " + "x" * 9000
    event["detail"]["resource"]["accessKeyDetails"]["userName"] = evil
    c = Case()
    c.begin(event)
    eq(len(c.asked()), 1, c.slack.calls)
    text = words(c.asked()[0])
    has(text, "&lt;!channel&gt; &lt;https://evil.example|console&gt; *b* &amp; `x`")
    eq("<!channel>" in text or "<https://evil" in text or "\u202e" in text, False)
    for b in c.asked()[0]["blocks"]:
        for t in [b.get("text")] + b.get("elements", []):
            if isinstance(t, dict) and t.get("type") == "mrkdwn":
                eq("evil" in t["text"], False, "event text in markup")
    c.close()


@case("a dry run asks nobody, and shows what would be asked and done")
def _():
    c = Case()
    p = c.pbrun("run", "-q", "--dry-run", "--json", "-p", c.source, "-e", "-", stdin=json.dumps(EVENT))
    doc = json.loads(p.stdout.splitlines()[0])
    actions = doc["automated_actions"] if "automated_actions" in doc else doc["evidence"]["automated_actions"]
    eq([(a["action"], a["status"]) for a in actions][:2], [("approval.ask", "planned"), ("slack.notify", "planned")])
    asked = actions[0]["calls"][0]["arguments"]
    eq((asked["question"], asked["quorum"], asked["by"]), ("Tell about ci-deploy?", 1, [{"kind": "group", "name": "oncall"}]))
    eq(c.slack.calls, [])
    c.close()


@case("limit ... else approve: above the limit the site's approvers are asked whether the run may go on")
def _():
    c = Case(site='  approvals { via: "#leads"  by: "oncall"  quorum: 1  within: 20m }\n')
    with open(c.source, encoding="utf-8") as f:
        text = f.read()
    with open(c.source, "w", encoding="utf-8") as f:
        f.write(text.replace("  when guardduty.finding", "  limit 1 per 1h else approve\n  when guardduty.finding"))
    first = c.begin()
    eq(len(c.asked()), 1)
    c.begin()
    second = [r for (r,) in c.sql("SELECT id FROM runs") if r != first][0]
    leads = [m for (ch, _), m in c.slack.messages.items() if ch == "C0LEADS00"]
    eq((len(leads), len(c.asked())), (1, 1))
    has(words(leads[0]), "has run as often as its limit allows")
    c.pbrun("approve", second, "--yes")
    c.resume(status=3)
    eq(len(c.asked()), 2, "now the block's own question")
    c.begin()
    third = [r for (r,) in c.sql("SELECT id FROM runs") if r not in (first, second)][0]
    c.pbrun("deny", third, "--yes", "--reason", "too many")
    c.resume()
    eq(((c.evidence()["run_id"], c.evidence()["outcome"]), len(c.asked())), ((third, "stopped"), 2), "denied: it does not go on")
    c.close()


main()
