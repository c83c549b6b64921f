# One of everything that an expression can be, with its type written down where the language lets it be.

param channel: string = "#security"
param quiet: bool = false
param limit: int = 5
param ratio: float = 2
param pause_for: duration = 3s
param inside: cidr = cidr("10.0.0.0/8")
param topic: arn = arn("arn:aws:sns:eu-west-1:111122223333:alerts")
param gateway: ip = ip("10.0.0.1")
param since: time
param token: secret
param regions: list[string]

type Pair { key: string  value: string? }

fn pairs(m: map[string]): list[Pair] = [{ key: k, value: m[k] } for k in m.keys()]
fn numbers(n: int, x: float): float = n * 2 + x / 2 - (n % 3)
fn texts(a: string, b: string): string = (a + b).replace("x", "y").trim().slice(0, 5)
fn times(t: time, d: duration): bool = t + d * 2 - 1h > t and t - t < 2d and -d < d
fn lists(xs: list[int]): list[int] = ([1, 2] + xs).unique().sort()
fn counts(xs: list[string], m: map[int], s: string): int = xs.size() + m.size() + s.size()
fn quantifiers(xs: list[int]): bool = any(x in xs: x > 5) and all(x in xs: x < 9)
fn addresses(a: ip): bool = a in cidr("10.0.0.0/8") or a in [cidr("fe80::/10"), inside] or a == gateway
fn inside_text(s: string): bool = "a" in s and s in ["a", "b"] and s in { "a": 1 }
fn parts(a: arn): string = "${a.partition()} ${a.service()} ${a.account()} ${a.resource()} ${a.split(":").size()}"
fn untyped(j: json): string = (j.user.name as string) ?? (j["users"][0] as string) ?? "nobody"
fn typed(j: json): Pair? = j as Pair
fn as_json(p: Pair): string = json_text({ pair: p, list: [p], "other key": 1 })
fn sizes(): int = 5TB / 10GiB
fn absent(xs: list[int]?): list[int] = [x for x in xs]
fn optional(x: int?): int? = x ?? none
fn nested(a: { b: { c: int }? }): int = a?.b?.c ?? 0
fn multi(): string = """
  one
    two
  """
fn escapes(): string = "\n\r\t\"\\\${}\u{20AC}"
fn defaults(a: int, b: string = "x", c: list[int] = [1, 2], d: map[string] = {}): int =
  a + b.size() + c.size() + d.size()
fn calls(): int = defaults(1) + defaults(1, "y") + defaults(1, d: { k: "v" }) + defaults(a: 2, c: [3])
fn settings(): string = "${channel} ${quiet} ${limit} ${ratio} ${pause_for} ${topic} ${since} ${regions}"
fn widen(n: int): float = n
fn made(s: string): string = string(arn(s) ?? topic)
fn when_run(): string = "${run.id} ${run.incident_id} ${run.region ?? "-"}"

action team.ask(): bool read {
  let _asked = now()
  do team.keep(token)
  return true
}

action team.keep(given: secret) read {
  let t: secret = given
  do team.hold(t)
}

action team.hold(_t: secret) read {
  do pause(1s)
}
