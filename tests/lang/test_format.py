#!/usr/bin/python3
"""pbc fmt: the canonical layout (format/NAME.pb becomes format/NAME.out), and what holds for every file: formatting twice
is formatting once, the tree and all comments stay, and line ends and blanks of the source do not matter."""
# speed: slow
# runs: sanitized
import glob
import os
import random
import re
import stat

from pbtest import PBC, ROOT, case, eq, has, main, run, tempdir

PAIRS = os.path.join(ROOT, "tests/lang/format")


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return f.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)


def fmt(text):
    p = run([PBC, "fmt", "-"], stdin=text)
    eq((p.returncode, p.stderr), (0, ""), text)
    return p.stdout


def sources():
    """(name, text) of every playbook file of the repository and of every example of the reference."""
    for path in sorted(glob.glob(ROOT + "/stdlib/**/*.pb", recursive=True) + glob.glob(ROOT + "/playbooks/*.pb") +
                       glob.glob(ROOT + "/tests/**/*.pb", recursive=True)):
        yield os.path.relpath(path, ROOT), read(path)
    text = read(os.path.join(ROOT, "lang/REFERENCE.md"))
    for m in re.finditer(r"^```pb([a-z-]*)[^\n]*\n(.*?)^```$", text, re.M | re.S):
        name = "reference/%d.pb" % (text.count("\n", 0, m.start()) + 1)
        yield name, "playbook p {\n  when a.b as f\n%s}\n" % m[2] if "body" in m[1] else m[2]


def everything():
    """All sources in a directory, those that do not parse left out: the directory and the names."""
    d = tempdir()
    names = []
    for name, text in sources():
        write(os.path.join(d, name), text.replace("import \"", "import \"x/"))
        names.append(name)
    wrong = set(re.findall(r"^([^\s:]+):\d+:\d+: error", run([PBC, "fmt", "--check", "."], cwd=d).stderr, re.M))
    for name in wrong:
        os.unlink(os.path.join(d, name))
    return d, [n for n in names if n not in wrong]


# ---- a scanner of our own: tokens and what stands between them ----

PUNCTUATION = re.compile(r"\?\?|\?\.|==|!=|<=|>=|[^\s]")


def text_end(s, i):
    """The end of the string that begins at s[i]."""
    quotes = '"""' if s.startswith('"""', i) else '"'
    i += len(quotes)
    while not s.startswith(quotes, i):
        if s[i] == "\\":
            i += 2
        elif s.startswith("${", i):
            i, depth = i + 2, 1
            while depth:
                if s[i] == '"':
                    i = text_end(s, i)
                    continue
                if s[i] == "#":
                    i = s.index("\n", i)
                depth += {"{": 1, "}": -1}.get(s[i], 0)
                i += 1
        else:
            i += 1
    return i + len(quotes)


def split(s):
    """[gap, token, gap, token, ..., gap]; comments belong to the gaps."""
    out, i, gap = [], 0, 0
    while i < len(s):
        if s[i] in " \t\r\n":
            i += 1
            continue
        if s[i] == "#":
            i = s.find("\n", i) if "\n" in s[i:] else len(s)
            continue
        m = re.compile(r"\d+\.\d+(e[+-]?\d+)?\w*|\w+").match(s, i)
        end = text_end(s, i) if s[i] == '"' else (m or PUNCTUATION.match(s, i)).end()
        out += [s[gap:i], s[i:end]]
        i = gap = end
    return out + [s[gap:]]


def comments(s):
    return [c.rstrip() for gap in split(s)[::2] for c in re.findall(r"#[^\n]*", gap)]


def shake(s, rng):
    """The same program with other blanks and line ends. Comments and empty lines stay where they are."""
    parts = split(s)
    for i in range(2, len(parts) - 1, 2):
        gap, free = parts[i], parts[i - 1][-1] in "()[]{}," or parts[i + 1][0] in "()[]{},"
        if "#" in gap or gap.count("\n") > 1:
            parts[i] = re.sub(r"\n[ \t]*(?=[^\s]|$)", lambda m: "\n" + " " * rng.randrange(1, 9), gap)
        else:
            parts[i] = rng.choice([""] * 3 * free + [" ", " ", "  \t", "\n ", "\r\n\t", " \n    "])
    return "".join(parts)


# ---- cases ----

@case("pairs: what goes in and what comes out")
def _():
    names = sorted(glob.glob(PAIRS + "/*.pb"))
    assert len(names) >= 5, names
    for path in names:
        want = read(path[:-3] + ".out")
        eq(fmt(read(path)), want, path)
        eq(fmt(want), want, path + ", again")


