action team.mark(id: string) contain on id {   # expect: PB0640 `team.mark` cannot be undone
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
}
