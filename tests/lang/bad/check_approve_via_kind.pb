playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?"
    via mail "#a"   # expect: PB0329 `via` is followed by slack
    by group "g"
    within 1h
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
