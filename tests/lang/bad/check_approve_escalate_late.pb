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
    escalate to group "l" after 1h   # expect: PB0329 when it has expired already
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
