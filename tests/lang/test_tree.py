#!/usr/bin/python3
"""What the grammar builds: precedence, words as names, strings, every statement and declaration (pbc check --dump=ast)."""
# runs: sanitized
from pbtest import PBC, case, eq, has, main, run


def tree(text):
    p = run([PBC, "check", "--dump=ast", "-"], stdin=text)
    eq((p.returncode, p.stderr), (0, ""), text)
    return p.stdout.split("\n", 1)[1]


def expr(text):
    out = tree("fn f(): int = " + text)
    has(out, "fn f(): int = ")
    return out[len("fn f(): int = "):].rstrip("\n")


def same(pairs):
    for text, want in pairs:
        eq(expr(text), want, text)


@case("operators bind as the reference says")
def _():
    same([
        ("a or b and not c == d", "(or a (and b (not (== c d))))"),
        ("a or b or c", "(or (or a b) c)"),
        ("not not a", "(not (not a))"),
        ("a + b * c - d", "(- (+ a (* b c)) d)"),
        ("a - b - c", "(- (- a b) c)"),
        ("a / b % c * d", "(* (% (/ a b) c) d)"),
        ("-a.b * -3", "(* (neg a.b) (neg 3))"),
        ("a ?? b ?? c", "(?? a (?? b c))"),
        ("a ?? 0 >= 5", "(>= (?? a 0) 5)"),
        ("a ?? 0 + 1", "(?? a (+ 0 1))"),
        ("a + 1 in b", "(in (+ a 1) b)"),
        ("a like \"x*\" and b matches \"y\"", '(and (like a "x*") (matches b "y"))'),
        ("a.b exists and not c exists", "(and (exists a.b) (not (exists c)))"),
        ("a as int ?? 3", "(?? (as a int) 3)"),
        ("a as int + 1", "(+ (as a int) 1)"),
        ("-a as list[map[string?]]?", "(as (neg a) list[map[string?]]?)"),
        ("(a or b) and c", "(and (or a b) c)"),
        ("a != b", "(!= a b)"), ("a <= b", "(<= a b)"), ("a < b", "(< a b)"), ("a > b", "(> a b)"),
    ])


@case("names, fields, indexes and calls")
def _():
    same([
        ("a.b?.c[0]?[\"x\"].d(1, x: 2,)", '(call (index (index a.b?.c 0) "x").d 1 x:2)'),
        ("f()", "(call f)"),
        ("[1, 2,]", "(list 1 2)"), ("[]", "(list)"), ("{}", "(map)"),
        ("{ a: 1 b: 2, \"c d\": 3 }", "(map a:1 b:2 c d:3)"),
        ("[g.Id for g in gs if g.V == v]", "(for g gs g.Id if (== g.V v))"),
        ("[x for x in [1]]", "(for x (list 1) x)"),
        ("any(x in xs: x > 1) or all(y in ys: y exists)", "(or (any x xs (> x 1)) (all y ys (exists y)))"),
    ])


@case("every word is a name after a dot, before a colon, and most are everywhere")
def _():
    same([
        ("a.in.where.playbook.not.none", "a.in.where.playbook.not.none"),
        ("{ in: 1 as: 2 or: 3 where: 4 none: 5 exists: 6 like : 7 }", "(map in:1 as:2 or:3 where:4 none:5 exists:6 like:7)"),
        ("f(on: 1, do: 2)", "(call f on:1 do:2)"),
        ("event.type + action + region + timeout + by", "(+ (+ (+ (+ event.type action) region) timeout) by)"),
        ("ec2.stop(a.wait)", "(call ec2.stop a.wait)"),
    ])
    has(tree("type T { in: int  let: string? type: type }"), "type T: {in: int, let: string?, type: type}")


