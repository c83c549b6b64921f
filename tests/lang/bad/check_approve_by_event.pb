playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?"
    by group f.id   # expect: PB0311 must not depend on what an event says
    within 1h
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
