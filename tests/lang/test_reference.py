#!/usr/bin/python3
"""lang/REFERENCE.md is true: its examples compile, or are refused with the code they name, and its table of built-in
functions is that of lang/builtins.def.

  tests/lang/test_reference.py --write     writes that table, and that of the site's settings, anew

Blocks: pb (a file), pb-body (statements of a playbook), pb-bad CODE and pb-body-bad CODE (refused with just that).
"""
import glob
import os
import re
import sys

from pbtest import PBC, ROOT, case, eq, main, run, tempdir

REFERENCE = os.path.join(ROOT, "lang/REFERENCE.md")
BUILTINS = os.path.join(ROOT, "lang/builtins.def")
SETTINGS = os.path.join(ROOT, "lang/settings.def")
HEAD = '''playbook example {
  version "1.0.0"  summary "an example"  owner "secops@example.com"  tier auto  controls ["SOC2-CC7.4"]
  when guardduty.finding as f
'''
TABLE = re.compile(r"(<!-- builtins:[^\n]*-->\n)(.*?)(<!-- /builtins -->)", re.S)
SITE = re.compile(r"(<!-- settings:[^\n]*-->\n)(.*?)(<!-- /settings -->)", re.S)
KINDS = {"TEXT": "text", "SECRET": "secret", "TEXT_OR_SECRET": "text or secret", "LIST": "list of texts", "COUNT": "number",
         "SPAN": "duration", "YES": "bool"}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def blocks():
    """(line, kind, code, text) of each example."""
    text = read(REFERENCE)
    for m in re.finditer(r"^```(pb[a-z-]*) ?(PB\d+)?\n(.*?)^```$", text, re.M | re.S):
        yield text.count("\n", 0, m.start()) + 1, m[1], m[2], m[3]


def whole(kind, text):
    if "body" not in kind:
        return text
    return HEAD + ("" if re.search(r"^record ", text, re.M) else "record { affected_resource: f.arn }\n") + text + "}\n"


def codes(text):
    """What pbc says of a file: the codes, and everything for people."""
    path = os.path.join(tempdir(), "example.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    p = run([PBC, "check", path])
    out = p.stdout + p.stderr
    return sorted(set(re.findall(r"\[(PB\d+)\]", out))), p.returncode, out


def table():
    rows = re.findall(r'^BUILTIN\(\w+,\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\)', read(BUILTINS), re.M)
    out = ["| call | gives | what it does |", "|---|---|---|"]
    for name, receiver, params, result, what in rows:
        call = "%s%s(%s)" % (receiver and receiver + ".", name, ", ".join(params.split()))
        out.append("| `%s` | `%s` | %s |" % (call, result, what))
    return "\n".join(out) + "\n"


def settings():
    """(section, key, kind, must, text) of settings.def."""
    return re.findall(r'^SETTING\("(\w+)", "(\w*)", (\w+), (true|false), \w+, "((?:[^"\\]|\\.)*)"\)', read(SETTINGS), re.M)


def site_table():
    out = ["| entry | setting | type | what it is |", "|---|---|---|---|"]
    last = None
    for section, key, kind, must, text in settings():
        name = section + (' "name"' if section in ("person", "group") else "")
        what = text.replace('\\"', '"').replace("|", "\\|") + ("; required" if must == "true" and key else "")
        out.append("| %s | %s | %s | %s |" % ("`%s`" % name if section != last else "", key and "`%s`" % key, KINDS[kind], what))
        last = section
    return "\n".join(out) + "\n"


@case("every example compiles, or is refused as it says")
def _():
    found = 0
    for line, kind, code, text in blocks():
        got, status, out = codes(whole(kind, text))
        eq(got, [code] if code else [], "REFERENCE.md line %d: %s" % (line, out))
        eq(status, 1 if code else 0, "REFERENCE.md line %d" % line)
        eq(bool(code), "bad" in kind, "REFERENCE.md line %d: a bad example names its code" % line)
        found += 1
    assert found >= 18, "only %d examples found" % found


@case("the table of built-in functions is that of builtins.def")
def _():
    m = TABLE.search(read(REFERENCE))
    assert m, "no place for the table"
    eq(m[2], table(), "run tests/lang/test_reference.py --write")


@case("the table of the site's settings is that of settings.def")
def _():
    m = SITE.search(read(REFERENCE))
    assert m, "no place for the table"
    eq(m[2], site_table(), "run tests/lang/test_reference.py --write")


@case("pbrun reads just the settings that pbc knows")
def _():
    text = read(os.path.join(ROOT, "vm/site.c"))
    theirs = set(re.findall(r'(?:SITE\(|\{)"(\w+)", "(\w*)", (?:TEXT|SECRET|LIST|COUNT|SPAN|YES)', text))
    eq(theirs, {(section, key) for section, key, _, _, _ in settings()})


@case("every code that the reference names exists")
def _():
    known = set(re.findall(r"^D\((\d+),", read(os.path.join(ROOT, "lang/diagnostics.def")), re.M))
    for code in sorted(set(re.findall(r"PB(\d{4})", read(REFERENCE)))):
        assert str(int(code)) in known, "PB%s is no code" % code


@case("every construct that this version lacks is in its table")
def _():
    known = re.findall(r"^D\((9\d\d),", read(os.path.join(ROOT, "lang/diagnostics.def")), re.M)
    part = read(REFERENCE).split("## Not in this version")[1].split("\n## ")[0]
    eq([c for c in known if "PB0" + c not in part], [])


@case("every code of the checker has a file in bad/ that gives it")
def _():
    known = set(re.findall(r"^D\(([2-46-9]\d\d|1\d\d\d),", read(os.path.join(ROOT, "lang/diagnostics.def")), re.M))
    tested = set()
    for path in glob.glob(os.path.join(ROOT, "tests/lang/bad/*.pb")):
        with open(path, encoding="utf-8", errors="replace") as f:
            tested |= set(re.findall(r"# expect(?:-at \d+)?: PB0?(\d{3,4})", f.read()))
    eq(sorted(known - tested), [])


if "--write" in sys.argv:
    content = read(REFERENCE)
    with open(REFERENCE, "w", encoding="utf-8") as ref:
        content = SITE.sub(lambda m: m[1] + site_table() + m[3], content)
        ref.write(TABLE.sub(lambda m: m[1] + table() + m[3], content))
    sys.exit(0)
main()