@case("numbers, durations and sizes")
def _():
    same([("0", "0"), ("9223372036854775807", "9223372036854775807"), ("3.25", "3.25"), ("1.5e3", "1500"), ("2.0E-2", "0.02"),
          ("500ms", "500ms"), ("30s", "30000ms"), ("5m", "300000ms"), ("2h", "7200000ms"), ("7d", "604800000ms"),
          ("5TB", "5000000000000"), ("10GiB", "10737418240"), ("1B", "1"), ("2KiB", "2048"), ("3PB", "3000000000000000"),
          ("true", "true"), ("false", "false"), ("none", "none")])


@case("strings: escapes, interpolation, nesting")
def _():
    same([
        (r'"a\n\t\"\\\$\u{e9}\u{1F600}"', '"a\\n\\t\\"\\\\$\u00e9\U0001f600"'),
        ('""', '""'), ('"$ {a} $a }"', '"$ {a} $a }"'), ('"# no comment"', '"# no comment"'),
        ('"a${b}c"', '(text "a" b "c")'), ('"${b}"', "(text b)"), ('"${a}${b}"', "(text a b)"),
        ('"${m["k"] ?? "x${1}"}!"', '(text (?? (index m "k") (text "x" 1)) "!")'),
        ('"${{ a: "}" }}"', '(text (map a:"}"))'),
        ('"${"in"}"', '"in"'),
    ])


@case("long strings lose their indentation and their first and last line end")
def _():
    same([
        ('"""\n    a\n      b\n\n    c\n    """', '"a\\n  b\\n\\nc"'),
        ('"""a\n  b"""', '"a\\nb"'),
        ('"""\n  a\n"""', '"  a"'),
        ('"""\n    a ${x} "q" ""\n    ${y}\n    """', '(text "a " x " \\"q\\" \\"\\"\\n" y)'),
        ('""""""', '""'), ('"""\n"""', '""'), ('"""one"""', '"one"'),
        ('"""\n    a\\n  b\n    """', '"a\\n  b"'),
        ('"""\n  ${\n  x\n  }\n  """', "(text x)"),
    ])


BODY = """playbook p {
  when a.b as f
%s
}
"""


def body(text):
    return [line.strip() for line in tree(BODY % text).split("\n")[1:] if line]


@case("statements")
def _():
    eq(body("let a = 1 let b: list[int]? = [] where a where b exists"),
       ['let "a" 1', 'let "b": list[int]? (list)', "where a", "where (exists b)"])
    eq(body('do f(x) as y timeout 30s retry 3 else { stop "x" } do g() timeout t as z'),
       ['do "y" (call f x) within 30000ms retry 3', "else", 'stop "x"', 'do "z" (call g) within t'])
    eq(body("if a { stop b } else if c { } else { stop d }"), ["if a", "stop b", "else", "if c", "else", "stop d"])
    eq(body("for x in { a: 1 }.a { parallel { do f() do g() } }"), ['for "x" (map a:1).a', "parallel", "do (call f)", "do (call g)"])
    eq(body('fail "m" code "C" fail "n" return 3 record { a: 1 }'), ['fail "m" and "C"', 'fail "n"', "return 3", "record (map a:1)"])
    eq(body('verify a == b within 30s else "no" verify c else d'), ['verify (== a b) and "no" within 30000ms', "verify c and d"])
    eq(body('on failure { do f() } on failure undo wait 15m authorize "n" because "CHG"'),
       ["on failure", "do (call f)", "on failure undo", "wait 900000ms", 'authorize "n" "CHG"'])
    eq(body('approve "q" via slack "#c" by group "g" quorum 2 within 30m escalate to group "l" after 10m { do f() } denied { do g() } expired { do h() }'),
       ['approve "q" within 1800000ms quorum 2 via:(call slack "#c") by:(call group "g") escalate:(call group "l" after:600000ms)',
        "do (call f)", "denied", "do (call g)", "expired", "do (call h)"])


