"""What compiled programs do: small playbooks built with pbc and run with pbrun against one event; what they put into the
record, and how they ended, is read from the evidence. No AWS is involved."""
# runs: sanitized
import json
import os

from pbtest import PBC, PBRUN, case, eq, has, main, run, tempdir

TYPES = '''
type Person { name: string  age: int? }
type Ev {
  id: string  n: int?  f: float?  s: string?  flag: bool?  names: list[string]?  nums: list[int]?
  tags: map[string]?  who: Person?  data: json?
}
event test.ev { source "test"  detail_type "Test"  schema Ev  payload "detail"  id "id" }
'''
HEADER = 'version "1.0.0"  summary "a test"  owner "tests"  tier auto  controls ["T-1"]\n'
work = tempdir()
count = 0


def build(text):
    global count
    count += 1
    path = os.path.join(work, "t%d.pb" % count)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    bundle = path + "x"
    p = run([PBC, "build", "-o", bundle, path])
    eq(p.returncode, 0, p.stderr[-3000:])
    return bundle


def fire(bundle, detail=None, *args):
    """Runs the bundle on an event; the evidence documents and the process."""
    event = {"version": "0", "id": "ev-1", "source": "test", "detail-type": "Test", "time": "2026-01-02T03:04:05Z",
             "account": "123456789012", "region": "eu-west-1", "resources": [], "detail": dict({"id": "e-1"}, **(detail or {}))}
    evidence = os.path.join(work, "ev%d" % count)
    log = os.path.join(evidence, "evidence.jsonl")
    if os.path.exists(log):
        os.remove(log)
    p = run([PBRUN, "run", "-p", bundle, "-e", "-", "--evidence", evidence, "--json", *args], stdin=json.dumps(event))
    documents = []
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            documents = [json.loads(line) for line in f]
    return documents, p


def play(body, detail=None, *args, decls="", head=""):
    """The evidence of a playbook with this body."""
    bundle = build(TYPES + decls + "playbook p {\n" + HEADER + "when test.ev as e\n" + head + "\n" + body + "\n}\n")
    documents, p = fire(bundle, detail, *args)
    eq(len(documents), 1, p.stdout + p.stderr)
    return documents[0]


def values(detail, table, decls="", lets=""):
    """A table of name: (expression, its value in the record). None: there is no such entry."""
    entries = "\n".join("%s: %s" % (name, expr) for name, (expr, _) in table.items())
    doc = play(lets + "\nrecord {\n%s\n}" % entries, detail, decls=decls)
    eq(doc["outcome"], "done", str(doc["reason"]))
    wrong = ["%s: %s is %r, want %r" % (name, expr, doc["record"].get(name), want)
             for name, (expr, want) in table.items() if doc["record"].get(name) != want]
    eq(wrong, [])


def fails(expr, detail, code, part, lets=""):
    doc = play("%s\nlet x = %s\nrecord { x: x }" % (lets, expr), detail)
    eq((doc["outcome"], doc["reason"]["code"]), ("failed", code), str(doc["reason"]))
    has(doc["reason"]["message"], part)


@case("a dry run: what is unknown is there, is neither true nor false, and decides as the reference says")
def _():
    decls = """
action t.send(text: string): string? notify { do slack.post("#x", text) as sent  return sent.ts }
action t.twice(ts: string?): string notify {
  if ts == "7" { do slack.post("#x", "then") } else { do slack.post("#x", "not then") }
  if ts == "7" { return "early" }
  if ts == "8" { fail "never" } else { do slack.post("#x", "else") }
  if ts exists { do slack.post("#x", "exists") } else { fail "it is there" }
  return "late"
}
"""
    doc = play("""do t.send("one") as ts
do t.twice(ts) as way
let all_of = [n for n in [1, 2] if ts == "${n}"]
for c in (ts ?? "x").split(",") { do slack.post("#x", "loop") }
where ts == "7"
where any(n in [1, 2]: ts == "${n}")
where not all(n in [1, 2]: ts == "${n}")
where all_of.size() == 0 or ts == "9"
record {
  way: way
  known: any(n in [1, 2]: n == 2 or ts == "7")
  open: [any(n in [1]: ts == "x") == true, all(n in [1]: ts == "x") == true, all_of.size() == 0, ts == "x" or false, ts == "x" and true]
}""", {}, "--dry-run", decls=decls)
    eq(doc["remediation_status"], "planned", str(doc["reason"]))
    eq([c["arguments"]["text"] for a in doc["automated_actions"] for c in a["calls"]], ["one", "then", "else", "exists", "loop"])
    unknown = "(known only when it runs)"
    eq(doc["record"], {"way": "late", "known": True, "open": [unknown] * 5})


