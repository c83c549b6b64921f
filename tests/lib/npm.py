"""Packages from npm that tests use (tests/node/package.json): installed once, by whichever test comes first."""
import fcntl
import json
import os
import subprocess
import time

from pbtest import ROOT, Skip

NODE = os.path.join(ROOT, "tests", "node")
MODULES = os.path.join(NODE, "node_modules")
FAILED = os.path.join(NODE, "node_modules.failed")  # says why npm failed, so that the next test need not wait for it too
RETRY_SECONDS = 600


def installed():
    with open(os.path.join(NODE, "package.json"), encoding="utf-8") as f:
        wanted = json.load(f)["dependencies"]
    for name, version in wanted.items():
        try:
            with open(os.path.join(MODULES, name, "package.json"), encoding="utf-8") as f:
                if json.load(f)["version"] != version:
                    return False
        except OSError:
            return False
    return True


def failed(why):
    with open(FAILED, "w", encoding="utf-8") as f:
        f.write(why)
    return Skip(why)


def install():
    """Everything in tests/node/package.json; skips the case when npm cannot fetch it. Tests that run at the same time wait."""
    with open(os.path.join(NODE, "package.json"), encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed():
            return
        if os.path.exists(FAILED) and time.time() - os.path.getmtime(FAILED) < RETRY_SECONDS:
            with open(FAILED, encoding="utf-8") as f:
                raise Skip(f.read())
        try:
            p = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=NODE, capture_output=True, text=True, timeout=180, check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise failed("npm: %s" % e) from e
        if p.returncode != 0:
            raise failed("npm cannot install the tests' packages here (offline?): " + " ".join(p.stderr.split())[:200])
