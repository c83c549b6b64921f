guard g {
  on ec2.isolate
  deny 5   # expect: PB0301 the reason of `deny`
}
