#!/usr/bin/python3
"""pbc test: each kind of `given` and `expect`, holding and failing; crashes, approvals, reports, coverage, mutants."""
# runs: sanitized
import json
import os
import re
import xml.etree.ElementTree as ET

from pbtest import BUILD, PBC, ROOT, case, eq, has, main, run, tempdir

PLAYBOOK = '''param channel: string = "#security"

playbook watch {
  version  "1.0.0"
  summary  "marks an instance and tells people"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type like "Trojan:EC2/*" and f.severity >= 5

  let id = f.resource.instanceDetails.instanceId
  where id exists
  let i = ec2.instance(id)
  do ec2.tag(i, { SecurityStatus: "Suspect" }) as tagged
  if tagged.changed {
    do slack.notify(channel, "${i.id} is suspect")
  }
  record { affected_resource: i.arn }
}
'''
ASK = '''playbook ask {
  version  "1.0.0"
  summary  "asks before it stops"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let id = f.resource.instanceDetails.instanceId
  where id exists
  let i = ec2.instance(id)
  do ebs.snapshot_volumes(i)
  do ec2.isolate(i)
  approve "Terminate ${i.id}?"
    via slack "#secops"
    by group "oncall"
    quorum 2
    within 30m
  {
    do ec2.terminate(i)
  } denied {
    do slack.notify("#secops", "kept")
  } expired {
    do slack.notify("#secops", "nobody answered")
  }
  record { affected_resource: i.arn }
}
'''
ASK_TEST = '''import "ask.pb"
site {
  person "alice" { slack: "U1" login: "alice" }
  person "bob" { slack: "U2" login: "bob" }
  group "oncall" { people: ["alice", "bob"] }
}
'''
HERE = "given event \"e.json\" with { detail.resource.instanceDetails.instanceId: vm.id }\n"
VM = "given { let vm = sim.instance(tags: { Owner: \"ml\" }) }\n"


def project(tests, playbook=PLAYBOOK, name="watch"):
    """A directory with the playbook, an event and its tests (a text, or a list of (title, body))."""
    d = tempdir()
    if not isinstance(tests, str):
        tests = 'import "%s.pb"\n' % name + "".join('test "%s" for %s {\n%s\n}\n' % (t, name, b) for t, b in tests)
    with open(os.path.join(ROOT, "playbooks/quarantine_instance.event.json"), encoding="utf-8") as f:
        event = f.read()
    for path, text in (("pb.root", ""), (name + ".pb", playbook), (name + "_test.pb", tests), ("e.json", event)):
        with open(os.path.join(d, path), "w", encoding="utf-8") as f:
            f.write(text)
    return d


def test(d, *args, **more):
    return run([PBC, "test", ".", *args], cwd=d, **more)


def passes(body, **more):
    p = test(project([("t", body)], **more))
    eq((p.returncode, re.sub(r" in .*", "", p.stdout)), (0, "1 passed, 0 failed\n"), p.stdout + p.stderr)


def fails(body, *parts, **more):
    p = test(project([("t", body)], **more))
    eq(p.returncode, 1, p.stdout + p.stderr)
    for part in parts:
        has(p.stdout, part)
    return p.stdout


# ---- what is given ----

@case("an event from a file, changed; set-up by typed calls; all kinds of expectations")
def _():
    passes(HERE + VM + '''
  expect outcome done
  expect do ec2.tag
  expect do ec2.tag(tags: { SecurityStatus: "Suspect" })
  expect do aws.ec2.CreateTags(Resources: [vm.id])
  expect do slack.notify("#security", "${vm.id} is suspect")
  expect no do slack.notify("#other")
  expect no do aws.ec2.TerminateInstances
  expect "SecurityStatus" in [t.Key for t in aws.ec2.DescribeTags(Filters: [{ Name: "resource-id", Values: [vm.id] }]).Tags]
  expect run.playbook == "watch" and run.event_time exists
  expect (evidence.affected_resource as string) == vm.arn''')


