guard g {
  on ec2.isolate
  deny "no"
  deny "never"   # expect: PB0224 written twice
}
