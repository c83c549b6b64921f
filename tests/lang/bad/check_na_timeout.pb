playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  timeout  5m   # expect: PB0913 this version cannot keep to it

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
