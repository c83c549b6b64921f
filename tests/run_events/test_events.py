"""pbrun run as its callers see it: events good and bad, results, evidence, parameters, signals, progress.

# speed: slow
# runs: sanitized
"""
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import termios
import time

from pbtest import PBC, PBRUN, ROOT, Skip, case, eq, has, main, run, tempdir

DIR = tempdir()
BOOK = os.path.join(DIR, "lab.pb")
SANITIZED = "san" in os.path.basename(os.path.dirname(PBRUN)) or "/bs_" in PBRUN
with open(BOOK, "w", encoding="utf-8") as out:
    out.write('''
type Alert { id: string?  severity: int?  kind: string?  host: string? }
event lab.alert { source "lab"  detail_type "Alert"  schema Alert  id "id"  threat "kind" }

playbook severe {
  version "1.0.0"
  summary "Acts on severe alerts"
  owner "lab@example.com"
  tier auto
  controls ["LAB-1"]
  when lab.alert as a
  where a.severity > 5
  let at = now()
  where a.kind != "skip"
  if a.kind == "stop" { stop "told to by ${a.id ?? "?"}" }
  if a.kind == "wait" { do pause(20s) }
  if a.kind == "tell" { do slack.notify("#lab", "host ${a.host ?? "?"}") }
  do pause(1ms)
  record { affected_resource: a.host  seen: at }
}

playbook watcher {
  version "1.0.0"
  summary "Looks at all alerts"
  owner "lab@example.com"
  tier manual
  controls []
  when lab.alert as a
  record { affected_resource: a.host }
}
''')


def alert(number=1, **detail):
    detail = dict({"id": "a%d" % number, "severity": 9, "kind": "x", "host": "h%d" % number}, **detail)
    return {"version": "0", "id": "e%d" % number, "source": "lab", "detail-type": "Alert", "account": "123456789012", "region": "eu-west-1",
            "time": "2026-01-02T03:04:05Z", "detail": detail}


def write(name, text):
    path = os.path.join(DIR, name)
    with open(path, "w" if isinstance(text, str) else "wb") as f:
        f.write(text)
    return path


def lines(*events):
    return "".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in events)


def fire(text, *options, status=0, book=BOOK, env=None, event="-"):
    p = run([PBRUN, "run", "-p", book, "-e", event] + list(options), stdin=text, env=env)
    if p.returncode != status:
        raise AssertionError("status %d, want %d: %s%s" % (p.returncode, status, p.stdout[-1000:], p.stderr[-2000:]))
    return p


def results(p):
    return [json.loads(l) for l in p.stdout.splitlines()]


def evidence_of(path):
    with open(os.path.join(path, "evidence.jsonl"), encoding="utf-8") as f:
        text = f.read()
    assert text == "" or text.endswith("\n"), "the last line is torn"
    return [json.loads(l) for l in text.splitlines()]


def summary(p):
    return [(r["event_number"], r["playbook"]["name"] if r["matched"] else None, r.get("outcome")) for r in results(p)]


# ---- events ----

@case("an event that a playbook matches: one line a run")
def _():
    p = fire(json.dumps(alert(), indent=2))
    eq(len(p.stdout.splitlines()), 2)
    assert re.match(r"severe  INC-[0-9A-F]{12}  reported  h1  \d+ ms$", p.stdout.splitlines()[0]), p.stdout
    eq(p.stderr.count("begins"), 2)


@case("unknown source, unknown detail type, no condition that holds: said, status 0")
def _():
    p = fire(lines({"source": "elsewhere", "detail-type": "T", "detail": {}}, dict(alert(), **{"detail-type": "Other"})))
    eq(p.stdout.splitlines(), ['event 1: nothing to do: no playbook listens to source "elsewhere"',
                               'event 2: nothing to do: no playbook listens to detail type "Other" of source "lab"'])
    only = write("only.pb", open(BOOK, encoding="utf-8").read().split("playbook watcher")[0])
    has(fire(lines(alert(severity=1)), book=only).stdout, "no condition of the 1 playbook for it holds")


