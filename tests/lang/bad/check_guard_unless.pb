guard g {
  on ec2.isolate as a
  deny "no"
  unless authorized a.action   # expect: PB0330 a constant text
}
