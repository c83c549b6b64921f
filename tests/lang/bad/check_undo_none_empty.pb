action team.mark(id: string) contain on id {   # expect: PB0331 says why
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "a", Value: "b" }])
} undo none ""