@case("bad events among good ones: each is told with its place, the others run, status 1")
def _():
    text = lines(alert(1), "{\"source\": \"lab\", ", alert(3), "hello", {"detail": 1}, alert(6), "[" * 100 + "]" * 100, alert(8))
    p = fire(text, "--json", status=1)
    eq(summary(p), [(1, "severe", "done"), (1, "watcher", "done"), (2, None, None), (3, "severe", "done"), (3, "watcher", "done"), (4, None, None), (5, None, None),
                    (6, "severe", "done"), (6, "watcher", "done"), (7, None, None), (8, "severe", "done"), (8, "watcher", "done")])
    for n in (2, 4, 5, 7):
        has(p.stderr, "standard input: event %d (line %d): " % (n, n))
    has(p.stderr, 'no "source"')
    has(p.stderr, "deep")


@case("too large, and the next one all the same")
def _():
    p = fire(lines(alert(1, host="x" * (5 << 20)), alert(2)), "--json", status=1)
    eq(summary(p), [(1, None, None), (2, "severe", "done"), (2, "watcher", "done")])
    has(p.stderr, "larger than 4 MB")


@case("a bare finding is recognised")
def _():
    p = fire(json.dumps({"schemaVersion": "2.0", "accountId": "1", "type": "Recon:X", "id": "f"}), status=1)
    has(p.stderr, "it looks like a bare GuardDuty finding")


@case("no event at all, a file that is not there, a directory")
def _():
    has(fire("  \n", status=1).stderr, "standard input holds no event")
    has(fire("", event="/nowhere.json", status=2).stderr, "cannot open /nowhere.json: No such file")
    has(fire("", event=DIR, status=1).stderr, "Is a directory")


@case("not UTF-8, numbers out of range, deep values: no crash, a message each")
def _():
    p = fire(lines(json.dumps(alert(1)).replace("h1", "\udcff")).encode("utf-8", "surrogateescape").decode("latin-1") + lines(alert(2)), "--json")
    eq(summary(p)[-1], (2, "watcher", "done"))
    raw = subprocess.run([PBRUN, "run", "-p", BOOK, "-e", "-", "-q"], input=b'{"source": "lab\xff"}\n', capture_output=True, check=False)
    eq(raw.returncode, 1)
    p = fire(lines(json.dumps(alert(1)).replace("9", "9" * 400), alert(2)), "--json", status=1)
    eq(summary(p)[-1], (2, "watcher", "done"))


@case("a condition that cannot be decided fails the run, leaves evidence, and the others go on")
def _():
    d = os.path.join(DIR, "undecided")
    p = fire(lines(alert(1, severity="high")), "--json", "--evidence", d, status=1)
    eq(summary(p), [(1, "severe", "failed"), (1, "watcher", "done")])
    eq([e["reason"]["code"] for e in evidence_of(d) if e["outcome"] == "failed"], ["could_not_decide"])


