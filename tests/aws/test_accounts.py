"""Calls in several accounts: a finding of a member account acted on through a role there, whose session carries the incident and
is narrowed; what is refused instead of being done in the wrong account; sessions that end. Two accounts of the simulator."""
# runs: sanitized
import atexit
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sim"))
from account import KEY, SECRET, Account, refused, show  # noqa: E402
from pbtest import PBC, PBRUN, case, eq, has, main, run, tempdir  # noqa: E402

HOME, MEMBER, OTHER = "123456789012", "222222222222", "333333333333"
HEADER = 'version "1.0.0"  summary "a test"  owner "tests"  tier auto  controls ["T-1"]\n'
SITE = 'site { accounts { role: "IncidentResponder"  external_id: "only-for-us" } }\n'
TAG = 'do aws.ec2.CreateTags(Resources: ["%s"], Tags: [{ Key: "Seen", Value: run.incident_id }])\n'
TRUST = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:root" % HOME}, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
    "Condition": {"StringEquals": {"sts:ExternalId": "only-for-us"}}}]}
work = tempdir()


class World:
    """A simulated organisation: the first account, and members with the role and an instance in eu-west-1."""
    count = 0

    def __init__(self, *options, members=(MEMBER,)):
        World.count += 1
        self.state = os.path.join(work, "state%d.db" % World.count)
        self.account = Account("--state", self.state, *options)
        atexit.register(self.account.process.kill)
        self.instances = {HOME: self.instance(self.account.client("ec2", region="eu-west-1"))}
        for member in members:
            self.enter(member)("iam").create_role(RoleName="IncidentResponder", AssumeRolePolicyDocument=json.dumps(TRUST))
            self.instances[member] = self.instance(self.enter(member)("ec2"))
        self.assumed = self.calls("sts.AssumeRole")
        self.asked = self.calls("sts.GetCallerIdentity")

    @staticmethod
    def instance(ec2):
        return ec2.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

    def enter(self, member):
        """Clients inside a member account, by the role that the organisation has there."""
        c = self.account.client("sts").assume_role(RoleArn="arn:aws:iam::%s:role/OrganizationAccountAccessRole" % member, RoleSessionName="tests")["Credentials"]
        return lambda service: self.account.client(service, c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"], region="eu-west-1")

    def calls(self, operation):
        return show(self.state)["calls"].get(operation, {}).get("count", 0)

    def sessions(self):
        return [r["value"] for r in show(self.state)["resources"] if r["kind"] == "sts.session" and r["value"].get("SourceIdentity")]

    def tags(self, ec2, instance):
        return {t["Key"]: t["Value"] for t in ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]}

    def respond(self, text, *events, args=(), env=None, pbx=False):
        """The evidence of each run, and the process."""
        World.count += 1
        path, evidence = os.path.join(work, "p%d.pb" % World.count), os.path.join(work, "e%d" % World.count)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        if pbx:
            p = run([PBC, "build", "-o", path + "x", path])
            eq(p.returncode, 0, p.stderr)
            path += "x"
        full = dict({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": self.account.url, "PB_RETRY_BASE_MS": "5",
                     "HOME": work}, **(env or {}))
        p = run([PBRUN, "run", "-p", path, "-e", "-", "--evidence", evidence, *args], stdin="\n".join(json.dumps(e) for e in events), env=full)
        log = os.path.join(evidence, "evidence.jsonl")
        if not os.path.exists(log):
            return [], p
        with open(log, encoding="utf-8") as f:
            return [json.loads(line) for line in f], p


def finding(account=MEMBER, region="eu-west-1", ident="f-1"):
    """As a delegated administrator's account hands it on: the envelope is that account's."""
    return {"version": "0", "id": "ev-" + ident, "source": "aws.guardduty", "detail-type": "GuardDuty Finding", "time": "2026-01-02T03:04:05Z",
            "account": HOME, "region": "us-east-1", "resources": [],
            "detail": {"schemaVersion": "2.0", "accountId": account, "region": region, "id": ident, "type": "Trojan:EC2/DNSDataExfiltration", "severity": 8}}


def playbook(body, site=SITE, event="guardduty.finding", decls=""):
    return decls + site + "playbook p {\n" + HEADER + "when " + event + " as f\n" + body + "record { affected_resource: run.account }\n}\n"


def calls(document):
    return [c for a in document["automated_actions"] + document["reads"] for c in a["calls"]]


world = World()
member_ec2 = world.enter(MEMBER)("ec2")


