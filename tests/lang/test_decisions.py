#!/usr/bin/python3
"""What the compiler makes of approve, wait, authorize, guard, undo and the bounds of playbooks, seen from what they do:
each is run against the simulated account by `pbc test`."""
# runs: sanitized
import os
import shutil

from pbtest import PBC, ROOT, case, eq, has, main, run, tempdir

EVENT = os.path.join(ROOT, "playbooks/quarantine_instance.event.json")
HEAD = '''action team.tell(text: string) notify { do slack.notify("#t", text) }

action team.label(i: Instance, text: string): { changed: bool } contain on i {
  let had = tag_map(aws.ec2.DescribeTags(Filters: [{ Name: "resource-id", Values: [i.id] }]).Tags)["Label"]
  if had == text {
    return { changed: false }
  }
  do aws.ec2.CreateTags(Resources: [i.id], Tags: [{ Key: "Label", Value: text }])
  return { changed: true }
} undo {
  if had exists {
    do aws.ec2.CreateTags(Resources: [i.id], Tags: [{ Key: "Label", Value: had }])
  } else {
    do aws.ec2.DeleteTags(Resources: [i.id], Tags: [{ Key: "Label" }])
  }
  return { changed: true }
}

site {
  person "alice" { slack: "U1" }
  person "bob" { slack: "U2" }
  person "carol" { slack: "U3" }
  group "secops" { people: ["alice", "bob"] }
}
'''
PLAYBOOK = '''playbook q {
  version "1.0.0"
  summary "what it does"
  owner "secops@example.com"
  tier approve
  controls ["SOC2-CC7.4"]
%s
  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ebs.snapshot_volumes(i, tags: { IncidentID: run.incident_id })
%s
  record { affected_resource: i.arn }
}
'''
TEST = '''test "t" for q {
  given event "event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given { let vm = sim.instance(tags: { Label: "old" }) }
%s
}
'''
TERMINATE = '''  approve "Terminate ${i.id}?" by group "secops" within 30m {
    do ec2.terminate(i)
  } denied {
    do team.tell("denied")
  } expired {
    do team.tell("expired")
  }'''
LABEL = 'tag_map(aws.ec2.DescribeTags(Filters: [{ Name: "resource-id", Values: [vm.id] }]).Tags)["Label"]'
STATE = "aws.ec2.DescribeInstances(InstanceIds: [vm.id]).Reservations[0].Instances[0].State.Name"


def outcome(body, test, header="", more=""):
    """What `pbc test` says, and whether the test passed."""
    d = tempdir()
    shutil.copy(EVENT, os.path.join(d, "event.json"))
    path = os.path.join(d, "q.pb")
    with open(path, "w") as f:
        f.write(HEAD + more + PLAYBOOK % (header, body) + TEST % test)
    p = run([PBC, "test", path])
    out = p.stdout + p.stderr
    assert "passed" in out and "error[" not in out, out
    return p.returncode == 0, out


def good(body, test, **more):
    passed, out = outcome(body, test, **more)
    assert passed, out


def bad(body, test, **more):
    passed, out = outcome(body, test, **more)
    assert not passed, "this should not have held: " + out


@case("granted: the block runs")
def _():
    good(TERMINATE, '  given approval by "U1"\n  expect do ec2.terminate\n  expect %s in ["shutting-down", "terminated"]' % STATE)


@case("nobody decides: expired")
def _():
    good(TERMINATE, '  after 31m\n  expect do team.tell("expired")\n  expect no do ec2.terminate\n  expect %s == "running"' % STATE)


@case("while it waits nothing has happened")
def _():
    good(TERMINATE, "  after 29m\n  expect outcome waiting\n  expect no do ec2.terminate\n  expect no do team.tell")


@case("who is in no group cannot decide")
def _():
    good(TERMINATE, '  given approval by "U3"\n  after 31m\n  expect no do ec2.terminate\n  expect do team.tell("expired")')


@case("a quorum of two takes two people")
def _():
    body = TERMINATE.replace("within", "quorum 2 within")
    good(body, '  given approval by "U1"\n  given approval by "U1"\n  expect no do ec2.terminate')
    good(body, '  given approval by "U1"\n  given approval by "U2"\n  expect do ec2.terminate')


@case("the target changes while people decide: the answer does not count")
def _():
    drift = '''  after 1m
  given { do aws.ec2.CreateTags(Resources: [vm.id], Tags: [{ Key: "Owner", Value: "somebody" }]) }
  given approval by "U1"
  expect no do ec2.terminate
  expect outcome waiting
'''
    good(TERMINATE, drift)
    good(TERMINATE, drift + '  after 1m\n  given approval by "U1"\n  expect do ec2.terminate')


@case("the list that a loop goes over changes while people decide about an item")
def _():
    body = '''  for t in aws.ec2.DescribeTags(Filters: [{ Name: "resource-id", Values: [i.id] }]).Tags {
    if t.Key == "Label" {
      approve "Change ${t.Value ?? ""}?" by group "secops" within 30m { do team.label(i, "seen") } denied { } expired { }
    }
  }'''
    change = '  given { do aws.ec2.CreateTags(Resources: [vm.id], Tags: [{ Key: "Owner", Value: "x" }]) }\n'
    good(body, '  after 1m\n%s  given approval by "U1"\n  expect no do team.label' % change)
    good(body, '  after 1m\n  given approval by "U1"\n  expect do team.label')


@case("without denied and expired blocks the run stops")
def _():
    body = '  approve "Go on?" by group "secops" within 30m { do team.label(i, "seen") }\n  do team.tell("behind")'
    good(body, "  after 31m\n  expect outcome stopped\n  expect no do team.tell\n  expect no do team.label")
    empty = body.replace('"seen") }', '"seen") } expired { }')
    good(empty, '  after 31m\n  expect do team.tell("behind")\n  expect no do team.label')


