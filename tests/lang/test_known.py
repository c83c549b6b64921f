#!/usr/bin/python3
"""The lists of what AWS sends (lang/data) against what it has sent: known/events.tsv holds the values of recorded and published
events, with where each is from. A false alarm on a real event is what these lists must never give."""
import csv
import glob
import json
import os
import re

from pbtest import PBC, ROOT, case, eq, main, run, tempdir

FIELDS = {"guardduty": ("guardduty.finding", "type", "id"), "api": ("cloudtrail.api_call", "eventName", "eventID"),
          "signin": ("cloudtrail.console_sign_in", "eventName", "eventID"), "control": ("securityhub.finding", "GeneratorId", "Id")}
BODY = '''playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  when %s as f
  where %s
  record { affected_resource: f.%s }
}
'''


def said(which, condition):
    """The messages PB0617 about a condition on the field (F stands for it)."""
    event, field, resource = FIELDS[which]
    path = os.path.join(tempdir(), "p.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(BODY % (event, condition.replace("F", "f." + field, 1), resource))
    p = run([PBC, "check", "--json", path])
    rows = json.loads(p.stdout)
    eq([r for r in rows if r["severity"] == "error"], [])
    return [r for r in rows if r["code"] == "PB0617"]


def names(which):
    """What lang/data has: (in use, retired)."""
    with open(os.path.join(ROOT, "lang/data", which), encoding="utf-8") as f:
        text = f.read()
    return re.findall(r'^K\("(.*)"\)', text, re.M), re.findall(r'^R\("(.*)"\)', text, re.M)


def listed(values):
    return "F in [%s]" % ", ".join(json.dumps(v) for v in values)


def recorded():
    rows = {}
    with open(os.path.join(ROOT, "tests/lang/known/events.tsv"), encoding="utf-8") as f:
        for r in csv.reader((line for line in f if not line.startswith("#")), delimiter="\t"):
            rows.setdefault(r[0], []).append(r[1])
    for path in sorted(glob.glob(os.path.join(ROOT, "playbooks/*.event.json"))):
        with open(path, encoding="utf-8") as f:
            event = json.load(f)
        which = {"aws.guardduty": "guardduty", "aws.signin": "signin"}.get(event["source"], "api")
        rows[which].append(event["detail"][FIELDS[which][1]])
    return rows


@case("every recorded event, and every sample of the library's playbooks, is known, but for finding types that are retired")
def _():
    retired = set(names("guardduty.def")[1])
    for which, values in recorded().items():
        rows = said(which, listed(values))
        eq(sorted(r["message"].split("`")[1] for r in rows), sorted(retired & set(values)))


@case("every name that the lists have is known")
def _():
    for which, file in (("guardduty", "guardduty.def"), ("signin", "signin.def"), ("api", "cloudtrail.def")):
        eq(said(which, listed(names(file)[0])), [])


@case("lists are in order and have nothing twice")
def _():
    used, retired = names("guardduty.def")
    eq((used, retired), (sorted(set(used)), sorted(set(retired))))
    eq(set(used) & set(retired), set())
    eq(len(used), 229)


@case("a retired finding type is called retired")
def _():
    rows = said("guardduty", 'F == "Backdoor:EC2/XORDDOS"')
    eq([r["message"] for r in rows], ["`Backdoor:EC2/XORDDOS` is retired: AWS does not send it any more"])


@case("a part of a name that breaks off is completed, and not by --fix")
def _():
    rows = said("guardduty", 'F like "UnauthorizedAccess:IAM/*"')
    assert "did you mean `UnauthorizedAccess:IAMUser/*`?" in rows[0]["hint"], rows[0]["hint"]
    assert not rows[0].get("fix"), rows[0]


@case("the nearest name is proposed, and how to allow the one that stands there")
def _():
    for which, wrong, right in (("guardduty", "Impact:IAMUser/PromptInjection.Dirct", "Impact:IAMUser/PromptInjection.Direct"),
                                ("guardduty", "Recon:ec2/portscan", "Recon:EC2/Portscan"), ("signin", "ConsoleLogon", "ConsoleLogin"),
                                ("api", "DeletBucket", "DeleteBucket"), ("api", "CreateFuncton20150331", "CreateFunction20150331")):
        rows = said(which, "F == " + json.dumps(wrong))
        eq(len(rows), 1)
        assert "did you mean `%s`?" % right in rows[0]["hint"] and "pbc: allow PB0617" in rows[0]["hint"], rows[0]["hint"]
        eq(rows[0]["severity"], "warning")


@case("a type that no list has yet is a warning that says how to allow it")
def _():
    rows = said("guardduty", 'F == "Teleportation:Quantum/Entangled"')
    eq([r["severity"] for r in rows], ["warning"])
    assert "pbc: allow PB0617" in rows[0]["hint"], rows[0]["hint"]
    eq(said("guardduty", 'F == "Teleportation:Quantum/Entangled"  # pbc: allow PB0617 "announced"')[0].get("allowed"), "announced")


@case("a call that is newer than the models is not spoken of, a slip in a known one is")
def _():
    for name in ("CreateApplicationAssignment", "DeleteBucketMetadataConfiguration", "Teleport", "GetFunction20150331v2", "Invoke20991231"):
        eq(said("api", "F == " + json.dumps(name)), [])
    eq(said("api", 'F like "BatchGetSecret*"'), [])
    eq(len(said("api", 'F like "Delte*"')), 1)
    eq(len(said("api", 'F like "StopLoging"')), 1)


@case("controls: numbers that the service does not have")
def _():
    def known(number):
        return not said("control", 'F == "security-control/%s"' % number)
    eq([n for n in ("EC2.1", "EC2.19", "EC2.183", "S3.25", "Autoscaling.5", "AutoScaling.6", "BedrockAgentCore.7", "SageMaker.25", "MQ.2")
        if not known(n)], [])
    eq([n for n in ("EC2.5", "EC2.59", "EC2.61", "EC2.184", "EC2.0", "EC2.", "EC3.1", "ECS.1", "MQ.3", "EC2.99999999999") if known(n)], [])
    eq(said("control", 'F like "security-control/EC2.*"'), [])
    eq(len(said("control", 'F like "security-control/ECZ.*"')), 1)


main()
