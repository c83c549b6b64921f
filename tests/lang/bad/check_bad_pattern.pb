action team.a() read {
  do aws.iam.GetUser(UserName: "mary smith")   # expect: PB0310 does not have the form
}
