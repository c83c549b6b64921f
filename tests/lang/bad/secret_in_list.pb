param token: secret

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", json_text([token]))   # expect: PB0316
  record { affected_resource: f.arn }
}
