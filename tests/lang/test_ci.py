#!/usr/bin/python3
"""What users put into their CI: the script behind the GitHub Action and GitLab's template, and the pre-commit hooks."""
import glob
import json
import os
import re
import shutil
import tempfile
import xml.dom.minidom

from pbtest import BUILD, PBC, ROOT, Skip, case, eq, has, main, run

SCRIPT = os.path.join(ROOT, ".ci/check-playbooks")
GOOD = """playbook tell {
  version  "1.0.0"
  summary  "Tell people"
  owner    "o@example.com"
  tier     manual
  controls ["SOC2-CC7.3"]

  when guardduty.finding as f
  where f.severity >= 5

  do slack.notify("#security", "${f.type}")

  record { affected_resource: f.arn }
}

test "people are told" for tell {
  given event "finding.json"
  expect outcome done
  expect do slack.notify
}
"""


def repository(d, text=GOOD):
    os.mkdir(os.path.join(d, "playbooks"))
    shutil.copy(os.path.join(ROOT, "playbooks/quarantine_instance.event.json"), os.path.join(d, "playbooks/finding.json"))
    with open(os.path.join(d, "playbooks/tell.pb"), "w", encoding="utf-8") as f:
        f.write(text)
    open(os.path.join(d, "pb.root"), "w", encoding="utf-8").close()


def check(d, *args, **env):
    full = {"PBC": PBC, "GITHUB_ACTIONS": "", "PB_SARIF": "", "PB_JUNIT": "", "PB_IAM": ""}
    full.update(env)
    return run([SCRIPT, *args], cwd=d, env=full)


@case("a good repository passes, with its reports")
def _():
    with tempfile.TemporaryDirectory() as d:
        repository(d)
        p = check(d, PB_SARIF="out.sarif", PB_JUNIT="out.xml")
        eq(p.returncode, 0, p.stdout + p.stderr)
        with open(os.path.join(d, "out.sarif"), encoding="utf-8") as f:
            eq(json.load(f)["runs"][0]["results"], [])
        suite = xml.dom.minidom.parse(os.path.join(d, "out.xml"))
        eq(len(suite.getElementsByTagName("testcase")), 1)
        eq(len(suite.getElementsByTagName("failure")), 0)


@case("a mistake is an annotation on GitHub, text elsewhere, and a failure in both")
def _():
    with tempfile.TemporaryDirectory() as d:
        repository(d, GOOD.replace("f.severity", "f.severty"))
        p = check(d, GITHUB_ACTIONS="true", PB_SARIF="out.sarif")
        eq(p.returncode, 1)
        assert re.search(r"^::error file=playbooks/tell\.pb,line=9,.*severty", p.stdout, re.M), p.stdout
        eq(p.stdout.count("::group::"), p.stdout.count("::endgroup::"))
        with open(os.path.join(d, "out.sarif"), encoding="utf-8") as f:
            eq(len(json.load(f)["runs"][0]["results"]), 1)
        p = check(d)
        eq((p.returncode, "::error" in p.stdout), (1, False))
        has(p.stderr, "playbooks/tell.pb:9:")


@case("layout, warnings, a failing test and grown privileges fail too")
def _():
    for change, what in ((("  where f", "      where   f"), "layout"), (('  owner    "o@example.com"\n', ""), "mistakes"), (("expect outcome done", "expect outcome failed"), "tests")):
        with tempfile.TemporaryDirectory() as d:
            repository(d, GOOD.replace(*change))
            p = check(d)
            eq(p.returncode, 1, what)
            has(p.stderr, "check-playbooks: " + what)
    with tempfile.TemporaryDirectory() as d:
        repository(d, GOOD.replace('  do slack', '  let users = aws.iam.ListUsers().Users.size()\n  where users > 0\n  do slack'))
        with open(os.path.join(d, "old.json"), "w", encoding="utf-8") as f:
            f.write('{"Version": "2012-10-17", "Statement": []}')
        p = check(d, PB_IAM="old.json")
        has(p.stderr, "privileges")
        assert p.returncode == 1, p.stderr


@case("without a compiler it says what to do")
def _():
    with tempfile.TemporaryDirectory() as d:
        p = check(d, PBC="/nowhere/pbc")
        eq(p.returncode, 2)
        has(p.stderr, "set PBC")


@case("the action and the templates are what their readers take")
def _():
    try:
        import yaml
    except ImportError as e:
        raise Skip("no python3-yaml") from e
    with open(os.path.join(ROOT, ".github/actions/playbooks/action.yml"), encoding="utf-8") as f:
        action = yaml.safe_load(f)
    eq(action["runs"]["using"], "composite")
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash" and "${{" not in step["run"], "inputs reach a shell only by the environment"
        eq(run(["bash", "-n"], stdin=step["run"]).returncode, 0)
    used = set(re.findall(r"inputs\.(\w+)", json.dumps(action)))
    eq(used, set(action["inputs"]))
    with open(os.path.join(ROOT, ".ci/gitlab-playbooks.yml"), encoding="utf-8") as f:
        job = yaml.safe_load(f)["playbooks"]
    eq(job["artifacts"]["reports"]["junit"], job["variables"]["PB_JUNIT"])
    for path in re.findall(r"\.ci/[\w-]+", json.dumps([action, job])):
        assert os.path.exists(os.path.join(ROOT, path)), path
    with open(os.path.join(ROOT, ".pre-commit-hooks.yaml"), encoding="utf-8") as f:
        hooks = yaml.safe_load(f)
    for hook in hooks:
        p = run([PBC, *hook["entry"].split()[1:], os.path.join(ROOT, "playbooks/report_root_login.pb")])
        eq(p.returncode, 0, p.stderr)


@case("pre-commit runs the hooks")
def _():
    if not shutil.which("pre-commit") or not shutil.which("git"):
        raise Skip("no pre-commit here")
    env = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    with tempfile.TemporaryDirectory() as d:
        env.update(PRE_COMMIT_HOME=os.path.join(d, "cache"), PATH="%s:%s" % (BUILD, os.environ["PATH"]))
        hooks, repo = os.path.join(d, "hooks"), os.path.join(d, "repo")
        for folder in (hooks, repo):
            os.mkdir(folder)
            run(["git", "init", "-q"], cwd=folder, env=env)
        shutil.copy(os.path.join(ROOT, ".pre-commit-hooks.yaml"), hooks)
        run(["git", "add", "-A"], cwd=hooks, env=env)
        eq(run(["git", "commit", "-qm", "hooks"], cwd=hooks, env=env).returncode, 0)
        repository(repo, GOOD.replace("f.severity", "f.severty"))
        run(["git", "add", "-A"], cwd=repo, env=env)
        p = run(["pre-commit", "try-repo", hooks, "--all-files", "--verbose"], cwd=repo, env=env)
        eq(p.returncode, 1, p.stdout + p.stderr)
        has(p.stdout, "severty")
        with open(os.path.join(repo, "playbooks/tell.pb"), "w", encoding="utf-8") as f:
            f.write(GOOD)
        run(["git", "add", "-A"], cwd=repo, env=env)
        p = run(["pre-commit", "try-repo", hooks, "--all-files"], cwd=repo, env=env)
        eq((p.returncode, p.stdout.count("Passed")), (0, 2), p.stdout + p.stderr)


assert glob.glob(SCRIPT)
main()
