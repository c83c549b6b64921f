"""pbrun runs and show: a run of every outcome, waiting, undone, killed; what is looked for and how it is laid out; texts of an attacker; colours on a
terminal only; removing old runs."""
# runs: sanitized
# speed: slow
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time

from history import HOSTILE, History
from pbtest import PBRUN, case, eq, has, main

h = History().fill()
STATES = {"done": "done", "skip": "skipped", "stop": "stopped", "fail": "failed", "denied": "denied", "undone": "undone", "ask": "waiting", "wait": "waiting",
          "orphaned": "orphaned"}
PLAIN = "<script>window.pwned=1</script>\"><img src=x onerror=window.pwned=2> ?[31mred?]0;title? ?evil ' OR 1=1 {{7*7}}"


def lines(*args):
    return [json.loads(line) for line in h.pbrun("runs", "--json", *args).stdout.splitlines()]


def story(kind, *args):
    return json.loads(h.pbrun("show", h.ids.get(kind, kind), "--json", *args).stdout)


def shape(text):
    """What is another each time made the same."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \(UTC\)", "DAY", text)
    text = re.sub(r"(?m)^\d\d:\d\d:\d\d\.\d{3}", "HH:MM:SS.mmm", text)
    text = re.sub(r"run-[0-9a-z]{26}", "RUN", text)
    text = re.sub(r"INC-[0-9A-F]{12}", "INC", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "SHA", text)
    text = re.sub(r"\b(i|snap|sg|vol|eni)-[0-9a-f]{17}", r"\1-ID", text)
    text = re.sub(r" +\d+(\.\d)? (ms|s)\b", " N ms", text)
    return re.sub(r"pid \d+ started \d+ boot \w+", "PROCESS", text.replace(PLAIN, "EVIL"))


@case("runs: each with its state, newest first; a table for people, JSON lines for programs")
def _():
    table = h.pbrun("runs").stdout.splitlines()
    eq(table[0].split(), ["RUN", "BEGAN", "STATE", "PLAYBOOK", "ABOUT"])
    rows = {r.split()[0]: r.split() for r in table[1:]}
    eq(len(rows), len(STATES))
    for kind, state in STATES.items():
        eq(rows[h.ids[kind]][4], state, kind)
    docs = lines()
    eq([d["id"] for d in docs], [r.split()[0] for r in table[1:]])
    eq([d["started"] for d in docs], sorted((d["started"] for d in docs), reverse=True))
    eq({d["id"]: d["state"] for d in docs}, {h.ids[k]: s for k, s in STATES.items()})
    waiting = [d for d in docs if d["id"] == h.ids["wait"]][0]
    eq((waiting["waits_for"], waiting["status"], waiting["account"]), (waiting["wake_at"], "waiting", "123456789012"))
    has([d for d in docs if d["id"] == h.ids["ask"]][0]["waits_for"], "approval of \"May I? ")
    has("\n".join(table), "its process is gone")


@case("runs: filters, each and together; what is no filter is refused")
def _():
    eq({d["id"] for d in lines("--status", "waiting")}, {h.ids["ask"], h.ids["wait"]})
    eq([d["id"] for d in lines("--status", "active")], [h.ids["orphaned"]])
    eq([d["id"] for d in lines("--status", "undone")], [h.ids["undone"]])
    eq([d["id"] for d in lines("--status", "denied")], [h.ids["denied"]])
    eq({d["state"] for d in lines("--playbook", "tagger")}, {"done", "denied", "undone"})
    eq([d["id"] for d in lines("--playbook", "tagger", "--status", "denied", "--since", "1h")], [h.ids["denied"]])
    eq(len(lines("--max", "2")), 2)
    incident = lines("--status", "failed")[0]["incident"]
    eq([d["id"] for d in lines("--incident", incident)], [h.ids["fail"]])
    eq(h.pbrun("runs", "--playbook", "nobody").stdout, "no such runs in this store\n")
    eq(h.pbrun("runs", "--playbook", "nobody", "--json").stdout, "")
    time.sleep(0.01)
    eq(lines("--since", "1ms"), [])
    for args, part in ((["--status", "sideways"], "not `sideways`"), (["--since", "yesterday"], "24h or 90d"), (["--max", "0"], "1 to 1000"), (["--max", "1001"], "1 to 1000"),
                       (["--max", "5x"], "1 to 1000"), (["RUN"], "pbrun show RUN"), (["--prune", "1d", "--status", "done"], "no filters")):
        has(h.pbrun("runs", *args, status=2).stderr, part)
    has(h.pbrun("runs", status=2, PB_STORE="").stderr, "--store")


DONE = """\
RUN  tagger 1.0.0  done
  incident  INC
  event     lab, Alert, e-EVIL
  threat    EVIL
  where     123456789012 us-east-1
  resource  EVIL
  image     SHA
  began     TIME, N ms ago; it took N ms
  outcome   done, remediated
  record    why: EVIL

