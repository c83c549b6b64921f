"""The playbooks of the library against the simulated account, looked at through boto3: what they do, that doing it twice
changes nothing, what a dry run leaves alone, and what happens when AWS or Slack fail half-way."""
# runs: sanitized
# speed: slow
import copy
import json
import os
import time

from lab import FILES, NAMES, PLAYBOOKS, Lab, Proxy, documents
from pbtest import PBC, case, eq, has, main, run, tempdir

lab = Lab()
lab.set_up()
work = tempdir()
bundle = os.path.join(work, "playbooks.pbx")
FAST = {"PB_RETRY_BASE_MS": "20"}


def build():
    p = run([PBC, "build", "-o", bundle, PLAYBOOKS])
    eq((p.returncode, p.stderr), (0, ""))


def respond(event, *more, url=None, **env):
    """Runs the bundle on an event; the exit status, the evidence documents, the process."""
    evidence = tempdir()
    p = lab.run(bundle, event, evidence, *more, url=url, **dict(FAST, **env))
    path = os.path.join(evidence, "evidence.jsonl")
    return p.returncode, documents(evidence) if os.path.exists(path) else [], p


def fresh(name, ident):
    """The playbook's event as a finding that was not seen before."""
    e = copy.deepcopy(lab.events[name])
    e["detail"]["id"] = ident
    return e


def new_instance():
    return lab.ec2.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="t3.micro", MinCount=1, MaxCount=1, SecurityGroupIds=[lab.group],
                                 BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}])["Instances"][0]["InstanceId"]


def trojan_on(instance, ident):
    e = fresh("quarantine_instance", ident)
    e["detail"]["resource"]["instanceDetails"]["instanceId"] = instance
    return e


@case("the library's playbooks compile without a finding")
def _():
    p = run([PBC, "check", "--deny", "warnings", PLAYBOOKS])
    eq(p.returncode, 0, p.stderr)
    build()
    listed = run([PBC, "dis", bundle]).stdout
    has(listed, "terminate_instance")
    assert "in_a_hurry" not in listed, "a playbook of a file of tests is deployed"


@case("a dry run plans the containment of all five and changes nothing")
def _():
    before, told = lab.everything(), len(lab.slack.messages)
    for name in NAMES:
        status, docs, p = respond(lab.events[name], "--dry-run")
        eq(status, 0, p.stderr)
        eq([d["remediation_status"] for d in docs], ["planned"], name)
        eq(docs[0]["dry_run"], True)
    eq(lab.everything(), before)
    eq(len(lab.slack.messages), told)


def writes(document):
    """What was sent, or would be, beyond reading: in order."""
    return [c["operation"] for a in document["automated_actions"] for c in a["calls"] if c["effect"] != "read"]


@case("a plan lists the calls that the run then makes, in their order; more only where it says that something is not known")
def _():
    other = Lab()
    try:
        other.set_up()
        for name in NAMES:
            documents_of = []
            for more in (["--dry-run"], []):
                evidence = tempdir()
                p = other.run(bundle, other.events[name], evidence, *more, **FAST)
                eq(p.returncode, 0, p.stderr)
                documents_of += documents(evidence)
            plan, real = map(writes, documents_of)
            assert real, name
            doubt = [a for a in documents_of[0]["automated_actions"] if "only the real run can know" in (a["detail"] or "")]
            eq([a["action"] for a in doubt], ["ebs.snapshot_volumes", "ec2.isolate"] if name == "quarantine_instance" else [])
            if not doubt:
                eq(plan, real, name)
            rest = iter(plan)
            assert all(call in rest for call in real), (plan, real)
        event = trojan_on(other.instances[1], "second")
        plans = []
        for more in (["--dry-run"], []):
            evidence = tempdir()
            eq(other.run(bundle, event, evidence, *more, **FAST).returncode, 0)
            plans += map(writes, documents(evidence))
        eq(plans[0], plans[1], "with the groups there, nothing is unknown")
    finally:
        other.close()


