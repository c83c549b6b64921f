playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  if f.severity > 5 {
    on failure { do slack.notify("#a", error.message) }   # expect: PB0228 top level
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
