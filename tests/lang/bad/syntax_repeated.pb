playbook a {
  when guardduty.finding as f
  do f.g() timeout 5s timeout 6s # expect: PB0119 `timeout` is written twice
  do f.g() as a as b # expect: PB0119 `as` is written twice
  do f.g() retry 3 as x retry 4 # expect: PB0119 `retry` is written twice
  do (f.g)() # expect: PB0116 only what has a name can be called
  do (f.g()) # expect: PB0116 `do` needs a call
}