@case("a public bucket is blocked, unless it is tagged as public on purpose")
def _():
    intended = copy.deepcopy(lab.events["block_public_bucket"])
    intended["detail"]["resource"]["s3BucketDetails"][0]["name"] = "site-assets"
    lab.s3.create_bucket(Bucket="site-assets")
    lab.s3.delete_public_access_block(Bucket="site-assets")
    lab.s3.put_bucket_tagging(Bucket="site-assets", Tagging={"TagSet": [{"Key": "PublicAccess", "Value": "Intended"}]})
    status, docs, p = respond(intended)
    eq((status, docs[0]["remediation_status"]), (0, "skipped"), p.stderr)
    has(json.dumps(docs[0]["reason"]), "PublicAccess")
    try:
        lab.s3.get_public_access_block(Bucket="site-assets")
        raise AssertionError("it was blocked")
    except lab.s3.exceptions.ClientError as e:
        eq(e.response["Error"]["Code"], "NoSuchPublicAccessBlockConfiguration")
    status, docs, p = respond(lab.events["block_public_bucket"])
    eq((status, docs[0]["remediation_status"]), (0, "remediated"), p.stderr)
    eq(set(lab.bucket_state()["public access block"].values()), {True})
    eq(docs[0]["affected_resource"], "arn:aws:s3:::" + lab.bucket)


@case("an exposed key is deactivated and the user's sessions end")
def _():
    status, docs, p = respond(lab.events["revoke_exposed_key"])
    eq((status, docs[0]["remediation_status"]), (0, "remediated"), p.stderr)
    state = lab.user_state(lab.users[0])
    eq(state["keys"], {lab.keys[0]: "Inactive"})
    statement = state["inline policies"]["AWSRevokeOlderSessions"]["Statement"][0]
    eq((statement["Effect"], statement["Action"], statement["Resource"]), ("Deny", ["*"], ["*"]))
    eq(list(statement["Condition"]), ["DateLessThan"])
    eq([a["action"] for a in docs[0]["automated_actions"]], ["iam.deactivate_key", "iam.revoke_sessions", "slack.notify"])


@case("the sessions of a compromised user end; the user, its key and its other policies stay")
def _():
    lab.iam.put_user_policy(UserName=lab.users[1], PolicyName="its-own", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}))
    status, docs, p = respond(lab.events["revoke_user_sessions"])
    eq((status, docs[0]["remediation_status"]), (0, "remediated"), p.stderr)
    state = lab.user_state(lab.users[1])
    eq(state["keys"], {lab.keys[1]: "Active"})
    eq(sorted(state["inline policies"]), ["AWSRevokeOlderSessions", "its-own"])


@case("a Trojan's instance is kept, isolated and tagged; its neighbour is left alone")
def _():
    status, docs, p = respond(lab.events["quarantine_instance"])
    eq((status, docs[0]["remediation_status"]), (0, "remediated"), p.stderr)
    state = lab.instance_state()
    eq((len(state["groups"]), state["rules of the groups"], len(state["snapshots"])), (1, 0, 2))
    has(state["groups"][0], "ir-isolate-v1")
    eq((state["tags"]["SecurityStatus"], state["tags"]["IncidentID"]), ("Isolated", docs[0]["incident_id"]))
    has(lab.slack.messages[-1][1], lab.instance)
    has(lab.slack.messages[-1][1], "#InstanceDetails:instanceId=" + lab.instance)
    others = [i for r in lab.ec2.describe_instances()["Reservations"] for i in r["Instances"] if i["InstanceId"] != lab.instance]
    eq([g["GroupId"] for g in others[0]["SecurityGroups"]], [lab.group])


@case("a root login is reported under both spellings of its detail type, and nothing is changed")
def _():
    for spelling in ("AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail"):
        event = dict(lab.events["report_root_login"], **{"detail-type": spelling})
        before = lab.everything()
        status, docs, p = respond(event)
        eq((status, [d["remediation_status"] for d in docs]), (0, ["reported"]), p.stderr)
        eq(lab.everything(), before)
        has(lab.slack.messages[-1][1], "root sign-in to account 123456789012 from 198.51.100.7: Success, MFA No")


