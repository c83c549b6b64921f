#!/usr/bin/python3
"""Kills pbrun wherever it can be killed, and looks whether anything is lost or done twice: `make crash`.

For each scenario (each playbook of the library; one with an approval: granted, denied, expired; each undone again; one that fails and takes itself back) there is first the
undisturbed run. Then, for each place, a fresh account, the same scenario with the process killed there, and whatever a machine would do that comes up
again: `pbrun resume`, or the same command once more where the run had not begun. In a share of the cases the second process is killed too. At the end
the account, the effects, the messages and the evidence are held against the undisturbed run's.

Ways to die (a case is scenario/stage/way/N, with /M: the process that takes it up dies at the M-th place; give it with --case to see it again):
    point   PB_CRASH_AT=N: before and after each durable write of the store, before each call is sent, when its answer arrives
    early   while the N-th request is under way: the account gets it after the process has died
    done    the account has done it, the answer never arrives
    never   the account never gets it
    slack   while the N-th message is being posted: it is there, the answer never arrives
    call    before the N-th system call that writes, syncs, cuts or removes a file, or sends or receives; half a write where N is odd
and ways to suffer:
    sync    the N-th fsync fails, and all after it
    full    from the N-th write to a file on the disk is full
    disk    the store's file system (a small tmpfs) has N KB left; needs root
After these two the program has to stop by itself, cleanly and with a sentence; it is resumed when the disk is well again.

What may differ: times and the ids of runs and approvals. How often something was only read, or sent again without changing anything, is not an
effect. Messages where Slack cannot be looked through (an incoming webhook) may come twice (DURABLE.md): they are a scenario of their own and counted.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pwd
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
from fakeslack import FakeSlack  # noqa: E402
from lab import ACCOUNT, KEY, NAMES, PBRUN, PLAYBOOKS, REGION, SECRET, Lab, Proxy  # noqa: E402

APPROVED = os.path.join(HERE, "approved_stop.pb")
TERMINATE = os.path.join(PLAYBOOKS, "terminate_instance.pb")
# What the library's playbook that asks needs of a site: whoever runs this may decide (two must agree, so it is not granted here).
SITE = """
site {
  person "me" { login: "LOGIN" }
  group  "secops-oncall" { people: ["me", "other"] }
  group  "secops-leads" { people: ["other"] }
  person "other" { login: "somebody-else" }
  approvals { by: "secops-oncall" }
}
"""
LIMIT = 60          # seconds a process may take
RECOVERIES = 8      # processes that may be needed after a kill
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
WAYS = ("point", "early", "done", "never", "slack", "call", "sync", "full", "disk")
ACTIVE, WAITING, ENDED, UNDOING, UNDONE = range(5)


class Diverged(Exception):
    pass


# ---- scenarios ----

class Scenario:
    def __init__(self, name, playbook, event, stages, webhook=False, ends=(0, 3)):
        self.name, self.playbook, self.event, self.stages, self.webhook, self.ends = name, playbook, event, stages, webhook, ends
        self.want = None   # what the undisturbed run left
        self.places = {}   # (stage index, way): how many


def scenarios():
    """By name. Every playbook of the library has to be there."""
    library = sorted(f[:-3] for f in os.listdir(PLAYBOOKS) if f.endswith(".pb") and not f.endswith("_test.pb") and f != "guards.pb")
    if sorted(NAMES + ["terminate_instance"]) != library:
        raise SystemExit("crash: the laboratory knows %s, the library has %s" % (sorted(NAMES), library))
    found = []
    for n in NAMES:
        path = os.path.join(PLAYBOOKS, n + ".pb")
        found.append(Scenario(n, path, n, ["run"]))
        if n != "report_root_login":
            found.append(Scenario(n + "+undo", path, n, ["run", "undo"]))
    found += [
        Scenario("terminate_instance", TERMINATE, "terminate_instance", ["run", "expire", "resume"]),
        Scenario("terminate_instance+denied", TERMINATE, "terminate_instance", ["run", "deny", "resume"]),
        Scenario("granted", APPROVED, "quarantine_instance", ["run", "approve", "resume", "later", "resume"]),
        Scenario("denied", APPROVED, "quarantine_instance", ["run", "deny", "resume"]),
        Scenario("expired", APPROVED, "quarantine_instance", ["run", "expire", "resume"]),
        Scenario("granted+undo", APPROVED, "quarantine_instance", ["run", "approve", "resume", "later", "resume", "undo"]),
        Scenario("undone_on_failure", os.path.join(HERE, "undone_on_failure.pb"), "quarantine_instance", ["run"], ends=(1,)),
        Scenario("webhook", os.path.join(PLAYBOOKS, "report_root_login.pb"), "report_root_login", ["run"], webhook=True),
    ]
    return {s.name: s for s in found}


# ---- one account, one store ----

class Base:
    """The account as it is before anything happens, as a file."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "base.db")
        lab = Lab(state=self.path, extra=["--seed", "crash"])
        try:
            lab.set_up()
            self.events = lab.events
        finally:
            lab.close()
        self.shown = show(self.path)
        self.asking = {}  # the playbooks that ask: whoever runs this may decide
        for path, site in ((APPROVED, ""), (TERMINATE, SITE)):
            self.asking[path] = os.path.join(directory, os.path.basename(path))
            with open(path, encoding="utf-8") as f, open(self.asking[path], "w", encoding="utf-8") as out:
                out.write((f.read() + site).replace("LOGIN", pwd.getpwuid(os.getuid()).pw_name))


