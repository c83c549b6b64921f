#!/usr/bin/python3
"""The demo: a simulated AWS account, six findings, six playbooks, and what holds them back.

Starts `pbrun sim`, sets up a bucket, users and instances through boto3 (an ordinary AWS client), fires the events that lie beside the
playbooks at them, and shows the account before and after, what Slack was told, and the evidence. On the way somebody pulls the kill
switch, two people are asked before an instance is terminated, and a guard protects another one. Then the same events come again, and
nothing changes; at last an isolation is undone. Exit status 0 only if all of that came out right.

Everything happens on this machine: the account is a process, Slack a small receiver on a loopback port. The two people are acted by
this program: alice has the login that runs it, bob answers with the link that was made for him.
"""
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from lab import NAMES, PBC, PBRUN, PLAYBOOKS, Lab, documents  # noqa: E402  (the tests use the same laboratory)
from pbtest import free_port  # noqa: E402

BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("",) * 5
LINKS = "the demo's own secret for links, 0123456789"
SITE = """
param link_secret: secret
site {
  alerts "#security-alerts"
  person "alice" { slack: "U0ALICE"  login: "%s" }
  person "bob"   { slack: "U0BOB"    login: "bob-who-is-elsewhere" }
  group "secops-oncall" { people: ["alice", "bob"] }
  group "secops-leads"  { people: ["bob"] }
  approvals { via: "#secops-approvals"  by: "secops-oncall"  quorum: 2  within: 30m }
  serve { url: "http://127.0.0.1:%d"  link_secret: link_secret }
}
"""


def title(text):
    print("\n%s%s%s" % (BOLD, text, PLAIN), flush=True)


def dim(text):
    print("%s  %s%s" % (DIM, text, PLAIN), flush=True)


def indented(text):
    return "  " + text.strip().replace("\n", "\n  ")


