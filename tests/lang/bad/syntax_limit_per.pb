playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  limit 5
  when guardduty.finding as f  # expect: PB0100 limit 5 per 1h
  record { affected_resource: f.arn }
}