@case("the standard library and the playbooks are in the canonical layout")
def _():
    p = run([PBC, "fmt", "--check", "stdlib", "playbooks", "tests/lang/good"])
    eq((p.returncode, p.stdout, p.stderr), (0, "", ""), "run `pbc fmt` on them")


@case("every file: twice is once, the tree and the comments stay")
def _():
    d, names = everything()
    assert len(names) > 200, len(names)
    before = run([PBC, "check", "--dump=ast", "."], cwd=d).stdout
    texts = {n: read(os.path.join(d, n)) for n in names}
    p = run([PBC, "fmt", "."], cwd=d)
    eq((p.returncode, p.stdout, p.stderr), (0, "", ""))
    p = run([PBC, "fmt", "--check", "."], cwd=d)
    eq((p.returncode, p.stdout, p.stderr), (0, "", ""), "twice")
    eq(run([PBC, "check", "--dump=ast", "."], cwd=d).stdout, before)
    changed = 0
    for n in names:
        after = read(os.path.join(d, n))
        eq(comments(after), comments(texts[n]), n)
        eq([t for t in split(after)[1::2] if t != ","], [t for t in split(texts[n])[1::2] if t != ","], n)
        assert not re.search(r"[ \t]\n|\n\n\n|\t", re.sub(r'""".*?"""', "text", after, flags=re.S)), n
        changed += after != texts[n]
    assert changed > 20, "nothing was formatted"


@case("blanks and line ends of the source do not matter")
def _():
    d, names = everything()
    rng = random.Random(5)
    for n in names:
        for i in range(2):
            write(os.path.join(d, "shaken%d" % i, n), shake(read(os.path.join(d, n)), rng))
    p = run([PBC, "fmt", "."], cwd=d)
    eq((p.returncode, p.stdout, p.stderr), (0, "", ""))
    for n in names:
        want = read(os.path.join(d, n))
        for i in range(2):
            eq(read(os.path.join(d, "shaken%d" % i, n)), want, n)


UGLY = "param   a:int\nparam b :  int\n"
NICE = "param a: int\nparam b: int\n"


@case("files are written in place, with their mode, through links, and only when they change")
def _():
    d = tempdir()
    for name, text in (("ugly.pb", UGLY), ("nice.pb", NICE), ("sub/x.pb", UGLY), ("other.txt", UGLY), ("real", UGLY)):
        write(os.path.join(d, name), text)
    os.symlink("real", os.path.join(d, "link.pb"))
    os.chmod(os.path.join(d, "ugly.pb"), 0o640)
    inode = os.stat(os.path.join(d, "nice.pb")).st_ino
    p = run([PBC, "fmt", "--check", "."], cwd=d)
    eq((p.returncode, p.stdout, p.stderr), (1, "link.pb\nsub/x.pb\nugly.pb\n", ""))
    eq(read(os.path.join(d, "ugly.pb")), UGLY, "--check writes nothing")
    p = run([PBC, "fmt", "."], cwd=d)
    eq((p.returncode, p.stdout, p.stderr), (0, "", ""))
    for name in ("ugly.pb", "nice.pb", "sub/x.pb", "real"):
        eq(read(os.path.join(d, name)), NICE, name)
    eq(read(os.path.join(d, "other.txt")), UGLY)
    eq(os.path.islink(os.path.join(d, "link.pb")), True)
    eq(stat.S_IMODE(os.stat(os.path.join(d, "ugly.pb")).st_mode), 0o640)
    eq(os.stat(os.path.join(d, "nice.pb")).st_ino, inode, "not touched")
    eq(sorted(os.listdir(d)), ["link.pb", "nice.pb", "other.txt", "real", "sub", "ugly.pb"], "nothing is left behind")


@case("a file with errors is left alone, the others are written, the status is 1")
def _():
    d = tempdir()
    write(os.path.join(d, "bad.pb"), "param   a:\n")
    write(os.path.join(d, "ugly.pb"), UGLY)
    p = run([PBC, "fmt", "."], cwd=d)
    eq((p.returncode, p.stdout), (1, ""))
    has(p.stderr, "bad.pb:1:12: error[PB01")
    eq(read(os.path.join(d, "bad.pb")), "param   a:\n")
    eq(read(os.path.join(d, "ugly.pb")), NICE)
    p = run([PBC, "fmt", "-"], stdin="param   a:\n")
    eq((p.returncode, p.stdout), (1, ""))
    has(p.stderr, "<stdin>:1:12: error")
    eq(run([PBC, "fmt", "no.pb"], cwd=d).returncode, 1)
    eq(run([PBC, "fmt"]).returncode, 2)


