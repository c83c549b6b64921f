guard g {
  on ec2.isolate as a
  where slack.notify("#a", "b").changed   # expect: PB0402
  deny "no"
}
