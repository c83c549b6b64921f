#!/usr/bin/python3
"""pbc check --event: what playbooks would do about an event, why others would not, and that nothing is changed by asking.

The plans in tests/lang/plans are those of the library; PLAN_UPDATE=1 writes them anew, to be read before they are kept."""
# runs: sanitized
import hashlib
import json
import os
import re
import shutil

from lab import Lab, NAMES, PLAYBOOKS, Proxy
from pbtest import PBC, PBRUN, ROOT, case, eq, has, main, run, tempdir

PLANS = os.path.join(ROOT, "tests/lang/plans")
HEAD = '''  version "1.0.0"  summary "s"  owner "o@example.com"  tier %s  controls ["SOC2-CC7.4"]
'''
SITE = '''site {
  person "alice" { slack: "U0000ALICE" login: "alice" }
  person "bob" { slack: "U00000BOB1" login: "bob" }
  group "oncall" { people: ["alice", "bob"] }
  group "leads" { people: ["bob"] }
}
'''


def playbook(name, body, tier="auto", head=""):
    return "playbook %s {\n%s%s%s}\n" % (name, HEAD % tier, head, body)


def write(text, name="p.pb", where=None):
    path = os.path.join(where or tempdir(), name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def library_event(name, **changes):
    with open(os.path.join(PLAYBOOKS, name + ".event.json"), encoding="utf-8") as f:
        event = json.load(f)
    for path, value in changes.items():
        at = event
        keys = path.split("__")
        for k in keys[:-1]:
            at = at[k]
        at[keys[-1]] = value
    return event


def check(*args, status=0, stdin=None, env=None, cwd=None):
    p = run([PBC, "check"] + list(args), stdin=stdin, env=env, cwd=cwd)
    eq(p.returncode, status, p.stderr + p.stdout)
    return p


def documents(text):
    found, at, decoder = [], 0, json.JSONDecoder()
    while text[at:].strip():
        while text[at].isspace():
            at += 1
        doc, at = decoder.raw_decode(text, at)
        found.append(doc)
    return found


def plan(source, event, *args, status=0, env=None):
    """The one document."""
    doc, = documents(check("--json", "--event", "-", *args, source, status=status, stdin=json.dumps(event), env=env).stdout)
    return doc


def steps(doc, nth=0):
    return doc["plans"][nth]["steps"]


def changing(doc):
    return [c for p in doc["plans"] for s in p["steps"] for c in s.get("calls", []) if c["effect"] not in ("read", "pure")]


# ---- the library ----

@case("the library's plans are those that are kept, as text and as JSON; asked twice they are the same bytes")
def _():
    for name in NAMES:
        for ending, more in ((".txt", []), (".json", ["--json"])):
            args = more + ["--event", name + ".event.json", name + ".pb"]
            got, again = (check(*args, cwd=PLAYBOOKS).stdout for _ in range(2))
            eq(got == again, True, name + " is not stable")
            path = os.path.join(PLANS, name + ending)
            if os.environ.get("PLAN_UPDATE"):
                os.makedirs(PLANS, exist_ok=True)
                write(got, name + ending, PLANS)
            with open(path, encoding="utf-8") as f:
                want = f.read()
            if got != want:
                line = next((i for i, (a, b) in enumerate(zip(got.splitlines(), want.splitlines())) if a != b), -1)
                raise AssertionError("%s: differs in line %d: %r, kept is %r" % (path, line + 1, got.splitlines()[line], want.splitlines()[line]))


@case("all playbooks of the library: one is for the event, the others say why not")
def _():
    for name in NAMES:
        doc = plan(PLAYBOOKS, library_event(name))
        eq([p["playbook"] for p in doc["plans"]], [name])
        others = {m["playbook"]: m["because"] for m in doc["not_for"]}
        eq(list(others), sorted(others))
        eq(others.get("report_root_login", "source"), "source")
        eq("condition" in others.values(), name != "report_root_login")


# ---- who does not match ----

@case("a condition that does not hold is shown with what it saw, whatever the operator; what is absent says so")
def _():
    conditions = [
        ('f.severity >= 7', "f.severity", 5), ('f.severity < 5', "f.severity", 5), ('f.severity > 5', "f.severity", 5), ('f.severity <= 4', "f.severity", 5),
        ('f.type == "x"', "f.type", "UnauthorizedAccess:IAMUser/MaliciousIPCaller"),
        ('f.type != "UnauthorizedAccess:IAMUser/MaliciousIPCaller"', "f.type", "UnauthorizedAccess:IAMUser/MaliciousIPCaller"),
        ('f.type like "Trojan:EC2/*"', "f.type", "UnauthorizedAccess:IAMUser/MaliciousIPCaller"), ('f.region matches "^eu-"', "f.region", "us-east-1"),
        ('f.region in ["eu-west-1", "eu-west-2"]', "f.region", "us-east-1"), ('f.resource.instanceDetails.instanceId exists', "f.resource.instanceDetails.instanceId", None),
        ('not (f.accountId exists)', "f.accountId", "123456789012"), ('f.title.lower() == "x"', "f.title", None),
        ('f.region == "eu-west-1" or f.severity > 8', "f.region", "us-east-1"), ('any(b in f.resource.s3BucketDetails: b.name == "x")', "f.resource.s3BucketDetails", None)]
    text = "".join(playbook("p%02d" % i, '  when guardduty.finding as f\n  where f.accountId exists\n  where %s\n  do slack.notify("#x", "y")\n  record { affected_resource: f.arn }\n' % c)
                   for i, (c, _, _) in enumerate(conditions))
    path = write(text)
    event = library_event("revoke_exposed_key")
    del event["detail"]["title"]
    doc = plan(path, event)
    eq(doc["plans"], [])
    for miss, (condition, name, value) in zip(doc["not_for"], conditions):
        eq((miss["because"], miss["condition"]), ("condition", condition))
        eq(miss["saw"][name], value, condition)
        has(miss["place"], "p.pb:")
    eq(doc["not_for"][12]["saw"], {"f.region": "us-east-1", "f.severity": 5}, "both sides of an `or`")
    out = check("--event", "-", path, stdin=json.dumps(event)).stdout
    has(out, "no playbook would run\n")
    has(out, "  p00  where f.severity >= 7: f.severity is 5")
    has(out, "  p09  where f.resource.instanceDetails.instanceId exists: f.resource.instanceDetails.instanceId is absent")


@case("a playbook that listens to something else says to what; one item of a list may match and another not")
def _():
    text = playbook("hub", '  when securityhub.finding as f\n  where f.Severity.Label == "CRITICAL"\n  do slack.notify("#x", "y")\n  record { affected_resource: f.Id }\n')
    text += playbook("action", '  when securityhub.custom_action as f\n  do slack.notify("#x", "y")\n  record { affected_resource: f.Id }\n')
    path = write(text)
    items = [{"Id": "f%d" % i, "Severity": {"Label": l}, "AwsAccountId": "123456789012"} for i, l in enumerate(["LOW", "CRITICAL", "LOW"])]
    event = dict(library_event("revoke_exposed_key"), source="aws.securityhub", detail={"findings": items})
    event["detail-type"] = "Security Hub Findings - Imported"
    doc = plan(path, event)
    eq([(p["playbook"], p["item"]) for p in doc["plans"]], [("hub", 1)])
    eq([(m["playbook"], m["because"], m.get("item"), m.get("saw")) for m in doc["not_for"]],
       [("action", "detail_type", None, None), ("hub", "condition", None, {"f.Severity.Label": "LOW"}), ("hub", "condition", 2, {"f.Severity.Label": "LOW"})])
    out = check("--event", "-", path, stdin=json.dumps(library_event("revoke_exposed_key"))).stdout
    has(out, 'listens to source "aws.securityhub", the event has "aws.guardduty"')


# ---- events ----

@case("several events: in files, in one file, on standard input; each has a plan of its own")
def _():
    one, two = os.path.join(PLAYBOOKS, NAMES[0] + ".event.json"), write("".join(json.dumps(library_event(n)) + "\n" for n in NAMES[1:3]), "two.json")
    docs = documents(check("--json", "--event", one, "-e", two, PLAYBOOKS).stdout)
    eq([p["playbook"] for d in docs for p in d["plans"]], NAMES[:3])
    eq([(os.path.basename(d["event"]["file"]), d["event"]["number"]) for d in docs], [(NAMES[0] + ".event.json", 1), ("two.json", 1), ("two.json", 2)])
    eq(docs[1]["account"]["filled_with"], plan(PLAYBOOKS, library_event(NAMES[1]))["account"]["filled_with"], "an account of its own")


@case("what is no event is told with its place; the others are planned")
def _():
    good = json.dumps(library_event("report_root_login"))
    p = check("--event", "-", PLAYBOOKS, status=1, stdin='{"a": 1}\n' + good + '\n{"b":\n tru }\n')
    has(p.stderr, "-: event 1 (line 1): ")
    has(p.stderr, "-: event 3 (line 3): line 4, column 2: ")
    has(p.stdout, "report_root_login 1.0.0")
    has(check("--event", "-", PLAYBOOKS, status=1, stdin="").stderr, "standard input holds no event")
    has(check("--event", "/nowhere.json", PLAYBOOKS, status=2).stderr, "/nowhere.json")
    has(check("--event", "-", PLAYBOOKS, status=1, stdin="not json").stderr, "event 1 (line 1)")


@case("options that do not go together; findings come first; formats for other programs hold no plan")
def _():
    e = os.path.join(PLAYBOOKS, "report_root_login.event.json")
    for args in (["--live"], ["--account-state", "x"], ["--set", "a=b"], ["--event", e, "--live", "--account-state", "x"], ["--event", e, "--json", "--bounds"],
                 ["--event", e, "--set", "nothing"], ["--event", ""]):
        check(*args, PLAYBOOKS, status=2)
    has(check("--event", e, "--account-state", e, PLAYBOOKS, status=2).stderr, "is no account that `pbrun sim --state` has recorded")
    wrong = write(playbook("p", "  when guardduty.finding as f\n  where f.severty > 1\n"))
    p = check("--event", e, wrong, status=1)
    eq(p.stdout, "")
    has(p.stderr, "severity")
    eq(check("--event", e, "--format", "github", PLAYBOOKS).stdout, "")
    has(check("--event", e, "--bounds", PLAYBOOKS).stdout, "report_root_login")


@case("parameters: --set, PB_PARAM_, or the plan cannot be made")
def _():
    path = write("param channel: string\n" + playbook("p", '  when guardduty.finding as f\n  do slack.notify(channel, "hi")\n  record { affected_resource: f.arn }\n', tier="manual"))
    e = library_event("revoke_exposed_key")
    told = lambda doc: changing(doc)[0]["arguments"]["channel"]
    eq(told(plan(path, e, "--set", "channel=#a")), "#a")
    eq(told(plan(path, e, env={"PB_PARAM_CHANNEL": "#b"})), "#b")
    has(check("--event", "-", path, status=2, stdin=json.dumps(e)).stderr, "parameter `channel` is not set")


# ---- what is in a plan ----

@case("before and after: members, tags, structures, what is absent; already done; a read that fails")
def _():
    body = '''  when guardduty.finding as f
  let key = f.resource.accessKeyDetails
  where key.userName exists and key.accessKeyId exists
  do iam.deactivate_key(user: key.userName, key: key.accessKeyId)
  record { affected_resource: f.arn }
'''
    path, e = write(playbook("p", body)), library_event("revoke_exposed_key")
    doc = plan(path, e)
    s, = [x for x in steps(doc) if x["action"] == "iam.deactivate_key"]
    eq((s["status"], s["arguments"]), ("would_do", {"user": "ci-deploy", "key": "AKIAIOSFODNN7EXAMPLE"}))
    eq([(c["operation"], c["status"]) for c in s["calls"]], [("aws.iam.ListAccessKeys", "read"), ("aws.iam.UpdateAccessKey", "would_call")])
    eq(s["calls"][1]["changes"], [{"member": "Status", "before": "Active", "after": "Inactive"}])
    eq((s["calls"][1]["account"], s["calls"][1]["region"]), ("123456789012", "us-east-1"))
    undo, = s["undo"]
    eq([(c["operation"], c["arguments"]["Status"]) for c in undo["calls"]], [("aws.iam.UpdateAccessKey", "Active")])
    eq(doc["plans"][0]["totals"], {"reads": 1, "changes": 1, "messages": 0, "approvals": 0})
    gone = plan(path, library_event("revoke_exposed_key", detail__resource__accessKeyDetails__accessKeyId="AKIAIOSFODNN7EXAMPL2", detail__resource__accessKeyDetails__userType="Root"),
                status=1)
    eq((gone["plans"][0]["outcome"], gone["plans"][0]["reason"]["code"]), ("failed", "NoSuchEntity"))
    bucket = steps(plan(os.path.join(PLAYBOOKS, "block_public_bucket.pb"), library_event("block_public_bucket")))[1]
    eq(bucket["before"]["all"], False)
    eq([c["before"] for c in bucket["calls"][-1]["changes"]], ["absent"] * 4)
    bucket = library_event("block_public_bucket")
    said = bucket["detail"]["resource"]["s3BucketDetails"][0]["publicAccess"]["permissionConfiguration"]["bucketLevelPermissions"]["blockPublicAccess"]
    said["blockPublicAcls"] = True
    some = steps(plan(os.path.join(PLAYBOOKS, "block_public_bucket.pb"), bucket))[1]
    eq([c["member"].split(".")[1] for c in some["calls"][-1]["changes"]], ["IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"])
    eq(some["undo"][0]["calls"][0]["operation"], "aws.s3.PutPublicAccessBlock")
    for k in said:
        said[k] = True
    eq([(s["action"], s["status"]) for s in steps(plan(os.path.join(PLAYBOOKS, "block_public_bucket.pb"), bucket))],
       [("s3.bucket_tags", "read"), ("s3.block_public_access", "already_done")])


ASK = SITE + playbook("ask", '''  when guardduty.finding as f
  let id = f.resource.instanceDetails.instanceId
  where id exists
  on failure { do slack.notify("#secops", "failed") }
  let i = ec2.instance(id)
  do ebs.snapshot_volumes(i)
  do ec2.tag(i, { SecurityStatus: "Suspect" })
  do wait_a_little()
  approve "Terminate ${i.id}?"
    via slack "#secops"
    by group "oncall"
    quorum 2
    within 30m
    escalate to group "leads" after 10m
  {
    do ec2.terminate(i)
  } denied {
    do slack.notify("#secops", "kept")
  }
  do slack.notify("#secops", "over")
  record { affected_resource: i.arn }
''', tier="approve")


@case("what waits for an approval stands behind it, with who decides and what is done otherwise; waiting is counted")
def _():
    path = write(ASK.replace("do wait_a_little()", "wait 15m"))
    doc = plan(path, library_event("quarantine_instance"))
    ask, = [s for s in steps(doc) if s["status"] == "waits_for_approval"]
    a = ask["approval"]
    eq((a["question"], a["quorum"], a["within"], a["if_denied"], a["if_expired"]),
       ("Terminate i-0e4d1e6047da24b8f?", 2, "30m", 'do slack.notify("#secops", "kept")', "the run stops"))
    eq((a["by"], a["escalate"], a["via"]), ([{"kind": "group", "name": "oncall"}], [{"kind": "group", "name": "leads", "after": "10m"}], [{"kind": "slack", "to": "#secops"}]))
    eq([s["action"] for s in steps(doc) if s.get("if_granted") == ask["step"] and s["effect"] != "read"], ["ec2.terminate"])
    over = [s for s in steps(doc) if s["action"] == "slack.notify"]
    eq([(s["calls"][0]["arguments"]["text"], s.get("if_granted")) for s in over], [("over", None)])
    eq((doc["plans"][0]["totals"]["approvals"], doc["plans"][0]["totals"]["waits"]), (1, "15m"))
    eq([u.get("none") for s in steps(doc) if s["action"] == "ec2.terminate" for u in s["undo"]], ["a terminated instance cannot be brought back"])
    out = check("--event", "-", path, stdin=json.dumps(library_event("quarantine_instance"))).stdout
    for part in ('asks          "Terminate i-0e4d1e6047da24b8f?"', "decided by group oncall, 2 of them, within 30m; asked in slack #secops; then also group leads after 10m",
                 'if denied: do slack.notify("#secops", "kept")', "if nobody answers: the run stops", "undo of ec2.terminate: none, a terminated instance", "waits         15m",
                 "1 approval"):
        has(out, part)


@case("guards: what denies ends the plan, what may deny is told, what is let pass too; pbrun's own protection")
def _():
    guards = '''guard critical {
  on ec2.tag as act
  where act.args.i.tags["Critical"] == "True"
  deny "a critical instance"
}
'''
    body = '''  when guardduty.finding as f
  let id = f.resource.instanceDetails.instanceId
  where id exists
  let i = ec2.instance(id)
  do ec2.tag(i, { SecurityStatus: "Suspect" })
  do slack.notify("#x", "tagged")
  record { affected_resource: i.arn }
'''
    source = guard_source(guards, playbook("p", body))
    event = library_event("quarantine_instance")
    eq([s["status"] for s in steps(plan(source, event))], ["read", "would_do", "would_do"])
    event["detail"]["resource"]["instanceDetails"]["tags"].append({"key": "Critical", "value": "True"})
    doc = plan(source, event)
    eq((doc["plans"][0]["outcome"], [s["status"] for s in steps(doc)]), ("denied", ["read", "denied"]))
    eq([(g["guard"], g["says"]) for g in steps(doc)[1]["guards"]], [("critical", "denies")])
    has(check("--event", "-", source, stdin=json.dumps(event)).stdout, "denied by guard critical: a critical instance")
    mine = write(SITE.replace('login: "alice"', 'login: "alice" arn: "arn:aws:iam::123456789012:user/ci-deploy"', 1)
                 + playbook("p", '  when guardduty.finding as f\n  do iam.revoke_sessions(user: "ci-deploy")\n  record { affected_resource: f.arn }\n'))
    doc = plan(mine, library_event("revoke_exposed_key"))
    s = [x for x in steps(doc) if x["action"] == "iam.revoke_sessions"][0]
    eq((s["status"], s["calls"][-1]["denied_by"], doc["plans"][0]["outcome"]), ("denied", "self_protection", "denied"))


def guard_source(guards, text):
    return write(guards + text)


@case("a sample finding, a run that skips, one that fails: said with the reason")
def _():
    body = '  when guardduty.finding as f\n  let user = f.resource.accessKeyDetails.userName\n  where user exists\n  let n = aws.iam.ListAccessKeys(UserName: user).AccessKeyMetadata.size()\n  where n > 5\n  do slack.notify("#x", "y")\n  record { affected_resource: f.arn }\n'
    path, e = write(playbook("p", body)), library_event("revoke_exposed_key")
    doc = plan(path, e)
    eq((doc["plans"][0]["outcome"], doc["plans"][0]["reason"]["message"]), ("skipped", "n > 5 (it is 1)"))
    has(check("--event", "-", path, stdin=json.dumps(e)).stdout, "ends as skipped: n > 5 (it is 1) (")
    e["detail"]["service"]["additionalInfo"]["sample"] = True
    has(plan(path, e)["plans"][0]["note"], "marked as a sample")


# ---- accounts ----

def fingerprint(folder):
    return {n: hashlib.sha256(open(os.path.join(folder, n), "rb").read()).hexdigest() for n in sorted(os.listdir(folder))}


@case("a recorded account: what it holds counts, the file and its folder stay as they are")
def _():
    folder = tempdir()
    state = os.path.join(folder, "account.db")
    lab = Lab(state=state)
    lab.set_up()
    lab.iam.update_access_key(UserName=lab.users[0], AccessKeyId=lab.keys[0], Status="Inactive")
    event = lab.events["revoke_exposed_key"]
    source = os.path.join(PLAYBOOKS, "revoke_exposed_key.pb")
    running = plan(source, event, "--account-state", state)
    lab.close()
    eq((running["account"]["kind"], steps(running)[0]["status"]), ("recorded", "already_done"))
    before = fingerprint(folder)
    for name in NAMES:
        doc = plan(PLAYBOOKS, lab.events[name], "--account-state", state)
        eq([p["playbook"] for p in doc["plans"]], [name])
        eq(doc["plans"][0]["outcome"], "done")
    eq(fingerprint(folder), before)
    has(check("--event", os.path.join(PLAYBOOKS, "quarantine_instance.event.json"), "--account-state", state, PLAYBOOKS, status=1).stdout, "ends as failed: ")


READS = ("Get", "List", "Describe", "Head", "AssumeRole")


@case("a live account: everything above reading is held back, whatever the playbook has; nobody is told")
def _():
    folder = tempdir()
    state = os.path.join(folder, "account.db")
    lab = Lab(state=state)
    lab.set_up()
    proxy = Proxy(lab.url)
    changed = lambda: {k: v["changed"] for k, v in json.loads(run([PBRUN, "sim", "--state", state, "--show"]).stdout)["calls"].items() if v["changed"]}
    before, everything = changed(), lab.everything()
    env = {k: v for k, v in lab.env(proxy.url).items() if k.startswith(("AWS_", "SLACK_"))}
    for name in NAMES:
        first, second = (check("--json", "--live", "--event", "-", PLAYBOOKS, stdin=json.dumps(lab.events[name]), env=env).stdout for _ in range(2))
        eq(first == second, True, name + " is not stable")
        doc, = documents(first)
        eq((doc["account"]["kind"], [p["playbook"] for p in doc["plans"]], doc["plans"][0]["outcome"]), ("live", [name], "done"))
        eq(bool(changing(doc)), True)
    ask = write(ASK.replace("do wait_a_little()", "wait 15m"))
    eq(plan(ask, lab.events["quarantine_instance"], "--live", env=env)["plans"][0]["totals"]["approvals"], 1)
    failing = write(playbook("p", '  when guardduty.finding as f\n  on failure undo\n  do iam.revoke_sessions(user: "ci-deploy")\n  let x = aws.iam.GetUser(UserName: "nobody")\n  record { affected_resource: x.User.Arn }\n'))
    doc = plan(failing, lab.events["revoke_exposed_key"], "--live", env=env, status=1)
    eq(doc["plans"][0]["outcome"], "failed")
    eq((changed(), lab.everything()), (before, everything))
    eq(lab.slack.messages, [])
    odd = [o for o in proxy.seen if not o.startswith(READS) and not o.startswith(("GET ", "HEAD "))]
    eq((odd, len(proxy.requests) > 20), ([], True))
    lab.close()


@case("pbrun run --dry-run makes the same plan of the same account")
def _():
    lab = Lab()
    lab.set_up()
    env = {k: v for k, v in lab.env().items() if k.startswith(("AWS_", "SLACK_"))}
    for name in ("block_public_bucket", "report_root_login"):
        live = plan(PLAYBOOKS, lab.events[name], "--live", env=env)
        p = run([PBRUN, "run", "-q", "--dry-run", "--json", "-p", PLAYBOOKS, "-e", "-"], stdin=json.dumps(lab.events[name]), env=env)
        doc = json.loads(p.stdout)
        eq(doc["plan"], live["plans"][0])
        eq(doc["not_for"], live["not_for"])
    lab.close()


@case("nothing of the machine gets into a plan: its credentials, settings, clock")
def _():
    wild = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "AKIAWRONGWRONGWRONG0", "AWS_SESSION_TOKEN": "x", "AWS_PROFILE": "none", "AWS_REGION": "eu-west-1",
            "SLACK_BOT_TOKEN": "xoxb-real", "SLACK_API_URL": "http://127.0.0.1:9", "PB_STORE": "sqlite:///nowhere/x.db", "TZ": "Asia/Tokyo"}
    for name in NAMES[:3]:
        args = ["--json", "--event", name + ".event.json", name + ".pb"]
        eq(check(*args, cwd=PLAYBOOKS, env=wild).stdout, check(*args, cwd=PLAYBOOKS).stdout)


