#!/usr/bin/python3
"""The demo: a simulated AWS account, five findings, five playbooks.

Starts `pbrun sim`, sets up a bucket, users and an instance through boto3 (an ordinary AWS client), fires the five events that
lie beside the playbooks at them, and shows the account before and after, what Slack was told, and the evidence. Then it fires the
same five events again and proves that nothing changes. Exit status 0 only if all of that came out right.

Everything happens on this machine: the account is a process, Slack a small receiver on a loopback port.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from lab import NAMES, PBC, PLAYBOOKS, Lab, documents  # noqa: E402  (the tests use the same laboratory)

BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("",) * 5


def title(text):
    print("\n%s%s%s" % (BOLD, text, PLAIN), flush=True)


def print_state(label, state):
    print("%s  %-7s%s" % (DIM, label, PLAIN) + json.dumps(state, default=str))


def main():
    work = tempfile.mkdtemp(prefix="pbdemo.")
    lab = None
    failures = []
    try:
        title("Compiling the playbooks")
        bundle = os.path.join(work, "playbooks.pbx")
        subprocess.run([PBC, "check", PLAYBOOKS], check=True)
        subprocess.run([PBC, "build", "-o", bundle, PLAYBOOKS], check=True)
        print("  %d bytes of bytecode" % os.path.getsize(bundle))

        title("Starting the simulated account")
        lab = Lab()
        lab.set_up()
        evidence = os.path.join(work, "evidence")
        print("  %s: a public bucket, two users with a key each, two instances with two volumes each" % lab.url)

        def respond(name):
            start = time.time()
            p = lab.run(bundle, lab.events[name], evidence)
            if p.returncode:
                failures.append("%s: pbrun ended with status %d: %s" % (name, p.returncode, p.stderr.strip()))
            return "  " + p.stdout.strip().replace("\n", "\n  "), time.time() - start

        for name in NAMES:
            event = lab.events[name]
            title("%s  (%s)" % (event["detail"].get("type") or event["detail-type"], name))
            print_state("before", lab.show(name))
            out, seconds = respond(name)
            print_state("after", lab.show(name))
            print(out)
            print("%s  %.2f s from event to evidence%s" % (DIM, seconds, PLAIN))

        title("What Slack was told")
        for channel, text in lab.slack.messages:
            print("  %s  %s" % (channel, text.replace("\n", "\n      ")))

        title("Evidence")
        first = documents(evidence)
        for d in first:
            print("  %s  %-22s %-12s %s" % (d["incident_id"], d["playbook"]["name"], d["remediation_status"], d["affected_resource"]))
            for a in d["automated_actions"]:
                print("      %-26s %-13s %6d ms  %s" % (a["action"], a["status"], a["execution_time_ms"], a.get("detail") or ""))

        title("The same five events again")
        before, told = lab.everything(), len(lab.slack.messages)
        for name in NAMES:
            print(respond(name)[0])
        unchanged, told = lab.everything() == before, len(lab.slack.messages) - told

        contained = sum(d["remediation_status"] == "remediated" for d in first)
        reported = sum(d["remediation_status"] == "reported" for d in first)
        if (contained, reported) != (4, 1):
            failures.append("%d contained and %d reported, expected 4 and 1" % (contained, reported))
        if not unchanged:
            failures.append("the account changed when the same events came again")
        if told != 1:
            failures.append("%d messages the second time, expected 1 (each root sign-in is reported)" % told)
        title("Result")
        print("  %d findings handled: %d contained, %d reported; running the same events again changed %s" % (
            len(first), contained, reported, "nothing" if unchanged else "SOMETHING"))
    finally:
        if lab:
            lab.close()
        shutil.rmtree(work, ignore_errors=True)
    for f in failures:
        print("%sFAILED: %s%s" % (RED, f, PLAIN))
    if not failures:
        print("%s  ok%s" % (GREEN, PLAIN))
    sys.exit(1 if failures else 0)


main()
