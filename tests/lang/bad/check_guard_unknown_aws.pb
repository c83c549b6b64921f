guard g {
  on aws.ec2.TerminateInstance   # expect: PB0231 did you mean `aws.ec2.TerminateInstances`?
  deny "no"
}
