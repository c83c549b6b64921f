playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?"
    by gruop "g"   # expect: PB0329 did you mean `group`?
    within 1h
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
