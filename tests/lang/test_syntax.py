#!/usr/bin/python3
"""Every file in bad/ gives exactly the diagnostics that stand in its comments, every file in good/ none. See README.md."""
# runs: sanitized
import glob
import json
import os
import re

from pbtest import PBC, ROOT, case, eq, main, run

HERE = os.path.join(ROOT, "tests/lang")
HERE_EXPECT = re.compile(r"# expect: (PB\d{4}) ?((?:(?!# expect).)*)")
FAR_EXPECT = re.compile(r"# expect-at (\d+): (PB\d{4}) ?(.*)")


def expectations(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        lines = f.read().split("\n")
    expected, others = [], []
    for number, line in enumerate(lines, 1):
        expected += [(number, code, part.strip()) for code, part in HERE_EXPECT.findall(line)]
        expected += [(int(at), code, part.strip()) for at, code, part in FAR_EXPECT.findall(line)]
        others += re.findall(r"# with: (\S+)", line)
    return sorted(expected), [os.path.join(HERE, "with", o) for o in others]


def found(path, others):
    p = run([PBC, "check", "--format", "json", path] + others)
    eq(p.stderr, "", "standard error")
    return p, [d for d in json.loads(p.stdout) if not (d["file"] or "").startswith("<stdlib>") and not d["allowed"]]


def compare(expected, diagnostics, path):
    left = list(diagnostics)
    for line, code, part in expected:
        hit = [d for d in left if (d["line"], d["code"]) == (line, code) and part in d["message"] + "\n" + d["hint"]]
        if not hit:
            raise AssertionError("line %d: no %s with %r; there is %r" % (line, code, part, [(d["line"], d["code"], d["message"]) for d in left]))
        left.remove(hit[0])
    eq([(d["line"], d["code"], d["message"]) for d in left], [], "too many in " + os.path.basename(path))


def bad(path):
    @case("bad/" + os.path.basename(path))
    def _():
        expected, others = expectations(path)
        assert expected, "the file expects nothing"
        p, diagnostics = found(path, others)
        compare(expected, diagnostics, path)
        eq(p.returncode, 1 if any(d["severity"] == "error" for d in diagnostics) else 0, "status")


def good(path):
    @case("good/" + os.path.basename(path))
    def _():
        p, diagnostics = found(path, expectations(path)[1])
        compare([], [d for d in diagnostics if d["severity"] != "note"], path)
        eq(p.returncode, 0, "status")


for file in sorted(glob.glob(HERE + "/bad/*.pb")):
    bad(file)
for file in sorted(glob.glob(HERE + "/good/*.pb")):
    good(file)
main()
