"""What holds an act back, with real processes against the simulated account: dedupe, limit and concurrency counted across
processes, the kill switch and its sources, observe-only runs, sample findings, what is protected, one run at a time on a target."""
# runs: sanitized
# speed: slow
import atexit
import json
import os
import subprocess
import time

from lab import ACCOUNT, PBRUN, REGION, Lab, Proxy, documents
from pbtest import case, eq, has, main, run, tempdir

lab = Lab()
atexit.register(lab.close)
work = tempdir()
FAST = {"PB_RETRY_BASE_MS": "20", "AWS_REGION": REGION}

HEAD = '''
type Alarm { id: string  user: string  role: string?  bucket: string?  wait: int?  sample: bool?  text: string? }
event test.alarm {
  source      "test.alarm"
  detail_type "Alarm"
  schema      Alarm
  id          "id"
  sample      "sample"
}
# Holds its target for as long as the run takes.
action t.tag(user: string): { changed: bool } contain on user {
  do aws.iam.TagUser(UserName: user, Tags: [{ Key: "Seen", Value: "yes" }])
  return { changed: true }
} undo none "a tag that says what happened"
action t.tag_role(role: string): { changed: bool } contain on role {
  do aws.iam.TagRole(RoleName: role, Tags: [{ Key: "Seen", Value: "yes" }])
  return { changed: true }
} undo none "a tag that says what happened"
action t.tag_bucket(bucket: string): { changed: bool } contain on bucket {
  do aws.s3.PutBucketTagging(Bucket: bucket, Tagging: { TagSet: [{ Key: "Seen", Value: "yes" }] })
  return { changed: true }
} undo none "a tag that says what happened"
'''

BODY = '''
playbook %(name)s {
  version  "1.0.0"
  summary  "marks a user"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  %(header)s
  when test.alarm as f
  let who = aws.iam.GetUser(UserName: f.user).User.UserName
  %(body)s
  record { affected_resource: who }
}
'''


