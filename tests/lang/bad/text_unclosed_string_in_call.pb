# expect-at 4: PB0104 string without its closing `"`
playbook a {
  when guardduty.finding as f
  do slack.notify("#c, "x")
  let y = f.id
}