@case("an event written in place")
def _():
    passes('''given event {
    source: "aws.guardduty"
    region: "us-east-1"
    "detail-type": "GuardDuty Finding"
    detail: { type: "Trojan:EC2/DNSDataExfiltration", severity: 8, resource: { instanceDetails: { instanceId: vm.id } } }
  }
''' + VM + "expect outcome done\nexpect do ec2.tag")


@case("fields are taken out, made and changed, in lists too")
def _():
    passes('given event "e.json" with { detail.resource.instanceDetails.instanceId: none }\nexpect outcome skipped')
    passes('given event "e.json" with { detail.resource.instanceDetails.networkInterfaces.privateIpAddress: "10.0.0.1", '
           'detail.resource.instanceDetails.instanceId: vm.id, detail.title: "x" }\n' + VM + "expect outcome done")


@case("an event that cannot be read says where it was looked for")
def _():
    fails('given event "nowhere.json"\nexpect outcome done', 'the event "nowhere.json" cannot be read', "watch_test.pb:3")


@case("faults meet the playbook, so many times, and not the test")
def _():
    fault = "given fault aws.ec2.CreateTags \"UnauthorizedOperation\" times 9\n"
    passes(HERE + VM + fault + "expect outcome failed\nexpect no do ec2.tag\nexpect no do slack.notify")
    passes(HERE + VM + "given fault aws.ec2.CreateTags \"RequestLimitExceeded\" times 2\nexpect outcome done")


@case("parameters of the deployment")
def _():
    passes(HERE + VM + "given param channel = \"#soc\"\nexpect do slack.notify(\"#soc\")")


@case("the chat is down")
def _():
    passes(HERE + VM + "given chat down\nexpect outcome failed\nexpect do ec2.tag\nexpect no do slack.notify")


@case("a kill switch denies what changes something")
def _():
    passes(HERE + VM + "given kill_switch on\nexpect outcome denied\nexpect denied by kill_switch\nexpect no do ec2.tag")


@case("rounds: what comes behind an expectation comes later, and earlier runs do not count any more")
def _():
    passes(HERE + VM + "expect do slack.notify\n" + HERE + "expect outcome done\nexpect no do slack.notify\n"
           "given { do aws.ec2.DeleteTags(Resources: [vm.id]) }\n" + HERE + "expect do slack.notify")


# ---- what is expected ----

@case("an outcome that is another one is told with its reason")
def _():
    fails(HERE + VM + "expect outcome failed", "the outcome is done")
    fails('given event "e.json"\nexpect outcome done', "the outcome is failed (InvalidInstanceID.NotFound")
    fails('given event "e.json" with { detail.severity: 1 }\nexpect outcome done', "the outcome is skipped", "nothing ran:")
    fails('given event "e.json" with { source: "aws.other" }\nexpect outcome skipped', "the outcome is ignored")


@case("what was not done, was done with other arguments, or was done although it must not")
def _():
    out = fails(HERE + VM + 'expect do ec2.isolate\nexpect do slack.notify("#other")\nexpect no do ec2.tag',
                "it was not done", 'it was done with other arguments: ["#security",', "it was done: step ")
    has(out, "watch_test.pb:5: expect do ec2.isolate")
    has(out, "what the run did:\n    ok      ec2.instance\n")


@case("a condition that does not hold shows both sides, and the part that it is")
def _():
    out = fails(HERE + VM + 'expect vm.volumes.size() == 1 and vm.id == "i-0"\nexpect do ec2.isolate',
                'does not hold: vm.id == "i-0"', 'right: "i-0"')
    eq(re.search(r'left: "(i-[0-9a-f]{17})"', out) is not None, True, out)
    eq("ec2.isolate" in out, False, "the test went on")
    fails(HERE + VM + "expect vm.volumes.size() > 3", "left: 1", "right: 3")


@case("a test of which nothing can be looked at has failed, not passed")
def _():
    fails('given event "e.json" with { detail.severity: 1 }\nexpect run.playbook == "watch"', "no run has begun")
    fails(HERE + VM + 'expect aws.iam.GetUser(UserName: "nobody").User.Arn != ""', "could not be carried out: NoSuchEntity")


