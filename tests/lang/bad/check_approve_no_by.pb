playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?" within 1h {   # expect: PB0329 does not say who may decide
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
