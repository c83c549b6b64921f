"""What happens when pbrun cannot know: how a run was begun, under which site, whether a finding is made up, whether a guard holds.
Each time the answer is no, or a question."""
# speed: slow
import atexit
import json
import os
import sqlite3
import subprocess
import time

from lab import ACCOUNT, PBC, PBRUN, REGION, Lab, documents
from pbtest import case, eq, has, main, tempdir

lab = Lab()
atexit.register(lab.close)

SITE = '''
site {
  person "alice" { login: "alice" }
  group "oncall" { people: ["alice"] }
  approvals { by: "oncall" via: "#approvals" within: 30m }
  %s
}
'''
BOOK = '''
type Alarm { id: string  user: string  sample: json? }
event test.alarm { source "test.alarm"  detail_type "Alarm"  schema Alarm  id "id"  sample "sample" }
action t.tag(user: string): { changed: bool } contain on user {
  do aws.iam.TagUser(UserName: user, Tags: [{ Key: "Seen", Value: "yes" }])
  return { changed: true }
} undo none "a tag that says what happened"
playbook marks {
  version "1.0.0"  summary "marks a user"  owner "secops@example.com"  tier auto  controls ["SOC2-CC7.4"]
  %s
  when test.alarm as f
  let who = aws.iam.GetUser(UserName: f.user).User.UserName
  %s
  do t.tag(who)
  record { affected_resource: who }
}
'''


def write(name, text):
    path = os.path.join(tempdir(), name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def image(path):
    out = path[:-3] + ".pbx"
    p = subprocess.run([PBC, "build", "-o", out, path], capture_output=True, text=True, check=False)
    eq(p.returncode, 0, p.stderr)
    return out


def pbrun(*args, event=None, **env):
    return subprocess.run([PBRUN, *args], env=lab.env(AWS_REGION=REGION, PB_RETRY_BASE_MS="20", **env), input=json.dumps(event) if event else None,
                          capture_output=True, text=True, timeout=60, check=False)


def alarm(who, ident, **more):
    return {"version": "0", "id": "e-%s" % ident, "source": "test.alarm", "detail-type": "Alarm", "account": ACCOUNT, "region": REGION,
            "time": "2026-01-02T03:04:05Z", "detail": dict({"id": ident, "user": who}, **more)}


def user(name):
    lab.iam.create_user(UserName=name)
    return name


def seen(who):
    return any(t["Key"] == "Seen" for t in lab.iam.list_user_tags(UserName=who)["Tags"])


@case("a run above its limit that dies before anything is written of it still asks when it is resumed")
def _():
    path = write("limited.pb", BOOK % ("limit 1 per 1h else approve", "") + SITE % "")
    first, second = user("limit-1"), user("limit-2")
    asked = 0
    for moment in range(1, 8):
        store = os.path.join(tempdir(), "s.db")
        p = pbrun("run", "-p", path, "-e", "-", "--store", store, event=alarm(first, "a"))
        eq(p.returncode, 0, p.stderr)
        pbrun("run", "-p", path, "-e", "-", "--store", store, event=alarm(second, "b"), PB_CRASH_AT=str(moment))
        db = sqlite3.connect(store)
        rows = db.execute("SELECT status FROM runs WHERE id=(SELECT max(id) FROM runs)").fetchall()
        begun = db.execute("SELECT count(*) FROM runs").fetchone()[0] == 2
        db.close()
        p = pbrun("resume", "--store", store)
        eq(seen(second), False, "killed at moment %d: %s, %s%s" % (moment, rows, p.stdout, p.stderr))
        if begun:
            db = sqlite3.connect(store)
            asked += db.execute("SELECT count(*) FROM approvals WHERE state='open'").fetchone()[0]
            db.close()
    assert asked > 2, asked


@case("a run begun under a site of its own file is not taken up without it: what is protected stays so")
def _():
    who = user("protected-1")
    path = write("wait.pb", BOOK % ("", "wait 1s"))
    site = write("site.pb", SITE % ('protect { users: ["%s"] }' % who))
    store, evidence = os.path.join(tempdir(), "s.db"), tempdir()
    p = pbrun("run", "-p", path, "--site", site, "-e", "-", "--store", store, event=alarm(who, "a"))
    eq(p.returncode, 3, p.stderr)
    run = sqlite3.connect(store).execute("SELECT id FROM runs").fetchone()[0]
    for args in (("resume", run), ("resume",)):
        db = sqlite3.connect(store)
        db.execute("UPDATE runs SET wake_at=1, due_at=1 WHERE status=1")
        db.commit()
        db.close()
        p = pbrun(*args, "--store", store)
        has(p.stderr, "--site FILE")
        eq((p.returncode != 0, seen(who)), (True, False), p.stderr)
    db = sqlite3.connect(store)
    db.execute("UPDATE runs SET wake_at=1, due_at=1 WHERE status=1")
    db.commit()
    db.close()
    time.sleep(1.1)
    p = pbrun("resume", "--store", store, "--site", site, "--evidence", evidence)
    eq((p.returncode, seen(who), [(d.get("denied") or {}).get("by") for d in documents(evidence)] if os.listdir(evidence) else p.stdout), (4, False, ["self_protection"]), p.stderr)


@case("a guard that would not hold in the playbooks beside it is refused, not forgotten")
def _():
    guard = 'guard nobody { on t.* as act  where act.action == "x"  deny "no" }\n'
    book = image(write("book.pb", BOOK % ("", "")))
    both = image(write("both.pb", BOOK % ("", "") + guard))
    event = alarm(user("guarded-1"), "a")
    for more in (("--site", write("site.pb", SITE % "" + "guard nobody { on ec2.* as act  deny \"no\" }\n")), ("-p", image(write("g.pb", guard.replace("t.*", "ec2.*"))))):
        p = pbrun("run", "-p", book, *more, "-e", "-", event=event)
        eq((p.returncode, seen("guarded-1")), (2, False), p.stderr)
        has(p.stderr, "would not hold in the playbooks of")
    p = pbrun("run", "-p", both, "-e", "-", event=event)
    eq((p.returncode, seen("guarded-1")), (0, True), p.stderr)


@case("what does not clearly say that a finding is real is taken for a sample")
def _():
    path = write("plain.pb", BOOK % ("", ""))
    who = user("sample-1")
    for said in (True, "true", "True", "yes", 1, {}, []):
        p = pbrun("run", "-p", path, "-e", "-", event=alarm(who, "a", sample=said))
        eq((p.returncode, seen(who)), (0, False), "%r: %s" % (said, p.stderr))
    p = pbrun("run", "-p", path, "-e", "-", event=alarm(who, "a", sample="false"))
    eq((p.returncode, seen(who)), (0, True), p.stderr)


main()