def book(name, header="", body="do t.tag(who)"):
    path = os.path.join(tempdir(), name + ".pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(HEAD + BODY % {"name": name, "header": header, "body": body})
    return path


def site(text):
    path = os.path.join(tempdir(), "site.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write("site {\n%s\n}\n" % text)
    return path


_users = []


def user(name=None):
    name = name or "user-%d" % len(_users)
    lab.iam.create_user(UserName=name)
    _users.append(name)
    return name


def alarm(who, ident, **more):
    return {"version": "0", "id": "e-%s" % ident, "source": "test.alarm", "detail-type": "Alarm", "account": ACCOUNT, "region": REGION,
            "time": "2026-01-02T03:04:05Z", "detail": dict({"id": ident, "user": who}, **more)}


def store():
    return "sqlite://" + os.path.join(tempdir(), "state.db")


def respond(path, event, *more, url=None, **env):
    """One pbrun; exit status, its evidence, the process."""
    evidence = tempdir()
    p = lab.run(path, event, evidence, *more, url=url, store=False, **dict(FAST, **env))
    log = os.path.join(evidence, "evidence.jsonl")
    docs = documents(evidence) if os.path.exists(log) else []
    assert docs or p.returncode == 2, p.stderr
    return p.returncode, docs, p


def begin(path, event, *more, **env):
    """A pbrun that goes on while the test does; finish() gives what respond() does."""
    evidence = tempdir()
    p = subprocess.Popen([PBRUN, "run", "-p", path, "-e", "-", "--evidence", evidence, *more], env=lab.env(**dict(FAST, **env)), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p.stdin.write(json.dumps(event))
    p.stdin.close()
    p.stdin = None
    return p, evidence


def finish(begun):
    p, evidence = begun
    out, err = p.communicate(timeout=30)
    return p.returncode, documents(evidence), err + out


def seen(who):
    return any(t["Key"] == "Seen" for t in lab.iam.list_user_tags(UserName=who)["Tags"])


def until(what, seconds=10):
    end = time.time() + seconds
    while not what():
        assert time.time() < end, "it did not happen"
        time.sleep(0.05)


def outcome(doc):
    return doc["outcome"], (doc["reason"] or {}).get("code")


def kill(*args):
    return run([PBRUN, "kill-switch", *args])


# ---- admission ----

@case("dedupe: a second process does not handle the same again, and says which run did")
def _():
    s, path, who = store(), book("dedupes", "dedupe by f.user within 1h"), user()
    status, first, p = respond(path, alarm(who, "a"), "--store", s)
    eq((status, outcome(first[0])), (0, ("done", None)), p.stderr)
    lab.iam.untag_user(UserName=who, TagKeys=["Seen"])
    status, again, p = respond(path, alarm(who, "b"), "--store", s)
    eq((status, outcome(again[0])), (0, ("skipped", "duplicate")), p.stderr)
    has(again[0]["reason"]["message"], first[0]["run_id"])
    eq((seen(who), again[0]["automated_actions"]), (False, []))
    other = user()
    status, third, p = respond(path, alarm(other, "c"), "--store", s)
    eq((status, outcome(third[0]), seen(other)), (0, ("done", None), True), p.stderr)
    status, dry, p = respond(path, alarm(other, "d"), "--store", s, "--dry-run")
    eq((status, outcome(dry[0])), (0, ("done", None)), "a dry run is not deduplicated: " + p.stderr)


@case("without a store such playbooks are refused before anything happens")
def _():
    for header in ("dedupe by f.user within 1h", "limit 2 per 1h else stop", "concurrency 1"):
        who = user()
        status, docs, p = respond(book("refused", header), alarm(who, "a"))
        eq((status, docs, seen(who)), (2, [], False), p.stderr)
        has(p.stderr, "--store")


@case("limit: the third run within the time is stopped with status 4")
def _():
    s, path, users = store(), book("limited", "limit 2 per 1h else stop"), [user() for _ in range(3)]
    got = [respond(path, alarm(u, u), "--store", s) for u in users]
    eq([g[0] for g in got], [0, 0, 4], got[2][2].stderr)
    eq(outcome(got[2][1][0]), ("stopped", "limit"))
    eq([seen(u) for u in users], [True, True, False])


@case("concurrency: while a process has the one run, another is stopped")
def _():
    s, a, b = store(), user(), user()
    path = book("single", "concurrency 1", "do t.tag(who)\n do pause(2s)")
    first = begin(path, alarm(a, "a"), "--store", s)
    until(lambda: seen(a))
    status, docs, p = respond(path, alarm(b, "b"), "--store", s)
    eq((status, outcome(docs[0]), seen(b)), (4, ("stopped", "concurrency"), False), p.stderr)
    eq(finish(first)[0], 0)
    status, docs, p = respond(path, alarm(b, "c"), "--store", s)
    eq((status, seen(b)), (0, True), p.stderr)


# ---- the kill switch ----

plain = book("plain")


@case("kill switch: on, off and status in the store; a denied run names who and why, and is told")
def _():
    s = store()
    missing = kill("status", "--store", s)
    eq((missing.returncode, os.path.exists(s[9:])), (2, False), "a store that is not there says nothing about what is stopped")
    has(missing.stderr, "there is no store at")
    p = kill("on", "--store", s, "--reason", "maintenance")
    eq(p.returncode, 0, p.stderr)
    has(p.stderr, "so one was made")
    p = kill("status", "--store", s)
    eq(p.returncode, 4)
    has(p.stdout, "maintenance")
    told, who = len(lab.slack.messages), user()
    status, docs, p = respond(plain, alarm(who, "a"), "--store", s, "--site", site('alerts "#alerts"'))
    eq((status, outcome(docs[0]), docs[0]["remediation_status"], seen(who)), (4, ("denied", "kill_switch"), "denied", False), p.stderr)
    denied = docs[0]["denied"]
    eq((denied["by"], denied["action"], denied["target"]), ("kill_switch", "t.tag", who))
    has(denied["why"], "maintenance")
    eq(denied["told"], "told #alerts")
    eq(len(lab.slack.messages), told + 1)
    has(lab.slack.messages[-1][1], "pbrun denied t.tag on %s" % who)
    eq(kill("off", "--store", s, "--reason", "over").returncode, 0)
    status, docs, p = respond(plain, alarm(who, "b"), "--store", s)
    eq((status, seen(who)), (0, True), p.stderr)
    j = json.loads(kill("status", "--store", s, "--json").stdout)
    eq((j["stopped"], [w["state"] for w in j["switches"]], sorted(w["state"] for w in j["history"])), (False, ["off"], ["off", "on"]))


@case("kill switch: scopes stop what they name; what is asked wrongly is refused")
def _():
    s = store()
    for scope, stops in (("account:210987654321", False), ("playbook:other", False), ("playbook:plain", True), ("account:" + ACCOUNT, True)):
        kill("on", "--store", s, "--reason", "r", "--scope", scope)
        who = user()
        status, docs, p = respond(plain, alarm(who, scope), "--store", s)
        eq((scope, status, seen(who)), (scope, 4 if stops else 0, not stops), p.stderr)
        kill("off", "--store", s, "--reason", "r", "--scope", scope)
    for args, text in ((["on", "--store", s], "--reason"), (["on", "--reason", "r"], "--store"), (["on", "--store", s, "--reason", "r", "--scope", "account:1"], "no scope"),
                       (["maybe", "--store", s], "on, observe, off or status"), ([], "on, observe, off or status")):
        p = kill(*args)
        eq((args, p.returncode), (args, 2))
        has(p.stderr, text)


@case("kill switch at observe: the run goes on, changes are held back")
def _():
    s, who = store(), user()
    kill("observe", "--store", s, "--reason", "drill")
    path, told = book("observed", body='do t.tag(who)\n do slack.notify("#soc", "about ${who}")'), len(lab.slack.messages)
    status, docs, p = respond(path, alarm(who, "a"), "--store", s)
    eq((status, seen(who), docs[0]["mode"]), (0, False, "observe"), p.stderr)
    eq([a["status"] for a in docs[0]["automated_actions"]], ["planned", "succeeded"])
    eq(len(lab.slack.messages), told + 1, "messages still go out")


def with_ssm(value, ident, url=None, name="/pbrun/kill-switch", extra=""):
    if value is not None:
        lab.ssm.put_parameter(Name=name, Type="String", Value=value, Overwrite=True)
    who = user()
    status, docs, p = respond(plain, alarm(who, ident), "--site", site('kill_switch { ssm: "%s"%s }' % (name, extra)), url=url)
    return status, seen(who), outcome(docs[0]), (docs[0].get("denied") or {}).get("why", ""), p


@case("kill switch in an SSM parameter: off, on, scopes; absent and garbage mean no")
def _():
    for i, (value, status, text) in enumerate((("off", 0, ""), ("on", 4, "SSM parameter /pbrun/kill-switch"), ("", 4, ""), ("perhaps", 4, "cannot be read"),
                                               ('{"playbook:other": "on"}', 0, ""), ('{"account:%s": "on", "reason": "drill", "who": "bob"}' % ACCOUNT, 4, "by bob): drill"))):
        if value == "":
            value, text = "{", "cannot be read"
        got = with_ssm(value, "s%d" % i)
        eq((value, got[0], got[1]), (value, status, status == 0), got[4].stderr)
        has(got[3], text)
        if status:
            eq(got[2], ("denied", "kill_switch"))
    got = with_ssm(None, "absent", name="/pbrun/no-such")
    eq((got[0], got[1], got[2]), (4, False, ("denied", "kill_switch")))
    has(got[3], "put-parameter")


@case("kill switch that is slow or forbidden means no, within seconds")
def _():
    proxy = Proxy(lab.url)
    lab.ssm.put_parameter(Name="/pbrun/kill-switch", Type="String", Value="off", Overwrite=True)
    for fault, text in (([(400, "AccessDeniedException")], ""), (["hang"] * 5, "")):
        proxy.faults["GetParameter"] = list(fault)
        began = time.time()
        got = with_ssm("off", "slow%s" % len(fault), url=proxy.url)
        eq((got[0], got[1], got[2]), (4, False, ("denied", "kill_switch")), got[4].stderr)
        has(got[3], "cannot be read")
        assert time.time() - began < 9, "it took %.1f s" % (time.time() - began)


@case("kill switch in a DynamoDB item; both sources must say off")
def _():
    db = lab.client("dynamodb")
    db.create_table(TableName="ops", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    lab.ssm.put_parameter(Name="/pbrun/kill-switch", Type="String", Value="off", Overwrite=True)
    extra = ' dynamodb: "ops/pbrun"'
    got = with_ssm("off", "none", extra=extra)
    eq((got[0], got[1]), (4, False))
    has(got[3], "there is no such item")
    for state, status in (("off", 0), ("on", 4), ("sideways", 4)):
        db.put_item(TableName="ops", Item={"id": {"S": "pbrun"}, "state": {"S": state}, "reason": {"S": "drill"}, "who": {"S": "bob"}})
        got = with_ssm("off", "item-" + state, extra=extra)
        eq((state, got[0], got[1]), (state, status, status == 0), got[4].stderr)
        if state == "on":
            has(got[3], "by bob): drill")
    got = with_ssm("on", "ssm-on", extra=extra)
    eq((got[0], got[1]), (4, False))


@case("kill switch: it is read again before every change of a run")
def _():
    s, who, other = store(), user(), user()
    path = book("twice", body='do t.tag(who)\n do pause(2s)\n do t.tag("%s")' % other)
    begun = begin(path, alarm(who, "a"), "--store", s)
    until(lambda: seen(who))
    kill("on", "--store", s, "--reason", "stop it now")
    status, docs, err = finish(begun)
    eq((status, outcome(docs[0]), seen(other)), (4, ("denied", "kill_switch"), False), err)
    eq([a["status"] for a in docs[0]["automated_actions"]][0], "succeeded")


# ---- observe-only ----

@case("--observe, and a site that says so: reads and messages, no changes, and the evidence says it")
def _():
    path = book("watching", body='do t.tag(who)\n do slack.notify("#soc", "about ${who}")')
    for more in (["--observe"], ["--site", site("observe true")]):
        who, told = user(), len(lab.slack.messages)
        status, docs, p = respond(path, alarm(who, "a"), *more)
        eq((status, seen(who), docs[0]["mode"], docs[0]["dry_run"]), (0, False, "observe", False), p.stderr)
        eq([a["status"] for a in docs[0]["automated_actions"]], ["planned", "succeeded"])
        eq(docs[0]["remediated_at"], None)
        eq(len(lab.slack.messages), told + 1)
        has(p.stderr + p.stdout, "observe")


@case("a sample finding changes nothing, and the evidence says why")
def _():
    who = user()
    status, docs, p = respond(plain, alarm(who, "a", sample=True))
    eq((status, seen(who), docs[0]["mode"]), (0, False, "observe"), p.stderr)
    has(docs[0]["note"], "sample")
    status, docs, p = respond(plain, alarm(who, "b", sample=False))
    eq((status, seen(who)), (0, True), p.stderr)


# ---- what is protected ----

def protected(path, event, where="", **env):
    status, docs, p = respond(path, event, *(["--site", site(where)] if where else []), **env)
    d = docs[0].get("denied") or {}
    return status, outcome(docs[0]), d.get("by"), d.get("target"), d.get("why", ""), p


@case("protected: the site's lists, by name and pattern, whatever the playbook")
def _():
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    for name in ("break-glass-1", "worker"):
        lab.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    lab.s3.create_bucket(Bucket="evidence-eu")
    where = 'protect { roles: ["break-glass-*"] buckets: ["evidence-*"] }'
    roles, buckets = book("roles", body='where f.role matches "^[a-z0-9-]+$"\n do t.tag_role(f.role)'), book("buckets", body='where f.bucket matches "^[a-z0-9-]+$"\n do t.tag_bucket(f.bucket)')
    got = protected(roles, alarm(user(), "a", role="break-glass-1"), where)
    eq(got[:4], (4, ("denied", "self_protection"), "self_protection", "break-glass-1"), got[5].stderr)
    has(got[4], "protected by the site")
    eq(lab.iam.list_role_tags(RoleName="break-glass-1")["Tags"], [])
    eq(protected(roles, alarm(user(), "b", role="worker"), where)[0], 0)
    got = protected(buckets, alarm(user(), "c", bucket="evidence-eu"), where)
    eq((got[0], got[3]), (4, "evidence-eu"), got[5].stderr)


@case("protected without being told: pbrun's own user, approvers, the kill switch's parameter")
def _():
    own = user("pbrun-itself")
    k = lab.iam.create_access_key(UserName=own)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": k["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": k["SecretAccessKey"]}
    got = protected(plain, alarm(own, "a"), **keys)
    eq(got[:4], (4, ("denied", "self_protection"), "self_protection", own), got[5].stderr)
    has(got[4], "pbrun's own")
    eq(seen(own), False)
    alice = user("alice")
    got = protected(plain, alarm(alice, "b"), 'person "alice" { arn: ["arn:aws:iam::%s:user/alice"] }' % ACCOUNT)
    eq(got[:2], (4, ("denied", "self_protection")), got[5].stderr)
    has(got[4], "who may approve")
    lab.ssm.put_parameter(Name="/pbrun/kill-switch", Type="String", Value="off", Overwrite=True)
    path = book("resets", body='do aws.ssm.PutParameter(Name: "/pbrun/kill-switch", Value: "off", Overwrite: true)')
    got = protected(path, alarm(user(), "c"), 'kill_switch { ssm: "/pbrun/kill-switch" }')
    eq(got[:2], (4, ("denied", "self_protection")), got[5].stderr)
    has(got[4], "holds the kill switch")


@case("a guard's denial is told, and its evidence says so; without an alerts channel nobody is")
def _():
    path = book("guarded")
    with open(path, "a", encoding="utf-8") as f:
        f.write('guard vips {\n  on t.tag as a\n  where a.args.user like "vip-*"\n  deny "people like ${a.args.user} are left alone"\n}\n')
    vip, told = user("vip-1"), len(lab.slack.messages)
    for where, said in (('alerts "#alerts"', "told #alerts"), ("observe false", None)):
        status, docs, p = respond(path, alarm(vip, "a"), "--site", site(where))
        eq((status, outcome(docs[0]), seen(vip)), (4, ("denied", "guard"), False), p.stderr)
        d = docs[0]["denied"]
        eq((d["by"], d["action"], d["target"], d["why"], d.get("told")), ("vips", "t.tag", vip, "people like vip-1 are left alone", said))
        eq(len(lab.slack.messages), told + 1)
    has(lab.slack.messages[-1][1], "people like vip-1 are left alone")
    token = site('alerts "#alerts"\n slack { bot_token: bot }')  # the site's own token, and none in the environment
    with open(token, "a", encoding="utf-8") as f:
        f.write("param bot: secret\n")
    status, docs, p = respond(path, alarm(vip, "a"), "--site", token, SLACK_BOT_TOKEN="", PB_PARAM_BOT=lab.slack.TOKEN)
    eq((status, docs[0]["denied"].get("told")), (4, "told #alerts"), p.stderr)
    lab.slack.error = "channel_not_found"
    status, docs, p = respond(path, alarm(vip, "a"), "--site", site('alerts "#alerts"'))
    lab.slack.error = None
    eq((status, outcome(docs[0])), (4, ("denied", "guard")), p.stderr)
    has(docs[0]["denied"]["told"], "#alerts could not be told")


@case("a dry run tells nobody of what would be denied, and changes nothing")
def _():
    told = len(lab.slack.messages)
    s, who = store(), user()
    kill("on", "--store", s, "--reason", "r")
    status, docs, p = respond(plain, alarm(who, "a"), "--store", s, "--dry-run", "--site", site('alerts "#alerts"'))
    eq((status, docs[0]["remediation_status"], len(lab.slack.messages)), (0, "planned", told), p.stderr)


# ---- one run at a time on a target ----

@case("two processes on one target: the second waits for the first; on another target it does not")
def _():
    s, who, other = store(), user(), user()
    path = book("holds", body="do t.tag(who)\n do pause(2s)")
    first = begin(path, alarm(who, "a"), "--store", s)
    until(lambda: seen(who))
    began = time.time()
    status, docs, p = respond(plain, alarm(other, "b"), "--store", s)
    eq((status, seen(other)), (0, True), p.stderr)
    assert time.time() - began < 1.5, "another target is free"
    status, docs, p = respond(plain, alarm(who, "c"), "--store", s)
    eq(status, 0, p.stderr)
    first = finish(first)
    eq([(n["kind"], n["what"]["run"]) for n in docs[0]["notes"]], [("target_busy", first[1][0]["run_id"])])
    assert docs[0]["automated_actions"][0]["started_at"] < first[1][0]["timestamp"] < docs[0]["timestamp"], (first[1], docs)


@case("a target that stays busy: the step fails with target_busy and names the run that has it")
def _():
    s, who = store(), user()
    path = book("long", body="do t.tag(who)\n do pause(3s)")
    short = book("short", body="do t.tag(who) timeout 1500ms")
    first = begin(path, alarm(who, "a"), "--store", s)
    until(lambda: seen(who))
    status, docs, p = respond(short, alarm(who, "b"), "--store", s)
    first = finish(first)
    eq((status, outcome(docs[0])), (1, ("failed", "target_busy")), p.stderr)
    has(docs[0]["reason"]["message"], first[1][0]["run_id"])


main()
