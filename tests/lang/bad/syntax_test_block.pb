# expect-at 15: PB0100 expected an expression, found `}`
# expect-at 18: PB0100 found `}`
test "a" for b {
  given event "x" with { a.b.c 3 } # expect: PB0100 expected `:`, found `3`
  expect 3 4 # expect: PB0100 expected
  after 3m
  when 3 # expect: PB0100 expected `after`, `given`, `expect` or `}`, found `when`
}
guard g {
  on ec2.* where x.y denied "z" # expect: PB0100 expected `where`, `on`, `deny`, `unless` or `}`, found `denied`
  unless "x" # expect: PB0100 expected `authorized`, found a string
}
site {
  state
}
event a.b {
  source "x" schema
}
