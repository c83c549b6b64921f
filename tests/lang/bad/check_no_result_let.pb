action team.a() read {
  let x = pause(1s)   # expect: PB0318 the call gives nothing that could be named `x`
  do slack_dummy(x)
}
action slack_dummy(x: int) pure { }
