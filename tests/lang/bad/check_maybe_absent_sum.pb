playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.service.count + 1 > 5   # expect: PB0302 `+` needs a value
  record { affected_resource: f.arn }
}
