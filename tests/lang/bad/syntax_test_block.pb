test "a" for b {
  given event "x" with { a.b.c 3 } # expect: PB0100 found `3`
  given nothing # expect-at 4: PB0100 
  expect # expect: PB0100 expected
  after 3m
  when 3 # expect: PB0100
}
guard g {
  on ec2.* where x.y denied "z" # expect: PB0100 found `denied`
  unless "x" # expect: PB0100 expected `authorized`, found a string
}
site {
  state # expect-at 14: PB0100 expected an expression
}
event a.b {
  source "x" schema # expect-at 17: PB0100 found `}`
}
