"""pbrun undo against the simulated account: what each undo of the library puts back, that it does nothing when that has happened
already, and refuses where somebody else has changed it since; half-done actions, one step alone, plans, guards, and a process
that dies in the middle of undoing."""
# runs: sanitized
# speed: slow
import json
import os
import sqlite3

from lab import Lab, Proxy, documents
from pbtest import PBC, PBRUN, case, eq, has, main, run, tempdir

lab = Lab()
lab.set_up()
work = tempdir()
FAST = {"PB_RETRY_BASE_MS": "20"}
user, key = lab.users[0], lab.keys[0]
instance = lab.instance
GET = "  let i = ec2.instance(\"%s\")\n" % instance
INTERFACE = lab.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["NetworkInterfaces"][0]["NetworkInterfaceId"]
count = 0


def build(body, rest=""):
    """A playbook with this body for the Trojan's event; its bundle."""
    global count
    count += 1
    path = os.path.join(work, "p%d" % count)
    with open(path + ".pb", "w", encoding="utf-8") as f:
        f.write("playbook p%d {\n  version \"1.0.0\"\n  summary \"s\"\n  owner \"o\"\n  tier auto\n  controls [\"c\"]\n  when guardduty.finding as f\n"
                "  where f.type like \"Trojan:EC2/*\"\n%s\n  record { affected_resource: f.arn }\n}\n%s" % (count, body, rest))
    p = run([PBC, "build", "-o", path + ".pbx", path + ".pb"])
    eq((p.returncode, p.stderr), (0, ""))
    return path + ".pbx"


class Run:
    """A run of such a playbook in a store of its own."""

    def __init__(self, body, rest="", status=0, url=None, **env):
        self.dir = tempdir()
        self.store = os.path.join(self.dir, "state.db")
        self.evidence = os.path.join(self.dir, "evidence")
        p = lab.run(build(body, rest), lab.events["quarantine_instance"], self.evidence, "--store", self.store, url=url, **dict(FAST, **env))
        eq(p.returncode, status, p.stderr)
        self.doc = documents(self.evidence)[-1]
        self.id = self.doc["run_id"]

    def pbrun(self, *args, url=None, **env):
        return run([PBRUN, *args, "--store", self.store], env=lab.env(url, **dict(FAST, **env)))

    def undo(self, *more, status=0, url=None, **env):
        """The evidence of the undoing."""
        p = self.pbrun("undo", self.id, "--evidence", self.evidence, *more, url=url, **env)
        eq(p.returncode, status, p.stdout + p.stderr)
        self.out = p.stdout
        d = documents(self.evidence)[-1]
        eq(d["undo_of"], self.id)
        eq(d["incident_id"], self.doc["incident_id"])
        return d

    def undone(self, want, *more, status=0, **env):
        """(action, status) of each undo; the whole document."""
        d = self.undo(*more, status=status, **env)
        eq([(a["action"], a["status"]) for a in d["automated_actions"]], want)
        return d


def conflict(d, part):
    e = d["automated_actions"][0]["error"]
    eq(e["code"], "conflict")
    has(e["message"], part)


def key_status():
    return {k["AccessKeyId"]: k["Status"] for k in lab.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]}.get(key)


def groups():
    return [g["GroupId"] for g in lab.ec2.describe_network_interfaces(NetworkInterfaceIds=[INTERFACE])["NetworkInterfaces"][0]["Groups"]]


def tags():
    return {t["Key"]: t["Value"] for t in lab.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]}


def writes(d):
    return [c["operation"].split(".")[-1] for a in d["automated_actions"] for c in a["calls"] if c["effect"] != "read"]


KEY_OFF = "  do iam.deactivate_key(\"%s\", \"%s\")" % (user, key)
ISOLATE = GET + "  do ec2.isolate(i, settle: 10ms)"


@case("an access key is active again; not touched when it is already, nor when it is gone")
def _():
    r = Run(KEY_OFF)
    eq(key_status(), "Inactive")
    d = r.undone([("undo iam.deactivate_key", "succeeded")])
    eq((key_status(), d["remediation_status"], d["outcome"], d["automated_actions"][0]["undoes"]), ("Active", "undone", "done", r.doc["automated_actions"][0]["step"]))
    p = r.pbrun("undo", r.id)
    eq(p.returncode, 2)
    has(p.stderr, "undone already")
    r = Run(KEY_OFF)
    lab.iam.update_access_key(UserName=user, AccessKeyId=key, Status="Active")
    eq(writes(r.undone([("undo iam.deactivate_key", "already_done")])), [])
    extra = lab.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    r = Run("  do iam.deactivate_key(\"%s\", \"%s\")" % (user, extra))
    lab.iam.delete_access_key(UserName=user, AccessKeyId=extra)
    d = r.undone([("undo iam.deactivate_key", "failed")], status=1)
    conflict(d, "deleted")
    eq((d["remediation_status"], d["reason"]["code"]), ("failed", "conflict"))


