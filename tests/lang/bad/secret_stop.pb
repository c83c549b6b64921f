param token: secret

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  if f.severity > 5 {
    stop "token ${token}"   # expect: PB0316
  }
  record { affected_resource: f.arn }
}
