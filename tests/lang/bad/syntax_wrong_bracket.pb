playbook a {
  when guardduty.finding as f
  let y = [1, (2 + 3] # expect: PB0112 expected `)` to close the `(` of line 3, found `]`
  let z = f(1, 2} # expect: PB0112 expected `)` to close the `(` of line 4, found `}`
