guard g {
  on aws.ec2.DescribeInstances   # expect: PB0408 only reads
  deny "no"
}