@case("a member's finding is acted on through the role there, once a run, narrowed and named")
def _():
    before, asked = world.calls("sts.AssumeRole"), world.calls("sts.GetCallerIdentity")
    body = 'parallel {\nlet a = aws.ec2.DescribeVpcs().Vpcs\nlet b = aws.ec2.DescribeSubnets().Subnets\nlet c = aws.ec2.DescribeInstances().Reservations\n}\n' + \
        TAG % world.instances[MEMBER] + "record { vpcs: a.size(), subnets: b.size(), instances: c.size() }\n"
    (doc,), p = world.respond(playbook(body), finding())
    eq((p.returncode, doc["remediation_status"]), (0, "remediated"), p.stderr)
    eq((doc["account"], doc["region"]), (MEMBER, "eu-west-1"))
    has(doc["note"], "the finding is of %s in eu-west-1, the event came from %s in us-east-1" % (MEMBER, HOME))
    eq(doc["record"]["instances"], 1)
    eq(world.tags(member_ec2, world.instances[MEMBER])["Seen"], doc["incident_id"])
    eq(world.tags(world.account.client("ec2", region="eu-west-1"), world.instances[HOME]), {})
    eq([(c["account"], c["region"]) for c in calls(doc)], [(MEMBER, "eu-west-1")] * 4)
    made = [c["assumed_role"] for c in calls(doc) if "assumed_role" in c]
    eq(len(made), 1)
    eq((world.calls("sts.AssumeRole") - before, world.calls("sts.GetCallerIdentity") - asked), (1, 1))
    session, = world.sessions()
    eq((made[0]["role"], made[0]["source_identity"]), ("arn:aws:iam::%s:role/IncidentResponder" % MEMBER, doc["incident_id"]))
    eq((made[0]["session_name"], len(made[0]["request_id"])), ("%s-%s" % (doc["incident_id"], doc["run_id"][4:]), 36))
    eq(session["SourceIdentity"], doc["incident_id"])
    has(session["Arn"], "assumed-role/IncidentResponder/" + made[0]["session_name"])
    actions = json.dumps(json.loads(session["Policy"])["Statement"])
    has(actions, "ec2:CreateTags")
    eq(("ec2:TerminateInstances" in actions, "iam:" in actions), (False, False))