def differences(before, after, path=""):
    """The places where two states differ: (path, before, after)."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [d for k in list(before) + [k for k in after if k not in before] for d in differences(before.get(k), after.get(k), path + ("." if path else "") + k)]
    return [] if before == after else [(path, before, after)]


class Demo:
    def __init__(self):
        self.work, self.failures, self.lab, self.server = tempfile.mkdtemp(prefix="pbdemo."), [], None, None
        self.bundle, self.evidence, self.store = (os.path.join(self.work, n) for n in ("playbooks.pbx", "evidence", "state.db"))
        self.port = free_port()

    def close(self):
        if self.server:
            self.server.terminate()
            self.server.wait(20)
        if self.lab:
            self.lab.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def expect(self, holds, otherwise):
        if not holds:
            self.failures.append(otherwise)

    def compile(self):
        title("Compiling the playbooks, with a site that says who may decide")
        site = os.path.join(self.work, "site.pb")
        with open(site, "w", encoding="utf-8") as f:
            f.write(SITE % (pwd.getpwuid(os.getuid()).pw_name, self.port))
        subprocess.run([PBC, "check", PLAYBOOKS, site], check=True)
        subprocess.run([PBC, "build", "-o", self.bundle, PLAYBOOKS, site], check=True)
        print("  %d bytes of bytecode" % os.path.getsize(self.bundle))

    def account(self):
        title("Starting the simulated account")
        lab = self.lab = Lab()
        lab.set_up()
        self.terminated = lab.instances[1]
        self.critical = lab.ec2.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="c5.large", MinCount=1, MaxCount=1, SecurityGroupIds=[lab.group], TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "payments"}, {"Key": "Critical", "Value": "True"}]}])["Instances"][0]["InstanceId"]
        print("  %s: a public bucket, two users with a key each, two instances with two volumes each, one that is critical" % lab.url)

    # ---- pbrun ----

    def env(self, **more):
        return self.lab.env(PB_PARAM_LINK_SECRET=LINKS, PB_STORE=self.store, **more)

    def command(self, *args, status=0, shown=None):
        """A command of pbrun as people type it: shown, with its output."""
        dim("$ pbrun " + (shown or " ".join("'%s'" % a if " " in a else a for a in args)))
        p = subprocess.run([PBRUN, *args], env=self.env(), capture_output=True, text=True, timeout=60, check=False)
        self.expect(p.returncode == status, "pbrun %s ended with status %d: %s" % (args[0], p.returncode, p.stderr.strip()))
        return p

    def respond(self, event, status=0):
        """An event comes in. What pbrun says of it, indented, and how long it took."""
        start = time.time()
        p = self.lab.run(self.bundle, event, self.evidence, PB_PARAM_LINK_SECRET=LINKS, PB_STORE=self.store)
        self.expect(p.returncode == status, "%s: pbrun ended with status %d, expected %d: %s" % (event["detail"].get("type"), p.returncode, status, p.stderr.strip()))
        return indented(p.stdout), time.time() - start

    def last(self):
        return documents(self.evidence)[-1]

    # ---- acts ----

    def kill_switch(self):
        title("Somebody has pulled the kill switch: a finding comes in, and nothing is changed")
        self.command("kill-switch", "on", "--reason", "false positives since 14:00")
        before = self.lab.everything()
        print(self.respond(self.lab.events["revoke_exposed_key"], status=4)[0])
        self.expect(self.lab.everything() == before, "the kill switch was on, and the account has changed")
        self.expect(self.last()["denied"]["by"] == "kill_switch", "the evidence does not name the kill switch")
        self.command("kill-switch", "off", "--reason", "found the cause")

    def handle(self, name):
        event = self.lab.events[name]
        title("%s  (%s)" % (event["detail"].get("type") or event["detail-type"], name))
        before = self.lab.show(name)
        out, seconds = self.respond(event)
        changes = differences(before, after := self.lab.show(name))
        print("  " + ", ".join("%s %s" % (k, after[k]) for k in list(after)[:1]))
        for path, was, now in changes:
            print("    %-22s %s  ->  %s" % (path[:40], json.dumps(was), json.dumps(now)))
        print(out)
        dim("%.2f s from event to evidence" % seconds)

    def serve(self):
        log = open(os.path.join(self.work, "serve.log"), "w", encoding="utf-8")
        self.server = subprocess.Popen([PBRUN, "serve", "-p", self.bundle, "--listen", "127.0.0.1:%d" % self.port, "--evidence", self.evidence], env=self.env(), stdout=log, stderr=log)
        log.close()
        for _ in range(200):
            try:
                return urllib.request.urlopen("http://127.0.0.1:%d/healthz" % self.port, timeout=5).close()
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("pbrun serve did not start")

    def follow(self, link):
        """Bob opens the link, reads what is asked, and presses Approve."""
        with urllib.request.urlopen(link, timeout=20) as r:
            nonce = re.search(r'name="nonce" value="([^"]+)"', r.read().decode()).group(1)
        form = urllib.parse.urlencode({"nonce": nonce, "reason": "it mines", "verdict": "grant"}).encode()
        with urllib.request.urlopen(link, data=form, timeout=20) as r:
            return r.status

    def state(self, instance):
        return self.lab.instance_state(instance)["state"]

    def terminate(self):
        event = self.lab.events["terminate_instance"]
        title("%s  (terminate_instance): isolated at once, terminated only when two people agree" % event["detail"]["type"])
        out, seconds = self.respond(event, status=3)
        print(out)
        dim("%.2f s; the process has ended, the run waits in the store: the instance is %s, in %s" % (
            seconds, self.state(self.terminated), " ".join(self.lab.instance_state(self.terminated)["groups"])))
        run = self.waiting()
        print("  %s  %s" % self.lab.slack.messages[-1])
        dim("one login is one person: alice answers on the command line, bob with a link of his own (both are acted by this program)")
        p = self.command("approve", run, "--yes", "--reason", "seen on the firewall too", shown="approve %s --reason 'seen on the firewall too'      (alice: it is her login)" % run)
        print(indented(p.stdout))
        self.expect(self.state(self.terminated) == "running", "one person was enough")
        link = self.command("approve", run, "--link", "--for", "bob").stdout.strip()
        self.serve()  # where links lead to; it also takes the run up as soon as it is decided
        print("  bob follows his link and presses Approve: HTTP %d" % self.follow(link))
        for _ in range(400):
            if os.path.exists(self.evidence) and self.last()["run_id"] == run and self.last()["outcome"] == "done":
                break
            time.sleep(0.05)
        print("  %s: %s is %s now" % (self.last()["remediation_status"], self.terminated, self.state(self.terminated)))
        self.expect(self.state(self.terminated) == "terminated", "two people agreed, and the instance is %s" % self.state(self.terminated))
        self.expect(len(self.lab.instance_state(self.terminated)["snapshots"]) >= 2, "its disks are not kept")
        self.server.terminate()
        self.expect(self.server.wait(20) == 0, "pbrun serve did not end well")
        self.server = None

    def waiting(self):
        p = subprocess.run([PBRUN, "runs", "--json", "--status", "waiting"], env=self.env(), capture_output=True, text=True, timeout=60, check=True)
        return re.search(r"run-[0-9a-z]{26}", p.stdout).group(0)

    def guard(self):
        event = json.loads(json.dumps(self.lab.events["quarantine_instance"]))
        event["detail"]["id"] = "f" * 32
        event["detail"]["resource"]["instanceDetails"]["instanceId"] = self.critical
        title("The same Trojan on an instance that is tagged Critical: a guard says no")
        before = self.lab.instance_state(self.critical)
        print(self.respond(event, status=4)[0])
        after = self.lab.instance_state(self.critical)
        self.expect((after["groups"], after["tags"]) == (before["groups"], before["tags"]), "the critical instance was touched")
        self.expect(self.last()["denied"]["by"] == "critical_instances", "the evidence does not name the guard")
        self.expect(self.last()["denied"].get("told") == "told #security-alerts", "nobody was told of the denial")

    def again(self):
        title("The same six events again")
        before, told = self.lab.everything(), len(self.lab.slack.messages)
        for name in NAMES + ["terminate_instance"]:
            print(self.respond(self.lab.events[name])[0])
        told = len(self.lab.slack.messages) - told
        self.unchanged = self.lab.everything() == before
        self.expect(self.unchanged, "the account changed when the same events came again")
        self.expect(told == 1, "%d messages the second time, expected 1 (each root sign-in is reported)" % told)

    def undo(self):
        title("It was a false alarm: the isolation of %s is undone" % self.lab.instance)
        run = [d["run_id"] for d in self.first if d["playbook"]["name"] == "quarantine_instance"][0]
        print(indented(self.command("undo", run, "--dry-run").stdout))
        print(indented(self.command("undo", run).stdout))
        state = self.lab.instance_state()
        print("    groups %s, tags %s" % (state["groups"], state["tags"]))
        self.expect(state["groups"] == ["%s (web)" % self.lab.group], "the instance is not back in its group")
        self.expect("SecurityStatus" not in state["tags"], "the instance is still marked")

    def show(self):
        title("What Slack was told")
        for channel, text in self.lab.slack.messages:
            print("  %s  %s" % (channel, text.replace("\n", "\n      ")))
        title("Evidence")
        for d in documents(self.evidence):
            print("  %s  %-22s %-19s %s" % (d["incident_id"], d["playbook"]["name"], d["remediation_status"], d["affected_resource"] or ""))
            for a in d["automated_actions"]:
                print("      %-26s %-13s %6d ms  %s" % (a["action"], a["status"], a["execution_time_ms"], a.get("detail") or (a.get("error") or {}).get("message") or ""))

    def result(self):
        contained = sum(d["remediation_status"] == "remediated" for d in self.first)
        reported = sum(d["remediation_status"] == "reported" for d in self.first)
        denied = sum(d["remediation_status"] == "denied" for d in self.first)
        self.expect((contained, reported, denied) == (5, 1, 2), "%d contained, %d reported and %d denied, expected 5, 1 and 2" % (contained, reported, denied))
        title("Result")
        print("  6 findings handled: %d contained, one of them terminated by two people's decision, %d reported; %d acts denied; running the same events again changed %s; "
              "one isolation undone" % (contained, reported, denied, "nothing" if self.unchanged else "SOMETHING"))

    def play(self):
        self.compile()
        self.account()
        self.kill_switch()
        for name in NAMES:
            self.handle(name)
        self.terminate()
        self.guard()
        self.first = documents(self.evidence)
        self.again()
        self.undo()
        self.show()
        self.result()


def main():
    demo = Demo()
    try:
        demo.play()
    finally:
        demo.close()
    for f in demo.failures:
        print("%sFAILED: %s%s" % (RED, f, PLAIN))
    if not demo.failures:
        print("%s  ok%s" % (GREEN, PLAIN))
    sys.exit(1 if demo.failures else 0)


if __name__ == "__main__":
    main()
