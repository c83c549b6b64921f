site {
  person "alice" { arn: "alice" }   # expect: PB0324 ARNs of users
}