@case("standard input is read as it comes")
def _():
    p = subprocess.Popen([PBRUN, "run", "-p", BOOK, "-e", "-", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for n in (1, 2):
        p.stdin.write(json.dumps(alert(n, severity=1)) + "\n")
        p.stdin.flush()
        assert select.select([p.stdout], [], [], 10)[0], "no result before the input ended"
        has(p.stdout.readline(), "watcher")
    p.stdin.close()
    eq(p.wait(10), 0)


@case("500 events at once: all reported, in order, the same finding the same incident")
def _():
    out = results(fire(lines(*[alert(n % 50) for n in range(500)]), "--json", "-q"))
    eq([r["event_number"] for r in out], [n for n in range(1, 501) for _ in (0, 1)])
    eq(len({r["incident_id"] for r in out}), 50)
    eq(len({r["run_id"] for r in out}), 1000)


@case("an event without valid account and region is handled, with a note")
def _():
    e = dict(alert(), account="12", region="../evil")
    p = fire(lines(e), "--json")
    eq([(r["account"], r["region"]) for r in results(p)], [(None, None)] * 2)
    has(p.stderr, "the event has no valid account and region")


# ---- outcomes and evidence ----

@case("every outcome leaves evidence that fits the schema")
def _():
    import jsonschema
    with open(os.path.join(ROOT, "tests/run_events/evidence.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    d = os.path.join(DIR, "outcomes")
    fire(lines(alert(1), alert(2, kind="skip"), alert(3, kind="stop"), alert(4, kind="tell")), "--evidence", d, status=1,
         env={"SLACK_BOT_TOKEN": "xoxb-SECRET", "SLACK_API_URL": "http://127.0.0.1:9"})
    fire(lines(alert(5, kind="tell")), "--evidence", d, "--dry-run")
    docs = [e for e in evidence_of(d) if e["playbook"]["name"] == "severe"]
    for e in docs:
        jsonschema.validate(e, schema)
    got = {e["original_alert_id"]: (e["outcome"], e["remediation_status"]) for e in docs}
    eq(got, {"a1": ("done", "reported"), "a2": ("skipped", "skipped"), "a3": ("stopped", "stopped"), "a4": ("failed", "failed"), "a5": ("done", "planned")})
    by = {e["original_alert_id"]: e for e in docs}
    has(by["a2"]["reason"]["message"], 'a.kind != "skip"')
    has(by["a2"]["reason"]["place"], "lab.pb:")
    has(by["a3"]["reason"]["message"], "told to by a3")
    call = by["a4"]["automated_actions"][0]
    eq((call["action"], call["status"], call["calls"][0]["operation"]), ("slack.notify", "failed", "slack.post"))
    eq(by["a1"]["affected_resource"], "h1")
    eq(by["a1"]["compliance_tags"], ["LAB-1"])
    eq([r["action"] for r in by["a1"]["reads"]], ["now"])
    eq(by["a1"]["detected_at"], "2026-01-02T03:04:05Z")
    assert "SECRET" not in open(os.path.join(d, "evidence.jsonl"), encoding="utf-8").read()
    eq(os.stat(os.path.join(d, "evidence.jsonl")).st_mode & 0o777, 0o600)


@case("what is wrong with an event is said once, with its place in the whole input")
def _():
    p = fire('{"a": 1}\n{"a":\n  tru }\n[{"a": 1}]\n', status=1)
    has(p.stderr, "event 2 (line 2): line 3, column 3: a value was expected here")
    has(p.stderr, "event 3 (line 4): a list, where an event (an object) is expected; several events are written one behind the other")
    p = run([PBRUN, "run", "-p", "nothere.pbx", "-e", "-"])
    eq((p.returncode, p.stderr), (2, "pbrun: nothere.pbx: cannot be read: No such file or directory\n"))


@case("the plan of a dry run: reads are made, messages are not")
def _():
    p = fire(lines(alert(1, kind="tell", host="web\x1b[31m")), "--dry-run", env={"SLACK_BOT_TOKEN": "x", "SLACK_API_URL": "http://127.0.0.1:9"})
    has(p.stdout, "would do      slack.notify(")
    has(p.stdout, 'would call slack.post {"channel":"#lab","text":"host web')
    assert "\x1b" not in p.stdout + p.stderr


@case("evidence that cannot be kept: nothing runs, or it is told and shown, and the log stays whole")
def _():
    p = fire(lines(alert()), "--evidence", "/proc/nowhere", status=2)
    eq(p.stdout, "")
    d = os.path.join(DIR, "full")
    fire(lines(alert()), "--evidence", d)
    before = evidence_of(d)
    size = os.path.getsize(os.path.join(d, "evidence.jsonl"))
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    p = subprocess.run([PBRUN, "run", "-p", BOOK, "-e", "-", "--evidence", d], input=lines(alert(2)), text=True, capture_output=True, preexec_fn=limit, check=False)
    eq(p.returncode, 1)
    has(p.stderr, "the evidence cannot be written: File too large")
    has(p.stderr, '"original_alert_id":"a2"')
    eq(evidence_of(d), before)


@case("a full disk")
def _():
    d = os.path.join(DIR, "tmpfs")
    os.makedirs(d)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", d], capture_output=True, check=False).returncode:
        raise Skip("cannot mount a small file system")
    try:
        p = fire(lines(*[alert(n) for n in range(20)]), "--evidence", d, "-q", status=1)
        has(p.stderr, "the evidence cannot be written: No space left on device")
        assert evidence_of(d)
    finally:
        subprocess.run(["umount", d], check=False)


@case("killed again and again: every line of the log is a whole document")
def _():
    d = os.path.join(DIR, "killed")
    text = lines(*[alert(n) for n in range(3000)])
    path = write("many.jsonl", text)
    for n in range(8):
        p = subprocess.Popen([PBRUN, "run", "-p", BOOK, "-e", path, "--evidence", d, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.04 + 0.013 * n + (0.3 if SANITIZED else 0))
        p.kill()
        p.wait()
    fire(lines(alert()), "--evidence", d)
    docs = evidence_of(d)
    assert len(docs) > 10, len(docs)


# ---- limits and signals ----

@case("--timeout ends a run that takes longer")
def _():
    start = time.time()
    p = fire(lines(alert(1, kind="wait")), "--timeout", "300ms", "--json", status=1)
    assert time.time() - start < 5
    eq([r["outcome"] for r in results(p)], ["failed", "done"])


def waiting(evidence, *more):
    p = subprocess.Popen([PBRUN, "run", "-p", BOOK, "-e", "-", "--evidence", evidence] + list(more), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p.stdin.write(lines(alert(1, kind="wait")))
    p.stdin.flush()
    while "now ok" not in p.stderr.readline():
        pass
    return p


@case("SIGINT and SIGTERM end runs in good order: evidence says interrupted")
def _():
    for sig in (signal.SIGINT, signal.SIGTERM):
        d = os.path.join(DIR, "signal%d" % sig)
        p = waiting(d)
        time.sleep(0.1)
        start = time.time()
        p.send_signal(sig)
        eq(p.wait(10), 1)
        assert time.time() - start < 3
        e = [e for e in evidence_of(d) if e["playbook"]["name"] == "severe"]
        eq([(x["interrupted"], x["outcome"], x["reason"]["code"]) for x in e], [(True, "failed", "interrupted")])
        eq(e[0]["automated_actions"][0]["error"]["code"], "interrupted")
        has(p.stderr.read(), "told to stop")
        p.stdin.close()


# ---- command line ----

@case("parameters: missing, by flag, by environment, unknown, of the wrong type")
def _():
    book = write("params.pb", open(BOOK, encoding="utf-8").read().replace("type Alert", "param floor: int\nparam channel: string = \"#x\"\ntype Alert").replace(
        "a.severity > 5", "a.severity > floor and channel != \"\""))
    e = lines(alert(severity=7))
    has(fire(e, book=book, status=2).stderr, "parameter `floor` is not set: give --set floor=..., or set the environment variable PB_PARAM_FLOOR")
    has(fire(e, "--set", "floor=6", book=book).stdout, "severe")
    assert "severe" not in fire(e, "--set=floor=8", book=book).stdout
    has(fire(e, book=book, env={"PB_PARAM_FLOOR": "6"}).stdout, "severe")
    assert "severe" not in fire(e, "--set", "floor=8", book=book, env={"PB_PARAM_FLOOR": "6"}).stdout
    has(fire(e, "--set", "flor=6", book=book, status=2).stderr, "did you mean `floor`?")
    has(fire(e, "--set", "floor=many", book=book, status=2).stderr, "parameter `floor` (--set)")
    has(fire(e, "--set", "floor", book=book, status=2).stderr, "--set takes NAME=VALUE")


@case("wrong usage is status 2, help and version are status 0")
def _():
    for args, want in ((["run"], "no playbooks"), (["run", "-p", BOOK], "no event"), (["run", "--evnet", "x"], "did you mean `--event`?"), (["run", "-x"], "unknown option `-x`"),
                       (["run", "-p"], "a value is missing"), (["run", "--json=1"], "takes no value"), (["run", "-e", "a", "-e", "b"], "given twice"),
                       (["run", "--timeout", "5"], "takes a duration"), (["run", "--timeout", "0s"], "takes a duration"), (["run", "--timeout", "400d"], "takes a duration"),
                       (["run", "--timeout", "99999999999999999999s"], "takes a duration"),
                       (["rum"], "did you mean `run`?"), ([], "try `pbrun --help`"), (["serve"], "try `pbrun serve --help`"),
                       (["runs", "--listen", "x"], "runs takes no --listen; it belongs to: serve"),
                       (["drill"], "drill is not available in this version"), (["kill-switch", "sideways"], "on, observe, off or status")):
        p = run([PBRUN] + args, stdin="")
        eq((args, p.returncode, p.stdout), (args, 2, ""))
        has(p.stderr, want)
    eq(run([PBRUN]).returncode, 2)
    eq(fire(lines(alert()), "--timeout", "7d").returncode, 0)
    for args, want in ((["--help"], "usage: pbrun"), (["run", "--help"], "--dry-run"), (["--version"], "pbrun 0.")):
        p = run([PBRUN] + args)
        eq((p.returncode, p.stderr), (0, ""))
        has(p.stdout, want)


@case("playbooks that do not compile or are not there")
def _():
    bad = write("bad.pb", "playbook x {")
    p = fire(lines(alert()), book=bad, status=1)
    has(p.stderr, "bad.pb:1:")
    assert fire(lines(alert()), book="/nowhere.pb", status=1).stderr
    assert fire(lines(alert()), book="/nowhere.pbx", status=2).stderr


@case("images: one, several, damaged, two with the same playbook")
def _():
    image = os.path.join(DIR, "lab.pbx")
    p = run([PBC, "build", "-o", image, BOOK])
    eq(p.returncode, 0, p.stderr)
    has(fire(lines(alert()), book=image).stdout, "severe")
    other = write("other.pbx", open(image, "rb").read())
    p = run([PBRUN, "run", "-p", image, other, "-e", "-"], stdin=lines(alert()))
    eq(p.returncode, 2)
    has(p.stderr, "two of the programs have a playbook")
    data = bytearray(open(image, "rb").read())
    data[len(data) // 2] ^= 1
    p = fire(lines(alert()), book=write("damaged.pbx", bytes(data)), status=1)
    has(p.stderr, "damaged.pbx: ")


@case("closed or full descriptors")
def _():
    path = write("one.json", json.dumps(alert()))
    for close in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        p = subprocess.run(["sh", "-c", '"$0" run -p "$1" -e "$2" --evidence "$3" ' + close, PBRUN, BOOK, path, os.path.join(DIR, "closed")], capture_output=True, check=False)
        eq((close, p.returncode), (close, 0))
    eq(len(evidence_of(os.path.join(DIR, "closed"))), 8)
    p = subprocess.run(["sh", "-c", '"$0" run -p "$1" -e "$2" > /dev/full', PBRUN, BOOK, path], capture_output=True, text=True, check=False)
    eq(p.returncode, 1)
    has(p.stderr, "results cannot be written: No space left on device")
    p = subprocess.Popen([PBRUN, "run", "-p", BOOK, "-e", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p.stdout.close()
    p.stderr.read()
    assert p.wait(10) in (0, 1)


# ---- progress ----

@case("in a pipe: one line a step, nothing of a terminal's")
def _():
    p = fire(lines(alert()))
    steps = [l for l in p.stderr.splitlines() if " severe " in l]
    for want, line in zip((r"INC-\w+ begins", r"now ok \d+ ms", r"pause ok \d+ ms", r"INC-\w+ reported \d+ ms"), steps):
        assert re.match(r"\d\d:\d\d:\d\d\.\d{3} severe " + want + "$", line), line
    assert "\x1b" not in p.stderr
    eq(fire(lines(alert()), "-q").stderr, "")


def on_terminal(columns, rows, *options, env=None, kind="x", stop_after=None):
    """Runs pbrun on a terminal of its own; all that it wrote, and its status."""
    path = write("tty.json", json.dumps(alert(1, kind=kind, host="web\x1b]0;evil\x07\u202e")))
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "LANG": "C.UTF-8"}, **(env or {}))
        os.execv(PBRUN, [PBRUN, "run", "-p", BOOK, "-e", path] + list(options))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    out, end = b"", time.time() + 20
    while time.time() < end:
        ready, _, _ = select.select([fd], [], [], 0.1)
        if stop_after and stop_after in out:
            os.write(fd, b"\x03")  # what Ctrl-C sends
            stop_after = None
        if not ready:
            continue
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            break
        if not chunk:
            break
        out += chunk
    os.close(fd)
    return out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def screen(text, columns):
    """What is left on the screen, for the few control sequences that pbrun uses; anything else fails."""
    grid, y, x = [""], 0, 0
    i = 0
    while i < len(text):
        c = text[i]
        m = re.match(r"\x1b\[(\d*)([AJm])", text[i:])
        if m:
            if m.group(2) == "A":
                y = max(0, y - int(m.group(1) or 1))
            elif m.group(2) == "J":
                grid[y] = grid[y][:x]
                del grid[y + 1:]
            i += len(m.group(0))
            continue
        assert c >= " " or c in "\r\n", "control character %r" % c
        if c == "\r":
            x = 0
        elif c == "\n":
            y += 1
            if y == len(grid):
                grid.append("")
        else:
            assert x < columns, "a line wraps: %r" % grid[y]
            grid[y] = grid[y][:x].ljust(x) + c + grid[y][x + 1:]
            x += 1
        i += 1
    return grid


@case("on a terminal: a live tree, drawn over, that leaves the finished steps behind")
def _():
    out, status = on_terminal(100, 24)
    eq(status, 0)
    shown = "\n".join(l.rstrip() for l in screen(out, 100))
    assert re.search(r"severe  reported  \d+ ms  INC-\w+\n  ✓ now\(\)  \d+ ms\n  ✓ pause\(1ms\)  \d+ ms\n", shown), shown
    eq(shown.count("severe"), 2)  # the tree, the result
    assert "\x1b[32m" in out


@case("a narrow terminal, one without colours, one that cannot move its cursor")
def _():
    out, _ = on_terminal(30, 5, "-q")
    assert "\x1b" not in out
    book_out, _ = on_terminal(30, 6, "--json")
    tree = "".join(l for l in book_out.splitlines(True) if not l.startswith("{"))
    has("\n".join(screen(tree, 30)), "severe  reported  ")
    out, _ = on_terminal(100, 24, env={"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[\d+m", out), out
    out, _ = on_terminal(100, 24, env={"TERM": "dumb"})
    assert "\x1b" not in out and "now ok" in out
    out, _ = on_terminal(100, 24, env={"LANG": "C", "NO_COLOR": "1"})
    assert "✓" not in out and "+ now()" in out


@case("Ctrl-C on a terminal ends in good order")
def _():
    out, status = on_terminal(100, 24, kind="wait", stop_after="pause".encode())
    eq(status, 1)
    has("\n".join(screen(out, 100)), "interrupted")


main()
