playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?"
    by group "g"
    within 1h
    quorum 0   # expect: PB0328 from 1 to 10
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
