playbok a { # expect: PB0100 expected a declaration, found `playbok`
  when guardduty.finding as f
}
playbook b {
  versoin "1" "2" # expect: PB0100 expected a header field
  when guardduty.finding as f
  lett x = 3 # expect: PB0100 expected a statement, found `lett`
  ec2.isolate(f.id) # expect: PB0100 expected a statement, found `ec2`
  x = 3 # expect: PB0100 expected a statement, found `x`
  if f.a { wher f.b } else { let y = } # expect: PB0100 found `wher` # expect: PB0100 expected an expression, found `}`
  let z == 4 # expect: PB0100 to give a name its value, write `=`
  do f(a b) # expect: PB0100 expected `,`, `:` or `)`, found `b`
  do f(a, 3 b) # expect: PB0100 expected `,` or `)`, found `b`
  do f # expect: PB0116 `do` needs a call
  record { a: }  # expect: PB0100 expected an expression, found `}`
  owner "x" # expect: PB0124 the header field `owner` stands among the statements
  when guardduty.finding as g # expect: PB0100 expected a statement, found `when`
  stop "y"
  else { } # expect: PB0100 expected a statement, found `else`
  stop "x"
}
fn f(a: int) int = 3 # expect: PB0100 expected `=` or `:`, found `int`