@case("numbers, durations, text")
def _():
    values({"n": 3, "f": 2.5, "s": "x"}, {
        "a": ("1 + 2 * 3", 7), "b": ("(1 + 2) * 3", 9), "c": ("7 / 2", 3), "d": ("-7 / 2", -3), "e": ("7 % 3", 1), "f": ("-7 % 3", -1),
        "g": ("-(1 + 1)", -2), "h": ("2.5 * 2.0", 5.0), "i": ("7.0 / 2.0", 3.5), "j": ("10 - 3 - 2", 5), "k": ('"a" + "b" + "c"', "abc"),
        "l": ("90s == 1m + 30s", True), "m": ("2h / 2 == 1h", True), "n": ("10s * 6 == 1m", True), "o": ("5TB", 5 * 10 ** 12), "p": ("10GiB", 10 << 30),
        "q": ("[1, 2] + [3]", [1, 2, 3]), "r": ("40000 + 1", 40001), "s": ("-32768", -32768), "t": ("-32769", -32769), "u": ("1 < 2 and 2 < 3", True),
        "v": ("9223372036854775807", 2 ** 63 - 1), "w": ("-9223372036854775807 - 1", -2 ** 63), "x": ('"a" < "b"', True), "y": ("2 >= 2 and 3 > 2 and not (2 > 2)", True),
        "z": ("1d.seconds()", 86400),
    })


@case("order of evaluation does not depend on the operator")
def _():
    values({"nums": [1, 2]}, {
        "gt": ("5 > 3", True), "ge": ("3 >= 5", False), "lt": ("5 < 3", False), "le": ("3 <= 3", True), "eq": ("[1, 2] == [1, 2]", True),
        "ne": ('{ a: 1 } != { a: 2 }', True), "deep": ('[{ a: [1] }] == [{ a: [1] }]', True),
    })


@case("integers never wrap: overflow and division by zero are errors")
def _():
    fails("9223372036854775807 + d", {"n": 1}, "overflow", "too large", "let d = e.n ?? 0")
    fails("-9223372036854775807 - d", {"n": 2}, "overflow", "too large", "let d = e.n ?? 0")
    fails("4611686018427387904 * d", {"n": 2}, "overflow", "too large", "let d = e.n ?? 0")
    fails("1 / d", {"n": 0}, "divide_by_zero", "zero", "let d = e.n ?? 0")
    fails("1 % d", {"n": 0}, "divide_by_zero", "zero", "let d = e.n ?? 0")


@case("an absent value is unequal to everything and neither less nor greater")
def _():
    values({}, {
        "a": ("e.n == 1", False), "b": ("e.n != 1", True), "c": ("e.n < 1", False), "d": ("e.n >= 1", False), "e": ("not (e.n < 1)", True),
        "f": ('e.s like "*"', False), "g": ('e.s matches "."', False), "h": ("e.n in [1, 2]", False), "i": ("e.n exists", False),
        "j": ("e.n ?? 5", 5), "k": ("e.who.name exists", False), "l": ('e.who?.name ?? "nobody"', "nobody"), "m": ("e.n", None),
        "n": ('e.tags["a"]', None), "o": ('e.tags["a"] ?? "none"', "none"), "q": ("e.n > 1 or e.n < 1 or e.n == 1", False),
        "r": ("1 > e.n", False), "s": ("e.names[0] exists", False),
    })


