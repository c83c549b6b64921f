"""What the Python tests share. A test file prints one line a case: "ok NAME", "not ok NAME: why", "skip NAME: why";
tests/run.py counts them. Run with /usr/bin/python3 (Debian's modules belong to it) from the project's root.

    from pbtest import case, main, PBC, PBRUN, run, eq

    @case("a name for people")
    def _():
        eq(run([PBC, "--version"]).returncode, 0)

    main()
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PB_BUILD", os.path.join(ROOT, "build"))
PBC = os.path.join(BUILD, "pbc")
PBRUN = os.path.join(BUILD, "pbrun")
_cases = []
# Tests talk to loopback only and know nothing of whoever runs them.
os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
os.environ.setdefault("AWS_CONFIG_FILE", "/dev/null")
os.environ.setdefault("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


class Skip(Exception):
    """Raised in a case to skip it, with the reason."""


def case(name):
    def add(fn):
        _cases.append((name, fn))
        return fn
    return add


def eq(got, want, what=""):
    if got != want:
        raise AssertionError("%s%r, want %r" % (what and what + ": ", got, want))


def has(text, part):
    if part not in text:
        raise AssertionError("%r is not in %r" % (part, text[-2000:]))


def run(args, stdin=None, env=None, timeout=60, cwd=None, text=True):
    """Runs a program to its end; env is added to the test's own."""
    full = dict(os.environ)
    full.update(env or {})
    return subprocess.run(args, input=stdin, env=full, timeout=timeout, cwd=cwd or ROOT, capture_output=True, text=text, check=False)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tempdir():
    """A directory of the test's own; removed when the test file ends."""
    d = tempfile.mkdtemp(prefix="pbtest.")
    _dirs.append(d)
    return d


_dirs = []


def main():
    failed = 0
    only = sys.argv[1:]
    try:
        for name, fn in _cases:
            if only and not any(o in name for o in only):
                continue
            try:
                fn()
                print("ok %s" % name, flush=True)
            except Skip as e:
                print("skip %s: %s" % (name, e), flush=True)
            except Exception as e:  # a test's failure is data here
                failed += 1
                where = traceback.extract_tb(e.__traceback__)[-1] if not isinstance(e, AssertionError) else None
                text = " ".join(("%s: %s" % (type(e).__name__, e)).split())
                print("not ok %s: %s%s" % (name, text[:3000], " (%s:%d)" % (where.filename, where.lineno) if where else ""), flush=True)
    finally:
        for d in _dirs:
            shutil.rmtree(d, ignore_errors=True)
    sys.exit(1 if failed else 0)
