playbook a {
  when guardduty.finding as f
  where f.a && f.b # expect: PB0110 `&&` is not an operator here, write `and`
  where f.a || f.b # expect: PB0110 `||` is not an operator here, write `or`
  where !f.a # expect: PB0110 `!` is not an operator here, write `not`
  where f.a === f.b # expect: PB0110 write `==`
  where f.a <> f.b # expect: PB0110 write `!=`
  where f.a =~ "x" # expect: PB0110 write `matches`
  let x = 1; # expect: PB0111 `;` is not needed
  where f.severity = 8 # expect: PB0109 to compare, write `==`
}
