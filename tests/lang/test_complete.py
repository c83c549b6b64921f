#!/usr/bin/python3
"""The wrong playbooks are complete: every diagnostic has a case, every case makes one mistake, and the library none."""
import glob
import json
import os
import re

from pbtest import PBC, ROOT, case, eq, has, main, run, tempdir

BAD = os.path.join(ROOT, "tests/lang/bad")
# Met by other tests: files and bytes (test_files.py), limits of the compiler (../unit/codegen.c, test_files.py).
ELSEWHERE = {"test_files.py": ("PB00", "PB0101", "PB0102", "PB0103", "PB0115"), "codegen.c": ("PB05",)}


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def rows():
    return json.loads(run([PBC, "explain", "--json"]).stdout)


@case("every diagnostic has a case in bad/, or is met by the tests of files and limits")
def _():
    tested = set()
    for path in glob.glob(BAD + "/*.pb"):
        tested |= set(re.findall(r"# expect(?:-at \d+)?: (PB\d{4})", read(path)))
    elsewhere = tuple(p for part in ELSEWHERE.values() for p in part)
    eq([r["code"] for r in rows() if r["code"] not in tested and not r["code"].startswith(elsewhere)], [])


@case("every diagnostic says what is wrong with an example, and what would be right")
def _():
    for r in rows():
        assert len(r["text"]) > 60 and r["title"], r["code"]
        if r["code"][:4] in ("PB06", "PB10", "PB12") and r["severity"] != "note":
            assert "\n\nWrong" in r["text"] and "\n\nRight:\n" in r["text"], r["code"]


@case("there are at least 250 wrong playbooks, and each of the analyses' makes one mistake")
def _():
    files = glob.glob(BAD + "/*.pb")
    assert len(files) >= 250, len(files)
    for path in files:
        if re.match(r"(lint|taint|evidence|overlap|secret|guard)_", os.path.basename(path)):
            codes = set(re.findall(r"# expect(?:-at \d+)?: (PB\d{4})", read(path)))
            assert len(codes) <= 2, (path, codes)


@case("nothing is found in the standard library and the playbooks, notes included")
def _():
    p = run([PBC, "check", "--json", os.path.join(ROOT, "playbooks")])
    eq((p.returncode, [(d["file"], d["line"], d["code"]) for d in json.loads(p.stdout) if d["severity"] != "note" and not d["allowed"]]), (0, []))
    p = run([PBC, "check", "--json", "-"], stdin="")
    eq((p.returncode, json.loads(p.stdout)), (0, []))


@case("every allowed warning of the library has a reason that says something")
def _():
    p = run([PBC, "check", "--json", os.path.join(ROOT, "playbooks")])
    for d in json.loads(p.stdout):
        assert not d["allowed"] or len(d["allowed"]) > 10, d


FLEET = '''playbook p%04d {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type like "UnauthorizedAccess:IAMUser/*" and f.severity >= 5
  where f.resource.accessKeyDetails.userName == "user-%d"

  let key = f.resource.accessKeyDetails
  where key.userName exists and key.accessKeyId exists

  do iam.deactivate_key(user: key.userName, key: key.accessKeyId) as deactivated
  do iam.revoke_sessions(user: key.userName) as revoked
  if deactivated.changed or revoked.changed {
    do slack.notify("#security", "${run.incident_id}: key ${key.accessKeyId} of ${key.userName} turned off (${f.type})")
  }

  record { affected_resource: iam.user_arn(key.userName) }
}
'''


@case("a thousand playbooks that never meet are checked together, each against each, in seconds")
def _():
    import time
    d = tempdir()
    for i in range(1000):
        with open(os.path.join(d, "p%04d.pb" % i), "w", encoding="utf-8") as f:
            f.write(FLEET % (i, i))
    start = time.monotonic()
    p = run([PBC, "check", "--deny", "warnings", d])
    took = time.monotonic() - start
    eq((p.returncode, p.stderr), (0, ""))
    assert took < 5, "%.1f s" % took  # under a second on an idle machine; the suite's machines are not idle


@case("a playbook that meets another one is found among a thousand")
def _():
    d = tempdir()
    for i in range(300):
        with open(os.path.join(d, "p%04d.pb" % i), "w", encoding="utf-8") as f:
            f.write(FLEET % (i, i % 299))
    p = run([PBC, "check", d])
    has(p.stderr, "PB1202")
    has(p.stderr, "\n1 warning\n")


main()
