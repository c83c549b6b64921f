"""Runs that are kept in a store: killed and resumed, parked and taken up again, refused where there is no store, left as they are where the
disk is full. tests/unit/journal.c kills a run at every moment; here pbrun itself is killed at some, beside a simulated account."""
# speed: slow
import json
import os
import re
import resource
import signal
import subprocess
import time

from lab import REGION, Lab
from pbtest import PBC, PBRUN, case, eq, has, main, run, tempdir

DIR = tempdir()
BOOK = os.path.join(DIR, "book.pb")
HEAD = 'version "1.0.0"  summary "s"  owner "lab@example.com"  tier auto  controls []\n  when lab.alert as a where a.kind == '
with open(BOOK, "w", encoding="utf-8") as out:
    out.write('''
type Alert { id: string?  kind: string?  host: string? }
event lab.alert { source "lab"  detail_type "Alert"  schema Alert  id "id" }

playbook hold { %s"hold"
  let id = a.host
  where id exists
  let i = ec2.instance(id)
  do ebs.snapshot_volumes(i, tags: { Why: run.incident_id }) as kept timeout 1m
  parallel {
    do ec2.tag(i, { Held: "yes" }) as tagged
    do sns.publish_twice(id)
  }
  record { snapshots: kept.ids.size()  tagged: tagged.changed }
}
action sns.publish_twice(id: string) read { let x = aws.sts.GetCallerIdentity()  let y = aws.ec2.DescribeInstances(InstanceIds: [id]) }

playbook pauser { %s"pause"
  do pause(3s)
}
''' % (HEAD, HEAD))
WAITER = os.path.join(DIR, "waiter.pb")
with open(WAITER, "w", encoding="utf-8") as out:
    out.write('''
param word: secret
site { slack { bot_token: word } }
type Alert { id: string?  kind: string?  host: string? }
event lab.alert { source "lab"  detail_type "Alert"  schema Alert  id "id" }
playbook waiter { %s"wait"
  let id = a.host
  where id exists
  let i = ec2.instance(id)
  do ec2.tag(i, { Step: "one" })
  wait 1500ms
  do ec2.tag(i, { Step: "two" })
  record { affected_resource: i.id }
}
''' % HEAD)


def alert(kind, host="h"):
    return json.dumps({"version": "0", "id": "e1", "source": "lab", "detail-type": "Alert", "account": "123456789012", "region": REGION,
                       "time": "2026-01-02T03:04:05Z", "detail": {"id": "a1", "kind": kind, "host": host}})


def pbrun(lab, *args, stdin=None, env=None, timeout=60, **more):
    full = lab.env() if lab else dict(os.environ)
    full.update(env or {})
    return subprocess.run([PBRUN, *args], env=full, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, **more)


def begin(lab, store, kind, *more, book=BOOK, **options):
    return pbrun(lab, "run", "-p", book, "-e", "-", "--store", store, *more, stdin=alert(kind, getattr(lab, "instance", "h")), **options)


def line(text):
    return json.loads(text.strip().split("\n")[-1])


def held(lab):
    i = lab.ec2.describe_instances(InstanceIds=[lab.instance])["Reservations"][0]["Instances"][0]
    return {t["Key"]: t["Value"] for t in i["Tags"] if t["Key"] == "Held"}, len(lab.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"])


@case("killed at some moments, resumed: the account is what it is undisturbed, nothing twice")
def _():
    count = os.path.join(DIR, "count")
    lab = Lab()
    lab.set_up()
    r = begin(lab, os.path.join(tempdir(), "s.db"), "hold", "--json", env={"PB_CRASH_COUNT": count})
    eq((r.returncode, line(r.stdout)["record"]), (0, {"snapshots": 2, "tagged": True}), r.stderr)
    want = held(lab)
    eq(want, ({"Held": "yes"}, 2))
    lab.close()
    with open(count, encoding="utf-8") as f:
        moments = int(f.read())
    assert moments > 15, moments
    for at in range(4, moments, max(moments // 6, 1)):
        lab = Lab()
        lab.set_up()
        store = os.path.join(tempdir(), "s.db")
        eq(begin(lab, store, "hold", env={"PB_CRASH_AT": str(at)}).returncode, -signal.SIGKILL, "moment %d" % at)
        r = pbrun(lab, "resume", "--store", store, "--json")
        eq(r.returncode, 0, "moment %d: %s" % (at, r.stderr))
        got = line(r.stdout)
        eq((got["record"], got["outcome"], got["resumed"], held(lab)), ({"snapshots": 2, "tagged": True}, "done", 1, want), "moment %d" % at)
        r = pbrun(lab, "resume", "--store", store)
        eq((r.returncode, r.stdout), (0, ""))
        has(r.stderr, "no run is due")
        lab.close()


@case("wait parks: status 3, no process; too early nothing happens; then it goes on. A secret parameter is given again")
def _():
    lab = Lab()
    lab.set_up()
    d = tempdir()
    store, evidence, word = os.path.join(d, "s.db"), os.path.join(d, "evidence"), {"PB_PARAM_WORD": "open sesame"}
    r = begin(lab, store, "wait", "--json", "--evidence", evidence, book=WAITER, env=word)
    eq(r.returncode, 3, r.stderr)
    waiting = line(r.stdout)
    eq((waiting["outcome"], waiting["remediation_status"], waiting["reason"]["code"]), ("waiting", "waiting", "waiting"))
    eq(os.path.getsize(os.path.join(evidence, "evidence.jsonl")), 0)
    r = pbrun(lab, "resume", "--store", store, env=word)
    eq((r.returncode, r.stdout), (0, ""))
    has(r.stderr, "no run is due")
    time.sleep(1.6)
    r = pbrun(lab, "resume", waiting["run_id"], env={"PB_STORE": store})
    eq(r.returncode, 1)
    has(r.stderr, "parameter `word` is secret")
    has(r.stderr, "PB_PARAM_WORD")
    r = pbrun(lab, "resume", waiting["run_id"], "--json", "--evidence", evidence, "--set", "word=open sesame", env={"PB_STORE": store})
    eq(r.returncode, 0, r.stderr)
    got = line(r.stdout)
    eq((got["outcome"], got["resumed"], got["run_id"], got["incident_id"], got["started_at"]),
       ("done", 1, waiting["run_id"], waiting["incident_id"], waiting["started_at"]))
    tags = lab.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [lab.instance]}])["Tags"]
    eq([t["Value"] for t in tags if t["Key"] == "Step"], ["two"])
    with open(store, "rb") as f:
        assert b"sesame" not in f.read()
    r = pbrun(lab, "resume", waiting["run_id"], "--store", store, env=word)
    eq(r.returncode, 1)
    has(r.stderr, "it has ended")
    lab.close()