@case("present values")
def _():
    values({"n": 1, "s": "abc", "who": {"name": "Ann"}, "tags": {"a": "b"}, "names": ["x", "y"]}, {
        "a": ("e.n == 1", True), "b": ("e.n != 1", False), "c": ('e.s like "a*"', True), "d": ('e.s matches "^[a-c]+$"', True), "e": ("e.n ?? 5", 1),
        "f": ("e.who.name", "Ann"), "g": ("e.who.age ?? 7", 7), "h": ('e.tags["a"]', "b"), "i": ('e.tags["x"]', None), "j": ("e.names[1]", "y"),
        "k": ("e.names[2]", None), "l": ("e.names[-1]", None), "m": ("e.who.name exists and e.who.name.size() == 3", True), "n": ("e.s exists", True),
    })


@case("and, or and ?? evaluate no more than they need")
def _():
    values({}, {
        "a": ("d != 0 and 10 / d > 1", False), "b": ("d == 0 or 10 / d > 1", True), "c": ('e.s ?? "x"', "x"),
        "d": ("one ?? 1 / d", 1), "e": ("any(x in [1, 0]: 2 / x == 2)", True), "f": ("all(x in [2, 0]: 4 / x == 1)", False),
        "g": ("true or 1 / d == 1", True), "h": ("not (false and 1 / d == 1)", True),
    }, lets="let d = e.n ?? 0\nlet one = [1].first()")


@case("comprehensions, any and all")
def _():
    values({"nums": [3, 1, 2], "names": ["b", "a"]}, {
        "a": ("[x * 2 for x in ns if x > 1]", [6, 4]), "b": ("[x for x in ns]", [3, 1, 2]), "c": ("[[x + y for y in ns if y != x] for x in ns if x < 3]", [[4, 3], [5, 3]]),
        "d": ("any(x in ns: x == 2)", True), "e": ("all(x in ns: x > 0)", True), "f": ("any(x in ns: x > 5)", False), "g": ("all(x in ns: x > 1)", False),
        "h": ("[x for x in ns if x > 9]", []), "i": ("any(x in [y for y in ns if y > 9]: true)", False), "j": ("all(x in [y for y in ns if y > 9]: false)", True),
        "k": ("[{ name: n, up: n.upper() } for n in ss]", [{"name": "b", "up": "B"}, {"name": "a", "up": "A"}]),
        "l": ("any(x in ns: any(y in ns: x + y == 5))", True), "m": ("[n for n in ss if any(x in ns: x == n.size())]", ["b", "a"]),
        "n": ("[x for x in ns if any(y in ns: y > x)].size()", 2),
    }, lets="let ns = e.nums ?? []\nlet ss = e.names ?? []")


@case("long lists, long texts and deep expressions are taken in pieces")
def _():
    lists = list(range(250))
    text = "".join("${n}-%d " % i for i in range(150))
    values({"n": 7}, {
        "list": ("[%s]" % ", ".join(map(str, lists)), lists), "text": ('"%s"' % text, text.replace("${n}", "7")),
        "sum": (" + ".join(["1"] * 150), 150), "exact": ("[%s]" % ", ".join(["1"] * 60), [1] * 60), "parts": ('"%s"' % ("${n}" * 61), "7" * 61),
        "right": ("+(".join(["1"] * 60) + ")" * 59, 60),
    }, lets="let n = e.n ?? 0")


