# expect-at 4: PB0105 `${` is not closed before the end of the line
playbook a {
  when guardduty.finding as f
  stop "no ${f.tags["x] ?? "y"}"
  let x = 1
}
