action team.mark(id: string) contain on id {
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
} undo {
  do aws.ec2.DeleteTags(Resources: [id])
  return 5   # expect: PB0301 the result of the undo
}