@case("functions of text")
def _():
    values({"s": " Ab-Cd "}, {
        "a": ("s.trim()", "Ab-Cd"), "b": ("s.trim().lower()", "ab-cd"), "c": ("s.trim().upper()", "AB-CD"), "d": ('s.trim().split("-")', ["Ab", "Cd"]),
        "e": ('["x", "y"].join("+")', "x+y"), "f": ('s.replace("-", "_").trim()', "Ab_Cd"), "g": ('s.trim().starts_with("Ab")', True), "h": ('s.ends_with("d")', False),
        "i": ("s.trim().slice(1, 3)", "b-"), "j": ('"äö".size()', 2), "k": ("[2, 1, 2].unique()", [2, 1]), "l": ('["b", "a"].sort()', ["a", "b"]),
        "m": ("[1, 2].first()", 1), "n": ("[1, 2].last()", 2), "o": ('int("12")', 12), "p": ('int("x") ?? -1', -1), "q": ("string(12)", "12"), "r": ('"b" in "abc"', True),
        "s": ('"x" in "abc"', False), "t": ('sha256("abc").slice(0, 8)', "ba7816bf"), "u": ('url_encode("a b/c")', "a%20b%2Fc"), "v": ("json_text([1, 2])", "[1,2]"),
        "w": ("e.s.trim()", "Ab-Cd"), "x": ("e.names.size()", None), "y": ('"a" in ["a"]', True), "z": ("[[1]].first().size()", 1),
    }, lets='let s = e.s ?? ""')


@case("interpolation")
def _():
    values({"n": 5, "f": 0.5, "flag": True}, {
        "a": ('"${e.id}/${e.n ?? 0}"', "e-1/5"), "b": ('"${1 + 1}${"x" + "y"}"', "2xy"), "c": ('"\\${n} \\u{e4} \\"q\\""', '${n} ä "q"'), "d": ('"${e.f ?? 1.0}"', "0.5"),
        "e": ('"${true} ${30s}"', "true 30s"), "f": ('"${"in ${e.id}"}"', "in e-1"), "g": ('"plain"', "plain"), "h": ('""', ""),
    })


@case("addresses, blocks, ARNs and times")
def _():
    values({"s": "10.1.2.3"}, {
        "a": ('ip("10.1.2.3") in cidr("10.0.0.0/8")', True), "b": ('ip("11.1.2.3") in cidr("10.0.0.0/8")', False),
        "c": ('ip(e.s ?? "") in [cidr("192.168.0.0/16"), cidr("10.1.0.0/16")]', True), "d": ('ip("2001:db8::1") in cidr("2001:db8::/32")', True),
        "e": ('ip("x" + e.id) exists', False), "f": ('arn("arn:aws:s3:::bucket/key").resource()', "bucket/key"), "g": ('arn("arn:aws:iam::123456789012:user/a").account()', "123456789012"),
        "h": ('time("2026-01-02T03:04:05Z") + 1h == time("2026-01-02T04:04:05Z")', True), "i": ("run.event_time.format()", "2026-01-02T03:04:05Z"),
        "j": ('run.event_time < run.started', True), "k": ("run.event_time.epoch()", 1767323045), "l": ("(run.started - (run.event_time ?? run.started)) > 0s", True),
    })


@case("json is read through casts")
def _():
    data = {"name": "Ann", "age": 30, "list": [1, 2], "mixed": [1, "a"], "deep": {"er": {"x": True}}, "no": None}
    values({"data": data}, {
        "a": ("(e.data as Person).name", "Ann"), "b": ("e.data.name as string", "Ann"), "c": ("e.data.name as int", None), "d": ("(e.data.list as list[int]) ?? []", [1, 2]),
        "e": ("e.data.mixed as list[int]", None), "f": ("e.data.deep.er.x as bool", True), "g": ("e.data.none.such as bool", None), "h": ("e.data.list[1] as int", 2),
        "i": ("(e.data.deep as Person) exists", False), "j": ("e.data.no as string", None), "k": ('(json_parse("[1]") as list[int]) ?? []', [1]), "l": ("e.data.age as int", 30),
        "m": ("(e.data as map[json]) exists", True), "n": ("(e.data as { name: string }).name", "Ann"),
    })


