#!/usr/bin/python3
"""Files, directories, imports and bytes as pbc meets them; what it prints, where, and with which status."""
# runs: sanitized
import json
import os
import pty
import re
import subprocess

from pbtest import PBC, case, eq, has, main, run, tempdir

PLAYBOOK = '''playbook %s {
  version "1.0.0"
  summary "s"
  owner "o@example.com"
  tier auto
  controls ["SOC2-CC7.1"]
  when guardduty.finding as f
  where f.severity > 5
  record { id: f.id }
}
'''


def project(files, root=True):
    """A directory with the files; root: it is a project's root."""
    d = tempdir()
    if root:
        open(os.path.join(d, "pb.root"), "w").close()
    for name, text in files.items():
        path = os.path.join(d, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
    return d


def check(cwd, *args, **more):
    return run([PBC, "check", *args], cwd=cwd, **more)


def findings(cwd, *args, **more):
    """[(file, line, code, message)] of a check."""
    p = check(cwd, "--json", *args, **more)
    rows = json.loads(p.stdout)
    eq(p.returncode, 1 if any(r["severity"] == "error" for r in rows) else 0, "status")
    return [(r["file"], r["line"], r["code"], r["message"] + "\n" + r["hint"]) for r in rows]


def one(cwd, code, part, *args, **more):
    rows = findings(cwd, *args, **more)
    eq([r[2] for r in rows], [code], "codes of %r" % rows)
    has(rows[0][3], part)
    return rows[0]


# ---- bytes ----

@case("a file that is not UTF-8 is one message with the byte and its offset")
def _():
    text = PLAYBOOK.replace('"s"', '"caf\xe9"') % "a"
    d = project({"a.pb": text.encode("latin1")})
    row = one(d, "PB0101", "byte 0xe9 at offset %d" % text.index("\xe9"), "a.pb")
    eq(row[1], 3)
    eq(b"\xe9" in run([PBC, "check", "a.pb"], cwd=d, text=False).stderr, False, "the byte is not echoed")


@case("overlong, surrogate and cut-off UTF-8 is refused")
def _():
    for bad in (b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80", b"\xf4\x90\x80\x80"):
        one(project({"a.pb": b"# " + bad + b"\n"}), "PB0101", "byte 0x%02x at offset 2" % bad[0], "a.pb")


@case("UTF-16 is called by its name")
def _():
    one(project({"a.pb": (PLAYBOOK % "a").encode("utf-16")}), "PB0101", "UTF-16", "a.pb")


@case("NUL, control characters and turned writing direction are refused; as escapes they are fine")
def _():
    one(project({"a.pb": "# x\0\n"}), "PB0102", "NUL byte at offset 3", "a.pb")
    one(project({"a.pb": "# x\x1b[31m\n"}), "PB0102", "control character U+001B", "a.pb")
    one(project({"a.pb": 'fn f(): string = "\u202eabc"\n'}), "PB0102", "U+202E changes the direction of writing", "a.pb")
    eq(findings(project({"a.pb": 'fn f(): string = "\\u{202e}abc"\n'}), "a.pb"), [])


@case("a byte order mark, CRLF and a missing last line end change nothing")
def _():
    d = project({"a.pb": b"\xef\xbb\xbf" + (PLAYBOOK % "a").replace("\n", "\r\n").encode().rstrip()})
    eq(findings(d, "a.pb"), [])
    d = project({"a.pb": b"\xef\xbb\xbfparm x: int\r\n"})
    eq(findings(d, "a.pb")[0][:3], ("a.pb", 1, "PB0100"))
    has(check(d, "a.pb").stderr, "a.pb:1:1: error[PB0100]")
    eq("\r" in check(d, "a.pb").stderr, False, "no carriage return in the excerpt")


@case("CRLF inside a long string is a line feed")
def _():
    d = project({"a.pb": b'fn f(): string = """\r\n  a\r\n  b\r\n  """\r\n'})
    has(check(d, "--dump=ast", "a.pb").stdout, 'fn f(): string = "a\\nb"')


@case("an empty file and one with only comments are fine")
def _():
    eq(findings(project({"a.pb": "", "b.pb": "# nothing\n\n"}), "a.pb", "b.pb"), [])


@case("a file may be 1 MiB, not more")
def _():
    d = project({"a.pb": "#" * ((1 << 20) - 1) + "\n", "b.pb": "#" * (1 << 20) + "\n"})
    eq(findings(d, "a.pb"), [])
    one(d, "PB0001", "larger than 1 MiB", "b.pb")


# ---- paths ----

@case("what cannot be read says why, and the other files are still checked")
def _():
    d = project({"a.pb": "parm x: int\n", "dir.pb/x": ""})
    rows = findings(d, "missing.pb", "a.pb")
    eq([(r[0], r[2]) for r in rows], [("missing.pb", "PB0001"), ("a.pb", "PB0100")])
    has(rows[0][3], "cannot read `missing.pb`: No such file or directory")
    has(check(d, "missing.pb").stderr, "missing.pb: error[PB0001]: cannot read")
    one(d, "PB0002", "no playbook files (*.pb) in `dir.pb`", "dir.pb")


@case("a directory is read in the order of names, without hidden directories, other files and links that go round")
def _():
    bad = "parm x: int\n"
    d = project({"p/b.pb": bad, "p/a/z.pb": bad, "p/c.txt": bad, "p/.hidden/x.pb": bad, "p/.x.pb": bad, "p/a/a_test.pb": bad, "p/.pb": bad})
    os.symlink("..", os.path.join(d, "p/a/up"))
    os.symlink("nowhere.pb", os.path.join(d, "p/dangling.pb"))
    os.mkfifo(os.path.join(d, "p/pipe.pb"))
    eq([r[0] for r in findings(d, "p")], ["p/a/a_test.pb", "p/a/z.pb", "p/b.pb"])
    eq([r[0] for r in findings(d, "p/")], ["p/a/a_test.pb", "p/a/z.pb", "p/b.pb"])
    eq([r[0] for r in findings(os.path.join(d, "p"), ".")], ["a/a_test.pb", "a/z.pb", "b.pb"])


@case("a file that is reached twice is read once")
def _():
    d = project({"p/a.pb": PLAYBOOK % "a", "p/b.pb": 'import "p/a.pb"\n'})
    os.link(os.path.join(d, "p/a.pb"), os.path.join(d, "p/c.pb"))
    eq(findings(d, "p", "p/a.pb", "./p/a.pb", os.path.join(d, "p/a.pb"), "p/b.pb"), [])


@case("standard input is a file")
def _():
    one(tempdir(), "PB0100", "expected a declaration", "-", stdin="parm x: int\n")
    has(check(tempdir(), "-", stdin="parm x: int\n").stderr, "<stdin>:1:1: error[PB0100]")
    eq(findings(tempdir(), "-", stdin=PLAYBOOK % "a"), [])


@case("a path that does not fit the file system is an ordinary error")
def _():
    one(tempdir(), "PB0001", "File name too long", "x" * 5000)


# ---- imports ----

LIB = "fn lib.double(n: int): int = n * 2\n"
USE = 'import "%s"\nfn four(): int = lib.double(2)\n'


@case("an import makes the other file's declarations visible, from the project's root")
def _():
    d = project({"lib/x.pb": LIB, "p/q/a.pb": USE % "lib/x.pb"})
    eq(findings(d, "p/q/a.pb"), [])
    eq(findings(os.path.join(d, "p"), "q/a.pb"), [])
    d = project({"x.pb": LIB, "a.pb": USE % "x.pb"}, root=False)
    eq(findings("/", os.path.join(d, "a.pb")), [], "without a mark the file's own directory is the root")
    d = project({".git/x": "", "lib/x.pb": LIB, "p/a.pb": USE % "lib/x.pb"}, root=False)
    eq(findings(d, "p"), [])


@case("a file that is only checked beside another is not visible in it")
def _():
    d = project({"x.pb": LIB, "a.pb": "fn four(): int = lib.double(2)\n"})
    eq([r[2] for r in findings(d, "a.pb", "x.pb")], ["PB0202"])


@case("imports are not passed on")
def _():
    d = project({"x.pb": LIB, "y.pb": 'import "x.pb"\n', "a.pb": USE % "y.pb"})
    eq([r[2] for r in findings(d, "a.pb")], ["PB0202"])


@case("a missing import points at its place and says where paths start")
def _():
    d = project({"lib/a.pb": 'import "b.pb"\n', "lib/b.pb": ""})
    row = one(d, "PB0003", 'import "lib/b.pb"', "lib/a.pb")
    eq(row[:2], ("lib/a.pb", 1))
    one(project({"a.pb": 'import "no.pb"\n'}), "PB0003", "cannot read the imported file `no.pb`: No such file", "a.pb")
    one(project({"a.pb": 'import ""\n'}), "PB0003", "not a file's path", "a.pb")
    one(project({"a.pb": 'import "d"\n', "d/x": ""}), "PB0003", "it is a directory", "a.pb")


@case("an import cannot leave the project: not upwards, not absolute, not through a link")
def _():
    d = project({"in/pb.root": "", "out.pb": LIB}, root=False)
    inside = os.path.join(d, "in")
    os.symlink("../out.pb", os.path.join(inside, "link.pb"))
    for path in ("../out.pb", "x/../../out.pb", os.path.join(d, "out.pb"), "link.pb", "/etc/passwd", ".."):
        with open(os.path.join(inside, "a.pb"), "w") as f:
            f.write('import "%s"\n' % path)
        one(inside, "PB0004", "import from outside the project: `%s`" % path, "a.pb")


@case("a link inside the project is followed")
def _():
    d = project({"lib/x.pb": LIB, "a.pb": USE % "y.pb"})
    os.symlink("lib/x.pb", os.path.join(d, "y.pb"))
    eq(findings(d, "a.pb"), [])


@case("a circle of imports is one message that lists it")
def _():
    d = project({"a.pb": 'import "b.pb"\n', "b.pb": '\nimport "c.pb"\n', "c.pb": 'import "a.pb"\n'})
    row = one(d, "PB0005", "files import each other in a circle: a.pb → b.pb → c.pb → a.pb", "a.pb")
    eq(row[:2], ("c.pb", 1))
    one(d, "PB0005", "circle", ".")
    one(project({"a.pb": 'import "a.pb"\n'}), "PB0005", "a.pb → a.pb", "a.pb")


@case("a diamond of imports is not a circle")
def _():
    d = project({"a.pb": 'import "b.pb"\nimport "c.pb"\n', "b.pb": 'import "d.pb"\n', "c.pb": 'import "d.pb"\n', "d.pb": LIB})
    eq([r[2] for r in findings(d, "a.pb")], ["PB0621"] * 4, "only that nothing is used")


@case("thousands of imports in a row are no recursion")
def _():
    n = 1000
    files = {"f%d.pb" % i: 'import "f%d.pb"\n' % (i + 1) for i in range(n)}
    files["f%d.pb" % n] = 'import "f0.pb"\n'
    one(project(files), "PB0005", "f0.pb", "f0.pb")


# ---- depth ----

def deep(text):
    return one(project({"a.pb": text}), "PB0115", "nested too deeply", "a.pb")


@case("whatever nests does so 200 deep and not deeper")
def _():
    def f(body):
        return "fn f(): int = %s\n" % body
    for n, good in ((150, True), (5000, False)):
        for text in (f("(" * n + "1" + ")" * n), f("[" * n + "1" + "]" * n), f("{a:" * n + "1" + "}" * n), f("-" * n + "1"),
                     f("not " * n + "true"), f(" + ".join("1" * n)), f("a" + ".b" * n), f("a" + "[0]" * n), f("a(" * n + "1" + ")" * n),
                     f(" ?? ".join("1" * n)), "param x: %sint%s\n" % ("list[" * n, "]" * n),
                     "param x: %sint%s\n" % ("{a:" * n, "}" * n), "param x: %s\n" % ".".join("a" * n),
                     "action a.b() read { %s %s }\n" % ("if true {" * n, "}" * n),
                     "action a.b() read { if true { } %s }\n" % ("else if true { }" * n)):
            d = project({"a.pb": text})
            p = check(d, "--dump=ast", "a.pb")
            codes = re.findall(r"error\[(PB\d+)\]", p.stderr)
            eq(codes, [] if good else ["PB0115"], "%d levels of %s" % (n, text[:40]))


@case("interpolations nest 8 deep")
def _():
    def text(n):
        return "fn f(): string = %s1%s\n" % ('"${' * n, '}"' * n)
    eq(check(project({"a.pb": text(8)}), "--dump=ast", "a.pb").returncode, 0)
    deep(text(9))


# ---- output ----

BROKEN = 'fn f(): int = \n\tlet é = "日本語" § "x"\n'


@case("text: place, line, underline as wide as what it underlines, note and help")
def _():
    d = project({"a.pb": '# é\nfn f(x: string): bool =\n\t"日本語" == x == "é"\n'})
    eq(check(d, "a.pb").stderr, """a.pb:3:13: error[PB0118]: comparisons cannot be chained
     3 |     "日本語" == x == "é"
       |                   ^^
a.pb:3:2: note: this is a comparison already
     3 |     "日本語" == x == "é"
       |     ^^^^^^^^^^^^^
  help: write `a < b and b < c`, or put one of them in parentheses
1 error
""")


@case("a long line is cut around the place")
def _():
    d = project({"a.pb": "fn f(): int = %s § %s\n" % ("x + " * 5000 + "x", "x" * 9000)})
    lines = check(d, "a.pb").stderr.split("\n")
    assert all(len(l) < 250 for l in lines), max(len(l) for l in lines)
    has("\n".join(lines), "...")


@case("what a file holds cannot reach the terminal as a control sequence")
def _():
    name = "a\x1b]0;x\x07.pb"
    d = project({name: "parm x: int\n"})
    eq(b"\x1b" in run([PBC, "check", name], cwd=d, text=False).stderr, False)
    eq(json.loads(check(d, "--json", name).stdout)[0]["file"], name)


@case("json has every field")
def _():
    d = project({"a.pb": 'playbook a {\n  when x as f\n  stop (3\n'})
    eq(json.loads(check(d, "--format", "json", "a.pb").stdout),
       [{"file": "a.pb", "line": 3, "column": 11, "end_line": 3, "end_column": 11, "code": "PB0112", "severity": "error",
         "message": "expected `)` to close the `(` of line 3, found the end of the file", "hint": "",
         "also": {"file": "a.pb", "line": 3, "column": 8, "end_line": 3, "end_column": 9, "message": "opened here"},
         "fix": None, "allowed": None}])
    eq(json.loads(check(project({"a.pb": ""}), "--json", "a.pb").stdout), [])


@case("github annotations are escaped")
def _():
    d = project({"a,b:100%.pb": "parm x: int\n"})
    eq(check(d, "--format=github", "a,b:100%.pb").stdout,
       "::error file=a%2Cb%3A100%25.pb,line=1,endLine=1,col=1,endColumn=5,title=PB0100::expected a declaration, found `parm` "
       "(did you mean `param`?)\n")


@case("sarif has what a reader of SARIF needs")
def _():
    d = project({"a b.pb": 'parm x: int\nplaybook a {\n  when x as f\n  stop (3\n'})
    p = check(d, "--format", "sarif", "a b.pb")
    doc = json.loads(p.stdout)
    eq(doc["version"], "2.1.0")
    runs = doc["runs"][0]
    eq([r["id"] for r in runs["tool"]["driver"]["rules"]], ["PB0100", "PB0112"])
    for r in runs["tool"]["driver"]["rules"]:
        assert r["shortDescription"]["text"] and r["fullDescription"]["text"] and r["defaultConfiguration"]["level"] == "error"
    eq([r["ruleId"] for r in runs["results"]], ["PB0100", "PB0112"])
    physical = runs["results"][1]["locations"][0]["physicalLocation"]
    eq(physical["artifactLocation"]["uri"], "a%20b.pb")
    eq(physical["region"]["startLine"], 4)
    eq(runs["results"][1]["relatedLocations"][0]["message"]["text"], "opened here")
    eq(len(json.loads(check(project({"a.pb": ""}), "--format", "sarif", "a.pb").stdout)["runs"][0]["results"]), 0)
    eq(p.returncode, 1)


@case("at most 500 messages are kept, the rest counted")
def _():
    d = project({"a.pb": "fn f(): int = 1 ;\n" * 700})
    eq(len(json.loads(check(d, "--json", "a.pb").stdout)), 500)
    has(check(d, "a.pb").stderr, "200 more not shown\n700 errors\n")


@case("warnings leave the status alone unless they are denied")
def _():
    d = project({"a.pb": (PLAYBOOK % "a").replace('  version "1.0.0"\n', "")})
    p = check(d, "a.pb")
    eq(p.returncode, 0)
    has(p.stderr, "warning[PB0604]")
    has(p.stderr, "\n1 warning\n")
    eq(check(d, "--deny", "warnings", "a.pb").returncode, 1)
    eq(check(d, "--deny=errors", "a.pb").returncode, 2)


def on_terminal(args, cwd, env=None):
    master, slave = pty.openpty()
    p = subprocess.Popen(args, cwd=cwd, stderr=slave, stdout=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **(env or {})})
    os.close(slave)
    out = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(master)
    p.wait()
    return out.decode()


@case("colour only on a terminal, not with NO_COLOR; success is said there")
def _():
    d = project({"a.pb": "parm x: int\n", "b.pb": PLAYBOOK % "b", "c.pb": PLAYBOOK % "c"})
    has(on_terminal([PBC, "check", "a.pb"], d), "\x1b[1;31merror[PB0100]")
    eq("\x1b" in on_terminal([PBC, "check", "a.pb"], d, {"NO_COLOR": "1"}), False)
    eq("\x1b" in on_terminal([PBC, "check", "a.pb"], d, {"TERM": "dumb"}), False)
    eq(on_terminal([PBC, "check", "b.pb"], d), "1 playbook checked, no findings\r\n")
    eq(on_terminal([PBC, "check", "b.pb", "c.pb"], d), "2 playbooks checked, no findings\r\n")
    p = check(d, "b.pb")
    eq((p.stdout, p.stderr), ("", ""), "a pipe")


# ---- the program ----

@case("help goes to standard output, misuse to standard error with status 2")
def _():
    for args in (["--help"], ["check", "--help"], ["help"], ["help", "build"], ["-h"], ["--version"]):
        p = run([PBC, *args])
        eq((p.returncode, p.stderr), (0, ""), str(args))
        assert p.stdout
    for args, part in (([], "usage:"), (["chek"], "did you mean `check`"), (["check"], "which files"), (["check", "--fromat", "x", "y"], "did you mean `--format`"),
                       (["check", "--format", "xml", "y"], "--format cannot be `xml`"), (["check", "--format", "xml", "y"], "json, sarif, github"),
                       (["check", "--nope", "y"], "try `pbc check --help`"), (["check", "--junit", "x", "y"], "check takes no --junit; it belongs to: test"), (["check", "--format"], "a value is missing"),
                       (["build", "x.pb"], "-o"), (["build", "-o", "x.pbx"], "which files"), (["dis"], "which program"), (["explain", "PB9999"], "PB9999"),
                       (["explain", "x"], "`x`"), (["help", "x"], "no such command"), (["check", "--json=1", "x"], "takes no value"), (["fmt"], "which files"),
                       (["deploy"], "not available in this version")):
        p = run([PBC, *args])
        eq((p.returncode, p.stdout), (2, ""), str(args))
        has(p.stderr, part)


@case("every diagnostic is listed and explained")
def _():
    rows = json.loads(run([PBC, "explain", "--json"]).stdout)
    assert len(rows) > 50
    eq(len({r["code"] for r in rows}), len(rows), "codes are unique")
    eq(len(run([PBC, "explain"]).stdout.strip().split("\n")), len(rows))
    for i, r in enumerate(rows[::4]):
        for spelling in (r["code"], r["code"].lower(), str(int(r["code"][2:])))[i % 3:i % 3 + 1]:
            p = run([PBC, "explain", spelling])
            eq(p.returncode, 0)
            has(p.stdout, r["title"])
            has(p.stdout, r["text"])


@case("build writes the program whole or not at all")
def _():
    d = project({"a.pb": PLAYBOOK % "a", "bad.pb": "parm x: int\n"})
    out = os.path.join(d, "out")
    os.mkdir(out)
    target = os.path.join(out, "x.pbx")
    p = run([PBC, "build", "-o", target, "a.pb"], cwd=d)
    eq((p.returncode, p.stdout, p.stderr), (0, "", ""))
    with open(target, "rb") as f:
        first = f.read()
    eq(first[:8], b"\x89PBX\r\n\x1a\n")
    eq(run([PBC, "build", "-o", target, "bad.pb"], cwd=d).returncode, 1)
    with open(target, "rb") as f:
        eq(f.read(), first, "the old program stays")
    eq(os.listdir(out), ["x.pbx"], "nothing is left behind")
    mask = os.umask(0)
    os.umask(mask)
    eq(os.stat(target).st_mode & 0o777, 0o666 & ~mask)
    p = run([PBC, "build", "-o", os.path.join(d, "no/x.pbx"), "a.pb"], cwd=d)
    eq(p.returncode, 1)
    has(p.stderr, "cannot write")
    eq(run([PBC, "build", "-o", "-", "a.pb"], cwd=d, text=False).stdout, first, "the same bytes each time")


@case("build through a link keeps the link; onto a device it writes to the device")
def _():
    d = project({"a.pb": PLAYBOOK % "a", "real.pbx": "old"})
    os.symlink("real.pbx", os.path.join(d, "link.pbx"))
    eq(run([PBC, "build", "-o", "link.pbx", "a.pb"], cwd=d).returncode, 0)
    eq(os.path.islink(os.path.join(d, "link.pbx")), True)
    with open(os.path.join(d, "real.pbx"), "rb") as f:
        eq(f.read(4), b"\x89PBX")
    eq(run([PBC, "build", "-o", "/dev/null", "a.pb"], cwd=d).returncode, 0)
    eq(os.path.isfile("/dev/null"), False)
    p = run([PBC, "build", "-o", "/dev/full", "a.pb"], cwd=d)
    eq(p.returncode, 1)
    has(p.stderr, "No space left")


@case("output that cannot be written is an error")
def _():
    with open("/dev/full", "w") as full:
        p = subprocess.run([PBC, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    eq(p.returncode, 5)
    has(p.stderr, "cannot write to standard output")


@case("dis shows a program and refuses everything else")
def _():
    d = project({"a.pb": PLAYBOOK % "some_name", "text": "hello"})
    run([PBC, "build", "-o", "x.pbx", "a.pb"], cwd=d)
    p = run([PBC, "dis", "x.pbx"], cwd=d)
    eq((p.returncode, p.stderr), (0, ""))
    has(p.stdout, "some_name")
    for name in ("text", "a.pb", "missing", "."):
        p = run([PBC, "dis", name], cwd=d)
        eq((p.returncode, p.stdout), (1, ""), name)
        has(p.stderr, name)


main()
