site {
  person "alice" { login: "alice" }
  person "bob"   { login: "bob" }
  group "secops" { people: ["alice", "bob"] }
}
playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?"
    by group "secops"
    quorum 3   # expect: PB0329 3 people must agree, but only 2 may decide
    within 1h
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
