playbook a {
  when guardduty.finding as f
  let record = 3 # expect: PB0114 expected a name, but `record` is a reserved word
  let in: int = 3 # expect: PB0114 `in` is a reserved word and cannot name a variable
  for where in f.xs { } # expect: PB0114 expected a name, but `where` is a reserved word
  do f.g(in: 3) as not # expect: PB0114 expected a name, but `not` is a reserved word
  let fine = f.in.where.let.do
  record { in: 3  let: 4  where: 5 }
}
fn g(or: int): int = 3 # expect: PB0114 `or` is a reserved word
