guard g {
  on aws.ec2.TerminateInstances as a
  where a.args.InstanceId exists   # expect: PB0207 did you mean `InstanceIds`?
  deny "no"
}