DAY
HH:MM:SS.mmm  ok N ms  1      ec2.instance  i-ID
HH:MM:SS.mmm  ok N ms  2      ec2.tag  arn:aws:ec2:us-east-1:123456789012:instance/i-ID
                                                i-ID tagged Seen
HH:MM:SS.mmm  ok N ms  3      ebs.snapshot_volumes  arn:aws:ec2:us-east-1:123456789012:instance/i-ID
                                                snapshots snap-ID, snap-ID of i-ID taken
"""
UNDONE = """\
HH:MM:SS.mmm  -- taken up again by vm PROCESS
HH:MM:SS.mmm  -- is being undone
HH:MM:SS.mmm  ok N ms  u1.1   undo ec2.tag  arn:aws:ec2:us-east-1:123456789012:instance/i-ID
                                                tags of i-ID as before: Seen
HH:MM:SS.mmm  -- the undoing ends: undone

stays as it is: step 3 ebs.snapshot_volumes: the snapshots are evidence: they are kept
"""
ASK = """\
DAY
HH:MM:SS.mmm  ok N ms  1      aws.ec2.DescribeInstances and 1 more
HH:MM:SS.mmm  ok N ms  2      aws.ec2.DescribeTags and 2 more
HH:MM:SS.mmm  ok N ms  3      aws.ec2.DescribeInstances and 1 more
HH:MM:SS.mmm  waiting                  4      approval.ask
HH:MM:SS.mmm  -- asks for approval: May I? EVIL (1 needed, until TIME)

