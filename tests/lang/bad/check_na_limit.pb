playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  limit    5 per 1h else approve   # expect: PB0911 this version cannot keep to it

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
