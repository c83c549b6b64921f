#!/usr/bin/python3
"""A server under load, and what the journal costs.

  tests/bench/bench_load.py [--parked N] [--events N] [parked] [events] [journal]

parked    pbrun serve on one core gets N events, each of whose runs asks for an approval and is parked. How long that takes, what it weighs in memory and on
          disk, and how long it takes from an answer (`pbrun approve`) to the end of one of them.
events    N events at once, each a request of its own, over 16 connections: accepted a second, from the 202 to the begin of a run's first step (p50, p99),
          until all are done. Then all in one request, and the server is killed (SIGKILL) when half of them are done, and started anew: every event has one run, and
          the simulated account has done for each what it was asked for exactly once.
journal   a playbook of 200 changing steps, one after the other, with a store and without, taking turns: what the journal adds to a step, how many fsyncs, and
          how much of it is the fsyncs' own time (measured by a shim around the system call); the same for steps that only read.

The server has a core of its own (taskset); senders and the simulated account share the other. Times are those of this machine and its disk at this moment: look at
the parts of one run beside each other.
"""
import argparse
import datetime
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("PB_BUILD", os.path.join(ROOT, "build"))
PBRUN = os.path.join(BUILD, "pbrun")
TOKEN, ACCOUNT, KEY, SECRET = "a-token-for-the-bench-0123456789", "123456789012", "AKIADEMORESPONDER000", "demo-secret-of-the-responder-not-a-real-one"
STEPS = 200
CORES = sorted(os.sched_getaffinity(0))
OTHERS = set(CORES[1:]) or set(CORES)

HEAD = '''  version "1.0.0"  summary "s"  owner "bench@example.com"  tier %s  controls ["SOC2-CC7.4"]
  when bench.alarm as f where f.kind == "%s"
'''
PLAYBOOK = '''
type Alarm { id: string  kind: string }
event bench.alarm { source "bench"  detail_type "Alarm"  schema Alarm  id "id" }
param links: secret
site {
  serve { url: "https://pb.example.com"  link_secret: links }
  person "me" { login: "%s" }
  group "oncall" { people: ["me"] }
}
action bench.topic(name: string): { changed: bool } contain {
  do aws.sns.CreateTopic(Name: name)
  return { changed: true }
} undo none "a mark"
playbook asks {
''' + HEAD % ("approve", "ask") + '''
  approve "Mark ${f.id}?" by group "oncall" within 30d { do bench.topic(f.id) } denied { } expired { }
}
playbook acts {
''' + HEAD % ("auto", "act") + '''
  do bench.topic(f.id)
}
'''


def event(n, kind):
    return {"version": "0", "id": "e%d" % n, "source": "bench", "detail-type": "Alarm", "account": ACCOUNT, "region": "us-east-1", "time": "2026-01-01T00:00:00Z",
            "resources": [], "detail": {"id": "a%06d" % n, "kind": kind}}


def environment(url):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_", "PB_STORE")) and "proxy" not in k.lower()}
    env.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_ENDPOINT_URL=url, PB_EVENTS_TOKEN=TOKEN, PB_PARAM_LINKS="a-link-secret-of-the-bench-0123456789",
               AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
    return env