answer: pbrun approve RUN, or pbrun deny RUN --reason WHY
a link for one person: pbrun approve RUN --link --for NAME
after an answer it goes on, at the latest TIME: by itself where pbrun serve runs, else pbrun resume RUN
"""


@case("show: how a run is laid out that is done, one that was undone, and one that waits for an answer")
def _():
    eq(shape(h.pbrun("show", h.ids["done"]).stdout), DONE)
    text = shape(h.pbrun("show", h.ids["undone"]).stdout)
    host = os.uname().nodename
    eq(text[text.index("HH:MM:SS.mmm  --"):].replace(host, "vm"), UNDONE)
    text = shape(h.pbrun("show", h.ids["ask"]).stdout)
    eq(text[text.index("DAY"):], ASK)
    has(text, "\n  waits for approval of \"May I? ")


@case("show: the other outcomes, with what is to be known of each")
def _():
    for kind, parts in (("skip", ["skipped", "i.id == \"i-another\""]), ("stop", ["outcome   stopped: not today: " + PLAIN, "nothing was done"]),
                        ("fail", ["outcome   failed (InvalidInstanceID.NotFound)", "  failed "]),
                        ("denied", ["outcome   denied (kill_switch)", "drill " + PLAIN, "-- kill_switch holds back ec2.tag"]),
                        ("wait", ["wait.for", "it goes on 2", "2:0.1 ", "2:1.1 "]), ("orphaned", ["orphaned", "its process is gone", "unanswered"])):
        text = h.pbrun("show", h.ids[kind]).stdout
        for part in parts:
            has(text, part)


@case("show --json: the same for programs, with every text as it was")
def _():
    done = story("done")
    eq((done["run"]["state"], done["run"]["resource"], done["event"]["id"], done["record"]), ("done", HOSTILE, "e-" + HOSTILE, {"why": HOSTILE}))
    eq([(s["id"], s["name"], s["kind"], s["status"], s["effect"]) for s in done["steps"]],
       [("1", "ec2.instance", "read", "succeeded", "read"), ("2", "ec2.tag", "do", "succeeded", "contain"), ("3", "ebs.snapshot_volumes", "do", "succeeded", "contain")])
    tag = [c for c in done["steps"][1]["calls"] if c["name"] == "aws.ec2.CreateTags"][0]
    eq((tag["effect"], tag["http_status"], tag["account"], type(tag["took_ms"])), ("contain", 200, "123456789012", int))
    eq((done["notes"], done["next"], done["approvals"], "evidence" in done), ([], [], [], False))
    undone = story("undone", "--full")
    eq([s["kind"] for s in undone["steps"]], ["read", "do", "do", "undo"])
    eq([n["kind"] for n in undone["notes"]], ["resumed", "undo", "undone"])
    eq([d.get("undo_of") for d in undone["evidence"]], [None, h.ids["undone"]])
    eq(undone["event"]["body"]["detail"]["kind"], "done")
    wait = story("wait")
    eq([(s["id"], s["status"], len(s["calls"])) for s in wait["steps"]], [("1", "succeeded", 2), ("2:0.1", "succeeded", 3), ("2:1.1", "succeeded", 3), ("3", "waiting", 1)])
    eq(story("orphaned")["steps"][-1]["calls"][-1]["status"], "unanswered")
    ask = story("ask")
    eq([(a["state"], a["question"], a["decisions"]) for a in ask["approvals"]], [("open", "May I? " + HOSTILE, [])])


@case("show --full: the calls inside the steps, and the whole event")
def _():
    text = h.pbrun("show", "--full", h.ids["done"]).stdout
    for part in ("aws.ec2.CreateTags", "request ", "123456789012 us-east-1", "\"detail-type\":\"Alert\""):
        has(text, part)


@case("which run: the beginning of an id, latest, an incident, an approval; a slip is told what is near")
def _():
    full = h.ids["fail"]
    others = [i for k, i in h.ids.items() if k != "fail"]
    short = next(full[:n] for n in range(5, 31) if not any(o.startswith(full[:n]) for o in others))
    for what in (short, short[4:], full[4:]):
        eq(story(what)["run"]["id"], full, what)
    eq(story("latest")["run"]["id"], h.ids["orphaned"])
    incident = story("fail")["run"]["incident"]
    eq(story(incident)["run"]["id"], full)
    both = story("done")["run"]["incident"]
    texts = h.pbrun("show", both, "--json").stdout.splitlines()
    eq([json.loads(t)["run"]["state"] for t in texts], ["done", "denied"])
    eq(story(story("ask")["approvals"][0]["id"])["run"]["id"], h.ids["ask"])
    slip = full[:-1] + ("0" if full[-1] != "0" else "1")
    has(h.pbrun("show", slip, status=2).stderr, "did you mean %s?" % full)
    for what, part in (("run-", "stands for several runs: "), ("INC-000000000000", "there is no run"), ("nonsense", "the newest is " + h.ids["orphaned"]), ("", "there is no run"),
                       ("run-%", "there is no run")):
        has(h.pbrun("show", what, status=2).stderr, part)
    has(h.pbrun("show", status=2).stderr, "which run?")
    has(h.pbrun("show", "latest", status=2, PB_STORE="sqlite:" + os.path.join(h.dir, "empty.db")).stderr, "there is no store at")
    assert not os.path.exists(os.path.join(h.dir, "empty.db")), "a misspelt path has made a store"


def terminal(*args, columns=80, **env):
    """What the command writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    full = dict(os.environ, TERM="xterm", PB_STORE=h.store, **env)
    full.pop("NO_COLOR", None) if "NO_COLOR" not in env else None
    p = subprocess.Popen([PBRUN, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=full)
    os.close(theirs)
    out = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    eq(p.wait(), 0, out.decode())
    os.close(ours)
    return out.decode()


@case("an attacker's text cannot steer a terminal; colours on a terminal only, lines cut to its width there")
def _():
    control = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
    for args in (["runs"], ["show", h.ids["done"]], ["show", "--full", h.ids["denied"]], ["show", h.ids["ask"]]):
        eq(control.findall(h.pbrun(*args).stdout), [], str(args))
        eq(control.findall(h.pbrun(*args, TERM="xterm", CLICOLOR_FORCE="1").stdout), [], str(args))
        shown = terminal(*args)
        has(shown, "\x1b[")
        bare = re.sub("\x1b\\[[0-9;]*m", "", shown).replace("\r\n", "\n")
        eq(control.findall(bare), [], str(args))
        if "--full" not in args:
            body, _, after = bare.partition("\nanswer: ")
            eq(max(len(line) for line in body.split("\n")) <= 80, True, str(args))
            if h.ids["ask"] in args:  # commands to be copied are whole
                has(after, "pbrun deny %s --reason WHY\n" % h.ids["ask"])
        eq("\x1b" in terminal(*args, NO_COLOR="1"), False, str(args))


@case("an answered approval: who, how and why stand in the line of time")
def _():
    h.pbrun("deny", h.ids["ask"], "--reason", "not now " + HOSTILE, "--yes")
    eq(story("ask")["approvals"][0]["state"], "denied")
    h.pbrun("resume", "-q", h.ids["ask"], status=None)
    notes = story("ask")["notes"]
    eq([n["kind"] for n in notes], ["approval_asked", "denies", "approval", "resumed"])
    has(notes[1]["text"], "me denies, via cli: not now " + HOSTILE)
    has(h.pbrun("show", h.ids["ask"]).stdout, "-- me denies, via cli: not now " + PLAIN)


@case("the kill switch as it was set meanwhile is in the line of time of whom it concerns")
def _():
    h.pbrun("kill-switch", "on", "--reason", "for the waiter", "--scope", "playbook:waiter")
    h.pbrun("kill-switch", "off", "--reason", "over", "--scope", "playbook:waiter")
    eq([n["text"].split(" by ")[0] for n in story("wait")["notes"]], ["kill switch (playbook:waiter): on", "kill switch (playbook:waiter): off"])
    eq(story("done")["notes"], [])


@case("evidence that cannot be read is said, not guessed")
def _():
    before = h.sql("SELECT evidence FROM runs WHERE id=?", h.ids["stop"])[0][0]
    h.sql("UPDATE runs SET evidence='{\"broken' WHERE id=?", h.ids["stop"])
    has(h.pbrun("show", h.ids["stop"], status=1).stderr, "evidence of %s cannot be read" % h.ids["stop"])
    h.sql("UPDATE runs SET evidence=? WHERE id=?", before, h.ids["stop"])


@case("runs --prune removes what ended long ago, and says how much; what waits stays")
def _():
    eq(h.pbrun("runs", "--prune", "1h").stdout, "removed: 0 runs, and 0 handled events and used keys\n")
    h.sql("UPDATE runs SET ended=ended-90000000, started=started-90000000 WHERE ended>0 AND id<>?", h.ids["done"])
    gone = h.sql("SELECT count(*) FROM runs WHERE ended>0 AND id<>?", h.ids["done"])[0][0]
    eq(json.loads(h.pbrun("runs", "--prune", "1d", "--json").stdout)["removed"]["runs"], gone)
    eq({d["id"] for d in lines()}, {h.ids["done"], h.ids["wait"], h.ids["orphaned"]})
    eq(h.sql("SELECT count(*) FROM approvals")[0][0], 0)
    has(h.pbrun("show", h.ids["stop"], status=2).stderr, "there is no run")
    h.close()


main()
