# Habits from other languages: each one message with the cure.
playbook "a" { when b.c as f } # expect: PB0100 a name is written without quotes
playbook my-name { when b.c as f } # expect: PB0100 names are made of letters, digits and `_`
playbook b {
  version 1.0.0 # expect: PB0107 versions and addresses are strings: "1.0.0"
  tier: auto # expect: PB0100 there is no `:` between a field and its value here
  when guardduty.finding f # expect: PB0100 expected a statement, found `f`
  if f.a == 1 do x() # expect: PB0100 expected `{`, found `do`
  if f.a { } elif f.b { } # expect: PB0100 write `else if`
  var x = 1 # expect: PB0100 write `let`
  let y = ${f.a} # expect: PB0103 `${ }` puts a value into a string
  where f.a not in f.b # expect: PB0100 `not` stands before what it denies
  where f.a is none # expect: PB0100 compare with `==`, or ask with `exists`
  let z = f.a ? 1 : 2 # expect: PB0100 there is no `a ? b : c`
  let s = f.items[0:3] # expect: PB0100 a part of a text is text.slice(from, to)
  let i = if f.a { 1 } else { 2 } # expect: PB0100 `if` is a statement and has no value
  let g = fn(x) = 3 # expect: PB0100 expected an expression, found `fn`
  while f.a { do x() } # expect: PB0100 every run ends
  for x in f.xs do x() # expect: PB0100 expected `{`, found `do`
  for (x in f.xs) { } # expect: PB0100 expected a name, found `(`
  do slack.notify("#c" "text") # expect: PB0100 expected `,` or `)`, found a string
  record affected: x # expect: PB0100 expected `{`, found `affected`
  parallel do x() # expect: PB0100 expected `{`, found `do`
  do x() else stop "y" # expect: PB0100 expected `{`, found `stop`
  let m = { a = 1 } # expect: PB0100 expected `:`, found `=`
  let n = a => b # expect: PB0100 expected an expression, found `>`
  try { do x() } catch { } # expect: PB0100 write `do ... else { }`, or `on failure { }`
}
import lib/x.pb # expect: PB0100 put it in double quotes
fn f(): int { return 3 } # expect: PB0100 expected `=`, found `{`