@case("without faults of its own the account refuses what AWS refuses")
def _():
    fails('given { do aws.ec2.CreateTags(Resources: ["i-00000000000000000"], Tags: [{ Key: "a", Value: "b" }]) }\n'
          'given event "e.json"\nexpect outcome done', "InvalidInstanceID.NotFound")


@case("a guard denies; another one's name is another thing")
def _():
    guards = """
guard critical { on ec2.tag as act  where act.args.i.tags["Owner"] == "ml"  deny "the owner said so" }
guard other { on ec2.isolate as act  where act.args.i.id == "i-0"  deny "never" }
"""
    playbook = PLAYBOOK + guards
    passes(HERE + VM + "expect denied by critical\nexpect no do ec2.tag\nexpect no do slack.notify", playbook=playbook)
    fails(HERE + VM + "expect denied by other", "it was denied by critical", playbook=playbook)


# ---- durable runs ----

def ask(*tests):
    return project(ASK_TEST + "".join('test "t%d" for ask {\n%s%s%s\n}\n' % (i, HERE, VM, t) for i, t in enumerate(tests)),
                   playbook=ASK, name="ask")


@case("approvals: waiting, granted by a quorum, denied, expired after so much time")
def _():
    p = test(ask("expect outcome waiting\nexpect do ec2.isolate\nexpect no do ec2.terminate\nafter 29m\nexpect outcome waiting\n"
                 "after 2m\nexpect outcome done\nexpect do slack.notify(\"#secops\", \"nobody answered\")",
                 "given approval by \"alice\"\nexpect outcome waiting\ngiven approval by \"U2\"\nexpect outcome done\nexpect do ec2.terminate",
                 "given denial by \"bob\"\nexpect outcome done\nexpect do slack.notify(\"#secops\", \"kept\")\nexpect no do ec2.terminate"))
    eq(p.returncode, 0, p.stdout + p.stderr)


@case("an approval that does not count is told where a test fails for it")
def _():
    p = test(ask("given approval by \"alice\"\ngiven approval by \"alice\"\nexpect outcome done",
                 "given approval by \"mallory\"\nexpect outcome done"))
    has(p.stdout, "the approval by alice was refused: ")
    has(p.stdout, "the approval by mallory was refused: ")


@case("time: a run waits, a repeat is a duplicate, the condition behind the wait is looked at anew")
def _():
    wait = PLAYBOOK.replace("controls [\"SOC2-CC7.4\"]", "controls [\"SOC2-CC7.4\"]\n  dedupe by f.id within 1h")
    wait = wait.replace("  if tagged.changed {", "  wait 15m\n  let j = ec2.instance(id)\n  where j.state == \"running\"\n  if tagged.changed {")
    passes(HERE + VM + "expect outcome waiting\nexpect do ec2.tag\nexpect no do slack.notify\n"
           + HERE + "expect outcome duplicate\nexpect no do ec2.tag\nafter 16m\nexpect outcome done\nexpect do slack.notify\n"
           "after 1h\n" + HERE + "expect outcome waiting", playbook=wait)
    passes(HERE + VM + "expect outcome waiting\ngiven { do aws.ec2.StopInstances(InstanceIds: [vm.id]) }\nafter 15m\n"
           "expect outcome skipped\nexpect no do slack.notify", playbook=wait)


@case("a crash at each moment ends alike, and is counted")
def _():
    d = project([("t", HERE + VM + "given crash at each step\nexpect outcome done\nexpect do slack.notify")])
    p = test(d, "--json")
    eq(p.returncode, 0, p.stdout + p.stderr)
    crashes = json.loads(p.stdout)["tests"][0]["crashes"]
    eq(crashes > 10, True, "%d crashes" % crashes)