@case("the same events again change nothing, say so, and tell nobody twice")
def _():
    before, told = lab.everything(), len(lab.slack.messages)
    for name in NAMES[:4]:
        status, docs, p = respond(lab.events[name])
        eq((status, docs[0]["remediation_status"]), (0, "already_remediated"), name + p.stderr)
        eq({a["status"] for a in docs[0]["automated_actions"]}, {"already_done"}, name)
    eq(lab.everything(), before)
    eq(len(lab.slack.messages), told)


@case("a subject that SNS would refuse is refused before it is sent, and one that it takes is sent")
def _():
    topic = lab.sns.create_topic(Name="alerts")["TopicArn"]
    book = os.path.join(work, "subject.pb")
    with open(book, "w", encoding="utf-8") as f:
        f.write('''playbook tell { version "1.0.0" summary "tells" owner "o@example.com" tier manual controls ["X-1"]
          when guardduty.finding as f
          do sns.publish(topic: arn("%s"), message: f.type, subject: f.title ?? "none") as sent
          record { affected_resource: sent.message_id } }''' % topic)
    for title, status in (("Trojan on i-1", 0), ("two\nlines", 1), ("\u00fcber", 1), (" blank", 1), ("x" * 100, 1), ("x" * 99, 0)):
        e = fresh("quarantine_instance", "subject")
        e["detail"]["title"] = title
        evidence = tempdir()
        p = lab.run(book, e, evidence, **FAST)
        eq(p.returncode, status, title + p.stderr)
        eq((documents(evidence)[0]["reason"] or {}).get("code"), "InvalidSubject" if status else None, title)


@case("a tampered quarantine group is emptied again, for the instance that is in it already")
def _():
    group = lab.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["ir-isolate-v1"]}])["SecurityGroups"][0]["GroupId"]
    lab.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    eq(lab.instance_state()["rules of the groups"], 1)
    status, docs, p = respond(lab.events["quarantine_instance"])
    eq((status, docs[0]["remediation_status"]), (0, "remediated"), p.stderr)
    eq(lab.instance_state()["rules of the groups"], 0)


@case("an instance with several network interfaces is isolated on all of them")
def _():
    instance = new_instance()
    subnet = lab.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    second = lab.ec2.create_network_interface(SubnetId=subnet, Groups=[lab.group])["NetworkInterface"]["NetworkInterfaceId"]
    lab.ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=instance, DeviceIndex=1)
    status, docs, p = respond(trojan_on(instance, "several-interfaces"))
    eq((status, docs[0]["remediation_status"]), (0, "remediated"), p.stderr)
    nics = lab.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["NetworkInterfaces"]
    eq(len(nics), 2)
    eq({g["GroupName"] for n in nics for g in n["Groups"]}, {"ir-isolate-v1"})


@case("an event whose fields are missing ends as skipped with the condition, not as failed")
def _():
    e = fresh("quarantine_instance", "no-instance")
    del e["detail"]["resource"]["instanceDetails"]
    status, docs, p = respond(e)
    eq((status, docs[0]["remediation_status"]), (0, "skipped"), p.stderr)
    has(json.dumps(docs[0]["reason"]), "id exists")


@case("text of an attacker stays text: a user name with markup is refused by its type, and shown escaped")
def _():
    e = fresh("revoke_user_sessions", "markup")
    e["detail"]["resource"]["accessKeyDetails"]["userName"] = "<!channel> rm -rf"
    told = len(lab.slack.messages)
    status, docs, _ = respond(e)
    eq((status, docs[0]["remediation_status"]), (1, "failed"))
    eq(docs[0]["automated_actions"][0]["error"]["code"], "InvalidUserName")
    eq(len(lab.slack.messages), told)
    root = copy.deepcopy(lab.events["report_root_login"])
    root["detail"]["sourceIPAddress"] = "<https://evil.example|198.51.100.7> & <!here>"
    respond(root)
    has(lab.slack.messages[-1][1], "&lt;https://evil.example|198.51.100.7&gt; &amp; &lt;!here&gt;")


