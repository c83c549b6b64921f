playbook a {
  when guardduty.finding as f
  if f.severity > 3 { } }
  stop "x" # expect: PB0100 expected a declaration, found `stop`
}
