playbook a {
  when guardduty.finding as f
  do slack.notify("#c", "x"
  let y = [1, 2 # expect: PB0112 expected `)` to close the `(` of line 3, found `let`
  do slack.notify("#c", "x") # expect: PB0112 expected `]` to close the `[` of line 4, found `do`
}