@case("an attacker's text stays text: in names, tags, conditions, the file's own name")
def _():
    nasty = "\x1b[2J\x1b]0;owned\x07\u202eevil\n  1. done"
    event = library_event("quarantine_instance", detail__type="Trojan:EC2/" + nasty)
    event["detail"]["resource"]["instanceDetails"]["tags"].append({"key": nasty, "value": nasty})
    event["detail"]["resource"]["instanceDetails"]["networkInterfaces"][0]["securityGroups"][0]["groupId"] = "sg-1\"}; drop"
    event["detail"]["resource"]["instanceDetails"]["networkInterfaces"][1]["networkInterfaceId"] = "eni-\"%s" % nasty
    event["id"] = event["detail"]["title"] = nasty
    folder = tempdir()
    path = write(json.dumps(event), "e\x1b[31m.json", folder)
    p = check("--event", path, PLAYBOOKS)
    eq(re.findall("[\x00-\x09\x0b-\x1f\x7f\u202e]", p.stdout + p.stderr), [])
    doc, = documents(check("--json", "--event", path, PLAYBOOKS).stdout)
    eq(doc["plans"][0]["playbook"], "quarantine_instance")
    shutil.rmtree(folder)


@case("the example in the reference is what it says")
def _():
    with open(os.path.join(ROOT, "lang/REFERENCE.md"), encoding="utf-8") as f:
        text = f.read().split("\n## Dry runs\n")[1].split("\n## ")[0]
    command, shown = re.search(r"```console\n\$ (pbc check [^\n]*)\n(.*?)```", text, re.S).groups()
    out = check(*command.split()[2:], cwd=ROOT).stdout
    eq([l for l in shown.splitlines() if l.strip() != "..."], [l for l in out.splitlines() if l in shown.splitlines()])
    eq(bool(shown.strip()), True)


main()
