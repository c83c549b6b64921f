action team.mark(id: string) contain on id {
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
} undo {
  do aws.ec2.TerminateInstances(InstanceIds: [id])   # expect: PB0407 an undo contains at most
}
