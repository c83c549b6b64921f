action team.mark(id: string) contain on id {
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
} undo {
  do aws.ec2.DeleteTags(Resources: [idd])   # expect: PB0201 did you mean `id`?
}