@case("AWS says no, throttles, breaks, answers garbage, half or nothing: the run ends in time and the evidence says what happened")
def _():
    faults = [
        ((403, "AccessDenied"), "failed", "AccessDenied"),
        ((400, "ValidationError"), "failed", "ValidationError"),
        ((409, "LimitExceeded"), "failed", "LimitExceeded"),
        ((400, "Throttling"), "remediated", None),
        ((500, "InternalFailure"), "remediated", None),
        ("garbage", "failed", "InvalidResponse"),
        ("nothing", "remediated", None),
        ("half", "remediated", None),
    ]
    for i, (fault, want, code) in enumerate(faults):
        proxy = Proxy(lab.url)
        user = "faulty-%d" % i
        lab.iam.create_user(UserName=user)
        e = fresh("revoke_user_sessions", "fault-%d" % i)
        e["detail"]["resource"]["accessKeyDetails"]["userName"] = user
        proxy.faults["ListUserPolicies"] = [fault]
        start = time.time()
        status, docs, p = respond(e, url=proxy.url)
        eq((docs[0]["remediation_status"], status), (want, 0 if code is None else 1), "%r: %s" % (fault, p.stderr))
        if code:
            eq(docs[0]["automated_actions"][0]["error"]["code"], code)
            has(json.dumps(docs[0]["reason"]), code)
            eq(lab.user_state(user)["inline policies"], {})
        else:
            eq(proxy.seen["ListUserPolicies"], 2)
        if time.time() - start > 20:
            raise AssertionError("%r took %.0f s" % (fault, time.time() - start))


@case("AWS that hangs is left after the step's timeout")
def _():
    proxy = Proxy(lab.url)
    proxy.faults["*"] = ["hang"] * 40
    start = time.time()
    status, docs, p = respond(fresh("revoke_user_sessions", "hang"), "--timeout", "3s", url=proxy.url)
    eq((status, docs[0]["denied"]["by"]), (4, "break_glass_users"), p.stderr)  # what a guard cannot find out is a no
    has(docs[0]["denied"]["why"], "timeout")
    proxy.faults["*"] = ["hang"] * 40
    status, docs, p = respond(fresh("block_public_bucket", "hang"), "--timeout", "3s", url=proxy.url)
    eq((status, docs[0]["remediation_status"]), (1, "failed"), p.stderr)
    if time.time() - start > 16:
        raise AssertionError("took %.0f s" % (time.time() - start))


