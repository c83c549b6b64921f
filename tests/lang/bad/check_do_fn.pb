playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do string(5)   # expect: PB0405 this is a function
  record { affected_resource: f.arn }
}
