guard g {
  on ec2.isolate as a
  where a.actoin == "x"   # expect: PB0207 did you mean `action`?
  deny "no"
}