@case("a failure after a crash says at which moment the process died")
def _():
    d = project([("t", HERE + VM + "given crash at each step\nexpect outcome done\nexpect run.started == time(\"2026-01-01T00:00:00Z\")\n"
                  "expect (evidence.resumed as int) ?? 0 == 0")])
    p = test(d)
    eq(p.returncode, 1, p.stdout + p.stderr)
    has(p.stdout, "with the process killed at moment ")


# ---- the command ----

@case("mistakes in the files are told, and then no test is run")
def _():
    p = test(project([("t", "given event \"e.json\"\nexpect do ec2.isolat")]))
    eq((p.returncode, p.stdout), (1, ""))
    has(p.stderr, "error[PB0704]")


@case("no tests, and none that the filter fits: status 2")
def _():
    d = project([("one", HERE + VM + "expect outcome done"), ("two", HERE + VM + "expect outcome failed")])
    eq(test(d, "--filter", "three").returncode, 2)
    eq(test(d, "--filter", "one").stdout.startswith("1 passed, 0 failed"), True)
    eq(test(d).returncode, 1)
    os.remove(os.path.join(d, "watch_test.pb"))
    eq(test(d).returncode, 2)


@case("what is printed does not depend on how many run at a time, or on what ran before")
def _():
    tests = [("n%d" % i, HERE + VM + ("expect outcome done" if i % 3 else "expect vm.id == \"\"")) for i in range(12)]
    d = project(tests)

    def reports(*args):
        got = json.loads(test(d, "--json", *args).stdout)["tests"]
        return [(t["test"], t["result"], t.get("report")) for t in got]
    serial = reports("-j", "1")
    eq(reports("-j", "4"), serial)
    eq(reports("--filter", "n6"), [serial[6]])


@case("JUnit: a suite a playbook, failures as text, and it is XML whatever stands in there")
def _():
    d = project([("good", HERE + VM + "expect outcome done"), ("bad <&> ${\\\"x\\\"}".replace("$", "\\$"), HERE + VM + "expect vm.id == \"<&>\"")])
    path = os.path.join(d, "out.xml")
    p = test(d, "--junit", path)
    eq(p.returncode, 1, p.stderr)
    root = ET.parse(path).getroot()
    eq((root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]), ("2", "1", "0"))
    cases = root.findall("testsuite/testcase")
    eq([c.attrib["name"] for c in cases][0], "good")
    has(cases[1].find("failure").text, 'right: "<&>"')


@case("settings of the machine mean nothing in a test")
def _():
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "", "SLACK_BOT_TOKEN": "", "PB_PARAM_CHANNEL": "#wrong",
           "https_proxy": "http://127.0.0.1:1"}
    d = project([("t", HERE + VM + "expect outcome done\nexpect do slack.notify(\"#security\")")])
    p = test(d, env=env)
    eq(p.returncode, 0, p.stdout + p.stderr)


# ---- coverage ----

@case("coverage names the statements that did not run and the branches that went one way only")
def _():
    d = project([("t", 'given event "e.json" with { detail.severity: 1 }\nexpect outcome skipped')])
    p = test(d, "--coverage")
    row = re.search(r"^watch.pb +(\d+) of (\d+) .* (\d+) of (\d+)", p.stdout, re.M)
    eq(row.groups()[:2], ("1", "8"), p.stdout)
    has(p.stdout, "not run: 13-20")
    eq(test(d, "--coverage-min", "100").returncode, 1)
    d = project([("t", HERE + VM + "expect outcome done\n" + HERE + "expect outcome done")])
    p = test(d, "--coverage-min", "100")
    eq(p.returncode, 0, p.stdout + p.stderr)
    has(p.stdout, "8 of 8    100.0 %")
    has(p.stdout, "one way only: 11, 14")


@case("a playbook without any test counts as not run")
def _():
    d = project([("t", HERE + VM + "expect outcome done")])
    with open(os.path.join(d, "other.pb"), "w", encoding="utf-8") as f:
        f.write(PLAYBOOK.replace("playbook watch", "playbook other").replace("param channel", "param channel2")
                .replace("notify(channel", "notify(channel2"))
    has(test(d, "--coverage").stdout, "other.pb                                         0 of 8      0.0 %")