@case("functions: defaults, calls within calls")
def _():
    values({"nums": [1, 2]}, {
        "a": ("twice(twice(3))", 12), "b": ("greet()", "hello you"), "c": ('greet(who: "Ann")', "hello Ann"), "d": ("sum3(1, c: 5)", 16), "e": ("count()", 3),
        "f": ("[count([y for y in ns if y > x]) for x in ns]", [1, 0]), "g": ("pick(ns, 2)", True),
    }, lets="let ns = e.nums ?? []", decls='''
fn twice(x: int): int = x * 2
fn greet(word: string = "hello", who: string = "you"): string = "${word} ${who}"
fn sum3(a: int, b: int = 10, c: int = 100): int = a + b + c
fn count(of: list[int] = [1, 2, 3]): int = of.size()
fn pick(xs: list[int], n: int): bool = any(x in xs: x == n)
''')


ACTIONS = '''
action t.give(x: int): { changed: bool, x: int } notify { return { changed: true, x: x } }
action t.same(x: int): { changed: bool, x: int } notify { return { changed: false, x: x } }
action t.broken(code: string = "Broken"): { changed: bool, x: int } notify { fail "it is ${code}" code code }
action t.guarded(x: int): { changed: bool, x: int } notify {
  do t.broken() else { return { changed: false, x: x + 1 } }
  return { changed: true, x: x }
}
action t.sum(xs: list[int]): { changed: bool, x: int } notify {
  let each = [t.one(x) for x in xs]
  return { changed: true, x: each.size() }
}
action t.one(x: int): int read { return x }
action t.early(x: int): { changed: bool, x: int } notify {
  for i in [1, 2, 3] { if i == x { return { changed: true, x: i * 100 } } }
  return { changed: false, x: 0 }
}
'''


def acts(body, detail=None, *args):
    return play(body, detail, *args, decls=ACTIONS)


@case("do: results, early return, reads in expressions")
def _():
    doc = acts('''do t.give(3) as a
      do t.early(2) as b
      do t.early(9) as c
      do t.sum([1, 2, 3]) as d
      record { a: a.x, b: b.x, c: c.x, d: d.x, changed: [a.changed, c.changed] }''')
    eq(doc["record"], {"a": 3, "b": 200, "c": 0, "d": 3, "changed": [True, False]})
    eq([(s["action"], s["status"]) for s in doc["automated_actions"]],
       [("t.give", "succeeded"), ("t.early", "succeeded"), ("t.early", "already_done"), ("t.sum", "succeeded")])


@case("else: error.code and error.message, the result absent, then on it goes")
def _():
    doc = acts('''do t.broken("Odd") as r else { record { code: error.code, message: error.message } }
      do t.guarded(1) as g
      record { r: r exists, x: g.x }''')
    eq((doc["outcome"], doc["record"]), ("done", {"code": "Odd", "message": "it is Odd", "r": False, "x": 2}))


@case("an error without else ends the run with its code and place")
def _():
    doc = acts('record { a: 1 }\ndo t.broken()\nrecord { b: 1 }')
    eq((doc["outcome"], doc["reason"]["code"], doc["record"]), ("failed", "Broken", {"a": 1}))
    has(doc["reason"]["message"], "it is Broken")
    has(doc["reason"]["place"], ".pb:")


@case("on failure covers what follows it, and the error goes on")
def _():
    doc = acts('let before = "b"\non failure { do t.give(1)\n record { code: error.code, before: before } }\ndo t.broken()')
    eq((doc["outcome"], doc["reason"]["code"], doc["record"]), ("failed", "Broken", {"code": "Broken", "before": "b"}))
    eq([s["action"] for s in doc["automated_actions"]], ["t.broken", "t.give"])
    doc = acts('on failure { record { failed: true } }\ndo t.give(1)\nrecord { fine: true }')
    eq((doc["outcome"], doc["record"]), ("done", {"fine": True}))
    doc = acts('on failure { record { failed: true } }\nstop "enough"')
    eq((doc["outcome"], doc["record"]), ("stopped", {}))


