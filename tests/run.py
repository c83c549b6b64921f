#!/usr/bin/python3
"""Runs the suite: unit tests in C (build/tests/*), again under the sanitizers (build/san/tests/*), and tests/*/test_*.py.

  tests/run.py [--fast] [-j N] [WORD ...]     only the files whose path holds a WORD

A test is a program that prints "ok NAME", "not ok NAME: why" or "skip NAME: why" and exits 1 when one failed. Dying
otherwise, or printing nothing, is a failure too. A Python test with a line "# speed: slow", a C test with " * speed: slow" in its head, is left out by --fast; a Python test with
"# runs: sanitized" is run a second time with PB_BUILD=build/san. The last line is "N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 280
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
              "LSAN_OPTIONS": "suppressions=%s/tests/lib/lsan.supp:print_suppressions=0" % ROOT}


def find(fast):
    jobs = []
    builds = [("", os.path.join(ROOT, "build"))] + ([] if fast else [("san:", os.path.join(ROOT, "build/san"))])
    for source in sorted(glob.glob("tests/unit/*.c", root_dir=ROOT)):
        with open(os.path.join(ROOT, source), encoding="utf-8") as f:
            if fast and "\n * speed: slow" in f.read(4000):
                continue
        for prefix, build in builds:
            name = os.path.basename(source)[:-2]
            jobs.append((prefix + "unit/" + name, [os.path.join(build, "tests", name)], build))
    for path in sorted(glob.glob("tests/*/test_*.py", root_dir=ROOT)):
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
        if fast and "\n# speed: slow" in text:
            continue
        for prefix, build in builds if "\n# runs: sanitized" in text else builds[:1]:
            jobs.append((prefix + path[6:-3], ["/usr/bin/python3", path], build))
    return jobs


def run(job):
    name, command, build = job
    env = dict(os.environ, PYTHONPATH=os.path.join(ROOT, "tests/lib"), PYTHONDONTWRITEBYTECODE="1")
    for key in [k for k in env if k.startswith(("AWS_", "SLACK_", "PB_"))] + ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]:
        env.pop(key, None)
    env["PB_BUILD"] = build
    env["AWS_EC2_METADATA_DISABLED"] = "true"  # a machine in the cloud has credentials that no test may find
    if build.endswith("san"):
        env.update(SANITIZERS)
    start = time.time()
    try:
        p = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
        out, err, code = p.stdout, p.stderr, p.returncode
    except subprocess.TimeoutExpired as e:
        out, err, code = (e.stdout or b"").decode(errors="replace"), (e.stderr or b"").decode(errors="replace"), "no end after %d s" % TIMEOUT
    except OSError as e:
        out, err, code = "", str(e), "not started"
    passed = [l for l in out.splitlines() if l.startswith("ok ")]
    failed = [l for l in out.splitlines() if l.startswith("not ok ")]
    skipped = [l for l in out.splitlines() if l.startswith("skip ")]
    if code not in (0, 1) or (code == 1 and not failed) or not (passed or failed or skipped):
        failed.append("not ok (the test itself): status %s: %s" % (code, err.strip()[-3000:]))
    return name, passed, failed, skipped, time.time() - start


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--fast", action="store_true")
    p.add_argument("-j", type=int, default=2 * (os.cpu_count() or 1))  # half of them wait for something
    p.add_argument("words", nargs="*")
    o = p.parse_args()
    jobs = [j for j in find(o.fast) if not o.words or any(w in j[0] for w in o.words)]
    total = [0, 0, 0]
    start = time.time()
    with concurrent.futures.ThreadPoolExecutor(o.j) as pool:
        for name, passed, failed, skipped, seconds in pool.map(run, jobs):
            print("%-44s %3d ok %s%s  %.1f s" % (name, len(passed), "%d FAILED " % len(failed) if failed else "", "%d skipped" % len(skipped) if skipped else "", seconds), flush=True)
            for line in failed + skipped:
                print("    " + line)
            for i, part in enumerate((passed, failed, skipped)):
                total[i] += len(part)
    print("%.0f s" % (time.time() - start))
    print("%d passed, %d failed, %d skipped" % tuple(total))
    sys.exit(1 if total[1] or not total[0] else 0)


main()
