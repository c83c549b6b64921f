playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.severity >= 7 and f.severity < 4   # expect: PB0615 `f.severity < 4` can never hold here
  record { affected_resource: f.arn }
}