@case("fail in a handler replaces the error")
def _():
    doc = acts('do t.broken() else { fail "second" code "Second" }\nrecord { a: 1 }')
    eq((doc["outcome"], doc["reason"]["code"]), ("failed", "Second"))


@case("parallel: bindings come back, the first failed branch's error counts")
def _():
    doc = acts('''parallel {
        do t.give(1) as a
        do t.give(2) as b
        let c = t.one(3)
        if e.id == "e-1" { record { inside: true } }
        do t.broken() as d else { record { caught: error.code } }
      }
      record { sum: a.x * 100 + b.x * 10 + c, d: d exists }''')
    eq((doc["outcome"], doc["record"]), ("done", {"inside": True, "caught": "Broken", "sum": 123, "d": False}))
    doc = acts('parallel {\ndo t.give(1)\ndo t.broken("A")\ndo t.broken("B")\n}\nrecord { a: 1 }')
    eq((doc["outcome"], doc["reason"]["code"], doc["record"]), ("failed", "A", {}))
    doc = acts('on failure { record { code: error.code } }\nparallel { do t.broken("A") }\nrecord { a: 1 }')
    eq(doc["record"], {"code": "A"})


@case("parallel inside a loop begins anew each time")
def _():
    doc = acts('''for x in [1, 2] {
        parallel {
          do t.give(x) as a
          if x == 1 { do t.give(9) }
        }
        record { last: a.x }
      }''')
    eq((doc["outcome"], doc["record"]), ("done", {"last": 2}))
    eq(len(doc["automated_actions"]), 3)


@case("for and if")
def _():
    doc = acts('''for x in e.nums ?? [] {
        let double = x * 2
        if double == 2 { record { one: double } } else if double == 4 { record { two: double } } else { record { other: double } }
      }
      for x in [1, 2] { for y in [10, 20] { record { last: x + y } } }
      if e.flag == true { record { flag: true } }
      if not (e.flag exists) { record { none: true } }''', {"nums": [1, 2, 3]})
    eq(doc["record"], {"one": 2, "two": 4, "other": 6, "last": 22, "none": True})


@case("where: at the head no match, later a skipped run with condition and value")
def _():
    bundle = build(TYPES + "playbook p {\n" + HEADER + 'when test.ev as e\nwhere e.n > 3\nwhere e.s like "a*" and e.flag == true\nrecord { id: e.id }\n}')
    for detail, matched in (({}, 0), ({"n": 3, "s": "a", "flag": True}, 0), ({"n": 4, "s": "b", "flag": True}, 0), ({"n": 4, "s": "a"}, 0), ({"n": 4, "s": "a", "flag": True}, 1)):
        documents, p = fire(bundle, detail)
        eq((len(documents), p.returncode), (matched, 0), "%r %s" % (detail, p.stderr))
    doc = play('let n = e.n ?? 0\nwhere n > 1 and n <   5\nrecord { n: n }', {"n": 7})
    eq((doc["outcome"], doc["record"]), ("skipped", {}))
    has(doc["reason"]["message"], "n < 5")
    has(doc["reason"]["message"], "7")
    doc = play('let n = e.n ?? 0\nwhere e.s exists\nrecord { n: n, s: e.s.upper() }', {})
    has(doc["reason"]["message"], "e.s exists")
    doc = play('let n = e.n ?? 0\nwhere n == 7 or n == 8\nrecord { n: n }', {"n": 7})
    eq((doc["outcome"], doc["record"]), ("done", {"n": 7}))


@case("stop ends the run with its reason")
def _():
    doc = play('record { a: 1 }\nif e.id == "e-1" { stop "enough of ${e.id}" }\nrecord { b: 2 }')
    eq((doc["outcome"], doc["reason"]["message"], doc["record"]), ("stopped", "enough of e-1", {"a": 1}))