@case("a playbook that waits needs a store: refused with the cure, before anything is done; the site may name one")
def _():
    r = pbrun(None, "run", "-p", WAITER, "-e", "-", "--set", "word=open sesame", stdin=alert("wait"))
    eq((r.returncode, r.stdout), (2, ""))
    has(r.stderr, "`waiter` has `wait`")
    has(r.stderr, "--store sqlite:///PATH")
    store = os.path.join(tempdir(), "site.db")
    site = os.path.join(DIR, "site.pb")
    with open(site, "w", encoding="utf-8") as f:
        f.write('site { store "sqlite://%s" }\n' % store)
    r = pbrun(None, "run", "-p", WAITER, "--site", site, "-e", "-", "--set", "word=open sesame", stdin=alert("nothing"))
    eq(r.returncode, 0, r.stderr)
    assert os.path.exists(store)
    r = pbrun(None, "run", "-p", WAITER, "--store", "/dev/null/x.db", "-e", "-", "--set", "word=open sesame", stdin=alert("wait"))
    eq(r.returncode, 2)
    has(r.stderr, "/dev/null/x.db")
    eq(pbrun(None, "resume").returncode, 2)
    r = pbrun(None, "resume", "run-nobody", "--store", store)
    eq(r.returncode, 1)
    has(r.stderr, "there is no such run")


@case("a run that is under way is nobody else's; a run that was told to stop has ended")
def _():
    store = os.path.join(tempdir(), "s.db")
    p = subprocess.Popen([PBRUN, "run", "-p", BOOK, "-e", "-", "--store", store, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p.stdin.write(alert("pause"))
    p.stdin.close()
    words = p.stderr.readline()
    has(words, "pauser")
    time.sleep(0.3)
    r = pbrun(None, "resume", "--store", store)
    eq((r.returncode, r.stdout), (0, ""))
    p.send_signal(signal.SIGTERM)
    eq(p.wait(20), 1)
    ended = line(p.stdout.read())
    eq((ended["outcome"], ended["interrupted"]), ("failed", True))
    r = pbrun(None, "resume", ended["run_id"], "--store", store)
    eq(r.returncode, 1)
    has(r.stderr, "it has ended")


@case("the disk is full: nothing is sent that is not on disk, a clean stop with the cure; when there is room again it goes on")
def _():
    lab = Lab()
    lab.set_up()
    stopped = resumed = 0
    for limit in (30, 130, 150, 170):
        store = os.path.join(tempdir(), "s.db")

        def full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit * 1024, limit * 1024))
        r = begin(lab, store, "hold", preexec_fn=full)
        assert r.returncode in (0, 1, 2), (r.returncode, r.stderr)
        if r.returncode == 0:
            continue
        stopped += 1
        assert re.search("full|too large|disk|I/O|space", r.stderr + r.stdout), (r.stderr, r.stdout)
        r = pbrun(lab, "resume", "--store", store, "--json")
        eq(r.returncode, 0, r.stderr)
        if r.stdout:
            resumed += 1
            eq(line(r.stdout)["outcome"], "done")
    assert stopped >= 2, stopped
    lab.close()


main()