@case("`in account` is told from the operator `in`")
def _():
    eq(body('where x in account "1" region "r" { stop 1 }'.replace("where x ", "where x\n")), ["where x", 'in account "1" region "r"', "stop 1"])
    eq(body("where x\n in account id { }"), ["where x", "in account id"])
    eq(body("where x in account\n do f()"), ["where (in x account)", "do (call f)"])
    eq(body("where x in account.ids for y in account { }"), ["where (in x account.ids)", 'for "y" account'])
    eq(body("where x in account and y in account or z"), ["where (or (and (in x account) (in y account)) z)"])


@case("declarations, with the comments above them")
def _():
    eq(tree("""# not this one

# first
#second
playbook p { # nor this
  version "1"
  tier auto
  dedupe by f.id within 1h
  limit 5 per 1h else approve
  timeout 5m
  when a.b as f
}
"""), 'doc "first\\nsecond"\nplaybook p when a.b as f\n  version "1"\n  tier auto\n  dedupe f.id and 3600000ms\n'
       "  limit approve 5 and 3600000ms\n  timeout 300000ms\n")
    eq(tree('param c: string = "#a" param d: int'), 'param c: string = "#a"\nparam d: int\n')
    eq(tree("fn a.f(x: int, y: { z: bool } = { z: true }): int? = x"), "fn a.f(x: int, y: {z: bool} = (map z:true)): int? = x\n")
    eq(tree("action a.b(x: T): { changed: bool } contain on x { return x } undo { do g() } extern action c.d(): json read"),
       "action a.b(x: T): {changed: bool} contain on x\n  return x\nundo\n  do (call g)\nextern action c.d(): json read\n")
    eq(tree('event a.b { source ["x", "y"] detail_type "d" schema aws.a.B payload "p" each "e" id "i" resources(f.x) }'),
       'event a.b\n  source (list "x" "y")\n  detail_type "d"\n  schema aws.a.B\n  payload "p"\n  each "e"\n  id "i"\n  resources (list f.x)\n')


@case("guard, test and site")
def _():
    eq(tree('guard g { on ec2.* as act where act.x deny "why" unless authorized "n" }'),
       'guard g\n  on act "ec2.*"\n  where act.x\n  deny "why"\n  unless authorized "n"\n')
    eq(tree('guard g { on "aws.iam.Delete*" as a on * deny "why" }'), 'guard g\n  on a "aws.iam.Delete*"\n  on "*"\n  deny "why"\n')
    eq(tree('action a.b() contain { do f() } undo none "why"'), 'action a.b() contain\n  do (call f)\nundo none "why"\n')
    eq(tree('playbook p { tier approve when a.b }'), 'playbook p when a.b\n  tier approve\n')
    eq(body('approve "q" by person "a" { } denied { }'), ['approve "q" by:(call person "a")', "denied"])
    eq(tree("""test "t" for p {
  given event "e.json" with { detail.a.b: vm.id, c: 1 }
  given { let vm = sim.instance() }
  given approval by "U"
  given fault aws.ec2.X "Code" times 2
  given kill_switch on
  given crash at each step
  after 31m
  expect denied by g
  expect no do ec2.isolate
  expect do ec2.isolate(1)
  expect a == b
}"""), 'test "t" p\n  given event "e.json" detail.a.b:vm.id c:1\n  given\n    let "vm" (call sim.instance)\n  given approval "U"\n'
       '  given fault aws.ec2.X and 2 "Code"\n  given kill_switch on\n  given crash\n  after 1860000ms\n  expect denied g\n'
       "  expect no ec2.isolate\n  expect do (call ec2.isolate 1)\n  expect (== a b)\n")
    eq(tree('site prod { state "s" chat slack { token: 1 } param c = 3 } site { }'),
       'site prod\n  state "s"\n  chat slack and (map token:1)\n  param c 3\nsite\n')


@case("line ends mean nothing")
def _():
    text = 'playbook p { version "1" when a.b as f where f.x == 1 and f.y exists let z = [1, 2] do g(z) as r else { stop "s" } }'
    eq(tree(text), tree(text.replace(" ", "\n")))
    eq(tree(text), tree(text.replace(" ", " # c\r\n\t")))


main()