@case("wait lets time pass")
def _():
    body = '  wait 15m\n  do team.tell("later")'
    good(body, "  after 14m\n  expect outcome waiting\n  expect no do team.tell")
    good(body, '  after 16m\n  expect do team.tell("later")')


@case("a guard holds back, authorize lifts it")
def _():
    guard = '''guard labels {
  on     team.label as act
  where  act.args.text == "cut" and ec2.instance(act.args.i.id).tags["Label"] == "old"
  deny   "${act.args.i.id}: ${act.action} is ${act.effect}"
  unless authorized "change"
}
'''
    body = '  do team.label(i, "cut") else { do team.tell("caught") }'
    good(body, '  expect denied by labels\n  expect no do team.tell\n  expect %s == "old"' % LABEL, more=guard)
    good(body.replace('"cut"', '"seen"'), '  expect do team.label\n  expect %s == "seen"' % LABEL, more=guard)
    good('  authorize "change" because "CHG-1"\n' + body, '  expect do team.label\n  expect %s == "cut"' % LABEL, more=guard)
    good('  authorize "other" because "CHG-1"\n' + body, "  expect denied by labels", more=guard)


@case("a guard on operations sees their members, also inside of actions")
def _():
    guard = '''guard tags {
  on   aws.ec2.CreateTags as act
  where any(t in act.args.Tags: t.Key == "Label" and t.Value == "cut")
  deny "no labels"
}
'''
    good('  do team.label(i, "cut")', '  expect denied by tags\n  expect %s == "old"' % LABEL, more=guard)


@case("on failure undo puts back what was changed, and only that")
def _():
    body = '''  on failure undo
  on failure { do team.tell(error.code) }
  do team.label(i, "%s")
  fail "broken" code "Broken"'''
    good(body % "new", '  expect outcome failed\n  expect %s == "old"\n  expect do team.tell("Broken")' % LABEL)
    good(body % "old", '  expect outcome failed\n  expect %s == "old"' % LABEL)
    good((body % "new").replace("  on failure undo\n", ""), '  expect outcome failed\n  expect %s == "new"' % LABEL)


@case("two changes are undone in reverse order")
def _():
    body = '''  on failure undo
  do team.label(i, "one")
  do team.label(i, "two")
  fail "broken"'''
    good(body, '  expect outcome failed\n  expect %s == "old"' % LABEL)


@case("a repeat within the time of dedupe is a duplicate")
def _():
    again = '  expect do team.tell\n  given event "event.json" with { detail.resource.instanceDetails.instanceId: vm.id }\n  expect outcome %s'
    good('  do team.tell("x")', again % "duplicate", header="  dedupe by f.id within 1h")
    good('  do team.tell("x")', again % "done", header="  dedupe by f.resource.accessKeyDetails.userName within 1h")


@case("above the limit the run stops")
def _():
    again = '  expect do team.tell\n  given event "event.json" with { detail.resource.instanceDetails.instanceId: vm.id }\n  expect outcome %s'
    good('  do team.tell("x")', again % "stopped", header="  limit 1 per 1h")
    good('  do team.tell("x")', again % "done", header="  limit 2 per 1h")


REACHING = HEAD + """guard looks { on ec2.tag as act where aws.s3.GetBucketTagging(Bucket: "logs").TagSet.size() > 3 deny "no" }
action team.kept(i: Instance) contain { do team.label(i, "x") }
""" + PLAYBOOK % ("  limit 5 per 1h else approve", '''  do team.kept(i)
  wait 5m
  approve "Terminate?" by group "secops" within 1h { do ec2.terminate(i) } denied { let _u = iam.user("mary") }''')


def written(*command):
    path = os.path.join(tempdir(), "q.pb")
    with open(path, "w") as f:
        f.write(REACHING)
    p = run([PBC, command[0], path, *command[1:]])
    eq(p.returncode, 0, p.stderr)
    return path, p.stdout


@case("the policy has what guards, undo and the blocks of an approval reach")
def _():
    _, policy = written("iam")
    for action in ("s3:GetBucketTagging", "ec2:DeleteTags", "ec2:TerminateInstances", "iam:GetUser"):
        has(policy, '"%s"' % action)


@case("the disassembly shows guards, bounds, undo and the site")
def _():
    image = os.path.join(tempdir(), "q.pbx")
    written("build", "-o", image)
    text = run([PBC, "dis", image]).stdout
    for part in ("guard looks\n  on           ec2.tag\n  decides      function ", "  limit        5 per 1h else approve\n",
                 "  undone by function ", ", with 1 captured value\n", "  cannot be undone: a terminated instance cannot be brought back\n",
                 '  group "secops" people: alice\n', "  notify  approval.ask\n", "  notify  limit.ask\n", "  notify  wait.for\n",
                 "CAPTURE   r", "action, effect contain, 3 parameters", "  sample       service.additionalInfo.sample\n",
                 "  parameters   i, text\n"):
        has(text, part)


@case("the same sources give the same image")
def _():
    images = [os.path.join(tempdir(), "q.pbx") for _ in range(2)]
    path, _ = written("build", "-o", images[0])
    eq(run([PBC, "build", path, "-o", images[1]]).returncode, 0)
    with open(images[0], "rb") as a, open(images[1], "rb") as b:
        first, second = a.read(), b.read()
    eq(first == second, True)


@case("these tests can fail")
def _():
    bad(TERMINATE, '  given approval by "U1"\n  expect no do ec2.terminate')
    bad(TERMINATE, "  after 31m\n  expect do ec2.terminate")


main()
