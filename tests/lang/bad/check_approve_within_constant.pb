param patience: duration = 1h
playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?"
    by group "g"
    within patience   # expect: PB0328 must be a constant
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