@case("the pages are whole, escaped, and need nothing from elsewhere; lcov has the same figures")
def _():
    d = project([("t", HERE + VM + "expect outcome done")], playbook=PLAYBOOK.replace("is suspect", "<script>alert(1)</script>"))
    out = os.path.join(d, "cov")
    eq(test(d, "--coverage-dir", out).returncode, 0)
    names = sorted(os.listdir(out))
    eq([n for n in names if not n.startswith("file")], ["index.html", "lcov.info"])
    for n in names:
        with open(os.path.join(out, n), encoding="utf-8") as f:
            text = f.read()
        eq("<script" in text, False, n)
        eq(re.findall(r'(?:src|href)="(?!file\d+\.html|index\.html)[^"]*"', text), [], n)
        if n.startswith("file"):
            has(text, "&lt;script&gt;alert(1)")
            has(text, '<tr class="run" id="L16">')
        if n == "lcov.info":
            has(text, "SF:watch.pb\n")
            has(text, "DA:16,1\n")
            has(text, "LF:8\nLH:8\n")


# ---- mutants ----

@case("mutants that no test notices are listed as a change of their line; a written reason accepts them")
def _():
    tests = [("good", HERE + VM + "expect outcome done\nexpect do slack.notify")]
    p = test(project(tests), "--mutate")
    eq(p.returncode, 1, p.stdout)
    has(p.stdout, 'SURVIVED  watch.pb:11: another comparison\n    - where f.type like "Trojan:EC2/*" and f.severity >= 5\n'
                  '    + where f.type like "Trojan:EC2/*" and f.severity > 5\n')
    has(p.stdout, "SURVIVED  watch.pb:11: the condition left out\n    - where")
    eq("the step left out" in p.stdout, False, "a step that is looked at: " + p.stdout)
    why = PLAYBOOK.replace("  where f.type", '  # pbc: survives "this is about the report"\n  where f.type')
    p = test(project(tests, playbook=why), "--mutate")
    eq(p.returncode, 0, p.stdout)
    has(p.stdout, 'accepted  watch.pb:12: the condition left out (this is about the report)')
    has(p.stdout, " 0 survived, ")


@case("a step that no test looks at survives being left out; branches of an approval do not")
def _():
    p = test(project([("t", HERE + VM + "expect outcome done\nexpect do ec2.tag")]), "--mutate")
    has(p.stdout, "watch.pb:18: the step left out\n    - do slack.notify(")
    both = ask("given denial by \"bob\"\nexpect do slack.notify(\"#secops\", \"kept\")")
    eq("exchanged" in test(both, "--mutate").stdout, False)


@case("what the compiler does not take needs no test")
def _():
    p = test(project([("good", HERE + VM + "expect outcome done\nexpect do slack.notify"),
                      ("others", 'given event "e.json" with { detail.type: "Recon:EC2/Portscan" }\nexpect outcome skipped\n'
                       'given event "e.json" with { detail.severity: 4.9 }\nexpect outcome skipped'),
                      ("just", HERE.replace("{ ", "{ detail.severity: 5, ", 1) + VM + "expect outcome done"),
                      ("twice", HERE + VM + "expect outcome done\n" + HERE + "expect no do slack.notify")]), "--mutate")
    eq(p.returncode, 0, p.stdout)
    eq(re.search(r"(\d+) by the compiler, 0 survived", p.stdout) is not None, True, p.stdout)


# ---- the library's playbooks ----

@case("the library's playbooks: every test passes, every statement runs, no mutant survives without a reason")
def _():
    mutate = [] if "san" in BUILD else ["--mutate"]  # a hundred programs compiled under sanitizers take their time
    p = run([PBC, "test", "playbooks", "--coverage-min", "100", *mutate], timeout=120)
    eq(p.returncode, 0, p.stdout[-3000:] + p.stderr)


main()
