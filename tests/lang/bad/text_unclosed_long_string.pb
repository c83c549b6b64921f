# expect-at 4: PB0104 string without its closing `"""`
playbook a {
  when guardduty.finding as f
  stop """
    several lines
    and no end
}
