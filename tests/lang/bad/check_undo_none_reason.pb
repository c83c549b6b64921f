action team.mark(id: string) contain on id {
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
} undo none   # expect-at 4: PB0100 expected a string, found `fn`
fn a(): int = 1
