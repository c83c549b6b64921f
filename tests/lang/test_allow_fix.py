#!/usr/bin/python3
"""`# pbc: allow`, `pbc check --fix`, and SARIF against its schema."""
# runs: sanitized
import json
import os
import stat

import jsonschema

import npm
from pbtest import PBC, case, eq, has, main, run, tempdir

HEAD = '''playbook p {
  version "1.0.0"
  summary "s"
  owner "o@example.com"
  tier auto
  controls ["SOC2-CC7.1"]
  when guardduty.finding as f
'''
TAIL = "  record { affected_resource: f.arn }\n}\n"


def project(text, name="a.pb"):
    d = tempdir()
    with open(os.path.join(d, name), "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return d


def rows(d, name="a.pb"):
    return json.loads(run([PBC, "check", "--json", name], cwd=d).stdout)


def codes(d):
    return [(r["line"], r["code"]) for r in rows(d) if not r["allowed"]]


def fixed(text, status=0):
    """The file after --fix, and what was said."""
    d = project(text)
    p = run([PBC, "check", "--fix", "a.pb"], cwd=d)
    eq(p.returncode, status, p.stderr)
    with open(os.path.join(d, "a.pb"), encoding="utf-8", newline="") as f:
        return f.read(), p.stderr


# ---- allow ----

@case("a warning is allowed at its line and on the line below a comment, nowhere else")
def _():
    line = '  do slack.notify("#a", f.type) as told'
    eq(codes(project(HEAD + line + "\n" + TAIL)), [(8, "PB0622")])
    eq(codes(project(HEAD + line + '  # pbc: allow PB0622 "why"\n' + TAIL)), [])
    eq(codes(project(HEAD + '  # pbc: allow PB0622 "why"\n' + line + "\n" + TAIL)), [])
    eq(codes(project(HEAD + '  # pbc: allow PB0622 "why"\n  # more\n' + line + "\n" + TAIL)), [])
    eq(codes(project(HEAD + '  # pbc: allow PB0622 "why"\n\n' + line + "\n" + TAIL)), [(8, "PB0624"), (10, "PB0622")])
    eq(codes(project(HEAD + line + "\n" + '  # pbc: allow PB0622 "why"\n' + TAIL)), [(8, "PB0622"), (9, "PB0624")])


@case("several codes in one allow; each that is not needed is named")
def _():
    text = HEAD + '  do slack.notify("#a", "arn:aws:iam::123456789012:user/x") as told  # pbc: allow PB0622, PB0614 PB0601 "why"\n' + TAIL
    found = rows(project(text))
    eq([(r["code"], r["allowed"]) for r in found], [("PB0614", "why"), ("PB0622", "why"), ("PB0624", None)])
    has(found[2]["message"], "PB0601")


@case("what is allowed is not shown or counted; denied warnings are those that are left")
def _():
    d = project(HEAD + '  do slack.notify("#a", f.type) as told  # pbc: allow PB0622 "why"\n' + TAIL)
    p = run([PBC, "check", "--deny", "warnings", "a.pb"], cwd=d)
    eq((p.returncode, p.stdout, p.stderr), (0, "", ""))
    eq(run([PBC, "check", "--format", "github", "a.pb"], cwd=d).stdout, "")


@case("an error cannot be allowed, nor an allow without reason")
def _():
    d = project(HEAD + '  where f.sevrity > 5  # pbc: allow PB0207 "why"\n' + TAIL)
    eq(codes(d), [(8, "PB0207"), (8, "PB0625")])
    for text in ("PB0622", 'PB0622 ""', "PB0622 why", 'PB9999 "why"', '"why"', 'PB62 "why"'):
        d = project(HEAD + "  # pbc: allow %s\n" % text + TAIL)
        eq(codes(d), [(8, "PB0625")], text)
    eq(codes(project(HEAD + "  # pbc: ignore PB0622\n" + TAIL)), [(8, "PB0625")])


# ---- fix ----

@case("--fix writes what is certain, says what, and checks again")
def _():
    text, said = fixed(HEAD.replace('  version "1.0.0"\n', "").replace("  tier auto\n", "") +
                       '  where f.sevrity >= 5\n  let x = f.id\n  do slack.notify("#a", f.type) as told\n' + TAIL)
    has(text, 'playbook p {\n  version "1.0.0"\n  tier auto\n  summary')
    has(text, "where f.severity >= 5\n  let _x = f.id\n")
    has(text, "as _told\n")
    has(said, "a.pb:6:11: PB0207: `sevrity` made `severity`\n")
    has(said, "5 fixes made\n")
    eq("warning" in said, False, said)


@case("a name with two as near is not guessed")
def _():
    text = "type T { aab: string  aac: string }\nfn f(t: T): string = t.aad\n"
    eq(fixed(text, status=1)[0], text)


@case("a syntax error that --fix can cure is cured; a file with others is left as it is")
def _():
    text, said = fixed(HEAD + "  where f.severity = 5;\n" + TAIL)
    has(text, "where f.severity == 5\n")
    broken = HEAD + "  where f.severity = 5\n  where (\n" + TAIL
    text, said = fixed(broken, status=1)
    eq(text, broken)
    has(said, "not fixed")


@case("what is not touched stays byte for byte: BOM, CRLF, mode, links; a second run changes nothing")
def _():
    text = b"\xef\xbb\xbf" + (HEAD + "  let x = f.id  # caf\xe9\n" + TAIL).replace("\n", "\r\n").encode()
    d = project(text, "real.pb")
    real, link = os.path.join(d, "real.pb"), os.path.join(d, "a.pb")
    os.chmod(real, 0o640)
    os.symlink("real.pb", link)
    eq(run([PBC, "check", "--fix", "a.pb"], cwd=d).returncode, 0)
    with open(real, "rb") as f:
        eq(f.read(), text.replace(b"let x", b"let _x"))
    eq(stat.S_IMODE(os.stat(real).st_mode), 0o640)
    eq(os.path.islink(link), True)
    eq(run([PBC, "check", "--fix", "a.pb"], cwd=d).stderr, "")
    eq(sorted(os.listdir(d)), ["a.pb", "real.pb"])


@case("standard input and files that cannot be written are left alone and said")
def _():
    p = run([PBC, "check", "--fix", "-"], stdin=HEAD + "  let x = f.id\n" + TAIL)
    has(p.stderr, "not fixed: standard input")


@case("fixes and allowed warnings are data in JSON")
def _():
    d = project(HEAD + '  let x = f.id\n  let y = f.id  # pbc: allow PB0601 "why"\n' + TAIL)
    first, second = rows(d)
    eq(first["fix"], {"file": "a.pb", "line": 8, "column": 7, "end_line": 8, "end_column": 8, "text": "_x"})
    eq((first["allowed"], second["allowed"]), (None, "why"))


# ---- SARIF ----

def sarif(d):
    return json.loads(run([PBC, "check", "--format", "sarif", "a.pb"], cwd=d).stdout)


@case("SARIF has rules with help, fingerprints, fixes and suppressions, and is valid against its schema")
def _():
    npm.install()
    with open(os.path.join(npm.MODULES, "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"), encoding="utf-8") as f:
        schema = json.load(f)
    validator = jsonschema.validators.validator_for(schema)(schema)
    texts = ["", "parm x: int\n", HEAD + '  let x = f.id\n  let y = f.sevrity  # pbc: allow PB0601 "why"\n  let z = 1\n  let id = 2\n  for id in [1] { stop "a" }\n' + TAIL,
             HEAD + '  let x = f.id\n  let y = f.id  # pbc: allow PB0601 "why"\n' + TAIL]
    for text in texts:
        doc = sarif(project(text))
        eq([e.message for e in validator.iter_errors(doc)], [])
    results = doc["runs"][0]["results"]
    eq(results[0]["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"], "_x")
    eq(results[1]["suppressions"], [{"kind": "inSource", "justification": "why"}])
    assert all(r["help"]["text"] for r in doc["runs"][0]["tool"]["driver"]["rules"])


@case("a fingerprint stays when lines move, and differs between two alike")
def _():
    body = "  if f.severity > 5 { let x = f.id }\n  if f.severity > 6 { let x = f.id }\n"
    a = [r["partialFingerprints"]["pbc/v1"] for r in sarif(project(HEAD + body + TAIL))["runs"][0]["results"]]
    b = [r["partialFingerprints"]["pbc/v1"] for r in sarif(project("# moved\n\n" + HEAD + body + TAIL))["runs"][0]["results"]]
    eq(a, b)
    eq(len(set(a)), len(a))


main()