@case("a containment that fails half-way says what was done, and the same event finishes it")
def _():
    proxy = Proxy(lab.url)
    instance = new_instance()
    event = trojan_on(instance, "half-way")
    proxy.faults["ModifyNetworkInterfaceAttribute"] = [(403, "UnauthorizedOperation")] * 3
    status, docs, p = respond(event, url=proxy.url)
    eq(status, 1, p.stderr)
    eq(docs[0]["remediation_status"], "partial")
    by_name = {a["action"]: a["status"] for a in docs[0]["automated_actions"]}
    eq(by_name["ebs.snapshot_volumes"], "succeeded")
    eq(by_name["ec2.isolate"], "failed")
    snapshots = lab.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    status, docs, p = respond(event)
    eq((status, docs[0]["remediation_status"]), (0, "remediated"), p.stderr)
    eq({a["action"]: a["status"] for a in docs[0]["automated_actions"]}["ebs.snapshot_volumes"], "already_done")
    eq(lab.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"], snapshots)


@case("Slack down: the containment stands, the run fails, the evidence names Slack")
def _():
    lab.slack.status = 500
    try:
        user = "slack-down"
        lab.iam.create_user(UserName=user)
        e = fresh("revoke_user_sessions", "slack-down")
        e["detail"]["resource"]["accessKeyDetails"]["userName"] = user
        status, docs, p = respond(e, "--timeout", "8s")
        eq((status, docs[0]["remediation_status"]), (1, "partial"), p.stderr)
        has(docs[0]["automated_actions"][-1]["action"], "slack")
        has(json.dumps(lab.user_state(user)), "AWSRevokeOlderSessions")
    finally:
        lab.slack.status = 200


def site_file(text):
    path = os.path.join(tempdir(), "site.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


@case("a guard stops the isolation of a Critical instance: status 4, nothing is changed, the site's alerts channel is told and the evidence says so")
def _():
    instance = new_instance()
    lab.ec2.create_tags(Resources=[instance], Tags=[{"Key": "Critical", "Value": "True"}])
    before = lab.instance_state(instance)
    site, told = site_file('site { alerts "#soc" }\n'), len(lab.slack.messages)
    status, docs, p = respond(trojan_on(instance, "critical"), "--site", site)
    eq((status, docs[0]["remediation_status"]), (4, "denied"), p.stderr)
    eq((docs[0]["denied"]["by"], docs[0]["denied"]["action"], docs[0]["denied"]["told"]), ("critical_instances", "ec2.isolate", "told #soc"))
    after = lab.instance_state(instance)
    eq({k: after[k] for k in ("groups", "tags")}, {k: before[k] for k in ("groups", "tags")})
    channel, text = lab.slack.messages[-1]
    eq((len(lab.slack.messages) - told, channel), (1, "#soc"))
    has(text, "pbrun denied ec2.isolate on ")
    has(text, instance)
    lab.slack.status = 500
    try:
        status, docs, p = respond(trojan_on(instance, "critical-again"), "--site", site)
    finally:
        lab.slack.status = 200
    eq((status, docs[0]["denied"]["by"]), (4, "critical_instances"), p.stderr)
    has(docs[0]["denied"]["told"], "#soc could not be told")
    status, docs, p = respond(trojan_on(instance, "critical-no-site"))
    eq((status, docs[0]["denied"].get("told")), (4, None), p.stderr)


@case("terminate_instance needs a store, and says so; without it in the list the others run in none")
def _():
    event = lab.events["revoke_user_sessions"]
    p = lab.run(PLAYBOOKS, event, tempdir(), store=False)
    eq(p.returncode, 2)
    has(p.stderr, "playbook `terminate_instance` has `dedupe`, which needs a place where runs are kept: give --store")
    p = lab.run(FILES + [os.path.join(PLAYBOOKS, "guards.pb")], event, tempdir(), store=False, **FAST)
    eq(p.returncode, 0, p.stderr)
    p = lab.run(PLAYBOOKS, event, tempdir(), "--dry-run", store=False, **FAST)
    eq(p.returncode, 0, p.stderr)


@case("the example of a site fits the library, lies outside of what a folder gives, and is laid out")
def _():
    example = os.path.join(PLAYBOOKS, "site.pb.example")
    eq(run([PBC, "check", "--deny", "warnings", PLAYBOOKS, example]).returncode, 0)
    eq(run([PBC, "fmt", "--check", example]).returncode, 0)


@case("without a site it isolates, then says that nobody can be asked; nothing is terminated")
def _():
    e = fresh("terminate_instance", "no-site")
    instance = e["detail"]["resource"]["instanceDetails"]["instanceId"] = new_instance()
    status, docs, p = respond(e)
    eq((status, docs[0]["remediation_status"], docs[0]["reason"]["code"]), (1, "partial", "approval_setup"), p.stderr)
    has(docs[0]["reason"]["message"], "site")
    eq((lab.instance_state(instance)["state"], lab.instance_state(instance)["rules of the groups"]), ("running", 0))


@case("no secret is in any output: not the keys, not the Slack token, not a signature")
def _():
    status, docs, p = respond(fresh("revoke_user_sessions", "secrets"), "--json")
    eq(status, 0, p.stderr)
    everything = p.stdout + p.stderr + json.dumps(docs)
    for secret in ("demo-secret", "xoxb-", "Signature=", "AWS4-HMAC"):
        if secret in everything:
            raise AssertionError("%r is in the output" % secret)


@case("without credentials or Slack settings the error says what to set")
def _():
    status, docs, _ = respond(fresh("revoke_user_sessions", "no-credentials"), AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    eq(status, 4)
    has(docs[0]["denied"]["why"], "AWS_ACCESS_KEY_ID")
    status, docs, _ = respond(fresh("block_public_bucket", "no-credentials"), AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    eq(status, 1)
    has(json.dumps(docs[0]["reason"]), "AWS_ACCESS_KEY_ID")
    status, docs, _ = respond(lab.events["report_root_login"], SLACK_BOT_TOKEN="")
    eq(status, 1)
    has(json.dumps(docs[0]["reason"]), "SLACK_BOT_TOKEN")


try:
    main()
finally:
    lab.close()
