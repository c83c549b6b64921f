guard g {
  on ec2.isolate as a
  on ec2.tag as b   # expect: PB0330 the same name behind each `on`
  deny "no ${a.action}"
}
