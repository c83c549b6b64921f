#!/usr/bin/python3
"""The seeds of trouble that other tools have: each one, written in this language, does not compile, is reported, or does
nothing of the kind when it runs.

  - a filter that silently never applies: a misspelt field or value, types that are never equal, conditions that exclude each other
  - a misspelt key that fails open: in a header, a site, a condition, an argument, a tag's name
  - a dry run that changes something
  - an approval that nothing reads: a clause that does not exist, a quorum that is none, destroying beside the approval
  - text of the event taken for a target, or in a command
  - destroying without having kept anything
"""
# runs: sanitized
import json
import os

from lab import NAMES, PLAYBOOKS, Lab
from pbtest import PBC, case, eq, main, run, tempdir

HEAD = '''playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
%s
  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
'''
TAIL = "  record { affected_resource: i.arn }\n}\n"
KEPT = "  do ebs.snapshot_volumes(i)\n"


def found(body, before="", header=""):
    """(status with --deny warnings, codes) of a playbook."""
    path = os.path.join(tempdir(), "p.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + HEAD % header + body + TAIL)
    p = run([PBC, "check", "--deny", "warnings", "--json", path])
    return p.returncode, [r["code"] for r in json.loads(p.stdout) if r["severity"] != "note"]


def refused(code, *args, **more):
    status, codes = found(*args, **more)
    eq((status, codes), (1, [code]))


@case("the playbooks that the wrong ones are made of are right")
def _():
    eq(found("  do ec2.isolate(i)\n"), (0, []))
    eq(found(KEPT + '  approve "Terminate ${i.id}?" by group "oncall" quorum 2 within 30m {\n    do ec2.terminate(i)\n  }\n'), (0, []))


# ---- a filter that silently never applies ----

@case("a filter on a field that does not exist does not compile")
def _():
    refused("PB0207", "  where f.resource.accessKeyDetails.userNmae != \"break-glass\"\n")
    refused("PB0207", "  where i.tags.Critical != \"True\"\n")


@case("a filter that can never hold, or always does, is reported")
def _():
    refused("PB0303", '  where f.severity == "high"\n')
    refused("PB0603", '  let v = aws.ec2.DescribeVolumes().Volumes.first()\n  where v.State == "inuse"\n')
    refused("PB0615", '  where f.type like "Trojan:*" and f.type like "Recon:*"\n')
    refused("PB0615", "  where f.severity > 7\n  where f.severity < 5\n")
    refused("PB0616", '  where not (f.severity > 7 and f.severity < 5)\n')
    refused("PB0617", '  where f.type == "Trojan:EC2/DNSDataExfiltraton"\n')
    refused("PB0304", "  where f.resource.s3BucketDetails != none\n")


@case("a filter is for the event that the playbook has: nothing is ignored for a kind of event")
def _():
    status, codes = found('  where f.Compliance.Status == "FAILED"\n')
    eq((status, codes), (1, ["PB0207"]))


# ---- a misspelt key that fails open ----

@case("a misspelt key does not compile, wherever it stands")
def _():
    refused("PB0100", "", header="  limitt 5 per 1h\n")
    refused("PB0223", "", header="  dedup \"id\"\n")
    refused("PB0224", "", header="  tier manual\n")
    refused("PB0214", '  do ec2.isolate(i, cutt: "strip-ip")\n')
    refused("PB0306", '  do aws.ec2.CreateTags(Resources: [i.id], Tags: [{ Key: "a", Valu: "b" }])\n')
    refused("PB0226", "", before='site { accounts { role: "Responder", hmoe: "123456789012" } }\n')
    refused("PB0207", "", before='guard g {\n  on ec2.stop as a\n  where a.args.i.tgas["Critical"] == "True"\n  deny "no"\n}\n')
    refused("PB0231", "", before='guard g {\n  on ec2.terminatee\n  deny "no"\n}\n')


@case("an absent value never passes a filter, and never takes the place of a value")
def _():
    refused("PB0302", "  do iam.revoke_sessions(user: f.resource.accessKeyDetails.userName)\n")


# ---- an approval flag that nothing reads ----

@case("an approval's clauses are all known, and what destroys stands inside one")
def _():
    ask = KEPT + '  approve "Terminate ${i.id}?" %s {\n    do ec2.terminate(i)\n  }\n'
    status, codes = found(ask % 'by group "oncall" quorom 2 within 30m')
    eq((status, codes[:1]), (1, ["PB0100"]))
    eq(found(ask % 'by group "oncall" quorum 0 within 30m')[0], 1)
    eq(found(ask % "within 30m")[0], 1)
    status, codes = found(KEPT + '  approve "Terminate ${i.id}?" by group "oncall" within 30m { }\n  do ec2.terminate(i)\n')
    eq((status, codes), (1, ["PB0406"]))
    eq(found(KEPT + "  do ec2.terminate(i)\n", header="  approval required\n"), (1, ["PB0223", "PB0406"]))


# ---- text of the event; evidence ----

@case("an event's text is no target and no command")
def _():
    refused("PB1001", '  do aws.ec2.CreateTags(Resources: [f.title ?? ""], Tags: [])\n')
    refused("PB1002", '  do aws.ssm.SendCommand(DocumentName: "AWS-RunShellScript", InstanceIds: [i.id], Parameters: { commands: ["echo ${f.title ?? ""}"] })\n')


@case("nothing is terminated before anything was kept")
def _():
    refused("PB1003", '  approve "Terminate ${i.id}?" by group "oncall" within 30m {\n    do ec2.terminate(i)\n  }\n')


# ---- a dry run that changes something ----

@case("a dry run of every playbook of the library changes nothing in the account and tells nobody")
def _():
    lab = Lab()
    try:
        lab.set_up()
        before, told = lab.everything(), len(lab.slack.messages)
        for name in NAMES:
            p = lab.run(PLAYBOOKS, lab.events[name], tempdir(), "--dry-run")
            eq(p.returncode, 0, p.stderr)
        eq(lab.everything(), before)
        eq(len(lab.slack.messages), told)
    finally:
        lab.close()


main()
