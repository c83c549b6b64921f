action team.kill(id: string) contain {
  do aws.ec2.TerminateInstances(InstanceIds: ["i-0123456789abcdef0"])   # expect: PB0401 declared contain, but calls
} undo none "a test"
