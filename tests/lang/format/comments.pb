#!shebang-like
   # indented in the source


param a: int# right behind
param bb: string = "x"     # aligned with it
param c: list[string]
# of the playbook
playbook p { # behind the brace
  version "1" # a
  # before owner
  owner "x" # b

  # before when

  when a.b as f
  let x = [ # behind the bracket
    1, # one
    # before two
    2 # two
    , # comma

    3
    # before the end
  ]
  let y = # behind the sign
    f(x) # behind the call
  let z =
    # on a line in between
    g(x)
  where a # first
    and b # second
    # before the third
    and c
  if x { # then
    do a() # only
    # at the end of the block
  } # behind it
  else {
    # alone
  }
  do b(
    # one for nothing
  )
  record { a: 1 # entry
    b: 2 } # behind the record
  # the last one

}
# behind everything
