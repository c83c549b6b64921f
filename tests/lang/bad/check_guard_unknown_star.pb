guard g {
  on "aws.ec2.Terminte*"   # expect: PB0231 names no action
  deny "no"
}