class Account:
    def __init__(self, work):
        self.state = os.path.join(work, "account.db")
        for end in ("", "-wal", "-shm"):
            if os.path.exists(self.state + end):
                os.unlink(self.state + end)
        self.process = subprocess.Popen([PBRUN, "sim", "--port", "0", "--state", self.state, "--account", ACCOUNT, "--access-key", KEY, "--secret-key", SECRET],
                                        stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(self.process.pid, OTHERS)
        self.url = self.process.stdout.readline().split()[-1]

    def topics(self):
        """(topics there are, calls that made one, calls)"""
        shown = json.loads(subprocess.run([PBRUN, "sim", "--state", self.state, "--show"], capture_output=True, text=True, check=True).stdout)
        calls = shown["calls"].get("sns.CreateTopic", {"changed": 0, "count": 0})
        return sum(r["kind"] == "sns.topic" for r in shown["resources"]), calls["changed"], calls["count"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Server:
    def __init__(self, work, store, url):
        self.store, self.log = store, os.path.join(work, "serve.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["taskset", "-c", str(CORES[0]), PBRUN, "serve", "-p", os.path.join(work, "bench.pb"), "--store", "sqlite:" + store,
                                             "--listen", "127.0.0.1:0"], stderr=log, env=environment(url))
        start = time.time()
        while True:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                found = re.search(r"http://127\.0\.0\.1:(\d+)", f.read())
            if found:
                break
            if self.process.poll() is not None or time.time() - start > 60:
                raise SystemExit("the server did not start: see %s" % self.log)
            time.sleep(0.005)
        self.port = int(found.group(1))

    def metrics(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request("GET", "/metrics")
        text = c.getresponse().read().decode()
        c.close()
        return {k: float(v) for k, v in (l.rsplit(" ", 1) for l in text.splitlines() if not l.startswith("#"))}

    def memory(self):
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid, encoding="utf-8") as f:
            return sum(map(int, f.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()


def request(body):
    return b"POST /events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (TOKEN.encode(), len(body), body)


def answer(c):
    """One answer's status."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = c.recv(65536)
        if not more:
            raise ConnectionError
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    n = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(rest) < n:
        rest += c.recv(65536)
    return int(head.split()[1])


def send(port, requests, connections):
    """All requests, each to be answered with 202; seconds from the first byte to the last answer. None: the server died meanwhile; then how many were accepted."""
    lock, accepted, todo = threading.Lock(), [], iter(requests)

    def sender():
        c = socket.create_connection(("127.0.0.1", port))
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                with lock:
                    r = next(todo, None)
                if r is None:
                    return
                c.sendall(r)
                status = answer(c)
                if status != 202:
                    raise SystemExit("an event was answered with %d" % status)
                accepted.append(1)
        finally:
            c.close()
    threads = [threading.Thread(target=sender) for _ in range(connections)]
    start = time.time()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return time.time() - start


def wait_until(what, seconds=600):
    end = time.time() + seconds
    while not what():
        if time.time() > end:
            raise SystemExit("it did not come about in %d s" % seconds)
        time.sleep(0.02)


def rows(store, query):
    db = sqlite3.connect("file:%s?mode=ro" % store, uri=True, timeout=30)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def size(store):
    return sum(os.path.getsize(store + e) for e in ("", "-wal") if os.path.exists(store + e)) / 1e6


# ---- parked ----

def ended_after(work, s, run, url, by_link):
    """Grants one; milliseconds from the answer's being given to the run's end."""
    command = [PBRUN, "approve", run, "--store", s.store] + (["--link", "--for", "me", "--site", os.path.join(work, "bench.pb")] if by_link else ["--yes"])
    p = subprocess.run(command, env=environment(url), capture_output=True, text=True, check=False)
    if p.returncode:
        raise SystemExit("pbrun approve: " + p.stderr)
    if by_link:
        page = "http://127.0.0.1:%d%s" % (s.port, urllib.parse.urlsplit(p.stdout.strip()).path)
        with urllib.request.urlopen(page, timeout=30) as r:
            nonce = re.search(r'name="nonce" value="([^"]*)"', r.read().decode()).group(1)
        start = time.time()
        form = urllib.parse.urlencode({"nonce": nonce, "reason": "bench", "verdict": "grant"}).encode()
        urllib.request.urlopen(urllib.request.Request(page, form, {"Origin": "https://pb.example.com"}), timeout=30).close()
    else:
        start = time.time()
    db = sqlite3.connect("file:%s?mode=ro" % s.store, uri=True, timeout=30)
    try:
        while db.execute("SELECT status FROM runs WHERE id=?", (run,)).fetchone()[0] != 2:
            if time.time() > start + 30:
                raise SystemExit("the run has not ended after its approval")
            time.sleep(0.001)
    finally:
        db.close()
    return (time.time() - start) * 1e3


def bench_parked(work, n):
    account = Account(work)
    store = os.path.join(work, "parked.db")
    s = Server(work, store, account.url)
    empty = s.memory()
    start, cpu = time.time(), s.cpu()
    for at in range(0, n, 200):
        send(s.port, [request(json.dumps([event(i, "ask") for i in range(at, min(at + 200, n))]).encode())], 1)
        wait_until(lambda sent=at: s.metrics()["pbrun_events_waiting"] < 5000)
    wait_until(lambda: s.metrics()['pbrun_runs{status="waiting"}'] >= n)
    took, cpu = time.time() - start, s.cpu() - cpu
    full, disk = s.memory(), size(store)
    ids = [r[0] for r in rows(store, "SELECT id FROM runs WHERE status=1 ORDER BY n")]
    by_command = [ended_after(work, s, i, account.url, by_link=False) for i in ids[n // 3:n // 3 + 10]]
    by_link = [ended_after(work, s, i, account.url, by_link=True) for i in ids[n // 2:n // 2 + 20]]
    s.stop()
    begin = time.time()
    s = Server(work, store, account.url)
    up, restarted = (time.time() - begin) * 1e3, s.memory()
    s.stop()
    account.close()
    print("\n%d parked approvals, one core" % n)
    print("  %-52s %10.1f s (%.0f a second; %.2f ms of CPU each)" % ("from the first event to the last one parked", took, n / took, cpu * 1e3 / n))
    print("  %-52s %10.1f MB (empty: %.1f MB)" % ("memory (RSS) with all of them parked", full, empty))
    print("  %-52s %10.1f MB (%.1f KB each)" % ("store on disk", disk, disk * 1e3 / n))
    print("  %-52s %10.1f ms p50, %.1f ms the worst of 20 (its end is on disk)" % ("from an answer to the server to the run's end", statistics.median(by_link), max(by_link)))
    print("  %-52s %10.1f ms p50 (the server looks once a second)" % ("... from `pbrun approve` of another process", statistics.median(by_command)))
    print("  %-52s %10.1f ms, %.1f MB" % ("a new server beside them: start, memory", up, restarted))


# ---- events ----

def handled(store):
    return rows(store, "SELECT count(*) FROM runs WHERE status=2")[0][0] if os.path.exists(store) else 0


def latencies(store):
    """Milliseconds from an event's being stored (just before its 202) to the begin of its run's first step."""
    received = dict(rows(store, "SELECT id, received FROM events"))
    out = []
    for origin, evidence in rows(store, "SELECT origin, evidence FROM runs"):
        begun = json.loads(evidence)["automated_actions"][0]["started_at"]
        at = datetime.datetime.fromisoformat(begun.replace("Z", "+00:00")).timestamp()
        out.append(at * 1e3 - received[int(origin.split()[1])])
    return sorted(out)


def percentile(values, p):
    return values[min(int(len(values) * p), len(values) - 1)]


def check_once(account, store, n):
    topics, made, calls = account.topics()
    runs = rows(store, "SELECT status, outcome, count(*) FROM runs GROUP BY 1, 2")
    if (topics, made) != (n, n) or runs != [(2, "done", n)]:
        raise SystemExit("LOST OR DOUBLED: %d topics, made by %d calls, runs %s" % (topics, made, runs))
    return calls - made


def bench_events(work, n):
    requests = [request(json.dumps(event(i, "act")).encode()) for i in range(n)]
    account, store = Account(work), os.path.join(work, "events.db")
    s = Server(work, store, account.url)
    start, cpu = time.time(), s.cpu()
    sent = send(s.port, requests, 16)
    wait_until(lambda: handled(store) == n)
    took, cpu = time.time() - start, s.cpu() - cpu
    memory, t = s.memory(), latencies(store)
    check_once(account, store, n)
    s.stop()
    account.close()
    print("\n%d events at once, one core" % n)
    print("  %-52s %10.0f a second (all in %.2f s)" % ("accepted (202, on disk)", n / sent, sent))
    print("  %-52s %10.0f ms p50, %.0f ms p99, %.0f ms the last" % ("from acceptance to the run's first step", percentile(t, .5), percentile(t, .99), t[-1]))
    print("  %-52s %10.2f s (%.0f runs a second; %.2f ms of CPU each; %.1f MB)" % ("until all are done", took, n / took, cpu * 1e3 / n, memory))
    account, store = Account(work), os.path.join(work, "killed.db")
    s = Server(work, store, account.url)
    for at in range(0, n, 1000):
        send(s.port, [request(json.dumps([event(i, "act") for i in range(at, min(at + 1000, n))]).encode())], 1)
    wait_until(lambda: handled(store) >= n // 2)
    s.stop(signal.SIGKILL)
    left = n - handled(store)
    under_way = rows(store, "SELECT count(*) FROM runs WHERE status=0")[0][0]
    start = time.time()
    s = Server(work, store, account.url)
    wait_until(lambda: handled(store) == n)
    took = time.time() - start
    again = check_once(account, store, n)
    t = latencies(store)
    s.stop()
    account.close()
    print("  %-52s %10d runs not ended (%d of them under way)" % ("all in one request, then killed (SIGKILL)", left, under_way))
    print("  %-52s %10.2f s; lost 0, done twice 0, asked for again to be sure %d" % ("started again: until all are done", took, again))
    print("  %-52s %10.0f ms p50, %.0f ms p99 (the whole queue is before the last)" % ("from acceptance to the first step, the kill included", percentile(t, .5), percentile(t, .99)))


# ---- journal ----

STEP = {"changing": 'do bench.topic("t")', "reading": "let _r = aws.sns.ListTopics()"}


def steps_of(work, kind, n):
    path = os.path.join(work, "%s%d.pb" % (kind, n))
    inner = "for _j in %s { %s }" % (list(range(10)), STEP[kind])
    body = STEP[kind] if n == 1 else "for _i in %s { %s }" % (list(range(n // 10)), inner)
    with open(path, "w", encoding="utf-8") as f:
        f.write(PLAYBOOK[:PLAYBOOK.index("param ")] + PLAYBOOK[PLAYBOOK.index("action "):PLAYBOOK.index("playbook asks")] + "playbook steps {\n" + HEAD % ("auto", "act") + body + "\n}\n")
    image = path + "x"
    subprocess.run([os.path.join(BUILD, "pbc"), "build", "-o", image, path], check=True, stderr=subprocess.DEVNULL)
    return image


def one_run(work, image, env, store, shim):
    """Seconds, CPU seconds, fsyncs, seconds in fsyncs."""
    count = os.path.join(work, "count")
    path = os.path.join(work, "journal.db")
    for end in ("", "-wal", "-shm"):
        if os.path.exists(path + end):
            os.unlink(path + end)
    command = [PBRUN, "run", "-q", "-p", image, "-e", os.path.join(work, "event.json")] + (["--store", path] if store else [])
    if store:  # the file is there already, as it is in life: an event that matches nothing has made it
        subprocess.run([PBRUN, "run", "-q", "-p", image, "-e", os.path.join(work, "other.json"), "--store", path], check=True, env=env, stdout=subprocess.DEVNULL)
    start = time.perf_counter()
    p = subprocess.Popen(command, env=dict(env, LD_PRELOAD=shim, SHIM_COUNT=count), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(p.pid, {CORES[0]})
    _, status, usage = os.wait4(p.pid, 0)
    took = time.perf_counter() - start
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise SystemExit("%s ended with status %d" % (" ".join(command), p.returncode))
    with open(count, encoding="utf-8") as f:
        _, syncs, _, syncing = f.read().split()
    return took, usage.ru_utime + usage.ru_stime, int(syncs), float(syncing)


def bench_journal(work, runs):
    shim = os.path.join(work, "shim.so")
    subprocess.run(["gcc", "-O2", "-fPIC", "-shared", "-D_GNU_SOURCE", "-o", shim, os.path.join(ROOT, "tests", "crash", "shim.c"), "-ldl"], check=True)
    with open(os.path.join(work, "event.json"), "w", encoding="utf-8") as f:
        json.dump(event(1, "act"), f)
    with open(os.path.join(work, "other.json"), "w", encoding="utf-8") as f:
        json.dump(event(1, "nothing"), f)
    account = Account(work)
    try:
        env = environment(account.url)
        print("\nthe journal, a step (medians of %d runs that took turns; %d steps less one)" % (runs, STEPS))
        print("  %-12s %14s %14s %12s %14s %22s %14s" % ("steps", "without, ms", "with, ms", "fsyncs", "in fsyncs, ms", "journal less fsync, ms", "its CPU, ms"))
        for kind in STEP:
            images = {n: steps_of(work, kind, n) for n in (1, STEPS)}
            got = {}
            for i in range(runs + 1):
                for n in images:
                    for store in (False, True):
                        r = one_run(work, images[n], env, store, shim)
                        if i:
                            got.setdefault((n, store), []).append(r)
            m = {k: [statistics.median(r[j] for r in v) for j in range(4)] for k, v in got.items()}
            a, b = ([(m[STEPS, store][j] - m[1, store][j]) / (STEPS - 1) for j in range(4)] for store in (False, True))
            print("  %-12s %14.3f %14.3f %12.2f %14.3f %22.3f %14.3f" % (kind, a[0] * 1e3, b[0] * 1e3, b[2], b[3] * 1e3, (b[0] - b[3] - a[0]) * 1e3, (b[1] - a[1]) * 1e3))
    finally:
        account.close()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--parked", type=int, default=10000)
    p.add_argument("--events", type=int, default=1000)
    p.add_argument("-n", type=int, default=7, help="runs of `journal`")
    p.add_argument("--dir", help="where the stores are; default: the directory for temporary files")
    p.add_argument("what", nargs="*", help="parked, events, journal; default: all")
    o = p.parse_args()
    os.sched_setaffinity(0, OTHERS)
    work = tempfile.mkdtemp(prefix="pbbench.", dir=o.dir)
    try:
        import pwd
        with open(os.path.join(work, "bench.pb"), "w", encoding="utf-8") as f:
            f.write(PLAYBOOK % pwd.getpwuid(os.getuid()).pw_name)
        if not o.what or "parked" in o.what:
            bench_parked(work, o.parked)
        if not o.what or "events" in o.what:
            bench_events(work, o.events)
        if not o.what or "journal" in o.what:
            bench_journal(work, o.n)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