@case("a key that was inactive before the run stays so")
def _():
    lab.iam.update_access_key(UserName=user, AccessKeyId=key, Status="Inactive")
    r = Run(KEY_OFF)
    p = r.pbrun("undo", r.id)
    eq(p.returncode, 2)
    has(p.stderr, "nothing to undo")
    eq(key_status(), "Inactive")
    lab.iam.update_access_key(UserName=user, AccessKeyId=key, Status="Active")


def policies(kind, name):
    put = {"user": lab.iam.put_user_policy, "role": lab.iam.put_role_policy}[kind]
    get = {"user": lab.iam.get_user_policy, "role": lab.iam.get_role_policy}[kind]
    listed = {"user": lab.iam.list_user_policies, "role": lab.iam.list_role_policies}[kind]
    remove = {"user": lab.iam.delete_user_policy, "role": lab.iam.delete_role_policy}[kind]
    who = {"UserName" if kind == "user" else "RoleName": name}
    which = dict(who, PolicyName="AWSRevokeOlderSessions")
    return (lambda doc: put(PolicyDocument=json.dumps(doc), **which), lambda: get(**which)["PolicyDocument"] if listed(**who)["PolicyNames"] else None,
            lambda: remove(**which))


@case("the policy that revokes sessions goes, or is what it was before; one that was changed since stays")
def _():
    lab.iam.create_role(RoleName="batch", AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    old = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": {
        "DateLessThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00.000Z"}}}]}
    other = {"Version": "2012-10-17", "Statement": [dict(old["Statement"][0], Condition={"DateLessThan": {"aws:TokenIssueTime": "2037-01-01T00:00:00.000Z"}})]}
    for kind, name, action in (("user", user, "iam.revoke_sessions"), ("role", "batch", "iam.revoke_role_sessions")):
        put, get, remove = policies(kind, name)
        body = "  do %s(\"%s\")" % (action, name)
        done = [("undo " + action, "succeeded")]
        r = Run(body)
        assert get()
        d = r.undone(done)
        eq(get(), None)
        has(d["automated_actions"][0]["detail"], "stay ended")
        put(old)
        r = Run(body)
        assert get() != old
        r.undone(done)
        eq(get(), old)
        r = Run(body)
        put(other)
        conflict(r.undone([(done[0][0], "failed")], status=1), "2037-01-01")
        eq(get(), other)
        remove()
        conflict(r.undone([(done[0][0], "failed")], status=1), "it is gone now")
        r = Run(body)
        remove()
        eq(writes(r.undone([(done[0][0], "already_done")])), [])


@case("an isolated instance is back in its groups; not when somebody has moved it since")
def _():
    before = groups()
    r = Run(ISOLATE)
    assert groups() != before
    r.undone([("undo ec2.isolate", "succeeded")])
    eq(groups(), before)
    r = Run(ISOLATE)
    lab.ec2.modify_network_interface_attribute(NetworkInterfaceId=INTERFACE, Groups=before)
    eq(writes(r.undone([("undo ec2.isolate", "already_done")])), [])
    third = lab.ec2.create_security_group(GroupName="forensics", Description="x", VpcId=lab.vpc)["GroupId"]
    r = Run(ISOLATE)
    lab.ec2.modify_network_interface_attribute(NetworkInterfaceId=INTERFACE, Groups=[third])
    conflict(r.undone([("undo ec2.isolate", "failed")], status=1), "%s is in %s" % (INTERFACE, third))
    eq(groups(), [third])
    lab.ec2.modify_network_interface_attribute(NetworkInterfaceId=INTERFACE, Groups=before)


@case("an isolation that failed half-way is undone too")
def _():
    before = groups()
    proxy = Proxy(lab.url)
    proxy.faults = {"ModifyNetworkInterfaceAttribute": [None, (400, "InvalidGroup.NotFound")]}
    r = Run(ISOLATE, status=1, url=proxy.url)
    eq(r.doc["remediation_status"], "failed")
    assert groups() != before  # in the group that is only passed through
    r.undone([("undo ec2.isolate", "succeeded")])
    eq(groups(), before)


@case("an Elastic IP that was taken away is named")
def _():
    address = lab.ec2.allocate_address(Domain="vpc")
    made = lab.ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=INTERFACE)["AssociationId"]
    r = Run(GET + "  do ec2.isolate(i, cut: \"strip-ip\")")
    d = r.undone([("undo ec2.isolate", "succeeded")])
    has(d["automated_actions"][0]["detail"], "%s (%s) has to be associated again by hand" % (INTERFACE, made))
    lab.ec2.release_address(AllocationId=address["AllocationId"])


