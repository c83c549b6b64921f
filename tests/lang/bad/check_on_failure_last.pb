playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
  on failure { do slack.notify("#a", error.message) }   # expect: PB0228 covers the statements behind it
}
