action team.mark(id: string) contain on id {
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
  let had = aws.ec2.DescribeTags().Tags
} undo {
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: t.Key, Value: t.Value } for t in had])   # expect: PB0331 named behind the first statement
}