def show(state):
    return json.loads(subprocess.run([PBRUN, "sim", "--state", state, "--show"], capture_output=True, text=True, check=True, timeout=LIMIT).stdout)


def quiet(owner):
    """A client that was killed is no news."""
    owner.server.handle_error = lambda *_: None
    return owner


class World:
    """A fresh account, a store and a Slack; the processes of one case run in it."""

    def __init__(self, base, scenario, shim):
        self.base, self.scenario, self.shim = base, scenario, shim
        self.dir = tempfile.mkdtemp(prefix="crash.", dir=MEMORY)
        self.state, self.data = os.path.join(self.dir, "account.db"), os.path.join(self.dir, "data")
        self.store, self.evidence = os.path.join(self.data, "store.db"), os.path.join(self.data, "evidence")
        self.mounted = False
        os.mkdir(self.data)
        shutil.copy(base.path, self.state)
        self.sim = subprocess.Popen([PBRUN, "sim", "--port", "0", "--state", self.state, "--seed", "crash", "--account", ACCOUNT, "--region", REGION,
                                     "--access-key", KEY, "--secret-key", SECRET], stdout=subprocess.PIPE, text=True)
        self.url = self.sim.stdout.readline().split()[-1]
        self.slack = quiet(FakeSlack())
        self.process, self.told, self.log = None, [], []
        self.playbook = base.asking.get(scenario.playbook, scenario.playbook)

    def close(self, keep=False):
        self.sim.kill()
        self.sim.wait()
        self.sim.stdout.close()
        self.slack.close()
        if self.mounted:
            subprocess.run(["umount", self.data], check=False)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def small_disk(self, left_kb):
        """The store and the evidence get a file system of their own with so much room."""
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", self.data], capture_output=True, check=False)
        self.mounted = made.returncode == 0
        if not self.mounted:
            return False
        self.filler = os.path.join(self.data, "filler")
        with open(self.filler, "wb") as f:
            f.write(b"\0" * ((8192 - left_kb) * 1024))
        return True

    def pbrun(self, *args, stdin=None, url=None, env=()):
        full = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_", "PB_STORE", "PB_CRASH", "SHIM_"))}
        full.update(AWS_ENDPOINT_URL=url or self.url, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_EC2_METADATA_DISABLED="true", AWS_REGION=REGION,
                    AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null", **self.slack.env())
        if self.scenario.webhook:
            del full["SLACK_BOT_TOKEN"]
            full["SLACK_WEBHOOK_URL"] = self.slack.origin + "/services/T0/B0/x"
        full.update(env)
        if any(k.startswith("SHIM_") for k in full):
            full["LD_PRELOAD"] = self.shim
        p = self.process = subprocess.Popen([PBRUN, *args, "--store", self.store], env=full, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = p.communicate(stdin, timeout=LIMIT)
        except subprocess.TimeoutExpired as e:
            p.kill()
            p.communicate()
            raise Diverged("pbrun %s did not end in %d s" % (args[0], LIMIT)) from e
        self.log.append("$ pbrun %s %s\n%s%s-> %d" % (" ".join(args), dict(env) or "", out, err, p.returncode))
        self.told += [json.loads(t) for t in re.findall(r"^pbrun: the evidence was: (.*)$", err, re.M)]
        if p.returncode < 0 and p.returncode != -signal.SIGKILL:
            raise Diverged("pbrun %s died of signal %d: %s" % (args[0], -p.returncode, err[-1000:]))
        if p.returncode == 5 or "internal error" in err:
            raise Diverged("pbrun %s: internal error: %s" % (args[0], err[-1000:]))
        return p.returncode, err

    # ---- stages ----

    def do(self, stage, **more):
        """One process of a stage; (status, standard error)."""
        if stage == "run":
            return self.pbrun("run", "-q", "-p", self.playbook, "-e", "-", "--evidence", self.evidence, stdin=json.dumps(self.base.events[self.scenario.event]), **more)
        if stage == "resume":
            return self.pbrun("resume", "-q", "--evidence", self.evidence, **more)
        if stage in ("approve", "deny"):
            return self.pbrun(stage, self.row()[0], "--yes", "--reason", "as agreed", **more)
        if stage == "undo":
            return self.pbrun("undo", "-q", self.row()[0], "--evidence", self.evidence, **more)
        if stage == "later":
            while (self.sql("SELECT max(due_at) FROM runs")[0][0] or 0) > time.time() * 1000:  # it may have ended already
                time.sleep(0.05)
        elif stage == "expire":
            self.sql("UPDATE approvals SET asked = asked - 1800000, expires = expires - 1800000")
            self.sql("UPDATE runs SET wake_at = wake_at - 1800000, due_at = due_at - 1800000 WHERE wake_at > 0")
        return 0, ""

    def sql(self, text):
        if not os.path.exists(self.store):
            return []
        db = sqlite3.connect(self.store, timeout=10)
        try:
            rows = db.execute(text).fetchall()
            db.commit()
            return rows
        except sqlite3.OperationalError as e:
            if "no such table" in str(e):
                return []  # killed before the store was made
            raise
        finally:
            db.close()

    def row(self):
        """(id, status, outcome, code) of the run; None: it has not begun."""
        rows = self.sql("SELECT id, status, outcome, code FROM runs")
        if len(rows) > 1:
            raise Diverged("the event has %d runs" % len(rows))
        return rows[0] if rows else None

    def settle(self, stage, second=None):
        """After a process of this stage has died: what is done when the machine is up again. second: what befalls the first process of these."""
        for _ in range(RECOVERIES):
            row, more = self.row(), second or {}
            second = None
            if row is None:
                if stage != "run":
                    raise Diverged("the run is gone from the store")
                if self.effects() or self.slack.messages:
                    raise Diverged("something was done for a run that is not in the store: %s" % self.effects())
                status, err = self.do("run", **more)
            elif row[1] in (ACTIVE, UNDOING):
                status, err = self.do("resume", **more)
            elif stage in ("approve", "deny") and self.sql("SELECT count(*) FROM approvals WHERE state = 'open'")[0][0]:
                status, err = self.do(stage, **more)
            elif stage == "undo" and row[1] == ENDED:
                status, err = self.do("undo", **more)
            elif stage == "resume" and row[1] == WAITING and self.sql("SELECT count(*) FROM runs WHERE due_at <= %d" % (time.time() * 1000))[0][0]:
                status, err = self.do("resume", **more)
            else:
                return
            if more and status != -signal.SIGKILL and "env" not in more:
                raise Diverged("status %d: %s" % (status, err[-500:]))
        raise Diverged("still not settled after %d processes: %s" % (RECOVERIES, row))

    # ---- what there is at the end ----

    def effects(self):
        """Calls that have changed something, by operation."""
        before, now = self.base.shown["calls"], show(self.state)["calls"]
        changed = {k: v["changed"] - before.get(k, {"changed": 0})["changed"] for k, v in now.items()}
        return {k: n for k, n in changed.items() if n}

    def sent(self):
        before, now = self.base.shown["calls"], show(self.state)["calls"]
        return {k: v["count"] - before.get(k, {"count": 0})["count"] for k, v in now.items()}

    def documents(self):
        path = os.path.join(self.evidence, "evidence.jsonl")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def result(self):
        """Everything that has to be the same, without times and ids of runs."""
        # (CloudTrail's history has every call: the counts of effects stand for it.)
        account = [r for r in show(self.state)["resources"] if not r["kind"].startswith("cloudtrail.")]
        # A run that could not be put in the store does not begin (DURABLE.md); what it leaves is that it failed for that reason.
        # What could not be logged was told; it is logged all the same when its run is taken up once more.
        logged = self.documents()
        told = [d for d in self.told if not any((d["run_id"], d["started_at"]) == (x["run_id"], x["started_at"]) for x in logged)]
        self.only_told = len(told)
        documents = [d for d in logged + told if not ((d["reason"] or {}).get("code") == "store" and "was not begun" in d["reason"]["message"])]
        rows = self.sql("SELECT status, outcome, code, waits_for, lease_until, owner FROM runs")
        return {
            "account": plain(sorted(account, key=lambda r: json.dumps(r, sort_keys=True))),
            "effects": self.effects(),
            "messages": sorted(json.dumps(plain([c, m.get("text"), m.get("blocks")]), sort_keys=True) for (c, _), m in self.slack.messages.items()),
            "evidence": sorted((plain(essence(d)) for d in documents), key=json.dumps),
            "rows": rows, "targets": self.sql("SELECT target FROM targets"), "approvals": self.sql("SELECT round, state FROM approvals ORDER BY n"),
            "decisions": self.sql("SELECT person, verdict, via FROM decisions ORDER BY n"),
            "journal": [] if whole(self.sql("SELECT seq FROM journal ORDER BY seq")) else "has gaps",
            "integrity": self.sql("PRAGMA integrity_check"),
        }


def whole(rows):
    return [r[0] for r in rows] == list(range(1, len(rows) + 1))


def plain(value):
    """Without times, and ids that are new in every run."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if not isinstance(value, str):
        return value
    for pattern, word in NEW:
        value = pattern.sub(word, value)
    return value


NEW = [(re.compile(p), w) for p, w in ((r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"), (r"\b(run|apr)-[0-9a-z]{26}\b", r"<\1>"), (r"\b[0-9a-f]{64}\b", "<sha256>"),
                                       (r"<!date\^\d+\^[^>]*>", "<date>"), (r"\brequest id [0-9a-f-]{36}", "request id"), (r"\bbound to [0-9a-f]{12}\b", "bound to <sha256>"))]


def whole_step(step):
    return re.sub(r"~\d+", "", step)


def essence(d):
    """Of a document of evidence: the outcome, the record, and the chain of steps (which try of a step it was is not of the essence)."""
    def step(a):
        # Which of two undos of parallel steps comes first is as open as which of the steps did.
        return [a.get("undoes") or whole_step(a["step"]), a["action"], a["status"], a["effect"], a["target"], (a["error"] or {}).get("code")]
    return {"outcome": d["outcome"], "status": d["remediation_status"], "reason": d["reason"], "record": d.get("record"), "resource": d["affected_resource"],
            "undo_of": d.get("undo_of"), "not_undoable": [[whole_step(x["step"]), x["action"], x["why"]] for x in d.get("not_undoable") or []], "steps": sorted(step(a) for a in d["automated_actions"]),
            "reads": sorted({json.dumps(step(a)) for a in d["reads"]}),
            "approvals": [[a["state"], a["round"], [[x["person"], x["verdict"]] for x in a["decisions"]]] for a in d.get("approvals", [])]}


def without(a, b):
    """What a has more than b."""
    rest = list(b)
    return [x for x in a if x not in rest or rest.remove(x)]


def shown(x, other):
    """As short as it can be: of one thing on each side the members that differ, of a long text where it begins to."""
    if isinstance(x, list) and isinstance(other, list) and len(x) == len(other) == 1 and isinstance(x[0], dict) and isinstance(other[0], dict):
        x, other = {k: v for k, v in x[0].items() if v != other[0].get(k)}, {k: v for k, v in other[0].items() if v != x[0].get(k)}
    x, other = json.dumps(x, default=str), json.dumps(other, default=str)
    same = len(os.path.commonprefix([x, other]))
    return x[:300] if same < 250 else "..." + x[same - 100:same + 200]


def differences(got, want):
    for k in want:
        if got[k] != want[k]:
            g, w = got[k], want[k]
            if isinstance(w, list) and isinstance(g, list):
                g, w = without(g, w), without(w, g)
            yield "%s: %s instead of %s" % (k, shown(g, w), shown(w, g))


# ---- cases ----

class Case(collections.namedtuple("Case", "scenario stage way n second")):
    def __str__(self):
        return "%s/%d-%s/%s/%d%s" % (self.scenario.name, self.stage, self.scenario.stages[self.stage], self.way, self.n, "/%d" % self.second if self.second else "")


def killer(world, way, n):
    """The n-th request kills the process; the URL of the proxy that does it."""
    proxy = quiet(Proxy(world.url))

    def kill(forward):
        if way == "done":
            forward()
        world.process.kill()
        world.process.wait()
        if way == "early":
            forward()
    proxy.faults["*"] = [None] * (n - 1) + [kill]
    return proxy


def disturbed(world, case):
    """What a process of the case's stage is started with."""
    if case.way == "point":
        return {"env": {"PB_CRASH_AT": str(case.n)}}
    if case.way in ("call", "sync", "full"):
        return {"env": {"SHIM_" + {"call": "KILL", "sync": "SYNC", "full": "FULL"}[case.way]: str(case.n)}}
    if case.way == "slack":
        def kill():
            world.process.kill()
            world.process.wait()
        world.slack.faults["webhook" if case.scenario.webhook else "chat.postMessage"] = [None] * (case.n - 1) + [kill]
        return {}
    return {}


def end_well(world, case, status, err):
    """A process that has suffered from its disk: has it ended as it should?"""
    if status == 0 or status == world.scenario.want["statuses"][case.stage]:
        return
    if status not in (1, 2):
        raise Diverged("status %d: %s" % (status, err[-800:]))
    if not re.search(r"disk|room|no space|store|evidence", err):
        raise Diverged("no sentence about the disk: %s" % err[-800:])


def play(world, case=None):
    """Plays the scenario; the case's stage disturbed. Gives the statuses of the stages, and whether anything befell it."""
    statuses, hit = [], False
    for i, stage in enumerate(world.scenario.stages):
        if not case or case.stage != i:
            status, err = world.do(stage)
            if not case and status not in world.scenario.ends:
                raise Diverged("undisturbed, %s ends with status %d: %s" % (stage, status, err))
            statuses.append(status)
            continue
        more, proxy = disturbed(world, case), None
        if case.way in ("early", "done", "never"):
            proxy = killer(world, case.way, case.n)
            more = {"url": proxy.url}
        if case.way == "disk" and not world.small_disk(case.n):
            return statuses, False
        status, err = world.do(stage, **more)
        if proxy:
            proxy.server.shutdown()
            proxy.server.server_close()
        world.slack.faults.clear()
        hit = status == -signal.SIGKILL
        if case.way in ("sync", "full", "disk"):
            hit = status != 0
            end_well(world, case, status, err)
            if case.way == "disk":
                os.unlink(world.filler)
        world.settle(stage, {"env": {"PB_CRASH_AT": str(case.second)}} if case.second else None)
        statuses.append(status)
    return statuses, hit


def measure(world, scenario):
    """The undisturbed run; counts the places of each stage."""
    statuses = []
    for i, stage in enumerate(scenario.stages):
        count, calls = os.path.join(world.dir, "count"), os.path.join(world.dir, "calls")
        for f in (count, calls):
            if os.path.exists(f):
                os.unlink(f)
        proxy = quiet(Proxy(world.url))
        before = len(world.slack.calls)
        env = {"PB_CRASH_COUNT": count, **({"SHIM_COUNT": calls} if world.shim else {})}
        status, err = world.do(stage, url=proxy.url, env=env) if stage not in ("later", "expire") else world.do(stage)
        if status not in scenario.ends:
            raise Diverged("undisturbed, %s ends with status %d: %s" % (stage, status, err))
        proxy.server.shutdown()
        proxy.server.server_close()
        statuses.append(status)
        places = {"early": len(proxy.requests), "done": len(proxy.requests), "never": len(proxy.requests)}
        places["slack"] = sum(m in ("chat.postMessage", "webhook") for m, _ in world.slack.calls[before:])
        if os.path.exists(count):
            with open(count, encoding="utf-8") as f:
                places["point"] = int(f.read())
        if os.path.exists(calls):
            with open(calls, encoding="utf-8") as f:
                n = f.read().split()
            places["call"], places["sync"], places["full"] = map(int, n[:3])
        places["disk"] = 512 if stage == "run" and os.getuid() == 0 else 0
        scenario.places.update({(i, w): n for w, n in places.items()})
    scenario.want = {**world.result(), "statuses": statuses}


def check(case, base, shim, keep=False):
    """None, or what diverged; and what is worth counting."""
    world, why, counted = World(base, case.scenario, shim), None, {}
    try:
        _, hit = play(world, case)
        status, err = world.do("resume")
        if status != 0:
            raise Diverged("a last `pbrun resume` ends with status %d: %s" % (status, err[-500:]))
        want, got = dict(case.scenario.want), world.result()
        del want["statuses"]
        counted["hit"] = hit
        extra = len(got["messages"]) - len(want["messages"])
        if case.scenario.webhook and 0 < extra <= 1 + bool(case.second) and set(got["messages"]) == set(want["messages"]):
            counted["webhook messages doubled"] = extra
            got["messages"] = want["messages"]
        counted["evidence told, not logged"] = world.only_told
        why = "; ".join(differences(got, want)) or None
    except Exception as e:  # whatever it is, it is about this case
        why = "%s%s" % ("" if isinstance(e, Diverged) else type(e).__name__ + ": ", e)
    finally:
        if keep:
            print("\n".join(world.log))
            print("in %s" % world.dir)
        world.close(keep)
    return why, counted


def choose(all_scenarios, args, rng):
    """The cases of this run, in a random order."""
    cases = []
    for s in all_scenarios:
        for (stage, way), n in sorted(s.places.items()):
            if way not in args.ways:
                continue
            numbers = list(range(1, n + 1))
            most = {"call": args.calls, "full": args.calls, "disk": args.calls // 2}.get(way)
            if way == "disk":
                numbers = list(range(4, n + 1, 4))
            if most is not None and len(numbers) > most:
                numbers = rng.sample(numbers, most)
            for k in numbers:
                second = rng.randint(1, max(s.places.get((stage, "point"), 1), 2)) if way not in ("sync", "full", "disk") and rng.random() < args.second else 0
                cases.append(Case(s, stage, way, k, second))
    rng.shuffle(cases)
    return cases[:args.sample] if args.sample else cases


def find_case(text, all_scenarios):
    parts = text.split("/")
    stage = int(parts[1].split("-")[0])
    return Case(all_scenarios[parts[0]], stage, parts[2], int(parts[3]), int(parts[4]) if len(parts) > 4 else 0)


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=None, help="of what is chosen by chance")
    p.add_argument("--sample", type=int, default=0, help="so many cases only")
    p.add_argument("--only", action="append", default=[], help="scenarios with this in their name")
    p.add_argument("--ways", default=",".join(WAYS), type=lambda t: t.split(","), help="of: " + " ".join(WAYS))
    p.add_argument("--calls", type=int, default=30, help="of `call` and `full`: so many a stage (there are hundreds), of `disk` half of it")
    p.add_argument("--second", type=float, default=0.25, help="share of cases in which the process that takes over is killed too")
    p.add_argument("--jobs", type=int, default=4 * (os.cpu_count() or 1), help="cases at a time; most of their time is spent in the playbooks' own pauses")
    p.add_argument("--case", help="this case only, with what was said")
    return p.parse_args(argv)


def run(argv, say=print):
    """Gives (kill points, runs, divergences as [(case, why)], counted)."""
    args = arguments(argv)
    seed = args.seed if args.seed is not None else int(time.time())
    rng = random.Random(seed)
    directory = tempfile.mkdtemp(prefix="crash.", dir=MEMORY)
    shim = os.path.join(directory, "shim.so")
    try:
        if not args.case and not {"call", "sync", "full"} & set(args.ways):
            shim = None  # a program under a sanitizer cannot have it
        else:
            subprocess.run(["gcc", "-O1", "-fPIC", "-shared", "-D_GNU_SOURCE", "-o", shim, os.path.join(HERE, "shim.c"), "-ldl"], check=True)
        base = Base(directory)
        known = scenarios()
        wanted = [s for s in known.values() if (args.case and s.name == args.case.split("/")[0]) or (not args.case and (not args.only or any(o in s.name for o in args.only)))]
        say("seed %d; %d scenarios" % (seed, len(wanted)))
        lock, divergences, counted, done = threading.Lock(), [], collections.Counter(), [0]

        def undisturbed(s):
            world = World(base, s, shim)
            try:
                measure(world, s)
            except Diverged as e:
                raise Diverged("%s: %s" % (s.name, e)) from e
            finally:
                world.close()

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(undisturbed, wanted))
            points = sum(n for s in wanted for (_, w), n in s.places.items() if w in ("point", "early", "done", "never", "slack"))
            if args.case:
                case = find_case(args.case, known)
                why, _ = check(case, base, shim, keep=True)
                say("%s: %s" % (case, why or "as undisturbed"))
                return points, 1, [(str(case), why)] if why else [], counted
            cases = choose(wanted, args, rng)
            for s in wanted:
                say("%-28s %s" % (s.name, "  ".join("%s %s" % (st, " ".join("%s %d" % (w, s.places[i, w]) for w in WAYS if s.places.get((i, w)))) for i, st in enumerate(s.stages))))

            def one(case):
                why, c = check(case, base, shim)
                with lock:
                    done[0] += 1
                    counted.update({k: int(v) for k, v in c.items()})
                    counted[case.way] += 1
                    if why:
                        divergences.append((str(case), why))
                        say("DIVERGES %s: %s\n    again: tests/crash/crash.py --case %s" % (case, why, case))
                    if done[0] % 200 == 0:
                        say("... %d of %d" % (done[0], len(cases)))

            list(pool.map(one, cases))
        return points, done[0], divergences, counted
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main():
    start = time.time()
    points, runs, divergences, counted = run(sys.argv[1:], lambda *a: print(*a, flush=True))
    print("runs by way: " + ", ".join("%s %d" % (w, counted[w]) for w in WAYS if counted[w]))
    print("processes killed or stopped %d; webhook messages that came twice %d; evidence told because it could not be logged %d; %.0f s"
          % (counted["hit"], counted["webhook messages doubled"], counted["evidence told, not logged"], time.time() - start))
    print("kill points %d, runs %d, divergences %d" % (points, runs, len(divergences)))
    return 1 if divergences else 0


if __name__ == "__main__":
    sys.exit(main())