@case("record: later entries win, absent ones are left out")
def _():
    doc = play('record { a: 1, b: 2 }\nrecord { b: 3, c: e.n, affected_resource: "x" }')
    eq((doc["record"], doc["affected_resource"]), ({"a": 1, "b": 3}, "x"))


@case("verify: true goes on, never true is verify_failed within its limit")
def _():
    doc = play('do t.check(1)\nrecord { ok: true }', decls='''
action t.check(x: int): { changed: bool } notify { verify x == 1 within 1s else "never"  return { changed: true } }''')
    eq((doc["outcome"], doc["record"]), ("done", {"ok": True}))
    doc = play('do t.check(2)\nrecord { ok: true }', decls='''
action t.check(x: int): { changed: bool } notify { verify x == 1 within 300ms else "x is ${x}, not 1"  return { changed: true } }''')
    eq((doc["outcome"], doc["reason"]["code"]), ("failed", "verify_failed"))
    has(doc["reason"]["message"], "x is 2, not 1")


@case("retry and timeout")
def _():
    doc = acts('do t.broken() retry 1 else { record { code: error.code } }')
    eq((doc["record"], doc["automated_actions"][0]["attempts"]), ({"code": "Broken"}, 2))
    doc = acts('do pause(20s) timeout 300ms else { record { code: error.code } }')
    eq(doc["record"]["code"], "timeout")
    assert doc["execution_time_ms"] < 5000, doc["execution_time_ms"]


@case("parameters: defaults, --set, the environment")
def _():
    text = TYPES + 'param channel: string = "#security"\nparam delay: duration = 30s\nparam many: int = -3\nparam must: string\nparam block: cidr = cidr("10.0.0.0/8")\n'
    bundle = build(text + "playbook p {\n" + HEADER + 'when test.ev as e\nrecord { c: channel, w: delay == 30s, m: many, must: must, b: ip("10.1.1.1") in block }\n}')
    documents, _ = fire(bundle, None, "--set", "must=x")
    eq(documents[0]["record"], {"c": "#security", "w": True, "m": -3, "must": "x", "b": True})
    documents, _ = fire(bundle, None, "--set", "must=y", "--set", "channel=#other", "--set", "many=5", "--set", "delay=1m", "--set", "block=192.168.0.0/16")
    eq(documents[0]["record"], {"c": "#other", "w": False, "m": 5, "must": "y", "b": False})
    documents, p = fire(bundle)
    eq((len(documents), p.returncode), (0, 2), p.stderr)
    has(p.stderr, "must")


@case("run tells about the run")
def _():
    values({}, {"a": ("run.account", "123456789012"), "b": ("run.region", "eu-west-1"), "c": ("run.dry_run", False), "d": ("run.playbook", "p"),
                "e": ("run.id.size() > 10", True), "f": ("run.incident_id exists", True)})


@case("a variable keeps its value, whatever is computed around it")
def _():
    lets = "\n".join('let v%d = %s' % (i, "e.n ?? 0" if i == 0 else "v%d + [x for x in [%d] if x > 0].size()" % (i - 1, i)) for i in range(60))
    values({"n": 1}, {"sum": (" + ".join("v%d" % i for i in range(60)), sum(range(1, 61))), "v0": ("v0", 1), "v59": ("v59", 60)}, lets=lets)


@case("two builds of the same source are the same bytes")
def _():
    text = TYPES + ACTIONS + "playbook p {\n" + HEADER + "when test.ev as e\ndo t.give(1) as a\nrecord { a: a.x }\n}"
    path = os.path.join(work, "same.pb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    images = []
    for i in range(2):
        out = os.path.join(work, "same%d.pbx" % i)
        eq(run([PBC, "build", "-o", out, path]).returncode, 0)
        with open(out, "rb") as f:
            images.append(f.read())
    assert images[0] == images[1], "the images differ"
    p = run([PBC, "dis", os.path.join(work, "same0.pbx")])
    eq(p.returncode, 0, p.stderr)
    has(p.stdout, "playbook p")
    has(p.stdout, "do t.give(1) as a")


main()
