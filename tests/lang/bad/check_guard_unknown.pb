guard g {
  on ec2.isolat   # expect: PB0231 did you mean `ec2.isolate`?
  deny "no"
}
