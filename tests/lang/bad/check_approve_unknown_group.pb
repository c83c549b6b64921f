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
    by group "secop"   # expect: PB0232 did you mean `secops`?
    within 1h
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
