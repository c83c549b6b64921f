#!/usr/bin/python3
"""`pbc check --bounds` and `--coverage`: what they count."""
# runs: sanitized
import json
import os

from pbtest import PBC, ROOT, case, eq, has, main, run, tempdir

HEAD = '''playbook p {
  version "1.0.0"
  summary "s"
  owner "o@example.com"
  tier auto
  controls ["SOC2-CC7.1"]
  when guardduty.finding as f
'''
TAIL = "  record { affected_resource: f.arn }\n}\n"
LIST = "aws.iam.ListUsers().Users"


def project(text):
    d = tempdir()
    with open(os.path.join(d, "a.pb"), "w", encoding="utf-8") as f:
        f.write(text)
    return d


def bounds(body, before=""):
    p = run([PBC, "check", "--bounds", "--json", "a.pb"], cwd=project(before + HEAD + body + TAIL))
    eq(p.returncode, 0, p.stderr)
    [b] = json.loads(p.stdout)
    return b


def at_most(body, before=""):
    n = bounds(body, before)["at_most"]
    return [n[k] for k in ("calls", "reads", "writes", "messages", "approvals", "waiting_ms")]


@case("what follows one another is added, of two ways the larger one counts")
def _():
    eq(at_most(""), [0] * 6)
    eq(at_most("  let _a = %s\n  let _b = %s\n" % (LIST, LIST)), [2, 2, 0, 0, 0, 0])
    eq(at_most('  if f.severity > 5 { let _a = %s } else { do slack.notify("#a", "b") }\n' % LIST), [1, 1, 0, 1, 0, 0])


@case("retries, else, and branches that run at the same time")
def _():
    tag = 'do aws.ec2.CreateTags(Resources: ["i-0123456789abcdef0"], Tags: [])'
    eq(at_most("  %s retry 3\n" % tag), [4, 0, 4, 0, 0, 0])
    eq(at_most('  %s else { do slack.notify("#a", error.message) }\n' % tag), [1, 0, 1, 1, 0, 0])
    eq(at_most("  parallel {\n    do pause(10s)\n    do pause(20s)\n  }\n"), [0, 0, 0, 0, 0, 20000])
    eq(at_most("  do pause(10s)\n  do pause(20s)\n"), [0, 0, 0, 0, 0, 30000])


@case("verify and wait until ask as often as their time allows")
def _():
    # 250 ms, then twice as long each time up to 4 s: 0 0.25 0.75 1.75 3.75 7.75 10 s
    eq(at_most("  verify %s.first() exists within 10s\n" % LIST), [7, 7, 0, 0, 0, 10000])
    n = at_most('  wait until aws.ec2.InstanceStopped(InstanceIds: ["i-0123456789abcdef0"]) for 2m\n')
    eq((n[0] > 8, n[5]), (True, 120000))


@case("a list whose length is written down multiplies; any other gives a row of its own")
def _():
    tell = 'do slack.notify("#a", x)'
    eq(at_most('  for x in ["a", "b", "c"] { %s }\n' % tell), [0, 0, 0, 3, 0, 0])
    eq(at_most('  let xs = ["a", "b"]\n  for x in xs { %s }\n' % tell), [0, 0, 0, 2, 0, 0])
    b = bounds("  for u in %s {\n    for g in aws.iam.ListGroupsForUser(UserName: u.UserName).Groups { do slack.notify(\"#a\", g.GroupName) }\n  }\n" % LIST)
    eq(b["at_most"]["calls"], 1)
    eq([(r["reads"], r["messages"]) for r in b["per_item"]], [(1, 0), (0, 1)])
    has(b["per_item"][1]["each"], "and in it of `aws.iam.ListGroupsForUser")


@case("actions are counted through, and a loop in one names it")
def _():
    b = bounds('  do team.tell(["a"])\n', 'action team.tell(xs: list[string]) notify {\n  for x in xs { do slack.notify("#a", x) }\n}\n')
    eq([(r["each"], r["messages"]) for r in b["per_item"]], [("`xs` (team.tell)", 1)])


@case("a table for people; nothing of a playbook with errors")
def _():
    p = run([PBC, "check", "--bounds", os.path.join(ROOT, "playbooks")])
    eq((p.returncode, p.stderr), (0, ""))
    has(p.stdout, "AWS calls   reads  writes  messages  approvals   waiting")
    has(p.stdout, "for each item of `open` (ec2.isolate)")
    p = run([PBC, "check", "--bounds", "a.pb"], cwd=project("parm x: int\n"))
    eq((p.returncode, p.stdout), (1, ""))


def coverage(text):
    p = run([PBC, "check", "--coverage", "--json", "a.pb"], cwd=project(text))
    eq(p.returncode, 0, p.stderr)
    return json.loads(p.stdout)


@case("a type is handled when no `where` excludes it")
def _():
    [c] = coverage(HEAD + '  where f.type like "Trojan:EC2/Drop*" and f.severity > 5\n  let t = f.type\n  where t != "Trojan:EC2/DropPoint!DNS"\n' + TAIL)
    eq((c["event"], c["handled"]), ("guardduty.finding", 1))
    eq(c["types"]["Trojan:EC2/DropPoint"], ["p"])
    eq(c["types"]["Trojan:EC2/DropPoint!DNS"], [])
    assert c["known"] > 150, c["known"]
    [c] = coverage(HEAD + '  where f.type in ["Recon:EC2/Portscan"] or f.severity > 7\n' + TAIL)
    eq(c["handled"], c["known"])
    eq(coverage(HEAD.replace("guardduty.finding", "cloudtrail.api_call") + "  record { a: f.eventID }\n}\n"), [])


@case("--deny uncovered ends with status 1 when a type has no playbook")
def _():
    d = project(HEAD + '  where f.type like "Trojan:*"\n' + TAIL)
    p = run([PBC, "check", "--deny", "uncovered", "a.pb"], cwd=d)
    eq((p.returncode, p.stdout), (1, ""))
    has(p.stderr, "handled by no playbook")
    eq(run([PBC, "check", "--deny", "uncovered", "a.pb"], cwd=project(HEAD + TAIL)).returncode, 0)
    text = run([PBC, "check", "--coverage", "a.pb"], cwd=d).stdout
    has(text, "by no playbook\n    AttackSequence:")


main()
