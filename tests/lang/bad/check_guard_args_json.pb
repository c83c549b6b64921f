guard g {
  on ec2.* as a
  where a.args.id == "i-1"   # expect: PB0319
  deny "no"
}
