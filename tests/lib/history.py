"""A store with a run of every kind in it, for tests of what shows runs: done, skipped, stopped, failed, denied, waiting for an answer and for a
time, undone, and one whose process was killed. Texts of the events are an attacker's."""
import atexit
import json
import os
import pwd
import sqlite3
import subprocess

from lab import REGION, Lab
from pbtest import PBRUN, eq, tempdir

LOGIN = pwd.getpwuid(os.getuid()).pw_name
HOSTILE = "<script>window.pwned=1</script>\"><img src=x onerror=window.pwned=2> \x1b[31mred\x1b]0;title\x07 \u202eevil ' OR 1=1 {{7*7}}"
UI_TOKEN, LINK_SECRET = "a-token-for-the-page-0123456789", "a-link-secret-for-tests-0123456789"
HEAD = 'version "1.0.0"  summary "s"  owner "lab@example.com"  tier %s  controls ["X-1"]\n  when lab.alert as a where a.kind == "%s"'
BOOK = '''
param ui: secret
param links: secret
site {
  serve { url: "%(url)s"  ui_token: ui  link_secret: links }
  person "me"    { login: "%(login)s" }
  person "alice" { login: "alice-login" }
  group "oncall" { people: ["me", "alice"] }
}
type Alert { id: string  kind: string  text: string  host: string }
event lab.alert { source "lab"  detail_type "Alert"  schema Alert  id "id"  threat "text" }
'''
PLAYBOOKS = {
    "tagger": ("auto", "done", '''
  let id = a.host
  where id matches "^i-[0-9a-f]+$"
  let i = ec2.instance(id)
  do ec2.tag(i, { Seen: run.id })
  do ebs.snapshot_volumes(i, tags: { Why: run.incident_id })
  record { affected_resource: a.text  why: a.text }'''),
    "skipper": ("auto", "skip", '''
  let id = a.host
  where id matches "^i-[0-9a-f]+$"
  let i = ec2.instance(id)
  where i.id == "i-another"
  record { affected_resource: a.text }'''),
    "stopper": ("auto", "stop", '''
  if a.kind == "stop" { stop "not today: ${a.text}" }
  record { affected_resource: a.text }'''),
    "failer": ("auto", "fail", '''
  let i = ec2.instance("i-0123456789abcdef0")
  do ec2.tag(i, { Seen: run.id })
  record { affected_resource: a.text }'''),
    "asker": ("approve", "ask", '''
  let id = a.host
  where id matches "^i-[0-9a-f]+$"
  let i = ec2.instance(id)
  do ec2.tag(i, { Asked: "yes" })
  approve "May I? ${a.text}" by group "oncall" within 30m {
    do ec2.tag(i, { Granted: "yes" })
  } denied { do ec2.tag(i, { Granted: "no" }) }
    expired { do ec2.tag(i, { Granted: "late" }) }
  record { affected_resource: a.text }'''),
    "waiter": ("auto", "wait", '''
  let id = a.host
  where id matches "^i-[0-9a-f]+$"
  let i = ec2.instance(id)
  parallel {
    do ec2.tag(i, { One: "yes" })
    do ec2.tag(i, { Two: "yes" })
  }
  wait 1h
  record { affected_resource: a.text }'''),
}


class History:
    """lab, store; `ids`: run by kind ("done" ... "undone" "orphaned")."""

    def __init__(self, url="http://127.0.0.1:1"):
        self.lab = Lab()
        atexit.register(self.lab.sim.kill)  # also when a case fails
        self.lab.set_up()
        # One run at a time changes a target: what waits has one of its own.
        more = self.lab.ec2.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"]
        self.hosts = {"wait": self.lab.instances[1], "orphaned": more[0]["InstanceId"]}
        self.dir = tempdir()
        self.store = os.path.join(self.dir, "state.db")
        self.book = os.path.join(self.dir, "book.pb")
        self.ids = {}
        text = BOOK % {"url": url, "login": LOGIN}
        for name, (tier, kind, body) in PLAYBOOKS.items():
            text += "playbook %s { %s%s\n}\n" % (name, HEAD % (tier, kind), body)
        with open(self.book, "w", encoding="utf-8") as f:
            f.write(text)

    def event(self, kind, text=HOSTILE, name=None):
        return {"version": "0", "id": "e-%s" % HOSTILE, "source": "lab", "detail-type": "Alert", "account": "123456789012", "region": REGION,
                "time": "2026-01-02T03:04:05Z", "detail": {"id": "%s-%s" % (kind, text), "kind": kind, "text": text, "host": self.hosts.get(name or kind, self.lab.instance)}}

    def pbrun(self, *args, status=0, stdin=None, **env):
        full = self.lab.env(PB_PARAM_UI=UI_TOKEN, PB_PARAM_LINKS=LINK_SECRET, **dict({"PB_STORE": self.store}, **env))
        p = subprocess.run([PBRUN, *args], input=stdin, env=full, capture_output=True, text=True, timeout=60, check=False)
        if status is not None:
            eq(p.returncode, status, p.stdout + p.stderr)
        return p

    def begin(self, kind, status=0, name=None, text=HOSTILE, **env):
        self.pbrun("run", "-q", "-p", self.book, "-e", "-", status=status, stdin=json.dumps(self.event(kind, text, name)), **env)
        self.ids[name or kind] = self.sql("SELECT id FROM runs ORDER BY n DESC LIMIT 1")[0][0]
        return self.ids[name or kind]

    def sql(self, text, *args):
        db = sqlite3.connect(self.store, timeout=10)
        try:
            rows = db.execute(text, args).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def fill(self):
        """One of each."""
        self.begin("done")
        self.begin("skip")
        self.begin("stop")
        self.begin("fail", 1)
        self.pbrun("kill-switch", "on", "--reason", "drill " + HOSTILE, "--scope", "playbook:tagger", status=0)
        self.begin("done", 4, "denied")
        self.pbrun("kill-switch", "off", "--reason", "over", "--scope", "playbook:tagger")
        self.begin("done", 0, "undone", text="plain")
        self.pbrun("undo", "-q", self.ids["undone"], status=None)
        self.begin("ask", 3)
        self.begin("wait", 3)
        self.begin("wait", -9, "orphaned", PB_CRASH_AT="14")
        return self

    def close(self):
        self.lab.close()
