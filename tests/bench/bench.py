#!/usr/bin/python3
"""Cold start: how long from starting a process to its decision on one event, beside jq and importing boto3.

  tests/bench/bench.py [-n RUNS]

All commands take turns within one run, so that the machine's mood hits them alike; medians and ratios count, single times do
not. The playbooks are the library's five, compiled; the matching event meets one that decides and records but calls nothing, so
that what is measured is the engine and not a network.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PB_BUILD", os.path.join(ROOT, "build"))
DECIDE = """playbook decide {
  version "1.0.0"  summary "Decides and records, calls nothing"  owner "bench@example.com"  tier auto  controls ["SOC2-CC7.3"]
  when guardduty.finding as f
  where f.type like "Trojan:EC2/*" and f.severity >= 5
  record { affected_resource: f.resource.instanceDetails.instanceId ?? "unknown" }
}
"""


def measure(launch, command):
    """Wall and CPU milliseconds, peak MB, exit status."""
    p = subprocess.run([launch] + command, capture_output=True, text=True, check=True)
    wall, cpu, peak, status = (int(n) for n in p.stdout.split())
    return wall / 1e3, cpu / 1e3, peak / 1024, status


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=31)
    runs = parser.parse_args().n
    with tempfile.TemporaryDirectory(prefix="pbbench.") as work:
        launch = os.path.join(work, "launch")
        subprocess.run(["gcc", "-O2", "-o", launch, os.path.join(ROOT, "tests", "bench", "launch.c")], check=True)
        source, bundle = os.path.join(work, "decide.pb"), os.path.join(work, "all.pbx")
        with open(source, "w", encoding="utf-8") as f:
            f.write(DECIDE)
        decide = os.path.join(work, "decide.pbx")
        five = sorted(p for p in glob.glob(os.path.join(ROOT, "playbooks", "*.pb"))  # those that need no store
                      if not p.endswith("_test.pb") and os.path.basename(p) not in ("guards.pb", "terminate_instance.pb"))
        subprocess.run([os.path.join(BUILD, "pbc"), "build", "-o", bundle, *five], check=True)
        subprocess.run([os.path.join(BUILD, "pbc"), "build", "-o", decide, source], check=True)
        match = os.path.join(ROOT, "playbooks", "quarantine_instance.event.json")
        other = os.path.join(work, "other.json")
        with open(match, encoding="utf-8") as f:
            event = json.load(f)
        event["detail"]["type"] = "Recon:EC2/PortProbeUnprotectedPort"
        with open(other, "w", encoding="utf-8") as f:
            json.dump(event, f)
        pbrun = os.path.join(BUILD, "pbrun")
        rows = [
            ("pbrun run, nothing matches", [pbrun, "run", "-p", bundle, "-e", other]),
            ("pbrun run, a playbook matches", [pbrun, "run", "-p", decide, "-e", match, "--evidence", os.path.join(work, "evidence")]),
            ("pbrun run, compiling five playbooks", [pbrun, "run", *five, "-e", other]),
            ("jq .detail.type", ["jq", "-r", ".detail.type", other]),
            ("python3 -c 'import boto3'", ["/usr/bin/python3", "-c", "import boto3"]),
            ("/bin/true (starting a process)", ["/bin/true"]),
        ]
        times = [[] for _ in rows]
        for i in range(runs + 1):
            for (name, command), into in zip(rows, times):
                result = measure(launch, command)
                if result[3]:
                    sys.exit("%s ended with status %d" % (name, result[3]))
                if i:  # the first round warms the file cache
                    into.append(result)
        print("medians of %d runs, taking turns" % runs)
        print("%-38s %9s %9s %9s %16s" % ("", "wall ms", "cpu ms", "peak MB", "import boto3 is"))
        medians = [[statistics.median(t[k] for t in into) for k in range(3)] for into in times]
        for (name, command), m in zip(rows, medians):
            print("%-38s %9.2f %9.2f %9.1f %10.0f times" % (name, m[0], m[1], m[2], medians[4][0] / m[0]))


main()
