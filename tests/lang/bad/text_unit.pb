playbook a {
  when guardduty.finding as f
  let a = 5min # expect: PB0108 unknown unit `min`
  let b = 1h30m # expect: PB0108 unknown unit `h30m`
  let c = 0x1f # expect: PB0108 unknown unit `x1f`
  let d = 1_000 # expect: PB0108 unknown unit `_000`
  let e = 1.5h # expect: PB0108 a number with a unit is a whole number
}