@case("tags have their former values, and those that were added are gone; another one's value stays")
def _():
    body = GET + "  do ec2.tag(i, { Name: \"mine\", Case: \"7\" })"
    before = tags()
    r = Run(body)
    eq((tags()["Name"], tags()["Case"]), ("mine", "7"))
    r.undone([("undo ec2.tag", "succeeded")])
    eq(tags(), before)
    r = Run(body)
    lab.ec2.create_tags(Resources=[instance], Tags=[{"Key": "Case", "Value": "8"}])
    conflict(r.undone([("undo ec2.tag", "failed")], status=1), "Case=8")
    eq(tags()["Name"], "mine")  # a conflict refuses the whole step
    lab.ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": before["Name"]}])
    lab.ec2.delete_tags(Resources=[instance], Tags=[{"Key": "Case"}])
    eq(writes(r.undone([("undo ec2.tag", "already_done")])), [])


@case("a bucket's public access block is exactly what it was")
def _():
    bucket = lab.bucket
    body = "  do s3.block_public_access(\"%s\")" % bucket
    some = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}

    def block():
        return lab.bucket_state()["public access block"]
    lab.s3.delete_public_access_block(Bucket=bucket)
    r = Run(body)
    eq(set(block().values()), {True})
    r.undone([("undo s3.block_public_access", "succeeded")])
    eq(block(), "NoSuchPublicAccessBlockConfiguration")
    lab.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=some)
    r = Run(body)
    r.undone([("undo s3.block_public_access", "succeeded")])
    eq(block(), some)
    r = Run(body)
    lab.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict(some, IgnorePublicAcls=True))
    conflict(r.undone([("undo s3.block_public_access", "failed")], status=1), "BlockPublicPolicy false")
    lab.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=some)
    eq(writes(r.undone([("undo s3.block_public_access", "already_done")])), [])


@case("a stopped instance runs again, unless it was terminated meanwhile")
def _():
    def state(i):
        return lab.ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["State"]["Name"]
    victim = lab.ec2.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    body = "  let i = ec2.instance(\"%s\")\n  do ec2.stop(i)" % victim
    while state(victim) != "running":
        pass
    r = Run(body)
    eq(state(victim), "stopped")
    r.undone([("undo ec2.stop", "succeeded")])
    eq(state(victim), "running")
    r = Run(body)
    lab.ec2.terminate_instances(InstanceIds=[victim])
    conflict(r.undone([("undo ec2.stop", "failed")], status=1), "terminated" if state(victim) == "terminated" else "shutting-down")


THREE = GET + "  do ec2.tag(i, { Case: \"7\" })\n%s\n  do iam.revoke_sessions(\"%s\")\n" % (KEY_OFF, user)


@case("steps are undone newest first; a conflict stops no other, and only what is left is tried again")
def _():
    r = Run(THREE)
    lab.ec2.create_tags(Resources=[instance], Tags=[{"Key": "Case", "Value": "8"}])
    d = r.undone([("undo iam.revoke_sessions", "succeeded"), ("undo iam.deactivate_key", "succeeded"), ("undo ec2.tag", "failed")], status=1)
    eq(d["remediation_status"], "partial")
    eq(key_status(), "Active")
    lab.ec2.create_tags(Resources=[instance], Tags=[{"Key": "Case", "Value": "7"}])
    d = r.undone([("undo ec2.tag", "succeeded")])
    eq(d["remediation_status"], "undone")
    assert "Case" not in tags()


@case("one step alone, then the others; a step that does not exist")
def _():
    r = Run(THREE)
    steps = {a["action"]: a["step"] for a in r.doc["automated_actions"]}
    r.undone([("undo iam.deactivate_key", "succeeded")], "--step", steps["iam.deactivate_key"])
    eq(key_status(), "Active")
    assert "Case" in tags()
    p = r.pbrun("undo", r.id, "--step", "99")
    eq(p.returncode, 2)
    has(p.stderr, "99")
    r.undone([("undo iam.revoke_sessions", "succeeded"), ("undo ec2.tag", "succeeded")])


@case("a plan says what would be put back and changes nothing")
def _():
    r = Run(KEY_OFF)
    d = r.undone([("undo iam.deactivate_key", "planned")], "--dry-run")
    eq((d["dry_run"], d["remediation_status"], writes(d)), (True, "planned", ["UpdateAccessKey"]))
    has(r.out, "would do")
    p = run([PBRUN, "undo", r.id, "--dry-run"], env=lab.env(PB_STORE=r.store))
    eq((p.returncode, "would do" in p.stdout), (0, True), p.stderr)
    eq(key_status(), "Inactive")
    r.undone([("undo iam.deactivate_key", "succeeded")])
    eq(key_status(), "Active")


