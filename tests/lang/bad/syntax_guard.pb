guard a {
  on ec2.isolate, ec2.tag   # expect: PB0100 a guard has: on PATTERN
  deny "no"
}
guard b {
  on aws.ec2.Terminate*   # expect: PB0100 put a pattern like that in quotes
  deny "no"
}
guard c {
  on ec2.isolate
  deny "no"
  unless "x"   # expect: PB0100 expected `authorized`, found a string
}
