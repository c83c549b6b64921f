# expect-at 4: PB0104 string without its closing `"`
playbook a {
  when guardduty.finding as f
  stop "nothing to do
  stop "and the next statement is read"
}
