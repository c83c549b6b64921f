playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?"
    by group "g"
    within 31d   # expect: PB0328 from 1m to 30d
  {
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
