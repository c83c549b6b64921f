playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  on failure { do slack.notify("#a", error.message) }
  on failure { do slack.notify("#b", error.message) }   # expect: PB0228 written twice
  record { affected_resource: f.arn }
}
