guard g {
  on ec2.isolate
  deny "no"
}
guard g {   # expect: PB0209 declared twice
  on ec2.tag
  deny "no"
}
