action team.mark(id: string) contain on id {
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
} undo {
  wait 5m   # expect: PB0228 not to an undo
  do aws.ec2.DeleteTags(Resources: [id])
}