@case("imports are neither followed nor needed; a byte order mark stays")
def _():
    d = tempdir()
    write(os.path.join(d, "a.pb"), "import   \"lib/b.pb\"\nimport \"no/such.pb\"\n")
    write(os.path.join(d, "lib/b.pb"), UGLY)
    eq(run([PBC, "fmt", "a.pb"], cwd=d).returncode, 0)
    eq(read(os.path.join(d, "a.pb")), 'import "lib/b.pb"\nimport "no/such.pb"\n')
    eq(read(os.path.join(d, "lib/b.pb")), UGLY)
    write(os.path.join(d, "c.pb"), "\ufeff" + UGLY)
    eq(run([PBC, "fmt", "c.pb"], cwd=d).returncode, 0)
    eq(read(os.path.join(d, "c.pb")), "\ufeff" + NICE)


@case("a directory that cannot be written to is a message and status 1")
def _():
    d = tempdir()
    write(os.path.join(d, "a.pb"), UGLY)
    # A name that leaves no room for the temporary file's: fails for root, too.
    long = "x" * 250 + ".pb"
    write(os.path.join(d, long), UGLY)
    p = run([PBC, "fmt", "."], cwd=d)
    eq((p.returncode, p.stdout), (1, ""))
    has(p.stderr, "cannot write `%s`: File name too long" % long)
    eq(read(os.path.join(d, "a.pb")), NICE)
    eq(read(os.path.join(d, long)), UGLY)


def apply(d, diff):
    """What `patch -p0` does, and strictly: every line must be where the diff says."""
    for part in re.split(r"^--- ", diff, flags=re.M)[1:]:
        path = os.path.join(d, part.split("\n", 1)[0])
        old, new, at = read(path).splitlines(True), [], 0
        for hunk in re.split(r"^(?=@@)", part, flags=re.M)[1:]:
            start, count = re.match(r"@@ -(\d+)(?:,(\d+))? ", hunk).groups()
            start = int(start) - (count != "0")
            new += old[at:start]
            at = start
            for line in hunk.splitlines(True)[1:]:
                if line[0] == "\\":
                    continue
                if line[0] != "+":
                    eq(old[at].rstrip("\n"), line[1:].rstrip("\n"), path)
                    at += 1
                if line[0] != "-":
                    new.append(line[1:])
        write(path, "".join(new + old[at:]))


@case("--diff is what patch understands")
def _():
    d, names = everything()
    copy = os.path.join(d, "copy")
    for n in names:
        text = read(os.path.join(d, n))
        write(os.path.join(copy, n), text[:-1] if n.endswith("e.pb") else text)
    p = run([PBC, "fmt", "--diff", "."], cwd=copy)
    eq((p.returncode, p.stderr), (0, ""))
    has(p.stdout, "\\ No newline at end of file")
    eq(run([PBC, "fmt", "--diff", "--check", "."], cwd=copy).returncode, 1)
    apply(copy, p.stdout)
    p = run([PBC, "fmt", "--check", "."], cwd=copy)
    eq((p.returncode, p.stdout), (0, ""))


@case("--diff shows three lines around a change, and joins changes that are near")
def _():
    lines = ["param a%d: int\n" % i for i in range(30)]
    lines[5], lines[11], lines[25] = "param  a5: int\n", "param  a11: int\n", "param  a25: int\n"
    out = run([PBC, "fmt", "--diff", "-"], stdin="".join(lines)).stdout
    eq(re.findall(r"^@@.*", out, re.M), ["@@ -3,13 +3,13 @@", "@@ -23,7 +23,7 @@"])
    eq(re.findall(r"^[-+].*", out, re.M), ["--- <stdin>", "+++ <stdin>", "-param  a5: int", "+param a5: int", "-param  a11: int",
                                           "+param a11: int", "-param  a25: int", "+param a25: int"])
    eq(run([PBC, "fmt", "--diff", "-"], stdin=NICE).stdout, "")


@case("an empty file and one of comments only")
def _():
    eq(fmt(""), "")
    eq(fmt("\n\n  \n"), "")
    eq(fmt("  # a\n\n\n\n #b  "), "# a\n\n#b\n")


main()
