playbook a {
  when guardduty.finding as f
  if f.severity > 3 {
    stop "x"
}

playbook b { # expect: PB0112 expected `}` to close the `{` of line 3, found `playbook`
  when guardduty.finding as f
  stop
} # expect: PB0100 expected an expression, found `}`