@case("what cannot be undone is told with its reason; a run of nothing else has nothing to undo")
def _():
    r = Run(GET + "  do ebs.snapshot_volumes(i)\n" + KEY_OFF + "\n  do aws.ec2.CreateTags(Resources: [i.id], Tags: [{ Key: \"raw\", Value: \"1\" }])")
    d = r.undone([("undo iam.deactivate_key", "succeeded")])
    eq([s["action"] for s in d["not_undoable"]], ["ebs.snapshot_volumes", "aws.ec2.CreateTags"])
    has(d["not_undoable"][0]["why"], "evidence")
    has(r.out, "ebs.snapshot_volumes")
    r = Run("  do slack.notify(\"#x\", \"hello\")")
    p = r.pbrun("undo", r.id)
    eq(p.returncode, 2)
    has(p.stderr, "nothing to undo")


@case("runs that cannot be undone: an unknown one, no store, one that has not ended")
def _():
    r = Run(KEY_OFF)
    p = r.pbrun("undo", "run-00000000000000000000000000")
    eq(p.returncode, 2)
    has(p.stderr, "no run")
    p = run([PBRUN, "undo", r.id], env={"PB_STORE": ""})
    eq(p.returncode, 2)
    has(p.stderr, "store")
    r.undo()
    for at in range(8, 60, 2):  # the first moment at which it is in the store
        dead = os.path.join(tempdir(), "state.db")
        p = lab.run(build(KEY_OFF), lab.events["quarantine_instance"], r.evidence, "--store", dead, **dict(FAST, PB_CRASH_AT=str(at)))
        eq(p.returncode, -9)
        with sqlite3.connect(dead) as db:
            rows = db.execute("select id from runs").fetchall() if db.execute("select 1 from sqlite_master where name='runs'").fetchall() else []
        if rows:
            break
    r.store, r.id = dead, rows[0][0]
    p = r.pbrun("undo", r.id)
    eq(p.returncode, 2)
    has(p.stderr, "resume")
    eq(r.pbrun("resume").returncode, 0)
    r.pbrun("undo", r.id)
    eq(key_status(), "Active")


@case("guards hold in an undoing: what they deny stays, the rest is put back, status 4")
def _():
    r = Run(GET + "  do ec2.tag(i, { Case: \"7\" })\n" + KEY_OFF,
            "guard no_keys {\n  on aws.iam.UpdateAccessKey as act\n  where act.args.Status == \"Active\"\n  deny \"keys stay off\"\n}\n")
    d = r.undone([("undo iam.deactivate_key", "denied"), ("undo ec2.tag", "succeeded")], status=4)
    eq((d["remediation_status"], d["denied"]["by"], d["denied"]["why"]), ("denied", "no_keys", "keys stay off"))
    eq(key_status(), "Inactive")
    lab.iam.update_access_key(UserName=user, AccessKeyId=key, Status="Active")


@case("the kill switch holds an undoing back")
def _():
    r = Run(KEY_OFF)
    eq(r.pbrun("kill-switch", "on", "--reason", "freeze").returncode, 0)
    d = r.undone([("undo iam.deactivate_key", "denied")], status=4)
    eq(d["denied"]["by"], "kill_switch")
    eq(key_status(), "Inactive")
    eq(r.pbrun("kill-switch", "off", "--reason", "over").returncode, 0)
    r.undone([("undo iam.deactivate_key", "succeeded")])
    eq(key_status(), "Active")


@case("a process that dies while undoing: resume finishes it, and nothing is done twice")
def _():
    def state():
        return groups(), tags(), key_status(), policies("user", user)[1]()
    before, body = state(), ISOLATE + "\n" + THREE[len(GET):]
    r = Run(body)
    counted = os.path.join(work, "count")
    r.pbrun("undo", r.id, PB_CRASH_COUNT=counted)  # as below: without evidence there is a write less
    eq(state(), before)
    with open(counted, encoding="utf-8") as f:
        points = int(f.read())
    assert points > 10, points
    for at in range(2, points + 1, max(1, points // 7)):
        r = Run(body)
        proxy = Proxy(lab.url)
        p = r.pbrun("undo", r.id, url=proxy.url, PB_CRASH_AT=str(at))
        eq(p.returncode, -9, "at %d: %s" % (at, p.stderr))
        p = r.pbrun("resume", url=proxy.url)
        if p.returncode != 0 or state() != before:  # it died before the undoing was on disk: it is as if nobody had asked
            eq(r.pbrun("undo", r.id, url=proxy.url).returncode, 0, "at %d" % at)
        eq(state(), before, "at %d" % at)
        made = {o: proxy.seen.get(o, 0) for o in ("DeleteUserPolicy", "DeleteTags")}
        assert all(n <= 2 for n in made.values()), (at, made)  # 2: in doubt, where sending again ends in the same state
        eq(r.pbrun("undo", r.id).returncode, 2)


try:
    main()
finally:
    lab.close()