@case("the session's policy holds: what the playbook cannot reach is refused")
def _():
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}]})
    c = world.account.client("sts").assume_role(RoleArn="arn:aws:iam::%s:role/IncidentResponder" % MEMBER, RoleSessionName="tests", ExternalId="only-for-us",
                                                 SourceIdentity="INC-1", Policy=policy)["Credentials"]
    ec2 = world.account.client("ec2", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"], region="eu-west-1")
    eq(len(ec2.describe_instances()["Reservations"]), 1)
    with refused("UnauthorizedOperation", part="no session policy allows"):
        ec2.describe_vpcs()
    sts = world.account.client("sts", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    eq(sts.get_caller_identity()["Account"], MEMBER)


@case("without a site nothing is changed in the wrong account, and the error says what to do")
def _():
    before = world.calls("ec2.CreateTags")
    (doc,), p = world.respond(playbook(TAG % world.instances[HOME], site=""), finding())
    eq((p.returncode, doc["remediation_status"], doc["reason"]["code"]), (1, "failed", "wrong_account"))
    has(doc["reason"]["message"], "it is for account %s, but pbrun's credentials belong to account %s; name a role" % (MEMBER, HOME))
    eq(world.calls("ec2.CreateTags"), before)
    body = "in account member { let x = aws.ec2.DescribeVpcs().Vpcs\nrecord { n: x.size() } }\n"
    (doc,), _ = world.respond(playbook(body, site="", decls="param member: string\n"), finding(HOME), args=["--set", "member=" + MEMBER])
    eq(doc["reason"]["code"], "wrong_account")


@case("in one's own account: whose keys these are is asked once, before the first change; reading asks nothing")
def _():
    asked, assumed = world.calls("sts.GetCallerIdentity"), world.calls("sts.AssumeRole")
    documents, p = world.respond(playbook("let x = aws.ec2.DescribeVpcs().Vpcs\nrecord { n: x.size() }\n", site=""), finding(HOME))
    eq((p.returncode, world.calls("sts.GetCallerIdentity")), (0, asked), p.stderr)
    documents, p = world.respond(playbook(TAG % world.instances[HOME], site=""), finding(HOME), finding(HOME, ident="f-2"))
    eq((p.returncode, [d["remediation_status"] for d in documents]), (0, ["remediated"] * 2), p.stderr)
    eq((world.calls("sts.GetCallerIdentity") - asked, world.calls("sts.AssumeRole")), (1, assumed))


@case("a role that cannot be assumed: nothing is done, the cure is said, no secret is told")
def _():
    site = 'param external: secret\nsite { accounts { role: "IncidentResponder"  external_id: external } }\n'
    (doc,), p = world.respond(playbook(TAG % world.instances[HOME], site=site), finding(), env={"PB_PARAM_EXTERNAL": "a-guess-of-mine"})
    eq((p.returncode, doc["reason"]["code"]), (1, "AccessDenied"))
    has(doc["reason"]["message"], "the role arn:aws:iam::%s:role/IncidentResponder could not be assumed" % MEMBER)
    has(doc["reason"]["message"], "sts:SetSourceIdentity")
    eq("expires" in calls(doc)[0]["assumed_role"], False)
    eq("a-guess-of-mine" in json.dumps(doc) + p.stdout + p.stderr, False)
    (doc,), p = world.respond(playbook(TAG % world.instances[MEMBER], site=site), finding(), env={"PB_PARAM_EXTERNAL": "only-for-us"})
    eq(p.returncode, 0, p.stderr)


@case("home: another account's keys are found out before anything is changed; reads elsewhere ask nobody")
def _():
    asked = world.calls("sts.GetCallerIdentity")
    site = 'site { accounts { role: "IncidentResponder"  external_id: "only-for-us"  home: "%s" } }\n'
    (doc,), _ = world.respond(playbook(TAG % world.instances[HOME], site=site % OTHER), finding(OTHER))
    eq(doc["reason"]["code"], "wrong_account")
    has(doc["reason"]["message"], "(`home`)")
    (doc,), p = world.respond(playbook(TAG % world.instances[MEMBER], site=site % HOME), finding())
    eq((p.returncode, world.calls("sts.GetCallerIdentity") - asked), (0, 1), p.stderr)


@case("in account and region: around actions, in branches, and back again")
def _():
    decls = 'param member: string\naction team.look(): { n: int } read {\nreturn { n: aws.ec2.DescribeInstances().Reservations.size() ?? 0 }\n}\n'
    body = "parallel {\nin account member {\nlet x = team.look()\nrecord { member: x.n }\n}\n" \
        "in region away { let y = team.look()\nrecord { region: y.n } }\nlet z = team.look()\n}\nrecord { own: z.n }\n"
    (doc,), p = world.respond(playbook(body, decls=decls + 'param away: string = "us-west-2"\n'), finding(HOME), args=["--set", "member=" + MEMBER])
    eq((p.returncode, doc["record"]), (0, {"member": 1, "region": 0, "own": 1}), p.stderr)
    eq(sorted((c["account"], c["region"]) for c in calls(doc)), [(HOME, "eu-west-1"), (HOME, "us-west-2"), (MEMBER, "eu-west-1")])
    has(p.stderr, "team.look [%s eu-west-1] ok" % MEMBER)


@case("each finding of an event has its own account")
def _():
    event = {"version": "0", "id": "ev-9", "source": "aws.securityhub", "detail-type": "Security Hub Findings - Imported", "time": "2026-01-02T03:04:05Z",
             "account": HOME, "region": "us-east-1", "resources": [],
             "detail": {"findings": [{"Id": "a", "Title": "t", "AwsAccountId": HOME, "Region": "eu-west-1"}, {"Id": "b", "Title": "t", "AwsAccountId": MEMBER, "Region": "eu-west-1"},
                                     {"Id": "c", "Title": "t", "AwsAccountId": "not one"}]}}
    body = "let x = aws.ec2.DescribeInstances().Reservations\nrecord { n: x.size() }\n"
    documents, p = world.respond(playbook(body, event="securityhub.finding"), event)
    documents.sort(key=lambda d: d["original_alert_id"])
    eq((p.returncode, [(d["account"], d["region"], d["record"]["n"]) for d in documents]),
       (0, [(HOME, "eu-west-1", 1), (MEMBER, "eu-west-1", 1), (HOME, "us-east-1", 0)]), p.stderr)


@case("a dry run reads through the role and says where it would act")
def _():
    body = "let x = aws.ec2.DescribeInstances().Reservations\nrecord { n: x.size() }\n" + TAG % world.instances[MEMBER]
    (doc,), p = world.respond(playbook(body), finding(), args=["--dry-run"])
    eq((p.returncode, doc["record"]["n"]), (0, 1), p.stderr)
    planned, = [c for c in calls(doc) if c["status"] == "planned"]
    eq((planned["account"], planned["region"]), (MEMBER, "eu-west-1"))


@case("--site: for compiled programs, and instead of their own; one site in all")
def _():
    site, empty = os.path.join(work, "site.pb"), os.path.join(work, "empty.pb")
    with open(site, "w", encoding="utf-8") as f:
        f.write("param external: secret\n" + SITE.replace('"only-for-us"', "external"))
    with open(empty, "w", encoding="utf-8") as f:
        f.write("param nothing: int = 1\n")
    text = playbook(TAG % world.instances[MEMBER], site="")
    (doc,), p = world.respond(text, finding(), args=["--site", site], env={"PB_PARAM_EXTERNAL": "only-for-us"}, pbx=True)
    eq((p.returncode, doc["remediation_status"]), (0, "remediated"), p.stderr)
    wrong = playbook(TAG % world.instances[MEMBER], site='site { accounts { role: "Nobody" } }\n')
    (doc,), p = world.respond(wrong, finding(), args=["--site", site], env={"PB_PARAM_EXTERNAL": "only-for-us"})
    eq(p.returncode, 0, p.stderr)
    _, p = world.respond(wrong, finding(), args=["-p", site], env={"PB_PARAM_EXTERNAL": "x"}, pbx=True)
    eq(p.returncode, 2)
    has(p.stderr, "say with --site which is meant")
    _, p = world.respond(text, finding(), args=["--site", empty])
    eq(p.returncode, 2)
    has(p.stderr, "has no `site` block")
    _, p = world.respond(text, finding(), args=["--site", site])
    has(p.stderr, "parameter `external` is not set")
    _, p = world.respond(text, finding(), args=["--site", site], env={"PB_PARAM_EXTERNAL": "x"})
    has(p.stderr, "`external_id` of `accounts` must be 2 to 1224 characters")


@case("a session is renewed before it ends")
def _():
    w = World("--session-seconds", "2")
    body = TAG % w.instances[MEMBER] + "let late = pause(2s)\n" + TAG % w.instances[MEMBER]
    body = body.replace("let late = pause(2s)\n", "do pause(2s)\n")
    (doc,), p = w.respond(playbook(body), finding())
    eq((p.returncode, w.calls("sts.AssumeRole") - w.assumed), (0, 2), p.stderr)
    eq(["assumed_role" in c for c in calls(doc) if c["operation"] == "aws.ec2.CreateTags"], [True, True])
    w.account.stop()


@case("a session that AWS ends early is made anew, once")
def _():
    w = World("--fault", "ec2.CreateTags=RequestExpired:1")
    (doc,), p = w.respond(playbook(TAG % w.instances[MEMBER]), finding())
    eq((p.returncode, w.calls("sts.AssumeRole") - w.assumed), (0, 2), p.stderr)
    w.account.stop()
    w = World("--fault", "ec2.CreateTags=RequestExpired:2")
    (doc,), p = w.respond(playbook(TAG % w.instances[MEMBER]), finding())
    eq((p.returncode, doc["reason"]["code"]), (1, "RequestExpired"))
    w.account.stop()


@case("STS that refuses, breaks or cannot be reached: nothing is done")
def _():
    for fault, code, part in [("AssumeRole=PackedPolicyTooLarge:9", "PackedPolicyTooLarge", "split the playbook"),
                              ("AssumeRole=InternalFailure:20", "InternalFailure", "could not be assumed"),
                              ("GetCallerIdentity=AccessDenied:9", "AccessDenied", "not known whose account")]:
        w = World("--fault", "sts." + fault, members=())
        (doc,), p = w.respond(playbook(TAG % w.instances[HOME]), finding())
        eq((p.returncode, doc["reason"]["code"], w.calls("ec2.CreateTags")), (1, code, 0))
        has(doc["reason"]["message"], part)
        w.account.stop()


@case("told to stop while a role is being assumed: the run ends at once")
def _():
    body = TAG % world.instances[MEMBER]
    start = time.monotonic()
    (doc,), p = world.respond(playbook(body), finding(), args=["--timeout", "1s"], env={"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"})
    eq((p.returncode, doc["remediation_status"]), (1, "failed"))
    if time.monotonic() - start > 5:
        raise AssertionError("it took %.1f s" % (time.monotonic() - start))


main()
