guard g {
  on ec2.isolate
  when true   # expect: PB0100 `when` cannot stand here
  deny "no"
}
