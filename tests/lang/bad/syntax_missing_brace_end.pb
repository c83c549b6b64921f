# expect-at 6: PB0112 expected `}` to close the `{` of line 2, found the end of the file
playbook a {
  when guardduty.finding as f
  if f.severity > 3 {
    stop "x"
  }
