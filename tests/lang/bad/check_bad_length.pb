action team.a() read {
  do aws.iam.GetUser(UserName: "")   # expect: PB0309 allowed is 1 to 128
}
